"""What HeyGen's calls take, checked field by field as the sources describe them (tests/data/facts)."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from tests.standins.reach import LOOPBACK, is_reachable

Json = dict[str, Any]

FACTS = Path(__file__).resolve().parent.parent / "data" / "facts"
PATHS_WITH_VARIANTS = {"/v3/models/videos": "mode", "/v3/videos": "type"}
MEDIUM_NAMES = {"image", "references", "files", "reference_images", "reference_videos", "reference_audio"}
MEDIUM_FIELDS = {"url": {"url"}, "asset_id": {"asset_id"}, "base64": {"media_type", "data"}}
MOST_REFERENCES = 12
MOST_FILES = 20
MOST_AGENT_PROMPT = 10_000


@dataclass(frozen=True)
class Finding:
    """What is wrong with a body: the field, in words, and HeyGen's code for it."""

    field: str
    message: str
    code: str = "invalid_parameter"
    status: int = 400


@cache
def v3_parameters() -> Mapping[str, list[Json]]:
    """The parameters of every v3 call, by endpoint id."""
    document = cast("Json", json.loads((FACTS / "heygen_v3_models.json").read_text(encoding="utf-8")))
    return {entry["id"]: entry["parameters"] for entry in document["requests"]}


@cache
def workflow_parameters() -> list[Json]:
    """The parameters of the v1 workflow node's `input`."""
    document = cast("Json", json.loads((FACTS / "heygen.json").read_text(encoding="utf-8")))
    fields = cast("list[Json]", document["request_fields"])
    return [{**one, "name": one["name"].removeprefix("input.")} for one in fields if one["name"].startswith("input.")]


