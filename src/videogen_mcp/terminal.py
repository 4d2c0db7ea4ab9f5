"""What a person at a terminal sees: progress, tables and bars. Plain lines where there is no terminal."""

import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.json import JSON
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from videogen_mcp.jobs.job import Job
from videogen_mcp.models_view import check_summary
from videogen_mcp.types import Json
from videogen_mcp.views import change_lines

_RANKING_SHOWN = 8
_GROUPS_SHOWN = 10
_INDENT, _COUNT = 2, 7
_MARGIN, _GAP, _SCORE, _FIGURE = 5, 2, 5, 5
"""Cells: the mark and the place of a line, what divides columns, a score, and a figure beside a bar."""
_BARS = ((8, True), (6, True), (8, False), (6, False), (5, False))
"""Lengths of a bar in cells, and whether a figure stands beside it, the roomiest first."""
_SEEN = 0.005
"""What a dimension must differ by at least to tell endpoints apart."""
_EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")

_TELLS_LITTLE: Mapping[str, int] = {"not_configured": 1, "nothing_eligible": 2}
"""How little the codes of refusals tell that are not about what was asked."""
_FIT_REASON = re.compile(r"fit \d\.\d\d to (.+)", re.DOTALL)
_KINDS = (
    (re.compile(r"^(provider|gateway|model|endpoint) \S+ is not the pinned "), r"\1 is not the pinned "),
    (re.compile(r"below its price of up to \S+"), "below its price"),
    (re.compile(r"is not offered; .*", re.DOTALL), "is not offered"),
)
"""What differs from endpoint to endpoint in a reason, and what is told of all of them."""

_CONTRACTS_A_LINE = 50
_STYLES = {"ok": "green", "note": "yellow", "fail": "bold red"}


class Watcher:
    """Follows a job on stderr: a moving bar in a terminal, a line per change elsewhere, nothing when quiet.

    Args:
        quiet: Show nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._last = ""
        self._progress: Progress | None = None
        self._row: TaskID | None = None
        if not quiet and sys.stderr.isatty():
            columns = (BarColumn(bar_width=24), TextColumn("{task.percentage:>3.0f}%"), TimeElapsedColumn())
            self._progress = Progress(
                *columns, TextColumn("{task.description}"), console=Console(stderr=True), transient=True
            )

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
            self._row = self._progress.add_task("", total=1.0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    async def see(self, job: Job) -> None:
        """Show a job's state."""
        if self._progress is not None and self._row is not None:
            self._progress.update(self._row, completed=job.progress, description=job.message)
        elif not self._quiet and job.message != self._last:
            sys.stderr.write(f"{job.status}: {job.message}\n")
            sys.stderr.flush()
        self._last = job.message


