"""What is read of a message: by its place, of what is signed, and as other products write it."""

import re
from datetime import UTC, datetime

import pytest

from digipoort_wus import checks
from digipoort_wus.ebms.errors import EbmsRefusal, ErrorCode, Severity
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
from digipoort_wus.ebms.names import (
    ACTOR_NEXT,
    ACTOR_TO_PARTY,
    C14N,
    EB,
    ERRORS,
    SIGNALS,
    XLINK,
    XPATH_TRANSFORM,
)
from digipoort_wus.ebms.reading import read_envelope, read_header, read_message
from digipoort_wus.errors import Check
from digipoort_wus.names import DS, ENVELOPED, SHA256, SOAP
from tests import ebms_messages as m

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def read(text: str) -> Message:
    return read_message(read_envelope(text.encode()))


def test_a_business_message() -> None:
    assert read(m.BUSINESS) == Message(
        header=MessageHeader(
            sender=Party((PartyId(m.AGENCY, "urn:osb:oin"),), "OVERHEID"),
            receiver=Party((PartyId(m.DIGIPOORT, "urn:osb:oin"),), "DIGIPOORT"),
            cpa_id=m.CPA_ID,
            conversation_id=m.CONVERSATION,
            service=Service("osb:aanleveren:1.1$1.0", "urn:osb:services"),
            action="aanleveren",
            message_id=m.MESSAGE_ID,
            timestamp=NOON,
            duplicate_elimination=True,
        ),
        ack_requested=AckRequested(signed=False),
        manifest=(ManifestReference(m.PAYLOAD_ID),),
    )


def test_the_signals() -> None:
    found = {action: read(text) for action, text in m.SIGNALS_SENT.items()}
    for action, message in found.items():
        assert message.header.service == Service(SIGNALS)
        assert message.header.action == action
        assert message.header.sender.role is None
        assert message.header.ref_to_message_id == (
            None if action in ("Ping", "StatusRequest") else m.MESSAGE_ID
        )
    assert found["Acknowledgment"].acknowledgment == Acknowledgment(
        NOON, m.MESSAGE_ID, (PartyId(m.DIGIPOORT, "urn:osb:oin"),)
    )
    assert found["MessageError"].errors == (
        ReportedError(
            ErrorCode.INCONSISTENT,
            Severity.ERROR,
            "//Header/MessageHeader/CPAId",
            "other parties",
        ),
    )
    assert found["StatusRequest"].status_request == StatusRequest(m.MESSAGE_ID)
    assert found["StatusResponse"].status_response == StatusResponse(
        m.MESSAGE_ID, MessageStatus.RECEIVED, NOON
    )


def test_everything_else_that_a_message_may_say() -> None:
    header = m.ONCE_ONLY.replace(
        "</eb:MessageData>",
        f"<eb:RefToMessageId>{m.OTHER_ID}</eb:RefToMessageId>"
        "<eb:TimeToLive>2026-06-02T14:00:00.5+02:00</eb:TimeToLive></eb:MessageData>",
    ).replace(
        "</eb:MessageHeader>",
        '<eb:Description xml:lang="nl">Aangifte</eb:Description>'
        '<x:Own xmlns:x="urn:x"/></eb:MessageHeader>',
    )
    ack = m.ACK_REQUESTED.replace('"false"', f'"1" soap:actor="{ACTOR_TO_PARTY}" eb:id="ack"')
    body = (
        '<eb:Manifest eb:version="2.0"><eb:Reference xlink:href="CID:a%40b" xlink:role="urn:r" '
        'xlink:title="t"><eb:Schema eb:location="http://example.nl/a.xsd" eb:version="2"/>'
        '<eb:Description xml:lang="nl">Jaarrekening</eb:Description>'
        '<eb:Description xml:lang="en">other</eb:Description><x:Own xmlns:x="urn:x"/>'
        '</eb:Reference><x:Own xmlns:x="urn:x"/></eb:Manifest><x:Other xmlns:x="urn:x"/>'
    )
    message = read(m.envelope(header + m.SYNC_REPLY + ack + m.MESSAGE_ORDER, body))
    assert message.header.ref_to_message_id == m.OTHER_ID
    assert message.header.time_to_live == datetime(2026, 6, 2, 12, 0, 0, 500_000, tzinfo=UTC)
    assert message.ack_requested == AckRequested(signed=True, actor=ACTOR_TO_PARTY)
    assert message.sync_reply
    assert message.order == MessageOrder(0, reset=True)
    assert message.manifest == (ManifestReference("a@b", "urn:r", "Jaarrekening"),)


