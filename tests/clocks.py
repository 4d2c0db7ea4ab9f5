"""Clocks on which those who drive jobs need not be waited for."""

import asyncio
from datetime import datetime, timedelta

from videogen_mcp.jobs.clock import SystemClock


class LeapingClock(SystemClock):
    """A pause of who drives a job is over at once and counts as time gone by, also where an event cuts it short.

    Attributes:
        leaps: Whether it does so now.
        gone: The seconds that were leapt over.
        pauses: How long those who drive jobs were to wait, each time.
    """

    def __init__(self) -> None:
        self.leaps = True
        self.gone = 0.0
        self.pauses: list[float] = []

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.gone)

    def monotonic(self) -> float:
        return super().monotonic() + self.gone

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        if not (self.leaps and waits_in("Runner.")):
            await super().wait(event, seconds)
            return
        self.pauses.append(seconds)
        # Others get their turn, such as the stand-in's answer to somebody else.
        await super().wait(event, min(seconds, 0.005))
        self.gone += seconds


class BriskClock(SystemClock):
    """Time goes several times as quickly as it does, for everybody alike, so that who waits longer still comes later.

    Args:
        times: How many times as quickly.
    """

    def __init__(self, times: float) -> None:
        self._times = times
        self._began = super().monotonic()

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self._gained())

    def monotonic(self) -> float:
        return super().monotonic() + self._gained()

    def _gained(self) -> float:
        return (super().monotonic() - self._began) * (self._times - 1)

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        await super().wait(event, seconds / self._times)


def waits_in(prefix: str) -> bool:
    """Whether the task that asks was begun by a function whose qualified name begins so."""
    task = asyncio.current_task()
    return task is not None and getattr(task.get_coro(), "__qualname__", "").startswith(prefix)
