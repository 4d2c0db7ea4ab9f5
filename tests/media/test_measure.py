"""What files, data URIs and hosts tell of a medium: real files, and a real server on the loopback address."""

import base64
import io
import socket
import threading
from array import array
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import av
import httpx2
import pytest
from av.audio.frame import AudioFrame
from PIL import Image
from tests.standins.clips import make_clip

from videogen_mcp.errors import InvalidRequest, UnsafeMedia
from videogen_mcp.media import measure
from videogen_mcp.media.files import check_data_uri, read_local
from videogen_mcp.media.measure import measure_data_uri, measure_file, measure_url
from videogen_mcp.settings import Settings, load_settings
from videogen_mcp.types import MediaFacts, MediaKind

RATE = 44_100


def picture(kind: str, size: tuple[int, int], **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (40, 90, 200)).save(buffer, kind, **options)
    return buffer.getvalue()


def turned(kind: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return picture(kind, (640, 360), exif=exif)


def sound(container_format: str, codec: str, seconds: float) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container_format) as opened:
        container = cast("Any", opened)
        stream = container.add_stream(codec, rate=RATE, layout="mono")
        size = stream.codec_context.frame_size or 1024
        for first in range(0, round(seconds * RATE), size):
            count = min(size, round(seconds * RATE) - first)
            frame = AudioFrame(format="s16", layout="mono", samples=count)
            frame.planes[0].update(array("h", [(number * 97) % 9000 for number in range(count)]).tobytes())
            frame.sample_rate, frame.pts = RATE, first
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


@pytest.fixture(name="settings")
def settings_fixture(tmp_path: Path) -> Settings:
    return load_settings({"VIDEOGEN_HOME": str(tmp_path)})


def measured(settings: Settings, content: bytes, kind: MediaKind, *, name: str = "given") -> MediaFacts:
    path = settings.home / name
    path.write_bytes(content)
    return measure_file(read_local(str(path), settings, field="source_video", kind=kind), field="source_video")


# Files.


@pytest.mark.parametrize(
    ("content", "mime_type", "size"),
    [
        (picture("PNG", (320, 200)), "image/png", (320, 200)),
        (picture("JPEG", (4000, 3000)), "image/jpeg", (4000, 3000)),
        (picture("WEBP", (64, 48)), "image/webp", (64, 48)),
        (picture("GIF", (64, 48)), "image/gif", (64, 48)),
        (turned("JPEG"), "image/jpeg", (360, 640)),
        (turned("PNG"), "image/png", (360, 640)),
        (turned("WEBP"), "image/webp", (360, 640)),
        (
            picture("JPEG", (640, 360), exif=b"Exif\x00\x00no notes at all"),
            "image/jpeg",
            (640, 360),
        ),
    ],
    ids=["png", "jpeg", "webp", "gif", "turned-jpeg", "turned-png", "turned-webp", "unreadable-notes"],
)
def test_a_picture(settings: Settings, content: bytes, mime_type: str, size: tuple[int, int]) -> None:
    facts = measured(settings, content, "image")
    assert facts == MediaFacts(mime_type, len(content), *size)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_only_the_header_of_a_picture_is_read(settings: Settings, kind: str) -> None:
    buffer = io.BytesIO()
    Image.effect_noise((2000, 1500), 60).save(buffer, kind)
    begun = buffer.getvalue()[:5000]
    assert measured(settings, begun, "image") == MediaFacts(f"image/{kind.lower()}", 5000, 2000, 1500)


def test_a_clip(settings: Settings) -> None:
    content = make_clip(2.5, 320, 180, 24, audio=True)
    assert measured(settings, content, "video") == MediaFacts("video/mp4", len(content), 320, 180, 2.5, 24.0)


@pytest.mark.parametrize(
    ("container_format", "codec", "mime_type"),
    [("wav", "pcm_s16le", "audio/wav"), ("mp3", "mp3", "audio/mpeg"), ("adts", "aac", "audio/aac")],
)
def test_a_sound(settings: Settings, container_format: str, codec: str, mime_type: str) -> None:
    facts = measured(settings, sound(container_format, codec, 7.0), "audio")
    assert facts.mime_type == mime_type
    # Encoders fill their first and last frames up.
    assert facts.seconds == pytest.approx(7.0, abs=0.1)
    assert (facts.width, facts.height, facts.fps) == (None, None, None)


