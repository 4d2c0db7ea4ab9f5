"""Files that are there whole or not at all."""

import contextlib
import errno
import os
import secrets
import shutil
from pathlib import Path

from videogen_mcp.errors import DownloadFailed

_REASONS = {
    errno.ENOSPC: "the disk is full",
    getattr(errno, "EDQUOT", errno.ENOSPC): "the disk quota is used up",
    errno.EACCES: "this folder may not be written to",
    errno.EPERM: "this folder may not be written to",
    errno.EROFS: "the disk is read-only",
    errno.ENAMETOOLONG: "its name is too long",
}


LEAST_ROOM_BYTES = 200_000_000
"""What must be free before a download begins: more than the clips of all listed models, and room for the system."""


def check_room(folder: Path, needed_bytes: int = 0) -> None:
    """Check that a file can be expected to fit, before anything is fetched.

    Args:
        folder: Where it will be; it must exist.
        needed_bytes: Its length in bytes, where that is known.

    Raises:
        DownloadFailed: It cannot; retryable, since space may be freed meanwhile.
    """
    needed = max(needed_bytes, LEAST_ROOM_BYTES)
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return  # some network folders do not say; writing will tell
    if free < needed:
        raise DownloadFailed(
            f"There are {free / 1e6:.0f} MB free for the videos folder; {needed / 1e6:.0f} MB are needed.",
            retryable=True,
            fix="Free some space, or set VIDEOGEN_OUTPUT_DIR to a folder on another disk.",
        )


def part_of(destination: Path) -> Path:
    """A name, free for practical purposes, for a file on its way to `destination` in the same folder."""
    return destination.with_name(f".{destination.name}.{secrets.token_hex(6)}.part")


def remove_parts(stem: Path) -> None:
    """Remove what a process that died left of files whose names begin with that of `stem` and a full stop.

    Nobody may be writing one of them.

    Args:
        stem: The files' path without suffixes; it holds no character that a pattern gives a meaning to.
    """
    for part in stem.parent.glob(f".{stem.name}.*.part"):
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def cannot_write(destination: Path, error: OSError) -> DownloadFailed:
    """The failure to write a file, in words; only the file's name is shown."""
    reason = _REASONS.get(error.errno or 0) or error.strerror or "the system refused"
    return DownloadFailed(
        f"{destination.name!r} could not be written: {reason}.",
        retryable=False,
        fix="Free some space, or set VIDEOGEN_HOME or VIDEOGEN_OUTPUT_DIR to a folder that can be written to.",
    )


def write_whole(destination: Path, content: bytes, *, permissions: int = 0o666) -> None:
    """Write a file in one step that other readers see: it is absent or complete.

    Args:
        destination: The file; its folder is made where it is missing.
        content: All of it.
        permissions: POSIX mode bits, before the umask.

    Raises:
        DownloadFailed: It could not be written; not retryable.
    """
    part = part_of(destination)
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        # Without O_BINARY Windows would turn line ends into two bytes.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(part, flags, permissions), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(destination)
    except BaseException as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise cannot_write(destination, error) from error
        raise
