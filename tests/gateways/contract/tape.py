"""Records what a gateway and its stand-in say to each other, and plays it back with single things changed."""

import json
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any, cast

import httpx2

from videogen_mcp.types import Json

ELSEWHERE = "https://elsewhere.example/x"
WRONG: tuple[Any, ...] = (None, True, -1e308, "", ELSEWHERE, [], [{"url": 7}])
"""What may stand in a reply in the place of anything that belongs there."""


@dataclass(frozen=True)
class Heard:
    """One exchange: what was sent, and the reply."""

    request: httpx2.Request
    body: bytes
    status: int
    headers: tuple[tuple[str, str], ...]
    reply: bytes

    def with_json(self, value: Any) -> "Heard":
        return replace(self, reply=json.dumps(value).encode(), headers=self._without_length())

    def with_status(self, status: int, reply: bytes = b"", **headers: str) -> "Heard":
        named = tuple((name.replace("_", "-"), text) for name, text in headers.items())
        return replace(self, status=status, reply=reply, headers=named)

    def _without_length(self) -> tuple[tuple[str, str], ...]:
        return tuple((name, value) for name, value in self.headers if name.lower() != "content-length")


class Recorder(httpx2.AsyncBaseTransport):
    """Passes everything on to the network, and keeps it."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self._network = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        sent = await request.aread()
        # A streamed body is read by now: what goes on is the same bytes.
        again = httpx2.Request(
            request.method, request.url, headers=request.headers, content=sent, extensions=request.extensions
        )
        response = await self._network.handle_async_request(again)
        body = await response.aread()
        headers = tuple(response.headers.multi_items())
        self.heard.append(Heard(request, sent, response.status_code, headers, body))
        return httpx2.Response(response.status_code, headers=response.headers, content=body)

    async def aclose(self) -> None:
        await self._network.aclose()


class Player(httpx2.AsyncBaseTransport):
    """Gives recorded replies one after the other, the last one for ever; keeps what was sent."""

    def __init__(self) -> None:
        self._tape: list[Heard] = []
        self.sent: list[tuple[httpx2.Request, bytes]] = []

    def load(self, tape: list[Heard]) -> None:
        self._tape, self.sent = tape, []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        heard = self._tape[min(len(self.sent), len(self._tape) - 1)]
        self.sent.append((request, await request.aread()))
        return httpx2.Response(heard.status, headers=list(heard.headers), content=heard.reply)


def changed(value: Any) -> Generator[Any]:
    """The value with each part of it, and itself, replaced by everything in `WRONG`, and each field left out.

    Of a list the first two entries stand for all.
    """
    yield from WRONG
    if isinstance(value, dict):
        fields = cast("Json", value)
        for name, inner in fields.items():
            yield {key: one for key, one in fields.items() if key != name}
            for other in changed(inner):
                yield {**fields, name: other}
    elif isinstance(value, list):
        entries = cast("list[Any]", value)
        for at, inner in enumerate(entries[:2]):
            for other in changed(inner):
                yield [*entries[:at], other, *entries[at + 1 :]]
