"""One figure and its limit, and how to take times."""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """What was measured.

    Attributes:
        name: What it is.
        value: The figure.
        unit: Its unit.
        limit: The most that is accepted; None where the figure is told only.
        details: What stands behind it, a line each.
    """

    name: str
    value: float
    unit: str
    limit: float | None = None
    details: tuple[str, ...] = ()

    @property
    def is_kept(self) -> bool:
        """Whether it is within its limit."""
        return self.limit is None or self.value <= self.limit


def milliseconds(work: Callable[[], object], *, times: int, warm_up: int = 1) -> list[float]:
    """How long each of `times` runs takes, after `warm_up` runs that do not count."""
    for _ in range(warm_up):
        work()
    taken: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return statistics.median(values)
