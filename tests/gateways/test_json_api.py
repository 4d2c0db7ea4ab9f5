"""What the gateways on plain JSON APIs have in common, each over real HTTP against its stand-in."""

import json
import logging
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from tests.standins.mountsea import MountseaStandIn
from tests.standins.novakit import NovaKitStandIn
from tests.standins.server import Reply, StandInServer, json_reply, text_reply

from videogen_mcp.errors import (
    ErrorCode,
    GatewayError,
    InvalidRequest,
    NotSent,
    OperationGone,
    PollTrouble,
    SubmitRefused,
    SubmitUncertain,
)
from videogen_mcp.gateways.base import MAX_REPLY_BYTES, Failed, Finished, Operation, Pending
from videogen_mcp.gateways.json_api import SUBMIT_TIMEOUT, video_address
from videogen_mcp.gateways.mountsea import MountseaGateway
from videogen_mcp.gateways.novakit import NovaKitGateway
from videogen_mcp.settings import load_settings

HTML = "<!doctype html><title>Bad gateway</title>"
HANG_UP = Reply(drop="after_body")


@dataclass(frozen=True)
class Hub:
    """One of the gateways, its stand-in, and what the tests must know of it."""

    gateway: type[MountseaGateway | NovaKitGateway]
    standin: StandInServer
    url: str
    key_variable: str
    url_variable: str
    endpoint: str
    body: dict[str, Any]
    submit_path: str
    look_path: str
    unknown: Operation
    accepted: Callable[[], int]

    def environment(self, url: str | None = None, key: str | None = None) -> dict[str, str]:
        own = self.standin.origin.removeprefix("http://")
        elsewhere = f",{url.partition('://')[2]}" if url else ""
        return {
            "VIDEOGEN_HOME": "/nowhere",
            self.key_variable: self.standin.key if key is None else key,
            self.url_variable: url or self.url,
            "VIDEOGEN_ALLOWED_HOSTS": own + elsewhere,
        }

    def open(self, http: httpx2.AsyncClient, **changes: str) -> MountseaGateway | NovaKitGateway:
        return self.gateway.open(load_settings(self.environment(**changes)), http)

    def posts(self) -> int:
        return len([one for one in self.standin.requests if one.method == "POST"])


def mountsea() -> Hub:
    standin = MountseaStandIn()
    return Hub(
        gateway=MountseaGateway,
        standin=standin,
        url=standin.origin,
        key_variable="MOUNTSEA_API_KEY",
        url_variable="VIDEOGEN_MOUNTSEA_URL",
        endpoint="veo-3.1",
        body={"prompt": "A fox runs over snow", "duration": "4s"},
        submit_path="/hub/v1/video",
        look_path="/hub/v1/tasks/.*",
        unknown={"task_id": "hub-none"},
        accepted=lambda: len(standin.tasks),
    )


def novakit() -> Hub:
    standin = NovaKitStandIn()
    return Hub(
        gateway=NovaKitGateway,
        standin=standin,
        url=standin.url,
        key_variable="NOVAKIT_API_KEY",
        url_variable="VIDEOGEN_NOVAKIT_URL",
        endpoint="fal-ai/veo3",
        body={"prompt": "A fox runs over snow", "mode": "text_to_video", "duration_seconds": 4},
        submit_path="/api/v1/videos/generations",
        look_path="/api/v1/jobs/.*",
        unknown={"job_id": "job_none"},
        accepted=lambda: len(standin.jobs),
    )


@pytest.fixture(name="hub", params=[mountsea, novakit], ids=["mountsea", "novakit"])
def hub_fixture(request: pytest.FixtureRequest) -> Iterator[Hub]:
    hub: Hub = request.param()
    with hub.standin:
        yield hub
        assert hub.standin.violations == []
        assert hub.standin.unused_scripts() == []


@pytest_asyncio.fixture(name="http")
async def http_fixture() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(trust_env=False) as http:
        yield http


