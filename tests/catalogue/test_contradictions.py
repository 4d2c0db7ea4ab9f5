"""The 31 contradictions of the sources: one test per line of docs/decisions/0011, by its number."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.clocks import LeapingClock
from tests.conftest import OpenService
from tests.standins.fal import FalStandIn
from tests.support import PROVIDER_TOOLS, ROOT, connected, facts_of, home_only

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.catalogue.encode import Payload, encode
from videogen_mcp.catalogue.pricing import UNKNOWN
from videogen_mcp.errors import InvalidRequest, NothingEligible
from videogen_mcp.jobs.watch import FIRST_WORD_SECONDS
from videogen_mcp.selection.eligibility import Eligible
from videogen_mcp.selection.intent import IntentReading
from videogen_mcp.selection.scoring import Aims, rank
from videogen_mcp.service import VideoService
from videogen_mcp.settings import load_settings
from videogen_mcp.types import Intent, Json, Mode, VideoRequest

CATALOGUE = load_catalogue()
ENDPOINTS = {endpoint.key: endpoint for endpoint in CATALOGUE.endpoints}

PICTURE = "https://pictures.example/a.png"
OTHER = "https://pictures.example/b.png"
CLIP = "https://clips.example/a.mp4"
FRAME: Json = {"first_frame": PICTURE}
FRAMES: Json = {"first_frame": PICTURE, "last_frame": OTHER}

SEEDANCE = "fal:bytedance/seedance-2.0/text-to-video"
SEEDANCE_LITE = "fal:fal-ai/bytedance/seedance/v1/lite/image-to-video"
KLING = "fal:fal-ai/kling-video/v3/pro/text-to-video"
KLING_IMAGE = "fal:fal-ai/kling-video/v3/pro/image-to-video"
KLING_2_1 = "fal:fal-ai/kling-video/v2.1/standard/image-to-video"
VEO_IMAGE = "fal:fal-ai/veo3.1/image-to-video"
VEO_2 = "fal:fal-ai/veo2/image-to-video"
LUMA = "fal:fal-ai/luma-dream-machine/ray-2-flash/image-to-video"
PIXVERSE = "fal:fal-ai/pixverse/v4.5/image-to-video"
WAN = "fal:fal-ai/wan/v2.7/text-to-video"
WAN_IMAGE = "fal:fal-ai/wan/v2.7/image-to-video"
WAN_FRAMES = "fal:fal-ai/wan-i2v"
WAN_PRO = "fal:fal-ai/wan-pro/image-to-video"
MAGI = "fal:fal-ai/magi-distilled"
MAGI_IMAGE = "fal:fal-ai/magi-distilled/image-to-video"
NOVAKIT = "novakit:fal-ai/minimax/video-01"
NOVAKIT_KLING = "novakit:fal-ai/kling-video/v2.5-turbo/pro/text-to-video"

WORKFLOW = [one for one in CATALOGUE.endpoints if one.gateway == "heygen" and one.status != "live"]
NOVAKIT_ALL = [one for one in CATALOGUE.endpoints if one.gateway == "novakit"]


def request(**fields: Any) -> VideoRequest:
    return VideoRequest.model_validate({"prompt": "A fox"} | fields)


def encoded(key: str, mode: Mode | None = None, **fields: Any) -> Payload:
    """What is sent to an endpoint of the catalogue; an id that is not in it is a slip of the test."""
    return encode(ENDPOINTS[key], mode or ENDPOINTS[key].modes[0], request(**fields))


def refused(key: str, mode: Mode | None = None, **fields: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        encoded(key, mode, **fields)
    return caught.value


def typed(value: Any) -> str:
    """Types count: 5, "5" and "5s" are three values."""
    return json.dumps(value)


def pictures_in(body: Json) -> Json:
    """The fields that hold pictures, wherever they are."""
    return {name: value for name, value in body.items() if "https://pictures.example/" in json.dumps(value)}


def change_of(payload: Payload, field: str) -> tuple[Any, Any]:
    (found,) = [(one.asked, one.sent) for one in payload.changes if one.field == field]
    return found


@pytest.mark.parametrize(
    ("key", "given", "name", "wire"),
    [
        (VEO_2, FRAME, "duration", "5s"),
        (LUMA, FRAME, "duration", "5s"),
        (KLING, {}, "duration", "5"),
        (SEEDANCE, {}, "duration", "5"),
        (PIXVERSE, FRAME, "duration", "5"),
        (WAN, {}, "duration", 5),
        (NOVAKIT, {}, "duration_seconds", 5),
        (WAN_FRAMES, FRAME, "num_frames", 81),
        (MAGI, {}, "num_frames", 120),
    ],
)
def test_01_every_spelling_of_a_length(key: str, given: Json, name: str, wire: Any) -> None:
    payload = encoded(key, duration=5, **given)
    assert typed(payload.body[name]) == typed(wire)
    assert payload.changes == ()


def test_01_the_number_of_the_canvas_becomes_the_string_of_kling() -> None:
    payload = encoded(KLING_IMAGE, **FRAME, options={"duration": 5, "generate_audio": False})
    assert payload.body == {"prompt": "A fox", "start_image_url": PICTURE, "duration": "5", "generate_audio": False}
    assert change_of(payload, "options.duration") == (5, "5")


def test_02_the_length_of_an_edit_is_of_the_type_that_its_gateway_says() -> None:
    for key, wire in (("mountsea:wan-2.7-edit", '"5"'), ("fal:fal-ai/wan/v2.7/edit-video", "5")):
        assert typed(encoded(key, source_video=CLIP, duration=5).body["duration"]) == wire
    for key, given in (("mountsea:wan-2.7", {}), ("mountsea:wan-2.7-image", FRAME), (WAN, {}), (WAN_IMAGE, FRAME)):
        assert typed(encoded(key, duration=5, **given).body["duration"]) == "5"


def test_03_heygen_does_not_reach_seedance_2(open_service: OpenService, local_environment: dict[str, str]) -> None:
    models = {one.id: one.model for one in CATALOGUE.endpoints if one.gateway == "heygen"}
    assert (models["seedance_lite"], models["seedance_pro"]) == ("seedance-1.0-lite", "seedance-1.0-pro")
    assert {one.gateway for one in CATALOGUE.of_model("seedance-2.0")} == {"fal", "mountsea"}
    service = open_service(local_environment | {"FAL_KEY": "a", "HEYGEN_API_KEY": "b"})
    with pytest.raises(NothingEligible):
        service.plan(request(gateway="heygen", model="seedance-2.0"))


def test_04_heygens_ids_are_sent_as_they_are_spelled() -> None:
    assert {one.id for one in WORKFLOW} == {
        *("veo_3_1", "veo_3_1_fast", "veo3", "veo3_fast", "veo2", "kling_pro", "kling_v2", "sora_v2", "sora_v2_pro"),
        *("runway_gen4", "seedance_lite", "seedance_pro", "ltx_distilled"),
    }
    for endpoint in WORKFLOW:
        assert encoded(endpoint.key).body == {"prompt": "A fox", "provider": endpoint.id}
    models = {one.id: one.model for one in WORKFLOW}
    assert (models["veo_3_1_fast"], models["veo3_fast"]) == ("veo-3.1-fast", "veo-3-fast")


@pytest.mark.parametrize(
    ("intent", "model"), [("cinematic", "seedance-2.0"), ("landscape", "veo-3.1"), ("anime", "kling-v3-pro")]
)
def test_05_the_task_and_no_gateways_default_decides(fal_service: VideoService, intent: Intent, model: str) -> None:
    assert fal_service.plan(request(intent=intent)).candidates[0].model == model
    assert fal_service.plan(request(intent=intent, priority="cost")).candidates[0].model != model
    for endpoint in (*WORKFLOW, *NOVAKIT_ALL):
        given = FRAME if "text_to_video" not in endpoint.modes else {}
        body = encoded(endpoint.key, **given).body
        assert endpoint.id in {body.get("provider"), body.get("model")}, "their own default must never apply"


def test_05_no_gateway_is_preferred_as_such() -> None:
    model, endpoint, payload = CATALOGUE.models["seedance-2.0"], ENDPOINTS[SEEDANCE], encoded(SEEDANCE)
    twins = [endpoint.model_copy(update={"gateway": name}) for name in ("fal", "heygen", "mountsea", "novakit")]
    aims = Aims(request(), "text_to_video", IntentReading("cinematic", ()))
    ranked = rank([Eligible(one, model, payload, UNKNOWN) for one in twins], aims)
    assert len({one.gateway for one in ranked}) == 4
    assert len({one.score for one in ranked}) == 1


def test_06_a_fal_key_alone_opens_seedance_2_and_the_other_families(fal_service: VideoService) -> None:
    candidates = fal_service.plan(request()).candidates
    assert {one.gateway for one in candidates} == {"fal"}
    assert {"seedance", "kling", "minimax", "veo"} <= {one.provider for one in candidates}
    assert {"seedance-2.0", "seedance-2.0-fast"} <= {one.model for one in candidates}


async def watched(environment: dict[str, str]) -> list[float]:
    """Make one clip; the seconds between the looks at its generation."""
    async with VideoService(load_settings(environment), clock=(clock := LeapingClock())) as service:
        job = await service.generate(request(endpoint=WAN, duration=2, resolution="720p"))
        assert not (await service.wait(job.id, 0)).ended, "what is not finished is a state, not an error"
        job = await asyncio.wait_for(service.wait(job.id, 1_000_000), 20)  # on a clock that leaps
    assert (job.status, job.error) == ("completed", None)
    return [pause for pause in clock.pauses if pause > FIRST_WORD_SECONDS]


async def test_07_a_wait_ends_a_call_and_never_a_job(
    standin: FalStandIn, fal_environment: dict[str, str], tmp_path: Path
) -> None:
    del fal_environment["VIDEOGEN_POLL_INTERVAL_S"]
    standin.plan(0, 80)
    pauses = await watched(fal_environment)
    assert sum(pauses) > 600, "both figures of the source are over"
    assert len(standin.accepted) == 1
    async with connected(home_only(tmp_path / "elsewhere")) as (client, _):
        properties = {one.name: one.input_schema["properties"] for one in (await client.list_tools()).tools}
    for name in ("video_selector", *PROVIDER_TOOLS, "video_job_status"):
        assert properties[name]["wait_seconds"]["maximum"] == 55


async def test_08_polls_follow_the_time_waited_and_what_the_gateway_asks(
    standin: FalStandIn, fal_environment: dict[str, str]
) -> None:
    del fal_environment["VIDEOGEN_POLL_INTERVAL_S"]
    standin.plan(0, 60)
    pauses = await watched(fal_environment)
    assert 2.0 <= min(pauses[:5]) <= max(pauses[:5]) <= 2.2
    assert 30.0 <= min(pauses[-5:]) <= max(pauses) <= 33.0
    standin.plan(0, 1)
    standin.fault("status_status", status=429, headers={"Retry-After": "42"})
    assert 42 in await watched(fal_environment)
    standin.plan(0, 3)
    assert await watched(fal_environment | {"VIDEOGEN_POLL_INTERVAL_S": "10"}) == [10, 10, 10]


def test_09_sound_is_a_fact_of_each_endpoint(fal_service: VideoService) -> None:
    plan = fal_service.plan(request(intent="dialogue", generate_audio=True))
    sounding = {one.model: one.payload for one in plan.candidates}
    for model in ("seedance-2.0", "veo-3.1", "kling-v3-pro"):
        assert (sounding[model].body["generate_audio"], sounding[model].has_audio) == (True, True)
    assert plan.candidates[0].model == "seedance-2.0", "preferred, though not alone"
    assert "hailuo-2.3-standard" not in sounding


async def test_10_a_providers_tool_is_the_selector_with_a_pin(tmp_path: Path) -> None:
    async with connected(home_only(tmp_path, FAL_KEY="a key")) as (client, _):

        async def planned(tool: str, **arguments: Any) -> Json:
            return facts_of(await client.call_tool(tool, {"prompt": "A fox", "dry_run": True} | arguments))

        assert await planned("seedance_video") == await planned("video_selector", provider="seedance")
        free = await planned("video_selector", intent="cinematic")
    assert free["model"] == "seedance-2.0"
    assert len({one["provider"] for one in free["ranking"]}) > 1, "the selector keeps the others for a fallback"


@pytest.mark.parametrize(
    ("model", "fields", "pictures"),
    [
        ("veo-3.1-image", FRAME, {"image_url": PICTURE}),
        ("kling-v3-pro-image", FRAMES, {"start_image_url": PICTURE, "end_image_url": OTHER}),
        ("wan-2.7-image", FRAMES, {"image_url": PICTURE, "end_image_url": OTHER}),
        ("seedance-2.0-fast-image", FRAMES, {"image_url": PICTURE, "end_image_url": OTHER}),
        ("veo-3.1-first-last", FRAMES, {"first_frame_url": PICTURE, "last_frame_url": OTHER}),
        ("veo-3.1-ref", {"reference_images": [PICTURE, OTHER]}, {"image_urls": [PICTURE, OTHER]}),
        ("wan-2.7-ref", {"reference_images": [PICTURE]}, {"reference_image_urls": [PICTURE]}),
    ],
)
def test_11_the_hub_gets_pictures_in_the_fields_of_its_tables(model: str, fields: Json, pictures: Json) -> None:
    mode: Mode | None = "first_last_frame" if fields is FRAMES else None
    assert pictures_in(encoded(f"mountsea:{model}", mode, **fields).body) == pictures


def test_11_image_urls_in_options_is_dropped_where_the_table_has_another_field() -> None:
    payload = encoded("mountsea:veo-3.1-image", **FRAME, options={"image_urls": [PICTURE]})
    assert "image_urls" not in payload.body
    assert change_of(payload, "options.image_urls") == ([PICTURE], None)


def test_12_the_mode_demands_the_start_picture() -> None:
    for endpoint in CATALOGUE.endpoints:
        if "image_to_video" in endpoint.modes:
            error = refused(endpoint.key, "image_to_video")
            assert error.message == "first_frame is missing: image_to_video needs it.", endpoint.key
    body = encoded(WAN_IMAGE, "extend", source_video=CLIP).body
    assert body == {"prompt": "A fox", "video_url": CLIP, "resolution": "1080p", "duration": 5}


@pytest.mark.parametrize(
    ("key", "least"),
    [
        ("mountsea:veo-3.1-ref", 2),
        ("mountsea:veo-3.1-fast-ref", 2),
        ("mountsea:seedance-2.0-ref", 1),
        ("mountsea:seedance-2.0-fast-ref", 1),
        ("fal:bytedance/seedance-2.0/reference-to-video", 1),
    ],
)
def test_13_references_are_counted_by_model(key: str, least: int) -> None:
    pictures = [f"https://pictures.example/{number}.png" for number in range(10)]
    for count in (least, 9):
        assert encoded(key, reference_images=pictures[:count]).body["image_urls"] == pictures[:count]
    for count in (least - 1, 10):
        assert refused(key, reference_images=pictures[:count]).field == "reference_images"


@pytest.mark.parametrize(
    ("key", "first", "last"),
    [
        (KLING_IMAGE, "start_image_url", "end_image_url"),
        ("fal:fal-ai/kling-video/v2.1/pro/image-to-video", "image_url", "tail_image_url"),
        ("fal:fal-ai/veo3.1/first-last-frame-to-video", "first_frame_url", "last_frame_url"),
        ("fal:fal-ai/pixverse/v4.5/transition", "first_image_url", "end_image_url"),
        ("heygen:kling_pro", "reference_image_url", "tail_image_url"),
    ],
)
def test_14_the_last_frame_has_the_field_of_its_endpoint(key: str, first: str, last: str) -> None:
    assert pictures_in(encoded(key, "first_last_frame", **FRAMES).body) == {first: PICTURE, last: OTHER}


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (VEO_IMAGE, "image_url"),
        (KLING_IMAGE, "start_image_url"),
        ("novakit:fal-ai/veo2/image-to-video", "source_image"),
        ("heygen:kling_pro", "reference_image_url"),
    ],
)
def test_15_the_start_frame_has_the_field_of_its_endpoint(key: str, name: str) -> None:
    body = encoded(key, "image_to_video", **FRAME).body
    assert pictures_in(body) == {name: PICTURE}
    dropped = encoded(key, "image_to_video", **FRAME, options={"imageUrl": OTHER})
    assert (dropped.body, change_of(dropped, "options.imageUrl")) == (body, (OTHER, None))


def test_16_a_prompt_is_demanded_where_the_endpoint_demands_it() -> None:
    for endpoint in NOVAKIT_ALL:
        given = FRAME if endpoint.modes == ("image_to_video",) else {}
        assert refused(endpoint.key, prompt=" ", **given).message == "prompt is missing: the endpoint requires it."
    for key in (WAN_IMAGE, "mountsea:wan-2.7-image"):
        body = encoded(key, "image_to_video", prompt="", **FRAME).body
        assert body == {"image_url": PICTURE, "duration": 5, "resolution": "1080p"}


@pytest.mark.parametrize("key", [KLING, "mountsea:kling-v3-pro", "mountsea:kling-v3-standard"])
def test_17_kling_takes_a_prompt_or_shots_and_never_both(key: str) -> None:
    shots = [{"prompt": "A fox wakes", "duration": "2"}, {"prompt": "It runs", "duration": "3"}]
    assert refused(key, options={"multi_prompt": shots}).message == (
        "prompt, options.multi_prompt cannot be used together here."
    )
    assert refused(key, prompt="").field == "prompt"
    body = encoded(key, prompt="", options={"multi_prompt": shots}).body
    assert body == {"duration": "5", "generate_audio": True, "multi_prompt": shots}


@pytest.mark.parametrize("key", [VEO_IMAGE, *(f"mountsea:veo-3.1{tier}-image" for tier in ("", "-fast", "-lite"))])
def test_18_veo_may_follow_the_picture_and_takes_two_ratios(key: str) -> None:
    assert "aspect_ratio" not in encoded(key, **FRAME).body
    for ratio in ("auto", "16:9", "9:16"):
        assert encoded(key, **FRAME, aspect_ratio=ratio).body["aspect_ratio"] == ratio
    assert encoded(key, **FRAME, aspect_ratio="auto").aspect_ratio is None
    assert refused(key, **FRAME, aspect_ratio="1:1").message.endswith("allowed: auto, 16:9, 9:16.")


def test_19_veo_2_follows_the_picture() -> None:
    plain: Json = {"prompt": "A fox", "image_url": PICTURE, "duration": "5s"}
    assert encoded(VEO_2, **FRAME, aspect_ratio="auto").body == plain
    assert refused(VEO_2, **FRAME, aspect_ratio="9:16").field == "aspect_ratio"
    payload = encoded(VEO_2, **FRAME, options={"aspect_ratio": "auto_prefer_portrait"})
    assert (payload.body, change_of(payload, "options.aspect_ratio")) == (plain, ("auto_prefer_portrait", None))


@pytest.mark.parametrize(("text", "image"), [(WAN, WAN_IMAGE), ("mountsea:wan-2.7", "mountsea:wan-2.7-image")])
def test_20_each_endpoint_of_wan_has_its_own_shortest_sound(text: str, image: str) -> None:
    limits = [ENDPOINTS[key].params["audio_url"] for key in (text, image)]
    assert [(one.min_seconds, one.max_seconds) for one in limits] == [(3, 30), (2, 30)]


def test_21_seedance_lite_makes_1080p() -> None:
    for resolution in ("480p", "720p", "1080p"):
        payload = encoded(SEEDANCE_LITE, **FRAME, resolution=resolution)
        assert (payload.body["resolution"], payload.changes) == (resolution, ())
    assert refused(SEEDANCE_LITE, **FRAME, resolution="2k").message.endswith("allowed: 480p, 720p, 1080p.")


@pytest.mark.parametrize(
    ("key", "given"),
    [(PIXVERSE, FRAME), *((f"fal:fal-ai/pixverse/extend{end}", {"source_video": CLIP}) for end in ("", "/fast"))],
)
def test_22_pixverse_has_one_list_of_styles(key: str, given: Json) -> None:
    assert encoded(key, **given, options={"style": "clay"}).body["style"] == "clay"
    error = refused(key, **given, options={"style": "day"})
    assert error.message == "style 'day' is not offered; allowed: anime, 3d_animation, clay, comic, cyberpunk."


@pytest.mark.parametrize(
    ("key", "given", "wire"),
    [(MAGI, {}, 16), (MAGI_IMAGE, FRAME, 16), ("fal:fal-ai/magi", {}, "16")],
)
def test_23_the_steps_of_magi_have_the_type_of_their_endpoint(key: str, given: Json, wire: Any) -> None:
    for said in (16, "16"):
        payload = encoded(key, **given, options={"num_inference_steps": said})
        assert typed(payload.body["num_inference_steps"]) == typed(wire)
        assert len(payload.changes) == (type(said) is not type(wire))


def test_24_the_newer_hailuo_stands_before_the_one_called_latest(fal_service: VideoService) -> None:
    models = [one.model for one in fal_service.plan(request(provider="minimax", intent="general")).candidates]
    for tier in ("standard", "pro"):
        assert models.index(f"hailuo-2.3-{tier}") < models.index(f"hailuo-02-{tier}")
    assert {"hailuo-02-standard", "hailuo-2.3-pro"} <= {one.model for one in NOVAKIT_ALL}


def test_25_novakit_offers_what_its_tables_list() -> None:
    assert {mode for one in NOVAKIT_ALL for mode in one.modes} == {"text_to_video", "image_to_video"}
    assert "luma" not in {CATALOGUE.model_of(one).provider for one in NOVAKIT_ALL}
    with pytest.raises(InvalidRequest, match="not in the catalogue"):
        CATALOGUE.find("novakit:fal-ai/luma-dream-machine/ray-2")
    assert refused(NOVAKIT, source_video=CLIP).field == "source_video"
    assert change_of(encoded(NOVAKIT, options={"loop": True}), "options.loop") == (True, None)


def test_26_novakit_gets_what_its_table_allows_and_the_note_tells_the_models_limits() -> None:
    payload = encoded(NOVAKIT_KLING, duration=7, resolution="4k", options={"fps": 60})
    assert payload.body == {
        "prompt": "A fox",
        "model": NOVAKIT_KLING.removeprefix("novakit:"),
        "mode": "text_to_video",
        "duration_seconds": 7,
        "resolution": "4k",
        "fps": 60,
    }
    assert payload.changes == ()
    assert refused(NOVAKIT_KLING, options={"fps": 24}).field == "options.fps"
    assert refused(NOVAKIT_KLING, duration=11).field == "duration"
    assert [one.key for one in NOVAKIT_ALL if not one.note.startswith("At fal the model ")] == []


@pytest.mark.parametrize(("key", "unknown"), [(SEEDANCE, "cfg_scale"), (WAN, "generate_audio_switch")])
def test_27_an_unknown_key_is_dropped_and_told_and_an_unknown_ratio_refused(key: str, unknown: str) -> None:
    payload = encoded(key, options={unknown: 1})
    assert (payload.body, change_of(payload, f"options.{unknown}")) == (encoded(key).body, (1, None))
    error = refused(key, aspect_ratio="2:1")
    assert error.field == "aspect_ratio"
    assert "2:1 is not offered; allowed: " in error.message
    assert "16:9" in error.message


def test_28_an_id_is_never_given_another_prefix(fal_service: VideoService) -> None:
    models: list[str] = []
    for key in (SEEDANCE, "fal:fal-ai/bytedance/seedance/v1/pro/text-to-video"):
        (only,) = fal_service.plan(request(endpoint=key)).candidates
        assert f"fal:{only.endpoint_id}" == key
        models.append(only.model)
    assert models == ["seedance-2.0", "seedance-1.0-pro"]
    (guessed,) = fal_service.plan(request(endpoint="fal:fal-ai/bytedance/seedance-2.0/text-to-video")).candidates
    assert guessed.endpoint_id == "fal-ai/bytedance/seedance-2.0/text-to-video"
    assert (guessed.provider, guessed.cost.estimated_usd) == ("other", None), "taken as it is, and as unknown"


@pytest.mark.parametrize(
    ("model", "mode", "given"),
    [
        ("wan-2.7-ref", "reference_to_video", {"reference_images": [PICTURE]}),
        ("wan-2.7-edit", "video_to_video", {"source_video": CLIP}),
        ("seedance-2.0-ref", "reference_to_video", {"reference_images": [PICTURE]}),
        ("seedance-2.0-fast", "text_to_video", {}),
        ("seedance-2.0-fast-image", "image_to_video", FRAME),
        ("seedance-2.0-fast-ref", "reference_to_video", {"reference_images": [PICTURE]}),
    ],
)
def test_29_what_the_hub_describes_but_does_not_list_is_offered(model: str, mode: Mode, given: Json) -> None:
    endpoint = ENDPOINTS[f"mountsea:{model}"]
    assert (endpoint.status, endpoint.modes[0]) == ("live", mode)
    assert encoded(endpoint.key, **given).body["prompt"] == "A fox"


@pytest.mark.parametrize(("key", "default"), [(WAN_PRO, True), (MAGI_IMAGE, True), (WAN_FRAMES, None)])
def test_30_the_safety_checker_is_left_to_the_endpoint_unless_asked(key: str, default: bool | None) -> None:  # noqa: FBT001 -- a value of the table
    name = "enable_safety_checker"
    assert name not in encoded(key, **FRAME).body
    assert encoded(key, **FRAME, options={name: False}).body[name] is False
    assert ENDPOINTS[key].json_schema()["properties"][name].get("default") == default


def test_31_every_section_of_the_page_is_one_endpoint() -> None:
    sections = (VEO_2, WAN_PRO, KLING_2_1, SEEDANCE_LITE, "fal:fal-ai/minimax/hailuo-02/pro/image-to-video")
    sections += (KLING_2_1, WAN_FRAMES, PIXVERSE, LUMA, MAGI_IMAGE)
    assert len(set(sections)) == 9
    assert [key for key in sections if "image_to_video" not in ENDPOINTS[key].modes] == []
    assert encoded(KLING_2_1, **FRAME, duration=10, negative_prompt="rain", options={"cfg_scale": 0.7}).body == {
        "prompt": "A fox",
        "image_url": PICTURE,
        "duration": "10",
        "negative_prompt": "rain",
        "cfg_scale": 0.7,
    }


ROW = re.compile(r"^\| (\d+) \|(?: \S[^|]* \|){3}$", re.MULTILINE)


def test_every_line_of_the_page_has_a_test() -> None:
    page = (ROOT / "docs/decisions/0011-contradictions-of-the-sources.md").read_text(encoding="utf-8")
    numbers = [int(number) for number in ROW.findall(page)]
    tested = {int(found.group(1)) for name in globals() if (found := re.match(r"test_(\d\d)_", name))}
    assert numbers == list(range(1, 32))
    assert tested == set(numbers)
