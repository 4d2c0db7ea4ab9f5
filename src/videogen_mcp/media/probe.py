"""A look at a finished clip: its measures, six of its frames, and what is wrong with it."""

import contextlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from videogen_mcp.errors import DownloadFailed
from videogen_mcp.media.sheet import Picture, draw_poster, draw_sheet, is_dark, show_change
from videogen_mcp.types import ratio_of

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_SECONDS: Final = 3600.0
MAX_PIXELS_PER_SIDE: Final = 8192
SAMPLES: Final = 21
"""Frames looked at; one more than a multiple of five, so that the sheet's six are among them."""

SILENCE_DBFS: Final = -60.0

_PICTURE_SIDE: Final = 1280
# Up to about 40 s of 1080p the file is decoded from end to end; beyond, it is looked into at each sample's place.
_DECODED_WHOLE_PIXELS: Final = 2_500_000_000
# Beyond about 6 s of 1080p the frames that no other frame builds on are left out: it takes about half the time.
_DECODED_FULLY_PIXELS: Final = 300_000_000
_FRAMES_PER_PLACE: Final = 48
_AUDIO_SECONDS: Final = 600.0
_FULL_SCALE: Final = 32_768
_DARK_SHARE: Final = 0.95
_RATIO_TOLERANCE: Final = 0.04
_SHORT_SECONDS: Final = 0.5
_SHORT_SHARE: Final = 0.05
_QUARTER_TURN: Final = 90
_MIRRORED_SIDES: Final = 5
_ORIENTATION_TAG: Final = 0x0112
_TOO_LONG: Final = "is longer than one hour"
# A file that names other files or addresses (a playlist) must not make the library open them.
_OPEN_OPTIONS: Final = {"protocol_whitelist": "file", "format_whitelist": "mov,matroska,webm,avi"}


@dataclass(frozen=True)
class ClipFacts:
    """What a look at a clip found.

    Attributes:
        width: Pixels, as the clip is shown (after its rotation).
        height: Pixels, likewise.
        duration_seconds: Length of the picture in seconds; a longer sound does not count.
        fps: Frames per second; 0 where the file does not tell.
        has_audio: Whether there is an audio track.
        checks: Of `black`, `frozen`, `silent`, `shorter_than_asked`, `other_ratio`; empty when all is well.
            A black clip is not called frozen as well.
    """

    width: int
    height: int
    duration_seconds: float
    fps: float
    has_audio: bool
    checks: tuple[str, ...]


def inspect(
    path: Path,
    *,
    poster: Path,
    sheet: Path,
    asked_seconds: float | None,
    asked_ratio: str | None,
    audio_asked: bool | None,
) -> ClipFacts:
    """Decode a clip once; measure it, check it, and draw its poster and contact sheet.

    Blocks for up to a few seconds: run it in a thread.

    Args:
        path: The clip.
        poster: Where a JPEG of one frame is written, at most 1280 pixels on its longer side.
        sheet: Where a JPEG of six frames with their times is written.
        asked_seconds: The length that was asked for, in seconds.
        asked_ratio: The aspect ratio that was asked for, such as `16:9`; `auto` is not checked.
        audio_asked: Whether sound was asked for; with False a silent track is not reported.

    Raises:
        DownloadFailed: It is not a playable video, longer than an hour, larger than 8192 pixels on a side, or a
            picture could not be written; not retryable.
    """
    film = _read(path)
    checks = (
        ("black", film.is_black()),
        ("frozen", film.is_frozen()),
        ("silent", _is_silent(film, audio_asked=audio_asked)),
        ("shorter_than_asked", _is_shorter(film.seconds, asked_seconds)),
        ("other_ratio", _is_other_ratio(film.shape, asked_ratio)),
    )
    draw_poster(film.pictures, film.seconds / 3, poster)
    draw_sheet(film.pictures, sheet)
    return ClipFacts(
        width=film.width,
        height=film.height,
        duration_seconds=round(film.seconds, 3),
        fps=round(film.fps, 3),
        has_audio=film.has_audio,
        checks=tuple(name for name, found in checks if found),
    )


@dataclass(frozen=True)
class _Film:
    width: int
    height: int
    shape: Fraction
    seconds: float
    fps: float
    has_audio: bool
    peak: int | None
    pictures: tuple[Picture, ...]

    def is_black(self) -> bool:
        dark = sum(is_dark(picture.image) for picture in self.pictures)
        return dark >= _DARK_SHARE * len(self.pictures)

    def is_frozen(self) -> bool:
        first, *others = (picture.image for picture in self.pictures)
        return bool(others) and not self.is_black() and not any(show_change(first, other) for other in others)


