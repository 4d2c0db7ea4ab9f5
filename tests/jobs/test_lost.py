"""Submits whose answer was lost: found again where the gateway lists exactly one that fits, and never sent again."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from tests.conftest import OpenService
from tests.standins.fal import FalStandIn
from tests.standins.history import PATH, item_of
from tests.standins.schemas import Generation, Json

from videogen_mcp.jobs.clock import SystemClock
from videogen_mcp.jobs.job import Job
from videogen_mcp.jobs.lost import LOOK_UP_SECONDS
from videogen_mcp.service import VideoService
from videogen_mcp.settings import load_settings
from videogen_mcp.types import VideoRequest

WAN = "fal-ai/wan/v2.7/text-to-video"
KLING = "fal-ai/kling-video/v3/pro/text-to-video"
SEEDED = VideoRequest(prompt="A fox runs over snow", endpoint=f"fal:{WAN}", duration=2, resolution="720p")
PLAIN = VideoRequest(prompt="A fox runs over snow", endpoint=f"fal:{KLING}", duration=3)
"""For an endpoint that has nothing to tell two equal requests apart by."""

LIST_FAULT = PATH.removeprefix("/platform")


class Shifted(SystemClock):
    """A clock that can be put forward."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return super().monotonic() + self.seconds


def posts(standin: FalStandIn) -> int:
    return sum(request.is_submit for request in standin.requests)


async def ended(service: VideoService, request: VideoRequest) -> Job:
    job = await service.wait((await service.generate(request)).id, 20)
    assert job.ended, job.message
    return job


async def looked(standin: FalStandIn, times: int) -> None:
    """Wait until the gateway's list was asked for so often."""
    assert await asyncio.to_thread(standin.wait_until, lambda: looks(standin) >= times), looks(standin)


def looks(standin: FalStandIn) -> int:
    return sum(request.path == PATH for request in standin.requests)


async def settled(service: VideoService, job_id: str) -> Job:
    """The job once nothing looks for it any more in this process."""
    if running := [task for task in asyncio.all_tasks() if task.get_name() == f"job-{job_id}"]:
        await asyncio.wait(running)
    return await service.wait(job_id, 0)


def lose_next(standin: FalStandIn) -> None:
    standin.fault("submit_drop_after_body", accepted=True)


async def end_at_the_gateway(standin: FalStandIn) -> None:
    """Let the generations end, as they do whether or not anybody looks."""
    standin.plan(0, 0)
    async with httpx2.AsyncClient(trust_env=False, headers={"Authorization": f"Key {standin.key}"}) as http:
        for request_id in standin.accepted:
            app = "/".join(standin.submits[0].path[1:].split("/")[:2])
            reply = await http.get(f"{standin.queue_url}/{app}/requests/{request_id}/status")
            assert reply.json()["status"] == "COMPLETED"


def foreign(endpoint: str, body: Json) -> Json:
    """An item of a request that somebody else sent with the same key just now."""
    now = datetime.now(UTC)
    return item_of(Generation("of-somebody-else", endpoint, body, sent_at=now, ended_at=now))


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        ("submit_drop_after_body", {"accepted": True}),
        ("submit_status", {"status": 504, "body": "<html>Gateway Time-out", "accepted": True}),
        ("submit_garbage", {"accepted": True}),
        ("submit_without_request_id", {}),
    ],
)
@pytest.mark.parametrize("request_", [SEEDED, PLAIN], ids=["seed", "plain"])
async def test_what_is_listed_is_found_at_once_and_paid_once(
    standin: FalStandIn, fal_service: VideoService, kind: str, *, details: dict[str, Any], request_: VideoRequest
) -> None:
    standin.history.lists_running = True
    standin.fault(kind, **details)
    seen: list[str] = []

    async def see(job: Job) -> None:
        seen.append(job.status)

    job = await fal_service.generate(request_)
    job = await fal_service.wait(job.id, 20, see)
    assert (job.status, posts(standin), len(job.attempts)) == ("completed", 1, 1), job.message
    assert "uncertain" not in seen, "nobody need be told of what was found at once"
    (attempt,) = job.attempts
    assert (attempt.status, attempt.operation_id, attempt.error) == ("succeeded", standin.accepted[0], None)
    assert (job.error, job.committed_usd) == (None, attempt.cost_usd)
    assert job.video is not None
    assert standin.history.looks[0]["endpoint_id"] == [attempt.endpoint.removeprefix("fal:")]