def test_the_references_of_a_signed_acknowledgment() -> None:
    transforms = "".join(
        f'<ds:Transform Algorithm="{each}">'
        f"{'<ds:XPath>not(x)</ds:XPath>' if each == XPATH_TRANSFORM else ''}</ds:Transform>"
        for each in (ENVELOPED, XPATH_TRANSFORM, C14N)
    )
    method = f'<ds:DigestMethod Algorithm="{SHA256}"/><ds:DigestValue>\nAQID\n</ds:DigestValue>'
    references = (
        f'<ds:Reference xmlns:ds="{DS}" URI=""><ds:Transforms>{transforms}</ds:Transforms>'
        f'{method}</ds:Reference><ds:Reference xmlns:ds="{DS}" URI="cid:a@b" Id="r2">'
        f"{method}</ds:Reference>"
    )
    text = m.SIGNALS_SENT["Acknowledgment"].replace(
        "</eb:Acknowledgment>", f"{references}</eb:Acknowledgment>"
    )
    acknowledgment = read(text).acknowledgment
    assert acknowledgment is not None
    assert acknowledgment.references == (
        DigestReference("", SHA256, b"\1\2\3", (ENVELOPED, XPATH_TRANSFORM, C14N)),
        DigestReference("cid:a@b", SHA256, b"\1\2\3"),
    )


def test_errors_of_other_contexts_and_warnings() -> None:
    text = m.SIGNALS_SENT["MessageError"].replace(
        "</eb:ErrorList>",
        '<eb:Error eb:errorCode="Unknown" eb:codeContext="urn:other" eb:severity="Warning"/>'
        f'<eb:Error eb:errorCode="Strange" eb:codeContext="{ERRORS}" eb:severity="Warning"/>'
        "</eb:ErrorList>",
    )
    assert read(text).errors[1:] == (
        ReportedError("Unknown", Severity.WARNING, context="urn:other"),
        ReportedError("Strange", Severity.WARNING),
    )
    assert not isinstance(read(text).errors[1].code, ErrorCode)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-06-01T12:00:00", NOON),
        ("2026-06-01T14:00:00+02:00", NOON),
        ("2026-06-01T12:00:00.000000Z\n", NOON),
    ],
)
def test_times_in_other_spellings(written: str, expected: datetime) -> None:
    assert read(m.BUSINESS.replace(m.TIMESTAMP, written)).header.timestamp == expected


def test_ids_without_a_type_that_are_uris() -> None:
    text = m.BUSINESS.replace(' eb:type="urn:osb:oin"', "").replace(
        m.AGENCY, f"urn:oin:{m.AGENCY}</eb:PartyId><eb:PartyId>mailto:a@example.nl"
    )
    text = text.replace(m.DIGIPOORT, f"urn:oin:{m.DIGIPOORT}")
    text = text.replace(' eb:type="urn:osb:services"', "")
    header = read(text).header
    assert header.sender.ids == (PartyId(f"urn:oin:{m.AGENCY}"), PartyId("mailto:a@example.nl"))
    assert header.service == Service("osb:aanleveren:1.1$1.0")


def test_foreign_headers_that_need_not_be_understood() -> None:
    blocks = "".join(
        f'<x:Block xmlns:x="urn:x" {attributes}/>'
        for attributes in (
            "",
            'soap:mustUnderstand="0"',
            f'soap:actor="{ACTOR_NEXT}"',
            'soap:mustUnderstand="1" soap:actor="urn:somebody:else"',
        )
    )
    assert read(m.envelope(m.ONCE_ONLY + m.ACK_REQUESTED + blocks, m.MANIFEST)) == read(m.BUSINESS)


