"""The encoder on the catalogue's own endpoints: one test per trap."""

import copy
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.catalogue.requests import OTHER, PICTURE, least, medium

from videogen_mcp.catalogue import generic, load_catalogue
from videogen_mcp.catalogue.encode import Change, Payload, encode
from videogen_mcp.catalogue.fit import frames_per_second, seconds_of
from videogen_mcp.catalogue.pricing import price
from videogen_mcp.catalogue.rules import holds
from videogen_mcp.catalogue.schema import Endpoint
from videogen_mcp.catalogue.terms import Only
from videogen_mcp.errors import InvalidRequest
from videogen_mcp.types import MEDIA_FIELDS, RESOLUTIONS, Json, Mode, VideoRequest

CATALOGUE = load_catalogue()
EACH = pytest.mark.parametrize("endpoint", CATALOGUE.endpoints, ids=lambda endpoint: endpoint.key)

SEEDANCE = "fal:bytedance/seedance-2.0/text-to-video"
SEEDANCE_IMAGE = "fal:bytedance/seedance-2.0/image-to-video"
SEEDANCE_REFERENCE = "fal:bytedance/seedance-2.0/reference-to-video"
KLING = "fal:fal-ai/kling-video/v3/pro/text-to-video"
KLING_IMAGE = "fal:fal-ai/kling-video/v3/pro/image-to-video"
VEO = "fal:fal-ai/veo3.1"
VEO_IMAGE = "fal:fal-ai/veo3.1/image-to-video"
WAN = "fal:fal-ai/wan/v2.7/text-to-video"
WAN_IMAGE = "fal:fal-ai/wan/v2.7/image-to-video"
WAN_OLD = "fal:fal-ai/wan-i2v"
HAILUO = "fal:fal-ai/minimax/hailuo-2.3/standard/text-to-video"
HAILUO_PRO = "fal:fal-ai/minimax/hailuo-02/pro/image-to-video"
LOCAL = "local:animatic"


def sent(key: str, mode: Mode | None = None, **fields: Any) -> Payload:
    endpoint = CATALOGUE.find(key)
    mode = mode or endpoint.modes[0]
    return encode(endpoint, mode, VideoRequest.model_validate(least(endpoint, mode, **fields)))


