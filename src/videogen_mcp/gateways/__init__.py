"""The gateways by name. Adding one is a module of its own and one line here."""

from dataclasses import dataclass

import httpx2

from videogen_mcp.errors import NotConfigured
from videogen_mcp.gateways.attended import Attended, attend
from videogen_mcp.gateways.base import Gateway
from videogen_mcp.gateways.fal import FalGateway
from videogen_mcp.gateways.google import GoogleGateway
from videogen_mcp.gateways.heygen import HeyGenGateway
from videogen_mcp.gateways.local import LocalGateway
from videogen_mcp.gateways.mountsea import MountseaGateway
from videogen_mcp.gateways.novakit import NovaKitGateway
from videogen_mcp.gateways.pace import Pace, Time
from videogen_mcp.settings import Settings


@dataclass(frozen=True)
class GatewayEntry:
    """One line of the registry.

    Attributes:
        key_variable: The environment variable with its key; None where it needs none.
        implementation: The class; None while this version knows the gateway by name only.
    """

    key_variable: str | None
    implementation: type[Gateway] | None


GATEWAYS: dict[str, GatewayEntry] = {
    "fal": GatewayEntry("FAL_KEY", FalGateway),
    "heygen": GatewayEntry("HEYGEN_API_KEY", HeyGenGateway),
    "google": GatewayEntry("GEMINI_API_KEY", GoogleGateway),
    "mountsea": GatewayEntry("MOUNTSEA_API_KEY", MountseaGateway),
    "novakit": GatewayEntry("NOVAKIT_API_KEY", NovaKitGateway),
    "local": GatewayEntry(None, LocalGateway),
}


def open_gateway(name: str, settings: Settings, http: httpx2.AsyncClient, time: Time) -> Attended:
    """Build the gateway of that name, with its pace.

    Raises:
        NotConfigured: This version has no such gateway.
        InvalidRequest: One of its settings cannot be used.
    """
    implementation = GATEWAYS[name].implementation if name in GATEWAYS else None
    if implementation is None:
        raise NotConfigured(f"gateway {name} is not supported by this version.")
    return attend(implementation.open(settings, http), Pace(implementation.rate, time))
