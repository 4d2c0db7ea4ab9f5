"""Run the benchmarks: `python -m bench [NAME…]`. Exit status 1 where a figure is over its limit,
2 where there is no such benchmark.

Each runs in a process of its own: what one leaves in memory is no matter of the next. This one stays small, since the
peak of a process that starts another counts as that other's on Linux.
"""

import importlib
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.figures import Figure

BENCHES = ("catalogue", "selection", "transfers", "endings", "jobs", "team")

OVER_THE_LIMIT = 1
WRONG_NAME = 2


def main(names: list[str]) -> int:
    """Run the named benchmarks, all without names, and print a line for each figure."""
    if unknown := sorted({*names} - {*BENCHES}):
        print(f"no benchmark: {', '.join(unknown)}; there are {', '.join(BENCHES)}", file=sys.stderr)
        return WRONG_NAME
    if len(names) == 1:
        return _one(names[0])
    ended = {
        name: subprocess.run([sys.executable, "-m", "bench", name], check=False).returncode for name in names or BENCHES
    }
    bad = [name for name, status in ended.items() if status]
    print(f"not within its limits, or not measured: {', '.join(bad)}" if bad else "all within their limits")
    return OVER_THE_LIMIT if bad else 0


def _one(name: str) -> int:
    print(name, flush=True)
    figures: list[Figure] = list(importlib.import_module(f"bench.{name}").figures())
    for figure in figures:
        limit = "" if figure.limit is None else f"  (limit {figure.limit:g} {figure.unit})"
        print(f"  {'   ' if figure.is_kept else '!! '}{figure.name:<44}{figure.value:>10.4g} {figure.unit}{limit}")
        for detail in figure.details:
            print(f"         {detail}")
    return 0 if all(figure.is_kept for figure in figures) else OVER_THE_LIMIT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
