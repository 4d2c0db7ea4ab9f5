"""The pictures that show a clip at a glance, and what can be told from its frames."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from videogen_mcp.media.disk import write_whole

if TYPE_CHECKING:
    from PIL.Image import Image

CELLS: Final = 6

_CELL_SIDE: Final = 480
_PORTRAIT_CELL_SIDE: Final = 448
_SMALLEST_SIDE: Final = 240
_GUTTER: Final = 6
_MARGIN: Final = 12
_BACKGROUND: Final = (18, 19, 22)
_LABEL_BACKGROUND: Final = (10, 11, 13, 190)
_LABEL_INK: Final = (242, 243, 245, 255)
_LABEL_SIZE: Final = 15
_ROUNDING: Final = 5
_ANTIALIAS: Final = 4
_JPEG_QUALITY: Final = 88

_THUMBNAIL: Final = (96, 96)
_DARK_LEVEL: Final = 28
_LIGHT_SHARE_OF_DARK: Final = 0.004
_VISIBLE_LEVELS: Final = 10


@dataclass(frozen=True)
class Picture:
    """One frame of a clip.

    Attributes:
        seconds: Its time from the clip's start, in seconds.
        image: The frame, upright, in RGB.
    """

    seconds: float
    image: "Image"


def is_dark(image: "Image") -> bool:
    """Whether practically nothing can be seen: hardly a spot is lighter than near-black."""
    levels = _resized(image.convert("L"), _THUMBNAIL).histogram()
    return sum(levels[_DARK_LEVEL:]) <= _LIGHT_SHARE_OF_DARK * sum(levels)


def show_change(one: "Image", other: "Image") -> bool:
    """Whether two frames differ visibly anywhere; the noise of compression does not count."""
    from PIL import ImageChops  # noqa: PLC0415 -- heavy, and not needed at start-up

    thumbnails = (_resized(image.convert("RGB"), _THUMBNAIL) for image in (one, other))
    levels = ImageChops.difference(*thumbnails).histogram()
    return any(any(levels[band + _VISIBLE_LEVELS + 1 : band + 256]) for band in range(0, len(levels), 256))


def draw_poster(pictures: tuple[Picture, ...], seconds: float, destination: Path) -> None:
    """Write the frame nearest to a time as a JPEG; a dark frame only where there is no other.

    Args:
        pictures: Frames to choose from; at least one.
        seconds: The time wanted, in seconds.
        destination: The file, written whole or not at all.

    Raises:
        DownloadFailed: It could not be written.
    """
    by_nearness = sorted(pictures, key=lambda picture: abs(picture.seconds - seconds))
    chosen = next((picture for picture in by_nearness if not is_dark(picture.image)), by_nearness[0])
    _write_jpeg(chosen.image, destination)


def draw_sheet(pictures: tuple[Picture, ...], destination: Path) -> None:
    """Write up to six frames, spread evenly from the first to the last, with their times, as one JPEG.

    Args:
        pictures: Frames in the order of their times; at least one.
        destination: The file, written whole or not at all.

    Raises:
        DownloadFailed: It could not be written.
    """
    from PIL import Image  # noqa: PLC0415 -- heavy, and not needed at start-up

    chosen = _spread(pictures)
    width, height = _cell_size(chosen[0].image.size)
    # Portrait cells stand in one row: two rows of them would make the sheet taller than it is wide.
    columns = min(len(chosen), CELLS if height > width else CELLS // 2)
    rows = -(-len(chosen) // columns)
    size = (
        2 * _MARGIN + columns * width + (columns - 1) * _GUTTER,
        2 * _MARGIN + rows * height + (rows - 1) * _GUTTER,
    )
    sheet = Image.new("RGB", size, _BACKGROUND)
    mask = _rounded_mask((width, height))
    for number, picture in enumerate(chosen):
        row, column = divmod(number, columns)
        cell = _resized(picture.image.convert("RGB"), (width, height))
        place = (_MARGIN + column * (width + _GUTTER), _MARGIN + row * (height + _GUTTER))
        sheet.paste(_labelled(cell, f"{picture.seconds:.1f}s"), place, mask)
    _write_jpeg(sheet, destination)


def _spread(pictures: tuple[Picture, ...]) -> tuple[Picture, ...]:
    last = pictures[-1].seconds
    places = (last * number / (CELLS - 1) for number in range(CELLS))
    nearest = (min(range(len(pictures)), key=lambda index: abs(pictures[index].seconds - at)) for at in places)
    return tuple(pictures[index] for index in dict.fromkeys(nearest))


def _cell_size(size: tuple[int, int]) -> tuple[int, int]:
    scale = (_PORTRAIT_CELL_SIDE if size[1] > size[0] else _CELL_SIDE) / max(size)
    if scale > 1:
        scale = max(1.0, _SMALLEST_SIDE / max(size))
    return max(2, round(size[0] * scale)), max(2, round(size[1] * scale))


def _rounded_mask(size: tuple[int, int]) -> "Image":
    from PIL import Image, ImageDraw  # noqa: PLC0415 -- heavy, and not needed at start-up

    large = Image.new("L", (size[0] * _ANTIALIAS, size[1] * _ANTIALIAS), 0)
    edge = (0, 0, large.width - 1, large.height - 1)
    ImageDraw.Draw(large).rounded_rectangle(edge, radius=_ROUNDING * _ANTIALIAS, fill=255)
    return _resized(large, size)


def _labelled(cell: "Image", text: str) -> "Image":
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 -- heavy, and not needed at start-up

    font = ImageFont.load_default(size=_LABEL_SIZE)
    layer = Image.new("RGBA", cell.size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    wide, high = round(draw.textlength(text, font=font)) + 14, _LABEL_SIZE + 8
    left, top = 8, cell.height - high - 8
    draw.rounded_rectangle((left, top, left + wide, top + high), radius=high // 2, fill=_LABEL_BACKGROUND)
    draw.text((left + wide / 2, top + high / 2), text, font=font, fill=_LABEL_INK, anchor="mm")
    return Image.alpha_composite(cell.convert("RGBA"), layer).convert("RGB")


def _write_jpeg(image: "Image", destination: Path) -> None:
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    write_whole(destination, buffer.getvalue())


def _resized(image: "Image", size: tuple[int, int]) -> "Image":
    from PIL.Image import Resampling  # noqa: PLC0415 -- heavy, and not needed at start-up

    # Pillow's annotation of this method mentions numpy, which is not installed.
    return cast("Any", image).resize(size, Resampling.LANCZOS, reducing_gap=3.0)
