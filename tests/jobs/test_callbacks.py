"""The addresses that gateways may call: made and read with the gateway's key, and by nobody else."""

import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videogen_mcp.jobs.callbacks import Callbacks

PUBLIC = "https://videogen.example/base"
KEYS = {"fal": "a-key", "other": "a-key"}
CALLBACKS = Callbacks(PUBLIC, KEYS.get)


def token_of(address: str | None) -> str:
    assert address is not None
    return address.rpartition("/")[2]


@settings(deadline=None)
@given(st.binary(min_size=16, max_size=16), st.integers(0, 65535))
def test_an_address_means_its_attempt(job: bytes, number: int) -> None:
    address = CALLBACKS.address("fal", job.hex(), number)
    assert (address or "").startswith(f"{PUBLIC}/webhooks/fal/")
    assert CALLBACKS.attempt_of("fal", token_of(address)) == (job.hex(), number)
    assert job.hex() not in (address or "")
    again = Callbacks("https://elsewhere.example", KEYS.get)
    assert again.attempt_of("fal", token_of(address)) == (job.hex(), number), "another process reads it as well"


@settings(deadline=None)
@given(st.text([chr(code) for code in range(0x180)], max_size=60))
def test_what_was_not_made_here_means_nothing(token: str) -> None:
    assert CALLBACKS.attempt_of("fal", token) is None


@settings(deadline=None)
@given(st.binary(min_size=34, max_size=34))
def test_a_token_cannot_be_made_up(sealed: bytes) -> None:
    token = token_of(CALLBACKS.address("fal", secrets.token_hex(16), 1))
    changed = token[:-1] + ("A" if token[-1] != "A" else "Q")
    assert CALLBACKS.attempt_of("fal", changed) is None
    assert CALLBACKS.attempt_of("fal", sealed.hex()[:46]) is None


def test_a_token_is_of_one_gateway_and_one_key() -> None:
    token = token_of(CALLBACKS.address("fal", secrets.token_hex(16), 1))
    assert CALLBACKS.attempt_of("other", token) is None
    assert CALLBACKS.attempt_of("nowhere", token) is None
    assert Callbacks(PUBLIC, {"fal": "another-key"}.get).attempt_of("fal", token) is None


@pytest.mark.parametrize(
    ("gateway", "job_id", "number"),
    [("nowhere", "0" * 32, 1), ("fal", "no hexadecimal digits", 1), ("fal", "00", 1), ("fal", "0" * 32, 65536)],
)
def test_what_cannot_be_named_gets_no_address(gateway: str, job_id: str, number: int) -> None:
    assert CALLBACKS.address(gateway, job_id, number) is None
