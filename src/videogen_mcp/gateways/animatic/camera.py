"""Camera moves: where the camera looks at each moment, and how a layer of a given depth is cropped for it."""

import math
from dataclasses import dataclass
from typing import Final

from PIL import Image

from .paint import resized

STATIC: Final = "static"
DEFAULT_MOVE: Final = "drift"
PHASES: Final = 4
"""How many sub-pixel positions a layer is prepared at, along each moving axis: slow moves then do not stutter."""


@dataclass(frozen=True, slots=True)
class Move:
    """A camera move from its first value to its last.

    Attributes:
        x: Camera position, as shares of the frame's width; growing is to the right.
        y: Camera position, as shares of the frame's height; growing is down.
        zoom: Scale of everything alike; at least 1.
        dolly: Scale that grows with nearness; at least 0.
        floor: The least share of the position that the farthest layers follow: a pan turns all, a truck the near.
        pivot: The depth that stays in place, and about which the rest turns.
        shake: Sway of a hand, as a share of the frame's width.
        follows: Whether the camera keeps the subject in place.
    """

    x: tuple[float, float] = (0.0, 0.0)
    y: tuple[float, float] = (0.0, 0.0)
    zoom: tuple[float, float] = (1.0, 1.0)
    dolly: tuple[float, float] = (0.0, 0.0)
    floor: float = 0.06
    pivot: float = 0.0
    shake: float = 0.0
    follows: bool = False


MOVES: Final[dict[str, Move]] = {
    "static": Move(),
    "drift": Move(x=(-0.03, 0.03)),
    "pan_left": Move(x=(0.11, -0.11), floor=0.4),
    "pan_right": Move(x=(-0.11, 0.11), floor=0.4),
    "truck_left": Move(x=(0.12, -0.12)),
    "truck_right": Move(x=(-0.12, 0.12)),
    "tilt_up": Move(y=(0.08, -0.09), floor=0.45),
    "tilt_down": Move(y=(-0.09, 0.08), floor=0.45),
    "crane_up": Move(y=(0.09, -0.08)),
    "crane_down": Move(y=(-0.08, 0.09)),
    "zoom_in": Move(zoom=(1.0, 1.24)),
    "zoom_out": Move(zoom=(1.24, 1.0)),
    "dolly_in": Move(dolly=(0.0, 0.30)),
    "dolly_out": Move(dolly=(0.30, 0.0)),
    "orbit": Move(x=(-0.17, 0.17), pivot=0.62),
    "tracking": Move(x=(-0.12, 0.12), follows=True),
    "handheld": Move(x=(-0.015, 0.015), shake=0.006, floor=0.5),
}
SHAKES: Final = ((0.37, 0.9, 0.3), (0.83, 0.5, 1.7), (1.71, 0.22, 4.1), (2.9, 0.07, 2.2))
"""Waves of a hand: (hertz, share, phase)."""

FOCUS_Y: Final = 0.6
"""The height about which the picture grows, as a share of the frame's: where things stand, not the middle."""
LARGE_FRAME: Final = 1_200_000
"""Pixels of a frame above which it counts as large."""
LIMIT_X: Final = 0.13
LIMIT_Y: Final = 0.11


@dataclass(frozen=True, slots=True)
class View:
    """Where the camera is at one moment; positions in pixels."""

    x: float
    y: float
    zoom: float
    dolly: float
    floor: float
    pivot: float
    follows: bool

    def offset(self, depth: float) -> tuple[float, float]:
        """Return how far a layer moves on the screen, in pixels right and down."""
        share = max(self.floor, depth) - self.pivot
        return -self.x * share, -self.y * share

    def scale(self, depth: float) -> float:
        """Return how much a layer of a depth is enlarged."""
        return self.zoom * (1.0 + self.dolly * depth)


