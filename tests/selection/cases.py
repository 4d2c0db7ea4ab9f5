"""The table of selection cases, and what the product chooses for each."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.errors import VideoGenError
from videogen_mcp.gateways import GATEWAYS
from videogen_mcp.selection.decide import Plan, Situation, decide
from videogen_mcp.selection.eligibility import GatewayState
from videogen_mcp.types import Json, make_request

TABLE = Path(__file__).with_name("cases.toml")


@dataclass(frozen=True)
class Case:
    """One line of the table.

    Attributes:
        name: What it is about.
        keys: Gateways whose keys are set.
        request: The request's own fields.
        expected: The rest of the line: who may win, or how it is refused.
    """

    name: str
    keys: tuple[str, ...]
    request: Json
    expected: Json

    @property
    def is_refused(self) -> bool:
        """Whether nothing may win."""
        return "refused" in self.expected


@cache
def cases() -> tuple[Case, ...]:
    """The whole table."""
    lines = tomllib.loads(TABLE.read_text(encoding="utf-8"))["case"]
    own = {"name", "keys", "request"}
    return tuple(
        Case(
            name=line["name"],
            keys=tuple(line["keys"]),
            request=line["request"],
            expected={key: value for key, value in line.items() if key not in own},
        )
        for line in lines
    )


def gateways_with(keys: tuple[str, ...]) -> Mapping[str, GatewayState]:
    """Every gateway, those with a key configured: what is chosen must not depend on what a version can talk to."""
    return {
        name: GatewayState(entry.key_variable, configured=entry.key_variable is None or name in keys, supported=True)
        for name, entry in GATEWAYS.items()
    }


def decided(case: Case) -> Plan | VideoGenError:
    """What the product decides, or how it refuses."""
    try:
        return decide(make_request(case.request), load_catalogue(), Situation(gateways_with(case.keys)))
    except VideoGenError as error:
        return error
