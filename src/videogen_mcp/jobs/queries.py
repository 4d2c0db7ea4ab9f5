"""What is read from the database: one job, pages of them, sums, and what attempts teach."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import RowMapping, Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from videogen_mcp.errors import InvalidRequest, NotFound
from videogen_mcp.jobs.database import Database
from videogen_mcp.jobs.job import EndedAttempt, Job
from videogen_mcp.jobs.tables import attempt_from_row, attempts, job_from_row, jobs
from videogen_mcp.jobs.whole import whole
from videogen_mcp.types import JobStatus


@dataclass(frozen=True)
class Page:
    """One page of a listing, newest first; `cursor` leads to the next one, None at the end."""

    jobs: tuple[Job, ...]
    cursor: str | None


@dataclass(frozen=True)
class Totals:
    """Sums over all jobs."""

    committed_usd: Decimal
    billed_usd: Decimal
    by_status: Mapping[str, int]


class Queries:
    """Reads jobs and attempts.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @whole
    async def with_key(self, request_key: str, fingerprint: str) -> Job | None:
        """The job that was made with this key for the same request, None where there is none.

        Raises:
            InvalidRequest: The key was used for another request.
        """
        async with self._database.reading() as connection:
            return await self._by_key(connection, request_key, fingerprint)

    async def _by_key(self, connection: AsyncConnection, request_key: str, fingerprint: str) -> Job | None:
        row = (await connection.execute(select(jobs).where(jobs.c.request_key == request_key))).mappings().first()
        if row is None:
            return None
        if row["fingerprint"] != fingerprint:
            raise InvalidRequest(
                f"request_key {request_key!r} was used for another request, job {row['id']}.",
                field="request_key",
                fix="Use a new key for a new request.",
            )
        return await self._with_attempts(connection, row)

    @whole
    async def get(self, job_id: str) -> Job:
        """One job.

        Raises:
            NotFound: There is none with this id.
        """
        async with self._database.reading() as connection:
            return await self._found(connection, job_id)

    async def _found(self, connection: AsyncConnection, job_id: str, *, for_update: bool = False) -> Job:
        query = select(jobs).where(jobs.c.id == job_id)
        query = query.with_for_update() if for_update else query
        row = (await connection.execute(query)).mappings().first()
        if row is None:
            raise NotFound(f"There is no job {job_id!r}.", field="job_id", fix="video_job_list lists the jobs.")
        return await self._with_attempts(connection, row)

    async def _with_attempts(self, connection: AsyncConnection, row: RowMapping) -> Job:
        query = select(attempts).where(attempts.c.job_id == row["id"]).order_by(attempts.c.number)
        return job_from_row(row, (await connection.execute(query)).mappings().all())

    @whole
    async def is_to_be_cancelled(self, job_id: str) -> bool:
        """Whether the caller wants a job stopped: the one thing that is looked for again and again while it runs."""
        query = select(jobs.c.cancel_requested).where(jobs.c.id == job_id)
        async with self._database.reading() as connection:
            return bool((await connection.execute(query)).scalar_one())

    @whole
    async def page(self, *, status: JobStatus | None, limit: int, cursor: str | None) -> Page:
        """Jobs, newest first.

        Raises:
            InvalidRequest: The cursor is none that a listing gave.
        """
        query: Select[Any] = select(jobs).order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(limit + 1)
        if status is not None:
            query = query.where(jobs.c.status == status)
        if cursor is not None:
            moment, last_id = _read_cursor(cursor)
            same_moment = and_(jobs.c.created_at == moment, jobs.c.id < last_id)
            query = query.where(or_(jobs.c.created_at < moment, same_moment))
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).mappings().all()
            found = tuple([await self._with_attempts(connection, row) for row in rows[:limit]])
        more = len(rows) > limit
        return Page(found, f"{found[-1].created_at.isoformat()}/{found[-1].id}" if more else None)

    @whole
    async def totals(self) -> Totals:
        """Sums over all jobs."""
        async with self._database.reading() as connection:
            counts = (await connection.execute(select(jobs.c.status, func.count()).group_by(jobs.c.status))).all()
            committed = (await connection.execute(select(func.sum(jobs.c.committed_usd)))).scalar()
            billed = (await connection.execute(select(func.sum(attempts.c.billed_usd)))).scalar()
        return Totals(committed or Decimal(0), billed or Decimal(0), dict(counts))

    @whole
    async def ended_attempts(self, since: datetime, *, most: int) -> list[EndedAttempt]:
        """How attempts ended since a moment, the latest first, `most` at most."""
        query = select(attempts).where(attempts.c.ended_at >= since).order_by(attempts.c.ended_at.desc()).limit(most)
        async with self._database.reading() as connection:
            rows = [attempt_from_row(row) for row in (await connection.execute(query)).mappings().all()]
        return [
            EndedAttempt(one.endpoint, one.status, one.error and one.error.code, one.submitted_at, one.ended_at)
            for one in rows
            if one.ended_at is not None
        ]

    @whole
    async def uncertain_jobs(self, *, most: int) -> list[str]:
        """Jobs whose submit may have been lost, newest first, `most` at most."""
        query = select(jobs.c.id).where(jobs.c.status == "uncertain").order_by(jobs.c.created_at.desc()).limit(most)
        async with self._database.reading() as connection:
            return list((await connection.execute(query)).scalars().all())


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    moment, _, last_id = cursor.partition("/")
    try:
        return datetime.fromisoformat(moment), last_id
    except ValueError:
        raise InvalidRequest(f"cursor {cursor!r} is none that a listing gave.", field="cursor") from None
