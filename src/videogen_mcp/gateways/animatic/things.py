"""Subjects that are things, drawn as simple figures: vessels, vehicles, buildings, objects."""

import math
from typing import Final

from .figures import DARK, PALE, Pen
from .palette import Colour, mix

WOOD: Final[Colour] = (112, 80, 58)
GLASS: Final[Colour] = (150, 186, 206)
LAMP: Final[Colour] = (255, 214, 140)


def draw_kite(pen: Pen, colour: Colour, phase: float) -> None:
    """A diamond kite with a long tail of bows in the wind."""
    angle = 2 * math.pi * phase
    top, right, bottom, left = (0.56, 0.03), (0.79, 0.2), (0.47, 0.52), (0.3, 0.16)
    middle = (0.545, 0.18)
    tail = [
        (
            0.47 - 0.30 * share + 0.055 * math.sin(6.5 * share - angle) * share**0.5,
            0.52 + 0.44 * share + 0.03 * math.cos(7 * share - angle) * share,
        )
        for share in (step / 24 for step in range(25))
    ]
    pen.line(tail, mix(colour, (30, 26, 30), 0.35), 0.009)
    for index, step in enumerate((5, 9, 13, 17, 21)):
        x, y = tail[step]
        size = 0.05 - 0.004 * index
        bow = colour if index % 2 == 0 else PALE
        pen.polygon([(x, y), (x - size, y - size * 0.45), (x - size * 0.75, y + size * 0.55)], bow)
        pen.polygon(
            [(x, y), (x + size, y - size * 0.45), (x + size * 0.75, y + size * 0.55)], mix(bow, (0, 0, 0), 0.15)
        )
    pen.polygon([top, right, middle], mix(colour, (255, 255, 255), 0.16))
    pen.polygon([top, middle, left], colour)
    pen.polygon([left, middle, bottom], mix(colour, (20, 10, 20), 0.22))
    pen.polygon([middle, right, bottom], mix(colour, (20, 10, 20), 0.08))
    spar = mix(colour, (30, 20, 20), 0.5)
    pen.line([top, bottom], spar, 0.009)
    pen.line([left, middle, right], spar, 0.009)


def draw_boat(pen: Pen, colour: Colour, phase: float) -> None:
    """A sailing boat with two full sails."""
    swell = 0.012 * math.sin(2 * math.pi * phase)
    pen.rectangle(0.485, 0.04, 0.5, 0.84, WOOD)
    pen.blob([(0.515, 0.06), (0.66 + swell, 0.3), (0.82 + swell, 0.66), (0.8, 0.76), (0.6, 0.765), (0.515, 0.75)], PALE)
    pen.polygon([(0.515, 0.56), (0.76 + swell, 0.56), (0.8 + swell, 0.64), (0.515, 0.64)], mix(colour, PALE, 0.1))
    pen.blob(
        [(0.47, 0.12), (0.36 - swell, 0.4), (0.2 - swell, 0.72), (0.34, 0.75), (0.47, 0.74)],
        mix(PALE, (90, 100, 120), 0.16),
    )
    pen.blob(
        [
            (0.1, 0.805),
            (0.3, 0.825),
            (0.6, 0.825),
            (0.93, 0.795),
            (0.84, 0.92),
            (0.7, 0.965),
            (0.3, 0.965),
            (0.18, 0.91),
        ],
        colour,
    )
    pen.polygon([(0.12, 0.822), (0.92, 0.812), (0.9, 0.845), (0.14, 0.85)], mix(colour, (255, 255, 255), 0.55))


def draw_ship(pen: Pen, colour: Colour, phase: float) -> None:
    """A steamer with a bridge, a funnel and a little smoke."""
    for index in range(4):
        share = (index + phase) / 4
        size = 0.03 + 0.05 * share
        pen.ellipse(
            0.42 - 0.28 * share, 0.2 - 0.12 * share, size, size * 1.2, mix((150, 150, 152), (196, 198, 200), share)
        )
    pen.rectangle(0.39, 0.24, 0.47, 0.5, mix(colour, (20, 20, 24), 0.1))
    pen.rectangle(0.39, 0.28, 0.47, 0.34, PALE)
    pen.rectangle(0.24, 0.47, 0.7, 0.64, PALE, 0.01)
    pen.rectangle(0.52, 0.33, 0.66, 0.5, mix(PALE, (110, 120, 130), 0.14), 0.01)
    for number in range(6):
        pen.ellipse(0.29 + 0.07 * number, 0.56, 0.012, 0.025, mix(GLASS, DARK, 0.5))
    pen.line([(0.8, 0.3), (0.8, 0.62)], DARK, 0.008)
    pen.polygon([(0.03, 0.62), (0.5, 0.655), (0.98, 0.57), (0.89, 0.95), (0.12, 0.95)], colour)
    pen.polygon([(0.1, 0.88), (0.905, 0.88), (0.89, 0.95), (0.12, 0.95)], mix(colour, (120, 40, 34), 0.6))


