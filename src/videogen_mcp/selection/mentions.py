"""Makers that a prompt asks for, or asks to avoid, by name. Pure.

A name alone is no wish: "a Luma-coloured sky" or a person called Wan are subjects. A wish has a word that says how the
clip is to be made, such as "use", "with" or "in the style of", right beside the name.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

_NAMES: dict[str, str] = {
    "seedance": r"seedance|bytedance",
    "kling": r"kling|kuaishou",
    "minimax": r"minimax|hailuo",
    "veo": r"(?:google(?:'s)?\s+)?veo|google(?:'s)?\s+(?:video\s+)?model",
    "google": r"(?:google(?:'s)?\s+)?gemini(?:\s+omni)?",
    "wan": r"alibaba(?:'s)?\s+wan|wan\s*\d(?:\.\d)?",
    "luma": r"luma(?:\s+ray)?|dream\s+machine",
    "pixverse": r"pixverse",
    "ltx": r"ltx(?:-?\d(?:\.\d)?)?",
    "heygen": r"heygen",
    "sora": r"sora(?:\s+2)?",
    "runway": r"runway\s+gen-?\s?\d",
    "vidu": r"vidu",
    "grok": r"grok(?:\s+imagine)?",
    "pika": r"pika(?:\s+(?:labs|\d(?:\.\d)?))",
}
"""Provider -> how people write it. Names that are also plain words need their maker or version beside them."""

_VERSION = r"(?:\s+v?\d+(?:\.\d+)?)?"
_BY = r"(?:use|using|via|through|with|by|on|in)"
_LIKE = r"(?:style|look|quality|character|aesthetics?)"
_NOT = r"(?:not|no|never|don'?t\s+use|do\s+not\s+use|avoid|without|except|anything\s+but|other\s+than|instead\s+of)"


@dataclass(frozen=True)
class Mentions:
    """Providers by what the prompt wishes of them."""

    wanted: frozenset[str] = frozenset()
    unwanted: frozenset[str] = frozenset()


def read_mentions(prompt: str) -> Mentions:
    """The makers that a prompt asks for or asks to avoid; an unwanted one is never wanted as well."""
    text = prompt.casefold().replace("\u2019", "'")
    unwanted = frozenset(name for name, (_, avoiding) in _patterns().items() if avoiding.search(text))
    wanted = frozenset(name for name, (wishing, _) in _patterns().items() if wishing.search(text))
    return Mentions(wanted - unwanted, unwanted)


@lru_cache(maxsize=1)
def _patterns() -> dict[str, tuple[re.Pattern[str], re.Pattern[str]]]:
    """Per provider what a wish for it and a wish against it look like."""
    compiled: dict[str, tuple[re.Pattern[str], re.Pattern[str]]] = {}
    for provider, name in _NAMES.items():
        named = rf"(?:{name}){_VERSION}\b"
        wishing = rf"\b{_BY}\s+(?:the\s+)?{named}|\b{named}(?:'s)?[\s-]+{_LIKE}\b|\bstyle\s+of\s+{named}"
        avoiding = rf"\b{_NOT}\s+(?:use\s+|with\s+|by\s+|in\s+)?(?:the\s+)?{named}"
        compiled[provider] = re.compile(wishing), re.compile(avoiding)
    return compiled
