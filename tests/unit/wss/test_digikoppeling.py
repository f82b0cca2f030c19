"""The rules of 2W-be and 2W-be-S that Digipoort does not have; both engines judge."""

import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from lxml import etree

from digipoort_wus.errors import Refusal
from digipoort_wus.names import DS, SOAP, WSSE, WSSE11, WSU
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.soap.addressing import read_addressing
from digipoort_wus.soap.envelope import read_envelope
from digipoort_wus.wss.oracle import verify_signature_both
from digipoort_wus.wss.policy import (
    DIGIKOPPELING_3_0_BE,
    DIGIKOPPELING_3_0_BE_S,
    SUITE_PSS_SHA256,
    SUITE_SHA1,
    SUITE_SHA256,
    SUITE_SHA384,
    SUITE_SHA512,
    SUITES_PSS,
    SUITES_SHA2,
    Expires,
    SecurityPolicy,
    Suite,
    with_pss,
)
from digipoort_wus.wss.sign import sign_request, signed_answer
from digipoort_wus.wss.verify import Verified, verify_envelope, verify_unsigned
from digipoort_wus.xmlsafe.parse import parse_message
from tests.echo import headers, message, octets, signed_echo
from tests.messages import NOW
from tests.unit.wss.test_verify import trust_of
from tests.wire.conftest import signed_again

BE_S = DIGIKOPPELING_3_0_BE_S
VALUE = bytes(range(256))


def verify(
    data: bytes,
    pki: TestPki,
    *,
    policy: SecurityPolicy = BE_S,
    confirms: bytes | None = None,
    seconds: float = 0,
) -> Verified:
    envelope = read_envelope(parse_message(data))
    return verify_envelope(
        envelope,
        read_addressing(envelope, policy.addressing),
        policy=policy,
        trust=trust_of(pki),
        now=NOW + timedelta(seconds=seconds),
        engine=verify_signature_both,
        confirms=confirms,
    )


def refused(data: bytes, pki: TestPki, **options: object) -> tuple[str, str]:
    with pytest.raises(Refusal) as caught:
        verify(data, pki, **options)  # type: ignore[arg-type]
    return caught.value.check.id, caught.value.about


# --- Algorithms --------------------------------------------------------------------


@pytest.mark.parametrize("suite", SUITES_SHA2, ids=lambda suite: suite.name)
def test_sha2_is_accepted_here_and_by_xmlsec1(
    g1: TestPki, xmlsec1: Callable[[bytes], bool], suite: Suite
) -> None:
    data, value = signed_echo(g1.identities["vendor-a"], suite=suite)
    verified = verify(data, g1)
    assert verified.suite is suite
    assert verified.signature_value == value
    assert xmlsec1(data)


@pytest.mark.parametrize(
    ("signature", "digest"), [(SUITE_SHA256, SUITE_SHA512), (SUITE_SHA512, SUITE_SHA384)]
)
def test_signature_and_digest_may_be_of_different_suites(
    g1: TestPki, signature: Suite, digest: Suite
) -> None:
    mixed = Suite("mixed", signature.signature, digest.digest)
    data, _ = signed_echo(g1.identities["vendor-a"], suite=mixed)
    assert verify(data, g1).suite == mixed


@pytest.mark.parametrize("suite", SUITES_PSS, ids=lambda suite: suite.name)
def test_pss_is_accepted_by_the_variant_only(g1: TestPki, suite: Suite) -> None:
    data, _ = signed_echo(g1.identities["vendor-a"], suite=suite)
    assert refused(data, g1)[0] == "WSS-ALGORITHM"
    assert verify(data, g1, policy=with_pss(BE_S)).suite is suite


def test_a_pss_signature_is_no_pkcs1_signature(g1: TestPki) -> None:
    data, _ = signed_echo(g1.identities["vendor-a"], suite=SUITE_PSS_SHA256)
    # Of the same length, and of the same hash.
    data = data.replace(SUITE_PSS_SHA256.signature.encode(), SUITE_SHA256.signature.encode())
    assert refused(data, g1, policy=with_pss(BE_S))[0] == "WSS-SIGNATURE"


