"""Live prices and contracts around the service, over real HTTP against the stand-in."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image
from tests.standins.fal import FalStandIn

from videogen_mcp.catalogue import Catalogue, load_catalogue
from videogen_mcp.errors import GatewayError, NotConfigured
from videogen_mcp.jobs.clock import SystemClock
from videogen_mcp.jobs.job import Job
from videogen_mcp.live import AGAIN_AFTER, CACHE_FILE, CONTRACTS_AT_ONCE, HEAD_START_SECONDS, LiveCatalogue
from videogen_mcp.models_view import model_text, model_view
from videogen_mcp.service import VideoService
from videogen_mcp.settings import load_settings
from videogen_mcp.types import VideoRequest

VEO, KLING = "fal-ai/veo3.1", "fal-ai/kling-video/v3/pro/image-to-video"
WAN, TURBO = "fal-ai/wan/v2.7/text-to-video", "fal-ai/kling-video/v3/turbo/pro/text-to-video"
WAN_REQUEST = VideoRequest(prompt="A fox", duration=2, resolution="720p", endpoint=f"fal:{WAN}")
DAY = timedelta(days=1)


class Calendar(SystemClock):
    """The machine's own time, on a day of the test's choosing, without the head start of a submit."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        if seconds != HEAD_START_SECONDS:
            await super().wait(event, seconds)


@pytest.fixture(name="calendar")
def calendar_fixture() -> Calendar:
    return Calendar()


Open = Callable[..., VideoService]


@pytest_asyncio.fixture(name="open_with")
async def open_with_fixture(fal_environment: dict[str, str], calendar: Calendar) -> AsyncIterator[Open]:
    """Opens services on the stand-in, with a catalogue that lacks some endpoints, on the test's own day."""
    opened: list[VideoService] = []

    def open_with(*lacking: str, **environment: str) -> VideoService:
        table = load_catalogue()
        kept = [one for one in table.endpoints if one.id not in lacking]
        catalogue = Catalogue(table.models.values(), kept)
        settings = load_settings(fal_environment | environment)
        opened.append(VideoService(settings, catalogue=lambda: catalogue, clock=calendar))
        return opened[-1]

    yield open_with
    for service in opened:
        await service.close()


@pytest.fixture(name="frame")
def frame_fixture(tmp_path: Path) -> Path:
    Image.effect_noise((1280, 720), 60).convert("RGB").save(tmp_path / "frame.png")
    return tmp_path / "frame.png"


def asked(standin: FalStandIn, path: str = "") -> int:
    """How many calls the platform API got."""
    return sum(request.path == f"/platform/v1/{path}" for request in standin.requests)


def figures(service: VideoService, name: str = VEO) -> set[tuple[Decimal, str]]:
    return {(row.usd, row.source) for row in service.catalogue.find(f"fal:{name}").prices}


def cache(service: VideoService) -> Path:
    return service.settings.home / CACHE_FILE


async def ended(service: VideoService, request: VideoRequest) -> Job:
    return await service.wait((await service.generate(request)).id, 20)


async def test_prices_are_kept_for_the_next_process(standin: FalStandIn, open_with: Open) -> None:
    standin.set_price(TURBO, 0.11, "seconds")
    first = open_with()
    checked = await first.live.check()
    assert checked.prices == 1
    assert len(checked.endpoints) == sum(one.gateway == "fal" for one in load_catalogue().endpoints)
    before = len(standin.requests)
    assert figures(first, TURBO) == figures(open_with(), TURBO) == {(Decimal("0.11"), "fal pricing API")}
    assert len(standin.requests) == before


async def test_what_is_shown_says_where_a_price_comes_from(
    standin: FalStandIn, open_with: Open, calendar: Calendar
) -> None:
    service = open_with()
    unpriced = next(one for one in service.catalogue.endpoints if one.gateway == "fal" and not one.prices)
    standin.set_price(unpriced.id, 0.33, "videos")
    await service.live.check((unpriced,))
    view = model_view(service.catalogue, service.gateway_states, unpriced.model)
    (entry,) = [one for one in view["endpoints"] if one["endpoint"] == unpriced.key]
    (row,) = entry["prices"]
    assert (row["usd"], row["per"], row["source"]) == (0.33, "video", "fal pricing API")
    assert row["date"] == calendar.now().date().isoformat()
    assert "fal pricing API" in model_text(view)


