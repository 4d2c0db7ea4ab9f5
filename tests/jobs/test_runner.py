"""One job from its row to its end, through the service, against the stand-in."""

import asyncio
import hashlib
import logging
import socket
import time
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.clocks import LeapingClock
from tests.conftest import OpenService
from tests.jobs.held import held_before_the_submit
from tests.standins.clips import make_clip
from tests.standins.fal import FalStandIn
from tests.standins.schemas import Generation, Reply, detail, endpoints

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.catalogue.encode import Payload
from videogen_mcp.catalogue.pricing import Cost
from videogen_mcp.errors import ErrorCode
from videogen_mcp.jobs.clock import SystemClock
from videogen_mcp.jobs.job import Attempt, Job, JobError
from videogen_mcp.jobs.runner import next_candidate
from videogen_mcp.jobs.watch import FIRST_WORD_SECONDS
from videogen_mcp.selection.scoring import Candidate
from videogen_mcp.service import VideoService
from videogen_mcp.settings import load_settings
from videogen_mcp.types import VideoRequest

UNSPOKEN = tuple(one.key for one in load_catalogue().endpoints if one.gateway == "fal" and one.id not in endpoints())
"""What the stand-in has no schema of, so that a free choice falls on what it can answer."""

WAN = "fal:fal-ai/wan/v2.7/text-to-video"
PINNED = VideoRequest(prompt="A fox runs over snow", endpoint=WAN, duration=2, resolution="720p")
FREE = VideoRequest(prompt="A fox runs over snow", duration=2, exclude=UNSPOKEN)
HTML = "<!doctype html><title>Bad gateway</title>"
INVALID = [{"loc": ["body", "prompt"], "msg": "Value error", "type": "value_error"}]
POLICY = [{"loc": ["body", "prompt"], "msg": "flagged by a content checker", "type": "content_policy_violation"}]


async def ended(service: VideoService, request: VideoRequest) -> Job:
    job = await service.generate(request)
    job = await service.wait(job.id, 20)
    assert job.ended, job.message
    return job


def posts(standin: FalStandIn) -> list[str]:
    return [request.path for request in standin.requests if request.is_submit]


def ids(service: VideoService, request: VideoRequest) -> list[str]:
    return [candidate.endpoint_id for candidate in service.plan(request).candidates]


async def test_one_post_and_a_file_with_its_facts(standin: FalStandIn, fal_service: VideoService) -> None:
    standin.video = make_clip(2, audio=True)
    job = await ended(fal_service, PINNED)
    assert (job.status, job.progress, job.message, job.error) == ("completed", 1.0, "made with wan-2.7", None)
    assert posts(standin) == ["/fal-ai/wan/v2.7/text-to-video"]
    (attempt,) = job.attempts
    assert (attempt.number, attempt.endpoint, attempt.status) == (1, WAN, "succeeded")
    assert attempt.operation_id == standin.accepted[0]
    assert attempt.body == standin.submits[0].json
    assert (attempt.cost_usd, job.committed_usd, job.billed_usd) == (Decimal("0.2"), Decimal("0.2"), None)
    video = job.video
    assert video is not None
    assert (video.width, video.height, video.fps, video.mime_type) == (320, 180, 24, "video/mp4")
    assert (video.has_audio, video.checks) == (True, ())
    assert video.duration_seconds == pytest.approx(2, abs=0.05)
    files = {str(path): path.read_bytes() for path in fal_service.settings.videos_folder.iterdir()}
    assert files.keys() == {video.path, video.poster_path, video.contact_sheet_path}
    assert files[video.path] == standin.video
    assert video.size_bytes == len(standin.video)
    assert video.sha256 == hashlib.sha256(standin.video).hexdigest()
    assert all(data.startswith(b"\xff\xd8") for name, data in files.items() if name != video.path)


