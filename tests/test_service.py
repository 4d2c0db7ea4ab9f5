"""The service on real HTTP: what is refused before money is spent, what is sent, and what limits hold."""

import asyncio
import base64
import io
from pathlib import Path
from typing import Any

import anyio
import pytest
from PIL import Image
from tests.conftest import OpenService
from tests.standins.clips import make_clip
from tests.standins.fal import FalStandIn
from tests.standins.schemas import endpoints

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.errors import InvalidRequest, NotConfigured, NotFound, OverBudget, UnsafeMedia
from videogen_mcp.jobs.job import Job
from videogen_mcp.service import DATABASE_FILE, VideoService
from videogen_mcp.types import VideoRequest

UNSPOKEN = tuple(one.key for one in load_catalogue().endpoints if one.gateway == "fal" and one.id not in endpoints())
"""What the stand-in has no schema of, so that a free choice falls on what it can answer."""

WAN_TEXT = "fal:fal-ai/wan/v2.7/text-to-video"
WAN_IMAGE = "fal:fal-ai/wan/v2.7/image-to-video"
PINNED = VideoRequest(prompt="A fox runs over snow", endpoint=WAN_TEXT, duration=2, resolution="720p")
FREE = VideoRequest(prompt="A fox runs over snow", duration=2, exclude=UNSPOKEN)
INVALID = [{"loc": ["body", "prompt"], "msg": "Value error", "type": "value_error"}]


def changed(request: VideoRequest, **changes: Any) -> VideoRequest:
    return VideoRequest.model_validate(request.model_dump(exclude_defaults=True) | changes)


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((640, 360), 60).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(name="frame")
def frame_fixture(tmp_path: Path) -> Path:
    (tmp_path / "frame.png").write_bytes(picture())
    return tmp_path / "frame.png"


def posts(standin: FalStandIn) -> list[Any]:
    return [request.json for request in standin.requests if request.is_submit]


async def ended(service: VideoService, request: VideoRequest) -> Job:
    job = await service.wait((await service.generate(request)).id, 20)
    assert job.ended, job.message
    return job


async def stored(service: VideoService) -> int:
    return len((await service.page(limit=100)).jobs)


async def test_a_plan_sends_and_stores_nothing(standin: FalStandIn, fal_service: VideoService) -> None:
    before = list(fal_service.settings.home.iterdir())
    plan = fal_service.plan(FREE)
    assert len(plan.candidates) > 1
    assert list(fal_service.settings.home.iterdir()) == before
    assert standin.requests == []


async def test_what_is_planned_is_what_is_sent(standin: FalStandIn, fal_service: VideoService) -> None:
    plan = fal_service.plan(FREE)
    job = await ended(fal_service, FREE)
    (sent,) = posts(standin)
    added = set(sent) - set(plan.candidates[0].payload.body)
    assert added <= {"end_user_id", "seed"}, "only what tells this submit from every other one"
    assert {name: value for name, value in sent.items() if name not in added} == plan.candidates[0].payload.body
    assert job.attempts[0].endpoint == plan.candidates[0].endpoint
    assert job.committed_usd == plan.candidates[0].cost.estimated_usd


async def test_without_a_key_the_free_animatic_is_drawn_and_named_as_one(local_service: VideoService) -> None:
    job = await ended(local_service, VideoRequest(prompt="A kite over the sea", duration=1, resolution="480p"))
    assert (job.status, job.attempts[0].endpoint, job.committed_usd) == ("completed", "local:animatic", 0)
    assert "not AI video" in job.message
    assert any("not AI video" in warning for warning in job.warnings)


async def test_a_paid_endpoint_without_its_key_is_named(local_service: VideoService) -> None:
    with pytest.raises(NotConfigured, match="FAL_KEY"):
        await local_service.generate(PINNED)
    assert not list(local_service.settings.home.iterdir())


