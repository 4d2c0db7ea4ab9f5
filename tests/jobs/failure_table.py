"""What follows from each failure, as data: the rows of the table in `docs/reliability.md`, and how each is made.

`python -m tests.jobs.failure_table` prints the table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from videogen_mcp.errors import ErrorCode
from videogen_mcp.jobs.failures import Next
from videogen_mcp.types import AttemptStatus, JobStatus

Phase = Literal["submit", "run", "download", "cancel"]
PHASES: Mapping[Phase, str] = {
    "submit": "While it is sent",
    "run": "While it runs",
    "download": "While the clip is fetched",
    "cancel": "When the user cancels",
}

Setting = Literal[
    "",
    "refused port",
    "unknown host",
    "no TLS",
    "short time limits",
    "listed",
    "six hours",
    "full disk",
    "little room",
    "cancel before",
    "cancel queued",
    "cancel running",
    "cancel finished",
]
"""What is arranged beside the scripted answers."""

Charged = Literal["nothing", "the estimate"]

HTML = "<!doctype html><title>502</title><center>nginx</center>"
WRONG = [{"loc": ["body", "prompt"], "msg": "Value error", "type": "value_error"}]
FLAGGED = [{"loc": ["body", "prompt"], "msg": "flagged by a content checker", "type": "content_policy_violation"}]
CRASHED = {"error": "CUDA out of memory", "error_type": "internal_server_error", "status": 500}
OVERTAKEN = {"error": "Nothing was generated", "error_type": "no_media_generated", "status": 422}
NO_RUNNER = {
    "error": "No runner",
    "error_type": "runner_scheduling_failure",
    "status": 503,
    "body": {"detail": "No runner available", "error_type": "runner_scheduling_failure"},
}
LOCKED = {"error": "User is locked. Reason: Exhausted balance.", "error_type": "user_locked", "status": 403}
REFUSED_LATE = {"error": "Input should be shorter", "error_type": "string_too_long", "status": 422}


@dataclass(frozen=True)
class Row:
    """One failure.

    Attributes:
        phase: When it happens.
        failure: Its name.
        happens: What it is taken for.
        retried: What is done again at the same endpoint.
        charged: What of the attempt counts against the cap from then on.
        then: What is tried next, as far as the cap and the pins allow.
        status: The job's, when nothing else is left to try.
        faults: How the stand-in answers the first endpoint, as (kind, times, details).
        setting: What is arranged beside that.
        posts: How many submits arrive at the first endpoint.
        attempt: How the first attempt ends; None where there is none.
        code: The error's code; None where there is none.
        words: What the error's message and fix say, one of each where there are two.
    """

    phase: Phase
    failure: str
    happens: str
    retried: str
    charged: Charged
    then: Next
    status: JobStatus
    faults: Sequence[tuple[str, int, Mapping[str, Any]]] = ()
    setting: Setting = ""
    posts: int = 1
    attempt: AttemptStatus | None = "failed"
    code: ErrorCode | None = None
    words: Sequence[str] = field(default=())

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as it stands in the document."""
        code = f"`{self.status}`" + (f", `{self.code}`" if self.code and self.status != "completed" else "")
        return (self.failure, self.happens, self.retried, self.charged, self.then, code)


NOTHING: Charged = "nothing"
ESTIMATE: Charged = "the estimate"
NO = "no"
TWICE = "twice, 0.5 s and 2 s later"
WHEN_ROOM = "where nothing else is left: after Retry-After, and ever later, for ten minutes"
REFUSED = "a refusal: nothing runs"
LOST = "the answer is lost: it may run"
GOES_ON = "the generation goes on"
ENDED = "it ran and failed"
MADE = "the clip is made, and stays paid for"


def _not_sent(failure: str, setting: Setting) -> Row:
    return Row(
        *("submit", failure, "nothing left this machine", TWICE, NOTHING, "another gateway", "failed"),
        setting=setting,
        posts=0,
        code="gateway_unavailable",
        words=("fal cannot be reached: no connection", "Try again later"),
    )