class CheckWatcher:
    """Follows a look at live contracts on stderr: a moving bar in a terminal, a line now and then elsewhere.

    Args:
        quiet: Show nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._progress: Progress | None = None
        self._row: TaskID | None = None
        if not quiet and sys.stderr.isatty():
            columns = (BarColumn(bar_width=24), MofNCompleteColumn(), TextColumn("{task.description}"))
            self._progress = Progress(*columns, console=Console(stderr=True), transient=True)

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
            self._row = self._progress.add_task("contracts read", total=None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def see(self, done: int, of: int) -> None:
        """Show how many contracts have been asked for."""
        if self._progress is not None and self._row is not None:
            self._progress.update(self._row, completed=done, total=of)
        elif not self._quiet and (done == of or done % _CONTRACTS_A_LINE == 0):
            sys.stderr.write(f"{done} of {of} contracts read\n")
            sys.stderr.flush()


def show_check(view: Json) -> None:
    """Print what differs from fal, one block of a table per endpoint."""
    console = Console()
    table = Table(header_style="bold")
    for heading in ("endpoint", "what", "difference"):
        table.add_column(heading)
    for endpoint, group in groupby(view["differences"], key=lambda one: one["endpoint"]):
        for number, one in enumerate(group):
            table.add_row("" if number else Text(endpoint, style="cyan"), one["kind"], Text(one["sentence"]))
        table.add_section()
    if view["differences"]:
        console.print(table)
    for endpoint, why in view["unanswered"].items():
        console.print(Text(f"{endpoint}: {why}", style="yellow"))
    console.print(check_summary(view))


def show_plan(view: Json, console: Console | None = None) -> None:
    """Print a plan: the ranking with a bar per dimension, why the first wins, what was left out, the body.

    Args:
        view: The plan as the contract's object, all of it.
        console: Where to print; the terminal when None.
    """
    console = console or Console()
    count = len(view["ranking"])
    told = f"{count} endpoints can do it" if count > 1 else "1 endpoint can do it"
    console.print(Text.assemble((view["mode"], "bold"), f", {told}; nothing was sent or spent"))
    console.print(Text.assemble(("intent ", "bold"), intent_told(view)))
    console.print()
    show_ranking(view["ranking"], console)
    console.print()
    show_reasons(view, console)
    for warning in view["warnings"]:
        console.print(Text(f"warning: {warning}", style="yellow"))
    if view["rejected"]:
        console.print()
        show_rejected(view["rejected"], console)
    console.print(Text.assemble(("\nbody for ", "bold"), (view["endpoint"], "bold cyan")))
    # The terminal wraps it, so that what is copied from there is still JSON.
    console.print(JSON.from_data(view["payload"]), soft_wrap=True)


def intent_told(view: Json) -> str:
    """The intent and what decided it, such as `anime, read off "anime"`; the winner's reasons hold it."""
    reasons: list[str] = view["ranking"][0]["reasons"]
    told = (found[1] for reason in reasons if (found := _FIT_REASON.match(reason)))
    return next(told, view["intent"])


def show_ranking(ranking: list[Json], console: Console, most: int = _RANKING_SHOWN) -> None:
    """Print the best of a ranking, a line each, the first one marked, and what each changes below it.

    Args:
        ranking: The ranked endpoints of a plan, best first.
        console: Where to print; as many dimensions are shown as it has room for.
        most: How many are shown.
    """
    shown = ranking[:most]
    layout = _laid_out(shown, console.width)
    console.print(_heading(layout), no_wrap=True)
    kinds = Counter((one["model"], one["gateway"]) for one in shown)
    for number, one in enumerate(shown, start=1):
        console.print(_row(number, one, layout), no_wrap=True)
        notes = [one["endpoint"]] if kinds[one["model"], one["gateway"]] > 1 else []
        notes += [_changed(change) for change in one["changes"]]
        if notes:
            _tell(console, Text(", ".join(notes), style="dim"), _MARGIN)
    for line in _left_unsaid(shown, layout):
        _tell(console, Text(line, style="dim"), _MARGIN)
    if len(ranking) > most:
        _tell(console, Text(f"and {len(ranking) - most} more; --json has them all", style="dim"), _MARGIN)


def show_reasons(view: Json, console: Console, most: int | None = None) -> None:
    """Print why the first of a plan's ranking wins, how its cost was reckoned, and what is changed for it.

    Args:
        view: The plan.
        console: Where to print.
        most: How many reasons are told; all when None.
    """
    winner = view["ranking"][0]
    console.print(Text.assemble(("why ", "bold"), (winner["model"], "bold green"), f" at {winner['gateway']}"))
    for reason in winner["reasons"][:most]:
        _tell(console, Text(reason), _INDENT)
    _tell(console, Text(f"cost: {view['cost']['basis']}", style="dim"), _INDENT)
    for line in change_lines(view["changes"]):
        _tell(console, Text(line, style="yellow"), _INDENT)


