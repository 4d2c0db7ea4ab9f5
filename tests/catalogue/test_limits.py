"""Documented limits of media against what is known of those given: each from both sides, and what is not known."""

from datetime import date
from typing import Any

import pytest

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.catalogue.limits import MEGABYTE, check_media, media_in, unverified
from videogen_mcp.catalogue.schema import Endpoint
from videogen_mcp.errors import InvalidRequest
from videogen_mcp.types import MediaFacts

CATALOGUE = load_catalogue()
ONE = "file:///pictures/one.png"
TWO = "https://clips.example/two.mp4?signature=secret"
THREE = "https://clips.example/three.mp4"


def toy(**limits: Any) -> Endpoint:
    return Endpoint.model_validate(
        {
            "id": "toy/make",
            "gateway": "fal",
            "model": "toy",
            "modes": ["image_to_video"],
            "source": "a test",
            "checked": date(2026, 11, 21),
            "params": {
                "image_url": {"from": "first_frame", **limits},
                "clips": {"from": "reference_videos", "type": "array", **limits},
                "elements": {"type": "array", **limits},
            },
        }
    )


def refusal(endpoint: Endpoint, body: dict[str, Any], **media: MediaFacts) -> str | None:
    known = {{"one": ONE, "two": TWO, "three": THREE}[name]: facts for name, facts in media.items()}
    try:
        check_media(endpoint, body, known)
    except InvalidRequest as error:
        return f"{error.field}: {error.message}"
    return None


def of_one(facts: MediaFacts, **limits: Any) -> str | None:
    return refusal(toy(**limits), {"image_url": ONE}, one=facts)


SIZED = [
    ("min_size", "300x300", (300, 300), (200, 200), "200x200 pixels; the endpoint takes at least 300x300 pixels."),
    ("min_size", "300x300", (300, 900), (299, 900), "299x900 pixels; the endpoint takes at least 300x300 pixels."),
    (
        "max_size",
        "2160x2160",
        (1080, 2160),
        (2161, 1080),
        "2161x1080 pixels; the endpoint takes at most 2160x2160 pixels.",
    ),
]


@pytest.mark.parametrize(("limit", "size", "kept", "broken", "words"), SIZED)
def test_both_sides_of_a_picture_count(
    limit: str, size: str, kept: tuple[int, int], broken: tuple[int, int], words: str
) -> None:
    assert of_one(MediaFacts(None, None, *kept), **{limit: size}) is None
    assert of_one(MediaFacts(None, None, *broken), **{limit: size}) == f"first_frame: first_frame 'one.png' has {words}"


@pytest.mark.parametrize(
    ("size", "is_kept"),
    [
        ((1280, 720), True),
        ((720, 1280), True),
        ((854, 480), True),
        ((848, 480), True),
        ((640, 640), True),
        ((640, 360), False),
        ((1920, 1080), False),
        ((1080, 1080), False),
    ],
)
def test_a_tier_is_a_number_of_pixels_either_way_up(size: tuple[int, int], is_kept: bool) -> None:  # noqa: FBT001
    told = of_one(MediaFacts(None, None, *size), min_size="640x640", max_size="834x1112")
    assert (told is None) is is_kept
    assert told is None or told.endswith("the endpoint takes as many as 640x640 to 834x1112 pixels.")


@pytest.mark.parametrize(
    ("size", "is_kept"), [((1000, 2500), True), ((2500, 1000), True), ((1000, 2600), False), ((2600, 1000), False)]
)
def test_a_ratio_is_width_over_height(size: tuple[int, int], is_kept: bool) -> None:  # noqa: FBT001
    told = of_one(MediaFacts(None, None, *size), min_ratio=0.4, max_ratio=2.5)
    assert (told is None) is is_kept
    assert told is None or "times as wide as high; the endpoint takes 0.4 to 2.5 times as wide as high." in told


@pytest.mark.parametrize(
    ("limits", "kept", "broken", "words"),
    [
        ({"max_megabytes": 10}, 10 * MEGABYTE, 11_000_000, "has 10.5 MB; the endpoint takes at most 10 MB."),
        # Which of the two megabytes is meant, nobody writes.
        ({"max_megabytes": 10}, 10_400_000, 10_600_000, "has 10.1 MB; the endpoint takes at most 10 MB."),
    ],
)
def test_file_size(limits: dict[str, Any], kept: int, broken: int, words: str) -> None:
    assert of_one(MediaFacts(size_bytes=kept), **limits) is None
    assert of_one(MediaFacts(size_bytes=broken), **limits) == f"first_frame: first_frame 'one.png' {words}"


