"""What is kept of a filing beside its evidence, as values: what entries have HMACs of."""

from dataclasses import dataclass, field
from enum import Enum

from cryptography import x509

from digipoort_wus.filing.content import Content
from digipoort_wus.filing.status import Status


class Row(Enum):
    """Whether a row is the one that was written with its secret."""

    WRITTEN = "as it was written"
    CHANGED = "not as it was written"
    UNKNOWN = "stored by version 3, or purged: there is no telling"


@dataclass(frozen=True, slots=True)
class KeptRequest:
    """A request that an agency signed.

    Args:
        request: the signed envelope; None where it is missing or damaged.
        certificates: the agency's, then its issuers, the root last.
        crls: those that were used.
    """

    request: Content | None = field(default=None, repr=False)
    certificates: tuple[x509.Certificate, ...] = ()
    crls: tuple[x509.CertificateRevocationList, ...] = ()


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """One return message.

    Args:
        bericht: its berichtkenmerk.
        salt: key of its HMACs, that of the delivery that it is about; None once destroyed.
        contents: decoded, the attachments behind the document.
        offered: the request that brought it; None of one that came without.
        head: what its row says, octets that ``Offered.head`` is over.
        row: whether that was written so.
    """

    bericht: str
    salt: bytes | None = field(repr=False)
    contents: tuple[Content, ...] = field(default=(), repr=False)
    offered: KeptRequest | None = None
    head: bytes | None = field(default=None, repr=False)
    row: Row = Row.WRITTEN


@dataclass(frozen=True, slots=True)
class Kept:
    """One delivery; of one that was purged only what it was.

    Args:
        bericht: its berichtkenmerk.
        salt: key of its HMACs; None once the secret that it is derived from is destroyed.
        request: the signed envelope, the octets that ``Received.request`` is over.
        answer: the signed confirmation; None where it was never sent, or not kept.
        contents: decoded, the attachments behind the document.
        statuses: in order.
        certificates: the signer's, then its issuers, the root last.
        crls: those that were used.
        answer_certificate: who signed the answer.
        reports: requests in which an agency reported on it, in the order of their entries.
        head: what its row says, octets that ``Received.head`` is over.
        row: whether that was written so.
    """

    bericht: str
    salt: bytes | None = field(repr=False)
    request: Content | None = field(default=None, repr=False)
    answer: Content | None = field(default=None, repr=False)
    contents: tuple[Content, ...] = field(default=(), repr=False)
    statuses: tuple[Status, ...] = field(default=(), repr=False)
    certificates: tuple[x509.Certificate, ...] = ()
    crls: tuple[x509.CertificateRevocationList, ...] = ()
    answer_certificate: x509.Certificate | None = None
    reports: tuple[KeptRequest, ...] = ()
    head: bytes | None = field(default=None, repr=False)
    row: Row = Row.WRITTEN
