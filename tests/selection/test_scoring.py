"""The ranking: who comes first for what, why, and that the order is the same every time."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videogen_mcp.catalogue import Catalogue, load_catalogue
from videogen_mcp.catalogue.encode import Change, Payload
from videogen_mcp.catalogue.pricing import FREE, UNKNOWN, Cost
from videogen_mcp.catalogue.schema import Endpoint, Model, Rating
from videogen_mcp.gateways import GATEWAYS
from videogen_mcp.selection.eligibility import Eligible, GatewayState, sieve
from videogen_mcp.selection.quality import BOARDS, GRADES
from videogen_mcp.selection.scoring import UNKNOWN_COST, WEIGHTS, Candidate, rank
from videogen_mcp.types import INTENTS, PRIORITIES, Intent, Json, Mode, Priority, VideoRequest

CATALOGUE = load_catalogue()
PICTURE = "https://pictures.example/a.png"
WITH_FAL = {
    name: GatewayState(entry.key_variable, name in {"fal", "local"}, entry.implementation is not None)
    for name, entry in GATEWAYS.items()
}
GIVEN: dict[Mode, Json] = {
    "text_to_video": {"prompt": "A fox"},
    "image_to_video": {"prompt": "A fox", "first_frame": PICTURE},
    "first_last_frame": {"prompt": "A fox", "first_frame": PICTURE, "last_frame": PICTURE},
}


def ranked(
    mode: Mode = "text_to_video",
    intent: Intent = "general",
    priority: Priority = "balanced",
    catalogue: Catalogue = CATALOGUE,
    **fields: Any,
) -> list[Candidate]:
    request = VideoRequest.model_validate(GIVEN[mode] | fields)
    return rank(sieve(request, mode, catalogue, WITH_FAL, None).eligible, mode, intent, priority)


SEEDANCE = "fal:bytedance/seedance-2.0/text-to-video"
HAILUO = "fal:fal-ai/minimax/hailuo-2.3/standard/text-to-video"
KLING_FRAMES = "fal:fal-ai/kling-video/v3/pro/image-to-video"
UNPRICED = "fal:fal-ai/pixverse/v4.5/transition"


def few(*keys: str) -> Catalogue:
    """A catalogue of these endpoints alone, so that a neighbour's price or rank says nothing here."""
    return Catalogue(CATALOGUE.models.values(), [CATALOGUE.find(key) for key in keys])


def model(**fields: Any) -> Model:
    return Model.model_validate({"id": "toy", "provider": "toys", "title": "Toy"} | fields)


def cost(usd: str | None) -> Cost:
    return UNKNOWN if usd is None else Cost(Decimal(usd), Decimal(usd), "a test", "high")


def eligible(
    name: str = "toy/make",
    *,
    usd: str | None = "1",
    of: Model | None = None,
    changes: tuple[Change, ...] = (),
    **fields: Any,
) -> Eligible:
    base: Json = {"id": name, "gateway": "fal", "model": "toy", "modes": ["text_to_video"], "params": {}}
    base |= {"source": "a test", "checked": date(2026, 11, 21)}
    endpoint = Endpoint.model_validate(base | fields)
    return Eligible(endpoint, of or model(), Payload({}, changes=changes), cost(usd))


def one(item: Eligible, *, mode: Mode = "text_to_video", intent: Intent = "general") -> Candidate:
    (found,) = rank([item], mode, intent, "balanced")
    return found


# Who comes first.


@pytest.mark.parametrize(
    ("intent", "winner"),
    [
        ("cinematic", "seedance-2.0"),
        ("dialogue", "seedance-2.0"),
        ("multi_shot", "seedance-2.0"),
        ("general", "seedance-2.0"),
        ("anime", "kling-v3-pro"),
        ("landscape", "veo-3.1"),
    ],
)
@pytest.mark.parametrize("mode", ["text_to_video", "image_to_video"])
def test_first_for_an_intent(mode: Mode, intent: Intent, winner: str) -> None:
    assert ranked(mode, intent)[0].model == winner


@pytest.mark.parametrize("intent", INTENTS)
@pytest.mark.parametrize("mode", ["text_to_video", "image_to_video", "first_last_frame"])
def test_priority_cost_starts_with_the_cheapest_or_close_to_it(mode: Mode, intent: Intent) -> None:
    candidates = ranked(mode, intent, "cost")
    cheapest = min(one.cost.estimated_usd for one in candidates if one.cost.estimated_usd is not None)
    assert cheapest > 0
    first = candidates[0].cost.estimated_usd
    assert first is not None, "a known price is there, so an unknown one is not the cheap choice"
    assert first <= cheapest * Decimal("2.5")


