"""The databases that jobs are kept in: what must hold for both engines is tested on both."""

from collections.abc import Iterator

import pytest
from tests.conftest import OpenService
from tests.postgres import Postgres

ON_BOTH = {
    "test_crashes",
    "test_day_budget",
    "test_driving",
    "test_engine",
    "test_failure_table",
    "test_fencing",
    "test_lost",
    "test_recovery",
    "test_retention",
    "test_runner",
    "test_slots",
    "test_store",
}
"""The modules whose tests run on SQLite and on PostgreSQL, wherever they use a database."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database" in metafunc.fixturenames and metafunc.definition.path.stem in ON_BOTH:
        metafunc.parametrize("database", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture(name="database")
def database_fixture(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """What the environment must say to use an empty database: nothing for the file in the test's own home."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield {}
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    with postgres.new_database() as url:
        yield {"VIDEOGEN_DATABASE_URL": url}


@pytest.fixture(name="open_service")
def open_service_fixture(database: dict[str, str], open_service: OpenService) -> OpenService:  # noqa: ARG001 -- it outlives the services
    """The services are closed before their database is emptied."""
    return open_service


@pytest.fixture(name="local_environment")
def local_environment_fixture(local_environment: dict[str, str], database: dict[str, str]) -> dict[str, str]:
    """No key at all, and the jobs in the database that the test is run for."""
    return local_environment | database
