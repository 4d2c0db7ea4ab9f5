"""How a process shows that it lives, and sees which others do not: what differs between one machine and many."""

import asyncio
from collections.abc import Collection
from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Locks(Protocol):
    """Locks that are held for the life of a process, one for each name that drives jobs.

    Attributes:
        lost: Set once the lock may not be held any more, though the process lives: others may take its jobs.
    """

    lost: asyncio.Event

    async def hold(self, driver: str) -> None:
        """Hold the lock of a new name from now on; `lost` is clear then.

        Raises:
            StoreError: It cannot be had.
        """
        ...

    def dead(self, drivers: Collection[str]) -> AbstractAsyncContextManager[set[str]]:
        """Those of the drivers whose lock nobody holds; their jobs are to be taken within the context."""
        ...

    async def let_go(self) -> None:
        """Let go of the lock; whatever fails at that is of no consequence."""
        ...
