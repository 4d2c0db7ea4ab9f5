"""Submits whose answer was lost: looked for at the gateway, never sent again."""

import logging
from collections.abc import Callable

from videogen_mcp.errors import PollTrouble, SubmitUncertain, VideoGenError
from videogen_mcp.gateways.base import Gateway, SentRequest
from videogen_mcp.jobs.bell import Bell
from videogen_mcp.jobs.clock import Clock
from videogen_mcp.jobs.failures import fix_for
from videogen_mcp.jobs.job import Attempt, Job, JobError
from videogen_mcp.jobs.store import Store

logger = logging.getLogger(__name__)

LOOK_UP_SECONDS = 15.0
"""A lost submit is not looked for more often than this, however often its state is asked for."""

SENDER_DIED = "The process that sent the submit ended before the answer was stored."
LOST_MESSAGE = "a submit was sent and its answer was lost; it may be billed"


def lost_error(attempt: Attempt, error: SubmitUncertain) -> JobError:
    """What happened to a lost submit, what it may have cost, and where and when to look for it."""
    gateway, _, endpoint_id = attempt.endpoint.partition(":")
    price = "a price that is not known" if attempt.cost_usd is None else f"about ${attempt.cost_usd:.2f}"
    when = "" if attempt.begun_at is None else f", sent at {attempt.begun_at:%Y-%m-%d %H:%M:%S} UTC"
    message = f"{error.message} It may run and may be billed, at {price}."
    return JobError(
        error.code, message, f"At {gateway} it is {endpoint_id}{when}. {fix_for('submit_uncertain')}", attempt.endpoint
    )


class LostSubmits:
    """Finds out what became of uncertain jobs.

    Args:
        store: The jobs.
        gateway: Gives a gateway by its name.
        clock: Time.
        bell: Rung when a job has been found.
        driver: Who drives what is found.
    """

    def __init__(self, store: Store, gateway: Callable[[str], Gateway], clock: Clock, bell: Bell, driver: str) -> None:
        self._store = store
        self._gateway = gateway
        self._clock = clock
        self._bell = bell
        self._driver = driver
        self._looked_up: dict[str, float] = {}

    async def look_up(self, job_id: str) -> bool:
        """Look for the lost submit of a job, unless that was done just now; tells whether it is driven on from here."""
        try:
            job = await self._store.get(job_id)
            told = bool(job.attempts and job.attempts[-1].operation)
            now = self._clock.monotonic()
            if not told and now - self._looked_up.get(job_id, -LOOK_UP_SECONDS) < LOOK_UP_SECONDS:
                return False
            self._looked_up[job_id] = now  # no await since it was read, so that two calls at once ask once
            found = await self.found_again(job)
        except VideoGenError as error:
            logger.info("job %s: its lost submit could not be looked for: %s", job_id, error.message)
            return False
        if found:
            self._looked_up.pop(job_id, None)
        return found

    async def found_again(self, job: Job) -> bool:
        """Ask the gateway for the lost submit, unless it has called back about it and its handle is known.

        Only the one request that fits is taken for it.
        """
        last = job.attempts[-1] if job.attempts else None
        if last is None or last.status != "uncertain" or last.begun_at is None:
            return False
        self._looked_up[job.id] = self._clock.monotonic()
        name, _, endpoint_id = last.endpoint.partition(":")
        try:
            sent = SentRequest(endpoint_id, last.body, last.begun_at, self._clock.now())
            operation = last.operation or await self._gateway(name).find(sent)
        except PollTrouble as trouble:
            logger.info("job %s: its lost submit could not be looked for: %s", job.id, trouble.message)
            return False
        if operation is None:
            return False
        found = await self._store.found_again(
            job.id, last.number, operation=operation, driver=self._driver, now=self._clock.now()
        )
        self._bell.ring(job.id)
        return found