def test_a_length_that_the_header_does_not_give_is_not_guessed(settings: Settings) -> None:
    """A browser's recorder writes WebM as it goes, and never comes back to fill the length in."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, offset: int, whence: int = 0) -> int:
            del offset, whence
            raise OSError

    buffer = Pipe()
    with av.open(buffer, "w", format="webm", options={"live": "1"}) as opened:
        container = cast("Any", opened)
        stream = container.add_stream("libvpx", rate=24)
        stream.width, stream.height = 64, 48
        for _ in range(24):
            container.mux(stream.encode(cast("Any", av.VideoFrame).from_image(Image.new("RGB", (64, 48)))))
        container.mux(stream.encode(None))
    facts = measured(settings, buffer.getvalue(), "video")
    assert (facts.mime_type, facts.width, facts.height, facts.seconds) == ("video/webm", 64, 48, None)


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (picture("PNG", (320, 200))[:20], "image", "a picture that can be opened"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "image", "a picture that can be opened"),
        (make_clip(1)[:300], "video", "a playable clip"),
        (b"\x00\x00\x00\x20ftypisom" + bytes(3000), "video", "a playable clip"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "audio", "a playable sound"),
    ],
    ids=["half-png", "zeros", "half-mp4", "no-moov", "half-wav"],
)
def test_a_broken_file_names_the_argument(settings: Settings, content: bytes, kind: MediaKind, words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        measured(settings, content, kind, name="broken.bin")
    assert caught.value.field == "source_video"
    assert f"source_video 'broken.bin' is not {words}" in caught.value.message
    assert str(settings.home) not in str(caught.value)


def test_sound_alone_is_no_clip(settings: Settings) -> None:
    with pytest.raises(InvalidRequest, match="is not a playable clip"):
        measured(settings, b"\x00\x00\x00\x18ftypisom" + sound("mp4", "aac", 1)[12:], "video")


def test_what_only_some_builds_read_is_not_called_broken(settings: Settings) -> None:
    content = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(500)
    assert measured(settings, content, "image") == MediaFacts("image/heic", len(content))


def test_a_file_that_names_others_opens_none_of_them(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "real.mp4").write_bytes(make_clip(1))
    playlist = tmp_path / "list.ffconcat"
    playlist.write_text(f"ffconcat version 1.0\nfile {tmp_path / 'real.mp4'}\n", encoding="utf-8")
    local = read_local(str(tmp_path / "real.mp4"), settings, field="source_video", kind="video")
    disguised = type(local)(playlist, "video/mp4", "video", playlist.stat().st_size)
    with pytest.raises(InvalidRequest, match="not a playable clip"):
        measure_file(disguised, field="source_video")


@pytest.mark.parametrize(
    ("content", "kind", "expected"),
    [
        (picture("PNG", (320, 200)), "image", ("image/png", 320, 200, None)),
        (make_clip(1, 320, 180, 24), "video", ("video/mp4", 320, 180, 1.0)),
    ],
)
def test_a_data_uri_is_measured_like_a_file(
    content: bytes, kind: MediaKind, expected: tuple[str, int, int, float | None]
) -> None:
    uri = f"data:{kind}/x;base64,{base64.b64encode(content).decode()}"
    check_data_uri(uri, field="first_frame", kind=kind)
    facts = measure_data_uri(uri, field="first_frame", kind=kind)
    assert (facts.mime_type, facts.width, facts.height, facts.seconds) == expected
    assert facts.size_bytes == len(content)


def test_a_broken_data_uri_is_named_without_its_data() -> None:
    uri = f"data:image/png;base64,{base64.b64encode(picture('PNG', (99, 99))[:24]).decode()}"
    with pytest.raises(InvalidRequest, match=r"^invalid_request: last_frame 'data:image/png;base64,…") as caught:
        measure_data_uri(uri, field="last_frame", kind="image")
    assert caught.value.field == "last_frame"
    assert uri not in str(caught.value)


# Addresses.


class Handler(BaseHTTPRequestHandler):
    server: "Server"  # pyright: ignore[reportIncompatibleVariableOverride]
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.server.heads.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        self.server.answers[self.path](self)

    def do_GET(self) -> None:
        self.server.gets.append(self.path)
        self.send_error(500)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class's name
        del format, args


Answer = Callable[[Handler], None]


class Server(ThreadingHTTPServer):
    daemon_threads = False  # joined at the end: no thread outlives its test

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, Answer] = {}
        self.heads: list[tuple[str, dict[str, str]]] = []
        self.gets: list[str] = []
        self.release = threading.Event()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is expected here."""


@pytest.fixture(name="server")
def server_fixture() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield running
        finally:
            running.release.set()
            running.shutdown()
            thread.join()


@pytest.fixture(name="http")
async def http_fixture() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(headers={"Authorization": "Key secret"}, auth=("user", "secret")) as client:
        client.cookies.set("session", "secret")
        yield client


def answering(status: int = 200, **headers: object) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), str(value))
        handler.end_headers()

    return answer


def answering_late(handler: Handler) -> None:
    handler.server.release.wait(20)


async def asked(
    server: Server, http: httpx2.AsyncClient, path: str = "/a", *, kind: MediaKind = "image", host: str = ""
) -> MediaFacts | None:
    origin = server.origin.replace("127.0.0.1", host) if host else server.origin

    async def resolver(name: str, port: int) -> Sequence[str]:
        assert (name, port) == (host, server.server_address[1])
        return ["127.0.0.1"]

    return await measure_url(
        f"{origin}{path}",
        http=http,
        settings=load_settings({"VIDEOGEN_ALLOWED_HOSTS": origin.removeprefix("http://")}),
        field="first_frame",
        kind=kind,
        resolver=resolver if host else None,
    )


