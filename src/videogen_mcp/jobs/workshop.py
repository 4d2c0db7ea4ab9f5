"""The database with all that works on it: wired in one go when it is first needed."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

import httpx2

from videogen_mcp.gateways.base import Gateway
from videogen_mcp.jobs.bell import Bell
from videogen_mcp.jobs.clock import Clock
from videogen_mcp.jobs.delivery import Delivery
from videogen_mcp.jobs.embedded import EmbeddedEngine
from videogen_mcp.jobs.engine import Engine
from videogen_mcp.jobs.lessons import Lessons
from videogen_mcp.jobs.parts import RunnerParts
from videogen_mcp.jobs.retention import prune
from videogen_mcp.jobs.runner import Runner
from videogen_mcp.jobs.store import Store
from videogen_mcp.settings import Settings

LOOKED_UP_AT_START = 50
"""How many uncertain jobs, newest first, are looked up when the database is opened."""


@dataclass(frozen=True)
class Surroundings:
    """What the jobs need of the product around them."""

    settings: Settings
    gateway: Callable[[str], Gateway]
    http: httpx2.AsyncClient
    clock: Clock
    random: Random
    bell: Bell
    lessons: Lessons
    submit_turn: Callable[[str], Awaitable[bool]]


@dataclass(frozen=True)
class Workshop:
    """The open database and the engine that drives its jobs."""

    store: Store
    engine: Engine


async def open_workshop(surroundings: Surroundings, database: Path) -> Workshop:
    """Open the database, take up what dead processes left, and keep looking for more.

    Raises:
        StoreError: The database cannot be used.
    """
    settings = surroundings.settings
    store = await Store.open_file(database)
    driver = secrets.token_hex(16)
    runner = Runner(
        RunnerParts(
            store=store,
            gateway=surroundings.gateway,
            delivery=Delivery(settings, surroundings.http),
            clock=surroundings.clock,
            random=surroundings.random,
            bell=surroundings.bell,
            driver=driver,
            lessons=surroundings.lessons,
            submit_turn=surroundings.submit_turn,
            poll_interval=settings.poll_interval_s,
        )
    )
    if settings.keep_days is not None:
        await prune(store, settings.videos_folder, surroundings.clock.now() - timedelta(days=settings.keep_days))
    engine = EmbeddedEngine(driver, settings.home / "locks", store, runner, surroundings.clock)
    await engine.adopt()
    engine.watch()
    for job_id in await store.uncertain_jobs(most=LOOKED_UP_AT_START):
        engine.look_up(job_id)
    return Workshop(store, engine)