def show_rejected(rejected: list[Json], console: Console) -> None:
    """Print why endpoints were left out, grouped by reason, the most telling first."""
    groups = grouped_reasons(rejected)
    console.print(Text.assemble(("left out", "bold"), f" {len(rejected)}", ("  (--json names each)", "dim")))
    for reason, endpoints in groups[:_GROUPS_SHOWN]:
        text = Text(f"{reason} [{endpoints[0]}]" if len(endpoints) == 1 else reason)
        _tell(console, text, _COUNT, f"{len(endpoints):>{_MARGIN}}")
    if rest := groups[_GROUPS_SHOWN:]:
        count = sum(len(endpoints) for _, endpoints in rest)
        text = Text(f"for {len(rest)} other reason{'s' * (len(rest) > 1)}", style="dim")
        _tell(console, text, _COUNT, f"{count:>{_MARGIN}}")


def grouped_reasons(rejected: list[Json]) -> list[tuple[str, list[str]]]:
    """Reasons with the endpoints that they kept out, the most telling first, of those the most frequent.

    What the request asks tells most, then a key that is not set, then pins and the endpoint's own state; that an
    endpoint is for another mode tells least.

    Args:
        rejected: The endpoints that a plan left out.
    """
    groups: dict[str, list[Json]] = {}
    for one in rejected:
        groups.setdefault(_kind(one["reason"]), []).append(one)
    ordered = sorted(groups.items(), key=lambda group: (_last(group[1][0]), -len(group[1])))
    # What is the same for all of them is told as it stands.
    return [
        ((ones[0]["reason"] if len({one["reason"] for one in ones}) == 1 else kind).rstrip("."),
         [one["endpoint"] for one in ones])
        for kind, ones in ordered
    ]  # fmt: skip


def _kind(reason: str) -> str:
    """A reason without what differs from endpoint to endpoint."""
    for pattern, general in _KINDS:
        reason = pattern.sub(general, reason)
    return reason


def _last(rejected: Json) -> int:
    """How little it tells that an endpoint was left out."""
    if rejected["reason"].startswith("mode "):
        return len(_TELLS_LITTLE) + 1
    return _TELLS_LITTLE.get(rejected["code"], 0)


@dataclass(frozen=True)
class _Layout:
    """What a line of the ranking has room for, in cells.

    Attributes:
        label: Width of the names.
        price: Width of the prices.
        with_gateway: Whether the gateway stands beside the model.
        dimensions: Those that are shown.
        bar: Length of a bar.
        figures: Whether the figure stands beside the bar.
    """

    label: int
    price: int
    with_gateway: bool
    dimensions: tuple[str, ...]
    bar: int
    figures: bool

    def width_of(self, dimension: str) -> int:
        """Width of a dimension's column."""
        return max(len(dimension), self.bar + (_FIGURE if self.figures else 0))

    @property
    def width(self) -> int:
        """Width of a line."""
        bars = sum(self.width_of(name) + _GAP for name in self.dimensions)
        return _MARGIN + self.label + _GAP + _SCORE + _GAP + bars + self.price


def _laid_out(shown: list[Json], width: int) -> _Layout:
    """All dimensions where there is room for them, else those that tell the shown apart most; then the longest bars."""
    scores: list[dict[str, float]] = [one["scores"] for one in shown]
    spread = {name: max(one[name] for one in scores) - min(one[name] for one in scores) for name in scores[0]}
    several = len({one["gateway"] for one in shown}) > 1
    price = max(len("price"), *(len(_price(one)) for one in shown))
    label = max(len("model"), *(len(_label(one, with_gateway=several)) for one in shown))
    apart = [name for name in spread if spread[name] >= _SEEN] or list(spread)
    telling = sorted(apart, key=lambda name: -spread[name])
    for names in (list(spread), *(telling[:count] for count in range(len(telling), 0, -1))):
        dimensions = tuple(name for name in spread if name in names)
        for bar, figures in _BARS:
            layout = _Layout(label, price, several, dimensions, bar, figures)
            if layout.width <= width:
                return layout
    bare = _Layout(label, price, several, (), 0, figures=False)
    return replace(bare, label=max(1, label - max(0, bare.width - width)))


def _heading(layout: _Layout) -> Text:
    names = "".join(f"{name:{layout.width_of(name) + _GAP}}" for name in layout.dimensions)
    model = "model"[: layout.label]
    line = f"{'':{_MARGIN}}{model:{layout.label + _GAP}}{'score':{_SCORE + _GAP}}{names}{'price':>{layout.price}}"
    return Text(line, style="bold")


