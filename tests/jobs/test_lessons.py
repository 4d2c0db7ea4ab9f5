"""What is learned from attempts: cool-offs that end, trust that comes back, and outcomes read from the database."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import get_args

import anyio
import pytest
from tests.conftest import OpenService
from tests.selection.cases import gateways_with
from tests.standins.fal import FalStandIn
from tests.standins.schemas import endpoints

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.errors import ErrorCode, StoreError
from videogen_mcp.jobs.clock import SystemClock
from videogen_mcp.jobs.job import EndedAttempt, Job
from videogen_mcp.jobs.lessons import (
    COOL_OFF_SECONDS,
    FRESH_SECONDS,
    ITS_OWN_FAULT,
    MOST_ATTEMPTS,
    REFUSED,
    REMEMBERED,
    Lessons,
)
from videogen_mcp.jobs.location import Location
from videogen_mcp.jobs.store import Store
from videogen_mcp.selection.eligibility import GatewayState
from videogen_mcp.selection.experience import NO_EXPERIENCE
from videogen_mcp.selection.profiles import weights
from videogen_mcp.service import VideoService
from videogen_mcp.types import AttemptStatus, VideoRequest

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
WAN = "fal:fal-ai/wan/v2.7/text-to-video"
STATES = gateways_with(("fal", "heygen"))


class SetClock(SystemClock):
    """A clock that stands where the test puts it."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        return self.ahead


@pytest.fixture(name="clock")
def clock_fixture() -> SetClock:
    return SetClock()


@pytest.fixture(name="lessons")
def lessons_fixture(clock: SetClock) -> Lessons:
    return Lessons(clock)


def fal(lessons: Lessons) -> GatewayState:
    return lessons.applied_to(STATES)["fal"]


# Gateways.


@pytest.mark.parametrize("code", COOL_OFF_SECONDS)
def test_a_refused_key_or_account_is_left_alone_for_a_while(lessons: Lessons, clock: SetClock, code: ErrorCode) -> None:
    lessons.failed("fal", code)
    assert fal(lessons).cool_off == REFUSED[code]
    assert lessons.applied_to(STATES)["heygen"] == STATES["heygen"]
    clock.ahead = COOL_OFF_SECONDS[code] - 0.1
    assert fal(lessons).cool_off == REFUSED[code]
    clock.ahead = COOL_OFF_SECONDS[code]
    assert fal(lessons) == STATES["fal"]


def test_a_refused_account_is_asked_again_sooner_than_a_refused_key() -> None:
    assert COOL_OFF_SECONDS.keys() == REFUSED.keys()
    assert COOL_OFF_SECONDS["insufficient_credit"] < COOL_OFF_SECONDS["unauthorized"]


def test_a_second_refusal_starts_the_cool_off_anew(lessons: Lessons, clock: SetClock) -> None:
    lessons.failed("fal", "insufficient_credit")
    clock.ahead = 50
    lessons.failed("fal", "insufficient_credit")
    clock.ahead = 100
    assert fal(lessons).cool_off


@pytest.mark.parametrize(("seconds", "health"), [(0, 0.5), (300, 0.75), (600, 0.875), (3000, 1.0)])
def test_an_unreachable_gateway_is_trusted_again_by_and_by(
    lessons: Lessons, clock: SetClock, seconds: float, health: float
) -> None:
    lessons.failed("fal", "gateway_unavailable")
    clock.ahead = seconds
    assert fal(lessons).health == pytest.approx(health)
    assert fal(lessons).cool_off == "", "it may be back any moment: it is not left out"


@pytest.mark.parametrize("code", ["unauthorized", "insufficient_credit", "gateway_unavailable"])
def test_a_submit_that_is_taken_ends_the_trouble(lessons: Lessons, code: ErrorCode) -> None:
    lessons.failed("fal", code)
    assert fal(lessons) != STATES["fal"]
    lessons.answered("heygen")
    assert fal(lessons) != STATES["fal"]
    lessons.answered("fal")
    assert lessons.applied_to(STATES) == STATES


