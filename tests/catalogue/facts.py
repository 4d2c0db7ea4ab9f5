"""What the sources say about every endpoint (tests/data/facts), and how it is compared with the catalogue.

A source is a statement about an endpoint's parameters. Where several speak of one endpoint the newest decides type,
default, enum and required; limits add up, because a list of types repeats few of them.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, cast

from videogen_mcp.catalogue.fit import seconds_of
from videogen_mcp.catalogue.schema import Endpoint, Param
from videogen_mcp.catalogue.terms import MaxTotal, Needs, NotTogether, OneOf, Only
from videogen_mcp.types import MEDIA_FIELDS, Json

FOLDER = Path(__file__).resolve().parent.parent / "data" / "facts"
ENDPOINT_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)+")
Statement = dict[str, Json]
"""Parameter name -> what one source says of it."""


@cache
def read(name: str) -> Json:
    return cast("Json", json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))


@dataclass
class Fact:
    """An endpoint that a source knows; its statements, the newest first (none: only the id is known)."""

    key: str
    statements: list[Statement] = field(default_factory=list[Statement])

    def parameters(self) -> Statement:
        merged: Statement = {}
        for statement in self.statements:
            for name, said in statement.items():
                newer = merged.get(name, {})
                limits = said.get("limits", {}) | newer.get("limits", {})
                # TypeScript has one kind of number: where another source says integer, that is the finer word.
                is_finer = newer.get("ts_number") and said["type"] == "integer"
                merged[name] = (newer or said) | ({"limits": limits} if limits else {})
                merged[name] |= {"type": "integer"} if is_finer else {}
        return merged

    def is_old_news(self, name: str) -> bool:
        """Whether the newest source no longer has the parameter."""
        return bool(self.statements) and name not in self.statements[0]


def statement(parameters: list[Json]) -> Statement:
    return {one["name"]: one for one in parameters}


@cache
def facts() -> Mapping[str, Fact]:
    found: dict[str, Fact] = {}
    for key, parameters in (*_of_fal(), *_of_other_gateways()):
        fact = found.setdefault(key, Fact(key))
        if parameters is not None:
            fact.statements.append(statement(parameters))
    return found


Source = Iterator[tuple[str, list[Json] | None]]


def _of_fal() -> Source:
    """The newest first: what came after the lists of types, the lists, the seeds."""
    for one in read("successors")["entries"]:
        # An entry in parentheses or with a placeholder is a remark, and some are only heard of, not seen at fal.
        if ENDPOINT_ID.fullmatch(one["endpoint_id"]) and one["on_fal"] == "yes":
            yield f"fal:{one['endpoint_id']}", one.get("parameters")
    for name in ("fal_schemas_extra", "fal_endpoints"):
        for one in read(name)["endpoints"]:
            yield f"fal:{one['id']}", one.get("parameters")
    for one in read("fal_endpoints")["other_schemas"]:
        if "endpoint" in one:
            yield f"fal:{one['endpoint']}", one["parameters"]


def _of_other_gateways() -> Source:
    for one in read("mountsea_models")["models"]:
        yield f"mountsea:{one['id']}", one["parameters"]
    for one in read("heygen")["providers"]:
        yield f"heygen:{one['value']}", workflow_input()
    for one in read("heygen_v3_models")["requests"]:
        yield f"heygen:{one['id']}", one["parameters"]
    for mode, models in read("novakit")["models"].items():
        for one in models:
            yield f"novakit:{one['id']}", novakit_input(one["id"], mode)
    for one in read("google")["requests"]:
        yield f"google:{one['id']}", one["parameters"]


def novakit_input(model: str, mode: str) -> list[Json]:
    """One table serves all models; it names the mode that uses a medium, and the makers whose models know a field."""
    maker = model.replace("hailuo", "minimax")
    return [
        one
        for one in read("novakit")["parameters"]
        if one.get("used_by", mode) == mode and one.get("applies_to", "").lower() in maker
    ]


def workflow_input() -> list[Json]:
    """The `input` object of HeyGen's workflow: the gateway wraps it, so the catalogue holds its fields only."""
    return [
        one | {"name": one["name"].removeprefix("input.")}
        for one in read("heygen")["request_fields"]
        if one["name"].startswith("input.")
    ]


@dataclass(frozen=True)
class Difference:
    """One thing that a source says and the catalogue does not, or the other way round."""

    endpoint: str
    parameter: str
    what: str
    said: Any
    ours: Any

    def __str__(self) -> str:
        return f"{self.endpoint} {self.parameter} {self.what}: source {self.said!r}, catalogue {self.ours!r}"


