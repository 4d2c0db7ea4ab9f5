"""Drives one job: submit, watch, fetch, or the next candidate. Re-enterable from the stored row at every state.

Money is safe because of one order of events: the attempt is written down before the submit is sent, only the process
that got the row sends it, it is sent once, and the gateway's handle is stored before anything else happens. A process
that finds an attempt `submitting` did not send it, so it never sends it again.
"""

import asyncio
import contextlib
import logging
from decimal import Decimal
from typing import Any

from videogen_mcp.errors import (
    DownloadFailed,
    GatewayError,
    InvalidRequest,
    OverBudget,
    StoreError,
    SubmitRefused,
    SubmitUncertain,
    VideoGenError,
)
from videogen_mcp.gateways.abilities import CallsBack
from videogen_mcp.gateways.base import Gateway, Operation
from videogen_mcp.jobs.ending import Ending
from videogen_mcp.jobs.failures import Again, fix_for, next_again, next_candidate
from videogen_mcp.jobs.job import Attempt, Job, JobError, NoLongerDriver, NoSlot
from videogen_mcp.jobs.lost import LOST_MESSAGE, SENDER_DIED, LostSubmits, lost_error
from videogen_mcp.jobs.parts import RunnerParts
from videogen_mcp.jobs.steps import told_in_steps
from videogen_mcp.jobs.suspects import risk_of_sending
from videogen_mcp.jobs.trace import trace_attempt
from videogen_mcp.jobs.unsent import again_if_not_sent
from videogen_mcp.jobs.watch import Watch
from videogen_mcp.jobs.whole import in_one_go
from videogen_mcp.selection.scoring import Candidate
from videogen_mcp.types import Json

logger = logging.getLogger(__name__)


ROOM_LOOK_SECONDS = 10.0
"""A job that waits for a full gateway looks this often whether another process was told to stop it."""

SLEPT = "The process that was to send the submit was stopped before it did, and the job was given up; nothing was sent."

