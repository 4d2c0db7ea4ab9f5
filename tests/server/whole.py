"""The whole product as a host has it: a real server process over its standard streams, and what became of its jobs."""

import asyncio
import base64
import hashlib
import io
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import av
from mcp import Client, StdioServerParameters
from tests.standins.fleet import AnyMember, Fleet
from tests.standins.media import files
from tests.standins.reach import fetched
from tests.support import child_environment, facts_of

from videogen_mcp.jobs.nonce import WHY
from videogen_mcp.types import Json, texts_in

LONGEST_SECONDS = 300.0
"""A whole round ends by then, on a machine that many others use too."""

Form = Literal["path", "address", "data"]
FORMS: tuple[Form, ...] = ("path", "address", "data")
ENDED = {"completed", "failed", "cancelled", "uncertain"}


@asynccontextmanager
async def served(fleet: Fleet, folder: Path, **more: str) -> AsyncGenerator[Client]:
    """A server process with the keys of a fleet, and a client on its pipes."""
    environment = {
        "VIDEOGEN_HOME": str(folder / "home"),
        "VIDEOGEN_POLL_INTERVAL_S": "0.05",
        **fleet.environment,
        **more,
    }
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "videogen_mcp"], env=child_environment(environment), cwd=folder
    )
    async with asyncio.timeout(LONGEST_SECONDS), Client(server) as client:
        yield client


async def call(client: Client, tool: str, **arguments: Any) -> Json:
    return facts_of(await client.call_tool(tool, arguments))


async def ended(client: Client, job_id: str) -> Json:
    """The job once it has ended."""
    while (job := await call(client, "video_job_status", job_id=job_id, wait_seconds=50))["status"] not in ENDED:
        pass
    return job


@dataclass(frozen=True)
class Medium:
    """One of the files of `tests/standins/media.py`, in whatever form a case gives it."""

    name: str

    def given(self, form: Form, fleet: Fleet, folder: Path) -> str:
        mime_type, content = files()[self.name]
        if form == "address":
            return fleet.media.address(self.name)
        if form == "data":
            return f"data:{mime_type};base64,{base64.b64encode(content).decode()}"
        path = folder / "inputs" / self.name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return str(path)


def filled(value: Any, form: Form, fleet: Fleet, folder: Path) -> Any:
    """The arguments with media in one form."""
    if isinstance(value, Medium):
        return value.given(form, fleet, folder)
    if isinstance(value, Mapping):
        return {name: filled(one, form, fleet, folder) for name, one in cast("Json", value).items()}
    if isinstance(value, list | tuple):
        return [filled(one, form, fleet, folder) for one in cast("list[Any]", value)]
    return value


def without_media(body: Json) -> Json:
    """What of a body is no medium: those are judged by the stand-in, which asks for each."""
    signs = ("http://", "https://", "data:", "file:", "/")
    return {name: value for name, value in body.items() if not any(text.startswith(signs) for text in texts_in(value))}


def nonces_of(job: Json) -> set[str]:
    """The parameters of a body that were made up so that a lost submit can be found."""
    return {one["field"].removeprefix("options.") for one in job["changes"] if one["why"] == WHY}


def submit_of(endpoint: str, body: Json, nonces: set[str]) -> tuple[str, str]:
    """A submit as it can be compared: the endpoint, and the body without media and made-up values."""
    kept = {name: value for name, value in without_media(body).items() if name not in nonces}
    return endpoint, repr(sorted(kept.items(), key=lambda item: item[0]))


def check_submits(member: AnyMember, planned: list[tuple[Json, Json]]) -> None:
    """Check that of every job exactly the planned body arrived, once, and nothing else.

    Args:
        member: The gateway.
        planned: Each job with the plan that was made of it.
    """
    nonces = {name for job, _ in planned for name in nonces_of(job)}
    arrived = Counter(submit_of(one.endpoint, one.body, nonces) for one in member.submits())
    wanted = Counter(submit_of(_own_id(job), plan["payload"], nonces) for job, plan in planned)
    assert arrived == wanted
    assert sorted(job["attempts"][0]["operation_id"] for job, _ in planned) == sorted(member.accepted())


def _own_id(job: Json) -> str:
    """The endpoint in the gateway's own words, as a submit tells it."""
    own = job["endpoint"].partition(":")[2]
    return own.partition("/")[0] if own.startswith("veo-") and job["gateway"] == "google" else own


def check_clip(job: Json, member: AnyMember | None) -> None:
    """Check that the file is whole, what the gateway made, and as described."""
    video = job["video"]
    content = Path(video["path"]).read_bytes()
    assert (len(content), hashlib.sha256(content).hexdigest()) == (video["size_bytes"], video["sha256"])
    if member is None:
        assert video["url"] is None
    else:
        assert fetched(video["url"], member.clip_headers()) == (video["mime_type"], content)
    with av.open(io.BytesIO(content)) as opened:
        stream = opened.streams.video[0]
        assert (stream.width, stream.height) == (video["width"], video["height"])
        assert bool(opened.streams.audio) == video["has_audio"]
        seconds = float((stream.duration or 0) * (stream.time_base or 0))
    assert abs(seconds - video["duration_seconds"]) < 0.1
    assert Path(video["poster_path"]).stat().st_size
    assert Path(video["contact_sheet_path"]).stat().st_size
