"""A gateway as the product uses it: each call is on an errand, keeps to the gateway's pace, and respects its silence.

While a gateway wants to be left alone, nothing is sent but cancellations: a submit is refused here, a look is trouble
that passes. Both say for how long, so that whoever drives the job waits where it can still be cancelled.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from videogen_mcp.errors import PollTrouble, SubmitRefused
from videogen_mcp.gateways.base import CancelOutcome, Failed, Finished, Gateway, Health, Operation, Pending, SentRequest
from videogen_mcp.gateways.errand import Errand, Verb, errand
from videogen_mcp.gateways.pace import Pace
from videogen_mcp.types import Json


class Attended:
    """A gateway with its pace. What the protocol does not name is the gateway's own.

    Args:
        gateway: The gateway.
        pace: Its pace.
    """

    def __init__(self, gateway: Gateway, pace: Pace) -> None:
        self._gateway = gateway
        self.pace = pace

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    @contextmanager
    def _errand(self, verb: Verb, endpoint: str | None = None) -> Generator[Errand]:
        with errand(Errand(self._gateway.name, verb, endpoint, self.pace)) as on:
            try:
                yield on
            except (SubmitRefused, PollTrouble) as error:
                # Some services tell the pause in the body only, where the gateway found it.
                if error.retry_after is not None:
                    self.pace.keep_silent(error.retry_after)
                raise

    async def submit(self, endpoint_id: str, body: Json) -> Operation:
        """Start a generation, unless the gateway wants to be left alone; see `Gateway.submit`."""
        silence = self.pace.silence
        if silence > 0:
            message = f"{self._gateway.name} asked to be left alone for {silence:.0f} s more; nothing was sent."
            raise SubmitRefused(message, retry_after=silence, busy=True)
        with self._errand("submit", endpoint_id):
            return await self._gateway.submit(endpoint_id, body)

    async def poll(self, operation: Operation) -> Pending | Finished | Failed:
        """Look at a generation; where it is not its turn, nothing is known. See `Gateway.poll`."""
        silence = self.pace.silence
        if silence > 0:
            raise PollTrouble(f"{self._gateway.name} asked to be left alone for a while.", retry_after=silence)
        if not self.pace.may_look():
            return Pending()
        with self._errand("poll"):
            return await self._gateway.poll(operation)

    async def cancel(self, operation: Operation) -> CancelOutcome:
        """Ask the gateway to stop, at once in any case; see `Gateway.cancel`."""
        self.pace.cancelling()
        with self._errand("cancel"):
            return await self._gateway.cancel(operation)

    async def find(self, sent: SentRequest) -> Operation | None:
        """Look for a lost submit; see `Gateway.find`."""
        silence = self.pace.silence
        if silence > 0:
            raise PollTrouble(f"{self._gateway.name} asked to be left alone for a while.", retry_after=silence)
        await self.pace.turn()
        with self._errand("find", sent.endpoint_id):
            return await self._gateway.find(sent)

    async def upload(self, path: Path, mime_type: str) -> str:
        """Hand a file over, unless the gateway wants to be left alone; see `Gateway.upload`."""
        silence = self.pace.silence
        if silence > 0:
            message = f"{self._gateway.name} asked to be left alone for {silence:.0f} s more; nothing was sent."
            raise SubmitRefused(message, retry_after=silence, busy=True)
        await self.pace.turn()
        with self._errand("upload"):
            return await self._gateway.upload(path, mime_type)

    async def check(self) -> Health:
        """Ask for what costs nothing, with the gateway's time of day; see `Gateway.check`."""
        with self._errand("check") as on:
            health = await self._gateway.check()
        return replace(health, date=on.date)
