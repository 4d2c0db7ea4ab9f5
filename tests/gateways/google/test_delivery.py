"""Media between the caller, Google and the videos folder: the key goes to Google's host and to no other."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.gateways.google.bodies import BODY, OMNI, picture, with_data
from tests.standins.clips import make_clip
from tests.standins.google import GoogleStandIn
from tests.standins.server import RecordedRequest, Reply, StandInServer

from videogen_mcp.catalogue.encode import Payload
from videogen_mcp.catalogue.pricing import FREE
from videogen_mcp.errors import DownloadFailed
from videogen_mcp.gateways.base import Finished
from videogen_mcp.gateways.google import GoogleGateway
from videogen_mcp.jobs.clock import SystemClock
from videogen_mcp.jobs.delivery import Delivery
from videogen_mcp.jobs.job import Job
from videogen_mcp.selection.scoring import Candidate
from videogen_mcp.settings import load_settings
from videogen_mcp.types import Json, Video, VideoRequest


class Elsewhere(StandInServer):
    """A store of clips that asks for no key."""

    def respond(self, request: RecordedRequest) -> Reply:
        if "x-goog-api-key" in request.headers:
            self.report("The key went to another host.")
        return Reply(200, make_clip(2), {"Content-Type": "video/mp4"})


@pytest.fixture(name="elsewhere")
def elsewhere_fixture() -> Iterator[Elsewhere]:
    with Elsewhere() as elsewhere:
        yield elsewhere
        assert elsewhere.violations == []


@pytest.fixture(name="delivery")
def delivery_fixture(google: GoogleStandIn, elsewhere: Elsewhere, http: httpx2.AsyncClient, tmp_path: Path) -> Delivery:
    hosts = ",".join(one.origin.removeprefix("http://") for one in (google, elsewhere))
    settings = load_settings({"VIDEOGEN_HOME": str(tmp_path), "VIDEOGEN_ALLOWED_HOSTS": hosts})
    return Delivery(settings, http, SystemClock())


def job(request: VideoRequest, body: Json) -> Job:
    candidate = Candidate(f"google:{OMNI}", OMNI, "google", "omni", "google", Payload(body), FREE, 1.0)
    now = SystemClock().now()
    return Job("j" * 32, "queued", request, "text_to_video", "general", (candidate,), now, now)


async def collected(delivery: Delivery, finished: Finished) -> Video:
    made = job(VideoRequest(prompt="A fox", duration=2), {})
    return await delivery.collect(made, made.candidates[0], finished, lambda _done, _all: None)


async def finished(google: GoogleStandIn, gateway: GoogleGateway) -> Finished:
    google.plan.looks = 0
    state = await gateway.poll(await gateway.submit(OMNI, BODY))
    assert isinstance(state, Finished)
    return state


async def test_a_clip_is_fetched_with_the_key(
    google: GoogleStandIn, gateway: GoogleGateway, delivery: Delivery
) -> None:
    state = await finished(google, gateway)
    video = await collected(delivery, state)
    assert google.requests[-1].headers["x-goog-api-key"] == google.key
    assert (video.url, video.mime_type, video.has_audio) == (state.url, "video/mp4", True)
    assert google.key not in video.model_dump_json()


async def test_a_redirect_to_another_host_goes_without_the_key(
    google: GoogleStandIn, elsewhere: Elsewhere, gateway: GoogleGateway, delivery: Delivery
) -> None:
    state = await finished(google, gateway)
    google.script(Reply(302, headers={"Location": f"{elsewhere.origin}/clip.mp4"}), path=".*:download")
    assert (await collected(delivery, state)).size_bytes == len(make_clip(2))
    assert len(elsewhere.requests) == 1


async def test_a_clip_elsewhere_is_fetched_without_the_key(
    google: GoogleStandIn, elsewhere: Elsewhere, gateway: GoogleGateway, delivery: Delivery
) -> None:
    google.plan.clip_uri = f"{elsewhere.origin}/clip.mp4"
    await collected(delivery, await finished(google, gateway))
    assert len(elsewhere.requests) == 1


async def test_without_the_key_google_gives_no_clip(
    google: GoogleStandIn, gateway: GoogleGateway, delivery: Delivery
) -> None:
    state = await finished(google, gateway)
    with pytest.raises(DownloadFailed, match="400"):
        await collected(delivery, Finished(url=state.url))


async def test_addresses_are_fetched_here_without_the_key_and_handed_over(
    google: GoogleStandIn, gateway: GoogleGateway, delivery: Delivery, tmp_path: Path
) -> None:
    content = picture(tmp_path).read_bytes()
    google.script(Reply(200, content, {"Content-Type": "image/png"}), path="/pictures/a")
    google.script(Reply(200, make_clip(2)), path="/clips/a")
    photo, clip = f"{google.origin}/pictures/a", f"{google.origin}/clips/a"
    body: Json = {"task": "edit", "prompt": "Green", "source_video": clip, "reference_images": [photo]}
    made = job(VideoRequest(prompt="Green", source_video=clip, reference_images=(photo,)), body)
    prepared = await delivery.prepare(made, made.candidates[0], gateway)
    fetched = [one for one in google.requests if one.method == "GET"]
    assert {one.path for one in fetched} == {"/pictures/a", "/clips/a"}
    assert all("x-goog-api-key" not in one.headers for one in fetched)
    (file,) = google.files.values()
    assert (prepared["source_video"], file.content) == (f"{google.origin}/v1beta/files/{file.id}", make_clip(2))
    await gateway.submit("gemini-omni-1.1-flash/edit", prepared | {"resolution": "720p"})
    assert with_data(content) in google.accepted[0].body["input"]
