"""All keys set, one server over stdio: gateways die, refuse, fail and lose answers, and every job ends as it must.

How it must is told in docs/reliability.md, whose tables are proven row by row against one gateway. Here the failures
happen at each of the gateways in turn, and what takes over is another company.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from mcp import Client
from tests.server.whole import call, check_clip, ended, served
from tests.standins.fleet import MEMBERS, AnyMember, Fleet

from videogen_mcp.types import Json

KITE = {"prompt": "A red kite over a stormy sea", "duration": 5}
STARTS: Mapping[str, Json] = {
    "fal": KITE,
    "mountsea": {**KITE, "exclude": ["fal"]},
    "google": {**KITE, "exclude": ["fal", "mountsea"]},
    "novakit": {**KITE, "exclude": ["fal", "mountsea", "google"]},
    "heygen": {"prompt": "A friendly presenter explains our bakery", "intent": "presenter", "exclude": ["fal"]},
}
"""Requests whose first choice lies at each gateway, with other gateways behind it."""

LOOK_SECONDS = 0.2


def gateways(job: Json) -> list[str]:
    return [one["endpoint"].partition(":")[0] for one in job["attempts"]]


class Story:
    """One server with all keys, its gateways, and the account of what was sent so far.

    Attributes:
        fleet: The gateways.
        client: Of the server.
        sent: How many submits each gateway must have got by now.
        jobs: Every job that has ended.
    """

    def __init__(self, fleet: Fleet, client: Client) -> None:
        self.fleet = fleet
        self.client = client
        self.sent: Counter[str] = Counter(dict.fromkeys(fleet.members, 0))
        self.jobs: list[Json] = []

    async def start(self, gateway: str) -> Json:
        """Start a job whose first choice lies at a gateway, and another one behind it at another gateway.

        What earlier jobs taught may have put other endpoints first: those are left out.
        """
        asked = dict(STARTS[gateway])
        while (plan := await call(self.client, "video_selector", **asked, dry_run=True))["gateway"] != gateway:
            asked["exclude"] = [*asked.get("exclude", []), plan["endpoint"]]
        job = await call(self.client, "video_selector", **asked)
        ranked = [one["gateway"] for one in job["ranking"]]
        assert ranked[0] == gateway
        assert set(ranked) != {gateway}
        return job

    async def started(self, gateway: str) -> Json:
        """The same, once the gateway has accepted it."""
        member = self.fleet.members[gateway]
        count = len(member.accepted())
        job = await self.start(gateway)
        assert await asyncio.to_thread(member.standin.wait_until, lambda: len(member.accepted()) > count, 30.0)
        return job

    async def end(self, job: Json) -> Json:
        job = await ended(self.client, job["job_id"])
        self.jobs.append(job)
        return job

    async def until(self, job: Json, words: str) -> Json:
        """The job once its message says something."""
        while words not in (job := await call(self.client, "video_job_status", job_id=job["job_id"]))["message"]:
            job = await call(self.client, "video_job_status", job_id=job["job_id"], wait_seconds=LOOK_SECONDS)
        return job

    def check(self) -> None:
        """Check that every gateway got what it must have got, and that nobody did what nobody may."""
        assert self.fleet.counts() == dict(self.sent)
        assert self.fleet.violations == []

    def member_of(self, job: Json) -> AnyMember:
        return self.fleet.members[job["gateway"]]


async def generations_fail(story: Story) -> None:
    """A terminal failure: the next endpoint is tried; the estimate stays charged, unless the gateway rules that out."""
    for name, member in story.fleet.members.items():
        member.fail_next()
        begun = await story.started(name)
        member.as_usual()
        job = await story.end(begun)
        first, second = job["attempts"]
        assert (job["status"], first["status"], second["status"]) == ("completed", "failed", "succeeded")
        assert first["error"].startswith("generation_failed")
        assert [first["endpoint"], second["endpoint"]] == [one["endpoint"] for one in job["ranking"][:2]]
        # fal's stand-in fails with 500, which fal's documents say is never charged.
        assert first["cost_usd"] == (0 if name == "fal" else job["ranking"][0]["cost_usd"])
        check_clip(job, story.member_of(job))
        story.sent.update(gateways(job))
    story.check()


async def answers_are_lost(story: Story) -> None:
    """The answer to a submit is lost: it may run, so nothing else is tried, and nothing is sent again."""
    started: list[Json] = []
    for name, member in story.fleet.members.items():
        member.lose_next()
        started.append(await story.started(name))
    for begun in started:
        job = await story.end(begun)
        (attempt,) = job["attempts"]
        assert (job["status"], attempt["status"]) == ("uncertain", "uncertain")
        assert job["error"]["code"] == "submit_uncertain"
        assert gateways(job) == [job["ranking"][0]["gateway"]]
        assert attempt["cost_usd"] == job["cost"]["estimated_usd"] == job["cost"]["committed_usd"]
        story.sent.update(gateways(job))
    story.check()


async def a_lost_answer_is_found(story: Story) -> None:
    """HeyGen lists videos by title, so this one is found and goes on."""
    story.fleet.members["heygen"].lose_next()
    options = {"avatar_id": "look-1"}
    request = {"prompt": "Welcome to our bakery.", "endpoint": "heygen:v3/videos/avatar", "options": options}
    job = await story.end(await call(story.client, "video_selector", **request))
    assert (job["status"], [one["status"] for one in job["attempts"]]) == ("completed", ["succeeded"])
    story.sent.update(gateways(job))
    story.check()


async def gateways_die_while_jobs_run(story: Story) -> None:
    """Looks fail, the generation goes on: each job waits for its gateway to come back, and is not sent again."""
    running: dict[str, Json] = {}
    for name, member in story.fleet.members.items():
        member.hold()
        running[name] = await story.started(name)
    for name, begun in running.items():
        standin = story.fleet.members[name].standin
        standin.stop()
        job = await story.until(begun, "the generation goes on")
        assert (job["status"], gateways(job)) == ("working", [name])
        standin.restart()
    for member in story.fleet.members.values():
        member.release()
    for name, begun in running.items():
        job = await story.end(begun)
        assert (job["status"], gateways(job)) == ("completed", [name])
        check_clip(job, story.member_of(job))
        story.sent.update(gateways(job))
    story.check()


async def gateways_are_dead(story: Story) -> None:
    """Nothing can be sent: another gateway takes over, and the dead one is charged nothing."""
    for together in (("fal", "novakit"), ("mountsea", "heygen"), ("google",)):
        for name in together:
            story.fleet.members[name].standin.stop()
        started = [await story.start(name) for name in together]
        for name, begun in zip(together, started, strict=True):
            job = await story.end(begun)
            first, *others = job["attempts"]
            assert (job["status"], gateways(job)[0]) == ("completed", name)
            assert (first["status"], first["cost_usd"], first["operation_id"]) == ("failed", 0, None)
            assert first["error"].startswith("gateway_unavailable")
            assert [one["status"] for one in others] == ["succeeded"]
            assert name not in gateways(job)[1:]
            check_clip(job, story.member_of(job))
            story.sent.update(gateways(job)[1:])
        for name in together:
            story.fleet.members[name].standin.restart()
        story.check()


async def accounts_are_empty(story: Story) -> None:
    """A refusal for want of credit: another gateway takes over, as long as there is one that did not refuse too."""
    for name in ("heygen", "fal", "mountsea", "google"):
        story.fleet.members[name].refuse_next(402)
        job = await story.end(await story.start(name))
        first, second = job["attempts"]
        assert (job["status"], first["status"], first["cost_usd"]) == ("completed", "failed", 0)
        assert first["error"].startswith("insufficient_credit")
        assert gateways(job)[0] == name != gateways(job)[1]
        assert second["status"] == "succeeded"
        story.sent.update(gateways(job))
        story.check()
    story.fleet.members["novakit"].refuse_next(402)
    job = await story.end(await call(story.client, "video_selector", **STARTS["novakit"]))
    assert (job["status"], job["error"]["code"], gateways(job)) == ("failed", "insufficient_credit", ["novakit"])
    story.sent.update(gateways(job))
    story.check()


PHASES = (
    generations_fail,
    answers_are_lost,
    a_lost_answer_is_found,
    gateways_die_while_jobs_run,
    gateways_are_dead,
    accounts_are_empty,
)


def test_whatever_happens_at_whichever_gateway_every_job_ends_as_it_must(tmp_path: Path) -> None:
    async def tell() -> None:
        with Fleet.of(*MEMBERS) as fleet:
            async with served(fleet, tmp_path) as client:
                story = Story(fleet, client)
                for phase in PHASES:
                    await phase(story)
                attempts = [one for job in story.jobs for one in job["attempts"]]
                handles = [one["operation_id"] for one in attempts if one["operation_id"]]
                assert len(handles) == len(set(handles))
                listed = await call(client, "video_job_list", limit=100)
        by_status = Counter(job["status"] for job in story.jobs)
        assert listed["totals"]["by_status"] == dict(by_status)
        print(f"{len(story.jobs)} jobs: {dict(by_status)}; submits: {dict(story.sent)}")  # noqa: T201 -- the figures

    asyncio.run(tell())


@pytest.mark.parametrize("gateway", MEMBERS)
def test_every_gateway_has_a_request_that_starts_there(gateway: str) -> None:
    assert gateway in STARTS
