"""Contracts out of live OpenAPI documents, and how they differ from the catalogue's."""

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.catalogue.facts import read
from tests.standins.platform import INPUT, openapi_around, openapi_of
from tests.standins.schemas import endpoints

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.catalogue.encode import encode
from videogen_mcp.catalogue.openapi import LiveContract, check, compare, endpoint_from_openapi
from videogen_mcp.catalogue.schema import Endpoint
from videogen_mcp.errors import VideoGenError
from videogen_mcp.types import Json, VideoRequest

READ = date(2026, 11, 21)
VEO = "fal-ai/veo3.1"
NEW = "owner/new-model"

MODES_BY_HAND = {
    # Its video_url continues a clip; the name alone says only that a clip goes in.
    "fal-ai/wan/v2.7/image-to-video": ("video_to_video", "extend"),
}
DIFFERENCES_BY_HAND = {
    # The default is a long list of words that are sent by nobody; the catalogue leaves it to the endpoint.
    ("fal-ai/wan-i2v", "negative_prompt", "default"),
}


def live(name: str, document: Json | None = None) -> Endpoint:
    return endpoint_from_openapi(name, document or openapi_of(name), READ)


def around(*parameters: Json, name: str = NEW) -> Endpoint:
    """An endpoint with these parameters, as the recorded schemas write them."""
    return live(name, openapi_around(name, [{"required": False} | one for one in parameters]))


@pytest.mark.parametrize("name", endpoints())
def test_a_recorded_contract_reads_as_the_catalogue_has_it(name: str) -> None:
    ours, theirs = load_catalogue().find(f"fal:{name}"), live(name)
    assert set(theirs.params) == set(ours.params)
    assert {key: param.source for key, param in theirs.params.items()} == {
        key: param.source for key, param in ours.params.items()
    }
    guessed, known = MODES_BY_HAND.get(name, ("", ""))
    assert {known if mode == guessed else mode for mode in theirs.modes} == set(ours.modes)
    found = {(name, one.parameter, one.kind) for one in compare(ours, theirs)}
    assert found == {one for one in DIFFERENCES_BY_HAND if one[0] == name}
    assert not theirs.open
    for key, param in ours.params.items():
        assert (theirs.params[key].per_second, theirs.params[key].plus) == (param.per_second, param.plus)
        assert theirs.params[key].automatic == param.automatic
        assert theirs.params[key].preset == param.preset


GUESSED_OTHERWISE = {
    # The recorded page gives the end image no effect.
    "fal-ai/bytedance/seedance/v1/pro/image-to-video": "modes end_image_url",
    # Files of all kinds, images of a scene, frames of a film and images with names: no argument's name says so.
    "fal-ai/heygen/v3/video-agent": "modes file_urls",
    "fal-ai/pika/v2.2/pikaframes": "modes image_urls",
    "fal-ai/pixverse/c1/reference-to-video": "modes image_references",
    # They need a sound; that a clip can be made of words and a sound alone is told by nothing.
    "fal-ai/ltx-2/audio-to-video": "modes",
    "fal-ai/ltx-2.3/audio-to-video": "modes",
    # The length of the part to be made anew is no length of the clip.
    "fal-ai/ltx-2/retake-video": "duration",
    "fal-ai/ltx-2.3/retake-video": "duration",
    # Its video_url continues a clip; see MODES_BY_HAND.
    "fal-ai/wan/v2.7/image-to-video": "modes",
}
NO_RATE = "num_frames"
"""Six LTX endpoints count frames and name no rate: the catalogue has it from their pages."""


def recorded(parameters: Iterable[Json]) -> list[Json]:
    """Parameters of a list of types as the stand-in writes them; there a list of one value is its default only."""
    kinds = {"string", "integer", "number", "boolean", "array", "object"}
    written: list[Json] = []
    for one in parameters:
        kind = one["type"] if one["type"] in kinds else "string"
        facts: Json = {name: one[name] for name in ("name", "enum", "default") if one.get(name) is not None}
        inner: Json = {"type": "string"} if "url" in one["name"] else {"type": "object", "fields": []}
        shape: Json = {"items": inner} if kind == "array" else {"fields": []} if kind == "object" else {}
        if kind == "string" and one["name"] in {"duration", "resolution", "aspect_ratio"} and "default" in facts:
            facts.setdefault("enum", [facts["default"]])
        is_count = kind == "number" and one["name"] in {"seed", "num_frames", "frames_per_second"}
        written.append(facts | shape | {"type": kind, "integer": is_count, "required": bool(one["required"])})
    return written


