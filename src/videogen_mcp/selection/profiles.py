"""The weights of the dimensions, by priority and intent, from `profiles.toml`."""

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

import tomli
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from videogen_mcp.errors import VideoGenError
from videogen_mcp.types import PRIORITIES, Intent, Priority

DIMENSIONS = ("fit", "quality", "control", "cost", "speed", "reliability", "health")
"""What an endpoint is judged by, each 0 to 1."""


class Profiles(BaseModel):
    """The file: weights per priority, and factors on them per intent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    priority: dict[Priority, dict[str, float]]
    intent: dict[Intent, dict[str, float]] = Field(default_factory=dict[Intent, dict[str, float]])

    @model_validator(mode="after")
    def _complete(self) -> "Profiles":
        if set(self.priority) != set(PRIORITIES):
            raise ValueError(f"priorities must be {', '.join(PRIORITIES)}")
        for name, weighed in self.priority.items():
            if set(weighed) != set(DIMENSIONS):
                raise ValueError(f"priority {name} must weigh {', '.join(DIMENSIONS)}")
        for name, factors in self.intent.items():
            if unknown := set(factors) - set(DIMENSIONS):
                raise ValueError(f"intent {name} has a factor for {min(unknown)!r}, which is no dimension")
        return self


@lru_cache(maxsize=1)
def load_profiles() -> Profiles:
    """The profiles that ship with the product.

    Raises:
        VideoGenError: The file is not valid.
    """
    text = files("videogen_mcp.selection").joinpath("profiles.toml").read_text(encoding="utf-8")
    try:
        return Profiles.model_validate(tomli.loads(text))
    except (tomli.TOMLDecodeError, ValidationError) as error:
        raise VideoGenError(f"selection/profiles.toml: {error}") from error


@lru_cache(maxsize=64)
def weights(priority: Priority, intent: Intent) -> Mapping[str, float]:
    """How much each dimension counts for a priority and an intent; they sum to one."""
    profiles = load_profiles()
    factors = profiles.intent.get(intent, {})
    raw = {name: profiles.priority[priority][name] * factors.get(name, 1.0) for name in DIMENSIONS}
    total = sum(raw.values())
    return {name: weight / total for name, weight in raw.items()}
