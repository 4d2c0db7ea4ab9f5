"""Whatever a service answers, a gateway says one of the things that its protocol allows, and keeps the key to itself.

What a gateway and its strict stand-in say to each other is recorded for each verb; then each reply is played back with
every part of its JSON replaced by what does not belong there, with other statuses, and with other headers.
"""

import json
import math
from collections.abc import Awaitable, Callable, Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import httpx2
import pytest
from tests.gateways.contract.cases import PROMPT, Case
from tests.gateways.contract.conftest import Stage
from tests.gateways.contract.tape import ELSEWHERE, Heard, Player, changed

from videogen_mcp.errors import (
    ERROR_CODES,
    GatewayError,
    NotSent,
    OperationGone,
    PollTrouble,
    SubmitRefused,
    SubmitUncertain,
    VideoGenError,
)
from videogen_mcp.gateways.base import CancelOutcome, Failed, Finished, Gateway, Health, Pending, SentRequest

Act = Callable[[Gateway], Awaitable[Any]]

ALLOWED: dict[str, tuple[type[VideoGenError], ...]] = {
    "submit": (NotSent, SubmitRefused, SubmitUncertain),
    "poll": (PollTrouble, OperationGone),
    "cancel": (PollTrouble,),
    "find": (PollTrouble,),
    "upload": (NotSent, SubmitRefused),
    "check": (GatewayError,),
}
VERBS = tuple(ALLOWED)
STATUSES = (101, 204, 206, 302, 307, 400, 401, 402, 403, 404, 405, 408, 409, 410, 422, 429, 451)
SERVER_STATUSES = (500, 501, 502, 503, 504, 520, 599)
BODIES = (
    b"",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b"<!doctype html><title>Bad gateway</title>",
    b"\xff\xfe\x00",
    b"[" * 9000,
)
HEADERS = ("Retry-After", "Date", "x-fal-billable-units", "x-goog-upload-url")


async def played(stage: Stage, verb: str, clip: Path) -> tuple[list[Heard], Act]:
    """What is said for a verb against the strict stand-in, and the verb itself, to be said again."""
    case = stage.case
    operation = await stage.submit() if verb in {"poll", "cancel"} else {}
    if verb == "find" and case.finds is not None:
        case.finds(stage.standin)
        await stage.submit()
    now = datetime.now(UTC)
    sent = SentRequest(case.endpoint, case.body, now, now + timedelta(seconds=5))

    async def look(gateway: Gateway) -> Any:
        for _ in range(9):
            state = await gateway.poll(operation)
            if not isinstance(state, Pending):
                return state
            judge("poll", state)
        return Pending()

    acts: dict[str, Act] = {
        "submit": lambda gateway: gateway.submit(case.endpoint, case.body),
        "poll": look,
        "cancel": lambda gateway: gateway.cancel(operation),
        "find": lambda gateway: gateway.find(sent),
        "upload": lambda gateway: gateway.upload(clip, "video/mp4"),
        "check": lambda gateway: gateway.check(),
    }
    before = len(stage.recorder.heard)
    if verb != "upload" or case.uploads:
        await acts[verb](stage.gateway)
    return stage.recorder.heard[before:], acts[verb]


def judge(verb: str, said: Any) -> None:
    """What was said is of the protocol, and can be stored and shown."""
    match said:
        case Pending():
            assert verb == "poll"
            assert isinstance(said.message, str)
            assert said.progress is None or (math.isfinite(said.progress) and 0 <= said.progress <= 1)
        case Finished():
            assert verb == "poll"
            assert isinstance(said.url, str)
            assert said.url
            assert said.billed_usd is None or (said.billed_usd.is_finite() and said.billed_usd >= 0)
            json.dumps(dict(said.details), allow_nan=False)
        case Failed():
            assert verb == "poll"
            assert said.code in ERROR_CODES
            assert isinstance(said.message, str)
            assert said.message
            assert len(said.message) < 1000
        case Health():
            assert verb == "check"
            assert isinstance(said.balance, str)
            assert isinstance(said.note, str)
        case dict():
            assert verb in {"submit", "find"}
            assert said
            json.dumps(said, allow_nan=False)
        case None:
            assert verb == "find"
        case _:
            assert verb in {"cancel", "upload"}
            assert isinstance(said, str)
            assert said
            assert verb != "cancel" or said in get_args(CancelOutcome)


def judge_error(verb: str, error: VideoGenError, key: str) -> None:
    assert isinstance(error, ALLOWED[verb]), error
    assert error.code in ERROR_CODES
    assert error.message
    told = f"{error.message} {error.fix}"
    assert len(told) < 1000
    assert key not in told
    assert PROMPT not in told
    assert "Traceback" not in told
    pause = getattr(error, "retry_after", None)
    assert pause is None or (math.isfinite(pause) and pause >= 0)


