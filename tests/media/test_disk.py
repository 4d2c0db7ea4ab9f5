"""Files that are there whole or not at all, and room for them."""

import shutil
from pathlib import Path

import pytest

from videogen_mcp.errors import DownloadFailed
from videogen_mcp.media.disk import LEAST_ROOM_BYTES, check_room


def leave(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    usage = shutil.disk_usage("/")._replace(free=free)

    def disk_usage(_path: Path) -> object:
        return usage

    monkeypatch.setattr(shutil, "disk_usage", disk_usage)


@pytest.mark.parametrize(
    ("free", "needed", "fits"),
    [
        (LEAST_ROOM_BYTES, 0, True),
        (LEAST_ROOM_BYTES - 1, 0, False),
        (LEAST_ROOM_BYTES, 1, True),
        (LEAST_ROOM_BYTES, LEAST_ROOM_BYTES + 1, False),
        (10 * LEAST_ROOM_BYTES, 10 * LEAST_ROOM_BYTES, True),
        (0, 0, False),
    ],
)
def test_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, needed: int, *, fits: bool) -> None:
    leave(monkeypatch, free)
    if fits:
        check_room(tmp_path, needed)
        return
    with pytest.raises(DownloadFailed) as caught:
        check_room(tmp_path, needed)
    assert caught.value.retryable, "space may be freed meanwhile"
    assert f"{free / 1e6:.0f} MB free" in caught.value.message
    assert f"{max(needed, LEAST_ROOM_BYTES) / 1e6:.0f} MB are needed" in caught.value.message
    assert "VIDEOGEN_OUTPUT_DIR" in caught.value.fix
    assert str(tmp_path) not in str(caught.value)


def test_a_disk_that_does_not_say_is_tried(tmp_path: Path) -> None:
    check_room(tmp_path / "missing")


def test_this_disk(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(DownloadFailed):
        check_room(tmp_path, 2 * free)
