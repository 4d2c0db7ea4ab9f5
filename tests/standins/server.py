"""A loopback HTTP server that stand-ins of gateways are built on.

A stand-in subclasses `StandInServer` and writes `respond(request) -> Reply`, which plays the real service. Everything
else is here: threads, recorded requests and violations, and replies that a test scripts in place of the service's own::

    class HeyGenStandIn(StandInServer):
        def respond(self, request: RecordedRequest) -> Reply: ...

    with HeyGenStandIn() as standin:
        standin.script(json_reply(503, {}), method="POST", path="/v3/videos")                 # nothing was accepted
        standin.script(Reply(drop="after_body"), path="/v3/videos", accepted=True)            # accepted, answer lost
        standin.script(json_reply(200, {}, Retry_After="7"), path="/v3/users/me", times=2)
        standin.script(None, path="/v3/videos", hold=event)                                   # answers after the event
        ...
        assert standin.violations == []
        assert standin.unused_scripts() == []
"""

import json
import re
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self, cast
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]

Drop = Literal["before_body", "after_body"]
"""When a connection is closed without an answer: before the request's body is read, or after."""


TRICKLE_SECONDS = 0.02


@dataclass(frozen=True)
class RecordedRequest:
    """One request as it arrived: `headers` by lower-case name, `json` the body as JSON, None where it is none."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    json: Any


@dataclass(frozen=True)
class Reply:
    """One answer.

    Attributes:
        status: HTTP status code.
        body: The body.
        headers: Headers beside its length.
        sent: Cuts the body after that many bytes, and the connection with it.
        drop: Sends nothing.
        trickles: Sends the body byte by byte, with pauses, until the client has enough of it.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    sent: int | None = None
    drop: Drop | None = None
    trickles: bool = False


def json_reply(status: int, value: Any, **headers: str) -> Reply:
    """Answer with JSON; headers are named with underscores, as in `Retry_After="7"`."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(status, json.dumps(value).encode(), {"Content-Type": "application/json", **named})


def text_reply(status: int, text: str, **headers: str) -> Reply:
    """Answer with text or HTML, as proxies in front of a service do."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, text.encode(), {"Content-Type": "text/html; charset=utf-8", **named})


@dataclass
class _Script:
    """What answers the next matching requests instead of the service."""

    reply: Reply | None
    method: str | None
    path: re.Pattern[str]
    times: int
    accepted: bool
    hold: threading.Event | None

    def matches(self, request: RecordedRequest) -> bool:
        return self.times > 0 and self.method in {None, request.method} and bool(self.path.fullmatch(request.path))

    def describe(self) -> str:
        return f"{self.method or 'any'} {self.path.pattern}: {self.times}"


