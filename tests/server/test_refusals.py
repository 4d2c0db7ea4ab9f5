"""Refusals: they begin with their code, name the argument, leak nothing, and leave nothing behind."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp.types import CallToolResult
from tests.standins.fal import FalStandIn
from tests.support import (
    CONNECT_MODES,
    PROVIDER_TOOLS,
    ConnectMode,
    connected,
    facts_of,
    home_only,
    refusal_of,
    text_of,
    with_fal,
)

from videogen_mcp.service import VideoService

SECRET = "hunter2-of-the-tests"

REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"prompt": ""}, "invalid_request", "prompt"),
    ({}, "invalid_request", "prompt"),
    ({"prompt": " \n"}, "invalid_request", "prompt"),
    ({"prompt": "x" * 5_001, "gateway": "local"}, "invalid_request", "prompt"),
    ({"prompt": "x" * 30_000}, "invalid_request", "prompt"),
    ({"prompt": 5}, "invalid_request", "prompt"),
    ({"prompt": "x", "mode": "dream"}, "invalid_request", "mode"),
    ({"prompt": "x", "aspect_ratio": "wide"}, "invalid_request", "aspect_ratio"),
    ({"prompt": "x", "aspect_ratio": "7:3"}, "invalid_request", "aspect_ratio"),
    ({"prompt": "x", "resolution": "999p"}, "invalid_request", "resolution"),
    ({"prompt": "x", "model": "sora-9"}, "invalid_request", "model"),
    ({"prompt": "x", "provider": "nobody"}, "invalid_request", "provider"),
    ({"prompt": "x", "gateway": "nowhere"}, "invalid_request", "gateway"),
    ({"prompt": "x", "endpoint": "nowhere:x"}, "invalid_request", "endpoint"),
    ({"prompt": "x", "exclude": ["nobody"]}, "invalid_request", "exclude"),
    ({"prompt": "x", "duration": -1}, "invalid_request", "duration"),
    ({"prompt": "x", "duration": 0}, "invalid_request", "duration"),
    ({"prompt": "x", "duration": 1e6}, "invalid_request", "duration"),
    ({"prompt": "x", "duration": "NaN"}, "invalid_request", "duration"),
    ({"prompt": "x", "duration": "long"}, "invalid_request", "duration"),
    ({"prompt": "x", "wait_seconds": 56}, "invalid_request", "wait_seconds"),
    ({"prompt": "x", "wait_seconds": -1}, "invalid_request", "wait_seconds"),
    ({"prompt": "x", "wait_seconds": "Infinity"}, "invalid_request", "wait_seconds"),
    ({"prompt": "x", "max_cost_usd": -1}, "invalid_request", "max_cost_usd"),
    ({"prompt": "x", "seed": -1}, "invalid_request", "seed"),
    ({"prompt": "x", "seed": 1.5}, "invalid_request", "seed"),
    ({"prompt": "x", "intent": "poetic"}, "invalid_request", "intent"),
    ({"prompt": "x", "priority": "best"}, "invalid_request", "priority"),
    ({"prompt": "x", "options": [1]}, "invalid_request", "options"),
    ({"prompt": "x", "reference_images": "one.png"}, "invalid_request", "reference_images"),
    ({"prompt": "x", "reference_images": [5]}, "invalid_request", "reference_images"),
    ({"prompt": "x", "request_key": "k" * 300}, "invalid_request", "request_key"),
    ({"prompt": "x", "colour": "red"}, "invalid_request", "colour"),
    ({"prompt": "x", "last_frame": "https://example.com/a.png"}, "invalid_request", "first_frame"),
    ({"prompt": "x", "mode": "image_to_video"}, "invalid_request", "first_frame"),
    ({"prompt": "x", "first_frame": "video:abc"}, "invalid_request", "first_frame"),
    ({"prompt": "x", "first_frame": "http://127.0.0.1/a.png"}, "unsafe_media", "first_frame"),
    ({"prompt": "x", "first_frame": "data:image/png;base64,!!"}, "invalid_request", "first_frame"),
]

DEFECTS: list[tuple[str, tuple[str, dict[str, Any]]]] = [
    ("generate", ("video_selector", {"prompt": "x"})),
    ("plan", ("wan_video", {"prompt": "x", "dry_run": True})),
    ("wait", ("video_job_status", {"job_id": "x"})),
    ("page", ("video_job_list", {})),
    ("cancel", ("video_job_cancel", {"job_id": "x"})),
]


@pytest.fixture(name="standin")
def standin_fixture() -> Iterator[FalStandIn]:
    with FalStandIn() as standin:
        yield standin
        assert standin.requests == []


async def nothing_is_stored(service: VideoService) -> bool:
    return not (await service.page()).jobs


@pytest.mark.parametrize("mode", CONNECT_MODES)
async def test_every_refusal_names_code_and_argument_and_stores_nothing(tmp_path: Path, mode: ConnectMode) -> None:
    async with connected(home_only(tmp_path), mode) as (client, service):
        for arguments, code, argument in REFUSED:
            text = refusal_of(await client.call_tool("video_selector", arguments))
            assert text.startswith(f"{code}: "), text
            assert argument in text, text
            assert len(text) < 1_500, text
            assert str(tmp_path) not in text
        assert await nothing_is_stored(service)


async def test_a_refusal_says_what_is_allowed(tmp_path: Path) -> None:
    async with connected(home_only(tmp_path)) as (client, _):
        mode = refusal_of(await client.call_tool("video_selector", {"prompt": "x", "mode": "dream"}))
        ratio = refusal_of(await client.call_tool("video_selector", {"prompt": "x", "aspect_ratio": "7:3"}))
        model = refusal_of(await client.call_tool("video_selector", {"prompt": "x", "model": "sora-9"}))
    assert "'dream'" in mode
    assert "first_last_frame" in mode
    assert "9:16" in ratio
    assert ratio.count("[") <= 5
    assert "'sora-9'" in model
    assert "sora-2" in model


async def test_nan_is_never_a_number(tmp_path: Path) -> None:
    # The client of the SDK writes NaN as null; a raw one that sends the literal is tested over stdio.
    async with connected(home_only(tmp_path)) as (client, _):
        arguments = {"prompt": "x", "duration": math.nan, "dry_run": True}
        facts = facts_of(await client.call_tool("video_selector", arguments))
    assert math.isfinite(facts["payload"]["duration"])


async def test_local_files_are_judged_before_anything_is_stored(tmp_path: Path, standin: FalStandIn) -> None:
    roots = tmp_path / "media"
    roots.mkdir()
    (roots / "notes.py").write_text("x = 1\n")
    (tmp_path / "outside.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    environment = with_fal(standin, tmp_path / "home", VIDEOGEN_MEDIA_ROOTS=str(roots))
    cases = [
        (str(roots / "missing.png"), "invalid_request", "missing.png"),
        (str(roots / "notes.py"), "invalid_request", "not an image"),
        (str(tmp_path / "outside.png"), "unsafe_media", "outside.png"),
        (str(roots / ".." / "outside.png"), "unsafe_media", "outside.png"),
        (str(roots), "invalid_request", "media"),
    ]
    async with connected(environment) as (client, service):
        for value, code, words in cases:
            for tool in ("video_selector", "kling_video"):
                text = refusal_of(await client.call_tool(tool, {"prompt": "x", "first_frame": value}))
                assert text.startswith(f"{code}: first_frame"), text
                assert words in text
                assert str(tmp_path) not in text
        assert await nothing_is_stored(service)


async def test_a_clip_of_an_unknown_job_is_refused(tmp_path: Path, standin: FalStandIn) -> None:
    async with connected(with_fal(standin, tmp_path)) as (client, service):
        arguments = {"prompt": "x", "mode": "extend", "source_video": "video:0123"}
        text = refusal_of(await client.call_tool("video_selector", arguments))
        assert await nothing_is_stored(service)
    assert text.startswith("invalid_request: source_video video:0123")


@pytest.mark.parametrize("tool", PROVIDER_TOOLS)
async def test_a_provider_tool_without_its_key_names_the_variable(tmp_path: Path, tool: str) -> None:
    variable = "HEYGEN_API_KEY" if tool == "heygen_video" else "FAL_KEY"
    async with connected(home_only(tmp_path)) as (client, service):
        for dry_run in (False, True):
            text = refusal_of(await client.call_tool(tool, {"prompt": "x", "dry_run": dry_run}))
            assert text.startswith("not_configured: ")
            assert variable in text
        unknown = refusal_of(await client.call_tool(tool, {"prompt": "x", "provider": "kling"}))
        assert unknown.startswith("invalid_request: provider")
        assert await nothing_is_stored(service)


async def test_over_a_cap_is_said_with_the_price(tmp_path: Path, standin: FalStandIn) -> None:
    async with connected(with_fal(standin, tmp_path)) as (client, service):
        text = refusal_of(await client.call_tool("video_selector", {"prompt": "x", "max_cost_usd": 0.01}))
        assert await nothing_is_stored(service)
    assert text.startswith("over_budget: ")
    assert "max_cost_usd" in text


@pytest.mark.parametrize("mode", CONNECT_MODES)
@pytest.mark.parametrize(
    ("method", "call"),
    DEFECTS,
)
async def test_a_defect_is_internal_and_keeps_its_text(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mode: ConnectMode,
    method: str,
    call: tuple[str, dict[str, Any]],
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(VideoService, method, fail)
    async with connected(home_only(tmp_path), mode) as (client, _):
        result = await client.call_tool(*call)
    assert refusal_of(result).startswith("internal: ")
    assert SECRET not in text_of(result)


@pytest.mark.parametrize("mode", CONNECT_MODES)
async def test_an_unknown_tool_is_an_error(tmp_path: Path, mode: ConnectMode) -> None:
    async with connected(home_only(tmp_path), mode) as (client, _):
        result: CallToolResult = await client.call_tool("sora_video", {"prompt": "x"})
    assert result.is_error
    assert "sora_video" in text_of(result)
