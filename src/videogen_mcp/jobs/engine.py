"""Who drives which job. The rows are the truth; the engine only sees to it that somebody drives each open one.

Every process holds a lock under a name of its own, and each open job carries the name of its driver. Whoever sees that
nobody holds the lock of a driver adopts its jobs; the row decides between several. The locks are files on one machine,
and sessions of the database on many; all else is the same.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Collection, Coroutine
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from videogen_mcp.errors import VideoGenError
from videogen_mcp.jobs.called_back import CalledBack
from videogen_mcp.jobs.clock import Clock
from videogen_mcp.jobs.locks import Locks
from videogen_mcp.jobs.runner import Runner
from videogen_mcp.jobs.store import Store

logger = logging.getLogger(__name__)

ADOPTION_SECONDS = 1.0
"""How often a process looks for the jobs of dead ones."""

MOST_CRASHES = 3
"""A job that was at something risky when this many processes died is not driven again: it may be what kills them.

Processes that died while it waited, or sent a text, do not count (`suspects`), so a gateway has been paid for none of
those that are given up.
"""


def new_name() -> str:
    """A name that no process has had."""
    return secrets.token_hex(16)


class Engine:
    """Drives jobs as tasks of this process. Build it with `open`.

    Args:
        locks: Tells the living from the dead.
        store: The jobs.
        runner_for: Gives what drives jobs under a name.
        clock: Time.
        name: Gives the names under which this process drives jobs.
    """

    def __init__(
        self,
        locks: Locks,
        store: Store,
        runner_for: Callable[[str], Runner],
        clock: Clock,
        name: Callable[[], str] = new_name,
    ) -> None:
        self._locks = locks
        self._store = store
        self._called_back = CalledBack(store.database)
        self._runner_for = runner_for
        self._clock = clock
        self._new_name = name
        self.driver = ""
        self._runner: Runner
        self._is_adrift = False
        self._watching: asyncio.Task[None] | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._leaving: dict[str, asyncio.Task[None]] = {}

    async def open(self) -> None:
        """Hold a lock under a new name, and drive jobs under it.

        Raises:
            StoreError: The lock cannot be had.
        """
        name = self._new_name()
        await self._locks.hold(name)
        self.driver, self._runner, self._is_adrift = name, self._runner_for(name), False

    async def adopt(self) -> int:
        """Take over the jobs of dead processes; returns how many."""
        return await self._adopt_from((await self._store.news(self.driver)).drivers)

    async def _adopt_from(self, drivers: Collection[str]) -> int:
        adopted = 0
        async with self._locks.dead(set(drivers) - {self.driver, ""}) as dead:
            for driver in sorted(dead | ({""} & set(drivers))):
                for job_id in await self._store.open_jobs(driver):
                    adopted += await self._take_over(job_id, driver)
        return adopted

    async def _take_over(self, job_id: str, driver: str) -> bool:
        if job_id in self._leaving:
            return False  # this very process still waits for the answer to its submit
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
        nobody = asyncio.Event()
        while True:
            await self._clock.wait(nobody if self._is_adrift else self._locks.lost, ADOPTION_SECONDS)
            try:
                if self._locks.lost.is_set():
                    self._leave_all()
                    await self.open()
                news = await self._store.news(self.driver)
                await self._adopt_from(news.drivers)
                # Another process may have been asked to stop what is driven here.
                for job_id in news.to_be_cancelled:
                    self._runner.poke(job_id)
                # Or a gateway may have called it about one of them.
                for job_id in await self._called_back.take(self.driver) if news.called_back else ():
                    self._runner.poke(job_id)
            except (VideoGenError, OSError, SQLAlchemyError):
                # A database that is busy or gone for a moment: the next look may succeed.
                logger.warning("the jobs of dead processes could not be looked for", exc_info=True)

    def _leave_all(self) -> None:
        """Drive nothing any more under a name whose lock is lost; what waits for the answer to a submit stores it."""
        self._is_adrift = True
        for job_id, task in self._tasks.items():
            task.cancel()
            self._leaving[job_id] = task
        self._tasks.clear()

    def start(self, job_id: str) -> None:
        """Drive a job in the background."""
        self._run(job_id, self._runner.drive)

    def look_up(self, job_id: str) -> None:
        """Look for the lost submit of an uncertain job in the background, and drive the job on when it is found."""
        self._run(job_id, self._runner.look_up)

    def _run(self, job_id: str, work: Callable[[str], Coroutine[Any, Any, None]]) -> None:
        running = self._tasks.get(job_id)
        if running is None or running.done():
            task = asyncio.create_task(work(job_id), name=f"job-{job_id}")
            self._tasks[job_id] = task
            task.add_done_callback(lambda done: self._forget(job_id, done))

    def _forget(self, job_id: str, done: asyncio.Task[None]) -> None:
        """Let go of a task that ended, unless the job is being driven anew by then."""
        for tasks in (self._tasks, self._leaving):
            if tasks.get(job_id) is done:
                del tasks[job_id]

    async def close(self) -> None:
        """Stop driving; what is unfinished is handed over to whoever comes next."""
        tasks = [*self._tasks.values(), *self._leaving.values(), *([self._watching] if self._watching else [])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        try:
            await self._store.hand_over(self.driver)
        except VideoGenError:
            logger.warning(
                "the jobs could not be handed over; others take them once they see that this process is gone"
            )
        await self._locks.let_go()
