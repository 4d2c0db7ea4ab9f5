"""How media reach Google: pictures in the request itself, clips and large pictures through the Files API.

The Files API takes a file in two steps: `POST /upload/v1beta/files` with `X-Goog-Upload-Command: start` answers with an
upload address in a header, which takes the bytes and answers with the file. A clip can be used once its state is
`ACTIVE`; files are kept for two days (ai.google.dev/gemini-api/docs/files, google-genai 3.4.0).
"""

import base64
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio
import httpx2

from videogen_mcp.errors import GatewayError, NotSent, PollTrouble, SubmitRefused
from videogen_mcp.gateways.base import CONNECT_SECONDS, Reply, call
from videogen_mcp.gateways.google.wire import GoogleApi, object_of, refusal, short
from videogen_mcp.settings import Settings
from videogen_mcp.types import Json, texts_in

LONGEST_INLINE_BYTES: Final = 5_000_000
"""Larger pictures go through the Files API: ten of this size still fit into a request of 100 MB."""

READY_LOOKS: Final = 60
READY_PAUSE_SECONDS: Final = 2.0

_UPLOAD_TIMEOUT = httpx2.Timeout(connect=CONNECT_SECONDS, read=120.0, write=120.0, pool=CONNECT_SECONDS)
_UPLOAD_CHUNK = 1 << 20
_FILE_NAME = re.compile(r"/(files/[\w-]+)(?:$|[:/])")

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True)
class Inline:
    """A picture as it stands in a request: its MIME type, and its bytes in base64."""

    mime_type: str
    data: str


class GoogleFiles:
    """Media for the Gemini API.

    Args:
        api: The API.
        settings: For the hosts that plain http is allowed to.
        http: The client for the upload address, which gets no key.
        sleep: Waits for a number of seconds.
    """

    def __init__(self, api: GoogleApi, settings: Settings, http: httpx2.AsyncClient, sleep: Sleep) -> None:
        self._api = api
        self._settings = settings
        self._http = http
        self._sleep = sleep
        self._pictures: dict[str, tuple[Path, str]] = {}

    async def upload(self, path: Path, mime_type: str) -> str:
        """Make a file usable; returns what the body may hold for it. See `Gateway.upload`.

        A picture stays where it lies and is read when the request is sent, so that no database holds its bytes.
        """
        size = (await anyio.Path(path).stat()).st_size
        if mime_type.startswith("image/") and size <= LONGEST_INLINE_BYTES:
            self._pictures[path.as_uri()] = (path, mime_type)
            return path.as_uri()
        file = await self._store(path, mime_type, size)
        name, uri = file.get("name"), file.get("uri")
        if not isinstance(name, str) or not isinstance(uri, str) or not (name and uri):
            raise SubmitRefused("Google's storage gave no address for the file.", code="gateway_unavailable")
        await self._until_ready(name, file)
        return uri

    async def inlined(self, body: Json) -> Mapping[str, Inline]:
        """The pictures that a body holds, by the text that stands for each.

        Only what `upload` gave out is read: a path that a caller wrote into an option is not.

        Raises:
            SubmitRefused: A picture is gone.
        """
        found: dict[str, Inline] = {}
        for text in set(texts_in(body)) & self._pictures.keys():
            path, mime_type = self._pictures[text]
            try:
                content = await anyio.Path(path).read_bytes()
            except OSError as error:
                message = f"The picture {path.name} cannot be read any more."
                raise SubmitRefused(message, code="invalid_request") from error
            found[text] = Inline(mime_type, base64.b64encode(content).decode("ascii"))
        return found

    async def state_of(self, name: str) -> str:
        """The state of a stored file: `PROCESSING`, `ACTIVE` or `FAILED`.

        Args:
            name: As in `files/abc`.

        Raises:
            PollTrouble: The look failed.
            OperationGone: There is no such file.
        """
        return str((await self._api.look(f"/v1beta/{name}")).get("state", ""))

    def address_of(self, name: str) -> str:
        """Where the bytes of a stored file can be fetched with the key."""
        return f"{self._api.url}/v1beta/{name}:download?alt=media"

    async def _store(self, path: Path, mime_type: str, size: int) -> Json:
        headers = {
            "X-Goog-Upload-Protocol": "resumable",
            "X-Goog-Upload-Command": "start",
            "X-Goog-Upload-Header-Content-Length": str(size),
            "X-Goog-Upload-Header-Content-Type": mime_type,
        }
        described: Json = {"file": {"display_name": f"input{path.suffix}"}}
        try:
            started = await self._api.send("POST", "/upload/v1beta/files", headers=headers, json_body=described)
            upload_url = self._judged(started)
            stored = await call(
                self._http,
                "POST",
                upload_url,
                headers={
                    "X-Goog-Upload-Offset": "0",
                    "X-Goog-Upload-Command": "upload, finalize",
                    "Content-Length": str(size),
                },
                content=_chunks(path),
                time_limits=_UPLOAD_TIMEOUT,
            )
        except httpx2.HTTPError as error:
            raise NotSent(f"Google's storage cannot be reached: {short(error)}.") from error
        if stored.status != 200 or stored.body is None:  # noqa: PLR2004
            raise refusal(stored, "the file")
        return object_of(stored.body.get("file"))

    def _judged(self, started: Reply) -> str:
        """The upload address; it gets no key, but it must be encrypted like all else."""
        if started.status != 200:  # noqa: PLR2004
            raise refusal(started, "the file")
        url = started.headers.get("x-goog-upload-url", "")
        if not self._settings.is_safe_address(url):
            raise SubmitRefused("Google's storage gave no upload address that is https.", code="gateway_unavailable")
        return url

    async def _until_ready(self, name: str, file: Json) -> None:
        for _ in range(READY_LOOKS):
            state = file.get("state", "ACTIVE")
            if state == "ACTIVE":
                return
            if state == "FAILED":
                told = object_of(file.get("error")).get("message") or "no reason given"
                raise SubmitRefused(f"Google could not use the file: {told}.", code="invalid_request")
            await self._sleep(READY_PAUSE_SECONDS)
            try:
                file = await self._api.look(f"/v1beta/{name}")
            except PollTrouble:
                continue
            except GatewayError as error:
                raise SubmitRefused(f"Google lost the file: {error.message}", code="gateway_unavailable") from error
        waited = READY_LOOKS * READY_PAUSE_SECONDS
        raise SubmitRefused(f"Google did not get the file ready within {waited:g} s.", code="gateway_unavailable")


def name_in(uri: str) -> str | None:
    """The name of the stored file that an address of the API is of; None where it is of none."""
    found = _FILE_NAME.search(uri.partition("?")[0])
    return found[1] if found else None


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    async with await anyio.open_file(path, "rb") as file:
        while chunk := await file.read(_UPLOAD_CHUNK):
            yield chunk
