"""Whatever is done to a signed message, the gate refuses it or hands on what was signed.

Every mutation is judged by the native engine and by signxml, through the whole gate, and by
xmlsec and signxml left to themselves: those search for what they verify, as libraries do.
Where the gate accepts, they must; where they accept and the gate does not, a check of form,
time, certificate or schema must be the reason, never a digest or a signature.

A longer run: ``MUTATIONS=100000 pytest tests/unit/wss/test_mutations.py``, with other
mutations each time.
"""

import base64
import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

import pytest
import xmlsec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, currently_in_test_context, event, given, settings
from hypothesis import strategies as st
from lxml import etree
from signxml import DigestAlgorithm, SignatureConfiguration, SignatureMethod, XMLVerifier

from digipoort_wus import checks
from digipoort_wus.errors import Check, Refusal
from digipoort_wus.names import DS, SERVICES, TYPES, WSSE
from digipoort_wus.pki.chain import CachingVerifier, VerifiedCertificate
from digipoort_wus.pki.identity import Identity
from digipoort_wus.pki.profiles import Role
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.server.gate import Gate, Opened, Rejected, open_request
from digipoort_wus.server.http import Head, HttpRequest
from digipoort_wus.soap.envelope import read_envelope
from digipoort_wus.soap.mtom import read_package, read_package_type
from digipoort_wus.soap.multipart import is_package
from digipoort_wus.wss.oracle import ENGINES, verify_signature_signxml
from digipoort_wus.wss.policy import DIGIPOORT_1_2, SUITE_SHA1, SUITE_SHA256, Suite
from digipoort_wus.wss.sign import sign_request
from digipoort_wus.wss.verify import verify_signature
from digipoort_wus.xmlsafe.c14n import canonicalize
from tests.messages import NOW, aanlever_body, envelope
from tests.mutations import Message, mutated_message
from tests.packages import XOP
from tests.subjects import (
    INHOUD,
    PARSER,
    PREFIX_LISTS,
    WSU_ID,
    Subject,
    canonical_blocks,
    sign_again,
    subject,
)

T = TypeVar("T")
OPERATIONS = [op.name for service in SERVICES.values() for op in service.operations]
SUITES = (SUITE_SHA256, SUITE_SHA1)

EXAMPLES = int(os.environ.get("MUTATIONS", "500"))
LONG = "MUTATIONS" in os.environ

CRYPTOGRAPHIC = (
    checks.WSS_SIGNATURE,
    checks.WSS_DIGEST,
    checks.WSS_REF_LIMIT,
    checks.XML_CANONICAL,
)
"""What an engine may call a wrong signature; which comes first is its own choice."""
NO_REASON = (checks.WSS_SIGNATURE, checks.WSS_DIGEST, checks.WSS_ENGINES, checks.TECHNICAL)
"""Why the gate may not refuse what xmlsec and signxml verify."""
STRUCTURAL: tuple[Check, ...] = tuple(check for check in checks.CATALOGUE if check not in NO_REASON)


class World:
    """The gate and who signs; Hypothesis shows it with every failure, so it says little."""

    def __init__(self, gate: Gate, vendor: Identity) -> None:
        self.gate = gate
        self.vendor = vendor

    def __repr__(self) -> str:
        return "World"


@pytest.fixture(scope="session")
def world(g1: TestPki) -> World:
    verifier = CachingVerifier(g1.trust_store())

    def trust(certificate: x509.Certificate, at: object) -> VerifiedCertificate:
        return verifier(certificate, (), Role.SIGNER, at)  # type: ignore[arg-type]

    gate = Gate(
        policy=DIGIPOORT_1_2,
        trust=trust,
        identity=g1.identities["gateway-signing"],
        clock=lambda: NOW,
        new_message_id=lambda: "urn:uuid:fresh",
    )
    return World(gate, g1.identities["vendor-a"])


def ask(gate: Gate, sent: Subject, message: Message) -> Opened | Rejected:
    head = Head("POST", sent.service.paths[0], "", {"content-type": message.content_type})
    return open_request(gate, sent.service, HttpRequest(head, message.octets))


