"""Media inside objects, lists that set the length, and conditions on what stands inside a list."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.catalogue.encode import Change, Payload, encode
from videogen_mcp.catalogue.pricing import price
from videogen_mcp.catalogue.rules import values_inside
from videogen_mcp.catalogue.schema import Param
from videogen_mcp.errors import InvalidRequest
from videogen_mcp.types import Json, Mode, VideoRequest

CATALOGUE = load_catalogue()
KLING_TEXT = "fal:fal-ai/kling-video/v3/pro/text-to-video"
KLING_IMAGE = "fal:fal-ai/kling-video/v3/standard/image-to-video"
KLING_EDIT = "fal:fal-ai/kling-video/o1/reference-to-video"
KLING_HUB = "mountsea:kling-v3-pro"
RAY = "fal:luma/agent/ray/v3.2/image-to-video"
HEYGEN = "heygen:v3/models/videos/image_to_video"
PIXVERSE = "fal:fal-ai/pixverse/c1/reference-to-video"
PICTURE, OTHER = "https://pictures.example/a.png", "https://pictures.example/b.png"


def sent(key: str, mode: Mode, **fields: Any) -> Payload:
    return encode(CATALOGUE.find(key), mode, VideoRequest.model_validate(fields))


def refused(key: str, mode: Mode, **fields: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        sent(key, mode, **fields)
    return caught.value


def shots(*seconds: int | None) -> Json:
    described: list[Json] = [{"prompt": f"Shot {number}"} for number, _ in enumerate(seconds)]
    return {
        "multi_prompt": [
            shot if length is None else shot | {"duration": str(length)}
            for shot, length in zip(described, seconds, strict=True)
        ]
    }


# Media inside objects.


def test_a_medium_stands_in_the_object_that_the_endpoint_wants() -> None:
    assert sent(HEYGEN, "image_to_video", prompt="She nods", first_frame=PICTURE).body["image"] == {
        "type": "url",
        "url": PICTURE,
    }


def test_references_are_numbered_in_their_objects() -> None:
    body = sent(PIXVERSE, "reference_to_video", prompt="@image2 greets", reference_images=[PICTURE, OTHER]).body
    assert body["image_references"] == [
        {"image_url": PICTURE, "ref_name": "image1", "type": "subject"},
        {"image_url": OTHER, "ref_name": "image2", "type": "subject"},
    ]


def test_a_medium_that_looks_like_a_placeholder_is_not_expanded_twice() -> None:
    param = Param.model_validate({"item": {"name": "n{n}", "url": "{medium}"}})
    assert param.on_the_wire("https://pictures.example/{n}.png", 3) == {
        "name": "n3",
        "url": "https://pictures.example/{n}.png",
    }


def test_an_object_without_a_place_for_the_medium_is_no_entry() -> None:
    with pytest.raises(ValidationError, match="no place for"):
        Param.model_validate({"item": {"type": "url"}})


def test_an_option_serves_as_the_frames_it_stands_for() -> None:
    options = {"keyframes": [PICTURE, OTHER], "keyframe_indexes": [0, 120]}
    payload = sent(RAY, "first_last_frame", prompt="The room fills with light", options=options)
    assert payload.body["keyframes"] == [PICTURE, OTHER]
    assert "image_url" not in payload.body
    assert refused(RAY, "first_last_frame", prompt="The room").field == "first_frame"


# A list that sets the length.


@pytest.mark.parametrize(("key", "lengths", "wire"), [(KLING_TEXT, (3, 4), "7"), (KLING_TEXT, (None, 2), "7")])
def test_the_length_is_the_sum_of_the_shots(key: str, lengths: tuple[int | None, ...], wire: str) -> None:
    payload = sent(key, "text_to_video", options=shots(*lengths))
    assert (payload.body["duration"], payload.seconds) == (wire, float(wire))
    assert payload.changes == ()


def test_the_bill_is_for_the_sum() -> None:
    one = price(CATALOGUE.find(KLING_TEXT), sent(KLING_TEXT, "text_to_video", prompt="A fox", duration=12))
    many = price(CATALOGUE.find(KLING_TEXT), sent(KLING_TEXT, "text_to_video", options=shots(5, 4, 3)))
    assert many.estimated_usd == one.estimated_usd


def test_a_shorter_length_asked_is_reported() -> None:
    payload = sent(KLING_TEXT, "text_to_video", duration=5, options=shots(4, 4))
    assert payload.changes == (Change("duration", 5.0, "8", "the items of options.multi_prompt have 8 s together"),)


def test_a_length_option_that_says_otherwise_is_put_right() -> None:
    payload = sent(KLING_TEXT, "text_to_video", options=shots(4, 4) | {"duration": "5"})
    assert payload.body["duration"] == "8"
    assert [change.field for change in payload.changes] == ["options.duration"]


def test_more_seconds_than_the_shots_have_are_refused() -> None:
    error = refused(KLING_TEXT, "text_to_video", duration=10, options=shots(4, 4))
    assert error.field == "duration"
    assert "8 s" in error.message


@pytest.mark.parametrize(("lengths", "field"), [((10, 10), "duration"), ((1, 1), "options.multi_prompt")])
def test_a_sum_that_no_clip_has_is_refused(lengths: tuple[int, ...], field: str) -> None:
    assert refused(KLING_TEXT, "text_to_video", options=shots(*lengths)).field == field


def test_without_shots_the_length_is_the_callers() -> None:
    assert sent(KLING_TEXT, "text_to_video", prompt="A fox", duration=7).body["duration"] == "7"


# Conditions on what stands inside a list.


@pytest.mark.parametrize(
    ("elements", "usd"),
    [
        (None, "0.63"),
        ([{"frontal_image_url": OTHER}], "0.63"),
        ([{"frontal_image_url": OTHER}, {"frontal_image_url": OTHER, "voice_id": "v"}], "0.77"),
    ],
)
def test_an_element_with_a_voice_costs_more(elements: list[Json] | None, usd: str) -> None:
    options = {} if elements is None else {"elements": elements}
    payload = sent(
        KLING_IMAGE, "image_to_video", prompt="She speaks", first_frame=PICTURE, generate_audio=True, options=options
    )
    assert price(CATALOGUE.find(KLING_IMAGE), payload).estimated_usd == Decimal(usd)


@pytest.mark.parametrize("items", [None, "text", [], ["text"], [{"other": 1}], [{"voice": None}]])
def test_nothing_inside(items: Any) -> None:
    assert values_inside({"items": items}, "items.voice") == []


def test_every_value_inside() -> None:
    assert values_inside({"items": [{"voice": "a"}, {}, {"voice": "b"}]}, "items.voice") == ["a", "b"]
