"""The measures of an input medium, from its header: its size, and how large and how long what it holds is.

Nothing is decoded from end to end. A file is measured here; of an address, its host is asked once.
"""

import base64
import contextlib
import io
import struct
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import anyio
import httpx2

from videogen_mcp.errors import InvalidRequest, UnsafeMedia
from videogen_mcp.media.connect import REDIRECTS, send
from videogen_mcp.media.files import LocalFile
from videogen_mcp.media.sniff import HEAD_BYTES, sniff
from videogen_mcp.media.urls import Pinned, Resolver, resolve
from videogen_mcp.settings import Settings
from videogen_mcp.types import MediaFacts, MediaKind, file_name_of

HEAD_SECONDS: Final = 3.0
"""How long a host may take in all to say what an address holds; a job waits for it."""

MAX_REDIRECTS: Final = 3

_Source: TypeAlias = Path | io.BytesIO

_OK: Final = 200
_ORIENTATION_TAG: Final = 0x0112
_SIDES_CHANGE: Final = 5
_MICROSECONDS: Final = 1_000_000
# A file that names other files or addresses (a playlist) must not make the library open them.
_OPEN_OPTIONS: Final = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,matroska,webm,avi,wav,mp3,flac,ogg,aac",
}
# Not every build of the picture library reads these: that one cannot be opened does not mean that it is damaged.
_READ_BY_SOME: Final = ("image/heic", "image/avif")
# Raw frames without a table of contents: their header gives no length, and one guessed from the bit rate is wrong.
_LENGTH_BY_COUNTING: Final = ("audio/mpeg", "audio/aac")
_MOST_PACKETS: Final = 200_000
_MOST_DIGITS: Final = 15
_SAYS_NOTHING: Final = ("", "application/octet-stream", "binary/octet-stream", "application/mp4", "application/ogg")


def measure_file(local: LocalFile, *, field: str) -> MediaFacts:
    """Measure a file that `read_local` has judged.

    Blocks for some milliseconds: run it in a thread.

    Args:
        local: The file.
        field: The argument that carries it, for messages.

    Raises:
        InvalidRequest: It is damaged: its header cannot be read, or it holds no picture or no sound.
    """
    name = repr(local.path.name[:100])
    return _measure(local.path, local.mime_type, local.kind, local.size_bytes, told=(field, name))


def measure_data_uri(value: str, *, field: str, kind: MediaKind) -> MediaFacts:
    """Measure what a data URI holds, which `check_data_uri` has judged; nothing is written.

    Args:
        value: The data URI.
        field: The argument that carries it, for messages.
        kind: What the argument takes.

    Raises:
        InvalidRequest: As in `measure_file`.
    """
    content = base64.b64decode(value.partition(",")[2])
    media_type = sniff(content[:HEAD_BYTES])
    mime_type = media_type.mime_type if media_type else None
    name = repr(file_name_of(value)[:100])
    return _measure(io.BytesIO(content), mime_type, kind, len(content), told=(field, name))


async def measure_url(
    url: str,
    *,
    http: httpx2.AsyncClient,
    settings: Settings,
    field: str,
    kind: MediaKind,
    resolver: Resolver | None = None,
) -> MediaFacts | None:
    """Ask an address's host for type and length, in one HEAD without credentials.

    Args:
        url: The address.
        http: The client whose connections are used.
        settings: Names the hosts that are exempt from the refusal of private addresses and of plain http.
        field: The argument that carries the address, for messages.
        kind: What the argument takes.
        resolver: Looks names up; the system's resolver when None.

    Returns:
        What the host says. None where it says nothing that can be used: many hosts of signed addresses refuse HEAD,
        so that even a 404 tells nothing of what a gateway will get.

    Raises:
        UnsafeMedia: The address, or one that it redirects to, must not be used.
        InvalidRequest: Its name does not resolve.
    """
    pinned = await resolve(url, settings, field=field, resolver=resolver)
    with anyio.move_on_after(HEAD_SECONDS):
        try:
            answer = await _answer(pinned, http, settings, field, resolver)
        except UnsafeMedia:
            raise
        except (httpx2.HTTPError, httpx2.InvalidURL, InvalidRequest):
            return None
        return None if answer is None else _facts_of(answer, kind)
    return None


async def _answer(
    pinned: Pinned, http: httpx2.AsyncClient, settings: Settings, field: str, resolver: Resolver | None
) -> httpx2.Response | None:
    """The answer that is not a redirect; every address on the way is judged like the first."""
    for _ in range(MAX_REDIRECTS + 1):
        response = await send("HEAD", pinned, http, stall_seconds=HEAD_SECONDS)
        await response.aclose()
        location = response.headers.get("Location")
        if response.status_code not in REDIRECTS or location is None:
            return response
        target = str(httpx2.URL(pinned.url).join(location))
        pinned = await resolve(target, settings, field=field, resolver=resolver)
    return None