def require_as_signed(opened: Opened, sent: Subject, message: Message, world: World) -> None:
    """Compare all that is handed on with what was signed."""
    assert opened.signer is not None
    assert opened.signer.certificate == world.vendor.certificate
    assert opened.operation is sent.operation
    assert opened.caller.message_id == sent.message_id
    assert opened.suite == sent.suite
    assert opened.parts == tuple(octets for _, octets in sent.contents)
    assert opened.caller.body_digest == hashlib.sha256(sent.body).digest()
    # The element itself, with its contents put back where their indexes stand now.
    for element in opened.body_child.iter(INHOUD):
        text, octets = sent.contents[int(element.text or "")]
        assert octets == opened.parts[int(element.text or "")]
        element.text = text
    assert canonicalize(opened.body_child) == sent.body
    # The addressing values were read from these blocks, and from no others.
    parsed = read_envelope(etree.fromstring(envelope_of(message), PARSER))
    assert canonical_blocks(parsed.blocks) == sent.blocks


def envelope_of(message: Message) -> bytes:
    if not is_package(message.content_type):
        return message.octets
    return read_package(message.octets, read_package_type(message.content_type)).envelope


def inline(message: Message) -> etree._Element | None:
    """Return the tree that an oracle verifies: with base64 in it, as it was signed."""
    try:
        if not is_package(message.content_type):
            return etree.fromstring(message.octets, PARSER)
        package = read_package(message.octets, read_package_type(message.content_type))
        root = etree.fromstring(package.envelope, PARSER)
    except (etree.XMLSyntaxError, Refusal):
        return None
    for include in list(root.iter(f"{{{XOP}}}Include")):
        part = package.parts.get((include.get("href") or "")[4:].replace("%40", "@"))
        above = include.getparent()
        if part is None or above is None:
            return None
        above.remove(include)
        above.text = base64.b64encode(part).decode()
    return root


# --- Oracles that search ----------------------------------------------------------------


def certificate_in(root: etree._Element) -> x509.Certificate | None:
    for token in root.iter(f"{{{WSSE}}}BinarySecurityToken"):
        try:
            certificate = x509.load_der_x509_certificate(base64.b64decode(token.text or ""))
            # Read when it is asked for.
            certificate.public_key()
        except (ValueError, UnsupportedAlgorithm):
            continue
        return certificate
    return None


def xmlsec_verifies(root: etree._Element) -> bool:
    certificate = certificate_in(root)
    signature = next(root.iter(f"{{{DS}}}Signature"), None)
    # An address would be fetched, and a file read.
    uris = [str(reference.get("URI")) for reference in root.iter(f"{{{DS}}}Reference")]
    if certificate is None or signature is None or not all(uri.startswith("#") for uri in uris):
        return False
    pem = certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    context = xmlsec.SignatureContext()
    try:
        context.key = xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatPem)
        for element in root.iter(etree.Element):
            if element.get(WSU_ID):
                context.register_id(element, "Id", WSU_ID[1:].partition("}")[0])
        context.verify(signature)
    except xmlsec.Error:
        return False
    return True


def has_relative_namespace(root: etree._Element) -> bool:
    return any(
        uri and ":" not in uri
        for element in root.iter(etree.Element)
        for uri in element.nsmap.values()
    )


class Searching(XMLVerifier):
    """signxml as it comes, but for a bug: it takes the text behind an element for a part of it."""

    def _tostring(self, xml_node: etree._Element, **options: object) -> bytes:
        return etree.tostring(xml_node, with_tail=False)


def signxml_verifies(root: etree._Element) -> bool:
    certificate = certificate_in(root)
    references = len(root.findall(f".//{{{DS}}}SignedInfo/{{{DS}}}Reference"))
    if certificate is None or not references:
        return False
    configuration = SignatureConfiguration(
        expect_references=references,
        signature_methods=frozenset(SIGNXML_METHODS),
        digest_algorithms=frozenset(SIGNXML_DIGESTS),
        verification_time=certificate.not_valid_before_utc,
    )
    try:
        Searching().verify(
            root,
            x509_cert=certificate,
            validate_schema=False,
            parser=PARSER,
            expect_config=configuration,
        )
    # It is not ours, and meets what it was not made for: whatever it raises is no.
    except Exception:
        return False
    return True


SIGNXML_METHODS = (SignatureMethod.RSA_SHA1, SignatureMethod.RSA_SHA256)
SIGNXML_DIGESTS = (DigestAlgorithm.SHA1, DigestAlgorithm.SHA256)
ORACLES: dict[str, Callable[[etree._Element], bool]] = {
    "xmlsec": xmlsec_verifies,
    "signxml": signxml_verifies,
}


# --- The property -----------------------------------------------------------------------


def judge(world: World, sent: Subject, message: Message) -> Opened | Rejected:
    """Ask everybody, and require that they agree as far as they must."""
    result = ask(replace(world.gate, engine=verify_signature), sent, message)
    other = ask(replace(world.gate, engine=verify_signature_signxml), sent, message)
    if isinstance(result, Opened):
        assert isinstance(other, Opened), other.refusal
        require_as_signed(result, sent, message, world)
        require_as_signed(other, sent, message, world)
    else:
        assert isinstance(other, Rejected)
        same = {result.refusal.check.id, other.refusal.check.id}
        assert len(same) == 1 or same <= {check.id for check in CRYPTOGRAPHIC}
    root = inline(message)
    for name, oracle in ORACLES.items():
        verifies = root is not None and oracle(root)
        if isinstance(result, Opened):
            # xmlsec refuses it wherever it stands, also where nothing is canonicalised.
            excused = name == "xmlsec" and root is not None and has_relative_namespace(root)
            assert verifies or excused, name
        elif verifies:
            assert result.refusal.check in STRUCTURAL, (name, str(result.refusal))
            if currently_in_test_context():
                event(f"{name} verifies, refused by {result.refusal.check.id}")
    return result


@st.composite
def kinds(draw: st.DrawFn) -> tuple[str, Suite, tuple[str, ...]]:
    # Filings have most that can go wrong.
    name = draw(st.one_of(st.just("aanleveren"), st.sampled_from(OPERATIONS)))
    return name, draw(st.sampled_from(SUITES)), draw(st.sampled_from(PREFIX_LISTS))


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=not LONG,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(kinds(), st.data())
def test_refused_or_as_signed(
    world: World, kind: tuple[str, Suite, tuple[str, ...]], data: st.DataObject
) -> None:
    name, suite, prefixes = kind
    sent = subject(name, world.vendor, suite, prefixes)
    result = judge(world, sent, mutated_message(data, sent))
    event("as signed" if isinstance(result, Opened) else result.refusal.check.id)


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
@pytest.mark.parametrize("prefixes", PREFIX_LISTS, ids=lambda prefixes: " ".join(prefixes))
@pytest.mark.parametrize("name", OPERATIONS)
def test_unchanged(world: World, name: str, suite: Suite, prefixes: tuple[str, ...]) -> None:
    sent = subject(name, world.vendor, suite, prefixes)
    assert isinstance(judge(world, sent, Message(sent.octets)), Opened)
    if sent.package is not None:
        package = Message(sent.package.body, sent.package.content_type)
        assert isinstance(judge(world, sent, package), Opened)


HARMLESS: dict[str, tuple[bytes, bytes]] = {
    "byte order mark": (b"<?xml", b"\xef\xbb\xbf<?xml"),
    "no declaration": (b"<?xml version='1.0' encoding='UTF-8'?>", b""),
    "space between Header and Body": (b"</s:Header>", b"</s:Header>\r\n "),
    "space behind the Envelope": (b"</s:Envelope>", b"</s:Envelope>\n"),
    "space in a tag": (b"<s:Body ", b"<s:Body\n\t "),
    "unused declaration on the Envelope": (b"<s:Envelope ", b'<s:Envelope xmlns:u="urn:u" '),
    "unused declaration on the Body": (b"<s:Body ", b'<s:Body xmlns:u="urn:u" '),
    "declared again": (
        b"<s:Body ",
        b'<s:Body xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ',
    ),
    "quotes": (b'xmlns:t="' + TYPES.encode() + b'"', b"xmlns:t='" + TYPES.encode() + b"'"),
    "character reference": (b"Omzetbelasting<", b"&#79;mzetbelasting<"),
    "CDATA": (b">Omzetbelasting<", b"><![CDATA[Omzetbelasting]]><"),
}


