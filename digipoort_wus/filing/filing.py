"""A filing as it was received, and a message that goes back."""

from dataclasses import dataclass, field
from datetime import datetime

from digipoort_wus.filing.content import Content
from digipoort_wus.filing.finding import Finding
from digipoort_wus.filing.party import Party


@dataclass(frozen=True, slots=True)
class Document:
    """Content or attachment: ``berichtInhoud`` or ``bijlage``.

    Args:
        mime_type: at most 255 characters.
        file_name: at most 80 characters.
        content: decoded octets, at most 20 MiB, or a handle for them; never shown in a repr.
    """

    mime_type: str
    file_name: str
    content: Content = field(repr=False)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One ``aanleverRequest``: what the sender asked, before it has a kenmerk."""

    berichtsoort: str
    belanghebbende: Party
    rol_belanghebbende: str
    document: Document
    kenmerk: str | None = None
    aanleverkenmerk: str | None = None
    eerder_aanleverkenmerk: str | None = None
    ontvanger: Party | None = None
    rol_ontvanger: str | None = None
    attachments: tuple[Document, ...] = ()
    autorisatie_adres: str | None = None


@dataclass(frozen=True, slots=True)
class Filing:
    """A delivery that was accepted: it has a kenmerk, a sender and a moment of receipt."""

    kenmerk: str
    berichtkenmerk: str
    """Our identifier of the message that started the process."""
    sender: str
    """OIN of the signer."""
    received_at: datetime
    """Legal moment of receipt, UTC, milliseconds."""
    delivery: Delivery
    tls_oin: str | None = None
    """OIN of the TLS peer, which a mandate may let differ; None where there was no TLS."""


@dataclass(frozen=True, slots=True)
class ReturnMessage:
    """A ``BerichtResultaat``: a message from the agency that its addressee may fetch."""

    kenmerk: str
    berichtkenmerk: str
    berichtsoort: str
    offered_at: datetime
    belanghebbende: Party
    rol_belanghebbende: str
    document: Document
    aanleverkenmerk: str | None = None
    eerder_aanleverkenmerk: str | None = None
    aanleveraar: str | None = None
    ontvanger: Party | None = None
    rol_ontvanger: str | None = None
    attachments: tuple[Document, ...] = ()
    findings: tuple[Finding, ...] = ()
    elements: tuple[tuple[str, str], ...] = ()
    """``additioneleElementen``: name and value."""
