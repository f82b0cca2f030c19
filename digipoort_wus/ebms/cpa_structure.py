"""The form of a CPA 2.0 document as data, and looking whether a tree has it.

Written from the tables of elements and attributes of the CPPA 2.0 schema, not from its text.
Everything that is wrong is found at once, each with its path and what belongs there.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from types import MappingProxyType
from typing import cast

from lxml import etree

from digipoort_wus.clock import parse_date_time
from digipoort_wus.ebms.cpa import EndpointType, Persistence, Status
from digipoort_wus.ebms.cpa_duration import parse_duration
from digipoort_wus.ebms.names import ACTOR_NEXT_MSH, ACTOR_TO_PARTY, CPA
from digipoort_wus.ebms.terms import Agreed, SyncReply

ROOT = "CollaborationProtocolAgreement"
_SPACE = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Mistake:
    """Where a document is not a CPA, and what belongs there."""

    at: str
    text: str

    def __str__(self) -> str:
        return f"{self.at}: {self.text}"


# Children in their order: a name, and how many (? * + or {2}); `other` is of another namespace.
_CHILDREN: Mapping[str, str] = MappingProxyType(
    {
        ROOT: "Status Start End ConversationConstraints? PartyInfo{2} SimplePart+ Packaging+ "
        "Signature? Comment*",
        "PartyInfo": "PartyId+ PartyRef+ CollaborationRole+ Certificate* SecurityDetails* "
        "DeliveryChannel+ Transport+ DocExchange+ OverrideMshActionBinding*",
        "CollaborationRole": "ProcessSpecification Role ApplicationCertificateRef* "
        "ApplicationSecurityDetailsRef? ServiceBinding",
        "ProcessSpecification": "other*",
        "ServiceBinding": "Service CanSend* CanReceive*",
        "CanSend": "ThisPartyActionBinding OtherPartyActionBinding? CanReceive*",
        "CanReceive": "ThisPartyActionBinding OtherPartyActionBinding? CanSend*",
        "ThisPartyActionBinding": "BusinessTransactionCharacteristics ActionContext? ChannelId+ "
        "other*",
        "ActionContext": "CollaborationActivity? other*",
        "CollaborationActivity": "CollaborationActivity?",
        "Certificate": "other",
        "SecurityDetails": "TrustAnchors? SecurityPolicy?",
        "TrustAnchors": "AnchorCertificateRef+",
        "DeliveryChannel": "MessagingCharacteristics",
        "Transport": "TransportSender? TransportReceiver?",
        "TransportSender": "TransportProtocol AccessAuthentication* TransportClientSecurity?",
        "TransportReceiver": "TransportProtocol AccessAuthentication* Endpoint+ "
        "TransportServerSecurity?",
        "TransportClientSecurity": "TransportSecurityProtocol ClientCertificateRef? "
        "ServerSecurityDetailsRef? EncryptionAlgorithm*",
        "TransportServerSecurity": "TransportSecurityProtocol ServerCertificateRef "
        "ClientSecurityDetailsRef? EncryptionAlgorithm*",
        "DocExchange": "ebXMLSenderBinding? ebXMLReceiverBinding?",
        "ebXMLSenderBinding": "ReliableMessaging? PersistDuration? SenderNonRepudiation? "
        "SenderDigitalEnvelope? NamespaceSupported*",
        "ebXMLReceiverBinding": "ReliableMessaging? PersistDuration? ReceiverNonRepudiation? "
        "ReceiverDigitalEnvelope? NamespaceSupported*",
        "ReliableMessaging": "Retries? RetryInterval? MessageOrderSemantics",
        "SenderNonRepudiation": "NonRepudiationProtocol HashFunction SignatureAlgorithm+ "
        "SigningCertificateRef",
        "ReceiverNonRepudiation": "NonRepudiationProtocol HashFunction SignatureAlgorithm+ "
        "SigningSecurityDetailsRef?",
        "SenderDigitalEnvelope": "DigitalEnvelopeProtocol EncryptionAlgorithm+ "
        "EncryptionSecurityDetailsRef?",
        "ReceiverDigitalEnvelope": "DigitalEnvelopeProtocol EncryptionAlgorithm+ "
        "EncryptionCertificateRef",
        "SimplePart": "NamespaceSupported*",
        "Packaging": "ProcessingCapabilities CompositeList+",
        "CompositeList": "Encapsulation|Composite+",
        "Encapsulation": "Constituent",
        "Composite": "Constituent+",
        "Constituent": "SignatureTransforms? EncryptionTransforms?",
        "SignatureTransforms": "other+",
        "EncryptionTransforms": "other+",
        "Signature": "other+",
    }
)
# Attributes, each with the kind of its value; a ! is behind those that must be there.
_PART = "id:id! mimetype:text! mimeparameters:text"
_ALGORITHM = "oid:text w3c:text enumerationType:text"
_CERTIFICATE, _SECURITY = "certId:idref!", "securityId:idref!"
_ATTRIBUTES: Mapping[str, str] = MappingProxyType(
    {
        ROOT: "cpaid:text! version:text!",
        "Status": "value:status!",
        "ConversationConstraints": "invocationLimit:integer concurrentConversations:integer",
        "PartyInfo": "partyName:text! defaultMshChannelId:idref! defaultMshPackageId:idref!",
        "PartyId": "type:text",
        "PartyRef": "type:text schemaLocation:text",
        "ProcessSpecification": "name:text! version:text! uuid:text",
        "Role": "name:text!",
        "ApplicationCertificateRef": _CERTIFICATE,
        "ApplicationSecurityDetailsRef": _SECURITY,
        "Service": "type:text",
        "ThisPartyActionBinding": "id:id! action:text! packageId:idref!",
        "BusinessTransactionCharacteristics": "isNonRepudiationRequired:boolean "
        "isNonRepudiationReceiptRequired:boolean isConfidential:persistence "
        "isAuthenticated:persistence isTamperProof:persistence isAuthorizationRequired:boolean "
        "isIntelligibleCheckRequired:boolean timeToAcknowledgeReceipt:duration "
        "timeToAcknowledgeAcceptance:duration timeToPerform:duration retryCount:integer",
        "ActionContext": "binaryCollaboration:text! businessTransactionActivity:text! "
        "requestOrResponseAction:text!",
        "CollaborationActivity": "name:text",
        "Certificate": "certId:id!",
        "SecurityDetails": "securityId:id!",
        "AnchorCertificateRef": _CERTIFICATE,
        "DeliveryChannel": "channelId:id! transportId:idref! docExchangeId:idref!",
        "MessagingCharacteristics": "syncReplyMode:sync ackRequested:agreed "
        "ackSignatureRequested:agreed duplicateElimination:agreed actor:actor",
        "Transport": "transportId:id!",
        "TransportProtocol": "version:text",
        "TransportSecurityProtocol": "version:text",
        "Endpoint": "uri:text! type:endpoint",
        "ClientCertificateRef": _CERTIFICATE,
        "ServerCertificateRef": _CERTIFICATE,
        "ServerSecurityDetailsRef": _SECURITY,
        "ClientSecurityDetailsRef": _SECURITY,
        "DocExchange": "docExchangeId:id!",
        "ebXMLSenderBinding": "version:text!",
        "ebXMLReceiverBinding": "version:text!",
        "NonRepudiationProtocol": "version:text",
        "DigitalEnvelopeProtocol": "version:text",
        "SignatureAlgorithm": _ALGORITHM,
        "EncryptionAlgorithm": f"minimumStrength:integer {_ALGORITHM}",
        "SigningCertificateRef": _CERTIFICATE,
        "EncryptionCertificateRef": _CERTIFICATE,
        "SigningSecurityDetailsRef": _SECURITY,
        "EncryptionSecurityDetailsRef": _SECURITY,
        "NamespaceSupported": "location:text! version:text",
        "OverrideMshActionBinding": "action:text! channelId:idref!",
        "SimplePart": _PART,
        "Packaging": "id:id!",
        "ProcessingCapabilities": "parse:boolean! generate:boolean!",
        "Encapsulation": _PART,
        "Composite": _PART,
        "Constituent": "idref:idref! excludedFromSignature:boolean minOccurs:integer "
        "maxOccurs:integer",
    }
)
# Elements with text, by the kind of it.
_TEXTS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            [
                "PartyId",
                "Service",
                "TransportProtocol",
                "TransportSecurityProtocol",
                "HashFunction",
                "SignatureAlgorithm",
                "EncryptionAlgorithm",
                "NonRepudiationProtocol",
                "DigitalEnvelopeProtocol",
                "NamespaceSupported",
                "Comment",
            ],
            "text",
        ),
        "Start": "dateTime",
        "End": "dateTime",
        "OtherPartyActionBinding": "idref",
        "ChannelId": "idref",
        "AccessAuthentication": "authentication",
        "Retries": "count",
        "RetryInterval": "duration",
        "PersistDuration": "duration",
        "MessageOrderSemantics": "order",
    }
)
_VALUES: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "status": tuple(Status),
        "persistence": tuple(Persistence),
        "sync": tuple(SyncReply),
        "agreed": tuple(Agreed),
        "endpoint": tuple(EndpointType),
        "actor": (ACTOR_TO_PARTY, ACTOR_NEXT_MSH),
        "order": ("Guaranteed", "NotGuaranteed"),
        "authentication": ("basic", "digest"),
        "boolean": ("true", "false", "1", "0"),
    }
)
_NAME = re.compile(r"[^\W\d][\w.\-\u00b7]*")
_INTEGER = re.compile(r"[+-]?[0-9]{1,9}", re.ASCII)
_TOKEN = re.compile(r"(?P<names>[\w|]+)(?P<many>[?*+]|\{2\})?")
_BOUNDS = {None: (1, 1), "?": (0, 1), "*": (0, None), "+": (1, None), "{2}": (2, 2)}


def mistakes_of(root: etree._Element) -> tuple[Mistake, ...]:
    """Return everything in which a tree has not the form of a CPA; references are not followed.

    Args:
        root: of a document without DOCTYPE; comments and instructions may stand anywhere.
    """
    if root.tag != f"{{{CPA}}}{ROOT}":
        return (Mistake(f"/{local_name(root)}", f"expected a {ROOT} in the namespace {CPA}"),)
    return tuple(_mistakes(root, f"/{ROOT}"))


def local_name(element: etree._Element) -> str:
    """Return the name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]


