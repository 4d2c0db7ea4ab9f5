"""The catalogue against its sources: every difference stands in tests/data/decisions.toml with a reason."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any, cast

import jsonschema
import pytest
from tests.catalogue.decisions import DECISIONS, Decision, is_decided
from tests.catalogue.facts import LIMITS, NO_LIMIT, Comparison, Difference, compare, facts, json_schema, read
from tests.catalogue.goldens import GOLDENS

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.catalogue.fit import lines_of, seconds_of
from videogen_mcp.catalogue.schema import Endpoint, Param
from videogen_mcp.catalogue.terms import MaxTotal, Needs, NotTogether, OneOf, Price, Rule
from videogen_mcp.types import Json

CATALOGUE = load_catalogue()
ENDPOINTS = {endpoint.key: endpoint for endpoint in CATALOGUE.endpoints if endpoint.gateway != "local"}


def unexplained(differences: list[Difference]) -> list[str]:
    return [str(one) for one in differences if not any(decision.covers(one) for decision in DECISIONS)]


# Endpoints.


@cache
def missing_and_unknown() -> list[Difference]:
    missing = [Difference(key, "", "endpoint", "there", None) for key in facts() if key not in ENDPOINTS]
    unknown = [Difference(key, "", "endpoint", None, "there") for key in ENDPOINTS if key not in facts()]
    nameless = [
        Difference(f"fal:{one['of']}#{one['name']}", "", "endpoint", "there", None)
        for one in read("fal_endpoints")["other_schemas"]
        if "endpoint" not in one and "Request" in one["name"]  # the others are parts of a request
    ]
    return missing + unknown + nameless


def test_the_catalogue_holds_the_endpoints_of_the_sources_and_no_others() -> None:
    assert unexplained(missing_and_unknown()) == []


# Parameters: names, types, required, defaults, values, limits.


@cache
def comparison(key: str) -> Comparison:
    return compare(ENDPOINTS[key], facts()[key])


KNOWN = [key for key in facts() if key in ENDPOINTS]


@pytest.mark.parametrize("key", KNOWN)
def test_parameters_are_those_of_the_source(key: str) -> None:
    assert unexplained(comparison(key).differences) == []


def test_every_word_for_a_limit_is_understood() -> None:
    words = {
        limit
        for fact in facts().values()
        for statement in fact.statements
        for one in statement.values()
        for limit in one.get("limits", {})
    }
    assert words - set(LIMITS) - NO_LIMIT == set()


WRONG: dict[str, tuple[str, Json]] = {
    "type": ("cfg_scale", {"type": "integer"}),
    "required": ("prompt", {"required": True}),
    "default": ("duration", {"default": "10"}),
    "enum": ("aspect_ratio", {"values": ("16:9", "9:16")}),
    "limit": ("start_image_url", {"max_megabytes": 11.0}),
}


@pytest.mark.parametrize("what", WRONG)
def test_the_comparison_can_fail(what: str) -> None:
    name, change = WRONG[what]
    key = (
        "fal:fal-ai/kling-video/o1/image-to-video" if what == "limit" else "fal:fal-ai/kling-video/v3/pro/text-to-video"
    )
    params = ENDPOINTS[key].params
    wrong = ENDPOINTS[key].model_copy(update={"params": params | {name: params[name].model_copy(update=change)}})
    (found,) = compare(wrong, facts()[key]).differences
    assert (found.endpoint, found.parameter, found.what) == (key, name, what)


@pytest.mark.parametrize("name", ["duration", "imagined"])
def test_a_parameter_too_few_or_too_many_is_found(name: str) -> None:
    key = "fal:fal-ai/kling-video/v3/pro/text-to-video"
    params = dict(ENDPOINTS[key].params)
    if params.pop(name, None) is None:
        params[name] = Param()
    (found,) = compare(ENDPOINTS[key].model_copy(update={"params": params}), facts()[key]).differences
    assert (found.parameter, found.what) == (name, "parameter")


# Modes and rules between parameters.

MODES = {"first-last-frame-to-video": "first_last_frame"}


def stated_modes() -> Iterator[tuple[str, str]]:
    for one in read("fal_endpoints")["endpoints"]:
        yield f"fal:{one['id']}", one["mode"]
    for one in read("mountsea_models")["models"]:
        yield f"mountsea:{one['id']}", one["mode"]
    for one in read("canvas_node")["contracts"]:
        for endpoint_id in one["endpoints"]:
            (mode,) = {mode for mode in one["modes"] if len(one["modes"]) == 1 or mode in endpoint_id}
            yield f"fal:{endpoint_id}", mode
    for mode, models in read("novakit")["models"].items():
        for one in models:
            yield f"novakit:{one['id']}", mode


def mode_differences() -> list[Difference]:
    return [
        Difference(key, "", "mode", mode, ENDPOINTS[key].modes)
        for key, mode in stated_modes()
        if key in ENDPOINTS and MODES.get(mode, mode.replace("-", "_")) not in ENDPOINTS[key].modes
    ]


def test_every_stated_mode_is_offered() -> None:
    assert unexplained(mode_differences()) == []


def keeps(endpoint: Endpoint, constraint: Json) -> bool:
    """Whether a constraint from the prose of seed 003 is a rule, a limit or a list of values in the catalogue."""
    match constraint:
        case {"resolution_cap": highest}:
            return endpoint.params["resolution"].values[-1] == highest
        case {"input_video_seconds": {"min": shortest, "max": longest}}:
            found = endpoint.param_for("source_video")
            return found is not None and (found[1].min_seconds, found[1].max_seconds) == (shortest, longest)
        case {"note": _} | {"billing": _}:
            return True
        case _:
            return any(says(rule, constraint) for rule in endpoint.rules)


def says(rule: Rule, constraint: Json) -> bool:
    match constraint, rule:
        case {"exactly_one_of": names}, OneOf():
            return set(rule.params) == set(names)
        case {"mutually_exclusive": names}, OneOf() | NotTogether():
            return set(rule.params) == set(names)
        case {"if_present": name, "requires_any_of": names}, Needs():
            return rule.param == name and set(rule.any_of) == set(names)
        case {"max_total_files": limit, "across": names}, MaxTotal():
            return rule.limit == limit and set(rule.params) == set(names)
        case _:
            return False


def constraint_differences() -> Iterator[Difference]:
    for model in read("mountsea_models")["models"]:
        for key in (f"mountsea:{model['id']}", f"fal:{model['fal_endpoint_id']}"):
            for constraint in model["constraints"]:
                if key in ENDPOINTS and not keeps(ENDPOINTS[key], constraint):
                    yield Difference(key, "", "rule", constraint, None)


def test_every_stated_constraint_is_kept() -> None:
    assert unexplained(list(constraint_differences())) == []


@pytest.mark.parametrize("endpoint_id", read("fal_schemas_extra")["delisted_candidates"])
def test_what_may_be_gone_is_not_chosen_by_itself(endpoint_id: str) -> None:
    endpoint = ENDPOINTS.get(f"fal:{endpoint_id}")
    assert endpoint is None or endpoint.status == "delisted"


# Prices.


@cache
def recorded_prices() -> list[Json]:
    return [one for name in ("prices", "prices_found") for one in read(name)["prices"]]


def price_facts(endpoint: Endpoint) -> list[Json]:
    """The price facts of an endpoint; one for an id that is none itself holds for everything below it."""
    return [
        one
        for one in recorded_prices()
        if one["gateway"] == "fal"
        and one["usd"] != "unknown"
        and (
            one["endpoint_id"] == endpoint.id
            or (f"fal:{one['endpoint_id']}" not in ENDPOINTS and endpoint.id.startswith(one["endpoint_id"] + "/"))
        )
    ]


Figure = tuple[str, Decimal]


def lengths_of(endpoint: Endpoint) -> list[Decimal]:
    found = endpoint.param_for("duration")
    values = [seconds_of(value, found[1], endpoint) for value in found[1].values] if found else []
    return [Decimal(str(value)) for value in (*values, endpoint.fixed.duration) if value]


def thousand_tokens_of_a_frame(endpoint: Endpoint) -> set[Decimal]:
    """A price per token becomes one per frame where the caller counts the length in frames."""
    found = endpoint.param_for("resolution")
    lines = {lines_of(str(value)) for value in found[1].values} if found else set[int | None]()
    return {Decimal(line * line * 16) / 9 / 1024 / 1000 for line in lines if line}


def ways(one: Json, all_of_endpoint: list[Json], endpoint: Endpoint) -> set[Figure]:
    """The rows in which a price fact may be written."""
    usd = Decimal(str(one["usd"]))
    match one["unit"]:
        case "second":
            return {("second", usd)} | {("video", usd * length) for length in lengths_of(endpoint)}
        case "video" | "video_96frames":
            return {("video", usd)}
        case "video_5s":
            return {("video", usd), ("second", usd / 5)}
        case "extra_second":
            first = [Decimal(str(other["usd"])) for other in all_of_endpoint if other["unit"] == "video_5s"]
            longer = {("video", base + usd * (length - 5)) for base in first for length in lengths_of(endpoint)}
            return longer | {("second", usd)}
        case "1k_tokens" | "1m_tokens":
            usd = usd if one["unit"] == "1k_tokens" else usd / 1000
            return {("thousand_tokens", usd)} | {
                ("video", usd * tokens) for tokens in thousand_tokens_of_a_frame(endpoint)
            }
        case unit:
            raise AssertionError(unit)


def figures_of(row: Price) -> set[Figure]:
    """What a row can amount to: its figures, and those times a factor of its own."""
    bases = {row.usd, row.high_usd or row.usd}
    return {(row.per, base) for base in bases} | {
        (row.per, base * factor.by) for base in bases for factor in row.multiply
    }


FACTOR = re.compile(r"\bx ?(\d+(?:\.\d+)?)|exactly (double)")
NUMBER = re.compile(r"\d+\.\d+")


def derivable(endpoint: Endpoint) -> set[Figure]:
    """Every figure that the facts give for an endpoint, also times a factor that they state in words."""
    known = price_facts(endpoint)
    found: set[Figure] = set()
    for one in known:
        factors = [Decimal(number or 2) for number, _ in FACTOR.findall(one["conditions"])]
        for per, usd in ways(one, known, endpoint):
            found |= {(per, usd)} | {(per, usd * factor) for factor in factors}
        found |= {(one["unit"], Decimal(number)) for number in NUMBER.findall(one["conditions"])}
    for one in read("successors")["entries"]:
        if one["endpoint_id"] == endpoint.id:
            figures = [Decimal(number) for number in NUMBER.findall(one.get("price", ""))]
            found |= {(per, usd) for usd in figures for per in ("second", "video", "thousand_tokens")}
    return found


def is_quoted(one: Json) -> bool:
    """Whether it is somebody's price: what was reckoned from the token formula comes out of that row again."""
    return "not a quoted price" not in one["conditions"]