@pytest.mark.parametrize("case", HARMLESS)
@pytest.mark.parametrize("as_package", [False, True], ids=["text", "package"])
def test_what_changes_nothing_that_was_signed_is_accepted(
    world: World, case: str, as_package: bool
) -> None:
    """Otherwise the property would hold for a gate that refuses everything."""
    old, new = HARMLESS[case]
    sent = subject("aanleveren", world.vendor, SUITE_SHA256, ())
    message = Message(sent.octets.replace(old, new, 1))
    if as_package:
        assert sent.package is not None
        root = sent.package.parts[0]
        declared = b"<?xml version='1.0' encoding='UTF-8'?>" + root.content
        package = sent.package.with_part(0, replace(root, content=declared.replace(old, new, 1)))
        message = Message(package.body, package.content_type)
    assert new in message.octets
    assert isinstance(judge(world, sent, message), Opened)


def test_the_comparison_notices_what_was_not_signed(world: World) -> None:
    sent = subject("aanleveren", world.vendor, SUITE_SHA256, ())
    forged = subject("aanleveren", world.vendor, SUITE_SHA256, ("s", "t", "a"))
    for other in (
        replace(sent, message_id="urn:uuid:other"),
        replace(sent, body=sent.body.replace(b"Bedrijf", b"bedrijf")),
        replace(sent, blocks={**sent.blocks, "To": b"<a:To/>"}),
        replace(sent, contents=(("QQ==", b"A"), *sent.contents[1:])),
        replace(sent, suite=SUITE_SHA1),
        replace(sent, message_id=forged.message_id),
    ):
        with pytest.raises(AssertionError):
            judge(world, other, Message(sent.octets))


# --- What was found ---------------------------------------------------------------------


def of_its_own_thread(work: Callable[[], T]) -> T:
    """Run where no other test has told lxml any names."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()


def with_prefix_list(world: World, prefixes: str) -> bytes:
    root = envelope(aanlever_body())
    text = etree.tostring(root).replace(b"<s:Envelope ", b'<s:Envelope xmlns="urn:unused" ')
    root = etree.fromstring(text)
    sign_request(root, identity=world.vendor, suite=SUITE_SHA256, created=NOW)
    sign_again(root, world.vendor, SUITE_SHA256, prefixes)
    return etree.tostring(root)


@pytest.mark.parametrize("engine", ["native", "signxml"])
@pytest.mark.parametrize("prefixes", ["", " ", "s  t", "#default", "#default s"])
def test_a_verdict_does_not_depend_on_other_documents(
    world: World, engine: str, prefixes: str
) -> None:
    """lxml knows the names of all documents of its thread, and reads PrefixLists by them."""
    octets = of_its_own_thread(lambda: with_prefix_list(world, prefixes))
    gate = replace(world.gate, engine=ENGINES[engine])
    sent = subject("aanleveren", world.vendor, SUITE_SHA256, ())

    def judged() -> list[Opened | Rejected]:
        first = ask(gate, sent, Message(octets))
        ask(gate, sent, Message(b'<x xmlns="" y=""/>'))
        return [first, ask(gate, sent, Message(octets))]

    for result in of_its_own_thread(judged):
        assert isinstance(result, Opened), result.refusal


@pytest.mark.parametrize(
    ("old", "new", "check"),
    [
        (b"<s:Envelope ", b'<s:Envelope xmlns="relative" ', checks.XML_CANONICAL),
        (b"</wsu:Timestamp>", b"</wsu:Timestamp>x", checks.WSS_CHILDREN),
        (b"</ds:SignedInfo>", b"</ds:SignedInfo>x", checks.WSS_SIGNATURE_FORM),
        (b"<ds:KeyInfo>", b"<ds:KeyInfo>x", checks.WSS_KEY_INFO),
        (b"</wsu:Timestamp>", b"</wsu:Timestamp>&#13;\n", None),
        (b"</a:MessageID>", b"</a:MessageID>&#13;\n", None),
        (b"<s:Envelope ", b'<s:Envelope xml:id="1" ', None),
    ],
)
def test_both_engines_agree(world: World, old: bytes, new: bytes, check: Check | None) -> None:
    sent = subject("aanleveren", world.vendor, SUITE_SHA256, ())
    changed = sent.octets.replace(old, new, 1)
    assert changed != sent.octets
    result = judge(world, sent, Message(changed))
    assert (result.refusal.check if isinstance(result, Rejected) else None) is check
