"""A strict stand-in of NovaKit: generations, jobs, quotas and files from one origin.

Played as its pages document it (see `gateways/novakit.py`). One thing is an assumption: an unknown model is a 404; the
pages call 404 `Resource not found` and do not say what an unknown model gets.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast
from uuid import uuid4

from tests.standins.clips import make_clip
from tests.standins.server import Json, RecordedRequest, Reply, StandInServer, json_reply
from tests.standins.tables import facts, findings

CREDITS_PER_SECOND = 100
"""The page's example: 500 credits for 5 s."""

JOB = re.compile(r"/api/v1/jobs/([^/]+)")
FILE = re.compile(r"/files/([^/]+)\.mp4")
DEFAULT_MODEL = "fal-ai/minimax/video-01"
NEEDED_BY_MODE = {"image_to_video": "source_image", "video_to_video": "source_video"}


@cache
def mode_of_models() -> dict[str, str]:
    """The listed models, each with its mode."""
    listed = cast("dict[str, list[Json]]", facts("novakit")["models"])
    return {one["id"]: mode for mode, models in listed.items() for one in models}


def parameters_of(model: str, mode: str) -> list[Json]:
    """The page's table without what it says of other modes' media and other makers' fields."""
    maker = model.replace("hailuo", "minimax")
    table = cast("list[Json]", facts("novakit")["parameters"])
    return [
        one for one in table if one.get("used_by", mode) == mode and one.get("applies_to", "").lower() in maker.lower()
    ]


@dataclass
class Job:
    """One job: each look at it takes one step, the last one stays."""

    id: str
    input: Json
    steps: list[tuple[str, float | None]]
    error: str
    looks: int = 0
    billed: bool = False

    @property
    def credits(self) -> float:
        return CREDITS_PER_SECOND * float(self.input.get("duration_seconds", 5))


class NovaKitStandIn(StandInServer):
    """The API.

    Attributes:
        jobs: What was accepted, by id.
        credit: What is left of the quota `credits`.
        scopes: What the key may do.
        error: What jobs that fail say.
    """

    def __init__(self) -> None:
        super().__init__(key="sk_" + "0123456789abcdef" * 4)
        self.url = f"{self.origin}/api/v1"
        self.jobs: dict[str, Job] = {}
        self.credit: float = 100_000
        self.scopes = {"video", "usage"}
        self.error = "The model failed."
        self._steps: Sequence[tuple[str, float | None]] = (("pending", None), ("processing", 40), ("completed", 100))

    def plan(self, *steps: tuple[str, float | None]) -> None:
        """The states of the jobs from now on, one a look, each with its progress in percent."""
        self._steps = steps

    def respond(self, request: RecordedRequest) -> Reply:
        if file := FILE.fullmatch(request.path):
            return self._file(request, file[1])
        given = request.headers.get("authorization")
        if given != f"Bearer {self.key}":
            return refusal(401, "Invalid API key" if given else "API key not found")
        route = (request.method, request.path)
        if route == ("POST", "/api/v1/videos/generations"):
            return self._scoped("video") or self._create(request)
        if request.method == "GET" and (job := JOB.fullmatch(request.path)):
            return self._scoped("usage") or self._look(request, job[1])
        if route == ("GET", "/api/v1/quota"):
            return self._scoped("usage") or json_reply(200, self._quota())
        self.report(f"No such route: {request.method} {request.path}.")
        return refusal(404, "Not found")

    def _scoped(self, scope: str) -> Reply | None:
        return None if scope in self.scopes else refusal(403, f"Missing required scope: {scope}")

    def _create(self, request: RecordedRequest) -> Reply:
        if request.query != {"async": ["true"]}:
            self.report("A video was asked for without async=true, so that its answer would take minutes.")
        if request.headers.get("content-type") != "application/json":
            self.report("A submit is JSON.")
        body: Any = request.json
        if not isinstance(body, dict):
            return refusal(400, "Invalid JSON")
        return self._refused(cast("Json", body)) or self._accept(cast("Json", body))

    def _refused(self, body: Json) -> Reply | None:
        model, mode = body.get("model", DEFAULT_MODEL), body.get("mode", "text_to_video")
        wrong = findings(body, parameters_of(str(model), str(mode)))
        if wrong:
            return refusal(400, "; ".join(wrong))
        if model not in mode_of_models():
            return refusal(404, f"Model {model} not found")
        if mode != mode_of_models()[model]:
            return refusal(400, f"{model} does not do {mode}")
        needed = NEEDED_BY_MODE.get(mode)
        return refusal(400, f"{needed} is required") if needed is not None and needed not in body else None

    def _accept(self, body: Json) -> Reply:
        with self.changed:
            job = Job(f"job_{uuid4().hex}", body, list(self._steps), self.error)
            if job.credits > self.credit:
                return json_reply(402, {"error": "Credits limit exceeded", "credits_estimated": job.credits})
            self.jobs[job.id] = job
            self.changed.notify_all()
        told = {"id": job.id, "status": "pending", "created": 1703123456}
        model = body.get("model", DEFAULT_MODEL)
        return json_reply(200, {**told, "model": model, "estimated_credits": job.credits})

    def _look(self, request: RecordedRequest, job_id: str) -> Reply:
        if request.query != {"poll": ["true"]}:
            self.report("A job was looked at without poll=true.")
        with self.changed:
            job = self.jobs.get(job_id)
            if job is None:
                return refusal(404, "Job not found")
            status, progress = job.steps[min(job.looks, len(job.steps) - 1)]
            job.looks += 1
            if status == "completed" and not job.billed:
                self.credit -= job.credits
                job.billed = True
        told: Json = {"id": job.id, "orgId": "org_1", "userId": "api", "tool": "video", "status": status}
        told |= {"inputParams": job.input, "estimatedCredits": job.credits, "createdAt": "2026-11-20T12:00:00Z"}
        if progress is not None:
            told["progress"] = progress
        if status == "completed":
            video = {"url": f"{self.origin}/files/{job.id}.mp4", "width": 1280, "height": 720}
            told |= {"outputData": {"video": video}, "actualCredits": job.credits}
        if status == "failed":
            told["errorMessage"] = job.error
        return json_reply(200, told)

    def _quota(self) -> Json:
        buckets = {"credits": {"remaining": self.credit, "limit": 100_000}, "image_edits": {"remaining": 75}}
        return {"org_id": "org_1", "plan": {"code": "pro_monthly"}, "quotas": buckets}

    def _file(self, request: RecordedRequest, job_id: str) -> Reply:
        if "authorization" in request.headers:
            self.report("A file was asked for with the key.")
        if job_id not in self.jobs:
            return refusal(404, "Not found")
        return Reply(200, make_clip(1.0), {"Content-Type": "video/mp4"})


def refusal(status: int, message: str) -> Reply:
    """A refusal in the documented form."""
    return json_reply(status, {"error": message})
