"""Judges an input by a table of parameters, as the documentation pages of the hubs have them: strictly."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

from tests.standins.reach import is_reachable

Json = dict[str, Any]

FACTS = Path(__file__).resolve().parent.parent / "data" / "facts"

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


@cache
def facts(name: str) -> Json:
    """One file of facts; it names its source itself."""
    return cast("Json", json.loads((FACTS / f"{name}.json").read_text(encoding="utf-8")))


def findings(values: Json, parameters: Sequence[Json]) -> list[str]:
    """What is wrong with an input: unknown names, missing ones, types, choices, lengths and ranges."""
    known = {parameter["name"]: parameter for parameter in parameters}
    # The real service may ignore a name that it does not know: a misspelt one must fail a test.
    found = [f"property {name} should not exist" for name in values if name not in known]
    for name, parameter in known.items():
        if name in values:
            found += _judge(name, values[name], parameter)
        elif parameter["required"]:
            found.append(f"{name} is required")
    return found


def _judge(name: str, value: Any, parameter: Json) -> list[str]:
    # The exact type: true is an int to isinstance, and "5" would pass a lenient parser.
    if type(value) not in _TYPES[parameter["type"]]:
        return [f"{name} must be of type {parameter['type']}"]
    if "enum" in parameter and value not in parameter["enum"]:
        return [f"{name} must be one of {', '.join(map(str, parameter['enum']))}"]
    limits: Json = parameter.get("limits", {})
    found: list[str] = []
    if isinstance(value, list):
        members = cast("list[Any]", value)
        found += _bounds(f"length of {name}", len(members), limits, ("min_items", "max_items"))
        found += _addresses(name, members)
        kinds = _TYPES[parameter["items"]]
        found += [
            f"each value in {name} must be of type {parameter['items']}" for one in members if type(one) not in kinds
        ]
    elif isinstance(value, str):
        found += _bounds(f"length of {name}", len(value), limits, ("", "max_chars"))
        found += _addresses(name, [value])
    elif not isinstance(value, bool | dict):
        found += _bounds(name, value, limits, ("min", "max"))
    return found


KINDS: Mapping[str, str] = {"image": "image", "frame": "image", "video": "video", "audio": "audio"}
"""What a parameter takes, by the word in its name."""


def _addresses(name: str, values: Sequence[Any]) -> list[str]:
    if not name.endswith(("_url", "_urls", "source_image", "source_video")):
        return []
    kind = next((kind for word, kind in KINDS.items() if word in name), "")
    return [f"{name} must be a URL address of a file" for one in values if not is_reachable(str(one), kind)]


def _bounds(what: str, value: float, limits: Json, names: tuple[str, str]) -> list[str]:
    low, high = limits.get(names[0]), limits.get(names[1])
    found = [f"{what} must not be less than {low}"] if low is not None and value < low else []
    return found + ([f"{what} must not be greater than {high}"] if high is not None and value > high else [])


def _exactly_one(values: Json, rule: Json) -> bool:
    return sum(name in values for name in rule["exactly_one_of"]) == 1


def _exclusive(values: Json, rule: Json) -> bool:
    return sum(name in values for name in rule["mutually_exclusive"]) <= 1


def _accompanied(values: Json, rule: Json) -> bool:
    return rule["if_present"] not in values or any(values.get(name) for name in rule["requires_any_of"])


def _few_files(values: Json, rule: Json) -> bool:
    return sum(len(values.get(name, ())) for name in rule["across"]) <= rule["max_total_files"]


_RULES: Mapping[str, Callable[[Json, Json], bool]] = {
    "exactly_one_of": _exactly_one,
    "mutually_exclusive": _exclusive,
    "if_present": _accompanied,
    "max_total_files": _few_files,
}


def broken_rules(values: Json, constraints: Sequence[Json]) -> list[str]:
    """The constraints between fields that an input breaks; what is only prose is passed over."""
    return [
        f"{kind} is not met: {rule}"
        for rule in constraints
        for kind, holds in _RULES.items()
        if kind in rule and not holds(values, rule)
    ]
