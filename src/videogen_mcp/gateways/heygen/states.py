"""What HeyGen's answers to a look say of a generation.

* v1 workflow (seed 002): `completed`, `failed`, `not_found`; anything else runs.
* `v3/models/videos/{id}` (vercel/ai, packages/heygen) and `v3/videos/{id}` (OpenAPI in heygen-com/heygen-cli):
  `waiting`, `pending`, `processing`, `completed`, `failed`, `cancelled`; other words are taken for running.
* `v3/video-agents/{id}` (developers.heygen.com/docs/interactive-sessions): `thinking`, `waiting_for_input`,
  `reviewing`, `generating`, `completed`, `failed`; the clip itself is then the video that the session names.
"""

from videogen_mcp.errors import OperationGone, PollTrouble
from videogen_mcp.gateways.base import Failed, Finished, Pending
from videogen_mcp.gateways.heygen.wire import (
    error_of,
    failure_code,
    named,
    object_of,
    objects_of,
    text_in,
)
from videogen_mcp.gateways.json_api import MESSAGE_CHARS, percent
from videogen_mcp.types import Json

_KEPT_OF_A_VIDEO = ("seed", "duration", "captioned_video_url", "subtitle_url")

_WORDS_OF_A_SESSION = {
    "waiting_for_input": "HeyGen's video agent waits for an answer, which only its own page can give",
    "reviewing": "HeyGen's video agent waits for its storyboard to be approved on HeyGen's own page",
}


def workflow_state(data: Json) -> Pending | Finished | Failed:
    """The state of an execution of the v1 workflow.

    Raises:
        OperationGone: HeyGen does not know the execution.
        PollTrouble: It is complete and names no clip.
    """
    status = str(data.get("status"))
    if status == "not_found":
        raise OperationGone("HeyGen does not know the execution.")
    if status == "failed":
        return _failed(*error_of(data))
    if status != "completed":
        return Pending(None, f"{status} at HeyGen")
    output = object_of(data.get("output"))
    video = object_of(output.get("video"))
    details = named(video, ["video_id"]) | named(output, ["asset_id"])
    return _finished(video, details)


def video_state(data: Json, video_id: str) -> Pending | Finished | Failed:
    """The state of a video of v3.

    Raises:
        PollTrouble: It is complete and names no clip.
    """
    status = str(data.get("status"))
    if status in {"failed", "cancelled"}:
        return _failed(text_in(data, "failure_code") or "", text_in(data, "failure_message") or f"it was {status}")
    if status != "completed":
        return Pending(None, f"{status} at HeyGen")
    return _finished(data, {"video_id": video_id} | named(data, _KEPT_OF_A_VIDEO))


def session_state(data: Json) -> Pending | Failed:
    """The state of a video agent's session, its clip aside."""
    status = str(data.get("status"))
    if status == "failed":
        errors = (text_in(one, "content") for one in objects_of(data.get("messages")) if one.get("type") == "error")
        return _failed("", next((message for message in errors if message), ""))
    return Pending(percent(data.get("progress")), _WORDS_OF_A_SESSION.get(status, f"{status} at HeyGen's video agent"))


def _finished(video: Json, details: Json) -> Finished:
    url = text_in(video, "video_url")
    if url is None:
        # It was made and is paid for: a failure here would send the next endpoint a second submit.
        raise PollTrouble("HeyGen reports a finished clip and no address for it.")
    return Finished(url=url, details=details)


def _failed(code: str, message: str) -> Failed:
    said = (message or code or "no reason given").rstrip(".")[:MESSAGE_CHARS]
    return Failed(failure_code(code, message), f"HeyGen could not make the clip: {said}.")
