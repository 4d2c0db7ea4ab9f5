"""Processes that die at the worst moment: what was accepted is finished, and nothing is paid twice."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.conftest import OpenService
from tests.standins.fal import FalStandIn
from tests.standins.schemas import endpoints

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.jobs.clock import SystemClock
from videogen_mcp.jobs.job import Job
from videogen_mcp.service import VideoService
from videogen_mcp.settings import load_settings
from videogen_mcp.types import AttemptStatus, Json, VideoRequest

UNSPOKEN = tuple(one.key for one in load_catalogue().endpoints if one.gateway == "fal" and one.id not in endpoints())
"""What the stand-in has no schema of, so that a free choice falls on what it can answer."""

WAN = "fal:fal-ai/wan/v2.7/text-to-video"
PINNED = VideoRequest(prompt="A fox runs over snow", endpoint=WAN, duration=2, resolution="720p")
FREE = VideoRequest(prompt="A fox runs over snow", duration=2, exclude=UNSPOKEN)


def posts(standin: FalStandIn) -> int:
    return sum(request.is_submit for request in standin.requests)


def is_submitted(job: Job) -> bool:
    return bool(job.attempts) and job.attempts[-1].operation is not None


async def submitted(service: VideoService, request: VideoRequest) -> Job:
    job = await service.generate(request)
    job = await service.wait(job.id, 10, until=is_submitted)
    assert is_submitted(job)
    return job


async def left_behind(
    service: VideoService, request: VideoRequest, *statuses: AttemptStatus, operation: Json | None = None
) -> Job:
    """A job of a process that is gone, whose last attempt stood in the last of these states."""
    plan = service.plan(request)
    now = SystemClock().now()
    job = Job(
        "0" * 32, "queued", request, plan.mode, plan.intent, plan.candidates, now, now, driver="the-process-that-died"
    )
    store = await service.location.open()
    await store.create(job, request_key=None, fingerprint="f", day_start=now, day_budget=None)
    winner = plan.candidates[0]
    await store.begin_attempt(
        job.id,
        driver=job.driver,
        endpoint=winner.endpoint,
        body=winner.payload.body,
        cost_usd=winner.cost.estimated_usd,
        now=now,
    )
    for status in statuses:
        await store.update_attempt(job.id, 1, status=status, operation=operation, submitted_at=now)
    await store.close()
    return job


def operation_at(standin: FalStandIn, request_id: str) -> Json:
    address = f"{standin.origin}/fal-ai/wan/requests/{request_id}"
    return {
        "request_id": request_id,
        "status_url": f"{address}/status",
        "response_url": address,
        "cancel_url": f"{address}/cancel",
    }


async def test_the_next_process_finishes_what_was_submitted(
    standin: FalStandIn, open_service: OpenService, fal_environment: dict[str, str]
) -> None:
    standin.hold()
    first, second = open_service(fal_environment), open_service(fal_environment)
    before = await submitted(first, PINNED)
    await first.close()
    standin.release()
    await second.resume()
    after = await second.wait(before.id, 10)
    assert (after.status, posts(standin), len(after.attempts)) == ("completed", 1, 1)
    assert after.attempts[0].operation == before.attempts[0].operation
    assert after.driver != before.driver


async def test_a_shutdown_during_the_submit_waits_for_its_answer(
    standin: FalStandIn, open_service: OpenService, fal_environment: dict[str, str]
) -> None:
    standin.fault("submit_slow")
    first, second = open_service(fal_environment), open_service(fal_environment)
    job = await first.generate(PINNED)
    assert await asyncio.to_thread(standin.wait_until, lambda: len(standin.accepted) == 1)
    closing = asyncio.create_task(first.close())
    await asyncio.wait([closing], timeout=0.05)
    assert not closing.done()
    standin.release()
    await closing
    job = await second.status(job.id)
    assert (job.attempts[0].status, job.attempts[0].operation_id) == ("submitted", standin.accepted[0])
    assert ((await second.wait(job.id, 10)).status, posts(standin)) == ("completed", 1)


async def test_a_submit_without_a_stored_answer_is_never_sent_again(
    standin: FalStandIn, fal_service: VideoService
) -> None:
    job = await left_behind(fal_service, FREE)
    job = await fal_service.wait(job.id, 10)
    assert (job.status, job.attempts[0].status, posts(standin)) == ("uncertain", "uncertain", 0)
    assert [request.method for request in standin.requests] == ["GET"], "it is looked for, and not sent"
    assert job.error
    assert "may be billed" in job.error.fix


async def test_a_job_that_sent_nothing_is_simply_started(standin: FalStandIn, fal_service: VideoService) -> None:
    job = await left_behind(fal_service, PINNED, "failed")
    job = await fal_service.wait(job.id, 10)
    assert (job.status, posts(standin)) == ("failed", 0), "the only endpoint of the pin was tried already"


async def test_the_jobs_of_a_living_process_are_left_alone(
    standin: FalStandIn, open_service: OpenService, fal_environment: dict[str, str]
) -> None:
    standin.hold()
    first, second = open_service(fal_environment), open_service(fal_environment)
    job = await submitted(first, PINNED)
    assert (await second.status(job.id)).driver == job.driver
    assert (await second.wait(job.id, 0.1)).driver == job.driver
    standin.release()
    seen = await second.wait(job.id, 10)
    assert (seen.status, seen.driver, posts(standin)) == ("completed", job.driver, 1)


async def test_a_clip_that_is_gone_after_it_was_made_ends_the_job(
    standin: FalStandIn, fal_service: VideoService
) -> None:
    operation = operation_at(standin, "deleted-since")
    job = await left_behind(fal_service, FREE, "submitted", "succeeded", operation=operation)
    job = await fal_service.wait(job.id, 10)
    assert (job.status, job.error and job.error.code, posts(standin)) == ("failed", "download_failed", 0)
    assert job.committed_usd != 0


class Forward(SystemClock):
    """A clock that was put forward."""

    def __init__(self, hours: float) -> None:
        self._shift = timedelta(hours=hours)

    def now(self) -> datetime:
        return super().now() + self._shift


async def test_after_a_night_without_network_the_clip_is_still_fetched(
    standin: FalStandIn, open_service: OpenService, fal_environment: dict[str, str]
) -> None:
    standin.plan(0, 0)
    standin.hold()
    first = open_service(fal_environment)
    job = await submitted(first, PINNED)
    await first.close()
    standin.release()
    standin.fault("status_drop", times=3)
    async with VideoService(load_settings(fal_environment), clock=Forward(hours=9)) as second:
        job = await second.wait(job.id, 10)
    assert (job.status, posts(standin)) == ("completed", 1)


async def test_a_generation_that_never_ends_is_given_up(
    standin: FalStandIn, open_service: OpenService, fal_environment: dict[str, str]
) -> None:
    standin.hold()
    first = open_service(fal_environment)
    job = await submitted(first, FREE)
    await first.close()
    async with VideoService(load_settings(fal_environment), clock=Forward(hours=9)) as second:
        job = await second.wait(job.id, 10)
    assert (job.status, job.error and job.error.code, posts(standin)) == ("failed", "timed_out", 1)
    assert job.committed_usd != 0


async def test_a_rendering_that_died_is_started_again(
    open_service: OpenService, local_environment: dict[str, str]
) -> None:
    request = VideoRequest(prompt="A kite over the sea", duration=1, resolution="480p")
    first = open_service(local_environment)
    job = await submitted(first, request)
    await first.close()
    async with VideoService(load_settings(local_environment), clock=Forward(hours=9)) as second:
        job = await second.wait(job.id, 20)
    assert (job.status, len(job.attempts)) == ("completed", 1)
    assert job.video is not None


async def test_a_rendering_that_was_never_started_is_started(local_service: VideoService) -> None:
    request = VideoRequest(prompt="A kite over the sea", duration=1, resolution="480p")
    job = await left_behind(local_service, request)
    assert (await local_service.wait(job.id, 20)).status == "completed"


@contextmanager
def command(environment: dict[str, str], *arguments: str) -> Generator[subprocess.Popen[str]]:
    inherited = {name: value for name, value in os.environ.items() if not name.endswith("_KEY")}
    process = subprocess.Popen(
        [sys.executable, "-m", "videogen_mcp", *arguments],
        env=inherited | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


async def test_a_killed_process_is_followed_by_one_that_finishes_its_job(
    standin: FalStandIn, fal_environment: dict[str, str]
) -> None:
    standin.hold()
    with command(fal_environment, "generate", "A fox runs", f"--endpoint={WAN}", "--duration=2", "--json") as first:
        looked = lambda: any(request.path.endswith("/status") for request in standin.requests)  # noqa: E731
        assert await asyncio.to_thread(standin.wait_until, looked, 20), first.communicate()
        first.send_signal(signal.SIGKILL)
        assert await asyncio.to_thread(first.wait) == -signal.SIGKILL
    store = await VideoService(load_settings(fal_environment)).location.open()
    (job,) = (await store.page(status=None, limit=5, cursor=None)).jobs
    await store.close()
    assert (job.status, job.attempts[0].status) == ("working", "submitted")
    standin.release()
    with command(fal_environment, "jobs", "wait", job.id, "--json") as second:
        output, errors = await asyncio.to_thread(second.communicate, None, 20)
    assert second.returncode == 0, errors
    view: dict[str, Any] = json.loads(output)
    assert (view["status"], view["attempts"][0]["operation_id"]) == ("completed", standin.accepted[0])
    assert posts(standin) == 1


@pytest.mark.parametrize("count", [4])
async def test_of_many_processes_one_adopts(
    standin: FalStandIn, open_service: OpenService, fal_environment: dict[str, str], count: int
) -> None:
    standin.hold()
    first = open_service(fal_environment)
    job = await submitted(first, PINNED)
    await first.close()
    others = [open_service(fal_environment) for _ in range(count)]
    await asyncio.gather(*(other.resume() for other in others))
    standin.release()
    ends = await asyncio.gather(*(other.wait(job.id, 10) for other in others))
    assert {end.status for end in ends} == {"completed"}
    assert len({end.driver for end in ends}) == 1
    assert posts(standin) == 1
