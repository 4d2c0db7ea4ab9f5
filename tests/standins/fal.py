"""A strict stand-in of fal.ai on the loopback interface: queue, uploads, files and prices from one origin."""

import argparse
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any, Literal, cast
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from tests.standins import history
from tests.standins.clips import clip_request
from tests.standins.events import Stream, all_sent
from tests.standins.faults import faulty_acknowledgement, faulty_download, faulty_status, padded
from tests.standins.platform import Listing, faulty_listing
from tests.standins.reach import is_reachable
from tests.standins.schemas import (
    ACCEPTED_UNLESS_TOLD,
    FAULT_DETAILS,
    RANK,
    Fault,
    Generation,
    RecordedRequest,
    Reply,
    State,
    Upload,
    acknowledgement_of,
    cancelled,
    detail,
    json_reply,
    parsed,
    result_of,
    scripted,
    scripted_failure,
    status_of,
    submit_refusal,
    validate,
    validation_failure,
)
from tests.standins.server import Listener, Service
from tests.standins.uploads import UploadHost

REQUEST_ROUTE = re.compile(r"/(?P<app>[^/]+/[^/]+)/requests/(?P<id>[^/]+)(?P<action>/status/stream|/status|/cancel|)")
REQUEST_METHODS: Mapping[str, str] = {"": "GET", "/status": "GET", "/status/stream": "GET", "/cancel": "PUT"}
LOG_VALUES = {"1", "0", "true", "false"}
LONGEST_JSON = 1 << 20


class _Server(Listener):
    def __init__(self, standin: "FalStandIn", port: int) -> None:
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
        early = standin.drops_before_body(RecordedRequest(self.command, parts.path, query, headers, b"", None))
        body = None if early else self._read_body()
        if body is None:
            self._hang_up()
            return
        read = parsed(body) if len(body) < LONGEST_JSON else None
        self._send(standin.answer(RecordedRequest(self.command, parts.path, query, headers, body, read)))

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
        if reply.drop:
            self._hang_up()
            return
        is_broken = False
        self.send_response_only(reply.status)
        for name, value in {**reply.headers, **reply.framing}.items():
            self.send_header(name, value)
        self.end_headers()
        if reply.pieces is not None:
            is_broken = not all_sent(reply, self.wfile.write)
        elif self.command != "HEAD":
            self.wfile.write(reply.body[: reply.sent])
        if reply.sent is not None or is_broken:
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ARG002 -- the inherited signature
        return


