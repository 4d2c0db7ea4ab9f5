"""Write the JSON Schema of the catalogue files, for editors: `python -m videogen_mcp.catalogue.export_schema`."""

import json
import re
import sys

from videogen_mcp.catalogue.schema import CatalogueFile
from videogen_mcp.types import Json

_ATTRIBUTE = re.compile(r"^    (?P<name>\w+): (?P<text>.+)$", re.MULTILINE)


def exported() -> str:
    """The text of `schema.json`, which stands beside this module."""
    schema = CatalogueFile.model_json_schema(by_alias=True)
    for definition in schema["$defs"].values():
        _describe(definition)
    # The model turns `from = "prompt"` into a list of one before it validates.
    source: Json = schema["$defs"]["Param"]["properties"]["from"]
    source["anyOf"] = [{"type": "string"}, {"type": source.pop("type"), "items": source.pop("items")}]
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _describe(definition: Json) -> None:
    """Move what the docstring says of each attribute to the attribute, where an editor shows it."""
    summary, _, attributes = definition.get("description", "").partition("\n\nAttributes:\n")
    definition["description"] = summary
    written = {"source": "from", "schema_": "schema"}
    for match in _ATTRIBUTE.finditer(attributes):
        name = match["name"]
        properties = definition["properties"]
        found = properties.get(name) or properties[written[name]]
        found["description"] = match["text"]


if __name__ == "__main__":
    sys.stdout.write(exported())
