"""Each defect of a signature is refused, by the check and at the place that it has."""

from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import BinaryIO

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from digipoort_wus import checks
from digipoort_wus.ebms.errors import EbmsRefusal, ErrorCode
from digipoort_wus.ebms.message import DigestReference, Payload
from digipoort_wus.ebms.names import C14N, EB
from digipoort_wus.ebms.signature import same_references, verify
from digipoort_wus.ebms.signing import cid_of, sign
from digipoort_wus.ebms.terms import SignatureTerms
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.names import RSA_SHA256, SHA256, SHA512
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.soap.multipart import read_cid
from tests.messages import NOW
from tests.unit.ebms.signature_defects import DEFECTS, KEY_INFO, made
from tests.unit.ebms.signatures import (
    PARTS,
    der,
    envelope_text,
    sign_with_xmlsec,
    template,
    terms_of,
    trust_of,
    verifies_with_xmlsec,
)


@pytest.mark.parametrize("name", DEFECTS)
def test_each_defect_is_refused(g1: TestPki, name: str) -> None:
    defect = DEFECTS[name]
    message = made(defect, g1)
    parts = PARTS if defect.parts is None else defect.parts
    # So it is refused for what is wrong with it, and not because it was made badly.
    if defect.signed:
        signer = g1.identities[defect.signer]
        assert verifies_with_xmlsec(message, signer, parts) is defect.valid
    terms = terms_of(g1.identities["vendor-a"])
    with pytest.raises(EbmsRefusal) as caught:
        # By a parser that lets comments pass, which the gateway's does not.
        verify(etree.fromstring(message), parts, terms, at=NOW, trust=trust_of(g1))
    assert (caught.value.check.id, caught.value.location) == (defect.check.id, defect.at)
    security = (checks.EBMS_ACTOR, checks.EBMS_UNIQUE, checks.EBMS_XML)
    assert caught.value.code is ErrorCode.SECURITY_FAILURE or defect.check in security


@pytest.mark.parametrize("element", ["SignatureMethod", "DigestMethod"])
def test_an_algorithm_that_nobody_knows_is_not_repeated(g1: TestPki, element: str) -> None:
    """It would stand in logs and faults, with whatever lines its sender put in it."""
    identity = g1.identities["vendor-a"]
    message = sign_with_xmlsec(envelope_text(template()), identity).decode()
    old = f'<ds:{element} Algorithm="'
    changed = message.replace(old, f"{old}&#10;forged")
    assert changed != message
    with pytest.raises(EbmsRefusal) as caught:
        verify(etree.fromstring(changed), PARTS, terms_of(identity), at=NOW, trust=trust_of(g1))
    assert caught.value.check is checks.EBMS_SIGNATURE_ALGORITHM
    assert caught.value.received == "another algorithm"


def test_there_are_enough_defects() -> None:
    assert len(DEFECTS) >= 25


@pytest.mark.parametrize(
    "key_info",
    [
        "",
        "<ds:KeyInfo><ds:KeyName>whoever</ds:KeyName></ds:KeyInfo>",
        "<ds:KeyInfo><ds:KeyValue/></ds:KeyInfo>",
        KEY_INFO,
    ],
    ids=["nothing", "a name", "a key", "a certificate"],
)
def test_key_info_is_only_compared(g1: TestPki, key_info: str) -> None:
    identity = g1.identities["vendor-a"]
    text = envelope_text(template().replace(KEY_INFO, key_info))
    message = etree.fromstring(sign_with_xmlsec(text, identity))
    found = verify(message, PARTS, terms_of(identity), at=NOW, trust=trust_of(g1))
    assert found.signer.certificate == identity.certificate


def refused_signer(pki: TestPki, name: str, at: datetime, **terms: object) -> EbmsRefusal:
    identity = pki.identities[name]
    message = etree.fromstring(sign_with_xmlsec(envelope_text(template()), identity))
    wanted = SignatureTerms(RSA_SHA256, SHA256, (der(identity),), **terms)  # type: ignore[arg-type]
    with pytest.raises(EbmsRefusal) as caught:
        verify(message, PARTS, wanted, at=at, trust=trust_of(pki))
    assert caught.value.check is checks.EBMS_SIGNER
    return caught.value


def test_the_certificate_is_judged_at_receipt(g1: TestPki) -> None:
    assert "PKI-REVOKED" in refused_signer(g1, "vendor-revoked", NOW).received
    assert "PKI-VALIDITY" in refused_signer(g1, "vendor-expired", NOW).received
    later = NOW + timedelta(days=20_000)
    assert "PKI-VALIDITY" in refused_signer(g1, "vendor-a", later).received
    earlier = datetime(2000, 1, 1, tzinfo=UTC)
    assert "PKI-VALIDITY" in refused_signer(g1, "vendor-a", earlier).received


