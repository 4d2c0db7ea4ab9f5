"""Media on their way: inputs to where a gateway can use them, results to where the caller finds them."""

import hashlib
import re
import shutil
import unicodedata
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import httpx2
from anyio import BrokenWorkerProcess, to_process, to_thread

from videogen_mcp.errors import DownloadFailed, UnsafeMedia
from videogen_mcp.gateways.abilities import OnBytes, TellsUploads
from videogen_mcp.gateways.base import Finished, Gateway
from videogen_mcp.jobs.clock import Clock
from videogen_mcp.jobs.job import Job
from videogen_mcp.jobs.unsent import again_if_not_sent
from videogen_mcp.media.disk import cannot_write, check_room, remove_parts
from videogen_mcp.media.fetch import Downloaded, download
from videogen_mcp.media.files import read_local
from videogen_mcp.media.probe import ClipFacts, inspect
from videogen_mcp.selection.scoring import Candidate
from videogen_mcp.settings import Settings
from videogen_mcp.types import MEDIA_FIELDS, Json, Video, texts_in

_NOT_A_WORD = re.compile(r"[^a-z0-9]+")
_LONGEST_SLUG = 40


class Delivery:
    """Moves media between the caller's disk, gateways and the videos folder.

    Args:
        settings: Folders and limits.
        http: The client for downloads.
        clock: Time.
    """

    def __init__(self, settings: Settings, http: httpx2.AsyncClient, clock: Clock) -> None:
        self._settings = settings
        self._http = http
        self._clock = clock

    async def prepare(
        self, job: Job, candidate: Candidate, gateway: Gateway, on_bytes: OnBytes = lambda _done, _all: None
    ) -> Json:
        """The candidate's body with every medium in the form that the gateway can use.

        Local files are handed over; so are addresses, fetched first, where the gateway does not fetch them itself.

        Raises:
            NotSent: The gateway's storage cannot be reached.
            SubmitRefused: It did not take a file.
            InvalidRequest: A file is gone, or an address may not be used.
            DownloadFailed: An address did not give the medium.
        """
        replaced: dict[str, str] = {}
        texts = set(texts_in(candidate.payload.body))
        for field, value in job.request.media():
            if value not in replaced and value in texts:
                replaced[value] = await self._prepare_one(field, value, gateway, on_bytes)
        return cast("Json", _substitute(candidate.payload.body, replaced))

    async def _prepare_one(self, field: str, value: str, gateway: Gateway, on_bytes: OnBytes) -> str:
        kind = MEDIA_FIELDS[field]
        if value.startswith("file:"):
            own = self._settings.own_folders
            local = await to_thread.run_sync(
                lambda: read_local(value, self._settings, field=field, kind=kind, extra_roots=own)
            )
            return await self._hand_over(local.path, local.mime_type, gateway, on_bytes)
        if gateway.fetches_media:
            return value
        destination = self._settings.home / "inputs" / hashlib.sha256(value.encode()).hexdigest()[:32]
        destination.parent.mkdir(parents=True, exist_ok=True)
        fetched = await download(value, destination, http=self._http, settings=self._settings, kind=kind, field=field)
        return await self._hand_over(fetched.path, fetched.mime_type, gateway, on_bytes)

    async def _hand_over(self, path: Path, mime_type: str, gateway: Gateway, on_bytes: OnBytes) -> str:
        async def once() -> str:
            if isinstance(gateway, TellsUploads):
                return await gateway.upload_telling(path, mime_type, on_bytes)
            return await gateway.upload(path, mime_type)

        return await again_if_not_sent(once, self._clock)

    async def collect(
        self,
        job: Job,
        candidate: Candidate,
        finished: Finished,
        on_progress: Callable[[int, int | None], None],
        *,
        apart: bool = False,
    ) -> Video:
        """Bring the finished clip into the videos folder and look at it.

        Args:
            job: The job.
            candidate: What made it.
            finished: Where it is.
            on_progress: Told how far the download is, in bytes.
            apart: Decode it in a process of its own, which may die of it.

        Raises:
            DownloadFailed: It could not be fetched whole, or is no video.
        """
        folder = self._settings.videos_folder
        destination = folder / f"{slug_of(job.request.prompt)}-{job.id[:12]}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(destination, error) from error
        await to_thread.run_sync(remove_parts, destination)
        if finished.path is not None:
            kept = await to_thread.run_sync(_move, finished.path, destination.with_name(f"{destination.name}.mp4"))
        else:
            await to_thread.run_sync(check_room, folder)
            kept = await self._fetch(finished, destination, on_progress)
        poster = kept.path.with_name(f"{destination.name}.poster.jpg")
        sheet = kept.path.with_name(f"{destination.name}.sheet.jpg")
        look = partial(
            inspect,
            kept.path,
            poster=poster,
            sheet=sheet,
            asked_seconds=job.request.duration or candidate.payload.seconds,
            asked_ratio=job.request.aspect_ratio,
            audio_asked=candidate.payload.has_audio,
        )
        facts = await (_apart(look, kept.path) if apart else to_thread.run_sync(look))
        return Video(
            path=str(kept.path),
            resource_uri=f"videogen://videos/{job.id}",
            url=finished.url,
            mime_type=kept.mime_type,
            size_bytes=kept.size_bytes,
            sha256=kept.sha256,
            width=facts.width,
            height=facts.height,
            duration_seconds=facts.duration_seconds,
            fps=facts.fps,
            has_audio=facts.has_audio,
            poster_path=str(poster),
            contact_sheet_path=str(sheet),
            checks=facts.checks,
            details=finished.details,
        )

    async def _fetch(
        self, finished: Finished, destination: Path, on_progress: Callable[[int, int | None], None]
    ) -> Downloaded:
        try:
            return await download(
                finished.url or "",
                destination,
                headers=finished.headers,
                http=self._http,
                settings=self._settings,
                kind="video",
                field="video",
                on_progress=on_progress,
            )
        except UnsafeMedia as error:
            raise DownloadFailed(
                f"The gateway's result may not be fetched: {error.message}", retryable=False
            ) from error


