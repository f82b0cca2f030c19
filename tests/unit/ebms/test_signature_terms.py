"""What a CPA says of signatures, where it cannot be done or is not safe; and what is handed on."""

import hashlib
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from digipoort_wus.ebms.contents import ViewContent
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.message import Payload
from digipoort_wus.ebms.names import EB
from digipoort_wus.ebms.signature import check_terms, digest, verify
from digipoort_wus.ebms.signing import sign
from digipoort_wus.ebms.terms import SignatureTerms
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.names import (
    DS,
    RSA_SHA1,
    RSA_SHA256,
    RSA_SHA384,
    RSA_SHA512,
    SHA1,
    SHA256,
    SHA384,
    SHA512,
)
from digipoort_wus.pki.testpki import TestPki
from tests.messages import NOW
from tests.unit.ebms.signature_defects import KEY_INFO
from tests.unit.ebms.signatures import (
    PARTS,
    envelope_text,
    sign_with_xmlsec,
    template,
    terms_of,
    trust_of,
)

RSA_MD5 = "http://www.w3.org/2001/04/xmldsig-more#rsa-md5"
MD5 = "http://www.w3.org/2001/04/xmldsig-more#md5"


@pytest.mark.parametrize("algorithm", [RSA_SHA256, RSA_SHA384, RSA_SHA512])
@pytest.mark.parametrize("digest", [SHA256, SHA384, SHA512])
@pytest.mark.parametrize("unsafe", [False, True])
def test_what_is_safe(algorithm: str, digest: str, unsafe: bool) -> None:
    check_terms(SignatureTerms(algorithm, digest, ()), unsafe_sha1=unsafe)


@pytest.mark.parametrize(
    ("algorithm", "digest"), [(RSA_SHA1, SHA256), (RSA_SHA256, SHA1), (RSA_SHA1, SHA1)]
)
def test_sha1_is_asked_for_by_name(g1: TestPki, algorithm: str, digest: str) -> None:
    """Wherever it is: half of a signature with SHA-1 is as good as a whole one."""
    identity = g1.identities["vendor-a"]
    terms = terms_of(identity, algorithm, digest)
    root = etree.fromstring(envelope_text().encode())
    payloads = [Payload(cid, "x/y", octets) for cid, octets in PARTS.items()]
    with pytest.raises(ConfigurationError, match="set unsafe_sha1"):
        sign(root, payloads, identity, terms)
    sign(root, payloads, identity, terms, unsafe_sha1=True)
    message = etree.fromstring(etree.tostring(root))
    with pytest.raises(ConfigurationError, match="set unsafe_sha1"):
        verify(message, PARTS, terms, at=NOW, trust=trust_of(g1))
    verify(message, PARTS, terms, at=NOW, trust=trust_of(g1), unsafe_sha1=True)


@pytest.mark.parametrize(("algorithm", "digest"), [(RSA_MD5, SHA256), (RSA_SHA256, MD5)])
@pytest.mark.parametrize("unsafe", [False, True])
def test_what_nobody_should_agree_on(
    g1: TestPki, algorithm: str, digest: str, unsafe: bool
) -> None:
    identity = g1.identities["vendor-a"]
    terms = terms_of(identity, algorithm, digest)
    message = etree.fromstring(sign_with_xmlsec(envelope_text(template()), identity))
    with pytest.raises(ConfigurationError, match="not known here"):
        verify(message, PARTS, terms, at=NOW, trust=trust_of(g1), unsafe_sha1=unsafe)


def test_a_certificate_of_another_kind_of_key(g1: TestPki) -> None:
    """It is our agreement that is wrong, also where somebody would trust the certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "elliptic")])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, NOW + timedelta(1))
    elliptic = made.sign(key, hashes.SHA256())
    identity = g1.identities["vendor-a"]
    signer = trust_of(g1)(identity.certificate, (), NOW)
    terms = SignatureTerms(RSA_SHA256, SHA256, (elliptic.public_bytes(Encoding.DER),))
    text = envelope_text(template().replace(KEY_INFO, ""))
    message = etree.fromstring(sign_with_xmlsec(text, identity))
    with pytest.raises(ConfigurationError, match="no RSA key"):
        verify(message, PARTS, terms, at=NOW, trust=lambda leaf, beside, at: signer)


@pytest.mark.parametrize("xpath", [True, False])
def test_what_is_for_the_next_actor_is_not_handed_on(g1: TestPki, xpath: bool) -> None:
    """Also where the signature covers it: nobody downstream reads it in either case."""
    identity = g1.identities["vendor-a"]
    signature = template() if xpath else template(xpath=None)
    message = etree.fromstring(sign_with_xmlsec(envelope_text(signature), identity))
    assert message.find(f".//{{{EB}}}SyncReply") is not None
    tree = verify(message, PARTS, terms_of(identity), at=NOW, trust=trust_of(g1)).tree
    assert tree.find(f".//{{{EB}}}SyncReply") is None
    assert tree.find(f".//{{{DS}}}Signature") is None
    assert tree.findtext(f".//{{{EB}}}Action") == "Deliver"


def test_the_certificates_beside_the_first_are_for_the_chain_only(g1: TestPki) -> None:
    identity, other = g1.identities["vendor-a"], g1.identities["vendor-b"]
    ders = [each.certificate.public_bytes(Encoding.DER) for each in (identity, other)]
    terms = SignatureTerms(RSA_SHA256, SHA256, (ders[0], ders[1]))
    seen: list[tuple[x509.Certificate, ...]] = []

    def trust(leaf, beside, at):  # type: ignore[no-untyped-def]
        seen.append((leaf, *beside))
        return trust_of(g1)(leaf, (), at)

    message = etree.fromstring(sign_with_xmlsec(envelope_text(template()), identity))
    verify(message, PARTS, terms, at=NOW, trust=trust)
    assert seen == [(identity.certificate, other.certificate)]
    unnamed = template().replace(KEY_INFO, "")
    message = etree.fromstring(sign_with_xmlsec(envelope_text(unnamed), other))
    with pytest.raises(EbmsRefusal, match="EBMS-SIGNATURE-VALUE"):
        verify(message, PARTS, terms, at=NOW, trust=trust)


@pytest.mark.parametrize("method", [SHA1, SHA256, SHA384, SHA512])
@pytest.mark.parametrize("size", [0, 1, 262_144, 262_145, 600_000])
def test_a_digest_is_of_all_the_octets(method: str, size: int) -> None:
    """Signer and verifier share it, so what they agree on says nothing."""
    octets = (bytes(range(251)) * (size // 251 + 1))[:size]
    expected = hashlib.new(method.rpartition("#")[2], octets).digest()
    assert digest(method, octets) == expected
    assert digest(method, ViewContent(memoryview(octets))) == expected


def test_a_large_payload_that_was_changed(g1: TestPki) -> None:
    identity = g1.identities["vendor-a"]
    octets = bytearray(600_000)
    root = etree.fromstring(envelope_text().encode())
    kept = Payload("a", "x/y", ViewContent(memoryview(bytes(octets))))
    sign(root, [kept], identity, terms_of(identity))
    message = etree.fromstring(etree.tostring(root))
    octets[-1] = 1
    parts = {"a": ViewContent(memoryview(bytes(octets)))}
    with pytest.raises(EbmsRefusal, match="EBMS-SIGNATURE-DIGEST"):
        verify(message, parts, terms_of(identity), at=NOW, trust=trust_of(g1))
    verify(message, {"a": bytes(600_000)}, terms_of(identity), at=NOW, trust=trust_of(g1))