@pytest.mark.parametrize("intent", INTENTS)
@pytest.mark.parametrize("mode", ["text_to_video", "image_to_video"])
def test_priority_quality_starts_with_one_of_the_best_rated(mode: Mode, intent: Intent) -> None:
    candidates = ranked(mode, intent, "quality")
    first, best = candidates[0], max(one.scores["quality"] for one in candidates)
    assert "Elo" in " ".join(first.reasons)
    assert first.scores["quality"] >= best - 0.1
    assert first.scores["quality"] >= ranked(mode, intent, "balanced")[0].scores["quality"]


def test_priority_speed_prefers_the_quicker_of_equals() -> None:
    slow, quick = eligible("toy/slow", usual_seconds=200), eligible("toy/quick", usual_seconds=20, usd="4")
    assert [c.endpoint_id for c in rank([slow, quick], "text_to_video", "general", "speed")] == [
        "toy/quick",
        "toy/slow",
    ]
    assert rank([slow, quick], "text_to_video", "general", "cost")[0].endpoint_id == "toy/slow"


def test_a_candidate_holds_all_that_a_submit_needs() -> None:
    first = ranked(duration=6, endpoint="fal:fal-ai/veo3.1")[0]
    assert (first.endpoint, first.endpoint_id) == ("fal:fal-ai/veo3.1", "fal-ai/veo3.1")
    assert (first.gateway, first.model, first.provider) == ("fal", "veo-3.1", "veo")
    assert first.payload.body["duration"] == "6s"
    assert first.cost.estimated_usd == Decimal("2.4")
    assert first.usual_seconds == 120


# Order.


@pytest.mark.parametrize("priority", PRIORITIES)
def test_weights_sum_to_one(priority: Priority) -> None:
    assert sum(WEIGHTS[priority].values()) == pytest.approx(1)
    assert set(WEIGHTS[priority]) == {"fit", "quality", "cost", "speed"}


@pytest.mark.parametrize("priority", PRIORITIES)
def test_the_score_is_the_weighted_sum_and_falls(priority: Priority) -> None:
    candidates = ranked("image_to_video", "action", priority)
    assert len(candidates) > 3
    for candidate in candidates:
        weighted = sum(WEIGHTS[priority][name] * value for name, value in candidate.scores.items())
        assert candidate.score == pytest.approx(weighted, abs=2e-4)
        assert all(0 <= value <= 1 for value in candidate.scores.values())
    scores = [candidate.score for candidate in candidates]
    assert scores == sorted(scores, reverse=True)


@settings(deadline=None)
@given(
    shuffled=st.permutations(CATALOGUE.endpoints),
    intent=st.sampled_from(INTENTS),
    priority=st.sampled_from(PRIORITIES),
)
def test_the_order_is_not_that_of_the_catalogue(shuffled: list[Endpoint], intent: Intent, priority: Priority) -> None:
    again = ranked("image_to_video", intent, priority, Catalogue(CATALOGUE.models.values(), shuffled))
    assert again == ranked("image_to_video", intent, priority)


def test_equal_scores_go_by_name() -> None:
    items = [eligible(name) for name in ("toy/c", "toy/a", "toy/b")]
    ordered = [c.endpoint_id for c in rank(items, "text_to_video", "general", "balanced")]
    assert ordered == ["toy/a", "toy/b", "toy/c"]


def test_equal_scores_go_by_cost_and_an_unknown_one_comes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    fit_only = {"fit": 1.0, "quality": 0.0, "cost": 0.0, "speed": 0.0}
    monkeypatch.setattr("videogen_mcp.selection.scoring.WEIGHTS", dict.fromkeys(PRIORITIES, fit_only))
    items = [eligible("toy/a", usd=None), eligible("toy/b", usd="2"), eligible("toy/c", usd="1")]
    ordered = rank(items, "text_to_video", "general", "balanced")
    assert len({c.score for c in ordered}) == 1
    assert [c.endpoint_id for c in ordered] == ["toy/c", "toy/b", "toy/a"]


