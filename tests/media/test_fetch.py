"""Downloads, against a real server on the loopback address."""

import asyncio
import hashlib
import itertools
import os
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from videogen_mcp.errors import DownloadFailed, InvalidRequest, UnsafeMedia
from videogen_mcp.media.fetch import CHUNK_BYTES, Downloaded
from videogen_mcp.media.files import download
from videogen_mcp.settings import load_settings
from videogen_mcp.types import MediaKind

MP4 = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + bytes(range(256)) * 4000
WEBM = b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm" + bytes(5000)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(5000)


class Progress:
    def __init__(self) -> None:
        self.steps: list[int] = []
        self.total: int | None = None
        self.begun = asyncio.Event()

    def __call__(self, done: int, total: int | None) -> None:
        self.steps.append(done)
        self.total = total
        self.begun.set()


Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    server: "Server"  # pyright: ignore[reportIncompatibleVariableOverride]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        self.server.answers[self.path.partition("?")[0]](self)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class's name
        del format, args

    def head(self, status: int = 200, /, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()


class Server(ThreadingHTTPServer):
    daemon_threads = False  # joined at the end: no thread outlives its test

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, Answer] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.release = threading.Event()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is expected here."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield running
        finally:
            running.release.set()
            running.shutdown()
            thread.join()


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(headers={"Authorization": "Key secret"}, auth=("user", "secret")) as client:
        client.cookies.set("session", "secret")
        yield client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "videos"


def sending(body: bytes, **headers: str) -> Answer:
    def answer(handler: Handler) -> None:
        handler.head(Content_Length=len(body), **headers)
        handler.wfile.write(body)

    return answer


def refusing(status: int) -> Answer:
    return lambda handler: handler.head(status, Content_Length=0)


def redirecting(location: str, status: int = 302) -> Answer:
    return lambda handler: handler.head(status, Location=location, Content_Length=0, Set_Cookie="a=b")


def answering(*addresses: str) -> Callable[[str, int], Any]:
    async def resolver(host: str, port: int) -> Sequence[str]:
        assert host
        assert port
        return addresses

    return resolver


async def fetch(server: Server, folder: Path, http: httpx2.AsyncClient, path: str = "/clip", **more: Any) -> Downloaded:
    host = more.pop("host", "127.0.0.1")
    scheme = more.pop("scheme", "http")
    kind: MediaKind = more.pop("kind", "video")
    return await download(
        f"{scheme}://{host}:{server.port}{path}",
        more.pop("destination", folder / "job-1"),
        http=http,
        settings=load_settings({"VIDEOGEN_HOME": str(folder), "VIDEOGEN_ALLOWED_HOSTS": f"{host}:{server.port}"}),
        kind=kind,
        field=more.pop("field", "video"),
        **more,
    )


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize(
    ("body", "kind", "destination", "name", "mime_type"),
    [
        (MP4, "video", "job-1", "job-1.mp4", "video/mp4"),
        (MP4, "video", "job-1.mp4", "job-1.mp4", "video/mp4"),
        (WEBM, "video", "job-1.mp4", "job-1.webm", "video/webm"),
        (MP4, "video", "job.1", "job.1.mp4", "video/mp4"),
        (PNG, "image", "first", "first.png", "image/png"),
    ],
)
async def test_a_whole_file_is_kept(  # noqa: PLR0917 -- pytest passes them by name
    server: Server,
    http: httpx2.AsyncClient,
    folder: Path,
    body: bytes,
    kind: MediaKind,
    destination: str,
    name: str,
    mime_type: str,
) -> None:
    server.answers["/clip"] = sending(body, Content_Type="application/octet-stream")
    progress = Progress()
    target = folder / destination
    got = await fetch(server, folder, http, kind=kind, destination=target, on_progress=progress)
    assert got == Downloaded(folder / name, mime_type, len(body), hashlib.sha256(body).hexdigest())
    assert got.path.read_bytes() == body
    assert left_in(folder) == [name]
    assert (progress.steps[-1], progress.total) == (len(body), len(body))


async def test_an_existing_file_is_replaced(server: Server, http: httpx2.AsyncClient, folder: Path) -> None:
    folder.mkdir()  # noqa: ASYNC240 -- preparing the test
    (folder / "job-1.mp4").write_bytes(b"old")
    server.answers["/clip"] = sending(MP4)
    assert (await fetch(server, folder, http)).path.read_bytes() == MP4


async def test_no_credentials_are_sent(server: Server, http: httpx2.AsyncClient, folder: Path) -> None:
    server.answers |= {"/clip": redirecting("/next?key=a%2Fb#part", 307), "/next": sending(MP4)}
    await fetch(server, folder, http)
    assert [path for path, _ in server.requests] == ["/clip", "/next?key=a%2Fb"]
    for _, headers in server.requests:
        assert headers == {
            "host": f"127.0.0.1:{server.port}",
            "accept": "*/*",
            "accept-encoding": "identity",
            "connection": "close",
            "user-agent": "videogen-mcp",
        }


