"""The database: jobs and attempts, and the few writes that decide who may spend money.

Writes that move a job on are made by its driver alone. A process that was paused, or cut off, may not know that others
took its jobs over: each write looks whether the job is still its own, while nobody else can change the row.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, Self

from sqlalchemy import and_, case, delete, func, insert, literal, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from videogen_mcp.errors import OverBudget
from videogen_mcp.jobs import database
from videogen_mcp.jobs.database import Database
from videogen_mcp.jobs.driving import Driving
from videogen_mcp.jobs.job import (
    ENDED,
    OPEN,
    Attempt,
    Job,
    JobError,
    NoLongerDriver,
    NoSlot,
    check_attempt_move,
    check_job_move,
    start_of_day,
)
from videogen_mcp.jobs.tables import (
    UtcTime,
    attempt_from_row,
    attempts,
    error_to_row,
    job_to_row,
    jobs,
    taken_by_another,
)
from videogen_mcp.jobs.whole import whole
from videogen_mcp.types import AttemptStatus, JobStatus, Json, Video

UNANSWERED: frozenset[AttemptStatus] = frozenset({"submitting", "uncertain"})
"""States of an attempt whose sender may still be waiting for the gateway's answer."""

ANSWERS: frozenset[AttemptStatus] = frozenset({"submitted", "failed"})
"""What an answer makes of them."""


class _Standing(NamedTuple):
    """Where a job stands, and who drives it."""

    status: JobStatus
    driver: str


