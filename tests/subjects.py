"""Signed messages of every kind, each with a record of what was signed."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from cryptography.hazmat.primitives import hashes
from lxml import etree

from digipoort_wus.names import DS, EXC_C14N, TYPES, WSA, WSU, Operation, Service
from digipoort_wus.pki.identity import Identity
from digipoort_wus.soap.envelope import read_envelope
from digipoort_wus.wss.policy import HASHES, PADDINGS, Suite
from digipoort_wus.wss.sign import sign_request
from digipoort_wus.xmlsafe.c14n import canonicalize
from tests.messages import NOW, XBRL, aanlever_body, envelope, operation, query_body
from tests.packages import Package, package_of

WSU_ID = f"{{{WSU}}}Id"
INHOUD = f"{{{TYPES}}}inhoud"
PARSER = etree.XMLParser(resolve_entities=False, huge_tree=True, collect_ids=False)


@dataclass(frozen=True)
class Subject:
    """A signed message, and what was signed.

    Args:
        octets: as text/xml.
        package: as MTOM; None for a query.
        body: canonical element in the Body.
        blocks: canonical wsa headers, by local name.
        contents: of each inhoud: its text in the message, and its octets.
    """

    name: str
    service: Service
    operation: Operation
    suite: Suite
    octets: bytes = field(repr=False)
    package: Package | None = field(repr=False)
    message_id: str
    body: bytes = field(repr=False)
    blocks: Mapping[str, bytes] = field(repr=False)
    contents: tuple[tuple[str, bytes], ...] = field(repr=False)


BIJLAGE = (
    "<t:berichtBijlagen><t:bijlage><t:mimeType>text/plain</t:mimeType>"
    "<t:bestandsnaam>b&amp;c.txt</t:bestandsnaam>"
    f"<t:inhoud>{base64.b64encode(b'an attachment').decode()}</t:inhoud></t:bijlage>"
    "</t:berichtBijlagen>"
)
FROM = (
    "<a:From><a:Address>http://www.w3.org/2005/08/addressing/anonymous</a:Address></a:From>"
    "<a:FaultTo><a:Address>http://www.w3.org/2005/08/addressing/none</a:Address></a:FaultTo>"
)
PREFIX_LISTS: tuple[tuple[str, ...], ...] = ((), ("s", "t", "a"), ("#default", "s"))


@cache
def subject(name: str, identity: Identity, suite: Suite, prefixes: tuple[str, ...]) -> Subject:
    """Build and sign one message.

    Args:
        name: of the operation.
        prefixes: InclusiveNamespaces of every Reference, as CXF and WSS4J send them.
    """
    service, op = operation(name)
    if name == "aanleveren":
        body = aanlever_body(XBRL).replace("</t:berichtInhoud>", f"</t:berichtInhoud>{BIJLAGE}")
    else:
        body = query_body(name)
    message_id = f"urn:uuid:{name}-{suite.name}-{len(prefixes)}"
    root = envelope(body, name=name, message_id=message_id, extra_headers=FROM)
    sign_request(root, identity=identity, suite=suite, created=NOW)
    if prefixes:
        sign_again(root, identity, suite, " ".join(prefixes))
    octets = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    # What was signed is read from the octets, not from the tree they were made of.
    sent = read_envelope(etree.fromstring(octets, PARSER))
    return Subject(
        name,
        service,
        op,
        suite,
        octets,
        package_of(octets) if name == "aanleveren" else None,
        message_id,
        canonicalize(sent.body_child),
        canonical_blocks(sent.blocks),
        tuple(
            (element.text or "", base64.b64decode(element.text or ""))
            for element in sent.body_child.iter(INHOUD)
        ),
    )


def canonical_blocks(blocks: Sequence[etree._Element]) -> dict[str, bytes]:
    """Return the wsa headers of a message, canonical, by local name."""
    found = [block for block in blocks if etree.QName(block).namespace == WSA]
    assert len({block.tag for block in found}) == len(found)
    return {etree.QName(block).localname: canonicalize(block) for block in found}


def sign_again(root: etree._Element, identity: Identity, suite: Suite, prefixes: str) -> None:
    """Give every Reference a PrefixList, and make digests and SignatureValue right again."""
    by_id = {element.get(WSU_ID): element for element in root.iter()}
    for reference in root.iter(f"{{{DS}}}Reference"):
        part = by_id[str(reference.get("URI"))[1:]]
        transform = next(reference.iter(f"{{{DS}}}Transform"))
        inclusive = etree.SubElement(
            transform, f"{{{EXC_C14N}}}InclusiveNamespaces", nsmap={"ec": EXC_C14N}
        )
        inclusive.set("PrefixList", prefixes)
        digest = _hashed(suite.digest, canonicalize(part, prefixes.split()))
        next(reference.iter(f"{{{DS}}}DigestValue")).text = base64.b64encode(digest).decode()
    value = identity.private_key.sign(
        canonicalize(next(root.iter(f"{{{DS}}}SignedInfo"))),
        PADDINGS[suite.signature],
        HASHES[suite.signature],
    )
    next(root.iter(f"{{{DS}}}SignatureValue")).text = base64.b64encode(value).decode()


def _hashed(algorithm: str, octets: bytes) -> bytes:
    running = hashes.Hash(HASHES[algorithm])
    running.update(octets)
    return running.finalize()
