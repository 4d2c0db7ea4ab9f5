"""Limits of media, end to end: what is refused before anything is sent, what falls elsewhere, and what is told."""

import base64
import io
import threading
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.conftest import OpenService
from tests.standins.clips import make_clip
from tests.standins.fal import FalStandIn

from videogen_mcp import service as service_module
from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.errors import InvalidRequest, UnsafeMedia
from videogen_mcp.selection.decide import Plan, decide
from videogen_mcp.service import VideoService
from videogen_mcp.types import VideoRequest

KLING = "fal:fal-ai/kling-video/o1/image-to-video"
SEEDANCE = "fal:bytedance/seedance-2.0/reference-to-video"
HORSE = "fal:alibaba/happy-horse/v1.1/image-to-video"
WAN = "fal:fal-ai/wan/v2.7/image-to-video"
OTHERS = tuple(one.key for one in load_catalogue().endpoints if one.key not in {HORSE, WAN})


def picture(path: Path, size: tuple[int, int]) -> str:
    Image.new("RGB", size, (90, 120, 40)).save(path)
    return str(path)


def clip(path: Path, seconds: float) -> str:
    path.write_bytes(make_clip(seconds, 640, 640, 12))
    return str(path)


def ask(**fields: Any) -> VideoRequest:
    return VideoRequest.model_validate({"prompt": "It moves"} | fields)


class Host(ThreadingHTTPServer):
    """Says of every file that it is a PNG of the length in its path, `/<bytes>`, or leads to where its query says."""

    daemon_threads = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[str] = []

    @property
    def name(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class Answer(BaseHTTPRequestHandler):
    server: Host  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_HEAD(self) -> None:
        self.server.asked.append(self.path)
        length, _, elsewhere = self.path.strip("/").partition("?")
        self.send_response(302 if elsewhere else 200)
        self.send_header("Content-Type", "image/png")
        self.send_header("Content-Length", length)
        if elsewhere:
            self.send_header("Location", elsewhere)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class's name
        del format, args


@pytest.fixture(name="host")
def host_fixture() -> Iterator[Host]:
    with Host() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(name="service")
def service_fixture(open_service: OpenService, fal_environment: dict[str, str], host: Host) -> VideoService:
    allowed = fal_environment["VIDEOGEN_ALLOWED_HOSTS"]
    return open_service(fal_environment | {"VIDEOGEN_ALLOWED_HOSTS": f"{allowed},{host.name}"})


async def refused(service: VideoService, request: VideoRequest) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        await service.generate(request)
    assert (await service.page()).jobs == ()
    return caught.value


async def test_a_picture_that_is_too_small_is_refused_before_anything_is_sent(
    standin: FalStandIn, fal_service: VideoService, tmp_path: Path
) -> None:
    request = ask(endpoint=KLING, first_frame=picture(tmp_path / "small.png", (200, 200)))
    error = await refused(fal_service, request)
    assert error.field == "first_frame"
    assert "first_frame 'small.png' has 200x200 pixels; the endpoint takes at least 300x300 pixels" in str(error)
    assert (standin.requests, standin.uploads) == ([], [])
    with pytest.raises(InvalidRequest) as caught:
        fal_service.plan(request)
    assert str(caught.value) == str(error)


async def test_a_refused_data_uri_leaves_no_file(standin: FalStandIn, fal_service: VideoService) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (200, 900)).save(buffer, "PNG")
    uri = f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    with pytest.raises(InvalidRequest, match="has 200x900 pixels"):
        await fal_service.generate(ask(endpoint=KLING, first_frame=uri))
    assert list(fal_service.settings.home.iterdir()) == []
    assert standin.requests == []


async def test_a_file_that_is_too_large_for_one_endpoint_goes_to_one_that_takes_it(
    standin: FalStandIn, fal_service: VideoService, tmp_path: Path
) -> None:
    small = picture(tmp_path / "small.bmp", (400, 400))
    large = picture(tmp_path / "large.bmp", (2000, 1925))
    fields = {"exclude": OTHERS, "duration": 5, "resolution": "720p"}
    both = fal_service.plan(ask(first_frame=small, **fields)).candidates
    assert {one.endpoint for one in both} == {HORSE, WAN}
    plan = fal_service.plan(ask(first_frame=large, **fields))
    assert [one.endpoint for one in plan.candidates] == [WAN]
    (told,) = [one for one in plan.refusals if one.endpoint == HORSE]
    assert (told.field, told.code) == ("first_frame", "invalid_request")
    assert "'large.bmp' has 11.0 MB; the endpoint takes at most 10 MB" in told.reason

    job = await fal_service.wait((await fal_service.generate(ask(first_frame=large, **fields))).id, 20)
    assert (job.status, job.attempts[0].endpoint) == ("completed", WAN), job.error
    assert [one.endpoint for one in job.candidates] == [WAN]
    assert [len(upload.data) for upload in standin.uploads] == [(tmp_path / "large.bmp").stat().st_size]


