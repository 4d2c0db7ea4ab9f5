"""Watches one generation at its gateway until it ends: by what the gateway tells, and by looking where it does not."""

import asyncio
import re
from dataclasses import replace

from videogen_mcp.errors import OperationGone, PollTrouble
from videogen_mcp.gateways.base import LONGEST_WATCH_SECONDS, Failed, Finished, Gateway, Pending
from videogen_mcp.jobs.follower import Follower, Offer, following
from videogen_mcp.jobs.job import Attempt, Job
from videogen_mcp.jobs.parts import RunnerParts

SLOWEST_POLL_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 600.0
"""However long a gateway asks to be left alone, it is looked at again after this."""

FIRST_WORD_SECONDS = 1.5
"""So long a stream may take to tell its first state before the generation is looked at instead."""

LONG_PAUSE_SECONDS = 10.0
TOGETHER_SECONDS = 0.25
"""Looks after long pauses fall on multiples of this: several at once cost less than as many apart."""

QUIET_SECONDS = 300.0
"""A stream that told no state for this long, give or take half of it, is checked by a look.

An end that it lost must not be lost here; and a thousand jobs that began together must not look together.
"""

GONE_AFTER = 5

FIRST_DETAIL_SECONDS = 2.0
"""A message that says only more of the same is stored after this, later after a tenth of the time waited."""

PROGRESS_STEP = 0.05
"""Progress is stored in steps of this: every write is flushed to the disk, and a thousand jobs may be waiting."""

_DETAIL = re.compile("[,:]")
"""Ends what a message is about; what follows, such as a place in the queue, may change many times a second."""


class Watch:
    """Looks at generations, tells what it sees, and passes cancellations on.

    Args:
        parts: The store, the gateways, and time.
    """

    def __init__(self, parts: RunnerParts) -> None:
        self._parts = parts
        self._store = parts.store
        self._clock = parts.clock
        # One at a time: a thousand streams may have news at once, and the database takes one write at a time.
        self._storing = asyncio.Lock()
        self._offers: dict[str, Offer] = {}

    async def until_end(self, job: Job, attempt: Attempt) -> Finished | Failed:
        """See the generation to its end, however often a look fails."""
        gateway = self._parts.gateway(job.current.gateway)
        began = self._clock.now()
        # A rendering of this machine that died was started again just now.
        since = began if gateway.on_this_machine else attempt.submitted_at or began
        operation = attempt.operation or {}
        with self._parts.bell.listen(f"drive:{job.id}") as poke:
            offer = self._offers.setdefault(attempt.endpoint, Offer(self._clock))
            listener = Follower(offer, poke, self._clock, self._parts.random)
            async with following(gateway, operation, listener) as follower:
                if follower is not None:
                    # Its first word comes soon, if it comes at all, and spares the first look.
                    await self._clock.wait(poke, min(FIRST_WORD_SECONDS, self._spacing(gateway)))
                sight = _Sight(self._parts, gateway, attempt, follower)
                state: Pending | Finished | Failed = Pending()
                stopped: bool | None = False
                while isinstance(state, Pending):
                    is_poked = poke.is_set()
                    poke.clear()
                    waited = (self._clock.now() - since).total_seconds()
                    usual = self._pause(gateway, waited)
                    # Who wants the job stopped pokes: nothing need be read before.
                    stopped = False if stopped is None and is_poked else stopped
                    stopped = await self._ask_to_stop(job, attempt, gateway) if stopped is False else stopped
                    state, pause = await sight.renew(usual, self._spacing(gateway), is_poked=is_poked)
                    answered_since = since if sight.is_answered else began
                    # Without an answer, as after a night without network, the clip may well be ready.
                    overdue = (self._clock.now() - answered_since).total_seconds() > LONGEST_WATCH_SECONDS
                    if isinstance(state, Pending) and overdue:
                        return Failed("timed_out", f"No result after {LONGEST_WATCH_SECONDS / 3600:.0f} hours.")
                    if isinstance(state, Pending):
                        job = await self._report(job, state, waited)
                        # What did not get through, a wish to stop or a message held back, is tried again soon.
                        is_unsaid = state.message not in {"", job.message}
                        await self._clock.wait(poke, usual if stopped is False or is_unsaid else pause)
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

    def _spacing(self, gateway: Gateway) -> float:
        """Two looks that nobody asked for are this far apart at the least."""
        if self._parts.poll_interval is not None:
            return min(self._parts.poll_interval, gateway.shortest_poll_seconds)
        return gateway.shortest_poll_seconds

    def _pause(self, gateway: Gateway, waited: float) -> float:
        """A tenth of the time waited so far, so that the end is seen in time without asking too often."""
        if self._parts.poll_interval is not None:
            return self._parts.poll_interval
        pause = _tenth(waited, gateway.shortest_poll_seconds) * self._parts.random.uniform(1.0, 1.1)
        if pause >= LONG_PAUSE_SECONDS:
            pause += -(self._clock.monotonic() + pause) % TOGETHER_SECONDS
        return pause

    async def _report(self, job: Job, state: Pending, waited: float) -> Job:
        """Store what the gateway tells."""
        progress = job.progress
        if state.progress is not None:
            told = PROGRESS_STEP * int(min(state.progress, 0.99) / PROGRESS_STEP)
            # What was shown before the first figure came was reckoned, and must not go back.
            progress = max(told, job.reckoned(self._clock.now()).progress)
        message = state.message or job.message
        if (progress, message) == (job.progress, job.message):
            return job
        is_detail = progress == job.progress and _is_detail(message, job.message)
        if is_detail and (self._clock.now() - job.updated_at).total_seconds() < _tenth(waited, FIRST_DETAIL_SECONDS):
            return job
        now = self._clock.now()
        async with self._storing:
            await self._store.update_job(job.id, now=now, progress=progress, message=message)
        self._parts.bell.ring(job.id)
        return replace(job, progress=progress, message=message, updated_at=now)


