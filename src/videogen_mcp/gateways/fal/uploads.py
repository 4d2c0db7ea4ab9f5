"""fal's storage: a local file becomes an address that fal's models can read.

Two steps: `POST {rest}/storage/auth/token` with the key gives a short-lived token and the CDN's address, then
`POST {cdn}/files/upload` with that token takes the bytes. The key itself never goes to the CDN.
"""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import anyio
import httpx2

from videogen_mcp.errors import NotSent, SubmitRefused
from videogen_mcp.gateways.base import call, is_busy
from videogen_mcp.gateways.fal.wire import reason, refusal_code, short
from videogen_mcp.settings import Settings
from videogen_mcp.types import Json

_UPLOAD_TIMEOUT = httpx2.Timeout(connect=4.0, read=120.0, write=120.0, pool=4.0)
_UPLOAD_CHUNK = 1 << 20


class FalUploads:
    """The storage API.

    Args:
        url: Its base address.
        headers: The header with the key.
        settings: For the hosts that plain http is allowed to.
        http: The client to use; it must not follow redirects or retry by itself.
    """

    def __init__(self, url: str, headers: Mapping[str, str], settings: Settings, http: httpx2.AsyncClient) -> None:
        self._url = url
        self._headers = headers
        self._settings = settings
        self._http = http

    async def upload(self, path: Path, mime_type: str) -> str:
        """Put a file on fal's CDN; returns its public address. See `Gateway.upload`."""
        token = await self._send("POST", f"{self._url}/storage/auth/token?storage_type=fal-cdn-v3", json_body={})
        base_url, secret = token.get("base_url"), token.get("token")
        if not isinstance(base_url, str) or not isinstance(secret, str):
            raise SubmitRefused("fal's storage gave no upload address.", code="gateway_unavailable")
        if not self._settings.is_safe_address(base_url):
            raise SubmitRefused("fal's storage gave an upload address that is not https.", code="gateway_unavailable")
        stored = await self._send(
            "POST",
            f"{base_url.rstrip('/')}/files/upload",
            headers={
                "Authorization": f"{token.get('token_type', 'Bearer')} {secret}",
                "Content-Type": mime_type,
                "Content-Length": str((await anyio.Path(path).stat()).st_size),
                "X-Fal-File-Name": f"input{path.suffix}",
            },
            content=_chunks(path),
        )
        address = stored.get("access_url")
        if not isinstance(address, str) or not address:
            raise SubmitRefused("fal's storage gave no address for the file.", code="gateway_unavailable")
        return address

    async def _send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json_body: Json | None = None,
        content: AsyncIterator[bytes] | None = None,
    ) -> Json:
        """One step of an upload: nothing is billed, so every failure is a plain refusal."""
        try:
            reply = await call(
                self._http,
                method,
                url,
                headers=self._headers if headers is None else headers,
                json_body=json_body,
                content=content,
                time_limits=_UPLOAD_TIMEOUT,
            )
        except httpx2.HTTPError as error:
            raise NotSent(f"fal's storage cannot be reached: {short(error)}.") from error
        if reply.status not in {200, 201} or reply.body is None:
            message = f"fal's storage refused the file with {reply.status}: {reason(reply)}."
            code = refusal_code(reply)
            raise SubmitRefused(message, code=code, retry_after=reply.retry_after, busy=is_busy(reply.status, code))
        return reply.body


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    async with await anyio.open_file(path, "rb") as file:
        while chunk := await file.read(_UPLOAD_CHUNK):
            yield chunk
