"""Live unit prices against the price table: what they confirm, replace, add, or put in doubt. Pure.

fal's pricing API gives one base figure per endpoint, the account's discounts applied, and nothing of what resolution,
sound or length make of it. So it replaces a table of one plain figure, and is only a check on any other table. On
2026-09-29 it said 0.14 per second for Kling v3 Pro, which bills 0.112 without and 0.168 with sound; 0.15 for Veo 3.1
fast, its figure with sound; 0.025 for MiniMax H3 Max, its smallest resolution (a public price table of that day).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal, TypeAlias

from videogen_mcp.catalogue.difference import Difference
from videogen_mcp.catalogue.schema import Endpoint
from videogen_mcp.catalogue.terms import Confidence, Price

SOURCE = "fal pricing API"
CURRENCY = "USD"
SAME = Decimal("0.01")
"""Figures closer than this, relatively, are the same: sources round."""

_PRICE_MOVERS = ("resolution", "generate_audio")
"""Arguments that move the price at most endpoints."""

PriceUnit: TypeAlias = Literal["second", "video", "thousand_tokens"]

_UNITS: Mapping[str, tuple[PriceUnit, Decimal]] = {
    "second": ("second", Decimal(1)),
    "seconds": ("second", Decimal(1)),
    "video": ("video", Decimal(1)),
    "videos": ("video", Decimal(1)),
    "1000 tokens": ("thousand_tokens", Decimal(1)),
    "1k tokens": ("thousand_tokens", Decimal(1)),
    "1m tokens": ("thousand_tokens", Decimal(1) / 1000),
}
"""fal's units that a price table can hold, and the factor to its own.

