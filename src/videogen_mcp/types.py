"""The words of the product: what a caller asks for, and what the finished clip is."""

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from pathlib import PurePath
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeAlias, cast, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from videogen_mcp.errors import InvalidRequest

Json: TypeAlias = dict[str, Any]
"""A JSON object, as sent to and received from gateways."""

Mode = Literal[
    "text_to_video",
    "image_to_video",
    "first_last_frame",
    "reference_to_video",
    "video_to_video",
    "extend",
    "reframe",
    "lip_sync",
    "sound_effects",
    "effects",
]
MODES: tuple[Mode, ...] = get_args(Mode)

Intent = Literal[
    "cinematic",
    "dialogue",
    "presenter",
    "product",
    "social",
    "landscape",
    "anime",
    "action",
    "multi_shot",
    "draft",
    "general",
]
INTENTS: tuple[Intent, ...] = get_args(Intent)

Priority = Literal["balanced", "quality", "cost", "speed"]
PRIORITIES: tuple[Priority, ...] = get_args(Priority)

Resolution = Literal["480p", "540p", "720p", "768p", "1080p", "2k", "4k"]
RESOLUTIONS: tuple[Resolution, ...] = get_args(Resolution)

JobStatus = Literal["queued", "working", "completed", "failed", "cancelled", "uncertain"]
AttemptStatus = Literal["prepared", "submitting", "submitted", "succeeded", "failed", "cancelled", "uncertain"]

MediaKind = Literal["image", "video", "audio"]

MEDIA_FIELDS: dict[str, MediaKind] = {
    "first_frame": "image",
    "last_frame": "image",
    "reference_images": "image",
    "reference_videos": "video",
    "reference_audio": "audio",
    "source_video": "video",
    "source_audio": "audio",
}
"""The arguments that carry media, and which kind each one takes."""

MODE_NEEDS: dict[Mode, tuple[tuple[str, ...], ...]] = {
    "text_to_video": (),
    "image_to_video": (("first_frame",),),
    "first_last_frame": (("first_frame",), ("last_frame",)),
    "reference_to_video": (("reference_images", "reference_videos"),),
    "video_to_video": (("source_video",),),
    "extend": (("source_video",),),
    "reframe": (("source_video",),),
    "lip_sync": (("source_video",),),
    "sound_effects": (("source_video",),),
    "effects": (("first_frame", "reference_images", "source_video"),),
}
"""What each mode cannot do without: of every inner tuple at least one argument must be given."""

LINES: dict[Resolution, int] = {
    "480p": 480,
    "540p": 540,
    "720p": 720,
    "768p": 768,
    "1080p": 1080,
    "2k": 1440,
    "4k": 2160,
}
"""Pixels on the short side of a frame, by resolution name."""

AspectRatio = Annotated[str, StringConstraints(pattern=r"^(auto|[1-9]\d{0,2}:[1-9]\d{0,2})$")]

MAX_PROMPT_CHARACTERS = 20_000
"""The longest prompt taken from a caller at all; endpoints have their own, lower limits."""


class VideoRequest(BaseModel):
    """What a caller wants, in the words of the public contract (§4.1).

    Media are given as an `https://` URL, a `data:` URI, a local path, or `video:<job_id>`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    prompt: Annotated[str, Field(max_length=MAX_PROMPT_CHARACTERS)] = ""
    mode: Literal[Mode, "auto"] = "auto"
    first_frame: str | None = None
    last_frame: str | None = None
    reference_images: tuple[str, ...] = ()
    reference_videos: tuple[str, ...] = ()
    reference_audio: tuple[str, ...] = ()
    source_video: str | None = None
    source_audio: str | None = None
    duration: Annotated[float, Field(gt=0, le=600)] | None = None
    aspect_ratio: AspectRatio | None = None
    resolution: Resolution | None = None
    generate_audio: bool | None = None
    negative_prompt: Annotated[str, Field(max_length=MAX_PROMPT_CHARACTERS)] | None = None
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] | None = None
    options: dict[str, Any] = Field(default_factory=dict[str, Any])
    max_cost_usd: Annotated[float, Field(ge=0)] | None = None
    allow_fallback: bool = True
    request_key: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    intent: Literal[Intent, "auto"] = "auto"
    priority: Priority = "balanced"
    provider: str | None = None
    gateway: str | None = None
    model: str | None = None
    endpoint: str | None = None
    exclude: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """The same for the same request, and for no other."""
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()

    def media(self) -> Iterator[tuple[str, str]]:
        """Every medium given, as (argument name, value), in the order of the contract."""
        for field in MEDIA_FIELDS:
            value: str | tuple[str, ...] | None = getattr(self, field)
            for one in (value,) if isinstance(value, str) else value or ():
                yield field, one


@dataclass(frozen=True)
class MediaFacts:
    """What was found out about one medium; None: not known.

    Attributes:
        mime_type: Such as `image/png`: told from the content of a file, by the host of an address.
        size_bytes: Length in bytes.
        width: Pixels; of a picture as it is shown, of a clip as it is stored.
        height: Pixels, likewise.
        seconds: Length of a clip or a sound.
        fps: Frames per second.
        measured: False for an address that was asked for and whose host gave no answer that can be used.
    """

    mime_type: str | None = None
    size_bytes: int | None = None
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    fps: float | None = None
    measured: bool = True


Media: TypeAlias = Mapping[str, MediaFacts]
"""What is known of media, by the very text that stands for each in the request."""

NOTHING_MEASURED: Media = MappingProxyType({})


class Video(BaseModel):
    """A finished clip on disk (public contract, §4.2).

    Attributes:
        path: Where the file is.
        resource_uri: `videogen://videos/<job_id>`.
        url: The gateway's own address, which may expire; `null` for a local rendering.
        mime_type: `video/mp4` or `video/webm`.
        size_bytes: Length of the file in bytes.
        sha256: Hexadecimal digest of the file.
        width: Pixels.
        height: Pixels.
        duration_seconds: Length of the picture in seconds.
        fps: Frames per second.
        has_audio: Whether there is an audio track.
        poster_path: A JPEG of one frame.
        contact_sheet_path: A JPEG with six frames, so that a model can look at the clip.
        checks: What a look at the frames found: `black`, `frozen`, `silent`, `shorter_than_asked`, `other_ratio`.
        details: What else the gateway told of it, such as the seed used, or HeyGen's `video_id` and `asset_id`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    resource_uri: str
    url: str | None
    mime_type: str
    size_bytes: int
    sha256: str
    width: int
    height: int
    duration_seconds: float
    fps: float
    has_audio: bool
    poster_path: str | None
    contact_sheet_path: str | None
    checks: tuple[str, ...] = ()
    details: dict[str, Any] = Field(default_factory=dict[str, Any])


