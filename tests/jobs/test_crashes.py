"""Jobs that keep bringing their process down, and looks for lost submits that are cut short."""

import asyncio
import os
import signal
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import OpenService
from tests.standins.clips import make_clip
from tests.standins.fal import FalStandIn
from tests.standins.history import PATH
from tests.standins.media import picture

from videogen_mcp.jobs.clock import SystemClock
from videogen_mcp.jobs.delivery import Delivery
from videogen_mcp.jobs.engine import MOST_CRASHES
from videogen_mcp.jobs.job import Job
from videogen_mcp.jobs.suspects import Risk
from videogen_mcp.media.probe import ClipFacts
from videogen_mcp.service import VideoService
from videogen_mcp.types import AttemptStatus, VideoRequest

WAN = "fal:fal-ai/wan/v2.7/text-to-video"
KLING = "fal:fal-ai/kling-video/v3/pro/image-to-video"
PINNED = VideoRequest(prompt="A fox runs over snow", endpoint=WAN, duration=2, resolution="720p")
LOCAL = VideoRequest(prompt="A kite over the sea", duration=1, resolution="480p", gateway="local")
OPERATION = {"request_id": "of-the-dead"}


def posts(standin: FalStandIn) -> int:
    return sum(request.is_submit for request in standin.requests)


def with_a_frame(folder: Path) -> VideoRequest:
    """A request whose first frame is handed over before the submit."""
    frame = folder / "frame.png"
    frame.write_bytes(picture())
    return VideoRequest(prompt="A fox", endpoint=KLING, duration=5, first_frame=frame.as_uri())


async def left_behind(
    service: VideoService,
    request: VideoRequest,
    crashes: int,
    risk: Risk,
    *,
    status: AttemptStatus | None = None,
    name: str = "0" * 32,
) -> Job:
    """A job whose drivers died so many times while they were at something, the last one with the attempt in this state.

    The last driver's death is for who takes it over to see.
    """
    plan = service.plan(request)
    now = SystemClock().now()
    job = Job(name, "queued", plan.request, plan.mode, plan.intent, plan.candidates, now, now, driver="dead-0")
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
        await store.update_job(job.id, now=now, risk=risk)
        counted = await store.take_over(job.id, old=f"dead-{number - 1}", new=f"dead-{number}")
        assert counted == (number if risk else 0)
    await store.update_job(job.id, now=now, risk=risk)
    await store.close()
    return replace(job, driver=f"dead-{max(crashes, 1) - 1}")


async def test_a_job_whose_media_bring_down_three_processes_ends_unsent(
    standin: FalStandIn, fal_service: VideoService, tmp_path: Path
) -> None:
    job = await left_behind(fal_service, with_a_frame(tmp_path), MOST_CRASHES, "media")
    job = await fal_service.wait(job.id, 10)
    assert (job.status, job.error and job.error.code, job.crashes) == ("failed", "internal", MOST_CRASHES)
    assert job.error is not None
    assert "3 processes" in job.error.message
    assert "At the gateway" not in job.message
    assert "start a new job" in job.error.fix
    assert (job.committed_usd, standin.requests) == (Decimal(0), [])


async def test_what_was_sent_before_is_named(standin: FalStandIn, fal_service: VideoService) -> None:
    job = await left_behind(fal_service, PINNED, MOST_CRASHES, "clip", status="submitted")
    job = await fal_service.wait(job.id, 10)
    assert job.error is not None
    assert f"it is request of-the-dead of {WAN}, and may be billed" in job.error.message
    assert (job.committed_usd, standin.requests) == (job.attempts[0].cost_usd, [])
    assert job.attempts[0].cost_usd


async def test_after_too_many_crashes_a_submit_under_way_is_uncertain(
    standin: FalStandIn, fal_service: VideoService
) -> None:
    job = await left_behind(fal_service, PINNED, MOST_CRASHES, "media", status="submitting")
    job = await fal_service.wait(job.id, 10)
    assert (job.status, job.attempts[0].status) == ("uncertain", "uncertain")
    assert job.error == job.attempts[0].error
    assert job.error is not None
    assert (job.error.code, "may be billed, at about $0.20" in job.error.message) == ("submit_uncertain", True)
    assert posts(standin) == 0


