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


PROBE_SECONDS = 60.0
"""So long it is waited for what one stream shows where others could not be had, before another is tried."""


class Offer:
    """Whether the streams of one endpoint can be had, as all who follow generations there have found.

    A thousand jobs need not find it a thousand times: after one that told nothing, one at a time tries again, after
    pauses that double, until one tells something.

    Args:
        clock: Time.

    Attributes:
        had: Set once a stream told something again: who waits for its turn need not wait any longer.
    """

    def __init__(self, clock: Clock) -> None:
        self.had = asyncio.Event()
        self._clock = clock
        self._pause = 0.0
        self._until = 0.0
        self._refused_at = 0.0

    def left(self) -> float:
        """Seconds before the next try, 0 where a stream may be opened now."""
        return max(0.0, self._until - self._clock.monotonic()) if self._pause else 0.0

    def trying(self) -> None:
        """Note that a stream is being opened: where others could not be had, nobody else tries meanwhile."""
        self._until = self._clock.monotonic() + PROBE_SECONDS

    def told(self) -> None:
        """Note that a stream told something: all may be opened."""
        self._pause = 0.0
        self.had.set()

    def refused(self, tried_at: float) -> None:
        """Note that a stream that was tried at this moment could not be had, or told nothing."""
        if self._pause and tried_at <= self._refused_at:
            return  # one of many that were tried together, before it was known
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS) if self._pause else FIRST_PAUSE_SECONDS
        self.had.clear()
        self._refused_at = self._clock.monotonic()
        self._until = self._refused_at + self._pause


class Follower:
    """One generation's stream of states, opened again whenever it ends too soon.

    Args:
        offer: What is known of such streams.
        poke: Set when there is news: a state, or that the stream broke off.
        clock: Time.
        random: Chance, so that many streams that broke at once do not come back at once.

    Attributes:
        is_open: Whether the gateway is telling; what it tells replaces looks.
    """

    def __init__(self, offer: Offer, poke: asyncio.Event, clock: Clock, random: Random) -> None:
        self.is_open = False
        self._offer = offer
        self._poke = poke
        self._clock = clock
        self._random = random
        self._told: Pending | Finished | Failed | None = None
        self._broke = False
        self._began = 0.0

    def take(self) -> tuple[Pending | Finished | Failed | None, bool]:
        """The newest state that was told since the last call, if any, and whether the stream broke off since."""
        told, broke = self._told, self._broke
        self._told, self._broke = None, False
        return told, broke

    async def run(self, gateway: TellsStates, operation: Operation) -> None:
        """Listen until the generation has ended."""
        pause, nobody = FIRST_PAUSE_SECONDS, asyncio.Event()
        while True:
            while left := self._offer.left():
                await self._clock.wait(self._offer.had, left * self._random.uniform(1.0, 1.5))
            self._offer.trying()
            self._began = self._clock.monotonic()
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
                was_steady = self.is_open and self._clock.monotonic() - self._began >= STEADY_SECONDS
                self.is_open = False
            pause = FIRST_PAUSE_SECONDS if was_steady else pause
            await self._clock.wait(nobody, pause * self._random.uniform(0.5, 1.0))
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _break_off(self, reason: object) -> None:
        """Wake who relies on the stream: until it is open again, the generation is to be looked at."""
        logger.debug("a stream of states broke off: %s", reason)
        if not self.is_open:
            self._offer.refused(self._began)
        self._broke = True
        self._poke.set()

    async def _listen(self, gateway: TellsStates, operation: Operation) -> bool:
        """Pass on what one stream tells; whether it told the end."""
        async with aclosing(gateway.follow(operation)) as states:
            async for state in states:
                self.is_open = True
                self._offer.told()
                self._told = state
                self._poke.set()
                if not isinstance(state, Pending):
                    return True
        return False


@asynccontextmanager
async def following(gateway: Gateway, operation: Operation, follower: Follower) -> AsyncGenerator[Follower | None]:
    """Let it listen in the background while the `with` block runs; None where the gateway tells nothing by itself."""
    if not isinstance(gateway, TellsStates):
        yield None
        return
    task = asyncio.create_task(follower.run(gateway, operation))
    try:
        yield follower
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