def refused(key: str, mode: Mode | None = None, **fields: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        sent(key, mode, **fields)
    assert caught.value.endpoint == key
    return caught.value


def change_of(payload: Payload, field: str) -> Change:
    (found,) = [one for one in payload.changes if one.field == field]
    return found


# Duration.


@pytest.mark.parametrize(
    ("key", "name", "wire"),
    [
        (VEO, "duration", "6s"),
        (KLING, "duration", "6"),
        (SEEDANCE, "duration", "6"),
        (HAILUO, "duration", "6"),
        (WAN, "duration", 6),
        (WAN_OLD, "num_frames", 97),
        (LOCAL, "duration", 6.0),
    ],
)
def test_six_seconds_in_each_dialect(key: str, name: str, wire: Any) -> None:
    payload = sent(key, duration=6)
    assert (payload.body[name], type(payload.body[name])) == (wire, type(wire))
    assert payload.seconds == pytest.approx(6, abs=0.1)
    assert payload.changes == ()


def test_five_seconds_are_81_frames_and_no_change() -> None:
    payload = sent(WAN_OLD, duration=5)
    assert payload.body["num_frames"] == 81
    assert payload.seconds == 81 / 16
    assert payload.changes == ()


def test_frames_follow_the_rate_given_in_options() -> None:
    payload = sent(WAN_OLD, duration=4, options={"frames_per_second": 24})
    assert (payload.body["num_frames"], payload.body["frames_per_second"]) == (97, 24)
    assert payload.seconds == 97 / 24


def test_a_rate_that_makes_the_length_impossible_is_refused_with_what_is_possible() -> None:
    error = refused(WAN_OLD, duration=5, options={"frames_per_second": 24})
    assert error.field == "duration"
    assert error.message == "duration 5 s is not offered; allowed: 3.333 to 4.12 s."


def test_a_clip_below_the_fewest_frames_is_lengthened_and_reported() -> None:
    payload = sent(WAN_OLD, duration=3, options={"frames_per_second": 24})
    assert payload.body["num_frames"] == 81
    change = change_of(payload, "duration")
    assert (change.asked, change.sent) == (3, 81)
    assert "3.375 s" in change.why


@pytest.mark.parametrize(("seconds", "served"), [(5, True), (6.18, True), (6.25, False)])
def test_the_lengths_a_refusal_names_are_served(seconds: float, served: bool) -> None:  # noqa: FBT001
    assert refused(WAN_OLD, duration=7).message == "duration 7 s is not offered; allowed: 5 to 6.18 s."
    if served:
        assert sent(WAN_OLD, duration=seconds).body["num_frames"] <= 100
    else:
        assert refused(WAN_OLD, duration=seconds).field == "duration"


def test_veo_sends_the_next_longer_clip_and_says_so() -> None:
    payload = sent(VEO, duration=5)
    assert payload.body["duration"] == "6s"
    change = change_of(payload, "duration")
    assert (change.asked, change.sent) == (5, "6s")
    assert change.why == "the shortest clip on offer that is not below it: 6 s"


def test_veo_refuses_more_than_its_longest_and_lists_what_there_is() -> None:
    error = refused(VEO, duration=9)
    assert (error.field, error.message) == ("duration", "duration 9 s is not offered; allowed: 4s, 6s, 8s.")


def test_the_automatic_length_is_neither_sent_nor_listed() -> None:
    assert sent(SEEDANCE).body["duration"] == "5"
    assert "auto" not in refused(SEEDANCE, duration=16).message


@pytest.mark.parametrize("asked", [None, 6])
def test_hailuo_pro_has_no_length_parameter_and_is_always_six_seconds(asked: float | None) -> None:
    payload = sent(HAILUO_PRO, duration=asked)
    assert "duration" not in payload.body
    assert payload.seconds == 6
    assert payload.changes == ()


def test_hailuo_pro_serves_five_seconds_with_six() -> None:
    payload = sent(HAILUO_PRO, duration=5)
    assert "duration" not in payload.body
    change = change_of(payload, "duration")
    assert (change.asked, change.sent, change.why) == (5, None, "clips of this endpoint are always 6 s long")


def test_hailuo_pro_refuses_seven_seconds() -> None:
    error = refused(HAILUO_PRO, duration=7)
    assert (error.field, error.message) == ("duration", "duration 7 s is not offered; it is always 6 s.")


# Media.


def test_kling_takes_its_first_frame_as_start_image() -> None:
    body = sent(KLING_IMAGE, "first_last_frame").body
    assert body["start_image_url"] == PICTURE
    assert body["end_image_url"] == OTHER
    assert "image_url" not in body


WITHOUT_LAST_FRAME = [one for one in CATALOGUE.endpoints if one.param_for("last_frame") is None]


@pytest.mark.parametrize("endpoint", WITHOUT_LAST_FRAME, ids=lambda endpoint: endpoint.key)
def test_a_last_frame_is_never_dropped(endpoint: Endpoint) -> None:
    for mode in endpoint.modes:
        error = refused(endpoint.key, mode, last_frame="https://pictures.example/folder/end.png?token=secret")
        assert error.field == "last_frame"
        assert "last_frame (https://pictures.example/folder/end.png) cannot be used" in error.message


def test_some_endpoints_have_no_last_frame() -> None:
    keys = {one.key for one in WITHOUT_LAST_FRAME}
    assert {SEEDANCE, KLING, VEO, VEO_IMAGE, WAN, WAN_OLD, HAILUO, SEEDANCE_REFERENCE} <= keys


@pytest.mark.parametrize("field", MEDIA_FIELDS)
def test_a_medium_without_a_parameter_is_refused(field: str) -> None:
    assert refused(KLING, **{field: medium(field)}).field == field


def test_too_many_references_are_counted() -> None:
    error = refused(SEEDANCE_REFERENCE, reference_images=[f"https://pictures.example/{n}.png" for n in range(10)])
    assert error.field == "reference_images"
    assert error.message == "reference_images must be at most 9 items; 10 given."


@pytest.mark.parametrize("mode", ["image_to_video", "lip_sync"])
def test_a_mode_that_is_not_offered(mode: Mode) -> None:
    with pytest.raises(InvalidRequest) as caught:
        encode(CATALOGUE.find(VEO), mode, VideoRequest(prompt="A fox", first_frame=PICTURE))
    assert caught.value.field == "mode"
    assert caught.value.message == f"mode {mode} is not offered; it does text_to_video."


def test_a_mode_without_its_medium() -> None:
    with pytest.raises(InvalidRequest) as caught:
        encode(CATALOGUE.find(KLING_IMAGE), "first_last_frame", VideoRequest(prompt="A fox", first_frame=PICTURE))
    assert caught.value.field == "last_frame"


def test_a_medium_may_come_through_options() -> None:
    request = VideoRequest(prompt="A fox", options={"start_image_url": PICTURE})
    body = encode(CATALOGUE.find(KLING_IMAGE), "image_to_video", request).body
    assert body["start_image_url"] == PICTURE


# Ratio, resolution, sound.


def test_a_ratio_that_is_not_offered() -> None:
    error = refused(VEO, aspect_ratio="1:1")
    assert error.field == "aspect_ratio"
    assert error.message == "aspect_ratio 1:1 is not offered; allowed: 16:9, 9:16."


def test_a_ratio_where_the_clip_follows_the_picture() -> None:
    error = refused(KLING_IMAGE, aspect_ratio="16:9")
    assert error.message == "aspect_ratio 16:9 is not offered; allowed: the clip follows the medium given."
    assert sent(KLING_IMAGE, aspect_ratio="auto").changes == ()


def test_a_ratio_where_the_endpoint_says_nothing() -> None:
    assert "none, the endpoint decides" in refused(HAILUO, aspect_ratio="16:9").message


def test_auto_ratio_where_there_is_none_is_the_default_and_reported() -> None:
    payload = sent(VEO, aspect_ratio="auto")
    assert "aspect_ratio" not in payload.body
    assert change_of(payload, "aspect_ratio").sent == "16:9"
    assert payload.aspect_ratio == "16:9"


def test_auto_ratio_that_is_offered_is_sent_and_not_known() -> None:
    payload = sent(SEEDANCE, aspect_ratio="auto")
    assert payload.body["aspect_ratio"] == "auto"
    assert payload.aspect_ratio is None


@pytest.mark.parametrize(
    ("key", "asked", "wire"),
    [(SEEDANCE, "540p", "720p"), (SEEDANCE, "2k", "4k"), (VEO, "480p", "720p"), (WAN_OLD, "540p", "720p")],
)
def test_the_next_higher_resolution_is_sent_and_reported(key: str, asked: str, wire: str) -> None:
    payload = sent(key, resolution=asked)
    assert payload.body["resolution"] == payload.resolution == wire
    change = change_of(payload, "resolution")
    assert (change.asked, change.sent) == (asked, wire)


def test_a_resolution_above_the_highest_is_refused() -> None:
    error = refused(WAN_OLD, resolution="1080p")
    assert (error.field, error.message) == (
        "resolution",
        "resolution 1080p is not offered; allowed: 480p, 720p.",
    )


def test_a_fixed_resolution() -> None:
    assert change_of(sent(KLING, resolution="720p"), "resolution").sent is None
    assert sent(KLING, resolution="1080p").changes == ()
    assert refused(KLING, resolution="4k").message == "resolution 4k is not offered; allowed: 1080p."


@pytest.mark.parametrize("key", [HAILUO, HAILUO_PRO, WAN_OLD])
def test_sound_wanted_from_a_silent_endpoint(key: str) -> None:
    assert refused(key, generate_audio=True).field == "generate_audio"
    payload = sent(key, generate_audio=False)
    assert (payload.has_audio, payload.changes) == (False, ())


@pytest.mark.parametrize("key", [WAN, WAN_IMAGE])
def test_silence_wanted_from_an_endpoint_that_always_sounds(key: str) -> None:
    payload = sent(key, generate_audio=False)
    assert payload.has_audio
    assert change_of(payload, "generate_audio").why == "clips of this endpoint always have sound"


@EACH
def test_what_moves_the_price_is_always_sent(endpoint: Endpoint) -> None:
    for mode in endpoint.modes:
        payload = sent(endpoint.key, mode)
        for field in ("duration", "resolution", "generate_audio"):
            if (found := endpoint.param_for(field)) is not None:
                name, param = found
                assert payload.body.get(name) is not None, name
                if payload.body[name] in param.automatic:
                    assert mode == "video_to_video", "only an edit may follow its clip"
                    assert getattr(payload, {"duration": "seconds"}.get(field, field)) is None
                    if not (field == "duration" and endpoint.fixed.length_of):
                        assert price(endpoint, payload).estimated_usd is None


# What is dropped, and options.


def test_what_an_endpoint_cannot_take_is_dropped_and_reported() -> None:
    payload = sent(KLING, seed=7, options={"guidance": 3})
    assert "seed" not in payload.body
    assert "guidance" not in payload.body
    assert {(one.field, one.asked, one.sent) for one in payload.changes} == {
        ("seed", 7, None),
        ("options.guidance", 3, None),
    }


def test_a_negative_prompt_is_dropped_and_reported() -> None:
    payload = sent(SEEDANCE, negative_prompt="rain")
    assert "negative_prompt" not in payload.body
    assert change_of(payload, "negative_prompt").why == "this endpoint takes no negative prompt"


def test_a_seed_above_the_endpoints_largest_is_dropped_and_reported() -> None:
    payload = sent(WAN, seed=2**31)
    assert "seed" not in payload.body
    assert change_of(payload, "seed").why == "this endpoint takes seeds up to 2147483647"


@pytest.mark.parametrize(
    ("key", "given_value", "wire"), [(KLING, 5, "5"), (KLING, "5s", "5"), (WAN, "5", 5), (WAN, 5.0, 5), (VEO, 8, "8s")]
)
def test_an_option_in_another_spelling_is_put_right_and_reported(key: str, given_value: Any, wire: Any) -> None:
    payload = sent(key, options={"duration": given_value})
    assert (payload.body["duration"], type(payload.body["duration"])) == (wire, type(wire))
    assert payload.seconds == float(str(wire).rstrip("s"))
    change = change_of(payload, "options.duration")
    assert (change.asked, change.sent) == (given_value, wire)


def test_an_option_as_documented_is_no_change() -> None:
    assert sent(KLING, options={"duration": "7", "cfg_scale": 1}).changes == ()


@pytest.mark.parametrize(
    ("key", "name", "value", "wording"),
    [
        (KLING, "duration", "16", "allowed: 3, 4, 5"),
        (KLING, "shot_type", "wild", "allowed: customize, intelligent"),
        (KLING, "cfg_scale", "high", "must be of JSON type number"),
        (KLING, "cfg_scale", float("nan"), "is no JSON number"),
        (KLING, "multi_prompt", "Shot one", "must be of JSON type array"),
        (VEO, "auto_fix", "yes", "must be of JSON type boolean"),
        (VEO, "auto_fix", 1, "must be of JSON type boolean"),
        (VEO, "seed", 1.5, "must be of JSON type integer"),
        (VEO, "seed", None, "must be of JSON type integer"),
        (WAN, "duration", True, "is not offered"),
        (WAN_OLD, "frames_per_second", 30, "must be at most 24; 30 given"),
        (WAN_OLD, "frames_per_second", 4, "must be at least 5; 4 given"),
        (WAN_OLD, "frames_per_second", float("inf"), "is no JSON number"),
    ],
)
def test_an_option_with_a_wrong_value_is_refused_by_its_name(key: str, name: str, value: Any, wording: str) -> None:
    error = refused(key, options={name: value})
    assert error.field == f"options.{name}"
    assert name in error.message
    assert wording in error.message


def test_an_argument_wins_over_the_option_that_says_the_same() -> None:
    payload = sent(KLING, duration=7, options={"duration": "12"})
    assert payload.body["duration"] == "7"
    assert change_of(payload, "options.duration").sent is None


def test_an_empty_prompt_is_missing_and_a_long_one_is_refused() -> None:
    assert refused(VEO, prompt="  ").message == "prompt is missing: the endpoint requires it."
    error = refused(WAN, prompt="x" * 5001)
    assert (error.field, error.message) == ("prompt", "prompt must be at most 5000 characters; 5001 given.")


def test_an_endpoint_outside_the_catalogue_passes_options_on() -> None:
    request = VideoRequest(prompt="A fox", first_frame=PICTURE, seed=3, options={"motion": 5, "nested": {"a": [1]}})
    payload = encode(generic("someone/model/v1"), "image_to_video", request)
    assert payload.body == {"prompt": "A fox", "image_url": PICTURE, "motion": 5, "nested": {"a": [1]}}
    assert [one.field for one in payload.changes] == ["seed"]
    assert payload.seconds is None


# Properties.

LONGEST = 90
SECONDS = st.floats(min_value=0.1, max_value=LONGEST, allow_nan=False)
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "duration": SECONDS,
        "aspect_ratio": st.sampled_from(["auto", "16:9", "9:16", "1:1", "21:9"]),
        "resolution": st.sampled_from(RESOLUTIONS),
        "generate_audio": st.booleans(),
        "seed": st.integers(0, 2**32 - 1),
        "negative_prompt": st.text(max_size=20),
        "options": st.dictionaries(
            st.sampled_from(["duration", "cfg_scale", "auto_fix", "frames_per_second", "multi_prompt", "other"]),
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers()),
            max_size=3,
        ),
    },
)


