"""The locks of one machine: files.

Every process holds a lock file for its life; whoever can take the lock of another process knows that it is dead. The
kernel lets go of a lock when its process ends, however it ends.
"""

import asyncio
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from filelock import FileLock, Timeout


class FileLocks:
    """Lock files in a folder.

    Args:
        folder: Where they lie, on a disk of this machine; made when it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.lost = asyncio.Event()
        self._folder = folder
        self._own: FileLock | None = None
        folder.mkdir(parents=True, exist_ok=True)

    async def hold(self, driver: str) -> None:
        """Hold the file of a name; see `Locks.hold`."""
        self._own = self._of(driver)
        self._own.acquire(timeout=0)

    @asynccontextmanager
    async def dead(self, drivers: Collection[str]) -> AsyncGenerator[set[str]]:
        """Those whose file can be taken, held meanwhile and removed afterwards; see `Locks.dead`."""
        taken = {driver: lock for driver in drivers if (lock := self._taken(driver)) is not None}
        try:
            yield set(taken)
        finally:
            for lock in taken.values():
                _release(lock)

    async def let_go(self) -> None:
        """Release the file and remove it."""
        if self._own is not None:
            _release(self._own)
            self._own = None

    def _of(self, driver: str) -> FileLock:
        return FileLock(self._folder / f"{driver}.lock", thread_local=False)

    def _taken(self, driver: str) -> FileLock | None:
        """The lock of a process that is gone, held; None while the process lives."""
        lock = self._of(driver)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return None
        return lock


def _release(lock: FileLock) -> None:
    """Lock files are only markers; Windows may refuse to remove one while another process looks at it."""
    lock.release()
    try:
        Path(lock.lock_file).unlink(missing_ok=True)
    except OSError:
        return
