"""The colours of a scene: one palette per light, one ground tint per place, and how they mix with distance."""

from dataclasses import dataclass, replace
from typing import Final

from .brief import Shot

Colour = tuple[int, int, int]
Ambient = tuple[float, float, float]

STORM_WITH_LIGHT: Final = 0.45
FOG_MIX: Final = 0.5


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one light.

    Attributes:
        top: The sky overhead.
        middle: The sky halfway down.
        horizon: The sky at the horizon.
        haze: What far things fade into.
        shade: What near things darken into.
        glow: The sun's, moon's or lamps' own colour.
        ambient: What a thing's daylight colour is multiplied by, per channel.
        dark: Whether lamps and windows are lit.
        fog: How much the far layers lose, 0 to 1.
    """

    top: Colour
    middle: Colour
    horizon: Colour
    haze: Colour
    shade: Colour
    glow: Colour
    ambient: Ambient
    dark: bool = False
    fog: float = 0.0

    def ground(self, tint: tuple[Colour, Colour], nearness: float) -> Colour:
        """Return a ground colour at a nearness from 0 (the horizon) to 1 (the camera)."""
        local = multiply(mix(tint[0], tint[1], nearness), self.ambient)
        hazed = mix(self.haze, local, min(1.0, (0.16 + 0.92 * nearness)) * (1.0 - self.fog * (1.0 - 0.6 * nearness)))
        return mix(hazed, self.shade, 0.42 * nearness**2)

    def lit(self, colour: Colour, least: float = 0.5) -> Colour:
        """Return a subject's colour under this light; `least` keeps it readable at night."""
        red, green, blue = (max(least, factor) for factor in self.ambient)
        return mix(multiply(colour, (red, green, blue)), self.haze, 0.08 + 0.25 * self.fog)


