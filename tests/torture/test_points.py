"""A server killed at every named point of an attempt's life, and the server after it."""

import asyncio
import contextlib
import os
import signal
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.standins.fal import FalStandIn
from tests.standins.schemas import endpoints
from tests.support import with_fal
from tests.torture.conftest import NewDatabase
from tests.torture.driver import OTHER_POINTS, POINT, POINTS
from tests.torture.ledger import OPEN, Job, asked, files_of, has_its_file
from tests.torture.processes import Nursery, ServerDied, ServerProcess

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.jobs.engine import MOST_CRASHES

LEASH_SECONDS = 240.0
LOOKS = 40
UNSPOKEN = [one.key for one in load_catalogue().endpoints if one.gateway == "fal" and one.id not in endpoints()]
"""What the stand-in has no schema of, so that a free choice falls on what it can answer."""


@dataclass(frozen=True)
class Case:
    """Where one process after the other dies, and what must be true once one more has done its work.

    Attributes:
        deaths: The point for each process that dies.
        submits: How many submits the gateway counts.
        status: How the job ends.
        is_listed: Whether the gateway lists what it took, so that a lost answer can be found again.
        fault: What the gateway does wrong, if anything.
        polls: How many looks see the generation running before it is complete.
    """

    deaths: tuple[str, ...]
    submits: int = 1
    status: str = "completed"
    is_listed: bool = True
    fault: Mapping[str, Any] | None = None
    polls: int = 1

    def __str__(self) -> str:
        return ", then ".join(self.deaths) + ("" if self.is_listed else ", not listed")


REFUSAL: Mapping[str, Any] = {"kind": "submit_status", "status": 422, "body": {"detail": "no"}}

CASES = (
    Case(("job stored",)),
    Case(("before the attempt is stored",)),
    Case(("attempt stored",), submits=0, status="uncertain"),
    Case(("submit sent",)),
    Case(("submit sent",), status="uncertain", is_listed=False),
    Case(("answer read",)),
    Case(("answer read",), status="uncertain", is_listed=False),
    Case(("refusal read",), status="uncertain", fault=REFUSAL),
    Case(("refusal stored",), submits=2, fault=REFUSAL),
    Case(("submitted stored",)),
    Case(("polling",)),
    Case(("end seen",)),
    Case(("succeeded stored",)),
    Case(("half of the file",)),
    Case(("file in place",)),
    Case(("clip looked at",)),
    Case(("completed",)),
    Case(("submitted stored", "taken over")),
    Case(("half of the file", "half of the file")),
    Case(("long polling",) * (MOST_CRASHES + 1), polls=3 * (MOST_CRASHES + 2)),
    Case(("answer read", "loss stored")),
    Case(("answer read", "found again")),
    Case(("answer read", "uncertain stored"), status="uncertain", is_listed=False),
    Case(("attempt stored", "uncertain stored"), submits=0, status="uncertain"),
)


def test_every_point_has_a_case() -> None:
    assert {point for case in CASES for point in case.deaths} == {*POINTS, *OTHER_POINTS}


@dataclass(frozen=True)
class Outcome:
    """What one case came to.

    Attributes:
        ends: How the processes that were to die ended.
        ids: The jobs that the processes gave for the one key.
        job: The job as the last process tells it.
        submits: Submits by endpoint.
        accepted: The gateway's ids of what it took.
        files: What lies in the videos folder.
        violations: What the gateway complains of.
    """

    ends: tuple[int, ...]
    ids: set[str]
    job: Job
    submits: Counter[str]
    accepted: list[str]
    files: set[str]
    violations: list[str]


def request_of(case: Case) -> dict[str, Any]:
    request = asked("A fox runs over snow")
    if case.fault is not None:  # another endpoint must be there to go on with
        del request["endpoint"]
        request["exclude"] = UNSPOKEN
    return request


async def asked_until_death(server: ServerProcess, case: Case) -> set[str]:
    """Ask a server that is to die for the job; the job's id, if it lived long enough to tell it."""
    try:
        await server.shake_hands()
        return {(await server.call("video_selector", **request_of(case)))["job_id"]}
    except ServerDied:
        return set()


async def brought_to_an_end(server: ServerProcess, case: Case) -> Job:
    """The job's end, or its state after a time in which it should have ended."""
    await server.shake_hands()
    job = await server.call("video_selector", **request_of(case))
    for _ in range(LOOKS):
        if job["status"] not in OPEN and job["status"] in {case.status, "failed"}:
            break
        job = await server.call("video_job_status", job_id=job["job_id"], wait_seconds=0.5)
    return job


async def play(case: Case, nursery: Nursery, folder: Path, database: Mapping[str, str]) -> Outcome:
    with FalStandIn() as standin:
        standin.history.lists_running = case.is_listed
        standin.plan(polls_running=case.polls)
        if case.fault is not None:
            standin.fault(**case.fault)
        environment = with_fal(standin, folder / "home", **database)
        ids: set[str] = set()
        ends: list[int] = []
        for point in case.deaths:
            async with ServerProcess.running(nursery, {**environment, POINT: point}, folder / "log") as server:
                ids |= await asked_until_death(server, case)
                with contextlib.suppress(TimeoutError):
                    ends.append(await server.ended())
        async with ServerProcess.running(nursery, environment, folder / "log") as last:
            job = await brought_to_an_end(last, case)
        return Outcome(
            ends=tuple(ends),
            ids={*ids, job["job_id"]},
            job=job,
            submits=Counter(request.path[1:] for request in standin.submits),
            accepted=standin.accepted,
            files={str(path) for path in (folder / "home" / "videos").glob("*")},
            violations=standin.violations,
        )


async def play_all(nursery: Nursery, folder: Path, new_database: NewDatabase) -> dict[str, Outcome]:
    """Play all cases, some at once: most of the time goes into waiting."""
    places = asyncio.Semaphore(2 * (os.cpu_count() or 1))

    async def play_one(number: int, case: Case) -> Outcome:
        async with places:
            home = folder / str(number)
            home.mkdir()
            return await play(case, nursery, home, new_database())

    async with asyncio.timeout(LEASH_SECONDS):
        outcomes = await asyncio.gather(*(play_one(number, case) for number, case in enumerate(CASES)))
    return {str(case): outcome for case, outcome in zip(CASES, outcomes, strict=True)}


@pytest.fixture(name="outcomes", scope="module")
def outcomes_fixture(
    tmp_path_factory: pytest.TempPathFactory, nursery: Nursery, new_database: NewDatabase
) -> Mapping[str, Outcome]:
    return asyncio.run(play_all(nursery, tmp_path_factory.mktemp("points"), new_database))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_server_killed_at_a_point_is_followed_by_one_that_finishes(
    case: Case, outcomes: Mapping[str, Outcome]
) -> None:
    outcome = outcomes[str(case)]
    job = outcome.job
    assert outcome.ends == (-signal.SIGKILL,) * len(case.deaths), "a process did not reach its point"
    assert len(outcome.ids) == 1
    assert job["status"] == case.status, job
    assert outcome.submits.total() == case.submits
    assert set(outcome.submits.values()) <= {1}, "an attempt was submitted twice"
    assert len(job["attempts"]) == max(1, case.submits)
    known = {attempt["operation_id"] for attempt in job["attempts"]}
    assert case.status == "uncertain" or set(outcome.accepted) <= known, "the gateway makes what no job knows of"
    finished = [job] if case.status == "completed" else []
    assert all(has_its_file(one) for one in finished)
    assert outcome.files == files_of(finished), "a dead process left something in the videos folder"
    assert outcome.violations == []
