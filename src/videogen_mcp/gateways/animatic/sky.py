"""Skies: the gradient, the sun or moon, stars and clouds."""

import math
from random import Random
from typing import Final

from PIL import Image, ImageChops

from .paint import Sheet, blurred, disc, dithered, filled, fractal, glow, gradient, looked_up, smooth_threshold
from .palette import Colour, mix
from .stage import Stage, Sway

SUN_HEIGHTS: Final = {"golden": 0.40, "sunset": 0.50, "dawn": 0.48, "noon": 0.14, "day": 0.2}
"""Where the sun stands, as a share of the frame's height, for the lights that show it."""
SHADOWY_LIGHTS: Final = frozenset({"golden", "sunset", "dawn"})


def set_sky(stage: Stage) -> None:
    """Paint the sky: gradient, then stars, sun or moon, then clouds."""
    palette, weather = stage.palette, stage.shot.weather
    horizon = (stage.horizon * stage.height + stage.margin_y) / (stage.height + 2 * stage.margin_y)
    stops = [(0.0, palette.top), (horizon * 0.55, palette.middle), (horizon, palette.horizon), (1.0, palette.haze)]
    size = (stage.wide, stage.height + 2 * stage.margin_y)
    stage.sky = gradient(size, stops)
    covered = bool({"storm", "rain", "fog", "snowfall"} & set(weather)) or stage.shot.light == "overcast"
    moonlit = stage.shot.light == "night" or "moon" in stage.shot.traits
    if not covered:
        if palette.dark and (stage.shot.light != "neon" or "stars" in stage.shot.traits):
            add_stars(stage, 260 if stage.shot.light == "night" else 90)
        if moonlit:
            add_moon(stage)
        else:
            add_sun(stage)
    add_clouds(stage, heavy=covered)
    _light_horizon(stage)
    stage.sky = dithered(stage.sky, stage.random("grain"))


def _light_horizon(stage: Stage) -> None:
    """Let the sky glow softly above the middle of the horizon, as air does towards the light."""
    if stage.sky is None:
        return
    width = round(stage.width * 1.3)
    strength = 0.45 if not stage.palette.dark else 0.16
    light = glow(width, stage.palette.glow, strength, 1.5, tall=round(stage.height * 0.9))
    left = round(_sun_x(stage) * stage.width + stage.margin_x - width / 2)
    top = round(stage.horizon * stage.height + stage.margin_y - light.height / 2)
    stage.sky.paste(light, (left, top), light)


def _sun_x(stage: Stage) -> float:
    return stage.random("sun").choice((0.3, 0.34, 0.66, 0.7))


def add_stars(stage: Stage, count: int) -> None:
    """Scatter stars over the upper sky."""
    random = stage.random("stars")
    height = round(stage.height * max(0.2, stage.horizon - 0.04)) + stage.margin_y
    sheet = Sheet(stage.wide, height)
    for _ in range(count):
        x, y = random.uniform(0, stage.wide), random.uniform(0, 1) ** 1.3 * height
        size = random.choice((0.10, 0.12, 0.14, 0.2)) * max(stage.unit, 3.0)
        share = random.uniform(0.25, 0.95) * (1.0 - 0.75 * y / height)
        colour = mix(stage.palette.top, random.choice(((255, 246, 230), (230, 238, 255), (255, 255, 255))), share)
        sheet.ellipse(x, y, size, size, colour)
    stage.add_wide(sheet.layer(), 0.0, -stage.margin_y)


def add_sun(stage: Stage) -> None:
    """Put up the sun with its glow, where the light has one."""
    height = SUN_HEIGHTS.get(stage.shot.light or "day", None)
    if height is None or stage.palette.dark:
        return
    low = (stage.shot.light or "day") in SHADOWY_LIGHTS
    x = _sun_x(stage) * stage.width
    y = min(height, stage.horizon - 0.07) * stage.height
    size = round(stage.unit * (11 if low else 8))
    wide = round(stage.unit * (105 if low else 70))
    stage.add(glow(wide, stage.palette.glow, 0.6, 2.0), 0.02, x - wide / 2, y - wide / 2, soft=True)
    stage.add(
        disc(size, mix(stage.palette.glow, (255, 255, 255), 0.35), stage.unit * 0.35), 0.02, x - size / 2, y - size / 2
    )


