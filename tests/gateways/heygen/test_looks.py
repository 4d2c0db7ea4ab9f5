"""Looks at running generations, and stops: every state, and every way in which a look can fail."""

from typing import Any

import httpx2
import pytest
from tests.gateways.heygen.bodies import AGENT, AVATAR, BODIES, HTML, MODEL, V1, ended, error
from tests.standins.heygen import HeyGenStandIn
from tests.standins.server import Reply, json_reply, text_reply

from videogen_mcp.errors import ErrorCode, OperationGone, PollTrouble
from videogen_mcp.gateways.base import MAX_REPLY_BYTES, Failed, Finished, Pending
from videogen_mcp.gateways.heygen import HeyGenGateway


async def test_the_clip_is_fetched_without_the_key(
    heygen: HeyGenStandIn, gateway: HeyGenGateway, http: httpx2.AsyncClient
) -> None:
    finished = await ended(gateway, await gateway.submit(V1, BODIES[V1]))
    assert isinstance(finished, Finished)
    assert (await http.get(finished.url or "")).content[4:8] == b"ftyp"
    assert "x-api-key" not in heygen.requests[-1].headers


async def test_the_workflow_keeps_the_ids_that_later_jobs_may_refer_to(
    heygen: HeyGenStandIn, gateway: HeyGenGateway
) -> None:
    operation = await gateway.submit(V1, BODIES[V1])
    (generation,) = heygen.generations
    assert operation == {"api": "workflow", "id": generation.id}
    finished = await ended(gateway, operation)
    assert isinstance(finished, Finished)
    assert finished.details == {"video_id": generation.video_id, "asset_id": f"asset-of-{generation.id}"}
    assert finished.billed_usd is None


async def test_a_model_keeps_its_id_seed_and_length(heygen: HeyGenStandIn, gateway: HeyGenGateway) -> None:
    finished = await ended(gateway, await gateway.submit(MODEL, BODIES[MODEL]))
    assert isinstance(finished, Finished)
    assert finished.details == {"video_id": heygen.generations[0].id, "seed": 7, "duration": 5.0}


@pytest.mark.parametrize("status", ["submitted", "running", "a word of tomorrow"])
async def test_any_other_status_of_the_workflow_is_running(
    heygen: HeyGenStandIn, gateway: HeyGenGateway, status: str
) -> None:
    heygen.plan(status)
    operation = await gateway.submit(V1, BODIES[V1])
    assert await gateway.poll(operation) == Pending(None, f"{status} at HeyGen")


@pytest.mark.parametrize("endpoint_id", [MODEL, AVATAR])
@pytest.mark.parametrize("status", ["waiting", "pending", "processing", "a word of tomorrow"])
async def test_any_other_status_of_a_video_is_running(
    heygen: HeyGenStandIn, gateway: HeyGenGateway, endpoint_id: str, status: str
) -> None:
    heygen.plan(status)
    operation = await gateway.submit(endpoint_id, BODIES[endpoint_id])
    assert await gateway.poll(operation) == Pending(None, f"{status} at HeyGen")


async def test_an_agent_goes_from_its_session_to_its_clip(heygen: HeyGenStandIn, gateway: HeyGenGateway) -> None:
    heygen.plan("thinking", "reviewing", "waiting_for_input", "generating")
    operation = await gateway.submit(AGENT, BODIES[AGENT])
    (generation,) = heygen.generations
    assert operation == {"api": "agent", "id": generation.id}
    states = [await gateway.poll(operation) for _ in range(5)]
    assert states[0] == Pending(0.1, "thinking at HeyGen's video agent")
    assert "storyboard" in str(states[1])
    assert "waits for an answer" in str(states[2])
    assert states[3] == Pending(0.5, "generating at HeyGen's video agent")
    assert states[4] == Finished(
        url=f"{heygen.origin}/files/videos/{generation.video_id}.mp4",
        details={"session_id": generation.id, "video_id": generation.video_id, "seed": 7, "duration": 5.0},
    )


async def test_an_agent_that_names_its_clip_at_once_is_waited_for_all_the_same(
    heygen: HeyGenStandIn, gateway: HeyGenGateway
) -> None:
    await gateway.submit(AGENT, BODIES[AGENT])
    (generation,) = heygen.generations
    answer = {"data": {"session_id": generation.id, "status": "generating", "video_id": generation.video_id}}
    heygen.script(json_reply(200, answer), method="POST", path="/v3/video-agents")
    operation = await gateway.submit(AGENT, BODIES[AGENT])
    assert operation == {"api": "agent", "id": generation.id, "video_id": generation.video_id}
    # Its clip is not known before the rendering begins: the session is.
    assert await gateway.poll(operation) == Pending(0.1, "thinking at HeyGen's video agent")
    assert isinstance(await ended(gateway, operation), Finished)


