"""What a job costs the database, on PostgreSQL and in the file: all that is written for it, many jobs at once."""

import asyncio
import secrets
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

from tests.postgres import running_postgres

from bench.figures import Figure
from bench.jobs import home
from videogen_mcp.jobs.distributed import SessionLocks
from videogen_mcp.jobs.job import Job
from videogen_mcp.jobs.location import Location
from videogen_mcp.jobs.store import Store
from videogen_mcp.service import open_service
from videogen_mcp.settings import load_settings
from videogen_mcp.types import VideoRequest

JOBS = 200
AT_ONCE = 20
OPEN_JOBS = 2000
REQUEST = VideoRequest(
    prompt="A fox runs over snow", endpoint="fal:fal-ai/kling-video/v3/pro/text-to-video", duration=3
)


def figures() -> Iterator[Figure]:
    """Milliseconds of a job's record, with the disk flushed as in production."""
    with home() as folder, running_postgres(settings=()) as server:
        yield from asyncio.run(_measured("PostgreSQL", folder, Location(folder / "none", server.url())))
    with home() as folder:
        yield from asyncio.run(_measured("the file", folder, Location(folder / "jobs.sqlite3")))


async def _measured(where: str, folder: Path, location: Location) -> list[Figure]:
    store = await location.open()
    template = _template(folder)
    try:
        places, began = asyncio.Semaphore(AT_ONCE), time.perf_counter()

        async def one(work: Coroutine[Any, Any, object]) -> None:
            async with places:
                await work

        await asyncio.gather(*(one(_whole_life(store, template)) for _ in range(JOBS)))
        each = (time.perf_counter() - began) / JOBS * 1000
        found = [Figure(f"all records of a job in {where}, {AT_ONCE} at once", each, "ms")]
        if location.url:
            await asyncio.gather(*(one(_stored(store, template, "somebody")) for _ in range(OPEN_JOBS)))
            found.append(await _adoption(store))
        return found
    finally:
        await store.close()


def _template(folder: Path) -> Job:
    service = open_service(load_settings({"VIDEOGEN_HOME": str(folder), "FAL_KEY": "a:b"}))
    plan, now = service.plan(REQUEST), service.clock.now()
    return Job("", "queued", REQUEST, plan.mode, plan.intent, plan.candidates, now, now)


async def _stored(store: Store, template: Job, driver: str) -> Job:
    now = template.created_at
    job = Job(
        secrets.token_hex(16),
        "queued",
        REQUEST,
        template.mode,
        template.intent,
        template.candidates,
        now,
        now,
        driver=driver,
    )
    return await store.create(job, request_key=None, fingerprint="f", day_start=now, day_budget=None)


async def _whole_life(store: Store, template: Job) -> None:
    job = await _stored(store, template, "me")
    now, winner, mine = job.created_at, job.candidates[0], store.driven_by("me")
    await mine.update_job(job.id, now=now, message="preparing")
    cost = winner.cost.estimated_usd
    named = {"driver": "me", "endpoint": winner.endpoint, "body": dict(winner.payload.body)}
    await mine.begin_attempt(job.id, cost_usd=cost, now=now, **named)  # pyright: ignore[reportArgumentType]
    await mine.update_attempt(job.id, 1, status="submitted", operation={"request_id": job.id}, submitted_at=now)
    for step in range(20):  # progress is stored in steps of a twentieth
        await mine.update_job(job.id, now=now, progress=step / 20)
    await mine.update_attempt(job.id, 1, status="succeeded", ended_at=now)
    await mine.update_job(job.id, now=now, status="completed", progress=1.0)


async def _adoption(store: Store) -> Figure:
    """What each server asks of the database every second, with many open jobs of a living server."""
    locks, taken = SessionLocks(store.database), list[float]()
    await locks.hold("somebody")
    for _ in range(20):
        began = time.perf_counter()
        async with locks.dead({*(await store.news("somebody")).drivers}) as dead:
            assert dead == set()  # noqa: S101 -- what is measured is what is meant
        taken.append((time.perf_counter() - began) * 1000)
    await locks.let_go()
    return Figure(f"looking for dead servers with {OPEN_JOBS} open jobs", sorted(taken)[len(taken) // 2], "ms", 100)
