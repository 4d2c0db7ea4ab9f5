"""HeyGen's generations: submit, look, stop, and look an uncertain submit up.

Wire facts:
* v1: `POST /v1/workflows/executions` with `{"workflow_type": "GenerateVideoNode", "input": …}` answers `{"data":
  {execution_id, status}}` (seed 002). HeyGen announced the end of v1 for 2026-10-31.
* v3: `POST /v3/models/videos` and `POST /v3/videos` answer `{"data": {video_id, status}}`, `POST /v3/video-agents`
  answers `{"data": {session_id, status, video_id}}` where `video_id` may be null until it renders
  (developers.heygen.com/reference; vercel/ai packages/heygen).
* Nothing but a session of the video agent can be stopped: `POST /v3/video-agents/{id}/stop` (heygen-com/heygen-cli).
* `POST /v3/videos` takes an `Idempotency-Key` (developers.heygen.com/changelog, May 2026); `models/videos` and
  `video-agents` are not among the calls named there.
* `GET /v3/videos?title=` filters by a part of the title (heygen-com/heygen-cli); v1 has no list.
"""

import secrets
from collections.abc import Mapping
from urllib.parse import urlencode

import httpx2

from videogen_mcp.errors import NotSent, OperationGone, PollTrouble, SubmitRefused, SubmitUncertain
from videogen_mcp.gateways.base import (
    CONNECT_SECONDS,
    NOT_SENT,
    CancelOutcome,
    Failed,
    Finished,
    Operation,
    Pending,
    Reply,
    call,
    is_busy,
)
from videogen_mcp.gateways.heygen.routes import AGENT, ROUTES, VIDEO, WORKFLOW, Route, envelope, route_of
from videogen_mcp.gateways.heygen.states import session_state, video_state, workflow_state
from videogen_mcp.gateways.heygen.wire import (
    data_of,
    error_of,
    objects_of,
    poll_trouble,
    reason,
    refusal_code,
    text_in,
)
from videogen_mcp.gateways.json_api import short
from videogen_mcp.types import Json

SUBMIT_TIMEOUT = httpx2.Timeout(connect=CONNECT_SECONDS, read=120.0, write=60.0, pool=CONNECT_SECONDS)
"""A submit is waited for longer than a look: giving up on it leaves open whether it is paid for."""

_GONE = frozenset({404, 410})
_MOST_FOUND = 100