@dataclass(frozen=True, slots=True)
class Camera:
    """The camera of one shot in a frame of a size in pixels."""

    moves: tuple[str, ...]
    width: int
    height: int

    @property
    def dollies(self) -> bool:
        """Whether the camera enlarges near things more than far ones."""
        return any(move.dolly != (0.0, 0.0) for move in self._moves())

    @property
    def scales(self) -> bool:
        """Whether the camera ever enlarges anything."""
        return self.dollies or any(move.zoom != (1.0, 1.0) for move in self._moves())

    def phases(self, sway: tuple[float, float]) -> tuple[int, int]:
        """Return how many sub-pixel positions a layer with a sway of its own needs, across and down."""
        moves = self._moves()
        # Half a pixel of a large frame is as little to the eye as a quarter of a small one, and takes half the memory.
        fine = PHASES if self.width * self.height <= LARGE_FRAME else PHASES // 2
        if any(move.shake for move in moves):
            return 2, 2
        if any(move.y != (0.0, 0.0) for move in moves):
            return 1, fine
        return (fine if sway[0] or any(move.x != (0.0, 0.0) for move in moves) else 1), 1

    def _moves(self) -> list[Move]:
        return [MOVES[name] for name in self.moves or (DEFAULT_MOVE,)]

    def view(self, progress: float, seconds: float) -> View:
        """Return the view at a progress from 0 to 1 through the shot, `seconds` after its start."""
        moves = self._moves()
        eased = ease(progress)
        shake_x = sum(move.shake * _sway(seconds, 0.0) for move in moves)
        shake_y = sum(move.shake * _sway(seconds, 2.6) for move in moves)
        x = sum(_between(move.x, eased) for move in moves) + shake_x
        y = sum(_between(move.y, eased) for move in moves) + shake_y * 0.8
        return View(
            x=_clamped(x, LIMIT_X if not any(move.pivot for move in moves) else LIMIT_X / 0.62) * self.width,
            y=_clamped(y, LIMIT_Y) * self.height,
            zoom=math.prod(_between(move.zoom, eased) for move in moves),
            dolly=sum(_between(move.dolly, eased) for move in moves),
            floor=max(move.floor for move in moves),
            pivot=max(move.pivot for move in moves),
            follows=any(move.follows for move in moves),
        )


def enlarged(picture: Image.Image, scale: float, top: int = 0) -> tuple[Image.Image, int]:
    """Enlarge a picture as wide as the frame about the camera's focus.

    Args:
        picture: The rows of the frame from `top` downwards, to its bottom.
        scale: At least 1.
        top: How many rows of the frame are missing above.

    Returns:
        The enlarged picture, cut to the frame, and the row of the frame that it begins at.
    """
    width, height = picture.width, top + picture.height
    if scale < 1.0001:  # noqa: PLR2004 - not visible
        return picture, top
    focus_x, focus_y = width / 2, height * FOCUS_Y
    start = max(0, math.ceil(focus_y + (top - focus_y) * scale))
    left, upper = focus_x - focus_x / scale, focus_y + (start - focus_y) / scale - top
    lower = focus_y + (height - focus_y) / scale - top
    box = (left, max(0.0, upper), left + width / scale, min(float(picture.height), lower))
    return resized(picture, (width, height - start), Image.Resampling.BILINEAR, box=box), start


def ease(progress: float) -> float:
    """Return the progress slowed at both ends, but never standing still."""
    smooth = progress * progress * (3.0 - 2.0 * progress)
    return 0.4 * progress + 0.6 * smooth


def _between(ends: tuple[float, float], share: float) -> float:
    return ends[0] + (ends[1] - ends[0]) * share


def _clamped(value: float, limit: float) -> float:
    return max(-limit, min(limit, value))


def _sway(seconds: float, shift: float) -> float:
    return sum(part * math.sin(2 * math.pi * hertz * seconds + phase + shift * hertz) for hertz, part, phase in SHAKES)


class Plane:
    """One layer, ready to be laid over a frame at any position and scale."""

    def __init__(self, picture: Image.Image, phases: tuple[int, int]) -> None:
        """Prepare an RGBa layer; `phases` are the sub-pixel positions to prepare, across and down."""
        self._phases = phases
        self._shifted = {(0, 0): picture}

    def _at(self, across: int, down: int) -> Image.Image:
        # Made when first needed: then the threads that compose the frames share the work.
        shifted = self._shifted.get((across, down))
        if shifted is None:
            shifted = _shifted(self._shifted[0, 0], across / self._phases[0], down / self._phases[1])
            self._shifted[across, down] = shifted
        return shifted

    def lay(self, frame: Image.Image, left: float, top: float) -> None:
        """Lay the layer over a picture ("RGB" or "RGBa"), its top left corner at (left, top), in place."""
        across, down = self._phases
        steps_x, steps_y = math.floor(left * across + 0.5), math.floor(top * down + 0.5)
        whole_x, whole_y = steps_x // across, steps_y // down
        picture = self._at(steps_x % across, steps_y % down)
        box = (
            max(0, -whole_x),
            max(0, -whole_y),
            min(picture.width, frame.width - whole_x),
            min(picture.height, frame.height - whole_y),
        )
        if box[0] < box[2] and box[1] < box[3]:
            part = picture.crop(box)
            frame.paste(part, (whole_x + box[0], whole_y + box[1]), part)


def _shifted(picture: Image.Image, across: float, down: float) -> Image.Image:
    """Return the picture moved right and down by a part of a pixel."""
    if not across and not down:
        return picture
    wider = Image.new(picture.mode, (picture.width + 2, picture.height + 2))
    wider.paste(picture, (1, 1))
    box = (1.0 - across, 1.0 - down, 1.0 - across + picture.width, 1.0 - down + picture.height)
    return resized(wider, picture.size, Image.Resampling.BILINEAR, box=box)
