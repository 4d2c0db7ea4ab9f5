"""The stand-in's platform API: prices as scripted, contracts from the recorded schemas in fal's own envelope."""

import base64
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import unquote

from tests.standins.schemas import (
    DROPPED,
    HTML,
    Fault,
    Json,
    RecordedRequest,
    Reply,
    endpoints,
    json_reply,
    scripted,
)

MOST_IDS = 50
PAGE_OF_MODELS = 20
"""How many entries stand on one page; the real figure depends on the query."""
EXPANSIONS = {"openapi-3.0", "enterprise_status"}
ALLOWED: Mapping[str, set[str]] = {
    "/platform/v1/models/pricing": {"endpoint_id", "cursor"},
    "/platform/v1/models": {"endpoint_id", "expand", "cursor"},
}


@dataclass
class Listing:
    """What this fal lists: prices by id, contracts changed or added by id, ids taken out.

    Attributes:
        prices: What the pricing API says, as it stands in its answer.
        documents: OpenAPI documents in place of the recorded ones.
        removed: Ids that are not listed.
        statuses: Ids whose status is not `active`.
        refuses_unknown: Answer 404 when one of the ids is unknown, instead of leaving it out.
    """

    prices: dict[str, Json] = field(default_factory=dict[str, Json])
    documents: dict[str, Json] = field(default_factory=dict[str, Json])
    removed: set[str] = field(default_factory=set[str])
    statuses: dict[str, str] = field(default_factory=dict[str, str])
    refuses_unknown: bool = False

    def change(self, endpoint: str, change: Callable[[Json], None]) -> None:
        """Change the input schema of a recorded contract."""
        document = deepcopy(openapi_of(endpoint))
        change(document["components"]["schemas"][INPUT])
        self.documents[endpoint] = document

    def answer(self, request: RecordedRequest) -> Reply:
        """Answer strictly: the real one ignores names it does not know, but a misspelt one must fail a test."""
        allowed = ALLOWED.get(request.path)
        if allowed is None or request.method != "GET":
            return refusal(404, "not_found", "The requested resource does not exist")
        unknown = request.query.keys() - allowed
        if unknown:
            return refusal(400, "validation_error", f"Unknown query parameter {min(unknown)}")
        asked = [one for value in request.query.get("endpoint_id", []) for one in value.split(",") if one]
        if not 1 <= len(asked) <= MOST_IDS:
            return refusal(400, "validation_error", "endpoint_id takes 1 to 50 ids")
        if request.path.endswith("/pricing"):
            return self._pricing(request, asked)
        return self._models(request, asked)

    def _pricing(self, request: RecordedRequest, asked: list[str]) -> Reply:
        found = [self.prices[name] for name in asked if name in self.prices]
        if self.refuses_unknown and len(found) < len(asked):
            return refusal(404, "not_found", "Endpoint not found")
        return paged("prices", found, request)

    def _models(self, request: RecordedRequest, asked: list[str]) -> Reply:
        expansions = set(request.query.get("expand", []))
        if expansions - EXPANSIONS:
            return refusal(400, "validation_error", f"Unknown expansion {min(expansions - EXPANSIONS)}")
        listed = (endpoints().keys() | self.documents.keys()) - self.removed
        if self.refuses_unknown and set(asked) - listed:
            return refusal(404, "not_found", "Endpoint not found")
        entries = [self._entry(name, expansions) for name in asked if name in listed]
        return paged("models", entries, request)

    def _entry(self, name: str, expansions: set[str]) -> Json:
        entry: Json = {
            "endpoint_id": name,
            "metadata": {
                "display_name": name.replace("/", " "),
                "category": endpoints().get(name, {}).get("mode", "text-to-video"),
                "description": "A model of the stand-in",
                "status": self.statuses.get(name, "active"),
                "tags": [],
                "updated_at": "2026-11-20T12:00:00Z",
                "thumbnail_url": "https://v3.fal.media/files/a/thumbnail.webp",
                "model_url": f"https://fal.run/{name}",
            },
        }
        if "openapi-3.0" in expansions:
            entry["openapi"] = self.documents.get(name) or openapi_of(name)
        return entry


def refusal(status: int, kind: str, message: str) -> Reply:
    return json_reply(status, {"error": {"type": kind, "message": message, "request_id": "req-1"}})


