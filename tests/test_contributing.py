"""The worked example of CONTRIBUTING.md is true."""

import json
import re
import textwrap
import tomllib
from decimal import Decimal

from tests.support import ROOT

from videogen_mcp.catalogue import read_file
from videogen_mcp.catalogue.encode import encode
from videogen_mcp.catalogue.pricing import price
from videogen_mcp.types import VideoRequest

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^ *```{language}\n(.*?)```", TEXT, re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(one) for one in found]


def test_the_entry_and_its_golden_agree() -> None:
    (endpoint,) = read_file("acme.toml", blocks("toml")[0]).endpoint
    golden = json.loads(blocks("json")[0])
    assert golden["endpoint"] == endpoint.key
    payload = encode(endpoint, golden["mode"], VideoRequest.model_validate(golden["request"]))
    assert payload.body == golden["body"]
    assert payload.changes == ()
    cost = price(endpoint, payload)
    assert [cost.estimated_usd, cost.ceiling_usd] == [Decimal(golden["usd"]), Decimal(golden["high_usd"])]


def test_the_exception_is_one() -> None:
    (exception,) = tomllib.loads(blocks("toml")[1])["exception"]
    assert set(exception) == {"endpoint", "parameter", "what", "reason"}


def test_every_path_it_names_exists() -> None:
    for path in re.findall(r"\]\(([^):#]+)\)", TEXT):
        assert (ROOT / path).exists(), path
