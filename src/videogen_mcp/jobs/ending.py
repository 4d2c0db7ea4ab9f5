"""What follows when a generation has ended: its record, its bill, and the clip."""

import asyncio
from decimal import Decimal
from typing import assert_never

from videogen_mcp.catalogue.pricing import SMALLEST_USD
from videogen_mcp.errors import DownloadFailed
from videogen_mcp.gateways.base import Failed, Finished
from videogen_mcp.jobs.failures import fix_for
from videogen_mcp.jobs.job import Attempt, Job, JobError
from videogen_mcp.jobs.parts import RunnerParts
from videogen_mcp.jobs.steps import told_in_steps
from videogen_mcp.jobs.trace import trace_attempt
from videogen_mcp.selection.scoring import Candidate

DOWNLOAD_TRIES = 6


class Ending:
    """Brings ended generations home.

    Args:
        parts: The store, the gateways, and time.
    """

    def __init__(self, parts: RunnerParts) -> None:
        self._parts = parts

    async def settle(self, job: Job, attempt: Attempt, state: Finished | Failed) -> None:
        """Write down how the generation ended, and fetch the clip where there is one."""
        match state:
            case Finished():
                if attempt.status != "succeeded":
                    billed_usd = billed_of(state, job.current)
                    billed = {"billed_usd": billed_usd} if billed_usd is not None else None
                    await self._parts.store.update_attempt(
                        job.id, attempt.number, status="succeeded", ended_at=self._parts.clock.now(), costs=billed
                    )
                    trace_attempt(job, attempt, "succeeded", self._parts.clock.now(), None)
                await self._deliver(job, state)
            case Failed() if attempt.status == "succeeded":
                message = f"The clip was made, but it is no longer at the gateway: {state.message}"
                reason = JobError("download_failed", message, endpoint=attempt.endpoint)
                await self._parts.update(job.id, status="failed", error=reason, message=message)
            case Failed():
                cancelled = (await self._parts.store.get(job.id)).cancel_requested
                reason = JobError(state.code, state.message, fix_for(state.code), attempt.endpoint)
                await self._parts.store.update_attempt(
                    job.id,
                    attempt.number,
                    status="cancelled" if cancelled else "failed",
                    error=reason,
                    ended_at=self._parts.clock.now(),
                    costs={"cost_usd": Decimal(0)} if state.is_free else None,
                )
                trace_attempt(job, attempt, "cancelled" if cancelled else "failed", self._parts.clock.now(), state.code)
                if cancelled:
                    await self._parts.update(job.id, status="cancelled", message="cancelled at the gateway")
            case _:
                assert_never(state)

    async def _deliver(self, job: Job, finished: Finished) -> None:
        """Fetch the clip; a failure here is never a failure of the generation, and nothing is submitted again."""
        # A clip that a process may have died of is decoded apart from this one, and so brings down nobody.
        is_suspect = job.crashes > 0
        risk = job.risk if is_suspect else "clip"
        progress = max(job.progress, 0.95)
        await self._parts.update(job.id, progress=progress, message="fetching the finished clip", risk=risk)
        nobody = asyncio.Event()
        for number in range(1, DOWNLOAD_TRIES + 1):
            try:
                async with told_in_steps(self._parts.teller(job.id), "fetching the finished clip") as on_bytes:
                    video = await self._parts.delivery.collect(job, job.current, finished, on_bytes, apart=is_suspect)
            except DownloadFailed as error:
                if not error.retryable or number == DOWNLOAD_TRIES:
                    where = (
                        f"The clip was made and paid for; it may still be at {finished.url}." if finished.url else ""
                    )
                    fix = f"{error.fix} {where}".strip()
                    reason = JobError("download_failed", error.message, fix, job.current.endpoint)
                    await self._parts.update(job.id, status="failed", error=reason, message=reason.message)
                    return
                await self._parts.clock.wait(nobody, self._parts.poll_interval or 2.0**number)
            else:
                message = _done_message(job.current)
                await self._parts.update(job.id, status="completed", progress=1.0, video=video, message=message)
                return


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
