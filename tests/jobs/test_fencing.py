"""A process that slept while others took its jobs over changes nothing, and nothing is sent twice."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import pytest_asyncio
from tests.conftest import OpenService
from tests.jobs.waiting import until
from tests.standins.fal import FalStandIn
from tests.standins.history import PATH
from tests.standins.schemas import endpoints

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.jobs.clock import SystemClock
from videogen_mcp.jobs.engine import ADOPTION_SECONDS
from videogen_mcp.jobs.job import Job, JobError, NoLongerDriver
from videogen_mcp.jobs.store import Store
from videogen_mcp.service import VideoService
from videogen_mcp.types import AttemptStatus, VideoRequest

UNSPOKEN = tuple(one.key for one in load_catalogue().endpoints if one.gateway == "fal" and one.id not in endpoints())
"""What the stand-in has no schema of, so that a free choice falls on what it can answer."""

WAN = "fal:fal-ai/wan/v2.7/text-to-video"
PINNED = VideoRequest(prompt="A fox runs over snow", endpoint=WAN, duration=2, resolution="720p")
FREE = VideoRequest(prompt="A fox runs over snow", duration=2, exclude=UNSPOKEN)
LOST = JobError("submit_uncertain", "Lost.")
OPERATION = {"request_id": "r"}


@dataclass
class Taken:
    """A job that `sleeper` drove until the attempt was written down, and that `adopter` drives since.

    Attributes:
        job_id: The job.
        anybody: The store of nobody in particular.
        sleeper: The store as the one uses it.
        adopter: The store as the other uses it.
    """

    job_id: str
    anybody: Store
    sleeper: Store
    adopter: Store

    async def give_up(self) -> None:
        """What an adopter does that cannot find the submit."""
        now = SystemClock().now()
        await self.adopter.update_attempt(self.job_id, 1, status="uncertain", error=LOST)
        await self.adopter.update_job(self.job_id, now=now, status="uncertain", error=LOST)

    async def job(self) -> Job:
        return await self.anybody.get(self.job_id)


@pytest_asyncio.fixture(name="taken")
async def taken_fixture(fal_service: VideoService) -> AsyncIterator[Taken]:
    plan = fal_service.plan(PINNED)
    now = SystemClock().now()
    job = Job("0" * 32, "queued", plan.request, plan.mode, plan.intent, plan.candidates, now, now, driver="sleeper")
    store = await fal_service.location.open()
    await store.create(job, request_key=None, fingerprint="f", day_start=now, day_budget=None)
    winner = plan.candidates[0]
    sleeper = store.driven_by("sleeper")
    attempt = await sleeper.begin_attempt(
        job.id,
        driver="sleeper",
        endpoint=winner.endpoint,
        body=winner.payload.body,
        cost_usd=winner.cost.estimated_usd,
        now=now,
    )
    assert attempt is not None
    assert await store.take_over(job.id, old="sleeper", new="adopter") == 0
    yield Taken(job.id, store, sleeper, store.driven_by("adopter"))
    await store.close()


@pytest.mark.parametrize("status", ["submitted", "succeeded", "failed", "cancelled"])
async def test_who_lost_a_job_moves_its_generation_on_no_more(taken: Taken, status: AttemptStatus) -> None:
    await taken.adopter.update_attempt(taken.job_id, 1, status="submitted", operation=OPERATION)
    before = await taken.job()
    with pytest.raises(NoLongerDriver):
        await taken.sleeper.update_attempt(taken.job_id, 1, status=status)
    assert await taken.job() == before


async def test_who_lost_a_job_moves_the_job_on_no_more(taken: Taken) -> None:
    before = await taken.job()
    now = SystemClock().now()
    with pytest.raises(NoLongerDriver):
        await taken.sleeper.update_job(taken.job_id, now=now, message="still here")
    with pytest.raises(NoLongerDriver):
        await taken.sleeper.update_job(taken.job_id, now=now, status="failed", error=LOST)
    with pytest.raises(NoLongerDriver):
        await taken.sleeper.update_attempt(taken.job_id, 1, status="uncertain", error=LOST)
    await taken.adopter.update_attempt(taken.job_id, 1, status="uncertain", error=LOST)
    assert not await taken.sleeper.found_again(taken.job_id, 1, operation=OPERATION, driver="sleeper", now=now)
    await taken.adopter.update_job(taken.job_id, now=now, message=before.message)
    after = await taken.job()
    assert (after.status, after.driver, after.message) == ("working", "adopter", before.message)


async def test_the_answer_of_who_lost_the_job_is_stored_for_the_one_who_has_it(taken: Taken) -> None:
    await taken.sleeper.update_attempt(taken.job_id, 1, status="submitted", operation=OPERATION)
    job = await taken.job()
    assert (job.status, job.driver, job.attempts[0].status) == ("working", "adopter", "submitted")
    await taken.give_up()
    assert await taken.job() == job, "an attempt that is answered does not become uncertain"


async def test_the_answer_after_the_job_was_given_up_starts_it_again(taken: Taken) -> None:
    await taken.give_up()
    await taken.sleeper.update_attempt(taken.job_id, 1, status="submitted", operation=OPERATION)
    job = await taken.job()
    (attempt,) = job.attempts
    assert (job.status, job.driver, job.error) == ("working", "", None), "whoever comes next takes it"
    assert (attempt.status, attempt.operation, attempt.error) == ("submitted", OPERATION, None)


async def test_a_refusal_after_the_job_was_given_up_starts_it_again_too(taken: Taken) -> None:
    await taken.give_up()
    refused = JobError("invalid_request", "No.")
    await taken.sleeper.update_attempt(taken.job_id, 1, status="failed", error=refused, costs={"cost_usd": None})
    job = await taken.job()
    assert (job.status, job.driver, job.attempts[0].status) == ("working", "", "failed")


class Sleep:
    """Holds a process where it has written an attempt down and has not sent it: that is where it is paused."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.began = asyncio.Event()
        self.over = asyncio.Event()
        begin = Store.begin_attempt

        async def begin_and_sleep(store: Store, job_id: str, **named: object) -> object:
            attempt = await begin(store, job_id, **named)  # pyright: ignore[reportArgumentType]
            if not self.began.is_set():
                self.began.set()
                await self.over.wait()
            return attempt

        monkeypatch.setattr(Store, "begin_attempt", begin_and_sleep)


