"""Uploads: what is sent, what comes back, and how a body refers to it."""

import os
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.gateways.heygen.bodies import AGENT, BODIES, V1, error
from tests.standins.heygen import HeyGenStandIn
from tests.standins.server import Reply, json_reply, text_reply

from videogen_mcp.errors import ErrorCode, NotSent, SubmitRefused
from videogen_mcp.gateways.heygen import HeyGenGateway

MEBIBYTE = 1 << 20
PNG = b"\x89PNG\r\n\x1a\n"


# Everything that a careless form could trip over, and longer than one piece.
CONTENT = PNG + b"\r\n--\r\n\r\n" + bytes(range(256)) * 8192 + b"\r\n--"


@pytest.fixture(name="picture")
def picture_fixture(tmp_path: Path) -> Path:
    path = tmp_path / "a name that is nobody's business.png"
    path.write_bytes(CONTENT)
    return path


async def test_a_file_becomes_an_address(
    heygen: HeyGenStandIn, gateway: HeyGenGateway, http: httpx2.AsyncClient, picture: Path
) -> None:
    address = await gateway.upload(picture, "image/png")
    (sent,), (asset,) = heygen.requests, heygen.assets
    assert (sent.method, sent.path) == ("POST", "/v3/assets")
    assert sent.headers["x-api-key"] == heygen.key
    assert sent.headers["content-length"] == str(len(sent.body))
    assert (asset.data, asset.sent_as, asset.name) == (CONTENT, "image/png", "input.png")
    assert (await http.get(address)).content == CONTENT


async def test_two_uploads_have_two_boundaries(heygen: HeyGenStandIn, gateway: HeyGenGateway, picture: Path) -> None:
    await gateway.upload(picture, "image/png")
    await gateway.upload(picture, "image/png")
    assert len({request.headers["content-type"] for request in heygen.requests}) == 2


async def test_the_address_stands_in_every_kind_of_body(
    heygen: HeyGenStandIn, gateway: HeyGenGateway, picture: Path
) -> None:
    address = await gateway.upload(picture, "image/png")
    await gateway.submit(V1, BODIES[V1] | {"reference_image_url": address})
    await gateway.submit(AGENT, BODIES[AGENT] | {"files": [{"type": "url", "url": address}]})
    assert heygen.submits[0].json["input"]["reference_image_url"] == address
    assert heygen.submits[1].json["files"] == [{"type": "url", "url": address}]


async def test_without_an_address_the_body_holds_the_id(
    heygen: HeyGenStandIn, gateway: HeyGenGateway, picture: Path
) -> None:
    heygen.has_asset_addresses = False
    reference = await gateway.upload(picture, "image/png")
    asset_id = heygen.assets[0].id
    assert reference == f"asset:{asset_id}"
    by_address, by_id = {"type": "url", "url": reference}, {"type": "asset_id", "asset_id": asset_id}
    cases: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("v3/models/videos/image_to_video", {"image": by_address}, {"image": by_id}),
        ("v3/models/videos/reference_to_video", {"reference_images": [by_address]}, {"reference_images": [by_id]}),
        ("v3/videos/cinematic_avatar", {"references": [by_address]}, {"references": [by_id]}),
        (
            "v3/videos/avatar",
            {"audio_url": reference, "background": {"type": "image", "url": reference}},
            {"audio_asset_id": asset_id, "background": {"type": "image", "asset_id": asset_id}},
        ),
        (
            "v3/videos/studio",
            {"scenes": [{"type": "image", "source": by_address}]},
            {"scenes": [{"type": "image", "source": by_id}]},
        ),
    ]
    for endpoint_id, given, expected in cases:
        variant = endpoint_id.rpartition("/")[2]
        fixed: dict[str, Any] = {
            "v3/models/videos": {"model": "heygen-video-1", "mode": variant, "prompt": "asset:not-this"},
            "v3/videos": {"type": variant},
        }[endpoint_id.rpartition("/")[0]]
        fixed |= {"cinematic_avatar": {"prompt": "Go", "avatar_id": ["a"]}, "avatar": {"avatar_id": "a"}}.get(
            variant, {}
        )
        await gateway.submit(endpoint_id, fixed | given)
        assert heygen.submits[-1].json == fixed | expected
    assert len(heygen.generations) == len(cases)


@pytest.mark.parametrize("field", ["reference_image_url", "tail_image_url"])
async def test_the_workflow_takes_addresses_only(heygen: HeyGenStandIn, gateway: HeyGenGateway, field: str) -> None:
    with pytest.raises(SubmitRefused, match=f"{field} no address") as caught:
        await gateway.submit(V1, BODIES[V1] | {field: "asset:ast_1"})
    assert (caught.value.code, caught.value.field) == ("invalid_request", field)
    assert heygen.requests == []


