"""The server as a process of its own, on a leash."""

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support import LEASH_SECONDS, child_environment

MODULE = (sys.executable, "-m", "videogen_mcp")


class RawServer:
    """`python -m videogen_mcp` spoken to in JSON-RPC lines; everything it writes is kept."""

    def __init__(
        self,
        environment: Mapping[str, str],
        folder: Path,
        command: tuple[str, ...] = (sys.executable, "-m", "videogen_mcp"),
    ) -> None:
        self.lines: list[str] = []
        self.errors = ""
        self._replies: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._number = 0
        self._process = subprocess.Popen(
            command,
            env=child_environment(environment),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        self._readers = [threading.Thread(target=one, daemon=True) for one in (self._read_out, self._read_errors)]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _read_out(self) -> None:
        for line in self._process.stdout or ():
            self.lines.append(line)
            self._replies.put(line)
        self._replies.put(None)

    def _read_errors(self) -> None:
        for line in self._process.stderr or ():
            self.errors += line

    def send(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        self.send(json.dumps({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}))
        return self.reply_to(self._number)

    def reply_to(self, number: int) -> dict[str, Any]:
        while True:
            line = self._replies.get(timeout=LEASH_SECONDS)
            assert line is not None, f"the server ended: {self.errors}"
            reply = json.loads(line)
            if reply.get("id") == number:
                return reply

    def initialize(self, version: str = "2025-06-18") -> dict[str, Any]:
        client = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "tests", "version": "1"}}
        reply = self.request("initialize", client)
        self.send(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}))
        return reply["result"]

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        return self.request("tools/call", {"name": tool, "arguments": arguments})["result"]

    def stop(self, seconds: float = 15.0) -> int:
        """Close its stdin and wait for its end; a server that does not end is killed, and its status says so."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for reader in self._readers:
            reader.join(seconds)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        return self._process.returncode
