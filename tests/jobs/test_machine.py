"""The job machine against a simple reference: whatever is answered, in whatever order, with deaths in between."""

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Coroutine
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.jobs.reference import ATTEMPT_MOVES, DEADLINE, FETCHES, GONE_AFTER, JOB_MOVES, Expected
from tests.jobs.world import LEASH_SECONDS, START, World

from videogen_mcp.catalogue.encode import Payload
from videogen_mcp.catalogue.pricing import Cost
from videogen_mcp.errors import (
    DownloadFailed,
    InvalidRequest,
    NotSent,
    OperationGone,
    PollTrouble,
    SubmitRefused,
    SubmitUncertain,
)
from videogen_mcp.gateways.base import Failed, Finished, Pending
from videogen_mcp.jobs.job import Job
from videogen_mcp.jobs.store import Store
from videogen_mcp.selection.scoring import Candidate
from videogen_mcp.types import Video, VideoRequest

MOST_JOBS = 3
FRAME = "https://files.example/fox.png"
LONG = 7 * 3600.0
CLIP = Video(
    path="a.mp4",
    resource_uri="videogen://videos/a",
    mime_type="video/mp4",
    size_bytes=1,
    sha256="0",
    width=2,
    height=2,
    duration_seconds=1,
    fps=24,
    has_audio=False,
    url=None,
    poster_path=None,
    contact_sheet_path=None,
)
LOG_MOVES = """
CREATE TABLE moves (of_what TEXT, before TEXT, after TEXT);
CREATE TRIGGER job_moves AFTER UPDATE OF status ON jobs WHEN old.status <> new.status
  BEGIN INSERT INTO moves VALUES ('job', old.status, new.status); END;
CREATE TRIGGER attempt_moves AFTER UPDATE OF status ON attempts WHEN old.status <> new.status
  BEGIN INSERT INTO moves VALUES ('attempt', old.status, new.status); END;
"""
"""The database itself takes note of every move, whoever makes it."""

which = st.integers(0, MOST_JOBS - 1)
price = st.one_of(st.none(), st.sampled_from(["0.10", "0.25", "1.00", "3.50"]).map(Decimal))
REFUSALS = ("invalid_request", "content_policy", "unauthorized", "insufficient_credit", "gateway_unavailable")
FAILURES = ("generation_failed", "content_policy", "insufficient_credit", "timed_out")


def candidate(endpoint: str, usd: Decimal | None) -> Candidate:
    gateway, _, endpoint_id = endpoint.partition(":")
    cost = Cost(usd, usd, "a basis", "high")
    return Candidate(endpoint, endpoint_id, gateway, "model", "maker", Payload({}), cost, 0.5)


