"""A stand-in of fal that calls webhooks: it signs with a real ED25519 key and posts when a generation has ended."""

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any
from uuid import uuid4

import httpx2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.standins.fal import FalStandIn
from tests.standins.schemas import Generation, Json, RecordedRequest, Reply, detail, json_reply

KEYS_PATH = "/rest/.well-known/jwks.json"
CALLABLE = re.compile(r"https://[^\s/@]+/\S*|http://127\.0\.0\.1:\d+/\S*")
"""What may be called; the real one takes no private addresses, but this one is at home on loopback."""

LONGEST_CALL_SECONDS = 15.0


def listed_key(key: Ed25519PrivateKey) -> Json:
    """A public key as the list of keys shows it."""
    raw = key.public_key().public_bytes_raw()
    return {"kty": "OKP", "crv": "Ed25519", "x": base64.urlsafe_b64encode(raw).rstrip(b"=").decode()}


def signature_headers(
    key: Ed25519PrivateKey, body: bytes, *, timestamp: int | None = None, request_id: str = "", user_id: str = "user-7"
) -> dict[str, str]:
    """The headers that show who made a call."""
    request_id, moment = request_id or str(uuid4()), str(int(time.time()) if timestamp is None else timestamp)
    message = "\n".join((request_id, user_id, moment, hashlib.sha256(body).hexdigest())).encode()
    return {
        "X-Fal-Webhook-Request-Id": request_id,
        "X-Fal-Webhook-User-Id": user_id,
        "X-Fal-Webhook-Timestamp": moment,
        "X-Fal-Webhook-Signature": key.sign(message).hex(),
    }


def call_body(request_id: str, **more: Any) -> bytes:
    """The body of a call about a request; its payload must not be believed."""
    payload = {"video": {"url": "https://not-to-be-trusted.example/clip.mp4"}}
    told = {"request_id": request_id, "gateway_request_id": request_id, "status": "OK", "payload": payload}
    return json.dumps(told | more).encode()


@dataclass(frozen=True)
class Call:
    """One call that was made: where, about which request, and what was answered (0: nothing)."""

    url: str
    request_id: str
    status: int


class CallingFal(FalStandIn):
    """The stand-in of fal, with webhooks."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.signing_key = Ed25519PrivateKey.generate()
        self.listed: list[Json] = [listed_key(self.signing_key)]
        self.keys_reply: Reply | None = None
        self._webhooks: dict[str, str] = {}
        self._calls: list[Call] = []
        self._calling: list[threading.Thread] = []
        self._submitting = threading.local()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for thread in self._calling:
            thread.join(LONGEST_CALL_SECONDS)
        super().__exit__(kind, error, traceback)

    @property
    def webhooks(self) -> Mapping[str, str]:
        """The address to call of each request that was accepted with one."""
        with self._changed:
            return dict(self._webhooks)

    @property
    def calls(self) -> list[Call]:
        """The calls that were made and answered, in order."""
        with self._changed:
            return list(self._calls)

    def key_reads(self) -> int:
        """How often the list of keys was read."""
        return sum(request.path == KEYS_PATH for request in self.requests)

    def looks(self) -> int:
        """How often a status was asked for."""
        return sum(request.path.endswith("/status") for request in self.requests)

    def answer(self, request: RecordedRequest) -> Reply:
        if request.path != KEYS_PATH:
            return super().answer(request)
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()
        if "authorization" in request.headers:
            self.report("The key was sent to the public list of keys.")
        if request.method != "GET" or request.query:
            return detail(405, "Method Not Allowed")
        return self.keys_reply or json_reply(200, {"keys": self.listed})

    def _submit(self, request: RecordedRequest, endpoint: str) -> Reply:
        webhook = request.query.get("fal_webhook")
        if webhook is not None and (len(webhook) != 1 or not CALLABLE.fullmatch(webhook[0])):
            return detail(422, "fal_webhook must be one public https address")
        self._submitting.webhook = webhook[0] if webhook else None
        query = {name: values for name, values in request.query.items() if name != "fal_webhook"}
        return super()._submit(replace(request, query=query), endpoint)

    def _accept(self, generation: Generation) -> None:
        with self._changed:
            if self._submitting.webhook is not None:
                self._webhooks[generation.request_id] = self._submitting.webhook
        super()._accept(generation)

    def _advance(self, generation: Generation) -> None:
        super()._advance(generation)
        webhook = self._webhooks.get(generation.request_id)
        if generation.state == "COMPLETED" and webhook is not None:
            failed: Json = {"status": "ERROR", "error": "Invalid status code: 422", "payload": None}
            body = call_body(generation.request_id, **(failed if generation.failure is not None else {}))
            thread = threading.Thread(target=self.call, args=(webhook, generation.request_id, body), daemon=True)
            self._calling.append(thread)
            thread.start()

    def finish(self) -> None:
        """Let all generations end now, as they do whether or not anybody looks; webhooks are called then."""
        with self._changed:
            self._polls = (0, 0)
            for generation in list(self._generations.values()):
                if generation.state != "COMPLETED":
                    self._advance(generation)
            self._changed.notify_all()

    def call(self, url: str, request_id: str, body: bytes, headers: Mapping[str, str] | None = None) -> int:
        """Make one call, signed unless headers are given; returns the answer's status, 0 where there was none."""
        signed = signature_headers(self.signing_key, body) if headers is None else headers
        sent = {"Content-Type": "application/json", "User-Agent": "fal-webhooks"} | dict(signed)
        status = 0
        try:
            with httpx2.Client(trust_env=False, timeout=LONGEST_CALL_SECONDS, follow_redirects=False) as http:
                status = http.post(url, content=body, headers=sent).status_code
        except httpx2.HTTPError as error:
            if not self._stopping:
                self.report(f"The webhook of {request_id} was not answered: {error!r}.")
        if 300 <= status < 400:
            self.report(f"The webhook of {request_id} was answered with the redirect {status}.")
        with self._changed:
            self._calls.append(Call(url, request_id, status))
            self._changed.notify_all()
        return status
