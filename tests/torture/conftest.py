"""What the torture shares: what starts the servers, and the databases that they keep their jobs in."""

from collections.abc import Callable, Iterator, Mapping

import pytest
from tests.torture.processes import Nursery

NewDatabase = Callable[[], Mapping[str, str]]
"""Makes an empty database; returns what a server's environment must say to use it."""


def sqlite() -> Mapping[str, str]:
    """The file in the server's home, which every home has for itself."""
    return {}


@pytest.fixture(name="new_database", scope="session", params=[pytest.param(sqlite, id="sqlite")])
def new_database_fixture(request: pytest.FixtureRequest) -> NewDatabase:
    new_database: NewDatabase = request.param
    return new_database


@pytest.fixture(name="nursery", scope="session")
def nursery_fixture() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery
