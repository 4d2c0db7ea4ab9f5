"""What a body costs, from the price table of its endpoint. Pure. Unknown is None: never zero, never cheap."""

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import assert_never

from videogen_mcp.catalogue.encode import Payload
from videogen_mcp.catalogue.fit import lines_of
from videogen_mcp.catalogue.rules import effective, holds
from videogen_mcp.catalogue.schema import Endpoint
from videogen_mcp.catalogue.terms import Confidence, Multiplier, Price


@dataclass(frozen=True)
class Cost:
    """An estimate for one submit.

    Attributes:
        estimated_usd: US dollars, None when unknown.
        ceiling_usd: The highest figure any source gives; caps reckon with it. None when unknown.
        basis: How it was reckoned, for people.
        confidence: How sure the figure is; `unknown` where there is none.
    """

    estimated_usd: Decimal | None
    ceiling_usd: Decimal | None
    basis: str
    confidence: Confidence | str


FREE = Cost(Decimal(0), Decimal(0), "rendered on this machine, free", "high")
_SMALLEST = Decimal("0.0001")
UNKNOWN = Cost(None, None, "no price is known for this endpoint", "unknown")


def price(endpoint: Endpoint, payload: Payload) -> Cost:
    """Reckon the cost of sending this payload to this endpoint."""
    for row in endpoint.prices:
        if holds(endpoint, payload.body, row.when):
            return _cost(endpoint, payload, row)
    return UNKNOWN


def _cost(endpoint: Endpoint, payload: Payload, row: Price) -> Cost:
    units = _units(endpoint, payload, row)
    if units is None:
        return Cost(None, None, f"${row.usd:f} per {row.per.replace('_', ' ')}, but the length is not known", "unknown")
    if row.usd == 0:
        return FREE
    factor = Decimal(1)
    for multiplier in row.multiply:
        factor *= _factor(endpoint, payload, multiplier)
    estimated = (row.usd * units * factor).quantize(_SMALLEST)
    high = ((row.high_usd or row.usd) * units * factor).quantize(_SMALLEST)
    words = {"second": "s", "video": "clip", "thousand_tokens": "thousand tokens"}[row.per]
    times = f" x {factor:f}" if factor != 1 else ""
    dated = row.dated.isoformat() if row.dated else "undated"
    where = row.source if dated in row.source else f"{row.source}, {dated}"
    basis = f"{units.normalize():f} {words} x ${row.usd.normalize():f}{times} ({where})"
    return Cost(estimated, high, basis, row.confidence)


def _units(endpoint: Endpoint, payload: Payload, row: Price) -> Decimal | None:
    match row.per:
        case "video":
            return Decimal(1)
        case "second":
            return (
                None if payload.seconds is None else _decimal(payload.seconds) + _input_seconds(endpoint, payload, row)
            )
        case "thousand_tokens":
            if payload.seconds is None or payload.resolution is None:
                return None
            lines = lines_of(payload.resolution)
            if lines is None:
                return None
            # The tiers name an area, not a side: 720p is 1280x720 and 834x1112 alike.
            pixels = Decimal(lines * lines * 16) / 9
            seconds = _decimal(payload.seconds) + _input_seconds(endpoint, payload, row)
            return pixels * seconds * row.frame_rate / 1024 / 1000
        case _:
            assert_never(row.per)


def _input_seconds(endpoint: Endpoint, payload: Payload, row: Price) -> Decimal:
    """Seconds of input clips that are billed: not measured, so the most that the endpoint accepts."""
    total = Decimal(0)
    for name in row.input_seconds:
        param, given = endpoint.params[name], payload.body.get(name)
        if given:
            longest = param.max_total_seconds or param.max_seconds or 0
            total += _decimal(longest)
    return total


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
