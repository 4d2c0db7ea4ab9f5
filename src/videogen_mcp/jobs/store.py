"""The database: jobs and attempts, and the few writes that decide who may spend money."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from sqlalchemy import RowMapping, Select, and_, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from videogen_mcp.errors import InvalidRequest, NotFound, OverBudget
from videogen_mcp.jobs import database
from videogen_mcp.jobs.job import ENDED, Attempt, EndedAttempt, Job, JobError, check_attempt_move, check_job_move
from videogen_mcp.jobs.tables import (
    attempt_from_row,
    attempts,
    error_to_row,
    job_from_row,
    job_to_row,
    jobs,
    taken_by_another,
)
from videogen_mcp.types import AttemptStatus, JobStatus, Json, Video

_OPEN: tuple[JobStatus, ...] = ("queued", "working")


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


class Store:
    """Jobs and attempts in a database. Build it with `open_file`.

    Args:
        engine: The connection pool.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @classmethod
    async def open_file(cls, path: Path) -> Self:
        """Open the SQLite file at `path`, making it when it does not exist; see `database.open_file`.

        Raises:
            StoreError: It was written by a newer version, is no database, or its folder cannot be used.
        """
        return cls(await database.open_file(path))

    @property
    def engine(self) -> AsyncEngine:
        """The connection pool, for the queries that stand in a module of their own."""
        return self._engine

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()

    @asynccontextmanager
    async def _write(self) -> AsyncGenerator[AsyncConnection]:
        """A transaction that holds the write lock from its start: what it reads cannot change under it."""
        async with self._engine.connect() as connection:
            await connection.execution_options(**database.WRITE)
            async with connection.begin():
                yield connection

    async def create(
        self, job: Job, *, request_key: str | None, fingerprint: str, day_start: datetime, day_budget: Decimal | None
    ) -> Job:
        """Store a new job, or return the one that was made with the same key for the same request.

        Args:
            job: The job, `queued`, without attempts.
            request_key: The caller's idempotency key.
            fingerprint: What the request amounts to.
            day_start: Since when the day's commitments count.
            day_budget: The most that may be committed per day, None for no limit.

        Raises:
            InvalidRequest: The key was used for another request.
            OverBudget: The day's budget does not allow the job.
        """
        try:
            async with self._write() as connection:
                if request_key is not None and (earlier := await self._by_key(connection, request_key, fingerprint)):
                    return earlier
                if day_budget is not None:
                    await self._check_day(connection, job, day_start, day_budget)
                row = job_to_row(job) | {"request_key": request_key, "fingerprint": fingerprint}
                await connection.execute(insert(jobs).values(row))
        except IntegrityError:
            if request_key is None:
                raise
            earlier = await self.with_key(request_key, fingerprint)
            if earlier is None:
                raise
            return earlier
        return job

    async def with_key(self, request_key: str, fingerprint: str) -> Job | None:
        """The job that was made with this key for the same request, None where there is none.

        Raises:
            InvalidRequest: The key was used for another request.
        """
        async with self._engine.connect() as connection:
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

    async def _check_day(self, connection: AsyncConnection, job: Job, day_start: datetime, day_budget: Decimal) -> None:
        since = jobs.c.created_at >= day_start
        spent: Decimal = (await connection.execute(select(func.sum(jobs.c.committed_usd)).where(since))).scalar() or (
            Decimal(0)
        )
        wanted = job.candidates[0].cost.ceiling_usd
        if wanted is None or spent + wanted > day_budget:
            price = "an unknown price" if wanted is None else f"up to ${wanted:.2f}"
            raise OverBudget(
                f"VIDEOGEN_DAILY_BUDGET_USD {day_budget:f} does not allow {price}: ${spent:.2f} is committed today.",
                fix="Choose a cheaper request, wait for the next UTC day, or raise the budget.",
            )

    async def get(self, job_id: str) -> Job:
        """One job.

        Raises:
            NotFound: There is none with this id.
        """
        async with self._engine.connect() as connection:
            return await self._found(connection, job_id)

    async def is_to_be_cancelled(self, job_id: str) -> bool:
        """Whether the caller wants a job stopped: the one thing that is looked for again and again while it runs."""
        query = select(jobs.c.cancel_requested).where(jobs.c.id == job_id)
        async with self._engine.connect() as connection:
            return bool((await connection.execute(query)).scalar_one())

    async def _found(self, connection: AsyncConnection, job_id: str) -> Job:
        row = (await connection.execute(select(jobs).where(jobs.c.id == job_id))).mappings().first()
        if row is None:
            raise NotFound(f"There is no job {job_id!r}.", field="job_id", fix="video_job_list lists the jobs.")
        return await self._with_attempts(connection, row)

    async def _with_attempts(self, connection: AsyncConnection, row: RowMapping) -> Job:
        query = select(attempts).where(attempts.c.job_id == row["id"]).order_by(attempts.c.number)
        return job_from_row(row, (await connection.execute(query)).mappings().all())

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
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
            found = tuple([await self._with_attempts(connection, row) for row in rows[:limit]])
        more = len(rows) > limit
        return Page(found, f"{found[-1].created_at.isoformat()}/{found[-1].id}" if more else None)

    async def totals(self) -> Totals:
        """Sums over all jobs."""
        async with self._engine.connect() as connection:
            counts = (await connection.execute(select(jobs.c.status, func.count()).group_by(jobs.c.status))).all()
            committed = (await connection.execute(select(func.sum(jobs.c.committed_usd)))).scalar()
            billed = (await connection.execute(select(func.sum(attempts.c.billed_usd)))).scalar()
        return Totals(committed or Decimal(0), billed or Decimal(0), dict(counts))

    async def ended_attempts(self, since: datetime, *, most: int) -> list[EndedAttempt]:
        """How attempts ended since a moment, the latest first, `most` at most."""
        query = select(attempts).where(attempts.c.ended_at >= since).order_by(attempts.c.ended_at.desc()).limit(most)
        async with self._engine.connect() as connection:
            rows = [attempt_from_row(row) for row in (await connection.execute(query)).mappings().all()]
        return [
            EndedAttempt(one.endpoint, one.status, one.error and one.error.code, one.submitted_at, one.ended_at)
            for one in rows
            if one.ended_at is not None
        ]

    async def open_jobs(self, *, but: str) -> list[tuple[str, str]]:
        """Jobs that have not ended and that others than `but` drive, oldest first, as (id, driver)."""
        query = select(jobs.c.id, jobs.c.driver).where(jobs.c.status.in_(_OPEN), jobs.c.driver != but)
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query.order_by(jobs.c.created_at))).all()
        return [(row.id, row.driver) for row in rows]

    async def to_be_cancelled(self, driver: str) -> list[str]:
        """Jobs of a driver that the caller wants stopped."""
        where = and_(jobs.c.status.in_(_OPEN), jobs.c.driver == driver, jobs.c.cancel_requested)
        async with self._engine.connect() as connection:
            return list((await connection.execute(select(jobs.c.id).where(where))).scalars().all())

    async def take_over(self, job_id: str, *, old: str, new: str) -> int | None:
        """Make `new` the driver of a job that `old` drove, and count a crash unless `old` handed it over.

        Returns how many drivers the job has brought down; None when somebody else was quicker.
        """
        crashes = jobs.c.crashes + (1 if old else 0)
        statement = (
            update(jobs)
            .where(jobs.c.id == job_id, jobs.c.driver == old, jobs.c.status.in_(_OPEN))
            .values(driver=new, crashes=crashes)
            .returning(jobs.c.crashes)
        )
        async with self._write() as connection:
            return (await connection.execute(statement)).scalar_one_or_none()

    async def hand_over(self, driver: str) -> None:
        """Let go of the open jobs of a driver that stops in order: whoever is next takes them; no crash counts."""
        statement = update(jobs).where(jobs.c.driver == driver, jobs.c.status.in_(_OPEN)).values(driver="")
        async with self._write() as connection:
            await connection.execute(statement)

    async def uncertain_jobs(self, *, most: int) -> list[str]:
        """Jobs whose submit may have been lost, newest first, `most` at most."""
        query = select(jobs.c.id).where(jobs.c.status == "uncertain").order_by(jobs.c.created_at.desc()).limit(most)
        async with self._engine.connect() as connection:
            return list((await connection.execute(query)).scalars().all())

    async def found_again(self, job_id: str, number: int, *, operation: Json, driver: str, now: datetime) -> bool:
        """Go on with a submit that was lost and has been found; False when it, or what was found, is taken already."""
        where = and_(
            *(attempts.c.job_id == job_id, attempts.c.number == number, attempts.c.status == "uncertain"),
            ~taken_by_another(operation),
        )
        began = func.coalesce(attempts.c.begun_at, now)
        values = {"status": "submitted", "operation": operation, "error": None, "submitted_at": began}
        found = {"status": "working", "driver": driver, "error": None, "updated_at": now}
        found["message"] = "the lost submit was found at the gateway"
        async with self._write() as connection:
            taken = await connection.execute(update(attempts).where(where).values(values).returning(attempts.c.number))
            if taken.first() is None:
                return False
            await connection.execute(update(jobs).where(jobs.c.id == job_id).values(found))
            return True

    async def prune(self, before: datetime) -> list[Job]:
        """Delete the jobs that ended before a moment, with their attempts; returns what was deleted.

        Jobs whose outcome is uncertain are kept: they may still be paid for.
        """
        where = and_(jobs.c.status.in_(ENDED - {"uncertain"}), jobs.c.updated_at < before)
        async with self._write() as connection:
            rows = (await connection.execute(select(jobs).where(where).order_by(jobs.c.updated_at))).mappings().all()
            gone = [await self._with_attempts(connection, row) for row in rows]
            await connection.execute(delete(jobs).where(where))
            return gone

    async def begin_attempt(
        self, job_id: str, *, driver: str, endpoint: str, body: Json, cost_usd: Decimal | None, now: datetime
    ) -> Attempt | None:
        """Write down that a submit is about to be sent. Only who gets the attempt back may send it.

        Returns None when the job has ended, is to be cancelled, is driven by somebody else, or has a live attempt.
        """
        async with self._write() as connection:
            job_row = (await connection.execute(select(jobs).where(jobs.c.id == job_id))).mappings().one()
            job = await self._with_attempts(connection, job_row)
            live = any(one.status not in {"failed", "cancelled"} for one in job.attempts)
            if job.ended or job.cancel_requested or job.driver != driver or live:
                return None
            values = {
                "job_id": job_id,
                "number": len(job.attempts) + 1,
                "endpoint": endpoint,
                "status": "submitting",
                "body": body,
                "cost_usd": cost_usd,
                "begun_at": now,
            }
            row = (await connection.execute(insert(attempts).values(values).returning(attempts))).mappings().one()
            check_job_move(job.status, "working")
            await connection.execute(update(jobs).where(jobs.c.id == job_id).values(status="working", updated_at=now))
            await self._sum_up(connection, job_id)
            return attempt_from_row(row)

    async def update_attempt(
        self,
        job_id: str,
        number: int,
        *,
        status: AttemptStatus,
        operation: Json | None = None,
        error: JobError | None = None,
        submitted_at: datetime | None = None,
        ended_at: datetime | None = None,
        costs: Mapping[str, Decimal | None] | None = None,
    ) -> None:
        """Move an attempt on.

        Args:
            job_id: The job.
            number: The attempt.
            status: Its new state.
            operation: The gateway's handle, when it gave one.
            error: Why it ended, when it did.
            submitted_at: When the gateway took it.
            ended_at: When it ended, when it did.
            costs: `cost_usd` and `billed_usd`, where they change.
        """
        where = and_(attempts.c.job_id == job_id, attempts.c.number == number)
        values: dict[str, Any] = {"status": status, **(costs or {})}
        values |= {"operation": operation} if operation is not None else {}
        values |= {"error": error_to_row(error)} if error is not None else {}
        values |= {"submitted_at": submitted_at} if submitted_at is not None else {}
        values |= {"ended_at": ended_at} if ended_at is not None else {}
        async with self._write() as connection:
            before: AttemptStatus = (await connection.execute(select(attempts.c.status).where(where))).scalar_one()
            check_attempt_move(before, status)
            await connection.execute(update(attempts).where(where).values(values))
            await self._sum_up(connection, job_id)

    async def _sum_up(self, connection: AsyncConnection, job_id: str) -> None:
        """Keep the job's commitment in step with its attempts; an unknown cost counts as nothing here."""
        total = select(func.coalesce(func.sum(attempts.c.cost_usd), 0)).where(attempts.c.job_id == job_id)
        await connection.execute(update(jobs).where(jobs.c.id == job_id).values(committed_usd=total.scalar_subquery()))

    async def update_job(self, job_id: str, *, now: datetime, status: JobStatus | None = None, **values: Any) -> None:
        """Move a job on.

        Args:
            job_id: The job.
            now: The time of the change.
            status: Its new state, when it changes.
            values: Any of `message`, `progress`, `warnings`, `video`, `error`, `crashes`.
        """
        error, video = values.get("error"), values.get("video")
        if isinstance(error, JobError):
            values["error"] = error_to_row(error)
        if isinstance(video, Video):
            values["video"] = video.model_dump(mode="json")
        async with self._write() as connection:
            row = (await connection.execute(select(jobs.c.status).where(jobs.c.id == job_id))).one()
            if status is None and row.status in ENDED:
                return  # a note that comes too late, such as the next step of a job that was just cancelled
            if status is not None:
                check_job_move(row.status, status)
                values["status"] = status
            await connection.execute(update(jobs).where(jobs.c.id == job_id).values(updated_at=now, **values))
            if status in ENDED:
                await self._sum_up(connection, job_id)

    async def request_cancel(self, job_id: str, *, now: datetime) -> Job:
        """Mark a job as to be cancelled; one that was never sent is cancelled at once.

        Raises:
            NotFound: There is no such job.
        """
        async with self._write() as connection:
            job = await self._found(connection, job_id)
            if not job.ended:
                values: dict[str, Any] = {"cancel_requested": True, "updated_at": now}
                if all(one.status in {"failed", "cancelled"} for one in job.attempts):
                    values |= {"status": "cancelled", "message": "cancelled before anything was sent"}
                await connection.execute(update(jobs).where(jobs.c.id == job_id).values(values))
                await self._sum_up(connection, job_id)
        return await self.get(job_id)


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    moment, _, last_id = cursor.partition("/")
    try:
        return datetime.fromisoformat(moment), last_id
    except ValueError:
        raise InvalidRequest(f"cursor {cursor!r} is none that a listing gave.", field="cursor") from None
