"""Which addresses a provider's client may ask: those configured, and hosts of data that are named; no others.

Catalogues and redirects are written by others. What they name is asked only where it lies at the configured address, or
on a host that the settings or the provider's own entry name. So nobody can send a run to a machine inside the user's
network, and nobody but the provider learns where the user looks.
"""

import ipaddress
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, urlsplit

from pipeline.errors import InputError, SceneError, one_line, without_secrets

PORTS = (("https", 443), ("http", 80))
"""Port of each scheme that is spoken, where an address states none."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What a client may ask; nothing unless named."""

    origins: tuple[str, ...] = ()
    """`scheme://host:port` of each configured address; a private network is fine here, the user chose it."""
    data_hosts: tuple[str, ...] = ()
    """Other hosts, `name` or `name:port`, by https; a name must lead to the public internet."""

    def at(self, *addresses: str) -> "Reach":
        """With more configured addresses, sound ones by `configured`."""
        return replace(self, origins=(*self.origins, *(origin_of(address) for address in addresses)))

    def with_data(self, *hosts: str) -> "Reach":
        """With more hosts of data."""
        return replace(self, data_hosts=(*self.data_hosts, *hosts))

    def must_be_public(self, url: str) -> bool:
        """Whether the machine behind an address must be on the public internet.

        Raises `SceneError` for an address that may not be asked at all.
        """
        parts = _parts(url)
        if parts is None or parts.scheme not in dict(PORTS):
            raise SceneError("not an address that is asked: it must be one of https")
        if "@" in parts.netloc:
            raise SceneError(f"{host(url)}: an address with a user name or password is not asked")
        if origin_of(url) in self.origins:
            return False
        named = {_host_and_port(f"https://{entry}") for entry in self.data_hosts}
        if _host_and_port(url) not in named:
            raise SceneError(
                f"{host(url)}: neither the configured address nor one of its hosts of data; "
                "if you trust it, name it in the settings, http.data_hosts"
            )
        if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            raise SceneError(f"{host(url)}: hosts of data are asked by https only")
        return not (_is_number(parts.hostname or "") or is_loopback(parts.hostname or ""))


NOTHING = Reach()
"""Nothing may be asked."""


def configured(address: str, what: str = "") -> str:
    """An address that a user gave, checked; raises `InputError` that calls it `what`, its own text without secrets."""
    parts, shown = _parts(address), what or shown_address(address)
    if parts is None or not parts.hostname:
        raise InputError(f"{shown}: not an address; begin with https://")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise InputError(f"{shown}: not an address that is asked; begin with https:// (http:// only on this machine)")
    if "@" in parts.netloc:
        raise InputError(
            f"{shown}: holds a user name or password, which other users of this machine can see; leave it out"
        )
    return address


def origin_of(url: str) -> str:
    """`scheme://host:port`; empty for what is no address."""
    parts = _parts(url)
    if parts is None or not parts.hostname:
        return ""
    name, port = _host_and_port(url)
    return f"{parts.scheme}://{name}:{port}"


def host(url: str) -> str:
    """Host name of an address, without the parts that may hold a secret."""
    parts = _parts(url)
    return one_line((parts.hostname if parts else "") or "no address")[:100]


def shown_address(address: str) -> str:
    """A path or address for messages: without user, password, query and fragment, each of which may hold a secret."""
    if "://" not in address:
        return one_line(without_secrets(address))[:200]
    parts = _parts(address)
    if parts is None or not parts.hostname:
        return "the address"
    place = parts.hostname if parts.port is None else f"{parts.hostname}:{parts.port}"
    return one_line(f"{parts.scheme}://{place}{without_secrets(parts.path)}")[:200]


def is_loopback(name: str) -> bool:
    """Whether a host name is this machine, without looking it up."""
    return name == "localhost" or (_is_number(name) and ipaddress.ip_address(name).is_loopback)


def is_public(number: str) -> bool:
    """Whether an IP address is on the public internet: not private, not loopback, not link-local, not reserved."""
    found = ipaddress.ip_address(number.partition("%")[0])
    inner = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    return found.is_global and not found.is_multicast and (inner is None or inner.is_global)


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _host_and_port(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return (parts.hostname or "").rstrip("."), parts.port or dict(PORTS).get(parts.scheme, 0)


def _parts(url: str) -> SplitResult | None:
    """The parts of an address; None for text that is none, such as one with a port that is no number."""
    if any(character.isspace() or not character.isprintable() or character == "\\" for character in url):
        return None
    try:
        parts = urlsplit(url)
        return parts if parts.port != 0 else None
    except ValueError:
        return None