def _refused(failure: str, then: Next, code: ErrorCode, *words: str, happens: str = REFUSED, **details: Any) -> Row:
    faults = (("submit_status", 1, details),)
    return Row("submit", failure, happens, NO, NOTHING, then, "failed", faults, code=code, words=words)


def _full(failure: str, times: int, status: JobStatus, *, posts: int, headers: Mapping[str, str]) -> Row:
    details = {"status": 429, "body": {"detail": "Slow down"}, "headers": headers}
    return Row(
        *("submit", failure, "no room now: nothing runs", WHEN_ROOM, NOTHING, "another gateway", status),
        (("submit_status", times, details),),
        posts=posts,
        code="gateway_unavailable",
        words=("with 429", "Try again later"),
    )


def _lost(failure: str, kind: str, words: str, setting: Setting = "", **details: Any) -> Row:
    return Row(
        *("submit", failure, LOST, NO, ESTIMATE, "nothing", "uncertain", ((kind, 1, details),), setting),
        attempt="uncertain",
        code="submit_uncertain",
        words=(words, "gateway's own list"),
    )


def _passing(phase: Phase, failure: str, retried: str, kind: str, times: int, **details: Any) -> Row:
    happens = GOES_ON if phase == "run" else MADE
    return Row(
        phase,
        failure,
        happens,
        retried,
        ESTIMATE,
        "nothing",
        "completed",
        ((kind, times, details),),
        attempt="succeeded",
    )


def _failed(
    failure: str,
    happens: str,
    charged: Charged,
    details: Mapping[str, Any],
    code: ErrorCode,
    *words: str,
    then: Next = "another endpoint",
) -> Row:
    faults = (("complete_with_error", 1, details),)
    return Row("run", failure, happens, NO, charged, then, "failed", faults, code=code, words=words)


def _not_fetched(failure: str, retried: str, *words: str, faults: Any = (), setting: Setting = "") -> Row:
    return Row(
        *("download", failure, MADE, retried, ESTIMATE, "nothing", "failed", faults, setting),
        attempt="succeeded",
        code="download_failed",
        words=(*words, "it may still be at http"),
    )


