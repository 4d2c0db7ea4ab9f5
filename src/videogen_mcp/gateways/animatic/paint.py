"""Painting with Pillow: gradients, glows, soft-edged silhouettes. Layers are premultiplied ("RGBa") pictures."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random
from typing import Any, Final, cast

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from .palette import Colour

OVERSAMPLING: Final = 2
Point = tuple[float, float]
Stops = Sequence[tuple[float, Colour]]


def resized(
    picture: Image.Image,
    size: tuple[int, int],
    resample: Image.Resampling = Image.Resampling.BICUBIC,
    box: tuple[float, float, float, float] | None = None,
) -> Image.Image:
    """Return the picture, or a box of it, at a size in pixels."""
    # Pillow's types mention numpy, which is not a dependency, so a type checker does not know the method's.
    return cast("Any", picture).resize(size, resample, box=box)


def looked_up(picture: Image.Image, table: Sequence[int]) -> Image.Image:
    """Return the picture with every value replaced by its entry in a table: 256 of them, or that for each band."""
    return cast("Any", picture).point(table)


def gradient(size: tuple[int, int], stops: Stops) -> Image.Image:
    """Return a vertical gradient; the stops go from 0.0 (top) to 1.0 (bottom)."""
    height = size[1]
    data = bytes(value for row in range(height) for value in _at(stops, row / max(1, height - 1)))
    return resized(Image.frombytes("RGB", (1, height), data), size, Image.Resampling.NEAREST)


def _at(stops: Stops, place: float) -> Colour:
    for (low, first), (high, second) in pairwise(stops):
        if place <= high:
            share = 0.0 if high == low else max(0.0, (place - low) / (high - low))
            red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
            return red, green, blue
    return stops[-1][1]


def dithered(picture: Image.Image, random: Random, strength: float = 0.018) -> Image.Image:
    """Return the picture with a fine grain, which keeps wide gradients from showing bands."""
    noise = Image.frombytes("L", picture.size, random.randbytes(picture.width * picture.height))
    return Image.blend(picture, Image.merge("RGB", (noise, noise, noise)), strength)


def filled(mask: Image.Image, fill: Colour | Image.Image) -> Image.Image:
    """Return a layer: the fill (a colour or an RGB picture of the mask's size) seen through an "L" mask."""
    picture = fill.copy() if isinstance(fill, Image.Image) else Image.new("RGB", mask.size, fill)
    picture.putalpha(mask)
    return picture.convert("RGBa")


def drawn_mask(size: tuple[int, int], draw: Callable[[ImageDraw.ImageDraw, float], None]) -> Image.Image:
    """Return an "L" mask of a size, drawn larger and reduced, so that its edges are smooth.

    Args:
        size: Width and height in pixels.
        draw: Draws on the large mask with fill=255; its second argument is the large mask's scale.
    """
    large = Image.new("L", (size[0] * OVERSAMPLING, size[1] * OVERSAMPLING), 0)
    draw(ImageDraw.Draw(large), float(OVERSAMPLING))
    return large.reduce(OVERSAMPLING)


def polygon_mask(size: tuple[int, int], *polygons: Sequence[Point]) -> Image.Image:
    """Return a smooth-edged "L" mask of filled polygons."""

    def draw(pen: ImageDraw.ImageDraw, scale: float) -> None:
        for polygon in polygons:
            pen.polygon([(x * scale, y * scale) for x, y in polygon], fill=255)

    return drawn_mask(size, draw)


def faded(layer: Image.Image, strength: float) -> Image.Image:
    """Return a layer at a share of its opacity (0 to 1)."""
    return looked_up(layer, [round(value * strength) for value in range(256)] * 4)


def glow(
    size: int, colour: Colour, strength: float = 1.0, power: float = 2.0, *, tall: int | None = None
) -> Image.Image:
    """Return a round glow: a layer `size` pixels wide and high, or `tall` high; a higher `power` narrows it."""
    # Pillow's gradient reaches 255 in the corners; the glow ends at the middle of the edges.
    table = [round(255 * strength * max(0.0, 1.0 - value / 255.0 * math.sqrt(2)) ** power) for value in range(256)]
    mask = resized(looked_up(Image.radial_gradient("L"), table), (size, tall or size), Image.Resampling.BICUBIC)
    return filled(mask, colour)


def disc(size: int, colour: Colour, blur: float = 0.0) -> Image.Image:
    """Return a filled circle as a layer of `size` pixels square; `blur` is a radius in pixels."""
    edge = math.ceil(blur * 2)

    def draw(pen: ImageDraw.ImageDraw, scale: float) -> None:
        pen.ellipse([edge * scale, edge * scale, (size - edge) * scale - 1, (size - edge) * scale - 1], fill=255)

    return filled(blurred(drawn_mask((size, size), draw), blur), colour)


def blurred(picture: Image.Image, radius: float) -> Image.Image:
    """Return the picture blurred by a radius in pixels; wide blurs are made on a smaller picture, for speed."""
    if radius <= 0.3:  # noqa: PLR2004 - too little to see
        return picture
    shrink = max(1, int(radius // 3))
    if shrink == 1:
        return picture.filter(ImageFilter.GaussianBlur(radius))
    small = resized(
        picture, (max(1, picture.width // shrink), max(1, picture.height // shrink)), Image.Resampling.BOX
    ).filter(ImageFilter.GaussianBlur(radius / shrink))
    return resized(small, picture.size, Image.Resampling.BICUBIC)


def rim(mask: Image.Image, offset: tuple[int, int], strength: float, blur: float = 1.0) -> Image.Image:
    """Return an "L" mask of the edge of a shape that faces away from `offset`: where light from there falls."""
    shifted = ImageChops.offset(mask, offset[0], offset[1])
    edge = ImageChops.subtract(mask, shifted)
    soft = ImageChops.multiply(blurred(edge, blur), mask)
    return looked_up(soft, [round(value * strength) for value in range(256)])


def ridge(random: Random, width: int, step: int, waves: Sequence[tuple[float, float]]) -> list[Point]:
    """Return a smooth random line from x = 0 to x = width.

    Args:
        random: Where the phases come from.
        width: In pixels.
        step: Pixels between two points.
        waves: Pairs of (wavelength, height) in pixels; they add up.
    """
    phased = [(2 * math.pi / length, height, random.uniform(0, 2 * math.pi)) for length, height in waves]
    return [
        (float(x), sum(height * math.sin(x * rate + phase) for rate, height, phase in phased))
        for x in range(0, width + step, step)
    ]


def jagged(random: Random, width: int, height: float, roughness: float, depth: int = 8) -> list[Point]:
    """Return a mountainous line by displacing midpoints; its y values lie roughly in -height to +height."""
    heights = [random.uniform(-0.4, 0.4) * height for _ in range(4)]
    spread = height * 0.75
    for _ in range(depth - 2):
        finer: list[float] = []
        for first, second in pairwise(heights):
            finer += [first, (first + second) / 2 + random.uniform(-spread, spread)]
        heights = [*finer, heights[-1]]
        spread *= roughness
    gap = width / (len(heights) - 1)
    return [(index * gap, value) for index, value in enumerate(heights)]


def fractal(random: Random, size: tuple[int, int], cell: tuple[float, float], octaves: int = 4) -> Image.Image:
    """Return smooth cloudy noise as an "L" picture.

    Args:
        random: Where the noise comes from.
        size: In pixels.
        cell: Width and height of the coarsest blots, in pixels.
        octaves: How many finer noises are added, each half as strong.
    """
    result: Image.Image | None = None
    for octave in range(octaves):
        columns = max(2, round(size[0] / cell[0] * 2**octave)) + 1
        rows = max(2, round(size[1] / cell[1] * 2**octave)) + 1
        small = Image.frombytes("L", (columns, rows), random.randbytes(columns * rows))
        noise = resized(small, size, Image.Resampling.BICUBIC)
        result = noise if result is None else Image.blend(result, noise, 0.5**octave / (2 - 0.5**octave))
    return result or Image.new("L", size, 128)


def smooth_threshold(low: float, high: float, strength: float = 1.0) -> list[int]:
    """Return a table for `point`: 0 below `low`, full above `high` (0 to 255), smooth between."""
    table: list[int] = []
    for value in range(256):
        share = min(1.0, max(0.0, (value - low) / (high - low)))
        table.append(round(255 * strength * share * share * (3 - 2 * share)))
    return table


class Sheet:
    """A transparent sheet to draw coloured shapes on, in its own pixels; the result has smooth edges."""

    def __init__(self, width: float, height: float, scale: int = OVERSAMPLING) -> None:
        """Take an empty sheet, at least one pixel large."""
        self.size = (max(1, math.ceil(width)), max(1, math.ceil(height)))
        self._scale = scale
        self._large = Image.new("RGBA", (self.size[0] * scale, self.size[1] * scale), (0, 0, 0, 0))
        self._pen = ImageDraw.Draw(self._large)

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        """Fill a polygon."""
        self._pen.polygon([(x * self._scale, y * self._scale) for x, y in points], fill=(*colour, 255))

    def line(self, points: Sequence[Point], colour: Colour, width: float) -> None:
        """Draw a line of a width in pixels."""
        flat = [(x * self._scale, y * self._scale) for x, y in points]
        self._pen.line(flat, fill=(*colour, 255), width=max(1, round(width * self._scale)), joint="curve")

    def ellipse(self, x: float, y: float, radius_x: float, radius_y: float, colour: Colour) -> None:
        """Fill an ellipse around (x, y)."""
        scale = self._scale
        box = ((x - radius_x) * scale, (y - radius_y) * scale, (x + radius_x) * scale, (y + radius_y) * scale)
        self._pen.ellipse(box, fill=(*colour, 255))

    def rectangle(  # noqa: PLR0917 - four sides, what fills them, and how round they are
        self, left: float, top: float, right: float, bottom: float, colour: Colour, radius: float = 0
    ) -> None:
        """Fill a rectangle, its corners rounded by a radius in pixels."""
        scale = self._scale
        box = (left * scale, top * scale, max(left * scale, right * scale - 1), max(top * scale, bottom * scale - 1))
        self._pen.rounded_rectangle(box, radius=radius * scale, fill=(*colour, 255))

    def picture(self) -> Image.Image:
        """Return what was drawn, as an RGBA picture of the sheet's size."""
        return self._large.reduce(self._scale)

    def layer(self) -> Image.Image:
        """Return what was drawn, as a layer."""
        return self.picture().convert("RGBa")
