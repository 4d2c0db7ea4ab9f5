"""Places indoors: the studio with its plinth, the room with its window."""

import math
from typing import Final

from PIL import Image, ImageChops

from .paint import (
    Sheet,
    blurred,
    disc,
    faded,
    filled,
    glow,
    gradient,
    looked_up,
    polygon_mask,
    resized,
)
from .palette import COLOURLESS, STUDIO_TONES, Colour, mix, multiply
from .stage import Stage, Sway

ON_PLINTH: Final = frozenset({"bottle", "cup", "cat", "robot", "kite", "bird", "balloon", "rocket"})


def build_studio(stage: Stage) -> None:
    """A seamless backdrop with the light of a window on it, and a plinth for the subject."""
    stage.horizon, stage.stand, stage.subject_depth = 0.7, 0.7, 0.6
    light, dark = stage.random("tone").choice(STUDIO_TONES)
    size = (stage.wide, stage.height + 2 * stage.margin_y)
    floor = mix(light, (255, 255, 255), 0.12)
    wall = gradient(
        size,
        [
            (0.0, mix(dark, light, 0.3)),
            (0.45, light),
            (0.66, mix(light, dark, 0.22)),
            (0.72, mix(light, dark, 0.1)),
            (1.0, floor),
        ],
    )
    beam = glow(round(stage.width * 1.1), (255, 248, 236), 0.5, 1.7)
    wall.paste(beam, (round(size[0] * 0.46 - beam.width / 2), round(size[1] * 0.4 - beam.height / 2)), beam)
    stage.sky = wall
    _window_light(stage, light)
    _leaf_shadows(stage, dark)
    if all(subject.kind in ON_PLINTH for subject in stage.shot.subjects):
        _plinth(stage, light, dark)
    else:
        stage.stand = 0.81
    _blurred_leaf(stage, mix(dark, (30, 34, 30), 0.6))


def _window_light(stage: Stage, light: Colour) -> None:
    """Let a window throw its slanting panes on the wall."""
    size = (stage.wide, round(stage.height * 0.9))
    panes: list[list[tuple[float, float]]] = []
    wide, tall, slant = stage.unit * 17, stage.unit * 24, stage.unit * 9
    for column in range(2):
        for row in range(2):
            x = stage.margin_x + stage.width * 0.5 - wide * 0.1 + column * wide * 1.1
            y = stage.height * 0.1 + row * tall * 1.08 + column * wide * 0.2
            skew = slant * (row + 1)
            panes.append(
                [
                    (x - skew + slant, y),
                    (x + wide - skew + slant, y + wide * 0.18),
                    (x + wide - skew, y + tall + wide * 0.18),
                    (x - skew, y + tall),
                ]
            )
    mask = looked_up(
        blurred(polygon_mask(size, *panes), stage.unit * 0.9), [round(value * 0.42) for value in range(256)]
    )
    stage.add_wide(filled(mask, mix(light, (255, 250, 238), 0.9)), 0.14, 0)


def _leaf_shadows(stage: Stage, dark: Colour) -> None:
    """Let leaves outside throw soft moving shadows on the wall."""
    random = stage.random("leaves")
    size = (stage.wide, round(stage.height * 0.7))
    sheet = Sheet(*size)
    for branch in range(3):
        x, y = size[0] * (0.52 + 0.16 * branch), -stage.unit * 2.0
        for number in range(9):
            x, y = x + stage.unit * random.uniform(-1.5, 3.0), y + stage.unit * random.uniform(2.5, 4.5)
            _leaf(
                sheet,
                (x, y),
                stage.unit * random.uniform(5, 8),
                random.uniform(-0.4, 0.5) + (math.pi if number % 2 else 0.0),
                dark,
            )
    mask = looked_up(
        blurred(sheet.picture().getchannel(3), stage.unit * 1.1), [round(value * 0.2) for value in range(256)]
    )
    stage.add_wide(filled(mask, dark), 0.16, 0, Sway(x=stage.unit * 1.1, y=stage.unit * 0.4, period=5))


