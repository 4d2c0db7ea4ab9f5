"""Submits to Google over real HTTP: what is sent, and what every answer means."""

import base64
import json
import logging
import socket
from pathlib import Path

import httpx2
import pytest
from tests.catalogue.goldens import GOLDENS
from tests.gateways.google.bodies import (
    BODY,
    OMNI,
    RETRY,
    SAFETY,
    SUBMITS,
    VEO,
    VEO_BODY,
    Sleeper,
    clip_file,
    gateway_at,
    picture,
    told,
    with_data,
)
from tests.standins.google import INTERACTIONS, GoogleStandIn, failing
from tests.standins.server import Reply, json_reply, text_reply

from videogen_mcp.errors import (
    ErrorCode,
    GatewayError,
    InvalidRequest,
    NotSent,
    PollTrouble,
    SubmitRefused,
    SubmitUncertain,
)
from videogen_mcp.gateways.google import GoogleGateway
from videogen_mcp.types import Json, texts_in


async def test_a_submit_is_one_post_with_the_key_in_its_header(google: GoogleStandIn, gateway: GoogleGateway) -> None:
    operation = await gateway.submit(OMNI, BODY)
    (sent,) = google.requests
    assert (sent.method, sent.path, sent.query) == ("POST", INTERACTIONS, {})
    assert sent.headers["x-goog-api-key"] == google.key
    assert sent.json == {
        "model": "gemini-omni-1.1-flash",
        "input": [{"type": "text", "text": "A fox runs over snow"}],
        "background": True,
        "generation_config": {"video_config": {"task": "text_to_video"}},
        "response_format": {"type": "video", "delivery": "uri", "resolution": "360p", "duration": "4s"},
    }
    assert operation == {"interaction": google.accepted[0].id}


async def test_media_are_parts_of_the_input_in_the_order_of_googles_tags(
    google: GoogleStandIn, gateway: GoogleGateway, tmp_path: Path
) -> None:
    first, last = picture(tmp_path, "a.png"), picture(tmp_path, "b.png")
    clip = tmp_path / "a.mp4"
    clip.write_bytes(b"a clip")
    frames = {
        "first_frame": await gateway.upload(first, "image/png"),
        "last_frame": await gateway.upload(last, "image/png"),
    }
    body = {
        "task": "image_to_video",
        "prompt": "Dusk",
        **frames,
        "duration": "3s",
        "aspect_ratio": "9:16",
        "resolution": "4k",
    }
    await gateway.submit("gemini-omni-1.2-flash/image-to-video", body)
    assert google.requests[-1].json["input"] == [
        with_data(first.read_bytes()),
        with_data(last.read_bytes()),
        {"type": "text", "text": "Dusk"},
    ]
    assert google.requests[-1].json["response_format"] == {
        "type": "video", "delivery": "uri", "aspect_ratio": "9:16", "resolution": "4k", "duration": "3s",
    }  # fmt: skip
    uri = await gateway.upload(clip, "video/mp4")
    edit = {
        "task": "edit",
        "prompt": "Green",
        "source_video": uri,
        "reference_images": [frames["last_frame"]],
        "resolution": "720p",
    }
    await gateway.submit("gemini-omni-1.1-flash/edit", edit)
    assert google.requests[-1].json["input"] == [
        {"type": "video", "uri": uri},
        with_data(last.read_bytes()),
        {"type": "text", "text": "Green"},
    ]


async def test_veo_takes_instances_and_parameters(
    google: GoogleStandIn, gateway: GoogleGateway, tmp_path: Path
) -> None:
    path = picture(tmp_path)
    uri = await gateway.upload(path, "image/png")
    image = {"bytesBase64Encoded": base64.b64encode(path.read_bytes()).decode(), "mimeType": "image/png"}
    body = VEO_BODY | {"image": uri, "lastFrame": uri, "durationSeconds": 8, "negativePrompt": "people"}
    operation = await gateway.submit(f"{VEO}/first-last-frame", body)
    (sent,) = google.requests
    assert (sent.method, sent.path) == ("POST", f"/v1beta/models/{VEO}:predictLongRunning")
    assert sent.json == {
        "instances": [{"prompt": "A fox runs over snow", "image": image, "lastFrame": image}],
        "parameters": {"durationSeconds": 8, "resolution": "720p", "negativePrompt": "people"},
    }
    assert operation == {"operation": f"models/{VEO}/operations/{google.accepted[0].id}"}
    reference = {"image": uri, "referenceType": "asset"}
    await gateway.submit(f"{VEO}/reference-to-video", VEO_BODY | {"durationSeconds": 8, "referenceImages": [reference]})
    assert google.requests[1].json["instances"][0]["referenceImages"] == [{"image": image, "referenceType": "asset"}]


