"""What the calls of gateways leave in the database, for whoever drives the job, in this process or another."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime

from sqlalchemy import and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from videogen_mcp.jobs import database
from videogen_mcp.jobs.job import ENDED
from videogen_mcp.jobs.tables import attempts, jobs, taken_by_another
from videogen_mcp.types import Json


class CalledBack:
    """The marks of gateways' calls.

    Args:
        engine: The connection pool of the jobs' database.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def _write(self) -> AsyncGenerator[AsyncConnection]:
        async with self._engine.connect() as connection:
            await connection.execution_options(**database.WRITE)
            async with connection.begin():
                yield connection

    async def mark(self, job_id: str, *, now: datetime) -> None:
        """Mark a job as one that a gateway has called about, for the process that drives it."""
        where = and_(jobs.c.id == job_id, jobs.c.status.not_in(ENDED))
        async with self._write() as connection:
            await connection.execute(update(jobs).where(where).values(called_back_at=now))

    async def take(self, driver: str) -> list[str]:
        """The marked jobs of a driver, whose marks are gone then: who takes over a job looks at once anyway."""
        where = and_(jobs.c.driver == driver, jobs.c.status.not_in(ENDED), jobs.c.called_back_at.is_not(None))
        async with self._engine.connect() as connection:
            if (await connection.execute(select(jobs.c.id).where(where).limit(1))).first() is None:
                return []
        statement = update(jobs).where(where).values(called_back_at=None).returning(jobs.c.id)
        async with self._write() as connection:
            return list((await connection.execute(statement)).scalars().all())

    async def note(self, job_id: str, number: int, operation: Json) -> bool:
        """Keep the handle of a submit whose answer has not come; False where it has, or another attempt has the handle.

        The attempt stays as it is: whoever sent it may still get the answer, and whoever finds it lost uses the handle.
        """
        where = and_(
            *(attempts.c.job_id == job_id, attempts.c.number == number),
            *(attempts.c.status.in_(("submitting", "uncertain")), attempts.c.operation.is_(None)),
            ~taken_by_another(operation),
        )
        statement = update(attempts).where(where).values(operation=operation).returning(attempts.c.number)
        async with self._write() as connection:
            return (await connection.execute(statement)).first() is not None
