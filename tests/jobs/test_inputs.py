import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.standins.clips import make_clip

from videogen_mcp.errors import InvalidRequest, UnsafeMedia
from videogen_mcp.jobs.inputs import check_inputs, resolve_inputs
from videogen_mcp.settings import Settings, load_settings
from videogen_mcp.types import VideoRequest

PNG = b"\x89PNG\r\n\x1a\n" + bytes(200)
URI = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
PUBLIC = "https://93.184.216.34/a.png"
JOB = "0" * 32

Given = Callable[..., VideoRequest]


@pytest.fixture(name="settings")
def settings_fixture(tmp_path: Path) -> Settings:
    (tmp_path / "a.png").write_bytes(PNG)
    (tmp_path / "a.mp4").write_bytes(make_clip(1))
    return load_settings({"VIDEOGEN_HOME": str(tmp_path)})


async def no_clip(field: str, job_id: str) -> Path:
    raise InvalidRequest(f"{field} {job_id}", field=field)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_check_writes_nothing_and_asks_no_name_service(settings: Settings) -> None:
    before = names(settings.home)
    given: dict[str, Any] = {
        "first_frame": str(settings.home / "a.png"),
        "last_frame": URI,
        "reference_images": ("https://nothing.invalid/a.png", PUBLIC),
        "source_video": f"video:{JOB}",
        "options": {"elements": [{"url": "https://nothing.invalid/b.png"}], "note": "see https://10.0.0.1 for more"},
    }
    check_inputs(VideoRequest(**given), settings)
    assert names(settings.home) == before


@pytest.mark.parametrize(
    ("given", "error", "field"),
    [
        ({"first_frame": f"video:{JOB}"}, InvalidRequest, "first_frame"),
        ({"reference_audio": (f"video:{JOB}",)}, InvalidRequest, "reference_audio"),
        ({"first_frame": "ftp://93.184.216.34/a.png"}, InvalidRequest, "first_frame"),
        ({"first_frame": "http://93.184.216.34/a.png"}, InvalidRequest, "first_frame"),
        ({"last_frame": "https://10.0.0.1/a.png"}, UnsafeMedia, "last_frame"),
        ({"reference_images": (PUBLIC, "https://[::1]/a.png")}, UnsafeMedia, "reference_images"),
        ({"source_audio": "https://169.254.169.254/a.wav"}, UnsafeMedia, "source_audio"),
        ({"source_video": URI}, InvalidRequest, "source_video"),
        ({"first_frame": "data:image/png;base64,"}, InvalidRequest, "first_frame"),
        ({"first_frame": "/etc/passwd"}, UnsafeMedia, "first_frame"),
        ({"first_frame": "file:///etc/passwd"}, UnsafeMedia, "first_frame"),
        ({"options": {"image_url": "https://127.0.0.1/a.png"}}, UnsafeMedia, "options.image_url"),
        ({"options": {"deep": [{"x": ["https://10.1.2.3/a.png"]}]}}, UnsafeMedia, "options.deep"),
        ({"options": {"webhook": "http://metadata.google.internal/"}}, InvalidRequest, "options.webhook"),
        ({"options": {"scale": float("inf")}}, InvalidRequest, "options"),
    ],
)
def test_a_check_names_the_argument(
    settings: Settings, given: dict[str, Any], error: type[InvalidRequest], field: str
) -> None:
    with pytest.raises(error) as caught:
        check_inputs(VideoRequest(**given), settings)
    assert caught.value.field == field


async def test_media_become_addresses_and_files(settings: Settings) -> None:
    clip = settings.home / "a.mp4"

    async def clip_of(field: str, job_id: str) -> Path:
        assert (field, job_id) == ("source_video", JOB)
        return clip

    request = VideoRequest(
        first_frame=str(settings.home / "a.png"),
        last_frame=URI,
        reference_images=(PUBLIC, URI),
        source_video=f"video:{JOB}",
    )
    resolved = await resolve_inputs(request, settings, clip_of)
    (kept,) = (settings.home / "inputs").iterdir()
    assert kept.read_bytes() == PNG
    assert resolved.first_frame == (settings.home / "a.png").as_uri()
    assert resolved.last_frame == kept.as_uri()
    assert resolved.reference_images == (PUBLIC, kept.as_uri())
    assert resolved.source_video == clip.as_uri()


async def test_a_request_without_media_stays_as_it_is(settings: Settings) -> None:
    request = VideoRequest(prompt="p")
    assert await resolve_inputs(request, settings, no_clip) is request


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"first_frame": "https://nothing.invalid/a.png"}, "first_frame"),
        ({"options": {"image_url": "https://nothing.invalid/a.png"}}, "options.image_url"),
        ({"source_video": f"video:{JOB}"}, "source_video"),
        ({"first_frame": "gone.png"}, "first_frame"),
    ],
)
async def test_what_turns_out_unusable_names_the_argument(
    settings: Settings, given: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await resolve_inputs(VideoRequest(**given), settings, no_clip)
    assert caught.value.field == field


async def test_an_earlier_clip_outside_the_media_roots_is_still_ours(tmp_path: Path) -> None:
    roots, videos = tmp_path / "roots", tmp_path / "videos"
    for folder in (roots, videos):
        folder.mkdir()
    (videos / "a.mp4").write_bytes(make_clip(1))
    settings = load_settings(
        {
            "VIDEOGEN_HOME": str(tmp_path / "home"),
            "VIDEOGEN_MEDIA_ROOTS": str(roots),
            "VIDEOGEN_OUTPUT_DIR": str(videos),
        }
    )

    async def clip_of(field: str, job_id: str) -> Path:
        del field, job_id
        return videos / "a.mp4"

    resolved = await resolve_inputs(VideoRequest(source_video=f"video:{JOB}"), settings, clip_of)
    assert resolved.source_video == (videos / "a.mp4").as_uri()
    with pytest.raises(UnsafeMedia):
        check_inputs(VideoRequest(source_video=str(videos / "a.mp4")), settings)
