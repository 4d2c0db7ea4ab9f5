"""Who drives: locks tell the living from the dead, with a runner that only takes note. The same on both engines."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import cast

import pytest
import pytest_asyncio
from sqlalchemy.exc import OperationalError

from videogen_mcp.catalogue.encode import Payload
from videogen_mcp.catalogue.pricing import FREE
from videogen_mcp.jobs.clock import Clock, SystemClock
from videogen_mcp.jobs.distributed import SessionLocks
from videogen_mcp.jobs.driving import News
from videogen_mcp.jobs.embedded import FileLocks
from videogen_mcp.jobs.engine import ADOPTION_SECONDS, MOST_CRASHES, Engine
from videogen_mcp.jobs.job import Job
from videogen_mcp.jobs.location import Location
from videogen_mcp.jobs.locks import Locks
from videogen_mcp.jobs.runner import Runner
from videogen_mcp.jobs.store import Store
from videogen_mcp.selection.scoring import Candidate
from videogen_mcp.types import VideoRequest


class NotingRunner:
    """Notes what it is to drive, and drives until it is let go."""

    def __init__(self) -> None:
        self.abandoned: list[tuple[str, int]] = []
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

    async def abandon(self, job_id: str, crashes: int) -> None:
        self.abandoned.append((job_id, crashes))


class ClockOnHold(SystemClock):
    """A clock on which a pause ends when the test says so; how long it should have been is noted."""

    def __init__(self) -> None:
        self.pauses: asyncio.Queue[float] = asyncio.Queue()
        self.go_on = asyncio.Semaphore(0)

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        self.pauses.put_nowait(seconds)
        over = asyncio.create_task(self.go_on.acquire())
        closed = asyncio.create_task(event.wait())
        try:
            await asyncio.wait({over, closed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
            closed.cancel()


@dataclass(frozen=True)
class Fleet:
    """Engines of several processes on one database, as far as a test needs them."""

    store: Store
    runner: NotingRunner
    folder: Path

    async def join(self, driver: str, clock: Clock | None = None) -> Engine:
        """An engine that drives under this name, and under it with a `+` when it must take another."""
        clock = clock or SystemClock()
        locks: Locks = FileLocks(self.folder)
        if self.store.database.url.get_backend_name() == "postgresql":
            locks = SessionLocks(self.store.database, lease_seconds=60)
        names = (driver + "+" * number for number in count())
        engine = Engine(locks, self.store, lambda _driver: cast("Runner", self.runner), clock, lambda: next(names))
        await engine.open()
        return engine


@pytest_asyncio.fixture(name="store")
async def store_fixture(tmp_path: Path, database: dict[str, str]) -> AsyncIterator[Store]:
    store = await Location(tmp_path / "jobs.sqlite3", database.get("VIDEOGEN_DATABASE_URL", "")).open()
    yield store
    await store.close()


@pytest.fixture(name="runner")
def runner_fixture() -> NotingRunner:
    return NotingRunner()


@pytest.fixture(name="fleet")
def fleet_fixture(store: Store, runner: NotingRunner, tmp_path: Path) -> Fleet:
    return Fleet(store, runner, tmp_path / "locks")


async def create(store: Store, name: str, driver: str) -> None:
    now = SystemClock().now()
    candidate = Candidate("fal:a/b", "a/b", "fal", "b", "a", Payload({}), FREE, 1.0)
    job = Job(name, "queued", VideoRequest(), "text_to_video", "general", (candidate,), now, now, driver=driver)
    await store.create(job, request_key=None, fingerprint="f", day_start=now, day_budget=None)


async def started(runner: NotingRunner, count: int) -> list[str]:
    return sorted([await runner.began.get() for _ in range(count)])


async def test_only_the_open_jobs_of_the_dead_are_adopted(fleet: Fleet, store: Store, runner: NotingRunner) -> None:
    living, me = await fleet.join("living"), await fleet.join("me")
    for name, driver in (("a", "dead"), ("b", "dead"), ("c", "living"), ("d", "me"), ("e", "dead"), ("f", "other")):
        await create(store, name, driver)
    await store.update_job("e", now=SystemClock().now(), status="failed")
    assert await me.adopt() == 3
    assert await started(runner, 3) == ["a", "b", "f"]
    drivers = {name: (await store.get(name)).driver for name in "abcdef"}
    assert drivers == {"a": "me", "b": "me", "c": "living", "d": "me", "e": "dead", "f": "me"}
    assert await me.adopt() == 0
    await me.close()
    await living.close()


async def test_of_two_who_adopt_at_once_one_gets_each_job(fleet: Fleet, store: Store, runner: NotingRunner) -> None:
    engines = [await fleet.join(f"n{number}") for number in range(4)]
    for number in range(6):
        await create(store, str(number), "dead")
    adopted = await asyncio.gather(*(one.adopt() for one in engines))
    for one in engines:
        await one.adopt()
    assert sum(adopted) <= 6
    assert await started(runner, 6) == [str(number) for number in range(6)]
    for one in engines:
        await one.close()


async def test_a_job_is_driven_once_however_often_it_is_started(fleet: Fleet, runner: NotingRunner) -> None:
    one = await fleet.join("one")
    one.start("a")
    one.start("a")
    assert await started(runner, 1) == ["a"]
    await one.close()
    assert (runner.driven, runner.cancelled) == (["a"], ["a"])


async def test_a_job_that_was_driven_to_its_end_can_be_started_again(fleet: Fleet, runner: NotingRunner) -> None:
    runner.let_go.set()
    one = await fleet.join("one")
    one.start("a")
    await started(runner, 1)
    if left := [task for task in asyncio.all_tasks() if task.get_name() == "job-a"]:
        await asyncio.wait(left)
    one.start("a")
    assert await started(runner, 1) == ["a"]
    await one.close()


async def test_a_running_process_adopts_within_a_second(fleet: Fleet, store: Store, runner: NotingRunner) -> None:
    clock = ClockOnHold()
    me = await fleet.join("me", clock)
    me.watch()
    me.watch()
    assert await clock.pauses.get() == ADOPTION_SECONDS <= 1
    await create(store, "a", "dead")
    assert runner.driven == []
    clock.go_on.release()
    assert await started(runner, 1) == ["a"]
    assert await clock.pauses.get() == ADOPTION_SECONDS, "it keeps looking"
    assert clock.pauses.empty(), "watching twice looks once"
    await me.close()
    assert (await store.get("a")).driver == ""


async def test_a_database_that_is_gone_for_a_moment_does_not_end_the_looking(
    fleet: Fleet, store: Store, runner: NotingRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ClockOnHold()
    me = await fleet.join("me", clock)

    async def gone(_driver: str) -> News:
        raise OperationalError("select", {}, OSError("disk I/O error"))

    me.watch()
    await clock.pauses.get()
    await create(store, "a", "dead")
    with monkeypatch.context() as trouble:
        trouble.setattr(store, "news", gone)
        clock.go_on.release()
        await clock.pauses.get()
    assert runner.driven == []
    clock.go_on.release()
    assert await started(runner, 1) == ["a"]
    await me.close()


async def test_what_is_handed_over_counts_no_crash(fleet: Fleet, store: Store, runner: NotingRunner) -> None:
    await create(store, "a", "")
    await create(store, "b", "dead")
    for number in range(MOST_CRASHES + 2):
        one = await fleet.join(f"n{number}")
        for name in ("a", "b"):
            await store.update_job(name, now=SystemClock().now(), risk="media")
        assert await one.adopt() == 2
        assert await started(runner, 2) == ["a", "b"]
        await one.close()
    assert ((await store.get("a")).crashes, (await store.get("b")).crashes) == (0, 1)
    assert runner.abandoned == []


async def test_a_job_that_too_many_drivers_died_of_is_not_driven_again(
    fleet: Fleet, store: Store, runner: NotingRunner
) -> None:
    me = await fleet.join("me")
    await create(store, "a", "dead-0")
    for number in range(1, MOST_CRASHES + 1):
        await store.update_job("a", now=SystemClock().now(), risk="media")
        if number == MOST_CRASHES:
            break
        assert await store.take_over("a", old=f"dead-{number - 1}", new=f"dead-{number}") == number
        assert await store.take_over("a", old=f"dead-{number - 1}", new="slower") is None, "somebody else was quicker"
    assert await me.adopt() == 1
    assert (runner.driven, runner.abandoned) == ([], [("a", MOST_CRASHES)])
    await me.close()
