"""Defects of signatures, as data: what is done, and which check refuses it where.

``before`` is done to the text that libxmlsec then signs, so that only the named thing is wrong;
``after`` is done to the signed message.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from digipoort_wus import checks
from digipoort_wus.ebms.names import ACTOR_NEXT, C14N, XPATH_TRANSFORM
from digipoort_wus.errors import Check
from digipoort_wus.names import (
    DS,
    ENVELOPED,
    EXC_C14N,
    RSA_SHA1,
    RSA_SHA256,
    RSA_SHA512,
    SHA1,
    SHA256,
    SHA512,
)
from digipoort_wus.pki.testpki import TestPki
from tests.unit.ebms.signatures import (
    PARTS,
    XPATH,
    envelope_text,
    reference,
    sign_with_xmlsec,
    template,
    transforms,
)

FORM = checks.EBMS_SIGNATURE_FORM
ALGORITHM = checks.EBMS_SIGNATURE_ALGORITHM
COVERAGE = checks.EBMS_SIGNATURE_COVERAGE
DIGEST = checks.EBMS_SIGNATURE_DIGEST
VALUE = checks.EBMS_SIGNATURE_VALUE
PRESENT = checks.EBMS_SIGNATURE_PRESENT
SIGNER = checks.EBMS_SIGNER
AT = "//Header/Signature"
INFO = f"{AT}/SignedInfo"

ENVELOPE = reference("", transforms())
ONE, TWO = (reference(f"cid:{cid}") for cid in PARTS)
C14N_METHOD = f'<ds:CanonicalizationMethod Algorithm="{C14N}"/>'
METHOD = f'<ds:SignatureMethod Algorithm="{RSA_SHA256}"/>'
C14N_TRANSFORM = f'<ds:Transform Algorithm="{C14N}"/>'
XPATH_ELEMENT = f"<ds:XPath>{XPATH}</ds:XPath>"
XPATH_WHOLE = f'<ds:Transform Algorithm="{XPATH_TRANSFORM}">{XPATH_ELEMENT}</ds:Transform>'
KEY_INFO = "<ds:KeyInfo><ds:X509Data><ds:X509Certificate/></ds:X509Data></ds:KeyInfo>"
BASE64 = "http://www.w3.org/2000/09/xmldsig#base64"
XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"
HMAC = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"
STYLESHEET = '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0"/>'
WHOLE = re.compile(r"<ds:Signature .*</ds:Signature>", re.DOTALL)
Replacement = tuple[str, str]


@dataclass(frozen=True)
class Defect:
    """One thing that is wrong.

    Args:
        check: that refuses it.
        at: location.
        before: replaced before libxmlsec signs.
        after: replaced in the signed message.
        parts: that come with the message; None for those that were signed.
        signed: False where libxmlsec cannot make such a signature, and its values stay empty
            or those of another one.
        valid: whether a library that does what it is told finds nothing wrong.
        signer: who signs.
    """

    check: Check
    at: str
    before: Replacement | None = None
    after: Replacement | None = None
    parts: Mapping[str, bytes] | None = field(default=None, repr=False)
    signed: bool = True
    valid: bool = False
    signer: str = "vendor-a"


def _xpath(text: str, declared: str = "") -> Replacement:
    return XPATH_ELEMENT, f"<ds:XPath{declared}>{text}</ds:XPath>"


def _all(algorithm: str) -> Replacement:
    return "Transforms>", f'Transforms><ds:Transform Algorithm="{algorithm}"/>'


DEFECTS: Mapping[str, Defect] = {
    "no signature": Defect(PRESENT, AT, before=("<!--S-->", ""), signed=False),
    "two signatures": Defect(FORM, AT, after=("SECOND", "")),
    "signature in the Body": Defect(PRESENT, AT, after=("MOVE", "<soap:Body>"), valid=True),
    "signature for the next actor": Defect(
        FORM,
        AT,
        before=("<ds:Signature ", f'<ds:Signature soap:actor="{ACTOR_NEXT}" '),
        valid=True,
    ),
    "SignedInfo with something for the next actor": Defect(
        FORM,
        INFO + "/Reference[4]",
        after=("</ds:SignedInfo>", f'<x soap:actor="{ACTOR_NEXT}"/></ds:SignedInfo>'),
    ),
    "header for the next actor": Defect(
        PRESENT,
        AT,
        before=("<soap:Header>", f'<soap:Header soap:actor="{ACTOR_NEXT}">'),
        valid=True,
    ),
    "envelope for the next actor": Defect(
        checks.EBMS_ACTOR,
        "/Envelope/@actor",
        before=("<soap:Envelope ", f'<soap:Envelope soap:actor="{ACTOR_NEXT}" '),
        signed=False,
    ),
    "two headers": Defect(
        checks.EBMS_UNIQUE,
        "//Header",
        before=("<soap:Body>", "<soap:Header/><soap:Body>"),
        valid=True,
    ),
    "a comment in a text": Defect(
        checks.EBMS_XML, "/Envelope", before=("Deliver", "Deli<!-- x -->ver"), valid=True
    ),
    "an instruction": Defect(
        checks.EBMS_XML, "/Envelope", before=("Deliver", "Deli<?x y?>ver"), valid=True
    ),
    "attribute of the signature": Defect(
        FORM, AT, before=("<ds:Signature ", '<ds:Signature x="y" '), valid=True
    ),
    "text in the signature": Defect(
        FORM, AT, before=("<ds:SignedInfo>", "x<ds:SignedInfo>"), signed=False
    ),
    "an Object": Defect(
        FORM, AT, before=(KEY_INFO, f"{KEY_INFO}<ds:Object>x</ds:Object>"), valid=True
    ),
    "c14n of SignedInfo with comments": Defect(
        FORM,
        f"{INFO}/CanonicalizationMethod/@Algorithm",
        before=(C14N_METHOD, C14N_METHOD.replace(C14N, C14N + "#WithComments")),
        valid=True,
    ),
    "c14n 1.1 of SignedInfo": Defect(
        FORM,
        f"{INFO}/CanonicalizationMethod/@Algorithm",
        before=(C14N_METHOD, C14N_METHOD.replace(C14N, "http://www.w3.org/2006/12/xml-c14n11")),
        valid=True,
    ),
    "c14n with something in it": Defect(
        FORM,
        f"{INFO}/CanonicalizationMethod",
        before=(
            C14N_METHOD,
            f'<ds:CanonicalizationMethod Algorithm="{C14N}"><x/></ds:CanonicalizationMethod>',
        ),
        signed=False,
    ),
    "a long prefix list": Defect(
        FORM,
        f"{INFO}/CanonicalizationMethod",
        before=(
            C14N_METHOD,
            f'<ds:CanonicalizationMethod Algorithm="{EXC_C14N}"><InclusiveNamespaces '
            f'xmlns="{EXC_C14N}" PrefixList="{" ".join(f"p{n}" for n in range(33))}"/>'
            "</ds:CanonicalizationMethod>",
        ),
        valid=True,
    ),
    "c14n of the envelope with comments": Defect(
        FORM,
        f"{INFO}/Reference[1]/Transforms",
        before=(C14N_TRANSFORM, C14N_TRANSFORM.replace(C14N, C14N + "#WithComments")),
        valid=True,
    ),
    "no c14n of the envelope": Defect(
        FORM, f"{INFO}/Reference[1]/Transforms", before=(C14N_TRANSFORM, ""), valid=True
    ),
    "no enveloped transform": Defect(
        FORM,
        f"{INFO}/Reference[1]/Transforms",
        before=(
            f'<ds:Transform Algorithm="{ENVELOPED}"/>',
            f'<ds:Transform Algorithm="{XPATH_TRANSFORM}"><ds:XPath>not(ancestor-or-self::'
            "ds:Signature)</ds:XPath></ds:Transform>",
        ),
        valid=True,
    ),
    "transforms in another order": Defect(
        FORM,
        f"{INFO}/Reference[1]/Transforms",
        before=(
            f'<ds:Transform Algorithm="{ENVELOPED}"/>{XPATH_WHOLE}',
            f'{XPATH_WHOLE}<ds:Transform Algorithm="{ENVELOPED}"/>',
        ),
        valid=True,
    ),
    "the XPath twice": Defect(
        FORM,
        f"{INFO}/Reference[1]/Transforms",
        before=(XPATH_WHOLE, XPATH_WHOLE * 2),
        valid=True,
    ),
    "no transforms of the envelope": Defect(
        FORM, f"{INFO}/Reference[1]", before=(transforms(), ""), signed=False
    ),
    "XSLT": Defect(
        FORM,
        f"{INFO}/Reference[1]/Transforms",
        before=(
            XPATH_WHOLE,
            f'<ds:Transform Algorithm="{XSLT}">{STYLESHEET}</ds:Transform>',
        ),
        signed=False,
    ),
    "XPath of nothing": Defect(
        FORM,
        f"{INFO}/Reference[1]/Transforms/Transform[2]/XPath",
        before=_xpath("not(//*)"),
        valid=True,
    ),
    "XPath of no header": Defect(
        FORM,
        f"{INFO}/Reference[1]/Transforms/Transform[2]/XPath",
        before=_xpath("not(ancestor-or-self::soap:Header)"),
        valid=True,
    ),
    "XPath with more": Defect(
        FORM,
        f"{INFO}/Reference[1]/Transforms/Transform[2]/XPath",
        before=_xpath(f"{XPATH} and not(ancestor-or-self::soap:Body)"),
        valid=True,
    ),
    "XPath with a prefix for something else": Defect(
        FORM,
        f"{INFO}/Reference[1]/Transforms/Transform[2]/XPath",
        before=_xpath(XPATH.replace("soap:", "eb:")),
        valid=True,
    ),
    "XPath with its prefix bound again": Defect(
        FORM,
        f"{INFO}/Reference[1]/Transforms/Transform[2]/XPath",
        before=_xpath(XPATH, ' xmlns:soap="urn:x"'),
        valid=True,
    ),
    "XPath of another actor": Defect(
        FORM,
        f"{INFO}/Reference[1]/Transforms/Transform[2]/XPath",
        before=_xpath(XPATH.replace("actor:nextMSH", "actor:toPartyMSH")),
        valid=True,
    ),
    "XPath of one actor twice": Defect(
        FORM,
        f"{INFO}/Reference[1]/Transforms/Transform[2]/XPath",
        before=_xpath(XPATH.replace("urn:oasis:names:tc:ebxml-msg:actor:nextMSH", ACTOR_NEXT)),
        valid=True,
    ),
    "XPath with an element in it": Defect(
        FORM,
        f"{INFO}/Reference[1]/Transforms/Transform[2]/XPath",
        before=_xpath(f"{XPATH}<x/>"),
        signed=False,
    ),
    "no SignatureMethod": Defect(FORM, INFO, before=(METHOD, ""), signed=False),
    "SHA-1 in the signature": Defect(
        ALGORITHM,
        f"{INFO}/SignatureMethod/@Algorithm",
        before=(METHOD, METHOD.replace(RSA_SHA256, RSA_SHA1)),
        valid=True,
    ),
    "another algorithm than the CPA's": Defect(
        ALGORITHM,
        f"{INFO}/SignatureMethod/@Algorithm",
        before=(METHOD, METHOD.replace(RSA_SHA256, RSA_SHA512)),
        valid=True,
    ),
    "HMAC with the certificate as its key": Defect(
        ALGORITHM,
        f"{INFO}/SignatureMethod/@Algorithm",
        after=(RSA_SHA256, HMAC),
    ),
    "a truncated HMAC": Defect(
        FORM,
        f"{INFO}/SignatureMethod",
        before=(
            METHOD,
            f'<ds:SignatureMethod Algorithm="{HMAC}"><ds:HMACOutputLength>0</ds:HMACOutputLength>'
            "</ds:SignatureMethod>",
        ),
        signed=False,
    ),
    "SHA-1 over the envelope": Defect(
        ALGORITHM,
        f"{INFO}/Reference[1]/DigestMethod/@Algorithm",
        before=(ENVELOPE, ENVELOPE.replace(SHA256, SHA1)),
        valid=True,
    ),
    "SHA-1 over a payload": Defect(
        ALGORITHM,
        f"{INFO}/Reference[3]/DigestMethod/@Algorithm",
        before=(TWO, TWO.replace(SHA256, SHA1)),
        valid=True,
    ),
    "another digest than the CPA's": Defect(
        ALGORITHM,
        f"{INFO}/Reference[2]/DigestMethod/@Algorithm",
        before=(ONE, ONE.replace(SHA256, SHA512)),
        valid=True,
    ),
    "no reference to the envelope": Defect(
        COVERAGE, f"{INFO}/Reference", before=(ENVELOPE, ""), valid=True
    ),
    "two references to the envelope": Defect(
        COVERAGE, f"{INFO}/Reference", before=(ENVELOPE, ENVELOPE * 2), valid=True
    ),
    "no references": Defect(
        COVERAGE, f"{INFO}/Reference", before=(ENVELOPE + ONE + TWO, ""), signed=False
    ),
    "a reference to an element": Defect(
        COVERAGE,
        f"{INFO}/Reference[4]/@URI",
        before=(TWO, TWO + reference("#xpointer(/)", transforms())),
        valid=True,
    ),
    "a reference elsewhere": Defect(
        COVERAGE,
        f"{INFO}/Reference[2]/@URI",
        after=("cid:one@example.nl", "http://localhost/one"),
    ),
    "a cid of nothing": Defect(
        COVERAGE, f"{INFO}/Reference[2]/@URI", after=("cid:one@example.nl", "cid:")
    ),
    "a cid with a broken escape": Defect(
        COVERAGE, f"{INFO}/Reference[2]/@URI", after=("cid:one@example.nl", "cid:one%4xample.nl")
    ),
    "no URI": Defect(FORM, f"{INFO}/Reference[2]", after=(' URI="cid:one@example.nl"', "")),
    "a type of reference": Defect(
        FORM,
        f"{INFO}/Reference[2]/@Type",
        before=('URI="cid:one', f'Type="{DS}Manifest" URI="cid:one'),
        signed=False,
    ),
    "a payload that is not signed": Defect(
        COVERAGE, "cid:two@example.nl", before=(TWO, ""), valid=True
    ),
    "a payload too many": Defect(
        COVERAGE,
        "cid:three@example.nl",
        parts={**PARTS, "three@example.nl": b"3"},
        valid=True,
    ),
    "a signed payload that did not come": Defect(
        COVERAGE,
        f"{INFO}/Reference[3]/@URI",
        parts={"one@example.nl": PARTS["one@example.nl"]},
    ),
    "a payload signed twice": Defect(
        COVERAGE, f"{INFO}/Reference[3]/@URI", before=(ONE, ONE * 2), valid=True
    ),
    "a payload signed twice, spelled otherwise": Defect(
        COVERAGE,
        f"{INFO}/Reference[4]/@URI",
        before=(TWO, TWO + ONE.replace("one@", "one%40")),
        valid=True,
    ),
    "transforms of a payload": Defect(
        FORM,
        f"{INFO}/Reference[2]/Transforms",
        before=(
            ONE,
            reference(
                "cid:one@example.nl",
                f'<ds:Transforms><ds:Transform Algorithm="{C14N}"/></ds:Transforms>',
            ),
        ),
        valid=True,
    ),
    "base64 of a payload": Defect(
        FORM,
        f"{INFO}/Reference[2]/Transforms",
        before=(
            ONE,
            reference(
                "cid:one@example.nl",
                f'<ds:Transforms><ds:Transform Algorithm="{BASE64}"/></ds:Transforms>',
            ),
        ),
        signed=False,
    ),
    "too many references": Defect(
        FORM,
        f"{INFO}/Reference",
        before=(TWO, "".join(reference(f"cid:{number}") for number in range(100))),
        signed=False,
    ),
    "a digest that is no base64": Defect(
        FORM,
        f"{INFO}/Reference[2]/DigestValue",
        before=(ONE, ONE.replace("></ds:DigestValue", ">***</ds:DigestValue")),
        signed=False,
    ),
    "a header that was changed": Defect(
        DIGEST, f"{INFO}/Reference[1]/DigestValue", after=("Deliver", "Destroy")
    ),
    "a header that was added": Defect(
        DIGEST,
        f"{INFO}/Reference[1]/DigestValue",
        after=("<ds:Signature ", "<eb:MessageHeader/><ds:Signature "),
    ),
    "the body was changed": Defect(
        DIGEST,
        f"{INFO}/Reference[1]/DigestValue",
        after=("<soap:Body>", '<soap:Body x="y">'),
    ),
    "AckRequested left to the next actor": Defect(
        DIGEST,
        f"{INFO}/Reference[1]/DigestValue",
        after=("<eb:MessageHeader ", f'<eb:MessageHeader soap:actor="{ACTOR_NEXT}" '),
    ),
    "the signed envelope in another one": Defect(
        DIGEST, f"{INFO}/Reference[1]/DigestValue", after=("WRAP", "")
    ),
    "a payload was changed": Defect(
        DIGEST,
        f"{INFO}/Reference[3]/DigestValue",
        parts={**PARTS, "two@example.nl": PARTS["two@example.nl"][::-1]},
    ),
    "payloads changed places": Defect(
        DIGEST,
        f"{INFO}/Reference[2]/DigestValue",
        parts=dict(zip(PARTS, reversed(list(PARTS.values())), strict=True)),
    ),
    "a signature of nothing": Defect(
        FORM,
        f"{AT}/SignatureValue",
        before=("<ds:SignatureValue></ds:SignatureValue>", "<ds:SignatureValue/>"),
        signed=False,
    ),
    "SignedInfo was changed": Defect(
        VALUE, f"{AT}/SignatureValue", after=("cid:one@example.nl", "cid:one%40example.nl")
    ),
    "SignedInfo in another namespace context": Defect(
        VALUE, f"{AT}/SignatureValue", after=("<soap:Header>", '<soap:Header xmlns:more="urn:x">')
    ),
    "somebody else's certificate and signature": Defect(
        SIGNER, f"{AT}/KeyInfo/X509Data/X509Certificate", signer="vendor-b", valid=True
    ),
    "somebody else's signature": Defect(
        VALUE,
        f"{AT}/SignatureValue",
        before=(KEY_INFO, ""),
        signer="vendor-b",
        valid=True,
    ),
    "somebody else's KeyValue": Defect(
        SIGNER,
        f"{AT}/KeyInfo/KeyValue",
        before=(
            KEY_INFO,
            "<ds:KeyInfo><ds:KeyValue><ds:RSAKeyValue><ds:Modulus>AQAB</ds:Modulus>"
            "<ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue></ds:KeyValue></ds:KeyInfo>",
        ),
        valid=True,
    ),
    "a certificate that is no base64": Defect(
        FORM,
        f"{AT}/KeyInfo/X509Data/X509Certificate",
        after=("<ds:X509Certificate>", "<ds:X509Certificate>*"),
        valid=True,
    ),
}


def tampered(message: str, change: Replacement) -> str:
    """Do to a signed message what a defect says."""
    old, new = change
    found = WHOLE.search(message)
    if old == "SECOND":
        return message.replace("</soap:Header>", f"{found[0] if found else ''}</soap:Header>")
    if old == "MOVE":
        return WHOLE.sub("", message).replace(new, new + (found[0] if found else ""))
    if old == "WRAP":
        evil = WHOLE.sub("", message).replace("Deliver", "Destroy").replace("<soap:Body>", "")
        original = message.removeprefix('<?xml version="1.0" encoding="UTF-8"?>')
        head, _, rest = evil.partition("</soap:Header>")
        inner = f"<soap:Body>{original}</soap:Body></soap:Envelope>"
        return f"{head}{found[0] if found else ''}</soap:Header>{inner}" if rest else ""
    assert old in message, old
    return message.replace(old, new, 1)


def made(defect: Defect, pki: TestPki) -> bytes:
    """Return a message that has a defect."""
    text = envelope_text("<!--S-->")
    if defect.before is None or defect.before[0] != "<!--S-->":
        text = text.replace("<!--S-->", template())
    if defect.before is not None:
        old, new = defect.before
        assert old in text, old
        text = text.replace(old, new, 1)
    signer = pki.identities[defect.signer]
    message = sign_with_xmlsec(text, signer) if defect.signed else filled(text).encode()
    if defect.after is not None:
        message = tampered(message.decode(), defect.after).encode()
    return message


def filled(text: str) -> str:
    """Put values into a template that libxmlsec would not sign."""
    for name in ("DigestValue", "SignatureValue"):
        text = text.replace(f"<ds:{name}></ds:{name}>", f"<ds:{name}>AAAA</ds:{name}>")
    return text
