"""The gateway `mountsea` alone, over real HTTP, against the stand-in; what it shares is in `test_json_api.py`."""

import json
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import av
import httpx2
import pytest
import pytest_asyncio
from tests.standins.mountsea import CREDITS_PER_TASK, MountseaStandIn, models
from tests.standins.server import json_reply, text_reply

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.errors import GatewayError, OperationGone, PollTrouble, SubmitRefused
from videogen_mcp.gateways.base import Failed, Finished, Operation, Pending
from videogen_mcp.gateways.mountsea import ACCOUNT_URL, HUB_URL, MountseaGateway
from videogen_mcp.media.fetch import download
from videogen_mcp.settings import load_settings

GOLDENS = json.loads((Path(__file__).parents[1] / "data" / "goldens" / "mountsea.json").read_text(encoding="utf-8"))
VEO = "veo-3.1"
BODY: dict[str, Any] = {"prompt": "A fox runs over snow", "duration": "4s", "generate_audio": False}
TASK: Operation = {"task_id": "hub-1"}
PICTURE = "https://pictures.example/a.png"
OTHER = "https://pictures.example/b.png"


@pytest.fixture(name="standin")
def standin_fixture() -> Iterator[MountseaStandIn]:
    with MountseaStandIn() as standin:
        yield standin
        assert standin.violations == []
        assert standin.unused_scripts() == []


@pytest_asyncio.fixture(name="http")
async def http_fixture() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(trust_env=False) as http:
        yield http


def environment(standin: MountseaStandIn) -> dict[str, str]:
    return {
        "VIDEOGEN_HOME": "/nowhere",
        "MOUNTSEA_API_KEY": standin.key,
        "VIDEOGEN_MOUNTSEA_URL": standin.origin,
        "VIDEOGEN_ALLOWED_HOSTS": standin.origin.removeprefix("http://"),
    }


@pytest.fixture(name="gateway")
def gateway_fixture(standin: MountseaStandIn, http: httpx2.AsyncClient) -> MountseaGateway:
    return MountseaGateway.open(load_settings(environment(standin)), http)


async def test_a_submit_is_one_post_with_model_and_input(standin: MountseaStandIn, gateway: MountseaGateway) -> None:
    operation = await gateway.submit(VEO, BODY)
    (sent,) = standin.requests
    assert (sent.method, sent.path, sent.query) == ("POST", "/hub/v1/video", {})
    assert sent.json == {"model": VEO, "input": BODY}
    assert sent.headers["authorization"] == f"Bearer {standin.key}"
    assert operation == {"task_id": next(iter(standin.tasks))}


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda one: f"{one['endpoint']}-{one['mode']}")
async def test_the_hub_takes_every_golden_body(
    standin: MountseaStandIn, gateway: MountseaGateway, golden: dict[str, Any]
) -> None:
    operation = await gateway.submit(golden["endpoint"].removeprefix("mountsea:"), golden["body"])
    assert standin.tasks[operation["task_id"]].input == golden["body"]


def test_the_goldens_the_catalogue_and_the_hub_have_the_same_25_models() -> None:
    ids = {one.id for one in load_catalogue().endpoints if one.gateway == "mountsea"}
    assert ids == models().keys() == {one["endpoint"].removeprefix("mountsea:") for one in GOLDENS}
    assert len(ids) == 25


