"""Which addresses may be used, judged by their form and by where their name leads."""

import re
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

import anyio
import httpx2

from videogen_mcp.errors import InvalidRequest, UnsafeMedia
from videogen_mcp.settings import Settings

Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port to the IP addresses that the name stands for; raises OSError where it stands for none."""

MAX_URL_CHARACTERS = 8192
RESOLVE_SECONDS = 15.0

_DEFAULT_PORTS = {"https": 443, "http": 80}
_MAX_PORT = 65_535
_SHOWN_CHARACTERS = 200
_ALLOWED = "Allowed are https:// addresses of public hosts, and the hosts named in VIDEOGEN_ALLOWED_HOSTS."

_AUTHORITY = re.compile(r"^[a-z][a-z0-9+.-]*://([^/?#]*)", re.IGNORECASE)
_HOST_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
# A host whose last label is a number is read as an IPv4 address by resolvers, whatever its spelling.
_LAST_LABEL_IS_NUMBER = re.compile(r"(^|\.)(\d+|0x[0-9a-f]*)$")
_LOCAL_NAMES = ("localhost", "local", "internal", "localdomain", "lan", "intranet", "home.arpa")

_NOT_PUBLIC: tuple[tuple[IPv4Network | IPv6Network, str], ...] = tuple(
    (ip_network(network), words)
    for words, networks in {
        "a cloud metadata address": ("169.254.169.254/32", "168.63.129.16/32", "fd00:ec2::254/128"),
        "an unspecified address": ("0.0.0.0/8", "::/128"),
        "a loopback address": ("127.0.0.0/8", "::1/128"),
        "a link-local address": ("169.254.0.0/16", "fe80::/10"),
        "a private address": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10"),
        "a carrier-grade NAT address": ("100.64.0.0/10",),
        "a multicast address": ("224.0.0.0/4", "ff00::/8"),
        "a reserved address": (
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "240.0.0.0/4",
            "64:ff9b:1::/48",
            "2001:db8::/32",
        ),
    }.items()
    for network in networks
)
_LOW_32_BITS_ARE_IPV4 = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))
_PUBLIC_IPV6 = IPv6Network("2000::/3")


@dataclass(frozen=True)
class Pinned:
    """An address that was judged, with the IP addresses that a connection may go to.

    Attributes:
        url: The address as given.
        host: The host's name in ASCII, lower case; it is what the server's certificate must be for.
        port: TCP port.
        addresses: IP addresses, in the resolver's order; never empty.
    """

    url: str
    host: str
    port: int
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class _Place:
    scheme: str
    host: str
    port: int
    is_allowed: bool


def shown_url(url: str) -> str:
    """An address as a message may show it: without user, password, query and control characters."""
    bare = re.split(r"[?#]", url, maxsplit=1)[0]
    bare = re.sub(r"//[^/]*@", "//", bare.replace("\\", "/"))
    bare = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in bare)
    return bare if len(bare) <= _SHOWN_CHARACTERS else f"{bare[:_SHOWN_CHARACTERS]}…"


def check_form(url: str, settings: Settings, *, field: str) -> None:
    """Judge an address by its form alone; nothing is resolved or sent.

    Args:
        url: The address.
        settings: Names the hosts that are exempt from the refusal of private addresses and of plain http.
        field: The argument that carries the address, for messages.

    Raises:
        UnsafeMedia: The address must not be used; says why, and what is allowed.
    """
    _judge_form(url, settings, field)


async def resolve(url: str, settings: Settings, *, field: str, resolver: Resolver | None = None) -> Pinned:
    """Judge an address by its form and by every IP address that its name stands for.

    The name is looked up once. Connect to one of the answer's addresses instead of looking it up again:
    a second look-up may answer differently.

    Args:
        url: The address.
        settings: Names the hosts that are exempt from the refusal of private addresses and of plain http.
        field: The argument that carries the address, for messages.
        resolver: Looks names up; the system's resolver when None.

    Raises:
        UnsafeMedia: The address must not be used, or its name leads to an address that is not public.
        InvalidRequest: The name does not resolve.
    """
    place = _judge_form(url, settings, field)
    if _is_literal(place.host):
        return Pinned(url, place.host, place.port, (place.host,))
    try:
        with anyio.fail_after(RESOLVE_SECONDS):
            found = await (resolver or _system_resolver)(place.host, place.port)
    except (OSError, UnicodeError):  # a time-out is an OSError
        found = ()
    addresses = tuple(dict.fromkeys(found))
    if not addresses:
        raise InvalidRequest(
            f"{field}: the host of {shown_url(url)} does not resolve.",
            fix="Check the spelling of the host, and that this machine is online.",
            field=field,
        )
    for address in () if place.is_allowed else addresses:
        if trouble := literal_trouble(address):
            raise _unsafe(url, field, f"its host leads to {trouble}")
    return Pinned(url, place.host, place.port, addresses)


def literal_trouble(literal: str) -> str | None:
    """Why an IP address written as text must not be connected to, or None when it is public."""
    try:
        # A zone (`%eth0`) exists only for addresses that are not public.
        return "a link-local address" if "%" in literal else _address_trouble(ip_address(literal))
    except ValueError:
        return "an unusual spelling of an IP address"


def _address_trouble(address: IPv4Address | IPv6Address) -> str | None:
    for network, words in _NOT_PUBLIC:
        if address in network:
            return words
    if isinstance(address, IPv4Address):
        return None if address.is_global else "a reserved address"
    embedded = tuple(_embedded(address))
    if embedded:
        return next((words for one in embedded if (words := _address_trouble(one))), None)
    return None if address in _PUBLIC_IPV6 and address.is_global else "a reserved address"


def _embedded(address: IPv6Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses that packets to this IPv6 address may end at."""
    yield from (one for one in (address.ipv4_mapped, address.sixtofour) if one is not None)
    yield from address.teredo or ()
    if any(address in network for network in _LOW_32_BITS_ARE_IPV4):
        yield IPv4Address(int(address) & 0xFFFF_FFFF)


