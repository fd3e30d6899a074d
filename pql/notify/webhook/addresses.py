"""Where a webhook may go: only to the public internet, unless the project names what else.

Whoever sets the address of a webhook, or the name server that answers for it, could otherwise make this program knock
at doors that only it can reach: the cloud's metadata, databases, the machine itself (SSRF).
"""

import socket
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias
from urllib.parse import quote, urlsplit

from pql.config.settings import WebhookSettings
from pql.errors import DeliveryError

Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
_Address: TypeAlias = IPv4Address | IPv6Address

_FILE = "notifiers/webhook/channel.yml"
_TRIED = 3  # so many addresses of a name, so that a try has an end
_PORTS = {"https": 443, "http": 80}
# Azure's metadata and DNS stand at an address that looks public; the others are private, and yet never a webhook's.
_METADATA = frozenset(
    map(ip_address, ("168.63.129.16", "169.254.169.254", "169.254.170.2", "100.100.100.200", "fd00:ec2::254"))
)
# Networks of IPv6 whose addresses bear one of IPv4: its first bit, counted from the right.
_BEARING = {
    IPv6Network("::ffff:0:0/96"): 0,
    IPv6Network("::/96"): 0,
    IPv6Network("64:ff9b::/96"): 0,
    IPv6Network("64:ff9b:1::/48"): 0,
    IPv6Network("2002::/16"): 80,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A webhook's address, taken apart. `shown` has neither path nor query, which often hold a secret."""

    scheme: str
    host: str
    port: int
    target: str
    netloc: str

    @property
    def shown(self) -> str:
        """For messages."""
        return f"{self.scheme}://{self.netloc}"


def resolve_name(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, as the system finds them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


def endpoint_of(url: str, *, allow_http: bool) -> Endpoint:
    """A webhook's address, taken apart.

    Raises:
        DeliveryError: It is none that a webhook may have; permanent.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
        host = _in_ascii(parts.hostname or "")
    except ValueError as exc:
        raise _refusal("the webhook's url is none", "correct it") from exc
    if parts.scheme not in _PORTS or not host or parts.username is not None:
        raise _refusal("the webhook's url must be like https://hooks.example.com/pql", "correct it")
    if parts.scheme == "http" and not allow_http:
        raise _refusal("the webhook's url is not https", "write https://, or set allow_http: true")
    netloc = f"[{host}]" if ":" in host else host
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = f"?{quote(parts.query, safe='/?%:@!$&()*+,;=~-._')}" if parts.query else ""
    shown = netloc if port == _PORTS[parts.scheme] else f"{netloc}:{port}"
    return Endpoint(scheme=parts.scheme, host=host, port=port, target=target + query, netloc=shown)


def _in_ascii(host: str) -> str:
    return host if ":" in host else host.encode("idna").decode("ascii")


def allowed_addresses(endpoint: Endpoint, settings: WebhookSettings, resolve: Resolve) -> Sequence[str]:
    """The addresses behind a name, all of which a webhook may go to; the caller connects to these and asks no more.

    Raises:
        DeliveryError: The name has none now (a retry may help), or one of them is refused: permanent.
    """
    try:
        found = [ip_address(text.partition("%")[0]) for text in resolve(endpoint.host, endpoint.port)]
    except (OSError, ValueError, UnicodeError) as exc:
        raise DeliveryError(f"the webhook's host {endpoint.host} cannot be found ({exc}); trying again later") from exc
    if not found:
        raise DeliveryError(f"the webhook's host {endpoint.host} has no address; trying again later")
    for address in found:
        if why := refused(address, host=endpoint.host, allowed=settings.allow_private):
            what = f"the webhook's host {endpoint.host} is at {address}, {why}"
            raise _refusal(what, "name a public host, or name this one in allow_private", cause="private_address")
    return [str(address) for address in found[:_TRIED]]


def refused(address: _Address, *, host: str, allowed: Collection[str]) -> str:
    """Why a webhook may not go to an address, in words; "" where it may.

    Args:
        address: What the name stands for.
        host: The name.
        allowed: Names and networks that need not be public. Metadata services are refused even so.
    """
    borne = _borne(address)
    if borne in _METADATA or address in _METADATA:
        return "a metadata service"
    if borne.is_multicast or borne.is_unspecified:
        return "no address of one machine"
    if _is_public(address) and _is_public(borne):
        return ""
    if any(host == entry.lower() or _within(borne, entry) for entry in allowed):
        return ""
    return "which is not on the public internet"


def _is_public(address: _Address) -> bool:
    site_local = isinstance(address, IPv6Address) and address.is_site_local
    return address.is_global and not site_local


def _borne(address: _Address) -> _Address:
    """The address of IPv4 within one of IPv6, where it bears one."""
    if isinstance(address, IPv6Address):
        if address.teredo is not None:
            return address.teredo[1]
        for network, shift in _BEARING.items():
            if address in network and int(address) > 1:  # "::" and "::1" are themselves
                return IPv4Address((int(address) >> shift) & 0xFFFFFFFF)
    return address


def _within(address: _Address, entry: str) -> bool:
    try:
        return address in ip_network(entry)
    except ValueError:
        return False


def _refusal(what: str, cure: str, *, cause: str = "bad_url") -> DeliveryError:
    return DeliveryError(f"{what}; {cure} in {_FILE}", permanent=True, cause=cause, reach="channel")