The API answers with many more ("units", "credits", "generations", "compute seconds", "input seconds", "5 seconds",
"minutes", "megapixels", "images"): of those it is not known how many a clip takes, so they say nothing here.
"""


@dataclass(frozen=True)
class UnitPrice:
    """What a gateway charges for one unit of an endpoint.

    Attributes:
        amount: The figure, in `currency`.
        unit: What it is charged for, in the gateway's words.
        currency: Three letters.
        read: The day on which the gateway said so.
    """

    amount: Decimal
    unit: str
    currency: str
    read: date

    def __str__(self) -> str:
        sign = "$" if self.currency == CURRENCY else f"{self.currency} "
        unit = self.unit.strip() or "unit without a name"
        one = unit if unit[0].isdigit() else unit.removesuffix("s")
        return f"{sign}{plain(self.amount)} per {one}"


@dataclass(frozen=True)
class Live:
    """An endpoint with what its live price makes of its table, and the difference, where there is one."""

    endpoint: Endpoint
    difference: Difference | None = None


def reconcile(endpoint: Endpoint, price: UnitPrice) -> Live:
    """Hold a live unit price against the endpoint's price table.

    * One row without conditions and factors in the same unit: its figure is replaced.
    * Several, or one that depends on the body: where one of them says the same, the table is confirmed; otherwise its
      figures stand with low confidence, and none is capped below the live one.
    * No row at all: one is added for a price per second or per video.
    * Another unit or currency, or a figure that cannot be: told, and nothing is changed.

    In whatever unit it is, it is what one of the units costs that the gateway reports of a finished generation.
    """
    unit = _UNITS.get(price.unit.strip().lower())
    if price.currency != CURRENCY:
        return _told(endpoint, "unit", f"fal asks {price}; the catalogue reckons in US dollars only.")
    if price.amount <= 0:
        return _told(endpoint, "price", f"fal says {price}, which is no price; the catalogue's stands.")
    endpoint = endpoint.model_copy(update={"unit_usd": price.amount})
    if unit is None:
        return _told(endpoint, "unit", f"fal bills {price}: how many of them a clip takes is not known.")
    per, factor = unit
    return _in_unit(endpoint, per, price.amount * factor, price)


def _in_unit(endpoint: Endpoint, per: PriceUnit, figure: Decimal, price: UnitPrice) -> Live:
    """Reconcile a figure in a unit that a price table knows."""
    if any(row.per == per for row in endpoint.prices):
        return _checked(endpoint, per, figure, price)
    if endpoint.prices:
        units = " and ".join(dict.fromkeys(row.per.replace("_", " ") for row in endpoint.prices))
        return _told(endpoint, "unit", f"fal bills {price}; the catalogue's figures are per {units}.")
    if per == "thousand_tokens":
        return _told(endpoint, "unit", f"fal bills {price}; how it counts tokens here is not known.")
    return _added(endpoint, per, figure, price)


def apply(endpoints: Mapping[str, Endpoint], prices: Mapping[str, UnitPrice]) -> dict[str, Live]:
    """Reconcile every endpoint that a live price is known for.

    Args:
        endpoints: By key.
        prices: By key.

    Returns:
        Those endpoints, by key.
    """
    return {key: reconcile(endpoints[key], price) for key, price in prices.items() if key in endpoints}


def _told(endpoint: Endpoint, kind: Literal["price", "unit"], sentence: str) -> Live:
    return Live(endpoint, Difference(endpoint.key, kind, sentence))


def _checked(endpoint: Endpoint, per: PriceUnit, figure: Decimal, price: UnitPrice) -> Live:
    rows = [row for row in endpoint.prices if row.per == per]
    is_same = any(_is_same(row, figure) for row in rows)
    first = rows[0]
    if len(endpoint.prices) == 1 and not (first.when or first.multiply or first.plus):
        replaced = _with_prices(endpoint, [_replaced(first, figure, price)])
        return Live(replaced, None if is_same else _differs(endpoint, rows, price, "the live figure is used"))
    if is_same:
        confirmed = [
            _confirmed(row, price) if row.per == per and _is_same(row, figure) else row for row in endpoint.prices
        ]
        return Live(_with_prices(endpoint, confirmed))
    doubted = [_doubted(row, figure, price) if row.per == per else row for row in endpoint.prices]
    told = "it does not say for which resolution or sound, so the table stands with low confidence"
    return Live(_with_prices(endpoint, doubted), _differs(endpoint, rows, price, told))


def _is_same(row: Price, figure: Decimal) -> bool:
    return abs(row.usd - figure) <= SAME * figure


def _differs(endpoint: Endpoint, rows: Sequence[Price], price: UnitPrice, then: str) -> Difference:
    figures = ", ".join(f"${plain(usd)}" for usd in sorted({row.usd for row in rows}))
    unit = rows[0].per.replace("_", " ")
    return Difference(endpoint.key, "price", f"fal says {price}, the catalogue {figures} per {unit}: {then}.")


def _with_prices(endpoint: Endpoint, prices: Sequence[Price]) -> Endpoint:
    return endpoint.model_copy(update={"prices": tuple(prices)})


def _replaced(row: Price, figure: Decimal, price: UnitPrice) -> Price:
    high = max(row.high_usd or row.usd, figure)
    confidence: Confidence = "high"
    return row.model_copy(
        update={
            "usd": figure,
            "high_usd": high if high > figure else None,
            "source": SOURCE,
            "dated": price.read,
            "confidence": confidence,
        }
    )


def _confirmed(row: Price, price: UnitPrice) -> Price:
    return row.model_copy(update={"source": f"{row.source}; {SOURCE} says the same, {price.read}"})


def _doubted(row: Price, figure: Decimal, price: UnitPrice) -> Price:
    high = max(row.high_usd or row.usd, figure)
    confidence: Confidence = "low"
    return row.model_copy(
        update={
            "high_usd": high if high > row.usd else row.high_usd,
            "source": f"{row.source}; {SOURCE} says {price}, {price.read}",
            "confidence": confidence,
        }
    )


def _added(endpoint: Endpoint, per: Literal["second", "video"], figure: Decimal, price: UnitPrice) -> Live:
    movers = [name for name in _PRICE_MOVERS if endpoint.param_for(name) is not None]
    confidence: Confidence = "low" if movers else "medium"
    note = "The gateway gives only a base price; resolution or sound may change it."
    row = Price(usd=figure, per=per, source=SOURCE, dated=price.read, confidence=confidence, note=note)
    return Live(
        _with_prices(endpoint, [row]),
        Difference(endpoint.key, "price", f"fal says {price}; the catalogue has no price."),
    )


def plain(amount: Decimal) -> str:
    """A figure without an exponent and without zeros at its end."""
    return f"{amount.normalize():f}"
