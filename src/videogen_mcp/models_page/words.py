"""Contracts in words, for people: lengths, resolutions, sound, limits, rules and prices. Pure."""

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any, assert_never, cast

from videogen_mcp.catalogue.fit import lines_of, seconds_of
from videogen_mcp.catalogue.schema import Endpoint, Param
from videogen_mcp.catalogue.terms import (
    Bound,
    Conditions,
    Extra,
    MaxTotal,
    Multiplier,
    Needs,
    NotTogether,
    OneOf,
    Only,
    Price,
    Rule,
)

NOT_STATED = "not stated"
_LISTED_LENGTHS = 4
"""Up to this many lengths are listed; more are written as a span."""
_CENT = Decimal("0.01")
_TEN_CENTS = Decimal("0.1")


def money(usd: Decimal) -> str:
    """A sum in US dollars to the cent; below ten cents, as it is."""
    if usd == 0:
        return "free"
    return f"${usd.quantize(_CENT):f}" if usd >= _TEN_CENTS else f"${usd.normalize():f}"


def lengths(endpoint: Endpoint) -> tuple[str, float | None]:
    """The clip lengths on offer in words, and the longest in seconds, None where that is not stated."""
    found = endpoint.param_for("duration")
    fixed = endpoint.fixed
    if found is None and fixed.duration is not None:
        return f"{_figure(fixed.duration)} s", fixed.duration
    if fixed.length_of is not None:
        return f"as {fixed.length_of}", None
    if found is None:
        return NOT_STATED, None
    param = found[1]
    if param.values:
        offered = (seconds_of(value, param, endpoint) for value in param.values)
        return _span(sorted({one for one in offered if one is not None}))
    low, high, default = (_seconds(endpoint, param, one) for one in (param.minimum, param.maximum, param.default))
    if high is not None:
        return f"{_figure(low)}-{_figure(high)} s" if low else f"up to {_figure(high)} s", high
    return (NOT_STATED if default is None else f"{_figure(default)} s by default"), None


def _seconds(endpoint: Endpoint, param: Param, wire: Any) -> float | None:
    """The seconds that a limit stands for; one in frames holds the extra frames too."""
    if param.per_second is not None and wire is not None:
        wire = max(wire - param.plus, 0)
    return seconds_of(wire, param, endpoint)


def _span(offered: Sequence[float]) -> tuple[str, float | None]:
    if not offered:
        return NOT_STATED, None
    steps = {round(later - earlier, 6) for earlier, later in pairwise(offered)}
    ends = f"{_figure(offered[0])}-{_figure(offered[-1])} s"
    if steps == {1.0} and len(offered) > 2:  # noqa: PLR2004 -- two lengths are no span
        return ends, offered[-1]
    if len(offered) > _LISTED_LENGTHS and len(steps) == 1:
        return f"{ends} in steps of {_figure(steps.pop())}", offered[-1]
    return f"{', '.join(_figure(one) for one in offered)} s", offered[-1]


def _figure(value: float) -> str:
    return f"{round(value, 1):g}"


def resolutions(endpoint: Endpoint) -> tuple[str, int | None]:
    """The resolutions on offer in words, and the largest in lines, None where that is not stated."""
    found = endpoint.param_for("resolution")
    if found is None:
        offered = [endpoint.fixed.resolution] if endpoint.fixed.resolution else []
    else:
        offered = [str(value) for value in found[1].values if value not in found[1].automatic]
    lines = [known for one in offered if (known := lines_of(one)) is not None]
    return ", ".join(offered) or NOT_STATED, max(lines, default=None)


def sound(endpoint: Endpoint) -> str:
    """Whether clips have sound: `always`, `choice`, `never`, or not stated."""
    if endpoint.param_for("generate_audio"):
        return "choice"
    return {True: "always", False: "never", None: NOT_STATED}[endpoint.fixed.generate_audio]