@dataclass
class Comparison:
    """The differences of one endpoint from its facts, and how much was looked at."""

    endpoint: Endpoint
    differences: list[Difference] = field(default_factory=list[Difference])
    counts: Counter[str] = field(default_factory=Counter[str])

    def check(self, name: str, what: str, said: Any, ours: Any, *, number: int = 1) -> None:
        self.counts[what] += number
        if in_json(said) != in_json(ours):
            self.differences.append(Difference(self.endpoint.key, name, what, said, ours))


def in_json(value: Any) -> str:
    """Types count, `"5"` is not 5 and true is not 1; but 5 and 5.0 are one JSON number."""
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    return json.dumps(whole, sort_keys=True)


def compare(endpoint: Endpoint, fact: Fact) -> Comparison:
    result = Comparison(endpoint)
    said = fact.parameters()
    for name, one in said.items():
        result.check(name, "parameter", "there", "there" if name in endpoint.params else None)
        if name in endpoint.params:
            _compare_parameter(result, name, one, endpoint.params[name])
    for name in endpoint.params:
        if fact.statements and name not in said:
            result.check(name, "parameter", None, "there")
    return result


UNIONS = {"asset", "oneOf"}
"""A file by address, by id or in the body: the catalogue's parameter has the one form that its gateway sends."""

WHOLE = re.compile(r"seed|num_\w+|\w*_steps|start_frame")
SCALE = re.compile(r"\w*(scale|strength|shift|speed|guidance)\w*")
"""Seeds and counts are whole numbers wherever prose or an OpenAPI document speaks of them; scales are not."""


def _compare_parameter(result: Comparison, name: str, said: Json, ours: Param) -> None:
    if "enum_or" in said and ours.type == "string":
        # Named sizes or an object of width and height: a parameter has one type here, the names are kept.
        said = {"type": "string", "enum": said["enum_or"]} | {
            word: said[word] for word in ("default", "required") if word in said
        }
    if said["type"] not in UNIONS:
        result.check(name, "type", _wanted_type(name, said, ours), ours.type)
    if isinstance(said.get("required"), bool):
        # A constant is always sent: whether the endpoint demands it makes no difference.
        result.check(name, "required", said["required"], ours.required or (ours.const is not None and said["required"]))
    if ours.const is None:
        result.check(name, "default", _wanted_default(said), _or_none(ours.default))
        _compare_enum(result, name, said, ours)
    elif "enum" in said:
        result.check(name, "enum", True, ours.const in said["enum"])  # noqa: FBT003 -- a value to compare
    _compare_fields(result, name, said, ours)
    for limit, value in said.get("limits", {}).items():
        # "[0-3s] first shot" in the description of a prompt is an example, and no limit.
        if limit not in NO_LIMIT and not (limit.endswith("_text") and ours.type == "string" and _is_text(ours)):
            result.counts["limit"] += 1
            if not LIMITS[limit](_Limit(result.endpoint, name, ours, value)):
                result.differences.append(Difference(result.endpoint.key, name, "limit", {limit: value}, None))


def _wanted_type(name: str, said: Json, ours: Param) -> str:
    if said["type"].startswith("array"):
        return "array"
    if not said.get("ts_number") and not (said["type"] == "number" and ours.type == "integer"):
        return cast("str", said["type"])
    # "number" is all that TypeScript and NovaKit's table can say: whole numbers are ours to know.
    enum = cast("list[Any]", said.get("enum", []))
    if WHOLE.fullmatch(name) or (enum and all(isinstance(one, int) for one in enum)):
        return "integer"
    if SCALE.fullmatch(name) or isinstance(said.get("default"), float):
        return "number"
    return ours.type if ours.type in {"integer", "number"} else "number"


def _wanted_default(said: Json) -> Any:
    default = said.get("default")
    if said["type"] in {"integer", "number"} and isinstance(default, str):
        # Prose quotes a number as text; NovaKit's "random" says what happens without a seed and is nothing to send.
        return json.loads(default) if re.fullmatch(r"-?\d+(\.\d+)?", default) else None
    return _or_none(default)


def _or_none(default: Any) -> Any:
    """A list of types writes an empty text or list for what has no default."""
    return None if default in ("", []) else default


def _compare_enum(result: Comparison, name: str, said: Json, ours: Param) -> None:
    enum = cast("list[Any]", said.get("enum", []))
    if said.get("enum_truncated") or said.get("closed_enum") is False:
        # A thousand names of people, cut short by the source itself; or the usual values of an open list.
        return
    if "enum" in (ours.schema_ or {}).get("items", {}):
        return
    if not enum and ours.values == (said.get("default"),):
        # TypeScript shows a list of one value as its default only.
        return
    wanted, have = sorted(map(in_json, enum)), sorted(map(in_json, ours.values))
    result.check(name, "enum", wanted, have, number=max(1, len(wanted)) if wanted else 0)


