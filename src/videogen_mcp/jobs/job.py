"""The durable record: a job, its attempts, and the moves that are legal. Pure."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Self

from videogen_mcp.errors import ErrorCode, VideoGenError
from videogen_mcp.selection.scoring import Candidate
from videogen_mcp.types import AttemptStatus, Intent, JobStatus, Json, Mode, Video, VideoRequest

ENDED: frozenset[JobStatus] = frozenset({"completed", "failed", "cancelled", "uncertain"})
"""States in which waiting ends."""

JOB_MOVES: dict[JobStatus, frozenset[JobStatus]] = {
    "queued": frozenset({"working", "failed", "cancelled"}),
    "working": frozenset({"completed", "failed", "cancelled", "uncertain"}),
    # A later look-up at the gateway may still find what became of a lost submit.
    "uncertain": frozenset({"working", "completed", "failed"}),
    "completed": frozenset(),
    "failed": frozenset(),
    "cancelled": frozenset(),
}

ATTEMPT_MOVES: dict[AttemptStatus, frozenset[AttemptStatus]] = {
    "prepared": frozenset({"submitting", "failed", "cancelled"}),
    "submitting": frozenset({"submitted", "failed", "uncertain"}),
    "submitted": frozenset({"succeeded", "failed", "cancelled"}),
    "uncertain": frozenset({"submitted", "failed"}),
    "succeeded": frozenset(),
    "failed": frozenset(),
    "cancelled": frozenset(),
}

ENDED_ATTEMPTS: frozenset[AttemptStatus] = frozenset({"succeeded", "failed", "cancelled"})


OPEN: tuple[JobStatus, ...] = ("queued", "working")
"""States in which somebody drives the job."""


class NoLongerDriver(Exception):
    """Somebody else drives the job by now, or is about to: what this process would write is out of date."""


class NoSlot(Exception):
    """As many generations run at the gateway as `VIDEOGEN_GATEWAY_LIMITS` allows."""


OPERATION_IDS = ("request_id", "render_id", "task_id", "job_id", "interaction", "operation", "id")
"""Where the gateways' handles have the id that people can look a generation up by."""


@dataclass(frozen=True)
class JobError:
    """Why a job or an attempt did not succeed (public contract, §4.2).

    Attributes:
        busy_seconds: How long a gateway that has no room now wants to be left alone, 0 where it does not say; None
            where the reason is another one, which waiting does not help.
    """

    code: ErrorCode
    message: str
    fix: str = ""
    endpoint: str | None = None
    busy_seconds: float | None = None


@dataclass(frozen=True)
class Attempt:
    """One try at one endpoint.

    Attributes:
        number: Counted from 1 within the job.
        endpoint: `gateway:id`.
        status: Where it stands.
        body: The very body that was sent.
        operation: The gateway's handle, once it gave one.
        error: Why it ended without a clip.
        cost_usd: What it commits: the estimate once it was sent, 0 once it is known that nothing ran; None: unknown.
        billed_usd: What the gateway says it charged.
        begun_at: When it was written down, just before it was sent.
        submitted_at: When the gateway took it.
        ended_at: When it succeeded, failed or was cancelled.
    """

    number: int
    endpoint: str
    status: AttemptStatus
    body: Json
    operation: Json | None = None
    error: JobError | None = None
    cost_usd: Decimal | None = None
    billed_usd: Decimal | None = None
    begun_at: datetime | None = None
    submitted_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def operation_id(self) -> str | None:
        """The handle's own id, for people and for looking it up at the gateway."""
        operation = self.operation or {}
        found = (operation.get(name) for name in OPERATION_IDS)
        return next((str(one) for one in found if one), None)


@dataclass(frozen=True)
class EndedAttempt:
    """What an attempt teaches: its endpoint, how it ended and why, and when it began and ended."""

    endpoint: str
    status: AttemptStatus
    code: ErrorCode | None
    submitted_at: datetime | None
    ended_at: datetime


