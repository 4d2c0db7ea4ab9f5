"""What the torture shares: what starts the servers, and the databases that they keep their jobs in."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack

import pytest
from tests.postgres import Postgres
from tests.torture.processes import Nursery

NewDatabase = Callable[[], Mapping[str, str]]
"""Makes an empty database; returns what a server's environment must say to use it."""


LEASE_SECONDS = 2.0


def sqlite() -> Mapping[str, str]:
    """The file in the server's home, which every home has for itself."""
    return {}


@pytest.fixture(name="on_postgres", scope="session")
def on_postgres_fixture(postgres: Postgres) -> Iterator[NewDatabase]:
    """Databases of one server; a process that says nothing for two seconds loses its jobs."""
    with ExitStack() as stack:
        yield lambda: {
            "VIDEOGEN_DATABASE_URL": stack.enter_context(postgres.new_database()),
            "VIDEOGEN_LEASE_S": str(LEASE_SECONDS),
        }


@pytest.fixture(name="new_database", scope="session", params=["sqlite", "postgresql"])
def new_database_fixture(request: pytest.FixtureRequest) -> NewDatabase:
    return sqlite if request.param == "sqlite" else request.getfixturevalue("on_postgres")


@pytest.fixture(name="nursery", scope="session")
def nursery_fixture() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery
