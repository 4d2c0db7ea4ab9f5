"""What the runner knows of a gateway: six verbs, and the answers they may give.

A gateway gets a ready body. It never sees prices, scores or the request. Polling loops, retries, deadlines and
downloads exist once, in `jobs/runner.py`.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, Self, TypeAlias, cast

import httpx2

from videogen_mcp import __version__
from videogen_mcp.errors import ErrorCode
from videogen_mcp.gateways.errand import exchange, pause_of
from videogen_mcp.gateways.pace import Rate
from videogen_mcp.settings import Settings
from videogen_mcp.types import Json

Operation: TypeAlias = Json
"""A gateway's own handle of a running generation: opaque, and storable as it is."""

USER_AGENT = f"videogen-mcp/{__version__}"

CONNECT_SECONDS = 4.0
"""An unreachable gateway is told within five seconds."""

TIMEOUT = httpx2.Timeout(connect=CONNECT_SECONDS, read=30.0, write=30.0, pool=CONNECT_SECONDS)

LONGEST_WATCH_SECONDS = 6 * 3600.0
"""A generation is followed for this long."""

MAX_REPLY_BYTES = 4_000_000
"""The longest API reply that is read; the rest of a longer one is not."""


KEY_HEADERS = frozenset({"authorization", "x-api-key", "x-goog-api-key"})
"""Headers that a gateway's key travels in, by lower-case name."""


@dataclass(frozen=True)
class Pending:
    """The generation runs.

    Attributes:
        progress: 0 to 1, None where the gateway does not say.
        message: What the gateway tells of it, in a clause.
        is_told: Whether the gateway said so; it was not asked where a look had to wait for its turn.
    """

    progress: float | None = None
    message: str = ""
    is_told: bool = True


@dataclass(frozen=True)
class Finished:
    """The generation succeeded; exactly one of `url` and `path` is set.

    Attributes:
        url: Where the clip can be fetched.
        headers: What is sent along when it is fetched, such as a key; to the host of `url` and to no other.
        path: Where it lies on this machine already.
        billed_usd: What the gateway says it charged, None where it does not.
        billed_units: How many units of its own the gateway says it charged; what one costs is not its to know.
        details: What else came with it, such as the seed used.
    """

    url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    path: Path | None = None
    billed_usd: Decimal | None = None
    billed_units: Decimal | None = None
    details: Json = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Failed:
    """The generation ended without a clip, for good.

    Attributes:
        code: The error's code.
        message: What the gateway says of it.
        is_free: The gateway's own documentation says that such an end is not charged.
    """

    code: ErrorCode
    message: str
    is_free: bool = False


MARK_PREFIX = "videogen "
"""How a title begins that was made up to find a clip again; a title of the caller's own may stand on several."""


@dataclass(frozen=True)
class SentRequest:
    """A submit whose answer was lost.

    Attributes:
        endpoint_id: Where it went, in the gateway's own words.
        body: What was sent.
        sent_at: When it was written down, just before it was sent.
        asked_at: When it is looked for.
    """

    endpoint_id: str
    body: Json
    sent_at: datetime
    asked_at: datetime


CancelOutcome = Literal["requested", "too_late", "unknown"]
"""`requested`: keep polling until it ends; `too_late`: it had finished; `unknown`: the gateway does not know it."""


@dataclass(frozen=True)
class Health:
    """What a free call tells of an account.

    Attributes:
        accepted: Whether the key was accepted; None where there is none to judge.
        balance: What the account can still spend, in words; empty where the API does not tell.
        note: What else the caller should know; empty where there is nothing.
        date: The service's own time of day; None where it does not tell.
    """

    accepted: bool | None
    balance: str = ""
    note: str = ""
    date: datetime | None = None


