"""The city: skylines, a street between house fronts, neon signs, lamps, a road that mirrors them."""

from random import Random
from typing import Final

from PIL import Image, ImageChops

from .paint import Sheet, blurred, filled, fractal, glow, gradient, looked_up, resized, smooth_threshold
from .palette import GROUNDS, Colour, mix, multiply
from .sky import set_sky
from .stage import Stage
from .water import flattened

WINDOW_LIGHTS: Final[tuple[Colour, ...]] = ((255, 214, 150), (255, 196, 120), (244, 226, 190), (186, 214, 236))
NEONS: Final[tuple[Colour, ...]] = ((255, 84, 158), (72, 214, 232), (255, 170, 88), (152, 110, 255))


def build_city(stage: Stage) -> None:
    """A street: skylines far away, house fronts on both sides, lamps, the road mirroring them when wet."""
    stage.horizon, stage.stand = 0.7, 0.83
    set_sky(stage)
    _skyline(stage, "far", base=0.74, tall=0.42, nearness=0.10, open_middle=0.0)
    _skyline(stage, "middle", base=0.74, tall=0.46, nearness=0.28, open_middle=0.45)
    _haze_band(stage, 0.66, 0.5)
    _skyline(stage, "near", base=0.735, tall=0.64, nearness=0.52, open_middle=0.95)
    _neon_signs(stage)
    _road(stage, 0.728)
    _lamps(stage)


def _window_colour(stage: Stage, random: Random, wall: Colour, nearness: float) -> Colour:
    if not stage.palette.dark:
        return mix(wall, stage.palette.horizon, random.choice((0.08, 0.12, 0.2, 0.34)))
    if random.random() < 0.56:  # noqa: PLR2004 - a share of the windows is dark
        return mix(wall, stage.palette.shade, 0.35)
    lamp = random.choice(WINDOW_LIGHTS + (NEONS[:2] if stage.shot.light == "neon" else ()))
    return mix(wall, lamp, random.uniform(0.35, 0.8) * (0.45 + 0.55 * nearness))


def _skyline(stage: Stage, name: str, *, base: float, tall: float, nearness: float, open_middle: float) -> None:
    """Add a row of buildings; `open_middle` (0 to 1) lowers those in the middle, so that a street opens there."""
    random = stage.random(f"skyline {name}")
    height = round(stage.height * tall)
    sheet = Sheet(stage.wide, height)
    unit = stage.unit * (0.5 + 1.25 * nearness)
    x = -unit * 4
    while x < stage.wide:
        wide = unit * random.uniform(9, 19)
        middle = abs((x + wide / 2) / stage.wide - 0.5) * 2
        share = random.uniform(0.42, 0.98) * (1.0 - open_middle + open_middle * min(1.0, 0.05 + middle**1.5 * 1.6))
        if share > 0.1:  # noqa: PLR2004 - lower ones would look like rubble
            _building(stage, sheet, random, (x, height - height * share, x + wide), unit=unit, nearness=nearness)
        x += wide + random.choice((0.0, 0.0, unit * 0.8))
    picture = sheet.picture()
    veil = gradient(sheet.size, [(0.0, (0, 0, 0)), (1.0, (max(0, round(165 - 230 * nearness)), 0, 0))]).getchannel("R")
    mask = picture.getchannel(3)
    fill = picture.convert("RGB")
    fill.paste(stage.palette.haze, (0, 0), veil)
    stage.add_wide(filled(mask, fill), nearness, base * stage.height - height)


