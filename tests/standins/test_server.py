"""What all stand-ins are built on does what its tests are told."""

import threading
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
import pytest_asyncio
from tests.standins.fal import FalStandIn
from tests.standins.media import MediaHost
from tests.standins.reach import is_reachable
from tests.standins.server import Drop, RecordedRequest, Reply, StandInServer, json_reply, text_reply


class Counter(StandInServer):
    """Counts what it has handled."""

    handled = 0

    def respond(self, request: RecordedRequest) -> Reply:
        with self.changed:
            self.handled += 1
            self.changed.notify_all()
        if request.path == "/broken":
            raise RuntimeError("odd")
        return json_reply(200, {"handled": self.handled, "sent": request.json})


@pytest.fixture(name="counter")
def counter_fixture() -> Iterator[Counter]:
    with Counter() as counter:
        yield counter


@pytest_asyncio.fixture(name="http")
async def http_fixture(counter: Counter) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(trust_env=False, base_url=counter.origin) as http:
        yield http


async def test_a_request_is_recorded_as_it_came(counter: Counter, http: httpx2.AsyncClient) -> None:
    answer = await http.post("/a?b=1&b=2&c=", json={"d": [1]}, headers={"X-Some": "Thing"})
    assert answer.json() == {"handled": 1, "sent": {"d": [1]}}
    (request,) = counter.requests
    assert (request.method, request.path, request.query) == ("POST", "/a", {"b": ["1", "2"], "c": [""]})
    assert (request.headers["x-some"], request.body, request.json) == ("Thing", b'{"d":[1]}', {"d": [1]})
    assert counter.sent("POST", "/.") == [request]
    assert counter.sent("GET", "/.") == counter.sent("POST", "/") == []
    assert counter.violations == []


async def test_a_streamed_body_is_read_whole(counter: Counter, http: httpx2.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"a":'
        yield b" 1}"

    assert (await http.post("/", content=pieces())).json()["sent"] == {"a": 1}
    assert counter.requests[0].headers["transfer-encoding"] == "chunked"


@pytest.mark.parametrize("body", [b"", b"{", b'{"a": NaN}'])
async def test_what_is_no_json_is_none(counter: Counter, http: httpx2.AsyncClient, body: bytes) -> None:
    await http.post("/", content=body)
    assert counter.requests[0].json is None


async def test_scripts_are_used_in_order_by_those_they_match(counter: Counter, http: httpx2.AsyncClient) -> None:
    counter.script(text_reply(503, "a"), method="POST", path="/v1/.*", times=2)
    counter.script(json_reply(429, {}, Retry_After="7"), path="/v1/x")
    assert counter.unused_scripts() == ["POST /v1/.*: 2", "any /v1/x: 1"]
    answers = [
        await http.request(method, path)
        for method, path in (("GET", "/v1/x"), ("POST", "/v1/x"), ("POST", "/v1"), ("POST", "/v1/y"), ("POST", "/v1/y"))
    ]
    assert [one.status_code for one in answers] == [429, 503, 200, 503, 200]
    assert answers[0].headers["retry-after"] == "7"
    assert (counter.handled, len(counter.requests), counter.unused_scripts()) == (2, 5, [])


@pytest.mark.parametrize("drop", ["before_body", "after_body"])
async def test_a_dropped_connection_has_no_answer(counter: Counter, http: httpx2.AsyncClient, drop: Drop) -> None:
    counter.script(Reply(drop=drop))
    with pytest.raises(httpx2.TransportError):
        await http.post("/", content=b"body")
    assert counter.requests[0].body == (b"" if drop == "before_body" else b"body")
    assert counter.handled == 0
    assert (await http.get("/")).json()["handled"] == 1


async def test_an_accepted_request_is_handled_before_its_answer_is_lost(
    counter: Counter, http: httpx2.AsyncClient
) -> None:
    counter.script(Reply(drop="after_body"), accepted=True)
    with pytest.raises(httpx2.RemoteProtocolError):
        await http.post("/")
    assert counter.handled == 1


async def test_a_cut_answer_is_seen_as_one(counter: Counter, http: httpx2.AsyncClient) -> None:
    counter.script(Reply(200, b"0123456789", sent=4))
    with pytest.raises(httpx2.RemoteProtocolError):
        await http.get("/")


async def test_a_held_answer_comes_when_it_is_let_go(counter: Counter, http: httpx2.AsyncClient) -> None:
    hold = threading.Event()
    counter.script(None, hold=hold)
    with pytest.raises(httpx2.ReadTimeout):
        await http.get("/", timeout=0.05)
    counter.script(None, hold=hold)
    hold.set()
    assert (await http.get("/")).status_code == 200


async def test_the_end_lets_held_answers_go() -> None:
    with Counter() as counter:
        counter.script(None, hold=threading.Event())
        async with httpx2.AsyncClient(trust_env=False) as http:
            with pytest.raises(httpx2.ReadTimeout):
                await http.get(counter.origin, timeout=0.05)
    assert counter.handled == 1


async def test_the_key_may_stand_in_headers_only(counter: Counter, http: httpx2.AsyncClient) -> None:
    await http.post("/", headers={"X-Api-Key": counter.key})
    assert counter.violations == []
    await http.get(f"/?key={counter.key}")
    await http.get(f"/?{counter.key}")
    await http.get(f"/{counter.key}")
    await http.post("/body", content=f"key={counter.key}")
    assert len(counter.violations) == 4


async def test_a_fault_of_the_stand_in_is_a_violation(counter: Counter, http: httpx2.AsyncClient) -> None:
    with pytest.raises(httpx2.TransportError):
        await http.get("/broken")
    assert counter.wait_until(lambda: bool(counter.violations))
    assert counter.violations == ["The stand-in itself failed: RuntimeError('odd')."]


@pytest.mark.parametrize("new", [Counter, FalStandIn])
async def test_a_service_goes_away_and_comes_back_with_what_it_knows(new: type[Counter | FalStandIn]) -> None:
    with new() as standin:
        async with httpx2.AsyncClient(trust_env=False) as http:
            first = await http.get(standin.origin)
            standin.stop()
            for _ in range(2):
                with pytest.raises(httpx2.ConnectError):
                    await http.get(standin.origin)
            standin.restart()
            assert (await http.get(standin.origin)).status_code == first.status_code
            assert len(standin.requests) == 2
            standin.stop()
            standin.stop()


async def test_a_stopped_service_lets_held_answers_go(counter: Counter, http: httpx2.AsyncClient) -> None:
    counter.script(None, hold=threading.Event())
    with pytest.raises(httpx2.ReadTimeout):
        await http.get("/", timeout=0.05)
    counter.stop()
    assert counter.handled == 1


@pytest.mark.parametrize(
    ("url", "kind", "expected"),
    [
        ("https://example.com/a.png", "image", True),
        ("http://example.com/a.png", "", False),
        ("{host}/first.png", "image", True),
        ("{host}/first.png", "", True),
        ("{host}/first.png", "video", False),
        ("{host}/clip.mp4", "video", True),
        ("{host}/gone.mp4", "video", False),
    ],
)
def test_an_address_of_the_loopback_interface_is_asked_for(url: str, kind: str, expected: bool) -> None:  # noqa: FBT001
    with MediaHost() as host:
        assert is_reachable(url.format(host=host.origin), kind) is expected
        assert host.violations == []
