"""What all of HeyGen's APIs share: the key, error bodies, and failures in words.

An error body of v3 is `{"error": {code, message, param, doc_url}}`; those of v1 and v2 are `{"error": "…"}` or
`{"code": 400105, "message": "…"}` (developers.heygen.com/docs/error-codes; docs.heygen.com/reference/errors).
"""

import re
from collections.abc import Iterable
from typing import Any, cast

from videogen_mcp.errors import ErrorCode, PollTrouble
from videogen_mcp.gateways.base import Reply
from videogen_mcp.gateways.json_api import MESSAGE_CHARS, Service, read_key
from videogen_mcp.settings import Settings
from videogen_mcp.types import Json

SERVICE = Service("HeyGen", "HEYGEN_API_KEY")

_POLICY_CODE = re.compile(r"moderat|policy|nsfw|sensitive|blocked_?words|inappropriate", re.IGNORECASE)
# The list of v3's failure codes is not public; v1 tells a filter by number, or in words only.
_POLICY_NUMBERS = frozenset({"400105"})
# Numbers of the old list that are about the account, whatever the HTTP status.
_ACCOUNT_NUMBERS = frozenset({"40009", "400101", "400112", "400562", "400573", "400599", "400631"})
_POLICY_WORDS = re.compile(
    r"moderat|content polic|usage polic|nsfw|blocked words|inappropriate content|sensitive content"
    r"|violat\w* (?:of )?(?:our|the) (?:\w+ )?(?:polic|guideline|terms)",
    re.IGNORECASE,
)


def authorization(settings: Settings) -> dict[str, str]:
    """The header with the key.

    Raises:
        InvalidRequest: The key holds what no key does.
    """
    return {"X-Api-Key": read_key(settings, SERVICE)}


def data_of(reply: Reply) -> Json:
    """The object under `data`, which every answer of HeyGen has; empty where it has none."""
    return object_of((reply.body or {}).get("data"))


def object_of(value: Any) -> Json:
    """The value, if it is a JSON object; an empty one otherwise."""
    return cast("Json", value) if isinstance(value, dict) else {}


def objects_of(value: Any) -> list[Json]:
    """The JSON objects of a list; none where it is no list."""
    entries = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("Json", entry) for entry in entries if isinstance(entry, dict)]


def text_in(body: Json, *names: str) -> str | None:
    """The first of these fields that holds a text which is not empty."""
    values = (body.get(name) for name in names)
    return next((value for value in values if isinstance(value, str) and value), None)


def named(body: Json, names: Iterable[str]) -> Json:
    """Those of the fields that hold something."""
    return {name: body[name] for name in names if body.get(name) is not None}


def error_of(body: Json | None) -> tuple[str, str]:
    """The error code and the message that a body holds, each empty where it has none."""
    error = (body or {}).get("error")
    if isinstance(error, str):
        return "", error
    source = object_of(error) or (body or {})
    code, message, param = source.get("code"), source.get("message"), source.get("param")
    place = f"{param}: " if isinstance(param, str) and param else ""
    return str(code or ""), f"{place}{message}" if isinstance(message, str) and message else ""


def reason(reply: Reply) -> str:
    """What a refusal says, in one line and without its full stop."""
    code, message = error_of(reply.body)
    return (message or code or "no reason given").rstrip(".")[:MESSAGE_CHARS]


def is_policy(code: str, message: str) -> bool:
    """Whether a failure is that of a content filter."""
    return code in _POLICY_NUMBERS or bool(_POLICY_CODE.search(code) or _POLICY_WORDS.search(message))


def refusal_code(reply: Reply) -> ErrorCode:
    """The project's code for a refusal with this status and body."""
    code, message = error_of(reply.body)
    if reply.status == 402 or code == "insufficient_credit":  # noqa: PLR2004 -- HTTP's own numbers, here and below
        return "insufficient_credit"
    if reply.status in {401, 403} or code in _ACCOUNT_NUMBERS:
        return "unauthorized"
    if reply.status != 429 and is_policy(code, message):  # noqa: PLR2004
        return "content_policy"
    return "invalid_request" if reply.status in {400, 404, 409, 413, 415, 422} else "gateway_unavailable"


def failure_code(code: str, message: str) -> ErrorCode:
    """The project's code for a generation that failed with this code and message."""
    if is_policy(code, message):
        return "content_policy"
    return "insufficient_credit" if code == "insufficient_credit" else "generation_failed"


def poll_trouble(reply: Reply) -> PollTrouble:
    """What a look that was answered with anything but a state means."""
    if reply.status < 300:  # noqa: PLR2004
        return PollTrouble("HeyGen gave an answer that cannot be read.", retry_after=reply.retry_after)
    code: ErrorCode = "unauthorized" if reply.status in {401, 403} else "gateway_unavailable"
    return PollTrouble(f"HeyGen answered {reply.status}: {reason(reply)}.", retry_after=reply.retry_after, code=code)
