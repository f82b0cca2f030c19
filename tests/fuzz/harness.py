"""What is fuzzed, apart from the fuzzer: each target takes octets and must not raise.

``python -m tests.fuzz.run`` feeds them with atheris; a unit test feeds them with the seeds and
with what was found before, so that they cannot rot.
"""

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from cryptography.hazmat.primitives import serialization
from lxml import etree

from digipoort_wus.client.wsse import signer_trust
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.packaging import listed_payloads, read_package
from digipoort_wus.ebms.reading import read_envelope, read_message
from digipoort_wus.ebms.writing import octets_of, write_envelope
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.names import AANLEVER, SOAP, WSSE, X509_V3
from digipoort_wus.pki.chain import verify_certificate
from digipoort_wus.pki.profiles import Role
from digipoort_wus.pki.testpki import TestPki, keys_from, make_pki
from digipoort_wus.server.gate import Gate, Opened, Rejected, answer, fault, open_request
from digipoort_wus.server.http import Head, HttpRequest, check_head
from digipoort_wus.wss.header import _read_token
from digipoort_wus.wss.policy import DIGIPOORT_1_2, SUITE_SHA256
from digipoort_wus.wss.sign import sign_request
from digipoort_wus.xmlsafe.c14n import canonicalize
from tests import ebms_messages
from tests.messages import NOW, aanlever_body, envelope, query_body, signed

CERTS_TEST = Path(__file__).parent.parent.parent / "certs-test"
XML = "text/xml; charset=utf-8"
_PKI: TestPki = make_pki("g1", now=NOW, key_source=keys_from(CERTS_TEST / "g1"))
_STORE = _PKI.trust_store()
_VENDOR = _PKI.identities["vendor-a"]
_GATE = Gate(
    policy=DIGIPOORT_1_2,
    trust=signer_trust(_STORE),
    identity=_PKI.identities["gateway-signing"],
    clock=lambda: NOW,
    new_message_id=lambda: "urn:uuid:fresh",
    explain_faults=True,
)


def _signed_filing() -> bytes:
    root = envelope(aanlever_body(), message_id="urn:uuid:11111111-2222-4333-8444-555555555555")
    return signed(_VENDOR, root)


_FILING = _signed_filing()


def _ask(content_type: str, body: bytes) -> Opened | Rejected:
    head = Head("POST", AANLEVER.paths[0], "", {"content-type": content_type})
    result = open_request(_GATE, AANLEVER, HttpRequest(head, body, _VENDOR.certificate))
    if isinstance(result, Rejected):
        etree.fromstring(fault(_GATE, result).body)
    return result


def _genuine() -> bytes:
    opened = _ask(XML, _FILING)
    if not isinstance(opened, Opened):
        raise RuntimeError("the seed itself is refused")
    return canonicalize(opened.body_child) + b"".join(opened.parts)


_GENUINE = _genuine()


def message(data: bytes) -> None:
    """Whole bodies: what is let in is what the one signature of the seeds covers."""
    opened = _ask(XML, data)
    if isinstance(opened, Opened):
        if canonicalize(opened.body_child) + b"".join(opened.parts) != _GENUINE:
            raise RuntimeError("something else than what was signed was let in")
        answer(_GATE, opened, etree.Element("answer"))


def package(data: bytes) -> None:
    """A Content-Type, a line feed, and a body: MIME packages and what pretends to be one."""
    content_type, _, body = data.partition(b"\n")
    text = content_type.decode("latin-1")
    try:
        check_head(Head("POST", AANLEVER.paths[0], "", {"content-type": text}))
    except Refusal:
        return
    _ask(text, body)


def content(data: bytes) -> None:
    """Envelopes that are signed as they are: what stands behind a right signature."""
    try:
        root = etree.fromstring(data, etree.XMLParser(resolve_entities=False))
        sign_request(root, identity=_VENDOR, suite=SUITE_SHA256, created=NOW)
    except (etree.XMLSyntaxError, ConfigurationError, Refusal, ValueError, TypeError):
        return
    _ask(XML, etree.tostring(root))


def certificate(data: bytes) -> None:
    """Certificates in DER, as the token of a message and then in every role."""
    token = etree.Element(f"{{{WSSE}}}BinarySecurityToken", ValueType=X509_V3)
    token.text = base64.b64encode(data).decode()
    try:
        leaf = _read_token(token)
    except Refusal:
        return
    for role in Role:
        try:
            verify_certificate(_STORE, leaf, (), role, NOW)
        except Refusal:
            continue


def ebms(data: bytes) -> None:
    """A Content-Type, a line feed, and a body: what is read of ebMS can be written and read."""
    content_type, _, body = data.partition(b"\n")
    try:
        taken = read_package(body, content_type.decode("latin-1"))
        read = read_message(read_envelope(taken.envelope))
        listed_payloads(read.manifest, taken.parts)
    except EbmsRefusal:
        return
    # Whole seconds are written, so the second time nothing is lost any more.
    once = read_message(write_envelope(read))
    if read_message(read_envelope(octets_of(write_envelope(once)))) != once:
        raise RuntimeError("what was written reads back as something else")


TARGETS: Mapping[str, Callable[[bytes], None]] = MappingProxyType(
    {f.__name__: f for f in (message, package, content, certificate, ebms)}
)


def seeds(target: str) -> list[bytes]:
    """Return good inputs of a target, for the fuzzer to start from."""
    unsigned = etree.tostring(envelope(aanlever_body()))
    question = envelope(query_body("getStatussenProces", "a"), name="getStatussenProces")
    return {
        "message": [_FILING, _FILING.replace(b"><", b">\n<"), unsigned],
        "package": [XML.encode() + b"\n" + _FILING, _package(_FILING)],
        "content": [unsigned, etree.tostring(question)],
        "certificate": [
            identity.certificate.public_bytes(serialization.Encoding.DER)
            for identity in _PKI.identities.values()
        ],
        "ebms": [
            f"{ebms_messages.content_type()}\n".encode() + ebms_messages.package()[0],
            *(f"text/xml\n{text}".encode() for text in ebms_messages.SIGNALS_SENT.values()),
        ],
    }[target]


def _package(root_part: bytes) -> bytes:
    kind = b'multipart/related; type="application/xop+xml"; start="<r>"; '
    kind += b'start-info="text/xml"; boundary="b"'
    part = b'Content-Type: application/xop+xml; charset=utf-8; type="text/xml"\r\nContent-ID: <r>'
    return kind + b"\n--b\r\n" + part + b"\r\n\r\n" + root_part + b"\r\n--b--\r\n"


DICTIONARY = (
    "<!DOCTYPE", "<!ENTITY", "<![CDATA[", "]]>", "<?", "<!--", "-->", "&#13;", "&#x0;", "&amp;",
    "xmlns:", 'xmlns=""', "wsu:Id=", "Id=", "ID=", "xml:id=", "URI=", "#", "cid:", "Algorithm=",
    "PrefixList=", "<ds:Reference", "<ds:Object>", "<wsse:Security", "<wsu:Timestamp", SOAP,
    "xop:Include", "href=", "Content-ID:", "--b", "boundary=", "start=", "\r\n\r\n",
)  # fmt: skip
