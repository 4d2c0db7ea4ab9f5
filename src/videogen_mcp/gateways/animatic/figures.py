"""Living subjects, drawn as simple figures: people, animals, fish and birds."""

import math
from collections.abc import Sequence
from typing import Final

from .paint import Point, Sheet
from .palette import Colour, mix

SKIN: Final[Colour] = (206, 158, 128)
HAIR: Final[Colour] = (58, 42, 36)
DARK: Final[Colour] = (46, 48, 58)
PALE: Final[Colour] = (236, 232, 224)


class Pen:
    """Draws on a sheet in shares of its size: (0, 0) is the top left corner, (1, 1) the bottom right one."""

    def __init__(self, width: int, height: int) -> None:
        """Take an empty sheet of a size in pixels."""
        self.sheet = Sheet(width, height, scale=3)
        self._width, self._height = width, height

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        """Fill a polygon."""
        self.sheet.polygon([(x * self._width, y * self._height) for x, y in points], colour)

    def blob(self, points: Sequence[Point], colour: Colour) -> None:
        """Fill a closed smooth curve through points."""
        self.polygon(_smooth(points), colour)

    def ellipse(self, x: float, y: float, radius_x: float, radius_y: float, colour: Colour) -> None:
        """Fill an ellipse around (x, y)."""
        self.sheet.ellipse(x * self._width, y * self._height, radius_x * self._width, radius_y * self._height, colour)

    def rectangle(  # noqa: PLR0917 - four sides, what fills them, and how round they are
        self, left: float, top: float, right: float, bottom: float, colour: Colour, radius: float = 0
    ) -> None:
        """Fill a rectangle; the corner radius is a share of the width."""
        width, height = self._width, self._height
        self.sheet.rectangle(left * width, top * height, right * width, bottom * height, colour, radius * width)

    def line(self, points: Sequence[Point], colour: Colour, width: float) -> None:
        """Draw a line with round ends; its width is a share of the sheet's width."""
        pixels = [(x * self._width, y * self._height) for x, y in points]
        self.sheet.line(pixels, colour, width * self._width)
        for x, y in (pixels[0], pixels[-1]):
            self.sheet.ellipse(x, y, width * self._width / 2, width * self._width / 2, colour)


def _smooth(points: Sequence[Point], steps: int = 8) -> list[Point]:
    """Return a closed Catmull-Rom curve through points."""
    count = len(points)
    curve: list[Point] = []
    for index in range(count):
        before, first, second, after = (points[(index + shift) % count] for shift in (-1, 0, 1, 2))
        for step in range(steps):
            t = step / steps
            x, y = (
                0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t**3)
                for a, b, c, d in zip(before, first, second, after, strict=True)
            )
            curve.append((x, y))
    return curve


def draw_person(pen: Pen, colour: Colour, phase: float) -> None:
    """A standing person in a coat, breathing."""
    breath = 0.004 * math.sin(2 * math.pi * phase)
    pen.polygon([(0.36, 0.62), (0.49, 0.62), (0.47, 0.97), (0.37, 0.97)], DARK)
    pen.polygon([(0.51, 0.62), (0.64, 0.62), (0.63, 0.97), (0.53, 0.97)], DARK)
    pen.ellipse(0.405, 0.975, 0.075, 0.018, HAIR)
    pen.ellipse(0.595, 0.975, 0.075, 0.018, HAIR)
    pen.blob(
        [
            (0.5, 0.17),
            (0.66, 0.2 + breath),
            (0.7, 0.34),
            (0.68, 0.5),
            (0.73, 0.7),
            (0.5, 0.72),
            (0.27, 0.7),
            (0.32, 0.5),
            (0.3, 0.34),
            (0.34, 0.2 + breath),
        ],
        colour,
    )
    sleeve = mix(colour, (0, 0, 0), 0.16)
    pen.line([(0.33, 0.24 + breath), (0.24, 0.4), (0.26, 0.54)], sleeve, 0.11)
    pen.line([(0.67, 0.24 + breath), (0.76, 0.4), (0.74, 0.54)], sleeve, 0.11)
    pen.ellipse(0.26, 0.57, 0.045, 0.02, SKIN)
    pen.ellipse(0.74, 0.57, 0.045, 0.02, SKIN)
    pen.rectangle(0.45, 0.12, 0.55, 0.2, SKIN)
    pen.ellipse(0.5, 0.088 + breath, 0.105, 0.062, SKIN)
    pen.blob(
        [
            (0.38, 0.1),
            (0.39, 0.045),
            (0.5, 0.018),
            (0.61, 0.045),
            (0.62, 0.1),
            (0.57, 0.068),
            (0.5, 0.06),
            (0.43, 0.068),
        ],
        HAIR,
    )


