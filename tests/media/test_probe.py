"""What a look at a finished clip finds."""

import io
import math
from array import array
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, cast

import av
import pytest
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from PIL import Image, ImageDraw

from videogen_mcp.errors import DownloadFailed
from videogen_mcp.media import probe
from videogen_mcp.media.probe import ClipFacts, inspect

Kind = Literal["moving", "black", "frozen", "fade", "night"]
RATE = 8000


def picture(kind: Kind, share: float, size: tuple[int, int]) -> Image.Image:
    image = Image.new("RGB", size, (0, 0, 0))
    draw, (width, height) = ImageDraw.Draw(image), size
    if kind == "frozen":
        draw.rectangle((0, 0, width, height // 2), fill=(200, 120, 40))
    elif kind == "night":
        left = round(share * width * 0.8)
        draw.rectangle((left, height // 2, left + width // 8, height // 2 + height // 8), fill=(120, 120, 150))
    elif kind == "moving" or (kind == "fade" and share > 0.5):
        left = round(share * width / 2)
        draw.rectangle((left, 0, left + width // 2, height), fill=(60, 160, 220))
    return image


def sound(seconds: float, amplitude: int) -> list[AudioFrame]:
    count = round(seconds * RATE)
    frames: list[AudioFrame] = []
    for start in range(0, count, 1024):
        length = min(1024, count - start)
        frame = AudioFrame(format="s16", layout="mono", samples=length)
        tone = (round(amplitude * math.sin(2 * math.pi * 440 * (start + n) / RATE)) for n in range(length))
        frame.planes[0].update(array("h", tone).tobytes())
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        frames.append(frame)
    return frames


def clip(
    *,
    kind: Kind = "moving",
    seconds: float = 2.0,
    size: tuple[int, int] = (160, 90),
    fps: int = 12,
    amplitude: int | None = None,
    sound_seconds: float | None = None,
    rotation: int = 0,
    container_format: str = "mp4",
    codec: str = "libx264",
) -> bytes:
    buffer = io.BytesIO()
    count = round(seconds * fps)
    # PyAV's own annotations leave its frames and packets half unknown to a strict checker.
    with cast("Any", av.open(buffer, "w", format=container_format)) as container:
        video = container.add_stream(codec, rate=fps)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        if rotation:
            video.set_display_rotation(rotation)
        track = None if amplitude is None else container.add_stream("flac", rate=RATE, layout="mono")
        for index in range(count):
            frame = cast("Any", VideoFrame).from_image(picture(kind, index / max(1, count - 1), size))
            frame.pts, frame.time_base = index, Fraction(1, fps)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if track is not None:
            for piece in sound(sound_seconds or seconds, amplitude or 0):
                container.mux(track.encode(piece))
            container.mux(track.encode(None))
    return buffer.getvalue()


Look = Callable[..., ClipFacts]


@pytest.fixture
def look(tmp_path: Path) -> Look:
    def look(content: bytes, **asked: Any) -> ClipFacts:
        path = tmp_path / "clip.mp4"
        path.write_bytes(content)
        arguments = {"asked_seconds": None, "asked_ratio": None, "audio_asked": None, **asked}
        return inspect(path, poster=tmp_path / "poster.jpg", sheet=tmp_path / "sheet.jpg", **arguments)

    return look


def test_a_good_clip(look: Look, tmp_path: Path) -> None:
    facts = look(clip(amplitude=8000), asked_seconds=2, asked_ratio="16:9", audio_asked=True)
    assert facts == ClipFacts(160, 90, 2.0, 12.0, has_audio=True, checks=())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "poster.jpg", "sheet.jpg"]
    with Image.open(tmp_path / "poster.jpg") as poster:
        assert (poster.format, poster.size) == ("JPEG", (160, 90))
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        assert (sheet.format, sheet.size) == ("JPEG", (24 + 3 * 240 + 2 * 6, 24 + 2 * 135 + 6))


@pytest.mark.parametrize(
    ("made", "asked", "checks"),
    [
        ({"kind": "black"}, {}, ("black",)),
        ({"kind": "black", "amplitude": 0}, {"audio_asked": True}, ("black", "silent")),
        ({"kind": "frozen"}, {}, ("frozen",)),
        ({"kind": "fade"}, {}, ()),
        ({"kind": "night"}, {}, ()),
        ({"seconds": 1 / 12}, {}, ()),
        ({"amplitude": 0}, {}, ("silent",)),
        ({"amplitude": 20}, {"audio_asked": True}, ("silent",)),
        ({"amplitude": 200}, {"audio_asked": True}, ()),
        ({"amplitude": 0}, {"audio_asked": False}, ()),
        ({}, {"audio_asked": True}, ("silent",)),
        ({}, {"audio_asked": False}, ()),
        ({"seconds": 1}, {"asked_seconds": 1.5}, ()),
        ({"seconds": 1}, {"asked_seconds": 1.6}, ("shorter_than_asked",)),
        ({"seconds": 1, "amplitude": 900, "sound_seconds": 3}, {"asked_seconds": 3}, ("shorter_than_asked",)),
        ({"seconds": 20, "fps": 4}, {"asked_seconds": 20.9}, ()),
        ({"seconds": 2}, {"asked_seconds": 1}, ()),
        ({"size": (90, 160)}, {"asked_ratio": "9:16"}, ()),
        ({"size": (90, 160)}, {"asked_ratio": "16:9"}, ("other_ratio",)),
        ({"size": (160, 92)}, {"asked_ratio": "16:9"}, ()),
        ({"size": (160, 96)}, {"asked_ratio": "16:9"}, ("other_ratio",)),
        ({"size": (90, 160)}, {"asked_ratio": "auto"}, ()),
    ],
)
def test_checks(look: Look, made: dict[str, Any], asked: dict[str, Any], checks: tuple[str, ...]) -> None:
    assert look(clip(**made), **asked).checks == checks


def test_the_length_is_that_of_the_picture(look: Look) -> None:
    facts = look(clip(seconds=1, amplitude=900, sound_seconds=3))
    assert (facts.duration_seconds, facts.fps, facts.has_audio) == (1.0, 12.0, True)


def test_a_rotated_clip_is_measured_and_drawn_upright(look: Look, tmp_path: Path) -> None:
    facts = look(clip(rotation=90, kind="frozen"), asked_ratio="9:16")
    assert (facts.width, facts.height, facts.checks) == (90, 160, ("frozen",))
    with Image.open(tmp_path / "poster.jpg") as poster:
        assert poster.size == (90, 160)
        # The light upper half turned counterclockwise stands on the left.
        left, right = (cast("Any", poster.convert("L")).getpixel((x, 80)) for x in (10, 80))
        assert left > 90 > right


def test_portrait_cells_stand_in_one_row(look: Look, tmp_path: Path) -> None:
    look(clip(size=(360, 640), seconds=1))
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        assert sheet.size == (24 + 6 * 252 + 5 * 6, 24 + 448)


def test_the_poster_is_not_black_where_it_can_be(look: Look, tmp_path: Path) -> None:
    look(clip(kind="fade"))
    with Image.open(tmp_path / "poster.jpg") as poster:
        assert max(cast("Any", poster.convert("L")).getextrema()) > 100


def test_a_large_clip_has_a_small_poster(look: Look, tmp_path: Path) -> None:
    facts = look(clip(size=(1920, 1080), seconds=0.5))
    assert (facts.width, facts.height) == (1920, 1080)
    with Image.open(tmp_path / "poster.jpg") as poster:
        assert poster.size == (1280, 720)
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        assert sheet.size == (24 + 3 * 480 + 2 * 6, 24 + 2 * 270 + 6)


def test_a_clip_of_few_frames_has_a_smaller_sheet(look: Look, tmp_path: Path) -> None:
    look(clip(seconds=2 / 12))
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        assert sheet.size == (24 + 2 * 240 + 6, 24 + 135)


@pytest.mark.parametrize("kind", ["moving", "black", "frozen"])
def test_webm_states_no_length_of_its_own(look: Look, kind: Kind) -> None:
    content = clip(kind=kind, container_format="webm", codec="libvpx")
    facts = look(content, asked_seconds=2)
    assert facts.duration_seconds == pytest.approx(2.0, abs=0.1)
    assert facts.checks == (() if kind == "moving" else (kind,))


def test_a_long_clip_is_looked_into(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = look(clip(seconds=30, fps=4))
    monkeypatch.setattr(probe, "_DECODED_WHOLE_PIXELS", 0)
    assert look(clip(seconds=30, fps=4)) == whole == ClipFacts(160, 90, 30.0, 4.0, has_audio=False, checks=())
    assert look(clip(seconds=30, fps=4, kind="frozen")).checks == ("frozen",)


def test_a_header_that_promises_more_than_there_is(look: Look) -> None:
    content = clip(seconds=4, container_format="matroska", codec="mpeg4")
    facts = look(content[: len(content) // 2], asked_seconds=4)
    assert 0.5 < facts.duration_seconds < 3.4
    assert "shorter_than_asked" in facts.checks


def without_picture() -> bytes:
    buffer = io.BytesIO()
    with cast("Any", av.open(buffer, "w", format="mp4")) as container:
        track = container.add_stream("flac", rate=RATE, layout="mono")
        for piece in sound(1, 900):
            container.mux(track.encode(piece))
        container.mux(track.encode(None))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a video at all",
        clip()[:200],
        clip()[:-600],
        b"\x00\x00\x00\x20ftypisom" + bytes(5000),
        without_picture(),
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n",
        b"ffconcat version 1.0\nfile /etc/hostname\n",
    ],
    ids=["empty", "text", "cut", "no index", "zeros", "sound only", "playlist", "concat"],
)
def test_what_is_no_video(look: Look, tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DownloadFailed, match=r"'clip\.mp4' is not a playable video") as caught:
        look(content)
    assert not caught.value.retryable
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4"]


def test_a_missing_file_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed):
        inspect(
            tmp_path / "missing.mp4",
            poster=tmp_path / "poster.jpg",
            sheet=tmp_path / "sheet.jpg",
            asked_seconds=None,
            asked_ratio=None,
            audio_asked=None,
        )


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"seconds": 3700, "fps": 1, "size": (16, 16), "codec": "mpeg4"}, "longer than one hour"),
        ({"seconds": 1, "fps": 1, "size": (8208, 16), "codec": "libx264"}, "larger than 8192 pixels"),
    ],
)
def test_what_is_too_much(look: Look, made: dict[str, Any], words: str) -> None:
    with pytest.raises(DownloadFailed, match=words) as caught:
        look(clip(**made))
    assert not caught.value.retryable
