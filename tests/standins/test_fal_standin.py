import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import httpx2
import pytest
from tests.standins.clips import ClipAudio, ClipKind, clip_request, make_clip
from tests.standins.fal import FalStandIn
from tests.standins.schemas import endpoints

KLING_TEXT = "fal-ai/kling-video/v3/pro/text-to-video"
KLING_IMAGE = "fal-ai/kling-video/v3/pro/image-to-video"
VEO = "fal-ai/veo3.1"
VEO_FRAMES = "fal-ai/veo3.1/first-last-frame-to-video"
WAN_TEXT = "fal-ai/wan/v2.7/text-to-video"
WAN_IMAGE = "fal-ai/wan/v2.7/image-to-video"
WAN_OLD = "fal-ai/wan-i2v"
HAILUO_TEXT = "fal-ai/minimax/hailuo-2.3/standard/text-to-video"
HAILUO_IMAGE = "fal-ai/minimax/hailuo-02/pro/image-to-video"
SEEDANCE_TEXT = "bytedance/seedance-2.0/text-to-video"
SEEDANCE_REFERENCE = "bytedance/seedance-2.0/reference-to-video"
PICTURE = "https://pictures.example/cat.png"
PROMPT = {"prompt": "A cat walks over a roof"}
PIXEL = "data:image/png;base64,iVBORw0KGgo="


@pytest.fixture(name="standin")
def standin_fixture() -> Iterator[FalStandIn]:
    with FalStandIn() as standin:
        yield standin


@pytest.fixture(name="client")
def client_fixture(standin: FalStandIn) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Key {standin.key}"}
    with httpx2.Client(base_url=standin.url, headers=headers, timeout=5, trust_env=False) as client:
        yield client


@pytest.fixture(name="bare")
def bare_fixture() -> Iterator[httpx2.Client]:
    with httpx2.Client(timeout=5, trust_env=False) as client:
        yield client


def finish(client: httpx2.Client, endpoint: str, body: dict[str, Any]) -> tuple[dict[str, Any], httpx2.Response]:
    submitted = client.post(f"/{endpoint}", json=body)
    assert submitted.status_code == 200, submitted.text
    while client.get(submitted.json()["status_url"]).status_code == 202:
        continue
    status = client.get(submitted.json()["status_url"], params={"logs": "1"}).json()
    return status, client.get(submitted.json()["response_url"])


def seconds_of(data: bytes) -> float:
    with av.open(io.BytesIO(data), "r") as container:
        assert container.duration is not None
        return container.duration / 1_000_000


def test_a_generation_from_submit_to_download(standin: FalStandIn, client: httpx2.Client, bare: httpx2.Client) -> None:
    submitted = client.post(f"/{KLING_TEXT}", json={**PROMPT, "duration": "3", "aspect_ratio": "9:16"})
    acknowledgement = submitted.json()
    request_id = acknowledgement["request_id"]
    address = f"{standin.queue_url}/fal-ai/kling-video/requests/{request_id}"
    assert acknowledgement == {
        "status": "IN_QUEUE",
        "request_id": request_id,
        "response_url": address,
        "status_url": f"{address}/status",
        "cancel_url": f"{address}/cancel",
        "queue_position": 0,
    }
    early = client.get(address)
    assert (early.status_code, early.json()) == (400, {"detail": "Request is still in progress"})

    statuses = [client.get(f"{address}/status", params={"logs": "true"}) for _ in range(3)]
    assert [status.status_code for status in statuses] == [202, 202, 200]
    assert [status.json()["status"] for status in statuses] == ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]
    assert statuses[0].json()["queue_position"] == 0
    assert statuses[1].json()["logs"][0]["message"]
    assert statuses[2].json()["metrics"]["inference_time"] > 0

    result = client.get(address)
    video = result.json()["video"]
    assert result.headers["x-fal-billable-units"] == "3"
    assert set(video) == {"url", "content_type", "file_name", "file_size"}
    downloaded = bare.get(video["url"])
    assert downloaded.headers["content-type"] == "video/mp4"
    assert len(downloaded.content) == video["file_size"]
    assert seconds_of(downloaded.content) == pytest.approx(3, abs=0.05)
    assert standin.accepted == [request_id]
    assert [request.json["duration"] for request in standin.submits] == ["3"]
    assert standin.violations == []


