"""Moves large files in a process of its own and tells what that took: `python -m tests.transfers KIND PATH SIZE`.

Reads the environment of a stand-in of fal. `upload`: the file at PATH, through the gateway. `download`: a whole job
whose clip has SIZE bytes. Prints one JSON object: megabytes of the idle process, the most that were used, seconds.
"""

import asyncio
import json
import os
import sys
import time
from pathlib import Path

import httpx2

from videogen_mcp.gateways.fal import FalGateway
from videogen_mcp.media.probe import inspect
from videogen_mcp.service import open_service
from videogen_mcp.settings import load_settings
from videogen_mcp.types import VideoRequest

STATUS = Path("/proc/self/status")
ENDPOINT = "fal:fal-ai/wan/v2.7/text-to-video"


def megabytes(name: str) -> float:
    """A figure of this process: `VmRSS` now, `VmHWM` the most since the last reset."""
    line = next(one for one in STATUS.read_text(encoding="ascii").splitlines() if one.startswith(f"{name}:"))
    return int(line.split()[1]) / 1024


def forget_the_most() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


async def uploaded(path: Path) -> dict[str, object]:
    told: list[int] = []
    async with httpx2.AsyncClient() as http:
        gateway = FalGateway.open(load_settings(os.environ), http)
        small = path.with_name("small.bin")
        small.write_bytes(b"small")
        await gateway.upload(small, "video/mp4")
        forget_the_most()
        idle, began = megabytes("VmRSS"), time.perf_counter()
        url = await gateway.upload_telling(path, "video/mp4", lambda done, _: told.append(done))
        seconds = time.perf_counter() - began
        await gateway.close()
    return {"idle": idle, "most": megabytes("VmHWM"), "seconds": seconds, "url": url, "told": max(told)}


async def downloaded(path: Path) -> dict[str, object]:
    async with open_service(load_settings(os.environ)) as service:
        await service.page()
        # The libraries that look at a clip are loaded by the first one.
        pictures = {"poster": path.with_suffix(".jpg"), "sheet": path.with_suffix(".sheet.jpg")}
        inspect(path, **pictures, asked_seconds=1, asked_ratio=None, audio_asked=None)
        forget_the_most()
        idle, began = megabytes("VmRSS"), time.perf_counter()
        messages: list[str] = []

        async def told(job: object) -> None:
            messages.append(getattr(job, "message", ""))

        job = await service.generate(VideoRequest(prompt="A fox", endpoint=ENDPOINT, duration=2, resolution="720p"))
        job = await service.wait(job.id, 120, told)
        seconds = time.perf_counter() - began
    size = job.video.size_bytes if job.video else 0
    return {
        "idle": idle,
        "most": megabytes("VmHWM"),
        "seconds": seconds,
        "status": job.status,
        "size": size,
        "messages": messages,
    }


if __name__ == "__main__":
    work = {"upload": uploaded, "download": downloaded}[sys.argv[1]]
    print(json.dumps(asyncio.run(work(Path(sys.argv[2])))))  # noqa: T201 -- what it is run for
