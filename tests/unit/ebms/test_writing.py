"""What is written reads back as it was, is valid, and keeps its form when it is copied."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from digipoort_wus.ebms.errors import ErrorCode, Severity
from digipoort_wus.ebms.message import (
    Acknowledgment,
    AckRequested,
    DigestReference,
    ManifestReference,
    Message,
    MessageHeader,
    MessageOrder,
    MessageStatus,
    Party,
    PartyId,
    ReportedError,
    Service,
    StatusRequest,
    StatusResponse,
)
from digipoort_wus.ebms.names import ACTOR_TO_PARTY, C14N, EB, XPATH_TRANSFORM
from digipoort_wus.ebms.quirks import Prefixes, Quirks
from digipoort_wus.ebms.reading import read_envelope, read_message
from digipoort_wus.ebms.writing import octets_of, write_envelope
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.names import DS, ENVELOPED, SHA256, SOAP
from tests import ebms_messages as m

# Whatever XML 1.0 can hold, and what escaping has to be right for.
CHARACTERS = st.characters(exclude_categories=("Cs", "Cc", "Cn"), include_characters="\t\n\r<>&\"'")
TEXTS = st.text(CHARACTERS, max_size=30)
NAMED = TEXTS.filter(lambda text: bool(text) and text == text.strip())
URIS = NAMED.map(lambda text: "urn:" + "".join(text.split()) + "x")
TYPES = st.text(CHARACTERS, min_size=1, max_size=20)
MOMENTS = st.datetimes(
    min_value=datetime(1000, 1, 2),  # noqa: DTZ001 - bounds have no zone
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=st.just(UTC),
).map(lambda moment: moment.replace(microsecond=0))
CONTENT_IDS = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="<>"),
    min_size=1,
    max_size=40,
)
PARTY_IDS = st.one_of(st.builds(PartyId, NAMED, TYPES), st.builds(PartyId, URIS))
PARTIES = st.builds(
    Party,
    st.lists(PARTY_IDS, min_size=1, max_size=3).map(tuple),
    st.none() | NAMED,
)
HEADERS = st.builds(
    MessageHeader,
    sender=PARTIES,
    receiver=PARTIES,
    cpa_id=NAMED,
    conversation_id=NAMED,
    service=st.one_of(st.builds(Service, NAMED, TYPES), st.builds(Service, URIS)),
    action=NAMED,
    message_id=NAMED,
    timestamp=MOMENTS,
    ref_to_message_id=st.none() | NAMED,
    time_to_live=st.none() | MOMENTS,
    duplicate_elimination=st.booleans(),
)
REFERENCES = st.builds(
    DigestReference,
    uri=st.just("") | CONTENT_IDS.map(lambda text: f"cid:{text.replace('%', '')}"),
    digest_method=st.just(SHA256),
    digest=st.binary(min_size=1, max_size=64),
    transforms=st.sampled_from([(), (ENVELOPED, C14N), (ENVELOPED, XPATH_TRANSFORM, C14N)]),
)
ACTORS = st.none() | st.just(ACTOR_TO_PARTY)
MESSAGES = st.builds(
    Message,
    header=HEADERS,
    sync_reply=st.booleans(),
    ack_requested=st.none() | st.builds(AckRequested, st.booleans(), ACTORS),
    acknowledgment=st.none()
    | st.builds(
        Acknowledgment,
        MOMENTS,
        NAMED,
        st.lists(PARTY_IDS, max_size=2).map(tuple),
        st.lists(REFERENCES, max_size=3).map(tuple),
        ACTORS,
    ),
    errors=st.lists(
        st.builds(
            ReportedError,
            st.sampled_from(ErrorCode),
            st.sampled_from(Severity),
            st.none() | TEXTS,
            st.none() | TEXTS,
        ),
        max_size=3,
    ).map(tuple),
    order=st.none() | st.builds(MessageOrder, st.integers(0, 99_999_999), st.booleans()),
    manifest=st.lists(
        st.builds(ManifestReference, CONTENT_IDS, st.none() | st.just("urn:x"), st.none() | TEXTS),
        max_size=3,
    ).map(tuple),
    status_request=st.none() | st.builds(StatusRequest, NAMED),
    status_response=st.none()
    | st.builds(StatusResponse, NAMED, st.sampled_from(MessageStatus), st.none() | MOMENTS),
)
OTHERS = Quirks(prefixes=Prefixes("SOAP-ENV", "eb2", "x"))


@settings(max_examples=80, deadline=None)
@given(MESSAGES, st.sampled_from([Quirks(), OTHERS]))
def test_what_is_written_reads_back(message: Message, quirks: Quirks) -> None:
    written = write_envelope(message, quirks)
    # Reading validates it, too.
    assert read_message(written) == message
    assert read_message(read_envelope(octets_of(written))) == message


@settings(max_examples=30, deadline=None)
@given(MESSAGES)
def test_its_canonical_form_is_that_of_what_arrives(message: Message) -> None:
    written = write_envelope(message)
    arrived = read_envelope(octets_of(written))
    for exclusive in (False, True):
        assert etree.tostring(written, method="c14n", exclusive=exclusive) == etree.tostring(
            arrived, method="c14n", exclusive=exclusive
        )


@pytest.mark.parametrize("text", [m.BUSINESS, *m.SIGNALS_SENT.values()])
def test_written_by_hand_and_by_us_is_the_same(text: str) -> None:
    """But for attributes that may be left out, and a Description's language."""
    root = read_envelope(text.encode())
    written = write_envelope(read_message(root))
    for error in written.iter(f"{{{EB}}}Error"):
        del error.attrib[f"{{{EB}}}codeContext"]
    assert etree.tostring(written, method="c14n") == etree.tostring(root, method="c14n")


