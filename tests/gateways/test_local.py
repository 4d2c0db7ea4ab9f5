"""The keyless renderer behind the gateway's five verbs, with real and short renderings."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import av
import pytest
import pytest_asyncio
from PIL import Image

from videogen_mcp.gateways.base import Failed, Finished, Operation, Pending
from videogen_mcp.gateways.local import LocalGateway

SHORT: dict[str, Any] = {"prompt": "A red kite over the sea", "duration": 1, "resolution": "480p", "seed": 7}
LONG: dict[str, Any] = SHORT | {"duration": 60, "resolution": "1080p"}


needs_process_table = pytest.mark.skipif(not Path("/proc/self").exists(), reason="it looks for processes in /proc")


@pytest_asyncio.fixture(name="gateway")
async def gateway_fixture(tmp_path: Path) -> AsyncIterator[LocalGateway]:
    gateway = LocalGateway(tmp_path / "renders")
    yield gateway
    await gateway.close()


@pytest.fixture(name="missing_renderer")
def missing_renderer_fixture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("videogen_mcp.gateways.local.sys.executable", shutil.which("false"))


async def outcome(gateway: LocalGateway, operation: Operation) -> tuple[Finished | Failed, list[float]]:
    progress: list[float] = []
    while isinstance(state := await gateway.poll(operation), Pending):
        progress.append(state.progress or 0.0)
        await asyncio.wait(renderings(), timeout=0.02)
    return state, progress


def renderings() -> list[asyncio.Task[Any]]:
    found = [task for task in asyncio.all_tasks() if task.get_name().startswith("render-")]
    return found or [asyncio.create_task(asyncio.sleep(0))]


def children() -> set[str]:
    """The renderers of this process that are alive."""
    found: set[str] = set()
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            words = (entry / "cmdline").read_bytes()
        except (OSError, ValueError):
            continue
        if int(fields[1]) == os.getpid() and fields[0] != "Z" and b"animatic" in words:
            found.add(entry.name)
    return found


async def wait_for_children(count: int) -> None:
    while len(children()) != count:
        await asyncio.wait([asyncio.create_task(asyncio.sleep(0.005))])


def facts(path: Path) -> tuple[int, int, float]:
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        return video.width, video.height, (container.duration or 0) / 1_000_000


async def test_a_rendering_from_submit_to_file(gateway: LocalGateway, tmp_path: Path) -> None:
    operation = await gateway.submit("animatic", SHORT)
    state, progress = await outcome(gateway, operation)
    assert isinstance(state, Finished)
    assert state.path is not None
    assert state.path == tmp_path / "renders" / f"{operation['render_id']}.mp4"
    assert state.url is None
    width, height, seconds = facts(state.path)
    assert (width, height) == (854, 480)
    assert seconds == pytest.approx(1, abs=0.1)
    assert progress == sorted(progress)
    assert all(0 <= one <= 1 for one in progress)
    assert await gateway.cancel(operation) == "too_late"


@pytest.mark.parametrize(
    ("picture", "ratio", "resolution", "size"),
    [
        (None, "auto", "480p", (854, 480)),
        (None, "9:16", "480p", (480, 854)),
        (None, "21:9", "1080p", (1920, 822)),
        (None, "16:9", "1080p", (1920, 1080)),
        ((300, 200), "auto", "480p", (720, 480)),
        ((200, 300), "auto", "480p", (480, 720)),
        ((300, 200), "1:1", "480p", (480, 480)),
        ((4000, 100), "auto", "1080p", (1920, 64)),
    ],
)
async def test_the_size_follows_the_ratio_or_the_first_picture(
    gateway: LocalGateway,
    tmp_path: Path,
    *,
    picture: tuple[int, int] | None,
    ratio: str,
    resolution: str,
    size: tuple[int, int],
) -> None:
    body = SHORT | {"aspect_ratio": ratio, "resolution": resolution}
    if picture is not None:
        Image.new("RGB", picture, (200, 30, 60)).save(tmp_path / "first.png")
        body["first_frame"] = str(tmp_path / "first.png")
    operation = await gateway.submit("animatic", body)
    specification = operation["specification"]
    assert (specification["width"], specification["height"]) == size
    assert max(size) <= 1920
    await gateway.close()


async def test_a_first_frame_is_drawn(gateway: LocalGateway, tmp_path: Path) -> None:
    Image.new("RGB", (300, 200), (200, 30, 60)).save(tmp_path / "first.png")
    state, _ = await outcome(
        gateway, await gateway.submit("animatic", SHORT | {"first_frame": str(tmp_path / "first.png")})
    )
    assert isinstance(state, Finished)
    assert state.path is not None
    assert facts(state.path)[:2] == (720, 480)


@needs_process_table
async def test_a_cancel_kills_the_renderer(gateway: LocalGateway, tmp_path: Path) -> None:
    operation = await gateway.submit("animatic", LONG)
    await wait_for_children(1)
    assert await gateway.cancel(operation) == "requested"
    assert children() == set()
    state = await gateway.poll(operation)
    assert state == Failed("generation_failed", "The animatic could not be drawn: it was cancelled.")
    assert list((tmp_path / "renders").iterdir()) == []


@needs_process_table
async def test_closing_kills_the_renderers_and_leaves_the_operation_repeatable(
    gateway: LocalGateway, tmp_path: Path
) -> None:
    operation = await gateway.submit("animatic", SHORT)
    await wait_for_children(1)
    await gateway.close()
    assert children() == set()
    other = LocalGateway(tmp_path / "renders")
    assert await other.cancel(operation) == "unknown"
    state, _ = await outcome(other, operation)
    assert isinstance(state, Finished)
    await other.close()


@needs_process_table
async def test_two_are_drawn_at_once_and_the_others_wait(gateway: LocalGateway) -> None:
    operations = [await gateway.submit("animatic", LONG) for _ in range(4)]
    await wait_for_children(2)
    assert await gateway.poll(operations[3]) == Pending(0.0, "drawing the animatic")
    assert await gateway.cancel(operations[0]) == "requested"
    await wait_for_children(2)


async def test_a_picture_that_cannot_be_read_is_told_in_a_sentence(gateway: LocalGateway, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    operation = await gateway.submit("animatic", SHORT | {"first_frame": str(tmp_path / "broken.png")})
    state, _ = await outcome(gateway, operation)
    assert isinstance(state, Failed)
    assert state.code == "generation_failed"
    assert state.message.startswith("The animatic could not be drawn: ")
    assert state.message.endswith(".")
    assert "broken.png" in state.message
    assert str(tmp_path) not in state.message
    assert "Traceback" not in state.message


@pytest.mark.usefixtures("missing_renderer")
async def test_a_renderer_that_ends_without_a_word_is_a_failure(gateway: LocalGateway) -> None:
    state, _ = await outcome(gateway, await gateway.submit("animatic", SHORT))
    assert state == Failed("generation_failed", "The animatic could not be drawn: the renderer ended with status 1.")


async def test_local_files_are_used_where_they_lie(gateway: LocalGateway, tmp_path: Path) -> None:
    assert await gateway.upload(tmp_path / "a.png", "image/png") == str(tmp_path / "a.png")
    assert gateway.address == ""
