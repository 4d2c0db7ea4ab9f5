"""What an endpoint documents of the media it takes, against what is known of those given. Pure.

What is not known never refuses: it is told instead.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

from videogen_mcp.catalogue.rules import said
from videogen_mcp.catalogue.schema import Endpoint, Param
from videogen_mcp.errors import InvalidRequest
from videogen_mcp.types import Json, Media, MediaFacts, file_name_of, texts_in

MEGABYTE: Final = 1024 * 1024
"""The larger of the two readings of MB: between them, the endpoint decides."""

_SECONDS_SLACK: Final = 0.05
"""Ten seconds of frames and sound are 10.04 s in most files; Kling writes 10 s and takes 10.05 s."""

_TOTAL_SECONDS_SLACK: Final = 0.2
"""The same over a list: Seedance 2.5 writes 30.2 s for thirty."""

_FPS_SLACK: Final = 0.1
"""The rates of television are a thousandth below their names: 24 is 23.976."""

_RATIO_SLACK: Final = 0.005
"""Documented ratios have two digits: 0.40 to 2.50."""

_TIER_SLACK: Final = 0.01
"""Seedance writes "about": 848x480 is of the tier 480p, and a little smaller than the 640x640 given for it."""

_NAMES_TOLD: Final = 3

_UNKNOWN: Final = MediaFacts(measured=False)

_Given: TypeAlias = tuple[str, MediaFacts]
"""A medium's text in the body, and what is known of it."""

_FORMATS: Final[dict[str, frozenset[str]]] = {
    mime_type: frozenset(names.split())
    for mime_types, names in (
        ("image/jpeg image/jpg image/pjpeg", "jpeg jpg"),
        ("image/png", "png"),
        ("image/webp", "webp"),
        ("image/gif", "gif"),
        ("image/bmp image/x-ms-bmp", "bmp"),
        ("image/tiff", "tiff tif"),
        ("image/avif", "avif"),
        ("image/heic image/heif", "heic heif"),
        ("video/mp4 video/x-m4v", "mp4 m4v"),
        ("video/quicktime", "mov quicktime"),
        ("video/webm", "webm"),
        ("video/x-matroska", "mkv matroska"),
        ("video/x-msvideo video/avi", "avi"),
        ("audio/wav audio/x-wav audio/wave audio/vnd.wave", "wav x-wav"),
        ("audio/mpeg audio/mp3", "mp3 mpeg"),
        ("audio/aac audio/x-aac", "aac"),
        ("audio/ogg", "ogg"),
        ("audio/flac audio/x-flac", "flac"),
        ("audio/mp4 audio/x-m4a audio/m4a", "m4a"),
    )
    for mime_type in mime_types.split()
}
"""The catalogue's words for each format, by its MIME types; one that is not here is not judged."""


@dataclass(frozen=True)
class _Limit:
    """One documented limit of a medium, or of a whole list of them.

    Attributes:
        quality: What it limits.
        allowed: What is allowed, in words.
        value: What is known of that, by the facts of each medium; None: not enough to judge.
        keeps: Whether a value is allowed.
        shown: A value in words, after the medium's name.
    """

    quality: str
    allowed: str
    value: Callable[[Sequence[MediaFacts]], Any]
    keeps: Callable[[Any], bool]
    shown: Callable[[Any], str]


def check_media(endpoint: Endpoint, body: Json, media: Media) -> None:
    """Check the media of a body against the limits of their parameters.

    Args:
        endpoint: The contract.
        body: The body, with the media as the request gives them.
        media: What is known of them.

    Raises:
        InvalidRequest: One breaks a limit; names the argument, what was given and what is allowed.
    """
    for argument, group, limits in _limited(endpoint, body, media):
        for limit in limits:
            value = limit.value([facts for _, facts in group])
            if value is not None and not limit.keeps(value):
                message = f"{_named(argument, group)} {limit.shown(value)}; the endpoint takes {limit.allowed}."
                raise InvalidRequest(message, field=argument, endpoint=endpoint.key)


