"""The server over HTTP: as a process of its own, and in this one with a service that the test can look into."""

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import uvicorn
from tests.support import LEASH_SECONDS, child_environment

from videogen_mcp.server.http import build_app
from videogen_mcp.service import VideoService
from videogen_mcp.settings import load_settings


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def reachable(environment: Mapping[str, str], port: int) -> dict[str, str]:
    """The environment of a server that gateways can call on loopback."""
    hosts = [host for host in (environment.get("VIDEOGEN_ALLOWED_HOSTS"), f"127.0.0.1:{port}") if host]
    return {
        **environment,
        "VIDEOGEN_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "VIDEOGEN_ALLOWED_HOSTS": ",".join(hosts),
    }


@contextmanager
def serving(environment: Mapping[str, str], folder: Path, port: int = 0) -> Generator[tuple[str, list[str]]]:
    """A process that serves over HTTP, ready once it says so: its origin, and the lines of its stderr so far."""
    port = port or free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "videogen_mcp", "serve", "--http", "--port", str(port)],
        env=child_environment({**environment, "VIDEOGEN_LOG_LEVEL": "INFO"}),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    ready, lines = threading.Event(), list[str]()

    def read() -> None:
        for line in process.stderr or ():
            lines.append(line)
            if "running on" in line:
                ready.set()
        ready.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        assert ready.wait(LEASH_SECONDS)
        assert process.poll() is None, "".join(lines)
        yield f"http://127.0.0.1:{port}", lines
    finally:
        process.terminate()
        out, _ = process.communicate(timeout=20)
        reader.join(20)
    assert out == ""


class _Server(uvicorn.Server):
    """A server that tells when it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


@asynccontextmanager
async def served(
    environment: Mapping[str, str], *, port: int = 0, public: bool = True
) -> AsyncGenerator[tuple[VideoService, str]]:
    """A service that is served over HTTP by this process, and its origin.

    It can be called by gateways on loopback, unless the environment says where it can be called, or it is not `public`.
    """
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        port = int(listening.getsockname()[1])
        wanted = dict(environment)
        if public and "VIDEOGEN_PUBLIC_URL" not in wanted:
            wanted = reachable(environment, port)
        service = VideoService(load_settings(wanted))
        server = _Server(uvicorn.Config(build_app(service), lifespan="on", log_config=None, proxy_headers=False))
        running = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            async with asyncio.timeout(LEASH_SECONDS):
                await server.up.wait()
            yield service, f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            await running