def test_what_is_not_signed_is_not_read() -> None:
    hidden = f'<x:Block xmlns:x="urn:x" soap:actor="{ACTOR_NEXT}">{m.ERROR_LIST}</x:Block>'
    message = read(m.envelope(m.ONCE_ONLY + hidden, m.MANIFEST))
    assert message.errors == ()
    # Deeper than the Header nothing is a header.
    deeper = f'<x:Block xmlns:x="urn:x">{m.ACKNOWLEDGMENT}</x:Block>'
    assert read(m.envelope(m.ONCE_ONLY + deeper, f"<x xmlns='urn:x'>{m.STATUS_REQUEST}</x>")) == (
        read(m.envelope(m.ONCE_ONLY))
    )


def test_the_header_of_a_message_that_is_otherwise_wrong() -> None:
    text = m.envelope(m.ONCE_ONLY + m.SYNC_REPLY + "<eb:Via/>", "<eb:Manifest/>")
    assert read_header(read_envelope(text.encode())) == read(m.BUSINESS).header


@pytest.mark.parametrize(
    ("blocks", "check"),
    [
        ("", checks.EBMS_SCHEMA),
        (m.MESSAGE_HEADER * 2, checks.EBMS_UNIQUE),
        (m.MESSAGE_HEADER.replace('"2.0"', '"1.0"'), checks.EBMS_VERSION),
        (m.MESSAGE_HEADER.replace(m.FROM, ""), checks.EBMS_SCHEMA),
    ],
)
def test_a_header_that_nobody_can_answer(blocks: str, check: Check) -> None:
    with pytest.raises(EbmsRefusal) as raised:
        read_header(read_envelope(m.envelope(blocks).encode()))
    assert raised.value.check is check


def test_the_envelope_is_not_changed() -> None:
    root = read_envelope(m.envelope(m.MESSAGE_HEADER + m.SYNC_REPLY).encode())
    before = len(list(root.iter()))
    assert read_message(root).sync_reply
    assert len(list(root.iter())) == before


# --- Shapes of other products, in messages of our own -------------------------------


def test_the_shape_of_nav() -> None:
    """Another prefix, mustUnderstand true, a schemaLocation, AckRequested signed."""
    text = (
        m.BUSINESS.replace("soap:", "SOAP-ENV:")
        .replace("xmlns:soap", "xmlns:SOAP-ENV")
        .replace('mustUnderstand="1"', 'mustUnderstand="true"')
        .replace('eb:signed="false"', 'eb:signed="true"')
        .replace(
            "<SOAP-ENV:Header>",
            '<SOAP-ENV:Header xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            f'xsi:schemaLocation="{SOAP} envelope.xsd {EB} msg-header-2_0.xsd">\n',
        )
    )
    message = read(f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n')
    assert message.ack_requested == AckRequested(signed=True)
    assert message.header == read(m.BUSINESS).header


def test_the_shape_of_hermes() -> None:
    """Each namespace declared where it is used, and white space between all elements."""
    text = m.BUSINESS.replace(f' xmlns:eb="{EB}" xmlns:xlink="{XLINK}"', "")
    for name in ("MessageHeader", "AckRequested", "Manifest"):
        text = text.replace(f"<eb:{name} ", f'<eb:{name} xmlns:eb="{EB}" ')
    text = text.replace("<eb:Reference ", f'<eb:Reference xmlns:xlink="{XLINK}" ')
    text = re.sub("(<[^/][^>]*>|/>|</[^>]*>)(?=<)", r"\1\n  ", text)
    assert read(text) == read(m.BUSINESS)


def test_the_shape_of_ebms_core() -> None:
    """The default namespace for ebMS; its attributes have a prefix all the same."""
    text = re.sub(r"(</?)eb:", r"\1", m.BUSINESS).replace(
        "<soap:Header>", f'<soap:Header xmlns="{EB}">'
    )
    text = text.replace("<soap:Body>", f'<soap:Body xmlns="{EB}">')
    assert read(text) == read(m.BUSINESS)
