"""The form of a signature to the letter: what may stand in each element, and how much of it."""

import base64
from dataclasses import dataclass

import pytest
from lxml import etree

from digipoort_wus import limits
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.message import Payload
from digipoort_wus.ebms.names import XPATH_TRANSFORM
from digipoort_wus.ebms.signature import verify
from digipoort_wus.ebms.signature_form import SignatureForm, read_signature, signature_of
from digipoort_wus.ebms.signing import sign
from digipoort_wus.names import DS, ENVELOPED, EXC_C14N, SOAP
from digipoort_wus.pki.testpki import TestPki
from tests.messages import NOW
from tests.unit.ebms.signature_defects import (
    AT,
    C14N_METHOD,
    C14N_TRANSFORM,
    ENVELOPE,
    FORM,
    INFO,
    KEY_INFO,
    METHOD,
    ONE,
    PRESENT,
    XPATH_ELEMENT,
    filled,
)
from tests.unit.ebms.signatures import (
    PARTS,
    der,
    envelope_text,
    reference,
    sign_with_xmlsec,
    template,
    terms_of,
    trust_of,
)

TRANSFORMS = f"{INFO}/Reference[1]/Transforms"
ENVELOPED_TRANSFORM = f'<ds:Transform Algorithm="{ENVELOPED}"/>'
XPATH_START = f'<ds:Transform Algorithm="{XPATH_TRANSFORM}">'
DIGEST_VALUE = "<ds:DigestValue></ds:DigestValue>"
VALUE = "<ds:SignatureValue></ds:SignatureValue>"
CERTIFICATES = f"{AT}/KeyInfo/X509Data/X509Certificate"
KEY_VALUE = f"{AT}/KeyInfo/KeyValue/RSAKeyValue"


def exclusive(prefixes: str, *, more: str = "", inside: str = "", beside: str = "") -> str:
    listed = (
        f'<InclusiveNamespaces xmlns="{EXC_C14N}" PrefixList="{prefixes}"{more}>{inside}'
        f"</InclusiveNamespaces>{beside}"
    )
    return f'<ds:CanonicalizationMethod Algorithm="{EXC_C14N}">{listed}</ds:CanonicalizationMethod>'


def certificates(number: int, text: str = "AAAA") -> str:
    one = f"<ds:X509Certificate>{text}</ds:X509Certificate>"
    return f"<ds:KeyInfo><ds:X509Data>{one * number}</ds:X509Data></ds:KeyInfo>"


def keys(inside: str, number: int = 1) -> str:
    one = f"<ds:KeyValue><ds:RSAKeyValue>{inside}</ds:RSAKeyValue></ds:KeyValue>"
    return f"<ds:KeyInfo>{one * number}</ds:KeyInfo>"


def octets(size: int) -> str:
    return base64.b64encode(bytes(size)).decode()


def wide(size: int) -> str:
    """Return good base64 with a character more, which says nothing."""
    text = octets(size)
    return f"{text[:4]} {text[4:]}"


MODULUS, EXPONENT = "<ds:Modulus>AAAA</ds:Modulus>", "<ds:Exponent>AQAB</ds:Exponent>"


@dataclass(frozen=True)
class Misshapen:
    """What is replaced in a template that is good, and where that is refused."""

    old: str
    new: str
    at: str


def another(old: str, at: str) -> Misshapen:
    """Give an element an attribute that nobody knows."""
    name = old.split(">")[0].split(" ")[0]
    return Misshapen(old, old.replace(name, name + ' x="y"', 1), at)


def beside(old: str, at: str) -> Misshapen:
    """Put a text into an element that has none, before what is in it."""
    head, _, rest = old.partition(">")
    return Misshapen(old, f"{head}>x{rest}", at)