async def test_the_same_key_is_the_same_job(standin: FalStandIn, fal_service: VideoService) -> None:
    request = changed(PINNED, request_key="one")
    jobs = await asyncio.gather(*(fal_service.generate(request) for _ in range(5)))
    await fal_service.wait(jobs[0].id, 20)
    again = await fal_service.generate(request)
    assert {job.id for job in jobs} == {again.id}
    assert (again.status, len(posts(standin))) == ("completed", 1)
    with pytest.raises(InvalidRequest, match="request_key 'one' was used for another request"):
        await fal_service.generate(changed(request, prompt="Something else"))


async def test_a_local_first_frame_is_uploaded(standin: FalStandIn, fal_service: VideoService, frame: Path) -> None:
    job = await ended(fal_service, changed(FREE, first_frame=str(frame), model="wan-2.7"))
    assert job.status == "completed", job.error
    (upload,) = standin.uploads
    assert (upload.data, upload.content_type) == (content(frame), "image/png")
    assert posts(standin)[0]["image_url"] == upload.url
    assert str(frame) not in str(posts(standin))


def content(path: Path) -> bytes:
    return path.read_bytes()


async def test_one_file_in_two_places_is_uploaded_once(
    standin: FalStandIn, fal_service: VideoService, frame: Path
) -> None:
    job = await ended(fal_service, changed(FREE, first_frame=str(frame), last_frame=str(frame), model="wan-2.7"))
    assert job.status == "completed", job.error
    body = posts(standin)[0]
    assert body["image_url"] == body["end_image_url"] == standin.uploads[0].url
    assert len(standin.uploads) == 1


async def test_a_data_uri_is_uploaded(standin: FalStandIn, fal_service: VideoService) -> None:
    data = picture()
    uri = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    job = await ended(fal_service, changed(FREE, first_frame=uri, model="wan-2.7"))
    assert job.status == "completed", job.error
    assert standin.uploads[0].data == data
    assert posts(standin)[0]["image_url"] == standin.uploads[0].url


async def test_an_earlier_clip_is_continued(standin: FalStandIn, fal_service: VideoService) -> None:
    standin.video = make_clip(2, audio=True)
    earlier = await ended(fal_service, PINNED)
    request = changed(FREE, source_video=f"video:{earlier.id}", mode="extend", model="wan-2.7")
    job = await ended(fal_service, request)
    assert job.status == "completed", job.error
    assert standin.uploads[0].data == standin.video
    assert posts(standin)[1]["video_url"] == standin.uploads[0].url


async def test_a_failed_upload_bills_nothing_and_names_the_storage(
    open_service: OpenService, standin: FalStandIn, fal_environment: dict[str, str], frame: Path
) -> None:
    service = open_service(fal_environment | {"VIDEOGEN_FAL_REST_URL": f"{standin.origin}/rest/elsewhere"})
    job = await ended(service, changed(FREE, first_frame=str(frame)))
    assert (job.status, posts(standin), job.committed_usd) == ("failed", [], 0)
    assert job.error
    assert "storage refused the file with 404" in job.error.message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"source_video": "video:0123", "mode": "extend"}, "source_video video:0123 names no job"),
        ({"first_frame": "video:0123"}, "first_frame takes image"),
        ({"first_frame": "missing.png"}, "does not exist"),
        ({"first_frame": "text.png"}, "is not an image"),
        ({"first_frame": "clip.mp4"}, "is not an image"),
        ({"first_frame": "empty.png"}, "is empty"),
        ({"first_frame": "."}, "a folder"),
        ({"first_frame": "data:image/png;base64,!!!"}, "base64"),
        ({"first_frame": "data:image/png;base64,bm90IGFuIGltYWdl"}, "is not an image"),
        ({"first_frame": "http://example.com/a.png"}, "first_frame"),
        ({"first_frame": "https://127.0.0.1/a.png"}, "first_frame"),
        ({"first_frame": "https://nothing.invalid/a.png"}, "first_frame"),
        ({"options": {"image_url": "https://169.254.169.254/a.png"}}, "options.image_url"),
        ({"prompt": ""}, "prompt is empty"),
        ({"model": "no-such-model"}, "allowed: "),
    ],
)
async def test_what_cannot_be_used_is_refused_and_not_stored(
    standin: FalStandIn, fal_service: VideoService, *, changes: dict[str, Any], words: str
) -> None:
    home = fal_service.settings.home
    for name, data in (("text.png", b"text"), ("clip.mp4", make_clip(1)), ("empty.png", b"")):
        (home / name).write_bytes(data)
    if "first_frame" in changes and ":" not in changes["first_frame"]:
        changes = changes | {"first_frame": str(home / changes["first_frame"])}
    with pytest.raises(InvalidRequest) as caught:
        await fal_service.generate(changed(FREE, **changes))
    assert words in str(caught.value)
    assert str(home) not in str(caught.value)
    assert await stored(fal_service) == 0
    assert standin.requests == []


