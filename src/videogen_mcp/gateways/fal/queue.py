"""fal's queue: submit, status, result, cancel.

Wire facts: the input goes bare to `POST {queue}/{endpoint id}` with `Authorization: Key`; the reply names its own
status, result and cancel addresses; a failure is a COMPLETED status with `error`, and the result address then answers
with the model's own status code and body (fal documentation; behaviour of the official clients).
"""

from collections.abc import Mapping
from typing import Any, NoReturn, cast
from urllib.parse import quote, urlsplit

import httpx2

from videogen_mcp.errors import ErrorCode, NotSent, OperationGone, PollTrouble, SubmitRefused, SubmitUncertain
from videogen_mcp.gateways.base import (
    NOT_SENT,
    CancelOutcome,
    Failed,
    Finished,
    Operation,
    Pending,
    Reply,
    call,
    is_busy,
)
from videogen_mcp.gateways.fal.wire import (
    MESSAGE_CHARS,
    POLICY_TYPES,
    error_types,
    reason,
    refusal_code,
    short,
    text_of,
)
from videogen_mcp.types import Json

_NAMESPACES = frozenset({"workflows", "comfy"})


class FalQueue:
    """The queue API.

    Args:
        url: Its base address.
        headers: The header with the key.
        http: The client to use; it must not follow redirects or retry by itself.
    """

    def __init__(self, url: str, headers: Mapping[str, str], http: httpx2.AsyncClient) -> None:
        self.url = url
        self._headers = headers
        self._http = http

    async def submit(self, endpoint_id: str, body: Json, *, webhook: str | None = None) -> Operation:
        """Put one request into the queue, with an address to call when it has ended; see `Gateway.submit`."""
        address = f"{self.url}/{endpoint_id}" + (f"?fal_webhook={quote(webhook, safe='')}" if webhook else "")
        try:
            reply = await call(self._http, "POST", address, headers=self._headers, json_body=body)
        except NOT_SENT as error:
            raise NotSent(f"fal cannot be reached: {short(error)}.") from error
        except httpx2.HTTPError as error:
            raise SubmitUncertain(f"The answer to the submit was lost: {short(error)}.") from error
        if 200 <= reply.status < 300:  # noqa: PLR2004 -- HTTP's own classes, here and below
            return self._operation(endpoint_id, reply)
        if reply.status >= 500 or reply.status == 408 or reply.status < 200:  # noqa: PLR2004
            raise SubmitUncertain(f"fal answered the submit with {reply.status}: {reason(reply)}.")
        code = refusal_code(reply)
        message, busy = f"fal refused the request with {reply.status}: {reason(reply)}.", is_busy(reply.status, code)
        raise SubmitRefused(message, code=code, retry_after=reply.retry_after, busy=busy)

    def _operation(self, endpoint_id: str, reply: Reply) -> Operation:
        request_id = (reply.body or {}).get("request_id")
        if reply.body is None or not isinstance(request_id, str) or not request_id:
            raise SubmitUncertain("fal accepted the submit, but its answer holds no request id.")
        built = self.operation(endpoint_id, request_id)
        told = {name: self._own(reply.body.get(name), str(built[name])) for name in built if name.endswith("_url")}
        return built | told

    def operation(self, endpoint_id: str, request_id: str) -> Operation:
        """The handle of a request, with the addresses as they are documented."""
        segments = endpoint_id.split("/")
        app = "/".join(segments[: 3 if segments[0] in _NAMESPACES else 2])
        built = f"{self.url}/{app}/requests/{request_id}"
        return {
            "request_id": request_id,
            "status_url": f"{built}/status",
            "response_url": built,
            "cancel_url": f"{built}/cancel",
        }

    def _own(self, url: Any, built: str) -> str:
        """The address in the reply if it is on the queue's host, else the documented one: the key goes with it."""
        if not isinstance(url, str):
            return built
        own = urlsplit(self.url)
        try:
            httpx2.URL(url)
            given = urlsplit(url)
        except (ValueError, httpx2.InvalidURL):
            return built
        return url if (given.scheme, given.netloc) == (own.scheme, own.netloc) else built

    async def poll(self, operation: Operation) -> Pending | Finished | Failed:
        """Look at the status, and at the result once it is complete; see `Gateway.poll`."""
        reply = await self._look(f"{operation['status_url']}?logs=1")
        if reply.status not in {200, 202} or reply.body is None:
            _raise_poll_trouble(reply)
        status = str(reply.body.get("status", "")).upper()
        if status == "COMPLETED":
            return await self._result(operation, reply.body)
        if status in {"FAILED", "ERROR", "CANCELED", "CANCELLED"}:
            return Failed("generation_failed", f"fal reports {status.lower()}: {text_of(reply.body) or 'no reason'}.")
        return _pending(status, reply.body)

    async def _result(self, operation: Operation, status: Json) -> Finished | Failed:
        reply = await self._look(str(operation["response_url"]))
        failed = status.get("error") or status.get("error_type")
        if not failed and reply.status == 200 and reply.body is not None:  # noqa: PLR2004
            return _finished(reply)
        if not failed and (reply.status >= 500 or reply.status in {401, 403, 404, 408, 429}):  # noqa: PLR2004
            _raise_poll_trouble(reply)
        if not failed and reply.body is None:
            raise PollTrouble("fal's result could not be read: it is not JSON.")
        detail = text_of(reply.body) if reply.status >= 400 else ""  # noqa: PLR2004
        message = detail or str(status.get("error") or status.get("error_type") or "no reason given")
        return Failed(_failure_code(reply, status), f"{message[:MESSAGE_CHARS]}")

    async def _look(self, url: str) -> Reply:
        try:
            return await call(self._http, "GET", url, headers=self._headers)
        except httpx2.HTTPError as error:
            raise PollTrouble(f"fal could not be asked: {short(error)}.") from error

    async def cancel(self, operation: Operation) -> CancelOutcome:
        """Ask fal to stop; a running model may ignore it. See `Gateway.cancel`."""
        try:
            reply = await call(self._http, "PUT", str(operation["cancel_url"]), headers=self._headers)
        except httpx2.HTTPError as error:
            raise PollTrouble(f"fal could not be asked: {short(error)}.") from error
        if reply.status in {200, 202}:
            return "requested"
        if reply.status in {400, 409}:
            return "too_late"
        if reply.status != 404:  # noqa: PLR2004
            _raise_poll_trouble(reply)
        return "unknown"


