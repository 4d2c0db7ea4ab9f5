"""The endpoints of fal that are recorded in the facts only: their parameters, in the form that the stand-in judges by.

Those in `tests/data/fal_schemas.json` were recorded with more care, with rules and outputs, and go before these.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

Json = dict[str, Any]

FACTS = Path(__file__).resolve().parent.parent / "data" / "facts"
OUTPUT: list[Json] = [
    {
        "name": "video",
        "type": "object",
        "required": True,
        "fields": [{"name": "url", "type": "string", "required": True}],
    }
]
"""What every model puts out at least."""

KEPT = ("name", "type", "default", "enum", "format", "fields")


@cache
def recorded_endpoints() -> Mapping[str, Json]:
    """The endpoints by id."""
    found: dict[str, Json] = {}
    for endpoint, parameters in _sources():
        found.setdefault(
            endpoint, {"parameters": [_parameter(one) for one in parameters], "output": OUTPUT, "rules": []}
        )
    return found


def _sources() -> Iterator[tuple[str, list[Json]]]:
    """The best first, as `tests/catalogue/facts.py` has them."""
    for one in _read("fal_schemas_extra")["endpoints"]:
        yield one["id"], one["parameters"]
    for one in _read("fal_endpoints")["other_schemas"]:
        if "endpoint" in one:
            yield one["endpoint"], one["parameters"]
    for one in _read("successors")["entries"]:
        if one["on_fal"] == "yes" and one.get("parameters"):
            yield one["endpoint_id"], one["parameters"]


def _read(name: str) -> Json:
    return cast("Json", json.loads((FACTS / f"{name}.json").read_text(encoding="utf-8")))


def _parameter(fact: Json) -> Json:
    one: Json = {name: fact[name] for name in KEPT if name in fact}
    one["required"] = fact.get("required", False)
    limits: Json = fact.get("limits", {})
    one |= {name: limits[name] for name in ("max_chars", "max_items") if name in limits}
    if "range_text" in limits and fact["type"] in {"number", "integer"}:
        one["minimum"], one["maximum"] = limits["range_text"]
    if "enum_or" in fact:
        # One of the names, or a size of the caller's own, which no test gives.
        return {"name": one["name"], "required": one["required"], "type": "string", "enum": fact["enum_or"]}
    if one["type"] == "string" and one["name"].endswith("_url"):
        one["format"] = "url"
    if one["type"] == "array":
        one["items"] = _items(fact)
    if one["type"] == "object":
        one["fields"] = [_parameter(field) for field in fact.get("fields", [])]
    return one


def _items(fact: Json) -> Json:
    given = fact.get("items", "string")
    items: Json = {"type": given} if isinstance(given, str) else dict(cast("Json", given))
    if items["type"] == "object":
        items["fields"] = [_parameter(field) for field in items.get("fields", [])]
    if items["type"] == "string" and fact["name"].endswith("_urls"):
        items["format"] = "url"
    return items
