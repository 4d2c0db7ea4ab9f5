"""What all of Google's APIs share: the key, one request, error bodies, and failures in words.

An error body is a `google.rpc.Status` in an envelope, `{"error": {code, message, status, details}}`; Google's front end
wraps that in a list of one, and the Interactions API writes a word (`invalid_request`) where the number would stand.
`details` may hold an `ErrorInfo` with a reason, a `QuotaFailure` with the quota's id and a `RetryInfo` with seconds
(google.dev/gemini-api/docs/troubleshooting; cloud.google.com/apis/design/errors).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

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
from videogen_mcp.gateways.base import CONNECT_SECONDS, NOT_SENT, Health, Reply, call, is_busy, read_json
from videogen_mcp.settings import Settings
from videogen_mcp.types import Json

KEY_VARIABLE: Final = "GEMINI_API_KEY"
KEY_HEADER: Final = "x-goog-api-key"
MESSAGE_CHARS: Final = 400
"""Longest message of the service that is repeated."""

SUBMIT_TIMEOUT: Final = httpx2.Timeout(connect=CONNECT_SECONDS, read=120.0, write=120.0, pool=CONNECT_SECONDS)
"""Pictures travel in the request, and an answer that is given up on may be a generation that is paid for."""

_POLICY_WORDS = frozenset({"SAFETY", "IMAGE_SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII"})
_POLICY = re.compile(
    r"(block|filter|reject)\w* .*(safety|polic|guideline|prohibited|responsible ai)"
    r"|violat\w+ .*(polic|guideline|practice|terms)|safety filter",
    re.IGNORECASE | re.DOTALL,
)
_BAD_KEY = frozenset({"API_KEY_INVALID", "API_KEY_EXPIRED", "API_KEY_SERVICE_BLOCKED", "ACCESS_TOKEN_TYPE_UNSUPPORTED"})
_BAD_KEY_WORDS = re.compile(r"api key (not valid|not found|expired|invalid)|valid api key", re.IGNORECASE)
_NO_CREDIT = re.compile(
    r"prepay|credits? (are|is|were) (depleted|exhausted)|spend\w* (cap|limit)|BILLING_DISABLED", re.IGNORECASE
)
_NEEDS_BILLING = re.compile(r"billing", re.IGNORECASE)
_GONE = re.compile(r"invalid interaction|interaction .*not found", re.IGNORECASE)


@dataclass(frozen=True)
class GoogleError:
    """What an error body says.

    Attributes:
        words: Its status, its code where that is a word, the reasons, and the ids of quotas that ran out.
        message: In Google's words; empty where there are none.
        retry_after: Seconds that Google asks to be left alone, where it says.
    """

    words: frozenset[str]
    message: str
    retry_after: float | None

    @property
    def is_policy(self) -> bool:
        """Whether a content filter speaks."""
        return bool(self.words & _POLICY_WORDS or _POLICY.search(self.message))

    @property
    def reason(self) -> str:
        """The message in one line and without its full stop."""
        told = " ".join(self.message.split()) or ", ".join(sorted(self.words)) or "no reason given"
        return told[:MESSAGE_CHARS].rstrip(".")


def error_of(reply: Reply) -> GoogleError:
    """What a reply says of an error; empty where it holds none."""
    body = reply.body or _first_of_a_list(reply.text)
    error = object_of(body.get("error"))
    return read_error(error, retry_after=reply.retry_after)


def read_error(error: Json, *, retry_after: float | None = None) -> GoogleError:
    """What a status object says, be it of a reply, of an interaction or of an operation."""
    details = list(objects_of(error.get("details")))
    named = [error.get("status"), error.get("code"), *(one.get("reason") for one in details)]
    named += [one.get("quotaId") for detail in details for one in objects_of(detail.get("violations"))]
    delays = [_seconds(one.get("retryDelay")) for one in details]
    message = error.get("message")
    return GoogleError(
        words=frozenset(one for one in named if isinstance(one, str) and one),
        message=message if isinstance(message, str) else "",
        retry_after=next((one for one in (retry_after, *delays) if one is not None), None),
    )


def _first_of_a_list(text: str) -> Json:
    try:
        value = read_json(text)
    except ValueError:
        return {}
    return next(objects_of(value), cast("Json", {}))


def _seconds(delay: Any) -> float | None:
    """A protobuf duration, `34s` or `34.07s`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)s", delay) if isinstance(delay, str) else None
    return float(found[1]) if found else None


