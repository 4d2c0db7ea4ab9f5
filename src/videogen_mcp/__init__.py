"""An MCP server that lets an agent make a video. The product is the server: nothing here is a library interface."""

__version__ = "0.1.0"
