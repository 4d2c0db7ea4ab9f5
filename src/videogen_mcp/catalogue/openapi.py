"""A contract out of a live OpenAPI document, and how it differs from the catalogue's. Pure.

What an argument of the public contract is called on the wire is a matter of convention at fal: the names below are
those of the recorded endpoints. A parameter under any other name can be set through `options`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from videogen_mcp.catalogue.difference import Difference, DifferenceKind
from videogen_mcp.catalogue.fit import lines_of, seconds_of
from videogen_mcp.catalogue.json_schema import input_schema, ordered_properties, param_of
from videogen_mcp.catalogue.schema import Endpoint, Param
from videogen_mcp.errors import VideoGenError
from videogen_mcp.types import MEDIA_FIELDS, Json, Mode

SOURCE = "fal OpenAPI (api.fal.ai/v1/models)"

_WIRE_NAMES: Mapping[str, tuple[str, ...]] = {
    "prompt": ("prompt",),
    "negative_prompt": ("negative_prompt",),
    "seed": ("seed",),
    "aspect_ratio": ("aspect_ratio",),
    "resolution": ("resolution",),
    "generate_audio": ("generate_audio", "enable_audio", "generate_audio_switch", "audio"),
    "duration": ("duration", "num_frames"),
    "first_frame": ("start_image_url", "first_frame_url", "first_image_url", "image_url"),
    "last_frame": ("end_image_url", "tail_image_url", "last_frame_url", "last_image_url"),
    "reference_images": (
        "reference_image_urls",
        "image_urls",
        "input_image_urls",
        "reference_image_url",
        "subject_reference_image_url",
    ),
    "reference_videos": ("reference_video_urls", "video_urls"),
    "reference_audio": ("reference_audio_urls", "audio_urls"),
    "source_video": ("video_url",),
    "source_audio": ("audio_url",),
}
"""Argument -> the names it goes by, the more telling one first: an argument is carried once."""
_RATE_NAMES = ("frames_per_second", "fps", "frame_rate")
_AUTOMATIC = ("auto", "adaptive")
_USUAL_SECONDS = 5.0
_USUAL_LINES = 720

_VIDEO_MODES: Mapping[str, Mode] = {
    "extend": "extend",
    "extension": "extend",
    "reframe": "reframe",
    "lipsync": "lip_sync",
    "lip-sync": "lip_sync",
    "video-to-audio": "sound_effects",
    "foley": "sound_effects",
}
"""What a part of the id says of an endpoint that takes a clip."""
_MEDIA_IN_ID = ("image-to-video", "reference-to-video", "frame-to-video", "i2v", "-lf2v", "flf2v")


def endpoint_from_openapi(endpoint_id: str, document: Json, checked: date) -> Endpoint:
    """The contract of a fal endpoint as its OpenAPI document states it.

    Args:
        endpoint_id: The gateway's own id.
        document: The OpenAPI document.
        checked: The day it was read.

    Raises:
        VideoGenError: It states no input, or one that no video can be made from.
    """
    schema = input_schema(endpoint_id, document)
    demanded = schema.get("required")
    required = cast("list[Any]", demanded) if isinstance(demanded, list) else []
    plain = {name: param_of(one, document, required=name in required) for name, one in ordered_properties(schema)}
    params = {name: param.model_copy(update=_meaning(name, param, plain)) for name, param in plain.items()}
    modes = _modes(endpoint_id, params)
    if not modes:
        raise VideoGenError(f"The live contract of {endpoint_id} takes neither a prompt nor a medium.")
    return Endpoint(
        id=endpoint_id,
        gateway="fal",
        model=endpoint_id,
        modes=modes,
        params=params,
        source=SOURCE,
        checked=checked,
        note="Not in the catalogue: the contract is fal's own, what each parameter carries is told by its name.",
    )


def _meaning(name: str, param: Param, params: Mapping[str, Param]) -> Json:
    """What a parameter's name and type say beyond its schema: what it carries, which values choose by themselves."""
    argument = next((one for one, names in _WIRE_NAMES.items() if name in names), None)
    if argument is None or _carrier(argument, params) != name:
        return {}
    automatic = tuple(value for value in param.values if value in _AUTOMATIC)
    said: Json = {"source": (argument,), "automatic": automatic}
    if name == "num_frames":
        rate = _rate(params)
        # A length of whole seconds plus one: 81 frames are five seconds at 16 per second.
        is_one_more = isinstance(param.default, int) and param.default % 2 == 1
        said |= {"per_second": rate, "plus": int(is_one_more)}
    if param.default in automatic:
        said["preset"] = _usual(argument, param, automatic)
    return said


