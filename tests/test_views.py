"""Jobs, plans and the catalogue as objects and as text, and how they look in a terminal."""

import sys
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.support import home_only

from videogen_mcp.catalogue.pricing import Cost
from videogen_mcp.errors import NotFound
from videogen_mcp.jobs.job import Attempt, Job, JobError
from videogen_mcp.jobs.queries import Totals
from videogen_mcp.models_view import model_text, model_view, models_text, models_view
from videogen_mcp.selection.decide import Plan
from videogen_mcp.service import VideoService, open_service
from videogen_mcp.settings import load_settings
from videogen_mcp.terminal import Watcher, show_models, show_plan, show_report
from videogen_mcp.types import AttemptStatus, JobStatus, Video, make_request
from videogen_mcp.views import (
    GenerationView,
    job_list_text,
    job_list_view,
    job_text,
    job_view,
    plan_text,
    plan_view,
)

NOW = datetime(2026, 11, 20, 12, 30, 15, 123_456, tzinfo=UTC)
CLIP = Video(
    path="videos/fox.mp4",
    resource_uri="videogen://videos/1",
    url=None,
    mime_type="video/mp4",
    size_bytes=1000,
    sha256="0" * 64,
    width=1280,
    height=720,
    duration_seconds=5.04,
    fps=24.0,
    has_audio=True,
    poster_path="videos/fox.poster.jpg",
    contact_sheet_path="videos/fox.sheet.jpg",
    checks=("frozen", "silent"),
    details={"video_id": "v-1", "asset_id": "a-1"},
)


@pytest.fixture(name="service")
def service_fixture(tmp_path: Path) -> VideoService:
    return open_service(load_settings(home_only(tmp_path, FAL_KEY="key-of-the-tests")))


def plan_of(service: VideoService, **arguments: Any) -> Plan:
    return service.plan(make_request({"prompt": "A fox", "duration": 5, **arguments}))


def job_of(plan: Plan, status: JobStatus = "queued", **fields: Any) -> Job:
    return Job(
        id="1",
        status=status,
        request=plan.request,
        mode=plan.mode,
        intent=plan.intent,
        candidates=plan.candidates,
        created_at=NOW,
        updated_at=NOW,
        message="what happens",
        warnings=plan.warnings,
        **fields,
    )


def attempt_of(plan: Plan, number: int, status: AttemptStatus, **fields: Any) -> Attempt:
    candidate = plan.candidates[number - 1]
    return Attempt(number=number, endpoint=candidate.endpoint, status=status, body=candidate.payload.body, **fields)


def test_a_queued_job_shows_the_decision_and_when_to_look_again(service: VideoService) -> None:
    plan = plan_of(service)
    view = job_view(job_of(plan))
    assert GenerationView.model_validate(view).job_id == "1"
    assert view["endpoint"] == plan.candidates[0].endpoint
    assert view["poll_after_seconds"] == 5.0
    assert (
        view["cost"]["estimated_usd"]
        == view["cost"]["committed_usd"]
        == float(plan.candidates[0].cost.estimated_usd or 0)
    )
    assert view["cost"]["billed_usd"] is None
    assert len(view["ranking"]) == 3
    assert view["created_at"] == "2026-11-20T12:30:15.123Z"
    assert "rejected" not in view
    assert "payload" not in view


def test_the_attempt_that_runs_is_the_one_that_is_shown(service: VideoService) -> None:
    plan = plan_of(service)
    refused = JobError("gateway_unavailable", "fal was busy.")
    attempts = (
        attempt_of(plan, 1, "failed", error=refused, cost_usd=Decimal(0)),
        attempt_of(plan, 2, "submitted", operation={"request_id": "r-2"}, cost_usd=Decimal("0.5")),
    )
    view = job_view(job_of(plan, "working", attempts=attempts, progress=0.4))
    assert view["endpoint"] == plan.candidates[1].endpoint
    assert view["cost"]["committed_usd"] == 0.5
    assert [one["error"] for one in view["attempts"]] == ["gateway_unavailable: fal was busy.", None]
    assert [one["operation_id"] for one in view["attempts"]] == [None, "r-2"]