def draw_dancer(pen: Pen, colour: Colour, phase: float) -> None:
    """A dancer in a flowing dress, arms and skirt moving."""
    swing = math.sin(2 * math.pi * phase)
    turn = math.cos(2 * math.pi * phase)
    pen.line([(0.5, 0.56), (0.49, 0.78), (0.47, 0.965)], SKIN, 0.05)
    pen.line([(0.52, 0.56), (0.66 + 0.02 * turn, 0.7), (0.84, 0.80 + 0.025 * swing)], SKIN, 0.045)
    pen.polygon([(0.44, 0.955), (0.5, 0.94), (0.5, 0.985), (0.45, 0.995)], DARK)
    hem = 0.025 * swing
    pen.blob(
        [
            (0.46, 0.38),
            (0.56, 0.38),
            (0.66, 0.5),
            (0.86 + hem, 0.62 + hem),
            (0.74, 0.7 - hem),
            (0.58, 0.69),
            (0.44, 0.74 + hem),
            (0.26 - hem, 0.68 - hem),
            (0.36, 0.54),
        ],
        colour,
    )
    fold = mix(colour, (0, 0, 0), 0.2)
    pen.polygon([(0.5, 0.44), (0.6, 0.69), (0.53, 0.7)], fold)
    pen.polygon([(0.48, 0.45), (0.41, 0.725), (0.36, 0.715)], fold)
    pen.polygon([(0.55, 0.44), (0.76, 0.66), (0.71, 0.69)], fold)
    pen.blob([(0.44, 0.21), (0.57, 0.2), (0.575, 0.3), (0.56, 0.4), (0.45, 0.4), (0.435, 0.3)], colour)
    pen.line([(0.45, 0.225), (0.3, 0.17 + 0.02 * swing), (0.2, 0.055 + 0.03 * swing)], SKIN, 0.04)
    pen.line([(0.56, 0.22), (0.7, 0.2 - 0.02 * swing), (0.88, 0.13 - 0.035 * swing)], SKIN, 0.04)
    pen.rectangle(0.48, 0.155, 0.53, 0.22, SKIN)
    pen.ellipse(0.5, 0.125, 0.06, 0.046, SKIN)
    pen.blob([(0.44, 0.13), (0.44, 0.09), (0.5, 0.07), (0.56, 0.085), (0.565, 0.12), (0.53, 0.1), (0.48, 0.105)], HAIR)
    pen.ellipse(0.545, 0.075, 0.036, 0.026, HAIR)


