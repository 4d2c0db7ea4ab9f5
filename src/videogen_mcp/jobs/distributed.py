"""The locks of many machines: PostgreSQL's advisory locks, held by one session of each process.

The server lets go of a session's locks when the session ends: at once when its process dies, and after `lease_seconds`
when nothing is heard of it, whether the process is stopped, its machine is down or the network is parted. The server
measures that by itself (`idle_session_timeout`): the kernel of a stopped process goes on answering keepalives for it.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager

from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from videogen_mcp.errors import StoreError
from videogen_mcp.jobs.database import Database, connect_arguments, lock_key, without_password

logger = logging.getLogger(__name__)

LEASE_SECONDS = 15.0
"""How long a process may be silent before others take its jobs."""

BEATS_PER_LEASE = 3

_HELD = text("""
    SELECT classid::bigint AS high, objid::bigint AS low FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
""")
"""The advisory locks of this database whose key is one number, in its two halves."""


class SessionLocks:
    """Advisory locks of a session that is kept for nothing else.

    Args:
        database: The database whose locks they are.
        lease_seconds: How long the server waits for a sign of life.
    """

    def __init__(self, database: Database, lease_seconds: float = LEASE_SECONDS) -> None:
        self.lost = asyncio.Event()
        self._database = database
        self._lease_seconds = lease_seconds
        self._engine = create_async_engine(
            database.url,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args=connect_arguments(database.url),
        )
        self._session: AsyncConnection | None = None
        self._beating: asyncio.Task[None] | None = None

    async def hold(self, driver: str) -> None:
        """Open a session that holds the lock of a name, and keep it alive; see `Locks.hold`."""
        await self.let_go()
        timeout = func.set_config("idle_session_timeout", f"{self._lease_seconds * 1000:.0f}ms", False)  # noqa: FBT003
        try:
            session = await self._engine.connect()
            try:
                await session.execute(select(timeout))
                held = (await session.execute(select(func.pg_try_advisory_lock(lock_key(driver))))).scalar_one()
            except BaseException:
                await _end(session)
                raise
        except SQLAlchemyError as error:
            told = without_password(error, self._database.url)
            raise StoreError(f"The job database does not answer: {told}.", fix="Try again in a moment.") from error
        if not held:
            await _end(session)
            raise StoreError(f"Another process drives jobs as {driver}.", fix="Try again.")
        self.lost.clear()
        self._session = session
        self._beating = asyncio.create_task(self._beat(session), name="heartbeat")

    async def _beat(self, session: AsyncConnection) -> None:
        """Give signs of life until one does not get through."""
        pause = self._lease_seconds / BEATS_PER_LEASE
        while True:
            await asyncio.sleep(pause)  # by the real clock, as the server's is
            beat = asyncio.create_task(_sign_of_life(session))
            try:
                # Not a time limit on the query: cutting that off may take a while, and the others do not wait for it.
                await asyncio.wait({beat}, timeout=pause)
                if not (beat.done() and beat.result()):
                    logger.warning("the database has not heard of this process in time: its jobs are left to others")
                    self.lost.set()
                    return
            finally:
                if self.lost.is_set():
                    beat.cancel()
                await asyncio.wait({beat}, timeout=pause)

    @asynccontextmanager
    async def dead(self, drivers: Collection[str]) -> AsyncGenerator[set[str]]:
        """Those whose session is gone; which one of many that see it takes a job is decided by the job's row."""
        held = await self._held() if drivers else set[int]()
        yield {driver for driver in drivers if lock_key(driver) not in held}

    async def _held(self) -> set[int]:
        """The keys of all advisory locks of this database."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(_HELD)).all()
        return {_signed(row.high << 32 | row.low) for row in rows}

    async def let_go(self) -> None:
        """End the session, and with it its lock."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.wait({self._beating})
            self._beating = None
        if self._session is not None:
            if not self.lost.is_set():  # else the server may not answer, and has let go of it
                with contextlib.suppress(SQLAlchemyError, OSError):
                    await self._session.execute(select(func.pg_advisory_unlock_all()))
            await _end(self._session)
            self._session = None


async def _sign_of_life(session: AsyncConnection) -> bool:
    """Ask the server for nothing much; whether it answered."""
    try:
        await session.execute(select(1))
    except (SQLAlchemyError, OSError):
        return False
    return True


async def _end(session: AsyncConnection) -> None:
    """Close a session that may be closed, or cut off, already."""
    with contextlib.suppress(SQLAlchemyError, OSError):
        await session.close()


def _signed(key: int) -> int:
    """The number as PostgreSQL's bigint, which has a sign."""
    return key - (1 << 64) if key >= 1 << 63 else key
