"""`VIDEOGEN_GATEWAY_LIMITS`: no more run at a gateway than may, over all processes, and a dead one keeps no place."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
from tests.conftest import OpenService
from tests.jobs.waiting import until
from tests.standins.fal import FalStandIn

from videogen_mcp.errors import InvalidRequest
from videogen_mcp.jobs.clock import SystemClock
from videogen_mcp.jobs.driving import LOST_HOLDS_A_SLOT
from videogen_mcp.jobs.job import Job, JobError, NoSlot
from videogen_mcp.jobs.store import Store
from videogen_mcp.service import VideoService
from videogen_mcp.types import VideoRequest

WAN = "fal:fal-ai/wan/v2.7/text-to-video"
PINNED = VideoRequest(prompt="A fox runs over snow", endpoint=WAN, duration=2, resolution="720p")
LIMIT = "VIDEOGEN_GATEWAY_LIMITS"


async def begin(store: Store, job_id: str, slots: int | None, endpoint: str = WAN) -> bool:
    now, cost = SystemClock().now(), Decimal("0.1")
    attempt = await store.begin_attempt(
        job_id, driver="me", endpoint=endpoint, body={}, cost_usd=cost, now=now, slots=slots
    )
    return attempt is not None


async def stored(service: VideoService, store: Store, *names: str) -> None:
    plan, now = service.plan(PINNED), SystemClock().now()
    for name in names:
        job = Job(name, "queued", PINNED, plan.mode, plan.intent, plan.candidates, now, now, driver="me")
        await store.create(job, request_key=None, fingerprint="f", day_start=now, day_budget=None)


async def test_of_many_at_once_as_many_begin_as_may(fal_service: VideoService) -> None:
    stores = [await fal_service.location.open() for _ in range(3)]
    names = [f"j{number}" for number in range(9)]
    await stored(fal_service, stores[0], *names)
    begun = await asyncio.gather(
        *(begin(stores[number % 3], name, 2) for number, name in enumerate(names)), return_exceptions=True
    )
    assert begun.count(True) == 2
    assert sum(isinstance(one, NoSlot) for one in begun) == 7
    for store in stores:
        await store.close()


async def test_what_holds_a_place_and_what_does_not(fal_service: VideoService) -> None:
    store, now = await fal_service.location.open(), SystemClock().now()
    await stored(fal_service, store, "a", "b", "c", "other")
    assert await begin(store, "a", 1)
    assert await begin(store, "other", 1, "heygen:veo_3_1"), "each gateway has places of its own"
    with pytest.raises(NoSlot):
        await begin(store, "b", 1)
    assert (await store.get("b")).status == "queued"
    await store.update_attempt("a", 1, status="submitted", operation={"request_id": "r"})
    assert await store.running_at("fal", now) == 1
    await store.update_attempt("a", 1, status="succeeded")
    assert await begin(store, "b", 1), "fetching the clip takes no place"
    lost = JobError("submit_uncertain", "Lost.")
    await store.update_attempt("b", 1, status="uncertain", error=lost)
    await store.update_job("b", now=now, status="uncertain", error=lost)
    assert await store.running_at("fal", now) == 1, "it may run"
    assert await store.running_at("fal", now + LOST_HOLDS_A_SLOT + timedelta(minutes=5)) == 0, "but not for ever"
    assert await begin(store, "c", 2)
    await store.update_job("c", now=now, status="failed", error=lost)
    assert await store.running_at("fal", now) == 1, "an ended job holds none"
    await store.close()


async def test_a_job_over_the_limit_says_why_it_waits_and_starts_when_another_ends(
    standin: FalStandIn, open_service: OpenService, fal_environment: dict[str, str]
) -> None:
    standin.hold()
    environment = fal_environment | {LIMIT: "fal=1,heygen=3"}
    one, other = open_service(environment), open_service(environment)
    first = await one.generate(PINNED)
    first = await one.wait(first.id, 10, until=lambda job: job.attempts and job.attempts[0].status == "submitted")  # pyright: ignore[reportArgumentType]
    waiting = [await service.generate(PINNED) for service in (one, one, other)]

    async def told() -> bool:
        jobs = [await one.wait(job.id, 0) for job in waiting]
        return all(job.status == "queued" and "1 generations run at fal" in job.message for job in jobs)

    await until(told, seconds=15)
    assert len(standin.submits) == 1
    cancelled = await one.cancel(waiting[1].id)
    assert cancelled.status == "cancelled", "a job that waits can be cancelled"
    standin.release()
    ends = [await one.wait(job.id, 25) for job in (first, waiting[0], waiting[2])]
    assert [job.status for job in ends] == ["completed"] * 3
    assert len(standin.submits) == 3


async def test_a_limit_of_what_is_no_gateway_is_told(
    open_service: OpenService, fal_environment: dict[str, str]
) -> None:
    with pytest.raises(InvalidRequest, match="names fall, which is no gateway") as caught:
        await open_service(fal_environment | {LIMIT: "fall=1"}).page()
    assert "fal, heygen" in caught.value.fix
