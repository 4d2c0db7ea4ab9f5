"""What is learned from attempts: which gateway to leave alone for a while, and what an endpoint is good for.

A gateway that refuses the key or the account is left alone for a while, so that the next job does not run into the same
wall; it is remembered in this process only, since a key is read when the process starts. What endpoints are good for is
read from the database, so that all processes and all days teach.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from videogen_mcp.errors import ErrorCode
from videogen_mcp.gateways.pace import LONGEST_SILENCE_SECONDS
from videogen_mcp.jobs.clock import Clock
from videogen_mcp.jobs.location import Location
from videogen_mcp.selection.eligibility import GatewayState
from videogen_mcp.selection.experience import NO_EXPERIENCE, Experience, Outcome

if TYPE_CHECKING:  # it brings SQLAlchemy
    from videogen_mcp.jobs.job import EndedAttempt
    from videogen_mcp.jobs.store import Store

REMEMBERED = timedelta(days=90)
MOST_ATTEMPTS = 5000
FRESH_SECONDS = 60.0
"""How long what was read from the database is used."""

COOL_OFF_SECONDS: Mapping[ErrorCode, float] = {"unauthorized": 300.0, "insufficient_credit": 60.0}
"""A refused key stays refused until the process is started anew; an account may be topped up any minute."""

REFUSED: Mapping[ErrorCode, str] = {
    "unauthorized": "refused its key a moment ago",
    "insufficient_credit": "has no credit left",
}

TROUBLE_HALF_LIFE_SECONDS = 300.0
"""A gateway that could not be reached is trusted half again after this."""

FORGIVEN_AFTER = 5
"""Half-lives after which nothing is said of it any more."""

ITS_OWN_FAULT: frozenset[ErrorCode] = frozenset({"generation_failed", "timed_out", "internal"})
"""Failures that say something of the endpoint. A refused prompt, an empty account, a wrong field does not, nor does a
gateway that could not be reached at all."""


@dataclass(frozen=True)
class _Trouble:
    """The last thing that went wrong with a gateway, and when, on the clock that only goes forward.

    Attributes:
        code: What went wrong.
        at: When.
        quiet_until: Until when the gateway wants to be left alone.
    """

    code: ErrorCode
    at: float
    quiet_until: float = 0.0


class Lessons:
    """What was learned so far.

    Args:
        clock: Time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._troubles: dict[str, _Trouble] = {}
        self._read_at: float | None = None
        self.experience: Experience = NO_EXPERIENCE

    def failed(self, gateway: str, code: ErrorCode, *, quiet_seconds: float = 0.0) -> None:
        """Note that a gateway refused or could not be reached; what is not the gateway's own matter is ignored.

        Args:
            gateway: Its name.
            code: What went wrong.
            quiet_seconds: How long it wants to be left alone.
        """
        now, known = self._clock.monotonic(), self._troubles.get(gateway)
        cooling = known is not None and now - known.at < COOL_OFF_SECONDS.get(known.code, 0.0)
        if code in COOL_OFF_SECONDS or (code == "gateway_unavailable" and not cooling):
            self._troubles[gateway] = _Trouble(code, now, now + min(quiet_seconds, LONGEST_SILENCE_SECONDS))

    def answered(self, gateway: str) -> None:
        """Note that a gateway took a request: whatever was wrong is over."""
        self._troubles.pop(gateway, None)

    def applied_to(self, states: Mapping[str, GatewayState]) -> dict[str, GatewayState]:
        """The states of the gateways with what was learned of them."""
        return {name: self._applied(name, state) for name, state in states.items()}

    def _applied(self, name: str, state: GatewayState) -> GatewayState:
        trouble = self._troubles.get(name)
        if trouble is None:
            return state
        ago = self._clock.monotonic() - trouble.at
        if trouble.code in COOL_OFF_SECONDS:
            return replace(state, cool_off=REFUSED[trouble.code]) if ago < COOL_OFF_SECONDS[trouble.code] else state
        left = trouble.quiet_until - self._clock.monotonic()
        if left > 0:
            return replace(state, cool_off=f"asked to be left alone for {left:.0f} s more")
        if ago > FORGIVEN_AFTER * TROUBLE_HALF_LIFE_SECONDS:
            return state
        return replace(state, health=1 - 0.5 ** (1 + ago / TROUBLE_HALF_LIFE_SECONDS))

    async def read(self, store: "Store | None", location: Location) -> None:
        """Read how attempts ended, unless that was done just now.

        Args:
            store: The open database; None where it is not open yet.
            location: Where it is; it is read and closed again then, where it exists.

        Raises:
            StoreError: It cannot be used.
        """
        if self._read_at is not None and self._clock.monotonic() - self._read_at <= FRESH_SECONDS:
            return
        since = self._clock.now() - REMEMBERED
        if store is not None:
            self.learn(await store.ended_attempts(since, most=MOST_ATTEMPTS))
        elif await location.exists():
            opened = await location.open()
            try:
                self.learn(await opened.ended_attempts(since, most=MOST_ATTEMPTS))
            finally:
                await opened.close()

    def learn(self, ended: Iterable["EndedAttempt"]) -> None:
        """Learn from how attempts ended."""
        now = self._clock.now()
        self._read_at = self._clock.monotonic()
        self.experience = Experience.of(
            Outcome(
                endpoint=one.endpoint,
                succeeded=one.status == "succeeded",
                seconds=(one.ended_at - one.submitted_at).total_seconds() if one.submitted_at else None,
                age_days=(now - one.ended_at) / timedelta(days=1),
            )
            for one in ended
            if one.status == "succeeded" or (one.status == "failed" and one.code in ITS_OWN_FAULT)
        )
