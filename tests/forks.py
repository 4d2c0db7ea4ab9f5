"""Runs the command line in forks of a process that has loaded it, which saves each of them the seconds of imports.

What runs is a process of its own with the same `main`, and its own environment, folder and streams. That the command
starts from nothing, as a user starts it, is what `test_start_up`, `test_protocol` and `test_wheel` are about.

The process takes orders on its standard input and answers each on its standard output, a JSON object a line.
"""

import atexit
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, NoReturn

from videogen_mcp.__main__ import main as command

LOADED = (
    "anyio._backends._asyncio",
    "videogen_mcp.cli",
    "videogen_mcp.gateways",
    "videogen_mcp.jobs.inputs",
    "videogen_mcp.jobs.workshop",
    "videogen_mcp.media.probe",
)
"""What the commands load until they have done their work."""


class Mother:
    """The process that forks, seen from the tests."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.forks"],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._turn = Lock()
        atexit.register(self._process.kill)

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path, seconds: float
    ) -> subprocess.CompletedProcess[str]:
        """Run the command with arguments to its end; killed when that takes longer than it may."""
        with tempfile.TemporaryDirectory(prefix="videogen-fork-") as streams:
            out, errors = (Path(streams) / name for name in ("stdout", "stderr"))
            order = {"arguments": arguments, "environment": environment, "folder": str(folder), "seconds": int(seconds)}
            status = self._order({**order, "stdout": str(out), "stderr": str(errors)})
            told = [one.read_text(encoding="utf-8") for one in (out, errors)]
        return subprocess.CompletedProcess(list(arguments), status, *told)

    def _order(self, order: Mapping[str, Any]) -> int:
        with self._turn:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())


@cache
def mother() -> Mother:
    """The one of this process, started when it is first needed."""
    return Mother()


def load(names: Sequence[str]) -> None:
    """Import what the forks need, once for all of them."""
    for name in names:
        importlib.import_module(name)
    gc.freeze()  # else the collector of every child would write to, and thereby copy, all that was loaded


def take_on(environment: Mapping[str, str], descriptors: Sequence[int]) -> None:
    """In a fork: make three descriptors its standard streams, and take on an environment."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    os.closerange(3, max(descriptors) + 1)
    os.environ.clear()
    os.environ.update(environment)


def become(order: Mapping[str, Any]) -> NoReturn:
    """In the fork: be the command."""
    files = (os.open(order[name], os.O_WRONLY | os.O_CREAT) for name in ("stdout", "stderr"))
    take_on(order["environment"], (os.open(os.devnull, os.O_RDONLY), *files))
    os.chdir(order["folder"])
    sys.argv[:] = ["videogen-mcp", *order["arguments"]]
    signal.alarm(order["seconds"])
    status = 1
    try:
        command()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 -- this is where the interpreter would tell it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def main() -> None:
    """Fork for each order, and answer how the fork ended."""
    load(LOADED)
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            become(json.loads(line))
        answers.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")
        answers.flush()


if __name__ == "__main__":
    main()
