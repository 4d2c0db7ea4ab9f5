"""Subjects on the stage: which drawing each has, where it stands, how it moves."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageChops

from . import figures, things
from .brief import Subject
from .camera import View
from .figures import Pen
from .paint import filled, glow, gradient, rim
from .palette import Colour, Palette, mix
from .stage import Stage
from .words import COLOURS

POSES: Final = 16
"""How many pictures one round of a subject's own motion has."""
STANDS, FLIES, FLOATS, SWIMS = "stands", "flies", "floats", "swims"


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of subject is shown.

    Attributes:
        draw: Draws one pose, given the body's colour and a phase from 0 to 1.
        height: In units (hundredths of the frame's shorter side).
        aspect: Width over height.
        manner: How it is placed and moves: stands, flies, floats (on water) or swims.
        colour: The body's colour where the prompt names none.
        place: The place it is shown in where the prompt names none.
        period: Seconds for one round of its own motion.
        turn: How far it swings to each side, in degrees.
    """

    draw: Callable[[Pen, Colour, float], None]
    height: float
    aspect: float
    manner: str
    colour: Colour
    place: str
    period: float = 2.6
    turn: float = 0.0


KINDS: Final[dict[str, Kind]] = {
    "kite": Kind(things.draw_kite, 46, 0.95, FLIES, (206, 84, 58), "meadow", 1.8, 6),
    "bird": Kind(figures.draw_bird, 26, 1.5, FLIES, (236, 236, 232), "sea", 1.3, 3),
    "boat": Kind(things.draw_boat, 40, 0.9, FLOATS, (164, 66, 54), "sea", 3.4, 3.2),
    "ship": Kind(things.draw_ship, 30, 2.0, FLOATS, (52, 66, 88), "sea", 3.2, 1.6),
    "balloon": Kind(things.draw_balloon, 46, 0.78, FLIES, (196, 88, 66), "meadow", 3.6, 2),
    "car": Kind(things.draw_car, 20, 2.15, STANDS, (176, 62, 56), "city", 0.8),
    "plane": Kind(things.draw_plane, 20, 1.9, FLIES, (198, 84, 62), "meadow", 0.5, 3),
    "person": Kind(figures.draw_person, 40, 0.4, STANDS, (78, 96, 124), "meadow", 3.2),
    "dancer": Kind(figures.draw_dancer, 44, 0.72, STANDS, (198, 74, 84), "studio", 2.6, 2.5),
    "astronaut": Kind(figures.draw_astronaut, 46, 0.62, STANDS, (232, 232, 228), "lunar", 3.4, 1.2),
    "tree": Kind(things.draw_tree, 52, 0.98, STANDS, (84, 122, 72), "meadow", 3.8),
    "lighthouse": Kind(things.draw_lighthouse, 54, 0.6, STANDS, (190, 66, 58), "sea", 3.0),
    "whale": Kind(figures.draw_whale, 34, 2.1, SWIMS, (82, 108, 130), "underwater", 4.0, 3),
    "fish": Kind(figures.draw_fish, 22, 1.5, SWIMS, (226, 134, 62), "underwater", 1.2, 3),
    "rocket": Kind(things.draw_rocket, 56, 0.55, FLIES, (198, 66, 58), "space", 0.9, 3),
    "castle": Kind(things.draw_castle, 44, 1.15, STANDS, (172, 166, 160), "mountain", 2.6),
    "house": Kind(things.draw_house, 34, 1.15, STANDS, (158, 114, 84), "meadow", 4.0),
    "cat": Kind(figures.draw_cat, 30, 0.86, STANDS, (92, 84, 82), "room", 2.8),
    "dog": Kind(figures.draw_dog, 28, 1.2, STANDS, (172, 124, 80), "meadow", 0.7),
    "horse": Kind(figures.draw_horse, 42, 1.15, STANDS, (126, 86, 64), "meadow", 2.2),
    "bottle": Kind(things.draw_bottle, 40, 0.6, STANDS, (214, 150, 110), "studio", 5.0),
    "cup": Kind(things.draw_cup, 26, 1.05, STANDS, (214, 196, 172), "studio", 3.0),
    "robot": Kind(figures.draw_robot, 42, 0.66, STANDS, (196, 202, 206), "studio", 2.4),
}
SMALLER_PLACES: Final = {"sea": 0.82, "beach": 1.0, "city": 1.0, "studio": 1.0, "mountain": 0.8, "lake": 0.9}
SECOND_SIZE: Final = 0.72


class Actor:
    """One subject of a shot, ready to be laid over frames."""

    def __init__(self, subject: Subject, stage: Stage, number: int, count: int) -> None:
        """Draw its poses. `number` of `count` subjects decides where it stands."""
        self._kind = KINDS[subject.kind]
        self._stage = stage
        kind, random = self._kind, stage.random(f"subject {number}")
        size = kind.height * stage.unit * SMALLER_PLACES.get(stage.shot.place or "", 0.94)
        size *= SECOND_SIZE if number else 1.0
        # A wide subject must fit a narrow frame.
        size = min(size, stage.width * 0.62 / kind.aspect)
        self._depth = stage.subject_depth
        self._x, self._y = self._home(size, random.uniform(-0.02, 0.02), number, count)
        self._phase = random.uniform(0, 2 * math.pi)
        colour = COLOURS.get(subject.colour or "", kind.colour)
        self._colour = colour
        self._size = (max(8, round(size * kind.aspect)), max(8, round(size)))
        self._poses: dict[int, Image.Image] = {}
        self._shadow = self._made_shadow(size)

    def _home(self, size: float, jitter: float, number: int, count: int) -> tuple[float, float]:
        """Return where the middle of its picture is when nothing moves, in pixels."""
        stage, kind = self._stage, self._kind
        if count > 1:
            x = (0.36, 0.66)[number]
        else:
            x = 0.5 if stage.shot.place in {"studio", None} and kind.place == "studio" else 0.5 + jitter
        if kind.manner == FLIES:
            return x * stage.width, stage.height * (0.36 if number == 0 else 0.26)
        if kind.manner == SWIMS:
            return x * stage.width, stage.height * 0.48 + number * stage.unit * 12
        return x * stage.width, stage.stand * stage.height - size / 2 + stage.unit * 1.0

    def _made_shadow(self, size: float) -> Image.Image | None:
        if self._kind.manner != STANDS or self._stage.shot.place in {"sea", "space", "underwater"}:
            return None
        width = round(size * self._kind.aspect * 1.25)
        return glow(width, self._stage.palette.shade, 0.66, 1.1, tall=max(2, round(width * 0.16)))

    @property
    def depth(self) -> float:
        """How deep in the scene it is: layers nearer than this are laid over it."""
        return self._depth

    def lay(self, frame: Image.Image, view: View, seconds: float) -> None:
        """Lay the subject over a picture of the frame's size, in place."""
        kind, unit = self._kind, self._stage.unit
        step_x, step_y, angle = self._motion(seconds)
        shift_x, shift_y = (0.0, 0.0) if view.follows else view.offset(self._depth)
        x, y = self._x + shift_x + step_x * unit, self._y + shift_y + step_y * unit
        if self._shadow is not None:
            _lay_turned(frame, self._shadow, x, y + self._size[1] * 0.475, 0.0)
        pose = self._pose(int(seconds / kind.period * POSES) % POSES)
        _lay_turned(frame, pose, x, y, angle)

    def _pose(self, number: int) -> Image.Image:
        # Drawn when first needed: then the threads that compose the frames share the work.
        pose = self._poses.get(number)
        if pose is None:
            pose = _posed(self._kind, self._stage.palette, self._colour, self._size, number / POSES)
            self._poses[number] = pose
        return pose

    def _motion(self, seconds: float) -> tuple[float, float, float]:
        """Return its own way right and down, in units, and its turn in degrees."""
        manner, turn, phase = self._kind.manner, self._kind.turn, self._phase
        slow, fast = math.sin(seconds * 0.9 + phase), math.sin(seconds * 1.7 + phase * 2)
        if manner == FLIES:
            return 2.6 * slow, 1.8 * fast, turn * (0.7 * slow + 0.4 * fast)
        if manner == SWIMS:
            return 4.0 * slow, 1.4 * fast, turn * math.cos(seconds * 0.9 + phase)
        if manner == FLOATS:
            rough = 2.0 if "storm" in self._stage.shot.weather else 1.0
            return 0.6 * slow, 0.8 * rough * fast, turn * rough * math.cos(seconds * 1.7 + phase * 2)
        return 0.0, 0.0, turn * slow


def _posed(kind: Kind, palette: Palette, colour: Colour, size: tuple[int, int], phase: float) -> Image.Image:
    """Return one pose as a layer, lit like the scene: tinted, darker below, bright along its lit edge."""
    pen = Pen(*size)
    kind.draw(pen, colour, phase)
    picture = pen.sheet.picture()
    mask = picture.getchannel(3)
    tint = Image.new("RGB", picture.size, palette.lit((255, 255, 255), 0.66))
    body = ImageChops.multiply(picture.convert("RGB"), tint)
    below = gradient(body.size, [(0.0, (0, 0, 0)), (0.45, (0, 0, 0)), (1.0, (88, 0, 0))]).getchannel("R")
    body.paste(mix(palette.shade, colour, 0.2), (0, 0), below)
    width = max(1, round(size[1] * 0.012))
    body.paste(mix(palette.glow, colour, 0.15), (0, 0), rim(mask, (-width, width), 0.7, blur=width * 0.7))
    return filled(mask, body)


def _lay_turned(frame: Image.Image, picture: Image.Image, x: float, y: float, degrees: float) -> None:
    """Lay a layer with its middle at (x, y), turned, at sub-pixel precision."""
    angle = math.radians(degrees)
    cosine, sine = math.cos(angle), math.sin(angle)
    half_width = (picture.width * abs(math.cos(angle)) + picture.height * abs(math.sin(angle))) / 2 + 1
    half_height = (picture.width * abs(math.sin(angle)) + picture.height * abs(math.cos(angle))) / 2 + 1
    left, top = math.floor(x - half_width), math.floor(y - half_height)
    size = (math.ceil(half_width * 2) + 1, math.ceil(half_height * 2) + 1)
    # The transform asks, for each pixel of the result, where it comes from.
    away_x, away_y = left - x, top - y
    matrix = (
        cosine,
        sine,
        cosine * away_x + sine * away_y + picture.width / 2,
        -sine,
        cosine,
        -sine * away_x + cosine * away_y + picture.height / 2,
    )
    turned = picture.transform(size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
    frame.paste(turned, (left, top), turned)
