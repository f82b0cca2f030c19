"""Signing an ebMS message: the envelope but for what is on the way, and every payload."""

from collections.abc import Sequence
from urllib.parse import quote

import pybase64
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from digipoort_wus.ebms.message import DigestReference, Payload
from digipoort_wus.ebms.names import C14N, XPATH_TRANSFORM
from digipoort_wus.ebms.signature import canonical, check_terms, digest
from digipoort_wus.ebms.signature_form import FORMS, Canonicalization
from digipoort_wus.ebms.surviving import surviving
from digipoort_wus.ebms.terms import SignatureTerms
from digipoort_wus.ebms.xpath import ebms_xpath
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.names import DS, ENVELOPED, SOAP
from digipoort_wus.pki.identity import Identity
from digipoort_wus.soap.multipart import read_cid
from digipoort_wus.wss.policy import HASHES, PADDINGS
from digipoort_wus.xmlsafe.c14n import canonicalize_whole

_CID_SAFE = "!$&'()*+,;=:@/"


def sign(
    envelope: etree._Element,
    payloads: Sequence[Payload],
    identity: Identity,
    terms: SignatureTerms,
    *,
    canonicalization: str = C14N,
    unsafe_sha1: bool = False,
) -> tuple[DigestReference, ...]:
    """Sign a message in place: add ds:Signature at the end of its Header.

    Args:
        envelope: complete; afterwards it must not be changed, moved or indented, only written.
        payloads: as they are before any encryption; each is read once, piece by piece.
        identity: whose certificate and key sign.
        terms: algorithms, and the certificate that the CPA names, if it does.
        canonicalization: URI of the inclusive form, which all peers that were seen use, or of
            the exclusive form, which Digikoppeling's text names.
        unsafe_sha1: sign with SHA-1 where the terms name it.

    Returns:
        What a signed acknowledgment has to repeat, for
        :func:`~digipoort_wus.ebms.signature.same_references`.

    Raises:
        ConfigurationError: the envelope cannot be signed, the terms cannot be used, or the CPA
            names another certificate.
        EbmsRefusal: EBMS-XML or EBMS-ACTOR: no receiver would read this envelope.

    ebMS 2.0 §4.1.3.
    """
    check_terms(terms, unsafe_sha1=unsafe_sha1)
    form = FORMS.get(canonicalization)
    if form is None:
        raise ConfigurationError(
            f"{canonicalization} is no canonicalisation for ebMS: use {' or '.join(FORMS)}."
        )
    own = identity.certificate.public_bytes(Encoding.DER)
    if terms.certificates and terms.certificates[0] != own:
        raise ConfigurationError(
            "The CPA names another certificate for our signatures than the one that signs: "
            "exchange a CPA with the new certificate, or sign with the old one."
        )
    header = envelope.find(f"{{{SOAP}}}Header")
    if header is None or header.find(f"{{{DS}}}Signature") is not None:
        raise ConfigurationError(
            "The envelope has no Header, or a Signature already: write it anew, and sign it once."
        )
    octets = canonicalize_whole(surviving(envelope), form)
    transforms = (ENVELOPED, XPATH_TRANSFORM, canonicalization)
    references = [DigestReference("", terms.digest, digest(terms.digest, octets), transforms)]
    references += [
        DigestReference(cid_of(each.content_id), terms.digest, digest(terms.digest, each.content))
        for each in payloads
    ]
    if any(read_cid(reference.uri) is None for reference in references[1:]):
        raise ConfigurationError(
            "A payload has a Content-ID that no cid: can name: use visible ASCII without spaces, "
            "such as payload-1@example.nl."
        )
    if len({reference.uri for reference in references}) != len(references):
        raise ConfigurationError("Two payloads have one Content-ID: give each its own.")
    # Built where it stands: lxml drops declarations of what is moved, also those that only the
    # text of the XPath needs.
    signature = etree.SubElement(header, f"{{{DS}}}Signature", nsmap={"ds": DS})
    signed_info = _add(signature, "SignedInfo")
    _add(signed_info, "CanonicalizationMethod", canonicalization)
    _add(signed_info, "SignatureMethod", terms.algorithm)
    for reference in references:
        add_reference(signed_info, reference, envelope.prefix)
    value = identity.private_key.sign(
        canonical(signed_info, Canonicalization(form)),
        PADDINGS[terms.algorithm],
        HASHES[terms.algorithm],
    )
    _add(signature, "SignatureValue").text = _b64(value)
    x509_data = _add(_add(signature, "KeyInfo"), "X509Data")
    _add(x509_data, "X509Certificate").text = _b64(own)
    return tuple(references)


def cid_of(content_id: str) -> str:
    """Return the ``cid:`` URI of a Content-ID without brackets (RFC 2392 §2)."""
    return f"cid:{quote(content_id, safe=_CID_SAFE)}"


def _add(parent: etree._Element, name: str, algorithm: str | None = None) -> etree._Element:
    element: etree._Element = etree.SubElement(parent, f"{{{DS}}}{name}")
    if algorithm is not None:
        element.set("Algorithm", algorithm)
    return element


def add_reference(parent: etree._Element, reference: DigestReference, prefix: str | None) -> None:
    """Add a ds:Reference to a SignedInfo, or to the Acknowledgment that repeats it.

    Args:
        parent: where it is to stand, in its envelope already.
        reference: what it says.
        prefix: that the envelope has for SOAP's namespace.
    """
    element = _add(parent, "Reference")
    element.set("URI", reference.uri)
    if reference.transforms:
        transforms = _add(element, "Transforms")
        for algorithm in reference.transforms:
            transform = _add(transforms, "Transform", algorithm)
            if algorithm == XPATH_TRANSFORM:
                _add_xpath(transform, prefix)
    _add(element, "DigestMethod", reference.digest_method)
    _add(element, "DigestValue").text = _b64(reference.digest)


def _add_xpath(transform: etree._Element, envelope_prefix: str | None) -> None:
    # The envelope's own, which is declared anyway; a default namespace says nothing in XPath.
    prefix = envelope_prefix or "soap"
    nsmap = {} if envelope_prefix else {prefix: SOAP}
    xpath = etree.SubElement(transform, f"{{{DS}}}XPath", nsmap=nsmap)
    xpath.text = ebms_xpath(prefix)


def _b64(octets: bytes) -> str:
    return pybase64.b64encode_as_string(octets)