async def test_what_happens_is_told_on_the_way(standin: FalStandIn, fal_service: VideoService) -> None:
    standin.plan(2, 3)
    seen: list[Job] = []

    async def see(job: Job) -> None:
        seen.append(job)

    job = await fal_service.generate(PINNED)
    assert job.status == "queued"
    await fal_service.wait(job.id, 20, see)
    assert [one.progress for one in seen] == sorted(one.progress for one in seen)
    assert any(one.status == "working" for one in seen)
    assert seen[-1].message == "made with wan-2.7"


async def test_a_bad_key_is_told_after_one_post(
    standin: FalStandIn, open_service: OpenService, fal_environment: dict[str, str]
) -> None:
    job = await ended(open_service(fal_environment | {"FAL_KEY": "wrong-key-of-the-tests"}), FREE)
    assert (job.status, job.error and job.error.code) == ("failed", "unauthorized")
    assert len(posts(standin)) == len(job.attempts) == 1
    assert job.committed_usd == 0
    assert "doctor" in (job.error.fix if job.error else "")
    assert "wrong-key" not in str(job)


async def test_a_key_that_cannot_be_sent_fails_the_job(
    standin: FalStandIn, open_service: OpenService, fal_environment: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    job = await ended(open_service(fal_environment | {"FAL_KEY": "“secret-key”"}), FREE)
    assert (job.status, job.error and job.error.code, posts(standin)) == ("failed", "unauthorized", [])
    assert "secret-key" not in caplog.text + str(job)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "https://queue.invalid"])
async def test_an_unreachable_gateway_is_told_at_once(
    open_service: OpenService, fal_environment: dict[str, str], url: str
) -> None:
    hosts = f"{fal_environment['VIDEOGEN_ALLOWED_HOSTS']},127.0.0.1:1"
    service = open_service(fal_environment | {"VIDEOGEN_FAL_QUEUE_URL": url, "VIDEOGEN_ALLOWED_HOSTS": hosts})
    await service.page()  # opening the database is not what is timed
    began = time.monotonic()
    job = await ended(service, FREE)
    assert time.monotonic() - began < 5
    assert (job.status, job.error and job.error.code) == ("failed", "gateway_unavailable")
    assert [attempt.status for attempt in job.attempts] == ["failed"]
    assert (await service.totals()).committed_usd == 0


async def test_a_refusal_leads_to_the_next_endpoint(standin: FalStandIn, fal_service: VideoService) -> None:
    first, second, *_ = ids(fal_service, FREE)
    standin.fault("submit_status", first, status=422, body={"detail": INVALID})
    job = await ended(fal_service, FREE)
    assert job.status == "completed"
    assert posts(standin) == [f"/{first}", f"/{second}"]
    assert [(one.number, one.endpoint, one.status) for one in job.attempts] == [
        (1, f"fal:{first}", "failed"),
        (2, f"fal:{second}", "succeeded"),
    ]
    assert job.attempts[0].error == JobError(
        "invalid_request", "fal refused the request with 422: prompt: Value error.", "", f"fal:{first}"
    )
    assert job.attempts[0].cost_usd == 0
    assert job.committed_usd == job.attempts[1].cost_usd


async def test_a_failed_generation_leads_to_the_next_endpoint(standin: FalStandIn, fal_service: VideoService) -> None:
    first, second, *_ = ids(fal_service, FREE)
    standin.fault("complete_with_error", first, error="Out of memory", error_type="internal_server_error", status=500)
    job = await ended(fal_service, FREE)
    assert (job.status, posts(standin)) == ("completed", [f"/{first}", f"/{second}"])
    assert job.attempts[0].cost_usd == 0, "fal does not charge what ended with 5xx"


async def test_when_every_endpoint_refuses_the_last_reason_is_told(
    standin: FalStandIn, fal_service: VideoService
) -> None:
    tried = ids(fal_service, FREE)[:5]
    standin.fault("submit_status", times=len(tried), status=422, body={"detail": INVALID})
    job = await ended(fal_service, FREE)
    assert posts(standin) == [f"/{one}" for one in tried]
    assert job.status == "failed"
    assert "endpoints were tried" in (job.error.message if job.error else "")