def _is_silent(film: _Film, *, audio_asked: bool | None) -> bool:
    if not film.has_audio:
        return audio_asked is True
    quiet = film.peak is not None and film.peak < _FULL_SCALE * 10 ** (SILENCE_DBFS / 20)
    return quiet and audio_asked is not False


def _is_shorter(seconds: float, asked: float | None) -> bool:
    return asked is not None and asked - seconds > max(_SHORT_SECONDS, _SHORT_SHARE * asked)


def _is_other_ratio(shape: Fraction, asked: str | None) -> bool:
    return asked not in {None, "auto"} and abs(shape / ratio_of(cast("str", asked)) - 1) > _RATIO_TOLERANCE


def _read(path: Path) -> _Film:
    import av  # noqa: PLC0415 -- heavy, and not needed at start-up
    from av.error import FFmpegError  # noqa: PLC0415 -- likewise

    try:
        # PyAV's own annotations leave its streams and frames half unknown to a strict checker.
        with cast("Any", av.open(str(path.absolute()), container_options=_OPEN_OPTIONS)) as container:
            film = _read_film(path, container)
    except (FFmpegError, OSError, ValueError, IndexError, MemoryError) as error:
        raise _not_playable(path) from error
    if film is None:
        raise _not_playable(path)
    return film


def _read_film(path: Path, container: Any) -> _Film | None:
    stream = next((one for one in container.streams.video if not _is_cover(one)), None)
    if stream is None or not stream.width or not stream.height:
        return None
    if max(stream.width, stream.height) > MAX_PIXELS_PER_SIDE:
        raise _refused(path, f"is larger than {MAX_PIXELS_PER_SIDE} pixels on a side")
    fps = float(stream.average_rate or stream.guessed_rate or 0)
    seconds = _stated_seconds(path, container, stream)
    if seconds > MAX_SECONDS:
        raise _refused(path, _TOO_LONG)
    stream.thread_type = "AUTO"
    samples = _Samples(stream, seconds, fps)
    work = seconds * (fps or 30) * stream.width * stream.height
    if work > _DECODED_FULLY_PIXELS:
        stream.codec_context.skip_frame = "NONREF"
    whole = work <= _DECODED_WHOLE_PIXELS
    end = samples.take_all(container) if whole else samples.take_places(container)
    if not samples.pictures:
        return None
    if end > MAX_SECONDS:
        raise _refused(path, _TOO_LONG)
    width, height = stream.width, stream.height
    shape = Fraction(width, height) * (stream.sample_aspect_ratio or 1)
    if samples.is_turned:
        width, height, shape = height, width, 1 / shape
    return _Film(
        width=width,
        height=height,
        shape=shape,
        # A header may promise more than the file holds.
        seconds=seconds if not whole or abs(end - seconds) <= max(0.25, 2 / (fps or 30)) else end,
        fps=fps,
        has_audio=bool(container.streams.audio),
        peak=_audio_peak(path) if container.streams.audio else None,
        pictures=tuple(samples.pictures),
    )


def _is_cover(stream: Any) -> bool:
    from av.stream import Disposition  # noqa: PLC0415 -- heavy, and not needed at start-up

    return bool(stream.disposition & Disposition.attached_pic)


