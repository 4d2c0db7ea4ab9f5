"""Places by and in the water: sea, beach, lake, underwater."""

import math
from typing import Final

from PIL import Image, ImageChops

from .land import add_grass, add_mist, add_mountains, is_wintry, tint
from .paint import (
    Sheet,
    blurred,
    filled,
    fractal,
    glow,
    gradient,
    looked_up,
    polygon_mask,
    resized,
    ridge,
    smooth_threshold,
)
from .palette import GROUNDS, Colour, mix
from .sky import set_sky
from .stage import LINE_STEP, MARGIN_Y, Stage, Sway
from .woods import add_conifers

OUT_OF_FOCUS: Final = 0.7
"""Nearness from which things are blurred."""
WAVES: Final = ((0.600, 0.14), (0.632, 0.28), (0.680, 0.44), (0.752, 0.62), (0.85, 0.82), (0.965, 1.0))
"""Rows of waves: where each stands (share of the height) and how near it is."""


def build_sea(stage: Stage) -> None:
    """Open water: rows of waves that grow towards the camera."""
    stage.horizon, stage.stand, stage.subject_depth = 0.57, 0.72, 0.5
    set_sky(stage)
    _far_water(stage, 0.57, 0.72)
    _glitter(stage, 0.575, 0.3)
    for index, (base, nearness) in enumerate(WAVES):
        _wave(stage, index, base, nearness)


def _stormy(stage: Stage) -> bool:
    return "storm" in stage.shot.weather


def _far_water(stage: Stage, top: float, bottom: float) -> None:
    """Add the flat water at the horizon."""
    size = (stage.wide, round(stage.height * (bottom - top)))
    far = mix(stage.palette.ground(GROUNDS["sea"], 0.05), stage.palette.horizon, 0.35)
    near = stage.palette.ground(GROUNDS["sea"], 0.7)
    fill = gradient(size, [(0.0, far), (0.25, mix(far, near, 0.5)), (1.0, near)])
    ripples = fractal(stage.random("ripples"), size, (stage.unit * 26, stage.unit * 1.1), 3)
    fill.paste(mix(far, stage.palette.horizon, 0.6), (0, 0), looked_up(ripples, smooth_threshold(138, 200, 0.4)))
    stage.add_wide(filled(Image.new("L", size, 255), fill), 0.08, top * stage.height)


def _glitter(stage: Stage, top: float, tall: float) -> None:
    """Lay the sun's or moon's broken path on the water, in two parts that sway against each other."""
    covered = bool({"storm", "rain", "fog", "snowfall"} & set(stage.shot.weather))
    strength = 0.25 if covered else 0.85
    centre = stage.random("sun").choice((0.3, 0.34, 0.66, 0.7)) * stage.width + stage.margin_x
    size = (stage.wide, round(stage.height * tall))
    for part in range(2):
        random = stage.random(f"glitter {part}")
        sheet = Sheet(*size)
        colour = mix(stage.palette.horizon, stage.palette.glow, 0.7)
        for _ in range(130):
            share = random.random() ** 1.4
            spread = stage.unit * (4 + 24 * share)
            x, y = centre + random.gauss(0, spread * 0.5), 1 + share * size[1] * 0.95
            wide = stage.unit * random.uniform(0.5, 2.4) * (0.5 + 1.6 * share)
            sheet.ellipse(x, y, wide, max(0.5, wide * 0.07), colour)
        layer = sheet.layer()
        dim = gradient(size, [(0.0, (255, 0, 0)), (1.0, (70, 0, 0))]).getchannel("R")
        mask = looked_up(
            ImageChops.multiply(layer.getchannel(3), dim), [round(value * strength) for value in range(256)]
        )
        sway = Sway(x=stage.unit * 0.8, y=stage.unit * 0.1, period=3.1 + part, phase=part * 3.1)
        stage.add_wide(filled(mask, colour), 0.12 + 0.1 * part, top * stage.height, sway)


