"""A hundred calls at once, from two server processes on one home: the day's budget holds."""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from tests.postgres import Postgres
from tests.standins.fal import FalStandIn
from tests.support import text_of, with_fal

ENDPOINT = "fal:fal-ai/kling-video/v3/pro/text-to-video"
"""Three silent seconds commit 0.336, and may cost 0.672: a new job must fit with what it may cost at most."""

BUDGET = "3.90"
"""Nine commitments and the tenth job's ceiling are 3.696; ten and an eleventh are 4.032."""

CALLS = 50


@pytest.fixture(name="database", params=["sqlite", "postgresql"])
def database_fixture(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    if request.param == "sqlite":
        yield {}
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    with postgres.new_database() as url:
        yield {"VIDEOGEN_DATABASE_URL": url}


async def test_the_days_budget_holds_over_two_processes(
    tmp_path: Path, standin: FalStandIn, database: dict[str, str]
) -> None:
    environment = os.environ | with_fal(standin, tmp_path, VIDEOGEN_DAILY_BUDGET_USD=BUDGET, **database)
    standin.hold("IN_QUEUE")
    parameters = StdioServerParameters(command=sys.executable, args=["-m", "videogen_mcp"], env=environment)
    async with Client(stdio_client(parameters)) as one, Client(stdio_client(parameters)) as other:
        calls = [buy(client, number) for number in range(CALLS) for client in (one, other)]
        outcomes = Counter(await asyncio.gather(*calls))
    assert outcomes == {"queued": 10, "over_budget": 90}
    assert len(standin.accepted) <= 10
    assert len(standin.submits) <= 10


async def buy(client: Client, number: int) -> str:
    """Ask for one clip; the job's status, or the code of the refusal."""
    arguments = {"prompt": f"Shot {number}", "endpoint": ENDPOINT, "duration": 3, "generate_audio": False}
    result = await client.call_tool("video_selector", arguments)
    if result.is_error:
        return text_of(result).partition(":")[0]
    assert result.structured_content is not None
    status = result.structured_content["status"]
    return "queued" if status == "working" else str(status)