@pytest.mark.parametrize("intent", INTENTS)
@pytest.mark.parametrize("priority", PRIORITIES)
def test_an_ineligible_endpoint_changes_nothing(intent: Intent, priority: Priority) -> None:
    free = Endpoint.model_validate(
        {
            "id": "toy/free",
            "gateway": "fal",
            "model": "toy",
            "modes": ["text_to_video"],
            "params": {"prompt": {"from": "prompt"}},
            "prices": [{"usd": 0, "per": "video", "source": "a test", "confidence": "high"}],
            "source": "a test",
            "checked": date(2026, 11, 21),
        }
    )
    best = model(fit=dict.fromkeys(INTENTS, 1.0), grade="excellent")
    wider = Catalogue([*CATALOGUE.models.values(), best], [free, *CATALOGUE.endpoints])
    # Without a length to set it cannot serve five seconds; asked for none, it can, and it moves the others.
    assert ranked("text_to_video", intent, priority, wider, duration=5) == ranked(
        "text_to_video", intent, priority, duration=5
    )
    assert "toy" in {c.model for c in ranked("text_to_video", intent, priority, wider)}


def test_nothing_to_rank() -> None:
    assert rank([], "text_to_video", "general", "balanced") == []


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
    found = rank([eligible("toy/cheap", usd="0.5"), eligible("toy/it", usd=usd)], "text_to_video", "general", "cost")
    (it,) = [c for c in found if c.endpoint_id == "toy/it"]
    assert it.scores["cost"] == pytest.approx(score)
    assert it.reasons[2] == reason


def test_an_unknown_price_is_neither_free_nor_cheap() -> None:
    free, unknown = eligible("toy/free", usd="0"), eligible("toy/unknown", usd=None)
    first, second = rank([unknown, free], "text_to_video", "general", "cost")
    assert (first.endpoint_id, second.endpoint_id) == ("toy/free", "toy/unknown")
    assert (first.reasons[2], second.reasons[2]) == ("free", "price unknown")
    assert one(unknown).scores["cost"] == UNKNOWN_COST
    frames = ranked("first_last_frame", priority="cost", catalogue=few(KLING_FRAMES, UNPRICED))
    assert [(c.endpoint, c.cost.estimated_usd is None) for c in frames] == [(KLING_FRAMES, False), (UNPRICED, True)]


def test_beside_something_free_the_paid_are_still_told_apart() -> None:
    items = [Eligible(eligible().endpoint, model(), Payload({}), FREE), eligible("toy/b", usd="0.02")]
    second = rank(items, "text_to_video", "general", "cost")[1]
    assert second.scores["cost"] == pytest.approx(0.75)
    assert second.reasons[2] == "$0.02"


# Quality and fit.


def rating(board: str, elo: float, modality: str = "text_to_video", dated: date | None = None) -> Rating:
    return Rating.model_validate(
        {"board": board, "modality": modality, "audio": "with", "elo": elo, "source": "a test", "dated": dated}
    )


TEXT_BOARD, LOW, HIGH = BOARDS["text_to_video"]
IMAGE_BOARD = BOARDS["image_to_video"][0]


@pytest.mark.parametrize(
    ("elo", "quality"), [(LOW, 0.0), (HIGH, 1.0), ((LOW + HIGH) / 2, 0.5), (LOW - 100, 0.0), (HIGH + 100, 1.0)]
)
def test_quality_is_the_place_on_the_board(elo: float, quality: float) -> None:
    found = one(eligible(of=model(ratings=[rating(TEXT_BOARD, elo, dated=date(2026, 10, 3))])))
    assert found.scores["quality"] == pytest.approx(quality)
    assert found.reasons[1] == f"Elo {elo:.0f} ({TEXT_BOARD}, 2026-10-03)"


@pytest.mark.parametrize("board", [IMAGE_BOARD, "AA-Video-T2V v1.0", "lmarena text-to-video"])
def test_boards_are_never_mixed(board: str) -> None:
    rated = model(ratings=[rating(board, 1500)], grade="good")
    found = one(eligible(of=rated))
    assert found.scores["quality"] == GRADES["good"]
    assert found.reasons[1] == f"graded good, not rated on {TEXT_BOARD}"


@pytest.mark.parametrize("mode", ["image_to_video", "first_last_frame", "extend"])
def test_all_modes_with_a_picture_read_the_image_board(mode: Mode) -> None:
    both = model(ratings=[rating(TEXT_BOARD, 1160), rating(IMAGE_BOARD, 1000, "image_to_video")])
    found = one(eligible(of=both), mode=mode)
    assert found.scores["quality"] == 0
    assert found.reasons[1] == f"Elo 1000 ({IMAGE_BOARD})"


def test_neither_rated_nor_graded() -> None:
    found = one(eligible())
    assert (found.scores["quality"], found.reasons[1]) == (0.3, "quality unknown")


