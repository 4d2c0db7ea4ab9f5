"""What parameters demand of each other, checked on the finished body. Pure."""

from collections.abc import Sequence
from typing import Any, assert_never, cast

from videogen_mcp.catalogue.schema import Endpoint
from videogen_mcp.catalogue.terms import Bound, Conditions, MaxTotal, Needs, NotTogether, OneOf, Only, Rule
from videogen_mcp.errors import InvalidRequest
from videogen_mcp.types import Json


def effective(endpoint: Endpoint, body: Json, name: str) -> Any:
    """The value that counts for a parameter: what is sent, else what is fixed, else the endpoint's default."""
    if name in body:
        return body[name]
    fixed = getattr(endpoint.fixed, name, None)
    if fixed is not None:
        return fixed
    param = endpoint.params.get(name)
    return param.default if param else None


def holds(endpoint: Endpoint, body: Json, conditions: Conditions) -> bool:
    """Whether all conditions hold for the body."""
    return all(_holds(endpoint, body, name, wanted) for name, wanted in conditions.items())


def _holds(endpoint: Endpoint, body: Json, name: str, wanted: Any) -> bool:
    if "." not in name:
        return _holds_one(effective(endpoint, body, name), name in body, wanted)
    values = values_inside(body, name)
    if isinstance(wanted, Bound) and wanted.present is False:
        return not values
    return any(_holds_one(value, True, wanted) for value in values)  # noqa: FBT003 -- it is sent


def values_inside(body: Json, path: str) -> list[Any]:
    """The values of `list.field`: that field of every object in that list of the body."""
    name, _, field = path.partition(".")
    items = body.get(name)
    objects = (
        [cast("Json", one) for one in cast("list[Any]", items) if isinstance(one, dict)]
        if isinstance(items, list)
        else []
    )
    return [one[field] for one in objects if one.get(field) is not None]


def _holds_one(value: Any, is_sent: bool, wanted: Any) -> bool:  # noqa: FBT001 -- a fact about the value, not a switch
    if not isinstance(wanted, Bound):
        return value in wanted if isinstance(wanted, list) else value == wanted
    if wanted.present is not None and wanted.present != (is_sent and value not in (None, [], "")):
        return False
    if wanted.min is None and wanted.max is None:
        return True
    if not isinstance(value, int | float):
        return False
    return (wanted.min is None or value >= wanted.min) and (wanted.max is None or value <= wanted.max)


def check_rules(endpoint: Endpoint, body: Json) -> None:
    """Check every rule of the endpoint.

    Raises:
        InvalidRequest: One is broken; names the argument and what is allowed.
    """
    for rule in endpoint.rules:
        broken = _broken(endpoint, body, rule)
        if broken:
            name, message = broken
            raise InvalidRequest(message, field=said(endpoint, name), endpoint=endpoint.key)


def said(endpoint: Endpoint, name: str) -> str:
    """How a caller writes a parameter: the contract's argument, or `options.<name>`."""
    param = endpoint.params.get(name)
    return param.source[0] if param and param.source else f"options.{name}"


def _broken(endpoint: Endpoint, body: Json, rule: Rule) -> tuple[str, str] | None:
    """The parameter at fault and the sentence, or None when the rule is kept."""
    match rule:
        case OneOf() | NotTogether():
            return _broken_choice(endpoint, body, rule)
        case Needs():
            return _broken_need(endpoint, body, rule)
        case MaxTotal():
            total = sum(len(body.get(name, ())) for name in rule.params)
            if total > rule.limit:
                names = _words(endpoint, rule.params)
                return rule.params[0], f"{names} may hold {rule.limit} items together; {total} are given."
            return None
        case Only():
            return _broken_only(endpoint, body, rule)
        case _:
            assert_never(rule)


def _words(endpoint: Endpoint, names: Sequence[str]) -> str:
    return ", ".join(said(endpoint, name) for name in names)


def _broken_choice(endpoint: Endpoint, body: Json, rule: OneOf | NotTogether) -> tuple[str, str] | None:
    given = [name for name in rule.params if name in body]
    if len(given) > 1:
        return given[1], f"{_words(endpoint, given)} cannot be used together here."
    if not given and isinstance(rule, OneOf):
        return rule.params[0], f"one of {_words(endpoint, rule.params)} must be given."
    return None


def _broken_need(endpoint: Endpoint, body: Json, rule: Needs) -> tuple[str, str] | None:
    if (rule.param is not None and rule.param not in body) or any(name in body for name in rule.any_of):
        return None
    subject = said(endpoint, rule.param) if rule.param else "the endpoint"
    return rule.param or rule.any_of[0], f"{subject} needs one of {_words(endpoint, rule.any_of)} as well."


def _broken_only(endpoint: Endpoint, body: Json, rule: Only) -> tuple[str, str] | None:
    value = effective(endpoint, body, rule.param)
    if not holds(endpoint, body, rule.when) or value in rule.values:
        return None
    allowed = ", ".join(str(one) for one in rule.values)
    shown = " and ".join(f"{said(endpoint, name)} {_shown(wanted)}" for name, wanted in rule.when.items())
    return rule.param, f"{said(endpoint, rule.param)} {value} is not offered with {shown}; allowed: {allowed}."


def _shown(wanted: Any) -> str:
    """A condition in words."""
    if not isinstance(wanted, Bound):
        return " or ".join(str(one) for one in cast("list[Any]", wanted)) if isinstance(wanted, list) else str(wanted)
    given = {True: "given", False: "left out", None: ""}[wanted.present]
    least = "" if wanted.min is None else f"of at least {wanted.min:g}"
    most = "" if wanted.max is None else f"of at most {wanted.max:g}"
    return " ".join(word for word in (given, least, most) if word)
