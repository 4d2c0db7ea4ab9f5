"""Starts servers quickly: a process that has loaded the product and forks itself for every server.

A server is then a process like any other, with a number, a lock and connections of its own, and runs the same `main`;
only the second of imports is saved, which would be most of the time that these tests take. Nothing is opened before the
fork, so that nothing is shared but the code.

It serves one client over the socket on its standard input, one JSON object at a time:
`{"start": {environment}}` with two file descriptors, for the server's standard streams and its log, answers its number;
`{"wait": number}` answers how it ended.
"""

import json
import os
import socket
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from tests.forks import load, take_on
from tests.torture import driver

from videogen_mcp.catalogue import load_catalogue

LOADED = (
    "anyio._backends._asyncio",
    "jsonschema",
    "mcp.server.stdio",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "videogen_mcp.gateways",
    "videogen_mcp.jobs.inputs",
    "videogen_mcp.jobs.workshop",
    "videogen_mcp.media.probe",
    "videogen_mcp.server",
)
"""What a server loads until it has finished its first job."""

LONGEST_ORDER_BYTES = 1_000_000


def become_server(environment: dict[str, str], descriptors: Sequence[int]) -> NoReturn:
    streams, log = descriptors
    take_on(environment, (streams, streams, log))
    status = 1
    try:
        driver.serve()
        status = 0
    finally:
        sys.stderr.flush()
        os._exit(status)


def answer_to(order: dict[str, Any], descriptors: Sequence[int], client: socket.socket) -> int:
    if "wait" in order:
        return os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1])
    pid = os.fork()
    if pid == 0:
        client.detach()
        become_server(order["start"], descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    return pid


def main() -> None:
    load_catalogue()
    load(LOADED)
    with socket.socket(fileno=os.dup(0)) as client:
        while True:
            message, descriptors, _, _ = socket.recv_fds(client, LONGEST_ORDER_BYTES, 2)
            if not message:
                return
            client.sendall(f"{answer_to(json.loads(message), descriptors, client)}\n".encode())


if __name__ == "__main__":
    main()