class Listener(ThreadingHTTPServer):
    """A server that knows its connections, so that it can end them."""

    request_queue_size = 64
    daemon_threads = False

    def __init__(self, port: int, handler: type[BaseHTTPRequestHandler]) -> None:
        self._connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), handler)

    def server_bind(self) -> None:
        # The inherited method asks the name service for the host's name, which may be slow.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.socket.getsockname()[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End the idle keep-alive connections, whose threads would never finish."""
        for connection in list(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class Service:
    """A service on 127.0.0.1 that can go away and come back, on the same port and with what it knows."""

    def __init__(self, port: int) -> None:
        self._server = self.new_server(port)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread()
        self._reserved: socket.socket | None = None

    def new_server(self, port: int) -> Listener:
        """A server of this service; it listens already."""
        raise NotImplementedError

    def let_go(self) -> None:
        """Release the requests whose answer is held back, so that their threads come to an end."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._serve()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        self._release()

    def _serve(self) -> None:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Refuse every connection from now on, and end those that there are; what the service knows stays."""
        if self._reserved is not None:
            return
        self.let_go()
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()
        self._thread.join()
        # Nobody listens on it, so connections are refused, and no other process gets the port meanwhile.
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind(("127.0.0.1", self._server.server_port))

    def restart(self) -> None:
        """Serve again after a stop."""
        self._release()
        self._server = self.new_server(self._server.server_port)
        self._serve()

    def _release(self) -> None:
        if self._reserved is not None:
            self._reserved.close()
            self._reserved = None


class _Server(Listener):
    def __init__(self, standin: "StandInServer", port: int) -> None:
        self.standin = standin
        super().__init__(port, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 -- the inherited signature
        error = sys.exception()
        if not isinstance(error, ConnectionError):
            self.standin.report(f"The stand-in itself failed: {error!r}.")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _handle(self) -> None:
        standin = cast("_Server", self.server).standin
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = parse_qs(parts.query, keep_blank_values=True)
        head = RecordedRequest(self.command, parts.path, query, headers, b"", None)
        script = standin.scripted(head)
        early = script is not None and script.reply is not None and script.reply.drop == "before_body"
        body = b"" if early else self._read_body()
        if body is None:
            self._hang_up()
            return
        request = RecordedRequest(head.method, head.path, query, headers, body, parsed(body))
        self._send(standin.answer(request, script))

    # The names are those that the inherited dispatch looks up.
    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815

    def _read_body(self) -> bytes | None:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._read_chunks()
        length = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(length)
        return body if len(body) == length else None

    def _read_chunks(self) -> bytes | None:
        chunks: list[bytes] = []
        while line := self.rfile.readline():
            size = int(line.split(b";")[0], 16)
            chunk = self.rfile.read(size + 2)
            if len(chunk) < size + 2:
                return None
            if size == 0:
                return b"".join(chunks)
            chunks.append(chunk[:size])
        return None

    def _send(self, reply: Reply) -> None:
        if reply.drop is not None:
            self._hang_up()
            return
        self.send_response_only(reply.status)
        for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if reply.trickles:
            self._trickle(reply.body)
        elif self.command != "HEAD":
            self.wfile.write(reply.body[: reply.sent])
        if reply.sent is not None:
            self._hang_up()

    def _trickle(self, body: bytes) -> None:
        """Each byte comes well within any time limit on one read; the whole never does."""
        pause = threading.Event()
        try:
            for byte in body:
                self.wfile.write(bytes([byte]))
                pause.wait(TRICKLE_SECONDS)
        except OSError:
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ARG002 -- the inherited signature
        return


class StandInServer(Service):
    """One service on 127.0.0.1, served while the `with` block runs.

    Subclasses write `respond`. It runs in the thread of the connection: state that it shares with the test is read and
    changed under `self.changed`, which `wait_until` is told by.

    Args:
        key: The key that the service expects; it may stand in headers only.
        port: The port; 0 takes a free one.
    """

    def __init__(self, *, key: str = "stand-in-key-of-the-tests", port: int = 0) -> None:
        self.key = key
        self.changed = threading.Condition()
        self._requests: list[RecordedRequest] = []
        self._violations: list[str] = []
        self._scripts: list[_Script] = []
        super().__init__(port)

    def respond(self, request: RecordedRequest) -> Reply:
        """Play the real service."""
        raise NotImplementedError

    def new_server(self, port: int) -> Listener:
        return _Server(self, port)

    def let_go(self) -> None:
        with self.changed:
            for script in self._scripts:
                if script.hold is not None:
                    script.hold.set()

    @property
    def requests(self) -> list[RecordedRequest]:
        """Every request whose head arrived, in order."""
        with self.changed:
            return list(self._requests)

    def sent(self, method: str, path: str) -> list[RecordedRequest]:
        """The requests with this method whose whole path matches the regular expression."""
        return [one for one in self.requests if one.method == method and re.fullmatch(path, one.path)]

    @property
    def violations(self) -> list[str]:
        """What a client did that no client may do, such as sending the key where it does not belong."""
        with self.changed:
            return list(self._violations)

    def report(self, violation: str) -> None:
        """Record a violation."""
        with self.changed:
            self._violations.append(violation)
            self.changed.notify_all()

    def script(
        self,
        reply: Reply | None,
        *,
        method: str | None = None,
        path: str = ".*",
        times: int = 1,
        accepted: bool = False,
        hold: threading.Event | None = None,
    ) -> None:
        """Answer the next matching requests in the service's place; scripts are used in the order given.

        Args:
            reply: The answer; None lets the service answer.
            method: The method to match; None matches all.
            path: A regular expression for the whole path.
            times: How many requests it is for.
            accepted: Whether the service handles the request before its answer is replaced.
            hold: The answer waits until this is set; the end of the `with` block sets it.
        """
        with self.changed:
            self._scripts.append(_Script(reply, method, re.compile(path), times, accepted, hold))

    def unused_scripts(self) -> list[str]:
        """The scripts that no request has used up."""
        with self.changed:
            return [script.describe() for script in self._scripts if script.times]

    def wait_until(self, condition: Callable[[], bool], seconds: float = 5.0) -> bool:
        """Wait until something that the stand-in records makes the condition true."""
        with self.changed:
            return self.changed.wait_for(condition, seconds)

    def scripted(self, head: RecordedRequest) -> _Script | None:
        """Use up and return the first script for a request whose head arrived."""
        with self.changed:
            for script in self._scripts:
                if script.matches(head):
                    script.times -= 1
                    return script
        return None

    def answer(self, request: RecordedRequest, script: _Script | None) -> Reply:
        """Record a request and answer it: the script's way, or the service's."""
        with self.changed:
            self._requests.append(request)
            self.changed.notify_all()
        address = [request.path, *request.query, *(value for values in request.query.values() for value in values)]
        if self.key.encode() in request.body or any(self.key in part for part in address):
            self.report(f"The key stands in the address or the body of {request.method} {request.path}.")
        if script is None:
            return self.respond(request)
        own = self.respond(request) if script.reply is None or script.accepted else None
        if script.hold is not None:
            script.hold.wait()
        return script.reply or own or Reply(500)


def parsed(body: bytes) -> Any:
    """Read a body as strict JSON; None where it is none."""
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except ValueError:
        return None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