def elements_of(element: etree._Element) -> list[etree._Element]:
    """Return the child elements, without comments and instructions."""
    return list(element.iterchildren("{*}*"))


def paths_of(element: etree._Element, path: str) -> Iterator[tuple[etree._Element, str]]:
    """Yield the child elements with their paths; those of a name that stands twice are counted."""
    children = elements_of(element)
    several, seen = Counter(map(local_name, children)), Counter[str]()
    for child in children:
        name = local_name(child)
        seen[name] += 1
        yield child, f"{path}/{name}[{seen[name]}]" if several[name] > 1 else f"{path}/{name}"


def _mistakes(element: etree._Element, path: str) -> Iterator[Mistake]:
    name = local_name(element)
    yield from _wrong_attributes(element, name, path)
    yield from _wrong_text(element, name, path)
    children = list(paths_of(element, path))
    yield from _wrong_children(children, name, path)
    for child, where in children:
        if _is_cpa(child) and _known(local_name(child)):
            yield from _mistakes(child, where)


def _known(name: str) -> bool:
    return name in _CHILDREN or name in _ATTRIBUTES or name in _TEXTS


def _is_cpa(element: etree._Element) -> bool:
    return str(element.tag).startswith(f"{{{CPA}}}")


def _wrong_attributes(element: etree._Element, name: str, path: str) -> Iterator[Mistake]:
    known = set()
    for word in _ATTRIBUTES.get(name, "").split():
        attribute, _, kind = word.rstrip("!").partition(":")
        known.add(attribute)
        value = element.get(f"{{{CPA}}}{attribute}")
        if value is None:
            if word.endswith("!"):
                yield Mistake(path, f"the attribute {attribute} is missing")
        else:
            yield from _wrong_value(value, kind, f"{path}/@{attribute}")
    for attribute in map(str, element.keys()):
        namespace, _, local = attribute.rpartition("}")
        if not namespace:
            hint = (
                " (attributes of a CPA have the prefix of its namespace)" if local in known else ""
            )
            yield Mistake(f"{path}/@{local}", f"an attribute without a namespace{hint}")
        elif namespace == f"{{{CPA}" and local not in known:
            yield Mistake(f"{path}/@{local}", f"{name} has no such attribute")


