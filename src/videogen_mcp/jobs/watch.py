"""Watches one generation at its gateway until it ends."""

from videogen_mcp.errors import OperationGone, PollTrouble
from videogen_mcp.gateways.base import Failed, Finished, Gateway, Pending
from videogen_mcp.jobs.job import Attempt, Job
from videogen_mcp.jobs.parts import RunnerParts

LONGEST_WATCH_SECONDS = 6 * 3600.0
SLOWEST_POLL_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 600.0
"""However long a gateway asks to be left alone, it is looked at again after this."""

GONE_AFTER = 5

PROGRESS_STEP = 0.05
"""Progress is stored in steps of this: every write is flushed to the disk, and a thousand jobs may be waiting."""


class Watch:
    """Looks at generations, tells what it sees, and passes cancellations on.

    Args:
        parts: The store, the gateways, and time.
    """

    def __init__(self, parts: RunnerParts) -> None:
        self._parts = parts
        self._store = parts.store
        self._clock = parts.clock

    async def until_end(self, job: Job, attempt: Attempt) -> Finished | Failed:
        """Look at the generation until it ends, however often a look fails."""
        gateway = self._parts.gateway(job.current.gateway)
        began = self._clock.now()
        # A rendering of this machine that died was started again just now.
        since = began if gateway.on_this_machine else attempt.submitted_at or began
        gone, state = 0, Pending()
        stopped: bool | None = False
        with self._parts.bell.listen(f"drive:{job.id}") as poke:
            while isinstance(state, Pending):
                poke.clear()
                waited = (self._clock.now() - since).total_seconds()
                overdue = waited > LONGEST_WATCH_SECONDS
                pause = self._pause(gateway, waited)
                stopped = await self._ask_to_stop(job, attempt, gateway) if stopped is False else stopped
                try:
                    state = await gateway.poll(attempt.operation or {})
                    gone = 0
                except PollTrouble as trouble:
                    pause = max(pause, min(trouble.retry_after or 0.0, LONGEST_PAUSE_SECONDS))
                    # The gateway did not answer: after a night without network the clip may well be ready.
                    overdue = (self._clock.now() - began).total_seconds() > LONGEST_WATCH_SECONDS
                    state = Pending(None, f"the generation goes on; {trouble.message.rstrip('.')}")
                except OperationGone as error:
                    gone += 1
                    # Accepted once and unknown now: it may have run and may be billed, so nothing else is tried.
                    state = Failed("timed_out", error.message) if gone >= GONE_AFTER else state
                if isinstance(state, Pending) and overdue:
                    state = Failed("timed_out", f"No result after {LONGEST_WATCH_SECONDS / 3600:.0f} hours.")
                if isinstance(state, Pending):
                    job = await self._report(job, state, waited)
                    await self._clock.wait(poke, pause)
                    # Who wants the job stopped pokes: nothing need be read before.
                    stopped = False if stopped is None and poke.is_set() else stopped
        return state

    async def _ask_to_stop(self, job: Job, attempt: Attempt, gateway: Gateway) -> bool | None:
        """Pass a cancellation on; None where nobody wants one.

        One that does not get through is tried again, and never keeps from looking.
        """
        if not await self._store.is_to_be_cancelled(job.id):
            return None
        try:
            return await gateway.cancel(attempt.operation or {}) in {"requested", "too_late"}
        except PollTrouble:
            return False

    def _pause(self, gateway: Gateway, waited: float) -> float:
        """A tenth of the time waited so far, so that the end is seen in time without asking too often."""
        if self._parts.poll_interval is not None:
            return self._parts.poll_interval
        pause = min(SLOWEST_POLL_SECONDS, max(gateway.shortest_poll_seconds, 0.1 * waited))
        return pause * self._parts.random.uniform(1.0, 1.1)

    async def _report(self, job: Job, state: Pending, waited: float) -> Job:
        """Store what the gateway tells; where it gives no figure, progress follows the usual time, never to the end."""
        usual = job.current.usual_seconds
        progress = state.progress if state.progress is not None else 0.95 * waited / (waited + usual)
        progress = max(job.progress, PROGRESS_STEP * int(min(progress, 0.99) / PROGRESS_STEP))
        message = state.message or job.message
        crashes = 0 if self._only_waits(job) else job.crashes
        if (progress, message, crashes) == (job.progress, job.message, job.crashes):
            return job
        await self._store.update_job(job.id, now=self._clock.now(), progress=progress, message=message, crashes=crashes)
        self._parts.bell.ring(job.id)
        return await self._store.get(job.id)

    def _only_waits(self, job: Job) -> bool:
        """Whether the job waits for a gateway, which brings no process down: those that died meanwhile are not its."""
        return job.attempts[-1].status == "submitted" and not self._parts.gateway(job.current.gateway).on_this_machine
