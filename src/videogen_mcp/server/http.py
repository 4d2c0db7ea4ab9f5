"""Streamable HTTP: MCP for this machine, and the one address that may be reached from outside.

`/mcp` and `/healthz` are served to this machine only: their Host must be a loopback name. `/webhooks/…` is where
gateways call when a generation has ended; it is served under the host of `VIDEOGEN_PUBLIC_URL` too, takes nothing but
signed calls to addresses that were made here, and tells nobody which jobs exist.
"""

import asyncio
import copy
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import LOGGING_CONFIG

from videogen_mcp.errors import CallbackRefused, VideoGenError
from videogen_mcp.gateways import GATEWAYS
from videogen_mcp.jobs.callbacks import Callbacks
from videogen_mcp.jobs.receiver import CallOutcome
from videogen_mcp.server import build_server
from videogen_mcp.service import VideoService
from videogen_mcp.settings import Settings

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 4_000_000
"""The longest call of a gateway that is read; they hold a result's description, never a clip."""

BODY_SECONDS = 10.0
"""How long a call may take to arrive; fal gives up after fifteen seconds."""

CALL_AGAIN_SECONDS = 30

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
FORWARDING_HEADERS = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
"""What proxies add, though not all of them do."""

_WEBHOOK = re.compile(r"/webhooks/(?P<gateway>[a-z]+)/(?P<token>[^/]+)")
_TOKEN = re.compile(r"(/webhooks/[a-z]+/)[^\s?]+")


class Front:
    """What every request passes first: who may reach what.

    Args:
        service: Takes the calls of gateways.
        mcp: Serves everything else.
    """

    def __init__(self, service: VideoService, mcp: ASGIApp) -> None:
        self._service = service
        self._mcp = mcp
        public = urlsplit(service.settings.public_url)
        self._is_public = bool(public.netloc)
        self._public_host = _host(public.netloc, 80 if public.scheme == "http" else 443)
        self._public_path = public.path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the start and end of the server."""
        if scope["type"] != "http":
            await self._mcp(scope, receive, send)
            return
        request = Request(scope, receive)
        response = await self._own_answer(request)
        await (self._mcp if response is None else response)(scope, receive, send)

    async def _own_answer(self, request: Request) -> Response | None:
        """The answer to a request that is not for MCP, or that may not reach it; None where it is MCP's."""
        path: str = request.scope["path"]
        hosts = request.headers.getlist("host")
        host = hosts[0] if len(hosts) == 1 else ""
        under_prefix = path.removeprefix(self._public_path) if self._is_public else path
        called = _WEBHOOK.fullmatch(path) or _WEBHOOK.fullmatch(under_prefix)
        if called is not None and self._service.callbacks is not None:
            if not (_is_loopback(host) or self._is_public_host(host)):
                return _refusal(421)
            return await self._called(request, self._service.callbacks, called["gateway"], called["token"])
        if not _is_loopback(host):
            return _refusal(421)
        if self._is_public and any(name in request.headers for name in FORWARDING_HEADERS):
            # A proxy may have put our own name into Host: what it passes on comes from outside all the same.
            return _refusal(403)
        if path == "/healthz":
            return JSONResponse({"status": "ok"}) if request.method in {"GET", "HEAD"} else _refusal(405, Allow="GET")
        return _refusal(404) if path.startswith("/webhooks") else None

    def _is_public_host(self, host: str) -> bool:
        return host != "" and self._public_host == _host(host, self._public_host[1])

    async def _called(self, request: Request, callbacks: Callbacks, gateway: str, token: str) -> Response:
        """Answer a gateway's call: soon, never with a redirect, and with nothing that tells of a job."""
        if request.method != "POST":
            return _refusal(405, Allow="POST")
        named = callbacks.attempt_of(gateway, token)
        if named is None:
            return _refusal(404)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _read(request)
        except (TimeoutError, ClientDisconnect):
            return _refusal(408)
        if body is None:
            return _refusal(413)
        # A header that comes twice is in no form that a gateway gives it.
        headers = {name: ", ".join(request.headers.getlist(name)) for name in set(request.headers)}
        return _CALL_ANSWERS[await self._outcome(gateway, named, headers, body)]()

    async def _outcome(
        self, gateway: str, named: tuple[str, int], headers: Mapping[str, str], body: bytes
    ) -> CallOutcome | Literal["foreign", "unreadable"]:
        """What became of a call: `foreign` when the gateway did not make it, `unreadable` when it holds nonsense."""
        try:
            return await (await self._service.receiver()).receive(gateway, *named, headers, body)
        except CallbackRefused as error:
            logger.info("a call that says it is of %s was refused: %s", gateway, error.message)
            return "unreadable" if error.code == "invalid_request" else "foreign"
        except VideoGenError as error:
            # The keys to check it with, or the database, cannot be had for a moment.
            logger.warning("a call of %s could not be taken: %s", gateway, error.message)
            return "later"


