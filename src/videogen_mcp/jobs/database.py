"""Opening the database, bringing an older one up to date, and all that differs between SQLite and PostgreSQL."""

import hashlib
import sqlite3
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, event, func, insert, inspect, make_url, select, text, update
from sqlalchemy.exc import ArgumentError, DatabaseError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from videogen_mcp.errors import StoreError
from videogen_mcp.jobs.tables import metadata, schema_info

WRITE = {"videogen_write": True}
"""Execution options of a transaction that takes SQLite's write lock at its start."""

MIGRATIONS: Sequence[Sequence[str]] = (
    # To version 2: a lost submit is looked for by when it was sent, what an attempt teaches needs the moment it ended,
    # and a job that brings its process down again and again must end.
    (
        "ALTER TABLE jobs ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE attempts ADD COLUMN begun_at VARCHAR(32)",
        "ALTER TABLE attempts ADD COLUMN ended_at VARCHAR(32)",
        "CREATE INDEX attempts_by_end ON attempts (ended_at)",
    ),
    # To version 3: many processes ask each second whose jobs are open, and how many generations run; and a gateway's
    # call about a job reaches the process that drives it through the job's row.
    (
        "CREATE INDEX jobs_by_driver ON jobs (driver, status)",
        "CREATE INDEX attempts_by_status ON attempts (status)",
        "ALTER TABLE jobs ADD COLUMN called_back_at VARCHAR(32)",
    ),
    # To version 4: a death counts only for the jobs whose work could have brought it about, so what was counted before
    # says nothing; and a job that waits for its next attempt keeps its part of the day's budget.
    (
        "ALTER TABLE jobs ADD COLUMN risk VARCHAR(16) NOT NULL DEFAULT ''",
        "UPDATE jobs SET crashes = 0",
        "ALTER TABLE jobs ADD COLUMN reserved_usd BIGINT",
    ),
)
"""The statements that lead from each version to the next, the first of them from version 1; the same for both."""

SCHEMA_VERSION = 1 + len(MIGRATIONS)

POSTGRES_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")
OLDEST_POSTGRES = 14
"""The first version that ends idle sessions by itself, which is how a paused process loses its jobs."""

CONNECT_SECONDS = 10
CONNECTIONS = 15
"""The most connections to PostgreSQL that one process keeps for its work; one more tells the others that it lives."""

POOL_SECONDS = 120.0
"""How long a transaction waits for one of them: thousands of jobs may want one in the same moment."""

UNREACHABLE = (OperationalError, InterfaceError, PoolTimeoutError)
"""What a database raises that is busy, gone or shutting down: the next try may succeed."""


class Database:
    """An open database. On SQLite one transaction writes at a time; on PostgreSQL rows are locked one by one.

    A query that reads what its transaction is going to write says so, with `with_for_update()`: SQLite has the lock by
    then, and leaves the words out.

    Args:
        engine: The connection pool.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._watching: AsyncConnection | None = None

    @property
    def url(self) -> URL:
        """The address, for opening a session beside the pool."""
        return self._engine.url

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncConnection]:
        """A transaction that only reads.

        Raises:
            StoreError: The database does not answer.
        """
        try:
            async with self._engine.connect() as connection:
                yield connection
        except UNREACHABLE as error:
            raise self._trouble(error) from error

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[AsyncConnection]:
        """A transaction that writes: what it reads for update cannot change under it.

        Raises:
            StoreError: The database does not answer.
        """
        try:
            async with self._engine.connect() as connection:
                await connection.execution_options(**WRITE)
                async with connection.begin():
                    yield connection
        except UNREACHABLE as error:
            raise self._trouble(error) from error

    def _trouble(self, error: Exception) -> StoreError:
        return StoreError(
            f"The job database does not answer: {without_password(error, self.url)}.", fix="Try again in a moment."
        )

    async def serialise(self, connection: AsyncConnection, matter: str) -> None:
        """Let no other transaction of the same matter go on until this one ends: where no row stands for it."""
        if connection.dialect.name == "postgresql":
            await connection.execute(select(func.pg_advisory_xact_lock(lock_key(f"videogen matter {matter}"))))

    async def version(self) -> int | None:
        """A number that is another one after every change of what is stored; None where the database has none.

        SQLite tells it for a tenth of what a question costs, so that nobody need ask again while nothing changes. It
        counts what other connections commit, so one is kept that commits nothing.
        """
        if self._engine.dialect.name != "sqlite":
            return None
        try:
            self._watching = self._watching or await self._engine.connect()
            driver = (await self._watching.get_raw_connection()).driver_connection
            rows = await driver.execute_fetchall("PRAGMA data_version") if driver is not None else ()
        except (*UNREACHABLE, sqlite3.Error):
            return None
        return next((int(row[0]) for row in rows), None)

    async def close(self) -> None:
        """Close all connections."""
        if self._watching is not None:
            await self._watching.close()
        await self._engine.dispose()


def lock_key(name: str) -> int:
    """The number that stands for a name in PostgreSQL's advisory locks: 64 bits with a sign."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


