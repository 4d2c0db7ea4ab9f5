"""A strict stand-in of the Mountsea hub: models, tasks, credits and files from one origin.

What is documented is played as documented (see `gateways/mountsea.py` for the pages): the envelope, the answer to a
submit, the task, the tables of the models, the credits. Three things are not documented and are assumptions: a refusal
has the form of the framework that such documents come from (`statusCode`, `message`, `error`), the list of models
stands in `models`, and `data` holds the model's output as it is at fal.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import cast
from uuid import uuid4

from tests.standins.clips import make_clip
from tests.standins.server import Json, RecordedRequest, Reply, StandInServer, json_reply
from tests.standins.tables import broken_rules, facts, findings

CREDITS_PER_TASK = 40
ENDED = frozenset({"completed", "failed", "timeout", "cancelled"})
TASK = re.compile(r"/hub/v1/tasks/([^/]+)")
MODEL = re.compile(r"/hub/v1/models/([^/]+)")
FILE = re.compile(r"/files/([^/]+)\.mp4")


@cache
def models() -> dict[str, Json]:
    """The hub's video models with their tables."""
    return {one["id"]: one for one in cast("list[Json]", facts("mountsea_models")["models"])}


@dataclass
class Task:
    """One task: each look at it takes one step, the last one stays."""

    id: str
    model: Json
    input: Json
    steps: list[str]
    failure: tuple[str, str]
    looks: int = 0
    billed: bool = False


