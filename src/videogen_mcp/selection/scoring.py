"""Ranking the eligible: a weighted sum of fit, quality, cost and speed, each 0 to 1. Pure."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from videogen_mcp.catalogue.encode import Payload
from videogen_mcp.catalogue.pricing import Cost
from videogen_mcp.selection.eligibility import Eligible
from videogen_mcp.selection.quality import quality_of
from videogen_mcp.types import Intent, Mode, Priority

WEIGHTS: Mapping[Priority, Mapping[str, float]] = {
    "balanced": {"fit": 0.50, "quality": 0.30, "cost": 0.12, "speed": 0.08},
    "quality": {"fit": 0.35, "quality": 0.55, "cost": 0.05, "speed": 0.05},
    "cost": {"fit": 0.15, "quality": 0.15, "cost": 0.65, "speed": 0.05},
    "speed": {"fit": 0.15, "quality": 0.15, "cost": 0.10, "speed": 0.60},
}
"""How much each dimension counts, by priority; every row sums to one."""

UNKNOWN_COST = 0.4
UNKNOWN_SECONDS = 120.0
"""Time to completion where no source gives one: fal says thirty seconds to several minutes."""

UNFITTED_PENALTY = 0.03
"""Taken off the fit for each of duration and resolution that had to be changed."""


@dataclass(frozen=True)
class Candidate:
    """One ranked choice: everything needed to submit it, and why it stands where it stands.

    Attributes:
        endpoint: `gateway:id`.
        endpoint_id: The gateway's own id.
        gateway: The gateway.
        model: The model.
        provider: Who made it.
        payload: The body and what it stands for.
        cost: What the body costs.
        score: The weighted sum, 0 to 1, and the model's bonus for the intent.
        scores: The dimensions.
        reasons: In words, the most telling first.
        usual_seconds: Expected time to completion.
    """

    endpoint: str
    endpoint_id: str
    gateway: str
    model: str
    provider: str
    payload: Payload
    cost: Cost
    score: float
    scores: dict[str, float] = field(default_factory=dict[str, float])
    reasons: tuple[str, ...] = ()
    usual_seconds: float = UNKNOWN_SECONDS


def rank(eligible: Iterable[Eligible], mode: Mode, intent: Intent, priority: Priority) -> list[Candidate]:
    """Order the eligible endpoints, best first; equal scores by cost, an unknown one last, then by name."""
    choices = list(eligible)
    known = [one.cost.estimated_usd for one in choices if one.cost.estimated_usd is not None]
    cheapest = min(known, default=None)
    candidates = [_candidate(one, mode, intent, priority, cheapest) for one in choices]
    return sorted(candidates, key=_place)


def _place(candidate: Candidate) -> tuple[float, Decimal, str]:
    usd = candidate.cost.estimated_usd
    return -candidate.score, Decimal("Infinity") if usd is None else usd, candidate.endpoint


def _candidate(one: Eligible, mode: Mode, intent: Intent, priority: Priority, cheapest: Decimal | None) -> Candidate:
    quality, quality_reason = quality_of(one.model, mode)
    seconds = one.endpoint.usual_seconds or UNKNOWN_SECONDS
    scores = {
        "fit": _fit(one, intent),
        "quality": quality,
        "cost": _cost(one.cost, cheapest),
        "speed": 1 / (1 + seconds / 60),
    }
    score = sum(WEIGHTS[priority][name] * value for name, value in scores.items())
    reasons = (f"fit to {intent} {scores['fit']:.2f}", quality_reason, _cost_reason(one.cost, cheapest))
    # A bonus counts as much as the fit does: where price or speed decides, it decides little.
    bonus = one.model.bonus.get(intent, 0.0) * WEIGHTS[priority]["fit"] / WEIGHTS["balanced"]["fit"]
    if bonus:
        score += bonus
        reasons = (f"named choice for {intent}, +{bonus:.2f}", *reasons)
    return Candidate(
        endpoint=one.endpoint.key,
        endpoint_id=one.endpoint.id,
        gateway=one.endpoint.gateway,
        model=one.endpoint.model,
        provider=one.model.provider,
        payload=one.payload,
        cost=one.cost,
        score=round(score, 4),
        scores={name: round(value, 4) for name, value in scores.items()},
        reasons=reasons,
        usual_seconds=seconds,
    )


def _fit(one: Eligible, intent: Intent) -> float:
    fitted = sum(change.field in {"duration", "resolution"} for change in one.payload.changes)
    return max(0.0, one.model.fit.get(intent, 0.5) - UNFITTED_PENALTY * fitted)


def _cost(cost: Cost, cheapest: Decimal | None) -> float:
    """1 for the cheapest, falling by a quarter with every doubling; free is 1."""
    if cost.estimated_usd is None or cheapest is None:
        return UNKNOWN_COST
    if cost.estimated_usd == 0:
        return 1.0
    reference = max(cheapest, Decimal("0.01"))
    return max(0.0, 1 - 0.25 * math.log2(max(1.0, float(cost.estimated_usd / reference))))


def _cost_reason(cost: Cost, cheapest: Decimal | None) -> str:
    if cost.estimated_usd is None:
        return "price unknown"
    if cost.estimated_usd == 0:
        return "free"
    if cheapest is None or cost.estimated_usd == cheapest:
        return f"${cost.estimated_usd:.2f}, the cheapest that can do it"
    if cheapest == 0:
        return f"${cost.estimated_usd:.2f}"
    return f"${cost.estimated_usd:.2f}, {float(cost.estimated_usd / cheapest):.1f} times the cheapest"
