"""What earlier attempts teach: a prior of ten, a half life of two weeks, and times by their geometric mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.selection.cases import gateways_with

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.selection.decide import Situation, decide
from videogen_mcp.selection.experience import EXPECTED_SUCCESS, NO_EXPERIENCE, Experience, Outcome
from videogen_mcp.types import VideoRequest

WAN, KLING = "fal:wan", "fal:kling"


def outcome(
    *, succeeded: bool = True, seconds: float | None = None, age_days: float = 0.0, endpoint: str = WAN
) -> Outcome:
    return Outcome(endpoint, succeeded, seconds, age_days)


OUTCOMES = st.lists(
    st.builds(
        Outcome,
        endpoint=st.sampled_from([WAN, KLING]),
        succeeded=st.booleans(),
        seconds=st.none() | st.floats(0, 20_000),
        age_days=st.floats(-1, 90),
    ),
    max_size=30,
)


@pytest.mark.parametrize(("status", "expected"), [("live", 0.95), ("legacy", 0.85), ("delisted", 0.6)])
def test_without_attempts_the_written_default_stands(status: str, expected: float) -> None:
    assert NO_EXPERIENCE.success(WAN, status) == expected
    assert NO_EXPERIENCE.seconds(WAN, 120) == pytest.approx(120)
    assert NO_EXPERIENCE.attempts(WAN) == 0


def test_every_status_in_the_catalogue_has_a_default() -> None:
    statuses = {one.status for one in load_catalogue().endpoints}
    assert statuses == {"live", "legacy", "delisted", "announced"} == set(EXPECTED_SUCCESS)
    assert EXPECTED_SUCCESS["live"] > EXPECTED_SUCCESS["legacy"] > EXPECTED_SUCCESS["delisted"]


@pytest.mark.parametrize(
    ("successes", "failures", "expected"),
    [
        (0, 1, 9.5 / 11),  # one failure does not condemn
        (0, 10, 9.5 / 20),  # ten of them weigh as much as the prior
        (10, 0, 19.5 / 20),
        (3, 1, 12.5 / 14),
    ],
)
def test_the_prior_counts_like_ten_attempts(successes: int, failures: int, expected: float) -> None:
    learned = Experience.of([outcome()] * successes + [outcome(succeeded=False)] * failures)
    assert learned.success(WAN, "live") == pytest.approx(expected)
    assert learned.attempts(WAN) == successes + failures


@pytest.mark.parametrize(("age_days", "weight"), [(0, 1), (14, 0.5), (28, 0.25), (56, 1 / 16)])
def test_an_attempt_loses_half_its_weight_in_two_weeks(age_days: float, weight: float) -> None:
    learned = Experience.of([outcome(succeeded=False, age_days=age_days)])
    assert learned.attempts(WAN) == pytest.approx(weight)
    assert learned.success(WAN, "live") == pytest.approx(9.5 / (10 + weight))


def test_an_attempt_from_the_future_counts_as_one_of_now() -> None:
    assert Experience.of([outcome(age_days=-3)]).attempts(WAN) == 1


def test_times_are_brought_together_by_their_geometric_mean() -> None:
    # Three parts of 100 seconds and one of 1600: the fourth root of 100^3 x 1600, which is 100 x 16^(1/4).
    assert Experience.of([outcome(seconds=1600)]).seconds(WAN, 100) == pytest.approx(200)
    # Three parts of 100, and 50 and 200, which cancel out.
    assert Experience.of([outcome(seconds=50), outcome(seconds=200)]).seconds(WAN, 100) == pytest.approx(100)
    # Two half lives: a weight of one quarter, so 100 x 2^(0.25 / 3.25).
    assert Experience.of([outcome(seconds=200, age_days=28)]).seconds(WAN, 100) == pytest.approx(
        100 * 2 ** (0.25 / 3.25)
    )


@pytest.mark.parametrize(
    "odd", [outcome(succeeded=False, seconds=2), outcome(seconds=None), outcome(seconds=0)], ids=str
)
def test_a_failure_and_an_unknown_time_say_nothing_of_the_time(odd: Outcome) -> None:
    times = [outcome(seconds=40), outcome(seconds=60)]
    assert Experience.of([*times, odd]).seconds(WAN, 100) == Experience.of(times).seconds(WAN, 100)
    assert Experience.of([odd]).seconds(WAN, 100) == pytest.approx(100)


def test_one_endpoint_teaches_nothing_of_another() -> None:
    learned = Experience.of([outcome(succeeded=False), outcome(seconds=9)])
    assert learned.success(KLING, "live") == 0.95
    assert learned.seconds(KLING, 120) == pytest.approx(120)
    assert learned.attempts(KLING) == 0


@given(outcomes=OUTCOMES, status=st.sampled_from(sorted(EXPECTED_SUCCESS)))
def test_success_is_a_share(outcomes: list[Outcome], status: str) -> None:
    assert 0 <= Experience.of(outcomes).success(WAN, status) <= 1


@given(outcomes=OUTCOMES, status=st.sampled_from(sorted(EXPECTED_SUCCESS)), age_days=st.floats(0, 90))
def test_a_success_never_lowers_and_a_failure_never_raises(
    outcomes: list[Outcome], status: str, age_days: float
) -> None:
    before = Experience.of(outcomes).success(WAN, status)
    better = Experience.of([*outcomes, outcome(age_days=age_days)]).success(WAN, status)
    worse = Experience.of([*outcomes, outcome(succeeded=False, age_days=age_days)]).success(WAN, status)
    assert worse - 1e-12 <= before <= better + 1e-12


@given(outcomes=OUTCOMES, expected=st.floats(1, 1000))
def test_the_expected_time_lies_between_what_was_expected_and_what_was_measured(
    outcomes: list[Outcome], expected: float
) -> None:
    measured = [one.seconds for one in outcomes if one.endpoint == WAN and one.succeeded and one.seconds]
    found = Experience.of(outcomes).seconds(WAN, expected)
    assert min([*measured, expected]) * (1 - 1e-9) <= found <= max([*measured, expected]) * (1 + 1e-9)


@given(outcomes=OUTCOMES, data=st.data())
def test_the_order_of_the_attempts_says_nothing(outcomes: list[Outcome], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(outcomes))
    one, other = Experience.of(outcomes), Experience.of(shuffled)
    assert one.success(WAN, "live") == pytest.approx(other.success(WAN, "live"))
    assert one.seconds(WAN, 100) == pytest.approx(other.seconds(WAN, 100))


# What it does to a choice.


@pytest.mark.parametrize(("failures", "is_first"), [(0, True), (3, True), (40, False)])
def test_what_keeps_failing_here_is_not_chosen_for_being_good_elsewhere(failures: int, *, is_first: bool) -> None:
    favourite = "fal:bytedance/seedance-2.0/text-to-video"
    failed = [Outcome(favourite, succeeded=False, seconds=None, age_days=0.5)] * failures
    situation = Situation(gateways_with(("fal",)), experience=Experience.of(failed))
    plan = decide(VideoRequest(prompt="A fox runs over snow"), load_catalogue(), situation)
    assert (plan.candidates[0].endpoint == favourite) is is_first
    (found,) = [one for one in plan.candidates if one.endpoint == favourite]
    assert any("failed here" in reason for reason in found.reasons) is (failures > 10)


@pytest.mark.parametrize("seconds", [-5.0, 0.0, 40_000.0])
def test_a_time_that_is_none_teaches_nothing(seconds: float) -> None:
    experience = Experience.of([Outcome("fal:a/b", succeeded=True, seconds=seconds, age_days=0)])
    assert experience.seconds("fal:a/b", 120) == pytest.approx(120)
    assert experience.attempts("fal:a/b") == 1
