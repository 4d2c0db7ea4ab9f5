"""What is written over the picture: the caption, the slate label, the draft mark; and the vignette under them."""

import unicodedata
from functools import cache
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from .paint import looked_up, resized

DRAFT_TEXT: Final = "DRAFT - animatic"
MOST_LINES: Final = 3
MOST_CHARACTERS: Final = 600
LEAST_DRAWABLE: Final = 0.6
"""The share of a caption that the font must be able to draw; below it the caption is left out."""
ELLIPSIS: Final = "..."
TEXT_COLOUR: Final = (246, 244, 238, 255)
MARK_COLOUR: Final = (246, 244, 238, 225)
PLATE_COLOUR: Final = (12, 14, 18, 148)
MARK_PLATE_COLOUR: Final = (12, 14, 18, 118)
PLAIN: Final = {
    "\u2018": "'",
    "\u2019": "'",
    "\u201c": '"',
    "\u201d": '"',
    "\u2013": "-",
    "\u2014": "-",
    "\xdf": "ss",
    "\xe6": "ae",
    "\xf8": "o",
    "\u0142": "l",
    "\u0131": "i",
}
"""What stands for characters that the font lacks and that have no parts."""
UNDRAWN: Final = "\uffff"
"""No font has this character, so drawing it shows what the font puts for a missing one."""


def overlay(size: tuple[int, int], caption: str, slate: str) -> Image.Image:
    """Return everything that stands still over a shot, as one RGBa layer of the frame's size.

    Args:
        size: The frame's width and height in pixels.
        caption: Any text; what does not fit three lines ends in an ellipsis. Empty for none.
        slate: A short label such as "SHOT 2/3". Empty for none.
    """
    picture = _vignette(size)
    _draw_mark(picture, DRAFT_TEXT, right=True)
    if slate:
        _draw_mark(picture, slate, right=False)
    _draw_caption(picture, drawable(caption))
    return picture.convert("RGBa")


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size)


@cache
def _is_drawable(character: str) -> bool:
    if not character.isprintable():
        return False
    return _inked(character) != _inked(UNDRAWN)


@cache
def _inked(character: str) -> bytes:
    picture = Image.new("L", (64, 64), 0)
    ImageDraw.Draw(picture).text((16, 12), character, font=_font(24), fill=255)
    return picture.tobytes()


def drawable(text: str) -> str:
    """Return the text with one space between words and without what the font lacks; empty when that is most of it."""
    words = text[:MOST_CHARACTERS].split()
    drawn = [[_drawn_as(character) for character in word] for word in words]
    total, good = sum(map(len, drawn)), sum(bool(character) for word in drawn for character in word)
    if good < LEAST_DRAWABLE * total:
        return ""
    return " ".join(word for word in ("".join(characters) for characters in drawn) if word)


@cache
def _drawn_as(character: str) -> str:
    """Return the character, or what stands for it in the font: its letters without accents; empty when nothing does."""
    if _is_drawable(character):
        return character
    plain = PLAIN.get(character) or unicodedata.normalize("NFKD", character)
    return "".join(part for part in plain if _is_drawable(part))


