"""Tells how far a transfer is, in steps: bytes come in thousands of pieces, and every telling is a write to disk."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from videogen_mcp.gateways.abilities import OnBytes

STEP_BYTES = 10_000_000
STEPS = 10
_MEGABYTE = 1_000_000


@asynccontextmanager
async def told_in_steps(tell: Callable[[str], Awaitable[None]], what: str) -> AsyncGenerator[OnBytes]:
    """Give a function that takes every count of bytes; now and then it is told on, while the transfer goes on.

    Args:
        tell: Takes a clause for people, such as "fetching the clip, 120 of 500 MB".
        what: How the clause begins.
    """
    news, is_over = asyncio.Event(), False
    latest: tuple[int, int | None] = (0, None)
    told = 0

    def on_bytes(done: int, expected: int | None) -> None:
        nonlocal latest
        latest = (done, expected)
        if done - told >= max(STEP_BYTES, (expected or 0) // STEPS):
            news.set()

    async def tell_on() -> None:
        nonlocal told
        while await news.wait() and not is_over:
            news.clear()
            told, expected = latest
            of = "" if expected is None else f" of {expected / _MEGABYTE:.0f}"
            await tell(f"{what}, {told / _MEGABYTE:.0f}{of} MB")

    task = asyncio.create_task(tell_on())
    try:
        yield on_bytes
    finally:
        # A write that is under way is not cut off.
        is_over = True
        news.set()
        await task
