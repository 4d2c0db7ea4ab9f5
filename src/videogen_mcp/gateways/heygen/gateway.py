"""The gateway `heygen`: generations, uploads and balance behind the protocol of `gateways/base.py`."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self

import httpx2

from videogen_mcp.errors import GatewayError
from videogen_mcp.gateways.base import (
    MARK_PREFIX,
    CancelOutcome,
    Failed,
    Finished,
    Health,
    Operation,
    Pending,
    SentRequest,
)
from videogen_mcp.gateways.heygen.account import Balance, balance
from videogen_mcp.gateways.heygen.generations import HeyGenGenerations
from videogen_mcp.gateways.heygen.uploads import HeyGenUploads
from videogen_mcp.gateways.heygen.wire import authorization
from videogen_mcp.gateways.pace import Rate
from videogen_mcp.settings import Settings
from videogen_mcp.types import Json


class HeyGenGateway:
    """The gateway `heygen`.

    Args:
        url: Base address of the API.
        upload_url: Base address of the older upload host.
        headers: The header with the key.
        http: The client to use; it must not follow redirects or retry by itself.
    """

    name: ClassVar[str] = "heygen"
    # A client library of v3 looks every 5 s (vercel/ai packages/heygen); for v1 10 s were recommended (seed 002).
    shortest_poll_seconds: ClassVar[float] = 5.0
    on_this_machine: ClassVar[bool] = False
    fetches_media: ClassVar[bool] = True
    takes_files: ClassVar[bool] = True
    rate: ClassVar[Rate] = Rate(
        submits=2,
        looks=10,
        source="no rate is documented; ten videos at once on pay-as-you-go, the eleventh gets 429 with Retry-After "
        "(developers.heygen.com/docs/usage-limits)",
    )

    def __init__(self, url: str, upload_url: str, headers: Mapping[str, str], http: httpx2.AsyncClient) -> None:
        self._generations = HeyGenGenerations(url, headers, http)
        self._uploads = HeyGenUploads(url, upload_url, headers, http)
        self._headers = headers
        self._http = http

    @classmethod
    def open(cls, settings: Settings, http: httpx2.AsyncClient) -> Self:
        """Build it from the environment; see `Gateway.open`."""
        url = settings.base_url("VIDEOGEN_HEYGEN_URL", "https://api.heygen.com")
        upload_url = settings.base_url("VIDEOGEN_HEYGEN_UPLOAD_URL", "https://upload.heygen.com")
        return cls(url, upload_url, authorization(settings), http)

    @property
    def address(self) -> str:
        """Base address of the API."""
        return self._generations.url

    async def submit(self, endpoint_id: str, body: Json) -> Operation:
        """Start one generation; see `Gateway.submit`."""
        return await self._generations.submit(endpoint_id, body)

    async def poll(self, operation: Operation) -> Pending | Finished | Failed:
        """Look at a generation; see `Gateway.poll`."""
        return await self._generations.poll(operation)

    async def cancel(self, operation: Operation) -> CancelOutcome:
        """Stop a session of the video agent; HeyGen can stop nothing else. See `Gateway.cancel`."""
        return await self._generations.cancel(operation)

    async def upload(self, path: Path, mime_type: str) -> str:
        """Store a file as an asset of the account. See `Gateway.upload`."""
        return await self._uploads.upload(path, mime_type)

    async def find(self, sent: SentRequest) -> Operation | None:
        """Look an uncertain submit up by the mark in its title. See `Gateway.find`.

        Only `v3/videos` can be looked through. Neither the v1 workflow nor `v3/models/videos` has a list, and a session
        of the video agent gets its title from the agent.
        """
        mark = sent.body.get("title")
        if not isinstance(mark, str) or not mark.startswith(MARK_PREFIX):
            return None
        return await self._generations.find(sent.endpoint_id, mark)

    async def balance(self) -> Balance:
        """What is left on the account: the wallet, the plan's credits, or v2's quota where v3 is not there.

        Raises:
            GatewayError: HeyGen could not be asked, refused the key, or gave an answer that cannot be read.
        """
        return await balance(self.address, self._headers, self._http)

    async def check(self) -> Health:
        """Ask what is left on the account. See `Gateway.check`."""
        try:
            return Health(accepted=True, balance=str(await self.balance()))
        except GatewayError as error:
            if error.code != "unauthorized":
                raise
            return Health(accepted=False, note=error.message)

    async def close(self) -> None:
        """Nothing is held."""