def _carrier(argument: str, params: Mapping[str, Param]) -> str | None:
    """The parameter that carries an argument: the first of its names whose type can."""
    return next((name for name in _WIRE_NAMES[argument] if name in params and _can_carry(argument, name, params)), None)


def _can_carry(argument: str, name: str, params: Mapping[str, Param]) -> bool:
    """Whether a parameter under one of the argument's names is of a kind that the encoder can fill."""
    param = params[name]
    if name == "num_frames":
        return param.type == "integer" and _rate(params) is not None
    if argument in _CAN_CARRY:
        return _CAN_CARRY[argument](param)
    return param.type == "string" and not param.values


def _carries_list(param: Param) -> bool:
    return param.type == "string" or (param.type == "array" and param.schema_ is None)


_CAN_CARRY: Mapping[str, Callable[[Param], bool]] = {
    "generate_audio": lambda param: param.type == "boolean",
    "seed": lambda param: param.type == "integer",
    "aspect_ratio": lambda param: any(":" in str(value) for value in param.values),
    "resolution": lambda param: any(lines_of(str(value)) is not None for value in param.values),
    "duration": lambda param: (
        param.type in {"integer", "number"} or any(seconds_of(value) is not None for value in param.values)
    ),
    "reference_images": _carries_list,
    "reference_videos": _carries_list,
    "reference_audio": _carries_list,
}


def _rate(params: Mapping[str, Param]) -> str | None:
    """The parameter that holds the frames per second, where it has a figure of its own."""
    return next((name for name in _RATE_NAMES if name in params and params[name].default), None)


def _usual(argument: str, param: Param, automatic: tuple[Any, ...]) -> Any:
    """What is sent where the endpoint would choose what decides the bill; None where it decides nothing."""
    rest = [value for value in param.values if value not in automatic]
    if argument == "duration":
        lengths = [(abs((seconds_of(value) or 0) - _USUAL_SECONDS), value) for value in rest if seconds_of(value)]
        return min(lengths, key=lambda pair: pair[0])[1] if lengths else None
    if argument == "resolution":
        sizes = [(abs((lines_of(str(value)) or 0) - _USUAL_LINES), value) for value in rest if lines_of(str(value))]
        return min(sizes, key=lambda pair: pair[0])[1] if sizes else None
    return None


def _modes(endpoint_id: str, params: Mapping[str, Param]) -> tuple[Mode, ...]:
    """What an endpoint can do, from what it takes and demands; its id decides where that leaves a choice."""
    takes = {argument: param.required for param in params.values() for argument in param.source}
    is_free = not any(takes.get(name) for name in MEDIA_FIELDS) and not any(
        part in endpoint_id for part in _MEDIA_IN_ID
    )
    is_from_image = not takes.get("last_frame") and "reference-to-video" not in endpoint_id
    needs_video = takes.get("source_video", False)
    possible: tuple[tuple[Mode, bool], ...] = (
        ("text_to_video", "prompt" in takes and is_free),
        ("image_to_video", "first_frame" in takes and is_from_image and not needs_video),
        ("first_last_frame", {"first_frame", "last_frame"} <= takes.keys() and not needs_video),
        ("reference_to_video", bool(takes.keys() & {"reference_images", "reference_videos"}) and not needs_video),
        (_mode_of_clip(endpoint_id, takes), "source_video" in takes),
    )
    modes: tuple[Mode, ...] = tuple(mode for mode, can in possible if can)
    if modes or "prompt" not in takes:
        return modes
    # Its medium goes by a name that says nothing; it can still be given through `options`.
    return ("text_to_video",)


def _mode_of_clip(endpoint_id: str, takes: Mapping[str, bool]) -> Mode:
    """What is done to a clip that is given."""
    for part, mode in _VIDEO_MODES.items():
        if part in endpoint_id:
            return mode
    return "lip_sync" if takes.get("source_audio") else "video_to_video"


