"""fal's webhooks, over real HTTP both ways: they end the waiting, find lost submits, and nothing else can use them."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from mcp import Client
from tests.conftest import OpenService
from tests.http_server import free_port, reachable, served, serving
from tests.standins.history import PATH
from tests.standins.webhooks import CallingFal, call_body, listed_key, signature_headers
from tests.support import facts_of, with_fal

from videogen_mcp.gateways.abilities import CallsBack
from videogen_mcp.jobs.called_back import CalledBack
from videogen_mcp.jobs.job import Job
from videogen_mcp.server.http import MAX_BODY_BYTES
from videogen_mcp.service import VideoService
from videogen_mcp.types import VideoRequest

WAN = "fal-ai/wan/v2.7/text-to-video"
KLING = "fal-ai/kling-video/v3/pro/text-to-video"
CLIP = VideoRequest(prompt="A fox runs over snow", endpoint=f"fal:{WAN}", duration=2, resolution="720p")
PLAIN = VideoRequest(prompt="A fox runs over snow", endpoint=f"fal:{KLING}", duration=3)
"""For an endpoint that has nothing to tell two equal requests apart by."""

MINUTES_AWAY = {"VIDEOGEN_POLL_INTERVAL_S": "600"}
"""Who sees the end within a test did not see it by polling."""


@pytest.fixture(name="standin")
def standin_fixture() -> Iterator[CallingFal]:
    with CallingFal() as standin:
        standin.plan(10_000, 0)
        yield standin
        assert standin.violations == []
        assert standin.unused_faults() == []


@pytest.fixture(name="environment")
def environment_fixture(standin: CallingFal, tmp_path: Path) -> dict[str, str]:
    return with_fal(standin, tmp_path, **MINUTES_AWAY)


async def seen(standin: CallingFal, condition: Callable[[], bool]) -> None:
    assert await asyncio.to_thread(standin.wait_until, condition, 10.0)


async def submitted(service: VideoService, standin: CallingFal) -> Job:
    """A job that has been looked at once; the next look is minutes away."""
    job = await service.wait((await service.generate(CLIP)).id, 10, until=lambda one: "queued at" in one.message)
    assert standin.looks() == 1, job.message
    return job


def untimed(job: Job) -> Job:
    """The job without its progress, which is reckoned from the time that has gone by where nobody tells it."""
    return replace(job, progress=0.0)


async def lost(service: VideoService, standin: CallingFal) -> Job:
    """A job whose submit was accepted, and whose answer was lost."""
    standin.fault("submit_drop_after_body", accepted=True)
    job = await service.wait((await service.generate(PLAIN)).id, 10)
    assert (job.status, len(standin.accepted)) == ("uncertain", 1), job.message
    return job


async def finish(standin: CallingFal) -> None:
    await asyncio.to_thread(standin.finish)


async def called(standin: CallingFal, times: int = 1) -> list[int]:
    """The answers to the calls, once there are so many."""
    await seen(standin, lambda: len(standin.calls) >= times)
    return [one.status for one in standin.calls]


async def test_a_job_is_done_when_fal_calls_however_far_the_next_look(
    standin: CallingFal, environment: dict[str, str]
) -> None:
    async with served(environment) as (service, origin):
        job = await submitted(service, standin)
        assert [url.startswith(f"{origin}/webhooks/fal/") for url in standin.webhooks.values()] == [True]
        assert all(job.id not in url for url in standin.webhooks.values())
        await finish(standin)
        job = await service.wait(job.id, 10)
        assert await called(standin) == [200]
    assert (job.status, len(standin.submits), standin.looks()) == ("completed", 1, 2)
    assert job.video is not None
    assert (job.video.url or "").startswith(standin.files_url), "what a call holds is not believed"


async def test_a_generation_that_failed_is_told_as_well(standin: CallingFal, environment: dict[str, str]) -> None:
    async with served(environment) as (service, _):
        job = await submitted(service, standin)
        standin.fault("complete_with_error")
        await finish(standin)
        job = await service.wait(job.id, 10)
        assert await called(standin) == [200]
    assert (job.status, len(standin.submits)) == ("failed", 1)


@pytest.fixture(name="process")
def process_fixture(standin: CallingFal, environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """The origin of a server that is a process of its own, whose log tells of calls and of no token."""
    port = free_port()
    with serving(reachable(environment, port), tmp_path, port) as (origin, lines):
        yield origin
    log = "".join(lines)
    assert "POST /webhooks/fal/-" in log
    assert [url for url in standin.webhooks.values() if url.rpartition("/")[2] in log] == []


async def test_a_server_process_is_called(standin: CallingFal, process: str) -> None:
    arguments = {"prompt": CLIP.prompt, "endpoint": CLIP.endpoint, "duration": 2, "resolution": "720p"}
    async with Client(f"{process}/mcp") as client:
        job = facts_of(await client.call_tool("video_selector", dict(arguments)))
        await seen(standin, lambda: standin.looks() >= 1)
        await finish(standin)
        job = facts_of(await client.call_tool("video_job_status", {"job_id": job["job_id"], "wait_seconds": 20}))
    assert await called(standin) == [200]
    assert (job["status"], len(standin.submits), standin.looks()) == ("completed", 1, 2)


@pytest.mark.parametrize("over_http", [True, False], ids=["no-public-url", "not-over-http"])
async def test_no_webhook_is_asked_for_where_none_can_arrive(
    standin: CallingFal, environment: dict[str, str], open_service: OpenService, *, over_http: bool
) -> None:
    if over_http:
        async with served(environment, public=False) as (service, origin):
            await submitted(service, standin)
            async with httpx2.AsyncClient(trust_env=False) as http:
                assert (await http.post(f"{origin}/webhooks/fal/{'A' * 46}", content=b"{}")).status_code == 404
    else:
        await submitted(open_service(reachable(environment, free_port())), standin)
    assert (len(standin.submits), standin.webhooks, standin.submits[0].query) == (1, {}, {})


# What is not fal's, or not about our requests.

Change = Callable[[CallingFal, str], tuple[bytes, dict[str, str]]]


def by_another_key(standin: CallingFal, request_id: str) -> tuple[bytes, dict[str, str]]:  # noqa: ARG001
    body = call_body(request_id)
    return body, signature_headers(Ed25519PrivateKey.generate(), body)


def altered(standin: CallingFal, request_id: str) -> tuple[bytes, dict[str, str]]:
    body = call_body(request_id)
    return body + b" ", signature_headers(standin.signing_key, body)


def unsigned(standin: CallingFal, request_id: str) -> tuple[bytes, dict[str, str]]:  # noqa: ARG001
    return call_body(request_id), {}


def of_long_ago(standin: CallingFal, request_id: str) -> tuple[bytes, dict[str, str]]:
    body = call_body(request_id)
    return body, signature_headers(standin.signing_key, body, timestamp=1_700_000_000)


def of_the_future(standin: CallingFal, request_id: str) -> tuple[bytes, dict[str, str]]:
    body = call_body(request_id)
    return body, signature_headers(standin.signing_key, body, timestamp=99_999_999_999)


def no_json(standin: CallingFal, request_id: str) -> tuple[bytes, dict[str, str]]:  # noqa: ARG001
    body = b"\xff{"
    return body, signature_headers(standin.signing_key, body)


def about_a_path(standin: CallingFal, request_id: str) -> tuple[bytes, dict[str, str]]:
    body = call_body(f"../{request_id}?x=")
    return body, signature_headers(standin.signing_key, body)


def about_another_request(standin: CallingFal, request_id: str) -> tuple[bytes, dict[str, str]]:
    body = call_body(request_id[::-1])
    return body, signature_headers(standin.signing_key, body)


def too_long(standin: CallingFal, request_id: str) -> tuple[bytes, dict[str, str]]:
    body = call_body(request_id, padding="x" * MAX_BODY_BYTES)
    return body, signature_headers(standin.signing_key, body)


OUT_OF_ORDER: Mapping[Change, int] = {
    by_another_key: 403,
    altered: 403,
    unsigned: 403,
    of_long_ago: 403,
    of_the_future: 403,
    no_json: 400,
    about_a_path: 400,
    about_another_request: 404,
    too_long: 413,
}


async def test_a_call_that_is_not_in_order_is_refused_and_changes_nothing(
    standin: CallingFal, environment: dict[str, str]
) -> None:
    async with served(environment) as (service, _):
        job = await submitted(service, standin)
        ((request_id, url),) = standin.webhooks.items()
        for change, status in OUT_OF_ORDER.items():
            body, headers = change(standin, request_id)
            answer = await asyncio.to_thread(standin.call, url, request_id, body, headers)
            assert (change.__name__, answer) == (change.__name__, status)
        assert (standin.looks(), untimed(await service.status(job.id))) == (1, untimed(job))
        await finish(standin)
        assert (await service.wait(job.id, 10)).status == "completed"


async def test_a_body_without_a_declared_length_is_bounded_too(
    standin: CallingFal, environment: dict[str, str]
) -> None:
    async with served(environment) as (service, _):
        await submitted(service, standin)
        (url,) = standin.webhooks.values()

        async def endless() -> AsyncGenerator[bytes]:
            for _ in range(MAX_BODY_BYTES // 100_000 + 1):
                yield b"x" * 100_000

        async with httpx2.AsyncClient(trust_env=False) as http:
            assert (await http.post(url, content=endless())).status_code == 413


async def test_an_address_that_was_not_made_here_is_unknown_whoever_signs(
    standin: CallingFal, environment: dict[str, str]
) -> None:
    async with served(environment) as (service, origin):
        await submitted(service, standin)
        ((request_id, url),) = standin.webhooks.items()
        body = call_body(request_id)
        first, last = url[:-2], url[-2:]
        forged = [f"{first}{'AA' if last != 'AA' else 'AQ'}", f"{origin}/webhooks/fal/x", f"{origin}/webhooks/fal/",
                  f"{origin}/webhooks/google/{url.rpartition('/')[2]}", f"{url}/", f"{origin}/webhooks"]  # fmt: skip
        for address in forged:
            assert await asyncio.to_thread(standin.call, address, request_id, body) == 404, address
        async with httpx2.AsyncClient(trust_env=False) as http:
            answer = await http.get(url)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert standin.key_reads() == 0, "nothing is checked, and nothing read, for an address that was not made here"


async def test_the_same_call_may_come_again(standin: CallingFal, environment: dict[str, str]) -> None:
    async with served(environment) as (service, _):
        job = await submitted(service, standin)
        ((request_id, url),) = standin.webhooks.items()
        body = call_body(request_id)
        headers = signature_headers(standin.signing_key, body)
        again = [asyncio.to_thread(standin.call, url, request_id, body, headers) for _ in range(5)]
        assert await asyncio.gather(*again) == [200] * 5
        await finish(standin)
        job = await service.wait(job.id, 10)
        assert job.status == "completed"
        assert await asyncio.to_thread(standin.call, url, request_id, body, headers) == 200
        assert await service.status(job.id) == job
    assert (len(standin.submits), standin.key_reads()) == (1, 1)


async def test_keys_that_cannot_be_read_make_fal_call_again(standin: CallingFal, environment: dict[str, str]) -> None:
    async with served(environment) as (service, _):
        job = await submitted(service, standin)
        keys, standin.listed = standin.listed, []
        await finish(standin)
        assert await called(standin) == [503]
        assert (await service.status(job.id)).status == "working"
    standin.listed = [{"kty": "RSA", "n": "AQAB"}, listed_key(Ed25519PrivateKey.generate()), *keys]
    async with served(environment) as (service, _):
        # The server that is started later looks at once by itself.
        assert (await service.wait(job.id, 10)).status == "completed"


# Submits whose answer was lost.


def asked_for_the_list(standin: CallingFal) -> int:
    return sum(request.path == PATH for request in standin.requests)


async def test_a_lost_submit_is_found_by_its_call(standin: CallingFal, environment: dict[str, str]) -> None:
    async with served(environment) as (service, _):
        job = await lost(service, standin)
        await finish(standin)
        assert await called(standin) == [200]
        done = await service.wait(job.id, 10, until=lambda one: one.status == "completed")
    assert (done.status, len(standin.submits), len(done.attempts)) == ("completed", 1, 1), done.message
    (attempt,) = done.attempts
    assert (attempt.status, attempt.operation_id, attempt.error) == ("succeeded", standin.accepted[0], None)
    assert (done.error, done.committed_usd) == (None, attempt.cost_usd)
    assert asked_for_the_list(standin) == 1, "only when it was lost"


async def test_a_lost_submit_is_not_taken_for_what_our_key_does_not_know(
    standin: CallingFal, environment: dict[str, str]
) -> None:
    """Anybody may make fal sign a call to any address."""
    async with served(environment) as (service, _):
        job = await lost(service, standin)
        (url,) = standin.webhooks.values()
        body = call_body("request-of-somebody-else")
        assert await asyncio.to_thread(standin.call, url, "", body) == 404
        after = await service.wait(job.id, 0)
        assert (after.status, after.attempts) == ("uncertain", job.attempts)
        standin.fault("status_status", status=503)
        assert await asyncio.to_thread(standin.call, url, "", call_body(standin.accepted[0])) == 503
        assert (await service.wait(job.id, 0)).status == "uncertain"


async def test_a_call_that_outruns_the_answer_to_the_submit(standin: CallingFal, environment: dict[str, str]) -> None:
    standin.fault("submit_slow", accepted=True)
    async with served(environment) as (service, _):
        job = await service.generate(CLIP)
        await seen(standin, lambda: len(standin.accepted) == 1)
        await finish(standin)
        await seen(standin, lambda: standin.looks() >= 1)
        standin.release()
        assert await called(standin) == [200]
        job = await service.wait(job.id, 10)
    assert (job.status, len(standin.submits), len(job.attempts)) == ("completed", 1, 1)


async def test_a_handle_that_was_noted_is_used_by_the_next_look(
    standin: CallingFal, environment: dict[str, str]
) -> None:
    async with served(environment) as (service, _):
        job, other = await lost(service, standin), await submitted_beside(service, standin)
        running = await service._open()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        marks = CalledBack(running.store.database)
        gateway = service.gateway("fal")
        assert isinstance(gateway, CallsBack)
        operation = gateway.operation(KLING, standin.accepted[0])
        assert not await marks.note(other.id, 1, operation), "its answer has come"
        assert await marks.note(job.id, 1, operation)
        assert not await marks.note(job.id, 1, operation), "it is noted"
        looks = standin.looks()
        await service.status(job.id)
        await seen(standin, lambda: standin.looks() > looks)
        found = await service.wait(job.id, 0)
        assert (found.status, found.attempts[0].operation) == ("working", operation)
    assert asked_for_the_list(standin) == 1


async def submitted_beside(service: VideoService, standin: CallingFal) -> Job:
    job = await service.generate(CLIP)
    await seen(standin, lambda: len(standin.accepted) >= 2)
    return await service.wait(job.id, 10, until=lambda one: bool(one.attempts and one.attempts[-1].operation))


# Jobs that another process drives.


async def test_the_call_reaches_the_process_that_drives_the_job(
    standin: CallingFal, environment: dict[str, str], open_service: OpenService
) -> None:
    port = free_port()
    async with served(environment, port=port) as (first, _):
        job = await submitted(first, standin)
    driving = open_service(environment)
    await driving.resume()
    await seen(standin, lambda: standin.looks() >= 2)
    async with served(environment, port=port) as (receiving, _):
        assert (await receiving.status(job.id)).driver == (await driving.status(job.id)).driver != job.driver
        await finish(standin)
        assert await called(standin) == [200]
        done = await driving.wait(job.id, 10)
    assert (done.status, len(standin.submits), standin.looks()) == ("completed", 1, 3)
