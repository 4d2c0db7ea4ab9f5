"""A plan in a terminal: the winner first, nothing wider than the screen, and what was left out counted."""

import json
import os
import re
import select
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console
from tests.selection.cases import gateways_with
from tests.support import LEASH_SECONDS, child_environment, home_only

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.selection.decide import Situation, decide
from videogen_mcp.selection.profiles import DIMENSIONS
from videogen_mcp.terminal import grouped_reasons, show_plan, show_ranking, show_rejected
from videogen_mcp.types import Json, make_request
from videogen_mcp.views import plan_view

ANIME: Json = {"prompt": "A fox leaps over a frozen river, anime"}
FITTED: Json = {
    "prompt": "A lighthouse in a storm",
    "duration": 7,
    "resolution": "720p",
    "seed": 4,
    "negative_prompt": "rain",
    "max_cost_usd": 1,
}
PLANS: dict[str, tuple[Json, tuple[str, ...]]] = {
    "one gateway": (ANIME, ("fal",)),
    "every gateway": (ANIME, ("fal", "heygen", "google", "mountsea", "novakit")),
    "changes and a cap": (FITTED, ("fal",)),
    "a pin": ({**ANIME, "model": "veo-3.1-fast", "duration": 7}, ("fal",)),
    "no key": (ANIME, ()),
    "Chinese": ({"prompt": "一只狐狸跃过冰封的河流。动漫风格。赛璐璐上色。" * 6}, ("fal",)),
    "a picture": ({**ANIME, "first_frame": "data:image/png;base64," + "A" * 4000}, ("fal",)),
}
WIDTHS = (20, 40, 60, 80, 100, 140, 200)
CODES = re.compile(r"\x1b\[[0-9;]*m")
BAR = re.compile("[█▏▎▍▌▋▊▉·]+")
EIGHTHS = "▏▎▍▌▋▊▉█"


def planned(name: str) -> Json:
    request, keys = PLANS[name]
    return plan_view(decide(make_request(request), load_catalogue(), Situation(gateways_with(keys))))


def console_of(width: int, *, colour: bool = False) -> Console:
    return Console(file=StringIO(), width=width, color_system="256" if colour else None, force_terminal=colour)


def written(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def shown(view: Json, width: int, *, colour: bool = False) -> str:
    console = console_of(width, colour=colour)
    show_plan(view, console)
    return written(console)


def above_the_body(text: str) -> list[str]:
    """The lines above the body, which the terminal itself wraps."""
    head, _, _ = text.partition("\nbody for")
    return head.splitlines()


def ranked(ranking: list[Json], width: int) -> tuple[str, list[str]]:
    """The heading of a ranking, and its lines that hold an endpoint."""
    console = console_of(width)
    show_ranking(ranking, console)
    heading, *lines = written(console).splitlines()
    return heading, [line for line in lines if re.match(r"[> ] +\d+ ", line)]


def value_of(bar: str) -> float:
    """What a bar says, 0 to 1."""
    return sum((EIGHTHS.index(one) + 1) / 8 for one in bar if one != "·") / len(bar)


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PLANS)
def test_no_line_is_wider_than_the_terminal(name: str, width: int, colour: bool) -> None:  # noqa: FBT001 -- of the test
    lines = above_the_body(CODES.sub("", shown(planned(name), width, colour=colour)))
    assert [line for line in lines if cell_len(line) > width] == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PLANS)
def test_the_winner_is_first_and_the_only_one_marked(name: str, width: int) -> None:
    view = planned(name)
    _, lines = ranked(view["ranking"], width)
    assert [line[:5] for line in lines] == [">  1 ", *(f"   {number} " for number in range(2, len(lines) + 1))]
    assert len(lines) == min(8, len(view["ranking"]))
    if width >= 60:
        assert view["model"] in lines[0]
        assert f"{view['ranking'][0]['score']:.2f}" in lines[0]


@pytest.mark.parametrize("name", PLANS)
def test_colour_changes_no_word(name: str) -> None:
    plain, coloured = shown(planned(name), 100), shown(planned(name), 100, colour=True)
    assert "\x1b" not in plain
    assert "\x1b[1;32m" in coloured
    assert CODES.sub("", coloured) == plain


