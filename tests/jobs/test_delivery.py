"""Media on their way, against the stand-in: what is uploaded, fetched, kept and looked at."""

import hashlib
import io
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from PIL import Image
from tests.jobs.world import HandClock
from tests.standins.clips import make_clip
from tests.standins.fal import FalStandIn

from videogen_mcp.catalogue.encode import Payload
from videogen_mcp.catalogue.pricing import FREE
from videogen_mcp.errors import DownloadFailed, InvalidRequest, NotSent, SubmitRefused, UnsafeMedia
from videogen_mcp.gateways.base import Finished
from videogen_mcp.gateways.fal import FalGateway
from videogen_mcp.gateways.local import LocalGateway
from videogen_mcp.jobs.clock import SystemClock
from videogen_mcp.jobs.delivery import Delivery, slug_of
from videogen_mcp.jobs.job import Job
from videogen_mcp.selection.scoring import Candidate
from videogen_mcp.settings import Settings, load_settings
from videogen_mcp.types import Json, VideoRequest

WAN = "fal-ai/wan/v2.7/text-to-video"


@pytest.fixture(name="settings")
def settings_fixture(fal_environment: dict[str, str]) -> Settings:
    return load_settings(fal_environment)


@pytest_asyncio.fixture(name="http")
async def http_fixture() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(trust_env=False) as http:
        yield http


@pytest.fixture(name="clock")
def clock_fixture() -> HandClock:
    return HandClock()


@pytest.fixture(name="delivery")
def delivery_fixture(settings: Settings, http: httpx2.AsyncClient, clock: HandClock) -> Delivery:
    return Delivery(settings, http, clock)


@pytest.fixture(name="fal")
def fal_fixture(settings: Settings, http: httpx2.AsyncClient) -> FalGateway:
    return FalGateway.open(settings, http)


def png(folder: Path, name: str, colour: str = "red") -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(buffer, "PNG")
    (folder / name).write_bytes(buffer.getvalue())
    return (folder / name).as_uri()


def candidate(body: Json, **facts: Any) -> Candidate:
    return Candidate(f"fal:{WAN}", WAN, "fal", "wan-2.7", "wan", Payload(body, **facts), FREE, 1.0)


def job(request: VideoRequest, body: Json | None = None) -> Job:
    now = SystemClock().now()
    return Job("j" * 32, "queued", request, "text_to_video", "general", (candidate(body or {}),), now, now)


async def prepare(delivery: Delivery, gateway: Any, request: VideoRequest, body: Json) -> Json:
    made = job(request, body)
    return await delivery.prepare(made, made.candidates[0], gateway)


async def collect(delivery: Delivery, finished: Finished, request: VideoRequest | None = None, **facts: Any) -> Any:
    made = job(request or VideoRequest(prompt="A fox", duration=2))
    return await delivery.collect(made, candidate({}, **facts), finished, lambda _done, _all: None)


async def finished_at(standin: FalStandIn, fal: FalGateway) -> Finished:
    standin.plan(0, 0)
    state = await fal.poll(await fal.submit(WAN, {"prompt": "A fox", "duration": 2}))
    assert isinstance(state, Finished)
    return state


async def test_files_are_uploaded_and_addresses_are_left_alone(
    standin: FalStandIn, settings: Settings, delivery: Delivery, fal: FalGateway
) -> None:
    red, blue = png(settings.home, "red.png"), png(settings.home, "blue.png", "blue")
    url = "https://pictures.example/a.png"
    request = VideoRequest(prompt=red, first_frame=red, last_frame=blue, reference_images=(url, red))
    body = {"prompt": "p", "image_url": red, "deep": [{"urls": [blue, url, red]}], "seed": 7}
    prepared = await prepare(delivery, fal, request, body)
    first, second = (upload.url for upload in standin.uploads)
    assert prepared == {"prompt": "p", "image_url": first, "deep": [{"urls": [second, url, first]}], "seed": 7}
    assert body["image_url"] == red, "the decision stays as it was frozen"


async def test_what_the_body_does_not_hold_is_not_uploaded(
    standin: FalStandIn, settings: Settings, delivery: Delivery, fal: FalGateway
) -> None:
    request = VideoRequest(prompt="p", first_frame=png(settings.home, "a.png"))
    assert await prepare(delivery, fal, request, {"prompt": "p"}) == {"prompt": "p"}
    assert standin.requests == []


