"""The command line: a thin face on the service. Results go to stdout, progress and everything else to stderr."""

import asyncio
import json
import shutil
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar, cast

import typer

from videogen_mcp import __version__
from videogen_mcp.doctor import examine
from videogen_mcp.errors import InvalidRequest, NothingEligible, VideoGenError
from videogen_mcp.jobs.job import Job
from videogen_mcp.logs import start_logging
from videogen_mcp.models_view import (
    check_text,
    check_view,
    endpoints_to_check,
    model_text,
    model_view,
    models_text,
    models_view,
)
from videogen_mcp.selection.decide import Plan
from videogen_mcp.service import VideoService, open_service
from videogen_mcp.settings import load_settings
from videogen_mcp.terminal import CheckWatcher, Watcher, show_check, show_models, show_plan, show_report
from videogen_mcp.types import JobStatus, Json, Mode, VideoRequest, make_request
from videogen_mcp.views import job_list_text, job_list_view, job_text, job_view, plan_text, plan_view

EXIT_FAILED, EXIT_BAD_INPUT, EXIT_NOTHING_ELIGIBLE, EXIT_UNCERTAIN = 1, 2, 3, 4
EXIT_INTERRUPTED = 130
ALWAYS = 1e9
SUBMIT_SECONDS = 120.0

Result = TypeVar("Result")

app = typer.Typer(
    name="videogen-mcp",
    help="Make videos: pick the model, pay once, keep the file. Without arguments it serves MCP over stdio.",
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
)
jobs_app = typer.Typer(help="Jobs: list, show, wait, cancel, prune.", invoke_without_command=True)
app.add_typer(jobs_app, name="jobs")

AsJson = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object.")]


def run() -> None:
    """Run the command line and exit with the contract's status."""
    app()


