"""Media on their way to Google, over real HTTP."""

from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.gateways.google.bodies import (
    BODY,
    VEO,
    VEO_BODY,
    Sleeper,
    clip_file,
    gateway_at,
    picture,
)
from tests.standins.google import UPLOADS, GoogleStandIn, failing
from tests.standins.server import Reply, json_reply

from videogen_mcp.errors import (
    ErrorCode,
    GatewayError,
    NotSent,
    SubmitRefused,
)
from videogen_mcp.gateways.google import GoogleGateway
from videogen_mcp.gateways.google.files import LONGEST_INLINE_BYTES, READY_LOOKS


async def test_a_small_picture_stays_here_until_it_is_sent(
    google: GoogleStandIn, gateway: GoogleGateway, tmp_path: Path
) -> None:
    path = picture(tmp_path)
    assert await gateway.upload(path, "image/png") == path.as_uri()
    assert google.requests == []
    path.unlink()
    body = BODY | {"task": "image_to_video", "first_frame": path.as_uri()}
    with pytest.raises(SubmitRefused, match=r"a\.png cannot be read"):
        await gateway.submit("gemini-omni-1.1-flash/image-to-video", body)
    assert google.requests == []


async def test_a_path_that_was_not_handed_over_is_not_read(
    google: GoogleStandIn, gateway: GoogleGateway, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"\x89PNG secret")
    body = BODY | {"task": "image_to_video", "first_frame": secret.as_uri()}
    with pytest.raises(SubmitRefused, match="Cannot fetch content"):
        await gateway.submit("gemini-omni-1.1-flash/image-to-video", body)
    assert b'secret"' not in google.requests[0].body.replace(b"secret.png", b"")
    with pytest.raises(SubmitRefused, match="image must be a picture of at most 5 MB"):
        await gateway.submit(VEO, VEO_BODY | {"image": secret.as_uri()})
    assert len(google.requests) == 1


async def test_clips_and_large_pictures_are_stored_in_two_steps_the_second_without_the_key(
    google: GoogleStandIn, gateway: GoogleGateway, sleeper: Sleeper, tmp_path: Path
) -> None:
    google.plan.file_looks = 3
    clip, large = clip_file(tmp_path), tmp_path / "large.png"
    large.write_bytes(bytes(LONGEST_INLINE_BYTES + 1))
    uri = await gateway.upload(clip, "video/mp4")
    start, session, *states = google.requests
    assert (start.path, start.json) == (UPLOADS, {"file": {"display_name": "input.mp4"}})
    assert "x-goog-api-key" not in session.headers
    assert session.body == clip.read_bytes()
    assert [one.path for one in states] == [f"/v1beta/{uri.partition('/v1beta/')[2]}"] * 3
    assert sleeper.slept == [2.0] * 3
    assert (await gateway.upload(large, "image/png")).startswith(f"{google.origin}/v1beta/files/")


async def test_a_look_at_a_stored_file_may_fail(google: GoogleStandIn, gateway: GoogleGateway, tmp_path: Path) -> None:
    google.plan.file_looks = 2
    google.script(failing(503, "Busy."), path="/v1beta/files/.*")
    assert await gateway.upload(clip_file(tmp_path), "video/mp4")


UPLOADED = r"/upload-session/.*"
ELSEWHERE = json_reply(200, {}, X_Goog_Upload_URL="http://storage.example/here")

UPLOAD_FAULTS: list[tuple[str, Reply, type[GatewayError], ErrorCode, str]] = [
    (UPLOADS, failing(400, "API key expired."), SubmitRefused, "unauthorized", "expired"),
    (UPLOADS, failing(503, "Busy."), SubmitRefused, "gateway_unavailable", "Busy"),
    (UPLOADS, json_reply(200, {}), SubmitRefused, "gateway_unavailable", "no upload address"),
    (UPLOADS, ELSEWHERE, SubmitRefused, "gateway_unavailable", "no upload address that is https"),
    (UPLOADS, Reply(drop="after_body"), NotSent, "gateway_unavailable", "cannot be reached"),
    (UPLOADED, Reply(drop="after_body"), NotSent, "gateway_unavailable", "cannot be reached"),
    (UPLOADED, failing(413, "Too large."), SubmitRefused, "invalid_request", "Too large"),
    (UPLOADED, json_reply(200, {}), SubmitRefused, "gateway_unavailable", "no address for the file"),
    ("/v1beta/files/.*", failing(404, "Gone."), SubmitRefused, "gateway_unavailable", "lost the file"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "reply", "kind", "code", "words"), UPLOAD_FAULTS)
async def test_an_upload_that_fails_is_told(  # noqa: PLR0917 -- pytest passes them by name
    google: GoogleStandIn,
    gateway: GoogleGateway,
    tmp_path: Path,
    path: str,
    reply: Reply,
    kind: type[GatewayError],
    code: ErrorCode,
    words: str,
) -> None:
    google.plan.file_looks = 1
    google.script(reply, path=path)
    with pytest.raises(GatewayError, match=words) as caught:
        await gateway.upload(clip_file(tmp_path), "video/mp4")
    assert (type(caught.value), caught.value.code) == (kind, code)


@pytest.mark.parametrize(
    ("number", "ending", "code", "words"),
    [
        (1, "FAILED", "invalid_request", "not a clip"),
        (READY_LOOKS + 1, "ACTIVE", "gateway_unavailable", "within 120 s"),
    ],
)
async def test_a_file_that_never_gets_ready(  # noqa: PLR0917 -- pytest passes them by name
    google: GoogleStandIn, gateway: GoogleGateway, tmp_path: Path, number: int, ending: str, code: ErrorCode, words: str
) -> None:
    google.plan.file_looks, google.plan.file_ending = number, ending
    with pytest.raises(SubmitRefused, match=words) as caught:
        await gateway.upload(clip_file(tmp_path), "video/mp4")
    assert caught.value.code == code


async def test_its_address_is_googles_own_where_nothing_else_is_said(
    http: httpx2.AsyncClient, sleeper: Sleeper, tmp_path: Path
) -> None:
    gateway: Any = gateway_at({"GEMINI_API_KEY": "k"}, http, sleeper, tmp_path)
    assert gateway.address == "https://generativelanguage.googleapis.com"
    await gateway.close()