MISSHAPEN: dict[str, Misshapen] = {
    "attribute of SignatureValue": Misshapen(
        VALUE, VALUE.replace("><", ' x="y">AAAA<'), f"{AT}/SignatureValue"
    ),
    "attribute of SignedInfo": another("<ds:SignedInfo>", INFO),
    "attribute of CanonicalizationMethod": another(C14N_METHOD, f"{INFO}/CanonicalizationMethod"),
    "attribute of SignatureMethod": another(METHOD, f"{INFO}/SignatureMethod"),
    "attribute of a Reference": another(ONE, f"{INFO}/Reference[2]"),
    "attribute of Transforms": another("<ds:Transforms>", TRANSFORMS),
    "attribute of the first Transform": another(ENVELOPED_TRANSFORM, f"{TRANSFORMS}/Transform[1]"),
    "attribute of the second Transform": another(XPATH_START, f"{TRANSFORMS}/Transform[2]"),
    "attribute of the last Transform": another(C14N_TRANSFORM, f"{TRANSFORMS}/Transform[3]"),
    "attribute of XPath": another("<ds:XPath>", f"{TRANSFORMS}/Transform[2]/XPath"),
    "attribute of DigestMethod": Misshapen(
        ONE,
        ONE.replace("<ds:DigestMethod ", '<ds:DigestMethod x="y" '),
        f"{INFO}/Reference[2]/DigestMethod",
    ),
    "attribute of DigestValue": Misshapen(
        ONE,
        ONE.replace(DIGEST_VALUE, '<ds:DigestValue Id="y">AAAA</ds:DigestValue>'),
        f"{INFO}/Reference[2]/DigestValue",
    ),
    "text in SignedInfo": beside("<ds:SignedInfo>", INFO),
    "text in CanonicalizationMethod": Misshapen(
        C14N_METHOD,
        C14N_METHOD.replace("/>", ">x</ds:CanonicalizationMethod>"),
        f"{INFO}/CanonicalizationMethod",
    ),
    "text in SignatureMethod": Misshapen(
        METHOD, METHOD.replace("/>", ">x</ds:SignatureMethod>"), f"{INFO}/SignatureMethod"
    ),
    "text in a Reference": Misshapen(
        ONE, ONE.replace("<ds:DigestMethod", "x<ds:DigestMethod"), f"{INFO}/Reference[2]"
    ),
    "text in Transforms": beside("<ds:Transforms>", TRANSFORMS),
    "text in the first Transform": Misshapen(
        ENVELOPED_TRANSFORM,
        ENVELOPED_TRANSFORM.replace("/>", ">x</ds:Transform>"),
        f"{TRANSFORMS}/Transform[1]",
    ),
    "an element in the first Transform": Misshapen(
        ENVELOPED_TRANSFORM,
        ENVELOPED_TRANSFORM.replace("/>", "><x/></ds:Transform>"),
        f"{TRANSFORMS}/Transform[1]",
    ),
    "text in the second Transform": beside(XPATH_START, f"{TRANSFORMS}/Transform[2]"),
    "two XPaths": Misshapen(XPATH_ELEMENT, XPATH_ELEMENT * 2, f"{TRANSFORMS}/Transform[2]/XPath"),
    "no XPath": Misshapen(XPATH_ELEMENT, "", f"{TRANSFORMS}/Transform[2]/XPath"),
    "another element for XPath": Misshapen(
        XPATH_ELEMENT,
        XPATH_ELEMENT.replace("ds:XPath", "ds:Path"),
        f"{TRANSFORMS}/Transform[2]/XPath",
    ),
    "another element for the last Transform": Misshapen(
        C14N_TRANSFORM, C14N_TRANSFORM.replace("Transform ", "Transformed "), TRANSFORMS
    ),
    "Transforms twice": Misshapen(
        "<ds:Transforms>", "<ds:Transforms/><ds:Transforms>", f"{INFO}/Reference[1]"
    ),
    "another element for Transforms": Misshapen(
        ENVELOPE, ENVELOPE.replace("ds:Transforms", "ds:Transformed"), f"{INFO}/Reference[1]"
    ),
    "no Transforms in it": Misshapen(ENVELOPED_TRANSFORM, f"{ENVELOPED_TRANSFORM}<x/>", TRANSFORMS),
    "no URI of the envelope": Misshapen(
        ENVELOPE, ENVELOPE.replace(' URI=""', ""), f"{INFO}/Reference[1]"
    ),
    "another element for a Reference": Misshapen(
        ONE, ONE.replace("ds:Reference", "ds:Referent"), f"{INFO}/Reference[2]"
    ),
    "no DigestMethod": Misshapen(
        ONE,
        reference("cid:one@example.nl").replace(
            ONE[ONE.index("<ds:DigestMethod") : ONE.index("<ds:DigestValue")], ""
        ),
        f"{INFO}/Reference[2]",
    ),
    "a digest of 257 characters": Misshapen(
        ONE,
        ONE.replace(DIGEST_VALUE, f"<ds:DigestValue>{wide(192)}</ds:DigestValue>"),
        f"{INFO}/Reference[2]/DigestValue",
    ),
    "a value of 4,097 characters": Misshapen(
        VALUE, f"<ds:SignatureValue>{wide(3_072)}</ds:SignatureValue>", f"{AT}/SignatureValue"
    ),
    "33 prefixes": Misshapen(
        C14N_METHOD,
        exclusive(" ".join(f"p{n}" for n in range(limits.MAX_PREFIXES + 1))),
        f"{INFO}/CanonicalizationMethod",
    ),
    "a prefix of 65 characters": Misshapen(
        C14N_METHOD,
        exclusive("p " + "q" * (limits.PREFIX_MAX + 1)),
        f"{INFO}/CanonicalizationMethod",
    ),
    "attribute of InclusiveNamespaces": Misshapen(
        C14N_METHOD, exclusive("p", more=' x="y"'), f"{INFO}/CanonicalizationMethod"
    ),
    "an element in InclusiveNamespaces": Misshapen(
        C14N_METHOD, exclusive("p", inside="<x/>"), f"{INFO}/CanonicalizationMethod"
    ),
    "InclusiveNamespaces and more": Misshapen(
        C14N_METHOD, exclusive("p", beside="<x/>"), f"{INFO}/CanonicalizationMethod"
    ),
    "InclusiveNamespaces of the inclusive form": Misshapen(
        C14N_METHOD,
        exclusive("p").replace(
            f'Method Algorithm="{EXC_C14N}"', C14N_METHOD[len("<ds:Canonicalization") : -2]
        ),
        f"{INFO}/CanonicalizationMethod",
    ),
    "eleven certificates": Misshapen(KEY_INFO, certificates(11), f"{AT}/KeyInfo"),
    "a certificate of 20,001 characters": Misshapen(
        KEY_INFO, certificates(1, wide(15_000)), CERTIFICATES
    ),
    "a certificate with an element in it": Misshapen(
        KEY_INFO, certificates(1, "AAAA<x/>"), CERTIFICATES
    ),
    "text in KeyInfo": Misshapen(
        KEY_INFO, KEY_INFO.replace("<ds:KeyInfo>", "<ds:KeyInfo>x"), f"{AT}/KeyInfo"
    ),
    "two keys": Misshapen(KEY_INFO, keys(MODULUS + EXPONENT, 2), f"{AT}/KeyInfo"),
    "no exponent": Misshapen(KEY_INFO, keys(MODULUS), KEY_VALUE),
    "the exponent first": Misshapen(KEY_INFO, keys(EXPONENT + MODULUS), KEY_VALUE),
    "text in a key": Misshapen(KEY_INFO, keys(f"x{MODULUS}{EXPONENT}"), KEY_VALUE),
    "a modulus that is no base64": Misshapen(
        KEY_INFO, keys(MODULUS.replace("AAAA", "*") + EXPONENT), KEY_VALUE
    ),
    "KeyInfo first": Misshapen(f"{VALUE}{KEY_INFO}", f"{KEY_INFO}{VALUE}", AT),
    "SignedInfo alone": Misshapen(f"{VALUE}{KEY_INFO}", "", AT),
}


