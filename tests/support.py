"""What the tests of the product's faces share: environments, calls in process, and real processes on a leash."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, cast

from mcp import Client
from mcp.types import CallToolResult, TextContent
from tests.forks import mother
from tests.standins.fal import FalStandIn

from videogen_mcp.server import build_server
from videogen_mcp.service import VideoService, open_service
from videogen_mcp.settings import load_settings

ROOT = Path(__file__).resolve().parents[1]
LEASH_SECONDS = 60.0
"""No test may hang: every wait of these helpers ends by then."""

ConnectMode = Literal["auto", "legacy"]
CONNECT_MODES: tuple[ConnectMode, ...] = ("auto", "legacy")

PROVIDER_TOOLS = ("seedance_video", "kling_video", "minimax_video", "veo_video", "wan_video", "heygen_video")
GENERATION_TOOLS = ("video_selector", *PROVIDER_TOOLS)
TOOL_NAMES = {*GENERATION_TOOLS, "video_models", "video_job_status", "video_job_list", "video_job_cancel"}

DRAFT: Mapping[str, Any] = {"prompt": "A red kite over a stormy sea", "duration": 1, "resolution": "480p"}
"""A request that the local renderer draws in a moment."""


def home_only(home: Path, **more: str) -> dict[str, str]:
    return {"VIDEOGEN_HOME": str(home), **more}


def with_fal(standin: FalStandIn, home: Path, **more: str) -> dict[str, str]:
    return {
        "VIDEOGEN_HOME": str(home),
        "FAL_KEY": standin.key,
        "VIDEOGEN_FAL_QUEUE_URL": standin.queue_url,
        "VIDEOGEN_FAL_REST_URL": standin.rest_url,
        "VIDEOGEN_FAL_API_URL": standin.api_url,
        "VIDEOGEN_ALLOWED_HOSTS": standin.origin.removeprefix("http://"),
        "VIDEOGEN_POLL_INTERVAL_S": "0.05",
        **more,
    }


@asynccontextmanager
async def connected(
    environment: Mapping[str, str], mode: ConnectMode = "auto"
) -> AsyncGenerator[tuple[Client, VideoService]]:
    async with asyncio.timeout(LEASH_SECONDS):
        service = open_service(load_settings(environment))
        async with Client(build_server(service), mode=mode) as client:
            yield client, service


def text_of(result: CallToolResult) -> str:
    return "\n".join(one.text for one in result.content if isinstance(one, TextContent))


def facts_of(result: CallToolResult) -> dict[str, Any]:
    assert not result.is_error, text_of(result)
    assert result.structured_content is not None
    return result.structured_content


def refusal_of(result: CallToolResult) -> str:
    """The text of a refusal, after a look for what must never be in one."""
    text = text_of(result)
    assert result.is_error, text
    assert result.structured_content is None
    for noise in ("Traceback", "pydantic", "Error executing tool", "http://errors", ".py"):
        assert noise not in text.replace("'notes.py'", "")
    return text


class Progress:
    """Keeps what a call reports on its way."""

    def __init__(self) -> None:
        self.values: list[float] = []

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        assert total == 1.0
        assert message
        self.values.append(progress)

    @property
    def only_increased(self) -> bool:
        return self.values == sorted(set(self.values))


def is_written(path: str) -> bool:
    return Path(path).is_file() and Path(path).stat().st_size > 0


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without anything that is the product's own, and with what is given."""
    own = ("VIDEOGEN_", "FAL_KEY", "HEYGEN_", "GEMINI_", "MOUNTSEA_", "NOVAKIT_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    return kept | {"NO_PROXY": "127.0.0.1,localhost", "PYTHONUTF8": "1"} | dict(environment)


def run(
    arguments: list[str],
    environment: Mapping[str, str],
    *,
    folder: Path | None = None,
    stdin: str = "",
    seconds: float = LEASH_SECONDS,
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: PLW1510 -- the status is what the tests look at
        arguments,
        env=child_environment(environment),
        cwd=folder,
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        timeout=seconds,
    )


def run_cli(environment: Mapping[str, str], *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end, without anything on its standard input."""
    if sys.platform == "win32":
        return run([sys.executable, "-m", "videogen_mcp", *arguments], environment, folder=folder)
    return mother().run(arguments, child_environment(environment), folder, LEASH_SECONDS)


def one_object(text: str) -> dict[str, Any]:
    """The one JSON object that a text consists of."""
    assert text.endswith("\n")
    assert text.count("\n") == 1
    value = json.loads(text)
    assert isinstance(value, dict)
    return cast("dict[str, Any]", value)


USUAL_LOOP_SECONDS = 0.012
"""What the loop below takes on a quiet machine of two cores."""


def slowness() -> float:
    """How many times slower than usual this machine is right now, 1 at the least: what limits of time are held to."""
    taken: list[float] = []
    for _ in range(5):
        began, total = time.perf_counter(), 0
        for number in range(400_000):
            total += number
        taken.append(time.perf_counter() - began)
    return max(1.0, sorted(taken)[2] / USUAL_LOOP_SECONDS)
