"""What a job may cost: the caller's cap, the environment's, and what was not confirmed. Pure."""

from decimal import Decimal

from videogen_mcp.errors import OverBudget
from videogen_mcp.selection.scoring import Candidate
from videogen_mcp.types import VideoRequest


def cap_of(request: VideoRequest, most_per_job: Decimal | None) -> Decimal | None:
    """The lower of the request's own cap and the environment's; None where there is neither."""
    asked = None if request.max_cost_usd is None else Decimal(str(request.max_cost_usd))
    return min((cap for cap in (asked, most_per_job) if cap is not None), default=None)


def limit_of(
    request: VideoRequest,
    winner: Candidate,
    cap_usd: Decimal | None,
    *,
    confirm_above_usd: Decimal | None,
    has_daily_budget: bool,
) -> Decimal | None:
    """What all attempts together may cost: a fallback may not go where the first choice would have been stopped."""
    limits = [cap_usd]
    if request.max_cost_usd is None:
        limits.append(confirm_above_usd)
    if has_daily_budget:
        limits.append(winner.cost.ceiling_usd)
    return min((limit for limit in limits if limit is not None), default=None)


def check_confirmed(request: VideoRequest, candidate: Candidate, limit_usd: Decimal | None) -> None:
    """Above the limit, a cap given with the request itself is the confirmation.

    Args:
        request: What the caller wants.
        candidate: What would be bought.
        limit_usd: What may be spent unasked; None for no limit.

    Raises:
        OverBudget: The job may cost more than may be spent unasked, and the request names no cap.
    """
    cost = candidate.cost.estimated_usd
    if limit_usd is None or request.max_cost_usd is not None or (cost is not None and cost <= limit_usd):
        return
    price = "an unknown price" if cost is None else f"${cost:.2f}"
    raise OverBudget(
        f"{candidate.endpoint} costs {price}; VIDEOGEN_CONFIRM_ABOVE_USD allows {limit_usd:f} unasked.",
        fix="Ask the user; if they agree, call again with max_cost_usd set to what they allow.",
    )
