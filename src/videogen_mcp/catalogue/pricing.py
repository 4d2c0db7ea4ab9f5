"""What a body costs, from the price table of its endpoint. Pure. Unknown is None: never zero, never cheap."""

import math
from dataclasses import dataclass, replace
from decimal import Decimal

from videogen_mcp.catalogue.encode import Payload
from videogen_mcp.catalogue.fit import lines_of
from videogen_mcp.catalogue.limits import media_in
from videogen_mcp.catalogue.rules import effective, holds
from videogen_mcp.catalogue.schema import Endpoint
from videogen_mcp.catalogue.terms import Confidence, Extra, Multiplier, Price
from videogen_mcp.types import NOTHING_MEASURED, Media


@dataclass(frozen=True)
class Cost:
    """An estimate for one submit.

    Attributes:
        estimated_usd: US dollars, None when unknown.
        ceiling_usd: The highest figure any source gives; caps reckon with it. None when unknown.
        basis: How it was reckoned, for people.
        confidence: How sure the figure is; `unknown` where there is none.
        unit_usd: What one of the units costs that the gateway itself counts, for the bill; None when unknown.
    """

    estimated_usd: Decimal | None
    ceiling_usd: Decimal | None
    basis: str
    confidence: Confidence | str
    unit_usd: Decimal | None = None


FREE = Cost(Decimal(0), Decimal(0), "rendered on this machine, free", "high")
SMALLEST_USD = Decimal("0.0001")
UNKNOWN = Cost(None, None, "no price is known for this endpoint", "unknown")


def price(endpoint: Endpoint, payload: Payload, media: Media = NOTHING_MEASURED) -> Cost:
    """Reckon the cost of sending this payload to this endpoint.

    Args:
        endpoint: The contract, with its price table.
        payload: The body that is sent, and what it stands for.
        media: What is known of the body's media, for prices that go by the length of a clip given.
    """
    for row in endpoint.prices:
        if holds(endpoint, payload.body, row.when):
            cost = _cost(endpoint, payload, row, media)
            return cost if cost is FREE else replace(cost, unit_usd=_unit_usd(endpoint))
    return replace(UNKNOWN, unit_usd=endpoint.unit_usd)


def _unit_usd(endpoint: Endpoint) -> Decimal | None:
    """What one of the gateway's own units costs: as it says, else by a table of one plain figure.

    Of a table that depends on the body it is not known whether the gateway counts more units or asks more for each.
    """
    if endpoint.unit_usd is not None or len(endpoint.prices) != 1:
        return endpoint.unit_usd
    (row,) = endpoint.prices
    is_plain = row.per != "thousand_tokens" and not (row.when or row.multiply or row.plus)
    return row.usd if is_plain else None


@dataclass(frozen=True)
class _Seconds:
    """Seconds that are billed, and how they are known, in words for the basis."""

    number: Decimal
    how: str = ""


@dataclass(frozen=True)
class _Clips:
    """The length of the clips in a parameter: measured, or the most that the endpoint takes."""

    seconds: Decimal
    is_measured: bool


def _cost(endpoint: Endpoint, payload: Payload, row: Price, media: Media) -> Cost:
    seconds = None if row.per == "video" else _billed_seconds(endpoint, payload, row, media)
    units = Decimal(1) if row.per == "video" else _units(payload, row, seconds)
    if units is None:
        return Cost(None, None, f"${row.usd:f} per {row.per.replace('_', ' ')}, but the length is not known", "unknown")
    if row.usd == 0:
        return FREE
    factor = Decimal(1)
    for multiplier in row.multiply:
        factor *= _factor(endpoint, payload, multiplier)
    extras = [(extra, count) for extra in row.plus if (count := _beyond(payload, extra))]
    added = sum((extra.usd * count for extra, count in extras), Decimal(0))
    estimated = (row.usd * units * factor + added).quantize(SMALLEST_USD)
    high = ((row.high_usd or row.usd) * units * factor + added).quantize(SMALLEST_USD)
    words = {"second": "s", "video": "clip", "thousand_tokens": "thousand tokens"}[row.per]
    times = f" x {factor:f}" if factor != 1 else ""
    more = "".join(f" + {count} {extra.param} x ${extra.usd.normalize():f}" for extra, count in extras)
    how = seconds.how if seconds else ""
    dated = row.dated.isoformat() if row.dated else "undated"
    where = row.source if dated in row.source else f"{row.source}, {dated}"
    basis = f"{units.normalize():f} {words} x ${row.usd.normalize():f}{times}{more}{how} ({where})"
    return Cost(estimated, high, basis, row.confidence)