async def test_a_file_outside_the_roots_is_refused_whether_it_is_there_or_not(
    standin: FalStandIn, fal_service: VideoService, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "there.png").write_bytes(picture())
    (fal_service.settings.home / "link.png").symlink_to(outside / "there.png")
    tellings: set[str] = set()
    for path in (outside / "there.png", outside / "not.png", fal_service.settings.home / "link.png"):
        with pytest.raises(UnsafeMedia) as caught:
            await fal_service.generate(changed(FREE, first_frame=str(path)))
        tellings.add(str(caught.value).replace(path.name, "…"))
    assert len(tellings) == 1
    assert (await stored(fal_service), standin.requests) == (0, [])


async def test_a_clip_of_an_unfinished_job_cannot_be_used(standin: FalStandIn, fal_service: VideoService) -> None:
    standin.hold()
    earlier = await fal_service.generate(PINNED)
    with pytest.raises(InvalidRequest, match="has no clip: the job is"):
        await fal_service.generate(changed(FREE, source_video=f"video:{earlier.id}", mode="extend"))
    standin.release()
    await fal_service.wait(earlier.id, 20)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"deep": [float("nan")]}])
async def test_a_number_that_json_cannot_hold_is_refused(
    standin: FalStandIn, fal_service: VideoService, value: Any
) -> None:
    with pytest.raises(InvalidRequest, match="options"):
        await fal_service.generate(changed(PINNED, options={"strength": value}))
    assert (await stored(fal_service), standin.requests) == (0, [])


async def test_the_lower_of_two_caps_counts(open_service: OpenService, fal_environment: dict[str, str]) -> None:
    service = open_service(fal_environment | {"VIDEOGEN_MAX_COST_USD": "0.19"})
    for cap in (None, 5.0):
        with pytest.raises(OverBudget):
            await service.generate(changed(PINNED, max_cost_usd=cap))
    roomy = open_service(fal_environment | {"VIDEOGEN_MAX_COST_USD": "5"})
    with pytest.raises(OverBudget):
        await roomy.generate(changed(PINNED, max_cost_usd=0.19))
    assert (await roomy.generate(changed(PINNED, max_cost_usd=0.2))).cap_usd is not None
    assert await stored(roomy) == 1


async def test_a_cap_chooses_among_what_it_allows(fal_service: VideoService) -> None:
    first = fal_service.plan(FREE).candidates[0]
    below = float(first.cost.ceiling_usd or 0) - 0.01
    allowed = fal_service.plan(changed(FREE, max_cost_usd=below)).candidates
    assert allowed
    assert first.endpoint not in {one.endpoint for one in allowed}
    assert all(one.cost.ceiling_usd is not None and one.cost.ceiling_usd <= below for one in allowed)


async def test_the_days_budget_holds_against_calls_at_once(
    standin: FalStandIn, open_service: OpenService, fal_environment: dict[str, str]
) -> None:
    environment = fal_environment | {"VIDEOGEN_DAILY_BUDGET_USD": "0.5"}
    first, second = open_service(environment), open_service(environment)
    calls = [one.generate(changed(PINNED, prompt=f"fox {n}")) for n, one in enumerate((first, second) * 3)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    jobs = [outcome for outcome in outcomes if isinstance(outcome, Job)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, OverBudget)]
    assert (len(jobs), len(refused), await stored(first)) == (2, 4, 2)
    assert "VIDEOGEN_DAILY_BUDGET_USD 0.5" in str(refused[0])
    for job in jobs:
        assert (await first.wait(job.id, 20)).status == "completed"
    assert len(posts(standin)) == 2


