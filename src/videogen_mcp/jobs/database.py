"""Opening the database: pragmas, tables, and bringing an older file up to date."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, insert, inspect, select, text, update
from sqlalchemy.exc import DatabaseError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from videogen_mcp.errors import StoreError
from videogen_mcp.jobs.tables import metadata, schema_info

WRITE = {"videogen_write": True}
"""Execution options of a transaction that takes the write lock at its start: what it reads cannot change under it."""

MIGRATIONS: Sequence[Sequence[str]] = (
    # To version 2: a lost submit is looked for by when it was sent, what an attempt teaches needs the moment it ended,
    # and a job that brings its process down again and again must end.
    (
        "ALTER TABLE jobs ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE attempts ADD COLUMN begun_at VARCHAR(32)",
        "ALTER TABLE attempts ADD COLUMN ended_at VARCHAR(32)",
        "CREATE INDEX attempts_by_end ON attempts (ended_at)",
    ),
    # To version 3: a gateway's call about a job reaches the process that drives it through the job's row.
    ("ALTER TABLE jobs ADD COLUMN called_back_at VARCHAR(32)",),
)
"""The statements that lead from each version to the next, the first of them from version 1."""

SCHEMA_VERSION = 1 + len(MIGRATIONS)


async def open_file(path: Path) -> AsyncEngine:
    """Open the SQLite file at `path`, making it when it does not exist and bringing it up to date when it is older.

    Raises:
        StoreError: It was written by a newer version, is no database, or its folder cannot be used.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"The data folder cannot be used: {error.strerror}.", fix="Check VIDEOGEN_HOME.") from error
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}", connect_args={"timeout": 30})
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    try:
        async with engine.connect() as connection:
            await connection.execution_options(**WRITE)
            async with connection.begin():
                await connection.run_sync(_bring_up_to_date)
    except DatabaseError as error:
        await engine.dispose()
        message = f"The job database {path.name} cannot be read: {error.orig}."
        raise StoreError(message, fix="It was not touched. Move it away to start with an empty one.") from error
    except StoreError:
        await engine.dispose()
        raise
    return engine


def _bring_up_to_date(connection: Connection) -> None:
    """Make the tables, or lead those of an older version to today's; all or nothing, in the caller's transaction.

    Raises:
        StoreError: A newer version made them.
    """
    if not inspect(connection).has_table(schema_info.name):
        metadata.create_all(connection)
        connection.execute(insert(schema_info).values(version=SCHEMA_VERSION))
        return
    version = connection.execute(select(schema_info.c.version)).scalar_one()
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"The job database has schema {version}; this version knows up to {SCHEMA_VERSION}.",
            fix="Use the newer version of videogen-mcp that made it.",
        )
    for statements in MIGRATIONS[version - 1 :]:
        for statement in statements:
            connection.execute(text(statement))
    if version < SCHEMA_VERSION:
        connection.execute(update(schema_info).values(version=SCHEMA_VERSION))


def _prepare_sqlite(dbapi_connection: Any, _record: Any) -> None:
    """Durability first: an attempt that was written down survives a power cut."""
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    writes = connection.get_execution_options().get("videogen_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
