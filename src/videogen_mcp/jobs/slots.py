"""The places that `VIDEOGEN_GATEWAY_LIMITS` leaves at each gateway, over all processes of the database."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from videogen_mcp.jobs.clock import Clock
from videogen_mcp.jobs.store import Store

LOOK_SECONDS = 1.0
"""How often the first in this process's queue looks for a place."""


class Slots:
    """Lets jobs wait for a place. The database counts; here they only stand in a queue, first come, first served.

    Args:
        store: The jobs.
        limits: How many generations may run at once, by gateway; none where nothing is said.
        clock: Time.
    """

    def __init__(self, store: Store, limits: Mapping[str, int], clock: Clock) -> None:
        self._store = store
        self._limits = limits
        self._clock = clock
        self._queues: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._promised: Counter[str] = Counter()

    def limit(self, gateway: str) -> int | None:
        """How many generations may run at a gateway, None for any number."""
        return self._limits.get(gateway)

    @asynccontextmanager
    async def one(self, gateway: str, is_wanted: Callable[[str], Awaitable[bool]]) -> AsyncGenerator[None]:
        """Wait for a place; it is kept for whoever is in the context, within this process.

        Args:
            gateway: The gateway.
            is_wanted: Told why there is a wait, whenever a place was looked for in vain; False ends the waiting, and
                what follows is up to who asked.
        """
        limit = self._limits.get(gateway)
        if limit is None:
            yield
            return
        reason = f"waiting for a place: {limit} generations run at {gateway}, as many as VIDEOGEN_GATEWAY_LIMITS allows"
        queue, nobody = self._queues[gateway], asyncio.Event()
        if queue.locked():
            await is_wanted(reason)
        async with queue:
            while await self._store.running_at(gateway, self._clock.now()) + self._promised[gateway] >= limit:
                if not await is_wanted(reason):
                    break
                await self._clock.wait(nobody, LOOK_SECONDS)
            self._promised[gateway] += 1
        try:
            yield
        finally:
            self._promised[gateway] -= 1
