"""Whether a call is fal's: signatures, times, and keys that change, against keys listed over real HTTP."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.standins.schemas import DROPPED, Reply, json_reply
from tests.standins.webhooks import CallingFal, call_body, listed_key, signature_headers

from videogen_mcp.errors import CallbackRefused, PollTrouble
from videogen_mcp.gateways.abilities import CallsBack
from videogen_mcp.gateways.fal import FalGateway
from videogen_mcp.gateways.fal.webhooks import HEADER_PREFIX, KEYS_KEPT, WINDOW_SECONDS, FalWebhooks, read_headers

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
BODY = call_body("the-request")


@pytest.fixture(name="standin")
def standin_fixture() -> Iterator[CallingFal]:
    with CallingFal() as standin:
        yield standin
        assert standin.violations == []


@pytest_asyncio.fixture(name="webhooks")
async def webhooks_fixture(standin: CallingFal) -> AsyncIterator[FalWebhooks]:
    async with httpx2.AsyncClient(trust_env=False) as http:
        yield FalWebhooks(standin.rest_url, http)


def signed(key: Ed25519PrivateKey, body: bytes = BODY, *, at: datetime = NOW, **more: Any) -> dict[str, str]:
    headers = signature_headers(key, body, timestamp=int(at.timestamp()), **more)
    return {name.lower(): value for name, value in headers.items()}


async def refused(webhooks: FalWebhooks, headers: dict[str, str], body: bytes = BODY, now: datetime = NOW) -> str:
    with pytest.raises(CallbackRefused) as caught:
        await webhooks.request_id_of(headers, body, now)
    return caught.value.code


def test_the_gateway_offers_it() -> None:
    assert issubclass(FalGateway, CallsBack)


async def test_a_call_of_fal_tells_its_request(standin: CallingFal, webhooks: FalWebhooks) -> None:
    for _ in range(3):
        assert await webhooks.request_id_of(signed(standin.signing_key), BODY, NOW) == "the-request"
    assert standin.key_reads() == 1


@pytest.mark.parametrize("part", ["request-id", "user-id", "timestamp", "signature", "body"])
async def test_every_part_is_signed(standin: CallingFal, webhooks: FalWebhooks, part: str) -> None:
    headers, body = signed(standin.signing_key), BODY
    if part == "body":
        body = body.replace(b"the-request", b"another-one")
    else:
        name = HEADER_PREFIX + part
        headers[name] = headers[name][:-1] + ("1" if headers[name][-1] != "1" else "2")
    assert await refused(webhooks, headers, body) == "unauthorized"


@pytest.mark.parametrize("seconds", [-WINDOW_SECONDS - 1, WINDOW_SECONDS + 1])
async def test_a_call_out_of_its_time_is_refused_before_any_key_is_read(
    standin: CallingFal, webhooks: FalWebhooks, seconds: int
) -> None:
    headers = signed(standin.signing_key, at=NOW + timedelta(seconds=seconds))
    assert await refused(webhooks, headers) == "unauthorized"
    assert standin.key_reads() == 0


@pytest.mark.parametrize("seconds", [-WINDOW_SECONDS, WINDOW_SECONDS])
async def test_clocks_may_differ_by_five_minutes(standin: CallingFal, webhooks: FalWebhooks, seconds: int) -> None:
    headers = signed(standin.signing_key, at=NOW + timedelta(seconds=seconds))
    assert await webhooks.request_id_of(headers, BODY, NOW) == "the-request"


async def test_a_changed_key_is_read_at_once_and_a_foreign_one_not_more_than_once_a_minute(
    standin: CallingFal, webhooks: FalWebhooks
) -> None:
    await webhooks.request_id_of(signed(standin.signing_key), BODY, NOW)
    changed = Ed25519PrivateKey.generate()
    standin.listed = [*standin.listed, listed_key(changed)]
    later = NOW + timedelta(seconds=61)
    assert await webhooks.request_id_of(signed(changed, at=later), BODY, later) == "the-request"
    assert await webhooks.request_id_of(signed(standin.signing_key, at=later), BODY, later) == "the-request"
    assert standin.key_reads() == 2
    foreign = Ed25519PrivateKey.generate()
    for seconds in (0, 1, 30, 59, 60, 61):
        now = later + timedelta(seconds=seconds)
        assert await refused(webhooks, signed(foreign, at=now), now=now) == "unauthorized"
    assert standin.key_reads() == 3


async def test_a_key_that_is_listed_no_more_is_trusted_for_a_day_at_most(
    standin: CallingFal, webhooks: FalWebhooks
) -> None:
    await webhooks.request_id_of(signed(standin.signing_key), BODY, NOW)
    standin.listed = [listed_key(Ed25519PrivateKey.generate())]
    now = NOW + KEYS_KEPT
    assert await webhooks.request_id_of(signed(standin.signing_key, at=now), BODY, now) == "the-request"
    now += timedelta(seconds=1)
    assert await refused(webhooks, signed(standin.signing_key, at=now), now=now) == "unauthorized"
    assert standin.key_reads() == 2


@pytest.mark.parametrize(
    "reply",
    [
        json_reply(500, {"detail": "Internal Server Error"}),
        json_reply(302, {}, Location="https://evil.example/keys"),
        Reply(200, b"<html>"),
        json_reply(200, {"keys": "none"}),
        json_reply(200, {"keys": [None, {}, {"x": 5}, {"x": "short"}, {"x": "*" * 43}, {"kty": "EC", "x": "A" * 43}]}),
        DROPPED,
    ],
    ids=["500", "redirect", "html", "no-list", "no-keys", "no-answer"],
)
async def test_without_keys_a_call_is_neither_taken_nor_refused(
    standin: CallingFal, webhooks: FalWebhooks, reply: Reply
) -> None:
    standin.keys_reply = reply
    for _ in range(2):
        with pytest.raises(PollTrouble):
            await webhooks.request_id_of(signed(standin.signing_key), BODY, NOW)
    assert standin.key_reads() == 1, "nor are they asked for again and again"
    standin.keys_reply = None
    later = NOW + timedelta(seconds=60)
    assert await webhooks.request_id_of(signed(standin.signing_key, at=later), BODY, later) == "the-request"


async def test_keys_that_are_kept_outlive_a_failure_of_their_list(standin: CallingFal, webhooks: FalWebhooks) -> None:
    await webhooks.request_id_of(signed(standin.signing_key), BODY, NOW)
    standin.keys_reply = DROPPED
    later = NOW + timedelta(hours=1)
    foreign = signed(Ed25519PrivateKey.generate(), at=later)
    assert await refused(webhooks, foreign, now=later) == "unauthorized"
    assert await webhooks.request_id_of(signed(standin.signing_key, at=later), BODY, later) == "the-request"


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b'"the-request"', b"{}", b'{"request_id": 5}', b'{"request_id": ""}', b"\xff\xfe",
     b'{"request_id": "a/b"}', b'{"request_id": "a?b"}', b'{"request_id": "..%2f"}', b'{"request_id": "a\\nb"}',
     b"[" * 100_000, b'{"request_id": "' + b"a" * 129 + b'"}'],
)  # fmt: skip
async def test_a_body_that_names_no_request_cannot_be_read(
    standin: CallingFal, webhooks: FalWebhooks, body: bytes
) -> None:
    assert await refused(webhooks, signed(standin.signing_key, body), body) == "invalid_request"


HEADER_CHARACTERS = [chr(code) for code in range(0x700)]
"""More than a header can hold, with digits that are not ASCII."""

VALUES = st.one_of(
    st.text(HEADER_CHARACTERS, max_size=300),
    st.text("0123456789abcdefABCDEF", max_size=140),
    st.text("0123456789\u0661\u0662_+-. \n", max_size=15),
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["request-id", "user-id", "timestamp", "signature", "other"]), VALUES))
def test_whatever_stands_in_the_headers_is_read_or_refused(values: dict[str, str]) -> None:
    try:
        read = read_headers({HEADER_PREFIX + name: value for name, value in values.items()})
    except CallbackRefused:
        return
    assert len(read.signature) == 64
    assert 0 <= int(read.timestamp) < 10**12
    assert "\n" not in read.request_id + read.user_id
    assert read.request_id
    assert read.user_id


@settings(deadline=None)
@given(st.binary(min_size=64, max_size=64), st.integers(0, 10**12 - 1), st.text("abc-|0", min_size=1, max_size=256))
def test_headers_in_their_form_are_read(signature: bytes, timestamp: int, name: str) -> None:
    values = {"request-id": name, "user-id": name, "timestamp": str(timestamp), "signature": signature.hex()}
    read = read_headers({HEADER_PREFIX + key: value for key, value in values.items()})
    assert (read.signature, read.timestamp, read.request_id) == (signature, str(timestamp), name)
    assert read.message(b"").startswith(f"{name}\n{name}\n{timestamp}\n".encode())
