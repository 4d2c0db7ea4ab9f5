"""The catalogue: every endpoint the product knows, loaded once from `data/*.toml`."""

import re
from collections.abc import Iterable
from datetime import date
from functools import cached_property, lru_cache
from importlib.resources import files

import tomli
from pydantic import ValidationError

from videogen_mcp.catalogue.schema import CatalogueFile, Endpoint, Model, Param
from videogen_mcp.errors import InvalidRequest, VideoGenError
from videogen_mcp.types import Mode

_FAL_KEY = re.compile(r"fal:\w[\w.-]*(/\w[\w.-]*)+", re.ASCII)
"""Owner, app and path: it becomes part of an address, so nothing that could lead out of its path."""


class Catalogue:
    """Models and endpoints, found by name.

    Args:
        models: Every model, by unique id.
        endpoints: Every endpoint, by unique `gateway:id`; its model must be among `models`.

    Raises:
        VideoGenError: An id stands twice, or an endpoint names a model that is not there.
    """

    def __init__(self, models: Iterable[Model], endpoints: Iterable[Endpoint]) -> None:
        self.models: dict[str, Model] = {}
        self._endpoints: dict[str, Endpoint] = {}
        for model in models:
            if model.id in self.models:
                raise VideoGenError(f"The catalogue lists model {model.id} twice.")
            self.models[model.id] = model
        for endpoint in endpoints:
            if endpoint.key in self._endpoints:
                raise VideoGenError(f"The catalogue lists endpoint {endpoint.key} twice.")
            if endpoint.model not in self.models:
                raise VideoGenError(f"Endpoint {endpoint.key} names the unknown model {endpoint.model}.")
            self._endpoints[endpoint.key] = endpoint

    @cached_property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """All endpoints, in catalogue order."""
        return tuple(self._endpoints.values())

    @cached_property
    def providers(self) -> tuple[str, ...]:
        """All providers, in catalogue order."""
        return tuple(dict.fromkeys(model.provider for model in self.models.values()))

    def of_mode(self, mode: Mode) -> tuple[Endpoint, ...]:
        """The endpoints that can do a mode."""
        return tuple(endpoint for endpoint in self.endpoints if mode in endpoint.modes)

    def of_model(self, model: str) -> tuple[Endpoint, ...]:
        """The endpoints that reach a model."""
        return tuple(endpoint for endpoint in self.endpoints if endpoint.model == model)

    def model_of(self, endpoint: Endpoint) -> Model:
        """The model behind an endpoint; a nameless one for an id outside the catalogue."""
        return self.models.get(endpoint.model) or Model(id=endpoint.model, provider="other", title=endpoint.id)

    def knows(self, key: str) -> bool:
        """Whether `find` finds it."""
        return key in self._endpoints or _FAL_KEY.fullmatch(key) is not None

    def find(self, key: str) -> Endpoint:
        """The endpoint written `gateway:id`; an unknown fal id gets the generic contract.

        Raises:
            InvalidRequest: There is no such endpoint.
        """
        if found := self._endpoints.get(key):
            return found
        if _FAL_KEY.fullmatch(key):
            return generic(key.partition(":")[2])
        raise InvalidRequest(
            f"endpoint {key!r} is not in the catalogue.",
            field="endpoint",
            fix="video_models lists the endpoints; only ids at fal may be used without being listed.",
        )


def generic(endpoint_id: str) -> Endpoint:
    """The contract of a fal id outside the catalogue: a prompt, `image_url`, and options passed on as they are."""
    return Endpoint(
        id=endpoint_id,
        gateway="fal",
        model=endpoint_id,
        modes=("text_to_video", "image_to_video"),
        params={
            "prompt": Param(source=("prompt",)),
            "image_url": Param(source=("first_frame",)),
        },
        open=True,
        source="seed 000: endpoints outside the list are accepted as they are, with image_url for the reference",
        checked=date(2026, 11, 21),
        note="Not in the catalogue: parameters and price are unknown, options are passed on unchecked.",
    )


def read_file(name: str, text: str) -> CatalogueFile:
    """Read one catalogue file.

    Raises:
        VideoGenError: It is not valid; names the file, the entry and what is wrong.
    """
    try:
        return CatalogueFile.model_validate(tomli.loads(text))
    except (tomli.TOMLDecodeError, ValidationError) as error:
        raise VideoGenError(f"catalogue/data/{name}: {error}") from error


@lru_cache(maxsize=1)
def load_catalogue() -> Catalogue:
    """The catalogue that ships with the product, read once per process."""
    folder = files("videogen_mcp.catalogue").joinpath("data")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    parts = [read_file(name, folder.joinpath(name).read_text(encoding="utf-8")) for name in names]
    return Catalogue(
        models=(model for part in parts for model in part.model),
        endpoints=(endpoint for part in parts for endpoint in part.endpoint),
    )