def _stated_seconds(path: Path, container: Any, stream: Any) -> float:
    """Length of the video stream by its header, or by its packets' times where the header has none."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    import av  # noqa: PLC0415 -- heavy, and not needed at start-up

    first, last = None, 0
    with cast("Any", av.open(str(path.absolute()), container_options=_OPEN_OPTIONS)) as again:
        for packet in again.demux(again.streams[stream.index]):
            if packet.pts is not None:
                first = packet.pts if first is None else min(first, packet.pts)
                last = max(last, packet.pts + (packet.duration or 0))
    if first is None:
        return float(container.duration or 0) / 1_000_000
    return float((last - first) * stream.time_base)


class _Samples:
    """Frames spread evenly over a clip, small, upright, with their times."""

    def __init__(self, stream: Any, seconds: float, fps: float) -> None:
        self._stream = stream
        self._frame_seconds = 1 / fps if fps else 1 / 30
        last = max(0.0, seconds - self._frame_seconds)
        self._places = [last * index / (SAMPLES - 1) for index in range(SAMPLES)]
        self._start = float((stream.start_time or 0) * stream.time_base)
        self._end = 0.0
        self.pictures: list[Picture] = []
        self.is_turned = False

    def take_all(self, container: Any) -> float:
        """Decode from end to end; returns where the last frame ends, in seconds."""
        waiting = list(self._places)
        latest: tuple[float, Any] | None = None
        for seconds, frame in self._frames(container):
            latest = seconds, frame
            if waiting and seconds >= waiting[0] - self._frame_seconds / 2:
                self._take(seconds, frame)
                latest = None
                waiting = [place for place in waiting if place - self._frame_seconds / 2 > seconds]
            if self._end > MAX_SECONDS:
                break
        if latest is not None:
            self._take(*latest)
        return self._end

    def take_places(self, container: Any) -> float:
        """Look into a long clip at each place, near its preceding key frame; returns the last time seen."""
        for place in self._places:
            offset = int((place + self._start) / self._stream.time_base)
            container.seek(offset, stream=self._stream)
            best: tuple[float, Any] | None = None
            for number, (seconds, frame) in enumerate(self._frames(container)):
                best = seconds, frame
                if seconds >= place - self._frame_seconds / 2 or number >= _FRAMES_PER_PLACE:
                    break
            if best is not None and best[0] not in {picture.seconds for picture in self.pictures}:
                self._take(*best)
        self.pictures.sort(key=lambda picture: picture.seconds)
        return self.pictures[-1].seconds if self.pictures else 0.0

    def _frames(self, container: Any) -> Iterator[tuple[float, Any]]:
        """Every frame that can be decoded; damaged ones are passed over."""
        from av.error import FFmpegError  # noqa: PLC0415 -- heavy, and not needed at start-up

        number = 0
        with contextlib.suppress(FFmpegError):
            for packet in container.demux(self._stream):
                frames: list[Any] = []
                with contextlib.suppress(FFmpegError):
                    frames = packet.decode()
                    if packet.pts is not None:
                        begin = packet.pts * self._stream.time_base - self._start
                        self._end = max(self._end, float(begin) + self._frame_seconds)
                for frame in frames:
                    time = number * self._frame_seconds if frame.time is None else frame.time - self._start
                    number += 1
                    yield max(0.0, float(time)), frame

    def _take(self, seconds: float, frame: Any) -> None:
        aspect = self._stream.sample_aspect_ratio or 1
        wide, high = frame.width * float(aspect), float(frame.height)
        shrink = min(1.0, _PICTURE_SIDE / max(wide, high))
        size = {"width": max(2, round(wide * shrink)), "height": max(2, round(high * shrink))}
        image: Image = frame.to_image(**size)
        rotation = int(frame.rotation)
        if rotation % _QUARTER_TURN == 0 and rotation:
            self.is_turned = abs(rotation) == _QUARTER_TURN
            image = image.rotate(rotation, expand=True)
        self.pictures.append(Picture(seconds, image))


def _audio_peak(path: Path) -> int | None:
    """The loudest sample of the first ten minutes, of 32768; stops at the first one that can be heard."""
    import av  # noqa: PLC0415 -- heavy, and not needed at start-up
    from av.error import FFmpegError  # noqa: PLC0415 -- likewise

    audible = _FULL_SCALE * 10 ** (SILENCE_DBFS / 20)
    peak: int | None = None
    with (
        contextlib.suppress(FFmpegError, OSError, ValueError),
        cast("Any", av.open(str(path.absolute()), container_options=_OPEN_OPTIONS)) as container,
    ):
        resampler: Any = av.AudioResampler(format="s16")
        for frame in container.decode(audio=0):
            for piece in resampler.resample(frame):
                samples = array("h", bytes(piece.planes[0])[: 2 * piece.samples * len(piece.layout.channels)])
                peak = max(peak or 0, max(samples, default=0), -min(samples, default=0))
            if (peak or 0) >= audible or (frame.time or 0) > _AUDIO_SECONDS:
                break
    return peak


def _not_playable(path: Path) -> DownloadFailed:
    return DownloadFailed(f"{path.name!r} is not a playable video.", retryable=False)


def _refused(path: Path, words: str) -> DownloadFailed:
    return DownloadFailed(f"{path.name!r} {words}, which is not handled here.", retryable=False)
