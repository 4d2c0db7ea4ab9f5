"""What is left on the account, and the way back to a submit whose answer was lost."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.gateways.heygen.bodies import AGENT, AVATAR, BODIES, MODEL, V1, ended, error
from tests.gateways.heygen.conftest import At
from tests.standins.heygen import HeyGenStandIn
from tests.standins.server import Reply, json_reply, text_reply

from videogen_mcp.errors import ErrorCode, GatewayError, NotSent, PollTrouble, SubmitUncertain
from videogen_mcp.gateways.base import Finished, SentRequest
from videogen_mcp.gateways.heygen import Balance, HeyGenGateway

MARK = "videogen 4711"
SENT_AT = datetime(2026, 11, 21, 10, tzinfo=UTC)


def lost(endpoint_id: str, title: str = MARK) -> SentRequest:
    return SentRequest(endpoint_id, BODIES[endpoint_id] | {"title": title}, SENT_AT, SENT_AT)


async def test_a_lost_video_is_found_by_its_mark(heygen: HeyGenStandIn, gateway: HeyGenGateway) -> None:
    await gateway.submit(AVATAR, BODIES[AVATAR])
    heygen.script(Reply(drop="after_body"), method="POST", accepted=True)
    with pytest.raises(SubmitUncertain):
        await gateway.submit(AVATAR, lost(AVATAR).body)
    operation = await gateway.find(lost(AVATAR))
    assert operation is not None
    assert operation == {"api": "video", "id": heygen.generations[1].id}
    assert heygen.requests[-1].query == {"title": [MARK], "limit": ["100"]}
    assert heygen.generations[1].body["title"] == MARK
    assert isinstance(await ended(gateway, operation), Finished)
    assert len(heygen.submits) == 2


async def test_a_title_of_the_callers_own_is_not_searched_for(heygen: HeyGenStandIn, gateway: HeyGenGateway) -> None:
    await gateway.submit(AVATAR, BODIES[AVATAR] | {"title": "Shop window"})
    before = len(heygen.requests)
    assert await gateway.find(lost(AVATAR, "Shop window")) is None
    assert len(heygen.requests) == before


async def test_what_is_not_there_or_there_twice_is_not_found(heygen: HeyGenStandIn, gateway: HeyGenGateway) -> None:
    assert await gateway.find(lost(AVATAR)) is None
    for _ in range(2):
        await gateway.submit(AVATAR, lost(AVATAR).body)
    assert await gateway.find(lost(AVATAR)) is None
    assert len(heygen.generations) == 2


async def test_a_filter_that_finds_too_much_is_not_trusted(heygen: HeyGenStandIn, gateway: HeyGenGateway) -> None:
    entries = [{"id": "other", "title": "Untitled"}, {"id": "mine", "title": f"Shop {MARK}"}, {"title": MARK}, "odd"]
    heygen.script(json_reply(200, {"data": entries, "has_more": False}), method="GET")
    assert await gateway.find(lost(AVATAR)) == {"api": "video", "id": "mine"}


@pytest.mark.parametrize("endpoint_id", [V1, MODEL, AGENT])
async def test_the_other_calls_have_no_way_to_look(
    heygen: HeyGenStandIn, gateway: HeyGenGateway, endpoint_id: str
) -> None:
    assert await gateway.find(lost(endpoint_id)) is None
    assert heygen.requests == []


@pytest.mark.parametrize(
    "reply", [Reply(drop="after_body"), json_reply(500, {}), json_reply(200, {"data": {}}), text_reply(200, "<html>")]
)
async def test_a_search_that_fails_is_told(heygen: HeyGenStandIn, gateway: HeyGenGateway, reply: Reply) -> None:
    heygen.script(reply, method="GET")
    with pytest.raises(PollTrouble):
        await gateway.find(lost(AVATAR))


BALANCES: list[tuple[dict[str, Any], Balance, str]] = [
    (
        {"billing_type": "wallet", "wallet": {"currency": "usd", "remaining_balance": 42.1}},
        Balance("wallet", Decimal("42.1"), "usd"),
        "wallet: $42.10 left",
    ),
    (
        {"billing_type": "wallet", "wallet": {"currency": "credits", "remaining_balance": 500}},
        Balance("wallet", Decimal(500), "credits"),
        "wallet: 500 credits left",
    ),
    (
        {"billing_type": "wallet", "wallet": {"currency": "usd", "remaining_balance": None}},
        Balance("wallet", None, "usd"),
        "wallet: no balance is told",
    ),
    (
        {
            "billing_type": "subscription",
            "wallet": None,
            "subscription": {
                "plan": "pro",
                "credits": {"premium_credits": {"remaining": 500}, "add_on_credits": {"remaining": 20}},
            },
        },
        Balance("subscription", Decimal(520), "credits"),
        "subscription: 520 credits left",
    ),
    (
        {"billing_type": "subscription", "subscription": {"plan": "free", "credits": {"premium_credits": None}}},
        Balance("subscription", None, "credits"),
        "subscription: no balance is told",
    ),
    (
        {"billing_type": "usage_based", "usage_based": {"spending_current_usd": 42.5, "spending_cap_usd": 100}},
        Balance("usage_based", Decimal("57.5"), "usd"),
        "usage_based: $57.50 left",
    ),
    (
        {"billing_type": "usage_based", "usage_based": {"spending_current_usd": 42.5, "spending_cap_usd": None}},
        Balance("usage_based", None, "usd"),
        "usage_based: no balance is told",
    ),
    ({"username": "someone", "billing_type": None}, Balance("wallet", None, "usd"), "wallet: no balance is told"),
]


@pytest.mark.parametrize(("user", "balance", "words"), BALANCES)
async def test_the_balance_is_that_of_the_billing_type(
    heygen: HeyGenStandIn, gateway: HeyGenGateway, user: dict[str, Any], balance: Balance, words: str
) -> None:
    heygen.account.user = user
    found = await gateway.balance()
    assert found == balance
    assert str(found) == words
    assert [(one.method, one.path) for one in heygen.requests] == [("GET", "/v3/users/me")]


async def test_without_v3_the_quota_is_told(heygen: HeyGenStandIn, gateway: HeyGenGateway) -> None:
    heygen.account.quota = 3660
    heygen.script(json_reply(404, {}), path="/v3/users/me")
    assert await gateway.balance() == Balance("quota", Decimal(61), "credits")


async def test_a_balance_is_what_the_answer_spells(heygen: HeyGenStandIn, gateway: HeyGenGateway) -> None:
    heygen.account.user = {"billing_type": "wallet", "wallet": {"remaining_balance": 0.1 + 0.2}}
    assert (await gateway.balance()).remaining == Decimal("0.30000000000000004")


ACCOUNT_FAULTS: list[tuple[Reply, ErrorCode, str]] = [
    (json_reply(401, error("unauthorized")), "unauthorized", "401: No."),
    (json_reply(403, error("forbidden")), "unauthorized", "403"),
    (json_reply(429, error("rate_limit_exceeded")), "gateway_unavailable", "429"),
    (json_reply(400, error("invalid_parameter")), "gateway_unavailable", "400"),
    (text_reply(502, "<html>"), "gateway_unavailable", "502: no reason given"),
    (text_reply(200, "<html>"), "gateway_unavailable", "cannot be read"),
    (json_reply(200, {"data": None}), "gateway_unavailable", "cannot be read"),
    (Reply(drop="after_body"), "gateway_unavailable", "could not be asked"),
]


@pytest.mark.parametrize(("reply", "code", "words"), ACCOUNT_FAULTS)
async def test_a_balance_that_cannot_be_read_is_told(
    heygen: HeyGenStandIn, gateway: HeyGenGateway, reply: Reply, code: ErrorCode, words: str
) -> None:
    heygen.script(reply)
    with pytest.raises(GatewayError, match=words) as caught:
        await gateway.balance()
    assert caught.value.code == code


async def test_no_connection_is_told_as_such(at: At) -> None:
    with pytest.raises(NotSent, match="cannot be reached"):
        await at("https://heygen.invalid").balance()
