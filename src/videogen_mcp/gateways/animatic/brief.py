"""Read a prompt as a director's brief: its shots, and each one's camera, light, place, weather and subjects."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from .words import COLOURS, LIGHTS, MOVES, PLACES, PLACES_FIRST, SUBJECTS, TRAITS, WEATHERS, Lexicon

MOST_SHOTS: Final = 12
MOST_SUBJECTS: Final = 2
MOST_MOVES: Final = 2
NEGATED_WORDS: Final = 3
COLOUR_REACH: Final = 3


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing to draw: its kind (a key of the SUBJECTS table) and its colour word, when the prompt gives one."""

    kind: str
    colour: str | None = None


@dataclass(frozen=True, slots=True)
class Shot:
    """One shot as the prompt describes it. Empty fields are what the prompt leaves open."""

    text: str
    moves: tuple[str, ...] = ()
    light: str | None = None
    place: str | None = None
    weather: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()
    subjects: tuple[Subject, ...] = ()


@dataclass(frozen=True, slots=True)
class Brief:
    """A whole prompt: at least one shot, in order."""

    shots: tuple[Shot, ...]


def _compiled(lexicon: Lexicon) -> dict[str, re.Pattern[str]]:
    return {
        meaning: re.compile("|".join(rf"(?<!\w)(?:{pattern})(?!\w)" for pattern in patterns), re.IGNORECASE)
        for meaning, patterns in lexicon.items()
    }


_MOVES: Final = _compiled(MOVES)
_LIGHTS: Final = _compiled(LIGHTS)
_WEATHERS: Final = _compiled(WEATHERS)
_TRAITS: Final = _compiled(TRAITS)
_PLACES_FIRST: Final = _compiled(PLACES_FIRST)
_PLACES: Final = _compiled(PLACES)
_SUBJECTS: Final = _compiled(SUBJECTS)

_STOP: Final = r"(?:and|but|with|in|on|at|over|under|by|near|above|a|an|the|then|just|only|while|as)"
_NEGATION: Final = re.compile(
    r"\b(?:no|without|not|never|avoid|excluding|zero)\s+(?:any\s+|a\s+|an\s+|the\s+|more\s+)?"
    rf"(?!{_STOP}\b)[\w'-]+(?:\s+(?!{_STOP}\b)[\w'-]+){{0,{NEGATED_WORDS - 1}}}",
    re.IGNORECASE,
)
_NUMBER: Final = r"(?:\d{1,2}|one|two|three|four|five|six|seven|eight|nine|ten)"
_HEADING: Final = re.compile(
    rf"\[?\b(?:shot|scene)\s*\#?{_NUMBER}\b\]?\s*(?:[(\[][^)\]\n]{{0,40}}[)\]]\s*)?[:.)\-\u2013\u2014]\s*",
    re.IGNORECASE,
)
_CUT: Final = re.compile(
    r"\[\s*(?:cut(?:\s+to)?|new\s+shot)\s*\]\s*:?\s*|\b(?:(?:smash|hard|match|jump)\s+)?cuts?\s+to\b\s*:?\s*",
    re.IGNORECASE,
)
_ITEM: Final = re.compile(r"(?:^|(?<=\s))(\d{1,2})[.)]\s+(?=\S)")
_WORD: Final = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_COLOUR_STOPS: Final = frozenset(
    [
        "in",
        "on",
        "at",
        "over",
        "under",
        "by",
        "near",
        "with",
        "a",
        "an",
        "the",
        "of",
        "and",
        "above",
        "behind",
        "beside",
        "across",
        "through",
        "from",
        "to",
    ]
)
_WORN: Final = re.compile(
    rf"\s+(?:\w+\s+)?(?:in|wearing)\s+(?:an?\s+|his\s+|her\s+)?(?:\w+\s+)?({'|'.join(COLOURS)})\b", re.IGNORECASE
)


def read_brief(prompt: str) -> Brief:
    """Read a prompt into shots.

    Whole words are matched, in any case; what a negation names ("no rain") is not read. A shot that leaves its
    light or place open takes it from the shot before it.

    Args:
        prompt: Any text, also an empty one.

    Returns:
        The brief, with between one and twelve shots.
    """
    context, texts = _split_shots(prompt)
    before = _read_shot(context) if context else Shot("")
    shots: list[Shot] = []
    for text in texts:
        shot = _inherit(_read_shot(text), before)
        shots.append(shot)
        before = replace(shot, moves=before.moves)
    return Brief(tuple(shots))


