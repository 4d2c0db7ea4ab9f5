"""When nothing is eligible: the one refusal that tells the caller most."""

from collections.abc import Collection
from decimal import Decimal
from typing import Any

import pytest

from videogen_mcp.catalogue import Catalogue, load_catalogue
from videogen_mcp.errors import InvalidRequest, NotConfigured, NothingEligible, OverBudget, Refusal
from videogen_mcp.gateways import GATEWAYS
from videogen_mcp.selection.eligibility import GatewayState, Sieved, sieve
from videogen_mcp.selection.explain import why_nothing
from videogen_mcp.selection.intent import IntentReading
from videogen_mcp.selection.limits import check_confirmed
from videogen_mcp.selection.modes import infer_mode
from videogen_mcp.selection.scoring import Aims, Candidate, rank
from videogen_mcp.types import Json, VideoRequest

CATALOGUE = load_catalogue()
FEW = {
    "fal:bytedance/seedance-2.0/text-to-video",
    "fal:bytedance/seedance-2.0/image-to-video",
    "fal:fal-ai/kling-video/v3/pro/text-to-video",
    "fal:fal-ai/kling-video/v3/pro/image-to-video",
    "fal:fal-ai/veo3.1",
    "fal:fal-ai/wan/v2.7/text-to-video",
    "local:animatic",
}
SMALL = Catalogue(CATALOGUE.models.values(), [one for one in CATALOGUE.endpoints if one.key in FEW])
"""So few that what stands in the way of each is known here; what all of them offer is in the whole catalogue."""
PICTURE = "https://pictures.example/a.png"


SUPPORTED = ("fal", "local")
"""A version that talks to these only, so that what is told of the others is told here too."""


def gateways(*configured: str, supported: Collection[str] = SUPPORTED) -> dict[str, GatewayState]:
    return {
        name: GatewayState(entry.key_variable, entry.key_variable is None or name in configured, name in supported)
        for name, entry in GATEWAYS.items()
    }


def why(
    *configured: str, cap: str | None = None, catalogue: Catalogue = CATALOGUE, **fields: Any
) -> NothingEligible | InvalidRequest:
    request, states = VideoRequest.model_validate({"prompt": "A fox"} | fields), gateways(*configured)
    mode = infer_mode(request)
    sieved = sieve(request, mode, catalogue, states, None if cap is None else Decimal(cap))
    assert sieved.eligible == ()
    return why_nothing(request, mode, sieved, states)


@pytest.mark.parametrize(
    ("pin", "told"),
    [
        ({"provider": "kling"}, "provider kling"),
        ({"model": "veo-3.1"}, "model veo-3.1"),
        ({"gateway": "fal"}, "gateway fal"),
        ({"endpoint": "fal:fal-ai/veo3.1"}, "endpoint fal:fal-ai/veo3.1"),
        ({"provider": "kling", "gateway": "fal"}, "provider kling, gateway fal"),
        ({"exclude": ["local"]}, "this request"),
    ],
)
def test_a_missing_key_is_named(pin: Json, told: str) -> None:
    error = why(**pin)
    assert type(error) is NotConfigured
    assert error.code == "not_configured"
    assert error.message == f"{told} needs FAL_KEY to be set."
    assert "free animatic" in error.fix
    assert {one.code for one in error.refusals} == {"not_configured"}


def test_each_key_that_would_help_is_named() -> None:
    request = VideoRequest(prompt="A fox", model="veo-3.1")
    states = gateways(supported=GATEWAYS)
    error = why_nothing(request, "text_to_video", sieve(request, "text_to_video", CATALOGUE, states, None), states)
    assert type(error) is NotConfigured
    named = "FAL_KEY or GEMINI_API_KEY or HEYGEN_API_KEY or MOUNTSEA_API_KEY"
    assert error.message == f"model veo-3.1 needs {named} to be set."


def test_a_gateway_without_endpoints_and_without_its_key() -> None:
    for configured in ((), ("fal",)):
        error = why(*configured, gateway="heygen")
        assert type(error) is NotConfigured
        assert error.message == "gateway heygen needs HEYGEN_API_KEY to be set."


def test_a_gateway_without_endpoints_with_its_key() -> None:
    error = why("fal", "heygen", gateway="heygen")
    assert type(error) is NothingEligible
    assert error.message == "gateway heygen has no endpoint for this in this version."
    assert "video_models" in error.fix


def test_a_key_that_would_not_help_is_not_asked_for() -> None:
    error = why(catalogue=SMALL, duration=90)
    assert type(error) is InvalidRequest
    assert error.field == "duration"
    reframe: Json = {"mode": "reframe", "source_video": "https://clips.example/a.mp4"}
    assert why(catalogue=SMALL, **reframe).code == "nothing_eligible"


def test_over_the_cap() -> None:
    error = why("fal", cap="0.1", catalogue=SMALL)
    assert type(error) is OverBudget
    assert error.code == "over_budget"
    assert error.message.startswith("nothing within the cap: max_cost_usd 0.10 is below its price of up to $")
    assert "Raise max_cost_usd" in error.fix
    assert {one.code for one in error.refusals} == {"over_budget"}


def test_the_cap_is_told_when_others_cannot_do_it_at_all() -> None:
    error = why("fal", cap="0.1", catalogue=SMALL, aspect_ratio="21:9")
    assert type(error) is OverBudget
    assert {one.endpoint for one in error.refusals} == {"fal:bytedance/seedance-2.0/text-to-video"}


