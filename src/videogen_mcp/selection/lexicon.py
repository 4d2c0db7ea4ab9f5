"""The words that the intent reader knows, by language, and the forms they take. Pure; the data is read on first use."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Final, NamedTuple, cast

import tomli

from videogen_mcp.types import INTENTS

LATIN: Final[tuple[str, ...]] = ("en", "es", "fr", "de", "pt")
WITHOUT_SPACES: Final = ("zh", "ja")
HAN: Final = re.compile("[\u3041-\u30fa\u3400-\u9fff]")
_MARKS: Final = re.compile("[\u0300-\u036f]")
_UNWRITTEN: Final = dict.fromkeys((0x640, 0x93C, 0x200C, 0x200D, *range(0x610, 0x61B), *range(0x64B, 0x660)))
"""Marks that Arabic and Hindi may leave out, and joiners that are not seen."""
_NOT_TERMS: Final = frozenset({"evidence", "articles", "particles"})
_LONGEST_WORD: Final = 24
_SEPARATOR: Final = re.compile(r",\s+")


class Term(NamedTuple):
    """A word or phrase; `senses` are what it may stand for, as (intent or kind of grammar, grade)."""

    words: tuple[str, ...]
    opens: bool
    closes: bool
    senses: dict[str, str]


@dataclass(frozen=True)
class Vocabulary:
    """The terms of a language, the longest first, by their first two words (characters where there are no spaces)."""

    terms: dict[str, list[Term]]
    words: set[str]
    stubs: set[str]


@lru_cache(maxsize=1)
def _data() -> dict[str, dict[str, str]]:
    """`intents.toml`: sections by name, such as `en.anime`; their lists as they stand there."""
    text = files("videogen_mcp.selection").joinpath("intents.toml").read_text(encoding="utf-8")
    languages = cast("dict[str, dict[str, dict[str, str]]]", tomli.loads(text))
    return {f"{name}.{part}": lists for name, parts in languages.items() for part, lists in parts.items()}


@lru_cache(maxsize=1)
def evidence() -> dict[str, list[str]]:
    """The languages that a common little word gives away."""
    found: dict[str, list[str]] = {}
    for language in LATIN:
        for word in fold(_data()[f"{language}.grammar"]["evidence"]).split(", "):
            found.setdefault(word, []).append(language)
    return found


@lru_cache(maxsize=1)
def _letters() -> dict[int, str | None]:
    """What single letters are folded to."""
    folded = {ord(one): other for part in ("ar.letters", "hi.letters") for one, other in _data()[part].items()}
    return _UNWRITTEN | folded


@dataclass(frozen=True)
class _Morphology:
    """How a language inflects: endings with what stands in their place in the base form, and what is attached."""

    endings: dict[str, tuple[str, ...]]
    articles: tuple[str, ...]
    particles: re.Pattern[str] | None
    shortest: int


@lru_cache(maxsize=16)
def _morphology(language: str) -> _Morphology:
    grammar = _data()[f"{language}.grammar"]
    endings = _data().get(f"{language}.endings", {})
    attached = grammar.get("particles", "").replace(", ", "|")
    return _Morphology(
        endings={ending: tuple(bases.split("|")) for ending, bases in endings.items()},
        articles=tuple(fold(grammar["articles"]).split(", ")) if "articles" in grammar else (),
        particles=re.compile(f"(?:{attached}){{1,4}}") if attached else None,
        shortest=3 if language in LATIN else 2,
    )


@lru_cache(maxsize=16)
def vocabulary_of(language: str) -> Vocabulary:
    """The terms of a language, read on first use."""
    spaced = language not in WITHOUT_SPACES
    senses: dict[str, dict[str, str]] = {}
    for part in ("grammar", *INTENTS):
        for grade, listed in _data().get(f"{language}.{part}", {}).items():
            name, value = (grade, "") if part == "grammar" else (part, grade)
            for phrase in _SEPARATOR.split(fold(listed)) if grade not in _NOT_TERMS else ():
                if spaced or HAN.match(phrase):
                    senses.setdefault(phrase, {}).setdefault(name, value)
    vocabulary = Vocabulary({}, set(), set())
    for phrase, meant in senses.items():
        bare = phrase.strip("^$")
        parted = bare.replace("-", " ").replace("'", " ") if language == "fr" else bare.replace("-", " ")
        words = tuple(parted.split()) if spaced else (bare,)
        inherited = senses.get(bare, {}) | meant if bare != phrase else meant
        term = Term(words, phrase[0] == "^", phrase[-1] == "$", inherited)
        vocabulary.terms.setdefault(" ".join(words[:2]) if spaced else bare[:2], []).append(term)
        vocabulary.words.update(words)
    vocabulary.stubs.update(word[:-1] for word in vocabulary.words if word.endswith("*"))
    for terms in vocabulary.terms.values():
        if len(terms) > 1:
            terms.sort(key=lambda term: (-len(term.words), -len(term.words[0]), -term.opens - term.closes))
    return vocabulary


@lru_cache(maxsize=8192)
def fold(text: str) -> str:
    """Lower case; no accents on Latin letters; one form of the letters that Arabic and Hindi write in several."""
    folded = text.casefold().replace("\u2019", "'")
    if folded.isascii():
        return folded
    return unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFD", folded))).translate(_letters())


@lru_cache(maxsize=16384)
def meant_by(language: str, word: str) -> tuple[str, ...]:
    """The words of a language's vocabulary that a folded word may be a form of."""
    vocabulary = vocabulary_of(language)
    found = [form for form in _forms(language, word) if form in vocabulary.words]
    found += [f"{word[:end]}*" for end in range(4, min(len(word), _LONGEST_WORD) + 1) if word[:end] in vocabulary.stubs]
    return tuple(dict.fromkeys(found))


def _forms(language: str, word: str) -> Iterator[str]:
    """A folded word and what it may be an inflection of."""
    yield word
    if len(word) > _LONGEST_WORD:
        return
    morphology = _morphology(language)
    for end in range(len(word) - 1, 0, -1) if morphology.particles else ():
        if morphology.particles and morphology.particles.fullmatch(word, end):
            yield word[:end]
    bare = [word[len(one) :] for one in morphology.articles if word.startswith(one) and len(word) > len(one) + 1]
    yield from bare
    for base in (word, *bare):
        for length in range(1, 5):
            stem = base[:-length]
            for replacement in morphology.endings.get(base[-length:], ()) if len(stem) >= morphology.shortest else ():
                yield stem + replacement
                if language == "en" and stem[-1] == stem[-2]:
                    yield stem[:-1]
