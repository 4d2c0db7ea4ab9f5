"""Scenes: choose and build a shot's place, then show it through the camera, moment by moment."""

from collections.abc import Callable
from itertools import pairwise
from typing import Final

from PIL import Image

from . import city, cosmos, heights, indoors, land, water, woods
from .brief import Shot
from .camera import Camera, Plane, View, enlarged
from .palette import palette_for
from .particles import Cloud, Rain, kinds_for
from .stage import Layer, Stage
from .subjects import KINDS, Actor

PLACES: Final[dict[str, Callable[[Stage], None]]] = {
    "meadow": land.build_meadow,
    "mountain": heights.build_mountain,
    "forest": woods.build_forest,
    "desert": heights.build_desert,
    "lunar": cosmos.build_lunar,
    "sea": water.build_sea,
    "beach": water.build_beach,
    "lake": water.build_lake,
    "underwater": water.build_underwater,
    "city": city.build_city,
    "studio": indoors.build_studio,
    "room": indoors.build_room,
    "space": cosmos.build_space,
}
DEFAULT_PLACE: Final = "meadow"
GROUP_DEPTHS: Final = (0.2, 0.7)
"""Where the layers are split for a dolly: those between two depths are enlarged together, which is fast."""
GROUP_SHOWN_DEPTHS: Final = (0.48, 0.92)
DRY_PLACES: Final = frozenset({"studio", "room", "space", "lunar", "underwater"})


def place_of(shot: Shot) -> str:
    """Return the place of a shot: the one named, else its subject's usual one."""
    if shot.place:
        return shot.place
    if not shot.subjects:
        return "space" if "stars" in shot.traits and not shot.weather else DEFAULT_PLACE
    usual = KINDS[shot.subjects[0].kind].place
    return DEFAULT_PLACE if usual in DRY_PLACES and (shot.weather or shot.light) and usual != "space" else usual


class Scene:
    """One shot's scenery, ready to be shown."""

    def __init__(self, shot: Shot, size: tuple[int, int], seed: str) -> None:
        """Paint every layer.

        Args:
            shot: What to show.
            size: The frame's width and height in pixels.
            seed: What all chance in the picture grows from.
        """
        place = place_of(shot)
        self._size = size
        self._camera = Camera(shot.moves, *size)
        stage = Stage(shot, palette_for(shot, place), *size, seed=seed)
        PLACES[place](stage)
        if "fog" in shot.weather and place not in DRY_PLACES:
            land.add_mist(stage, stage.horizon + 0.08, 0.75, 0.6)
            land.add_mist(stage, stage.horizon + 0.2, 0.6, 0.9)
        self._margins = (stage.margin_x, stage.margin_y)
        self._sky = stage.sky or Image.new("RGB", (stage.wide, stage.height + 2 * stage.margin_y), stage.palette.middle)
        self._layers: list[tuple[Layer, Plane]] = [
            (
                layer,
                Plane(layer.picture, self._camera.phases((layer.sway.x, layer.sway.y)) if not layer.soft else (1, 1)),
            )
            for layer in stage.layers
        ]
        self._actors = [
            Actor(subject, stage, number, len(shot.subjects)) for number, subject in enumerate(shot.subjects)
        ]
        depths = (index for index, layer in enumerate(stage.layers) if layer.depth > stage.subject_depth)
        self._front = next(depths, len(stage.layers))
        self._groups = self._grouped()
        self._air: list[Cloud | Rain] = [Cloud(kind, stage) for kind in kinds_for(shot, place)]
        if {"rain", "storm"} & set(shot.weather) and place not in DRY_PLACES:
            self._air.append(Rain(stage))

    def frame(self, progress: float, seconds: float) -> Image.Image:
        """Return the RGB picture at a progress from 0 to 1 through the shot, `seconds` after its start."""
        view = self._camera.view(progress, seconds)
        width, height = self._size
        shift_x, shift_y = view.offset(0.0)
        left, top = round(self._margins[0] - shift_x), round(self._margins[1] - shift_y)
        frame = self._sky.crop((left, top, left + width, top + height))
        for number, (depth, span) in enumerate(self._groups):
            scale = view.scale(depth)
            if number == 0:
                self._lay_span(frame, span, view, seconds)
                frame, _ = enlarged(frame, scale)
            elif scale < 1.0001:  # noqa: PLR2004 - not visible
                self._lay_span(frame, span, view, seconds)
            else:
                near = Image.new("RGBa", (width, height))
                self._lay_span(near, span, view, seconds)
                rows = near.getbbox() or (0, height - 1, width, height)
                part, start = enlarged(near.crop((0, rows[1], width, height)), scale, rows[1])
                frame.paste(part, (0, start), part)
        for cloud in self._air:
            cloud.lay(frame, view, seconds)
        return frame

    def _grouped(self) -> list[tuple[float, range]]:
        """Split the layers into spans that are enlarged together, each with the depth it is enlarged for."""
        count = len(self._layers)
        if not self._camera.dollies:
            return [(0.0, range(count + 1))]
        marks = [0]
        for limit in GROUP_DEPTHS:
            first = next((index for index, (layer, _) in enumerate(self._layers) if layer.depth > limit), count)
            marks.append(max(marks[-1], min(first, count)))
        marks.append(count + 1)
        spans = zip((0.0, *GROUP_SHOWN_DEPTHS), (range(*pair) for pair in pairwise(marks)), strict=True)
        return [(depth, span) for number, (depth, span) in enumerate(spans) if span or not number]

    def _lay_span(self, frame: Image.Image, span: range, view: View, seconds: float) -> None:
        """Lay some of the layers over a picture of the frame's size; the actors come right before layer `_front`."""
        for index in span:
            if index == self._front:
                for actor in reversed(self._actors):
                    actor.lay(frame, view, seconds)
            if index < len(self._layers):
                layer, plane = self._layers[index]
                sway_x, sway_y = layer.sway.at(seconds)
                shift_x, shift_y = view.offset(layer.depth)
                plane.lay(frame, layer.left + shift_x + sway_x, layer.top + shift_y + sway_y)