def _wave(stage: Stage, index: int, base: float, nearness: float) -> None:
    """Add one row of waves: a lit crest over darker water, foam on it in a storm."""
    random = stage.random(f"wave {index}")
    rough = 2.3 if _stormy(stage) else 1.0
    unit = stage.unit
    length, high = unit * (7 + 46 * nearness), unit * (0.22 + 1.5 * nearness) * rough
    phases = [random.uniform(0, 2 * math.pi) for _ in range(4)]
    line: list[tuple[float, float]] = []
    for x in range(0, stage.wide + LINE_STEP, LINE_STEP):
        swell = math.sin(x / length * 2 * math.pi + phases[0]) + 0.6 * math.sin(x / length * 1.27 * math.pi + phases[1])
        # Sharp crests and round troughs, as water has them.
        sharp = 1.0 - abs(math.sin(x / length * math.pi * 1.6 + phases[2] + 0.4 * math.sin(x / length + phases[3])))
        line.append((float(x), -high * (0.45 * swell + 0.9 * sharp**1.6)))
    crest = mix(stage.palette.ground(GROUNDS["sea"], nearness), stage.palette.horizon, 0.26 - 0.16 * nearness)
    foot = stage.palette.ground(GROUNDS["sea"], min(1.0, nearness + 0.25))
    sway = Sway(
        x=unit * (0.8 + 3.4 * nearness),
        y=unit * (0.15 + 0.9 * nearness) * (1.5 if rough > 1 else 1.0),
        period=3.6 + 1.2 * nearness + random.uniform(-0.3, 0.3),
        phase=random.uniform(0, 2 * math.pi),
    )
    stage.add_ground(
        line,
        base=base,
        depth=nearness,
        colours=(crest, foot),
        light=(0.3 + 0.7 * nearness, 0.62),
        sway=sway,
        bottom=min(1.0 + MARGIN_Y, base + 0.10 + 0.16 * nearness),
    )
    _foam(stage, index, line, base=base, nearness=nearness, sway=sway)


def _foam(
    stage: Stage, index: int, line: list[tuple[float, float]], *, base: float, nearness: float, sway: Sway
) -> None:
    """Streak a wave with foam that follows its crest; much in a storm, a little otherwise."""
    random = stage.random(f"foam {index}")
    unit = stage.unit
    above = math.ceil(-min(y for _, y in line)) + 4
    size = (stage.wide, above + round(unit * (3 + 12 * nearness)))
    sheet = Sheet(*size)
    colour = mix(stage.palette.ground(GROUNDS["sea"], nearness), mix(stage.palette.glow, stage.palette.haze, 0.4), 0.62)
    dim = mix(stage.palette.ground(GROUNDS["sea"], nearness), colour, 0.35)
    for _ in range(round((150 if _stormy(stage) else 60) * (1.2 - 0.7 * nearness))):
        step = random.randrange(len(line))
        x, y = line[step]
        fall = random.random() ** 2
        wide = unit * random.uniform(0.5, 2.6) * (0.35 + 1.3 * nearness)
        drop = above + y + unit * 0.3 + fall * unit * (2 + 10 * nearness)
        sheet.ellipse(x, drop, wide, max(0.4, wide * 0.07), mix(colour, dim, fall))
    stage.add_wide(blurred(sheet.layer(), unit * 0.1), nearness, base * stage.height - above, sway)


def build_beach(stage: Stage) -> None:
    """The sea behind a beach: surf running up and back, wet sand, dry sand."""
    stage.horizon, stage.stand, stage.subject_depth = 0.56, 0.82, 0.66
    set_sky(stage)
    _far_water(stage, 0.56, 0.8)
    _glitter(stage, 0.565, 0.2)
    for index, (base, nearness) in enumerate(((0.59, 0.14), (0.62, 0.26), (0.66, 0.38))):
        _wave(stage, index, base, nearness)
    unit, wide = stage.unit, stage.wide
    sand = (stage.palette.ground(GROUNDS["sand"], 0.45), stage.palette.ground(GROUNDS["sand"], 0.9))
    wet = mix(mix(sand[0], stage.palette.shade, 0.3), stage.palette.horizon, 0.4)
    line = ridge(stage.random("shore"), wide, LINE_STEP, [(wide * 0.6, unit * 1.1), (wide * 0.23, unit * 0.5)])
    stage.add_ground(line, base=0.705, depth=0.5, colours=(wet, mix(wet, sand[0], 0.5)))
    surf = Sway(x=unit * 1.2, y=unit * 1.5, period=5.2)
    foam = mix(stage.palette.glow, stage.palette.haze, 0.5)
    _surf(stage, line, 0.70, (mix(stage.palette.ground(GROUNDS["sea"], 0.3), stage.palette.horizon, 0.5), foam), surf)
    line = ridge(stage.random("sand"), wide, LINE_STEP, [(wide * 0.7, unit * 1.2), (wide * 0.3, unit * 0.4)])
    stage.add_ground(line, base=0.765, depth=0.62, colours=sand, light=(0.8, 0.18))
    _sand_grain(stage)
    stage.random("near")
    line = ridge(stage.random("near sand"), wide, LINE_STEP, [(wide * 0.9, unit * 2.2), (wide * 0.4, unit * 0.8)])
    near = (mix(sand[1], stage.palette.glow, 0.08), mix(sand[1], stage.palette.shade, 0.3))
    stage.add_ground(line, base=0.94, depth=0.95, colours=near, light=(1.2, 0.25))