@pytest.mark.parametrize("crashes", [1, MOST_CRASHES - 1])
async def test_before_that_a_job_is_driven_again(
    standin: FalStandIn, fal_service: VideoService, tmp_path: Path, crashes: int
) -> None:
    job = await left_behind(fal_service, with_a_frame(tmp_path), crashes, "media")
    job = await fal_service.wait(job.id, 10)
    assert (job.status, posts(standin)) == ("completed", 1)
    assert (job.crashes, job.risk) == (0, "clip"), "its media are through, so they were not to blame"


@pytest.mark.parametrize("deaths", [1, 3 * MOST_CRASHES])
async def test_a_process_that_dies_while_a_job_waits_is_not_its_victim(
    standin: FalStandIn, fal_service: VideoService, deaths: int
) -> None:
    job = await left_behind(fal_service, PINNED, deaths, "")
    job = await fal_service.wait(job.id, 10)
    assert (job.status, job.crashes, posts(standin)) == ("completed", 0, 1)


async def test_a_rendering_that_kills_its_process_ends_too(local_service: VideoService) -> None:
    job = await left_behind(local_service, LOCAL, MOST_CRASHES, "drawing", status="submitting")
    job = await local_service.wait(job.id, 10)
    assert (job.status, job.error and job.error.code) == ("failed", "internal")


async def test_one_that_only_ran_beside_it_is_drawn(local_service: VideoService) -> None:
    job = await left_behind(local_service, LOCAL, MOST_CRASHES - 1, "drawing", status="submitting")
    job = await local_service.wait(job.id, 20)
    assert (job.status, job.risk, job.crashes) == ("completed", "drawing", MOST_CRASHES - 1)


async def test_suspects_hand_their_media_over_one_at_a_time(
    standin: FalStandIn, fal_service: VideoService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once, most, prepare = 0, 0, Delivery.prepare

    async def counted(*arguments: Any) -> Any:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        try:
            return await prepare(*arguments)
        finally:
            at_once -= 1

    monkeypatch.setattr(Delivery, "prepare", counted)
    request = with_a_frame(tmp_path)
    # Distinct from the first digit on: those name the clips.
    names = [f"{number}" * 32 for number in range(4)]
    for name in names:
        await left_behind(fal_service, request, 1, "media", name=name)
    ended = [await fal_service.wait(name, 20) for name in names]
    assert [(job.status, job.error) for job in ended] == [("completed", None)] * 4
    assert (most, posts(standin), standin.violations) == (1, 4, [])


def deadly(*_arguments: Any, **_named: Any) -> ClipFacts:
    """Decoding that no process survives."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("SIGKILL was survived")


@pytest.mark.skipif(sys.platform == "win32", reason="kills with a signal")
async def test_a_clip_that_kills_whatever_decodes_it_is_kept_and_kills_no_server(
    standin: FalStandIn, fal_service: VideoService, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It is found in a process of its own too: by its name, in this module.
    monkeypatch.setattr("videogen_mcp.jobs.delivery.inspect", deadly)
    standin.video = make_clip(1, 320, 180)
    job = await left_behind(fal_service, PINNED, 1, "clip")
    job = await fal_service.wait(job.id, 20)
    assert (job.status, job.error and job.error.code, posts(standin)) == ("failed", "download_failed", 1)
    assert job.error is not None
    [clip] = fal_service.settings.videos_folder.glob("*.mp4")
    assert str(clip) in job.error.fix
    assert clip.read_bytes() == standin.video


async def test_a_clip_that_was_only_near_is_looked_at_apart(standin: FalStandIn, fal_service: VideoService) -> None:
    job = await left_behind(fal_service, PINNED, 1, "clip")
    job = await fal_service.wait(job.id, 20)
    assert (job.status, job.crashes, job.risk, posts(standin)) == ("completed", 1, "", 1)
    assert job.video is not None
    assert (job.video.width, job.video.height) == (320, 180)
    assert list(fal_service.settings.videos_folder.glob("*.poster.jpg"))


async def test_a_broken_clip_is_told_from_apart(standin: FalStandIn, fal_service: VideoService) -> None:
    whole = make_clip(1, 320, 180)
    standin.video = whole[: len(whole) // 2]
    job = await left_behind(fal_service, PINNED, 1, "clip")
    job = await fal_service.wait(job.id, 20)
    assert (job.status, job.error and job.error.code) == ("failed", "download_failed")


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
