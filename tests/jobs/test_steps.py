"""Bytes that have gone become a few messages."""

import asyncio

import pytest

from videogen_mcp.jobs.steps import STEP_BYTES, told_in_steps


async def test_a_transfer_is_told_in_steps() -> None:
    told: list[str] = []
    heard = asyncio.Event()

    async def tell(message: str) -> None:
        told.append(message)
        heard.set()

    async with told_in_steps(tell, "fetching") as on_bytes:
        for done in range(0, 500_000_001, 1_000_000):
            on_bytes(done, 500_000_000)
            if done % 50_000_000 == 0 and done:
                await heard.wait()
                heard.clear()
    assert told == [f"fetching, {done} of 500 MB" for done in range(50, 501, 50)]


async def test_what_is_short_is_not_told() -> None:
    told: list[str] = []

    async def tell(message: str) -> None:
        told.append(message)

    async with told_in_steps(tell, "fetching") as on_bytes:
        on_bytes(STEP_BYTES - 1, STEP_BYTES - 1)
        await asyncio.sleep(0)
    assert told == []


async def test_a_telling_under_way_is_not_cut_off_and_none_comes_after_the_end() -> None:
    begun, go_on, told = asyncio.Event(), asyncio.Event(), list[str]()

    async def tell(message: str) -> None:
        begun.set()
        await go_on.wait()
        told.append(message)

    async def move() -> None:
        async with told_in_steps(tell, "sending") as on_bytes:
            on_bytes(STEP_BYTES, None)
            await begun.wait()
            on_bytes(5 * STEP_BYTES, None)
            raise KeyError

    moving = asyncio.ensure_future(move())
    await begun.wait()
    go_on.set()
    with pytest.raises(KeyError):
        await moving
    assert told == ["sending, 10 MB"]
