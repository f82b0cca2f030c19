"""What is kept of a filing beside its evidence, as values: what entries have HMACs of."""

from dataclasses import dataclass, field

from cryptography import x509

from digipoort_wus.filing.content import Content
from digipoort_wus.filing.status import Status


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
