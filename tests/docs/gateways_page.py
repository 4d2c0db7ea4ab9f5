"""Writes what docs/gateways.md quotes from the code: what each gateway can do, and what it is asked for.

Run by `make docs`.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from tests.docs.selection_page import rewritten
from tests.gateways.contract.cases import CASES, Case

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.gateways import GATEWAYS
from videogen_mcp.gateways.abilities import CallsBack, TellsStates
from videogen_mcp.gateways.base import Gateway
from videogen_mcp.types import MODES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "gateways.md"


def blocks() -> dict[str, str]:
    """Every generated block by its name, as Markdown."""
    return {"abilities": _abilities(), "calls": _calls(), "rates": _rates()}


def _table(*rows: tuple[str, ...]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def _implementations() -> Iterator[tuple[str, type[Gateway]]]:
    for name, entry in GATEWAYS.items():
        if entry.implementation is not None:
            yield name, entry.implementation


def _abilities() -> str:
    """A line for each gateway, the contract suite being the judge of what it can do."""
    heading = (
        *("gateway", "key", "models", "endpoints", "modes", "takes files", "fetches addresses"),
        *("tells states by itself", "calls back", "tells a balance"),
    )
    rows: list[tuple[str, ...]] = []
    for name, implementation in _implementations():
        endpoints = [one for one in load_catalogue().endpoints if one.gateway == name]
        modes = [mode for mode in MODES if any(mode in one.modes for one in endpoints)]
        cases = [case for case in CASES if case.gateway == name]
        key = GATEWAYS[name].key_variable
        rows.append(
            (
                f"`{name}`",
                f"`{key}`" if key else "none",
                str(len({one.model for one in endpoints})),
                str(len(endpoints)),
                ", ".join(f"`{mode}`" for mode in modes),
                _yes(all(case.uploads for case in cases)) if cases else "used where they lie",
                _yes(implementation.fetches_media),
                _yes(issubclass(implementation, TellsStates)),
                _yes(issubclass(implementation, CallsBack)),
                _yes(all(case.balance for case in cases)) if cases else "free",
            )
        )
    return _table(heading, *rows)


def _calls() -> str:
    """A line for each kind of call that starts a generation."""
    heading = ("call", "cancel", "a lost submit")
    return _table(heading, *((f"`{case.name}`", _cancel(case), _find(case)) for case in CASES))


def _cancel(case: Case) -> str:
    return "asked to stop" if case.cancels else "cannot be stopped: nothing is sent"


def _find(case: Case) -> str:
    return "looked up; only a unique match is taken" if case.finds else "cannot be looked up"


def _rates() -> str:
    heading = ("gateway", "submits a second", "other requests a second", "shortest pause between two looks", "from")
    rows = [
        (
            f"`{name}`",
            f"{one.rate.submits:g}",
            f"{one.rate.looks:g}",
            f"{one.shortest_poll_seconds:g} s",
            one.rate.source,
        )
        for name, one in _implementations()
        if not one.on_this_machine
    ]
    return _table(heading, *rows)


def _yes(value: object) -> str:
    return "yes" if value else "no"


def main() -> None:
    """Rewrite the page in place, and say whether anything changed."""
    page = PAGE.read_text(encoding="utf-8")
    current = rewritten(page, blocks())
    PAGE.write_text(current, encoding="utf-8")
    sys.stdout.write(f"docs/gateways.md {'is up to date' if current == page else 'was rewritten'}\n")


if __name__ == "__main__":
    main()
