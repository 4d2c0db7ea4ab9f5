"""The mode read off the media and the pins, and what a mode lives on."""

from typing import Any

import pytest

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.errors import InvalidRequest
from videogen_mcp.selection.eligibility import pinned_endpoints
from videogen_mcp.selection.modes import check_complete, infer_mode
from videogen_mcp.types import Json, Mode, VideoRequest

CATALOGUE = load_catalogue()
KLING_IMAGE = "fal:fal-ai/kling-video/v3/pro/image-to-video"
PICTURE = "https://pictures.example/a.png"
CLIP = "https://clips.example/a.mp4"
SOUND = "https://sounds.example/a.mp3"


def request(**fields: Any) -> VideoRequest:
    return VideoRequest.model_validate({"prompt": "A fox"} | fields)


@pytest.mark.parametrize(
    ("fields", "mode"),
    [
        ({}, "text_to_video"),
        ({"source_audio": SOUND}, "text_to_video"),
        ({"first_frame": PICTURE}, "image_to_video"),
        ({"first_frame": PICTURE, "last_frame": PICTURE}, "first_last_frame"),
        ({"reference_images": [PICTURE]}, "reference_to_video"),
        ({"reference_videos": [CLIP]}, "reference_to_video"),
        ({"reference_images": [PICTURE], "first_frame": PICTURE}, "reference_to_video"),
        ({"source_video": CLIP}, "video_to_video"),
        ({"source_video": CLIP, "source_audio": SOUND}, "lip_sync"),
        ({"source_video": CLIP, "first_frame": PICTURE}, "video_to_video"),
        ({"mode": "extend", "source_video": CLIP}, "extend"),
        ({"mode": "image_to_video", "first_frame": PICTURE, "last_frame": PICTURE}, "image_to_video"),
        ({"mode": "text_to_video", "first_frame": PICTURE}, "text_to_video"),
    ],
)
def test_infer_mode(fields: Json, mode: Mode) -> None:
    assert infer_mode(request(**fields)) == mode


def test_a_last_frame_alone_fits_no_mode() -> None:
    with pytest.raises(InvalidRequest) as caught:
        infer_mode(request(last_frame=PICTURE))
    assert (caught.value.field, caught.value.message) == (
        "first_frame",
        "last_frame is given without first_frame; give both.",
    )


@pytest.mark.parametrize(
    ("mode", "fields", "field"),
    [
        ("text_to_video", {"prompt": "  "}, "prompt"),
        ("image_to_video", {}, "first_frame"),
        ("first_last_frame", {"last_frame": PICTURE}, "first_frame"),
        ("first_last_frame", {"first_frame": PICTURE}, "last_frame"),
        ("reference_to_video", {}, "reference_images"),
        ("video_to_video", {}, "source_video"),
        ("extend", {}, "source_video"),
        ("reframe", {}, "source_video"),
        ("lip_sync", {"source_audio": SOUND}, "source_video"),
        ("sound_effects", {}, "source_video"),
        ("effects", {}, "first_frame"),
    ],
)
def test_what_a_mode_lives_on_is_missing(mode: Mode, fields: Json, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_complete(request(**fields), mode)
    assert caught.value.field == field
    assert mode in caught.value.message


def test_sound_alone_is_no_reference() -> None:
    with pytest.raises(InvalidRequest, match="reference_audio needs a picture or a clip beside it") as caught:
        check_complete(request(reference_audio=[SOUND]), "reference_to_video")
    assert caught.value.field == "reference_audio"
    check_complete(request(reference_audio=[SOUND], reference_images=[PICTURE]), "reference_to_video")


@pytest.mark.parametrize(
    ("mode", "fields"),
    [
        ("text_to_video", {}),
        ("text_to_video", {"prompt": "", "options": {"multi_prompt": [{"prompt": "A fox"}]}}),
        ("image_to_video", {"prompt": "", "first_frame": PICTURE}),
        ("image_to_video", {"options": {"start_image_url": PICTURE}}),
        ("first_last_frame", {"first_frame": PICTURE, "last_frame": PICTURE}),
        ("reference_to_video", {"reference_videos": [CLIP]}),
        ("effects", {"reference_images": [PICTURE]}),
        ("lip_sync", {"source_video": CLIP}),
    ],
)
def test_what_a_mode_lives_on_is_there(mode: Mode, fields: Json) -> None:
    check_complete(request(**fields), mode)


# Pins: a medium may come through an endpoint's own parameter, and a pin may leave one thing to do.


@pytest.mark.parametrize(
    ("fields", "mode"),
    [
        (
            {"endpoint": KLING_IMAGE, "options": {"start_image_url": PICTURE}},
            "image_to_video",
        ),
        (
            {
                "endpoint": KLING_IMAGE,
                "options": {"start_image_url": PICTURE, "end_image_url": PICTURE},
            },
            "first_last_frame",
        ),
        (
            {
                "endpoint": "fal:luma/agent/ray/v3.2/image-to-video",
                "options": {"keyframes": [PICTURE, PICTURE], "keyframe_indexes": [0, 90]},
            },
            "first_last_frame",
        ),
        ({"endpoint": "fal:fal-ai/veo3.1/extend-video", "source_video": CLIP}, "extend"),
        ({"model": "pixverse-sound-effects", "source_video": CLIP}, "sound_effects"),
        ({"model": "kling-lipsync", "source_video": CLIP}, "lip_sync"),
        ({"endpoint": "fal:nobody/knows-this", "options": {"image_url": PICTURE}}, "image_to_video"),
        ({"endpoint": "fal:fal-ai/veo3.1", "options": {"image_url": PICTURE}}, "text_to_video"),
        ({"provider": "kling", "source_video": CLIP}, "video_to_video"),
    ],
)
def test_a_pin_says_which_mode_is_meant(fields: Json, mode: Mode) -> None:
    asked = request(**fields)
    assert infer_mode(asked, pinned_endpoints(asked, CATALOGUE)) == mode


def test_a_pin_that_lacks_its_medium_is_refused_by_the_mediums_name() -> None:
    asked = request(endpoint="fal:fal-ai/veo3.1/extend-video")
    mode = infer_mode(asked, pinned_endpoints(asked, CATALOGUE))
    assert mode == "extend"
    with pytest.raises(InvalidRequest) as caught:
        check_complete(asked, mode)
    assert caught.value.field == "source_video"


def test_pins_leave_the_endpoints_that_match_them_all() -> None:
    assert pinned_endpoints(request(), CATALOGUE) == ()
    left = pinned_endpoints(request(provider="kling", gateway="mountsea"), CATALOGUE)
    assert left
    assert {(CATALOGUE.model_of(one).provider, one.gateway) for one in left} == {("kling", "mountsea")}
    assert pinned_endpoints(request(provider="veo", endpoint=KLING_IMAGE), CATALOGUE) == ()
