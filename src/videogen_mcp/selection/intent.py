"""What kind of video a prompt asks for, read off its words, its form and the media given. Pure; no model is asked.

The words stand in `intents.toml`, by language and intent. A word counts once, as a whole word or phrase, unless it is
denied ("not cinematic"), quoted, or part of a phrase that means something else ("an action figure"). An intent needs
three points: one clear word, or two hints. Where several reach that, the first of these wins:

1. `draft`: who wants a quick test wants it quick and cheap, whatever it shows.
2. `multi_shot`, by a shot list: only some models cut, and a model that does not would ignore most of the prompt.
3. `presenter`, by a person whose work is to present, and `dialogue`, by lines to be spoken: without the right
   voice and lips the clip is useless. A presenter who speaks a line is a presenter.
4. `anime`: the style decides which models can draw it at all, also for a fight, a landscape or a trailer.
5. `presenter` by what is done (talking to the camera), `product`, `social`: what the clip is for. The higher sum wins.
6. `dialogue` by words, `action`, `landscape`: what is seen. The higher sum wins. Nature is often a mere backdrop, so
   its words count half beside people, animals and vehicles, and not at all beside talk or action.
   `cinematic` stands here too, last among equals. The look of film is asked for with every subject, so all words for
   it count as three. Named outright, it wins over a lone word for a fight, and over nature that nobody wants
   photoreal or seen from a drone. A kind of film, such as a trailer, counts on top.
7. `general`: nothing says more.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from videogen_mcp.selection.prompt import Prompt
from videogen_mcp.types import INTENTS, Intent, Mode, VideoRequest

_WEIGHTS: Final = {"names": 4.0, "roles": 4.0, "clear": 3.0, "film": 3.0, "hints": 1.5, "ways": 1.5, "context": 1.5}
_ENOUGH: Final = 3.0
_ENOUGH_HINTS: Final = 4.5
"""What mere hints at a use or a draft must come to: a funny story is not yet a clip for social media."""
_LOOK: Final = 3.0
"""What all words for the look of film together count for."""
_TOLD_AT_MOST: Final = 5


@dataclass(frozen=True)
class IntentReading:
    """What was read, and off what.

    Attributes:
        intent: The kind of video.
        matched: The words or facts that decided, as they stand in the prompt, at most five; empty for `general` and
            for an intent that the caller named.
        asked: Whether the caller named it.
    """

    intent: Intent
    matched: tuple[str, ...]
    asked: bool = False

    def told(self) -> str:
        """One clause for people, such as `anime, read off "anime", "cel-shaded"`."""
        if self.matched:
            quoted = ", ".join(f'"{one}"' for one in self.matched)
            return f"{self.intent}, read off {quoted}"
        return f"{self.intent}, as asked" if self.asked else "general: nothing in the prompt says more"


def read_intent(request: VideoRequest, mode: Mode) -> IntentReading:
    """The kind of video a request is for: as the caller says, or read off prompt and media.

    Args:
        request: What the caller wants.
        mode: The mode, inferred or given; dubbing somebody's lips hints at a presenter.
    """
    if request.intent != "auto":
        return IntentReading(request.intent, (), asked=True)
    prompt = Prompt(request.prompt)
    tallies = _tallies(prompt)
    _add_media(request, mode, prompt, tallies)
    shots, speech, figures = bool(prompt.shots), bool(prompt.speech), prompt.has_figures()
    intent = _decide(tallies, shots=shots, speech=speech, figures=figures)
    told = [(clue.place, clue.text) for clue in tallies[intent].clues.values()]
    if intent == "multi_shot":
        told += prompt.shots
    if intent == "dialogue":
        told += prompt.speech
    shown = dict.fromkeys(" ".join(text.split()) for _, text in sorted(told))
    return IntentReading(intent, tuple(shown)[:_TOLD_AT_MOST])


class _Clue(NamedTuple):
    """What speaks for an intent: where it stands in the prompt, how, and how much it says."""

    place: int
    text: str
    grade: str


@dataclass
class _Tally:
    """What speaks for an intent, every term once."""

    clues: dict[str, _Clue] = field(default_factory=dict[str, _Clue])

    def add(self, key: str, clue: _Clue) -> None:
        """Count a term, unless it says as much already: languages share words, and grade them differently."""
        known = self.clues.get(key)
        if known is None or _WEIGHTS[known.grade] < _WEIGHTS[clue.grade]:
            self.clues[key] = clue

    def sum_of(self, *grades: str) -> float:
        """The points of some grades; all that is mere context counts once together."""
        return sum(
            min(_WEIGHTS[grade], points) if grade == "context" else points
            for grade in grades
            if (points := sum(_WEIGHTS[grade] for clue in self.clues.values() if clue.grade == grade))
        )

    @property
    def firm(self) -> float:
        """What does not rest on hints."""
        return self.sum_of("names", "roles", "clear", "film")

    @property
    def total(self) -> float:
        """All of it."""
        return self.sum_of(*_WEIGHTS)


def _tallies(prompt: Prompt) -> dict[Intent, _Tally]:
    """What speaks for each intent; nothing speaks for one whose very name is denied."""
    tallies: dict[Intent, _Tally] = {intent: _Tally() for intent in INTENTS}
    ruled_out = set[Intent]()
    for hit, denied in prompt.unquoted():
        for intent in tallies.keys() & hit.term.senses.keys():
            grade = hit.term.senses[intent]
            if not denied:
                clue = _Clue(hit.start, prompt.text[hit.start : hit.end], grade)
                tallies[intent].add(" ".join(hit.term.words), clue)
            elif grade in {"names", "roles"}:
                ruled_out.add(intent)
    return {intent: _Tally() if intent in ruled_out else tally for intent, tally in tallies.items()}


def _add_media(request: VideoRequest, mode: Mode, prompt: Prompt, tallies: Mapping[Intent, _Tally]) -> None:
    """Add what the other arguments hint at."""
    end = len(prompt.text)
    talk = tallies["dialogue"]
    if request.aspect_ratio == "9:16":
        tallies["social"].add("9:16", _Clue(end, "9:16", "hints"))
    if len(request.reference_images) > 1 and tallies["product"].total > 0:
        tallies["product"].add("reference_images", _Clue(end, "reference_images", "hints"))
    if prompt.speech:
        return
    if mode == "lip_sync" and request.source_audio and talk.total < _ENOUGH:
        tallies["presenter"].add("lip_sync", _Clue(end, "lip_sync", "clear"))
    said = [clue for clue in talk.clues.values() if clue.grade == "hints"]
    if request.first_frame and said and talk.total < _ENOUGH:
        place, word, _ = said[0]
        tallies["presenter"].add("first_frame", _Clue(place, word, "clear"))


def _decide(tallies: Mapping[Intent, _Tally], *, shots: bool, speech: bool, figures: bool) -> Intent:
    """The intent that wins, in the order that the module's docstring gives and reasons."""
    totals: dict[Intent, float] = {intent: tally.total for intent, tally in tallies.items()}
    presenter = tallies["presenter"]
    if tallies["draft"].firm or totals["draft"] >= _ENOUGH_HINTS:
        return "draft"
    if shots or totals["multi_shot"] >= _ENOUGH:
        return "multi_shot"
    if presenter.sum_of("roles") or (speech and presenter.firm):
        return "presenter"
    if speech:
        return "dialogue"
    if totals["anime"] >= _ENOUGH:
        return "anime"
    return _best(_uses(tallies, totals)) or _best(_subjects(tallies, totals, figures=figures)) or "general"


