"""On what errand a request is sent, and what a trace tells of it.

Whoever asks a gateway for something says so with `errand`; every request sent on the way is a span of its own, and what
the answers say of the gateway is kept: when it wants to be left alone, and what time it thinks it is. A span holds the
method, the host, the form of the path and the status. Never in one: keys, prompts, queries, ids, addresses of media.
"""

import math
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING, Literal
from urllib.parse import SplitResult, urlsplit

from videogen_mcp import __version__
from videogen_mcp.gateways.pace import Pace

if TYPE_CHECKING:  # loaded where the first request is sent: no command that sends none needs it
    from opentelemetry.trace import Span, Tracer

Verb = Literal["submit", "poll", "cancel", "find", "upload", "follow", "check"]

WANTS_SILENCE = frozenset({429, 503})
"""Answers whose `Retry-After` is about the gateway as a whole."""

_WORD = re.compile(r"v\d{1,2}(alpha|beta)?|[a-z]+([-_][a-z]+)*")
_LONGEST_WORD = 24
"""What is longer, or holds a digit or a capital, may be an id, and stands as `{id}` in the form of a path."""

_PORTS = {"https": 443, "http": 80}


@dataclass
class Errand:
    """Why requests are sent.

    Attributes:
        gateway: To whom.
        verb: What for.
        endpoint: The endpoint concerned, in the gateway's own words, where it is known.
        pace: Told when the gateway wants to be left alone; None where nobody keeps to it.
        date: The gateway's own time in its last answer, None before one tells it.
    """

    gateway: str
    verb: Verb
    endpoint: str | None = None
    pace: Pace | None = None
    date: datetime | None = None


_CURRENT: ContextVar[Errand | None] = ContextVar("videogen_errand", default=None)


@contextmanager
def errand(one: Errand) -> Generator[Errand]:
    """Send all requests of the block on this errand."""
    token = _CURRENT.set(one)
    try:
        yield one
    finally:
        _CURRENT.reset(token)


class Exchange:
    """One request on its way.

    Args:
        span: Its span.
        on: The errand; None where there is none.
    """

    def __init__(self, span: "Span", on: Errand | None) -> None:
        self._span = span
        self._errand = on

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """Note the head of the answer."""
        self._span.set_attribute("http.response.status_code", status)
        if status >= 400:  # noqa: PLR2004 -- HTTP's own classes
            self.failed(str(status))
        if self._errand is None:
            return
        self._errand.date = date_of(headers) or self._errand.date
        pause = pause_of(headers)
        if status in WANTS_SILENCE and pause is not None and self._errand.pace is not None:
            self._errand.pace.keep_silent(pause)

    def failed(self, kind: str) -> None:
        """Note that it failed, by the kind of failure only: an error's own text may hold an address."""
        from opentelemetry.trace import StatusCode  # noqa: PLC0415 -- as above

        self._span.set_attribute("error.type", kind)
        self._span.set_status(StatusCode.ERROR)


@contextmanager
def exchange(method: str, url: str) -> Generator[Exchange]:
    """A span around one request. No trace is handed on to the gateway."""
    from opentelemetry.trace import SpanKind  # noqa: PLC0415 -- as above

    on = _CURRENT.get()
    parts = urlsplit(url)
    attributes: dict[str, str | int] = {
        "http.request.method": method,
        "server.address": parts.hostname or "",
        "server.port": _port_of(parts),
        "url.template": template_of(parts.path, on.endpoint if on else None),
    }
    if on is not None:
        attributes |= {"videogen.gateway": on.gateway, "videogen.operation": on.verb}
        attributes |= {"videogen.endpoint": f"{on.gateway}:{on.endpoint}"} if on.endpoint else {}
    with _tracer().start_as_current_span(
        f"{on.gateway} {on.verb}" if on else method,
        kind=SpanKind.CLIENT,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        one = Exchange(span, on)
        try:
            yield one
        except BaseException as error:
            one.failed(type(error).__name__)
            raise


@cache
def _tracer() -> "Tracer":
    from opentelemetry import trace  # noqa: PLC0415 -- as above

    return trace.get_tracer("videogen-mcp", __version__)


def _port_of(parts: SplitResult) -> int:
    try:
        return parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return 0


def template_of(path: str, endpoint: str | None = None) -> str:
    """The form of a path: `{endpoint}` for the endpoint's id, `{id}` for all that is no plain word."""
    form = path.replace(f"/{endpoint}", "/{endpoint}", 1) if endpoint else path
    return "/".join(_segment(one) for one in form.split("/"))


def _segment(text: str) -> str:
    if text in {"", "{endpoint}"} or (len(text) <= _LONGEST_WORD and _WORD.fullmatch(text)):
        return text
    first, colon, action = text.partition(":")
    return f"{_segment(first) if first == '{endpoint}' else '{id}'}{colon}{action if action.isalpha() else ''}"


def date_of(headers: Mapping[str, str]) -> datetime | None:
    """The service's own time of day, to the second."""
    return _moment(headers.get("date", ""))


def pause_of(headers: Mapping[str, str]) -> float | None:
    """Seconds that a service asks to be left alone: `Retry-After`, as a number, or as a moment by its own clock."""
    told = headers.get("retry-after", "")
    try:
        seconds = float(told)
    except ValueError:
        until, now = _moment(told), date_of(headers)
        return max(0.0, (until - now).total_seconds()) if until is not None and now is not None else None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
