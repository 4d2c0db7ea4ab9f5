"""A job that is held back before anything of it is sent."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from videogen_mcp.jobs.delivery import Delivery


@contextmanager
def held_before_the_submit() -> Generator[asyncio.Event]:
    """Let nothing be sent until the event is set."""
    release, prepare = asyncio.Event(), Delivery.prepare

    async def held(*arguments: Any) -> Any:
        await release.wait()
        return await prepare(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Delivery, "prepare", held)
        yield release
