"""What callers see: jobs, plans and the catalogue as the objects of the public contract (§4.2, §4.3), and as text."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel, ConfigDict, Field

from videogen_mcp.catalogue.encode import Change, Payload
from videogen_mcp.errors import ErrorCode
from videogen_mcp.jobs.job import Job
from videogen_mcp.selection.decide import Plan
from videogen_mcp.selection.scoring import Candidate
from videogen_mcp.types import AttemptStatus, Intent, JobStatus, Json, Mode, Video

if TYPE_CHECKING:  # it brings SQLAlchemy, which must not be loaded before it is needed
    from videogen_mcp.jobs.queries import Totals

RANKING_SHOWN = 3


class View(BaseModel):
    """Common ground of all results; later versions may add to them, so their schemas do not forbid more."""

    model_config = ConfigDict(frozen=True)


class CostView(View):
    """Money, in US dollars; null where unknown."""

    estimated_usd: float | None
    committed_usd: float | None
    billed_usd: float | None
    basis: str
    confidence: str


class ChangeView(View):
    """One difference between what was asked and what is sent."""

    field: str
    asked: Any
    sent: Any
    why: str


class AttemptView(View):
    """One try at one endpoint."""

    number: int
    endpoint: str
    status: AttemptStatus
    operation_id: str | None
    error: str | None
    cost_usd: float | None


class ErrorView(View):
    """Why the job failed, and what the caller can do."""

    code: ErrorCode
    message: str
    fix: str
    endpoint: str | None


class RankingView(View):
    """One ranked endpoint."""

    endpoint: str
    model: str
    provider: str
    gateway: str
    score: float
    scores: dict[str, float]
    cost_usd: float | None
    reasons: list[str]
    changes: list[ChangeView]


class RejectedView(View):
    """One endpoint that was left out."""

    endpoint: str
    reason: str
    code: ErrorCode


class GenerationView(View):
    """A job, or with dry_run a plan: then there is no job_id, but `rejected` and `payload`."""

    job_id: str = Field(default="", description="Hand it to video_job_status.")
    status: JobStatus = Field(default="queued", description="completed, failed, cancelled and uncertain are final.")
    mode: Mode
    intent: Intent
    provider: str
    gateway: str
    model: str
    endpoint: str
    cost: CostView
    progress: float = Field(default=0.0, description="0 to 1.")
    message: str = ""
    poll_after_seconds: float | None = Field(default=None, description="When to look again; null when final.")
    changes: list[ChangeView] = Field(description="Every difference between what was asked and what is sent.")
    warnings: list[str]
    attempts: list[AttemptView] = []
    video: Video | None = None
    error: ErrorView | None = None
    ranking: list[RankingView]
    rejected: list[RejectedView] = []
    payload: Json = {}
    created_at: str = ""
    updated_at: str = ""


class TotalsView(View):
    """Sums over all jobs."""

    estimated_usd: float
    billed_usd: float
    by_status: dict[str, int]


class JobListView(View):
    """One page of jobs, newest first."""

    jobs: list[GenerationView]
    next_cursor: str | None
    totals: TotalsView


def job_view(job: Job) -> Json:
    """A job as the contract's object."""
    current = job.current
    view = GenerationView(
        job_id=job.id,
        status=job.status,
        provider=current.provider,
        gateway=current.gateway,
        model=current.model,
        endpoint=current.endpoint,
        mode=job.mode,
        intent=job.intent,
        cost=CostView(
            estimated_usd=_number(current.cost.estimated_usd),
            committed_usd=_number(job.committed_usd),
            billed_usd=_number(job.billed_usd),
            basis=current.cost.basis,
            confidence=current.cost.confidence,
        ),
        progress=job.progress,
        message=job.message,
        poll_after_seconds=None if job.ended else (1.0 if current.gateway == "local" else 5.0),
        changes=_changes(current.payload.changes),
        warnings=list(job.warnings),
        attempts=[
            AttemptView(
                number=one.number,
                endpoint=one.endpoint,
                status=one.status,
                operation_id=one.operation_id,
                error=f"{one.error.code}: {one.error.message}" if one.error else None,
                cost_usd=_number(one.cost_usd),
            )
            for one in job.attempts
        ],
        video=job.video,
        error=ErrorView(code=job.error.code, message=job.error.message, fix=job.error.fix, endpoint=job.error.endpoint)
        if job.error
        else None,
        ranking=[_ranked(one) for one in job.candidates[:RANKING_SHOWN]],
        created_at=_moment(job.created_at),
        updated_at=_moment(job.updated_at),
    )
    return view.model_dump(mode="json", exclude={"rejected", "payload"})


def plan_view(plan: Plan) -> Json:
    """A plan as the contract's object."""
    winner = plan.candidates[0]
    view = GenerationView(
        provider=winner.provider,
        gateway=winner.gateway,
        model=winner.model,
        endpoint=winner.endpoint,
        mode=plan.mode,
        intent=plan.intent,
        cost=CostView(
            estimated_usd=_number(winner.cost.estimated_usd),
            committed_usd=0.0,
            billed_usd=None,
            basis=winner.cost.basis,
            confidence=winner.cost.confidence,
        ),
        message="a plan: nothing was sent or spent",
        changes=_changes(winner.payload.changes),
        warnings=list(plan.warnings),
        ranking=[_ranked(one) for one in plan.candidates],
        rejected=[RejectedView(endpoint=one.endpoint, reason=one.reason, code=one.code) for one in plan.refusals],
        payload=shown_body(winner.payload),
    )
    absent = {"job_id", "status", "progress", "attempts", "video", "error", "created_at", "updated_at"}
    return view.model_dump(mode="json", exclude=absent | {"poll_after_seconds"})


