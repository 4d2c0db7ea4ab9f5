"""Who drives which job. The rows are the truth; an engine only answers who drives now."""

from typing import Protocol


class Engine(Protocol):
    """Runs drivers and finds jobs whose driver is gone."""

    driver: str
    """The name under which this process drives jobs."""

    async def adopt(self) -> int:
        """Take over the jobs of dead processes; returns how many."""
        ...

    def start(self, job_id: str) -> None:
        """Drive a job in the background."""
        ...

    def watch(self) -> None:
        """Look for the jobs of dead processes from now on, until `close`."""
        ...

    def look_up(self, job_id: str) -> None:
        """Look for the lost submit of an uncertain job in the background, and drive the job on when it is found."""
        ...

    async def close(self) -> None:
        """Stop driving; what is unfinished is handed over to whoever comes next."""
        ...
