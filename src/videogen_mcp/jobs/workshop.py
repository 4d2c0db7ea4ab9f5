"""The database with all that works on it: wired in one go when it is first needed."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from random import Random

import httpx2

from videogen_mcp.gateways.base import Gateway
from videogen_mcp.jobs.bell import Bell
from videogen_mcp.jobs.callbacks import Callbacks
from videogen_mcp.jobs.clock import Clock
from videogen_mcp.jobs.delivery import Delivery
from videogen_mcp.jobs.distributed import SessionLocks
from videogen_mcp.jobs.embedded import FileLocks
from videogen_mcp.jobs.engine import Engine
from videogen_mcp.jobs.lessons import Lessons
from videogen_mcp.jobs.location import Location
from videogen_mcp.jobs.locks import Locks
from videogen_mcp.jobs.parts import RunnerParts
from videogen_mcp.jobs.receiver import Receiver
from videogen_mcp.jobs.retention import prune
from videogen_mcp.jobs.runner import Runner
from videogen_mcp.jobs.slots import Slots
from videogen_mcp.jobs.store import Store
from videogen_mcp.jobs.suspects import Suspects
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
    callbacks: Callbacks | None = None


@dataclass(frozen=True)
class Workshop:
    """The open database, the engine that drives its jobs, and who takes gateways' calls about them."""

    store: Store
    engine: Engine
    receiver: Receiver


async def open_workshop(surroundings: Surroundings, location: Location) -> Workshop:
    """Open the database, take up what dead processes left, and keep looking for more.

    Raises:
        StoreError: The database cannot be used.
    """
    settings, clock = surroundings.settings, surroundings.clock
    store = await location.open()
    locks: Locks = FileLocks(settings.home / "locks")
    if location.url:
        locks = SessionLocks(store.database, settings.lease_s)
    engine = Engine(locks, store, _runners(surroundings, store), clock)
    try:
        await engine.open()
    except BaseException:
        await store.close()
        raise
    if settings.keep_days is not None:
        await prune(store, settings.videos_folder, clock.now() - timedelta(days=settings.keep_days))
    await engine.adopt()
    engine.watch()
    for job_id in await store.uncertain_jobs(most=LOOKED_UP_AT_START):
        engine.look_up(job_id)
    receiver = Receiver(store, engine, surroundings.gateway, clock, surroundings.bell)
    return Workshop(store, engine, receiver)


def _runners(surroundings: Surroundings, store: Store) -> Callable[[str], Runner]:
    """What makes a runner for a driver's name."""
    settings, clock = surroundings.settings, surroundings.clock
    slots = Slots(store, settings.gateway_limits, clock)
    delivery = Delivery(settings, surroundings.http, clock)
    suspects = Suspects()

    def runner_for(driver: str) -> Runner:
        return Runner(
            RunnerParts(
                store=store.driven_by(driver),
                gateway=surroundings.gateway,
                delivery=delivery,
                clock=clock,
                random=surroundings.random,
                bell=surroundings.bell,
                driver=driver,
                lessons=surroundings.lessons,
                slots=slots,
                suspects=suspects,
                day_budget=settings.daily_budget_usd,
                submit_turn=surroundings.submit_turn,
                poll_interval=settings.poll_interval_s,
                callbacks=surroundings.callbacks,
            )
        )

    return runner_for