@pytest.mark.parametrize(
    "code", sorted({*get_args(ErrorCode)} - {"unauthorized", "insufficient_credit", "gateway_unavailable"})
)
def test_other_failures_say_nothing_of_the_gateway(lessons: Lessons, code: ErrorCode) -> None:
    lessons.failed("fal", code)
    assert lessons.applied_to(STATES) == STATES


# Endpoints.


def attempt(
    status: AttemptStatus, code: ErrorCode | None = None, *, days: float = 0.0, seconds: float | None = None
) -> EndedAttempt:
    ended = NOW - timedelta(days=days)
    return EndedAttempt(WAN, status, code, None if seconds is None else ended - timedelta(seconds=seconds), ended)


def test_outcomes_are_learned_with_their_age_and_time(lessons: Lessons) -> None:
    lessons.learn([attempt("succeeded", seconds=40), attempt("failed", "generation_failed", days=14, seconds=5)])
    assert lessons.experience.attempts(WAN) == pytest.approx(1.5)
    assert lessons.experience.success(WAN, "live") == pytest.approx(10.5 / 11.5)
    # Three parts of what is expected and one of what was measured: the failure's five seconds do not count.
    assert lessons.experience.seconds(WAN, 640) == pytest.approx(320)


def test_an_attempt_without_a_submit_time_teaches_no_time(lessons: Lessons) -> None:
    lessons.learn([attempt("succeeded")])
    assert lessons.experience.attempts(WAN) == 1
    assert lessons.experience.seconds(WAN, 120) == pytest.approx(120)


@pytest.mark.parametrize("code", sorted(ITS_OWN_FAULT))
def test_the_endpoints_own_failures_teach(lessons: Lessons, code: ErrorCode) -> None:
    lessons.learn([attempt("failed", code)])
    assert lessons.experience.success(WAN, "live") < 0.95


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("failed", "content_policy"),
        ("failed", "invalid_request"),
        ("failed", "unsafe_media"),
        ("failed", "insufficient_credit"),
        ("failed", "unauthorized"),
        ("failed", None),
        ("cancelled", "generation_failed"),
        ("uncertain", "submit_uncertain"),
    ],
)
def test_what_is_the_callers_own_matter_teaches_nothing(
    lessons: Lessons, status: AttemptStatus, code: ErrorCode | None
) -> None:
    lessons.learn([attempt(status, code)])
    assert lessons.experience.attempts(WAN) == 0


def test_what_is_learned_anew_replaces_what_was(lessons: Lessons) -> None:
    lessons.learn([attempt("failed", "timed_out")])
    lessons.learn([])
    assert lessons.experience.attempts(WAN) == 0


# Reading.


async def test_without_a_database_nothing_is_read_and_nothing_is_made(lessons: Lessons, tmp_path: Path) -> None:
    await lessons.read(None, Location(tmp_path / "jobs.sqlite3"))
    assert lessons.experience is NO_EXPERIENCE
    assert [path async for path in anyio.Path(tmp_path).iterdir()] == []


