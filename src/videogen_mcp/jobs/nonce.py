"""Making each submit's input its own, where the endpoint allows it, so that a lost one can be found by what was sent.

No gateway takes an idempotency key. A list of requests can tell which one was ours only if no other has the same input:
a random seed, or an id of the caller's own, changes nothing that was asked for (DESIGN §5).
"""

from dataclasses import replace
from random import Random

from videogen_mcp.catalogue.draft import Change
from videogen_mcp.catalogue.schema import Endpoint
from videogen_mcp.gateways.base import MARK_PREFIX
from videogen_mcp.selection.scoring import Candidate

USER_ID = "end_user_id"
"""A parameter for the caller's own id of its user; nothing is made of it but statistics."""

TITLE = "title"
"""The name of the clip in the gateway's own list, which can be searched by it."""

LARGEST_SEED = 2**31 - 1
"""Every endpoint that takes a seed takes one up to this, unless it says less."""

WHY = "so that the request can be found again if its answer is lost"


def with_nonce(candidate: Candidate, endpoint: Endpoint, random: Random) -> Candidate:
    """The candidate with a body that no other job has; unchanged where the endpoint has nothing to carry that."""
    body = candidate.payload.body
    if USER_ID in endpoint.params and USER_ID not in body:
        return _with(candidate, USER_ID, f"{random.getrandbits(64):016x}", f"options.{USER_ID}")
    if TITLE in endpoint.params and TITLE not in body:
        return _with(candidate, TITLE, f"{MARK_PREFIX}{random.getrandbits(64):016x}", f"options.{TITLE}")
    found = endpoint.param_for("seed")
    if found is None or found[0] in body:
        return candidate
    name, param = found
    largest = LARGEST_SEED if param.maximum is None else min(LARGEST_SEED, int(param.maximum))
    return _with(candidate, name, random.randint(max(0, int(param.minimum or 0)), largest), "seed")


def _with(candidate: Candidate, name: str, value: int | str, field: str) -> Candidate:
    change = Change(field, None, value, WHY)
    payload = candidate.payload
    payload = replace(payload, body=payload.body | {name: value}, changes=(*payload.changes, change))
    return replace(candidate, payload=payload)