class FalStandIn(Service):
    """One fal.ai on 127.0.0.1; a generation advances with the number of status calls, never with time."""

    def __init__(
        self,
        *,
        key: str = "stand-in:key-of-the-tests",
        validate_at: Literal["submit", "result"] = "result",
        port: int = 0,
    ) -> None:
        self.key = key
        self.validate_at = validate_at
        self.video: bytes | None = None
        self.billable_units: str | None = None
        self.video_size: int | None = None
        self.streams = False
        self.ping_seconds: float | None = None
        self.told: list[tuple[str, State, float]] = []
        self.log_lines, self.queue_position = ["Working"], 0
        lock = threading.RLock()
        self._changed, self._moved = threading.Condition(lock), threading.Condition(lock)
        self._requests: list[RecordedRequest] = []
        self._submits: list[RecordedRequest] = []
        self._violations: list[str] = []
        self._generations: dict[str, Generation] = {}
        self._faults: list[Fault] = []
        self.listing = Listing()
        self.history = history.RequestList()
        self._polls = (1, 1)
        self._held: State | None = None
        self._releases = 0
        super().__init__(port)
        self.url = self.queue_url = self.origin
        self.rest_url, self.api_url = f"{self.origin}/rest", f"{self.origin}/platform"
        self.cdn_url, self.files_url = f"{self.origin}/cdn", f"{self.origin}/files"
        self._upload_host = UploadHost(self.cdn_url, self.files_url, self.report)

    def new_server(self, port: int) -> Listener:
        self._stopping = False
        return _Server(self, port)

    def let_go(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            self._moved.notify_all()

    @property
    def requests(self) -> list[RecordedRequest]:
        with self._changed:
            return list(self._requests)

    @property
    def submits(self) -> list[RecordedRequest]:
        """The generation requests whose body was read, whatever was answered."""
        with self._changed:
            return list(self._submits)

    @property
    def accepted(self) -> list[str]:
        with self._changed:
            return list(self._generations)

    @property
    def uploads(self) -> list[Upload]:
        with self._changed:
            return list(self._upload_host.uploads)

    @property
    def violations(self) -> list[str]:
        with self._changed:
            return list(self._violations)

    def report(self, violation: str) -> None:
        with self._changed:
            self._violations.append(violation)
            self._changed.notify_all()

    def plan(self, polls_queued: int = 1, polls_running: int = 1) -> None:
        """Set how many status calls see a generation queued, and then running, before it is complete."""
        with self._changed:
            self._polls = (polls_queued, polls_running)

    def hold(self, state: State = "IN_PROGRESS") -> None:
        """Let no generation go beyond this state until released."""
        with self._changed:
            self._held = state
            self._moved.notify_all()

    def release(self) -> None:
        """Let the held generations go on, and answer the slow submits."""
        with self._changed:
            self._held = None
            self._releases += 1
            self._changed.notify_all()
            self._moved.notify_all()

    def stand_at(self, position: int) -> None:
        """Let the generations in the queue have this place; streams tell it."""
        with self._changed:
            self.queue_position = position
            self._moved.notify_all()

    def wait_until(self, condition: Callable[[], bool], seconds: float = 5.0) -> bool:
        """Wait until something that the stand-in records makes the condition true."""
        with self._changed:
            return self._changed.wait_for(condition, seconds)

    def set_price(self, endpoint: str, unit_price: float, unit: str = "second", currency: str = "USD") -> None:
        price = {"endpoint_id": endpoint, "unit_price": unit_price, "unit": unit, "currency": currency}
        with self._changed:
            self.listing.prices[endpoint] = price

    def fault(self, kind: str, endpoint: str | None = None, times: int = 1, **details: Any) -> None:
        unknown = details.keys() - FAULT_DETAILS[kind]
        if unknown:
            raise ValueError(f"{kind} knows no {', '.join(sorted(unknown))}")
        with self._changed:
            self._faults.append(Fault(kind, endpoint, times, details))

    def unused_faults(self) -> list[str]:
        with self._changed:
            return [
                f"{fault.kind} for {fault.endpoint or 'any'}: {fault.times}" for fault in self._faults if fault.times
            ]

    def _take(self, prefix: str, endpoint: str) -> Fault | None:
        with self._changed:
            for fault in self._faults:
                if fault.matches(prefix, endpoint):
                    fault.times -= 1
                    return fault
        return None

    def drops_before_body(self, request: RecordedRequest) -> bool:
        if not request.is_submit or self._take("submit_drop_before_body", request.path[1:]) is None:
            return False
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()
        return True

    def answer(self, request: RecordedRequest) -> Reply:
        with self._changed:
            self._requests.append(request.as_kept)
            if request.is_submit:
                self._submits.append(request)
            self._changed.notify_all()
        if self.key.encode() in request.body or any(self.key in value for value in request.address_parts):
            self.report(f"The key stands in the address or the body of {request.method} {request.path}.")
        if request.path.startswith("/files/"):
            return self._file(request)
        if request.path.startswith("/cdn/"):
            fault = self._take("upload_", request.path.rpartition("/")[2])
            with self._changed:
                self._changed.notify_all()
                return self._upload_host.answer(request, self.key, fault)
        if request.headers.get("authorization") != f"Key {self.key}":
            return detail(401, "Authentication is required to access this application.")
        if request.path.startswith("/rest/"):
            with self._changed:
                return self._upload_host.token(request)
        if request.path.startswith("/platform/"):
            return self._platform(request)
        return self._queue(request)

    def _platform(self, request: RecordedRequest) -> Reply:
        fault = self._take("platform_", request.path.removeprefix("/platform"))
        if fault is not None and (fault.kind != "platform_slow" or not self._wait_for_release()):
            return faulty_listing(fault)
        with self._changed:
            if request.path == history.PATH:
                return self.history.answer(request, self._generations.values())
            return self.listing.answer(request)

    def _queue(self, request: RecordedRequest) -> Reply:
        if request.is_submit:
            return self._submit(request, request.path[1:])
        route = REQUEST_ROUTE.fullmatch(request.path)
        if route is None or request.method != REQUEST_METHODS[route["action"]]:
            return detail(405, "Method Not Allowed")
        with self._changed:
            generation = self._generations.get(route["id"])
            if generation is None or generation.app != route["app"]:
                missing = {"status": "NOT_FOUND"} if route["action"] == "/cancel" else {"detail": "Request not found"}
                return json_reply(404, missing)
        actions: Mapping[str, Callable[[], Reply]] = {
            "/status/stream": lambda: self._stream(request, generation),
            "/status": lambda: self._status(request, generation),
            "/cancel": lambda: self._cancel(generation),
            "": lambda: self._result(generation),
        }
        return actions[route["action"]]()

    def _submit(self, request: RecordedRequest, endpoint: str) -> Reply:
        with self._changed:
            waiting = sum(generation.state == "IN_QUEUE" for generation in self._generations.values())
        refusal = submit_refusal(request, endpoint, waiting)
        if refusal is not None:
            return refusal
        findings = validate(endpoint, request.json, self.origin, self._serves)
        failure = validation_failure(findings) if findings else None
        if failure is not None and self.validate_at == "submit":
            return failure.reply
        fault = self._take("submit_", endpoint)
        generation = Generation(uuid4().hex, endpoint, request.json, failure=failure)
        accepted = fault is None or fault.details.get("accepted", fault.kind in ACCEPTED_UNLESS_TOLD)
        if accepted:
            self._accept(generation)
        if fault is None or (fault.kind == "submit_slow" and self._wait_for_release() and accepted):
            return json_reply(200, acknowledgement_of(generation, self.origin), x_fal_request_id=generation.request_id)
        return faulty_acknowledgement(fault, generation, self.origin)

    def _accept(self, generation: Generation) -> None:
        with self._changed:
            self._generations[generation.request_id] = generation
            if self._polls == (0, 0):
                self._advance(generation)
            self._changed.notify_all()

    def _wait_for_release(self) -> bool:
        with self._changed:
            seen = self._releases
            self._changed.wait_for(lambda: self._stopping or self._releases > seen)
            return not self._stopping

    def _advance(self, generation: Generation) -> None:
        queued, running = self._polls
        calls = generation.calls + 1
        state: State = "IN_QUEUE" if calls <= queued else "IN_PROGRESS" if calls <= queued + running else "COMPLETED"
        if self._held is not None and RANK[state] > RANK[self._held]:
            state = self._held
        else:
            generation.calls = calls
        if RANK[state] > RANK[generation.state]:
            generation.state = state
        if state == "COMPLETED":
            fault = None if generation.failure else self._take("complete_with_error", generation.endpoint)
            generation.end(scripted_failure(generation, fault.details) if fault else generation.failure)

    def _status(self, request: RecordedRequest, generation: Generation) -> Reply:
        logs = request.query.get("logs", ["0"])
        if request.query.keys() - {"logs"} or logs[0] not in LOG_VALUES:
            return detail(400, "The only query parameter is logs, one of 1, 0, true, false")
        fault = self._take("status_", generation.endpoint)
        if fault is not None:
            return faulty_status(fault)
        with self._changed:
            self._look(generation)
            lines = self.log_lines if logs[0] in {"1", "true"} else None
            return status_of(generation, self.origin, lines, self.queue_position)

    def _stream(self, request: RecordedRequest, generation: Generation) -> Reply:
        """The documented stream: a status for each change, comments while nothing changes, closed after COMPLETED."""
        if not self.streams:
            return detail(404, "Not Found")

        def event() -> bytes:
            self.told.append((generation.request_id, generation.state, time.monotonic()))
            logs = self.log_lines if request.query.get("logs") == ["1"] else None
            return status_of(generation, self.origin, logs, self.queue_position).body

        look = lambda: (self._look(generation), self.queue_position)  # noqa: E731 -- what makes an event
        stream = Stream(self._moved, look, event, lambda: self._stopping, self.ping_seconds)
        return stream.reply(request, self._take("stream_", generation.endpoint))

    def _look(self, generation: Generation) -> State:
        if generation.state != "COMPLETED":
            self._advance(generation)
        return generation.state

    def _result(self, generation: Generation) -> Reply:
        with self._changed:
            if generation.state != "COMPLETED":
                return detail(400, "Request is still in progress")
        fault = self._take("result_status", generation.endpoint)
        if fault is not None:
            return scripted(fault.details, 500, {"detail": "Internal Server Error", "error_type": "internal_error"})
        if generation.failure is not None:
            return generation.failure.reply
        clip = clip_request(generation.endpoint, generation.body)
        url = f"{self.files_url}/results/{generation.request_id}/output.mp4"
        output = result_of(generation.endpoint, generation.body, clip.described(url, len(self._video(generation))))
        return json_reply(200, output, x_fal_billable_units=self.billable_units or f"{clip.seconds:g}")

    def _video(self, generation: Generation) -> bytes:
        return self.video or clip_request(generation.endpoint, generation.body).encoded()

    def _cancel(self, generation: Generation) -> Reply:
        with self._changed:
            if generation.state == "COMPLETED":
                return json_reply(400, {"status": "ALREADY_COMPLETED"})
            if generation.state == "IN_QUEUE":
                generation.end(cancelled())
                self._moved.notify_all()
        # A running generation may go on after the signal, as the real one may.
        return json_reply(202, {"status": "CANCELLATION_REQUESTED"})

    def _serves(self, url: str) -> bool:
        if not url.startswith(f"{self.origin}/"):
            return is_reachable(url)
        return any(upload.url == url for upload in self.uploads) or self._finished(urlsplit(url).path) is not None

    def _finished(self, path: str) -> Generation | None:
        match = re.fullmatch(r"/files/results/([^/]+)/output\.mp4", path)
        with self._changed:
            generation = self._generations.get(match[1]) if match else None
            return generation if generation and generation.state == "COMPLETED" and not generation.failure else None

    def _file(self, request: RecordedRequest) -> Reply:
        if "authorization" in request.headers:
            self.report(f"An Authorization header was sent to the file host with {request.path}.")
        if request.method != "GET":
            return detail(405, "Method Not Allowed")
        for upload in self.uploads:
            if upload.url == self.origin + request.path:
                return Reply(200, upload.data, {"Content-Type": upload.content_type})
        generation = self._finished(request.path)
        if generation is None:
            return detail(404, "Not Found")
        fault = self._take("download_", generation.endpoint)
        video = padded(Reply(200, self._video(generation), {"Content-Type": "video/mp4"}), self.video_size)
        return video if fault is None else faulty_download(fault, video)


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve the stand-in of fal.ai until the standard input closes.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key", default="stand-in:key-of-the-tests")
    arguments = parser.parse_args()
    with FalStandIn(key=arguments.key, port=arguments.port) as standin:
        print(standin.url, flush=True)  # noqa: T201 -- the address is what the caller waits for
        sys.stdin.read()


if __name__ == "__main__":
    main()
