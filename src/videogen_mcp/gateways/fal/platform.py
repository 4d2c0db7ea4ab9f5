"""fal's platform API: live unit prices and live contracts. Nothing here is billed.

Wire facts (fal documentation, platform-apis/v1/models and .../models/pricing):
* `GET {api}/v1/models/pricing?endpoint_id=a&endpoint_id=b` takes 1 to 50 ids and answers `{"prices": [{endpoint_id,
  unit_price, unit, currency}], "next_cursor", "has_more"}`: one base price per endpoint, the account's discounts
  applied. A key is required.
* `GET {api}/v1/models?endpoint_id=…&expand=openapi-3.0` answers `{"models": [{endpoint_id, metadata, openapi}],
  "next_cursor", "has_more"}`; the parameter is `expand`, `expand[]` is ignored.
"""

import asyncio
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol, Self, cast
from urllib.parse import urlencode

import httpx2

from videogen_mcp.catalogue.live import UnitPrice
from videogen_mcp.catalogue.openapi import LiveContract
from videogen_mcp.errors import GatewayError, NotSent
from videogen_mcp.gateways.base import NOT_SENT, Reply, call
from videogen_mcp.gateways.fal.wire import authorization, reason, refusal_code, short
from videogen_mcp.settings import Settings
from videogen_mcp.types import Json

logger = logging.getLogger(__name__)

IDS_PER_CALL = 50
TRIES = 4
"""How often a call is made in all when the service asks to be left alone for a while."""
LONGEST_PAUSE_SECONDS = 60.0
_FIRST_PAUSE_SECONDS = 2.0
_MOST_PAGES = 20


