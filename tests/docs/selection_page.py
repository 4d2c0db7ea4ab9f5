"""Writes what docs/selection.md quotes from the code: weights, figures, bonuses, and worked examples.

Run by `make docs`. Live prices, the environment and today's date play no part: the catalogue is the one in the
checkout, and every gateway counts as supported, so that the page does not depend on what a version can talk to.
"""

import json
import re
import sys
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from io import StringIO
from pathlib import Path

from rich.console import Console
from tests.selection.cases import gateways_with

from videogen_mcp.catalogue import load_catalogue
from videogen_mcp.errors import VideoGenError
from videogen_mcp.jobs import lessons
from videogen_mcp.selection import experience, fallback, quality, scoring
from videogen_mcp.selection.decide import Plan, Situation, decide
from videogen_mcp.selection.profiles import DIMENSIONS, load_profiles, weights
from videogen_mcp.terminal import show_ranking, show_reasons
from videogen_mcp.types import INTENTS, PRIORITIES, Json, make_request
from videogen_mcp.views import plan_view

PAGE = Path(__file__).resolve().parents[2] / "docs" / "selection.md"
COLUMNS = 100
RANKED = 3
REASONS = 4
LANGUAGES: Mapping[str, str] = {
    "ar": "Arabic",
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "hi": "Hindi",
    "ja": "Japanese",
    "ko": "Korean",
    "pt": "Portuguese",
    "zh": "Chinese",
}
_BLOCK = re.compile(r"(<!-- begin generated: (\S+) -->\n)(.*?)(<!-- end generated -->)", re.DOTALL)


@dataclass(frozen=True)
class Example:
    """One worked example.

    Attributes:
        request: What the caller asks.
        left_out: Endpoints whose refusals tell most; an endpoint that is not refused is an error.
        keys: Gateways whose keys are set.
    """

    request: Json
    left_out: tuple[str, ...] = ()
    keys: tuple[str, ...] = ("fal",)


LIGHTHOUSE = "A cinematic shot of an old lighthouse keeper on a spiral staircase, lantern light on wet stone"
HIGHLANDS = "Photorealistic aerial view over the Icelandic highlands at dawn, mist in the valleys"
BOAT = "A paper boat drifts down a gutter in the rain"

EXAMPLES: Mapping[str, Example] = {
    "cinematic": Example({"prompt": LIGHTHOUSE}, ("mountsea:seedance-2.0", "local:animatic")),
    "capped": Example(
        {"prompt": LIGHTHOUSE, "max_cost_usd": 0.5},
        ("fal:bytedance/seedance-2.0/text-to-video", "fal:fal-ai/heygen/v3/video-agent"),
    ),
    "landscape": Example({"prompt": HIGHLANDS}, ("fal:fal-ai/veo3", "heygen:veo_3_1")),
    "anime": Example(
        {"prompt": "A fox leaps over a frozen river, anime", "duration": 7, "aspect_ratio": "9:16"},
        ("fal:fal-ai/minimax/hailuo-2.3/pro/text-to-video", "fal:minimax/h3-max-turbo/text-to-video"),
    ),
    "presenter": Example(
        {"prompt": "A presenter in a bright studio explains to the camera how to make tea", "max_cost_usd": 1},
        ("fal:fal-ai/heygen/v3/video-agent", "fal:bytedance/seedance-2.0/text-to-video"),
    ),
    "dialogue": Example(
        {
            "prompt": 'She looks up and says: "We should have left yesterday."',
            "first_frame": "https://example.com/portrait.jpg",
        },
        ("fal:fal-ai/veo3.1", "fal:bytedance/seedance-2.0/text-to-video"),
    ),
    "speed": Example({"prompt": BOAT, "priority": "speed"}, ("fal:fal-ai/veo3", "local:animatic")),
    "named": Example({"prompt": f"{BOAT}, use Veo"}, ("fal:fal-ai/veo3", "mountsea:veo-3.1")),
    "pinned": Example({"prompt": BOAT, "model": "seedance-2.0", "duration": 20}),
    "gateways": Example(
        {"prompt": LIGHTHOUSE},
        ("fal:fal-ai/veo3", "local:animatic"),
        ("fal", "heygen", "google", "mountsea", "novakit"),
    ),
    "keyless": Example({"prompt": BOAT}, ("fal:bytedance/seedance-2.0/text-to-video",), ()),
}


def blocks() -> dict[str, str]:
    """Every generated block by its name, as Markdown."""
    found = {"weights": _weights(), "factors": _factors(), "bonuses": _bonuses(), "figures": _figures()}
    return found | {f"example-{name}": _worked(example) for name, example in EXAMPLES.items()}


def rewritten(page: str, generated: Mapping[str, str]) -> str:
    """A page with its blocks as they are generated now.

    Args:
        page: The page, in Markdown, with a pair of markers for each block.
        generated: The blocks by name.

    Raises:
        ValueError: A block has no place on the page, or a place no block.
    """
    named = [match[2] for match in _BLOCK.finditer(page)]
    if sorted(named) != sorted(generated):
        raise ValueError(f"places and blocks differ: {sorted(set(named) ^ set(generated)) or 'one stands there twice'}")
    return _BLOCK.sub(lambda match: f"{match[1]}\n{generated[match[2]]}\n\n{match[4]}", page)


