"""The other host of fal's queue: for connections that cannot be made, and for nothing else."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from tests.standins.fal import FalStandIn

from videogen_mcp.errors import InvalidRequest, NotSent, PollTrouble, SubmitRefused, SubmitUncertain
from videogen_mcp.gateways.base import Finished
from videogen_mcp.gateways.fal import FalGateway
from videogen_mcp.gateways.fal.gateway import BACKUP_URL, QUEUE_URL
from videogen_mcp.settings import load_settings

WAN = "fal-ai/wan/v2.7/text-to-video"
BODY: dict[str, Any] = {"prompt": "A fox runs over snow", "duration": 2, "resolution": "720p"}


@pytest.fixture(name="closed")
def closed_fixture() -> Iterator[str]:
    """An address on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest_asyncio.fixture(name="http")
async def http_fixture() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(trust_env=False) as http:
        yield http


def gateway_at(
    environment: dict[str, str], http: httpx2.AsyncClient, queue: str, backup: str | None = None
) -> FalGateway:
    changes = {"VIDEOGEN_FAL_QUEUE_URL": queue, **({} if backup is None else {"VIDEOGEN_FAL_BACKUP_URL": backup})}
    hosts = ",".join(url.partition("://")[2] for url in changes.values())
    allowed = {"VIDEOGEN_ALLOWED_HOSTS": f"{environment['VIDEOGEN_ALLOWED_HOSTS']},{hosts}"}
    return FalGateway.open(load_settings(environment | changes | allowed), http)


async def test_a_queue_that_cannot_be_reached_is_asked_at_its_other_host(
    standin: FalStandIn, fal_environment: dict[str, str], http: httpx2.AsyncClient, closed: str
) -> None:
    standin.streams = True
    standin.plan(0, 0)
    gateway = gateway_at(fal_environment, http, closed, standin.origin)
    operation = await gateway.submit(WAN, BODY)
    assert len(standin.submits) == 1
    assert all(str(url).startswith(standin.origin) for name, url in operation.items() if name.endswith("_url"))
    assert isinstance(await gateway.poll(operation), Finished)
    async with aclosing(gateway.follow(operation)) as states:
        assert [type(state) for state in [one async for one in states]] == [Finished]
    assert await gateway.cancel(operation) == "too_late"
    await gateway.close()


async def test_what_was_begun_at_the_first_host_goes_on_at_the_other(
    standin: FalStandIn, fal_environment: dict[str, str], http: httpx2.AsyncClient, closed: str
) -> None:
    standin.streams = True
    standin.plan(0, 0)
    operation = await gateway_at(fal_environment, http, standin.origin).submit(WAN, BODY)
    elsewhere = {name: str(value).replace(standin.origin, closed) for name, value in operation.items()}
    gateway = gateway_at(fal_environment, http, closed, standin.origin)
    assert isinstance(await gateway.poll(elsewhere), Finished)
    async with aclosing(gateway.follow(elsewhere)) as states:
        assert isinstance(await anext(states), Finished)
    await gateway.close()


async def test_without_a_second_host_a_stream_is_only_trouble(
    fal_environment: dict[str, str], http: httpx2.AsyncClient, closed: str
) -> None:
    gateway = gateway_at(fal_environment, http, closed)
    operation = {"status_url": f"{closed}/fal-ai/wan/requests/r/status"}
    async with aclosing(gateway.follow(operation)) as states:
        with pytest.raises(PollTrouble, match="no connection"):
            await anext(states)
    await gateway.close()


async def test_when_neither_can_be_reached_nothing_was_sent(
    fal_environment: dict[str, str], http: httpx2.AsyncClient, closed: str
) -> None:
    with pytest.raises(NotSent, match="fal cannot be reached"):
        await gateway_at(fal_environment, http, closed, "https://queue.invalid").submit(WAN, BODY)


@pytest.mark.parametrize(
    ("kind", "details", "error"),
    [
        ("submit_drop_before_body", {}, SubmitUncertain),
        ("submit_drop_after_body", {}, SubmitUncertain),
        ("submit_status", {"status": 503, "body": "<html>"}, SubmitUncertain),
        ("submit_status", {"status": 429}, SubmitRefused),
        ("submit_redirect", {}, SubmitRefused),
    ],
)
async def test_what_was_sent_is_never_sent_to_the_other_host(
    *,
    standin: FalStandIn,
    fal_environment: dict[str, str],
    http: httpx2.AsyncClient,
    kind: str,
    details: dict[str, Any],
    error: type[Exception],
) -> None:
    standin.fault(kind, **details)
    with FalStandIn(key=standin.key) as other:
        gateway = gateway_at(fal_environment, http, standin.origin, other.origin)
        with pytest.raises(error):
            await gateway.submit(WAN, BODY)
        assert other.requests == []
    assert sum(one.is_submit for one in standin.requests) == 1


def sent_by(environment: dict[str, str]) -> list[str]:
    """The hosts that a submit is tried at, when none of them can be reached."""
    tried: list[str] = []

    def refuse(request: httpx2.Request) -> httpx2.Response:
        tried.append(f"{request.url.scheme}://{request.url.host}")
        raise httpx2.ConnectError("refused", request=request)

    async def submit() -> None:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(refuse)) as http:
            with pytest.raises(NotSent):
                await FalGateway.open(load_settings(environment), http).submit(WAN, BODY)

    asyncio.run(submit())
    return tried


def test_the_default_queue_has_the_default_backup(fal_environment: dict[str, str]) -> None:
    del fal_environment["VIDEOGEN_FAL_QUEUE_URL"]
    assert sent_by(fal_environment) == [QUEUE_URL, BACKUP_URL]
    assert sent_by(fal_environment | {"VIDEOGEN_FAL_BACKUP_URL": "https://other.example"}) == [
        QUEUE_URL,
        "https://other.example",
    ]
    assert sent_by(fal_environment | {"VIDEOGEN_FAL_BACKUP_URL": QUEUE_URL}) == [QUEUE_URL]


def test_another_queue_has_none_unless_one_is_named(fal_environment: dict[str, str]) -> None:
    own = fal_environment | {"VIDEOGEN_FAL_QUEUE_URL": "https://proxy.example"}
    assert sent_by(own) == ["https://proxy.example"]
    assert sent_by(own | {"VIDEOGEN_FAL_BACKUP_URL": "https://second.example"}) == [
        "https://proxy.example",
        "https://second.example",
    ]


def test_a_backup_that_is_no_address_is_refused(fal_environment: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest, match="VIDEOGEN_FAL_BACKUP_URL"):
        FalGateway.open(
            load_settings(fal_environment | {"VIDEOGEN_FAL_BACKUP_URL": "http://plain.example"}), httpx2.AsyncClient()
        )


async def test_a_submit_says_until_when_it_may_begin(
    standin: FalStandIn, fal_environment: dict[str, str], http: httpx2.AsyncClient
) -> None:
    await gateway_at(fal_environment, http, standin.origin).submit(WAN, BODY)
    assert standin.submits[0].headers["x-fal-request-timeout"] == "21600"
