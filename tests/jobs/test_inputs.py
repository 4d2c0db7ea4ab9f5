import base64
import io
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image
from tests.standins.clips import make_clip

from videogen_mcp.errors import InvalidRequest, UnsafeMedia
from videogen_mcp.jobs.inputs import Inputs, VideoFile, check_inputs, keep_data_uris, resolve_addresses
from videogen_mcp.settings import Settings, load_settings
from videogen_mcp.types import MediaFacts, VideoRequest


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), (200, 40, 40)).save(buffer, "PNG")
    return buffer.getvalue()


PNG = picture()
URI = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
BROKEN = f"data:image/png;base64,{base64.b64encode(PNG[:20]).decode()}"
PUBLIC = "https://93.184.216.34/a.png"
JOB = "0" * 32

Given = Callable[..., VideoRequest]


@pytest.fixture(name="settings")
def settings_fixture(tmp_path: Path) -> Settings:
    (tmp_path / "a.png").write_bytes(PNG)
    (tmp_path / "a.mp4").write_bytes(make_clip(1))
    return load_settings({"VIDEOGEN_HOME": str(tmp_path)})


@pytest.fixture(name="http")
async def http_fixture() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient() as client:
        yield client


async def resolved(
    request: VideoRequest, settings: Settings, http: httpx2.AsyncClient, video_file: VideoFile
) -> Inputs:
    inputs = await resolve_addresses(check_inputs(request, settings), settings, http=http, video_file=video_file)
    return await keep_data_uris(inputs, settings)


async def no_clip(field: str, job_id: str) -> Path:
    raise InvalidRequest(f"{field} {job_id}", field=field)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_check_writes_nothing_and_asks_no_name_service(settings: Settings) -> None:
    before = names(settings.home)
    given: dict[str, Any] = {
        "first_frame": str(settings.home / "a.png"),
        "last_frame": URI,
        "reference_images": ("https://nothing.invalid/a.png", PUBLIC),
        "source_video": f"video:{JOB}",
        "options": {"elements": [{"url": "https://nothing.invalid/b.png"}], "note": "see https://10.0.0.1 for more"},
    }
    inputs = check_inputs(VideoRequest(**given), settings)
    assert names(settings.home) == before
    path = str(settings.home / "a.png")
    facts = MediaFacts("image/png", len(PNG), 64, 48)
    assert inputs.media == {path: facts, Path(path).as_uri(): facts, URI: facts}
    given["first_frame"] = Path(path).as_uri()
    assert inputs.request == VideoRequest(**given)


@pytest.mark.parametrize(
    ("given", "error", "field"),
    [
        ({"first_frame": f"video:{JOB}"}, InvalidRequest, "first_frame"),
        ({"reference_audio": (f"video:{JOB}",)}, InvalidRequest, "reference_audio"),
        ({"first_frame": "ftp://93.184.216.34/a.png"}, InvalidRequest, "first_frame"),
        ({"first_frame": "http://93.184.216.34/a.png"}, InvalidRequest, "first_frame"),
        ({"last_frame": "https://10.0.0.1/a.png"}, UnsafeMedia, "last_frame"),
        ({"reference_images": (PUBLIC, "https://[::1]/a.png")}, UnsafeMedia, "reference_images"),
        ({"source_audio": "https://169.254.169.254/a.wav"}, UnsafeMedia, "source_audio"),
        ({"source_video": URI}, InvalidRequest, "source_video"),
        ({"first_frame": "data:image/png;base64,"}, InvalidRequest, "first_frame"),
        ({"last_frame": BROKEN}, InvalidRequest, "last_frame"),
        ({"first_frame": "/etc/passwd"}, UnsafeMedia, "first_frame"),
        ({"first_frame": "file:///etc/passwd"}, UnsafeMedia, "first_frame"),
        ({"options": {"image_url": "https://127.0.0.1/a.png"}}, UnsafeMedia, "options.image_url"),
        ({"options": {"deep": [{"x": ["https://10.1.2.3/a.png"]}]}}, UnsafeMedia, "options.deep"),
        ({"options": {"webhook": "http://metadata.google.internal/"}}, InvalidRequest, "options.webhook"),
        ({"options": {"scale": float("inf")}}, InvalidRequest, "options"),
    ],
)
def test_a_check_names_the_argument(
    settings: Settings, given: dict[str, Any], error: type[InvalidRequest], field: str
) -> None:
    with pytest.raises(error) as caught:
        check_inputs(VideoRequest(**given), settings)
    assert caught.value.field == field


