"""A CPA document becomes values, or every mistake in it is told."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from digipoort_wus.ebms.cpa import EndpointType, Messaging, Persistence, Status
from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.ebms.cpa_reading import MAX_OCTETS, CpaError, read_agreement
from digipoort_wus.ebms.cpa_structure import _ATTRIBUTES, _CHILDREN, _TEXTS
from digipoort_wus.ebms.names import ACTOR_NEXT_MSH, CPA
from digipoort_wus.ebms.terms import Agreed, SyncReply
from tests.messages import NOW
from tests.unit.ebms.agreements import (
    AGENCY,
    SUBMITTING,
    Change,
    changed,
    der,
    doubled,
    every,
    made,
    pki,
    read,
    with_attribute,
    with_text,
    without,
)

ROOT = "/CollaborationProtocolAgreement"
PARTY = f"{ROOT}/PartyInfo[1]"


def mistakes(*changes: Change) -> list[str]:
    with pytest.raises(CpaError) as caught:
        read(*changes)
    return [str(each) for each in caught.value.mistakes]


def test_an_agreement_is_read_whole() -> None:
    agreement = read()
    assert agreement.cpa_id.startswith("osb-aanleveren-1.1-1.0_Agency_Gateway_")
    assert (agreement.version, agreement.status) == ("1.0", Status.AGREED)
    assert (agreement.start, agreement.end) == (NOW, NOW + timedelta(days=365))
    first, second = agreement.parties
    assert (first.name, first.ids, second.name) == ("Agency", (AGENCY,), "Gateway")
    assert first.roles[0].service == SUBMITTING
    (sent,) = first.roles[0].can_send
    assert (sent.action, sent.other, sent.nested) == ("aanleveren", "B_R1.1", False)
    assert sent.business.non_repudiation
    assert sent.business.confidential is Persistence.BOTH
    channel = first.channel_of(sent)
    assert channel.messaging == Messaging(SyncReply.NONE, *(Agreed.ALWAYS,) * 3)
    binding = first.sender_binding(channel)
    assert (binding.retries, binding.interval) == (8, timedelta(hours=3))
    assert binding.persist == timedelta(days=2)
    assert not binding.ordered
    transport = first.transport_of(channel)
    assert [each.type for each in transport.endpoints] == [EndpointType.ALL]
    assert transport.protocols == ("TLS 1.2", "TLS 1.2")
    assert agreement.certificate("A_SigningCert").chain == (der("agency"),)
    anchors = {each.public_bytes(Encoding.DER) for each in pki().ca_certificates}
    assert set(agreement.anchors("A_Trust")) == anchors
    assert agreement.anchors(None) == ()
    assert first.signal_channel("Acknowledgment").id == "A_Signals"


def test_the_defaults_are_those_of_the_standard() -> None:
    names = ("syncReplyMode", "ackRequested", "ackSignatureRequested", "duplicateElimination")
    agreement = read(
        *(with_attribute("t:MessagingCharacteristics", name, None) for name in (*names, "actor")),
        with_attribute("t:Endpoint", "type", None),
        *(
            with_attribute("t:BusinessTransactionCharacteristics", name, None)
            for name in ("isConfidential", "isNonRepudiationRequired")
        ),
    )
    party = agreement.parties[0]
    assert party.channels[0].messaging == Messaging()
    assert Messaging().ack_requested is Agreed.PER_MESSAGE
    assert party.transports[0].endpoints[0].type is EndpointType.ALL
    business = party.roles[0].can_send[0].business
    assert (business.non_repudiation, business.confidential) == (False, Persistence.NONE)


def test_other_spellings_of_the_same_are_read() -> None:
    def remarks(root: etree._Element) -> None:
        root.insert(0, etree.Comment(" made by hand "))
        root.addprevious(etree.Comment(" licence "))
        every("t:Status")(root)[0].append(etree.ProcessingInstruction("x", "y"))
        root.set("{http://www.w3.org/2001/XMLSchema-instance}schemaLocation", "a b")

    agreement = read(
        remarks,
        with_text("t:Start", "\n 2026-06-01T14:00:00+02:00 "),
        with_text("t:End", "2027-06-01T12:00:00"),
        with_attribute("t:BusinessTransactionCharacteristics", "isNonRepudiationRequired", "1"),
        with_text("t:SignatureAlgorithm", "RSA"),
    )
    assert (agreement.start, agreement.end) == (NOW, datetime(2027, 6, 1, 12, tzinfo=UTC))
    party = agreement.parties[0]
    assert party.roles[0].can_send[0].business.non_repudiation
    # The attribute w3c goes before the text.
    signing = party.doc_exchanges[0].sender
    assert signing is not None
    assert signing.non_repudiation is not None
    assert signing.non_repudiation.algorithms[0].endswith("#rsa-sha256")


def test_the_text_is_the_algorithm_where_no_w3c_is_given() -> None:
    agreement = read(with_attribute("t:SignatureAlgorithm", "w3c", None))
    signing = agreement.parties[0].doc_exchanges[0].sender
    assert signing is not None
    assert signing.non_repudiation is not None
    assert signing.non_repudiation.algorithms[0].endswith("#rsa-sha256")


def test_an_encoding_other_than_utf_8_is_read() -> None:
    assert read_agreement(etree.tostring(etree.fromstring(made()), encoding="UTF-16")) == read()


def test_overrides_nested_bindings_and_a_signature_are_read() -> None:
    def change(root: etree._Element) -> None:
        party = every("t:PartyInfo")(root)[0]
        override = etree.SubElement(party, f"{{{CPA}}}OverrideMshActionBinding")
        override.set(f"{{{CPA}}}action", "Acknowledgment")
        override.set(f"{{{CPA}}}channelId", "A_Messages")
        binding = every("t:ServiceBinding")(root)[0]
        sends, receives = every("t:CanSend")(binding)[0], every("t:CanReceive")(binding)[0]
        sends.append(receives)
        signature = etree.SubElement(root, f"{{{CPA}}}Signature")
        etree.SubElement(signature, "{http://www.w3.org/2000/09/xmldsig#}Signature")

    agreement = read(change)
    party = agreement.parties[0]
    assert party.signal_channel("Acknowledgment").id == "A_Messages"
    assert party.signal_channel("MessageError").id == "A_Signals"
    (received,) = party.roles[0].can_receive
    assert (received.action, received.nested) == ("bevestigAanleveren", True)
    assert agreement.signed


def test_a_leaf_comes_before_its_issuers() -> None:
    identity = pki().identities["agency"]
    chain = [each.public_bytes(Encoding.DER) for each in (*identity.chain, identity.certificate)]

    def change(root: etree._Element) -> None:
        data = every("ds:X509Data")(root)[0]
        data.clear()
        for each in chain:
            name = "{http://www.w3.org/2000/09/xmldsig#}X509Certificate"
            etree.SubElement(data, name).text = base64.b64encode(each).decode()

    certificate = read(change).parties[0].certificates[0]
    assert certificate.leaf == der("agency")
    assert sorted(certificate.chain) == sorted(chain)


WRONG: dict[str, tuple[Change, str]] = {
    "no such status": (
        with_attribute("t:Status", "value", "final"),
        f"{ROOT}/Status/@value: 'final'; expected proposed, agreed, signed",
    ),
    "no status": (
        without("t:Status"),
        f"{ROOT}: Status is missing before Start: it must be there, 0 found",
    ),
    "no cpaid": (
        lambda root: root.attrib.pop(f"{{{CPA}}}cpaid"),
        f"{ROOT}: the attribute cpaid is missing",
    ),
    "an empty name": (
        with_attribute("t:PartyInfo", "partyName", " "),
        f"{PARTY}/@partyName: nothing; expected a text",
    ),
    "no moment": (
        with_text("t:Start", "1 June"),
        f"{ROOT}/Start: '1 June'; expected a moment like 2026-01-31T00:00:00Z",
    ),
    "no duration": (
        with_text("t:RetryInterval", "3 hours"),
        f"{PARTY}/DocExchange[1]/ebXMLSenderBinding/ReliableMessaging/RetryInterval: "
        "'3 hours'; expected a duration like PT3H or P1D",
    ),
    "a negative number": (
        with_text("t:Retries", "-1"),
        f"{PARTY}/DocExchange[1]/ebXMLSenderBinding/ReliableMessaging/Retries: '-1'; expected a "
        "number from 0",
    ),
    "no such order": (
        with_text("t:MessageOrderSemantics", "Sometimes"),
        f"{PARTY}/DocExchange[1]/ebXMLSenderBinding/ReliableMessaging/MessageOrderSemantics: "
        "'Sometimes'; expected Guaranteed, NotGuaranteed",
    ),
    "no such actor": (
        with_attribute("t:MessagingCharacteristics", "actor", "urn:me"),
        f"{PARTY}/DeliveryChannel[1]/MessagingCharacteristics/@actor: 'urn:me'; expected "
        f"urn:oasis:names:tc:ebxml-msg:actor:toPartyMSH, {ACTOR_NEXT_MSH}",
    ),
    "three parties": (
        doubled("t:PartyInfo"),
        f"{ROOT}/PartyInfo[3]: is one too many; 2 may stand in CollaborationProtocolAgreement",
    ),
    "one party": (
        lambda root: root.remove(every("t:PartyInfo")(root)[0]),
        f"{ROOT}: PartyInfo is missing before SimplePart: 2 are needed, 1 found",
    ),
    "out of order": (
        lambda root: root.insert(0, every("t:End")(root)[0]),
        f"{ROOT}: Status is missing before End: it must be there, 0 found",
    ),
    "an unknown element": (
        lambda root: etree.SubElement(root, f"{{{CPA}}}Remark"),
        f"{ROOT}/Remark: is unknown here or out of its order; CollaborationProtocolAgreement "
        "holds Status Start End ConversationConstraints? PartyInfo{2} SimplePart+ Packaging+ "
        "Signature? Comment*",
    ),
    "a strange element": (
        lambda root: etree.SubElement(every("t:Transport")(root)[0], "{urn:x}x"),
        f"{PARTY}/Transport/x: is of another namespace; Transport holds TransportSender? "
        "TransportReceiver?",
    ),
    "an attribute without a prefix": (
        lambda root: root.set("cpaid", "x"),
        f"{ROOT}/@cpaid: an attribute without a namespace (attributes of a CPA have the prefix of "
        "its namespace)",
    ),
    "an unknown attribute": (
        with_attribute("t:Status", "since", "today"),
        f"{ROOT}/Status/@since: Status has no such attribute",
    ),
    "text between elements": (
        lambda root: setattr(every("t:PartyInfo")(root)[0], "text", "hello"),
        f"{PARTY}: text stands where only elements may",
    ),
    "a channel that is not there": (
        with_attribute("t:PartyInfo", "defaultMshChannelId", "nowhere"),
        f"{PARTY}/@defaultMshChannelId: the id 'nowhere' is nowhere in the document; expected "
        "DeliveryChannel",
    ),
    "a channel of the other party": (
        with_text("t:PartyInfo[1]//t:ChannelId", "B_Messages"),
        f"{PARTY}/CollaborationRole[1]/ServiceBinding/CanSend/ThisPartyActionBinding/ChannelId: "
        "the id 'B_Messages' is of the other party's DeliveryChannel",
    ),
    "an id of another kind": (
        with_attribute("t:DeliveryChannel", "transportId", "A_MessagesExchange"),
        f"{PARTY}/DeliveryChannel[1]/@transportId: the id 'A_MessagesExchange' is of a DocExchange;"
        " expected Transport",
    ),
    "the other's binding is its own": (
        with_text("t:PartyInfo[1]//t:OtherPartyActionBinding", "A_R1.1"),
        f"{PARTY}/CollaborationRole[1]/ServiceBinding/CanSend/OtherPartyActionBinding: the id "
        "'A_R1.1' is of this party itself",
    ),
    "an id that stands twice": (
        doubled("t:Transport"),
        f"{PARTY}/Transport[2]/@transportId: the id 'A_Transport' is there already",
    ),
    "no certificate": (
        without("ds:X509Certificate"),
        f"{PARTY}/Certificate[1]: holds no certificate; expected a ds:KeyInfo with X509Data",
    ),
    "a certificate of something else": (
        with_text("ds:X509Certificate", "aGVsbG8="),
        f"{PARTY}/Certificate[1]: holds a certificate that cannot be read; expected X.509",
    ),
    "a certificate that is no base64": (
        with_text("ds:X509Certificate", "é"),
        f"{PARTY}/Certificate[1]: holds a certificate that cannot be read; expected X.509",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_is_told_with_its_place(case: str) -> None:
    change, expected = WRONG[case]
    assert mistakes(change)[0] == expected


def test_all_mistakes_are_told_at_once() -> None:
    found = mistakes(
        with_attribute("t:Status", "value", "final"),
        with_text("t:End", "never"),
        with_attribute("t:Constituent", "idref", ""),
    )
    assert len(found) == 5


def test_the_sentence_of_many_mistakes_is_bounded() -> None:
    with pytest.raises(CpaError, match=r"; and \d+ more\. Mend it, or ask who made it") as caught:
        read(
            with_attribute("t:BusinessTransactionCharacteristics", "isConfidential", "yes" * 99),
            with_attribute("t:BusinessTransactionCharacteristics", "isTamperProof", "no"),
            with_attribute("t:BusinessTransactionCharacteristics", "isAuthenticated", "\x85"),
        )
    assert len(str(caught.value)) < 4_000


@pytest.mark.parametrize(
    ("octets", "told"),
    [
        (b"", "XML-WELL-FORMED"),
        (b"<a>", "XML-WELL-FORMED"),
        (b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "XML-DOCTYPE"),
        (b"<a/>", "expected a CollaborationProtocolAgreement in the namespace"),
        (b"<CollaborationProtocolAgreement/>", "in the namespace"),
        (b" " * (MAX_OCTETS + 1), "expected at most 4000000"),
    ],
)
def test_what_is_no_agreement_is_refused(octets: bytes, told: str) -> None:
    with pytest.raises(CpaError, match=told):
        read_agreement(octets)


def test_many_elements_are_looked_at_in_no_time() -> None:
    """Paths count elements of a name, which must not be quadratic."""

    def change(root: etree._Element) -> None:
        first = every("t:PartyId")(root)[0]
        for _ in range(20_000):
            first.addnext(etree.fromstring(f'<t:PartyId xmlns:t="{CPA}">urn:x</t:PartyId>'))

    assert len(read_agreement(changed(change)).parties[0].ids) == 20_001


@pytest.mark.parametrize("profile", Profile)
def test_every_profile_is_read(profile: Profile) -> None:
    assert read(profile=profile).status is Status.AGREED


def test_every_element_of_the_form_is_described() -> None:
    words = " ".join(_CHILDREN.values()).replace("|", " ").split()
    named = {word.rstrip("?*+").removesuffix("{2}") for word in words} - {"other"}
    described = {*_CHILDREN, *_ATTRIBUTES, *_TEXTS}
    assert named - described == {"SecurityPolicy"}
    assert described - named == {"CollaborationProtocolAgreement"}
