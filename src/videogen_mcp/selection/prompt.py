"""A prompt cut into words: what of the lexicon stands in it, what is denied, said aloud, or listed as shots. Pure."""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from operator import add, itemgetter
from typing import Final, NamedTuple

from videogen_mcp.selection.lexicon import HAN, LATIN, WITHOUT_SPACES, Term, evidence, fold, meant_by, vocabulary_of
from videogen_mcp.types import INTENTS

_REACH: Final = {"not": 60, "no": 40, "after": 24}
"""How many characters a denial reaches at most, within its clause."""
_REACH_WITHOUT_SPACES: Final = 14
_DENIALS: Final = frozenset({"not", "no", "after", "but", "ends"})
_KANA: Final = re.compile("[\u3041-\u30fa]")
_SCRIPTS: Final = {
    "ko": re.compile("[\uac00-\ud7a3]"),
    "hi": re.compile("[\u0904-\u0939]"),
    "ar": re.compile("[\u0621-\u064a]"),
}
_PIECE: Final = re.compile(
    "(?P<dense>[\u3005-\u3007\u3041-\u30ff\u3400-\u9fff]+)"
    "|(?P<word>(?:[ldjnscmtLDJNSCMT]|[qQ]u)(?=['\u2019]\\w)|\\d+(?::\\d+)*[a-zA-Z]*"
    "|[^\\W_\u0600-\u06ff\u0900-\u097f\u3005-\u30ff\u3400-\u9fff\uac00-\ud7a3]+(?:['\u2019][^\\W\\d_]+)?"
    "|[\uac00-\ud7a3]+|[\u0900-\u0963\u0966-\u097f\u200c\u200d]+|[\u0610-\u061a\u0620-\u065f\u066e-\u06d3]+)"
    "|(?P<stop>[.,;:!?()\\[\\]\n\u3001\u3002\u0964\u060c\u061b\u061f\u2014\u2013\u2192]|(?<=\\s)-(?=\\s))"
    '|(?P<quote>["\u201c\u201d\u201e\u00ab\u00bb\u300c-\u300f])'
)
_QUOTED: Final = re.compile(
    '\u201c([^\u201c\u201d]{1,300})[\u201d\u201c]|\u201e([^\u201c\u201d\u201e"]{1,300})[\u201c\u201d"]'
    "|\u00ab([^\u00ab\u00bb]{1,300})\u00bb|\u00bb([^\u00ab\u00bb]{1,300})\u00ab"
    '|\u300c([^\u300c\u300d]{1,300})\u300d|\u300e([^\u300e\u300f]{1,300})\u300f|(?<![0-9A-Za-z])"(?=\\S)([^"\n]{1,300})(?<=\\S)"'
    "|(?<!\\w)'(?=[^\\W_])((?:[^'\n]|(?<=\\w)'(?=\\w)){2,300})'(?!\\w)|\u2018((?:[^\u2018\u2019]|\u2019(?=\\w)){2,300})\u2019(?!\\w)"
)
_SENTENCE_END: Final = re.compile("[.!?\n\u3002\u0964\u061f]")
_AND: Final = re.compile(r"[,、]|(?<!\w)(?:and|y|et|und|e|while)(?!\w)", re.IGNORECASE)
_SPEAKER: Final = re.compile(r"(\w[\w .'-]{0,30}?)\s*(?:\([^)\n]{1,30}\)\s*)?:\s*$")
_SCRIPT_LINE: Final = re.compile(
    r"(?:^|(?<=[.!?。\"]\s)|(?<=。))[ \t*_-]*([^\W\d_](?:[\w .'-]{0,24}\w)?)[ \t]*(?:\([^)\n]{1,30}\)[ \t]*)?"
    r":[ \t]*(?![\s\"“„«「『])([^\n:]{2,200})",
    re.MULTILINE,
)
_NUMBER: Final = re.compile(
    r"\s?(?:no\.?|nr\.?|n°|number|#|第)?\s?#?(\d{1,2}|[一二三四五六七八九十]|one\b|two\b|three\b|four\b)(?!\d)",
    re.IGNORECASE,
)
_NUMBER_BEFORE: Final = re.compile(r"第\s?(\d{1,2}|[一二三四五六七八九十])\s?[个個]?$")
_TIME: Final = r"\d{1,3}(?::\d{2})?(?:\.\d+)?"
_SPAN: Final = re.compile(
    rf"(\[|\()?(?<![\d.:])({_TIME})\s?(?:s|sec|秒|초)?\s?(?:-|\u2013|\u2014|~|to|bis)\s?({_TIME})\s?"
    r"((?:s|sec|secs|seconds?|sek|seg)\b|秒|초)?(?!:?\d)",
    re.IGNORECASE,
)
_ITEM: Final = re.compile(r"(?:^|(?<=\s))(\d{1,2})[.)][ \t]+(?=\S)", re.MULTILINE)
_READ: Final = ("say", "sign", "label", "address", "camera", "shot", "ordinal", "figures", "field", *_DENIALS)
_HEADS: Final = frozenset({":", "!"})
_START: Final = itemgetter(0)
_QUOTED_FROM: Final = re.compile('["\u201c\u201e\u00ab\u300c\u300e.!?\u3002\n]')
_NOT_LISTED: Final = list[tuple[int, str]]()
_SHOWN_CHARACTERS: Final = 40
_NEXT_WORD: Final = 8
_SUBJECT_REACH: Final = 14


