"""What we sign verifies with everybody, and what everybody signs verifies here."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from lxml import etree

from digipoort_wus.ebms.message import Payload
from digipoort_wus.ebms.names import C14N, EB
from digipoort_wus.ebms.signature import Verified, verify
from digipoort_wus.ebms.signing import sign
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.names import (
    DS,
    EXC_C14N,
    RSA_SHA1,
    RSA_SHA256,
    RSA_SHA384,
    RSA_SHA512,
    SHA1,
    SHA256,
    SHA384,
    SHA512,
    SOAP,
)
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.xmlsafe.parse import parse_message
from tests.messages import NOW
from tests.unit.ebms.oracles import Java, Judges
from tests.unit.ebms.oracles import java_classes as java_classes
from tests.unit.ebms.oracles import jdk as jdk
from tests.unit.ebms.oracles import judges as judges
from tests.unit.ebms.oracles import santuario as santuario
from tests.unit.ebms.signature_defects import DEFECTS, DIGEST, VALUE, made
from tests.unit.ebms.signatures import (
    PARTS,
    XPATH,
    envelope_text,
    sign_with_xmlsec,
    template,
    terms_of,
    transforms,
    trust_of,
    with_default_namespace,
)

ALL = {"xmlsec1": True, "python-xmlsec": True, "jdk": True, "santuario": True}
NONE = dict.fromkeys(ALL, False)
PAYLOADS = [Payload(cid, "application/octet-stream", octets) for cid, octets in PARTS.items()]
DEFAULT_NAMESPACE = (
    envelope_text()
    .replace("<soap:", "<")
    .replace("</soap:", "</")
    .replace("xmlns:soap=", "xmlns=")
    .replace("soap:", "s:")
    .replace("<eb:MessageHeader", f'<eb:MessageHeader xmlns:s="{SOAP}"')
    .replace("<eb:SyncReply", f'<eb:SyncReply xmlns:s="{SOAP}"')
)
ENVELOPES = {
    "as usual": envelope_text(),
    "other prefix": envelope_text().replace("soap:", "SOAP-ENV:").replace(":soap=", ":SOAP-ENV="),
    "default namespace": DEFAULT_NAMESPACE,
    "no SyncReply": envelope_text(more=""),
    "xml:lang and xml:space around it": envelope_text().replace(
        " xmlns:eb", ' xml:lang="nl" xml:space="preserve" xmlns:eb'
    ),
    "unused declarations": envelope_text().replace(
        "<soap:Header>", '<soap:Header xmlns="urn:x" xmlns:b="urn:b" xmlns:a="urn:a">'
    ),
}


def verified(
    pki: TestPki, message: bytes, algorithm: str = RSA_SHA256, digest: str = SHA256
) -> Verified:
    return verify(
        parse_message(message),
        PARTS,
        terms_of(pki.identities["vendor-a"], algorithm, digest),
        at=NOW,
        trust=trust_of(pki),
    )


@pytest.mark.parametrize("c14n", [C14N, EXC_C14N])
@pytest.mark.parametrize("name", ENVELOPES)
def test_ours_verifies_with_everybody(g1: TestPki, judges: Judges, name: str, c14n: str) -> None:
    identity = g1.identities["vendor-a"]
    root = parse_message(ENVELOPES[name].encode())
    references = sign(root, PAYLOADS, identity, terms_of(identity), canonicalization=c14n)
    message = etree.tostring(root)
    assert judges.verdicts(message, identity, PARTS) == ALL
    assert verified(g1, message).references == references
    for old, new in ((b">Deliver<", b">Delivery<"), (b"cid:one", b"cid:two"), (b"\n  <", b"\n <")):
        other = message.replace(old, new, 1)
        assert other != message
        assert judges.verdicts(other, identity, PARTS) == NONE
    changed = dict(PARTS) | {"two@example.nl": b"\1" + PARTS["two@example.nl"][1:]}
    assert judges.verdicts(message, identity, changed) == NONE


@pytest.mark.parametrize(
    ("algorithm", "digest"), [(RSA_SHA384, SHA384), (RSA_SHA512, SHA512), (RSA_SHA512, SHA256)]
)
def test_longer_hashes(g4: TestPki, judges: Judges, algorithm: str, digest: str) -> None:
    identity = g4.identities["vendor-a-sign"]
    root = parse_message(envelope_text().encode())
    terms = terms_of(identity, algorithm, digest)
    sign(root, PAYLOADS, identity, terms)
    message = etree.tostring(root)
    assert judges.verdicts(message, identity, PARTS) == ALL
    verify(parse_message(message), PARTS, terms, at=NOW, trust=trust_of(g4))


def test_no_payloads_and_odd_content_ids(g1: TestPki, judges: Judges) -> None:
    identity = g1.identities["vendor-a"]
    for parts in ({}, {"ab%c/d+#?@x": b"x", "soappart": b""}):
        root = parse_message(envelope_text().encode())
        payloads = [Payload(cid, "text/plain", octets) for cid, octets in parts.items()]
        sign(root, payloads, identity, terms_of(identity))
        message = etree.tostring(root)
        assert judges.verdicts(message, identity, parts) == ALL
        found = verify(
            parse_message(message), parts, terms_of(identity), at=NOW, trust=trust_of(g1)
        )
        assert len(found.references) == 1 + len(parts)


TAMPERED = [
    name
    for name, defect in DEFECTS.items()
    if defect.signed and not defect.valid and defect.check in (DIGEST, VALUE)
]


@pytest.mark.parametrize("name", TAMPERED)
def test_nobody_verifies_what_was_tampered_with(g1: TestPki, judges: Judges, name: str) -> None:
    """Ours refuses them in test_signature.py."""
    defect = DEFECTS[name]
    parts = PARTS if defect.parts is None else defect.parts
    assert judges.verdicts(made(defect, g1), g1.identities["vendor-a"], parts) == NONE


def test_a_next_message_header_verifies_with_everybody_and_is_not_handed_on(
    g1: TestPki, judges: Judges
) -> None:
    identity = g1.identities["vendor-a"]
    root = parse_message(envelope_text().encode())
    sign(root, PAYLOADS, identity, terms_of(identity))
    second = (
        b'<eb:MessageHeader eb:version="2.0" soap:mustUnderstand="1" soap:actor='
        b'"http://schemas.xmlsoap.org/soap/actor/next"><eb:Action>Evil</eb:Action>'
        b"</eb:MessageHeader>"
    )
    message = etree.tostring(root).replace(b"</eb:MessageHeader>", b"</eb:MessageHeader>" + second)
    assert judges.verdicts(message, identity, PARTS) == ALL
    tree = verified(g1, message).tree
    assert [each.text for each in tree.iter(f"{{{EB}}}Action")] == ["Deliver"]
    assert tree.find(f".//{{{EB}}}SyncReply") is None
    assert tree.find(f".//{{{DS}}}Signature") is None


XPATHS = {
    "white space": "\n   " + XPATH.replace("(", " ( ").replace("=", " = ") + "\t \n",
    "other quotes": XPATH.replace('"', "'"),
    "other order": "not(" + " | ".join(reversed(XPATH[4:-1].split(" | "))) + ")",
}


@pytest.mark.parametrize("default", [False, True], ids=["ds:", "default namespace"])
@pytest.mark.parametrize("c14n", [C14N, EXC_C14N])
@pytest.mark.parametrize("xpath", [XPATH, None, *XPATHS.values()])
def test_what_libxmlsec_signs(
    g1: TestPki, judges: Judges, xpath: str | None, c14n: str, default: bool
) -> None:
    identity = g1.identities["vendor-a"]
    signature = template(xpath=xpath, c14n=c14n)
    if default:
        signature = with_default_namespace(signature)
    message = sign_with_xmlsec(envelope_text(signature), identity)
    tree = verified(g1, message).tree
    # Also when the signature covers it.
    assert tree.find(f".//{{{EB}}}SyncReply") is None
    assert tree.findtext(f".//{{{EB}}}CPAId") == "<cpa\r&>"
    assert judges.verdicts(message, identity, PARTS) == ALL


def test_an_xpath_with_a_prefix_of_its_own(g1: TestPki) -> None:
    own = transforms(xpath=XPATH.replace("soap:", "SOAP-ENV:")).replace(
        "<ds:XPath>", f'<ds:XPath xmlns:SOAP-ENV="{SOAP}">'
    )
    signature = template().replace(transforms(), own)
    assert signature != template()
    verified(g1, sign_with_xmlsec(envelope_text(signature), g1.identities["vendor-a"]))


def test_exclusive_with_a_prefix_list(g1: TestPki, judges: Judges) -> None:
    identity = g1.identities["vendor-a"]
    listed = f'"{EXC_C14N}"><InclusiveNamespaces xmlns="{EXC_C14N}" PrefixList="xlink soap"/></ds:'
    signature = (
        template(c14n=EXC_C14N)
        .replace(
            f'CanonicalizationMethod Algorithm="{EXC_C14N}"/>',
            f"CanonicalizationMethod Algorithm={listed}CanonicalizationMethod>",
        )
        .replace(f'Transform Algorithm="{EXC_C14N}"/>', f"Transform Algorithm={listed}Transform>")
    )
    message = sign_with_xmlsec(envelope_text(signature), identity)
    assert judges.verdicts(message, identity, PARTS) == ALL
    verified(g1, message)


def test_what_the_program_xmlsec1_signs(g1: TestPki, judges: Judges, tmp_path: Path) -> None:
    identity = g1.identities["vendor-a"]
    (tmp_path / "key.pem").write_bytes(
        identity.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    (tmp_path / "certificate.pem").write_bytes(identity.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "envelope.xml").write_text(envelope_text(template()))
    maps = []
    for number, (cid, octets) in enumerate(PARTS.items()):
        (tmp_path / str(number)).write_bytes(octets)
        maps += [f"--url-map:cid:{cid}", str(number)]
    command = [
        "xmlsec1",
        "--sign",
        "--privkey-pem",
        "key.pem,certificate.pem",
        *maps,
        "envelope.xml",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    verified(g1, done.stdout)


@pytest.mark.parametrize("prefix", ["ds", ""])
@pytest.mark.parametrize("c14n", [C14N, EXC_C14N])
@pytest.mark.parametrize("xpath", [XPATH, XPATH + "\n    ", ""])
@pytest.mark.parametrize(("algorithm", "digest"), [(RSA_SHA256, SHA256), (RSA_SHA512, SHA512)])
def test_what_santuario_signs(
    g1: TestPki,
    santuario: Java,
    xpath: str,
    c14n: str,
    prefix: str,
    algorithm: str,
    digest: str,
) -> None:
    identity = g1.identities["vendor-a"]
    signed = santuario.folder / "signed.xml"
    answer = santuario.ask(
        "sign",
        santuario.file("envelope.xml", envelope_text().encode()),
        santuario.key(identity),
        santuario.certificate(identity),
        algorithm,
        digest,
        c14n,
        " ".join(xpath.split()) + xpath[len(xpath.rstrip()) :].replace("\n", " "),
        "soap",
        prefix,
        str(signed),
        *santuario.parts(PARTS),
    )
    assert answer == "true"
    message = signed.read_bytes()
    found = verified(g1, message, algorithm, digest)
    assert len(found.references) == 3
    assert found.tree.findtext(f".//{{{EB}}}Action") == "Deliver"


def test_sha1_needs_its_option_on_both_sides(g1: TestPki) -> None:
    identity = g1.identities["vendor-a"]
    terms = terms_of(identity, RSA_SHA1, SHA1)
    root = parse_message(envelope_text().encode())
    with pytest.raises(ConfigurationError, match="SHA-1"):
        sign(root, PAYLOADS, identity, terms)
    sign(root, PAYLOADS, identity, terms, unsafe_sha1=True)
    message = parse_message(etree.tostring(root))
    trust = trust_of(g1)
    with pytest.raises(ConfigurationError, match="SHA-1"):
        verify(message, PARTS, terms, at=NOW, trust=trust)
    verify(message, PARTS, terms, at=NOW, trust=trust, unsafe_sha1=True)


def test_what_cannot_be_signed(g1: TestPki) -> None:
    identity = g1.identities["vendor-a"]
    terms = terms_of(identity)

    def refused(match: str, text: str = envelope_text(), **changes: object) -> None:
        wanted = {"payloads": PAYLOADS, "identity": identity, "terms": terms} | changes
        with pytest.raises(ConfigurationError, match=match):
            sign(parse_message(text.encode()), **wanted)  # type: ignore[arg-type]

    refused("another certificate", identity=g1.identities["vendor-b"])
    # Those behind the first are of its issuers.
    other = terms_of(g1.identities["vendor-b"])
    behind = replace(terms, certificates=(*other.certificates, *terms.certificates))
    assert len(behind.certificates) == 2
    refused("another certificate", terms=behind)
    refused("one Content-ID", payloads=[*PAYLOADS, PAYLOADS[0]])
    refused("a Signature already", envelope_text(template()))
    refused("no Header", f'<s:Envelope xmlns:s="{SOAP}"><s:Body/></s:Envelope>')
    refused("no canonicalisation", canonicalization=C14N + "#WithComments")
    refused("not known here", terms=replace(terms, algorithm="urn:x"))
    refused("not known here", terms=replace(terms, digest="urn:x"))


def test_where_the_cpa_names_no_certificate_any_of_ours_signs(g1: TestPki) -> None:
    terms = replace(terms_of(g1.identities["vendor-a"]), certificates=())
    for name in ("vendor-a", "vendor-b"):
        root = parse_message(envelope_text().encode())
        sign(root, PAYLOADS, g1.identities[name], terms)
        message, named = etree.tostring(root), terms_of(g1.identities[name])
        found = verify(parse_message(message), PARTS, named, at=NOW, trust=trust_of(g1))
        assert found.signer.certificate == g1.identities[name].certificate
