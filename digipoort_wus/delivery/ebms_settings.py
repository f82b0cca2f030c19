"""What an operator sets about ebMS; agreements and what stands beside them are in the store."""

import re
from dataclasses import dataclass, field

from digipoort_wus.delivery.backend_settings import BackendSettings
from digipoort_wus.delivery.connection import Timeouts
from digipoort_wus.ebms.message import PartyId
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.identity_files import IdentityFiles
from digipoort_wus.names import ENDPOINTS

DEFAULT_PATH = "/ebms"
DEFAULT_CONCURRENCY = 4
_CONCURRENCY_MAX = 64
_SECONDS_MAX = 3_600
_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]{1,64}){1,8}")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class EbmsSettings:
    """The message handler of a gateway.

    Args:
        path: of the URL that agreements name for us.
        parties: whom it stands for, as agreements name them; empty: the OIN of the TLS
            certificate.
        host: behind the ``@`` of our MessageIds; empty: that of the first public URL.
        identities: other certificates and keys that sign and decrypt, beside those for TLS and
            for signing: former ones, as long as agreements name them.
        filings: what comes under Digipoort's service aanleveren is a filing; otherwise it is for
            the application behind the gateway.
        concurrency: posts at a time, from this process.
        timeouts: of a post.
        backend: where applications ask, None: nowhere.

    Raises:
        ConfigurationError: a value cannot be used.
    """

    path: str = DEFAULT_PATH
    parties: tuple[PartyId, ...] = ()
    host: str = ""
    identities: tuple[IdentityFiles, ...] = ()
    filings: bool = False
    concurrency: int = DEFAULT_CONCURRENCY
    timeouts: Timeouts = field(default_factory=Timeouts)
    backend: BackendSettings | None = None

    def __post_init__(self) -> None:
        served = {path for service in ENDPOINTS.values() for path in service.paths}
        if _PATH.fullmatch(self.path) is None or self.path in served:
            raise ConfigurationError(
                f"ebms.path is a path of its own such as {DEFAULT_PATH}, not {self.path!r}."
            )
        if self.host and _HOST.fullmatch(self.host) is None:
            raise ConfigurationError("ebms.host is a host name such as ebms.example.nl.")
        if any(not party.value.strip() for party in self.parties):
            raise ConfigurationError("ebms.party: id is needed: a PartyId as the CPA has it.")
        if len(set(self.parties)) < len(self.parties):
            raise ConfigurationError("ebms.party: one is there twice: leave it out.")
        if not 1 <= self.concurrency <= _CONCURRENCY_MAX:
            raise ConfigurationError(
                f"ebms.concurrency is 1 to {_CONCURRENCY_MAX} posts at a time."
            )
        waits = (self.timeouts.connect, self.timeouts.silence, self.timeouts.total)
        if not all(1 <= seconds <= _SECONDS_MAX for seconds in waits):
            raise ConfigurationError(
                f"ebms.connect_seconds, silence_seconds and total_seconds are 1 to {_SECONDS_MAX}."
            )