def test_the_output_follows_the_output_schema(client: httpx2.Client) -> None:
    _, result = finish(client, WAN_TEXT, {**PROMPT, "duration": 2, "seed": 7})
    assert result.json()["seed"] == 7
    assert result.json()["actual_prompt"] == PROMPT["prompt"]
    assert {"duration", "fps", "width", "height", "num_frames"} <= set(result.json()["video"])


@pytest.mark.parametrize(
    ("endpoint", "body", "seconds"),
    [
        (KLING_TEXT, {"duration": "4"}, 4),
        (KLING_TEXT, {"multi_prompt": [{"prompt": "a", "duration": "3"}, {"prompt": "b"}]}, 8),
        (VEO, {"duration": "6s"}, 6),
        (VEO, {}, 8),
        (WAN_TEXT, {"duration": 9}, 9),
        (WAN_OLD, {"num_frames": 96, "frames_per_second": 24}, 4),
        (HAILUO_TEXT, {}, 6),
        (SEEDANCE_TEXT, {"duration": "auto"}, 5),
    ],
)
def test_the_video_is_as_long_as_asked(endpoint: str, body: dict[str, Any], seconds: float) -> None:
    assert clip_request(endpoint, body).seconds == seconds


@pytest.mark.parametrize(
    ("method", "path", "arguments", "status"),
    [
        ("POST", f"/{VEO}", {"json": PROMPT, "headers": {"Authorization": "Key wrong"}}, 401),
        ("POST", f"/{VEO}", {"json": PROMPT, "headers": {"Authorization": "Bearer wrong"}}, 401),
        ("POST", f"/{VEO}", {"content": json.dumps(PROMPT), "headers": {"Content-Type": "text/plain"}}, 415),
        ("POST", f"/{VEO}", {"content": "[1]", "headers": {"Content-Type": "application/json"}}, 400),
        ("POST", f"/{VEO}", {"content": "{", "headers": {"Content-Type": "application/json"}}, 400),
        ("POST", f"/{VEO}", {"content": '{"a": NaN}', "headers": {"Content-Type": "application/json"}}, 400),
        ("POST", "/fal-ai/veo3.1/fast-and-free", {"json": PROMPT}, 404),
        ("POST", f"/{VEO}", {"json": PROMPT, "params": {"webhook": "https://hook.example"}}, 400),
        ("GET", f"/{VEO}", {}, 405),
        ("GET", "/fal-ai/veo3.1/requests/unknown/status", {}, 404),
        ("GET", "/fal-ai/veo3.1/requests/unknown", {}, 404),
        ("PUT", "/fal-ai/veo3.1/requests/unknown/cancel", {}, 404),
        ("POST", "/fal-ai/veo3.1/requests/unknown/cancel", {}, 405),
        ("GET", "/files/nothing.mp4", {"headers": {"Authorization": ""}}, 404),
    ],
)
def test_refusals(
    *, standin: FalStandIn, client: httpx2.Client, method: str, path: str, arguments: dict[str, Any], status: int
) -> None:
    assert client.request(method, path, **arguments).status_code == status
    assert standin.accepted == []


def test_no_key_at_all_is_refused(standin: FalStandIn, bare: httpx2.Client) -> None:
    refused = bare.post(f"{standin.url}/{VEO}", json=PROMPT)
    assert refused.status_code == 401
    assert len(standin.submits) == 1


