"""Lock files tell the living from the dead, across processes."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from videogen_mcp.jobs.embedded import FileLocks

HOLDER = """
import sys
from filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


def holding(lock: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def is_locked(path: Path) -> bool:
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(name="locks")
def locks_fixture(tmp_path: Path) -> FileLocks:
    return FileLocks(tmp_path)


async def test_a_process_holds_its_lock_for_its_life(tmp_path: Path, locks: FileLocks) -> None:
    await locks.hold("one")
    assert is_locked(tmp_path / "one.lock")
    await locks.let_go()
    assert (names(tmp_path), locks.lost.is_set()) == ([], False)


async def test_a_killed_process_is_told_from_a_living_one(tmp_path: Path, locks: FileLocks) -> None:
    with holding(tmp_path / "other-process.lock") as process:
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == "held\n"
        async with locks.dead(["other-process", "never-seen"]) as dead:
            assert dead == {"never-seen"}
        process.kill()
        await asyncio.to_thread(process.wait)
    async with locks.dead(["other-process"]) as dead:
        assert dead == {"other-process"}
        assert is_locked(tmp_path / "other-process.lock"), "nobody else takes it for dead meanwhile"
    assert names(tmp_path) == []
