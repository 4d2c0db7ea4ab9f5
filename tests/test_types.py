"""The words of the product: requests and their bounds, sizes and ratios, and what a message may show of a medium."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from videogen_mcp.errors import (
    ERROR_CODES,
    DownloadFailed,
    InvalidRequest,
    NotConfigured,
    NothingEligible,
    OverBudget,
    PollTrouble,
    Refusal,
    SubmitUncertain,
    UnsafeMedia,
    VideoGenError,
)
from videogen_mcp.types import (
    LINES,
    MEDIA_FIELDS,
    MODE_NEEDS,
    MODES,
    RESOLUTIONS,
    Resolution,
    VideoRequest,
    file_name_of,
    make_request,
    pixel_size,
    ratio_of,
)

# Sizes and ratios.


@pytest.mark.parametrize(
    ("resolution", "ratio", "size"),
    [
        ("720p", "16:9", (1280, 720)),
        ("720p", "9:16", (720, 1280)),
        ("720p", "1:1", (720, 720)),
        ("720p", "21:9", (1680, 720)),
        ("720p", "4:3", (960, 720)),
        ("720p", "3:4", (720, 960)),
        ("480p", "16:9", (854, 480)),
        ("480p", "9:16", (480, 854)),
        ("540p", "16:9", (960, 540)),
        ("768p", "16:9", (1366, 768)),
        ("1080p", "16:9", (1920, 1080)),
        ("1080p", "4:5", (1080, 1350)),
        ("2k", "16:9", (2560, 1440)),
        ("4k", "16:9", (3840, 2160)),
    ],
)
def test_pixel_size(resolution: Resolution, ratio: str, size: tuple[int, int]) -> None:
    assert pixel_size(resolution, ratio) == size


@settings(deadline=None)
@given(resolution=st.sampled_from(RESOLUTIONS), width=st.integers(1, 30), height=st.integers(1, 30))
def test_pixel_size_is_even_near_the_ratio_and_as_short_as_the_name_says(
    resolution: Resolution, width: int, height: int
) -> None:
    size = pixel_size(resolution, f"{width}:{height}")
    assert size[0] % 2 == size[1] % 2 == 0
    assert min(size) == LINES[resolution]
    assert size[0] / size[1] == pytest.approx(width / height, rel=0.005)
    assert (size[0] >= size[1]) is (width >= height)


def test_ratio_of() -> None:
    assert ratio_of("16:9") == Fraction(16, 9)
    assert ratio_of("2:4") == Fraction(1, 2)


@pytest.mark.parametrize("text", ["auto", "", "16", "16x9", "16:", ":9", "16:9:1", "1.5:1"])
def test_what_is_no_ratio(text: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        ratio_of(text)
    with pytest.raises(ValueError, match="invalid literal"):
        pixel_size("720p", text)


# What a message may show.


@pytest.mark.parametrize(
    ("medium", "shown"),
    [
        ("https://pictures.example/a/b.png?token=s3cret", "https://pictures.example/a/b.png"),
        ("https://pictures.example/b.png#token=s3cret", "https://pictures.example/b.png"),
        ("https://user:s3cret@pictures.example/b.png", "https://pictures.example/b.png"),
        ("https://user:s3cret@pictures.example?x=@y", "https://pictures.example"),
        ("https://pictures.example/@me/b.png", "https://pictures.example/@me/b.png"),
        ("/home/s3cret/pictures/b.png", "b.png"),
        ("../s3cret/b.png", "b.png"),
        ("file:///home/s3cret/b.png", "b.png"),
        ("FILE:///home/s3cret/b.png", "b.png"),
        ("b.png", "b.png"),
        ("video:0123abcd", "video:0123abcd"),
        ("data:image/png;base64,s3cret", "data:image/png;base64,… (28 characters)"),
        ("", ""),
    ],
)
def test_file_name_of(medium: str, shown: str) -> None:
    assert file_name_of(medium) == shown


def test_file_name_of_is_short() -> None:
    assert len(file_name_of("https://pictures.example/" + "x" * 5000)) == 200
    assert len(file_name_of("data:" + "x" * 5000)) < 100


# The request.


def test_what_holds_when_nothing_is_said() -> None:
    request = VideoRequest()
    assert (request.mode, request.intent, request.priority, request.allow_fallback) == (
        "auto",
        "auto",
        "balanced",
        True,
    )
    assert list(request.media()) == []
    assert request.options == {}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("duration", -1),
        ("duration", 0),
        ("duration", 600.1),
        ("duration", float("nan")),
        ("duration", float("inf")),
        ("duration", "long"),
        ("max_cost_usd", -0.01),
        ("max_cost_usd", float("nan")),
        ("seed", -1),
        ("seed", 2**32),
        ("seed", 1.5),
        ("aspect_ratio", "0:1"),
        ("aspect_ratio", "16:0"),
        ("aspect_ratio", "16x9"),
        ("aspect_ratio", "1000:1"),
        ("aspect_ratio", "16:9\n"),
        ("aspect_ratio", "wide"),
        ("resolution", "900p"),
        ("resolution", "4K"),
        ("mode", "text"),
        ("intent", "fun"),
        ("priority", "cheap"),
        ("request_key", ""),
        ("request_key", "x" * 201),
        ("prompt", "x" * 20_001),
        ("negative_prompt", "x" * 20_001),
        ("reference_images", "https://pictures.example/a.png"),
        ("options", [1]),
        ("durration", 5),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_its_field(field: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        VideoRequest.model_validate({"prompt": "A fox", field: value})
    assert {error["loc"][0] for error in caught.value.errors()} == {field}
    with pytest.raises(InvalidRequest) as told:
        make_request({"prompt": "A fox", field: value})
    assert told.value.field == field
    assert told.value.message.startswith(f"{field} ")
    assert len(told.value.message) < 400


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("duration", 0.1),
        ("duration", 600),
        ("seed", 0),
        ("seed", 2**32 - 1),
        ("aspect_ratio", "auto"),
        ("aspect_ratio", "999:1"),
        ("max_cost_usd", 0),
        ("prompt", "x" * 20_000),
    ],
)
def test_a_value_at_its_bound_is_taken(field: str, value: Any) -> None:
    assert getattr(VideoRequest.model_validate({field: value}), field) == value


def test_media_come_in_the_order_of_the_contract() -> None:
    request = VideoRequest(
        source_audio="s", reference_audio=("a",), last_frame="l", reference_images=("1", "2"), first_frame="f"
    )
    assert list(request.media()) == [
        ("first_frame", "f"),
        ("last_frame", "l"),
        ("reference_images", "1"),
        ("reference_images", "2"),
        ("reference_audio", "a"),
        ("source_audio", "s"),
    ]


def test_a_request_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        VideoRequest().prompt = "A fox"  # pyright: ignore[reportAttributeAccessIssue]


def test_every_media_field_and_need_is_an_argument() -> None:
    assert set(MEDIA_FIELDS) <= set(VideoRequest.model_fields)
    assert set(MODE_NEEDS) == set(MODES)
    assert {name for groups in MODE_NEEDS.values() for group in groups for name in group} <= set(MEDIA_FIELDS)
    assert set(LINES) == set(RESOLUTIONS)


def test_arguments_that_are_none_count_as_not_given() -> None:
    assert make_request({"prompt": None, "duration": None, "options": None, "exclude": None}) == VideoRequest()


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("resolution", "900p", "resolution '900p' is not allowed; allowed: 480p, 540p, 720p, 768p, 1080p, 2k, 4k."),
        (
            "aspect_ratio",
            "wide",
            "aspect_ratio 'wide' is not allowed; allowed: two whole numbers such as 16:9, or auto.",
        ),
        ("duration", -1, "duration -1 is not allowed; it must be more than 0."),
        ("durration", 5, "durration is not an argument here."),
    ],
)
def test_a_refusal_names_the_argument_what_was_given_and_what_is_allowed(field: str, value: Any, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        make_request({field: value})
    assert caught.value.message == message


# The errors.


def test_the_text_of_a_failure_begins_with_its_code_and_ends_with_the_fix() -> None:
    error = InvalidRequest("seed 1 is odd.", fix="Use 2.", field="seed", endpoint="fal:toy/make")
    assert str(error) == "invalid_request: seed 1 is odd. Use 2."
    assert str(VideoGenError("It broke.")) == "internal: It broke."
    assert (error.field, error.endpoint, error.fix) == ("seed", "fal:toy/make", "Use 2.")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UnsafeMedia("no"), "unsafe_media"),
        (NothingEligible("no"), "nothing_eligible"),
        (NotConfigured("no"), "not_configured"),
        (OverBudget("no"), "over_budget"),
        (SubmitUncertain("no"), "submit_uncertain"),
        (DownloadFailed("no", retryable=True), "download_failed"),
        (PollTrouble("no"), "gateway_unavailable"),
        (PollTrouble("no", code="unauthorized"), "unauthorized"),
        (InvalidRequest("no", code="over_budget"), "over_budget"),
    ],
)
def test_codes(error: VideoGenError, code: str) -> None:
    assert error.code == code
    assert code in ERROR_CODES


def test_what_a_failure_carries() -> None:
    refusal = Refusal("fal:toy/make", "no.", "over_budget", "max_cost_usd")
    assert OverBudget("no", refusals=(refusal,)).refusals == (refusal,)
    assert isinstance(NotConfigured("no"), NothingEligible)
    assert isinstance(UnsafeMedia("no"), InvalidRequest)
    assert PollTrouble("no", retry_after=3).retry_after == 3
    assert not DownloadFailed("no", retryable=False).retryable


def test_the_codes_are_those_of_the_contract() -> None:
    assert set(ERROR_CODES) == {
        "invalid_request",
        "unsafe_media",
        "nothing_eligible",
        "not_configured",
        "over_budget",
        "unauthorized",
        "insufficient_credit",
        "content_policy",
        "gateway_unavailable",
        "generation_failed",
        "download_failed",
        "timed_out",
        "submit_uncertain",
        "not_found",
        "internal",
    }
