"""A strict stand-in of the Gemini API on the loopback interface: interactions, predictions of Veo, and files.

It takes what Google's guides of Omni and Veo document and nothing else (tests/data/facts/google.json says which): every
part, format and task of a request is judged, the key must stand in its header on every call but the upload's second
step, and there it must not.
"""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import uuid4

from tests.standins.clips import make_clip
from tests.standins.server import Json, RecordedRequest, Reply, StandInServer, json_reply

INTERACTIONS, UPLOADS = "/v1beta/interactions", "/upload/v1beta/files"
LONGEST_SECONDS: Mapping[str, int] = {"gemini-omni-1.2-flash": 15, "gemini-omni-1.1-flash": 10}
PICTURES: Mapping[str, range] = {
    "text_to_video": range(1),
    "image_to_video": range(1, 3),
    "reference_to_video": range(7),
    "edit": range(6),
    "extend": range(4),
}
"""How many pictures each task takes."""

CLIPS: Mapping[str, range] = {"reference_to_video": range(4), "edit": range(1, 2), "extend": range(1, 2)}
VEO_MODELS = {
    "veo-3.1-generate-preview": {"720p", "1080p", "4k"},
    "veo-3.1-fast-generate-preview": {"720p", "1080p", "4k"},
    "veo-3.1-lite-generate-preview": {"720p", "1080p"},
}
SIGNATURES = {"image/png": rb"\x89PNG", "image/jpeg": rb"\xff\xd8\xff", "image/webp": rb"RIFF....WEBP"}
SECONDS_OF_A_CLIP = 2.0

STATUS_NAMES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}


def failing(status: int, message: str, *, name: str = "", **detail: Any) -> Reply:
    """An error as Google writes it; `detail` becomes the one entry of its details."""
    error: Json = {"code": status, "message": message, "status": name or STATUS_NAMES.get(status, "UNKNOWN")}
    return json_reply(status, {"error": error | ({"details": [detail]} if detail else {})})


class Refused(Exception):
    """The request is not as documented."""


def demand(condition: object, message: str) -> None:
    if not condition:
        raise Refused(message)


@dataclass
class Generation:
    """One accepted submit: what was asked, and the looks that it still takes; `ending` replaces the clip."""

    id: str
    body: Json
    looks: int
    ending: Json | None
    cancelled: bool = False


@dataclass
class StoredFile:
    """One file: an upload, or a clip that was made; `looks` are those at which it is still being processed."""

    id: str
    mime_type: str
    looks: int
    content: bytes = b""
    ending: str = "ACTIVE"

    def described(self, origin: str) -> Json:
        state = "PROCESSING" if self.looks > 0 else self.ending
        self.looks -= 1
        told: Json = {"error": {"code": 3, "message": "not a clip"}} if state == "FAILED" else {}
        uri = f"{origin}/v1beta/files/{self.id}"
        return {"name": f"files/{self.id}", "uri": uri, "mimeType": self.mime_type, "state": state} | told


@dataclass
class Plan:
    """What becomes of the next submits and files.

    Attributes:
        looks: Looks until a generation ends.
        ending: What it ends with in place of a clip.
        file_looks: Looks until a file is ready.
        file_ending: The state that it then has.
        clip_uri: Where a finished clip lies in place of this server's own address.
    """

    looks: int = 1
    ending: Json | None = None
    file_looks: int = 0
    file_ending: str = "ACTIVE"
    clip_uri: str = ""


@dataclass
class _Upload:
    id: str
    size: int
    mime_type: str


@dataclass(frozen=True)
class _Route:
    method: str
    path: str
    play: Callable[[RecordedRequest, str], Reply] = field(repr=False)


