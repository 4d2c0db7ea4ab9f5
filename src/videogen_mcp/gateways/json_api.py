"""What gateways that are plain JSON APIs share: one request, and what its answer means.

A submit is one POST. What comes back is told apart by one question: is it certain that nothing runs and nothing is
billed? Where it is not, the submit is uncertain.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, cast

import httpx2

from videogen_mcp.errors import (
    ErrorCode,
    GatewayError,
    InvalidRequest,
    NotSent,
    OperationGone,
    PollTrouble,
    SubmitRefused,
    SubmitUncertain,
)
from videogen_mcp.gateways.base import CONNECT_SECONDS, NOT_SENT, TIMEOUT, Failed, Reply, call, is_busy, read_json
from videogen_mcp.settings import Settings
from videogen_mcp.types import Json

SUBMIT_TIMEOUT = httpx2.Timeout(connect=CONNECT_SECONDS, read=60.0, write=30.0, pool=CONNECT_SECONDS)
"""A submit is waited for longer than a look: giving up on it leaves open whether it is paid for."""

MESSAGE_CHARS = 400
"""Longest message of a service that is repeated."""

_DEPTH = 4
"""How deep an answer is searched."""

_POLICY = re.compile(
    r"content[ _-]?policy|policy[ _-]violation|moderat(ed|ion)|nsfw|\bflagged\b|safety (filter|check|system)"
    r"|(sensitive|prohibited|inappropriate)[ _-]content",
    re.IGNORECASE,
)
_CREDIT = re.compile(
    r"(insufficient|not enough|out of)[ _-](credit|balance|fund|quota|point)"
    r"|(credit|balance|quota|point)s?([ _-]limit)?( is| are| has been| have been)?[ _-]"
    r"(exceeded|exhausted|insufficient|depleted|too low)",
    re.IGNORECASE,
)
_MESSAGE_FIELDS = ("message", "error_message", "errorMessage", "error", "detail", "msg")
_CODE_FIELDS = ("code", "error_code", "type", "error_type", "error", "detail")
_VIDEO_FIELDS = ("video", "videos", "video_url", "url", "output")


@dataclass(frozen=True)
class Service:
    """Whose API it is, in the words of messages.

    Attributes:
        name: Its name.
        key_variable: The environment variable with its key.
        when_forbidden: What the caller can look at after a 403; empty where the runner's own words do.
    """

    name: str
    key_variable: str
    when_forbidden: str = ""


def read_key(settings: Settings, service: Service) -> str:
    """The key from the environment, empty where it is not set.

    Raises:
        InvalidRequest: It holds what no key does.
    """
    key = settings.secret(service.key_variable) or ""
    if not (key.isascii() and key.isprintable() and " " not in key):
        message = (
            f"{service.key_variable} holds a character that no key has; it may have been pasted with quotes "
            "or a line break."
        )
        raise InvalidRequest(message, field=service.key_variable, fix="Copy the key again.", code="unauthorized")
    return key


class JsonApi:
    """One JSON API behind a key; the key goes to its own address only.

    Args:
        service: Whose it is.
        url: Its base address, without a trailing slash.
        key: The key; empty where it is not set, and then nothing is sent.
        http: The client to use; it must not follow redirects or retry by itself.
        header: The header that carries the key, written with `{}` in the key's place.
    """

    def __init__(
        self,
        service: Service,
        url: str,
        key: str,
        http: httpx2.AsyncClient,
        *,
        header: tuple[str, str] = ("Authorization", "Bearer {}"),
    ) -> None:
        self.url = url
        self._service = service
        self._key = key
        self._http = http
        self._headers = {header[0]: header[1].format(key)}

    async def submit(self, path: str, body: Json, *, id_field: str) -> Json:
        """Send one POST, once; returns the answer that accepts it, in which `id_field` holds a text.

        Raises:
            NotSent: Nothing left this machine.
            SubmitRefused: The service said no.
            SubmitUncertain: The request went out, and its answer was lost, or is none.
        """
        name = self._service.name
        if not self._key:
            raise NotSent(self._no_key(), code="unauthorized", fix=f"Set {self._service.key_variable}.")
        try:
            reply = await call(
                self._http,
                "POST",
                f"{self.url}{path}",
                headers=self._headers,
                json_body=body,
                time_limits=SUBMIT_TIMEOUT,
            )
        except NOT_SENT as error:
            raise NotSent(f"{name} cannot be reached: {short(error)}.") from error
        except httpx2.HTTPError as error:
            raise SubmitUncertain(f"The answer to the submit was lost: {short(error)}.") from error
        if 200 <= reply.status < 300:  # noqa: PLR2004 -- HTTP's own classes, here and below
            handle = (reply.body or {}).get(id_field)
            if reply.body is None or not isinstance(handle, str) or not handle:
                raise SubmitUncertain(f"{name} accepted the submit, but its answer holds no {id_field}.")
            return reply.body
        if reply.status >= 500 or reply.status == 408 or reply.status < 200:  # noqa: PLR2004
            raise SubmitUncertain(f"{name} answered the submit with {reply.status}: {reason(reply)}.")
        raise self._refusal(reply)

    def _refusal(self, reply: Reply) -> SubmitRefused:
        pause = retry_after(reply)
        fix = self._service.when_forbidden if reply.status == 403 else ""  # noqa: PLR2004
        if pause is not None:
            fix = f"Try again in {pause:g} s, or set the key of another gateway."
        message = f"{self._service.name} refused the request with {reply.status}: {reason(reply)}."
        code = refusal_code(reply)
        return SubmitRefused(message, code=code, fix=fix, retry_after=pause, busy=is_busy(reply.status, code))

    async def look(self, path: str, *, time_limits: httpx2.Timeout = TIMEOUT) -> Json:
        """Ask about a running generation.

        Raises:
            PollTrouble: The look failed.
            OperationGone: The service does not know it.
        """
        name = self._service.name
        if not self._key:
            raise PollTrouble(self._no_key(), code="unauthorized")
        try:
            reply = await call(self._http, "GET", f"{self.url}{path}", headers=self._headers, time_limits=time_limits)
        except httpx2.HTTPError as error:
            raise PollTrouble(f"{name} could not be asked: {short(error)}.") from error
        if reply.status in {404, 410}:
            raise OperationGone(f"{name} does not know the generation.")
        if reply.status != 200:  # noqa: PLR2004
            code: ErrorCode = "unauthorized" if reply.status in {401, 403} else "gateway_unavailable"
            message = f"{name} answered {reply.status}: {reason(reply)}."
            raise PollTrouble(message, retry_after=retry_after(reply), code=code)
        if reply.body is None:
            raise PollTrouble(f"{name}'s answer could not be read: it is no JSON object.")
        return reply.body

    async def read(self, path: str) -> Any:
        """Ask for what costs nothing, such as the list of models; returns the JSON value.

        Raises:
            NotSent: Nothing left this machine.
            GatewayError: The service could not be asked, or its answer cannot be read.
        """
        name = self._service.name
        if not self._key:
            raise NotSent(self._no_key(), code="unauthorized", fix=f"Set {self._service.key_variable}.")
        try:
            reply = await call(self._http, "GET", f"{self.url}{path}", headers=self._headers)
        except NOT_SENT as error:
            raise NotSent(f"{name} cannot be reached: {short(error)}.") from error
        except httpx2.HTTPError as error:
            raise GatewayError(f"{name} could not be asked: {short(error)}.") from error
        if reply.status != 200:  # noqa: PLR2004
            code = "not_found" if reply.status in {404, 410} else refusal_code(reply)
            raise GatewayError(f"{name} answered {reply.status}: {reason(reply)}.", code=code)
        try:
            return read_json(reply.text)
        except ValueError:
            self.unreadable()

    def unreadable(self) -> NoReturn:
        """Tell that an answer is not of the documented form.

        Raises:
            GatewayError: Always.
        """
        raise GatewayError(f"{self._service.name} gave an answer that cannot be read.")

    def failed(self, body: Json, *, otherwise: str) -> Failed:
        """A generation's failure, from the answer that tells it.

        Args:
            body: The answer.
            otherwise: What is said where the answer gives no reason.
        """
        said, codes = text_of(body), " ".join(sorted(codes_of(body)))
        marks = f"{said} {codes}"
        code: ErrorCode = "generation_failed"
        if _POLICY.search(marks):
            code = "content_policy"
        elif _CREDIT.search(marks):
            code = "insufficient_credit"
        return Failed(code, (said or codes)[:MESSAGE_CHARS] or otherwise)

    def _no_key(self) -> str:
        return f"{self._service.name} was not asked: {self._service.key_variable} is not set."


def refusal_code(reply: Reply) -> ErrorCode:
    """The project's code for a refusal with this status and body."""
    marks = f"{text_of(reply.body)} {' '.join(sorted(codes_of(reply.body)))}"
    if reply.status == 402:  # noqa: PLR2004
        return "insufficient_credit"
    if reply.status in {400, 403, 422, 451} and _POLICY.search(marks):
        return "content_policy"
    if reply.status in {400, 403, 422} and _CREDIT.search(marks):
        return "insufficient_credit"
    if reply.status in {401, 403}:
        return "unauthorized"
    return "invalid_request" if reply.status in {400, 404, 410, 413, 415, 422, 451} else "gateway_unavailable"


