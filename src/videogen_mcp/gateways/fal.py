"""fal.ai: the queue API (submit, status, result, cancel) and uploads.

Wire facts: the input goes bare to `POST {queue}/{endpoint id}` with `Authorization: Key`; the reply names its own
status, result and cancel addresses; a failure is a COMPLETED status with `error`, and the result address then answers
with the model's own status code and body (fal documentation; behaviour of the official clients).
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar, NoReturn, Self, cast
from urllib.parse import urlsplit

import anyio
import httpx2

from videogen_mcp.errors import (
    ErrorCode,
    InvalidRequest,
    NotSent,
    OperationGone,
    PollTrouble,
    SubmitRefused,
    SubmitUncertain,
)
from videogen_mcp.gateways.base import (
    NOT_SENT,
    CancelOutcome,
    Failed,
    Finished,
    Operation,
    Pending,
    Reply,
    call,
)
from videogen_mcp.settings import Settings
from videogen_mcp.types import Json

_POLICY_TYPES = frozenset({"content_policy_violation", "face_detection_error", "sensitive_content"})
_UPLOAD_TIMEOUT = httpx2.Timeout(connect=4.0, read=120.0, write=120.0, pool=4.0)
_UPLOAD_CHUNK = 1 << 20
_NAMESPACES = frozenset({"workflows", "comfy"})
_WORDS = 400


class FalGateway:
    """The gateway `fal`.

    Args:
        key: The API key.
        queue_url: Base address of the queue.
        rest_url: Base address of the storage API.
        settings: For the hosts that plain http is allowed to.
        http: The client to use; it must not follow redirects or retry by itself.
    """

    name: ClassVar[str] = "fal"
    shortest_poll_seconds: ClassVar[float] = 2.0
    on_this_machine: ClassVar[bool] = False

    def __init__(self, key: str, queue_url: str, rest_url: str, settings: Settings, http: httpx2.AsyncClient) -> None:
        self._headers = {"Authorization": f"Key {key}"}
        self._queue_url = queue_url
        self._rest_url = rest_url
        self._settings = settings
        self._http = http

    @classmethod
    def open(cls, settings: Settings, http: httpx2.AsyncClient) -> Self:
        """Build it from the environment; see `Gateway.open`."""
        key = settings.secret("FAL_KEY") or ""
        if not (key.isascii() and key.isprintable()):
            message = "FAL_KEY holds a character that no key has; it may have been pasted with quotes or a line break."
            raise InvalidRequest(message, field="FAL_KEY", fix="Copy the key again.", code="unauthorized")
        return cls(
            key=key,
            queue_url=settings.base_url("VIDEOGEN_FAL_QUEUE_URL", "https://queue.fal.run"),
            rest_url=settings.base_url("VIDEOGEN_FAL_REST_URL", "https://rest.fal.ai"),
            settings=settings,
            http=http,
        )

    @property
    def address(self) -> str:
        """Base address of the queue."""
        return self._queue_url

    async def submit(self, endpoint_id: str, body: Json) -> Operation:
        """Put one request into the queue; see `Gateway.submit`."""
        try:
            reply = await call(
                self._http, "POST", f"{self._queue_url}/{endpoint_id}", headers=self._headers, json_body=body
            )
        except NOT_SENT as error:
            raise NotSent(f"fal cannot be reached: {_short(error)}.") from error
        except httpx2.HTTPError as error:
            raise SubmitUncertain(f"The answer to the submit was lost: {_short(error)}.") from error
        if reply.status in {200, 201, 202}:
            return self._operation(endpoint_id, reply)
        if reply.status >= 500 or reply.status == 408 or reply.status < 200:  # noqa: PLR2004 -- HTTP's own classes
            raise SubmitUncertain(f"fal answered the submit with {reply.status}: {_reason(reply)}.")
        code = _refusal_code(reply)
        raise SubmitRefused(f"fal refused the request with {reply.status}: {_reason(reply)}.", code=code)

    def _operation(self, endpoint_id: str, reply: Reply) -> Operation:
        request_id = (reply.body or {}).get("request_id")
        if reply.body is None or not isinstance(request_id, str) or not request_id:
            raise SubmitUncertain("fal accepted the submit, but its answer holds no request id.")
        segments = endpoint_id.split("/")
        app = "/".join(segments[: 3 if segments[0] in _NAMESPACES else 2])
        built = f"{self._queue_url}/{app}/requests/{request_id}"
        return {
            "request_id": request_id,
            "status_url": self._own(reply.body.get("status_url"), f"{built}/status"),
            "response_url": self._own(reply.body.get("response_url"), built),
            "cancel_url": self._own(reply.body.get("cancel_url"), f"{built}/cancel"),
        }

    def _own(self, url: Any, built: str) -> str:
        """The address in the reply if it is on the queue's host, else the documented one: the key goes with it."""
        if not isinstance(url, str):
            return built
        own = urlsplit(self._queue_url)
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
            return Failed("generation_failed", f"fal reports {status.lower()}: {_text_of(reply.body) or 'no reason'}.")
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
        detail = _text_of(reply.body) if reply.status >= 400 else ""  # noqa: PLR2004
        message = detail or str(status.get("error") or status.get("error_type") or "no reason given")
        return Failed(_failure_code(reply, status), f"{message[:_WORDS]}")

    async def _look(self, url: str) -> Reply:
        try:
            return await call(self._http, "GET", url, headers=self._headers)
        except httpx2.HTTPError as error:
            raise PollTrouble(f"fal could not be asked: {_short(error)}.") from error

    async def cancel(self, operation: Operation) -> CancelOutcome:
        """Ask fal to stop; a running model may ignore it. See `Gateway.cancel`."""
        try:
            reply = await call(self._http, "PUT", str(operation["cancel_url"]), headers=self._headers)
        except httpx2.HTTPError as error:
            raise PollTrouble(f"fal could not be asked: {_short(error)}.") from error
        if reply.status in {200, 202}:
            return "requested"
        if reply.status in {400, 409}:
            return "too_late"
        if reply.status != 404:  # noqa: PLR2004
            _raise_poll_trouble(reply)
        return "unknown"

    async def upload(self, path: Path, mime_type: str) -> str:
        """Put a file on fal's CDN; returns its public address. See `Gateway.upload`."""
        token = await self._send("POST", f"{self._rest_url}/storage/auth/token?storage_type=fal-cdn-v3", json_body={})
        base_url, secret = token.get("base_url"), token.get("token")
        if not isinstance(base_url, str) or not isinstance(secret, str):
            raise SubmitRefused("fal's storage gave no upload address.", code="gateway_unavailable")
        parts = urlsplit(base_url)
        if parts.scheme != "https" and not self._settings.is_allowed_host(parts.hostname or "", parts.port):
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
        if not isinstance(stored.get("access_url"), str):
            raise SubmitRefused("fal's storage gave no address for the file.", code="gateway_unavailable")
        return stored["access_url"]

    async def _send(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str] | None = None,
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
            raise NotSent(f"fal's storage cannot be reached: {_short(error)}.") from error
        if reply.status not in {200, 201} or reply.body is None:
            message = f"fal's storage refused the file with {reply.status}: {_reason(reply)}."
            raise SubmitRefused(message, code=_refusal_code(reply))
        return reply.body

    async def close(self) -> None:
        """Nothing is held."""


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    async with await anyio.open_file(path, "rb") as file:
        while chunk := await file.read(_UPLOAD_CHUNK):
            yield chunk


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
    raise PollTrouble(f"fal answered {reply.status}: {_reason(reply)}.", retry_after=reply.retry_after, code=code)