async def test_what_cost_nothing_does_not_use_up_the_day(
    standin: FalStandIn, open_service: OpenService, fal_environment: dict[str, str]
) -> None:
    service = open_service(fal_environment | {"VIDEOGEN_DAILY_BUDGET_USD": "0.2"})
    standin.fault("submit_status", status=422, body={"detail": INVALID})
    assert (await ended(service, PINNED)).status == "failed"
    assert (await ended(service, PINNED)).status == "completed"


@pytest.mark.parametrize("variable", ["VIDEOGEN_DAILY_BUDGET_USD", "VIDEOGEN_CONFIRM_ABOVE_USD"])
async def test_a_fallback_does_not_go_past_a_limit_either(
    standin: FalStandIn, open_service: OpenService, fal_environment: dict[str, str], variable: str
) -> None:
    dear_second = changed(FREE, resolution="720p", priority="cost")
    first = open_service(fal_environment).plan(dear_second).candidates[0]
    limit = first.cost.ceiling_usd
    assert limit is not None
    service = open_service(fal_environment | {variable: str(limit)})
    dearer = [one for one in service.plan(dear_second).candidates[1:5] if (one.cost.ceiling_usd or 0) > limit]
    assert dearer, "the test needs a dearer second choice"
    rest = [one for one in service.plan(dear_second).candidates[:5] if one not in dearer]
    standin.fault("submit_status", times=len(rest), status=422, body={"detail": INVALID})
    job = await ended(service, dear_second)
    assert job.status == "failed"
    assert {attempt.endpoint for attempt in job.attempts} == {one.endpoint for one in rest}


async def test_above_the_limit_a_cap_in_the_request_is_the_consent(
    standin: FalStandIn, open_service: OpenService, fal_environment: dict[str, str]
) -> None:
    service = open_service(fal_environment | {"VIDEOGEN_CONFIRM_ABOVE_USD": "0.1"})
    with pytest.raises(OverBudget, match="VIDEOGEN_CONFIRM_ABOVE_USD"):
        await service.generate(PINNED)
    assert standin.requests == []
    assert (await ended(service, changed(PINNED, max_cost_usd=0.3))).status == "completed"


async def test_a_file_that_goes_missing_after_the_check_bills_nothing(
    standin: FalStandIn, fal_service: VideoService, frame: Path
) -> None:
    job = await fal_service.generate(changed(FREE, first_frame=str(frame), endpoint=WAN_IMAGE))
    remove(frame)
    job = await fal_service.wait(job.id, 20)
    assert (job.status, job.committed_usd, posts(standin)) == ("failed", 0, [])
    assert job.error
    assert "frame.png' does not exist" in job.error.message


def remove(path: Path) -> None:
    path.unlink()


async def test_closing_is_clean_and_the_service_opens_again(standin: FalStandIn, fal_service: VideoService) -> None:
    job = await ended(fal_service, PINNED)
    await fal_service.close()
    await fal_service.close()
    assert (await fal_service.status(job.id)).status == "completed"
    assert (fal_service.settings.home / DATABASE_FILE).exists()
    async with fal_service as one, fal_service as other:
        assert one is other
    assert len(posts(standin)) == 1


async def test_without_a_database_nothing_is_resumed(fal_service: VideoService) -> None:
    await fal_service.resume()
    assert not (fal_service.settings.home / DATABASE_FILE).exists()


async def test_unknown_jobs_are_told(fal_service: VideoService) -> None:
    for asked in (fal_service.status("none"), fal_service.cancel("none"), fal_service.wait("none", 5)):
        with pytest.raises(NotFound):
            await asked


async def test_repeating_a_call_gives_its_job_even_when_its_input_has_gone(
    local_environment: dict[str, str], open_service: OpenService, frame: Path
) -> None:
    service = open_service(local_environment)
    request = changed(FREE, first_frame=str(frame), duration=1, resolution="480p", request_key="once")
    first = await service.generate(request)
    await anyio.Path(frame).unlink()
    assert (await service.generate(request)).id == first.id