async def test_yesterdays_price_is_used_when_fal_is_gone(
    standin: FalStandIn, open_with: Open, calendar: Calendar
) -> None:
    standin.set_price(TURBO, 0.17, "seconds")
    day = calendar.now().date()
    await open_with().live.check()
    calendar.ahead = DAY * 3
    service = open_with(VIDEOGEN_FAL_API_URL="https://api.invalid")
    with pytest.raises(GatewayError, match="cannot be reached"):
        await service.live.check()
    (row,) = service.catalogue.find(f"fal:{TURBO}").prices
    assert (row.usd, row.source, row.dated) == (Decimal("0.17"), "fal pricing API", day)


async def test_the_first_job_of_a_day_refreshes_the_prices_behind_it(
    standin: FalStandIn, open_with: Open, calendar: Calendar
) -> None:
    service = open_with()
    calls = -(-sum(one.gateway == "fal" for one in load_catalogue().endpoints) // 50)
    standin.set_price(VEO, 0.77, "units")
    standin.set_price(KLING, 0.99, "seconds")
    await ended(service, WAN_REQUEST)
    await service.live.settled()
    assert asked(standin, "models/pricing") == calls
    assert "0.99" in str(figures(service, KLING))
    await ended(service, WAN_REQUEST)
    await ended(open_with(), WAN_REQUEST)
    assert asked(standin, "models/pricing") == calls
    standin.set_price(KLING, 0.88, "seconds")
    calendar.ahead = DAY + timedelta(minutes=1)
    await ended(service, WAN_REQUEST)
    await service.live.settled()
    assert asked(standin, "models/pricing") == 2 * calls
    assert "0.88" in str(figures(service, KLING))
    assert asked(standin, "models") == 0


async def test_another_process_may_have_refreshed_already(
    standin: FalStandIn, open_with: Open, calendar: Calendar
) -> None:
    service, other = open_with(), open_with()
    standin.set_price(KLING, 0.99, "seconds")
    assert "0.99" not in str(figures(service, KLING))
    await other.live.check()
    before = asked(standin, "models/pricing")
    service.live.start_refresh()
    await service.live.settled()
    assert asked(standin, "models/pricing") == before
    assert "0.99" in str(figures(service, KLING))
    assert calendar.ahead == timedelta()


async def test_a_refresh_that_fails_harms_nothing_and_is_not_repeated_at_once(
    standin: FalStandIn, open_with: Open, calendar: Calendar, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "videogen_mcp.live")
    service = open_with()
    standin.fault("platform_status", times=2)
    for _ in range(2):
        assert (await ended(service, WAN_REQUEST)).status == "completed"
        await service.live.settled()
    assert asked(standin, "models/pricing") == 1
    assert "could not be refreshed" in caplog.text
    assert standin.key not in caplog.text
    calendar.ahead = AGAIN_AFTER
    service.live.start_refresh()
    await service.live.settled()
    assert asked(standin, "models/pricing") == 2


async def test_closing_does_not_wait_for_a_refresh(standin: FalStandIn, open_with: Open) -> None:
    service = open_with()
    standin.fault("platform_slow", endpoint="/v1/models/pricing")
    service.live.start_refresh()
    assert await asyncio.to_thread(standin.wait_until, lambda: asked(standin, "models/pricing") == 1)
    await service.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not cache(service).exists()
    standin.release()


async def test_without_a_key_nothing_is_asked(standin: FalStandIn, open_with: Open) -> None:
    service = open_with(FAL_KEY="")
    service.live.start_refresh()
    await service.live.settled()
    assert await service.live.look_up(f"fal:{KLING}x") == ()
    with pytest.raises(NotConfigured):
        await service.live.check()
    assert standin.requests == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b'{"version": 2}',
        b'{"version": 1, "prices": {"a/b": {"amount": "NaN", "unit": "s", "currency": "USD"}}}',
        b'{"version": 1, "prices": {"a/b": {"amount": "free"}}}',
        b'{"version": 1, "contracts": {"a/b": {"endpoint": {"id": "a/b"}, "read": "2026-11-21T00:00:00Z"}}}',
        b'{"version": 1, "prices_read": "2026-11-21T00:00:00"}',
    ],
)
async def test_a_cache_that_cannot_be_used_is_written_anew(
    standin: FalStandIn, open_with: Open, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    service = open_with()
    cache(service).parent.mkdir(parents=True)
    cache(service).write_bytes(content)
    assert figures(service) == {(row.usd, row.source) for row in load_catalogue().find(f"fal:{VEO}").prices}
    assert "cannot be used" in caplog.text
    assert str(service.settings.home) not in caplog.text
    standin.set_price(KLING, 0.99, "seconds")
    await service.live.check()
    assert "0.99" in str(figures(open_with(), KLING))


async def test_a_cache_that_cannot_be_stored_is_used_all_the_same(
    standin: FalStandIn, open_with: Open, caplog: pytest.LogCaptureFixture
) -> None:
    service = open_with()
    (service.settings.home / CACHE_FILE.parent).write_text("a file in the way")
    standin.set_price(KLING, 0.99, "seconds")
    await service.live.check()
    assert "0.99" in str(figures(service, KLING))
    assert "could not be stored" in caplog.text


async def test_an_unknown_id_is_used_by_its_live_contract(standin: FalStandIn, open_with: Open, frame: Path) -> None:
    service = open_with(KLING)
    standin.set_price(KLING, 0.14, "seconds")
    request = VideoRequest(
        prompt="A fox", first_frame=str(frame), duration=4, endpoint=f"fal:{KLING}", options={"cfg_scale": 1, "odd": 2}
    )
    job = await ended(service, request)
    assert job.status == "completed", job.error
    (body,) = [one.json for one in standin.submits]
    assert body["start_image_url"] == standin.uploads[0].url
    assert (body["duration"], body["generate_audio"], body["cfg_scale"]) == ("4", True, 1)
    assert "odd" not in body
    assert job.candidates[0].cost.estimated_usd == Decimal("0.56")
    assert not any("contract" in warning for warning in job.warnings)
    assert (asked(standin, "models"), cache(service).exists()) == (1, True)


async def test_a_live_contract_is_kept_for_a_day(standin: FalStandIn, open_with: Open, calendar: Calendar) -> None:
    await ended(open_with(WAN), WAN_REQUEST)
    service = open_with(WAN)
    plan = service.plan(WAN_REQUEST)
    assert plan.candidates[0].payload.body["duration"] == 2
    await ended(service, WAN_REQUEST)
    assert asked(standin, "models") == 1
    calendar.ahead = DAY
    await ended(service, WAN_REQUEST)
    assert asked(standin, "models") == 2
    assert f"fal:{WAN}" not in {one.key for one in service.catalogue.endpoints}


async def test_yesterdays_contract_is_used_when_fal_is_gone(
    standin: FalStandIn, open_with: Open, calendar: Calendar
) -> None:
    day = calendar.now().date()
    await ended(open_with(WAN), WAN_REQUEST)
    calendar.ahead = DAY
    job = await ended(open_with(WAN, VIDEOGEN_FAL_API_URL="https://api.invalid"), WAN_REQUEST)
    assert job.status == "completed"
    assert standin.submits[1].json["duration"] == 2
    assert any(f"that of {day} is used" in warning for warning in job.warnings)


BROKEN: list[tuple[Callable[[FalStandIn], None], str]] = [
    (lambda standin: standin.listing.removed.add(WAN), "fal does not list it"),
    (lambda standin: standin.listing.documents.update({WAN: {"error": {}}}), "fal lists it without one"),
    (lambda standin: standin.listing.documents.update({WAN: {"paths": {}}}), "holds no input"),
    (lambda standin: standin.fault("platform_status", endpoint="/v1/models"), "answered 500"),
    (lambda standin: standin.fault("platform_drop", endpoint="/v1/models"), "could not be asked"),
]


@pytest.mark.parametrize(("breaks", "words"), BROKEN)
async def test_without_a_live_contract_the_generic_one_is_used_and_told(
    standin: FalStandIn, open_with: Open, breaks: Callable[[FalStandIn], None], words: str
) -> None:
    breaks(standin)
    standin.set_price(WAN, 0.5, "videos")
    options: dict[str, Any] = {"duration": 3, "resolution": "720p"}
    request = VideoRequest(prompt="A fox", endpoint=f"fal:{WAN}", options=options)
    job = await ended(open_with(WAN), request)
    assert job.status == "completed", job.error
    assert standin.submits[0].json == {"prompt": "A fox", **options}
    (warning,) = [one for one in job.warnings if "contract" in one]
    assert words in warning
    assert "prompt, image_url and the options as they are" in warning
    assert job.candidates[0].cost.estimated_usd == Decimal("0.5")


async def test_a_contract_is_not_waited_for_longer_than_the_bound(
    standin: FalStandIn, fal_environment: dict[str, str], open_with: Open
) -> None:
    standin.fault("platform_slow", times=2)
    service = open_with(WAN)
    settings = load_settings(fal_environment)
    platform = service.live.platform
    live = LiveCatalogue(settings, lambda: service.catalogue, platform, service.clock, look_up_seconds=0.2)
    (warning,) = await live.look_up(f"fal:{WAN}")
    assert "did not answer within 0.2 s" in warning
    standin.release()


async def test_a_known_id_is_not_looked_up(standin: FalStandIn, open_with: Open) -> None:
    service = open_with()
    for key in (f"fal:{WAN}", "local:animatic", "heygen:un/known", "fal:no", None):
        assert await service.live.look_up(key) == ()
    assert standin.requests == []


async def test_a_check_tells_what_differs_and_what_could_not_be_asked(standin: FalStandIn, open_with: Open) -> None:
    service = open_with()
    table = {one.id: one for one in service.catalogue.endpoints}
    standin.listing.change(VEO, lambda schema: schema["properties"].update(style={"type": "string"}))
    standin.set_price(KLING, 0.99, "seconds")
    chosen = tuple(table[name] for name in (VEO, KLING, WAN))
    assert (await service.live.check(chosen[2:])).differences == ()
    seen: list[tuple[int, int]] = []
    checked = await service.live.check(chosen, lambda done, of: seen.append((done, of)))
    assert [(one.endpoint, one.kind, one.parameter) for one in checked.differences] == [
        (f"fal:{KLING}", "price", None),
        (f"fal:{VEO}", "new", "style"),
    ]
    assert (checked.prices, checked.unanswered, seen) == (1, {}, [(1, 3), (2, 3), (3, 3)])
    standin.fault("platform_status", endpoint="/v1/models")
    checked = await service.live.check(chosen)
    assert len(checked.unanswered) == 1
    assert "500" in next(iter(checked.unanswered.values()))


async def test_contracts_are_read_a_few_at_once(standin: FalStandIn, open_with: Open) -> None:
    service = open_with()
    chosen = tuple(one for one in service.catalogue.endpoints if one.gateway == "fal")[:12]
    standin.fault("platform_slow", endpoint="/v1/models", times=CONTRACTS_AT_ONCE)
    checking = asyncio.create_task(service.live.check(chosen))
    held = lambda: asked(standin, "models") == CONTRACTS_AT_ONCE  # noqa: E731 -- used once, here
    assert await asyncio.to_thread(standin.wait_until, held)
    await service.live.platform().unit_prices([WAN])
    assert asked(standin, "models") == CONTRACTS_AT_ONCE
    standin.release()
    assert len((await checking).endpoints) == len(chosen)


async def test_a_check_of_one_model_keeps_the_other_prices(standin: FalStandIn, open_with: Open) -> None:
    service = open_with()
    standin.set_price(TURBO, 0.11, "seconds")
    standin.set_price(KLING, 0.99, "seconds")
    await service.live.check()
    standin.set_price(KLING, 0.88, "seconds")
    await service.live.check((service.catalogue.find(f"fal:{KLING}"),))
    assert "0.88" in str(figures(service, KLING))
    assert figures(service, TURBO) == {(Decimal("0.11"), "fal pricing API")}


async def test_what_was_read_in_the_future_is_not_todays(
    standin: FalStandIn, open_with: Open, calendar: Calendar
) -> None:
    calendar.ahead = DAY * 2
    await ended(open_with(WAN), WAN_REQUEST)
    calendar.ahead = timedelta()
    await ended(open_with(WAN), WAN_REQUEST)
    assert asked(standin, "models") == 2


async def test_a_contract_under_anothers_name_is_not_used(open_with: Open) -> None:
    service = open_with(WAN)
    await service.live.look_up(f"fal:{WAN}")
    stored = cache(service).read_text()
    cache(service).write_text(stored.replace(f'"contracts":{{"{WAN}"', '"contracts":{"other/name"'))
    other = open_with(WAN)
    assert cache(service).read_text() != stored
    assert other.catalogue.find("fal:other/name").open
    assert other.catalogue.find(f"fal:{WAN}").open