def _types(body: Json | None) -> set[str]:
    """The error types that a body names: `detail[].type` and `error_type`."""
    if body is None:
        return set()
    detail = body.get("detail")
    items = cast("list[Any]", detail) if isinstance(detail, list) else []
    named = {str(cast("Json", item).get("type", "")) for item in items if isinstance(item, dict)}
    return named | {str(body.get("error_type", ""))}


def _refusal_code(reply: Reply) -> ErrorCode:
    text = reply.text.lower()
    if reply.status == 402 or (reply.status == 403 and "balance" in text):  # noqa: PLR2004
        return "insufficient_credit"
    if reply.status in {401, 403}:
        return "unauthorized"
    if _types(reply.body) & _POLICY_TYPES:
        return "content_policy"
    return "invalid_request" if reply.status in {400, 404, 413, 415, 422} else "gateway_unavailable"


def _failure_code(reply: Reply, status: Json) -> ErrorCode:
    if (_types(reply.body) | {str(status.get("error_type", ""))}) & _POLICY_TYPES:
        return "content_policy"
    return "generation_failed"


def _text_of(body: Json | None) -> str:
    """What an error body says, in one line: fal's `detail` is a text or a list of located messages."""
    if body is None:
        return ""
    detail = body.get("detail", body.get("error", ""))
    if not isinstance(detail, list):
        return str(detail or "")
    lines: list[str] = []
    for item in cast("list[Any]", detail):
        if isinstance(item, dict):
            entry = cast("Json", item)
            places = [str(part) for part in cast("list[Any]", entry.get("loc") or []) if part != "body"]
            lines.append(f"{'.'.join(places) or 'request'}: {entry.get('msg', entry.get('type', 'refused'))}")
        else:
            lines.append(str(item))
    return "; ".join(lines)


def _reason(reply: Reply) -> str:
    return (_text_of(reply.body) or "no reason given").rstrip(".")[:_WORDS]


def _short(error: httpx2.HTTPError) -> str:
    """The kind of failure in words; never the exception's own text, which may hold an address with a query."""
    return {
        "ConnectError": "no connection",
        "ConnectTimeout": "no connection within the time allowed",
        "ReadTimeout": "no answer within the time allowed",
        "RemoteProtocolError": "the connection was closed",
        "ReadError": "the connection broke",
    }.get(type(error).__name__, type(error).__name__)
