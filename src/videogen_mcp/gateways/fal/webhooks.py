"""fal's webhooks: whether a call is fal's, and which request it is about.

Wire facts (fal documentation, model-apis/webhooks): a submit with `?fal_webhook=<address>` has the address called with
`{request_id, gateway_request_id, status: OK|ERROR, payload, …}` when the request has ended; `request_id` is the one of
the queue. The headers X-Fal-Webhook-Request-Id, -User-Id, -Timestamp (Unix seconds) and -Signature (hexadecimal) hold
an ED25519 signature over the first three and the SHA-256 of the body (hexadecimal), parted by line feeds. The public
keys are listed at `{rest}/.well-known/jwks.json` (`x` of each is base64url), to be kept for 24 hours at most. Calls
are repeated until they are answered with a success, ten times in two hours, so the same one may come again.

The signature tells that fal called, not that the request is ours: anybody may name any address when submitting.
"""

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import httpx2

from videogen_mcp.errors import CallbackRefused, PollTrouble
from videogen_mcp.gateways.base import call
from videogen_mcp.gateways.fal.wire import short
from videogen_mcp.types import Json

if TYPE_CHECKING:  # only servers that are called need it, and it takes a while to load
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

HEADER_PREFIX = "x-fal-webhook-"
WINDOW_SECONDS = 300
"""How far the time in a call may be from ours, either way."""

KEYS_KEPT = timedelta(hours=24)
KEYS_ASKED_AGAIN = timedelta(minutes=1)
"""How soon the keys are asked for again when none fits: fal may have changed them, or somebody makes calls up."""

_NAME = re.compile(r"[\x21-\x7e]{1,256}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"[0-9A-Fa-f]{128}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""What may stand in an address of the queue: the id is asked about there, with our key."""

_KEY_BYTES = 32


@dataclass(frozen=True)
class Signed:
    """The signature of a call and what it is over but the body: the headers' own words."""

    request_id: str
    user_id: str
    timestamp: str
    signature: bytes

    def message(self, body: bytes) -> bytes:
        """What was signed."""
        return "\n".join((self.request_id, self.user_id, self.timestamp, hashlib.sha256(body).hexdigest())).encode()


def read_headers(headers: Mapping[str, str]) -> Signed:
    """The signature headers of a call.

    Raises:
        CallbackRefused: One is missing or not in its form.
    """
    wanted = {"request-id": _NAME, "user-id": _NAME, "timestamp": _TIMESTAMP, "signature": _SIGNATURE}
    values = {name: headers.get(HEADER_PREFIX + name, "") for name in wanted}
    for name, form in wanted.items():
        if not form.fullmatch(values[name]):
            raise CallbackRefused(f"The header {HEADER_PREFIX}{name} is missing or not in its form.")
    signature = bytes.fromhex(values["signature"])
    return Signed(values["request-id"], values["user-id"], values["timestamp"], signature)


class FalWebhooks:
    """Checks calls that say they are fal's.

    Args:
        rest_url: Base address of the API that lists the keys.
        http: The client to use; it must not follow redirects or retry by itself.
    """

    def __init__(self, rest_url: str, http: httpx2.AsyncClient) -> None:
        self._keys_url = f"{rest_url}/.well-known/jwks.json"
        self._http = http
        self._asking = asyncio.Lock()
        self._keys: Sequence[Ed25519PublicKey] = ()
        self._kept_since: datetime | None = None
        self._asked_at: datetime | None = None

    async def request_id_of(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        """The id of the request that a call is about, once its signature was checked; see `CallsBack.read_callback`."""
        signed = read_headers(headers)
        if abs(now.timestamp() - int(signed.timestamp)) > WINDOW_SECONDS:
            raise CallbackRefused("The call was signed too long ago, or the clocks differ.")
        await self._check(signed.message(body), signed.signature, now)
        return _request_id(body)

    async def _check(self, message: bytes, signature: bytes, now: datetime) -> None:
        """Hold a signature against all keys, and against those of this minute when none fits.

        Raises:
            CallbackRefused: No key fits.
            PollTrouble: There are no keys to hold it against.
        """
        seen = self._current(now)
        if seen and _fits(seen, message, signature):
            return
        async with self._asking:
            if self._asked_at is None or not timedelta() <= now - self._asked_at < KEYS_ASKED_AGAIN:
                self._asked_at = now
                await self._ask(now)
        keys = self._current(now)
        if not keys:
            raise PollTrouble("fal's public keys could not be read.")
        if keys is seen or not _fits(keys, message, signature):
            raise CallbackRefused("The signature is not fal's.")

    def _current(self, now: datetime) -> "Sequence[Ed25519PublicKey]":
        return self._keys if self._kept_since is not None and now - self._kept_since <= KEYS_KEPT else ()

    async def _ask(self, now: datetime) -> None:
        """Read the keys anew; those that are kept stay when that fails."""
        try:
            reply = await call(self._http, "GET", self._keys_url, headers={})
        except httpx2.HTTPError as error:
            if self._current(now):
                return
            raise PollTrouble(f"fal's public keys could not be asked for: {short(error)}.") from error
        if reply.status == 200 and (found := _public_keys(reply.body)):  # noqa: PLR2004
            self._keys, self._kept_since = found, now


def _fits(keys: "Sequence[Ed25519PublicKey]", message: bytes, signature: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 -- see above

    for key in keys:
        try:
            key.verify(signature, message)
        except InvalidSignature:
            continue
        return True
    return False


def _public_keys(body: Json | None) -> "Sequence[Ed25519PublicKey]":
    """The keys of a list that this check can use."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 -- see above

    listed = (body or {}).get("keys")
    found: list[Ed25519PublicKey] = []
    for one in cast("list[Any]", listed) if isinstance(listed, list) else []:
        raw = _raw_key(cast("Json", one)) if isinstance(one, dict) else None
        if raw is not None:
            found.append(Ed25519PublicKey.from_public_bytes(raw))
    return found


def _raw_key(listed: Json) -> bytes | None:
    """The bytes of one listed key; None where it is none for ED25519."""
    encoded = listed.get("x")
    if (listed.get("kty", "OKP"), listed.get("crv", "Ed25519")) != ("OKP", "Ed25519") or not isinstance(encoded, str):
        return None
    try:
        raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    return raw if len(raw) == _KEY_BYTES else None


def _request_id(body: bytes) -> str:
    """The request that a body names; nothing else of it is used.

    Raises:
        CallbackRefused: It names none.
    """
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    request_id = cast("Json", value).get("request_id") if isinstance(value, dict) else None
    if not isinstance(request_id, str) or not _REQUEST_ID.fullmatch(request_id):
        raise CallbackRefused("The body is no JSON object that names a request.", code="invalid_request")
    return request_id
