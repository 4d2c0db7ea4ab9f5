"""What the tests of the gateway send, and the errors of v3."""

from typing import Any

from videogen_mcp.gateways.base import Failed, Finished, Operation, Pending
from videogen_mcp.gateways.heygen import HeyGenGateway

V1, MODEL, AVATAR, AGENT = "kling_pro", "v3/models/videos/text_to_video", "v3/videos/avatar", "v3/video-agents"
BODIES: dict[str, dict[str, Any]] = {
    V1: {"prompt": "The watch turns", "provider": "kling_pro", "aspect_ratio": "16:9"},
    MODEL: {"model": "heygen-video-1", "mode": "text_to_video", "prompt": "A barista", "duration": 5},
    AVATAR: {"type": "avatar", "script": "Welcome.", "avatar_id": "look-1"},
    AGENT: {"prompt": "Introduce the bakery"},
}
HTML = "<!doctype html><title>Bad gateway</title>"


def error(code: str, message: str = "No.") -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "doc_url": "https://developers.heygen.com/docs/error-codes"}}


async def ended(gateway: HeyGenGateway, operation: Operation) -> Finished | Failed:
    while isinstance(state := await gateway.poll(operation), Pending):
        pass
    return state