def draw_balloon(pen: Pen, colour: Colour, phase: float) -> None:
    """A hot air balloon with gores and a basket."""
    flame = 0.5 + 0.5 * math.sin(2 * math.pi * phase)
    pen.polygon([(0.42, 0.72), (0.58, 0.72), (0.545, 0.88), (0.455, 0.88)], mix(colour, (40, 30, 30), 0.5))
    pen.blob(
        [
            (0.5, 0.01),
            (0.78, 0.09),
            (0.93, 0.32),
            (0.82, 0.54),
            (0.6, 0.735),
            (0.4, 0.735),
            (0.18, 0.54),
            (0.07, 0.32),
            (0.22, 0.09),
        ],
        colour,
    )
    light = mix(colour, (252, 240, 220), 0.62)
    for inner, outer in ((0.1, 0.3), (0.52, 0.76)):
        for side in (-1, 1):
            edge = [(0.5 + side * share * spread, y) for share in (inner,) for y, spread in _GORE]
            back = [(0.5 + side * outer * spread, y) for y, spread in reversed(_GORE)]
            pen.polygon([*edge, *back], light if inner < 0.2 else mix(light, colour, 0.3))  # noqa: PLR2004 - the middle gores
    pen.ellipse(0.5, 0.75, 0.03, 0.018, mix(colour, (255, 226, 150), 0.5 + 0.5 * flame))
    for x in (0.45, 0.55):
        pen.line([(x - 0.01, 0.735), (x, 0.89)], DARK, 0.006)
    pen.rectangle(0.43, 0.885, 0.57, 0.985, WOOD, 0.02)
    pen.rectangle(0.425, 0.88, 0.575, 0.905, mix(WOOD, (0, 0, 0), 0.3), 0.01)


_GORE: Final = (
    (0.02, 0.1),
    (0.09, 0.28),
    (0.2, 0.385),
    (0.32, 0.425),
    (0.44, 0.395),
    (0.54, 0.32),
    (0.64, 0.21),
    (0.73, 0.1),
)


def draw_car(pen: Pen, colour: Colour, phase: float) -> None:
    """A small car, seen from the side, with lit lamps."""
    bounce = 0.006 * math.sin(2 * math.pi * phase)
    dark = mix(colour, (12, 12, 18), 0.4)
    pen.blob(
        [
            (0.2, 0.52 + bounce),
            (0.3, 0.26 + bounce),
            (0.42, 0.2 + bounce),
            (0.62, 0.21 + bounce),
            (0.72, 0.32 + bounce),
            (0.8, 0.52 + bounce),
        ],
        dark,
    )
    pen.polygon(
        [(0.27, 0.49 + bounce), (0.345, 0.29 + bounce), (0.48, 0.265 + bounce), (0.48, 0.49 + bounce)],
        mix(GLASS, DARK, 0.3),
    )
    pen.polygon(
        [(0.51, 0.49 + bounce), (0.51, 0.265 + bounce), (0.62, 0.28 + bounce), (0.73, 0.49 + bounce)],
        mix(GLASS, DARK, 0.3),
    )
    pen.blob(
        [
            (0.04, 0.7 + bounce),
            (0.05, 0.54 + bounce),
            (0.22, 0.48 + bounce),
            (0.5, 0.47 + bounce),
            (0.78, 0.48 + bounce),
            (0.95, 0.56 + bounce),
            (0.97, 0.72 + bounce),
            (0.9, 0.78 + bounce),
            (0.5, 0.79 + bounce),
            (0.1, 0.78 + bounce),
        ],
        colour,
    )
    pen.line([(0.1, 0.58 + bounce), (0.9, 0.58 + bounce)], mix(colour, (255, 255, 255), 0.3), 0.007)
    pen.ellipse(0.945, 0.61 + bounce, 0.022, 0.04, (255, 240, 200))
    pen.ellipse(0.055, 0.6 + bounce, 0.016, 0.04, (226, 70, 58))
    for x in (0.24, 0.76):
        pen.ellipse(x, 0.8, 0.095, 0.19, (26, 27, 32))
        pen.ellipse(x, 0.8, 0.055, 0.11, (150, 154, 160))
        pen.ellipse(x, 0.8, 0.02, 0.04, (70, 72, 80))


