"""Every failure that a caller can meet, as one tree.

VideoGenError             .code .message .fix .field .endpoint
├─ InvalidRequest         the caller can mend it: names the field, the value, what is allowed
│  └─ UnsafeMedia         an input or a result address that must not be fetched
├─ NothingEligible        no endpoint can do what was asked; carries why, endpoint by endpoint
├─ NotConfigured          it could be done, but the gateway's key is not set
├─ OverBudget             it could be done, but not within the cap
├─ NotFound               no such job or model
├─ GatewayError           what a gateway did with a call
│  ├─ NotSent             nothing left this machine (DNS, connect, TLS): safe to try elsewhere
│  ├─ SubmitRefused       the gateway said no: nothing runs and nothing is billed
│  ├─ SubmitUncertain     a submit went out and its answer was lost: it may run and may be billed
│  ├─ PollTrouble         a look at a running generation failed; the generation itself goes on
│  ├─ OperationGone       the gateway no longer knows the generation
│  └─ CallbackRefused     a call to this server is not shown to be the gateway's, or cannot be read
├─ DownloadFailed         the clip exists at the gateway but could not be fetched whole
└─ StoreError             the database cannot be used
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

ErrorCode = Literal[
    "invalid_request",
    "unsafe_media",
    "nothing_eligible",
    "not_configured",
    "over_budget",
    "unauthorized",
    "insufficient_credit",
    "content_policy",
    "gateway_unavailable",
    "generation_failed",
    "download_failed",
    "timed_out",
    "submit_uncertain",
    "not_found",
    "internal",
]
"""The closed list of error codes that results carry (the public contract, §4.2)."""

ERROR_CODES: tuple[str, ...] = get_args(ErrorCode)


class VideoGenError(Exception):
    """A failure that is part of the product's behaviour, safe to show to the caller as it is.

    Args:
        message: One sentence: what went wrong, with the field, the value and what is allowed.
        fix: What the caller can do about it; empty when there is nothing to do.
        field: The argument at fault, by its name in the public contract.
        endpoint: The endpoint concerned, written `gateway:id`.
        code: The error code, where it is not the class's own.
    """

    default_code: ClassVar[ErrorCode] = "internal"

    def __init__(
        self,
        message: str,
        *,
        fix: str = "",
        field: str | None = None,
        endpoint: str | None = None,
        code: ErrorCode | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.field = field
        self.endpoint = endpoint
        self.code: ErrorCode = code or self.default_code

    def __str__(self) -> str:
        text = f"{self.code}: {self.message}"
        return f"{text} {self.fix}" if self.fix else text


class InvalidRequest(VideoGenError):
    """The request itself cannot be used; the caller can mend it."""

    default_code = "invalid_request"


class UnsafeMedia(InvalidRequest):
    """A media address or file that must not be read: private network, foreign folder, wrong kind."""

    default_code = "unsafe_media"


@dataclass(frozen=True)
class Refusal:
    """Why one endpoint cannot be used for a request.

    Attributes:
        endpoint: The endpoint, written `gateway:id`.
        reason: One clause that names the field, the value and what is allowed.
        code: `invalid_request` when the request does not fit, else what stands in the way.
        field: The argument at fault, where it is one.
    """

    endpoint: str
    reason: str
    code: ErrorCode
    field: str | None = None


class NothingEligible(VideoGenError):
    """No endpoint can serve the request; `refusals` says why for each."""

    default_code = "nothing_eligible"

    def __init__(self, message: str, *, refusals: tuple[Refusal, ...] = (), fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.refusals = refusals


class NotConfigured(NothingEligible):
    """An endpoint exists, but the key of its gateway is not set."""

    default_code = "not_configured"


class OverBudget(NothingEligible):
    """An endpoint exists, but every one costs more than the cap."""

    default_code = "over_budget"


class NotFound(VideoGenError):
    """There is no such job or model."""

    default_code = "not_found"


class GatewayError(VideoGenError):
    """What went wrong between this machine and a gateway."""

    default_code = "gateway_unavailable"


class NotSent(GatewayError):
    """Nothing was sent: the name did not resolve, or no connection could be made."""


class SubmitRefused(GatewayError):
    """The gateway refused the submit with an answer of its own: nothing runs there.

    Args:
        message: What it said.
        fix: What the caller can do about it.
        field: The argument at fault.
        code: The error code, `gateway_unavailable` unless the refusal is about something else.
        retry_after: Seconds the gateway asked to be left alone, if it did.
        busy: It only has no room now: the same request may be taken later.
    """

    def __init__(
        self,
        message: str,
        *,
        fix: str = "",
        field: str | None = None,
        code: ErrorCode | None = None,
        retry_after: float | None = None,
        busy: bool = False,
    ) -> None:
        super().__init__(message, fix=fix, field=field, code=code)
        self.retry_after = retry_after
        self.busy = busy


class SubmitUncertain(GatewayError):
    """A submit was sent and no usable answer came back: the generation may run and may be billed."""

    default_code = "submit_uncertain"


class PollTrouble(GatewayError):
    """A look at a running generation failed; nothing is known to be wrong with the generation.

    Args:
        message: What happened.
        retry_after: Seconds the gateway asked to be left alone, if it did.
        code: The error code, `gateway_unavailable` unless the key was refused.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, code: ErrorCode | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class OperationGone(GatewayError):
    """The gateway answers that it does not know the generation (any more)."""

    default_code = "generation_failed"


class CallbackRefused(GatewayError):
    """A call to this server is not shown to come from the gateway; `invalid_request` when it is, and cannot be read."""

    default_code = "unauthorized"


class DownloadFailed(VideoGenError):
    """The finished clip could not be fetched; it may still be at the gateway.

    Args:
        message: What happened.
        retryable: Whether the same address may work later.
    """

    default_code = "download_failed"

    def __init__(self, message: str, *, retryable: bool, fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.retryable = retryable


class StoreError(VideoGenError):
    """The database cannot be used: newer than this version, or damaged."""