@pytest.mark.parametrize(
    ("model", "values", "words"),
    [
        ("veo-9", BODY, "404: Model veo-9 not found"),
        (VEO, {"duration": "4s"}, "prompt is required"),
        (VEO, {**BODY, "duration": 4}, "duration must be of type string"),
        (VEO, {**BODY, "duration": "5s"}, "duration must be one of 4s, 6s, 8s"),
        (VEO, {**BODY, "generate_audio": 1}, "generate_audio must be of type boolean"),
        (VEO, {**BODY, "seed": True}, "seed must be of type integer"),
        (VEO, {**BODY, "negative_promt": "x"}, "property negative_promt should not exist"),
        ("veo-3.1-image", BODY, "image_url is required"),
        ("veo-3.1-image", {**BODY, "image_url": "data:image/png;base64,AA=="}, "image_url must be a URL address"),
        ("veo-3.1-ref", {"prompt": "x", "image_urls": [PICTURE]}, "length of image_urls must not be less than 2"),
        ("veo-3.1-ref", {"prompt": "x", "image_urls": [PICTURE, 3]}, "each value in image_urls must be of type string"),
        ("wan-2.7", {"prompt": "x", "seed": 2**31}, "seed must not be greater than 2147483647"),
        ("wan-2.7", {"prompt": "x" * 5001}, "length of prompt must not be greater than 5000"),
        ("kling-v3-pro", {"prompt": "x", "multi_prompt": [{"prompt": "y"}]}, "exactly_one_of"),
        ("wan-2.7-image", {"prompt": "x", "image_url": PICTURE, "video_url": OTHER}, "mutually_exclusive"),
        ("seedance-2.0-ref", {"prompt": "x", "audio_urls": [OTHER]}, "requires_any_of"),
    ],
)
async def test_the_hub_refuses_what_its_tables_do_not_allow(
    standin: MountseaStandIn, gateway: MountseaGateway, *, model: str, values: dict[str, Any], words: str
) -> None:
    with pytest.raises(SubmitRefused) as caught:
        await gateway.submit(model, values)
    assert caught.value.code == "invalid_request"
    assert words in caught.value.message
    assert (len(standin.requests), standin.tasks) == (1, {})


@pytest.mark.parametrize(
    ("model", "pictures", "fields"),
    [
        ("veo-3.1-image", [PICTURE], {"image_url": PICTURE}),
        ("kling-v3-pro-image", [PICTURE], {"start_image_url": PICTURE}),
        ("veo-3.1-first-last", [PICTURE, OTHER], {"first_frame_url": PICTURE, "last_frame_url": OTHER}),
        ("wan-2.7-ref", [PICTURE, OTHER], {"reference_image_urls": [PICTURE, OTHER]}),
        ("veo-3.1-ref", [PICTURE, OTHER], {"image_urls": [PICTURE, OTHER]}),
    ],
)
async def test_image_urls_go_as_they_are_and_the_hub_maps_them(
    standin: MountseaStandIn, gateway: MountseaGateway, *, model: str, pictures: list[str], fields: dict[str, Any]
) -> None:
    operation = await gateway.submit(model, {"prompt": "She smiles", "image_urls": pictures})
    assert standin.requests[0].json["input"]["image_urls"] == pictures
    assert standin.tasks[operation["task_id"]].input == {"prompt": "She smiles", **fields}


@pytest.mark.parametrize("model", ["veo-3.1", "veo-3.1-image"])
async def test_more_image_urls_than_the_model_has_fields_for_are_refused(gateway: MountseaGateway, model: str) -> None:
    with pytest.raises(SubmitRefused, match="property image_urls should not exist"):
        await gateway.submit(model, {"prompt": "She smiles", "image_urls": [PICTURE, OTHER]})


async def test_an_empty_account_is_told(standin: MountseaStandIn, gateway: MountseaGateway) -> None:
    standin.credit = CREDITS_PER_TASK - 1
    with pytest.raises(SubmitRefused, match="402: Insufficient credits") as caught:
        await gateway.submit(VEO, BODY)
    assert caught.value.code == "insufficient_credit"


async def test_a_wrong_key_is_told(standin: MountseaStandIn, http: httpx2.AsyncClient) -> None:
    gateway = MountseaGateway.open(load_settings(environment(standin) | {"MOUNTSEA_API_KEY": "sk-wrong"}), http)
    for call in (gateway.submit(VEO, BODY), gateway.balance()):
        with pytest.raises(GatewayError, match=r"Invalid API key: .*…") as caught:
            await call
        assert caught.value.code == "unauthorized"
        assert "sk-wrong" not in str(caught.value)


