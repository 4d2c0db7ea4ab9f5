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
from videogen_mcp.types import Json, Mode, VideoRequest

CATALOGUE = load_catalogue()
GOLDENS = cast(
    "list[Json]",
    json.loads((Path(__file__).resolve().parent.parent / "data" / "goldens.json").read_text(encoding="utf-8")),
)
PICTURE = "https://pictures.example/a.png"


def cost_of(key: str, mode: Mode | None = None, **fields: Any) -> Cost:
    endpoint = CATALOGUE.find(f"fal:{key}")
    request = VideoRequest.model_validate({"prompt": "A fox"} | fields)
    return price(endpoint, encode(endpoint, mode or endpoint.modes[0], request))


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


@pytest.mark.parametrize(("seconds", "usd"), [(5, "0.4"), (5.0625, "0.5"), (6, "0.5")])
def test_wan_costs_a_quarter_more_above_81_frames(seconds: float, usd: str) -> None:
    cost = cost_of("fal-ai/wan-i2v", first_frame=PICTURE, duration=seconds)
    assert cost.estimated_usd == Decimal(usd)
    assert ("x 1.25" in cost.basis) is (usd == "0.5")


def test_a_length_left_to_the_endpoint_has_no_price() -> None:
    cost = cost_of("bytedance/seedance-2.0/text-to-video", options={"duration": "auto"})
    assert (cost.estimated_usd, cost.ceiling_usd, cost.confidence) == (None, None, "unknown")
    assert cost.basis == "$0.3034 per second, but the length is not known"


def test_no_price_table_is_unknown_and_not_free() -> None:
    fields: Json = {"first_frame": PICTURE, "last_frame": PICTURE}
    assert cost_of("fal-ai/veo3.1/first-last-frame-to-video", **fields) == UNKNOWN
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


@pytest.mark.parametrize("duration", [0, -5, 3601, 10**30])
def test_a_length_that_no_clip_has_is_refused_before_it_has_a_price(duration: int) -> None:
    with pytest.raises(InvalidRequest) as caught:
        cost_of("google/gemini-omni-flash", options={"duration": duration})
    assert caught.value.field == "options.duration"
    assert caught.value.message == f"duration {duration} is no length of a clip."
