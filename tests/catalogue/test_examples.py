"""Every example of a source, read into a request and encoded again, gives the same body: nothing is lost on the way."""

from collections.abc import Iterator

import pytest
from tests.catalogue.decisions import is_decided
from tests.catalogue.facts import read
from tests.catalogue.goldens import in_json, request_of

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.catalogue.encode import Payload, encode
from videogen_mcp.catalogue.schema import Endpoint
from videogen_mcp.errors import InvalidRequest
from videogen_mcp.types import MODE_NEEDS, Json, Mode, VideoRequest

CATALOGUE = load_catalogue()
ENDPOINTS = {endpoint.key: endpoint for endpoint in CATALOGUE.endpoints}

ALWAYS_SENT = {"duration", "resolution", "generate_audio"}
"""Whatever moves the price is sent explicitly, whether the example has it or not."""

NOVAKIT_TEXT = "novakit:fal-ai/minimax/video-01"
NOVAKIT_IMAGE = "novakit:fal-ai/minimax/video-01/image-to-video"


def examples() -> Iterator[tuple[str, Json]]:
    for one in read("fal_endpoints")["endpoints"]:
        if "example_input" in one:
            yield f"fal:{one['id']}", one["example_input"]
    for one in read("mountsea_models")["models"]:
        yield f"mountsea:{one['id']}", one["example_input"]
    for one in read("heygen")["example_inputs"]:
        body = one["input"]
        yield f"heygen:{body.get('provider', 'veo_3_1')}", body
    for body in read("novakit")["examples"]:
        # The examples name no model: NovaKit's default takes text, so the one with a picture goes to its sibling.
        yield NOVAKIT_IMAGE if "source_image" in body else NOVAKIT_TEXT, {"prompt": "A calm sea", **body}
    canvas = read("canvas_node")["example_body"]
    # The canvas has names of its own for the frame and the rest; the endpoint is the one that it names.
    body = {"prompt": canvas["prompt"], "start_image_url": canvas["imageUrl"], **canvas["modelParams"]}
    yield f"fal:{canvas['endpointId']}", body


EXAMPLES = list(examples())
NAMES = [f"{number}-{key}" for number, (key, _) in enumerate(EXAMPLES)]

WITHOUT_REFERENCES = {
    # Its table demands no reference, and the example has none; the mode is meaningless without one, so it is refused.
    "mountsea:wan-2.7-ref": "reference_images",
}

TYPE_ONLY = {
    # Seed 000 sends seconds as a number to an endpoint that lists them as text.
    ("fal:fal-ai/kling-video/v3/pro/image-to-video", "duration"),
}


def mode_of(endpoint: Endpoint, request: VideoRequest) -> Mode:
    given = {name for name, _ in request.media()}
    fitting: list[Mode] = [mode for mode in endpoint.modes if all(given & set(group) for group in MODE_NEEDS[mode])]
    return fitting[-1] if fitting else endpoint.modes[0]


def encoded(key: str, body: Json) -> Payload:
    request = request_of(ENDPOINTS[key], body)
    return encode(ENDPOINTS[key], mode_of(ENDPOINTS[key], request), request)


@pytest.mark.parametrize(("key", "body"), EXAMPLES, ids=NAMES)
def test_an_example_encodes_to_itself(key: str, body: Json) -> None:
    if key in WITHOUT_REFERENCES:
        with pytest.raises(InvalidRequest) as caught:
            encoded(key, body)
        assert caught.value.field == WITHOUT_REFERENCES[key]
        return
    payload = encoded(key, body)
    # What the newest source no longer has is reported as dropped, and written down; null says nothing.
    dropped = {name for name in body if is_decided(key, name, "parameter")}
    wanted = {
        name: str(value) if (key, name) in TYPE_ONLY else value
        for name, value in body.items()
        if value is not None and name not in dropped
    }
    assert {name: in_json(payload.body.get(name)) for name in wanted} == {
        name: in_json(value) for name, value in wanted.items()
    }
    changed = {change.field.removeprefix("options.") for change in payload.changes}
    assert changed <= dropped | {name for owner, name in TYPE_ONLY if owner == key}
    assert dropped <= changed
    for name in payload.body.keys() - wanted.keys():
        param = ENDPOINTS[key].params[name]
        assert param.const is not None or param.preset is not None or set(param.source) & ALWAYS_SENT, name


def test_the_examples_are_many() -> None:
    assert len(EXAMPLES) == 9 + 25 + 5 + 3 + 1
