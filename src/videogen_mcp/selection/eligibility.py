"""Hard filters: an endpoint can serve the request, with the body it would get, or there is a reason why not. Pure."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from videogen_mcp.catalogue import Catalogue
from videogen_mcp.catalogue.encode import Payload, encode
from videogen_mcp.catalogue.limits import check_media
from videogen_mcp.catalogue.pricing import Cost, price
from videogen_mcp.catalogue.schema import Endpoint, Model
from videogen_mcp.errors import InvalidRequest, Refusal
from videogen_mcp.types import NOTHING_MEASURED, Media, Mode, VideoRequest, file_name_of, is_address, told_names

PINS = ("provider", "gateway", "model", "endpoint")
"""Arguments that are obeyed or refused, never swapped."""


@dataclass(frozen=True)
class GatewayState:
    """What selection needs to know of a gateway.

    Attributes:
        key_variable: The environment variable with its key; None where it needs none.
        configured: Its key is set, or it needs none.
        supported: This version can talk to it.
        health: How well it answered lately, 0 to 1.
        cool_off: Why it is left alone for a while; empty where it is not.
        takes_files: Files can be handed over to it; otherwise it takes addresses only.
    """

    key_variable: str | None
    configured: bool
    supported: bool
    health: float = 1.0
    cool_off: str = ""
    takes_files: bool = True

    @property
    def ready(self) -> bool:
        """Whether it can be used now."""
        return self.configured and self.supported


@dataclass(frozen=True)
class Eligible:
    """An endpoint that can serve the request, with the body it would get and what that costs."""

    endpoint: Endpoint
    model: Model
    payload: Payload
    cost: Cost


@dataclass(frozen=True)
class Sieved:
    """The outcome of the filters."""

    eligible: tuple[Eligible, ...]
    refusals: tuple[Refusal, ...]


def check_names(request: VideoRequest, catalogue: Catalogue, gateways: Mapping[str, GatewayState]) -> None:
    """Check that every pinned and excluded name exists.

    Raises:
        InvalidRequest: One does not; names the argument, the value and what there is.
    """
    known: dict[str, tuple[str | None, tuple[str, ...]]] = {
        "provider": (request.provider, catalogue.providers),
        "gateway": (request.gateway, tuple(gateways)),
        "model": (request.model, tuple(catalogue.models)),
    }
    for field, (value, names) in known.items():
        if value is not None and value not in names:
            raise InvalidRequest(f"{field} {value!r} is not known; {told_names(value, names)}.", field=field)
    if request.endpoint is not None:
        catalogue.find(request.endpoint)
    _check_pins_agree(request, catalogue)
    excludable = {*catalogue.providers, *gateways, *catalogue.models}
    for value in request.exclude:
        if value not in excludable and not catalogue.knows(value):
            message = f"exclude {value!r} is not known; allowed: providers, gateways, models and endpoints."
            raise InvalidRequest(message, field="exclude", fix="video_models lists them.")


def _check_pins_agree(request: VideoRequest, catalogue: Catalogue) -> None:
    """Check that the pins and exclusions leave something.

    Raises:
        InvalidRequest: Two of them rule each other out; names the narrower.
    """
    facts: dict[str, dict[str, str]] = {}
    if request.endpoint is not None:
        endpoint = catalogue.find(request.endpoint)
        provider = catalogue.model_of(endpoint).provider
        facts["endpoint"] = {"provider": provider, "gateway": endpoint.gateway, "model": endpoint.model}
    if request.model is not None:
        facts["model"] = {"provider": catalogue.models[request.model].provider}
    for narrow, known in facts.items():
        for wide, value in known.items():
            wanted: str | None = getattr(request, wide)
            if wanted not in {None, value}:
                message = f"{narrow} {getattr(request, narrow)} is of {wide} {value}, but {wide} {wanted} is pinned."
                raise InvalidRequest(message, field=narrow)
    for pin in PINS:
        value = getattr(request, pin)
        if value is not None and value in request.exclude:
            raise InvalidRequest(f"exclude names {value}, which is pinned as {pin}.", field="exclude")


def sieve(
    request: VideoRequest,
    mode: Mode,
    catalogue: Catalogue,
    gateways: Mapping[str, GatewayState],
    cap_usd: Decimal | None,
    *,
    media: Media = NOTHING_MEASURED,
    speaks: bool = False,
) -> Sieved:
    """Put every endpoint through the filters.

    Args:
        request: What the caller wants.
        mode: The mode, inferred or given.
        catalogue: The endpoints.
        gateways: What is known of each gateway.
        cap_usd: The most that the job may cost, None for no cap.
        media: What is known of the request's media.
        speaks: The clip lives on speech: where the caller leaves the sound open, it is asked for.
    """
    eligible: list[Eligible] = []
    refusals: list[Refusal] = []
    for endpoint in _considered(request, catalogue):
        model = catalogue.model_of(endpoint)
        refusal = _barred(request, endpoint, model, gateways)
        if refusal is None:
            try:
                payload = _encode(endpoint, mode, request, speaks=speaks)
                _check_reachable(request, endpoint, gateways)
                check_media(endpoint, payload.body, media)
            except InvalidRequest as error:
                refusal = Refusal(endpoint.key, error.message, error.code, error.field)
            else:
                cost = price(endpoint, payload, media)
                # Asked last, so that a missing key is named only where setting it would help.
                refusal = (
                    _too_dear(request, endpoint, cost, cap_usd)
                    or _keyless(endpoint, gateways)
                    or _cooling(endpoint, gateways)
                )
                if refusal is None:
                    eligible.append(Eligible(endpoint, model, payload, cost))
        if refusal is not None:
            refusals.append(refusal)
    return Sieved(tuple(eligible), tuple(refusals))


def _encode(endpoint: Endpoint, mode: Mode, request: VideoRequest, *, speaks: bool) -> Payload:
    """The body; with sound where speech wants it, the caller left it open, and the endpoint can."""
    if speaks and request.generate_audio is None:
        with contextlib.suppress(InvalidRequest):
            return encode(endpoint, mode, request.model_copy(update={"generate_audio": True}))
    return encode(endpoint, mode, request)


def _check_reachable(request: VideoRequest, endpoint: Endpoint, gateways: Mapping[str, GatewayState]) -> None:
    """Check that the gateway can get at the media.

    Raises:
        InvalidRequest: One is a file, and the gateway takes addresses only; names the argument.
    """
    if gateways[endpoint.gateway].takes_files:
        return
    for field, value in request.media():
        if not is_address(value):
            message = (
                f"{field} ({file_name_of(value)}) is a file, and gateway {endpoint.gateway} takes https addresses only."
            )
            raise InvalidRequest(message, field=field)


def _considered(request: VideoRequest, catalogue: Catalogue) -> tuple[Endpoint, ...]:
    if request.endpoint is not None:
        return (catalogue.find(request.endpoint),)
    return catalogue.endpoints


def pinned_endpoints(request: VideoRequest, catalogue: Catalogue) -> tuple[Endpoint, ...]:
    """The endpoints that the request's pins leave; none when nothing is pinned."""
    if not any(getattr(request, pin) for pin in PINS):
        return ()
    return tuple(
        endpoint
        for endpoint in _considered(request, catalogue)
        if request.provider in {None, catalogue.model_of(endpoint).provider}
        and request.gateway in {None, endpoint.gateway}
        and request.model in {None, endpoint.model}
    )