def test_the_chain_ends_where_the_cpa_says(g1: TestPki, g4: TestPki) -> None:
    identity = g1.identities["vendor-a"]
    message = etree.fromstring(sign_with_xmlsec(envelope_text(template()), identity))
    for authority in g1.ca_certificates:
        terms = SignatureTerms(
            RSA_SHA256, SHA256, (der(identity),), (authority.public_bytes(Encoding.DER),)
        )
        verify(message, PARTS, terms, at=NOW, trust=trust_of(g1))
    others = tuple(each.public_bytes(Encoding.DER) for each in g4.ca_certificates)
    assert "another one" in refused_signer(g1, "vendor-a", NOW, trust=others).received


def test_terms_that_cannot_be_used(g1: TestPki) -> None:
    identity = g1.identities["vendor-a"]
    message = etree.fromstring(sign_with_xmlsec(envelope_text(template()), identity))
    for certificates, match in (((), "names no certificate"), ((b"x",), "cannot be read")):
        terms = SignatureTerms(RSA_SHA256, SHA256, certificates)
        with pytest.raises(ConfigurationError, match=match):
            verify(message, PARTS, terms, at=NOW, trust=trust_of(g1))


def test_the_message_is_left_as_it_came(g1: TestPki) -> None:
    identity = g1.identities["vendor-a"]
    message = etree.fromstring(sign_with_xmlsec(envelope_text(template()), identity))
    before = etree.tostring(message)
    verify(message, PARTS, terms_of(identity), at=NOW, trust=trust_of(g1))
    assert etree.tostring(message) == before


class Large:
    """Fifty million octets that are nowhere."""

    size = 50_000_000
    longest = 0

    def open(self) -> BinaryIO:
        large = self

        class File(BytesIO):
            left = large.size

            def read(self, size: int | None = -1, /) -> bytes:
                assert size is not None
                assert size > 0
                large.longest = max(large.longest, size)
                piece = min(size, self.left)
                self.left -= piece
                return bytes(piece)

        return File()

    def read(self) -> bytes:
        raise AssertionError("nobody reads all of it")


def test_large_payloads_are_read_in_pieces(g1: TestPki) -> None:
    identity, large = g1.identities["vendor-a"], Large()
    root = etree.fromstring(envelope_text().encode())
    sign(root, [Payload("large", "x/y", large)], identity, terms_of(identity))
    message = etree.fromstring(etree.tostring(root))
    verify(message, {"large": large}, terms_of(identity), at=NOW, trust=trust_of(g1))
    assert large.longest <= 1_000_000


def test_a_signed_acknowledgment_repeats_the_references(g1: TestPki) -> None:
    identity = g1.identities["vendor-a"]
    root = etree.fromstring(envelope_text().encode())
    payloads = [Payload(cid, "x/y", octets) for cid, octets in PARTS.items()]
    sent = sign(root, payloads, identity, terms_of(identity))
    message = etree.fromstring(etree.tostring(root))
    seen = verify(message, PARTS, terms_of(identity), at=NOW, trust=trust_of(g1)).references
    same_references(sent, seen)
    same_references(sent, seen[::-1])
    # As a peer may spell it.
    spelled = DigestReference("CID:one%40example.nl", SHA256, seen[1].digest)
    same_references(sent, (seen[0], spelled, seen[2]))
    # Transforms are known.
    same_references(sent, (DigestReference("", SHA256, seen[0].digest), *seen[1:]))
    other = DigestReference("cid:one@example.nl", SHA256, bytes(32))
    method = DigestReference("cid:one@example.nl", SHA512, seen[1].digest)
    for acknowledged in (
        (),
        seen[:2],
        (*seen, seen[0]),
        (seen[0], other, seen[2]),
        (seen[0], method, seen[2]),
        (seen[0], seen[1], seen[1]),
    ):
        with pytest.raises(EbmsRefusal) as caught:
            same_references(sent, acknowledged)
        assert caught.value.check is checks.EBMS_ACK_REFERENCES
        assert caught.value.location == "//Header/Acknowledgment/Reference"


def test_content_ids_come_back_from_their_uris() -> None:
    for content_id in ("a@b", "Payload-0", "a%41/?#&@x", "<x>"):
        assert read_cid(cid_of(content_id)) == content_id


@pytest.mark.parametrize("content_id", ["a b@example.nl", "a\tb", "\u00e9@example.nl"])
def test_a_content_id_that_nobody_could_read_is_not_signed(g1: TestPki, content_id: str) -> None:
    identity = g1.identities["vendor-a"]
    payload = Payload(content_id, "text/xml", b"<x/>")
    with pytest.raises(ConfigurationError, match="Content-ID that no cid: can name"):
        sign(etree.fromstring(envelope_text().encode()), [payload], identity, terms_of(identity))


def test_what_was_signed_is_what_is_read(g1: TestPki) -> None:
    """The tree comes from the octets of the digest, so a reader cannot read another text."""
    identity = g1.identities["vendor-a"]
    text = envelope_text(template()).replace("Deliver", "<![CDATA[Del]]>iver")
    message = etree.fromstring(sign_with_xmlsec(text, identity))
    tree = verify(message, PARTS, terms_of(identity), at=NOW, trust=trust_of(g1)).tree
    assert tree.findtext(f".//{{{EB}}}Action") == "Deliver"
    assert C14N in text