def _leaf(sheet: Sheet, foot: tuple[float, float], long: float, angle: float, colour: Colour) -> None:
    points: list[tuple[float, float]] = []
    for side in (1, -1):
        steps = range(9) if side == 1 else range(8, -1, -1)
        for step in steps:
            along, across = long * step / 8, side * long * 0.16 * math.sin(math.pi * (step / 8) ** 0.8)
            points.append(
                (
                    foot[0] + along * math.cos(angle) - across * math.sin(angle),
                    foot[1] + along * math.sin(angle) + across * math.cos(angle),
                )
            )
    sheet.polygon(points, colour)


def _plinth(stage: Stage, light: Colour, dark: Colour) -> None:
    """Stand a round plinth in the middle, with its shadow."""
    wide, tall = stage.unit * 54, stage.unit * 24
    lip = wide * 0.085
    sheet = Sheet(wide, tall + lip * 2)
    sheet.ellipse(wide / 2, lip + tall, wide / 2, lip, light)
    sheet.rectangle(0, lip, wide, lip + tall, light)
    picture = sheet.picture()
    mask = picture.getchannel(3)
    body = gradient(
        (sheet.size[1], sheet.size[0]),
        [
            (0.0, mix(light, dark, 0.15)),
            (0.28, mix(light, (255, 255, 255), 0.32)),
            (0.62, mix(light, dark, 0.32)),
            (1.0, mix(light, dark, 0.85)),
        ],
    )
    fill = resized(body.transpose(Image.Transpose.ROTATE_90), sheet.size)
    fill = fill.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if stage.random("side").random() < 0 else fill
    top = Sheet(*sheet.size)
    top.ellipse(wide / 2, lip, wide / 2, lip, light)
    lid = top.picture().getchannel(3)
    fill.paste(mix(light, (255, 255, 255), 0.42), (0, 0), lid)
    left, foot = (stage.width - wide) / 2, stage.stand * stage.height
    shadow = resized(
        disc(round(wide * 1.7), mix(dark, (20, 16, 16), 0.5), wide * 0.2), (round(wide * 1.7), round(wide * 0.3))
    )
    stage.add(faded(shadow, 0.55), 0.58, left - wide * 0.35, foot + tall - lip * 1.6)
    stage.add(filled(ImageChops.lighter(mask, lid), fill), 0.6, left, foot - lip)


def _blurred_leaf(stage: Stage, colour: Colour) -> None:
    """Let a leaf reach into the picture right before the camera, out of focus."""
    size = stage.unit * 54
    sheet = Sheet(size, size)
    for number in range(5):
        _leaf(
            sheet,
            (size * 0.08, size * 0.95),
            size * (0.62 + 0.06 * (number % 3)),
            -1.5 + number * 0.33,
            mix(colour, COLOURLESS, 0.04 * number),
        )
    layer = faded(blurred(sheet.layer(), stage.unit * 1.8), 0.9)
    stage.add(
        layer, 1.0, -size * 0.12, stage.height - size * 0.62, Sway(x=stage.unit * 0.8, y=stage.unit * 0.3, period=4.4)
    )


def build_room(stage: Stage) -> None:
    """A quiet room: a wall, a window with the day or night outside, a table, a plant."""
    stage.horizon, stage.stand, stage.subject_depth = 0.72, 0.8, 0.62
    palette = stage.palette
    dim = (0.5, 0.48, 0.58) if palette.dark else (1.0, 0.97, 0.92)
    wall, floor = multiply((214, 200, 178), dim), multiply((168, 132, 100), dim)
    size = (stage.wide, stage.height + 2 * stage.margin_y)
    stage.sky = gradient(size, [(0.0, mix(wall, (60, 50, 50), 0.25)), (0.5, wall), (1.0, mix(wall, (90, 70, 60), 0.3))])
    _room_window(stage, wall)
    _room_picture(stage, wall)
    line = [(0.0, 0.0), (float(stage.wide), 0.0)]
    stage.add_ground(line, base=0.73, depth=0.4, colours=(mix(floor, wall, 0.3), mix(floor, (40, 26, 22), 0.45)))
    skirting = Sheet(stage.wide, stage.unit * 2)
    skirting.rectangle(0, 0, stage.wide, stage.unit * 2, mix(wall, (255, 255, 255), 0.35))
    stage.add_wide(skirting.layer(), 0.38, stage.height * 0.73 - stage.unit * 2)
    _room_lamp(stage, palette.dark)
    _blurred_leaf(stage, multiply((70, 92, 74), dim))


