"""How much the choices hang on single numbers: the bonus of Seedance, and each weight moved by a fifth."""

from collections.abc import Iterator, Mapping
from typing import Any
from unittest.mock import patch

from tests.selection.cases import Case, cases, decided

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.selection import decide, profiles
from videogen_mcp.selection.decide import Plan
from videogen_mcp.selection.eligibility import Sieved, sieve
from videogen_mcp.selection.profiles import DIMENSIONS, Profiles, load_profiles
from videogen_mcp.types import Intent

MOVE = 0.2


def variants() -> Iterator[tuple[str, Profiles, Mapping[Intent, float]]]:
    """Name, weights, and the bonuses of Seedance 2.0 for each change."""
    bonus: Mapping[Intent, float] = load_catalogue().models["seedance-2.0"].bonus
    yield "without the bonus of Seedance 2.0", load_profiles(), {}
    for dimension in DIMENSIONS:
        for factor in (1 - MOVE, 1 + MOVE):
            moved = {
                priority: weights | {dimension: weights[dimension] * factor}
                for priority, weights in load_profiles().priority.items()
            }
            name = f"{dimension} x {factor:g}"
            yield name, load_profiles().model_copy(update={"priority": moved}), bonus


class SievedOnce:
    """Sieves each case once for each set of models: which endpoints can serve a request hangs on no weight."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int], Sieved] = {}
        self._at = ("", 0)

    def winner(self, case: Case) -> str | None:
        """The model that wins; None where the request is refused."""
        self._at = case.name, 0
        with patch.object(decide, "sieve", self._sieve):
            plan = decided(case)
        return plan.candidates[0].model if isinstance(plan, Plan) else None

    def _sieve(self, *arguments: Any, **named: Any) -> Sieved:
        case, number = self._at = self._at[0], self._at[1] + 1
        if (case, number) not in self._found:
            self._found[case, number] = sieve(*arguments, **named)
        return self._found[case, number]


def changed_by() -> dict[str, list[str]]:
    """Per change, the cases in which another model wins."""
    chosen = [case for case in cases() if not case.is_refused]
    usual = SievedOnce()
    before = {case.name: usual.winner(case) for case in chosen}
    changed: dict[str, list[str]] = {}
    catalogue = load_catalogue()
    seedance = catalogue.models["seedance-2.0"]
    for name, weights, bonus in variants():
        models = catalogue.models | {"seedance-2.0": seedance.model_copy(update={"bonus": dict(bonus)})}
        sieved = usual if bonus == seedance.bonus else SievedOnce()
        profiles.weights.cache_clear()
        with patch.object(profiles, "load_profiles", return_value=weights), patch.object(catalogue, "models", models):
            changed[name] = [case.name for case in chosen if sieved.winner(case) != before[case.name]]
        profiles.weights.cache_clear()
    return changed