class Validation:
    """One pass over one body.

    Args:
        own_origin: Where the stand-in serves files; addresses there must exist.
        served: Whether an address of the stand-in exists.
        stored: Whether an asset id exists.
    """

    def __init__(self, own_origin: str, served: Callable[[str], bool], stored: Callable[[str], bool]) -> None:
        self._own_origin = own_origin
        self._served = served
        self._stored = stored
        self.findings: list[Finding] = []

    def add(self, field: str, message: str, **more: Any) -> None:
        self.findings.append(Finding(field, message, **more))

    def workflow(self, body: Any) -> None:
        """Check a body of v1."""
        if not isinstance(body, dict):
            self.add("", "A JSON object is needed")
            return
        envelope = cast("Json", body)
        if envelope.get("workflow_type") != "GenerateVideoNode":
            self.add("workflow_type", "Input should be 'GenerateVideoNode'")
        for name in envelope:
            # The real one may ignore it: a misspelt name must fail a test.
            if name not in {"workflow_type", "input"}:
                self.add(name, "Extra inputs are not permitted")
        if not isinstance(envelope.get("input"), dict):
            self.add("input", "Field required")
            return
        self.fields(envelope["input"], workflow_parameters(), "input.")
        for name in ("reference_image_url", "tail_image_url"):
            if isinstance(envelope["input"].get(name), str):
                self.url(envelope["input"][name], f"input.{name}")

    def v3(self, path: str, body: Any) -> None:
        """Check a body of v3: which call it is, then its fields, then what they may not be together."""
        if not isinstance(body, dict):
            self.add("", "A JSON object is needed")
            return
        values = cast("Json", body)
        variant = PATHS_WITH_VARIANTS.get(path)
        endpoint = path[1:] if variant is None else f"{path[1:]}/{values.get(variant)}"
        parameters = v3_parameters().get(endpoint)
        if parameters is None:
            self.add(variant or "", "Input tag does not match any of the expected tags")
            return
        self.fields(values, parameters, "")
        if not self.findings:
            self._together(endpoint, values)

    def _together(self, endpoint: str, values: Json) -> None:
        if endpoint.endswith("/reference_to_video"):
            names = ("reference_images", "reference_videos", "reference_audio")
            images, videos, sounds = (len(values.get(name, "")) for name in names)
            if not images + videos:
                self.add("reference_images", "At least one image or video reference is needed")
            if images + videos + sounds > MOST_REFERENCES:
                self.add("reference_images", f"At most {MOST_REFERENCES} references in total")
        if values.get("script") is not None and (values.get("audio_url") or values.get("audio_asset_id")):
            self.add("script", "Mutually exclusive with audio_url and audio_asset_id")
        is_large = endpoint.startswith("v3/models/") and values.get("resolution") in {"1080p", "2k"}
        if is_large and "image" not in values and values.get("aspect_ratio") not in {"16:9", "9:16"}:
            self.add("aspect_ratio", "1080p and 2k need 16:9 or 9:16")
        if endpoint == "v3/video-agents" and not 1 <= len(values["prompt"]) <= MOST_AGENT_PROMPT:
            self.add("prompt", f"String should have 1 to {MOST_AGENT_PROMPT} characters")
        if len(values.get("files", "")) > MOST_FILES:
            self.add("files", f"At most {MOST_FILES} files")
        for scene in values.get("scenes", ()):
            if "source" in scene:
                self.medium(scene["source"], "scenes.source")

    def fields(self, values: Json, parameters: list[Json], place: str) -> None:
        known = {parameter["name"]: parameter for parameter in parameters}
        for name, parameter in known.items():
            if name in values:
                self.value(values[name], parameter, f"{place}{name}")
            elif parameter["required"]:
                self.add(f"{place}{name}", "Field required")
        for name in values:
            if name not in known:
                self.add(f"{place}{name}", "Extra inputs are not permitted")

    def value(self, value: Any, parameter: Json, place: str) -> None:
        kind = parameter["type"]
        if not TYPES[kind](value):
            self.add(place, f"Input should be a valid {kind}")
            return
        if "enum" in parameter and parameter.get("closed_enum", True) and value not in parameter["enum"]:
            self.add(place, f"Input should be one of {', '.join(parameter['enum'])}")
        self._limits(value, parameter.get("limits", {}), place)
        if place.rpartition(".")[2] in MEDIUM_NAMES:
            for one in cast("list[Any]", value) if isinstance(value, list) else [value]:
                self.medium(one, place)
        elif "fields" in parameter:
            self.fields(value, parameter["fields"], f"{place}.")
        elif kind == "string" and place.endswith("audio_url"):
            self.url(value, place)
        elif kind == "string" and place.endswith("asset_id") and not self._stored(value):
            self.add(place, f"Asset {value} not found", code="asset_not_found", status=404)

    def _limits(self, value: Any, limits: Json, place: str) -> None:
        size: Any = len(cast("str | list[Any]", value)) if isinstance(value, (str, list)) else value
        least, most = (limits.get(next((n for n in limits if n.startswith(side)), "")) for side in ("min", "max"))
        if least is not None and size < least:
            self.add(place, f"Input should be greater than or equal to {least}")
        if most is not None and size > most:
            self.add(place, f"Input should be less than or equal to {most}")

    def medium(self, value: Any, place: str) -> None:
        """Check one `{type: url | asset_id | base64, …}`."""
        medium = cast("Json", value) if isinstance(value, dict) else {}
        wanted = MEDIUM_FIELDS.get(str(medium.get("type")))
        if (
            wanted is None
            or medium.keys() != {"type", *wanted}
            or not all(isinstance(one, str) for one in medium.values())
        ):
            self.add(
                place,
                "Input should be {type: url, url}, {type: asset_id, asset_id} or {type: base64, media_type, data}",
            )
        elif medium["type"] == "url":
            self.url(medium["url"], place)
        elif medium["type"] == "asset_id" and not self._stored(medium["asset_id"]):
            self.add(place, f"Asset {medium['asset_id']} not found", code="asset_not_found", status=404)
        elif medium["type"] == "base64" and not _is_base64(medium["data"]):
            self.add(place, "The data cannot be decoded")

    def url(self, value: str, place: str) -> None:
        if value.startswith(f"{self._own_origin}/"):
            if not self._served(value):
                self.add(place, f"Failed to download {value}", code="download_failed")
        elif value.startswith(LOOPBACK):
            if not is_reachable(value):
                self.add(place, f"Failed to download {value}", code="download_failed")
        elif not re.fullmatch(r"https://[^\s/]+/\S*", value):
            self.add(place, "URL should be https")


def _is_base64(data: str) -> bool:
    try:
        return bool(base64.b64decode(data, validate=True))
    except binascii.Error:
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


TYPES: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: type(value) is int,
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "oneOf": lambda value: isinstance(value, dict),
    "asset": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "array<asset>": lambda value: isinstance(value, list),
}