def paged(name: str, entries: list[Json], request: RecordedRequest) -> Reply:
    given = request.query.get("cursor", [])
    page = int(base64.b64decode(unquote(given[0]))) if given else 1
    rest = entries[page * PAGE_OF_MODELS :]
    following = base64.b64encode(str(page + 1).encode()).decode() if rest else None
    shown = entries[(page - 1) * PAGE_OF_MODELS : page * PAGE_OF_MODELS]
    return json_reply(200, {name: shown, "next_cursor": following, "has_more": bool(rest)})


def faulty_listing(fault: Fault) -> Reply:
    match fault.kind:
        case "platform_garbage":
            return scripted(fault.details, 200, HTML)
        case "platform_status":
            return scripted(fault.details, 500, {"error": {"type": "server_error", "message": "Internal Server Error"}})
        case _:
            return DROPPED


INPUT, OUTPUT = "VideoInput", "VideoOutput"


def openapi_of(endpoint: str) -> Json:
    """The document of a recorded endpoint, in the form that fal's own have."""
    return openapi_around(endpoint, cast("list[Json]", endpoints()[endpoint]["parameters"]))


def openapi_around(endpoint: str, parameters: list[Json]) -> Json:
    """The document of an endpoint with these parameters, written as the recorded schemas write them."""
    schemas: Json = {}
    schemas[INPUT] = _object_schema(INPUT, parameters, schemas)
    schemas[OUTPUT] = {
        "title": OUTPUT,
        "type": "object",
        "properties": {"video": {"$ref": "#/components/schemas/File"}},
    }
    schemas["File"] = {"type": "object", "properties": {"url": {"type": "string"}}, "required": ["url"]}
    schemas["QueueStatus"] = {
        "type": "object",
        "properties": {
            "status": {"type": "string", "enum": ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]},
            "request_id": {"type": "string"},
        },
        "required": ["status", "request_id"],
    }
    acknowledged = _answer("#/components/schemas/QueueStatus")
    return {
        "openapi": "3.0.4",
        "info": {"title": "Queue OpenAPI", "version": "1.0.0", "x-fal-metadata": {"endpointId": endpoint}},
        "components": {"securitySchemes": {"apiKeyAuth": {"type": "apiKey", "in": "header"}}, "schemas": schemas},
        "paths": {
            f"/{endpoint}/requests/{{request_id}}/status": {"get": {"responses": acknowledged}},
            f"/{endpoint}/requests/{{request_id}}/cancel": {"put": {"responses": acknowledged}},
            f"/{endpoint}": {
                "post": {
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{INPUT}"}}},
                    },
                    "responses": acknowledged,
                }
            },
            f"/{endpoint}/requests/{{request_id}}": {"get": {"responses": _answer(f"#/components/schemas/{OUTPUT}")}},
        },
        "servers": [{"url": "https://queue.fal.run"}],
        "security": [{"apiKeyAuth": []}],
    }


def _answer(reference: str) -> Json:
    return {"200": {"description": "", "content": {"application/json": {"schema": {"$ref": reference}}}}}


def _object_schema(title: str, parameters: list[Json], schemas: Json) -> Json:
    names = [parameter["name"] for parameter in parameters]
    schema: Json = {
        "title": title,
        "type": "object",
        "x-fal-order-properties": sorted(names, key=lambda name: name != "prompt"),
        "properties": {one["name"]: _property(one, schemas) for one in parameters},
    }
    required = [one["name"] for one in parameters if one["required"]]
    return schema | ({"required": required} if required else {})


def _property(parameter: Json, schemas: Json) -> Json:
    """One property; what has neither a default nor to be given may be null, as pydantic writes it."""
    name = parameter["name"]
    outside: Json = {"title": name.replace("_", " ").title(), "description": f"The {name}. More of it."}
    inner = _value(name, parameter, schemas)
    if "default" in parameter:
        return outside | inner | {"default": parameter["default"]}
    if parameter["required"]:
        return outside | inner
    return outside | {"anyOf": [inner, {"type": "null"}]}


def _value(name: str, value: Json, schemas: Json) -> Json:
    kind = "integer" if value.get("integer") else value["type"]
    if kind == "object":
        title = f"{name.title().replace('_', '')}Item"
        schemas[title] = _object_schema(title, cast("list[Json]", value["fields"]), schemas)
        return {"$ref": f"#/components/schemas/{title}"}
    wire_names = {"enum": "enum", "minimum": "minimum", "maximum": "maximum", "max_chars": "maxLength"}
    wire_names |= {"max_items": "maxItems"}
    schema: Json = {"type": kind} | {ours: value[own] for own, ours in wire_names.items() if own in value}
    if kind == "array":
        schema["items"] = _value(name, cast("dict[str, Any]", value["items"]), schemas)
    return schema