def unverified(endpoint: Endpoint, body: Json, media: Media) -> tuple[str, ...]:
    """What is documented of the media but could not be checked, in sentences.

    Args:
        endpoint: The contract.
        body: The body, with the media as the request gives them.
        media: What is known of them.
    """
    told: dict[tuple[str, str, str, str], list[_Given]] = {}
    for argument, group, limits in _limited(endpoint, body, media):
        missing = [limit for limit in limits if any(limit.value([facts]) is None for _, facts in group)]
        if missing:
            qualities = _listed(limit.quality for limit in missing)
            allowed = _listed(limit.allowed for limit in missing)
            silent = any(facts is not _UNKNOWN and not facts.measured for _, facts in group)
            why = ", because the host did not say" if silent else ""
            told.setdefault((argument, qualities, why, allowed), []).extend(group)
    return tuple(
        f"{_named(argument, group)}: {qualities} could not be checked{why}; the endpoint takes {allowed}."
        for (argument, qualities, why, allowed), group in told.items()
    )


def media_in(value: Any, media: Media) -> list[_Given]:
    """The media in a parameter's value, each with what is known of it.

    An item of a list may be an object: its texts that something is known of are its media. Where nothing in an item
    is known, it counts as one unknown medium.

    Args:
        value: The parameter's value in the body.
        media: What is known.
    """
    found: list[_Given] = []
    for item in cast("list[Any]", value) if isinstance(value, list) else [value]:
        texts = sorted(texts_in(item), key=_is_no_address)
        found += [(text, media[text]) for text in texts if text in media] or [(text, _UNKNOWN) for text in texts[:1]]
    return found


def _is_no_address(text: str) -> bool:
    return "://" not in text and not text.startswith(("data:", "video:"))


def _limited(endpoint: Endpoint, body: Json, media: Media) -> Iterator[tuple[str, list[_Given], list[_Limit]]]:
    """Argument, media, and the limits that hold for them: for each medium alone, then for a list together."""
    for name, value in body.items():
        param = endpoint.params.get(name)
        if param is None:
            continue
        given, argument = media_in(value, media), said(endpoint, name)
        if limits := list(_limits_of_one(param)):
            yield from ((argument, [one], limits) for one in given)
        if given and (limits := list(_limits_together(param))):
            yield argument, given, limits


def _limits_of_one(param: Param) -> Iterator[_Limit]:
    if param.formats:
        yield _format_limit(param.formats)
    yield from _range("its file size", (None, param.max_megabytes), "MB", _megabytes, "has {:.1f} MB")
    yield from _range(
        "its length", (param.min_seconds, param.max_seconds), "s", _seconds, "has {:.4g} s", slack=_SECONDS_SLACK
    )
    if param.min_size or param.max_size:
        yield _size_limit(param.min_size, param.max_size)
    yield from _range(
        "its ratio",
        (param.min_ratio, param.max_ratio),
        "times as wide as high",
        _ratio,
        "is {:.2f} times as wide as high",
        slack=_RATIO_SLACK,
    )
    yield from _range(
        "its frame rate",
        (param.min_fps, param.max_fps),
        "frames per second",
        _fps,
        "has {:.4g} frames per second",
        slack=_FPS_SLACK,
    )


def _limits_together(param: Param) -> Iterator[_Limit]:
    together = (None, param.max_total_megabytes)
    yield from _range("the file size together", together, "MB together", _megabytes, "have {:.1f} MB together")
    yield from _range(
        "the length together",
        (param.min_total_seconds, param.max_total_seconds),
        "s together",
        _seconds,
        "have {:.4g} s together",
        slack=_TOTAL_SECONDS_SLACK,
    )


