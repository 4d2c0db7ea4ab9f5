"""Submits: what is sent, once, and what each answer means."""

import json
import logging
import socket
import threading
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.gateways.heygen.bodies import AGENT, AVATAR, BODIES, HTML, MODEL, V1, ended, error
from tests.gateways.heygen.conftest import At
from tests.standins.heygen import HeyGenStandIn
from tests.standins.server import Reply, json_reply, text_reply

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
from videogen_mcp.gateways.base import Finished
from videogen_mcp.gateways.heygen import HeyGenGateway
from videogen_mcp.settings import load_settings

GOLDENS: list[dict[str, Any]] = [
    one
    for one in json.loads((Path(__file__).parent.parent.parent / "data" / "goldens" / "heygen.json").read_text("utf-8"))
    if one["endpoint"].startswith("heygen:")
]


def told(caught: BaseException) -> str:
    """Everything that an exception and those behind it say."""
    behind = caught.__cause__ or caught.__context__
    fix = caught.fix if isinstance(caught, GatewayError) else ""
    return f"{caught} {caught!r} {caught.args} {fix} {told(behind) if behind else ''}"


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda one: f"{one['endpoint']}-{one['mode']}")
async def test_every_body_of_the_catalogue_is_taken_and_made(
    heygen: HeyGenStandIn, gateway: HeyGenGateway, golden: dict[str, Any]
) -> None:
    endpoint_id = golden["endpoint"].partition(":")[2]
    operation = await gateway.submit(endpoint_id, golden["body"])
    (sent,) = heygen.requests
    if "/" in endpoint_id:
        assert f"/{endpoint_id}".startswith(sent.path)
        assert sent.json == golden["body"]
    else:
        assert sent.path == "/v1/workflows/executions"
        assert sent.json == {"workflow_type": "GenerateVideoNode", "input": golden["body"]}
    assert sent.headers["x-api-key"] == heygen.key
    assert sent.headers["content-type"] == "application/json"
    assert json.loads(json.dumps(operation)) == operation
    assert isinstance(await ended(gateway, operation), Finished)


SubmitFault = tuple[Reply, type[GatewayError], ErrorCode, str]
SUBMIT_FAULTS: list[SubmitFault] = [
    (Reply(drop="before_body"), SubmitUncertain, "submit_uncertain", "lost"),
    (Reply(drop="after_body"), SubmitUncertain, "submit_uncertain", "lost"),
    (Reply(200, b'{"data": {}}', sent=4), SubmitUncertain, "submit_uncertain", "lost"),
    (text_reply(200, HTML), SubmitUncertain, "submit_uncertain", "holds no"),
    (text_reply(200, '{"data": {"video_id'), SubmitUncertain, "submit_uncertain", "holds no"),
    (json_reply(200, {"data": {"status": "pending"}}), SubmitUncertain, "submit_uncertain", "holds no"),
    (json_reply(200, {"data": None, "error": "Odd."}), SubmitUncertain, "submit_uncertain", "_id: Odd."),
    (json_reply(202, []), SubmitUncertain, "submit_uncertain", "holds no"),
    (Reply(204), SubmitUncertain, "submit_uncertain", "holds no"),
    (json_reply(307, {}, Location="/v3/videos"), SubmitRefused, "gateway_unavailable", "307"),
    (json_reply(400, error("invalid_parameter", "Too long.")), SubmitRefused, "invalid_request", "400: Too long."),
    (
        json_reply(400, {"error": {"code": "invalid_parameter", "message": "Too short", "param": "duration"}}),
        SubmitRefused,
        "invalid_request",
        "duration: Too short",
    ),
    (json_reply(400, error("download_failed")), SubmitRefused, "invalid_request", "400"),
    (json_reply(400, error("content_moderation_failed")), SubmitRefused, "content_policy", "400"),
    (json_reply(400, {"code": 400105, "message": "Not this"}), SubmitRefused, "content_policy", "400: Not this"),
    (json_reply(400, {"code": 1, "message": "Blocked words detected"}), SubmitRefused, "content_policy", "words"),
    (json_reply(400, {"code": 400631, "message": "Account suspended"}), SubmitRefused, "unauthorized", "suspended"),
    (json_reply(400, error("insufficient_credit")), SubmitRefused, "insufficient_credit", "400"),
    (json_reply(401, error("unauthorized")), SubmitRefused, "unauthorized", "401"),
    (json_reply(402, error("insufficient_credit", "Pay")), SubmitRefused, "insufficient_credit", "402: Pay"),
    (json_reply(403, error("forbidden")), SubmitRefused, "unauthorized", "403"),
    (json_reply(408, {}), SubmitUncertain, "submit_uncertain", "408"),
    (json_reply(409, error("conflict")), SubmitRefused, "invalid_request", "409"),
    (json_reply(413, error("payload_too_large")), SubmitRefused, "invalid_request", "413"),
    (json_reply(422, error("validation_error")), SubmitRefused, "invalid_request", "422"),
    (json_reply(429, error("rate_limit_exceeded")), SubmitRefused, "gateway_unavailable", "429"),
    (json_reply(429, error("busy", "Moderation is slow")), SubmitRefused, "gateway_unavailable", "429"),
    (json_reply(429, error("quota_exceeded"), Retry_After="9"), SubmitRefused, "gateway_unavailable", "alone for 9 s"),
    (json_reply(500, error("internal_error")), SubmitUncertain, "submit_uncertain", "500"),
    (text_reply(502, HTML), SubmitUncertain, "submit_uncertain", "502"),
    (text_reply(503, HTML), SubmitUncertain, "submit_uncertain", "503"),
    (json_reply(504, error("gateway_timeout")), SubmitUncertain, "submit_uncertain", "504"),
]


