"""The sound bed: a short seamless loop of synthesised air, sea, rain, crickets or a low pad."""

import math
from array import array
from collections.abc import Callable, Iterator
from random import Random
from typing import Final

from .brief import Shot

RATE: Final = 12_000
"""Samples per second at which the loop is made; it holds nothing that would need more."""
LOOP_SECONDS: Final = 4
PEAK: Final = 0.1
"""-20 dBFS."""
FADE_SECONDS: Final = 0.6
STEREO_SHIFT: Final = 1.37
"""Seconds between the left and the right side of the loop, which makes it wide."""

_COUNT: Final = RATE * LOOP_SECONDS

BEDS: Final[dict[str, tuple[tuple[str, float], ...]]] = {
    "sea": (("surf", 1.0), ("wind", 0.25)),
    "beach": (("surf", 1.0), ("wind", 0.15)),
    "lake": (("wind", 0.5), ("pad", 0.35)),
    "forest": (("wind", 0.6), ("pad", 0.3)),
    "meadow": (("wind", 0.7), ("pad", 0.3)),
    "mountain": (("wind", 1.0), ("pad", 0.25)),
    "desert": (("wind", 1.0), ("pad", 0.2)),
    "city": (("rumble", 1.0), ("pad", 0.25)),
    "space": (("pad", 1.0), ("rumble", 0.2)),
    "lunar": (("pad", 1.0), ("rumble", 0.15)),
    "underwater": (("rumble", 1.0), ("pad", 0.3)),
    "studio": (("pad", 1.0),),
    "room": (("pad", 0.6), ("rumble", 0.3)),
}
OUTDOORS: Final = frozenset({"sea", "beach", "lake", "forest", "meadow", "mountain", "desert", "city"})
CHORD: Final = (110.0, 164.75, 220.0, 277.25, 329.5)
"""Hertz; whole numbers of waves fit into the loop."""


def bed_for(shot: Shot, place: str) -> tuple[tuple[str, float], ...]:
    """Choose the voices and their loudness for a shot in a place."""
    voices = list(BEDS.get(place, BEDS["meadow"]))
    if place in OUTDOORS:
        if {"rain", "storm"} & set(shot.weather):
            voices.append(("rain", 0.8))
        if "storm" in shot.weather:
            voices.append(("rumble", 0.7))
        if shot.light in {"night", "dusk"} and place in {"forest", "meadow", "lake"}:
            voices.append(("crickets", 0.3))
    return tuple(voices)


def loop(voices: tuple[tuple[str, float], ...], seed: str) -> "array[float]":
    """Return one round of the bed, mono, at most 1.0 loud, without a seam when repeated."""
    mixed = array("d", bytes(8 * _COUNT))
    for name, loudness in voices:
        samples = VOICES[name](Random(f"{seed}/{name}"))  # noqa: S311 - chance in a sound, not in a secret
        loudest = max(1e-9, *map(abs, samples))
        factor = loudness / loudest
        mixed = array("d", [value + factor * sample for value, sample in zip(mixed, samples, strict=True)])
    loudest = max(1e-9, *map(abs, mixed))
    return array("d", [value / loudest for value in mixed])


