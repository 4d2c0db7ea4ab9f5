"""Letting go of old jobs: their rows, and the files that the product made for them."""

import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from anyio import to_thread

from videogen_mcp.jobs.job import Job
from videogen_mcp.jobs.store import Store

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pruned:
    """What was let go of: how many jobs and files, and how many bytes they had."""

    jobs: int
    files: int
    size_bytes: int


async def prune(store: Store, folder: Path, before: datetime) -> Pruned:
    """Delete the jobs that ended before a moment, and their files in the videos folder.

    Jobs that have not ended or whose outcome is uncertain are kept, and so is every file outside the folder: a copy
    that the caller made is the caller's.

    Args:
        store: The jobs.
        folder: The videos folder.
        before: The moment.
    """
    gone = await store.prune(before)
    sizes = await to_thread.run_sync(_delete_files, gone, folder)
    if gone:
        logger.info("%d jobs of before %s were deleted, with %d files", len(gone), before.date(), len(sizes))
    return Pruned(len(gone), len(sizes), sum(sizes))


def _delete_files(gone: list[Job], folder: Path) -> list[int]:
    sizes: list[int] = []
    root = folder.resolve()
    for job in gone:
        if job.video is None:
            continue
        named = (job.video.path, job.video.poster_path, job.video.contact_sheet_path)
        for path in (Path(name) for name in named if name):
            try:
                if path.resolve().is_relative_to(root):
                    size = path.stat().st_size
                    path.unlink()
                    sizes.append(size)
            except FileNotFoundError:
                continue
            except OSError as error:
                logger.warning("%s could not be deleted: %s", path.name, error.strerror)
    return sizes