class HeyGenGenerations:
    """The generation calls of v1 and v3.

    Args:
        url: Base address of the API.
        headers: The header with the key.
        http: The client to use; it must not follow redirects or retry by itself.
    """

    def __init__(self, url: str, headers: Mapping[str, str], http: httpx2.AsyncClient) -> None:
        self.url = url
        self._headers = headers
        self._http = http

    async def submit(self, endpoint_id: str, body: Json) -> Operation:
        """Start one generation; see `Gateway.submit`."""
        route = route_of(endpoint_id)
        wrapped = envelope(route, body)
        try:
            reply = await call(
                self._http,
                "POST",
                f"{self.url}{route.path}",
                headers={**self._headers, **_once(route)},
                json_body=wrapped,
                time_limits=SUBMIT_TIMEOUT,
            )
        except NOT_SENT as error:
            raise NotSent(f"HeyGen cannot be reached: {short(error)}.") from error
        except httpx2.HTTPError as error:
            raise SubmitUncertain(f"The answer to the submit was lost: {short(error)}.") from error
        if 200 <= reply.status < 300:  # noqa: PLR2004 -- HTTP's own classes, here and below
            return _operation(route, reply)
        if reply.status >= 500 or reply.status == 408 or reply.status < 200:  # noqa: PLR2004
            raise SubmitUncertain(f"HeyGen answered the submit with {reply.status}: {reason(reply)}.")
        raise _refused(route, reply)

    async def poll(self, operation: Operation) -> Pending | Finished | Failed:
        """Look at a generation, and for the video agent at its clip too; see `Gateway.poll`."""
        route, generation_id = ROUTES[operation["api"]], str(operation["id"])
        data = await self._look(route, generation_id)
        if route is WORKFLOW:
            return workflow_state(data)
        if route is not AGENT:
            return video_state(data, generation_id)
        return await self._poll_session(operation, data)

    async def _poll_session(self, operation: Operation, data: Json) -> Pending | Finished | Failed:
        session = session_state(data)
        video_id = text_in(data, "video_id") or text_in(operation, "video_id")
        if isinstance(session, Failed):
            return session
        if video_id is None:
            if data["status"] == "completed":
                raise PollTrouble("HeyGen's video agent reports a finished clip and does not name it.")
            return session
        try:
            video = video_state(await self._look(VIDEO, video_id), video_id)
        except OperationGone:
            # The session is known; its video may get its row only when the rendering begins.
            return session
        if isinstance(video, Finished):
            return Finished(url=video.url, details={"session_id": operation["id"], **video.details})
        return session if isinstance(video, Pending) else video

    async def _look(self, route: Route, generation_id: str) -> Json:
        """The `data` of one generation, which says its status."""
        reply = await self._get(route.of(generation_id))
        data = data_of(reply)
        if reply.status in _GONE:
            raise OperationGone(f"HeyGen does not know the generation: {reason(reply)}.")
        if reply.status != 200 or not isinstance(data.get("status"), str):  # noqa: PLR2004
            raise poll_trouble(reply)
        return data

    async def _get(self, path: str) -> Reply:
        try:
            return await call(self._http, "GET", f"{self.url}{path}", headers=self._headers)
        except httpx2.HTTPError as error:
            raise PollTrouble(f"HeyGen could not be asked: {short(error)}.") from error

    async def cancel(self, operation: Operation) -> CancelOutcome:
        """Stop a session of the video agent; nothing else can be stopped. See `Gateway.cancel`."""
        if operation["api"] != AGENT.name:
            return "unknown"
        url = f"{self.url}{AGENT.of(str(operation['id']))}/stop"
        try:
            reply = await call(self._http, "POST", url, headers=self._headers, json_body={})
        except httpx2.HTTPError as error:
            raise PollTrouble(f"HeyGen could not be asked: {short(error)}.") from error
        if 200 <= reply.status < 300:  # noqa: PLR2004
            return "requested"
        if reply.status in {400, 409}:
            return "too_late"
        if reply.status in _GONE:
            return "unknown"
        raise poll_trouble(reply)

    async def find(self, endpoint_id: str, mark: str) -> Operation | None:
        """Look up a video of v3 whose title holds a mark; None where there is none, more than one, or no way to look.

        Raises:
            PollTrouble: HeyGen could not be asked.
        """
        if route_of(endpoint_id) is not VIDEO:
            return None
        reply = await self._get(f"{VIDEO.path}?{urlencode({'title': mark, 'limit': _MOST_FOUND})}")
        entries = (reply.body or {}).get("data")
        if reply.status != 200 or not isinstance(entries, list):  # noqa: PLR2004
            raise poll_trouble(reply)
        marked = [one for one in objects_of(entries) if mark in str(one.get("title"))]
        found = [video_id for one in marked if (video_id := text_in(one, "id", "video_id"))]
        return {"api": VIDEO.name, "id": found[0]} if len(found) == 1 else None


def _once(route: Route) -> Mapping[str, str]:
    """A key of its own for each submit, where HeyGen takes one.

    It lets HeyGen tell a copy that something on the way made; here nothing is ever sent again by it (decision 0018).
    """
    return {"Idempotency-Key": secrets.token_hex(16)} if route is VIDEO else {}


def _operation(route: Route, reply: Reply) -> Operation:
    data = data_of(reply)
    generation_id = text_in(data, route.id_field)
    if generation_id is None:
        said = error_of(reply.body)[1].rstrip(".")
        raise SubmitUncertain(
            f"HeyGen accepted the submit, but its answer holds no {route.id_field}{f': {said[:200]}' if said else ''}."
        )
    video_id = text_in(data, "video_id") if route is AGENT else None
    return {"api": route.name, "id": generation_id, **({"video_id": video_id} if video_id else {})}


def _refused(route: Route, reply: Reply) -> SubmitRefused:
    if route is WORKFLOW and reply.status in _GONE:
        return SubmitRefused(
            f"HeyGen's v1 API has ended: {route.path} answers {reply.status}.",
            fix="Use an endpoint of HeyGen's v3, or another gateway that has the model.",
            code="gateway_unavailable",
        )
    later = "" if reply.retry_after is None else f" It asks to be left alone for {reply.retry_after:g} s."
    message = f"HeyGen refused the request with {reply.status}: {reason(reply)}.{later}"
    code = refusal_code(reply)
    return SubmitRefused(message, code=code, retry_after=reply.retry_after, busy=is_busy(reply.status, code))