def test_every_rating_that_ships_is_on_the_board_of_its_modality() -> None:
    for name, shipped in CATALOGUE.models.items():
        for found in shipped.ratings:
            board, low, high = BOARDS[found.modality]
            assert found.board == board, name
            # The weakest stand below the floor and count as 0; nothing may stand above the ceiling.
            assert low - 150 <= found.elo <= high, name


def test_reasons_name_fit_board_date_and_price() -> None:
    reasons = ranked("text_to_video", "cinematic", catalogue=few(SEEDANCE, HAILUO))[0].reasons
    assert reasons == (
        "named choice for cinematic, +0.06",
        "fit to cinematic 1.00",
        "Elo 1118 (AA-Video-T2V v2.0, 2026-10-03)",
        "$1.52, 5.4 times the cheapest",
    )


def test_each_fitted_length_and_resolution_costs_a_little_fit() -> None:
    toy = model(fit={"anime": 0.9})
    changed = {name: Change(name, 1, 2, "a test") for name in ("duration", "resolution", "seed")}
    fits = [
        one(eligible(of=toy, changes=tuple(changed[name] for name in names)), intent="anime").scores["fit"]
        for names in ([], ["seed"], ["duration"], ["duration", "resolution"])
    ]
    assert fits == pytest.approx([0.9, 0.9, 0.87, 0.84])
    assert one(eligible(of=toy), intent="social").scores["fit"] == 0.5


# The named choice.


@pytest.mark.parametrize("priority", PRIORITIES)
def test_a_bonus_counts_as_much_as_the_fit_and_is_told(priority: Priority) -> None:
    plain, named = model(), model(bonus={"anime": 0.06})
    (before,), (after,) = (rank([eligible(of=of)], "text_to_video", "anime", priority) for of in (plain, named))
    expected = 0.06 * WEIGHTS[priority]["fit"] / WEIGHTS["balanced"]["fit"]
    assert after.score - before.score == pytest.approx(expected, abs=2e-4)
    assert after.scores == before.scores
    assert after.reasons == (f"named choice for anime, +{expected:.2f}", *before.reasons)


def test_a_bonus_is_told_with_its_size_and_only_for_its_intent() -> None:
    named = eligible(of=model(bonus={"anime": 0.06}))
    assert one(named, intent="anime").reasons[0] == "named choice for anime, +0.06"
    assert one(named, intent="social") == one(eligible(), intent="social")
    assert not any("named choice" in reason for reason in one(named, intent="social").reasons)


def test_where_price_decides_a_bonus_does_not() -> None:
    items = [eligible("toy/named", usd="1", of=model(bonus={"anime": 0.06})), eligible("toy/cheap", usd="0.5")]
    first: dict[Priority, str] = {p: rank(items, "text_to_video", "anime", p)[0].endpoint_id for p in PRIORITIES}
    assert first == {"balanced": "toy/named", "quality": "toy/named", "cost": "toy/cheap", "speed": "toy/cheap"}


@pytest.mark.parametrize(("intent", "named"), [("cinematic", "seedance-2.0"), ("anime", "kling-v3-pro")])
def test_a_pin_an_exclusion_or_a_cap_beats_a_bonus(intent: Intent, named: str) -> None:
    best = ranked("text_to_video", intent)[0]
    assert (best.model, best.reasons[0][:12]) == (named, "named choice")
    assert {c.provider for c in ranked("text_to_video", intent, provider="wan")} == {"wan"}
    assert named not in {c.model for c in ranked("text_to_video", intent, exclude=[named])}
    assert best.cost.ceiling_usd is not None
    cap = best.cost.ceiling_usd - Decimal("0.01")
    request = VideoRequest(prompt="A fox")
    within = rank(
        sieve(request, "text_to_video", CATALOGUE, WITH_FAL, cap).eligible, "text_to_video", intent, "balanced"
    )
    assert within
    assert best.endpoint not in {c.endpoint for c in within}


@pytest.mark.parametrize("priority", PRIORITIES)
def test_the_named_choices_that_ship_are_scored_with_their_bonus(priority: Priority) -> None:
    weights = WEIGHTS[priority]
    for candidate in ranked("text_to_video", "cinematic", priority):
        bonus = CATALOGUE.models[candidate.model].bonus.get("cinematic", 0.0) * weights["fit"] / 0.5
        weighted = sum(weights[name] * value for name, value in candidate.scores.items())
        assert candidate.score == pytest.approx(weighted + bonus, abs=2e-4)
        assert candidate.reasons[0].startswith("named choice") is bool(bonus)