def draw_astronaut(pen: Pen, colour: Colour, phase: float) -> None:
    """An astronaut in a suit with a golden visor, lifting a hand."""
    wave = math.sin(2 * math.pi * phase)
    dim = mix(colour, (70, 80, 100), 0.32)
    pen.rectangle(0.24, 0.25, 0.76, 0.62, mix(dim, (40, 44, 56), 0.35), 0.07)
    for left, right in ((0.31, 0.485), (0.515, 0.69)):
        pen.rectangle(left, 0.58, right, 0.93, dim, 0.06)
        pen.rectangle(left - 0.02, 0.9, right + 0.02, 0.985, mix(dim, (30, 34, 44), 0.45), 0.04)
        pen.rectangle(left, 0.74, right, 0.765, mix(dim, (60, 66, 80), 0.4))
    pen.line([(0.3, 0.35), (0.17, 0.46), (0.16, 0.6)], dim, 0.135)
    pen.line([(0.7, 0.35), (0.85, 0.37), (0.9 + 0.01 * wave, 0.235 + 0.012 * wave)], colour, 0.13)
    pen.ellipse(0.16, 0.625, 0.07, 0.035, mix(dim, (30, 34, 44), 0.4))
    pen.ellipse(0.9 + 0.01 * wave, 0.205 + 0.012 * wave, 0.07, 0.037, mix(dim, (30, 34, 44), 0.3))
    pen.rectangle(0.285, 0.29, 0.715, 0.655, colour, 0.12)
    pen.rectangle(0.38, 0.43, 0.62, 0.52, mix(colour, (60, 70, 90), 0.45), 0.03)
    pen.ellipse(0.44, 0.475, 0.022, 0.012, (206, 74, 60))
    pen.ellipse(0.51, 0.475, 0.022, 0.012, (84, 150, 190))
    pen.rectangle(0.29, 0.585, 0.71, 0.61, mix(colour, (60, 70, 90), 0.35))
    pen.ellipse(0.5, 0.165, 0.235, 0.148, colour)
    pen.ellipse(0.51, 0.168, 0.18, 0.105, (64, 52, 40))
    pen.ellipse(0.515, 0.163, 0.165, 0.094, (190, 138, 66))
    pen.ellipse(0.525, 0.19, 0.13, 0.06, (112, 78, 50))
    pen.ellipse(0.44, 0.122, 0.05, 0.022, (248, 226, 178))


def draw_bird(pen: Pen, colour: Colour, phase: float) -> None:
    """A gliding bird, seen from the side, beating its wings slowly."""
    beat = math.sin(2 * math.pi * phase)
    far = mix(colour, (40, 44, 56), 0.3)
    tip = 0.5 - 0.36 * beat
    pen.blob([(0.5, 0.5), (0.58, 0.5 - 0.12 * beat), (0.74, tip), (0.66, 0.5 - 0.08 * beat), (0.58, 0.54)], far)
    pen.blob([(0.3, 0.53), (0.42, 0.48), (0.58, 0.49), (0.68, 0.53), (0.58, 0.575), (0.42, 0.58)], colour)
    pen.polygon([(0.32, 0.53), (0.18, 0.52), (0.16, 0.56), (0.32, 0.56)], far)
    pen.ellipse(0.68, 0.515, 0.045, 0.042, colour)
    pen.polygon([(0.72, 0.505), (0.77, 0.525), (0.715, 0.535)], (226, 160, 70))
    pen.blob(
        [(0.42, 0.52), (0.44, 0.5 - 0.14 * beat), (0.3, tip), (0.52, 0.5 - 0.16 * beat), (0.6, 0.53)],
        mix(colour, (255, 255, 255), 0.12),
    )


def draw_fish(pen: Pen, colour: Colour, phase: float) -> None:
    """A fish moving its tail."""
    swing = 0.05 * math.sin(2 * math.pi * phase)
    fin = mix(colour, (0, 0, 0), 0.2)
    pen.blob(
        [
            (0.3, 0.5),
            (0.12, 0.3 + swing),
            (0.08, 0.34 + swing),
            (0.14, 0.5 + swing),
            (0.08, 0.68 + swing),
            (0.12, 0.72 + swing),
        ],
        fin,
    )
    pen.blob([(0.42, 0.36), (0.52, 0.16 + swing * 0.4), (0.7, 0.2), (0.72, 0.36)], fin)
    pen.blob([(0.5, 0.64), (0.52, 0.82 - swing * 0.5), (0.62, 0.76), (0.64, 0.64)], fin)
    pen.blob(
        [(0.24, 0.5), (0.4, 0.34), (0.62, 0.3), (0.82, 0.38), (0.92, 0.5), (0.82, 0.62), (0.62, 0.7), (0.4, 0.66)],
        colour,
    )
    pen.blob(
        [(0.34, 0.54), (0.6, 0.6), (0.86, 0.55), (0.78, 0.63), (0.6, 0.69), (0.42, 0.655)],
        mix(colour, (255, 255, 255), 0.35),
    )
    pen.ellipse(0.81, 0.46, 0.032, 0.042, PALE)
    pen.ellipse(0.815, 0.46, 0.017, 0.024, (24, 26, 32))


