"""What might bring a process down, and the jobs that were at it when one died.

A death is nobody's fault yet: several jobs may have been at something at that moment, and most processes are killed
from outside. So suspects take the same step one at a time from then on. The one that kills is there each time; those
that were only near it get through.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Literal

from videogen_mcp.gateways.base import Gateway
from videogen_mcp.jobs.job import Job

Risk = Literal["", "media", "drawing", "clip"]
"""Reading and handing over the caller's media, drawing on this machine, or decoding the finished clip."""


def risk_of_sending(job: Job, gateway: Gateway) -> Risk:
    """What is risky until the gateway has a job; nothing where only text is sent."""
    if gateway.on_this_machine:
        return "drawing"
    return "media" if any(job.request.media()) else ""


class Suspects:
    """Lets suspects through, one at a time.

    Args:
        at_once: How many.
    """

    def __init__(self, at_once: int = 1) -> None:
        self._places = asyncio.Semaphore(at_once)

    @asynccontextmanager
    async def one(self, job: Job, *, is_risky: bool) -> AsyncGenerator[None]:
        """Wait until no other suspect is in the context; not for a job that nobody suspects, or without a risk."""
        if not (job.crashes and is_risky):
            yield
            return
        async with self._places:
            yield
