"""HeyGen: the gateway (workflow v1, models, avatars and the video agent of v3), its uploads and its balance."""

from videogen_mcp.gateways.heygen.account import Balance
from videogen_mcp.gateways.heygen.gateway import HeyGenGateway

__all__ = ["Balance", "HeyGenGateway"]