class Hit(NamedTuple):
    """A term found at [start, end) of the prompt."""

    start: int
    end: int
    term: Term


class Prompt:
    """A prompt cut into words, with what was found in it.

    Attributes:
        shots: What makes it a shot list, as (place, text); empty when it is none.
        speech: The lines to be spoken, likewise.
    """

    def __init__(self, text: str) -> None:
        self.text = unicodedata.normalize("NFKC", text)
        self.words: list[str] = []
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.stops: list[int] = []
        for piece in _PIECE.finditer(self.text):
            kind = piece.lastgroup
            if kind == "stop":
                self.stops.append(piece.start())
            self.words.append(fold(piece[0]) if kind == "word" else "." if kind == "stop" else "")
            self.starts.append(piece.start())
            self.ends.append(piece.end())
        lowered = self.text.lower()
        self.lowered = lowered if len(lowered) == len(self.text) else self.text
        self.pairs = {*map(add, self.lowered, self.lowered[1:]), *self.lowered} if HAN.search(self.text) else set[str]()
        self.hits = sorted(self._hits(), key=lambda hit: (hit.start, -hit.end))
        self.places: dict[str, list[Hit]] = {name: [] for name in _READ}
        for hit in self.hits:
            for name in hit.term.senses:
                if name in self.places:
                    self.places[name].append(hit)
        self.denied = self._denied()
        self.muted: list[tuple[int, int]] = []
        self.speech = self._speech()
        self.muted = _merged(self.muted)
        self.shots = self._shots()

    def _languages(self) -> tuple[dict[str, bool], str]:
        """The languages to read, with whether the text is written in them or only borrows their words; the main one."""
        counts = dict.fromkeys(LATIN, 0)
        for word in self.words:
            for language in evidence().get(word, ()):
                counts[language] += 1
        most = max(counts.values())
        others = [name for name, script in _SCRIPTS.items() if script.search(self.text)]
        others += (["ja", "zh"] if _KANA.search(self.text) else ["zh", "ja"]) if HAN.search(self.text) else []
        latin = [name for name in LATIN if (counts[name] * 2 >= most if most else not others)]
        spoken = dict.fromkeys([*latin, *others], True)
        if "zh" in spoken:
            spoken[next(name for name in reversed(others) if name in WITHOUT_SPACES)] = False
        first, second = sorted(LATIN, key=lambda name: counts[name], reverse=True)[:2]
        return {"en": True} | spoken, first if counts[first] > counts[second] else ""

    def _hits(self) -> Iterator[Hit]:
        """Every term, the longest where several begin, none inside a phrase that means something else."""
        found: list[Hit] = []
        plain: set[int] = set()
        languages, main = self._languages()
        for language, spoken in languages.items():
            dense = language in WITHOUT_SPACES
            for hit in self._dense_hits(language) if dense else self._spaced_hits(language):
                if language == main and "plain" in hit.term.senses:
                    plain.add(hit.start)
                elif spoken or not _DENIALS & hit.term.senses.keys():
                    found.append(hit)
        found = [hit for hit in found if hit.start not in plain or not _DENIALS & hit.term.senses.keys()]
        decoys = _merged((hit.start, hit.end) for hit in found if "decoys" in hit.term.senses)
        return (hit for hit in found if not _is_inside(hit, decoys))

    def _spaced_hits(self, language: str) -> Iterator[Hit]:
        terms, at, last = vocabulary_of(language).terms, 0, len(self.words) - 1
        meant = [meant_by(language, word) if word else () for word in self.words]
        while at <= last:
            found: Term | None = None
            if here := meant[at]:
                following = meant[at + 1] if at < last else ()
                pairs = [f"{word} {after}" for word in here for after in following]
                for key in (*pairs, *here):
                    for term in terms.get(key, ()):
                        if (found is None or len(term.words) > len(found.words)) and self._stands(term, meant, at):
                            found = term
            if found is not None:
                start, at = at, at + len(found.words) - 1
                yield Hit(self.starts[start], self.ends[at], found)
            at += 1

    def _stands(self, term: Term, meant: list[tuple[str, ...]], at: int) -> bool:
        """Whether a term, whose first two words are known to be there, stands at a place; a denial is not inflected."""
        if len(term.words) == 1 and _DENIALS & term.senses.keys() and self.words[at] != term.words[0]:
            return self.words[at] > "\u0250"
        after = at + len(term.words)
        if after > at + 2 and (
            after > len(meant) or any(term.words[i - at] not in meant[i] for i in range(at + 2, after))
        ):
            return False
        opens = not term.opens or at == 0 or self.words[at - 1] == "."
        return opens and (not term.closes or after == len(meant) or self.words[after] == ".")

    def _dense_hits(self, language: str) -> Iterator[Hit]:
        terms, at = vocabulary_of(language).terms, 0
        begins = terms.keys() & self.pairs
        for place in sorted({place for begin in begins for place in _places_of(begin, self.lowered)}):
            for term in (*terms.get(self.lowered[place : place + 2], ()), *terms.get(self.lowered[place], ())):
                if place >= at and self.lowered.startswith(term.words[0], place):
                    at = place + len(term.words[0])
                    yield Hit(place, at, term)

    def _within(self, kind: str, start: int, end: int) -> list[Hit]:
        hits = self.places[kind]
        first, last = bisect_left(hits, start, key=_START), bisect_left(hits, end, key=_START)
        return [hit for hit in hits[first:last] if hit.end <= end]

    def _speech(self) -> list[tuple[int, str]]:
        """Lines to be spoken; what is quoted for another reason, such as the text on a sign, is not one."""
        speech: list[tuple[int, str]] = []
        open_ones: list[tuple[int, str]] = []
        before = 0
        for quoted in _QUOTED.finditer(self.text):
            line = (quoted.start() + 1, quoted[0][1:-1].strip())
            spoken = self._is_spoken(quoted.start(), quoted.end(), before)
            before = quoted.end()
            if spoken is not None:
                self.muted.append(quoted.span())
            elif len(line[1].split()) > 1 or line[1][-1:] in {".", "!", "?", "。"}:
                open_ones.append(line)
            if spoken:
                speech.append(line)
        if speech or len(open_ones) > 1:
            speech += open_ones
            self.muted += [(place, place + len(text)) for place, text in open_ones]
        for scripted in _SCRIPT_LINE.finditer(self.text):
            if not self._is_label(scripted.start(1), scripted[1]) and self._within("address", *scripted.span(2)):
                speech.append((scripted.start(), f"{scripted[1]}: {scripted[2].strip()}"))
                self.muted.append(scripted.span(2))
        return [
            (place, text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}...")
            for place, text in speech
        ]

    def _is_spoken(self, start: int, end: int, floor: int) -> bool | None:
        """Whether a quotation at [start, end) is speech or text to be seen; None where nothing around it tells."""
        if speaker := _SPEAKER.search(self.text, max(floor, start - 40), start):
            if self._within("say", speaker.start(), start):
                return not self._is_seen(
                    speaker.start() if self._within("sign", speaker.start(), start) else floor, start
                )
            return not self._is_label(speaker.start(1), speaker[1])
        ends = [one.end() for one in _SENTENCE_END.finditer(self.text, max(floor, start - 80), start)]
        left = max(floor, start - 80, *ends)
        right = min(
            [one.start() for one in _QUOTED_FROM.finditer(self.text, end, end + 40)] or [min(end + 40, len(self.text))]
        )
        seen_after, said_after = self._within("sign", end, right), self._within("say", end, right)
        if said_after and said_after[0].start - end <= 1:
            return not (seen_after and seen_after[0].start - said_after[0].end < _NEXT_WORD)
        if self._within("say", left, start) or self._within("sign", left, start):
            return not self._is_seen(left, start)
        if not seen_after and not said_after:
            return None
        return bool(said_after) and (not seen_after or said_after[0].start < seen_after[0].start)

    def _is_seen(self, left: int, start: int) -> bool:
        """Whether what introduces a quotation is a sign, or a verb whose subject is one ("a sign that says")."""
        said, seen = self._within("say", left, start), self._within("sign", left, start)
        if not seen or not said:
            return bool(seen)
        if seen[-1].start >= said[-1].start:
            return True
        between = self.text[seen[-1].end : said[-1].start]
        return len(between) <= _SUBJECT_REACH and not _AND.search(between)

    def _is_label(self, place: int, name: str) -> bool:
        """Whether what stands before a colon is a heading such as "Camera", not somebody who speaks."""
        headings = {"label", "sign", "shot", "camera", *INTENTS} - {"presenter", "dialogue"}
        return any(headings & hit.term.senses.keys() for hit in self.hits if place <= hit.start < place + len(name))

    def _shots(self) -> list[tuple[int, str]]:
        """The parts of a shot list, two or more: numbered shots, time spans, or numbered lines about the camera."""
        numbered: dict[str, tuple[int, str]] = {}
        for hit in self.places["shot"]:
            if number := _NUMBER.match(self.text, hit.end):
                numbered.setdefault(number[1].lower(), (hit.start, self.text[hit.start : number.end()]))
            elif number := _NUMBER_BEFORE.search(self.text, max(0, hit.start - 8), hit.start):
                numbered.setdefault(number[1], (number.start(), self.text[number.start() : hit.end]))
            for one in self.places["ordinal"]:
                if abs(one.start - hit.end) <= 1 or abs(hit.start - one.end) <= 1:
                    start, end = min(one.start, hit.start), max(one.end, hit.end)
                    numbered.setdefault(one.term.words[0], (start, self.text[start:end]))
        spans = {
            (one[2], one[3]): (one.start(), one[0].strip("[( "))
            for one in _SPAN.finditer(self.text)
            if one[1] or one[4] or ":" in one[2]
        }
        items = list(_ITEM.finditer(self.text))
        ends = [*(one.start() for one in items[1:]), len(self.text)]
        filmed = [
            (hits[0].start, self.text[hits[0].start : hits[0].end])
            for item, end in zip(items, ends, strict=False)
            if (hits := self._within("camera", item.end(), end))
        ]
        return next(
            (list(found) for found in (numbered.values(), spans.values(), filmed) if len(found) > 1), _NOT_LISTED
        )

    def _denied(self) -> list[tuple[int, int]]:
        """The stretches of the prompt that are denied."""
        denied: list[tuple[int, int]] = []
        for kind, reach in _REACH.items():
            for hit in self.places[kind]:
                dense = HAN.match(self.text, hit.start) is not None
                far = min(reach, _REACH_WITHOUT_SPACES) if dense else reach
                behind = (self._turn(hit.start - far, hit.start, last=True), hit.start)
                ahead = (hit.end, self._clause_end(hit, far, kind))
                nothing_ahead = not self.text[slice(*ahead)].strip()
                denied.append(behind if kind == "after" or nothing_ahead else ahead)
        return _merged(denied)

    def _turn(self, start: int, end: int, *, last: bool) -> int:
        """Where within [start, end) the last clause begins, or the first one ends."""
        turns = [one for one in self.stops if start <= one < end]
        turns += [hit.end if last else hit.start for hit in self.places["but"] if start <= hit.start and hit.end <= end]
        if last:
            turns += [hit.end for hit in self.places["after"] if start <= hit.start and hit.end < end]
        return (max if last else min)(turns, default=start if last else end)

    def _clause_end(self, denial: Hit, reach: int, kind: str) -> int:
        after = denial.end + 1
        end = self._turn(denial.end, denial.end + reach, last=False)
        if any(hit.start <= after for hit in self.places["but"] if hit.start >= denial.end and hit.start == end):
            end = self._turn(end + 1, denial.end + reach, last=False)
        if kind == "no":
            end = min([hit.start for hit in self.places["ends"] if after < hit.start < end] or [end])
        return end

    def unquoted(self) -> Iterator[tuple[Hit, bool]]:
        """What stands outside quotations and is no mere heading, and whether it is denied."""
        headings = {hit.start for hit in self.places["field"] if self.text[hit.end : hit.end + 2].strip()[:1] in _HEADS}
        for hit in self.hits:
            if hit.start not in headings and not _is_inside(hit, self.muted):
                yield hit, _is_inside(hit, self.denied)

    def has_figures(self) -> bool:
        """Whether people, animals or vehicles are to be seen."""
        return not all(_is_inside(hit, self.denied) for hit in self.places["figures"])


def _places_of(part: str, text: str) -> Iterator[int]:
    place = text.find(part)
    while place >= 0:
        yield place
        place = text.find(part, place + 1)


def _merged(stretches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same stretches in order, none overlapping."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(stretches):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _is_inside(hit: Hit, stretches: Sequence[tuple[int, int]]) -> bool:
    """Whether a hit begins within one of these ordered stretches."""
    place = bisect_right(stretches, hit.start, key=_START)
    return place > 0 and hit.start < stretches[place - 1][1]
