"""When nothing is eligible: the one refusal that tells the caller most. Pure."""

from collections.abc import Mapping, Sequence

from videogen_mcp.errors import InvalidRequest, NotConfigured, NothingEligible, OverBudget, Refusal
from videogen_mcp.selection.eligibility import GatewayState, Sieved
from videogen_mcp.types import Mode, VideoRequest

_PINS = ("endpoint", "model", "provider", "gateway")
_TOLD_AT_MOST = 5


def why_nothing(
    request: VideoRequest, mode: Mode, sieved: Sieved, gateways: Mapping[str, GatewayState]
) -> NothingEligible | InvalidRequest:
    """The error for a request that no endpoint can serve: what stands in the way of those that come closest."""
    # What can be used now goes first: of equal reasons, that of an endpoint at hand is told.
    told_first = sorted(sieved.refusals, key=lambda one: not _gateway_of(one, gateways).configured)
    near = [one for one in told_first if one.field not in {*_PINS, "exclude"} or one.code == "not_configured"]
    unset = [one for one in near if one.code == "not_configured"]
    dear = [one for one in near if one.code == "over_budget"]
    content = [one for one in near if one.code in {"invalid_request", "unsafe_media"} and one.field != "mode"]
    if not near and request.gateway is not None:
        return _empty_gateway(request.gateway, gateways[request.gateway], sieved)
    if dear:
        fix = "Raise max_cost_usd, or ask for less."
        return OverBudget(f"nothing within the cap: {_told(dear)}", refusals=tuple(dear), fix=fix)
    at_hand = [one for one in content if _gateway_of(one, gateways).configured]
    if unset and at_hand:
        variables = _variables(unset, gateways)
        fix = f"Setting {variables} opens endpoints that can do it."
        return InvalidRequest(_told(at_hand), field=at_hand[0].field, fix=fix)
    if unset:
        return _not_configured(request, unset, gateways)
    if content and len({one.field for one in content}) == 1:
        return InvalidRequest(_told(content), field=content[0].field)
    reasons = _told(content or near or sieved.refusals)
    return NothingEligible(f"no endpoint can do {mode} as asked: {reasons}", refusals=sieved.refusals)


def _empty_gateway(name: str, state: GatewayState, sieved: Sieved) -> NothingEligible:
    """A pinned gateway for which the catalogue holds nothing."""
    if not state.configured:
        message = f"gateway {name} needs {state.key_variable} to be set."
        return NotConfigured(message, refusals=sieved.refusals, fix=_SET_THE_KEY)
    message = f"gateway {name} has no endpoint for this in this version."
    return NothingEligible(message, refusals=sieved.refusals, fix="video_models lists what there is.")


_SET_THE_KEY = "Set the key and start the server again; without any key, video_selector draws a free animatic."


def _not_configured(
    request: VideoRequest, unset: Sequence[Refusal], gateways: Mapping[str, GatewayState]
) -> NotConfigured:
    pins = ", ".join(f"{name} {getattr(request, name)}" for name in _PINS if getattr(request, name))
    message = f"{pins or 'this request'} needs {_variables(unset, gateways)} to be set."
    return NotConfigured(message, refusals=tuple(unset), fix=_SET_THE_KEY)


def _gateway_of(refusal: Refusal, gateways: Mapping[str, GatewayState]) -> GatewayState:
    return gateways[refusal.endpoint.partition(":")[0]]


def _variables(unset: Sequence[Refusal], gateways: Mapping[str, GatewayState]) -> str:
    return " or ".join(sorted({_gateway_of(one, gateways).key_variable or "" for one in unset}))


def _told(refusals: Sequence[Refusal]) -> str:
    """The reasons, at most five, each said once with an endpoint that gives it."""
    told: dict[str, str] = {}
    for refusal in refusals:
        told.setdefault(refusal.reason, refusal.endpoint)
    lines = [f"{reason.rstrip('.')} [{endpoint}]" for reason, endpoint in list(told.items())[:_TOLD_AT_MOST]]
    return "; ".join(lines) + "."
