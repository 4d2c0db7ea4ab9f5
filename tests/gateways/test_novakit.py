"""The gateway `novakit` alone, over real HTTP, against the stand-in; what it shares is in `test_json_api.py`."""

import json
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import av
import httpx2
import pytest
import pytest_asyncio
from tests.standins.novakit import NovaKitStandIn, mode_of_models
from tests.standins.server import json_reply

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.errors import GatewayError, PollTrouble, SubmitRefused
from videogen_mcp.gateways.base import Failed, Finished, Operation, Pending
from videogen_mcp.gateways.novakit import LONG_POLL_TIMEOUT, NovaKitGateway
from videogen_mcp.media.fetch import download
from videogen_mcp.settings import load_settings

GOLDENS = json.loads((Path(__file__).parents[1] / "data" / "goldens" / "novakit.json").read_text(encoding="utf-8"))
VIDEO_01 = "fal-ai/minimax/video-01"
ANIMATE = "fal-ai/minimax/video-01/image-to-video"
BODY: dict[str, Any] = {"prompt": "A fox runs over snow", "mode": "text_to_video", "duration_seconds": 5}
JOB: Operation = {"job_id": "job_1", "estimated_credits": 500}
LONGEST_WAIT_SECONDS = 30
"""A look with `poll=true` is answered after this at the latest, by the page on jobs."""


@pytest.fixture(name="standin")
def standin_fixture() -> Iterator[NovaKitStandIn]:
    with NovaKitStandIn() as standin:
        yield standin
        assert standin.violations == []
        assert standin.unused_scripts() == []


@pytest_asyncio.fixture(name="http")
async def http_fixture() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(trust_env=False) as http:
        yield http


def environment(standin: NovaKitStandIn) -> dict[str, str]:
    return {
        "VIDEOGEN_HOME": "/nowhere",
        "NOVAKIT_API_KEY": standin.key,
        "VIDEOGEN_NOVAKIT_URL": standin.url,
        "VIDEOGEN_ALLOWED_HOSTS": standin.origin.removeprefix("http://"),
    }


@pytest.fixture(name="gateway")
def gateway_fixture(standin: NovaKitStandIn, http: httpx2.AsyncClient) -> NovaKitGateway:
    return NovaKitGateway.open(load_settings(environment(standin)), http)


async def test_a_submit_is_one_post_that_waits_for_no_video(standin: NovaKitStandIn, gateway: NovaKitGateway) -> None:
    operation = await gateway.submit(VIDEO_01, {**BODY, "model": VIDEO_01})
    (sent,) = standin.requests
    assert (sent.method, sent.path, sent.query) == ("POST", "/api/v1/videos/generations", {"async": ["true"]})
    assert sent.json == {**BODY, "model": VIDEO_01}
    assert sent.headers["authorization"] == f"Bearer {standin.key}"
    assert operation == {"job_id": next(iter(standin.jobs)), "estimated_credits": 500.0}


@pytest.mark.parametrize("body", [BODY, {**BODY, "model": "fal-ai/veo3"}])
async def test_the_model_is_always_the_endpoint_and_never_novakits_default(
    standin: NovaKitStandIn, gateway: NovaKitGateway, body: dict[str, Any]
) -> None:
    await gateway.submit("fal-ai/veo3/fast", body)
    assert standin.requests[0].json["model"] == "fal-ai/veo3/fast"


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda one: one["endpoint"])
async def test_novakit_takes_every_golden_body(
    standin: NovaKitStandIn, gateway: NovaKitGateway, golden: dict[str, Any]
) -> None:
    operation = await gateway.submit(golden["endpoint"].removeprefix("novakit:"), golden["body"])
    assert standin.jobs[operation["job_id"]].input == golden["body"]


def test_the_goldens_the_catalogue_and_novakit_have_the_same_14_models() -> None:
    ids = {one.id for one in load_catalogue().endpoints if one.gateway == "novakit"}
    assert ids == mode_of_models().keys() == {one["endpoint"].removeprefix("novakit:") for one in GOLDENS}
    assert len(ids) == 14


