"""The catalogue's page as text: every endpoint stands on it, and nothing unknown looks cheap."""

import json
import os
import re
import sys
from datetime import date
from decimal import Decimal
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tests.support import run

from videogen_mcp.catalogue import Catalogue, load_catalogue, read_file
from videogen_mcp.catalogue.schema import Endpoint, Fixed, Param
from videogen_mcp.catalogue.terms import Bound, MaxTotal, Needs, NotTogether, OneOf, Only, Rule
from videogen_mcp.models_page.boards import MODALITIES, Modality, board_of
from videogen_mcp.models_page.clips import canonical_payload, clip_of
from videogen_mcp.models_page.render import json_in_script, page
from videogen_mcp.models_page.words import lengths, money, resolutions, rule_in_words, sound
from videogen_mcp.types import Mode

CATALOGUE = load_catalogue()
PAGE = page(CATALOGUE)
MOST_BYTES = 1_500_000
PRICE, QUALITY = 2, 3


class Rows(HTMLParser):
    """The rows of the table: per endpoint the first line's cells, each with its words and its sort key."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[dict[str, Any]] = []
        self._is_line = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "tbody" and "data-modes" in named:
            self.rows.append({"attributes": named, "cells": []})
            self._is_line = True
        elif self._is_line and tag in {"td", "th"}:
            self.rows[-1]["cells"].append({"text": "", "key": named.get("data-key")})
        elif self._is_line and tag == "span" and "data-for" in named and self.rows[-1]["cells"][-1]["key"] is None:
            self.rows[-1]["cells"][-1]["key"] = named.get("data-key")

    def handle_endtag(self, tag: str) -> None:
        if tag == "tr":
            self._is_line = False

    def handle_data(self, data: str) -> None:
        if self._is_line and self.rows[-1]["cells"]:
            self.rows[-1]["cells"][-1]["text"] += data


ROWS = {f"{row['attributes']['data-gateway']}:{row['cells'][1]['text']}": row for row in Rows(PAGE).rows}

SMALL = """
[[model]]
id = "good"
provider = "acme"
title = "Good {title}"
note = "{note}"
grade = "good"
[[model.ratings]]
board = "AA-Video-T2V v2.0"
modality = "text_to_video"
audio = "with"
elo = 1100
dated = 2026-10-03
source = "a board"