def read(signature: str) -> SignatureForm:
    return read_signature(etree.fromstring(filled(envelope_text(signature)).encode()))


@pytest.mark.parametrize("name", MISSHAPEN)
def test_what_is_of_another_shape_is_refused(name: str) -> None:
    one = MISSHAPEN[name]
    usual = template().replace(KEY_INFO, certificates(1))
    changed = template().replace(one.old, one.new, 1)
    assert changed != template(), "nothing was changed"
    changed = changed.replace(KEY_INFO, certificates(1))
    read(usual)
    with pytest.raises(EbmsRefusal) as caught:
        read(changed)
    assert (caught.value.check, caught.value.location) == (FORM, one.at)


WELL_SHAPED = {
    "no KeyInfo": (KEY_INFO, ""),
    "ten certificates": (KEY_INFO, certificates(10)),
    "a certificate of 20,000 characters": (KEY_INFO, certificates(1, octets(15_000))),
    "one key": (KEY_INFO, keys(MODULUS + EXPONENT)),
    "names": ("<ds:SignedInfo>", '<ds:SignedInfo Id="i">'),
    "a name of the value": (VALUE, '<ds:SignatureValue Id="v">AAAA</ds:SignatureValue>'),
    "a name and a type of a reference": (
        ONE,
        ONE.replace("<ds:Reference ", f'<ds:Reference Id="r" Type="{DS}Object" '),
    ),
    "a digest of 256 characters": (
        ONE,
        ONE.replace(DIGEST_VALUE, f"<ds:DigestValue>{octets(192)}</ds:DigestValue>"),
    ),
    "a value of 4,096 characters": (
        VALUE,
        f"<ds:SignatureValue>{octets(3_072)}</ds:SignatureValue>",
    ),
    "32 prefixes": (C14N_METHOD, exclusive(" ".join(f"p{n}" for n in range(limits.MAX_PREFIXES)))),
    "a prefix of 64 characters": (C14N_METHOD, exclusive("q" * limits.PREFIX_MAX)),
}


@pytest.mark.parametrize("name", WELL_SHAPED)
def test_what_may_be_is_read(name: str) -> None:
    old, new = WELL_SHAPED[name]
    assert old in template()
    read(template().replace(old, new, 1).replace(KEY_INFO, certificates(1)))


