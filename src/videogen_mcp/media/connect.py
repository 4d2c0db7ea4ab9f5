"""One request to an address that was judged: to the IP addresses found for it, and without credentials."""

import contextlib
from collections.abc import Mapping
from ipaddress import ip_address
from types import MappingProxyType
from typing import Final, Literal

import httpx2

from videogen_mcp.media.urls import Pinned

CONNECT_SECONDS: Final = 10.0
REDIRECTS: Final = (301, 302, 303, 307, 308)

_MAX_ADDRESSES_TRIED: Final = 4
_HEADERS: Final = {
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    # Connections are kept by IP address alone: the next host at this address would go unverified.
    "Connection": "close",
    "User-Agent": "videogen-mcp",
}


async def send(
    method: Literal["GET", "HEAD"],
    pinned: Pinned,
    http: httpx2.AsyncClient,
    *,
    headers: Mapping[str, str] = MappingProxyType({}),
    stall_seconds: float,
) -> httpx2.Response:
    """Send a request without the client's credentials and without following redirects; the answer's body is unread.

    Args:
        method: What is asked for.
        pinned: The address; only the IP addresses in it are connected to.
        http: The client whose connections are used; its own headers, cookies and authentication are left out.
        headers: What is sent besides the usual.
        stall_seconds: How long the server may send nothing, in seconds.

    Raises:
        httpx2.HTTPError: No usable answer came.
    """
    addresses = pinned.addresses[:_MAX_ADDRESSES_TRIED]
    for address in addresses[:-1]:
        with contextlib.suppress(httpx2.ConnectError, httpx2.ConnectTimeout):
            return await _send_to(address, method, pinned, http, headers=headers, stall_seconds=stall_seconds)
    return await _send_to(addresses[-1], method, pinned, http, headers=headers, stall_seconds=stall_seconds)


async def _send_to(
    address: str,
    method: str,
    pinned: Pinned,
    http: httpx2.AsyncClient,
    *,
    headers: Mapping[str, str],
    stall_seconds: float,
) -> httpx2.Response:
    url = httpx2.URL(pinned.url)
    timeout = httpx2.Timeout(stall_seconds, connect=min(CONNECT_SECONDS, stall_seconds))
    extensions: dict[str, object] = {"timeout": timeout.as_dict()}
    if not _is_ip(pinned.host):
        # The certificate is checked against this name, not against the IP address in the URL.
        extensions["sni_hostname"] = pinned.host
    # Built by hand, because the client's own builder would add its headers and cookies.
    request = httpx2.Request(
        method,
        url.copy_with(host=address, fragment=None),
        headers={"Host": url.netloc.decode("ascii"), **_HEADERS, **headers},
        extensions=extensions,
    )
    return await http.send(request, stream=True, auth=None, follow_redirects=False)


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
