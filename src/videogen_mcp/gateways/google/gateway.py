"""The gateway `google`: Gemini Omni and Veo behind the protocol of `gateways/base.py`.

Google has no idempotency key and no list of interactions, and its own client repeats a submit after a 503 (google-genai
3.4.0): the calls are made here. A submit whose answer is lost cannot be looked up.
"""

from pathlib import Path
from typing import ClassVar, Self

import anyio
import httpx2

from videogen_mcp.gateways.base import CancelOutcome, Failed, Finished, Health, Operation, Pending, SentRequest
from videogen_mcp.gateways.google import interactions, veo
from videogen_mcp.gateways.google.files import GoogleFiles, Sleep
from videogen_mcp.gateways.google.wire import GoogleApi
from videogen_mcp.gateways.pace import Rate
from videogen_mcp.settings import Settings
from videogen_mcp.types import Json


class GoogleGateway:
    """The gateway `google`.

    Args:
        api: The Gemini API.
        files: Media on their way to it.
    """

    name: ClassVar[str] = "google"
    # Google's guides look every 5 to 10 s; a clip of Omni takes half a minute and more.
    shortest_poll_seconds: ClassVar[float] = 5.0
    on_this_machine: ClassVar[bool] = False
    fetches_media: ClassVar[bool] = False
    takes_files: ClassVar[bool] = True
    rate: ClassVar[Rate] = Rate(submits=2, looks=10, source="Google documents no figure for video; a polite one")

    def __init__(self, api: GoogleApi, files: GoogleFiles) -> None:
        self._api = api
        self._files = files
        self._interactions = interactions.GoogleInteractions(api, files)
        self._veo = veo.GoogleVeo(api)

    @classmethod
    def open(cls, settings: Settings, http: httpx2.AsyncClient, *, sleep: Sleep = anyio.sleep) -> Self:
        """Build it from the environment; see `Gateway.open`."""
        api = GoogleApi.open(settings, http)
        return cls(api, GoogleFiles(api, settings, http, sleep))

    @property
    def address(self) -> str:
        """Base address of the Gemini API."""
        return self._api.url

    async def submit(self, endpoint_id: str, body: Json) -> Operation:
        """Start one generation; see `Gateway.submit`."""
        inline = await self._files.inlined(body)
        if endpoint_id.startswith(veo.PREFIX):
            model = endpoint_id.partition("/")[0]
            return await self._veo.submit(model, veo.request_of(body, inline))
        return await self._interactions.submit(interactions.request_of(endpoint_id, body, inline))

    async def poll(self, operation: Operation) -> Pending | Finished | Failed:
        """Look at a generation; see `Gateway.poll`."""
        if "operation" in operation:
            return await self._veo.poll(operation)
        return await self._interactions.poll(operation)

    async def cancel(self, operation: Operation) -> CancelOutcome:
        """Stop an interaction; a prediction of Veo cannot be stopped. See `Gateway.cancel`."""
        return "too_late" if "operation" in operation else await self._interactions.cancel(operation)

    async def find(self, sent: SentRequest) -> Operation | None:
        """Google lists no requests by what was sent: an orphan cannot be found."""
        del sent
        return None

    async def upload(self, path: Path, mime_type: str) -> str:
        """Make a file usable for Google; see `Gateway.upload`."""
        return await self._files.upload(path, mime_type)

    async def check(self) -> Health:
        """List one model, which needs a key and costs nothing. See `Gateway.check`."""
        return await self._api.check()

    async def close(self) -> None:
        """Nothing is held."""
