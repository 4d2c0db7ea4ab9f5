"""How good a model is: what people preferred in blind comparisons, else a plain grade. Pure."""

from collections.abc import Mapping
from typing import Literal

from videogen_mcp.catalogue.schema import Model, Rating
from videogen_mcp.types import Mode

Modality = Literal["text_to_video", "image_to_video"]

GRADES: Mapping[str, float] = {"excellent": 0.45, "good": 0.35, "draft": 0.1}
"""Quality where there is no rating: the plain grades of seed 001, just below a rated model of middling rank."""

UNKNOWN_QUALITY = 0.3
BOARDS: Mapping[Modality, tuple[str, float, float]] = {
    "text_to_video": ("AA-Video-T2V v2.0", 900.0, 1160.0),
    "image_to_video": ("AA-Video-I2V v1.0", 1000.0, 1200.0),
}
"""Per modality the one board that is read, and the ratings that count as 0 and 1; boards are never mixed."""


def modality_of(mode: Mode) -> Modality:
    """Whose board counts for a mode: all that starts from a medium is rated as starting from a picture."""
    return "text_to_video" if mode == "text_to_video" else "image_to_video"


def rating_of(model: Model, mode: Mode) -> Rating | None:
    """The model's rating on the board that counts for a mode; None where it is not rated there."""
    board = BOARDS[modality_of(mode)][0]
    return next((rating for rating in model.ratings if rating.board == board), None)


def quality_of(model: Model, mode: Mode) -> tuple[float, str]:
    """Quality from 0 to 1, and where it comes from, in words."""
    board, low, high = BOARDS[modality_of(mode)]
    found = rating_of(model, mode)
    if found is not None:
        dated = f", {found.dated.isoformat()}" if found.dated else ""
        return min(1.0, max(0.0, (found.elo - low) / (high - low))), f"Elo {found.elo:.0f} ({board}{dated})"
    if model.grade is not None:
        return GRADES[model.grade], f"graded {model.grade}, not rated on {board}"
    return UNKNOWN_QUALITY, "quality unknown"