def test_status_result_and_cancel_take_only_the_first_two_segments(client: httpx2.Client) -> None:
    body = {**PROMPT, "start_image_url": PICTURE}
    request_id = client.post(f"/{KLING_IMAGE}", json=body).json()["request_id"]
    full = f"/{KLING_IMAGE}/requests/{request_id}"
    assert client.get(f"{full}/status").status_code == 405
    assert client.get(full).status_code == 405
    assert client.put(f"{full}/cancel").status_code == 405
    assert client.get(f"/fal-ai/veo3.1/requests/{request_id}/status").status_code == 404
    assert client.get(f"/fal-ai/kling-video/requests/{request_id}/status").status_code == 202


def test_a_longer_queue_than_allowed_is_refused(standin: FalStandIn, client: httpx2.Client) -> None:
    for expected in (200, 429):
        answer = client.post(f"/{VEO}", json=PROMPT, params={"fal_max_queue_length": "0"})
        assert answer.status_code == expected
    assert len(standin.accepted) == 1


FRAMES = {**PROMPT, "first_frame_url": PICTURE, "last_frame_url": PICTURE}
HAILUO = {**PROMPT, "image_url": PICTURE}
SHOT = {"prompt": "A roof"}
START = {"start_image_url": PICTURE}


@pytest.mark.parametrize(
    ("endpoint", "body", "location", "kind"),
    [
        (KLING_IMAGE, {**PROMPT, "image_url": PICTURE}, ["start_image_url"], "missing"),
        (KLING_IMAGE, {**PROMPT, **START, "image_url": PICTURE}, ["image_url"], "extra_forbidden"),
        (VEO, {**PROMPT, "duration": 8}, ["duration"], "string_type"),
        (VEO, {**PROMPT, "duration": "8"}, ["duration"], "literal_error"),
        (VEO, {**PROMPT, "generate_audio": 1}, ["generate_audio"], "bool_type"),
        (VEO, {**PROMPT, "seed": None}, ["seed"], "int_type"),
        (VEO, {}, ["prompt"], "missing"),
        (VEO_FRAMES, {**FRAMES, "last_frame_url": "http://x.example/a.png"}, ["last_frame_url"], "value_error"),
        (VEO_FRAMES, {**FRAMES, "last_frame_url": "/home/a.png"}, ["last_frame_url"], "value_error"),
        (VEO_FRAMES, {**FRAMES, "last_frame_url": "data:image/png;base64,%"}, ["last_frame_url"], "value_error"),
        (WAN_TEXT, {**PROMPT, "duration": "5"}, ["duration"], "int_type"),
        (WAN_TEXT, {**PROMPT, "duration": 5.0}, ["duration"], "int_type"),
        (WAN_TEXT, {**PROMPT, "duration": True}, ["duration"], "int_type"),
        (WAN_TEXT, {**PROMPT, "duration": 16}, ["duration"], "literal_error"),
        (WAN_TEXT, {**PROMPT, "seed": 2147483648}, ["seed"], "less_than_equal"),
        (WAN_TEXT, {**PROMPT, "seed": -1}, ["seed"], "greater_than_equal"),
        (WAN_TEXT, {"prompt": "x" * 5001}, ["prompt"], "string_too_long"),
        (WAN_TEXT, {**PROMPT, "negative_prompt": "x" * 501}, ["negative_prompt"], "string_too_long"),
        (WAN_IMAGE, {"image_url": PICTURE, "video_url": PICTURE}, [], "value_error"),
        (WAN_IMAGE, PROMPT, [], "value_error"),
        (WAN_OLD, {**HAILUO, "num_frames": 80}, ["num_frames"], "greater_than_equal"),
        (WAN_OLD, {**HAILUO, "num_frames": 90.0}, ["num_frames"], "int_type"),
        (WAN_OLD, {**HAILUO, "frames_per_second": 25}, ["frames_per_second"], "less_than_equal"),
        (WAN_OLD, {**HAILUO, "guide_scale": "5"}, ["guide_scale"], "float_type"),
        (HAILUO_IMAGE, {**HAILUO, "duration": "6"}, ["duration"], "extra_forbidden"),
        (KLING_TEXT, {**PROMPT, "multi_prompt": [SHOT]}, [], "value_error"),
        (KLING_TEXT, {}, [], "value_error"),
        (KLING_TEXT, {"multi_prompt": SHOT}, ["multi_prompt"], "list_type"),
        (KLING_TEXT, {"multi_prompt": ["A roof"]}, ["multi_prompt", 0], "dict_type"),
        (KLING_TEXT, {"multi_prompt": [{"duration": "3"}]}, ["multi_prompt", 0, "prompt"], "missing"),
        (KLING_TEXT, {"multi_prompt": [{**SHOT, "duration": 3}]}, ["multi_prompt", 0, "duration"], "string_type"),
        (KLING_IMAGE, {**PROMPT, **START, "elements": [{"video_url": PICTURE}] * 2}, ["elements"], "value_error"),
        (SEEDANCE_REFERENCE, {**PROMPT, "image_urls": [PICTURE] * 10}, ["image_urls"], "too_long"),
        (SEEDANCE_REFERENCE, {**PROMPT, "image_urls": [PICTURE, 1]}, ["image_urls", 1], "string_type"),
        (SEEDANCE_REFERENCE, {**PROMPT, "audio_urls": [PICTURE]}, ["audio_urls"], "value_error"),
        (
            SEEDANCE_REFERENCE,
            {**PROMPT, "image_urls": [PICTURE] * 9, "video_urls": [PICTURE] * 2, "audio_urls": [PICTURE] * 2},
            [],
            "value_error",
        ),
        (SEEDANCE_TEXT, {**PROMPT, "seed": 1}, ["seed"], "extra_forbidden"),
    ],
)
def test_a_wrong_input_shows_when_the_result_is_fetched(
    *, standin: FalStandIn, client: httpx2.Client, endpoint: str, body: dict[str, Any], location: list[Any], kind: str
) -> None:
    status, result = finish(client, endpoint, body)
    assert status["status"] == "COMPLETED"
    assert status["error"]
    assert status["error_type"]
    assert (result.status_code, result.headers["x-fal-retryable"]) == (422, "false")
    found = {(tuple(entry["loc"]), entry["type"]) for entry in result.json()["detail"]}
    assert (("body", *location), kind) in found
    assert standin.violations == []


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        (KLING_IMAGE, {**PROMPT, "start_image_url": PIXEL, "elements": [{"frontal_image_url": PICTURE}]}),
        (KLING_TEXT, {"multi_prompt": [{**SHOT, "duration": "3"}], "cfg_scale": 1}),
        (VEO_FRAMES, FRAMES),
        (WAN_IMAGE, {"image_url": PICTURE, "seed": 0, "duration": 2}),
        (WAN_OLD, {**HAILUO, "num_frames": 100, "frames_per_second": 24}),
        (HAILUO_IMAGE, HAILUO),
        (HAILUO_TEXT, {**PROMPT, "duration": "6"}),
        (SEEDANCE_REFERENCE, {**PROMPT, "image_urls": [PICTURE] * 9, "audio_urls": [PICTURE] * 3}),
    ],
)
def test_a_right_input_is_taken(client: httpx2.Client, endpoint: str, body: dict[str, Any]) -> None:
    _, result = finish(client, endpoint, body)
    assert result.status_code == 200, result.text


