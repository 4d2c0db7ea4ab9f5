"""What is configured, reachable and writable. Spends nothing and sends no key."""

import importlib.util
import sys
import tempfile
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import anyio
from anyio import to_thread
from pydantic import BaseModel, ConfigDict

from videogen_mcp import __version__
from videogen_mcp.errors import VideoGenError
from videogen_mcp.gateways import GATEWAYS
from videogen_mcp.service import VideoService

REACH_SECONDS = 4.0


class Check(BaseModel):
    """One finding: `ok`, `note` (fine, but worth knowing) or `fail`."""

    model_config = ConfigDict(frozen=True)

    name: str
    status: Literal["ok", "note", "fail"]
    detail: str


class Report(BaseModel):
    """All findings; `ok` when none failed."""

    model_config = ConfigDict(frozen=True)

    ok: bool
    version: str
    checks: list[Check]


async def examine(service: VideoService) -> Report:
    """Look at everything that a job would need."""
    settings = service.settings
    checks = [
        Check(name="python", status="ok", detail=sys.version.split()[0]),
        await to_thread.run_sync(_writable, "data folder", settings.home),
        await to_thread.run_sync(_writable, "videos folder", settings.videos_folder),
        await _database(service),
        _renderer(),
    ]
    checks += [await _gateway(service, name) for name in GATEWAYS]
    return Report(ok=all(one.status != "fail" for one in checks), version=__version__, checks=checks)


def _writable(name: str, folder: Path) -> Check:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Check(name=name, status="fail", detail=f"{folder} cannot be written: {error.strerror}")
    return Check(name=name, status="ok", detail=str(folder))


async def _database(service: VideoService) -> Check:
    try:
        totals = await service.totals()
    except VideoGenError as error:
        return Check(name="jobs", status="fail", detail=str(error))
    except OSError as error:
        return Check(name="jobs", status="fail", detail=f"the database cannot be opened: {error.strerror}")
    count = sum(totals.by_status.values())
    return Check(name="jobs", status="ok", detail=f"{count} jobs, ${totals.committed_usd:.2f} committed")


def _renderer() -> Check:
    missing = [name for name in ("av", "PIL") if importlib.util.find_spec(name) is None]
    if missing:
        return Check(name="renderer", status="fail", detail=f"missing: {', '.join(missing)}")
    return Check(name="renderer", status="ok", detail="animatics are drawn here, free")


async def _gateway(service: VideoService, name: str) -> Check:
    entry, state = GATEWAYS[name], service.gateway_states[name]
    label = f"gateway {name}"
    if entry.key_variable is None:
        return Check(name=label, status="ok", detail="needs no key")
    if not state.configured:
        return Check(name=label, status="note", detail=f"{entry.key_variable} is not set")
    if entry.implementation is None:
        return Check(name=label, status="note", detail="its key is set, but this version cannot use it yet")
    try:
        url = service.gateway(name).address
    except VideoGenError as error:
        return Check(name=label, status="fail", detail=error.message)
    parts = urlsplit(url)
    reached = await _reach(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
    detail = f"{entry.key_variable} is set; {parts.hostname} {'answers' if reached else 'cannot be reached'}"
    return Check(name=label, status="ok" if reached else "fail", detail=detail)


async def _reach(host: str, port: int) -> bool:
    try:
        with anyio.fail_after(REACH_SECONDS):
            stream = await anyio.connect_tcp(host, port)
    except (OSError, TimeoutError):
        return False
    await stream.aclose()
    return True
