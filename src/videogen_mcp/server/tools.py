"""`video_selector` and the provider tools, from one table: they are the same call, with or without a pin."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from anyio import to_thread
from mcp.server.mcpserver import Context
from mcp.types import CallToolResult, ResourceLink, TextContent, ToolAnnotations
from pydantic import Field

from videogen_mcp.jobs.job import Job
from videogen_mcp.server.contract import Arguments, ContractTool, make_tool
from videogen_mcp.service import VideoService
from videogen_mcp.types import Intent, Json, Mode, Priority, Resolution, make_request
from videogen_mcp.views import GenerationView, job_text, job_view, plan_text, plan_view

LONGEST_WAIT_SECONDS = 55

Media = Annotated[str, Field(description="https URL, data: URI, local path, or video:<job_id>")]
WaitSeconds = Annotated[float, Field(ge=0, le=LONGEST_WAIT_SECONDS, description="wait this long for the end")]


class GenerationArguments(Arguments):
    """The arguments of every generation tool (public contract, §4.1)."""

    prompt: Annotated[str, Field(description="subject, action, camera, light, sound; speech in quotes")] = ""
    mode: Literal[Mode, "auto"] = "auto"
    first_frame: Media = ""
    last_frame: str = ""
    reference_images: tuple[str, ...] = ()
    reference_videos: tuple[str, ...] = ()
    reference_audio: tuple[str, ...] = ()
    source_video: Annotated[str, Field(description="to edit, extend, reframe, lip-sync")] = ""
    source_audio: str = ""
    duration: Annotated[float | None, Field(gt=0, description="seconds")] = None
    aspect_ratio: Annotated[str, Field(description="16:9, 9:16, 1:1 … or auto")] = ""
    resolution: Resolution | None = None
    generate_audio: bool | None = None
    negative_prompt: str = ""
    seed: int | None = None
    options: Annotated[
        dict[str, Any], Field(default_factory=dict[str, Any], description="endpoint parameters by wire name")
    ]
    max_cost_usd: Annotated[float | None, Field(ge=0, description="cap for the whole job")] = None
    allow_fallback: bool = True
    dry_run: Annotated[bool, Field(description="plan only, spend nothing")] = False
    wait_seconds: WaitSeconds = 0
    request_key: Annotated[str, Field(description="same key, same job: safe to repeat")] = ""


class SelectorArguments(GenerationArguments):
    """What only `video_selector` takes besides."""

    intent: Literal[Intent, "auto"] = "auto"
    priority: Priority = "balanced"
    provider: Annotated[str, Field(description="pin: obeyed or refused")] = ""
    gateway: str = ""
    model: str = ""
    endpoint: Annotated[str, Field(description="pin, gateway:id")] = ""
    exclude: Annotated[tuple[str, ...], Field(description="providers, gateways, models or endpoints")] = ()


class ProviderArguments(GenerationArguments):
    """What a provider tool takes besides."""

    model: Annotated[str, Field(description="one of the provider's models")] = ""


@dataclass(frozen=True)
class ProviderTool:
    """One line of the table of provider tools.

    Attributes:
        name: The tool's name.
        pin: What it pins.
        title: Its title for people.
        description: What the provider is good for.
    """

    name: str
    pin: dict[str, str]
    title: str
    description: str


PROVIDER_TOOLS: tuple[ProviderTool, ...] = (
    ProviderTool(
        "seedance_video",
        {"provider": "seedance"},
        "Seedance (ByteDance)",
        "video_selector pinned to Seedance: cinematic shots, dialogue with lip-sync, several shots, references.",
    ),
    ProviderTool(
        "kling_video",
        {"provider": "kling"},
        "Kling (Kuaishou)",
        "video_selector pinned to Kling: anime and stylised motion, action, first and last frame.",
    ),
    ProviderTool(
        "minimax_video",
        {"provider": "minimax"},
        "MiniMax Hailuo",
        "video_selector pinned to MiniMax: lively motion at a low price (Hailuo, silent), and H3 with sound.",
    ),
    ProviderTool(
        "veo_video",
        {"provider": "veo"},
        "Veo (Google)",
        "video_selector pinned to Veo: photoreal landscape and people, native sound, up to 4k.",
    ),
    ProviderTool(
        "wan_video",
        {"provider": "wan"},
        "Wan (Alibaba)",
        "video_selector pinned to Wan: inexpensive, 2 to 15 s, continues clips, driving audio.",
    ),
    ProviderTool(
        "heygen_video",
        {"gateway": "heygen"},
        "HeyGen",
        "video_selector pinned to the HeyGen gateway: presenters and its other models.",
    ),
)

SELECTOR_DESCRIPTION = (
    "Make a video. Picks the best model for the request, its price and the keys that are set, says why, and returns a "
    "job at once; another model takes over when one fails for good. Prefer it to the provider tools. Without any key "
    "it draws a free animatic (a storyboard draft, not AI video). dry_run shows ranking, cost and exact body for free."
)

SPENDS = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True)


def generation_tools(service: VideoService) -> list[ContractTool]:
    """`video_selector` and one tool per provider."""
    selector = make_tool(
        _body(service, {}),
        SelectorArguments,
        GenerationView,
        name="video_selector",
        title="Make a video",
        description=SELECTOR_DESCRIPTION,
        annotations=SPENDS,
    )
    return [selector, *(_provider_tool(service, line) for line in PROVIDER_TOOLS)]


def _provider_tool(service: VideoService, line: ProviderTool) -> ContractTool:
    return make_tool(
        _body(service, line.pin),
        ProviderArguments,
        GenerationView,
        name=line.name,
        title=line.title,
        description=f"{line.description} Arguments as there.",
        annotations=SPENDS,
        terse=True,
    )


def _body(service: VideoService, pin: dict[str, str]) -> Callable[..., Any]:
    async def generate(
        context: Context[Any, Any], *, dry_run: bool, wait_seconds: float, **arguments: Any
    ) -> CallToolResult:
        # An empty text or list says nothing; 0 and False do.
        said = {name: value for name, value in arguments.items() if value not in ("", (), {})}
        request = make_request(said | pin)
        if dry_run:
            await service.learn()
            view = plan_view(await to_thread.run_sync(service.plan, request))
            return result_of(view, plan_text(view))
        job = await service.generate(request)
        if wait_seconds > 0:
            job = await wait_reporting(service, job.id, wait_seconds, context)
        return job_result(job)

    return generate


async def wait_reporting(service: VideoService, job_id: str, wait_seconds: float, context: Context[Any, Any]) -> Job:
    """Wait for a job's end and report progress on the way; on expiry return its state then."""
    reported = -1.0

    async def report(job: Job) -> None:
        nonlocal reported
        if job.progress > reported:
            reported = job.progress
            await context.report_progress(job.progress, 1.0, job.message)

    return await service.wait(job_id, wait_seconds, report)


def job_result(job: Job) -> CallToolResult:
    """A job as a tool's result: the object, the same facts as text, and a link to the clip."""
    view = job_view(job)
    result = result_of(view, job_text(view))
    if job.video is not None:
        result.content.append(
            ResourceLink(
                type="resource_link",
                uri=job.video.resource_uri,
                name=f"video {job.id}",
                description="Where the finished clip lies, its size and what a look at it found",
                mime_type="application/json",
            )
        )
    return result


def result_of(view: Json, text: str) -> CallToolResult:
    """A result with the object and the same facts as text."""
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=view)
