"""The form of the one signature that ebMS describes: read from its place, or refused.

Nothing that the signature asks for is done here, and its XPath is never evaluated: it is
recognised.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from lxml import etree

from digipoort_wus import checks, limits
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.message import DigestReference
from digipoort_wus.ebms.names import C14N, XPATH_TRANSFORM
from digipoort_wus.ebms.surviving import is_between
from digipoort_wus.ebms.xpath import is_ebms_xpath
from digipoort_wus.errors import Check, Refusal
from digipoort_wus.names import DS, ENVELOPED, EXC_C14N, SOAP
from digipoort_wus.soap.envelope import children_only, leaf_text
from digipoort_wus.soap.multipart import read_cid
from digipoort_wus.wss.form import decoded
from digipoort_wus.xmlsafe.c14n import Form

AT = "//Header/Signature"
"""Location of the signature; what is in it follows."""
FORMS: Mapping[str, Form] = MappingProxyType({C14N: Form.INCLUSIVE, EXC_C14N: Form.EXCLUSIVE})
"""Every canonicalisation that is accepted, by its algorithm."""
_OBJECT = DS + "Object"
_VALUE_MAX = 4_096
_DIGEST_MAX = 256
_CERTIFICATE_MAX = 20_000
_CERTIFICATES_MAX = 10
_INCLUSIVE_NAMESPACES = f"{{{EXC_C14N}}}InclusiveNamespaces"


@dataclass(frozen=True, slots=True)
class Canonicalization:
    """How something is canonicalised: the form, and the prefixes of an exclusive one."""

    form: Form
    prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EnvelopeReference:
    """What a signature says of the envelope.

    Args:
        values: method, digest and transforms.
        canonicalization: the last transform.
        prunes: whether the XPath of ebMS is among the transforms.
        at: location.
    """

    values: DigestReference
    canonicalization: Canonicalization
    prunes: bool
    at: str


@dataclass(frozen=True, slots=True)
class PayloadReference:
    """What a signature says of one payload.

    Args:
        values: method and digest.
        content_id: percent-decoded.
        at: location.
    """

    values: DigestReference
    content_id: str
    at: str


@dataclass(frozen=True, slots=True)
class SignatureForm:
    """A signature of the right form, of which nothing is verified.

    Args:
        element: the ds:Signature.
        signed_info: what its value is over.
        canonicalization: of SignedInfo.
        algorithm: URI of the signature's.
        envelope: the reference to the envelope.
        payloads: the others.
        references: all of them, in order.
        value: the decoded SignatureValue.
        certificates: DER of those in KeyInfo, which say nothing by themselves.
        keys: modulus and exponent of each RSAKeyValue in KeyInfo; as well.
    """

    element: etree._Element
    signed_info: etree._Element
    canonicalization: Canonicalization
    algorithm: str
    envelope: EnvelopeReference
    payloads: tuple[PayloadReference, ...]
    references: tuple[DigestReference, ...]
    value: bytes
    certificates: tuple[bytes, ...]
    keys: tuple[tuple[int, int], ...]


def signature_of(envelope: etree._Element) -> etree._Element:
    """Return the one ds:Signature, by its position in the one Header.

    Raises:
        EbmsRefusal: EBMS-SIGNATURE-PRESENT, EBMS-SIGNATURE-FORM for a second one, or EBMS-UNIQUE
            for a second Header.
    """
    headers = envelope.findall(f"{{{SOAP}}}Header")
    if len(headers) > 1:
        raise EbmsRefusal(checks.EBMS_UNIQUE, at="//Header", received=f"{len(headers)} Headers")
    # What is in a Header for somebody else is not signed, and nor is what signs it.
    ours = headers and not is_between(headers[0])
    signatures = headers[0].findall(f"{{{DS}}}Signature") if ours else []
    if not signatures:
        raise EbmsRefusal(checks.EBMS_SIGNATURE_PRESENT, at=AT, expected="a Signature in Header")
    if len(signatures) > 1:
        raise _form(AT, expected="one Signature", received=str(len(signatures)))
    return signatures[0]


def read_signature(envelope: etree._Element) -> SignatureForm:
    """Read the signature of an envelope.

    Args:
        envelope: the whole of it; nothing in a Signature may be for somebody else.

    Raises:
        EbmsRefusal: EBMS-SIGNATURE-PRESENT, EBMS-SIGNATURE-FORM or EBMS-SIGNATURE-COVERAGE.

    ebMS 2.0 §4.1.3; XML Signature §4.
    """
    element = signature_of(envelope)
    _only_attributes(element, AT, "Id")
    children = _children(element, AT)
    names = [child.tag for child in children]
    expected = [f"{{{DS}}}{name}" for name in ("SignedInfo", "SignatureValue", "KeyInfo")]
    if names not in (expected, expected[:2]):
        raise _form(AT, expected="SignedInfo, SignatureValue and KeyInfo")
    signed_info, value = children[0], children[1]
    _only_attributes(value, f"{AT}/SignatureValue", "Id")
    at = f"{AT}/SignedInfo"
    _only_attributes(signed_info, at, "Id")
    inside = _children(signed_info, at)
    if [child.tag for child in inside[:2]] != [
        f"{{{DS}}}CanonicalizationMethod",
        f"{{{DS}}}SignatureMethod",
    ]:
        raise _form(at, expected="CanonicalizationMethod and SignatureMethod first")
    canonicalization = _canonicalization(inside[0], f"{at}/CanonicalizationMethod")
    algorithm = _algorithm(inside[1], f"{at}/SignatureMethod")
    if len(inside) - 2 > limits.EBMS_MAX_REFERENCES:
        raise _form(
            f"{at}/Reference",
            expected=f"at most {limits.EBMS_MAX_REFERENCES}",
            received=str(len(inside) - 2),
        )
    envelopes: list[EnvelopeReference] = []
    payloads: list[PayloadReference] = []
    references: list[DigestReference] = []
    for number, child in enumerate(inside[2:], 1):
        reference = _reference(child, f"{at}/Reference[{number}]")
        references.append(reference.values)
        if isinstance(reference, EnvelopeReference):
            envelopes.append(reference)
        else:
            payloads.append(reference)
    if len(envelopes) != 1:
        raise EbmsRefusal(
            checks.EBMS_SIGNATURE_COVERAGE,
            at=f"{at}/Reference",
            expected='one Reference with URI ""',
            received=str(len(envelopes)),
        )
    octets = _octets(value, f"{AT}/SignatureValue", _VALUE_MAX)
    certificates, keys = _key_info(children[2]) if len(children) > 2 else ((), ())
    return SignatureForm(
        element=element,
        signed_info=signed_info,
        canonicalization=canonicalization,
        algorithm=algorithm,
        envelope=envelopes[0],
        payloads=tuple(payloads),
        references=tuple(references),
        value=octets,
        certificates=certificates,
        keys=keys,
    )


def _reference(element: etree._Element, at: str) -> EnvelopeReference | PayloadReference:
    if element.tag != f"{{{DS}}}Reference":
        raise _form(at, expected="Reference")
    _only_attributes(element, at, "Id", "URI", "Type")
    # It is only informative: what ebMS allows for a payload says nothing more.
    if element.get("Type") not in (None, _OBJECT):
        raise _form(f"{at}/@Type", expected=_OBJECT)
    uri = element.get("URI")
    if uri is None:
        raise _form(at, expected="URI")
    children = _children(element, at)
    wanted = [f"{{{DS}}}DigestMethod", f"{{{DS}}}DigestValue"]
    if [child.tag for child in children[-2:]] != wanted:
        raise _form(at, expected="Transforms, DigestMethod and DigestValue")
    *transforms, method, value = children
    digest_method = _algorithm(method, f"{at}/DigestMethod")
    _only_attributes(value, f"{at}/DigestValue")
    digest = _octets(value, f"{at}/DigestValue", _DIGEST_MAX)
    if uri:
        content_id = read_cid(uri)
        if content_id is None:
            raise EbmsRefusal(
                checks.EBMS_SIGNATURE_COVERAGE,
                at=f"{at}/@URI",
                expected='"" or a cid: of the message',
                received="another URI",
            )
        if transforms:
            raise _form(f"{at}/Transforms", expected="none on a payload")
        return PayloadReference(DigestReference(uri, digest_method, digest), content_id, at)
    if len(transforms) != 1 or transforms[0].tag != f"{{{DS}}}Transforms":
        raise _form(at, expected="Transforms on the envelope")
    names, prunes, canonicalization = _transforms(transforms[0], f"{at}/Transforms")
    values = DigestReference(uri, digest_method, digest, names)
    return EnvelopeReference(values, canonicalization, prunes, at)


def _transforms(element: etree._Element, at: str) -> tuple[tuple[str, ...], bool, Canonicalization]:
    _only_attributes(element, at)
    children = _children(element, at)
    names = tuple(child.get("Algorithm", "") for child in children)
    prunes = len(children) == 3
    wanted = (ENVELOPED, XPATH_TRANSFORM) if prunes else (ENVELOPED,)
    if (
        any(child.tag != f"{{{DS}}}Transform" for child in children)
        or names[:-1] != wanted
        or names[-1] not in FORMS
    ):
        raise _form(
            at,
            expected="enveloped-signature, the XPath of ebMS, canonicalisation",
            received=", ".join(name.rpartition("/")[2] for name in names[:5]) or "nothing",
        )
    if _children(children[0], f"{at}/Transform[1]"):
        raise _form(f"{at}/Transform[1]", expected="nothing in it")
    _only_attributes(children[0], f"{at}/Transform[1]", "Algorithm")
    if prunes:
        _only_attributes(children[1], f"{at}/Transform[2]", "Algorithm")
        inside = _children(children[1], f"{at}/Transform[2]")
        where = f"{at}/Transform[2]/XPath"
        if len(inside) != 1 or inside[0].tag != f"{{{DS}}}XPath":
            raise _form(where, expected="one XPath")
        _only_attributes(inside[0], where)
        if not is_ebms_xpath(_text(inside[0], where), inside[0].nsmap):
            raise _form(where, expected="the XPath of ebMS", received="another one")
    return names, prunes, _canonicalization(children[-1], f"{at}/Transform[{len(children)}]")


def _canonicalization(element: etree._Element, at: str) -> Canonicalization:
    _only_attributes(element, at, "Algorithm")
    form = FORMS.get(element.get("Algorithm", ""))
    if form is None:
        raise _form(
            f"{at}/@Algorithm",
            expected=" or ".join(FORMS),
            received=element.get("Algorithm", "nothing"),
        )
    children = _children(element, at)
    if not children:
        return Canonicalization(form)
    if form is Form.INCLUSIVE or [child.tag for child in children] != [_INCLUSIVE_NAMESPACES]:
        raise _form(at, expected="nothing in it")
    _only_attributes(children[0], at, "PrefixList")
    _text(children[0], at)
    prefixes = tuple(children[0].get("PrefixList", "").split())
    if len(prefixes) > limits.MAX_PREFIXES or any(len(p) > limits.PREFIX_MAX for p in prefixes):
        raise _form(at, expected=f"at most {limits.MAX_PREFIXES} prefixes")
    return Canonicalization(form, prefixes)


def _key_info(element: etree._Element) -> tuple[tuple[bytes, ...], tuple[tuple[int, int], ...]]:
    """Return what can be compared; names and serial numbers are passed over."""
    at = f"{AT}/KeyInfo"
    _children(element, at)
    found = element.findall(f"{{{DS}}}X509Data/{{{DS}}}X509Certificate")
    keys = element.findall(f"{{{DS}}}KeyValue/{{{DS}}}RSAKeyValue")
    if len(found) > _CERTIFICATES_MAX or len(keys) > 1:
        raise _form(at, expected=f"at most {_CERTIFICATES_MAX} certificates and one key")
    certificates = tuple(
        _octets(each, f"{at}/X509Data/X509Certificate", _CERTIFICATE_MAX) for each in found
    )
    return certificates, tuple(_key_value(key, f"{at}/KeyValue/RSAKeyValue") for key in keys)


def _key_value(element: etree._Element, at: str) -> tuple[int, int]:
    children = _children(element, at)
    if [child.tag for child in children] != [f"{{{DS}}}Modulus", f"{{{DS}}}Exponent"]:
        raise _form(at, expected="Modulus and Exponent")
    modulus, exponent = (
        int.from_bytes(_octets(child, at, _VALUE_MAX), "big") for child in children
    )
    return modulus, exponent


def _algorithm(element: etree._Element, at: str) -> str:
    _only_attributes(element, at, "Algorithm")
    # A truncated HMAC would be asked for in there.
    if _children(element, at):
        raise _form(at, expected="nothing in it")
    return element.get("Algorithm", "")


def _only_attributes(element: etree._Element, at: str, *names: str) -> None:
    for name in element.keys():  # noqa: SIM118 - an element is no mapping
        if name not in names:
            raise _form(at, expected=" and ".join(names) or "no attributes", received="another")


def _children(element: etree._Element, at: str) -> list[etree._Element]:
    try:
        return children_only(element, _FORM)
    except Refusal as refusal:
        raise _form(at, expected=refusal.expected, received=refusal.received) from None


def _text(element: etree._Element, at: str) -> str:
    try:
        return leaf_text(element, _FORM)
    except Refusal as refusal:
        raise _form(at, expected=refusal.expected, received=refusal.received) from None


def _octets(element: etree._Element, at: str, most: int) -> bytes:
    name = at.rpartition("/")[2]
    text = _text(element, at)
    try:
        return decoded(text, _FORM, name, most)
    except Refusal as refusal:
        raise _form(at, expected=refusal.expected, received=refusal.received) from None


_FORM: Check = checks.EBMS_SIGNATURE_FORM


def _form(at: str, *, expected: str = "", received: str = "") -> EbmsRefusal:
    return EbmsRefusal(_FORM, at=at, expected=expected, received=received)
