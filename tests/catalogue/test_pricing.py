"""What bodies cost: exact figures, ceilings, multipliers, and unknown as None."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videogen_mcp.catalogue import generic, load_catalogue
from videogen_mcp.catalogue.encode import Payload, encode
from videogen_mcp.catalogue.pricing import FREE, UNKNOWN, Cost, price
from videogen_mcp.catalogue.schema import Endpoint
from videogen_mcp.errors import InvalidRequest
from videogen_mcp.types import NOTHING_MEASURED, Json, Media, MediaFacts, Mode, VideoRequest

CATALOGUE = load_catalogue()
GOLDENS = cast(
    "list[Json]",
    json.loads((Path(__file__).resolve().parent.parent / "data" / "goldens.json").read_text(encoding="utf-8")),
)
PICTURE = "https://pictures.example/a.png"


def cost_of(key: str, mode: Mode | None = None, media: Media = NOTHING_MEASURED, **fields: Any) -> Cost:
    endpoint = CATALOGUE.find(key if ":" in key else f"fal:{key}")
    request = VideoRequest.model_validate({"prompt": "A fox"} | fields)
    return price(endpoint, encode(endpoint, mode or endpoint.modes[0], request), media)


def decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: f"{golden['endpoint']}-{golden['mode']}")
def test_price_of_each_canonical_body(golden: Json) -> None:
    endpoint = CATALOGUE.find(golden["endpoint"])
    cost = price(endpoint, encode(endpoint, golden["mode"], VideoRequest.model_validate(golden["request"])))
    assert (cost.estimated_usd, cost.ceiling_usd) == (decimal(golden["usd"]), decimal(golden["high_usd"]))


def test_the_basis_shows_the_sum_its_source_and_its_day() -> None:
    cost = cost_of("fal-ai/veo3.1", duration=8, resolution="720p")
    assert cost.estimated_usd == Decimal("3.2")
    assert cost.basis == "8 s x $0.4 (fal.ai model page, undated crawl, and a third-party reading, 2026-09-19)"
    assert cost.confidence == "high"


@pytest.mark.parametrize(
    ("resolution", "audio", "usd"),
    [("720p", True, "3.2"), ("720p", False, "1.6"), ("1080p", True, "3.2"), ("4k", True, "4.8"), ("4k", False, "3.2")],
)
def test_veo_by_resolution_and_sound(resolution: str, audio: bool, usd: str) -> None:  # noqa: FBT001
    cost = cost_of("fal-ai/veo3.1", duration=8, resolution=resolution, generate_audio=audio)
    assert cost.estimated_usd == Decimal(usd)


def test_where_sources_differ_the_ceiling_is_the_higher() -> None:
    cost = cost_of("fal-ai/kling-video/v3/pro/text-to-video", duration=10)
    assert (cost.estimated_usd, cost.ceiling_usd) == (Decimal("1.68"), Decimal("3.36"))
    assert cost.confidence == "medium"


@pytest.mark.parametrize(
    ("resolution", "ratio", "usd"),
    [
        # 0.014 per thousand tokens of width x height x 5 s x 24 / 1024.
        ("480p", "16:9", "0.672"),
        # A tier is an area: every ratio costs the same.
        ("480p", "1:1", "0.672"),
        ("480p", "21:9", "0.672"),
        ("1080p", "9:16", "3.402"),
        ("4k", "16:9", "13.608"),
        ("480p", None, "0.672"),
        ("720p", "21:9", "1.517"),
    ],
)
def test_seedance_by_tokens(resolution: str, ratio: str | None, usd: str) -> None:
    cost = cost_of("bytedance/seedance-2.0/text-to-video", duration=5, resolution=resolution, aspect_ratio=ratio)
    assert cost.estimated_usd == Decimal(usd)


def test_input_clips_are_billed_at_the_longest_the_endpoint_takes() -> None:
    clip: Json = {"reference_videos": ["https://clips.example/a.mp4"]}
    key = "bytedance/seedance-2.0/reference-to-video"
    with_clip = cost_of(key, duration=5, resolution="720p", **clip)
    assert with_clip.estimated_usd == Decimal("0.1814") * (5 + 15)
    with_picture = cost_of(key, duration=5, resolution="720p", reference_images=[PICTURE])
    assert with_picture.estimated_usd == Decimal("0.3024") * 5
    by_tokens = cost_of(key, duration=5, resolution="480p", aspect_ratio="16:9", **clip)
    assert by_tokens.estimated_usd == Decimal("0.672") * 4


def seconds_of(**lengths: float) -> Media:
    return {f"https://clips.example/{name}.mp4": MediaFacts(seconds=seconds) for name, seconds in lengths.items()}


def clips(*names: str) -> list[str]:
    return [f"https://clips.example/{name}.mp4" for name in names]


def test_measured_input_clips_are_billed_by_their_length() -> None:
    key = "bytedance/seedance-2.0/reference-to-video"
    fields: Json = {"duration": 5, "resolution": "720p", "reference_videos": clips("a", "b")}
    both = cost_of(key, media=seconds_of(a=3.5, b=4.0), **fields)
    assert both.estimated_usd == Decimal("0.1814") * Decimal("12.5")
    assert both.basis.startswith("12.5 s x $0.1814, with 7.5 s of video_urls (")
    # One that could not be measured: both together are no longer than what is taken in all.
    one = cost_of(key, media=seconds_of(a=3.5), **fields)
    assert one.estimated_usd == Decimal("0.1814") * 20
    assert ", with up to 15 s of video_urls (" in one.basis


def test_input_clips_that_may_be_of_any_length_have_no_price_until_they_are_measured() -> None:
    key = "fal-ai/wan/v2.7/reference-to-video"
    fields: Json = {"duration": 5, "resolution": "720p", "reference_videos": clips("a")}
    assert cost_of(key, **fields).estimated_usd is None
    assert cost_of(key, media=seconds_of(a=7.25), **fields).estimated_usd == Decimal("0.1") * Decimal("12.25")
    pictures: Json = fields | {"reference_videos": [], "reference_images": [PICTURE]}
    assert cost_of(key, **pictures).estimated_usd == Decimal("0.5")


def test_a_clip_as_long_as_its_source_costs_what_that_is_long() -> None:
    key = "heygen:v3/videos/avatar"
    fields: Json = {"source_audio": PICTURE, "prompt": "", "options": {"avatar_id": "a"}}
    measured = cost_of(key, media={PICTURE: MediaFacts(seconds=12.4)}, **fields)
    assert measured.estimated_usd == Decimal("0.62")
    assert measured.basis.startswith("12.4 s x $0.05, as long as audio_url (")
    assert cost_of(key, **fields).estimated_usd is None


@pytest.mark.parametrize(
    ("beyond", "usd"), [(0, "1.3"), (5, "1.3"), (6, "1.38"), (9, "1.62")], ids=["none", "five", "six", "nine"]
)
def test_pictures_beyond_those_included_cost_extra(beyond: int, usd: str) -> None:
    pictures = [f"https://pictures.example/{number}.png" for number in range(beyond)] or []
    fields: Json = {"reference_images": pictures} if pictures else {"reference_videos": clips("a")}
    cost = cost_of("minimax/h3/reference-to-video", duration=10, **fields)
    assert (cost.estimated_usd, cost.ceiling_usd) == (Decimal(usd), Decimal(usd))
    assert (" reference_image_urls x $0.08" in cost.basis) is (beyond > len("12345"))


@pytest.mark.parametrize(("seconds", "usd"), [(5, "0.4"), (5.0625, "0.5"), (6, "0.5")])
def test_wan_costs_a_quarter_more_above_81_frames(seconds: float, usd: str) -> None:
    cost = cost_of("fal-ai/wan-i2v", first_frame=PICTURE, duration=seconds)
    assert cost.estimated_usd == Decimal(usd)
    assert ("x 1.25" in cost.basis) is (usd == "0.5")


def test_a_length_left_to_the_endpoint_has_no_price() -> None:
    cost = cost_of("bytedance/seedance-2.0/text-to-video", options={"duration": "auto"})
    assert (cost.estimated_usd, cost.ceiling_usd, cost.confidence) == (None, None, "unknown")
    assert cost.basis == "$0.3034 per second, but the length is not known"


CLIP = "https://clips.example/a.mp4"


@pytest.mark.parametrize(
    ("key", "fields", "usd", "high_usd"),
    [
        # Voices only cost more where there is sound.
        ("fal-ai/kling-video/v2.6/pro/image-to-video", {"generate_audio": True}, "0.7", "0.7"),
        (
            "fal-ai/kling-video/v2.6/pro/image-to-video",
            {"generate_audio": False, "options": {"voice_ids": ["829826751244537879"]}},
            "0.35",
            "0.35",
        ),
        # High dynamic range, and the files for grading on top of it.
        ("luma/agent/ray/v3.2/image-to-video", {"resolution": "720p", "options": {"hdr": True}}, "0.6", "0.6"),
        (
            "luma/agent/ray/v3.2/video-to-video",
            {"source_video": CLIP, "resolution": "1080p", "duration": 10, "options": {"hdr": True, "exr_export": True}},
            "12.96",
            "12.96",
        ),
        ("luma/agent/ray/v3.2/text-to-video", {"resolution": "720p", "options": {"hdr": True}}, None, None),
        # Several clips, sound, and both.
        (
            "fal-ai/pixverse/v5.5/text-to-video",
            {"resolution": "720p", "options": {"generate_multi_clip_switch": True}},
            "0.3",
            "0.3",
        ),
        ("fal-ai/pixverse/v5.5/text-to-video", {"resolution": "720p", "generate_audio": True}, "0.25", "0.25"),
        (
            "fal-ai/pixverse/v5.5/text-to-video",
            {"resolution": "720p", "generate_audio": True, "options": {"generate_multi_clip_switch": True}},
            "0.35",
            "0.35",
        ),
        # A quarter of the standard rate without sound, half of it with.
        ("wan/v2.6/image-to-video/flash", {"resolution": "1080p", "generate_audio": False}, "0.1875", "0.375"),
        ("wan/v2.6/image-to-video/flash", {"resolution": "1080p", "generate_audio": True}, "0.375", "0.375"),
        # Every begun second counts; several candidates have no known price.
        ("nvidia/cosmos-3-super/image-to-video", {"options": {"num_frames": 120}}, "0.25", "0.25"),
        ("nvidia/cosmos-3-super/image-to-video", {"options": {"num_frames": 121}}, "0.3", "0.3"),
        ("nvidia/cosmos-3-super/image-to-video", {"options": {"enable_agentic_generation": True}}, None, None),
        # Pictures beyond those included are in the ceiling; clips are billed by tokens.
        ("minimax/h3-max/reference-to-video", {"reference_images": [PICTURE]}, "0.4", "0.5025"),
        ("minimax/h3-max/reference-to-video", {"reference_videos": [CLIP]}, None, None),
        # A sum and a rate at 1080p, a rate alone at 720p.
        (
            "fal-ai/vidu/q2/video-extension/pro",
            {"source_video": CLIP, "resolution": "1080p", "duration": 2},
            "0.43",
            "0.43",
        ),
        (
            "fal-ai/vidu/q2/video-extension/pro",
            {"source_video": CLIP, "resolution": "720p", "duration": 2},
            "0.15",
            "0.15",
        ),
        # Where the clip that is given decides the length and was not measured, the longest that is taken counts; and
        # where none is documented, only the rate is known.
        ("fal-ai/kling-video/o1/video-to-video/edit", {"source_video": CLIP}, "1.68", "1.68"),
        ("fal-ai/pixverse/lipsync", {"source_video": CLIP, "source_audio": "https://sounds.example/a.mp3"}, None, None),
    ],
)
def test_what_moves_a_price(key: str, fields: Json, usd: str | None, high_usd: str | None) -> None:
    endpoint = CATALOGUE.find(f"fal:{key}")
    pictures: Json = {"first_frame": PICTURE} if "image_to_video" in endpoint.modes else {}
    cost = cost_of(key, None, NOTHING_MEASURED, **(pictures | {"duration": None} | fields))
    assert (cost.estimated_usd, cost.ceiling_usd) == (decimal(usd), decimal(high_usd))


def test_the_rate_is_shown_where_the_length_is_not_known() -> None:
    cost = cost_of("fal-ai/luma-dream-machine/ray-2/reframe", source_video=CLIP, aspect_ratio="1:1")
    assert cost.basis.endswith(" per second, but the length is not known")
    assert cost.basis.startswith("$")


def test_no_price_table_is_unknown_and_not_free() -> None:
    fields: Json = {"first_frame": PICTURE, "last_frame": PICTURE}
    assert cost_of("fal-ai/pixverse/v4.5/transition", **fields) == UNKNOWN
    endpoint = generic("someone/model")
    assert price(endpoint, encode(endpoint, "text_to_video", VideoRequest(prompt="A fox"))) == UNKNOWN
    assert (UNKNOWN.estimated_usd, UNKNOWN.ceiling_usd) == (None, None)


def test_local_is_free() -> None:
    endpoint = CATALOGUE.find("local:animatic")
    cost = price(endpoint, encode(endpoint, "text_to_video", VideoRequest(prompt="A fox", duration=60)))
    assert cost is FREE
    assert (cost.estimated_usd, cost.ceiling_usd) == (Decimal(0), Decimal(0))


# Synthetic price tables.


def toy(*prices: Json, **fields: Any) -> Endpoint:
    base: Json = {"id": "toy/make", "gateway": "fal", "model": "toy", "modes": ["text_to_video"]}
    base |= {"source": "a test", "checked": date(2026, 11, 21)}
    base["params"] = {
        "size": {"values": ["720p", "1080p"], "default": "720p"},
        "pictures": {"type": "integer", "default": 0},
        "clips": {"type": "array", "max_seconds": 10},
    }
    told: Json = {"source": "a test", "confidence": "low"}
    return Endpoint.model_validate(base | fields | {"prices": [told | one for one in prices]})


def usd(endpoint: Endpoint, body: Json, **fields: Any) -> Decimal | None:
    return price(endpoint, Payload(body, **fields)).estimated_usd


def test_the_first_row_that_holds_is_used() -> None:
    endpoint = toy(
        {"usd": "0.5", "per": "video", "when": {"size": "1080p"}},
        {"usd": "0.2", "per": "video"},
        {"usd": "9", "per": "video"},
    )
    assert usd(endpoint, {"size": "1080p"}) == Decimal("0.5")
    assert usd(endpoint, {"size": "720p"}) == Decimal("0.2")
    assert usd(endpoint, {}) == Decimal("0.2")


def test_a_body_that_no_row_covers_is_unknown() -> None:
    assert price(toy({"usd": "0.5", "per": "video", "when": {"size": "1080p"}}), Payload({})) == UNKNOWN


@pytest.mark.parametrize(("count", "factor"), [(0, "1"), (2, "1"), (3, "1.1"), (4, "1.1"), (5, "1.2"), (9, "1.4")])
def test_every_begun_step_above_what_is_included_adds(count: int, factor: str) -> None:
    step = {"by": "0.1", "param": "pictures", "over": 2, "each": 2}
    endpoint = toy({"usd": "10", "per": "video", "multiply": [step]})
    assert usd(endpoint, {"pictures": count}) == 10 * Decimal(factor)


def test_multipliers_multiply_and_those_that_do_not_hold_do_not() -> None:
    factors: list[Json] = [{"by": "1.5"}, {"when": {"size": "1080p"}, "by": "2"}]
    endpoint = toy({"usd": "0.1", "high_usd": "0.2", "per": "second", "multiply": factors})
    assert usd(endpoint, {}, seconds=4.0) == Decimal("0.6")
    cost = price(endpoint, Payload({"size": "1080p"}, seconds=4.0))
    assert (cost.estimated_usd, cost.ceiling_usd) == (Decimal("1.2"), Decimal("2.4"))
    assert "x 3" in cost.basis
    assert "undated" in cost.basis


def test_a_clips_longest_counts_where_no_sum_is_limited() -> None:
    endpoint = toy({"usd": "0.1", "per": "second", "input_seconds": ["clips"]})
    assert usd(endpoint, {"clips": ["a"]}, seconds=5.0) == Decimal("1.5")
    assert usd(endpoint, {"clips": []}, seconds=5.0) == Decimal("0.5")


def test_each_clip_may_be_as_long_as_one_may_be() -> None:
    endpoint = toy({"usd": "0.1", "per": "second", "input_seconds": ["clips"]})
    assert usd(endpoint, {"clips": ["a", "b", "c"]}, seconds=5.0) == Decimal("3.5")
    payload = Payload({"clips": ["a", "b", "c"]}, seconds=5.0)
    assert price(endpoint, payload, {"b": MediaFacts(seconds=2.5)}).estimated_usd == Decimal("2.75")


def test_a_result_as_long_as_a_clip() -> None:
    endpoint = toy({"usd": "0.1", "per": "second", "high_usd": "0.2"}, fixed={"length_of": "clips"})
    measured = price(endpoint, Payload({"clips": ["a"]}), {"a": MediaFacts(seconds=4.5)})
    assert (measured.estimated_usd, measured.ceiling_usd) == (Decimal("0.45"), Decimal("0.9"))
    assert measured.basis == "4.5 s x $0.1, as long as clips (a test, undated)"
    unknown = price(endpoint, Payload({"clips": ["a"]}))
    assert unknown.estimated_usd == Decimal(1)
    assert unknown.basis == "10 s x $0.1, the longest clips that it takes (a test, undated)"
    # A length that is sent is the one that is made.
    assert usd(endpoint, {"clips": ["a"]}, seconds=2.0) == Decimal("0.2")
    assert usd(endpoint, {}) is None


def test_what_is_charged_for_single_items_is_not_multiplied() -> None:
    extra = {"usd": "0.5", "param": "clips", "over": 1}
    endpoint = toy({"usd": "1", "per": "video", "plus": [extra], "multiply": [{"by": "3"}]})
    assert usd(endpoint, {"clips": ["a", "b", "c"]}) == 4
    assert usd(endpoint, {"clips": ["a"]}) == usd(endpoint, {}) == 3
    assert price(endpoint, Payload({"clips": ["a", "b"]})).basis == "1 clip x $1 x 3 + 1 clips x $0.5 (a test, undated)"


@pytest.mark.parametrize("known", [{"seconds": 5.0}, {"resolution": "720p"}, {"seconds": 5.0, "resolution": "wide"}])
def test_tokens_need_length_and_resolution(known: Json) -> None:
    assert usd(toy({"usd": "0.01", "per": "thousand_tokens"}), {}, **known) is None


def test_tokens_by_frame_rate() -> None:
    endpoint = toy({"usd": "0.01", "per": "thousand_tokens", "frame_rate": 12})
    # 1280 x 720 x 10 s x 12 / 1024 = 108 000 tokens.
    assert usd(endpoint, {}, seconds=10.0, resolution="720p", aspect_ratio="16:9") == Decimal("1.08")


@settings(deadline=None)
@given(
    seconds=st.none() | st.floats(0.1, 600),
    resolution=st.sampled_from([None, "480p", "720p", "4k", "wide"]),
    ratio=st.sampled_from([None, "16:9", "9:16", "21:9", "1:1"]),
    per=st.sampled_from(["second", "video", "thousand_tokens"]),
    rate=st.decimals(0, 10, places=4),
    more=st.none() | st.decimals(0, 10, places=4),
    pictures=st.integers(0, 50),
)
def test_a_price_is_never_negative(
    *,
    seconds: float | None,
    resolution: str | None,
    ratio: str | None,
    per: str,
    rate: Decimal,
    more: Decimal | None,
    pictures: int,
) -> None:
    step = {"by": "0.1", "param": "pictures", "over": 3, "each": 1}
    endpoint = toy({"usd": rate, "high_usd": None if more is None else rate + more, "per": per, "multiply": [step]})
    payload = Payload({"pictures": pictures}, seconds=seconds, resolution=resolution, aspect_ratio=ratio)
    cost = price(endpoint, payload)
    assert cost == price(endpoint, payload)
    if cost.estimated_usd is None:
        assert cost.ceiling_usd is None
        assert per != "video"
    else:
        assert cost.ceiling_usd is not None
        assert 0 <= cost.estimated_usd <= cost.ceiling_usd


def test_a_resolution_that_follows_the_clip_is_not_known() -> None:
    endpoint = CATALOGUE.find("fal:xai/grok-imagine-video/edit-video")
    request = VideoRequest(prompt="A fox", source_video="https://clips.example/a.mp4")
    payload = encode(endpoint, "video_to_video", request)
    assert (payload.body["resolution"], payload.resolution) == ("auto", None)
    assert price(endpoint, payload) == UNKNOWN


@pytest.mark.parametrize("rate", [0, -24])
@pytest.mark.parametrize("duration", [None, 5])
def test_a_frame_rate_that_is_none_is_refused(rate: int, duration: float | None) -> None:
    with pytest.raises(InvalidRequest) as caught:
        cost_of("fal-ai/ltx-2.3-quality/text-to-video", duration=duration, options={"frames_per_second": rate})
    assert caught.value.field == "options.frames_per_second"
    assert caught.value.message == f"frames_per_second {rate} must be above 0."


@pytest.mark.parametrize("duration", [0, -5, 24 * 3601, 10**30])
def test_a_length_that_no_clip_has_is_refused_before_it_has_a_price(duration: int) -> None:
    with pytest.raises(InvalidRequest) as caught:
        cost_of("nvidia/cosmos-3-super/image-to-video", first_frame=PICTURE, options={"num_frames": duration})
    assert caught.value.field == "options.num_frames"
    assert caught.value.message == f"num_frames {duration} is no length of a clip."
