from pathlib import Path

import httpx2
import pytest

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.gateways import GATEWAYS
from videogen_mcp.settings import load_settings

IMPLEMENTED = sorted(name for name, entry in GATEWAYS.items() if entry.implementation is not None)

KEY_VARIABLES = {
    "fal": "FAL_KEY",
    "heygen": "HEYGEN_API_KEY",
    "google": "GEMINI_API_KEY",
    "mountsea": "MOUNTSEA_API_KEY",
    "novakit": "NOVAKIT_API_KEY",
    "local": None,
}


def test_the_key_variables_are_those_of_the_contract() -> None:
    assert {name: entry.key_variable for name, entry in GATEWAYS.items()} == KEY_VARIABLES


@pytest.mark.parametrize("name", IMPLEMENTED)
def test_a_gateway_answers_to_its_own_name(name: str) -> None:
    implementation = GATEWAYS[name].implementation
    assert implementation is not None
    assert implementation.name == name
    assert implementation.shortest_poll_seconds > 0
    assert implementation.on_this_machine == (GATEWAYS[name].key_variable is None)


@pytest.mark.parametrize("name", IMPLEMENTED)
async def test_a_gateway_opens_without_touching_network_or_disk(name: str, tmp_path: Path) -> None:
    implementation = GATEWAYS[name].implementation
    assert implementation is not None
    keys = {variable: "a-key" for variable in KEY_VARIABLES.values() if variable}
    home = tmp_path / "home"

    def refuse(request: httpx2.Request) -> httpx2.Response:
        raise AssertionError(f"{request.method} {request.url} while opening")

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(refuse)) as http:
        gateway = implementation.open(load_settings({"VIDEOGEN_HOME": str(home), **keys}), http)
        assert gateway.address == "" or gateway.address.startswith("https://")
        await gateway.close()
    assert not home.exists()


def test_every_endpoint_of_the_catalogue_lies_at_a_registered_gateway() -> None:
    assert {endpoint.gateway for endpoint in load_catalogue().endpoints} <= GATEWAYS.keys()
