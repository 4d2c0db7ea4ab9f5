"""The gateway alone, over real HTTP, against the stand-in."""

import logging
import socket
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from tests.standins.fal import FalStandIn

from videogen_mcp.errors import (
    ErrorCode,
    GatewayError,
    InvalidRequest,
    NotSent,
    OperationGone,
    PollTrouble,
    SubmitRefused,
    SubmitUncertain,
)
from videogen_mcp.gateways.base import Failed, Finished, Operation, Pending
from videogen_mcp.gateways.fal import FalGateway
from videogen_mcp.settings import load_settings

WAN = "fal-ai/wan/v2.7/text-to-video"
BODY: dict[str, Any] = {"prompt": "A fox runs over snow", "duration": 2, "resolution": "720p"}
HTML = "<!doctype html><title>Bad gateway</title>"
POLICY = [{"loc": ["body", "prompt"], "msg": "flagged by a content checker", "type": "content_policy_violation"}]
INVALID = [{"loc": ["body", "duration"], "msg": "Input should be less than or equal to 15", "type": "less_than_equal"}]

At = Callable[[str], FalGateway]


@pytest_asyncio.fixture(name="http")
async def http_fixture() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(trust_env=False) as http:
        yield http


@pytest.fixture(name="gateway")
def gateway_fixture(fal_environment: dict[str, str], http: httpx2.AsyncClient) -> FalGateway:
    return FalGateway.open(load_settings(fal_environment), http)


@pytest.fixture(name="at")
def at_fixture(fal_environment: dict[str, str], http: httpx2.AsyncClient) -> At:
    """The gateway with its queue somewhere else."""

    def at(queue_url: str) -> FalGateway:
        host = queue_url.partition("://")[2]
        changes = {
            "VIDEOGEN_FAL_QUEUE_URL": queue_url,
            "VIDEOGEN_ALLOWED_HOSTS": f"{fal_environment['VIDEOGEN_ALLOWED_HOSTS']},{host}",
        }
        return FalGateway.open(load_settings(fal_environment | changes), http)

    return at


def posts(standin: FalStandIn) -> int:
    return sum(request.is_submit for request in standin.requests)


def answering(reply: httpx2.Response, environment: dict[str, str]) -> FalGateway:
    """The gateway with a fal that always gives this answer."""
    http = httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _: reply))
    return FalGateway.open(load_settings(environment), http)


def told(error: BaseException) -> str:
    """Everything that an exception and those behind it say."""
    behind = error.__cause__ or error.__context__
    fix = error.fix if isinstance(error, GatewayError) else ""
    return f"{error} {error!r} {error.args} {fix} {told(behind) if behind else ''}"


async def test_a_submit_is_one_post_with_the_bare_body(standin: FalStandIn, gateway: FalGateway) -> None:
    operation = await gateway.submit(WAN, BODY)
    (sent,) = standin.requests
    assert (sent.method, sent.path, sent.query, sent.json) == ("POST", f"/{WAN}", {}, BODY)
    assert sent.headers["authorization"] == f"Key {standin.key}"
    assert sent.headers["content-type"] == "application/json"
    address = f"{standin.origin}/fal-ai/wan/requests/{standin.accepted[0]}"
    assert operation == {
        "request_id": standin.accepted[0],
        "status_url": f"{address}/status",
        "response_url": address,
        "cancel_url": f"{address}/cancel",
    }


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "http://[", "http://127.0.0.1:1", "http://fal@127.0.0.1", "", "file://", "http://a\x00b"],
)
async def test_reply_addresses_elsewhere_are_replaced_by_the_documented_ones(
    standin: FalStandIn, gateway: FalGateway, origin: str
) -> None:
    standin.fault("submit_foreign_urls", origin=origin)
    standin.plan(0, 0)
    operation = await gateway.submit(WAN, BODY)
    address = f"{standin.origin}/fal-ai/wan/requests/{standin.accepted[0]}"
    assert (operation["status_url"], operation["response_url"]) == (f"{address}/status", address)
    assert operation["cancel_url"] == f"{address}/cancel"
    assert isinstance(await gateway.poll(operation), Finished)


async def test_a_user_in_the_reply_address_is_not_the_queues_own_host(standin: FalStandIn, gateway: FalGateway) -> None:
    standin.fault("submit_foreign_urls", origin=f"{standin.origin}@evil.example")
    operation = await gateway.submit(WAN, BODY)
    assert "evil" not in str(operation)


