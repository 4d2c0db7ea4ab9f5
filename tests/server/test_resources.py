"""Resources and prompts."""

import json
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, TextContent, TextResourceContents
from tests.support import CONNECT_MODES, DRAFT, ConnectMode, connected, facts_of, home_only


async def read(client: Client, uri: str) -> dict[str, Any]:
    (content,) = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    assert content.mime_type == "application/json"
    return json.loads(content.text)


@pytest.mark.parametrize("mode", CONNECT_MODES)
async def test_the_contracts_resources_are_listed(tmp_path: Path, mode: ConnectMode) -> None:
    async with connected(home_only(tmp_path), mode) as (client, _):
        fixed = {str(one.uri) for one in (await client.list_resources()).resources}
        templates = {one.uri_template for one in (await client.list_resource_templates()).resource_templates}
    assert fixed == {"videogen://models"}
    assert templates == {
        "videogen://models/{name}",
        "videogen://jobs/{job_id}",
        "videogen://videos/{job_id}",
    }


@pytest.mark.parametrize("mode", CONNECT_MODES)
async def test_resources_say_what_the_tools_say(tmp_path: Path, mode: ConnectMode) -> None:
    async with connected(home_only(tmp_path), mode) as (client, _):
        job = facts_of(await client.call_tool("video_selector", {**DRAFT, "wait_seconds": 50}))
        models = facts_of(await client.call_tool("video_models", {}))
        veo = facts_of(await client.call_tool("video_models", {"name": "veo-3.1"}))
        assert await read(client, "videogen://models") == models
        assert await read(client, "videogen://models/veo-3.1") == veo
        assert await read(client, f"videogen://jobs/{job['job_id']}") == job
        assert await read(client, f"videogen://videos/{job['job_id']}") == job["video"]


@pytest.mark.parametrize("uri", ["videogen://jobs/0123", "videogen://videos/0123", "videogen://models/sora-9"])
async def test_what_is_not_there_is_not_found(tmp_path: Path, uri: str) -> None:
    async with connected(home_only(tmp_path)) as (client, _):
        with pytest.raises(MCPError) as caught:
            await client.read_resource(uri)
    assert caught.value.error.code == INVALID_PARAMS
    assert "There is no" in caught.value.error.message


async def test_a_job_without_a_clip_has_no_video(tmp_path: Path) -> None:
    async with connected(home_only(tmp_path)) as (client, _):
        job = facts_of(await client.call_tool("video_selector", {**DRAFT, "duration": 60}))
        with pytest.raises(MCPError, match="has no clip"):
            await client.read_resource(f"videogen://videos/{job['job_id']}")


@pytest.mark.parametrize("mode", CONNECT_MODES)
async def test_prompts_lead_to_the_tools(tmp_path: Path, mode: ConnectMode) -> None:
    async with connected(home_only(tmp_path), mode) as (client, _):
        prompts = {one.name: one for one in (await client.list_prompts()).prompts}
        shot = await client.get_prompt("shot", {"idea": "a kite over the sea"})
        storyboard = await client.get_prompt("storyboard", {"story": "a fox goes home", "shots": "3"})
    assert set(prompts) == {"shot", "storyboard"}
    assert [one.name for one in prompts["shot"].arguments or []] == ["idea"]
    for prompt, words in ((shot, "a kite over the sea"), (storyboard, "3 shots: a fox goes home")):
        (message,) = prompt.messages
        assert isinstance(message.content, TextContent)
        assert words in message.content.text
        assert "video_selector" in message.content.text
