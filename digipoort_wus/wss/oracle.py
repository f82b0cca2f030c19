"""The same verdict from an independent implementation: signxml.

It stands behind the same interface as the native engine, so that an operator can
choose it, or have both asked; the tests always ask both.
"""

from types import MappingProxyType

from lxml import etree
from signxml import DigestAlgorithm, SignatureConfiguration, SignatureMethod, XMLVerifier
from signxml.exceptions import InvalidDigest, SignXMLException

from digipoort_wus import checks
from digipoort_wus.errors import Refusal
from digipoort_wus.names import SOAP, WSSE
from digipoort_wus.wss.header import SecurityHeader
from digipoort_wus.wss.verify import SignatureEngine, SignedParts, signing_key, verify_signature
from digipoort_wus.xmlsafe.c14n import canonicalize, make_known
from digipoort_wus.xmlsafe.splice import LargeTexts

# Where the one Signature stands, as a path: signxml must not search for it.
_LOCATION = f"./{{{SOAP}}}Header/{{{WSSE}}}Security/"


class _Verifier(XMLVerifier):
    """signxml, told what lxml would otherwise take from elsewhere."""

    def _tostring(self, xml_node: etree._Element, **options: object) -> bytes:
        # Text behind an element is none of its own, and behind a root it may not stand.
        octets = super()._tostring(xml_node, with_tail=False, **options)  # type: ignore[no-untyped-call]
        return bytes(octets)

    def _get_inclusive_ns_prefixes(self, transform_node: etree._Element) -> list[str] | None:
        # An empty list comes as one empty prefix. lxml takes that for the default namespace
        # once any document of this thread had xmlns="", so somebody else's could decide.
        found = super()._get_inclusive_ns_prefixes(transform_node)  # type: ignore[no-untyped-call]
        prefixes = [prefix for prefix in found or () if prefix]
        make_known(prefixes)
        return prefixes or None


def _parser() -> etree.XMLParser:
    """Return one that reads again whatever the parse of the message let through."""
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        # Without it, signxml stops at text nodes of 10 MB.
        huge_tree=True,
        # With them, an xml:id that is no name ends the parse.
        collect_ids=False,
    )


def verify_signature_signxml(header: SecurityHeader, parts: SignedParts, texts: LargeTexts) -> None:
    """Verify SignatureValue and digests with signxml.

    What signxml says was signed must be, octet for octet, the parts that the
    References name by position; otherwise it verified something else.

    Raises:
        Refusal: WSS-SIGNATURE, WSS-DIGEST, XML-CANONICAL or PKI-KEY.
    """
    signing_key(header.certificate)
    # It serialises and parses the message itself, so it needs all of it.
    texts.restore()
    configuration = SignatureConfiguration(
        location=_LOCATION,
        expect_references=len(header.references),
        signature_methods=frozenset({SignatureMethod(header.signature_algorithm)}),
        digest_algorithms=frozenset(
            DigestAlgorithm(reference.digest_algorithm) for reference in header.references
        ),
        # Dates are judged with the rest of the certificate, by our clock.
        verification_time=header.certificate.not_valid_before_utc,
    )
    try:
        verified = _Verifier().verify(
            header.element.getroottree().getroot(),
            x509_cert=header.certificate,
            # Its schema knows no InclusiveNamespaces, which WSS4J and CXF send; the form was
            # judged before, more strictly.
            validate_schema=False,
            parser=_parser(),
            expect_config=configuration,
        )
    except InvalidDigest:
        raise Refusal(checks.WSS_DIGEST) from None
    except etree.C14NError:
        raise Refusal(checks.XML_CANONICAL) from None
    except (SignXMLException, etree.XMLSyntaxError, ValueError) as error:
        raise Refusal(checks.WSS_SIGNATURE, received=type(error).__name__) from None
    results = verified if isinstance(verified, list) else [verified]
    for reference, result in zip(header.references, results, strict=True):
        part = canonicalize(parts[reference.target_id], reference.prefixes)
        if result.signed_data != part:
            raise Refusal(checks.WSS_DIGEST, received="signxml verified another element")


def verify_signature_both(header: SecurityHeader, parts: SignedParts, texts: LargeTexts) -> None:
    """Verify with both engines and refuse where they disagree.

    Raises:
        Refusal: the native engine's refusal, or WSS-ENGINES.
    """
    native = _verdict(verify_signature, header, parts, texts)
    other = _verdict(verify_signature_signxml, header, parts, texts)
    if (native is None) != (other is None):
        raise Refusal(
            checks.WSS_ENGINES,
            received=f"native: {_name(native)}, signxml: {_name(other)}",
        )
    if native is not None:
        raise native


ENGINES: MappingProxyType[str, SignatureEngine] = MappingProxyType(
    {
        "native": verify_signature,
        "signxml": verify_signature_signxml,
        "both": verify_signature_both,
    }
)
"""The values of the setting ``signature_engine``."""


def _verdict(
    engine: SignatureEngine, header: SecurityHeader, parts: SignedParts, texts: LargeTexts
) -> Refusal | None:
    try:
        engine(header, parts, texts)
    except Refusal as refusal:
        return refusal
    return None


def _name(refusal: Refusal | None) -> str:
    return "accepted" if refusal is None else refusal.check.id
