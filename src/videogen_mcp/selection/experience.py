"""What this installation's own attempts teach: how often an endpoint succeeds, and how long it takes. Pure."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

HALF_LIFE_DAYS = 14.0
"""An attempt of two weeks ago counts half: endpoints get better and worse within weeks."""

PRIOR_ATTEMPTS = 10.0
"""The expectation before any attempt counts like ten of them, so that one failure does not condemn an endpoint."""

PRIOR_TIMES = 3.0
"""Times scatter less than outcomes: the expected time counts like three measured ones."""

LONGEST_SECONDS = 3600.0
"""A clip that was fetched the next morning says how long the machine slept, not how long the endpoint takes."""

EXPECTED_SUCCESS: Mapping[str, float] = {"live": 0.95, "legacy": 0.85, "delisted": 0.6, "announced": 0.5}
"""Share of attempts expected to succeed before any was made, by the endpoint's status: a default, not a measurement."""


@dataclass(frozen=True)
class Outcome:
    """How one attempt ended.

    Attributes:
        endpoint: `gateway:id`.
        succeeded: Whether it gave a clip. Attempts that failed by the caller's own making are no outcomes.
        seconds: From the submit to the end, None where it is not known.
        age_days: How long ago it ended.
    """

    endpoint: str
    succeeded: bool
    seconds: float | None
    age_days: float


@dataclass
class _Track:
    """Decayed sums over the attempts at one endpoint."""

    attempts: float = 0.0
    successes: float = 0.0
    timed: float = 0.0
    log_seconds: float = 0.0


@dataclass(frozen=True)
class Experience:
    """What is known of endpoints from earlier attempts; empty on a new installation."""

    _tracks: dict[str, _Track] = field(default_factory=dict[str, _Track])

    @classmethod
    def of(cls, outcomes: Iterable[Outcome]) -> "Experience":
        """Sum up earlier outcomes, older ones counting less."""
        tracks: dict[str, _Track] = {}
        for outcome in outcomes:
            track = tracks.setdefault(outcome.endpoint, _Track())
            weight = 0.5 ** (max(0.0, outcome.age_days) / HALF_LIFE_DAYS)
            track.attempts += weight
            track.successes += weight * outcome.succeeded
            if outcome.succeeded and outcome.seconds is not None and 0 < outcome.seconds <= LONGEST_SECONDS:
                track.timed += weight
                track.log_seconds += weight * math.log(outcome.seconds)
        return cls(tracks)

    def attempts(self, endpoint: str) -> float:
        """How many attempts stand behind the figures, older ones counting less."""
        return self._tracks[endpoint].attempts if endpoint in self._tracks else 0.0

    def success(self, endpoint: str, status: str) -> float:
        """Expected share of attempts that succeed, 0 to 1.

        Args:
            endpoint: `gateway:id`.
            status: The endpoint's status in the catalogue.
        """
        expected, track = EXPECTED_SUCCESS[status], self._tracks.get(endpoint, _Track())
        return (PRIOR_ATTEMPTS * expected + track.successes) / (PRIOR_ATTEMPTS + track.attempts)

    def seconds(self, endpoint: str, expected: float) -> float:
        """Expected seconds to completion: the geometric mean, since times scatter by factors.

        Args:
            endpoint: `gateway:id`.
            expected: What is expected before any attempt.
        """
        track = self._tracks.get(endpoint, _Track())
        total = PRIOR_TIMES * math.log(expected) + track.log_seconds
        return math.exp(total / (PRIOR_TIMES + track.timed))


NO_EXPERIENCE = Experience()
