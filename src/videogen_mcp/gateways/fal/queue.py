"""fal's queue: submit, status, result, cancel, and the stream of states.

Wire facts: the input goes bare to `POST {queue}/{endpoint id}` with `Authorization: Key`; the reply names its own
status, result and cancel addresses; a failure is a COMPLETED status with `error`, and the result address then answers
with the model's own status code and body (fal documentation; behaviour of the official clients). Where no connection
to the queue can be made, the official clients turn to a backup host; nothing was sent then, so a submit may too.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2

from videogen_mcp.errors import NotSent, PollTrouble, SubmitRefused, SubmitUncertain
from videogen_mcp.gateways.base import (
    CONNECT_SECONDS,
    LONGEST_WATCH_SECONDS,
    NOT_SENT,
    TIMEOUT,
    CancelOutcome,
    Failed,
    Finished,
    Operation,
    Pending,
    Reply,
    call,
    is_busy,
)
from videogen_mcp.gateways.fal.events import FalEvents
from videogen_mcp.gateways.fal.states import failed, finished, pending, poll_trouble
from videogen_mcp.gateways.fal.wire import reason, refusal_code, short, text_of
from videogen_mcp.types import Json

_NAMESPACES = frozenset({"workflows", "comfy"})
_NO_CONNECTION = (httpx2.ConnectError, httpx2.ConnectTimeout)
_TWO_HOSTS_LIMITS = httpx2.Timeout(
    connect=CONNECT_SECONDS / 2, read=TIMEOUT.read, write=TIMEOUT.write, pool=TIMEOUT.pool
)
"""With a second host to turn to, both together are given up within the time that is allowed for one."""


class FalQueue:
    """The queue API.

    Args:
        url: Its base address.
        headers: The header with the key.
        http: The client to use; it must not follow redirects or retry by itself.
        events: Opens streams of states.
        backup_url: Its other base address, for when no connection to the first can be made; None where it has none.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        http: httpx2.AsyncClient,
        events: FalEvents,
        backup_url: str | None = None,
    ) -> None:
        self.url = url
        self._headers = headers
        self._http = http
        self._events = events
        self._hosts = (url,) if backup_url in {None, url} else (url, backup_url or "")
        self._limits = {} if len(self._hosts) == 1 else {"time_limits": _TWO_HOSTS_LIMITS}

    async def submit(self, endpoint_id: str, body: Json, *, webhook: str | None = None) -> Operation:
        """Put one request into the queue, with an address to call when it has ended; see `Gateway.submit`.

        It is told not to begin any more once nobody follows it: that is not charged.
        """
        headers = {**self._headers, "X-Fal-Request-Timeout": f"{LONGEST_WATCH_SECONDS:.0f}"}
        path = f"/{endpoint_id}" + (f"?fal_webhook={quote(webhook, safe='')}" if webhook else "")
        try:
            host, reply = await self._send("POST", self.url, path, headers=headers, body=body)
        except NOT_SENT as error:
            raise NotSent(f"fal cannot be reached: {short(error)}.") from error
        except httpx2.HTTPError as error:
            raise SubmitUncertain(f"The answer to the submit was lost: {short(error)}.") from error
        if 200 <= reply.status < 300:  # noqa: PLR2004 -- HTTP's own classes, here and below
            return self._operation(host, endpoint_id, reply)
        if reply.status >= 500 or reply.status == 408 or reply.status < 200:  # noqa: PLR2004
            raise SubmitUncertain(f"fal answered the submit with {reply.status}: {reason(reply)}.")
        code = refusal_code(reply)
        message, busy = f"fal refused the request with {reply.status}: {reason(reply)}.", is_busy(reply.status, code)
        raise SubmitRefused(message, code=code, retry_after=reply.retry_after, busy=busy)

    async def _send(
        self, method: str, host: str, path: str, *, headers: Mapping[str, str] | None = None, body: Json | None = None
    ) -> tuple[str, Reply]:
        """Send a request to one of the queue's hosts, to the other where no connection can be made; tells which."""
        headers = self._headers if headers is None else headers
        first, *others = sorted(self._hosts, key=lambda one: one != host)
        for other in [*others, None]:
            try:
                reply = await call(self._http, method, first + path, headers=headers, json_body=body, **self._limits)
            except _NO_CONNECTION:
                if other is None:
                    raise
                first = other
            else:
                return first, reply
        raise AssertionError("the last host returns or raises")

    def _operation(self, host: str, endpoint_id: str, reply: Reply) -> Operation:
        request_id = (reply.body or {}).get("request_id")
        if reply.body is None or not isinstance(request_id, str) or not request_id:
            raise SubmitUncertain("fal accepted the submit, but its answer holds no request id.")
        built = self.operation(endpoint_id, request_id, host)
        told = {name: _own(host, reply.body.get(name), str(built[name])) for name in built if name.endswith("_url")}
        return built | told

    def operation(self, endpoint_id: str, request_id: str, host: str | None = None) -> Operation:
        """The handle of a request, with the addresses as they are documented."""
        segments = endpoint_id.split("/")
        app = "/".join(segments[: 3 if segments[0] in _NAMESPACES else 2])
        built = f"{host or self.url}/{app}/requests/{request_id}"
        return {
            "request_id": request_id,
            "status_url": f"{built}/status",
            "response_url": built,
            "cancel_url": f"{built}/cancel",
        }

    def _place_of(self, url: str) -> tuple[str, str]:
        """The host and the path of an address in a handle.

        The key goes to the queue's own hosts only: an address elsewhere, of other settings, is looked for here.
        """
        for host in self._hosts:
            if url.startswith(f"{host}/"):
                return host, url.removeprefix(host)
        return self.url, urlsplit(url).path

    async def poll(self, operation: Operation) -> Pending | Finished | Failed:
        """Look at the status, and at the result once it is complete; see `Gateway.poll`."""
        reply = await self._look(f"{operation['status_url']}?logs=1")
        if reply.status not in {200, 202} or reply.body is None:
            raise poll_trouble(reply)
        return await self._state(operation, reply.body)

    async def _state(self, operation: Operation, status: Json) -> Pending | Finished | Failed:
        """What a status says, with the result where it is complete."""
        named = str(status.get("status", "")).upper()
        if named == "COMPLETED":
            return await self._result(operation, status)
        if named in {"FAILED", "ERROR", "CANCELED", "CANCELLED"}:
            return Failed("generation_failed", f"fal reports {named.lower()}: {text_of(status) or 'no reason'}.")
        return pending(named, status)

    async def _result(self, operation: Operation, status: Json) -> Finished | Failed:
        reply = await self._look(str(operation["response_url"]))
        if status.get("error") or status.get("error_type"):
            return failed(reply, status)
        if reply.status == 200 and reply.body is not None:  # noqa: PLR2004
            return finished(reply)
        if reply.status >= 500 or reply.status in {401, 402, 403, 404, 408, 429}:  # noqa: PLR2004
            raise poll_trouble(reply)
        if reply.body is None:
            raise PollTrouble("fal's result could not be read: it is not JSON.")
        return failed(reply, status)

    async def _look(self, url: str, method: str = "GET") -> Reply:
        try:
            _, reply = await self._send(method, *self._place_of(url))
        except httpx2.HTTPError as error:
            raise PollTrouble(f"fal could not be asked: {short(error)}.") from error
        return reply

    async def follow(self, operation: Operation) -> AsyncGenerator[Pending | Finished | Failed]:
        """Every state as fal tells it; see `TellsStates.follow`."""
        host, path = self._place_of(f"{operation['status_url']}/stream?logs=1")
        for last, place in enumerate(sorted(self._hosts, key=lambda one: one != host), 1 - len(self._hosts)):
            try:
                async with aclosing(self._events.of(place + path)) as events:
                    async for event in events:
                        state = await self._state(operation, event)
                        yield state
                        if not isinstance(state, Pending):
                            return
            except _NO_CONNECTION as error:
                if last == 0:
                    raise PollTrouble(f"fal could not be asked: {short(error)}.") from error
            else:
                return

    async def cancel(self, operation: Operation) -> CancelOutcome:
        """Ask fal to stop; a running model may ignore it. See `Gateway.cancel`.

        Documented: 202 CANCELLATION_REQUESTED, 400 ALREADY_COMPLETED, 404 NOT_FOUND; one reader of the API tells of
        409 for one that has ended. Its body, where it has one, outweighs the number.
        """
        reply = await self._look(str(operation["cancel_url"]), "PUT")
        told = str((reply.body or {}).get("status", "")).upper()
        if told == "ALREADY_COMPLETED":
            return "too_late"
        if told == "NOT_FOUND" or reply.status == 404:  # noqa: PLR2004
            return "unknown"
        if reply.status in {200, 202}:
            return "requested"
        if reply.status in {400, 409}:
            return "too_late"
        raise poll_trouble(reply)

    async def close(self) -> None:
        """Close the streams' connections."""
        await self._events.close()


def _own(host: str, url: Any, built: str) -> str:
    """The address in the reply if it is on the host that gave it, else the documented one: the key goes with it."""
    if not isinstance(url, str):
        return built
    own = urlsplit(host)
    try:
        httpx2.URL(url)
        given = urlsplit(url)
    except (ValueError, httpx2.InvalidURL):
        return built
    return url if (given.scheme, given.netloc) == (own.scheme, own.netloc) else built