class JobMachine(RuleBasedStateMachine):
    """Up to three jobs and one driver at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="videogen-machine-"))
        self.file = self.folder / "jobs.sqlite3"
        self.loop = asyncio.Runner()
        self.jobs: dict[str, Expected] = {}

    @initialize()
    def open(self) -> None:
        self.world = self.do(self._open)
        self.reader = sqlite3.connect(self.file)
        self.reader.executescript(LOG_MOVES)

    async def _open(self) -> World:
        return World(await Store.open_file(self.file))

    def do(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        async def on_a_leash() -> Any:
            async with asyncio.timeout(LEASH_SECONDS):
                return await work()

        return self.loop.run(on_a_leash())

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.reader.close()
            self.do(self.world.end)
        self.loop.close()
        shutil.rmtree(self.folder)

    @property
    def now(self) -> datetime:
        return self.world.clock.now()

    def at(self, stage: str) -> list[str]:
        return [job_id for job_id, job in self.jobs.items() if job.stage == stage]

    def given_up(self) -> list[str]:
        """Uncertain jobs that nobody is looking for: the engine does one thing at a time for each."""
        return [job_id for job_id, job in self.jobs.items() if job.status == "uncertain" and not job.stage]

    def answer(self, job_id: str, given: Any) -> None:
        self.do(lambda: self.world.answer(job_id, given))

    # What callers do.

    @precondition(lambda self: len(self.jobs) < MOST_JOBS)
    @rule(
        prices=st.lists(price, min_size=1, max_size=4),
        room=st.one_of(st.none(), st.sampled_from(["0", "0.10", "1.00", "9.00"]).map(Decimal)),
        fallback=st.sampled_from([True, True, True, False]),
        media=st.booleans(),
    )
    def create(self, prices: list[Decimal | None], room: Decimal | None, fallback: bool, media: bool) -> None:  # noqa: FBT001
        """What may be bought first is within the cap: selection sees to that; a price that is not known was pinned."""
        job_id = f"{len(self.jobs):032x}"
        listed = {f"{'one' if number % 2 else 'two'}:e{number}": usd for number, usd in enumerate(prices)}
        cap = None if room is None else (prices[0] or Decimal(0)) + room
        job = Job(
            id=job_id,
            status="queued",
            request=VideoRequest(prompt="a fox", allow_fallback=fallback, first_frame=FRAME if media else None),
            mode="text_to_video",
            intent="general",
            candidates=tuple(candidate(endpoint, usd) for endpoint, usd in listed.items()),
            created_at=self.now,
            updated_at=self.now,
            cap_usd=cap,
            driver=self.world.driver.name,
        )
        self.jobs[job_id] = Expected(listed, cap, fallback, media)
        self.do(lambda: self._start(job))

    async def _start(self, job: Job) -> None:
        await self.world.store.create(job, request_key=None, fingerprint="", day_start=START, day_budget=None)
        self.world.driver.start(job.id)
        await self.world.settle(job.id)

    @precondition(lambda self: any(not job.to_cancel for job in self.jobs.values()))
    @rule(pick=which)
    def cancel(self, pick: int) -> None:
        job_id = sorted(self.jobs)[pick % len(self.jobs)]
        self.do(lambda: self.world.store.request_cancel(job_id, now=self.now))
        self.world.driver.runner.poke(job_id)
        job = self.jobs[job_id]
        if job.status in {"completed", "failed", "cancelled", "uncertain"}:
            return
        job.to_cancel = True
        if all(one.status in {"failed", "cancelled"} for one in job.tries):
            job.status = "cancelled"  # its driver notices when the media are prepared

    @precondition(lambda self: self.given_up())
    @rule()
    def ask_after_a_lost_one(self) -> None:
        job_id = self.given_up()[0]
        self.world.clock.passed += 60
        self.jobs[job_id].stage = "find"
        self.do(lambda: self.world.look_up(job_id))

    # What the gateways and the disk answer.

    @precondition(lambda self: self.at("prepare"))
    @rule(pick=which, code=st.sampled_from([None, None, None, "invalid_request", "gateway_unavailable"]))
    def prepare(self, pick: int, code: str | None) -> None:
        job_id = self.at("prepare")[pick % len(self.at("prepare"))]
        job = self.jobs[job_id]
        if job.status == "cancelled":
            job.stage = ""
        else:
            job.begins(self.now)
            if code is not None:
                job.fails(code, free=True)
        troubles = {
            None: None,
            "invalid_request": InvalidRequest("a file is gone."),
            "gateway_unavailable": NotSent("no."),
        }
        self.answer(job_id, troubles[code])

    @precondition(lambda self: self.at("send"))
    @rule(pick=which, leaves=st.sampled_from([True, True, False]))
    def send(self, pick: int, leaves: bool) -> None:  # noqa: FBT001
        job_id = self.at("send")[pick % len(self.at("send"))]
        job = self.jobs[job_id]
        if leaves:
            job.stage = "answer"
        else:
            job.is_unsent(self.now)
        self.answer(job_id, None if leaves else "not sent")

    @precondition(lambda self: self.at("answer"))
    @rule(pick=which, what=st.sampled_from(["accepted", "accepted", "accepted", "lost", *REFUSALS]))
    def answer_the_submit(self, pick: int, what: Any) -> None:
        job_id = self.at("answer")[pick % len(self.at("answer"))]
        job = self.jobs[job_id]
        if what == "accepted":
            job.runs(self.now, self.now)
            self.answer(job_id, None)
        elif what == "lost":
            job.lost()
            self.answer(job_id, SubmitUncertain("the answer was lost."))
        else:
            job.fails(what, free=True)
            self.answer(job_id, SubmitRefused("no.", code=what))

    @precondition(lambda self: self.at("stop"))
    @rule(pick=which, what=st.sampled_from(["requested", "too_late", "unknown", "trouble"]))
    def stop_the_generation(self, pick: int, what: str) -> None:
        job_id = self.at("stop")[pick % len(self.at("stop"))]
        job = self.jobs[job_id]
        job.stop_told = what in {"requested", "too_late"}
        job.stage = "look"
        self.answer(job_id, PollTrouble("not now.") if what == "trouble" else what)

    @precondition(lambda self: self.at("look"))
    @rule(
        pick=which,
        what=st.sampled_from(["pending", "trouble", "gone", "gone", "finished", "finished", *FAILURES]),
        late=st.sampled_from([False, False, False, False, True]),
    )
    def look(self, pick: int, what: Any, late: bool) -> None:  # noqa: FBT001
        """The time until the answer may be long: who looks took note of the hour before that."""
        job_id = self.at("look")[pick % len(self.at("look"))]
        job, asked = self.jobs[job_id], self.world.asked[job_id]
        self.world.clock.passed += LONG if late else 0
        assert job.submitted is not None
        assert job.watched is not None
        job.gone += what == "gone"
        job.gone = 0 if what == "pending" else job.gone
        since = self.now - job.watched if what == "trouble" else asked.at - job.submitted
        if what == "finished":
            job.last.status, job.stage, job.fetches = "succeeded", "fetch", 0
        elif what in FAILURES:
            job.seen_failed(what)
        elif (what == "gone" and job.gone >= GONE_AFTER) or since > DEADLINE:
            job.seen_failed("timed_out")
        else:
            job.looks()
        match what:
            case "pending":
                given = Pending(0.5, "running")
            case "trouble":
                given = PollTrouble("not now.")
            case "gone":
                given = OperationGone("what?")
            case "finished":
                given = Finished(url="https://files.example/a.mp4")
            case _:
                given = Failed(what, "no clip.")
        self.answer(job_id, given)

    @precondition(lambda self: self.at("find"))
    @rule(pick=which, what=st.sampled_from(["found", "not listed", "trouble"]))
    def find(self, pick: int, what: str) -> None:
        job_id = self.at("find")[pick % len(self.at("find"))]
        job = self.jobs[job_id]
        if what == "found":
            job.runs(self.now, START)
            self.answer(job_id, True)  # noqa: FBT003
        else:
            job.ends("uncertain")
            self.answer(job_id, PollTrouble("not now.") if what == "trouble" else False)

    @precondition(lambda self: self.at("fetch"))
    @rule(pick=which, what=st.sampled_from(["fetched", "again", "never"]))
    def fetch(self, pick: int, what: str) -> None:
        job_id = self.at("fetch")[pick % len(self.at("fetch"))]
        job = self.jobs[job_id]
        job.fetches += 1
        if what == "fetched":
            job.ends("completed")
        elif what == "never" or job.fetches == FETCHES:
            job.ends("failed")
        self.answer(job_id, CLIP if what == "fetched" else DownloadFailed("no.", retryable=what == "again"))

    # What becomes of drivers.

    @precondition(lambda self: self.jobs)
    @rule()
    def kill(self) -> None:
        self.do(self.world.kill)
        self._taken_over(Expected.outlives)

    @precondition(lambda self: self.jobs and not self.at("send") and not self.at("answer"))
    @rule()
    def stop(self) -> None:
        self.do(self.world.stop)
        self._taken_over(Expected.taken_over)

    def _taken_over(self, how: Callable[[Expected, datetime], None]) -> None:
        for job in self.jobs.values():
            if job.status in {"queued", "working"}:
                how(job, self.now)
            else:
                job.stage = ""

    # What must hold after each of them.

    @invariant()
    def rows_are_as_expected(self) -> None:
        for job_id, expected in self.jobs.items():
            asked = self.world.asked.get(job_id)
            assert (asked.kind if asked else "") == expected.stage
            tries = self.rows(
                "SELECT endpoint, status, cost_usd FROM attempts WHERE job_id = ? ORDER BY number", job_id
            )
            assert tries == [(one.endpoint, one.status, millionths(one.cost)) for one in expected.tries]
            ((status, video, error),) = self.rows("SELECT status, video, error FROM jobs WHERE id = ?", job_id)
            assert status == expected.status
            assert (video != "null") == (status == "completed")
            assert (error != "null") == (status in {"failed", "uncertain"})

    @invariant()
    def no_attempt_is_sent_twice(self) -> None:
        for (job_id, endpoint_id), posts in self.world.posts.items() if self.jobs else ():
            tries = [one for one in self.jobs[job_id].tries if one.endpoint.endswith(f":{endpoint_id}")]
            assert posts <= len(tries)

    @invariant()
    def no_two_generations_of_a_job_may_be_running(self) -> None:
        for job in self.jobs.values():
            assert sum(one.status in {"submitting", "submitted", "uncertain", "succeeded"} for one in job.tries) <= 1

    @invariant()
    def caps_hold(self) -> None:
        for job_id, expected in self.jobs.items():
            ((committed,),) = self.rows("SELECT committed_usd FROM jobs WHERE id = ?", job_id)
            assert committed == millionths(expected.committed_as_far_as_known)
            assert expected.cap is None or expected.spent <= expected.cap

    @invariant()
    def every_move_was_legal(self) -> None:
        for of_what, before, after in self.rows("SELECT of_what, before, after FROM moves") if self.jobs else ():
            assert (before, after) in {"job": JOB_MOVES, "attempt": ATTEMPT_MOVES}[of_what]

    def rows(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        return self.reader.execute(query, values).fetchall()


def millionths(usd: Decimal | None) -> int | None:
    """Money as it stands in the file."""
    return None if usd is None else int(usd * 1_000_000)


JobMachine.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestJobMachine = JobMachine.TestCase