def _facts_of(response: httpx2.Response, kind: MediaKind) -> MediaFacts | None:
    """What the headers say, as far as it makes sense for this kind of medium."""
    headers = response.headers
    stated_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    main = stated_type.partition("/")[0]
    if response.status_code != _OK or (main not in {"image", "video", "audio"} and stated_type not in _SAYS_NOTHING):
        return None  # an error, or a page that stands in for the file
    stated = headers.get("Content-Length", "")
    is_plain = headers.get("Content-Encoding", "identity").strip().lower() in {"", "identity"}
    # Some servers give the length of the empty answer itself.
    is_number = stated.isascii() and stated.isdigit() and len(stated) <= _MOST_DIGITS
    size = int(stated) if is_plain and is_number else 0
    facts = MediaFacts(mime_type=stated_type if main == kind else None, size_bytes=size or None)
    return None if facts == MediaFacts() else facts


def _measure(
    source: _Source, mime_type: str | None, kind: MediaKind, size_bytes: int, *, told: tuple[str, str]
) -> MediaFacts:
    measures: dict[str, Any] | None
    if kind == "image":
        size = _size_of_picture(source)
        measures = size or ({} if mime_type in _READ_BY_SOME else None)
    else:
        measures = _measures_of_stream(source, kind, is_counted=mime_type in _LENGTH_BY_COUNTING)
    if measures is None:
        what = {"image": "a picture that can be opened", "video": "a playable clip", "audio": "a playable sound"}[kind]
        field, name = told
        message = f"{field} {name} is not {what}: it is damaged or not complete."
        raise InvalidRequest(message, field=field, fix="Save or export it again.")
    return MediaFacts(mime_type=mime_type, size_bytes=size_bytes, **measures)


def _size_of_picture(source: _Source) -> dict[str, Any] | None:
    """Width and height as it is shown, by its header; None where that cannot be read."""
    from PIL import Image  # noqa: PLC0415 -- heavy, and not needed at start-up

    try:
        with Image.open(source) as image:
            (width, height), exif = image.size, image.info.get("exif")
    except (OSError, ValueError, TypeError, SyntaxError, Image.DecompressionBombError):
        return None
    return {"width": height, "height": width} if _is_turned(exif) else {"width": width, "height": height}


def _is_turned(exif: bytes | None) -> bool:
    """Whether a picture is shown with its sides changed; a note of the camera that cannot be read says nothing."""
    from PIL import Image  # noqa: PLC0415 -- heavy, and not needed at start-up

    # Not `image.getexif()`: of a PNG it decodes the whole picture, to look for notes behind it.
    notes = Image.Exif()
    with contextlib.suppress(OSError, ValueError, TypeError, SyntaxError, LookupError, struct.error):
        notes.load(exif or b"")
        return int(notes.get(_ORIENTATION_TAG, 1)) >= _SIDES_CHANGE
    return False


def _measures_of_stream(source: _Source, kind: MediaKind, *, is_counted: bool) -> dict[str, Any] | None:
    """Length, and of a clip its size and frame rate, by its header; None where that cannot be read."""
    import av  # noqa: PLC0415 -- heavy, and not needed at start-up
    from av.error import FFmpegError  # noqa: PLC0415 -- likewise

    opened = str(source.absolute()) if isinstance(source, Path) else source
    try:
        # PyAV's own annotations leave its streams and packets half unknown to a strict checker.
        with cast("Any", av.open(opened, container_options=_OPEN_OPTIONS)) as container:
            if kind == "audio":
                stream = next(iter(container.streams.audio), None)
            else:
                stream = next((one for one in container.streams.video if not _is_cover(one) and one.width), None)
            if stream is None:
                return None
            seconds = _counted_seconds(container, stream) if is_counted else _stated_seconds(container, stream)
            if kind == "audio":
                return {"seconds": seconds}
            rate = stream.average_rate or stream.guessed_rate
            return {
                "width": stream.width,
                "height": stream.height,
                "seconds": seconds,
                "fps": round(float(rate), 3) if rate else None,
            }
    except (FFmpegError, OSError, ValueError, IndexError, MemoryError):
        return None


def _is_cover(stream: Any) -> bool:
    from av.stream import Disposition  # noqa: PLC0415 -- heavy, and not needed at start-up

    return bool(stream.disposition & Disposition.attached_pic)


def _stated_seconds(container: Any, stream: Any) -> float | None:
    if stream.duration:
        return round(float(stream.duration * stream.time_base), 3)
    return round(container.duration / _MICROSECONDS, 3) if container.duration else None


def _counted_seconds(container: Any, stream: Any) -> float | None:
    """The sum of the packets' lengths; nothing is decoded, and what goes on for an hour is not read to its end."""
    total = 0
    for number, packet in enumerate(container.demux(stream)):
        total += packet.duration or 0
        if number >= _MOST_PACKETS:
            break
    return round(float(total * stream.time_base), 3) or None
