"""Which process drives which job, and how many generations run at a gateway, by the database."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, case, func, literal, or_, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

from videogen_mcp.jobs.job import OPEN
from videogen_mcp.jobs.queries import Queries
from videogen_mcp.jobs.tables import attempts, jobs
from videogen_mcp.jobs.whole import whole

LOST_HOLDS_A_SLOT = timedelta(hours=1)
"""How long a lost submit is taken to run: it may never be found, and must not hold a slot for ever."""


_IS_OPEN = jobs.c.status.in_(OPEN)
_IS_OWN = and_(_IS_OPEN, jobs.c.driver == bindparam("driver"))
_NEWS = union_all(
    select(literal("driver").label("kind"), jobs.c.driver.label("name")).where(_IS_OPEN).distinct(),
    select(literal("cancel"), jobs.c.id).where(_IS_OWN, jobs.c.cancel_requested),
    select(literal("called"), jobs.c.id).where(_IS_OWN, jobs.c.called_back_at.is_not(None)),
)


@dataclass(frozen=True)
class News:
    """What the database tells a process that drives jobs.

    Attributes:
        drivers: The names that open jobs are driven under; an empty one for those that were handed over.
        to_be_cancelled: Its jobs that somebody wants stopped.
        called_back: Its jobs that a gateway has called about.
    """

    drivers: Collection[str]
    to_be_cancelled: Collection[str]
    called_back: Collection[str]


class Driving(Queries):
    """Reads and changes who drives the open jobs."""

    _last_news: tuple[str, int, News] | None = None

    @whole
    async def news(self, driver: str) -> News:
        """What a driver has to know every second, in one question, and in none where nothing has changed since."""
        # Read before the question: what is committed after it is seen next time.
        version = await self._database.version()
        if version is not None and self._last_news is not None and self._last_news[:2] == (driver, version):
            return self._last_news[2]
        told: dict[str, set[str]] = {"driver": set(), "cancel": set(), "called": set()}
        async with self._database.reading() as connection:
            for kind, name in (await connection.execute(_NEWS, {"driver": driver})).all():
                told[kind].add(name)
        news = News(told["driver"], told["cancel"], told["called"])
        self._last_news = None if version is None else (driver, version, news)
        return news

    @whole
    async def open_jobs(self, driver: str) -> list[str]:
        """The open jobs of a driver, oldest first."""
        query = select(jobs.c.id).where(jobs.c.status.in_(OPEN), jobs.c.driver == driver)
        async with self._database.reading() as connection:
            return list((await connection.execute(query.order_by(jobs.c.created_at))).scalars().all())

    @whole
    async def take_over(self, job_id: str, *, old: str, new: str) -> int | None:
        """Make `new` the driver of a job that `old` drove, and count a crash if that may have been the job's doing.

        It is not where `old` handed the job over, nor where the job only waited.

        Returns how many drivers the job may have brought down; None when somebody else was quicker.
        """
        crashes = jobs.c.crashes + case((jobs.c.risk != "", 1), else_=0) if old else jobs.c.crashes
        statement = (
            update(jobs)
            .where(jobs.c.id == job_id, jobs.c.driver == old, jobs.c.status.in_(OPEN))
            .values(driver=new, crashes=crashes, risk="")
            .returning(jobs.c.crashes)
        )
        async with self._database.writing() as connection:
            return (await connection.execute(statement)).scalar_one_or_none()

    @whole
    async def hand_over(self, driver: str) -> None:
        """Let go of the open jobs of a driver that stops in order: whoever is next takes them; no crash counts."""
        statement = update(jobs).where(jobs.c.driver == driver, jobs.c.status.in_(OPEN)).values(driver="")
        async with self._database.writing() as connection:
            await connection.execute(statement)

    @whole
    async def running_at(self, gateway: str, now: datetime) -> int:
        """How many generations run at a gateway, as far as all processes on this database know."""
        async with self._database.reading() as connection:
            return await self._count_running(connection, gateway, now)

    async def _count_running(self, connection: AsyncConnection, gateway: str, now: datetime) -> int:
        lost = and_(attempts.c.status == "uncertain", attempts.c.begun_at > now - LOST_HOLDS_A_SLOT)
        live = and_(attempts.c.status.in_(("submitting", "submitted", "uncertain")), jobs.c.status.in_(OPEN))
        query = (
            select(func.count())
            .select_from(attempts.join(jobs, jobs.c.id == attempts.c.job_id))
            .where(attempts.c.endpoint.startswith(f"{gateway}:", autoescape=True), or_(live, lost))
        )
        return (await connection.execute(query)).scalar_one()
