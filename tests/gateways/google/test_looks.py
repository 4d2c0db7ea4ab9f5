"""Looks at generations and cancellations, over real HTTP."""

import pytest
from tests.gateways.google.bodies import (
    BODY,
    OMNI,
    RETRY,
    SAFETY,
    VEO,
    VEO_BODY,
)
from tests.standins.google import INTERACTIONS, GoogleStandIn, failing
from tests.standins.server import Reply, json_reply, text_reply

from videogen_mcp.errors import (
    ErrorCode,
    GatewayError,
    OperationGone,
    PollTrouble,
)
from videogen_mcp.gateways.base import Failed, Finished, Operation, Pending
from videogen_mcp.gateways.google import GoogleGateway
from videogen_mcp.types import Json


async def looks(gateway: GoogleGateway, operation: Operation, number: int) -> list[Pending | Finished | Failed]:
    return [await gateway.poll(operation) for _ in range(number)]


@pytest.mark.parametrize(("endpoint", "body"), [(OMNI, BODY), (VEO, VEO_BODY)], ids=["omni", "veo"])
async def test_a_clip_is_waited_for_and_its_address_comes_with_the_key(
    google: GoogleStandIn, gateway: GoogleGateway, endpoint: str, body: Json
) -> None:
    first, last = await looks(gateway, await gateway.submit(endpoint, body), 2)
    assert first == Pending(None, "running at Google")
    assert isinstance(last, Finished)
    (clip,) = google.files
    assert last.url == f"{google.origin}/v1beta/files/{clip}:download?alt=media"
    assert last.headers == {"x-goog-api-key": google.key}
    assert google.key not in repr(last)


async def test_a_clip_that_is_still_stored_is_waited_for(google: GoogleStandIn, gateway: GoogleGateway) -> None:
    google.plan.looks, google.plan.file_looks = 0, 2
    operation = await gateway.submit(OMNI, BODY)
    first, second, third = await looks(gateway, operation, 3)
    assert first == second == Pending(None, "Google gets the clip ready")
    assert isinstance(third, Finished)
    assert third.details == {"total_input_tokens": 20, "total_output_tokens": 11_584}


@pytest.mark.parametrize(
    "uri",
    [
        "https://storage.example/clip.mp4",
        "http://[",
        "https://{host}@evil.example/v1beta/files/a",
        "http://x@{host}/v1beta/files/a",
        "//x",
    ],
)
@pytest.mark.parametrize(("endpoint", "body"), [(OMNI, BODY), (VEO, VEO_BODY)], ids=["omni", "veo"])
async def test_a_clip_elsewhere_is_fetched_without_the_key(
    google: GoogleStandIn, gateway: GoogleGateway, endpoint: str, body: Json, uri: str
) -> None:
    google.plan.looks, google.plan.clip_uri = 0, uri.format(host=google.origin.partition("//")[2])
    state = await gateway.poll(await gateway.submit(endpoint, body))
    assert isinstance(state, Finished)
    assert (state.url, state.headers) == (google.plan.clip_uri, {})


async def test_a_key_that_may_not_read_files_still_fetches_the_clip(
    google: GoogleStandIn, gateway: GoogleGateway
) -> None:
    google.plan.looks = 0
    google.script(failing(403, "No."), path="/v1beta/files/.*")
    assert isinstance(await gateway.poll(await gateway.submit(OMNI, BODY)), Finished)


def text_only(text: str) -> Json:
    part = {"type": "text", "text": text}
    return {"status": "completed", "steps": [{"type": "model_output", "content": [part]}]}


MADE = {"output_tokens_by_modality": [{"modality": "video", "tokens": 9}]}
FILTERED = {"generateVideoResponse": {"raiMediaFilteredCount": 1, "raiMediaFilteredReasons": ["It shows a child."]}}
COUNTED = {"generateVideoResponse": {"raiMediaFilteredCount": 1}}

ENDINGS: list[tuple[str, Json, ErrorCode, str]] = [
    (OMNI, text_only("I cannot make this."), "content_policy", "I cannot make this"),
    (OMNI, {"status": "completed", "usage": MADE}, "generation_failed", "does not say where"),
    (OMNI, {"status": "completed"}, "generation_failed", "without a reason"),
    (OMNI, {"status": "failed"}, "generation_failed", "no reason given"),
    (OMNI, {"status": "failed", "error": {"message": "Internal."}}, "generation_failed", "Internal"),
    (OMNI, {"status": "failed", "errors": [{"code": "SAFETY", "message": "Held."}]}, "content_policy", "Held"),
    (OMNI, {"status": "failed", "errors": [{"message": SAFETY}]}, "content_policy", "safety filters"),
    (OMNI, {"status": "cancelled"}, "generation_failed", "was cancelled"),
    (OMNI, {"status": "incomplete"}, "generation_failed", "ended early"),
    (OMNI, {"status": "budget_exceeded"}, "insufficient_credit", "spending limit"),
    (OMNI, {"status": "requires_action"}, "generation_failed", "cannot be given"),
    (OMNI, {"status": "requires_continuation"}, "generation_failed", "to be continued"),
    (VEO, {"response": FILTERED}, "content_policy", "It shows a child"),
    (VEO, {"response": COUNTED}, "content_policy", "held the clip back"),
    (VEO, {"response": {}}, "generation_failed", "holds no clip"),
    (VEO, {"error": {"code": 13, "message": "Internal."}}, "generation_failed", "Internal"),
    (VEO, {"error": {"code": 3, "message": SAFETY}}, "content_policy", "safety filters"),
]  # fmt: skip


