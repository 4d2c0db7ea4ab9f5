"""Which choices stand behind the first: good ones, and not those that would fail with it. Pure."""

from collections.abc import Sequence

from videogen_mcp.selection.scoring import Candidate

KEPT = 5
"""How many choices a job keeps, the first included."""

SAME_MODEL_SAME_GATEWAY = 0.3
"""Taken off a choice that shares both with an earlier one: what breaks the one breaks the other."""

SAME_GATEWAY = 0.05
"""Taken off a choice that shares the gateway only."""


def fallback_order(ranking: Sequence[Candidate], keep: int = KEPT) -> tuple[Candidate, ...]:
    """The first of the ranking, then the best of those that fail least likely together with the ones before.

    Args:
        ranking: The candidates, best first.
        keep: How many are wanted at most.
    """
    left, chosen = list(ranking), list[Candidate]()
    while left and len(chosen) < keep:
        best = max(left, key=lambda one: one.score - _shared(one, chosen))
        left.remove(best)
        chosen.append(best)
    return tuple(chosen)


def _shared(candidate: Candidate, chosen: Sequence[Candidate]) -> float:
    if any((one.gateway, one.model) == (candidate.gateway, candidate.model) for one in chosen):
        return SAME_MODEL_SAME_GATEWAY
    return SAME_GATEWAY if any(one.gateway == candidate.gateway for one in chosen) else 0.0
