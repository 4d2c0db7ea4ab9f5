"""A world in which every answer a driver of jobs waits for is given by the test: gateway, media, time, and death.

What a driver asks for stands in `World.asked` until the test answers it. A driver that is killed is not told: what it
waited for never comes, as after `kill -9`, and another driver takes its jobs over.
"""

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, ClassVar, Self, cast

import httpx2

from videogen_mcp.errors import NotSent
from videogen_mcp.gateways.abilities import OnBytes
from videogen_mcp.gateways.base import CancelOutcome, Failed, Finished, Gateway, Operation, Pending, SentRequest
from videogen_mcp.jobs.bell import Bell
from videogen_mcp.jobs.delivery import Delivery
from videogen_mcp.jobs.engine import MOST_CRASHES
from videogen_mcp.jobs.job import Job
from videogen_mcp.jobs.lessons import Lessons
from videogen_mcp.jobs.parts import RunnerParts
from videogen_mcp.jobs.runner import Runner
from videogen_mcp.jobs.slots import Slots
from videogen_mcp.jobs.store import Store
from videogen_mcp.jobs.suspects import Suspects
from videogen_mcp.selection.scoring import Candidate
from videogen_mcp.settings import Settings
from videogen_mcp.types import Json, Video

LEASH_SECONDS = 20.0
START = datetime(2026, 11, 21, 12, tzinfo=UTC)


class HandClock:
    """A clock that goes on by what is waited for, at once."""

    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        if not event.is_set():
            self.passed += seconds
        await asyncio.sleep(0)


@dataclass
class Asked:
    """What a driver waits for.

    Attributes:
        kind: `prepare`, `send`, `answer`, `look`, `stop`, `find` or `fetch`.
        endpoint: The endpoint that it is about.
        at: The time on the clock when it was asked.
    """

    kind: str
    endpoint: str
    at: datetime
    given: "asyncio.Future[Any]" = field(repr=False)


class World:
    """The database, the gateways' books, and the drivers, of which one lives at a time.

    Args:
        store: The jobs.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = HandClock()
        self.asked: dict[str, Asked] = {}
        self.posts: dict[tuple[str, str], int] = {}
        self.changed = asyncio.Event()
        self.driver = Driver(self)
        self.gone: list[Driver] = []

    async def ask(self, driver: "Driver", kind: str, job_id: str, endpoint: str) -> Any:
        """Wait for the test's answer; what a dead driver asks is nobody's matter."""
        given = asyncio.get_running_loop().create_future()
        if driver is self.driver:
            self.asked[job_id] = Asked(kind, endpoint, self.clock.now(), given)
            self.changed.set()
        return await given

    async def answer(self, job_id: str, given: Any) -> None:
        """Give what is waited for, and see the driver to its next question or its end."""
        asked = self.asked.pop(job_id)
        if isinstance(given, Exception):
            asked.given.set_exception(given)
        else:
            asked.given.set_result(given)
        await self.settle(job_id)

    async def settle(self, job_id: str) -> None:
        """Wait until the job's driver asks for something or has nothing left to do."""
        async with asyncio.timeout(LEASH_SECONDS):
            while job_id not in self.asked and (task := self.driver.tasks.get(job_id)) and not task.done():
                self.changed.clear()
                waiting = asyncio.create_task(self.changed.wait())
                await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()

    async def look_up(self, job_id: str) -> None:
        """Let the driver look for the lost submit of an uncertain job."""
        self.driver.start(job_id, self.driver.runner.look_up)
        await self.settle(job_id)

    async def end(self) -> None:
        """Let go of everything, the dead included."""
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self.store.close()

    async def kill(self) -> None:
        """The driver dies; another one takes over what it drove."""
        dead = self.driver
        self.asked.clear()
        self.gone.append(self.driver)
        self.driver = Driver(self)
        for job_id in await self.store.open_jobs(dead.name):
            crashes = await self.store.take_over(job_id, old=dead.name, new=self.driver.name)
            assert crashes is not None
            if crashes >= MOST_CRASHES:
                await self.driver.runner.abandon(job_id, crashes)
            else:
                self.driver.start(job_id)
                await self.settle(job_id)

    async def stop(self) -> None:
        """The driver stops in order and hands over; another one goes on."""
        stopped = self.driver
        for task in stopped.tasks.values():
            task.cancel()
        if stopped.tasks:
            await asyncio.wait(stopped.tasks.values())
        await self.store.hand_over(stopped.name)
        self.asked.clear()
        self.gone.append(self.driver)
        self.driver = Driver(self)
        for job_id in await self.store.open_jobs(""):
            await self.store.take_over(job_id, old="", new=self.driver.name)
            self.driver.start(job_id)
            await self.settle(job_id)


