"""Where webhooks may go, and where never."""

from __future__ import annotations

import pytest

from service.jobs.targets import Refused, rules_of

PUBLIC = rules_of("hooks.example.com *.news.example 93.184.215.14 [2606:4700::1111]", private=False)
PRIVATE = rules_of("hooks.example.com:8443 127.0.0.1:9000", private=True)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.9.1", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "100.64.0.1", "169.254.1.1", "169.254.169.254", "100.100.100.200", "192.0.0.8", "192.0.2.1", "198.18.0.1",
        "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
        "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "localhost", "", "0x7f000001", "127.1",
    ],
)  # fmt: skip
def test_addresses_inside_are_refused(address: str) -> None:
    """Loopback, private, link-local, multicast, metadata and carriers of IPv4 are out of reach, however written."""
    assert not PUBLIC.allows(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "2a00:1450::1"])
def test_public_addresses_are_allowed(address: str) -> None:
    """Servers on the internet can be told, with or without the private setting."""
    assert PUBLIC.allows(address)
    assert PRIVATE.allows(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "192.168.0.9", "fd12::1", "::1", "::ffff:10.0.0.1"])
def test_the_private_setting_opens_the_own_network(address: str) -> None:
    """A receiver in the same cluster is reached when the operator says so."""
    assert PRIVATE.allows(address)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "100.100.100.200", "169.254.0.1", "fe80::1",
        "224.0.0.1", "ff02::1", "0.0.0.0", "::", "255.255.255.255", "240.0.0.1", "64:ff9b::a00:1", "0.1.2.3",
    ],
)  # fmt: skip
def test_some_addresses_are_never_allowed(address: str) -> None:
    """Metadata services, link-local and multicast stay closed even then."""
    assert not PRIVATE.allows(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/", "ftp://hooks.example.com/", "//hooks.example.com/", "hooks.example.com", "",
        "https://", "https:///x", "https://user@hooks.example.com/", "https://user:x@hooks.example.com/",
        "https://hooks.example.com:8443/", "https://other.example.com/", "https://hooks.example.com.evil.example/",
        "https://xhooks.example.com/", "https://news.example/", "https://hooks.example.com:x/",
        "https://hooks.example.com:99999/", "https://evil.example/?https://hooks.example.com/",
        "https://evil.example#hooks.example.com", "https://evil.example\\@hooks.example.com/",
        "https://hooks.example.com/\n", "https://hooks.example.com/ü", "https://hooks%2eexample.com/", "https://[::1]/",
        "https://127.0.0.1/", "https://hooks.example.com/" + "x" * 2000,
    ],
)  # fmt: skip
def test_urls_off_the_list_are_refused(url: str) -> None:
    """Only https, only named hosts on their port, no user, nothing that two readers could read in two ways."""
    with pytest.raises(Refused):
        PUBLIC.target(url)


def test_urls_on_the_list_are_read() -> None:
    """Host, port, path and query come out as they will be asked for."""
    target = PUBLIC.target("https://HOOKS.example.com/done?x=1#part")
    assert (target.host, target.port, target.path, target.authority) == (
        "hooks.example.com", 443, "/done?x=1", "hooks.example.com",
    )  # fmt: skip
    assert PUBLIC.target("https://a.b.news.example").path == "/"
    assert PUBLIC.target("https://[2606:4700::1111]/x").authority == "[2606:4700::1111]"
    assert PRIVATE.target("http://127.0.0.1:9000/x").authority == "127.0.0.1:9000"
    with pytest.raises(Refused):
        PRIVATE.target("https://hooks.example.com/")  # its entry names another port


def test_without_a_list_there_are_no_webhooks() -> None:
    """The default refuses them all."""
    with pytest.raises(Refused, match="turned off"):
        rules_of("", private=False).target("https://hooks.example.com/")


def test_one_bad_address_among_good_ones_is_enough() -> None:
    """A name that resolves to both is refused: which one would be taken is not the caller's to choose."""
    target = PUBLIC.target("https://hooks.example.com/")
    assert PUBLIC.address(target, lambda host, port: ["1.1.1.1", "2606:4700::1111"]) == "1.1.1.1"
    with pytest.raises(Refused):
        PUBLIC.address(target, lambda host, port: ["1.1.1.1", "10.0.0.1"])
    with pytest.raises(OSError, match="no address"):
        PUBLIC.address(target, lambda host, port: [])
