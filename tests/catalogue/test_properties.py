"""What must hold for every request at every endpoint: a body that the schema takes, and nothing lost in silence."""

from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from tests.catalogue.goldens import in_json
from tests.catalogue.requests import least, medium

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.catalogue.encode import Payload, encode
from videogen_mcp.catalogue.fit import lines_of, seconds_of
from videogen_mcp.catalogue.schema import Endpoint, Param
from videogen_mcp.errors import InvalidRequest
from videogen_mcp.types import MEDIA_FIELDS, RESOLUTIONS, Json, Mode, VideoRequest, texts_in

CATALOGUE = load_catalogue()
EACH = pytest.mark.parametrize("endpoint", CATALOGUE.endpoints, ids=lambda endpoint: endpoint.key)

SCALARS = st.none() | st.booleans() | st.integers(-5, 50) | st.floats() | st.text(max_size=5)
JSON_VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["prompt", "duration", "type"]), inner),
    max_leaves=5,
)


def values_of(param: Param, example: Any) -> st.SearchStrategy[Any]:
    """Values that a caller may try: documented ones, the example, near misses, and nonsense."""
    tried: list[st.SearchStrategy[Any]] = [JSON_VALUES]
    if param.values:
        tried.append(st.sampled_from([*param.values, *(str(value) for value in param.values)]))
    if example is not None:
        tried.append(st.just(example))
    if param.minimum is not None or param.maximum is not None:
        tried.append(st.sampled_from([one for one in (param.minimum, param.maximum) if one is not None]))
    return st.one_of(tried)


@st.composite
def requests(draw: st.DrawFn, endpoint: Endpoint, mode: Mode) -> VideoRequest:
    """A request for that mode: its least, other arguments and media, and options under the endpoint's own names."""
    fields: Json = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "prompt": st.sampled_from(["", "A fox", 'A fox says "hello"', "x" * 3000]),
                "duration": st.sampled_from([0.5, 3, 4.5, 5, 6, 8, 10, 15, 30, 90]),
                "aspect_ratio": st.sampled_from(["auto", "16:9", "9:16", "1:1", "21:9", "5:4"]),
                "resolution": st.sampled_from(RESOLUTIONS),
                "generate_audio": st.booleans(),
                "seed": st.integers(0, 2**32 - 1),
                "negative_prompt": st.text(max_size=20),
            },
        )
    )
    media = draw(st.lists(st.sampled_from(list(MEDIA_FIELDS)), max_size=2, unique=True))
    fields |= {name: medium(name, draw(st.integers(1, 3))) for name in media}
    names = draw(st.lists(st.sampled_from([*endpoint.params, "no_such_parameter"]), max_size=3, unique=True))
    options = {name: draw(values_of(endpoint.params.get(name, Param()), endpoint.example.get(name))) for name in names}
    return VideoRequest.model_validate(least(endpoint, mode, **fields, options=options))


def encoded(endpoint: Endpoint, mode: Mode, request: VideoRequest) -> Payload | None:
    refusal: InvalidRequest | None = None
    try:
        return encode(endpoint, mode, request)
    except InvalidRequest as error:
        refusal = error
    assert refusal.field in VideoRequest.model_fields or str(refusal.field).startswith("options.")
    return None


@EACH
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_every_body_is_one_that_the_endpoints_schema_takes(endpoint: Endpoint, data: st.DataObject) -> None:
    mode = data.draw(st.sampled_from(endpoint.modes))
    payload = encoded(endpoint, mode, data.draw(requests(endpoint, mode)))
    if payload is not None:
        validator: Any = Draft202012Validator(endpoint.json_schema())
        assert [error.message for error in validator.iter_errors(payload.body)] == []


@EACH
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_nothing_asked_is_lost_in_silence(endpoint: Endpoint, data: st.DataObject) -> None:
    mode = data.draw(st.sampled_from(endpoint.modes))
    request = data.draw(requests(endpoint, mode))
    payload = encoded(endpoint, mode, request)
    if payload is not None:
        told = {change.field for change in payload.changes}
        assert [
            name for name in asked(request) if name not in told and not is_kept(endpoint, payload, request, name)
        ] == []


def asked(request: VideoRequest) -> list[str]:
    """Everything that the caller said, as changes name it."""
    plain = ["prompt", "duration", "aspect_ratio", "resolution", "generate_audio", "negative_prompt", "seed"]
    said = [name for name in (*plain, *MEDIA_FIELDS) if getattr(request, name) not in (None, (), "")]
    return said + [f"options.{name}" for name in request.options]


def is_kept(endpoint: Endpoint, payload: Payload, request: VideoRequest, name: str) -> bool:
    """Whether what was asked is in the body, or is what the endpoint does anyway."""
    if name.startswith("options."):
        option = name.removeprefix("options.")
        return in_json(payload.body.get(option)) == in_json(request.options[option])
    wanted = getattr(request, name)
    if name in MEDIA_FIELDS:
        media = {wanted} if isinstance(wanted, str) else set(cast("tuple[str, ...]", wanted))
        return media <= set(texts_in(payload.body))
    if name == "duration":
        return payload.seconds is not None and abs(payload.seconds - wanted) <= 0.1
    facts: Json = {
        "resolution": lines_of(payload.resolution or "") == lines_of(str(wanted)),
        "aspect_ratio": wanted == (payload.aspect_ratio or "auto"),
        "generate_audio": payload.has_audio == wanted,
    }
    found = endpoint.param_for(name)
    text = wanted.strip() if isinstance(wanted, str) else wanted
    is_in_body = found is not None and payload.body.get(found[0]) == text
    return bool(facts.get(name, text == "" or is_in_body))


def test_the_properties_can_fail() -> None:
    endpoint = CATALOGUE.find("fal:fal-ai/veo3.1")
    request = VideoRequest(prompt="A fox", duration=8, seed=7)
    payload = encode(endpoint, "text_to_video", request)
    assert seconds_of(payload.body["duration"]) == 8
    emptied = Payload(body={})
    assert [name for name in asked(request) if not is_kept(endpoint, emptied, request, name)] == [
        "prompt",
        "duration",
        "seed",
    ]