ROWS: Sequence[Row] = (
    _not_sent("connection refused", "refused port"),
    _not_sent("host name does not resolve", "unknown host"),
    _not_sent("TLS handshake fails", "no TLS"),
    _refused(
        "400",
        "another endpoint",
        "invalid_request",
        "fal refused the request with 400",
        status=400,
        body={"detail": "Bad"},
    ),
    _refused("401", "another gateway", "unauthorized", "with 401", "doctor", status=401, body={"detail": "No user"}),
    _refused("402", "another gateway", "insufficient_credit", "with 402", "Top up", status=402, body={"detail": "Pay"}),
    _refused("403", "another gateway", "unauthorized", "with 403", "doctor", status=403, body={"detail": "Forbidden"}),
    _refused(
        "403, balance exhausted",
        "another gateway",
        "insufficient_credit",
        "Exhausted balance",
        "Top up",
        status=403,
        body={"detail": "User is locked. Reason: Exhausted balance."},
    ),
    _refused("404", "another endpoint", "invalid_request", "with 404", status=404, body={"detail": "Not found"}),
    _lost("408", "submit_status", "with 408", status=408, body={"detail": "Request Timeout"}, accepted=True),
    _refused("409", "another endpoint", "invalid_request", "with 409", status=409, body={"detail": "Conflict"}),
    _refused("410", "another endpoint", "invalid_request", "with 410", status=410, body={"detail": "Retired"}),
    _refused(
        "422, validation",
        "another endpoint",
        "invalid_request",
        "prompt: Value error",
        status=422,
        body={"detail": WRONG},
    ),
    _refused(
        "422, content policy",
        "nothing",
        "content_policy",
        "flagged",
        "Rephrase the prompt",
        happens="a filter said no: nothing runs",
        status=422,
        body={"detail": FLAGGED},
    ),
    _full("429 with Retry-After", 1, "completed", posts=2, headers={"Retry-After": "7"}),
    _full("429 without Retry-After", 1, "completed", posts=2, headers={}),
    _full("429 for longer than ten minutes", 13, "failed", posts=13, headers={"Retry-After": "7"}),
    _refused(
        "a redirect",
        "another gateway",
        "gateway_unavailable",
        "with 307",
        "Try again later",
        status=307,
        body=b"",
        headers={"Location": "/elsewhere"},
    ),
    _lost("500", "submit_status", "with 500", status=500, accepted=True),
    _lost("502 from a proxy", "submit_status", "with 502", status=502, body=HTML, accepted=True),
    _lost("503 from a proxy", "submit_status", "with 503", status=503, body=HTML, accepted=True),
    _lost("504 from a proxy", "submit_status", "with 504", status=504, body=HTML, accepted=True),
    _lost("read timeout", "submit_slow", "no answer within the time allowed", "short time limits"),
    _lost("disconnect before the body was read", "submit_drop_before_body", "the connection"),
    _lost("disconnect after the body was read", "submit_drop_after_body", "the connection was closed", accepted=True),
    _lost("malformed JSON", "submit_garbage", "holds no request id", body='{"request_id": "9', accepted=True),
    _lost("a reply without a request id", "submit_without_request_id", "holds no request id"),
    Row(
        *(
            "submit",
            "a lost answer, and the gateway lists the request",
            "it is found and goes on",
            NO,
            ESTIMATE,
            "nothing",
        ),
        "completed",
        (("submit_drop_after_body", 1, {"accepted": True}),),
        "listed",
        attempt="succeeded",
    ),
    _passing("run", "a look answers 401", "the look", "status_status", 3, status=401, body={"detail": "No user"}),
    _passing(
        "run",
        "a look answers 429",
        "the look, not before Retry-After",
        "status_status",
        3,
        status=429,
        headers={"Retry-After": "7"},
    ),
    _passing("run", "a look answers 500, 502, 503 or 504", "the look", "status_status", 3, status=503, body=HTML),
    _passing("run", "a look gets malformed JSON", "the look", "status_garbage", 3),
    _passing("run", "a look breaks off", "the look", "status_drop", 3),
    _passing("run", "a look answers 404, four times at most", "the look", "status_status", 4, status=404),
    Row(
        "run",
        "a look answers 404 five times running",
        "forgotten at the gateway: it may have run",
        "the look",
        ESTIMATE,
        "nothing",
        "failed",
        (("status_status", 5, {"status": 404}),),
        code="timed_out",
        words=("does not know the request", "may be billed"),
    ),
    _failed("COMPLETED with error", ENDED, ESTIMATE, OVERTAKEN, "generation_failed", "Nothing was generated"),
    _failed(
        "COMPLETED with error, 5xx",
        "it failed at the gateway, which does not charge that",
        NOTHING,
        CRASHED,
        "generation_failed",
        "CUDA out of memory",
        "pin another model",
    ),
    _failed(
        "COMPLETED with error, no runner",
        "it never ran",
        NOTHING,
        NO_RUNNER,
        "generation_failed",
        "no runner was to be had",
    ),
    _failed(
        "COMPLETED with error, validation",
        "the input was refused late: time may be charged",
        ESTIMATE,
        REFUSED_LATE,
        "invalid_request",
        "prompt: Input should be shorter",
    ),
    _failed(
        "COMPLETED with error, balance exhausted",
        "the account is empty",
        ESTIMATE,
        LOCKED,
        "insufficient_credit",
        "Exhausted balance",
        "Top up",
        then="another gateway",
    ),
    Row(
        "run",
        "COMPLETED with error, content policy",
        ENDED,
        NO,
        ESTIMATE,
        "nothing",
        "failed",
        (("complete_with_error", 1, {}),),
        code="content_policy",
        words=("flagged", "Rephrase the prompt"),
    ),
    Row(
        "run",
        "COMPLETED, and the result holds no video",
        ENDED,
        NO,
        ESTIMATE,
        "another endpoint",
        "failed",
        (("result_status", 1, {"status": 200, "body": {"seed": 1}}),),
        code="generation_failed",
        words=("no video",),
    ),
    _passing("run", "result 5xx after COMPLETED", "the look", "result_status", 3, status=503, body=HTML),
    _passing("run", "result 404 after COMPLETED, four times at most", "the look", "result_status", 4, status=404),
    Row(
        "run",
        "result 404 after COMPLETED, five times running",
        "forgotten at the gateway: it ran",
        "the look",
        ESTIMATE,
        "nothing",
        "failed",
        (("result_status", 5, {"status": 404}),),
        code="timed_out",
        words=("does not know the request", "may be billed"),
    ),
    Row(
        "run",
        "deadline passed",
        "no end after six hours: it may still end",
        NO,
        ESTIMATE,
        "nothing",
        "failed",
        (),
        "six hours",
        code="timed_out",
        words=("No result after 6 hours", "may be billed"),
    ),
    _not_fetched("403", NO, "403", faults=(("download_status", 1, {"status": 403}),)),
    _not_fetched("404", NO, "404", faults=(("download_status", 1, {"status": 404}),)),
    _passing(
        "download", "5xx, five times at most", "the download, after growing pauses", "download_status", 5, status=503
    ),
    _not_fetched(
        "5xx, six times", "the download, after growing pauses", "503", faults=(("download_status", 6, {"status": 503}),)
    ),
    _passing(
        "download",
        "truncated, five times at most",
        "the download, after growing pauses",
        "download_truncated",
        5,
        sent=900,
    ),
    _not_fetched(
        "truncated, six times",
        "the download, after growing pauses",
        "ended",
        faults=(("download_truncated", 6, {"sent": 900}),),
    ),
    _not_fetched("not a video", NO, "not a video", faults=(("download_html", 1, {}),)),
    _not_fetched("disk full", NO, "the disk is full", "Free some space", setting="full disk"),
    _not_fetched(
        "less than 200 MB free",
        "the look at the disk, after growing pauses",
        "200 MB are needed",
        "Free some space",
        setting="little room",
    ),
    Row(
        "cancel",
        "before the submit",
        "nothing is sent",
        NO,
        NOTHING,
        "nothing",
        "cancelled",
        (),
        "cancel before",
        posts=0,
        attempt=None,
    ),
    Row(
        "cancel",
        "in the gateway's queue",
        "the gateway takes it out",
        NO,
        ESTIMATE,
        "nothing",
        "cancelled",
        (),
        "cancel queued",
        attempt="cancelled",
    ),
    Row(
        "cancel",
        "while it runs, and the gateway goes on",
        "the gateway is asked once; the clip is kept",
        NO,
        ESTIMATE,
        "nothing",
        "completed",
        (),
        "cancel running",
        attempt="succeeded",
    ),
    Row(
        "cancel",
        "when it had finished in the meantime",
        "the clip is kept",
        NO,
        ESTIMATE,
        "nothing",
        "completed",
        (("status_drop", 3, {}),),
        "cancel finished",
        attempt="succeeded",
    ),
)

HEAD = ("Failure", "What it means", "Retried", "Charged to the cap", "Tried then", "The job, if nothing else helps")


def table(phase: Phase) -> list[str]:
    """The lines of one phase's table."""
    cells = [HEAD, tuple("---" for _ in HEAD), *(row.cells for row in ROWS if row.phase == phase)]
    return [f"| {' | '.join(line)} |" for line in cells]


if __name__ == "__main__":
    for each, title in PHASES.items():
        print("\n".join((f"### {title}", "", *table(each), "")))  # noqa: T201 -- what it is run for