@pytest.mark.parametrize(
    ("kind", "details"),
    [("submit_status", {"status": 422, "body": {"detail": POLICY}}), ("complete_with_error", {})],
)
async def test_a_content_filter_ends_the_job(
    standin: FalStandIn, fal_service: VideoService, kind: str, details: dict[str, Any]
) -> None:
    standin.fault(kind, **details)
    job = await ended(fal_service, FREE)
    assert (job.status, len(posts(standin))) == ("failed", 1)
    assert job.error
    assert (job.error.code, "flagged" in job.error.message) == ("content_policy", True)


async def test_without_fallback_the_first_refusal_ends_the_job(standin: FalStandIn, fal_service: VideoService) -> None:
    standin.fault("submit_status", status=422, body={"detail": INVALID})
    job = await ended(fal_service, FREE.model_copy(update={"allow_fallback": False}))
    assert (job.status, len(posts(standin))) == ("failed", 1)
    assert job.error
    assert job.error.code == "invalid_request"


@pytest.mark.parametrize("pin", [{"endpoint": WAN}, {"provider": "wan"}, {"model": "wan-2.7"}])
async def test_a_fallback_stays_within_the_pin(
    standin: FalStandIn, fal_service: VideoService, pin: dict[str, str]
) -> None:
    request = FREE.model_copy(update=pin)
    within = ids(fal_service, request)
    standin.fault("submit_status", times=len(within), status=422, body={"detail": INVALID})
    job = await ended(fal_service, request)
    assert (job.status, posts(standin)) == ("failed", [f"/{one}" for one in within])
    assert all("wan" in one for one in within)


async def test_the_cap_covers_all_attempts_together(standin: FalStandIn, fal_service: VideoService) -> None:
    first = fal_service.plan(FREE).candidates[0]
    cap = float(first.cost.ceiling_usd or 0) + 0.01
    standin.fault("complete_with_error", first.endpoint_id, error="Out of memory", error_type="internal_server_error")
    job = await ended(fal_service, FREE.model_copy(update={"max_cost_usd": cap}))
    assert (job.status, len(posts(standin))) == ("failed", 1)
    assert job.committed_usd == first.cost.estimated_usd


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        ("submit_drop_after_body", {"accepted": True}),
        ("submit_status", {"status": 504, "body": HTML, "accepted": True}),
        ("submit_garbage", {}),
        ("submit_without_request_id", {}),
    ],
)
async def test_a_lost_answer_is_uncertain_and_nothing_else_is_tried(
    standin: FalStandIn, fal_service: VideoService, kind: str, details: dict[str, Any]
) -> None:
    standin.fault(kind, **details)
    job = await ended(fal_service, FREE)
    assert (job.status, len(posts(standin)), job.attempts[0].status) == ("uncertain", 1, "uncertain")
    assert job.error
    assert job.error.code == "submit_uncertain"
    assert "gateway's own list" in job.error.fix
    assert job.committed_usd == job.attempts[0].cost_usd != 0


TROUBLE: list[tuple[str, dict[str, Any]]] = [
    ("status_status", {"status": 401, "body": {"detail": "Bad key"}}),
    ("status_status", {"status": 404}),
    ("status_status", {"status": 429, "headers": {"Retry-After": "0.01"}}),
    ("status_status", {"status": 500}),
    ("status_status", {"status": 503, "body": HTML}),
    ("status_garbage", {}),
    ("status_drop", {}),
    ("result_status", {"status": 404}),
    ("result_status", {"status": 503}),
    ("result_status", {"status": 200, "body": HTML}),
]


@pytest.mark.parametrize(("kind", "details"), TROUBLE)
async def test_trouble_with_polling_is_no_failure(
    standin: FalStandIn, fal_service: VideoService, kind: str, details: dict[str, Any]
) -> None:
    standin.fault(kind, times=3, **details)
    job = await ended(fal_service, PINNED)
    assert (job.status, len(posts(standin)), len(job.attempts)) == ("completed", 1, 1)


