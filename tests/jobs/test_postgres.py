"""Opening PostgreSQL: several at once on an empty database, older and newer tables, and what cannot be used."""

import asyncio
import importlib.util
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine as SyncEngine
from sqlalchemy import create_engine, inspect, text
from tests.postgres import Postgres

from videogen_mcp.errors import StoreError
from videogen_mcp.jobs import database
from videogen_mcp.jobs.store import Store
from videogen_mcp.jobs.tables import metadata


@pytest.fixture(name="url")
def url_fixture(postgres: Postgres) -> Iterator[str]:
    with postgres.new_database() as url:
        yield url


@pytest.fixture(name="plain")
def plain_fixture(url: str) -> Iterator[SyncEngine]:
    """The database without the product."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    yield engine
    engine.dispose()


def form(engine: SyncEngine) -> dict[str, tuple[set[str], set[str | None]]]:
    """The columns and indexes of each table."""
    seen = inspect(engine)
    return {
        table: ({one["name"] for one in seen.get_columns(table)}, {one["name"] for one in seen.get_indexes(table)})
        for table in seen.get_table_names()
    }


async def test_several_may_start_at_once_on_an_empty_database(url: str) -> None:
    stores = await asyncio.gather(*(Store.open_url(url) for _ in range(4)))
    assert [(await store.news("me")).drivers for store in stores] == [set()] * 4
    for store in stores:
        await store.close()


async def test_older_tables_get_todays_form(url: str, plain: SyncEngine) -> None:
    metadata.create_all(plain)
    today = form(plain)
    with plain.begin() as connection:  # what the migrations add is taken away again
        connection.execute(text("INSERT INTO schema_info VALUES (1)"))
        for statement in (
            "DROP INDEX jobs_by_driver",
            "DROP INDEX attempts_by_status",
            "DROP INDEX attempts_by_end",
            "ALTER TABLE jobs DROP COLUMN crashes, DROP COLUMN called_back_at",
            "ALTER TABLE jobs DROP COLUMN risk, DROP COLUMN reserved_usd",
            "ALTER TABLE attempts DROP COLUMN begun_at, DROP COLUMN ended_at",
        ):
            connection.execute(text(statement))
    assert form(plain) != today
    stores = await asyncio.gather(*(Store.open_url(url) for _ in range(3)))
    for store in stores:
        await store.close()
    assert form(plain) == today
    with plain.connect() as connection:
        assert connection.execute(text("SELECT version FROM schema_info")).scalars().all() == [database.SCHEMA_VERSION]


async def test_newer_tables_are_refused(url: str, plain: SyncEngine) -> None:
    await (await Store.open_url(url)).close()
    with plain.begin() as connection:
        connection.execute(text("UPDATE schema_info SET version = 99"))
    with pytest.raises(StoreError, match="schema 99"):
        await Store.open_url(url)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
async def test_the_usual_ways_of_writing_the_address(url: str, scheme: str) -> None:
    await (await Store.open_url(url.replace("postgresql", scheme, 1))).close()


@pytest.mark.parametrize(
    "address", ["mysql://me:s3cret@host/jobs", "sqlite:///jobs", "jobs s3cret", "postgresql://me:s3cret@host:port/jobs"]
)
async def test_another_address_is_refused_without_the_password(address: str) -> None:
    with pytest.raises(StoreError, match="not the address of a PostgreSQL database") as caught:
        await Store.open_url(address)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("change", "told"),
    [({"port": 1}, "refused"), ({"database": "nowhere"}, "does not exist"), ({"username": "x"}, "x")],
)
async def test_what_cannot_be_reached_is_told_without_the_password(
    url: str, change: dict[str, object], told: str
) -> None:
    address = database.make_url(url).set(password="s3cret").set(**change)  # pyright: ignore[reportArgumentType]
    with pytest.raises(StoreError, match="cannot be used") as caught:
        await Store.open_url(address.render_as_string(hide_password=False))
    assert told in caught.value.message
    assert "s3cret" not in str(caught.value)
    assert "server runs" in caught.value.fix


async def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert importlib.util.find_spec("psycopg") is not None
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(StoreError, match="psycopg is not installed") as caught:
        await Store.open_url("postgresql://me:s3cret@127.0.0.1:1/jobs")
    assert "extra `team`" in caught.value.fix
    assert "s3cret" not in str(caught.value)