async def test_headers_given_for_an_address_go_to_its_host_and_no_further(
    server: Server, http: httpx2.AsyncClient, folder: Path
) -> None:
    elsewhere = f"http://other.invalid:{server.port}/there"
    server.answers |= {"/clip": redirecting("/near"), "/near": redirecting(elsewhere), "/there": redirecting("/end")}
    server.answers["/end"] = sending(MP4)
    hosts = f"127.0.0.1:{server.port},other.invalid:{server.port}"
    await download(
        f"http://127.0.0.1:{server.port}/clip",
        folder / "job-1",
        http=http,
        settings=load_settings({"VIDEOGEN_HOME": str(folder), "VIDEOGEN_ALLOWED_HOSTS": hosts}),
        kind="video",
        field="video",
        headers={"x-key": "secret"},
        resolver=answering("127.0.0.1"),
    )
    assert [(path, headers.get("x-key")) for path, headers in server.requests] == [
        *(("/clip", "secret"), ("/near", "secret")),
        *(("/there", None), ("/end", None)),
    ]


async def test_the_connection_goes_to_the_judged_address(
    server: Server, http: httpx2.AsyncClient, folder: Path
) -> None:
    server.answers["/clip"] = sending(MP4)
    looked_up: list[str] = []

    async def resolver(host: str, port: int) -> Sequence[str]:
        assert port == server.port
        looked_up.append(host)
        # A second look-up would answer differently, as in DNS rebinding.
        return ("127.0.0.1",) if len(looked_up) == 1 else ("10.0.0.1",)

    await fetch(server, folder, http, host="media.invalid", resolver=resolver)
    assert looked_up == ["media.invalid"]
    assert server.requests[0][1]["host"] == f"media.invalid:{server.port}"


async def test_the_next_address_is_tried_when_one_does_not_answer(
    server: Server, http: httpx2.AsyncClient, folder: Path
) -> None:
    server.answers["/clip"] = sending(MP4)
    await fetch(server, folder, http, host="media.invalid", resolver=answering("::1", "127.0.0.1"))


@pytest.mark.parametrize("location", ["https://10.0.0.1/clip", "https://rebind.example/clip", "http://8.8.8.8/clip"])
async def test_a_redirect_inside_is_refused(
    server: Server, http: httpx2.AsyncClient, folder: Path, location: str
) -> None:
    async def resolver(host: str, port: int) -> Sequence[str]:
        assert (host, port) == ("rebind.example", 443)
        return ("8.8.8.8", "192.168.0.1")

    server.answers["/clip"] = redirecting(location)
    with pytest.raises(UnsafeMedia):
        await fetch(server, folder, http, resolver=resolver)
    assert left_in(folder) == []


async def test_five_redirects_are_followed_and_no_more(server: Server, http: httpx2.AsyncClient, folder: Path) -> None:
    server.answers |= {f"/{number}": redirecting(f"/{number + 1}") for number in range(6)}
    server.answers["/6"] = sending(MP4)
    assert (await fetch(server, folder, http, path="/1")).size_bytes == len(MP4)
    with pytest.raises(DownloadFailed, match="more than 5 times") as caught:
        await fetch(server, folder, http, path="/0")
    assert not caught.value.retryable


def cut_short(handler: Handler) -> None:
    handler.head(Content_Length=len(MP4))
    handler.wfile.write(MP4[:300_000])
    handler.close_connection = True


def chunked_and_cut_short(handler: Handler) -> None:
    handler.head(Transfer_Encoding="chunked")
    handler.wfile.write(b"%x\r\n%s\r\n" % (1000, MP4[:1000]))
    handler.close_connection = True


def gibberish(handler: Handler) -> None:
    handler.wfile.write(b"\x00\x01\x02 this is not HTTP\r\n\r\n")
    handler.close_connection = True


def hanging(handler: Handler) -> None:
    handler.head(Content_Length=len(MP4))
    handler.wfile.write(MP4[:300_000])
    handler.server.release.wait(20)


@pytest.mark.parametrize(
    ("answer", "retryable", "words"),
    [
        (cut_short, True, "ended before the end of the file"),
        (chunked_and_cut_short, True, "ended before the end of the file"),
        (gibberish, True, "the answer was malformed"),
        (sending(b""), True, "the file ended early"),
        (sending(b"<!DOCTYPE html><html>expired"), False, "is not a video but an HTML page; known formats are MP4"),
        (sending(PNG), False, r"is not a video but an image \(image/png\)"),
        (sending(MP4, Content_Encoding="gzip"), False, "encoded"),
        (redirecting("https://exa mple.com:port/"), False, "malformed address"),
        (redirecting("/clip"), False, "more than 5 times"),
        *(
            (refusing(status), retryable, f"answered {status}")
            for status, retryable in {
                204: False,
                304: False,
                401: False,
                403: False,
                404: False,
                408: True,
                410: False,
                429: True,
                500: True,
                503: True,
            }.items()
        ),
    ],
)
async def test_a_failure_is_told_and_leaves_nothing(
    server: Server, http: httpx2.AsyncClient, folder: Path, answer: Answer, *, retryable: bool, words: str
) -> None:
    server.answers["/clip"] = answer
    with pytest.raises(DownloadFailed, match=words) as caught:
        await fetch(server, folder, http, path="/clip?signature=s3cret")
    assert caught.value.retryable is retryable
    assert "s3cret" not in str(caught.value)
    assert left_in(folder) == []


