"""What is to be done: the mode that the media given call for, and what no endpoint could do without. Pure."""

from collections.abc import Collection, Iterable

from videogen_mcp.catalogue.encode import arguments_in_options
from videogen_mcp.catalogue.schema import Endpoint
from videogen_mcp.errors import InvalidRequest
from videogen_mcp.types import MODE_NEEDS, MODES, Mode, VideoRequest


def infer_mode(request: VideoRequest, pinned: Iterable[Endpoint] = ()) -> Mode:
    """The mode that the media given call for, unless the caller names one.

    Args:
        request: What the caller wants.
        pinned: The endpoints that the request's pins leave; none when nothing is pinned. A medium may come through
            their options, and where they do not offer what the media call for, one of the modes they have is taken.

    Raises:
        InvalidRequest: The media fit no mode; names the argument.
    """
    if request.mode != "auto":
        return request.mode
    endpoints = tuple(pinned)
    given = _given(request)
    for endpoint in endpoints:
        given |= arguments_in_options(endpoint, request)
    called_for = _called_for(given)
    offered: set[Mode] = {mode for endpoint in endpoints for mode in endpoint.modes}
    if offered and called_for not in offered:
        able: list[Mode] = [mode for mode in MODES if mode in offered and _has_needs(mode, given)]
        # A pin that does one thing says what is meant, and the refusal then names the medium that is missing.
        if not able and len(offered) == 1:
            able.extend(offered)
        called_for = able[0] if able else called_for
    if called_for is None:
        raise InvalidRequest("last_frame is given without first_frame; give both.", field="first_frame")
    return called_for


def _called_for(given: Collection[str]) -> Mode | None:
    """The mode for these arguments; None for a last frame alone."""
    if "source_video" in given:
        return "lip_sync" if "source_audio" in given else "video_to_video"
    if "reference_images" in given or "reference_videos" in given:
        return "reference_to_video"
    if "last_frame" in given:
        return "first_last_frame" if "first_frame" in given else None
    return "image_to_video" if "first_frame" in given else "text_to_video"


def _has_needs(mode: Mode, given: Collection[str]) -> bool:
    """Whether everything that the mode lives on is given; a mode that lives on media is not for words alone."""
    if mode == "text_to_video":
        return not given
    return all(set(group).intersection(given) for group in MODE_NEEDS[mode])


VISUAL = ("first_frame", "last_frame", "reference_images", "reference_videos", "source_video")
"""Arguments that show something."""


def _given(request: VideoRequest) -> set[str]:
    return {name for name, _ in request.media()}


def check_complete(request: VideoRequest, mode: Mode) -> None:
    """Check what no endpoint could do without.

    Raises:
        InvalidRequest: The prompt or a medium that the mode lives on is missing; names the argument.
    """
    if mode == "text_to_video" and not request.prompt.strip() and not request.options:
        raise InvalidRequest("prompt is empty: text_to_video lives on it.", field="prompt")
    if request.options:
        return
    if request.reference_audio and request.endpoint is None and not set(VISUAL).intersection(_given(request)):
        message = "reference_audio needs a picture or a clip beside it: sound alone shows nothing to refer to."
        raise InvalidRequest(message, field="reference_audio")
    for group in MODE_NEEDS[mode]:
        if not any(getattr(request, name) for name in group):
            raise InvalidRequest(f"{' or '.join(group)} is missing: {mode} needs it.", field=group[0])