@pytest.mark.parametrize("namespace", ["workflows", "comfy"])
async def test_a_namespace_stands_in_the_documented_addresses(fal_environment: dict[str, str], namespace: str) -> None:
    gateway = answering(httpx2.Response(200, json={"request_id": "r1"}), fal_environment)
    operation = await gateway.submit(f"{namespace}/owner/app/rest", {})
    assert operation["status_url"].endswith(f"/{namespace}/owner/app/requests/r1/status")


SUBMIT_FAULTS: list[tuple[str, dict[str, Any], type[GatewayError], ErrorCode, str]] = [
    ("submit_drop_before_body", {}, SubmitUncertain, "submit_uncertain", "lost"),
    ("submit_drop_after_body", {}, SubmitUncertain, "submit_uncertain", "lost"),
    ("submit_drop_after_body", {"accepted": True}, SubmitUncertain, "submit_uncertain", "lost"),
    ("submit_garbage", {}, SubmitUncertain, "submit_uncertain", "no request id"),
    ("submit_garbage", {"body": "[]"}, SubmitUncertain, "submit_uncertain", "no request id"),
    ("submit_without_request_id", {}, SubmitUncertain, "submit_uncertain", "no request id"),
    ("submit_redirect", {}, SubmitRefused, "gateway_unavailable", "307"),
    ("submit_status", {"status": 400, "body": {"detail": "No."}}, SubmitRefused, "invalid_request", "400: No."),
    ("submit_status", {"status": 401, "body": {"detail": "Bad key"}}, SubmitRefused, "unauthorized", "Bad key"),
    ("submit_status", {"status": 402, "body": {"detail": "Pay"}}, SubmitRefused, "insufficient_credit", "402"),
    ("submit_status", {"status": 403, "body": {"detail": "Forbidden"}}, SubmitRefused, "unauthorized", "403"),
    (
        "submit_status",
        {"status": 403, "body": {"detail": "User is locked. Reason: Exhausted balance"}},
        SubmitRefused,
        "insufficient_credit",
        "Exhausted balance",
    ),
    ("submit_status", {"status": 404, "body": {"detail": "not found"}}, SubmitRefused, "invalid_request", "404"),
    ("submit_status", {"status": 404, "body": HTML}, SubmitRefused, "invalid_request", "no reason given"),
    ("submit_status", {"status": 408}, SubmitUncertain, "submit_uncertain", "408"),
    ("submit_status", {"status": 422, "body": {"detail": INVALID}}, SubmitRefused, "invalid_request", "duration: "),
    ("submit_status", {"status": 422, "body": {"detail": POLICY}}, SubmitRefused, "content_policy", "flagged"),
    ("submit_status", {"status": 422, "body": {"detail": ["odd", 3]}}, SubmitRefused, "invalid_request", "odd; 3"),
    ("submit_status", {"status": 429, "body": {"detail": "Slow down"}}, SubmitRefused, "gateway_unavailable", "429"),
    ("submit_status", {"status": 500}, SubmitUncertain, "submit_uncertain", "500"),
    ("submit_status", {"status": 502, "body": HTML}, SubmitUncertain, "submit_uncertain", "502"),
    ("submit_status", {"status": 503, "body": HTML}, SubmitUncertain, "submit_uncertain", "503"),
    ("submit_status", {"status": 504, "body": HTML, "accepted": True}, SubmitUncertain, "submit_uncertain", "504"),
]


