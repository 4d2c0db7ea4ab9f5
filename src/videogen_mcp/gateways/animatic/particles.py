"""What falls, drifts and glows in the air: snow, rain, leaves, embers, fireflies, spray, dust, bubbles."""

import math
from dataclasses import dataclass
from typing import Final

from PIL import Image

from .brief import Shot
from .camera import View
from .paint import Sheet, disc, faded, filled, glow, looked_up
from .palette import Colour, mix
from .stage import Stage

HALF: Final = 128
LEVELS: Final = 6
"""Brightnesses that a flickering mote is prepared in."""


@dataclass(frozen=True, slots=True)
class Motes:
    """One kind of small things in the air.

    Attributes:
        count: How many.
        sizes: Diameters in units (hundredths of the frame's shorter side).
        colours: Chosen from at random; the empty tuple means the light's own glow.
        speed: Units per second to the right and down.
        sway: Units to each side.
        strength: Opacity, 0 to 1.
        flicker: Whether they brighten and fade.
        round: Whether they are soft glows; flat leaves otherwise.
        top: Where they begin, as a share of the height.
    """

    count: int
    sizes: tuple[float, ...]
    colours: tuple[Colour, ...]
    speed: tuple[float, float]
    sway: float
    strength: float = 1.0
    flicker: bool = False
    round: bool = True
    top: float = 0.0


MOTES: Final[dict[str, Motes]] = {
    "snowfall": Motes(190, (0.7, 0.9, 1.2, 1.2, 1.7, 2.6), ((250, 252, 255),), (2.5, 13.0), 2.4, 0.88),
    "fireflies": Motes(
        34, (2.6, 3.4, 4.4), ((255, 226, 122), (240, 240, 150)), (0.6, -0.7), 6.0, 1.0, flicker=True, top=0.42
    ),
    "leaves": Motes(
        26, (1.8, 2.4, 3.0), ((196, 104, 48), (214, 150, 62), (152, 70, 42)), (9.0, 8.0), 5.0, 0.95, round=False
    ),
    "petals": Motes(34, (1.2, 1.6, 2.1), ((246, 204, 212), (250, 226, 228)), (7.0, 6.0), 4.0, 0.95, round=False),
    "embers": Motes(46, (0.8, 1.1, 1.6), ((255, 150, 66), (255, 196, 104)), (2.0, -11.0), 3.4, 0.95, flicker=True),
    "dust": Motes(60, (0.6, 0.9, 1.5), (), (1.2, -0.6), 3.0, 0.5, flicker=True),
    "bubbles": Motes(44, (0.7, 1.0, 1.6, 2.2), ((220, 246, 248),), (0.4, -9.0), 2.0, 0.5),
    "spray": Motes(90, (0.5, 0.7, 1.1), ((232, 238, 240),), (26.0, -2.5), 3.0, 0.5, flicker=True, top=0.5),
}


def kinds_for(shot: Shot, place: str) -> list[str]:
    """Choose what is in the air of a shot in a place."""
    indoors = place in {"room", "studio", "space", "lunar", "underwater"}
    named = [*shot.weather, *shot.traits]
    kinds = [kind for kind in named if kind in MOTES and not (indoors and kind in {"snowfall", "spray", "leaves"})]
    if "storm" in shot.weather and place in {"sea", "beach"}:
        kinds.append("spray")
    if place == "underwater":
        kinds += ["bubbles", "dust"]
    if place in {"room", "studio"} or (place == "forest" and shot.light in {"golden", "dawn", "sunset"}):
        kinds.append("dust")
    return list(dict.fromkeys(kinds))


