"""The stand-in of HeyGen and the gateway on it."""

from collections.abc import AsyncIterator, Callable, Iterator

import httpx2
import pytest
import pytest_asyncio
from tests.standins.heygen import HeyGenStandIn

from videogen_mcp.gateways.heygen import HeyGenGateway
from videogen_mcp.settings import load_settings

At = Callable[[str], HeyGenGateway]


@pytest.fixture(name="heygen")
def heygen_fixture() -> Iterator[HeyGenStandIn]:
    with HeyGenStandIn() as standin:
        yield standin
        assert standin.violations == []
        assert standin.unused_scripts() == []


@pytest_asyncio.fixture(name="http")
async def http_fixture() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(trust_env=False) as http:
        yield http


@pytest.fixture(name="at")
def at_fixture(heygen: HeyGenStandIn, http: httpx2.AsyncClient, local_environment: dict[str, str]) -> At:
    """The gateway with its API at an address."""

    def at(url: str) -> HeyGenGateway:
        environment = local_environment | {
            "HEYGEN_API_KEY": heygen.key,
            "VIDEOGEN_HEYGEN_URL": url,
            "VIDEOGEN_HEYGEN_UPLOAD_URL": heygen.upload_url,
            "VIDEOGEN_ALLOWED_HOSTS": ",".join(one.partition("://")[2] for one in (url, heygen.origin)),
        }
        return HeyGenGateway.open(load_settings(environment), http)

    return at


@pytest.fixture(name="gateway")
def gateway_fixture(heygen: HeyGenStandIn, at: At) -> HeyGenGateway:
    return at(heygen.origin)
