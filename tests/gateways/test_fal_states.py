"""What fal's answers are taken for: progress in logs, failures of the service and of the model, and the bill."""

import json
from decimal import Decimal
from typing import Any, cast

import pytest

from videogen_mcp.errors import ErrorCode, OperationGone, PollTrouble
from videogen_mcp.gateways.base import Failed, Finished, Pending, Reply
from videogen_mcp.gateways.fal.states import failed, finished, pending, poll_trouble

DONE = {"status": "COMPLETED"}


def reply(status: int, body: Any, **headers: str) -> Reply:
    text = body if isinstance(body, str) else json.dumps(body)
    named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    return Reply(status, named, text, cast("dict[str, Any]", body) if isinstance(body, dict) else None)


def typed(kind: str, message: str = "Told") -> dict[str, Any]:
    return {"detail": [{"loc": ["body", "prompt"], "msg": message, "type": kind}]}


@pytest.mark.parametrize(
    ("lines", "progress", "message"),
    [
        (["Starting", " 45%|####5     | 18/40 [00:10<00:12]"], 0.4275, "45%|####5 | 18/40 [00:10<00:12]"),
        (["step 3 of 8: 37.5 %"], 0.3515, "step 3 of 8: 37.5 %"),
        (["100%"], 0.95, "100%"),
        (["999%"], 0.95, "999%"),
        (["Loading pipeline components: 100%"], None, "Loading pipeline components: 100%"),
        (["Downloading 12%"], None, "Downloading 12%"),
        (["10%", "encoding"], None, "encoding"),
        (["10%", "\n \n"], 0.095, "10%"),
        (["x" * 500], None, "x" * 120),
    ],
)
def test_the_last_line_of_the_log_is_told(lines: list[str], progress: float | None, message: str) -> None:
    state = pending("IN_PROGRESS", {"logs": [{"message": line} for line in lines]})
    assert state.message == f"running at fal: {message}"
    assert state.progress == (None if progress is None else pytest.approx(progress, abs=0.001))


def test_the_place_in_the_queue_is_told() -> None:
    assert pending("IN_QUEUE", {"queue_position": 3}) == Pending(None, "queued at fal, position 3")


SERVICE: list[tuple[str, int, ErrorCode, bool]] = [
    ("request_timeout", 504, "generation_failed", True),
    ("startup_timeout", 504, "generation_failed", True),
    ("runner_scheduling_failure", 503, "generation_failed", True),
    ("runner_connection_timeout", 503, "generation_failed", True),
    ("runner_connection_refused", 503, "generation_failed", True),
    ("runner_connection_error", 503, "generation_failed", True),
    ("runner_disconnected", 503, "generation_failed", True),
    ("runner_incomplete_response", 502, "generation_failed", True),
    ("runner_server_error", 500, "generation_failed", True),
    ("internal_error", 500, "generation_failed", True),
    ("client_cancelled", 499, "generation_failed", False),
    ("client_disconnected", 499, "generation_failed", False),
    ("concurrent_requests_limit", 429, "gateway_unavailable", False),
    ("bad_request", 400, "invalid_request", False),
]


@pytest.mark.parametrize(("kind", "number", "code", "is_free"), SERVICE)
def test_a_failure_of_the_service(kind: str, number: int, code: ErrorCode, *, is_free: bool) -> None:
    body = {"detail": "It went wrong.", "error_type": kind}
    told = failed(reply(number, body), {**DONE, "error": "It went wrong.", "error_type": kind})
    assert (told.code, told.is_free) == (code, is_free)
    assert told.message.startswith("It went wrong")
    in_header = failed(reply(number, {"detail": "It went wrong."}, X_Fal_Error_Type=kind), DONE)
    assert (in_header.code, in_header.is_free) == (code, is_free)


MODEL: list[tuple[str, int, ErrorCode, bool]] = [
    ("content_policy_violation", 422, "content_policy", False),
    ("face_detection_error", 422, "content_policy", False),
    ("image_too_small", 422, "invalid_request", False),
    ("image_load_error", 422, "invalid_request", False),
    ("file_download_error", 422, "invalid_request", False),
    ("value_error", 422, "invalid_request", False),
    ("no_media_generated", 422, "generation_failed", False),
    ("downstream_service_error", 400, "generation_failed", False),
    ("downstream_service_unavailable", 500, "generation_failed", True),
    ("internal_server_error", 500, "generation_failed", True),
    ("generation_timeout", 504, "generation_failed", True),
]


@pytest.mark.parametrize(("kind", "number", "code", "is_free"), MODEL)
def test_a_failure_of_the_model(kind: str, number: int, code: ErrorCode, *, is_free: bool) -> None:
    told = failed(reply(number, typed(kind)), {**DONE, "error": "Told", "error_type": kind})
    assert told == Failed(code, "prompt: Told", is_free=is_free)


def test_a_page_of_a_proxy_says_nothing_of_the_bill() -> None:
    told = failed(reply(502, "<html>"), {**DONE, "error": "Told", "error_type": "value_error"})
    assert told == Failed("generation_failed", "Told")


@pytest.mark.parametrize("header", ["X_Fal_Retryable", "X_Fal_Needs_Retry"])
@pytest.mark.parametrize(("value", "may"), [("true", True), ("1", True), ("false", False), ("0", False), ("", False)])
def test_what_may_work_later_is_told(header: str, value: str, *, may: bool) -> None:
    told = failed(reply(500, typed("internal_server_error"), **{header: value}), DONE)
    assert told.message.endswith("the same request may work later") is may


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (403, "User is locked. Reason: Exhausted balance."),
        (402, "Payment required"),
        (200, "User is locked. Reason: Exhausted balance. Top up."),
    ],
)
def test_an_empty_account_is_known_wherever_it_is_told(number: int, error: str) -> None:
    status = {**DONE, "error": error, "error_type": "user_locked"}
    assert failed(reply(number, {"detail": error}), status).code == "insufficient_credit"
    if number != 200:
        trouble = poll_trouble(reply(number, {"detail": error}))
        assert isinstance(trouble, PollTrouble)
        assert trouble.code == "insufficient_credit"


def test_what_a_look_that_failed_means() -> None:
    limited = poll_trouble(reply(429, {"detail": "concurrent_requests_limit"}, Retry_After="3"))
    assert isinstance(limited, PollTrouble)
    assert (limited.code, limited.retry_after) == ("gateway_unavailable", 3.0)
    assert isinstance(poll_trouble(reply(404, {})), OperationGone)


@pytest.mark.parametrize(
    ("told", "units"),
    [
        ("3.008", Decimal("3.008")),
        ("0", Decimal(0)),
        ("-1", None),
        ("NaN", None),
        ("Infinity", None),
        ("many", None),
        ("", None),
    ],
)
def test_the_units_of_the_bill(told: str, units: Decimal | None) -> None:
    state = finished(reply(200, {"video": {"url": "u"}}, X_Fal_Billable_Units=told))
    assert state == Finished(url="u", billed_units=units)
