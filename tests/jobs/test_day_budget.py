"""The day's budget after a job was made: while it waits for room, and when another endpoint is to be tried."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tests.clocks import LeapingClock
from tests.conftest import OpenService
from tests.standins.fal import FalStandIn

from videogen_mcp.catalogue.encode import Payload
from videogen_mcp.catalogue.pricing import Cost
from videogen_mcp.errors import OverBudget
from videogen_mcp.jobs.job import Job, JobError, start_of_day
from videogen_mcp.jobs.location import Location
from videogen_mcp.jobs.store import Store
from videogen_mcp.selection.scoring import Candidate
from videogen_mcp.service import VideoService
from videogen_mcp.settings import load_settings
from videogen_mcp.types import VideoRequest

KLING = "fal:fal-ai/kling-video/v3/pro/text-to-video"
SILENT = VideoRequest(prompt="A fox", endpoint=KLING, duration=3, generate_audio=False)
"""It commits 0.336, and may cost 0.672."""

NOW = datetime(2026, 11, 21, 23, 59, tzinfo=UTC)
NO = JobError("invalid_request", "no")


async def shown(service: VideoService, job: Job, is_it: Callable[[Job], bool]) -> Job:
    return await service.wait(job.id, 10, until=is_it)


async def test_a_job_that_waits_for_room_keeps_its_part(
    standin: FalStandIn, open_service: OpenService, fal_environment: dict[str, str]
) -> None:
    service = open_service(fal_environment | {"VIDEOGEN_DAILY_BUDGET_USD": "0.90"})
    standin.fault("submit_status", status=429, times=1)
    waits = await service.generate(SILENT)
    waits = await shown(service, waits, lambda one: "no room" in one.message)
    assert (waits.committed_usd, len(waits.attempts)) == (Decimal(0), 1)
    with pytest.raises(OverBudget, match=r"\$0\.34 is committed today"):
        await service.generate(SILENT)
    assert (await service.cancel(waits.id)).status == "cancelled"
    assert (await service.generate(SILENT)).status == "queued", "what was cancelled holds nothing"


async def test_an_attempt_that_no_longer_fits_ends_the_job(
    standin: FalStandIn, open_service: OpenService, fal_environment: dict[str, str]
) -> None:
    """The budget was lowered, and the server started anew, while a job waited for room."""
    standin.fault("submit_status", status=429, times=1)
    before = open_service(fal_environment | {"VIDEOGEN_DAILY_BUDGET_USD": "5"})
    job = await shown(before, await before.generate(SILENT), lambda one: "no room" in one.message)
    await before.close()
    settings = load_settings(fal_environment | {"VIDEOGEN_DAILY_BUDGET_USD": "0.50"})
    async with VideoService(settings, clock=LeapingClock()) as after:
        await after.resume()
        job = await after.wait(job.id, 10)
    assert (job.status, job.error and job.error.code) == ("failed", "over_budget")
    assert job.message.startswith(f"{KLING} was next. VIDEOGEN_DAILY_BUDGET_USD 0.50 does not allow up to $0.67")
    assert (job.committed_usd, [one.status for one in job.attempts]) == (Decimal(0), ["failed"])
    assert sum(one.is_submit for one in standin.requests) == 1


def made(name: str, *prices: str, at: datetime = NOW) -> Job:
    """A job with a candidate for each price."""
    candidates = tuple(
        Candidate(
            f"fal:e{usd}", f"e{usd}", "fal", "m", "v", Payload({}), Cost(Decimal(usd), Decimal(usd), "b", "high"), 1
        )
        for usd in prices
    )
    return Job(name, "queued", VideoRequest(prompt="p"), "text_to_video", "general", candidates, at, at, driver="me")


async def begin(store: Store, job: Job, usd: str) -> None:
    price = Decimal(usd)
    attempt = await store.begin_attempt(
        job.id,
        driver="me",
        endpoint=f"fal:e{usd}",
        body={},
        cost_usd=price,
        now=NOW,
        ceiling_usd=price,
        day_budget=Decimal(3),
    )
    assert attempt is not None


async def test_later_attempts_are_checked_against_the_day_of_their_job(
    tmp_path: Path, database: dict[str, str]
) -> None:
    store = await Location(tmp_path / "jobs.sqlite3", database.get("VIDEOGEN_DATABASE_URL", "")).open()
    one, other, early = made("a", "1", "2", "2.5"), made("b", "1"), made("c", "3", at=NOW - timedelta(days=1))
    for job in (one, other, early):
        day = start_of_day(job.created_at)
        await store.create(job, request_key=None, fingerprint="f", day_start=day, day_budget=Decimal(3))
    await begin(store, early, "3")
    await begin(store, one, "1")
    await begin(store, other, "1")
    await store.update_attempt("a", 1, status="failed", error=NO, costs={"cost_usd": Decimal(0)})
    with pytest.raises(OverBudget, match=r"does not allow up to \$2\.50: \$1\.00 is committed"):
        await begin(store, one, "2.5")
    await begin(store, one, "2")
    await store.update_attempt("a", 2, status="submitted")
    await store.update_attempt("a", 2, status="failed", error=NO)
    with pytest.raises(OverBudget, match=r"\$3\.00 is committed"):
        await begin(store, one, "0.01")
    assert len((await store.get("a")).attempts) == 2
    await store.close()


async def test_of_two_that_fall_back_at_once_only_one_fits(tmp_path: Path, database: dict[str, str]) -> None:
    store = await Location(tmp_path / "jobs.sqlite3", database.get("VIDEOGEN_DATABASE_URL", "")).open()
    jobs = [made(name, "0.5", "2") for name in "ab"]
    for job in jobs:
        await store.create(job, request_key=None, fingerprint="f", day_start=start_of_day(NOW), day_budget=Decimal(3))
        await begin(store, job, "0.5")
        await store.update_attempt(job.id, 1, status="failed", error=NO, costs={"cost_usd": Decimal(0)})
    outcomes = await asyncio.gather(*(begin(store, job, "2") for job in jobs), return_exceptions=True)
    assert sorted(type(one).__name__ for one in outcomes) == ["NoneType", "OverBudget"]
    await store.close()
