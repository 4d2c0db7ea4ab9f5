"""The whole decision for one request: filters, prices, ranking, and what the caller should know. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from videogen_mcp.catalogue import Catalogue
from videogen_mcp.catalogue.limits import unverified
from videogen_mcp.errors import Refusal
from videogen_mcp.selection.eligibility import GatewayState, any_key, check_names, pinned_endpoints, sieve
from videogen_mcp.selection.explain import why_nothing
from videogen_mcp.selection.limits import cap_of
from videogen_mcp.selection.modes import check_complete, infer_mode
from videogen_mcp.selection.scoring import Candidate, rank
from videogen_mcp.types import NOTHING_MEASURED, Intent, Media, Mode, VideoRequest

ANIMATIC_WARNING = (
    "This is an animatic for planning shots, drawn on this machine from the words of the prompt. It is not AI video."
)
KEYLESS_WARNING = "No gateway key is set; with FAL_KEY the same call buys a real clip."


@dataclass(frozen=True)
class Plan:
    """A decision, before anything is sent.

    Attributes:
        request: What was asked.
        mode: The mode, inferred or given.
        intent: The intent, read or given.
        candidates: The ranking, best first.
        refusals: Why each other endpoint was left out.
        cap_usd: The most that the job may cost.
        warnings: What the caller should know.
    """

    request: VideoRequest
    mode: Mode
    intent: Intent
    candidates: tuple[Candidate, ...]
    refusals: tuple[Refusal, ...]
    cap_usd: Decimal | None
    warnings: tuple[str, ...]


def decide(
    request: VideoRequest,
    catalogue: Catalogue,
    gateways: Mapping[str, GatewayState],
    most_per_job_usd: Decimal | None,
    media: Media = NOTHING_MEASURED,
) -> Plan:
    """Decide which endpoint serves a request best, and which others could.

    Args:
        request: What the caller wants.
        catalogue: The endpoints.
        gateways: What is known of each gateway.
        most_per_job_usd: The environment's cap on one job, None for none.
        media: What is known of the request's media.

    Raises:
        InvalidRequest: The request cannot be used.
        NothingEligible: No endpoint can serve it; `NotConfigured` or `OverBudget` where that is what is missing.
    """
    check_names(request, catalogue, gateways)
    mode = infer_mode(request, pinned_endpoints(request, catalogue))
    check_complete(request, mode)
    cap = cap_of(request, most_per_job_usd)
    sieved = sieve(request, mode, catalogue, gateways, cap, media=media)
    intent: Intent = "general" if request.intent == "auto" else request.intent
    candidates = tuple(rank(sieved.eligible, mode, intent, request.priority))
    if not candidates:
        raise why_nothing(request, mode, sieved, gateways)
    winner = candidates[0]
    unchecked = unverified(catalogue.find(winner.endpoint), winner.payload.body, media)
    warnings = (*_warnings(winner, gateways), *unchecked)
    return Plan(request, mode, intent, candidates, sieved.refusals, cap, warnings)


def _warnings(winner: Candidate, gateways: Mapping[str, GatewayState]) -> tuple[str, ...]:
    warnings = [*winner.payload.warnings]
    if winner.gateway == "local":
        warnings.append(ANIMATIC_WARNING)
        warnings += [] if any_key(gateways) else [KEYLESS_WARNING]
    if winner.cost.estimated_usd is None:
        warnings.append(f"The price of {winner.endpoint} is not known; it is billed at the gateway's own rate.")
    return tuple(warnings)
