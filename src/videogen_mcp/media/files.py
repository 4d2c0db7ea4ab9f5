"""Media given as a local path or as a data URI."""

import base64
import binascii
import hashlib
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from videogen_mcp.errors import InvalidRequest, UnsafeMedia
from videogen_mcp.media.disk import write_whole
from videogen_mcp.media.fetch import Downloaded, download
from videogen_mcp.media.sniff import FORMATS, HEAD_BYTES, MediaType, describe, sniff
from videogen_mcp.settings import Settings
from videogen_mcp.types import MediaKind, file_name_of

__all__ = ["Downloaded", "LocalFile", "check_data_uri", "decode_data_uri", "download", "read_local"]

MAX_FILE_BYTES = 500_000_000
MAX_DATA_URI_BYTES = 50_000_000

_MEGABYTE = 1_000_000
_DATA_HEADER = re.compile(r"data:[\w.+-]*(?:/[\w.+-]+)?(?:;[\w.+-]+=[\w.+%\"-]*)*;base64,", re.IGNORECASE)
_OWN_FILE_HOSTS = ("", "localhost")


@dataclass(frozen=True)
class LocalFile:
    """A medium on this machine's disk.

    Attributes:
        path: Absolute, symbolic links followed.
        mime_type: Told from the content.
        kind: Image, video or audio.
        size_bytes: Length in bytes.
    """

    path: Path
    mime_type: str
    kind: MediaKind
    size_bytes: int


def read_local(
    value: str, settings: Settings, *, field: str, kind: MediaKind, extra_roots: Iterable[Path] = ()
) -> LocalFile:
    """Judge a local input file: where it really lies, what it is, and how long.

    Args:
        value: A path (`~` is the home folder; a relative path starts in the current folder) or a `file://` URI.
        settings: Names the folders that may be read from.
        field: The argument that carries the file, for messages.
        kind: What the argument takes.
        extra_roots: More folders that may be read from.

    Raises:
        UnsafeMedia: It lies outside the folders that may be read from, whether it exists or not.
        InvalidRequest: It is missing, not a file, empty, too large, or not of this kind.
    """
    given = _path_of(value, field)
    name = repr(given.name[:100])
    try:
        path = given.expanduser().resolve()
        roots = [root.expanduser().resolve() for root in (*settings.readable_roots, *extra_roots)]
    except (OSError, RuntimeError, ValueError):
        raise InvalidRequest(f"{field}: {name} is not a path that can be followed.", field=field) from None
    # Before its existence is looked at: the answer must not tell what there is in other folders.
    if not any(path.is_relative_to(root) for root in roots):
        raise UnsafeMedia(
            f"{field} {name} lies outside the folders that may be read from.",
            fix="Move it into the current folder, or add its folder to VIDEOGEN_MEDIA_ROOTS.",
            field=field,
        )
    try:
        size = _regular_size(path, field, name)
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        raise InvalidRequest(f"{field} {name} does not exist.", fix="Check the path.", field=field) from None
    except (OSError, ValueError):
        raise InvalidRequest(f"{field} {name} cannot be read.", fix="Check its permissions.", field=field) from None
    _check_size(size, MAX_FILE_BYTES, field, name)
    media_type = _of_kind(head, kind, field, name)
    return LocalFile(path, media_type.mime_type, media_type.kind, size)


def check_data_uri(value: str, *, field: str, kind: MediaKind) -> None:
    """Judge a data URI without writing anything.

    Args:
        value: The data URI.
        field: The argument that carries it, for messages.
        kind: What the argument takes.

    Raises:
        InvalidRequest: It is not base64, malformed, empty, too large, or its content is not of this kind.
    """
    _decode(value, field, kind)


def decode_data_uri(value: str, settings: Settings, *, field: str, kind: MediaKind, folder: Path) -> LocalFile:
    """Write a data URI's content to a file named after its digest; a file that is there already is kept.

    Args:
        value: The data URI.
        settings: The product's settings.
        field: The argument that carries it, for messages.
        kind: What the argument takes.
        folder: Where the file goes; made where it is missing.

    Raises:
        InvalidRequest: It is not base64, malformed, empty, too large, or its content is not of this kind.
        DownloadFailed: The file could not be written.
    """
    del settings  # every way to take in media has the same arguments
    content, media_type = _decode(value, field, kind)
    path = folder.absolute() / f"{hashlib.sha256(content).hexdigest()}{media_type.suffix}"
    if not _is_there(path, len(content)):
        write_whole(path, content, permissions=0o600)
    return LocalFile(path, media_type.mime_type, media_type.kind, len(content))


def _path_of(value: str, field: str) -> Path:
    text = value
    if value[:5].lower() == "file:":
        try:
            parts = urlsplit(value)
            text = url2pathname(parts.path) if parts.netloc.lower() in _OWN_FILE_HOSTS else ""
        except (OSError, ValueError):
            text = ""
    # On Windows such a path is a share on another machine or a device, and merely resolving it connects there.
    if not text.strip() or "\0" in text or text.startswith(("//", "\\\\")):
        raise InvalidRequest(f"{field}: {file_name_of(value)[:100]!r} is not a path on this machine.", field=field)
    return Path(text)


def _regular_size(path: Path, field: str, name: str) -> int:
    status = path.stat()
    if stat.S_ISREG(status.st_mode):
        return status.st_size
    what = "a folder" if stat.S_ISDIR(status.st_mode) else "a device or a pipe"
    raise InvalidRequest(f"{field} {name} is {what}, not a file.", field=field)


def _check_size(size: int, most: int, field: str, name: str) -> None:
    if size == 0:
        raise InvalidRequest(f"{field} {name} is empty.", field=field)
    if size > most:
        raise InvalidRequest(
            f"{field} {name} has {size / _MEGABYTE:.0f} MB; at most {most // _MEGABYTE} MB are allowed.", field=field
        )


def _of_kind(head: bytes, kind: MediaKind, field: str, name: str) -> MediaType:
    media_type = sniff(head)
    if media_type is not None and media_type.kind == kind:
        return media_type
    article = "a" if kind == "video" else "an"
    raise InvalidRequest(
        f"{field} {name} is not {article} {kind}: it is {describe(head)}. Allowed formats: {FORMATS[kind]}.",
        field=field,
    )


def _decode(value: str, field: str, kind: MediaKind) -> tuple[bytes, MediaType]:
    header = _DATA_HEADER.match(value)
    name = repr(file_name_of(value)[:100])
    if header is None:
        raise InvalidRequest(
            f"{field}: {name} is not a base64 data URI.",
            fix=f"Write it as data:{kind}/…;base64,… in the standard alphabet.",
            field=field,
        )
    # From the length of the text, so that an oversized one is not decoded first.
    _check_size((len(value) - header.end()) * 3 // 4, MAX_DATA_URI_BYTES, field, name)
    try:
        content = base64.b64decode(value[header.end() :], validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest(
            f"{field}: {name} is not valid base64.",
            fix="Use the standard alphabet, with padding and without line breaks.",
            field=field,
        ) from None
    _check_size(len(content), MAX_DATA_URI_BYTES, field, name)
    return content, _of_kind(content[:HEAD_BYTES], kind, field, name)


def _is_there(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False
