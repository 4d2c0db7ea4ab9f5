import asyncio
import hashlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from videogen_mcp.catalogue.encode import Payload
from videogen_mcp.catalogue.pricing import Cost
from videogen_mcp.errors import InvalidRequest, NotFound, OverBudget, StoreError, VideoGenError
from videogen_mcp.jobs.job import Job, JobError
from videogen_mcp.jobs.location import Location
from videogen_mcp.jobs.store import Store
from videogen_mcp.selection.scoring import Candidate
from videogen_mcp.types import JobStatus, Video, VideoRequest

NOW = datetime(2026, 11, 21, 12, 30, 15, 123456, tzinfo=UTC)
DAY = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
BODY = {"prompt": "ü 漢字", "seed": 7, "nested": [{"a": 1.5}]}
VIDEO = Video(
    path="/videos/a.mp4",
    resource_uri="videogen://videos/a",
    url=None,
    mime_type="video/mp4",
    size_bytes=1,
    sha256="0",
    width=2,
    height=2,
    duration_seconds=1,
    fps=24,
    has_audio=False,
    poster_path=None,
    contact_sheet_path=None,
    checks=("black",),
)


@pytest.fixture(name="path")
def path_fixture(tmp_path: Path) -> Path:
    return tmp_path / "jobs.sqlite3"


@pytest.fixture(name="location")
def location_fixture(path: Path, database: dict[str, str]) -> Location:
    return Location(path, database.get("VIDEOGEN_DATABASE_URL", ""))


@pytest_asyncio.fixture(name="store")
async def store_fixture(location: Location) -> AsyncIterator[Store]:
    store = await location.open()
    yield store
    await store.close()


def candidate(usd: str | None = "0.1") -> Candidate:
    price = None if usd is None else Decimal(usd)
    cost = Cost(price, price, "a basis", "high")
    scores = {"fit": 0.5}
    return Candidate("fal:a/b", "a/b", "fal", "b", "a", Payload(BODY, warnings=("w",)), cost, 0.5, scores, ("r",), 60.0)


def job(name: str, usd: str | None = "0.1", **changes: Any) -> Job:
    made = Job(
        id=name,
        status="queued",
        request=VideoRequest(prompt="ü 漢字", first_frame="file:///a.png", options={"x": [1, None]}),
        mode="image_to_video",
        intent="general",
        candidates=(candidate(usd),),
        created_at=NOW,
        updated_at=NOW,
        cap_usd=Decimal("0.000001"),
        message="queued",
        warnings=("one", "two"),
        driver="me",
    )
    return replace(made, **changes)


async def create(store: Store, one: Job, key: str | None = None, budget: str | None = None) -> Job:
    limit = None if budget is None else Decimal(budget)
    return await store.create(one, request_key=key, fingerprint=one.request.prompt, day_start=DAY, day_budget=limit)


async def begin(store: Store, name: str, driver: str = "me", usd: str | None = "0.1") -> Any:
    price = None if usd is None else Decimal(usd)
    return await store.begin_attempt(name, driver=driver, endpoint="fal:a/b", body=BODY, cost_usd=price, now=NOW)


def write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def test_a_job_comes_back_as_it_was_stored(store: Store) -> None:
    made = job("a")
    assert await create(store, made) == made
    assert await store.get("a") == made
    attempt = await begin(store, "a")
    await store.update_attempt("a", 1, status="submitted", operation={"request_id": "r"}, submitted_at=NOW)
    await store.update_attempt("a", 1, status="succeeded", costs={"billed_usd": Decimal("0.123456")})
    await store.update_job("a", now=NOW, status="completed", video=VIDEO, progress=1.0, message="done")
    stored = await store.get("a")
    assert (stored.status, stored.video, stored.progress, stored.message) == ("completed", VIDEO, 1.0, "done")
    expected = replace(
        attempt,
        status="succeeded",
        operation={"request_id": "r"},
        submitted_at=NOW,
        billed_usd=Decimal("0.123456"),
    )
    assert stored.attempts == (expected,)
    assert stored.billed_usd == Decimal("0.123456")


async def test_an_error_comes_back_as_it_was_stored(store: Store) -> None:
    await create(store, job("a"))
    error = JobError("content_policy", "No.", "Do otherwise.", "fal:a/b")
    await store.update_job("a", now=NOW, status="failed", error=error)
    assert (await store.get("a")).error == error


