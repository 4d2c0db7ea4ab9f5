"""Whether fal accepts the key.

`GET {api}/v1/models/pricing?endpoint_id=…` needs a key and costs nothing (fal documentation). What is left on the
account is not told to an ordinary key.
"""

from collections.abc import Mapping

import httpx2

from videogen_mcp.errors import GatewayError, NotSent
from videogen_mcp.gateways.base import NOT_SENT, Health, call
from videogen_mcp.gateways.fal.wire import reason, refusal_code, short

_ASKED = "fal-ai/veo3.1"
"""Whose price is asked for; a 404 for it would still say that the key is good."""


class FalAccount:
    """What is told of the key.

    Args:
        url: Base address of the platform API.
        headers: The header with the key.
        http: The client to use; it must not follow redirects or retry by itself.
    """

    def __init__(self, url: str, headers: Mapping[str, str], http: httpx2.AsyncClient) -> None:
        self._url = url
        self._headers = headers
        self._http = http

    async def check(self) -> Health:
        """Ask for a price; see `Gateway.check`."""
        try:
            url = f"{self._url}/v1/models/pricing?endpoint_id={_ASKED}"
            reply = await call(self._http, "GET", url, headers=self._headers)
        except NOT_SENT as error:
            raise NotSent(f"fal's platform API cannot be reached: {short(error)}.") from error
        except httpx2.HTTPError as error:
            raise GatewayError(f"fal's platform API could not be asked: {short(error)}.") from error
        if reply.status in {200, 404}:
            return Health(accepted=True)
        code = refusal_code(reply)
        if code == "unauthorized":
            return Health(accepted=False, note=reason(reply))
        if code == "insufficient_credit":
            return Health(accepted=True, balance=reason(reply))
        raise GatewayError(f"fal's platform API answered {reply.status}: {reason(reply)}.")
