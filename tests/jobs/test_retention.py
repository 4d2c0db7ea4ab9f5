"""Letting go of old jobs: what goes, and what is never touched."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.conftest import OpenService
from tests.standins.fal import FalStandIn
from tests.support import run_cli

from videogen_mcp.errors import InvalidRequest, NotFound
from videogen_mcp.jobs.clock import SystemClock
from videogen_mcp.jobs.job import Job
from videogen_mcp.jobs.store import Store
from videogen_mcp.service import VideoService
from videogen_mcp.settings import load_settings
from videogen_mcp.types import JobStatus, VideoRequest

WAN = "fal:fal-ai/wan/v2.7/text-to-video"
PINNED = VideoRequest(prompt="A fox runs over snow", endpoint=WAN, duration=2, resolution="720p")


class Later(SystemClock):
    """A clock that is some days ahead."""

    def __init__(self, days: float) -> None:
        self._days = timedelta(days=days)

    def now(self) -> datetime:
        return super().now() + self._days


async def ended(service: VideoService, request: VideoRequest = PINNED) -> Job:
    job = await service.wait((await service.generate(request)).id, 20)
    assert job.ended, job.message
    return job


def files_of(job: Job) -> list[Path]:
    assert job.video is not None
    return [Path(one) for one in (job.video.path, job.video.poster_path, job.video.contact_sheet_path) if one]


def size_of(paths: list[Path]) -> int:
    return sum(path.stat().st_size for path in paths)


def exist(paths: list[Path]) -> list[bool]:
    return [path.is_file() for path in paths]


async def ids(store: Store) -> set[str]:
    return {job.id for job in (await store.page(status=None, limit=100, cursor=None)).jobs}


async def test_old_jobs_go_with_their_attempts_and_files(
    fal_service: VideoService, fal_environment: dict[str, str]
) -> None:
    job = await ended(fal_service)
    files, size = files_of(job), size_of(files_of(job))
    await fal_service.close()
    async with VideoService(load_settings(fal_environment), clock=Later(days=3)) as later:
        kept = await later.prune(4)
        assert (kept.jobs, kept.files, kept.size_bytes, exist(files)) == (0, 0, 0, [True] * 3)
        gone = await later.prune(2)
        assert (gone.jobs, gone.files, gone.size_bytes) == (1, 3, size)
        assert exist(files) == [False] * 3
        with pytest.raises(NotFound):
            await later.status(job.id)
        assert (await later.totals()).committed_usd == 0
        assert (await later.prune(2)).jobs == 0


async def test_a_file_that_is_gone_already_is_no_trouble(
    fal_service: VideoService, fal_environment: dict[str, str]
) -> None:
    job = await ended(fal_service)
    poster, *rest = files_of(job)[1:]
    poster.unlink()
    async with VideoService(load_settings(fal_environment), clock=Later(days=3)) as later:
        gone = await later.prune(2)
    assert (gone.jobs, gone.files, exist(rest)) == (1, 2, [False])


async def test_files_outside_the_folder_are_the_callers(
    open_service: OpenService, fal_environment: dict[str, str], tmp_path: Path
) -> None:
    job = await ended(open_service(fal_environment | {"VIDEOGEN_OUTPUT_DIR": str(tmp_path / "before")}))
    moved = fal_environment | {"VIDEOGEN_OUTPUT_DIR": str(tmp_path / "now")}
    async with VideoService(load_settings(moved), clock=Later(days=3)) as later:
        gone = await later.prune(2)
    assert (gone.jobs, gone.files, exist(files_of(job))) == (1, 0, [True] * 3)


async def test_a_link_out_of_the_folder_is_not_followed(
    fal_service: VideoService, fal_environment: dict[str, str], tmp_path: Path
) -> None:
    job = await ended(fal_service)
    clip, *_ = files_of(job)
    outside = clip.rename(tmp_path / "mine.mp4")
    clip.symlink_to(outside)
    async with VideoService(load_settings(fal_environment), clock=Later(days=3)) as later:
        assert (await later.prune(2)).files == 2
    assert outside.is_file()


@pytest.mark.parametrize(
    ("status", "goes"),
    [("queued", False), ("working", False), ("uncertain", False), ("failed", True), ("cancelled", True)],
)
async def test_what_has_not_ended_or_may_be_paid_for_is_kept(
    fal_service: VideoService, status: JobStatus, *, goes: bool
) -> None:
    plan = fal_service.plan(PINNED)
    store = await fal_service.location.open()
    now = SystemClock().now()
    job = Job("a" * 32, "queued", PINNED, plan.mode, plan.intent, plan.candidates, now, now, driver="me")
    await store.create(job, request_key=None, fingerprint="f", day_start=now, day_budget=None)
    ways: dict[JobStatus, tuple[JobStatus, ...]] = {"uncertain": ("working", "uncertain"), "queued": ()}
    for step in ways.get(status, (status,)):
        await store.update_job(job.id, now=now, status=step)
    assert [one.id for one in await store.prune(now)] == [], "it changed at that very moment"
    gone = await store.prune(now + timedelta(seconds=1))
    assert ([one.id for one in gone], await ids(store)) == (([job.id], set()) if goes else ([], {job.id}))
    await store.close()


@pytest.mark.parametrize(
    ("keep", "remains"), [({}, True), ({"VIDEOGEN_KEEP_DAYS": "4"}, True), ({"VIDEOGEN_KEEP_DAYS": "2"}, False)]
)
async def test_the_setting_is_applied_when_the_database_is_opened(
    fal_service: VideoService, fal_environment: dict[str, str], keep: dict[str, str], *, remains: bool
) -> None:
    job = await ended(fal_service)
    await fal_service.close()
    async with VideoService(load_settings(fal_environment | keep), clock=Later(days=3)) as later:
        await later.resume()
        assert [one.id for one in (await later.page()).jobs] == ([job.id] if remains else [])
    assert exist(files_of(job)) == [remains] * 3


@pytest.mark.parametrize("value", ["0", "-1", "a week", "1.5", "40000"])
def test_a_setting_that_makes_no_sense_is_refused(local_environment: dict[str, str], value: str) -> None:
    with pytest.raises(InvalidRequest, match="VIDEOGEN_KEEP_DAYS"):
        load_settings(local_environment | {"VIDEOGEN_KEEP_DAYS": value})


async def test_the_command(standin: FalStandIn, fal_environment: dict[str, str], tmp_path: Path) -> None:
    async with VideoService(load_settings(fal_environment), clock=Later(days=-3)) as earlier:
        old = await ended(earlier)
    async with VideoService(load_settings(fal_environment)) as today:
        new = await ended(today)
    size = size_of(files_of(old))

    def command(*arguments: str, **more: str) -> tuple[int, str, str]:
        done = run_cli(fal_environment | more, "jobs", "prune", *arguments, folder=tmp_path)
        return done.returncode, done.stdout, done.stderr

    status, output, errors = command()
    assert (status, output) == (2, "")
    assert "VIDEOGEN_KEEP_DAYS" in errors
    assert command("--days", "0")[0] == 2
    status, output, _ = command("--days", "2", "--json")
    assert (status, json.loads(output)) == (0, {"jobs": 1, "files": 3, "size_bytes": size})
    assert (exist(files_of(old)), exist(files_of(new))) == ([False] * 3, [True] * 3)
    assert command("--days", "2")[1].startswith("0 jobs and 0 files (0.0 MB) deleted")
    assert len(standin.submits) == 2
