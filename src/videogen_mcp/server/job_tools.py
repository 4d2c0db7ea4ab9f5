"""The job and catalogue tools."""

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult, ToolAnnotations
from pydantic import Field

from videogen_mcp.models_view import ModelsView, model_text, model_view, models_text, models_view
from videogen_mcp.server.contract import Arguments, ContractTool, make_tool
from videogen_mcp.server.tools import WaitSeconds, job_result, result_of, wait_reporting
from videogen_mcp.service import VideoService
from videogen_mcp.types import JobStatus, Mode
from videogen_mcp.views import GenerationView, JobListView, job_list_text, job_list_view

READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
CANCELS = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True)

JobId = Annotated[str, Field(min_length=1)]


class StatusArguments(Arguments):
    """The arguments of `video_job_status`."""

    job_id: JobId
    wait_seconds: WaitSeconds = 0


class ListArguments(Arguments):
    """The arguments of `video_job_list`."""

    status: JobStatus | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: str = ""


class CancelArguments(Arguments):
    """The arguments of `video_job_cancel`."""

    job_id: JobId


class ModelsArguments(Arguments):
    """The arguments of `video_models`."""

    name: Annotated[str, Field(description="one model in full")] = ""
    mode: Mode | None = None
    provider: str = ""
    gateway: str = ""
    configured_only: bool = False


def job_tools(service: VideoService) -> list[ContractTool]:
    """The tools around jobs and the catalogue."""

    async def status(context: Context[Any, Any], *, job_id: str, wait_seconds: float) -> CallToolResult:
        return job_result(await wait_reporting(service, job_id, wait_seconds, context))

    async def listing(
        _context: Context[Any, Any], *, status: JobStatus | None, limit: int, cursor: str
    ) -> CallToolResult:
        page = await service.page(status=status, limit=limit, cursor=cursor or None)
        view = job_list_view(page.jobs, page.cursor, await service.totals())
        return result_of(view, job_list_text(view))

    async def cancel(_context: Context[Any, Any], *, job_id: str) -> CallToolResult:
        return job_result(await service.cancel(job_id))

    async def models(
        _context: Context[Any, Any], *, name: str, mode: Mode | None, provider: str, gateway: str, configured_only: bool
    ) -> CallToolResult:
        if name:
            view = model_view(service.catalogue, service.gateway_states, name)
            return result_of(view, model_text(view))
        view = models_view(
            service.catalogue,
            service.gateway_states,
            mode=mode,
            provider=provider or None,
            gateway=gateway or None,
            configured_only=configured_only,
        )
        return result_of(view, models_text(view))

    return [
        make_tool(
            models,
            ModelsArguments,
            ModelsView,
            name="video_models",
            title="Models, parameters and prices",
            description="List models and gateways, or with name one model's parameters, prices and an example.",
            annotations=READS,
        ),
        make_tool(
            status,
            StatusArguments,
            GenerationView,
            name="video_job_status",
            title="Status of a video job",
            description="Look at a job. With wait_seconds it returns when the job ends, or its state at expiry.",
            annotations=READS,
        ),
        make_tool(
            listing,
            ListArguments,
            JobListView,
            name="video_job_list",
            title="List video jobs",
            description="List jobs, newest first, with sums. Finds jobs of earlier sessions.",
            annotations=READS,
            terse=True,
        ),
        make_tool(
            cancel,
            CancelArguments,
            GenerationView,
            name="video_job_cancel",
            title="Cancel a video job",
            description="Ask for a job to be stopped. What has finished is kept; what runs may still be billed.",
            annotations=CANCELS,
            terse=True,
        ),
    ]