def _building(
    stage: Stage, sheet: Sheet, random: Random, place: tuple[float, float, float], *, unit: float, nearness: float
) -> None:
    """Draw one building: body, a top, and rows of windows."""
    left, top, right = place
    wall = mix(
        stage.palette.ground(GROUNDS["city"], nearness),
        stage.palette.shade,
        random.uniform(0.0, 0.2) + 0.5 * nearness**2,
    )
    bottom = float(sheet.size[1])
    sheet.rectangle(left, top, right, bottom, wall)
    roof = random.choice(("flat", "flat", "step", "mast", "tank"))
    middle = (left + right) / 2
    if roof == "step":
        sheet.rectangle(left + (right - left) * 0.2, top - unit * 2.2, right - (right - left) * 0.2, top + 1, wall)
    elif roof == "mast":
        sheet.rectangle(middle - unit * 0.12, top - unit * 5, middle + unit * 0.12, top + 1, wall)
    elif roof == "tank":
        sheet.rectangle(
            left + unit * 1.4, top - unit * 1.8, left + unit * 4.2, top + 1, mix(wall, stage.palette.shade, 0.3)
        )
    # Light falls on one side, so that the bodies stand apart.
    sheet.rectangle(left, top, left + max(1.0, unit * 0.3), bottom, mix(wall, stage.palette.horizon, 0.2))
    across, down = unit * 1.5, unit * 2.3
    columns = max(1, int((right - left - unit * 1.6) // across))
    start = middle - columns * across / 2
    for row in range(int((bottom - top - unit * 1.6) // down)):
        for column in range(columns):
            x, y = start + column * across + across * 0.22, top + unit * 1.4 + row * down
            sheet.rectangle(x, y, x + across * 0.56, y + down * 0.56, _window_colour(stage, random, wall, nearness))


def _haze_band(stage: Stage, base: float, strength: float) -> None:
    size = (stage.wide, round(stage.height * 0.3))
    fade = gradient(size, [(0.0, (0, 0, 0)), (0.7, (round(255 * strength), 0, 0)), (1.0, (0, 0, 0))]).getchannel("R")
    stage.add_wide(
        filled(fade, mix(stage.palette.haze, stage.palette.horizon, 0.5)), 0.3, base * stage.height - size[1] * 0.6
    )


def _neon_signs(stage: Stage) -> None:
    """Hang glowing signs on the fronts, where the light is neon."""
    if stage.shot.light != "neon":
        return
    random = stage.random("signs")
    unit = stage.unit
    for number in range(12):
        side = -1 if number % 2 else 1
        x = stage.width * (0.5 + side * random.uniform(0.33, 0.6))
        y = stage.height * random.uniform(0.36, 0.62)
        colour = NEONS[number % len(NEONS)]
        wide, tall = random.choice(((3.8, 16.0), (4.2, 12.0), (13.0, 4.4), (9.5, 5.2)))
        around = round(unit * (wide + tall) * 2.2)
        stage.add(glow(around, colour, 0.42, 2.2), 0.52, x - around / 2, y - around / 2)
        stage.add(_sign(random, unit, wide, tall, colour), 0.52, x - unit * wide / 2, y - unit * tall / 2)


def _sign(random: Random, unit: float, wide: float, tall: float, colour: Colour) -> Image.Image:
    """Return a sign: a dark board, a bright border and strokes that suggest writing."""
    sheet = Sheet(unit * wide, unit * tall)
    width, height = unit * wide, unit * tall
    bright = mix(colour, (255, 255, 255), 0.35)
    sheet.rectangle(0, 0, width, height, colour, radius=unit * 0.8)
    sheet.rectangle(
        unit * 0.28,
        unit * 0.28,
        width - unit * 0.28,
        height - unit * 0.28,
        multiply(colour, (0.2, 0.2, 0.24)),
        unit * 0.6,
    )
    upright = tall > wide
    cell = (width if upright else height) * 0.74
    count = max(1, int((height if upright else width) // cell))
    step = ((height if upright else width) - unit) / count
    for number in range(count):
        x, y = (
            (width / 2, unit * 0.5 + step * (number + 0.5))
            if upright
            else (unit * 0.5 + step * (number + 0.5), height / 2)
        )
        half = min(cell, step) * 0.3
        for _ in range(3):
            from_x, to_x = x + random.choice((-half, 0, half)), x + random.choice((-half, half))
            from_y, to_y = y + random.choice((-half, half)), y + random.choice((-half, 0, half))
            sheet.line([(from_x, from_y), (to_x, from_y), (to_x, to_y)], bright, unit * 0.26)
    return sheet.layer()


def _road(stage: Stage, top: float) -> None:
    """Add the road. A wet one mirrors the street, a dry one is plain."""
    above = round(stage.height * top)
    size = (stage.wide, stage.low - above)
    near = stage.palette.ground(GROUNDS["city"], 0.95)
    fill = gradient(
        size, [(0.0, mix(near, stage.palette.haze, 0.55)), (0.3, mix(near, stage.palette.haze, 0.15)), (1.0, near)]
    )
    wet = bool({"rain", "storm"} & set(stage.shot.weather)) or stage.shot.light == "neon"
    scene = flattened(stage, above).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    mirrored = resized(
        blurred(resized(scene, (stage.wide // 3, max(4, size[1] // 8)), Image.Resampling.BOX), 1.3),
        size,
        Image.Resampling.BICUBIC,
    )
    broken = fractal(stage.random("puddles"), size, (stage.unit * 50, stage.unit * 5), 4)
    amount = looked_up(broken, smooth_threshold(30, 120, 0.92 if wet else 0.14))
    fade = gradient(size, [(0.0, (255, 0, 0)), (1.0, (150, 0, 0))]).getchannel("R")
    fill.paste(mirrored, (0, 0), ImageChops.multiply(amount, fade))
    streaks = looked_up(
        fractal(stage.random("wet"), size, (stage.unit * 16, stage.unit * 0.9), 3),
        smooth_threshold(150, 205, 0.3 if wet else 0.1),
    )
    fill.paste(mix(near, stage.palette.horizon, 0.7), (0, 0), streaks)
    stage.add_wide(filled(Image.new("L", size, 255), fill), 0.6, float(above))
    kerb = Sheet(stage.wide, stage.unit * 1.2)
    kerb.rectangle(0, 0, stage.wide, stage.unit * 0.6, mix(near, stage.palette.haze, 0.5))
    kerb.rectangle(0, stage.unit * 0.6, stage.wide, stage.unit * 1.2, mix(near, stage.palette.shade, 0.6))
    stage.add_wide(kerb.layer(), 0.58, above - stage.unit * 0.6)


def _lamps(stage: Stage) -> None:
    """Stand street lamps along the kerb, lit when it is dark."""
    unit = stage.unit
    tall = stage.height * 0.44
    colour = mix(stage.palette.shade, stage.palette.haze, 0.12)
    for number, share in enumerate((-0.06, 0.22, 0.78, 1.06)):
        side = 1 if share < 0.5 else -1  # noqa: PLR2004 - they lean over the road
        sheet = Sheet(unit * 14, tall)
        foot = unit * 7
        sheet.rectangle(foot - unit * 0.35, unit * 2, foot + unit * 0.35, tall, colour)
        sheet.rectangle(foot - unit * 0.7, tall - unit * 3, foot + unit * 0.7, tall, colour)
        sheet.line(
            [(foot, unit * 2.2), (foot + side * unit * 2, unit * 1), (foot + side * unit * 4.6, unit * 1)],
            colour,
            unit * 0.5,
        )
        sheet.ellipse(
            foot + side * unit * 4.6,
            unit * 1.4,
            unit * 1.3,
            unit * 0.6,
            (255, 226, 176) if stage.palette.dark else colour,
        )
        left, top = stage.width * share - foot, stage.height * 0.79 - tall
        if stage.palette.dark:
            size = round(unit * 34)
            stage.add(
                glow(size, (255, 206, 140), 0.5, 2.8),
                0.72,
                left + foot + side * unit * 4.6 - size / 2,
                top + unit * 1.5 - size / 2,
            )
        stage.add(sheet.layer(), 0.72 + 0.0 * number, left, top)