def test_what_is_not_known_is_null_and_never_zero(service: VideoService) -> None:
    plan = plan_of(service)
    unknown = replace(plan.candidates[0], cost=Cost(None, None, "no price is listed", "unknown"))
    view = job_view(job_of(replace(plan, candidates=(unknown,))))
    assert view["cost"]["estimated_usd"] is None
    assert view["ranking"][0]["cost_usd"] is None
    assert "cost: unknown estimated" in job_text(view)
    assert "unknown" in plan_text(plan_view(replace(plan, candidates=(unknown,))))


def test_a_completed_job_names_its_file_and_what_was_seen(service: VideoService) -> None:
    plan = plan_of(service)
    attempts = (attempt_of(plan, 1, "succeeded", cost_usd=Decimal("1.5"), billed_usd=Decimal("1.25")),)
    view = job_view(job_of(plan, "completed", attempts=attempts, video=CLIP, progress=1.0))
    text = job_text(view)
    assert view["poll_after_seconds"] is None
    assert view["cost"]["billed_usd"] == 1.25
    for words in ("videos/fox.mp4 (1280x720, 5.04 s, 24 fps, with sound)", "videos/fox.sheet.jpg", "frozen, silent"):
        assert words in text
    assert "billed: $1.25" in text
    assert "the gateway's own: video_id v-1, asset_id a-1" in text
    assert view["video"]["details"] == {"video_id": "v-1", "asset_id": "a-1"}
    assert "video:1" in text


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("queued", "call video_job_status"),
        ("working", "call video_job_status"),
        ("completed", "show the user the file"),
        ("failed", "a new call makes a new job"),
        ("cancelled", "a new call makes a new job"),
        ("uncertain", "do not simply call again"),
    ],
)
def test_every_status_has_its_next_step(service: VideoService, status: JobStatus, words: str) -> None:
    view = job_view(job_of(plan_of(service), status))
    last = job_text(view).splitlines()[-1]
    assert last.startswith("next: ")
    assert words in last
    assert (view["poll_after_seconds"] is None) == (status not in {"queued", "working"})


def test_an_error_is_shown_with_what_to_do(service: VideoService) -> None:
    error = JobError("content_policy", "The prompt was refused.", "Rephrase it.", "fal:x")
    view = job_view(job_of(plan_of(service), "failed", error=error))
    assert view["error"] == {
        "code": "content_policy",
        "message": "The prompt was refused.",
        "fix": "Rephrase it.",
        "endpoint": "fal:x",
    }
    assert "error: content_policy: The prompt was refused. Rephrase it." in job_text(view)


def test_changes_are_told_in_words(service: VideoService) -> None:
    plan = plan_of(service, provider="veo", duration=5, options={"cfg_scale": 1})
    text = plan_text(plan_view(plan))
    assert "changed: duration 5" in text
    assert "changed: options.cfg_scale 1 -> dropped" in text


def test_the_text_of_a_plan_names_the_best_and_counts_the_rest(service: VideoService) -> None:
    plan = plan_of(service)
    one = plan.candidates[0]
    many = tuple(replace(one, endpoint=f"fal:toy/{number}") for number in range(20))
    text = plan_text(plan_view(replace(plan, candidates=many)))
    assert "8. fal:toy/7" in text
    assert "fal:toy/8" not in text
    assert "12 more can do it" in text


def test_a_plan_shows_inline_data_cut_short(service: VideoService) -> None:
    pixels = "data:image/png;base64," + "iVBORw0KGgo" + "A" * 50_000
    candidate = plan_of(service).candidates[0]
    body = {"prompt": "A fox", "image_url": pixels, "image_urls": [pixels, "https://example.com/a.png"]}
    fat = replace(candidate, payload=replace(candidate.payload, body=body))
    shown = plan_view(replace(plan_of(service), candidates=(fat,)))["payload"]
    assert shown["prompt"] == "A fox"
    assert len(shown["image_url"]) < 120
    assert str(len(pixels)) in shown["image_url"]
    assert len(shown["image_urls"][0]) < 120
    assert shown["image_urls"][1] == "https://example.com/a.png"


def test_a_list_sums_up(service: VideoService) -> None:
    job = job_of(plan_of(service), "completed", video=CLIP)
    totals = cast(
        "Totals", SimpleNamespace(committed_usd=Decimal("2.5"), billed_usd=Decimal(1), by_status={"completed": 1})
    )
    view = job_list_view([job], "next-page", totals)
    assert view["totals"] == {"estimated_usd": 2.5, "billed_usd": 1.0, "by_status": {"completed": 1}}
    text = job_list_text(view)
    for words in (
        "1 completed 2026-11-20T12:30:15.123Z",
        "videos/fox.mp4",
        "more: cursor=next-page",
        "$2.50 committed",
    ):
        assert words in text
    assert job_list_text(view | {"jobs": [], "next_cursor": None}).startswith("no jobs")