async def test_a_file_that_cannot_be_used_is_told(lessons: Lessons, tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite3").write_bytes(b"no database at all, and long enough to be looked at" * 100)
    with pytest.raises(StoreError):
        await lessons.read(None, Location(tmp_path / "jobs.sqlite3"))


class CountingStore(Store):
    """The real store on its real file; counts how often attempts are read, and notes since when."""

    reads: list[datetime]

    async def ended_attempts(self, since: datetime, *, most: int) -> list[EndedAttempt]:
        assert most == MOST_ATTEMPTS
        self.reads.append(since)
        return await super().ended_attempts(since, most=most)


async def test_the_database_is_read_again_after_a_minute_only(
    lessons: Lessons, clock: SetClock, tmp_path: Path
) -> None:
    store = await CountingStore.open_file(tmp_path / "jobs.sqlite3")
    store.reads = []
    try:
        for ahead, reads in ((0, 1), (1, 1), (FRESH_SECONDS, 1), (FRESH_SECONDS + 1, 2), (FRESH_SECONDS + 2, 2)):
            clock.ahead = ahead
            await lessons.read(store, Location(tmp_path / "jobs.sqlite3"))
            assert len(store.reads) == reads, ahead
        assert store.reads[0] == NOW - REMEMBERED
    finally:
        await store.close()


# From one job to the next, through the service.


UNSPOKEN = tuple(one.key for one in load_catalogue().endpoints if one.gateway == "fal" and one.id not in endpoints())
"""What the stand-in has no schema of, so that a free choice falls on what it can answer."""

FREE = VideoRequest(prompt="A fox runs over snow", duration=2, exclude=UNSPOKEN)


async def ended(service: VideoService, request: VideoRequest) -> Job:
    job = await service.wait((await service.generate(request)).id, 20)
    assert job.ended, job.message
    return job


async def test_failed_jobs_put_another_endpoint_before_it_also_in_the_next_process(
    standin: FalStandIn, open_service: OpenService, fal_environment: dict[str, str]
) -> None:
    service = open_service(fal_environment)
    # Three failures move the expectation from 0.95 to 9.5 / 13, and reliability by twice that.
    lost = 2 * (0.95 - 9.5 / 13) * weights("balanced", "general")["reliability"]
    ranking = service.plan(FREE).candidates
    failing, close = next((one, two) for one, two in pairwise(ranking) if one.score - two.score < lost)
    standin.fault("complete_with_error", failing.endpoint_id, times=3, error="boom", error_type="e", status=500)
    for _ in range(3):
        job = await ended(service, FREE.model_copy(update={"endpoint": failing.endpoint, "allow_fallback": False}))
        assert (job.status, job.error and job.error.code) == ("failed", "generation_failed")
    await service.close()
    later = open_service(fal_environment)
    assert later.plan(FREE).candidates == ranking, "nothing is read yet"
    await later.learn()
    after = {one.endpoint: one for one in later.plan(FREE).candidates}
    assert list(after).index(failing.endpoint) > list(after).index(close.endpoint)
    assert failing.score - after[failing.endpoint].score == pytest.approx(lost, abs=2e-4)
    assert after[failing.endpoint].reasons[-1] == "73% expected to succeed, about 120 s, from earlier jobs here"
    assert after[close.endpoint] == close


async def test_an_empty_account_cools_the_gateway_off_until_a_submit_is_taken(
    standin: FalStandIn, open_service: OpenService, fal_environment: dict[str, str]
) -> None:
    service = open_service(fal_environment)
    standin.fault("submit_status", status=403, body={"detail": "User is locked. Reason: Exhausted balance."})
    job = await ended(service, FREE)
    assert (job.error and job.error.code, len(job.attempts)) == ("insufficient_credit", 1)
    assert service.gateway_states["fal"].cool_off == REFUSED["insufficient_credit"]
    # Nothing else has a key here: it is tried all the same, and the account was topped up.
    job = await ended(service, FREE)
    assert job.status == "completed"
    assert "Gateway fal has no credit left; it is tried all the same." in job.warnings
    assert service.gateway_states["fal"].cool_off == ""
    assert open_service(fal_environment).gateway_states["fal"].cool_off == ""


async def test_a_refused_key_is_remembered_by_this_process_only(
    standin: FalStandIn, open_service: OpenService, fal_environment: dict[str, str]
) -> None:
    environment = fal_environment | {"FAL_KEY": "wrong-key-of-the-tests"}
    service = open_service(environment)
    job = await ended(service, FREE)
    assert job.error is not None
    assert job.error.code == "unauthorized"
    assert len(standin.submits) == 1
    assert service.plan(FREE).warnings[0] == "Gateway fal refused its key a moment ago; it is tried all the same."
    assert open_service(environment).gateway_states["fal"].cool_off == ""
