"""The recorded input schemas of the endpoints, a validator that reports like fal does, and the shapes of answers."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast

from tests.standins.reach import LOOPBACK
from tests.standins.recorded import recorded_endpoints

Json = dict[str, Any]
Location = tuple[str | int, ...]

SCHEMA_FILE = Path(__file__).resolve().parent.parent / "data" / "fal_schemas.json"
DATA_URI = re.compile(r"data:[a-z]+/[a-z0-9.+-]+;base64,(?P<payload>[A-Za-z0-9+/]+={0,2})")


@cache
def endpoints() -> Mapping[str, Json]:
    document = cast("Json", json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))
    return cast("Mapping[str, Json]", document["endpoints"])


def schema_of(endpoint: str) -> Json:
    """The schema that an endpoint's inputs are judged by; of most, it is the one that the facts recorded.

    Raises:
        KeyError: There is no such endpoint.
    """
    return endpoints().get(endpoint) or recorded_endpoints()[endpoint]


def is_known(endpoint: str) -> bool:
    return endpoint in endpoints() or endpoint in recorded_endpoints()


def parameters_of(endpoint: str) -> dict[str, Json]:
    return {parameter["name"]: parameter for parameter in schema_of(endpoint)["parameters"]}


@dataclass(frozen=True)
class Finding:
    """One violation, in the form of fal's detail entries."""

    location: Location
    message: str
    type: str
    value: Any
    context: Mapping[str, Any]

    def as_json(self) -> Json:
        return {
            "loc": ["body", *self.location],
            "msg": self.message,
            "type": self.type,
            "ctx": dict(self.context),
            "input": self.value,
        }


class _Validation:
    """One pass over one body."""

    def __init__(self, own_origin: str, served: Callable[[str], bool]) -> None:
        self._own_origin = own_origin
        self._served = served
        self.findings: list[Finding] = []

    def add(self, location: Location, kind: str, message: str, value: Any, **context: Any) -> None:
        self.findings.append(Finding(location, message, kind, value, context))

    def fields(self, values: Json, specifications: dict[str, Json], location: Location) -> None:
        for name, specification in specifications.items():
            if name in values:
                self.value(values[name], specification, (*location, name))
            elif specification["required"]:
                self.add((*location, name), "missing", "Field required", values)
        for name in values.keys() - specifications.keys():
            # The real service may ignore a name it does not know: a misspelt name must fail a test.
            self.add((*location, name), "extra_forbidden", "Extra inputs are not permitted", values[name])

    def value(self, value: Any, specification: Json, location: Location) -> None:
        kind = specification["type"]
        if not _has_type(value, kind, integer=bool(specification.get("integer"))):
            expected = "integer" if specification.get("integer") else kind
            self.add(location, f"{_TYPE_NAMES[expected]}_type", f"Input should be a valid {expected}", value)
        elif "enum" in specification and value not in specification["enum"]:
            expected = ", ".join(repr(member) for member in specification["enum"])
            self.add(location, "literal_error", f"Input should be one of {expected}", value, expected=expected)
        elif kind == "array":
            self._array(cast("list[Any]", value), specification, location)
        elif kind == "object":
            self.fields(cast("Json", value), _by_name(specification), location)
        elif kind == "string":
            self._string(value, specification, location)
        elif kind != "boolean":
            self._range(value, specification, location)

    def _array(self, values: list[Any], specification: Json, location: Location) -> None:
        maximum = specification.get("max_items")
        if maximum is not None and len(values) > maximum:
            message = f"List should have at most {maximum} items after validation, not {len(values)}"
            self.add(location, "too_long", message, values, max_length=maximum, actual_length=len(values))
        for index, item in enumerate(values):
            self.value(item, specification["items"], (*location, index))

    def _string(self, value: str, specification: Json, location: Location) -> None:
        maximum = specification.get("max_chars")
        if maximum is not None and len(value) > maximum:
            message = f"String should have at most {maximum} characters"
            self.add(location, "string_too_long", message, value, max_length=maximum)
        if specification.get("format") == "url":
            self._url(value, location)

    def _url(self, value: str, location: Location) -> None:
        if value.startswith("data:"):
            if not _is_data_uri(value):
                self.add(location, "value_error", "Value error, the data URI cannot be decoded", value[:80])
        elif value.startswith((self._own_origin + "/", LOOPBACK)):
            if not self._served(value):
                self.add(location, "file_download_error", "Failed to download the file", value, url=value)
        elif not re.fullmatch(r"https://[^\s/]+/\S*", value):
            self.add(location, "value_error", "Value error, Invalid URL, must be https or a data URI", value)

    def _range(self, value: float, specification: Json, location: Location) -> None:
        minimum, maximum = specification.get("minimum"), specification.get("maximum")
        if minimum is not None and value < minimum:
            message = f"Input should be greater than or equal to {minimum}"
            self.add(location, "greater_than_equal", message, value, ge=minimum)
        if maximum is not None and value > maximum:
            message = f"Input should be less than or equal to {maximum}"
            self.add(location, "less_than_equal", message, value, le=maximum)

    def rule(self, rule: Json, body: Json) -> None:
        _RULES[rule["kind"]](self, rule, body)

    def exactly_one_of(self, rule: Json, body: Json) -> None:
        if len(_present(rule, body)) != 1:
            self.add((), "value_error", f"Value error, exactly one of {_names(rule)} must be provided", body)

    def at_least_one_of(self, rule: Json, body: Json) -> None:
        if not _present(rule, body):
            self.add((), "value_error", f"Value error, one of {_names(rule)} must be provided", body)

    def not_together(self, rule: Json, body: Json) -> None:
        if len(_present(rule, body)) > 1:
            self.add((), "value_error", f"Value error, {_names(rule)} cannot be combined", body)

    def requires_any_of(self, rule: Json, body: Json) -> None:
        if body.get(rule["field"]) and not any(body.get(name) for name in rule["fields"]):
            message = f"Value error, at least one of {_names(rule)} is required"
            self.add((rule["field"],), "value_error", message, body[rule["field"]])

    def max_total_items(self, rule: Json, body: Json) -> None:
        total = sum(len(items_of(body.get(name))) for name in rule["fields"])
        if total > rule["maximum"]:
            message = f"Value error, {_names(rule)} may hold {rule['maximum']} files in all, not {total}"
            self.add((), "value_error", message, body)

    def max_items_having(self, rule: Json, body: Json) -> None:
        members = [cast("Json", item) for item in items_of(body.get(rule["field"])) if isinstance(item, dict)]
        having = [member for member in members if rule["item_field"] in member]
        if len(having) > rule["maximum"]:
            message = f"Value error, only {rule['maximum']} item may have {rule['item_field']}"
            self.add((rule["field"],), "value_error", message, body[rule["field"]])