def _row(number: int, one: Json, layout: _Layout) -> Text:
    first = number == 1
    label = Text(_label(one, with_gateway=layout.with_gateway), style="bold green" if first else "")
    label.truncate(layout.label, overflow="ellipsis")
    row = Text.assemble((">" if first else " ", "bold green"), f"{number:3} ", label)
    row.append(" " * (layout.label - len(label) + _GAP))
    row.append(f"{one['score']:{_SCORE}.2f}", style="bold" if first else "")
    row.append(" " * _GAP)
    for name in layout.dimensions:
        value = one["scores"][name]
        cell = _bar(value, layout.bar, "green" if first else "cyan")
        if layout.figures:
            cell.append(f" {value:.2f}")
        row.append_text(cell)
        row.append(" " * (layout.width_of(name) - len(cell) + _GAP))
    return row.append(f"{_price(one):>{layout.price}}", style="bold" if first else "")


def _left_unsaid(shown: list[Json], layout: _Layout) -> Iterator[str]:
    """The dimensions that had no room, in words."""
    hidden = [name for name in shown[0]["scores"] if name not in layout.dimensions]
    alike = [name for name in hidden if len({f"{one['scores'][name]:.2f}" for one in shown}) == 1]
    if alike:
        yield "the same for all: " + ", ".join(f"{name} {shown[0]['scores'][name]:.2f}" for name in alike)
    if different := [name for name in hidden if name not in alike]:
        yield f"no room for: {', '.join(different)}"


def _label(one: Json, *, with_gateway: bool) -> str:
    return f"{one['model']} at {one['gateway']}" if with_gateway else one["model"]


def _price(one: Json) -> str:
    cost: float | None = one["cost_usd"]
    if cost is None:
        return "unknown"
    return "free" if cost == 0 else f"${cost:.2f}" if cost >= 0.01 else f"${cost:.4f}"  # noqa: PLR2004 -- a cent


def _changed(change: Json) -> str:
    return f"{change['field']} dropped" if change["sent"] is None else f"{change['field']} becomes {change['sent']}"


def _tell(console: Console, text: Text, cells: int, head: str = "") -> None:
    """Print a text as wide as there is room for, indented by some cells; a head stands before its first line."""
    lines = text.wrap(console, max(1, console.width - cells), overflow="fold")
    for number, line in enumerate(lines):
        line.rstrip()
        console.print(Text.assemble((f"{'' if number else head:{cells}}", "cyan"), line), no_wrap=True, crop=False)


def _bar(value: float, cells: int, style: str) -> Text:
    """A bar of the given length in cells for a value from 0 to 1, exact to an eighth of a cell."""
    full, eighths = divmod(round(min(1.0, max(0.0, value)) * cells * len(_EIGHTHS)), len(_EIGHTHS))
    filled = "█" * full + _EIGHTHS[eighths]
    return Text.assemble((filled, style), ("·" * (cells - len(filled)), "dim"))


def show_models(view: Json) -> None:
    """Print the list of models and gateways."""
    console = Console()
    table = Table(header_style="bold")
    for heading in ("model", "provider", "modes", "price", "ready"):
        table.add_column(heading)
    for one in view["models"]:
        ready = Text("yes", style="green") if one["configured"] else Text("no key", style="dim")
        table.add_row(one["model"], one["provider"], ", ".join(one["modes"]), one["price"], ready)
    console.print(table)
    for one in view["gateways"]:
        state = Text("ready", style="green") if one["configured"] and one["healthy"] else Text("-", style="dim")
        console.print(Text.assemble(f"{one['name']:10}", state, f"  {one['note']}"))


def show_report(view: Json) -> None:
    """Print the doctor's findings."""
    console = Console()
    for one in view["checks"]:
        console.print(Text.assemble((f"{one['status']:5}", _STYLES[one["status"]]), f"{one['name']}: {one['detail']}"))