async def test_polling_until_ready_and_fetching_without_the_key(
    standin: MountseaStandIn, gateway: MountseaGateway, http: httpx2.AsyncClient, tmp_path: Path
) -> None:
    operation = await gateway.submit(VEO, BODY)
    assert await gateway.poll(operation) == Pending(None, "queued at Mountsea")
    assert await gateway.poll(operation) == Pending(None, "running at Mountsea")
    state = await gateway.poll(operation)
    url = f"{standin.origin}/files/{operation['task_id']}.mp4"
    assert state == Finished(url=url, billed_usd=None, details={"elapsed_ms": 61_000})
    settings = load_settings(environment(standin))
    kept = await download(url, tmp_path / "clip", http=http, settings=settings, kind="video", field="video")
    with av.open(str(kept.path)) as clip:
        picture = clip.streams.video[0]
        assert (kept.mime_type, picture.width, picture.height) == ("video/mp4", 320, 180)
    assert [(one.method, one.path.split("/")[1]) for one in standin.requests][:4] == [
        ("POST", "hub"),
        *[("GET", "hub")] * 3,
    ]


@pytest.mark.parametrize(
    ("status", "failure", "state"),
    [
        ("failed", ("generation_error", "Out of memory"), Failed("generation_failed", "Out of memory")),
        ("failed", ("content_policy_violation", "No."), Failed("content_policy", "No.")),
        ("failed", ("x", ""), Failed("generation_failed", "x")),
        ("timeout", ("timeout", "Took too long"), Failed("generation_failed", "Took too long")),
        ("cancelled", ("cancelled", "Stopped"), Failed("generation_failed", "Stopped")),
    ],
)
async def test_a_task_that_ends_without_a_clip(
    standin: MountseaStandIn, gateway: MountseaGateway, status: str, *, failure: tuple[str, str], state: Failed
) -> None:
    standin.plan(status)
    standin.failure = failure
    assert await gateway.poll(await gateway.submit(VEO, BODY)) == state
    assert standin.credit == 10_000


VIDEO = {"video": {"url": "https://files.example/a.mp4"}}
RESULT = Finished(url="https://files.example/a.mp4")


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ({}, Pending(None, "running at Mountsea")),
        ({"status": "WARMING_UP", "ready": False}, Pending(None, "running at Mountsea")),
        ({"status": "pending", "ready": False, "progress": 25}, Pending(0.25, "queued at Mountsea")),
        ({"status": "processing", "progress": 250}, Pending(1.0, "running at Mountsea")),
        ({"status": "processing", "progress": "half"}, Pending(None, "running at Mountsea")),
        ({"status": "processing", "progress": True}, Pending(None, "running at Mountsea")),
        ({"status": "completed", "ready": False, "data": VIDEO}, Pending(None, "running at Mountsea")),
        ({"status": "failed", "ready": False, "error_message": "retrying"}, Pending(None, "running at Mountsea")),
        (
            {"status": "failed"},
            Failed("generation_failed", "Mountsea reports that the generation failed, without a reason."),
        ),
        ({"status": "timeout"}, Failed("generation_failed", "Mountsea gave the generation up: it took too long.")),
        ({"status": "cancelled"}, Failed("generation_failed", "The generation was cancelled at Mountsea.")),
        ({"status": "completed", "data": VIDEO}, RESULT),
        ({"status": "SUCCEEDED", "ready": True, "data": VIDEO}, RESULT),
        ({"ready": True, "data": VIDEO}, RESULT),
        (
            {"status": "completed", "ready": True, "data": VIDEO, "credits": 40, "elapsed_ms": "long"},
            Finished(url="https://files.example/a.mp4", details={"credits": 40}),
        ),
        ({"status": "completed", "ready": True}, Failed("generation_failed", "Mountsea's result holds no video.")),
        ({"status": "odd", "ready": True, "error_message": "lost"}, Failed("generation_failed", "lost")),
    ],
)
async def test_only_ready_ends_a_task(
    standin: MountseaStandIn, gateway: MountseaGateway, answer: dict[str, Any], state: Pending | Finished | Failed
) -> None:
    standin.script(json_reply(200, answer), method="GET", path="/hub/v1/tasks/hub-1")
    assert await gateway.poll(TASK) == state


async def test_a_task_that_contradicts_itself_is_looked_at_again(
    standin: MountseaStandIn, gateway: MountseaGateway
) -> None:
    standin.script(json_reply(200, {"status": "processing", "ready": True}), path="/hub/v1/tasks/hub-1")
    with pytest.raises(PollTrouble, match="both ready and processing"):
        await gateway.poll(TASK)
    with pytest.raises(OperationGone):
        await gateway.poll(TASK)


