"""What a person at a terminal sees: progress, tables and bars. Plain lines where there is no terminal."""

import sys
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

_BAR_CELLS = 10
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
            table.add_row("" if number else Text(endpoint, style="cyan"), one["kind"], one["sentence"])
        table.add_section()
    if view["differences"]:
        console.print(table)
    for endpoint, why in view["unanswered"].items():
        console.print(Text(f"{endpoint}: {why}", style="yellow"))
    console.print(check_summary(view))


def show_plan(view: Json) -> None:
    """Print a plan: the ranking with a bar per dimension, what changes, what was left out, the body."""
    console = Console()
    dimensions = list(view["ranking"][0]["scores"])
    table = Table(title=f"{view['mode']}, intent {view['intent']}", title_justify="left", header_style="bold")
    for heading in ("", "model", "score", *dimensions, "price", "why"):
        table.add_column(heading, justify="right" if heading in {"score", "price"} else "left")
    for number, one in enumerate(view["ranking"], start=1):
        bars = [_bar(one["scores"][name]) for name in dimensions]
        cost = "unknown" if one["cost_usd"] is None else f"${one['cost_usd']:.2f}"
        model = Text.assemble((one["model"], "bold" if number == 1 else ""), ("\n" + one["endpoint"], "dim"))
        why = Text("\n".join(one["reasons"]), style="dim")
        table.add_row(str(number), model, f"{one['score']:.2f}", *bars, cost, why)
    console.print(table)
    for line in [*change_lines(view["changes"]), *(f"warning: {one}" for one in view["warnings"])]:
        console.print(Text(line, style="yellow"))
    telling = [one for one in view["rejected"] if not one["reason"].startswith("mode ")]
    others = len(view["rejected"]) - len(telling)
    if view["rejected"]:
        console.print(Text("\nleft out", style="bold") + Text(f"  ({others} endpoints are for other modes)", "dim"))
    for one in telling:
        console.print(Text.assemble(("  " + one["endpoint"], "cyan"), f"  {one['reason']}"))
    console.print(Text(f"\nbody for {view['endpoint']}", style="bold"))
    console.print(JSON.from_data(view["payload"]))
    console.print(Text(f"{view['cost']['basis']}; nothing was sent or spent", style="dim"))


def _bar(value: float) -> Text:
    filled = round(value * _BAR_CELLS)
    style = "green" if value >= 0.66 else "yellow" if value >= 0.33 else "red"  # noqa: PLR2004 -- thirds
    return Text.assemble(("█" * filled, style), ("░" * (_BAR_CELLS - filled), "dim"))


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