def price_differences(endpoint: Endpoint) -> Iterator[Difference]:
    """Both ways; the figure stands where otherwise the parameter does, so that an exception covers that one only."""
    for one in price_facts(endpoint):
        if one["endpoint_id"] == endpoint.id and is_quoted(one) and not has_row(endpoint, one):
            yield Difference(endpoint.key, f"{one['usd']} per {one['unit']}", "price", one["conditions"], None)
    allowed = derivable(endpoint)
    for figure in {(row.per, usd) for row in endpoint.prices for usd in (row.usd, row.high_usd or row.usd)}:
        if figure not in allowed:
            yield Difference(endpoint.key, f"{figure[1]} per {figure[0]}", "price", None, "there")


def has_row(endpoint: Endpoint, one: Json) -> bool:
    rows = {figure for row in endpoint.prices for figure in figures_of(row)}
    return bool(ways(one, price_facts(endpoint), endpoint) & rows)


FAL = [endpoint for endpoint in ENDPOINTS.values() if endpoint.gateway == "fal"]


@pytest.mark.parametrize("endpoint", FAL, ids=lambda endpoint: endpoint.id)
def test_prices_are_those_of_the_source(endpoint: Endpoint) -> None:
    assert unexplained(list(price_differences(endpoint))) == []


def test_a_wrong_price_is_found_both_ways() -> None:
    endpoint = ENDPOINTS["fal:fal-ai/minimax/hailuo-2.3/standard/text-to-video"]
    first, *others = endpoint.prices
    wrong = endpoint.model_copy(update={"prices": (first.model_copy(update={"usd": Decimal("0.29")}), *others)})
    assert {one.parameter for one in price_differences(wrong)} == {"0.28 per video", "0.29 per video"}