DATABASE_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""Seconds before each new try to write the answer to a submit into a database that does not answer: two minutes."""

UNREADABLE_PAUSE = 2.0
"""Seconds before a job is taken up again whose database did not answer."""


class Runner:
    """Drives jobs to their end.

    Args:
        parts: The store, the gateways, and time.
    """

    def __init__(self, parts: RunnerParts) -> None:
        self._parts = parts
        self._store = parts.store
        self._clock = parts.clock
        self._lost = LostSubmits(parts.store, parts.gateway, parts.clock, parts.bell, parts.driver)
        self._watch = Watch(parts)
        self._ending = Ending(parts)

    async def drive(self, job_id: str) -> None:
        """Take a job from wherever its row stands to its end. Returns when it has ended.

        A database that does not answer is asked again. Whatever else goes wrong unexpectedly leaves a generation that
        was paid for in the database, to be taken up by the next process; a job for which nothing was sent fails with
        `internal`.
        """
        nobody = asyncio.Event()
        while True:
            try:
                return await self._drive(job_id)
            except StoreError as error:
                logger.warning("job %s: %s", job_id, error.message)
                await self._clock.wait(nobody, UNREADABLE_PAUSE)

    async def _drive(self, job_id: str) -> None:
        try:
            job = await self._store.get(job_id)
            draws = self._parts.gateway(job.current.gateway).on_this_machine
            async with self._parts.suspects.one(job, is_risky=draws):
                if draws and not job.ended:
                    await self._update(job, risk="drawing")
                while not job.ended and job.driver == self._parts.driver:
                    await self._step(job)
                    job = await self._store.get(job_id)
        except NoLongerDriver:
            logger.info("job %s is driven by somebody else by now", job_id)
        except StoreError:
            raise
        except Exception as error:
            logger.exception("job %s could not be driven on", job_id)
            with contextlib.suppress(NoLongerDriver):
                await self._give_up(job_id, error)

    async def _step(self, job: Job) -> None:
        last = job.attempts[-1] if job.attempts else None
        if last is None or last.status in {"failed", "cancelled"}:
            await self._start_next(job)
        elif last.status in {"submitted", "succeeded"}:
            await self._ending.settle(job, last, await self._watch.until_end(job, last))
        elif last.status == "uncertain":
            await self._look_for(job, last)
        elif self._parts.gateway(job.current.gateway).on_this_machine:
            await in_one_go(self._send(job, job.current, last))
        else:
            await self._lose(job, last, SubmitUncertain(SENDER_DIED))

    async def _start_next(self, job: Job) -> None:
        candidate = next_candidate(job)
        again = next_again(job) if candidate is None else None
        if job.cancel_requested:
            await self._update(job, status="cancelled", message="cancelled")
        elif candidate is not None:
            await self._begin(job, candidate)
        elif again is None:
            await self._end_failed(job)
        elif again.at > self._clock.now():
            await self._wait_for_room(job, again)
        else:
            await self._begin(job, again.candidate)

    async def _wait_for_room(self, job: Job, again: Again) -> None:
        """Wait a while for a gateway that is full; a cancellation ends it at once, one from elsewhere soon."""
        gateway = again.candidate.gateway
        message = f"{gateway} has no room now; it is asked again at {again.at:%H:%M:%S} UTC, nothing is running there"
        if job.message != message:
            await self._update(job, message=message)
        with self._parts.bell.listen(f"drive:{job.id}") as poke:
            if not await self._store.is_to_be_cancelled(job.id):
                left = (again.at - self._clock.now()).total_seconds()
                await self._clock.wait(poke, min(max(left, 0.0), ROOM_LOOK_SECONDS))

    async def _begin(self, job: Job, candidate: Candidate) -> None:
        """Wait for a place where places are limited, prepare the media, write the attempt down, and send it.

        Neither a cancelled call nor a shutdown may part the submit from its record before it and its answer's after it.
        """
        gateway = self._parts.gateway(candidate.gateway)

        async def is_wanted(reason: str) -> bool:
            current = await self._store.get(job.id)
            if current.message != reason:
                await self._update(job, message=reason)
            return not current.ended and not current.cancel_requested and current.driver == self._parts.driver

        async with self._parts.slots.one(candidate.gateway, is_wanted):
            body, trouble = await self._prepared(job, candidate, gateway)
            waited = trouble is None and await self._parts.submit_turn(candidate.gateway)
            if waited and await self._store.is_to_be_cancelled(job.id):
                return
            await in_one_go(self._begin_and_send(job, candidate, body, trouble))

    async def _prepared(self, job: Job, candidate: Candidate, gateway: Gateway) -> tuple[Json, VideoGenError | None]:
        """The body with its media where the gateway can use them, or why they are not."""
        message, risk = f"preparing the request for {candidate.endpoint}", risk_of_sending(job, gateway)
        body, trouble = candidate.payload.body, None
        async with self._parts.suspects.one(job, is_risky=risk == "media"):
            await self._update(job, message=message, risk=risk)
            try:
                async with told_in_steps(self._parts.teller(job.id), "sending the media") as on_bytes:
                    body = await self._parts.delivery.prepare(job, candidate, gateway, on_bytes)
            except (GatewayError, InvalidRequest, DownloadFailed) as error:
                trouble = error
            if risk == "media":
                await self._update(job, risk="", crashes=0)
        return body, trouble

    async def _begin_and_send(self, job: Job, candidate: Candidate, body: Json, trouble: VideoGenError | None) -> None:
        try:
            attempt = await self._store.begin_attempt(
                job.id,
                driver=self._parts.driver,
                endpoint=candidate.endpoint,
                body=body,
                cost_usd=candidate.cost.estimated_usd,
                now=self._clock.now(),
                slots=self._parts.slots.limit(candidate.gateway),
                ceiling_usd=candidate.cost.ceiling_usd,
                day_budget=self._parts.day_budget,
            )
        except NoSlot:
            return  # another process was quicker: the next step waits again
        except OverBudget as error:
            reason = JobError(error.code, f"{candidate.endpoint} was next. {error.message}", error.fix)
            await self._update(job, status="failed", error=reason, message=reason.message)
            return
        if attempt is None:
            return
        if trouble is not None:
            await self._attempt_failed(job, attempt, trouble)
            return
        await self._send(job, candidate, attempt)

    async def _send(self, job: Job, candidate: Candidate, attempt: Attempt) -> None:
        gateway = self._parts.gateway(candidate.gateway)
        if await self._was_given_up(job.id):
            await self._attempt_failed(job, attempt, VideoGenError(SLEPT, fix="Start a new job."))
            return
        try:
            operation = await self._submit_or_again(job, gateway, candidate, attempt)
        except SubmitUncertain as error:
            await self._lose(job, attempt, error)
        except GatewayError as error:
            await self._attempt_failed(job, attempt, error)
        else:
            self._parts.lessons.answered(candidate.gateway)
            submitted_at = self._clock.now()
            await self._store_answer(job, attempt, status="submitted", operation=operation, submitted_at=submitted_at)
            await self._update(job, message=f"submitted to {candidate.endpoint}")

    async def _was_given_up(self, job_id: str) -> bool:
        """Whether this process slept so long between writing the attempt down and now that the job ended uncertain."""
        try:
            return (await self._store.get(job_id)).status == "uncertain"
        except StoreError:
            return False

    async def _store_answer(self, job: Job, attempt: Attempt, **answer: Any) -> None:
        """Write down what became of a submit; this process alone knows it, so a database that is away is waited for.

        Raises:
            StoreError: It was away for two minutes.
        """
        nobody = asyncio.Event()
        for pause in (*DATABASE_PAUSES, None):
            try:
                return await self._store.update_attempt(job.id, attempt.number, **answer)
            except Exception as error:
                # This line may be the only trace of what was just paid for.
                logger.error("job %s: the answer could not be stored: %s", job.id, answer.get("operation"))  # noqa: TRY400 -- raised on
                if pause is None or not isinstance(error, StoreError):
                    raise
                await self._clock.wait(nobody, pause)
        return None

    async def _submit_or_again(self, job: Job, gateway: Gateway, candidate: Candidate, attempt: Attempt) -> Operation:
        """Submit once; only where nothing left this machine, once more, unless the job is to be cancelled by then."""

        async def is_wanted() -> bool:
            return not (await self._store.get(job.id)).cancel_requested

        return await again_if_not_sent(
            lambda: self._submit_once(job, gateway, candidate, attempt), self._clock, is_wanted
        )

    async def _submit_once(self, job: Job, gateway: Gateway, candidate: Candidate, attempt: Attempt) -> Operation:
        """Submit, with the address that the gateway may call, where it takes one and this server can be called."""
        callbacks = self._parts.callbacks
        address = None if callbacks is None else callbacks.address(candidate.gateway, job.id, attempt.number)
        if address is None or not isinstance(gateway, CallsBack):
            return await gateway.submit(candidate.endpoint_id, attempt.body)
        return await gateway.submit_with_callback(candidate.endpoint_id, attempt.body, address)

    async def _attempt_failed(self, job: Job, attempt: Attempt, error: VideoGenError) -> None:
        """Nothing runs at the gateway: the attempt costs nothing."""
        pause = (error.retry_after or 0.0) if isinstance(error, SubmitRefused) and error.busy else None
        reason = JobError(error.code, error.message, error.fix or fix_for(error.code), attempt.endpoint, pause)
        logger.info("job %s: %s failed: %s", job.id, attempt.endpoint, error.code)
        gateway, now = attempt.endpoint.partition(":")[0], self._clock.now()
        self._parts.lessons.failed(gateway, error.code, quiet_seconds=pause or 0.0)
        costs = {"cost_usd": Decimal(0)}
        await self._store_answer(job, attempt, status="failed", error=reason, ended_at=now, costs=costs)
        trace_attempt(job, attempt, "failed", now, error.code)

    async def _lose(self, job: Job, attempt: Attempt, error: SubmitUncertain) -> None:
        """The answer to a submit is lost; looking for it is the next step, which may be another process's."""
        reason = lost_error(attempt, error)
        await self._store.update_attempt(job.id, attempt.number, status="uncertain", error=reason)
        trace_attempt(job, attempt, "uncertain", self._clock.now(), error.code)
        await self._update(job, message="the answer to the submit was lost; looking for it at the gateway")

    async def _look_for(self, job: Job, attempt: Attempt) -> None:
        """Go on with a lost submit that the gateway lists; otherwise the job ends `uncertain`, for now."""
        if await self._lost.found_again(job):
            return
        await self._update(job, status="uncertain", error=attempt.error, message=LOST_MESSAGE)

    async def look_up(self, job_id: str) -> None:
        """Look for the lost submit of an uncertain job, and drive the job on when it is found."""
        if await self._lost.look_up(job_id):
            await self.drive(job_id)

    async def abandon(self, job_id: str, crashes: int) -> None:
        """End a job that was being driven when several processes died; what may be paid for is named."""
        job = await self._store.get(job_id)
        last = job.attempts[-1] if job.attempts else None
        paid = not self._parts.gateway(job.current.gateway).on_this_machine
        if last is not None and paid and last.status in {"submitting", "uncertain"}:
            error = lost_error(last, SubmitUncertain(SENDER_DIED)) if last.error is None else last.error
            await self._store.update_attempt(job.id, last.number, status="uncertain", error=error)
            await self._update(job, status="uncertain", error=error, message=LOST_MESSAGE)
            return
        where = ""
        if last is not None and last.operation_id:
            where = f" At the gateway it is request {last.operation_id} of {last.endpoint}, and may be billed."
        message = f"{crashes} processes ended while they drove this job, so it is not driven again.{where}"
        error = JobError("internal", message, "See the log of the server; start a new job to try again.")
        await self._update(job, status="failed", error=error, message=message)

    async def _end_failed(self, job: Job) -> None:
        last = job.attempts[-1].error if job.attempts else None
        error = last or JobError("internal", "The job had nothing left to try.")
        tried = len({one.endpoint for one in job.attempts})
        message = f"{error.message} ({tried} endpoints were tried.)" if tried > 1 else error.message
        error = JobError(error.code, message, error.fix, error.endpoint)
        await self._update(job, status="failed", error=error, message=error.message)

    async def _give_up(self, job_id: str, defect: Exception) -> None:
        """After a defect: keep what may be paid for, fail what is not."""
        job = await self._store.get(job_id)
        if job.ended:
            return
        if any(one.status not in {"failed", "cancelled"} for one in job.attempts):
            await self._update(job, message="interrupted by an internal error; the next start takes it up again")
            return
        error = JobError("internal", "An internal error stopped the job before anything was sent.", "See the log.")
        if isinstance(defect, VideoGenError):
            error = JobError(defect.code, defect.message, defect.fix)
        await self._update(job, status="failed", error=error, message=error.message)

    def poke(self, job_id: str) -> None:
        """Make whoever drives a job here look at once, and whether it is to be stopped."""
        self._parts.bell.ring(f"drive:{job_id}")

    async def _update(self, job: Job, **changes: object) -> None:
        await self._parts.update(job.id, **changes)
