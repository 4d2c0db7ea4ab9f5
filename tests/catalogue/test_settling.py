"""Where what nobody asked for breaks a rule, the encoder takes what the rule allows and says so."""

from typing import Any

import pytest

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.catalogue.encode import Change, Payload, encode
from videogen_mcp.errors import InvalidRequest
from videogen_mcp.types import Json, VideoRequest

CATALOGUE = load_catalogue()
HEYGEN = "heygen:v3/models/videos/reference_to_video"
RAY = "fal:luma/agent/ray/v3.2/image-to-video"
PICTURE = "https://pictures.example/a.png"


def sent(key: str, **fields: Any) -> Payload:
    endpoint = CATALOGUE.find(key)
    return encode(endpoint, endpoint.modes[0], VideoRequest.model_validate({"prompt": "She walks"} | fields))


def test_a_default_that_does_not_go_with_what_was_asked_is_replaced_and_told() -> None:
    payload = sent(HEYGEN, reference_images=[PICTURE], resolution="1080p")
    assert (payload.body["aspect_ratio"], payload.aspect_ratio) == ("16:9", "16:9")
    assert payload.changes == (Change("aspect_ratio", None, "16:9", "adaptive does not go with resolution here"),)


def test_a_resolution_that_an_option_rules_out_is_raised_and_billed_as_sent() -> None:
    payload = sent(RAY, first_frame=PICTURE, options={"hdr": True})
    assert (payload.body["resolution"], payload.resolution) == ("720p", "720p")
    assert [change.field for change in payload.changes] == ["resolution"]


@pytest.mark.parametrize(
    "fields",
    [{"resolution": "1080p", "aspect_ratio": "1:1"}, {"resolution": "1080p", "options": {"aspect_ratio": "adaptive"}}],
)
def test_what_was_asked_is_refused_and_not_replaced(fields: Json) -> None:
    with pytest.raises(InvalidRequest) as caught:
        sent(HEYGEN, reference_images=[PICTURE], **fields)
    assert caught.value.field == "aspect_ratio"


def test_without_the_condition_nothing_is_touched() -> None:
    payload = sent(HEYGEN, reference_images=[PICTURE])
    assert "aspect_ratio" not in payload.body
    assert payload.changes == ()
