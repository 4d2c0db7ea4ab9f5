"""The real server over stdio, which dies where it is told and notes what it is about to send.

Its environment says so: `TORTURE_POINT` names the point, `TORTURE_JOURNAL` the file for the notes. The product is
imported as it is; its methods are wrapped, never replaced. A process dies by SIGKILL, from itself: no handler, no
`finally` and no flush of Python runs after that, as with a `kill -9` from outside.
"""

import functools
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

import httpx2

from videogen_mcp.__main__ import main
from videogen_mcp.gateways.base import Finished, Pending
from videogen_mcp.gateways.fal.gateway import FalGateway
from videogen_mcp.jobs.delivery import Delivery
from videogen_mcp.jobs.store import Store
from videogen_mcp.media import fetch

POINT, JOURNAL = "TORTURE_POINT", "TORTURE_JOURNAL"
SENT = "http11.send_request_body.complete"
"""What the HTTP client tells its tracer when the kernel has the whole request and nothing of the answer was read."""


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("SIGKILL was survived")


def replace(owner: type, method: str, by: Callable[..., Any]) -> None:
    setattr(owner, method, by)


@dataclass(frozen=True)
class Point:
    """A moment before or after a call of a method.

    Attributes:
        owner: The class.
        method: Its asynchronous method.
        moment: Before the call, or after it.
        status: The value of the argument `status` that makes it this moment; None for any call.
        result: The class of the result that makes it this moment; only after a call.
        call: Which of these calls it is, counted from 1.
    """

    owner: type
    method: str
    moment: str
    status: str | None = None
    result: type = object
    call: int = 1

    def is_now(self, moment: str, arguments: Mapping[str, Any], result: object = None) -> bool:
        return (
            moment == self.moment
            and (self.status is None or arguments.get("status") == self.status)
            and isinstance(result, self.result)
        )


POINTS: Mapping[str, Point] = {
    "job stored": Point(Store, "create", "after"),
    "before the attempt is stored": Point(Store, "begin_attempt", "before"),
    "attempt stored": Point(Store, "begin_attempt", "after"),
    "answer read": Point(FalGateway, "submit", "after"),
    "refusal read": Point(Store, "update_attempt", "before", status="failed"),
    "refusal stored": Point(Store, "update_attempt", "after", status="failed"),
    "submitted stored": Point(Store, "update_attempt", "after", status="submitted"),
    "polling": Point(FalGateway, "poll", "after", result=Pending),
    "long polling": Point(FalGateway, "poll", "after", result=Pending, call=3),
    "end seen": Point(FalGateway, "poll", "after", result=Finished),
    "succeeded stored": Point(Store, "update_attempt", "after", status="succeeded"),
    "clip looked at": Point(Delivery, "collect", "after"),
    "completed": Point(Store, "update_job", "after", status="completed"),
    "taken over": Point(Store, "take_over", "after"),
    "loss stored": Point(Store, "update_attempt", "after", status="uncertain"),
    "uncertain stored": Point(Store, "update_job", "after", status="uncertain"),
    "found again": Point(Store, "found_again", "after"),
}


def die_at(point: Point) -> None:
    original = getattr(point.owner, point.method)
    calls = count(1)

    def come_to(moment: str, arguments: Mapping[str, Any], result: object = None) -> None:
        if point.is_now(moment, arguments, result) and next(calls) == point.call:
            die()

    @functools.wraps(original)
    async def wrapped(*arguments: Any, **named: Any) -> Any:
        come_to("before", named)
        result = await original(*arguments, **named)
        come_to("after", named, result)
        return result

    replace(point.owner, point.method, wrapped)


def die_when_sent() -> None:
    """Die when a submit has been sent and before anything of its answer was read."""
    original = httpx2.AsyncClient.send

    async def trace(event: str, _info: Mapping[str, Any]) -> None:
        if event == SENT:
            die()

    @functools.wraps(original)
    async def wrapped(client: httpx2.AsyncClient, request: httpx2.Request, **named: Any) -> httpx2.Response:
        if request.method == "POST":
            request.extensions = {**request.extensions, "trace": trace}
        return await original(client, request, **named)

    replace(httpx2.AsyncClient, "send", wrapped)


# The part of a file that is on its way has no public name; what it writes is what a crash may leave behind.
SINK: Any = fetch._Sink  # pyright: ignore[reportPrivateUsage] # noqa: SLF001


def die_within_the_download() -> None:
    original: Callable[[Any, bytes], None] = SINK.write

    def wrapped(sink: Any, chunk: bytes) -> None:
        original(sink, chunk[: len(chunk) // 2])
        die()

    replace(SINK, "write", wrapped)


def die_when_renamed() -> None:
    original: Callable[[Any], fetch.Downloaded] = SINK.finish

    def wrapped(sink: Any) -> NoReturn:
        original(sink)
        die()

    replace(SINK, "finish", wrapped)


OTHER_POINTS: Mapping[str, Callable[[], None]] = {
    "submit sent": die_when_sent,
    "half of the file": die_within_the_download,
    "file in place": die_when_renamed,
}


class Journal:
    """Which jobs this process may have sent a submit of, whose answer it has not stored yet.

    It is written apart from the database that is on trial, one line per write: a killed process leaves it whole.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(self, event: str, job_id: str) -> None:
        os.write(self._file, f"{os.getpid()} {event} {job_id}\n".encode())

    def keep(self) -> None:
        begin, update = Store.begin_attempt, Store.update_attempt

        @functools.wraps(begin)
        async def noted_begin(store: Store, job_id: str, **named: Any) -> Any:
            self.note("begins", job_id)
            attempt = await begin(store, job_id, **named)
            if attempt is None:
                self.note("stored", job_id)
            return attempt

        @functools.wraps(update)
        async def noted_update(store: Store, job_id: str, number: int, **named: Any) -> None:
            await update(store, job_id, number, **named)
            self.note("stored", job_id)

        replace(Store, "begin_attempt", noted_begin)
        replace(Store, "update_attempt", noted_update)


def prepare(environment: Mapping[str, str]) -> None:
    if journal := environment.get(JOURNAL):
        Journal(Path(journal)).keep()
    point = environment.get(POINT)
    if point is None:
        return
    if point in OTHER_POINTS:
        OTHER_POINTS[point]()
    else:
        die_at(POINTS[point])


def serve() -> None:
    """Run the server as its environment says; what a command `serve` does follows."""
    prepare(os.environ)
    sys.argv[1:] = ["serve"]
    main()