def _pending(status: str, body: Json) -> Pending:
    position = body.get("queue_position")
    if status == "IN_QUEUE":
        return Pending(None, f"queued at fal, position {position}" if isinstance(position, int) else "queued at fal")
    logs = cast("list[Any]", body.get("logs")) if isinstance(body.get("logs"), list) else []
    lines = [str(cast("Json", entry).get("message", "")) for entry in logs if isinstance(entry, dict)]
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return Pending(None, f"running at fal: {last[:120]}" if last else "running at fal")


def _finished(reply: Reply) -> Finished | Failed:
    body = reply.body or {}
    candidates: list[Any] = [body.get("video"), body.get("video_url"), body.get("url")]
    several = body.get("videos")
    if isinstance(several, list):
        candidates += cast("list[Any]", several)
    for candidate in candidates:
        url: Any = cast("Json", candidate).get("url") if isinstance(candidate, dict) else candidate
        if isinstance(url, str) and url:
            details = {name: body[name] for name in ("seed", "actual_prompt") if name in body}
            units = reply.headers.get("x-fal-billable-units")
            return Finished(url=url, details=details | ({"billable_units": units} if units else {}))
    return Failed("generation_failed", "fal's result holds no video.")


def _raise_poll_trouble(reply: Reply) -> NoReturn:
    if reply.status == 404:  # noqa: PLR2004
        raise OperationGone("fal does not know the request.")
    code: ErrorCode = "unauthorized" if reply.status in {401, 403} else "gateway_unavailable"
    raise PollTrouble(f"fal answered {reply.status}: {reason(reply)}.", retry_after=reply.retry_after, code=code)


def _failure_code(reply: Reply, status: Json) -> ErrorCode:
    if (error_types(reply.body) | {str(status.get("error_type", ""))}) & POLICY_TYPES:
        return "content_policy"
    return "generation_failed"
