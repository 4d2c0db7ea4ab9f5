"""What the tests of the gateway `google` share: bodies, media, and the gateway without waiting."""

import base64
from pathlib import Path

import httpx2
from PIL import Image
from tests.standins.google import INTERACTIONS

from videogen_mcp.errors import GatewayError
from videogen_mcp.gateways.google import GoogleGateway
from videogen_mcp.settings import load_settings
from videogen_mcp.types import Json

OMNI, VEO = "gemini-omni-1.1-flash/text-to-video", "veo-3.1-fast-generate-preview"
BODY: Json = {"task": "text_to_video", "prompt": "A fox runs over snow", "duration": "4s", "resolution": "360p"}
VEO_BODY: Json = {"prompt": "A fox runs over snow", "durationSeconds": 4, "resolution": "720p"}
SUBMITS = rf"{INTERACTIONS}|/v1beta/models/.*"


RETRY: Json = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}
SAFETY = "The prompt was blocked by Google's safety filters."


class Sleeper:
    """Waits for nothing, and remembers for how long it should have."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)


def gateway_at(environment: dict[str, str], http: httpx2.AsyncClient, sleeper: Sleeper, home: Path) -> GoogleGateway:
    return GoogleGateway.open(load_settings({"VIDEOGEN_HOME": str(home), **environment}), http, sleep=sleeper)


def picture(folder: Path, name: str = "a.png") -> Path:
    Image.new("RGB", (64, 64), "red").save(folder / name, "PNG")
    return folder / name


def told(error: BaseException) -> str:
    """Everything that an exception and those behind it say."""
    behind = error.__cause__ or error.__context__
    fix = error.fix if isinstance(error, GatewayError) else ""
    return f"{error} {error!r} {error.args} {fix} {told(behind) if behind else ''}"


def with_data(content: bytes, mime_type: str = "image/png") -> Json:
    return {"type": "image", "mime_type": mime_type, "data": base64.b64encode(content).decode()}


def clip_file(folder: Path) -> Path:
    path = folder / "a.mp4"
    path.write_bytes(b"a clip" * 500_000)
    return path
