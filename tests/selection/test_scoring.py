"""The ranking: seven dimensions, the bonuses by name, the reasons, and an order that is the same every time."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.selection.cases import gateways_with

from videogen_mcp.catalogue import Catalogue, load_catalogue
from videogen_mcp.catalogue.draft import Change, Payload
from videogen_mcp.catalogue.pricing import FREE, UNKNOWN, Cost
from videogen_mcp.catalogue.schema import Endpoint, Model
from videogen_mcp.selection.eligibility import Eligible, sieve
from videogen_mcp.selection.experience import Experience, Outcome
from videogen_mcp.selection.intent import IntentReading
from videogen_mcp.selection.profiles import DIMENSIONS, weights
from videogen_mcp.selection.scoring import (
    DEAR_FROM_USD,
    EXPECTED_SECONDS,
    NAMED,
    SILENT,
    SPOKEN,
    UNKNOWN_COST,
    UNRELIABLE,
    UNRELIABLE_BELOW,
    Aims,
    Candidate,
    rank,
)
from videogen_mcp.types import INTENTS, PRIORITIES, Intent, Json, Mode, Priority, VideoRequest

CATALOGUE = load_catalogue()
WITH_FAL = gateways_with(("fal",))
PICTURE = "https://pictures.example/a.png"
GIVEN: dict[Mode, Json] = {
    "text_to_video": {"prompt": "A fox"},
    "image_to_video": {"prompt": "A fox", "first_frame": PICTURE},
    "first_last_frame": {"prompt": "A fox", "first_frame": PICTURE, "last_frame": PICTURE},
}


def aims(
    intent: Intent = "general",
    priority: Priority = "balanced",
    *,
    mode: Mode = "text_to_video",
    asked: Json | None = None,
    **known: Any,
) -> Aims:
    """What a ranking is for: `asked` are further arguments, `known` what mentions and earlier attempts say."""
    request = VideoRequest.model_validate(GIVEN[mode] | {"priority": priority} | (asked or {}))
    return Aims(request, mode, IntentReading(intent, (), asked=True), **known)


def ranked(of: Aims, catalogue: Catalogue = CATALOGUE, cap: Decimal | None = None) -> list[Candidate]:
    return rank(sieve(of.request, of.mode, catalogue, WITH_FAL, cap).eligible, of)


def model(**fields: Any) -> Model:
    return Model.model_validate({"id": "toy", "provider": "toys", "title": "Toy"} | fields)


def eligible(
    name: str = "toy/make", usd: str | None = "1", of: Model | None = None, payload: Payload | None = None, **more: Any
) -> Eligible:
    base: Json = {"id": name, "gateway": "fal", "model": "toy", "modes": ["text_to_video"], "params": {}}
    base |= {"source": "a test", "checked": date(2026, 11, 21)}
    cost = UNKNOWN if usd is None else Cost(Decimal(usd), Decimal(usd), "a test", "high")
    return Eligible(Endpoint.model_validate(base | more), of or model(), payload or Payload({}), cost)


def one(item: Eligible, of: Aims | None = None) -> Candidate:
    (found,) = rank([item], of or aims())
    return found


def ids(candidates: list[Candidate]) -> list[str]:
    return [candidate.endpoint_id for candidate in candidates]


# What leads for a priority; who wins for which prompt is in the table of cases.


@pytest.mark.parametrize("intent", INTENTS)
@pytest.mark.parametrize("mode", ["text_to_video", "image_to_video", "first_last_frame"])
def test_priority_cost_starts_with_the_cheapest_or_close_to_it(mode: Mode, intent: Intent) -> None:
    candidates = ranked(aims(intent, "cost", mode=mode))
    cheapest = min(one.cost.estimated_usd for one in candidates if one.cost.estimated_usd is not None)
    first = candidates[0].cost.estimated_usd
    assert first is not None, "a known price is there, so an unknown one is not the cheap choice"
    assert 0 < first <= cheapest * Decimal("2.5")


@pytest.mark.parametrize("intent", INTENTS)
@pytest.mark.parametrize("mode", ["text_to_video", "image_to_video"])
def test_priority_quality_is_never_below_what_balanced_gives(mode: Mode, intent: Intent) -> None:
    best, balanced = (ranked(aims(intent, priority, mode=mode))[0] for priority in ("quality", "balanced"))
    assert best.scores["quality"] >= balanced.scores["quality"]


def test_priority_speed_prefers_the_quicker_of_equals() -> None:
    slow, quick = eligible("toy/slow", usual_seconds=200), eligible("toy/quick", usual_seconds=20, usd="4")
    assert ids(rank([slow, quick], aims(priority="speed"))) == ["toy/quick", "toy/slow"]
    assert ids(rank([slow, quick], aims(priority="cost"))) == ["toy/slow", "toy/quick"]


def test_a_candidate_holds_all_that_a_submit_needs() -> None:
    first = ranked(aims(asked={"duration": 6, "endpoint": "fal:fal-ai/veo3.1"}))[0]
    assert (first.endpoint, first.endpoint_id) == ("fal:fal-ai/veo3.1", "fal-ai/veo3.1")
    assert (first.gateway, first.model, first.provider) == ("fal", "veo-3.1", "veo")
    assert first.payload.body["duration"] == "6s"
    assert first.cost.estimated_usd == Decimal("2.4")
    assert first.usual_seconds == pytest.approx(EXPECTED_SECONDS["normal"])


# Order.


@pytest.mark.parametrize("priority", PRIORITIES)
@pytest.mark.parametrize("intent", INTENTS)
def test_the_score_is_the_weighted_sum_and_the_told_bonuses(priority: Priority, intent: Intent) -> None:
    candidates = ranked(aims(intent, priority, wanted={"kling"}, unwanted={"veo"}))
    weight = weights(priority, intent)
    for candidate in candidates:
        assert tuple(candidate.scores) == DIMENSIONS
        assert all(0 <= value <= 1 for value in candidate.scores.values())
        weighted = sum(weight[name] * value for name, value in candidate.scores.items())
        told = [float(why.rpartition(", ")[2]) for why in candidate.reasons if why[-5:-4] in {"+", "-"}]
        assert candidate.score == pytest.approx(weighted + sum(told), abs=0.005 * len(told) + 2e-4)
    scores = [candidate.score for candidate in candidates]
    assert scores == sorted(scores, reverse=True)


@settings(deadline=None, max_examples=25)
@given(
    shuffled=st.permutations(CATALOGUE.endpoints),
    intent=st.sampled_from(INTENTS),
    priority=st.sampled_from(PRIORITIES),
)
def test_the_order_is_not_that_of_the_catalogue(shuffled: list[Endpoint], intent: Intent, priority: Priority) -> None:
    of = aims(intent, priority, mode="image_to_video")
    assert ranked(of, Catalogue(CATALOGUE.models.values(), shuffled)) == ranked(of)


def test_equal_scores_go_by_cost_then_by_mode_then_by_name_and_an_unknown_cost_comes_last() -> None:
    # From 16 times the cheapest on, no price counts, and an unknown one counts no more than the dearest known.
    items = [eligible(name, usd=usd) for name, usd in (("toy/a", None), ("toy/b", "2"), ("toy/d", "1"), ("toy/c", "1"))]
    items.append(eligible("toy/also", usd="1", modes=["image_to_video", "text_to_video"]))
    found = rank([*items, eligible("toy/cheap", usd="0.01")], aims())
    assert len({candidate.score for candidate in found[1:]}) == 1
    assert ids(found) == ["toy/cheap", "toy/c", "toy/d", "toy/also", "toy/b", "toy/a"]


def test_nothing_to_rank() -> None:
    assert rank([], aims()) == []


# Fit, control, speed.


def test_fit_is_the_models_own_and_a_half_where_it_says_nothing() -> None:
    toy = eligible(of=model(fit={"anime": 0.9}))
    assert one(toy, aims("anime")).scores["fit"] == 0.9
    assert one(toy, aims("social")).scores["fit"] == 0.5
    reading = IntentReading("anime", ("anime", "cel-shaded"))
    told = one(toy, Aims(VideoRequest(prompt="x"), "text_to_video", reading)).reasons
    assert told[0] == 'fit 0.90 to anime, read off "anime", "cel-shaded"'
    assert one(toy, aims("anime")).reasons[0] == "fit 0.90 to anime, as asked"


ALL_ASKED: Json = {"duration": 5, "resolution": "720p", "seed": 7, "options": {"loop": "on"}}
RAISED = Change("duration", 5, 6, "a test")
DROPPED = Change("seed", 7, None, "a test")


@pytest.mark.parametrize(
    ("asked", "changes", "control"),
    [
        ({}, (), 1.0),
        ({}, (RAISED,), 1.0),  # nobody asked for a length
        (ALL_ASKED, (), 1.0),
        (ALL_ASKED, (RAISED,), 0.875),
        (ALL_ASKED, (RAISED, Change("resolution", "720p", "1080p", "a test")), 0.75),
        (ALL_ASKED, (DROPPED,), 0.75),
        (ALL_ASKED, (Change("options.loop", "on", None, "a test"), DROPPED), 0.5),
        ({"seed": 7}, (DROPPED,), 0.0),
        ({"negative_prompt": ""}, (Change("negative_prompt", "", None, "a test"),), 1.0),
    ],
)
def test_control_is_the_share_done_as_asked(asked: Json, changes: tuple[Change, ...], control: float) -> None:
    found = one(eligible(payload=Payload({}, changes=changes)), aims(asked=asked))
    assert found.scores["control"] == pytest.approx(control)
    lost = sorted(change.field for change in changes)
    assert (f"{', '.join(lost)} not as asked" in found.reasons) is (control < 1)


@pytest.mark.parametrize(
    ("pace", "usual", "seconds", "speed"),
    [
        ("fast", None, 45, 60 / 105),
        ("normal", None, 120, 60 / 180),
        ("slow", None, 240, 60 / 300),
        ("slow", 60, 60, 0.5),  # where a source gives a time, the pace says nothing
    ],
)
def test_speed_is_the_expected_time_to_completion(pace: str, usual: float | None, seconds: float, speed: float) -> None:
    found = one(eligible(of=model(pace=pace), usual_seconds=usual))
    assert found.usual_seconds == pytest.approx(seconds)
    assert found.scores["speed"] == pytest.approx(speed, abs=1e-4)


# Cost.


@pytest.mark.parametrize(
    ("usd", "score", "reason"),
    [
        ("0.5", 1.0, "$0.50, the cheapest that can do it"),
        ("1", 0.75, "$1.00, 2.0 times the cheapest"),
        ("2", 0.5, "$2.00, 4.0 times the cheapest"),
        ("8", 0.0, "$8.00, 16.0 times the cheapest"),
        ("100", 0.0, "$100.00, 200.0 times the cheapest"),
        (None, UNKNOWN_COST, "price unknown"),
    ],
)
def test_cost_against_the_cheapest(usd: str | None, score: float, reason: str) -> None:
    found = rank([eligible("toy/cheap", usd="0.5"), eligible("toy/it", usd=usd)], aims(priority="cost"))
    (it,) = [candidate for candidate in found if candidate.endpoint_id == "toy/it"]
    assert it.scores["cost"] == pytest.approx(score)
    assert reason in it.reasons


def test_an_unknown_price_is_neither_free_nor_cheap() -> None:
    free, unknown = eligible("toy/free", usd="0"), eligible("toy/unknown", usd=None)
    first, second = rank([unknown, free], aims(priority="cost"))
    assert (first.endpoint_id, second.endpoint_id) == ("toy/free", "toy/unknown")
    assert "free" in first.reasons
    assert "price unknown" in second.reasons


@pytest.mark.parametrize(("dearest", "score"), [(None, 0.4), ("1", 0.4), ("4", 0.25), ("8", 0.0), ("80", 0.0)])
def test_an_unknown_price_counts_no_more_than_the_dearest_that_is_known(dearest: str | None, score: float) -> None:
    known = [eligible("toy/cheap", usd="0.5"), eligible("toy/dear", usd=dearest)] if dearest else []
    found = rank([*known, eligible("toy/unknown", usd=None)], aims(priority="cost"))
    (it,) = [candidate for candidate in found if candidate.endpoint_id == "toy/unknown"]
    assert it.scores["cost"] == pytest.approx(score)
    assert score <= UNKNOWN_COST


def test_beside_something_free_the_paid_are_still_told_apart() -> None:
    items = [Eligible(eligible().endpoint, model(), Payload({}), FREE), eligible("toy/b", usd="0.02")]
    second = rank(items, aims(priority="cost"))[1]
    assert second.scores["cost"] == pytest.approx(0.75)
    assert "$0.02" in second.reasons


def test_each_doubling_beyond_what_a_premium_clip_costs_is_told_and_taken_off() -> None:
    # The cheapest of each is itself, so the dimension is 1 for all: the rest is the bonus.
    at_limit = one(eligible(usd=str(DEAR_FROM_USD)))
    assert at_limit == one(eligible(usd="3"))
    assert not any("dear" in reason for reason in at_limit.reasons)
    for usd, taken in (("6", 0.05), ("12", 0.10), ("24", 0.15)):
        found = one(eligible(usd=usd))
        assert at_limit.score - found.score == pytest.approx(taken, abs=2e-4)
        assert found.reasons[0] == f"${usd}.00 is dear for one clip, -{taken:.2f}"
    dear: dict[Priority, float] = {
        priority: one(eligible(usd="3"), aims(priority=priority)).score
        - one(eligible(usd="6"), aims(priority=priority)).score
        for priority in PRIORITIES
    }
    assert dear["cost"] > dear["balanced"] > dear["speed"] > dear["quality"] > 0


# Reliability and health.


def outcomes(count: int, *, succeeded: bool, seconds: float | None = None) -> Experience:
    return Experience.of([Outcome("fal:toy/make", succeeded, seconds, 0.0)] * count)


@pytest.mark.parametrize(("status", "reliability"), [("live", 0.9), ("legacy", 0.7), ("delisted", 0.2)])
def test_reliability_before_any_attempt_is_that_of_the_status(status: str, reliability: float) -> None:
    found = one(eligible(status=status))
    assert found.scores["reliability"] == pytest.approx(reliability)
    assert not any("earlier jobs" in reason for reason in found.reasons)


def test_what_is_expected_to_fail_as_often_as_not_is_worth_nothing() -> None:
    assert one(eligible(status="announced")).scores["reliability"] == 0
    assert one(eligible(), aims(experience=outcomes(1000, succeeded=False))).scores["reliability"] == 0


def test_earlier_attempts_move_reliability_and_speed_and_are_told() -> None:
    before = one(eligible())
    worse = one(eligible(), aims(experience=outcomes(10, succeeded=False)))
    assert worse.scores["reliability"] == 0  # 9.5 of 20 expected to succeed
    lost = 0.9 * weights("balanced", "general")["reliability"] + UNRELIABLE * (1 - 0.475 / UNRELIABLE_BELOW)
    assert before.score - worse.score == pytest.approx(lost, abs=2e-4)
    assert worse.usual_seconds == pytest.approx(before.usual_seconds)
    assert worse.reasons[-1] == "48% expected to succeed, about 120 s, from earlier jobs here"
    quicker = one(eligible(), aims(experience=outcomes(3, succeeded=True, seconds=30)))
    assert quicker.usual_seconds == pytest.approx(60)
    assert quicker.scores["speed"] == pytest.approx(0.5)
    assert quicker.score > before.score
    assert quicker.reasons[-1] == "96% expected to succeed, about 60 s, from earlier jobs here"


def test_less_than_one_attempt_is_not_told() -> None:
    faded = Experience.of([Outcome("fal:toy/make", succeeded=False, seconds=None, age_days=30)])
    found = one(eligible(), aims(experience=faded))
    assert found.scores["reliability"] < 0.9
    assert found.reasons == one(eligible()).reasons


def test_a_gateway_in_trouble_counts_less_and_is_told() -> None:
    fine, troubled = one(eligible()), one(eligible(), aims(health={"fal": 0.5, "heygen": 0.1}))
    assert troubled.scores["health"] == 0.5
    assert fine.score - troubled.score == pytest.approx(0.5 * weights("balanced", "general")["health"], abs=2e-4)
    assert troubled.reasons == (*fine.reasons, "gateway fal had trouble lately")
    assert one(eligible(), aims(health={"heygen": 0.1})) == fine


# Bonuses.


@pytest.mark.parametrize("priority", PRIORITIES)
def test_the_catalogues_bonus_counts_as_much_as_the_fit_and_is_told(priority: Priority) -> None:
    before = one(eligible(), aims("anime", priority))
    after = one(eligible(of=model(bonus={"anime": 0.06})), aims("anime", priority))
    expected = 0.06 * weights(priority, "anime")["fit"] / weights("balanced", "anime")["fit"]
    assert after.score - before.score == pytest.approx(expected, abs=2e-4)
    assert after.scores == before.scores
    assert after.reasons == (f"named choice for anime, +{expected:.2f}", *before.reasons)


def test_the_catalogues_bonus_is_for_its_intent_only() -> None:
    named = eligible(of=model(bonus={"anime": 0.06}))
    assert one(named, aims("social")) == one(eligible(), aims("social"))


def test_where_price_decides_a_bonus_does_not() -> None:
    items = [eligible("toy/named", usd="1", of=model(bonus={"anime": 0.06})), eligible("toy/cheap", usd="0.5")]
    first = {priority: ids(rank(items, aims("anime", priority)))[0] for priority in PRIORITIES}
    assert first == {"balanced": "toy/named", "quality": "toy/named", "cost": "toy/cheap", "speed": "toy/cheap"}


@pytest.mark.parametrize(("intent", "named"), [("cinematic", "seedance-2.0"), ("anime", "kling-v3-pro")])
def test_a_pin_an_exclusion_or_a_cap_beats_a_bonus(intent: Intent, named: str) -> None:
    best = ranked(aims(intent))[0]
    assert (best.model, best.reasons[0].partition(",")[0]) == (named, f"named choice for {intent}")
    assert {one.provider for one in ranked(aims(intent, asked={"provider": "wan"}))} == {"wan"}
    assert named not in {one.model for one in ranked(aims(intent, asked={"exclude": [named]}))}
    assert best.cost.ceiling_usd is not None
    within = ranked(aims(intent), cap=best.cost.ceiling_usd - Decimal("0.01"))
    assert within
    assert best.endpoint not in {one.endpoint for one in within}


@pytest.mark.parametrize("priority", PRIORITIES)
def test_a_maker_that_the_prompt_names_is_lifted_or_lowered_whatever_the_priority(priority: Priority) -> None:
    plain = one(eligible(), aims(priority=priority))
    wanted = one(eligible(), aims(priority=priority, wanted={"toys"}))
    unwanted = one(eligible(), aims(priority=priority, unwanted={"toys"}))
    assert wanted.score - plain.score == pytest.approx(NAMED, abs=2e-4)
    assert plain.score - unwanted.score == pytest.approx(NAMED, abs=2e-4)
    assert wanted.reasons[0] == "the prompt asks for toys, +0.50"
    assert unwanted.reasons[0] == "the prompt asks to avoid toys, -0.50"
    assert one(eligible(), aims(priority=priority, wanted={"others"}, unwanted={"more"})) == plain


@pytest.mark.parametrize("intent", INTENTS)
def test_silence_is_a_fault_only_where_the_intent_lives_on_speech(intent: Intent) -> None:
    silent = one(eligible(), aims(intent))
    sounding = one(eligible(payload=Payload({}, has_audio=True)), aims(intent))
    taken = SILENT if intent in SPOKEN else 0.0
    assert sounding.score - silent.score == pytest.approx(taken, abs=2e-4)
    told = (f"silent, though {intent} lives on speech, -0.25", *sounding.reasons)
    assert silent.reasons == (told if intent in SPOKEN else sounding.reasons)


def test_silence_that_the_caller_asked_for_is_no_fault() -> None:
    asked = aims("dialogue", asked={"generate_audio": False})
    assert one(eligible(), asked).score == one(eligible(payload=Payload({}, has_audio=True)), asked).score


def test_what_lives_on_speech() -> None:
    assert {"dialogue", "presenter"} == SPOKEN


def test_the_reasons_of_a_real_choice_name_intent_board_date_and_price() -> None:
    few = [CATALOGUE.find(key) for key in (SEEDANCE, "fal:fal-ai/minimax/hailuo-2.3/standard/text-to-video")]
    first = ranked(aims("cinematic"), Catalogue(CATALOGUE.models.values(), few))[0]
    assert (first.endpoint, first.reasons) == (
        SEEDANCE,
        (
            "named choice for cinematic, +0.14",
            "fit 1.00 to cinematic, as asked",
            "Elo 1118 (AA-Video-T2V v2.0, 2026-10-03)",
            "$1.52, 5.4 times the cheapest",
        ),
    )


SEEDANCE = "fal:bytedance/seedance-2.0/text-to-video"
