"""One thing that a gateway says today and the catalogue does not, as a sentence. Pure."""

from dataclasses import dataclass
from typing import Literal

DifferenceKind = Literal[
    "listing", "price", "unit", "missing", "new", "type", "values", "default", "required", "limits"
]
"""`listing`: whether the gateway serves it; `price`, `unit`: the figure, and what it is charged for; the rest: of one
parameter that only the catalogue has (`missing`), only the gateway has (`new`), or both have and describe differently.
"""


@dataclass(frozen=True)
class Difference:
    """A difference between the catalogue and a live answer.

    Attributes:
        endpoint: The endpoint, written `gateway:id`.
        kind: What differs.
        parameter: Its wire name, where a parameter is concerned.
        sentence: What is said on either side, for people.
    """

    endpoint: str
    kind: DifferenceKind
    sentence: str
    parameter: str | None = None
