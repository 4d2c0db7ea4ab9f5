"""Waiting for what another process or a server does, which no event of this one tells."""

import asyncio
from collections.abc import Awaitable, Callable

LOOK_SECONDS = 0.02


async def until(look: Callable[[], Awaitable[object]], *, seconds: float) -> None:
    """Look again and again until something is seen; a failure after `seconds`."""
    async with asyncio.timeout(seconds):
        while not await look():  # noqa: ASYNC110 -- the other side is no task of this process
            await asyncio.sleep(LOOK_SECONDS)