def plain(value: Any) -> str:
    """A wire value as it is written in JSON, texts without their quotation marks."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def limits(param: Param) -> str:
    """What a value must keep to, in words; empty where nothing is stated."""
    return "; ".join(_limits(param))


def _limits(param: Param) -> Iterator[str]:
    pairs: tuple[tuple[str, float | str | None, float | str | None], ...] = (
        ("", param.minimum, param.maximum),
        (" characters", None, param.max_chars),
        (" items", param.min_items, param.max_items),
        (" MB", None, param.max_megabytes),
        (" MB together", None, param.max_total_megabytes),
        (" s each" if param.type == "array" else " s", param.min_seconds, param.max_seconds),
        (" s together", param.min_total_seconds, param.max_total_seconds),
        (" pixels", param.min_size, param.max_size),
        (" width over height", param.min_ratio, param.max_ratio),
        (" frames per second", param.min_fps, param.max_fps),
    )
    for unit, least, most in pairs:
        if least is not None or most is not None:
            yield _range(least, most) + unit
    if param.formats:
        yield ", ".join(param.formats)
    if param.const is not None:
        yield f"always {plain(param.const)}"
    if param.preset is not None:
        yield f"{plain(param.preset)} is sent when nothing is said"
    if param.total_of is not None:
        yield f"the sum of {param.total_of} where that is given"
    if param.tag is not None:
        yield f"in the prompt: {param.tag}"


def _range(least: float | str | None, most: float | str | None) -> str:
    low, high = (f"{one:.15g}" if isinstance(one, int | float) else one for one in (least, most))
    if low is not None and high is not None:
        return low if low == high else f"{low} to {high}"
    return f"at least {low}" if high is None else f"at most {high}"


def rule_in_words(rule: Rule) -> str:
    """What parameters demand of each other, as a sentence in wire names."""
    match rule:
        case OneOf():
            return f"Exactly one of {_any(rule.params)} must be given."
        case NotTogether():
            return f"At most one of {_any(rule.params)} may be given."
        case Needs():
            subject = f"{rule.param} needs" if rule.param else "It always needs"
            return f"{subject} {_any(rule.any_of)}{' as well' if rule.param else ''}."
        case MaxTotal():
            return f"{_listed(rule.params, 'and')} may hold {rule.limit} items together."
        case Only():
            allowed = _any([plain(value) for value in rule.values])
            return f"When {conditions_in_words(rule.when)}, {rule.param} can only be {allowed}."
        case _:
            assert_never(rule)


def conditions_in_words(conditions: Conditions) -> str:
    """Conditions on a body, joined by `and`; empty where there are none."""
    return " and ".join(f"{name} {_condition(wanted)}" for name, wanted in conditions.items())


def _condition(wanted: Any) -> str:
    if isinstance(wanted, Bound):
        is_given = {True: "is given", False: "is left out", None: ""}[wanted.present]
        has_limits = wanted.min is not None or wanted.max is not None
        within = f"is {_range(wanted.min, wanted.max)}" if has_limits else ""
        return " and ".join(one for one in (is_given, within) if one)
    if isinstance(wanted, list):
        return f"is {_any([plain(one) for one in cast('list[Any]', wanted)])}"
    return f"is {plain(wanted)}"


def _any(names: Sequence[str]) -> str:
    return _listed(names, "or")


def _listed(names: Sequence[str], last: str) -> str:
    if len(names) == 1:
        return names[0]
    return f"{', '.join(names[:-1])} {last} {names[-1]}"


def price_in_words(price: Price) -> str:
    """A price row's figure, unit and factors."""
    unit = {"second": "second", "video": "clip", "thousand_tokens": "thousand tokens"}[price.per]
    figure = "free" if price.usd == 0 else f"${price.usd.normalize():f} per {unit}"
    if price.high_usd is not None and price.high_usd != price.usd:
        figure += f" (another source: ${price.high_usd.normalize():f})"
    if price.input_seconds:
        figure += f", seconds of {_listed(price.input_seconds, 'and')} are billed too"
    return "; ".join([figure, *(_multiplier(one) for one in price.multiply), *(_extra(one) for one in price.plus)])


def _multiplier(multiplier: Multiplier) -> str:
    when = conditions_in_words(multiplier.when)
    condition = f" when {when}" if when else ""
    if multiplier.param is not None and multiplier.each is not None:
        step = f"every {multiplier.each} of {multiplier.param} above {multiplier.over}"
        return f"plus {multiplier.by.normalize():f} times for {step}{condition}"
    return f"times {multiplier.by.normalize():f}{condition}"


def _extra(extra: Extra) -> str:
    above = f" above {extra.over}" if extra.over else ""
    return f"plus ${extra.usd.normalize():f} for every item of {extra.param}{above}"