def homeless_prices() -> list[Difference]:
    """Prices of ids whose exact path nobody verified: at least one endpoint below must have the row."""
    return [
        Difference(f"fal:{one['endpoint_id']}", f"{one['usd']} per {one['unit']}", "price", one["conditions"], None)
        for one in recorded_prices()
        # One whose endpoint is missing altogether is told above.
        if one["gateway"] == "fal" and one["usd"] != "unknown" and f"fal:{one['endpoint_id']}" not in facts()
        if not any(has_row(endpoint, one) for endpoint in FAL if one in price_facts(endpoint))
    ]


def test_every_price_has_an_endpoint() -> None:
    assert unexplained(homeless_prices()) == []


# The bodies that are sent, against the sources.


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: f"{golden['endpoint']}-{golden['mode']}")
def test_golden_body_is_valid_for_the_source(golden: Json) -> None:
    fact = facts().get(golden["endpoint"])
    if fact is None or not fact.statements or golden["endpoint"].startswith("novakit:"):
        return  # nothing is known but the id, or one table serves all models
    checks = ("parameter", "type", "enum", "limit")
    body = {
        name: value
        for name, value in golden["body"].items()
        if not any(is_decided(golden["endpoint"], name, what) for what in checks)
    }
    errors = cast("Any", jsonschema.Draft202012Validator(json_schema(fact))).iter_errors(body)
    assert [error.message for error in errors] == []


