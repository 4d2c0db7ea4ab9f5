"""The stand-in's platform API is as strict as the real one, and stricter where a slip would go unseen."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from tests.standins.fal import FalStandIn
from tests.standins.platform import INPUT, openapi_of
from tests.standins.schemas import endpoints, parameters_of

VEO = "fal-ai/veo3.1"


@pytest_asyncio.fixture(name="api")
async def api_fixture(standin: FalStandIn) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"Authorization": f"Key {standin.key}"}
    async with httpx2.AsyncClient(trust_env=False, base_url=standin.api_url, headers=headers) as api:
        yield api


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/pricing"])
async def test_without_the_key_nothing_is_told(standin: FalStandIn, path: str) -> None:
    async with httpx2.AsyncClient(trust_env=False) as api:
        for headers in ({}, {"Authorization": "Key wrong"}, {"Authorization": f"Bearer {standin.key}"}):
            reply = await api.get(f"{standin.api_url}{path}", params={"endpoint_id": VEO}, headers=headers)
            assert reply.status_code == 401


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/v1/models/pricing", [], 400),
        ("/v1/models", [], 400),
        ("/v1/models/pricing", [("endpoint_id", f"a/b-{number}") for number in range(51)], 400),
        ("/v1/models", [("endpoint_id", VEO), ("expand", "openapi")], 400),
        ("/v1/models", [("endpoint_id", VEO), ("expand[]", "openapi-3.0")], 400),
        ("/v1/models/pricing", [("endpoint_id", VEO), ("expand", "openapi-3.0")], 400),
        ("/v1/pricing", [("endpoint_id", VEO)], 404),
    ],
)
async def test_a_slip_is_refused(api: httpx2.AsyncClient, path: str, query: list[tuple[str, str]], status: int) -> None:
    reply = await api.get(path, params=tuple(query))
    assert reply.status_code == status
    assert reply.json()["error"]["message"]


async def test_a_post_is_no_look(api: httpx2.AsyncClient) -> None:
    assert (await api.post("/v1/models/pricing", params={"endpoint_id": VEO}, json={})).status_code == 404


async def test_the_document_comes_only_when_asked_for(api: httpx2.AsyncClient) -> None:
    bare = (await api.get("/v1/models", params={"endpoint_id": VEO})).json()
    (entry,) = bare["models"]
    assert (entry["endpoint_id"], entry["metadata"]["status"]) == (VEO, "active")
    assert "openapi" not in entry
    assert (bare["next_cursor"], bare["has_more"]) == (None, False)
    full = (await api.get("/v1/models", params={"endpoint_id": VEO, "expand": "openapi-3.0"})).json()
    assert full["models"][0]["openapi"] == openapi_of(VEO)


@pytest.mark.parametrize("name", endpoints())
def test_a_document_states_every_recorded_parameter(name: str) -> None:
    document = openapi_of(name)
    schema: Any = document["components"]["schemas"][INPUT]
    assert set(schema["properties"]) == set(schema["x-fal-order-properties"]) == set(parameters_of(name))
    assert set(schema.get("required", ())) == {one["name"] for one in parameters_of(name).values() if one["required"]}
    assert document["paths"][f"/{name}"]["post"]["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": f"#/components/schemas/{INPUT}"
    }


async def test_long_answers_come_in_pages(standin: FalStandIn, api: httpx2.AsyncClient) -> None:
    ids = [f"a/b-{number}" for number in range(45)]
    for name in ids:
        standin.set_price(name, 1)
    query = [("endpoint_id", name) for name in ids]
    found: list[str] = []
    page: Any = {"next_cursor": ""}
    while page["next_cursor"] is not None:
        cursor = [("cursor", page["next_cursor"])] if page["next_cursor"] else []
        page = (await api.get("/v1/models/pricing", params=(*query, *cursor))).json()
        assert page["has_more"] == (page["next_cursor"] is not None)
        found += [one["endpoint_id"] for one in page["prices"]]
    assert found == ids
