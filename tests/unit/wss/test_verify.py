"""The verification path: what passes hands on what was signed; everything else is refused."""

import base64
from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from functools import partial

import pytest
from cryptography import x509
from lxml import etree

from digipoort_wus import limits
from digipoort_wus.errors import Refusal
from digipoort_wus.names import DS, ENVELOPED, EXC_C14N, SHA1, SOAP, WSA, WSSE, WSU
from digipoort_wus.pki.chain import CachingVerifier, VerifiedCertificate
from digipoort_wus.pki.profiles import Role
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.soap.addressing import read_addressing
from digipoort_wus.soap.envelope import read_envelope
from digipoort_wus.wss.oracle import verify_signature_both
from digipoort_wus.wss.policy import (
    DIGIPOORT_1_2,
    SUITE_SHA1,
    SUITE_SHA256,
    SecurityPolicy,
    Suite,
    without_sha1,
)
from digipoort_wus.wss.sign import sign_request, signed_answer
from digipoort_wus.wss.verify import Trust, Verified, verify_envelope
from digipoort_wus.xmlsafe.parse import parse_message
from tests.messages import NOW, aanlever_body, envelope, filing, signed

MIXED = Suite("mixed", SUITE_SHA256.signature, SUITE_SHA1.digest)
NS = {"s": SOAP, "a": WSA, "wsse": WSSE, "wsu": WSU, "ds": DS}
Change = Callable[[etree._Element], None]


def trust_of(pki: TestPki) -> Trust:
    verifier = CachingVerifier(pki.trust_store())

    def trust(certificate: x509.Certificate, at: object) -> VerifiedCertificate:
        return verifier(certificate, (), Role.SIGNER, at)  # type: ignore[arg-type]

    return trust


def verify(
    octets: bytes, pki: TestPki, policy: SecurityPolicy = DIGIPOORT_1_2, seconds: float = 0
) -> Verified:
    message = read_envelope(parse_message(octets))
    return verify_envelope(
        message,
        read_addressing(message),
        policy=policy,
        trust=trust_of(pki),
        now=NOW + timedelta(seconds=seconds),
        engine=verify_signature_both,
    )


def refusal(octets: bytes, pki: TestPki, **options: float) -> str:
    with pytest.raises(Refusal) as caught:
        verify(octets, pki, **options)  # type: ignore[arg-type]
    assert caught.value.check.id != "WSS-ENGINES"
    return caught.value.check.id


@pytest.mark.parametrize("suite", [SUITE_SHA256, SUITE_SHA1], ids=lambda suite: suite.name)
@pytest.mark.parametrize("generation", ["g1", "g4"])
def test_a_signed_request_is_verified(
    request: pytest.FixtureRequest, generation: str, suite: Suite
) -> None:
    pki: TestPki = request.getfixturevalue(generation)
    for name in ("vendor-a", "vendor-b"):
        verified = verify(filing(pki.identities[name], suite=suite), pki)
        assert verified.suite is suite
        assert etree.QName(verified.body_child).localname == "aanleverRequest"
        assert verified.signer.certificate == pki.identities[name].certificate


def test_a_g4_authenticity_leaf_signs_and_an_authentication_leaf_does_not(g4: TestPki) -> None:
    verify(filing(g4.identities["vendor-a-sign"]), g4)
    assert refusal(filing(g4.identities["vendor-a-auth"]), g4) == "PKI-POLICY"


