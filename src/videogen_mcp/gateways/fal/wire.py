"""What all of fal's APIs share: the key, error bodies, and failures in words.

An error body is `{"detail": "…"}` or `{"detail": [{loc, msg, type, …}]}`, with `error_type` beside it for failures of
the service itself; the platform API answers `{"error": {type, message, …}}` (fal documentation).
"""

from typing import Any, cast

import httpx2

from videogen_mcp.errors import ErrorCode, InvalidRequest, NotConfigured
from videogen_mcp.gateways.base import Reply
from videogen_mcp.settings import Settings
from videogen_mcp.types import Json

KEY_VARIABLE = "FAL_KEY"
POLICY_TYPES = frozenset({"content_policy_violation", "face_detection_error", "sensitive_content"})
MESSAGE_CHARS = 400
"""Longest message of the service that is repeated."""


def authorization(settings: Settings, *, needed: bool = False) -> dict[str, str]:
    """The header with the key.

    Args:
        settings: The environment.
        needed: Whether a missing key is told here, and not by the service.

    Raises:
        NotConfigured: The key is needed and not set.
        InvalidRequest: The key holds what no key does.
    """
    key = settings.secret(KEY_VARIABLE) or ""
    if needed and not key:
        raise NotConfigured("gateway fal needs FAL_KEY to be set.", fix="Set FAL_KEY to a key of fal.ai.")
    if not (key.isascii() and key.isprintable()):
        message = "FAL_KEY holds a character that no key has; it may have been pasted with quotes or a line break."
        raise InvalidRequest(message, field=KEY_VARIABLE, fix="Copy the key again.", code="unauthorized")
    return {"Authorization": f"Key {key}"}


def error_types(body: Json | None) -> set[str]:
    """The error types that a body names: `detail[].type` and `error_type`."""
    if body is None:
        return set()
    detail = body.get("detail")
    items = cast("list[Any]", detail) if isinstance(detail, list) else []
    named = {str(cast("Json", item).get("type", "")) for item in items if isinstance(item, dict)}
    return named | {str(body.get("error_type", ""))}


def is_out_of_credit(status: int, text: str) -> bool:
    """Whether an answer says that the account is empty: 403 "User is locked. Reason: Exhausted balance", 402 at times.

    A failed generation says it in words only, whatever its number.
    """
    words = text.lower()
    return status == 402 or (status == 403 and "balance" in words) or "exhausted balance" in words  # noqa: PLR2004


def refusal_code(reply: Reply) -> ErrorCode:
    """The project's code for a refusal with this status and body."""
    if is_out_of_credit(reply.status, reply.text if reply.status in {402, 403} else ""):
        return "insufficient_credit"
    if reply.status in {401, 403}:
        return "unauthorized"
    if error_types(reply.body) & POLICY_TYPES:
        return "content_policy"
    return "invalid_request" if reply.status in {400, 404, 409, 410, 413, 415, 422} else "gateway_unavailable"


def text_of(body: Json | None) -> str:
    """What an error body says, in one line: `detail` is a text or a list of located messages, `error` may hold one."""
    if body is None:
        return ""
    detail = body.get("detail", body.get("error", ""))
    if isinstance(detail, dict):
        return str(cast("Json", detail).get("message", ""))
    if not isinstance(detail, list):
        return str(detail or "")
    lines: list[str] = []
    for item in cast("list[Any]", detail):
        if isinstance(item, dict):
            entry = cast("Json", item)
            loc = entry.get("loc")
            places = [str(part) for part in cast("list[Any]", loc) if part != "body"] if isinstance(loc, list) else []
            lines.append(f"{'.'.join(places) or 'request'}: {entry.get('msg', entry.get('type', 'refused'))}")
        else:
            lines.append(str(item))
    return "; ".join(lines)


def reason(reply: Reply) -> str:
    """What a refusal says, in one line and without its full stop."""
    return (text_of(reply.body) or "no reason given").rstrip(".")[:MESSAGE_CHARS]


def short(error: httpx2.HTTPError) -> str:
    """The kind of failure in words; never the exception's own text, which may hold an address with a query."""
    return {
        "ConnectError": "no connection",
        "ConnectTimeout": "no connection within the time allowed",
        "ReadTimeout": "no answer within the time allowed",
        "RemoteProtocolError": "the connection was closed",
        "ReadError": "the connection broke",
    }.get(type(error).__name__, type(error).__name__)
