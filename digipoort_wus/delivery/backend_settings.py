"""What an operator sets about the interface for the application behind ebMS."""

import re
from dataclasses import dataclass
from ipaddress import ip_address

from digipoort_wus.errors import ConfigurationError

DEFAULT_HOST = "127.0.0.1"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class BackendToken:
    """Who may ask: by a secret of which only the digest is known here.

    Args:
        name: of the application, for the log.
        sha256: of the token, in hex.
        agreements: it may also add, replace and remove agreements.

    Raises:
        ConfigurationError: a value cannot be used.
    """

    name: str
    sha256: str
    agreements: bool = False

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None:
            raise ConfigurationError(
                "ebms.backend.token: name is letters, digits, dots and hyphens, such as erp."
            )
        if _DIGEST.fullmatch(self.sha256) is None:
            raise ConfigurationError(
                f"ebms.backend.token {self.name}: sha256 is 64 characters of hex: "
                "`digipoort-wus ebms token` makes a token and its digest."
            )


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """Where the application asks, and who may.

    Args:
        port: of TCP; 0 takes a free one.
        host: an address; one that is no loopback needs ``tls``.
        tls: mutual TLS, with the gateway's certificate.
        clients: OINs of the client certificates that may connect, with ``tls`` only.
        tokens: who may ask.

    Raises:
        ConfigurationError: a value cannot be used.
    """

    port: int
    host: str = DEFAULT_HOST
    tls: bool = False
    clients: frozenset[str] = frozenset()
    tokens: tuple[BackendToken, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65_535:
            raise ConfigurationError("ebms.backend.port is a TCP port, 0 to 65535.")
        if not self.host:
            raise ConfigurationError('ebms.backend.host is an address such as "127.0.0.1".')
        if not self.is_loopback and not self.tls:
            raise ConfigurationError(
                f"ebms.backend.host: {self.host!r} is no loopback address, and tokens and messages "
                'would go in the clear: say tls = true and name clients, or take "127.0.0.1".'
            )
        if self.tls != bool(self.clients):
            raise ConfigurationError(
                "ebms.backend: tls = true and clients go together: name the OINs of the client "
                "certificates that may connect, or leave both out."
            )
        if not self.tokens:
            raise ConfigurationError(
                "ebms.backend needs an [[ebms.backend.token]]: nobody else may ask. "
                "`digipoort-wus ebms token` makes one."
            )
        for what in ("name", "sha256"):
            if len({getattr(token, what) for token in self.tokens}) < len(self.tokens):
                raise ConfigurationError(f"ebms.backend.token: two have one {what}.")

    @property
    def is_loopback(self) -> bool:
        """Return whether only this machine can connect."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"
