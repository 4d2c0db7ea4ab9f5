"""Drives one job: submit, watch, fetch, or the next candidate. Re-enterable from the stored row at every state.

Money is safe because of one order of events: the attempt is written down before the submit is sent, only the process
that got the row sends it, it is sent once, and the gateway's handle is stored before anything else happens. A process
that finds an attempt `submitting` did not send it, so it never sends it again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import assert_never

from videogen_mcp.catalogue.pricing import SMALLEST_USD
from videogen_mcp.errors import (
    DownloadFailed,
    GatewayError,
    InvalidRequest,
    NotSent,
    SubmitUncertain,
    VideoGenError,
)
from videogen_mcp.gateways.base import CONNECT_SECONDS, Failed, Finished, Gateway, Operation
from videogen_mcp.jobs.failures import fix_for, next_candidate
from videogen_mcp.jobs.job import Attempt, Job, JobError
from videogen_mcp.jobs.lost import LOST_MESSAGE, SENDER_DIED, LostSubmits, lost_error
from videogen_mcp.jobs.parts import RunnerParts
from videogen_mcp.jobs.steps import told_in_steps
from videogen_mcp.jobs.watch import Watch
from videogen_mcp.selection.scoring import Candidate

logger = logging.getLogger(__name__)

DOWNLOAD_TRIES = 6

NOT_SENT_PAUSES = (0.5, 2.0)
"""Seconds before a submit of which nothing left this machine is tried once more, unless a connection's time is over."""


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

    async def drive(self, job_id: str) -> None:
        """Take a job from wherever its row stands to its end. Returns when it has ended.

        Whatever goes wrong unexpectedly leaves a generation that was paid for in the database, to be taken up by the
        next process; a job for which nothing was sent fails with `internal`.
        """
        try:
            job = await self._store.get(job_id)
            while not job.ended and job.driver == self._parts.driver:
                await self._step(job)
                job = await self._store.get(job_id)
        except Exception as error:
            logger.exception("job %s could not be driven on", job_id)
            await self._give_up(job_id, error)

    async def _step(self, job: Job) -> None:
        last = job.attempts[-1] if job.attempts else None
        if last is None or last.status in {"failed", "cancelled"}:
            await self._start_next(job)
        elif last.status in {"submitted", "succeeded"}:
            await self._settle(job, last, await self._watch.until_end(job, last))
        elif last.status == "uncertain":
            await self._look_for(job, last)
        elif self._parts.gateway(job.current.gateway).on_this_machine:
            await self._submit(job, job.current, last)
        else:
            await self._lose(job, last, SubmitUncertain(SENDER_DIED))

    async def _start_next(self, job: Job) -> None:
        candidate = next_candidate(job)
        if job.cancel_requested:
            await self._update(job, status="cancelled", message="cancelled")
        elif candidate is None:
            await self._end_failed(job)
        else:
            await self._begin(job, candidate)

    async def _begin(self, job: Job, candidate: Candidate) -> None:
        """Prepare the media, write the attempt down, and send it."""
        gateway = self._parts.gateway(candidate.gateway)
        await self._update(job, message=f"preparing the request for {candidate.endpoint}")
        trouble: VideoGenError | None = None
        body = candidate.payload.body
        try:
            async with told_in_steps(self._teller(job), "sending the media") as on_bytes:
                body = await self._parts.delivery.prepare(job, candidate, gateway, on_bytes)
        except (GatewayError, InvalidRequest, DownloadFailed) as error:
            trouble = error
        attempt = await self._store.begin_attempt(
            job.id,
            driver=self._parts.driver,
            endpoint=candidate.endpoint,
            body=body,
            cost_usd=candidate.cost.estimated_usd,
            now=self._clock.now(),
        )
        if attempt is None:
            return
        if trouble is not None:
            await self._attempt_failed(job, attempt, trouble)
            return
        await self._submit(job, candidate, attempt)

    async def _submit(self, job: Job, candidate: Candidate, attempt: Attempt) -> None:
        """Send it once. Neither a cancelled call nor a shutdown may part the submit from the storing of its answer."""
        sending = asyncio.create_task(self._send(job, candidate, attempt))
        try:
            await asyncio.shield(sending)
        except asyncio.CancelledError:
            await asyncio.wait([sending])
            raise

    async def _send(self, job: Job, candidate: Candidate, attempt: Attempt) -> None:
        gateway = self._parts.gateway(candidate.gateway)
        try:
            operation = await self._submit_or_again(job, gateway, candidate, attempt)
        except SubmitUncertain as error:
            await self._lose(job, attempt, error)
        except GatewayError as error:
            await self._attempt_failed(job, attempt, error)
        else:
            self._parts.lessons.answered(candidate.gateway)
            try:
                await self._store.update_attempt(
                    job.id, attempt.number, status="submitted", operation=operation, submitted_at=self._clock.now()
                )
            except Exception:
                # The database failed: this line is the only trace of what was just paid for.
                logger.error("job %s: the handle could not be stored: %s", job.id, operation)  # noqa: TRY400 -- raised on
                raise
            await self._update(job, message=f"submitted to {candidate.endpoint}")

    async def _submit_or_again(self, job: Job, gateway: Gateway, candidate: Candidate, attempt: Attempt) -> Operation:
        """Submit once; only where nothing left this machine, and that was told soon, once more after each pause."""
        nobody = asyncio.Event()
        began = self._clock.monotonic()
        for pause in NOT_SENT_PAUSES:
            try:
                return await gateway.submit(candidate.endpoint_id, attempt.body)
            except NotSent:
                if self._clock.monotonic() - began + pause >= CONNECT_SECONDS:
                    raise
                await self._clock.wait(nobody, pause)
                if (await self._store.get(job.id)).cancel_requested:
                    raise
        return await gateway.submit(candidate.endpoint_id, attempt.body)

    async def _attempt_failed(self, job: Job, attempt: Attempt, error: VideoGenError) -> None:
        """Nothing runs at the gateway: the attempt costs nothing."""
        reason = JobError(error.code, error.message, error.fix or fix_for(error.code), attempt.endpoint)
        logger.info("job %s: %s failed: %s", job.id, attempt.endpoint, error.code)
        self._parts.lessons.failed(attempt.endpoint.partition(":")[0], error.code)
        await self._store.update_attempt(
            job.id,
            attempt.number,
            status="failed",
            error=reason,
            ended_at=self._clock.now(),
            costs={"cost_usd": Decimal(0)},
        )

    async def _lose(self, job: Job, attempt: Attempt, error: SubmitUncertain) -> None:
        """The answer to a submit is lost; looking for it is the next step, which may be another process's."""
        reason = lost_error(attempt, error)
        await self._store.update_attempt(job.id, attempt.number, status="uncertain", error=reason)
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
        tried = len(job.attempts)
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

    async def _settle(self, job: Job, attempt: Attempt, state: Finished | Failed) -> None:
        match state:
            case Finished():
                if attempt.status != "succeeded":
                    billed_usd = billed_of(state, job.current)
                    billed = {"billed_usd": billed_usd} if billed_usd is not None else None
                    await self._store.update_attempt(
                        job.id, attempt.number, status="succeeded", ended_at=self._clock.now(), costs=billed
                    )
                await self._deliver(job, state)
            case Failed() if attempt.status == "succeeded":
                message = f"The clip was made, but it is no longer at the gateway: {state.message}"
                reason = JobError("download_failed", message, endpoint=attempt.endpoint)
                await self._update(job, status="failed", error=reason, message=message)
            case Failed():
                cancelled = (await self._store.get(job.id)).cancel_requested
                reason = JobError(state.code, state.message, fix_for(state.code), attempt.endpoint)
                await self._store.update_attempt(
                    job.id,
                    attempt.number,
                    status="cancelled" if cancelled else "failed",
                    error=reason,
                    ended_at=self._clock.now(),
                    costs={"cost_usd": Decimal(0)} if state.is_free else None,
                )
                if cancelled:
                    await self._update(job, status="cancelled", message="cancelled at the gateway")
            case _:
                assert_never(state)

    async def _deliver(self, job: Job, finished: Finished) -> None:
        """Fetch the clip; a failure here is never a failure of the generation, and nothing is submitted again."""
        await self._update(job, progress=max(job.progress, 0.95), message="fetching the finished clip")
        nobody = asyncio.Event()
        for number in range(1, DOWNLOAD_TRIES + 1):
            try:
                async with told_in_steps(self._teller(job), "fetching the finished clip") as on_bytes:
                    video = await self._parts.delivery.collect(job, job.current, finished, on_bytes)
            except DownloadFailed as error:
                if not error.retryable or number == DOWNLOAD_TRIES:
                    where = (
                        f"The clip was made and paid for; it may still be at {finished.url}." if finished.url else ""
                    )
                    fix = f"{error.fix} {where}".strip()
                    reason = JobError("download_failed", error.message, fix, job.current.endpoint)
                    await self._update(job, status="failed", error=reason, message=reason.message)
                    return
                await self._clock.wait(nobody, self._parts.poll_interval or 2.0**number)
            else:
                message = _done_message(job.current)
                await self._update(job, status="completed", progress=1.0, video=video, message=message)
                return

    def _teller(self, job: Job) -> Callable[[str], Awaitable[None]]:
        async def tell(message: str) -> None:
            await self._update(job, message=message)

        return tell

    async def _update(self, job: Job, **changes: object) -> None:
        await self._store.update_job(job.id, now=self._clock.now(), **changes)  # pyright: ignore[reportArgumentType]
        self._parts.bell.ring(job.id)


def billed_of(finished: Finished, candidate: Candidate) -> Decimal | None:
    """What the gateway charged: as it says, or its units at what one of them costs; None where that is not known."""
    if finished.billed_usd is not None:
        return finished.billed_usd
    if finished.billed_units is None or candidate.cost.unit_usd is None:
        return None
    return (finished.billed_units * candidate.cost.unit_usd).quantize(SMALLEST_USD)


def _done_message(candidate: Candidate) -> str:
    if candidate.gateway == "local":
        return "an animatic for planning shots, drawn on this machine; not AI video"
    return f"made with {candidate.model}"