def draw_whale(pen: Pen, colour: Colour, phase: float) -> None:
    """A whale, its tail slowly moving."""
    swing = 0.045 * math.sin(2 * math.pi * phase)
    dark = mix(colour, (0, 0, 0), 0.22)
    pen.blob(
        [
            (0.2, 0.46 + swing * 0.6),
            (0.08, 0.3 + swing),
            (0.0, 0.28 + swing),
            (0.06, 0.42 + swing),
            (0.02, 0.56 + swing),
            (0.1, 0.5 + swing),
        ],
        dark,
    )
    pen.blob(
        [
            (0.12, 0.45 + swing * 0.6),
            (0.32, 0.36),
            (0.56, 0.26),
            (0.82, 0.28),
            (0.97, 0.42),
            (0.96, 0.56),
            (0.8, 0.66),
            (0.54, 0.66),
            (0.3, 0.54),
        ],
        colour,
    )
    pen.blob(
        [(0.46, 0.58), (0.7, 0.56), (0.96, 0.52), (0.92, 0.6), (0.78, 0.655), (0.56, 0.655)],
        mix(colour, (255, 255, 255), 0.5),
    )
    pen.blob([(0.62, 0.58), (0.54, 0.72 - swing), (0.44, 0.82 - swing), (0.5, 0.66)], dark)
    pen.ellipse(0.86, 0.49, 0.011, 0.018, (20, 24, 30))


def draw_cat(pen: Pen, colour: Colour, phase: float) -> None:
    """A sitting cat, its tail curling."""
    swing = 0.04 * math.sin(2 * math.pi * phase)
    dark = mix(colour, (0, 0, 0), 0.18)
    pen.line([(0.66, 0.93), (0.84, 0.9), (0.92, 0.76 + swing), (0.88 + swing, 0.62 + swing)], dark, 0.06)
    pen.blob(
        [(0.4, 0.42), (0.56, 0.44), (0.7, 0.62), (0.76, 0.86), (0.7, 0.97), (0.3, 0.97), (0.27, 0.8), (0.3, 0.56)],
        colour,
    )
    pen.rectangle(0.32, 0.7, 0.4, 0.975, mix(colour, (255, 255, 255), 0.12), 0.04)
    pen.rectangle(0.44, 0.7, 0.52, 0.975, mix(colour, (255, 255, 255), 0.12), 0.04)
    pen.polygon([(0.24, 0.3), (0.25, 0.1), (0.39, 0.21)], colour)
    pen.polygon([(0.58, 0.3), (0.58, 0.1), (0.44, 0.21)], colour)
    pen.ellipse(0.415, 0.315, 0.185, 0.145, colour)
    for x in (0.34, 0.49):
        pen.ellipse(x, 0.305, 0.03, 0.028, (222, 196, 96))
        pen.ellipse(x, 0.305, 0.011, 0.026, (22, 22, 24))
    pen.polygon([(0.395, 0.355), (0.435, 0.355), (0.415, 0.378)], (196, 130, 124))


def draw_dog(pen: Pen, colour: Colour, phase: float) -> None:
    """A standing dog, wagging its tail."""
    swing = 0.06 * math.sin(2 * math.pi * phase)
    dark = mix(colour, (0, 0, 0), 0.2)
    pen.line([(0.2, 0.5), (0.1, 0.38), (0.08 + swing, 0.24)], dark, 0.05)
    for left in (0.24, 0.62):
        pen.rectangle(left, 0.58, left + 0.07, 0.96, dark, 0.03)
    pen.blob(
        [
            (0.17, 0.47),
            (0.34, 0.42),
            (0.56, 0.42),
            (0.7, 0.36),
            (0.74, 0.5),
            (0.68, 0.68),
            (0.5, 0.67),
            (0.34, 0.66),
            (0.2, 0.66),
        ],
        colour,
    )
    for left in (0.18, 0.68):
        pen.rectangle(left, 0.58, left + 0.075, 0.97, colour, 0.03)
    pen.blob(
        [(0.62, 0.4), (0.66, 0.2), (0.78, 0.15), (0.86, 0.22), (0.97, 0.28), (0.96, 0.35), (0.84, 0.38), (0.76, 0.52)],
        colour,
    )
    pen.blob([(0.67, 0.18), (0.74, 0.17), (0.735, 0.34), (0.67, 0.38), (0.63, 0.3)], dark)
    pen.ellipse(0.962, 0.285, 0.02, 0.022, (30, 28, 30))
    pen.ellipse(0.815, 0.225, 0.014, 0.017, (30, 26, 26))


