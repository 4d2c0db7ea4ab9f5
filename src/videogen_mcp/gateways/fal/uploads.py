"""fal's storage: a local file becomes an address that fal's models can read. Nothing here is billed.

Wire facts (fal's own clients): `POST {rest}/storage/auth/token` with the key gives a short-lived token and the CDN's
address. Up to 100 MB, `POST {cdn}/files/upload` with that token takes the bytes and answers `{access_url}`. Above,
`POST {cdn}/files/upload/multipart` answers `{access_url, uploadId}`, `PUT {access_url}/multipart/{uploadId}/{number}`
takes each part of 10 MB and answers its `ETag`, and `POST …/complete` with `{"parts": [{partNumber, etag}]}` ends it.
The key itself never goes to the CDN.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx2

from videogen_mcp.errors import NotSent, SubmitRefused
from videogen_mcp.gateways.abilities import OnBytes
from videogen_mcp.gateways.base import Reply, call, is_busy
from videogen_mcp.gateways.fal.wire import reason, refusal_code, short
from videogen_mcp.settings import Settings
from videogen_mcp.types import Json

MULTIPART_BYTES = 100_000_000
"""A longer file goes up in parts."""
PART_BYTES = 10_000_000
PARTS_AT_ONCE = 4
AGAIN_AFTER = (0.5, 2.0)
"""Seconds before a part that did not get through is sent again."""

_UPLOAD_TIMEOUT = httpx2.Timeout(connect=4.0, read=120.0, write=120.0, pool=120.0)
_UPLOAD_CHUNK = 256 * 1024


@dataclass(frozen=True)
class _Storage:
    """Where a file goes, and the header that opens it."""

    url: str
    headers: Mapping[str, str]


class FalUploads:
    """The storage API.

    Args:
        url: Its base address.
        headers: The header with the key.
        settings: For the hosts that plain http is allowed to.
        http: The client to use; it must not follow redirects or retry by itself.
        pause: Waits for so many seconds.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        settings: Settings,
        http: httpx2.AsyncClient,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._url = url
        self._headers = headers
        self._settings = settings
        self._http = http
        self._pause = pause

    async def upload(self, path: Path, mime_type: str, on_bytes: OnBytes = lambda _done, _all: None) -> str:
        """Put a file on fal's CDN; returns its public address. See `Gateway.upload` and `TellsUploads`."""
        storage = await self._storage()
        named = {"Content-Type": mime_type, "X-Fal-File-Name": f"input{path.suffix}"}
        size = (await anyio.Path(path).stat()).st_size
        if size > MULTIPART_BYTES:
            return await self._in_parts(storage, named, path, _Tally(size, on_bytes))
        stored = await self._json(
            "POST",
            f"{storage.url}/files/upload",
            headers={**storage.headers, **named, "Content-Length": str(size)},
            content=_chunks(path, 0, size, _Tally(size, on_bytes).add),
        )
        return self._address(stored.get("access_url"), "address for the file")

    async def _storage(self) -> _Storage:
        token = await self._json(
            "POST", f"{self._url}/storage/auth/token?storage_type=fal-cdn-v3", headers=self._headers, json_body={}
        )
        url, secret = self._address(token.get("base_url"), "upload address"), token.get("token")
        if not isinstance(secret, str):
            raise SubmitRefused("fal's storage gave no upload address.", code="gateway_unavailable")
        return _Storage(url.rstrip("/"), {"Authorization": f"{token.get('token_type', 'Bearer')} {secret}"})

    def _address(self, url: object, what: str) -> str:
        """An address in an answer, if it may be used.

        Raises:
            SubmitRefused: There is none, or it is not https.
        """
        if not isinstance(url, str) or not url:
            raise SubmitRefused(f"fal's storage gave no {what}.", code="gateway_unavailable")
        if not self._settings.is_safe_address(url):
            raise SubmitRefused(f"fal's storage gave an {what} that is not https.", code="gateway_unavailable")
        return url

    async def _in_parts(self, storage: _Storage, named: Mapping[str, str], path: Path, tally: "_Tally") -> str:
        """A file of many parts, a few of them at once; one that does not get through is sent again."""
        begun = await self._json(
            "POST",
            f"{storage.url}/files/upload/multipart",
            headers={**storage.headers, **named},
        )
        address, upload_id = self._address(begun.get("access_url"), "address for the file"), begun.get("uploadId")
        if not isinstance(upload_id, str):
            raise SubmitRefused("fal's storage gave no upload address.", code="gateway_unavailable")
        base = f"{address}/multipart/{upload_id}"
        left = iter(range(1, -(-tally.size // PART_BYTES) + 1))
        etags: dict[int, str] = {}

        async def send_parts() -> None:
            for number in left:
                etags[number] = await self._part(f"{base}/{number}", storage, path, number, tally)

        await _all_or_none([send_parts() for _ in range(PARTS_AT_ONCE)])
        parts = [{"partNumber": number, "etag": etag} for number, etag in sorted(etags.items())]
        await self._send("POST", f"{base}/complete", headers=storage.headers, json_body={"parts": parts})
        return address

    async def _part(self, url: str, storage: _Storage, path: Path, number: int, tally: "_Tally") -> str:
        """Send one part; returns its ETag."""
        start = (number - 1) * PART_BYTES
        length = min(PART_BYTES, tally.size - start)
        for pause in (*AGAIN_AFTER, None):
            sent = _Part(tally)
            try:
                reply = await self._send(
                    "PUT",
                    url,
                    headers={
                        **storage.headers,
                        "Content-Type": "application/octet-stream",
                        "Content-Length": str(length),
                    },
                    content=_chunks(path, start, length, sent.add),
                )
            except (NotSent, SubmitRefused) as error:
                sent.take_back()
                if pause is None or not _may_get_through(error):
                    raise
                await self._pause(pause)
            else:
                if etag := reply.headers.get("etag"):
                    return etag
                raise SubmitRefused("fal's storage took a part and gave no ETag for it.", code="gateway_unavailable")
        raise AssertionError("the last try returns or raises")

    async def _json(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        json_body: Json | None = None,
        content: AsyncIterator[bytes] | None = None,
    ) -> Json:
        reply = await self._send(method, url, headers=headers, json_body=json_body, content=content)
        if reply.body is None:
            raise SubmitRefused("fal's storage gave an answer that cannot be read.", code="gateway_unavailable")
        return reply.body

    async def _send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        json_body: Json | None = None,
        content: AsyncIterator[bytes] | None = None,
    ) -> Reply:
        """One step of an upload: nothing is billed, so every failure is a plain refusal."""
        try:
            reply = await call(
                self._http,
                method,
                url,
                headers=headers,
                json_body=json_body,
                content=content,
                time_limits=_UPLOAD_TIMEOUT,
            )
        except httpx2.HTTPError as error:
            raise NotSent(f"fal's storage cannot be reached: {short(error)}.") from error
        if reply.status not in {200, 201, 204}:
            message = f"fal's storage refused the file with {reply.status}: {reason(reply)}."
            code = refusal_code(reply)
            raise SubmitRefused(message, code=code, retry_after=reply.retry_after, busy=is_busy(reply.status, code))
        return reply


def _may_get_through(error: NotSent | SubmitRefused) -> bool:
    """Whether sending a part again makes sense: not where it was refused as it is."""
    return isinstance(error, NotSent) or error.code == "gateway_unavailable"


async def _all_or_none(works: list[Awaitable[None]]) -> None:
    """Do all at once; the first failure stops the others and is raised as it is."""
    tasks = [asyncio.ensure_future(one) for one in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Tally:
    """How much of a file has gone, all parts together."""

    def __init__(self, size: int, on_bytes: OnBytes) -> None:
        self.size = size
        self._gone = 0
        self._on_bytes = on_bytes

    def add(self, count: int) -> None:
        self._gone += count
        self._on_bytes(self._gone, self.size)


class _Part:
    """How much of one part has gone, to be taken back where it did not get through."""

    def __init__(self, tally: _Tally) -> None:
        self._tally = tally
        self._gone = 0

    def add(self, count: int) -> None:
        self._gone += count
        self._tally.add(count)

    def take_back(self) -> None:
        self._tally.add(-self._gone)


async def _chunks(path: Path, start: int, length: int, gone: Callable[[int], None]) -> AsyncIterator[bytes]:
    """A stretch of a file, read as it is sent."""
    async with await anyio.open_file(path, "rb") as file:
        await file.seek(start)
        left = length
        while left and (chunk := await file.read(min(_UPLOAD_CHUNK, left))):
            left -= len(chunk)
            yield chunk
            gone(len(chunk))