OWN = [golden for golden in GOLDENS if golden["endpoint"].startswith("google:")]


@pytest.mark.parametrize("golden", OWN, ids=lambda golden: f"{golden['endpoint']}-{golden['mode']}")
async def test_every_golden_is_taken_as_documented(
    google: GoogleStandIn, gateway: GoogleGateway, tmp_path: Path, golden: Json
) -> None:
    handed: dict[str, str] = {}
    for address in {text for text in texts_in(golden["body"]) if text.startswith("https://")}:
        path = tmp_path / address.rpartition("/")[2]
        if path.suffix == ".png":
            picture(tmp_path, path.name)
        else:
            path.write_bytes(b"a clip")
        handed[address] = await gateway.upload(path, "image/png" if path.suffix == ".png" else "video/mp4")
    written = json.dumps(golden["body"])
    for address, text in handed.items():
        written = written.replace(json.dumps(address), json.dumps(text))
    await gateway.submit(golden["endpoint"].removeprefix("google:"), json.loads(written))
    assert len(google.accepted) == 1


def quota(quota_id: str) -> Json:
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": quota_id}]}


EXCEEDED = "You exceeded your current quota, please check your plan and billing details."
COUNTRY = "User location is not supported for the API use."
LISTED = json_reply(400, [{"error": {"code": 400, "message": "API key expired.", "status": "INVALID_ARGUMENT"}}])
WORDED = json_reply(400, {"error": {"code": "invalid_request", "message": "duration is out of range"}})

ANSWERS: list[tuple[Reply, type[GatewayError], ErrorCode, str]] = [
    (Reply(drop="before_body"), SubmitUncertain, "submit_uncertain", "lost"),
    (Reply(drop="after_body"), SubmitUncertain, "submit_uncertain", "lost"),
    (Reply(200, b'{"id": "v1_', sent=8), SubmitUncertain, "submit_uncertain", "lost"),
    (text_reply(200, "<title>Google</title>"), SubmitUncertain, "submit_uncertain", "cannot be read"),
    (json_reply(200, []), SubmitUncertain, "submit_uncertain", "cannot be read"),
    (json_reply(200, {"status": "queued"}), SubmitUncertain, "submit_uncertain", "holds no"),
    (json_reply(200, {"id": "", "name": 7}), SubmitUncertain, "submit_uncertain", "holds no"),
    (text_reply(500, "<title>Error</title>"), SubmitUncertain, "submit_uncertain", "500: no reason given"),
    (failing(503, "The model is overloaded.", name="UNAVAILABLE"), SubmitUncertain, "submit_uncertain", "overloaded"),
    (failing(504, "Deadline expired.", name="DEADLINE_EXCEEDED"), SubmitUncertain, "submit_uncertain", "504"),
    (json_reply(408, {}), SubmitUncertain, "submit_uncertain", "408"),
    (json_reply(499, {}), SubmitUncertain, "submit_uncertain", "499"),
    (Reply(307, headers={"Location": "/v1/interactions"}), SubmitRefused, "gateway_unavailable", "307"),
    (failing(400, "durationSeconds is out of bound."), SubmitRefused, "invalid_request", "out of bound"),
    (WORDED, SubmitRefused, "invalid_request", "duration is out of range"),
    (failing(400, "Invalid value at 'safety_settings'."), SubmitRefused, "invalid_request", "safety_settings"),
    (failing(400, SAFETY), SubmitRefused, "content_policy", "safety filters"),
    (failing(400, "It violates Google's usage guidelines."), SubmitRefused, "content_policy", "guidelines"),
    (failing(400, "No.", name="PROHIBITED_CONTENT"), SubmitRefused, "content_policy", "No"),
    (failing(400, "API key not valid.", reason="API_KEY_INVALID"), SubmitRefused, "unauthorized", "not valid"),
    (LISTED, SubmitRefused, "unauthorized", "API key expired"),
    (failing(401, "No credentials."), SubmitRefused, "unauthorized", "401"),
    (failing(403, "Blocked.", reason="API_KEY_SERVICE_BLOCKED"), SubmitRefused, "unauthorized", "403"),
    (failing(403, "The API is off.", reason="SERVICE_DISABLED"), SubmitRefused, "unauthorized", "off"),
    (failing(403, "No billing.", reason="BILLING_DISABLED"), SubmitRefused, "insufficient_credit", "403"),
    (failing(402, "Pay."), SubmitRefused, "insufficient_credit", "402"),
    (failing(429, "Your prepayment credits are depleted."), SubmitRefused, "insufficient_credit", "depleted"),
    (failing(429, EXCEEDED), SubmitRefused, "insufficient_credit", "quota"),
    (failing(429, "Exhausted.", **quota("RequestsPerDay-FreeTier")), SubmitRefused, "insufficient_credit", "429"),
    (failing(429, "Exhausted.", **quota("RequestsPerMinute")), SubmitRefused, "gateway_unavailable", "429"),
    (failing(429, EXCEEDED, **RETRY), SubmitRefused, "gateway_unavailable", "left alone for 34 s"),
    (failing(429, "Resource has been exhausted."), SubmitRefused, "gateway_unavailable", "exhausted"),
    (failing(400, COUNTRY, name="FAILED_PRECONDITION"), SubmitRefused, "gateway_unavailable", "location"),
    (failing(400, "Enable billing.", name="FAILED_PRECONDITION"), SubmitRefused, "insufficient_credit", "billing"),
    (failing(404, "models/x is no longer available."), SubmitRefused, "invalid_request", "does not serve this model"),
    (failing(413, "Too large."), SubmitRefused, "invalid_request", "Too large"),
    (failing(418, "Tea."), SubmitRefused, "gateway_unavailable", "Tea"),
]  # fmt: skip


