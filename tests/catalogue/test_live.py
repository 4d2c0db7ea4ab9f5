"""Live unit prices against the price table."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.catalogue.encode import Payload
from videogen_mcp.catalogue.live import SOURCE, UnitPrice, reconcile
from videogen_mcp.catalogue.pricing import price
from videogen_mcp.catalogue.schema import Endpoint, Param
from videogen_mcp.catalogue.terms import Multiplier, Price

READ = date(2026, 11, 21)
KEY = "fal:owner/app"


def live(amount: str, unit: str = "seconds", currency: str = "USD") -> UnitPrice:
    return UnitPrice(Decimal(amount), unit, currency, READ)


def row(usd: str, per: Any = "second", **more: Any) -> Price:
    return Price(usd=Decimal(usd), per=per, source="a page", dated=date(2026, 9, 1), confidence="medium", **more)


def endpoint(*prices: Price, **params: Param) -> Endpoint:
    known = {"prompt": Param(source=("prompt",)), "resolution": Param(values=("720p", "1080p"))}
    return Endpoint(
        id="owner/app",
        gateway="fal",
        model="app",
        modes=("text_to_video",),
        params=known | params,
        prices=prices,
        source="a page",
        checked=READ,
    )


BY_RESOLUTION = (row("0.1", when={"resolution": "720p"}), row("0.2", when={"resolution": "1080p"}))


def test_one_plain_figure_is_replaced() -> None:
    found = reconcile(endpoint(row("0.1", high_usd=Decimal("0.3"), note="kept")), live("0.14"))
    (one,) = found.endpoint.prices
    assert (one.usd, one.high_usd, one.per, one.note) == (Decimal("0.14"), Decimal("0.3"), "second", "kept")
    assert (one.source, one.dated, one.confidence) == (SOURCE, READ, "high")
    assert found.difference is not None
    assert (found.difference.endpoint, found.difference.kind) == (KEY, "price")
    assert found.difference.sentence == (
        "fal says $0.14 per second, the catalogue $0.1 per second: the live figure is used."
    )


def test_a_cap_reckons_with_the_higher_of_two_figures() -> None:
    cheaper = reconcile(endpoint(row("0.4")), live("0.2")).endpoint.prices[0]
    assert (cheaper.usd, cheaper.high_usd) == (Decimal("0.2"), Decimal("0.4"))
    dearer = reconcile(endpoint(row("0.2")), live("0.4")).endpoint.prices[0]
    assert (dearer.usd, dearer.high_usd or dearer.usd) == (Decimal("0.4"), Decimal("0.4"))


def test_a_figure_that_is_the_same_is_dated_anew_and_no_difference() -> None:
    found = reconcile(endpoint(row("0.1", "video")), live("0.1005", "videos"))
    assert (found.difference, found.endpoint.prices[0].source) == (None, SOURCE)


def test_a_table_is_confirmed_by_one_of_its_figures() -> None:
    found = reconcile(endpoint(*BY_RESOLUTION), live("0.2"))
    assert found.difference is None
    low, high = found.endpoint.prices
    assert low == BY_RESOLUTION[0]
    assert (high.usd, high.confidence) == (Decimal("0.2"), "medium")
    assert high.source == "a page; fal pricing API says the same, 2026-11-21"


@pytest.mark.parametrize(
    "prices",
    [
        BY_RESOLUTION,
        (row("0.1", when={"resolution": "720p"}),),
        (row("0.1", multiply=(Multiplier(when={"resolution": "1080p"}, by=Decimal(2)),)),),
    ],
    ids=["several", "conditional", "with a factor"],
)
def test_a_table_that_is_not_confirmed_stands_in_doubt(prices: tuple[Price, ...]) -> None:
    found = reconcile(endpoint(*prices), live("0.14"))
    assert [one.usd for one in found.endpoint.prices] == [one.usd for one in prices]
    assert {one.confidence for one in found.endpoint.prices} == {"low"}
    assert all((one.high_usd or one.usd) >= Decimal("0.14") for one in found.endpoint.prices)
    assert all("$0.14 per second" in one.source for one in found.endpoint.prices)
    assert found.difference is not None
    assert "low confidence" in found.difference.sentence


def test_only_figures_of_the_same_unit_are_put_in_doubt() -> None:
    table = (*BY_RESOLUTION, row("0.007", "thousand_tokens"))
    found = reconcile(endpoint(*table), live("9", "1m tokens"))
    assert found.endpoint.prices[:2] == BY_RESOLUTION
    assert (found.endpoint.prices[2].confidence, found.endpoint.prices[2].high_usd) == ("low", Decimal("0.009"))


def test_tokens_are_reckoned_by_the_thousand() -> None:
    table = endpoint(row("0.007", "thousand_tokens"))
    assert reconcile(table, live("7", "1m tokens")).difference is None
    assert reconcile(table, live("0.007", "1000 tokens")).endpoint.prices[0].usd == Decimal("0.007")


@pytest.mark.parametrize(("unit", "per"), [("seconds", "second"), ("Videos ", "video"), ("video", "video")])
def test_where_there_was_no_price_there_is_one(unit: str, per: str) -> None:
    found = reconcile(endpoint(), live("0.3", unit))
    (one,) = found.endpoint.prices
    assert (one.usd, one.per, one.source, one.dated, one.confidence) == (Decimal("0.3"), per, SOURCE, READ, "medium")
    assert "base price" in one.note
    assert found.difference is not None
    assert "has no price" in found.difference.sentence


def test_a_base_price_is_less_sure_where_something_moves_it() -> None:
    sound = Param(type="boolean", source=("generate_audio",))
    assert reconcile(endpoint(generate_audio=sound), live("0.3")).endpoint.prices[0].confidence == "low"


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        (live("1", "units"), "unit", "how many of them a clip takes is not known"),
        (live("1", "compute seconds"), "unit", "$1 per compute second:"),
        (live("1", "5 seconds"), "unit", "$1 per 5 seconds:"),
        (live("1", ""), "unit", "unit without a name"),
        (live("0.3", "seconds", "EUR"), "unit", "EUR 0.3 per second"),
        (live("0.3", "1m tokens"), "unit", "tokens"),
        (live("0"), "price", "which is no price"),
        (live("-1"), "price", "which is no price"),
    ],
)
@pytest.mark.parametrize("table", [endpoint(), endpoint(row("0.5", "video"))], ids=["unpriced", "priced"])
def test_what_cannot_be_used_changes_nothing_and_is_told(
    said: UnitPrice, kind: str, words: str, table: Endpoint
) -> None:
    found = reconcile(table, said)
    # What one unit costs is kept for the bill, in whatever unit it is.
    assert found.endpoint.model_copy(update={"unit_usd": None}) == table
    assert found.difference is not None
    assert found.difference.kind == kind
    assert words in found.difference.sentence


def test_another_unit_than_the_tables_is_told() -> None:
    found = reconcile(endpoint(row("0.5", "video")), live("0.1"))
    assert found.endpoint.prices == (row("0.5", "video"),)
    assert found.difference is not None
    assert found.difference.sentence == "fal bills $0.1 per second; the catalogue's figures are per video."


@given(
    amount=st.decimals(min_value=-5, max_value=1000, places=5),
    unit=st.sampled_from(["seconds", "videos", "1m tokens", "1000 tokens", "units", "", "images", "compute seconds"]),
    index=st.integers(min_value=0),
)
def test_no_live_price_makes_anything_free_or_lowers_a_cap(amount: Decimal, unit: str, index: int) -> None:
    listed = [one for one in load_catalogue().endpoints if one.gateway == "fal"]
    before = listed[index % len(listed)]
    after = reconcile(before, UnitPrice(amount, unit, "USD", READ)).endpoint
    payload = Payload(body={}, seconds=5, resolution="720p")
    old, new = price(before, payload), price(after, payload)
    assert all(one.usd > 0 for one in after.prices)
    assert old.ceiling_usd is None or (new.ceiling_usd is not None and new.ceiling_usd >= old.ceiling_usd)


def test_figures_of_a_real_day() -> None:
    """What the pricing API said on 2026-09-29, by a public table of that day (see catalogue/live.py)."""
    table = load_catalogue()
    veo = reconcile(table.find("fal:fal-ai/veo3.1/fast/image-to-video"), live("0.15"))
    assert veo.difference is None
    assert sum("says the same" in one.source for one in veo.endpoint.prices) >= 1
    kling = table.find("fal:fal-ai/kling-video/v3/pro/image-to-video")
    doubted = reconcile(kling, live("0.14"))
    assert [one.usd for one in doubted.endpoint.prices] == [one.usd for one in kling.prices]
    assert all((one.high_usd or one.usd) >= Decimal("0.14") for one in doubted.endpoint.prices)
    assert doubted.difference is not None


def test_the_catalogue_is_refreshed_as_a_whole() -> None:
    table = load_catalogue()
    name = "fal:fal-ai/kling-video/v3/pro/image-to-video"
    changed, differences = table.refreshed({name: live("0.14"), "fal:un/known": live("1")}, {})
    assert [one.endpoint for one in differences] == [name]
    assert changed.find(name).prices != table.find(name).prices
    assert [one.key for one in changed.endpoints] == [one.key for one in table.endpoints]
    assert all(changed.find(one.key) is one for one in table.endpoints if one.key != name)


def test_an_endpoint_beside_the_catalogue_is_found_and_priced_but_not_listed() -> None:
    table = load_catalogue().with_endpoint(endpoint())
    assert table.find(KEY).prices == ()
    assert table.knows(KEY)
    assert not table.lists(KEY)
    assert KEY not in {one.key for one in table.endpoints}
    changed, differences = table.refreshed({KEY: live("0.2")}, {})
    assert (changed.find(KEY).prices[0].usd, differences) == (Decimal("0.2"), ())


@pytest.mark.parametrize("unit", ["seconds", "units", "compute seconds", "1m tokens"])
def test_what_one_of_the_gateways_units_costs_is_known_in_any_unit(unit: str) -> None:
    for prices in ((), (row("0.1"),), BY_RESOLUTION):
        found = reconcile(endpoint(*prices), live("0.14", unit)).endpoint
        assert found.unit_usd == Decimal("0.14")
        assert price(found, Payload({"resolution": "720p"})).unit_usd == Decimal("0.14")


@pytest.mark.parametrize("wrong", [live("0.14", currency="EUR"), live("0"), live("-1")])
def test_what_is_no_price_in_dollars_is_no_price_of_a_unit(wrong: UnitPrice) -> None:
    assert reconcile(endpoint(), wrong).endpoint.unit_usd is None


@pytest.mark.parametrize(
    ("prices", "unit_usd"),
    [
        ((), None),
        ((row("0.1"),), Decimal("0.1")),
        ((row("0.5", "video"),), Decimal("0.5")),
        ((row("0.1", "thousand_tokens"),), None),
        ((row("0.1", when={"resolution": "720p"}),), None),
        ((row("0.1", multiply=(Multiplier(by=Decimal(2)),)),), None),
        (BY_RESOLUTION, None),
    ],
)
def test_without_a_live_price_only_a_table_of_one_plain_figure_tells_it(
    prices: tuple[Price, ...], unit_usd: Decimal | None
) -> None:
    assert price(endpoint(*prices), Payload({"resolution": "720p"})).unit_usd == unit_usd
