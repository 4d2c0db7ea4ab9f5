"""The real thing: the server as a process of its own, spoken to over stdin and stdout."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from tests.raw_server import RawServer
from tests.standins.fal import FalStandIn
from tests.support import (
    CONNECT_MODES,
    DRAFT,
    LEASH_SECONDS,
    TOOL_NAMES,
    ConnectMode,
    child_environment,
    facts_of,
    home_only,
    is_written,
    run,
    with_fal,
)

BUY = {"prompt": "A fox leaps over a frozen river", "duration": 4}


@pytest.fixture(name="standin")
def standin_fixture() -> Iterator[FalStandIn]:
    with FalStandIn() as standin:
        yield standin
        assert standin.violations == []


def facts(result: dict[str, Any]) -> dict[str, Any]:
    assert not result.get("isError"), result
    return result["structuredContent"]


def is_looked_at(standin: FalStandIn) -> bool:
    """Whether the status of a generation was asked for, so that its handle is stored."""
    return standin.wait_until(lambda: any(one.path.endswith("/status") for one in standin.requests), 30)


@pytest.mark.parametrize("mode", CONNECT_MODES)
async def test_the_sdks_client_makes_a_clip_over_stdio(tmp_path: Path, mode: ConnectMode) -> None:
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "videogen_mcp"],
        env=child_environment(home_only(tmp_path)),
        cwd=tmp_path,
    )
    async with asyncio.timeout(LEASH_SECONDS), Client(server, mode=mode) as client:
        assert {one.name for one in (await client.list_tools()).tools} == TOOL_NAMES
        done = facts_of(await client.call_tool("video_selector", {**DRAFT, "wait_seconds": 50}))
    assert done["status"] == "completed"
    assert is_written(done["video"]["path"])


@pytest.mark.parametrize("version", ["2025-06-18", "2025-11-25"])
def test_the_handshake_of_an_older_host(tmp_path: Path, version: str) -> None:
    with RawServer(home_only(tmp_path), tmp_path) as server:
        answer = server.initialize(version)
        tools = server.request("tools/list", {})["result"]["tools"]
        assert server.stop() == 0
    assert answer["protocolVersion"] == version
    assert answer["serverInfo"]["name"] == "videogen-mcp"
    assert "video_selector" in answer["instructions"]
    assert {one["name"] for one in tools} == TOOL_NAMES


def test_stdout_carries_the_protocol_only_and_the_key_goes_nowhere(tmp_path: Path, standin: FalStandIn) -> None:
    environment = with_fal(standin, tmp_path, VIDEOGEN_LOG_LEVEL="DEBUG")
    with RawServer(environment, tmp_path) as server:
        server.initialize()
        assert facts(server.call("video_selector", **BUY, wait_seconds=50))["status"] == "completed"
        assert facts(server.call("video_selector", **DRAFT, gateway="local", wait_seconds=50))["status"] == "completed"
        assert server.call("video_selector", prompt="x", first_frame="http://127.0.0.1/a.png")["isError"]
        server.send('{"jsonrpc": "2.0", "id": 77, "method": "tools/nonsense"}')
        assert "error" in server.reply_to(77)
        assert server.stop() == 0
    for line in server.lines:
        assert json.loads(line)["jsonrpc"] == "2.0"
    assert server.errors
    for written in (*server.lines, server.errors):
        assert standin.key not in written
    assert len(standin.submits) == 1


def test_a_literal_nan_is_refused(tmp_path: Path) -> None:
    call = {"name": "video_selector", "arguments": {"prompt": "x", "duration": float("nan")}}
    with RawServer(home_only(tmp_path), tmp_path) as server:
        server.initialize()
        server.send(json.dumps({"jsonrpc": "2.0", "id": 50, "method": "tools/call", "params": call}))
        refused = server.reply_to(50)["result"]
        listed = facts(server.call("video_job_list"))
    assert refused["isError"]
    assert refused["content"][0]["text"].startswith("invalid_request: duration nan")
    assert listed["jobs"] == []


def test_a_bought_clip_is_there_after_a_restart(tmp_path: Path, standin: FalStandIn) -> None:
    environment = with_fal(standin, tmp_path)
    with RawServer(environment, tmp_path) as server:
        server.initialize()
        bought = facts(server.call("video_selector", **BUY, wait_seconds=50))
        assert server.stop() == 0
    with RawServer(environment, tmp_path) as server:
        server.initialize()
        found = facts(server.call("video_job_status", job_id=bought["job_id"]))
    assert found == bought
    assert found["status"] == "completed"
    assert is_written(found["video"]["path"])
    assert len(standin.submits) == 1


def test_what_one_server_submitted_the_next_one_finishes(tmp_path: Path, standin: FalStandIn) -> None:
    standin.hold("IN_PROGRESS")
    environment = with_fal(standin, tmp_path)
    with RawServer(environment, tmp_path) as server:
        server.initialize()
        job = facts(server.call("video_selector", **BUY))
        assert is_looked_at(standin)
        assert server.stop() == 0
    standin.release()
    with RawServer(environment, tmp_path) as server:
        server.initialize()
        done = facts(server.call("video_job_status", job_id=job["job_id"], wait_seconds=50))
    assert done["status"] == "completed"
    assert is_written(done["video"]["path"])
    assert len(standin.submits) == 1


def test_the_next_server_finishes_jobs_unasked(tmp_path: Path, standin: FalStandIn) -> None:
    standin.hold("IN_PROGRESS")
    environment = with_fal(standin, tmp_path)
    with RawServer(environment, tmp_path) as server:
        server.initialize()
        facts(server.call("video_selector", **BUY))
        assert is_looked_at(standin)
    standin.release()
    with RawServer(environment, tmp_path) as server:
        server.initialize()
        assert standin.wait_until(lambda: any(one.path.startswith("/files/") for one in standin.requests), 30)


@pytest.mark.parametrize("call", ["nothing", "a wait"])
def test_the_end_of_stdin_ends_the_server_promptly(tmp_path: Path, standin: FalStandIn, call: str) -> None:
    standin.hold("IN_PROGRESS")
    with RawServer(with_fal(standin, tmp_path), tmp_path) as server:
        server.initialize()
        if call == "a wait":
            arguments = {"name": "video_selector", "arguments": {**BUY, "wait_seconds": 50}}
            server.send(json.dumps({"jsonrpc": "2.0", "id": 90, "method": "tools/call", "params": arguments}))
            assert is_looked_at(standin)
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 5
    assert "Traceback" not in server.errors


def test_a_setting_that_cannot_be_used_is_named_and_ends_it(tmp_path: Path) -> None:
    environment = home_only(tmp_path, VIDEOGEN_MAX_COST_USD="three dollars")
    done = run([sys.executable, "-m", "videogen_mcp"], environment, folder=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "VIDEOGEN_MAX_COST_USD" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_database_is_told_to_the_caller(tmp_path: Path) -> None:
    (tmp_path / "videogen.sqlite3").write_bytes(os.urandom(4096))
    with RawServer(home_only(tmp_path), tmp_path) as server:
        server.initialize()
        answer = server.call("video_job_list")
        assert server.stop() == 0
    assert answer["isError"]
    assert answer["content"][0]["text"].startswith("internal: ")
    assert str(tmp_path) not in answer["content"][0]["text"]
