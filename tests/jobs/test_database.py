"""Files of earlier versions are led to today's form, whole or not at all."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from videogen_mcp.errors import StoreError
from videogen_mcp.jobs import database
from videogen_mcp.jobs.job import EndedAttempt
from videogen_mcp.jobs.store import Store

OLDER = sorted((Path(__file__).parent.parent / "data" / "databases").glob("schema-*.sql"))
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def restore(dump: Path, folder: Path) -> Path:
    path = folder / "jobs.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(dump.read_text(encoding="utf-8"))
    return path


def columns(path: Path, table: str) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}


def indexes(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
        return {row[0] for row in names}


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (found,) = connection.execute("SELECT version FROM schema_info").fetchone()
        return int(found)


def test_there_is_a_file_of_every_earlier_version() -> None:
    assert [dump.stem for dump in OLDER] == [f"schema-{number}" for number in range(1, database.SCHEMA_VERSION)]


@pytest.mark.parametrize("dump", OLDER, ids=lambda dump: dump.stem)
async def test_an_older_file_gets_todays_form_and_keeps_its_jobs(dump: Path, tmp_path: Path) -> None:
    path = restore(dump, tmp_path)
    store = await Store.open_file(path)
    (job,) = (await store.page(status=None, limit=10, cursor=None)).jobs
    assert (job.status, job.request.prompt, job.attempts[0].status) == ("completed", "A red kite", "succeeded")
    assert job.video is not None
    await store.close()
    fresh = tmp_path / "fresh.sqlite3"
    await (await Store.open_file(fresh)).close()
    assert version(path) == version(fresh) == database.SCHEMA_VERSION
    for table in ("jobs", "attempts"):
        assert columns(path, table) == columns(fresh, table)
    assert indexes(path) == indexes(fresh)


@pytest.mark.parametrize("dump", OLDER[1:], ids=lambda dump: dump.stem)
async def test_crashes_by_an_older_count_give_up_no_job(dump: Path, tmp_path: Path) -> None:
    path = restore(dump, tmp_path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE jobs SET crashes = 9, status = 'working', driver = 'dead'")
    store = await Store.open_file(path)
    (job_id,) = await store.open_jobs("dead")
    assert await store.take_over(job_id, old="dead", new="me") == 0
    await store.close()


@pytest.mark.parametrize("dump", OLDER, ids=lambda dump: dump.stem)
async def test_it_is_led_there_once(dump: Path, tmp_path: Path) -> None:
    path = restore(dump, tmp_path)
    await (await Store.open_file(path)).close()
    store = await Store.open_file(path)
    ended = await store.ended_attempts(LONG_AGO, most=10)
    await store.close()
    assert len(ended) == (dump.stem == "schema-3"), "the older two do not say when"


async def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = restore(OLDER[0], tmp_path)
    before = columns(path, "attempts")
    broken = (("ALTER TABLE attempts ADD COLUMN half_done INTEGER", "ALTER TABLE nowhere ADD COLUMN it INTEGER"),)
    monkeypatch.setattr(database, "MIGRATIONS", broken)
    monkeypatch.setattr(database, "SCHEMA_VERSION", 2)
    with pytest.raises(StoreError):
        await Store.open_file(path)
    assert (columns(path, "attempts"), version(path)) == (before, 1)


async def test_ended_attempts_are_told_latest_first(tmp_path: Path) -> None:
    path = restore(OLDER[0], tmp_path)
    store = await Store.open_file(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE attempts SET ended_at = '2026-11-20T10:00:30.000000+00:00'")
        connection.execute("UPDATE attempts SET submitted_at = '2026-11-20T10:00:00.000000+00:00'")
        (job_id,) = connection.execute("SELECT id FROM jobs").fetchone()
        error = '{"code": "generation_failed", "message": "No."}'
        failed = (job_id, "fal:a/b", error, "2026-11-20T11:00:00.000000+00:00")
        insert = "INSERT INTO attempts (job_id, number, endpoint, status, body, error, ended_at)"
        connection.execute(f"{insert} VALUES (?, 2, ?, 'failed', '{{}}', ?, ?)", failed)
    moments = [datetime(2026, 11, 20, 10, tzinfo=UTC), datetime(2026, 11, 20, 10, 0, 30, tzinfo=UTC)]
    expected = [
        EndedAttempt("fal:a/b", "failed", "generation_failed", None, datetime(2026, 11, 20, 11, tzinfo=UTC)),
        EndedAttempt("local:animatic", "succeeded", None, moments[0], moments[1]),
    ]
    assert await store.ended_attempts(LONG_AGO, most=10) == expected
    assert await store.ended_attempts(LONG_AGO, most=1) == expected[:1]
    assert await store.ended_attempts(datetime(2026, 11, 20, 10, 30, tzinfo=UTC), most=10) == expected[:1]
    await store.close()
