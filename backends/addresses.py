"""Resolves the names of hosts, and refuses addresses that are not public."""

import socket
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from aiohttp.abc import AbstractResolver, ResolveResult

_NAT64 = IPv6Network("64:ff9b::/96")
"""Addresses that contain an IPv4 address, in their last four bytes (RFC 6052)."""

_UNICAST = IPv6Network("2000::/3")
"""The only addresses of IPv6 that are given out on the Internet (RFC 4291)."""


class Refused(Exception):
    """A URL that is not fetched; the message is the end of a sentence."""


class CheckedResolver(AbstractResolver):
    """Resolves names, and refuses addresses that are neither public nor allowed by themselves.

    aiohttp connects to the very addresses that are returned here: a name that resolves to another
    address a moment later has no effect.
    """

    def __init__(self, resolver: AbstractResolver, hosts: Collection[str]) -> None:
        self._resolver = resolver
        self._hosts = hosts

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of *host*; raise Refused if one of them is not allowed."""
        found = await self._resolver.resolve(host, port, family)
        if not all(result["host"] in self._hosts or is_public(result["host"]) for result in found):
            raise Refused("its host has an address that is not public")
        return found

    async def close(self) -> None:
        """Close the inner resolver."""
        await self._resolver.close()


def is_public(address: str) -> bool:
    """Return whether *address*, IPv4 or IPv6, is one of the Internet.

    Addresses of loopback, of private networks, of links (the metadata of clouds), multicast and
    reserved ones are not, nor are IPv6 addresses that contain such an IPv4 address.
    """
    ip: IPv4Address | IPv6Address = ip_address(address)
    if isinstance(ip, IPv6Address) and ip in _NAT64:
        ip = IPv4Address(int(ip) & 0xFFFFFFFF)
    if isinstance(ip, IPv6Address):
        ip = ip.ipv4_mapped or ip.sixtofour or ip
    if isinstance(ip, IPv6Address) and ip not in _UNICAST:
        return False
    return ip.is_global and not ip.is_multicast