async def test_a_request_that_the_gateway_forgot_is_not_paid_for_again(
    standin: FalStandIn, fal_service: VideoService
) -> None:
    standin.fault("status_status", times=5, status=404)
    job = await ended(fal_service, FREE)
    assert (job.status, len(posts(standin)), job.attempts[0].status) == ("failed", 1, "failed")
    assert job.error
    assert "may be billed" in job.error.fix
    assert job.committed_usd == job.attempts[0].cost_usd != 0


class NotingClock(LeapingClock):  # its time of day stands, so that no pause grows with the time a job has waited
    def now(self) -> datetime:
        return super().now() - timedelta(seconds=self.gone)


@pytest.mark.parametrize(("asked", "expected"), [("42", 42.0), ("1000000", 600.0), ("inf", None), ("nan", None)])
async def test_a_gateway_is_left_alone_as_long_as_it_asks_within_reason(
    standin: FalStandIn, fal_environment: dict[str, str], asked: str, expected: float | None
) -> None:
    standin.fault("status_status", status=429, headers={"Retry-After": asked})
    del fal_environment["VIDEOGEN_POLL_INTERVAL_S"]
    clock = NotingClock()
    async with VideoService(load_settings(fal_environment), clock=clock) as service, asyncio.timeout(20):
        job = await service.wait((await service.generate(PINNED)).id, 1_000_000)  # on a clock that leaps
    assert job.status == "completed"
    looks = [pause for pause in clock.pauses if pause > FIRST_WORD_SECONDS]
    assert [pause for pause in looks if pause > 3] == ([] if expected is None else [expected])
    assert all(2.0 <= pause <= 2.2 for pause in looks if pause <= 3)


async def test_a_connection_that_is_never_made_is_told_within_five_seconds(
    open_service: OpenService, fal_environment: dict[str, str]
) -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for one in (first, second):
            one.setblocking(False)  # noqa: FBT003 -- the socket's own signature
            one.connect_ex(full.getsockname())
        host = f"127.0.0.1:{full.getsockname()[1]}"
        changes = {f"VIDEOGEN_FAL_{api}_URL": f"http://{host}" for api in ("QUEUE", "REST", "API")}
        service = open_service(fal_environment | changes | {"VIDEOGEN_ALLOWED_HOSTS": host})
        await service.page()  # opening the database is not what is timed
        began = time.monotonic()
        job = await ended(service, FREE)
    assert time.monotonic() - began < 5
    assert (job.status, job.error and job.error.code) == ("failed", "gateway_unavailable")
    assert job.committed_usd == 0


async def test_a_redirect_of_the_submit_is_not_followed(standin: FalStandIn, fal_service: VideoService) -> None:
    standin.fault("submit_redirect")
    job = await ended(fal_service, PINNED)
    assert (job.status, len(posts(standin)), standin.accepted) == ("failed", 1, [])


@pytest.mark.parametrize(
    ("kind", "details"), [("download_truncated", {"sent": 900}), ("download_status", {"status": 503})]
)
async def test_a_download_that_breaks_is_tried_again(
    standin: FalStandIn, fal_service: VideoService, kind: str, details: dict[str, Any]
) -> None:
    standin.fault(kind, times=2, **details)
    job = await ended(fal_service, PINNED)
    assert (job.status, len(posts(standin))) == ("completed", 1)
    assert len(list(fal_service.settings.videos_folder.iterdir())) == 3


@pytest.mark.parametrize(
    ("kind", "details", "words"),
    [
        ("download_status", {"status": 404}, "404"),
        ("download_html", {}, "not a video"),
        ("download_redirect", {"location": "http://169.254.169.254/latest/meta-data"}, "may not be fetched"),
        ("download_redirect", {"location": "http://127.0.0.1:1/"}, "may not be fetched"),
        ("download_redirect", {"location": "file:///etc/passwd"}, "may not be fetched"),
    ],
)
async def test_a_clip_that_cannot_be_fetched_is_paid_for_and_told(
    standin: FalStandIn, fal_service: VideoService, *, kind: str, details: dict[str, Any], words: str
) -> None:
    standin.fault(kind, **details)
    job = await ended(fal_service, FREE)
    assert (job.status, len(posts(standin)), job.attempts[0].status) == ("failed", 1, "succeeded")
    assert job.error
    assert job.error.code == "download_failed"
    assert words in job.error.message
    assert f"{standin.files_url}/results/{standin.accepted[0]}/output.mp4" in job.error.fix
    assert job.committed_usd == job.attempts[0].cost_usd != 0


