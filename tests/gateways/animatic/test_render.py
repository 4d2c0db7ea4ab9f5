import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import av
import pytest
from PIL import Image, ImageChops, ImageDraw, ImageOps, ImageStat
from tests.support import slowness

from videogen_mcp.gateways.animatic.brief import read_brief
from videogen_mcp.gateways.animatic.film import plan_film
from videogen_mcp.gateways.animatic.render import RenderSpec, render
from videogen_mcp.gateways.animatic.scenery import PLACES, Scene
from videogen_mcp.gateways.animatic.subjects import KINDS
from videogen_mcp.gateways.animatic.words import MOVES, SUBJECTS

SIZE = (320, 180)
PICTURE_AREA = (0, 30, 320, 130)
"""Neither labels nor caption are here."""


def spec_for(folder: Path, prompt: str = "a boat on the sea", **changes: Any) -> RenderSpec:
    spec = RenderSpec(prompt=prompt, seconds=1.0, width=320, height=180, path=str(folder / "film.mp4"))
    return replace(spec, **changes)


def made(spec: RenderSpec) -> RenderSpec:
    render(spec, lambda _: None)
    return spec


def frames_of(path: str) -> list[Image.Image]:
    with av.open(path) as container:
        return [cast("Image.Image", cast("Any", frame).to_image()) for frame in container.decode(video=0)]


def frames_for(prompt: str, seconds: float = 1.0, **changes: Any) -> list[Image.Image]:
    film = plan_film(prompt, seconds=seconds, rate=12, size=SIZE, seed=changes.pop("seed", None), **changes)
    return list(film.play())


def difference(first: Image.Image, second: Image.Image, box: tuple[int, int, int, int] = PICTURE_AREA) -> float:
    pair = (picture.convert("L").crop(box) for picture in (first, second))
    return ImageStat.Stat(ImageChops.difference(*pair)).mean[0]


def mask_of(first: Image.Image, second: Image.Image, least: int) -> Image.Image:
    """Return where two pictures differ by more than a little."""
    changed = ImageChops.difference(first, second).convert("L")
    return cast("Any", changed).point([0] * least + [255] * (256 - least))


def shift_right(first: Image.Image, second: Image.Image, rows: tuple[int, int]) -> int:
    """Return by how many pixels the second picture's content stands right of the first's."""
    strips = [picture.convert("L").crop((0, rows[0], 320, rows[1])) for picture in (first, second)]

    def mismatch(shift: int) -> float:
        left, right = max(0, shift), min(320, 320 + shift)
        moved = strips[0].crop((left - shift, 0, right - shift, rows[1] - rows[0]))
        still = strips[1].crop((left, 0, right, rows[1] - rows[0]))
        return ImageStat.Stat(ImageChops.difference(moved, still)).mean[0]

    return min(range(-60, 61), key=mismatch)


@pytest.fixture
def pictures(tmp_path: Path) -> Callable[[str, tuple[int, int, int]], str]:
    def make(name: str, colour: tuple[int, int, int]) -> str:
        picture = Image.new("RGB", (400, 300), colour)
        ImageDraw.Draw(picture).rectangle((150, 90, 250, 190), fill=(255, 255, 255))
        path = tmp_path / f"{name}.png"
        picture.save(path)
        return str(path)

    return make


@pytest.mark.parametrize(
    ("width", "height", "seconds", "fps"),
    [(320, 180, 1.5, 24), (180, 320, 0.5, 24), (240, 240, 0.7, 30), (420, 180, 0.04, 24), (256, 144, 1.0, 10)],
)
def test_the_film_has_the_size_and_length_asked_for(
    tmp_path: Path, width: int, height: int, seconds: float, fps: int
) -> None:
    spec = made(spec_for(tmp_path, width=width, height=height, seconds=seconds, fps=fps))
    with av.open(spec.path) as container:
        assert not container.streams.audio
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.pix_fmt, context.width, context.height) == ("h264", "yuv420p", width, height)
        assert stream.average_rate == fps
        assert stream.duration is not None
        assert stream.time_base is not None
        assert stream.duration * stream.time_base == Fraction(round(seconds * fps), fps)
    assert len(frames_of(spec.path)) == round(seconds * fps)
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