@pytest.mark.parametrize(("kind", "details", "error", "code", "words"), SUBMIT_FAULTS)
async def test_a_failing_submit_is_told_apart_and_never_repeated(
    standin: FalStandIn,
    gateway: FalGateway,
    caplog: pytest.LogCaptureFixture,
    *,
    kind: str,
    details: dict[str, Any],
    error: type[GatewayError],
    code: ErrorCode,
    words: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    standin.fault(kind, **details)
    with pytest.raises(GatewayError) as caught:
        await gateway.submit(WAN, BODY)
    assert type(caught.value) is error
    assert caught.value.code == code
    assert words in caught.value.message
    assert "<" not in caught.value.message
    assert posts(standin) == 1
    assert standin.key not in told(caught.value)
    assert standin.key not in caplog.text


async def test_a_slow_answer_is_uncertain(standin: FalStandIn, fal_environment: dict[str, str]) -> None:
    async def shorten(request: httpx2.Request) -> None:
        request.extensions["timeout"] = {**request.extensions["timeout"], "read": 0.5}

    standin.fault("submit_slow")
    async with httpx2.AsyncClient(event_hooks={"request": [shorten]}, trust_env=False) as http:
        with pytest.raises(SubmitUncertain, match="no answer within the time allowed"):
            await FalGateway.open(load_settings(fal_environment), http).submit(WAN, BODY)
    assert posts(standin) == 1


async def test_a_closed_port_means_that_nothing_was_sent(at: At) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(NotSent, match="fal cannot be reached: no connection"):
            await at(f"http://127.0.0.1:{unused.getsockname()[1]}").submit(WAN, BODY)


async def test_an_unknown_name_means_that_nothing_was_sent(at: At) -> None:
    with pytest.raises(NotSent, match="fal cannot be reached"):
        await at("https://queue.invalid").submit(WAN, BODY)


async def test_plain_http_speech_of_tls_means_that_nothing_was_sent(standin: FalStandIn, at: At) -> None:
    with pytest.raises(NotSent):
        await at(standin.origin.replace("http:", "https:")).submit(WAN, BODY)
    assert posts(standin) == 0


async def test_a_key_that_is_echoed_is_not_told_on(standin: FalStandIn, gateway: FalGateway) -> None:
    standin.fault("submit_status", status=401, body={"detail": f"Incorrect key provided: {standin.key}"})
    with pytest.raises(SubmitRefused, match="Incorrect key provided") as caught:
        await gateway.submit(WAN, BODY)
    assert standin.key not in told(caught.value)


@pytest.mark.parametrize("key", ["“quoted”", "two\nlines", "clé"])
def test_a_key_that_no_header_can_hold_is_refused_without_being_told(fal_environment: dict[str, str], key: str) -> None:
    with pytest.raises(InvalidRequest, match="FAL_KEY") as caught:
        FalGateway.open(load_settings(fal_environment | {"FAL_KEY": key}), httpx2.AsyncClient())
    assert caught.value.code == "unauthorized"
    assert key not in str(caught.value)


async def test_polling_from_the_queue_to_the_result(standin: FalStandIn, gateway: FalGateway) -> None:
    standin.billable_units = "2.008"
    operation = await gateway.submit(WAN, {**BODY, "seed": 7})
    assert await gateway.poll(operation) == Pending(None, "queued at fal, position 0")
    assert await gateway.poll(operation) == Pending(None, "running at fal: Working")
    url = f"{standin.files_url}/results/{standin.accepted[0]}/output.mp4"
    details = {"seed": 7, "actual_prompt": BODY["prompt"]}
    assert await gateway.poll(operation) == Finished(url=url, billed_units=Decimal("2.008"), details=details)
    assert [request.method for request in standin.requests] == ["POST", "GET", "GET", "GET", "GET"]


@pytest.mark.parametrize(
    ("reply", "state"),
    [
        ({"status": "IN_QUEUE"}, Pending(None, "queued at fal")),
        ({"status": "IN_QUEUE", "queue_position": None}, Pending(None, "queued at fal")),
        ({"status": "in_progress"}, Pending(None, "running at fal")),
        ({"status": "IN_PROGRESS", "logs": None}, Pending(None, "running at fal")),
        ({"status": "IN_PROGRESS", "logs": [3, {}, {"message": " "}]}, Pending(None, "running at fal")),
        ({"status": "WARMING_UP"}, Pending(None, "running at fal")),
        ({}, Pending(None, "running at fal")),
        (
            {"status": "FAILED", "error": "out of memory"},
            Failed("generation_failed", "fal reports failed: out of memory."),
        ),
        ({"status": "CANCELLED"}, Failed("generation_failed", "fal reports cancelled: no reason.")),
    ],
)
async def test_odd_states_are_taken_as_they_come(
    fal_environment: dict[str, str], reply: dict[str, Any], state: Pending | Failed
) -> None:
    gateway = answering(httpx2.Response(200, json=reply), fal_environment)
    assert await gateway.poll(operation_at(fal_environment)) == state


def operation_at(environment: dict[str, str], request_id: str = "none") -> Operation:
    address = f"{environment['VIDEOGEN_FAL_QUEUE_URL']}/fal-ai/wan/requests/{request_id}"
    return {
        "request_id": request_id,
        "status_url": f"{address}/status",
        "response_url": address,
        "cancel_url": f"{address}/cancel",
    }


@pytest.mark.parametrize(
    ("details", "state"),
    [
        (
            {},
            Failed(
                "content_policy",
                "prompt: The content could not be processed because it was flagged by a content checker.",
            ),
        ),
        (
            {"error": "Out of memory", "error_type": "internal_server_error", "status": 500},
            Failed("generation_failed", "prompt: Out of memory", is_free=True),
        ),
        (
            {"error": "Timed out", "error_type": "generation_timeout", "status": 504, "body": HTML},
            Failed("generation_failed", "Timed out"),  # a proxy's page: what fal charged is not known
        ),
    ],
)
async def test_a_completed_failure_is_a_failure_in_readable_words(
    standin: FalStandIn, gateway: FalGateway, details: dict[str, Any], state: Failed
) -> None:
    standin.plan(0, 0)
    standin.fault("complete_with_error", **details)
    assert await gateway.poll(await gateway.submit(WAN, BODY)) == state


@pytest.mark.parametrize(
    ("details", "error", "code", "retry_after"),
    [
        ({"status": 404}, OperationGone, "generation_failed", None),
        ({"status": 500}, PollTrouble, "gateway_unavailable", None),
        ({"status": 503, "body": HTML, "headers": {"Retry-After": "3"}}, PollTrouble, "gateway_unavailable", 3.0),
        ({"status": 401, "body": {"detail": "Bad key"}}, PollTrouble, "unauthorized", None),
        ({"status": 429, "headers": {"Retry-After": "0.5"}}, PollTrouble, "gateway_unavailable", 0.5),
        ({"status": 200, "body": HTML}, PollTrouble, "gateway_unavailable", None),
    ],
)
async def test_trouble_with_the_result_is_no_failure_of_the_generation(
    standin: FalStandIn,
    gateway: FalGateway,
    *,
    details: dict[str, Any],
    error: type[GatewayError],
    code: ErrorCode,
    retry_after: float | None,
) -> None:
    standin.plan(0, 0)
    standin.fault("result_status", **details)
    operation = await gateway.submit(WAN, BODY)
    with pytest.raises(error) as caught:
        await gateway.poll(operation)
    assert caught.value.code == code
    assert getattr(caught.value, "retry_after", None) == retry_after
    assert isinstance(await gateway.poll(operation), Finished)


async def test_a_result_without_a_video_is_a_failure(standin: FalStandIn, gateway: FalGateway) -> None:
    standin.plan(0, 0)
    standin.fault("result_status", status=200, body={"seed": 1})
    state = await gateway.poll(await gateway.submit(WAN, BODY))
    assert state == Failed("generation_failed", "fal's result holds no video.")


@pytest.mark.parametrize(
    "body",
    [
        {"video": {"url": "u"}},
        {"video": "u"},
        {"video_url": "u"},
        {"videos": [{"url": "u"}, {"url": "v"}]},
        {"url": "u"},
    ],
)
async def test_a_video_is_found_where_endpoints_put_it(
    standin: FalStandIn, gateway: FalGateway, body: dict[str, Any]
) -> None:
    standin.plan(0, 0)
    standin.fault("result_status", status=200, body=body)
    assert await gateway.poll(await gateway.submit(WAN, BODY)) == Finished(url="u")


@pytest.mark.parametrize(
    ("kind", "details", "code", "retry_after"),
    [
        ("status_status", {"status": 401, "body": {"detail": "Bad key"}}, "unauthorized", None),
        ("status_status", {"status": 429, "headers": {"Retry-After": "7"}}, "gateway_unavailable", 7.0),
        ("status_status", {"status": 429, "headers": {"Retry-After": "soon"}}, "gateway_unavailable", None),
        ("status_status", {"status": 503, "body": HTML}, "gateway_unavailable", None),
        ("status_status", {"status": 302, "headers": {"Location": "/x"}}, "gateway_unavailable", None),
        ("status_garbage", {}, "gateway_unavailable", None),
        ("status_drop", {}, "gateway_unavailable", None),
    ],
)
async def test_a_look_that_fails_is_only_trouble(
    standin: FalStandIn,
    gateway: FalGateway,
    *,
    kind: str,
    details: dict[str, Any],
    code: ErrorCode,
    retry_after: float | None,
) -> None:
    operation = await gateway.submit(WAN, BODY)
    standin.fault(kind, **details)
    with pytest.raises(PollTrouble) as caught:
        await gateway.poll(operation)
    assert (caught.value.code, caught.value.retry_after) == (code, retry_after)
    assert isinstance(await gateway.poll(operation), Pending)


async def test_an_unknown_request_is_gone(gateway: FalGateway, fal_environment: dict[str, str]) -> None:
    with pytest.raises(OperationGone):
        await gateway.poll(operation_at(fal_environment))


async def test_the_three_answers_to_a_cancel(
    standin: FalStandIn, gateway: FalGateway, fal_environment: dict[str, str]
) -> None:
    operation = await gateway.submit(WAN, BODY)
    assert await gateway.cancel(operation) == "requested"
    assert await gateway.poll(operation) == Failed("generation_failed", "Request was cancelled")
    assert await gateway.cancel(operation) == "too_late"
    assert await gateway.cancel(operation_at(fal_environment)) == "unknown"
    assert [request.method for request in standin.requests if request.path.endswith("/cancel")] == ["PUT"] * 3


async def test_a_cancel_that_fails_is_only_trouble(fal_environment: dict[str, str]) -> None:
    gateway = answering(httpx2.Response(503, headers={"Retry-After": "2"}), fal_environment)
    with pytest.raises(PollTrouble):
        await gateway.cancel(operation_at(fal_environment))


async def test_an_upload_gets_a_token_and_streams_the_file(
    standin: FalStandIn, gateway: FalGateway, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 9000  # more than two pieces of the stream
    (tmp_path / "secret name.png").write_bytes(content)
    url = await gateway.upload(tmp_path / "secret name.png", "image/png")
    (upload,) = standin.uploads
    assert (upload.url, upload.content_type, upload.data) == (url, "image/png", content)
    assert "secret" not in upload.file_name
    token, stored = standin.requests
    assert token.headers["authorization"] == f"Key {standin.key}"
    assert stored.headers["authorization"].startswith("Bearer ")
    assert stored.headers["content-length"] == str(len(content))
    assert standin.key not in str(stored.headers)


UPLOAD_FAULTS: list[tuple[list[tuple[int, Any]], str]] = [
    ([(401, {"detail": "Bad key"})], "401: Bad key"),
    ([(500, None)], "500"),
    ([(200, {"token": "t"})], "no upload address"),
    ([(200, {"token": "token-1", "base_url": "http://cdn.example"})], "not https"),
    ([(200, {"token": "token-1", "base_url": "https://cdn.example"}), (413, {"detail": "Too large"})], "Too large"),
    ([(200, {"token": "token-1", "base_url": "https://cdn.example"}), (200, {})], "no address for the file"),
]


@pytest.mark.parametrize(("replies", "words"), UPLOAD_FAULTS)
async def test_every_failing_step_of_an_upload_is_a_refusal(
    fal_environment: dict[str, str], tmp_path: Path, replies: list[tuple[int, Any]], words: str
) -> None:
    (tmp_path / "a.png").write_bytes(b"picture")
    left = list(replies)

    def answer(request: httpx2.Request) -> httpx2.Response:
        assert request.url.host != "cdn.example" or fal_environment["FAL_KEY"] not in str(request.headers.raw)
        status, body = left.pop(0)
        return httpx2.Response(status, json=body)

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        with pytest.raises(SubmitRefused, match=words) as caught:
            await FalGateway.open(load_settings(fal_environment), http).upload(tmp_path / "a.png", "image/png")
    assert fal_environment["FAL_KEY"] not in told(caught.value)
    assert not left


async def test_a_storage_that_cannot_be_reached_got_nothing(
    fal_environment: dict[str, str], http: httpx2.AsyncClient, tmp_path: Path
) -> None:
    settings = load_settings(fal_environment | {"VIDEOGEN_FAL_REST_URL": "https://rest.invalid"})
    with pytest.raises(NotSent, match="storage cannot be reached"):
        await FalGateway.open(settings, http).upload(tmp_path / "a.png", "image/png")