MORE = "http://www.w3.org/2001/04/xmldsig-more#"
FORBIDDEN = [
    f"{DS}rsa-sha1",
    f"{DS}dsa-sha1",
    f"{DS}hmac-sha1",
    f"{MORE}hmac-sha256",
    f"{MORE}ecdsa-sha256",
    f"{MORE}rsa-sha224",
    f"{MORE}rsa-md5",
    "http://www.w3.org/2007/05/xmldsig-more#sha1-rsa-MGF1",
    "",
]


@pytest.mark.parametrize("uri", FORBIDDEN)
def test_other_signatures_are_refused_before_they_run(g1: TestPki, uri: str) -> None:
    data, _ = signed_echo(g1.identities["vendor-a"])
    data = data.replace(SUITE_SHA256.signature.encode(), uri.encode())
    for policy in (BE_S, with_pss(BE_S)):
        assert refused(data, g1, policy=policy)[0] == "WSS-ALGORITHM"


@pytest.mark.parametrize("uri", [f"{DS}sha1", f"{MORE}sha224", f"{MORE}md5"])
def test_one_other_digest_is_enough_to_refuse(g1: TestPki, uri: str) -> None:
    data, _ = signed_echo(g1.identities["vendor-a"])
    data = data.replace(SUITE_SHA256.digest.encode(), uri.encode(), 1)
    assert refused(data, g1)[0] == "WSS-ALGORITHM"


def test_sha1_is_refused(g1: TestPki) -> None:
    data, _ = signed_echo(g1.identities["vendor-a"], suite=SUITE_SHA1)
    assert refused(data, g1)[0] == "WSS-ALGORITHM"


# --- Form --------------------------------------------------------------------------


def test_the_token_stands_before_the_signature(g1: TestPki) -> None:
    def move(root: etree._Element) -> None:
        security = next(root.iter(f"{{{WSSE}}}Security"))
        security.append(next(security.iter(f"{{{WSSE}}}BinarySecurityToken")))

    data, _ = signed_echo(g1.identities["vendor-a"], change=move)
    assert refused(data, g1)[0] == "WSS-KEY-INFO"
    lax = replace(BE_S, token_reference=type(BE_S.token_reference).DIRECT)
    verify(data, g1, policy=lax)


def insert(name: str, namespace: str = WSSE) -> Callable[[etree._Element], None]:
    def change(root: etree._Element) -> None:
        security = next(root.iter(f"{{{WSSE}}}Security"))
        security.insert(0, etree.Element(f"{{{namespace}}}{name}", {f"{{{WSU}}}Id": "more"}))

    return change


XENC = "http://www.w3.org/2001/04/xmlenc#"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (insert("UsernameToken"), ("WSS-CHILDREN", "token")),
        (insert("EncryptedKey", XENC), ("WSS-CHILDREN", "token")),
        (insert("BinarySecurityToken"), ("WSS-CHILDREN", "token")),
        (insert("Other"), ("WSS-CHILDREN", "")),
        (insert("SignatureConfirmation", WSSE11), ("WSS-CHILDREN", "")),
    ],
)
def test_what_else_stands_in_the_header(
    g1: TestPki, change: Callable[[etree._Element], None], expected: tuple[str, str]
) -> None:
    data, _ = signed_echo(g1.identities["vendor-a"], change=change)
    assert refused(data, g1) == expected


TEXTS: dict[str, tuple[bytes, bytes, str]] = {
    "Manifest": (b"<ds:Reference URI", b'<ds:Reference Type="%b" URI', "WSS-SIGNATURE-FORM"),
    "text in Timestamp": (b"</wsu:Created>", b"</wsu:Created>x", "WSS-TIMESTAMP-FORM"),
    "zone": (b"Z</wsu:Created>", b"+01:00</wsu:Created>", "WSS-TIMESTAMP-FORM"),
    "long SignatureValue": (b"<ds:SignatureValue>", b"<ds:SignatureValue>%b", "WSS-SIGNATURE-FORM"),
    "long DigestValue": (b"<ds:DigestValue>", b"<ds:DigestValue>%b", "WSS-SIGNATURE-FORM"),
    "ValueType": (b"#X509v3", b"#X509PKIPathv1", "WSS-TOKEN"),
}
FILLERS = {
    "Manifest": f"{DS}Manifest".encode(),
    "long SignatureValue": b"A" * 4_096,
    "long DigestValue": b"A" * 256,
}