def test_the_index_stands_before_the_pictures(tmp_path: Path) -> None:
    data = Path(made(spec_for(tmp_path, seconds=0.3)).path).read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("seconds", [0.5, 2.35])
def test_the_sound_is_as_long_as_the_picture(tmp_path: Path, seconds: float) -> None:
    spec = made(spec_for(tmp_path, "a stormy sea at night", seconds=seconds, audio=True))
    with av.open(spec.path) as container:
        sound, video = container.streams.audio[0], container.streams.video[0]
        assert sound.codec_context.name == "aac"
        assert (sound.rate, sound.channels) == (48000, 2)
        lengths: list[float] = []
        for stream in (sound, video):
            assert stream.duration is not None
            assert stream.time_base is not None
            lengths.append(float(stream.duration * stream.time_base))
        assert abs(lengths[0] - lengths[1]) <= 0.05
        loudest, samples = 0.0, 0
        for frame in container.decode(audio=0):
            values = memoryview(cast("Any", frame.planes[0])).cast("f")[: frame.samples]
            samples += frame.samples
            loudest = max(loudest, *map(abs, values))
    assert abs(samples / 48000 - seconds) <= 0.05
    assert 0.02 < loudest < 0.2, "about -20 dBFS"


def test_progress_rises_to_one(tmp_path: Path) -> None:
    shares: list[float] = []
    render(spec_for(tmp_path, seconds=0.5), shares.append)
    assert shares == sorted(shares)
    assert len(shares) == 12
    assert shares[-1] == 1.0


def test_the_picture_moves() -> None:
    frames = frames_for("a forest with fireflies at dusk")
    assert all(difference(a, b) > 0.02 for a, b in pairwise(frames))
    assert difference(frames[0], frames[-1]) > 1


@pytest.mark.parametrize(("words", "sign"), [("pans left", 1), ("pans right", -1), ("trucks left", 1)])
def test_the_scenery_moves_against_the_camera(words: str, sign: int) -> None:
    frames = frames_for(f"mountains at noon, camera {words}")
    assert sign * shift_right(frames[2], frames[-3], (70, 130)) >= 8


def test_a_static_camera_leaves_the_land_in_place() -> None:
    frames = frames_for("mountains at noon, static")
    assert shift_right(frames[0], frames[-1], (70, 130)) == 0
    assert difference(frames[0], frames[-1], (0, 90, 320, 120)) < 2


def test_tilting_up_moves_the_scenery_down() -> None:
    frames = frames_for("mountains at noon, tilt up")
    # Lying on its side, what was down in the picture is to the right.
    lying = [frame.crop((0, 0, 180, 180)).transpose(Image.Transpose.TRANSPOSE) for frame in frames]
    padded = [Image.new("RGB", (320, 180)) for _ in lying]
    for canvas, picture in zip(padded, lying, strict=True):
        canvas.paste(picture, (0, 0))
    assert shift_right(padded[1], padded[-2], (20, 160)) > 5


def test_zooming_in_enlarges() -> None:
    frames = frames_for("a red balloon, zoom in")
    first, last = frames[0], frames[-1]

    def reds(frame: Image.Image) -> int:
        data = frame.tobytes()
        return sum(1 for i in range(0, len(data), 3) if data[i] > 1.6 * data[i + 1] and data[i] > 90)

    assert reds(last) > 1.25 * reds(first) > 0


def test_a_red_kite_is_red_and_a_blue_one_blue() -> None:
    red, blue = (frames_for(f"a {colour} kite over a stormy sea, static", 0.2, seed=1)[0] for colour in ("red", "blue"))
    changed = mask_of(red, blue, 40)
    assert ImageStat.Stat(changed).sum[0] / 255 > 200
    means = [ImageStat.Stat(picture, changed).mean for picture in (red, blue)]
    assert means[0][0] > 1.3 * means[0][2]
    assert means[1][2] > 1.2 * means[1][0]


