"""What fal's answers say of a generation: how it stands, what it made, or why it failed. Pure.

Wire facts (fal documentation, model-apis/request-errors, /errors and /faq): a failure of the service has `detail` as a
text and a category in `error_type` and in `X-Fal-Error-Type`; one of the model has `detail` as a list of typed entries,
and `X-Fal-Retryable`. "Server errors (HTTP 500+) are never charged"; 422 may be, if a runner had spent time on it.
"""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from videogen_mcp.errors import ErrorCode, OperationGone, PollTrouble
from videogen_mcp.gateways.base import Failed, Finished, Pending, Reply
from videogen_mcp.gateways.fal.wire import (
    MESSAGE_CHARS,
    POLICY_TYPES,
    error_types,
    is_out_of_credit,
    reason,
    refusal_code,
    text_of,
)
from videogen_mcp.types import Json

_SERVER_ERROR = 500
_LOG_CHARS = 120
_PERCENT = re.compile(r"(?<![\d.])(\d{1,3})(?:\.\d+)?\s?%")
_OF_OTHER_THINGS = re.compile(r"load|fetch|install|compil|warm", re.IGNORECASE)
"""A percentage in a line with such words is of what comes before the generation."""

_MODEL_FAILED = frozenset({"downstream_service_error", "no_media_generated", "generation_timeout"})
"""Types that come with a 4xx at times and say nothing against the request."""

_SERVICE_FAILURES: Mapping[str, str] = {
    "request_timeout": "it did not begin in the time allowed",
    "startup_timeout": "no runner started in time",
    "runner_scheduling_failure": "no runner was to be had",
    "runner_connection_timeout": "the runner could not be reached in time",
    "runner_connection_refused": "the runner could not be reached",
    "runner_connection_error": "the runner could not be reached",
    "runner_disconnected": "the runner broke off",
    "runner_incomplete_response": "the runner's answer was incomplete",
    "runner_server_error": "the runner failed",
    "internal_error": "fal itself failed",
}
"""Documented with 500, 502, 503 or 504: the endpoint could not do it now, and another one may."""

_OTHER_CODES: Mapping[str, ErrorCode] = {
    "concurrent_requests_limit": "gateway_unavailable",
    "bad_request": "invalid_request",
}


def pending(status: str, body: Json) -> Pending:
    """How a generation stands that has not ended: its place in the queue, or the last line of its log."""
    if status == "IN_QUEUE":
        position = body.get("queue_position")
        return Pending(None, f"queued at fal, position {position}" if isinstance(position, int) else "queued at fal")
    logs = cast("list[Any]", body.get("logs")) if isinstance(body.get("logs"), list) else []
    lines = (str(cast("Json", entry).get("message", "")).strip() for entry in reversed(logs) if isinstance(entry, dict))
    last = next((" ".join(line.split()) for line in lines if line), "")
    return Pending(_progress(last), f"running at fal: {last[:_LOG_CHARS]}" if last else "running at fal")


def _progress(line: str) -> float | None:
    """The share that a line of the log tells, 0 to 1; the clip is still to be written when it says 100 %."""
    found = _PERCENT.search(line)
    if found is None or _OF_OTHER_THINGS.search(line):
        return None
    return min(int(found[1]), 100) / 100 * 0.95


def finished(reply: Reply) -> Finished | Failed:
    """What a result holds; endpoints put the clip in several places."""
    body = reply.body or {}
    candidates: list[Any] = [body.get("video"), body.get("video_url"), body.get("url")]
    several = body.get("videos")
    if isinstance(several, list):
        candidates += cast("list[Any]", several)
    for candidate in candidates:
        url: Any = cast("Json", candidate).get("url") if isinstance(candidate, dict) else candidate
        if isinstance(url, str) and url:
            details = {name: body[name] for name in ("seed", "actual_prompt") if name in body}
            return Finished(url=url, billed_units=_billed_units(reply), details=details)
    return Failed("generation_failed", "fal's result holds no video.")


def _billed_units(reply: Reply) -> Decimal | None:
    try:
        units = Decimal(reply.headers.get("x-fal-billable-units", ""))
    except InvalidOperation:
        return None
    return units if units.is_finite() and units >= 0 else None


def failed(reply: Reply, status: Json) -> Failed:
    """Why a complete generation has no clip.

    Args:
        reply: What the result's address answered.
        status: The status that said COMPLETED.
    """
    service = str(status.get("error_type") or reply.headers.get("x-fal-error-type") or "")
    types = error_types(reply.body) | {service}
    # A proxy's own page says nothing of what became of the generation.
    own = reply.body is not None or "x-fal-error-type" in reply.headers
    detail = text_of(reply.body) if reply.status >= 400 else ""  # noqa: PLR2004
    message = detail or str(status.get("error") or service or "no reason given")
    message = message[:MESSAGE_CHARS]
    if service in _SERVICE_FAILURES:
        message = f"{message.rstrip('.')} ({_SERVICE_FAILURES[service]})"
    if _may_work_later(reply):
        message = f"{message.rstrip('.')}; fal says that the same request may work later"
    is_free = service in _SERVICE_FAILURES or (own and reply.status >= _SERVER_ERROR)
    return Failed(_failure_code(reply, types, f"{message} {status.get('error', '')}"), message, is_free=is_free)


def _failure_code(reply: Reply, types: set[str], told: str) -> ErrorCode:
    if types & POLICY_TYPES:
        return "content_policy"
    if is_out_of_credit(reply.status, told):
        return "insufficient_credit"
    for name in types & _OTHER_CODES.keys():
        return _OTHER_CODES[name]
    is_refusal = reply.status == 422 and isinstance((reply.body or {}).get("detail"), list)  # noqa: PLR2004
    ran = any(name in _MODEL_FAILED or "server_error" in name or "service" in name for name in types)
    return "invalid_request" if is_refusal and not ran else "generation_failed"


def _may_work_later(reply: Reply) -> bool:
    told = reply.headers.get("x-fal-retryable") or reply.headers.get("x-fal-needs-retry") or ""
    return told.strip().lower() in {"1", "true", "yes"}


def poll_trouble(reply: Reply) -> PollTrouble | OperationGone:
    """What a look that did not tell the state means for the generation: nothing."""
    if reply.status == 404:  # noqa: PLR2004
        return OperationGone("fal does not know the request.")
    refused = refusal_code(reply)
    code: ErrorCode = refused if refused in {"unauthorized", "insufficient_credit"} else "gateway_unavailable"
    return PollTrouble(f"fal answered {reply.status}: {reason(reply)}.", retry_after=reply.retry_after, code=code)
