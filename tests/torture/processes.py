"""Server processes that are killed: one of them, and several on one home."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self

from tests.support import ROOT, child_environment
from tests.torture.driver import JOURNAL

COMMAND = (sys.executable, "-m", "tests.torture.nursery")
ANSWER_SECONDS = 30.0
"""No answer of a living server takes longer, on a slow machine that starts others meanwhile."""

LONGEST_LINE_BYTES = 8_000_000


def environment_of(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child that finds the same product as this process."""
    return child_environment({"PYTHONPATH": os.pathsep.join(sys.path), **environment})


class ServerDied(Exception):
    """The server ended before it answered."""


class Refused(AssertionError):
    """A tool answered with an error."""


class Nursery:
    """Starts servers; see the module of that name. Use it as a context manager."""

    def __init__(self) -> None:
        self._near, far = socket.socketpair()
        with far:
            self._process = subprocess.Popen(
                COMMAND, stdin=far.fileno(), stdout=subprocess.DEVNULL, env=environment_of({}), cwd=ROOT
            )
        self._near.settimeout(ANSWER_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._near.close()
        self._process.wait(ANSWER_SECONDS)

    def _order(self, order: Mapping[str, Any], descriptors: Sequence[int] = ()) -> int:
        socket.send_fds(self._near, [json.dumps(order).encode()], descriptors)
        return int(self._near.recv(100))

    def start(self, environment: Mapping[str, str], streams: socket.socket, log: int) -> int:
        """Start a server; its number."""
        return self._order({"start": environment_of(environment)}, [streams.fileno(), log])

    def wait(self, pid: int) -> int:
        """How a server ended that has ended: its status, or the number of the signal, negative."""
        return self._order({"wait": pid})


class ServerProcess:
    """One real server, spoken to in JSON-RPC lines over its standard streams."""

    def __init__(
        self, nursery: Nursery, pid: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, log: Path
    ) -> None:
        self._nursery = nursery
        self.pid = pid
        self._reader = reader
        self._writer = writer
        self._log = log
        self._number = 0
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._reading = asyncio.create_task(self._read())
        self._status: int | None = None
        self.is_ready = False

    @classmethod
    async def start(cls, nursery: Nursery, environment: Mapping[str, str], log: Path) -> Self:
        near, far = socket.socketpair()
        with far, log.open("ab") as errors:
            pid = nursery.start(environment, far, errors.fileno())
        reader, writer = await asyncio.open_connection(sock=near, limit=LONGEST_LINE_BYTES)
        return cls(nursery, pid, reader, writer, log)

    @classmethod
    @asynccontextmanager
    async def running(cls, nursery: Nursery, environment: Mapping[str, str], log: Path) -> AsyncGenerator[Self]:
        """Start one; it is killed at the end, if it lives by then."""
        server = await cls.start(nursery, environment, log)
        try:
            yield server
        finally:
            await server.kill()

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await self._reader.readline():
                if not line.endswith(b"\n"):
                    break  # it died while it wrote
                reply = json.loads(line)
                waiting = self._waiting.pop(reply.get("id"), None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(reply)
        self.is_ready = False
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ServerDied(f"process {self.pid}; {self._log} tells more"))

    def _send(self, message: Mapping[str, Any]) -> None:
        if self._reading.done():
            raise ServerDied(f"process {self.pid}; {self._log} tells more")
        self._writer.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    async def _request(self, method: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        self._number += 1
        number = self._number
        self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self._send({"id": number, "method": method, "params": parameters})
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._waiting[number]
        finally:
            self._waiting.pop(number, None)

    async def shake_hands(self) -> None:
        client = {"name": "torture", "version": "1"}
        about = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
        await self._request("initialize", about)
        self._send({"method": "notifications/initialized"})

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool; what it returns as an object.

        Raises:
            ServerDied: The process ended before it answered.
            Refused: It answered with an error.
        """
        reply = await self._request("tools/call", {"name": tool, "arguments": arguments})
        result = reply.get("result", {})
        if "structuredContent" not in result:
            raise Refused(f"{tool}: {reply}")
        return result["structuredContent"]

    async def ended(self) -> int:
        """Wait for its end; its status, -9 for one that was killed."""
        if self._status is None:
            async with asyncio.timeout(ANSWER_SECONDS):
                await asyncio.shield(self._reading)
            self._status = self._nursery.wait(self.pid)
            self._writer.close()
        return self._status

    async def kill(self) -> int:
        """End it as `kill -9` does, if it lives."""
        self.is_ready = False
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)  # its number is its own until it has been waited for
        return await self.ended()


class Fleet:
    """Some server processes on one home. Who is killed is replaced; who calls finds a living one.

    Args:
        nursery: Starts them.
        environment: Of the servers.
        folder: For their logs and the journal.
        size: How many run at once.
        random: Chooses whom to call and whom to kill.
    """

    def __init__(
        self, nursery: Nursery, environment: Mapping[str, str], folder: Path, size: int, random: Random
    ) -> None:
        self._nursery = nursery
        folder.mkdir(parents=True, exist_ok=True)
        self._environment = {**environment, JOURNAL: str(folder / "journal")}
        self._folder = folder
        self._size = size
        self._random = random
        self._servers: list[ServerProcess] = []
        self._starting: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Condition()
        self.killed: list[int] = []
        self.paused: list[int] = []

    async def __aenter__(self) -> Self:
        for _ in range(self._size):
            await self._start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            await server.kill()
        await asyncio.gather(*self._starting, return_exceptions=True)

    async def _start(self) -> None:
        server = await ServerProcess.start(self._nursery, self._environment, self._folder / "log")
        self._servers.append(server)
        task = asyncio.create_task(self._get_ready(server))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _get_ready(self, server: ServerProcess) -> None:
        try:
            await server.shake_hands()
            await server.call("video_job_list", limit=1)
        except ServerDied:
            return
        server.is_ready = server in self._servers
        async with self._changed:
            self._changed.notify_all()

    @property
    def ready(self) -> list[ServerProcess]:
        return [server for server in self._servers if server.is_ready]

    async def one_ready(self) -> ServerProcess:
        async with self._changed, asyncio.timeout(ANSWER_SECONDS):
            await self._changed.wait_for(lambda: self.ready)
        return self._random.choice(self.ready)

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool on any server, and on another one when that one dies."""
        while True:
            server = await self.one_ready()
            try:
                return await server.call(tool, **arguments)
            except ServerDied:
                continue
            except TimeoutError:
                if server.pid not in self.paused:
                    raise

    async def pause_one(self, seconds: float) -> None:
        """Stop any of them as it stands, with its kernel still answering for it, and let it go on later."""
        victim = await self.one_ready()
        victim.is_ready = False
        self.paused.append(victim.pid)
        os.kill(victim.pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            os.kill(victim.pid, signal.SIGCONT)
        victim.is_ready = True
        async with self._changed:
            self._changed.notify_all()

    async def kill_one(self) -> None:
        """Kill any of them, wherever it stands, and start another in its place."""
        victim = self._random.choice(self._servers)
        self._servers.remove(victim)
        self.killed.append(victim.pid)
        assert await victim.kill() == -signal.SIGKILL, "a server ended by itself"
        await self._start()


def jobs_in_doubt(journal: Path) -> frozenset[str]:
    """The jobs of which a process died with a submit that it may have sent and whose answer it had not stored.

    Args:
        journal: What processes wrote that have all ended.
    """
    last: dict[tuple[str, str], str] = {}
    for line in journal.read_text().splitlines():
        pid, event, job_id = line.split()
        last[pid, job_id] = event
    return frozenset(job_id for (_, job_id), event in last.items() if event == "begins")
