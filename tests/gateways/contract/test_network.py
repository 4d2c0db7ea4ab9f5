"""What every gateway makes of a network that fails, over real connections; and that silence is kept when asked for."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
import pytest_asyncio
from tests.gateways.contract.cases import Case
from tests.standins.server import RecordedRequest, Reply, StandInServer, json_reply, text_reply

from videogen_mcp.errors import NotSent, PollTrouble, SubmitRefused, SubmitUncertain
from videogen_mcp.gateways.attended import Attended
from videogen_mcp.gateways.base import MAX_REPLY_BYTES, Pending
from videogen_mcp.gateways.pace import LONGEST_SILENCE_SECONDS, Pace

pytestmark = pytest.mark.alone

LIMITS = {"connect": 4.0, "read": 0.5, "write": 0.5, "pool": 0.5}


class Bare(StandInServer):
    """Answers only what a test scripts."""

    def respond(self, request: RecordedRequest) -> Reply:
        self.report(f"Nothing was scripted for {request.method} {request.path}.")
        return Reply(500)


class Stepped:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        del event
        self.seconds += seconds


@pytest.fixture(name="bare")
def bare_fixture() -> Iterator[Bare]:
    with Bare() as bare:
        yield bare
        assert bare.violations == []


@pytest_asyncio.fixture(name="hasty")
async def hasty_fixture() -> AsyncIterator[httpx2.AsyncClient]:
    """A client whose time limits are short."""

    async def shorten(request: httpx2.Request) -> None:
        request.extensions["timeout"] = {**request.extensions["timeout"], **LIMITS, "connect": 1.0}

    async with httpx2.AsyncClient(event_hooks={"request": [shorten]}, trust_env=False) as http:
        yield http


LOST = {
    "dropped before the body": Reply(drop="before_body"),
    "dropped after the body": Reply(drop="after_body"),
    "cut off": Reply(200, b'{"id": "abc"}', sent=5),
    "trickling": Reply(200, b" " * 100_000, trickles=True),
    "over-long": Reply(200, b'{"padding": "' + b"p" * MAX_REPLY_BYTES + b'"}'),
    "no JSON": text_reply(200, "<!doctype html>"),
}


@pytest.mark.parametrize("reply", LOST.values(), ids=LOST.keys())
async def test_an_answer_that_is_lost_leaves_a_submit_uncertain(
    case: Case, bare: Bare, hasty: httpx2.AsyncClient, reply: Reply
) -> None:
    bare.script(reply)
    gateway = case.open(case.settings(bare.origin, bare.key), hasty)
    with pytest.raises(SubmitUncertain):
        await gateway.submit(case.endpoint, case.body)
    assert len(bare.requests) == 1


async def test_an_answer_that_does_not_come_leaves_a_submit_uncertain(
    case: Case, bare: Bare, hasty: httpx2.AsyncClient
) -> None:
    released = threading.Event()
    bare.script(json_reply(200, {}), hold=released)
    with pytest.raises(SubmitUncertain, match="within the time allowed"):
        await case.open(case.settings(bare.origin, bare.key), hasty).submit(case.endpoint, case.body)
    released.set()
    assert len(bare.requests) == 1


async def test_a_closed_port_and_an_unknown_name_mean_that_nothing_was_sent(
    case: Case, hasty: httpx2.AsyncClient
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        for origin in (f"http://127.0.0.1:{closed.getsockname()[1]}", "http://nobody.invalid"):
            gateway = case.open(case.settings(origin, "a-key"), hasty)
            with pytest.raises(NotSent):
                await gateway.submit(case.endpoint, case.body)
            with pytest.raises(NotSent):
                await gateway.check()


async def test_a_redirect_is_not_followed_and_the_key_does_not_go_along(
    case: Case, bare: Bare, hasty: httpx2.AsyncClient
) -> None:
    with Bare() as elsewhere:
        for status in (301, 302, 303, 307, 308):
            bare.script(text_reply(status, "", Location=f"{elsewhere.origin}/x"))
            with pytest.raises(SubmitRefused):
                await case.open(case.settings(bare.origin, bare.key), hasty).submit(case.endpoint, case.body)
        assert elsewhere.requests == []
    assert len(bare.requests) == 5


@pytest.mark.parametrize("status", [429, 503])
async def test_a_gateway_that_wants_silence_has_it(
    case: Case, bare: Bare, hasty: httpx2.AsyncClient, status: int
) -> None:
    time = Stepped()
    gateway = Attended(case.open(case.settings(bare.origin, bare.key), hasty), Pace(case.rate, time))
    bare.script(json_reply(status, {}, Retry_After="30"))
    with pytest.raises(SubmitRefused if status == 429 else SubmitUncertain):
        await gateway.submit(case.endpoint, case.body)
    with pytest.raises(SubmitRefused, match="asked to be left alone for 30 s more; nothing was sent") as refused:
        await gateway.submit(case.endpoint, case.body)
    assert (refused.value.retry_after, refused.value.busy) == (30.0, True)
    with pytest.raises(PollTrouble) as trouble:
        await gateway.poll({})
    assert trouble.value.retry_after == 30.0
    assert len(bare.requests) == 1
    time.seconds += 31
    bare.script(json_reply(400, {}))
    with pytest.raises(SubmitRefused, match="400"):
        await gateway.submit(case.endpoint, case.body)
    assert len(bare.requests) == 2


async def test_a_cancellation_waits_neither_for_looks_nor_for_the_end_of_a_silence(
    case: Case, hasty: httpx2.AsyncClient
) -> None:
    time = Stepped()
    pace = Pace(case.rate, time)
    with case.standin() as standin:
        gateway = Attended(case.open(case.settings(standin.origin, standin.key), hasty), pace)
        operation = await gateway.submit(case.endpoint, case.body)
        while pace.may_look():
            pass
        asked = len(standin.requests)
        assert await gateway.poll(operation) == Pending(is_told=False), "it is not its turn, and nothing is sent"
        assert len(standin.requests) == asked
        pace.keep_silent(10 * LONGEST_SILENCE_SECONDS)
        assert pace.silence == LONGEST_SILENCE_SECONDS
        before = time.seconds
        assert await gateway.cancel(operation) == case.cancel
        assert time.seconds == before
        assert len(standin.requests) == asked + int(case.cancels)
