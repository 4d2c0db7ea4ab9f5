"""Fetching a medium over the network, whole or not at all."""

import contextlib
import hashlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeAlias

import httpx2
from anyio import to_thread

from videogen_mcp.errors import DownloadFailed, InvalidRequest, UnsafeMedia
from videogen_mcp.media.connect import REDIRECTS, send
from videogen_mcp.media.disk import cannot_write, part_of
from videogen_mcp.media.sniff import FORMATS, HEAD_BYTES, MediaType, describe, sniff
from videogen_mcp.media.urls import Pinned, Resolver, resolve, shown_url
from videogen_mcp.settings import Settings
from videogen_mcp.types import MediaKind

OnProgress: TypeAlias = Callable[[int, int | None], None]
"""Called with the bytes written so far and the bytes expected in all, where the server said so."""

MAX_DOWNLOAD_BYTES = 2_000_000_000
CHUNK_BYTES = 256 * 1024
MAX_REDIRECTS = 5

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
_MEGABYTE = 1_000_000
_OK = 200
_SERVER_ERROR = 500
_RETRYABLE = (408, 425, 429)
_MEDIA_SUFFIXES = frozenset(
    f".{name}"
    for names in (
        ("mp4", "m4v", "mov", "webm", "mkv", "avi"),
        ("png", "jpg", "jpeg", "webp", "gif", "bmp", "avif", "heic"),
        ("wav", "mp3", "flac", "ogg", "m4a", "aac"),
    )
    for name in names
)
_NETWORK_TROUBLE: tuple[tuple[type[Exception], str], ...] = (
    (httpx2.ConnectTimeout, "no connection was made in time"),
    (httpx2.ReadTimeout, "the server stopped sending"),
    (httpx2.TimeoutException, "it took too long"),
    (httpx2.ConnectError, "no connection could be made, or it was not secure"),
    (httpx2.RemoteProtocolError, "the connection ended before the end of the file, or the answer was malformed"),
)


@dataclass(frozen=True)
class Downloaded:
    """A medium that was fetched whole.

    Attributes:
        path: The file, with the suffix of what it is.
        mime_type: Told from the content.
        size_bytes: Length in bytes.
        sha256: Hexadecimal digest of the content.
    """

    path: Path
    mime_type: str
    size_bytes: int
    sha256: str


async def download(
    url: str,
    destination: Path,
    *,
    http: httpx2.AsyncClient,
    settings: Settings,
    kind: MediaKind,
    field: str,
    max_bytes: int = MAX_DOWNLOAD_BYTES,
    headers: Mapping[str, str] = _NO_HEADERS,
    stall_seconds: float = 30.0,
    on_progress: OnProgress | None = None,
    resolver: Resolver | None = None,
) -> Downloaded:
    """Fetch a medium into a file; the file appears when it is complete, or not at all.

    No credentials are sent but those in `headers`: the client's own headers, cookies and authentication are left out.
    Connections go to the IP addresses that were judged, also after a redirect.

    Args:
        url: The address.
        destination: The file; its suffix is set to what the content is. Its folder is made where it is missing.
        http: The client whose connections are used.
        settings: Names the hosts that are exempt from the refusal of private addresses and of plain http.
        kind: What must come; anything else is refused at its first bytes.
        field: The argument or the result's part that carries the address, for messages.
        max_bytes: The longest body taken, in bytes.
        headers: Sent along to the scheme, host and port of `url`, and nowhere else, also after a redirect.
        stall_seconds: How long the server may send nothing, in seconds.
        on_progress: Told after every piece that was written.
        resolver: Looks names up; the system's resolver when None.

    Raises:
        UnsafeMedia: The address, or one it redirects to, must not be fetched.
        InvalidRequest: The name of a caller's own image does not resolve.
        DownloadFailed: Anything else; `retryable` says whether the same address may work later.
    """
    order = _Order(
        url, destination, http, settings, kind, field, max_bytes, headers, stall_seconds, on_progress, resolver
    )
    try:
        async with _opened(order) as response:
            return await _keep(response, order, _judge_answer(response, order))
    except (httpx2.HTTPError, httpx2.StreamError) as error:
        words = next((words for known, words in _NETWORK_TROUBLE if isinstance(error, known)), "the network failed")
        raise order.failed(words, retryable=True) from error


@dataclass(frozen=True)
class _Order:
    """The arguments of `download`."""

    url: str
    destination: Path
    http: httpx2.AsyncClient
    settings: Settings
    kind: MediaKind
    field: str
    max_bytes: int
    headers: Mapping[str, str]
    stall_seconds: float
    on_progress: OnProgress | None
    resolver: Resolver | None

    def failed(self, words: str, *, retryable: bool) -> DownloadFailed:
        message = f"{self.field}: {shown_url(self.url)} could not be fetched: {words}."
        return DownloadFailed(message, retryable=retryable)

    def too_large(self) -> DownloadFailed:
        return self.failed(f"it is larger than {self.max_bytes / _MEGABYTE:g} MB", retryable=False)


