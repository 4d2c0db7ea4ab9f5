"""Mountains and deserts."""

import math
from random import Random

from PIL import ImageChops

from .land import add_mist, add_mountains, tint
from .paint import (
    blurred,
    filled,
    gradient,
    polygon_mask,
    ridge,
)
from .palette import Colour, mix
from .sky import set_sky
from .stage import LINE_STEP, Stage
from .woods import add_conifers


def build_mountain(stage: Stage) -> None:
    """Ranges behind ranges, a line of conifers before them."""
    stage.horizon, stage.stand, stage.subject_depth = 0.64, 0.81, 0.68
    set_sky(stage)
    add_mountains(stage, "far", base=0.50, rise=0.10, nearness=0.12, depth=0.05)
    add_mountains(stage, "main", base=0.47, rise=0.21, nearness=0.42, depth=0.14)
    add_mist(stage, 0.6, 0.16, 0.2)
    add_mountains(stage, "low", base=0.66, rise=0.09, nearness=0.42, depth=0.3)
    add_mist(stage, 0.7, 0.5, 0.35)
    add_conifers(stage, "line", base=0.80, tall=0.085, nearness=0.55)
    colours = tint(stage, "meadow")
    line = ridge(stage.random("slope"), stage.wide, LINE_STEP, [(stage.width * 0.9, stage.height * 0.03)])
    ground = (stage.palette.ground(colours, 0.66), stage.palette.ground(colours, 0.95))
    stage.add_ground(line, base=0.785, depth=0.66, colours=ground, light=(1.0, 0.35))
    add_conifers(stage, "near", base=1.03, tall=0.24, nearness=0.95, gaps=True)


def build_desert(stage: Stage) -> None:
    """Dunes with a lit and a shaded side, far rocks in the haze."""
    stage.horizon, stage.stand = 0.6, 0.8
    set_sky(stage)
    colours = tint(stage, "desert")
    add_mountains(stage, "mesa", base=0.59, rise=0.05, nearness=0.02, depth=0.06)
    plan = ((0.60, 0.14, 0.020), (0.65, 0.34, 0.040), (0.73, 0.56, 0.060), (0.88, 0.9, 0.055))
    for index, (base, nearness, rise) in enumerate(plan):
        random = stage.random(f"dune {index}")
        line = dune_line(random, stage.wide, stage.height * rise, stage.width * (0.22 + 0.5 * nearness))
        crest, foot = stage.palette.ground(colours, nearness), stage.palette.ground(colours, min(1.0, nearness + 0.2))
        stage.add_ground(
            line, base=base, depth=nearness, colours=(mix(crest, stage.palette.glow, 0.12), foot), light=(1.1, 0.35)
        )
        _dune_shade(stage, line, base, nearness, mix(foot, stage.palette.shade, 0.38))


def dune_line(random: Random, width: int, height: float, length: float) -> list[tuple[float, float]]:
    """Return a line of dunes: long rises to the right, short steep falls."""
    line: list[tuple[float, float]] = []
    phase, second = random.uniform(0, 1), random.uniform(0, 6.3)
    for x in range(0, width + LINE_STEP, LINE_STEP):
        turn = (x / length + phase + 0.12 * math.sin(x / length * 2.1 + second)) % 1.0
        share = turn / 0.72 if turn < 0.72 else (1 - turn) / 0.28  # noqa: PLR2004 - where the rise ends
        smooth = share * share * (3 - 2 * share)
        tall = height * (0.7 + 0.3 * math.sin(x / length * 1.3 + second))
        line.append((float(x), -tall * smooth + height * 0.25 * math.sin(x / length * 0.9 + second)))
    return line


def _dune_shade(stage: Stage, line: list[tuple[float, float]], base: float, nearness: float, colour: Colour) -> None:
    """Darken the steep side of each dune, with a soft curved edge running down from the crest."""
    peaks = [
        index
        for index in range(2, len(line) - 2)
        if line[index][1] < line[index - 1][1] and line[index][1] <= line[index + 1][1]
    ]
    top = math.floor(min(y for _, y in line)) - 2
    size = (stage.wide, round(stage.height * 0.34))
    shapes: list[list[tuple[float, float]]] = []
    for peak in peaks:
        x, y = line[peak]
        fall = stage.height * (0.05 + 0.16 * nearness)
        valley = next(
            (index for index in range(peak + 1, len(line) - 1) if line[index + 1][1] < line[index][1]), len(line) - 1
        )
        edge = [
            (x - fall * 0.55 * (step / 8) ** 1.6 + fall * 0.22 * math.sin(step / 8 * 3), y + fall * step / 8)
            for step in range(9)
        ]
        side = [line[index] for index in range(valley, peak - 1, -1)]
        shape = [*edge, (line[valley][0] + fall * 0.4, line[valley][1] + fall * 0.5), *side]
        shapes.append([(px, py - top) for px, py in shape])
    if not shapes:
        return
    mask = blurred(polygon_mask(size, *shapes), stage.unit * 0.25)
    fade = gradient(size, [(0.0, (210, 0, 0)), (0.9, (0, 0, 0)), (1.0, (0, 0, 0))]).getchannel("R")
    stage.add_wide(filled(ImageChops.multiply(mask, fade), colour), nearness, round(base * stage.height) + top)
