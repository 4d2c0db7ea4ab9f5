"""Run the benchmarks: `python -m bench [NAME…]`. Exit status 1 where a figure is over its limit."""

import importlib
import sys

from bench.figures import Figure

BENCHES = ("catalogue", "selection", "transfers", "endings", "jobs", "team")


def main(names: list[str]) -> int:
    """Run the named benchmarks, all without names, and print a line for each figure."""
    over = 0
    for name in names or BENCHES:
        print(name)
        figures: list[Figure] = list(importlib.import_module(f"bench.{name}").figures())
        for figure in figures:
            limit = "" if figure.limit is None else f"  (limit {figure.limit:g} {figure.unit})"
            print(f"  {'   ' if figure.is_kept else '!! '}{figure.name:<44}{figure.value:>10.4g} {figure.unit}{limit}")
            for detail in figure.details:
                print(f"         {detail}")
            over += not figure.is_kept
    print("all within their limits" if not over else f"{over} over the limit")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
