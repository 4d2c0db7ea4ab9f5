"""What is published is what was tested: the wheel, alone, with the newest releases that its bounds allow.

It needs a package index. In CI a missing one is a failure; on a laptop it is a loud skip.
"""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.raw_server import RawServer
from tests.support import ROOT, TOOL_NAMES, home_only, one_object, run

from videogen_mcp import __version__

PIP_SECONDS = 900.0
NO_INDEX = re.compile(
    r"NewConnectionError|Temporary failure in name resolution|No matching distribution|ConnectTimeout|ProxyError"
)


def pip(python: Path, *arguments: str) -> None:
    done = run([str(python), "-m", "pip", *arguments], {}, seconds=PIP_SECONDS)
    if done.returncode != 0 and NO_INDEX.search(done.stderr) and not os.environ.get("CI"):
        pytest.skip("pip cannot reach a package index: the wheel was NOT tested")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(name="wheel", scope="module")
def wheel_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip(Path(sys.executable), "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(name="scripts", scope="module")
def scripts_fixture(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an empty environment's commands, with the wheel and its newest dependencies installed."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=120)
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    pip(scripts / "python", "install", "--quiet", "--upgrade", "--upgrade-strategy", "eager", str(wheel))
    return scripts


def test_the_wheel_holds_the_package_and_its_data_only(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tables = {one.name for one in (ROOT / "src" / "videogen_mcp" / "catalogue" / "data").glob("*.toml")}
    assert tables
    assert {f"videogen_mcp/catalogue/data/{name}" for name in tables} <= names
    assert {f"videogen_mcp/models_page/page.{kind}" for kind in ("html", "css", "js")} <= names
    assert "videogen_mcp/py.typed" in names
    assert "videogen_mcp/__main__.py" in names
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"videogen_mcp", f"videogen_mcp_server-{__version__}.dist-info"}
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_installed_alone_it_answers_a_host(scripts: Path, tmp_path: Path) -> None:
    with RawServer(home_only(tmp_path), tmp_path, (str(scripts / "videogen-mcp"),)) as server:
        assert server.initialize()["serverInfo"]["version"] == __version__
        tools = server.request("tools/list", {})["result"]["tools"]
        assert server.stop() == 0
    assert {one["name"] for one in tools} == TOOL_NAMES


def test_installed_alone_it_makes_a_clip(scripts: Path, tmp_path: Path) -> None:
    small = ("A red kite", "--duration", "1", "--resolution", "480p", "--json")
    done = run([str(scripts / "videogen-mcp"), "generate", *small], home_only(tmp_path), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert one_object(done.stdout)["status"] == "completed"
