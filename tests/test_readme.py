"""The README is the first thing that is read: what it names exists, and what exists is named."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.support import ROOT, TOOL_NAMES

from videogen_mcp.gateways import GATEWAYS
from videogen_mcp.settings import Settings

README = (ROOT / "README.md").read_text("utf-8")
SOURCE = "\n".join(one.read_text("utf-8") for one in sorted((ROOT / "src").rglob("*.py")))
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)


def variables_that_are_read() -> set[str]:
    """Those of the settings and of the registry, and those that the code asks for by name."""
    fields = {f"VIDEOGEN_{name.upper()}" for name in Settings.model_fields if name != "environment"}
    keys = {entry.key_variable for entry in GATEWAYS.values() if entry.key_variable}
    return fields | keys | set(re.findall(r'"(VIDEOGEN_[A-Z_]+_URL)"', SOURCE))


@pytest.mark.parametrize("tool", sorted(TOOL_NAMES))
def test_every_tool_is_named(tool: str) -> None:
    assert f"`{tool}`" in README


def test_every_variable_that_is_read_is_named() -> None:
    # What only a team sets is told on its own page.
    scaling = (ROOT / "docs" / "scaling.md").read_text("utf-8")
    assert [name for name in variables_that_are_read() if name not in README + scaling] == []


def test_every_variable_that_is_named_is_read() -> None:
    named = set(re.findall(r"\b(VIDEOGEN_[A-Z_]+|[A-Z]+_API_KEY|FAL_KEY)\b", README))
    assert named <= variables_that_are_read()


def test_both_commands_are_named_and_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in ("demo", "test"):
        assert f"make {target}" in README
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_what_hosts_are_given_is_json() -> None:
    blocks: list[dict[str, Any]] = [json.loads(body) for kind, body in BLOCKS if kind == "json"]
    assert blocks
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    commands = set(project["scripts"])
    for block in blocks:
        (server,) = (block.get("mcpServers") or block["servers"]).values()
        assert Path(server["command"]).name in commands | {"uvx", "uv"}
        assert set(server["env"]) <= variables_that_are_read()


def test_links_and_pictures_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#\s]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target
