"""The stand-in's list of earlier requests, `GET /v1/models/requests/by-endpoint`, as its page documents it.

Two things are not documented and therefore scripted: whether requests are listed before they end, and how long it takes
until one is listed. The range is read as that of the end times, by which the real list is sorted: the reading under
which a lost request is found least easily.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.standins.schemas import Generation, Json, RecordedRequest, Reply, json_reply

PATH = "/platform/v1/models/requests/by-endpoint"
ALLOWED = {"endpoint_id", "start", "end", "status", "request_id", "expand", "limit", "cursor", "sort_by"}
STATUSES = {"success", "error", "user_error"}
MOST_IDS, MOST_ITEMS, USUAL_ITEMS = 50, 100, 50
A_DAY = timedelta(days=1)


class Slip(Exception):
    """A query that is refused."""


@dataclass
class RequestList:
    """What is listed, and how.

    Attributes:
        lists_running: Whether requests are listed before they end.
        looks_missed: How many looks are answered as if nothing had been recorded yet.
        payloads: Whether inputs are told when they are asked for.
        others: Items of requests that somebody else sent with the same key.
        most_per_page: Fewer than asked for on a page, to make pages of few items.
        looks: The queries so far, as they came.
    """

    lists_running: bool = False
    looks_missed: int = 0
    payloads: bool = True
    others: list[Json] = field(default_factory=list[Json])
    most_per_page: int = MOST_ITEMS
    looks: list[Mapping[str, list[str]]] = field(default_factory=list[Mapping[str, list[str]]])

    def answer(self, request: RecordedRequest, generations: Iterable[Generation]) -> Reply:
        """Answer strictly: the real one ignores names it does not know, but a misspelt one must fail a test."""
        if request.method != "GET":
            return refusal(405, "Method not allowed")
        self.looks.append(request.query)
        try:
            return self._page(request.query, generations)
        except Slip as slip:
            return refusal(400, str(slip))

    def _page(self, query: Mapping[str, list[str]], generations: Iterable[Generation]) -> Reply:
        unknown = query.keys() - ALLOWED
        if unknown:
            raise Slip(f"Unknown query parameter {min(unknown)}")
        start, end = _moment(query, "start", datetime.now(UTC) - A_DAY), _moment(query, "end", datetime.now(UTC))
        one_of(query, "status", STATUSES)
        one_of(query, "sort_by", {"ended_at", "duration"})
        expanded = one_of(query, "expand", {"payloads"}) is not None
        limit, page, ids = _limit(query), _page_number(query), _ids(query)
        if self.looks_missed > 0:
            self.looks_missed -= 1
            return json_reply(200, {"items": [], "next_cursor": None, "has_more": False})
        items = [*self._own(generations), *self.others]
        found = [one for one in items if one["endpoint_id"] in ids and start <= _time_of(one) < end]
        found.sort(key=_time_of, reverse=True)
        size = min(limit, self.most_per_page)
        more = len(found) > page * size
        shown = [self._shown(one, expanded=expanded) for one in found[(page - 1) * size : page * size]]
        cursor = base64.b64encode(str(page + 1).encode()).decode() if more else None
        return json_reply(200, {"items": shown, "next_cursor": cursor, "has_more": more})

    def _own(self, generations: Iterable[Generation]) -> list[Json]:
        listed = (one for one in generations if self.lists_running or one.ended_at is not None)
        return [item_of(one) for one in listed]

    def _shown(self, item: Json, *, expanded: bool) -> Json:
        told = expanded and self.payloads
        return {name: value for name, value in item.items() if told or not name.startswith("json_")}


def item_of(generation: Generation) -> Json:
    """How a request stands in the list; one that runs has no end yet."""
    item: Json = {
        "request_id": generation.request_id,
        "endpoint_id": generation.endpoint,
        "sent_at": generation.sent_at.isoformat(),
        "started_at": generation.sent_at.isoformat(),
        "json_input": generation.body,
    }
    if generation.ended_at is not None:
        failure = generation.failure
        item |= {"ended_at": generation.ended_at.isoformat(), "duration": 1.5, "json_output": {}}
        item["status_code"] = 200 if failure is None else failure.reply.status
    return item


def refusal(status: int, message: str) -> Reply:
    return json_reply(status, {"error": {"type": "validation_error", "message": message, "request_id": "req-1"}})


def _time_of(item: Json) -> datetime:
    return datetime.fromisoformat(item.get("ended_at") or item["sent_at"])


def one_of(query: Mapping[str, list[str]], name: str, allowed: set[str]) -> str | None:
    values = query.get(name, [])
    if set(values) - allowed:
        raise Slip(f"{name} is one of {', '.join(sorted(allowed))}")
    return values[0] if values else None


def _moment(query: Mapping[str, list[str]], name: str, otherwise: datetime) -> datetime:
    if name not in query:
        return otherwise
    try:
        moment = datetime.fromisoformat(query[name][0])
    except ValueError:
        raise Slip(f"{name} is a date in ISO 8601") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _limit(query: Mapping[str, list[str]]) -> int:
    text = query.get("limit", [str(USUAL_ITEMS)])[0]
    if not text.isdecimal() or not 1 <= int(text) <= MOST_ITEMS:
        raise Slip("limit is 1 to 100")
    return int(text)


def _page_number(query: Mapping[str, list[str]]) -> int:
    if "cursor" not in query:
        return 1
    try:
        return int(base64.b64decode(query["cursor"][0], validate=True))
    except (binascii.Error, ValueError):
        raise Slip("cursor is none that a page gave") from None


def _ids(query: Mapping[str, list[str]]) -> set[str]:
    ids = {one for value in query.get("endpoint_id", []) for one in value.split(",") if one}
    if not 1 <= len(ids) <= MOST_IDS:
        raise Slip("endpoint_id takes 1 to 50 ids")
    return ids