@dataclass(frozen=True)
class LiveContract:
    """What the gateway lists under an endpoint id.

    Attributes:
        document: Its OpenAPI document, None where the gateway has none to give.
        status: `active` or `deprecated`, as the gateway says it; empty where it says nothing.
        read: The day on which it said so.
    """

    document: Json | None
    status: str
    read: date


def check(endpoint: Endpoint, contract: LiveContract | None) -> tuple[Difference, ...]:
    """Hold what the gateway lists, or that it lists nothing, against the catalogue's entry."""
    is_served = contract is not None and contract.status != "deprecated"
    if endpoint.status in {"announced", "delisted"}:
        told = f"fal lists it; the catalogue says {endpoint.status}."
        return (Difference(endpoint.key, "listing", told),) if is_served else ()
    if contract is None or not is_served:
        told = "fal does not list it." if contract is None else "fal lists it as deprecated."
        return (Difference(endpoint.key, "listing", told),)
    if contract.document is None:
        return (Difference(endpoint.key, "listing", "fal lists it and gives no contract."),)
    try:
        live = endpoint_from_openapi(endpoint.id, contract.document, contract.read)
    except VideoGenError as error:
        return (Difference(endpoint.key, "listing", error.message),)
    return compare(endpoint, live)


def compare(endpoint: Endpoint, live: Endpoint) -> tuple[Difference, ...]:
    """Every difference between the catalogue's contract and the live one, parameter by parameter.

    What only one side states is told for parameters, values, defaults and the required flag; a limit only where the
    live contract states another, as many limits stand in fal's prose and not in its schema.
    """
    found: list[Difference] = []
    for name in dict.fromkeys([*endpoint.params, *live.params]):
        ours, theirs = endpoint.params.get(name), live.params.get(name)
        if ours is None:
            found.append(_difference(endpoint, "new", name, "fal takes it, the catalogue does not know it"))
        elif theirs is None:
            found.append(_difference(endpoint, "missing", name, "the catalogue has it, fal's contract does not"))
        else:
            found += [_difference(endpoint, kind, name, sentence) for kind, sentence in _between(ours, theirs)]
    return tuple(found)


def _difference(endpoint: Endpoint, kind: DifferenceKind, name: str, sentence: str) -> Difference:
    return Difference(endpoint.key, kind, f"parameter {name}: {sentence}.", name)


def _between(ours: Param, theirs: Param) -> Iterator[tuple[DifferenceKind, str]]:
    """What differs between two descriptions of one parameter."""
    if ours.type != theirs.type:
        yield "type", f"fal says {theirs.type}, the catalogue {ours.type}"
    if set(ours.values) != set(theirs.values) and not _is_spelt_out(ours, theirs):
        yield "values", f"fal says {_words(theirs.values)}, the catalogue {_words(ours.values)}"
    if ours.default != theirs.default and ours.const is None:
        yield "default", f"fal says {_told(theirs.default)}, the catalogue {_told(ours.default)}"
    if ours.required != theirs.required:
        demanded, free = ("fal", "the catalogue") if theirs.required else ("the catalogue", "fal")
        yield "required", f"{demanded} demands it, {free} does not"
    for limit, word in _LIMITS.items():
        said: float | None = getattr(theirs, limit)
        held: float | None = getattr(ours, limit)
        if said is not None and said != held and not (limit in {"minimum", "maximum"} and ours.values):
            yield "limits", f"fal says {word} {said:g}, the catalogue {'nothing' if held is None else f'{held:g}'}"


_LIMITS: Mapping[str, str] = {
    "minimum": "at least",
    "maximum": "at most",
    "max_chars": "at most so many characters:",
    "min_items": "at least so many items:",
    "max_items": "at most so many items:",
}


def _is_spelt_out(ours: Param, theirs: Param) -> bool:
    """Whether the catalogue lists what the live contract states as a range of whole numbers."""
    if theirs.values or theirs.type != "integer" or theirs.minimum is None or theirs.maximum is None:
        return False
    return [float(value) for value in ours.values if isinstance(value, int)] == [
        float(value) for value in range(int(theirs.minimum), int(theirs.maximum) + 1)
    ]


def _words(values: tuple[Any, ...]) -> str:
    return "one of " + ", ".join(str(value) for value in values) if values else "any value"


def _told(default: Any) -> str:
    return "no default" if default is None else f"default {default!r}"