def draw_plane(pen: Pen, colour: Colour, phase: float) -> None:
    """A propeller plane, seen from the side."""
    dark = mix(colour, (20, 20, 30), 0.25)
    pen.polygon([(0.08, 0.46), (0.04, 0.18), (0.13, 0.18), (0.26, 0.44)], dark)
    pen.blob(
        [(0.05, 0.48), (0.3, 0.4), (0.6, 0.37), (0.86, 0.42), (0.92, 0.51), (0.84, 0.6), (0.5, 0.63), (0.2, 0.56)],
        colour,
    )
    pen.blob([(0.5, 0.39), (0.56, 0.28), (0.66, 0.28), (0.72, 0.39)], mix(GLASS, DARK, 0.2))
    pen.polygon([(0.42, 0.53), (0.66, 0.53), (0.5, 0.78), (0.36, 0.78)], mix(colour, PALE, 0.35))
    pen.polygon([(0.05, 0.47), (0.22, 0.47), (0.12, 0.58), (0.02, 0.58)], mix(colour, PALE, 0.35))
    blade = 0.22 * abs(math.cos(4 * math.pi * phase)) + 0.05
    pen.ellipse(0.93, 0.51, 0.008, blade, mix(DARK, PALE, 0.4))
    pen.ellipse(0.92, 0.51, 0.02, 0.05, DARK)


def draw_rocket(pen: Pen, colour: Colour, phase: float) -> None:
    """A rocket with fins, a porthole and a flame."""
    flame = 0.03 * math.sin(4 * math.pi * phase)
    for width, tip, tone in (
        (0.13, 0.985, (244, 132, 62)),
        (0.085, 0.93, (255, 196, 96)),
        (0.045, 0.87, (255, 244, 214)),
    ):
        pen.blob(
            [
                (0.5 - width, 0.76),
                (0.5, 0.74),
                (0.5 + width, 0.76),
                (0.5 + width * 0.5, 0.86),
                (0.5, tip + flame * (tip - 0.7)),
                (0.5 - width * 0.5, 0.86),
            ],
            tone,
        )
    fin = mix(colour, (30, 10, 20), 0.18)
    pen.polygon([(0.36, 0.5), (0.14, 0.72), (0.15, 0.84), (0.38, 0.72)], fin)
    pen.polygon([(0.64, 0.5), (0.86, 0.72), (0.85, 0.84), (0.62, 0.72)], mix(fin, (0, 0, 0), 0.2))
    pen.rectangle(0.39, 0.7, 0.61, 0.77, DARK, 0.02)
    pen.blob(
        [
            (0.5, 0.02),
            (0.63, 0.18),
            (0.68, 0.42),
            (0.64, 0.66),
            (0.58, 0.73),
            (0.42, 0.73),
            (0.36, 0.66),
            (0.32, 0.42),
            (0.37, 0.18),
        ],
        PALE,
    )
    pen.blob([(0.5, 0.02), (0.58, 0.1), (0.635, 0.2), (0.5, 0.215), (0.365, 0.2), (0.42, 0.1)], colour)
    pen.ellipse(0.5, 0.37, 0.095, 0.066, mix(colour, DARK, 0.3))
    pen.ellipse(0.5, 0.37, 0.07, 0.048, GLASS)
    pen.ellipse(0.475, 0.355, 0.025, 0.015, (236, 246, 250))


