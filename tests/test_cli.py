"""The command line as a process: what it prints, where, and how it ends."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.standins.fal import FalStandIn
from tests.support import child_environment, connected, facts_of, home_only, one_object, run_cli, with_fal

CLIP = ("--source-video", "https://example.com/a.mp4")
SMALL = ("A red kite over a stormy sea", "--duration", "1", "--resolution", "480p")
BUY = ("A fox leaps over a frozen river", "--duration", "4")
KLING = ("--endpoint", "fal:fal-ai/kling-video/v3/pro/text-to-video")


@pytest.fixture(name="standin")
def standin_fixture() -> Iterator[FalStandIn]:
    with FalStandIn() as standin:
        yield standin
        assert standin.violations == []


def test_without_a_key_generate_draws_an_animatic(tmp_path: Path) -> None:
    copy = tmp_path / "out" / "kite.mp4"
    environment = home_only(tmp_path / "home")
    more = ("--aspect-ratio", "9:16", "--generate-audio", "--seed", "7", "--output", str(copy), "--json")
    done = run_cli(environment, "generate", *SMALL, *more, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    job = one_object(done.stdout)
    video = job["video"]
    assert (job["status"], job["gateway"]) == ("completed", "local")
    assert video["duration_seconds"] == pytest.approx(1, abs=0.2)
    assert video["width"] / video["height"] == pytest.approx(9 / 16, rel=0.02)
    assert video["has_audio"] is True
    assert copy.read_bytes() == Path(video["path"]).read_bytes()


async def test_json_is_the_object_that_the_tool_returns(tmp_path: Path) -> None:
    environment = home_only(tmp_path)
    made = one_object(run_cli(environment, "generate", *SMALL, "--json", folder=tmp_path).stdout)
    plan = one_object(run_cli(environment, "plan", *SMALL, "--json", folder=tmp_path).stdout)
    shown = one_object(run_cli(environment, "jobs", "show", made["job_id"], "--json", folder=tmp_path).stdout)
    listed = one_object(run_cli(environment, "jobs", "list", "--json", folder=tmp_path).stdout)
    models = one_object(run_cli(environment, "models", "--json", folder=tmp_path).stdout)
    model = one_object(run_cli(environment, "models", "veo-3.1", "--json", folder=tmp_path).stdout)
    async with connected(environment) as (client, _):

        async def call(tool: str, **arguments: Any) -> dict[str, Any]:
            return facts_of(await client.call_tool(tool, arguments))

        small = {"prompt": SMALL[0], "duration": 1, "resolution": "480p"}
        assert shown == made == await call("video_job_status", job_id=made["job_id"])
        assert listed == await call("video_job_list")
        assert models == await call("video_models")
        assert model == await call("video_models", name="veo-3.1")
        assert plan == await call("video_selector", **small, dry_run=True)


def test_progress_goes_to_stderr_and_the_result_to_stdout(tmp_path: Path) -> None:
    done = run_cli(home_only(tmp_path), "generate", *SMALL, folder=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("completed: ")
    assert "file: " in done.stdout
    assert "drawing the animatic" in done.stderr
    assert "drawing the animatic" not in done.stdout
    assert "\x1b" not in done.stdout + done.stderr


def test_a_clip_is_bought_once_and_shown(tmp_path: Path, standin: FalStandIn) -> None:
    environment = with_fal(standin, tmp_path)
    done = run_cli(environment, "generate", *BUY, *KLING, "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    job = one_object(done.stdout)
    assert (job["status"], job["provider"]) == ("completed", "kling")
    assert len(standin.submits) == 1
    assert standin.key not in done.stdout + done.stderr


def test_no_wait_returns_once_it_is_submitted_and_wait_finishes_it(tmp_path: Path, standin: FalStandIn) -> None:
    standin.hold("IN_PROGRESS")
    environment = with_fal(standin, tmp_path)
    done = run_cli(environment, "generate", *BUY, "--no-wait", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    job = one_object(done.stdout)
    assert job["status"] == "working"
    assert job["attempts"][0]["operation_id"] == standin.accepted[0]
    listed = run_cli(environment, "jobs", folder=tmp_path)
    assert f"{job['job_id']} working" in listed.stdout
    standin.release()
    waited = run_cli(environment, "jobs", "wait", job["job_id"], "--json", folder=tmp_path)
    assert waited.returncode == 0, waited.stderr
    assert one_object(waited.stdout)["status"] == "completed"
    assert len(standin.submits) == 1


def test_cancel_asks_the_gateway(tmp_path: Path, standin: FalStandIn) -> None:
    standin.hold("IN_QUEUE")
    environment = with_fal(standin, tmp_path)
    job = one_object(run_cli(environment, "generate", *BUY, "--no-wait", "--json", folder=tmp_path).stdout)
    cancelled = run_cli(environment, "jobs", "cancel", job["job_id"], folder=tmp_path)
    assert cancelled.returncode == 0, cancelled.stderr
    waited = run_cli(environment, "jobs", "wait", job["job_id"], "--json", folder=tmp_path)
    assert one_object(waited.stdout)["status"] == "cancelled"
    assert waited.returncode == 1
    assert any(one.path.endswith("/cancel") for one in standin.requests)


@pytest.mark.parametrize(
    ("arguments", "status", "code", "words"),
    [
        (("generate", ""), 2, "invalid_request", "prompt"),
        (("generate", "x", "--aspect-ratio", "wide"), 2, "invalid_request", "aspect_ratio"),
        (("generate", "x", "--mode", "dream"), 2, "invalid_request", "mode"),
        (("generate", "x", "--duration", "-1"), 2, "invalid_request", "duration"),
        (("generate", "x", "--duration", "nan"), 2, "invalid_request", "duration"),
        (("plan", "x", "--options", "{"), 2, "invalid_request", "options"),
        (("plan", "x", "--options", "[1]"), 2, "invalid_request", "options"),
        (("plan", "x", "--model", "sora-9"), 2, "invalid_request", "sora-9"),
        (("plan", "x", "--first-frame", "missing.png"), 2, "invalid_request", "missing.png"),
        (("plan", "x", "--first-frame", "http://127.0.0.1/a.png"), 2, "unsafe_media", "first_frame"),
        (("generate", "x", "--provider", "kling"), 3, "not_configured", "FAL_KEY"),
        (("plan", "x", "--gateway", "heygen"), 3, "not_configured", "HEYGEN_API_KEY"),
        (("plan", "x", "--gateway", "local", "--mode", "sound_effects", *CLIP), 3, "nothing", "mode sound_effects"),
        (("models", "sora-9"), 2, "not_found", "sora-9"),
        (("jobs", "show", "0123"), 2, "not_found", "0123"),
        (("jobs", "wait", "0123"), 2, "not_found", "0123"),
        (("jobs", "cancel", "0123"), 2, "not_found", "0123"),
    ],
)
def test_a_refusal_is_one_object_and_a_status(
    tmp_path: Path, arguments: tuple[str, ...], status: int, code: str, words: str
) -> None:
    done = run_cli(home_only(tmp_path), *arguments, "--json", folder=tmp_path)
    assert done.returncode == status
    assert done.stderr == ""
    (error,) = one_object(done.stdout).values()
    assert set(error) == {"code", "message", "fix", "endpoint"}
    assert error["code"].startswith(code)
    assert words in error["message"] + error["fix"]


def test_a_refusal_for_people_goes_to_stderr(tmp_path: Path) -> None:
    done = run_cli(home_only(tmp_path), "generate", "x", "--options", "{", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("invalid_request: options")
    assert "Traceback" not in done.stderr


def test_a_cap_that_is_too_low_ends_with_3(tmp_path: Path, standin: FalStandIn) -> None:
    done = run_cli(with_fal(standin, tmp_path), "generate", *BUY, "--max-cost-usd", "0.01", "--json", folder=tmp_path)
    assert done.returncode == 3
    assert one_object(done.stdout)["error"]["code"] == "over_budget"
    assert standin.requests == []


def test_a_failed_job_ends_with_1(tmp_path: Path, standin: FalStandIn) -> None:
    environment = with_fal(standin, tmp_path, FAL_KEY="wrong:key-of-the-tests")
    done = run_cli(environment, "generate", *BUY, "--json", folder=tmp_path)
    assert done.returncode == 1
    job = one_object(done.stdout)
    assert (job["status"], job["error"]["code"]) == ("failed", "unauthorized")
    assert "wrong:key" not in done.stdout + done.stderr


def test_a_lost_answer_ends_with_4(tmp_path: Path, standin: FalStandIn) -> None:
    standin.fault("submit_drop_after_body", accepted=True)
    done = run_cli(with_fal(standin, tmp_path), "generate", *BUY, folder=tmp_path)
    assert done.returncode == 4
    assert done.stdout.startswith("uncertain: ")
    assert "submit_uncertain" in done.stdout
    assert len(standin.submits) == 1


def test_an_output_that_cannot_be_written_says_where_the_clip_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    output = ("--output", str(tmp_path / "file" / "kite.mp4"), "--json")
    done = run_cli(home_only(tmp_path / "home"), "generate", *SMALL, *output, folder=tmp_path)
    error = one_object(done.stdout)["error"]
    assert done.returncode == 2
    (clip,) = (tmp_path / "home" / "videos").glob("*.mp4")
    assert str(clip) in error["message"]


def test_a_plan_for_people_shows_ranking_body_and_cost(tmp_path: Path, standin: FalStandIn) -> None:
    done = run_cli(with_fal(standin, tmp_path), "plan", *BUY, "--options", '{"bitrate_mode": "high"}', folder=tmp_path)
    assert done.returncode == 0, done.stderr
    for words in ("1. fal:bytedance/seedance-2.0/text-to-video", "nothing was sent or spent", "$"):
        assert words in done.stdout
    assert standin.requests == []


def test_models_and_doctor_are_readable(tmp_path: Path) -> None:
    models = run_cli(home_only(tmp_path), "models", "--mode", "extend", folder=tmp_path)
    assert models.returncode == 0
    assert "wan-2.7" in models.stdout
    assert "veo-3.1 (" in models.stdout
    assert "kling-v3-pro (" not in models.stdout
    assert "animatic (" not in models.stdout
    doctor = run_cli(home_only(tmp_path), "doctor", folder=tmp_path)
    assert doctor.returncode == 0
    assert "ok    data folder: " in doctor.stdout
    assert "FAL_KEY is not set" in doctor.stdout
    report = one_object(run_cli(home_only(tmp_path), "doctor", "--json", folder=tmp_path).stdout)
    assert report["ok"] is True
    assert {"name", "status", "detail"} == set(report["checks"][0])


def test_usage_errors_and_help(tmp_path: Path) -> None:
    unknown = run_cli(home_only(tmp_path), "paint", folder=tmp_path)
    option = run_cli(home_only(tmp_path), "generate", "x", "--colour", "red", folder=tmp_path)
    helped = run_cli(home_only(tmp_path), "--help", folder=tmp_path)
    assert (unknown.returncode, option.returncode, helped.returncode) == (2, 2, 0)
    for command in ("serve", "generate", "plan", "models", "jobs", "doctor", "version"):
        assert command in helped.stdout


@pytest.mark.skipif(os.name == "nt", reason="a console of Windows has no such signal for one process")
def test_an_interrupt_leaves_the_job_to_be_found(tmp_path: Path, standin: FalStandIn) -> None:
    standin.hold("IN_PROGRESS")
    environment = with_fal(standin, tmp_path)
    # Where the suite itself runs in the background, interrupts are ignored, and a child would inherit that.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, "-m", "videogen_mcp", "generate", *BUY],
        env=child_environment(environment),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    signal.signal(signal.SIGINT, inherited)
    try:
        looked = standin.wait_until(lambda: any(one.path.endswith("/status") for one in standin.requests), 30)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert looked
    assert (process.returncode, out) == (130, "")
    assert errors.endswith("Interrupted. What was submitted goes on; `videogen-mcp jobs` finds it.\n")
    assert "Traceback" not in errors
    standin.release()
    (job,) = one_object(run_cli(environment, "jobs", "list", "--json", folder=tmp_path).stdout)["jobs"]
    waited = run_cli(environment, "jobs", "wait", job["job_id"], folder=tmp_path)
    assert waited.stdout.startswith("completed: ")
    assert len(standin.submits) == 1


@pytest.mark.parametrize("command", ["models", "doctor", "generate"])
def test_a_setting_that_cannot_be_used_is_named(tmp_path: Path, command: str) -> None:
    environment = home_only(tmp_path, VIDEOGEN_POLL_INTERVAL_S="often")
    arguments = (command, "x") if command == "generate" else (command,)
    done = run_cli(environment, *arguments, "--json", folder=tmp_path)
    assert done.returncode == 2
    assert "VIDEOGEN_POLL_INTERVAL_S" in json.dumps(one_object(done.stdout))


VEO = "fal-ai/veo3.1"


def test_a_check_says_what_differs_and_ends_with_1(tmp_path: Path, standin: FalStandIn) -> None:
    environment = with_fal(standin, tmp_path)
    standin.set_price(VEO, 0.77, "seconds")
    done = run_cli(environment, "models", "veo-3.1", "--check", folder=tmp_path)
    assert done.returncode == 1, done.stderr
    assert f"fal:{VEO}\n  price: fal says $0.77 per second, the catalogue" in done.stdout
    assert re.search(r"\d+ endpoints checked, 1 price read: \d+ differences? at \d+ endpoints?", done.stdout)
    assert "contracts read" in done.stderr
    assert standin.key not in done.stdout + done.stderr
    shown = one_object(run_cli(environment, "models", "veo-3.1", "--json", folder=tmp_path).stdout)
    (veo,) = [one for one in shown["endpoints"] if one["endpoint"] == f"fal:{VEO}"]
    assert all("fal pricing API says $0.77" in row["source"] for row in veo["prices"])
    assert standin.submits == []


def test_a_check_that_finds_nothing_ends_with_0(tmp_path: Path, standin: FalStandIn) -> None:
    standin.set_price("fal-ai/kling-video/v3/pro/text-to-video", 0.168, "seconds")
    done = run_cli(with_fal(standin, tmp_path), "models", "kling-v3-pro", "--check", "--json", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert one_object(done.stdout) == {"checked": 2, "priced": 1, "differences": [], "unanswered": {}}


def test_a_check_that_is_not_answered_in_full_is_uncertain(tmp_path: Path, standin: FalStandIn) -> None:
    standin.fault("platform_status", endpoint="/v1/models")
    done = run_cli(with_fal(standin, tmp_path), "models", "kling-v3-pro", "--check", folder=tmp_path)
    assert done.returncode == 4
    assert "not checked. fal's platform API answered 500" in done.stdout
    assert "nothing differs; 1 contract could not be had" in done.stdout


@pytest.mark.parametrize(
    ("fault", "more", "arguments", "status", "code"),
    [
        ({}, {"FAL_KEY": ""}, (), 3, "not_configured"),
        ({}, {"FAL_KEY": "wrong:key-of-the-tests"}, (), 2, "unauthorized"),
        ({"status": 500}, {}, (), 4, "gateway_unavailable"),
        ({}, {}, ("no-such-model",), 2, "not_found"),
        ({}, {}, ("animatic",), 2, "not_found"),
        ({}, {}, ("--mode", "extend"), 2, "invalid_request"),
    ],
)
def test_a_check_that_cannot_be_made_says_why(
    tmp_path: Path, standin: FalStandIn, *, fault: Any, more: Any, arguments: tuple[str, ...], status: int, code: str
) -> None:
    if fault:
        standin.fault("platform_status", **fault)
    done = run_cli(with_fal(standin, tmp_path, **more), "models", *arguments, "--check", "--json", folder=tmp_path)
    assert done.returncode == status
    assert one_object(done.stdout)["error"]["code"] == code
    assert "wrong:key" not in done.stdout + done.stderr
