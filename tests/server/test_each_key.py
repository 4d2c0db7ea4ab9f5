"""Each gateway alone: every mode it has, through the real server over stdio, to a saved file, with only its key set."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from mcp import Client
from tests.catalogue.requests import least
from tests.server.whole import FORMS, Form, Medium, call, check_clip, check_submits, ended, filled, served
from tests.standins.fleet import MEMBERS, AnyMember, Fleet
from tests.support import connected, refusal_of

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.catalogue.schema import Endpoint
from videogen_mcp.gateways import GATEWAYS
from videogen_mcp.types import MEDIA_FIELDS, Json, Mode

FIRST, LAST, CLIP, SOUND = (Medium(name) for name in ("first.png", "last.jpg", "clip.mp4", "sound.wav"))
BY_KIND = {"image": FIRST, "video": CLIP, "audio": SOUND}

RECIPES: Mapping[Mode, Json] = {
    "text_to_video": {"prompt": "A red kite over a stormy sea, camera pans left"},
    "image_to_video": {"prompt": "The kite climbs", "first_frame": FIRST},
    "first_last_frame": {"prompt": "The kite climbs", "first_frame": FIRST, "last_frame": LAST},
    "reference_to_video": {"prompt": "The first kite over the second sea", "reference_images": [FIRST, LAST]},
    "video_to_video": {"prompt": "Make it night", "source_video": CLIP},
    "extend": {"mode": "extend", "prompt": "The kite climbs on", "source_video": CLIP},
    "reframe": {"mode": "reframe", "prompt": "A kite", "source_video": CLIP, "aspect_ratio": "9:16"},
    "lip_sync": {"source_video": CLIP, "source_audio": SOUND},
    "sound_effects": {"mode": "sound_effects", "prompt": "Wind and gulls", "source_video": CLIP},
    "effects": {"mode": "effects", "reference_images": [FIRST, LAST], "options": {"effect_scene": "hug"}},
}
"""What a caller says for each mode, where nothing is pinned."""

DRAWN = {"duration": 1, "resolution": "480p"}
"""What keeps a drawing of this machine short."""

IN_ALL_FORMS = {"image_to_video", "video_to_video"}
"""Modes whose media are given in every form to each gateway that takes files."""

PINNED_AT = [name for name in GATEWAYS if name not in {"fal", "local"}]
"""Gateways each of whose endpoints is tried; fal has hundreds, and `tests/catalogue` judges each body."""


def endpoints_of(gateway: str) -> list[Endpoint]:
    return [one for one in load_catalogue().endpoints if one.gateway == gateway]


def modes_of(gateway: str) -> set[Mode]:
    """Every mode that can be had without a pin."""
    return {mode for one in endpoints_of(gateway) for mode in one.modes if one.status in {"live", "legacy"}}


@dataclass(frozen=True)
class Case:
    """One call of `video_selector`."""

    arguments: Json
    mode: Mode
    form: Form


def takes_files(gateway: str) -> bool:
    implementation = GATEWAYS[gateway].implementation
    return implementation is not None and implementation.takes_files


def open_cases(gateway: str) -> Iterator[Case]:
    """Every mode of the gateway, with media in one form after the other, some in all; nothing is pinned."""
    for number, mode in enumerate(sorted(modes_of(gateway))):
        assert mode in RECIPES, f"write a recipe for {mode}"
        recipe = RECIPES[mode] | (DRAWN if gateway == "local" else {})
        forms = FORMS if mode in IN_ALL_FORMS and gateway != "local" else (FORMS[number % len(FORMS)],)
        yield from (Case(recipe, mode, form) for form in (forms if takes_files(gateway) else ("address",)))


def pinned_cases(gateway: str) -> Iterator[Case]:
    """Every endpoint once, in one of its modes after the other, with media in one form after the other."""
    for number, endpoint in enumerate(endpoints_of(gateway) if gateway in PINNED_AT else ()):
        if endpoint.status == "announced":
            continue
        mode = endpoint.modes[number % len(endpoint.modes)]
        given = {name: _media_in(name, value) for name, value in least(endpoint, mode).items()}
        form = FORMS[number % len(FORMS)] if takes_files(gateway) else "address"
        yield Case(given | {"mode": mode, "endpoint": endpoint.key}, mode, form)


def _media_in(name: str, value: Any) -> Any:
    """The examples' addresses replaced by media that exist; those in options are addresses always."""
    if name == "last_frame":
        return LAST
    if name in MEDIA_FIELDS:
        medium = BY_KIND[MEDIA_FIELDS[name]]
        return [medium] * len(cast("tuple[str, ...]", value)) if isinstance(value, tuple) else medium
    return value


def with_addresses(value: Any, fleet: Fleet) -> Any:
    """Options with addresses that exist in place of the examples'."""
    if isinstance(value, dict):
        return {name: with_addresses(one, fleet) for name, one in cast("Json", value).items()}
    if isinstance(value, list):
        return [with_addresses(one, fleet) for one in cast("list[Any]", value)]
    if isinstance(value, str) and value.startswith("https://"):
        named = {".mp4": CLIP, ".mp3": SOUND, ".wav": SOUND}
        return fleet.media.address(named.get(value[-4:], FIRST).name)
    return value