async def test_durability_comes_first(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Any, Any, Any]] = []

    def look(connection: Any) -> None:
        names = ("journal_mode", "synchronous", "foreign_keys")
        seen.append(tuple(connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names))

    monkeypatch.setattr("videogen_mcp.jobs.database._begin_sqlite", look)
    other = await Store.open_file(path)
    await other.totals()
    await other.close()
    assert set(seen) == {("wal", 2, 1)}


async def test_a_newer_database_is_refused_and_left_as_it_is(path: Path) -> None:
    await (await Store.open_file(path)).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE schema_info SET version = 99")
        connection.execute("DROP TABLE attempts")
    before = digest(path)
    with pytest.raises(StoreError, match="schema 99"):
        await Store.open_file(path)
    assert digest(path) == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "content", [b"no database at all, but a text that is long enough " * 50, b"SQLite format 3\0" + b"\xff" * 4096]
)
async def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(path: Path, content: bytes) -> None:
    write(path, content)
    with pytest.raises(StoreError, match=r"jobs\.sqlite3 cannot be read") as caught:
        await Store.open_file(path)
    assert str(path.parent) not in str(caught.value)
    assert digest(path) == hashlib.sha256(content).hexdigest()


async def test_opening_again_keeps_what_is_there(location: Location, store: Store) -> None:
    await create(store, job("a"))
    other = await location.open()
    assert (await other.get("a")).id == "a"
    await other.close()


async def test_of_two_who_begin_one_may_send(location: Location, store: Store) -> None:
    await create(store, job("a"))
    other = await location.open()
    got = await asyncio.gather(*(begin(one, "a") for one in (store, other) * 4))
    assert sum(attempt is not None for attempt in got) == 1
    assert len((await store.get("a")).attempts) == 1
    await other.close()


async def test_who_may_not_begin(store: Store) -> None:
    for name in ("driven", "cancelled", "ended", "live", "failed"):
        await create(store, job(name))
    assert await begin(store, "driven", driver="somebody else") is None
    await store.request_cancel("cancelled", now=NOW)
    assert await begin(store, "cancelled") is None
    await store.update_job("ended", now=NOW, status="failed")
    assert await begin(store, "ended") is None
    assert (await begin(store, "live")).number == 1
    assert await begin(store, "live") is None
    assert (await begin(store, "failed")).number == 1
    await store.update_attempt("failed", 1, status="failed", costs={"cost_usd": Decimal(0)})
    assert (await begin(store, "failed")).number == 2
    assert [one.number for one in (await store.get("failed")).attempts] == [1, 2]


async def test_illegal_moves_are_refused(store: Store) -> None:
    await create(store, job("a"))
    with pytest.raises(VideoGenError, match="a job may not go from queued to completed"):
        await store.update_job("a", now=NOW, status="completed")
    await begin(store, "a")
    with pytest.raises(VideoGenError, match="an attempt may not go from submitting to succeeded"):
        await store.update_attempt("a", 1, status="succeeded", operation={"request_id": "r"})
    assert (await store.get("a")).attempts[0].operation is None
    await store.update_job("a", now=NOW, status="failed")
    with pytest.raises(VideoGenError, match="from failed to working"):
        await store.update_job("a", now=NOW, status="working")


async def test_a_note_that_comes_too_late_changes_nothing(store: Store) -> None:
    await create(store, job("a"))
    await store.request_cancel("a", now=NOW)
    before = await store.get("a")
    await store.update_job("a", now=NOW + timedelta(seconds=1), message="preparing", progress=0.5)
    assert await store.get("a") == before


