"""The whole decision for one request: what is told besides the ranking, and what happens in trouble."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.selection.cases import gateways_with

from videogen_mcp.catalogue import Catalogue, load_catalogue
from videogen_mcp.errors import InvalidRequest, NotConfigured, NothingEligible, OverBudget
from videogen_mcp.selection.decide import ANIMATIC_WARNING, KEYLESS_WARNING, Plan, Situation, decide
from videogen_mcp.selection.eligibility import GatewayState
from videogen_mcp.selection.experience import Experience, Outcome
from videogen_mcp.selection.scoring import NAMED, Candidate
from videogen_mcp.types import INTENTS, Intent, Json, VideoRequest

CATALOGUE = load_catalogue()
SEEDANCE = "fal:bytedance/seedance-2.0/text-to-video"
KLING = "fal:fal-ai/kling-video/v3/pro/text-to-video"
HAILUO = "fal:fal-ai/minimax/hailuo-2.3/standard/text-to-video"
KLING_O3 = "fal:fal-ai/kling-video/o3/pro/text-to-video"
"""Silent, unless sound is asked for."""

COOLING = "has no credit left"


def planned(
    states: Mapping[str, GatewayState] | None = None,
    *,
    catalogue: Catalogue = CATALOGUE,
    experience: Experience | None = None,
    **fields: Any,
) -> Plan:
    situation = Situation(states or gateways_with(("fal",)), experience=experience or Experience.of([]))
    return decide(VideoRequest.model_validate({"prompt": "A fox"} | fields), catalogue, situation)


def changed(states: Mapping[str, GatewayState], name: str, **fields: Any) -> dict[str, GatewayState]:
    return {**states, name: replace(states[name], **fields)}


def found(plan: Plan, key: str) -> Candidate:
    (candidate,) = [one for one in plan.candidates if one.endpoint == key]
    return candidate


# A gateway on its cool-off.


def test_a_cooling_gateway_is_left_out_where_another_can_serve() -> None:
    both = gateways_with(("fal", "mountsea"))
    assert "fal" in {one.gateway for one in planned(both).candidates}
    plan = planned(changed(both, "fal", cool_off=COOLING))
    assert {one.gateway for one in plan.candidates} == {"mountsea"}
    told = {(one.reason, one.code, one.field) for one in plan.refusals if one.endpoint == SEEDANCE}
    assert told == {("gateway fal has no credit left.", "gateway_unavailable", "gateway")}
    assert not any(COOLING in warning for warning in plan.warnings)


@pytest.mark.parametrize(
    ("keys", "pin"),
    [(("fal",), {}), (("fal", "mountsea"), {"gateway": "fal"}), (("fal", "mountsea"), {"endpoint": SEEDANCE})],
)
def test_a_cooling_gateway_is_tried_with_a_warning_where_none_else_can_serve(keys: tuple[str, ...], pin: Json) -> None:
    states = gateways_with(keys)
    plan = planned(changed(states, "fal", cool_off=COOLING), **pin)
    assert plan.warnings[0] == "Gateway fal has no credit left; it is tried all the same."
    assert plan.candidates == planned(states, **pin).candidates
    assert plan.refusals == planned(states, **pin).refusals


def test_a_cool_off_does_not_hide_why_nothing_can_serve() -> None:
    cooling = changed(gateways_with(("fal",)), "fal", cool_off=COOLING)
    with pytest.raises(InvalidRequest, match="duration 500 s is not offered"):
        planned(cooling, duration=500)
    with pytest.raises(OverBudget):
        planned(cooling, max_cost_usd=0.001)


# What was learned.


def test_a_gateway_that_had_trouble_scores_lower_and_it_is_told() -> None:
    states = gateways_with(("fal",))
    before = found(planned(states), SEEDANCE)
    after = found(planned(changed(states, "fal", health=0.5)), SEEDANCE)
    assert (before.scores["health"], after.scores["health"]) == (1.0, 0.5)
    assert before.score - after.score == pytest.approx(0.015, abs=2e-4)
    assert after.reasons == (*before.reasons, "gateway fal had trouble lately")


def test_of_two_gateways_with_the_same_offer_the_one_in_trouble_comes_second() -> None:
    at_fal = CATALOGUE.find(SEEDANCE)
    twins = Catalogue(CATALOGUE.models.values(), [at_fal, at_fal.model_copy(update={"gateway": "mountsea"})])
    both = gateways_with(("fal", "mountsea"))
    for troubled, first in (("fal", "mountsea"), ("mountsea", "fal")):
        plan = planned(changed(both, troubled, health=0.5), catalogue=twins)
        assert [one.gateway for one in plan.candidates] == [first, troubled]


def test_earlier_failures_lower_an_endpoint_and_are_told() -> None:
    failures = Experience.of([Outcome(SEEDANCE, succeeded=False, seconds=None, age_days=0)] * 10)
    before, after = planned(), planned(experience=failures)
    assert found(after, SEEDANCE).score < found(before, SEEDANCE).score
    assert found(after, SEEDANCE).reasons[-1].endswith("from earlier jobs here")
    assert found(after, KLING) == found(before, KLING)


# What may not answer.


def with_status(status: str) -> Catalogue:
    endpoints = [one.model_copy(update={"status": status}) if one.key == KLING else one for one in CATALOGUE.endpoints]
    return Catalogue(CATALOGUE.models.values(), endpoints)


@pytest.mark.parametrize(
    ("status", "told"), [("delisted", "may not answer any more."), ("announced", "not answer yet.")]
)
def test_delisted_and_announced_only_when_named_and_with_a_warning(status: str, told: str) -> None:
    catalogue = with_status(status)
    wide: list[Json] = [{}, {"provider": "kling"}, {"gateway": "fal"}]
    for free in wide:
        assert KLING not in {one.endpoint for one in planned(catalogue=catalogue, **free).candidates}
    plan = planned(catalogue=catalogue, endpoint=KLING)
    assert [one.endpoint for one in plan.candidates] == [KLING]
    (warning,) = [one for one in plan.warnings if one.endswith(told)]
    assert warning.startswith(f"{KLING} ")
    assert KLING in {one.endpoint for one in planned(catalogue=catalogue, model="kling-v3-pro").candidates}


@pytest.mark.parametrize("status", ["delisted", "announced"])
def test_what_ships_as_such_is_never_chosen_unasked(status: str) -> None:
    keys = {one.key for one in CATALOGUE.endpoints if one.status == status}
    assert keys
    every = gateways_with(("fal", "heygen", "google", "mountsea", "novakit"))
    for intent in INTENTS:
        assert not keys & {one.endpoint for one in planned(every, intent=intent).candidates}


# Sound.


@pytest.mark.parametrize(
    ("intent", "said", "sounding"),
    [
        ("dialogue", None, True),
        ("presenter", None, True),
        ("dialogue", False, False),
        ("presenter", False, False),
        ("landscape", None, False),
        ("landscape", True, True),
    ],
)
def test_sound_is_asked_for_where_the_intent_lives_on_it(intent: Intent, *, said: bool | None, sounding: bool) -> None:
    payload = planned(intent=intent, endpoint=KLING_O3, generate_audio=said).candidates[0].payload
    assert (payload.body["generate_audio"], payload.has_audio) == (sounding, sounding)
    assert payload.changes == ()


def test_what_is_read_off_the_prompt_asks_for_sound_as_well() -> None:
    plan = planned(prompt='She turns and says "We have to go."', endpoint=KLING_O3)
    assert plan.intent == "dialogue"
    assert plan.candidates[0].payload.has_audio
    silent = found(planned(prompt='She turns and says "We have to go."'), HAILUO)
    assert silent.reasons[0] == "silent, though dialogue lives on speech, -0.25"


# The reading, and makers that the prompt names.


def test_the_reading_is_told_in_the_reasons() -> None:
    plan = planned(prompt="Cinematic trailer, 35mm, rain")
    assert (plan.intent, plan.mode) == ("cinematic", "text_to_video")
    fit = 'to cinematic, read off "Cinematic", "trailer", "35mm"'
    for candidate in plan.candidates:
        assert f"fit {candidate.scores['fit']:.2f} {fit}" in candidate.reasons


def test_an_intent_that_is_given_is_told_as_asked() -> None:
    assert any(reason.endswith("to anime, as asked") for reason in planned(intent="anime").candidates[0].reasons)


def test_a_maker_that_the_prompt_names_comes_first_or_last() -> None:
    assert planned(prompt="A fox, please use Veo").candidates[0].provider == "veo"
    plain, avoided = planned(), planned(prompt="A fox, not with Seedance")
    assert plain.candidates[0].provider == "seedance" != avoided.candidates[0].provider
    difference = found(plain, SEEDANCE).score - found(avoided, SEEDANCE).score
    # The words also change nothing else: the intent is `general` both times.
    assert (plain.intent, avoided.intent) == ("general", "general")
    assert difference == pytest.approx(NAMED, abs=2e-4)


# Pins.


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"endpoint": KLING, "provider": "veo"}, "endpoint"),
        ({"endpoint": KLING, "gateway": "heygen"}, "endpoint"),
        ({"endpoint": KLING, "model": "veo-3.1"}, "endpoint"),
        ({"model": "veo-3.1", "provider": "kling"}, "model"),
        ({"provider": "kling", "exclude": ["kling"]}, "exclude"),
        ({"endpoint": KLING, "exclude": [KLING]}, "exclude"),
    ],
)
def test_pins_that_leave_nothing_are_refused_by_field(fields: Json, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        planned(**fields)
    assert caught.value.field == field


def test_an_unlisted_id_warns_with_the_nearest_names() -> None:
    plan = planned(endpoint="fal:bytedance/seedance-2.0/text-to-vide", options={"loop": True})
    (warning,) = [one for one in plan.warnings if "not in the catalogue" in one]
    assert warning.startswith("fal:bytedance/seedance-2.0/text-to-vide is not in the catalogue: options are passed on")
    assert f"nearest: {SEEDANCE}," in warning
    assert any(
        one.startswith("The price of fal:bytedance/seedance-2.0/text-to-vide is not known") for one in plan.warnings
    )


def test_a_listed_id_has_no_such_warnings() -> None:
    assert planned(endpoint=KLING).warnings == ()


# Keys and caps.


def test_without_a_key_the_animatic_says_what_it_is() -> None:
    plan = planned(gateways_with(()))
    assert [one.endpoint for one in plan.candidates] == ["local:animatic"]
    assert plan.warnings[-2:] == (ANIMATIC_WARNING, KEYLESS_WARNING)
    pinned = planned(gateway="local").warnings
    assert ANIMATIC_WARNING in pinned
    assert KEYLESS_WARNING not in pinned


def test_a_missing_key_and_a_missing_endpoint_are_told_apart() -> None:
    with pytest.raises(NotConfigured, match="FAL_KEY"):
        planned(gateways_with(()), endpoint=KLING)
    with pytest.raises(NothingEligible):
        planned(exclude=["fal", "local"])


@pytest.mark.parametrize(
    ("own", "environment", "cap"), [(2.0, "3", "2"), (3.0, "2", "2"), (None, "2", "2"), (2.0, None, "2")]
)
def test_the_lower_of_two_caps_counts(own: float | None, environment: str | None, cap: str) -> None:
    limit = None if environment is None else Decimal(environment)
    request = VideoRequest(prompt="A fox", max_cost_usd=own)
    plan = decide(request, CATALOGUE, Situation(gateways_with(("fal",)), most_per_job_usd=limit))
    assert plan.cap_usd == Decimal(cap)
    assert all(one.cost.ceiling_usd is not None and one.cost.ceiling_usd <= Decimal(cap) for one in plan.candidates)
