"""What those who drive jobs work with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

from videogen_mcp.gateways.base import Gateway
from videogen_mcp.jobs.bell import Bell
from videogen_mcp.jobs.callbacks import Callbacks
from videogen_mcp.jobs.clock import Clock
from videogen_mcp.jobs.delivery import Delivery
from videogen_mcp.jobs.lessons import Lessons
from videogen_mcp.jobs.slots import Slots
from videogen_mcp.jobs.store import Store
from videogen_mcp.jobs.suspects import Suspects


@dataclass(frozen=True)
class RunnerParts:
    """What a runner works with; its store moves on what `driver` drives, and nothing else."""

    store: Store
    gateway: Callable[[str], Gateway]
    delivery: Delivery
    clock: Clock
    random: Random
    bell: Bell
    driver: str
    lessons: Lessons
    slots: Slots
    suspects: Suspects
    day_budget: Decimal | None
    submit_turn: Callable[[str], Awaitable[bool]]
    poll_interval: float | None
    callbacks: Callbacks | None = None

    async def update(self, job_id: str, **changes: Any) -> None:
        """Move a job on, and wake those who wait for it; see `Store.update_job`."""
        await self.store.update_job(job_id, now=self.clock.now(), **changes)
        self.bell.ring(job_id)

    def teller(self, job_id: str) -> Callable[[str], Awaitable[None]]:
        """Stores messages of a job."""

        async def tell(message: str) -> None:
            await self.update(job_id, message=message)

        return tell
