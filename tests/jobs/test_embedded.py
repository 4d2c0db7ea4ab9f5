"""Who drives: lock files tell the living from the dead, with a runner that only takes note."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
import pytest_asyncio
from filelock import FileLock, Timeout

from videogen_mcp.catalogue.encode import Payload
from videogen_mcp.catalogue.pricing import FREE
from videogen_mcp.jobs.clock import SystemClock
from videogen_mcp.jobs.embedded import EmbeddedEngine
from videogen_mcp.jobs.job import Job
from videogen_mcp.jobs.runner import Runner
from videogen_mcp.jobs.store import Store
from videogen_mcp.selection.scoring import Candidate
from videogen_mcp.types import VideoRequest


class NotingRunner:
    """Notes what it is to drive, and drives until it is let go."""

    def __init__(self) -> None:
        self.driven: list[str] = []
        self.began: asyncio.Queue[str] = asyncio.Queue()
        self.cancelled: list[str] = []
        self.let_go = asyncio.Event()

    async def drive(self, job_id: str) -> None:
        self.driven.append(job_id)
        self.began.put_nowait(job_id)
        try:
            await self.let_go.wait()
        except asyncio.CancelledError:
            self.cancelled.append(job_id)
            raise


@pytest_asyncio.fixture(name="store")
async def store_fixture(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open_file(tmp_path / "jobs.sqlite3")
    yield store
    await store.close()


@pytest.fixture(name="runner")
def runner_fixture() -> NotingRunner:
    return NotingRunner()


def engine(driver: str, folder: Path, store: Store, runner: NotingRunner) -> EmbeddedEngine:
    return EmbeddedEngine(driver, folder / "locks", store, cast("Runner", runner))


async def create(store: Store, name: str, driver: str) -> None:
    now = SystemClock().now()
    candidate = Candidate("fal:a/b", "a/b", "fal", "b", "a", Payload({}), FREE, 1.0)
    job = Job(name, "queued", VideoRequest(), "text_to_video", "general", (candidate,), now, now, driver=driver)
    await store.create(job, request_key=None, fingerprint="f", day_start=now, day_budget=None)


def is_locked(path: Path) -> bool:
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


async def started(runner: NotingRunner, count: int) -> list[str]:
    return sorted([await runner.began.get() for _ in range(count)])


async def test_a_process_holds_its_lock_for_its_life(tmp_path: Path, store: Store, runner: NotingRunner) -> None:
    one = engine("one", tmp_path, store, runner)
    assert is_locked(tmp_path / "locks" / "one.lock")
    await one.close()
    assert list((tmp_path / "locks").iterdir()) == []


async def test_only_the_open_jobs_of_the_dead_are_adopted(tmp_path: Path, store: Store, runner: NotingRunner) -> None:
    living, me = engine("living", tmp_path, store, runner), engine("me", tmp_path, store, runner)
    for name, driver in (("a", "dead"), ("b", "dead"), ("c", "living"), ("d", "me"), ("e", "dead"), ("f", "other")):
        await create(store, name, driver)
    await store.update_job("e", now=SystemClock().now(), status="failed")
    assert await me.adopt() == 3
    assert await started(runner, 3) == ["a", "b", "f"]
    drivers = {name: (await store.get(name)).driver for name in "abcdef"}
    assert drivers == {"a": "me", "b": "me", "c": "living", "d": "me", "e": "dead", "f": "me"}
    assert {path.name for path in (tmp_path / "locks").iterdir()} == {"living.lock", "me.lock"}
    assert await me.adopt() == 0
    await me.close()
    await living.close()


async def test_of_two_who_adopt_at_once_one_gets_each_job(tmp_path: Path, store: Store, runner: NotingRunner) -> None:
    engines = [engine(f"n{number}", tmp_path, store, runner) for number in range(4)]
    for number in range(6):
        await create(store, str(number), "dead")
    adopted = await asyncio.gather(*(one.adopt() for one in engines))
    for one in engines:
        await one.adopt()
    assert sum(adopted) <= 6
    assert await started(runner, 6) == [str(number) for number in range(6)]
    for one in engines:
        await one.close()


async def test_a_job_is_driven_once_however_often_it_is_started(
    tmp_path: Path, store: Store, runner: NotingRunner
) -> None:
    one = engine("one", tmp_path, store, runner)
    one.start("a")
    one.start("a")
    assert await started(runner, 1) == ["a"]
    await one.close()
    assert (runner.driven, runner.cancelled) == (["a"], ["a"])


async def test_a_job_that_was_driven_to_its_end_can_be_started_again(
    tmp_path: Path, store: Store, runner: NotingRunner
) -> None:
    runner.let_go.set()
    one = engine("one", tmp_path, store, runner)
    one.start("a")
    await started(runner, 1)
    if left := [task for task in asyncio.all_tasks() if task.get_name() == "job-a"]:
        await asyncio.wait(left)
    one.start("a")
    assert await started(runner, 1) == ["a"]
    await one.close()


HOLDER = """
import sys
from filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


def holding(lock: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


async def test_a_killed_process_is_told_from_a_living_one(tmp_path: Path, store: Store, runner: NotingRunner) -> None:
    me = engine("me", tmp_path, store, runner)
    await create(store, "a", "other-process")
    with holding(tmp_path / "locks" / "other-process.lock") as process:
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == "held\n"
        assert await me.adopt() == 0
        process.kill()
        await asyncio.to_thread(process.wait)
    assert await me.adopt() == 1
    assert await started(runner, 1) == ["a"]
    await me.close()
