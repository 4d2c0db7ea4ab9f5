"""Server-sent events of fal's queue, over connections of their own. Nothing here is billed.

Wire facts (fal documentation, inference-api/queue/status-stream): `GET …/status/stream?logs=1` answers
`text/event-stream`; each event has one `data:` line with a status object, the server closes the stream after COMPLETED,
and sends a comment line every 15 seconds to keep the connection open.
"""

import json
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx2

from videogen_mcp.errors import PollTrouble
from videogen_mcp.gateways.base import CONNECT_SECONDS, USER_AGENT
from videogen_mcp.gateways.errand import exchange
from videogen_mcp.gateways.fal.wire import short
from videogen_mcp.types import Json

SILENT_SECONDS = 50.0
"""A stream on which not even a comment came for this long, where one is due every 15 seconds, is dead."""

LONGEST_EVENT_BYTES = 1_000_000
"""The longest event that is read: a status with its logs has some hundred bytes, seldom some thousand."""

MOST_STREAMS = 2000
STREAMS_PER_CLIENT = 50
"""A pool of connections looks at all of its own for every request: many small pools stay quick where one would not."""

_TIME_LIMITS = httpx2.Timeout(connect=CONNECT_SECONDS, read=SILENT_SECONDS, write=10.0, pool=CONNECT_SECONDS)


class EventParser:
    """Reads events piece by piece, as they come over the wire; only their data is kept."""

    def __init__(self) -> None:
        self._line: list[bytes] = []
        self._data: list[bytes] = []
        self._bytes = 0
        self._after_return = False

    def feed(self, piece: bytes) -> list[bytes]:
        """The data of each event that ends in this piece.

        Raises:
            PollTrouble: A line or an event is longer than any that fal sends.
        """
        if self._after_return and piece.startswith(b"\n"):
            piece = piece[1:]
        self._after_return = piece.endswith(b"\r")
        self._bytes += len(piece)
        lines = piece.splitlines(keepends=True)
        ended: list[bytes] = []
        for line in lines:
            self._line.append(line)
            if line.endswith((b"\n", b"\r")):
                data = self._end_line()
                ended += [] if data is None else [data]
        if self._bytes > LONGEST_EVENT_BYTES:
            raise PollTrouble("fal's event stream holds an event without end.")
        return ended

    def _end_line(self) -> bytes | None:
        """Take in a line that is whole; the event's data, where it was the empty line that ends one."""
        line = b"".join(self._line).rstrip(b"\r\n")
        self._line.clear()
        if line:
            name, _, value = line.partition(b":")
            if name.removeprefix(b"\xef\xbb\xbf") == b"data":
                self._data.append(value.removeprefix(b" "))
            elif not self._data:
                self._bytes = 0
            return None
        data = b"\n".join(self._data) if self._data else None
        self._data.clear()
        self._bytes = 0
        return data


class StreamPools:
    """HTTP clients for streams, apart from those for requests, opened when they are needed.

    Args:
        client: Opens one; its pool must allow `STREAMS_PER_CLIENT` connections.
        most: How many streams may be open at once.
    """

    def __init__(self, client: Callable[[], httpx2.AsyncClient], most: int) -> None:
        self._client = client
        self._most = most
        self._used: dict[httpx2.AsyncClient, int] = {}

    @asynccontextmanager
    async def place(self) -> AsyncGenerator[httpx2.AsyncClient]:
        """A client with room for one more stream.

        Raises:
            PollTrouble: So many are open that no more may be.
        """
        if sum(self._used.values()) >= self._most:
            raise PollTrouble("As many of fal's event streams are open as may be.")
        client = next((one for one, used in self._used.items() if used < STREAMS_PER_CLIENT), None) or self._client()
        self._used[client] = self._used.get(client, 0) + 1
        try:
            yield client
        finally:
            if client in self._used:
                self._used[client] -= 1

    async def close(self) -> None:
        """Close all of them."""
        while self._used:
            client, _ = self._used.popitem()
            await client.aclose()


def stream_pools() -> StreamPools:
    """The usual ones; a third of the files that this process may open is left to streams, `MOST_STREAMS` at most."""
    verified = httpx2.create_ssl_context()
    limits = httpx2.Limits(max_connections=STREAMS_PER_CLIENT, max_keepalive_connections=0)

    def client() -> httpx2.AsyncClient:
        return httpx2.AsyncClient(verify=verified, limits=limits, follow_redirects=False)

    return StreamPools(client, min(MOST_STREAMS, _most_open_files() // 3))


def _most_open_files() -> int:
    if sys.platform == "win32":
        return MOST_STREAMS
    import resource  # noqa: PLC0415 -- there is none on Windows

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_STREAMS * 3 if soft == resource.RLIM_INFINITY else soft


class FalEvents:
    """Event streams.

    Args:
        headers: The header with the key.
        pools: Opens the clients, when the first stream is wanted.
    """

    def __init__(self, headers: Mapping[str, str], pools: Callable[[], StreamPools] = stream_pools) -> None:
        self._headers = headers
        self._open_pools = pools
        self._pools: StreamPools | None = None

    async def of(self, url: str) -> AsyncGenerator[Json]:
        """The events of a stream, each a JSON object; ends where the server closes it.

        Raises:
            PollTrouble: It cannot be had, or broke off.
            httpx2.ConnectError: Nobody listens there; `ConnectTimeout` likewise.
        """
        self._pools = self._pools or self._open_pools()
        async with self._pools.place() as http:
            try:
                async with _opened(http, url, self._headers) as response:
                    parser = EventParser()
                    async for piece in response.aiter_raw():
                        for data in parser.feed(piece):
                            yield _object(data)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                raise
            except (httpx2.HTTPError, httpx2.StreamError) as error:
                words = short(error) if isinstance(error, httpx2.HTTPError) else "the connection broke"
                raise PollTrouble(f"fal's event stream broke off: {words}.") from error

    async def close(self) -> None:
        """Close all connections."""
        if self._pools is not None:
            await self._pools.close()
            self._pools = None


@asynccontextmanager
async def _opened(http: httpx2.AsyncClient, url: str, headers: Mapping[str, str]) -> AsyncGenerator[httpx2.Response]:
    """A stream that is one, with its events unread."""
    own = {"User-Agent": USER_AGENT, "Accept": "text/event-stream", "Accept-Encoding": "identity"}
    request = http.build_request("GET", url, headers={**own, **headers}, timeout=_TIME_LIMITS)
    with exchange("GET", url) as told:
        response = await http.send(request, stream=True, follow_redirects=False)
        told.answered(response.status_code, response.headers)
    try:
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        encoding = response.headers.get("content-encoding", "identity")
        if response.status_code != 200 or kind != "text/event-stream" or encoding != "identity":  # noqa: PLR2004
            raise PollTrouble(f"fal has no event stream here: it answered {response.status_code}.")
        yield response
    finally:
        await response.aclose()


def _object(data: bytes) -> Json:
    try:
        value: Any = json.loads(data)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise PollTrouble("fal's event stream holds an event that is no JSON object.")
    return cast("Json", value)
