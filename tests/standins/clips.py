"""Small real MP4 files, drawn and encoded on the spot."""

import io
import math
import re
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal, cast

import av
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from PIL import Image, ImageDraw
from tests.standins.schemas import Json, items_of, parameters_of

ClipKind = Literal["moving", "black", "frozen"]
ClipAudio = bool | Literal["silent"]

SAMPLE_RATE = 44_100
SAMPLES_PER_FRAME = 1024
TONE_HERTZ = 440
TONE_AMPLITUDE = 8_000
SECONDS_WHEN_NOT_ASKED = 5.0

SMALL_SIZES: Mapping[str, tuple[int, int]] = {
    "16:9": (320, 180),
    "9:16": (180, 320),
    "1:1": (240, 240),
    "4:3": (320, 240),
    "3:4": (240, 320),
    "21:9": (336, 144),
}


def _picture(kind: ClipKind, index: int, frame_count: int, size: tuple[int, int]) -> Image.Image:
    if kind == "black":
        return Image.new("RGB", size, (0, 0, 0))
    progress = 0.25 if kind == "frozen" else index / max(1, frame_count - 1)
    width, height = size
    shade = round(255 * progress)
    picture = Image.new("RGB", size, (40, shade // 2, 255 - shade))
    block = height // 2
    left = round((width - block) * progress)
    top = height // 4
    ImageDraw.Draw(picture).rectangle((left, top, left + block, top + block), fill=(250, 220, 40))
    return picture


def _video_frames(kind: ClipKind, frame_count: int, size: tuple[int, int], fps: int) -> Iterator[VideoFrame]:
    for index in range(frame_count):
        frame = _from_image(_picture(kind, index, frame_count, size))
        frame.pts = index
        frame.time_base = Fraction(1, fps)
        yield frame


def _tone(first_sample: int, count: int, *, silent: bool) -> bytes:
    if silent:
        return bytes(2 * count)
    step = 2 * math.pi * TONE_HERTZ / SAMPLE_RATE
    values = (round(TONE_AMPLITUDE * math.sin(step * number)) for number in range(first_sample, first_sample + count))
    return array("h", values).tobytes()


def _audio_frames(sample_count: int, *, silent: bool) -> Iterator[AudioFrame]:
    for first_sample in range(0, sample_count, SAMPLES_PER_FRAME):
        count = min(SAMPLES_PER_FRAME, sample_count - first_sample)
        frame = AudioFrame(format="s16", layout="mono", samples=count)
        frame.planes[0].update(_tone(first_sample, count, silent=silent))
        frame.sample_rate = SAMPLE_RATE
        frame.pts = first_sample
        frame.time_base = Fraction(1, SAMPLE_RATE)
        yield frame


# PyAV's own annotations leave its frames and packets half unknown to a strict checker.
def _from_image(picture: Image.Image) -> VideoFrame:
    return cast("Any", VideoFrame).from_image(picture)


@lru_cache(maxsize=64)
def make_clip(  # noqa: PLR0917 -- the arguments are the key of the cache, in one order
    seconds: float,
    width: int = 320,
    height: int = 180,
    fps: int = 24,
    audio: ClipAudio = False,  # noqa: FBT002 -- reads as the track it asks for; callers name it
    kind: ClipKind = "moving",
) -> bytes:
    buffer = io.BytesIO()
    frame_count = max(1, round(seconds * fps))
    with av.open(buffer, "w", format="mp4") as opened:
        container = cast("Any", opened)
        video = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "crf": "28"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        sound = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono") if audio else None
        for picture in _video_frames(kind, frame_count, (width, height), fps):
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        if sound is not None:
            for piece in _audio_frames(round(frame_count * SAMPLE_RATE / fps), silent=audio == "silent"):
                container.mux(sound.encode(piece))
            container.mux(sound.encode(None))
    return buffer.getvalue()


@dataclass(frozen=True)
class ClipRequest:
    """The clip that a body asks for, with the schema's defaults filled in."""

    seconds: float
    width: int
    height: int
    frames_per_second: int
    audio: bool

    def encoded(self) -> bytes:
        return make_clip(self.seconds, self.width, self.height, self.frames_per_second, self.audio)

    def described(self, url: str, file_size: int) -> dict[str, Any]:
        """Give every value that some output schema wants of its video."""
        return {
            "url": url,
            "content_type": "video/mp4",
            "file_name": "output.mp4",
            "file_size": file_size,
            "duration": self.seconds,
            "fps": self.frames_per_second,
            "width": self.width,
            "height": self.height,
            "num_frames": round(self.seconds * self.frames_per_second),
        }


def clip_request(endpoint: str, body: Json) -> ClipRequest:
    parameters = parameters_of(endpoint)

    def asked(name: str) -> Any:
        return body.get(name, parameters.get(name, {}).get("default"))

    width, height = SMALL_SIZES.get(str(asked("aspect_ratio")), SMALL_SIZES["16:9"])
    frames_per_second = asked("frames_per_second")
    rate = frames_per_second if type(frames_per_second) is int else 24
    return ClipRequest(_seconds(asked, rate), width, height, rate, asked("generate_audio") is True)


def _seconds(asked: Callable[[str], Any], frames_per_second: int) -> float:
    shots = items_of(asked("multi_prompt"))
    if shots:
        return sum(_number(cast("Json", shot).get("duration", "5")) for shot in shots)
    if asked("num_frames") is not None:
        return asked("num_frames") / frames_per_second
    return _number(asked("duration"))


def _number(duration: Any) -> float:
    match = re.fullmatch(r"(\d+)s?", str(duration))
    return float(match[1]) if match else SECONDS_WHEN_NOT_ASKED
