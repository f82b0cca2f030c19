"""The payloads that Digipoort and a government body exchange over ebMS, as values.

There are two services. With aanleveren a body files, and Digipoort confirms; with afleveren
Digipoort delivers, and the body confirms. Each confirmation is a message of its own. What a
body files is a :class:`~digipoort_wus.filing.filing.Delivery`, as over WUS.

The names of services and actions are those of public stubs; those of production are for the
CPA to say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from digipoort_wus.ebms.message import Service
from digipoort_wus.ebms.names import SERVICE_TYPE
from digipoort_wus.filing.filing import Document
from digipoort_wus.filing.party import Party, register_of

AANLEVEREN = Service("osb:aanleveren:1.1$1.0", SERVICE_TYPE)
AFLEVEREN = Service("osb:afleveren:1.1$1.0", SERVICE_TYPE)
AANLEVER, BEVESTIG_AANLEVER = "aanleveren", "bevestigAanleveren"
AFLEVER, BEVESTIG_AFLEVER = "afleveren", "bevestigAfleveren"
DIGIPOORT, OVERHEID = "DIGIPOORT", "OVERHEID"
"""The roles of the two parties."""

AANLEVER_TYPES = "http://logius.nl/digipoort/ebms/2.0/aanleverservice/1.1/"
AFLEVER_TYPES = "http://logius.nl/digipoort/ebms/2.0/afleverservice/1.1/"
"""Namespaces of the payloads."""
MEDIA_TYPE = "application/xml"
"""Of a payload."""

REGISTERS: Mapping[str, str] = MappingProxyType(
    {register_of(name): name for name in ("BSN", "KvK", "BTW", "Fi", "OIN")}
)
"""Where the number of an identity comes from: as the interface spells it, by how it compares."""
FOUTCODE_MAX, FOUTBESCHRIJVING_MAX = 20, 8_192
"""Characters."""


@dataclass(frozen=True, slots=True)
class Fout:
    """``fout``: at most 20 characters of code and 8,192 of text."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class BevestigAanleverBericht:
    """What Digipoort made of what a body filed.

    Args:
        kenmerk: of the process; of a fault the one that was filed, empty without.
        status: code and moment of the process so far.
        outcome: when it was filed, aware; or why it was not.
    """

    kenmerk: str
    berichtsoort: str
    belanghebbende: Party
    rol_belanghebbende: str
    ontvanger: Party
    outcome: datetime | Fout
    status: tuple[str, datetime] | None = None
    aanleverkenmerk: str | None = None
    eerder_aanleverkenmerk: str | None = None
    rol_ontvanger: str | None = None
    autorisatie_adres: str | None = None


@dataclass(frozen=True, slots=True)
class AfleverBericht:
    """A filing, for the body that asked for it.

    Args:
        aangeleverd_at: the legal moment of receipt, aware.
        fouten: what validation had to say of it.
    """

    kenmerk: str
    berichtsoort: str
    berichtkenmerk: str
    aangeleverd_at: datetime
    belanghebbende: Party
    rol_belanghebbende: str
    document: Document
    aanleverkenmerk: str | None = None
    ontvanger: Party | None = None
    rol_ontvanger: str | None = None
    attachments: tuple[Document, ...] = ()
    fouten: tuple[Fout, ...] = ()


@dataclass(frozen=True, slots=True)
class BevestigAfleverBericht:
    """What a body says of a delivery: when it got it, as it says, aware; or why it did not."""

    kenmerk: str
    berichtkenmerk: str
    outcome: datetime | Fout
    berichtsoort: str | None = None
