"""The body while it is being built, and what every step of the building needs. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from videogen_mcp.catalogue.schema import Endpoint, Param
from videogen_mcp.errors import InvalidRequest
from videogen_mcp.types import Json, Mode, VideoRequest


@dataclass(frozen=True)
class Change:
    """One difference between what was asked and what is sent.

    Attributes:
        field: The argument of the contract, or `options.<name>`.
        asked: What the caller asked for; None when nothing was said.
        sent: What is sent; None when it is dropped.
        why: The reason, in a clause.
    """

    field: str
    asked: Any
    sent: Any
    why: str


@dataclass(frozen=True)
class Payload:
    """A body ready to be sent, and what it stands for.

    Attributes:
        body: The JSON object for the endpoint.
        changes: Every difference from the request.
        warnings: What the caller should know besides.
        seconds: The clip's length in seconds, None where the endpoint decides.
        resolution: The resolution's wire name, None where unknown.
        aspect_ratio: The ratio sent or fixed, None where the endpoint decides.
        has_audio: Whether the clip will have sound.
    """

    body: Json
    changes: tuple[Change, ...] = ()
    warnings: tuple[str, ...] = ()
    seconds: float | None = None
    resolution: str | None = None
    aspect_ratio: str | None = None
    has_audio: bool = False


@dataclass
class Draft:
    """The body while it is being built."""

    endpoint: Endpoint
    mode: Mode
    request: VideoRequest
    body: Json = field(default_factory=dict[str, Any])
    changes: list[Change] = field(default_factory=list[Change])
    warnings: list[str] = field(default_factory=list[str])
    seconds: float | None = None
    resolution: str | None = None
    aspect_ratio: str | None = None
    has_audio: bool = False

    def refuse(self, field_name: str, message: str) -> InvalidRequest:
        """The refusal that names this endpoint; for the caller to raise."""
        return InvalidRequest(message, field=field_name, endpoint=self.endpoint.key)

    def change(self, field_name: str, asked: Any, sent: Any, why: str) -> None:
        """Note a difference between what was asked and what is sent."""
        self.changes.append(Change(field_name, asked, sent, why))


def check_limits(draft: Draft, field_name: str, param: Param, value: Any) -> None:
    """Check a value against its parameter's limits.

    Raises:
        InvalidRequest: It is outside; names `field_name`, the value and the limit.
    """
    checks: tuple[tuple[str, float | None, Callable[[Any, float], bool]], ...] = (
        ("at least {}", param.minimum, lambda v, limit: v < limit),
        ("at most {}", param.maximum, lambda v, limit: v > limit),
        ("at most {} characters", param.max_chars, lambda v, limit: len(v) > limit),
        ("at least {} items", param.min_items, lambda v, limit: len(v) < limit),
        ("at most {} items", param.max_items, lambda v, limit: len(v) > limit),
    )
    for wording, limit, breaks in checks:
        if limit is not None and breaks(value, limit):
            given = f"{len(value)} given" if "items" in wording or "characters" in wording else f"{value!r} given"
            raise draft.refuse(field_name, f"{field_name} must be {wording.format(f'{limit:g}')}; {given}.")


def listed(values: tuple[Any, ...]) -> str:
    """Values for a sentence."""
    return ", ".join(str(value) for value in values)
