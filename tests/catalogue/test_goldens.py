"""Every endpoint and mode: a canonical request, the exact body, and the body against the provider's recorded schema."""

from decimal import Decimal
from typing import Any, cast

import jsonschema
import pytest
from tests.catalogue.goldens import GOLDENS, in_json, request_of
from tests.standins.schemas import endpoints, parameters_of, validate

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.catalogue.encode import encode
from videogen_mcp.catalogue.pricing import price
from videogen_mcp.catalogue.schema import Endpoint, Param
from videogen_mcp.catalogue.terms import MaxTotal, Needs, NotTogether, OneOf
from videogen_mcp.types import Json, VideoRequest

CATALOGUE = load_catalogue()
RECORDED = [endpoint for endpoint in CATALOGUE.endpoints if endpoint.gateway == "fal" and endpoint.id in endpoints()]
"""Those whose whole schema, with limits and rules, is recorded for the stand-in; test_facts compares all others."""
NAMES = [f"{number}-{golden['endpoint']}-{golden['mode']}" for number, golden in enumerate(GOLDENS)]

PICTURE = "https://pictures.example/a.png"


def findings(endpoint: Endpoint, body: Json) -> list[str]:
    found = validate(endpoint.id, body, own_origin="https://none.invalid", served=lambda _: False)
    return [f"{finding.location}: {finding.message}" for finding in found]


def test_every_mode_of_every_endpoint_has_a_golden() -> None:
    there = {(golden["endpoint"], golden["mode"]) for golden in GOLDENS}
    assert there == {(endpoint.key, mode) for endpoint in CATALOGUE.endpoints for mode in endpoint.modes}


@pytest.mark.parametrize("golden", GOLDENS, ids=NAMES)
def test_golden_body(golden: Json) -> None:
    payload = encode(CATALOGUE.find(golden["endpoint"]), golden["mode"], VideoRequest.model_validate(golden["request"]))
    assert in_json(payload.body) == in_json(golden["body"])
    assert payload.changes == ()
    assert payload.warnings == ()


@pytest.mark.parametrize("golden", GOLDENS, ids=NAMES)
def test_golden_price(golden: Json) -> None:
    endpoint = CATALOGUE.find(golden["endpoint"])
    cost = price(endpoint, encode(endpoint, golden["mode"], VideoRequest.model_validate(golden["request"])))
    figures = [Decimal(golden[name]) if golden[name] is not None else None for name in ("usd", "high_usd")]
    assert [cost.estimated_usd, cost.ceiling_usd] == figures


@pytest.mark.parametrize("golden", GOLDENS, ids=NAMES)
def test_golden_body_is_valid_for_the_catalogues_own_schema(golden: Json) -> None:
    schema = CATALOGUE.find(golden["endpoint"]).json_schema()
    errors = cast("Any", jsonschema.Draft202012Validator(schema)).iter_errors(golden["body"])
    assert [error.message for error in errors] == []


@pytest.mark.parametrize("golden", [golden for golden in GOLDENS if golden["endpoint"][4:] in endpoints()])
def test_golden_body_is_valid_for_the_provider(golden: Json) -> None:
    assert findings(CATALOGUE.find(golden["endpoint"]), golden["body"]) == []


def test_the_schema_check_can_fail() -> None:
    kling = CATALOGUE.find("fal:fal-ai/kling-video/v3/pro/image-to-video")
    body = {"prompt": "A fox", "start_image_url": PICTURE, "duration": 5}
    assert findings(kling, body) == ["('duration',): Input should be a valid string"]


# The catalogue against the recorded schemas, parameter by parameter.


def test_every_recorded_endpoint_is_in_the_catalogue() -> None:
    assert {endpoint.id for endpoint in RECORDED} == set(endpoints())


@pytest.mark.parametrize("endpoint", RECORDED, ids=lambda endpoint: endpoint.id)
def test_same_parameter_names(endpoint: Endpoint) -> None:
    assert set(endpoint.params) == set(parameters_of(endpoint.id))


NOT_REPEATED = {
    # A paragraph of the provider's own, which applies when nothing is sent: repeating it would only grow stale.
    ("fal-ai/wan-i2v", "negative_prompt", "default"),
}

PARAMETERS = [(endpoint, name) for endpoint in RECORDED for name in endpoint.params]


def shape_of(param: Param) -> Json:
    return {
        "type": param.type,
        "required": param.required,
        "default": param.default,
        "enum": list(param.values) or None,
        "minimum": param.minimum,
        "maximum": param.maximum,
        "max_chars": param.max_chars,
        "max_items": param.max_items,
    }


def recorded_shape(recorded: Json) -> Json:
    return {
        "type": "integer" if recorded.get("integer") else recorded["type"],
        "required": recorded["required"],
        "default": recorded.get("default"),
        "enum": recorded.get("enum"),
        "minimum": recorded.get("minimum"),
        "maximum": recorded.get("maximum"),
        "max_chars": recorded.get("max_chars"),
        "max_items": recorded.get("max_items"),
    }


