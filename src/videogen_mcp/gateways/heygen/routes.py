"""Which call an endpoint id stands for, and the body in the envelope of that call."""

from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote

from videogen_mcp.errors import SubmitRefused
from videogen_mcp.types import Json

ASSET = "asset:"
"""What an upload is written as in a body where HeyGen gave it an id and no address: `asset:<id>`."""


@dataclass(frozen=True)
class Route:
    """One kind of generation.

    Attributes:
        name: Its name in a stored operation.
        path: Where it is created; one that was is found at `{path}/{id}`.
        id_field: The field of the answer's `data` that holds the id.
    """

    name: str
    path: str
    id_field: str

    def of(self, generation_id: str) -> str:
        """The path of one generation."""
        return f"{self.path}/{quote(generation_id, safe='')}"


WORKFLOW = Route("workflow", "/v1/workflows/executions", "execution_id")
MODEL = Route("model", "/v3/models/videos", "video_id")
VIDEO = Route("video", "/v3/videos", "video_id")
AGENT = Route("agent", "/v3/video-agents", "session_id")

ROUTES = {route.name: route for route in (WORKFLOW, MODEL, VIDEO, AGENT)}


def route_of(endpoint_id: str) -> Route:
    """The call that an endpoint id stands for.

    An id of v3 is the path of its call, with the mode or type of the body after it; an id without a slash is a
    provider of the v1 workflow.

    Raises:
        SubmitRefused: There is no such call.
    """
    if "/" not in endpoint_id:
        return WORKFLOW
    for route in (MODEL, VIDEO, AGENT):
        if f"/{endpoint_id}/".startswith(f"{route.path}/"):
            return route
    raise SubmitRefused(f"HeyGen has no call for {endpoint_id}; nothing was sent.", code="invalid_request")


def envelope(route: Route, body: Json) -> Json:
    """The body as the call wants it: the input of a workflow node, or the bare fields with uploads by their id.

    Raises:
        SubmitRefused: The v1 workflow takes addresses only, and an upload has none.
    """
    if route is not WORKFLOW:
        return cast("Json", _by_asset_id(body))
    nameless = [name for name, value in body.items() if _is_asset(name, value)]
    if nameless:
        message = f"HeyGen gave the upload for {nameless[0]} no address, and its v1 workflow takes nothing else."
        raise SubmitRefused(message, code="invalid_request", field=nameless[0])
    return {"workflow_type": "GenerateVideoNode", "input": body}


def _is_asset(name: str, value: Any) -> bool:
    return name.endswith("url") and isinstance(value, str) and value.startswith(ASSET)


def _by_asset_id(value: Any) -> Any:
    """Write `{type: url, url: asset:X}` as `{type: asset_id, asset_id: X}`, and `audio_url` as `audio_asset_id`."""
    if isinstance(value, list):
        return [_by_asset_id(one) for one in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    written: Json = {}
    for name, one in cast("Json", value).items():
        if _is_asset(name, one):
            written[f"{name.removesuffix('url')}asset_id"] = one.removeprefix(ASSET)
        else:
            written[name] = _by_asset_id(one)
    if "asset_id" in written and written.get("type") == "url":
        written["type"] = "asset_id"
    return written