def _range(
    quality: str,
    bounds: tuple[float | None, float | None],
    unit: str,
    value: Callable[[MediaFacts], float | None],
    shown: str,
    *,
    slack: float = 0.0,
) -> Iterator[_Limit]:
    """A limit on the sum of a number over the media given; none where neither bound is documented."""
    least, most = bounds
    if least is None and most is None:
        return

    def total(facts: Sequence[MediaFacts]) -> float | None:
        known = [number for one in facts if (number := value(one)) is not None]
        # With some unknown the sum is a lower bound: it can break the upper limit, and tells nothing else.
        is_broken = most is not None and sum(known) > most + slack
        return sum(known) if is_broken or len(known) == len(facts) else None

    def keeps(number: float) -> bool:
        return (least is None or number >= least - slack) and (most is None or number <= most + slack)

    yield _Limit(quality, f"{_words(least, most)} {unit}", total, keeps, shown.format)


def _format_limit(formats: tuple[str, ...]) -> _Limit:
    def known(facts: Sequence[MediaFacts]) -> str | None:
        return facts[0].mime_type if facts[0].mime_type in _FORMATS else None

    return _Limit(
        "its format",
        " or ".join(formats),
        known,
        lambda mime_type: not _FORMATS[mime_type].isdisjoint(formats),
        "is {}".format,
    )


def _size_limit(min_size: str | None, max_size: str | None) -> _Limit:
    """A limit on both sides of a picture, or on its number of pixels.

    A square names a side, and both have to keep to it. Another size names a tier, such as 720p by 834x1112, and a tier
    is a number of pixels: pictures of any ratio and either way up belong to it.
    """
    least, most = _sides(min_size), _sides(max_size)
    is_tier = any(size is not None and size[0] != size[1] for size in (least, most))

    def measured(size: tuple[int, int]) -> tuple[int, int]:
        pixels = size[0] * size[1]
        return (pixels, pixels) if is_tier else (min(size), max(size))

    def known(facts: Sequence[MediaFacts]) -> tuple[int, int] | None:
        width, height = facts[0].width, facts[0].height
        return None if width is None or height is None else (width, height)

    def keeps(size: tuple[int, int]) -> bool:
        smaller, larger = measured(size)
        slack = _TIER_SLACK if is_tier else 0.0
        is_large_enough = least is None or smaller >= measured(least)[0] * (1 - slack)
        return is_large_enough and (most is None or larger <= measured(most)[1] * (1 + slack))

    allowed = f"{_words(min_size, max_size)} pixels"
    return _Limit(
        "its size in pixels",
        f"as many as {allowed}" if is_tier else allowed,
        known,
        keeps,
        lambda size: f"has {size[0]}x{size[1]} pixels",
    )


def _sides(size: str | None) -> tuple[int, int] | None:
    if size is None:
        return None
    width, _, height = size.partition("x")
    return int(width), int(height)


def _megabytes(facts: MediaFacts) -> float | None:
    return None if facts.size_bytes is None else facts.size_bytes / MEGABYTE


def _seconds(facts: MediaFacts) -> float | None:
    return facts.seconds


def _fps(facts: MediaFacts) -> float | None:
    return facts.fps


def _ratio(facts: MediaFacts) -> float | None:
    return None if facts.width is None or not facts.height else facts.width / facts.height


def _words(least: float | str | None, most: float | str | None) -> str:
    low, high = (f"{bound:g}" if isinstance(bound, float) else bound for bound in (least, most))
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"{low} to {high}"


def _listed(parts: Iterable[str]) -> str:
    """Parts of a sentence: `a, b and c`."""
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def _named(argument: str, given: Sequence[_Given]) -> str:
    """The argument and its media, the first of them by name."""
    names = [repr(file_name_of(text)) for text, _ in given]
    more = [f"{len(names) - _NAMES_TOLD} more"] if len(names) > _NAMES_TOLD else []
    return f"{argument} {_listed([*names[:_NAMES_TOLD], *more])}"
