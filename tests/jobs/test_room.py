"""A gateway that has no room is waited for: every job gets its turn, and can be cancelled while it waits."""

import asyncio
from pathlib import Path

from tests.clocks import BriskClock
from tests.jobs.test_failure_table import FIRST, PINNED
from tests.standins.clips import make_clip
from tests.standins.fal import FalStandIn
from tests.standins.heygen import HeyGenStandIn
from tests.standins.server import Reply

from videogen_mcp.jobs.job import Job
from videogen_mcp.service import VideoService
from videogen_mcp.settings import load_settings
from videogen_mcp.types import VideoRequest

LONGEST_SECONDS = 120.0


def test_twenty_jobs_at_a_gateway_that_takes_ten_are_all_made(tmp_path: Path) -> None:
    with HeyGenStandIn() as heygen:
        heygen.most_at_once = 10
        heygen.script(Reply(200, make_clip(1), {"Content-Type": "video/mp4"}), path="/files/.*", times=20)
        heygen.plan(*["processing"] * 100_000)
        jobs = asyncio.run(_twenty(heygen, tmp_path))
        assert [(one.status, one.message) for one in jobs if one.status != "completed"] == []
        assert len(heygen.generations) == 20, "no job was made twice"
        refused = [attempt for one in jobs for attempt in one.attempts if attempt.status == "failed"]
        assert len(refused) >= 10, "ten were too many at first"
        assert {attempt.cost_usd for attempt in refused} == {0}
        assert heygen.violations == []


async def _twenty(heygen: HeyGenStandIn, home: Path) -> list[Job]:
    """Twenty jobs at once; those that are made first end only when all the others have been refused."""
    environment = {
        "VIDEOGEN_HOME": str(home),
        "VIDEOGEN_POLL_INTERVAL_S": "1",
        "HEYGEN_API_KEY": heygen.key,
        "VIDEOGEN_HEYGEN_URL": heygen.origin,
        "VIDEOGEN_HEYGEN_UPLOAD_URL": heygen.upload_url,
        "VIDEOGEN_ALLOWED_HOSTS": heygen.origin.removeprefix("http://"),
    }
    async with (
        asyncio.timeout(LONGEST_SECONDS),
        VideoService(load_settings(environment), clock=BriskClock(20)) as service,
    ):
        requests = [VideoRequest(prompt=f"Shot {number}", gateway="heygen", duration=5) for number in range(20)]
        jobs = [await service.generate(one) for one in requests]
        full = [await service.wait(one.id, 100_000, until=lambda job: bool(job.attempts)) for one in jobs]
        assert all(one.attempts for one in full)
        while sum(len(one.attempts) and one.attempts[0].status == "failed" for one in full) < 10:
            full = [await service.wait(one.id, 0.05) for one in jobs]
        heygen.plan()
        for generation in heygen.generations:
            generation.running.clear()
        return [await service.wait(one.id, 100_000) for one in jobs]


async def test_a_job_that_waits_for_room_says_so_and_can_be_cancelled(
    standin: FalStandIn, fal_environment: dict[str, str]
) -> None:
    standin.fault("submit_status", FIRST, 1, status=429, body={"detail": "Full"}, headers={"Retry-After": "300"})
    async with VideoService(load_settings(fal_environment)) as service:
        job = await service.generate(PINNED)
        waiting = await service.wait(job.id, 20, until=lambda one: "no room" in one.message)
        assert waiting.status == "working"
        assert waiting.message.startswith("fal has no room now; it is asked again at ")
        assert "asked to be left alone for" in service.gateway_states["fal"].cool_off
        plan = service.plan(PINNED)
        assert any("fal asked to be left alone" in one for one in plan.warnings)
        await service.cancel(job.id)
        cancelled = await service.wait(job.id, 20)
    assert cancelled.status == "cancelled"
    assert cancelled.committed_usd == 0
    assert len(standin.submits) == 1