def test_what_is_compared_is_what_stands_there() -> None:
    form = read(template().replace(KEY_INFO, keys("<ds:Modulus>AQAB</ds:Modulus>" + EXPONENT)))
    assert (form.certificates, form.keys) == ((), ((65_537, 65_537),))
    form = read(template().replace(KEY_INFO, certificates(2, "AQAB")))
    assert (form.certificates, form.keys) == ((b"\1\0\1",) * 2, ())
    assert form.envelope.prunes
    assert not read(template(xpath=None).replace(KEY_INFO, "")).envelope.prunes


def test_our_certificate_may_stand_among_others(g1: TestPki) -> None:
    identity = g1.identities["vendor-a"]
    message = sign_with_xmlsec(envelope_text(template().replace(KEY_INFO, "")), identity).decode()
    own = base64.b64encode(der(identity)).decode()
    others = certificates(1) + certificates(1, own)
    info = others.replace("</ds:X509Data></ds:KeyInfo><ds:KeyInfo><ds:X509Data>", "")
    tree = etree.fromstring(message.replace("</ds:Signature>", f"{info}</ds:Signature>"))
    verify(tree, PARTS, terms_of(identity), at=NOW, trust=trust_of(g1))


def test_the_key_of_the_certificate_may_be_told(g1: TestPki) -> None:
    identity = g1.identities["vendor-a"]
    numbers = identity.private_key.public_key().public_numbers()
    message = sign_with_xmlsec(envelope_text(template().replace(KEY_INFO, "")), identity).decode()

    def told(modulus: int, exponent: int) -> etree._Element:
        texts = [
            base64.b64encode(each.to_bytes((each.bit_length() + 7) // 8, "big")).decode()
            for each in (modulus, exponent)
        ]
        inside = f"<ds:Modulus>{texts[0]}</ds:Modulus><ds:Exponent>{texts[1]}</ds:Exponent>"
        return etree.fromstring(
            message.replace("</ds:Signature>", f"{keys(inside)}</ds:Signature>")
        )

    def judge(tree: etree._Element) -> None:
        verify(tree, PARTS, terms_of(identity), at=NOW, trust=trust_of(g1))

    judge(told(numbers.n, numbers.e))
    for other in ((numbers.n, 3), (numbers.n + 2, numbers.e)):
        with pytest.raises(EbmsRefusal, match="EBMS-SIGNER"):
            judge(told(*other))


@pytest.mark.parametrize("more", [0, 1])
def test_signed_info_is_as_long_as_it_may_be(g1: TestPki, more: int) -> None:
    identity = g1.identities["vendor-a"]

    def signed(id_length: int) -> etree._Element:
        named = template().replace("<ds:SignedInfo>", f'<ds:SignedInfo Id="{"i" * id_length}">')
        return etree.fromstring(sign_with_xmlsec(envelope_text(named), identity))

    (info,) = signed(1).iter(f"{{{DS}}}SignedInfo")
    usual = len(etree.tostring(info, method="c14n"))
    tree = signed(1 + limits.SIGNED_INFO_MAX_BYTES - usual + more)
    if not more:
        verify(tree, PARTS, terms_of(identity), at=NOW, trust=trust_of(g1))
        return
    with pytest.raises(EbmsRefusal) as caught:
        verify(tree, PARTS, terms_of(identity), at=NOW, trust=trust_of(g1))
    assert (caught.value.check, caught.value.location) == (FORM, INFO)
    assert caught.value.received == str(limits.SIGNED_INFO_MAX_BYTES + 1)


def test_as_many_payloads_as_there_may_be(g1: TestPki) -> None:
    identity = g1.identities["vendor-a"]
    ids = [f"{number}@example.nl" for number in range(limits.EBMS_MAX_REFERENCES - 1)]
    root = etree.fromstring(envelope_text().encode())
    sign(root, [Payload(each, "x/y", b"") for each in ids], identity, terms_of(identity))
    found = verify(
        etree.fromstring(etree.tostring(root)),
        dict.fromkeys(ids, b""),
        terms_of(identity),
        at=NOW,
        trust=trust_of(g1),
    )
    assert len(found.references) == limits.EBMS_MAX_REFERENCES


@pytest.mark.parametrize("inside", ["", f"<s:Body><d:Signature xmlns:d='{DS}'/></s:Body>"])
def test_an_envelope_without_a_header_is_not_signed(inside: str) -> None:
    with pytest.raises(EbmsRefusal) as caught:
        signature_of(etree.fromstring(f'<s:Envelope xmlns:s="{SOAP}">{inside}</s:Envelope>'))
    assert (caught.value.check, caught.value.location) == (PRESENT, AT)
