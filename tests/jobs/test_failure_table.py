"""Every row of the failure table, run for real: one service, one stand-in, and two endpoints that could serve."""

import asyncio
import errno
import os
import re
import shutil
import socket
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from decimal import Decimal
from itertools import accumulate
from pathlib import Path
from typing import Any, get_args

import httpx2
import pytest
from tests.clocks import LeapingClock
from tests.jobs.failure_table import NO, PHASES, ROWS, TWICE, WHEN_ROOM, Row, table
from tests.jobs.held import held_before_the_submit
from tests.standins.clips import make_clip
from tests.standins.fal import FalStandIn
from tests.standins.schemas import endpoints
from tests.support import ROOT

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.errors import ErrorCode
from videogen_mcp.gateways.base import call
from videogen_mcp.gateways.fal.history import WINDOW
from videogen_mcp.jobs.ending import DOWNLOAD_TRIES
from videogen_mcp.jobs.engine import ADOPTION_SECONDS, MOST_CRASHES
from videogen_mcp.jobs.failures import BUSY_PAUSES, CONSEQUENCES, LONGEST_BUSY_SECONDS
from videogen_mcp.jobs.follower import FIRST_PAUSE_SECONDS
from videogen_mcp.jobs.follower import LONGEST_PAUSE_SECONDS as LONGEST_STREAM_PAUSE
from videogen_mcp.jobs.job import Job
from videogen_mcp.jobs.lessons import COOL_OFF_SECONDS
from videogen_mcp.jobs.lost import LOOK_UP_SECONDS
from videogen_mcp.jobs.unsent import NOT_SENT_PAUSES
from videogen_mcp.jobs.watch import LONGEST_PAUSE_SECONDS, LONGEST_WATCH_SECONDS, QUIET_SECONDS, SLOWEST_POLL_SECONDS
from videogen_mcp.media.disk import LEAST_ROOM_BYTES
from videogen_mcp.selection.fallback import KEPT
from videogen_mcp.service import VideoService
from videogen_mcp.settings import load_settings
from videogen_mcp.types import VideoRequest

FIRST, SECOND = "fal-ai/wan/v2.7/text-to-video", "fal-ai/veo3.1"
FREE = VideoRequest(
    prompt="A fox runs over snow",
    duration=4,
    resolution="720p",
    priority="cost",
    exclude=tuple(one.key for one in load_catalogue().endpoints if one.key not in {f"fal:{FIRST}", f"fal:{SECOND}"}),
)
"""For two endpoints of one gateway, so that what the one leads to is seen at the other."""

PINNED = FREE.model_copy(update={"endpoint": f"fal:{FIRST}", "exclude": ()})
DOWNLOAD_PAUSES = tuple(2.0**number for number in range(1, DOWNLOAD_TRIES))
PAGE = ROOT / "docs" / "reliability.md"


class Case:
    """One row at work."""

    def __init__(self, row: Row, standin: FalStandIn, environment: dict[str, str]) -> None:
        self.row = row
        self.standin = standin
        self.environment = environment
        self.clock = LeapingClock()
        self.connections = 0

    def posts(self, endpoint: str) -> int:
        return sum(request.is_submit and request.path == f"/{endpoint}" for request in self.standin.requests)

    async def run(self, request: VideoRequest) -> Job:
        """Bring the failure about and see the job to its end."""
        for kind, times, details in self.row.faults:
            self.standin.fault(kind, None if kind == "submit_redirect" else FIRST, times, **details)
        async with VideoService(load_settings(self.environment), clock=self.clock) as service:
            is_held = self.row.setting == "cancel before"
            with held_before_the_submit() if is_held else nullcontext(asyncio.Event()) as release:
                job = await service.generate(request)
                await self._cancel(service, job)
                release.set()
            job = await service.wait(job.id, 100_000)  # on a clock that jumps; no test takes that long
            self.standin.release()
        assert job.ended, job.message
        return job

    async def _cancel(self, service: VideoService, job: Job) -> None:
        if self.row.phase != "cancel":
            return
        if self.row.setting != "cancel before":
            looked = lambda: any(request.path.endswith("/status") for request in self.standin.requests)  # noqa: E731
            assert await asyncio.to_thread(self.standin.wait_until, looked)
        await service.cancel(job.id)
        if self.row.setting == "cancel running":
            asked = lambda: any(request.path.endswith("/cancel") for request in self.standin.requests)  # noqa: E731
            assert await asyncio.to_thread(self.standin.wait_until, asked)
            self.standin.release()


