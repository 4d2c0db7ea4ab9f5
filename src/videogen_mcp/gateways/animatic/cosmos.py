"""Places beyond the Earth: open space, and the ground of the moon."""

from random import Random

from PIL import Image, ImageChops

from .land import add_mountains
from .paint import Sheet, blurred, disc, faded, filled, fractal, glow, gradient, looked_up, ridge, smooth_threshold
from .palette import GROUNDS, Colour, mix
from .sky import add_moon, add_stars, set_sky
from .stage import LINE_STEP, Stage


def build_space(stage: Stage) -> None:
    """Stars at three depths, a nebula, a planet with the sun behind it."""
    palette = stage.palette
    stage.horizon, stage.stand, stage.subject_depth = 1.0, 0.56, 0.6
    size = (stage.wide, stage.height + 2 * stage.margin_y)
    sky = gradient(size, [(0.0, palette.top), (0.6, palette.middle), (1.0, palette.horizon)])
    random = stage.random("nebula")
    for colour, strength in (((92, 58, 128), 0.6), ((36, 96, 132), 0.5), ((196, 110, 104), 0.32)):
        cloud = looked_up(
            fractal(random, size, (stage.unit * 80, stage.unit * 60), 5), smooth_threshold(120, 225, strength)
        )
        sky.paste(colour, (0, 0), cloud)
    stage.sky = sky
    add_stars(stage, 300)
    for index, nearness in enumerate((0.25, 0.5)):
        sheet = Sheet(stage.wide, size[1])
        for _ in range(46):
            radius = stage.unit * random.uniform(0.12, 0.2) * (1 + index)
            sheet.ellipse(
                random.uniform(0, stage.wide),
                random.uniform(0, size[1]),
                radius,
                radius,
                mix(palette.middle, (255, 252, 244), random.uniform(0.4, 1)),
            )
        stage.add_wide(blurred(sheet.layer(), stage.unit * 0.08), nearness, -stage.margin_y)
    _planet(stage)
    if "moon" in stage.shot.traits:
        add_moon(stage, 0.22, 0.22, 16)


def _planet(stage: Stage) -> None:
    random = stage.random("planet")
    size = round(stage.unit * 96)
    light, dark = random.choice(
        (((206, 170, 132), (120, 82, 70)), ((126, 168, 190), (46, 78, 118)), ((190, 150, 160), (98, 66, 100)))
    )
    bands = fractal(random, (size, size), (size * 1.4, size / 11), 4)
    face = Image.composite(
        Image.new("RGB", bands.size, light),
        Image.new("RGB", bands.size, dark),
        looked_up(bands, smooth_threshold(70, 190)),
    )
    mask = disc(size, light, 1.2).getchannel(3)
    night = ImageChops.invert(ImageChops.offset(blurred(mask, size * 0.1), -round(size * 0.24), -round(size * 0.2)))
    face.paste((4, 5, 12), (0, 0), night)
    left, top = stage.width * 0.62, stage.height * 0.56
    halo = round(size * 1.36)
    stage.add(
        faded(disc(halo, mix(light, (150, 190, 255), 0.6), size * 0.09), 0.32),
        0.14,
        left - (halo - size) / 2 - size * 0.03,
        top - (halo - size) / 2 - size * 0.03,
    )
    stage.add(filled(mask, face), 0.15, left, top)


def build_lunar(stage: Stage) -> None:
    """The moon's grey plains and craters under a black sky, with the Earth up."""
    stage.horizon, stage.stand = 0.62, 0.8
    set_sky(stage)
    add_stars(stage, 320)
    size = round(stage.unit * 17)
    left, top = stage.width * 0.72, stage.height * 0.13
    stage.add(glow(size * 3, (110, 160, 220), 0.22, 2.4), 0.01, left - size, top - size)
    stage.add(_earth(size, stage.random("earth")), 0.01, left, top)
    add_mountains(stage, "rim", base=0.6, rise=0.07, nearness=0.3, depth=0.1)
    for index, (base, nearness) in enumerate(((0.615, 0.3), (0.68, 0.55), (0.87, 0.92))):
        random = stage.random(f"plain {index}")
        line = ridge(
            random,
            stage.wide,
            LINE_STEP,
            [(stage.width * 0.8, stage.height * 0.012), (stage.width * 0.2, stage.height * 0.004)],
        )
        ground = tuple(
            mix(stage.palette.ground(GROUNDS["lunar"], share), (200, 200, 198), 0.12)
            for share in (nearness, min(1.0, nearness + 0.3))
        )
        stage.add_ground(line, base=base, depth=nearness, colours=(ground[0], ground[1]), light=(0.8, 0.5))
        _craters(stage, random, base, nearness, ground[0])


def _earth(size: int, random: Random) -> Image.Image:
    face = Image.new("RGB", (size, size), (46, 96, 158))
    land = fractal(random, (size, size), (size / 2.5, size / 3), 4)
    face.paste((96, 124, 92), (0, 0), looked_up(land, smooth_threshold(138, 152)))
    clouds = fractal(random, (size, size), (size / 2.6, size / 9), 4)
    face.paste((240, 244, 248), (0, 0), looked_up(clouds, smooth_threshold(132, 176, 0.85)))
    mask = disc(size, (0, 0, 0), size * 0.01).getchannel(3)
    night = ImageChops.invert(ImageChops.offset(blurred(mask, size * 0.09), -round(size * 0.26), -round(size * 0.14)))
    face.paste((3, 5, 12), (0, 0), night)
    return filled(mask, face)


def _craters(stage: Stage, random: Random, base: float, nearness: float, colour: Colour) -> None:
    tall = round(stage.height * 0.16)
    sheet = Sheet(stage.wide, tall)
    for _ in range(16):
        width = stage.unit * random.uniform(1.0, 5.0) * (0.5 + 2.0 * nearness)
        x, y = random.uniform(0, stage.wide), tall * random.uniform(0.3, 0.85)
        sheet.ellipse(x, y, width, width * 0.2, mix(colour, (255, 255, 250), 0.22))
        sheet.ellipse(x, y + width * 0.02, width * 0.94, width * 0.17, mix(colour, stage.palette.shade, 0.5))
        sheet.ellipse(
            x + width * 0.1, y + width * 0.07, width * 0.72, width * 0.1, mix(colour, stage.palette.shade, 0.15)
        )
    stage.add_wide(sheet.layer(), nearness, base * stage.height + tall * 0.1)
