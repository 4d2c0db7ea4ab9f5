"""The stand-in's list of requests is as strict as the real one, and stricter where a slip would go unseen."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from tests.standins.fal import FalStandIn
from tests.standins.history import PATH

VEO = "fal-ai/veo3.1"
BODY: dict[str, Any] = {"prompt": "A fox", "seed": 7}
LIST = PATH.removeprefix("/platform")


@pytest_asyncio.fixture(name="http")
async def http_fixture(standin: FalStandIn) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"Authorization": f"Key {standin.key}"}
    async with httpx2.AsyncClient(trust_env=False, headers=headers) as http:
        yield http


async def listed(standin: FalStandIn, http: httpx2.AsyncClient, **query: str) -> dict[str, Any]:
    reply = await http.get(f"{standin.api_url}{LIST}", params={"endpoint_id": VEO} | query)
    assert reply.status_code == 200, reply.text
    return reply.json()


async def submit(standin: FalStandIn, http: httpx2.AsyncClient, **body: Any) -> str:
    return (await http.post(f"{standin.queue_url}/{VEO}", json=BODY | body)).json()["request_id"]


async def test_without_the_key_nothing_is_told(standin: FalStandIn) -> None:
    async with httpx2.AsyncClient(trust_env=False) as http:
        assert (await http.get(f"{standin.api_url}{LIST}", params={"endpoint_id": VEO})).status_code == 401


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({}, "endpoint_id"),
        ({"endpoint_id": VEO, "expand[]": "payloads"}, "expand[]"),
        ({"endpoint_id": VEO, "expand": "payload"}, "expand"),
        ({"endpoint_id": VEO, "start": "yesterday"}, "start"),
        ({"endpoint_id": VEO, "end": "1700000000"}, "end"),
        ({"endpoint_id": VEO, "limit": "101"}, "limit"),
        ({"endpoint_id": VEO, "limit": "0"}, "limit"),
        ({"endpoint_id": VEO, "limit": "many"}, "limit"),
        ({"endpoint_id": VEO, "cursor": "two"}, "cursor"),
        ({"endpoint_id": VEO, "status": "running"}, "status"),
        ({"endpoint_id": ",".join(f"a/b-{number}" for number in range(51))}, "endpoint_id"),
    ],
)
async def test_a_slip_is_refused(
    standin: FalStandIn, http: httpx2.AsyncClient, query: dict[str, str], words: str
) -> None:
    reply = await http.get(f"{standin.api_url}{LIST}", params=query)
    assert reply.status_code == 400
    assert words in reply.json()["error"]["message"]


async def test_a_post_is_no_look(standin: FalStandIn, http: httpx2.AsyncClient) -> None:
    assert (await http.post(f"{standin.api_url}{LIST}", params={"endpoint_id": VEO}, json={})).status_code == 405


async def test_what_ended_is_listed_with_its_input_only_when_asked_for(
    standin: FalStandIn, http: httpx2.AsyncClient
) -> None:
    standin.plan(0, 0)
    request_id = await submit(standin, http)
    (bare,) = (await listed(standin, http))["items"]
    assert (bare["request_id"], bare["endpoint_id"], bare["status_code"]) == (request_id, VEO, 200)
    assert "json_input" not in bare
    (full,) = (await listed(standin, http, expand="payloads"))["items"]
    assert full["json_input"] == BODY
    standin.history.payloads = False
    assert "json_input" not in (await listed(standin, http, expand="payloads"))["items"][0]


async def test_what_runs_is_listed_only_where_that_is_scripted(standin: FalStandIn, http: httpx2.AsyncClient) -> None:
    request_id = await submit(standin, http)
    assert (await listed(standin, http))["items"] == []
    standin.history.lists_running = True
    (item,) = (await listed(standin, http))["items"]
    assert (item["request_id"], "ended_at" in item) == (request_id, False)


async def test_a_record_that_lags_shows_nothing_for_a_while(standin: FalStandIn, http: httpx2.AsyncClient) -> None:
    standin.plan(0, 0)
    await submit(standin, http)
    standin.history.looks_missed = 2
    assert [len((await listed(standin, http))["items"]) for _ in range(3)] == [0, 0, 1]
    assert len(standin.history.looks) == 3


async def test_the_range_is_that_of_the_ends(standin: FalStandIn, http: httpx2.AsyncClient) -> None:
    standin.plan(0, 0)
    await submit(standin, http)
    now = datetime.now(UTC)
    early, late = (now - timedelta(minutes=1)).isoformat(), (now + timedelta(minutes=1)).isoformat()
    assert len((await listed(standin, http, start=early, end=late))["items"]) == 1
    assert (await listed(standin, http, start=late))["items"] == []
    assert (await listed(standin, http, end=early))["items"] == []
    reply = await http.get(f"{standin.api_url}{LIST}", params={"endpoint_id": "fal-ai/veo3.1/image-to-video"})
    assert reply.json()["items"] == [], "another endpoint"


async def test_a_long_list_comes_in_pages(standin: FalStandIn, http: httpx2.AsyncClient) -> None:
    standin.plan(0, 0)
    ids = [await submit(standin, http, seed=seed) for seed in range(5)]
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await listed(standin, http, limit="2", **cursor)
        found += [one["request_id"] for one in page["items"]]
        assert page["has_more"] == (page["next_cursor"] is not None)
        if not page["has_more"]:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert found == ids[::-1], "the latest first"