def draw_horse(pen: Pen, colour: Colour, phase: float) -> None:
    """A standing horse, mane and tail in the wind."""
    swing = 0.025 * math.sin(2 * math.pi * phase)
    dark = mix(colour, (10, 6, 6), 0.35)
    pen.blob([(0.17, 0.44), (0.1, 0.5), (0.05 - swing, 0.66), (0.08 - swing, 0.76), (0.13, 0.62), (0.2, 0.5)], dark)
    for x, lean in ((0.27, -0.02), (0.62, 0.02)):
        pen.polygon(
            [
                (x, 0.56),
                (x + 0.08, 0.56),
                (x + 0.055 + lean, 0.78),
                (x + 0.055 + lean, 0.97),
                (x + 0.005 + lean, 0.97),
                (x + 0.01 + lean, 0.78),
            ],
            dark,
        )
    pen.blob(
        [
            (0.16, 0.44),
            (0.3, 0.4),
            (0.5, 0.43),
            (0.64, 0.38),
            (0.72, 0.46),
            (0.7, 0.6),
            (0.56, 0.65),
            (0.36, 0.64),
            (0.2, 0.62),
        ],
        colour,
    )
    for x, lean in ((0.18, -0.01), (0.66, 0.0)):
        pen.polygon(
            [
                (x, 0.54),
                (x + 0.1, 0.54),
                (x + 0.065 + lean, 0.78),
                (x + 0.065 + lean, 0.975),
                (x + 0.01 + lean, 0.975),
                (x + 0.015 + lean, 0.78),
            ],
            colour,
        )
    pen.blob(
        [
            (0.58, 0.44),
            (0.68, 0.26),
            (0.75, 0.13),
            (0.82, 0.12),
            (0.95, 0.26),
            (0.93, 0.32),
            (0.82, 0.27),
            (0.77, 0.38),
            (0.72, 0.54),
        ],
        colour,
    )
    pen.polygon([(0.75, 0.14), (0.77, 0.05), (0.805, 0.13)], colour)
    pen.blob([(0.77, 0.11), (0.68, 0.17), (0.58 - swing, 0.32), (0.57 - swing, 0.44), (0.64, 0.4), (0.7, 0.28)], dark)
    pen.ellipse(0.83, 0.185, 0.01, 0.014, (20, 16, 16))


def draw_robot(pen: Pen, colour: Colour, phase: float) -> None:
    """A friendly robot with lit eyes."""
    nod = 0.006 * math.sin(2 * math.pi * phase)
    dark = mix(colour, (24, 28, 38), 0.5)
    for left in (0.36, 0.54):
        pen.rectangle(left, 0.68, left + 0.1, 0.93, dark, 0.03)
        pen.rectangle(left - 0.04, 0.91, left + 0.13, 0.98, colour, 0.03)
    pen.line([(0.28, 0.42), (0.17, 0.54), (0.2, 0.68)], dark, 0.075)
    pen.line([(0.72, 0.42), (0.83, 0.54), (0.8, 0.68)], dark, 0.075)
    pen.rectangle(0.27, 0.36, 0.73, 0.72, colour, 0.09)
    pen.rectangle(0.37, 0.45, 0.63, 0.57, dark, 0.03)
    pen.ellipse(0.44, 0.51, 0.03, 0.018, (110, 214, 206))
    pen.rectangle(0.46, 0.3, 0.54, 0.38, dark)
    pen.rectangle(0.29, 0.12 + nod, 0.71, 0.32 + nod, colour, 0.1)
    pen.rectangle(0.34, 0.165 + nod, 0.66, 0.27 + nod, (28, 32, 42), 0.06)
    for x in (0.43, 0.57):
        pen.ellipse(x, 0.217 + nod, 0.035, 0.021, (126, 226, 220))
    pen.line([(0.5, 0.12 + nod), (0.5, 0.05 + nod)], dark, 0.02)
    pen.ellipse(0.5, 0.045 + nod, 0.03, 0.018, (226, 110, 84))
