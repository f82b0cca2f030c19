"""Whatever is done to a signed message, it is refused, or what was signed is handed on.

A longer run: ``MUTATIONS=10000 pytest tests/unit/ebms/test_signature_mutations.py``.
"""

import os
from collections.abc import Mapping

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from lxml import etree

from digipoort_wus import checks
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.message import Payload
from digipoort_wus.ebms.names import ACTOR_NEXT, ACTOR_NEXT_MSH, C14N, EB
from digipoort_wus.ebms.signature import verify
from digipoort_wus.ebms.signing import sign
from digipoort_wus.errors import Refusal
from digipoort_wus.names import DS, EXC_C14N, SOAP
from digipoort_wus.pki.identity import Identity
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.xmlsafe.c14n import Form, canonicalize_whole
from digipoort_wus.xmlsafe.parse import parse_message
from tests.messages import NOW
from tests.unit.ebms.signatures import (
    PARTS,
    envelope_text,
    terms_of,
    trust_of,
    verifies_with_xmlsec,
)

EXAMPLES = int(os.environ.get("MUTATIONS", "400"))
ACTOR = f"{{{SOAP}}}actor"
FORMS = {C14N: Form.INCLUSIVE, EXC_C14N: Form.EXCLUSIVE}


def signed(pki: TestPki, identity: Identity, c14n: str) -> tuple[bytes, bytes]:
    """Return a signed message, and the octets of the envelope that were signed."""
    root = parse_message(envelope_text().encode())
    payloads = [Payload(cid, "x/y", octets) for cid, octets in PARTS.items()]
    sign(root, payloads, identity, terms_of(identity), canonicalization=c14n)
    message = etree.tostring(root)
    tree = handed_on(pki, message, identity, PARTS)
    return message, canonicalize_whole(tree, FORMS[c14n])


def handed_on(
    pki: TestPki, message: bytes, identity: Identity, parts: Mapping[str, bytes]
) -> etree._Element:
    trust = trust_of(pki)
    return verify(parse_message(message), parts, terms_of(identity), at=NOW, trust=trust).tree


def one_octet(data: st.DataObject, message: bytes) -> bytes:
    at = data.draw(st.integers(0, len(message) - 1))
    how = data.draw(st.sampled_from(["replace", "insert", "delete"]))
    octet = bytes([data.draw(st.sampled_from(b' \n\t"<>/=&ax1:'))])
    kept = message[at:] if how == "insert" else message[at + 1 :]
    return message[:at] + (b"" if how == "delete" else octet) + kept


def one_element(data: st.DataObject, message: bytes) -> bytes:
    root = etree.fromstring(message)
    elements = list(root.iter(etree.Element))
    element = elements[data.draw(st.integers(0, len(elements) - 1))]
    how = data.draw(
        st.sampled_from(["remove", "repeat", "move", "rename", "attribute", "actor", "new"])
    )
    parent = element.getparent()
    if how == "attribute":
        name = data.draw(st.sampled_from([f"{{{EB}}}id", "Id", "x", ACTOR]))
        element.set(name, data.draw(st.sampled_from(["x", ACTOR_NEXT, ACTOR_NEXT_MSH])))
    elif how == "rename":
        element.tag = data.draw(st.sampled_from([f"{{{EB}}}Action", f"{{{DS}}}Reference", "x"]))
    elif how in ("actor", "new"):
        copy = etree.SubElement(
            element, f"{{{EB}}}{data.draw(st.sampled_from(['Action', 'MessageHeader']))}"
        )
        copy.text = "Evil"
        if how == "actor":
            copy.set(ACTOR, data.draw(st.sampled_from([ACTOR_NEXT, ACTOR_NEXT_MSH])))
    elif parent is not None:
        target = elements[data.draw(st.integers(0, len(elements) - 1))]
        if how == "repeat":
            parent.append(etree.fromstring(etree.tostring(element, with_tail=False)))
        elif how == "remove":
            parent.remove(element)
        elif element is not target and element not in target.iterancestors():
            target.append(element)
    return etree.tostring(root)


MUTATIONS = {"one octet": one_octet, "one element": one_element}


@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_refused_or_what_was_signed(g1: TestPki, data: st.DataObject) -> None:
    identity = g1.identities["vendor-a"]
    c14n = data.draw(st.sampled_from(list(FORMS)))
    message, octets = signed(g1, identity, c14n)
    name = data.draw(st.sampled_from(list(MUTATIONS)))
    mutated = MUTATIONS[name](data, message)
    try:
        tree = handed_on(g1, mutated, identity, PARTS)
    except EbmsRefusal as refusal:
        event(refusal.check.id)
        if refusal.check in (
            checks.EBMS_SIGNATURE_VALUE,
            checks.EBMS_SIGNATURE_DIGEST,
        ):
            assert not verifies_with_xmlsec(mutated, identity)
    except Refusal as refusal:
        event(refusal.check.id)
    else:
        event("handed on")
        assert canonicalize_whole(tree, FORMS[c14n]) == octets
        assert verifies_with_xmlsec(mutated, identity)


@given(data=st.data())
def test_a_payload_with_another_octet_is_refused(g1: TestPki, data: st.DataObject) -> None:
    identity = g1.identities["vendor-a"]
    message, _ = signed(g1, identity, C14N)
    cid = data.draw(st.sampled_from(list(PARTS)))
    octets = bytearray(PARTS[cid])
    at = data.draw(st.integers(0, len(octets) - 1))
    octets[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(EbmsRefusal) as caught:
        handed_on(g1, message, identity, {**PARTS, cid: bytes(octets)})
    assert caught.value.check is checks.EBMS_SIGNATURE_DIGEST