def ratio_of(aspect_ratio: str) -> Fraction:
    """Width over height of a ratio written `16:9`.

    Raises:
        ValueError: It is `auto` or not of that form.
    """
    width, _, height = aspect_ratio.partition(":")
    return Fraction(int(width), int(height))


def pixel_size(resolution: Resolution, aspect_ratio: str) -> tuple[int, int]:
    """Width and height in pixels, both even: the resolution names the short side.

    Raises:
        ValueError: The ratio is `auto` or malformed.
    """
    ratio, lines = ratio_of(aspect_ratio), LINES[resolution]
    if ratio >= 1:
        return 2 * round(lines * ratio / 2), lines
    return lines, 2 * round(lines / ratio / 2)


def texts_in(value: Any) -> Iterator[str]:
    """Every text anywhere in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in cast("Json", value).values():
            yield from texts_in(one)
    elif isinstance(value, list):
        for one in cast("list[Any]", value):
            yield from texts_in(one)


_TELLABLE_NAMES = 30


def told_names(given: str, names: Collection[str]) -> str:
    """What to name when a name is not known: all there are, or of very many the few that look like it."""
    if len(names) <= _TELLABLE_NAMES:
        return f"allowed: {', '.join(names)}"
    close = get_close_matches(given, names, n=5, cutoff=0.4)
    nearest = f"; nearest: {', '.join(close)}" if close else ""
    return f"allowed: the {len(names)} that video_models lists{nearest}"


def is_address(medium: str) -> bool:
    """Whether a medium is given by an address of the network; otherwise it is a file, data, or an earlier clip."""
    scheme, separator, _ = medium.partition("://")
    return bool(separator) and scheme.isalpha() and scheme.lower() != "file"


def file_name_of(medium: str) -> str:
    """A short form of a medium that is safe in a message: no folder, no query, no password, no data."""
    if medium.startswith("data:"):
        return f"{medium.partition(',')[0][:60]},… ({len(medium)} characters)"
    scheme, separator, rest = medium.partition("://")
    if not separator or scheme.lower() == "file":
        return PurePath(rest or medium).name
    host, slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"[:200]


def make_request(fields: Mapping[str, Any]) -> VideoRequest:
    """Build a request from what a caller gave; arguments that are None count as not given.

    Raises:
        InvalidRequest: One cannot be used; names the argument, what was given and what is allowed.
    """
    try:
        return VideoRequest.model_validate({name: value for name, value in fields.items() if value is not None})
    except ValidationError as error:
        raise refusal_of(error) from error


_SHOWN_CHARACTERS = 80
_ALLOWED: dict[str, str] = {"aspect_ratio": "two whole numbers such as 16:9, or auto"}
_WORDS: dict[str, str] = {
    "missing": "is missing",
    "extra_forbidden": "is not an argument here",
    "greater_than": "{given} is not allowed; it must be more than {gt:g}",
    "greater_than_equal": "{given} is not allowed; it must be at least {ge:g}",
    "less_than_equal": "{given} is not allowed; it must be at most {le:g}",
    "string_too_long": "is too long; it may have at most {max_length} characters",
    "string_too_short": "is empty; it needs at least {min_length} character",
    "finite_number": "{given} is not allowed; it must be a number",
    "float_parsing": "{given} is not allowed; it must be a number",
    "float_type": "{given} is not allowed; it must be a number",
    "int_parsing": "{given} is not allowed; it must be a whole number",
    "int_type": "{given} is not allowed; it must be a whole number",
    "int_from_float": "{given} is not allowed; it must be a whole number",
    "bool_parsing": "{given} is not allowed; it must be true or false",
    "bool_type": "{given} is not allowed; it must be true or false",
    "string_type": "{given} is not allowed; it must be text",
    "tuple_type": "{given} is not allowed; it must be a list",
    "dict_type": "{given} is not allowed; it must be an object",
}
"""What the validator found, in plain words."""


def refusal_of(error: ValidationError) -> InvalidRequest:
    """The first thing that is wrong with arguments, as a sentence without the validator's own jargon."""
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "the arguments"
    given = repr(first.get("input"))
    given = given if len(given) <= _SHOWN_CHARACTERS else f"{given[:_SHOWN_CHARACTERS]}…"
    context = first.get("ctx", {})
    allowed = _ALLOWED.get(field) or str(context.get("expected", "")).replace("'", "").replace(" or ", ", ")
    if first["type"] in _WORDS:
        words = _WORDS[first["type"]].format(given=given, **context)
    elif allowed:
        words = f"{given} is not allowed; allowed: {allowed}"
    else:
        words = f"{given} is not allowed: {first['msg'].removeprefix('Value error, ')}"
    return InvalidRequest(f"{field} {words}.", field=field.partition(".")[0])
