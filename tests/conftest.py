"""What all tests share: the stand-in of fal, an environment that points the product at it, and services on it."""

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.postgres import Postgres, running_postgres
from tests.standins.fal import FalStandIn

from videogen_mcp.service import VideoService
from videogen_mcp.settings import load_settings

LONGEST_TEST_SECONDS = 120.0
"""No test may hang; none takes a tenth of this but on a machine that is busy with others."""

LONG_ONES = (
    "server/test_each_key.py",
    "torture/test_points.py",
    "server/test_protocol.py",
    "jobs/test_machine.py",
    "test_wheel.py",
    "jobs/test_failure_table.py",
    "catalogue/test_properties.py",
    "jobs/test_runner.py",
    "server/test_job_tools.py",
    "test_models_page_browser.py",
    "test_cli.py",
    "server/test_all_keys.py",
    "jobs/test_recovery.py",
    "server/test_budget.py",
    "selection/test_ablation.py",
    "test_start_up.py",
    "jobs/test_room.py",
)
"""The files that take longest come first, so that no worker is left with one of them at the end."""

_PLACES = {Path(__file__).parent / name: number for number, name in enumerate(LONG_ONES)}

OpenService = Callable[[dict[str, str]], VideoService]
"""Opens a service on an environment; it is closed at the end of the test, if it is not by then."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files come first, and no asynchronous test may hang."""
    items.sort(key=lambda item: _PLACES.get(item.path, len(_PLACES)))
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.obj = _guarded(item.obj)


def _guarded(test: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(test)
    async def guarded(*args: Any, **kwargs: Any) -> None:
        async with asyncio.timeout(LONGEST_TEST_SECONDS):
            await test(*args, **kwargs)

    return guarded


@pytest.fixture(name="postgres", scope="session")
def postgres_fixture() -> Iterator[Postgres]:
    """One server for all tests that need one; each makes a database of its own on it."""
    with running_postgres() as server:
        yield server


@pytest.fixture(name="standin")
def standin_fixture() -> Iterator[FalStandIn]:
    with FalStandIn() as standin:
        yield standin
        assert standin.violations == []
        assert standin.unused_faults() == []


@pytest.fixture(name="local_environment")
def local_environment_fixture(tmp_path: Path) -> dict[str, str]:
    """No key at all: only the renderer of this machine."""
    return {"VIDEOGEN_HOME": str(tmp_path), "VIDEOGEN_POLL_INTERVAL_S": "0.01"}


@pytest.fixture(name="fal_environment")
def fal_environment_fixture(standin: FalStandIn, local_environment: dict[str, str]) -> dict[str, str]:
    return local_environment | {
        "FAL_KEY": standin.key,
        "VIDEOGEN_FAL_QUEUE_URL": standin.origin,
        "VIDEOGEN_FAL_REST_URL": standin.rest_url,
        "VIDEOGEN_FAL_API_URL": standin.api_url,
        "VIDEOGEN_ALLOWED_HOSTS": standin.origin.removeprefix("http://"),
    }


@pytest_asyncio.fixture(name="open_service")
async def open_service_fixture() -> AsyncIterator[OpenService]:
    opened: list[VideoService] = []

    def open_one(environment: dict[str, str]) -> VideoService:
        opened.append(VideoService(load_settings(environment)))
        return opened[-1]

    yield open_one
    for service in opened:
        await service.close()


@pytest.fixture(name="fal_service")
def fal_service_fixture(open_service: OpenService, fal_environment: dict[str, str]) -> VideoService:
    return open_service(fal_environment)


@pytest.fixture(name="local_service")
def local_service_fixture(open_service: OpenService, local_environment: dict[str, str]) -> VideoService:
    return open_service(local_environment)
