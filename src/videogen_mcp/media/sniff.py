"""What a file is, told from its first bytes; names and declared types are not believed."""

import re
from dataclasses import dataclass
from typing import Final

from videogen_mcp.types import MediaKind

HEAD_BYTES: Final = 4096
"""How much of a file's beginning is enough for `sniff`."""


@dataclass(frozen=True)
class MediaType:
    """A media format.

    Attributes:
        mime_type: Such as `video/mp4`.
        kind: Image, video or audio.
        suffix: The usual file suffix, with its dot.
    """

    mime_type: str
    kind: MediaKind
    suffix: str


FORMATS: Final[dict[MediaKind, str]] = {
    "image": "PNG, JPEG, WebP, GIF, BMP, AVIF, HEIC",
    "video": "MP4, MOV, WebM, Matroska, AVI",
    "audio": "WAV, MP3, FLAC, OGG, M4A, AAC",
}
"""The formats that are known, by kind, as messages list them."""

_MP4 = MediaType("video/mp4", "video", ".mp4")
_MOV = MediaType("video/quicktime", "video", ".mov")
_M4A = MediaType("audio/mp4", "audio", ".m4a")
_AVIF = MediaType("image/avif", "image", ".avif")
_HEIC = MediaType("image/heic", "image", ".heic")

# An ordered table: the first pattern that fits the beginning of the file decides.
_SIGNATURES: Final[tuple[tuple[re.Pattern[bytes], MediaType], ...]] = tuple(
    (re.compile(pattern, re.DOTALL), media_type)
    for pattern, media_type in (
        (rb"\x89PNG\r\n\x1a\n", MediaType("image/png", "image", ".png")),
        (rb"\xff\xd8\xff", MediaType("image/jpeg", "image", ".jpg")),
        (rb"GIF8[79]a", MediaType("image/gif", "image", ".gif")),
        (rb"RIFF.{4}WEBP", MediaType("image/webp", "image", ".webp")),
        (rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\x00\x00\x00", MediaType("image/bmp", "image", ".bmp")),
        (rb".{4}(?:moov|mdat|wide|free|skip)", _MOV),
        (rb"\x1a\x45\xdf\xa3.{0,64}webm", MediaType("video/webm", "video", ".webm")),
        (rb"\x1a\x45\xdf\xa3", MediaType("video/x-matroska", "video", ".mkv")),
        (rb"RIFF.{4}AVI ", MediaType("video/x-msvideo", "video", ".avi")),
        (rb"(?:RIFF|RF64).{4}WAVE", MediaType("audio/wav", "audio", ".wav")),
        (rb"fLaC", MediaType("audio/flac", "audio", ".flac")),
        (rb"OggS", MediaType("audio/ogg", "audio", ".ogg")),
        (rb"\xff[\xf0\xf1\xf8\xf9]", MediaType("audio/aac", "audio", ".aac")),
        # A frame header of MPEG audio: layer, bit rate and sample rate must not have their reserved values.
        (rb"ID3|\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff][\x10-\xef]", MediaType("audio/mpeg", "audio", ".mp3")),
    )
)

_FTYP = re.compile(rb"(?P<size>.{4})ftyp(?P<major>.{4})", re.DOTALL)
# Brands that tell more than "ISO media"; the major brand is asked first, then the compatible ones.
_BRANDS: Final[dict[bytes, MediaType]] = {
    b"avif": _AVIF,
    b"avis": _AVIF,
    b"heic": _HEIC,
    b"heix": _HEIC,
    b"heim": _HEIC,
    b"heis": _HEIC,
    b"hevc": _HEIC,
    b"M4A ": _M4A,
    b"M4B ": _M4A,
    b"qt  ": _MOV,
}
_STILL_BRANDS = (b"mif1", b"msf1")

_OTHER_THINGS: Final[tuple[tuple[re.Pattern[bytes], str], ...]] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), words)
    for pattern, words in (
        (rb"$", "an empty file"),
        (rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|head|body|!--)", "an HTML page"),
        (rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml|svg)", "an XML or SVG document"),
        (rb"#EXTM3U", "a streaming playlist"),
        (rb"\s*[{\[]", "a JSON document"),
        (rb"%PDF-", "a PDF document"),
        (rb"PK\x03\x04|\x1f\x8b|7z\xbc\xaf", "an archive"),
        (rb"[\t\n\r\x20-\x7e]{1,256}", "a text"),
    )
)


def sniff(head: bytes) -> MediaType | None:
    """The format of a file.

    Args:
        head: The beginning of the file, `HEAD_BYTES` long where the file is.

    Returns:
        The format, or None when it is none of `FORMATS`.
    """
    if box := _FTYP.match(head):
        return _iso_type(head, box)
    return next((media_type for pattern, media_type in _SIGNATURES if pattern.match(head)), None)


def describe(head: bytes) -> str:
    """What a file is, in words for a message: `a video (video/mp4)`, `an HTML page`."""
    if media_type := sniff(head):
        article = "a" if media_type.kind == "video" else "an"
        return f"{article} {media_type.kind} ({media_type.mime_type})"
    return next((words for pattern, words in _OTHER_THINGS if pattern.match(head)), "a file of an unknown format")


def _iso_type(head: bytes, box: re.Match[bytes]) -> MediaType:
    major = box["major"]
    if major in _BRANDS:
        return _BRANDS[major]
    # Only a still picture's general brand is made precise by its compatible brands: a camera's MP4 may list `heic`.
    if major in _STILL_BRANDS:
        end = min(len(head), int.from_bytes(box["size"], "big"))
        brands = (head[start : start + 4] for start in range(16, end - 3, 4))
        return next((_BRANDS[brand] for brand in brands if brand in _BRANDS), _HEIC)
    return _MP4
