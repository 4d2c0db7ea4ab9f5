"""What a job should be doing, reckoned from the answers it was given: as simple as the promises of the contract.

It shares no code with the product. `Expected` is told every answer, and says what the row must hold after it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

DEADLINE = timedelta(hours=6)
GONE_AFTER = 5
FETCHES = 6
SENDS = 3
SEND_PAUSES = (0.5, 2.0)
SENDS_WITHIN = 4.0
"""Seconds from the first send within which the last one begins."""
DEATHS = 3

GOES_ON: Mapping[str, str] = {
    "invalid_request": "endpoint",
    "not_found": "endpoint",
    "generation_failed": "endpoint",
    "internal": "endpoint",
    "download_failed": "endpoint",
    "unauthorized": "gateway",
    "insufficient_credit": "gateway",
    "gateway_unavailable": "gateway",
}
"""Codes after which something else is tried: another endpoint, or another gateway. After all others, nothing is."""

JOB_MOVES = {
    *(("queued", "working"), ("queued", "failed"), ("queued", "cancelled")),
    *(("working", one) for one in ("completed", "failed", "cancelled", "uncertain")),
    *(("uncertain", one) for one in ("working", "completed", "failed")),
}
ATTEMPT_MOVES = {
    *(("submitting", one) for one in ("submitted", "failed", "uncertain")),
    *(("uncertain", one) for one in ("submitted", "failed")),
    *(("submitted", one) for one in ("succeeded", "failed", "cancelled")),
}


@dataclass
class Try:
    """One attempt: `cost` is what it commits, None where that is not known."""

    endpoint: str
    cost: Decimal | None
    status: str = "submitting"
    code: str | None = None


@dataclass
class Expected:
    """One job.

    Attributes:
        prices: The candidates in order, with their estimates.
        cap: The most that all attempts may cost together.
        fallback: Whether more than one may be tried.
        media: Whether media go with the prompt.
        stage: What its driver must be asking for; "" where none has anything to do.
    """

    prices: Mapping[str, Decimal | None]
    cap: Decimal | None
    fallback: bool
    media: bool = False
    status: str = "queued"
    stage: str = "prepare"
    tries: list[Try] = field(default_factory=list[Try])
    to_cancel: bool = False
    stop_told: bool = False
    fetches: int = 0
    sends: int = 0
    gone: int = 0
    deaths: int = 0
    sending: datetime | None = None
    submitted: datetime | None = None
    watched: datetime | None = None

    @property
    def last(self) -> Try:
        return self.tries[-1]

    @property
    def committed(self) -> Decimal | None:
        """What the job commits; None while that is not known."""
        if not self.tries:
            return Decimal(0) if self.status in {"failed", "cancelled"} else next(iter(self.prices.values()))
        costs = [one.cost for one in self.tries]
        return None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0))

    @property
    def committed_as_far_as_known(self) -> Decimal | None:
        """The same with nothing for a cost that is not known, once something was tried.

        Between two tries it is as much more as the first one was to cost.
        """
        if not self.tries:
            return self.committed
        waits = self.status in {"queued", "working"} and self.last.status in {"failed", "cancelled"}
        return self.spent + ((next(iter(self.prices.values())) or Decimal(0)) if waits else Decimal(0))

    @property
    def spent(self) -> Decimal:
        """What the tries cost, as far as known."""
        return sum((one.cost for one in self.tries if one.cost is not None), Decimal(0))

    @property
    def next_endpoint(self) -> str | None:
        """Which endpoint may be tried next."""
        if self.tries and not self.fallback:
            return None
        codes = [(one.endpoint, GOES_ON.get(one.code or "")) for one in self.tries]
        if any(then is None for _, then in codes):
            return None
        shut = {endpoint.partition(":")[0] for endpoint, then in codes if then == "gateway"}
        tried = {endpoint for endpoint, _ in codes}
        for endpoint, price in self.prices.items():
            if endpoint not in tried and endpoint.partition(":")[0] not in shut and self._affordable(price):
                return endpoint
        return None

    def _affordable(self, price: Decimal | None) -> bool:
        if self.cap is None or not self.tries:
            return True
        return price is not None and self.committed is not None and self.committed + price <= self.cap

    def begins(self, now: datetime) -> None:
        """The attempt is written down; the next question is whether it leaves the machine."""
        endpoint = self.next_endpoint
        assert endpoint is not None
        self.deaths = 0
        self.tries.append(Try(endpoint, self.prices[endpoint]))
        self.status, self.stage, self.sends, self.sending = "working", "send", 0, now

    def is_unsent(self, now: datetime) -> None:
        """Nothing left this machine: it is sent again while there are turns and time, and nobody stops it."""
        assert self.sending is not None
        self.sends += 1
        over = self.sends == SENDS or self.to_cancel
        if over or (now - self.sending).total_seconds() + SEND_PAUSES[self.sends - 1] >= SENDS_WITHIN:
            self.fails("gateway_unavailable", free=True)

    def fails(self, code: str, *, free: bool) -> None:
        """The attempt is over; what follows from it."""
        self.last.status, self.last.code = "failed", code
        if free:
            self.last.cost = Decimal(0)
        self.moves_on()

    def moves_on(self) -> None:
        """Start the next attempt, or end."""
        if self.to_cancel:
            self.ends("cancelled")
        elif self.next_endpoint is None:
            self.ends("failed")
        else:
            self.stage = "prepare"

    def ends(self, status: str) -> None:
        self.status, self.stage = status, ""

    def runs(self, now: datetime, since: datetime | None) -> None:
        """The gateway has it."""
        self.last.status, self.submitted = "submitted", since
        self.status = "working"
        self.watches(now)

    def watches(self, now: datetime) -> None:
        """A driver begins to look at the generation."""
        self.watched, self.gone, self.stop_told = now, 0, False
        self.looks()

    def looks(self) -> None:
        self.stage = "stop" if self.to_cancel and not self.stop_told else "look"

    def lost(self) -> None:
        """The answer is lost; it is looked for at once."""
        self.last.status, self.stage = "uncertain", "find"

    def seen_failed(self, code: str) -> None:
        """A look told that there will be no clip."""
        if self.last.status == "succeeded":
            self.ends("failed")
        elif self.to_cancel:
            self.last.status = "cancelled"
            self.ends("cancelled")
        else:
            self.fails(code, free=False)

    def outlives(self, now: datetime) -> None:
        """The driver died and another one takes over; what may have killed several is given up.

        Handing over media may kill each time. Decoding a clip may do so once: then it is decoded elsewhere.
        """
        self.deaths += (self.stage == "prepare" and self.media) or (self.stage == "fetch" and not self.deaths)
        if self.deaths < DEATHS:
            self.taken_over(now)
        else:
            self.ends("failed")

    def taken_over(self, now: datetime) -> None:
        """Another driver goes on from the row."""
        if not self.tries or self.last.status in {"failed", "cancelled"}:
            self.moves_on()
        elif self.last.status == "submitting":
            self.lost()
        elif self.last.status == "uncertain":
            self.stage = "find"
        else:
            self.watches(now)
