"""The MCPB bundle: what `manifest.json` says is what the server does."""

import json
import os
import re
import shutil
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.support import ROOT, connected, home_only, run

from videogen_mcp import __version__
from videogen_mcp.settings import load_settings

MANIFEST: dict[str, Any] = json.loads((ROOT / "manifest.json").read_text("utf-8"))
SERVER: dict[str, Any] = MANIFEST["server"]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
MCPB = "@anthropic-ai/mcpb@2.1.2"


def mcpb(*arguments: str) -> str:
    """What the bundle's own tool says; it must be there in CI, elsewhere its absence is told."""
    npx = shutil.which("npx")
    if npx is None:
        if os.environ.get("CI"):
            pytest.fail("npx is missing: the bundle was NOT validated")
        pytest.skip("npx is missing: the bundle was NOT validated")
    done = run([npx, "--yes", MCPB, *arguments], {}, folder=ROOT, seconds=120)
    if (
        done.returncode != 0
        and not os.environ.get("CI")
        and re.search(r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED", done.stderr)
    ):
        pytest.skip("the package registry cannot be reached: the bundle was NOT validated")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def test_tools_and_prompts_are_the_servers(tmp_path: Path) -> None:
    async with connected(home_only(tmp_path)) as (client, _):
        tools = [one.name for one in (await client.list_tools()).tools]
        prompts = {
            one.name: [argument.name for argument in one.arguments or []]
            for one in (await client.list_prompts()).prompts
        }
    assert [one["name"] for one in MANIFEST["tools"]] == tools
    assert {one["name"]: one["arguments"] for one in MANIFEST["prompts"]} == prompts


def test_version_licence_and_python_are_the_packages() -> None:
    assert MANIFEST["version"] == __version__
    assert MANIFEST["license"] == PROJECT["license"]
    assert MANIFEST["author"]["name"] == PROJECT["authors"][0]["name"]
    assert MANIFEST["compatibility"]["runtimes"]["python"] == PROJECT["requires-python"]


def test_it_starts_what_the_package_installs() -> None:
    assert (ROOT / SERVER["entry_point"]).is_file()
    command = SERVER["mcp_config"]
    assert (command["command"], command["args"][-1]) == ("uv", "videogen-mcp")
    assert command["args"][-1] in PROJECT["scripts"]


def test_every_setting_is_one_that_is_read_and_none_is_required() -> None:
    settings = MANIFEST["user_config"]
    environment: dict[str, str] = SERVER["mcp_config"]["env"]
    assert {f"${{user_config.{name}}}" for name in settings} == set(environment.values())
    assert not any(one["required"] for one in settings.values())
    for variable, value in environment.items():
        name = value.removeprefix("${user_config.").removesuffix("}")
        assert settings[name].get("sensitive", False) == variable.endswith("_KEY")


@pytest.mark.parametrize("unset", ["as it stands", "blank"])
def test_settings_that_the_host_leaves_out_count_as_not_given(tmp_path: Path, unset: str) -> None:
    environment: dict[str, str] = SERVER["mcp_config"]["env"]
    given = environment if unset == "as it stands" else dict.fromkeys(environment, "")
    settings = load_settings(home_only(tmp_path, **given))
    assert settings.secret("FAL_KEY") is None
    assert settings.max_cost_usd is None
    assert settings.daily_budget_usd is None
    assert settings.videos_folder == tmp_path / "videos"


def test_the_manifest_is_valid() -> None:
    assert "passes" in mcpb("validate", "manifest.json")


def test_the_bundle_holds_the_package_and_nothing_else(tmp_path: Path) -> None:
    bundle = tmp_path / "videogen.mcpb"
    mcpb("pack", str(ROOT), str(bundle))
    with zipfile.ZipFile(bundle) as archive:
        names = set(archive.namelist())
    outside = {name for name in names if not name.startswith("src/videogen_mcp/")}
    assert outside <= {"manifest.json", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"}
    assert {"manifest.json", "pyproject.toml", "README.md", "LICENSE", SERVER["entry_point"]} <= names
    assert "src/videogen_mcp/catalogue/data/seedance.toml" in names
    assert not [name for name in names if "__pycache__" in name]