def _wrong_text(element: etree._Element, name: str, path: str) -> Iterator[Mistake]:
    kind = _TEXTS.get(name)
    text = text_of(element)
    if kind is not None:
        yield from _wrong_value(text, kind, path)
    elif text:
        yield Mistake(path, "text stands where only elements may")


def text_of(element: etree._Element) -> str:
    """Return the text of an element outside of its children, without space around it."""
    return "".join((element.text or "", *(child.tail or "" for child in element))).strip(_SPACE)


def _wrong_value(value: str, kind: str, path: str) -> Iterator[Mistake]:
    value = value.strip(_SPACE)
    if kind in _VALUES:
        if value not in _VALUES[kind]:
            yield Mistake(path, f"{_shown(value)}; expected {', '.join(_VALUES[kind])}")
        return
    match kind:
        case "text":
            wanted = None if value else "a text"
        case "integer":
            wanted = None if _INTEGER.fullmatch(value) else "a whole number"
        case "count":
            wanted = None if _INTEGER.fullmatch(value) and value[0] != "-" else "a number from 0"
        case "dateTime":
            wanted = _unless_read(_read_date_time, value, "a moment like 2026-01-31T00:00:00Z")
        case "duration":
            wanted = _unless_read(parse_duration, value, "a duration like PT3H or P1D")
        case _:
            wanted = None if _NAME.fullmatch(value) else "a name that XML allows as an id"
    if wanted is not None:
        yield Mistake(path, f"{_shown(value)}; expected {wanted}")