def add_moon(stage: Stage, x_share: float | None = None, y_share: float = 0.2, size_units: float = 12) -> None:
    """Put up the moon with its glow and its seas."""
    random = stage.random("moon")
    x = (x_share if x_share is not None else _sun_x(stage)) * stage.width
    y = min(y_share, stage.horizon - 0.2) * stage.height
    size = round(stage.unit * size_units)
    wide = size * 6
    stage.add(
        glow(wide, mix(stage.palette.glow, stage.palette.middle, 0.25), 0.34, 2.8),
        0.01,
        x - wide / 2,
        y - wide / 2,
        soft=True,
    )
    stage.add(_moon_picture(size, random), 0.01, x - size / 2, y - size / 2)


def _moon_picture(size: int, random: Random) -> Image.Image:
    bright, dim = (244, 242, 232), (206, 208, 208)
    face = Image.new("RGB", (size, size), bright)
    seas = looked_up(fractal(random, (size, size), (size / 2.2, size / 2.2), 3), smooth_threshold(120, 190, 0.75))
    face.paste(dim, (0, 0), seas)
    mask = disc(size, bright, size * 0.012).getchannel(3)
    shadow = ImageChops.invert(ImageChops.offset(blurred(mask, size * 0.1), -round(size * 0.05), -round(size * 0.05)))
    face.paste((150, 158, 172), (0, 0), looked_up(shadow, [round(value * 0.3) for value in range(256)]))
    return filled(mask, face)


def add_clouds(stage: Stage, *, heavy: bool) -> None:
    """Let clouds drift over the sky: two thin layers, or a heavy ceiling in bad weather."""
    palette, storm = stage.palette, "storm" in stage.shot.weather
    light = mix(palette.horizon, palette.glow, 0.7 if not palette.dark else 0.12)
    dark = mix(palette.top, palette.haze, 0.25 if storm else 0.6)
    if heavy:
        ceiling, rack = (mix(dark, light, 0.15), mix(dark, light, 0.55)), (dark, mix(dark, light, 0.4))
        _cloud_layer(stage, "ceiling", (0.0, 0.62), threshold=(76, 172), strength=0.95, colours=ceiling, drift=14)
        _cloud_layer(stage, "rack", (0.0, 0.5), threshold=(116, 186), strength=0.9, colours=rack, drift=26)
        return
    amount = 0.95 if "clouds" in stage.shot.traits else 0.62
    if palette.dark:
        light, dark = mix(palette.middle, palette.horizon, 0.6), palette.middle
    high, low = (mix(dark, light, 0.55), light), (mix(dark, light, 0.25), light)
    _cloud_layer(stage, "high", (0.04, 0.42), threshold=(136, 216), strength=amount * 0.7, colours=high, drift=8)
    _cloud_layer(stage, "low", (0.26, 0.62), threshold=(132, 196), strength=amount, colours=low, drift=13)


def _cloud_layer(
    stage: Stage,
    name: str,
    span: tuple[float, float],
    *,
    threshold: tuple[float, float],
    strength: float,
    colours: tuple[Colour, Colour],
    drift: float,
) -> None:
    """Add clouds between two heights (shares of the sky); `drift` is their way to each side, in units."""
    random = stage.random(f"clouds {name}")
    sky = stage.horizon * stage.height + stage.margin_y
    top, bottom = round(span[0] * sky), round(min(1.0, span[1] + 0.25) * sky)
    size = (stage.wide, max(8, bottom - top))
    noise = fractal(random, size, (stage.unit * 46, stage.unit * 13), 5)
    mask = looked_up(noise, smooth_threshold(threshold[0], threshold[1], strength))
    fade = gradient(
        size, [(0.0, (round(220 * (span[0] == 0)), 0, 0)), (0.25, (255, 0, 0)), (0.6, (220, 0, 0)), (1.0, (0, 0, 0))]
    ).getchannel("R")
    mask = ImageChops.multiply(mask, fade)
    lifted = ImageChops.offset(noise, 0, max(1, round(stage.unit * 2.2)))
    relief = looked_up(ImageChops.subtract(noise, lifted, 1.0, 128), smooth_threshold(96, 176))
    fill = Image.composite(Image.new("RGB", size, colours[1]), Image.new("RGB", size, colours[0]), relief)
    sway = Sway(x=drift * stage.unit * 0.5, period=46.0, phase=random.choice((-0.5, math.pi - 0.5)))
    stage.add_wide(filled(mask, fill), 0.05, top - stage.margin_y, sway, soft=True)