def _room_window(stage: Stage, wall: Colour) -> None:
    palette, unit = stage.palette, stage.unit
    wide, tall = unit * 40, unit * 46
    outside = gradient(
        (round(wide), round(tall)),
        [(0.0, palette.top), (0.5, palette.middle), (0.8, palette.horizon), (1.0, palette.haze)],
    )
    frame = mix(wall, (255, 255, 255), 0.55 if not palette.dark else 0.2)
    left, top = stage.width * 0.6 - wide / 2, stage.height * 0.12
    light = round(wide * 2.8)
    stage.add(
        glow(light, mix(palette.horizon, palette.glow, 0.6), 0.45, 1.6),
        0.22,
        left + wide / 2 - light / 2,
        top + tall / 2 - light / 2,
    )
    stage.add(outside.convert("RGBA").convert("RGBa"), 0.2, left, top)
    sheet = Sheet(wide * 1.1, tall * 1.08)
    for x in (0.0, wide * 0.53, wide * 1.06):
        sheet.rectangle(x, 0, x + wide * 0.04, tall * 1.08, frame)
    for y in (0.0, tall * 0.4, tall * 1.03):
        sheet.rectangle(0, y, wide * 1.1, y + wide * 0.045, frame)
    stage.add(sheet.layer(), 0.24, left - wide * 0.05, top - tall * 0.03)
    patch = [[(wide * 0.5, 0.0), (wide * 1.5, 0.0), (wide * 1.1, tall * 0.4), (0.0, tall * 0.4)]]
    mask = looked_up(
        blurred(polygon_mask((round(wide * 1.6), round(tall * 0.45)), *patch), unit),
        [value // 4 for value in range(256)],
    )
    stage.add(filled(mask, palette.glow), 0.45, left - wide * 0.5, stage.height * 0.77)


def _room_picture(stage: Stage, wall: Colour) -> None:
    unit = stage.unit
    sheet = Sheet(unit * 20, unit * 26)
    sheet.rectangle(0, 0, unit * 20, unit * 26, mix(wall, (50, 36, 30), 0.75))
    sheet.rectangle(unit, unit, unit * 19, unit * 25, mix(wall, (255, 255, 255), 0.5))
    sheet.ellipse(unit * 10, unit * 10, unit * 4, unit * 4, mix(wall, (196, 110, 84), 0.7))
    sheet.polygon(
        [(unit * 3, unit * 21), (unit * 9, unit * 13), (unit * 17, unit * 21)], mix(wall, (84, 104, 108), 0.7)
    )
    stage.add(sheet.layer(), 0.22, stage.width * 0.2 - unit * 10, stage.height * 0.2)


def _room_lamp(stage: Stage, lit: bool) -> None:  # noqa: FBT001 - it reads at the one call
    unit = stage.unit
    sheet = Sheet(unit * 20, unit * 66)
    metal, shade = (58, 50, 46), (244, 224, 184) if lit else (226, 212, 188)
    sheet.rectangle(unit * 9.6, unit * 14, unit * 10.4, unit * 65, metal)
    sheet.ellipse(unit * 10, unit * 65, unit * 5, unit * 0.9, metal)
    sheet.polygon([(unit * 5, 0), (unit * 15, 0), (unit * 19, unit * 14), (unit, unit * 14)], shade)
    left, top = stage.width * 0.1 - unit * 10, stage.height * 0.8 - unit * 65
    if lit:
        size = round(unit * 80)
        stage.add(glow(size, (255, 206, 140), 0.6, 2.2), 0.5, left + unit * 10 - size / 2, top + unit * 9 - size / 2)
    stage.add(sheet.layer(), 0.52, left, top)
