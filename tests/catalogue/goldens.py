"""The goldens (for every endpoint and mode a canonical request, the exact body, its price), and bodies read back."""

import json
from pathlib import Path
from typing import Any, cast, get_args

from videogen_mcp.catalogue.fit import frames_per_second, seconds_of
from videogen_mcp.catalogue.schema import Endpoint, Param
from videogen_mcp.types import LINES, MEDIA_FIELDS, Json, VideoRequest

DATA = Path(__file__).resolve().parent.parent / "data"
FILES = (DATA / "goldens.json", *sorted((DATA / "goldens").glob("*.json")))
GOLDENS = [golden for file in FILES for golden in cast("list[Json]", json.loads(file.read_text(encoding="utf-8")))]
LISTS = {name for name in MEDIA_FIELDS if get_args(VideoRequest.model_fields[name].annotation) == (str, ...)}


def in_json(value: Any) -> str:
    """Types count: 5, 5.0, "5" and true are four values."""
    return json.dumps(value, sort_keys=True)


def request_of(endpoint: Endpoint, body: Json) -> VideoRequest:
    """The request that a body stands for: through `from` where the contract has the word, else through options."""
    fields: Json = {"options": {}}
    for name, value in body.items():
        param = endpoint.params.get(name, Param())
        if value is not None and param.const is None and not _take(fields, endpoint, param, value, body):
            fields["options"][name] = value
    return VideoRequest.model_validate(fields)


def _take(fields: Json, endpoint: Endpoint, param: Param, value: Any, body: Json) -> bool:
    """Write a value into the contract's arguments; false where they cannot carry it."""
    if not param.source:
        return False
    if set(param.source) & set(MEDIA_FIELDS):
        bare = _bare(param, value)
        if bare is not None:
            _take_media(fields, param, bare)
        return bare is not None
    name = param.source[0]
    if name == "duration":
        value = _seconds(endpoint, param, value, body)
    elif name == "resolution":
        # A tier that the contract has no word for (`512P`) goes through options.
        value = value.lower() if value.lower() in LINES else None
    elif name == "aspect_ratio" and value != "auto" and ":" not in value:
        value = None
    if value is None:
        return False
    fields[name] = value
    return True


def _seconds(endpoint: Endpoint, param: Param, value: Any, body: Json) -> float | None:
    if param.per_second is not None:
        return (value - param.plus) / frames_per_second(endpoint, param, body)
    return seconds_of(value, param) or None


def _bare(param: Param, value: Any) -> Any:
    """Media without the objects they stand in; None where an object says more than the contract can."""
    if param.item is None:
        return value
    place = next(name for name, template in param.item.items() if template == "{medium}")
    items = list(cast("list[Json]", value)) if isinstance(value, list) else [cast("Json", value)]
    media = [str(one[place]) for one in items]
    if [param.on_the_wire(medium, number) for number, medium in enumerate(media, 1)] != items:
        return None
    return media if isinstance(value, list) else media[0]


def _take_media(fields: Json, param: Param, value: Any) -> None:
    items = list(cast("list[str]", value)) if isinstance(value, list) else [value]
    for number, source in enumerate(param.source):
        is_last = number == len(param.source) - 1
        if source in LISTS:
            fields[source] = [*fields.get(source, []), *items]
            return
        if items:
            fields[source] = items.pop(0)
        if is_last:
            assert not items, f"{param.source} cannot hold {value}"