async def test_a_clip_named_at_once_is_enough(heygen: HeyGenStandIn, gateway: HeyGenGateway) -> None:
    heygen.plan()
    video = await gateway.submit(MODEL, BODIES[MODEL])
    heygen.script(json_reply(200, {"data": {"status": "completed"}}), path="/v3/video-agents/s")
    finished = await gateway.poll({"api": "agent", "id": "s", "video_id": video["id"]})
    assert isinstance(finished, Finished)
    assert finished.details["session_id"] == "s"


@pytest.mark.parametrize("progress", [True, "80", None, {}])
async def test_a_progress_that_is_no_number_is_not_told(
    heygen: HeyGenStandIn, gateway: HeyGenGateway, progress: Any
) -> None:
    operation = await gateway.submit(AGENT, BODIES[AGENT])
    heygen.script(json_reply(200, {"data": {"status": "thinking", "progress": progress}}), method="GET")
    state = await gateway.poll(operation)
    assert isinstance(state, Pending)
    assert state.progress is None


@pytest.mark.parametrize("endpoint_id", [V1, MODEL, AVATAR, AGENT])
@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        ("RENDER", "The encoder broke.", "generation_failed"),
        ("", "", "generation_failed"),
        ("", "The prompt violates our content policy", "content_policy"),
        ("", "Rejected by moderation", "content_policy"),
        ("", "aspect_ratio violates the rule of the model", "generation_failed"),
    ],
)
async def test_a_failed_generation_says_why(  # noqa: PLR0917 -- two fixtures and a row of the table
    heygen: HeyGenStandIn,
    gateway: HeyGenGateway,
    endpoint_id: str,
    code: str,
    message: str,
    expected: ErrorCode,
) -> None:
    heygen.plan()
    heygen.fail(code, message)
    state = await gateway.poll(await gateway.submit(endpoint_id, BODIES[endpoint_id]))
    assert isinstance(state, Failed)
    assert state.code == expected
    assert message.rstrip(".") in state.message
    assert not state.message.endswith("..")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("MODERATION_REJECTED", "content_policy"),
        ("nsfw_content", "content_policy"),
        ("insufficient_credit", "insufficient_credit"),
        ("timeout", "generation_failed"),
    ],
)
async def test_a_failure_code_decides_where_there_is_one(
    heygen: HeyGenStandIn, gateway: HeyGenGateway, code: str, expected: ErrorCode
) -> None:
    heygen.plan()
    heygen.fail(code, "It did not work")
    assert await gateway.poll(await gateway.submit(MODEL, BODIES[MODEL])) == Failed(
        expected, "HeyGen could not make the clip: It did not work."
    )


async def test_a_cancelled_model_video_has_failed(heygen: HeyGenStandIn, gateway: HeyGenGateway) -> None:
    heygen.plan("cancelled")
    state = await gateway.poll(await gateway.submit(MODEL, BODIES[MODEL]))
    assert state == Failed("generation_failed", "HeyGen could not make the clip: it was cancelled.")


@pytest.mark.parametrize("api", ["workflow", "model", "video", "agent"])
async def test_an_unknown_generation_is_gone(gateway: HeyGenGateway, api: str) -> None:
    with pytest.raises(OperationGone, match="does not know"):
        await gateway.poll({"api": api, "id": "nothing"})


async def test_an_id_cannot_lead_to_another_path(heygen: HeyGenStandIn, gateway: HeyGenGateway) -> None:
    with pytest.raises(OperationGone):
        await gateway.poll({"api": "model", "id": "../users/me?a=b#c"})
    assert heygen.requests[0].path == "/v3/models/videos/..%2Fusers%2Fme%3Fa%3Db%23c"