def reason(reply: Reply) -> str:
    """What an answer says, in one line and without its full stop."""
    return (text_of(reply.body) or "no reason given").rstrip(".")[:MESSAGE_CHARS]


def retry_after(reply: Reply) -> float | None:
    """Seconds that the service asks to be left alone: its header, or `retryAfter` in its body."""
    if reply.retry_after is not None:
        return reply.retry_after
    return number((reply.body or {}).get("retryAfter"))


def text_of(value: Any, depth: int = _DEPTH) -> str:
    """What an error says, in one line: it may be a text, a list of them, or stand in one of several fields."""
    if isinstance(value, str):
        return " ".join(value.split())
    if depth and isinstance(value, list):
        return "; ".join(filter(None, (text_of(one, depth - 1) for one in cast("list[Any]", value))))
    if depth and isinstance(value, dict):
        body = cast("Json", value)
        return next(filter(None, (text_of(body.get(name), depth - 1) for name in _MESSAGE_FIELDS)), "")
    return ""


def codes_of(value: Any, depth: int = _DEPTH) -> set[str]:
    """The machine-readable names that an error gives itself."""
    if depth and isinstance(value, list):
        return set[str]().union(*(codes_of(one, depth - 1) for one in cast("list[Any]", value)))
    if not depth or not isinstance(value, dict):
        return set()
    found: set[str] = set()
    for name in _CODE_FIELDS:
        inner: Any = cast("Json", value).get(name)
        found |= {inner} if isinstance(inner, str) else codes_of(inner, depth - 1)
    return found