def rgb(code: str) -> Colour:
    """Read a colour such as "1f2a4d"."""
    return int(code[0:2], 16), int(code[2:4], 16), int(code[4:6], 16)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Return the colour between two; a share of 0 is the first, 1 the second."""
    share = min(1.0, max(0.0, share))
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def multiply(colour: Colour, factors: Ambient) -> Colour:
    """Return the colour with each channel multiplied."""
    red, green, blue = (min(255, round(value * factor)) for value, factor in zip(colour, factors, strict=True))
    return red, green, blue


def _palette(codes: str, ambient: Ambient, *, dark: bool = False) -> Palette:
    top, middle, horizon, haze, shade, glow = (rgb(code) for code in codes.split())
    return Palette(top, middle, horizon, haze, shade, glow, ambient, dark)


# The codes are: top, middle, horizon, haze, shade, glow.
LIGHTS: Final[dict[str, Palette]] = {
    "day": _palette("4f86b8 93bcd9 e4ecea c3d6de 24404c fff4dc", (0.96, 0.97, 0.98)),
    "noon": _palette("2f78b8 7fb6dd dcebee bcd8e4 1f4152 fffbea", (1.0, 1.0, 1.0)),
    "golden": _palette("7d93a6 e2b98c ffdca0 eec08c 35241f fff0c8", (1.0, 0.85, 0.66)),
    "sunset": _palette("2f3a68 a95d7c f6a06b cf8577 211c36 ffd9a0", (0.84, 0.58, 0.54)),
    "dawn": _palette("5d7ba8 c2adc2 f7d2b6 d3bfc6 313c58 fff0da", (0.84, 0.77, 0.82)),
    "dusk": _palette("1d284a 565482 cb8c90 7b7093 14172b f6cdaa", (0.50, 0.47, 0.64), dark=True),
    "night": _palette("060c1c 11213c 2b4565 2b4263 050912 e9eef6", (0.24, 0.32, 0.49), dark=True),
    "neon": _palette("090a1a 1f1745 6d2a6c 48275f 07070f ff86cc", (0.30, 0.25, 0.45), dark=True),
    "storm": _palette("232c36 434f59 8d979a 727f87 131a20 dbe1e2", (0.44, 0.50, 0.55)),
    "overcast": _palette("7f8f9d a8b5be d2d8da bcc6cc 333e46 ffffff", (0.74, 0.78, 0.81)),
    "space": _palette("04050d 090c1e 151a36 2a3050 05060c dfe8ff", (0.62, 0.65, 0.75), dark=True),
    "lunar": _palette("030408 06080f 0b0e18 6d6f76 0c0d11 fdfdf6", (0.92, 0.92, 0.93), dark=True),
    "underwater": _palette("6fc3c4 2788a0 0d4a6c 1d6f8c 04223c dffaf2", (0.50, 0.78, 0.86)),
    "room": _palette("d9cbb6 cfbea6 bda98e c9b79d 3c3028 fff0d2", (0.98, 0.94, 0.88)),
}

# A place's own daylight colours: far and near.
GROUNDS: Final[dict[str, tuple[Colour, Colour]]] = {
    "meadow": (rgb("8fae8b"), rgb("567d45")),
    "forest": (rgb("6d9181"), rgb("2b4a36")),
    "mountain": (rgb("8a9db0"), rgb("46575f")),
    "desert": (rgb("e6c298"), rgb("b97e4c")),
    "sea": (rgb("6d9fb2"), rgb("1c4a61")),
    "sand": (rgb("ead9b4"), rgb("c8a878")),
    "city": (rgb("8d9aaa"), rgb("333a4a")),
    "winter": (rgb("e9f0f6"), rgb("c3d3e2")),
    "lunar": (rgb("b9b9ba"), rgb("6c6c70")),
    "underwater": (rgb("3f8f9c"), rgb("0d3a4c")),
    "pine": (rgb("708c84"), rgb("20382f")),
}

COLOURLESS: Final[Colour] = (128, 128, 128)
STUDIO_TONES: Final[tuple[tuple[Colour, Colour], ...]] = (
    (rgb("dcc7b4"), rgb("8d6550")),
    (rgb("c9d0c3"), rgb("66776a")),
    (rgb("cfd3dc"), rgb("66708a")),
    (rgb("e0cbc4"), rgb("946a66")),
    (rgb("d9d2c6"), rgb("7c7266")),
)
"""Studio backdrops: light and dark."""

DEFAULT_LIGHTS: Final[dict[str, str]] = {
    "space": "space",
    "lunar": "lunar",
    "underwater": "underwater",
    "city": "dusk",
}


def palette_for(shot: Shot, place: str) -> Palette:
    """Choose the palette of a shot in a place, weather included."""
    light = DEFAULT_LIGHTS[place] if place in {"space", "lunar", "underwater"} else shot.light
    if light is None:
        light = _light_of_weather(shot) or DEFAULT_LIGHTS.get(place, "day")
    palette = LIGHTS[light]
    if "storm" in shot.weather and light not in {"storm", "night", "neon"}:
        palette = _towards(palette, LIGHTS["storm"], STORM_WITH_LIGHT)
    if "fog" in shot.weather:
        palette = replace(palette, middle=mix(palette.middle, palette.haze, FOG_MIX), fog=0.55)
    return palette


def _light_of_weather(shot: Shot) -> str | None:
    if "storm" in shot.weather:
        return "storm"
    return "overcast" if shot.weather else None


def _towards(first: Palette, second: Palette, share: float) -> Palette:
    red, green, blue = (a + (b - a) * share for a, b in zip(first.ambient, second.ambient, strict=True))
    return Palette(
        top=mix(first.top, second.top, share),
        middle=mix(first.middle, second.middle, share),
        horizon=mix(first.horizon, second.horizon, share),
        haze=mix(first.haze, second.haze, share),
        shade=mix(first.shade, second.shade, share),
        glow=mix(first.glow, second.glow, share),
        ambient=(red, green, blue),
        dark=first.dark,
        fog=first.fog,
    )
