"""The gateway `local`: the keyless renderer, in a process of its own so that the server stays responsive.

A rendering is repeatable from its operation, so one that died with its process is simply started again.
"""

import asyncio
import json
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import httpx2

from videogen_mcp.gateways.base import CancelOutcome, Failed, Finished, Health, Operation, Pending, SentRequest
from videogen_mcp.gateways.pace import UNLIMITED, Rate
from videogen_mcp.settings import Settings
from videogen_mcp.types import LINES, Json, Resolution, pixel_size

_LONGEST_SIDE, _SHORTEST_SIDE = 1920, 64
_AT_ONCE = 2


@dataclass
class _Rendering:
    """One renderer process of this server."""

    task: asyncio.Task[None]
    progress: float = 0.0
    error: str | None = None


class LocalGateway:
    """Renders animatics on this machine.

    Args:
        folder: Where unfinished work lies.
    """

    name: ClassVar[str] = "local"
    shortest_poll_seconds: ClassVar[float] = 0.1
    on_this_machine: ClassVar[bool] = True
    fetches_media: ClassVar[bool] = False
    takes_files: ClassVar[bool] = True
    rate: ClassVar[Rate] = UNLIMITED

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._renderings: dict[str, _Rendering] = {}
        self._free = asyncio.Semaphore(_AT_ONCE)

    @classmethod
    def open(cls, settings: Settings, http: httpx2.AsyncClient) -> Self:  # noqa: ARG003 -- it needs no network
        """Build it from the environment; see `Gateway.open`."""
        return cls(settings.home / "renders")

    @property
    def address(self) -> str:
        """It has none."""
        return ""

    async def submit(self, endpoint_id: str, body: Json) -> Operation:  # noqa: ARG002 -- there is one endpoint
        """Start a rendering; see `Gateway.submit`."""
        name = secrets.token_hex(8)
        self._folder.mkdir(parents=True, exist_ok=True)
        operation: Operation = {"render_id": name, "specification": _specification(body, self._folder / f"{name}.mp4")}
        self._start(operation)
        return operation

    def _start(self, operation: Operation) -> None:
        name, specification = str(operation["render_id"]), operation["specification"]
        task = asyncio.create_task(self._render(name, specification), name=f"render-{name}")
        self._renderings[name] = _Rendering(task)

    async def _render(self, name: str, specification: Json) -> None:
        async with self._free:
            rendering = self._renderings[name]
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # modules come from the installation, never from the folder the server was started in
                "-m",
                "videogen_mcp.gateways.animatic",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            try:
                if process.stdin is None or process.stdout is None:
                    raise RuntimeError("the renderer was started without pipes")
                process.stdin.write(json.dumps(specification).encode())
                process.stdin.close()
                async for line in process.stdout:
                    report = json.loads(line)
                    rendering.progress = float(report.get("progress", rendering.progress))
                    rendering.error = report.get("error", rendering.error)
                status = await process.wait()
                if status != 0 and rendering.error is None:
                    rendering.error = f"the renderer ended with status {status}"
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
                    _remove_unfinished(self._folder, name)

    async def poll(self, operation: Operation) -> Pending | Finished | Failed:
        """Look at a rendering, starting it again if its process is gone; see `Gateway.poll`."""
        name, path = str(operation["render_id"]), Path(operation["specification"]["path"])
        rendering = self._renderings.get(name)
        if _is_file(path):
            self._renderings.pop(name, None)
            return Finished(path=path)
        if rendering is None:
            self._start(operation)
            return Pending(0.0, "drawing the animatic")
        if rendering.error is not None:
            reason = _without_folders(rendering.error, operation["specification"]).rstrip(".")
            return Failed("generation_failed", f"The animatic could not be drawn: {reason}.")
        if rendering.task.done():
            error = None if rendering.task.cancelled() else rendering.task.exception()
            return Failed("generation_failed", f"The animatic could not be drawn: {error or 'no file was made'}.")
        return Pending(rendering.progress, "drawing the animatic")

    async def cancel(self, operation: Operation) -> CancelOutcome:
        """Stop a rendering; see `Gateway.cancel`."""
        rendering = self._renderings.get(str(operation["render_id"]))
        if _is_file(Path(operation["specification"]["path"])):
            return "too_late"
        if rendering is None:
            return "unknown"
        rendering.error = "it was cancelled"
        await _stop(rendering.task)
        return "requested"

    async def find(self, sent: SentRequest) -> Operation | None:
        """Nothing is lost on this machine: a rendering is simply started again."""
        del sent
        return None

    async def upload(self, path: Path, mime_type: str) -> str:  # noqa: ARG002 -- the renderer looks for itself
        """Local files are used where they lie; see `Gateway.upload`."""
        return str(path)

    async def check(self) -> Health:
        """There is no key to be judged, and nothing to be paid."""
        return Health(accepted=None)

    async def close(self) -> None:
        """Stop all renderings of this process; another process starts them again."""
        for rendering in self._renderings.values():
            await _stop(rendering.task)
        self._renderings.clear()


def _remove_unfinished(folder: Path, name: str) -> None:
    """Remove what a killed renderer leaves beside its target."""
    for leftover in folder.glob(f".{name}-*.part"):
        leftover.unlink(missing_ok=True)


def _without_folders(text: str, specification: Json) -> str:
    """A renderer's message with file names instead of paths: a result shows no folder outside the data folder."""
    paths = [specification.get("first_frame"), specification.get("last_frame"), specification["path"]]
    for path in (*paths, *specification["reference_images"]):
        text = text.replace(str(path), Path(path).name) if path else text
    return text


def _is_file(path: Path) -> bool:
    return path.is_file()


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


def _specification(body: Json, path: Path) -> Json:
    """What the renderer reads: sizes in pixels, the rest as it is in the body."""
    references: list[Any] = body.get("reference_images", [])
    pictures = [str(one) for one in (body.get("first_frame"), *references) if one]
    width, height = _size(body.get("resolution", "720p"), body.get("aspect_ratio", "auto"), pictures)
    return {
        "prompt": body.get("prompt", ""),
        "seconds": body["duration"],
        "width": width,
        "height": height,
        "fps": 24,
        "seed": body.get("seed"),
        "audio": body.get("generate_audio", False),
        "first_frame": body.get("first_frame"),
        "last_frame": body.get("last_frame"),
        "reference_images": references,
        "path": str(path),
    }


def _size(resolution: Resolution, aspect_ratio: str, pictures: list[str]) -> tuple[int, int]:
    """Pixels for a resolution and ratio; `auto` follows the first picture. The long side is at most 1920."""
    if aspect_ratio == "auto":
        width, height = _picture_size(pictures[0], resolution) if pictures else pixel_size(resolution, "16:9")
    else:
        width, height = pixel_size(resolution, aspect_ratio)
    scale = min(1.0, _LONGEST_SIDE / max(width, height))
    return _even(width * scale), _even(height * scale)


def _even(pixels: float) -> int:
    """The nearest even number that the renderer takes."""
    return max(_SHORTEST_SIDE, 2 * round(pixels / 2))


def _picture_size(picture: str, resolution: Resolution) -> tuple[int, int]:
    from PIL import Image  # noqa: PLC0415 -- heavy, and only needed for this

    try:
        with Image.open(picture) as image:
            scale = LINES[resolution] / min(image.size)
            return round(image.width * scale), round(image.height * scale)
    except OSError:
        return pixel_size(resolution, "16:9")
