"""A thousand jobs waiting in one process, starting with ten thousand finished ones, and taking over from the dead."""

import asyncio
import json
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.support import slowness

from bench.figures import Figure, percentile
from videogen_mcp.service import DATABASE_FILE, VideoService, open_service
from videogen_mcp.settings import load_settings
from videogen_mcp.types import VideoRequest

WAITING = 1000
FINISHED = 10_000
WATCHED_SECONDS = 30.0
ASKED = 300
"""How often a job's state is asked for."""

SETTLING_SECONDS = 250.0
"""Submits keep to the gateway's pace; after that looks become rarer while a job waits."""
ENDPOINT = "fal:fal-ai/kling-video/v3/pro/text-to-video"
STANDIN = """
import json, sys
from tests.standins.fal import FalStandIn
from tests.support import with_fal
with FalStandIn() as standin:
    standin.streams, standin.ping_seconds = sys.argv[1] == "streams", 15.0
    standin.hold("IN_PROGRESS")
    environment = with_fal(standin, ".")
    del environment["VIDEOGEN_POLL_INTERVAL_S"]
    print(json.dumps(environment), flush=True)
    sys.stdin.read()
"""
DRIVE = """
import asyncio, os, sys
from videogen_mcp.service import open_service
from videogen_mcp.settings import load_settings
from videogen_mcp.types import VideoRequest

async def main():
    async with open_service(load_settings(os.environ)) as service:
        job = await service.generate(VideoRequest(prompt="A fox", endpoint=sys.argv[1], duration=3))
        while (await service.status(job.id)).status != "working":
            await asyncio.sleep(0.01)
        print(job.id, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


def figures() -> Iterator[Figure]:
    """What the issue asks of many jobs, each in a fresh home."""
    for kind in ("streams", "looks"):
        with home() as folder, standin(kind) as environment:
            yield from _run(waiting(folder, environment, kind))
    with home() as folder:
        yield from _run(starting(folder))
    with home() as folder, standin("streams") as environment:
        yield from _run(adopting(folder, environment))


@contextmanager
def home() -> Generator[Path]:
    """A folder that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="videogen-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def standin(kind: str) -> Generator[dict[str, str]]:
    """A stand-in of fal that never finishes, in a process of its own; gives the environment that leads to it.

    Args:
        kind: `streams`: it tells states by itself, with the real one's comments; `looks`: it does not.
    """
    with subprocess.Popen(
        [sys.executable, "-c", STANDIN, kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as one:
        try:
            yield json.loads(one.stdout.readline() if one.stdout else "{}")
        finally:
            one.communicate()


def _run(work: Coroutine[Any, Any, list[Figure]]) -> list[Figure]:
    return asyncio.run(work)


async def waiting(folder: Path, environment: dict[str, str], kind: str) -> list[Figure]:
    """A thousand jobs at the gateway: memory, processor, and how quickly the state of one is told."""
    environment |= {"VIDEOGEN_HOME": str(folder)}
    async with open_service(load_settings(environment)) as service:
        ids = [await _submitted(service, number) for number in range(WAITING)]
        await asyncio.sleep(SETTLING_SECONDS)
        speeds = [slowness()]
        used, began = time.process_time(), time.perf_counter()
        await asyncio.sleep(WATCHED_SECONDS)  # what the waiting costs, without what asking for a state does
        share = 100 * (time.process_time() - used) / (time.perf_counter() - began)
        speeds.append(slowness())
        usual_share = share / (sum(speeds) / len(speeds))
        looks: list[float] = []
        while len(looks) < ASKED:
            at = time.perf_counter()
            await service.status(ids[len(looks) % WAITING])
            looks.append((time.perf_counter() - at) * 1000)
            await asyncio.sleep(0.05)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        Figure(f"memory with {WAITING} jobs waiting, {kind}", memory, "MB", 300),
        Figure(f"processor with {WAITING} jobs waiting, {kind}, as measured", share, "%"),
        Figure(f"processor with {WAITING} jobs waiting, {kind}, at the usual speed", usual_share, "%", 5),
        Figure(f"state of a job meanwhile, p95, {kind}", percentile(looks, 0.95), "ms", 20),
    ]


async def _submitted(service: VideoService, number: int) -> str:
    request = VideoRequest(prompt=f"Shot {number}", endpoint=ENDPOINT, duration=3)
    return (await service.generate(request)).id


async def starting(folder: Path) -> list[Figure]:
    """How much longer the database takes to open with many finished jobs in it."""
    settings = load_settings({"VIDEOGEN_HOME": str(folder)})
    async with open_service(settings) as service:
        job = await service.generate(VideoRequest(prompt="A kite", duration=1, resolution="480p", gateway="local"))
        await service.wait(job.id, 60)
    empty = await _opening(folder)
    with closing(sqlite3.connect(folder / DATABASE_FILE)) as connection, connection:
        for table, key in (("jobs", "id"), ("attempts", "job_id")):
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[1] != key]
            listed = ", ".join(columns)
            for number in range(FINISHED):
                connection.execute(  # the names are those of our own tables
                    f"INSERT INTO {table} ({key}, {listed}) SELECT ?, {listed} FROM {table} WHERE {key} = ?",  # noqa: S608
                    (f"{number:032x}", job.id),
                )
    return [
        Figure(f"opening with {FINISHED} finished jobs, beyond an empty file", await _opening(folder) - empty, "ms", 50)
    ]


async def _opening(folder: Path) -> float:
    taken: list[float] = []
    for _ in range(5):
        began = time.perf_counter()
        async with open_service(load_settings({"VIDEOGEN_HOME": str(folder)})) as service:
            await service.resume()
            taken.append((time.perf_counter() - began) * 1000)
    return min(taken)


async def adopting(folder: Path, environment: dict[str, str]) -> list[Figure]:
    """How long after a kill another process drives the job of the dead one."""
    environment |= {"VIDEOGEN_HOME": str(folder)}
    async with open_service(load_settings(environment)) as service:
        await service.page()
        job_id = await asyncio.to_thread(_driven_and_killed, environment)
        began = time.perf_counter()
        before = (await service.status(job_id)).driver
        while (await service.status(job_id)).driver == before:  # noqa: ASYNC110 -- the other side is a database
            await asyncio.sleep(0.01)
        taken = time.perf_counter() - began
    return [Figure("a dead process's job is driven on after", taken, "s", 3)]


def _driven_and_killed(environment: dict[str, str]) -> str:
    """Let another process submit a job, and kill it; the job's id."""
    command = [sys.executable, "-c", DRIVE, ENDPOINT]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as child:
        job_id = child.stdout.readline().strip() if child.stdout else ""
        child.send_signal(signal.SIGKILL)
    return job_id
