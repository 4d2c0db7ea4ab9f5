"""Which addresses may be used."""

import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from videogen_mcp.errors import InvalidRequest, UnsafeMedia
from videogen_mcp.media.urls import Resolver, check_form, resolve
from videogen_mcp.settings import Settings, load_settings


def settings_with(allowed: str = "", home: Path = Path("home")) -> Settings:
    return load_settings({"VIDEOGEN_HOME": str(home), "VIDEOGEN_ALLOWED_HOSTS": allowed})


def answering(*addresses: str) -> Resolver:
    async def resolver(host: str, port: int) -> Sequence[str]:
        assert host
        assert port
        return addresses

    return resolver


GOOD = (
    "https://example.com/a.png",
    "https://example.com",
    "HTTPS://EXAMPLE.COM/a.png",
    "https://example.com./a.png",
    "https://example.com:8443/a.png?signature=a%2Fb+c&expires=1#t=1",
    "https://v3b.fal.media/files/b/x_y-z/clip.mp4",
    "https://my_bucket.s3.amazonaws.com/clip.mp4",
    "https://bücher.example/bild.png",
    "https://8.8.8.8/a.png",
    "https://[2606:4700::6810:84e5]/a.png",
    "https://[64:ff9b::808:808]/a.png",
    "https://[2002:808:808::1]/a.png",
    "https://[::ffff:8.8.8.8]/a.png",
    "https://notlocal.example/a.png",
    "https://example.com/user@host/a.png",
)

BAD = (
    "",
    "example.com/a.png",
    "//example.com/a.png",
    "https:example.com",
    "https://",
    "https:///a.png",
    "http://example.com/a.png",
    "ftp://example.com/a.png",
    "file:///etc/passwd",
    "gopher://example.com/",
    "javascript:alert(1)",
    "https://user:secret@example.com/a.png",
    "https://user@example.com/a.png",
    "https://@example.com/a.png",
    "https://example.com\\@10.0.0.1/a.png",
    "https://example.com/a b.png",
    " https://example.com/a.png",
    "https://example.com/a.png\n",
    "https://example.com/\r\nX: y",
    "https://example.com/\x00",
    "https://example.com/\u200b",
    "https://exam\tple.com/",
    "https://example.com:0/a.png",
    "https://example.com:65536/a.png",
    "https://example.com:port/a.png",
    "https://a..example.com/a.png",
    "https://exa%6dple.com/a.png",
    "https://%31%32%37.0.0.1/a.png",
    f"https://{'a' * 64}.example.com/",
    "https://example.com/" + "a" * 8200,
    # names of the local network
    "https://localhost/a.png",
    "https://LOCALHOST./a.png",
    "https://api.localhost/a.png",
    "https://printer.local/a.png",
    "https://metadata.google.internal/computeMetadata/v1/",
    "https://router.lan/a.png",
    "https://nas.home.arpa/a.png",
    "https://intranet/a.png",
    # IPv4
    "https://0.0.0.0/a.png",
    "https://0.1.2.3/a.png",
    "https://127.0.0.1/a.png",
    "https://127.8.9.10:8443/a.png",
    "https://10.0.0.1/a.png",
    "https://172.16.0.1/a.png",
    "https://172.31.255.255/a.png",
    "https://192.168.1.1/a.png",
    "https://169.254.169.254/latest/meta-data/",
    "https://169.254.1.1/a.png",
    "https://168.63.129.16/a.png",
    "https://100.64.0.1/a.png",
    "https://100.127.255.255/a.png",
    "https://192.0.0.8/a.png",
    "https://192.0.2.1/a.png",
    "https://192.88.99.1/a.png",
    "https://198.18.0.1/a.png",
    "https://198.51.100.1/a.png",
    "https://203.0.113.1/a.png",
    "https://224.0.0.1/a.png",
    "https://239.255.255.250/a.png",
    "https://240.0.0.1/a.png",
    "https://255.255.255.255/a.png",
    # odd spellings
    "https://2130706433/a.png",
    "https://0x7f000001/a.png",
    "https://0x7f.1/a.png",
    "https://127.1/a.png",
    "https://127.0.1/a.png",
    "https://0177.0.0.1/a.png",
    "https://017700000001/a.png",
    "https://134744072/a.png",
    "https://1.2.3.4.5/a.png",
    "https://256.1.1.1/a.png",
    "https://127.0.0.1./a.png",
    "https://\uff11\uff12\uff17.\uff10.\uff10.\uff11/a.png",
    "https://127。0。0。1/a.png",
    "https://ⓛocalhost/a.png",
    # IPv6
    "https://[::]/a.png",
    "https://[::1]/a.png",
    "https://[0:0:0:0:0:0:0:1]/a.png",
    "https://[fe80::1]/a.png",
    "https://[fe80::1%25eth0]/a.png",
    "https://[2606:4700::1%25eth0]/a.png",
    "https://[fec0::1]/a.png",
    "https://[fc00::1]/a.png",
    "https://[fd00:ec2::254]/a.png",
    "https://[ff02::1]/a.png",
    "https://[2001:db8::1]/a.png",
    "https://[100::1]/a.png",
    "https://[4000::1]/a.png",
    "https://[::ffff:127.0.0.1]/a.png",
    "https://[::ffff:a00:1]/a.png",
    "https://[::ffff:169.254.169.254]/a.png",
    "https://[::10.0.0.1]/a.png",
    "https://[2002:7f00:1::]/a.png",
    "https://[2002:a9fe:a9fe::1]/a.png",
    "https://[64:ff9b::127.0.0.1]/a.png",
    "https://[64:ff9b::a9fe:a9fe]/a.png",
    "https://[64:ff9b:1::8.8.8.8]/a.png",
    # Teredo: a public server, and the client 127.0.0.1 with its bits inverted
    "https://[2001:0:808:808:0:0:80ff:fffe]/a.png",
    "https://[1.2.3.4]/a.png",
    "https://[::1/a.png",
)


