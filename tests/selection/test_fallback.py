"""What stands behind the first choice: good choices, and such as do not fail together with it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.selection.cases import gateways_with

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.catalogue.encode import Payload
from videogen_mcp.catalogue.pricing import UNKNOWN
from videogen_mcp.selection.decide import Situation, decide
from videogen_mcp.selection.fallback import KEPT, fallback_order
from videogen_mcp.selection.scoring import Candidate
from videogen_mcp.types import VideoRequest


def candidate(gateway: str, model: str, score: float, name: str = "") -> Candidate:
    key = f"{gateway}:{model}{name}"
    return Candidate(key, f"{model}{name}", gateway, model, "maker", Payload({}), UNKNOWN, score)


def keys(candidates: tuple[Candidate, ...]) -> list[str]:
    return [one.endpoint for one in candidates]


def test_the_second_is_not_the_same_model_at_the_same_gateway_where_another_is_nearly_as_good() -> None:
    ranking = [
        candidate("fal", "veo", 0.90, "/a"),
        candidate("fal", "veo", 0.89, "/b"),
        candidate("heygen", "veo", 0.80),
        candidate("fal", "kling", 0.78),
    ]
    assert keys(fallback_order(ranking)) == ["fal:veo/a", "heygen:veo", "fal:kling", "fal:veo/b"]


def test_another_gateway_is_preferred_among_near_equals_only() -> None:
    # 0.05 is what sharing the gateway costs.
    close = [candidate("fal", "veo", 0.90), candidate("fal", "kling", 0.84), candidate("heygen", "wan", 0.80)]
    assert keys(fallback_order(close)) == ["fal:veo", "heygen:wan", "fal:kling"]
    apart = [candidate("fal", "veo", 0.90), candidate("fal", "kling", 0.86), candidate("heygen", "wan", 0.80)]
    assert keys(fallback_order(apart)) == ["fal:veo", "fal:kling", "heygen:wan"]


def test_a_poor_choice_does_not_come_second_for_its_gateway_alone() -> None:
    ranking = [candidate("fal", "veo", 0.90, "/a"), candidate("fal", "veo", 0.89, "/b"), candidate("heygen", "x", 0.3)]
    assert keys(fallback_order(ranking)) == ["fal:veo/a", "fal:veo/b", "heygen:x"]


def test_sharing_with_any_earlier_one_counts() -> None:
    ranking = [
        candidate("fal", "veo", 0.90),
        candidate("heygen", "kling", 0.88, "/a"),
        candidate("heygen", "kling", 0.87, "/b"),
        candidate("fal", "wan", 0.70),
    ]
    assert keys(fallback_order(ranking))[2:] == ["fal:wan", "heygen:kling/b"]


def test_equals_keep_the_order_of_the_ranking() -> None:
    ranking = [candidate("fal", "veo", 0.9), *(candidate("fal", name, 0.8) for name in ("c", "a", "b"))]
    assert keys(fallback_order(ranking)) == ["fal:veo", "fal:c", "fal:a", "fal:b"]


def test_nothing_to_keep() -> None:
    assert fallback_order([]) == ()
    assert fallback_order([candidate("fal", "veo", 0.9)], keep=0) == ()


CHOICES = st.lists(
    st.tuples(st.sampled_from(["fal", "heygen", "google"]), st.sampled_from("abcd"), st.floats(-0.5, 1.2)),
    max_size=15,
)


@given(choices=CHOICES, keep=st.integers(0, 8))
def test_a_subset_without_repeats_led_by_the_first(choices: list[tuple[str, str, float]], keep: int) -> None:
    ranking = [
        candidate(gateway, model, score, f"/{number}")
        for number, (gateway, model, score) in enumerate(sorted(choices, key=lambda one: -one[2]))
    ]
    chosen = fallback_order(ranking, keep)
    assert len(chosen) == min(keep, len(ranking))
    assert len(set(keys(chosen))) == len(chosen)
    assert set(keys(chosen)) <= set(keys(tuple(ranking)))
    assert chosen[:1] == tuple(ranking[:1] if keep else ())
    assert chosen == fallback_order(ranking, keep)
    assert keys(fallback_order(ranking, keep + 1))[:keep] == keys(chosen), "asking for more changes none before"


@pytest.mark.parametrize("prompt", ["A fox", "Photorealistic drone shot over fjords", "Anime girl under blossoms"])
def test_with_several_keys_the_second_is_another_model_or_another_gateway(prompt: str) -> None:
    situation = Situation(gateways_with(("fal", "heygen", "google", "mountsea")))
    plan = decide(VideoRequest(prompt=prompt), load_catalogue(), situation)
    order = fallback_order(plan.candidates)
    assert len(order) == KEPT < len(plan.candidates)
    first, second = order[:2]
    assert first == plan.candidates[0]
    assert (first.gateway, first.model) != (second.gateway, second.model)
