"""The catalogue: every endpoint the product knows, loaded once from `data/*.toml`."""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cached_property, lru_cache
from importlib.resources import files

import tomli
from pydantic import ValidationError

from videogen_mcp.catalogue.difference import Difference
from videogen_mcp.catalogue.live import UnitPrice, apply
from videogen_mcp.catalogue.openapi import LiveContract, check
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
        beside: Endpoints that are found by their key and not listed, whatever their model.

    Raises:
        VideoGenError: An id stands twice, or an endpoint names a model that is not there.
    """

    def __init__(self, models: Iterable[Model], endpoints: Iterable[Endpoint], beside: Iterable[Endpoint] = ()) -> None:
        self.models: dict[str, Model] = {}
        self._endpoints: dict[str, Endpoint] = {}
        self._beside = {endpoint.key: endpoint for endpoint in beside}
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

    def lists(self, key: str) -> bool:
        """Whether the endpoint is one of the catalogue's own."""
        return key in self._endpoints

    def knows(self, key: str) -> bool:
        """Whether `find` finds it."""
        return self.lists(key) or _FAL_KEY.fullmatch(key) is not None

    def find(self, key: str) -> Endpoint:
        """The endpoint written `gateway:id`; an unknown fal id gets the generic contract.

        Raises:
            InvalidRequest: There is no such endpoint.
        """
        if found := self._endpoints.get(key) or self._beside.get(key):
            return found
        if _FAL_KEY.fullmatch(key):
            return generic(key.partition(":")[2])
        raise InvalidRequest(
            f"endpoint {key!r} is not in the catalogue.",
            field="endpoint",
            fix="video_models lists the endpoints; only ids at fal may be used without being listed.",
        )

    def with_endpoint(self, endpoint: Endpoint) -> "Catalogue":
        """A catalogue that also finds this endpoint by its key; it is not listed, so it is used only when pinned."""
        return Catalogue(self.models.values(), self.endpoints, (*self._beside.values(), endpoint))

    def refreshed(
        self, prices: Mapping[str, UnitPrice], contracts: Mapping[str, LiveContract | None]
    ) -> tuple["Catalogue", tuple[Difference, ...]]:
        """The catalogue with live prices, and everything in which it differs from what the gateway says.

        Contracts are compared, not taken over: an entry holds what no schema says (limits, rules, what a parameter
        carries). An endpoint that was put beside the catalogue gets its price only.

        Args:
            prices: Unit prices by endpoint key.
            contracts: What the gateway lists by endpoint key, None where it lists nothing; absent: not asked.
        """
        live = apply(self._endpoints | self._beside, prices)
        found: list[Difference] = []
        for key, endpoint in self._endpoints.items():
            told = live[key].difference if key in live else None
            found += [told] if told is not None else []
            found += check(endpoint, contracts[key]) if key in contracts else ()
        priced = {key: one.endpoint for key, one in live.items()}
        listed = (priced.get(key, endpoint) for key, endpoint in self._endpoints.items())
        beside = (priced.get(key, endpoint) for key, endpoint in self._beside.items())
        return Catalogue(self.models.values(), listed, beside), tuple(found)


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
