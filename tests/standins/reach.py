"""The look of a gateway at an address that it is given, on the loopback interface."""

import urllib.error
import urllib.request
from collections.abc import Mapping
from types import MappingProxyType

LOOPBACK = "http://127.0.0.1:"
"""Where tests serve what a real gateway would fetch over https."""

FETCH_SECONDS = 30.0
MEDIA_TYPES = ("image/", "video/", "audio/")


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy of the machine's stands between


def fetched(url: str, headers: Mapping[str, str] = MappingProxyType({})) -> tuple[str, bytes] | None:
    """What an address of the loopback interface holds: its MIME type and the bytes; None where it holds nothing."""
    try:
        with _OPENER.open(urllib.request.Request(url, headers=dict(headers)), timeout=FETCH_SECONDS) as answer:  # noqa: S310 -- callers ask for http only
            return answer.headers.get_content_type(), answer.read()
    except urllib.error.URLError:
        return None


def is_reachable(url: str, kind: str = "") -> bool:
    """Whether a gateway could use an address: any of https is believed, one of the loopback interface is asked for.

    Args:
        url: The address.
        kind: What it must hold there: `image`, `video` or `audio`; any of them, when empty.
    """
    if url.startswith("https://"):
        return True
    if not url.startswith(LOOPBACK):
        return False
    found = fetched(url)
    return found is not None and bool(found[1]) and found[0].startswith(f"{kind}/" if kind else MEDIA_TYPES)
