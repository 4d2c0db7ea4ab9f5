"""fal's list of earlier requests, to find one whose answer was lost. Nothing here is billed.

Wire facts (fal documentation): `GET {api}/v1/models/requests/by-endpoint` takes `endpoint_id`, `start`, `end`
(exclusive, the present when absent), `expand=payloads`, `limit` up to 100 and `cursor`, and answers items with
`request_id`, `sent_at` and `json_input`. Not documented: whether requests are listed before they end, and whether the
range is of when they were sent or of when they ended, by which the list is sorted. So the range asked for holds both,
and, since recording has lagged in incidents too, not being listed proves nothing. A request is taken for ours only if
its input is exactly what was sent, it was sent within two minutes of ours, and no other one fits; a page without
payloads, or a list without end, counts as not found.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import urlencode

import httpx2

from videogen_mcp.errors import PollTrouble
from videogen_mcp.gateways.base import SentRequest, call
from videogen_mcp.gateways.fal.wire import reason, short
from videogen_mcp.types import Json

WINDOW = timedelta(seconds=120)
LONGEST_RUN = timedelta(days=1)
"""What was sent before is not looked for among what ended after this."""
_MOST_PAGES = 20


class FalHistory:
    """The list of requests.

    Args:
        url: Base address of the platform API.
        headers: The header with the key.
        http: The client to use; it must not follow redirects or retry by itself.
    """

    def __init__(self, url: str, headers: Mapping[str, str], http: httpx2.AsyncClient) -> None:
        self._url = url
        self._headers = headers
        self._http = http

    async def request_id_of(self, sent: SentRequest) -> str | None:
        """The id of the one request that fits; None when there is none, or more than one.

        Raises:
            PollTrouble: fal could not be asked.
        """
        wanted = _canonical(sent.body)
        found: set[str] = set()
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            page = await self._page(sent, cursor)
            for item in _items(page):
                if item.get("json_input") is None:
                    return None
                request_id = item.get("request_id")
                if isinstance(request_id, str) and _canonical(item["json_input"]) == wanted and _is_near(item, sent):
                    found.add(request_id)
            cursor = page.get("next_cursor") or None
            if not cursor:
                return found.pop() if len(found) == 1 else None
        return None

    async def _page(self, sent: SentRequest, cursor: str | None) -> Json:
        query = {
            "endpoint_id": sent.endpoint_id,
            "start": _stamp(sent.sent_at - WINDOW),
            "expand": "payloads",
            "limit": "100",
        }
        end = sent.sent_at + LONGEST_RUN
        query |= {"end": _stamp(end)} if end < sent.asked_at else {}
        query |= {"cursor": cursor} if cursor else {}
        url = f"{self._url}/v1/models/requests/by-endpoint?{urlencode(query)}"
        try:
            reply = await call(self._http, "GET", url, headers=self._headers)
        except httpx2.HTTPError as error:
            raise PollTrouble(f"fal could not be asked: {short(error)}.") from error
        if reply.status != 200 or reply.body is None:  # noqa: PLR2004 -- HTTP's own number
            message = f"fal's list of requests answered {reply.status}: {reason(reply)}."
            raise PollTrouble(message, retry_after=reply.retry_after)
        return reply.body


def _items(page: Json) -> list[Json]:
    items: Any = page.get("items")
    return (
        [cast("Json", one) for one in cast("list[Any]", items) if isinstance(one, dict)]
        if isinstance(items, list)
        else []
    )


def _is_near(item: Json, sent: SentRequest) -> bool:
    try:
        moment = datetime.fromisoformat(str(item.get("sent_at")))
    except ValueError:
        return False
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return abs(moment - sent.sent_at) <= WINDOW


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
