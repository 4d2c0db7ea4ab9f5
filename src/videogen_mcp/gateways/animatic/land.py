"""Ground and what stands on it, and the meadow: hills, ranges, mist, grass."""

import math
from random import Random

from PIL import Image, ImageChops

from .paint import (
    Sheet,
    blurred,
    filled,
    fractal,
    gradient,
    jagged,
    looked_up,
    polygon_mask,
    ridge,
    smooth_threshold,
)
from .palette import GROUNDS, Colour, mix
from .sky import set_sky
from .stage import LINE_STEP, Stage, Sway


def is_wintry(stage: Stage) -> bool:
    """Return whether snow lies on the ground."""
    return "winter" in stage.shot.traits


def tint(stage: Stage, name: str) -> tuple[Colour, Colour]:
    """Return the ground's daylight colours, under snow in winter."""
    return GROUNDS["winter" if is_wintry(stage) else name]


def build_meadow(stage: Stage) -> None:
    """Rolling hills one behind another, with grass in front."""
    stage.horizon, stage.stand = 0.58, 0.8
    set_sky(stage)
    colours, height = tint(stage, "meadow"), stage.height
    add_mountains(stage, "blue", base=0.565, rise=0.075, nearness=0.0, depth=0.07)
    plan = ((0.585, 0.16, 0.030), (0.64, 0.34, 0.034), (0.72, 0.58, 0.036), (0.83, 0.86, 0.026))
    for index, (base, nearness, rise) in enumerate(plan):
        random = stage.random(f"hill {index}")
        waves = [(stage.width * random.uniform(0.7, 1.1), height * rise), (stage.width * 0.31, height * rise * 0.3)]
        crest, foot = stage.palette.ground(colours, nearness), stage.palette.ground(colours, min(1.0, nearness + 0.2))
        foot = mix(foot, stage.palette.haze, 0.35 * (1 - nearness))
        line = ridge(random, stage.wide, LINE_STEP, waves)
        if index in {1, 2}:
            add_tree_clumps(stage, line, base, nearness)
        stage.add_ground(line, base=base, depth=nearness, colours=(crest, foot), light=(1.2, 0.4))
    add_grass(stage)


def add_mountains(stage: Stage, name: str, *, base: float, rise: float, nearness: float, depth: float) -> None:
    """Add a jagged range, with light on one side and snow on top where it is winter."""
    random = stage.random(f"range {name}")
    height = stage.height * rise
    line = jagged(random, stage.wide, height, 0.52)
    colour = stage.palette.ground(tint(stage, "mountain") if rise < 0.1 else GROUNDS["mountain"], nearness)  # noqa: PLR2004 - low ranges are hills
    foot = mix(colour, stage.palette.haze, 0.55 - 0.3 * nearness)
    crest = math.floor(min(y for _, y in line)) - 2
    size = (stage.wide, max(8, round(stage.height * 0.32) - crest))
    mask = polygon_mask(size, [*((x, y - crest) for x, y in line), (size[0], size[1]), (0, size[1])])
    fill = gradient(size, [(0.0, colour), (0.75, foot), (1.0, foot)])
    if rise >= 0.1:  # noqa: PLR2004 - high enough for flanks to show
        _flanks(stage, fill, random, [(x, y - crest) for x, y in line], nearness)
    stage.add_wide(filled(mask, fill), depth, base * stage.height + crest)


def _flanks(stage: Stage, fill: Image.Image, random: Random, line: list[tuple[float, float]], nearness: float) -> None:
    """Paint sunlit and snowy flanks on a range: noise sheared along the slopes, strongest under the crest."""
    size = fill.size
    unit = stage.unit
    noise = fractal(random, (size[0] + size[1], size[1]), (unit * 16, unit * 22), 5)
    slopes = noise.transform(size, Image.Transform.AFFINE, (1, 0.62, 0, 0, 1, 0), Image.Resampling.BILINEAR)
    under = _under_line(size, line, stage.height * 0.24)
    lit = ImageChops.multiply(looked_up(slopes, smooth_threshold(118, 138)), under)
    snowy = is_wintry(stage)
    bright = mix(stage.palette.lit((246, 248, 252), 0.3), stage.palette.haze, 0.3) if snowy else stage.palette.glow
    share = 0.95 if snowy else 0.2 * (0.4 if stage.palette.dark else 1.0)
    fill.paste(mix(stage.palette.ground(GROUNDS["mountain"], nearness), bright, share), (0, 0), lit)
    if snowy:
        cap = _under_line(size, line, stage.height * 0.12)
        cold = mix(bright, stage.palette.top, 0.5)
        dim = ImageChops.multiply(looked_up(slopes, smooth_threshold(128, 108)), cap)
        fill.paste(cold, (0, 0), looked_up(dim, [round(value * 0.85) for value in range(256)]))


