"""Render an animatic: check what is asked, compose the film, write it as an H.264 MP4 with an optional AAC track."""

import contextlib
import math
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, cast

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream
from PIL import Image

from . import sound
from .film import Film, plan_film
from .scenery import place_of
from .stills import check_picture

LONGEST_SECONDS: Final = 120
SMALLEST, LARGEST = 64, 1920
FASTEST_RATE: Final = 60
AUDIO_RATE: Final = 48_000
AUDIO_BITS: Final = 96_000
ENCODER_THREADS: Final = 4
"""Fixed, because x264's result depends on it: the same request gives the same bytes on every machine."""
ENCODER_OPTIONS: Final = {"preset": "superfast", "crf": "22", "rc-lookahead": "12"}
BT709: Final = 1


@dataclass(frozen=True, slots=True)
class RenderSpec:
    """What to render.

    Attributes:
        prompt: What to show.
        seconds: Length; more than 0, at most 120.
        width: In pixels; even, from 64 to 1920.
        height: The same.
        path: The MP4 file to write; its folder must exist.
        fps: Frames per second, 1 to 60.
        seed: What chance grows from; the prompt itself when None.
        audio: Whether to add a sound bed.
        first_frame: Path of a picture to start on.
        last_frame: Path of a picture to end on.
        reference_images: Paths of pictures that get shots of their own.
    """

    prompt: str
    seconds: float
    width: int
    height: int
    path: str
    fps: int = 24
    seed: int | None = None
    audio: bool = False
    first_frame: str | None = None
    last_frame: str | None = None
    reference_images: tuple[str, ...] = ()


def render(spec: RenderSpec, on_progress: Callable[[float], None]) -> None:
    """Render a film into `spec.path`. The file is there only when it is complete.

    Args:
        spec: What to render.
        on_progress: Called after each frame with the share that is done, up to 1.0.

    Raises:
        ValueError: When the spec asks for something that cannot be rendered; says what is allowed.
        OSError: When the file cannot be written.
    """
    check(spec)
    film = plan_film(
        spec.prompt,
        seconds=spec.seconds,
        rate=spec.fps,
        size=(spec.width, spec.height),
        seed=spec.seed,
        first_frame=spec.first_frame,
        last_frame=spec.last_frame,
        reference_images=spec.reference_images,
    )
    target = Path(spec.path)
    # Not from mkstemp, which would leave a file that only its owner may read.
    temporary = target.with_name(f".{target.stem[:40]}-{uuid.uuid4().hex}.part")
    try:
        _write(spec, film, temporary, on_progress)
        temporary.replace(target)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def check(spec: RenderSpec) -> None:
    """Refuse a spec that cannot be rendered.

    Raises:
        ValueError: Naming the field, its value, and what is allowed.
    """
    if not (math.isfinite(spec.seconds) and 0 < spec.seconds <= LONGEST_SECONDS):
        raise ValueError(f"seconds is {spec.seconds}; it must be more than 0 and at most {LONGEST_SECONDS}.")
    for field, value in (("width", spec.width), ("height", spec.height)):
        if value % 2 or not SMALLEST <= value <= LARGEST:
            raise ValueError(f"{field} is {value}; it must be an even number from {SMALLEST} to {LARGEST}.")
    if not 1 <= spec.fps <= FASTEST_RATE:
        raise ValueError(f"fps is {spec.fps}; it must be a whole number from 1 to {FASTEST_RATE}.")
    if not Path(spec.path).parent.is_dir():
        raise ValueError(f"path is {spec.path!r}; its folder must exist.")
    for field, picture in (("first_frame", spec.first_frame), ("last_frame", spec.last_frame)):
        if picture is not None:
            check_picture(field, picture)
    for number, picture in enumerate(spec.reference_images):
        check_picture(f"reference_images[{number}]", picture)


def _write(spec: RenderSpec, film: Film, path: Path, on_progress: Callable[[float], None]) -> None:
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        video = _video_stream(container, spec)
        track = _Track(container, film, spec.seconds) if spec.audio else None
        for index, picture in enumerate(film.play()):
            _encode(container, video, _video_frame(picture, index, spec.fps))
            if track is not None:
                track.write_until((index + 1) / spec.fps)
            on_progress((index + 1) / film.frames)
        _encode(container, video, None)
        if track is not None:
            track.finish()


def _untyped(value: OutputContainer | VideoStream | AudioStream) -> Any:
    # PyAV's types leave the parameters of these methods open, which a strict type checker refuses.
    return value


def _encode(
    container: OutputContainer, stream: VideoStream | AudioStream, frame: VideoFrame | AudioFrame | None
) -> None:
    """Encode a frame, or what is left when None, and write what comes out."""
    _untyped(container).mux(_untyped(stream).encode(frame))


def _video_stream(container: OutputContainer, spec: RenderSpec) -> VideoStream:
    stream = cast(
        "VideoStream", _untyped(container).add_stream("libx264", rate=spec.fps, options=dict(ENCODER_OPTIONS))
    )
    stream.width, stream.height, stream.pix_fmt = spec.width, spec.height, "yuv420p"
    context = stream.codec_context
    context.thread_count = ENCODER_THREADS
    context.time_base = Fraction(1, spec.fps)
    context.colorspace = context.color_primaries = context.color_trc = BT709
    context.color_range = ColorRange.MPEG
    return stream


def _video_frame(picture: Image.Image, index: int, rate: int) -> VideoFrame:
    # "RGBX" is how Pillow holds an RGB picture, so the copy needs no packing; the fourth byte is not looked at.
    frame = VideoFrame.from_bytes(picture.tobytes("raw", "RGBX"), picture.width, picture.height, "rgba")
    planar = frame.reformat(
        format="yuv420p",
        src_color_range=ColorRange.JPEG,
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.MPEG,
    )
    planar.pts, planar.time_base = index, Fraction(1, rate)
    return planar


class _Track:
    """The sound bed of a film, encoded alongside its frames."""

    CHUNK: Final = 4096

    def __init__(self, container: OutputContainer, film: Film, seconds: float) -> None:
        self._container = container
        self._stream = cast("AudioStream", _untyped(container).add_stream("aac", rate=AUDIO_RATE))
        self._stream.bit_rate = AUDIO_BITS
        self._stream.layout = "stereo"
        self._resampler = AudioResampler(format="fltp", layout="stereo", rate=AUDIO_RATE, frame_size=1024)
        shot = film.pieces[0].shot
        bed = sound.loop(sound.bed_for(shot, place_of(shot)), film.seed)
        self._pieces: Iterator[bytes] = sound.pcm(bed, seconds, self.CHUNK)
        self._made = 0

    def write_until(self, seconds: float) -> None:
        """Encode what sounds before a moment."""
        while self._made < seconds * sound.RATE and self._write_piece():
            pass

    def finish(self) -> None:
        """Encode the rest."""
        while self._write_piece():
            pass
        self._encode(None)
        _encode(self._container, self._stream, None)

    def _write_piece(self) -> bool:
        data = next(self._pieces, None)
        if data is None:
            return False
        count = len(data) // 4
        frame = AudioFrame(format="s16", layout="stereo", samples=count)
        frame.planes[0].update(data)
        frame.sample_rate, frame.pts, frame.time_base = sound.RATE, self._made, Fraction(1, sound.RATE)
        self._made += count
        self._encode(frame)
        return True

    def _encode(self, frame: AudioFrame | None) -> None:
        for part in self._resampler.resample(frame):
            _encode(self._container, self._stream, part)
