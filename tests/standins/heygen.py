"""A strict stand-in of HeyGen on the loopback interface: v1 workflow, v3 generations, assets, account and files."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from email.parser import BytesHeaderParser
from uuid import uuid4

from tests.standins.clips import SMALL_SIZES, make_clip
from tests.standins.heygen_contract import Finding, Json, Validation
from tests.standins.server import RecordedRequest, Reply, StandInServer, json_reply

WORKFLOWS, MODELS, VIDEOS, AGENTS = (
    "/v1/workflows/executions",
    "/v3/models/videos",
    "/v3/videos",
    "/v3/video-agents",
)
CREATES = {WORKFLOWS, MODELS, VIDEOS, AGENTS}
ONE = re.compile(rf"(?P<path>{'|'.join(sorted(CREATES))})/(?P<id>[\w-]+)(?P<stop>/stop)?")
RUNNING: Mapping[str, tuple[str, ...]] = {
    WORKFLOWS: ("submitted",),
    MODELS: ("pending",),
    VIDEOS: ("waiting",),
    AGENTS: ("thinking", "generating"),
}
"""The statuses that the first looks see when a test plans no others."""

MOST_ASSET_BYTES = 32 << 20
SIGNATURES: Mapping[str, bytes] = {
    "image/png": rb"\x89PNG",
    "image/jpeg": rb"\xff\xd8\xff",
    "video/mp4": rb"....ftyp",
    "video/webm": rb"\x1a\x45\xdf\xa3",
    "audio/mpeg": rb"ID3|\xff[\xfb\xf3\xf2]",
    "audio/wav": rb"RIFF....WAVE",
    "application/pdf": rb"%PDF",
}
SECONDS_OF_A_CLIP = 5.0


@dataclass
class Generation:
    """One accepted submit.

    Attributes:
        id: The execution, video or session.
        video_id: The clip's own id.
        path: The call that created it.
        body: What was asked.
        running: The statuses that are still to be seen before it ends.
        failure: Code and message of its failure, None where it succeeds.
        stopped: Whether it was asked to stop.
    """

    id: str
    video_id: str
    path: str
    body: Json
    running: list[str]
    failure: tuple[str, str] | None
    status: str = ""
    stopped: bool = False

    def advance(self) -> str:
        """Go on by one look."""
        ended = "failed" if self.failure else "completed"
        self.status = self.running.pop(0) if self.running else ended
        return self.status

    @property
    def ended(self) -> bool:
        return self.status in {"completed", "failed"}


@dataclass(frozen=True)
class Asset:
    """One stored upload; `sent_as` is the Content-Type of the file as the client told it."""

    id: str
    data: bytes
    mime_type: str
    sent_as: str
    name: str


@dataclass
class Account:
    """What the account calls answer."""

    user: Json = field(
        default_factory=lambda: {
            "username": "test",
            "billing_type": "wallet",
            "wallet": {"currency": "usd", "remaining_balance": 42.5, "auto_reload": {"enabled": False}},
            "subscription": None,
            "usage_based": None,
        }
    )
    quota: int = 3600


class HeyGenStandIn(StandInServer):
    """One HeyGen on 127.0.0.1; a generation advances with the number of looks, never with time.

    Args:
        key: The key that it expects.
        v1_retired: Whether the calls of v1 are gone.
        port: The port; 0 takes a free one.
    """

    def __init__(self, *, key: str = "heygen-key-of-the-tests", v1_retired: bool = False, port: int = 0) -> None:
        super().__init__(key=key, port=port)
        self.v1_retired = v1_retired
        self.has_asset_addresses = True
        self.most_at_once: int | None = None
        self.account = Account()
        self.upload_url = f"{self.origin}/upload"
        self._keys: set[str] = set()
        self._running: tuple[str, ...] | None = None
        self._failures: list[tuple[str, str]] = []
        self._generations: list[Generation] = []
        self._assets: dict[str, Asset] = {}
        self._calls: Mapping[str, Callable[[RecordedRequest], Reply]] = {
            "POST /v3/assets": self._take_form,
            "POST /upload/v1/asset": self._take_bare,
            "GET /v3/users/me": lambda _: json_reply(200, {"data": self.account.user}),
            "GET /v2/user/remaining_quota": lambda _: json_reply(
                200, {"error": None, "data": {"remaining_quota": self.account.quota, "details": {}}}
            ),
            "GET /v3/videos": self._list,
        }

    @property
    def submits(self) -> list[RecordedRequest]:
        """The requests that would create a generation, whatever was answered."""
        return [one for one in self.requests if one.method == "POST" and one.path in CREATES]

    @property
    def generations(self) -> list[Generation]:
        with self.changed:
            return list(self._generations)

    @property
    def assets(self) -> list[Asset]:
        with self.changed:
            return list(self._assets.values())

    def plan(self, *statuses: str) -> None:
        """Set the statuses that the looks at later generations see one after the other before the end."""
        with self.changed:
            self._running = statuses

    def fail(self, code: str, message: str) -> None:
        """Let the next generation end as failed."""
        with self.changed:
            self._failures.append((code, message))

    def respond(self, request: RecordedRequest) -> Reply:
        if request.path.startswith("/files/"):
            return self._file(request)
        if request.headers.get("x-api-key") != self.key:
            return _unauthorized(request.path)
        if "authorization" in request.headers:
            self.report(f"Two kinds of credentials came with {request.method} {request.path}.")
        if request.path.startswith("/v1/") and self.v1_retired:
            return json_reply(404, {"error": "This API version is no longer available", "data": None})
        if request.path in CREATES and request.method == "POST":
            return self._create(request)
        call = self._calls.get(f"{request.method} {request.path}")
        return self._one(request) if call is None else call(request)

    def _create(self, request: RecordedRequest) -> Reply:
        finding = self._finding(request)
        if finding is not None:
            return _refusal(request.path, finding)
        path = request.path
        body: Json = request.json["input"] if path == WORKFLOWS else request.json
        with self.changed:
            open_ones = sum(not one.ended for one in self._generations)
            if self.most_at_once is not None and open_ones >= self.most_at_once:
                full = _error(429, "rate_limit_exceeded", "Too many concurrent videos")
                return replace(full, headers={**full.headers, "Retry-After": "7"})
            running = list(RUNNING[path] if self._running is None else self._running)
            failure = self._failures.pop(0) if self._failures else None
            identifier = f"{path.rpartition('/')[2]}-{uuid4().hex}"
            video_id = f"clip-{uuid4().hex}" if path in {WORKFLOWS, AGENTS} else identifier
            self._generations.append(Generation(identifier, video_id, path, body, running, failure))
            self.changed.notify_all()
        if path == WORKFLOWS:
            return json_reply(200, {"data": {"execution_id": identifier, "status": "submitted"}})
        if path == AGENTS:
            session = {"session_id": identifier, "status": "thinking", "video_id": None, "created_at": 1_790_000_000}
            return json_reply(200, {"data": session})
        status = 202 if path == MODELS else 200
        return json_reply(status, {"data": {"video_id": identifier, "status": RUNNING[path][0]}})

    def _finding(self, request: RecordedRequest) -> Finding | None:
        if request.headers.get("content-type") != "application/json":
            return Finding("", "Content-Type should be application/json", status=415)
        if request.query:
            return Finding("", "There are no query parameters")
        if ("idempotency-key" in request.headers) != (request.path == VIDEOS):
            self.report(f"An Idempotency-Key is taken by {VIDEOS} only, and expected there.")
        key = request.headers.get("idempotency-key")
        if key is not None and key in self._keys:
            self.report("Two submits came with one Idempotency-Key.")
        self._keys |= {key} if key else set()
        validation = Validation(self.origin, self._serves, self._has_asset)
        if request.path == WORKFLOWS:
            validation.workflow(request.json)
        else:
            validation.v3(request.path, request.json)
        return validation.findings[0] if validation.findings else None

    def _one(self, request: RecordedRequest) -> Reply:
        match = ONE.fullmatch(request.path)
        if match is None or (match["stop"] and match["path"] != AGENTS):
            return _error(404, "not_found", "Not found")
        if request.method != ("POST" if match["stop"] else "GET"):
            return _error(405, "method_not_allowed", "Method not allowed")
        if request.query:
            return _error(400, "invalid_parameter", "There are no query parameters")
        with self.changed:
            found = self._known(match["path"], match["id"])
            if match["stop"]:
                return _stop(found)
            if found is None and match["path"] != WORKFLOWS:
                return _error(404, "video_not_found", f"Video {match['id']} not found")
            return json_reply(200, {"data": self._looked_at(found, match["path"], match["id"])})

    def _looked_at(self, found: Generation | None, path: str, identifier: str) -> Json:
        if found is None:
            return {"execution_id": identifier, "status": "not_found"}
        if path == WORKFLOWS:
            return self._execution(found)
        return self._session(found) if path == AGENTS else self._video(found)

    def _known(self, path: str, identifier: str) -> Generation | None:
        for one in self._generations:
            rendering = one.path == AGENTS and one.status in {"generating", "completed"}
            if one.path == path and one.id == identifier:
                return one
            if path == VIDEOS and one.video_id == identifier and (one.path == MODELS or rendering):
                return one
        return None

    def _execution(self, generation: Generation) -> Json:
        data: Json = {"execution_id": generation.id, "status": generation.advance()}
        if data["status"] == "completed":
            video = {"video_url": self._address(generation), "video_id": generation.video_id}
            data["output"] = {"video": video, "asset_id": f"asset-of-{generation.id}"}
        if data["status"] == "failed" and generation.failure is not None:
            data["error"] = {"message": generation.failure[1]}
        return data

    def _session(self, generation: Generation) -> Json:
        status = generation.advance()
        rendering = status in {"generating", "completed"}
        messages = [{"role": "model", "type": "text", "content": "Here is my plan.", "created_at": 1_790_000_001}]
        if status == "failed" and generation.failure:
            error = {"role": "model", "type": "error", "content": generation.failure[1], "created_at": 1_790_000_000}
            messages.append(error)
        return {
            "session_id": generation.id,
            "status": status,
            "progress": 100 if status == "completed" else 50 if rendering else 10,
            "title": "A title of the agent's own",
            "video_id": generation.video_id if rendering else None,
            "created_at": 1_790_000_000,
            "messages": messages,
        }

    def _video(self, generation: Generation) -> Json:
        if generation.path == AGENTS:
            status = "completed" if generation.status == "completed" else "processing"
        else:
            status = generation.advance()
        data: Json = {"id": generation.video_id, "status": status, "video_url": None}
        data["title"] = generation.body.get("title", "Untitled")
        if status == "completed":
            data |= {"video_url": self._address(generation), "duration": _seconds(generation.body), "seed": 7}
        if status == "failed" and generation.failure is not None:
            data["failure_code"], data["failure_message"] = generation.failure
        return data

    def _list(self, request: RecordedRequest) -> Reply:
        limit = request.query.get("limit", ["10"])[0]
        if request.query.keys() - {"title", "limit", "token", "folder_id"} or not 1 <= int(limit) <= 100:
            return _error(400, "invalid_parameter", "Input should be title, limit from 1 to 100, token or folder_id")
        part = request.query.get("title", [""])[0]
        with self.changed:
            titles = [(one, str(one.body.get("title", "Untitled"))) for one in self._generations if one.path == VIDEOS]
        videos = [
            {"id": one.id, "status": one.status or "waiting", "title": title} for one, title in titles if part in title
        ]
        return json_reply(200, {"data": videos[: int(limit)], "has_more": False, "next_token": None})

    def _take_form(self, request: RecordedRequest) -> Reply:
        told = re.fullmatch(r"multipart/form-data; boundary=(\w{1,70})", request.headers.get("content-type", ""))
        line = re.escape(f"--{told[1]}".encode()) if told else b"no boundary"
        form = re.fullmatch(rb"%b\r\n(.*?)\r\n\r\n(.*)\r\n%b--\r\n" % (line, line), request.body, re.DOTALL)
        if form is None or re.search(rb"\r\n%b" % line, form[2]):
            return _error(400, "invalid_parameter", "One part named file is needed", "file")
        part, data = BytesHeaderParser().parsebytes(form[1]), form[2]
        if part.get_param("name", header="content-disposition") != "file" or not part.get_filename() or not data:
            return _error(400, "invalid_parameter", "Field required", "file")
        if len(data) > MOST_ASSET_BYTES:
            return _error(413, "payload_too_large", "The file is larger than 32 MB", "file")
        mime_type = _sniffed(data)
        if mime_type is None:
            return _error(400, "invalid_parameter", "Unsupported file type", "file")
        asset = self._store(data, mime_type, part.get_content_type(), part.get_filename() or "")
        stored = {"asset_id": asset.id, "url": self._asset_address(asset), "mime_type": mime_type}
        return json_reply(200, {"data": stored | {"size_bytes": len(data)}})

    def _take_bare(self, request: RecordedRequest) -> Reply:
        mime_type, told = _sniffed(request.body), request.headers.get("content-type", "")
        if mime_type != told:
            return json_reply(400, {"code": 400543, "message": f"Content type not match {told} != {mime_type}"})
        asset = self._store(request.body, told, told, "")
        data = {"id": asset.id, "file_type": told.partition("/")[0], "url": self._asset_address(asset)}
        return json_reply(200, {"code": 100, "data": data, "msg": None, "message": None})

    def _store(self, data: bytes, mime_type: str, sent_as: str, name: str) -> Asset:
        asset = Asset(f"ast_{uuid4().hex}", data, mime_type, sent_as, name)
        with self.changed:
            self._assets[asset.id] = asset
            self.changed.notify_all()
        return asset

    def _address(self, generation: Generation) -> str:
        return f"{self.origin}/files/videos/{generation.video_id}.mp4"

    def _asset_address(self, asset: Asset) -> str | None:
        return f"{self.origin}/files/assets/{asset.id}" if self.has_asset_addresses else None

    def _has_asset(self, asset_id: str) -> bool:
        """Uploads, and the clips of the v1 workflow, whose ids are taken for ids of the same kind: an assumption."""
        with self.changed:
            made = {f"asset-of-{one.id}" for one in self._generations if one.path == WORKFLOWS and one.ended}
            return asset_id in self._assets or asset_id in made

    def _serves(self, url: str) -> bool:
        name = url.rpartition("/")[2]
        return url.startswith(f"{self.origin}/files/") and (name in self._assets or self._finished(name) is not None)

    def _finished(self, name: str) -> Generation | None:
        with self.changed:
            done = (one for one in self._generations if one.status == "completed")
            return next((one for one in done if f"{one.video_id}.mp4" == name), None)

    def _file(self, request: RecordedRequest) -> Reply:
        if any(self.key in value for value in request.headers.values()):
            self.report(f"The key was sent to the file host with {request.path}.")
        if request.method != "GET":
            return Reply(405)
        name = request.path.rpartition("/")[2]
        asset, generation = self._assets.get(name), self._finished(name)
        if asset is not None:
            return Reply(200, asset.data, {"Content-Type": asset.mime_type})
        if generation is None:
            return Reply(403)
        width, height = SMALL_SIZES.get(str(generation.body.get("aspect_ratio")), SMALL_SIZES["16:9"])
        clip = make_clip(_seconds(generation.body), width, height, audio=True)
        return Reply(200, clip, {"Content-Type": "video/mp4"})


def _seconds(body: Json) -> float:
    return float(body.get("duration", SECONDS_OF_A_CLIP))


def _sniffed(data: bytes) -> str | None:
    return next((kind for kind, start in SIGNATURES.items() if re.match(start, data, re.DOTALL)), None)


def _stop(generation: Generation | None) -> Reply:
    if generation is None:
        return _error(404, "not_found", "Session not found")
    if generation.ended:
        return _error(409, "conflict", "The session has ended")
    generation.stopped, generation.running, generation.failure = True, [], ("", "The session was stopped")
    return json_reply(200, {"data": {"session_id": generation.id}})


def _error(status: int, code: str, message: str, param: str = "") -> Reply:
    """An error as v3 spells it."""
    address = f"https://developers.heygen.com/docs/error-codes#{code.replace('_', '-')}"
    error = {"code": code, "message": message, **({"param": param} if param else {}), "doc_url": address}
    return json_reply(status, {"error": error})


def _refusal(path: str, finding: Finding) -> Reply:
    if path == WORKFLOWS:
        return json_reply(finding.status, {"error": f"{finding.field}: {finding.message}", "data": None})
    return _error(finding.status, finding.code, finding.message, finding.field)


def _unauthorized(path: str) -> Reply:
    if path.startswith(("/v1/", "/v2/", "/upload/")):
        return json_reply(401, {"error": "Unauthorized", "data": None})
    return _error(401, "unauthorized", "Unauthorized")