async def test_pages_hold_every_job_once_newest_first(store: Store) -> None:
    names = [f"{number:02}" for number in range(7)]
    for name in names:  # three jobs of one moment each
        await create(store, job(name, created_at=NOW + timedelta(seconds=int(name) // 3)))
    cursor, seen = None, list[str]()
    while True:
        page = await store.page(status=None, limit=2, cursor=cursor)
        seen += [one.id for one in page.jobs]
        cursor = page.cursor
        if cursor is None:
            break
    assert seen == names[::-1]
    assert (await store.page(status=None, limit=7, cursor=None)).cursor is None


async def test_a_page_of_one_status(store: Store) -> None:
    for name in ("a", "b", "c"):
        await create(store, job(name))
    await store.update_job("b", now=NOW, status="failed")
    assert [one.id for one in (await store.page(status="failed", limit=9, cursor=None)).jobs] == ["b"]
    assert [one.id for one in (await store.page(status="queued", limit=9, cursor=None)).jobs] == ["c", "a"]


@pytest.mark.parametrize("cursor", ["", "nonsense", "2026-13-01/a", "'; DROP TABLE jobs"])
async def test_a_foreign_cursor_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(InvalidRequest, match="cursor"):
        await store.page(status=None, limit=2, cursor=cursor)


async def test_money_is_summed_exactly(store: Store) -> None:
    for number in range(10):
        await create(store, job(str(number), "0.1"))
    await create(store, job("odd", "0.000001"))
    assert (await store.totals()).committed_usd == Decimal("1.000001")


async def test_the_totals_follow_the_attempts(store: Store) -> None:
    for name in ("failed", "done", "unknown"):
        await create(store, job(name))
        await begin(store, name, usd=None if name == "unknown" else "0.3")
    await store.update_attempt("failed", 1, status="failed", costs={"cost_usd": Decimal(0)})
    await store.update_attempt("done", 1, status="submitted")
    await store.update_attempt("done", 1, status="succeeded", costs={"billed_usd": Decimal("0.25")})
    await store.update_job("failed", now=NOW, status="failed")
    totals = await store.totals()
    assert (totals.committed_usd, totals.billed_usd) == (Decimal("0.3"), Decimal("0.25"))
    assert totals.by_status == {"failed": 1, "working": 2}
    assert (await store.get("unknown")).committed_usd is None


async def test_a_cancelled_job_that_sent_nothing_commits_nothing(store: Store) -> None:
    await create(store, job("a", "2"))
    assert (await store.totals()).committed_usd == 2
    await store.request_cancel("a", now=NOW)
    assert (await store.totals()).committed_usd == 0


async def test_the_day_begins_at_midnight(store: Store) -> None:
    await create(store, job("yesterday", "5", created_at=DAY - timedelta(microseconds=1)))
    await create(store, job("today", "1"), budget="2")
    await create(store, job("exact", "1"), budget="2")
    with pytest.raises(OverBudget, match=r"\$2\.00 is committed today"):
        await create(store, job("too much", "0.000001"), budget="2")
    with pytest.raises(OverBudget, match="an unknown price"):
        await create(store, job("unknown", None), budget="9")


async def test_a_key_makes_one_job_however_often_it_is_used_at_once(location: Location, store: Store) -> None:
    other = await location.open()
    stores = (store, other) * 4
    made = await asyncio.gather(*(create(one, job(f"j{n}"), key="k") for n, one in enumerate(stores)))
    assert len({one.id for one in made}) == 1
    assert len((await store.page(status=None, limit=9, cursor=None)).jobs) == 1
    await other.close()


async def test_a_key_that_was_used_for_something_else_is_refused(store: Store) -> None:
    await create(store, job("a"), key="k")
    with pytest.raises(InvalidRequest, match="job a") as caught:
        await create(store, job("b", request=VideoRequest(prompt="other")), key="k")
    assert caught.value.field == "request_key"


async def test_an_unknown_job(store: Store) -> None:
    with pytest.raises(NotFound):
        await store.get("none")
    with pytest.raises(NotFound):
        await store.request_cancel("none", now=NOW)


@pytest.mark.parametrize(("status", "is_open"), [("queued", True), ("working", True), ("failed", False)])
async def test_only_open_jobs_are_taken_over_and_only_once(store: Store, status: JobStatus, *, is_open: bool) -> None:
    await create(store, job("a"))
    if status != "queued":
        await store.update_job("a", now=NOW, status=status)
    assert (await store.news("me")).drivers == ({"me"} if is_open else set())
    assert await store.open_jobs("me") == (["a"] if is_open else [])
    assert await store.open_jobs("other") == []
    await store.update_job("a", now=NOW, risk="media")
    taken = await asyncio.gather(*(store.take_over("a", old="me", new=f"n{number}") for number in range(4)))
    assert [crashes for crashes in taken if crashes is not None] == ([1] if is_open else [])


async def test_a_death_counts_only_for_what_was_risky_and_once(store: Store) -> None:
    await create(store, job("a"))
    assert await store.take_over("a", old="me", new="b") == 0
    await store.update_job("a", now=NOW, risk="media")
    assert await store.take_over("a", old="b", new="c") == 1
    assert (await store.get("a")).risk == ""
    assert await store.take_over("a", old="c", new="d") == 1
    await store.update_job("a", now=NOW, risk="media")
    await store.hand_over("d")
    assert await store.take_over("a", old="", new="e") == 1
