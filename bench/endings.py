"""How soon after its end a generation is seen to have ended, and how many requests that takes.

Real requests to the stand-in, on a clock that leaps over the pauses: generations of half a minute to ten minutes.
"""

import asyncio
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from tests.clocks import LeapingClock
from tests.standins.clips import make_clip
from tests.standins.fal import FalStandIn
from tests.support import with_fal

from bench.figures import Figure, percentile
from videogen_mcp.gateways.base import Failed, Finished
from videogen_mcp.jobs.job import Attempt, Job
from videogen_mcp.jobs.watch import FIRST_WORD_SECONDS, Watch
from videogen_mcp.service import VideoService
from videogen_mcp.settings import load_settings
from videogen_mcp.types import VideoRequest

GENERATIONS = 30
STREAMED = 40
SHORTEST, LONGEST = 30.0, 600.0
"""Seconds."""
REQUEST = VideoRequest(prompt="A fox", endpoint="fal:fal-ai/wan/v2.7/text-to-video", duration=2, resolution="720p")


class EndingClock(LeapingClock):
    """A leaping clock on which the generation ends when its time has gone by.

    Args:
        standin: Where the generation is.
        ends: After how many seconds it ends.
    """

    def __init__(self, standin: FalStandIn, ends: float) -> None:
        super().__init__()
        self._standin = standin
        self._ends = ends

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        self.leaps = bool(self._standin.accepted) and self.gone < self._ends
        await super().wait(event, seconds)
        if self.gone >= self._ends:
            self._standin.release()

    @property
    def looks(self) -> list[float]:
        """The pauses between looks; the one for a stream's first word comes before the first."""
        return [pause for pause in self.pauses if pause != FIRST_WORD_SECONDS]


def figures() -> Iterator[Figure]:
    """Over looks, on a leaping clock, and over the stream, on a real one."""
    with tempfile.TemporaryDirectory(prefix="videogen-bench-") as folder:
        yield from asyncio.run(looked(Path(folder)))
    with tempfile.TemporaryDirectory(prefix="videogen-bench-") as folder:
        yield from asyncio.run(streamed(Path(folder)))


async def looked(folder: Path) -> list[Figure]:
    """Without the stream: lateness relative to the generation's length, the closest looks, requests for each job."""
    random, shares, requests, closest = Random(7), list[float](), list[int](), list[float]()  # noqa: S311
    for number in range(GENERATIONS):
        length = SHORTEST * (LONGEST / SHORTEST) ** random.random()
        with FalStandIn() as standin:
            standin.video = make_clip(1)
            standin.plan(0, 1)
            standin.hold("IN_PROGRESS")
            environment = with_fal(standin, folder / str(number))
            del environment["VIDEOGEN_POLL_INTERVAL_S"]
            clock = EndingClock(standin, length)
            async with VideoService(load_settings(environment), clock=clock, random=random) as service:
                job = await service.generate(REQUEST)
                while not (await service.status(job.id)).ended:
                    await service.wait(job.id, 10)
            shares.append(100 * (clock.gone - length) / length)
            requests.append(len(standin.requests))
            closest.append(min(clock.looks))
    return [
        Figure("over looks: seen after the end, mean, of its length", sum(shares) / len(shares), "%", 10),
        Figure("over looks: seen after the end, p95, of its length", percentile(shares, 0.95), "%"),
        Figure("over looks: most looks a second for one job", 1 / min(closest), "/s", 0.5),
        Figure("over looks: requests for one job, mean", sum(requests) / len(requests), ""),
    ]


@contextmanager
def timed_ends() -> Generator[list[float]]:
    """The moments at which generations are known to have ended, with their result at hand."""
    watched, moments = Watch.until_end, list[float]()

    async def until_end(self: Watch, job: Job, attempt: Attempt) -> Finished | Failed:
        state = await watched(self, job, attempt)
        moments.append(time.monotonic())
        return state

    Watch.until_end = until_end
    try:
        yield moments
    finally:
        Watch.until_end = watched


async def streamed(folder: Path) -> list[Figure]:
    """With the stream: milliseconds from the event to the end being known and told, and requests for each job."""
    late, told, requests = list[float](), list[float](), list[int]()
    with FalStandIn() as standin, timed_ends() as ends:
        standin.streams, standin.video = True, make_clip(1)
        async with VideoService(load_settings(with_fal(standin, folder))) as service:
            for number in range(STREAMED):
                before = len(standin.requests)
                standin.hold("IN_PROGRESS")
                job = await service.generate(REQUEST.model_copy(update={"prompt": f"Fox {number}"}))
                await service.wait(job.id, 20, until=lambda one: one.message.startswith("running at fal"))
                standin.release()
                await service.wait(job.id, 20, until=lambda one: one.message.startswith("fetching") or one.ended)
                told.append(1000 * (time.monotonic() - standin.told[-1][2]))
                late.append(1000 * (ends[-1] - standin.told[-1][2]))
                await service.wait(job.id, 20)
                requests.append(len(standin.requests) - before)
    return [
        Figure("over the stream: end seen after its event, p50", percentile(late, 0.5), "ms"),
        Figure("over the stream: end seen after its event, p95", percentile(late, 0.95), "ms", 100),
        Figure("over the stream: and stored, for callers to see, p95", percentile(told, 0.95), "ms"),
        Figure("over the stream: requests for one job, mean", sum(requests) / len(requests), ""),
    ]
