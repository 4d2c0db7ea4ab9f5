"""Servers killed at random moments while jobs run, and several servers on one home: the account at the end."""

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from random import Random

import pytest
from tests.standins.fal import FalStandIn
from tests.support import slowness, with_fal
from tests.torture.conftest import LEASE_SECONDS, NewDatabase
from tests.torture.ledger import Job, Ledger, asked, settled
from tests.torture.processes import Fleet, Nursery, ServerProcess, jobs_in_doubt

pytestmark = pytest.mark.alone

SLOWEST_ANSWER_SECONDS = 0.1
"""Submits are answered within this: a real gateway takes as long, and a process may die meanwhile."""


@dataclass(frozen=True)
class Round:
    """What is done to the servers.

    Attributes:
        servers: How many run at once on one home.
        clients: How many callers ask for one job after the other.
        jobs: How many jobs are asked for; None: as many as there is time for.
        kills: How many servers are killed; None: as many as there is time for.
        pauses: The shortest and the longest time between two kills, in seconds.
        stops: How many servers are paused, one after the other, before anything is killed.
        stop_seconds: For how long.
        leash_seconds: When the round is given up, in seconds.
        is_listed: Whether the gateway lists what it took, so that a lost answer can be found again.
        settling_seconds: How long the last server may take to bring everything to an end, in seconds.
    """

    servers: int
    clients: int
    jobs: int | None
    kills: int | None
    pauses: tuple[float, float]
    leash_seconds: float
    is_listed: bool = True
    settling_seconds: float = 60.0
    stops: int = 0
    stop_seconds: float = 0.0


@dataclass
class Play:
    """A round on its way.

    Attributes:
        fleet: The servers.
        names: Under which name each job was asked for, by its id.
        numbers: The numbers of the jobs still to be asked for.
        is_over: Set when no more jobs are to be asked for, and no more servers killed.
    """

    fleet: Fleet
    names: dict[str, str] = field(default_factory=dict[str, str])
    numbers: "count[int]" = field(default_factory=lambda: count(1))
    is_over: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, jobs: int | None) -> None:
        """Ask for one job after the other and wait for the end of each, whichever server it may be that answers."""
        while not self.is_over.is_set():
            number = next(self.numbers)
            if jobs is not None and number > jobs:
                return
            name = f"Kite number {number}"
            job = await self.fleet.call("video_selector", **asked(name))
            self.names[job["job_id"]] = name
            while job["status"] in {"queued", "working"}:
                job = await self.fleet.call("video_job_status", job_id=job["job_id"], wait_seconds=5)

    async def trouble(self, plan: Round, random: Random) -> None:
        """Pause servers, and kill servers, as the plan says."""
        for _ in range(plan.stops):
            await self.fleet.pause_one(plan.stop_seconds)
        await self.kill(plan.kills, plan.pauses, random)

    async def kill(self, kills: int | None, pauses: tuple[float, float], random: Random) -> None:
        """Kill one server after the other, with real time in between: the moments are what this is about."""
        while not self.is_over.is_set() and len(self.fleet.killed) != kills:
            await self.fleet.one_ready()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(random.uniform(*pauses)):
                    await self.is_over.wait()
                    return
            await self.fleet.kill_one()


async def play(
    plan: Round, random: Random, nursery: Nursery, environment: Mapping[str, str], folder: Path
) -> tuple[list[Job], Play]:
    async with Fleet(nursery, environment, folder, plan.servers, random) as fleet:
        running = Play(fleet)
        async with asyncio.TaskGroup() as group:
            killing = group.create_task(running.trouble(plan, random))
            asking = [group.create_task(running.ask(plan.jobs)) for _ in range(plan.clients)]
            await asyncio.wait(asking if plan.kills is None else [killing])
            running.is_over.set()
    # All servers are dead now. What they left is one more's to bring to an end.
    async with ServerProcess.running(nursery, environment, folder / "log") as last:
        await last.shake_hands()
        return await settled(last, plan.settling_seconds), running


@asynccontextmanager
async def slow_answers(standin: FalStandIn) -> AsyncGenerator[None]:
    """Let the gateway take its time to answer each submit."""
    standin.fault("submit_slow", times=1_000_000)

    async def answer_now_and_then() -> None:
        while True:
            await asyncio.sleep(SLOWEST_ANSWER_SECONDS)
            standin.release()

    answering = asyncio.create_task(answer_now_and_then())
    try:
        yield
    finally:
        answering.cancel()