@pytest.mark.parametrize("width", [80, 100, 140])
@pytest.mark.parametrize("name", PLANS)
def test_bars_stand_below_their_names_and_say_the_scores(name: str, width: int) -> None:
    ranking = planned(name)["ranking"]
    heading, lines = ranked(ranking, width)
    named = [one for one in DIMENSIONS if one in heading.split()]
    assert len(named) >= 3
    for one, line in zip(ranking, lines, strict=False):
        for dimension in named:
            bar = BAR.match(line, heading.index(dimension))
            assert bar, (dimension, heading, line)
            assert value_of(bar[0]) == pytest.approx(one["scores"][dimension], abs=1 / 16 / len(bar[0]) + 1e-9)


def test_a_wide_terminal_has_figures_and_a_narrow_one_drops_what_tells_least() -> None:
    ranking = planned("one gateway")["ranking"]
    wide, (first, *_) = ranked(ranking, 140)
    assert wide.split() == ["model", "score", *DIMENSIONS, "price"]
    assert f" {ranking[0]['scores']['quality']:.2f} " in first
    assert ranked(ranking, 100)[0].split() == ["model", "score", *DIMENSIONS, "price"]
    console = console_of(80)
    show_ranking(ranking, console)
    text = written(console)
    # Of the eight that are shown, all are alike in what is not.
    assert text.splitlines()[0].split() == ["model", "score", "fit", "quality", "cost", "speed", "price"]
    assert "the same for all: control 1.00, reliability 0.90, health 1.00" in text
    console = console_of(60)
    show_ranking(ranking, console)
    text = written(console)
    shown_here, hidden = text.splitlines()[0].split(), re.search(r"no room for: (.*)", text)
    assert hidden
    assert {*hidden[1].split(", ")} == {"fit", "quality", "cost", "speed"} - {*shown_here}
    assert 0 < len({*hidden[1].split(", ")}) < 4
    assert ranked(ranking, 40)[0].split() == ["model", "score", "price"]


def test_a_lone_choice_still_has_bars() -> None:
    heading, lines = ranked(planned("a pin")["ranking"], 80)
    assert {"fit", "quality", "cost"} <= {*heading.split()}
    assert BAR.search(lines[0])


def test_changes_stand_below_the_choice_they_belong_to() -> None:
    view = planned("changes and a cap")
    lines = above_the_body(shown(view, 140))
    checked = 0
    for number, one in enumerate(view["ranking"][:8], start=1):
        place = next(index for index, line in enumerate(lines) if re.match(rf"[> ] +{number} ", line))
        for change in one["changes"]:
            told = f"{change['field']} " + ("dropped" if change["sent"] is None else f"becomes {change['sent']}")
            assert told in lines[place + 1]
            checked += 1
    assert checked > 4
    winner = view["changes"][0]
    assert any(line.strip().startswith(f"changed: {winner['field']} ") for line in lines)


def test_what_looks_alike_is_told_apart() -> None:
    ranking = planned("one gateway")["ranking"]
    twin = {**ranking[0], "endpoint": "fal:the-other"}
    console = console_of(100)
    show_ranking([ranking[0], twin], console)
    assert f"     {ranking[0]['endpoint']}\n" in written(console)
    assert "     fal:the-other\n" in written(console)
    _, lines = ranked([ranking[0], {**ranking[0], "gateway": "mountsea"}], 100)
    assert [f"{ranking[0]['model']} at {one}" in line for one, line in zip(("fal", "mountsea"), lines, strict=True)]
    assert "at fal" not in ranked(ranking, 100)[1][0]


@pytest.mark.parametrize(
    ("cost", "told"), [(None, "unknown"), (0.0, "free"), (0.004, "$0.0040"), (0.84, "$0.84"), (12.5, "$12.50")]
)
def test_a_price_is_never_rounded_to_nothing(cost: float | None, told: str) -> None:
    one = {**planned("one gateway")["ranking"][0], "cost_usd": cost}
    assert ranked([one], 100)[1][0].endswith(f" {told}")


def test_the_intent_is_told_with_what_decided_it() -> None:
    assert 'intent anime, read off "anime"\n' in shown(planned("one gateway"), 80)
    asked = decide(
        make_request({"prompt": "A fox", "intent": "product"}), load_catalogue(), Situation(gateways_with(("fal",)))
    )
    assert "intent product, as asked\n" in shown(plan_view(asked), 80)


