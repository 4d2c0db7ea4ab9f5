"""Gemini Omni: `POST /v1beta/interactions` in the background, then `GET` until it ends.

The catalogue's flat body becomes `{model, input, generation_config, response_format}`: `task` goes to
`generation_config.video_config`, ratio, resolution and duration to `response_format`, the media and the prompt become
the parts of `input`. The clip is asked for by address: in the answer itself it may be larger than what is read of a
reply. Google's guide documents the parts, the tasks, the formats and the addresses
(ai.google.dev/gemini-api/docs/omni, 2026-09-18); statuses and error fields are those of google-genai 3.4.0.
"""

from collections.abc import Mapping
from typing import Any, Final, cast
from urllib.parse import quote

from videogen_mcp.errors import ErrorCode, OperationGone, PollTrouble, SubmitUncertain
from videogen_mcp.gateways.base import CancelOutcome, Failed, Finished, Operation, Pending
from videogen_mcp.gateways.google.files import GoogleFiles, Inline, name_in
from videogen_mcp.gateways.google.wire import (
    MESSAGE_CHARS,
    GoogleApi,
    object_of,
    objects_of,
    read_error,
    refusal_code,
    trouble,
)
from videogen_mcp.types import Json

_PATH: Final = "/v1beta/interactions"
_MEDIA: Final = {
    "first_frame": "image",
    "last_frame": "image",
    "source_video": "video",
    "reference_images": "image",
    "reference_videos": "video",
}
"""The body's media and their types, in the order that Google's tags count in: `<IMAGE_REF_0>` is the first picture."""

_FORMAT: Final = ("aspect_ratio", "resolution", "duration")
_RUNNING: Final = frozenset({"queued", "in_progress"})
_ENDED: Final[Mapping[str, tuple[ErrorCode, str]]] = {
    "failed": ("generation_failed", "the generation failed"),
    "cancelled": ("generation_failed", "the generation was cancelled"),
    "incomplete": ("generation_failed", "the generation ended early"),
    "budget_exceeded": ("insufficient_credit", "the spending limit was reached"),
    "requires_action": ("generation_failed", "the model asks for something that cannot be given here"),
    "requires_continuation": ("generation_failed", "the model asks to be continued, which cannot be done here"),
}
_REGION: Final = "Clips given are not edited or continued for users in the EEA, Switzerland and the UK."


def request_of(endpoint_id: str, body: Json, inline: Mapping[str, Inline]) -> Json:
    """The request for a body of the catalogue.

    Args:
        endpoint_id: The model, and after a slash the name of the task.
        body: Flat, with the endpoint's own parameters.
        inline: The pictures among its texts.
    """
    parts: list[Json] = []
    for name, kind in _MEDIA.items():
        value = body.get(name, [])
        media = cast("list[str]", value) if isinstance(value, list) else [str(value)]
        parts += [_part(kind, medium, inline) for medium in media]
    parts.append({"type": "text", "text": body["prompt"]})
    wanted = {name: body[name] for name in _FORMAT if name in body}
    return {
        "model": endpoint_id.partition("/")[0],
        "input": parts,
        "background": True,
        "generation_config": {"video_config": {"task": body["task"]}},
        "response_format": {"type": "video", "delivery": "uri", **wanted},
    }


def _part(kind: str, medium: str, inline: Mapping[str, Inline]) -> Json:
    if medium in inline:
        return {"type": kind, "mime_type": inline[medium].mime_type, "data": inline[medium].data}
    return {"type": kind, "uri": medium}


