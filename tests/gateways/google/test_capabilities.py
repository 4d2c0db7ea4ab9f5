"""What each of Google's models can do is known before anything is sent: the catalogue refuses the rest."""

from typing import Any

import pytest

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.catalogue.encode import encode
from videogen_mcp.catalogue.limits import check_media
from videogen_mcp.errors import InvalidRequest
from videogen_mcp.types import MediaFacts, Mode, VideoRequest

CATALOGUE = load_catalogue()
A, B, CLIP = "https://pictures.example/a.png", "https://pictures.example/b.png", "https://clips.example/a.mp4"
OMNI_1, OMNI_2 = "gemini-omni-1.1-flash", "gemini-omni-1.2-flash"
VEO, LITE = "veo-3.1-generate-preview", "veo-3.1-lite-generate-preview"

REFUSED: list[tuple[str, Mode, dict[str, Any], str]] = [
    (f"{OMNI_1}/text-to-video", "text_to_video", {"duration": 11}, "duration"),
    (f"{OMNI_2}/text-to-video", "text_to_video", {"duration": 16}, "duration"),
    (f"{OMNI_2}/text-to-video", "text_to_video", {"aspect_ratio": "1:1"}, "aspect_ratio"),
    (f"{OMNI_2}/text-to-video", "text_to_video", {"first_frame": A}, "first_frame"),
    (f"{OMNI_2}/text-to-video", "image_to_video", {"first_frame": A}, "mode"),
    (f"{OMNI_2}/text-to-video", "text_to_video", {"options": {"resolution": "480p"}}, "options.resolution"),
    (f"{OMNI_2}/image-to-video", "image_to_video", {"last_frame": B}, "first_frame"),
    (f"{OMNI_2}/image-to-video", "first_last_frame", {"first_frame": A, "last_frame": B, "duration": 11}, "duration"),
    (f"{OMNI_1}/reference-to-video", "reference_to_video", {}, "reference_images"),
    (f"{OMNI_1}/reference-to-video", "reference_to_video", {"reference_images": [A] * 7}, "reference_images"),
    (f"{OMNI_1}/reference-to-video", "reference_to_video", {"reference_videos": [CLIP] * 4}, "reference_videos"),
    (f"{OMNI_1}/reference-to-video", "reference_to_video", {"reference_audio": [CLIP]}, "reference_images"),
    (f"{OMNI_1}/edit", "video_to_video", {}, "source_video"),
    (f"{OMNI_1}/edit", "video_to_video", {"source_video": CLIP, "aspect_ratio": "16:9"}, "aspect_ratio"),
    (f"{OMNI_1}/edit", "video_to_video", {"source_video": CLIP, "reference_images": [A] * 6}, "reference_images"),
    (f"{OMNI_1}/extend", "extend", {"source_video": CLIP, "resolution": "1080p"}, "resolution"),
    (VEO, "text_to_video", {"duration": 9}, "duration"),
    (VEO, "text_to_video", {"duration": 4, "resolution": "1080p"}, "duration"),
    (VEO, "text_to_video", {"aspect_ratio": "4:3"}, "aspect_ratio"),
    (VEO, "image_to_video", {"first_frame": A, "reference_images": [B]}, "reference_images"),
    (f"{VEO}/first-last-frame", "first_last_frame", {"last_frame": B}, "first_frame"),
    (f"{VEO}/reference-to-video", "reference_to_video", {"reference_images": [A] * 4}, "reference_images"),
    (LITE, "text_to_video", {"resolution": "4k"}, "resolution"),
    (LITE, "reference_to_video", {"reference_images": [A]}, "mode"),
]  # fmt: skip


@pytest.mark.parametrize(("endpoint", "mode", "more", "field"), REFUSED)
def test_what_a_model_cannot_do_is_refused(endpoint: str, mode: Mode, more: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        encode(CATALOGUE.find(f"google:{endpoint}"), mode, VideoRequest(prompt="A fox", **more))
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("endpoint", "mode", "name", "facts", "words"),
    [
        (f"{OMNI_1}/edit", "video_to_video", "source_video", MediaFacts("video/mp4", seconds=10.5), "has 10.5 s"),
        (f"{OMNI_2}/edit", "video_to_video", "source_video", MediaFacts("video/mp4", seconds=15.5), "has 15.5 s"),
        (f"{OMNI_1}/extend", "extend", "source_video", MediaFacts("video/x-matroska"), "is video/x-matroska"),
        (f"{OMNI_2}/image-to-video", "image_to_video", "first_frame", MediaFacts("image/gif"), "is image/gif"),
        (VEO, "image_to_video", "first_frame", MediaFacts("image/png", size_bytes=6 << 20), "has 6.0 MB"),
    ],
)
def test_a_medium_that_a_model_does_not_take_is_refused(
    endpoint: str, mode: Mode, name: str, facts: MediaFacts, words: str
) -> None:
    one = CATALOGUE.find(f"google:{endpoint}")
    body = encode(one, mode, VideoRequest.model_validate({"prompt": "A fox", name: CLIP})).body
    with pytest.raises(InvalidRequest, match=words) as caught:
        check_media(one, body, {CLIP: facts})
    assert caught.value.field == name


def test_the_longer_clips_of_the_newer_model_are_sent_as_asked() -> None:
    payload = encode(
        CATALOGUE.find(f"google:{OMNI_2}/text-to-video"), "text_to_video", VideoRequest(prompt="A fox", duration=15)
    )
    assert (payload.body["duration"], payload.seconds, payload.changes) == ("15s", 15, ())


def test_what_omni_has_no_parameter_for_is_told() -> None:
    request = VideoRequest(prompt="A fox", seed=7, negative_prompt="rain", generate_audio=False)
    payload = encode(CATALOGUE.find(f"google:{OMNI_2}/text-to-video"), "text_to_video", request)
    assert {change.field for change in payload.changes} == {"seed", "negative_prompt", "generate_audio"}


def test_only_models_that_google_still_serves_are_chosen_by_themselves() -> None:
    status = {one.id: one.status for one in CATALOGUE.endpoints if one.gateway == "google"}
    assert {name for name, state in status.items() if state == "live"} == {
        f"{model}/{task}"
        for model in (OMNI_1, OMNI_2)
        for task in ("text-to-video", "image-to-video", "reference-to-video", "edit", "extend")
    }
    assert {state for name, state in status.items() if name.startswith("veo-")} == {"delisted"}