def lengths_on_offer(endpoint: Endpoint, body: Json) -> tuple[list[float], float]:
    """Every length in seconds that may go with this body, and the frame rate (1 where seconds are counted)."""
    found = endpoint.param_for("duration")
    if found is None:
        return [] if endpoint.fixed.duration is None else [endpoint.fixed.duration], 1
    name, param = found
    if param.values:
        rules = [one for one in endpoint.rules if isinstance(one, Only) and one.param == name]
        barred = [one.values for one in rules if holds(endpoint, body, one.when)]
        values = [value for value in param.values if all(value in allowed for allowed in barred)]
        return [length for value in values if (length := seconds_of(value, param)) is not None], 1
    rate = frames_per_second(endpoint, param, body)
    if param.type != "integer":
        return [], rate
    most = int(LONGEST * rate) + 1 + param.plus if param.maximum is None else int(param.maximum)
    return [(count - param.plus) / rate for count in range(int(param.minimum or 0), most + 1)], rate


def outcome(endpoint: Endpoint, mode: Mode, request: VideoRequest) -> Payload | InvalidRequest:
    try:
        return encode(endpoint, mode, request)
    except InvalidRequest as error:
        return error


@EACH
@settings(max_examples=15, deadline=None)
@given(seconds=SECONDS, data=st.data())
def test_never_shorter_than_asked_and_the_shortest_that_will_do(
    endpoint: Endpoint, seconds: float, data: st.DataObject
) -> None:
    mode = data.draw(st.sampled_from(endpoint.modes))
    found = endpoint.param_for("duration")
    offered, rate = lengths_on_offer(endpoint, sent(endpoint.key, mode).body)
    if found is not None and found[1].type == "number" and not found[1].values:
        low, high = found[1].minimum or 0, found[1].maximum or math.inf
        offered = [max(seconds, low)] if seconds <= high else []
    enough = [length for length in offered if length >= seconds - 1e-6 / rate]
    payload = outcome(endpoint, mode, VideoRequest.model_validate(least(endpoint, mode, duration=seconds)))
    if isinstance(payload, InvalidRequest):
        assert payload.field == "duration"
        assert not enough
        return
    assert payload.seconds is not None
    assert payload.seconds >= seconds - 1e-6
    assert payload.seconds == pytest.approx(min(enough) + (found[1].plus / rate if found else 0))
    if payload.seconds - seconds > 0.1:
        assert [one.field for one in payload.changes] == ["duration"]


@EACH
@settings(max_examples=15, deadline=None)
@given(fields=REQUESTS, data=st.data())
def test_encoding_is_pure_and_speaks_the_endpoints_words(endpoint: Endpoint, fields: Json, data: st.DataObject) -> None:
    mode = data.draw(st.sampled_from(endpoint.modes))
    request = VideoRequest.model_validate(least(endpoint, mode, **fields))
    before = copy.deepcopy(request.model_dump())
    payload = outcome(endpoint, mode, request)
    assert repr(request.model_dump()) == repr(before)
    if isinstance(payload, InvalidRequest):
        assert payload.field in VideoRequest.model_fields or str(payload.field).startswith("options.")
        return
    assert set(payload.body) <= set(endpoint.params)
    assert encode(endpoint, mode, request) == payload
    cost = price(endpoint, payload)
    assert cost == price(endpoint, payload)
    if cost.estimated_usd is not None and cost.ceiling_usd is not None:
        assert 0 <= cost.estimated_usd <= cost.ceiling_usd
    else:
        assert cost.estimated_usd is cost.ceiling_usd is None
