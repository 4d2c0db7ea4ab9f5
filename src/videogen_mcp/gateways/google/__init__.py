"""Google's Gemini API: interactions with Gemini Omni, and the long-running predictions of Veo."""

from videogen_mcp.gateways.google.gateway import GoogleGateway

__all__ = ["GoogleGateway"]
