"""What a process that drives jobs is told every second: all of it, without asking where nothing changed."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Engine, event
from tests.jobs.test_store import NOW, begin, create, job

from videogen_mcp.jobs.called_back import CalledBack
from videogen_mcp.jobs.driving import News
from videogen_mcp.jobs.location import Location
from videogen_mcp.jobs.store import Store


@pytest.fixture(name="location")
def location_fixture(tmp_path: Path, database: dict[str, str]) -> Location:
    return Location(tmp_path / "jobs.sqlite3", database.get("VIDEOGEN_DATABASE_URL", ""))


@pytest_asyncio.fixture(name="store")
async def store_fixture(location: Location) -> AsyncIterator[Store]:
    store = await location.open()
    yield store
    await store.close()


@pytest_asyncio.fixture(name="other")
async def other_fixture(location: Location) -> AsyncIterator[Store]:
    """The same jobs as another process has them."""
    store = await location.open()
    yield store
    await store.close()


async def test_every_change_of_another_process_is_told(store: Store, other: Store) -> None:
    assert await store.news("me") == News(set(), set(), set())
    await create(other, job("a"))
    await create(other, job("b", driver="somebody"))
    assert await store.news("me") == News({"me", "somebody"}, set(), set())
    await other.request_cancel("a", now=NOW)
    await begin(other, "b", "somebody")
    await other.request_cancel("b", now=NOW)
    assert await store.news("somebody") == News({"somebody"}, {"b"}, set()), "what was not sent is cancelled at once"
    assert await store.news("me") == News({"somebody"}, set(), set()), "each is told of its own"
    await CalledBack(other.database).mark("b", now=NOW)
    assert await store.news("somebody") == News({"somebody"}, {"b"}, {"b"})
    assert await CalledBack(other.database).take("somebody") == ["b"]
    assert await store.news("somebody") == News({"somebody"}, {"b"}, set())
    await other.hand_over("somebody")
    assert await store.news("somebody") == News({""}, set(), set())


async def test_the_own_changes_are_told_too(store: Store) -> None:
    assert (await store.news("me")).drivers == set()
    await create(store, job("a"))
    assert (await store.news("me")).drivers == {"me"}
    await store.update_job("a", now=NOW, status="failed")
    assert (await store.news("me")).drivers == set()


async def test_while_nothing_changes_nothing_is_asked(store: Store, other: Store, database: dict[str, str]) -> None:
    await create(store, job("a"))
    asked: list[str] = []

    def note(*arguments: Any) -> None:
        asked.extend([arguments[2]] if arguments[2].startswith("SELECT") else [])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        told = [await store.news("me") for _ in range(5)]
        assert told == [News({"me"}, set(), set())] * 5
        assert len(asked) == (5 if database else 1), "PostgreSQL tells no version"
        await other.update_job("a", now=NOW, message="something else")
        asked.clear()
        await store.news("me")
        assert len(asked) == 1
    finally:
        event.remove(Engine, "before_cursor_execute", note)
