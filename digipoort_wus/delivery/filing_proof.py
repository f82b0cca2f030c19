"""What shows a filing that came over ebMS: its envelope, and the signature where one was agreed.

The message was judged before it was kept. Who signed it is not kept with it, so the signature is
verified once more, at the moment of receipt: by the agreement and the CRLs that are there now,
which may say otherwise than they did. Then the evidence has the envelope, and claims no signer.
"""

from collections.abc import Sequence
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from digipoort_wus.ebms.cpa_terms import terms
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.partners import Ours
from digipoort_wus.ebms.reading import read_envelope, read_header
from digipoort_wus.ebms.signature import Verified, verify
from digipoort_wus.ebms.signature_form import read_signature
from digipoort_wus.ebms.surviving import whole
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.process.recording import CERTIFICATE, CRL, Proof
from digipoort_wus.process.signed import SignedRequest
from digipoort_wus.store.ebms_values import EbmsContent, EbmsRow
from digipoort_wus.store.values import Material

EBMS, EBMS_SIGNED = "ebms", "ebms-signed"
"""In place of the policy: as the agreement said, without and with a signature."""


def proof_of(row: EbmsRow, content: EbmsContent, ours: Ours) -> Proof | None:
    """Return what shows a filing, None when its envelope is not kept any more.

    Args:
        row: of the message, which was accepted.
        content: what it held.
        ours: the agreements, and whose signatures are believed.
    """
    if content.envelope is None:
        return None
    request = SignedRequest((content.envelope,))
    body, kept = row.head.digest, request.kept()
    signed = _verified(row, content, content.envelope, ours)
    if signed is None:
        return Proof(EBMS, body, request, kept)
    form = read_signature(whole(read_envelope(content.envelope)))
    materials = _materials(signed.signer.chain, signed.signer.crls)
    return Proof(
        EBMS_SIGNED, body, request, kept, sha256(form.value).digest(), form.algorithm, materials
    )


def _verified(row: EbmsRow, content: EbmsContent, octets: bytes, ours: Ours) -> Verified | None:
    envelope = read_envelope(octets)
    try:
        partner = ours.partner(row.head.key.cpa_id)
        agreed = terms(partner.agreement, read_header(envelope), own=ours.ids, at=row.head.at)
        if agreed.signature is None:
            return None
        return verify(
            envelope,
            {part.content_id: part.content for part in content.parts},
            agreed.signature,
            at=row.head.at,
            trust=ours.trust,
            unsafe_sha1=partner.unsafe_sha1,
        )
    except (EbmsRefusal, ConfigurationError):
        return None


def _materials(
    chain: Sequence[x509.Certificate], crls: Sequence[x509.CertificateRevocationList]
) -> tuple[Material, ...]:
    found = [(CERTIFICATE, each.public_bytes(Encoding.DER)) for each in chain]
    found += [(CRL, each.public_bytes(Encoding.DER)) for each in crls]
    return tuple(Material(sha256(octets).digest(), kind, octets) for kind, octets in found)
