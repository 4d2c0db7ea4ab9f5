"""The caller's media, judged before money is spent: by form for a plan, resolved for a job."""

import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from anyio import to_thread

from videogen_mcp.errors import InvalidRequest
from videogen_mcp.media.files import check_data_uri, decode_data_uri, read_local
from videogen_mcp.media.urls import check_form, resolve
from videogen_mcp.settings import Settings
from videogen_mcp.types import MEDIA_FIELDS, Json, MediaKind, VideoRequest, texts_in

VIDEO_PREFIX = "video:"

VideoFile: TypeAlias = Callable[[str, str], Awaitable[Path]]
"""From (argument, job id) to the file of that job's clip."""


def check_inputs(request: VideoRequest, settings: Settings) -> None:
    """Judge every medium without the network and without writing.

    Raises:
        InvalidRequest: One cannot be used; names the argument.
        UnsafeMedia: One must not be used.
    """
    for field, value in request.media():
        kind = MEDIA_FIELDS[field]
        if value.startswith("data:"):
            check_data_uri(value, field=field, kind=kind)
        elif _is_url(value):
            check_form(value, settings, field=field)
        elif value.startswith(VIDEO_PREFIX):
            _check_video_reference(field, kind)
        else:
            read_local(value, settings, field=field, kind=kind)
    for field, url in _option_urls(request.options):
        check_form(url, settings, field=field)
    try:
        json.dumps(request.options, allow_nan=False)
    except (TypeError, ValueError):
        message = "options hold something that JSON cannot: numbers must be finite."
        raise InvalidRequest(message, field="options") from None


async def resolve_inputs(request: VideoRequest, settings: Settings, video_file: VideoFile) -> VideoRequest:
    """The request with every medium as an address that was looked up, or as a file of this machine.

    Args:
        request: What the caller wants; `check_inputs` has passed it.
        settings: Folders and limits.
        video_file: Gives the file of an earlier job's clip.

    Raises:
        InvalidRequest: One cannot be used; names the argument.
        UnsafeMedia: One must not be used.
    """
    for field, url in _option_urls(request.options):
        await resolve(url, settings, field=field)
    changes: dict[str, Any] = {}
    for field in MEDIA_FIELDS:
        value: str | tuple[str, ...] | None = getattr(request, field)
        if isinstance(value, str):
            changes[field] = await _resolve_one(field, value, settings, video_file)
        elif value:
            changes[field] = tuple([await _resolve_one(field, one, settings, video_file) for one in value])
    return request.model_copy(update=changes) if changes else request


async def _resolve_one(field: str, value: str, settings: Settings, video_file: VideoFile) -> str:
    kind = MEDIA_FIELDS[field]
    if _is_url(value):
        await resolve(value, settings, field=field)
        return value
    if value.startswith("data:"):
        folder = settings.home / "inputs"
        local = await to_thread.run_sync(
            lambda: decode_data_uri(value, settings, field=field, kind=kind, folder=folder)
        )
    elif value.startswith(VIDEO_PREFIX):
        path = str(await video_file(field, value.removeprefix(VIDEO_PREFIX)))
        local = await to_thread.run_sync(
            lambda: read_local(path, settings, field=field, kind=kind, extra_roots=settings.own_folders)
        )
    else:
        local = await to_thread.run_sync(lambda: read_local(value, settings, field=field, kind=kind))
    return local.path.as_uri()


def _check_video_reference(field: str, kind: MediaKind) -> None:
    if kind != "video":
        raise InvalidRequest(f"{field} takes {kind}, but video:<job_id> is a clip.", field=field)


def _is_url(value: str) -> bool:
    scheme, separator, _ = value.partition("://")
    return bool(separator) and scheme.isalpha() and scheme.lower() != "file"


def _option_urls(options: Json) -> Iterator[tuple[str, str]]:
    """Every address anywhere in the options, with the option it stands in: they are sent on, so they are judged too."""
    for name, value in options.items():
        for text in texts_in(value):
            if _is_url(text) and " " not in text.strip():
                yield f"options.{name}", text
