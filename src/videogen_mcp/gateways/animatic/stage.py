"""The stage a scene is built on: its measures, its palette, its chance, and the layers standing on it."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from PIL import Image, ImageChops

from .brief import Shot
from .paint import Point, filled, fractal, gradient, looked_up, polygon_mask, rim, smooth_threshold
from .palette import Colour, Palette, mix

MARGIN_X: Final = 0.18
MARGIN_Y: Final = 0.13
LINE_STEP: Final = 4


@dataclass(frozen=True, slots=True)
class Sway:
    """A gentle motion of a layer's own: pixels to each side, over a period in seconds."""

    x: float = 0.0
    y: float = 0.0
    period: float = 6.0
    phase: float = 0.0

    def at(self, seconds: float) -> tuple[float, float]:
        """Return the offset at a moment, in pixels right and down."""
        angle = 2 * math.pi * seconds / self.period + self.phase
        return self.x * math.sin(angle), self.y * math.cos(angle)


@dataclass(frozen=True, slots=True)
class Layer:
    """A picture on the stage.

    Attributes:
        picture: An RGBa picture.
        left: Where its left edge stands when the camera is at home, in pixels from the frame's left edge.
        top: The same for its top edge.
        depth: 0 is infinitely far, 1 right before the camera.
        sway: Its own motion.
        soft: Whether it has no fine detail, so that whole-pixel steps do not show.
    """

    picture: Image.Image
    left: float
    top: float
    depth: float
    sway: Sway = Sway()
    soft: bool = False


@dataclass(slots=True)
class Stage:
    """What a place is built on. Builders append to `layers`, from the farthest to the nearest.

    Attributes:
        shot: The shot being set.
        palette: Its colours.
        width: Frame width in pixels.
        height: Frame height in pixels.
        seed: What all chance on this stage grows from.
        horizon: Where the ground begins, as a share of the height; builders move it.
        stand: Where a standing subject's feet are, as a share of the height.
        subject_depth: How deep in the scene the subject is.
    """

    shot: Shot
    palette: Palette
    width: int
    height: int
    seed: str
    horizon: float = 0.6
    stand: float = 0.8
    subject_depth: float = 0.62
    sky: Image.Image | None = None
    layers: list[Layer] = field(default_factory=list[Layer])

    @property
    def unit(self) -> float:
        """A hundredth of the frame's shorter side, in pixels."""
        return min(self.width, self.height) / 100

    @property
    def margin_x(self) -> int:
        """How far layers reach past the left and right of the frame, in pixels."""
        return round(self.width * MARGIN_X)

    @property
    def margin_y(self) -> int:
        """How far layers reach past the top and bottom of the frame, in pixels."""
        return round(self.height * MARGIN_Y)

    @property
    def wide(self) -> int:
        """The width of a layer that reaches past the frame on both sides, in pixels."""
        return self.width + 2 * self.margin_x

    @property
    def low(self) -> int:
        """The bottom of layers that reach past the frame, in pixels from the frame's top."""
        return self.height + self.margin_y

    def random(self, name: str) -> Random:
        """Return the chance for one part of the stage, the same for the same seed and name."""
        digest = hashlib.sha256(f"{self.seed}/{name}".encode()).digest()
        return Random(digest)  # noqa: S311 - chance in a picture, not in a secret

    def add(
        self,
        picture: Image.Image,
        depth: float,
        left: float,
        top: float,
        sway: Sway | None = None,
        *,
        soft: bool = False,
    ) -> None:
        """Put a layer in front of those already there."""
        self.layers.append(Layer(picture, left, top, depth, sway or Sway(), soft))

    def add_wide(
        self, picture: Image.Image, depth: float, top: float, sway: Sway | None = None, *, soft: bool = False
    ) -> None:
        """Put a layer as wide as `wide`."""
        self.add(picture, depth, -self.margin_x, top, sway, soft=soft)

    def add_ground(
        self,
        line: Sequence[Point],
        *,
        base: float,
        depth: float,
        colours: tuple[Colour, Colour],
        light: tuple[float, float] = (0.0, 0.0),
        bottom: float | None = None,
        sway: Sway | None = None,
    ) -> None:
        """Put ground under a line: hills, waves, dunes.

        Args:
            line: Points in pixels, x from 0 to `wide`, y around 0.
            base: Where y = 0 stands, as a share of the frame's height.
            depth: How near it is.
            colours: At the crest and at the bottom.
            light: Width in units and strength of the light along the crest.
            bottom: Where it ends, as a share of the height; below the frame when not given.
            sway: Its own motion.
        """
        crest = math.floor(min(y for _, y in line)) - 2
        top = round(base * self.height) + crest
        end = self.low if bottom is None else round(bottom * self.height)
        size = (self.wide, max(8, end - top))
        polygon = [*((x, y - crest) for x, y in line), (size[0], size[1]), (0, size[1])]
        mask = polygon_mask(size, polygon)
        fill = gradient(size, [(0.0, colours[0]), (1.0, colours[1])])
        if light[1]:
            down = max(1, round(light[0] * self.unit))
            edge = rim(mask, (0, down), light[1], blur=down * 0.6)
            edge.paste(0, (0, size[1] - down * 2, size[0], size[1]))
            # No crest is lit evenly.
            patches = fractal(self.random(f"crest {base}"), size, (self.unit * 34, self.unit * 8), 3)
            edge = ImageChops.multiply(edge, looked_up(patches, smooth_threshold(70, 180)))
            fill.paste(mix(colours[0], self.palette.glow, 0.75), (0, 0), edge)
        self.add_wide(filled(mask, fill), depth, top, sway)
