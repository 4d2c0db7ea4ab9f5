"""What a catalogue entry may say: models, endpoints, parameters, rules and prices. All frozen, nothing extra.

An endpoint's parameters are keyed by their own wire names. `from` says which argument of the public contract a
parameter carries; its documented `values` are the encoder: asked for six seconds, the encoder sends the value that
equals six seconds, be it `"6s"`, `"6"`, `6` or 97 frames.
"""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, cast

from pydantic import Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from videogen_mcp.catalogue.terms import Entry, Only, Price, Rule, Scalar
from videogen_mcp.types import MEDIA_FIELDS, Intent, Json, Mode

VALUE_FIELDS = ("prompt", "negative_prompt", "seed", "duration", "aspect_ratio", "resolution", "generate_audio")
"""Arguments, besides the media, that a parameter may carry."""

ParamType = Literal["string", "integer", "number", "boolean", "array", "object"]

_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list, tuple),
    "object": (dict,),
}


def is_of_type(value: Any, kind: ParamType) -> bool:
    """Whether a value has the JSON type exactly: `true` is not 1, `"5"` is not 5."""
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _PYTHON_TYPES[kind])


class Param(Entry):
    """One parameter of an endpoint.

    Attributes:
        type: Its JSON type.
        source: The contract argument(s) it carries, written `from`; none: it is set through `options` only.
        required: The endpoint refuses a body without it.
        const: A value that is always sent.
        values: The documented values, in the wire's own type and spelling.
        automatic: Those of the values that leave the choice to the endpoint (`auto`).
        default: What the endpoint takes when the parameter is absent.
        preset: What is sent when the caller does not say; the default where it is not automatic.
        minimum: Smallest number.
        maximum: Largest number.
        per_second: For a length in frames: frames per second, or the parameter that holds them.
        plus: Frames on top of `per_second` times the seconds.
        max_chars: Longest text.
        min_items: Shortest list.
        max_items: Longest list.
        formats: File formats the endpoint documents for a medium, in lower case.
        max_megabytes: Largest file.
        max_total_megabytes: Largest sum over a list.
        min_seconds: Shortest clip or sound.
        max_seconds: Longest clip or sound.
        min_total_seconds: Smallest sum of lengths over a list.
        max_total_seconds: Largest sum of lengths over a list.
        min_size: Smallest picture, `WxH` in pixels: a square bounds both sides, any other the number of pixels.
        max_size: Largest picture, likewise.
        min_ratio: Narrowest picture, width over height.
        max_ratio: Widest picture, width over height.
        min_fps: Slowest clip, in frames per second.
        max_fps: Fastest clip, in frames per second.
        item: What one medium looks like on the wire where it is no bare address: an object in which `{medium}` stands
            for the address and `{n}` for its number, from 1.
        serves: Arguments whose place it takes in a mode when it is set through `options`, though it carries none.
        total_of: For a length: `list.field`, whose sum it is when that list is given.
        tag: How the prompt refers to the n-th item, e.g. `@Image{n}`.
        schema_: JSON Schema of a structured value, written `schema`.
        description: What it does, in a clause.
    """

    type: ParamType = "string"
    source: Annotated[tuple[str, ...], Field(alias="from", strict=False)] = ()
    required: bool = False
    const: Any = None
    values: Annotated[tuple[Scalar, ...], Field(strict=False)] = ()
    automatic: Annotated[tuple[Scalar, ...], Field(strict=False)] = ()
    default: Any = None
    preset: Any = None
    minimum: float | None = None
    maximum: float | None = None
    per_second: float | str | None = None
    plus: int = 0
    max_chars: int | None = None
    min_items: int | None = None
    max_items: int | None = None
    formats: Annotated[tuple[str, ...], Field(strict=False)] = ()
    max_megabytes: float | None = None
    max_total_megabytes: float | None = None
    min_seconds: float | None = None
    max_seconds: float | None = None
    min_total_seconds: float | None = None
    max_total_seconds: float | None = None
    min_size: str | None = None
    max_size: str | None = None
    min_ratio: float | None = None
    max_ratio: float | None = None
    min_fps: float | None = None
    max_fps: float | None = None
    item: Json | None = None
    serves: Annotated[tuple[str, ...], Field(strict=False)] = ()
    total_of: str | None = None
    tag: str | None = None
    schema_: Annotated[Json | None, Field(alias="schema")] = None
    description: str = ""

    @model_validator(mode="before")
    @classmethod
    def _one_source_is_a_list_of_one(cls, data: Any) -> Any:
        if isinstance(data, dict):
            entry = cast("Json", data)
            return entry | {"from": [entry["from"]]} if isinstance(entry.get("from"), str) else entry
        return data

    @model_validator(mode="after")
    def _consistent(self) -> "Param":
        unknown = [
            name for name in (*self.source, *self.serves) if name not in MEDIA_FIELDS and name not in VALUE_FIELDS
        ]
        if unknown:
            raise ValueError(f"`from` or `serves` names {unknown[0]!r}, which is no argument of the contract")
        for value in (*self.values, self.default, self.preset, self.const):
            if value is not None and not is_of_type(value, self.type):
                raise ValueError(f"{value!r} is not of type {self.type}")
        for value in (*self.automatic, self.default, self.preset):
            if value is not None and self.values and value not in self.values:
                raise ValueError(f"{value!r} is not among the values")
        if self.item is not None and "{medium}" not in self.item.values():
            raise ValueError("`item` has no place for {medium}")
        return self

    def carries(self, field: str) -> bool:
        """Whether it carries that argument of the contract."""
        return field in self.source

    def on_the_wire(self, medium: str, number: int) -> Any:
        """A medium as the endpoint wants it: its bare address, or an object that holds it.

        Args:
            medium: The address.
            number: Its place among the media of this parameter, from 1.
        """
        if self.item is None:
            return medium
        return {
            name: str(value).replace("{n}", str(number)).replace("{medium}", medium)
            for name, value in self.item.items()
        }

    def media_limits(self) -> str:
        """What a medium given here may be, in a sentence; empty where nothing is documented."""
        spans = (
            ("{} s", self.min_seconds, self.max_seconds),
            ("{} s together", self.min_total_seconds, self.max_total_seconds),
            ("{} MB", None, self.max_megabytes),
            ("{} MB together", None, self.max_total_megabytes),
            ("{} pixels", self.min_size, self.max_size),
            ("{} wide for 1 high", self.min_ratio, self.max_ratio),
            ("{} fps", self.min_fps, self.max_fps),
        )
        parts = [
            unit.format(_span(least, most)) for unit, least, most in spans if least is not None or most is not None
        ]
        told = "; ".join([*([", ".join(self.formats)] if self.formats else []), *parts])
        return f"Takes {told}." if told else ""

    def json_schema(self) -> Json:
        """The parameter as a JSON Schema property."""
        one: Json = {"type": "string"}
        if self.item is not None:
            one = {"type": "object", "required": list(self.item), "properties": dict.fromkeys(self.item, one)}
        schema: Json = dict(self.schema_ or (one if self.item and self.type == "object" else {"type": self.type}))
        if self.type == "array" and "items" not in schema:
            schema["items"] = one
        wanted: Json = {
            "const": self.const,
            "enum": list(self.values) or None,
            "default": self.default,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "maxLength": self.max_chars,
            "minItems": self.min_items,
            "maxItems": self.max_items,
            "description": " ".join(part for part in (self.description, self.media_limits()) if part) or None,
        }
        return schema | {name: value for name, value in wanted.items() if value is not None}