def test_the_guess_is_right_for_nearly_all_recorded_endpoints() -> None:
    table = load_catalogue()
    looked_at = 0
    differing: dict[str, str] = {}
    for one in read("fal_schemas_extra")["endpoints"]:
        name = one["id"]
        if not one.get("parameters") or not table.lists(f"fal:{name}"):
            continue
        looked_at += 1
        ours = table.find(f"fal:{name}")
        theirs = live(name, openapi_around(name, recorded(one["parameters"])))
        both = ours.params.keys() & theirs.params.keys()
        wrong = ["modes"] if set(ours.modes) != set(theirs.modes) else []
        wrong += sorted(key for key in both if ours.params[key].source != theirs.params[key].source)
        if wrong and wrong != [NO_RATE]:
            differing[name] = " ".join(wrong)
    assert looked_at > 200
    assert differing == GUESSED_OTHERWISE


def changed(change: Callable[[Json], None]) -> Endpoint:
    document = openapi_of(VEO)
    change(document["components"]["schemas"][INPUT])
    return live(VEO, document)


def put(name: str, **facts: Any) -> Callable[[Json], None]:
    return lambda schema: schema["properties"][name].update(facts)


CHANGES: list[tuple[Callable[[Json], None], str, str | None, str]] = [
    (lambda schema: schema["properties"].pop("seed"), "missing", "seed", "fal's contract does not"),
    (lambda schema: schema["properties"].update(style={"type": "string"}), "new", "style", "does not know it"),
    (put("generate_audio", type="string", default="on"), "type", "generate_audio", "fal says string"),
    (put("duration", enum=["4s", "6s", "8s", "12s"]), "values", "duration", "12s"),
    (put("duration", enum=None), "values", "duration", "any value"),
    (put("resolution", default="1080p"), "default", "resolution", "'1080p'"),
    (lambda schema: schema["required"].append("resolution"), "required", "resolution", "fal demands it"),
    (lambda schema: schema["required"].remove("prompt"), "required", "prompt", "the catalogue demands it"),
    (put("prompt", maxLength=7), "limits", "prompt", "7"),
    (put("seed", minimum=3), "limits", "seed", "at least 3"),
]


@pytest.mark.parametrize(("change", "kind", "parameter", "words"), CHANGES)
def test_each_kind_of_difference_is_found(
    change: Callable[[Json], None], kind: str, parameter: str | None, words: str
) -> None:
    ours = load_catalogue().find(f"fal:{VEO}")
    assert compare(ours, live(VEO)) == ()
    found = compare(ours, changed(change))
    one = next(one for one in found if one.kind == kind)
    assert (one.endpoint, one.parameter) == (f"fal:{VEO}", parameter)
    assert words in one.sentence
    assert one.sentence.startswith(f"parameter {parameter}: ")
    assert {other.parameter for other in found} == {parameter}


def test_a_range_of_whole_numbers_is_the_same_as_its_list() -> None:
    ours = load_catalogue().find("fal:fal-ai/wan/v2.7/text-to-video")
    document = openapi_of("fal-ai/wan/v2.7/text-to-video")
    duration = document["components"]["schemas"][INPUT]["properties"]["duration"]
    del duration["enum"]
    duration |= {"minimum": 2, "maximum": 15}
    assert compare(ours, live(ours.id, document)) == ()
    duration["maximum"] = 20
    assert [one.kind for one in compare(ours, live(ours.id, document))] == ["values"]


def test_the_default_of_what_is_always_sent_does_not_matter() -> None:
    ours = load_catalogue().find(f"fal:{VEO}")
    fixed = ours.params["resolution"].model_copy(update={"const": "720p", "default": None})
    assert compare(ours.model_copy(update={"params": ours.params | {"resolution": fixed}}), live(VEO)) == ()


def test_what_is_listed_is_held_against_the_entry() -> None:
    table = load_catalogue()
    served = LiveContract(openapi_of(VEO), "active", READ)
    veo = table.find(f"fal:{VEO}")
    assert check(veo, served) == ()
    cases: list[tuple[LiveContract | None, str]] = [
        (None, "does not list it"),
        (LiveContract(openapi_of(VEO), "deprecated", READ), "deprecated"),
        (LiveContract(None, "active", READ), "gives no contract"),
        (LiveContract({"paths": {}}, "active", READ), "holds no input"),
    ]
    for contract, words in cases:
        (one,) = check(veo, contract)
        assert (one.kind, one.endpoint) == ("listing", veo.key)
        assert words in one.sentence
    for status in ("announced", "delisted"):
        other = veo.model_copy(update={"status": status})
        assert check(other, None) == ()
        (one,) = check(other, served)
        assert f"the catalogue says {status}" in one.sentence


