"""From (endpoint, mode, request) to the very body that is sent, or the reason why it cannot be. Pure.

Two classes of loss: media, mode, aspect ratio and wanted sound are *hard*, an endpoint that cannot carry them is
refused; seed, negative prompt and options are *soft*, dropped and reported. Duration and resolution are fitted: the
smallest value on offer that is not below what was asked, and the difference is reported.
"""

from collections.abc import Callable
from typing import Any, cast

from videogen_mcp.catalogue.draft import Change, Draft, Payload, check_limits, listed
from videogen_mcp.catalogue.fit import fit_duration, fit_resolution, seconds_of
from videogen_mcp.catalogue.options import take_options
from videogen_mcp.catalogue.rules import check_rules, effective, holds, said
from videogen_mcp.catalogue.schema import Endpoint, Param
from videogen_mcp.catalogue.terms import Only
from videogen_mcp.types import MEDIA_FIELDS, MODE_NEEDS, Json, Mode, VideoRequest, file_name_of

__all__ = ["Change", "Payload", "arguments_in_options", "encode"]


def encode(endpoint: Endpoint, mode: Mode, request: VideoRequest) -> Payload:
    """Build the body that this endpoint takes for this request.

    Args:
        endpoint: The contract to follow.
        mode: What is to be done; one of the endpoint's modes.
        request: What the caller wants.

    Raises:
        InvalidRequest: The endpoint cannot do it; names the argument, what was given and what is allowed.
    """
    draft = Draft(endpoint, mode, request)
    _check_mode(draft)
    _take_constants(draft)
    take_options(draft)
    _take_media(draft)
    for take in _TAKERS.values():
        take(draft)
    _settle_unasked(draft)
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


def _check_mode(draft: Draft) -> None:
    if draft.mode not in draft.endpoint.modes:
        raise draft.refuse("mode", f"mode {draft.mode} is not offered; it does {', '.join(draft.endpoint.modes)}.")
    given = {name for name, _ in draft.request.media()}
    given |= arguments_in_options(draft.endpoint, draft.request)
    for group in MODE_NEEDS[draft.mode]:
        if not given.intersection(group):
            raise draft.refuse(group[0], f"{' or '.join(group)} is missing: {draft.mode} needs it.")


def arguments_in_options(endpoint: Endpoint, request: VideoRequest) -> set[str]:
    """The arguments of the contract whose place an option takes: by the wire name that carries one, or serves as it."""
    set_there = (endpoint.params[name] for name in request.options if name in endpoint.params)
    return {argument for param in set_there for argument in (*param.source, *param.serves)}


def _take_constants(draft: Draft) -> None:
    for name, param in draft.endpoint.params.items():
        if param.const is not None:
            draft.body[name] = param.const
        elif param.preset is not None and not param.source:
            draft.body[name] = param.preset


def _take_media(draft: Draft) -> None:
    carried: set[str] = set()
    for name, param in draft.endpoint.params.items():
        sources = [one for one in param.source if one in MEDIA_FIELDS]
        items = [value for source in sources for field_name, value in draft.request.media() if field_name == source]
        if not items:
            continue
        carried.update(sources)
        if param.type == "array":
            check_limits(draft, _said(draft, sources), param, items)
            draft.body[name] = [param.on_the_wire(item, number) for number, item in enumerate(items, 1)]
        elif len(items) == 1:
            draft.body[name] = param.on_the_wire(items[0], 1)
        else:
            raise draft.refuse(_said(draft, sources), f"{sources[0]} takes one item here; {len(items)} given.")
    for field_name, value in draft.request.media():
        if field_name not in carried:
            raise draft.refuse(
                field_name, f"{field_name} ({file_name_of(value)}) cannot be used: no parameter takes it."
            )


def _said(draft: Draft, sources: list[str]) -> str:
    """The argument the caller actually used, of those that a parameter carries."""
    given = [name for name, _ in draft.request.media()]
    return next(name for name in given if name in sources)


def _take_prompt(draft: Draft) -> None:
    found = draft.endpoint.param_for("prompt")
    text = draft.request.prompt.strip()
    if found is None:
        if text:
            draft.change("prompt", text, None, "this endpoint takes no prompt")
        return
    name, param = found
    if text:
        check_limits(draft, "prompt", param, text)
        draft.body[name] = text


def _take_duration(draft: Draft) -> None:
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
    in_sum = _seconds_in_sum(draft, param)
    if in_sum is not None:
        _follow_the_sum(draft, name, param, in_sum)
    elif name not in draft.body:
        wire = fit_duration(draft.endpoint, param, asked, draft.body)
        if wire is not None:
            draft.body[name] = wire
    sent = draft.body.get(name, param.default)
    draft.seconds = seconds_of(sent, param, draft.endpoint, draft.body)
    if draft.seconds is not None and not 0 < draft.seconds <= _LONGEST_SECONDS:
        raise draft.refuse(f"options.{name}", f"{name} {sent!r} is no length of a clip.")
    if in_sum is not None:
        return
    telling = _TELLING_SECONDS if param.per_second is None else _TELLING_SECONDS_IN_FRAMES
    if asked is not None and draft.seconds is not None and draft.seconds - asked > telling:
        draft.change("duration", asked, sent, f"the shortest clip on offer that is not below it: {draft.seconds:g} s")


