"""What the calls of gateways leave in the database, for whoever drives the job, in this process or another."""

from datetime import datetime

from sqlalchemy import and_, update

from videogen_mcp.jobs.database import Database
from videogen_mcp.jobs.job import OPEN
from videogen_mcp.jobs.tables import attempts, jobs, taken_by_another
from videogen_mcp.jobs.whole import whole
from videogen_mcp.types import Json


class CalledBack:
    """The marks of gateways' calls.

    Args:
        database: Where the jobs are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @whole
    async def mark(self, job_id: str, *, now: datetime) -> None:
        """Mark a job as one that a gateway has called about, for the process that drives it."""
        where = and_(jobs.c.id == job_id, jobs.c.status.in_(OPEN))
        async with self._database.writing() as connection:
            await connection.execute(update(jobs).where(where).values(called_back_at=now))

    @whole
    async def take(self, driver: str) -> list[str]:
        """The marked jobs of a driver, whose marks are gone then: who takes over a job looks at once anyway."""
        where = and_(jobs.c.driver == driver, jobs.c.status.in_(OPEN), jobs.c.called_back_at.is_not(None))
        statement = update(jobs).where(where).values(called_back_at=None).returning(jobs.c.id)
        async with self._database.writing() as connection:
            return list((await connection.execute(statement)).scalars().all())

    @whole
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
        async with self._database.writing() as connection:
            # Two jobs that each are told of the same request lock different rows.
            await self._database.serialise(connection, "lost submits")
            return (await connection.execute(statement)).first() is not None