async def test_the_hub_lists_its_video_models(standin: MountseaStandIn, gateway: MountseaGateway) -> None:
    listed = await gateway.models()
    assert {one.id: one.mode for one in listed} == {one["id"]: one["mode"] for one in models().values()}
    veo = next(one for one in listed if one.id == VEO)
    assert (veo.title, veo.vendor, veo.description) == ("Veo 3.1", "Google", "text-to-video, by the stand-in")
    assert (veo.input_schema, veo.example) == (None, None)
    assert standin.requests[0].query == {"capability": ["video"]}


@pytest.mark.parametrize("form", ["bare", "models", "data"])
async def test_a_list_in_another_form_is_read_and_what_names_no_model_is_passed_over(
    standin: MountseaStandIn, gateway: MountseaGateway, form: str
) -> None:
    entries = [{"model": "a", "name": "A"}, {"id": "b", "title": 7}, {"title": "none"}, "c", {"id": ""}]
    standin.script(json_reply(200, entries if form == "bare" else {form: entries}))
    assert [(one.id, one.title) for one in await gateway.models()] == [("a", "A"), ("b", "")]


@pytest.mark.parametrize("reply", [json_reply(200, {"items": []}), json_reply(200, 7), text_reply(200, "<html>")])
async def test_a_list_that_is_none_is_an_error(standin: MountseaStandIn, gateway: MountseaGateway, reply: Any) -> None:
    standin.script(reply)
    with pytest.raises(GatewayError, match="cannot be read") as caught:
        await gateway.models()
    assert caught.value.code == "gateway_unavailable"


async def test_a_description_has_an_example_that_the_hub_takes(
    standin: MountseaStandIn, gateway: MountseaGateway
) -> None:
    found = await gateway.describe("seedance-2.0-image")
    assert found.input_schema is not None
    assert found.input_schema.keys() >= {"prompt", "image_url", "end_image_url"}
    assert found.example is not None
    await gateway.submit(found.id, found.example)
    assert len(standin.tasks) == 1


async def test_a_model_that_the_hub_does_not_know_is_not_found(gateway: MountseaGateway) -> None:
    with pytest.raises(GatewayError, match="Model veo-9 not found") as caught:
        await gateway.describe("veo-9")
    assert caught.value.code == "not_found"


async def test_an_odd_model_id_stays_in_its_place(standin: MountseaStandIn, gateway: MountseaGateway) -> None:
    with pytest.raises(GatewayError, match="404"):
        await gateway.describe("../tasks/x?y")
    assert standin.requests[0].path == "/hub/v1/models/..%2Ftasks%2Fx%3Fy"


async def test_the_balance_falls_by_what_was_completed(standin: MountseaStandIn, gateway: MountseaGateway) -> None:
    standin.plan("completed")
    standin.credit = 100.5
    operation = await gateway.submit(VEO, BODY)
    assert await gateway.balance() == {"credits": Decimal("100.5")}
    await gateway.poll(operation)
    assert await gateway.balance() == {"credits": Decimal("60.5")}
    asked = standin.sent("GET", "/api-user/credits")[0]
    assert asked.headers["x-api-key"] == standin.key
    assert "authorization" not in asked.headers


@pytest.mark.parametrize("base", [None, "https://hub.example", f"{HUB_URL}/"])
async def test_the_key_goes_to_mountsea_or_to_the_hub_that_was_set_and_nowhere_else(base: str | None) -> None:
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(f"https://{request.url.host}")
        return httpx2.Response(200, json={"credits": 1, "status": "pending", "task_id": "t"})

    changes = {} if base is None else {"VIDEOGEN_MOUNTSEA_URL": base}
    settings = load_settings({"VIDEOGEN_HOME": "/nowhere", "MOUNTSEA_API_KEY": "key-of-the-tests"} | changes)
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        gateway = MountseaGateway.open(settings, http)
        await gateway.poll(await gateway.submit(VEO, BODY))
        await gateway.balance()
    own = base == "https://hub.example"
    assert asked == ([base] * 3 if own else [HUB_URL, HUB_URL, ACCOUNT_URL])