async def no_pace(_gateway: str) -> bool:
    """Every submit goes at once."""
    return False


class Driver:
    """One process that drives jobs."""

    def __init__(self, world: World) -> None:
        self.name = secrets.token_hex(16)
        self.tasks: dict[str, asyncio.Task[None]] = {}
        gateway = cast("Gateway", HandGateway(world, self))
        self.runner = Runner(
            RunnerParts(
                store=world.store.driven_by(self.name),
                gateway=lambda _name: gateway,
                delivery=HandDelivery(world, self),
                clock=world.clock,
                random=Random(0),  # noqa: S311 -- spreads polls
                bell=Bell(),
                driver=self.name,
                lessons=Lessons(world.clock),
                slots=Slots(world.store, {}, world.clock),
                suspects=Suspects(at_once=99),
                day_budget=None,
                submit_turn=no_pace,
                poll_interval=None,
            )
        )

    def start(self, job_id: str, work: Callable[[str], Coroutine[Any, Any, None]] | None = None) -> None:
        """Drive a job, or do something else for it."""
        self.tasks[job_id] = asyncio.create_task((work or self.runner.drive)(job_id))


class HandGateway:
    """A gateway that keeps books on what arrives, and answers what the test says."""

    name: ClassVar[str] = "hand"
    shortest_poll_seconds: ClassVar[float] = 2.0
    on_this_machine: ClassVar[bool] = False
    fetches_media: ClassVar[bool] = True
    address = ""

    def __init__(self, world: World, driver: Driver) -> None:
        self._world = world
        self._driver = driver

    @classmethod
    def open(cls, settings: Settings, http: httpx2.AsyncClient) -> Self:
        raise NotImplementedError

    async def submit(self, endpoint_id: str, body: Json) -> Operation:
        job_id = str(body["job"])
        if await self._world.ask(self._driver, "send", job_id, endpoint_id) == "not sent":
            raise NotSent("nothing left this machine.")
        posted = job_id, endpoint_id
        self._world.posts[posted] = self._world.posts.get(posted, 0) + 1
        await self._world.ask(self._driver, "answer", job_id, endpoint_id)
        return operation_of(job_id, endpoint_id)

    async def poll(self, operation: Operation) -> Pending | Finished | Failed:
        return await self._world.ask(self._driver, "look", operation["job"], operation["endpoint"])

    async def cancel(self, operation: Operation) -> CancelOutcome:
        return await self._world.ask(self._driver, "stop", operation["job"], operation["endpoint"])

    async def find(self, sent: SentRequest) -> Operation | None:
        job_id = str(sent.body["job"])
        runs = await self._world.ask(self._driver, "find", job_id, sent.endpoint_id)
        return operation_of(job_id, sent.endpoint_id) if runs else None

    async def upload(self, path: Path, mime_type: str) -> str:
        raise NotImplementedError

    async def close(self) -> None:
        return


def operation_of(job_id: str, endpoint_id: str) -> Operation:
    return {"request_id": f"{job_id}-{endpoint_id}", "job": job_id, "endpoint": endpoint_id}


class HandDelivery(Delivery):
    """Media that are prepared and fetched when the test says so."""

    def __init__(self, world: World, driver: Driver) -> None:
        self._world = world
        self._driver = driver

    async def prepare(
        self,
        job: Job,
        candidate: Candidate,
        gateway: Gateway,  # noqa: ARG002
        on_bytes: OnBytes = lambda _done, _all: None,  # noqa: ARG002
    ) -> Json:
        await self._world.ask(self._driver, "prepare", job.id, candidate.endpoint_id)
        return candidate.payload.body | {"job": job.id}

    async def collect(
        self,
        job: Job,
        candidate: Candidate,
        finished: Finished,  # noqa: ARG002
        on_progress: Any,  # noqa: ARG002
        *,
        apart: bool = False,  # noqa: ARG002
    ) -> Video:
        return await self._world.ask(self._driver, "fetch", job.id, candidate.endpoint_id)
