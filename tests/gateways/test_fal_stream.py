"""The stream of states: what is read of it, and what it means when it breaks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from itertools import pairwise
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from tests.standins.fal import FalStandIn

from videogen_mcp.errors import PollTrouble
from videogen_mcp.gateways.abilities import TellsStates
from videogen_mcp.gateways.base import Failed, Finished, Operation, Pending
from videogen_mcp.gateways.fal import FalGateway
from videogen_mcp.gateways.fal.events import (
    LONGEST_EVENT_BYTES,
    STREAMS_PER_CLIENT,
    EventParser,
    FalEvents,
    StreamPools,
    stream_pools,
)
from videogen_mcp.gateways.fal.queue import FalQueue
from videogen_mcp.settings import load_settings

WAN = "fal-ai/wan/v2.7/text-to-video"
BODY: dict[str, Any] = {"prompt": "A fox runs over snow", "duration": 2, "resolution": "720p"}


@pytest_asyncio.fixture(name="gateway")
async def gateway_fixture(standin: FalStandIn, fal_environment: dict[str, str]) -> AsyncIterator[FalGateway]:
    standin.streams = True
    async with httpx2.AsyncClient(trust_env=False) as http:
        gateway = FalGateway.open(load_settings(fal_environment), http)
        yield gateway
        await gateway.close()


async def states_of(gateway: FalGateway, operation: Operation) -> list[Pending | Finished | Failed]:
    async with aclosing(gateway.follow(operation)) as states:
        return [state async for state in states]


def read(pieces: list[bytes]) -> list[bytes]:
    parser = EventParser()
    return [data for piece in pieces for data in parser.feed(piece)]


EVENTS = (
    b"\xef\xbb\xbf: hello\r\ndata: {}\r\n\r\n"
    b"event: x\ndata:a\ndata: b\nid: 7\n\n: ping\n\ndata\n\nretry: 1\n\ndata: end\r\r"
)


@given(st.lists(st.integers(0, len(EVENTS)), max_size=12))
def test_events_are_the_same_however_they_are_cut(cuts: list[int]) -> None:
    bounds = [0, *sorted(cuts), len(EVENTS)]
    pieces = [EVENTS[start:end] for start, end in pairwise(bounds)]
    assert read(pieces) == [b"{}", b"a\nb", b"", b"end"]


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_no_bytes_upset_the_parser(pieces: list[bytes]) -> None:
    assert all(isinstance(data, bytes) for data in read(pieces))


def test_an_event_without_end_is_not_kept() -> None:
    with pytest.raises(PollTrouble, match="without end"):
        read([b"data: "] + [b"x" * 10_000] * (LONGEST_EVENT_BYTES // 10_000 + 1))
    with pytest.raises(PollTrouble, match="without end"):
        read([b"data: x\n"] * (LONGEST_EVENT_BYTES // 8 + 1))
    assert read([b": ping\n\n"] * (LONGEST_EVENT_BYTES // 8 + 1)) == []


async def test_a_stream_tells_every_change_and_then_the_result(standin: FalStandIn, gateway: FalGateway) -> None:
    operation = await gateway.submit(WAN, BODY)
    queued, running, finished = await states_of(gateway, operation)
    assert queued == Pending(None, "queued at fal, position 0")
    assert running == Pending(None, "running at fal: Working")
    assert isinstance(finished, Finished)
    assert finished == await gateway.poll(operation)
    (opened,) = [one for one in standin.requests if one.path.endswith("/status/stream")]
    assert (opened.query, opened.headers["accept"]) == ({"logs": ["1"]}, "text/event-stream")
    assert opened.headers["authorization"] == f"Key {standin.key}"
    assert opened.headers["user-agent"].startswith("videogen-mcp/")


async def test_a_stream_tells_a_failure(standin: FalStandIn, gateway: FalGateway) -> None:
    standin.fault("complete_with_error")
    *_, last = await states_of(gateway, await gateway.submit(WAN, BODY))
    assert isinstance(last, Failed)
    assert last.code == "content_policy"


async def test_comments_are_passed_over(standin: FalStandIn, gateway: FalGateway) -> None:
    standin.hold("IN_QUEUE")
    standin.ping_seconds = 0.01
    operation = await gateway.submit(WAN, BODY)
    async with aclosing(gateway.follow(operation)) as states:
        assert await anext(states) == Pending(None, "queued at fal, position 0")
        waiting = asyncio.ensure_future(anext(states))
        await asyncio.wait([waiting], timeout=0.1)
        standin.release()
        assert await waiting == Pending(None, "running at fal: Working")


FAULTS: list[tuple[str, dict[str, Any], str]] = [
    ("stream_status", {"status": 404}, "answered 404"),
    ("stream_status", {"status": 503, "body": "<html>"}, "answered 503"),
    ("stream_status", {"status": 200, "body": "<html>"}, "answered 200"),
    ("stream_status", {"status": 302, "headers": {"Location": "/elsewhere"}}, "answered 302"),
    ("stream_garbage", {"body": b"data: [1]\n\n"}, "no JSON object"),
    ("stream_garbage", {"body": b"data: {\n\n"}, "no JSON object"),
    ("stream_garbage", {"body": b"x" * (LONGEST_EVENT_BYTES + 1)}, "without end"),
    ("stream_drop", {}, "broke off"),
    ("stream_drop", {"after": 1}, "broke off"),
]


@pytest.mark.parametrize(("kind", "details", "words"), FAULTS)
async def test_a_stream_that_cannot_be_had_is_only_trouble(
    standin: FalStandIn, gateway: FalGateway, *, kind: str, details: dict[str, Any], words: str
) -> None:
    operation = await gateway.submit(WAN, BODY)
    standin.fault(kind, **details)
    with pytest.raises(PollTrouble, match=words) as caught:
        await states_of(gateway, operation)
    assert standin.key not in str(caught.value)
    assert isinstance((await states_of(gateway, operation))[-1], Finished)
    assert not [one for one in standin.requests if one.path == "/elsewhere"]


async def test_a_stream_that_is_closed_early_just_ends(standin: FalStandIn, gateway: FalGateway) -> None:
    operation = await gateway.submit(WAN, BODY)
    standin.fault("stream_close", after=1)
    assert await states_of(gateway, operation) == [Pending(None, "queued at fal, position 0")]


async def test_the_key_goes_to_the_queues_own_host_only(
    standin: FalStandIn, gateway: FalGateway, fal_environment: dict[str, str]
) -> None:
    operation = await gateway.submit(WAN, BODY)
    with FalStandIn() as other:
        moved = {name: str(url).replace(standin.origin, other.origin) for name, url in operation.items()}
        assert isinstance((await states_of(gateway, moved))[-1], Finished)
        assert isinstance(await gateway.poll(moved), Finished)
        assert await gateway.cancel(moved) == "too_late"
        assert other.requests == []
    assert fal_environment["VIDEOGEN_FAL_QUEUE_URL"] == standin.origin


async def test_a_stream_without_a_word_is_dead_after_a_while(standin: FalStandIn, gateway: FalGateway) -> None:
    """The usual limit is nearly a minute; here the client's own is put in its place."""

    async def shorten(request: httpx2.Request) -> None:
        request.extensions["timeout"] = {**request.extensions["timeout"], "read": 0.2}

    operation = await gateway.submit(WAN, BODY)
    standin.fault("stream_silent", after=1)
    pools = StreamPools(lambda: httpx2.AsyncClient(event_hooks={"request": [shorten]}, trust_env=False), 1)
    headers = {"Authorization": f"Key {standin.key}"}
    async with httpx2.AsyncClient(trust_env=False) as http:
        queue = FalQueue(standin.origin, headers, http, FalEvents(headers, lambda: pools))
        async with aclosing(queue.follow(operation)) as states:
            assert isinstance(await anext(states), Pending)
            with pytest.raises(PollTrouble, match="no answer within the time allowed"):
                await anext(states)
        await queue.close()


async def test_streams_have_pools_of_their_own_and_a_limit() -> None:
    opened: list[httpx2.AsyncClient] = []

    def client() -> httpx2.AsyncClient:
        opened.append(httpx2.AsyncClient(trust_env=False))
        return opened[-1]

    most = STREAMS_PER_CLIENT + 2
    pools = StreamPools(client, most)
    places = [pools.place() for _ in range(most)]
    clients = [await place.__aenter__() for place in places]
    assert [clients.count(one) for one in opened] == [STREAMS_PER_CLIENT, 2]
    with pytest.raises(PollTrouble, match="As many"):
        await pools.place().__aenter__()
    await places[0].__aexit__(None, None, None)
    async with pools.place() as again:
        assert again is opened[0]
    await pools.close()
    assert all(one.is_closed for one in opened)


async def test_the_usual_pools_leave_files_to_others() -> None:
    pools = stream_pools()
    async with pools.place() as client:
        assert not client.follow_redirects
    await pools.close()
    assert issubclass(FalGateway, TellsStates)