def _tenth(waited: float, least: float) -> float:
    return min(SLOWEST_POLL_SECONDS, max(least, 0.1 * waited))


def _is_detail(message: str, before: str) -> bool:
    """Whether a message says of the same thing only more, such as another place in the queue."""
    return _DETAIL.split(message, maxsplit=1)[0] == _DETAIL.split(before, maxsplit=1)[0]


class _Sight:
    """What is known of a generation: what its gateway tells by itself, and what looks at it show.

    Args:
        parts: The gateways and time.
        gateway: Where it is.
        attempt: The generation.
        follower: What the gateway tells; None where it tells nothing.
    """

    def __init__(self, parts: RunnerParts, gateway: Gateway, attempt: Attempt, follower: Follower | None) -> None:
        self.is_answered = True
        self._state: Pending | Finished | Failed = Pending()
        self._clock = parts.clock
        self._gateway = gateway
        self._operation = attempt.operation or {}
        self._follower = follower
        self._gone = 0
        self._random = parts.random
        self._looked: float | None = None
        self._due = self._clock.monotonic() + self._patience()

    def _patience(self) -> float:
        """How long a stream may tell no state before it is checked, in seconds."""
        return QUIET_SECONDS * self._random.uniform(0.5, 1.5)

    def _tells(self) -> bool:
        """Whether the gateway tells by itself, so that news wakes whoever waits for it."""
        return self._follower is not None and self._follower.is_open

    async def renew(self, pause: float, spacing: float, *, is_poked: bool) -> tuple[Pending | Finished | Failed, float]:
        """Bring the state up to date: take what was told, or look.

        Args:
            pause: How long nothing is to be done afterwards, in seconds.
            spacing: The least time between two looks, in seconds.
            is_poked: Somebody wants a look, or the gateway told something.

        Returns:
            The state, and the pause: longer where the gateway tells by itself, or asks to be left alone.
        """
        pause = await self._renew(pause, spacing, is_poked=is_poked)
        return self._state, pause

    async def _renew(self, pause: float, spacing: float, *, is_poked: bool) -> float:
        told, broke = self._follower.take() if self._follower is not None else (None, False)
        now = self._clock.monotonic()
        if told is not None and not (broke and isinstance(told, Pending)):
            self._state, self.is_answered, self._gone = told, True, 0
            self._due = now + self._patience()
            return max(pause, self._due - now) if self._tells() else pause
        is_wanted = is_poked and not broke
        if self._tells() and now < self._due and not is_wanted:
            return max(pause, self._due - now)
        if broke and self._looked is not None and now - self._looked < spacing:
            return min(pause, spacing - (now - self._looked))
        self._looked, self._due = now, now + self._patience()
        return await self._look(pause)

    async def _look(self, pause: float) -> float:
        try:
            self._state = await self._gateway.poll(self._operation)
        except PollTrouble as trouble:
            self.is_answered = False
            self._state = Pending(None, f"the generation goes on; {trouble.message.rstrip('.')}")
            return max(pause, min(trouble.retry_after or 0.0, LONGEST_PAUSE_SECONDS))
        except OperationGone as error:
            self._gone += 1
            if self._gone >= GONE_AFTER:
                # Accepted once and unknown now: it may have run and may be billed, so nothing else is tried.
                self._state = Failed("timed_out", error.message)
            return pause
        self.is_answered, self._gone = True, 0
        return pause
