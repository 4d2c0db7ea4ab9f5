"""The engine for one machine: drivers are told from the dead by lock files.

Every process holds a lock file for its life; whoever can take the lock of another process knows that it is dead, and
adopts its jobs. The kernel lets go of a lock when its process ends, however it ends.
"""

import asyncio
from pathlib import Path

from filelock import FileLock, Timeout

from videogen_mcp.jobs.runner import Runner
from videogen_mcp.jobs.store import Store


class EmbeddedEngine:
    """Drives jobs as tasks of this process.

    Args:
        driver: The unique name of this process.
        folder: Where the lock files lie.
        store: The jobs.
        runner: What drives them; it must use the same driver name.
    """

    def __init__(self, driver: str, folder: Path, store: Store, runner: Runner) -> None:
        self.driver = driver
        self._folder = folder
        self._store = store
        self._runner = runner
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
            for job_id, driver in await self._store.open_jobs():
                if driver == self.driver:
                    continue
                if driver not in dead:
                    dead[driver] = self._lock_of_the_dead(driver)
                if dead[driver] is not None and await self._store.take_over(job_id, old=driver, new=self.driver):
                    self.start(job_id)
                    adopted += 1
        finally:
            for lock in dead.values():
                if lock is not None:
                    lock.release()
                    _remove(Path(lock.lock_file))
        return adopted

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
        running = self._tasks.get(job_id)
        if running is None or running.done():
            task = asyncio.create_task(self._runner.drive(job_id), name=f"job-{job_id}")
            self._tasks[job_id] = task
            task.add_done_callback(lambda _: self._tasks.pop(job_id, None))

    async def close(self) -> None:
        """Stop driving and let go of the lock; see `Engine.close`."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._lock.release()
        _remove(self._path(self.driver))


def _remove(path: Path) -> None:
    """Lock files are only markers; Windows may refuse while another process looks at one."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return
