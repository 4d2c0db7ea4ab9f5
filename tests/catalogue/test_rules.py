"""The five kinds of rule, kept and broken, and the conditions they rest on."""

from datetime import date
from typing import Any

import pytest

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.catalogue.encode import encode
from videogen_mcp.catalogue.rules import check_rules, effective, holds, said
from videogen_mcp.catalogue.schema import Endpoint
from videogen_mcp.catalogue.terms import Bound
from videogen_mcp.errors import InvalidRequest
from videogen_mcp.types import Json, VideoRequest

PARAMS: Json = {
    "prompt": {"from": "prompt"},
    "shots": {"type": "array"},
    "image_url": {"from": "first_frame"},
    "tail_url": {"from": "last_frame"},
    "clip_url": {"from": "source_video"},
    "pictures": {"from": "reference_images", "type": "array"},
    "sounds": {"from": "reference_audio", "type": "array"},
    "size": {"from": "resolution", "values": ["720p", "1080p"], "default": "720p"},
    "length": {"from": "duration", "values": ["5", "10"], "default": "5"},
    "frames": {"type": "integer", "default": 81},
    "strength": {"type": "number"},
}


def toy(*rules: Json, **fields: Any) -> Endpoint:
    base: Json = {"id": "toy/make", "gateway": "fal", "model": "toy", "modes": ["text_to_video"], "params": PARAMS}
    base |= {"source": "a test", "checked": date(2026, 11, 21), "rules": list(rules)}
    return Endpoint.model_validate(base | fields)


def broken(endpoint: Endpoint, body: Json) -> tuple[str | None, str]:
    with pytest.raises(InvalidRequest) as caught:
        check_rules(endpoint, body)
    assert caught.value.endpoint == "fal:toy/make"
    return caught.value.field, caught.value.message


ONE_OF: Json = {"kind": "one_of", "params": ["prompt", "shots"]}
NOT_TOGETHER: Json = {"kind": "not_together", "params": ["image_url", "clip_url", "pictures"]}
NEEDS: Json = {"kind": "needs", "param": "sounds", "any_of": ["image_url", "pictures"]}
NEEDS_ALWAYS: Json = {"kind": "needs", "any_of": ["image_url", "clip_url"]}
MAX_TOTAL: Json = {"kind": "max_total", "params": ["pictures", "sounds"], "limit": 3}
ONLY: Json = {"kind": "only", "when": {"size": "1080p"}, "param": "length", "values": ["5"]}


@pytest.mark.parametrize(
    ("rule", "body"),
    [
        (ONE_OF, {"prompt": "A fox"}),
        (ONE_OF, {"shots": []}),
        (NOT_TOGETHER, {}),
        (NOT_TOGETHER, {"clip_url": "c"}),
        (NEEDS, {}),
        (NEEDS, {"image_url": "i"}),
        (NEEDS, {"sounds": ["s"], "pictures": ["p"]}),
        (NEEDS_ALWAYS, {"clip_url": "c"}),
        (NEEDS_ALWAYS, {"clip_url": "c", "image_url": "i"}),
        (MAX_TOTAL, {}),
        (MAX_TOTAL, {"pictures": ["1", "2"], "sounds": ["3"]}),
        (ONLY, {"size": "1080p", "length": "5"}),
        (ONLY, {"size": "720p", "length": "10"}),
        (ONLY, {"length": "10"}),
        (ONLY, {"size": "1080p"}),
    ],
)
def test_kept(rule: Json, body: Json) -> None:
    check_rules(toy(rule), body)


@pytest.mark.parametrize(
    ("rule", "body", "field", "message"),
    [
        (ONE_OF, {}, "prompt", "one of prompt, options.shots must be given."),
        (
            ONE_OF,
            {"prompt": "A fox", "shots": []},
            "options.shots",
            "prompt, options.shots cannot be used together here.",
        ),
        (
            NOT_TOGETHER,
            {"image_url": "i", "pictures": ["p"]},
            "reference_images",
            "first_frame, reference_images cannot be used together here.",
        ),
        (
            NEEDS,
            {"sounds": ["s"]},
            "reference_audio",
            "reference_audio needs one of first_frame, reference_images as well.",
        ),
        (NEEDS_ALWAYS, {}, "first_frame", "the endpoint needs one of first_frame, source_video as well."),
        (
            MAX_TOTAL,
            {"pictures": ["1", "2"], "sounds": ["3", "4"]},
            "reference_images",
            "reference_images, reference_audio may hold 3 items together; 4 are given.",
        ),
        (
            ONLY,
            {"size": "1080p", "length": "10"},
            "duration",
            "duration 10 is not offered with resolution 1080p; allowed: 5.",
        ),
    ],
)
def test_broken(rule: Json, body: Json, field: str, message: str) -> None:
    assert broken(toy(rule), body) == (field, message)


def test_only_with_the_endpoints_default_breaks_too() -> None:
    rule: Json = {"kind": "only", "when": {"size": "1080p"}, "param": "length", "values": ["10"]}
    assert broken(toy(rule), {"size": "1080p"})[1].startswith("duration 5 is not offered with resolution 1080p")


