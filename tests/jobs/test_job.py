from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

import pytest

from videogen_mcp.catalogue.encode import Payload
from videogen_mcp.catalogue.pricing import Cost
from videogen_mcp.errors import VideoGenError
from videogen_mcp.jobs.job import (
    ATTEMPT_MOVES,
    ENDED,
    ENDED_ATTEMPTS,
    JOB_MOVES,
    Attempt,
    Job,
    check_attempt_move,
    check_job_move,
)
from videogen_mcp.selection.scoring import Candidate
from videogen_mcp.types import AttemptStatus, JobStatus, VideoRequest

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def candidate(name: str, usd: str | None) -> Candidate:
    price = None if usd is None else Decimal(usd)
    return Candidate(f"fal:{name}", name, "fal", name, "p", Payload({}), Cost(price, price, "", "high"), 1.0)


def attempt(name: str, cost: str | None, billed: str | None = None) -> Attempt:
    money = [None if one is None else Decimal(one) for one in (cost, billed)]
    return Attempt(1, f"fal:{name}", "failed", {}, cost_usd=money[0], billed_usd=money[1])


def job(*attempts: Attempt, first: str | None = "1.5", **changes: Any) -> Job:
    candidates = (candidate("a", first), candidate("b", "3"))
    made = Job("j", "queued", VideoRequest(), "text_to_video", "general", candidates, NOW, NOW, attempts)
    return replace(made, **changes)


def test_every_state_has_its_moves() -> None:
    assert set(get_args(JobStatus)) == set(JOB_MOVES)
    assert set(get_args(AttemptStatus)) == set(ATTEMPT_MOVES)


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_an_ended_job_stays_as_it_is(status: JobStatus) -> None:
    assert JOB_MOVES[status] == set()
    assert status in ENDED
    check_job_move(status, status)
    with pytest.raises(VideoGenError, match=f"from {status} to working"):
        check_job_move(status, "working")


@pytest.mark.parametrize("status", sorted(ENDED_ATTEMPTS))
def test_an_ended_attempt_stays_as_it_is(status: AttemptStatus) -> None:
    assert ATTEMPT_MOVES[status] == set()
    with pytest.raises(VideoGenError, match=f"from {status} to submitting"):
        check_attempt_move(status, "submitting")


@pytest.mark.parametrize(
    ("before", "after"),
    [("submitted", "submitting"), ("uncertain", "submitting"), ("submitting", "prepared"), ("submitted", "uncertain")],
)
def test_nothing_leads_back_to_the_submit(before: AttemptStatus, after: AttemptStatus) -> None:
    with pytest.raises(VideoGenError):
        check_attempt_move(before, after)


def test_waiting_ends_on_uncertain_but_a_later_look_may_resolve_it() -> None:
    assert job(status="uncertain").ended
    check_job_move("uncertain", "completed")
    check_attempt_move("uncertain", "submitted")


@pytest.mark.parametrize(
    ("made", "committed", "billed"),
    [
        (job(), "1.5", None),
        (job(first=None), None, None),
        (job(status="cancelled"), "0", None),
        (job(attempt("a", "1.5")), "1.5", None),
        (job(attempt("a", "0"), attempt("b", "3")), "3", None),
        (job(attempt("a", "0"), attempt("b", "3", "2.9")), "3", "2.9"),
        (job(attempt("a", "0.1", "0.1"), attempt("b", "0.2", "0.2")), "0.3", "0.3"),
        (job(attempt("a", "1.5", "1.5"), attempt("b", "3")), "4.5", None),
        (job(attempt("a", None), attempt("b", "3")), None, None),
        (job(attempt("a", "0")), "0", None),
    ],
)
def test_what_is_committed_and_what_is_billed(made: Job, committed: str | None, billed: str | None) -> None:
    assert made.committed_usd == (None if committed is None else Decimal(committed))
    assert made.billed_usd == (None if billed is None else Decimal(billed))


def test_the_current_candidate_is_the_one_being_tried() -> None:
    assert job().current.endpoint == "fal:a"
    assert job(attempt("a", "0"), attempt("b", "3")).current.endpoint == "fal:b"


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (None, None),
        ({}, None),
        ({"request_id": "r", "status_url": "s"}, "r"),
        ({"render_id": 7}, "7"),
        ({"request_id": ""}, None),
        ({"api": "agent", "id": "session-1", "video_id": "v"}, "session-1"),
        ({"interaction": "v1_a"}, "v1_a"),
        ({"operation": "models/m/operations/o"}, "models/m/operations/o"),
        ({"task_id": "hub-1"}, "hub-1"),
        ({"job_id": "job_1", "estimated_credits": 500}, "job_1"),
    ],
)
def test_the_operation_tells_its_id(operation: dict[str, Any] | None, expected: str | None) -> None:
    assert replace(attempt("a", "0"), operation=operation).operation_id == expected


def sent(name: str, begin: float, end: float | None = None) -> Attempt:
    """An attempt that was taken and ended at these seconds."""
    moments = [None if one is None else NOW + timedelta(seconds=one) for one in (begin, end)]
    status: AttemptStatus = "submitted" if end is None else "failed"
    return Attempt(1, f"fal:{name}", status, {}, submitted_at=moments[0], ended_at=moments[1])


def shares(one: Job, *seconds: float) -> list[float]:
    return [one.reckoned(NOW + timedelta(seconds=second)).progress for second in seconds]


def test_progress_that_nobody_tells_follows_the_usual_time_and_never_gets_to_the_end() -> None:
    usual = job().candidates[0].usual_seconds
    running = job(sent("a", 10), status="working")
    assert shares(running, 0, 10, 10 + usual, 10 + 9 * usual) == [0, 0, 0.47, 0.85]
    assert shares(running, 1e9) == [0.95]
    assert shares(job(), 0, 100) == [0, 0]


def test_progress_that_was_told_is_taken_as_it_is() -> None:
    assert shares(job(sent("a", 0), status="working", progress=0.2), 5, 5000) == [0.2, 0.2]


def test_progress_does_not_go_back_where_another_endpoint_takes_over() -> None:
    usual = job().candidates[0].usual_seconds
    second = job(sent("a", 0, usual), sent("b", usual), status="working")
    assert shares(second, usual, 1.5 * usual, 2 * usual, 3 * usual) == [0.47, 0.47, 0.47, 0.63]


def test_the_progress_of_a_job_that_ended_stands() -> None:
    uncertain = job(sent("a", 0), status="uncertain", updated_at=NOW + timedelta(seconds=20))
    assert len(set(shares(uncertain, 20, 200, 2000))) == 1
    assert shares(job(sent("a", 0, 20), status="failed"), 20, 2000) == shares(uncertain, 20, 20)