class Gateway(Protocol):
    """One API that can make videos.

    Attributes:
        name: Its name in the contract.
        shortest_poll_seconds: Two polls of one operation are never closer than this.
        on_this_machine: It works here, for free, and a submit may be repeated.
        fetches_media: It fetches media from `https` addresses by itself; otherwise they are fetched here, and handed
            over through `upload` like local files.
        takes_files: Files can be handed over to it; otherwise it takes `https` addresses only, and selection knows.
        rate: What one process sends to it at most.
    """

    name: ClassVar[str]
    shortest_poll_seconds: ClassVar[float]
    on_this_machine: ClassVar[bool]
    fetches_media: ClassVar[bool]
    takes_files: ClassVar[bool]
    rate: ClassVar[Rate]

    @property
    def address(self) -> str:
        """The base address of its API; empty where it has none."""
        ...

    @classmethod
    def open(cls, settings: Settings, http: httpx2.AsyncClient) -> Self:
        """Build the gateway.

        Raises:
            InvalidRequest: One of its settings cannot be used.
        """
        ...

    async def submit(self, endpoint_id: str, body: Json) -> Operation:
        """Start a generation: one request, never repeated.

        Raises:
            NotSent: Nothing left this machine.
            SubmitRefused: The gateway said no; nothing runs.
            SubmitUncertain: The request went out and its answer was lost.
        """
        ...

    async def poll(self, operation: Operation) -> Pending | Finished | Failed:
        """Look at a generation.

        Raises:
            PollTrouble: The look failed; the generation goes on.
            OperationGone: The gateway does not know it.
        """
        ...

    async def cancel(self, operation: Operation) -> CancelOutcome:
        """Ask the gateway to stop a generation.

        Raises:
            PollTrouble: The request failed.
        """
        ...

    async def find(self, sent: SentRequest) -> Operation | None:
        """Look for a submit whose answer was lost, by what was sent and when.

        Returns its handle when exactly one request fits; None when none does, when several do, or when the API cannot
        be asked for such a thing. Not being listed never proves that it does not run.

        Raises:
            PollTrouble: The look failed.
        """
        ...

    async def upload(self, path: Path, mime_type: str) -> str:
        """Make a local file reachable for the gateway; returns what the body may hold for it.

        Raises:
            NotSent: Nothing left this machine.
            SubmitRefused: The gateway did not take the file.
        """
        ...

    async def check(self) -> Health:
        """Ask, with the key, for what costs nothing. A key that is refused is an answer, and not an error.

        Raises:
            NotSent: Nothing left this machine.
            GatewayError: The gateway could not be asked, or its answer cannot be read.
        """
        ...

    async def close(self) -> None:
        """Let go of what this process holds for the gateway."""
        ...


@dataclass(frozen=True)
class Reply:
    """An API's reply, read whole and bounded.

    Attributes:
        status: HTTP status code.
        headers: Response headers.
        text: The body as text, cut at `MAX_REPLY_BYTES`.
        body: The body as a JSON object, None where it is none.
    """

    status: int
    headers: Mapping[str, str]
    text: str
    body: Json | None

    @property
    def retry_after(self) -> float | None:
        """Seconds that the gateway asks to be left alone; None where it does not."""
        return pause_of(self.headers)


async def call(
    http: httpx2.AsyncClient,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    json_body: Json | None = None,
    content: Any = None,
    time_limits: httpx2.Timeout = TIMEOUT,
) -> Reply:
    """Send one request, once: no retries, no redirects, a bounded reply.

    Raises:
        httpx2.HTTPError: As the client raises it; the caller knows what it means.
    """
    request = http.build_request(
        method,
        url,
        headers={"User-Agent": USER_AGENT, "Accept": "application/json", **headers},
        json=json_body,
        content=content,
        timeout=time_limits,
    )
    with exchange(method, url) as told:
        # The time limits of HTTP are between two bytes: a service that trickles could go on for ever.
        async with _deadline(request, bounded=content is None):
            response = await http.send(request, stream=True, follow_redirects=False)
        told.answered(response.status_code, response.headers)
        try:
            async with _deadline(request):
                received = await _bounded(response)
        finally:
            await response.aclose()
    text = bytes(received[:MAX_REPLY_BYTES]).decode("utf-8", "replace")
    for secret in _secrets(headers):
        # Some services repeat a key that they refuse, and what they say ends up in messages, logs and the database.
        text = text.replace(secret, "…")
    return Reply(response.status_code, dict(response.headers), text, _json_object(text))


@asynccontextmanager
async def _deadline(request: httpx2.Request, *, bounded: bool = True) -> AsyncGenerator[None]:
    """Bound the whole of the block by the sum of the limits on its steps.

    Raises:
        httpx2.ReadTimeout: It took longer.
    """
    if not bounded:
        yield
        return
    allowed: dict[str, float | None] = request.extensions["timeout"]
    try:
        async with asyncio.timeout(sum(one or 0.0 for one in allowed.values())):
            yield
    except TimeoutError as error:
        raise httpx2.ReadTimeout("no whole answer within the time allowed", request=request) from error


async def _bounded(response: httpx2.Response) -> bytearray:
    received = bytearray()
    async for chunk in response.aiter_bytes():
        received += chunk
        if len(received) > MAX_REPLY_BYTES:
            break
    return received


def _secrets(headers: Mapping[str, str]) -> list[str]:
    """The keys among the headers of a request, without the scheme that may stand before one."""
    values = [value for name, value in headers.items() if name.lower() in KEY_HEADERS]
    return [secret for value in values if (secret := value.rpartition(" ")[2])]


def _json_object(text: str) -> Json | None:
    try:
        value = read_json(text)
    except ValueError:
        return None
    return cast("Json", value) if isinstance(value, dict) else None


def read_json(text: str) -> Any:
    """The JSON value of a text.

    Raises:
        ValueError: It is none, or none that can be read: nested without end, or with a figure that is no number.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def is_busy(status: int, code: ErrorCode) -> bool:
    """Whether a refusal with this status, which the gateway gave this code, is for now only."""
    return status == 429 and code == "gateway_unavailable"  # noqa: PLR2004 -- HTTP's own number


NOT_SENT: tuple[type[httpx2.HTTPError], ...] = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
)
"""Failures after which nothing has left this machine: name, connection, TLS."""
