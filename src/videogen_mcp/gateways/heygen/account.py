"""What is left on the account.

Wire facts: `GET /v3/users/me` answers `{"data": {billing_type, wallet | subscription | usage_based}}`, of which the one
that `billing_type` names is filled (developers.heygen.com/user-profile). `GET /v2/user/remaining_quota` answers
`{"data": {remaining_quota}}`, 60 of which are one credit (docs.heygen.com/reference/get-remaining-quota-v2).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx2

from videogen_mcp.errors import GatewayError, NotSent
from videogen_mcp.gateways.base import NOT_SENT, Reply, call
from videogen_mcp.gateways.heygen.wire import data_of, object_of, reason, refusal_code, text_in
from videogen_mcp.gateways.json_api import short
from videogen_mcp.types import Json

_QUOTA_PER_CREDIT = 60


@dataclass(frozen=True)
class Balance:
    """What an account can still spend.

    Attributes:
        kind: `wallet`, `subscription` or `usage_based` of v3, or `quota` of v2.
        remaining: How much is left; None where there is no bound, or none is told.
        unit: `usd` or `credits`.
    """

    kind: str
    remaining: Decimal | None
    unit: str

    def __str__(self) -> str:
        if self.remaining is None:
            return f"{self.kind}: no balance is told"
        amount = f"${self.remaining:.2f}" if self.unit == "usd" else f"{self.remaining:.0f} {self.unit}"
        return f"{self.kind}: {amount} left"


async def balance(url: str, headers: Mapping[str, str], http: httpx2.AsyncClient) -> Balance:
    """Ask what is left; nothing is spent.

    Args:
        url: Base address of the API.
        headers: The header with the key.
        http: The client to use.

    Raises:
        GatewayError: HeyGen could not be asked, refused the key, or gave an answer that cannot be read.
    """
    reply = await _get(f"{url}/v3/users/me", headers, http)
    if reply.status not in {404, 410}:
        return _of_user(_readable(reply))
    reply = await _get(f"{url}/v2/user/remaining_quota", headers, http)
    quota = _amount(_readable(reply).get("remaining_quota"))
    return Balance("quota", None if quota is None else quota / _QUOTA_PER_CREDIT, "credits")


async def _get(url: str, headers: Mapping[str, str], http: httpx2.AsyncClient) -> Reply:
    try:
        return await call(http, "GET", url, headers=headers)
    except NOT_SENT as error:
        raise NotSent(f"HeyGen cannot be reached: {short(error)}.") from error
    except httpx2.HTTPError as error:
        raise GatewayError(f"HeyGen could not be asked: {short(error)}.") from error


def _readable(reply: Reply) -> Json:
    if reply.status != 200:  # noqa: PLR2004
        code = refusal_code(reply)
        raise GatewayError(
            f"HeyGen answered {reply.status}: {reason(reply)}.",
            code=code if code in {"unauthorized", "insufficient_credit"} else "gateway_unavailable",
        )
    data = data_of(reply)
    if not data:
        raise GatewayError("HeyGen gave an answer that cannot be read.")
    return data


def _of_user(data: Json) -> Balance:
    kind = text_in(data, "billing_type") or "wallet"
    account = object_of(data.get(kind))
    if kind == "subscription":
        pools = (object_of(pool) for pool in object_of(account.get("credits")).values())
        left = [amount for pool in pools if (amount := _amount(pool.get("remaining"))) is not None]
        return Balance(kind, sum(left, Decimal(0)) if left else None, "credits")
    if kind == "usage_based":
        cap, spent = _amount(account.get("spending_cap_usd")), _amount(account.get("spending_current_usd"))
        return Balance(kind, None if cap is None or spent is None else cap - spent, "usd")
    return Balance(kind, _amount(account.get("remaining_balance")), text_in(account, "currency") or "usd")


def _amount(value: Any) -> Decimal | None:
    """A figure exactly as JSON spelt it; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return Decimal(str(value))
