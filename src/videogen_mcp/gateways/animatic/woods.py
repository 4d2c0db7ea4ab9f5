"""Woods: rows of conifers, and the forest with its trunks, light shafts and undergrowth."""

import math
from random import Random

from PIL import ImageChops

from .land import add_grass, add_mist, is_wintry, tint
from .paint import (
    Sheet,
    blurred,
    filled,
    fractal,
    gradient,
    looked_up,
    polygon_mask,
    ridge,
    rim,
    smooth_threshold,
)
from .palette import GROUNDS, Colour, mix
from .sky import set_sky
from .stage import LINE_STEP, Stage, Sway


def build_forest(stage: Stage) -> None:
    """Rows of trees fading into the light, trunks and undergrowth before the camera."""
    stage.horizon, stage.stand = 0.66, 0.82
    set_sky(stage)
    add_conifers(stage, "row 0", base=0.68, tall=0.40, nearness=0.08)
    add_mist(stage, 0.62, 0.5, 0.1)
    _trunks(stage, 0, 0.16, 20)
    add_conifers(stage, "row 1", base=0.70, tall=0.5, nearness=0.26, gaps=True)
    add_mist(stage, 0.66, 0.6, 0.28)
    _trunks(stage, 1, 0.36, 11)
    colours = tint(stage, "forest")
    line = ridge(stage.random("floor"), stage.wide, LINE_STEP, [(stage.width * 0.7, stage.height * 0.012)])
    far, near = stage.palette.ground(colours, 0.42), stage.palette.ground(colours, 0.95)
    stage.add_ground(
        line, base=0.715, depth=0.5, colours=(mix(far, stage.palette.horizon, 0.34), near), light=(2.0, 0.3)
    )
    _undergrowth(stage)
    _shafts(stage)
    _trunks(stage, 2, 0.62, 6)
    _canopy(stage)
    _trunks(stage, 3, 0.98, 4)
    add_grass(stage)


def _undergrowth(stage: Stage) -> None:
    """Scatter ferns over the forest floor, larger towards the camera."""
    random = stage.random("ferns")
    tall = round(stage.height * 0.24)
    sheet = Sheet(stage.wide, tall)
    for number in range(90):
        share = number / 90
        x, y = random.uniform(0, stage.wide), tall * (0.2 + 0.8 * share)
        size = stage.unit * (1.0 + 4.2 * share) * random.uniform(0.6, 1.1)
        colour = stage.palette.ground(tint(stage, "forest"), 0.45 + 0.5 * share)
        colour = mix(colour, stage.palette.glow, random.uniform(0.0, 0.14))
        for blade in range(7):
            angle = math.pi * (0.12 + 0.76 * blade / 6) + random.uniform(-0.1, 0.1)
            reach = size * random.uniform(0.8, 1.2)
            tip = (x + math.cos(angle) * reach * 1.2, y - math.sin(angle) * reach)
            side = (math.sin(angle) * size * 0.09, math.cos(angle) * size * 0.09)
            sheet.polygon([(x - side[0], y - side[1]), tip, (x + side[0], y + side[1])], colour)
    stage.add_wide(sheet.layer(), 0.55, stage.height * 0.68)


def _canopy(stage: Stage) -> None:
    """Close the picture above with dark foliage, out of focus."""
    size = (stage.wide, round(stage.height * 0.42))
    noise = fractal(stage.random("canopy"), size, (stage.unit * 20, stage.unit * 12), 5)
    fade = gradient(size, [(0.0, (255, 0, 0)), (0.35, (150, 0, 0)), (1.0, (0, 0, 0))]).getchannel("R")
    mask = looked_up(ImageChops.add(noise, fade, 2), smooth_threshold(126, 146, 0.94))
    colour = mix(stage.palette.ground(GROUNDS["forest"], 0.75), stage.palette.shade, 0.25)
    fill = gradient(size, [(0.0, mix(colour, stage.palette.shade, 0.4)), (1.0, mix(colour, stage.palette.glow, 0.16))])
    stage.add_wide(filled(mask, fill), 0.7, -stage.margin_y, Sway(x=stage.unit * 0.6, period=6))


def foot_of_trunks(stage: Stage, row: int) -> float:
    """Return where a row of trunks stands, in pixels below the top of its sheet."""
    return stage.margin_y + stage.height * (0.70, 0.725, 0.82, 1.1)[row]


