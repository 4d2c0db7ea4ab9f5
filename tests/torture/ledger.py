"""The account at the end: what the gateway took against what the jobs say and what lies in the folder."""

import asyncio
import contextlib
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from tests.standins.fal import FalStandIn
from tests.torture.processes import Fleet, ServerProcess

WAN = "fal-ai/wan/v2.7/text-to-video"
OPEN = {"queued", "working"}

Job = dict[str, Any]


def asked(name: str) -> dict[str, Any]:
    """The arguments of a job that one endpoint alone may serve; the name tells its submits from all others."""
    return {"prompt": name, "endpoint": f"fal:{WAN}", "duration": 2, "resolution": "720p", "request_key": name}


async def all_jobs(server: ServerProcess | Fleet) -> list[Job]:
    jobs: list[Job] = []
    cursor = ""
    while True:
        page = await server.call("video_job_list", limit=100, cursor=cursor)
        jobs += page["jobs"]
        cursor = page["next_cursor"] or ""
        if not cursor:
            return jobs


async def settled(server: ServerProcess, seconds: float) -> list[Job]:
    """All jobs, once none is open; those that still are after `seconds` are stuck."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while still_open := [job for job in await all_jobs(server) if job["status"] in OPEN]:
                await server.call("video_job_status", job_id=still_open[-1]["job_id"], wait_seconds=1)
    return await all_jobs(server)


def submits_by_name(standin: FalStandIn) -> Counter[str]:
    return Counter(str(request.json["prompt"]) for request in standin.submits)


def files_of(completed: Iterable[Job]) -> set[str]:
    kinds = ("path", "poster_path", "contact_sheet_path")
    return {job["video"][kind] for job in completed for kind in kinds if job["video"][kind]}


def has_its_file(job: Job) -> bool:
    video = job["video"]
    if video is None or not Path(video["path"]).is_file():
        return False
    return hashlib.sha256(Path(video["path"]).read_bytes()).hexdigest() == video["sha256"]


@dataclass(frozen=True)
class Ledger:
    """Counts at the end of a round, in which every job may have one attempt.

    Attributes:
        jobs: How many jobs there are.
        submits: How many submits reached the gateway.
        doubled: Submits beyond the first of a job.
        lost: Requests that the gateway took, of which no job knows; an uncertain job knows of the one that it names.
        stuck: Jobs that did not end.
        completed: Completed jobs.
        files: Completed jobs whose file is there and is what was stored.
        in_doubt: Jobs of which a process died between the attempt and the stored answer.
        uncertain: Jobs that ended so.
        unexplained: Uncertain jobs, although they are not in doubt.
        unfound: Uncertain jobs whose request the gateway took and lists.
        failed: Jobs that ended otherwise.
        strays: Files in the videos folder that belong to no completed job.
    """

    jobs: int
    submits: int
    doubled: int
    lost: int
    stuck: int
    completed: int
    files: int
    in_doubt: int
    uncertain: int
    unexplained: int
    unfound: int
    failed: int
    strays: int

    @classmethod
    def of(
        cls, standin: FalStandIn, jobs: list[Job], names: Mapping[str, str], doubt: frozenset[str], folder: Path
    ) -> Self:
        """Draw up the account.

        Args:
            standin: The gateway.
            jobs: Every job of the database.
            names: Under which name each job was asked for, by its id.
            doubt: The jobs of which a process died between the attempt and the stored answer.
            folder: The videos folder.
        """
        submits = submits_by_name(standin)
        known = {attempt["operation_id"] for job in jobs for attempt in job["attempts"]}
        uncertain = {job["job_id"] for job in jobs if job["status"] == "uncertain"}
        taken = {job_id for job_id in uncertain if submits[names[job_id]]}
        completed = [job for job in jobs if job["status"] == "completed"]
        return cls(
            jobs=len(jobs),
            submits=submits.total(),
            doubled=submits.total() - len(submits),
            lost=len(set(standin.accepted) - known) - len(taken),
            stuck=sum(job["status"] in OPEN for job in jobs),
            completed=len(completed),
            files=sum(has_its_file(job) for job in completed),
            in_doubt=len(doubt),
            uncertain=len(uncertain),
            unexplained=len(uncertain - doubt),
            unfound=len(taken) if standin.history.lists_running else 0,
            failed=sum(job["status"] in {"failed", "cancelled"} for job in jobs),
            strays=len({str(path) for path in folder.iterdir()} - files_of(completed)),
        )

    def faults(self) -> dict[str, int]:
        """What must be zero and is not."""
        must_be_zero = ("doubled", "lost", "stuck", "unexplained", "unfound", "failed", "strays")
        counts = asdict(self)
        missing = self.completed - self.files
        return {name: counts[name] for name in must_be_zero if counts[name]} | ({"missing": missing} if missing else {})

    def __str__(self) -> str:
        return ", ".join(f"{count} {name}" for name, count in asdict(self).items())