def _compare_fields(result: Comparison, name: str, said: Json, ours: Param) -> None:
    """Objects, and lists of objects, field by field."""
    items = cast("Json", said.get("items") if isinstance(said.get("items"), dict) else {})
    fields = cast("list[Any]", items.get("fields") or said.get("fields") or [])
    schema = ours.schema_ or {}
    schema = cast("Json", schema.get("items", {}) if "items" in schema else schema)
    if "enum" in items:
        result.check(name, "enum", items["enum"], schema.get("enum"), number=len(items["enum"]))
    if not fields or not all(isinstance(one, dict) for one in fields):
        return
    have = cast("Json", schema.get("properties", {}))
    for one in cast("list[Json]", fields):
        inner = f"{name}.{one['name']}"
        result.check(inner, "parameter", "there", "there" if one["name"] in have else None)
        if one["name"] in have:
            mine = cast("Json", have[one["name"]])
            is_number = one.get("ts_number") or one["type"] == "number"
            same = {one["type"], "integer"} if is_number else {one["type"]}
            if one["type"] not in UNIONS:
                result.check(inner, "type", True, mine.get("type") in same)  # noqa: FBT003 -- a value to compare
            result.check(inner, "enum", one.get("enum"), mine.get("enum"), number=len(one.get("enum", ())))
            result.check(inner, "required", one["required"], one["name"] in schema.get("required", ()))
    for extra in have.keys() - {one["name"] for one in cast("list[Json]", fields)}:
        result.check(f"{name}.{extra}", "parameter", None, "there")


# Limits, by the words that the sources use for them.


@dataclass(frozen=True)
class _Limit:
    endpoint: Endpoint
    name: str
    param: Param
    value: Any

    @property
    def kind(self) -> str:
        """`image`, `video`, `audio`, or nothing for what is no medium."""
        for source in self.param.source:
            if source in MEDIA_FIELDS:
                return MEDIA_FIELDS[source]
        return ""

    @property
    def lengths(self) -> tuple[float | None, float | None]:
        """The shortest and the longest of the documented values."""
        known = [
            length
            for value in self.param.values
            if value not in self.param.automatic and (length := seconds_of(value)) is not None and length > 0
        ]
        return (min(known), max(known)) if known else (self.param.minimum, self.param.maximum)


def _is_range(limit: _Limit) -> bool:
    """A pair of figures from prose: of a number, of a clip's seconds (each or together), or of a picture's sides."""
    wanted, param = tuple(limit.value), limit.param
    sizes = tuple(f"{side}x{side}" for side in wanted)
    return wanted in {
        limit.lengths,
        (param.min_seconds, param.max_seconds),
        (param.min_total_seconds, param.max_total_seconds),
    } or sizes == (param.min_size, param.max_size)


def _is_text(param: Param) -> bool:
    return not param.values and not set(param.source) & set(MEDIA_FIELDS)


def _formats(names: tuple[str, ...] | list[str]) -> set[str]:
    return {name.lower().replace("jpg", "jpeg") for name in names}


def _rules(limit: _Limit, kind: type[Any]) -> Iterator[Any]:
    return (rule for rule in limit.endpoint.rules if isinstance(rule, kind))


def _has_need(limit: _Limit) -> bool:
    return any(rule.param == limit.name and set(rule.any_of) == set(limit.value) for rule in _rules(limit, Needs))


def _has_choice(names: set[str], limit: _Limit) -> bool:
    choices = [*_rules(limit, NotTogether), *_rules(limit, OneOf)]
    return any(names <= set(rule.params) for rule in choices)


def _has_total(limit: _Limit) -> bool:
    return any(rule.limit == limit.value and limit.name in rule.params for rule in _rules(limit, MaxTotal))


def _has_length_by_resolution(limit: _Limit) -> bool:
    """`{"1080p": 5}`: at that resolution no clip is longer."""
    return all(
        any(
            rule.when.get("resolution") in (resolution, [resolution])
            and rule.param == limit.name
            and max(seconds_of(one) or 0 for one in rule.values) == longest
            for rule in _rules(limit, Only)
        )
        for resolution, longest in limit.value.items()
    )


def _is_like(limit: _Limit) -> bool:
    other, param = limit.endpoint.params[limit.value], limit.param
    return (set(other.formats), other.max_megabytes) == (set(param.formats), param.max_megabytes)


def _is_smallest_side(limit: _Limit) -> bool:
    size = limit.param.min_size
    return size is not None and str(min(map(int, size.split("x")))) == limit.value.removesuffix("p")


def _are_sides(limit: _Limit) -> bool:
    """The shortest and the longest side, both the same for width and height."""
    wanted = [None if side is None else f"{side}x{side}" for side in limit.value]
    return [limit.param.min_size, limit.param.max_size] == wanted


