"""What is wrong with an agreement that can be read: every kind, and nothing of a good one."""

import base64
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from digipoort_wus.ebms.cpa_finding import KINDS, Weight
from digipoort_wus.ebms.cpa_findings import findings, require_usable
from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.ebms.names import ACTOR_NEXT_MSH, CPA, XMLENC, XMLENC11
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.names import RSA_SHA1, SHA1
from tests.messages import NOW
from tests.unit.ebms.agreements import (
    Change,
    every,
    pki,
    read,
    with_attribute,
    with_text,
    without,
)

CHANNEL = "t:PartyInfo[1]/t:DeliveryChannel[1]/t:MessagingCharacteristics"
EVERY_CHANNEL = "t:DeliveryChannel[1]/t:MessagingCharacteristics"
BUSINESS = "t:BusinessTransactionCharacteristics"


def found(*changes: Change, profile: Profile = Profile.RM_E, at: datetime = NOW) -> dict[str, str]:
    """Return what is found, each kind with the first place and what is there."""
    told: dict[str, str] = {}
    for each in findings(read(*changes, profile=profile), at=at):
        told.setdefault(each.kind.id, f"{each.at}: {each.found}")
    return told


@pytest.mark.parametrize("profile", Profile)
def test_what_the_generator_makes_has_nothing_wrong(profile: Profile) -> None:
    assert found(profile=profile) == {}


def with_certificate(cert_id: str, name: str) -> Change:
    """Return a change that puts another certificate in the place of one."""
    octets = pki().identities[name].certificate.public_bytes(Encoding.DER)

    def change(root: etree._Element) -> None:
        (place,) = every(f"t:Certificate[@t:certId='{cert_id}']//ds:X509Certificate")(root)
        place.text = base64.b64encode(octets).decode()

    return change


def with_authority(cert_id: str) -> Change:
    octets = pki().authorities["root"].certificate.public_bytes(Encoding.DER)

    def change(root: etree._Element) -> None:
        (place,) = every(f"t:Certificate[@t:certId='{cert_id}']//ds:X509Certificate")(root)
        place.text = base64.b64encode(octets).decode()

    return change


def nested(root: etree._Element) -> None:
    binding = every("t:ServiceBinding")(root)[0]
    every("t:CanSend")(binding)[0].append(every("t:CanReceive")(binding)[0])


def signature(root: etree._Element) -> None:
    element = etree.SubElement(root, f"{{{CPA}}}Signature")
    etree.SubElement(element, "{http://www.w3.org/2000/09/xmldsig#}Signature")


def second_channel(root: etree._Element) -> None:
    first = every("t:ChannelId")(root)[0]
    second = etree.fromstring(f'<t:ChannelId xmlns:t="{CPA}">A_Signals</t:ChannelId>')
    first.addnext(second)


def same_action(root: etree._Element) -> None:
    """Let the first party send the same action twice, each to a binding of its own."""
    for party, name, ids in ((0, "CanSend", ("A_S9", "B_R9")), (1, "CanReceive", ("B_R9", "A_S9"))):
        place = every("t:PartyInfo")(root)[party]
        first = every(f"t:{name}")(place)[0]
        copy = etree.fromstring(etree.tostring(first))
        every("t:ThisPartyActionBinding")(copy)[0].set(f"{{{CPA}}}id", ids[0])
        every("t:OtherPartyActionBinding")(copy)[0].text = ids[1]
        first.addnext(copy)


def mixed(root: etree._Element) -> None:
    """Let the second party's messages go without acknowledgment."""
    for element in every("t:PartyInfo[2]/t:DeliveryChannel[1]/t:MessagingCharacteristics")(root):
        for name in ("ackRequested", "ackSignatureRequested", "duplicateElimination"):
            element.set(f"{{{CPA}}}{name}", "never")