def _seconds_in_sum(draft: Draft, param: Param) -> float | None:
    """The clip's length where a list in the body sets it, such as one of shots; None where none does."""
    list_name, _, field_name = (param.total_of or "").partition(".")
    items = draft.body.get(list_name)
    if not items or not isinstance(items, list):
        return None
    schema: Json = draft.endpoint.params[list_name].json_schema()
    usual = schema.get("items", {}).get("properties", {}).get(field_name, {}).get("default")
    objects = [cast("Json", item) for item in cast("list[Any]", items) if isinstance(item, dict)]
    return sum(seconds_of(item.get(field_name, usual)) or 0 for item in objects)


def _follow_the_sum(draft: Draft, name: str, param: Param, in_sum: float) -> None:
    """Send the length that the items of a list add up to, since that is what is made and billed."""
    list_name = f"options.{(param.total_of or '').partition('.')[0]}"
    asked, given = draft.request.duration, draft.body.get(name)
    if asked is not None and asked > in_sum + _TELLING_SECONDS:
        message = f"duration {asked:g} s is more than the items of {list_name} have together, {in_sum:g} s."
        raise draft.refuse("duration", message)
    wire = fit_duration(draft.endpoint, param, in_sum, draft.body)
    if seconds_of(wire, param, draft.endpoint, draft.body) != in_sum:
        raise draft.refuse(list_name, f"{list_name} has {in_sum:g} s together; the shortest clip on offer is {wire}.")
    if given is not None and given != wire:
        draft.change(f"options.{name}", given, wire, f"the items of {list_name} have {in_sum:g} s together")
    elif asked is not None and asked < in_sum:
        draft.change("duration", asked, wire, f"the items of {list_name} have {in_sum:g} s together")
    draft.body[name] = wire


_LONGEST_SECONDS = 3600
"""Options may name any number where an endpoint documents no limits; beyond this it is a slip of the pen."""
_TELLING_SECONDS = 0.001
_TELLING_SECONDS_IN_FRAMES = 0.1
"""A clip longer by less than this is as asked: five seconds are 81 frames at 16 per second."""


def _take_resolution(draft: Draft) -> None:
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
            raise draft.refuse("resolution", _not_offered("resolution", asked, listed(options)))
        if sent is not None and asked and sent.lower() != asked:
            draft.change("resolution", asked, sent, "the smallest on offer that is not below it")
        if sent is not None:
            draft.body[name] = sent
    wire = draft.body.get(name)
    draft.resolution = None if wire in param.automatic else wire


def _take_aspect_ratio(draft: Draft) -> None:
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
        raise draft.refuse("aspect_ratio", _not_offered("aspect_ratio", asked, listed(param.values)))
    sent = draft.body.get(name, param.default)
    draft.aspect_ratio = None if sent in param.automatic else sent


def _take_audio(draft: Draft) -> None:
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


def _take_negative_prompt(draft: Draft) -> None:
    text = (draft.request.negative_prompt or "").strip()
    if not text:
        return
    found = draft.endpoint.param_for("negative_prompt")
    if found is None:
        draft.change("negative_prompt", text, None, "this endpoint takes no negative prompt")
        return
    name, param = found
    check_limits(draft, "negative_prompt", param, text)
    draft.body[name] = text


def _take_seed(draft: Draft) -> None:
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


_TAKERS: dict[str, Callable[[Draft], None]] = {
    "prompt": _take_prompt,
    "duration": _take_duration,
    "resolution": _take_resolution,
    "aspect_ratio": _take_aspect_ratio,
    "generate_audio": _take_audio,
    "negative_prompt": _take_negative_prompt,
    "seed": _take_seed,
}


def _settle_unasked(draft: Draft) -> None:
    """Where a value that nobody asked for breaks a rule, take the first that the rule allows, and say so."""
    for rule in draft.endpoint.rules:
        if not isinstance(rule, Only) or not holds(draft.endpoint, draft.body, rule.when):
            continue
        before = effective(draft.endpoint, draft.body, rule.param)
        param = draft.endpoint.params.get(rule.param)
        if param is None or before in rule.values or _is_asked(draft, rule.param, param):
            continue
        draft.body[rule.param] = rule.values[0]
        words = " and ".join(said(draft.endpoint, name) for name in rule.when)
        draft.change(said(draft.endpoint, rule.param), None, rule.values[0], f"{before} does not go with {words} here")
        for source in _TAKERS.keys() & param.source:
            _TAKERS[source](draft)


def _is_asked(draft: Draft, name: str, param: Param) -> bool:
    return name in draft.request.options or any(getattr(draft.request, one) is not None for one in param.source)


def _check_required(draft: Draft) -> None:
    for name, param in draft.endpoint.params.items():
        if param.required and name not in draft.body:
            said = param.source[0] if param.source else f"options.{name}"
            raise draft.refuse(said, f"{said} is missing: the endpoint requires it.")


def _not_offered(field_name: str, asked: Any, allowed: str | None) -> str:
    return f"{field_name} {asked} is not offered; allowed: {allowed or 'none, the endpoint decides'}."
