"""How quickly one process sends to one gateway: a rate, and silence where the gateway asks for it.

Submits and looks are counted apart, so that neither starves the other. A submit waits for its turn before it is written
down as sent; a look whose turn it is not is left out, since the next one tells the same; a cancellation never waits.
"""

import asyncio
from dataclasses import dataclass
from typing import Protocol

LONGEST_SILENCE_SECONDS = 600.0
"""However long a gateway asks to be left alone, it is asked again after this."""

BURST_SECONDS = 10.0
"""After a rest, what these seconds allow may be sent at once."""


class Time(Protocol):
    """What pacing asks of time."""

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        ...

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Wait until the event is set, `seconds` at most."""
        ...


@dataclass(frozen=True)
class Rate:
    """What one process sends to a gateway at most.

    Attributes:
        submits: A second, on average.
        looks: A second, on average: all requests but submits.
        source: Where the figures are from.
    """

    submits: float
    looks: float
    source: str


UNLIMITED = Rate(float("inf"), float("inf"), "")


class Pace:
    """The pace of one gateway.

    Args:
        rate: What may be sent.
        time: Time.
    """

    def __init__(self, rate: Rate, time: Time) -> None:
        self.rate = rate
        self._time = time
        self._submits = _Bucket(rate.submits, time)
        self._looks = _Bucket(rate.looks, time)
        self._silent_until = 0.0

    @property
    def silence(self) -> float:
        """Seconds for which the gateway still wants to be left alone."""
        return max(0.0, self._silent_until - self._time.monotonic())

    def keep_silent(self, seconds: float) -> None:
        """Leave the gateway alone as it asks, within bounds."""
        until = self._time.monotonic() + min(seconds, LONGEST_SILENCE_SECONDS)
        self._silent_until = max(self._silent_until, until)

    async def submit_turn(self) -> bool:
        """Wait until a submit may be sent; tells whether that took any time."""
        return await self._submits.turn()

    async def turn(self) -> None:
        """Wait until a request may be sent that is neither a submit nor a look at a generation."""
        await self._looks.turn()

    def may_look(self) -> bool:
        """Whether a look may be sent now; it is counted as sent then."""
        return self._looks.takes_one()

    def cancelling(self) -> None:
        """Count a cancellation, which waits for nobody: it makes the looks wait."""
        self._looks.owe_one()


class _Bucket:
    """Tokens that come back with time; whoever waits in turn owes one."""

    def __init__(self, per_second: float, time: Time) -> None:
        self._per_second = per_second
        self._most = max(1.0, per_second * BURST_SECONDS)
        self._time = time
        self._tokens = self._most
        self._at = time.monotonic()

    def _refill(self) -> None:
        now = self._time.monotonic()
        earned = (now - self._at) * self._per_second if now > self._at else 0.0
        self._tokens, self._at = min(self._most, self._tokens + earned), now

    def owe_one(self) -> None:
        self._refill()
        self._tokens -= 1

    def takes_one(self) -> bool:
        self._refill()
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    async def turn(self) -> bool:
        self.owe_one()
        if self._tokens >= 0:
            return False
        await self._time.wait(asyncio.Event(), -self._tokens / self._per_second)
        return True
