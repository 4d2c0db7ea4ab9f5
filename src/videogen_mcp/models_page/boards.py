"""Price against quality, one picture per leaderboard: ratings of two boards are never compared. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from videogen_mcp.catalogue import Catalogue
from videogen_mcp.catalogue.schema import Model, Rating
from videogen_mcp.models_page.clips import Clip, clip_of
from videogen_mcp.selection.quality import BOARDS, Modality, rating_of

MODALITIES: tuple[Modality, ...] = ("text_to_video", "image_to_video")

OFFERED = ("live", "legacy")
"""The others cannot be chosen: `announced` never, `delisted` only when pinned."""


@dataclass(frozen=True)
class Point:
    """One model in the picture.

    Attributes:
        model: The model.
        elo: Its rating on the board.
        usd: The canonical clip at the cheapest endpoint on offer.
        clip: That clip.
        endpoint: That endpoint, `gateway:id`.
        rating: The rating with its source and date.
        front: Whether no other model is at least as good for at most as much.
    """

    model: Model
    elo: float
    usd: Decimal
    clip: Clip
    endpoint: str
    rating: Rating
    front: bool = False


@dataclass(frozen=True)
class Board:
    """One picture.

    Attributes:
        modality: What was compared.
        name: The board.
        points: The models drawn, cheapest first.
        unpriced: Models with a rating but no price, in catalogue order.
        unrated: How many models have a price but no rating.
        unknown: How many have neither.
        not_offered: How many have no endpoint that can be chosen.
    """

    modality: Modality
    name: str
    points: tuple[Point, ...]
    unpriced: tuple[Model, ...]
    unrated: int
    unknown: int
    not_offered: int


def board_of(catalogue: Catalogue, modality: Modality) -> Board:
    """Every model that has an endpoint of the modality is either drawn or counted, once."""
    points: list[Point] = []
    unpriced: list[Model] = []
    counts = {"unrated": 0, "unknown": 0, "not_offered": 0}
    for model in catalogue.models.values():
        endpoints = [one for one in catalogue.of_model(model.id) if modality in one.modes]
        offered = [one for one in endpoints if one.status in OFFERED]
        clips = [(one.key, clip_of(one, modality)) for one in offered]
        # What is free has no place on a logarithmic axis; nothing that is free is rated.
        priced = [(clip.usd, key, clip) for key, clip in clips if clip.usd]
        rating = rating_of(model, modality)
        if not endpoints:
            continue
        if not offered:
            counts["not_offered"] += 1
        elif rating is None:
            counts["unrated" if any(clip.usd is not None for _, clip in clips) else "unknown"] += 1
        elif not priced:
            unpriced.append(model)
        else:
            usd, key, clip = min(priced, key=lambda one: one[:2])
            points.append(Point(model, rating.elo, usd, clip, key, rating))
    return Board(modality, BOARDS[modality][0], _with_front(points), tuple(unpriced), **counts)


def _with_front(points: Sequence[Point]) -> tuple[Point, ...]:
    """The points, cheapest first; those that no other beats are the Pareto front."""
    ordered = sorted(points, key=lambda one: (one.usd, -one.elo, one.model.id))
    return tuple(replace(one, front=not any(_beats(other, one) for other in ordered)) for one in ordered)


def _beats(one: Point, other: Point) -> bool:
    no_worse = one.usd <= other.usd and one.elo >= other.elo
    return no_worse and (one.usd < other.usd or one.elo > other.elo)