@pytest.mark.parametrize("case", TEXTS)
def test_what_basic_security_profile_forbids(g1: TestPki, case: str) -> None:
    old, new, check = TEXTS[case]
    data, _ = signed_echo(g1.identities["vendor-a"])
    assert old in data
    changed = new % FILLERS[case] if case in FILLERS else new
    assert refused(data.replace(old, changed, 1), g1)[0] == check


# --- Time --------------------------------------------------------------------------


def without_expires(pki: TestPki) -> bytes:
    """Return a message that says only when it was made, and is signed like that."""
    root = message()
    identity = pki.identities["vendor-a"]
    sign_request(root, identity=identity, suite=SUITE_SHA256, created=NOW)
    timestamp = next(root.iter(f"{{{WSU}}}Timestamp"))
    timestamp.remove(timestamp[1])
    return signed_again(identity, root)


@pytest.mark.parametrize(
    ("seconds", "accepted"), [(-300, True), (-301, False), (600, True), (601, False)]
)
def test_without_expires_a_message_lives_five_minutes(
    g1: TestPki, seconds: float, accepted: bool
) -> None:
    data = without_expires(g1)
    if accepted:
        verify(data, g1, seconds=seconds)
    else:
        assert refused(data, g1, seconds=seconds)[0] == "WSS-EXPIRED"


def test_expires_where_a_policy_wants_it(g1: TestPki) -> None:
    strict = replace(BE_S, expires=Expires.REQUIRED)
    assert refused(without_expires(g1), g1, policy=strict)[0] == "WSS-EXPIRED"
    verify(signed_echo(g1.identities["vendor-a"])[0], g1, policy=strict)


# --- Answers -----------------------------------------------------------------------


def answered(pki: TestPki, confirms: bytes | None, suite: Suite = SUITE_SHA256) -> bytes:
    return signed_answer(
        [("To", "urn:to"), ("MessageID", "urn:m"), ("Action", "urn:a"), ("RelatesTo", "urn:r")],
        etree.fromstring("<x xmlns='urn:x'>é</x>"),
        identity=pki.identities["gateway-signing"],
        suite=suite,
        created=NOW,
        confirms=confirms,
    )


@pytest.mark.parametrize("suite", SUITES_SHA2, ids=lambda suite: suite.name)
def test_an_answer_confirms_the_request_here_and_for_xmlsec1(
    g1: TestPki, xmlsec1: Callable[[bytes], bool], suite: Suite
) -> None:
    data = answered(g1, VALUE, suite)
    verify(data, g1, confirms=VALUE)
    assert xmlsec1(data)
    confirmed = base64.b64encode(VALUE)
    assert data.count(confirmed) == 1
    # It is signed: xmlsec1 notices another one.
    assert not xmlsec1(data.replace(confirmed, base64.b64encode(VALUE[::-1])))


def test_a_request_confirms_nothing(g1: TestPki) -> None:
    assert refused(answered(g1, VALUE), g1)[0] == "WSS-CHILDREN"


@pytest.mark.parametrize("confirms", [None, VALUE[::-1], VALUE[:-1], b"x"])
def test_an_answer_to_another_request(g1: TestPki, confirms: bytes | None) -> None:
    data = answered(g1, confirms)
    assert refused(data, g1, confirms=VALUE)[0] == "WSS-CONFIRMATION"


def confirmation(**attributes: str) -> Callable[[etree._Element], None]:
    def change(root: etree._Element) -> None:
        element = next(root.iter(f"{{{WSSE11}}}SignatureConfirmation"))
        for name, value in attributes.items():
            if value:
                element.set(name, value)
            else:
                del element.attrib[f"{{{WSU}}}Id" if name == "Id" else name]

    return change


@pytest.mark.parametrize(
    "change",
    [
        confirmation(Id=""),
        confirmation(Value=""),
        confirmation(Value="*"),
        confirmation(Value="A" * 5_000),
        lambda root: next(root.iter(f"{{{WSSE11}}}SignatureConfirmation")).append(
            etree.Element("x")
        ),
        lambda root: next(root.iter(f"{{{WSSE}}}Security")).insert(
            2, etree.Element(f"{{{WSSE11}}}SignatureConfirmation", {f"{{{WSU}}}Id": "SC-2"})
        ),
    ],
    ids=["no Id", "no Value", "no base64", "too long", "a child", "two"],
)
def test_a_confirmation_that_is_none(
    g1: TestPki, change: Callable[[etree._Element], object]
) -> None:
    root = etree.fromstring(answered(g1, VALUE))
    change(root)
    assert refused(etree.tostring(root), g1, confirms=VALUE)[0] == "WSS-CONFIRMATION"


