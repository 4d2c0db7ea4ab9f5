"""Tries once more what did not get to a gateway: nothing runs there and nothing is billed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from videogen_mcp.errors import NotSent
from videogen_mcp.gateways.base import CONNECT_SECONDS
from videogen_mcp.jobs.clock import Clock

Result = TypeVar("Result")

NOT_SENT_PAUSES = (0.5, 2.0)
"""Seconds before something of which nothing got to a gateway is tried once more, unless a connection's time is over."""


async def _always() -> bool:
    return True


async def again_if_not_sent(
    work: Callable[[], Awaitable[Result]], clock: Clock, is_wanted: Callable[[], Awaitable[bool]] = _always
) -> Result:
    """Do the work; where nothing got to the gateway, and that was told soon, once more after each pause.

    Args:
        work: Does it once.
        clock: Time.
        is_wanted: Asked after each pause whether it is still to be done.

    Raises:
        NotSent: It never got through, or is not wanted any more.
    """
    nobody = asyncio.Event()
    began = clock.monotonic()
    for pause in NOT_SENT_PAUSES:
        try:
            return await work()
        except NotSent:
            if clock.monotonic() - began + pause >= CONNECT_SECONDS:
                raise
            await clock.wait(nobody, pause)
            if not await is_wanted():
                raise
    return await work()
