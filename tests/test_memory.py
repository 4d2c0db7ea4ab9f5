"""Large files pass through this process, they do not fill it: measured in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.standins.clips import make_clip
from tests.standins.fal import FalStandIn
from tests.support import child_environment, with_fal
from tests.transfers import STATUS

MOST_MEGABYTES = 64

pytestmark = pytest.mark.skipif(not STATUS.exists(), reason="the figures are those of Linux")


def moved(environment: Mapping[str, str], kind: str, path: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.transfers", kind, str(path)]
    done = subprocess.run(
        command, env=child_environment(environment), capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.alone
def test_an_upload_of_200_megabytes(standin: FalStandIn, tmp_path: Path) -> None:
    large = tmp_path / "large.mp4"
    with large.open("wb") as file:
        file.truncate(200_000_000)
        file.write(b"\0\0\0\x18ftypmp42")
    figures = moved(with_fal(standin, tmp_path), "upload", large)
    assert figures["most"] - figures["idle"] < MOST_MEGABYTES, figures
    upload = standin.uploads[-1]
    assert (upload.url, upload.size, upload.content_type) == (figures["url"], 200_000_000, "video/mp4")
    assert figures["told"] == 200_000_000
    parts = [one for one in standin.requests if one.method == "PUT"]
    assert len(parts) == 20
    assert {one.headers["content-length"] for one in parts} == {"10000000"}


@pytest.mark.alone
def test_a_download_of_500_megabytes(standin: FalStandIn, tmp_path: Path) -> None:
    standin.plan(0, 0)
    standin.video, standin.video_size = make_clip(1), 500_000_000
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(standin.video)
    figures = moved(with_fal(standin, tmp_path), "download", clip)
    assert (figures["status"], figures["size"]) == ("completed", 500_000_000)
    assert figures["most"] - figures["idle"] < MOST_MEGABYTES, figures
    steps = {message for message in figures["messages"] if message.endswith(" of 500 MB")}
    assert 3 <= len(steps) <= 10
