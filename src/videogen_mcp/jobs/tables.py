"""The tables, and how the records are written into them and read back."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    RowMapping,
    String,
    Table,
    Text,
    or_,
    select,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from videogen_mcp.jobs.job import Attempt, Job, JobError
from videogen_mcp.selection.scoring import Candidate
from videogen_mcp.types import Json, Video, VideoRequest

_MICRO = Decimal(1_000_000)


class Money(TypeDecorator[Decimal]):
    """US dollars, kept as whole millionths so that sums are exact on every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:  # noqa: ARG002, D102
        return None if value is None else int((value * _MICRO).to_integral_value())

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002, D102
        return None if value is None else Decimal(value) / _MICRO


class UtcTime(TypeDecorator[datetime]):
    """A moment in UTC, kept as ISO text that sorts by time on every database."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002, D102
        return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002, D102
        return None if value is None else datetime.fromisoformat(value)


class PlainText(TypeDecorator[str]):
    """Text without NUL characters, which a gateway's message may hold and PostgreSQL cannot."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002, D102
        return None if value is None else value.replace("\0", "")


metadata = MetaData()

schema_info = Table("schema_info", metadata, Column("version", Integer, nullable=False))

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("status", String(16), nullable=False, index=True),
    Column("driver", String(40), nullable=False),
    Column("request_key", String(200), unique=True),
    Column("fingerprint", String(64), nullable=False),
    Column("request", JSON, nullable=False),
    Column("mode", String(32), nullable=False),
    Column("intent", String(32), nullable=False),
    Column("candidates", JSON, nullable=False),
    Column("warnings", JSON, nullable=False),
    Column("cap_usd", Money),
    Column("committed_usd", Money),
    Column("reserved_usd", Money),
    Column("progress", Float, nullable=False),
    Column("message", PlainText, nullable=False),
    Column("video", JSON),
    Column("error", JSON),
    Column("cancel_requested", Boolean, nullable=False),
    Column("crashes", Integer, nullable=False, server_default="0"),
    Column("risk", String(16), nullable=False, server_default=""),
    Column("called_back_at", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Index("jobs_by_age", "created_at", "id"),
    Index("jobs_by_driver", "driver", "status"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("job_id", String(32), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("endpoint", String(300), nullable=False),
    Column("status", String(16), nullable=False),
    Column("body", JSON, nullable=False),
    Column("operation", JSON),
    Column("error", JSON),
    Column("cost_usd", Money),
    Column("billed_usd", Money),
    Column("begun_at", UtcTime),
    Column("submitted_at", UtcTime),
    Column("ended_at", UtcTime),
    Index("attempts_by_end", "ended_at"),
    Index("attempts_by_status", "status"),
)


def taken_by_another(operation: Json) -> ColumnElement[bool]:
    """Whether another attempt at the endpoint of one in `attempts` has the gateway's handle already."""
    other = attempts.alias()
    return (
        select(other.c.number)
        .where(
            other.c.endpoint == attempts.c.endpoint,
            other.c.operation["request_id"].as_string() == str(operation.get("request_id")),
            or_(other.c.job_id != attempts.c.job_id, other.c.number != attempts.c.number),
        )
        .correlate(attempts)
        .exists()
    )


_CANDIDATES: TypeAdapter[tuple[Candidate, ...]] = TypeAdapter(tuple[Candidate, ...])
_ERROR: TypeAdapter[JobError] = TypeAdapter(JobError)


def error_to_row(error: JobError | None) -> Json | None:
    """An error as it is stored."""
    return None if error is None else _ERROR.dump_python(error, mode="json")


def job_to_row(job: Job) -> dict[str, Any]:
    """The columns of a new job."""
    return {
        "id": job.id,
        "status": job.status,
        "driver": job.driver,
        "request": job.request.model_dump(mode="json", exclude_defaults=True),
        "mode": job.mode,
        "intent": job.intent,
        "candidates": _CANDIDATES.dump_python(job.candidates, mode="json"),
        "warnings": list(job.warnings),
        "cap_usd": job.cap_usd,
        "committed_usd": job.committed_usd,
        "reserved_usd": job.candidates[0].cost.estimated_usd,
        "progress": job.progress,
        "message": job.message,
        "video": job.video.model_dump(mode="json") if job.video else None,
        "error": error_to_row(job.error),
        "cancel_requested": job.cancel_requested,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
    }


def job_from_row(fields: RowMapping, attempt_rows: Sequence[RowMapping]) -> Job:
    """A job and its attempts, read back; validated, because a file may have been touched."""
    return Job(
        id=fields["id"],
        status=fields["status"],
        request=VideoRequest.model_validate(fields["request"]),
        mode=fields["mode"],
        intent=fields["intent"],
        candidates=_CANDIDATES.validate_python(fields["candidates"]),
        attempts=tuple(attempt_from_row(one) for one in attempt_rows),
        cap_usd=fields["cap_usd"],
        message=fields["message"],
        progress=fields["progress"],
        warnings=tuple(fields["warnings"]),
        video=Video.model_validate(fields["video"]) if fields["video"] else None,
        error=_ERROR.validate_python(fields["error"]) if fields["error"] else None,
        cancel_requested=fields["cancel_requested"],
        driver=fields["driver"],
        crashes=fields["crashes"],
        risk=fields["risk"],
        created_at=fields["created_at"],
        updated_at=fields["updated_at"],
    )


def attempt_from_row(fields: RowMapping) -> Attempt:
    """An attempt, read back."""
    return Attempt(
        number=fields["number"],
        endpoint=fields["endpoint"],
        status=fields["status"],
        body=fields["body"],
        operation=fields["operation"],
        error=_ERROR.validate_python(fields["error"]) if fields["error"] else None,
        cost_usd=fields["cost_usd"],
        billed_usd=fields["billed_usd"],
        begun_at=fields["begun_at"],
        submitted_at=fields["submitted_at"],
        ended_at=fields["ended_at"],
    )
