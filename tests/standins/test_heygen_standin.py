"""The stand-in of HeyGen is as strict as the real one, and stricter where a slip would go unseen."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from tests.standins.heygen import AGENTS, MODELS, VIDEOS, WORKFLOWS, HeyGenStandIn

NODE: dict[str, Any] = {"workflow_type": "GenerateVideoNode", "input": {"prompt": "Go", "provider": "veo_3_1"}}
TEXT: dict[str, Any] = {"model": "heygen-video-1", "mode": "text_to_video", "prompt": "Go"}
IMAGE = TEXT | {"mode": "image_to_video", "image": {"type": "url", "url": "https://pictures.example/a.png"}}
REFERENCES = TEXT | {"mode": "reference_to_video", "reference_images": [IMAGE["image"]]}
AVATAR: dict[str, Any] = {"type": "avatar", "avatar_id": "look-1", "script": "Hello"}
PNG = b"\x89PNG\r\n\x1a\n picture"


@pytest.fixture(name="heygen")
def heygen_fixture() -> Iterator[HeyGenStandIn]:
    with HeyGenStandIn() as standin:
        yield standin


@pytest_asyncio.fixture(name="api")
async def api_fixture(heygen: HeyGenStandIn) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"X-Api-Key": heygen.key}
    async with httpx2.AsyncClient(trust_env=False, base_url=heygen.origin, headers=headers) as api:
        yield api


@pytest.mark.parametrize("path", [WORKFLOWS, MODELS, VIDEOS, AGENTS, "/v3/assets", "/upload/v1/asset"])
async def test_without_the_key_nothing_is_made(heygen: HeyGenStandIn, path: str) -> None:
    async with httpx2.AsyncClient(trust_env=False, base_url=heygen.origin) as api:
        for headers in ({}, {"X-Api-Key": "wrong"}, {"Authorization": f"Bearer {heygen.key}"}):
            assert (await api.post(path, json=TEXT, headers=headers)).status_code == 401
    assert (heygen.generations, heygen.assets) == ([], [])


@pytest.mark.parametrize(
    ("path", "body"), [(WORKFLOWS, NODE), (MODELS, TEXT), (MODELS, IMAGE), (MODELS, REFERENCES), (VIDEOS, AVATAR)]
)
async def test_a_documented_body_is_taken(
    heygen: HeyGenStandIn, api: httpx2.AsyncClient, path: str, body: dict[str, Any]
) -> None:
    assert (await api.post(path, json=body)).is_success
    assert len(heygen.generations) == 1


def node(**changes: Any) -> dict[str, Any]:
    return NODE | {"input": NODE["input"] | changes}


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (WORKFLOWS, [], ""),
        (WORKFLOWS, NODE["input"], "workflow_type"),
        (WORKFLOWS, {"input": NODE["input"]}, "workflow_type"),
        (WORKFLOWS, {"workflow_type": "GenerateVideoNode"}, "input"),
        (WORKFLOWS, NODE | {"callback_url": "https://a.example/"}, "callback_url"),
        (WORKFLOWS, {"workflow_type": "GenerateVideoNode", "input": {"provider": "veo3"}}, "input.prompt"),
        (WORKFLOWS, node(provider="veo_3"), "input.provider"),
        (WORKFLOWS, node(duration=5), "input.duration"),
        (WORKFLOWS, node(config="none"), "input.config"),
        (WORKFLOWS, node(prompt=None), "input.prompt"),
        (WORKFLOWS, node(reference_image_url="http://pictures.example/a.png"), "input.reference_image_url"),
        (WORKFLOWS, node(tail_image_url="asset:ast_1"), "input.tail_image_url"),
        (MODELS, {"prompt": "Go"}, "mode"),
        (MODELS, TEXT | {"mode": "video_to_video"}, "mode"),
        (MODELS, TEXT | {"model": "heygen-video-0"}, "model"),
        (MODELS, TEXT | {"duration": "5"}, "duration"),
        (MODELS, TEXT | {"duration": 5.0}, "duration"),
        (MODELS, TEXT | {"duration": True}, "duration"),
        (MODELS, TEXT | {"duration": 16}, "duration"),
        (MODELS, TEXT | {"duration": 4}, "duration"),
        (MODELS, TEXT | {"seed": 4294967296}, "seed"),
        (MODELS, TEXT | {"prompt": ""}, "prompt"),
        (MODELS, TEXT | {"prompt": "x" * 32_001}, "prompt"),
        (MODELS, TEXT | {"generate_audio": True}, "generate_audio"),
        (MODELS, TEXT | {"image": IMAGE["image"]}, "image"),
        (MODELS, TEXT | {"resolution": "1080p", "aspect_ratio": "1:1"}, "aspect_ratio"),
        (MODELS, IMAGE | {"image": "https://pictures.example/a.png"}, "image"),
        (MODELS, IMAGE | {"image": {"url": "https://pictures.example/a.png"}}, "image"),
        (MODELS, IMAGE | {"image": {"type": "url", "url": "file:///a.png"}}, "image"),
        (MODELS, IMAGE | {"image": {"type": "asset_id", "url": "x"}}, "image"),
        (MODELS, IMAGE | {"image": {"type": "base64", "media_type": "image/png", "data": "-"}}, "image"),
        (MODELS, REFERENCES | {"reference_images": []}, "reference_images"),
        (MODELS, REFERENCES | {"reference_images": [IMAGE["image"]] * 10}, "reference_images"),
        (MODELS, REFERENCES | {"reference_videos": [IMAGE["image"]] * 4}, "reference_videos"),
        (VIDEOS, AVATAR | {"type": "hologram"}, "type"),
        (VIDEOS, {"type": "avatar", "script": "Hello"}, "avatar_id"),
        (VIDEOS, AVATAR | {"audio_url": "https://sounds.example/a.mp3"}, "script"),
        (VIDEOS, AVATAR | {"background": {"value": "#fff"}}, "background.type"),
        (AGENTS, {"prompt": "x" * 10_001}, "prompt"),
        (AGENTS, {"prompt": "Go", "files": [IMAGE["image"]] * 21}, "files"),
        (AGENTS, {"prompt": "Go", "orientation": "square"}, "orientation"),
    ],
)
async def test_what_is_not_documented_is_refused(
    heygen: HeyGenStandIn, api: httpx2.AsyncClient, path: str, body: Any, field: str
) -> None:
    answer = await api.post(path, json=body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error.startswith(f"{field}: ") if path == WORKFLOWS else error.get("param", "") == field
    assert heygen.generations == []


async def test_an_asset_must_exist(heygen: HeyGenStandIn, api: httpx2.AsyncClient) -> None:
    answer = await api.post(MODELS, json=IMAGE | {"image": {"type": "asset_id", "asset_id": "ast_0"}})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "asset_not_found")
    answer = await api.post(VIDEOS, json={"type": "avatar", "avatar_id": "a", "audio_asset_id": "ast_0"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (404, "audio_asset_id")
    url = f"{heygen.origin}/files/assets/ast_0"
    answer = await api.post(WORKFLOWS, json=node(reference_image_url=url))
    assert answer.status_code == 400
    assert heygen.generations == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", MODELS, 404),
        ("PUT", VIDEOS, 404),
        ("DELETE", f"{VIDEOS}/x", 405),
        ("POST", f"{MODELS}/x", 405),
        ("GET", f"{AGENTS}/x/stop", 405),
        ("GET", f"{VIDEOS}/x?a=b", 400),
        ("POST", f"{AGENTS}?a=b", 400),
        ("GET", f"{VIDEOS}?name=x", 400),
        ("GET", f"{VIDEOS}?limit=101", 400),
        ("GET", "/v3/lipsyncs/x", 404),
        ("GET", "/v3/user/me", 404),
    ],
)
async def test_there_are_no_other_calls(api: httpx2.AsyncClient, method: str, path: str, status: int) -> None:
    assert (await api.request(method, path, json={"prompt": "Go"})).status_code == status


async def test_a_body_is_json_by_its_header(heygen: HeyGenStandIn, api: httpx2.AsyncClient) -> None:
    answer = await api.post(AGENTS, content=b'{"prompt": "Go"}', headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415
    assert heygen.generations == []


@pytest.mark.parametrize(
    ("files", "field"),
    [
        ({"picture": ("a.png", PNG)}, "file"),
        ({"file": ("a.txt", b"text")}, "file"),
        ({"file": ("a.png", b"")}, "file"),
        ([("file", ("a.png", PNG)), ("file", ("b.png", PNG))], "file"),
    ],
)
async def test_a_form_holds_one_file_of_a_known_kind(
    heygen: HeyGenStandIn, api: httpx2.AsyncClient, files: Any, field: str
) -> None:
    answer = await api.post("/v3/assets", files=files)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, field)
    assert heygen.assets == []


async def test_a_form_as_any_client_writes_it_is_taken(heygen: HeyGenStandIn, api: httpx2.AsyncClient) -> None:
    stored = (await api.post("/v3/assets", files={"file": ("a.png", PNG)})).json()["data"]
    assert (stored["mime_type"], stored["size_bytes"]) == ("image/png", len(PNG))
    assert (heygen.assets[0].data, heygen.assets[0].name) == (PNG, "a.png")
    assert (await api.post("/v3/assets", content=PNG)).status_code == 400


async def test_a_file_over_32_megabytes_is_refused(api: httpx2.AsyncClient) -> None:
    answer = await api.post("/v3/assets", files={"file": ("a.png", PNG.ljust((32 << 20) + 1))})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "payload_too_large")


async def test_a_clip_is_there_when_it_is_made_and_wants_no_key(heygen: HeyGenStandIn, api: httpx2.AsyncClient) -> None:
    heygen.plan("processing")
    video_id = (await api.post(MODELS, json=TEXT)).json()["data"]["video_id"]
    url = f"/files/videos/{video_id}.mp4"
    async with httpx2.AsyncClient(trust_env=False, base_url=heygen.origin) as files:
        assert (await files.get(url)).status_code == 403
        # The general call knows the videos of the models too.
        states = [(await api.get(f"{path}/{video_id}")).json()["data"] for path in (MODELS, VIDEOS)]
        assert [one["status"] for one in states] == ["processing", "completed"]
        assert states[1]["video_url"] == f"{heygen.origin}{url}"
        assert (await files.get(url)).content[4:8] == b"ftyp"
    assert heygen.violations == []
    await api.get(url)
    assert heygen.violations == [f"The key was sent to the file host with {url}."]


async def test_two_kinds_of_credentials_are_one_too_many(heygen: HeyGenStandIn, api: httpx2.AsyncClient) -> None:
    await api.get("/v3/users/me", headers={"Authorization": "Bearer token"})
    assert heygen.violations == ["Two kinds of credentials came with GET /v3/users/me."]