def draw_house(pen: Pen, colour: Colour, phase: float) -> None:
    """A gabled cabin with lit windows and smoke over the chimney."""
    for index in range(5):
        share = (index + phase) / 5
        size = 0.016 + 0.034 * share
        pen.ellipse(
            0.715 + 0.05 * math.sin(share * 4) + 0.06 * share,
            0.2 - 0.19 * share,
            size,
            size * 0.95,
            mix((206, 208, 212), (226, 228, 232), share),
        )
    dark = mix(colour, (20, 14, 14), 0.42)
    pen.rectangle(0.67, 0.2, 0.76, 0.46, mix(dark, (110, 90, 84), 0.5))
    pen.rectangle(0.14, 0.52, 0.86, 0.97, colour)
    for number in range(1, 7):
        y = 0.52 + number * 0.065
        pen.line([(0.145, y), (0.855, y)], mix(colour, (20, 14, 14), 0.2), 0.006)
    pen.polygon([(0.3, 0.53), (0.5, 0.28), (0.7, 0.53)], colour)
    pen.polygon([(0.05, 0.57), (0.26, 0.24), (0.74, 0.24), (0.95, 0.57)], dark)
    pen.rectangle(0.43, 0.66, 0.57, 0.97, mix(dark, (0, 0, 0), 0.15), 0.01)
    for left in (0.2, 0.65):
        pen.rectangle(left, 0.64, left + 0.15, 0.8, dark)
        pen.rectangle(left + 0.012, 0.653, left + 0.138, 0.787, LAMP)
        pen.line([(left + 0.075, 0.655), (left + 0.075, 0.785)], dark, 0.01)
        pen.line([(left + 0.014, 0.72), (left + 0.136, 0.72)], dark, 0.01)


def draw_castle(pen: Pen, colour: Colour, phase: float) -> None:
    """A castle with three towers and a pennant."""
    wave = 0.015 * math.sin(2 * math.pi * phase)
    dark = mix(colour, (24, 24, 36), 0.3)
    roof = mix((96, 72, 92), colour, 0.2)
    pen.line([(0.5, 0.13), (0.5, 0.01)], dark, 0.008)
    pen.polygon([(0.505, 0.01), (0.61, 0.035 + wave), (0.505, 0.065)], (186, 72, 62))
    pen.rectangle(0.4, 0.3, 0.6, 0.98, mix(colour, (255, 255, 255), 0.06))
    pen.polygon([(0.37, 0.31), (0.5, 0.11), (0.63, 0.31)], roof)
    pen.rectangle(0.12, 0.62, 0.88, 0.98, colour)
    for number in range(10):
        pen.rectangle(0.12 + number * 0.078, 0.585, 0.16 + number * 0.078, 0.63, colour)
    for left in (0.06, 0.78):
        pen.rectangle(left, 0.46, left + 0.16, 0.98, dark)
        pen.polygon([(left - 0.025, 0.47), (left + 0.08, 0.28), (left + 0.185, 0.47)], mix(roof, (0, 0, 0), 0.15))
        pen.rectangle(left + 0.06, 0.56, left + 0.1, 0.64, LAMP, 0.02)
    pen.rectangle(0.475, 0.4, 0.525, 0.5, LAMP, 0.025)
    pen.rectangle(0.43, 0.78, 0.57, 0.98, mix(dark, (0, 0, 0), 0.4), 0.07)
    pen.rectangle(0.43, 0.88, 0.57, 0.98, mix(dark, (0, 0, 0), 0.4))


def draw_lighthouse(pen: Pen, colour: Colour, phase: float) -> None:
    """A striped lighthouse on its rock."""
    pen.blob(
        [(0.02, 0.98), (0.16, 0.88), (0.4, 0.84), (0.66, 0.85), (0.88, 0.91), (0.99, 0.98), (0.5, 1.0)], (74, 76, 82)
    )
    for number in range(6):
        top, bottom = 0.22 + number * 0.108, 0.22 + (number + 1) * 0.108
        half_top, half_bottom = 0.10 + 0.012 * number, 0.10 + 0.012 * (number + 1)
        tone = colour if number % 2 == 0 else PALE
        pen.polygon(
            [(0.5 - half_top, top), (0.5 + half_top, top), (0.5 + half_bottom, bottom), (0.5 - half_bottom, bottom)],
            tone,
        )
    pen.rectangle(0.36, 0.2, 0.64, 0.225, DARK)
    pulse = 0.5 + 0.5 * math.sin(2 * math.pi * phase)
    pen.rectangle(0.42, 0.115, 0.58, 0.2, mix((208, 178, 112), (255, 244, 206), pulse))
    for x in (0.42, 0.5, 0.58):
        pen.line([(x, 0.115), (x, 0.2)], DARK, 0.012)
    pen.polygon([(0.38, 0.118), (0.5, 0.04), (0.62, 0.118)], mix(colour, (20, 16, 20), 0.25))
    pen.rectangle(0.46, 0.76, 0.54, 0.87, DARK, 0.04)