class Replay:
    """Says a verb again to what was recorded, with one reply changed."""

    def __init__(self, case: Case, standin: Any, verb: str, act: Act) -> None:
        self._settings = case.settings(standin.origin, standin.key)
        self._case = case
        self._origin = httpx2.URL(standin.origin)
        self._key = standin.key
        self._verb = verb
        self._act = act
        self._player = Player()
        self._http = httpx2.AsyncClient(transport=self._player, trust_env=False)

    async def __call__(self, tape: list[Heard]) -> tuple[Any, list[httpx2.Request]]:
        """What is said then, be it a result or an error, and the requests that were sent."""
        player = self._player
        player.load(tape)
        try:
            said = await self._act(self._case.open(self._settings, self._http))
            judge(self._verb, said)
        except VideoGenError as error:
            judge_error(self._verb, error, self._key)
            said = error
        for request, body in player.sent:
            self._check_key(request, body)
        if isinstance(said, Finished) and said.headers:
            assert self._is_own(httpx2.URL(said.url or "")), "the key would go along to a foreign host"
        if self._verb == "submit":
            assert sum(request.method == "POST" for request, _ in player.sent) == 1
        return said, [request for request, _ in player.sent]

    def _is_own(self, url: httpx2.URL) -> bool:
        return (url.scheme, url.host, url.port) == (self._origin.scheme, self._origin.host, self._origin.port)

    def _check_key(self, request: httpx2.Request, body: bytes) -> None:
        assert self._key not in str(request.url)
        assert self._key.encode() not in body
        if not self._is_own(request.url):
            assert self._key not in str(request.headers.raw)


def variants(tape: list[Heard]) -> Generator[list[Heard]]:
    """The tape with each reply changed in each way, one at a time; replies of the same form are changed once."""
    seen: set[str] = set()
    for at, heard in enumerate(tape):
        form = f"{heard.request.method} {heard.request.url.path} {sorted(parsed(heard.reply) or ())!r}"
        if form in seen:
            continue
        seen.add(form)
        for other in ways(heard):
            yield [*tape[:at], other, *tape[at + 1 :]]


def ways(heard: Heard) -> Generator[Heard]:
    value = parsed(heard.reply)
    if value is not None:
        yield from (heard.with_json(other) for other in changed(value))
    for status in (*STATUSES, *SERVER_STATUSES):
        yield heard.with_status(status, heard.reply, Location=ELSEWHERE, Retry_After="7")
        yield heard.with_status(status, json.dumps({"error": {"code": 7, "message": [1]}, "detail": {"a": 1}}).encode())
    for body in BODIES:
        yield heard.with_status(heard.status, body)
        yield heard.with_status(422, body)
    for name in HEADERS:
        for text in ("odd", "-1", "nan", "1e999", "Wed, 99 Foo 2026 00:00:00 GMT", "http://[", "http://x:9x/"):
            yield heard.with_status(heard.status, heard.reply, **{name: text})


def parsed(reply: bytes) -> Any:
    try:
        return json.loads(reply)
    except ValueError:
        return None


@pytest.mark.parametrize("verb", VERBS)
async def test_every_answer_leads_to_what_the_protocol_allows(stage: Stage, verb: str, clip: Path) -> None:
    tape, act = await played(stage, verb, clip)
    replay = Replay(stage.case, stage.standin, verb, act)
    for variant in variants(tape):
        await replay(variant)


async def test_a_failure_in_odd_words_is_still_one_of_the_protocol(stage: Stage, clip: Path) -> None:
    stage.case.fail(stage.standin)
    tape, act = await played(stage, "poll", clip)
    replay = Replay(stage.case, stage.standin, "poll", act)
    assert isinstance((await replay(tape))[0], Failed)
    for other in ways(tape[-1]):
        await replay([*tape[:-1], other])


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (401, SubmitRefused, "unauthorized"),
        (402, SubmitRefused, "insufficient_credit"),
        (403, SubmitRefused, "unauthorized"),
        (400, SubmitRefused, "invalid_request"),
        (413, SubmitRefused, "invalid_request"),
        (422, SubmitRefused, "invalid_request"),
        (429, SubmitRefused, "gateway_unavailable"),
        *((status, SubmitRefused, "gateway_unavailable") for status in (301, 302, 303, 307, 308, 405, 425)),
        *((status, SubmitUncertain, "submit_uncertain") for status in (408, *SERVER_STATUSES)),
        *((status, SubmitUncertain, "submit_uncertain") for status in (101, 204)),
    ],
)
async def test_what_a_status_means_for_a_submit(
    stage: Stage, clip: Path, status: int, kind: type[VideoGenError], code: str
) -> None:
    tape, act = await played(stage, "submit", clip)
    replay = Replay(stage.case, stage.standin, "submit", act)
    answer = tape[0].with_status(status, b"", Location=ELSEWHERE, Retry_After="7")
    said, requests = await replay([answer])
    assert (type(said), said.code) == (kind, code)
    assert len(requests) == 1, "a redirect is not followed, and nothing is repeated"
    if kind is SubmitRefused:
        assert (said.retry_after, said.busy) == (7.0, status == 429)


@pytest.mark.parametrize("status", [401, 403, 408, 429, *SERVER_STATUSES])
async def test_a_look_that_fails_is_trouble_and_tells_the_pause(stage: Stage, clip: Path, status: int) -> None:
    tape, act = await played(stage, "poll", clip)
    replay = Replay(stage.case, stage.standin, "poll", act)
    said, requests = await replay([tape[0].with_status(status, b"", Retry_After="7")])
    assert isinstance(said, PollTrouble)
    assert said.retry_after == 7.0
    assert said.code == ("unauthorized" if status in {401, 403} else "gateway_unavailable")
    assert len(requests) == 1