def test_models_are_filtered(service: VideoService) -> None:
    def names(**filters: Any) -> set[str]:
        view = models_view(service.catalogue, service.gateway_states, **filters)
        return {one["model"] for one in view["models"]}

    assert names() == set(service.catalogue.models)
    catalogue = service.catalogue
    models = catalogue.models.values()
    of = {name: {one.id for one in models if one.provider == name} for name in catalogue.providers}
    usable = {"fal", "local"}
    extending = {one.model for one in catalogue.of_mode("extend")}
    assert names(provider="minimax") == of["minimax"] >= {"hailuo-2.3-standard", "hailuo-02-pro"}
    assert names(gateway="local") == {"animatic"}
    assert names(mode="extend") == extending >= {"wan-2.7"}
    assert names(mode="extend", provider="wan") == extending & of["wan"] >= {"wan-2.7"}
    assert names(mode="extend", provider="local") == set()
    assert names(configured_only=True) == {one.model for one in catalogue.endpoints if one.gateway in usable}
    nothing = models_view(service.catalogue, service.gateway_states, provider="nobody")
    assert models_text(nothing).startswith("no model fits these filters")


def test_gateways_say_what_they_need(tmp_path: Path) -> None:
    service = open_service(load_settings(home_only(tmp_path, HEYGEN_API_KEY="key-of-the-tests")))
    view = models_view(service.catalogue, service.gateway_states)
    gateways = {one["name"]: one for one in view["gateways"]}
    assert gateways["fal"] | {"note": ""} == {
        "name": "fal",
        "configured": False,
        "env": "FAL_KEY",
        "healthy": True,
        "note": "",
    }
    assert gateways["fal"]["note"] == "set FAL_KEY to use it"
    assert (gateways["heygen"]["configured"], gateways["heygen"]["healthy"]) == (True, True)
    assert gateways["heygen"]["note"] == ""
    assert gateways["local"]["env"] is None
    assert "not set: FAL_KEY for fal" in models_text(view)


def test_every_model_has_a_readable_text(service: VideoService) -> None:
    for name in service.catalogue.models:
        view = model_view(service.catalogue, service.gateway_states, name)
        text = model_text(view)
        assert text.startswith(view["title"])
        for endpoint in view["endpoints"]:
            assert endpoint["endpoint"] in text
            assert all(parameter in text for parameter in endpoint["parameters"]["properties"])
    with pytest.raises(NotFound, match="nearest: sora-2"):
        model_view(service.catalogue, service.gateway_states, "sora-9")


def test_a_terminal_shows_plan_models_and_report(
    service: VideoService, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    show_plan(plan_view(plan_of(service, provider="veo")))
    plan = capsys.readouterr().out
    for words in ("veo-3.1", "fal:fal-ai/veo3.1", '"prompt": "A fox"', "nothing was sent or spent", "left out"):
        assert words in plan
    show_models(models_view(service.catalogue, service.gateway_states))
    models = capsys.readouterr().out
    assert "seedance-2.0" in models
    assert "heygen" in models
    show_report({"checks": [{"status": "fail", "name": "data folder", "detail": "[red] cannot be written"}]})
    assert "data folder: [red] cannot be written" in capsys.readouterr().out


@pytest.mark.parametrize("quiet", [False, True])
async def test_without_a_terminal_a_watcher_writes_a_line_per_change(
    service: VideoService,
    capsys: pytest.CaptureFixture[str],
    quiet: bool,  # noqa: FBT001 -- of the test
) -> None:
    job = job_of(plan_of(service), "working")
    with Watcher(quiet=quiet) as watcher:
        for message in ("queued at fal", "queued at fal", "running at fal"):
            await watcher.see(replace(job, message=message))
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err == ("" if quiet else "working: queued at fal\nworking: running at fal\n")


async def test_in_a_terminal_a_watcher_moves_a_bar(
    service: VideoService, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    with Watcher(quiet=False) as watcher:
        await watcher.see(job_of(plan_of(service), "working", progress=0.5))
    assert capsys.readouterr().out == ""