def draw_tree(pen: Pen, colour: Colour, phase: float) -> None:
    """A broad tree, its crown moving in the wind."""
    sway = 0.008 * math.sin(2 * math.pi * phase)
    bark = (74, 56, 46)
    pen.polygon([(0.46, 0.55), (0.54, 0.55), (0.55, 0.88), (0.6, 0.985), (0.4, 0.985), (0.45, 0.88)], bark)
    pen.line([(0.5, 0.66), (0.36, 0.5)], bark, 0.035)
    pen.line([(0.5, 0.62), (0.66, 0.48)], bark, 0.035)
    crowns = (
        (0.5, 0.46, 0.34, 0.19),
        (0.3, 0.42, 0.2, 0.15),
        (0.71, 0.42, 0.2, 0.15),
        (0.4, 0.27, 0.22, 0.17),
        (0.6, 0.25, 0.22, 0.17),
        (0.5, 0.16, 0.18, 0.13),
    )
    for tone, shift in (
        (mix(colour, (10, 20, 20), 0.35), 0.02),
        (colour, 0.0),
        (mix(colour, (255, 244, 200), 0.16), -0.035),
    ):
        shrink = 1.0 if shift >= 0 else 0.72
        for x, y, wide, tall in crowns:
            pen.ellipse(
                x + sway * (1 - y) * 2 + shift * 0.6, y + shift, wide * shrink * 0.94, tall * shrink * 0.94, tone
            )


def draw_bottle(pen: Pen, colour: Colour, phase: float) -> None:
    """A perfume bottle: thick glass, coloured liquid, a metal cap."""
    shine = 0.01 * math.sin(2 * math.pi * phase)
    glass = mix(colour, (250, 248, 244), 0.58)
    pen.rectangle(0.36, 0.03, 0.64, 0.26, (58, 52, 50), 0.03)
    pen.rectangle(0.39, 0.045, 0.44, 0.245, (128, 116, 108), 0.02)
    pen.rectangle(0.42, 0.25, 0.58, 0.33, (204, 176, 120))
    pen.rectangle(0.42, 0.25, 0.47, 0.33, (238, 216, 168))
    pen.rectangle(0.1, 0.32, 0.9, 0.985, glass, 0.13)
    pen.rectangle(0.155, 0.42, 0.845, 0.935, colour, 0.09)
    pen.rectangle(0.155, 0.42, 0.845, 0.47, mix(colour, (255, 255, 255), 0.3), 0.05)
    pen.rectangle(0.68, 0.46, 0.8, 0.9, mix(colour, (30, 16, 16), 0.16), 0.05)
    pen.rectangle(0.13 + shine, 0.38, 0.185 + shine, 0.9, mix(glass, (255, 255, 255), 0.75), 0.03)
    pen.rectangle(0.33, 0.58, 0.67, 0.78, (246, 240, 230), 0.012)
    pen.rectangle(0.39, 0.645, 0.61, 0.657, (92, 80, 74))
    pen.rectangle(0.43, 0.69, 0.57, 0.698, (150, 138, 130))


def draw_cup(pen: Pen, colour: Colour, phase: float) -> None:
    """A cup on a saucer, steaming."""
    for side in (-1, 0, 1):
        steam = [
            (0.45 + 0.1 * side + 0.025 * math.sin(9 * share + 2 * math.pi * phase + side), 0.4 - 0.36 * share)
            for share in (step / 12 for step in range(13))
        ]
        pen.line(steam, (232, 230, 226), 0.012)
    pen.ellipse(0.48, 0.93, 0.42, 0.055, mix(colour, (20, 16, 16), 0.12))
    pen.ellipse(0.48, 0.915, 0.42, 0.05, mix(colour, (255, 255, 255), 0.2))
    pen.ellipse(0.76, 0.64, 0.13, 0.13, mix(colour, (20, 16, 16), 0.1))
    pen.ellipse(0.76, 0.64, 0.08, 0.085, (214, 204, 192))
    pen.blob(
        [
            (0.18, 0.47),
            (0.46, 0.45),
            (0.74, 0.47),
            (0.73, 0.66),
            (0.64, 0.86),
            (0.46, 0.91),
            (0.28, 0.86),
            (0.19, 0.66),
        ],
        colour,
    )
    pen.ellipse(0.46, 0.47, 0.28, 0.05, mix(colour, (255, 255, 255), 0.3))
    pen.ellipse(0.46, 0.476, 0.25, 0.039, (74, 48, 36))
