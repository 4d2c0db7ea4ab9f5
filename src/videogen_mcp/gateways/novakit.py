"""The gateway `novakit`: one request form for models that run at fal.

Wire facts (www.novakit.ai/docs, pages video generation, jobs, errors, rate-limits, authentication and
credits-and-quotas, stored copies of 2026, read on 2026-11-21; seed 001 is the first of them):

* `POST {api}/videos/generations?async=true` with `Authorization: Bearer sk_…` answers `{id, status, created, model,
  estimated_credits}`. The key needs the scope `video`. Five video generations an hour are allowed.
* `GET {api}/jobs/{id}?poll=true` waits up to 30 s for the end, and answers `{id, status, progress, outputData,
  errorMessage, estimatedCredits, actualCredits, …}`; `status` is pending, processing, completed, failed or cancelled,
  `progress` is in percent, the clip is `outputData.video.url`. One page names the scope `usage` for it, another `jobs`.
* Refusals are `{"error": "…"}`: 400, 401, 402 (a quota is used up), 403 (a scope is missing, or the plan does not
  include the feature or the model's tier), 404, 429 (with `Retry-After` and `retryAfter`), 500.
* `GET {api}/quota` answers `{"quotas": {bucket: {"remaining": …}}}`.

Not documented: a cancel, an upload, an idempotency key, a list of video models, what a credit costs.
"""

from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Self, cast
from urllib.parse import quote

import httpx2

from videogen_mcp.errors import GatewayError, SubmitRefused
from videogen_mcp.gateways.base import (
    CONNECT_SECONDS,
    CancelOutcome,
    Failed,
    Finished,
    Health,
    Operation,
    Pending,
    SentRequest,
)
from videogen_mcp.gateways.json_api import JsonApi, Service, figures, number, percent, read_key, video_address
from videogen_mcp.gateways.pace import Rate
from videogen_mcp.settings import Settings
from videogen_mcp.types import Json

API_URL = "https://www.novakit.ai/api/v1"

LONG_POLL_TIMEOUT = httpx2.Timeout(connect=CONNECT_SECONDS, read=45.0, write=30.0, pool=CONNECT_SECONDS)
"""A look may be answered after 30 s, so it is waited for longer than that."""

_SERVICE = Service(
    "NovaKit",
    "NOVAKIT_API_KEY",
    when_forbidden="Check that the key has the scope video, and that the plan includes the model's tier.",
)


class NovaKitGateway:
    """The gateway `novakit`.

    Args:
        api: The API.
    """

    name: ClassVar[str] = "novakit"
    shortest_poll_seconds: ClassVar[float] = 5.0
    on_this_machine: ClassVar[bool] = False
    fetches_media: ClassVar[bool] = True
    takes_files: ClassVar[bool] = False
    rate: ClassVar[Rate] = Rate(
        submits=0.5,
        looks=0.5,
        source="30 requests a minute on the smallest plan; five videos an hour (www.novakit.ai/docs/rate-limits)",
    )

    def __init__(self, api: JsonApi) -> None:
        self._api = api

    @classmethod
    def open(cls, settings: Settings, http: httpx2.AsyncClient) -> Self:
        """Build it from the environment; see `Gateway.open`."""
        url = settings.base_url("VIDEOGEN_NOVAKIT_URL", API_URL)
        return cls(JsonApi(_SERVICE, url, read_key(settings, _SERVICE), http))

    @property
    def address(self) -> str:
        """Base address of the API."""
        return self._api.url

    async def submit(self, endpoint_id: str, body: Json) -> Operation:
        """Start a job; see `Gateway.submit`."""
        # Without a model in the body NovaKit would take its own default, and bill it.
        named = {**body, "model": endpoint_id}
        accepted = await self._api.submit("/videos/generations?async=true", named, id_field="id")
        return {"job_id": accepted["id"], **figures({"estimated_credits": accepted.get("estimated_credits")})}

    async def poll(self, operation: Operation) -> Pending | Finished | Failed:
        """Wait a while for a job's end; see `Gateway.poll`."""
        path = f"/jobs/{quote(str(operation['job_id']), safe='')}?poll=true"
        body = await self._api.look(path, time_limits=LONG_POLL_TIMEOUT)
        match str(body.get("status", "")).lower():
            case "completed":
                return self._finished(operation, body)
            case "failed":
                return self._api.failed(body, otherwise="NovaKit reports that the generation failed, without a reason.")
            case "cancelled":
                return self._api.failed(body, otherwise="The generation was cancelled at NovaKit.")
            case "pending":
                return Pending(percent(body.get("progress")), "queued at NovaKit")
            case _:
                return Pending(percent(body.get("progress")), "running at NovaKit")

    def _finished(self, operation: Operation, body: Json) -> Finished | Failed:
        url = video_address(body.get("outputData"))
        if url is None:
            return self._api.failed(body, otherwise="NovaKit's result holds no video.")
        estimated = body.get("estimatedCredits", operation.get("estimated_credits"))
        return Finished(
            url=url, details=figures({"credits": body.get("actualCredits"), "estimated_credits": estimated})
        )

    async def cancel(self, operation: Operation) -> CancelOutcome:  # noqa: ARG002 -- the protocol's signature
        """NovaKit documents no way to stop a job, so nothing is sent. See `Gateway.cancel`."""
        return "unknown"

    async def find(self, sent: SentRequest) -> Operation | None:
        """Not looked for: that its list of jobs holds what was sent, is not documented well enough to pay by it."""
        del sent
        return None

    async def upload(self, path: Path, mime_type: str) -> str:  # noqa: ARG002 -- the protocol's signature
        """NovaKit documents no way to send it a file, so this refuses. See `Gateway.upload`."""
        raise SubmitRefused(
            "NovaKit takes media by https address only; it has no place for files.",
            code="invalid_request",
            fix="Give an https address, or use a gateway that takes files.",
        )

    async def check(self) -> Health:
        """Ask what is left of the quotas. See `Gateway.check`."""
        try:
            left = await self.balance()
        except GatewayError as error:
            if error.code != "unauthorized":
                raise
            # A key that lacks the scope for this call may still have the one for videos.
            if "scope" in error.message:
                return Health(accepted=True, note="the key has not the scope that tells what is left")
            return Health(accepted=False, note=error.message)
        return Health(accepted=True, balance=", ".join(f"{amount:f} {name}" for name, amount in left.items()))

    async def close(self) -> None:
        """Nothing is held."""

    async def balance(self) -> dict[str, Decimal]:
        """What is left of each quota, by its name: `credits` and others, each in its own unit.

        Raises:
            GatewayError: NovaKit could not be asked, or its answer cannot be read.
        """
        body = await self._api.read("/quota")
        quotas: Any = cast("Json", body).get("quotas") if isinstance(body, dict) else None
        if not isinstance(quotas, dict):
            self._api.unreadable()
        left: dict[str, Decimal] = {}
        for bucket, value in cast("Json", quotas).items():
            remaining = number(cast("Json", value).get("remaining")) if isinstance(value, dict) else None
            if remaining is not None:
                left[bucket] = Decimal(str(remaining))
        return left