def _table(*rows: tuple[str, ...]) -> str:
    """Rows as a Markdown table, the first one its heading."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def _weights() -> str:
    rows = [
        (priority, *(f"{weights(priority, 'general')[name]:.2f}" for name in DIMENSIONS)) for priority in PRIORITIES
    ]
    return _table(("priority", *DIMENSIONS), *rows)


def _factors() -> str:
    factors = load_profiles().intent
    rows = [(name, *(f"{factors[name].get(one, 1.0):g}" for one in DIMENSIONS)) for name in INTENTS if name in factors]
    others = ", ".join(name for name in INTENTS if name not in factors)
    return f"{_table(('intent', *DIMENSIONS), *rows)}\n\nThe other intents leave the weights as they are: {others}."


def _bonuses() -> str:
    models = load_catalogue().models
    named = [
        (intent, f"`{name}`", f"{model.bonus[intent]:+.2f}")
        for intent in INTENTS
        for name, model in sorted(models.items(), key=lambda one: (-one[1].bonus.get(intent, 0.0), one[0]))
        if model.bonus.get(intent)
    ]
    return _table(("intent", "model", "bonus"), *named)


def _figures() -> str:
    return _table(("what", "figure"), *_figure_rows())


def _figure_rows() -> Iterator[tuple[str, str]]:
    """What the code reckons with beside the weights."""
    grades = ", ".join(f"{name} {value:g}" for name, value in quality.GRADES.items())
    paces = ", ".join(f"{name} {value:g}" for name, value in scoring.EXPECTED_SECONDS.items())
    success = ", ".join(f"{name} {value:.0%}" for name, value in experience.EXPECTED_SUCCESS.items())
    cool_off = ", ".join(f"{name} {value:g}" for name, value in lessons.COOL_OFF_SECONDS.items())
    tongues = tomllib.loads(files("videogen_mcp.selection").joinpath("intents.toml").read_text(encoding="utf-8"))
    for modality, (board, low, high) in quality.BOARDS.items():
        yield (
            f"board for {modality.replace('_', ' ')}, and the ratings that count as 0 and 1",
            f"{board}, {low:g}, {high:g}",
        )
    yield "quality of a model without a rating, by its grade", f"{grades}, unknown {quality.UNKNOWN_QUALITY:g}"
    yield "cost where the price is unknown", f"{scoring.UNKNOWN_COST:g}"
    yield "control that is left by a length or resolution raised to the next on offer", f"{scoring.FITTED:g}"
    yield "a maker that the prompt asks for, or asks to avoid", f"{scoring.NAMED:+g}, {-scoring.NAMED:+g}"
    yield (
        f"what often failed here (below {scoring.UNRELIABLE_BELOW:.0%} expected to succeed)",
        f"{-scoring.UNRELIABLE:+g} at most",
    )
    yield f"a clip without sound, where the intent is {' or '.join(sorted(scoring.SPOKEN))}", f"{-scoring.SILENT:+g}"
    yield f"every doubling of the price beyond ${scoring.DEAR_FROM_USD:f}", f"{-scoring.DEAR:+g}"
    yield "seconds expected before any job, by the model's pace", paces
    yield "success expected before any job, by the endpoint's status", success
    yield "days after which a job counts half", f"{experience.HALF_LIFE_DAYS:g}"
    yield "days after which it is forgotten", f"{lessons.REMEMBERED.days}"
    yield "jobs that the expected success counts like", f"{experience.PRIOR_ATTEMPTS:g}"
    yield "jobs that the expected time counts like", f"{experience.PRIOR_TIMES:g}"
    yield "seconds that a gateway is left alone", cool_off
    yield (
        "seconds after which a gateway that could not be reached is trusted half again",
        (f"{lessons.TROUBLE_HALF_LIFE_SECONDS:g}"),
    )
    yield "choices that a job keeps, the first included", f"{fallback.KEPT}"
    yield (
        "taken off a further choice of the same gateway, of the same model there too",
        (f"{fallback.SAME_GATEWAY:g}, {fallback.SAME_MODEL_SAME_GATEWAY:g}"),
    )
    yield (
        "languages that the intent is read in",
        f"{len(tongues)}: {', '.join(sorted(LANGUAGES[one] for one in tongues))}",
    )


def _worked(example: Example) -> str:
    """A request as JSON, and what the product answers."""
    request = json.dumps(example.request, ensure_ascii=False, indent=2)
    keys = ", ".join(example.keys) or "none"
    return f"Keys set: {keys}.\n\n```json\n{request}\n```\n\n```text\n{_answer(example)}\n```"


def _answer(example: Example) -> str:
    try:
        plan = decide(make_request(example.request), load_catalogue(), Situation(gateways_with(example.keys)))
    except VideoGenError as error:
        return _wrapped(str(error))
    out = StringIO()
    console = Console(file=out, width=COLUMNS, color_system=None, force_terminal=False, legacy_windows=False)
    view = plan_view(plan)
    show_ranking(view["ranking"], console, most=RANKED)
    console.print()
    show_reasons(view, console, most=REASONS)
    told = [*(f"warning: {warning}" for warning in plan.warnings), *_left_out(plan, example.left_out)]
    return "\n".join([*out.getvalue().splitlines(), *map(_wrapped, told)])


def _left_out(plan: Plan, endpoints: tuple[str, ...]) -> Iterator[str]:
    """The refusals of some endpoints, a line each, after an empty one."""
    reasons = {refusal.endpoint: refusal.reason for refusal in plan.refusals}
    yield ""
    yield f"left out {len(reasons)}, among them"
    for endpoint in endpoints:
        yield f"  {endpoint}: {reasons[endpoint]}"


def _wrapped(line: str) -> str:
    """A line as several where it is wider than the page."""
    return textwrap.fill(line, COLUMNS, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def main() -> None:
    """Rewrite the page in place, and say whether anything changed."""
    page = PAGE.read_text(encoding="utf-8")
    current = rewritten(page, blocks())
    PAGE.write_text(current, encoding="utf-8")
    sys.stdout.write(f"docs/selection.md {'is up to date' if current == page else 'was rewritten'}\n")


if __name__ == "__main__":
    main()