def _judge_form(url: str, settings: Settings, field: str) -> _Place:
    if trouble := _text_trouble(url):
        raise _unsafe(url, field, trouble)
    try:
        # The library that sends the request reads the address here too: two readers could disagree on the host.
        parsed = httpx2.URL(url)
        host = parsed.raw_host.decode("ascii").lower().removesuffix(".")
    except (httpx2.InvalidURL, UnicodeError):
        raise _unsafe(url, field, "it is not a well-formed address") from None
    port = _DEFAULT_PORTS.get(parsed.scheme, 0) if parsed.port is None else parsed.port
    place = _Place(parsed.scheme, host, port, is_allowed=_is_allowed(settings, host, port))
    if trouble := _place_trouble(place):
        raise _unsafe(url, field, trouble)
    return place


def _text_trouble(url: str) -> str | None:
    if len(url) > MAX_URL_CHARACTERS:
        return f"it is longer than {MAX_URL_CHARACTERS} characters"
    if any(character.isspace() or not character.isprintable() for character in url):
        return "it contains a space or a control character"
    if "\\" in url:
        return "it contains a backslash"
    authority = _AUTHORITY.match(url)
    if authority is None:
        return "it does not begin with https://"
    return "it carries a user name or password" if "@" in authority.group(1) else None


def _place_trouble(place: _Place) -> str | None:
    if place.scheme not in _DEFAULT_PORTS:
        return f"{place.scheme}:// is not https://"
    if not place.host:
        return "it has no host"
    if not 1 <= place.port <= _MAX_PORT:
        return f"its port is not between 1 and {_MAX_PORT}"
    if place.is_allowed:
        return None
    trouble = _host_trouble(place.host)
    return trouble or ("plain http:// is not encrypted" if place.scheme == "http" else None)


def _host_trouble(host: str) -> str | None:
    if _is_literal(host):
        trouble = literal_trouble(host)
        return f"its host is {trouble}" if trouble else None
    if not _HOST_NAME.fullmatch(host):
        return "its host is not a well-formed name"
    if "." not in host or any(host.endswith(f".{name}") for name in _LOCAL_NAMES):
        return "its host is a name of the local network"
    return None


def _is_literal(host: str) -> bool:
    return ":" in host or _LAST_LABEL_IS_NUMBER.search(host) is not None


def _is_allowed(settings: Settings, host: str, port: int) -> bool:
    bracketed = f"[{host}]" if ":" in host else host
    return settings.is_allowed_host(host, port) or settings.is_allowed_host(bracketed, port)


def _unsafe(url: str, field: str, trouble: str) -> UnsafeMedia:
    return UnsafeMedia(
        f"{field}: {shown_url(url)} cannot be used: {trouble}. {_ALLOWED}",
        fix="Give a public https:// address, a local path, or a data: URI.",
        field=field,
    )


async def _system_resolver(host: str, port: int) -> Sequence[str]:
    answers = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [answer[4][0] for answer in answers]