CASES: dict[str, tuple[list[Change], str]] = {
    "CPA-STATUS": ([with_attribute("t:Status", "value", "proposed")], "CPA: it is only proposed"),
    "CPA-PERIOD": (
        [with_text("t:End", "2026-01-01T00:00:00Z")],
        "CPA: it starts at 2026-06-01T12:00:00Z, and ends at 2026-01-01T00:00:00Z",
    ),
    "CPA-ENDED": (
        [with_text("t:Start", "2020-01-01T00:00:00Z"), with_text("t:End", "2026-06-01T12:00:00Z")],
        "CPA: it ended at 2026-06-01T12:00:00Z",
    ),
    "CPA-NOT-STARTED": (
        [with_text("t:Start", "2026-06-01T12:00:01Z")],
        "CPA: it starts at 2026-06-01T12:00:01Z",
    ),
    "CPA-LONG": (
        [with_text("t:End", "2036-06-03T12:00:00Z")],
        "CPA: it ends at 2036-06-03T12:00:00Z, 3655 days on",
    ),
    "CPA-ID": (
        [lambda root: root.set(f"{{{CPA}}}cpaid", "a/../b")],
        "CPA: its CPAId holds other characters, or is longer than 200",
    ),
    "CPA-SIGNATURE": ([signature], "CPA: it holds a signature"),
    "CPA-SAME-PARTY": (
        [with_text("t:PartyId", "00000099000000001000")],
        "CPA: Agency and Gateway share an id",
    ),
    "CPA-PARTY-TYPE": (
        [with_attribute("t:PartyInfo[1]/t:PartyId", "type", "urn:x")],
        "Agency: '00000099000000004000_T' has the type urn:x",
    ),
    "CPA-PARTY-OIN": (
        [with_text("t:PartyInfo[1]/t:PartyId", "4000_T")],
        "Agency: '4000_T' is no OIN",
    ),
    "CPA-PARTY-SUFFIX": (
        [with_text("t:PartyInfo[1]/t:PartyId", "00000099000000004000_X")],
        "Agency: '00000099000000004000_X' has an unknown suffix",
    ),
    "CPA-NAME-SPACE": (
        [with_attribute("t:ThisPartyActionBinding[@t:action='aanleveren']", "action", "lever aan")],
        "Agency: 'lever aan' has one",
    ),
    "CPA-SERVICE-URI": (
        [with_text("t:Service", "aanleveren"), with_attribute("t:Service", "type", None)],
        "Agency: 'aanleveren' is none",
    ),
    "CPA-ACTION-TWICE": (
        [same_action],
        "Agency: OVERHEID can send 'aanleveren' of 'osb:aanleveren:1.1$1.0' 2 times",
    ),
    "CPA-COUNTERPART": (
        [with_attribute("t:PartyInfo[2]//t:ThisPartyActionBinding[@t:id='B_R1.1']", "action", "x")],
        "Gateway B_R1.1: nobody can send the 'x' that it can receive",
    ),
    "CPA-BUSINESS-DIFFERS": (
        [with_attribute(f"t:PartyInfo[1]//{BUSINESS}", "isAuthenticated", "none")],
        "Agency A_S1.1: Gateway asks for something else in B_R1.1",
    ),
    "CPA-CHANNELS-DIFFER": (
        [with_attribute(CHANNEL, "syncReplyMode", "mshSignalsOnly")],
        "Agency A_Messages: Gateway's channel B_Messages is another",
    ),
    "CPA-BINDINGS-DIFFER": (
        [with_text("t:PartyInfo[2]//t:ebXMLReceiverBinding//t:RetryInterval", "PT1H")],
        "Agency A_Messages: RetryInterval differs from that of Gateway's B_Messages",
    ),
    "CPA-CHANNEL-MANY": ([second_channel], "Agency A_S1.1: it names 2 channels"),
    "CPA-NESTED": ([nested], "Agency A_R1.1: it stands in a binding of the other direction"),
    "CPA-SYNC": (
        [with_attribute(EVERY_CHANNEL, "syncReplyMode", "signalsAndResponse")],
        "Agency A_Messages: syncReplyMode is signalsAndResponse",
    ),
    "CPA-PER-MESSAGE": (
        [with_attribute(EVERY_CHANNEL, "duplicateElimination", None)],
        "Agency A_Messages: duplicateElimination is perMessage",
    ),
    "CPA-ACK-MIXED": ([mixed], "CPA: ack requested is always, never"),
    "CPA-ACK-DUPLICATES": (
        [with_attribute(EVERY_CHANNEL, "duplicateElimination", "never")],
        "Agency A_Messages: ackRequested is always, duplicateElimination never",
    ),
    "CPA-ACK-UNSIGNED": (
        [with_attribute(EVERY_CHANNEL, "ackSignatureRequested", "never")],
        "Agency A_Messages: 'aanleveren' is signed, and its acknowledgment never",
    ),
    "CPA-ACK-NO-SIGNATURE": (
        [without("t:PartyInfo[2]//t:SenderNonRepudiation")],
        "Gateway B_Messages: Gateway has to sign the acknowledgment of 'aanleveren'",
    ),
    "CPA-NEXT-MSH": (
        [with_attribute(EVERY_CHANNEL, "actor", ACTOR_NEXT_MSH)],
        "Agency A_Messages: the actor is nextMSH",
    ),
    "CPA-ORDER": (
        [with_text("t:MessageOrderSemantics", "Guaranteed")],
        "Agency A_Messages: MessageOrderSemantics is Guaranteed",
    ),
    "CPA-RETRIES": (
        [without("t:RetryInterval")],
        "Agency A_Messages: Retries or RetryInterval is missing",
    ),
    "CPA-PERSIST": (
        [with_text("t:PersistDuration", "P1D")],
        "Agency A_Messages: PersistDuration is P1D, and all attempts take PT27H",
    ),
    "CPA-NO-PERSIST": (
        [without("t:PersistDuration")],
        "Agency A_Messages: PersistDuration is missing",
    ),
    "CPA-NO-SIGNATURE": (
        [without("t:PartyInfo[1]//t:SenderNonRepudiation")],
        "Agency A_Messages: 'aanleveren' is to be signed, and nothing says how",
    ),
    "CPA-NO-ENVELOPE": (
        [without("t:PartyInfo[2]//t:ReceiverDigitalEnvelope")],
        "Gateway B_Messages: 'aanleveren' is to be encrypted, and nothing says how",
    ),
    "CPA-UNSIGNED-ENVELOPE": (
        [with_attribute(BUSINESS, "isNonRepudiationRequired", "false")],
        "Gateway B_Messages: 'aanleveren' is encrypted, and not signed",
    ),
    "CPA-ALGORITHM": (
        [with_text("t:HashFunction", "MD5")],
        "Agency A_Messages: HashFunction is 'MD5'",
    ),
    "CPA-WEAK": (
        [with_text("t:HashFunction", SHA1)],
        f"Agency A_Messages: HashFunction is {SHA1}",
    ),
    "CPA-CERTIFICATE-DATES": (
        [with_text("t:End", "2036-06-01T00:00:00Z")],
        "Agency A_ClientCert: it ends on 2036-05-29",
    ),
    "CPA-CERTIFICATE-ENDED": (
        [with_certificate("A_ClientCert", "vendor-expired")],
        "Agency A_ClientCert: it holds from ",
    ),
    "CPA-CERTIFICATE-OIN": (
        [with_certificate("A_ClientCert", "vendor-a")],
        "Agency A_ClientCert: it is of 00000099000000002000",
    ),
    "CPA-CERTIFICATE-USE": (
        [with_authority("A_ClientCert")],
        "Agency A_ClientCert: it is not for TLS client",
    ),
    "CPA-TLS": (
        [without("t:PartyInfo[1]//t:ClientCertificateRef")],
        "Agency A_Transport: it names no client certificate",
    ),
    "CPA-NO-ENDPOINT": (
        [without("t:PartyInfo[2]//t:TransportReceiver")],
        "Gateway B_Transport: it takes no 'aanleveren'",
    ),
    "CPA-URL": (
        [with_attribute("t:PartyInfo[2]//t:Endpoint", "uri", "http://localhost/ebms")],
        "Gateway B_Transport: 'http://localhost/ebms' is not an https URL with a host alone",
    ),
    "CPA-PORT": (
        [with_attribute("t:PartyInfo[2]//t:Endpoint", "uri", "https://localhost:8443/ebms")],
        "Gateway B_Transport: https://localhost:8443/ebms is on port 8443",
    ),
    "CPA-HOST": (
        [with_attribute("t:PartyInfo[2]//t:Endpoint", "uri", "https://example.nl/ebms")],
        "Gateway B_Transport: example.nl is no name in B_ServerCert",
    ),
}


