"""Shots made from given pictures: a crop that moves over them, and a cross-fade to the last frame."""

import warnings
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps, UnidentifiedImageError

from .camera import LIMIT_X, LIMIT_Y, Camera
from .paint import resized

BACKDROP: Final = (24, 25, 29)
"""What shows through a picture's transparent parts."""
DETAIL: Final = 1.25
"""How much larger than the frame a picture is kept, so that a closer crop is still sharp."""
ROOM: Final = 1.14
"""How close the crop is when the camera moves sideways: the picture's edges are the room to move in."""
PUSH: Final = 0.08
"""How much closer the crop gets when the prompt names no move."""
MOST_TRAVEL: Final = 0.22


def open_picture(field: str, path: str) -> Image.Image:
    """Open and decode a picture.

    Raises:
        ValueError: When it cannot be read as one, or is too large to be decoded safely.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as opened:
                upright = ImageOps.exif_transpose(opened)
                upright.load()
    except (OSError, SyntaxError, UnidentifiedImageError, ValueError) as error:
        raise ValueError(
            f"{field} is {path!r}, which cannot be read as a picture; give a readable PNG, JPEG or WebP file."
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(
            f"{field} is {path!r}, which has too many pixels to decode; give a picture of at most "
            f"{(Image.MAX_IMAGE_PIXELS or 0) // 1_000_000} megapixels."
        ) from error
    if upright.has_transparency_data:
        flat = Image.new("RGBA", upright.size, (*BACKDROP, 255))
        flat.alpha_composite(upright.convert("RGBA"))
        return flat.convert("RGB")
    return upright.convert("RGB")


def check_picture(field: str, path: str) -> None:
    """Refuse a file that is no picture.

    Raises:
        ValueError: Saying which field, which file and what is allowed.
    """
    if not Path(path).is_file():
        raise ValueError(f"{field} is {path!r}, which is no file; give the path of a local picture.")
    open_picture(field, path)


class Still:
    """A given picture, shown through a moving crop that always fills the frame."""

    def __init__(self, path: str, moves: tuple[str, ...], size: tuple[int, int], *, settle: bool = False) -> None:
        """Open the picture.

        Args:
            path: The local file.
            moves: The camera moves of the shot.
            size: The frame's width and height in pixels.
            settle: Whether to end on the whole picture instead of moving as the camera does.
        """
        self._size = size
        self._moves = moves
        self._settle = settle
        self._camera = Camera(moves or ("static",), *size)
        picture = open_picture("picture", path)
        cover = max(size[0] / picture.width, size[1] / picture.height)
        if cover * DETAIL < 1.0:
            kept = (round(picture.width * cover * DETAIL), round(picture.height * cover * DETAIL))
            picture = resized(picture, kept, Image.Resampling.LANCZOS)
        self._picture = picture

    def frame(self, progress: float, seconds: float) -> Image.Image:
        """Return the RGB picture at a progress from 0 to 1 through the shot, `seconds` after its start."""
        view = self._camera.view(progress, seconds)
        if self._settle:
            zoom, across, down = 1.0 + PUSH * (1.0 - progress), 0.0, 0.0
        elif not self._moves:
            zoom, across, down = 1.0 + PUSH * progress, 0.0, 0.0
        else:
            zoom = view.zoom * (1.0 + view.dolly * 0.8)
            across = view.x / (LIMIT_X * self._size[0])
            down = view.y / (LIMIT_Y * self._size[1])
            if not self._camera.scales and self._moves != ("static",):
                zoom *= ROOM
        return resized(self._picture, self._size, Image.Resampling.BILINEAR, box=self._box(zoom, across, down))

    def _box(self, zoom: float, across: float, down: float) -> tuple[float, float, float, float]:
        """Return the crop; `across` and `down` go from -1 (left, top) to 1."""
        width, height = self._picture.size
        scale = min(width / self._size[0], height / self._size[1]) / zoom
        wide, tall = min(float(width), self._size[0] * scale), min(float(height), self._size[1] * scale)
        travel_x, travel_y = min((width - wide) / 2, wide * MOST_TRAVEL), min((height - tall) / 2, tall * MOST_TRAVEL)
        left = (width - wide) / 2 + max(-1.0, min(1.0, across)) * travel_x
        top = (height - tall) / 2 + max(-1.0, min(1.0, down)) * travel_y
        return max(0.0, left), max(0.0, top), min(float(width), left + wide), min(float(height), top + tall)