async def test_what_is_listed_only_after_it_ended_is_found_by_a_later_status_call(
    standin: FalStandIn, fal_environment: dict[str, str]
) -> None:
    clock = Shifted()
    lose_next(standin)
    async with VideoService(load_settings(fal_environment), clock=clock) as service:
        job = await ended(service, SEEDED)
        assert (job.status, looks(standin)) == ("uncertain", 1)
        await end_at_the_gateway(standin)
        clock.seconds += LOOK_UP_SECONDS
        assert (await service.status(job.id)).status == "uncertain", "the answer does not wait for the look"
        await settled(service, job.id)
        job = await service.wait(job.id, 10)
    assert (job.status, posts(standin), looks(standin)) == ("completed", 1, 2)
    assert job.attempts[0].operation_id == standin.accepted[0]
    assert job.committed_usd == job.attempts[0].cost_usd


async def test_it_is_found_at_the_next_start(
    standin: FalStandIn, open_service: OpenService, fal_environment: dict[str, str]
) -> None:
    lose_next(standin)
    first, second = open_service(fal_environment), open_service(fal_environment)
    job = await ended(first, SEEDED)
    await first.close()
    assert job.status == "uncertain"
    await end_at_the_gateway(standin)
    await second.resume()
    await settled(second, job.id)
    after = await second.wait(job.id, 10)
    assert (after.status, posts(standin), after.driver != job.driver) == ("completed", 1, True)


async def test_it_is_found_hours_later_too(
    standin: FalStandIn, open_service: OpenService, fal_environment: dict[str, str]
) -> None:
    lose_next(standin)
    job = await ended(open_service(fal_environment), SEEDED)
    await end_at_the_gateway(standin)
    clock = Shifted()
    clock.seconds = 3 * 24 * 3600.0
    async with VideoService(load_settings(fal_environment), clock=clock) as service:
        await service.resume()
        await settled(service, job.id)
        assert (await service.wait(job.id, 10)).status == "completed"
    assert "end" not in standin.history.looks[0], "the range goes up to the present"
    (end,) = standin.history.looks[-1]["end"]
    assert timedelta(0) < datetime.fromisoformat(end) - job.created_at <= timedelta(days=1, seconds=1)


async def test_of_two_processes_that_find_it_one_goes_on(
    standin: FalStandIn, open_service: OpenService, fal_environment: dict[str, str]
) -> None:
    lose_next(standin)
    first = open_service(fal_environment)
    job = await ended(first, SEEDED)
    await first.close()
    await end_at_the_gateway(standin)
    others = [open_service(fal_environment) for _ in range(2)]
    await asyncio.gather(*(one.resume() for one in others))
    for one in others:
        await settled(one, job.id)
    ends = [await one.wait(job.id, 10) for one in others]
    assert [(one.status, len(one.attempts)) for one in ends] == [("completed", 1)] * 2
    assert ends[0].driver == ends[1].driver != job.driver
    assert posts(standin) == 1
    downloads = [request for request in standin.requests if request.path.startswith("/files/")]
    assert len(downloads) == 1


async def test_of_two_equal_requests_neither_is_taken(standin: FalStandIn, fal_service: VideoService) -> None:
    standin.plan(0, 0)
    body = fal_service.plan(PLAIN).candidates[0].payload.body
    standin.history.others = [foreign(KLING, body)]
    lose_next(standin)
    job = await ended(fal_service, PLAIN)
    assert (job.status, posts(standin), looks(standin)) == ("uncertain", 1, 1)


async def test_one_request_on_two_pages_is_one(standin: FalStandIn, fal_service: VideoService) -> None:
    standin.plan(0, 0)
    standin.history.most_per_page = 1
    standin.history.others = [foreign(WAN, {"prompt": "Another"}), foreign(WAN, {"prompt": "And another"})]
    lose_next(standin)
    job = await ended(fal_service, SEEDED)
    assert (job.status, posts(standin), looks(standin)) == ("completed", 1, 3)


@pytest.mark.parametrize("what", ["other input", "too long ago", "no inputs told", "nothing accepted"])
async def test_what_does_not_fit_is_not_taken(standin: FalStandIn, fal_service: VideoService, what: str) -> None:
    standin.plan(0, 0)
    body = fal_service.plan(PLAIN).candidates[0].payload.body
    item = foreign(KLING, body)
    if what == "other input":
        item["json_input"] = body | {"prompt": "A fox walks over snow"}
    if what == "too long ago":
        item["sent_at"] = (datetime.now(UTC) - timedelta(seconds=130)).isoformat()
    if what == "no inputs told":
        standin.history.payloads = False
    standin.history.others = [] if what == "nothing accepted" else [item]
    standin.fault("submit_drop_after_body", accepted=False)
    job = await ended(fal_service, PLAIN)
    assert (job.status, posts(standin), looks(standin)) == ("uncertain", 1, 1)


