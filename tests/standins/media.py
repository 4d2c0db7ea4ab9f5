"""A host of media on the loopback interface, for what callers give by address.

A gateway that fetches media by itself gets them from here: a stand-in that was given an address asks for it as the real
service would (`reach.py`), and refuses what it cannot get.
"""

import io
import wave
from functools import cache

from PIL import Image
from tests.standins.clips import make_clip
from tests.standins.server import RecordedRequest, Reply, StandInServer

WIDTH, HEIGHT, SECONDS = 1280, 720, 4
"""Of the pictures and the clip: within the limits of every endpoint of the catalogue that takes such media."""


@cache
def picture(form: str = "PNG", shade: int = 60) -> bytes:
    """A picture of 16:9."""
    buffer = io.BytesIO()
    Image.new("RGB", (WIDTH, HEIGHT), (shade, 120, 180)).save(buffer, form)
    return buffer.getvalue()


@cache
def clip() -> bytes:
    """A clip of four seconds with sound."""
    return make_clip(SECONDS, WIDTH, HEIGHT, audio=True)


@cache
def sound() -> bytes:
    """A sound of four seconds."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as opened:
        opened.setnchannels(1)
        opened.setsampwidth(2)
        opened.setframerate(8000)
        opened.writeframes(bytes(2 * 8000 * SECONDS))
    return buffer.getvalue()


@cache
def files() -> dict[str, tuple[str, bytes]]:
    """MIME type and content by name."""
    return {
        "first.png": ("image/png", picture()),
        "last.jpg": ("image/jpeg", picture("JPEG", 200)),
        "clip.mp4": ("video/mp4", clip()),
        "sound.wav": ("audio/wav", sound()),
    }


class MediaHost(StandInServer):
    """Serves the files by their names; it has no key, and none may come here."""

    def respond(self, request: RecordedRequest) -> Reply:
        if request.headers.keys() & {"authorization", "x-api-key", "x-goog-api-key"}:
            self.report(f"A key was sent to the host of the media with {request.path}.")
        found = files().get(request.path.removeprefix("/"))
        if found is None or request.method not in {"GET", "HEAD"}:
            return Reply(404)
        return Reply(200, found[1], {"Content-Type": found[0]})

    def address(self, name: str) -> str:
        return f"{self.origin}/{name}"
