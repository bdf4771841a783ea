"""Where a webhook may go: hosts that the operator names, at addresses that are looked at before each connection.

A name is resolved once, all of its addresses are judged, and the connection goes to one of those very addresses: a name
that answers differently a moment later (DNS rebinding) changes nothing.
Source: IANA special-purpose address registries (RFC 6890), RFC 6052 (NAT64), RFC 3056 (6to4), RFC 4380 (Teredo).
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

_LONGEST_URL = 2000
_PORTS = {"https": 443, "http": 80}
_MOST_ADDRESSES = 16

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Addresses of a host and port, as `socket.getaddrinfo` would give them.
Resolve = Callable[[str, int], Sequence[str]]

# These lead to an IPv4 address that a gateway reads out of them.
_CARRIERS = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")))
_PRIVATE = tuple(
    map(
        ipaddress.ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "::1/128", "fc00::/7"),
    )
)
# Protocol assignments, which some releases of Python take for public.
_ASSIGNED = ipaddress.ip_network("192.0.0.0/24")
# Never meant by a person, private or not: the metadata services of clouds.
_METADATA = frozenset(map(ipaddress.ip_address, ("169.254.169.254", "100.100.100.200", "fd00:ec2::254")))


class Refused(Exception):
    """The webhook may not go there; the text says why, for the caller."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that was read: where to connect, and what to ask for."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What the `Host` header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS["https" if self.secure else "http"] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator allows.

    Attributes:
        hosts: `name`, `name:port` or `*.name` for all names below it, in lower case; without a port: 443 (or 80).
        private: private and loopback addresses and plain HTTP are allowed too.
    """

    hosts: tuple[str, ...]
    private: bool

    def target(self, url: str) -> Target:
        """Read a URL.

        Raises:
            Refused: it is none, or not on the list.
        """
        if not self.hosts:
            raise Refused("webhooks are turned off here")
        if len(url) > _LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
            raise Refused("must be a URL of at most 2000 visible ASCII characters")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise Refused("must be a URL") from None
        if parts.scheme != "https" and not (self.private and parts.scheme == "http"):
            raise Refused("must begin with https://")
        host = (parts.hostname or "").rstrip(".")
        if not host or "@" in parts.netloc or "%" in host:
            raise Refused("must name a host, and no user")
        target = Target(
            parts.scheme == "https",
            host,
            _PORTS[parts.scheme] if port is None else port,
            (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        )
        if not any(_allows(entry, target) for entry in self.hosts):
            raise Refused("names a host that webhooks may not go to")
        return target

    def address(self, target: Target, resolve: Resolve) -> str:
        """The address to connect to.

        Raises:
            Refused: one of the host's addresses is not allowed.
            OSError: there is none.
        """
        found = list(resolve(target.host, target.port))[:_MOST_ADDRESSES]
        if not found:
            raise OSError("the host has no address")
        for text in found:
            if not self.allows(text):
                raise Refused("leads to an address that webhooks may not go to")
        return found[0]

    def allows(self, text: str) -> bool:
        """Whether a connection may be made to this address."""
        try:
            address: Address = ipaddress.ip_address(text)
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address):
            if address.scope_id is not None:
                return False
            if address.ipv4_mapped is not None:
                address = address.ipv4_mapped
            elif address != ipaddress.IPv6Address("::1") and any(address in carrier for carrier in _CARRIERS):
                return False
        if (
            address in _METADATA
            or address in _ASSIGNED
            or address.is_multicast
            or address.is_unspecified
            or address.is_link_local
        ):
            return False
        if self.private and any(address in network for network in _PRIVATE):
            return True
        site_local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
        return address.is_global and not (address.is_private or address.is_reserved or site_local)


def resolve_within(seconds: float) -> Resolve:
    """The system's resolver, which cannot be told to hurry, given up after a time."""

    def resolve(host: str, port: int) -> Sequence[str]:
        found: list[str] = []
        failures: list[OSError] = []

        def look_up() -> None:
            try:
                rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                found.extend(dict.fromkeys(str(row[4][0]) for row in rows))
            except OSError as error:
                failures.append(error)
            except UnicodeError:
                failures.append(OSError("the name of the host cannot be looked up"))

        thread = threading.Thread(target=look_up, name="resolve", daemon=True)
        thread.start()
        thread.join(seconds)
        if failures or not found:
            raise failures[0] if failures else OSError("the host could not be looked up in time")
        return found

    return resolve


def rules_of(hosts: str, *, private: bool) -> Rules:
    """The rules that two settings say."""
    return Rules(tuple(dict.fromkeys(hosts.replace(",", " ").lower().split())), private)


def _allows(entry: str, target: Target) -> bool:
    name, port = entry, ""
    if entry.startswith("["):
        name, _, port = entry[1:].partition("]")
        port = port.removeprefix(":")
    elif entry.count(":") == 1:
        name, _, port = entry.partition(":")
    if (port or str(_PORTS["https" if target.secure else "http"])) != str(target.port):
        return False
    return target.host.endswith(name[1:]) and target.host != name[2:] if name.startswith("*.") else target.host == name
