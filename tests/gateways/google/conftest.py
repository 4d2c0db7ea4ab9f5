from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
from tests.gateways.google.bodies import Sleeper, gateway_at
from tests.standins.google import GoogleStandIn

from videogen_mcp.gateways.google import GoogleGateway


@pytest.fixture(name="google")
def google_fixture() -> Iterator[GoogleStandIn]:
    with GoogleStandIn() as google:
        yield google
        assert google.violations == []
        assert google.unused_scripts() == []


@pytest_asyncio.fixture(name="http")
async def http_fixture() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(trust_env=False) as http:
        yield http


@pytest.fixture(name="sleeper")
def sleeper_fixture() -> Sleeper:
    return Sleeper()


@pytest.fixture(name="gateway")
def gateway_fixture(google: GoogleStandIn, http: httpx2.AsyncClient, sleeper: Sleeper, tmp_path: Path) -> GoogleGateway:
    return gateway_at(google.environment, http, sleeper, tmp_path)