def _units(payload: Payload, row: Price, seconds: _Seconds | None) -> Decimal | None:
    """What the price is multiplied by: seconds, or the thousands of tokens that they make."""
    if seconds is None or row.per == "second":
        return seconds and seconds.number
    lines = None if payload.resolution is None else lines_of(payload.resolution)
    if lines is None:
        return None
    # The tiers name an area, not a side: 720p is 1280x720 and 834x1112 alike.
    pixels = Decimal(lines * lines * 16) / 9
    return pixels * seconds.number * row.frame_rate / 1024 / 1000


def _billed_seconds(endpoint: Endpoint, payload: Payload, row: Price, media: Media) -> _Seconds | None:
    """The length of the result and of the input clips that are billed like it; None where one is not known."""
    inputs = [name for name in row.input_seconds if payload.body.get(name)]
    parts = [_result_seconds(endpoint, payload, media)]
    parts += [_input_seconds(name, _clips(endpoint, payload, name, media)) for name in inputs]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    return _Seconds(sum((part.number for part in known), Decimal(0)), "".join(part.how for part in known))


def _result_seconds(endpoint: Endpoint, payload: Payload, media: Media) -> _Seconds | None:
    """The length of the result: as sent or fixed, else that of the clip which it is as long as."""
    if payload.seconds is not None:
        return _Seconds(_decimal(payload.seconds))
    name = endpoint.fixed.length_of
    if name is None or not payload.body.get(name):
        return None
    clips = _clips(endpoint, payload, name, media)
    cut = None if endpoint.fixed.longest is None else _decimal(endpoint.fixed.longest)
    if cut is not None and (clips is None or clips.seconds > cut):
        return _Seconds(cut, f", the longest that is made of {name}")
    if clips is None:
        return None
    how = f", as long as {name}" if clips.is_measured else f", the longest {name} that it takes"
    return _Seconds(clips.seconds, how)


def _input_seconds(name: str, clips: _Clips | None) -> _Seconds | None:
    if clips is None:
        return None
    up_to = "" if clips.is_measured else "up to "
    return _Seconds(clips.seconds, f", with {up_to}{clips.seconds.normalize():f} s of {name}")


def _clips(endpoint: Endpoint, payload: Payload, name: str, media: Media) -> _Clips | None:
    """How long the clips given are; None where that is neither known nor limited."""
    param = endpoint.params[name]
    lengths = [facts.seconds for _, facts in media_in(payload.body[name], media)]
    known = sum((_decimal(seconds) for seconds in lengths if seconds is not None), Decimal(0))
    unknown = lengths.count(None)
    if not unknown:
        return _Clips(known, is_measured=True)
    limits: list[Decimal] = []
    if param.max_seconds is not None:
        limits.append(known + unknown * _decimal(param.max_seconds))
    if param.max_total_seconds is not None:
        limits.append(max(known, _decimal(param.max_total_seconds)))
    return _Clips(min(limits), is_measured=False) if limits else None


def _beyond(payload: Payload, extra: Extra) -> int:
    """How many items of a list cost extra."""
    return max(0, len(payload.body.get(extra.param) or ()) - extra.over)


def _factor(endpoint: Endpoint, payload: Payload, multiplier: Multiplier) -> Decimal:
    if not holds(endpoint, payload.body, multiplier.when):
        return Decimal(1)
    if multiplier.param is None or multiplier.each is None:
        return multiplier.by
    count = effective(endpoint, payload.body, multiplier.param) or 0
    steps = max(0, math.ceil((count - multiplier.over) / multiplier.each))
    return 1 + multiplier.by * steps


def _decimal(value: float) -> Decimal:
    return Decimal(str(value))
