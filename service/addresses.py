"""Where model processes are, as a person writes it and as gRPC wants it. A leaf."""

from __future__ import annotations

import ipaddress
import re

_SCHEMES = ("unix:", "dns:", "ipv4:", "ipv6:")
_PORT = re.compile(r"[0-9]{1,5}")


def grpc_target(address: str) -> str:
    """The gRPC target for an address.

    Args:
        address: `unix:PATH`, `HOST:PORT`, a gRPC target that begins with `dns:`, `ipv4:` or `ipv6:`, or several
            `IP:PORT` split by blanks or commas, all of one family.
    Raises:
        ValueError: it is none of these; the message says why.
    """
    if address.startswith(_SCHEMES):
        return address
    parts = address.replace(",", " ").split()
    if len(parts) < 2:
        return address.strip()
    families = {_family(part) for part in parts}
    if len(families) > 1:
        raise ValueError("addresses of one list are all IPv4 or all IPv6")
    return f"ipv{families.pop()}:{','.join(parts)}"


def may_be_several(target: str) -> bool:
    """Whether there can be more than one process behind a target: behind all but a socket of this machine."""
    return not target.startswith("unix:")


def _family(part: str) -> int:
    host, _, port = part.rpartition(":")
    try:
        family = ipaddress.ip_address(host.removeprefix("[").removesuffix("]")).version
    except ValueError:
        raise ValueError(
            f"{part!r} is no `IP:PORT`; several processes behind one name are `dns:///NAME:PORT`"
        ) from None
    if not _PORT.fullmatch(port) or not 0 < int(port) < 65_536 or (family == 6) != host.startswith("["):
        raise ValueError(f"{part!r} is no `IP:PORT`, an IPv6 address stands in brackets")
    return family