@pytest.mark.parametrize("endpoint_id", [V1, MODEL, AVATAR, AGENT])
@pytest.mark.parametrize(("reply", "kind", "code", "words"), SUBMIT_FAULTS)
async def test_a_failing_submit_is_told_apart_and_never_repeated(
    heygen: HeyGenStandIn,
    gateway: HeyGenGateway,
    caplog: pytest.LogCaptureFixture,
    *,
    endpoint_id: str,
    reply: Reply,
    kind: type[GatewayError],
    code: ErrorCode,
    words: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    heygen.script(reply, method="POST")
    with pytest.raises(GatewayError) as caught:
        await gateway.submit(endpoint_id, BODIES[endpoint_id])
    assert type(caught.value) is kind
    assert caught.value.code == code
    assert words in caught.value.message
    assert "<" not in caught.value.message
    assert len(heygen.requests) == 1
    assert heygen.key not in told(caught.value) + caplog.text


@pytest.mark.parametrize("status", [404, 410])
async def test_an_ended_v1_is_told_as_such(heygen: HeyGenStandIn, gateway: HeyGenGateway, status: int) -> None:
    heygen.script(text_reply(status, HTML), method="POST")
    with pytest.raises(SubmitRefused, match="v1 API has ended") as caught:
        await gateway.submit(V1, BODIES[V1])
    assert caught.value.code == "gateway_unavailable"
    assert "v3" in caught.value.fix
    assert len(heygen.submits) == 1


async def test_without_v1_the_rest_works(heygen: HeyGenStandIn, gateway: HeyGenGateway) -> None:
    heygen.v1_retired = True
    with pytest.raises(SubmitRefused, match="v1 API has ended"):
        await gateway.submit(V1, BODIES[V1])
    with pytest.raises(OperationGone):
        await gateway.poll({"api": "workflow", "id": "x"})
    assert isinstance(await ended(gateway, await gateway.submit(AVATAR, BODIES[AVATAR])), Finished)


@pytest.mark.parametrize("endpoint_id", [MODEL, AVATAR, AGENT])
async def test_on_v3_a_missing_thing_is_the_callers(
    heygen: HeyGenStandIn, gateway: HeyGenGateway, endpoint_id: str
) -> None:
    heygen.script(json_reply(404, error("avatar_not_found", "Avatar look-1 not found")), method="POST")
    with pytest.raises(SubmitRefused, match="Avatar look-1 not found") as caught:
        await gateway.submit(endpoint_id, BODIES[endpoint_id])
    assert caught.value.code == "invalid_request"


@pytest.mark.parametrize("endpoint_id", ["v3/lipsyncs", "v3/videosx", "v1/workflows", "v3/users/me", "../v3/videos"])
async def test_an_id_that_is_no_call_sends_nothing(
    heygen: HeyGenStandIn, gateway: HeyGenGateway, endpoint_id: str
) -> None:
    with pytest.raises(SubmitRefused, match="nothing was sent") as caught:
        await gateway.submit(endpoint_id, {})
    assert caught.value.code == "invalid_request"
    assert heygen.requests == []


@pytest.mark.parametrize("endpoint_id", [V1, MODEL, AVATAR, AGENT])
async def test_a_slow_answer_is_uncertain(
    heygen: HeyGenStandIn, gateway: HeyGenGateway, http: httpx2.AsyncClient, endpoint_id: str
) -> None:
    async def shorten(request: httpx2.Request) -> None:
        request.extensions["timeout"] = {**request.extensions["timeout"], "read": 0.5}

    heygen.script(None, method="POST", hold=threading.Event())
    http.event_hooks = {"request": [shorten], "response": []}
    with pytest.raises(SubmitUncertain, match="no answer within the time allowed"):
        await gateway.submit(endpoint_id, BODIES[endpoint_id])
    assert len(heygen.submits) == 1


@pytest.mark.parametrize("endpoint_id", [V1, MODEL, AVATAR, AGENT])
async def test_without_a_connection_nothing_was_sent(heygen: HeyGenStandIn, at: At, endpoint_id: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}"
        for url in (closed, "https://heygen.invalid", heygen.origin.replace("http://", "https://")):
            with pytest.raises(NotSent, match="HeyGen cannot be reached: no connection"):
                await at(url).submit(endpoint_id, BODIES[endpoint_id])
    assert heygen.requests == []


@pytest.mark.parametrize("endpoint_id", [V1, MODEL, AVATAR, AGENT])
async def test_a_redirect_takes_the_key_nowhere(
    heygen: HeyGenStandIn, gateway: HeyGenGateway, endpoint_id: str
) -> None:
    operation = await gateway.submit(endpoint_id, BODIES[endpoint_id])
    with HeyGenStandIn() as elsewhere:
        heygen.script(json_reply(308, {}, Location=f"{elsewhere.origin}/v3/videos"), times=2)
        with pytest.raises(SubmitRefused):
            await gateway.submit(endpoint_id, BODIES[endpoint_id])
        with pytest.raises(PollTrouble):
            await gateway.poll(operation)
        assert elsewhere.requests == []


async def test_a_refused_key_is_not_repeated(heygen: HeyGenStandIn, gateway: HeyGenGateway) -> None:
    heygen.script(json_reply(401, error("unauthorized", f"The key {heygen.key} is unknown")), times=2)
    with pytest.raises(SubmitRefused, match="The key … is unknown"):
        await gateway.submit(MODEL, BODIES[MODEL])
    with pytest.raises(PollTrouble, match="The key … is unknown"):
        await gateway.poll({"api": "model", "id": "x"})


def test_a_key_that_is_none_is_told_before_it_is_sent(http: httpx2.AsyncClient) -> None:
    with pytest.raises(InvalidRequest, match="HEYGEN_API_KEY") as caught:
        HeyGenGateway.open(load_settings({"HEYGEN_API_KEY": "a\nb"}), http)
    assert caught.value.code == "unauthorized"


async def test_the_real_addresses_are_the_usual_ones(http: httpx2.AsyncClient) -> None:
    gateway = HeyGenGateway.open(load_settings({"HEYGEN_API_KEY": "k"}), http)
    assert gateway.address == "https://api.heygen.com"
    assert (gateway.name, gateway.on_this_machine, gateway.fetches_media) == ("heygen", False, True)
    await gateway.close()


@pytest.mark.parametrize("variable", ["VIDEOGEN_HEYGEN_URL", "VIDEOGEN_HEYGEN_UPLOAD_URL"])
def test_plain_http_is_for_allowed_hosts_only(http: httpx2.AsyncClient, variable: str) -> None:
    with pytest.raises(InvalidRequest, match=variable):
        HeyGenGateway.open(load_settings({"HEYGEN_API_KEY": "k", variable: "http://heygen.example"}), http)