async def _read(request: Request) -> bytes | None:
    """The body, None where it is longer than `MAX_BODY_BYTES`."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > MAX_BODY_BYTES:
        return None
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > MAX_BODY_BYTES:
            return None
    return bytes(received)


def _refusal(status: int, **headers: str) -> Response:
    words = {400: "Bad request", 403: "Forbidden", 404: "Not found", 405: "Method not allowed", 408: "Too slow",
             413: "Too large", 421: "Invalid Host header", 503: "Call again later"}  # fmt: skip
    return PlainTextResponse(words[status], status, headers)


_CALL_ANSWERS: Mapping[str, Callable[[], Response]] = {
    "seen": lambda: PlainTextResponse("OK"),
    "unknown": lambda: _refusal(404),
    "later": lambda: _refusal(503, **{"Retry-After": str(CALL_AGAIN_SECONDS)}),
    "foreign": lambda: _refusal(403),
    "unreadable": lambda: _refusal(400),
}


def _host(netloc: str, port: int) -> tuple[str, int]:
    """Name and port of a Host header, with the port that holds where none is given; an empty name where it is none."""
    try:
        parts = urlsplit(f"//{netloc}")
        named = parts.hostname or "", parts.port or port
    except ValueError:
        return "", port
    return named if parts.netloc == netloc and "@" not in netloc else ("", port)


def _is_loopback(host: str) -> bool:
    return _host(host, 80)[0] in LOOPBACK_HOSTS


def callbacks_of(settings: Settings) -> Callbacks | None:
    """The addresses that gateways may call, where `VIDEOGEN_PUBLIC_URL` says how they reach this server."""
    if not settings.public_url:
        return None
    variables = {name: entry.key_variable or "" for name, entry in GATEWAYS.items()}
    return Callbacks(settings.public_url, lambda gateway: settings.secret(variables.get(gateway, "")))


def build_app(service: VideoService, host: str = "127.0.0.1") -> ASGIApp:
    """Everything that is served over HTTP, as one application.

    Args:
        service: The service, not used so far: gateways are given addresses to call from now on.
        host: The loopback address that it is served on; the SDK checks Host and Origin of `/mcp` by it.
    """
    service.callbacks = callbacks_of(service.settings)
    return Front(service, build_server(service, resume_at_once=True).streamable_http_app(host=host))


class WithoutTokens(logging.Filter):
    """Keeps the tokens of addresses out of the log of requests."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Cut them out of the record; every record stays."""
        if isinstance(record.args, tuple):
            record.args = tuple(_TOKEN.sub(r"\1-", one) if isinstance(one, str) else one for one in record.args)
        return True


def _logging() -> dict[str, Any]:
    """The logging of uvicorn, but that its log of requests goes to stderr as all logging does, and holds no tokens."""
    config: dict[str, Any] = copy.deepcopy(LOGGING_CONFIG)
    config["filters"] = {"tokens": {"()": WithoutTokens}}
    config["handlers"]["access"] |= {"stream": "ext://sys.stderr", "filters": ["tokens"]}
    return config


def run_http(service: VideoService, host: str, port: int) -> None:
    """Serve over HTTP on a loopback address until the process is told to stop."""
    level = service.settings.log_level.lower()
    config = uvicorn.Config(
        build_app(service, host), host=host, port=port, log_level=level, log_config=_logging(), proxy_headers=False
    )
    uvicorn.Server(config).run()
