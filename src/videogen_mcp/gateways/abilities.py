"""What a gateway may offer beside the protocol of `base`: whoever drives jobs uses it where it is there."""

from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

from videogen_mcp.gateways.base import Failed, Finished, Operation, Pending
from videogen_mcp.types import Json


@runtime_checkable
class CallsBack(Protocol):
    """What a gateway may offer besides: to call an address when a generation has ended. A runner uses it if it can."""

    async def submit_with_callback(self, endpoint_id: str, body: Json, address: str) -> Operation:
        """Start a generation as `Gateway.submit` does, and have `address` called when it has ended."""
        ...

    async def read_callback(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        """The id of the request that a call is about, once it is shown that the gateway made the call.

        Args:
            headers: The call's headers by lower-case name.
            body: Its body as it came.
            now: The time of day.

        Raises:
            CallbackRefused: It is not the gateway's, too old, or cannot be read.
            PollTrouble: What is needed to check it cannot be had now.
        """
        ...

    def operation(self, endpoint_id: str, request_id: str) -> Operation:
        """The handle of a request that a call was about."""
        ...


@runtime_checkable
class TellsStates(Protocol):
    """What a gateway may offer beside `poll`: it tells by itself how a generation stands."""

    def follow(self, operation: Operation) -> AsyncGenerator[Pending | Finished | Failed]:
        """Every state of a generation as soon as the gateway tells it; the last one is not `Pending`.

        It may end before that without an error, where a connection was closed: then it is to be called again.

        Raises:
            PollTrouble: It cannot be had now, or broke off; the generation goes on.
            OperationGone: The gateway does not know the generation.
        """
        ...


OnBytes: TypeAlias = Callable[[int, int | None], None]
"""Called with the bytes that have gone so far and the bytes to go in all, where that is known."""


@runtime_checkable
class TellsUploads(Protocol):
    """What a gateway may offer beside `upload`: it tells on the way how far it is."""

    async def upload_telling(self, path: Path, mime_type: str, on_bytes: OnBytes) -> str:
        """As `Gateway.upload`; `on_bytes` may be called with fewer bytes again, where a part is repeated."""
        ...