class GoogleStandIn(StandInServer):
    """The Gemini API."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.plan = Plan()
        self.accepted: list[Generation] = []
        self.files: dict[str, StoredFile] = {}
        self._uploads: dict[str, _Upload] = {}
        self._routes = (
            _Route("POST", INTERACTIONS, self._create),
            _Route("GET", rf"{INTERACTIONS}/([\w-]+)", self._interaction),
            _Route("POST", rf"{INTERACTIONS}/([\w-]+)/cancel", self._cancel),
            _Route("POST", r"/v1beta/models/([\w.-]+):predictLongRunning", self._predict),
            _Route("GET", r"/v1beta/models/[\w.-]+/operations/([\w-]+)", self._operation),
            _Route("GET", "/v1beta/models", self._models),
            _Route("POST", UPLOADS, self._start_upload),
            _Route("POST", r"/upload-session/([\w-]+)", self._take_upload),
            _Route("GET", r"/v1beta/files/([\w-]+)", self._describe),
            _Route("GET", r"/v1beta/files/([\w-]+):download", self._download),
        )

    @property
    def environment(self) -> dict[str, str]:
        """What points the product here."""
        return {
            "GEMINI_API_KEY": self.key,
            "VIDEOGEN_GOOGLE_URL": self.origin,
            "VIDEOGEN_ALLOWED_HOSTS": self.origin.removeprefix("http://"),
        }

    def respond(self, request: RecordedRequest) -> Reply:
        given = request.headers.get("x-goog-api-key")
        with self.changed:
            if request.path.startswith("/upload-session/"):
                if given is not None:
                    self.report("The key was sent to an upload address.")
            elif given != self.key:
                reason = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
                return failing(400, "API key not valid. Please pass a valid API key.", **reason)
            for route in self._routes:
                found = re.fullmatch(route.path, request.path)
                if found and route.method == request.method:
                    try:
                        return route.play(request, found[1] if found.groups() else "")
                    except Refused as error:
                        return failing(400, str(error))
            self.report(f"There is no {request.method} {request.path}.")
            return failing(404, "Requested entity was not found.")

    # Interactions.

    def _create(self, request: RecordedRequest, _: str) -> Reply:
        demand(request.headers.get("content-type") == "application/json", "Content-Type")
        demand(isinstance(request.json, dict), "Invalid JSON payload received.")
        body = cast("Json", request.json)
        known = {"model", "input", "background", "generation_config", "response_format"}
        demand(not body.keys() - known, f"Unknown name {sorted(body.keys() - known)}.")
        demand(body.get("background") is True, "background is missing")
        model = str(body.get("model"))
        if model not in LONGEST_SECONDS:
            return failing(404, f"models/{model} is not found for API version v1beta.")
        task = body["generation_config"]["video_config"]["task"]
        self._judge_parts(task, cast("list[Json]", body["input"]))
        judge_format(model, task, body["response_format"])
        generation = self._accept(body)
        return json_reply(200, {"id": generation.id, "status": "queued", "object": "interaction", "model": model})

    def _judge_parts(self, task: str, parts: list[Json]) -> None:
        demand(task in PICTURES, f"Unknown task {task!r}.")
        demand(parts[-1].keys() == {"type", "text"} and parts[-1]["text"], "The prompt comes last.")
        media = parts[:-1]
        kinds = [part["type"] for part in media]
        demand(kinds.count("image") in PICTURES[task], f"{task} does not take {kinds.count('image')} pictures.")
        demand(kinds.count("video") in CLIPS.get(task, range(1)), f"{task} does not take {kinds.count('video')} clips.")
        demand(bool(media) == (task != "text_to_video"), f"{task} with {len(media)} media.")
        for part in media:
            if "data" in part:
                demand(part.keys() == {"type", "mime_type", "data"}, f"Unknown name in {sorted(part)}.")
                judge_picture(part["mime_type"], part["data"])
            else:
                demand(part.keys() == {"type", "uri"}, f"Unknown name in {sorted(part)}.")
                self._judge_uri(part["type"], part["uri"])

    def _judge_uri(self, kind: str, uri: str) -> None:
        file = self.files.get(uri.removeprefix(f"{self.origin}/v1beta/files/"))
        demand(
            file is not None and file.mime_type.startswith(kind), f"Cannot fetch content from the provided URL {uri}."
        )
        demand(
            file is not None and file.looks <= 0 and file.ending == "ACTIVE",
            f"The File {uri} is not in an ACTIVE state.",
        )

    def _accept(self, body: Json) -> Generation:
        generation = Generation(f"v1_{uuid4().hex}", body, self.plan.looks, self.plan.ending)
        self.accepted.append(generation)
        self.changed.notify_all()
        return generation

    def _find(self, generation_id: str) -> Generation | None:
        return next((one for one in self.accepted if one.id == generation_id), None)

    def _interaction(self, _: RecordedRequest, generation_id: str) -> Reply:
        found = self._find(generation_id)
        if found is None:
            return json_reply(400, {"error": {"code": "invalid_request", "message": "Invalid interaction name."}})
        answer: Json = {"id": found.id, "object": "interaction", "model": found.body["model"], "steps": []}
        if found.cancelled:
            return json_reply(200, answer | {"status": "cancelled"})
        if found.looks > 0:
            found.looks -= 1
            return json_reply(200, answer | {"status": "in_progress"})
        if found.ending is not None:
            return json_reply(200, answer | found.ending)
        clip: Json = {"type": "video", "mime_type": "video/mp4", "uri": self._clip_uri(found)}
        steps: list[Json] = [{"type": "user_input", "content": []}, {"type": "model_output", "content": [clip]}]
        tokens = [{"modality": "video", "tokens": 11_584}]
        usage: Json = {"total_input_tokens": 20, "total_output_tokens": 11_584, "output_tokens_by_modality": tokens}
        return json_reply(200, answer | {"status": "completed", "steps": steps, "usage": usage})

    def _cancel(self, _: RecordedRequest, generation_id: str) -> Reply:
        found = self._find(generation_id)
        if found is None:
            return failing(404, "Requested entity was not found.")
        if found.looks <= 0:
            return failing(400, "The interaction has ended.", name="FAILED_PRECONDITION")
        found.cancelled = True
        return json_reply(200, {"id": found.id, "status": "cancelled"})

    # Veo.

    def _predict(self, request: RecordedRequest, model: str) -> Reply:
        if model not in VEO_MODELS:
            return failing(404, f"models/{model} is no longer available.")
        demand(request.headers.get("content-type") == "application/json", "Content-Type")
        body = cast("Json", request.json)
        demand(body.keys() == {"instances", "parameters"} and len(body["instances"]) == 1, "instances, parameters")
        instance, parameters = cast("Json", body["instances"][0]), cast("Json", body["parameters"])
        demand(not instance.keys() - {"prompt", "image", "lastFrame", "referenceImages"}, "Unknown name in instances.")
        demand(instance.get("prompt"), "The prompt is missing.")
        references = cast("list[Json]", instance.get("referenceImages", []))
        demand(len(references) in range(4 if "lite" not in model else 1), f"{model} does not take these references.")
        demand(all(one["referenceType"] == "asset" for one in references), "referenceType")
        demand("image" in instance or "lastFrame" not in instance, "lastFrame needs image.")
        pictures = [instance[name] for name in ("image", "lastFrame") if name in instance]
        for picture in (*pictures, *(one["image"] for one in references)):
            demand("inlineData" not in picture, "`inlineData` isn't supported by this model.")
            demand(picture.keys() == {"bytesBase64Encoded", "mimeType"}, f"Unknown name in {sorted(picture)}.")
            judge_picture(picture["mimeType"], picture["bytesBase64Encoded"])
        known = {"aspectRatio", "durationSeconds", "resolution", "negativePrompt", "personGeneration"}
        demand(not parameters.keys() - known, f"`{min(parameters.keys() - known, default='')}` isn't supported.")
        demand(parameters.get("aspectRatio", "16:9") in {"16:9", "9:16"}, "aspectRatio")
        demand(parameters.get("personGeneration", "allow_all") in {"allow_all", "allow_adult"}, "personGeneration")
        demand(parameters["resolution"] in VEO_MODELS[model], "resolution")
        is_long = references or "lastFrame" in instance or parameters["resolution"] != "720p"
        demand(parameters["durationSeconds"] in ({8} if is_long else {4, 6, 8}), "durationSeconds is out of bound.")
        generation = self._accept(body | {"model": model})
        return json_reply(200, {"name": f"models/{model}/operations/{generation.id}"})

    def _operation(self, request: RecordedRequest, generation_id: str) -> Reply:
        found = self._find(generation_id)
        if found is None:
            return failing(404, "Operation not found.")
        name = request.path.removeprefix("/v1beta/")
        if found.looks > 0:
            found.looks -= 1
            return json_reply(200, {"name": name})
        if found.ending is not None:
            return json_reply(200, {"name": name, "done": True} | found.ending)
        samples = [{"video": {"uri": self._clip_uri(found)}}]
        return json_reply(
            200, {"name": name, "done": True, "response": {"generateVideoResponse": {"generatedSamples": samples}}}
        )

    def _models(self, request: RecordedRequest, _: str) -> Reply:
        demand(not request.query.keys() - {"pageSize", "pageToken"}, "Unknown name.")
        size = int(request.query.get("pageSize", ["50"])[0])
        listed: list[Json] = [
            {"name": f"models/{one}", "supportedGenerationMethods": []} for one in (*LONGEST_SECONDS, *VEO_MODELS)
        ]
        return json_reply(200, {"models": listed[:size], "nextPageToken": "2"})

    # Files.

    def _clip_uri(self, generation: Generation) -> str:
        if self.plan.clip_uri:
            return self.plan.clip_uri
        name = f"clip-{generation.id[3:13]}"
        if name not in self.files:
            content = make_clip(SECONDS_OF_A_CLIP, audio=True)
            self.files[name] = StoredFile(name, "video/mp4", self.plan.file_looks, content, self.plan.file_ending)
        return f"{self.origin}/v1beta/files/{name}:download?alt=media"

    def _start_upload(self, request: RecordedRequest, _: str) -> Reply:
        headers = request.headers
        demand(headers.get("x-goog-upload-protocol") == "resumable", "x-goog-upload-protocol")
        demand(headers.get("x-goog-upload-command") == "start", "x-goog-upload-command")
        demand(cast("Json", request.json or {}).keys() == {"file"}, "Unknown name.")
        upload = _Upload(
            uuid4().hex,
            int(headers["x-goog-upload-header-content-length"]),
            headers["x-goog-upload-header-content-type"],
        )
        self._uploads[upload.id] = upload
        return json_reply(200, {}, X_Goog_Upload_URL=f"{self.origin}/upload-session/{upload.id}")

    def _take_upload(self, request: RecordedRequest, upload_id: str) -> Reply:
        upload = self._uploads.pop(upload_id)
        demand(request.headers.get("x-goog-upload-command") == "upload, finalize", "x-goog-upload-command")
        demand(request.headers.get("x-goog-upload-offset") == "0", "x-goog-upload-offset")
        demand(len(request.body) == upload.size, f"{len(request.body)} bytes came of {upload.size}.")
        file = StoredFile(upload.id[:12], upload.mime_type, self.plan.file_looks, request.body, self.plan.file_ending)
        self.files[file.id] = file
        return json_reply(200, {"file": file.described(self.origin)})

    def _describe(self, _: RecordedRequest, file_id: str) -> Reply:
        if file_id not in self.files:
            return failing(403, "You do not have permission to access the File or it may not exist.")
        return json_reply(200, self.files[file_id].described(self.origin))

    def _download(self, request: RecordedRequest, file_id: str) -> Reply:
        file = self.files.get(file_id)
        if file is None or request.query != {"alt": ["media"]}:
            return failing(400, "alt=media is missing, or there is no such file.")
        return Reply(200, file.content, {"Content-Type": file.mime_type})


def judge_picture(mime_type: str, data: str) -> None:
    """Bytes in base64 that are what their MIME type says."""
    content = base64.b64decode(data, validate=True)
    demand(re.match(SIGNATURES[mime_type], content, re.DOTALL), f"Unable to process input image: no {mime_type}.")


def judge_format(model: str, task: str, wanted: Json) -> None:
    """What Google documents of a clip's format, by model and task."""
    demand(not wanted.keys() - {"type", "delivery", "aspect_ratio", "resolution", "duration"}, "Unknown name.")
    demand((wanted.get("type"), wanted.get("delivery")) == ("video", "uri"), "type and delivery")
    demand(wanted.get("resolution") in {"360p", "720p", "1080p", "4k"}, "resolution")
    follows_the_clip = task in {"edit", "extend"}
    demand(wanted.get("aspect_ratio", "16:9") in {"16:9", "9:16"}, "aspect_ratio")
    demand(not (follows_the_clip and "aspect_ratio" in wanted), "The clip has the ratio of the one given.")
    demand(("duration" in wanted) != (task == "edit"), "duration")
    if "duration" in wanted:
        seconds = re.fullmatch(r"(\d+)s", wanted["duration"])
        demand(
            seconds and 3 <= int(seconds[1]) <= LONGEST_SECONDS[model], f"duration {wanted['duration']} is not allowed."
        )