@pytest.mark.parametrize("suite", [SUITE_SHA256, SUITE_SHA1], ids=lambda suite: suite.name)
def test_a_template_answer_verifies_here_and_in_xmlsec1(
    g1: TestPki, xmlsec1: Callable[[bytes], bool], suite: Suite
) -> None:
    child = etree.fromstring('<n:x xmlns:n="urn:n" b="2" a="1">a &amp; b &lt;é&#13;</n:x>')
    answer = signed_answer(
        [("To", "urn:to"), ("MessageID", "urn:x?a&b"), ("Action", "urn:a"), ("RelatesTo", "urn:r")],
        child,
        identity=g1.identities["gateway-signing"],
        suite=suite,
        created=NOW,
    )
    verified = verify(answer, g1)
    assert verified.body_child.text == "a & b <é\r"
    assert verified.addressing.relates_to == "urn:r"
    assert xmlsec1(answer)
    assert not xmlsec1(answer.replace(b"&lt;", b"&gt;"))


def test_xmlsec1_verifies_our_requests(g1: TestPki, xmlsec1: Callable[[bytes], bool]) -> None:
    request = filing(g1.identities["vendor-a"])
    assert xmlsec1(request)
    assert not xmlsec1(request.replace(b"Bedrijf", b"bedrijf"))


def test_signing_survives_foreign_prefixes_and_declarations(g1: TestPki) -> None:
    """A tree that binds our namespaces to other prefixes must not change what is signed."""
    root = envelope(aanlever_body())
    text = etree.tostring(root).replace(
        b"<s:Envelope ",
        b'<s:Envelope xmlns:q="%b" xmlns:r="%b" xmlns="%b" '
        % (WSU.encode(), WSSE.encode(), DS.encode()),
    )
    root = etree.fromstring(text)
    verify(signed(g1.identities["vendor-a"], root), g1)


# --- what a request may not be ----------------------------------------------


def find(root: etree._Element, path: str) -> etree._Element:
    found = root.find(path, NS)
    assert found is not None, path
    return found


def set_text(path: str, text: str) -> Change:
    return lambda root: setattr(find(root, path), "text", text)


def set_attribute(path: str, name: str, value: str) -> Change:
    return lambda root: find(root, path).set(name, value)


def remove(path: str) -> Change:
    def change(root: etree._Element) -> None:
        element = find(root, path)
        parent = element.getparent()
        assert parent is not None
        parent.remove(element)

    return change


def repeat(path: str) -> Change:
    def change(root: etree._Element) -> None:
        element = find(root, path)
        element.addnext(deepcopy(element))

    return change


