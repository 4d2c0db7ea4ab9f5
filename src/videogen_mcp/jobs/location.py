"""Where the jobs are kept. Light: what brings SQLAlchemy is loaded when the database is opened."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread

if TYPE_CHECKING:  # it brings SQLAlchemy
    from videogen_mcp.jobs.store import Store


@dataclass(frozen=True)
class Location:
    """A file of this machine, or a server that several machines share.

    Attributes:
        path: The SQLite file, where there is no server.
        url: PostgreSQL's address; empty where there is none.
    """

    path: Path
    url: str = ""

    async def exists(self) -> bool:
        """Whether there may be jobs; nothing is made by looking."""
        return bool(self.url) or await to_thread.run_sync(self.path.exists)

    async def open(self) -> "Store":
        """Open the database.

        Raises:
            StoreError: It cannot be used.
        """
        from videogen_mcp.jobs.store import Store  # noqa: PLC0415 -- brings SQLAlchemy

        return await (Store.open_url(self.url) if self.url else Store.open_file(self.path))
