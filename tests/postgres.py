"""A private PostgreSQL on this machine, for the tests that need one: started once, an empty database for each."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest

START_SECONDS = 60.0
ORDINARY_USER = "nobody"
"""PostgreSQL refuses to run as root; where the tests do, it runs as this user."""

QUICK = ("fsync=off", "full_page_writes=off")
"""Nothing here is to survive a power cut."""


def folder_of_programs() -> Path | None:
    """Where PostgreSQL's own programs lie: those on the path, or the newest that Debian installed."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return installed[-1].parent if installed else None


class Postgres:
    """A running server.

    Args:
        port: Where it listens, on the loopback address.
        process: The server.
    """

    def __init__(self, port: int, process: "subprocess.Popen[bytes]") -> None:
        self.port = port
        self.process = process
        self._numbers = count(1)
        self._free: list[str] = []

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://tests@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(self.url(database), autocommit=True)

    @contextmanager
    def new_database(self) -> Generator[str]:
        """An empty database of its own; gives its address. Emptying it afterwards is quicker than a new one."""
        name = self._free.pop() if self._free else self._add_database()
        try:
            yield self.url(name)
        finally:
            with self.connect() as connection:
                end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
                connection.execute(end, [name])
            with self.connect(name) as connection:
                connection.execute("DROP SCHEMA public CASCADE")
                connection.execute("CREATE SCHEMA public")
            self._free.append(name)

    def _add_database(self) -> str:
        name = f"test_{next(self._numbers)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
        return name


@contextmanager
def running_postgres(settings: Sequence[str] = QUICK) -> Generator[Postgres]:
    """Start a server in a temporary folder, and stop it afterwards.

    Skips the test where PostgreSQL is not installed, and fails it where `CI` is set.
    """
    programs = folder_of_programs()
    if programs is None:
        missing = "PostgreSQL is not installed: `apt-get install postgresql` on Debian"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    user = ORDINARY_USER if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="videogen-postgres-"))
    try:
        if user is not None:
            shutil.chown(folder, user)
        data, log = folder / "data", folder / "log"
        create = [programs / "initdb", "-D", data, "-U", "tests", "--auth=trust", "--no-sync", "-E", "UTF8"]
        subprocess.run([*create, "--locale=C"], user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        options = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=300", *settings)
        command = [programs / "postgres", "-D", data, "-p", str(port), *(f"-c{one}" for one in options)]
        with log.open("wb") as errors:
            process = subprocess.Popen(command, user=user, cwd=folder, stdout=errors, stderr=errors)
        server = Postgres(port, process)
        try:
            _wait_until(lambda: _answers(server), log)
            yield server
        finally:
            process.send_signal(signal.SIGINT)  # ends its sessions, and stops in order
            process.wait(START_SECONDS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _answers(server: Postgres) -> bool:
    assert server.process.poll() is None, "the server ended by itself"
    with contextlib.suppress(psycopg.OperationalError), server.connect():
        return True
    return False


def _wait_until(is_true: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_true():
        assert time.monotonic() < deadline, log.read_text(errors="replace")
        time.sleep(0.05)