@pytest.mark.parametrize("kind", CASES)
def test_a_thing_that_is_wrong_is_found(kind: str) -> None:
    changes, expected = CASES[kind]
    told = found(*changes)
    assert kind in told, told
    assert told[kind].startswith(expected)
    errors = {each for each in told if KINDS[each].weight is Weight.ERROR}
    if KINDS[kind].weight is Weight.WARNING:
        assert errors == set()
    else:
        assert kind in errors


def test_every_kind_has_a_case() -> None:
    assert set(CASES) == set(KINDS)
    assert all(kind.rule.endswith(".") and kind.remedy.endswith(".") for kind in KINDS.values())


OTHERS: dict[str, tuple[list[Change], str, str]] = {
    "a certificate that begins later": (
        [with_text("t:Start", "2020-01-01T00:00:00Z")],
        "CPA-CERTIFICATE-DATES",
        "Agency A_ClientCert: it holds from 2025-06-01 on",
    ),
    "signed without a signature": (
        [with_attribute("t:Status", "value", "signed")],
        "CPA-SIGNATURE",
        "CPA: its status is signed, and it holds no signature",
    ),
    "no type of a party": (
        [with_attribute("t:PartyInfo[1]/t:PartyId", "type", None)],
        "CPA-PARTY-TYPE",
        "Agency: '00000099000000004000_T' has no type",
    ),
    "no OIN": (
        [with_text("t:PartyInfo[1]/t:PartyId", "4000")],
        "CPA-PARTY-OIN",
        "Agency: '4000' is no OIN",
    ),
    "nobody receives": (
        [
            without("t:PartyInfo[2]/t:CollaborationRole[1]//t:CanReceive"),
            without("t:PartyInfo[1]/t:CollaborationRole[1]//t:CanSend/t:OtherPartyActionBinding"),
        ],
        "CPA-COUNTERPART",
        "Agency A_S1.1: Gateway cannot receive 'aanleveren'",
    ),
    "an old signature": (
        [
            with_text("t:SignatureAlgorithm", RSA_SHA1),
            with_attribute("t:SignatureAlgorithm", "w3c", None),
        ],
        "CPA-WEAK",
        f"Agency A_Messages: SignatureAlgorithm is {RSA_SHA1}",
    ),
    "an unknown signature": (
        [with_attribute("t:SignatureAlgorithm", "w3c", "RSA")],
        "CPA-ALGORITHM",
        "Agency A_Messages: SignatureAlgorithm is 'RSA'",
    ),
    "another signature": (
        [with_text("t:PartyInfo[2]//t:ReceiverNonRepudiation/t:HashFunction", SHA1)],
        "CPA-BINDINGS-DIFFER",
        "Agency A_Messages: how to sign differs from what Gateway's B_Messages takes",
    ),
    "old encryption": (
        [with_attribute("t:EncryptionAlgorithm", "w3c", f"{XMLENC}aes256-cbc")],
        "CPA-WEAK",
        f"Gateway B_Messages: EncryptionAlgorithm is {XMLENC}aes256-cbc",
    ),
    "unknown encryption": (
        [with_attribute("t:EncryptionAlgorithm", "w3c", "AES")],
        "CPA-ALGORITHM",
        "Gateway B_Messages: EncryptionAlgorithm is 'AES'",
    ),
    "another encryption": (
        [
            with_attribute(
                "t:SenderDigitalEnvelope/t:EncryptionAlgorithm", "w3c", f"{XMLENC11}aes128-gcm"
            )
        ],
        "CPA-BINDINGS-DIFFER",
        "Agency A_Messages: EncryptionAlgorithm differs from that of Gateway's B_Messages",
    ),
    "old TLS": (
        [
            with_text("t:TransportSecurityProtocol", "SSL"),
            with_attribute("t:TransportSecurityProtocol", "version", "3.0"),
        ],
        "CPA-TLS",
        "Agency A_Transport: it names SSL 3.0",
    ),
    "no server certificate": (
        [without("t:PartyInfo[2]//t:TransportServerSecurity")],
        "CPA-TLS",
        "Gateway B_Transport: it names no server certificate",
    ),
    "somewhere for messages only": (
        [with_attribute("t:PartyInfo[1]//t:Endpoint", "type", "login")],
        "CPA-NO-ENDPOINT",
        "Agency A_Transport: it takes no 'Acknowledgment'",
    ),
    "no URL": (
        [with_attribute("t:PartyInfo[2]//t:Endpoint", "uri", "https://local host:x/")],
        "CPA-URL",
        "Gateway B_Transport: 'https://local host:x/' is no URL",
    ),
    "a URL with a password": (
        [with_attribute("t:PartyInfo[2]//t:Endpoint", "uri", "https://a:b@localhost/")],
        "CPA-URL",
        "Gateway B_Transport: 'https://a:b@localhost/' is not an https URL with a host alone",
    ),
    "an address": (
        [with_attribute("t:PartyInfo[2]//t:Endpoint", "uri", "https://192.0.2.1/")],
        "CPA-HOST",
        "Gateway B_Transport: 192.0.2.1 is no name in B_ServerCert",
    ),
}