def without_password(error: BaseException, url: URL) -> str:
    """What a database's error says, on one line and without the password, should it be in there."""
    told = " ".join(str(getattr(error, "orig", None) or error).split()).rstrip(".")
    secrets = [url.password, *(url.query.get(name) for name in ("password", "sslpassword"))]
    for secret in secrets:
        if isinstance(secret, str) and secret:
            told = told.replace(secret, "***")
    return told


async def open_file(path: Path) -> Database:
    """Open the SQLite file at `path`, making it when it does not exist and bringing it up to date when it is older.

    Raises:
        StoreError: It was written by a newer version, is no database, or its folder cannot be used.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"The data folder cannot be used: {error.strerror}.", fix="Check VIDEOGEN_HOME.") from error
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}", connect_args={"timeout": 30}, hide_parameters=True)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    try:
        await _prepare(engine)
    except DatabaseError as error:
        message = f"The job database {path.name} cannot be read: {error.orig}."
        raise StoreError(message, fix="It was not touched. Move it away to start with an empty one.") from error
    return Database(engine)


async def open_url(address: str) -> Database:
    """Open a PostgreSQL database, making the tables when it is empty and bringing them up to date when they are older.

    Args:
        address: `postgresql://user:password@host:port/database`, with libpq's parameters as its query.

    Raises:
        StoreError: It is no such address, cannot be reached or used, or was made by a newer version. The password is
            in no message.
    """
    url = _postgres_url(address)
    try:
        engine = create_async_engine(
            url,
            pool_size=5,
            max_overflow=CONNECTIONS - 5,
            pool_timeout=POOL_SECONDS,
            pool_pre_ping=True,
            hide_parameters=True,  # they hold prompts, and errors are logged
            connect_args=connect_arguments(url),
        )
    except ImportError as error:
        raise StoreError(
            "VIDEOGEN_DATABASE_URL names PostgreSQL, whose driver psycopg is not installed.",
            fix="Install the extra `team`: `pip install 'videogen-mcp-server[team]'`, or psycopg[binary] beside it.",
        ) from error
    try:
        await _prepare(engine)
    except DatabaseError as error:
        raise StoreError(
            f"The database of VIDEOGEN_DATABASE_URL cannot be used: {without_password(error, url)}.",
            fix="Check that the server runs, and that the address, the user and the database are right.",
        ) from error
    return Database(engine)


def _postgres_url(address: str) -> URL:
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        url = None
    if url is None or url.drivername not in POSTGRES_SCHEMES:
        raise StoreError(
            "VIDEOGEN_DATABASE_URL is not the address of a PostgreSQL database.",
            fix="Write postgresql://user:password@host/database, or leave it empty to keep the jobs on this machine.",
        ) from None
    return url.set(drivername="postgresql+psycopg")


def connect_arguments(url: URL) -> dict[str, Any]:
    """What libpq is told beyond the address, where the address does not say it: a peer that is gone is noticed."""
    told = {
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "videogen-mcp",
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
    }
    return {name: value for name, value in told.items() if name not in url.query}


async def _prepare(engine: AsyncEngine) -> None:
    """Bring the tables up to date, in one transaction; the connections are closed when that fails."""
    try:
        async with engine.connect() as connection:
            await connection.execution_options(**WRITE)
            async with connection.begin():
                await connection.run_sync(_bring_up_to_date)
    except BaseException:
        await engine.dispose()
        raise


def _bring_up_to_date(connection: Connection) -> None:
    """Make the tables, or lead those of an older version to today's; all or nothing, in the caller's transaction.

    Raises:
        StoreError: A newer version made them, or the server is too old.
    """
    if connection.dialect.name == "postgresql":
        server = int((connection.dialect.server_version_info or (0,))[0])
        if server < OLDEST_POSTGRES:
            raise StoreError(
                f"PostgreSQL {server} is too old.", fix=f"Use PostgreSQL {OLDEST_POSTGRES} or newer for the jobs."
            )
        # Several replicas may start at once on an empty database: one makes the tables, the others find them.
        connection.execute(select(func.pg_advisory_xact_lock(lock_key("videogen schema"))))
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
