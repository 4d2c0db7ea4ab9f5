"""The written decisions of tests/data/decisions.toml: where the catalogue differs from a source, and why."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.catalogue.facts import Difference

FILE = Path(__file__).resolve().parent.parent / "data" / "decisions.toml"


@dataclass(frozen=True)
class Decision:
    """One exception; `endpoint` may end in `*`, `parameter` is left out where it is about the endpoint itself."""

    endpoint: str
    what: str
    reason: str
    parameter: str = ""

    def covers(self, one: Difference) -> bool:
        start, star, _ = self.endpoint.partition("*")
        is_there = one.endpoint.startswith(start) if star else one.endpoint == self.endpoint
        return is_there and (self.parameter, self.what) == (one.parameter, one.what)


DECISIONS = [Decision(**one) for one in tomllib.loads(FILE.read_text(encoding="utf-8")).get("exception", [])]


def is_decided(endpoint: str, parameter: str, what: str) -> bool:
    return any(one.covers(Difference(endpoint, parameter, what, None, None)) for one in DECISIONS)
