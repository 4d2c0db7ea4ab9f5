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

    async def close(self) -> None:
        """Stop driving; what is unfinished is left for the next process."""
        ...
