"""Signed ebMS messages for tests: written as text and signed by libxmlsec, not by us."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO

import xmlsec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from lxml import etree

from digipoort_wus.ebms.names import ACTOR_NEXT, ACTOR_NEXT_MSH, C14N, EB, XPATH_TRANSFORM
from digipoort_wus.ebms.signature import Trust
from digipoort_wus.ebms.terms import SignatureTerms
from digipoort_wus.names import DS, ENVELOPED, RSA_SHA256, SHA256, SOAP
from digipoort_wus.pki.chain import VerifiedCertificate, verify_certificate
from digipoort_wus.pki.identity import Identity
from digipoort_wus.pki.profiles import Role
from digipoort_wus.pki.testpki import TestPki

PARTS: Mapping[str, bytes] = {
    "one@example.nl": b"<a>\r\n1</a>",
    "two@example.nl": bytes(range(256)),
}
XPATH = (
    f'not(ancestor-or-self::node()[@soap:actor="{ACTOR_NEXT_MSH}"] | '
    f'ancestor-or-self::node()[@soap:actor="{ACTOR_NEXT}"])'
)
"""With the prefix ``soap``."""
SYNC_REPLY = f'<eb:SyncReply eb:version="2.0" soap:mustUnderstand="1" soap:actor="{ACTOR_NEXT}"/>'


def der(identity: Identity) -> bytes:
    return identity.certificate.public_bytes(Encoding.DER)


def terms_of(
    identity: Identity, algorithm: str = RSA_SHA256, digest: str = SHA256
) -> SignatureTerms:
    return SignatureTerms(algorithm, digest, (der(identity),))


def trust_of(pki: TestPki) -> Trust:
    store = pki.trust_store()

    def judge(leaf, sent, at) -> VerifiedCertificate:  # type: ignore[no-untyped-def]
        return verify_certificate(store, leaf, sent, Role.SIGNER, at)

    return judge


def envelope_text(signature: str = "", *, action: str = "Deliver", more: str = SYNC_REPLY) -> str:
    """Return an envelope as others write them, with white space and text that needs escapes."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<soap:Envelope xmlns:soap="{SOAP}" xmlns:eb="{EB}" xmlns:xlink="http://www.w3.org/1999/xlink">
  <soap:Header>
    <eb:MessageHeader eb:version="2.0" soap:mustUnderstand="1">
      <eb:From><eb:PartyId eb:type="urn:osb:oin">00000099000000001000</eb:PartyId></eb:From>
      <eb:CPAId>&lt;cpa&#13;&amp;&gt;</eb:CPAId><eb:Action>{action}</eb:Action>
    </eb:MessageHeader>{more}{signature}
  </soap:Header>
  <soap:Body><eb:Manifest eb:version="2.0"/></soap:Body>
</soap:Envelope>"""


def reference(uri: str, transforms: str = "", method: str = SHA256) -> str:
    return (
        f'<ds:Reference URI="{uri}">{transforms}<ds:DigestMethod Algorithm="{method}"/>'
        "<ds:DigestValue></ds:DigestValue></ds:Reference>"
    )


def transforms(*, xpath: str | None = XPATH, c14n: str = C14N) -> str:
    filtered = (
        ""
        if xpath is None
        else f'<ds:Transform Algorithm="{XPATH_TRANSFORM}">'
        f"<ds:XPath>{xpath}</ds:XPath></ds:Transform>"
    )
    return (
        f'<ds:Transforms><ds:Transform Algorithm="{ENVELOPED}"/>{filtered}'
        f'<ds:Transform Algorithm="{c14n}"/></ds:Transforms>'
    )


def template(
    *,
    references: Sequence[str] | None = None,
    c14n: str = C14N,
    algorithm: str = RSA_SHA256,
    digest: str = SHA256,
    xpath: str | None = XPATH,
    parts: Mapping[str, bytes] = PARTS,
) -> str:
    """Return a ds:Signature without values."""
    if references is None:
        references = [
            reference("", transforms(xpath=xpath, c14n=c14n), digest),
            *(reference(f"cid:{cid}", "", digest) for cid in parts),
        ]
    return (
        f'<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo>'
        f'<ds:CanonicalizationMethod Algorithm="{c14n}"/>'
        f'<ds:SignatureMethod Algorithm="{algorithm}"/>{"".join(references)}</ds:SignedInfo>'
        "<ds:SignatureValue></ds:SignatureValue>"
        "<ds:KeyInfo><ds:X509Data><ds:X509Certificate/></ds:X509Data></ds:KeyInfo></ds:Signature>"
    )


def with_default_namespace(signature: str) -> str:
    return signature.replace("ds:", "").replace("xmlns:ds", "xmlns")


@contextmanager
def parts_by_cid(parts: Mapping[str, bytes]) -> Iterator[None]:
    """Let libxmlsec find parts; this is of the whole process."""
    by_uri = {f"cid:{cid}".encode(): octets for cid, octets in parts.items()}
    # The usual ones, which open files, would be asked first.
    xmlsec.cleanup_callbacks()
    xmlsec.register_callbacks(
        lambda uri: _bytes(uri) in by_uri,
        lambda uri: BytesIO(by_uri[_bytes(uri)]),
        lambda file, into: file.readinto(into),
        lambda file: file.close(),
    )
    try:
        yield
    finally:
        xmlsec.cleanup_callbacks()
        xmlsec.register_default_callbacks()


def _bytes(uri: str | bytes) -> bytes:
    return uri.encode() if isinstance(uri, str) else uri


def sign_with_xmlsec(message: str, identity: Identity, parts: Mapping[str, bytes] = PARTS) -> bytes:
    """Fill the template that is in a message."""
    root = etree.fromstring(message.encode())
    key = identity.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(key, xmlsec.constants.KeyDataFormatPem)
    context.key.load_cert_from_memory(
        identity.certificate.public_bytes(Encoding.PEM), xmlsec.constants.KeyDataFormatPem
    )
    with parts_by_cid(parts):
        context.sign(next(root.iter(f"{{{DS}}}Signature")))
    return etree.tostring(root)


def verifies_with_xmlsec(
    message: bytes, identity: Identity, parts: Mapping[str, bytes] = PARTS
) -> bool:
    root = etree.fromstring(message)
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(
        identity.certificate.public_bytes(Encoding.PEM), xmlsec.constants.KeyDataFormatCertPem
    )
    try:
        with parts_by_cid(parts):
            context.verify(next(root.iter(f"{{{DS}}}Signature")))
    except xmlsec.Error:
        return False
    return True