@pytest.mark.parametrize("case", OTHERS)
def test_other_ways_to_be_wrong_are_found(case: str) -> None:
    changes, kind, expected = OTHERS[case]
    assert found(*changes).get(kind) == expected


def test_what_is_agreed_with_everybody_today_is_only_warned_of() -> None:
    """Signed, with unsigned acknowledgments, and signals over a best-effort channel."""
    changes = [
        with_attribute(EVERY_CHANNEL, "ackSignatureRequested", "never"),
        with_text("t:PersistDuration", "P1D"),
    ]
    assert set(found(*changes, profile=Profile.RM_S)) == {"CPA-ACK-UNSIGNED", "CPA-PERSIST"}


def test_the_default_channel_may_be_of_another_profile() -> None:
    """Signals are not acknowledged, whatever their channel says."""
    always = with_attribute("t:DeliveryChannel[2]/t:MessagingCharacteristics", "actor", None)
    assert found(always) == {}


def test_a_host_is_known_in_any_case() -> None:
    assert found(with_attribute("t:Endpoint", "uri", "https://LocalHost:443/ebms")) == {}


def test_errors_come_first_and_each_thing_once() -> None:
    agreement = read(
        with_text("t:PersistDuration", "P1D"),
        with_attribute("t:Endpoint", "uri", "http://localhost/ebms"),
        with_text("t:HashFunction", SHA1),
    )
    all_found = findings(agreement, at=NOW)
    weights = [each.kind.weight for each in all_found]
    assert weights == sorted(weights, key=lambda weight: weight is not Weight.ERROR)
    assert len(set(all_found)) == len(all_found)
    with pytest.raises(ConfigurationError, match=r"cannot be used: \[CPA-URL\].*\(1 more errors\)"):
        require_usable(agreement, at=NOW)


