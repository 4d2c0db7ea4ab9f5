"""What a job costs the database, on PostgreSQL and in the file: all that is written for it, many jobs at once."""

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

from tests.postgres import running_postgres
from tests.support import slowness

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
PROGRESS_STEPS = 20
"""Where a gateway tells progress, it is stored in steps of a twentieth."""

REQUEST = VideoRequest(
    prompt="A fox runs over snow", endpoint="fal:fal-ai/kling-video/v3/pro/text-to-video", duration=3
)


def figures() -> Iterator[Figure]:
    """Milliseconds of a job's record, with the disk flushed as in production."""
    with home() as folder, running_postgres(settings=()) as server:
        location = Location(folder / "none", server.url())
        yield from asyncio.run(_measured("PostgreSQL", folder, location, server.process.pid))
    with home() as folder:
        yield from asyncio.run(_measured("the file", folder, Location(folder / "jobs.sqlite3")))


async def _measured(where: str, folder: Path, location: Location, server: int | None = None) -> list[Figure]:
    """What the records cost where they are kept, by a server with this process id or in this very process."""
    store = await location.open()
    template = _template(folder)
    found = list[Figure]()
    try:
        places = asyncio.Semaphore(AT_ONCE)

        async def one(work: Coroutine[Any, Any, object]) -> None:
            async with places:
                await work

        found.append(Figure("times that this machine is slower than usual", slowness(), "x"))
        for kind, told in (("", 0), (", progress told", PROGRESS_STEPS)):
            began, own, theirs = time.perf_counter(), time.process_time(), _processor_seconds(server)
            await asyncio.gather(*(one(_whole_life(store, template, told)) for _ in range(JOBS)))
            name = f"records of a job in {where}{kind}"
            each = 1000 / JOBS
            found.append(Figure(f"{name}, {AT_ONCE} at once", (time.perf_counter() - began) * each, "ms"))
            found.append(Figure("  processor of this process for them", (time.process_time() - own) * each, "ms"))
            if server is not None:
                taken = (_processor_seconds(server) - theirs) * each
                found.append(Figure("  processor of PostgreSQL for them", taken, "ms"))
        if server is not None:
            await asyncio.gather(*(one(_stored(store, template, "somebody")) for _ in range(OPEN_JOBS)))
            found.append(await _adoption(store))
        return found
    finally:
        await store.close()


def _processor_seconds(server: int | None) -> float:
    """What a process and its children have used so far; nothing where that is not told, beside Linux."""
    if server is None or not Path("/proc").is_dir():
        return 0.0
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # After the name, which may hold anything: state, parent, and the times from the twelfth field on.
            fields = stat.read_text().rpartition(")")[2].split()
            if int(stat.parent.name) == server:
                ticks += sum(map(int, fields[11:15]))  # with those of its children that have ended
            elif int(fields[1]) == server:
                ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


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


async def _whole_life(store: Store, template: Job, steps: int) -> None:
    """All that is written for a job whose gateway tells where it stands, and progress in so many steps."""
    job = await _stored(store, template, "me")
    now, winner, mine = job.created_at, job.candidates[0], store.driven_by("me")
    await mine.update_job(job.id, now=now, message="preparing the request")
    cost = winner.cost.estimated_usd
    named = {"driver": "me", "endpoint": winner.endpoint, "body": dict(winner.payload.body)}
    await mine.begin_attempt(job.id, cost_usd=cost, now=now, **named)  # pyright: ignore[reportArgumentType]
    await mine.update_attempt(job.id, 1, status="submitted", operation={"request_id": job.id}, submitted_at=now)
    for message in ("submitted", "in the queue", "running"):
        await mine.update_job(job.id, now=now, message=message)
    for step in range(steps):
        await mine.update_job(job.id, now=now, progress=step / steps)
    await mine.update_attempt(job.id, 1, status="succeeded", ended_at=now)
    await mine.update_job(job.id, now=now, message="fetching the clip")
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
