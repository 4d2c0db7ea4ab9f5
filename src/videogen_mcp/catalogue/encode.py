"""From (endpoint, mode, request) to the very body that is sent, or the reason why it cannot be. Pure.

Two classes of loss: media, mode, aspect ratio and wanted sound are *hard*, an endpoint that cannot carry them is
refused; seed, negative prompt and options are *soft*, dropped and reported. Duration and resolution are fitted: the
smallest value on offer that is not below what was asked, and the difference is reported.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from videogen_mcp.catalogue.fit import fit_duration, fit_resolution, seconds_of
from videogen_mcp.catalogue.rules import check_rules
from videogen_mcp.catalogue.schema import Endpoint, Param, is_of_type
from videogen_mcp.errors import InvalidRequest
from videogen_mcp.types import MEDIA_FIELDS, MODE_NEEDS, Json, Mode, VideoRequest, file_name_of


@dataclass(frozen=True)
class Change:
    """One difference between what was asked and what is sent.

    Attributes:
        field: The argument of the contract, or `options.<name>`.
        asked: What the caller asked for; None when nothing was said.
        sent: What is sent; None when it is dropped.
        why: The reason, in a clause.
    """

    field: str
    asked: Any
    sent: Any
    why: str


@dataclass(frozen=True)
class Payload:
    """A body ready to be sent, and what it stands for.

    Attributes:
        body: The JSON object for the endpoint.
        changes: Every difference from the request.
        warnings: What the caller should know besides.
        seconds: The clip's length in seconds, None where the endpoint decides.
        resolution: The resolution's wire name, None where unknown.
        aspect_ratio: The ratio sent or fixed, None where the endpoint decides.
        has_audio: Whether the clip will have sound.
    """

    body: Json
    changes: tuple[Change, ...] = ()
    warnings: tuple[str, ...] = ()
    seconds: float | None = None
    resolution: str | None = None
    aspect_ratio: str | None = None
    has_audio: bool = False


@dataclass
class _Draft:
    """The body while it is being built."""

    endpoint: Endpoint
    mode: Mode
    request: VideoRequest
    body: Json = field(default_factory=dict[str, Any])
    changes: list[Change] = field(default_factory=list[Change])
    warnings: list[str] = field(default_factory=list[str])
    seconds: float | None = None
    resolution: str | None = None
    aspect_ratio: str | None = None
    has_audio: bool = False

    def refuse(self, field_name: str, message: str) -> InvalidRequest:
        return InvalidRequest(message, field=field_name, endpoint=self.endpoint.key)

    def change(self, field_name: str, asked: Any, sent: Any, why: str) -> None:
        self.changes.append(Change(field_name, asked, sent, why))


def encode(endpoint: Endpoint, mode: Mode, request: VideoRequest) -> Payload:
    """Build the body that this endpoint takes for this request.

    Args:
        endpoint: The contract to follow.
        mode: What is to be done; one of the endpoint's modes.
        request: What the caller wants.

    Raises:
        InvalidRequest: The endpoint cannot do it; names the argument, what was given and what is allowed.
    """
    draft = _Draft(endpoint, mode, request)
    _check_mode(draft)
    _take_constants(draft)
    _take_options(draft)
    _take_media(draft)
    for take in _TAKERS:
        take(draft)
    _check_required(draft)
    check_rules(endpoint, draft.body)
    return Payload(
        body={name: draft.body[name] for name in endpoint.params if name in draft.body}
        | {name: value for name, value in draft.body.items() if name not in endpoint.params},
        changes=tuple(draft.changes),
        warnings=tuple(draft.warnings),
        seconds=draft.seconds,
        resolution=draft.resolution,
        aspect_ratio=draft.aspect_ratio,
        has_audio=draft.has_audio,
    )


def _check_mode(draft: _Draft) -> None:
    if draft.mode not in draft.endpoint.modes:
        raise draft.refuse("mode", f"mode {draft.mode} is not offered; it does {', '.join(draft.endpoint.modes)}.")
    given = {name for name, _ in draft.request.media()}
    taken_by_options = {
        name for wire, param in draft.endpoint.params.items() if wire in draft.request.options for name in param.source
    }
    for group in MODE_NEEDS[draft.mode]:
        if not given.union(taken_by_options).intersection(group):
            raise draft.refuse(group[0], f"{' or '.join(group)} is missing: {draft.mode} needs it.")


def _take_constants(draft: _Draft) -> None:
    for name, param in draft.endpoint.params.items():
        if param.const is not None:
            draft.body[name] = param.const
        elif param.preset is not None and not param.source:
            draft.body[name] = param.preset


def _take_options(draft: _Draft) -> None:
    for name, value in draft.request.options.items():
        param = draft.endpoint.params.get(name)
        if param is None and not draft.endpoint.open:
            draft.change(f"options.{name}", value, None, "this endpoint has no such parameter")
        elif param is None:
            draft.body[name] = value
        elif param.const is not None:
            draft.change(f"options.{name}", value, param.const, "the endpoint's contract fixes it")
        elif said := [one for one in param.source if getattr(draft.request, one) not in (None, (), "")]:
            draft.change(f"options.{name}", value, None, f"the argument {said[0]} says the same and wins")
        else:
            draft.body[name] = _option_value(draft, name, param, value)


def _option_value(draft: _Draft, name: str, param: Param, value: Any) -> Any:
    """Validate an option; a value that differs only in JSON type or unit from a documented one is put right."""
    field_name = f"options.{name}"
    right = value
    if isinstance(value, float) and not math.isfinite(value):
        raise draft.refuse(field_name, f"{name} {value!r} is no JSON number.")
    if (param.values and value not in param.values) or not is_of_type(value, param.type):
        same = [one for one in param.values if str(one).lower() == str(value).lower() or _same_seconds(one, value)]
        if same:
            right = same[0]
        elif param.values:
            raise draft.refuse(field_name, f"{name} {value!r} is not offered; allowed: {_list(param.values)}.")
        elif not _is_number_as(param, value):
            raise draft.refuse(field_name, f"{name} {value!r} must be of JSON type {param.type}.")
        else:
            right = int(value) if param.type == "integer" else float(value)
    if right is not value and (right != value or type(right) is not type(value)):
        draft.change(field_name, value, right, "the endpoint wants it in this form")
    _check_limits(draft, field_name, param, right)
    return right


def _same_seconds(wire: Any, value: Any) -> bool:
    seconds = seconds_of(wire)
    return seconds is not None and not isinstance(value, bool) and seconds == seconds_of(value)


def _is_number_as(param: Param, value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    return param.type == "number" or (param.type == "integer" and value == int(value))


def _check_limits(draft: _Draft, field_name: str, param: Param, value: Any) -> None:
    checks: tuple[tuple[str, float | None, Callable[[Any, float], bool]], ...] = (
        ("at least {}", param.minimum, lambda v, limit: v < limit),
        ("at most {}", param.maximum, lambda v, limit: v > limit),
        ("at most {} characters", param.max_chars, lambda v, limit: len(v) > limit),
        ("at least {} items", param.min_items, lambda v, limit: len(v) < limit),
        ("at most {} items", param.max_items, lambda v, limit: len(v) > limit),
    )
    for wording, limit, breaks in checks:
        if limit is not None and breaks(value, limit):
            given = f"{len(value)} given" if "items" in wording or "characters" in wording else f"{value!r} given"
            raise draft.refuse(field_name, f"{field_name} must be {wording.format(f'{limit:g}')}; {given}.")


def _take_media(draft: _Draft) -> None:
    carried: set[str] = set()
    for name, param in draft.endpoint.params.items():
        sources = [one for one in param.source if one in MEDIA_FIELDS]
        items = [value for source in sources for field_name, value in draft.request.media() if field_name == source]
        if not items:
            continue
        carried.update(sources)
        if param.type == "array":
            _check_limits(draft, _said(draft, sources), param, items)
            draft.body[name] = items
        elif len(items) == 1:
            draft.body[name] = items[0]
        else:
            raise draft.refuse(_said(draft, sources), f"{sources[0]} takes one item here; {len(items)} given.")
    for field_name, value in draft.request.media():
        if field_name not in carried:
            raise draft.refuse(
                field_name, f"{field_name} ({file_name_of(value)}) cannot be used: no parameter takes it."
            )


def _said(draft: _Draft, sources: list[str]) -> str:
    """The argument the caller actually used, of those that a parameter carries."""
    given = [name for name, _ in draft.request.media()]
    return next(name for name in given if name in sources)


def _take_prompt(draft: _Draft) -> None:
    found = draft.endpoint.param_for("prompt")
    text = draft.request.prompt.strip()
    if found is None:
        if text:
            draft.change("prompt", text, None, "this endpoint takes no prompt")
        return
    name, param = found
    if text:
        _check_limits(draft, "prompt", param, text)
        draft.body[name] = text


def _take_duration(draft: _Draft) -> None:
    found = draft.endpoint.param_for("duration")
    asked = draft.request.duration
    if found is None:
        fixed = draft.endpoint.fixed.duration
        if asked is not None and (fixed is None or fixed < asked):
            allowed = "the endpoint has no length to set" if fixed is None else f"it is always {fixed:g} s"
            raise draft.refuse("duration", f"duration {asked:g} s is not offered; {allowed}.")
        if asked is not None and fixed != asked:
            draft.change("duration", asked, None, f"clips of this endpoint are always {fixed:g} s long")
        draft.seconds = fixed
        return
    name, param = found
    if name not in draft.body:
        wire = fit_duration(draft.endpoint, param, asked, draft.body)
        if wire is not None:
            draft.body[name] = wire
    sent = draft.body.get(name, param.default)
    draft.seconds = seconds_of(sent, param, draft.endpoint, draft.body)
    if draft.seconds is not None and not 0 < draft.seconds <= _LONGEST_SECONDS:
        raise draft.refuse(f"options.{name}", f"{name} {sent!r} is no length of a clip.")
    telling = _TELLING_SECONDS if param.per_second is None else _TELLING_SECONDS_IN_FRAMES
    if asked is not None and draft.seconds is not None and draft.seconds - asked > telling:
        draft.change("duration", asked, sent, f"the shortest clip on offer that is not below it: {draft.seconds:g} s")


_LONGEST_SECONDS = 3600
"""Options may name any number where an endpoint documents no limits; beyond this it is a slip of the pen."""
_TELLING_SECONDS = 0.001
_TELLING_SECONDS_IN_FRAMES = 0.1
"""A clip longer by less than this is as asked: five seconds are 81 frames at 16 per second."""


def _take_resolution(draft: _Draft) -> None:
    found = draft.endpoint.param_for("resolution")
    asked = draft.request.resolution
    if found is None:
        draft.resolution = draft.endpoint.fixed.resolution
        if asked is not None:
            sent = fit_resolution(asked, (draft.resolution,) if draft.resolution else ())
            if sent is None:
                raise draft.refuse("resolution", _not_offered("resolution", asked, draft.resolution))
            if sent.lower() != asked:
                draft.change("resolution", asked, None, f"clips of this endpoint are always {sent}")
        return
    name, param = found
    if name not in draft.body:
        options = tuple(str(value) for value in param.values)
        sent: str | None = fit_resolution(asked, options) if asked else param.preset or param.default
        if sent is None and asked:
            raise draft.refuse("resolution", _not_offered("resolution", asked, _list(options)))
        if sent is not None and asked and sent.lower() != asked:
            draft.change("resolution", asked, sent, "the smallest on offer that is not below it")
        if sent is not None:
            draft.body[name] = sent
    wire = draft.body.get(name)
    draft.resolution = None if wire in param.automatic else wire


def _take_aspect_ratio(draft: _Draft) -> None:
    found = draft.endpoint.param_for("aspect_ratio")
    asked = draft.request.aspect_ratio
    if found is None:
        fixed = draft.endpoint.fixed.aspect_ratio
        draft.aspect_ratio = None if fixed == "source" else fixed
        if asked not in (None, "auto", fixed):
            follows = "the clip follows the medium given" if fixed == "source" else fixed
            raise draft.refuse("aspect_ratio", _not_offered("aspect_ratio", asked, follows))
        return
    name, param = found
    if asked is not None and asked in param.values:
        draft.body[name] = asked
    elif asked == "auto":
        if name not in draft.body and param.default is not None:
            draft.change("aspect_ratio", asked, param.default, "the endpoint has no auto; its own default is used")
    elif asked is not None:
        raise draft.refuse("aspect_ratio", _not_offered("aspect_ratio", asked, _list(param.values)))
    sent = draft.body.get(name, param.default)
    draft.aspect_ratio = None if sent in param.automatic else sent


def _take_audio(draft: _Draft) -> None:
    found = draft.endpoint.param_for("generate_audio")
    asked = draft.request.generate_audio
    if found is None:
        draft.has_audio = bool(draft.endpoint.fixed.generate_audio)
        if asked and not draft.has_audio:
            raise draft.refuse(
                "generate_audio", "generate_audio true is not offered: clips of this endpoint are silent."
            )
        if asked is False and draft.has_audio:
            draft.change("generate_audio", asked, None, "clips of this endpoint always have sound")
        return
    name, param = found
    if name not in draft.body:
        sent = asked if asked is not None else (param.preset if param.preset is not None else param.default)
        if sent is not None:
            draft.body[name] = sent
    draft.has_audio = bool(draft.body.get(name))


def _take_negative_prompt(draft: _Draft) -> None:
    text = (draft.request.negative_prompt or "").strip()
    if not text:
        return
    found = draft.endpoint.param_for("negative_prompt")
    if found is None:
        draft.change("negative_prompt", text, None, "this endpoint takes no negative prompt")
        return
    name, param = found
    _check_limits(draft, "negative_prompt", param, text)
    draft.body[name] = text


def _take_seed(draft: _Draft) -> None:
    seed = draft.request.seed
    if seed is None:
        return
    found = draft.endpoint.param_for("seed")
    if found is None:
        draft.change("seed", seed, None, "this endpoint takes no seed")
    elif found[1].maximum is not None and seed > found[1].maximum:
        draft.change("seed", seed, None, f"this endpoint takes seeds up to {found[1].maximum:.0f}")
    else:
        draft.body[found[0]] = seed


_TAKERS: tuple[Callable[[_Draft], None], ...] = (
    _take_prompt,
    _take_duration,
    _take_resolution,
    _take_aspect_ratio,
    _take_audio,
    _take_negative_prompt,
    _take_seed,
)


def _check_required(draft: _Draft) -> None:
    for name, param in draft.endpoint.params.items():
        if param.required and name not in draft.body:
            said = param.source[0] if param.source else f"options.{name}"
            raise draft.refuse(said, f"{said} is missing: the endpoint requires it.")


def _list(values: tuple[Any, ...]) -> str:
    return ", ".join(str(value) for value in values)


def _not_offered(field_name: str, asked: Any, allowed: str | None) -> str:
    return f"{field_name} {asked} is not offered; allowed: {allowed or 'none, the endpoint decides'}."
