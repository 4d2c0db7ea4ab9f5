"""What a large upload and a large download take of this machine, each in a process of its own."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.standins.clips import make_clip
from tests.standins.fal import FalStandIn
from tests.support import child_environment, with_fal

from bench.figures import Figure

MEGABYTE = 1_000_000
UPLOADED, DOWNLOADED = 200, 500
"""Megabytes."""


def figures() -> Iterator[Figure]:
    """Memory beyond the idle process, and megabytes a second, where the stand-in shares the processor."""
    with tempfile.TemporaryDirectory(prefix="videogen-bench-") as name, FalStandIn() as standin:
        folder = Path(name)
        large, clip = folder / "large.mp4", folder / "clip.mp4"
        with large.open("wb") as file:
            file.truncate(UPLOADED * MEGABYTE)
        standin.plan(0, 0)
        standin.video, standin.video_size = make_clip(1), DOWNLOADED * MEGABYTE
        clip.write_bytes(standin.video)
        environment = child_environment(with_fal(standin, folder))
        for kind, path, size in (("upload", large, UPLOADED), ("download", clip, DOWNLOADED)):
            done = _moved(environment, kind, path)
            yield Figure(f"memory of a {kind} of {size} MB beyond idle", done["most"] - done["idle"], "MB", 64)
            yield Figure(f"its rate, with the other side on this machine ({kind})", size / done["seconds"], "MB/s")


def _moved(environment: dict[str, str], kind: str, path: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.transfers", kind, str(path)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)