def test_a_wrong_input_can_be_refused_at_once() -> None:
    with FalStandIn(validate_at="submit") as standin:
        headers = {"Authorization": f"Key {standin.key}"}
        refused = httpx2.post(f"{standin.url}/{VEO}", json={**PROMPT, "duration": 8}, headers=headers, trust_env=False)
        assert refused.status_code == 422
        assert refused.json()["detail"][0]["loc"] == ["body", "duration"]
        assert standin.accepted == []


def test_the_data_hold_exactly_the_known_endpoints() -> None:
    assert len(endpoints()) == 13
    assert all(schema["source"] and schema["date"] for schema in endpoints().values())


def test_cancel_of_a_queued_a_running_and_a_complete_generation(client: httpx2.Client) -> None:
    queued = client.post(f"/{VEO}", json=PROMPT).json()
    cancelled = client.put(queued["cancel_url"])
    assert (cancelled.status_code, cancelled.json()) == (202, {"status": "CANCELLATION_REQUESTED"})
    status = client.get(queued["status_url"]).json()
    assert (status["status"], status["error_type"]) == ("COMPLETED", "client_cancelled")
    result = client.get(queued["response_url"])
    assert (result.status_code, result.json()["error_type"]) == (499, "client_cancelled")

    running = client.post(f"/{VEO}", json=PROMPT).json()
    for _ in range(2):
        client.get(running["status_url"])
    assert client.put(running["cancel_url"]).status_code == 202
    assert client.get(running["status_url"]).json()["status"] == "COMPLETED"
    late = client.put(running["cancel_url"])
    assert (late.status_code, late.json()) == (400, {"status": "ALREADY_COMPLETED"})