def _trunks(stage: Stage, index: int, nearness: float, count: int) -> None:
    random = stage.random(f"trunks {index}")
    height = stage.height + 2 * stage.margin_y
    sheet = Sheet(stage.wide, min(float(height), foot_of_trunks(stage, index)))
    colour = mix(stage.palette.ground(GROUNDS["pine"], nearness), stage.palette.shade, 0.35 * nearness)
    foot = foot_of_trunks(stage, index)
    for number in range(count):
        side = (number + random.uniform(0.15, 0.85)) / count
        if index > 1 and 0.3 < side < 0.7:  # noqa: PLR2004 - the middle stays open
            side += 0.32 if side > 0.5 else -0.32  # noqa: PLR2004 - the middle
        x, wide = side * stage.wide, stage.unit * random.uniform(0.8, 1.5) * (0.5, 0.75, 1.3, 2.8)[index]
        lean = random.uniform(-0.03, 0.03) * height
        sheet.polygon(
            [
                (x + lean - wide * 0.6, 0),
                (x + lean + wide * 0.6, 0),
                (x + wide, foot - wide),
                (x + wide * 1.8, foot),
                (x - wide * 1.8, foot),
                (x - wide, foot - wide),
            ],
            colour,
        )
        for _ in range(4):
            y = random.uniform(0.05, 0.5) * height
            reach = random.choice((-1, 1)) * stage.unit * random.uniform(5, 14)
            middle = x + lean * (1 - y / foot)
            sheet.line(
                [(middle, y), (middle + reach * 0.6, y - abs(reach) * 0.25), (middle + reach, y - abs(reach) * 0.2)],
                colour,
                wide * 0.22,
            )
    picture = sheet.picture()
    mask = picture.getchannel(3)
    fill = picture.convert("RGB")
    side_light = rim(mask, (-max(1, round(stage.unit * 0.5)), 0), 0.5 if not stage.palette.dark else 0.2)
    fill.paste(mix(colour, stage.palette.glow, 0.6), (0, 0), side_light)
    stage.add_wide(blurred(filled(mask, fill), stage.unit * (0.0, 0.0, 0.0, 0.5)[index]), nearness, -stage.margin_y)


def _shafts(stage: Stage) -> None:
    """Let light fall through the trees in soft slanting bands."""
    random = stage.random("shafts")
    size = (stage.wide, round(stage.height * 0.95))
    shafts: list[list[tuple[float, float]]] = []
    for _ in range(7):
        x, wide = random.uniform(0.15, 1.1) * size[0], stage.unit * random.uniform(2, 7)
        shafts.append(
            [(x, -5), (x + wide, -5), (x + wide * 2.2 - size[1] * 0.5, size[1]), (x - wide - size[1] * 0.5, size[1])]
        )
    mask = blurred(polygon_mask(size, *shafts), stage.unit * 1.6)
    fade = gradient(size, [(0.0, (255, 0, 0)), (0.55, (150, 0, 0)), (1.0, (0, 0, 0))]).getchannel("R")
    strength = 0.34 if not stage.palette.dark else 0.12
    mask = looked_up(ImageChops.multiply(mask, fade), [round(value * strength) for value in range(256)])
    stage.add_wide(
        filled(mask, stage.palette.glow), 0.5, -stage.margin_y * 0.6, Sway(x=stage.unit * 1.5, period=9), soft=True
    )


def add_conifers(stage: Stage, name: str, *, base: float, tall: float, nearness: float, gaps: bool = False) -> None:
    """Add a line of conifers standing on a base (share of the height), `tall` high (the same)."""
    random = stage.random(f"conifers {name}")
    height = round(stage.height * tall)
    sheet = Sheet(stage.wide, height)
    base_colour = stage.palette.ground(GROUNDS["pine"], nearness)
    x = 0.0
    while x < stage.wide:
        middle = abs(x / stage.wide - 0.5) * 2
        size = height * random.uniform(0.55, 0.98) * (1.0 if not gaps else 0.25 + 0.75 * min(1.0, middle * 1.3))
        colour = mix(base_colour, stage.palette.haze, random.uniform(0, 0.10))
        snow = stage.palette.ground(GROUNDS["winter"], nearness) if is_wintry(stage) else None
        conifer(sheet, random, (x, float(height)), size, colour=colour, snow=snow)
        x += size * random.uniform(0.16, 0.42) * (2.2 if gaps and middle < 0.5 else 1.0)  # noqa: PLR2004 - the middle half
    stage.add_wide(sheet.layer(), nearness, base * stage.height - height)


def conifer(
    sheet: Sheet, random: Random, foot: tuple[float, float], tall: float, *, colour: Colour, snow: Colour | None = None
) -> None:
    """Draw one conifer: drooping tiers around a stem."""
    x, y = foot
    tiers = 7
    sheet.rectangle(x - tall * 0.014, y - tall * 0.9, x + tall * 0.014, y, colour)
    for tier in range(tiers):
        share = (tier + 1) / tiers
        low = y - tall + tall * 0.94 * share
        high = y - tall + tall * 0.94 * max(0.0, share - 0.27)
        left, right = (tall * 0.19 * share**0.85 * random.uniform(0.8, 1.1) for _ in range(2))
        sheet.polygon(
            [
                (x, high),
                (x + right * 0.5, low - tall * 0.05),
                (x + right, low),
                (x, low - tall * 0.025),
                (x - left, low),
                (x - left * 0.5, low - tall * 0.05),
            ],
            colour,
        )
        if snow:
            white = mix(colour, snow, 0.55)
            sheet.polygon(
                [
                    (x, high),
                    (x - left * 0.45, low - tall * 0.055),
                    (x - left * 0.95, low - tall * 0.004),
                    (x - left * 0.35, low - tall * 0.045),
                ],
                white,
            )
