"""Takes the calls of gateways that a generation has ended. A call is never believed: it makes somebody look."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Literal

from videogen_mcp.errors import NotFound, OperationGone, PollTrouble
from videogen_mcp.gateways.abilities import CallsBack
from videogen_mcp.gateways.base import Gateway, Operation, Pending
from videogen_mcp.jobs.bell import Bell
from videogen_mcp.jobs.called_back import CalledBack
from videogen_mcp.jobs.clock import Clock
from videogen_mcp.jobs.engine import Engine
from videogen_mcp.jobs.job import Attempt, Job
from videogen_mcp.jobs.store import Store

logger = logging.getLogger(__name__)

SETTLE_SECONDS = 2.0
"""How long a call about a lost submit waits for it to be taken up, before the gateway is asked to call again."""

CallOutcome = Literal["seen", "unknown", "later"]
"""`seen`: whoever drives the job looks now, or nothing is left to do; `unknown`: it means no request of ours;
`later`: what it means cannot be told yet, and another call is welcome."""


class Receiver:
    """Hands the calls of gateways to those who drive the jobs.

    Args:
        store: The jobs.
        engine: Drives those of this process.
        gateway: Gives a gateway by its name.
        clock: Time.
        bell: Wakes who drives a job in this process.
    """

    def __init__(
        self, store: Store, engine: Engine, gateway: Callable[[str], Gateway], clock: Clock, bell: Bell
    ) -> None:
        self._store = store
        self._engine = engine
        self._gateway = gateway
        self._clock = clock
        self._bell = bell
        self._marks = CalledBack(store.database)

    async def receive(
        self, name: str, job_id: str, number: int, headers: Mapping[str, str], body: bytes
    ) -> CallOutcome:
        """Check a call and act on it; the same call may come any number of times.

        Args:
            name: The gateway that is said to call.
            job_id: The job that the address names.
            number: The number of its attempt that the address names.
            headers: The headers by lower-case name.
            body: The body as it came.

        Raises:
            CallbackRefused: It is not the gateway's.
            PollTrouble: Whether it is cannot be told now.
        """
        gateway = self._gateway(name)
        if not isinstance(gateway, CallsBack):
            return "unknown"
        request_id = await gateway.read_callback(headers, body, self._clock.now())
        try:
            job = await self._store.get(job_id)
        except NotFound:
            return "unknown"
        attempt = _attempt(job, number)
        if attempt is None or attempt.endpoint.partition(":")[0] != name:
            return "unknown"
        if attempt.status in {"submitting", "uncertain"}:
            return await self._take_up(gateway, job, attempt, request_id)
        if attempt.operation_id != request_id:
            return "unknown"
        if not job.ended:
            await self._wake(job)
        return "seen"

    async def _wake(self, job: Job) -> None:
        """Make whoever drives the job look at it at once, here or in another process."""
        if job.driver == self._engine.driver:
            self._bell.ring(f"drive:{job.id}")
        else:
            await self._marks.mark(job.id, now=self._clock.now())

    async def _take_up(self, gateway: CallsBack, job: Job, attempt: Attempt, request_id: str) -> CallOutcome:
        """The answer to the submit has not come, or is lost: the call tells the request that it was for."""
        operation = gateway.operation(attempt.endpoint.partition(":")[2], request_id)
        if attempt.operation_id != request_id:
            known = await self._known(job.current.gateway, operation)
            if known != "seen":
                return known
            if not await self._marks.note(job.id, attempt.number, operation):
                now = _attempt(await self._store.get(job.id), attempt.number)
                if now is None or now.operation_id != request_id:
                    return "unknown"
        logger.info("job %s: the gateway called about a submit whose answer is missing", job.id)
        with self._bell.listen(job.id) as rung:
            return await self._settled(job.id, attempt.number, rung)

    async def _settled(self, job_id: str, number: int, rung: asyncio.Event) -> CallOutcome:
        """Wait a moment for the attempt to go on: with the answer, which its driver may be about to store, or found."""
        deadline = self._clock.monotonic() + SETTLE_SECONDS
        asked = False
        while True:
            rung.clear()
            job = await self._store.get(job_id)
            attempt = _attempt(job, number)
            if attempt is not None and attempt.status not in {"submitting", "uncertain"}:
                return "seen"
            if job.status == "uncertain" and not asked:
                asked = True
                self._engine.look_up(job_id)
            left = deadline - self._clock.monotonic()
            if left <= 0:
                return "later"
            await self._clock.wait(rung, left)

    async def _known(self, name: str, operation: Operation) -> CallOutcome:
        """Whether the gateway knows the request under our key: anybody may make it sign a call to any address."""
        try:
            state = await self._gateway(name).poll(operation)
        except OperationGone:
            return "unknown"
        except PollTrouble as trouble:
            return "unknown" if trouble.code == "unauthorized" else "later"
        return "later" if isinstance(state, Pending) and not state.is_told else "seen"


def _attempt(job: Job, number: int) -> Attempt | None:
    return next((one for one in job.attempts if one.number == number), None)
