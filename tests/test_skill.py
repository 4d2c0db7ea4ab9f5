"""The skill tells agents what is true of this version."""

import re
import sys
from pathlib import Path

from tests.support import ROOT, TOOL_NAMES, connected, home_only, run

from videogen_mcp.errors import ERROR_CODES
from videogen_mcp.server.tools import SelectorArguments

FOLDER = ROOT / "skills" / "ai-video-gen"
SKILL = (FOLDER / "SKILL.md").read_text("utf-8")
NAMED = set(re.findall(r"`([^`]+)`", SKILL))


def test_it_is_a_valid_skill() -> None:
    command = Path(sys.executable).with_name("agentskills")
    done = run([str(command), "validate", str(FOLDER)], {}, folder=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_is_short() -> None:
    assert len(SKILL.splitlines()) < 200


async def test_it_names_the_servers_tools_and_no_other(tmp_path: Path) -> None:
    async with connected(home_only(tmp_path)) as (client, _):
        tools = {one.name for one in (await client.list_tools()).tools}
    named = {one for one in NAMED if one.startswith("video_") or one.endswith("_video")}
    assert named - set(SelectorArguments.model_fields) == tools == TOOL_NAMES


def test_the_arguments_it_names_exist() -> None:
    arguments = set(SelectorArguments.model_fields)
    mentioned = {one.partition(":")[0] for one in NAMED if re.fullmatch(r"[a-z_]+(: .+)?", one)}
    media = {one for one in arguments if one.startswith(("reference_", "source_", "first_", "last_"))}
    assert media <= mentioned | {"source_audio"}
    for argument in (
        "dry_run",
        "max_cost_usd",
        "request_key",
        "wait_seconds",
        "intent",
        "priority",
        "exclude",
        "options",
    ):
        assert argument in arguments
        assert argument in SKILL


def test_it_says_what_to_do_about_every_code() -> None:
    missing = {code for code in ERROR_CODES if f"`{code}`" not in SKILL}
    assert missing <= {"submit_uncertain", "not_found", "internal"}


def test_the_workflow_comes_in_its_order() -> None:
    steps = ["video_selector", "dry_run", "max_cost_usd", "video_job_status", "contact_sheet_path", "`changes`"]
    places = [SKILL.index(step) for step in steps]
    assert places == sorted(places)
    for words in ("Never repeat a generation call", "`uncertain`", "not AI video", "@Image1", "9:16"):
        assert words in SKILL


async def test_the_models_it_praises_are_in_the_catalogue(tmp_path: Path) -> None:
    async with connected(home_only(tmp_path)) as (_, service):
        titles = " ".join(one.title for one in service.catalogue.models.values())
    for name in ("Seedance 2.0", "Kling v3 Pro", "Veo 3.1", "Hailuo 2.3", "Wan 2.7"):
        assert name in titles
        assert name in SKILL