class Time(Protocol):
    """What these calls ask of time."""

    def now(self) -> datetime:
        """The time of day, in UTC."""
        ...

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Wait until the event is set, `seconds` at most."""
        ...


class FalPlatform:
    """The platform API.

    Args:
        url: Its base address.
        headers: The header with the key.
        http: The client to use; it must not follow redirects or retry by itself.
        time: For the date of what is read, and for pauses that the service asks for.
    """

    def __init__(self, url: str, headers: Mapping[str, str], http: httpx2.AsyncClient, time: Time) -> None:
        self._url = url
        self._headers = headers
        self._http = http
        self._time = time

    @classmethod
    def open(cls, settings: Settings, http: httpx2.AsyncClient, time: Time) -> Self:
        """Build it from the environment.

        Raises:
            NotConfigured: `FAL_KEY` is not set.
            InvalidRequest: One of its settings cannot be used.
        """
        url = settings.base_url("VIDEOGEN_FAL_API_URL", "https://api.fal.ai")
        return cls(url, authorization(settings, needed=True), http, time)

    async def unit_prices(self, ids: Iterable[str]) -> dict[str, UnitPrice]:
        """The live unit price of each endpoint id that fal has one for; the others are absent.

        Raises:
            GatewayError: fal could not be asked, or its answer cannot be read.
        """
        wanted = list(dict.fromkeys(ids))
        prices: dict[str, UnitPrice] = {}
        for start in range(0, len(wanted), IDS_PER_CALL):
            prices |= await self._prices_of(wanted[start : start + IDS_PER_CALL])
        return prices

    async def _prices_of(self, ids: Sequence[str]) -> dict[str, UnitPrice]:
        entries = await self._entries("/v1/models/pricing", [("endpoint_id", one) for one in ids], "prices")
        if entries is None and len(ids) > 1:
            # Should one unknown id spoil the answer for all, halving leaves only it without one.
            half = len(ids) // 2
            return await self._prices_of(ids[:half]) | await self._prices_of(ids[half:])
        today = self._time.now().date()
        prices: dict[str, UnitPrice] = {}
        for entry in entries or ():
            endpoint_id, price = entry.get("endpoint_id"), _unit_price(entry, today)
            if isinstance(endpoint_id, str) and endpoint_id in ids and price is not None:
                prices[endpoint_id] = price
            else:
                logger.info("fal gave a price that cannot be used, for %s", endpoint_id)
        return prices

    async def contract(self, endpoint_id: str) -> LiveContract | None:
        """What fal lists under an endpoint id, with its OpenAPI document; None where it lists nothing.

        Raises:
            GatewayError: fal could not be asked, or its answer cannot be read.
        """
        query = [("endpoint_id", endpoint_id), ("expand", "openapi-3.0")]
        for entry in await self._entries("/v1/models", query, "models") or ():
            if entry.get("endpoint_id") == endpoint_id:
                status = _object(entry.get("metadata")).get("status")
                document = _object(entry.get("openapi"))
                return LiveContract(
                    # An error of the expansion may stand in the document's place.
                    document=document if "paths" in document else None,
                    status=status if isinstance(status, str) else "",
                    read=self._time.now().date(),
                )
        return None

    async def _entries(self, path: str, query: Sequence[tuple[str, str]], name: str) -> list[Json] | None:
        """The entries of all pages; None where fal answers that what was asked for does not exist."""
        entries: list[Json] = []
        seen: set[str] = set()
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            reply = await self._get(path, [*query, *([("cursor", cursor)] if cursor else [])])
            if reply.status == 404:  # noqa: PLR2004
                return None
            found = (reply.body or {}).get(name)
            if reply.status != 200 or not isinstance(found, list):  # noqa: PLR2004
                raise self._trouble(reply)
            entries += [cast("Json", one) for one in cast("list[Any]", found) if isinstance(one, dict)]
            following = (reply.body or {}).get("next_cursor")
            if not isinstance(following, str) or not following or following in seen:
                return entries
            seen.add(following)
            cursor = following
        return entries

    async def _get(self, path: str, query: Sequence[tuple[str, str]]) -> Reply:
        """Ask once, and again after the pause that the service asks for."""
        address = f"{self._url}{path}?{urlencode(query)}"
        pause = _FIRST_PAUSE_SECONDS
        for tries_left in reversed(range(TRIES)):
            try:
                reply = await call(self._http, "GET", address, headers=self._headers)
            except NOT_SENT as error:
                raise NotSent(f"fal's platform API cannot be reached: {short(error)}.") from error
            except httpx2.HTTPError as error:
                raise GatewayError(f"fal's platform API could not be asked: {short(error)}.") from error
            asked = pause if reply.retry_after is None else reply.retry_after
            if reply.status != 429 or not tries_left or asked > LONGEST_PAUSE_SECONDS:  # noqa: PLR2004
                return reply
            await self._time.wait(asyncio.Event(), asked)
            pause *= 2
        raise AssertionError("the last try returns")

    def _trouble(self, reply: Reply) -> GatewayError:
        if reply.status == 200:  # noqa: PLR2004
            return GatewayError("fal's platform API gave an answer that cannot be read.")
        later = "" if reply.retry_after is None else f" It asks to be left alone for {reply.retry_after:g} s."
        code = refusal_code(reply)
        return GatewayError(
            f"fal's platform API answered {reply.status}: {reason(reply)}.{later}",
            code=code if code in {"unauthorized", "insufficient_credit"} else "gateway_unavailable",
        )


def _object(value: Any) -> Json:
    return cast("Json", value) if isinstance(value, dict) else {}


def _unit_price(entry: Json, today: date) -> UnitPrice | None:
    """One entry of the price list, its figure exactly as JSON spelt it; None where it is none."""
    amount, unit, currency = entry.get("unit_price"), entry.get("unit"), entry.get("currency")
    if isinstance(amount, bool) or not isinstance(amount, int | float) or not math.isfinite(amount):
        return None
    if not isinstance(unit, str) or not isinstance(currency, str):
        return None
    return UnitPrice(Decimal(str(amount)), unit, currency, today)
