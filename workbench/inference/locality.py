"""Where an address lies: on this machine, in this network, or with somebody else. Pure; nothing is looked up."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from workbench.schemas.inference import Endpoint, Locality

_LAN_ENDINGS = (".local", ".lan", ".home", ".internal", ".home.arpa")
_ORDER: dict[Locality, int] = {"local": 0, "lan": 1, "cloud": 2}


def guess_locality(url: str) -> Locality:
    """Where an address seems to lie. A name that does not tell counts as somebody else's."""
    host = (urlsplit(url).hostname or "").rstrip(".").lower()
    try:
        address = ip_address(host)
    except ValueError:
        if host == "localhost" or host.endswith(".localhost"):
            return "local"
        return "lan" if "." not in host or host.endswith(_LAN_ENDINGS) else "cloud"
    if address.is_loopback:
        return "local"
    return "lan" if address.is_private or address.is_link_local else "cloud"


def leaves_house(endpoint: Endpoint) -> bool:
    """Whether questions go to somebody else's machines: what the person says of it, or the address if that is worse.

    Documents that are sent out cannot be called back, so the worse of the two counts.
    """
    return max(endpoint.locality, guess_locality(endpoint.base_url), key=_ORDER.__getitem__) == "cloud"