@pytest.mark.parametrize(("endpoint", "name"), PARAMETERS, ids=lambda one: getattr(one, "id", one))
def test_same_parameter(endpoint: Endpoint, name: str) -> None:
    ours, recorded = shape_of(endpoint.params[name]), recorded_shape(parameters_of(endpoint.id)[name])
    differing = {key for key, value in ours.items() if value != recorded[key]}
    assert {(endpoint.id, name, key) for key in differing} == {
        one for one in NOT_REPEATED if one[:2] == (endpoint.id, name)
    }


SAME_AS_FIRST_FRAME = {
    # The record has no limit for the last frame; it is held to the one of the first, which is the same kind of file.
    ("fal-ai/wan/v2.7/image-to-video", "end_image_url"): 20,
}


@pytest.mark.parametrize("endpoint", RECORDED, ids=lambda endpoint: endpoint.id)
def test_file_limits_are_those_recorded(endpoint: Endpoint) -> None:
    for name, recorded in parameters_of(endpoint.id).items():
        limits, param = recorded.get("limits", {}), endpoint.params[name]
        assert param.max_megabytes == (SAME_AS_FIRST_FRAME.get((endpoint.id, name)) or limits.get("max_mb")), name
        shortest, longest = limits.get("seconds_text", [None, None])
        assert (param.min_seconds, param.max_seconds) == (shortest, longest), name
        if "range_text" in limits:
            assert [param.min_total_seconds, param.max_total_seconds] == limits["range_text"], name


@pytest.mark.parametrize("endpoint", RECORDED, ids=lambda endpoint: endpoint.id)
def test_media_parameters_are_the_ones_that_take_an_address(endpoint: Endpoint) -> None:
    recorded = parameters_of(endpoint.id)
    addresses = {
        name for name, one in recorded.items() if "url" in {one.get("format"), one.get("items", {}).get("format")}
    }
    values = {"prompt", "negative_prompt", "seed", "duration", "aspect_ratio", "resolution", "generate_audio"}
    carrying = {name for name, param in endpoint.params.items() if set(param.source) - values}
    assert carrying == addresses


def rules_of(endpoint: Endpoint) -> set[tuple[Any, ...]]:
    found: set[tuple[Any, ...]] = set()
    for rule in endpoint.rules:
        match rule:
            case OneOf():
                found.add(("exactly_one_of", None, rule.params, None))
            case NotTogether():
                found.add(("not_together", None, rule.params, None))
            case Needs(param=None):
                found.add(("at_least_one_of", None, rule.any_of, None))
            case Needs():
                found.add(("requires_any_of", rule.param, rule.any_of, None))
            case MaxTotal():
                found.add(("max_total_items", None, rule.params, rule.limit))
            case _:
                pytest.fail(f"{endpoint.id}: no recorded schema has a rule of the kind {rule.kind}")
    return found


@pytest.mark.parametrize("endpoint", RECORDED, ids=lambda endpoint: endpoint.id)
def test_same_rules(endpoint: Endpoint) -> None:
    recorded = {
        (rule["kind"], rule.get("field"), tuple(rule["fields"]), rule.get("maximum"))
        for rule in endpoints()[endpoint.id]["rules"]
        # At most one element with a clip: inside an option, which is sent as it is and judged by the provider.
        if rule["kind"] != "max_items_having"
    }
    assert rules_of(endpoint) == recorded


def fields_of(param: Param) -> Json:
    schema = param.schema_ or {}
    return cast("Json", schema["items"]["properties"])


@pytest.mark.parametrize(
    ("endpoint_id", "name"),
    [
        ("fal-ai/kling-video/v3/pro/text-to-video", "multi_prompt"),
        ("fal-ai/kling-video/v3/pro/image-to-video", "multi_prompt"),
        ("fal-ai/kling-video/v3/pro/image-to-video", "elements"),
    ],
)
def test_structured_parameters_have_the_recorded_fields(endpoint_id: str, name: str) -> None:
    ours = fields_of(CATALOGUE.find(f"fal:{endpoint_id}").params[name])
    recorded = {one["name"]: one for one in parameters_of(endpoint_id)[name]["items"]["fields"]}
    assert set(recorded) == set(ours)
    assert {field: (one["type"], one.get("enum"), one.get("default")) for field, one in ours.items()} == {
        field: (recorded[field]["type"], recorded[field].get("enum"), recorded[field].get("default")) for field in ours
    }


# The examples that video_models shows: read back into a request, they give the same body again.


@pytest.mark.parametrize("endpoint", CATALOGUE.endpoints, ids=lambda endpoint: endpoint.key)
def test_example_round_trips(endpoint: Endpoint) -> None:
    payload = encode(endpoint, endpoint.modes[0], request_of(endpoint, endpoint.example))
    # Nothing is added: an example shows whatever moves the price, and that is all that the product always sends.
    assert payload.body == endpoint.example
    assert payload.changes == ()


@pytest.mark.parametrize("endpoint", RECORDED, ids=lambda endpoint: endpoint.id)
def test_example_is_valid_for_the_provider(endpoint: Endpoint) -> None:
    assert findings(endpoint, endpoint.example) == []
    body = encode(endpoint, endpoint.modes[0], request_of(endpoint, endpoint.example)).body
    assert findings(endpoint, body) == []