def test_hold_and_plan(standin: FalStandIn, client: httpx2.Client) -> None:
    standin.plan(polls_queued=0, polls_running=1)
    standin.hold()
    address = client.post(f"/{VEO}", json=PROMPT).json()["status_url"]
    assert {client.get(address).json()["status"] for _ in range(5)} == {"IN_PROGRESS"}
    standin.release()
    assert client.get(address).json()["status"] == "COMPLETED"
    standin.plan(0, 0)
    assert client.get(client.post(f"/{VEO}", json=PROMPT).json()["response_url"]).status_code == 200


def test_upload_and_its_use(standin: FalStandIn, client: httpx2.Client, bare: httpx2.Client) -> None:
    asked = client.post("/rest/storage/auth/token", params={"storage_type": "fal-cdn-v3"}, json={})
    token = asked.json()
    assert (token["token_type"], token["base_url"]) == ("Bearer", standin.cdn_url)
    headers = {"Content-Type": "image/png", "X-Fal-File-Name": "a cat.png"}
    headers["Authorization"] = f"Bearer {token['token']}"
    pieces = (piece for piece in (b"pic", b"ture"))
    url = bare.post(f"{standin.cdn_url}/files/upload", content=pieces, headers=headers).json()["access_url"]
    served = bare.get(url)
    assert (served.content, served.headers["content-type"]) == (b"picture", "image/png")
    assert [(upload.file_name, upload.data) for upload in standin.uploads] == [("a cat.png", b"picture")]
    assert finish(client, HAILUO_IMAGE, {**PROMPT, "image_url": url})[1].status_code == 200
    lost = finish(client, HAILUO_IMAGE, {**PROMPT, "image_url": f"{standin.files_url}/uploads/lost.png"})[1]
    assert lost.json()["detail"][0]["type"] == "file_download_error"
    assert standin.violations == []


def test_upload_refusals(standin: FalStandIn, client: httpx2.Client, bare: httpx2.Client) -> None:
    assert client.post("/rest/storage/auth/token", json={}).status_code == 400
    assert bare.post(f"{standin.rest_url}/storage/auth/token", json={}).status_code == 401
    stranger = {"Authorization": "Bearer stranger", "Content-Type": "image/png", "X-Fal-File-Name": "a.png"}
    assert bare.post(f"{standin.cdn_url}/files/upload", content=b"x", headers=stranger).status_code == 401
    assert standin.violations == []
    assert client.post("/cdn/files/upload", content=b"x", headers={"X-Fal-File-Name": "a.png"}).status_code == 400
    assert len(standin.violations) == 1


def test_the_key_where_it_does_not_belong_is_a_violation(standin: FalStandIn, client: httpx2.Client) -> None:
    video = finish(client, VEO, {**PROMPT, "duration": "4s"})[1].json()["video"]
    client.get(video["url"])
    client.get("/platform/v1/models/pricing", params={"endpoint_id": standin.key})
    client.post(f"/{VEO}", json={"prompt": standin.key})
    assert len(standin.violations) == 3


