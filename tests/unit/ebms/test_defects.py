"""What is wrong with an envelope, and what ebMS calls it, and where."""

import re
from dataclasses import dataclass

import pytest

from digipoort_wus import checks
from digipoort_wus.ebms.errors import EbmsRefusal, ErrorCode
from digipoort_wus.ebms.names import ACTOR_NEXT, ACTOR_NEXT_MSH, ACTOR_TO_PARTY, EB
from digipoort_wus.ebms.reading import read_envelope, read_message
from digipoort_wus.errors import Check
from digipoort_wus.names import DS, SOAP
from tests import ebms_messages as m

HEADER = "//Header/MessageHeader"
INCONSISTENT, OTHER_XML = ErrorCode.INCONSISTENT, ErrorCode.OTHER_XML
NOT_SUPPORTED, MIME = ErrorCode.NOT_SUPPORTED, ErrorCode.MIME_PROBLEM


@dataclass(frozen=True)
class Defect:
    """What comes, and what is said of it."""

    sent: str
    check: Check
    code: ErrorCode
    at: str


def changed(old: str, new: str, text: str = m.BUSINESS) -> str:
    """Return a message with one thing changed; it has to be there."""
    assert text.count(old) == 1, old
    return text.replace(old, new)


def header(old: str, new: str) -> str:
    assert old in m.MESSAGE_HEADER, old
    return m.envelope(m.MESSAGE_HEADER.replace(old, new, 1))


def beside(block: str, body: str = "") -> str:
    return m.envelope(m.MESSAGE_HEADER + block, body)


def schema(sent: str, at: str) -> Defect:
    return Defect(sent, checks.EBMS_SCHEMA, OTHER_XML, at)


def unique(sent: str, at: str) -> Defect:
    return Defect(sent, checks.EBMS_UNIQUE, OTHER_XML, at)


def actor(sent: str, at: str) -> Defect:
    return Defect(sent, checks.EBMS_ACTOR, NOT_SUPPORTED, at)


def xml(sent: str) -> Defect:
    return Defect(sent, checks.EBMS_XML, OTHER_XML, "/Envelope")


def version(sent: str, at: str) -> Defect:
    return Defect(sent, checks.EBMS_VERSION, INCONSISTENT, at)


def uri(sent: str, at: str) -> Defect:
    return Defect(sent, checks.EBMS_URI, INCONSISTENT, at)


def moment(sent: str, at: str) -> Defect:
    return Defect(sent, checks.EBMS_TIME, INCONSISTENT, at)


def href(value: str) -> Defect:
    return Defect(
        m.envelope(m.MESSAGE_HEADER, m.manifest(value)),
        checks.EBMS_MANIFEST_HREF,
        MIME,
        "//Body/Manifest/Reference[1]/@href",
    )


def understood(sent: str, number: int) -> Defect:
    return Defect(sent, checks.EBMS_MUST_UNDERSTAND, NOT_SUPPORTED, f"//Header/*[{number}]")


TO_NEXT = f' soap:actor="{ACTOR_NEXT}"'
SECOND_HEADER = m.MESSAGE_HEADER.replace("aanleveren<", "verwijderen<")
OLD = 'eb:version="1.0"'
CURRENT = 'eb:version="2.0"'
TYPED = ' eb:type="urn:osb:oin"'
FOREIGN = '<x:Block xmlns:x="urn:x" soap:mustUnderstand="{}"{}/>'
LATER = "<eb:TimeToLive>{}</eb:TimeToLive></eb:MessageData>"