@app.command()
def serve(
    *,
    http: Annotated[bool, typer.Option("--http", help="Serve streamable HTTP instead of stdio.")] = False,
    host: Annotated[str, typer.Option(help="Loopback address to bind.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8765,
) -> None:
    """Serve MCP: over stdio, or with --http on this machine's loopback."""
    service = _service()
    if not http:
        from videogen_mcp.server import run_stdio  # noqa: PLC0415 -- only this command needs the SDK

        run_stdio(service)
    elif host in {"127.0.0.1", "localhost", "::1"}:
        from videogen_mcp.server.http import run_http  # noqa: PLC0415 -- as above

        run_http(service, host, port)
    else:
        error = InvalidRequest(
            f"host {host!r} is not a loopback address: this version has no authentication.", field="host"
        )
        _refuse(error, as_json=False)


@app.command("generate")
@app.command("plan", help="Ranking, rejected endpoints, exact payload, cost; nothing is spent.")
def generate(
    context: typer.Context,
    prompt: Annotated[str, typer.Argument(help="Subject, action, camera, light, sound; speech in quotes.")] = "",
    *,
    mode: Annotated[str | None, typer.Option(help="A mode, or auto.")] = None,
    first_frame: Annotated[str | None, typer.Option(help="URL, data: URI, path, or video:<job_id>.")] = None,
    last_frame: str | None = None,
    reference_images: list[str] | None = None,
    reference_videos: list[str] | None = None,
    reference_audio: list[str] | None = None,
    source_video: str | None = None,
    source_audio: str | None = None,
    duration: Annotated[float | None, typer.Option(help="Seconds.")] = None,
    aspect_ratio: Annotated[str | None, typer.Option(help="16:9, 9:16, 1:1 … or auto.")] = None,
    resolution: Annotated[str | None, typer.Option(help="480p … 4k.")] = None,
    generate_audio: Annotated[bool | None, typer.Option("--generate-audio/--no-generate-audio")] = None,
    negative_prompt: str | None = None,
    seed: int | None = None,
    options: Annotated[str | None, typer.Option(help="Endpoint parameters by wire name, a JSON object.")] = None,
    max_cost_usd: Annotated[float | None, typer.Option(help="Cap for the whole job.")] = None,
    allow_fallback: bool = True,
    request_key: Annotated[str | None, typer.Option(help="Same key, same job.")] = None,
    intent: Annotated[str | None, typer.Option(help="cinematic, dialogue, anime … or auto.")] = None,
    priority: Annotated[str | None, typer.Option(help="balanced, quality, cost or speed.")] = None,
    provider: str | None = None,
    gateway: str | None = None,
    model: str | None = None,
    endpoint: str | None = None,
    exclude: list[str] | None = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="The same as the command plan.")] = False,
    output: Annotated[Path | None, typer.Option(help="Copy the finished clip here as well.")] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return once it is submitted.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a video and wait for it."""
    given = dict(locals())
    fields = {name: given[name] for name in VideoRequest.model_fields if name != "options"}
    try:
        request = make_request(fields | {"options": _options(options)})
        service = _service(as_json=as_json)
        if dry_run or context.info_name == "plan":
            view = plan_view(_run(_plan(service, request)))
            _show(view, plan_text, as_json=as_json, pretty=show_plan)
            return
        job = _run(_generate(service, request, no_wait=no_wait, quiet=as_json))
        view = job_view(job)
        if output is not None and job.video is not None:
            _copy(Path(job.video.path), output)
    except VideoGenError as error:
        _refuse(error, as_json=as_json)
    _show(view, job_text, as_json=as_json)
    _exit_for(job)


async def _plan(service: VideoService, request: VideoRequest) -> Plan:
    await service.learn()
    return service.plan(request)


async def _generate(service: VideoService, request: VideoRequest, *, no_wait: bool, quiet: bool) -> Job:
    async with service:
        job = await service.generate(request)
        with Watcher(quiet=quiet) as watcher:
            if not no_wait:
                return await service.wait(job.id, ALWAYS, watcher.see)
            # The submit itself must be over, else the process would end with the answer still to come.
            return await service.wait(job.id, SUBMIT_SECONDS, watcher.see, until=_is_submitted)


def _is_submitted(job: Job) -> bool:
    return bool(job.attempts) and job.attempts[-1].operation is not None


@app.command()
def models(
    name: Annotated[str, typer.Argument(help="One model in full.")] = "",
    *,
    mode: Mode | None = None,
    provider: str | None = None,
    gateway: str | None = None,
    configured_only: Annotated[bool, typer.Option("--configured-only")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Hold prices and contracts against what fal says now.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List models, or one with its parameters, prices and an example."""
    if check:
        if mode or provider or gateway or configured_only:
            _refuse(InvalidRequest("--check takes the name of a model and no filter.", field="check"), as_json=as_json)
        _check_models(name, as_json=as_json)
    service = _service(as_json=as_json)
    try:
        if name:
            _show(model_view(service.catalogue, service.gateway_states, name), model_text, as_json=as_json)
            return
    except VideoGenError as error:
        _refuse(error, as_json=as_json)
    view = models_view(
        service.catalogue,
        service.gateway_states,
        mode=mode,
        provider=provider,
        gateway=gateway,
        configured_only=configured_only,
    )
    _show(view, models_text, as_json=as_json, pretty=show_models)


def _check_models(name: str, *, as_json: bool) -> NoReturn:
    """Ask fal about every endpoint, or those of one model, and exit with 0 only where nothing differs."""

    async def check(service: VideoService) -> Json:
        with CheckWatcher(quiet=as_json) as watcher:
            endpoints = endpoints_to_check(service.catalogue, name) if name else None
            return check_view(await service.live.check(endpoints, watcher.see))

    view = _with_service(check, as_json=as_json)
    _show(view, check_text, as_json=as_json, pretty=show_check)
    raise typer.Exit(EXIT_FAILED if view["differences"] else EXIT_UNCERTAIN if view["unanswered"] else 0)


@app.command()
def doctor(*, as_json: AsJson = False) -> None:
    """What is configured, reachable, writable; spends nothing."""
    service = _service(as_json=as_json)

    async def look() -> Json:
        async with service:
            return (await examine(service)).model_dump(mode="json")

    view = _run(look())
    _show(view, lambda one: "\n".join(f"{c['status']:5} {c['name']}: {c['detail']}" for c in one["checks"]),
          as_json=as_json, pretty=show_report)  # fmt: skip
    raise typer.Exit(0 if view["ok"] else EXIT_FAILED)


@app.command()
def version() -> None:
    """Print the version."""
    sys.stdout.write(f"{__version__}\n")


@jobs_app.callback()
def jobs(context: typer.Context) -> None:
    """Jobs: list, show, wait, cancel, prune."""
    if context.invoked_subcommand is None:
        list_jobs()


@jobs_app.command("list")
def list_jobs(
    *,
    status: JobStatus | None = None,
    limit: Annotated[int, typer.Option(min=1, max=100)] = 20,
    cursor: str | None = None,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first."""

    async def look(service: VideoService) -> Json:
        page = await service.page(status=status, limit=limit, cursor=cursor)
        return job_list_view(page.jobs, page.cursor, await service.totals())

    _show(_with_service(look, as_json=as_json), job_list_text, as_json=as_json)


@jobs_app.command("show")
def show_job(job_id: str, *, as_json: AsJson = False) -> None:
    """Show one job."""
    _job_command(lambda service: service.status(job_id), as_json=as_json)


@jobs_app.command("wait")
def wait_job(job_id: str, *, as_json: AsJson = False) -> None:
    """Wait until a job ends; exits as `generate` would."""

    async def wait(service: VideoService) -> Job:
        with Watcher(quiet=as_json) as watcher:
            return await service.wait(job_id, ALWAYS, watcher.see)

    _exit_for(_job_command(wait, as_json=as_json))


@jobs_app.command("cancel")
def cancel_job(job_id: str, *, as_json: AsJson = False) -> None:
    """Ask for a job to be stopped."""
    _job_command(lambda service: service.cancel(job_id), as_json=as_json)


@jobs_app.command("prune")
def prune_jobs(
    *,
    days: Annotated[int | None, typer.Option(min=1, help="Those that ended longer ago.")] = None,
    as_json: AsJson = False,
) -> None:
    """Delete old jobs that have ended, and their files."""

    async def prune(service: VideoService) -> Json:
        older = days or service.settings.keep_days
        if older is None:
            message = "say how many days of jobs are to be kept."
            raise InvalidRequest(message, field="--days", fix="Give --days, or set VIDEOGEN_KEEP_DAYS.")
        pruned = await service.prune(older)
        return {"jobs": pruned.jobs, "files": pruned.files, "size_bytes": pruned.size_bytes}

    view = _with_service(prune, as_json=as_json)
    _show(view, lambda one: f"{one['jobs']} jobs and {one['files']} files ({one['size_bytes'] / 1e6:.1f} MB) deleted",
          as_json=as_json)  # fmt: skip


def _job_command(work: Callable[[VideoService], Coroutine[Any, Any, Job]], *, as_json: bool) -> Job:
    job = _with_service(work, as_json=as_json)
    _show(job_view(job), job_text, as_json=as_json)
    return job


def _with_service(work: Callable[[VideoService], Coroutine[Any, Any, Result]], *, as_json: bool) -> Result:
    service = _service(as_json=as_json)

    async def inside() -> Result:
        async with service:
            return await work(service)

    try:
        return _run(inside())
    except VideoGenError as error:
        _refuse(error, as_json=as_json)


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:  # typer would end without a word
        sys.stderr.write("Interrupted. What was submitted goes on; `videogen-mcp jobs` finds it.\n")
        sys.exit(EXIT_INTERRUPTED)


def _service(*, as_json: bool = False) -> VideoService:
    try:
        settings = load_settings()
    except VideoGenError as error:
        _refuse(error, as_json=as_json)
    start_logging(settings.log_level)
    return open_service(settings)


def _options(text: str | None) -> Json:
    """The object given to --options.

    Raises:
        InvalidRequest: It is not a JSON object.
    """
    try:
        value = json.loads(text or "{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise InvalidRequest(f"options {text!r} is not a JSON object.", field="options")
    return cast("Json", value)


def _copy(source: Path, destination: Path) -> None:
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, destination)
    except OSError as error:
        message = f"output {destination.name!r} cannot be written: {error.strerror}; the clip is at {source}."
        raise InvalidRequest(message, field="output") from error


def _show(
    view: Json, text: Callable[[Json], str], *, as_json: bool, pretty: Callable[[Json], None] | None = None
) -> None:
    if as_json:
        sys.stdout.write(json.dumps(view, ensure_ascii=False) + "\n")
    elif pretty is not None and sys.stdout.isatty():
        pretty(view)
    else:
        sys.stdout.write(text(view) + "\n")


def _refuse(error: VideoGenError, *, as_json: bool) -> NoReturn:
    """Say what was refused and exit with the contract's status."""
    if as_json:
        reason = {"code": error.code, "message": error.message, "fix": error.fix, "endpoint": error.endpoint}
        sys.stdout.write(json.dumps({"error": reason}, ensure_ascii=False) + "\n")
    else:
        sys.stderr.write(f"{error}\n")
    sys.exit(_status_of(error))


def _status_of(error: VideoGenError) -> int:
    if isinstance(error, NothingEligible):
        return EXIT_NOTHING_ELIGIBLE
    return EXIT_UNCERTAIN if error.code == "gateway_unavailable" else EXIT_BAD_INPUT


def _exit_for(job: Job) -> None:
    statuses: dict[str, int] = {"failed": EXIT_FAILED, "cancelled": EXIT_FAILED, "uncertain": EXIT_UNCERTAIN}
    if job.status in statuses:
        sys.exit(statuses[job.status])