def wrapped(text: str, most: float, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> list[str]:
    """Break a text into at most three lines of about the same length, none wider than `most` pixels."""
    lines = _broken(text, most, font)
    if len(lines) > MOST_LINES:
        lines = lines[:MOST_LINES]
        lines[-1] = _shortened(lines[-1], most, font)
        return lines
    # As few lines as are needed, but as even as they go.
    low, high = most * 0.3, most
    while high - low > 4:  # noqa: PLR2004 - pixels
        middle = (low + high) / 2
        fits = len(_broken(text, middle, font)) <= len(lines)
        low, high = (low, middle) if fits else (middle, high)
    return _broken(text, high, font)


def _broken(text: str, most: float, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> list[str]:
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and font.getlength(longer) > most:
            lines.append(line)
            longer = word
        while font.getlength(longer) > most and len(longer) > 1:
            cut = _fitting(longer, most, font)
            lines.append(longer[:cut])
            longer = longer[cut:]
        line = longer
    return [*lines, line] if line else lines


def _fitting(word: str, most: float, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> int:
    count = len(word)
    while count > 1 and font.getlength(word[:count]) > most:
        count -= 1
    return count


def _shortened(line: str, most: float, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    while line and font.getlength(line + ELLIPSIS) > most:
        line = line[:-1]
    return line.rstrip(" ,.;:-") + ELLIPSIS


def _vignette(size: tuple[int, int]) -> Image.Image:
    """Return a picture whose corners darken softly."""
    table = [round(118 * max(0.0, (value - 120) / 135) ** 1.7) for value in range(256)]
    round_mask = resized(
        looked_up(Image.radial_gradient("L").crop((26, 26, 230, 230)), table), size, Image.Resampling.BICUBIC
    )
    picture = Image.new("RGBA", size, (6, 7, 12, 0))
    picture.putalpha(round_mask)
    return picture


def _plate(
    picture: Image.Image, box: tuple[float, float, float, float], radius: float, colour: tuple[int, ...]
) -> None:
    """Lay a translucent rounded plate over the picture; drawn larger, for smooth corners."""
    scale = 3
    width, height = round(box[2] - box[0]), round(box[3] - box[1])
    large = Image.new("RGBA", (width * scale, height * scale), (*colour[:3], 0))
    ImageDraw.Draw(large).rounded_rectangle((0, 0, width * scale - 1, height * scale - 1), radius * scale, fill=colour)
    picture.alpha_composite(large.reduce(scale), (max(0, round(box[0])), max(0, round(box[1]))))


def _write(
    picture: Image.Image,
    position: tuple[float, float],
    text: str,
    *,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    colour: tuple[int, int, int, int],
    anchor: str,
) -> None:
    ink = Image.new("RGBA", picture.size, (*colour[:3], 0))
    ImageDraw.Draw(ink).text(position, text, font=font, fill=colour, anchor=anchor)
    picture.alpha_composite(ink)


def _draw_mark(picture: Image.Image, text: str, *, right: bool) -> None:
    """Draw a small label in the top corner, to the right or to the left."""
    width, height = picture.size
    unit = min(width, height) / 100
    font = _font(max(9, round(unit * 2.5)))
    edge, pad_x, pad_y = max(5.0, unit * 3.4), max(4.0, unit * 1.5), max(2.0, unit * 0.75)
    size = max(9.0, unit * 2.5)
    wide, tall = font.getlength(text) + 2 * pad_x, size * 1.12 + 2 * pad_y
    left = width - edge - wide if right else edge
    _plate(picture, (left, edge, left + wide, edge + tall), tall / 2, MARK_PLATE_COLOUR)
    _write(picture, (left + pad_x, edge + tall / 2 + size * 0.02), text, font=font, colour=MARK_COLOUR, anchor="lm")


def _draw_caption(picture: Image.Image, text: str) -> None:
    if not text:
        return
    width, height = picture.size
    unit = min(width, height) / 100
    size = max(10, round(unit * (3.6 if width >= height else 4.0)))
    font = _font(size)
    most = min(width * 0.84, size * 34)
    lines = wrapped(text, most, font)
    step = size * 1.36
    pad_x, pad_y = size * 0.95, size * 0.62
    wide = max(font.getlength(line) for line in lines) + 2 * pad_x
    tall = step * len(lines) + 2 * pad_y - (step - size)
    bottom = height - max(6.0, height * 0.05)
    left, top = (width - wide) / 2, bottom - tall
    _plate(picture, (left, top, left + wide, bottom), size * 0.5, PLATE_COLOUR)
    for number, line in enumerate(lines):
        _write(
            picture,
            (width / 2, top + pad_y + size * 0.5 + number * step),
            line,
            font=font,
            colour=TEXT_COLOUR,
            anchor="mm",
        )
