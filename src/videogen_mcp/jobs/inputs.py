"""The caller's media, judged and measured before money is spent: by form and file for a plan, asked for by a job."""

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import httpx2
from anyio import to_thread

from videogen_mcp.errors import InvalidRequest, VideoGenError
from videogen_mcp.media.files import check_data_uri, decode_data_uri, read_local
from videogen_mcp.media.measure import measure_data_uri, measure_file, measure_url
from videogen_mcp.media.urls import check_form, resolve
from videogen_mcp.settings import Settings
from videogen_mcp.types import MEDIA_FIELDS, Json, Media, MediaFacts, MediaKind, VideoRequest, is_address, texts_in

VIDEO_PREFIX = "video:"
DATA_PREFIX = "data:"

VideoFile: TypeAlias = Callable[[str, str], Awaitable[Path]]
"""From (argument, job id) to the file of that job's clip."""


@dataclass(frozen=True)
class Inputs:
    """A request whose media were judged, and what is known of them.

    Attributes:
        request: What the caller wants; its local files by their `file://` URIs.
        media: What is known of each medium, by its text in this request and in the one that was given.
    """

    request: VideoRequest
    media: Media

    def with_media(self, replaced: Mapping[str, str], found: Media) -> "Inputs":
        """The same with other texts for some media, and with more known of them."""
        changes: dict[str, Any] = {}
        for field in MEDIA_FIELDS:
            value: str | tuple[str, ...] | None = getattr(self.request, field)
            if isinstance(value, str):
                changes[field] = replaced.get(value, value)
            elif value:
                changes[field] = tuple(replaced.get(one, one) for one in value)
        return Inputs(self.request.model_copy(update=changes), {**self.media, **found})


def check_inputs(request: VideoRequest, settings: Settings) -> Inputs:
    """Judge every medium, and measure what lies here, without the network and without writing.

    Blocks while it reads the headers of files: run it in a thread.

    Args:
        request: What the caller wants.
        settings: Folders and limits.

    Raises:
        InvalidRequest: One cannot be used; names the argument.
        UnsafeMedia: One must not be used.
    """
    replaced: dict[str, str] = {}
    found: dict[str, MediaFacts] = {}
    for field, value in request.media():
        kind = MEDIA_FIELDS[field]
        if value.startswith(DATA_PREFIX):
            check_data_uri(value, field=field, kind=kind)
            found[value] = measure_data_uri(value, field=field, kind=kind)
        elif is_address(value):
            check_form(value, settings, field=field)
        elif value.startswith(VIDEO_PREFIX):
            _check_video_reference(field, kind)
        else:
            local = read_local(value, settings, field=field, kind=kind)
            replaced[value] = local.path.as_uri()
            found[value] = found[replaced[value]] = measure_file(local, field=field)
    for field, url in _option_urls(request.options):
        check_form(url, settings, field=field)
    try:
        json.dumps(request.options, allow_nan=False)
    except (TypeError, ValueError):
        message = "options hold something that JSON cannot: numbers must be finite."
        raise InvalidRequest(message, field="options") from None
    return Inputs(request, {}).with_media(replaced, found)


async def resolve_addresses(
    inputs: Inputs, settings: Settings, *, http: httpx2.AsyncClient, video_file: VideoFile
) -> Inputs:
    """Look up every address, ask its host about it, and find the clips of earlier jobs; all at once.

    Args:
        inputs: What `check_inputs` gave.
        settings: Folders and limits.
        http: The client whose connections are used.
        video_file: Gives the file of an earlier job's clip.

    Returns:
        The inputs with the clips of jobs as files, and with what the hosts say; `inputs` itself where there is
        nothing to ask for.

    Raises:
        InvalidRequest: One cannot be used; names the argument.
        UnsafeMedia: One must not be used.
    """
    asking: dict[str, Callable[[], Awaitable[_Found]]] = {}
    for field, value in inputs.request.media():
        if is_address(value):
            asking.setdefault(value, partial(_ask, field, value, settings, http))
        elif value.startswith(VIDEO_PREFIX):
            asking.setdefault(value, partial(_find_clip, field, value, settings, video_file))
    for field, url in _option_urls(inputs.request.options):
        asking.setdefault(url, partial(_look_up, field, url, settings))
    if not asking:
        return inputs
    answers = await _all_at_once(asking)
    return inputs.with_media(
        {value: text for value, (text, _) in answers.items()},
        {text: facts for text, facts in answers.values() if facts is not None},
    )


async def keep_data_uris(inputs: Inputs, settings: Settings) -> Inputs:
    """Write what data URIs hold into the data folder, so that the database holds no megabytes.

    Args:
        inputs: What `check_inputs` gave.
        settings: Names the data folder.

    Returns:
        The inputs with files in their place; `inputs` itself where there is no data URI.

    Raises:
        InvalidRequest: One cannot be used; names the argument.
        DownloadFailed: A file could not be written.
    """
    replaced: dict[str, str] = {}
    for field, value in inputs.request.media():
        if value.startswith(DATA_PREFIX) and value not in replaced:
            keep = partial(
                decode_data_uri, value, settings, field=field, kind=MEDIA_FIELDS[field], folder=settings.home / "inputs"
            )
            replaced[value] = (await to_thread.run_sync(keep)).path.as_uri()
    if not replaced:
        return inputs
    return inputs.with_media(replaced, {text: inputs.media[value] for value, text in replaced.items()})


_Found: TypeAlias = tuple[str, MediaFacts | None]
"""The text that now stands for a medium, and what is known of it."""


async def _all_at_once(asking: Mapping[str, Callable[[], Awaitable[_Found]]]) -> dict[str, _Found]:
    """The answers, in the order of the questions.

    Raises:
        VideoGenError: The first question, in their order, that has no good answer.
    """
    answers: dict[str, _Found] = {}
    failures: dict[str, VideoGenError] = {}

    async def ask(value: str) -> None:
        try:
            answers[value] = await asking[value]()
        except VideoGenError as error:
            failures[value] = error

    async with anyio.create_task_group() as group:
        for value in asking:
            group.start_soon(ask, value)
    for value in asking:
        if value in failures:
            raise failures[value]
    return {value: answers[value] for value in asking}


async def _ask(field: str, url: str, settings: Settings, http: httpx2.AsyncClient) -> _Found:
    facts = await measure_url(url, http=http, settings=settings, field=field, kind=MEDIA_FIELDS[field])
    return url, facts or MediaFacts(measured=False)


async def _look_up(field: str, url: str, settings: Settings) -> _Found:
    await resolve(url, settings, field=field)
    return url, None


async def _find_clip(field: str, value: str, settings: Settings, video_file: VideoFile) -> _Found:
    path = await video_file(field, value.removeprefix(VIDEO_PREFIX))

    def look() -> _Found:
        kind = MEDIA_FIELDS[field]
        local = read_local(str(path), settings, field=field, kind=kind, extra_roots=settings.own_folders)
        return local.path.as_uri(), measure_file(local, field=field)

    return await to_thread.run_sync(look)


def _check_video_reference(field: str, kind: MediaKind) -> None:
    if kind != "video":
        raise InvalidRequest(f"{field} takes {kind}, but video:<job_id> is a clip.", field=field)


def _option_urls(options: Json) -> Iterator[tuple[str, str]]:
    """Every address anywhere in the options, with the option it stands in: they are sent on, so they are judged too."""
    for name, value in options.items():
        for text in texts_in(value):
            if is_address(text) and " " not in text.strip():
                yield f"options.{name}", text