def pcm(bed: "array[float]", seconds: float, chunk: int) -> Iterator[bytes]:
    """Repeat a bed for a time, fading in and out, as interleaved 16-bit stereo.

    Args:
        bed: One round, from `loop`.
        seconds: How long.
        chunk: Samples per piece; the last piece may be shorter.

    Yields:
        The pieces.
    """
    total = round(seconds * RATE)
    fade = max(1, min(round(FADE_SECONDS * RATE), total // 2))
    shift = round(STEREO_SHIFT * RATE)
    whole = array("h", bytes(4 * len(bed)))
    scale = 32767 * PEAK
    whole[0::2] = array("h", [round(value * scale) for value in bed])
    whole[1::2] = array("h", [round(bed[(index + shift) % len(bed)] * scale) for index in range(len(bed))])
    for start in range(0, total, chunk):
        piece = array("h")
        end = min(total, start + chunk)
        at = start
        while at < end:
            place = at % len(bed)
            count = min(end - at, len(bed) - place)
            piece.extend(whole[2 * place : 2 * (place + count)])
            at += count
        if start < fade or end > total - fade:
            for index in range(end - start):
                volume = min(1.0, (start + index) / fade, (total - 1 - start - index) / fade)
                if volume < 1.0:
                    piece[2 * index] = round(piece[2 * index] * volume)
                    piece[2 * index + 1] = round(piece[2 * index + 1] * volume)
        yield piece.tobytes()


def _noise(random: Random) -> list[float]:
    """Return white noise, one round."""
    return [byte / 127.5 - 1.0 for byte in random.randbytes(_COUNT)]


def _low_pass(samples: list[float], hertz: float) -> list[float]:
    """Filter one round as if it had been going round for ever: the first pass only warms the filter up."""
    share = 1.0 - math.exp(-2 * math.pi * hertz / RATE)
    value = 0.0
    for sample in samples[-RATE:]:
        value += share * (sample - value)
    result: list[float] = []
    for sample in samples:
        value += share * (sample - value)
        result.append(value)
    return result


def _swell(samples: list[float], rounds: int, least: float, phase: float) -> list[float]:
    """Let the loudness rise and fall a whole number of times per round."""
    rate = 2 * math.pi * rounds / len(samples)
    half = (1.0 - least) / 2
    return [sample * (least + half + half * math.sin(rate * index + phase)) for index, sample in enumerate(samples)]


def _surf(random: Random) -> list[float]:
    deep = _swell(_low_pass(_low_pass(_noise(random), 420), 700), 1, 0.3, 0.0)
    hiss = _swell(_low_pass(_noise(random), 2600), 1, 0.05, -0.9)
    return [low * 3.0 + high * 0.16 for low, high in zip(deep, hiss, strict=True)]


def _wind(random: Random) -> list[float]:
    wide, narrow = _low_pass(_low_pass(_noise(random), 520), 520), 130.0
    low = _low_pass(wide, narrow)
    return _swell([a - b for a, b in zip(wide, low, strict=True)], 1, 0.45, random.uniform(0, 6))


def _rumble(random: Random) -> list[float]:
    return _swell(_low_pass(_low_pass(_noise(random), 90), 140), 2, 0.7, 1.0)


def _rain(random: Random) -> list[float]:
    noise = _noise(random)
    low = _low_pass(noise, 1400)
    return [sample - below for sample, below in zip(noise, low, strict=True)]


def _pad(random: Random) -> list[float]:
    total = [0.0] * _COUNT
    for number, hertz in enumerate(CHORD):
        rate, phase = 2 * math.pi * hertz / RATE, random.uniform(0, 6)
        slow, loud = 2 * math.pi * (1 + number % 2) / _COUNT, 1.0 / (1.4 + number)
        shift = random.uniform(0, 6)
        total = [
            value + loud * math.sin(rate * index + phase) * (0.75 + 0.25 * math.sin(slow * index + shift))
            for index, value in enumerate(total)
        ]
    return total


def _crickets(random: Random) -> list[float]:
    total = [0.0] * _COUNT
    for start in range(0, _COUNT, RATE // 2):
        begin = start + random.randrange(RATE // 8)
        for pulse in range(3):
            first = begin + pulse * RATE // 25
            length = RATE // 45
            for index in range(length):
                shape = math.sin(math.pi * index / length)
                total[(first + index) % _COUNT] += shape * math.sin(2 * math.pi * 4300 * index / RATE)
    return total


VOICES: Final[dict[str, Callable[[Random], list[float]]]] = {
    "surf": _surf,
    "wind": _wind,
    "rumble": _rumble,
    "rain": _rain,
    "pad": _pad,
    "crickets": _crickets,
}
