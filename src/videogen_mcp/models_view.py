"""The catalogue as callers see it (public contract, §4.3)."""

from collections.abc import Mapping
from dataclasses import asdict
from itertools import groupby
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from videogen_mcp.catalogue import Catalogue
from videogen_mcp.catalogue.schema import Endpoint, Model
from videogen_mcp.catalogue.terms import Price
from videogen_mcp.errors import NotFound
from videogen_mcp.live import Checked
from videogen_mcp.selection.eligibility import GatewayState
from videogen_mcp.types import Json, Mode, told_names


class ModelsView(BaseModel):
    """Either the list of models and gateways, or one model in full."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: list[Json] = Field(
        default=[], description="The list: model, provider, modes, endpoints, price, configured."
    )
    gateways: list[Json] = Field(default=[], description="name, configured, env, healthy, note.")
    model: str = Field(default="", description="With `name`: the model.")
    provider: str = ""
    title: str = ""
    note: str = ""
    ratings: list[Json] = []
    endpoints: list[Json] = Field(default=[], description="Parameters as JSON Schema, prices, a working example.")


def models_view(
    catalogue: Catalogue,
    gateways: Mapping[str, GatewayState],
    *,
    mode: Mode | None = None,
    provider: str | None = None,
    gateway: str | None = None,
    configured_only: bool = False,
) -> Json:
    """All models that pass the filters, and all gateways."""
    entries: list[Json] = []
    for model in catalogue.models.values():
        endpoints = [
            endpoint
            for endpoint in catalogue.of_model(model.id)
            if (mode is None or mode in endpoint.modes)
            and (gateway is None or endpoint.gateway == gateway)
            and (not configured_only or gateways[endpoint.gateway].ready)
        ]
        if endpoints and provider in {None, model.provider}:
            entries.append(_model_entry(model, endpoints, gateways))
    return {"models": entries, "gateways": [_gateway_entry(name, state) for name, state in gateways.items()]}


def model_view(catalogue: Catalogue, gateways: Mapping[str, GatewayState], name: str) -> Json:
    """One model with its endpoints, parameters, prices and examples.

    Raises:
        NotFound: The catalogue has no such model.
    """
    model = catalogue.models.get(name)
    if model is None:
        raise NotFound(f"There is no model {name!r}; {told_names(name, catalogue.models)}.", field="name")
    return {
        "model": model.id,
        "provider": model.provider,
        "title": model.title,
        "note": model.note,
        "ratings": [one.model_dump(mode="json") for one in model.ratings],
        "endpoints": [_endpoint_entry(endpoint, gateways) for endpoint in catalogue.of_model(name)],
    }


def _model_entry(model: Model, endpoints: list[Endpoint], gateways: Mapping[str, GatewayState]) -> Json:
    modes = dict.fromkeys(mode for endpoint in endpoints for mode in endpoint.modes)
    return {
        "model": model.id,
        "provider": model.provider,
        "modes": list(modes),
        "endpoints": [endpoint.key for endpoint in endpoints],
        "price": price_line(endpoints[0].prices),
        "configured": any(gateways[endpoint.gateway].ready for endpoint in endpoints),
    }


def _gateway_entry(name: str, state: GatewayState) -> Json:
    notes = {
        (True, True): "",
        (True, False): f"set {state.key_variable} to use it",
        (False, True): "its key is set, but this version cannot use it yet",
        (False, False): "this version cannot use it yet",
    }
    note = "draws free animatics on this machine" if state.key_variable is None else ""
    return {
        "name": name,
        "configured": state.configured,
        "env": state.key_variable,
        "healthy": state.supported and not state.cool_off,
        "note": note or state.cool_off or notes[state.supported, state.configured],
    }


def _endpoint_entry(endpoint: Endpoint, gateways: Mapping[str, GatewayState]) -> Json:
    return {
        "endpoint": endpoint.key,
        "modes": list(endpoint.modes),
        "status": endpoint.status,
        "configured": gateways[endpoint.gateway].ready,
        "parameters": endpoint.json_schema(),
        "always": endpoint.fixed.model_dump(exclude_none=True),
        "rules": [rule.model_dump(mode="json", exclude_none=True) for rule in endpoint.rules],
        "prices": [_price_entry(price) for price in endpoint.prices],
        "source": endpoint.source,
        "checked": endpoint.checked.isoformat(),
        "note": endpoint.note,
        "example": endpoint.example,
    }


def _price_entry(price: Price) -> Json:
    return {
        "usd": float(price.usd),
        "high_usd": None if price.high_usd is None else float(price.high_usd),
        "per": price.per,
        "when": _plain(price.when),
        "source": price.source,
        "date": None if price.dated is None else price.dated.isoformat(),
        "confidence": price.confidence,
        "note": price.note,
    }


def _plain(conditions: Mapping[str, Any]) -> Json:
    return {
        name: value.model_dump(exclude_none=True) if isinstance(value, BaseModel) else value
        for name, value in conditions.items()
    }


def price_line(prices: tuple[Price, ...]) -> str:
    """A price table in a clause: its lowest and highest figure for the first unit."""
    if not prices:
        return "unknown"
    unit = prices[0].per
    figures = sorted(price.usd for price in prices if price.per == unit)
    if figures[-1] == 0:
        return "free"
    span = f"${figures[0].normalize():f}" + (f"-{figures[-1].normalize():f}" if figures[0] != figures[-1] else "")
    return f"{span} per {unit.replace('_', ' ')}"


def models_text(view: Json) -> str:
    """The list in a line per model."""
    lines = [
        f"{'*' if one['configured'] else '-'} {one['model']} ({one['provider']}): "
        f"{', '.join(one['modes'])}; {one['price']}"
        for one in view["models"]
    ] or ["no model fits these filters"]
    missing = [f"{one['env']} for {one['name']}" for one in view["gateways"] if one["env"] and not one["configured"]]
    lines.append("* can be used now" + (f"; not set: {', '.join(missing)}" if missing else ""))
    lines.append("next: video_models with name=<model> shows its parameters, prices and an example.")
    return "\n".join(lines)


def model_text(view: Json) -> str:
    """One model: per endpoint its parameters with type, values and default, and its prices."""
    lines = [f"{view['title']} ({view['model']}), by {view['provider']}. {view['note']}".strip()]
    for endpoint in view["endpoints"]:
        lines.append(f"{endpoint['endpoint']}: {', '.join(endpoint['modes'])}; {endpoint['status']}")
        required = endpoint["parameters"]["required"]
        for name, schema in endpoint["parameters"]["properties"].items():
            lines.append(f"  {name}{' (required)' if name in required else ''}: {_schema_line(schema)}")
        lines += [
            f"  ${price['usd']:g} per {price['per'].replace('_', ' ')} {price['when'] or ''} ({price['source']})"
            for price in endpoint["prices"]
        ] or ["  price unknown"]
    return "\n".join(lines)


def _schema_line(schema: Json) -> str:
    parts = [str(schema.get("type", "any"))]
    if "enum" in schema:
        parts.append("one of " + ", ".join(str(value) for value in schema["enum"]))
    if "default" in schema:
        parts.append(f"default {schema['default']}")
    return "; ".join([*parts, *([schema["description"]] if schema.get("description") else [])])


def endpoints_to_check(catalogue: Catalogue, name: str) -> tuple[Endpoint, ...]:
    """A model's endpoints at fal, whose prices and contracts can be asked for.

    Raises:
        NotFound: There is no such model, or fal does not serve it.
    """
    if name not in catalogue.models:
        raise NotFound(f"There is no model {name!r}; {told_names(name, catalogue.models)}.", field="name")
    found = tuple(endpoint for endpoint in catalogue.of_model(name) if endpoint.gateway == "fal")
    if not found:
        raise NotFound(f"Model {name} is not at fal; only fal's prices and contracts can be checked.", field="name")
    return found


def check_view(checked: Checked) -> Json:
    """What a look at live prices and contracts found."""
    return {
        "checked": len(checked.endpoints),
        "priced": checked.prices,
        "differences": [asdict(one) for one in checked.differences],
        "unanswered": dict(checked.unanswered),
    }


def check_text(view: Json) -> str:
    """The differences by endpoint, a line each."""
    lines: list[str] = []
    for endpoint, group in groupby(view["differences"], key=lambda one: one["endpoint"]):
        lines += [endpoint, *(f"  {one['kind']}: {one['sentence']}" for one in group)]
    lines += [f"{endpoint}: not checked. {why}" for endpoint, why in view["unanswered"].items()]
    return "\n".join([*lines, check_summary(view)])


def check_summary(view: Json) -> str:
    """How much was looked at and found, in one sentence."""
    found = len(view["differences"])
    differing = len({one["endpoint"] for one in view["differences"]})
    told = f"{_counted(found, 'difference')} at {_counted(differing, 'endpoint')}" if found else "nothing differs"
    rest = f"; {_counted(len(view['unanswered']), 'contract')} could not be had" if view["unanswered"] else ""
    looked_at = f"{_counted(view['checked'], 'endpoint')} checked, {_counted(view['priced'], 'price')} read"
    return f"{looked_at}: {told}{rest}."


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