class MountseaStandIn(StandInServer):
    """The hub; `credit` is what is left of the account.

    Attributes:
        tasks: What was accepted, by id.
        failure: Error code and message of tasks that fail.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tasks: dict[str, Task] = {}
        self.credit: float = 10_000
        self.failure: tuple[str, str] = ("generation_error", "The model failed.")
        self._steps: Sequence[str] = ("pending", "processing", "completed")

    def plan(self, *steps: str) -> None:
        """The states of the tasks from now on, one a look."""
        self._steps = steps

    def respond(self, request: RecordedRequest) -> Reply:
        if file := FILE.fullmatch(request.path):
            return self._file(request, file[1])
        if request.path == "/api-user/credits":
            return self._account(request)
        return self._unauthorized(request) or self._hub(request)

    def _unauthorized(self, request: RecordedRequest) -> Reply | None:
        given = request.headers.get("authorization")
        if "x-api-key" in request.headers:
            self.report("The hub got the key in the header of the account API.")
        if given == f"Bearer {self.key}":
            return None
        return refusal(401, f"Invalid API key: {given}" if given else "Missing API key")

    def _hub(self, request: RecordedRequest) -> Reply:
        route = (request.method, request.path)
        if route == ("POST", "/hub/v1/video"):
            return self._create(request)
        if route == ("GET", "/hub/v1/models"):
            return self._list(request)
        if request.method == "GET" and (task := TASK.fullmatch(request.path)):
            return self._look(task[1])
        if request.method == "GET" and (model := MODEL.fullmatch(request.path)):
            return self._describe(model[1])
        self.report(f"No such route: {request.method} {request.path}.")
        return refusal(404, f"Cannot {request.method} {request.path}")

    def _create(self, request: RecordedRequest) -> Reply:
        if request.headers.get("content-type") != "application/json" or request.query:
            self.report("A submit is JSON and has no query.")
        body = request.json
        if not isinstance(body, dict) or cast("Json", body).keys() != {"model", "input"}:
            return refusal(400, ["model and input are required, and nothing else"])
        envelope = cast("Json", body)
        model = models().get(str(envelope["model"]))
        if model is None:
            return refusal(404, f"Model {envelope['model']} not found")
        if not isinstance(envelope["input"], dict):
            return refusal(400, ["input must be an object"])
        values = mapped(model, cast("Json", envelope["input"]))
        wrong = findings(values, model["parameters"]) + broken_rules(values, model["constraints"])
        if wrong:
            return refusal(400, wrong)
        if self.credit < CREDITS_PER_TASK:
            return refusal(402, "Insufficient credits")
        with self.changed:
            task = Task(f"hub-{uuid4()}", model, values, list(self._steps), self.failure)
            self.tasks[task.id] = task
            self.changed.notify_all()
        named = {"model": model["id"], "vendor": vendor_of(model["id"]), "mode": model["mode"]}
        created = {"capability": "video", "created_at": "2026-05-18T09:00:00.000Z"}
        return json_reply(200, {"task_id": task.id, "status": "pending", **named, **created})

    def _look(self, task_id: str) -> Reply:
        task = self.tasks.get(task_id)
        if task is None:
            return refusal(404, "Task not found")
        with self.changed:
            status = task.steps[min(task.looks, len(task.steps) - 1)]
            task.looks += 1
            if status == "completed" and not task.billed:
                self.credit -= CREDITS_PER_TASK
                task.billed = True
        told: Json = {"task_id": task.id, "status": status, "ready": status in ENDED}
        if status == "completed":
            url = f"{self.origin}/files/{task.id}.mp4"
            told |= {"data": {"video": {"url": url, "content_type": "video/mp4", "file_name": "output.mp4"}}}
        if status in ENDED:
            told["elapsed_ms"] = 61_000
        if status in ENDED - {"completed"}:
            told |= {"error_code": task.failure[0], "error_message": task.failure[1]}
        return json_reply(200, told)

    def _list(self, request: RecordedRequest) -> Reply:
        if request.query != {"capability": ["video"]}:
            return refusal(400, ["capability must be one of image, video, audio, transcribe"])
        return json_reply(200, {"models": [entry_of(one) for one in models().values()]})

    def _describe(self, model_id: str) -> Reply:
        model = models().get(model_id)
        if model is None:
            return refusal(404, f"Model {model_id} not found")
        schema = {one["name"]: one for one in model["parameters"]}
        return json_reply(200, {**entry_of(model), "input_schema": schema, "example": model["example_input"]})

    def _account(self, request: RecordedRequest) -> Reply:
        if "authorization" in request.headers:
            self.report("The account API got the key in the header of the hub.")
        if request.headers.get("x-api-key") != self.key:
            return refusal(401, f"Invalid API key: {request.headers.get('x-api-key')}")
        return json_reply(200, {"credits": self.credit})

    def _file(self, request: RecordedRequest, task_id: str) -> Reply:
        if request.headers.keys() & {"authorization", "x-api-key"}:
            self.report("A file was asked for with the key.")
        if task_id not in self.tasks:
            return refusal(404, "Not found")
        return Reply(200, make_clip(1.0), {"Content-Type": "video/mp4"})


def mapped(model: Json, values: Json) -> Json:
    """The input with `image_urls` in the fields that the model has for pictures, as the page promises."""
    own = {parameter["name"] for parameter in model["parameters"]}
    if "image_urls" in own or not isinstance(values.get("image_urls"), list):
        return values
    pictures = cast("list[str]", values["image_urls"])
    fields = cast("dict[str, str]", model["image_urls_mapping"])
    rest = {name: value for name, value in values.items() if name != "image_urls"}
    whole = {fields["image_urls"]: pictures} if "image_urls" in fields else {}
    single = {fields[f"image_urls[{at}]"]: one for at, one in enumerate(pictures) if f"image_urls[{at}]" in fields}
    return {**rest, **whole, **single} if whole or len(single) == len(pictures) else values


def entry_of(model: Json) -> Json:
    """A model as the list has it."""
    named = {"model": model["id"], "title": model["id"].replace("-", " ").title(), "vendor": vendor_of(model["id"])}
    return {**named, "capability": "video", "mode": model["mode"], "description": f"{model['mode']}, by the stand-in"}


def vendor_of(model_id: str) -> str:
    """Who made a model; the page names them beside each table."""
    vendors = {"veo": "Google", "kling": "Kuaishou", "wan": "Alibaba", "seedance": "ByteDance"}
    return vendors[model_id.partition("-")[0]]


def refusal(status: int, message: str | list[str]) -> Reply:
    """A refusal in the assumed form."""
    return json_reply(status, {"statusCode": status, "message": message, "error": HTTPStatus(status).phrase})
