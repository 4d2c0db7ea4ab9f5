"""`serve --http`: streamable HTTP on loopback, and nowhere else."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from mcp import Client
from tests.http_server import serving
from tests.support import (
    CONNECT_MODES,
    DRAFT,
    LEASH_SECONDS,
    TOOL_NAMES,
    ConnectMode,
    facts_of,
    home_only,
    run_cli,
)

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "tests", "version": "1"}},
}
ACCEPT = {"Accept": "application/json, text/event-stream"}


@pytest.fixture(name="url", scope="module")
def url_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("http")
    with serving(home_only(home), home) as (origin, _):
        yield f"{origin}/mcp"


@pytest.mark.parametrize("mode", CONNECT_MODES)
async def test_the_sdks_client_works_over_http(url: str, mode: ConnectMode) -> None:
    async with asyncio.timeout(LEASH_SECONDS), Client(url, mode=mode) as client:
        assert {one.name for one in (await client.list_tools()).tools} == TOOL_NAMES
        done = facts_of(await client.call_tool("video_selector", {**DRAFT, "wait_seconds": 50}))
    assert done["status"] == "completed"


def test_a_plain_initialize_is_answered(url: str) -> None:
    with httpx2.Client(timeout=20, trust_env=False) as http:
        answer = http.post(url, json=INITIALIZE, headers=ACCEPT)
    assert answer.status_code == 200
    assert "videogen-mcp" in answer.text


@pytest.mark.parametrize("header", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}])
def test_a_foreign_host_or_origin_is_refused(url: str, header: dict[str, str]) -> None:
    with httpx2.Client(timeout=20, trust_env=False) as http:
        answer = http.post(url, json=INITIALIZE, headers=ACCEPT | header)
    assert answer.status_code in {403, 421}
    assert "videogen-mcp" not in answer.text


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.com"])  # noqa: S104 -- it must be refused
def test_only_loopback_is_served(tmp_path: Path, host: str) -> None:
    done = run_cli(home_only(tmp_path), "serve", "--http", "--host", host, folder=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("invalid_request: host")
    assert host in done.stderr
