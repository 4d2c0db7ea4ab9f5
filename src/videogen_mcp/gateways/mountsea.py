"""The gateway `mountsea`: one hub in front of models that mostly run at fal.

Wire facts (docs.mountsea.ai, pages api-reference/hub/* and api-reference/usage/*, stored copies of 2026, read on
2026-11-21; seed 003 is one of these pages):

* `POST {hub}/hub/v1/video` with `{"model", "input"}` and `Authorization: Bearer` answers `{task_id, status, capability,
  model, vendor, mode, created_at}`.
* `GET {hub}/hub/v1/tasks/{task_id}` answers `{task_id, status, ready, data, elapsed_ms, error_code, error_message}`;
  `status` is pending, processing, completed, failed, timeout or cancelled, `ready` is true once the task has ended, and
  `data` is the model's own output. Its form is not documented: it is read as the models write it at fal.
* Only completed tasks are billed, in credits; what one task cost is not in its answer, and no price is documented.
* `GET {hub}/hub/v1/models?capability=video` lists, `GET {hub}/hub/v1/models/{model}` describes: `input_schema` and
  `example`.
* `GET https://dk.mountsea.ai/api-user/credits` with `X-API-Key` answers `{"credits": 10000}`.

Not documented: a cancel, an upload, an idempotency key, a list of tasks, the form of refusals.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Self, cast
from urllib.parse import quote

import httpx2

from videogen_mcp.errors import GatewayError, PollTrouble, SubmitRefused
from videogen_mcp.gateways.base import CancelOutcome, Failed, Finished, Health, Operation, Pending, SentRequest
from videogen_mcp.gateways.json_api import JsonApi, Service, figures, number, percent, read_key, video_address
from videogen_mcp.gateways.pace import Rate
from videogen_mcp.settings import Settings
from videogen_mcp.types import Json

HUB_URL = "https://api.mountsea.ai"
ACCOUNT_URL = "https://dk.mountsea.ai"

_SERVICE = Service("Mountsea", "MOUNTSEA_API_KEY")
_RUNNING: Mapping[str, str] = {"pending": "queued at Mountsea", "processing": "running at Mountsea"}
_FAILURES: Mapping[str, str] = {
    "failed": "Mountsea reports that the generation failed, without a reason.",
    "timeout": "Mountsea gave the generation up: it took too long.",
    "cancelled": "The generation was cancelled at Mountsea.",
}


@dataclass(frozen=True)
class HubModel:
    """A model as the hub lists or describes it; what it does not tell is empty.

    Attributes:
        id: What a submit names it by.
        title: Its name for people.
        vendor: Who made it.
        mode: What it does, such as `text-to-video`.
        description: One line about it.
        input_schema: Its parameters, in the form that the hub gives them; only where it is described.
        example: An input that works; only where it is described.
    """

    id: str
    title: str
    vendor: str
    mode: str
    description: str
    input_schema: Json | None = None
    example: Json | None = None


class MountseaGateway:
    """The gateway `mountsea`.

    Args:
        hub: The API for generations and models.
        account: The API for credits.
    """

    name: ClassVar[str] = "mountsea"
    shortest_poll_seconds: ClassVar[float] = 3.0
    on_this_machine: ClassVar[bool] = False
    fetches_media: ClassVar[bool] = True
    takes_files: ClassVar[bool] = False
    rate: ClassVar[Rate] = Rate(submits=2, looks=5, source="Mountsea documents no figure; a polite one")

    def __init__(self, hub: JsonApi, account: JsonApi) -> None:
        self._hub = hub
        self._account = account

    @classmethod
    def open(cls, settings: Settings, http: httpx2.AsyncClient) -> Self:
        """Build it from the environment; see `Gateway.open`.

        Credits are asked for at a host of their own. Where `VIDEOGEN_MOUNTSEA_URL` names another hub, that one is
        asked, so that the key goes nowhere else.
        """
        url = settings.base_url("VIDEOGEN_MOUNTSEA_URL", HUB_URL)
        key = read_key(settings, _SERVICE)
        account_url = ACCOUNT_URL if url == HUB_URL else url
        account = JsonApi(_SERVICE, account_url, key, http, header=("X-API-Key", "{}"))
        return cls(JsonApi(_SERVICE, url, key, http), account)

    @property
    def address(self) -> str:
        """Base address of the hub."""
        return self._hub.url

    async def submit(self, endpoint_id: str, body: Json) -> Operation:
        """Create a task; see `Gateway.submit`."""
        envelope = {"model": endpoint_id, "input": body}
        accepted = await self._hub.submit("/hub/v1/video", envelope, id_field="task_id")
        return {"task_id": accepted["task_id"]}

    async def poll(self, operation: Operation) -> Pending | Finished | Failed:
        """Look at a task; only `ready` says that it has ended. See `Gateway.poll`."""
        body = await self._hub.look(f"/hub/v1/tasks/{quote(str(operation['task_id']), safe='')}")
        status, ready = str(body.get("status", "")).lower(), body.get("ready")
        ended = ready if isinstance(ready, bool) else status == "completed" or status in _FAILURES
        if not ended:
            return Pending(percent(body.get("progress")), _RUNNING.get(status, "running at Mountsea"))
        if status in _FAILURES:
            return self._hub.failed(body, otherwise=_FAILURES[status])
        url = video_address(body.get("data"))
        if url is not None:
            told = {"credits": body.get("credits"), "elapsed_ms": body.get("elapsed_ms")}
            return Finished(url=url, details=figures(told))
        if status in _RUNNING:
            raise PollTrouble(f"Mountsea calls the generation both ready and {status}.")
        return self._hub.failed(body, otherwise="Mountsea's result holds no video.")

    async def cancel(self, operation: Operation) -> CancelOutcome:  # noqa: ARG002 -- the protocol's signature
        """Mountsea documents no way to stop a task of the hub, so nothing is sent. See `Gateway.cancel`."""
        return "unknown"

    async def find(self, sent: SentRequest) -> Operation | None:
        """The hub lists no tasks: an orphan cannot be found."""
        del sent
        return None

    async def upload(self, path: Path, mime_type: str) -> str:  # noqa: ARG002 -- the protocol's signature
        """Mountsea documents no way to send it a file, so this refuses. See `Gateway.upload`."""
        raise SubmitRefused(
            "Mountsea takes media by https address only; it has no place for files.",
            code="invalid_request",
            fix="Give an https address, or use a gateway that takes files.",
        )

    async def check(self) -> Health:
        """List the models, and ask for the credits left. See `Gateway.check`."""
        try:
            await self._hub.read("/hub/v1/models?capability=video")
        except GatewayError as error:
            if error.code != "unauthorized":
                raise
            return Health(accepted=False, note=error.message)
        try:
            left = (await self.balance())["credits"]
        except GatewayError as error:
            return Health(accepted=True, note=error.message)
        return Health(accepted=True, balance=f"{left:f} credits left")

    async def close(self) -> None:
        """Nothing is held."""

    async def models(self) -> tuple[HubModel, ...]:
        """The video models that the hub lists.

        Raises:
            GatewayError: The hub could not be asked, or its answer cannot be read.
        """
        listed = await self._hub.read("/hub/v1/models?capability=video")
        if isinstance(listed, dict):
            body = cast("Json", listed)
            listed = body.get("models", body.get("data"))
        if not isinstance(listed, list):
            self._hub.unreadable()
        found = [_hub_model(one) for one in cast("list[Any]", listed)]
        return tuple(one for one in found if one is not None)

    async def describe(self, model: str) -> HubModel:
        """One model with its parameters and an example.

        Raises:
            GatewayError: The hub does not know it (`not_found`), could not be asked, or its answer cannot be read.
        """
        found = _hub_model(await self._hub.read(f"/hub/v1/models/{quote(model, safe='')}"))
        return found or self._hub.unreadable()

    async def balance(self) -> dict[str, Decimal]:
        """Credits left, as `{"credits": …}`; what one costs in dollars is not documented.

        Raises:
            GatewayError: The account API could not be asked, or its answer cannot be read.
        """
        body = await self._account.read("/api-user/credits")
        credit = number(cast("Json", body).get("credits")) if isinstance(body, dict) else None
        return {"credits": Decimal(str(credit))} if credit is not None else self._account.unreadable()


def _hub_model(value: Any) -> HubModel | None:
    """One entry of the list; None where it names no model."""
    if not isinstance(value, dict):
        return None
    entry = cast("Json", value)
    model_id = entry.get("model", entry.get("id"))
    if not isinstance(model_id, str) or not model_id:
        return None

    def text(name: str) -> str:
        return entry[name] if isinstance(entry.get(name), str) else ""

    def mapping(name: str) -> Json | None:
        return cast("Json", entry[name]) if isinstance(entry.get(name), dict) else None

    return HubModel(
        id=model_id,
        title=text("title") or text("name"),
        vendor=text("vendor"),
        mode=text("mode"),
        description=text("description"),
        input_schema=mapping("input_schema"),
        example=mapping("example"),
    )