def test_one_field_at_fault_everywhere_is_an_invalid_request_with_that_field() -> None:
    error = why("fal", catalogue=SMALL, duration=90)
    assert type(error) is InvalidRequest
    assert (error.code, error.field) == ("invalid_request", "duration")
    assert error.message.startswith("duration 90 s is not offered; allowed: ")
    assert "4s, 6s, 8s [fal:fal-ai/veo3.1]" in error.message


def test_one_field_at_fault_at_the_pinned_endpoint() -> None:
    error = why("fal", endpoint="fal:fal-ai/veo3.1", aspect_ratio="1:1")
    assert type(error) is InvalidRequest
    assert error.field == "aspect_ratio"
    assert error.message == "aspect_ratio 1:1 is not offered; allowed: 16:9, 9:16 [fal:fal-ai/veo3.1]."


def test_several_fields_at_fault_are_told_together() -> None:
    error = why("fal", catalogue=SMALL, exclude=["seedance"], aspect_ratio="1:1", resolution="4k")
    assert type(error) is NothingEligible
    assert error.code == "nothing_eligible"
    assert error.message.startswith("no endpoint can do text_to_video as asked: ")
    assert "resolution 4k is not offered; allowed: 1080p [fal:fal-ai/kling-video/v3/pro/text-to-video]" in error.message
    assert "aspect_ratio 1:1 is not offered; allowed: 16:9, 9:16 [fal:fal-ai/veo3.1]" in error.message
    assert "exclude" not in error.message
    assert len(error.refusals) == len(SMALL.endpoints) == len(FEW)


def test_a_mode_that_nothing_offers() -> None:
    error = why("fal", catalogue=SMALL, mode="reframe", source_video="https://clips.example/a.mp4")
    assert type(error) is NothingEligible
    assert error.message.startswith("no endpoint can do reframe as asked: mode reframe is not offered")


def test_everything_excluded() -> None:
    error = why("fal", exclude=["fal", "local"])
    assert type(error) is NothingEligible
    assert "exclude names its gateway, fal" in error.message


def why_of(*refusals: Refusal) -> NothingEligible | InvalidRequest:
    return why_nothing(VideoRequest(prompt="A fox"), "text_to_video", Sieved((), refusals), gateways("fal"))


def test_at_most_five_reasons() -> None:
    refusals = [Refusal(f"fal:toy/{n}", f"seed {n} is odd.", "invalid_request", f"f{n}") for n in range(8)]
    error = why_of(*refusals)
    assert error.message == (
        "no endpoint can do text_to_video as asked: seed 0 is odd [fal:toy/0]; seed 1 is odd [fal:toy/1]; "
        "seed 2 is odd [fal:toy/2]; seed 3 is odd [fal:toy/3]; seed 4 is odd [fal:toy/4]."
    )


def test_the_same_reason_is_told_once() -> None:
    error = why_of(*(Refusal(f"fal:toy/{n}", "seed 1 is odd.", "invalid_request", "seed") for n in range(3)))
    assert error.message == "seed 1 is odd [fal:toy/0]."


def test_real_requests_never_get_more_than_five() -> None:
    asked: list[Json] = [
        {"provider": "kling", "duration": 90},
        {"provider": "veo", "aspect_ratio": "5:4", "duration": 20},
        {"provider": "minimax", "first_frame": PICTURE, "duration": 90},
    ]
    for fields in asked:
        assert why("fal", **fields).message.count(" [") <= 5


# Above the limit that may be spent unasked.


def best(**fields: Any) -> tuple[VideoRequest, Candidate]:
    request = VideoRequest.model_validate({"prompt": "A fox"} | fields)
    mode = infer_mode(request)
    sieved = sieve(request, mode, CATALOGUE, gateways("fal"), None)
    return request, rank(sieved.eligible, Aims(request, mode, IntentReading("general", ())))[0]


UNPRICED: Json = {"model": "pixverse-v4.5", "first_frame": PICTURE, "last_frame": PICTURE}


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({}, None),
        ({}, "1.517"),
        ({"max_cost_usd": 20}, "1"),
        ({"provider": "local"}, "0"),
        (UNPRICED, None),
        (UNPRICED | {"max_cost_usd": 20}, "1"),
    ],
)
def test_what_needs_no_question(fields: Json, limit: str | None) -> None:
    request, candidate = best(**fields)
    check_confirmed(request, candidate, None if limit is None else Decimal(limit))


@pytest.mark.parametrize(
    ("fields", "limit", "told"),
    [
        ({}, "1.5", "seedance-2.0/text-to-video costs $1.52; VIDEOGEN_CONFIRM_ABOVE_USD allows 1.5 unasked."),
        (
            UNPRICED,
            "100",
            "transition costs an unknown price; VIDEOGEN_CONFIRM_ABOVE_USD allows 100 unasked.",
        ),
    ],
)
def test_what_needs_a_question(fields: Json, limit: str, told: str) -> None:
    request, candidate = best(**fields)
    with pytest.raises(OverBudget) as caught:
        check_confirmed(request, candidate, Decimal(limit))
    assert caught.value.message.endswith(told)
    assert "max_cost_usd" in caught.value.fix
