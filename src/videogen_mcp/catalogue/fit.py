"""Fitting a wanted length or resolution to what an endpoint offers: never below what was asked. Pure."""

import math
import re
from typing import Any

from videogen_mcp.catalogue.schema import Endpoint, Param
from videogen_mcp.errors import InvalidRequest
from videogen_mcp.types import LINES, Json

_SECONDS = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*s?\s*$", re.IGNORECASE)
_LINES = re.compile(r"^(\d+)p$", re.IGNORECASE)
_SLACK = 1e-6


def seconds_of(
    wire: Any, param: Param | None = None, endpoint: Endpoint | None = None, body: Json | None = None
) -> float | None:
    """The seconds that a wire value stands for: `"8s"`, `"8"`, 8, or frames; None where it says no length."""
    if wire is None or isinstance(wire, bool) or (param is not None and wire in param.automatic):
        return None
    if isinstance(wire, str):
        match = _SECONDS.match(wire)
        return float(match.group(1)) if match else None
    if not isinstance(wire, int | float):
        return None
    if param is not None and param.per_second is not None and endpoint is not None:
        return wire / frames_per_second(endpoint, param, body or {})
    return float(wire)


def frames_per_second(endpoint: Endpoint, param: Param, body: Json) -> float:
    """The rate that turns seconds into frames: a figure, or the parameter that holds it.

    Raises:
        InvalidRequest: The body holds a rate that is none.
    """
    if isinstance(param.per_second, str):
        rate = body.get(param.per_second, endpoint.params[param.per_second].default)
        if rate <= 0:
            raise InvalidRequest(
                f"{param.per_second} {rate!r} must be above 0.",
                field=f"options.{param.per_second}",
                endpoint=endpoint.key,
            )
        return float(rate)
    return float(param.per_second or 1)


def fit_duration(endpoint: Endpoint, param: Param, asked: float | None, body: Json) -> Any:
    """The wire value of the shortest clip on offer that is not below `asked` seconds.

    Args:
        endpoint: The endpoint.
        param: Its length parameter.
        asked: Seconds, or None when the caller did not say.
        body: What the body holds already; a frame rate in it counts.

    Returns:
        The value to send; None to leave the parameter out.

    Raises:
        InvalidRequest: Every clip on offer is shorter.
    """
    if asked is None:
        return param.preset if param.preset is not None else param.default
    if param.values:
        lengths = [(seconds_of(value, param, endpoint, body), value) for value in param.values]
        fitting = [(length, value) for length, value in lengths if length is not None and length >= asked - _SLACK]
        if fitting:
            return min(fitting, key=lambda pair: pair[0])[1]
    elif (count := _count(endpoint, param, asked, body)) is not None:
        return count
    raise InvalidRequest(
        f"duration {asked:g} s is not offered; allowed: {_offered(endpoint, param, body)}.",
        field="duration",
        endpoint=endpoint.key,
    )


def _count(endpoint: Endpoint, param: Param, asked: float, body: Json) -> int | float | None:
    """A number of seconds or frames within the limits, or None."""
    wanted = asked
    if param.per_second is not None:
        wanted = asked * frames_per_second(endpoint, param, body) + param.plus
    wanted = max(wanted, param.minimum or 0)
    if param.type == "integer":
        wanted = math.ceil(wanted - _SLACK)
    return wanted if param.maximum is None or wanted <= param.maximum else None


def _offered(endpoint: Endpoint, param: Param, body: Json) -> str:
    if param.values:
        return ", ".join(str(value) for value in param.values if value not in param.automatic)
    rate = frames_per_second(endpoint, param, body) if param.per_second is not None else 1.0
    low, high = ((limit - param.plus) / rate for limit in (param.minimum or 0, param.maximum or math.inf))
    most = high if math.isinf(high) else math.floor(high * 100) / 100
    return f"{max(low, 0):.4g} to {most:.4g} s"


def lines_of(resolution: str) -> int | None:
    """Pixels on the short side for a wire name such as `720p`, `1080P`, `2K` or `4k`; None if it is none."""
    name = resolution.lower()
    known = {str(key): lines for key, lines in LINES.items()}
    if name in known:
        return known[name]
    match = _LINES.match(name)
    return int(match.group(1)) if match else None


def fit_resolution(asked: str, offered: tuple[str, ...]) -> str | None:
    """The smallest resolution on offer that is not below the one asked, in its wire spelling; None if there is none."""
    wanted = lines_of(asked) or 0
    fitting = [(lines, name) for name in offered if (lines := lines_of(name)) is not None and lines >= wanted]
    return min(fitting)[1] if fitting else None