def _unless_read(read: Callable[[str], object], value: str, wanted: str) -> str | None:
    try:
        read(value)
    except ValueError:
        return wanted
    return None


def _read_date_time(value: str) -> object:
    # A CPA may leave out the zone; reading takes UTC.
    return parse_date_time(value, zone_when_missing=UTC)


def _shown(value: str) -> str:
    clean = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in value)
    return f"{clean[:60]!r}" if clean else "nothing"


def _wrong_children(
    children: Sequence[tuple[etree._Element, str]], name: str, path: str
) -> Iterator[Mistake]:
    place = 0
    for word in _CHILDREN.get(name, "").split():
        match = cast("re.Match[str]", _TOKEN.fullmatch(word))
        names, (least, most) = match["names"].split("|"), _BOUNDS[match["many"]]
        found = 0
        while place < len(children) and found != most and _is_one_of(children[place][0], names):
            place, found = place + 1, found + 1
        while place < len(children) and most and _is_one_of(children[place][0], names):
            yield Mistake(children[place][1], f"is one too many; {most} may stand in {name}")
            place += 1
        if found < least:
            yield Mistake(path, _missing(names, least, found, children[place:]))
    for child, where in children[place:]:
        told = "unknown here or out of its order" if _is_cpa(child) else "of another namespace"
        yield Mistake(where, f"is {told}; {name} holds {_told(name)}")
        # What follows is as likely right.
        return


def _is_one_of(element: etree._Element, names: Sequence[str]) -> bool:
    if names == ["other"]:
        return not _is_cpa(element)
    return _is_cpa(element) and local_name(element) in names


def _missing(
    names: Sequence[str], least: int, found: int, rest: Sequence[tuple[etree._Element, str]]
) -> str:
    what = "an element of another namespace" if names == ["other"] else " or ".join(names)
    number = f"{least} are needed" if least > 1 else "it must be there"
    instead = f" before {local_name(rest[0][0])}" if rest else ""
    return f"{what} is missing{instead}: {number}, {found} found"


def _told(name: str) -> str:
    return _CHILDREN.get(name, "").replace("other", "(another namespace)") or "no elements"