@pytest.mark.parametrize(
    ("when", "body", "words"),
    [
        ({"frames": Bound(min=90)}, {"frames": 100}, "options.frames of at least 90"),
        ({"frames": Bound(min=80, max=82)}, {}, "options.frames of at least 80 of at most 82"),
        ({"tail_url": Bound(present=True)}, {"tail_url": "t"}, "last_frame given"),
        ({"tail_url": Bound(present=False)}, {}, "last_frame left out"),
        ({"size": ["720p", "1080p"]}, {}, "resolution 720p or 1080p"),
        ({"size": "720p", "frames": 81}, {}, "resolution 720p and options.frames 81"),
    ],
)
def test_only_tells_its_conditions_in_words(when: Json, body: Json, words: str) -> None:
    rule: Json = {"kind": "only", "when": when, "param": "length", "values": ["5"]}
    _, message = broken(toy(rule), body | {"length": "10"})
    assert message == f"duration 10 is not offered with {words}; allowed: 5."


def test_every_rule_is_checked() -> None:
    endpoint = toy(NEEDS, MAX_TOTAL)
    check_rules(endpoint, {"pictures": ["1", "2"], "sounds": ["3"]})
    assert broken(endpoint, {"sounds": ["3"]})[0] == "reference_audio"
    assert broken(endpoint, {"pictures": ["1", "2", "3"], "sounds": ["4"]})[0] == "reference_images"


def test_effective_is_what_is_sent_then_what_is_fixed_then_the_default() -> None:
    endpoint = toy(fixed={"resolution": "1080p", "generate_audio": False})
    assert effective(endpoint, {"size": "1080p"}, "size") == "1080p"
    assert effective(endpoint, {}, "size") == "720p"
    assert effective(endpoint, {}, "resolution") == "1080p"
    assert effective(endpoint, {}, "generate_audio") is False
    assert effective(endpoint, {}, "strength") is None
    assert effective(endpoint, {}, "unheard_of") is None


@pytest.mark.parametrize(
    ("wanted", "body", "is_so"),
    [
        ({}, {}, True),
        ({"frames": 81}, {}, True),
        ({"frames": 82}, {}, False),
        ({"frames": [80, 81]}, {}, True),
        ({"frames": Bound(min=82)}, {"frames": 82}, True),
        ({"frames": Bound(min=82)}, {}, False),
        ({"frames": Bound(max=81)}, {}, True),
        ({"frames": Bound(max=80)}, {}, False),
        ({"strength": Bound(min=0)}, {}, False),
        ({"size": Bound(min=0)}, {}, False),
        ({"clip_url": Bound(present=True)}, {"clip_url": "c"}, True),
        ({"clip_url": Bound(present=True)}, {"clip_url": ""}, False),
        ({"pictures": Bound(present=True)}, {"pictures": []}, False),
        ({"clip_url": Bound(present=False)}, {}, True),
        ({"frames": Bound(present=True)}, {}, False),
        ({"frames": Bound(present=True, min=90)}, {"frames": 81}, False),
        ({"size": "720p", "frames": 82}, {}, False),
    ],
)
def test_conditions(wanted: Json, body: Json, is_so: bool) -> None:  # noqa: FBT001
    assert holds(toy(), body, wanted) is is_so


def test_said_is_the_contracts_word_or_the_option() -> None:
    assert said(toy(), "image_url") == "first_frame"
    assert said(toy(), "frames") == "options.frames"
    assert said(toy(), "unheard_of") == "options.unheard_of"


# The rules of the catalogue, through the encoder.

CATALOGUE = load_catalogue()
PICTURES = tuple(f"https://pictures.example/{number}.png" for number in range(9))
CLIPS = tuple(f"https://clips.example/{number}.mp4" for number in range(3))
SOUNDS = tuple(f"https://sounds.example/{number}.mp3" for number in range(3))


def refused(key: str, mode: Any, **fields: Any) -> tuple[str | None, str]:
    with pytest.raises(InvalidRequest) as caught:
        encode(CATALOGUE.find(f"fal:{key}"), mode, VideoRequest.model_validate(fields))
    return caught.value.field, caught.value.message


def test_seedance_takes_twelve_files_together() -> None:
    key = "bytedance/seedance-2.0/reference-to-video"
    fields: Json = {"prompt": "A fox", "reference_images": PICTURES, "reference_videos": CLIPS}
    body = encode(CATALOGUE.find(f"fal:{key}"), "reference_to_video", VideoRequest.model_validate(fields)).body
    assert len(body["image_urls"]) + len(body["video_urls"]) == 12
    field, message = refused(key, "reference_to_video", **fields, reference_audio=SOUNDS[:1])
    assert field == "reference_images"
    assert message.endswith("may hold 12 items together; 13 are given.")


def test_kling_takes_a_prompt_or_shots() -> None:
    key = "fal-ai/kling-video/v3/pro/text-to-video"
    field, message = refused(key, "text_to_video")
    assert (field, message) == ("prompt", "one of prompt, options.multi_prompt must be given.")
    field, _ = refused(key, "text_to_video", prompt="A fox", options={"multi_prompt": [{"prompt": "Shot"}]})
    assert field == "options.multi_prompt"


def test_wan_takes_a_picture_or_a_clip() -> None:
    key = "fal-ai/wan/v2.7/image-to-video"
    field, message = refused(key, "extend", source_video=CLIPS[0], first_frame=PICTURES[0])
    assert (field, message) == ("source_video", "first_frame, source_video cannot be used together here.")