@pytest.mark.parametrize(
    ("model", "values", "words"),
    [
        ("fal-ai/veo9", BODY, "404: Model fal-ai/veo9 not found"),
        (VIDEO_01, {"mode": "text_to_video"}, "400: prompt is required"),
        (VIDEO_01, {**BODY, "duration_seconds": "5"}, "duration_seconds must be of type number"),
        (VIDEO_01, {**BODY, "resolution": "768p"}, "resolution must be one of 720p, 1080p, 4k"),
        (VIDEO_01, {**BODY, "fps": 24}, "fps must be one of 30, 60"),
        (VIDEO_01, {**BODY, "duration": 5}, "property duration should not exist"),
        (VIDEO_01, {**BODY, "mode": "image_to_video"}, "does not do image_to_video"),
        (ANIMATE, {**BODY, "mode": "image_to_video"}, "source_image is required"),
        (
            ANIMATE,
            {**BODY, "mode": "image_to_video", "source_image": "data:image/png;base64,AA=="},
            "source_image must be a URL address",
        ),
    ],
)
async def test_novakit_refuses_what_its_table_does_not_allow(
    standin: NovaKitStandIn, gateway: NovaKitGateway, *, model: str, values: dict[str, Any], words: str
) -> None:
    with pytest.raises(SubmitRefused) as caught:
        await gateway.submit(model, values)
    assert caught.value.code == "invalid_request"
    assert words in caught.value.message
    assert (len(standin.requests), standin.jobs) == (1, {})


async def test_a_quota_that_is_used_up_is_told(standin: NovaKitStandIn, gateway: NovaKitGateway) -> None:
    standin.credit = 499
    with pytest.raises(SubmitRefused, match="402: Credits limit exceeded") as caught:
        await gateway.submit(VIDEO_01, BODY)
    assert caught.value.code == "insufficient_credit"


async def test_a_key_without_the_scope_is_told_what_to_look_at(
    standin: NovaKitStandIn, gateway: NovaKitGateway
) -> None:
    operation = await gateway.submit(VIDEO_01, BODY)
    standin.scopes = set()
    with pytest.raises(SubmitRefused, match="403: Missing required scope: video") as caught:
        await gateway.submit(VIDEO_01, BODY)
    assert caught.value.code == "unauthorized"
    assert "scope video" in caught.value.fix
    assert "tier" in caught.value.fix
    with pytest.raises(PollTrouble, match="403: Missing required scope: usage") as trouble:
        await gateway.poll(operation)
    assert trouble.value.code == "unauthorized"
    with pytest.raises(GatewayError, match="403: Missing required scope: usage"):
        await gateway.balance()


async def test_a_wrong_key_is_told(standin: NovaKitStandIn, http: httpx2.AsyncClient) -> None:
    gateway = NovaKitGateway.open(load_settings(environment(standin) | {"NOVAKIT_API_KEY": "sk_wrong"}), http)
    with pytest.raises(SubmitRefused, match="401: Invalid API key") as caught:
        await gateway.submit(VIDEO_01, BODY)
    assert (caught.value.code, caught.value.fix) == ("unauthorized", "")


async def test_polling_until_completed_and_fetching_without_the_key(
    standin: NovaKitStandIn, gateway: NovaKitGateway, http: httpx2.AsyncClient, tmp_path: Path
) -> None:
    operation = await gateway.submit(VIDEO_01, BODY)
    assert await gateway.poll(operation) == Pending(None, "queued at NovaKit")
    assert await gateway.poll(operation) == Pending(0.4, "running at NovaKit")
    state = await gateway.poll(operation)
    url = f"{standin.origin}/files/{operation['job_id']}.mp4"
    assert state == Finished(url=url, billed_usd=None, details={"credits": 500.0, "estimated_credits": 500.0})
    settings = load_settings(environment(standin))
    kept = await download(url, tmp_path / "clip", http=http, settings=settings, kind="video", field="video")
    with av.open(str(kept.path)) as clip:
        picture = clip.streams.video[0]
        assert (kept.mime_type, picture.width, picture.height) == ("video/mp4", 320, 180)
    looks = standin.sent("GET", f"/api/v1/jobs/{operation['job_id']}")
    assert [one.query for one in looks] == [{"poll": ["true"]}] * 3