@pytest.mark.parametrize(
    ("kind", "seconds", "check"), [("black", 2, "black"), ("frozen", 2, "frozen"), ("moving", 1, "shorter_than_asked")]
)
async def test_a_look_at_the_frames_is_reported(
    standin: FalStandIn, fal_service: VideoService, *, kind: Any, seconds: float, check: str
) -> None:
    standin.video = make_clip(seconds, 1280, 720, kind=kind)
    job = await ended(fal_service, PINNED)
    assert job.video is not None
    assert check in job.video.checks


async def test_a_cancel_in_the_queue(standin: FalStandIn, fal_service: VideoService) -> None:
    standin.hold("IN_QUEUE")
    job = await fal_service.generate(FREE)
    await fal_service.wait(job.id, 10, until=lambda one: bool(one.attempts and one.attempts[0].operation))
    await fal_service.cancel(job.id)
    job = await fal_service.wait(job.id, 10)
    assert (job.status, job.attempts[0].status, len(posts(standin))) == ("cancelled", "cancelled", 1)
    assert sum(request.path.endswith("/cancel") for request in standin.requests) == 1


async def test_a_cancel_before_the_submit_sends_nothing(standin: FalStandIn, fal_service: VideoService) -> None:
    with held_before_the_submit() as release:
        job = await fal_service.generate(FREE)
        job = await fal_service.cancel(job.id)
        assert (job.status, job.message) == ("cancelled", "cancelled before anything was sent")
        release.set()
        job = await fal_service.wait(job.id, 5)
        await fal_service.close()
    assert (standin.requests, job.attempts, job.committed_usd) == ([], (), 0)
    assert (await fal_service.status(job.id)).message == "cancelled before anything was sent"


async def test_what_finished_before_the_cancel_is_kept(standin: FalStandIn, fal_service: VideoService) -> None:
    standin.plan(0, 0)
    standin.fault("status_drop", times=3)
    job = await fal_service.generate(FREE)
    await fal_service.wait(job.id, 10, until=lambda one: bool(one.attempts and one.attempts[0].operation))
    await fal_service.cancel(job.id)
    job = await fal_service.wait(job.id, 10)
    assert (job.status, len(posts(standin))) == ("completed", 1)
    assert (await fal_service.cancel(job.id)).status == "completed"


class DeafToCancel(FalStandIn):
    def _cancel(self, generation: Generation) -> Reply:
        del generation
        return detail(500, "Internal Server Error")


async def test_a_cancel_that_never_gets_through_does_not_keep_the_clip(
    open_service: OpenService, fal_environment: dict[str, str]
) -> None:
    with DeafToCancel() as deaf:
        deaf.hold("IN_QUEUE")
        service = open_service(
            fal_environment
            | {"VIDEOGEN_FAL_QUEUE_URL": deaf.origin, "VIDEOGEN_ALLOWED_HOSTS": deaf.origin.removeprefix("http://")}
            | {"VIDEOGEN_FAL_REST_URL": deaf.rest_url, "VIDEOGEN_FAL_API_URL": deaf.api_url}
        )
        job = await service.generate(PINNED)
        await service.wait(job.id, 10, until=lambda one: bool(one.attempts and one.attempts[0].operation))
        await service.cancel(job.id)
        tried = lambda: any(request.path.endswith("/cancel") for request in deaf.requests)  # noqa: E731
        assert await asyncio.to_thread(deaf.wait_until, tried)
        deaf.release()
        assert (await service.wait(job.id, 10)).status == "completed"
        await service.close()