async def _apart(look: Callable[[], ClipFacts], clip: Path) -> ClipFacts:
    """Look at a clip in a process of its own."""
    try:
        found = await to_process.run_sync(_outcome, look, cancellable=True)
    except BrokenWorkerProcess as error:
        raise DownloadFailed(
            "The clip is here, but whatever decodes it ends at once: its file is broken or harmful.",
            retryable=False,
            fix=f"It lies at {clip}.",
        ) from error
    if isinstance(found, ClipFacts):
        return found
    message, fix = found
    raise DownloadFailed(message, retryable=False, fix=fix)


def _outcome(look: Callable[[], ClipFacts]) -> ClipFacts | tuple[str, str]:
    """What a look found, or what is wrong with the file and what to do: errors of ours cannot be pickled."""
    try:
        return look()
    except DownloadFailed as error:
        return error.message, error.fix


def slug_of(prompt: str) -> str:
    """A few words of the prompt as part of a file name, in plain letters; `video` where there are none."""
    plain = unicodedata.normalize("NFKD", prompt).encode("ascii", "ignore").decode().lower()
    slug = _NOT_A_WORD.sub("-", plain).strip("-")[:_LONGEST_SLUG].rstrip("-")
    return slug or "video"


def _substitute(value: Any, replaced: dict[str, str]) -> Any:
    if isinstance(value, str):
        return replaced.get(value, value)
    if isinstance(value, dict):
        return {name: _substitute(one, replaced) for name, one in cast("Json", value).items()}
    if isinstance(value, list):
        return [_substitute(one, replaced) for one in cast("list[Any]", value)]
    return value


def _move(source: Path, destination: Path) -> Downloaded:
    """Move a clip made on this machine into place, whole or not at all, across disks too."""
    partial = destination.with_name(f".{destination.name}.part")
    shutil.copyfile(source, partial)
    partial.replace(destination)
    source.unlink(missing_ok=True)
    with destination.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Downloaded(path=destination, mime_type="video/mp4", size_bytes=destination.stat().st_size, sha256=digest)