async def test_a_look_outlasts_the_time_that_novakit_may_take_for_it() -> None:
    limits: list[dict[str, float]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        limits.append(request.extensions["timeout"])
        return httpx2.Response(200, json={"status": "pending"})

    settings = load_settings({"VIDEOGEN_HOME": "/nowhere", "NOVAKIT_API_KEY": "key-of-the-tests"})
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as recording:
        await NovaKitGateway.open(settings, recording).poll(JOB)
    assert limits == [LONG_POLL_TIMEOUT.as_dict()]
    assert limits[0]["read"] > LONGEST_WAIT_SECONDS
    assert limits[0]["connect"] < 5


FILM = {"video": {"url": "https://files.example/a.mp4"}}


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ({}, Pending(None, "running at NovaKit")),
        ({"status": "pending", "progress": 0}, Pending(0.0, "queued at NovaKit")),
        ({"status": "processing", "progress": 99.5}, Pending(0.995, "running at NovaKit")),
        ({"status": "processing", "progress": 101}, Pending(1.0, "running at NovaKit")),
        ({"status": "processing", "progress": -5}, Pending(None, "running at NovaKit")),
        ({"status": "processing", "progress": "40"}, Pending(None, "running at NovaKit")),
        ({"status": "uploading"}, Pending(None, "running at NovaKit")),
        ({"status": "processing", "outputData": FILM}, Pending(None, "running at NovaKit")),
        (
            {"status": "COMPLETED", "outputData": FILM},
            Finished(url="https://files.example/a.mp4", details={"estimated_credits": 500}),
        ),
        (
            {"status": "completed", "outputData": FILM, "actualCredits": 480, "estimatedCredits": 490},
            Finished(url="https://files.example/a.mp4", details={"credits": 480, "estimated_credits": 490}),
        ),
        (
            {"status": "completed", "outputData": FILM, "actualCredits": "480"},
            Finished(url="https://files.example/a.mp4", details={"estimated_credits": 500}),
        ),
        ({"status": "completed"}, Failed("generation_failed", "NovaKit's result holds no video.")),
        (
            {"status": "completed", "outputData": {"images": []}},
            Failed("generation_failed", "NovaKit's result holds no video."),
        ),
        (
            {"status": "failed"},
            Failed("generation_failed", "NovaKit reports that the generation failed, without a reason."),
        ),
        ({"status": "failed", "errorMessage": "Out of\nmemory"}, Failed("generation_failed", "Out of memory")),
        (
            {"status": "failed", "errorMessage": "Flagged as NSFW"},
            Failed("content_policy", "Flagged as NSFW"),
        ),
        ({"status": "cancelled"}, Failed("generation_failed", "The generation was cancelled at NovaKit.")),
    ],
)
async def test_states_are_taken_as_they_come(
    standin: NovaKitStandIn, gateway: NovaKitGateway, answer: dict[str, Any], state: Pending | Finished | Failed
) -> None:
    standin.script(json_reply(200, answer), method="GET", path="/api/v1/jobs/job_1")
    assert await gateway.poll(JOB) == state


async def test_a_job_that_fails_is_not_billed(standin: NovaKitStandIn, gateway: NovaKitGateway) -> None:
    standin.plan(("failed", None))
    standin.error = "x" * 5000
    assert await gateway.poll(await gateway.submit(VIDEO_01, BODY)) == Failed("generation_failed", "x" * 400)
    assert standin.credit == 100_000


async def test_the_balance_is_what_is_left_of_each_quota(standin: NovaKitStandIn, gateway: NovaKitGateway) -> None:
    standin.plan(("completed", 100))
    await gateway.poll(await gateway.submit(VIDEO_01, BODY))
    assert await gateway.balance() == {"credits": Decimal(99_500), "image_edits": Decimal(75)}


async def test_a_quota_without_a_figure_is_passed_over(standin: NovaKitStandIn, gateway: NovaKitGateway) -> None:
    quotas = {"credits": {"remaining": 1.5}, "odd": {"remaining": None}, "older": 7, "none": {}}
    standin.script(json_reply(200, {"quotas": quotas}))
    assert await gateway.balance() == {"credits": Decimal("1.5")}


async def test_an_estimate_that_is_no_figure_is_left_out(standin: NovaKitStandIn, gateway: NovaKitGateway) -> None:
    standin.script(json_reply(200, {"id": "job_1", "status": "pending", "estimated_credits": "many"}))
    assert await gateway.submit(VIDEO_01, BODY) == {"job_id": "job_1"}