def test_a_confirmation_that_nobody_signed(g1: TestPki) -> None:
    root = etree.fromstring(answered(g1, VALUE))
    (reference,) = root.iterfind(f".//{{{DS}}}Reference[@URI='#SC-1']")
    signed_info = reference.getparent()
    assert signed_info is not None
    signed_info.remove(reference)
    data = signed_again(g1.identities["gateway-signing"], root)
    assert refused(data, g1, confirms=VALUE)[0] == "WSS-COVERAGE"


def test_a_policy_without_confirmation_accepts_none(g1: TestPki) -> None:
    never = replace(BE_S, confirmation=type(BE_S.confirmation).NEVER)
    assert refused(answered(g1, VALUE), g1, policy=never, confirms=VALUE)[0] == "WSS-CHILDREN"
    verify(answered(g1, None), g1, policy=never, confirms=VALUE)


# --- 2W-be -------------------------------------------------------------------------


def security(inner: str) -> bytes:
    block = f'<o:Security xmlns:o="{WSSE}" xmlns:u="{WSU}">{inner}</o:Security>'
    return octets(message(headers(more=block)))


def stamp(*, created: str = "2026-06-01T12:00:00Z", more: str = "") -> str:
    return f"<u:Timestamp><u:Created>{created}</u:Created>{more}</u:Timestamp>"


def unsigned(data: bytes, seconds: float = 0) -> str:
    envelope = read_envelope(parse_message(data))
    try:
        found = verify_unsigned(
            envelope, policy=DIGIKOPPELING_3_0_BE, now=NOW + timedelta(seconds=seconds)
        )
    except Refusal as refusal:
        return refusal.check.id
    return "none" if found is None else "timestamp"


def test_an_unsigned_message_may_say_when_it_was_made(g1: TestPki) -> None:
    assert unsigned(octets(message())) == "none"
    assert unsigned(security(stamp())) == "timestamp"
    assert unsigned(security(stamp()), 600) == "timestamp"
    assert unsigned(security(stamp()), 601) == "WSS-EXPIRED"
    assert unsigned(security(stamp()), -301) == "WSS-EXPIRED"
    expired = stamp(more="<u:Expires>2026-06-01T11:59:00Z</u:Expires>")
    assert unsigned(security(expired)) == "WSS-TIMESTAMP-FORM"
    assert unsigned(security(stamp(created="2026-06-01T12:00:00"))) == "WSS-TIMESTAMP-FORM"


@pytest.mark.parametrize(
    "inner",
    [
        "",
        stamp() * 2,
        f"{stamp()}<o:UsernameToken/>",
        f"{stamp()}<o:BinarySecurityToken/>",
        "<o:UsernameToken/>",
        f'{stamp()}</o:Security><o:Security xmlns:o="{WSSE}">',
    ],
)
def test_anything_else_about_security_is_unexpected(inner: str) -> None:
    assert unsigned(security(inner)) == "WSS-UNEXPECTED"


@pytest.mark.parametrize(("value", "about"), [("1", "mustUnderstand"), ("0", "")])
def test_a_signed_message_is_unexpected(g1: TestPki, value: str, about: str) -> None:
    data, _ = signed_echo(g1.identities["vendor-a"])
    root = etree.fromstring(data)
    next(root.iter(f"{{{WSSE}}}Security")).set(f"{{{SOAP}}}mustUnderstand", value)
    with pytest.raises(Refusal) as caught:
        verify_unsigned(read_envelope(root), policy=DIGIKOPPELING_3_0_BE, now=NOW)
    assert (caught.value.check.id, caught.value.about) == ("WSS-UNEXPECTED", about)


def test_the_policy_without_signatures_verifies_none(g1: TestPki) -> None:
    data, _ = signed_echo(g1.identities["vendor-a"])
    assert refused(data, g1, policy=DIGIKOPPELING_3_0_BE)[0] == "WSS-ALGORITHM"