ENVELOPES: dict[str, Defect] = {
    # the envelope
    "no XML": xml("ebXML"),
    "cut off": xml(m.BUSINESS[:-20]),
    "a DOCTYPE with an entity": xml(
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>' + changed("aanleveren<", "&x;<")
    ),
    "a bomb of entities": xml(
        '<!DOCTYPE a [<!ENTITY a "xxxxxxxxxx"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;">]>' + m.BUSINESS
    ),
    "UTF-16 declared": xml('<?xml version="1.0" encoding="UTF-16"?>' + m.BUSINESS),
    "a comment in an identifier": xml(changed("aanleveren<", "aan<!-- -->leveren<")),
    "an instruction": xml(changed("<soap:Body>", "<?x y?><soap:Body>")),
    "another SOAP": xml(m.BUSINESS.replace(SOAP, "http://www.w3.org/2003/05/soap-envelope")),
    "no Envelope": xml(m.BUSINESS.replace("soap:Envelope", "soap:Message")),
    "no Header": xml(re.sub("<soap:Header>.*</soap:Header>", "", m.BUSINESS)),
    "no Body": xml(re.sub("<soap:Body>.*</soap:Body>", "", m.BUSINESS)),
    "two Headers": xml(changed("<soap:Body>", "<soap:Header/><soap:Body>")),
    "something behind the Body": xml(changed("</soap:Body>", '</soap:Body><x xmlns="urn:x"/>')),
    "text in the Header": xml(changed("</soap:Header>", "x</soap:Header>")),
    # what stands where
    "no MessageHeader": schema(m.envelope(m.ACK_REQUESTED), HEADER),
    "a MessageHeader of another version's namespace": understood(
        m.BUSINESS.replace(EB, "urn:ebxml:header:1"), 1
    ),
    "a second MessageHeader": unique(beside(SECOND_HEADER), HEADER),
    "a second MessageHeader for the next actor": actor(
        beside(SECOND_HEADER.replace(" eb:version", f"{TO_NEXT} eb:version", 1)),
        f"{HEADER}/@actor",
    ),
    "the only MessageHeader for the next actor": actor(
        header(" eb:version", f"{TO_NEXT} eb:version"), f"{HEADER}/@actor"
    ),
    "a MessageHeader in the Body": unique(beside("", m.MESSAGE_HEADER), "//Body/MessageHeader"),
    "a Manifest in the Header": unique(beside(m.MANIFEST), "//Header/Manifest"),
    "two Manifests": unique(beside("", m.MANIFEST * 2), "//Body/Manifest"),
    "two times AckRequested": unique(beside(m.ACK_REQUESTED * 2), "//Header/AckRequested"),
    "two times SyncReply": unique(beside(m.SYNC_REPLY * 2), "//Header/SyncReply"),
    "an unknown extension": unique(beside(f"<eb:Via {m.ATTRIBUTES}/>"), "//Header"),
    "two Acknowledgments": unique(beside(m.ACKNOWLEDGMENT * 2), "//Header/Acknowledgment"),
    "two ErrorLists": unique(beside(m.ERROR_LIST * 2), "//Header/ErrorList"),
    # actors
    "AckRequested of the next MSH": actor(
        beside(m.ACK_REQUESTED.replace("/>", f' soap:actor="{ACTOR_NEXT_MSH}"/>')),
        "//Header/AckRequested/@actor",
    ),
    "an Acknowledgment for the next MSH": actor(
        beside(m.ACKNOWLEDGMENT.replace(" eb:v", f' soap:actor="{ACTOR_NEXT_MSH}" eb:v', 1)),
        "//Header/Acknowledgment/@actor",
    ),
    "an ErrorList with an actor": actor(
        beside(m.ERROR_LIST.replace(" eb:v", f' soap:actor="{ACTOR_TO_PARTY}" eb:v', 1)),
        "//Header/ErrorList/@actor",
    ),
    "SyncReply without an actor": actor(
        beside(m.SYNC_REPLY.replace(TO_NEXT, "")), "//Header/SyncReply/@actor"
    ),
    "SyncReply of the To party": actor(
        beside(m.SYNC_REPLY.replace(ACTOR_NEXT, ACTOR_TO_PARTY)), "//Header/SyncReply/@actor"
    ),
    "a PartyId for the next actor": actor(
        header("<eb:PartyId", f"<eb:PartyId{TO_NEXT}>1</eb:PartyId><eb:PartyId"), "/Envelope"
    ),
    "a Reference for the next actor": actor(
        beside("", m.MANIFEST.replace("<eb:Reference", f"<eb:Reference{TO_NEXT}")), "/Envelope"
    ),
    "a Signature for the next actor": actor(
        beside(f'<ds:Signature xmlns:ds="{DS}"{TO_NEXT}/>'), "//Header/Signature/@actor"
    ),
    "a Body for the next actor": actor(
        changed("<soap:Body>", f"<soap:Body{TO_NEXT}>"), "/Envelope"
    ),
    # versions
    "MessageHeader 1.0": version(header(CURRENT, OLD), f"{HEADER}/@version"),
    "SyncReply 1.0": version(
        beside(m.SYNC_REPLY.replace(CURRENT, OLD)), "//Header/SyncReply/@version"
    ),
    "AckRequested 1.0": version(
        beside(m.ACK_REQUESTED.replace(CURRENT, OLD)), "//Header/AckRequested/@version"
    ),
    "Acknowledgment 1.0": version(
        beside(m.ACKNOWLEDGMENT.replace(CURRENT, OLD)), "//Header/Acknowledgment/@version"
    ),
    "ErrorList 1.0": version(
        beside(m.ERROR_LIST.replace(CURRENT, OLD)), "//Header/ErrorList/@version"
    ),
    "MessageOrder 3.0": version(
        beside(m.MESSAGE_ORDER.replace(CURRENT, 'eb:version="3.0"')),
        "//Header/MessageOrder/@version",
    ),
    "Manifest 1.0": version(
        beside("", m.MANIFEST.replace(CURRENT, OLD)), "//Body/Manifest/@version"
    ),
    "StatusRequest 1.0": version(
        beside("", m.STATUS_REQUEST.replace(CURRENT, OLD)), "//Body/StatusRequest/@version"
    ),
    # the schema
    "no version": schema(header(f"{CURRENT} ", ""), f"{HEADER}/@version"),
    "a version without its namespace": schema(header(CURRENT, 'version="2.0"'), HEADER),
    "no mustUnderstand": schema(
        header(' soap:mustUnderstand="1"', ""), f"{HEADER}/@mustUnderstand"
    ),
    "mustUnderstand of another kind": schema(header('"1"', '"yes"'), HEADER),
    "no From": schema(header(m.FROM, ""), f"{HEADER}/To"),
    "two Froms": schema(header(m.FROM, m.FROM * 2), f"{HEADER}/From"),
    "To before From": schema(header(m.FROM + m.TO, m.TO + m.FROM), f"{HEADER}/To"),
    "no PartyId": schema(
        header(m.FROM, "<eb:From><eb:Role>OVERHEID</eb:Role></eb:From>"), f"{HEADER}/From/Role"
    ),
    "two Roles": schema(
        header("<eb:Role>OVERHEID</eb:Role>", "<eb:Role>A</eb:Role><eb:Role>B</eb:Role>"),
        f"{HEADER}/From/Role",
    ),
    "an empty PartyId": schema(header(f">{m.AGENCY}<", "><"), f"{HEADER}/From/PartyId"),
    "an empty type": schema(header(TYPED, ' eb:type=""'), f"{HEADER}/From/PartyId"),
    "a type without its namespace": schema(
        header(TYPED, ' type="urn:osb:oin"'), f"{HEADER}/From/PartyId"
    ),
    "white space around a PartyId": schema(
        header(f">{m.AGENCY}<", f">{m.AGENCY} <"), f"{HEADER}/From/PartyId"
    ),
    "an element in a PartyId": schema(
        header(m.AGENCY, f'{m.AGENCY}<x xmlns="urn:x"/>'), f"{HEADER}/From/PartyId"
    ),
    "no CPAId": schema(header(f"<eb:CPAId>{m.CPA_ID}</eb:CPAId>", ""), f"{HEADER}/ConversationId"),
    "an empty CPAId": schema(header(m.CPA_ID, ""), f"{HEADER}/CPAId"),
    "a long CPAId": schema(header(m.CPA_ID, "c" * 1025), f"{HEADER}/CPAId"),
    "no ConversationId": schema(
        header(f"<eb:ConversationId>{m.CONVERSATION}</eb:ConversationId>", ""), f"{HEADER}/Service"
    ),
    "no Service": schema(header(m.SERVICE, ""), f"{HEADER}/Action"),
    "no Action": schema(header("<eb:Action>aanleveren</eb:Action>", ""), f"{HEADER}/MessageData"),
    "white space before the Action": schema(
        header("<eb:Action>", "<eb:Action>\n"), f"{HEADER}/Action"
    ),
    "no MessageData": schema(header(m.DATA, ""), HEADER),
    "no MessageId": schema(
        header(f"<eb:MessageId>{m.MESSAGE_ID}</eb:MessageId>", ""),
        f"{HEADER}/MessageData/Timestamp",
    ),
    "no Timestamp": schema(
        header(f"<eb:Timestamp>{m.TIMESTAMP}</eb:Timestamp>", ""), f"{HEADER}/MessageData"
    ),
    "DuplicateElimination with text": schema(
        m.envelope(m.ONCE_ONLY.replace("Elimination/>", "Elimination>x</eb:DuplicateElimination>")),
        f"{HEADER}/DuplicateElimination",
    ),
    "an element nobody knows": schema(
        header("</eb:MessageHeader>", "<eb:Secret/></eb:MessageHeader>"), HEADER
    ),
    "a foreign element between ours": schema(
        header("<eb:Action>", '<x:Action xmlns:x="urn:x"/><eb:Action>'), HEADER
    ),
    "text between elements": schema(header("<eb:To>", "x<eb:To>"), HEADER),
    "a Description without a language": schema(
        header("</eb:MessageHeader>", "<eb:Description>x</eb:Description></eb:MessageHeader>"),
        f"{HEADER}/Description/@lang",
    ),
    "AckRequested without signed": schema(
        beside(m.ACK_REQUESTED.replace(' eb:signed="false"', "")), "//Header/AckRequested/@signed"
    ),
    "signed of another kind": schema(
        beside(m.ACK_REQUESTED.replace('"false"', '"no"')), "//Header/AckRequested"
    ),
    "SyncReply with an element of ebMS": schema(
        beside(m.SYNC_REPLY.replace("/>", f">{m.FROM}</eb:SyncReply>")), "//Header/SyncReply/From"
    ),
    "an Acknowledgment without RefToMessageId": schema(
        beside(re.sub("<eb:RefToMessageId>.*</eb:RefToMessageId>", "", m.ACKNOWLEDGMENT)),
        "//Header/Acknowledgment/From",
    ),
    "an Acknowledgment with a digest that is none": schema(
        beside(
            m.ACKNOWLEDGMENT.replace(
                "</eb:Acknowledgment>",
                f'<ds:Reference xmlns:ds="{DS}" URI=""><ds:DigestMethod Algorithm="urn:x"/>'
                "<ds:DigestValue>?</ds:DigestValue></ds:Reference></eb:Acknowledgment>",
            )
        ),
        "//Header/Acknowledgment/Reference/DigestValue",
    ),
    "an ErrorList without errors": schema(
        beside(re.sub("<eb:Error .*</eb:Error>", "", m.ERROR_LIST)), "//Header/ErrorList"
    ),
    "an Error without a code": schema(
        beside(m.ERROR_LIST.replace('eb:errorCode="Inconsistent" ', "")),
        "//Header/ErrorList/Error/@errorCode",
    ),
    "an Error of another severity": schema(
        beside(m.ERROR_LIST.replace('eb:severity="Error"', 'eb:severity="Fatal"')),
        "//Header/ErrorList/Error",
    ),
    "an ErrorList without highestSeverity": schema(
        beside(m.ERROR_LIST.replace(' eb:highestSeverity="Error"', "")),
        "//Header/ErrorList/@highestSeverity",
    ),
    "a negative SequenceNumber": schema(
        beside(m.MESSAGE_ORDER.replace(">0<", ">-1<")), "//Header/MessageOrder/SequenceNumber"
    ),
    "a SequenceNumber of a thousand digits": schema(
        beside(m.MESSAGE_ORDER.replace(">0<", f">{'9' * 1000}<")),
        "//Header/MessageOrder/SequenceNumber",
    ),
    "an order of another kind": schema(
        beside(m.MESSAGE_ORDER.replace("Reset", "Restart")), "//Header/MessageOrder/SequenceNumber"
    ),
    "an empty Manifest": schema(beside("", m.manifest()), "//Body/Manifest"),
    "a Reference without href": schema(
        beside("", m.MANIFEST.replace(f' xlink:href="cid:{m.PAYLOAD_ID}"', "")),
        "//Body/Manifest/Reference/@href",
    ),
    "a Reference that is no simple link": schema(
        beside("", m.MANIFEST.replace('"simple"', '"extended"')), "//Body/Manifest/Reference"
    ),
    "a StatusRequest without RefToMessageId": schema(
        beside("", '<eb:StatusRequest eb:version="2.0"/>'), "//Body/StatusRequest"
    ),
    "a messageStatus that is none": schema(
        beside("", m.STATUS_RESPONSE.replace('"Received"', '"Lost"')), "//Body/StatusResponse"
    ),
    "xsi:type": schema(
        header(
            "<eb:CPAId>",
            '<eb:CPAId xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            'xsi:type="eb:typedIdentifierType">',
        ),
        f"{HEADER}/CPAId",
    ),
    # beyond the schema
    "a PartyId that is no URI and has no type": uri(header(TYPED, ""), f"{HEADER}/From/PartyId"),
    "the same of To": uri(
        m.envelope(m.MESSAGE_HEADER.replace(m.TO, m.TO.replace(TYPED, ""))), f"{HEADER}/To/PartyId"
    ),
    "a Service that is no URI and has no type": uri(
        header(' eb:type="urn:osb:services">osb:aanleveren:1.1$1.0', ">aanleveren"),
        f"{HEADER}/Service",
    ),
    "From of an Acknowledgment, likewise": uri(
        beside(m.ACKNOWLEDGMENT.replace(TYPED, "")), "//Header/Acknowledgment/From/PartyId"
    ),
    "a Timestamp that is none": moment(
        header(m.TIMESTAMP, "1 June 2026"), f"{HEADER}/MessageData/Timestamp"
    ),
    "a Timestamp of 30 February": moment(
        header(m.TIMESTAMP, "2026-02-30T12:00:00Z"), f"{HEADER}/MessageData/Timestamp"
    ),
    "a year of five digits": moment(
        header("</eb:MessageData>", LATER.format("12026-06-01T12:00:00Z")),
        f"{HEADER}/MessageData/TimeToLive",
    ),
    "a day as TimeToLive": moment(
        header("</eb:MessageData>", LATER.format("2026-06-02")),
        f"{HEADER}/MessageData/TimeToLive",
    ),
    "an Acknowledgment of no time": moment(
        beside(m.ACKNOWLEDGMENT.replace(m.TIMESTAMP, "now")), "//Header/Acknowledgment/Timestamp"
    ),
    "a header that must be understood": understood(beside(FOREIGN.format("1", "")), 2),
    "the same, in the other spelling": understood(beside(FOREIGN.format("true", "")), 2),
    "the same, for the next actor": understood(beside(FOREIGN.format("1", TO_NEXT)), 2),
    "WS-Security": understood(
        beside(
            '<w:Security soap:mustUnderstand="1" xmlns:w="http://docs.oasis-open.org/wss/2004/01/'
            'oasis-200401-wss-wssecurity-secext-1.0.xsd"/>'
        ),
        2,
    ),
    # the Manifest
    "a link to the web": href("https://example.nl/bericht.xml"),
    "a link to a file": href("file:///etc/passwd"),
    "a link without a scheme": href(m.PAYLOAD_ID),
    "a link into the message": href("#bericht"),
    "an empty cid": href("cid:"),
    "a cid with half a percent sign": href("cid:1%4@agency.example.nl"),
    "a cid of other characters": href("cid:%E9@agency.example.nl"),
}


@pytest.mark.parametrize("name", ENVELOPES)
def test_a_defect_of_an_envelope(name: str) -> None:
    expected = ENVELOPES[name]
    with pytest.raises(EbmsRefusal) as raised:
        read_message(read_envelope(expected.sent.encode()))
    refusal = raised.value
    assert (refusal.check, refusal.code, refusal.location) == (
        expected.check,
        expected.code,
        expected.at,
    )
    assert "Secret" not in str(refusal)


def test_what_was_changed_is_good() -> None:
    read_message(read_envelope(beside("").encode()))
    read_message(read_envelope(m.BUSINESS.encode()))