async def test_clips_that_are_too_long_together_are_refused_by_their_argument(
    standin: FalStandIn, fal_service: VideoService, tmp_path: Path
) -> None:
    clips = [clip(tmp_path / "a.mp4", 8), clip(tmp_path / "b.mp4", 7.5)]
    error = await refused(fal_service, ask(endpoint=SEEDANCE, reference_videos=clips))
    assert error.field == "reference_videos"
    assert "'a.mp4' and 'b.mp4' have 15.5 s together; the endpoint takes 2 to 15 s together" in str(error)
    assert (standin.requests, standin.uploads) == ([], [])


async def test_a_measured_clip_is_billed_by_its_length(
    standin: FalStandIn, fal_service: VideoService, tmp_path: Path
) -> None:
    standin.video = make_clip(3.5, 640, 640, 12)
    fields: dict[str, Any] = {"endpoint": SEEDANCE, "duration": 4, "resolution": "720p"}
    request = ask(reference_videos=[clip(tmp_path / "a.mp4", 2.5)], **fields)
    job = await fal_service.wait((await fal_service.generate(request)).id, 20)
    assert job.status == "completed", job.error
    assert job.committed_usd == Decimal("0.1814") * Decimal("6.5")

    again = ask(reference_videos=[f"video:{job.id}"], **fields)
    assert fal_service.plan(again).candidates[0].cost.estimated_usd == Decimal("0.1814") * (4 + 15)
    second = await fal_service.wait((await fal_service.generate(again)).id, 20)
    assert second.status == "completed", second.error
    assert second.committed_usd == Decimal("0.1814") * Decimal("7.5")


async def test_an_address_is_judged_by_what_its_host_says(
    standin: FalStandIn, service: VideoService, host: Host
) -> None:
    url = f"http://{host.name}/25000000"
    fields = {"endpoint": WAN, "duration": 2, "resolution": "720p"}
    plan = service.plan(ask(first_frame=url, **fields))
    assert host.asked == []
    (warning,) = plan.warnings
    assert warning == (
        f"first_frame '{url}': its format and its file size could not be checked; "
        "the endpoint takes jpeg or png or bmp or webp and at most 20 MB."
    )
    error = await refused(service, ask(first_frame=url, **fields))
    assert "has 23.8 MB; the endpoint takes at most 20 MB" in str(error)
    assert (host.asked, standin.requests) == (["/25000000"], [])


async def test_an_address_whose_host_says_nothing_passes_with_a_warning(
    standin: FalStandIn, service: VideoService, host: Host
) -> None:
    url = f"http://{host.name}/0"
    request = ask(endpoint=WAN, duration=2, resolution="720p", last_frame=url, first_frame=f"http://{host.name}/500")
    job = await service.generate(request)
    assert job.warnings == (
        f"last_frame '{url}': its file size could not be checked; the endpoint takes at most 20 MB.",
    )
    await service.cancel(job.id)
    await service.wait(job.id, 20)
    assert sorted(host.asked) == ["/0", "/500"]
    assert standin.uploads == []


async def test_an_address_that_leads_into_a_private_network_is_refused(
    standin: FalStandIn, service: VideoService, host: Host
) -> None:
    error = await refused(service, ask(endpoint=WAN, first_frame=f"http://{host.name}/5?https://10.0.0.1/a.png"))
    assert isinstance(error, UnsafeMedia)
    assert (error.field, standin.requests) == ("first_frame", [])


@pytest.mark.parametrize(("is_local", "decisions"), [(True, 1), (False, 2)])
async def test_it_is_decided_again_only_where_more_became_known(
    fal_service: VideoService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_local: bool, decisions: int
) -> None:
    made: list[Plan] = []

    def counted(*arguments: Any) -> Plan:
        made.append(decide(*arguments))
        return made[-1]

    monkeypatch.setattr(service_module, "decide", counted)
    path = picture(tmp_path / "a.png", (640, 640))
    data = base64.b64encode(Path(path).read_bytes()).decode()  # noqa: ASYNC240 -- a small file of the test
    frame = path if is_local else f"data:image/png;base64,{data}"
    job = await fal_service.generate(ask(endpoint=WAN, first_frame=frame, duration=2, resolution="720p"))
    assert len(made) == decisions
    assert job.candidates[0].payload.body["image_url"] == job.request.first_frame
    assert (job.request.first_frame or "").startswith("file://")
    assert (await fal_service.wait(job.id, 20)).status == "completed"