@contextmanager
def refusing_port() -> Generator[str]:
    """A port that is taken, and on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@asynccontextmanager
async def plain_port(counted: Callable[[], None]) -> AsyncGenerator[str]:
    """A port on which plain HTTP is spoken: what comes there is no handshake."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        counted()
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def arrange(case: Case, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: C901, PLR0912 -- one case a setting
    """What a row needs beside scripted answers."""
    standin, environment = case.standin, case.environment
    if case.row.phase == "download":
        del environment["VIDEOGEN_POLL_INTERVAL_S"]

    def queue_at(url: str, host: str) -> None:
        environment["VIDEOGEN_FAL_QUEUE_URL"] = url
        environment["VIDEOGEN_ALLOWED_HOSTS"] += f",{host}"

    match case.row.setting:
        case "refused port":
            host = stack.enter_context(refusing_port())
            queue_at(f"http://{host}", host)
        case "unknown host":
            queue_at("http://queue.invalid", "queue.invalid")
        case "no TLS":
            host = await stack.enter_async_context(
                plain_port(lambda: setattr(case, "connections", case.connections + 1))
            )
            queue_at(f"https://{host}", host)
        case "short time limits":
            limits = httpx2.Timeout(connect=4.0, read=0.5, write=4.0, pool=4.0)
            monkeypatch.setitem(call.__kwdefaults__ or {}, "time_limits", limits)
        case "listed":
            standin.history.lists_running = True
        case "six hours":
            standin.hold()
            environment["VIDEOGEN_POLL_INTERVAL_S"] = "1800"
        case "full disk":
            monkeypatch.setattr(Path, "open", _open_on_a_full_disk(Path.open))
        case "little room":
            usage = shutil.disk_usage("/")._replace(free=150_000_000)

            def disk_usage(_path: Path) -> object:
                return usage

            monkeypatch.setattr(shutil, "disk_usage", disk_usage)
        case "cancel queued":
            standin.hold("IN_QUEUE")
        case "cancel running":
            standin.hold("IN_PROGRESS")
            standin.plan(0, 1)
        case "cancel finished":
            standin.plan(0, 0)
        case _:
            pass


def _open_on_a_full_disk(really: Callable[..., Any]) -> Callable[..., Any]:
    """What is written to a partial file goes to the device that the kernel calls full: no small disk is at hand."""

    def opened(path: Path, mode: str = "r", **options: Any) -> Any:
        if path.suffix == ".part" and "x" in mode:
            return really(Path("/dev/full"), "wb", **options)
        return really(path, mode, **options)

    return opened


@pytest.fixture(name="environment")
def environment_fixture(fal_environment: dict[str, str]) -> dict[str, str]:
    return dict(fal_environment)


def name_of(row: Row) -> str:
    return f"{row.phase}: {row.failure}"


async def seen(
    row: Row, standin: FalStandIn, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, request: VideoRequest
) -> tuple[Case, Job]:
    case = Case(row, standin, environment)
    standin.video = make_clip(1)
    async with AsyncExitStack() as stack:
        await arrange(case, stack, monkeypatch)
        return case, await case.run(request)


@pytest.mark.parametrize("row", ROWS, ids=name_of)
async def test_a_row(
    row: Row, standin: FalStandIn, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    case, job = await seen(row, standin, environment, monkeypatch, FREE)
    falls_back = row.then == "another endpoint"
    assert job.status == ("completed" if falls_back else row.status), job.message
    assert [one.endpoint for one in job.candidates] == [f"fal:{FIRST}", f"fal:{SECOND}"], "the second could serve"
    assert (case.posts(FIRST), case.posts(SECOND)) == (row.posts, int(falls_back))
    assert [one.status for one in job.attempts] == expected_attempts(row)
    check_money(row, job)
    check_words(row, job)
    check_retries(row, case)


def expected_attempts(row: Row) -> list[str]:
    """How the attempts end that a row leads to, where another endpoint of the same gateway could serve."""
    if row.retried == WHEN_ROOM:
        return ["failed"] * (row.posts - 1) + ["succeeded" if row.status == "completed" else "failed"]
    falls_back = row.then == "another endpoint"
    return ([] if row.attempt is None else [row.attempt]) + (["succeeded"] if falls_back else [])


@pytest.mark.parametrize("row", [row for row in ROWS if row.then != "nothing"], ids=name_of)
async def test_a_row_when_nothing_else_is_left(
    row: Row, standin: FalStandIn, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    case, job = await seen(row, standin, environment, monkeypatch, PINNED)
    assert (job.status, job.error and job.error.code) == (row.status, None if row.status == "completed" else row.code)
    tries = row.posts if row.retried == WHEN_ROOM else 1
    assert (case.posts(FIRST), len(job.attempts)) == (row.posts, tries)
    check_money(row, job)
    check_words(row, job)


def check_money(row: Row, job: Job) -> None:
    """What an attempt commits is its estimate, or nothing at all; the job commits the sum."""
    estimates = {one.endpoint: one.cost.estimated_usd for one in job.candidates}
    unpaid = len(job.attempts) if job.status == "failed" else sum(one.status == "failed" for one in job.attempts)
    free = 0 if row.charged == "the estimate" else max(1, unpaid) if row.retried == WHEN_ROOM else 1
    charged = [Decimal(0)] * min(free, len(job.attempts))
    charged += [estimates[one.endpoint] for one in job.attempts[free:]]
    assert [one.cost_usd for one in job.attempts] == charged
    assert job.committed_usd == sum((one or Decimal(0) for one in charged), Decimal(0))
    assert all(estimates.values())


def check_words(row: Row, job: Job) -> None:
    """A failed attempt keeps its reason; a job that did not succeed repeats it, with what can be done."""
    failed = [one for one in job.attempts[:1] if one.status in {"failed", "uncertain"}]
    errors = [one.error for one in failed if one.error] + ([job.error] if job.error else [])
    if row.code is None:
        assert errors == []
        return
    assert errors
    assert {one.code for one in errors} == {row.code}
    for error in errors:
        told = f"{error.message} {error.fix}"
        assert [words for words in row.words if words not in told] == []


def check_retries(row: Row, case: Case) -> None:
    """Only what was never sent is sent again, twice; a download is repeated after pauses that grow."""
    downloads = sum(request.path.startswith("/files/results/") for request in case.standin.requests)
    if row.phase == "download":
        repeated = 0 if row.retried == NO else sum(times for _, times, _ in row.faults) - (row.status == "failed")
        repeated = len(DOWNLOAD_PAUSES) if row.setting == "little room" else repeated
        assert [pause for pause in case.clock.pauses if pause in DOWNLOAD_PAUSES] == list(DOWNLOAD_PAUSES[:repeated])
        assert downloads == (0 if row.setting == "little room" else 1 + repeated)
        return
    sent_again = [pause for pause in case.clock.pauses if pause in NOT_SENT_PAUSES]
    assert sent_again == (list(NOT_SENT_PAUSES) if row.retried == TWICE else [])
    assert downloads == (row.status == "completed" or row.then == "another endpoint")
    if row.setting == "no TLS":
        assert case.connections == 1 + len(NOT_SENT_PAUSES)
    if row.retried == WHEN_ROOM:
        asked = 7.0 if any("Retry-After" in details["headers"] for _, _, details in row.faults) else BUSY_PAUSES[0]
        waited = next(total for total in accumulate(case.clock.pauses) if total > 1)
        assert asked - 1 < waited <= asked
        assert sum(case.clock.pauses) <= LONGEST_BUSY_SECONDS
    elif "Retry-After" in row.retried:
        assert case.clock.pauses.count(7.0) == 3


def test_every_failure_that_the_code_knows_has_a_row() -> None:
    unused: set[ErrorCode] = {
        "nothing_eligible",
        "not_configured",
        "over_budget",
        "not_found",
        "unsafe_media",
        "internal",
    }
    assert {row.code for row in ROWS if row.code} == set(get_args(ErrorCode)) - unused
    assert CONSEQUENCES.keys() | {"not_found"} == set(get_args(ErrorCode))
    for row in ROWS:
        if row.code is not None and row.code != "download_failed":
            assert row.then == CONSEQUENCES[row.code].next, name_of(row)
    assert len({name_of(row) for row in ROWS}) == len(ROWS)


def test_the_document_holds_the_rows_and_no_others() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    found = {title: re.compile(r"\| ").match for title in PHASES.values()}
    for phase, title in PHASES.items():
        begin = lines.index(f"### {title}") + 2
        shown = [line for line in lines[begin : begin + len(table(phase)) + 1] if found[title](line)]
        assert shown == table(phase)
    assert sum(line.startswith("| ") for line in lines) == sum(len(table(phase)) for phase in PHASES)


def test_the_document_names_the_figures_of_the_code() -> None:
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    numbers = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    for words in (
        f"up to {numbers[KEPT]} endpoints",
        f"every {SLOWEST_POLL_SECONDS:.0f} seconds at the least",
        f"told nothing for about {QUIET_SECONDS / 60:.0f} minutes",
        f"double from {FIRST_PAUSE_SECONDS:.0f} seconds to {numbers[int(LONGEST_STREAM_PAUSE / 60)]} minutes",
        f"for {numbers[int(LONGEST_PAUSE_SECONDS / 60)]} minutes at most",
        f"not more often than every {LOOK_UP_SECONDS:.0f} seconds",
        f"within {numbers[int(WINDOW.total_seconds() / 60)]} minutes of ours",
        f"when {numbers[MOST_CRASHES]} processes died",
        f"still running after {numbers[int(LONGEST_WATCH_SECONDS / 3600)]} hours",
        f"for {numbers[int(LONGEST_BUSY_SECONDS / 60)]} minutes from its first refusal",
        f"after {', '.join(f'{pause:g}' for pause in BUSY_PAUSES[:-1])} seconds, then every {BUSY_PAUSES[-1]:g}",
        f"{LEAST_ROOM_BYTES / 1e6:.0f} MB must be free",
        f"left alone for {numbers[int(COOL_OFF_SECONDS['unauthorized'] / 60)]} minutes by this process",
        f"one without credit for {numbers[int(COOL_OFF_SECONDS['insufficient_credit'] / 60)]} minute;",
    ):
        assert words in text, words
    assert f"twice, {NOT_SENT_PAUSES[0]:g} s and {NOT_SENT_PAUSES[1]:g} s later" == TWICE
    assert len(NOT_SENT_PAUSES) == 2
    assert ADOPTION_SECONDS == 1
    assert "looks each second" in text


def test_the_full_device_is_what_it_is_taken_for() -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    try:
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            os.write(descriptor, b"x")
    finally:
        os.close(descriptor)


def test_both_endpoints_are_known_to_the_stand_in() -> None:
    assert {FIRST, SECOND} <= set(endpoints())