@pytest.mark.parametrize(("endpoint", "body"), [(OMNI, BODY), (VEO, VEO_BODY)], ids=["omni", "veo"])
@pytest.mark.parametrize(("reply", "kind", "code", "words"), ANSWERS)
async def test_every_answer_to_a_submit_is_told_apart(  # noqa: PLR0917 -- pytest passes them by name
    google: GoogleStandIn,
    gateway: GoogleGateway,
    caplog: pytest.LogCaptureFixture,
    endpoint: str,
    body: Json,
    reply: Reply,
    kind: type[GatewayError],
    code: ErrorCode,
    words: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    google.script(reply, method="POST", path=SUBMITS)
    with pytest.raises(GatewayError) as caught:
        await gateway.submit(endpoint, body)
    assert (type(caught.value), caught.value.code) == (kind, code)
    assert words in told(caught.value)
    assert len(google.requests) == 1, "one submit, whatever the answer"
    assert google.key not in told(caught.value) + caplog.text


async def test_an_accepted_submit_whose_answer_is_lost_is_not_sent_again(
    google: GoogleStandIn, gateway: GoogleGateway
) -> None:
    google.script(Reply(drop="after_body"), path=INTERACTIONS, accepted=True)
    with pytest.raises(SubmitUncertain):
        await gateway.submit(OMNI, BODY)
    assert (len(google.requests), len(google.accepted)) == (1, 1)


async def test_a_key_that_an_answer_repeats_is_not_repeated_again(
    google: GoogleStandIn, gateway: GoogleGateway
) -> None:
    google.script(failing(403, f"The key {google.key} is blocked."), path=INTERACTIONS)
    with pytest.raises(SubmitRefused, match="The key … is blocked") as caught:
        await gateway.submit(OMNI, BODY)
    assert google.key not in told(caught.value)


async def test_nothing_is_sent_where_nobody_listens(http: httpx2.AsyncClient, sleeper: Sleeper, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        host = f"127.0.0.1:{free.getsockname()[1]}"
    environment = {"VIDEOGEN_GOOGLE_URL": f"http://{host}", "VIDEOGEN_ALLOWED_HOSTS": host, "GEMINI_API_KEY": "k"}
    gateway = gateway_at(environment, http, sleeper, tmp_path)
    with pytest.raises(NotSent, match="no connection"):
        await gateway.submit(OMNI, BODY)
    with pytest.raises(NotSent, match="no connection"):
        await gateway.upload(clip_file(tmp_path), "video/mp4")
    with pytest.raises(PollTrouble, match="no connection"):
        await gateway.poll({"interaction": "v1_a"})


@pytest.mark.parametrize("key", ["a\nb", "schlüssel"])
async def test_a_key_that_no_header_can_carry(
    http: httpx2.AsyncClient, sleeper: Sleeper, tmp_path: Path, key: str
) -> None:
    with pytest.raises(InvalidRequest, match="GEMINI_API_KEY holds a character") as caught:
        gateway_at({"GEMINI_API_KEY": key}, http, sleeper, tmp_path)
    assert (caught.value.code, caught.value.field) == ("unauthorized", "GEMINI_API_KEY")