def _surf(
    stage: Stage, line: list[tuple[float, float]], base: float, colours: tuple[Colour, Colour], sway: Sway
) -> None:
    """Add the sheet of water that runs up the sand, its edge white."""
    reach = round(stage.unit * 4)
    top = math.floor(min(y for _, y in line)) - reach
    size = (stage.wide, reach * 2 - top)
    shift = [(x, y - top) for x, y in line]
    sheet = polygon_mask(size, [*shift, (size[0], 0), (0, 0)])
    fade = gradient(size, [(0.0, (0, 0, 0)), (0.4, (150, 0, 0)), (1.0, (170, 0, 0))]).getchannel("R")
    mask = ImageChops.multiply(sheet, fade)
    edge = ImageChops.subtract(sheet, ImageChops.offset(sheet, 0, -max(1, round(stage.unit * 0.7))))
    fill = Image.new("RGB", size, colours[0])
    fill.paste(colours[1], (0, 0), edge)
    stage.add_wide(
        filled(ImageChops.lighter(mask, blurred(edge, stage.unit * 0.12)), fill), 0.5, base * stage.height + top, sway
    )


def _sand_grain(stage: Stage) -> None:
    size = (stage.wide, round(stage.height * 0.25))
    noise = fractal(stage.random("sand grain"), size, (stage.unit * 20, stage.unit * 1.8), 4)
    fade = gradient(size, [(0.0, (0, 0, 0)), (0.35, (255, 0, 0)), (1.0, (255, 0, 0))]).getchannel("R")
    mask = ImageChops.multiply(looked_up(noise, smooth_threshold(128, 190, 0.35)), fade)
    colour = mix(stage.palette.ground(GROUNDS["sand"], 0.9), stage.palette.shade, 0.35)
    stage.add_wide(filled(mask, colour), 0.62, stage.height * 0.765)


def build_lake(stage: Stage) -> None:
    """Still water under mountains, mirroring them; ice in winter."""
    stage.horizon, stage.stand, stage.subject_depth = 0.6, 0.8, 0.68
    set_sky(stage)
    add_mountains(stage, "far", base=0.50, rise=0.10, nearness=0.06, depth=0.05)
    add_mountains(stage, "main", base=0.50, rise=0.16, nearness=0.24, depth=0.12)
    add_mist(stage, 0.57, 0.35, 0.2)
    add_conifers(stage, "shore", base=0.615, tall=0.075, nearness=0.34)
    _mirror(stage, 0.61)
    add_mist(stage, 0.62, 0.45, 0.4)
    colours = tint(stage, "meadow")
    line = ridge(
        stage.random("bank"),
        stage.wide,
        LINE_STEP,
        [(stage.width * 0.8, stage.height * 0.02), (stage.width * 0.3, stage.height * 0.008)],
    )
    ground = (stage.palette.ground(colours, 0.62), stage.palette.ground(colours, 0.92))
    stage.add_ground(line, base=0.79, depth=0.64, colours=ground, light=(1.0, 0.35))
    if is_wintry(stage):
        add_conifers(stage, "near", base=1.04, tall=0.22, nearness=0.95, gaps=True)
    else:
        add_grass(stage)


