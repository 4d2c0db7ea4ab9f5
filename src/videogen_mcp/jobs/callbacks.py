"""The addresses that gateways may call about an attempt, and which attempt each of them means. Pure."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable

_TOKEN = re.compile(r"[A-Za-z0-9_-]{46}")
_JOB_BYTES = 16
_NUMBER_BYTES = 2


class Callbacks:
    """Makes the addresses and reads them.

    The last part of an address is a token: the job and the number of the attempt, encrypted and authenticated (AES-SIV)
    under a key made of the gateway's own. So it needs no place in the database, every process with the same key can
    read it, nobody else can make one, and it tells nothing of the job to those who see it on its way.

    Args:
        public_url: Where this server can be reached from outside, without a trailing slash.
        key: The key of a gateway by its name, None where it has none.
    """

    def __init__(self, public_url: str, key: Callable[[str], str | None]) -> None:
        self.public_url = public_url
        self._key = key

    def address(self, gateway: str, job_id: str, number: int) -> str | None:
        """Where a gateway may call about an attempt; None where it has no key, or the attempt cannot be named."""
        secret = self._secret(gateway)
        try:
            named = bytes.fromhex(job_id) + number.to_bytes(_NUMBER_BYTES)
        except (ValueError, OverflowError):
            return None
        if secret is None or len(named) != _JOB_BYTES + _NUMBER_BYTES:
            return None
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV  # noqa: PLC0415 -- only servers over HTTP need it

        token = base64.urlsafe_b64encode(AESSIV(secret).encrypt(named, [gateway.encode()])).rstrip(b"=").decode()
        return f"{self.public_url}/webhooks/{gateway}/{token}"

    def attempt_of(self, gateway: str, token: str) -> tuple[str, int] | None:
        """The job and the number of the attempt that a token means; None where it was not made here."""
        secret = self._secret(gateway)
        if secret is None or not _TOKEN.fullmatch(token):
            return None
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 -- as above
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV  # noqa: PLC0415 -- as above

        try:
            named = AESSIV(secret).decrypt(base64.urlsafe_b64decode(token + "=="), [gateway.encode()])
        except (InvalidTag, binascii.Error):
            return None
        return named[:_JOB_BYTES].hex(), int.from_bytes(named[_JOB_BYTES:])

    def _secret(self, gateway: str) -> bytes | None:
        key = self._key(gateway)
        return hmac.digest(key.encode(), b"videogen-mcp: addresses to call", hashlib.sha256) if key else None
