"""The hard filters: every reason with its code, the mode read off the media, and names that do not exist."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from tests.selection.cases import gateways_with

from videogen_mcp.catalogue import Catalogue, load_catalogue
from videogen_mcp.catalogue.schema import Endpoint, Model
from videogen_mcp.errors import InvalidRequest, Refusal
from videogen_mcp.gateways import GATEWAYS
from videogen_mcp.selection.eligibility import (
    GatewayState,
    Sieved,
    check_names,
    sieve,
)
from videogen_mcp.types import MODES, Json, Mode, VideoRequest

CATALOGUE = load_catalogue()
PICTURE = "https://pictures.example/a.png"
CLIP = "https://clips.example/a.mp4"
SOUND = "https://sounds.example/a.mp3"
SEEDANCE = "fal:bytedance/seedance-2.0/text-to-video"
KLING = "fal:fal-ai/kling-video/v3/pro/text-to-video"
VEO = "fal:fal-ai/veo3.1"
KLING_O3 = "fal:fal-ai/kling-video/o3/pro/text-to-video"
"""Silent, unless sound is asked for."""
UNPRICED = "fal:fal-ai/pixverse/v4.5/transition"
HAILUO = "fal:fal-ai/minimax/hailuo-2.3/standard/text-to-video"
LOCAL = "local:animatic"
UNLISTED = "fal:nobody/knows-this/text-to-video"


def gateways(*configured: str) -> dict[str, GatewayState]:
    return {
        name: GatewayState(
            key_variable=entry.key_variable,
            configured=entry.key_variable is None or name in configured,
            supported=name in {"fal", "local"},
        )
        for name, entry in GATEWAYS.items()
    }


WITH_FAL = gateways("fal")


def request(**fields: Any) -> VideoRequest:
    return VideoRequest.model_validate({"prompt": "A fox"} | fields)


def sieved(
    mode: Mode = "text_to_video",
    *,
    states: dict[str, GatewayState] = WITH_FAL,
    cap: str | None = None,
    catalogue: Catalogue = CATALOGUE,
    **fields: Any,
) -> Sieved:
    return sieve(request(**fields), mode, catalogue, states, None if cap is None else Decimal(cap))


def keys(outcome: Sieved) -> set[str]:
    return {one.endpoint.key for one in outcome.eligible}


def refusal(outcome: Sieved, key: str) -> Refusal:
    (found,) = [one for one in outcome.refusals if one.endpoint == key]
    return found


@pytest.mark.parametrize("medium", ["a.png", "file:///pictures/a.png", "data:image/png;base64,AA==", "video:1"])
def test_a_gateway_that_takes_addresses_only_is_not_given_files(medium: str) -> None:
    states = {**WITH_FAL, "fal": replace(WITH_FAL["fal"], takes_files=False)}
    taken = keys(sieved("image_to_video", states=states, first_frame=PICTURE))
    outcome = sieved("image_to_video", states=states, first_frame=medium)
    assert taken
    assert not keys(outcome)
    for key in taken:
        found = refusal(outcome, key)
        assert (found.code, found.field) == ("invalid_request", "first_frame")
        assert "gateway fal takes https addresses only" in found.reason
        assert "pictures/" not in found.reason
    assert keys(sieved("image_to_video", first_frame=medium)) >= taken


def test_each_endpoint_is_either_eligible_or_refused_once() -> None:
    for mode in MODES:
        outcome = sieved(mode, first_frame=PICTURE)
        told = [one.endpoint.key for one in outcome.eligible] + [one.endpoint for one in outcome.refusals]
        assert sorted(told) == sorted(one.key for one in CATALOGUE.endpoints)


def test_an_eligible_one_carries_its_body_and_what_that_costs() -> None:
    outcome = sieved(duration=6, endpoint=VEO)
    (found,) = outcome.eligible
    assert (found.endpoint.key, found.model.id) == (VEO, "veo-3.1")
    assert found.payload.body["duration"] == "6s"
    assert found.cost.estimated_usd == Decimal("2.4")


# Pins and exclusions.


@pytest.mark.parametrize(
    ("field", "value", "other"),
    [
        ("provider", "kling", "seedance"),
        ("gateway", "local", "fal"),
        ("model", "kling-v3-pro", "seedance-2.0"),
    ],
)
def test_a_pin_rules_the_others_out(field: str, value: str, other: str) -> None:
    pin: Json = {field: value}
    outcome = sieved(**pin)
    assert SEEDANCE not in keys(outcome)
    found = refusal(outcome, SEEDANCE)
    assert found == Refusal(SEEDANCE, f"{field} {other} is not the pinned {value}.", "nothing_eligible", field)


def test_a_pinned_endpoint_is_the_only_one_considered() -> None:
    outcome = sieved(endpoint=KLING)
    assert keys(outcome) == {KLING}
    assert outcome.refusals == ()


def test_a_pinned_endpoint_outside_the_catalogue_is_considered() -> None:
    assert UNLISTED not in {one.key for one in CATALOGUE.endpoints}
    outcome = sieved(endpoint=UNLISTED, options={"loop": True})
    (found,) = outcome.eligible
    assert found.payload.body == {"prompt": "A fox", "loop": True}
    assert found.model.provider == "other"
    assert found.cost.estimated_usd is None


@pytest.mark.parametrize("value", ["seedance", "fal", "seedance-2.0", SEEDANCE])
def test_exclude(value: str) -> None:
    outcome = sieved(exclude=[value])
    found = refusal(outcome, SEEDANCE)
    assert (found.code, found.field) == ("nothing_eligible", "exclude")
    assert found.reason.endswith(f", {value}.")
    assert (KLING in keys(outcome)) is (value != "fal")


# What stands in the way of an endpoint that was not ruled out.


def with_status(status: str) -> Catalogue:
    changed = [
        one.model_copy(update={"status": status}) if one.model == "kling-v3-pro" else one for one in CATALOGUE.endpoints
    ]
    return Catalogue(CATALOGUE.models.values(), changed)


@pytest.mark.parametrize("status", ["delisted", "announced"])
def test_what_may_not_answer_is_used_only_when_it_or_its_model_is_pinned(status: str) -> None:
    catalogue = with_status(status)
    told = f"endpoint is {status}: used only when it or its model is pinned."
    found = refusal(sieved(catalogue=catalogue), KLING)
    assert found == Refusal(KLING, told, "nothing_eligible", "endpoint")
    narrow: list[Json] = [{"endpoint": KLING}, {"model": "kling-v3-pro"}]
    for pin in narrow:
        assert KLING in keys(sieved(catalogue=catalogue, **pin))
    wide: list[Json] = [{"provider": "kling"}, {"gateway": "fal"}]
    for pin in wide:
        assert refusal(sieved(catalogue=catalogue, **pin), KLING).reason == told


def test_legacy_is_used_as_any_other() -> None:
    assert KLING in keys(sieved(catalogue=with_status("legacy")))


def elsewhere(gateway: str) -> Catalogue:
    extra = Endpoint(
        id="x", gateway=gateway, model="x", modes=("text_to_video",), params={}, source="a", checked=date(2026, 11, 21)
    )
    return Catalogue(
        [*CATALOGUE.models.values(), Model(id="x", provider="x", title="X")], [*CATALOGUE.endpoints, extra]
    )


def test_a_gateway_that_this_version_cannot_use() -> None:
    for states in (gateways("fal"), gateways("fal", "heygen")):
        found = refusal(sieved(catalogue=elsewhere("heygen"), states=states), "heygen:x")
        assert found.reason == "gateway heygen is not supported by this version."
        assert (found.code, found.field) == ("nothing_eligible", "gateway")


def test_a_missing_key_names_its_variable() -> None:
    outcome = sieved(states=gateways())
    assert refusal(outcome, SEEDANCE) == Refusal(
        SEEDANCE, "gateway fal needs FAL_KEY to be set.", "not_configured", "gateway"
    )


def test_the_animatic_stands_back_once_a_key_is_set() -> None:
    assert keys(sieved(states=gateways())) == {LOCAL}
    found = refusal(sieved(), LOCAL)
    assert (found.code, found.field) == ("nothing_eligible", "gateway")
    assert "not AI video" in found.reason
    pins: list[Json] = [{"gateway": "local"}, {"provider": "local"}, {"model": "animatic"}, {"endpoint": LOCAL}]
    for pin in pins:
        assert keys(sieved(**pin)) == {LOCAL}


def test_the_key_of_a_gateway_that_cannot_be_used_does_not_count() -> None:
    assert keys(sieved(states=gateways("heygen", "google"))) == {LOCAL}


def test_what_the_encoder_refuses_keeps_its_field_and_reason() -> None:
    outcome = sieved(aspect_ratio="21:9")
    found = refusal(outcome, VEO)
    assert found == Refusal(
        VEO, "aspect_ratio 21:9 is not offered; allowed: 16:9, 9:16.", "invalid_request", "aspect_ratio"
    )
    assert SEEDANCE in keys(outcome)


# A gateway on its cool-off, and sound where the clip lives on speech.


def test_a_gateway_on_its_cool_off_is_left_out_with_its_reason() -> None:
    states = dict(gateways_with(("fal", "mountsea")))
    states["fal"] = replace(states["fal"], cool_off="refused its key a moment ago")
    outcome = sieved(states=states)
    assert refusal(outcome, KLING) == Refusal(
        KLING, "gateway fal refused its key a moment ago.", "gateway_unavailable", "gateway"
    )
    assert {one.partition(":")[0] for one in keys(outcome)} == {"mountsea"}


def test_what_could_not_serve_anyway_keeps_its_own_reason_on_a_cool_off() -> None:
    states = gateways("fal")
    states["fal"] = replace(states["fal"], cool_off="has no credit left")
    assert refusal(sieved(states=states, aspect_ratio="21:9"), VEO).field == "aspect_ratio"
    assert refusal(sieved(states=states, cap="0.01"), VEO).field == "max_cost_usd"


@pytest.mark.parametrize(
    ("speaks", "said", "sounding"), [(True, None, True), (False, None, False), (True, False, False), (True, True, True)]
)
def test_sound_is_asked_for_where_the_clip_lives_on_speech_and_the_caller_left_it_open(
    *, speaks: bool, said: bool | None, sounding: bool
) -> None:
    asked = request(generate_audio=said)
    outcome = sieve(asked, "text_to_video", CATALOGUE, WITH_FAL, None, speaks=speaks)
    found = {one.endpoint.key: one.payload for one in outcome.eligible}
    assert found[KLING_O3].body["generate_audio"] is found[KLING_O3].has_audio is sounding


def test_what_has_no_sound_stays_eligible_where_nobody_asked_for_it() -> None:
    outcome = sieve(request(), "text_to_video", CATALOGUE, WITH_FAL, None, speaks=True)
    silent = {one.endpoint.key for one in outcome.eligible if not one.payload.has_audio}
    assert HAILUO in silent
    assert HAILUO not in keys(sieved(generate_audio=True))


# Money.


def test_a_cap_reckons_with_the_highest_figure() -> None:
    assert KLING in keys(sieved(cap="1.68"))
    found = refusal(sieved(cap="1.67"), KLING)
    assert found == Refusal(
        KLING, "max_cost_usd 1.67 is below its price of up to $1.68.", "over_budget", "max_cost_usd"
    )


def test_a_cap_refuses_an_unknown_price_unless_it_is_pinned() -> None:
    frames: Json = {"first_frame": PICTURE, "last_frame": PICTURE}
    assert UNPRICED in keys(sieved("first_last_frame", **frames))
    found = refusal(sieved("first_last_frame", cap="100", **frames), UNPRICED)
    assert (found.code, found.field) == ("over_budget", "max_cost_usd")
    assert "price is unknown" in found.reason
    narrow: list[Json] = [{"endpoint": UNPRICED}, {"model": "pixverse-v4.5"}]
    for pin in narrow:
        assert UNPRICED in keys(sieved("first_last_frame", cap="100", **frames, **pin))
    wide: list[Json] = [{"provider": "pixverse"}, {"gateway": "fal"}]
    for pin in wide:
        assert UNPRICED not in keys(sieved("first_last_frame", cap="100", **frames, **pin))


def test_a_pin_does_not_lift_the_cap() -> None:
    assert keys(sieved(cap="1", endpoint=SEEDANCE)) == set()


def test_free_is_within_a_cap_of_nothing() -> None:
    assert keys(sieved(states=gateways(), cap="0")) == {LOCAL}


# Names.


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("provider", "klang", CATALOGUE.providers),
        ("gateway", "fall", tuple(GATEWAYS)),
        ("provider", "", CATALOGUE.providers),
    ],
)
def test_an_unknown_name_is_refused_with_what_there_is(field: str, value: str, allowed: tuple[str, ...]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_names(request(**{field: value}), CATALOGUE, WITH_FAL)
    assert caught.value.field == field
    assert caught.value.message == f"{field} {value!r} is not known; allowed: {', '.join(allowed)}."


@pytest.mark.parametrize(
    ("value", "nearest"),
    [("kling", "kling-"), ("seedance-2", "seedance-2.0"), ("veo3.1", "veo-3.1"), ("@@@@", None)],
)
def test_an_unknown_model_is_refused_with_the_nearest_of_the_many(value: str, nearest: str | None) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_names(request(model=value), CATALOGUE, WITH_FAL)
    text = caught.value.message
    assert text.startswith(
        f"model {value!r} is not known; allowed: the {len(CATALOGUE.models)} that video_models lists"
    )
    assert nearest in text if nearest else "nearest" not in text
    assert len(text) < 300


def test_an_unknown_endpoint_is_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_names(request(endpoint="heygen:nope"), CATALOGUE, WITH_FAL)
    assert caught.value.field == "endpoint"
    assert "heygen:nope" in caught.value.message


@pytest.mark.parametrize("value", ["klang", "", "heygen:nope", "fal-ai/veo3.1"])
def test_an_unknown_exclusion_is_refused_before_it_costs_money(value: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_names(request(exclude=["veo", value]), CATALOGUE, WITH_FAL)
    assert caught.value.field == "exclude"
    assert caught.value.message.startswith(f"exclude {value!r} is not known; allowed:")


@pytest.mark.parametrize(
    "fields",
    [
        {"provider": "kling", "gateway": "fal", "model": "kling-v3-pro", "endpoint": KLING},
        {"gateway": "fal", "endpoint": UNLISTED},
        {"exclude": ["veo", "heygen", "wan-2.1", SEEDANCE, UNLISTED]},
        {"provider": "kling", "exclude": ["kling-v3-pro", KLING]},
    ],
)
def test_known_names_pass(fields: Json) -> None:
    check_names(request(**fields), CATALOGUE, WITH_FAL)


@pytest.mark.parametrize(
    ("fields", "field", "told"),
    [
        (
            {"endpoint": KLING, "provider": "veo"},
            "endpoint",
            f"endpoint {KLING} is of provider kling, but provider veo is pinned.",
        ),
        (
            {"endpoint": KLING, "gateway": "heygen"},
            "endpoint",
            f"endpoint {KLING} is of gateway fal, but gateway heygen is pinned.",
        ),
        (
            {"endpoint": KLING, "model": "veo-3.1"},
            "endpoint",
            f"endpoint {KLING} is of model kling-v3-pro, but model veo-3.1 is pinned.",
        ),
        (
            {"model": "veo-3.1", "provider": "kling"},
            "model",
            "model veo-3.1 is of provider veo, but provider kling is pinned.",
        ),
        ({"provider": "kling", "exclude": ["kling"]}, "exclude", "exclude names kling, which is pinned as provider."),
        ({"gateway": "fal", "exclude": ["veo", "fal"]}, "exclude", "exclude names fal, which is pinned as gateway."),
        (
            {"model": "veo-3.1", "exclude": ["veo-3.1"]},
            "exclude",
            "exclude names veo-3.1, which is pinned as model.",
        ),
        ({"endpoint": KLING, "exclude": [KLING]}, "exclude", f"exclude names {KLING}, which is pinned as endpoint."),
    ],
)
def test_pins_and_exclusions_that_rule_each_other_out(fields: Json, field: str, told: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_names(request(**fields), CATALOGUE, WITH_FAL)
    assert (caught.value.field, caught.value.message) == (field, told)