class Host(ThreadingHTTPServer):
    """A host of pictures that answers only when as many are asked for at once as it expects."""

    daemon_threads = False

    def __init__(self, at_once: int) -> None:
        super().__init__(("127.0.0.1", 0), Picture)
        self.together = threading.Barrier(at_once, timeout=10)
        self.asked: list[str] = []

    @property
    def name(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class Picture(BaseHTTPRequestHandler):
    server: Host  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_HEAD(self) -> None:
        self.server.asked.append(self.path)
        self.server.together.wait()
        refuses = self.path == "/refused"
        self.send_response(403 if refuses else 200)
        self.send_header("Content-Type", "image/png")
        self.send_header("Content-Length", "1234")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class's name
        del format, args


@pytest.fixture(name="host")
def host_fixture() -> Iterator[Host]:
    with Host(at_once=3) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


async def test_hosts_are_asked_once_and_all_at_once(tmp_path: Path, host: Host, http: httpx2.AsyncClient) -> None:
    settings = load_settings({"VIDEOGEN_HOME": str(tmp_path), "VIDEOGEN_ALLOWED_HOSTS": host.name})
    urls = tuple(f"http://{host.name}/{name}" for name in ("a", "refused", "b", "a"))
    inputs = await resolved(VideoRequest(reference_images=urls), settings, http, no_clip)
    told = MediaFacts("image/png", 1234)
    assert inputs.media == {urls[0]: told, urls[1]: MediaFacts(measured=False), urls[2]: told}
    assert inputs.request.reference_images == urls
    assert sorted(host.asked) == ["/a", "/b", "/refused"]


async def test_media_become_addresses_and_files(
    tmp_path: Path, settings: Settings, http: httpx2.AsyncClient, host: Host
) -> None:
    clip = settings.home / "a.mp4"
    settings = load_settings({"VIDEOGEN_HOME": str(tmp_path), "VIDEOGEN_ALLOWED_HOSTS": host.name})
    host.together = threading.Barrier(1)
    url = f"http://{host.name}/a"

    async def clip_of(field: str, job_id: str) -> Path:
        assert (field, job_id) == ("source_video", JOB)
        return clip

    request = VideoRequest(
        first_frame=str(settings.home / "a.png"),
        last_frame=URI,
        reference_images=(url, URI),
        source_video=f"video:{JOB}",
    )
    inputs = await resolved(request, settings, http, clip_of)
    (kept,) = (settings.home / "inputs").iterdir()
    assert kept.read_bytes() == PNG
    assert inputs.request == VideoRequest(
        first_frame=(settings.home / "a.png").as_uri(),
        last_frame=kept.as_uri(),
        reference_images=(url, kept.as_uri()),
        source_video=clip.as_uri(),
    )
    picture = MediaFacts("image/png", len(PNG), 64, 48)
    assert {text: inputs.media[text] for _, text in inputs.request.media()} == {
        (settings.home / "a.png").as_uri(): picture,
        kept.as_uri(): picture,
        url: MediaFacts("image/png", 1234),
        clip.as_uri(): MediaFacts("video/mp4", clip.stat().st_size, 320, 180, 1.0, 24.0),
    }


@pytest.mark.parametrize("given", [{}, {"first_frame": "a.png"}])
async def test_where_there_is_nothing_to_ask_for_the_inputs_stay_as_they_are(
    settings: Settings, http: httpx2.AsyncClient, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(settings.home)
    known = check_inputs(VideoRequest(prompt="p", **given), settings)
    assert await resolve_addresses(known, settings, http=http, video_file=no_clip) is known
    assert await keep_data_uris(known, settings) is known


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"first_frame": "https://nothing.invalid/a.png"}, "first_frame"),
        ({"options": {"image_url": "https://nothing.invalid/a.png"}}, "options.image_url"),
        ({"source_video": f"video:{JOB}"}, "source_video"),
        ({"first_frame": "gone.png"}, "first_frame"),
        # Of several that fail at once, the first in the order of the contract is told.
        ({"last_frame": "https://nothing.invalid/a.png", "source_video": f"video:{JOB}"}, "last_frame"),
    ],
)
async def test_what_turns_out_unusable_names_the_argument_and_leaves_no_file(
    settings: Settings, http: httpx2.AsyncClient, given: dict[str, Any], field: str
) -> None:
    before = names(settings.home)
    with pytest.raises(InvalidRequest) as caught:
        await resolved(VideoRequest(**given, reference_images=(URI,)), settings, http, no_clip)
    assert caught.value.field == field
    assert names(settings.home) == before


async def test_an_earlier_clip_outside_the_media_roots_is_still_ours(tmp_path: Path, http: httpx2.AsyncClient) -> None:
    roots, videos = tmp_path / "roots", tmp_path / "videos"
    for folder in (roots, videos):
        folder.mkdir()
    (videos / "a.mp4").write_bytes(make_clip(1))
    settings = load_settings(
        {
            "VIDEOGEN_HOME": str(tmp_path / "home"),
            "VIDEOGEN_MEDIA_ROOTS": str(roots),
            "VIDEOGEN_OUTPUT_DIR": str(videos),
        }
    )

    async def clip_of(field: str, job_id: str) -> Path:
        del field, job_id
        return videos / "a.mp4"

    inputs = await resolved(VideoRequest(source_video=f"video:{JOB}"), settings, http, clip_of)
    assert inputs.request.source_video == (videos / "a.mp4").as_uri()
    with pytest.raises(UnsafeMedia):
        check_inputs(VideoRequest(source_video=str(videos / "a.mp4")), settings)