async def test_a_host_tells_type_and_length_and_gets_no_credentials(server: Server, http: httpx2.AsyncClient) -> None:
    server.answers["/a"] = answering(Content_Type="image/PNG; charset=binary", Content_Length=12_345_678)
    assert await asked(server, http) == MediaFacts("image/png", 12_345_678)
    ((path, headers),) = server.heads
    assert (path, server.gets) == ("/a", [])
    assert {"authorization", "cookie"}.isdisjoint(headers)
    assert "secret" not in str(headers)


async def test_the_name_is_looked_up_once_and_kept_in_the_host_header(server: Server, http: httpx2.AsyncClient) -> None:
    server.answers["/a"] = answering(Content_Type="image/png", Content_Length=5)
    assert await asked(server, http, host="pictures.example.com") == MediaFacts("image/png", 5)
    assert server.heads[0][1]["host"] == f"pictures.example.com:{server.server_address[1]}"


@pytest.mark.parametrize("status", [401, 403, 404, 405, 410, 500, 503])
async def test_a_host_that_refuses_tells_nothing(server: Server, http: httpx2.AsyncClient, status: int) -> None:
    server.answers["/a"] = answering(status, Content_Type="image/png", Content_Length=77)
    assert await asked(server, http) is None
    assert (len(server.heads), server.gets) == (1, [])


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Content_Type": "text/html", "Content_Length": 5120}, None),
        ({"Content_Type": "application/json", "Content_Length": 20}, None),
        ({}, None),
        ({"Content_Length": 0, "Content_Type": "image/jpeg"}, MediaFacts("image/jpeg")),
        ({"Content_Length": "-5", "Content_Type": "image/jpeg"}, None),
        ({"Content_Length": "9" * 30, "Content_Type": "image/jpeg"}, None),
        ({"Content_Length": 80, "Content_Encoding": "gzip", "Content_Type": "image/jpeg"}, MediaFacts("image/jpeg")),
        ({"Content_Length": 80, "Content_Type": "application/octet-stream"}, MediaFacts(None, 80)),
        ({"Content_Length": 80}, MediaFacts(None, 80)),
        # Storage that takes every file for the same type: the length is right, and only that is taken.
        ({"Content_Length": 80, "Content_Type": "video/mp4"}, MediaFacts(None, 80)),
    ],
)
async def test_only_what_makes_sense_is_taken(
    server: Server, http: httpx2.AsyncClient, headers: dict[str, Any], expected: MediaFacts | None
) -> None:
    server.answers["/a"] = answering(**headers)
    found = await asked(server, http)
    # A length that is no number may be dropped alone, or the answer with it, by the reader of HTTP.
    assert found == expected or (expected is None and found == MediaFacts("image/jpeg"))


async def test_a_slow_host_is_not_waited_for(
    server: Server, http: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "HEAD_SECONDS", 0.1)
    server.answers["/a"] = answering_late
    assert await asked(server, http) is None


async def test_a_closed_port_tells_nothing(server: Server, http: httpx2.AsyncClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    settings = load_settings({"VIDEOGEN_ALLOWED_HOSTS": f"127.0.0.1:{port}"})
    url = f"http://127.0.0.1:{port}/a"
    assert await measure_url(url, http=http, settings=settings, field="first_frame", kind="image") is None
    assert server.heads == []


async def test_redirects_are_followed_within_reason(server: Server, http: httpx2.AsyncClient) -> None:
    for number in range(5):
        server.answers[f"/{number}"] = answering(302, Location=f"/{number + 1}", Set_Cookie="a=b", Content_Length=0)
    server.answers["/5"] = answering(Content_Type="image/png", Content_Length=5)
    assert await asked(server, http, "/2") == MediaFacts("image/png", 5)
    assert all("cookie" not in headers for _, headers in server.heads)
    assert await asked(server, http, "/1") is None


@pytest.mark.parametrize(
    "target", ["https://10.0.0.1/a.png", "https://169.254.169.254/latest", "https://[::1]/a", "https://nas.local/a"]
)
async def test_a_redirect_into_a_private_network_is_refused_and_not_followed(
    server: Server, http: httpx2.AsyncClient, target: str
) -> None:
    server.answers["/a"] = answering(302, Location=target, Content_Length=0)
    with pytest.raises(UnsafeMedia) as caught:
        await asked(server, http)
    assert caught.value.field == "first_frame"
    assert len(server.heads) == 1


@pytest.mark.parametrize("location", [{"Location": "https://nothing.invalid/a"}, {}])
async def test_a_redirect_that_leads_nowhere_tells_nothing(
    server: Server, http: httpx2.AsyncClient, location: dict[str, Any]
) -> None:
    server.answers["/a"] = answering(302, Content_Length=0, **location)
    assert await asked(server, http) is None


@pytest.mark.parametrize("url", ["https://10.0.0.1/a.png", "http://93.184.216.34/a.png", "https://nothing.invalid/a"])
async def test_an_address_that_must_not_be_used_is_not_asked(http: httpx2.AsyncClient, url: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await measure_url(url, http=http, settings=load_settings({}), field="last_frame", kind="image")
    assert caught.value.field == "last_frame"
