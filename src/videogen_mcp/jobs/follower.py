"""Listens to what a gateway tells by itself of one generation, beside the looks that `watch` takes."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from random import Random

from videogen_mcp.errors import OperationGone, PollTrouble
from videogen_mcp.gateways.abilities import TellsStates
from videogen_mcp.gateways.base import Failed, Finished, Gateway, Operation, Pending
from videogen_mcp.jobs.clock import Clock

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 600.0
"""A stream that cannot be had is tried again after pauses that double from the first to this."""

STEADY_SECONDS = 30.0
"""A stream that told something for this long is worth opening again at once."""


class Follower:
    """One generation's stream of states, opened again whenever it ends too soon.

    Args:
        poke: Set when there is news: a state, or that the stream broke off.
        clock: Time.
        random: Chance, so that many streams that broke at once do not come back at once.

    Attributes:
        is_open: Whether the gateway is telling; what it tells replaces looks.
    """

    def __init__(self, poke: asyncio.Event, clock: Clock, random: Random) -> None:
        self.is_open = False
        self._poke = poke
        self._clock = clock
        self._random = random
        self._told: Pending | Finished | Failed | None = None
        self._broke = False

    def take(self) -> tuple[Pending | Finished | Failed | None, bool]:
        """The newest state that was told since the last call, if any, and whether the stream broke off since."""
        told, broke = self._told, self._broke
        self._told, self._broke = None, False
        return told, broke

    async def run(self, gateway: TellsStates, operation: Operation) -> None:
        """Listen until the generation has ended."""
        pause, nobody = FIRST_PAUSE_SECONDS, asyncio.Event()
        while True:
            began = self._clock.monotonic()
            try:
                if await self._listen(gateway, operation):
                    return
                # Closed without an error, as proxies do with what is idle: the next one tells where it stands.
                if not self.is_open:
                    self._break_off("it told nothing")
            except (PollTrouble, OperationGone) as error:
                self._break_off(error)
            except Exception:
                logger.exception("a stream of states is not listened to any more")
                self._break_off("a defect")
                return
            finally:
                was_steady = self.is_open and self._clock.monotonic() - began >= STEADY_SECONDS
                self.is_open = False
            pause = FIRST_PAUSE_SECONDS if was_steady else pause
            await self._clock.wait(nobody, pause * self._random.uniform(0.5, 1.0))
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _break_off(self, reason: object) -> None:
        """Wake who relies on the stream: until it is open again, the generation is to be looked at."""
        logger.debug("a stream of states broke off: %s", reason)
        self._broke = True
        self._poke.set()

    async def _listen(self, gateway: TellsStates, operation: Operation) -> bool:
        """Pass on what one stream tells; whether it told the end."""
        async with aclosing(gateway.follow(operation)) as states:
            async for state in states:
                self.is_open = True
                self._told = state
                self._poke.set()
                if not isinstance(state, Pending):
                    return True
        return False


@asynccontextmanager
async def following(
    gateway: Gateway, operation: Operation, poke: asyncio.Event, clock: Clock, random: Random
) -> AsyncGenerator[Follower | None]:
    """Listen in the background while the `with` block runs; None where the gateway tells nothing by itself."""
    if not isinstance(gateway, TellsStates):
        yield None
        return
    follower = Follower(poke, clock, random)
    task = asyncio.create_task(follower.run(gateway, operation))
    try:
        yield follower
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