async def account(plan: Round, nursery: Nursery, database: Mapping[str, str], folder: Path) -> tuple[Ledger, str]:
    """Play a round; the account at the end, and the counts in a line."""
    slow = slowness()  # servers need longer to come up there, and must come up now and then
    plan = replace(
        plan,
        pauses=(plan.pauses[0] * slow, plan.pauses[1] * slow),
        leash_seconds=plan.leash_seconds * slow,
        settling_seconds=plan.settling_seconds * slow,
    )
    seed = int(os.environ.get("TORTURE_SEED") or secrets.randbits(32))
    began = time.monotonic()
    with FalStandIn() as standin:
        standin.history.lists_running = plan.is_listed
        environment = with_fal(standin, folder / "home", **database)
        async with asyncio.timeout(plan.leash_seconds), slow_answers(standin):
            jobs, done = await play(plan, Random(seed), nursery, environment, folder)  # noqa: S311 -- guards nothing
        ledger = Ledger.of(standin, jobs, done.names, jobs_in_doubt(folder / "journal"), folder / "home" / "videos")
        assert standin.violations == []
    fleet, seconds = done.fleet, time.monotonic() - began
    line = (
        f"{plan.servers} servers, {len(fleet.paused)} pauses, {len(fleet.killed)} kills, seed {seed}, {seconds:.0f} s"
    )
    return ledger, f"{line}: {ledger}"


RANDOM_MOMENTS = (
    pytest.param(Round(2, 6, None, 12, (0.05, 2.0), leash_seconds=120), id="12"),
    pytest.param(Round(2, 6, None, 200, (0.05, 2.0), leash_seconds=1200), id="200", marks=pytest.mark.torture),
    pytest.param(
        Round(2, 6, None, 50, (0.05, 2.0), leash_seconds=600, is_listed=False),
        id="50-not-listed",
        marks=pytest.mark.torture,
    ),
)
SEVERAL_SERVERS = (
    pytest.param(Round(2, 8, 40, None, (1.2, 1.2), leash_seconds=120), id="2-servers-40-jobs"),
    pytest.param(Round(4, 8, 20, None, (0.7, 0.7), leash_seconds=120), id="4-servers-20-jobs"),
    pytest.param(
        Round(2, 8, 200, None, (3.0, 3.0), leash_seconds=600), id="2-servers-200-jobs", marks=pytest.mark.torture
    ),
    pytest.param(
        Round(4, 8, 200, None, (3.0, 3.0), leash_seconds=600), id="4-servers-200-jobs", marks=pytest.mark.torture
    ),
)


@pytest.mark.parametrize("plan", [*RANDOM_MOMENTS, *SEVERAL_SERVERS])
def test_no_kill_loses_a_job_or_pays_for_one_twice(
    plan: Round, nursery: Nursery, new_database: NewDatabase, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger, line = asyncio.run(account(plan, nursery, new_database(), tmp_path))
    with capsys.disabled():
        print(f"\n{line}")  # noqa: T201 -- the counts are what the round is for
    assert ledger.faults() == {}, line
    assert ledger.submits <= ledger.jobs
    assert ledger.completed + ledger.uncertain == ledger.jobs
    assert plan.jobs in {None, ledger.jobs}


PAUSES = (
    pytest.param(Round(2, 6, None, 2, (0.5, 0.5), 120, stops=3, stop_seconds=3 * LEASE_SECONDS), id="3-pauses"),
    pytest.param(
        Round(2, 6, None, 5, (3.0, 3.0), 600, stops=3, stop_seconds=60),
        id="3-pauses-of-a-minute",
        marks=pytest.mark.torture,
    ),
)


@pytest.mark.parametrize("plan", PAUSES)
def test_a_server_that_sleeps_while_others_take_its_jobs_pays_for_none_twice(
    plan: Round, nursery: Nursery, on_postgres: NewDatabase, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger, line = asyncio.run(account(plan, nursery, on_postgres(), tmp_path))
    with capsys.disabled():
        print(f"\n{line}")  # noqa: T201 -- the counts are what the round is for
    faults = ledger.faults()
    # What a sleeper had not sent when its job was given up is not sent at all: such a job fails, and costs nothing.
    assert faults.pop("failed", 0) <= ledger.jobs - ledger.submits, line
    assert faults == {}, line
    assert ledger.submits <= ledger.jobs
