"""Every rule that stands in the catalogue: a body that breaks it is refused with the argument's name, others pass."""

from typing import Any

import pytest

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.catalogue.rules import check_rules, effective, holds, said
from videogen_mcp.catalogue.schema import Endpoint, Param
from videogen_mcp.catalogue.terms import Bound, Conditions, MaxTotal, Needs, NotTogether, OneOf, Only, Rule
from videogen_mcp.errors import InvalidRequest
from videogen_mcp.types import Json

CATALOGUE = load_catalogue()
RULES = [(endpoint, rule) for endpoint in CATALOGUE.endpoints for rule in endpoint.rules]
NAMES = [f"{endpoint.key}-{number}-{rule.kind}" for number, (endpoint, rule) in enumerate(RULES)]

PICTURE = "https://pictures.example/a.png"


def something(param: Param, *, other_than: tuple[Any, ...] = ()) -> Any:
    """A value of the right type, if there is one besides those."""
    candidates: dict[str, tuple[Any, ...]] = {
        "string": (PICTURE, "another"),
        "integer": (param.minimum or 7, param.maximum or 8),
        "number": (param.minimum or 0.5, param.maximum or 0.25),
        "boolean": (True, False),
        "array": ([PICTURE],),
        "object": ({},),
    }
    offered = param.values or candidates[param.type]
    return next(one for one in offered if one not in other_than)


def fulfilling(endpoint: Endpoint, conditions: Conditions) -> Json:
    """A body in which the conditions hold."""
    body: Json = {}
    for name, wanted in conditions.items():
        if not isinstance(wanted, Bound):
            value = wanted[0] if isinstance(wanted, list) else wanted
        elif wanted.min is not None or wanted.max is not None:
            value = wanted.min if wanted.min is not None else wanted.max
        elif wanted.present:
            value = something(endpoint.params[name])
        else:
            continue
        if effective(endpoint, body, name) != value or isinstance(wanted, Bound):
            body[name] = value
    return body


def breaking(endpoint: Endpoint, rule: Rule) -> list[tuple[Json, str]]:
    """Bodies that break the rule, each with the parameter that must be named."""
    values = {name: something(param) for name, param in endpoint.params.items()}
    match rule:
        case OneOf(params=names):
            return [({}, names[0]), *((pair(values, names[0], other), other) for other in names[1:])]
        case NotTogether(params=names):
            return [(pair(values, names[0], other), other) for other in names[1:]]
        case Needs(param=None, any_of=names):
            return [({}, names[0])]
        case Needs(param=name):
            return [({str(name): values[str(name)]}, str(name))]
        case MaxTotal(params=names, limit=limit):
            return [({name: [PICTURE] * (limit + 1)}, names[0]) for name in names] + [
                ({names[0]: [PICTURE] * limit, names[1]: [PICTURE]}, names[0])
            ]
        case Only(param=name, values=allowed):
            body = fulfilling(endpoint, rule.when)
            return [(body | {name: something(endpoint.params[name], other_than=allowed)}, name)]


def pair(values: Json, first: str, second: str) -> Json:
    return {first: values[first], second: values[second]}


def keeping(endpoint: Endpoint, rule: Rule) -> Json:
    values = {name: something(param) for name, param in endpoint.params.items()}
    match rule:
        case OneOf(params=names) | NotTogether(params=names) | Needs(param=None, any_of=names):
            return {names[0]: values[names[0]]}
        case Needs(param=name, any_of=names):
            return pair(values, str(name), names[0])
        case MaxTotal(params=names, limit=limit):
            return {names[0]: [PICTURE] * limit}
        case Only(param=name, values=allowed):
            return fulfilling(endpoint, rule.when) | {name: allowed[0]}


@pytest.mark.parametrize(("endpoint", "rule"), RULES, ids=NAMES)
def test_what_breaks_a_rule_is_refused_by_name(endpoint: Endpoint, rule: Rule) -> None:
    alone = endpoint.model_copy(update={"rules": (rule,)})
    for body, name in breaking(endpoint, rule):
        if isinstance(rule, Only):
            assert holds(endpoint, body, rule.when), body
        with pytest.raises(InvalidRequest) as caught:
            check_rules(alone, body)
        assert caught.value.field == said(endpoint, name)
        assert said(endpoint, name) in str(caught.value)
        with pytest.raises(InvalidRequest):
            check_rules(endpoint, body)


@pytest.mark.parametrize(("endpoint", "rule"), RULES, ids=NAMES)
def test_what_keeps_a_rule_passes(endpoint: Endpoint, rule: Rule) -> None:
    check_rules(endpoint.model_copy(update={"rules": (rule,)}), keeping(endpoint, rule))


@pytest.mark.parametrize("endpoint", CATALOGUE.endpoints, ids=lambda endpoint: endpoint.key)
def test_examples_keep_all_rules(endpoint: Endpoint) -> None:
    check_rules(endpoint, endpoint.example)


def test_there_are_rules_of_every_kind() -> None:
    assert {rule.kind for _, rule in RULES} == {"one_of", "not_together", "needs", "max_total", "only"}
