"""The worker process: one request as JSON on stdin, its progress and its end as JSON lines on stdout.

Start it as `python -m videogen_mcp.gateways.animatic`. The request holds the fields of `RenderSpec`. The answers are
`{"progress": 0.0 to 1.0}`, at most about ten a second, then `{"done": true}` or `{"error": "a sentence"}`. The exit
status is 0 when the file is there and 1 when it is not.
"""

import dataclasses
import json
import os
import sys
import time
import types
import typing
from typing import Any, Final, cast

from .render import RenderSpec, render

PROGRESS_SECONDS: Final = 0.1


def read_spec(text: str) -> RenderSpec:
    """Read a request.

    Raises:
        ValueError: When it is no JSON object, or its fields are not those of `RenderSpec`.
    """
    try:
        decoded: Any = json.loads(text)
    except ValueError as error:
        raise ValueError(f"the request is not JSON: {error}.") from error
    if not isinstance(decoded, dict):
        raise ValueError("the request must be one JSON object with the fields of RenderSpec.")  # noqa: TRY004 - callers handle one kind of error
    given = cast("dict[str, Any]", decoded)
    fields = {field.name: field for field in dataclasses.fields(RenderSpec)}
    unknown = sorted(given.keys() - fields.keys())
    missing = sorted(
        name for name, field in fields.items() if field.default is dataclasses.MISSING and name not in given
    )
    if unknown:
        raise ValueError(f"unknown field {', '.join(unknown)}; the fields are {', '.join(fields)}.")
    if missing:
        raise ValueError(f"missing field {', '.join(missing)}; prompt, seconds, width, height and path are required.")
    hints = typing.get_type_hints(RenderSpec)
    return RenderSpec(**{name: _converted(name, value, hints[name]) for name, value in given.items()})


def _converted(name: str, value: Any, hint: Any) -> Any:
    """Return a JSON value as a field's type."""
    if name == "reference_images":
        items = cast("list[Any]", value) if isinstance(value, list) else [None]
        if all(isinstance(item, str) for item in items):
            return tuple(items)
        raise ValueError(f"{name} is {value!r}; it must be a list of file paths.")
    allowed: tuple[type, ...] = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if float in allowed and type(value) is int:
        return float(value)
    if type(value) not in allowed:
        names = " or ".join("null" if kind is types.NoneType else kind.__name__ for kind in allowed)
        raise ValueError(f"{name} is {value!r}; it must be of type {names}.")
    return value


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


class _Reporter:
    """Passes progress on, not more often than needed."""

    def __init__(self) -> None:
        self._last = 0.0

    def __call__(self, share: float) -> None:
        now = time.monotonic()
        if now - self._last >= PROGRESS_SECONDS or share >= 1.0:
            self._last = now
            _say({"progress": round(share, 4)})


def main() -> int:
    """Serve one request and return the exit status."""
    try:
        try:
            render(read_spec(sys.stdin.buffer.read().decode("utf-8")), _Reporter())
        except BrokenPipeError:
            raise
        except (ValueError, OSError, MemoryError) as error:
            _say({"error": str(error) or type(error).__name__})
            return 1
        _say({"done": True})
    except BrokenPipeError:
        # Nobody listens any more. Python would complain about it once more while closing stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
