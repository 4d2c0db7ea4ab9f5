"""Quality: the place on the one board that counts for a mode, else the plain grade; boards are never mixed."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.catalogue.schema import Model, Rating
from videogen_mcp.selection.quality import BOARDS, GRADES, UNKNOWN_QUALITY, modality_of, quality_of, rating_of
from videogen_mcp.types import MODES, Mode

TEXT_BOARD, LOW, HIGH = BOARDS["text_to_video"]
IMAGE_BOARD = BOARDS["image_to_video"][0]


def rating(board: str, elo: float, modality: str = "text_to_video", dated: date | None = None) -> Rating:
    return Rating.model_validate(
        {"board": board, "modality": modality, "audio": "with", "elo": elo, "source": "a test", "dated": dated}
    )


def model(*ratings: Rating, **fields: Any) -> Model:
    return Model.model_validate({"id": "toy", "provider": "toys", "title": "Toy", "ratings": ratings} | fields)


@pytest.mark.parametrize(
    ("elo", "quality"), [(LOW, 0.0), (HIGH, 1.0), (1030, 0.5), (1095, 0.75), (LOW - 100, 0.0), (HIGH + 100, 1.0)]
)
def test_quality_is_the_place_between_the_ends_of_the_board(elo: float, quality: float) -> None:
    found, reason = quality_of(model(rating(TEXT_BOARD, elo, dated=date(2026, 10, 3))), "text_to_video")
    assert found == pytest.approx(quality)
    assert reason == f"Elo {elo:.0f} ({TEXT_BOARD}, 2026-10-03)"


def test_a_rating_without_a_day_is_told_without_one() -> None:
    assert quality_of(model(rating(TEXT_BOARD, 1000)), "text_to_video")[1] == f"Elo 1000 ({TEXT_BOARD})"


@pytest.mark.parametrize("board", [IMAGE_BOARD, "AA-Video-T2V v1.0", "lmarena text-to-video"])
def test_boards_are_never_mixed(board: str) -> None:
    rated = model(rating(board, 1500), grade="good")
    assert rating_of(rated, "text_to_video") is None
    assert quality_of(rated, "text_to_video") == (GRADES["good"], f"graded good, not rated on {TEXT_BOARD}")


def test_a_rating_counts_more_than_a_grade() -> None:
    weak = model(rating(TEXT_BOARD, LOW), grade="excellent")
    assert quality_of(weak, "text_to_video")[0] == 0 < GRADES["excellent"]


@pytest.mark.parametrize("mode", MODES)
def test_whatever_starts_from_a_medium_is_read_off_the_image_board(mode: Mode) -> None:
    of_text, of_image = rating(TEXT_BOARD, 1160), rating(IMAGE_BOARD, 1000, "image_to_video")
    expected = of_text if mode == "text_to_video" else of_image
    for both in (model(of_text, of_image), model(of_image, of_text)):
        assert rating_of(both, mode) == expected
        assert quality_of(both, mode)[0] == (1.0 if mode == "text_to_video" else 0.0)


def test_neither_rated_nor_graded() -> None:
    assert quality_of(model(), "text_to_video") == (UNKNOWN_QUALITY, "quality unknown")


def test_unknown_stands_below_a_good_grade_and_above_a_draft() -> None:
    assert GRADES["draft"] < UNKNOWN_QUALITY < GRADES["good"] < GRADES["excellent"] < 0.5


@given(elos=st.tuples(st.floats(0, 3000), st.floats(0, 3000)))
def test_a_higher_rating_is_never_worse(elos: tuple[float, float]) -> None:
    low, high = (quality_of(model(rating(TEXT_BOARD, elo)), "text_to_video")[0] for elo in sorted(elos))
    assert 0 <= low <= high <= 1


def test_every_rating_that_ships_is_on_the_board_of_its_modality() -> None:
    for name, shipped in load_catalogue().models.items():
        for found in shipped.ratings:
            board, low, high = BOARDS[modality_of(found.modality)]
            assert found.board == board, name
            # The weakest stand below the floor and count as 0; nothing may stand above the ceiling.
            assert low - 150 <= found.elo <= high, name
