"""Endpoint parameters that the caller sets under their wire names. Pure."""

import math
from typing import Any

from videogen_mcp.catalogue.draft import Draft, check_limits, listed
from videogen_mcp.catalogue.fit import seconds_of
from videogen_mcp.catalogue.schema import Param, is_of_type


def take_options(draft: Draft) -> None:
    """Put every option into the body under its own name; one that cannot be used is dropped and reported.

    Raises:
        InvalidRequest: A value is not what its parameter takes.
    """
    for name, value in draft.request.options.items():
        param = draft.endpoint.params.get(name)
        if param is None and not draft.endpoint.open:
            draft.change(f"options.{name}", value, None, "this endpoint has no such parameter")
        elif param is None:
            draft.body[name] = value
        elif param.const is not None:
            draft.change(f"options.{name}", value, param.const, "the endpoint's contract fixes it")
        elif said := [one for one in param.source if getattr(draft.request, one) not in (None, (), "")]:
            draft.change(f"options.{name}", value, None, f"the argument {said[0]} says the same and wins")
        else:
            draft.body[name] = _option_value(draft, name, param, value)


def _option_value(draft: Draft, name: str, param: Param, value: Any) -> Any:
    """Validate an option; a value that differs only in JSON type or unit from a documented one is put right."""
    field_name = f"options.{name}"
    right: Any = value
    if isinstance(value, float) and not math.isfinite(value):
        raise draft.refuse(field_name, f"{name} {value!r} is no JSON number.")
    if (param.values and value not in param.values) or not is_of_type(value, param.type):
        same = [one for one in param.values if str(one).lower() == str(value).lower() or _same_seconds(one, value)]
        if same:
            right = same[0]
        elif param.values:
            raise draft.refuse(field_name, f"{name} {value!r} is not offered; allowed: {listed(param.values)}.")
        elif not _is_number_as(param, value):
            raise draft.refuse(field_name, f"{name} {value!r} must be of JSON type {param.type}.")
        else:
            right = int(value) if param.type == "integer" else float(value)
    if right is not value and (right != value or type(right) is not type(value)):
        draft.change(field_name, value, right, "the endpoint wants it in this form")
    check_limits(draft, field_name, param, right)
    if param.type in {"array", "object"}:
        _check_structure(draft, field_name, param, right)
    return right


def _check_structure(draft: Draft, field_name: str, param: Param, value: Any) -> None:
    """Hold a list or an object to its JSON Schema, to the last field inside.

    Raises:
        InvalidRequest: It breaks the schema; names the place, such as `options.multi_prompt[0].duration`.
    """
    from jsonschema import Draft202012Validator  # noqa: PLC0415 -- slow to load, and few requests need it

    validator: Any = Draft202012Validator(param.json_schema())
    found: Any = next(iter(validator.iter_errors(value)), None)
    if found is not None:
        place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in found.absolute_path)
        raise draft.refuse(field_name, f"{field_name}{place}: {found.message[:_LONGEST_FINDING]}.")


_LONGEST_FINDING = 200


def _same_seconds(wire: Any, value: Any) -> bool:
    seconds = seconds_of(wire)
    return seconds is not None and not isinstance(value, bool) and seconds == seconds_of(value)


def _is_number_as(param: Param, value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    return param.type == "number" or (param.type == "integer" and value == int(value))