def test_the_labels_are_burnt_in(tmp_path: Path) -> None:
    spec = spec_for(tmp_path, "Shot 1: black. Shot 2: black space, static", seconds=2.0, width=640, height=360)
    last = frames_of(made(spec).path)[-1].convert("L")
    for box in ((500, 0, 640, 40), (0, 0, 120, 40), (200, 300, 440, 345)):
        high = last.crop(box).getextrema()[1]
        assert isinstance(high, int)
        assert high > 170, f"nothing readable in {box}"


def digests(frames: list[Image.Image]) -> list[str]:
    return [hashlib.sha256(frame.tobytes()).hexdigest() for frame in frames]


def test_the_same_seed_gives_the_same_film(tmp_path: Path) -> None:
    prompt = "a street in the rain, handheld"
    first = made(spec_for(tmp_path, prompt, seed=7, seconds=0.5, audio=True, path=str(tmp_path / "a.mp4")))
    again = made(spec_for(tmp_path, prompt, seed=7, seconds=0.5, audio=True, path=str(tmp_path / "b.mp4")))
    assert Path(first.path).read_bytes() == Path(again.path).read_bytes()
    assert digests(frames_for(prompt, 0.3)) == digests(frames_for(prompt, 0.3))


def test_another_seed_gives_another_film() -> None:
    first, other = (frames_for("mountains at dawn", 0.2, seed=seed)[0] for seed in (1, 2))
    assert difference(first, other) > 2


def test_shots_are_cut() -> None:
    frames = frames_for("Shot 1: a stormy sea. Shot 2: desert dunes at noon. Shot 3: a night forest", 3.0)
    jumps = [difference(a, b) for a, b in pairwise(frames)]
    cuts = sorted(sorted(range(len(jumps)), key=lambda index: -jumps[index])[:2])
    assert cuts == [11, 23]
    assert min(jumps[cut] for cut in cuts) > 4 * max(jump for index, jump in enumerate(jumps) if index not in cuts)


def test_shots_that_would_be_too_short_are_left_out() -> None:
    film = plan_film("1. a cat 2. a dog 3. a horse", seconds=2.5, rate=24, size=SIZE, seed=None)
    assert [piece.shot.text for piece in film.pieces] == ["a cat", "a dog"]
    assert film.spans() == [(0, 30), (30, 60)]


def test_a_film_between_two_pictures(pictures: Callable[[str, tuple[int, int, int]], str]) -> None:
    first, last = pictures("first", (180, 60, 40)), pictures("last", (40, 70, 170))
    frames = frames_for("a change of mood, zoom in", first_frame=first, last_frame=last)
    expected = [ImageOps.fit(Image.open(path), SIZE) for path in (first, last)]
    area = (60, 40, 260, 120)
    start, end = (frame.convert("RGB").crop(area) for frame in (frames[0], frames[-1]))
    wanted = [picture.convert("RGB").crop(area) for picture in expected]
    near = [ImageStat.Stat(ImageChops.difference(*pair)).mean for pair in zip((start, end), wanted, strict=True)]
    far = [ImageStat.Stat(ImageChops.difference(*pair)).mean for pair in zip((end, start), wanted, strict=True)]
    assert max(max(channel) for channel in near) < 8
    assert min(max(channel) for channel in far) > 60


def test_a_first_frame_is_panned_over(pictures: Callable[[str, tuple[int, int, int]], str]) -> None:
    frames = frames_for("slow pan left", first_frame=pictures("first", (180, 60, 40)))
    assert shift_right(frames[1], frames[-2], (40, 120)) >= 6


