"""Files in parts: each is sent until it got through, and the whole only counts when all did."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from tests.standins.fal import FalStandIn

from videogen_mcp.errors import GatewayError, NotSent, SubmitRefused
from videogen_mcp.gateways.fal import uploads
from videogen_mcp.gateways.fal.uploads import AGAIN_AFTER, PART_BYTES, FalUploads
from videogen_mcp.gateways.fal.wire import authorization
from videogen_mcp.settings import load_settings

SIZE = 2 * PART_BYTES + 5_000_000


class Storage:
    """The storage API with its pauses noted."""

    def __init__(self, environment: dict[str, str], http: httpx2.AsyncClient) -> None:
        settings = load_settings(environment)
        url = settings.base_url("VIDEOGEN_FAL_REST_URL", "")
        self.pauses: list[float] = []
        self.told: list[tuple[int, int | None]] = []
        self._uploads = FalUploads(url, authorization(settings), settings, http, self._pause)

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def upload(self, path: Path) -> str:
        return await self._uploads.upload(path, "video/mp4", lambda done, size: self.told.append((done, size)))


@pytest_asyncio.fixture(name="storage")
async def storage_fixture(fal_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Storage]:
    monkeypatch.setattr(uploads, "MULTIPART_BYTES", SIZE - 1)
    async with httpx2.AsyncClient(trust_env=False) as http:
        yield Storage(fal_environment, http)


@pytest.fixture(name="large")
def large_fixture(tmp_path: Path) -> Path:
    path = tmp_path / "private name.mp4"
    path.write_bytes(b"".join(number.to_bytes(4, "big") * 250_000 for number in range(SIZE // 1_000_000)))
    return path


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def parts(standin: FalStandIn) -> list[int]:
    return [int(one.path.rpartition("/")[2]) for one in standin.requests if one.method == "PUT"]


async def test_a_file_goes_up_in_parts(standin: FalStandIn, storage: Storage, large: Path) -> None:
    url = await storage.upload(large)
    (upload,) = standin.uploads
    assert (upload.url, upload.content_type, upload.size) == (url, "video/mp4", SIZE)
    assert upload.sha256 == digest_of(large)
    assert "private" not in upload.file_name
    assert sorted(parts(standin)) == [1, 2, 3]
    token, begun, *sent, completed = standin.requests
    assert token.headers["authorization"] == f"Key {standin.key}"
    assert all(one.headers["authorization"].startswith("Bearer ") for one in (begun, *sent, completed))
    assert storage.told[-1] == (SIZE, SIZE)
    assert [done for done, _ in storage.told] == sorted(done for done, _ in storage.told)
    assert storage.pauses == []


async def test_a_file_of_the_longest_length_goes_up_whole(
    standin: FalStandIn, storage: Storage, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MULTIPART_BYTES", SIZE)
    await storage.upload(large)
    assert [one.size for one in standin.uploads] == [SIZE]
    assert parts(standin) == []
    assert storage.told[-1] == (SIZE, SIZE)


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        ("upload_drop", {}),
        ("upload_status", {"status": 500}),
        ("upload_status", {"status": 503, "body": "<html>"}),
        ("upload_status", {"status": 429, "headers": {"Retry-After": "1"}}),
    ],
)
async def test_a_part_that_does_not_get_through_is_sent_again(
    standin: FalStandIn, storage: Storage, large: Path, kind: str, details: dict[str, Any]
) -> None:
    standin.fault(kind, "2", times=2, **details)
    url = await storage.upload(large)
    assert [one.url for one in standin.uploads] == [url]
    assert len(parts(standin)) == 5
    assert set(storage.pauses) <= set(AGAIN_AFTER)
    assert len(storage.pauses) == 2
    assert storage.told[-1] == (SIZE, SIZE)


@pytest.mark.parametrize(
    ("kind", "details", "error", "tries"),
    [
        ("upload_drop", {}, NotSent, 1 + len(AGAIN_AFTER)),
        ("upload_status", {"status": 503}, SubmitRefused, 1 + len(AGAIN_AFTER)),
        ("upload_status", {"status": 403}, SubmitRefused, 1),
        ("upload_status", {"status": 413, "body": {"detail": "Too large"}}, SubmitRefused, 1),
        ("upload_no_etag", {}, SubmitRefused, 1),
    ],
)
async def test_a_part_that_never_gets_through_ends_the_upload(
    *,
    standin: FalStandIn,
    storage: Storage,
    large: Path,
    kind: str,
    details: dict[str, Any],
    error: type[GatewayError],
    tries: int,
) -> None:
    standin.fault(kind, "3", times=tries, **details)
    with pytest.raises(error):
        await storage.upload(large)
    assert standin.uploads == []
    assert parts(standin).count(3) == tries
    assert not [one for one in standin.requests if one.path.endswith("/complete")]


async def test_an_address_without_tls_gets_neither_token_nor_parts(
    fal_environment: dict[str, str], large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MULTIPART_BYTES", SIZE - 1)
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        if request.url.path.endswith("/token"):
            return httpx2.Response(200, json={"token": "t", "base_url": "https://cdn.example"})
        return httpx2.Response(200, json={"access_url": "http://cdn.example/a", "uploadId": "u"})

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        with pytest.raises(SubmitRefused, match="not https"):
            await Storage(fal_environment, http).upload(large)
    assert asked[1:] == ["https://cdn.example/files/upload/multipart"]
