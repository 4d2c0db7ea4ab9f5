"""What an entry demands and charges: conditions, rules and prices, as data. All frozen, nothing extra."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Scalar: TypeAlias = bool | int | float | str


class Entry(BaseModel):
    """Common ground of all that stands in a catalogue file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)


class Bound(Entry):
    """A condition on one parameter: within limits, or just present or absent."""

    min: float | None = None
    max: float | None = None
    present: bool | None = None


Conditions: TypeAlias = dict[str, Scalar | list[Scalar] | Bound]
"""Wire name -> the value, one of the values, or the bound that must hold; all together.

`list.field` looks into the items of a list: it is enough that the condition holds for one of them.
"""


class OneOf(Entry):
    """Exactly one of the parameters must be given."""

    kind: Literal["one_of"]
    params: Annotated[tuple[str, ...], Field(min_length=2, strict=False)]


class NotTogether(Entry):
    """At most one of the parameters may be given."""

    kind: Literal["not_together"]
    params: Annotated[tuple[str, ...], Field(min_length=2, strict=False)]


class Needs(Entry):
    """When `param` is given (always, when it is left out), at least one of `any_of` must be given too."""

    kind: Literal["needs"]
    param: str | None = None
    any_of: Annotated[tuple[str, ...], Field(min_length=1, strict=False)]


class MaxTotal(Entry):
    """The lists together hold at most `limit` items."""

    kind: Literal["max_total"]
    params: Annotated[tuple[str, ...], Field(min_length=2, strict=False)]
    limit: int


class Only(Entry):
    """When the conditions hold, `param` may only have one of `values`."""

    kind: Literal["only"]
    when: Conditions
    param: str
    values: Annotated[tuple[Scalar, ...], Field(min_length=1, strict=False)]


Rule: TypeAlias = Annotated[OneOf | NotTogether | Needs | MaxTotal | Only, Field(discriminator="kind")]


class Multiplier(Entry):
    """A factor on the price.

    Attributes:
        when: Conditions under which it applies; always, when empty.
        by: The factor.
        param: For a stepwise price: the counted parameter.
        over: The count included in the base price.
        each: Every begun `each` above `over` adds `by` times the base price.
    """

    when: Conditions = {}
    by: Annotated[Decimal, Field(strict=False, gt=0)]
    param: str | None = None
    over: int = 0
    each: int | None = None


class Extra(Entry):
    """A charge for every item of a list beyond those that the price includes.

    Attributes:
        usd: US dollars per item.
        param: The list.
        over: How many are included.
    """

    usd: Annotated[Decimal, Field(strict=False, gt=0)]
    param: str
    over: int = 0


Confidence = Literal["high", "medium", "low"]


class Price(Entry):
    """One row of an endpoint's price table; the first row whose conditions hold is used.

    Attributes:
        usd: The figure in US dollars.
        per: What it is charged for. `thousand_tokens`: width * height * seconds * `frame_rate` / 1024 / 1000.
        when: Conditions on the body that is sent.
        high_usd: The highest figure that any source gives; caps reckon with it.
        frame_rate: Frames per second in the token formula.
        input_seconds: Parameters whose clips' seconds are billed like output seconds.
        multiply: Factors, all that apply.
        plus: Charges for single items, added after the factors.
        source: Where the figure comes from.
        dated: The day it was read, or None where the source has none.
        confidence: How sure it is.
        note: What a reader should know.
    """

    usd: Annotated[Decimal, Field(strict=False, ge=0)]
    per: Literal["second", "video", "thousand_tokens"]
    when: Conditions = {}
    high_usd: Annotated[Decimal | None, Field(strict=False)] = None
    frame_rate: int = 24
    input_seconds: Annotated[tuple[str, ...], Field(strict=False)] = ()
    multiply: Annotated[tuple[Multiplier, ...], Field(strict=False)] = ()
    plus: Annotated[tuple[Extra, ...], Field(strict=False)] = ()
    source: str
    dated: date | None = None
    confidence: Confidence
    note: str = ""
