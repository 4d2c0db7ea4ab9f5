"""One span for each attempt, written when it has ended: how long it took, where, and how it ended.

Nothing of what was asked is in it.
"""

from datetime import datetime

from videogen_mcp import __version__
from videogen_mcp.errors import ErrorCode
from videogen_mcp.jobs.job import Attempt, Job
from videogen_mcp.types import AttemptStatus


def trace_attempt(job: Job, attempt: Attempt, status: AttemptStatus, now: datetime, code: ErrorCode | None) -> None:
    """Write the span of an attempt that has just ended.

    Args:
        job: Its job.
        attempt: The attempt.
        status: How it ended.
        now: When.
        code: Why, where it failed.
    """
    from opentelemetry import trace  # noqa: PLC0415 -- loaded when the first attempt ends
    from opentelemetry.trace import StatusCode  # noqa: PLC0415 -- as above

    span = trace.get_tracer("videogen-mcp", __version__).start_span(
        "videogen attempt",
        start_time=_nanoseconds(attempt.begun_at or now),
        attributes={
            "videogen.job": job.id,
            "videogen.attempt": attempt.number,
            "videogen.gateway": attempt.endpoint.partition(":")[0],
            "videogen.endpoint": attempt.endpoint,
            "videogen.status": status,
        },
    )
    if code is not None:
        span.set_attribute("error.type", code)
        span.set_status(StatusCode.ERROR)
    span.end(_nanoseconds(now))


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000
