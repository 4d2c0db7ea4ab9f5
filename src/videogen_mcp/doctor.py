"""What is configured, reachable and writable, and whether each key is accepted. Spends nothing.

A key goes to its own gateway only, with one call that costs nothing; all gateways are asked at once.
"""

import importlib.util
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from urllib.request import getproxies

import anyio
from anyio import to_thread
from anyio.streams.tls import TLSStream
from pydantic import BaseModel, ConfigDict

from videogen_mcp import __version__
from videogen_mcp.errors import VideoGenError
from videogen_mcp.gateways import GATEWAYS
from videogen_mcp.gateways.base import Gateway
from videogen_mcp.service import VideoService

Status = Literal["ok", "note", "fail"]
SEVERITY: tuple[Status, ...] = ("ok", "note", "fail")

REACH_SECONDS = 4.0
CHECK_SECONDS = 8.0
"""How long a gateway has for its free call."""

MOST_SKEW_SECONDS = 30.0
"""Lost submits are looked for within two minutes of their time; a wrong clock eats that up."""


class Check(BaseModel):
    """One finding: `ok`, `note` (fine, but worth knowing) or `fail`."""

    model_config = ConfigDict(frozen=True)

    name: str
    status: Status
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
    found: dict[str, Check] = {}

    async def look(name: str) -> None:
        found[name] = await _gateway(service, name)

    async with anyio.create_task_group() as all_at_once:
        for name in GATEWAYS:
            all_at_once.start_soon(look, name)
    checks += [found[name] for name in GATEWAYS]
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
        gateway = service.gateway(name)
    except VideoGenError as error:
        return Check(name=label, status="fail", detail=error.message)
    findings: list[Finding] = []
    async with anyio.create_task_group() as both:
        both.start_soon(_reached, gateway.address, findings)
        both.start_soon(_accepted, service, gateway, entry.key_variable, findings)
    findings.sort(key=lambda one: one.place)
    worst = max(SEVERITY.index(one.status) for one in findings)
    return Check(name=label, status=SEVERITY[worst], detail="; ".join(one.detail for one in findings))


@dataclass(frozen=True)
class Finding:
    """One thing found of a gateway, and where in the line it stands."""

    place: int
    status: Status
    detail: str


async def _accepted(service: VideoService, gateway: Gateway, variable: str, findings: list[Finding]) -> None:
    """Whether the key is accepted, by a free call; what is left on the account, and how the clocks differ."""
    try:
        with anyio.fail_after(CHECK_SECONDS):
            health = await gateway.check()
    except TimeoutError:
        findings.append(Finding(0, "fail", f"{variable} is set, but the API gave no answer in {CHECK_SECONDS:g} s"))
    except VideoGenError as error:
        findings.append(Finding(0, "fail", f"{variable} is set, but {error.message.rstrip('.')}"))
    else:
        if health.accepted:
            findings.append(Finding(0, "ok", f"{variable} is accepted"))
            findings.append(Finding(2, "ok", health.balance or health.note or "its API does not tell a balance"))
        else:
            findings.append(Finding(0, "fail", f"{variable} is refused: {health.note.rstrip('.')}"))
        if health.date is not None:
            findings += _skewed((service.clock.now() - health.date).total_seconds())


def _skewed(seconds: float) -> list[Finding]:
    """A clock that is wrong makes lost submits impossible to find, and signed messages look forged."""
    if abs(seconds) <= MOST_SKEW_SECONDS:
        return []
    way = "ahead of" if seconds > 0 else "behind"
    return [Finding(3, "note", f"this machine's clock is {abs(seconds):.0f} s {way} the gateway's: set it")]


async def _reached(address: str, findings: list[Finding]) -> None:
    """Whether the host answers, step by step: name, connection, TLS. Behind a proxy only the proxy could be asked."""
    if getproxies().keys() & {"http", "https", "all"}:
        return
    parts = urlsplit(address)
    host, is_tls = parts.hostname or "", parts.scheme == "https"
    trouble = await _trouble_on_the_way(host, parts.port or (443 if is_tls else 80), is_tls=is_tls)
    findings.append(Finding(1, "fail" if trouble else "ok", f"{host} {trouble or 'answers'}"))


async def _trouble_on_the_way(host: str, port: int, *, is_tls: bool) -> str:
    step = "cannot be reached: its name does not resolve"
    try:
        with anyio.fail_after(REACH_SECONDS):
            await anyio.getaddrinfo(host, port)
            step = f"cannot be reached: no connection to port {port}"
            stream = await anyio.connect_tcp(host, port)
            async with stream:
                step = "cannot be reached: no secure connection, TLS fails"
                if is_tls:
                    await TLSStream.wrap(stream, hostname=host, standard_compatible=False)
    except (OSError, TimeoutError, anyio.EndOfStream, anyio.BrokenResourceError):
        return step
    return ""
