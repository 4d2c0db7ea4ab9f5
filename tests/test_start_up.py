"""A host waits for the handshake: what it does not need is not loaded before it."""

import json
import re
import sys
from pathlib import Path

import pytest
from tests.support import DRAFT, home_only, run, run_cli

HEAVY = {"av", "PIL", "sqlalchemy", "aiosqlite", "typer", "rich", "numpy", "videogen_mcp.cli", "videogen_mcp.terminal"}

INITIALIZE = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }
)


def imported_until_the_handshake(home: Path) -> set[str]:
    arguments = [sys.executable, "-X", "importtime", "-m", "videogen_mcp"]
    done = run(arguments, home_only(home), folder=home, stdin=INITIALIZE + "\n")
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout)["result"]["serverInfo"]["name"] == "videogen-mcp"
    names = re.findall(r"^import time:\s+\d+ \|\s+\d+ \|\s+(\S+)$", done.stderr, re.MULTILINE)
    assert "videogen_mcp.server" in names
    return {*names, *(name.partition(".")[0] for name in names)}


def test_the_handshake_loads_nothing_heavy(tmp_path: Path) -> None:
    assert imported_until_the_handshake(tmp_path) & HEAVY == set()
    assert list(tmp_path.iterdir()) == []


def test_nor_does_it_where_earlier_jobs_have_ended(tmp_path: Path) -> None:
    command = ("generate", DRAFT["prompt"], "--duration", "1", "--resolution", "480p", "--json")
    assert run_cli(home_only(tmp_path), *command, folder=tmp_path).returncode == 0
    assert list(tmp_path.glob("*.sqlite3"))
    assert imported_until_the_handshake(tmp_path) & HEAVY == set()


@pytest.mark.parametrize("command", ["--help", "version", "models"])
def test_commands_for_people_do_not_load_the_sdk(tmp_path: Path, command: str) -> None:
    arguments = [sys.executable, "-X", "importtime", "-m", "videogen_mcp", command]
    done = run(arguments, home_only(tmp_path), folder=tmp_path)
    assert done.returncode == 0
    assert not re.search(r"\|\s+(mcp|sqlalchemy|av|PIL)$", done.stderr, re.MULTILINE)