@dataclass(frozen=True)
class Job:
    """What was asked and what became of it.

    Attributes:
        id: 32 hexadecimal digits, unguessable.
        status: Where it stands.
        request: What the caller wanted; media already resolved to addresses or files.
        mode: The mode, inferred or given.
        intent: The intent, read or given.
        candidates: The decision, frozen when the job was made: the first is tried first.
        attempts: Every try, in order.
        cap_usd: The most that all attempts together may cost.
        message: What happens now, in a clause.
        progress: 0 to 1; as stored, what the gateway told, 0 before it told any (`reckoned`).
        warnings: What the caller should know.
        video: The clip, when completed.
        error: The reason, when failed or uncertain.
        cancel_requested: The caller wants it stopped.
        driver: The process that drives it; empty when one that stopped in order has handed it over.
        crashes: How many processes died while they did with it what `risk` says, one after the other.
        risk: What its driver does with it that might bring a process down; empty while it only waits.
        created_at: When it was made.
        updated_at: When it last changed.
    """

    id: str
    status: JobStatus
    request: VideoRequest
    mode: Mode
    intent: Intent
    candidates: tuple[Candidate, ...]
    created_at: datetime
    updated_at: datetime
    attempts: tuple[Attempt, ...] = ()
    cap_usd: Decimal | None = None
    message: str = ""
    progress: float = 0.0
    warnings: tuple[str, ...] = ()
    video: Video | None = None
    error: JobError | None = None
    cancel_requested: bool = False
    driver: str = ""
    crashes: int = 0
    risk: str = ""

    @property
    def ended(self) -> bool:
        """Whether waiting for it makes no sense any more."""
        return self.status in ENDED

    @property
    def current(self) -> Candidate:
        """The candidate that is being tried, or the first."""
        last = self.attempts[-1].endpoint if self.attempts else None
        return next((one for one in self.candidates if one.endpoint == last), self.candidates[0])

    def reckoned(self, now: datetime) -> Self:
        """The job with the progress that the usual time stands for, where its gateway has told none.

        It approaches the end and never gets there, and does not go back where another endpoint takes over. It is
        reckoned when somebody asks, so that nothing need be written while a job waits.
        """
        if self.progress:
            return self
        usual = {one.endpoint: one.usual_seconds for one in self.candidates}
        progress = 0.0
        for one in self.attempts:
            if one.submitted_at is not None:
                until = one.ended_at or (self.updated_at if self.ended else now)
                waited = max(0.0, (until - one.submitted_at).total_seconds())
                progress = max(progress, round(0.95 * waited / (waited + usual[one.endpoint]), 2))
        return replace(self, progress=progress)

    @property
    def committed_usd(self) -> Decimal | None:
        """What all attempts commit together; before the first, what the first will. None while a cost is unknown."""
        if not self.attempts:
            return Decimal(0) if self.ended else self.candidates[0].cost.estimated_usd
        costs = [attempt.cost_usd for attempt in self.attempts]
        return None if any(cost is None for cost in costs) else sum((cost or Decimal(0) for cost in costs), Decimal(0))

    @property
    def billed_usd(self) -> Decimal | None:
        """What the gateways say they charged; None while any has not said."""
        billed = [attempt.billed_usd for attempt in self.attempts if attempt.cost_usd != 0]
        if not billed or any(one is None for one in billed):
            return None
        return sum((one or Decimal(0) for one in billed), Decimal(0))


def start_of_day(moment: datetime) -> datetime:
    """When the UTC day of a moment began: what is committed counts for the day on which its job was made."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def check_job_move(before: JobStatus, after: JobStatus) -> None:
    """Check that a job may go from one state to another.

    Raises:
        VideoGenError: It may not: a defect, never the caller's fault.
    """
    if after != before and after not in JOB_MOVES[before]:
        raise VideoGenError(f"a job may not go from {before} to {after}")


def check_attempt_move(before: AttemptStatus, after: AttemptStatus) -> None:
    """Check that an attempt may go from one state to another.

    Raises:
        VideoGenError: It may not: a defect, never the caller's fault.
    """
    if after != before and after not in ATTEMPT_MOVES[before]:
        raise VideoGenError(f"an attempt may not go from {before} to {after}")