def object_of(value: Any) -> Json:
    """The value, if it is a JSON object; an empty one otherwise."""
    return cast("Json", value) if isinstance(value, dict) else {}


def objects_of(value: Any) -> Iterator[Json]:
    """The JSON objects of a list; none where it is no list."""
    for one in cast("list[Any]", value) if isinstance(value, list) else []:
        if isinstance(one, dict):
            yield cast("Json", one)


def refusal_code(reply: Reply) -> ErrorCode:
    """The project's code for a refusal with this status and body."""
    error = error_of(reply)
    if error.words & _BAD_KEY or _BAD_KEY_WORDS.search(error.message):
        return "unauthorized"
    if _needs_money(reply.status, error):
        return "insufficient_credit"
    if reply.status in {401, 403}:
        return "unauthorized"
    # A precondition that fails is about the account, such as its country, and not about the request.
    if reply.status == 429 or "FAILED_PRECONDITION" in error.words:  # noqa: PLR2004
        return "gateway_unavailable"
    if error.is_policy:
        return "content_policy"
    return "invalid_request" if reply.status in {400, 404, 409, 413, 415, 422} else "gateway_unavailable"


def _needs_money(status: int, error: GoogleError) -> bool:
    """Whether waiting will not help, but paying will: Google answers 429 in both cases."""
    told = " ".join((*error.words, error.message))
    # Neither Omni nor Veo can be used free of charge: a quota of the free tier is a project without billing.
    if status == 402 or _NO_CREDIT.search(told) or any("FreeTier" in word for word in error.words):  # noqa: PLR2004
        return True
    is_about_the_account = status == 429 or "FAILED_PRECONDITION" in error.words  # noqa: PLR2004
    return is_about_the_account and error.retry_after is None and bool(_NEEDS_BILLING.search(error.message))


def refusal(reply: Reply, what: str) -> SubmitRefused:
    """A refusal in words.

    Args:
        reply: What Google answered.
        what: What was refused, as in "the request".
    """
    error = error_of(reply)
    fix = "" if error.retry_after is None else f"Google asks to be left alone for {error.retry_after:g} s."
    message = f"Google refused {what} with {reply.status}: {error.reason}."
    code, pause = refusal_code(reply), error.retry_after
    return SubmitRefused(message, code=code, fix=fix, retry_after=pause, busy=is_busy(reply.status, code))


def short(error: httpx2.HTTPError) -> str:
    """The kind of failure in words; never the exception's own text, which may hold an address with a query."""
    return {
        "ConnectError": "no connection",
        "ConnectTimeout": "no connection within the time allowed",
        "ReadTimeout": "no answer within the time allowed",
        "RemoteProtocolError": "the connection was closed",
        "ReadError": "the connection broke",
    }.get(type(error).__name__, type(error).__name__)