@pytest.mark.parametrize(
    ("limits", "kept", "broken", "words"),
    [
        ({"min_seconds": 3.0}, (3.0, 2.96), 2.9, "has 2.9 s; the endpoint takes at least 3 s."),
        ({"max_seconds": 10.0}, (10.0, 10.042), 10.1, "has 10.1 s; the endpoint takes at most 10 s."),
        ({"min_seconds": 2.0, "max_seconds": 15.0}, (2.0, 15.0), 16.5, "has 16.5 s; the endpoint takes 2 to 15 s."),
    ],
)
def test_length(limits: dict[str, Any], kept: tuple[float, ...], broken: float, words: str) -> None:
    assert [of_one(MediaFacts(seconds=one), **limits) for one in kept] == [None] * len(kept)
    assert of_one(MediaFacts(seconds=broken), **limits) == f"first_frame: first_frame 'one.png' {words}"


@pytest.mark.parametrize(
    ("fps", "is_kept"), [(24.0, True), (23.976, True), (59.94, True), (15.0, False), (120.0, False)]
)
def test_frame_rate(fps: float, is_kept: bool) -> None:  # noqa: FBT001
    told = of_one(MediaFacts(fps=fps), min_fps=24.0, max_fps=60.0)
    assert (told is None) is is_kept
    assert told is None or f"has {fps:g} frames per second; the endpoint takes 24 to 60 frames per second." in told


@pytest.mark.parametrize(
    ("mime_type", "formats"),
    [
        ("image/jpeg", ["jpg"]),
        ("image/jpg", ["jpeg", "png"]),
        ("image/heic", ["heif"]),
        ("video/quicktime", ["mov"]),
        ("video/mp4", ["m4v"]),
        ("audio/x-wav", ["wav"]),
        ("audio/mpeg", ["mp3"]),
        ("audio/mp4", ["m4a"]),
        # Nobody knows what this one is: it is not refused for its name.
        ("video/x-new", ["mp4"]),
    ],
)
def test_a_format_is_matched_by_what_it_is(mime_type: str, formats: list[str]) -> None:
    assert of_one(MediaFacts(mime_type), formats=formats) is None


@pytest.mark.parametrize(
    ("mime_type", "formats"),
    [
        ("image/gif", ["jpeg", "png"]),
        ("video/webm", ["mp4", "mov"]),
        ("audio/flac", ["wav", "mp3"]),
        ("video/mp4", ["mov"]),
    ],
)
def test_another_format_is_refused(mime_type: str, formats: list[str]) -> None:
    told = f"first_frame 'one.png' is {mime_type}; the endpoint takes {' or '.join(formats)}."
    assert of_one(MediaFacts(mime_type), formats=formats) == f"first_frame: {told}"


def test_every_format_in_the_catalogue_is_known() -> None:
    formats = {one for endpoint in CATALOGUE.endpoints for param in endpoint.params.values() for one in param.formats}
    names = [*formats, "quicktime", "mpeg"]
    mime_types = [f"{kind}/{name}" for kind in ("image", "video", "audio") for name in names]
    judged = [one for one in mime_types if of_one(MediaFacts(one), formats=["none"])]
    assert len(formats) > 10
    for one in formats:
        assert any(of_one(MediaFacts(mime_type), formats=[one]) is None for mime_type in judged), one


# Lists.


def test_the_sum_over_a_list_is_refused_by_its_argument() -> None:
    body = {"clips": [TWO, THREE]}
    eight, seven = MediaFacts(seconds=8.0), MediaFacts(seconds=7.0)
    endpoint = toy(min_total_seconds=2.0, max_total_seconds=15.0)
    assert refusal(endpoint, body, two=eight, three=seven) is None
    assert refusal(endpoint, body, two=eight, three=MediaFacts(seconds=7.16)) is None
    assert refusal(endpoint, body, two=eight, three=eight) == (
        "reference_videos: reference_videos 'https://clips.example/two.mp4' and 'https://clips.example/three.mp4' "
        "have 16 s together; the endpoint takes 2 to 15 s together."
    )
    assert refusal(endpoint, {"clips": [TWO]}, two=MediaFacts(seconds=1.0)) is not None


def test_what_is_unknown_never_refuses_but_what_is_known_of_the_others_may() -> None:
    endpoint = toy(min_total_seconds=2.0, max_total_seconds=15.0)
    short, long = MediaFacts(seconds=1.0), MediaFacts(seconds=16.0)
    assert refusal(endpoint, {"clips": [TWO, THREE]}, two=short) is None
    assert refusal(endpoint, {"clips": [TWO, THREE]}, two=long) is not None
    assert refusal(endpoint, {"clips": [TWO, THREE]}) is None