@pytest.mark.parametrize(
    ("api", "data"),
    [
        ("workflow", {"status": "completed", "output": {"video": {"video_url": ""}}}),
        ("workflow", {"status": "completed", "output": None}),
        ("model", {"status": "completed", "video_url": None}),
        ("video", {"status": "completed"}),
        ("agent", {"status": "completed", "video_id": None}),
    ],
)
async def test_a_finished_clip_without_an_address_is_no_failure(
    heygen: HeyGenStandIn, gateway: HeyGenGateway, api: str, data: dict[str, Any]
) -> None:
    heygen.script(json_reply(200, {"data": data}), method="GET")
    with pytest.raises(PollTrouble, match="reports a finished clip"):
        await gateway.poll({"api": api, "id": "x"})


POLL_FAULTS: list[tuple[Reply, ErrorCode, float | None, str]] = [
    (json_reply(401, error("unauthorized")), "unauthorized", None, "401: No."),
    (json_reply(403, error("forbidden")), "unauthorized", None, "403"),
    (json_reply(429, error("rate_limit_exceeded"), Retry_After="7"), "gateway_unavailable", 7.0, "429"),
    (json_reply(500, error("internal_error")), "gateway_unavailable", None, "500"),
    (json_reply(500, {"data": {"status": "failed"}}), "gateway_unavailable", None, "500"),
    (text_reply(502, HTML, Retry_After="3"), "gateway_unavailable", 3.0, "502: no reason given"),
    (text_reply(200, HTML), "gateway_unavailable", None, "cannot be read"),
    (text_reply(200, '{"data": {"status": '), "gateway_unavailable", None, "cannot be read"),
    (json_reply(200, {"data": {"status": 3}}), "gateway_unavailable", None, "cannot be read"),
    (json_reply(200, {"data": []}), "gateway_unavailable", None, "cannot be read"),
    (json_reply(307, {}, Location="/v3/videos/other"), "gateway_unavailable", None, "307"),
    (Reply(drop="before_body"), "gateway_unavailable", None, "could not be asked"),
    (Reply(200, b'{"data": {}}', sent=4), "gateway_unavailable", None, "could not be asked"),
]


@pytest.mark.parametrize(("reply", "code", "retry_after", "words"), POLL_FAULTS)
@pytest.mark.parametrize("api", ["workflow", "model", "video", "agent"])
async def test_a_look_that_fails_is_no_failure(  # noqa: PLR0917 -- two fixtures and a row of the table
    heygen: HeyGenStandIn,
    gateway: HeyGenGateway,
    api: str,
    reply: Reply,
    code: ErrorCode,
    retry_after: float | None,
    words: str,
) -> None:
    heygen.script(reply, method="GET")
    with pytest.raises(PollTrouble) as caught:
        await gateway.poll({"api": api, "id": "x"})
    assert (caught.value.code, caught.value.retry_after) == (code, retry_after)
    assert words in caught.value.message
    assert "<" not in caught.value.message
    assert len(heygen.requests) == 1


async def test_an_endless_answer_is_read_to_a_bound(heygen: HeyGenStandIn, gateway: HeyGenGateway) -> None:
    long = json_reply(200, {"data": {"status": "completed", "pad": "x" * (2 * MAX_REPLY_BYTES)}})
    heygen.script(long, method="GET")
    with pytest.raises(PollTrouble, match="cannot be read"):
        await gateway.poll({"api": "model", "id": "x"})


async def test_a_session_of_the_agent_can_be_stopped(heygen: HeyGenStandIn, gateway: HeyGenGateway) -> None:
    operation = await gateway.submit(AGENT, BODIES[AGENT])
    assert await gateway.cancel(operation) == "requested"
    assert heygen.generations[0].stopped
    assert await gateway.poll(operation) == Failed(
        "generation_failed", "HeyGen could not make the clip: The session was stopped."
    )
    assert await gateway.cancel(operation) == "too_late"
    assert await gateway.cancel({"api": "agent", "id": "nothing"}) == "unknown"


@pytest.mark.parametrize("reply", [Reply(drop="after_body"), json_reply(500, {}), json_reply(401, {})])
async def test_a_stop_that_does_not_get_through_is_told(
    heygen: HeyGenStandIn, gateway: HeyGenGateway, reply: Reply
) -> None:
    heygen.script(reply, path=".*/stop")
    with pytest.raises(PollTrouble):
        await gateway.cancel({"api": "agent", "id": "x"})


@pytest.mark.parametrize("api", ["workflow", "model", "video"])
async def test_nothing_else_can_be_stopped(heygen: HeyGenStandIn, gateway: HeyGenGateway, api: str) -> None:
    assert await gateway.cancel({"api": api, "id": "x"}) == "unknown"
    assert heygen.requests == []
