"""The engine for one machine: drivers are told from the dead by lock files.

Every process holds a lock file for its life; whoever can take the lock of another process knows that it is dead, and
adopts its jobs. The kernel lets go of a lock when its process ends, however it ends.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy.exc import SQLAlchemyError

from videogen_mcp.errors import VideoGenError
from videogen_mcp.jobs.called_back import CalledBack
from videogen_mcp.jobs.clock import Clock
from videogen_mcp.jobs.runner import Runner
from videogen_mcp.jobs.store import Store

logger = logging.getLogger(__name__)

ADOPTION_SECONDS = 1.0
"""How often a process looks for the jobs of dead ones."""

MOST_CRASHES = 10
"""A job that was being driven when this many processes died is not driven again: it may be what kills them.

What does so does it every time; what was accepted and paid for is not to be lost to a few kills from outside. Processes
that died while it only waited for a gateway do not count (`Runner`).
"""


class EmbeddedEngine:
    """Drives jobs as tasks of this process.

    Args:
        driver: The unique name of this process.
        folder: Where the lock files lie.
        store: The jobs.
        runner: What drives them; it must use the same driver name.
        clock: Time.
    """

    def __init__(self, driver: str, folder: Path, store: Store, runner: Runner, clock: Clock) -> None:
        self.driver = driver
        self._clock = clock
        self._closing = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self._folder = folder
        self._store = store
        self._runner = runner
        self._called_back = CalledBack(store.engine)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self._path(driver), thread_local=False)
        self._lock.acquire(timeout=0)

    def _path(self, driver: str) -> Path:
        return self._folder / f"{driver}.lock"

    async def adopt(self) -> int:
        """Take over the jobs of dead processes; see `Engine.adopt`."""
        adopted = 0
        dead: dict[str, FileLock | None] = {}
        try:
            for job_id, driver in await self._store.open_jobs(but=self.driver):
                if driver and driver not in dead:
                    dead[driver] = self._lock_of_the_dead(driver)
                if not driver or dead[driver] is not None:
                    adopted += await self._take_over(job_id, driver)
        finally:
            for lock in dead.values():
                if lock is not None:
                    lock.release()
                    _remove(Path(lock.lock_file))
        return adopted

    async def _take_over(self, job_id: str, driver: str) -> bool:
        crashes = await self._store.take_over(job_id, old=driver, new=self.driver)
        if crashes is None:
            return False
        if crashes >= MOST_CRASHES:
            await self._runner.abandon(job_id, crashes)
        else:
            self.start(job_id)
        return True

    def watch(self) -> None:
        """Look for the jobs of dead processes from now on, until `close`."""
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch(), name="adoption")

    async def _watch(self) -> None:
        while not self._closing.is_set():
            await self._clock.wait(self._closing, ADOPTION_SECONDS)
            if self._closing.is_set():
                return
            try:
                await self.adopt()
                # Another process may have been asked to stop what is driven here.
                for job_id in await self._store.to_be_cancelled(self.driver):
                    self._runner.poke(job_id)
                # Or a gateway may have called it about one of them.
                for job_id in await self._called_back.take(self.driver):
                    self._runner.poke(job_id)
            except (VideoGenError, OSError, SQLAlchemyError):
                # A database that is busy or gone for a moment: the next look may succeed.
                logger.warning("the jobs of dead processes could not be looked for", exc_info=True)

    def _lock_of_the_dead(self, driver: str) -> FileLock | None:
        """The lock of a process that is gone, held; None while the process lives."""
        lock = FileLock(self._path(driver), thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return None
        return lock

    def start(self, job_id: str) -> None:
        """Drive a job in the background; see `Engine.start`."""
        self._run(job_id, self._runner.drive)

    def look_up(self, job_id: str) -> None:
        """Look for a lost submit in the background; see `Engine.look_up`."""
        self._run(job_id, self._runner.look_up)

    def _run(self, job_id: str, work: Callable[[str], Coroutine[Any, Any, None]]) -> None:
        running = self._tasks.get(job_id)
        if running is None or running.done():
            task = asyncio.create_task(work(job_id), name=f"job-{job_id}")
            self._tasks[job_id] = task
            task.add_done_callback(lambda done: self._forget(job_id, done))

    def _forget(self, job_id: str, done: asyncio.Task[None]) -> None:
        """Let go of a task that ended, unless the job is being driven anew by then."""
        if self._tasks.get(job_id) is done:
            del self._tasks[job_id]

    async def close(self) -> None:
        """Stop driving and let go of the lock; see `Engine.close`."""
        self._closing.set()
        tasks = [*self._tasks.values(), *([self._watching] if self._watching else [])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._store.hand_over(self.driver)
        self._lock.release()
        _remove(self._path(self.driver))


def _remove(path: Path) -> None:
    """Lock files are only markers; Windows may refuse while another process looks at one."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return