async def test_a_body_is_not_changed_under_the_callers_hands(heygen: HeyGenStandIn, gateway: HeyGenGateway) -> None:
    body: dict[str, Any] = {"prompt": "Go", "files": [{"type": "url", "url": "asset:unknown"}]}
    with pytest.raises(SubmitRefused, match="Asset unknown not found"):
        await gateway.submit(AGENT, body)
    assert body == {"prompt": "Go", "files": [{"type": "url", "url": "asset:unknown"}]}
    assert len(heygen.submits) == 1


async def test_the_largest_file_goes_and_a_larger_one_does_not(
    heygen: HeyGenStandIn, gateway: HeyGenGateway, tmp_path: Path
) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(PNG)
    os.truncate(path, 32 * MEBIBYTE)
    assert await gateway.upload(path, "image/png")
    os.truncate(path, 32 * MEBIBYTE + 1)
    with pytest.raises(SubmitRefused, match=r"at most 32 MB; this one has 32\.0 MB") as caught:
        await gateway.upload(path, "image/png")
    assert caught.value.code == "invalid_request"
    assert len(heygen.requests) == 1


@pytest.mark.parametrize("status", [404, 405, 410])
async def test_where_v3_has_no_assets_the_older_host_takes_the_bytes(
    heygen: HeyGenStandIn, gateway: HeyGenGateway, picture: Path, status: int
) -> None:
    heygen.script(text_reply(status, "<html>"), path="/v3/assets")
    address = await gateway.upload(picture, "image/png")
    sent, (asset,) = heygen.requests[-1], heygen.assets
    assert (sent.path, sent.body, sent.headers["content-type"]) == (
        "/upload/v1/asset",
        CONTENT,
        "image/png",
    )
    assert sent.headers["x-api-key"] == heygen.key
    assert address == f"{heygen.origin}/files/assets/{asset.id}"


async def test_the_older_hosts_id_is_kept_where_it_gives_no_address(
    heygen: HeyGenStandIn, gateway: HeyGenGateway, picture: Path
) -> None:
    heygen.has_asset_addresses = False
    heygen.script(text_reply(404, "<html>"), path="/v3/assets")
    assert await gateway.upload(picture, "image/png") == f"asset:{heygen.assets[0].id}"


async def test_a_file_that_is_not_what_it_is_called_is_refused(
    heygen: HeyGenStandIn, gateway: HeyGenGateway, picture: Path
) -> None:
    heygen.script(text_reply(404, "<html>"), path="/v3/assets")
    with pytest.raises(SubmitRefused, match="Content type not match image/jpeg != image/png"):
        await gateway.upload(picture, "image/jpeg")


async def test_a_file_of_another_kind_is_refused(gateway: HeyGenGateway, tmp_path: Path) -> None:
    path = tmp_path / "notes.webp"
    path.write_bytes(b"RIFF\x00\x00\x00\x00WEBP")
    with pytest.raises(SubmitRefused, match="file: Unsupported file type") as caught:
        await gateway.upload(path, "image/webp")
    assert caught.value.code == "invalid_request"


REFUSALS: list[tuple[Reply, ErrorCode, str]] = [
    (json_reply(401, error("unauthorized")), "unauthorized", "401"),
    (json_reply(402, error("insufficient_credit")), "insufficient_credit", "402"),
    (json_reply(413, error("payload_too_large")), "invalid_request", "413"),
    (json_reply(429, error("rate_limit_exceeded")), "gateway_unavailable", "429"),
    (json_reply(500, {}), "gateway_unavailable", "500"),
    (json_reply(307, {}, Location="/elsewhere"), "gateway_unavailable", "307"),
    (text_reply(200, "<html>"), "gateway_unavailable", "no address"),
    (json_reply(200, {"data": {"mime_type": "image/png"}}), "gateway_unavailable", "no address"),
]


@pytest.mark.parametrize(("reply", "code", "words"), REFUSALS)
async def test_a_refused_file_is_told(  # noqa: PLR0917 -- three fixtures and a row of the table
    heygen: HeyGenStandIn, gateway: HeyGenGateway, picture: Path, reply: Reply, code: ErrorCode, words: str
) -> None:
    heygen.script(reply, path="/v3/assets")
    with pytest.raises(SubmitRefused, match=words) as caught:
        await gateway.upload(picture, "image/png")
    assert caught.value.code == code
    assert len(heygen.requests) == 1


@pytest.mark.parametrize("drop", ["before_body", "after_body"])
async def test_a_lost_upload_is_no_submit(
    heygen: HeyGenStandIn, gateway: HeyGenGateway, picture: Path, drop: Any
) -> None:
    heygen.script(Reply(drop=drop), path="/v3/assets")
    with pytest.raises(NotSent, match="storage cannot be reached"):
        await gateway.upload(picture, "image/png")
    assert heygen.submits == []
