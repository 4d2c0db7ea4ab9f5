"""The gateway `fal`: the queue and the storage behind the protocol of `gateways/base.py`."""

from collections.abc import AsyncGenerator, Mapping
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Self

import httpx2

from videogen_mcp.gateways.abilities import OnBytes
from videogen_mcp.gateways.base import CancelOutcome, Failed, Finished, Health, Operation, Pending, SentRequest
from videogen_mcp.gateways.fal.account import FalAccount
from videogen_mcp.gateways.fal.events import FalEvents
from videogen_mcp.gateways.fal.history import FalHistory
from videogen_mcp.gateways.fal.queue import FalQueue
from videogen_mcp.gateways.fal.uploads import FalUploads
from videogen_mcp.gateways.fal.webhooks import FalWebhooks
from videogen_mcp.gateways.fal.wire import authorization
from videogen_mcp.gateways.pace import Rate
from videogen_mcp.settings import Settings
from videogen_mcp.types import Json

QUEUE_URL = "https://queue.fal.run"
BACKUP_URL = "https://queue.falrun.com"
"""Where fal's own clients turn when no connection to the queue can be made (fal-js, backup-domain.ts)."""


class FalGateway:
    """The gateway `fal`.

    Args:
        queue: Where generations are.
        uploads: Where files go.
        history: Where earlier requests are listed.
        webhooks: Checks fal's calls.
        account: What is told of the key.
    """

    name: ClassVar[str] = "fal"
    shortest_poll_seconds: ClassVar[float] = 2.0
    on_this_machine: ClassVar[bool] = False
    fetches_media: ClassVar[bool] = True
    takes_files: ClassVar[bool] = True
    rate: ClassVar[Rate] = Rate(
        submits=10,
        looks=20,
        source="fal's FAQ once told 10 requests a second; its own client looks as often per request",
    )

    def __init__(
        self, queue: FalQueue, uploads: FalUploads, history: FalHistory, webhooks: FalWebhooks, account: FalAccount
    ) -> None:
        self._queue = queue
        self._uploads = uploads
        self._history = history
        self._webhooks = webhooks
        self._account = account

    @classmethod
    def open(cls, settings: Settings, http: httpx2.AsyncClient) -> Self:
        """Build it from the environment; see `Gateway.open`."""
        headers = authorization(settings)
        queue_url = settings.base_url("VIDEOGEN_FAL_QUEUE_URL", QUEUE_URL)
        backup_url: str | None = settings.base_url("VIDEOGEN_FAL_BACKUP_URL", BACKUP_URL)
        if backup_url == BACKUP_URL and queue_url != QUEUE_URL:
            # What stands in the queue's place has nothing to do with fal's own backup.
            backup_url = None
        rest_url = settings.base_url("VIDEOGEN_FAL_REST_URL", "https://rest.fal.ai")
        api_url = settings.base_url("VIDEOGEN_FAL_API_URL", "https://api.fal.ai")
        return cls(
            FalQueue(queue_url, headers, http, FalEvents(headers), backup_url),
            FalUploads(rest_url, headers, settings, http),
            FalHistory(api_url, headers, http),
            FalWebhooks(rest_url, http),
            FalAccount(api_url, headers, http),
        )

    @property
    def address(self) -> str:
        """Base address of the queue."""
        return self._queue.url

    async def submit(self, endpoint_id: str, body: Json) -> Operation:
        """Put one request into the queue; see `Gateway.submit`."""
        return await self._queue.submit(endpoint_id, body)

    async def submit_with_callback(self, endpoint_id: str, body: Json, address: str) -> Operation:
        """Put one request into the queue, with a webhook; see `CallsBack`."""
        return await self._queue.submit(endpoint_id, body, webhook=address)

    async def read_callback(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        """The request that a webhook is about, once its signature was checked; see `CallsBack`."""
        return await self._webhooks.request_id_of(headers, body, now)

    def operation(self, endpoint_id: str, request_id: str) -> Operation:
        """The handle of a request; see `CallsBack`."""
        return self._queue.operation(endpoint_id, request_id)

    async def poll(self, operation: Operation) -> Pending | Finished | Failed:
        """Look at the status, and at the result once it is complete; see `Gateway.poll`."""
        return await self._queue.poll(operation)

    def follow(self, operation: Operation) -> AsyncGenerator[Pending | Finished | Failed]:
        """Every state as fal tells it; see `TellsStates.follow`."""
        return self._queue.follow(operation)

    async def cancel(self, operation: Operation) -> CancelOutcome:
        """Ask fal to stop; a running model may ignore it. See `Gateway.cancel`."""
        return await self._queue.cancel(operation)

    async def find(self, sent: SentRequest) -> Operation | None:
        """Look the request up in fal's own list, by its exact input. See `Gateway.find`."""
        request_id = await self._history.request_id_of(sent)
        return None if request_id is None else self._queue.operation(sent.endpoint_id, request_id)

    async def upload(self, path: Path, mime_type: str) -> str:
        """Put a file on fal's CDN; returns its public address. See `Gateway.upload`."""
        return await self._uploads.upload(path, mime_type)

    async def upload_telling(self, path: Path, mime_type: str, on_bytes: OnBytes) -> str:
        """As `upload`, telling how far it is. See `TellsUploads`."""
        return await self._uploads.upload(path, mime_type, on_bytes)

    async def check(self) -> Health:
        """Ask for a price, which needs a key and costs nothing. See `Gateway.check`."""
        return await self._account.check()

    async def close(self) -> None:
        """Close the connections of its own."""
        await self._queue.close()