_RULES: Mapping[str, Callable[[_Validation, Json, Json], None]] = {
    "exactly_one_of": _Validation.exactly_one_of,
    "at_least_one_of": _Validation.at_least_one_of,
    "not_together": _Validation.not_together,
    "requires_any_of": _Validation.requires_any_of,
    "max_total_items": _Validation.max_total_items,
    "max_items_having": _Validation.max_items_having,
}

_TYPE_NAMES: Mapping[str, str] = {
    "string": "string",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "array": "list",
    "object": "dict",
}

_PYTHON_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


def _has_type(value: Any, kind: str, *, integer: bool) -> bool:
    # The exact type: true is an int to isinstance, and 5.0 or "5" would pass a lenient parser.
    return type(value) in _PYTHON_TYPES["integer" if integer else kind]


def _by_name(specification: Json) -> dict[str, Json]:
    return {field["name"]: field for field in specification["fields"]}


def _names(rule: Json) -> str:
    return " and ".join(rule["fields"])


def _present(rule: Json, body: Json) -> list[str]:
    return [name for name in rule["fields"] if name in body]


def items_of(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _is_data_uri(value: str) -> bool:
    match = DATA_URI.fullmatch(value)
    if match is None:
        return False
    try:
        base64.b64decode(match["payload"], validate=True)
    except binascii.Error:
        return False
    return True


def validate(endpoint: str, body: Json, own_origin: str, served: Callable[[str], bool]) -> list[Finding]:
    """Find every violation of the endpoint's schema; `served` tells whether a URL of our own origin exists."""
    validation = _Validation(own_origin, served)
    validation.fields(body, parameters_of(endpoint), ())
    for rule in schema_of(endpoint)["rules"]:
        validation.rule(rule, body)
    return validation.findings


def result_of(endpoint: str, body: Json, video: Json) -> Json:
    """Build the output in the endpoint's output schema, from the values a video of its kind can have."""
    values: Json = {"seed": body.get("seed", 424242), "actual_prompt": body.get("prompt"), "video": video}
    output: Json = {}
    for specification in schema_of(endpoint)["output"]:
        name = specification["name"]
        if name == "video":
            output[name] = {
                nested["name"]: video[nested["name"]] for nested in specification["fields"] if nested["name"] in video
            }
        elif values.get(name) is not None:
            output[name] = values[name]
    return output


State = Literal["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]

RANK: Mapping[State, int] = {"IN_QUEUE": 0, "IN_PROGRESS": 1, "COMPLETED": 2}

PREFIXES = ("/rest/", "/platform/", "/cdn/", "/files/")
SUBMIT_QUERY = {"fal_webhook", "fal_max_queue_length"}
LEAST_REQUEST_TIMEOUT = 0.1
LONGEST_KEPT = 8 << 20
HTML = b"<!doctype html><title>Bad gateway</title><p>This is no answer of the service.</p>"

_ANSWER = {"status", "body", "headers"}
FAULT_DETAILS: Mapping[str, set[str]] = {
    "submit_status": _ANSWER | {"accepted"},
    "submit_drop_before_body": set(),
    "submit_drop_after_body": {"accepted"},
    "submit_slow": {"accepted"},
    "submit_garbage": {"body", "accepted"},
    "submit_without_request_id": set(),
    "submit_foreign_urls": {"origin"},
    "submit_redirect": {"location"},
    "status_status": _ANSWER,
    "status_garbage": {"body"},
    "status_drop": set(),
    "stream_status": _ANSWER,
    "stream_garbage": {"body"},
    "stream_drop": {"after"},
    "stream_close": {"after"},
    "stream_silent": {"after"},
    "upload_status": _ANSWER,
    "upload_drop": set(),
    "upload_no_etag": set(),
    "complete_with_error": _ANSWER | {"error", "error_type"},
    "result_status": _ANSWER,
    "download_status": _ANSWER,
    "download_truncated": {"sent"},
    "download_html": {"body"},
    "download_redirect": {"location"},
    "platform_status": _ANSWER,
    "platform_garbage": {"body"},
    "platform_drop": set(),
    "platform_slow": set(),
}
ACCEPTED_UNLESS_TOLD = {"submit_slow", "submit_without_request_id", "submit_foreign_urls"}


@dataclass(frozen=True)
class RecordedRequest:
    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    json: Any

    @property
    def is_submit(self) -> bool:
        return self.method == "POST" and not self.path.startswith(PREFIXES) and "/requests/" not in self.path

    @property
    def as_kept(self) -> "RecordedRequest":
        """What is kept of it: the parts of large uploads are many times 10 MB."""
        return replace(self, body=b"") if len(self.body) > LONGEST_KEPT else self

    @property
    def address_parts(self) -> list[str]:
        return [self.path, *(value for values in self.query.values() for value in values)]


@dataclass(frozen=True)
class Upload:
    url: str
    file_name: str
    content_type: str
    data: bytes
    size: int
    sha256: str


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    sent: int | None = None
    drop: bool = False
    pieces: Iterator[bytes] | None = None

    @property
    def framing(self) -> Mapping[str, str]:
        """How its end is told: a length, or chunks where it comes in pieces and none is stated."""
        if self.pieces is None:
            return {"Content-Length": str(len(self.body))}
        return {} if "Content-Length" in self.headers else {"Transfer-Encoding": "chunked"}


DROPPED = Reply(0, drop=True)


@dataclass
class Fault:
    kind: str
    endpoint: str | None
    times: int
    details: Mapping[str, Any]

    def matches(self, prefix: str, endpoint: str) -> bool:
        return self.times > 0 and self.kind.startswith(prefix) and self.endpoint in {None, endpoint}


@dataclass(frozen=True)
class Failure:
    error: str
    error_type: str
    reply: Reply


@dataclass
class Generation:
    request_id: str
    endpoint: str
    body: Json
    calls: int = 0
    state: State = "IN_QUEUE"
    failure: Failure | None = None
    sent_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended_at: datetime | None = None

    @property
    def app(self) -> str:
        return "/".join(self.endpoint.split("/")[:2])

    def end(self, failure: "Failure | None") -> None:
        self.state, self.failure, self.ended_at = "COMPLETED", failure, datetime.now(UTC)


def parsed(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except ValueError:
        return None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def json_reply(status: int, body: Any, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps(body).encode(), {"Content-Type": "application/json", **named})


def detail(status: int, sentence: str) -> Reply:
    return json_reply(status, {"detail": sentence})


def scripted(details: Mapping[str, Any], status: int, body: Any) -> Reply:
    """Answer as a fault tells: bytes and text go out as they are, everything else as JSON."""
    content = details.get("body", body)
    headers = cast("Mapping[str, str]", details.get("headers", {}))
    if isinstance(content, (bytes, str)):
        raw = content.encode() if isinstance(content, str) else content
        return Reply(details.get("status", status), raw, {"Content-Type": "text/html", **headers})
    reply = json_reply(details.get("status", status), content)
    return Reply(reply.status, reply.body, {**reply.headers, **headers})


def validation_failure(findings: list[Finding]) -> Failure:
    reply = json_reply(422, {"detail": [finding.as_json() for finding in findings]}, X_Fal_Retryable="false")
    return Failure(findings[0].message, findings[0].type, reply)


def scripted_failure(generation: Generation, details: Mapping[str, Any]) -> Failure:
    error = details.get("error", "The content could not be processed because it was flagged by a content checker.")
    error_type = details.get("error_type", "content_policy_violation")
    entry = {"loc": ["body", "prompt"], "msg": error, "type": error_type, "input": generation.body.get("prompt")}
    headers = {"X-Fal-Retryable": "false", **details.get("headers", {})}
    return Failure(error, error_type, scripted({**details, "headers": headers}, 422, {"detail": [entry]}))


def acknowledgement_of(generation: Generation, origin: str) -> Json:
    address = f"{origin}/{generation.app}/requests/{generation.request_id}"
    return {
        "status": "IN_QUEUE",
        "request_id": generation.request_id,
        "response_url": address,
        "status_url": f"{address}/status",
        "cancel_url": f"{address}/cancel",
        "queue_position": 0,
    }


def submit_refusal(request: RecordedRequest, endpoint: str, waiting: int) -> Reply | None:
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        return detail(415, "Unsupported media type, the body must be application/json")
    if not isinstance(request.json, dict):
        return detail(400, "The body must be one JSON object")
    if not is_known(endpoint):
        return detail(404, f'Application "{endpoint}" not found')
    timeout = request.headers.get("x-fal-request-timeout", "1")
    is_time = bool(re.fullmatch(r"\d+(\.\d+)?", timeout)) and float(timeout) > LEAST_REQUEST_TIMEOUT
    if request.query.keys() - SUBMIT_QUERY or not is_time:
        # The real one may ignore unknown names: a misspelt one must fail a test.
        return detail(400, f"Unknown query parameter among {sorted(request.query)}, or X-Fal-Request-Timeout is wrong")
    longest = request.query.get("fal_max_queue_length")
    if longest is not None and waiting > int(longest[0]):
        return detail(429, "The queue is longer than fal_max_queue_length")
    return None


def status_of(generation: Generation, origin: str, logs: Sequence[str] | None, position: int) -> Reply:
    body: Json = {**acknowledgement_of(generation, origin), "status": generation.state}
    body["queue_position"] = position
    if generation.state == "IN_QUEUE":
        return json_reply(202, body)
    del body["queue_position"]
    if logs is not None:
        entry = {"level": "INFO", "source": "USER", "timestamp": datetime.now(UTC).isoformat()}
        body["logs"] = [{"message": line, **entry} for line in logs]
    if generation.state == "IN_PROGRESS":
        return json_reply(202, body)
    body["metrics"] = {"inference_time": 1.5}
    if generation.failure is not None:
        body |= {"error": generation.failure.error, "error_type": generation.failure.error_type}
    return json_reply(200, body)


def cancelled() -> Failure:
    body = {"detail": "Request was cancelled", "error_type": "client_cancelled"}
    return Failure(body["detail"], body["error_type"], json_reply(499, body, X_Fal_Error_Type="client_cancelled"))
