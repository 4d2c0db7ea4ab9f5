"""Work that is done whole: who waits for it may be cancelled, and waits for its end all the same."""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


async def in_one_go(work: Coroutine[Any, Any, Result]) -> Result:
    """Do the work in a task of its own, and do not leave before it is over.

    Raises:
        asyncio.CancelledError: The waiting was cancelled; the work is over by then.
    """
    going = asyncio.create_task(work)
    try:
        return await asyncio.shield(going)
    except asyncio.CancelledError:
        while not going.done():
            try:
                await asyncio.wait({going})
            except asyncio.CancelledError:
                continue  # whoever cancels in a loop is told at the end
        if not going.cancelled():
            going.exception()  # so that nobody complains of one that nobody asked for
        raise


def whole(
    method: Callable[Parameters, Coroutine[Any, Any, Result]],
) -> Callable[Parameters, Coroutine[Any, Any, Result]]:
    """Let a transaction end: cancelled halfway, a connection would be lost, and what was written not known."""

    @functools.wraps(method)
    async def wrapped(*arguments: Parameters.args, **named: Parameters.kwargs) -> Result:
        return await in_one_go(method(*arguments, **named))

    return wrapped
