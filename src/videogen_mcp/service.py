"""The product behind every face: plan, generate, status, wait, cancel. Here, and only here, the parts are wired."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from random import Random
from types import TracebackType
from typing import TYPE_CHECKING, Self, cast

import httpx2
from anyio import to_thread

from videogen_mcp.catalogue import Catalogue, load_catalogue
from videogen_mcp.errors import InvalidRequest, NotFound
from videogen_mcp.gateways import GATEWAYS, open_gateway
from videogen_mcp.gateways.attended import Attended
from videogen_mcp.gateways.base import TIMEOUT, Gateway
from videogen_mcp.gateways.fal import FalPlatform
from videogen_mcp.jobs.bell import Bell
from videogen_mcp.jobs.callbacks import Callbacks
from videogen_mcp.jobs.clock import Clock, SystemClock
from videogen_mcp.jobs.job import Job, start_of_day
from videogen_mcp.jobs.lessons import Lessons
from videogen_mcp.jobs.location import Location
from videogen_mcp.jobs.nonce import with_nonce
from videogen_mcp.jobs.whole import in_one_go
from videogen_mcp.live import LiveCatalogue
from videogen_mcp.selection.decide import Plan, Situation, decide
from videogen_mcp.selection.eligibility import GatewayState
from videogen_mcp.selection.fallback import fallback_order
from videogen_mcp.selection.limits import check_confirmed, limit_of
from videogen_mcp.settings import Settings
from videogen_mcp.types import JobStatus, Media, VideoRequest

if TYPE_CHECKING:  # these bring SQLAlchemy or the media modules, which must not be loaded before they are needed
    from videogen_mcp.jobs.inputs import Inputs
    from videogen_mcp.jobs.queries import Page, Totals
    from videogen_mcp.jobs.receiver import Receiver
    from videogen_mcp.jobs.retention import Pruned
    from videogen_mcp.jobs.workshop import Workshop

logger = logging.getLogger(__name__)

DATABASE_FILE = "videogen.sqlite3"
ELSEWHERE_SECONDS = 0.5
"""How often a waiter looks at a job that another process may be driving."""

OnJob = Callable[[Job], Awaitable[None]]


class VideoService:
    """Everything the tools and the commands do.

    Use it as an asynchronous context manager; the database is opened when it is first needed.

    Args:
        settings: The environment.
        catalogue: Gives the catalogue, when it is first needed.
        clock: Time.
        random: Chance, for the spread of polls.

    Attributes:
        callbacks: The addresses that gateways may call; set before the first use by who serves them (`server/http.py`).
    """

    def __init__(
        self,
        settings: Settings,
        catalogue: Callable[[], Catalogue] = load_catalogue,
        clock: Clock | None = None,
        random: Random | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.live = LiveCatalogue(
            settings, catalogue, lambda: FalPlatform.open(settings, self._http, self.clock), self.clock
        )
        self.callbacks: Callbacks | None = None
        self._random = random or Random(secrets.randbits(64))  # noqa: S311 -- spreads polls, guards nothing
        self._bell = Bell()
        self._lessons = Lessons(self.clock)
        self._gateways: dict[str, Attended] = {}
        self._running: Workshop | None = None
        self._opening = asyncio.Lock()
        self._users = 0

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue with the live prices that are kept, loaded on first use."""
        return self.live.catalogue

    @property
    def location(self) -> Location:
        """Where the jobs are kept."""
        return Location(self.settings.home / DATABASE_FILE, self.settings.database_url)

    @cached_property
    def _http(self) -> httpx2.AsyncClient:
        limits = httpx2.Limits(max_connections=100, max_keepalive_connections=8)  # each is checked before a request
        return httpx2.AsyncClient(timeout=TIMEOUT, limits=limits, follow_redirects=False)

    @property
    def gateway_states(self) -> Mapping[str, GatewayState]:
        """What selection needs to know of each gateway, with what was learned of it lately."""
        return self._lessons.applied_to(self._gateways_as_set)

    @cached_property
    def _gateways_as_set(self) -> Mapping[str, GatewayState]:
        return {
            name: GatewayState(
                key_variable=entry.key_variable,
                configured=entry.key_variable is None or self.settings.secret(entry.key_variable) is not None,
                supported=entry.implementation is not None,
                takes_files=entry.implementation is None or entry.implementation.takes_files,
            )
            for name, entry in GATEWAYS.items()
        }

    async def __aenter__(self) -> Self:
        self._users += 1
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._users -= 1
        if self._users == 0:
            await self.close()

    async def close(self) -> None:
        """Stop driving jobs and close everything; unfinished jobs are taken up by whoever opens the database next."""
        async with self._opening:
            await self.live.close()
            if self._running is not None:
                await self._running.engine.close()
            for gateway in self._gateways.values():
                await gateway.close()
            self._gateways.clear()
            if self._running is not None:
                await self._running.store.close()
                self._running = None
            if "_http" in self.__dict__:
                await self._http.aclose()
                del self.__dict__["_http"]

    def plan(self, request: VideoRequest) -> Plan:
        """Decide without sending, resolving, storing or spending anything.

        Raises:
            InvalidRequest: The request cannot be used.
            NothingEligible: No endpoint can serve it; `NotConfigured` or `OverBudget` where that is what is missing.
        """
        from videogen_mcp.jobs.inputs import check_inputs  # noqa: PLC0415 -- brings the media modules

        return self._decide(request, check_inputs(request, self.settings).media)

    def _decide(self, request: VideoRequest, media: Media) -> Plan:
        situation = Situation(self.gateway_states, self.settings.max_cost_usd, self._lessons.experience)
        return decide(request, self.catalogue, situation, media)

    async def learn(self) -> None:
        """Read what earlier attempts taught, where there is a database; a plan is made with what was read last.

        Nothing is opened for driving jobs, and nothing is made.
        """
        store = None if self._running is None else self._running.store
        await self._lessons.read(store, self.location)

    async def generate(self, request: VideoRequest) -> Job:
        """Decide, check every input, store the job and start it; returns at once.

        Raises:
            InvalidRequest: The request or one of its media cannot be used; nothing is stored.
            NothingEligible: As in `plan`.
        """
        fingerprint = request.fingerprint
        if request.request_key is not None:
            # Asked first, so that repeating a call gives its job even when an input file has gone since.
            earlier = await (await self._open()).store.with_key(request.request_key, fingerprint)
            if earlier is not None:
                return earlier
        await self.learn()
        told = await self.live.look_up(request.endpoint)
        plan = await self._settle(request)
        running = await self._open()
        now = self.clock.now()
        job = Job(
            id=secrets.token_hex(16),
            status="queued",
            request=plan.request,
            mode=plan.mode,
            intent=plan.intent,
            candidates=tuple(
                with_nonce(one, self.catalogue.find(one.endpoint), self._random)
                for one in fallback_order(plan.candidates)
            ),
            created_at=now,
            updated_at=now,
            cap_usd=limit_of(
                plan.request,
                plan.candidates[0],
                plan.cap_usd,
                confirm_above_usd=self.settings.confirm_above_usd,
                has_daily_budget=self.settings.daily_budget_usd is not None,
            ),
            message=f"queued for {plan.candidates[0].endpoint}",
            warnings=(*told, *plan.warnings),
            driver=running.engine.driver,
        )
        stored = await in_one_go(self._keep(running, job, fingerprint))
        self.live.start_refresh()
        return stored

    async def _settle(self, request: VideoRequest) -> Plan:
        """Decide on what can be known here, then again on what addresses and earlier jobs turn out to hold.

        A request that nothing can serve is refused before anything is asked for, and in any case before anything is
        written. Where all media are files of this machine, the first decision is the last.

        Raises:
            InvalidRequest: The request or one of its media cannot be used.
            NothingEligible: As in `plan`.
        """
        from videogen_mcp.jobs.inputs import (  # noqa: PLC0415 -- brings the media modules
            check_inputs,
            keep_data_uris,
            resolve_addresses,
        )

        known = await to_thread.run_sync(check_inputs, request, self.settings)
        plan = self._confirmed(known)
        resolved = await resolve_addresses(known, self.settings, http=self._http, video_file=self._video_file)
        plan = plan if resolved is known else self._confirmed(resolved)
        kept = await keep_data_uris(resolved, self.settings)
        return plan if kept is resolved else self._confirmed(kept)

    def _confirmed(self, inputs: "Inputs") -> Plan:
        """The decision, if it may be bought unasked.

        Raises:
            OverBudget: It costs more, and the request names no cap.
        """
        plan = self._decide(inputs.request, inputs.media)
        check_confirmed(inputs.request, plan.candidates[0], self.settings.confirm_above_usd)
        return plan

    async def _keep(self, running: "Workshop", job: Job, fingerprint: str) -> Job:
        """Store a job and start it, in one go: a cancelled call must not leave a job that nobody drives."""
        stored = await running.store.create(
            job,
            request_key=job.request.request_key,
            fingerprint=fingerprint,
            day_start=start_of_day(job.created_at),
            day_budget=self.settings.daily_budget_usd,
        )
        if stored.id == job.id:
            running.engine.start(job.id)
        return stored

    async def _video_file(self, field: str, job_id: str) -> Path:
        """The file of an earlier job's clip, for `video:<job_id>`.

        Raises:
            InvalidRequest: There is no such job, or it has no clip.
        """
        try:
            job = await self.status(job_id)
        except NotFound as error:
            raise InvalidRequest(f"{field} video:{job_id} names no job.", field=field, fix=error.fix) from error
        if job.video is None:
            raise InvalidRequest(f"{field} video:{job_id} has no clip: the job is {job.status}.", field=field)
        return Path(job.video.path)

    async def _open(self) -> "Workshop":
        """Open the database and take over the jobs of dead processes, once."""
        async with self._opening:
            if self._running is None:
                self._running = await in_one_go(self._wire())
            return self._running

    async def _wire(self) -> "Workshop":
        from videogen_mcp.jobs.workshop import Surroundings, open_workshop  # noqa: PLC0415 -- brings SQLAlchemy

        if unknown := sorted(self.settings.gateway_limits.keys() - GATEWAYS.keys()):
            raise InvalidRequest(
                f"VIDEOGEN_GATEWAY_LIMITS names {unknown[0]}, which is no gateway.",
                field="VIDEOGEN_GATEWAY_LIMITS",
                fix=f"The gateways are {', '.join(GATEWAYS)}.",
            )
        surroundings = Surroundings(
            *(self.settings, self.gateway, self._http, self.clock, self._random, self._bell, self._lessons),
            submit_turn=self._submit_turn,
            callbacks=self.callbacks,
        )
        return await open_workshop(surroundings, self.location)

    async def receiver(self) -> "Receiver":
        """Who takes the calls of gateways; the database is opened for it."""
        return (await self._open()).receiver

    async def resume(self) -> None:
        """Take up unfinished jobs, where there may be any; without a database, nothing is loaded or made."""
        if await self.location.exists():
            await self._open()

    def gateway(self, name: str) -> Gateway:
        """The gateway of that name, opened on first use.

        Raises:
            NotConfigured: This version has no such gateway.
            InvalidRequest: One of its settings cannot be used.
        """
        if name not in self._gateways:
            self._gateways[name] = open_gateway(name, self.settings, self._http, self.clock)
        return cast("Gateway", self._gateways[name])

    async def _submit_turn(self, name: str) -> bool:
        """Wait until a submit may be sent to a gateway; tells whether that took any time."""
        self.gateway(name)
        return await self._gateways[name].pace.submit_turn()

    async def status(self, job_id: str) -> Job:
        """A job as it is stored; where a submit was lost, it is looked for in the background.

        Raises:
            NotFound: There is no such job.
        """
        running = await self._open()
        job = await running.store.get(job_id)
        if job.status == "uncertain":
            running.engine.look_up(job_id)
        return job.reckoned(self.clock.now())

    async def wait(
        self,
        job_id: str,
        seconds: float,
        on_change: OnJob | None = None,
        until: Callable[[Job], bool] = lambda _: False,
    ) -> Job:
        """Wait until a job ends, `seconds` at most; returns its state then, which is no error.

        Args:
            job_id: The job.
            seconds: How long to wait at most.
            on_change: Told of every state seen on the way.
            until: A state that ends the waiting earlier.

        Raises:
            NotFound: There is no such job.
        """
        store = (await self._open()).store
        deadline = self.clock.monotonic() + seconds
        with self._bell.listen(job_id) as rung:
            while True:
                rung.clear()
                job = (await store.get(job_id)).reckoned(self.clock.now())
                if on_change is not None:
                    await on_change(job)
                left = deadline - self.clock.monotonic()
                if job.ended or until(job) or left <= 0:
                    return job
                await self.clock.wait(rung, min(ELSEWHERE_SECONDS, left))

    async def cancel(self, job_id: str) -> Job:
        """Ask for a job to be stopped; what has finished in the meantime is kept.

        Raises:
            NotFound: There is no such job.
        """
        job = await (await self._open()).store.request_cancel(job_id, now=self.clock.now())
        self._bell.ring(f"drive:{job_id}")
        self._bell.ring(job_id)
        return job.reckoned(self.clock.now())

    async def prune(self, days: int) -> "Pruned":
        """Delete jobs that ended more than `days` days ago, with their files; see `retention.prune`."""
        from videogen_mcp.jobs.retention import prune  # noqa: PLC0415 -- brings SQLAlchemy

        before = self.clock.now() - timedelta(days=days)
        return await prune((await self._open()).store, self.settings.videos_folder, before)

    async def page(self, *, status: JobStatus | None = None, limit: int = 20, cursor: str | None = None) -> "Page":
        """Jobs, newest first; see `Store.page`."""
        found = await (await self._open()).store.page(status=status, limit=limit, cursor=cursor)
        return replace(found, jobs=tuple(one.reckoned(self.clock.now()) for one in found.jobs))

    async def totals(self) -> "Totals":
        """Sums over all jobs; see `Store.totals`."""
        return await (await self._open()).store.totals()


def open_service(settings: Settings) -> VideoService:
    """Wire the product for an environment. Nothing heavy is loaded and nothing is opened yet."""
    return VideoService(settings)
