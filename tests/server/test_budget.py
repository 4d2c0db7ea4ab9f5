"""A hundred calls at once, from two server processes on one home: the day's budget holds."""

import asyncio
import os
import sys
from collections import Counter
from pathlib import Path

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from tests.standins.fal import FalStandIn
from tests.support import text_of, with_fal

ENDPOINT = "fal:fal-ai/kling-video/v3/pro/text-to-video"
"""Three silent seconds commit 0.336, and may cost 0.672: a new job must fit with what it may cost at most."""

BUDGET = "3.90"
"""Nine commitments and the tenth job's ceiling are 3.696; ten and an eleventh are 4.032."""

CALLS = 50


async def test_the_days_budget_holds_over_two_processes(tmp_path: Path, standin: FalStandIn) -> None:
    environment = os.environ | with_fal(standin, tmp_path, VIDEOGEN_DAILY_BUDGET_USD=BUDGET)
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