def test_an_agreement_that_ended_still_serves_for_what_was_sent() -> None:
    require_usable(read(), at=NOW + timedelta(days=1000))
    with pytest.raises(ConfigurationError, match="CPA-STATUS"):
        require_usable(read(with_attribute("t:Status", "value", "proposed")), at=NOW)


def test_a_finding_says_what_to_do() -> None:
    assert findings(read(with_text("t:PersistDuration", "PT27H1S")), at=NOW) == ()
    (first, *_) = findings(read(with_text("t:PersistDuration", "PT27H")), at=NOW)
    assert str(first).startswith(
        "[CPA-PERSIST] Agency A_Messages: PersistDuration is PT27H, and all attempts take PT27H. "
        "Lengthen it: "
    )


def test_parties_without_oins_are_not_compared_with_certificates() -> None:
    other = with_attribute("t:PartyId", "type", "urn:x")
    assert "CPA-CERTIFICATE-OIN" not in found(other, with_certificate("A_ClientCert", "vendor-a"))


def test_the_how_to_lists_every_kind() -> None:
    page = Path(__file__).parents[3] / "docs" / "how-to" / "ebms-cpa.md"
    listed = [row for row in page.read_text(encoding="utf-8").splitlines() if row[:6] == "| `CPA"]
    assert listed == [
        f"| `{kind.id}` | {kind.weight} | {kind.rule} | {kind.source} |" for kind in KINDS.values()
    ]