class Cloud:
    """A cloud of motes of one kind over a stage."""

    def __init__(self, kind: str, stage: Stage) -> None:
        """Scatter the motes."""
        self._motes = motes = MOTES[kind]
        self._unit = unit = stage.unit
        self._pad = pad = 6 * unit
        self._span = (stage.width + 2 * pad, stage.height * (1 - motes.top) + 2 * pad)
        self._top = stage.height * motes.top
        random = stage.random(f"motes {kind}")
        colours = motes.colours or (stage.palette.glow,)
        lit = [stage.palette.lit(colour, 0.6) for colour in colours] if not motes.flicker else list(colours)
        sprites = [
            [
                _sprite(motes, max(2, round(size * unit)), colour, motes.strength * (level + 1) / LEVELS)
                for level in range(LEVELS)
            ]
            for size in motes.sizes
            for colour in lit
        ]
        nearness = {id(sprite): 0.45 + 0.55 * sprite[0].width / max(s[0].width for s in sprites) for sprite in sprites}
        chosen = [random.choice(sprites) for _ in range(motes.count)]
        self._scattered = [
            (
                random.uniform(0, self._span[0]),
                random.uniform(0, self._span[1]),
                random.uniform(0, 2 * math.pi),
                random.uniform(0.5, 1.1),
                nearness[id(sprite)],
                sprite,
            )
            for sprite in chosen
        ]

    def lay(self, frame: Image.Image, view: View, seconds: float) -> None:
        """Lay the motes over an RGB frame, in place."""
        motes, unit, pad = self._motes, self._unit, self._pad
        speed_x, speed_y, sway = motes.speed[0] * unit, motes.speed[1] * unit, motes.sway * unit
        for start_x, start_y, phase, rate, near, sprites in self._scattered:
            shift_x, shift_y = view.offset(near)
            angle = seconds * rate * 1.7 + phase
            x = (start_x + speed_x * near * seconds + sway * math.sin(angle) + shift_x) % self._span[0] - pad
            y = (start_y + speed_y * near * seconds + 0.4 * sway * math.cos(angle * 0.8) + shift_y) % self._span[
                1
            ] - pad
            level = LEVELS - 1
            if motes.flicker:
                level = max(0, round((0.5 + 0.5 * math.sin(angle * 1.6 + phase)) ** 1.5 * (LEVELS - 1)))
            sprite = sprites[level]
            frame.paste(sprite, (round(x), round(y + self._top)), sprite)


def _sprite(motes: Motes, size: int, colour: Colour, strength: float) -> Image.Image:
    if motes.flicker:
        sprite = glow(size * 2, colour, 0.75, 2.2)
        core = disc(max(2, size // 3), mix(colour, (255, 255, 255), 0.55))
        corner = (sprite.width - core.width) // 2
        sprite.paste(
            core, (corner, corner), looked_up(core.getchannel(3), [255 if value >= HALF else 0 for value in range(256)])
        )
        return faded(sprite, strength)
    if motes.round:
        return faded(glow(size + 2, colour, 1.0, 0.9), strength)
    sheet = Sheet(size * 1.4, size * 1.4, scale=4)
    sheet.polygon(
        [(size * 0.1, size * 0.9), (size * 0.35, size * 0.35), (size * 1.2, size * 0.2), (size * 0.8, size)], colour
    )
    return faded(sheet.layer(), strength)


class Rain:
    """Rain in three depths: sheets of slanting streaks that repeat without a seam."""

    SHEETS: Final = ((230, 3.4, 105.0, 0.30), (120, 5.6, 165.0, 0.40), (44, 9.5, 240.0, 0.42))
    """Streaks, length in units, units per second, opacity."""
    SLANT: Final = -0.16

    def __init__(self, stage: Stage) -> None:
        """Draw the sheets."""
        self._unit = stage.unit
        light = mix(stage.palette.glow, stage.palette.horizon, 0.45)
        slant = self.SLANT * (2.2 if "storm" in stage.shot.weather else 1.0)
        self._slant = slant
        self._sheets: list[tuple[Image.Image, float]] = []
        width, height = stage.width, stage.height
        for index, (count, long, speed, strength) in enumerate(self.SHEETS):
            random = stage.random(f"rain {index}")
            sheet = Sheet(width, height)
            tall = long * stage.unit
            for _ in range(count):
                x, y = random.uniform(0, width), random.uniform(0, height)
                thick = stage.unit * (0.10 + 0.06 * index)
                for around_x in (0, -width if x > width / 2 else width):
                    for around_y in (0, -height):
                        start = (x + around_x, y + around_y)
                        end = (start[0] + slant * tall, start[1] + tall)
                        sheet.polygon([(start[0], start[1]), (end[0] - thick, end[1]), (end[0] + thick, end[1])], light)
            mask = looked_up(sheet.picture().getchannel(3), [round(value * strength) for value in range(256)])
            self._sheets.append((filled(mask, light), speed * stage.unit))

    def lay(self, frame: Image.Image, view: View, seconds: float) -> None:
        """Lay the rain over an RGB frame, in place."""
        width, height = frame.size
        for index, (sheet, speed) in enumerate(self._sheets):
            fallen = speed * seconds
            shift_x, _ = view.offset(0.4 + 0.3 * index)
            x, y = round(fallen * self._slant + shift_x) % width, round(fallen) % height
            for left in (x - width, x):
                for top in (y - height, y):
                    box = (max(0, -left), max(0, -top), min(width, width - left), min(height, height - top))
                    if box[0] < box[2] and box[1] < box[3]:
                        part = sheet.crop(box)
                        frame.paste(part, (left + box[0], top + box[1]), part)
