"""fal's platform API alone, over real HTTP, against the stand-in."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from tests.standins.fal import FalStandIn

from videogen_mcp.catalogue.live import UnitPrice
from videogen_mcp.errors import ErrorCode, GatewayError, InvalidRequest, NotConfigured, NotSent
from videogen_mcp.gateways.fal import FalPlatform
from videogen_mcp.settings import load_settings

VEO = "fal-ai/veo3.1"
TODAY = date(2026, 11, 21)


class Pauses:
    """A clock that stands still and keeps the pauses it was asked for."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 11, 21, 9, tzinfo=UTC)

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        assert not event.is_set()
        self.asked.append(seconds)


@pytest_asyncio.fixture(name="http")
async def http_fixture() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(trust_env=False) as http:
        yield http


@pytest.fixture(name="pauses")
def pauses_fixture() -> Pauses:
    return Pauses()


@pytest.fixture(name="platform")
def platform_fixture(fal_environment: dict[str, str], http: httpx2.AsyncClient, pauses: Pauses) -> FalPlatform:
    return FalPlatform.open(load_settings(fal_environment), http, pauses)


async def test_prices_come_as_they_were_written(standin: FalStandIn, platform: FalPlatform) -> None:
    standin.set_price(VEO, 0.4, "seconds")
    standin.set_price("a/b", 0.00027, "1m tokens", "EUR")
    prices = await platform.unit_prices([VEO, "a/b", "un/known"])
    assert prices == {
        VEO: UnitPrice(Decimal("0.4"), "seconds", "USD", TODAY),
        "a/b": UnitPrice(Decimal("0.00027"), "1m tokens", "EUR", TODAY),
    }
    (request,) = standin.requests
    assert (request.method, request.path) == ("GET", "/platform/v1/models/pricing")
    assert request.query == {"endpoint_id": [VEO, "a/b", "un/known"]}


async def test_fifty_ids_go_into_a_call_and_every_page_is_read(standin: FalStandIn, platform: FalPlatform) -> None:
    ids = [f"owner/app-{number}" for number in range(120)]
    for number, name in enumerate(ids):
        standin.set_price(name, number + 0.5)
    prices = await platform.unit_prices([*ids, ids[0]])
    assert {name: price.amount for name, price in prices.items()} == {
        name: Decimal(number) + Decimal("0.5") for number, name in enumerate(ids)
    }
    first_pages = [request for request in standin.requests if "cursor" not in request.query]
    assert [len(request.query["endpoint_id"]) for request in first_pages] == [50, 50, 20]
    assert len(standin.requests) > len(first_pages)


async def test_one_unknown_id_does_not_spoil_the_others(standin: FalStandIn, platform: FalPlatform) -> None:
    standin.listing.refuses_unknown = True
    ids = [f"owner/app-{number}" for number in range(10)]
    for name in ids[:3] + ids[4:]:
        standin.set_price(name, 1)
    assert set(await platform.unit_prices(ids)) == set(ids) - {ids[3]}


async def test_nothing_is_asked_for_nothing(standin: FalStandIn, platform: FalPlatform) -> None:
    assert await platform.unit_prices([]) == {}
    assert standin.requests == []


@pytest.mark.parametrize(
    "change",
    [
        {"unit_price": "0.4"},
        {"unit_price": True},
        {"unit_price": None},
        {"unit": None},
        {"currency": 1},
    ],
)
async def test_a_price_that_is_none_is_left_out(
    standin: FalStandIn, platform: FalPlatform, change: dict[str, Any]
) -> None:
    standin.set_price(VEO, 0.4)
    standin.set_price("a/b", 0.2)
    standin.listing.prices[VEO] |= change
    assert list(await platform.unit_prices([VEO, "a/b"])) == ["a/b"]


async def test_an_answer_with_what_json_does_not_know_is_none(standin: FalStandIn, platform: FalPlatform) -> None:
    standin.set_price(VEO, 0.4)
    standin.listing.prices[VEO] |= {"unit_price": float("inf")}
    with pytest.raises(GatewayError, match="cannot be read"):
        await platform.unit_prices([VEO])


async def test_a_price_that_was_not_asked_for_is_left_out(standin: FalStandIn, platform: FalPlatform) -> None:
    standin.set_price(VEO, 0.4)
    standin.listing.prices[VEO] |= {"endpoint_id": "some/other"}
    assert await platform.unit_prices([VEO]) == {}


async def test_a_contract_is_the_document_that_fal_lists(standin: FalStandIn, platform: FalPlatform) -> None:
    contract = await platform.contract(VEO)
    assert contract is not None
    assert (contract.status, contract.read) == ("active", TODAY)
    assert contract.document is not None
    assert f"/{VEO}" in contract.document["paths"]
    (request,) = standin.requests
    assert (request.path, request.query) == (
        "/platform/v1/models",
        {"endpoint_id": [VEO], "expand": ["openapi-3.0"]},
    )
    assert request.headers["authorization"] == f"Key {standin.key}"