def test_prices(standin: FalStandIn, client: httpx2.Client, bare: httpx2.Client) -> None:
    standin.set_price(VEO, 0.2)
    asked = client.get(f"{standin.api_url}/v1/models/pricing", params={"endpoint_id": [VEO, WAN_TEXT]})
    assert asked.json()["prices"] == [{"endpoint_id": VEO, "unit_price": 0.2, "unit": "second", "currency": "USD"}]
    assert bare.get(f"{standin.api_url}/v1/models/pricing", params={"endpoint_id": VEO}).status_code == 401
    assert client.get("/platform/v1/models/pricing").status_code == 400


@pytest.mark.parametrize(
    ("kind", "details", "read", "accepted"),
    [
        ("submit_drop_before_body", {}, 0, 0),
        ("submit_drop_after_body", {}, 1, 0),
        ("submit_drop_after_body", {"accepted": True}, 1, 1),
    ],
)
def test_a_dropped_submit(
    *, standin: FalStandIn, client: httpx2.Client, kind: str, details: dict[str, Any], read: int, accepted: int
) -> None:
    standin.fault(kind, VEO, **details)
    with pytest.raises(httpx2.TransportError):
        client.post(f"/{VEO}", json=PROMPT)
    assert (len(standin.requests), len(standin.submits), len(standin.accepted)) == (1, read, accepted)
    assert standin.unused_faults() == []
    assert client.post(f"/{VEO}", json=PROMPT).status_code == 200


def test_a_slow_submit_is_accepted_and_answered_when_released(standin: FalStandIn, client: httpx2.Client) -> None:
    standin.fault("submit_slow")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.post, f"/{VEO}", json=PROMPT)
        assert standin.wait_until(lambda: len(standin.accepted) == 1)
        assert not answer.done()
        standin.release()
        assert answer.result(5).json()["request_id"] == standin.accepted[0]


def test_a_slow_submit_ends_with_the_server() -> None:
    ended = threading.Event()

    def submit(address: str, key: str) -> None:
        with pytest.raises(httpx2.TransportError):
            httpx2.post(address, json=PROMPT, headers={"Authorization": f"Key {key}"}, trust_env=False)
        ended.set()

    with FalStandIn() as standin, ThreadPoolExecutor(1) as pool:
        standin.fault("submit_slow", accepted=False)
        pool.submit(submit, f"{standin.url}/{VEO}", standin.key)
        assert standin.wait_until(lambda: len(standin.submits) == 1)
        standin.__exit__(None, None, None)
        assert ended.wait(5)
        assert standin.accepted == []


def test_scripted_submit_answers(standin: FalStandIn, client: httpx2.Client) -> None:
    standin.fault("submit_status", status=429, body={"detail": "slow down"}, headers={"Retry-After": "3"})
    standin.fault("submit_garbage")
    standin.fault("submit_without_request_id")
    standin.fault("submit_foreign_urls", origin="https://evil.example")
    standin.fault("submit_redirect")
    limited, garbage, nameless, foreign, moved = [client.post(f"/{VEO}", json=PROMPT) for _ in range(5)]
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "3")
    with pytest.raises(ValueError, match="Expecting value"):
        garbage.json()
    assert "request_id" not in nameless.json()
    assert foreign.json()["status_url"].startswith("https://evil.example/")
    assert (moved.status_code, moved.headers["location"]) == (307, f"/moved/{VEO}")
    assert (len(standin.submits), len(standin.accepted)) == (5, 2)
    assert standin.unused_faults() == []


def test_faults_are_for_one_endpoint_and_so_many_times(standin: FalStandIn, client: httpx2.Client) -> None:
    standin.fault("submit_status", WAN_TEXT, times=2, status=503)
    assert client.post(f"/{VEO}", json=PROMPT).status_code == 200
    assert client.post(f"/{WAN_TEXT}", json=PROMPT).status_code == 503
    assert standin.unused_faults() == [f"submit_status for {WAN_TEXT}: 1"]
    with pytest.raises(ValueError, match="knows no sttus"):
        standin.fault("submit_status", sttus=503)


