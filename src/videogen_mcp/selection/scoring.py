"""Ranking the eligible: a weighted sum of seven dimensions, each 0 to 1, and named bonuses. Pure."""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from videogen_mcp.catalogue.encode import Payload
from videogen_mcp.catalogue.pricing import Cost
from videogen_mcp.selection.eligibility import Eligible
from videogen_mcp.selection.experience import NO_EXPERIENCE, Experience
from videogen_mcp.selection.intent import IntentReading
from videogen_mcp.selection.profiles import weights
from videogen_mcp.selection.quality import quality_of
from videogen_mcp.types import MEDIA_FIELDS, Intent, Mode, Priority, VideoRequest

UNKNOWN_COST = 0.4
EXPECTED_SECONDS: Mapping[str, float] = {"fast": 45.0, "normal": 120.0, "slow": 240.0}
"""Time to completion by the model's pace, where no source gives one: fal says thirty seconds to several minutes."""

FITTED = 0.5
"""What counts for a length or resolution that was raised to the next on offer: kept by half."""

_RAISED = frozenset({"duration", "resolution"})

NAMED = 0.5
"""Added to the score of a maker that the prompt asks for by name, and taken off one that it asks to avoid."""


SPOKEN: frozenset[Intent] = frozenset({"dialogue", "presenter"})
"""Intents that live on speech."""

SILENT = 0.25
"""Taken off a clip without sound where the intent lives on speech: whatever else it offers, it fails the purpose."""


DEAR_FROM_USD = Decimal(3)
"""What a premium clip of usual length costs at most; beyond it somebody should have asked for it."""

DEAR = 0.05
"""Taken off for every doubling beyond that: the relative cost alone stops telling apart what is all far from cheap."""


UNRELIABLE_BELOW = 0.7
UNRELIABLE = 0.4
"""Taken off, in part, where fewer attempts are expected to succeed than that, and wholly where none is: what keeps
failing here must not be bought again and again for being good elsewhere."""

SMALLEST_BONUS = 0.005
"""What would be told as nothing is nothing."""


@dataclass(frozen=True)
class Aims:
    """What the ranking is for.

    Attributes:
        request: What the caller wants.
        mode: The mode, inferred or given.
        reading: The intent, read or given, and what decided it.
        wanted: Providers that the prompt asks for.
        unwanted: Providers that it asks to avoid.
        experience: What earlier attempts taught.
        health: How well each gateway answered lately, 0 to 1; 1 where nothing is said.
    """

    request: VideoRequest
    mode: Mode
    reading: IntentReading
    wanted: Collection[str] = ()
    unwanted: Collection[str] = ()
    experience: Experience = NO_EXPERIENCE
    health: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def intent(self) -> Intent:
        """The intent, read or given."""
        return self.reading.intent

    @property
    def priority(self) -> Priority:
        """What matters most to the caller."""
        return self.request.priority


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
        score: The weighted sum, 0 to 1, and the bonuses.
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
    usual_seconds: float = EXPECTED_SECONDS["normal"]


@dataclass(frozen=True)
class _Prices:
    """What the cost of a choice is measured by.

    Attributes:
        cheapest: The lowest known price; None where none is known.
        unknown: What counts for a price that is not known: never better than the dearest that is.
    """

    cheapest: Decimal | None
    unknown: float

    @classmethod
    def of(cls, choices: Iterable[Eligible]) -> "_Prices":
        known = [one.cost.estimated_usd for one in choices if one.cost.estimated_usd is not None]
        cheapest = min(known, default=None)
        return cls(cheapest, min([UNKNOWN_COST, *(_relative_cost(usd, min(known)) for usd in known)]))


def rank(eligible: Iterable[Eligible], aims: Aims) -> list[Candidate]:
    """Order the eligible endpoints, best first.

    Equal scores go by cost, an unknown one last; then an endpoint made for the mode goes before one that can do it as
    well; then by name.
    """
    choices = list(eligible)
    prices = _Prices.of(choices)
    ranked = [(one.endpoint.modes.index(aims.mode), _candidate(one, aims, prices)) for one in choices]
    return [candidate for _, candidate in sorted(ranked, key=_place)]


def _place(ranked: tuple[int, Candidate]) -> tuple[float, Decimal, int, str]:
    place_of_mode, candidate = ranked
    usd = candidate.cost.estimated_usd
    return -candidate.score, Decimal("Infinity") if usd is None else usd, place_of_mode, candidate.endpoint


