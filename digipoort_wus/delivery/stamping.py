"""Asks a time stamping authority for stamps (RFC 3161), over HTTP.

What a stamp shows is judged by :mod:`digipoort_wus.evidence.stamp`; here is who is asked, how
long that may take, and what of an answer is looked at.
"""

import re
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from cryptography import x509

import digipoort_wus
from digipoort_wus.delivery.connection import Connections, NoAnswer, Timeouts
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.evidence.stamp import (
    ALARM_AFTER,
    QUERY_TYPE,
    REPLY_MAX_BYTES,
    REPLY_TYPE,
    Believed,
    NoStamp,
    Stamping,
    StampPolicy,
)
from digipoort_wus.pki.identity import load_certificates

POLICIES: Mapping[str, Stamping] = MappingProxyType(
    {
        "off": Stamping.OFF,
        "when-possible": Stamping.WANTED,
        "required": Stamping.REQUIRED,
    }
)
"""By the word of the configuration."""
_TIMEOUTS = range(1, 16)
_is_oid = re.compile(r"[0-2](\.(0|[1-9][0-9]{0,38})){1,30}", re.ASCII).fullmatch


@dataclass(frozen=True, slots=True)
class StampRow:
    """``[evidence.stamp]`` of a configuration.

    Args:
        policy: a word of :data:`POLICIES`.
        url: of the authority, http or https; empty: nobody is asked.
        roots: file with the roots that stamps are believed of, and intermediates that the
            authority does not send; PEM.
        policy_oid: under which a stamp must have been given; empty: any.
        timeout: seconds for one question; an operator's command may wait for it.
        alarm_after: seconds for which a batch may be without a stamp.
        ca: file with the roots that the server's TLS certificate leads to; None: those of the
            system.
        certificate: for TLS, PEM; None: we show none.
        key: of it.
        user: for HTTP Basic; empty: none.
        password_file: holds the password.

    Raises:
        ConfigurationError: they do not fit together.
    """

    policy: str = "off"
    url: str = ""
    roots: Path | None = None
    policy_oid: str = ""
    timeout: int = 10
    alarm_after: int = int(ALARM_AFTER.total_seconds())
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    user: str = ""
    password_file: Path | None = None

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise ConfigurationError(
                f"evidence.stamp.policy is one of {', '.join(POLICIES)}, not {self.policy!r}."
            )
        if self.timeout not in _TIMEOUTS:
            raise ConfigurationError(
                f"evidence.stamp.timeout is {_TIMEOUTS[0]} to {_TIMEOUTS[-1]} seconds."
            )
        if self.alarm_after < 1:
            raise ConfigurationError("evidence.stamp.alarm_after is a number of seconds.")
        if self.policy_oid and _is_oid(self.policy_oid) is None:
            raise ConfigurationError(
                f"evidence.stamp.policy_oid is an OID such as 1.2.3.4.1, not {self.policy_oid!r}."
            )
        if self.policy != "off" and (not self.url or self.roots is None):
            raise ConfigurationError(
                f'evidence.stamp.policy = "{self.policy}" needs url, the address of the time '
                "stamping authority, and roots, the file of the certificates that it leads to."
            )
        self._check_way()

    @property
    def stamps(self) -> StampPolicy:
        """Return how much depends on stamps."""
        return StampPolicy(POLICIES[self.policy], timedelta(seconds=self.alarm_after))

    @property
    def is_on(self) -> bool:
        """Return whether the authority is asked."""
        return self.policy != "off"

    def believed(self) -> Believed:
        """Return which stamps are believed.

        Raises:
            ConfigurationError: the file of the roots cannot be used, or there is none.
        """
        if self.roots is None:
            raise ConfigurationError(
                "No time stamping authority is configured: add [evidence.stamp] with policy, url "
                "and roots."
            )
        return Believed(load_certificates(self.roots), self.policy_oid)

    def _check_way(self) -> None:
        parts = urlsplit(self.url)
        if self.url and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise ConfigurationError(
                "evidence.stamp.url is an address such as http://stamps.example.nl/tsa."
            )
        if "@" in parts.netloc:
            # Not repeated: there may be a password in it.
            raise ConfigurationError(
                "evidence.stamp.url has a user name or password in it: use user and password_file."
            )
        if (self.certificate is None) != (self.key is None):
            raise ConfigurationError("evidence.stamp names both certificate and key, or neither.")
        if bool(self.user) != (self.password_file is not None) or ":" in self.user:
            raise ConfigurationError(
                "evidence.stamp names both user and password_file, or neither; a user has no colon."
            )
        if parts.scheme == "http" and (self.user or self.certificate or self.ca):
            raise ConfigurationError(
                "evidence.stamp: user, certificate and ca need a url that begins with https."
            )


NO_STAMPS = StampRow()
"""What holds where nothing is configured."""


class StampAuthority:
    """An authority that is asked over HTTP; for any thread.

    Args:
        row: who it is.

    Raises:
        ConfigurationError: a file cannot be read, or does not hold what it should.
    """

    def __init__(self, row: StampRow) -> None:
        self._context = _context(row) if urlsplit(row.url).scheme == "https" else None
        self._headers = {
            "User-Agent": f"digipoort-wus/{digipoort_wus.__version__}",
            "Content-Type": QUERY_TYPE,
            "Accept": REPLY_TYPE,
            "Accept-Encoding": "identity",
            **_credentials(row),
        }
        waits = Timeouts(connect=row.timeout, silence=row.timeout, total=row.timeout)
        self._connections = Connections(row.url, waits, answer_max=REPLY_MAX_BYTES)

    def __call__(self, query: bytes) -> bytes:
        """Return what the authority answers to a question, not judged yet.

        Raises:
            NoStamp: nothing in time, or nothing that could be a stamp.
        """
        headers = {**self._headers, "Content-Length": str(len(query))}
        try:
            reply = self._connections.post(self._context, _by_its_name, headers, lambda: (query,))
        except NoAnswer as error:
            raise NoStamp(str(error)) from error
        media_type = reply.content_type.partition(";")[0].strip().lower()
        if reply.status != 200:
            raise NoStamp(f"HTTP {reply.status}")
        if media_type != REPLY_TYPE:
            raise NoStamp(f"an answer that is not {REPLY_TYPE}")
        return reply.body

    def close(self) -> None:
        """Close the connections that nobody uses."""
        self._connections.close()


def _by_its_name(_: x509.Certificate) -> None:
    """Judge nothing more: TLS found a certificate for the host, and the stamp itself is signed."""


def _context(row: StampRow) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=None if row.ca is None else str(row.ca))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if row.certificate is not None and row.key is not None:
            context.load_cert_chain(row.certificate, row.key, password=_no_password)
    except (OSError, ssl.SSLError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigurationError(
            f"evidence.stamp: ca, certificate or key cannot be used: {said or 'no PEM'}."
        ) from error
    return context


def _no_password() -> str:
    raise ValueError("the key has a password: give it without one")


def _credentials(row: StampRow) -> Mapping[str, str]:
    if row.password_file is None:
        return {}
    try:
        password = row.password_file.read_text("utf-8").strip("\r\n")
    except OSError as error:
        raise ConfigurationError(
            f"The password file {row.password_file} cannot be read: {error.strerror}."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"The password file {row.password_file} holds no text in UTF-8: write the password "
            "alone into it."
        ) from error
    token = b64encode(f"{row.user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {token}"}