def _mirror(stage: Stage, top: float) -> None:
    """Add water that mirrors what already stands above it."""
    above = round(stage.height * top)
    height = round(stage.height * 0.34)
    scene = flattened(stage, above)
    upper = scene.crop((0, max(0, above - height), stage.wide, above)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    picture = resized(upper, (stage.wide, height), Image.Resampling.BILINEAR)
    icy = is_wintry(stage)
    smear = resized(
        blurred(resized(picture, (stage.wide, max(2, height // 7))), 1.2 if not icy else 3),
        (stage.wide, height),
        Image.Resampling.BICUBIC,
    )
    water = mix(stage.palette.ground(GROUNDS["winter" if icy else "sea"], 0.35), stage.palette.horizon, 0.3)
    fill = Image.blend(smear, Image.new("RGB", smear.size, water), 0.5 if icy else 0.3)
    ripples = fractal(stage.random("mirror"), fill.size, (stage.unit * 40, stage.unit * 1.2), 3)
    fill.paste(mix(water, stage.palette.glow, 0.45), (0, 0), looked_up(ripples, smooth_threshold(146, 200, 0.45)))
    stage.add_wide(filled(Image.new("L", fill.size, 255), fill), 0.36, top * stage.height)
    shine = looked_up(ripples.transpose(Image.Transpose.FLIP_LEFT_RIGHT), smooth_threshold(150, 190, 0.3))
    stage.add_wide(filled(shine, stage.palette.horizon), 0.38, top * stage.height, Sway(x=stage.unit * 2, period=7))


def flattened(stage: Stage, height: int) -> Image.Image:
    """Return what stands on the stage so far as one RGB picture, `wide` across, from the frame's top to `height`."""
    scene = Image.new("RGB", (stage.wide, height))
    if stage.sky is not None:
        scene.paste(stage.sky, (0, -stage.margin_y))
    for layer in stage.layers:
        scene.paste(layer.picture, (round(layer.left + stage.margin_x), round(layer.top)), layer.picture)
    return scene


def build_underwater(stage: Stage) -> None:
    """Blue depths with light from above, kelp and rocks."""
    palette = stage.palette
    stage.horizon, stage.stand, stage.subject_depth = 0.9, 0.52, 0.5
    size = (stage.wide, stage.height + 2 * stage.margin_y)
    sky = gradient(size, [(0.0, palette.top), (0.34, palette.middle), (0.75, palette.horizon), (1.0, palette.shade)])
    light = glow(round(stage.width * 1.2), palette.glow, 0.6, 1.8)
    sky.paste(light, (round(size[0] * 0.5 - light.width / 2), -round(light.height * 0.55)), light)
    stage.sky = sky
    _sun_shafts(stage)
    for index, (base, nearness) in enumerate(((0.8, 0.2), (0.88, 0.48), (0.97, 0.85))):
        random = stage.random(f"rock {index}")
        unit = stage.unit
        line = ridge(
            random, stage.wide, LINE_STEP, [(unit * 90, unit * 5), (unit * 34, unit * 3), (unit * 13, unit * 1.2)]
        )
        colour = mix(palette.ground(GROUNDS["underwater"], nearness), palette.shade, 0.3 + 0.4 * nearness)
        _kelp(stage, index, base, nearness, colour)
        stage.add_ground(
            line, base=base, depth=nearness, colours=(colour, mix(colour, palette.shade, 0.5)), light=(0.9, 0.25)
        )


def _sun_shafts(stage: Stage) -> None:
    for part in range(2):
        random = stage.random(f"shafts {part}")
        size = (stage.wide, round(stage.height * 0.95))
        shafts: list[list[tuple[float, float]]] = []
        for _ in range(6):
            x, wide = random.uniform(0.2, 0.8) * size[0], stage.unit * random.uniform(1.5, 5)
            lean = (x - size[0] / 2) * 0.7
            shafts.append([(x, -5), (x + wide, -5), (x + wide * 3 + lean, size[1]), (x - wide * 2 + lean, size[1])])
        mask = blurred(polygon_mask(size, *shafts), stage.unit * 1.8)
        fade = gradient(size, [(0.0, (90, 0, 0)), (1.0, (0, 0, 0))]).getchannel("R")
        layer = filled(ImageChops.multiply(mask, fade), stage.palette.glow)
        stage.add_wide(
            layer, 0.1 + 0.15 * part, -stage.margin_y, Sway(x=stage.unit * 3, period=7 + part * 2, phase=part * 2)
        )


def _kelp(stage: Stage, index: int, base: float, nearness: float, colour: Colour) -> None:
    """Stand kelp on the seabed; it sways with the water."""
    random = stage.random(f"kelp {index}")
    tall = round(stage.height * (0.3 + 0.4 * nearness))
    sheet = Sheet(stage.wide, tall)
    unit = stage.unit * (0.6 + 1.2 * nearness)
    for _ in range(9):
        x = random.uniform(0, stage.wide)
        if nearness > OUT_OF_FOCUS and 0.3 < x / stage.wide < 0.7:  # noqa: PLR2004 - the middle stays open
            continue
        height, phase = tall * random.uniform(0.45, 0.97), random.uniform(0, 6)
        stem = [(x + math.sin(step * 0.5 + phase) * unit * 1.6, tall - height * step / 14) for step in range(15)]
        sheet.line(stem, colour, unit * 0.45)
        for number, (stem_x, stem_y) in enumerate(stem[1:], 1):
            side = 1 if number % 2 else -1
            leaf = unit * 3.4 * (1.1 - number / 18)
            sheet.polygon(
                [
                    (stem_x, stem_y),
                    (stem_x + side * leaf * 0.55, stem_y - leaf * 0.5),
                    (stem_x + side * leaf, stem_y - leaf * 0.75),
                    (stem_x + side * leaf * 0.5, stem_y - leaf * 0.12),
                ],
                colour,
            )
    sway = Sway(x=stage.unit * 1.2, period=4.5 + index, phase=index * 1.7)
    stage.add_wide(
        blurred(sheet.layer(), stage.unit * 0.3 * (nearness > OUT_OF_FOCUS)),
        nearness,
        base * stage.height - tall + stage.unit * 3,
        sway,
    )