@pytest.mark.parametrize("refuses_unknown", [True, False])
async def test_what_fal_does_not_list_has_no_contract(
    standin: FalStandIn, platform: FalPlatform, *, refuses_unknown: bool
) -> None:
    standin.listing.refuses_unknown = refuses_unknown
    assert await platform.contract("un/known") is None


async def test_an_error_in_the_place_of_a_document_is_no_document(standin: FalStandIn, platform: FalPlatform) -> None:
    standin.listing.documents[VEO] = {"error": {"code": "expansion_failed", "message": "Not now"}}
    standin.listing.statuses[VEO] = "deprecated"
    contract = await platform.contract(VEO)
    assert contract is not None
    assert (contract.document, contract.status) == (None, "deprecated")


async def test_a_pause_that_is_asked_for_is_kept(standin: FalStandIn, platform: FalPlatform, pauses: Pauses) -> None:
    standin.set_price(VEO, 0.4)
    standin.fault("platform_status", times=1, status=429, headers={"Retry-After": "7"})
    standin.fault("platform_status", times=2, status=429)
    assert set(await platform.unit_prices([VEO])) == {VEO}
    assert pauses.asked == [7.0, 4.0, 8.0]
    assert len(standin.requests) == 4


async def test_a_pause_that_is_too_long_is_told_and_not_made(
    standin: FalStandIn, platform: FalPlatform, pauses: Pauses
) -> None:
    standin.fault("platform_status", status=429, headers={"Retry-After": "3600"})
    with pytest.raises(GatewayError, match="left alone for 3600 s"):
        await platform.unit_prices([VEO])
    assert (pauses.asked, len(standin.requests)) == ([], 1)


async def test_patience_ends(standin: FalStandIn, platform: FalPlatform, pauses: Pauses) -> None:
    standin.fault("platform_status", times=4, status=429, headers={"Retry-After": "1"})
    with pytest.raises(GatewayError, match="429"):
        await platform.unit_prices([VEO])
    assert pauses.asked == [1.0] * 3


FAULTS: list[tuple[str, dict[str, Any], ErrorCode, str]] = [
    ("platform_status", {}, "gateway_unavailable", "500: Internal Server Error"),
    ("platform_status", {"status": 200, "body": {"prices": {}, "models": {}}}, "gateway_unavailable", "cannot be read"),
    ("platform_status", {"status": 200, "body": []}, "gateway_unavailable", "cannot be read"),
    ("platform_status", {"status": 403, "body": {"detail": "No"}}, "unauthorized", "403: No"),
    ("platform_status", {"status": 400, "body": {"error": {"message": "Bad"}}}, "gateway_unavailable", "400: Bad"),
    ("platform_garbage", {}, "gateway_unavailable", "cannot be read"),
    ("platform_drop", {}, "gateway_unavailable", "could not be asked"),
]


@pytest.mark.parametrize("asked", ["prices", "contract"])
@pytest.mark.parametrize("case", FAULTS, ids=lambda case: case[3])
async def test_every_failure_is_told(
    standin: FalStandIn, platform: FalPlatform, case: tuple[str, dict[str, Any], ErrorCode, str], asked: str
) -> None:
    fault, details, code, words = case
    standin.fault(fault, **details)
    with pytest.raises(GatewayError, match=words) as caught:
        await (platform.unit_prices([VEO]) if asked == "prices" else platform.contract(VEO))
    assert caught.value.code == code
    assert standin.key not in str(caught.value)


async def test_a_key_that_is_refused_is_not_repeated(
    standin: FalStandIn, fal_environment: dict[str, str], http: httpx2.AsyncClient, pauses: Pauses
) -> None:
    platform = FalPlatform.open(load_settings(fal_environment | {"FAL_KEY": "wrong:key"}), http, pauses)
    with pytest.raises(GatewayError) as caught:
        await platform.unit_prices([VEO])
    assert caught.value.code == "unauthorized"
    assert "wrong:key" not in str(caught.value)
    assert len(standin.requests) == 1


async def test_an_api_that_cannot_be_reached_got_nothing(
    fal_environment: dict[str, str], http: httpx2.AsyncClient, pauses: Pauses
) -> None:
    settings = load_settings(fal_environment | {"VIDEOGEN_FAL_API_URL": "https://api.invalid"})
    with pytest.raises(NotSent, match="cannot be reached"):
        await FalPlatform.open(settings, http, pauses).unit_prices([VEO])


def test_without_a_key_it_is_not_opened(local_environment: dict[str, str], pauses: Pauses) -> None:
    with pytest.raises(NotConfigured, match="FAL_KEY"):
        FalPlatform.open(load_settings(local_environment), httpx2.AsyncClient(), pauses)


def test_plain_http_is_for_allowed_hosts_only(local_environment: dict[str, str], pauses: Pauses) -> None:
    environment = local_environment | {"FAL_KEY": "a", "VIDEOGEN_FAL_API_URL": "http://api.example"}
    with pytest.raises(InvalidRequest, match="VIDEOGEN_FAL_API_URL"):
        FalPlatform.open(load_settings(environment), httpx2.AsyncClient(), pauses)