async def test_waiting_expires_with_the_state(standin: FalStandIn, fal_service: VideoService) -> None:
    standin.hold()
    job = await fal_service.generate(PINNED)
    job = await fal_service.wait(job.id, 0.05)
    assert (job.ended, job.error) == (False, None)
    assert (await fal_service.wait(job.id, 0)).id == job.id


async def test_nothing_of_the_key_is_logged_or_stored(
    standin: FalStandIn, fal_service: VideoService, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    standin.fault("submit_status", status=401, body={"detail": f"Incorrect key {standin.key}"})
    job = await ended(fal_service, FREE)
    await fal_service.close()
    assert job.status == "failed"
    assert standin.key not in caplog.text + str(job)
    for file in fal_service.settings.home.iterdir():
        assert not file.is_file() or standin.key.encode() not in file.read_bytes()


def candidate(name: str, usd: str | None = "1", gateway: str = "fal") -> Candidate:
    price = None if usd is None else Decimal(usd)
    cost = Cost(price, price, "", "high")
    return Candidate(f"{gateway}:{name}", name, gateway, name, "p", Payload({}), cost, 1.0)


def attempt(name: str, code: ErrorCode | None, usd: str | None = "0") -> Attempt:
    error = None if code is None else JobError(code, "")
    return Attempt(1, name, "failed", {}, error=error, cost_usd=None if usd is None else Decimal(usd))


A, B, OTHER = candidate("a"), candidate("b"), candidate("c", "3", gateway="other")


@pytest.mark.parametrize(
    ("attempts", "cap", "fallback", "expected"),
    [
        ([], None, True, "fal:a"),
        ([], "0.5", True, "fal:a"),
        ([], None, False, "fal:a"),
        ([attempt("fal:a", "invalid_request")], None, True, "fal:b"),
        ([attempt("fal:a", "generation_failed", "1")], None, True, "fal:b"),
        ([attempt("fal:a", "invalid_request")], None, False, None),
        ([attempt("fal:a", "content_policy")], None, True, None),
        ([attempt("fal:a", "timed_out", "1")], None, True, None),
        ([attempt("fal:a", "submit_uncertain", "1")], None, True, None),
        ([attempt("fal:a", "unauthorized")], None, True, "other:c"),
        ([attempt("fal:a", "insufficient_credit")], None, True, "other:c"),
        ([attempt("fal:a", "gateway_unavailable")], None, True, "other:c"),
        ([attempt("fal:a", "gateway_unavailable")], "2", True, None),
        ([attempt("fal:a", "generation_failed", "1")], "2", True, "fal:b"),
        ([attempt("fal:a", "generation_failed", "1")], "1.9", True, None),
        ([attempt("fal:a", "invalid_request")], "1", True, "fal:b"),
        ([attempt("fal:a", "generation_failed", None)], "9", True, None),
        ([attempt("fal:a", "generation_failed", None)], None, True, "fal:b"),
        ([attempt("fal:a", "unauthorized"), attempt("other:c", "invalid_request")], None, True, None),
        ([attempt(one.endpoint, "invalid_request") for one in (A, B, OTHER)], None, True, None),
    ],
)
def test_the_next_candidate(*, attempts: list[Attempt], cap: str | None, fallback: bool, expected: str | None) -> None:
    now = SystemClock().now()
    request = VideoRequest(prompt="p", allow_fallback=fallback)
    fields: dict[str, Any] = {"cap_usd": None if cap is None else Decimal(cap), "attempts": tuple(attempts)}
    job = Job("j", "working", request, "text_to_video", "general", (A, B, OTHER), now, now, **fields)
    found = next_candidate(job)
    assert (found and found.endpoint) == expected


def test_a_candidate_of_unknown_price_is_no_fallback_under_a_cap() -> None:
    now = SystemClock().now()
    candidates = (A, candidate("b", None))
    request = VideoRequest(prompt="p")
    failed = (attempt("fal:a", "invalid_request"),)
    capped = Job("j", "working", request, "text_to_video", "general", candidates, now, now, failed, cap_usd=Decimal(9))
    assert next_candidate(capped) is None
