"""What follows from each failure: is another endpoint tried, and which? One table; docs/reliability.md tells it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from videogen_mcp.errors import ErrorCode
from videogen_mcp.jobs.job import Attempt, Job
from videogen_mcp.selection.scoring import Candidate

Next = Literal["another endpoint", "another gateway", "nothing"]


@dataclass(frozen=True)
class Consequence:
    """What a failed attempt leads to.

    Attributes:
        next: What is tried then, as far as the cap and the caller's pins allow.
        fix: What the caller can do.
    """

    next: Next
    fix: str = ""


CONSEQUENCES: Mapping[ErrorCode, Consequence] = {
    "unauthorized": Consequence(
        "another gateway", "Check the gateway's API key; `videogen-mcp doctor` shows which one is used."
    ),
    "insufficient_credit": Consequence(
        "another gateway", "Top up the gateway's balance, or set the key of another gateway."
    ),
    "gateway_unavailable": Consequence("another gateway", "Try again later, or set the key of another gateway."),
    "invalid_request": Consequence("another endpoint"),
    "unsafe_media": Consequence("another endpoint"),
    "not_found": Consequence("another endpoint"),
    "not_configured": Consequence("another gateway"),
    "generation_failed": Consequence("another endpoint", "Try again, or pin another model."),
    "download_failed": Consequence("another endpoint"),
    "internal": Consequence("another endpoint"),
    "content_policy": Consequence(
        "nothing", "Rephrase the prompt or change the media; nothing else was tried, because a filter refused it."
    ),
    "timed_out": Consequence("nothing", "Look for the request at the gateway: it may still finish, and may be billed."),
    "submit_uncertain": Consequence(
        "nothing",
        "Look for the request in the gateway's own list: it may run and may be billed. It is looked for again on every "
        "video_job_status and start, and never sent again by itself. If you accept that it may be paid twice, start a "
        "new job, without this job's request_key.",
    ),
    "nothing_eligible": Consequence("nothing"),
    "over_budget": Consequence("nothing"),
}
"""By the code of the attempt's error. `download_failed` stands here for media that could not be prepared: once a clip
is made, the attempt has succeeded and no failure of fetching it leads anywhere else."""


BUSY_PAUSES = (5.0, 10.0, 20.0, 40.0, 60.0)
"""Seconds after which a gateway that has no room is asked again, unless it names more itself; the last one repeats."""

LONGEST_BUSY_SECONDS = 600.0
"""A gateway that has no room is asked again for this long, from its first refusal on."""


@dataclass(frozen=True)
class Again:
    """A candidate that is tried once more, since its gateway had no room, and when."""

    candidate: Candidate
    at: datetime


def fix_for(code: ErrorCode) -> str:
    """What the caller can do about a failure."""
    return CONSEQUENCES[code].fix


def next_candidate(job: Job) -> Candidate | None:
    """The candidate to try next, or None when none is left or none may be tried."""
    if job.attempts and not job.request.allow_fallback:
        return None
    follows = [(attempt, _follows(attempt)) for attempt in job.attempts]
    if any(consequence == "nothing" for _, consequence in follows):
        return None
    tried = {attempt.endpoint for attempt in job.attempts}
    shut = {_gateway_of(attempt) for attempt, consequence in follows if consequence == "another gateway"}
    for candidate in job.candidates:
        if candidate.endpoint not in tried and candidate.gateway not in shut and _within_cap(job, candidate):
            return candidate
    return None


def next_again(job: Job) -> Again | None:
    """What is tried once more where nothing else is left: what was refused only because there was no room.

    Such a refusal is as definite as any other: nothing runs, so sending it anew pays for nothing twice.
    """
    if any(_follows(attempt) == "nothing" for attempt in job.attempts):
        return None
    found = [again for one in job.candidates if (again := _again(job, one)) is not None]
    return min(found, key=lambda one: one.at, default=None)


def _again(job: Job, candidate: Candidate) -> Again | None:
    tries = [one for one in job.attempts if _gateway_of(one) == candidate.gateway]
    pauses = [one.error.busy_seconds for one in tries if one.error is not None]
    own = [one for one in tries if one.endpoint == candidate.endpoint]
    if not own or own[-1] is not tries[-1] or pauses[-1] is None or not _within_cap(job, candidate):
        return None
    began, ended = own[0].ended_at, own[-1].ended_at
    if began is None or ended is None:
        return None
    at = ended + timedelta(seconds=max(pauses[-1], BUSY_PAUSES[min(len(own), len(BUSY_PAUSES)) - 1]))
    return Again(candidate, at) if (at - began).total_seconds() <= LONGEST_BUSY_SECONDS else None


def _follows(attempt: Attempt) -> Next:
    return "another endpoint" if attempt.error is None else CONSEQUENCES[attempt.error.code].next


def _gateway_of(attempt: Attempt) -> str:
    return attempt.endpoint.partition(":")[0]


def _within_cap(job: Job, candidate: Candidate) -> bool:
    """Whether the cap still allows a candidate after what the attempts so far commit."""
    if job.cap_usd is None or not job.attempts:
        return True
    spent = job.committed_usd
    return (
        spent is not None
        and candidate.cost.ceiling_usd is not None
        and (spent + candidate.cost.ceiling_usd <= job.cap_usd)
    )
