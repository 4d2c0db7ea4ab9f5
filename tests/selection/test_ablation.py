"""Choices do not hang on one number: without the bonus of Seedance, or with a weight moved by a fifth, few change."""

from tests.selection.ablation import changed_by
from tests.selection.cases import cases

from videogen_mcp.selection.profiles import DIMENSIONS


def test_few_choices_hang_on_a_single_number() -> None:
    chosen = sum(not case.is_refused for case in cases())
    changed = changed_by()
    assert len(changed) == 1 + 2 * len(DIMENSIONS)
    assert {name: len(names) for name, names in changed.items() if len(names) > 0.1 * chosen} == {}
    # The comparison sees a difference at all.
    assert changed["without the bonus of Seedance 2.0"]
