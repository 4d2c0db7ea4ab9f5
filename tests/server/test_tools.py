"""The tools as a host sees them: names, schemas, results, and what a plan and a generation say."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from mcp.types import ResourceLink
from tests.standins.fal import FalStandIn
from tests.support import (
    CONNECT_MODES,
    DRAFT,
    GENERATION_TOOLS,
    PROVIDER_TOOLS,
    TOOL_NAMES,
    ConnectMode,
    Progress,
    connected,
    facts_of,
    home_only,
    is_written,
    text_of,
    with_fal,
)

from videogen_mcp.server import INSTRUCTIONS

COMMON = {
    *("prompt", "mode", "first_frame", "last_frame", "reference_images", "reference_videos", "reference_audio"),
    *("source_video", "source_audio", "duration", "aspect_ratio", "resolution", "generate_audio", "negative_prompt"),
    *("seed", "options", "max_cost_usd", "allow_fallback", "dry_run", "wait_seconds", "request_key"),
}
SELECTOR_ONLY = {"intent", "priority", "provider", "gateway", "model", "endpoint", "exclude"}
GENERATION_FACTS = {
    *("job_id", "status", "mode", "intent", "provider", "gateway", "model", "endpoint", "cost", "progress", "message"),
    *("poll_after_seconds", "changes", "warnings", "attempts", "video", "error", "ranking", "created_at", "updated_at"),
}
VIDEO_FACTS = {
    *("path", "resource_uri", "url", "mime_type", "size_bytes", "sha256", "width", "height", "duration_seconds"),
    *("fps", "has_audio", "poster_path", "contact_sheet_path", "checks", "details"),
}
WHOLE_BUDGET = 45_000
READ_BUDGET = 20_000


@pytest.fixture(name="standin")
def standin_fixture() -> Iterator[FalStandIn]:
    with FalStandIn() as standin:
        yield standin
        assert standin.violations == []


@pytest.mark.parametrize("mode", CONNECT_MODES)
async def test_the_list_of_tools_is_the_contracts(tmp_path: Path, mode: ConnectMode) -> None:
    async with connected(home_only(tmp_path), mode) as (client, _):
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert set(tools) == TOOL_NAMES
    for name, tool in tools.items():
        hints = tool.annotations
        assert hints is not None
        assert tool.title
        assert tool.description
        assert hints.read_only_hint == (name in {"video_models", "video_job_status", "video_job_list"})
        assert hints.destructive_hint == (name == "video_job_cancel")
        assert hints.idempotent_hint == (name not in GENERATION_TOOLS)
        assert hints.open_world_hint == (name in {*GENERATION_TOOLS, "video_job_cancel"})


async def test_every_schema_lists_exactly_the_contracts_arguments(tmp_path: Path) -> None:
    expected: dict[str, set[str]] = {name: COMMON | {"model"} for name in PROVIDER_TOOLS} | {
        "video_selector": COMMON | SELECTOR_ONLY,
        "video_models": {"name", "mode", "provider", "gateway", "configured_only"},
        "video_job_status": {"job_id", "wait_seconds"},
        "video_job_list": {"status", "limit", "cursor"},
        "video_job_cancel": {"job_id"},
    }
    async with connected(home_only(tmp_path)) as (client, _):
        tools = (await client.list_tools()).tools
    for tool in tools:
        jsonschema.Draft202012Validator.check_schema(tool.input_schema)
        assert set(tool.input_schema["properties"]) == expected[tool.name]
        assert tool.input_schema["additionalProperties"] is False
        assert tool.output_schema is not None
        jsonschema.Draft202012Validator.check_schema(tool.output_schema)
        required = ["job_id"] if tool.name in {"video_job_status", "video_job_cancel"} else []
        assert tool.input_schema.get("required", []) == required


async def test_what_a_model_has_to_read_stays_small(tmp_path: Path) -> None:
    async with connected(home_only(tmp_path)) as (client, _):
        tools = [
            one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in (await client.list_tools()).tools
        ]
    assert len(json.dumps(tools)) < WHOLE_BUDGET
    assert sum(len(json.dumps(one["inputSchema"])) + len(one["description"]) for one in tools) < READ_BUDGET
    for one in tools:
        for schema in (one["inputSchema"], one["outputSchema"]):
            assert list(noisy_titles(schema)) == []


def noisy_titles(schema: Any) -> Iterator[str]:
    """Titles that say nothing; a property may of course be called `title`."""
    if isinstance(schema, dict):
        for name, value in schema.items():  # pyright: ignore[reportUnknownVariableType]
            if name == "title" and isinstance(value, str):
                yield value
            yield from noisy_titles(value)
    elif isinstance(schema, list):
        for value in schema:  # pyright: ignore[reportUnknownVariableType]
            yield from noisy_titles(value)


@pytest.mark.parametrize("mode", CONNECT_MODES)
async def test_instructions_are_short_and_name_the_way(tmp_path: Path, mode: ConnectMode) -> None:
    async with connected(home_only(tmp_path), mode) as (client, _):
        assert client.instructions == INSTRUCTIONS
    assert len(INSTRUCTIONS.split()) < 120
    for word in ("video_selector", "video_job_status", "dry_run", "video_job_list"):
        assert word in INSTRUCTIONS


@pytest.mark.parametrize("mode", CONNECT_MODES)
async def test_without_a_key_the_selector_draws_an_animatic_and_says_so(tmp_path: Path, mode: ConnectMode) -> None:
    progress = Progress()
    async with connected(home_only(tmp_path), mode) as (client, _):
        schema = {one.name: one.output_schema for one in (await client.list_tools()).tools}["video_selector"]
        arguments = {**DRAFT, "aspect_ratio": "9:16", "wait_seconds": 50}
        result = await client.call_tool("video_selector", arguments, progress_callback=progress)
        facts = facts_of(result)
        links = [one for one in result.content if isinstance(one, ResourceLink)]
        read = await client.read_resource(f"videogen://videos/{facts['job_id']}")
    jsonschema.validate(facts, schema or {})
    assert set(facts) == GENERATION_FACTS
    assert (facts["status"], facts["gateway"], facts["model"]) == ("completed", "local", "animatic")
    assert "animatic" in facts["message"]
    assert any("animatic" in one and "not AI video" in one for one in facts["warnings"])
    assert facts["cost"]["estimated_usd"] == facts["cost"]["committed_usd"] == 0
    video = facts["video"]
    assert set(video) == VIDEO_FACTS
    assert video["height"] > video["width"]
    assert video["duration_seconds"] == pytest.approx(1, abs=0.2)
    for file in ("path", "poster_path", "contact_sheet_path"):
        assert Path(video[file]).is_relative_to(tmp_path)
        assert is_written(video[file])
    assert [str(link.uri) for link in links] == [f"videogen://videos/{facts['job_id']}"]
    assert json.loads(read.model_dump()["contents"][0]["text"]) == video
    text = text_of(result)
    for fact in (facts["job_id"], "completed", video["path"], video["contact_sheet_path"], "animatic", "next:"):
        assert fact in text
    assert progress.values
    assert progress.only_increased


@pytest.mark.parametrize("mode", CONNECT_MODES)
async def test_a_generation_returns_at_once_and_names_the_next_step(tmp_path: Path, mode: ConnectMode) -> None:
    async with connected(home_only(tmp_path), mode) as (client, _):
        result = await client.call_tool("video_selector", {**DRAFT, "duration": 30})
        facts = facts_of(result)
    assert facts["status"] == "queued"
    assert facts["poll_after_seconds"] > 0
    for fact in (facts["job_id"], "queued", "video_job_status", "wait_seconds=50"):
        assert fact in text_of(result)


@pytest.mark.parametrize("tool", ["video_selector", "kling_video"])
async def test_a_plan_has_no_job_but_the_whole_decision(tmp_path: Path, standin: FalStandIn, tool: str) -> None:
    async with connected(with_fal(standin, tmp_path)) as (client, _):
        schemas = {one.name: one.output_schema for one in (await client.list_tools()).tools}
        result = await client.call_tool(tool, {"prompt": "A fox", "duration": 7, "dry_run": True})
        facts = facts_of(result)
        jobs = facts_of(await client.call_tool("video_job_list", {}))
    jsonschema.validate(facts, schemas[tool] or {})
    assert not {"job_id", "status", "attempts", "video", "error"} & set(facts)
    assert {"ranking", "rejected", "payload", "mode", "intent", "cost", "changes", "warnings"} <= set(facts)
    assert facts["payload"]["prompt"] == "A fox"
    assert facts["ranking"][0]["endpoint"] == facts["endpoint"]
    scores = [one["score"] for one in facts["ranking"]]
    assert scores == sorted(scores, reverse=True)
    assert all(set(one) == {"endpoint", "reason", "code"} for one in facts["rejected"])
    assert "nothing was sent or spent" in text_of(result)
    assert facts["endpoint"] in text_of(result)
    assert jobs["jobs"] == []
    assert standin.requests == []
    if tool == "kling_video":
        assert {one["provider"] for one in facts["ranking"]} == {"kling"}


async def test_a_plan_needs_no_database(tmp_path: Path) -> None:
    async with connected(home_only(tmp_path / "home")) as (client, _):
        facts_of(await client.call_tool("video_selector", {**DRAFT, "dry_run": True}))
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("mode", CONNECT_MODES)
async def test_with_a_key_one_clip_is_bought_once(tmp_path: Path, standin: FalStandIn, mode: ConnectMode) -> None:
    async with connected(with_fal(standin, tmp_path), mode) as (client, _):
        result = await client.call_tool("video_selector", {"prompt": "A fox", "duration": 4, "wait_seconds": 50})
        facts = facts_of(result)
    assert (facts["status"], facts["provider"], facts["gateway"]) == ("completed", "seedance", "fal")
    assert [one.path for one in standin.submits] == ["/bytedance/seedance-2.0/text-to-video"]
    assert facts["attempts"][0]["operation_id"] == standin.accepted[0]
    assert is_written(facts["video"]["path"])
    assert facts["cost"]["estimated_usd"] > 0
    assert len(facts["ranking"]) == 3
    assert not any("animatic" in one for one in facts["warnings"])
    assert standin.key not in text_of(result) + json.dumps(facts)


async def test_a_request_key_is_one_job_however_often_it_is_called(tmp_path: Path, standin: FalStandIn) -> None:
    arguments = {"prompt": "A fox", "duration": 4, "request_key": "fox-1", "wait_seconds": 50}
    async with connected(with_fal(standin, tmp_path)) as (client, _):
        first, second = await asyncio.gather(*(client.call_tool("seedance_video", arguments) for _ in range(2)))
        assert facts_of(first)["job_id"] == facts_of(second)["job_id"]
        changed = await client.call_tool("seedance_video", {**arguments, "prompt": "A cat"})
    assert changed.is_error
    assert "request_key" in text_of(changed)
    assert len(standin.submits) == 1


async def test_a_failed_job_is_a_result_and_not_a_tool_error(tmp_path: Path, standin: FalStandIn) -> None:
    environment = with_fal(standin, tmp_path, FAL_KEY="wrong:key-of-the-tests")
    async with connected(environment) as (client, _):
        result = await client.call_tool("video_selector", {"prompt": "A fox", "duration": 4, "wait_seconds": 50})
        facts = facts_of(result)
    assert (facts["status"], facts["error"]["code"]) == ("failed", "unauthorized")
    assert facts["error"]["fix"]
    assert "wrong:key" not in text_of(result) + json.dumps(facts)
    assert all(one["cost_usd"] == 0 for one in facts["attempts"])


async def test_null_and_empty_arguments_count_as_not_given(tmp_path: Path) -> None:
    optional: dict[str, Any] = dict.fromkeys((COMMON | SELECTOR_ONLY) - {"prompt", "dry_run"})
    async with connected(home_only(tmp_path)) as (client, _):
        bare = facts_of(await client.call_tool("video_selector", {"prompt": "A fox", "dry_run": True}))
        empty: dict[str, Any] = {"first_frame": "", "reference_images": [], "options": {}, "model": "", "exclude": []}
        for more in (optional, empty):
            given = {"prompt": "A fox", "dry_run": True, **more}
            assert facts_of(await client.call_tool("video_selector", given)) == bare


async def test_a_list_may_come_as_json_text(tmp_path: Path, standin: FalStandIn) -> None:
    pictures = ["https://example.com/a.png", "https://example.com/b.png"]
    arguments = {
        "prompt": "@Image1 meets @Image2",
        "reference_images": json.dumps(pictures),
        "options": json.dumps({"bitrate_mode": "high"}),
        "exclude": json.dumps(["kling"]),
        "dry_run": True,
    }
    async with connected(with_fal(standin, tmp_path)) as (client, _):
        facts = facts_of(await client.call_tool("video_selector", arguments))
    assert facts["payload"]["image_urls"] == pictures
    assert facts["payload"]["bitrate_mode"] == "high"
    assert facts["mode"] == "reference_to_video"