def test_megabytes_together() -> None:
    endpoint = toy(max_total_megabytes=50.0)
    half = MediaFacts(size_bytes=25 * MEGABYTE)
    more = MediaFacts(size_bytes=26 * MEGABYTE)
    assert refusal(endpoint, {"clips": [TWO, THREE]}, two=half, three=half) is None
    told = refusal(endpoint, {"clips": [TWO, THREE]}, two=half, three=more)
    assert told
    assert told.endswith("have 51.0 MB together; the endpoint takes at most 50 MB together.")


def test_one_of_a_list_is_named() -> None:
    told = refusal(
        toy(max_seconds=5.0), {"clips": [TWO, THREE]}, two=MediaFacts(seconds=4.0), three=MediaFacts(seconds=6.0)
    )
    assert told == (
        "reference_videos: reference_videos 'https://clips.example/three.mp4' has 6 s; the endpoint takes at most 5 s."
    )


def test_media_are_found_inside_objects() -> None:
    known = {ONE: MediaFacts(seconds=1.0), TWO: MediaFacts(seconds=2.0)}
    item = {"name": "hero", "pictures": [{"url": ONE}, {"url": TWO}]}
    assert dict(media_in([item], known)) == known
    assert media_in([{"name": "hero", "url": THREE}], known) == [(THREE, MediaFacts(measured=False))]
    assert media_in([], known) == []
    assert refusal(toy(max_seconds=1.5), {"elements": [item]}, one=known[ONE], two=known[TWO]) == (
        "options.elements: options.elements 'https://clips.example/two.mp4' has 2 s; the endpoint takes at most 1.5 s."
    )


# What could not be checked.


def test_a_medium_of_which_nothing_is_known_is_told_with_its_limits() -> None:
    endpoint = toy(formats=["jpeg", "png"], max_megabytes=10.0, min_size="300x300")
    (told,) = unverified(endpoint, {"image_url": TWO}, {})
    assert told == (
        "first_frame 'https://clips.example/two.mp4': its format, its file size and its size in pixels could not be "
        "checked; the endpoint takes jpeg or png, at most 10 MB and at least 300x300 pixels."
    )


def test_what_was_checked_is_not_told() -> None:
    endpoint = toy(formats=["jpeg", "png"], max_megabytes=10.0, min_size="300x300")
    (told,) = unverified(endpoint, {"image_url": TWO}, {TWO: MediaFacts("image/png", 5)})
    assert told == (
        "first_frame 'https://clips.example/two.mp4': its size in pixels could not be checked; "
        "the endpoint takes at least 300x300 pixels."
    )
    assert unverified(endpoint, {"image_url": ONE}, {ONE: MediaFacts("image/png", 5, 400, 400)}) == ()
    assert unverified(toy(), {"image_url": TWO}, {}) == ()


def test_a_host_that_did_not_answer_is_told_as_the_cause() -> None:
    (told,) = unverified(toy(max_megabytes=10.0), {"image_url": TWO}, {TWO: MediaFacts(measured=False)})
    assert told.endswith(
        "its file size could not be checked, because the host did not say; the endpoint takes at most 10 MB."
    )


def test_a_list_is_told_in_one_sentence() -> None:
    urls = [f"https://pictures.example/{number}.png" for number in range(5)]
    (told,) = unverified(toy(max_megabytes=10.0), {"clips": urls}, {urls[4]: MediaFacts(size_bytes=1)})
    assert told == (
        "reference_videos 'https://pictures.example/0.png', 'https://pictures.example/1.png', "
        "'https://pictures.example/2.png' and 1 more: its file size could not be checked; "
        "the endpoint takes at most 10 MB."
    )
    (told,) = unverified(toy(max_total_seconds=15.0), {"clips": urls[:2]}, {urls[0]: MediaFacts(seconds=5.0)})
    assert told.endswith("the length together could not be checked; the endpoint takes at most 15 s together.")


@pytest.mark.parametrize("endpoint", CATALOGUE.endpoints, ids=lambda endpoint: endpoint.key)
def test_the_documented_example_of_every_endpoint_breaks_nothing_and_is_told(endpoint: Endpoint) -> None:
    check_media(endpoint, endpoint.example, {})
    for sentence in unverified(endpoint, endpoint.example, {}):
        assert sentence.endswith(".")
        assert "could not be checked" in sentence
