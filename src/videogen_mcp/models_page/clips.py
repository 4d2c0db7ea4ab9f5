"""What the same clip costs everywhere: five seconds, 720p, 16:9, through the real encoder and price table. Pure."""

from dataclasses import dataclass
from decimal import Decimal
from typing import get_args

from videogen_mcp.catalogue.encode import Payload, encode
from videogen_mcp.catalogue.fit import lines_of
from videogen_mcp.catalogue.pricing import price
from videogen_mcp.catalogue.schema import Endpoint
from videogen_mcp.errors import InvalidRequest
from videogen_mcp.types import LINES, MEDIA_FIELDS, MODE_NEEDS, Json, MediaKind, Mode, Resolution, VideoRequest

SECONDS = 5.0
RESOLUTION: Resolution = "720p"
ASPECT_RATIO = "16:9"

_MEDIA: dict[MediaKind, str] = {
    "image": "https://example.com/picture.png",
    "video": "https://example.com/clip.mp4",
    "audio": "https://example.com/sound.mp3",
}
"""The encoder never opens a medium; any address does."""

_LISTS = {name for name in MEDIA_FIELDS if get_args(VideoRequest.model_fields[name].annotation) == (str, ...)}
_WISHES = ("duration", "resolution", "aspect_ratio", "prompt")
_MOST_REFUSALS = 12
_TELLING_SECONDS = 0.1
"""Five seconds are 81 frames at 16 per second; a clip longer by less than this is as asked."""


@dataclass(frozen=True)
class Clip:
    """The canonical clip at one endpoint, in one of its modes.

    Attributes:
        usd: US dollars for one clip; None when unknown, 0 only where it is rendered on this machine.
        ceiling_usd: The highest figure any source gives; None when unknown.
        seconds: Length of the clip that is priced; None where the endpoint decides.
        resolution: Its resolution in the wire spelling; None where that is not stated.
        differs: How it differs from five seconds, 720p, 16:9, in words; empty when it does not.
        basis: How the price was reckoned.
    """

    usd: Decimal | None
    ceiling_usd: Decimal | None
    seconds: float | None
    resolution: str | None
    differs: tuple[str, ...]
    basis: str

    @property
    def words(self) -> str:
        """What is priced: length and resolution."""
        length = "length not stated" if self.seconds is None else f"{self.seconds:.3g} s"
        return f"{length}, {self.resolution or 'resolution not stated'}"


def clip_of(endpoint: Endpoint, mode: Mode) -> Clip:
    """Price the clip that comes nearest to the canonical one without being shorter or smaller, where there is one."""
    payload = canonical_payload(endpoint, mode)
    if payload is None:
        return Clip(None, None, None, None, (), "the canonical clip cannot be asked of this endpoint")
    cost = price(endpoint, payload)
    return Clip(
        usd=cost.estimated_usd,
        ceiling_usd=cost.ceiling_usd,
        seconds=payload.seconds,
        resolution=payload.resolution,
        differs=_differences(payload),
        basis=cost.basis,
    )


def canonical_payload(endpoint: Endpoint, mode: Mode) -> Payload | None:
    """The body for the canonical clip; a wish that the endpoint refuses is given up, what it requires is given.

    Returns:
        The payload, or None when the endpoint refuses all the same.
    """
    fields: Json = {
        "mode": mode,
        "prompt": "A red kite over a stormy sea",
        "duration": SECONDS,
        "resolution": RESOLUTION,
        "aspect_ratio": ASPECT_RATIO,
        "options": {},
    }
    for group in MODE_NEEDS[mode]:
        _give(endpoint, fields, next((name for name in group if endpoint.param_for(name)), group[0]))
    for _ in range(_MOST_REFUSALS):
        try:
            return encode(endpoint, mode, VideoRequest.model_validate(fields))
        except InvalidRequest as refusal:
            if not _yield_to(endpoint, fields, refusal.field or ""):
                return None
    return None


def _give(endpoint: Endpoint, fields: Json, name: str) -> None:
    """Add as many media under that argument as the endpoint wants at least."""
    found = endpoint.param_for(name)
    medium = _MEDIA[MEDIA_FIELDS[name]]
    fields[name] = (medium,) * ((found and found[1].min_items) or 1) if name in _LISTS else medium


def _yield_to(endpoint: Endpoint, fields: Json, refused: str) -> bool:
    """Change the request where it was refused; false when there is nothing left to change."""
    name = refused.removeprefix("options.")
    if refused in _WISHES and refused in fields:
        del fields[refused]
    elif refused in MEDIA_FIELDS and refused not in fields:
        _give(endpoint, fields, refused)
    elif name != refused and name in endpoint.example and name not in fields["options"]:
        fields["options"] = fields["options"] | {name: endpoint.example[name]}
    else:
        return False
    return True


def _differences(payload: Payload) -> tuple[str, ...]:
    found: list[str] = []
    if payload.seconds is None:
        found.append("length not stated")
    elif abs(payload.seconds - SECONDS) > _TELLING_SECONDS:
        found.append(f"{payload.seconds:.3g} s")
    if payload.resolution is None:
        found.append("resolution not stated")
    elif lines_of(payload.resolution) != LINES[RESOLUTION]:
        found.append(payload.resolution)
    if payload.aspect_ratio not in {None, "auto", ASPECT_RATIO}:
        found.append(str(payload.aspect_ratio))
    return tuple(found)
