import json
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest

import videogen_mcp.catalogue
from videogen_mcp.catalogue.export_schema import exported

FOLDER = Path(videogen_mcp.catalogue.__file__).parent
FILES = sorted((FOLDER / "data").glob("*.toml"))


def errors_of(text: str) -> list[str]:
    # An editor's TOML plug-in shows a date to the schema as text.
    document = json.loads(json.dumps(tomllib.loads(text), default=date.isoformat))
    validator = cast("Any", jsonschema.Draft202012Validator(json.loads(exported())))
    return [error.message for error in validator.iter_errors(document)]


def test_the_committed_schema_is_current() -> None:
    assert (FOLDER / "schema.json").read_text(encoding="utf-8") == exported(), (
        "run: python -m videogen_mcp.catalogue.export_schema > src/videogen_mcp/catalogue/schema.json"
    )


def test_the_command_prints_it() -> None:
    command = [sys.executable, "-m", "videogen_mcp.catalogue.export_schema"]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == exported()


def test_the_schema_is_sound() -> None:
    cast("Any", jsonschema.Draft202012Validator).check_schema(json.loads(exported()))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_it_accepts_the_files(file: Path) -> None:
    assert errors_of(file.read_text(encoding="utf-8")) == []


def test_it_knows_a_wrong_word() -> None:
    text = '[[model]]\nid = "a"\nprovider = "b"\ntitle = "A"\nfitt = { general = 1.0 }\n'
    assert errors_of(text) == ["Additional properties are not allowed ('fitt' was unexpected)"]


def test_every_word_of_an_entry_is_explained() -> None:
    definitions = json.loads(exported())["$defs"]
    for name in ("Endpoint", "Param", "Price", "Model", "Rating", "Multiplier", "Fixed"):
        silent = [word for word, one in definitions[name]["properties"].items() if not one.get("description")]
        assert silent == [], name
