"""The one way in which gateways send requests."""

from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
import pytest_asyncio
from tests.standins.server import RecordedRequest, Reply, StandInServer, json_reply

from videogen_mcp.gateways.base import MAX_REPLY_BYTES, USER_AGENT, call

KEY = "a-key-that-nobody-may-see"


class Echo(StandInServer):
    """Answers with the headers that came, as some services do with a key that they refuse."""

    status = 200

    def respond(self, request: RecordedRequest) -> Reply:
        return json_reply(self.status, {"headers": dict(request.headers)})


@pytest.fixture(name="echo")
def echo_fixture() -> Iterator[Echo]:
    with Echo() as echo:
        yield echo


@pytest_asyncio.fixture(name="http")
async def http_fixture() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(trust_env=False) as http:
        yield http


@pytest.mark.parametrize("status", [200, 307, 401, 500])
@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Key {KEY}"},
        {"Authorization": f"Bearer {KEY}"},
        {"authorization": KEY},
        {"X-Api-Key": KEY},
        {"x-goog-api-key": KEY},
    ],
    ids=str,
)
async def test_a_key_that_comes_back_is_taken_out(
    echo: Echo, http: httpx2.AsyncClient, headers: dict[str, str], status: int
) -> None:
    echo.status = status
    reply = await call(http, "GET", f"{echo.origin}/", headers=headers)
    assert KEY in str(echo.requests[0].headers)
    assert reply.status == status
    assert KEY not in reply.text
    assert reply.body is not None
    assert KEY not in str(reply.body)
    assert reply.body["headers"]["user-agent"] == USER_AGENT


async def test_without_a_key_nothing_is_taken_out(echo: Echo, http: httpx2.AsyncClient) -> None:
    reply = await call(http, "GET", f"{echo.origin}/", headers={"Authorization": "", "X-Other": KEY})
    assert reply.body is not None
    assert reply.body["headers"]["x-other"] == KEY


async def test_a_redirect_is_an_answer(echo: Echo, http: httpx2.AsyncClient) -> None:
    echo.script(json_reply(308, {}, Location=f"{echo.origin}/elsewhere"))
    assert (await call(http, "POST", f"{echo.origin}/", headers={}, json_body={})).status == 308
    assert len(echo.requests) == 1


async def test_an_answer_is_read_to_a_bound(echo: Echo, http: httpx2.AsyncClient) -> None:
    echo.script(Reply(200, b"x" * (MAX_REPLY_BYTES + 1)))
    reply = await call(http, "GET", f"{echo.origin}/", headers={})
    assert (len(reply.text), reply.body) == (MAX_REPLY_BYTES, None)


@pytest.mark.parametrize(
    ("value", "seconds"), [("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("", None)]
)
async def test_a_pause_is_told_where_it_is_a_number(
    echo: Echo, http: httpx2.AsyncClient, value: str, seconds: float | None
) -> None:
    echo.script(json_reply(429, {}, Retry_After=value))
    assert (await call(http, "GET", f"{echo.origin}/", headers={})).retry_after == seconds