@pytest.mark.parametrize(("name", "error"), [("gone.png", InvalidRequest), ("../outside.png", UnsafeMedia)])
async def test_a_file_that_may_not_be_read_any_more_is_not_uploaded(
    standin: FalStandIn, settings: Settings, delivery: Delivery, fal: FalGateway, *, name: str, error: Any
) -> None:
    uri = f"{settings.home.as_uri()}/{name}"
    with pytest.raises(error):
        await prepare(delivery, fal, VideoRequest(first_frame=uri), {"image_url": uri})
    assert standin.requests == []


async def test_a_refused_upload_is_a_refusal(
    settings: Settings, fal_environment: dict[str, str], delivery: Delivery, http: httpx2.AsyncClient
) -> None:
    uri = png(settings.home, "a.png")
    wrong = FalGateway.open(load_settings(fal_environment | {"FAL_KEY": "wrong"}), http)
    with pytest.raises(SubmitRefused) as caught:
        await prepare(delivery, wrong, VideoRequest(first_frame=uri), {"image_url": uri})
    assert caught.value.code == "unauthorized"


@pytest.mark.parametrize("times", [1, 2])
async def test_a_file_that_does_not_get_through_is_handed_over_again(
    standin: FalStandIn, settings: Settings, delivery: Delivery, fal: FalGateway, clock: HandClock, *, times: int
) -> None:
    uri = png(settings.home, "a.png")
    standin.fault("upload_drop", times=times)
    prepared = await prepare(delivery, fal, VideoRequest(first_frame=uri), {"image_url": uri})
    assert prepared == {"image_url": standin.uploads[0].url}
    assert len(standin.uploads) == 1
    assert clock.passed == sum([0.5, 2.0][:times])


@pytest.mark.parametrize(("kind", "times", "error"), [("upload_drop", 3, NotSent), ("upload_status", 1, SubmitRefused)])
async def test_a_file_that_never_gets_through_or_is_refused_is_not_handed_over_for_ever(
    standin: FalStandIn, settings: Settings, delivery: Delivery, fal: FalGateway, *, kind: Any, times: int, error: Any
) -> None:
    uri = png(settings.home, "a.png")
    standin.fault(kind, times=times)
    with pytest.raises(error):
        await prepare(delivery, fal, VideoRequest(first_frame=uri), {"image_url": uri})
    assert (standin.uploads, standin.unused_faults()) == ([], [])


async def test_on_this_machine_files_are_used_and_addresses_fetched(
    standin: FalStandIn, settings: Settings, delivery: Delivery, fal: FalGateway
) -> None:
    uri = png(settings.home, "a.png")
    url = await fal.upload(settings.home / "a.png", "image/png")
    local = LocalGateway(settings.home / "renders")
    request = VideoRequest(first_frame=uri, last_frame=url)
    body = await prepare(delivery, local, request, {"first_frame": uri, "last_frame": url})
    assert body["first_frame"] == str(settings.home / "a.png")
    fetched = Path(body["last_frame"])
    assert (fetched.parent, fetched.suffix) == (settings.home / "inputs", ".png")
    assert digest(fetched) == digest(settings.home / "a.png")
    assert standin.requests[-1].path == url.removeprefix(standin.origin)


async def test_an_address_that_gives_no_picture_is_told(
    standin: FalStandIn, settings: Settings, delivery: Delivery
) -> None:
    url = f"{standin.files_url}/none.png"
    with pytest.raises(DownloadFailed, match="404"):
        await prepare(delivery, LocalGateway(settings.home), VideoRequest(first_frame=url), {"first_frame": url})