def _best(rivals: Iterable[tuple[Intent, float]]) -> Intent | None:
    """The first of those with the highest sum, if that is enough."""
    intent, total = max(rivals, key=lambda rival: rival[1])
    return intent if total >= _ENOUGH else None


def _uses(tallies: Mapping[Intent, _Tally], totals: Mapping[Intent, float]) -> Iterator[tuple[Intent, float]]:
    """What a clip is for, as (intent, sum)."""
    presenter = tallies["presenter"].firm or totals["dialogue"] < _ENOUGH
    yield "presenter", totals["presenter"] if presenter else 0.0
    for intent in ("product", "social"):
        tally = tallies[intent]
        resting = tally.firm or tally.sum_of("context") or tally.total >= _ENOUGH_HINTS
        yield intent, tally.total if resting else 0.0


def _subjects(
    tallies: Mapping[Intent, _Tally], totals: Mapping[Intent, float], *, figures: bool
) -> Iterator[tuple[Intent, float]]:
    """What a clip shows, as (intent, sum)."""
    film = tallies["cinematic"].sum_of("film")
    look = min(_LOOK, totals["cinematic"] - film)
    action, scenery = tallies["action"], tallies["landscape"]
    named, ways = scenery.sum_of("names"), scenery.sum_of("ways")
    yield "dialogue", totals["dialogue"]
    # Who names the look of film wants it, unless what is seen is as plainly said.
    filmed = tallies["cinematic"].sum_of("names") > 0
    fought = action.sum_of("names") or action.firm > _ENOUGH
    yield "action", totals["action"] if fought or not filmed else 0.0
    nature = 0.0 if max(totals["dialogue"], totals["action"]) >= _ENOUGH else totals["landscape"]
    backdrop = max(named, ways + (nature - ways) / 2) if figures and nature else nature
    yield "landscape", backdrop if named or ways or not filmed else 0.0
    yield "cinematic", look + film