def _span(least: float | str | None, most: float | str | None) -> str:
    low, high = (f"{value:g}" if isinstance(value, int | float) else value for value in (least, most))
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"{low} to {high}"


class Fixed(Entry):
    """What an endpoint always does, where it has no parameter for it.

    Attributes:
        duration: Seconds.
        resolution: Resolution name.
        aspect_ratio: A ratio, or `source`: that of the medium given.
        generate_audio: Whether the clip has sound.
        fps: Frames per second.
        length_of: The parameter with the clip that the result is as long as.
        longest: Seconds of that clip that are used; what is longer is cut.
    """

    duration: float | None = None
    resolution: str | None = None
    aspect_ratio: str | None = None
    generate_audio: bool | None = None
    fps: float | None = None
    length_of: str | None = None
    longest: float | None = None


class Endpoint(Entry):
    """One callable id at one gateway, with its contract.

    Attributes:
        id: The gateway's own id.
        gateway: The gateway.
        model: The model behind it.
        modes: What it can do.
        status: `live`; `delisted` (only when pinned); `legacy`; `announced`.
        params: Its parameters, by wire name.
        fixed: What it does without being asked.
        rules: What parameters demand of each other.
        prices: Its price table; empty: unknown.
        usual_seconds: Typical time to completion, where a source gives one.
        open: Parameters that are not listed are passed on as they are (ids outside the catalogue).
        source: Where the contract comes from.
        checked: The day of that source.
        note: What a reader should know.
        example: An input as the documentation shows it.
    """

    id: str
    gateway: str
    model: str
    modes: Annotated[tuple[Mode, ...], Field(min_length=1, strict=False)]
    status: Literal["live", "delisted", "legacy", "announced"] = "live"
    params: dict[str, Param]
    fixed: Fixed = Fixed()
    rules: Annotated[tuple[Rule, ...], Field(strict=False)] = ()
    prices: Annotated[tuple[Price, ...], Field(strict=False)] = ()
    unit_usd: SkipJsonSchema[Annotated[Decimal | None, Field(strict=False)]] = None
    """What one unit costs that the gateway counts for the bill, as it says itself; never in the catalogue's files."""
    usual_seconds: float | None = None
    open: bool = False
    source: str
    checked: date
    note: str = ""
    example: Json = Field(default_factory=dict[str, Any])

    @property
    def key(self) -> str:
        """The endpoint as the contract writes it, `gateway:id`."""
        return f"{self.gateway}:{self.id}"

    @model_validator(mode="after")
    def _names_known(self) -> "Endpoint":
        named = {
            name
            for rule in self.rules
            for name in (*getattr(rule, "params", ()), *getattr(rule, "any_of", ()), getattr(rule, "param", None))
            if name
        }
        named |= {name for rule in self.rules if isinstance(rule, Only) for name in rule.when}
        named |= {param.per_second for param in self.params.values() if isinstance(param.per_second, str)}
        for price in self.prices:
            named |= set(price.when) | set(price.input_seconds)
            named |= {name for one in price.multiply for name in (*one.when, one.param) if name}
            named |= {extra.param for extra in price.plus}
        named |= {param.total_of for param in self.params.values() if param.total_of}
        named |= {self.fixed.length_of} if self.fixed.length_of else set()
        # `list.field` looks into the items of a list.
        named = {name.partition(".")[0] for name in named}
        unknown = named - set(self.params) - set(Fixed.model_fields)
        if unknown:
            raise ValueError(f"{self.id}: a rule, price or length names {min(unknown)!r}, which is no parameter")
        return self

    def param_for(self, field: str) -> tuple[str, Param] | None:
        """The wire name and parameter that carry a contract argument."""
        return next(((name, param) for name, param in self.params.items() if param.carries(field)), None)

    def json_schema(self) -> Json:
        """The endpoint's input as a JSON Schema."""
        return {
            "type": "object",
            "properties": {name: param.json_schema() for name, param in self.params.items()},
            "required": [name for name, param in self.params.items() if param.required],
            "additionalProperties": self.open,
        }