def test_the_prefixes_are_those_of_the_partner_and_stand_on_the_root() -> None:
    message = read_message(read_envelope(m.BUSINESS.encode()))
    octets = octets_of(write_envelope(message, OTHERS))
    assert octets.startswith(
        b"<?xml version='1.0' encoding='UTF-8'?>\n<SOAP-ENV:Envelope xmlns:SOAP-ENV="
    )
    assert b'<eb2:PartyId eb2:type="urn:osb:oin">' in octets
    assert b'SOAP-ENV:mustUnderstand="1"' in octets
    assert octets.count(b"xmlns") == 3


def test_the_xpath_of_an_acknowledgment_can_be_resolved() -> None:
    reference = DigestReference("", SHA256, b"1", (ENVELOPED, XPATH_TRANSFORM, C14N))
    message = read_message(read_envelope(m.SIGNALS_SENT["Acknowledgment"].encode()))
    assert message.acknowledgment is not None
    told = replace(message.acknowledgment, references=(reference,))
    root = read_envelope(octets_of(write_envelope(replace(message, acknowledgment=told), OTHERS)))
    (xpath,) = root.iter(f"{{{DS}}}XPath")
    assert "@SOAP-ENV:actor=" in (xpath.text or "")
    assert xpath.nsmap["SOAP-ENV"] == SOAP
    assert octets_of(root).count(b"xmlns:ds") == 1


def test_times_are_whole_seconds_of_utc() -> None:
    message = read_message(read_envelope(m.BUSINESS.encode()))
    moment = datetime(2026, 6, 1, 14, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=2)))
    header = replace(message.header, timestamp=moment, time_to_live=datetime(33, 1, 1, tzinfo=UTC))
    octets = octets_of(write_envelope(replace(message, header=header)))
    assert b"<eb:Timestamp>2026-06-01T12:00:00Z</eb:Timestamp>" in octets
    assert b"<eb:TimeToLive>0033-01-01T00:00:00Z</eb:TimeToLive>" in octets


def test_the_highest_severity() -> None:
    message = read_message(read_envelope(m.SIGNALS_SENT["MessageError"].encode()))
    warning = replace(message.errors[0], severity=Severity.WARNING)
    for errors, highest in (
        ((warning, *message.errors), "Error"),
        ((warning, warning), "Warning"),
    ):
        root = write_envelope(replace(message, errors=errors))
        (found,) = root.iter(f"{{{EB}}}ErrorList")
        assert found.get(f"{{{EB}}}highestSeverity") == highest


def test_what_xml_cannot_hold_is_not_written() -> None:
    message = read_message(read_envelope(m.BUSINESS.encode()))
    header = replace(message.header, action="a\x00b")
    with pytest.raises(ValueError, match="XML"):
        write_envelope(replace(message, header=header))


@pytest.mark.parametrize("wrong", ["", "a b", "1a", "xmlx", "XML", "ds", "a:b", "x" * 40])
def test_prefixes_that_cannot_be_used(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="another namespace prefix"):
        Prefixes(soap=wrong)


def test_prefixes_that_are_the_same() -> None:
    with pytest.raises(ConfigurationError, match="different prefixes"):
        Prefixes(soap="eb")