def test_scripted_status_answers(standin: FalStandIn, client: httpx2.Client) -> None:
    address = client.post(f"/{VEO}", json=PROMPT).json()["status_url"]
    standin.fault("status_status", status=429, headers={"Retry-After": "1"})
    standin.fault("status_garbage")
    standin.fault("status_drop")
    assert client.get(address).headers["retry-after"] == "1"
    assert client.get(address).headers["content-type"] == "text/html"
    with pytest.raises(httpx2.TransportError):
        client.get(address)
    assert client.get(address).json()["status"] == "IN_QUEUE"


def test_a_generation_that_fails(standin: FalStandIn, client: httpx2.Client) -> None:
    standin.fault("complete_with_error")
    standin.fault("complete_with_error", error="Timed out", error_type="request_timeout", status=504, body={"a": 1})
    standin.fault("result_status", WAN_TEXT, status=502, body="bad gateway")
    flagged, timed_out = finish(client, VEO, PROMPT), finish(client, VEO, PROMPT)
    assert flagged[0]["error_type"] == "content_policy_violation"
    assert flagged[1].status_code == 422
    assert flagged[1].json()["detail"][0]["type"] == "content_policy_violation"
    assert timed_out[0]["error"] == "Timed out"
    assert (timed_out[1].status_code, timed_out[1].json()) == (504, {"a": 1})
    broken = finish(client, WAN_TEXT, PROMPT)[1]
    assert (broken.status_code, broken.text) == (502, "bad gateway")


def test_scripted_downloads(standin: FalStandIn, client: httpx2.Client, bare: httpx2.Client) -> None:
    address = finish(client, VEO, {**PROMPT, "duration": "4s"})[1].json()["video"]["url"]
    standin.fault("download_status", status=403)
    standin.fault("download_html")
    standin.fault("download_redirect", location="http://127.0.0.1:1/other.mp4")
    standin.fault("download_truncated", sent=10)
    assert bare.get(address).status_code == 403
    assert bare.get(address).headers["content-type"] == "text/html"
    assert bare.get(address).headers["location"] == "http://127.0.0.1:1/other.mp4"
    with pytest.raises(httpx2.TransportError):
        bare.get(address)
    standin.video = b"another video"
    assert bare.get(address).content == b"another video"
    assert standin.unused_faults() == []


@pytest.mark.parametrize(("kind", "audio"), [("moving", True), ("black", "silent"), ("frozen", False)])
def test_a_clip_plays(kind: ClipKind, audio: ClipAudio) -> None:
    data = make_clip(1, 160, 96, 12, audio=audio, kind=kind)
    with av.open(io.BytesIO(data), "r") as container:
        pictures = [bytes(frame.reformat(format="gray").planes[0]) for frame in container.decode(video=0)]
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height, len(container.streams.audio)) == (160, 96, 1 if audio else 0)
    assert len(pictures) == 12
    change = sum(abs(first - last) for first, last in zip(pictures[0], pictures[-1], strict=True)) / len(pictures[0])
    assert (change > 5) is (kind == "moving")
    assert (max(pictures[0]) < 32) is (kind == "black")


@pytest.mark.parametrize(("audio", "loud"), [(True, True), ("silent", False)])
def test_the_sound_of_a_clip(audio: ClipAudio, loud: bool) -> None:  # noqa: FBT001 -- a parametrised expectation
    with av.open(io.BytesIO(make_clip(1, audio=audio)), "r") as container:
        samples = [memoryview(bytes(frame.planes[0])).cast("f") for frame in container.decode(audio=0)]
    assert (max(max(piece) for piece in samples) > 0.1) is loud


def test_it_serves_the_command_line_until_the_input_closes() -> None:
    root = Path(__file__).resolve().parent.parent.parent
    command = [sys.executable, "-m", "tests.standins.fal", "--port", "0", "--key", "hand:test"]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        headers = {"Authorization": "Key hand:test"}
        assert httpx2.post(f"{address}/{VEO}", json=PROMPT, headers=headers, trust_env=False).status_code == 200
        process.stdin.close()
        assert process.wait(10) == 0