class Rating(Entry):
    """A human-preference rating; ratings compare only within one board, modality and audio class.

    Attributes:
        board: The leaderboard and its version.
        modality: What was compared.
        audio: Whether with sound.
        elo: The rating.
        dated: The day it was read, or None where only the month is known.
        source: Where it was read.
    """

    board: str
    modality: Literal["text_to_video", "image_to_video"]
    audio: Literal["with", "without", "mixed", "unknown"]
    elo: float
    dated: date | None = None
    source: str


class Model(Entry):
    """What is scored: a model, whichever gateways reach it.

    Attributes:
        id: Its name in the contract.
        provider: Who made it.
        title: Its name for people.
        ratings: Human-preference ratings.
        grade: A plain grade where there is no rating.
        pace: How quick it is meant to be, by its maker's own naming; for where no time was measured.
        fit: How well it suits an intent, 0 to 1; 0.5 where nothing is said.
        bonus: What is added to the score for an intent that the sources name this model for; shown as a reason.
        note: What a reader should know.
    """

    id: str
    provider: str
    title: str
    ratings: Annotated[tuple[Rating, ...], Field(strict=False)] = ()
    grade: Literal["excellent", "good", "draft"] | None = None
    pace: Literal["fast", "normal", "slow"] = "normal"
    fit: dict[Intent, float] = Field(default_factory=dict[Intent, float])
    bonus: dict[Intent, float] = Field(default_factory=dict[Intent, float])
    note: str = ""


class CatalogueFile(Entry):
    """One file of the catalogue: the models and endpoints of one provider."""

    model: Annotated[tuple[Model, ...], Field(strict=False)] = ()
    endpoint: Annotated[tuple[Endpoint, ...], Field(strict=False)] = ()
