"""A Digipoort-compatible WUS gateway, client and library.

The names below are the public API. They are imported when they are first used, so
that ``import digipoort_wus`` costs nothing and does nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0.dev0"

if TYPE_CHECKING:
    from digipoort_wus.client.digipoort import DigipoortClient as DigipoortClient
    from digipoort_wus.client.digipoort import Endpoints as Endpoints
    from digipoort_wus.client.errors import AnswerRefused as AnswerRefused
    from digipoort_wus.client.errors import ConnectionFailed as ConnectionFailed
    from digipoort_wus.client.errors import DigipoortFault as DigipoortFault
    from digipoort_wus.client.wsse import DigipoortAddressing as DigipoortAddressing
    from digipoort_wus.client.wsse import DigipoortWsse as DigipoortWsse
    from digipoort_wus.config import Config as Config
    from digipoort_wus.config_file import load_config as load_config
    from digipoort_wus.ebms.message import PartyId as PartyId
    from digipoort_wus.ebms.message import Payload as Payload
    from digipoort_wus.embedding import PRODUCTION as PRODUCTION
    from digipoort_wus.embedding import TEST as TEST
    from digipoort_wus.embedding import load_trust as load_trust
    from digipoort_wus.embedding import sign_response as sign_response
    from digipoort_wus.embedding import verify_request as verify_request
    from digipoort_wus.errors import Check as Check
    from digipoort_wus.errors import ConfigurationError as ConfigurationError
    from digipoort_wus.errors import DigipoortError as DigipoortError
    from digipoort_wus.errors import Refusal as Refusal
    from digipoort_wus.filing.filing import Document as Document
    from digipoort_wus.filing.filing import Filing as Filing
    from digipoort_wus.filing.filing import ReturnMessage as ReturnMessage
    from digipoort_wus.filing.party import Party as Party
    from digipoort_wus.gateway import Gateway as Gateway
    from digipoort_wus.messaging.backend import Backend as Backend
    from digipoort_wus.messaging.sending import Letter as Letter
    from digipoort_wus.pki.chain import CachingVerifier as CachingVerifier
    from digipoort_wus.pki.chain import TrustStore as TrustStore
    from digipoort_wus.pki.identity import Identity as Identity
    from digipoort_wus.pki.identity import load_pem as load_pem
    from digipoort_wus.pki.identity import load_pkcs12 as load_pkcs12
    from digipoort_wus.wss.policy import DIGIPOORT_1_2 as DIGIPOORT_1_2
    from digipoort_wus.wss.policy import SUITE_SHA1 as SUITE_SHA1
    from digipoort_wus.wss.policy import SUITE_SHA256 as SUITE_SHA256
    from digipoort_wus.wss.policy import SecurityPolicy as SecurityPolicy
    from digipoort_wus.wss.policy import without_sha1 as without_sha1
    from digipoort_wus.wss.replay import ReplayCache as ReplayCache
    from digipoort_wus.wss.sign import sign_request as sign_request
    from digipoort_wus.wss.verify import Verified as Verified

_HOMES = {
    "client.digipoort": ("DigipoortClient", "Endpoints"),
    "client.errors": ("AnswerRefused", "ConnectionFailed", "DigipoortFault"),
    "client.wsse": ("DigipoortAddressing", "DigipoortWsse"),
    "config": ("Config",),
    "config_file": ("load_config",),
    "ebms.message": ("PartyId", "Payload"),
    "embedding": ("PRODUCTION", "TEST", "load_trust", "sign_response", "verify_request"),
    "errors": ("Check", "ConfigurationError", "DigipoortError", "Refusal"),
    "filing.filing": ("Document", "Filing", "ReturnMessage"),
    "filing.party": ("Party",),
    "gateway": ("Gateway",),
    "messaging.backend": ("Backend",),
    "messaging.sending": ("Letter",),
    "pki.chain": ("CachingVerifier", "TrustStore"),
    "pki.identity": ("Identity", "load_pem", "load_pkcs12"),
    "wss.policy": (
        "DIGIPOORT_1_2",
        "SUITE_SHA1",
        "SUITE_SHA256",
        "SecurityPolicy",
        "without_sha1",
    ),
    "wss.replay": ("ReplayCache",),
    "wss.sign": ("sign_request",),
    "wss.verify": ("Verified",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> object:
    """Import a public name from where it lives."""
    if name in _HOME_OF:
        value = getattr(import_module(f"digipoort_wus.{_HOME_OF[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