@pytest.mark.parametrize("width", [20, 80])
@pytest.mark.parametrize("name", PLANS)
def test_the_body_can_be_copied_as_it_is(name: str, width: int) -> None:
    view = planned(name)
    body = shown(view, width).partition("\nbody for")[2]
    assert json.loads(body[body.index("{") :]) == view["payload"]


@pytest.mark.parametrize("name", PLANS)
def test_every_refusal_is_counted_in_at_most_ten_groups(name: str) -> None:
    rejected = planned(name)["rejected"]
    console = console_of(140)
    show_rejected(rejected, console)
    first, *lines = written(console).splitlines()
    counts = [int(found[1]) for line in lines if (found := re.match(r" *(\d+)  \S", line))]
    assert first.startswith(f"left out {len(rejected)} ")
    assert sum(counts) == len(rejected)
    assert len(counts) <= 11
    assert len(counts) <= 10 or " other reason" in lines[-1]


def test_what_tells_most_stands_first() -> None:
    rejected = planned("one gateway")["rejected"] + planned("changes and a cap")["rejected"]
    groups = grouped_reasons(rejected)
    reasons = [reason for reason, _ in groups]
    places = [
        next(place for place, reason in enumerate(reasons) if words in reason)
        for words in ("below its price", "needs HEYGEN_API_KEY", "endpoint is delisted", "mode text_to_video")
    ]
    assert places == sorted(places)
    assert places[-1] == len(reasons) - 1
    of_the_request = [
        len(endpoints) for reason, endpoints in groups if re.match("duration|resolution|max_cost", reason)
    ]
    assert of_the_request == sorted(of_the_request, reverse=True)
    assert len(of_the_request) > 2


def test_a_group_says_what_its_reasons_share() -> None:
    def refused(endpoint: str, reason: str, code: str = "over_budget") -> Json:
        return {"endpoint": endpoint, "reason": reason, "code": code}

    prices = [
        refused(f"fal:{number}", f"max_cost_usd 0.50 is below its price of up to ${number}.50.") for number in range(3)
    ]
    pins = [
        refused(f"x:{maker}", f"provider {maker} is not the pinned veo.", "nothing_eligible")
        for maker in ("wan", "luma")
    ]
    alone = refused("fal:long", "duration 20 s is not offered; allowed: 4s, 6s, 8s.", "invalid_request")
    assert grouped_reasons([*pins, alone, *prices]) == [
        ("max_cost_usd 0.50 is below its price", ["fal:0", "fal:1", "fal:2"]),
        ("duration 20 s is not offered; allowed: 4s, 6s, 8s", ["fal:long"]),
        ("provider is not the pinned veo", ["x:wan", "x:luma"]),
    ]
    console = console_of(100)
    show_rejected([alone], console)
    assert "    1  duration 20 s is not offered; allowed: 4s, 6s, 8s [fal:long]\n" in written(console)


def test_the_command_shows_it_in_a_real_terminal(tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    environment = child_environment(
        home_only(tmp_path, FAL_KEY="key-of-the-tests", COLUMNS="80", TERM="xterm-256color", NO_COLOR="1")
    )
    command = [sys.executable, "-m", "videogen_mcp", "plan", ANIME["prompt"], "--max-cost-usd", "1"]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment, cwd=tmp_path) as process:
        os.close(theirs)
        text = CODES.sub("", read_to_the_end(ours)).replace("\r\n", "\n")
        assert process.wait(LEASH_SECONDS) == 0, text
    os.close(ours)
    lines = above_the_body(text)
    assert lines[1] == 'intent anime, read off "anime"'
    assert next(line for line in lines if line.startswith(">")).startswith(">  1 kling")
    assert [line for line in lines if cell_len(line) > 80] == []


def read_to_the_end(terminal: int) -> str:
    """Everything that is written to a pseudo terminal until its other side is closed."""
    read = b""
    while select.select([terminal], [], [], LEASH_SECONDS)[0]:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # Linux says so when the other side is closed, macOS gives an empty piece
            break
        if not piece:
            break
        read += piece
    return read.decode()