def test_reference_images_get_shots_of_their_own(pictures: Callable[[str, tuple[int, int, int]], str]) -> None:
    references = (pictures("one", (190, 40, 40)), pictures("two", (40, 160, 60)))
    film = plan_film("a lake", seconds=3, rate=12, size=SIZE, seed=None, reference_images=references)
    frames = list(film.play())
    assert [piece.start for piece in film.pieces] == [None, *references]
    red, green = (frames[index].convert("RGB").getpixel((40, 90)) for index in (18, 30))
    assert isinstance(red, tuple)
    assert isinstance(green, tuple)
    assert red[0] > 2 * red[1]
    assert green[1] > 2 * green[0]


def all_scenes() -> list[str]:
    names = {"room": "a room", "studio": "a studio", "lunar": "on the moon", "underwater": "underwater"}
    return [names.get(place, place) for place in PLACES]


@pytest.mark.parametrize("place", all_scenes())
def test_every_place_can_be_shown_in_every_ratio(place: str) -> None:
    for size in ((210, 90), (90, 160), (64, 64)):
        shot = read_brief(f"{place}, a bird, snow, fog, storm, night, dolly in, pan left").shots[0]
        frame = Scene(shot, size, "seed").frame(0.5, 1.0)
        assert frame.size == size
        assert frame.mode == "RGB"


def test_every_subject_and_move_is_known() -> None:
    assert set(SUBJECTS) == set(KINDS)
    for words in ({move.rstrip("_") for move in MOVES}, set[str]()):
        for move in words:
            shot = replace(read_brief("a meadow").shots[0], moves=(move,))
            assert Scene(shot, (64, 64), "seed").frame(1.0, 2.0).size == (64, 64)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_subject_is_visible(kind: str) -> None:
    shot = read_brief("a meadow, static").shots[0]
    subject = read_brief(f"a {'hot air ' * (kind == 'balloon')}{kind}").shots[0].subjects
    assert subject[0].kind == kind
    empty, shown = (Scene(replace(shot, subjects=given), SIZE, "seed").frame(0, 0) for given in ((), subject))
    changed = mask_of(empty, shown, 8)
    assert ImageStat.Stat(changed).sum[0] / 255 > 100


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seconds": 0}, ["seconds is 0", "120"]),
        ({"seconds": 121.0}, ["seconds is 121.0", "120"]),
        ({"seconds": float("nan")}, ["seconds is nan"]),
        ({"width": 321}, ["width is 321", "even", "1920"]),
        ({"height": 1922}, ["height is 1922", "1920"]),
        ({"height": 0}, ["height is 0", "64"]),
        ({"fps": 0}, ["fps is 0", "60"]),
        ({"first_frame": "/nowhere/a.png"}, ["first_frame is '/nowhere/a.png'", "picture"]),
        ({"last_frame": __file__}, ["last_frame is", "PNG"]),
        ({"reference_images": ("/nowhere/a.png",)}, ["reference_images[0] is '/nowhere/a.png'"]),
        ({"path": "/nowhere/film.mp4"}, ["path is '/nowhere/film.mp4'", "folder"]),
    ],
)
def test_what_cannot_be_rendered_is_refused(tmp_path: Path, changes: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ValueError, match="is") as caught:
        render(spec_for(tmp_path, **changes), lambda _: None)
    assert all(word in str(caught.value) for word in words)
    assert list(tmp_path.iterdir()) == []


def test_a_picture_too_large_to_decode_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.png"
    Image.new("L", (300, 300)).save(path)
    for limit in (60_000, 30_000):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(ValueError, match=r"first_frame is .*too many pixels"):
            render(spec_for(tmp_path, first_frame=str(path)), lambda _: None)


def test_a_render_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    def stop(_: float) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        render(spec_for(tmp_path), stop)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.alone
def test_720p_is_faster_than_real_time(tmp_path: Path) -> None:
    slow, start = slowness(), time.monotonic()
    made(spec_for(tmp_path, "a red kite over the sea, pan left", seconds=4.0, width=1280, height=720))
    assert time.monotonic() - start < 4.0 * max(slow, slowness())
