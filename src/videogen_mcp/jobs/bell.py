"""Waking those who wait for a job, within one process."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager


class Bell:
    """Who listens for a job hears every ring after that; nobody has to poll for what happens in this process."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[asyncio.Event]] = {}

    @contextmanager
    def listen(self, job_id: str) -> Generator[asyncio.Event]:
        """Give an event that every ring for the job sets; the listener clears it."""
        event = asyncio.Event()
        self._listeners.setdefault(job_id, set()).add(event)
        try:
            yield event
        finally:
            listeners = self._listeners[job_id]
            listeners.discard(event)
            if not listeners:
                del self._listeners[job_id]

    def ring(self, job_id: str) -> None:
        """Wake all who listen for the job."""
        for event in self._listeners.get(job_id, ()):
            event.set()