class ClockOfTheSleeper(SystemClock):
    """A clock by which it is never time to look for the jobs of dead processes: one that sleeps does not."""

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        await super().wait(event, 3600 if seconds == ADOPTION_SECONDS else seconds)


@asynccontextmanager
async def taken_while_asleep(other: VideoService, request: VideoRequest, sleep: Sleep) -> AsyncGenerator[Job]:
    """A job whose process sleeps before the submit; another one adopts it as that of a dead process."""
    async with VideoService(other.settings, clock=ClockOfTheSleeper()) as sleeper:
        job = await sleeper.generate(request)
        await sleep.began.wait()
        store = await sleeper.location.open()
        try:
            # What the end of a session, or of a lock's holder, leads to: nobody vouches for the driver any more.
            assert await store.take_over(job.id, old=job.driver, new="a-process-that-died") == 0
            await other.resume()
            yield job
        finally:
            sleep.over.set()
            await store.close()


async def ended_as(service: VideoService, job: Job, status: str) -> Job:
    async def has_ended() -> bool:
        return (await service.wait(job.id, 0)).status == status

    await until(has_ended, seconds=20)
    return await service.wait(job.id, 0)


async def test_who_wakes_before_the_job_is_given_up_sends_it_once_and_the_other_finishes_it(
    standin: FalStandIn, open_service: OpenService, fal_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sleep = Sleep(monkeypatch)
    standin.fault("platform_slow", PATH.removeprefix("/platform"))
    other = open_service(fal_environment)
    async with taken_while_asleep(other, PINNED, sleep) as job:
        looked_for = lambda: any(request.path == PATH for request in standin.requests)  # noqa: E731
        assert await asyncio.to_thread(standin.wait_until, looked_for, 15)
        sleep.over.set()
        assert await asyncio.to_thread(standin.wait_until, lambda: len(standin.accepted) == 1)
        standin.release()
        # It may be told as uncertain for the moment between the look that found nothing and the answer.
        ended = await ended_as(other, job, "completed")
    assert (ended.status, len(standin.submits), len(ended.attempts)) == ("completed", 1, 1), ended.message
    assert ended.attempts[0].operation_id == standin.accepted[0]


@pytest.mark.parametrize(("request_", "status", "submits"), [(PINNED, "failed", 0), (FREE, "completed", 1)])
async def test_who_wakes_after_the_job_was_given_up_does_not_send_it(
    standin: FalStandIn,
    open_service: OpenService,
    fal_environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    request_: VideoRequest,
    status: str,
    submits: int,
) -> None:
    sleep = Sleep(monkeypatch)
    other = open_service(fal_environment)
    async with taken_while_asleep(other, request_, sleep) as job:
        given_up = await other.wait(job.id, 15)
        assert (given_up.status, len(standin.submits)) == ("uncertain", 0), given_up.message
        sleep.over.set()
        ended = await ended_as(other, job, status)
    assert len(standin.submits) == submits
    attempt = ended.attempts[0]
    assert (attempt.status, attempt.cost_usd) == ("failed", 0)
    assert attempt.error is not None
    assert "nothing was sent" in attempt.error.message
