"""A gateway as the product uses it: each call is on an errand, keeps to the gateway's pace, and respects its silence.

While a gateway wants to be left alone, nothing is sent but cancellations: a submit is refused here, a look is trouble
that passes. Both say for how long, so that whoever drives the job waits where it can still be cancelled.
"""

from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from videogen_mcp.errors import PollTrouble, SubmitRefused
from videogen_mcp.gateways.abilities import CallsBack, OnBytes, TellsStates, TellsUploads
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
        self._check_silence()
        with self._errand("submit", endpoint_id):
            return await self._gateway.submit(endpoint_id, body)

    async def poll(self, operation: Operation) -> Pending | Finished | Failed:
        """Look at a generation; where it is not its turn, nothing is known. See `Gateway.poll`."""
        silence = self.pace.silence
        if silence > 0:
            raise PollTrouble(f"{self._gateway.name} asked to be left alone for a while.", retry_after=silence)
        if not self.pace.may_look():
            return Pending(is_told=False)
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
        self._check_silence()
        await self.pace.turn()
        with self._errand("upload"):
            return await self._gateway.upload(path, mime_type)

    def _check_silence(self) -> None:
        """Refuse to send anything while the gateway wants to be left alone.

        Raises:
            SubmitRefused: It does.
        """
        silence = self.pace.silence
        if silence > 0:
            message = f"{self._gateway.name} asked to be left alone for {silence:.0f} s more; nothing was sent."
            raise SubmitRefused(message, retry_after=silence, busy=True)

    async def check(self) -> Health:
        """Ask for what costs nothing, with the gateway's time of day; see `Gateway.check`."""
        with self._errand("check") as on:
            health = await self._gateway.check()
        return replace(health, date=on.date)


class _Calling(Attended):
    """The attended side of `CallsBack`."""

    _gateway: Any

    async def submit_with_callback(self, endpoint_id: str, body: Json, address: str) -> Operation:
        """Start a generation, with an address to call; see `submit` and `CallsBack`."""
        self._check_silence()
        with self._errand("submit", endpoint_id):
            return await self._gateway.submit_with_callback(endpoint_id, body, address)

    async def read_callback(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        """Check a call; see `CallsBack`. What it takes is no matter of the gateway's pace."""
        with self._errand("check"):
            return await self._gateway.read_callback(headers, body, now)

    def operation(self, endpoint_id: str, request_id: str) -> Operation:
        """The handle of a request; see `CallsBack`."""
        return self._gateway.operation(endpoint_id, request_id)


class _Telling(Attended):
    """The attended side of `TellsStates`."""

    _gateway: Any

    async def follow(self, operation: Operation) -> AsyncGenerator[Pending | Finished | Failed]:
        """Every state, unless the gateway wants to be left alone; see `TellsStates`."""
        silence = self.pace.silence
        if silence > 0:
            raise PollTrouble(f"{self._gateway.name} asked to be left alone for a while.", retry_after=silence)
        with self._errand("follow"):
            async with aclosing(self._gateway.follow(operation)) as states:
                async for state in states:
                    yield state


class _Uploading(Attended):
    """The attended side of `TellsUploads`."""

    _gateway: Any

    async def upload_telling(self, path: Path, mime_type: str, on_bytes: OnBytes) -> str:
        """Hand a file over and tell how far it is; see `upload` and `TellsUploads`."""
        self._check_silence()
        await self.pace.turn()
        with self._errand("upload"):
            return await self._gateway.upload_telling(path, mime_type, on_bytes)


_SIDES: Mapping[type, type[Attended]] = {CallsBack: _Calling, TellsStates: _Telling, TellsUploads: _Uploading}


def attend(gateway: Gateway, pace: Pace) -> Attended:
    """The gateway at its pace, with just those abilities that it has itself."""
    sides = tuple(side for ability, side in _SIDES.items() if isinstance(gateway, ability))
    return type("Attended", (*sides, Attended), {})(gateway, pace) if sides else Attended(gateway, pace)