def _candidate(one: Eligible, aims: Aims, prices: _Prices) -> Candidate:
    key = one.endpoint.key
    quality, quality_reason = quality_of(one.model, aims.mode)
    control, control_reason = _control(one, aims)
    seconds = aims.experience.seconds(key, one.endpoint.usual_seconds or EXPECTED_SECONDS[one.model.pace])
    success = aims.experience.success(key, one.endpoint.status)
    scores = {
        "fit": one.model.fit.get(aims.intent, 0.5),
        "quality": quality,
        "control": control,
        "cost": _cost(one.cost, prices),
        "speed": 1 / (1 + seconds / 60),
        "reliability": max(0.0, 2 * success - 1),
        "health": aims.health.get(one.endpoint.gateway, 1.0),
    }
    bonuses = _bonuses(one, aims)
    weight = weights(aims.priority, aims.intent)
    score = sum(weight[name] * value for name, value in scores.items()) + sum(bonuses.values())
    reasons = [f"{why}, {bonus:+.2f}" for why, bonus in bonuses.items()]
    reasons += [
        f"fit {scores['fit']:.2f} to {aims.reading.told()}",
        quality_reason,
        _cost_reason(one.cost, prices.cheapest),
    ]
    reasons += [control_reason] if control_reason else []
    if aims.experience.attempts(key) >= 1:
        reasons.append(f"{success:.0%} expected to succeed, about {seconds:.0f} s, from earlier jobs here")
    if scores["health"] < 1:
        reasons.append(f"gateway {one.endpoint.gateway} had trouble lately")
    return Candidate(
        endpoint=key,
        endpoint_id=one.endpoint.id,
        gateway=one.endpoint.gateway,
        model=one.endpoint.model,
        provider=one.model.provider,
        payload=one.payload,
        cost=one.cost,
        score=round(score, 4),
        scores={name: round(value, 4) for name, value in scores.items()},
        reasons=tuple(reasons),
        usual_seconds=seconds,
    )


def _bonuses(one: Eligible, aims: Aims) -> dict[str, float]:
    """What is added by name, with the reason that is shown."""
    model, bonuses = one.model, dict[str, float]()
    # The catalogue's bonus counts as much as the fit does: where price or speed decides, it decides little.
    own = model.bonus.get(aims.intent, 0.0)
    if own:
        share = weights(aims.priority, aims.intent)["fit"] / weights("balanced", aims.intent)["fit"]
        bonuses[f"named choice for {aims.intent}"] = own * share
    if model.provider in aims.wanted:
        bonuses[f"the prompt asks for {model.provider}"] = NAMED
    if model.provider in aims.unwanted:
        bonuses[f"the prompt asks to avoid {model.provider}"] = -NAMED
    if aims.intent in SPOKEN and not one.payload.has_audio and aims.request.generate_audio is not False:
        bonuses[f"silent, though {aims.intent} lives on speech"] = -SILENT
    if one.cost.estimated_usd is not None and one.cost.estimated_usd > DEAR_FROM_USD:
        doublings = math.log2(one.cost.estimated_usd / DEAR_FROM_USD)
        share = weights(aims.priority, aims.intent)["cost"] / weights("balanced", aims.intent)["cost"]
        bonuses[f"${one.cost.estimated_usd:.2f} is dear for one clip"] = -DEAR * doublings * share
    success = aims.experience.success(one.endpoint.key, one.endpoint.status)
    if aims.experience.attempts(one.endpoint.key) >= 1 and success < UNRELIABLE_BELOW:
        bonuses["it has often failed here"] = UNRELIABLE * (success / UNRELIABLE_BELOW - 1)
    return {why: bonus for why, bonus in bonuses.items() if abs(bonus) >= SMALLEST_BONUS}


def _control(one: Eligible, aims: Aims) -> tuple[float, str]:
    """The share of what was asked that is done as asked; what was only raised to the next on offer counts half."""
    asked = _asked(aims.request)
    if not asked:
        return 1.0, ""
    changed = {change.field: change for change in one.payload.changes if change.field in asked}
    fitted = {name for name, change in changed.items() if change.sent is not None or name in _RAISED}
    lost = sum(FITTED if name in fitted else 1.0 for name in changed)
    return 1 - lost / len(asked), f"{', '.join(sorted(changed))} not as asked" if changed else ""


def _asked(request: VideoRequest) -> set[str]:
    """What the caller said beyond the words and the media, as changes name it."""
    plain = ("duration", "aspect_ratio", "resolution", "generate_audio", "negative_prompt", "seed")
    said = {name for name in plain if getattr(request, name) not in (None, "")}
    said |= {name for name in MEDIA_FIELDS if getattr(request, name)}
    return said | {f"options.{name}" for name in request.options}


def _cost(cost: Cost, prices: _Prices) -> float:
    if cost.estimated_usd is None or prices.cheapest is None:
        return prices.unknown
    return _relative_cost(cost.estimated_usd, prices.cheapest)


def _relative_cost(usd: Decimal, cheapest: Decimal) -> float:
    """1 for the cheapest, falling by a quarter with every doubling; free is 1."""
    if usd == 0:
        return 1.0
    reference = max(cheapest, Decimal("0.01"))
    return max(0.0, 1 - 0.25 * math.log2(max(1.0, float(usd / reference))))


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