@pytest.mark.parametrize(
    ("schema", "facts"),
    [
        ({"type": "string", "enum": ["a", "b"], "default": "b"}, {"type": "string", "default": "b"}),
        ({"anyOf": [{"type": "integer", "minimum": 3}, {"type": "null"}]}, {"type": "integer", "minimum": 3}),
        ({"type": ["string", "null"], "maxLength": 9}, {"type": "string", "max_chars": 9}),
        ({"anyOf": [{"type": "string", "enum": ["a"]}, {"enum": ["b"], "type": "string"}]}, {"values": ("a", "b")}),
        ({"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "string"}]}, {"type": "string", "values": ()}),
        ({"anyOf": [{"type": "object"}, {"type": "string"}]}, {"type": "string"}),
        ({"anyOf": [{"type": "integer"}, {"type": "number"}]}, {"type": "number"}),
        ({"allOf": [{"$ref": "#/components/schemas/Size"}], "default": "big"}, {"values": ("big",), "default": "big"}),
        ({"$ref": "#/components/schemas/Size", "description": "How big. Very."}, {"description": "How big"}),
        ({"const": "x", "type": "string"}, {"values": ("x",)}),
        ({"enum": [1, 2]}, {"type": "integer", "values": (1, 2)}),
        ({"type": "integer", "exclusiveMinimum": 0, "maximum": 5}, {"minimum": 1.0, "maximum": 5.0}),
        ({"type": "integer", "default": "5"}, {"default": None}),
        ({"type": "string", "enum": ["a"], "default": "z"}, {"default": None}),
        ({"$ref": "https://elsewhere.example/x.json"}, {"type": "object"}),
        ({"$ref": "#/components/schemas/Loop"}, {"type": "object"}),
        (
            {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 4},
            {"min_items": 1, "max_items": 4},
        ),
    ],
)
def test_schemas_are_read_in_all_their_forms(schema: Json, facts: Json) -> None:
    document = openapi_around(NEW, [{"name": "prompt", "type": "string", "required": True}])
    document["components"]["schemas"] |= {
        "Size": {"type": "string", "enum": ["big"]},
        "Loop": {"$ref": "#/components/schemas/Loop"},
    }
    document["components"]["schemas"][INPUT]["properties"]["option"] = schema
    param = live(NEW, document).params["option"]
    assert {name: getattr(param, name) for name in facts} == facts


def test_a_list_of_objects_keeps_its_form() -> None:
    shots = live("fal-ai/kling-video/v3/pro/text-to-video").params["multi_prompt"].json_schema()
    assert shots["type"] == "array"
    assert set(shots["items"]["properties"]) == {"duration", "prompt"}
    assert shots["items"]["required"] == ["prompt"]
    assert "$ref" not in str(shots)


TEXT: Json = {"name": "prompt", "type": "string", "required": True}


def url(name: str, *, required: bool = False) -> Json:
    return {"name": name, "type": "string", "required": required}


@pytest.mark.parametrize(
    ("name", "parameters", "modes"),
    [
        (NEW, [TEXT], ["text_to_video"]),
        (NEW, [TEXT, url("image_url")], ["text_to_video", "image_to_video"]),
        (NEW, [TEXT, url("image_url", required=True)], ["image_to_video"]),
        (f"{NEW}/image-to-video", [TEXT, url("image_url")], ["image_to_video"]),
        (NEW, [url("start_image_url", required=True), url("tail_image_url")], ["image_to_video", "first_last_frame"]),
        (NEW, [url("first_frame_url", required=True), url("last_frame_url", required=True)], ["first_last_frame"]),
        (NEW, [TEXT, {"name": "reference_image_urls", "type": "array", "items": {"type": "string"}, "required": True}],
         ["reference_to_video"]),
        (NEW, [TEXT, url("video_url", required=True)], ["video_to_video"]),
        (f"{NEW}/extend-video", [TEXT, url("video_url", required=True)], ["extend"]),
        (f"{NEW}/reframe", [url("video_url", required=True)], ["reframe"]),
        (NEW, [url("video_url", required=True), url("audio_url", required=True)], ["lip_sync"]),
        (NEW, [TEXT, url("video_url", required=True), url("image_url", required=True)], ["video_to_video"]),
    ],
)  # fmt: skip
def test_modes_follow_from_what_is_taken(name: str, parameters: list[Json], modes: list[str]) -> None:
    assert list(around(*parameters, name=name).modes) == modes


def test_an_argument_is_carried_once_and_only_by_what_can() -> None:
    found = around(
        TEXT,
        url("image_url"),
        url("start_image_url"),
        {"name": "resolution", "type": "string"},
        {"name": "aspect_ratio", "type": "string", "enum": ["wide", "tall"]},
        {"name": "duration", "type": "string"},
        {"name": "num_frames", "type": "integer", "default": 81},
        {"name": "audio", "type": "string"},
    )
    assert {name for name, param in found.params.items() if param.source} == {"prompt", "start_image_url"}


def test_frames_are_reckoned_with_the_rate_beside_them() -> None:
    found = around(
        TEXT,
        {"name": "num_frames", "type": "integer", "default": 121, "maximum": 257},
        {"name": "fps", "type": "integer", "default": 24},
    )
    payload = encode(found, "text_to_video", VideoRequest(prompt="A fox", duration=10))
    assert payload.body == {"prompt": "A fox", "num_frames": 241}
    faster = VideoRequest(prompt="A fox", duration=5, options={"fps": 30})
    assert encode(found, "text_to_video", faster).body["num_frames"] == 151


def test_what_decides_the_bill_is_not_left_to_the_endpoint() -> None:
    found = around(
        TEXT,
        {"name": "duration", "type": "string", "enum": ["auto", "4", "6", "10"], "default": "auto"},
        {"name": "resolution", "type": "string", "enum": ["auto", "480p", "720p", "4k"], "default": "auto"},
        {"name": "aspect_ratio", "type": "string", "enum": ["auto", "16:9"], "default": "auto"},
    )
    body = encode(found, "text_to_video", VideoRequest(prompt="A fox")).body
    assert body == {"prompt": "A fox", "duration": "4", "resolution": "720p"}


@pytest.mark.parametrize(
    "document",
    [
        {"openapi": "3.0.4"},
        {"paths": []},
        {"paths": {"/a": {"post": None}}},
        {"paths": {"/a": {"get": {}}}},
        openapi_around(NEW, []),
    ],
)
def test_a_document_without_an_input_is_refused(document: Json) -> None:
    with pytest.raises(VideoGenError, match="holds no input"):
        live(NEW, document)


def test_what_no_video_can_be_made_from_is_refused() -> None:
    with pytest.raises(VideoGenError, match="neither a prompt nor a medium"):
        around({"name": "points", "type": "number", "required": True})


def test_the_order_is_the_one_that_fal_gives() -> None:
    assert next(iter(live(VEO).params)) == "prompt"
    document = openapi_of(VEO)
    document["components"]["schemas"][INPUT]["x-fal-order-properties"] = ["seed", "unheard_of"]
    assert next(iter(live(VEO, document).params)) == "seed"


KEYWORDS = "type enum anyOf allOf $ref const items properties required default minimum maxLength exclusiveMinimum"
VALUES = "string integer array object null prompt duration #/components/schemas/VideoInput #/openapi"
WORDS = st.sampled_from(f"{KEYWORDS} {VALUES}".split())
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=20,
)


@given(option=JSON_VALUES, more=st.dictionaries(st.sampled_from(["required", "x-fal-order-properties"]), JSON_VALUES))
def test_no_document_does_more_harm_than_to_be_refused(option: Any, more: Json) -> None:
    document = openapi_around(NEW, [TEXT, {"name": "duration", "type": "integer", "required": False}])
    document["components"]["schemas"][INPUT] |= more
    document["components"]["schemas"][INPUT]["properties"] |= {"odd": option, "num_frames": option}
    found = live(NEW, document)
    assert Endpoint.model_validate_json(found.model_dump_json(by_alias=True)) == found
    assert compare(found, found) == ()
    found.json_schema()


@pytest.mark.parametrize("name", endpoints())
def test_a_live_contract_can_be_stored_and_read_again(name: str) -> None:
    found = live(name)
    assert Endpoint.model_validate_json(found.model_dump_json(by_alias=True, exclude_defaults=True)) == found
