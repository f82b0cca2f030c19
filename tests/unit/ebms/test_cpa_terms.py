"""What an agreement says of a message that came, that is to be sent, and of signals."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta

import pytest
from lxml import etree

from digipoort_wus import checks
from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.ebms.cpa_terms import (
    terms,
    terms_for_signal,
    terms_to_send,
)
from digipoort_wus.ebms.errors import EbmsRefusal, ErrorCode
from digipoort_wus.ebms.message import MessageHeader, Party, PartyId, Service
from digipoort_wus.ebms.names import ACTOR_NEXT_MSH, CPA, OIN_TYPE, SIGNALS
from digipoort_wus.ebms.terms import Agreed, Reliability, SyncReply, Terms
from digipoort_wus.errors import Check, ConfigurationError
from digipoort_wus.names import RSA_SHA256, SHA256
from tests.messages import NOW
from tests.unit.ebms.agreements import (
    AGENCY,
    AGENCY_URL,
    DELIVERING,
    GATEWAY,
    GATEWAY_URL,
    SUBMITTING,
    Change,
    der,
    every,
    read,
    with_attribute,
    with_text,
    without,
)

STRANGER = PartyId("00000099000000009000", OIN_TYPE)


def header(**changes: object) -> MessageHeader:
    made = MessageHeader(
        sender=Party((AGENCY,), "OVERHEID"),
        receiver=Party((GATEWAY,), "DIGIPOORT"),
        cpa_id=read().cpa_id,
        conversation_id="c",
        service=SUBMITTING,
        action="aanleveren",
        message_id="m@localhost",
        timestamp=NOW,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def received(
    *changes: Change, profile: Profile = Profile.RM_E, sent: MessageHeader | None = None
) -> Terms:
    agreement = read(*changes, profile=profile)
    named = replace(sent or header(), cpa_id=agreement.cpa_id)
    return terms(agreement, named, own=[GATEWAY], at=NOW)


def to_send(*changes: Change, profile: Profile = Profile.RM_E) -> Terms:
    return terms_to_send(read(*changes, profile=profile), AGENCY, SUBMITTING, "aanleveren", at=NOW)


def test_everything_of_a_reliable_signed_and_encrypted_message_is_found() -> None:
    found = received()
    assert (found.sender.ids, found.sender.role, found.sender.name) == (
        (AGENCY,),
        "OVERHEID",
        "Agency",
    )
    assert (found.receiver.ids, found.receiver.role) == ((GATEWAY,), "DIGIPOORT")
    assert (found.service, found.action) == (SUBMITTING, "aanleveren")
    assert {found.ack_requested, found.ack_signed, found.duplicate_elimination} == {Agreed.ALWAYS}
    assert found.ack_actor == "urn:oasis:names:tc:ebxml-msg:actor:toPartyMSH"
    assert found.sync_reply is SyncReply.NONE
    assert found.reliability == Reliability(8, timedelta(hours=3))
    assert found.persist == timedelta(days=2)
    assert not found.ordered
    assert found.signature is not None
    assert (found.signature.algorithm, found.signature.digest) == (RSA_SHA256, SHA256)
    assert found.signature.certificates == (der("agency"),)
    assert found.encryption is not None
    assert found.encryption.algorithm == "http://www.w3.org/2009/xmlenc11#aes256-gcm"
    # Encrypted for who receives it.
    assert found.encryption.certificate == der("gateway-signing")
    assert (found.url, found.answer_url) == (GATEWAY_URL, AGENCY_URL)
    assert (found.sender_tls, found.receiver_tls) == ((der("agency"),), (der("gateway-tls"),))
    assert found.answer_signature is not None
    assert found.answer_signature.certificates == (der("gateway-signing"),)
    # What is found for sending is what the other party finds for receiving.
    assert found == to_send()


@pytest.mark.parametrize(
    ("profile", "reliable", "signed", "encrypted"),
    [
        (Profile.BE, False, False, False),
        (Profile.RM, True, False, False),
        (Profile.BE_S, False, True, False),
        (Profile.RM_S, True, True, False),
        (Profile.BE_E, False, True, True),
        (Profile.RM_E, True, True, True),
    ],
)
def test_each_profile_has_its_terms(
    profile: Profile, *, reliable: bool, signed: bool, encrypted: bool
) -> None:
    found = received(profile=profile)
    wanted = Agreed.ALWAYS if reliable else Agreed.NEVER
    assert (found.ack_requested, found.duplicate_elimination) == (wanted, wanted)
    assert (found.ack_signed is Agreed.ALWAYS) == (reliable and signed)
    assert (found.reliability is not None, found.persist is not None) == (reliable, reliable)
    assert (found.signature is not None, found.encryption is not None) == (signed, encrypted)
    assert (found.answer_signature is not None) == (reliable and signed)


BOTH = Party((AGENCY, GATEWAY), "OVERHEID")
REFUSED: dict[str, tuple[dict[str, object], Check, str]] = {
    "another CPA": ({"cpa_id": "x"}, checks.EBMS_CPA, "CPAId"),
    "a strange From": (
        {"sender": Party((STRANGER,), "OVERHEID")},
        checks.EBMS_PARTY,
        "From/PartyId",
    ),
    "no From": ({"sender": Party((), "OVERHEID")}, checks.EBMS_PARTY, "From/PartyId"),
    "a From with an id too many": (
        {"sender": Party((AGENCY, STRANGER), "OVERHEID")},
        checks.EBMS_PARTY,
        "From/PartyId",
    ),
    "a From that is both": ({"sender": BOTH}, checks.EBMS_PARTY, "From/PartyId"),
    "a From of another type": (
        {"sender": Party((PartyId(AGENCY.value),), "OVERHEID")},
        checks.EBMS_PARTY,
        "From/PartyId",
    ),
    "a strange To": (
        {"receiver": Party((STRANGER,), "DIGIPOORT")},
        checks.EBMS_PARTY,
        "To/PartyId",
    ),
    "to itself": ({"receiver": Party((AGENCY,), "OVERHEID")}, checks.EBMS_PARTY, "To/PartyId"),
    "from us to the other": (
        {
            "sender": Party((GATEWAY,), "DIGIPOORT"),
            "receiver": Party((AGENCY,), "OVERHEID"),
            "action": "bevestigAanleveren",
        },
        checks.EBMS_PARTY,
        "To/PartyId",
    ),
    "no role of From": ({"sender": Party((AGENCY,))}, checks.EBMS_ROLE, "From/Role"),
    "another role of From": (
        {"sender": Party((AGENCY,), "DIGIPOORT")},
        checks.EBMS_ROLE,
        "From/Role",
    ),
    "no role of To": ({"receiver": Party((GATEWAY,))}, checks.EBMS_ROLE, "To/Role"),
    "an unknown service": ({"service": Service("x")}, checks.EBMS_SERVICE, "Service"),
    "a service of another type": (
        {"service": Service(SUBMITTING.value)},
        checks.EBMS_SERVICE,
        "Service",
    ),
    "an unknown action": ({"action": "x"}, checks.EBMS_ACTION, "Action"),
    "an action of the other direction": (
        {"action": "bevestigAanleveren"},
        checks.EBMS_ACTION,
        "Action",
    ),
    "an action of the other service": (
        {"action": "bevestigAfleveren"},
        checks.EBMS_ACTION,
        "Action",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_header_is_refused_at_its_place(case: str) -> None:
    changes, check, place = REFUSED[case]
    with pytest.raises(EbmsRefusal) as caught:
        terms(read(), header(**changes), own=[GATEWAY], at=NOW)
    assert (caught.value.check, caught.value.location) == (
        check,
        f"//Header/MessageHeader/{place}",
    )


def test_the_codes_are_those_that_peers_expect() -> None:
    codes = {check: EbmsRefusal(check, at="//x").code for _, check, _ in REFUSED.values()}
    assert codes == {
        checks.EBMS_CPA: ErrorCode.VALUE_NOT_RECOGNIZED,
        checks.EBMS_PARTY: ErrorCode.INCONSISTENT,
        checks.EBMS_ROLE: ErrorCode.INCONSISTENT,
        checks.EBMS_SERVICE: ErrorCode.VALUE_NOT_RECOGNIZED,
        checks.EBMS_ACTION: ErrorCode.VALUE_NOT_RECOGNIZED,
    }


def test_a_role_that_receives_something_else_is_refused() -> None:
    """Each role of the party is known, but this action goes to another of them."""
    other = with_attribute("t:PartyInfo[2]/t:CollaborationRole[2]/t:Role", "name", "ARCHIVE")
    with pytest.raises(EbmsRefusal) as caught:
        received(other, sent=header(receiver=Party((GATEWAY,), "ARCHIVE")))
    assert caught.value.check is checks.EBMS_ROLE
    assert caught.value.location == "//Header/MessageHeader/To/Role"
    assert caught.value.expected == "DIGIPOORT"


def test_an_action_that_nobody_receives_is_refused() -> None:
    gone = without("t:PartyInfo[2]/t:CollaborationRole[1]//t:CanReceive")
    unnamed = without("t:PartyInfo[1]/t:CollaborationRole[1]//t:CanSend/t:OtherPartyActionBinding")
    with pytest.raises(EbmsRefusal) as caught:
        received(gone, unnamed)
    assert caught.value.check is checks.EBMS_ACTION


def test_a_party_may_use_any_of_its_ids() -> None:
    def with_two(root: etree._Element) -> None:
        second = etree.fromstring(f'<t:PartyId xmlns:t="{CPA}" t:type="urn:x">agency</t:PartyId>')
        every("t:PartyId")(root)[0].addnext(second)

    for ids in ((AGENCY,), (PartyId("agency", "urn:x"),), (PartyId("agency", "urn:x"), AGENCY)):
        found = received(with_two, sent=header(sender=Party(ids, "OVERHEID")))
        assert found.sender.ids == (AGENCY, PartyId("agency", "urn:x"))


def test_the_other_binding_is_found_without_its_name() -> None:
    assert received(without("t:OtherPartyActionBinding")) == received()


@pytest.mark.parametrize(
    ("change", "moment", "why"),
    [
        (with_attribute("t:Status", "value", "proposed"), timedelta(), "is only proposed"),
        (with_text("t:Start", "2026-07-01T00:00:00Z"), timedelta(), "starts at 2026-07-01T00"),
        (with_text("t:End", "2026-06-01T12:00:00Z"), timedelta(), "ended at 2026-06-01T12:00:00Z"),
        (with_text("t:End", "2026-06-01T12:00:01Z"), timedelta(seconds=1), "ended at"),
    ],
)
def test_an_agreement_out_of_force_is_refused(change: Change, moment: timedelta, why: str) -> None:
    agreement = read(change)
    with pytest.raises(EbmsRefusal, match=why) as caught:
        terms(agreement, header(), own=[GATEWAY], at=NOW + moment)
    assert caught.value.check is checks.EBMS_CPA
    with pytest.raises(ConfigurationError, match=f"{why}.*: agree on another, and send under that"):
        terms_to_send(agreement, AGENCY, SUBMITTING, "aanleveren", at=NOW + moment)
    with pytest.raises(ConfigurationError, match=why):
        terms_for_signal(agreement, AGENCY, "Ping", at=NOW + moment)


def test_the_last_second_is_in_force() -> None:
    agreement = read(with_text("t:End", "2026-06-01T12:00:01Z"))
    assert terms(agreement, header(), own=[GATEWAY], at=NOW).action == "aanleveren"


@pytest.mark.parametrize(
    ("party", "service", "action", "told"),
    [
        (STRANGER, SUBMITTING, "aanleveren", "is no party of CPA"),
        (GATEWAY, SUBMITTING, "aanleveren", "does not let Gateway send the action 'aanleveren'"),
        (AGENCY, DELIVERING, "aanleveren", "of the service 'osb:afleveren:1.1$1.0'"),
    ],
)
def test_what_is_not_agreed_cannot_be_sent(
    party: PartyId, service: Service, action: str, told: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        terms_to_send(read(), party, service, action, at=NOW)
    assert told in str(caught.value)


def test_a_signal_has_terms_of_its_own() -> None:
    agreement = read()
    sent = header(
        sender=Party((AGENCY,)),
        receiver=Party((GATEWAY,)),
        service=Service(SIGNALS),
        action="Acknowledgment",
    )
    found = terms(agreement, sent, own=[GATEWAY], at=NOW)
    assert (found.sender.role, found.receiver.role) == (None, None)
    never = {found.ack_requested, found.ack_signed, found.duplicate_elimination}
    assert never == {Agreed.NEVER}
    assert (found.reliability, found.encryption, found.persist) == (None, None, None)
    assert found.signature is not None
    assert found.signature.certificates == (der("agency"),)
    assert (found.url, found.answer_url) == (GATEWAY_URL, AGENCY_URL)
    assert found == terms_for_signal(agreement, AGENCY, "Acknowledgment", at=NOW)
    back = terms_for_signal(agreement, GATEWAY, "Pong", at=NOW)
    assert (back.url, back.sender_tls) == (AGENCY_URL, (der("gateway-tls"),))


def test_a_signal_with_a_typed_service_is_refused() -> None:
    sent = header(service=Service(SIGNALS, "urn:osb:services"), action="Ping")
    with pytest.raises(EbmsRefusal) as caught:
        terms(read(), sent, own=[GATEWAY], at=NOW)
    assert caught.value.location == "//Header/MessageHeader/Service/@type"


def _with_second_transport(root: etree._Element) -> None:
    """Give the second party other endpoints for its signals, and override its errors."""
    party = every("t:PartyInfo")(root)[1]
    xml = etree.tostring(every("t:Transport")(party)[0]).replace(b"B_Transport", b"B_Other")
    other = etree.fromstring(xml.replace(b"https://localhost/ebms", b"https://localhost/signals"))
    every("t:Transport")(party)[0].addnext(other)
    every("t:DeliveryChannel")(party)[1].set(f"{{{CPA}}}transportId", "B_Other")
    override = etree.SubElement(party, f"{{{CPA}}}OverrideMshActionBinding")
    override.set(f"{{{CPA}}}action", "MessageError")
    override.set(f"{{{CPA}}}channelId", "B_Messages")


def test_signals_go_over_the_default_channel_or_what_overrides_it() -> None:
    agreement = read(_with_second_transport)
    urls = {
        action: terms_for_signal(agreement, AGENCY, action, at=NOW).url
        for action in ("Acknowledgment", "MessageError", "Ping")
    }
    assert urls == {
        "Acknowledgment": "https://localhost/signals",
        "MessageError": GATEWAY_URL,
        "Ping": "https://localhost/signals",
    }
    back = terms_to_send(agreement, GATEWAY, DELIVERING, "afleveren", at=NOW)
    assert back.answer_url == "https://localhost/signals"


def _endpoints(*kinds: str) -> Callable[[etree._Element], None]:
    def change(root: etree._Element) -> None:
        for endpoint in every("t:Endpoint")(root):
            for kind in reversed(kinds):
                copy = deepcopy(endpoint)
                copy.set(f"{{{CPA}}}uri", f"https://localhost/{kind}")
                copy.set(f"{{{CPA}}}type", kind)
                endpoint.addnext(copy)
            endpoint.getparent().remove(endpoint)  # type: ignore[union-attr]

    return change


@pytest.mark.parametrize(
    ("kinds", "message", "acknowledgment", "error"),
    [
        (("error", "response", "request"), "request", "response", "error"),
        (("login", "allPurpose"), "allPurpose", "allPurpose", "allPurpose"),
        (("request", "error", "allPurpose"), "allPurpose", "allPurpose", "error"),
    ],
)
def test_endpoints_are_chosen_by_what_they_take(
    kinds: tuple[str, ...], message: str, acknowledgment: str, error: str
) -> None:
    agreement = read(_endpoints(*kinds))
    urls = (
        terms_to_send(agreement, AGENCY, SUBMITTING, "aanleveren", at=NOW).url,
        terms_for_signal(agreement, AGENCY, "Acknowledgment", at=NOW).url,
        terms_for_signal(agreement, AGENCY, "MessageError", at=NOW).url,
    )
    assert urls == tuple(f"https://localhost/{kind}" for kind in (message, acknowledgment, error))


def test_an_agreement_without_what_a_message_needs_says_so() -> None:
    nowhere = _endpoints("login")
    for changes, told in (
        ([nowhere], "nowhere where it takes messages"),
        ([without("t:SenderNonRepudiation")], "Agency has no SenderNonRepudiation for it"),
        ([without("t:ReceiverDigitalEnvelope")], "Gateway has no ReceiverDigitalEnvelope for it"),
    ):
        with pytest.raises(ConfigurationError, match=told):
            received(*changes)


def test_a_signed_acknowledgment_is_signed_as_the_signals_are_or_as_the_messages() -> None:
    silent = without("t:PartyInfo[2]/t:DocExchange[2]//t:SenderNonRepudiation")
    assert received(silent) == received()
    mute = without("t:PartyInfo[2]//t:SenderNonRepudiation")
    assert received(mute).answer_signature is None
    never = with_attribute("t:MessagingCharacteristics", "ackSignatureRequested", "never")
    assert received(never).answer_signature is None
    assert received(never).signature is not None


def test_who_is_asked_for_what_is_of_the_senders_channel() -> None:
    characteristics = "t:PartyInfo[1]/t:DeliveryChannel[1]/t:MessagingCharacteristics"
    found = received(
        with_attribute(characteristics, "actor", ACTOR_NEXT_MSH),
        with_attribute(characteristics, "ackRequested", "perMessage"),
        with_attribute(characteristics, "syncReplyMode", "mshSignalsOnly"),
        with_text("t:PartyInfo[1]//t:MessageOrderSemantics", "Guaranteed"),
        with_text("t:PartyInfo[2]//t:Retries", "1"),
        with_text("t:PartyInfo[2]//t:PersistDuration", "P5D"),
    )
    assert found.ack_actor == ACTOR_NEXT_MSH
    assert (found.ack_requested, found.sync_reply) == (Agreed.PER_MESSAGE, SyncReply.SIGNALS)
    assert found.ordered
    assert found.reliability == Reliability(8, timedelta(hours=3))
    # The longest that either keeps a message.
    assert found.persist == timedelta(days=5)


def test_reliability_that_is_not_agreed_is_none() -> None:
    assert received(without("t:Retries")).reliability is None
    assert received(without("t:PersistDuration")).persist is None
    unasked = with_attribute("t:MessagingCharacteristics", "ackRequested", "never")
    assert (received(unasked).reliability, received(unasked).ack_signed) == (None, Agreed.NEVER)


def test_a_message_to_its_own_sender_is_refused_where_both_are_ours() -> None:
    sent = header(receiver=Party((AGENCY,), "OVERHEID"))
    with pytest.raises(EbmsRefusal) as caught:
        terms(read(), sent, own=[AGENCY, GATEWAY], at=NOW)
    assert caught.value.expected == "the other party"


def test_a_service_of_another_role_of_the_sender_is_refused() -> None:
    other = with_attribute("t:PartyInfo[1]/t:CollaborationRole[2]/t:Role", "name", "ARCHIVE")
    with pytest.raises(EbmsRefusal) as caught:
        received(other, sent=header(sender=Party((AGENCY,), "ARCHIVE")))
    assert caught.value.check is checks.EBMS_SERVICE


def test_the_binding_that_is_named_receives_the_message() -> None:
    """The other party takes the same action in two roles, and the sender names the second."""

    def second_role(root: etree._Element) -> None:
        role = every("t:PartyInfo[2]/t:CollaborationRole[1]")(root)[0]
        copy = deepcopy(role)
        every("t:Role")(copy)[0].set(f"{{{CPA}}}name", "ARCHIVE")
        for binding in every("t:ThisPartyActionBinding")(copy):
            binding.set(f"{{{CPA}}}id", binding.get(f"{{{CPA}}}id", "") + "x")
        role.addnext(copy)
        every("t:PartyInfo[1]//t:CanSend/t:OtherPartyActionBinding")(root)[0].text = "B_R1.1x"

    found = received(second_role, sent=header(receiver=Party((GATEWAY,), "ARCHIVE")))
    assert found.receiver.role == "ARCHIVE"
    with pytest.raises(EbmsRefusal) as caught:
        received(second_role)
    assert (caught.value.check, caught.value.expected) == (checks.EBMS_ROLE, "ARCHIVE")