@pytest.mark.parametrize("url", GOOD)
def test_public_addresses_pass(url: str) -> None:
    check_form(url, settings_with(), field="first_frame")


@pytest.mark.parametrize("url", BAD)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(UnsafeMedia) as caught:
        check_form(url, settings_with(), field="first_frame")
    assert caught.value.field == "first_frame"
    assert caught.value.code == "unsafe_media"
    assert caught.value.message.startswith("first_frame: ")
    assert "Allowed are https:// addresses of public hosts" in caught.value.message
    assert caught.value.message.isprintable()


def test_the_message_shows_neither_query_nor_password() -> None:
    with pytest.raises(UnsafeMedia) as caught:
        check_form("https://user:hunter2@10.0.0.1/a.png?token=s3cret#frag", settings_with(), field="source_video")
    text = str(caught.value)
    assert "https://10.0.0.1/a.png" in text
    assert not {word for word in ("hunter2", "user:", "s3cret", "frag") if word in text}


def test_the_message_names_what_stands_in_the_way() -> None:
    with pytest.raises(UnsafeMedia, match="its host is a cloud metadata address"):
        check_form("https://169.254.169.254/", settings_with(), field="first_frame")


@pytest.mark.parametrize(
    ("allowed", "url"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000/a.png"),
        ("127.0.0.1", "http://127.0.0.1:9/a.png"),
        ("localhost:8000", "http://localhost:8000/a.png"),
        ("media", "http://media/a.png"),
        ("media:443", "https://media/a.png"),
        ("[::1]:8000", "http://[::1]:8000/a.png"),
        ("::1", "https://[::1]/a.png"),
        ("nas.local", "https://NAS.local./a.png"),
    ],
)
def test_an_allowed_host_is_exempt(allowed: str, url: str) -> None:
    check_form(url, settings_with(allowed), field="first_frame")
    with pytest.raises(UnsafeMedia):
        check_form(url, settings_with("elsewhere"), field="first_frame")


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8001/a.png", "ftp://127.0.0.1:8000/a", "http://u:p@127.0.0.1:8000/a", "http://127.1:8000/"],
)
def test_an_allowed_host_exempts_nothing_else(url: str) -> None:
    with pytest.raises(UnsafeMedia):
        check_form(url, settings_with("127.0.0.1:8000"), field="first_frame")


async def test_a_public_name_is_pinned_to_its_addresses() -> None:
    found = answering("2606:4700::1", "93.184.215.14", "93.184.215.14")
    pinned = await resolve("https://Example.com/a?b=c", settings_with(), field="first_frame", resolver=found)
    assert pinned.url == "https://Example.com/a?b=c"
    assert (pinned.host, pinned.port) == ("example.com", 443)
    assert pinned.addresses == ("2606:4700::1", "93.184.215.14")


@pytest.mark.parametrize(
    "addresses",
    [
        ("127.0.0.1",),
        ("8.8.8.8", "10.0.0.1"),
        ("8.8.8.8", "::1"),
        ("::ffff:192.168.0.1",),
        ("fe80::1%2",),
        ("169.254.169.254",),
        ("not an address",),
    ],
)
async def test_a_public_name_that_leads_inside_is_refused(addresses: tuple[str, ...]) -> None:
    with pytest.raises(UnsafeMedia, match="its host leads to") as caught:
        await resolve("https://rebind.example/", settings_with(), field="first_frame", resolver=answering(*addresses))
    assert "10.0.0.1" not in caught.value.message


async def test_an_allowed_name_may_lead_inside() -> None:
    pinned = await resolve(
        "http://media.test:8000/", settings_with("media.test"), field="first_frame", resolver=answering("127.0.0.1")
    )
    assert pinned.addresses == ("127.0.0.1",)


async def test_a_literal_address_is_not_looked_up() -> None:
    async def resolver(host: str, port: int) -> Sequence[str]:
        raise AssertionError((host, port))

    pinned = await resolve("https://[2606:4700::1]:444/", settings_with(), field="first_frame", resolver=resolver)
    assert (pinned.host, pinned.port, pinned.addresses) == ("2606:4700::1", 444, ("2606:4700::1",))


@pytest.mark.parametrize("error", [socket.gaierror(-2, "Name or service not known"), TimeoutError(), None])
async def test_a_name_that_does_not_resolve_is_the_callers_mistake(error: Exception | None) -> None:
    async def resolver(host: str, port: int) -> Sequence[str]:
        assert (host, port) == ("nowhere.example", 443)
        if error is None:
            return ()
        raise error

    with pytest.raises(InvalidRequest, match=r"first_frame: the host of https://nowhere.example/a") as caught:
        await resolve("https://nowhere.example/a?k=v", settings_with(), field="first_frame", resolver=resolver)
    assert not isinstance(caught.value, UnsafeMedia)
    assert caught.value.field == "first_frame"


async def test_the_systems_resolver_is_used_by_default() -> None:
    pinned = await resolve("http://localhost:8000/", settings_with("localhost"), field="first_frame")
    assert set(pinned.addresses) <= {"127.0.0.1", "::1"}


async def test_the_form_is_judged_before_the_name_is_looked_up() -> None:
    async def resolver(host: str, port: int) -> Sequence[str]:
        raise AssertionError((host, port))

    with pytest.raises(UnsafeMedia):
        await resolve("https://printer.local/", settings_with(), field="first_frame", resolver=resolver)
