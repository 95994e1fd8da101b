"""Which network addresses may be connected to: public ones, unless an operator allows more."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

_TRANSLATED: Final = IPv6Network("64:ff9b::/96")
"""IPv4 addresses as IPv6-only networks see them (RFC 6052); the last 32 bits count."""
_TUNNELS: Final = (
    IPv6Network("::/96"),  # IPv4-compatible, RFC 4291
    IPv6Network("2001::/32"),  # Teredo, RFC 4380
    IPv6Network("2002::/16"),  # 6to4, RFC 3056
    IPv6Network("fec0::/10"),  # site-local, RFC 3879
)
"""IPv6 networks that may lead to a private one by a detour."""


def all_allowed(addresses: Sequence[str], *, private: bool) -> bool:
    """Whether every address may be connected to; with ``private``, those of own networks too.

    Never allowed are multicast, unspecified and reserved addresses.
    """
    parsed = [ip_address(address) for address in addresses]
    return all(_is_usable(address) if private else is_public(address) for address in parsed)


def all_loopback(addresses: Sequence[str]) -> bool:
    """Whether every address is this machine itself."""
    return all(_embedded(ip_address(address)).is_loopback for address in addresses)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is one of the public internet.

    Not public: loopback, link-local, private (RFC 1918), unique local, carrier-grade NAT,
    documentation, multicast, unspecified, reserved, IPv4-mapped and tunnel addresses.
    """
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None or any(address in tunnel for tunnel in _TUNNELS):
            return False
        if address in _TRANSLATED:
            return is_public(_embedded(address))
    return address.is_global and _is_usable(address)


def _is_usable(address: IPv4Address | IPv6Address) -> bool:
    inner = _embedded(address)
    reserved = isinstance(inner, IPv4Address) and inner.is_reserved
    return not (inner.is_multicast or inner.is_unspecified or reserved)


def _embedded(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _TRANSLATED:
            return IPv4Address(address.packed[-4:])
    return address