async def test_the_request_of_another_job_is_not_taken(standin: FalStandIn, fal_service: VideoService) -> None:
    standin.plan(0, 0)
    standin.history.lists_running = True
    first = await ended(fal_service, PLAIN)
    standin.fault("submit_drop_after_body", accepted=False)
    second = await ended(fal_service, PLAIN)
    assert first.attempts[0].body == second.attempts[0].body
    assert looks(standin) == 1, "its one match is what the first job made"
    assert (first.status, second.status, posts(standin)) == ("completed", "uncertain", 2)


TROUBLE: list[tuple[str, dict[str, Any]]] = [
    ("platform_status", {"status": 500}),
    ("platform_status", {"status": 401}),
    ("platform_status", {"status": 429, "headers": {"Retry-After": "60"}}),
    ("platform_garbage", {}),
    ("platform_drop", {}),
]


@pytest.mark.parametrize(("kind", "details"), TROUBLE)
async def test_a_look_that_fails_is_made_again_but_not_at_once(
    standin: FalStandIn, fal_environment: dict[str, str], kind: str, details: dict[str, Any]
) -> None:
    standin.plan(0, 0)
    clock = Shifted()
    lose_next(standin)
    standin.fault(kind, LIST_FAULT, **details)
    async with VideoService(load_settings(fal_environment), clock=clock) as service:
        job = await ended(service, SEEDED)
        assert (job.status, job.error and job.error.code, looks(standin)) == ("uncertain", "submit_uncertain", 1)
        clock.seconds += LOOK_UP_SECONDS - 5
        for _ in range(5):
            await service.status(job.id)
            await settled(service, job.id)
        assert looks(standin) == 1, "it was looked for just now"
        clock.seconds += 5 + float(details.get("headers", {}).get("Retry-After", 0))
        await service.status(job.id)
        await settled(service, job.id)
        job = await service.wait(job.id, 10)
    assert (job.status, looks(standin), posts(standin)) == ("completed", 2, 1)


async def test_calls_at_once_look_once(standin: FalStandIn, fal_environment: dict[str, str]) -> None:
    clock = Shifted()
    lose_next(standin)
    async with VideoService(load_settings(fal_environment), clock=clock) as service:
        job = await ended(service, SEEDED)
        clock.seconds += LOOK_UP_SECONDS
        await asyncio.gather(*(service.status(job.id) for _ in range(20)))
        await looked(standin, 2)
        await settled(service, job.id)
    assert looks(standin) == 2


async def test_the_job_tells_what_happened_what_it_may_cost_where_to_look_and_how_to_go_on(
    standin: FalStandIn, fal_service: VideoService
) -> None:
    lose_next(standin)
    job = await ended(fal_service, SEEDED)
    assert (job.status, job.attempts[0].status) == ("uncertain", "uncertain")
    assert job.error == job.attempts[0].error
    assert job.error is not None
    assert "The answer to the submit was lost: the connection was closed" in job.error.message
    assert "may be billed, at about $0.20" in job.error.message
    begun = job.attempts[0].begun_at
    assert begun is not None
    assert f"At fal it is fal-ai/wan/v2.7/text-to-video, sent at {begun:%Y-%m-%d %H:%M:%S} UTC" in job.error.fix
    for words in ("gateway's own list", "never sent again by itself", "paid twice", "start a new job", "request_key"):
        assert words in job.error.fix
    assert (job.committed_usd, posts(standin)) == (job.attempts[0].cost_usd, 1)


async def test_the_same_key_gives_the_uncertain_job_and_no_key_a_new_one(
    standin: FalStandIn, fal_service: VideoService
) -> None:
    lose_next(standin)
    keyed = SEEDED.model_copy(update={"request_key": "once"})
    job = await ended(fal_service, keyed)
    assert (await fal_service.generate(keyed)).id == job.id
    assert (posts(standin), job.status) == (1, "uncertain")
    again = await ended(fal_service, SEEDED)
    assert (again.status, posts(standin)) == ("completed", 2)


async def test_what_is_cancelled_while_it_is_uncertain_is_still_found(
    standin: FalStandIn, fal_environment: dict[str, str]
) -> None:
    clock = Shifted()
    lose_next(standin)
    async with VideoService(load_settings(fal_environment), clock=clock) as service:
        job = await ended(service, SEEDED)
        assert (await service.cancel(job.id)).status == "uncertain", "what may run cannot be called cancelled"
        await end_at_the_gateway(standin)
        clock.seconds += LOOK_UP_SECONDS
        await service.status(job.id)
        await settled(service, job.id)
        assert (await service.wait(job.id, 10)).status == "completed"
