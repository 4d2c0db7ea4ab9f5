"""Who may reach what over HTTP: MCP stays on this machine, and only the gateways' calls come from outside."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
from tests.http_server import served
from tests.support import home_only

from videogen_mcp.server.http import FORWARDING_HEADERS
from videogen_mcp.service import VideoService

PUBLIC = "https://videogen.example/base"
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "tests", "version": "1"}},
}
ACCEPT = {"Accept": "application/json, text/event-stream"}

Served = tuple[VideoService, httpx2.AsyncClient]


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(name="served_", scope="module", loop_scope="module")
async def served_fixture(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    environment = home_only(tmp_path_factory.mktemp("front"), VIDEOGEN_PUBLIC_URL=PUBLIC, FAL_KEY="a-key-of-the-tests")
    async with (
        served(environment) as (service, origin),
        httpx2.AsyncClient(base_url=origin, trust_env=False, timeout=20) as http,
    ):
        yield service, http


def webhook_path(service: VideoService) -> str:
    """A path that was made for a job, though there is none."""
    assert service.callbacks is not None
    address = service.callbacks.address("fal", secrets.token_hex(16), 1)
    assert address is not None
    assert address.startswith(f"{PUBLIC}/webhooks/fal/")
    return address.removeprefix(PUBLIC)


async def test_on_this_machine_mcp_and_health_are_served(served_: Served) -> None:
    _, http = served_
    answer = await http.post("/mcp", json=INITIALIZE, headers=ACCEPT)
    assert (answer.status_code, "videogen-mcp" in answer.text) == (200, True)
    health = await http.get("/healthz")
    assert (health.status_code, health.json()) == (200, {"status": "ok"})
    assert (await http.post("/healthz")).status_code == 405
    assert (await http.get("/nowhere")).status_code == 404


@pytest.mark.parametrize("path", ["/mcp", "/healthz", "/", "/webhooks", "/base/mcp", "/webhooks/../mcp"])
@pytest.mark.parametrize(
    "host", ["videogen.example", "VIDEOGEN.example:443", "evil.example", "", "127.0.0.1@evil.example"]
)
async def test_under_no_other_name_is_anything_but_the_webhook_served(served_: Served, path: str, host: str) -> None:
    _, http = served_
    for answer in (
        await http.post(path, json=INITIALIZE, headers=ACCEPT | {"Host": host}),
        await http.get(path, headers={"Host": host}),
    ):
        assert answer.status_code in {400, 421}, answer.text
        assert "videogen-mcp" not in answer.text


@pytest.mark.parametrize("name", FORWARDING_HEADERS)
async def test_what_a_proxy_passes_on_reaches_the_webhook_only(served_: Served, name: str) -> None:
    """Many proxies put the name of what they pass on to into Host."""
    service, http = served_
    forwarded = {name: "203.0.113.7"}
    assert (await http.post("/mcp", json=INITIALIZE, headers=ACCEPT | forwarded)).status_code == 403
    assert (await http.get("/healthz", headers=forwarded)).status_code == 403
    answer = await http.post(webhook_path(service), content=b"{}", headers=forwarded)
    assert (answer.status_code, answer.text) == (403, "Forbidden"), "it came as far as the signature"


@pytest.mark.parametrize("host", ["videogen.example", "VideoGen.Example", "videogen.example:443"])
@pytest.mark.parametrize("prefix", ["", "/base"], ids=["proxy-cuts-the-path", "proxy-keeps-the-path"])
async def test_the_webhook_is_served_under_the_public_name(served_: Served, host: str, prefix: str) -> None:
    service, http = served_
    answer = await http.post(prefix + webhook_path(service), content=b"{}", headers={"Host": host})
    assert (answer.status_code, answer.text) == (403, "Forbidden"), "it came as far as the signature"
    unknown = await http.post(f"{prefix}/webhooks/fal/{'A' * 46}", content=b"{}", headers={"Host": host})
    assert unknown.status_code == 404


@pytest.mark.parametrize("host", ["evil.example", "videogen.example:8443", "videogen.example.evil.example", ""])
async def test_nor_is_the_webhook_served_under_another_name(served_: Served, host: str) -> None:
    service, http = served_
    answer = await http.post(webhook_path(service), content=b"{}", headers={"Host": host})
    assert answer.status_code in {400, 421}


async def test_nothing_is_ever_redirected(served_: Served) -> None:
    service, http = served_
    path = webhook_path(service)
    for odd in (f"{path}/", f"/{path}", f"{path}?x=1", "/webhooks/", "/webhooks/fal", "/webhooks/fal/", "/healthz/"):
        for method in ("GET", "POST", "PUT", "HEAD", "OPTIONS"):
            answer = await http.request(method, odd)
            assert not answer.is_redirect, f"{method} {odd}: {answer.status_code}"
            assert answer.status_code >= 400


async def test_a_job_that_does_not_exist_looks_like_one_that_does(served_: Served) -> None:
    """Without a signature nobody learns which jobs exist."""
    service, http = served_
    answers = [await http.post(webhook_path(service), content=b"{}") for _ in range(2)]
    assert {(one.status_code, one.text) for one in answers} == {(403, "Forbidden")}


async def test_without_a_public_address_a_proxy_is_no_matter(tmp_path: Path) -> None:
    async with (
        served(home_only(tmp_path), public=False) as (service, origin),
        httpx2.AsyncClient(base_url=origin, trust_env=False, timeout=20) as http,
    ):
        assert service.callbacks is None
        answer = await http.post("/mcp", json=INITIALIZE, headers=ACCEPT | {"X-Forwarded-For": "127.0.0.1"})
        assert answer.status_code == 200
        assert (await http.post("/webhooks/fal/x", content=b"{}")).status_code == 404
