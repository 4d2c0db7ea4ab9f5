"""HeyGen's assets: a local file becomes an address or an asset id that a body can hold.

Wire facts (developers.heygen.com/assets; heygen-com/heygen-cli, gen/asset.go; docs.heygen.com/reference/upload-asset):
* `POST {api}/v3/assets`, multipart with the field `file`, at most 32 MB of png, jpeg, mp4, webm, mp3, wav or pdf,
  answers `{"data": {asset_id, url, mime_type, size_bytes}}`; the type is read off the bytes.
* `POST {upload}/v1/asset` with the bare bytes and their Content-Type answers `{"code": 100, "data": {id, url, …}}`.
"""

import mimetypes
import secrets
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import anyio
import httpx2

from videogen_mcp.errors import NotSent, SubmitRefused
from videogen_mcp.gateways.base import CONNECT_SECONDS, Reply, call, is_busy
from videogen_mcp.gateways.heygen.routes import ASSET
from videogen_mcp.gateways.heygen.wire import data_of, reason, refusal_code, text_in
from videogen_mcp.gateways.json_api import short

MOST_BYTES = 32 << 20
_UPLOAD_TIMEOUT = httpx2.Timeout(connect=CONNECT_SECONDS, read=120.0, write=120.0, pool=CONNECT_SECONDS)
_UPLOAD_CHUNK = 1 << 20


class HeyGenUploads:
    """The asset calls of v3 and, where that is not there, of v1.

    Args:
        url: Base address of the API.
        upload_url: Base address of the older upload host.
        headers: The header with the key.
        http: The client to use; it must not follow redirects or retry by itself.
    """

    def __init__(self, url: str, upload_url: str, headers: Mapping[str, str], http: httpx2.AsyncClient) -> None:
        self._url = url
        self._upload_url = upload_url
        self._headers = headers
        self._http = http

    async def upload(self, path: Path, mime_type: str) -> str:
        """Store a file; returns its public address, or `asset:<id>` where it has none. See `Gateway.upload`."""
        size = (await anyio.Path(path).stat()).st_size
        if size > MOST_BYTES:
            message = f"HeyGen takes files of at most {MOST_BYTES >> 20} MB; this one has {size / (1 << 20):.1f} MB."
            fix = "Give a smaller file, or the https address of this one."
            raise SubmitRefused(message, fix=fix, code="invalid_request")
        reply = await self._send_form(path, mime_type, size)
        if reply.status in {404, 405, 410}:
            reply = await self._send_bare(path, mime_type, size)
        if not 200 <= reply.status < 300:  # noqa: PLR2004 -- HTTP's own class
            message = f"HeyGen refused the file with {reply.status}: {reason(reply)}."
            code = refusal_code(reply)
            raise SubmitRefused(message, code=code, retry_after=reply.retry_after, busy=is_busy(reply.status, code))
        data = data_of(reply)
        address, asset_id = text_in(data, "url"), text_in(data, "asset_id", "id")
        if address is None and asset_id is None:
            raise SubmitRefused("HeyGen took the file and gave no address for it.", code="gateway_unavailable")
        return address or f"{ASSET}{asset_id}"

    async def _send_form(self, path: Path, mime_type: str, size: int) -> Reply:
        # A boundary that nobody can guess cannot stand in the file.
        boundary = secrets.token_hex(16)
        name = f"input{mimetypes.guess_extension(mime_type) or ''}"
        head = (
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n'
            f"Content-Type: {mime_type}\r\n\r\n"
        ).encode()
        tail = f"\r\n--{boundary}--\r\n".encode()
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + size + len(tail)),
        }
        return await self._send(f"{self._url}/v3/assets", headers, _chunks(path, head, tail))

    async def _send_bare(self, path: Path, mime_type: str, size: int) -> Reply:
        headers = {"Content-Type": mime_type, "Content-Length": str(size)}
        return await self._send(f"{self._upload_url}/v1/asset", headers, _chunks(path))

    async def _send(self, url: str, headers: Mapping[str, str], content: AsyncIterator[bytes]) -> Reply:
        """One upload: nothing is billed, so every failure on the way is a plain one."""
        try:
            return await call(
                self._http,
                "POST",
                url,
                headers={**self._headers, **headers},
                content=content,
                time_limits=_UPLOAD_TIMEOUT,
            )
        except httpx2.HTTPError as error:
            raise NotSent(f"HeyGen's storage cannot be reached: {short(error)}.") from error


async def _chunks(path: Path, head: bytes = b"", tail: bytes = b"") -> AsyncIterator[bytes]:
    if head:
        yield head
    async with await anyio.open_file(path, "rb") as file:
        while chunk := await file.read(_UPLOAD_CHUNK):
            yield chunk
    if tail:
        yield tail
