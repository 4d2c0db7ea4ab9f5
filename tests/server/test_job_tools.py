"""The tools around jobs, and the catalogue."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from mcp import Client
from tests.standins.fal import FalStandIn
from tests.support import (
    CONNECT_MODES,
    DRAFT,
    ConnectMode,
    Progress,
    connected,
    facts_of,
    home_only,
    is_written,
    refusal_of,
    text_of,
    with_fal,
)


@pytest.fixture(name="standin")
def standin_fixture() -> Iterator[FalStandIn]:
    with FalStandIn() as standin:
        yield standin
        assert standin.violations == []


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    return facts_of(await client.call_tool(tool, arguments))


async def is_looked_at(standin: FalStandIn) -> bool:
    """Whether the generation was submitted and its status asked for, so that its handle is stored."""
    return await asyncio.to_thread(
        standin.wait_until, lambda: any(one.path.endswith("/status") for one in standin.requests), 20
    )


@pytest.mark.parametrize("mode", CONNECT_MODES)
async def test_an_expired_wait_gives_the_state_and_is_no_error(
    tmp_path: Path, standin: FalStandIn, mode: ConnectMode
) -> None:
    standin.hold("IN_PROGRESS")
    progress = Progress()
    async with connected(with_fal(standin, tmp_path), mode) as (client, _):
        job = await call(client, "seedance_video", prompt="A fox", duration=4, wait_seconds=0.5)
        assert job["status"] in {"queued", "working"}
        assert await is_looked_at(standin)
        arguments = {"job_id": job["job_id"], "wait_seconds": 0.5}
        result = await client.call_tool("video_job_status", arguments, progress_callback=progress)
        facts = facts_of(result)
        assert facts["status"] == "working"
        assert "next: call video_job_status" in text_of(result)
        standin.release()
        done = await call(client, "video_job_status", job_id=job["job_id"], wait_seconds=50)
        again = await call(client, "video_job_status", job_id=job["job_id"])
    assert done["status"] == "completed"
    assert done == again
    assert done["poll_after_seconds"] is None
    assert is_written(done["video"]["path"])
    assert progress.only_increased
    assert len(standin.submits) == 1


async def test_cancel_is_asked_of_the_gateway(tmp_path: Path, standin: FalStandIn) -> None:
    standin.hold("IN_QUEUE")
    async with connected(with_fal(standin, tmp_path)) as (client, _):
        job = await call(client, "seedance_video", prompt="A fox", duration=4)
        assert await is_looked_at(standin)
        await call(client, "video_job_cancel", job_id=job["job_id"])
        ended = await call(client, "video_job_status", job_id=job["job_id"], wait_seconds=50)
        repeated = await call(client, "video_job_cancel", job_id=job["job_id"])
    assert ended["status"] == repeated["status"] == "cancelled"
    assert any(one.path.endswith("/cancel") for one in standin.requests)
    assert len(standin.submits) == 1


@pytest.mark.parametrize("tool", ["video_job_status", "video_job_cancel"])
async def test_an_unknown_job_is_not_found(tmp_path: Path, tool: str) -> None:
    async with connected(home_only(tmp_path)) as (client, _):
        text = refusal_of(await client.call_tool(tool, {"job_id": "0123"}))
        missing = refusal_of(await client.call_tool(tool, {}))
        empty = refusal_of(await client.call_tool(tool, {"job_id": ""}))
    assert text.startswith("not_found: ")
    assert "'0123'" in text
    assert missing.startswith("invalid_request: job_id is missing")
    assert empty.startswith("invalid_request: job_id")


async def test_an_uncertain_job_says_that_it_may_be_paid(tmp_path: Path, standin: FalStandIn) -> None:
    standin.fault("submit_drop_after_body", accepted=True)
    async with connected(with_fal(standin, tmp_path)) as (client, _):
        result = await client.call_tool("seedance_video", {"prompt": "A fox", "duration": 4, "wait_seconds": 50})
        facts = facts_of(result)
    assert facts["status"] == "uncertain"
    assert facts["error"]["code"] == "submit_uncertain"
    assert facts["cost"]["committed_usd"] > 0
    assert "do not simply call again" in text_of(result)
    assert len(standin.submits) == 1


@pytest.mark.parametrize("mode", CONNECT_MODES)
async def test_the_list_is_paged_and_summed(tmp_path: Path, mode: ConnectMode) -> None:
    async with connected(home_only(tmp_path), mode) as (client, _):
        schema = {one.name: one.output_schema for one in (await client.list_tools()).tools}["video_job_list"]
        empty = await call(client, "video_job_list")
        assert empty["jobs"] == []
        assert empty["next_cursor"] is None
        made = [await call(client, "video_selector", **DRAFT, seed=seed, wait_seconds=50) for seed in (1, 2)]
        ids = [job["job_id"] for job in made]
        first = await call(client, "video_job_list", limit=1)
        second = await call(client, "video_job_list", limit=1, cursor=first["next_cursor"])
        failed = await call(client, "video_job_list", status="failed")
        result = await client.call_tool("video_job_list", {"limit": 1})
    for page in (empty, first, second, failed):
        jsonschema.validate(page, schema or {})
    assert [job["job_id"] for job in [*first["jobs"], *second["jobs"]]] == list(reversed(ids))
    assert second["next_cursor"] is None
    assert first["totals"]["by_status"] == {"completed": 2}
    assert failed["jobs"] == []
    for fact in (ids[1], first["jobs"][0]["video"]["path"], f"cursor={first['next_cursor']}"):
        assert fact in text_of(result)


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [({"limit": 0}, "limit"), ({"limit": 101}, "limit"), ({"status": "lost"}, "status"), ({"cursor": "?"}, "cursor")],
)
async def test_a_list_that_cannot_be_given_is_refused(tmp_path: Path, arguments: dict[str, Any], argument: str) -> None:
    async with connected(home_only(tmp_path)) as (client, _):
        text = refusal_of(await client.call_tool("video_job_list", arguments))
    assert text.startswith(f"invalid_request: {argument}")


@pytest.mark.parametrize("mode", CONNECT_MODES)
async def test_models_are_listed_with_prices_and_gateways(tmp_path: Path, mode: ConnectMode) -> None:
    async with connected(home_only(tmp_path), mode) as (client, service):
        schema = {one.name: one.output_schema for one in (await client.list_tools()).tools}["video_models"]
        result = await client.call_tool("video_models", {})
        everything = facts_of(result)
        usable = await call(client, "video_models", configured_only=True)
        veo = await call(client, "video_models", provider="veo", mode="first_last_frame")
    jsonschema.validate(everything, schema or {})
    assert set(everything) == {"models", "gateways"}
    for one in everything["models"]:
        assert set(one) == {"model", "provider", "modes", "endpoints", "price", "configured"}
        assert one["model"] in text_of(result)
    for one in everything["gateways"]:
        assert set(one) == {"name", "configured", "env", "healthy", "note"}
    assert {one["name"] for one in everything["gateways"]} == {
        "fal",
        "heygen",
        "google",
        "mountsea",
        "novakit",
        "local",
    }
    assert [one["model"] for one in usable["models"]] == ["animatic"]
    catalogue = service.catalogue
    wanted = [one for one in catalogue.of_mode("first_last_frame") if catalogue.model_of(one).provider == "veo"]
    assert "fal:fal-ai/veo3.1/first-last-frame-to-video" in {one.key for one in wanted}
    assert {one["model"] for one in veo["models"]} == {one.model for one in wanted}
    listed = [key for one in veo["models"] for key in one["endpoints"]]
    assert sorted(listed) == sorted(one.key for one in wanted)


async def test_one_model_comes_with_parameters_prices_and_a_working_example(
    tmp_path: Path, standin: FalStandIn
) -> None:
    async with connected(with_fal(standin, tmp_path)) as (client, _):
        schema = {one.name: one.output_schema for one in (await client.list_tools()).tools}["video_models"]
        names = [one["model"] for one in (await call(client, "video_models"))["models"]]
        views = [await call(client, "video_models", name=name) for name in names]
        text = text_of(await client.call_tool("video_models", {"name": "veo-3.1"}))
        unknown = refusal_of(await client.call_tool("video_models", {"name": "sora-9"}))
    for view in views:
        jsonschema.validate(view, schema or {})
        for endpoint in view["endpoints"]:
            parameters = endpoint["parameters"]
            jsonschema.Draft202012Validator.check_schema(parameters)
            jsonschema.validate(endpoint["example"], parameters)
            assert endpoint["source"]
            assert all(price["source"] for price in endpoint["prices"])
    assert "prompt (required): string" in text
    assert "aspect_ratio: string; one of 16:9, 9:16" in text
    assert unknown.startswith("not_found: ")
    assert "sora-2" in unknown


async def test_jobs_of_an_earlier_session_are_found(tmp_path: Path) -> None:
    async with connected(home_only(tmp_path)) as (client, _):
        job = await call(client, "video_selector", **DRAFT, wait_seconds=50)
    async with connected(home_only(tmp_path)) as (client, _):
        listed = await call(client, "video_job_list")
        found = await call(client, "video_job_status", job_id=job["job_id"])
    # Why it was chosen is told by the status; a list would only grow by it.
    assert listed["jobs"] == [found | {"ranking": []}]
    assert found == job
    assert found["status"] == "completed"