def _under_line(size: tuple[int, int], line: list[tuple[float, float]], reach: float) -> Image.Image:
    """Return an "L" mask that is full at a line and fades out `reach` pixels below it."""
    steps = 8
    mask = Image.new("L", size, 0)
    for step in range(steps):
        level = round(255 * (step + 1) / steps)
        drop = reach * (1 - (step + 1) / steps)
        below = polygon_mask(size, [*((x, y + drop) for x, y in line), (size[0], -9), (0, -9)])
        mask.paste(level, (0, 0), below)
    return blurred(mask, reach / steps)


def add_tree_clumps(stage: Stage, line: list[tuple[float, float]], base: float, nearness: float) -> None:
    """Stand small round trees in groups along a hill."""
    random = stage.random(f"clumps {base}")
    colour = mix(stage.palette.ground(GROUNDS["forest"], min(1.0, nearness + 0.25)), stage.palette.haze, 0.12)
    size = stage.unit * (1.4 + 3.4 * nearness)
    tall = round(stage.height * 0.3)
    sheet = Sheet(stage.wide, tall)
    for _ in range(5):
        start = random.uniform(0, stage.wide)
        for _ in range(random.randint(2, 6)):
            x = start + random.uniform(-5, 5) * size
            y = _height_at(line, x) + tall * 0.6
            wide = size * random.uniform(0.6, 1.1)
            sheet.rectangle(x - wide * 0.09, y - wide * 0.6, x + wide * 0.09, y + wide * 0.3, colour)
            sheet.ellipse(x, y - wide * 0.95, wide * 0.62, wide * 0.8, colour)
            sheet.ellipse(x + wide * 0.3, y - wide * 0.7, wide * 0.45, wide * 0.5, colour)
    stage.add_wide(sheet.layer(), nearness, base * stage.height - tall * 0.6)


def _height_at(line: list[tuple[float, float]], x: float) -> float:
    index = max(0, min(len(line) - 1, int(x // LINE_STEP)))
    return line[index][1]


def add_grass(stage: Stage) -> None:
    """Let tall grass sway before the camera, with flowers where the prompt has them."""
    random = stage.random("grass")
    tall = round(stage.unit * 20)
    snowy = is_wintry(stage)
    near = stage.palette.ground(GROUNDS["desert"] if snowy else GROUNDS["meadow"], 1.0)
    petals = [stage.palette.lit(colour) for colour in ((214, 84, 66), (236, 196, 96), (238, 232, 224), (170, 120, 176))]
    flowers = "flowers" in stage.shot.traits
    for index, (share, darkness) in enumerate(((0.75, 0.25), (1.0, 0.5))):
        sheet = Sheet(stage.wide, tall)
        colour = mix(near, stage.palette.shade, darkness)
        for _ in range(round(stage.wide / stage.unit * 1.5)):
            x, height = random.uniform(0, stage.wide), tall * random.uniform(0.25, 0.8) * share
            lean, blade = random.uniform(-0.3, 0.3) * height, stage.unit * random.uniform(0.18, 0.4)
            tip = (x + lean, tall - height)
            shade = mix(colour, stage.palette.glow, random.uniform(0, 0.12))
            sheet.polygon(
                [
                    (x - blade, tall),
                    (x + lean * 0.35 - blade * 0.5, tall - height * 0.55),
                    tip,
                    (x + lean * 0.35 + blade * 0.5, tall - height * 0.55),
                    (x + blade, tall),
                ],
                shade,
            )
            if flowers and random.random() < 0.16:  # noqa: PLR2004 - a share of the blades
                size = stage.unit * random.uniform(0.7, 1.2)
                sheet.ellipse(*tip, size, size * 0.8, random.choice(petals))
        top = stage.height * (0.98 + 0.05 * index) - tall * 0.72
        sway = Sway(x=stage.unit * 0.7, period=3.4 + index, phase=index * 1.3)
        stage.add_wide(blurred(sheet.layer(), stage.unit * 0.12 * index), 0.95 + 0.05 * index, top, sway)
        bottom = Image.new("RGBa", (stage.wide, max(1, round(stage.low - top - tall) + 1)), (*colour, 255))
        stage.add_wide(bottom, 0.95 + 0.05 * index, top + tall)


def add_mist(stage: Stage, base: float, strength: float, depth: float) -> None:
    """Lay a soft bank of mist over what is behind."""
    size = (stage.wide, round(stage.height * 0.2))
    noise = fractal(stage.random(f"mist {base}"), size, (stage.unit * 70, stage.unit * 18), 3)
    fade = gradient(size, [(0.0, (0, 0, 0)), (0.55, (255, 0, 0)), (1.0, (0, 0, 0))]).getchannel("R")
    mask = ImageChops.multiply(looked_up(noise, smooth_threshold(60, 200, strength * (1 + stage.palette.fog))), fade)
    sway = Sway(x=stage.unit * 4, period=24, phase=base * 9)
    stage.add_wide(
        filled(mask, mix(stage.palette.haze, stage.palette.horizon, 0.5)),
        depth,
        base * stage.height - size[1] * 0.5,
        sway,
        soft=True,
    )