class Store(Driving):
    """Jobs and attempts in a database. Build it with `open_file` or `open_url`.

    Args:
        database: Where they are.
        driver: Who moves jobs on through this store; None for whoever may move any, as tests do.
    """

    def __init__(self, database: Database, driver: str | None = None) -> None:
        super().__init__(database)
        self._driver = driver

    @classmethod
    async def open_file(cls, path: Path) -> Self:
        """Open the SQLite file at `path`; see `database.open_file`.

        Raises:
            StoreError: It was written by a newer version, is no database, or its folder cannot be used.
        """
        return cls(await database.open_file(path))

    @classmethod
    async def open_url(cls, address: str) -> Self:
        """Open a PostgreSQL database; see `database.open_url`.

        Raises:
            StoreError: It cannot be reached or used.
        """
        return cls(await database.open_url(address))

    @property
    def database(self) -> Database:
        """The open database."""
        return self._database

    def driven_by(self, driver: str) -> Self:
        """The same store for one driver: it moves no job on that is not, or no longer, this driver's."""
        return type(self)(self._database, driver)

    async def close(self) -> None:
        """Close all connections."""
        await self._database.close()

    async def _locked(self, connection: AsyncConnection, job_id: str) -> _Standing:
        """A job's status and driver, which nobody else can change until the transaction ends."""
        query = select(jobs.c.status, jobs.c.driver).where(jobs.c.id == job_id).with_for_update()
        return _Standing(*(await connection.execute(query)).one())

    def _check_driver(self, driver: str) -> None:
        """Check that the driver of a job's locked row is who moves it on.

        Raises:
            NoLongerDriver: It is not.
        """
        if self._driver is not None and driver != self._driver:
            raise NoLongerDriver

    @whole
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
            async with self._database.writing() as connection:
                if day_budget is not None:
                    await self._database.serialise(connection, "the day's budget")
                if request_key is not None and (earlier := await self._by_key(connection, request_key, fingerprint)):
                    return earlier
                if day_budget is not None:
                    await self._check_day(connection, job, job.candidates[0].cost.ceiling_usd, (day_start, day_budget))
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

    async def _check_day(
        self, connection: AsyncConnection, job: Job, wanted: Decimal | None, day: tuple[datetime, Decimal]
    ) -> None:
        """Check that what a job is to commit now fits beside all that the day's jobs, its own attempts included, did.

        Args:
            connection: The transaction, which no other one of this matter runs beside.
            job: The job; it need not be stored yet.
            wanted: The most that its next attempt costs, None where that is unknown.
            day: When the day began, and its budget.

        Raises:
            OverBudget: It does not fit.
        """
        day_start, day_budget = day
        where = (jobs.c.created_at >= day_start, jobs.c.created_at < day_start + timedelta(days=1), jobs.c.id != job.id)
        others = (await connection.execute(select(func.sum(jobs.c.committed_usd)).where(*where))).scalar()
        own = sum((one.cost_usd or Decimal(0) for one in job.attempts), Decimal(0))
        spent: Decimal = (others or Decimal(0)) + own
        if wanted is None or spent + wanted > day_budget:
            price = "an unknown price" if wanted is None else f"up to ${wanted:.2f}"
            raise OverBudget(
                f"VIDEOGEN_DAILY_BUDGET_USD {day_budget:f} does not allow {price}: ${spent:.2f} is committed today.",
                fix="Choose a cheaper request, wait for the next UTC day, or raise the budget.",
            )

    @whole
    async def found_again(self, job_id: str, number: int, *, operation: Json, driver: str, now: datetime) -> bool:
        """Go on with a submit that was lost and has been found; False when it, or what was found, is taken already."""
        where = and_(
            *(attempts.c.job_id == job_id, attempts.c.number == number, attempts.c.status == "uncertain"),
            ~taken_by_another(operation),
        )
        began = func.coalesce(attempts.c.begun_at, literal(now, UtcTime))
        values = {"status": "submitted", "operation": operation, "error": None, "submitted_at": began}
        found = {"status": "working", "driver": driver, "error": None, "updated_at": now}
        found["message"] = "the lost submit was found at the gateway"
        async with self._database.writing() as connection:
            # Two jobs that each find the same request lock different rows.
            await self._database.serialise(connection, "lost submits")
            job = await self._locked(connection, job_id)
            if job.status != "uncertain" and job.driver != driver:
                return False
            taken = await connection.execute(update(attempts).where(where).values(values).returning(attempts.c.number))
            if taken.first() is None:
                return False
            await connection.execute(update(jobs).where(jobs.c.id == job_id).values(found))
            return True

    @whole
    async def prune(self, before: datetime) -> list[Job]:
        """Delete the jobs that ended before a moment, with their attempts; returns what was deleted.

        Jobs whose outcome is uncertain are kept: they may still be paid for.
        """
        where = and_(jobs.c.status.in_(ENDED - {"uncertain"}), jobs.c.updated_at < before)
        async with self._database.writing() as connection:
            rows = (await connection.execute(select(jobs).where(where).order_by(jobs.c.updated_at))).mappings().all()
            gone = [await self._with_attempts(connection, row) for row in rows]
            await connection.execute(delete(jobs).where(where))
            return gone

    @whole
    async def begin_attempt(
        self,
        job_id: str,
        *,
        driver: str,
        endpoint: str,
        body: Json,
        cost_usd: Decimal | None,
        now: datetime,
        slots: int | None = None,
        ceiling_usd: Decimal | None = None,
        day_budget: Decimal | None = None,
    ) -> Attempt | None:
        """Write down that a submit is about to be sent. Only who gets the attempt back may send it.

        Args:
            job_id: The job.
            driver: Who drives it.
            endpoint: `gateway:id`.
            body: What will be sent.
            cost_usd: What it commits, None where that is unknown.
            now: The time.
            slots: How many generations may run at the gateway, over all processes; None for no limit.
            ceiling_usd: The most it may cost, None where that is unknown.
            day_budget: The most that the jobs of one day may commit, None for no limit. The first attempt was checked
                when the job was made.

        Returns None when the job has ended, is to be cancelled, is driven by somebody else, or has a live attempt.

        Raises:
            NoSlot: As many run as may.
            OverBudget: The budget of the job's day does not allow another attempt.
        """
        async with self._database.writing() as connection:
            job = await self._found(connection, job_id, for_update=True)
            live = any(one.status not in {"failed", "cancelled"} for one in job.attempts)
            if job.ended or job.cancel_requested or job.driver != driver or live:
                return None
            if slots is not None:
                gateway = endpoint.partition(":")[0]
                await self._database.serialise(connection, f"slots of {gateway}")
                if await self._count_running(connection, gateway, now) >= slots:
                    raise NoSlot
            if day_budget is not None and job.attempts:
                await self._database.serialise(connection, "the day's budget")
                await self._check_day(connection, job, ceiling_usd, (start_of_day(job.created_at), day_budget))
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

    @whole
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

        The answer to a submit is stored whoever drives the job by then: its sender alone has it. Where the job was
        given up as uncertain meanwhile, it is handed over to whoever drives it on. An attempt whose answer is there
        does not become uncertain any more.

        Args:
            job_id: The job.
            number: The attempt.
            status: Its new state.
            operation: The gateway's handle, when it gave one.
            error: Why it ended, when it did.
            submitted_at: When the gateway took it.
            ended_at: When it ended, when it did.
            costs: `cost_usd` and `billed_usd`, where they change.

        Raises:
            NoLongerDriver: It is no answer, and somebody else drives the job.
        """
        where = and_(attempts.c.job_id == job_id, attempts.c.number == number)
        values: dict[str, Any] = {"status": status, **(costs or {})}
        values |= {"operation": operation} if operation is not None else {}
        values |= {"error": error_to_row(error)} if error is not None or status == "submitted" else {}
        values |= {"submitted_at": submitted_at} if submitted_at is not None else {}
        values |= {"ended_at": ended_at} if ended_at is not None else {}
        async with self._database.writing() as connection:
            job = await self._locked(connection, job_id)
            before: AttemptStatus = (await connection.execute(select(attempts.c.status).where(where))).scalar_one()
            answers = before in UNANSWERED and status in ANSWERS
            if not answers:
                self._check_driver(job.driver)
            if status == "uncertain" and before not in UNANSWERED:
                return
            check_attempt_move(before, status)
            await connection.execute(update(attempts).where(where).values(values))
            if answers and job.status == "uncertain":
                late = {
                    "status": "working",
                    "driver": "",
                    "error": None,
                    "message": "the answer to the submit came late",
                }
                await connection.execute(update(jobs).where(jobs.c.id == job_id).values(late))
            await self._sum_up(connection, job_id)

    async def _sum_up(self, connection: AsyncConnection, job_id: str) -> None:
        """Keep the job's commitment in step with its attempts; an unknown cost counts as nothing here.

        Between two attempts an open job keeps what its first one was to cost: others must not spend that meanwhile.
        """
        own = attempts.c.job_id == job_id
        total = select(func.coalesce(func.sum(attempts.c.cost_usd), 0)).where(own).scalar_subquery()
        live = select(attempts.c.number).where(own, attempts.c.status.not_in(("failed", "cancelled"))).exists()
        waits = and_(jobs.c.status.in_(OPEN), ~live)
        kept = case((waits, func.coalesce(jobs.c.reserved_usd, 0)), else_=0)
        await connection.execute(update(jobs).where(jobs.c.id == job_id).values(committed_usd=total + kept))

    @whole
    async def update_job(self, job_id: str, *, now: datetime, status: JobStatus | None = None, **values: Any) -> None:
        """Move a job on.

        Args:
            job_id: The job.
            now: The time of the change.
            status: Its new state, when it changes.
            values: Any of `message`, `progress`, `warnings`, `video`, `error`, `crashes`, `risk`.

        Raises:
            NoLongerDriver: Somebody else drives it.
        """
        error, video = values.get("error"), values.get("video")
        if isinstance(error, JobError):
            values["error"] = error_to_row(error)
        if isinstance(video, Video):
            values["video"] = video.model_dump(mode="json")
        async with self._database.writing() as connection:
            job = await self._locked(connection, job_id)
            self._check_driver(job.driver)
            if status is None and job.status in ENDED:
                return  # a note that comes too late, such as the next step of a job that was just cancelled
            if status == "uncertain" and await self._is_answered(connection, job_id):
                return
            if status is not None:
                check_job_move(job.status, status)
                values["status"] = status
            await connection.execute(update(jobs).where(jobs.c.id == job_id).values(updated_at=now, **values))
            if status in ENDED:
                await self._sum_up(connection, job_id)

    async def _is_answered(self, connection: AsyncConnection, job_id: str) -> bool:
        """Whether the answer to a job's last submit came in the meantime."""
        query = select(attempts.c.status).where(attempts.c.job_id == job_id).order_by(attempts.c.number.desc()).limit(1)
        return (await connection.execute(query)).scalar_one_or_none() not in {None, *UNANSWERED}

    @whole
    async def request_cancel(self, job_id: str, *, now: datetime) -> Job:
        """Mark a job as to be cancelled; one that was never sent is cancelled at once.

        Raises:
            NotFound: There is no such job.
        """
        async with self._database.writing() as connection:
            job = await self._found(connection, job_id, for_update=True)
            if not job.ended:
                values: dict[str, Any] = {"cancel_requested": True, "updated_at": now}
                if all(one.status in {"failed", "cancelled"} for one in job.attempts):
                    values |= {"status": "cancelled", "message": "cancelled before anything was sent"}
                await connection.execute(update(jobs).where(jobs.c.id == job_id).values(values))
                await self._sum_up(connection, job_id)
        return await self.get(job_id)