def video_address(output: Any, depth: int = _DEPTH) -> str | None:
    """Where a model's output has its clip: fal's models, which both hubs pass on, name it `video`, with a `url`."""
    if isinstance(output, str):
        return output if output.startswith(("https://", "http://")) else None
    inner: list[Any] = []
    if isinstance(output, list):
        inner = cast("list[Any]", output)
    elif isinstance(output, dict):
        inner = [cast("Json", output).get(name) for name in _VIDEO_FIELDS]
    return next(filter(None, (video_address(one, depth - 1) for one in inner)), None) if depth else None


def number(value: Any) -> float | None:
    """A figure that is one: finite, not negative, and no truth value; None otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        return None
    return value


def figures(values: Mapping[str, Any]) -> Json:
    """Those of the values that are figures."""
    return {name: value for name, value in values.items() if number(value) is not None}


def percent(value: Any) -> float | None:
    """A progress in percent as 0 to 1; None where it is none."""
    figure = number(value)
    return None if figure is None else min(figure, 100.0) / 100.0


def short(error: httpx2.HTTPError) -> str:
    """The kind of failure in words; never the exception's own text, which may hold an address with a query."""
    return {
        "ConnectError": "no connection",
        "ConnectTimeout": "no connection within the time allowed",
        "ReadTimeout": "no answer within the time allowed",
        "RemoteProtocolError": "the connection was closed",
        "ReadError": "the connection broke",
    }.get(type(error).__name__, type(error).__name__)