def flip(path: str) -> Change:
    def change(root: etree._Element) -> None:
        element = find(root, path)
        octets = bytearray(base64.b64decode(element.text or ""))
        octets[len(octets) // 2] ^= 1
        element.text = base64.b64encode(bytes(octets)).decode()

    return change


def append(path: str, xml: str) -> Change:
    return lambda root: find(root, path).append(etree.fromstring(xml))


def two_different_references(root: etree._Element) -> None:
    repeat(".//ds:Reference")(root)
    set_text(".//ds:DigestValue", "AAAA")(root)


SIGNATURE = ".//ds:Signature"
REFERENCE = ".//ds:Reference"
CHANGES: dict[str, tuple[Change, str]] = {
    "no Security": (remove(".//wsse:Security"), "WSS-PRESENT"),
    "two Securities": (repeat(".//wsse:Security"), "WSS-ID-UNIQUE"),
    "no Timestamp": (remove(".//wsu:Timestamp"), "WSS-CHILDREN"),
    "no token": (remove(".//wsse:BinarySecurityToken"), "WSS-CHILDREN"),
    "no Signature": (remove(SIGNATURE), "WSS-CHILDREN"),
    "two Signatures": (repeat(SIGNATURE), "WSS-CHILDREN"),
    "foreign child of Security": (append(".//wsse:Security", "<x/>"), "WSS-CHILDREN"),
    "username token": (
        append(".//wsse:Security", f'<UsernameToken xmlns="{WSSE}"/>'),
        "WSS-CHILDREN",
    ),
    "two SignedInfos": (repeat(".//ds:SignedInfo"), "WSS-SIGNATURE-FORM"),
    "object in Signature": (append(SIGNATURE, f'<Object xmlns="{DS}"/>'), "WSS-SIGNATURE-FORM"),
    "no KeyInfo": (remove(".//ds:KeyInfo"), "WSS-SIGNATURE-FORM"),
    "key value": (append(".//ds:KeyInfo", f'<KeyValue xmlns="{DS}"/>'), "WSS-KEY-INFO"),
    "reference to nowhere": (
        set_attribute(".//wsse:Reference", "URI", "#other"),
        "WSS-KEY-INFO",
    ),
    "external reference": (
        set_attribute(".//wsse:Reference", "URI", "http://localhost/x"),
        "WSS-KEY-INFO",
    ),
    "token of another type": (
        set_attribute(".//wsse:BinarySecurityToken", "ValueType", "urn:pkcs7"),
        "WSS-TOKEN",
    ),
    "token without type": (
        lambda root: find(root, ".//wsse:BinarySecurityToken").attrib.__delitem__("ValueType"),
        "WSS-TOKEN",
    ),
    "token no certificate": (set_text(".//wsse:BinarySecurityToken", "AAAA"), "WSS-TOKEN"),
    "token no base64": (set_text(".//wsse:BinarySecurityToken", "*"), "WSS-TOKEN"),
    "signature value no base64": (set_text(".//ds:SignatureValue", "a"), "WSS-SIGNATURE-FORM"),
    "stray bits in a digest": (
        lambda root: set_text(".//ds:DigestValue", "AB==")(root),
        "WSS-SIGNATURE-FORM",
    ),
    "no reference": (
        lambda root: list(
            map(find(root, ".//ds:SignedInfo").remove, root.findall(REFERENCE, NS))
        ).clear(),
        "WSS-SIGNATURE-FORM",
    ),
    "many references": (
        lambda root: find(root, ".//ds:SignedInfo").extend(
            [deepcopy(find(root, REFERENCE)) for _ in range(30)]
        ),
        "WSS-REF-LIMIT",
    ),
    "empty uri": (set_attribute(REFERENCE, "URI", ""), "WSS-REF-TARGET"),
    "http uri": (set_attribute(REFERENCE, "URI", "http://localhost/"), "WSS-REF-TARGET"),
    "unknown id": (set_attribute(REFERENCE, "URI", "#nowhere"), "WSS-REF-TARGET"),
    "xpointer": (set_attribute(REFERENCE, "URI", "#xpointer(/)"), "WSS-REF-TARGET"),
    "two references to one target": (two_different_references, "WSS-REF-UNIQUE"),
    "a reference repeated after signing": (repeat(".//ds:Reference"), "WSS-SIGNATURE"),
    "enveloped transform": (
        append(".//ds:Transforms", f'<Transform xmlns="{DS}" Algorithm="{ENVELOPED}"/>'),
        "WSS-TRANSFORM",
    ),
    "xslt transform": (
        set_attribute(
            ".//ds:Transform", "Algorithm", "http://www.w3.org/TR/1999/REC-xslt-19991116"
        ),
        "WSS-TRANSFORM",
    ),
    "inclusive transform": (
        set_attribute(
            ".//ds:Transform", "Algorithm", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
        ),
        "WSS-TRANSFORM",
    ),
    "no transform": (remove(".//ds:Transform"), "WSS-TRANSFORM"),
    "no transforms": (remove(".//ds:Transforms"), "WSS-SIGNATURE-FORM"),
    "exc-c14n with comments": (
        set_attribute(".//ds:CanonicalizationMethod", "Algorithm", EXC_C14N + "WithComments"),
        "WSS-ALGORITHM",
    ),
    "hmac": (
        set_attribute(".//ds:SignatureMethod", "Algorithm", DS + "hmac-sha1"),
        "WSS-ALGORITHM",
    ),
    "md5": (
        set_attribute(
            ".//ds:DigestMethod", "Algorithm", "http://www.w3.org/2001/04/xmldsig-more#md5"
        ),
        "WSS-ALGORITHM",
    ),
    "truncated hmac": (
        append(".//ds:SignatureMethod", f'<HMACOutputLength xmlns="{DS}">1</HMACOutputLength>'),
        "WSS-ALGORITHM",
    ),
    "digest algorithm swapped": (
        set_attribute(".//ds:DigestMethod", "Algorithm", SHA1),
        "WSS-SIGNATURE",
    ),
    "signature value changed": (flip(".//ds:SignatureValue"), "WSS-SIGNATURE"),
    "digest changed": (flip(".//ds:DigestValue"), "WSS-SIGNATURE"),
    "body changed": (set_text(".//{*}aanleverkenmerk", "other"), "WSS-DIGEST"),
    "to changed": (set_text(".//a:To", "https://localhost/other"), "WSS-DIGEST"),
    "created changed": (set_text(".//wsu:Created", "2026-06-01T12:00:01.000Z"), "WSS-DIGEST"),
    "mustUnderstand added": (set_attribute(".//a:To", f"{{{SOAP}}}actor", ""), "WSS-DIGEST"),
    "unsigned header": (
        append("s:Header", f'<FaultTo xmlns="{WSA}"><Address>{WSA}/none</Address></FaultTo>'),
        "WSS-COVERAGE",
    ),
    "created without zone": (
        set_text(".//wsu:Created", "2026-06-01T12:00:00"),
        "WSS-TIMESTAMP-FORM",
    ),
    "created in another zone": (
        set_text(".//wsu:Created", "2026-06-01T14:00:00+02:00"),
        "WSS-TIMESTAMP-FORM",
    ),
    "two Created": (repeat(".//wsu:Created"), "WSS-TIMESTAMP-FORM"),
    "Expires before Created": (
        set_text(".//wsu:Expires", "2026-06-01T11:00:00Z"),
        "WSS-TIMESTAMP-FORM",
    ),
    "Ids of two spellings": (
        lambda root: find(root, ".//{*}aanleverRequest").set(
            "ID", str(find(root, "s:Body").get(f"{{{WSU}}}Id"))
        ),
        "WSS-ID-UNIQUE",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changed_after_signing(g1: TestPki, name: str) -> None:
    change, check = CHANGES[name]
    assert refusal(filing(g1.identities["vendor-a"], change=change), g1) == check


@pytest.mark.parametrize("part", ["s:Body", ".//a:To", ".//a:Action", ".//wsu:Timestamp"])
def test_one_part_unsigned(g1: TestPki, part: str) -> None:
    """The signature itself is right, but covers one part too few."""
    assert refusal(sign_without(g1, part), g1) == "WSS-COVERAGE"


def sign_without(pki: TestPki, part: str) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    from digipoort_wus.xmlsafe.c14n import canonicalize

    identity = pki.identities["vendor-a"]
    root = envelope(aanlever_body())
    sign_request(root, identity=identity, suite=SUITE_SHA256, created=NOW)
    target = find(root, part).get(f"{{{WSU}}}Id")
    signed_info = find(root, ".//ds:SignedInfo")
    signed_info.remove(find(root, f".//ds:Reference[@URI='#{target}']"))
    value = identity.private_key.sign(
        canonicalize(signed_info), padding.PKCS1v15(), hashes.SHA256()
    )
    find(root, ".//ds:SignatureValue").text = base64.b64encode(value).decode()
    return etree.tostring(root)


def wrap_body(root: etree._Element, into: str) -> None:
    """Move the signed Body elsewhere and put a forged one in its place (XSW)."""
    body = find(root, "s:Body")
    forged = deepcopy(body)
    forged.attrib.clear()
    find(forged, ".//{*}aanleverkenmerk").text = "forged"
    wrapper = etree.SubElement(find(root, into), "wrapper") if into else etree.SubElement(root, "w")
    wrapper.append(body)
    root.append(forged)


@pytest.mark.parametrize(
    ("into", "check"),
    [
        ("s:Header", "SOAP-HEADER-FOREIGN"),
        (".//wsse:Security", "WSS-CHILDREN"),
        (".//ds:Signature", "WSS-SIGNATURE-FORM"),
        (".//a:ReplyTo", "WSA-ENDPOINT"),
        ("", "SOAP-STRUCTURE"),
    ],
)
def test_wrapped_bodies_are_refused(g1: TestPki, into: str, check: str) -> None:
    octets = filing(g1.identities["vendor-a"], change=partial(wrap_body, into=into))
    assert refusal(octets, g1) == check


@pytest.mark.parametrize(
    ("name", "check"), [("vendor-revoked", "PKI-REVOKED"), ("vendor-expired", "PKI-VALIDITY")]
)
def test_certificates_that_are_no_longer_good(g1: TestPki, name: str, check: str) -> None:
    assert refusal(filing(g1.identities[name]), g1) == check


def test_a_certificate_of_another_hierarchy(g1: TestPki, g4: TestPki) -> None:
    assert refusal(filing(g4.identities["vendor-a"]), g1) == "PKI-CHAIN"


def test_another_key_than_the_tokens(g1: TestPki) -> None:
    """The token is exchanged for another valid certificate: its key did not sign."""
    other = find(
        etree.fromstring(filing(g1.identities["vendor-b"])), ".//wsse:BinarySecurityToken"
    ).text
    octets = filing(
        g1.identities["vendor-a"], change=set_text(".//wsse:BinarySecurityToken", str(other))
    )
    assert refusal(octets, g1) == "WSS-SIGNATURE"


@pytest.mark.parametrize(
    ("seconds", "accepted"), [(-300, True), (-301, False), (900, True), (901, False)]
)
def test_skew_and_expiry(g1: TestPki, seconds: int, accepted: bool) -> None:
    octets = filing(g1.identities["vendor-a"])
    if accepted:
        verify(octets, g1, seconds=seconds)
    else:
        assert refusal(octets, g1, seconds=seconds) == "WSS-EXPIRED"


def without_expires(pki: TestPki) -> bytes:
    """A Timestamp with Created only, as some clients send."""
    root = envelope(aanlever_body())
    sign_request(root, identity=pki.identities["vendor-a"], suite=SUITE_SHA256, created=NOW)
    timestamp = find(root, ".//wsu:Timestamp")
    timestamp.remove(timestamp[1])
    return resign(root, pki)


def resign(root: etree._Element, pki: TestPki) -> bytes:
    """Make digests and signature right again after a change, as its sender could."""
    import hashlib

    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    from digipoort_wus.xmlsafe.c14n import canonicalize

    by_id = {e.get(f"{{{WSU}}}Id"): e for e in root.iter() if e.get(f"{{{WSU}}}Id")}
    for reference in root.findall(REFERENCE, NS):
        target = by_id[str(reference.get("URI"))[1:]]
        prefixes = [
            p
            for e in reference.iter(f"{{{EXC_C14N}}}InclusiveNamespaces")
            for p in str(e.get("PrefixList")).split()
        ]
        digest = hashlib.sha256(canonicalize(target, prefixes)).digest()
        find(reference, "ds:DigestValue").text = base64.b64encode(digest).decode()
    value = pki.identities["vendor-a"].private_key.sign(
        canonicalize(find(root, ".//ds:SignedInfo")), padding.PKCS1v15(), hashes.SHA256()
    )
    find(root, ".//ds:SignatureValue").text = base64.b64encode(value).decode()
    return etree.tostring(root)


def test_without_expires_a_message_lives_ten_minutes(g1: TestPki) -> None:
    octets = without_expires(g1)
    verify(octets, g1, seconds=900)
    assert refusal(octets, g1, seconds=901) == "WSS-EXPIRED"


def test_a_window_of_more_than_a_day_is_refused(g1: TestPki) -> None:
    root = envelope(aanlever_body())
    sign_request(
        root,
        identity=g1.identities["vendor-a"],
        suite=SUITE_SHA256,
        created=NOW,
        lifetime=timedelta(hours=25),
    )
    assert refusal(etree.tostring(root), g1) == "WSS-EXPIRED"


def test_sha1_can_be_switched_off(g1: TestPki) -> None:
    octets = filing(g1.identities["vendor-a"], suite=SUITE_SHA1)
    with pytest.raises(Refusal) as caught:
        verify(octets, g1, policy=without_sha1(DIGIPOORT_1_2))
    assert caught.value.check.id == "WSS-ALGORITHM"


@pytest.mark.parametrize("prefixes", ["", "a s", "#default t", "  t  #default ", "nobody"])
def test_prefix_lists(g1: TestPki, prefixes: str) -> None:
    """WCF and WSS4J list prefixes that must be rendered although nothing uses them."""
    text = etree.tostring(envelope(aanlever_body())).replace(
        b"<s:Envelope ", b'<s:Envelope xmlns="urn:unused" xmlns:t="urn:other" '
    )
    root = etree.fromstring(text)
    sign_request(root, identity=g1.identities["vendor-a"], suite=SUITE_SHA256, created=NOW)
    for transform in root.iterfind(".//ds:Transform", NS):
        inclusive = etree.SubElement(transform, f"{{{EXC_C14N}}}InclusiveNamespaces")
        inclusive.set("PrefixList", prefixes)
    verify(resign(root, g1), g1)


def test_an_equal_reference_may_be_repeated(g1: TestPki) -> None:
    """CXF signs the Timestamp twice, because the public WSDL's policy names it twice."""
    root = envelope(aanlever_body())
    sign_request(root, identity=g1.identities["vendor-a"], suite=SUITE_SHA256, created=NOW)
    repeat(".//ds:Reference")(root)
    verify(resign(root, g1), g1)


def test_an_answer_mirrors_a_mixed_suite(g1: TestPki) -> None:
    root = envelope(aanlever_body())
    sign_request(root, identity=g1.identities["vendor-a"], suite=MIXED, created=NOW)
    suite = verify(etree.tostring(root), g1).suite
    assert (suite.signature, suite.digest) == (MIXED.signature, MIXED.digest)


@pytest.mark.parametrize("created", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
def test_the_ends_of_the_calendar_are_refused(g1: TestPki, created: str) -> None:
    root = envelope(aanlever_body())
    sign_request(root, identity=g1.identities["vendor-a"], suite=SUITE_SHA256, created=NOW)
    timestamp = find(root, ".//wsu:Timestamp")
    timestamp.remove(timestamp[1])
    timestamp[0].text = created
    assert refusal(resign(root, g1), g1) == "WSS-EXPIRED"


def test_a_repeat_has_the_same_digest_whatever_the_bodys_id(g1: TestPki) -> None:
    digests = set()
    for body_id in ("id-first", "id-second"):
        root = envelope(aanlever_body())
        sign_request(root, identity=g1.identities["vendor-a"], suite=SUITE_SHA256, created=NOW)
        body = find(root, "s:Body")
        old = body.get(f"{{{WSU}}}Id")
        find(root, f".//ds:Reference[@URI='#{old}']").set("URI", f"#{body_id}")
        body.set(f"{{{WSU}}}Id", body_id)
        digests.add(verify(resign(root, g1), g1).body_digest)
    root = envelope(aanlever_body(reference="another"))
    other = signed(g1.identities["vendor-a"], root)
    assert len(digests) == 1
    assert verify(other, g1).body_digest not in digests


def listed(
    pki: TestPki, prefixes: str, *, of: str = "Transform", elements: int = 0, times: int = 1
) -> etree._Element:
    """Return a filing with a PrefixList for its Body or SignedInfo, and more in the Body."""
    body = aanlever_body().replace(
        "</t:aanleverRequest>", "<t:a/>" * elements + "</t:aanleverRequest>"
    )
    root = etree.fromstring(signed(pki.identities["vendor-a"], envelope(body)))
    body_id = find(root, "s:Body").get(f"{{{WSU}}}Id")
    (reference,) = root.findall(f"{REFERENCE}[@URI='#{body_id}']", NS)
    place = reference[0][0] if of == "Transform" else find(root, f".//ds:{of}")
    if prefixes:
        etree.SubElement(place, f"{{{EXC_C14N}}}InclusiveNamespaces", PrefixList=prefixes)
    for _ in range(times - 1):
        reference.addnext(deepcopy(reference))
    return root


@pytest.mark.parametrize("of", ["Transform", "CanonicalizationMethod"])
def test_a_prefix_list_is_short(g1: TestPki, of: str) -> None:
    most, longest = limits.MAX_PREFIXES, "p" * limits.PREFIX_MAX
    for prefixes in (" ".join(f"p{n}" for n in range(most)), longest):
        verify(resign(listed(g1, prefixes, of=of), g1), g1)
    # The same one again and again would be looked for each time, too.
    for prefixes in ("p " * (most + 1), " ".join(f"p{n}" for n in range(9_000)), longest + "p"):
        assert refusal(etree.tostring(listed(g1, prefixes, of=of)), g1) == "WSS-REF-LIMIT"


@pytest.mark.parametrize(
    ("prefixes", "times"), [(9, 1), (0, 5), (3, 2)], ids=["listed", "repeated", "both"]
)
def test_references_name_few_elements(g1: TestPki, prefixes: int, times: int) -> None:
    """Each is looked at once a Reference by some engines, and once a prefix by all."""
    names = " ".join(f"p{n}" for n in range(prefixes))
    each = (1 + prefixes) * times
    root = listed(g1, names, times=times)
    ids = {reference.get("URI") for reference in root.findall(REFERENCE, NS)}
    parts = [e for e in root.iter() if f"#{e.get(f'{{{WSU}}}Id')}" in ids]
    sizes = {part.tag: sum(1 for _ in part.iter()) for part in parts}
    in_body = sizes.pop(f"{{{SOAP}}}Body")
    room = (limits.REFERENCED_ELEMENTS_MAX - sum(sizes.values())) // each - in_body
    assert room > 1_000
    verify(resign(listed(g1, names, elements=room, times=times), g1), g1)
    octets = etree.tostring(listed(g1, names, elements=room + 1, times=times))
    assert refusal(octets, g1) == "WSS-REF-LIMIT"


@pytest.mark.parametrize("where", ["text", "values", "names"])
def test_signed_info_is_bounded_before_it_is_canonicalised(
    g1: TestPki, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def pad(root: etree._Element, octets: int) -> bytes:
        # What is not counted to the octet stays clear of the limit.
        signed_info = find(root, ".//ds:SignedInfo")
        if where == "text":
            signed_info.text = " " * octets
        elif where == "values":
            find(root, ".//ds:Reference").set("Type", "urn:" + "t" * (octets - 4))
        else:
            elements = list(signed_info.iter())
            for number in range(octets // 64):
                elements[number % len(elements)].set(f"a{number}".ljust(64, "x"), "")
        return resign(root, g1)

    message = envelope(aanlever_body())
    octets = signed(g1.identities["vendor-a"], message)
    verify(pad(etree.fromstring(octets), limits.SIGNED_INFO_MAX_BYTES - 8_000), g1)
    too_long = pad(etree.fromstring(octets), limits.SIGNED_INFO_MAX_BYTES + 250)
    canonicalised: list[str] = []
    monkeypatch.setattr(
        "digipoort_wus.wss.verify.canonicalize", lambda *_: canonicalised.append("something")
    )
    assert refusal(too_long, g1) == "WSS-REF-LIMIT"
    assert canonicalised == []