class GoogleApi:
    """The Gemini API at one address, with one key.

    Args:
        url: Its base address.
        key: The key; it goes into a header, to that address only.
        http: The client to use; it must not follow redirects or retry by itself.
    """

    def __init__(self, url: str, key: str, http: httpx2.AsyncClient) -> None:
        self.url = url
        self._headers = {KEY_HEADER: key}
        self._http = http

    @classmethod
    def open(cls, settings: Settings, http: httpx2.AsyncClient) -> "GoogleApi":
        """Build it from the environment.

        Raises:
            InvalidRequest: The address cannot be used, or the key holds what no key does.
        """
        key = settings.secret(KEY_VARIABLE) or ""
        if not (key.isascii() and key.isprintable()):
            message = f"{KEY_VARIABLE} holds a character that no key has; it may have been pasted with a line break."
            raise InvalidRequest(message, field=KEY_VARIABLE, fix="Copy the key again.", code="unauthorized")
        url = settings.base_url("VIDEOGEN_GOOGLE_URL", "https://generativelanguage.googleapis.com")
        return cls(url, key, http)

    def headers_for(self, url: str) -> Mapping[str, str]:
        """The header with the key for an address of this API; nothing for any other address."""
        try:
            own, other = httpx2.URL(self.url), httpx2.URL(url)
        except httpx2.InvalidURL:
            return {}
        is_own = (own.scheme, own.host, own.port) == (other.scheme, other.host, other.port)
        return self._headers if is_own and not other.userinfo else {}

    async def submit(self, path: str, body: Json) -> Json:
        """Start a generation: one POST; returns the body of Google's answer.

        Raises:
            NotSent: Nothing left this machine.
            SubmitRefused: Google said no; nothing runs.
            SubmitUncertain: The request went out and its answer was lost, or cannot be read.
        """
        try:
            reply = await self.send("POST", path, json_body=body, time_limits=SUBMIT_TIMEOUT)
        except NOT_SENT as error:
            raise NotSent(f"Google cannot be reached: {short(error)}.") from error
        except httpx2.HTTPError as error:
            raise SubmitUncertain(f"The answer to the submit was lost: {short(error)}.") from error
        if 200 <= reply.status < 300:  # noqa: PLR2004 -- HTTP's own classes, here and below
            if reply.body is None:
                raise SubmitUncertain("Google accepted the submit, but its answer cannot be read.")
            return reply.body
        if reply.status >= 500 or reply.status in {408, 499} or reply.status < 200:  # noqa: PLR2004
            raise SubmitUncertain(f"Google answered the submit with {reply.status}: {error_of(reply).reason}.")
        if reply.status == 404:  # noqa: PLR2004
            message = f"Google does not serve this model (any more): {error_of(reply).reason}."
            raise SubmitRefused(message, code="invalid_request", fix="Choose another model.")
        raise refusal(reply, "the request")

    async def look(self, path: str) -> Json:
        """Look at what Google has at a path.

        Raises:
            PollTrouble: The look failed.
            OperationGone: Google has nothing there.
        """
        reply = await self.ask("GET", path)
        if reply.status == 200 and reply.body is not None:  # noqa: PLR2004
            return reply.body
        raise trouble(reply)

    async def check(self) -> Health:
        """List one model: `GET /v1beta/models?pageSize=1` (ai.google.dev/api/models). See `Gateway.check`."""
        try:
            reply = await self.send("GET", "/v1beta/models?pageSize=1")
        except NOT_SENT as error:
            raise NotSent(f"Google cannot be reached: {short(error)}.") from error
        except httpx2.HTTPError as error:
            raise GatewayError(f"Google could not be asked: {short(error)}.") from error
        if reply.status == 200:  # noqa: PLR2004
            return Health(accepted=True)
        code, told = refusal_code(reply), error_of(reply).reason
        if code == "unauthorized":
            return Health(accepted=False, note=told)
        if code == "insufficient_credit":
            return Health(accepted=True, balance=told)
        raise GatewayError(f"Google answered {reply.status}: {told}.")

    async def ask(self, method: str, path: str) -> Reply:
        """Send a request that starts nothing.

        Raises:
            PollTrouble: No answer came.
        """
        try:
            return await self.send(method, path)
        except httpx2.HTTPError as error:
            raise PollTrouble(f"Google could not be asked: {short(error)}.") from error

    async def send(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> Reply:
        """Send one request with the key to a path of this API.

        Raises:
            httpx2.HTTPError: As the client raises it.
        """
        return await call(self._http, method, f"{self.url}{path}", headers={**self._headers, **(headers or {})}, **more)


def trouble(reply: Reply) -> PollTrouble | OperationGone:
    """What an answer to a look means that is not the thing looked at."""
    error = error_of(reply)
    # An unknown id of an interaction is a 400 that says so.
    if reply.status == 404 or (reply.status == 400 and _GONE.search(error.message)):  # noqa: PLR2004
        return OperationGone(f"Google does not know the generation: {error.reason}.")
    if reply.status < 300:  # noqa: PLR2004
        return PollTrouble("Google gave an answer that cannot be read.")
    code: ErrorCode = "unauthorized" if refusal_code(reply) == "unauthorized" else "gateway_unavailable"
    message = f"Google answered {reply.status}: {error.reason}."
    return PollTrouble(message, retry_after=error.retry_after, code=code)
