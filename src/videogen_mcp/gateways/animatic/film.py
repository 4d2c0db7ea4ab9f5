"""The film: which shots it has, how long each is, and every frame of it in order."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Protocol

from PIL import Image

from .brief import Shot, read_brief
from .camera import ease
from .caption import overlay
from .scenery import Scene
from .stills import Still

LEAST_SHOT_SECONDS: Final = 1.0
WORKERS: Final = 2
AHEAD: Final = 4
"""How many frames may be composed before they are taken, per film."""
PROMPT_READ: Final = 4000
"""Characters of a prompt that are read as a brief."""


class Picture(Protocol):
    """Anything that shows a moving picture: scenery or a still."""

    def frame(self, progress: float, seconds: float) -> Image.Image:
        """Return the RGB picture at a progress from 0 to 1 through the shot, `seconds` after its start."""
        ...


@dataclass(frozen=True, slots=True)
class Piece:
    """One shot of the film: what the prompt says of it, and the given pictures it shows, if any."""

    shot: Shot
    start: str | None = None
    end: str | None = None


@dataclass(frozen=True, slots=True)
class Film:
    """A planned film of `frames` frames; the pieces share them evenly."""

    pieces: tuple[Piece, ...]
    frames: int
    rate: int
    size: tuple[int, int]
    seed: str

    def spans(self) -> list[tuple[int, int]]:
        """Return the first frame of each piece and the first one after it."""
        count = len(self.pieces)
        marks = [round(self.frames * number / count) for number in range(count + 1)]
        return list(pairwise(marks))

    def play(self) -> Iterator[Image.Image]:
        """Yield every frame in order, as RGB pictures. Frames are composed ahead, in two threads."""
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="animatic") as pool:
            waiting: deque[Future[Image.Image]] = deque()
            spans = self.spans()
            coming: Future[Callable[[int], Image.Image]] | None = pool.submit(self._prepared, 0)
            try:
                for number, (first, end) in enumerate(spans):
                    if coming is None:
                        break
                    compose = coming.result()
                    coming = pool.submit(self._prepared, number + 1) if number + 1 < len(spans) else None
                    for index in range(end - first):
                        waiting.append(pool.submit(compose, index))
                        if len(waiting) > AHEAD:
                            yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def _prepared(self, number: int) -> Callable[[int], Image.Image]:
        """Prepare a piece and return what composes its frames, by their index within the piece."""
        piece = self.pieces[number]
        first, end = self.spans()[number]
        count = end - first
        picture = self._picture(piece, number)
        final = Still(piece.end, piece.shot.moves, self.size, settle=True) if piece.end else None
        slate = f"SHOT {number + 1}/{len(self.pieces)}" if len(self.pieces) > 1 else ""
        written = overlay(self.size, piece.shot.text, slate)

        def compose(index: int) -> Image.Image:
            progress, seconds = index / max(1, count - 1), index / self.rate
            frame = picture.frame(progress, seconds)
            if final is not None:
                frame = Image.blend(frame, final.frame(progress, seconds), ease(progress))
            frame.paste(written, (0, 0), written)
            return frame

        return compose

    def _picture(self, piece: Piece, number: int) -> Picture:
        if piece.start:
            # A cross-fade keeps still, so that it begins and ends on the given pictures.
            return Still(piece.start, piece.shot.moves if not piece.end else (), self.size)
        return Scene(piece.shot, self.size, f"{self.seed}/{number}")


def plan_film(
    prompt: str,
    *,
    seconds: float,
    rate: int,
    size: tuple[int, int],
    seed: int | None,
    first_frame: str | None = None,
    last_frame: str | None = None,
    reference_images: tuple[str, ...] = (),
) -> Film:
    """Plan the film of a prompt: its shots, then one for each reference image, each at least about a second long.

    Args:
        prompt: What to show.
        seconds: How long.
        rate: Frames per second.
        size: Width and height in pixels.
        seed: What chance grows from; the prompt itself when None.
        first_frame: A picture that the first shot starts on.
        last_frame: A picture that the last shot ends on.
        reference_images: Pictures that get shots of their own.

    Returns:
        The plan; nothing is drawn yet.
    """
    shots = read_brief(prompt[:PROMPT_READ]).shots
    pieces = [Piece(shot, first_frame if number == 0 else None) for number, shot in enumerate(shots)]
    pieces += [Piece(shots[number % len(shots)], path) for number, path in enumerate(reference_images)]
    pieces = pieces[: max(1, int(seconds / LEAST_SHOT_SECONDS))]
    if last_frame:
        pieces[-1] = Piece(pieces[-1].shot, pieces[-1].start, last_frame)
    # With a seed, a changed word changes only what it names.
    source = prompt if seed is None else f"seed {seed}"
    root = hashlib.sha256(source.encode("utf-8", "replace")).hexdigest()
    return Film(tuple(pieces), max(1, round(seconds * rate)), rate, size, root)
