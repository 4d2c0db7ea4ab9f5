"""Jobs that keep bringing their process down, and looks for lost submits that are cut short."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest
from tests.conftest import OpenService
from tests.standins.fal import FalStandIn
from tests.standins.history import PATH

from videogen_mcp.jobs.clock import SystemClock
from videogen_mcp.jobs.engine import MOST_CRASHES
from videogen_mcp.jobs.job import Job
from videogen_mcp.service import VideoService
from videogen_mcp.types import AttemptStatus, VideoRequest

WAN = "fal:fal-ai/wan/v2.7/text-to-video"
PINNED = VideoRequest(prompt="A fox runs over snow", endpoint=WAN, duration=2, resolution="720p")
LOCAL = VideoRequest(prompt="A kite over the sea", duration=1, resolution="480p", gateway="local")
OPERATION = {"request_id": "of-the-dead"}


def posts(standin: FalStandIn) -> int:
    return sum(request.is_submit for request in standin.requests)


async def left_behind(service: VideoService, request: VideoRequest, crashes: int, status: AttemptStatus | None) -> Job:
    """A job whose drivers died so many times, the last one with the attempt in this state."""
    plan = service.plan(request)
    now = SystemClock().now()
    job = Job("0" * 32, "queued", plan.request, plan.mode, plan.intent, plan.candidates, now, now, driver="dead-0")
    store = await service.location.open()
    await store.create(job, request_key=None, fingerprint="f", day_start=now, day_budget=None)
    winner = plan.candidates[0]
    if status is not None:
        await store.begin_attempt(
            job.id,
            driver=job.driver,
            endpoint=winner.endpoint,
            body=winner.payload.body,
            cost_usd=winner.cost.estimated_usd,
            now=now,
        )
    if status not in {None, "submitting"}:
        await store.update_attempt(job.id, 1, status="submitted", operation=OPERATION, submitted_at=now)
    if status == "succeeded":
        await store.update_attempt(job.id, 1, status="succeeded")
    for number in range(1, crashes):
        assert await store.take_over(job.id, old=f"dead-{number - 1}", new=f"dead-{number}") == number
    await store.close()
    return replace(job, driver=f"dead-{crashes - 1}")


@pytest.mark.parametrize("status", ["submitted", "succeeded"])
async def test_after_too_many_crashes_a_job_ends_and_names_what_may_be_paid_for(
    standin: FalStandIn, fal_service: VideoService, status: AttemptStatus
) -> None:
    job = await left_behind(fal_service, PINNED, MOST_CRASHES, status)
    job = await fal_service.wait(job.id, 10)
    assert (job.status, job.error and job.error.code, job.crashes) == ("failed", "internal", MOST_CRASHES)
    assert job.error is not None
    assert f"it is request of-the-dead of {WAN}, and may be billed" in job.error.message
    assert f"{MOST_CRASHES} processes" in job.error.message
    assert "start a new job" in job.error.fix
    assert (job.committed_usd, standin.requests) == (job.attempts[0].cost_usd, [])
    assert job.attempts[0].cost_usd


async def test_after_too_many_crashes_a_job_that_sent_nothing_just_ends(
    standin: FalStandIn, fal_service: VideoService
) -> None:
    job = await left_behind(fal_service, PINNED, MOST_CRASHES, None)
    job = await fal_service.wait(job.id, 10)
    assert (job.status, job.error and job.error.code) == ("failed", "internal")
    assert "At the gateway" not in job.message
    assert (job.committed_usd, standin.requests) == (Decimal(0), [])


async def test_after_too_many_crashes_a_submit_under_way_is_uncertain(
    standin: FalStandIn, fal_service: VideoService
) -> None:
    job = await left_behind(fal_service, PINNED, MOST_CRASHES, "submitting")
    job = await fal_service.wait(job.id, 10)
    assert (job.status, job.attempts[0].status) == ("uncertain", "uncertain")
    assert job.error == job.attempts[0].error
    assert job.error is not None
    assert (job.error.code, "may be billed, at about $0.20" in job.error.message) == ("submit_uncertain", True)
    assert posts(standin) == 0


@pytest.mark.parametrize("crashes", [1, MOST_CRASHES - 1])
async def test_before_that_a_job_is_driven_again(standin: FalStandIn, fal_service: VideoService, crashes: int) -> None:
    job = await left_behind(fal_service, PINNED, crashes, None)
    job = await fal_service.wait(job.id, 10)
    assert (job.status, posts(standin)) == ("completed", 1)
    assert job.crashes == 0, "a job that only waits brings nobody down: its crashes are forgotten"


async def test_a_rendering_that_kills_its_process_ends_too(local_service: VideoService) -> None:
    job = await left_behind(local_service, LOCAL, MOST_CRASHES, "submitting")
    job = await local_service.wait(job.id, 10)
    assert (job.status, job.error and job.error.code) == ("failed", "internal")


async def test_a_shutdown_while_a_lost_submit_is_looked_for_leaves_the_look_to_the_next(
    standin: FalStandIn, open_service: OpenService, fal_environment: dict[str, str]
) -> None:
    standin.history.lists_running = True
    standin.fault("submit_drop_after_body", accepted=True)
    standin.fault("platform_slow", PATH.removeprefix("/platform"))
    first, second = open_service(fal_environment), open_service(fal_environment)
    job = await first.generate(PINNED)
    asked = lambda: any(request.path == PATH for request in standin.requests)  # noqa: E731
    assert await asyncio.to_thread(standin.wait_until, asked)
    before = await first.wait(job.id, 0)
    assert (before.status, before.attempts[0].status) == ("working", "uncertain")
    assert "looking for it" in before.message
    await first.close()
    standin.release()
    await second.resume()
    job = await second.wait(job.id, 10)
    assert (job.status, job.crashes, posts(standin)) == ("completed", 0, 1)
    assert job.attempts[0].operation_id == standin.accepted[0]