@asynccontextmanager
async def _opened(order: _Order) -> AsyncGenerator[httpx2.Response]:
    """The answer that is not a redirect, with its body unread."""
    here = order.url
    for _ in range(MAX_REDIRECTS + 1):
        pinned = await _resolved(here, order)
        headers = order.headers if _origin(here) == _origin(order.url) else _NO_HEADERS
        response = await send("GET", pinned, order.http, headers=headers, stall_seconds=order.stall_seconds)
        try:
            location = response.headers.get("Location")
            if response.status_code not in REDIRECTS or location is None:
                yield response
                return
            here = str(httpx2.URL(here).join(location))
        except httpx2.InvalidURL:
            raise order.failed("it redirects to a malformed address", retryable=False) from None
        finally:
            await response.aclose()
    raise order.failed(f"it redirects more than {MAX_REDIRECTS} times", retryable=False)


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = httpx2.URL(url)
    return parts.scheme, parts.host, parts.port


async def _resolved(url: str, order: _Order) -> Pinned:
    try:
        return await resolve(url, order.settings, field=order.field, resolver=order.resolver)
    except UnsafeMedia:
        raise
    except InvalidRequest as error:
        # The caller can mend an address of their own; a gateway's result may only be tried again.
        if order.kind == "image":
            raise
        raise order.failed("its host does not resolve", retryable=True) from error


def _judge_answer(response: httpx2.Response, order: _Order) -> int | None:
    """The length of the body in bytes, where the server states it."""
    status = response.status_code
    if status != _OK:
        answer = f"the server answered {status} {response.reason_phrase}".rstrip()
        raise order.failed(answer, retryable=status >= _SERVER_ERROR or status in _RETRYABLE)
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        raise order.failed(f"the server sent it encoded ({encoding[:40]!r})", retryable=False)
    stated = response.headers.get("Content-Length", "")
    expected = int(stated) if stated.isascii() and stated.isdigit() else None
    if expected is not None and expected > order.max_bytes:
        raise order.too_large()
    return expected


async def _keep(response: httpx2.Response, order: _Order, expected: int | None) -> Downloaded:
    sink: _Sink | None = None
    try:
        async for chunk in _chunks(response):
            sink = sink or _Sink(order.destination, _judge_head(chunk[:HEAD_BYTES], order))
            if sink.size_bytes + len(chunk) > order.max_bytes:
                raise order.too_large()
            await to_thread.run_sync(sink.write, chunk)
            if order.on_progress is not None:
                order.on_progress(sink.size_bytes, expected)
        if sink is None or (expected is not None and sink.size_bytes < expected):
            raise order.failed("the file ended early", retryable=True)
        return await to_thread.run_sync(sink.finish)
    except OSError as error:
        raise cannot_write(order.destination, error) from error
    finally:
        if sink is not None:
            sink.discard()


async def _chunks(response: httpx2.Response) -> AsyncIterator[bytes]:
    async with aclosing(response.aiter_raw(CHUNK_BYTES)) as pieces:
        async for piece in pieces:
            yield piece


class _Sink:
    """The file on its way: written under another name, renamed at the end."""

    def __init__(self, destination: Path, media_type: MediaType) -> None:
        stem = destination.stem if destination.suffix.lower() in _MEDIA_SUFFIXES else destination.name
        self._target = destination.with_name(stem + media_type.suffix)
        self._part = part_of(self._target)
        self._media_type = media_type
        self._digest = hashlib.sha256()
        self.size_bytes = 0
        self._part.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._part.open("xb")

    def write(self, chunk: bytes) -> None:
        self._digest.update(chunk)
        self._file.write(chunk)
        self.size_bytes += len(chunk)

    def finish(self) -> Downloaded:
        with self._file:
            self._file.flush()
            os.fsync(self._file.fileno())
        self._part.replace(self._target)
        return Downloaded(self._target, self._media_type.mime_type, self.size_bytes, self._digest.hexdigest())

    def discard(self) -> None:
        """Remove what is left of an unfinished file; nothing is left of a finished one."""
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._part.unlink(missing_ok=True)


def _judge_head(head: bytes, order: _Order) -> MediaType:
    media_type = sniff(head)
    if media_type is not None and media_type.kind == order.kind:
        return media_type
    article = "a" if order.kind == "video" else "an"
    known = FORMATS[order.kind]
    what = f"what came is not {article} {order.kind} but {describe(head)}; known formats are {known}"
    raise order.failed(what, retryable=False)