[[endpoint]]
id = "acme/good"
gateway = "fal"
model = "good"
modes = ["text_to_video", "image_to_video"]
source = "a page"
checked = 2026-11-01
params = {{ prompt = {{ from = "prompt", required = true }}, image_url = {{ from = "first_frame" }}, \
duration = {{ from = "duration", values = ["4s", "8s"], default = "4s" }}, avatar = {{ required = true }} }}
fixed = {{ resolution = "1080p", generate_audio = true }}
example = {{ prompt = "{note}", avatar = "ann" }}
[[endpoint.prices]]
usd = 0.05
per = "second"
source = "a page"
confidence = "high"
"""


def small(title: str = "One", note: str = "Nothing.") -> Catalogue:
    part = read_file("small.toml", SMALL.format(title=title, note=note))
    return Catalogue(part.model, part.endpoint)


def endpoint_with(param: Param | None = None, field: str = "duration", **fixed: Any) -> Endpoint:
    params = {} if param is None else {field: param, "rate": Param(type="integer", default=16)}
    return Endpoint(
        id="acme/x",
        gateway="fal",
        model="x",
        modes=("text_to_video",),
        params=params,
        fixed=Fixed(**fixed),
        source="a page",
        checked=date(2026, 11, 1),
    )


def test_every_endpoint_is_one_row() -> None:
    assert set(ROWS) == {endpoint.key for endpoint in CATALOGUE.endpoints}
    assert len(Rows(PAGE).rows) == len(CATALOGUE.endpoints)
    assert {len(row["cells"]) for row in ROWS.values()} == {PAGE.partition("</thead>")[0].count('<th scope="col"')}


def test_an_endpoints_own_row_holds_its_whole_contract() -> None:
    chunks = PAGE.split("<tbody data-modes=")[1:]
    by_key = dict(zip(ROWS, chunks, strict=True))
    for endpoint in CATALOGUE.endpoints:
        texts = [endpoint.note, CATALOGUE.model_of(endpoint).note, endpoint.source, *endpoint.params]
        texts += [text for price in endpoint.prices for text in (price.source, price.note)]
        texts += [param.description for param in endpoint.params.values()]
        texts += [rule_in_words(rule) for rule in endpoint.rules]
        texts += [json.dumps(endpoint.example, indent=2, ensure_ascii=False)]
        assert [text for text in texts if escape(text) not in by_key[endpoint.key]] == [], endpoint.key


def test_a_price_is_the_price_tables_own() -> None:
    # Veo 3.1 makes 4, 6 or 8 s: six at $0.40.
    cell = ROWS["fal:fal-ai/veo3.1"]["cells"][PRICE]
    assert (cell["text"], cell["key"]) == ("$2.40 6 s", "2.4000")
    # Wan 3.0 makes the very clip: five seconds at $0.10.
    assert ROWS["fal:alibaba/wan-3.0/text-to-video"]["cells"][PRICE]["text"] == "$0.50"


def test_an_unknown_price_is_unknown_and_only_what_is_drawn_here_is_free() -> None:
    for endpoint in CATALOGUE.endpoints:
        cell = ROWS[endpoint.key]["cells"][PRICE]
        if not endpoint.prices:
            assert cell == {"text": "unknown", "key": None}, endpoint.key
        if cell["key"] is not None:
            assert (Decimal(cell["key"]) == 0) == (endpoint.gateway == "local") == (cell["text"] == "free")


@pytest.mark.parametrize("endpoint", CATALOGUE.endpoints, ids=lambda endpoint: endpoint.key)
def test_every_endpoint_can_be_asked_for_the_clip(endpoint: Endpoint) -> None:
    for mode in endpoint.modes:
        assert canonical_payload(endpoint, mode) is not None


def test_what_cannot_be_had_is_told_beside_the_price() -> None:
    (endpoint,) = small().endpoints
    clip = clip_of(endpoint, "text_to_video")
    assert (clip.usd, clip.seconds, clip.differs) == (Decimal("0.4000"), 8.0, ("8 s", "1080p"))


def test_an_endpoint_that_cannot_be_asked_has_no_price() -> None:
    (endpoint,) = small().endpoints
    without = endpoint.model_copy(update={"example": {}})
    assert clip_of(without, "text_to_video").usd is None


def test_quality_is_the_rating_of_the_modes_own_board_or_the_grade() -> None:
    (row,) = Rows(page(small())).rows
    assert row["cells"][QUALITY]["text"] == "1100 text boardgood"
    rated = ROWS["fal:fal-ai/kling-video/v3/pro/image-to-video"]["cells"][QUALITY]
    assert (rated["text"], rated["key"]) == ("1055 image board", "1055")


@pytest.mark.parametrize(
    ("param", "words", "longest"),
    [
        (Param(source=("duration",), values=("4", "5", "6", "auto"), automatic=("auto",)), "4-6 s", 6),
        (Param(source=("duration",), values=("5s", "10s")), "5, 10 s", 10),
        (Param(source=("duration",), type="integer", values=(6, 8, 10, 12, 14)), "6-14 s in steps of 2", 14),
        (Param(source=("duration",), values=("8s",)), "8 s", 8),
        (Param(source=("duration",), type="integer", minimum=4, maximum=15), "4-15 s", 15),
        (Param(source=("duration",), type="number", maximum=20), "up to 20 s", 20),
        (Param(source=("duration",), type="integer", per_second=24.0, minimum=96, maximum=192), "4-8 s", 8),
        (
            Param(source=("duration",), type="integer", per_second="rate", plus=1, minimum=81, maximum=161),
            "5-10 s",
            10,
        ),
        (Param(source=("duration",), type="integer", default=5), "5 s by default", None),
        (Param(source=("duration",), type="integer"), "not stated", None),
    ],
)
def test_lengths_in_words(param: Param, words: str, longest: float | None) -> None:
    assert lengths(endpoint_with(param)) == (words, longest)


def test_fixed_lengths_resolutions_and_sound() -> None:
    fixed = endpoint_with(duration=6.0, resolution="768p", generate_audio=False)
    assert (lengths(fixed), resolutions(fixed), sound(fixed)) == (("6 s", 6.0), ("768p", 768), "never")
    silent = endpoint_with()
    assert (lengths(silent)[0], resolutions(silent)[0], sound(silent)) == ("not stated",) * 3
    choice = endpoint_with(Param(source=("generate_audio",), type="boolean"), "generate_audio")
    assert (sound(choice), sound(endpoint_with(generate_audio=True))) == ("choice", "always")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (OneOf(kind="one_of", params=("a", "b")), "Exactly one of a or b must be given."),
        (NotTogether(kind="not_together", params=("a", "b", "c")), "At most one of a, b or c may be given."),
        (Needs(kind="needs", param="a", any_of=("b",)), "a needs b as well."),
        (Needs(kind="needs", any_of=("b", "c")), "It always needs b or c."),
        (MaxTotal(kind="max_total", params=("a", "b"), limit=9), "a and b may hold 9 items together."),
        (
            Only(kind="only", when={"a": ["x", "y"], "b": Bound(present=True)}, param="c", values=(5, True)),
            "When a is x or y and b is given, c can only be 5 or true.",
        ),
        (
            Only(kind="only", when={"a": Bound(min=5)}, param="c", values=("z",)),
            "When a is at least 5, c can only be z.",
        ),
    ],
)
def test_rules_in_words(rule: Rule, words: str) -> None:
    assert rule_in_words(rule) == words


@pytest.mark.parametrize(
    ("usd", "words"), [("0", "free"), ("0.0333", "$0.0333"), ("0.1", "$0.10"), ("1.517", "$1.52"), ("12", "$12.00")]
)
def test_money_in_words(usd: str, words: str) -> None:
    assert money(Decimal(usd)) == words


@pytest.mark.parametrize("modality", MODALITIES)
def test_every_model_of_a_modality_is_drawn_or_counted_once(modality: Modality) -> None:
    board = board_of(CATALOGUE, modality)
    models = {endpoint.model for endpoint in CATALOGUE.of_mode(modality)}
    counted = len(board.points) + len(board.unpriced) + board.unrated + board.unknown + board.not_offered
    assert counted == len(models)
    assert board.points
    assert len({point.model.id for point in board.points}) == len(board.points)
    for point in board.points:
        assert point.rating in point.model.ratings
        assert (point.rating.board, point.rating.modality) == (board.name, modality)
        assert CATALOGUE.find(point.endpoint).status in {"live", "legacy"}
        others = (clip_of(one, modality).usd for one in CATALOGUE.of_model(point.model.id) if modality in one.modes)
        assert point.usd in others


@pytest.mark.parametrize("modality", MODALITIES)
def test_the_front_is_what_no_other_beats(modality: Modality) -> None:
    points = board_of(CATALOGUE, modality).points
    front = [point for point in points if point.front]
    # Along the front both rise, strictly; whatever is not on it is beaten by something on it.
    assert [point.usd for point in front] == sorted({point.usd for point in front})
    assert [point.elo for point in front] == sorted({point.elo for point in front})
    for point in points:
        beaten = any(one.usd <= point.usd and one.elo >= point.elo and one is not point for one in front)
        assert beaten != point.front


def test_a_rating_of_one_board_is_not_drawn_on_the_other() -> None:
    assert [point.elo for point in board_of(small(), "text_to_video").points] == [1100]
    other = board_of(small(), "image_to_video")
    assert (other.points, other.unpriced, other.unrated) == ((), (), 1)


@pytest.mark.parametrize("mode", ["text_to_video", "image_to_video"])
def test_hostile_text_stays_text(mode: Mode) -> None:
    hostile = "</script><b>&amp;<!--'"
    catalogue = small(hostile, hostile)
    text = page(catalogue)
    assert hostile not in text
    assert "<b>&amp;" not in text
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert data is not None
    titles = [point["title"] for point in json.loads(data[1])[mode]["points"]]
    assert titles == ([f"Good {hostile}"] if mode == "text_to_video" else [])


def test_json_in_a_script_cannot_end_it() -> None:
    value = {"</script>": "<!-- & \u2028 \u2029 'quoted' \"twice\""}
    written = json_in_script(value)
    assert not set(written) & set("<>&\u2028\u2029")
    assert json.loads(written) == value


def test_it_is_light_loads_nothing_and_says_the_newest_day() -> None:
    assert len(PAGE.encode("utf-8")) < MOST_BYTES
    assert re.findall(r"<(?:link|script|img|iframe|source)\b[^>]*\b(?:href|src)=\"([^\"]*)", PAGE) == ["data:,"]
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest", PAGE.partition("<body>")[0])
    newest = max(endpoint.checked for endpoint in CATALOGUE.endpoints)
    assert f"last checked on <time>{newest.isoformat()}</time>" in PAGE


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_command_writes_the_same_bytes_every_time(tmp_path: Path, seed: str) -> None:
    output = tmp_path / "new" / "models.html"
    command = [sys.executable, "-m", "videogen_mcp.models_page", str(output)]
    done = run(command, {"PYTHONHASHSEED": seed}, folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"{output}{os.linesep}"), done.stderr
    assert output.read_bytes() == PAGE.encode("utf-8")


def test_the_command_says_how_it_is_used(tmp_path: Path) -> None:
    done = run([sys.executable, "-m", "videogen_mcp.models_page"], {}, folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage:" in done.stderr