@pytest.mark.parametrize(("endpoint", "ending", "code", "words"), ENDINGS)
async def test_every_end_without_a_clip_is_told_apart(  # noqa: PLR0917 -- pytest passes them by name
    google: GoogleStandIn, gateway: GoogleGateway, endpoint: str, ending: Json, code: ErrorCode, words: str
) -> None:
    google.plan.looks, google.plan.ending = 0, ending
    state = await gateway.poll(await gateway.submit(endpoint, BODY if endpoint == OMNI else VEO_BODY))
    assert isinstance(state, Failed)
    assert state.code == code
    assert words in state.message


@pytest.mark.parametrize(("ending", "words"), [("FAILED", "could not store"), (None, "does not keep")])
async def test_a_clip_that_google_lost(
    google: GoogleStandIn, gateway: GoogleGateway, ending: str | None, words: str
) -> None:
    google.plan.looks, google.plan.file_ending = 0, ending or "ACTIVE"
    if ending is None:
        google.script(failing(404, "Not found."), path="/v1beta/files/.*")
    state = await gateway.poll(await gateway.submit(OMNI, BODY))
    assert isinstance(state, Failed)
    assert words in state.message


async def test_a_status_that_nobody_knows_is_waited_on(google: GoogleStandIn, gateway: GoogleGateway) -> None:
    google.plan.looks, google.plan.ending = 0, {"status": "rendering"}
    assert await gateway.poll(await gateway.submit(OMNI, BODY)) == Pending(None, "rendering")


TROUBLES: list[tuple[Reply, type[GatewayError], ErrorCode, float | None]] = [
    (Reply(drop="after_body"), PollTrouble, "gateway_unavailable", None),
    (text_reply(200, "<html>"), PollTrouble, "gateway_unavailable", None),
    (text_reply(502, "<html>"), PollTrouble, "gateway_unavailable", None),
    (failing(400, "Odd."), PollTrouble, "gateway_unavailable", None),
    (failing(400, "API key expired."), PollTrouble, "unauthorized", None),
    (failing(403, "No."), PollTrouble, "unauthorized", None),
    (failing(429, "Slow down.", **RETRY), PollTrouble, "gateway_unavailable", 34.0),
    (json_reply(503, {}, Retry_After="7"), PollTrouble, "gateway_unavailable", 7.0),
    (failing(400, "Invalid interaction name."), OperationGone, "generation_failed", None),
    (failing(404, "Gone."), OperationGone, "generation_failed", None),
]  # fmt: skip


@pytest.mark.parametrize("operation", [{"interaction": "v1_a"}, {"operation": f"models/{VEO}/operations/a"}])
@pytest.mark.parametrize(("reply", "kind", "code", "retry_after"), TROUBLES)
async def test_a_look_that_fails_is_no_failure_of_the_generation(  # noqa: PLR0917 -- pytest passes them by name
    google: GoogleStandIn,
    gateway: GoogleGateway,
    operation: Operation,
    reply: Reply,
    kind: type[GatewayError],
    code: ErrorCode,
    retry_after: float | None,
) -> None:
    google.script(reply, method="GET")
    with pytest.raises(GatewayError) as caught:
        await gateway.poll(operation)
    assert (type(caught.value), caught.value.code) == (kind, code)
    assert getattr(caught.value, "retry_after", None) == retry_after


async def test_an_id_stays_one_segment_of_the_path(google: GoogleStandIn, gateway: GoogleGateway) -> None:
    google.script(failing(404, "Gone."), method="GET")
    with pytest.raises(OperationGone):
        await gateway.poll({"interaction": "../models?key=1"})
    (sent,) = google.requests
    assert (sent.path, sent.query) == (f"{INTERACTIONS}/..%2Fmodels%3Fkey%3D1", {})


# Cancellations.


async def test_an_interaction_can_be_stopped_while_it_runs(google: GoogleStandIn, gateway: GoogleGateway) -> None:
    operation = await gateway.submit(OMNI, BODY)
    assert await gateway.cancel(operation) == "requested"
    state = await gateway.poll(operation)
    assert isinstance(state, Failed)
    google.accepted[0].looks = 0
    assert await gateway.cancel(operation) == "too_late"
    assert await gateway.cancel({"interaction": "v1_unknown"}) == "unknown"


async def test_veo_cannot_be_stopped(google: GoogleStandIn, gateway: GoogleGateway) -> None:
    operation = await gateway.submit(VEO, VEO_BODY)
    assert await gateway.cancel(operation) == "too_late"
    assert len(google.requests) == 1


@pytest.mark.parametrize("reply", [failing(503, "Busy."), failing(400, "API key expired."), Reply(drop="after_body")])
async def test_a_cancellation_that_does_not_get_through(
    google: GoogleStandIn, gateway: GoogleGateway, reply: Reply
) -> None:
    operation = await gateway.submit(OMNI, BODY)
    google.script(reply, path=rf"{INTERACTIONS}/.*/cancel")
    with pytest.raises(PollTrouble):
        await gateway.cancel(operation)