class GoogleInteractions:
    """The Interactions API.

    Args:
        api: The API.
        files: Where clips lie.
    """

    def __init__(self, api: GoogleApi, files: GoogleFiles) -> None:
        self._api = api
        self._files = files

    async def submit(self, request: Json) -> Operation:
        """Start a generation; see `Gateway.submit`."""
        answer = await self._api.submit(_PATH, request)
        interaction = answer.get("id")
        if not isinstance(interaction, str) or not interaction:
            raise SubmitUncertain("Google accepted the submit, but its answer holds no id of an interaction.")
        return {"interaction": interaction}

    async def poll(self, operation: Operation) -> Pending | Finished | Failed:
        """Look at a generation, and at its clip once it is there; see `Gateway.poll`."""
        body = await self._api.look(_path_of(operation))
        status, clip = str(body.get("status", "")), _clip_in(body)
        if clip is not None and status not in _RUNNING:
            return await self._fetchable(clip, body)
        if status == "completed":
            return _without_clip(body)
        if status in _ENDED:
            return _ended(status, body)
        return Pending(None, {"queued": "queued at Google", "in_progress": "running at Google"}.get(status, status))

    async def _fetchable(self, clip: str, body: Json) -> Pending | Finished | Failed:
        """A clip can be fetched once its file is active, which is often a little later than the interaction's end."""
        headers, name = self._api.headers_for(clip), name_in(clip)
        if not headers or name is None:
            return Finished(url=clip, headers=headers, details=_usage(body))
        try:
            state = await self._files.state_of(name)
        except OperationGone:
            return Failed("generation_failed", "The clip was made, but Google does not keep it any more.")
        except PollTrouble as problem:
            # Some keys may fetch a file but not read its description.
            if problem.code != "unauthorized":
                raise
            state = ""
        if state == "PROCESSING":
            return Pending(None, "Google gets the clip ready")
        if state == "FAILED":
            return Failed("generation_failed", "The clip was made, but Google could not store it.")
        return Finished(url=self._files.address_of(name), headers=headers, details=_usage(body))

    async def cancel(self, operation: Operation) -> CancelOutcome:
        """Stop an interaction; see `Gateway.cancel`."""
        reply = await self._api.ask("POST", f"{_path_of(operation)}/cancel")
        if reply.status == 200:  # noqa: PLR2004
            return "requested"
        problem = trouble(reply)
        if isinstance(problem, OperationGone):
            return "unknown"
        if reply.status in {400, 409} and refusal_code(reply) != "unauthorized":
            return "too_late"
        raise problem


def _path_of(operation: Operation) -> str:
    return f"{_PATH}/{quote(str(operation['interaction']), safe='')}"


def _outputs(body: Json) -> list[Json]:
    steps = [step for step in objects_of(body.get("steps")) if step.get("type") == "model_output"]
    return [part for step in steps for part in objects_of(step.get("content"))]


def _clip_in(body: Json) -> str | None:
    """The address of the last clip that the model put out."""
    found = [part.get("uri") for part in _outputs(body) if part.get("type") == "video"]
    return next((uri for uri in reversed(found) if isinstance(uri, str) and uri), None)


def _usage(body: Json) -> Json:
    usage = object_of(body.get("usage"))
    return {name: usage[name] for name in ("total_input_tokens", "total_output_tokens") if name in usage}


def _without_clip(body: Json) -> Failed:
    """Google refuses for reasons of policy by completing with words in the clip's place."""
    made = objects_of(object_of(body.get("usage")).get("output_tokens_by_modality"))
    if any(one.get("modality") == "video" and one.get("tokens") for one in made):
        return Failed("generation_failed", "Google made a clip, but its answer does not say where it is.")
    words = " ".join(str(part.get("text", "")) for part in _outputs(body) if part.get("type") == "text")
    told = " ".join(words.split())
    if told:
        return Failed("content_policy", f"Google made no clip and says: {told[:MESSAGE_CHARS]}")
    return Failed("generation_failed", f"Google ended without a clip and without a reason. {_REGION}")


def _ended(status: str, body: Json) -> Failed:
    code, words = _ENDED[status]
    errors: list[Any] = [*objects_of(body.get("errors")), *objects_of([body.get("error")])]
    error = read_error(errors[0] if errors else {})
    if error.is_policy:
        code = "content_policy"
    return Failed(code, f"At Google {words}: {error.reason}.")
