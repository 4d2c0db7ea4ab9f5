"""The whole decision for one request: filters, prices, ranking, and what the caller should know. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from videogen_mcp.catalogue import Catalogue
from videogen_mcp.catalogue.limits import unverified
from videogen_mcp.errors import Refusal
from videogen_mcp.selection.eligibility import GatewayState, Sieved, any_key, check_names, pinned_endpoints, sieve
from videogen_mcp.selection.experience import NO_EXPERIENCE, Experience
from videogen_mcp.selection.explain import why_nothing
from videogen_mcp.selection.intent import IntentReading, read_intent
from videogen_mcp.selection.limits import cap_of
from videogen_mcp.selection.mentions import read_mentions
from videogen_mcp.selection.modes import check_complete, infer_mode
from videogen_mcp.selection.scoring import SPOKEN, Aims, Candidate, rank
from videogen_mcp.types import NOTHING_MEASURED, Intent, Media, Mode, VideoRequest, told_names

ANIMATIC_WARNING = (
    "This is an animatic for planning shots, drawn on this machine from the words of the prompt. It is not AI video."
)
KEYLESS_WARNING = "No gateway key is set; with FAL_KEY the same call buys a real clip."

STATUS_WARNINGS: Mapping[str, str] = {
    "delisted": "was taken off its gateway's list: it may not answer any more.",
    "announced": "is announced only: its parameters are those that were told beforehand, and it may not answer yet.",
}


@dataclass(frozen=True)
class Plan:
    """A decision, before anything is sent.

    Attributes:
        request: What was asked.
        mode: The mode, inferred or given.
        reading: The intent, read or given, and what decided it.
        candidates: The ranking, best first.
        refusals: Why each other endpoint was left out.
        cap_usd: The most that the job may cost.
        warnings: What the caller should know.
    """

    request: VideoRequest
    mode: Mode
    reading: IntentReading
    candidates: tuple[Candidate, ...]
    refusals: tuple[Refusal, ...]
    cap_usd: Decimal | None
    warnings: tuple[str, ...]

    @property
    def intent(self) -> Intent:
        """The intent, read or given."""
        return self.reading.intent


@dataclass(frozen=True)
class Situation:
    """What a decision depends on besides the request and the catalogue.

    Attributes:
        gateways: What is known of each gateway.
        most_per_job_usd: The environment's cap on one job, None for none.
        experience: What earlier attempts taught.
    """

    gateways: Mapping[str, GatewayState]
    most_per_job_usd: Decimal | None = None
    experience: Experience = NO_EXPERIENCE


def decide(request: VideoRequest, catalogue: Catalogue, situation: Situation, media: Media = NOTHING_MEASURED) -> Plan:
    """Decide which endpoint serves a request best, and which others could.

    Args:
        request: What the caller wants.
        catalogue: The endpoints.
        situation: Gateways, caps, and what earlier attempts taught.
        media: What is known of the request's media.

    Raises:
        InvalidRequest: The request cannot be used.
        NothingEligible: No endpoint can serve it; `NotConfigured` or `OverBudget` where that is what is missing.
    """
    gateways = situation.gateways
    check_names(request, catalogue, gateways)
    mode = infer_mode(request, pinned_endpoints(request, catalogue))
    check_complete(request, mode)
    cap = cap_of(request, situation.most_per_job_usd)
    reading = read_intent(request, mode)

    def sieved_with(states: Mapping[str, GatewayState]) -> Sieved:
        return sieve(request, mode, catalogue, states, cap, media=media, speaks=reading.intent in SPOKEN)

    sieved, warnings = sieved_with(gateways), list[str]()
    if not sieved.eligible and (cooling := [name for name, state in gateways.items() if state.cool_off]):
        # Nothing else can serve: a refused submit costs nothing, and the trouble may be over.
        sieved = sieved_with({name: replace(state, cool_off="") for name, state in gateways.items()})
        used = sorted({one.endpoint.gateway for one in sieved.eligible} & set(cooling))
        warnings += [f"Gateway {name} {gateways[name].cool_off}; it is tried all the same." for name in used]
    mentions = read_mentions(request.prompt)
    aims = Aims(
        request=request,
        mode=mode,
        reading=reading,
        wanted=mentions.wanted,
        unwanted=mentions.unwanted,
        experience=situation.experience,
        health={name: state.health for name, state in gateways.items()},
    )
    candidates = tuple(rank(sieved.eligible, aims))
    if not candidates:
        raise why_nothing(request, mode, sieved, gateways)
    warnings += _warnings(candidates[0], catalogue, gateways, media)
    return Plan(request, mode, reading, candidates, sieved.refusals, cap, tuple(warnings))


def _warnings(
    winner: Candidate, catalogue: Catalogue, gateways: Mapping[str, GatewayState], media: Media
) -> Iterator[str]:
    """What the caller should know of the choice."""
    endpoint = catalogue.find(winner.endpoint)
    yield from winner.payload.warnings
    if winner.gateway == "local":
        yield ANIMATIC_WARNING
        if not any_key(gateways):
            yield KEYLESS_WARNING
    if endpoint.status in STATUS_WARNINGS:
        yield f"{winner.endpoint} {STATUS_WARNINGS[endpoint.status]}"
    if endpoint.open:
        near = told_names(winner.endpoint, [one.key for one in catalogue.endpoints])
        yield f"{winner.endpoint} is not in the catalogue: options are passed on unchecked; {near}."
    if winner.cost.estimated_usd is None:
        yield f"The price of {winner.endpoint} is not known; it is billed at the gateway's own rate."
    yield from unverified(endpoint, winner.payload.body, media)
