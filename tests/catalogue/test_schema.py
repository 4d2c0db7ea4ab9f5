"""What a catalogue entry may say: synthetic entries, what they make the encoder do, and bad entries refused by name."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from videogen_mcp.catalogue import load_catalogue, read_file
from videogen_mcp.catalogue.encode import Payload, encode
from videogen_mcp.catalogue.fit import fit_resolution, lines_of, seconds_of
from videogen_mcp.catalogue.schema import Endpoint, is_of_type
from videogen_mcp.errors import InvalidRequest, VideoGenError
from videogen_mcp.types import Mode, VideoRequest

PICTURE = "https://pictures.example/a.png"
OTHER = "https://pictures.example/b.png"

HEAD = """
[[model]]
id = "toy"
provider = "toys"
title = "Toy"

[[endpoint]]
id = "toy/make"
gateway = "fal"
model = "toy"
modes = ["text_to_video", "image_to_video", "first_last_frame"]
source = "a test"
checked = 2026-11-21
"""


def toy(text: str) -> Endpoint:
    (endpoint,) = read_file("toy.toml", HEAD + text).endpoint
    return endpoint


def sent(endpoint: Endpoint, mode: Mode = "text_to_video", **fields: Any) -> Payload:
    return encode(endpoint, mode, VideoRequest.model_validate(fields))


# What the encoder does with each kind of entry.


def test_const_is_always_sent_and_cannot_be_overridden() -> None:
    endpoint = toy('[endpoint.params]\nprompt = { from = "prompt" }\nprovider = { const = "toy_pro" }\n')
    assert sent(endpoint, prompt="A fox").body == {"prompt": "A fox", "provider": "toy_pro"}
    payload = sent(endpoint, prompt="A fox", options={"provider": "other"})
    assert payload.body["provider"] == "toy_pro"
    (change,) = payload.changes
    assert (change.field, change.asked, change.sent) == ("options.provider", "other", "toy_pro")


def test_a_preset_is_sent_unless_the_caller_says_otherwise() -> None:
    endpoint = toy(
        "[endpoint.params]\n"
        'style = { values = ["plain", "rich"], default = "plain", preset = "rich" }\n'
        'resolution = { from = "resolution", values = ["480p", "720p"], default = "480p", preset = "720p" }\n'
        'sound = { from = "generate_audio", type = "boolean", default = false, preset = true }\n'
    )
    assert sent(endpoint).body == {"style": "rich", "resolution": "720p", "sound": True}
    assert sent(endpoint).changes == ()
    other = sent(endpoint, resolution="480p", generate_audio=False, options={"style": "plain"})
    assert other.body == {"style": "plain", "resolution": "480p", "sound": False}


def test_one_list_may_carry_several_arguments_in_their_order() -> None:
    endpoint = toy(
        "[endpoint.params]\n"
        'image_urls = { from = ["first_frame", "last_frame"], type = "array", min_items = 2, max_items = 2 }\n'
    )
    payload = sent(endpoint, "first_last_frame", last_frame=OTHER, first_frame=PICTURE)
    assert payload.body == {"image_urls": [PICTURE, OTHER]}
    with pytest.raises(InvalidRequest) as caught:
        sent(endpoint, "image_to_video", first_frame=PICTURE)
    assert caught.value.field == "first_frame"
    assert caught.value.message == "first_frame must be at least 2 items; 1 given."


def test_a_single_address_takes_one_item() -> None:
    endpoint = toy('[endpoint.params]\nimage_url = { from = ["first_frame", "reference_images"] }\n')
    assert sent(endpoint, reference_images=[PICTURE]).body == {"image_url": PICTURE}
    with pytest.raises(InvalidRequest) as caught:
        sent(endpoint, reference_images=[PICTURE, OTHER])
    assert caught.value.field == "reference_images"


def test_frames_with_a_figure_for_the_rate_and_one_frame_on_top() -> None:
    endpoint = toy(
        "[endpoint.params]\n"
        'num_frames = { from = "duration", type = "integer", per_second = 24, plus = 1, minimum = 49, maximum = 241 }\n'
    )
    assert sent(endpoint, duration=5).body == {"num_frames": 121}
    assert sent(endpoint, duration=1).body == {"num_frames": 49}
    assert sent(endpoint, duration=2.01).body == {"num_frames": 50}
    assert sent(endpoint, duration=10).body == {"num_frames": 241}
    with pytest.raises(InvalidRequest, match=r"allowed: 2 to 10 s"):
        sent(endpoint, duration=10.1)


def test_listed_frame_counts() -> None:
    endpoint = toy(
        "[endpoint.params]\n"
        'frames = { from = "duration", type = "integer", per_second = 8, values = [-1, 16, 32], automatic = [-1] }\n'
    )
    assert sent(endpoint, duration=3).body == {"frames": 32}
    assert sent(endpoint, duration=2).seconds == 2
    with pytest.raises(InvalidRequest, match=r"allowed: 16, 32\."):
        sent(endpoint, duration=5)


@pytest.mark.parametrize(("value", "seconds"), [("auto", None), ("5", 5.0)])
def test_an_automatic_value_has_no_length(value: str, seconds: float | None) -> None:
    endpoint = toy(
        '[endpoint.params]\nduration = { from = "duration", values = ["auto", "5"], automatic = ["auto"] }\n'
    )
    assert sent(endpoint, options={"duration": value}).seconds == seconds


def test_a_fixed_ratio() -> None:
    endpoint = toy('fixed = { aspect_ratio = "16:9" }\n[endpoint.params]\nprompt = { from = "prompt" }\n')
    assert sent(endpoint, prompt="A fox", aspect_ratio="16:9").aspect_ratio == "16:9"
    with pytest.raises(InvalidRequest, match="aspect_ratio 9:16 is not offered; allowed: 16:9"):
        sent(endpoint, prompt="A fox", aspect_ratio="9:16")


def test_no_length_and_none_fixed_refuses_any_length() -> None:
    with pytest.raises(InvalidRequest, match="the endpoint has no length to set"):
        sent(toy('[endpoint.params]\nprompt = { from = "prompt" }\n'), prompt="A fox", duration=5)


def test_resolution_names_keep_the_wires_spelling() -> None:
    endpoint = toy('[endpoint.params]\nsize = { from = "resolution", values = ["720P", "1080P", "4K"] }\n')
    assert sent(endpoint, resolution="4k").body == {"size": "4K"}
    assert sent(endpoint, resolution="4k").changes == ()
    assert sent(endpoint, resolution="540p").body == {"size": "720P"}


def test_a_prompt_where_none_is_taken_is_dropped_and_reported() -> None:
    payload = sent(toy('[endpoint.params]\nimage_url = { from = "first_frame" }\n'), prompt="A fox")
    assert payload.body == {}
    assert [(one.field, one.sent) for one in payload.changes] == [("prompt", None)]


# The small conversions underneath.


@pytest.mark.parametrize(
    ("wire", "seconds"),
    [("8s", 8), ("8", 8), (" 8.5 S ", 8.5), (8, 8), (2.5, 2.5), ("auto", None), (True, None), (None, None), ([], None)],
)
def test_seconds_of(wire: Any, seconds: float | None) -> None:
    assert seconds_of(wire) == seconds


@pytest.mark.parametrize(
    ("name", "lines"), [("720p", 720), ("1080P", 1080), ("2K", 1440), ("4k", 2160), ("wide", None)]
)
def test_lines_of(name: str, lines: int | None) -> None:
    assert lines_of(name) == lines


def test_fit_resolution_picks_by_lines_not_by_order_or_spelling() -> None:
    assert fit_resolution("768p", ("4k", "1080p", "720p")) == "1080p"
    assert fit_resolution("4k", ("2k", "1080p")) is None


@pytest.mark.parametrize(
    ("value", "kind", "is_one"),
    [
        (True, "boolean", True),
        (True, "integer", False),
        (1, "boolean", False),
        (1, "number", True),
        (1.0, "integer", False),
        ("5", "integer", False),
        ([], "array", True),
        ({}, "object", True),
        (None, "string", False),
    ],
)
def test_json_types_are_exact(value: Any, kind: Any, is_one: bool) -> None:  # noqa: FBT001
    assert is_of_type(value, kind) is is_one


# Bad entries.

BAD_PARAMS = [
    ('duration = { form = "duration" }', "duration.form", "Extra inputs are not permitted"),
    ('duration = { from = "length" }', "duration", "'length', which is no argument of the contract"),
    ('duration = { type = "integer", values = ["5"] }', "duration", "'5' is not of type integer"),
    ("duration = { values = [5] }", "duration", "5 is not of type string"),
    ('style = { values = ["a"], default = "b" }', "style", "'b' is not among the values"),
    ('style = { values = ["a"], preset = "b" }', "style", "'b' is not among the values"),
    ('style = { values = ["a"], automatic = ["b"] }', "style", "'b' is not among the values"),
    ('sound = { type = "boolean", default = 1 }', "sound", "1 is not of type boolean"),
    ('tag = { type = "array", const = "x" }', "tag", "'x' is not of type array"),
    ('seed = { minimum = "0" }', "seed.minimum", "valid number"),
    ('seed = { required = "yes" }', "seed.required", "valid boolean"),
    ('seed = { type = "int" }', "seed.type", "'string', 'integer'"),
]


@pytest.mark.parametrize(("line", "entry", "wording"), BAD_PARAMS)
def test_a_bad_parameter_is_refused_by_name(line: str, entry: str, wording: str) -> None:
    with pytest.raises(VideoGenError) as caught:
        toy(f"[endpoint.params]\n{line}\n")
    assert caught.value.code == "internal"
    assert "catalogue/data/toy.toml" in caught.value.message
    assert f"endpoint.0.params.{entry}\n" in caught.value.message
    assert wording in caught.value.message


PROMPT = '[endpoint.params]\nprompt = { from = "prompt" }\n'
PRICE = '[[endpoint.prices]]\nusd = 1\nper = "video"\nsource = "a test"\nconfidence = "high"\n'


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        (f'rules = [{{ kind = "one_of", params = ["prompt", "shots"] }}]\n{PROMPT}', "shots"),
        (f'rules = [{{ kind = "not_together", params = ["prompt", "shots"] }}]\n{PROMPT}', "shots"),
        (f'rules = [{{ kind = "needs", param = "shots", any_of = ["prompt"] }}]\n{PROMPT}', "shots"),
        (f'rules = [{{ kind = "needs", any_of = ["shots"] }}]\n{PROMPT}', "shots"),
        (f'rules = [{{ kind = "max_total", params = ["prompt", "shots"], limit = 3 }}]\n{PROMPT}', "shots"),
        (f'rules = [{{ kind = "only", when = {{}}, param = "shots", values = [1] }}]\n{PROMPT}', "shots"),
        (f'rules = [{{ kind = "only", when = {{ shots = 1 }}, param = "prompt", values = ["a"] }}]\n{PROMPT}', "shots"),
        (f'{PROMPT}frames = {{ from = "duration", type = "integer", per_second = "rate" }}\n', "rate"),
        (f"{PROMPT}{PRICE}when = {{ shots = 1 }}\n", "shots"),
        (f'{PROMPT}{PRICE}input_seconds = ["clips"]\n', "clips"),
        (f"{PROMPT}{PRICE}multiply = [{{ when = {{ shots = 1 }}, by = 2 }}]\n", "shots"),
        (f'{PROMPT}{PRICE}multiply = [{{ by = 2, param = "shots", each = 1 }}]\n', "shots"),
    ],
)
def test_a_name_that_is_no_parameter_is_refused_with_the_endpoint(text: str, unknown: str) -> None:
    with pytest.raises(VideoGenError) as caught:
        toy(text)
    assert f"toy/make: a rule, price or length names '{unknown}', which is no parameter" in caught.value.message


def test_rules_and_prices_may_name_what_is_fixed() -> None:
    endpoint = toy(f'fixed = {{ resolution = "1080p" }}\n{PROMPT}{PRICE}when = {{ resolution = "1080p" }}\n')
    assert endpoint.prices[0].when == {"resolution": "1080p"}


@pytest.mark.parametrize(
    ("before", "after", "entry"),
    [
        ('modes = ["text_to_video"', 'modes = ["text"', "endpoint.0.modes.0"),
        ("checked = 2026-11-21", "", "endpoint.0.checked"),
        ("checked = 2026-11-21", 'checked = "2026-11-21"', "endpoint.0.checked"),
        ('source = "a test"', "", "endpoint.0.source"),
        ('gateway = "fal"', "", "endpoint.0.gateway"),
        ('provider = "toys"', "", "model.0.provider"),
        ('title = "Toy"', 'title = "Toy"\nfit = { cinema = 1.0 }', "model.0.fit.cinema"),
        ('title = "Toy"', 'title = "Toy"\ngrade = "superb"', "model.0.grade"),
        ('title = "Toy"', 'title = "Toy"\ncolour = "red"', "model.0.colour"),
    ],
)
def test_a_bad_entry_is_refused_by_name(before: str, after: str, entry: str) -> None:
    text = HEAD.replace(before, after, 1) + PROMPT
    assert text != HEAD + PROMPT
    with pytest.raises(VideoGenError) as caught:
        read_file("toy.toml", text)
    assert f"\n{entry}" in caught.value.message


@pytest.mark.parametrize(
    ("change", "entry"),
    [
        ("usd = -1", "usd"),
        ('per = "frame"', "per"),
        ("source = 5", "source"),
        ('confidence = "sure"', "confidence"),
        ("multiply = [{ by = 0 }]", "multiply.0.by"),
        ('usd_per_second = "1"', "usd_per_second"),
    ],
)
def test_a_bad_price_is_refused_by_name(change: str, entry: str) -> None:
    name = change.partition(" ")[0]
    kept = "".join(f"{line}\n" for line in PRICE.splitlines() if not line.startswith(f"{name} "))
    with pytest.raises(VideoGenError) as caught:
        toy(f"{PROMPT}{kept}{change}\n")
    assert f"endpoint.0.prices.0.{entry}\n" in caught.value.message


@pytest.mark.parametrize(
    "rule", ['{ kind = "maybe", params = ["a", "b"] }', '{ kind = "one_of", params = ["prompt"] }']
)
def test_a_bad_rule_is_refused_by_its_place(rule: str) -> None:
    with pytest.raises(VideoGenError, match=r"endpoint\.0\.rules\.0"):
        toy(f"rules = [{rule}]\n{PROMPT}")


def test_what_is_no_toml_is_refused_with_the_file() -> None:
    with pytest.raises(VideoGenError, match=r"catalogue/data/broken\.toml"):
        read_file("broken.toml", "[[endpoint]\n")


# The JSON Schema that video_models shows.


@pytest.mark.parametrize("endpoint", load_catalogue().endpoints, ids=lambda endpoint: endpoint.key)
def test_json_schema_is_sound_and_accepts_the_example(endpoint: Endpoint) -> None:
    schema = endpoint.json_schema()
    Draft202012Validator.check_schema(schema)
    validator: Any = Draft202012Validator(schema)
    assert validator.is_valid(endpoint.example)
    assert not validator.is_valid(endpoint.example | {"no_such_parameter": 1})
    for name in schema["required"]:
        assert not validator.is_valid({key: value for key, value in endpoint.example.items() if key != name})


def test_json_schema_of_a_parameter() -> None:
    wan = load_catalogue().find("fal:fal-ai/wan-i2v")
    assert wan.json_schema()["properties"]["frames_per_second"] == {
        "type": "integer",
        "default": 16,
        "minimum": 5,
        "maximum": 24,
    }
    assert wan.json_schema()["required"] == ["prompt", "image_url"]