@pytest_asyncio.fixture(name="hasty")
async def hasty_fixture() -> AsyncIterator[httpx2.AsyncClient]:
    """A client that waits for no answer."""

    async def shorten(request: httpx2.Request) -> None:
        request.extensions["timeout"] = {**request.extensions["timeout"], "read": 0.5}

    async with httpx2.AsyncClient(event_hooks={"request": [shorten]}, trust_env=False) as http:
        yield http


def told(error: BaseException) -> str:
    """Everything that an exception and those behind it say."""
    behind = error.__cause__ or error.__context__
    fix = error.fix if isinstance(error, GatewayError) else ""
    return f"{error} {error!r} {error.args} {fix} {told(behind) if behind else ''}"


LOST = (SubmitUncertain, "submit_uncertain")
INVALID = (SubmitRefused, "invalid_request")
UNAUTHORIZED = (SubmitRefused, "unauthorized")
NO_CREDIT = (SubmitRefused, "insufficient_credit")
POLICY = (SubmitRefused, "content_policy")
AWAY = (SubmitRefused, "gateway_unavailable")

SUBMITS: list[tuple[Reply, tuple[type[GatewayError], ErrorCode], str]] = [
    (Reply(drop="before_body"), LOST, "lost"),
    (HANG_UP, LOST, "lost"),
    (Reply(200, b'{"task_id": "x", "id": "x"}', {"Content-Type": "application/json"}, sent=9), LOST, "lost"),
    (text_reply(200, HTML), LOST, "holds no"),
    (Reply(204), LOST, "holds no"),
    (json_reply(200, []), LOST, "holds no"),
    (json_reply(200, {"status": "pending"}), LOST, "holds no"),
    (json_reply(201, {"task_id": "", "id": ""}), LOST, "holds no"),
    (json_reply(202, {"task_id": 7, "id": 7}), LOST, "holds no"),
    (text_reply(408, ""), LOST, "408"),
    (json_reply(500, {"error": "Internal Server Error"}), LOST, "500: Internal Server Error"),
    (text_reply(502, HTML), LOST, "502: no reason given"),
    (text_reply(503, HTML, Retry_After="9"), LOST, "503"),
    (text_reply(504, HTML), LOST, "504"),
    (json_reply(400, {"error": "prompt is required"}), INVALID, "400: prompt is required"),
    (json_reply(400, {"message": ["a must be b", "c must be d"], "error": "Bad"}), INVALID, "a must be b; c must be d"),
    (json_reply(404, {"error": "Model not found"}), INVALID, "404: Model not found"),
    (text_reply(404, HTML), INVALID, "404: no reason given"),
    (json_reply(410, {"error": "Retired"}), INVALID, "410"),
    (json_reply(413, {}), INVALID, "413"),
    (json_reply(422, {"detail": [{"msg": "too\nlong", "type": "value_error"}, 3]}), INVALID, "422: too long."),
    (json_reply(422, {"error": "safety_tolerance must be one of 1, 2"}), INVALID, "safety_tolerance"),
    (json_reply(401, {"error": {"message": "Invalid API key"}}), UNAUTHORIZED, "401: Invalid API key"),
    (json_reply(403, {"error": "Missing required scope: video"}), UNAUTHORIZED, "403: Missing required scope"),
    (text_reply(403, HTML), UNAUTHORIZED, "403"),
    (json_reply(402, {"error": "Video generation limit exceeded"}), NO_CREDIT, "402: Video"),
    (json_reply(402, {}), NO_CREDIT, "402"),
    (json_reply(400, {"message": "Insufficient credits"}), NO_CREDIT, "Insufficient credits"),
    (json_reply(403, {"error": {"code": "insufficient_balance", "message": "No."}}), NO_CREDIT, "403: No."),
    (json_reply(400, {"error": "Credits limit exceeded"}), NO_CREDIT, "400"),
    (json_reply(400, {"error": "The prompt was flagged by moderation"}), POLICY, "flagged"),
    (json_reply(403, {"message": "Violates the content policy"}), POLICY, "403"),
    (json_reply(422, {"detail": [{"msg": "No.", "type": "content_policy_violation"}]}), POLICY, "422: No."),
    (json_reply(429, {"error": "Rate limit exceeded", "retryAfter": 30}), AWAY, "429: Rate limit exceeded"),
    (json_reply(429, {"error": "Moderation quota exceeded"}, Retry_After="30"), AWAY, "429"),
    (json_reply(405, {}), AWAY, "405"),
    (json_reply(409, {"error": "x" * 5000}), AWAY, "409"),
]