def digest(path: Path | str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


async def test_a_clip_is_kept_with_its_facts(
    standin: FalStandIn, settings: Settings, delivery: Delivery, fal: FalGateway
) -> None:
    standin.video = make_clip(2, audio=True)
    finished = await finished_at(standin, fal)
    video = await collect(delivery, finished)
    assert (video.url, video.resource_uri) == (finished.url, f"videogen://videos/{'j' * 32}")
    assert (video.has_audio, video.checks, video.fps) == (True, (), 24)
    assert digest(video.path) == video.sha256 == hashlib.sha256(standin.video).hexdigest()
    assert {path.name for path in settings.videos_folder.iterdir()} == {
        f"a-fox-{'j' * 12}{ending}" for ending in (".mp4", ".poster.jpg", ".sheet.jpg")
    }


async def test_collecting_again_gives_the_same(standin: FalStandIn, delivery: Delivery, fal: FalGateway) -> None:
    finished = await finished_at(standin, fal)
    assert await collect(delivery, finished) == await collect(delivery, finished)


@pytest.mark.parametrize(
    ("clip", "request_", "facts", "check"),
    [
        (make_clip(2, kind="black"), VideoRequest(duration=2), {}, "black"),
        (make_clip(2, 640, 360, kind="frozen"), VideoRequest(duration=2), {}, "frozen"),
        (make_clip(2), VideoRequest(duration=5), {}, "shorter_than_asked"),
        (make_clip(2), VideoRequest(), {"seconds": 5.0}, "shorter_than_asked"),
        (make_clip(2), VideoRequest(aspect_ratio="9:16"), {}, "other_ratio"),
        (make_clip(2), VideoRequest(), {"has_audio": True}, "silent"),
        (make_clip(2, audio="silent"), VideoRequest(), {"has_audio": True}, "silent"),
    ],
)
async def test_a_look_finds_what_is_wrong(
    standin: FalStandIn,
    delivery: Delivery,
    fal: FalGateway,
    *,
    clip: bytes,
    request_: VideoRequest,
    facts: dict[str, Any],
    check: str,
) -> None:
    standin.video = clip
    assert (await collect(delivery, await finished_at(standin, fal), request_, **facts)).checks == (check,)


@pytest.mark.parametrize("content", [b"", b"\0\0\0\x20ftypisom" + bytes(500), make_clip(2)[:-3000]])
async def test_what_cannot_be_played_is_a_failed_download(
    standin: FalStandIn, delivery: Delivery, fal: FalGateway, content: bytes
) -> None:
    finished = await finished_at(standin, fal)
    standin.fault("download_status", status=200, body=content)
    with pytest.raises(DownloadFailed) as caught:
        await collect(delivery, finished)
    assert "\n" not in caught.value.message


async def test_an_address_in_a_private_network_is_not_fetched(delivery: Delivery) -> None:
    with pytest.raises(DownloadFailed, match="may not be fetched") as caught:
        await collect(delivery, Finished(url="https://10.0.0.1/clip.mp4"))
    assert not caught.value.retryable


async def test_a_rendering_is_moved_into_place(settings: Settings, delivery: Delivery) -> None:
    rendered = settings.home / "rendered.mp4"
    write(rendered, make_clip(1))
    video = await collect(delivery, Finished(path=rendered), VideoRequest(prompt="A fox", duration=1))
    assert (video.url, video.sha256) == (None, hashlib.sha256(make_clip(1)).hexdigest())
    assert digest(video.path) == video.sha256
    assert not list(settings.home.glob("*.mp4"))


def write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("prompt", "slug"),
    [
        ("A fox, running!", "a-fox-running"),
        ("Ünïcödé façade", "unicode-facade"),
        ("漢字", "video"),
        ("", "video"),
        ("../../etc/passwd", "etc-passwd"),
        ("--a\\b:c\0d", "a-b-c-d"),
        ("word " * 30, "word-word-word-word-word-word-word-word"),
    ],
)
def test_a_file_is_named_after_the_prompt(prompt: str, slug: str) -> None:
    assert slug_of(prompt) == slug


async def test_without_room_nothing_is_fetched(
    standin: FalStandIn, delivery: Delivery, fal: FalGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = await finished_at(standin, fal)
    usage = shutil.disk_usage("/")._replace(free=1_000_000)

    def disk_usage(_path: Path) -> object:
        return usage

    with monkeypatch.context() as small:
        small.setattr(shutil, "disk_usage", disk_usage)
        with pytest.raises(DownloadFailed, match="1 MB free") as caught:
            await collect(delivery, finished)
    assert caught.value.retryable
    assert not any(request.path.startswith("/files/") for request in standin.requests)
    assert (await collect(delivery, finished)).size_bytes > 0, "once there is room it is fetched"


async def test_a_folder_that_cannot_be_made_is_told(
    standin: FalStandIn, fal: FalGateway, settings: Settings, http: httpx2.AsyncClient, tmp_path: Path
) -> None:
    finished = await finished_at(standin, fal)
    (tmp_path / "taken").write_text("a file")
    blocked = settings.model_copy(update={"output_dir": tmp_path / "taken" / "videos"})
    with pytest.raises(DownloadFailed, match="could not be written") as caught:
        await collect(Delivery(blocked, http, SystemClock()), finished)
    assert "VIDEOGEN_OUTPUT_DIR" in caught.value.fix
    assert str(tmp_path) not in str(caught.value)
