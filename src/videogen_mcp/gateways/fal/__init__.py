"""fal.ai: the gateway (queue and storage), and the platform API that knows live prices and contracts."""

from videogen_mcp.gateways.fal.gateway import FalGateway
from videogen_mcp.gateways.fal.platform import FalPlatform

__all__ = ["FalGateway", "FalPlatform"]
