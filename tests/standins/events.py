"""The stream of states of one generation, as fal documents it: `data:` lines, comments, and an end after COMPLETED."""

import threading
from collections.abc import Callable, Iterator

from tests.standins.schemas import DROPPED, HTML, Fault, RecordedRequest, Reply, State, detail, scripted

PING = b": ping\n\n"
MOST_LOOKS = 100
"""More than any test plans before a generation moves on."""


def all_sent(reply: Reply, write: Callable[[bytes], object]) -> bool:
    """Send an answer that comes in pieces; False where an empty one says that the connection breaks."""
    is_chunked = "Transfer-Encoding" in reply.framing
    for piece in reply.pieces or ():
        if not piece:
            return False
        write(b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece)
    if is_chunked:
        write(b"0\r\n\r\n")
    return True


class Stream:
    """One open stream.

    A generation moves on with the number of looks, never with time: a stream looks again and again until it is held,
    tells every change, and then waits until something moves.

    Args:
        moved: Its lock guards the stand-in's state; it is notified when a generation may have moved.
        advance: Looks once; gives the state and the place in the queue.
        event: Tells the status object, as JSON.
        is_stopping: The server ends.
        ping_seconds: How often a comment is sent while nothing moves; the real one does every 15 seconds.
    """

    def __init__(
        self,
        moved: threading.Condition,
        advance: Callable[[], tuple[State, int]],
        event: Callable[[], bytes],
        is_stopping: Callable[[], bool],
        ping_seconds: float | None,
    ) -> None:
        self._moved = moved
        self._advance = advance
        self._event = event
        self._is_stopping = is_stopping
        self._ping_seconds = ping_seconds

    def reply(self, request: RecordedRequest, fault: Fault | None) -> Reply:
        if request.query.keys() - {"logs"} or request.query.get("logs", ["0"])[0] not in {"1", "0"}:
            return detail(400, "The only query parameter is logs, 1 or 0")
        if request.headers.get("accept") != "text/event-stream":
            return detail(406, "Only text/event-stream is served here")
        if fault is not None and fault.kind == "stream_status":
            return scripted(fault.details, 503, {"detail": "Service Unavailable"})
        if fault is not None and fault.kind == "stream_drop" and not fault.details.get("after"):
            return DROPPED
        headers = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store"}
        return Reply(200, headers=headers, pieces=self._pieces(fault))

    def _pieces(self, fault: Fault | None) -> Iterator[bytes]:
        if fault is not None and fault.kind == "stream_garbage":
            yield fault.details.get("body", HTML)
            return
        events = self._events()
        if fault is None:
            yield from events
            return
        for _ in range(fault.details.get("after", 1)):
            yield next(events)
        if fault.kind == "stream_silent":
            self._wait_for_the_end()
        if fault.kind != "stream_close":
            yield b""

    def _events(self) -> Iterator[bytes]:
        before: tuple[State, int] | None = None
        while not self._is_stopping():
            with self._moved:
                looks = 0
                state = self._advance()
                while state == before and looks < MOST_LOOKS:
                    state, looks = self._advance(), looks + 1
                if state == before and not self._moved.wait(self._ping_seconds):
                    piece = PING
                elif state == before:
                    continue
                else:
                    piece, before = b"data: " + self._event() + b"\n\n", state
            yield piece
            if state[0] == "COMPLETED" and piece != PING:
                return

    def _wait_for_the_end(self) -> None:
        with self._moved:
            self._moved.wait_for(self._is_stopping)
