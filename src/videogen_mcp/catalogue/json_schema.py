"""Parameters out of the JSON Schemas in an OpenAPI document, as fal writes them. Pure.

fal's documents are made by pydantic: what may be left out is `anyOf` of the thing and `null`, shared parts stand under
`components/schemas` and are named by `$ref`, and `x-fal-order-properties` gives the order for people.
"""

from collections.abc import Iterator
from typing import Any, cast

from videogen_mcp.catalogue.schema import Param, ParamType, is_of_type
from videogen_mcp.errors import VideoGenError
from videogen_mcp.types import Json

_DEEPEST = 6
"""References deeper than this are left out; a schema may name itself."""
_DESCRIPTION_CHARS = 200
_TYPES: tuple[ParamType, ...] = ("string", "integer", "number", "boolean", "array", "object")
_ANNOTATIONS = ("title", "description", "default", "examples")


def input_schema(endpoint_id: str, document: Json) -> Json:
    """The schema of the body that the endpoint takes, its outermost reference resolved.

    Raises:
        VideoGenError: The document has no such body.
    """
    paths = _object(document.get("paths"))
    own = f"/{endpoint_id}"
    for path in sorted(paths, key=lambda one: one != own):
        content = _object(_object(_object(paths[path]).get("post")).get("requestBody")).get("content")
        schema = resolved(_object(_object(content).get("application/json")).get("schema"), document)
        if _object(schema.get("properties")):
            return schema
    raise VideoGenError(f"The live contract of {endpoint_id} holds no input.", endpoint=f"fal:{endpoint_id}")


def ordered_properties(schema: Json) -> Iterator[tuple[str, Json]]:
    """The properties of an object, in fal's order where it gives one."""
    properties = _object(schema.get("properties"))
    wanted = schema.get("x-fal-order-properties")
    order = (
        [one for one in cast("list[Any]", wanted) if isinstance(one, str) and one in properties]
        if isinstance(wanted, list)
        else []
    )
    for name in dict.fromkeys([*order, *properties]):
        yield name, _object(properties[name])


def param_of(schema: Json, document: Json, *, required: bool) -> Param:
    """One property as a parameter: type, values, default and limits.

    Args:
        schema: The property's schema.
        document: The document it stands in, for references.
        required: Whether the object demands it.
    """
    whole = resolved(schema, document)
    kind = _type_of(whole)
    listed = cast("list[Any]", whole["enum"]) if isinstance(whole.get("enum"), list) else []
    values = tuple(value for value in listed if kind not in {"array", "object"} and is_of_type(value, kind))
    default = whole.get("default")
    if default is not None and (not is_of_type(default, kind) or (values and default not in values)):
        default = None
    return Param(
        type=kind,
        required=required,
        values=values,
        default=default,
        minimum=_lowest(whole, kind),
        maximum=_number(whole.get("maximum")),
        max_chars=_count(whole.get("maxLength")),
        min_items=_count(whole.get("minItems")),
        max_items=_count(whole.get("maxItems")),
        schema_=_structure(whole, kind, document),
        description=_clause(whole.get("description")),
    )


def resolved(schema: Any, document: Json, depth: int = 0) -> Json:
    """A schema with its reference, its single part and its `null` variant taken out of the way."""
    here = _object(schema)
    if depth > _DEEPEST:
        return {}
    if isinstance(here.get("$ref"), str):
        target = _target(here["$ref"], document)
        return resolved(target, document, depth + 1) | {name: here[name] for name in _ANNOTATIONS if name in here}
    if isinstance(here.get("const"), str | int | float):
        here = here | {"enum": [here["const"]]}
    for keyword in ("anyOf", "oneOf", "allOf"):
        if isinstance(here.get(keyword), list):
            parts = [resolved(one, document, depth + 1) for one in cast("list[Any]", here[keyword])]
            outside = {name: value for name, value in here.items() if name != keyword}
            return _together([part for part in parts if part.get("type") != "null"]) | outside
    return here


def _together(variants: list[Json]) -> Json:
    """Several variants as one: words where there are words, else the first; closed only where all of them are."""
    if len(variants) <= 1:
        return variants[0] if variants else {}
    words = [one for one in variants if one.get("type") == "string"]
    chosen = words or variants
    if words and all(isinstance(one.get("enum"), list) for one in words):
        values = [value for one in words for value in cast("list[Any]", one["enum"]) if isinstance(value, str)]
        return words[0] | {"enum": list(dict.fromkeys(values))}
    kinds = {one.get("type") for one in chosen}
    if kinds == {"integer", "number"}:
        return next(one for one in chosen if one.get("type") == "number")
    return {name: value for name, value in chosen[0].items() if name != "enum" or len(chosen) == 1}


def _target(reference: str, document: Json) -> Any:
    """What a reference within the document points to; nothing for any other."""
    if not reference.startswith("#/"):
        return None
    place: Any = document
    for part in reference[2:].split("/"):
        place = _object(place).get(part.replace("~1", "/").replace("~0", "~"))
    return place


def _type_of(schema: Json) -> ParamType:
    named = schema.get("type")
    names = cast("list[Any]", named) if isinstance(named, list) else [named]
    listed = cast("list[Any]", schema["enum"]) if isinstance(schema.get("enum"), list) else []
    for kind in _TYPES:
        if kind in names or (named is None and listed and is_of_type(listed[0], kind)):
            return kind
    return "object"


def _structure(schema: Json, kind: ParamType, document: Json) -> Json | None:
    """The JSON Schema of a structured value, without references; None for a scalar or a list of words."""
    if kind not in {"array", "object"}:
        return None
    inner = _inlined({name: schema[name] for name in ("items", "properties", "required") if name in schema}, document)
    if kind == "array" and inner.get("items", {}).get("type", "string") == "string":
        return None
    return {"type": kind, **inner}


def _inlined(schema: Json, document: Json, depth: int = 0) -> Json:
    """A schema with every reference inside it replaced by what it names."""
    here = resolved(schema, document, depth)
    inside: Json = {}
    if isinstance(here.get("items"), dict):
        inside["items"] = _inlined(here["items"], document, depth + 1)
    if isinstance(here.get("properties"), dict):
        properties = _object(here["properties"])
        inside["properties"] = {name: _inlined(one, document, depth + 1) for name, one in properties.items()}
    kept = ("type", "enum", "default", "required", "minimum", "maximum", "maxLength", "minItems", "maxItems")
    return {name: here[name] for name in kept if name in here} | inside if depth <= _DEEPEST else {}


def _lowest(schema: Json, kind: ParamType) -> float | None:
    above = _number(schema.get("exclusiveMinimum"))
    if above is not None and kind == "integer":
        return above + 1
    return _number(schema.get("minimum"))


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _clause(text: Any) -> str:
    """The first sentence of a description, short enough for a line."""
    words = " ".join(str(text).split()) if isinstance(text, str) else ""
    return words.partition(". ")[0].rstrip(".")[:_DESCRIPTION_CHARS]


def _object(value: Any) -> Json:
    return cast("Json", value) if isinstance(value, dict) else {}
