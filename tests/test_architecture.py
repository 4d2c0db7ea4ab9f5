"""Rules that no single module can keep: imports point one way, files stay small, nothing private is in the tree."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import ROOT, run

SOURCE_LINES, TEST_LINES = 400, 500
SOURCES = sorted((ROOT / "src").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
MAY_PRINT = {"cli.py"}

# Put together here, so that this file does not hold what it looks for.
INDEX_HOSTS = tuple(f"{first}.{second}" for first, second in (("pypi", "org"), ("pythonhosted", "org")))
FOLDERS = tuple("/" + name for name in ("work", "farm", "home", "Users"))
ABSOLUTE = re.compile(rf"(?<![\w.)}}~<>:/-])(?:{'|'.join(FOLDERS)})/[\w.]")

INVENTED = tuple(f"{FOLDERS[2]}/{name}" for name in ("a.png", "s3cret/"))
"""Paths of nobody's machine, which tests hand over to see them refused."""


def tracked() -> Iterator[Path]:
    """Every file that is, or is about to be, in the repository."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is not a checkout: what is in the repository was NOT looked at")
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    yield from (ROOT / name for name in names if name and (ROOT / name).is_file())


def test_imports_point_one_way() -> None:
    command = Path(sys.executable).with_name("lint-imports")
    done = run([str(command), "--no-cache"], {}, folder=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(("files", "most"), [(SOURCES, SOURCE_LINES), (TESTS, TEST_LINES)], ids=["src", "tests"])
def test_files_stay_small(files: list[Path], most: int) -> None:
    lengths = {str(one.relative_to(ROOT)): len(one.read_text("utf-8").splitlines()) for one in files}
    assert lengths
    assert {name: length for name, length in lengths.items() if length > most} == {}


def test_only_the_command_line_writes_to_stdout() -> None:
    """stdout belongs to the protocol; what children and commands write there has a module of its own."""
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            is_print = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
            assert not is_print or source.name in MAY_PRINT, f"{source.name}:{getattr(node, 'lineno', 0)}"


def test_tests_are_found_by_path() -> None:
    assert [one for one in (ROOT / "tests").rglob("__init__.py") if one.parent.name != "standins"] == []


def test_nothing_private_is_in_the_tree() -> None:
    found: list[str] = []
    for file in tracked():
        try:
            text = file.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        name = str(file.relative_to(ROOT))
        found += [f"{name}: {host}" for host in INDEX_HOSTS if host in text]
        paths = (match for match in ABSOLUTE.finditer(text) if not text.startswith(INVENTED, match.start()))
        found += [f"{name}: {match[0]}" for match in paths]
    assert found == []


def test_every_package_says_what_it_is_for() -> None:
    packages = [one for one in SOURCES if one.name == "__init__.py"]
    assert packages
    for package in packages:
        assert ast.get_docstring(ast.parse(package.read_text("utf-8"))), package.parent.name