def _split_shots(prompt: str) -> tuple[str, list[str]]:
    """Return what stands before the first numbered shot (it holds for all of them), and the shots' texts."""
    items = [match.span() for match in _numbered_items(prompt)]
    headings = [match.span() for match in _HEADING.finditer(prompt)] or items
    cuts = [match.span() for match in _CUT.finditer(prompt)]
    marks = sorted(headings + cuts)
    starts = [0] + [end for _, end in marks]
    ends = [start for start, _ in marks] + [len(prompt)]
    pieces = [_tidy(prompt[start:end]) if start < end else "" for start, end in zip(starts, ends, strict=True)]
    context = ""
    if headings and marks[0] == headings[0]:
        context, pieces = pieces[0], pieces[1:]
    texts = [piece for piece in pieces if piece]
    return context, texts[:MOST_SHOTS] or [_tidy(prompt)]


def _numbered_items(prompt: str) -> list[re.Match[str]]:
    """Return the marks of a numbered list 1, 2, 3 ...; a lone number ("at 5. ") is none."""
    found: list[re.Match[str]] = []
    for match in _ITEM.finditer(prompt):
        if int(match[1]) == len(found) + 1:
            found.append(match)
    return found if len(found) > 1 else []


def _tidy(text: str) -> str:
    return " ".join(text.split()).strip(" ,;:-\u2013\u2014>")


def _inherit(shot: Shot, before: Shot) -> Shot:
    weather = shot.weather or (before.weather if shot.place is None else ())
    traits = shot.traits or (before.traits if shot.place is None else ())
    return replace(
        shot,
        light=shot.light or before.light,
        place=shot.place or before.place,
        weather=weather,
        traits=traits,
        moves=shot.moves or before.moves,
    )


def _read_shot(text: str) -> Shot:
    moves, rest = _read_moves(text)
    rest = _NEGATION.sub(" , ", rest)
    place = _first_key(_PLACES_FIRST, rest) or _earliest_key(_PLACES, rest)
    sky = re.sub(PLACES_FIRST["lunar"][0], " ", rest, flags=re.IGNORECASE) if place == "lunar" else rest
    return Shot(
        text=text,
        moves=moves,
        light=_first_key(_LIGHTS, sky),
        place=place,
        weather=_all_keys(_WEATHERS, rest),
        traits=_all_keys(_TRAITS, sky),
        subjects=_read_subjects(_LIGHTS["golden"].sub(" ", rest)),
    )


def _read_moves(text: str) -> tuple[tuple[str, ...], str]:
    found: list[tuple[int, str]] = []
    for move, pattern in _MOVES.items():
        match = pattern.search(text)
        if match is None or _is_negated(text, match.start(), move):
            continue
        found.append((match.start(), move.rstrip("_")))
        # Same length, so that positions still tell which move was named first.
        text = pattern.sub(lambda hit: "," * len(hit[0]), text)
    ordered = dict.fromkeys(move for _, move in sorted(found))
    if "static" in ordered:
        return ("static",), text
    return tuple(ordered)[:MOST_MOVES], text


def _is_negated(text: str, start: int, move: str) -> bool:
    return move != "static" and any(match.start() < start < match.end() for match in _NEGATION.finditer(text))


def _first_key(patterns: dict[str, re.Pattern[str]], text: str) -> str | None:
    return next(iter(_all_keys(patterns, text)), None)


def _all_keys(patterns: dict[str, re.Pattern[str]], text: str) -> tuple[str, ...]:
    return tuple(meaning for meaning, pattern in patterns.items() if pattern.search(text))


def _earliest(patterns: dict[str, re.Pattern[str]], text: str) -> list[tuple[re.Match[str], str]]:
    hits: Iterable[tuple[re.Match[str] | None, str]] = ((found.search(text), key) for key, found in patterns.items())
    real = [(match, key) for match, key in hits if match is not None]
    # At the same position the longer reading is meant: "sports car" before "car".
    return sorted(real, key=lambda hit: (hit[0].start(), -hit[0].end()))


def _earliest_key(patterns: dict[str, re.Pattern[str]], text: str) -> str | None:
    return next((key for _, key in _earliest(patterns, text)), None)


def _read_subjects(text: str) -> tuple[Subject, ...]:
    hits = _earliest(_SUBJECTS, text)
    kinds = [key for _, key in hits]
    if "dancer" in kinds:  # "a woman dancing" is one figure
        hits = [hit for hit in hits if hit[1] != "person"]
    return tuple(Subject(key, _colour_of(text, match)) for match, key in hits[:MOST_SUBJECTS])


def _colour_of(text: str, subject: re.Match[str]) -> str | None:
    """Return the colour word that belongs to the subject: close before it, or worn by it."""
    before = _WORD.findall(text[: subject.start()].lower())
    for word in reversed(before[-COLOUR_REACH:]):
        if word in COLOURS:
            return word
        if word in _COLOUR_STOPS:
            break
    worn = _WORN.match(text, subject.end())
    return worn[1].lower() if worn else None
