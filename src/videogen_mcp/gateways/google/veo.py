"""Veo: `POST /v1beta/models/{model}:predictLongRunning`, then `GET` of the operation until it is done.

The catalogue's flat body becomes `{instances: [{prompt, image, lastFrame, referenceImages}], parameters}`. Pictures are
`{bytesBase64Encoded, mimeType}`: Google's page shows `inlineData`, which the API refuses (google-genai 1.x, and several
public reports). Google ended the last of Veo on this API on 2026-10-22; what is here serves an address that still has
it, and tells a retired model from other refusals.
"""

from collections.abc import Mapping
from typing import Any, Final, cast
from urllib.parse import quote

from videogen_mcp.errors import SubmitRefused, SubmitUncertain
from videogen_mcp.gateways.base import Failed, Finished, Operation, Pending
from videogen_mcp.gateways.google.files import Inline
from videogen_mcp.gateways.google.wire import (
    MESSAGE_CHARS,
    GoogleApi,
    GoogleError,
    object_of,
    objects_of,
    read_error,
)
from videogen_mcp.types import Json

PREFIX: Final = "veo-"
"""What the ids of its models begin with."""

_INSTANCE: Final = ("prompt", "image", "lastFrame", "referenceImages")
_PICTURES: Final = ("image", "lastFrame", "referenceImages")


def request_of(body: Json, inline: Mapping[str, Inline]) -> Json:
    """The request for a body of the catalogue.

    Args:
        body: Flat, with the endpoint's own parameters.
        inline: The pictures among its texts.

    Raises:
        SubmitRefused: A picture is not in the form that Veo takes.
    """
    instance = {name: body[name] for name in _INSTANCE if name in body}
    for name in _PICTURES:
        if name in instance:
            instance[name] = _with_bytes(name, instance[name], inline)
    parameters = {name: value for name, value in body.items() if name not in _INSTANCE}
    return {"instances": [instance], "parameters": parameters}


def _with_bytes(name: str, value: Any, inline: Mapping[str, Inline]) -> Any:
    """A picture, or a list of objects that hold one under `image`, with the bytes in place of the text."""
    if isinstance(value, list):
        items = cast("list[Json]", value)
        return [item | {"image": _with_bytes(name, item["image"], inline)} for item in items]
    if value not in inline:
        message = f"{name} must be a picture of at most 5 MB: Veo takes pictures in the request itself, not by address."
        raise SubmitRefused(message, code="invalid_request")
    return {"bytesBase64Encoded": inline[value].data, "mimeType": inline[value].mime_type}


class GoogleVeo:
    """Long-running predictions.

    Args:
        api: The API.
    """

    def __init__(self, api: GoogleApi) -> None:
        self._api = api

    async def submit(self, model: str, request: Json) -> Operation:
        """Start a generation; see `Gateway.submit`."""
        answer = await self._api.submit(f"/v1beta/models/{quote(model, safe='')}:predictLongRunning", request)
        name = answer.get("name")
        if not isinstance(name, str) or not name:
            raise SubmitUncertain("Google accepted the submit, but its answer holds no name of an operation.")
        return {"operation": name}

    async def poll(self, operation: Operation) -> Pending | Finished | Failed:
        """Look at a generation; see `Gateway.poll`."""
        body = await self._api.look(f"/v1beta/{quote(str(operation['operation']), safe='/')}")
        if not body.get("done"):
            return Pending(None, "running at Google")
        if body.get("error"):
            error = read_error(object_of(body["error"]))
            return Failed("content_policy" if error.is_policy else "generation_failed", f"Google says: {error.reason}.")
        response = object_of(object_of(body.get("response")).get("generateVideoResponse"))
        for sample in objects_of(response.get("generatedSamples")):
            uri = object_of(sample.get("video")).get("uri")
            if isinstance(uri, str) and uri:
                return Finished(url=uri, headers=self._api.headers_for(uri))
        return _without_clip(response)


def _without_clip(response: Json) -> Failed:
    reasons = response.get("raiMediaFilteredReasons")
    told = [str(one) for one in cast("list[Any]", reasons)] if isinstance(reasons, list) else []
    if told or response.get("raiMediaFilteredCount"):
        words = GoogleError(frozenset(), " ".join(told)[:MESSAGE_CHARS], None).reason
        return Failed("content_policy", f"Google's filter held the clip back: {words}.")
    return Failed("generation_failed", "Google's result holds no clip.")