def _barred(
    request: VideoRequest, endpoint: Endpoint, model: Model, gateways: Mapping[str, GatewayState]
) -> Refusal | None:
    """The first reason that has nothing to do with the request's content."""
    names = (("provider", model.provider), ("gateway", endpoint.gateway), ("model", endpoint.model))
    for field, value in (*names, ("endpoint", endpoint.key)):
        wanted: str | None = getattr(request, field)
        if wanted is not None and wanted != value:
            return Refusal(endpoint.key, f"{field} {value} is not the pinned {wanted}.", "nothing_eligible", field)
        if value in request.exclude:
            return Refusal(endpoint.key, f"exclude names its {field}, {value}.", "nothing_eligible", "exclude")
    # Every pin that is given matches by now.
    pinned = any(getattr(request, field) is not None for field in PINS)
    named = request.endpoint is not None or request.model is not None
    return _unavailable(endpoint, gateways, pinned=pinned, named=named)


def _unavailable(
    endpoint: Endpoint, gateways: Mapping[str, GatewayState], *, pinned: bool, named: bool
) -> Refusal | None:
    """The reason why an endpoint that the caller did not rule out cannot be used now."""
    gateway = gateways[endpoint.gateway]
    reason, field = "", "gateway"
    if endpoint.status in {"delisted", "announced"} and not named:
        reason, field = f"endpoint is {endpoint.status}: used only when it or its model is pinned.", "endpoint"
    elif not gateway.supported:
        reason = f"gateway {endpoint.gateway} is not supported by this version."
    elif endpoint.gateway == "local" and not pinned and any_key(gateways):
        reason = "gateway local draws an animatic, not AI video: used when no key is set, or when pinned."
    return Refusal(endpoint.key, reason, "nothing_eligible", field) if reason else None


def _keyless(endpoint: Endpoint, gateways: Mapping[str, GatewayState]) -> Refusal | None:
    gateway = gateways[endpoint.gateway]
    if gateway.configured:
        return None
    reason = f"gateway {endpoint.gateway} needs {gateway.key_variable} to be set."
    return Refusal(endpoint.key, reason, "not_configured", "gateway")


def _cooling(endpoint: Endpoint, gateways: Mapping[str, GatewayState]) -> Refusal | None:
    why = gateways[endpoint.gateway].cool_off
    if not why:
        return None
    return Refusal(endpoint.key, f"gateway {endpoint.gateway} {why}.", "gateway_unavailable", "gateway")


def any_key(gateways: Mapping[str, GatewayState]) -> bool:
    """Whether a gateway that can make AI video is ready."""
    return any(one.ready and one.key_variable for one in gateways.values())


def _too_dear(request: VideoRequest, endpoint: Endpoint, cost: Cost, cap_usd: Decimal | None) -> Refusal | None:
    if cap_usd is None:
        return None
    if cost.ceiling_usd is None:
        if request.endpoint == endpoint.key or request.model == endpoint.model:
            return None
        reason = f"max_cost_usd {cap_usd:.2f} is set and its price is unknown; pin it to use it."
        return Refusal(endpoint.key, reason, "over_budget", "max_cost_usd")
    if cost.ceiling_usd <= cap_usd:
        return None
    reason = f"max_cost_usd {cap_usd:.2f} is below its price of up to ${cost.ceiling_usd:.2f}."
    return Refusal(endpoint.key, reason, "over_budget", "max_cost_usd")
