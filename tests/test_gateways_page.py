"""docs/gateways.md says what the code does."""

import re

import pytest
from tests.docs.gateways_page import PAGE, blocks
from tests.docs.selection_page import rewritten
from tests.support import ROOT

from videogen_mcp.gateways import GATEWAYS

TEXT = PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["abilities", "calls", "rates"])
def test_what_the_page_quotes_is_what_the_code_gives(name: str) -> None:
    assert blocks()[name] in TEXT, f"docs/gateways.md is behind the code in its block {name}: run make docs"


def test_every_block_has_one_place_and_make_docs_writes_it() -> None:
    assert rewritten(TEXT, blocks()) == TEXT, "docs/gateways.md is behind the code: run make docs"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "tests.docs.gateways_page" in makefile.partition("\ndocs:")[2].partition("\n\n")[0]


def test_every_gateway_has_a_line_and_the_page_leads_somewhere() -> None:
    for name in GATEWAYS:
        assert f"| `{name}` |" in TEXT
    for target in re.findall(r"\]\(([^)#\s]+)\)", TEXT):
        assert (PAGE.parent / target).exists(), target