async def make(client: Client, fleet: Fleet, folder: Path, case: Case) -> tuple[Json, Json]:
    """The job at its end, and the plan of the endpoint that was chosen.

    The plan is made afterwards: what the jobs beside it teach may move the choice between one call and the next.
    """
    arguments = filled(case.arguments, case.form, fleet, folder)
    arguments["options"] = with_addresses(arguments.get("options", {}), fleet)
    job = await call(client, "video_selector", **arguments, wait_seconds=50)
    job = await ended(client, job["job_id"])
    pinned = {**arguments, "endpoint": job["endpoint"], "mode": job["mode"]}
    return job, await call(client, "video_selector", **pinned, dry_run=True)


def check_job(case: Case, job: Json, plan: Json, member: AnyMember | None) -> None:
    assert job["status"] == "completed", (case, job["error"])
    assert (job["mode"], job["endpoint"]) == (case.mode, plan["endpoint"])
    (attempt,) = job["attempts"]
    assert (attempt["status"], attempt["endpoint"], attempt["error"]) == ("succeeded", plan["endpoint"], None)
    assert attempt["operation_id"]
    cost = plan["cost"]["estimated_usd"]
    assert (job["cost"]["estimated_usd"], job["cost"]["committed_usd"], attempt["cost_usd"]) == (cost, cost, cost)
    check_clip(job, member)


def found_again(listed: Json) -> dict[str, tuple[Any, ...]]:
    return {one["job_id"]: (one["status"], one["video"], one["attempts"], one["cost"]) for one in listed["jobs"]}


def test_every_gateway_has_a_standin() -> None:
    assert set(MEMBERS) == {name for name, entry in GATEWAYS.items() if entry.key_variable}


async def files_are_refused(client: Client, fleet: Fleet, folder: Path, gateway: str) -> None:
    """Where a gateway takes addresses only, a file is refused at once, in a plan too, and no job is made of it."""
    tries: list[tuple[Form, Json]] = [("path", {}), ("data", {}), ("path", {"dry_run": True})]
    for form, more in tries:
        given = filled(RECIPES["image_to_video"], form, fleet, folder)
        refusal = refusal_of(await client.call_tool("video_selector", {**given, **more}))
        assert refusal.startswith("invalid_request: first_frame")
        assert f"gateway {gateway} takes https addresses only" in refusal
        assert "Setting FAL_KEY or" in refusal


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_with_one_key_every_mode_of_its_gateway_ends_in_a_file(gateway: str, tmp_path: Path) -> None:
    asyncio.run(every_mode(gateway, tmp_path))


async def every_mode(gateway: str, folder: Path) -> None:
    cases = [*open_cases(gateway), *pinned_cases(gateway)]
    with Fleet.of(*({gateway} & set(MEMBERS))) as fleet:
        member = fleet.members.get(gateway)
        async with served(fleet, folder) as client:
            made = await asyncio.gather(*(make(client, fleet, folder, case) for case in cases))
            for case, (job, plan) in zip(cases, made, strict=True):
                check_job(case, job, plan, member)
                assert job["gateway"] == gateway
            if not takes_files(gateway):
                await files_are_refused(client, fleet, folder, gateway)
        if member is not None:
            check_submits(member, made)
        async with connected({"VIDEOGEN_HOME": str(folder / "home"), **fleet.environment}) as (client, _):
            listed = await call(client, "video_job_list", limit=100)
        assert found_again(listed) == found_again({"jobs": [job for job, _ in made]})
        assert fleet.violations == []
        assert fleet.counts() == ({} if member is None else {gateway: len(cases)})


def test_the_heygen_tool_makes_presenters_and_keeps_what_later_jobs_refer_to(tmp_path: Path) -> None:
    async def tell() -> None:
        with Fleet.of("heygen") as fleet:
            async with served(fleet, tmp_path) as client:
                spoken = await made(client, prompt="A presenter explains our bakery, 30 seconds", mode="text_to_video")
                assert spoken["provider"] == "heygen"
                agent = await made(client, prompt="A presenter explains our bakery", model="heygen-video-agent")
                assert agent["endpoint"] == "heygen:v3/video-agents"
                old = await made(client, prompt="A watch turns", model="kling-pro-v1")
                kept = old["video"]["details"]
                assert kept == {
                    "video_id": kept["video_id"],
                    "asset_id": f"asset-of-{fleet.members['heygen'].accepted()[2]}",
                }
                medium = {"type": "asset_id", "asset_id": kept["asset_id"]}
                new = await made(client, prompt="The same watch at night", options={"reference_videos": [medium]})
                assert (new["mode"], new["endpoint"]) == (
                    "reference_to_video",
                    "heygen:v3/models/videos/reference_to_video",
                )
                assert fleet.members["heygen"].submits()[3].body["reference_videos"] == [medium]
                refused = await client.call_tool(
                    "heygen_video", {"prompt": "x", "options": {"reference_videos": [{"type": "asset_id"}]}}
                )
                assert "options.reference_videos[0]" in refusal_of(refused)
            assert fleet.violations == []
            assert fleet.counts() == {"heygen": 4}

    async def made(client: Client, **arguments: Any) -> Json:
        job = await ended(client, (await call(client, "heygen_video", **arguments))["job_id"])
        assert job["status"] == "completed", job["error"]
        return job

    asyncio.run(tell())
