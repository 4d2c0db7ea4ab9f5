"""Sessions of PostgreSQL tell the living from the dead, and from those that cannot be heard."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import create_async_engine
from tests.jobs.waiting import until
from tests.postgres import Postgres

from videogen_mcp.errors import StoreError
from videogen_mcp.jobs.database import Database, lock_key, open_url
from videogen_mcp.jobs.distributed import SessionLocks

HOLDER = """
import asyncio, sys
from videogen_mcp.jobs.database import open_url
from videogen_mcp.jobs.distributed import SessionLocks

async def main():
    locks = SessionLocks(await open_url(sys.argv[1]), float(sys.argv[2]))
    await locks.hold("other-process")
    print("held", flush=True)
    await locks.lost.wait()
    print("lost", flush=True)

asyncio.run(main())
"""
LEASE_SECONDS = 1.5


@pytest.fixture(name="url")
def url_fixture(postgres: Postgres) -> Iterator[str]:
    with postgres.new_database() as url:
        yield url


@pytest_asyncio.fixture(name="opened")
async def opened_fixture(url: str) -> AsyncIterator[Database]:
    opened = await open_url(url)
    yield opened
    await opened.close()


@asynccontextmanager
async def holding(database: Database, driver: str, lease_seconds: float = 60) -> AsyncGenerator[SessionLocks]:
    locks = SessionLocks(database, lease_seconds)
    await locks.hold(driver)
    try:
        yield locks
    finally:
        await locks.let_go()


async def seen_dead(locks: SessionLocks, *drivers: str) -> set[str]:
    async with locks.dead(drivers) as dead:
        return dead


def other_process(url: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", HOLDER, url, str(LEASE_SECONDS)], stdout=subprocess.PIPE, text=True)


async def line_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return (await asyncio.to_thread(process.stdout.readline)).strip()


def end_sessions(postgres: Postgres, url: str) -> None:
    """What a server does that is shut down, or a network that resets what goes through it."""
    with postgres.connect() as connection:
        end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
        connection.execute(end, [url.rpartition("/")[2]])


async def test_a_name_is_held_until_it_is_let_go(opened: Database) -> None:
    async with holding(opened, "me") as me:
        assert await seen_dead(me, "me", "nobody") == {"nobody"}
        async with holding(opened, "other") as other:
            assert await seen_dead(me, "me", "other") == set()
            with pytest.raises(StoreError, match="Another process drives jobs as me"):
                await SessionLocks(opened).hold("me")
            await other.hold("other-2")
            assert await seen_dead(me, "other", "other-2") == {"other"}, "one name at a time"
        assert await seen_dead(me, "other-2") == {"other-2"}


async def test_every_key_is_read_back_as_it_was_made(opened: Database) -> None:
    names = [f"driver-{number}" for number in range(8)]
    assert {lock_key(name) < 0 for name in names} == {True, False}, "both signs are tried"
    async with holding(opened, "me") as me:
        for name in names:
            async with holding(opened, name):
                assert await seen_dead(me, *names) == {*names} - {name}


async def test_a_killed_process_is_dead_at_once(url: str, opened: Database) -> None:
    async with holding(opened, "me") as me:
        with other_process(url) as process:
            assert await line_of(process) == "held"
            assert await seen_dead(me, "other-process") == set()
            process.kill()
        await until(lambda: seen_dead(me, "other-process"), seconds=LEASE_SECONDS)


async def test_a_process_that_says_nothing_loses_its_name_and_learns_it_when_it_wakes(
    url: str, opened: Database
) -> None:
    async with holding(opened, "me") as me:
        with other_process(url) as process:
            try:
                assert await line_of(process) == "held"
                await asyncio.wait([asyncio.ensure_future(me.lost.wait())], timeout=2 * LEASE_SECONDS)
                assert await seen_dead(me, "other-process") == set(), "it gives signs of life"
                process.send_signal(signal.SIGSTOP)
                await until(lambda: seen_dead(me, "other-process"), seconds=20)
                assert process.poll() is None
                process.send_signal(signal.SIGCONT)
                assert await line_of(process) == "lost"
                assert await asyncio.to_thread(process.wait, 20) == 0
            finally:
                process.kill()


async def test_a_session_that_is_cut_off_is_noticed_and_another_name_can_be_had(
    postgres: Postgres, url: str, opened: Database
) -> None:
    async with holding(opened, "me", LEASE_SECONDS) as me:
        await asyncio.to_thread(end_sessions, postgres, url)
        async with asyncio.timeout(LEASE_SECONDS):
            await me.lost.wait()
        assert await seen_dead(me, "me") == {"me"}, "the pool opens new connections"
        await me.hold("me-again")
        assert (me.lost.is_set(), await seen_dead(me, "me", "me-again")) == (False, {"me"})


async def test_a_database_that_is_away_is_told_without_the_password(opened: Database) -> None:
    away = Database(create_async_engine(opened.url.set(port=1, password="s3cret")))
    with pytest.raises(StoreError, match="does not answer") as caught:
        await SessionLocks(away).hold("me")
    await away.close()
    assert "s3cret" not in str(caught.value)
