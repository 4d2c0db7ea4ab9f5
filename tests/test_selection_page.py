"""docs/selection.md says what the code does: what it quotes is what the code gives now."""

import re

import pytest
from tests.docs.selection_page import EXAMPLES, PAGE, blocks, rewritten
from tests.support import ROOT

from videogen_mcp.types import INTENTS

TEXT = PAGE.read_text(encoding="utf-8")
GENERATED = blocks()
PLACE = "<!-- begin generated: {} -->\n{}<!-- end generated -->"


@pytest.mark.parametrize("name", sorted(GENERATED))
def test_what_the_page_quotes_is_what_the_code_gives(name: str) -> None:
    quoted = PLACE.format(name, f"\n{GENERATED[name]}\n\n")
    assert quoted in TEXT, f"docs/selection.md is behind the code in its block {name}: run make docs"


def test_every_block_has_one_place_and_every_place_a_block() -> None:
    assert rewritten(TEXT, GENERATED) == TEXT, "docs/selection.md is behind the code: run make docs"


def test_what_stands_in_a_block_is_replaced_and_the_rest_is_kept() -> None:
    page = "before\n" + PLACE.format("one", "old\n") + "\nbetween\n" + PLACE.format("two", "") + "\nafter\n"
    expected = (
        "before\n" + PLACE.format("one", "\nnew\n\n") + "\nbetween\n" + PLACE.format("two", "\nC:\\1\n\n") + "\nafter\n"
    )
    assert rewritten(page, {"one": "new", "two": "C:\\1"}) == expected


@pytest.mark.parametrize("places", [["one"], ["one", "two", "three"], ["one", "two", "two"]])
def test_a_block_without_a_place_is_an_error(places: list[str]) -> None:
    page = "\n".join(PLACE.format(name, "") for name in places)
    with pytest.raises(ValueError, match=r"two|three|twice"):
        rewritten(page, {"one": "1", "two": "2"})


def test_the_environment_and_its_width_play_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("FAL_KEY", "x"), ("COLUMNS", "40"), ("FORCE_COLOR", "1"), ("VIDEOGEN_MAX_COST_USD", "0.01")):
        monkeypatch.setenv(name, value)
    assert blocks() == GENERATED


def test_every_intent_is_told_and_the_page_leads_somewhere() -> None:
    order = TEXT.partition("the first of these wins")[2].partition("The plan says")[0]
    assert {intent for intent in INTENTS if f"`{intent}`" not in order} == set()
    for target in re.findall(r"\]\(([^)#\s]+)\)", TEXT):
        assert (PAGE.parent / target).exists(), target


def test_every_example_stands_on_the_page_and_make_docs_writes_it() -> None:
    assert len(EXAMPLES) >= 8
    assert TEXT.count("\n### ") == len(EXAMPLES)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "tests.docs.selection_page" in makefile.partition("\ndocs:")[2].partition("\n\n")[0]
