"""Addresses as they stand in a configuration: of this machine, of services, of CRLs."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.pki.distribution import host_of
from digipoort_wus.soap.addressing import origin_of


def is_loopback(host: str) -> bool:
    """Return whether an address is this machine's alone; ``localhost`` is."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        # The name that stands for loopback everywhere (RFC 6761); no other is looked up.
        return host == "localhost"


def public_origin(url: str) -> tuple[str, str, int]:
    """Return what ``wsa:To`` may name, for one of ``listen.public_urls``: scheme, host and port.

    Raises:
        ConfigurationError: it is no base URL, or has a user name or password in it.
    """
    if "@" in urlsplit(url).netloc:
        # Not repeated: there may be a password in it.
        raise ConfigurationError(
            "listen.public_urls: one of them has a user name or password in it: leave that out."
        )
    try:
        return origin_of(url)
    except ValueError as error:
        raise ConfigurationError(
            f"listen.public_urls: {url!r} is no URL like https://wus.example.nl."
        ) from error


def crl_host(key: str, url: str) -> str:
    """Return the host of a URL of CRLs, as ``crl.example.nl:80``.

    Args:
        key: the setting, for the sentence.
        url: over plain http.

    Raises:
        ConfigurationError: it is no such URL.
    """
    try:
        return host_of(url)
    except ValueError as error:
        raise ConfigurationError(f"{key}: {error}; CRLs are fetched over plain http.") from error
