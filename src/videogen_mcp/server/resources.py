"""Resources and prompts."""

import json

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ResourceNotFoundError

from videogen_mcp.errors import NotFound
from videogen_mcp.jobs.job import Job
from videogen_mcp.models_view import model_view, models_view
from videogen_mcp.service import VideoService
from videogen_mcp.types import Json
from videogen_mcp.views import job_view

_JSON = "application/json"


def add_resources(server: MCPServer[VideoService], service: VideoService) -> None:
    """Register `videogen://models`, `…/models/{name}`, `…/jobs/{job_id}` and `…/videos/{job_id}`."""

    async def find(job_id: str) -> Job:
        try:
            return await service.status(job_id)
        except NotFound as error:
            raise ResourceNotFoundError(error.message) from error

    @server.resource("videogen://models", title="Video models", mime_type=_JSON)
    def models() -> str:
        """All models and gateways."""
        return _text(models_view(service.catalogue, service.gateway_states))

    @server.resource("videogen://models/{name}", title="One video model", mime_type=_JSON)
    def model(name: str) -> str:
        """One model with its parameters, prices and an example."""
        try:
            return _text(model_view(service.catalogue, service.gateway_states, name))
        except NotFound as error:
            raise ResourceNotFoundError(error.message) from error

    @server.resource("videogen://jobs/{job_id}", title="A video job", mime_type=_JSON)
    async def job(job_id: str) -> str:
        """A job as it stands."""
        return _text(job_view(await find(job_id)))

    @server.resource("videogen://videos/{job_id}", title="A finished clip", mime_type=_JSON)
    async def video(job_id: str) -> str:
        """Where a finished clip lies, its size, and what a look at its frames found. Never the bytes."""
        found = await find(job_id)
        if found.video is None:
            raise ResourceNotFoundError(f"Job {job_id} has no clip: it is {found.status}.")
        return found.video.model_dump_json(indent=1)

    _ = (models, model, job, video)


def add_prompts(server: MCPServer[VideoService]) -> None:
    """Register the prompts `shot` and `storyboard`."""

    @server.prompt(title="One shot")
    def shot(idea: str) -> str:
        """Turn an idea into one well-described shot and make it."""
        return (
            f"Make one video shot of: {idea}\n\n"
            "Write a prompt of two to four sentences: subject and action in the present tense; the camera (angle, "
            "movement, lens); light and palette; sound, with speech in quotes. One action, one camera move. "
            "Call video_selector with dry_run=true, tell me the model, the price and why; when I agree, call it again "
            "without dry_run and wait with video_job_status. Then look at the contact sheet and say what you see."
        )

    @server.prompt(title="Storyboard")
    def storyboard(story: str, shots: str = "4") -> str:
        """Plan a story as shots, draft them for free, then make them."""
        return (
            f"Plan this story as {shots} shots: {story}\n\n"
            "For each shot give subject, action, camera, light, sound and seconds, keeping characters and palette the "
            "same throughout. First draft all shots in one call to video_selector with gateway=local, written as "
            '"Shot 1: … Shot 2: …", and look at its contact sheet. After I agree, make each shot with video_selector; '
            "hand on the last frame or references where shots must match. Report the cost of every shot."
        )

    _ = (shot, storyboard)


def _text(view: Json) -> str:
    return json.dumps(view, ensure_ascii=False, indent=1)