LIMITS: Mapping[str, Callable[[_Limit], bool]] = {
    "min": lambda one: one.lengths[0] == one.value or one.param.minimum == one.value,
    "max": lambda one: one.lengths[1] == one.value or one.param.maximum == one.value,
    "range_text": _is_range,
    "range_s": _is_range,
    "seconds_text": _is_range,
    "each_s": lambda one: [one.param.min_seconds, one.param.max_seconds] == one.value,
    "each_max_s": lambda one: one.param.max_seconds == one.value,
    "min_duration_s": lambda one: one.param.min_seconds == one.value,
    "max_duration_s": lambda one: one.param.max_seconds == one.value,
    "combined_max_s": lambda one: one.param.max_total_seconds == one.value,
    "max_combined_duration_s": lambda one: one.param.max_total_seconds == one.value,
    "min_combined_duration_s": lambda one: one.param.min_total_seconds == one.value,
    "max_chars": lambda one: one.param.max_chars == one.value,
    "min_items": lambda one: one.param.min_items == one.value,
    "max_items": lambda one: one.param.max_items == one.value,
    "max_mb": lambda one: one.param.max_megabytes == one.value,
    "max_mb_each": lambda one: one.param.max_megabytes == one.value,
    "max_total_mb_exclusive": lambda one: one.param.max_total_megabytes == one.value,
    "formats": lambda one: set(one.param.formats) == _formats(one.value),
    "min_resolution": _is_smallest_side,
    "min_resolution_approx": lambda one: one.param.min_size == one.value["size"],
    "max_resolution_approx": lambda one: one.param.max_size == one.value["size"],
    "side_px": _are_sides,
    "aspect": lambda one: [one.param.min_ratio, one.param.max_ratio] == one.value,
    "fps": lambda one: [one.param.min_fps, one.param.max_fps] == one.value,
    "same_constraints_as": _is_like,
    "max_duration_s_at": _has_length_by_resolution,
    "max_total_files": _has_total,
    "max_total_files_all_modalities": _has_total,
    "requires_any_of": _has_need,
    "excludes": lambda one: _has_choice({one.name, *one.value}, one),
    "exactly_one_of": lambda one: any(set(rule.params) == set(one.value) for rule in _rules(one, OneOf)),
    "unsupported": lambda one: not set(one.value) & set(one.param.values),
    "prompt_tags": lambda one: one.param.tag == one.value,
}

NO_LIMIT = frozenset(
    {
        # What a value means or does; the catalogue says it in a description or not at all.
        *("unit", "value_suffix", "strictest", "most_permissive", "api_only", "auto_means", "values_mean", "use"),
        *("other_aspect_ratios", "expected_aspect_ratios", "description_says_only", "intelligent_means", "effect"),
        *("role", "when_absent", "when_empty", "false_means", "true_means", "special", "truncates", "enables"),
        *("exact_reproduction_guaranteed", "changes_cost", "includes", "multiple_means", "overrides", "first_tag"),
        *("item_fields_mentioned", "item_forms", "voice_languages", "other_languages", "english_casing", "scope"),
        *("random_value", "recommended", "repeatable", "least", "most", "stated_optional", "combinable_with"),
        *("used_by_effects", "used_only_without", "default_rule", "max_combined_movements", "min_chars"),
        # Money is compared with the price rows, not here.
        *("billing", "billing_units"),
    }
)


# The sources as a JSON Schema: what a body must keep to.


def json_schema(fact: Fact) -> Json:
    said = fact.parameters()
    return {
        "type": "object",
        "properties": {name: _property(one) for name, one in said.items()},
        "required": [name for name, one in said.items() if one.get("required") is True],
        "additionalProperties": False,
    }


def _property(said: Json) -> Json:
    kind = "array" if said["type"].startswith("array") else said["type"]
    if "enum_or" in said:
        return {"anyOf": [{"enum": said["enum_or"]}, _object(said["fields"])]}
    schema: Json = {} if kind in UNIONS else {"type": kind}
    if "enum" in said and not said.get("enum_truncated"):
        schema["enum"] = said["enum"]
    items = said.get("items")
    if kind == "array" and isinstance(items, dict):
        schema["items"] = _property({"type": "object"} | cast("Json", items))
    if kind == "object" and "fields" in said:
        schema |= _object(said["fields"])
    limits = cast("Json", said.get("limits", {}))
    if "max_items" in limits:
        schema["maxItems"] = limits["max_items"]
    if "max_chars" in limits:
        schema["maxLength"] = limits["max_chars"]
    return schema


def _object(fields: list[Json]) -> Json:
    return {
        "type": "object",
        "properties": {one["name"]: _property(one) for one in fields},
        "required": [one["name"] for one in fields if one.get("required") is True],
        "additionalProperties": False,
    }
