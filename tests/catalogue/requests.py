"""Requests for any endpoint: the least that it takes."""

from typing import Any

from videogen_mcp.catalogue.schema import Endpoint
from videogen_mcp.catalogue.terms import Needs
from videogen_mcp.types import MEDIA_FIELDS, MODE_NEEDS, Json, Mode

PICTURE = "https://pictures.example/a.png"
OTHER = "https://pictures.example/b.png"


def medium(name: str, count: int = 1) -> Any:
    one = {"first_frame": PICTURE, "last_frame": OTHER}.get(name, f"https://{MEDIA_FIELDS[name]}s.example/{name}")
    return (one,) * count if name.startswith("reference_") else one


def least(endpoint: Endpoint, mode: Mode, **fields: Any) -> Json:
    """The least that a mode of an endpoint takes, with `fields`; what is no medium comes from its own example."""
    names = [next((one for one in group if endpoint.param_for(one)), group[0]) for group in MODE_NEEDS[mode]]
    names += [param.source[0] for param in endpoint.params.values() if param.required and param.source]
    given: Json = {"prompt": "A fox"} if endpoint.param_for("prompt") else {}
    for name in names:
        found = endpoint.param_for(name)
        if name in MEDIA_FIELDS:
            given[name] = medium(name, (found and found[1].min_items) or 1)
        elif found and name != "prompt":
            given[name] = endpoint.example[found[0]]
    options = {
        name: endpoint.example[name]
        for name, param in endpoint.params.items()
        if param.required and not param.source and param.const is None and param.preset is None
    }
    there = options.keys() | {name for name, param in endpoint.params.items() if given.keys() & set(param.source)}
    for rule in endpoint.rules:
        if isinstance(rule, Needs) and (rule.param is None or rule.param in there) and not there & set(rule.any_of):
            options |= {name: endpoint.example[name] for name in rule.any_of if name in endpoint.example}
    return given | fields | {"options": options | fields.get("options", {})}