async def test_too_large_by_its_header_is_not_read(server: Server, http: httpx2.AsyncClient, folder: Path) -> None:
    def answer(handler: Handler) -> None:
        handler.head(Content_Length=3_000_000_000)
        handler.close_connection = True

    server.answers["/clip"] = answer
    with pytest.raises(DownloadFailed, match="larger than 2000 MB") as caught:
        await fetch(server, folder, http)
    assert not caught.value.retryable


async def test_too_large_by_its_body_is_stopped(server: Server, http: httpx2.AsyncClient, folder: Path) -> None:
    def answer(handler: Handler) -> None:
        handler.head(Connection="close")
        handler.wfile.write(MP4)

    server.answers["/clip"] = answer
    with pytest.raises(DownloadFailed, match=r"larger than 0\.5 MB") as caught:
        await fetch(server, folder, http, max_bytes=500_000)
    assert not caught.value.retryable
    assert left_in(folder) == []


async def test_a_stalled_server_is_given_up(server: Server, http: httpx2.AsyncClient, folder: Path) -> None:
    server.answers["/clip"] = hanging
    with pytest.raises(DownloadFailed, match="stopped sending") as caught:
        await fetch(server, folder, http, stall_seconds=0.2)
    assert caught.value.retryable
    assert left_in(folder) == []


async def test_nobody_listens(http: httpx2.AsyncClient, folder: Path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{bound.getsockname()[1]}"
        settings = load_settings({"VIDEOGEN_HOME": str(folder), "VIDEOGEN_ALLOWED_HOSTS": host})
        with pytest.raises(DownloadFailed, match="no connection could be made") as caught:
            await download(
                f"http://{host}/clip", folder / "job-1", http=http, settings=settings, kind="video", field="video"
            )
    assert caught.value.retryable


@pytest.mark.parametrize("kind", ["image", "video"])
async def test_a_name_that_does_not_resolve(
    server: Server, http: httpx2.AsyncClient, folder: Path, kind: MediaKind
) -> None:
    with pytest.raises((DownloadFailed, InvalidRequest), match="does not resolve") as caught:
        await fetch(server, folder, http, kind=kind, host="media.invalid", resolver=answering())
    assert caught.value.code == ("invalid_request" if kind == "image" else "download_failed")
    assert getattr(caught.value, "retryable", True) is True


async def test_a_cancelled_download_leaves_nothing(server: Server, http: httpx2.AsyncClient, folder: Path) -> None:
    server.answers["/clip"] = hanging
    progress = Progress()
    task = asyncio.create_task(fetch(server, folder, http, on_progress=progress))
    await progress.begun.wait()
    assert len(left_in(folder)) == 1
    assert left_in(folder)[0].endswith(".part")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert left_in(folder) == []


async def test_a_full_disk_is_told(
    server: Server, http: httpx2.AsyncClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    server.answers["/clip"] = sending(MP4)
    with pytest.raises(DownloadFailed, match="the disk is full") as caught:
        await fetch(server, folder, http)
    assert not caught.value.retryable
    assert str(folder) not in str(caught.value)
    assert left_in(folder) == []


async def test_a_folder_that_cannot_be_made(server: Server, http: httpx2.AsyncClient, folder: Path) -> None:
    folder.write_bytes(b"a file stands here")  # noqa: ASYNC240 -- preparing the test
    server.answers["/clip"] = sending(MP4)
    with pytest.raises(DownloadFailed, match="could not be written"):
        await fetch(server, folder, http)


async def test_a_large_file_passes_in_small_pieces(server: Server, http: httpx2.AsyncClient, folder: Path) -> None:
    piece, pieces = MP4[:1_000_000], 200

    def answer(handler: Handler) -> None:
        handler.head(Content_Length=len(piece) * pieces)
        for _ in range(pieces):
            handler.wfile.write(piece)

    server.answers["/clip"] = answer
    progress = Progress()
    got = await fetch(server, folder, http, on_progress=progress)
    assert got.size_bytes == got.path.stat().st_size == 200_000_000
    assert max(after - before for before, after in itertools.pairwise([0, *progress.steps])) <= CHUNK_BYTES
    got.path.unlink()


def certificate_for(name: str, folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    start = datetime(2020, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / f"{name}.pem"
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize(("asked", "passes"), [("media.invalid", True), ("other.invalid", False)])
async def test_the_certificate_must_be_for_the_name(
    server: Server, tmp_path: Path, folder: Path, asked: str, *, passes: bool
) -> None:
    certificate = certificate_for("media.invalid", tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.answers["/clip"] = sending(MP4)
    trust = ssl.create_default_context(cafile=certificate)
    async with httpx2.AsyncClient(verify=trust) as http:
        getting = fetch(server, folder, http, scheme="https", host=asked, resolver=answering("127.0.0.1"))
        if passes:
            assert (await getting).size_bytes == len(MP4)
        else:
            with pytest.raises(DownloadFailed, match="no connection could be made"):
                await getting
            assert server.requests == []