# The decisions, and the sum.


@cache
def all_differences() -> list[Difference]:
    return [
        *missing_and_unknown(),
        *(one for key in KNOWN for one in comparison(key).differences),
        *mode_differences(),
        *constraint_differences(),
        *(one for endpoint in FAL for one in price_differences(endpoint)),
        *homeless_prices(),
    ]


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda one: f"{one.endpoint} {one.parameter} {one.what}")
def test_every_decision_is_still_needed(decision: Decision) -> None:
    assert decision.reason.endswith(".")
    assert any(decision.covers(one) for one in all_differences()), "nothing differs there any more: take it out"


AT_LEAST = {
    "endpoints": 310,
    "parameter": 2300,
    "type": 2300,
    "required": 2200,
    "default": 2100,
    "enum": 4700,
    "limit": 470,
}


def test_how_much_was_compared() -> None:
    counts: Counter[str] = Counter(endpoints=len(KNOWN))
    for key in KNOWN:
        counts += comparison(key).counts
    rows = sum(len(endpoint.prices) for endpoint in FAL)
    excepted = sum(1 for one in all_differences() if not unexplained([one]))
    print(  # noqa: T201 -- pytest -s shows it
        json.dumps(dict(counts) | {"price rows": rows, "exceptions": len(DECISIONS), "differences excepted": excepted})
    )
    assert {name: counts[name] for name, least in AT_LEAST.items() if counts[name] < least} == {}