@pytest.mark.parametrize(("reply", "expected", "words"), SUBMITS)
async def test_a_failing_submit_is_told_apart_and_never_repeated(
    hub: Hub,
    http: httpx2.AsyncClient,
    caplog: pytest.LogCaptureFixture,
    *,
    reply: Reply,
    expected: tuple[type[GatewayError], ErrorCode],
    words: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    hub.standin.script(reply, method="POST", path=hub.submit_path)
    with pytest.raises(GatewayError) as caught:
        await hub.open(http).submit(hub.endpoint, hub.body)
    assert (type(caught.value), caught.value.code) == expected
    assert words in caught.value.message
    assert "<" not in caught.value.message
    assert len(caught.value.message) < 600
    assert hub.posts() == 1
    assert hub.standin.key not in told(caught.value)
    assert hub.standin.key not in caplog.text


@pytest.mark.parametrize("reply", [HANG_UP, text_reply(502, HTML), json_reply(200, {})])
async def test_what_was_accepted_and_lost_is_there_once(hub: Hub, http: httpx2.AsyncClient, reply: Reply) -> None:
    hub.standin.script(reply, method="POST", path=hub.submit_path, accepted=True)
    with pytest.raises(SubmitUncertain):
        await hub.open(http).submit(hub.endpoint, hub.body)
    assert (hub.posts(), hub.accepted()) == (1, 1)


@pytest.mark.parametrize(
    "reply", [json_reply(429, {"error": "Slow", "retryAfter": 30}), text_reply(429, "", Retry_After="30")]
)
async def test_a_refusal_for_a_while_says_for_how_long(hub: Hub, http: httpx2.AsyncClient, reply: Reply) -> None:
    hub.standin.script(reply, path=hub.submit_path)
    with pytest.raises(SubmitRefused) as caught:
        await hub.open(http).submit(hub.endpoint, hub.body)
    assert caught.value.fix == "Try again in 30 s, or set the key of another gateway."


@pytest.mark.parametrize("pause", [True, -1, "soon", None, 1e999])
async def test_an_odd_pause_is_none(hub: Hub, http: httpx2.AsyncClient, pause: Any) -> None:
    body = json.dumps({"error": "Slow", "retryAfter": pause}).encode()
    hub.standin.script(Reply(429, body), path=hub.submit_path)
    with pytest.raises(SubmitRefused) as caught:
        await hub.open(http).submit(hub.endpoint, hub.body)
    assert caught.value.fix == ""


async def test_a_slow_answer_is_uncertain(hub: Hub, hasty: httpx2.AsyncClient) -> None:
    released = threading.Event()
    hub.standin.script(None, path=hub.submit_path, hold=released)
    with pytest.raises(SubmitUncertain, match="no answer within the time allowed"):
        await hub.open(hasty).submit(hub.endpoint, hub.body)
    released.set()
    assert hub.standin.wait_until(lambda: hub.accepted() == 1)
    assert hub.posts() == 1


async def test_a_closed_port_means_that_nothing_was_sent(hub: Hub, http: httpx2.AsyncClient) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        gateway = hub.open(http, url=f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(NotSent, match="cannot be reached: no connection"):
            await gateway.submit(hub.endpoint, hub.body)
        with pytest.raises(PollTrouble, match="could not be asked: no connection"):
            await gateway.poll(hub.unknown)
        with pytest.raises(NotSent):
            await gateway.balance()


async def test_an_unknown_name_means_that_nothing_was_sent(hub: Hub, http: httpx2.AsyncClient) -> None:
    with pytest.raises(NotSent, match="cannot be reached"):
        await hub.open(http, url="https://api.invalid").submit(hub.endpoint, hub.body)


async def test_plain_http_speech_of_tls_means_that_nothing_was_sent(hub: Hub, http: httpx2.AsyncClient) -> None:
    with pytest.raises(NotSent):
        await hub.open(http, url=hub.url.replace("http:", "https:")).submit(hub.endpoint, hub.body)
    assert hub.posts() == 0


async def test_a_redirect_is_not_followed(hub: Hub, http: httpx2.AsyncClient) -> None:
    with MountseaStandIn() as elsewhere:
        moved = text_reply(307, "", Location=f"{elsewhere.origin}/hub/v1/video")
        hub.standin.script(moved, path=f"{hub.submit_path}|{hub.look_path}", times=2)
        with pytest.raises(SubmitRefused, match="307") as caught:
            await hub.open(http).submit(hub.endpoint, hub.body)
        with pytest.raises(PollTrouble, match="307"):
            await hub.open(http).poll(hub.unknown)
        assert caught.value.code == "gateway_unavailable"
        assert elsewhere.requests == []


async def test_an_endless_answer_is_cut(hub: Hub, http: httpx2.AsyncClient) -> None:
    long = json_reply(200, {"task_id": "x", "id": "x", "padding": "p" * MAX_REPLY_BYTES})
    hub.standin.script(long, times=2)
    with pytest.raises(SubmitUncertain, match="holds no"):
        await hub.open(http).submit(hub.endpoint, hub.body)
    with pytest.raises(PollTrouble, match="no JSON object"):
        await hub.open(http).poll(hub.unknown)


async def test_a_key_that_is_echoed_is_not_told_on(hub: Hub, http: httpx2.AsyncClient) -> None:
    echo = json_reply(401, {"error": f"Incorrect key provided: {hub.standin.key}"})
    hub.standin.script(echo, times=3)
    gateway = hub.open(http)
    for call in (gateway.submit(hub.endpoint, hub.body), gateway.poll(hub.unknown), gateway.balance()):
        with pytest.raises(GatewayError, match="Incorrect key provided: …") as caught:
            await call
        assert caught.value.code == "unauthorized"
        assert hub.standin.key not in told(caught.value)


async def test_a_key_in_the_reason_of_a_failure_is_not_told_on(hub: Hub, http: httpx2.AsyncClient) -> None:
    failed = {"status": "failed", "ready": True, "error_message": f"Upstream refused {hub.standin.key}"}
    hub.standin.script(json_reply(200, failed), path=hub.look_path)
    assert await hub.open(http).poll(hub.unknown) == Failed("generation_failed", "Upstream refused …")


async def test_a_submit_is_waited_for_longer_than_a_look(hub: Hub) -> None:
    limits: list[dict[str, float]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        limits.append(request.extensions["timeout"])
        return httpx2.Response(200, json={"id": "x", "task_id": "x"})

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as recording:
        gateway = hub.open(recording)
        await gateway.poll(await gateway.submit(hub.endpoint, hub.body))
    submit, look = limits
    assert submit == SUBMIT_TIMEOUT.as_dict()
    assert submit["read"] > look["read"]
    assert submit["connect"] == look["connect"] < 5


@pytest.mark.parametrize("key", ["“quoted”", "two\nlines", "clé", "two words"])
def test_a_key_that_no_header_can_hold_is_refused_without_being_told(hub: Hub, key: str) -> None:
    with pytest.raises(InvalidRequest, match=hub.key_variable) as caught:
        hub.open(httpx2.AsyncClient(), key=key)
    assert caught.value.code == "unauthorized"
    assert key not in str(caught.value)


async def test_without_a_key_nothing_is_sent(hub: Hub, http: httpx2.AsyncClient) -> None:
    gateway = hub.open(http, key="")
    for call in (gateway.submit(hub.endpoint, hub.body), gateway.balance()):
        with pytest.raises(NotSent, match=f"{hub.key_variable} is not set") as caught:
            await call
        assert caught.value.code == "unauthorized"
    with pytest.raises(PollTrouble, match="is not set") as trouble:
        await gateway.poll(hub.unknown)
    assert trouble.value.code == "unauthorized"
    assert hub.standin.requests == []


LOOKS: list[tuple[Reply, ErrorCode, float | None]] = [
    (json_reply(401, {"error": "Invalid API key"}), "unauthorized", None),
    (json_reply(403, {"error": "Missing required scope: usage"}), "unauthorized", None),
    (json_reply(429, {"error": "Slow down"}, Retry_After="7"), "gateway_unavailable", 7.0),
    (json_reply(429, {"error": "Slow down", "retryAfter": 8}), "gateway_unavailable", 8.0),
    (json_reply(429, {"error": "Slow down"}, Retry_After="soon"), "gateway_unavailable", None),
    (json_reply(400, {"error": "Odd"}), "gateway_unavailable", None),
    (json_reply(500, {}), "gateway_unavailable", None),
    (text_reply(503, HTML, Retry_After="3"), "gateway_unavailable", 3.0),
    (text_reply(200, HTML), "gateway_unavailable", None),
    (json_reply(200, []), "gateway_unavailable", None),
    (Reply(204), "gateway_unavailable", None),
    (Reply(200, b'{"status": "failed"}', sent=5), "gateway_unavailable", None),
    (HANG_UP, "gateway_unavailable", None),
]


@pytest.mark.parametrize(("reply", "code", "pause"), LOOKS)
async def test_a_look_that_fails_is_only_trouble(
    hub: Hub, http: httpx2.AsyncClient, reply: Reply, code: ErrorCode, pause: float | None
) -> None:
    gateway = hub.open(http)
    operation = await gateway.submit(hub.endpoint, hub.body)
    hub.standin.script(reply, method="GET", path=hub.look_path)
    with pytest.raises(PollTrouble) as caught:
        await gateway.poll(operation)
    assert (caught.value.code, caught.value.retry_after) == (code, pause)
    assert isinstance(await gateway.poll(operation), Pending)


async def test_a_slow_look_is_only_trouble(hub: Hub, http: httpx2.AsyncClient, hasty: httpx2.AsyncClient) -> None:
    operation = await hub.open(http).submit(hub.endpoint, hub.body)
    released = threading.Event()
    hub.standin.script(None, path=hub.look_path, hold=released)
    with pytest.raises(PollTrouble, match="no answer within the time allowed"):
        await hub.open(hasty).poll(operation)
    released.set()


async def test_an_unknown_operation_is_gone(hub: Hub, http: httpx2.AsyncClient) -> None:
    gateway = hub.open(http)
    with pytest.raises(OperationGone):
        await gateway.poll(hub.unknown)
    hub.standin.script(json_reply(410, {}), path=hub.look_path)
    with pytest.raises(OperationGone):
        await gateway.poll(hub.unknown)


async def test_an_operation_survives_storage(hub: Hub, http: httpx2.AsyncClient) -> None:
    operation = await hub.open(http).submit(hub.endpoint, hub.body)
    stored = json.loads(json.dumps(operation))
    states = [await hub.open(http).poll(stored) for _ in range(3)]
    assert [type(state) for state in states] == [Pending, Pending, Finished]


async def test_an_odd_operation_id_stays_in_its_place(hub: Hub, http: httpx2.AsyncClient) -> None:
    (field,) = hub.unknown
    with pytest.raises(OperationGone):
        await hub.open(http).poll({field: "../quota?poll=false&x#y"})
    assert hub.standin.sent("GET", hub.look_path)[0].path.endswith("/..%2Fquota%3Fpoll%3Dfalse%26x%23y")


async def test_a_cancel_sends_nothing_as_none_is_documented(hub: Hub, http: httpx2.AsyncClient) -> None:
    gateway = hub.open(http)
    assert await gateway.cancel(hub.unknown) == "unknown"
    assert hub.standin.requests == []


async def test_a_file_is_refused_before_anything_is_sent(hub: Hub, http: httpx2.AsyncClient, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"picture")
    with pytest.raises(SubmitRefused) as caught:
        await hub.open(http).upload(tmp_path / "a.png", "image/png")
    assert caught.value.code == "invalid_request"
    assert caught.value.fix == "Give an https address, or use a gateway that takes files."
    assert hub.standin.requests == []


@pytest.mark.parametrize("reply", [text_reply(200, HTML), json_reply(200, [1]), json_reply(200, {"credits": "many"})])
async def test_a_balance_that_is_none_is_an_error(hub: Hub, http: httpx2.AsyncClient, reply: Reply) -> None:
    hub.standin.script(reply)
    with pytest.raises(GatewayError, match="cannot be read"):
        await hub.open(http).balance()


async def test_a_balance_whose_answer_is_lost_is_an_error(hub: Hub, http: httpx2.AsyncClient) -> None:
    hub.standin.script(HANG_UP)
    with pytest.raises(GatewayError, match="could not be asked: the connection was closed") as caught:
        await hub.open(http).balance()
    assert not isinstance(caught.value, NotSent)


@pytest.mark.parametrize("cls", [MountseaGateway, NovaKitGateway])
async def test_the_usual_address_is_a_safe_one(cls: type[MountseaGateway | NovaKitGateway]) -> None:
    async with httpx2.AsyncClient() as http:
        gateway = cls.open(load_settings({"VIDEOGEN_HOME": "/nowhere"}), http)
    assert gateway.address in {"https://api.mountsea.ai", "https://www.novakit.ai/api/v1"}


@pytest.mark.parametrize(
    ("output", "address"),
    [
        ({"video": {"url": "https://a/b.mp4"}}, "https://a/b.mp4"),
        ({"video": "https://a/b.mp4", "url": "https://a/other"}, "https://a/b.mp4"),
        ({"videos": [{}, {"url": "https://a/b.mp4"}, {"url": "https://a/c.mp4"}]}, "https://a/b.mp4"),
        ({"video_url": "https://a/b.mp4"}, "https://a/b.mp4"),
        ({"output": {"video": {"url": "https://a/b.mp4"}}}, "https://a/b.mp4"),
        ("https://a/b.mp4", "https://a/b.mp4"),
        ({"video": {"url": ""}}, None),
        ({"video": {"url": "file:///etc/passwd"}}, None),
        ({"image": {"url": "https://a/b.png"}}, None),
        ({"video": {"video": {"video": {"video": {"video": {"url": "https://too/deep"}}}}}}, None),
        (None, None),
        (7, None),
    ],
)
def test_a_clip_is_found_where_models_put_it(output: Any, address: str | None) -> None:
    assert video_address(output) == address


async def test_failures_are_told_apart_by_what_they_say(hub: Hub, http: httpx2.AsyncClient) -> None:
    reasons: dict[str, ErrorCode] = {
        "The output was flagged by a content checker": "content_policy",
        "insufficient balance": "insufficient_credit",
        "out of memory": "generation_failed",
    }
    for words, code in reasons.items():
        failed = {"status": "failed", "ready": True, "error_message": words}
        hub.standin.script(json_reply(200, failed), path=hub.look_path)
        assert await hub.open(http).poll(hub.unknown) == Failed(code, words)