def shown_body(payload: Payload) -> Json:
    """The body as it would be sent, with inline data cut short: a model has no use for a megabyte of base64."""
    return {name: _cut(value) for name, value in payload.body.items()}


def _cut(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("data:") and len(value) > 200:  # noqa: PLR2004 -- a readable length
        return f"{value[:60]}… ({len(value)} characters)"
    return [_cut(one) for one in cast("list[Any]", value)] if isinstance(value, list) else value


def _changes(changes: Iterable[Change]) -> list[ChangeView]:
    return [ChangeView(field=one.field, asked=one.asked, sent=one.sent, why=one.why) for one in changes]


def _ranked(candidate: Candidate) -> RankingView:
    return RankingView(
        endpoint=candidate.endpoint,
        model=candidate.model,
        provider=candidate.provider,
        gateway=candidate.gateway,
        score=candidate.score,
        scores=candidate.scores,
        cost_usd=_number(candidate.cost.estimated_usd),
        reasons=list(candidate.reasons),
        changes=_changes(candidate.payload.changes),
    )


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(round(amount, 4))


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_LONGEST_TOLD = 100


def job_text(view: Json) -> str:
    """A job's object in a few lines that state the same facts and the next step."""
    cost = view["cost"]
    lines = [
        f"{view['status']}: {view['message']}",
        f"job_id: {view['job_id']}",
        f"model: {view['model']} ({view['endpoint']}), {view['mode']}",
        f"cost: {_dollars(cost['estimated_usd'])} estimated, {_dollars(cost['committed_usd'])} committed",
    ]
    if cost["billed_usd"] is not None:
        lines.append(f"billed: {_dollars(cost['billed_usd'])}")
    lines += change_lines(view["changes"])
    lines += [f"warning: {warning}" for warning in view["warnings"]]
    video, error = view["video"], view["error"]
    if video is not None:
        size = f"{video['width']}x{video['height']}, {video['duration_seconds']:g} s, {video['fps']:g} fps"
        lines.append(f"file: {video['path']} ({size}, {'with' if video['has_audio'] else 'no'} sound)")
        lines.append(f"look at it: {video['contact_sheet_path']} (six frames)")
        if video["checks"]:
            lines.append(f"checks: {', '.join(video['checks'])}")
        if video["details"]:
            told = ", ".join(f"{name} {str(value)[:_LONGEST_TOLD]}" for name, value in video["details"].items())
            lines.append(f"the gateway's own: {told}")
    if error is not None:
        lines.append(f"error: {error['code']}: {error['message']} {error['fix']}".rstrip())
    lines.append(f"next: {_next_step(view)}")
    return "\n".join(lines)


def _next_step(view: Json) -> str:
    steps: dict[str, str] = {
        "completed": "show the user the file; look at the contact sheet to judge it. "
        f"video:{view['job_id']} uses the clip in a later call.",
        "failed": "see the error; a new call makes a new job.",
        "cancelled": "nothing; a new call makes a new job.",
        "uncertain": "tell the user; do not simply call again, it may be paid twice.",
    }
    waiting = f"call video_job_status with this job_id and wait_seconds=50, in {view['poll_after_seconds']} s or later."
    return steps.get(view["status"], waiting)


TOLD_OF_A_PLAN = 8
"""How many of the ranking stand in the text of a plan; the object has them all."""


def plan_text(view: Json) -> str:
    """A plan's object in a few lines: a model pays for every one it reads."""
    ranked = [
        f"{number}. {one['endpoint']} {one['score']:.2f}, {_dollars(one['cost_usd'])}: {'; '.join(one['reasons'])}"
        for number, one in enumerate(view["ranking"][:TOLD_OF_A_PLAN], start=1)
    ]
    if len(view["ranking"]) > TOLD_OF_A_PLAN:
        ranked.append(f"{len(view['ranking']) - TOLD_OF_A_PLAN} more can do it; they stand in `ranking`")
    lines = [f"plan for {view['mode']}, intent {view['intent']}; nothing was sent or spent", *ranked]
    lines += change_lines(view["changes"])
    lines += [f"warning: {warning}" for warning in view["warnings"]]
    lines.append(f"{len(view['rejected'])} endpoints were left out, each with its reason in `rejected`")
    lines.append("next: call again without dry_run to make it.")
    return "\n".join(lines)


def change_lines(changes: list[Json]) -> list[str]:
    """Changes, a line each."""
    return [
        f"changed: {one['field']} {one['asked']} -> {'dropped' if one['sent'] is None else one['sent']} ({one['why']})"
        for one in changes
    ]


def _dollars(amount: float | None) -> str:
    return "unknown" if amount is None else f"${amount:.2f}"


def job_list_view(jobs: Iterable[Job], cursor: str | None, totals: "Totals") -> Json:
    """A page of jobs as the contract's object."""
    sums = TotalsView(
        estimated_usd=float(totals.committed_usd),
        billed_usd=float(totals.billed_usd),
        by_status=dict(totals.by_status),
    )
    # Why each was chosen is told by video_job_status; twenty rankings at once would only cost attention.
    listed: list[Json] = [{**job_view(job), "ranking": []} for job in jobs]
    return {"jobs": listed, "next_cursor": cursor, "totals": sums.model_dump(mode="json")}


def job_list_text(view: Json) -> str:
    """A page of jobs in a line each."""
    lines = [
        f"{job['job_id']} {job['status']} {job['created_at']} {job['model']} {_dollars(job['cost']['committed_usd'])}"
        + (f" {job['video']['path']}" if job["video"] else "")
        for job in view["jobs"]
    ] or ["no jobs"]
    if view["next_cursor"]:
        lines.append(f"more: cursor={view['next_cursor']}")
    lines.append(f"in all: {_dollars(view['totals']['estimated_usd'])} committed")
    return "\n".join(lines)
