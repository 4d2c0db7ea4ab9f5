"""The MCP server: the same object for stdio, HTTP and tests."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from mcp.server import MCPServer
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import server as sdk

from videogen_mcp import __version__
from videogen_mcp.errors import VideoGenError
from videogen_mcp.server.job_tools import job_tools
from videogen_mcp.server.resources import add_prompts, add_resources
from videogen_mcp.server.tools import generation_tools
from videogen_mcp.service import VideoService

logger = logging.getLogger(__name__)

INSTRUCTIONS = (
    "Makes videos. Call video_selector with a prompt; it chooses the model and returns a job_id at once. Video takes "
    "minutes: call video_job_status with the job_id and wait_seconds=50 until the status is completed, failed, "
    "cancelled or uncertain. dry_run=true shows the model, the price and why, for free: use it before spending when "
    "the user cares about cost, and set max_cost_usd. Show the user the file path; judge the clip by its contact "
    "sheet. Never repeat a call because it is slow: jobs survive, video_job_list finds them. Read changes and "
    "warnings aloud: they say what differs from the request. An animatic is a draft, not AI video."
)

HANDSHAKE = frozenset({"initialize", "server/discover"})


def build_server(service: VideoService, *, resume_at_once: bool = False) -> MCPServer[VideoService]:
    """Build the server around a service.

    Unfinished jobs of earlier processes are taken up once the handshake is over: what that loads must not delay it.
    A server that is there before its clients does it at once.
    """
    resuming: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def lifespan(_server: MCPServer[VideoService]) -> AsyncGenerator[VideoService]:
        async with service:
            if resume_at_once:
                resuming.add(asyncio.create_task(_resume(service)))
            yield service

    async def resume_after_handshake(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        if not resuming and ctx.method not in HANDSHAKE:
            resuming.add(asyncio.create_task(_resume(service)))
        return await call_next(ctx)

    with _own_logging():
        server: MCPServer[VideoService] = MCPServer(
            name="videogen-mcp",
            title="Video generation",
            version=__version__,
            instructions=INSTRUCTIONS,
            lifespan=lifespan,
            log_level=service.settings.log_level,  # pyright: ignore[reportArgumentType] -- validated by the settings
            tools=[*generation_tools(service), *job_tools(service)],
            middleware=[resume_after_handshake],
        )
    add_resources(server, service)
    add_prompts(server)
    return server


def _leave_logging_alone(_level: str) -> None:
    """Logging is set up already."""


@contextmanager
def _own_logging() -> Generator[None]:
    """Keep the SDK from setting up logging, which is set up already.

    It would not install its handler then, but would load rich for it, which the handshake would wait for.
    """
    names: dict[str, Any] = sdk.__dict__
    theirs = names.get("configure_logging")
    names["configure_logging"] = _leave_logging_alone
    try:
        yield
    finally:
        names["configure_logging"] = theirs


async def _resume(service: VideoService) -> None:
    """Take up unfinished jobs; a database that cannot be used is told to whoever calls a tool."""
    try:
        await service.resume()
    except VideoGenError as error:
        logger.error("unfinished jobs could not be taken up: %s", error)  # noqa: TRY400 -- expected, no traceback


def run_stdio(service: VideoService) -> None:
    """Serve over stdin and stdout until stdin ends."""
    build_server(service).run("stdio")
