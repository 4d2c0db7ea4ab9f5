"""The table of cases: what a video professional would choose is what is chosen."""

import collections

import pytest
from tests.selection.cases import Case, cases, decided

from videogen_mcp.errors import VideoGenError
from videogen_mcp.selection.decide import Plan
from videogen_mcp.types import INTENTS

CASES = cases()
CHOSEN = [case for case in CASES if not case.is_refused]
REFUSED = [case for case in CASES if case.is_refused]


@pytest.mark.parametrize("case", CHOSEN, ids=lambda case: case.name)
def test_what_a_professional_would_choose_is_chosen(case: Case) -> None:
    plan = decided(case)
    assert isinstance(plan, Plan), f"refused: {plan}"
    winner = plan.candidates[0]
    told = f"{winner.endpoint} {winner.score} {winner.reasons}; {case.expected['why']}"
    for field in ("provider", "model"):
        assert getattr(winner, field) in case.expected.get(field, [getattr(winner, field)]), told
    assert winner.gateway == case.expected.get("gateway", winner.gateway), told


@pytest.mark.parametrize("case", CHOSEN, ids=lambda case: case.name)
def test_the_prompt_is_read_as_a_professional_reads_it(case: Case) -> None:
    plan = decided(case)
    assert isinstance(plan, Plan)
    asked = case.request.get("intent", "auto")
    if asked != "auto":
        assert plan.intent == asked
        return
    assert plan.intent in {case.expected["intent"], *case.expected.get("intent_also", [])}, plan.reading


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_what_cannot_be_is_refused_with_its_reason(case: Case) -> None:
    error = decided(case)
    assert isinstance(error, VideoGenError), f"chosen: {error.candidates[0].endpoint}"
    assert error.code in {case.expected["refused"], *case.expected.get("refused_also", [])}, error
    field = case.expected.get("field")
    assert field is None or field == error.field or field in str(error), error


def test_the_table_covers_what_it_must() -> None:
    assert len(CASES) >= 120
    assert len({case.name for case in CASES}) == len(CASES)
    intents = collections.Counter(case.expected.get("intent") for case in CHOSEN)
    assert {intent for intent in INTENTS if intents[intent] < 3} == set()
    keys = {key for case in CASES for key in case.keys}
    assert keys >= {"fal", "heygen", "mountsea", "novakit"}
    assert any(not case.keys for case in CASES)
    codes = {case.expected["refused"] for case in REFUSED}
    assert codes == {"invalid_request", "nothing_eligible", "not_configured", "over_budget"}
