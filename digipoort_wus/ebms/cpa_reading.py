"""From the octets of a CPA to its values, with everything that is wrong told at once."""

import base64
import binascii
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from digipoort_wus.clock import parse_date_time
from digipoort_wus.ebms import cpa
from digipoort_wus.ebms.cpa_duration import parse_duration
from digipoort_wus.ebms.cpa_references import walk, wrong_references
from digipoort_wus.ebms.cpa_structure import (
    Mistake,
    elements_of,
    local_name,
    mistakes_of,
    text_of,
)
from digipoort_wus.ebms.message import PartyId, Service
from digipoort_wus.ebms.names import ACTOR_TO_PARTY, CPA
from digipoort_wus.ebms.terms import Agreed, SyncReply
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.names import DS
from digipoort_wus.pki.profiles import UNREADABLE
from digipoort_wus.xmlsafe.parse import parse_document

MAX_OCTETS = 4_000_000
"""Of a CPA; large real ones are 50 kB."""
_MISTAKES_TOLD = 10
_CERTIFICATES = "/".join(f"{{{DS}}}{name}" for name in ("KeyInfo", "X509Data", "X509Certificate"))


class CpaError(ConfigurationError):
    """A document that is no CPA.

    Args:
        mistakes: everything that is wrong with it.
    """

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        self.mistakes = mistakes
        told = "; ".join(map(str, mistakes[:_MISTAKES_TOLD]))
        more = len(mistakes) - _MISTAKES_TOLD
        super().__init__(
            f"The CPA cannot be read: {told}"
            + (f"; and {more} more" if more > 0 else "")
            + ". Mend it, or ask who made it for another."
        )


def read_agreement(data: bytes) -> cpa.Agreement:
    """Read a CPA 2.0: its form, its references and its certificates.

    What it says is not judged here: see :func:`~digipoort_wus.ebms.cpa_findings.findings`.

    Args:
        data: octets of the document, at most ``MAX_OCTETS``, in any encoding that XML names.

    Raises:
        CpaError: it is no CPA, with every mistake and where it is.
    """
    if len(data) > MAX_OCTETS:
        raise CpaError((Mistake("/", f"{len(data)} octets; expected at most {MAX_OCTETS}"),))
    try:
        root = parse_document(data)
    except Refusal as refusal:
        raise CpaError((Mistake("/", refusal.explanation()),)) from refusal
    mistakes = mistakes_of(root) or (*wrong_references(root), *_wrong_certificates(root))
    if mistakes:
        raise CpaError(mistakes)
    return _agreement(root)


def _wrong_certificates(root: etree._Element) -> Iterator[Mistake]:
    for element, path in walk(root, f"/{local_name(root)}"):
        if local_name(element) == "Certificate":
            try:
                _chain(element)
            except ValueError as error:
                yield Mistake(path, str(error))


def _agreement(root: etree._Element) -> cpa.Agreement:
    first, second = (_party(each) for each in _all(root, "PartyInfo"))
    return cpa.Agreement(
        cpa_id=_get(root, "cpaid"),
        version=_get(root, "version"),
        status=cpa.Status(_get(_one(root, "Status"), "value")),
        start=_moment(_one(root, "Start")),
        end=_moment(_one(root, "End")),
        parties=(first, second),
        signed=_child(root, "Signature") is not None,
    )


def _party(element: etree._Element) -> cpa.PartyInfo:
    return cpa.PartyInfo(
        name=_get(element, "partyName"),
        ids=tuple(
            PartyId(text_of(each), _attribute(each, "type")) for each in _all(element, "PartyId")
        ),
        default_channel=_get(element, "defaultMshChannelId"),
        roles=tuple(map(_role, _all(element, "CollaborationRole"))),
        certificates=tuple(
            cpa.Certificate(_get(each, "certId"), _chain(each))
            for each in _all(element, "Certificate")
        ),
        security=tuple(
            cpa.SecurityDetails(
                _get(each, "securityId"),
                tuple(
                    _get(anchor, "certId")
                    for anchors in _all(each, "TrustAnchors")
                    for anchor in _all(anchors, "AnchorCertificateRef")
                ),
            )
            for each in _all(element, "SecurityDetails")
        ),
        channels=tuple(map(_channel, _all(element, "DeliveryChannel"))),
        transports=tuple(map(_transport, _all(element, "Transport"))),
        doc_exchanges=tuple(
            cpa.DocExchange(
                _get(each, "docExchangeId"),
                _binding(_child(each, "ebXMLSenderBinding")),
                _binding(_child(each, "ebXMLReceiverBinding")),
            )
            for each in _all(element, "DocExchange")
        ),
        overrides=tuple(
            (_get(each, "action"), _get(each, "channelId"))
            for each in _all(element, "OverrideMshActionBinding")
        ),
    )


def _role(element: etree._Element) -> cpa.CollaborationRole:
    binding = _one(element, "ServiceBinding")
    service = _one(binding, "Service")
    sends, receives = list(_all(binding, "CanSend")), list(_all(binding, "CanReceive"))
    return cpa.CollaborationRole(
        process=_get(_one(element, "ProcessSpecification"), "name"),
        role=_get(_one(element, "Role"), "name"),
        service=Service(text_of(service), _attribute(service, "type")),
        can_send=tuple(_bindings("CanSend", (*sends, *receives))),
        can_receive=tuple(_bindings("CanReceive", (*receives, *sends))),
    )


def _bindings(
    direction: str, elements: Iterable[etree._Element], *, nested: bool = False
) -> Iterator[cpa.ActionBinding]:
    for element in elements:
        if local_name(element) == direction:
            yield _action(element, nested=nested)
        for inner in elements_of(element):
            if local_name(inner) in ("CanSend", "CanReceive"):
                yield from _bindings(direction, [inner], nested=True)


def _action(element: etree._Element, *, nested: bool) -> cpa.ActionBinding:
    this, other = (
        _one(element, "ThisPartyActionBinding"),
        _child(element, "OtherPartyActionBinding"),
    )
    asked = _one(this, "BusinessTransactionCharacteristics")
    return cpa.ActionBinding(
        id=_get(this, "id"),
        action=_get(this, "action"),
        business=cpa.Business(
            non_repudiation=_is_true(asked, "isNonRepudiationRequired"),
            receipt=_is_true(asked, "isNonRepudiationReceiptRequired"),
            confidential=cpa.Persistence(_attribute(asked, "isConfidential") or "none"),
            authenticated=cpa.Persistence(_attribute(asked, "isAuthenticated") or "none"),
            tamper_proof=cpa.Persistence(_attribute(asked, "isTamperProof") or "none"),
            authorization=_is_true(asked, "isAuthorizationRequired"),
        ),
        channels=tuple(text_of(each) for each in _all(this, "ChannelId")),
        other=None if other is None else text_of(other),
        nested=nested,
    )


def _channel(element: etree._Element) -> cpa.Channel:
    found = _one(element, "MessagingCharacteristics")
    default = Agreed.PER_MESSAGE
    return cpa.Channel(
        id=_get(element, "channelId"),
        transport=_get(element, "transportId"),
        doc_exchange=_get(element, "docExchangeId"),
        messaging=cpa.Messaging(
            SyncReply(_attribute(found, "syncReplyMode") or SyncReply.NONE),
            Agreed(_attribute(found, "ackRequested") or default),
            Agreed(_attribute(found, "ackSignatureRequested") or default),
            Agreed(_attribute(found, "duplicateElimination") or default),
            _attribute(found, "actor") or ACTOR_TO_PARTY,
        ),
    )


def _transport(element: etree._Element) -> cpa.Transport:
    sender, receiver = _child(element, "TransportSender"), _child(element, "TransportReceiver")
    client = _child(sender, "TransportClientSecurity")
    server = _child(receiver, "TransportServerSecurity")
    protocols = (_child(each, "TransportSecurityProtocol") for each in (client, server))
    return cpa.Transport(
        id=_get(element, "transportId"),
        client_certificate=_referred(client, "ClientCertificateRef", "certId"),
        server_trust=_referred(client, "ServerSecurityDetailsRef", "securityId"),
        endpoints=tuple(
            cpa.Endpoint(
                _get(each, "uri"), cpa.EndpointType(_attribute(each, "type") or "allPurpose")
            )
            for each in ([] if receiver is None else _all(receiver, "Endpoint"))
        ),
        server_certificate=_referred(server, "ServerCertificateRef", "certId"),
        client_trust=_referred(server, "ClientSecurityDetailsRef", "securityId"),
        protocols=tuple(
            f"{text_of(each)} {_attribute(each, 'version') or ''}".strip()
            for each in protocols
            if each is not None
        ),
    )


def _binding(element: etree._Element | None) -> cpa.Binding | None:
    if element is None:
        return None
    reliable, persist = _child(element, "ReliableMessaging"), _child(element, "PersistDuration")
    retries, interval = _child(reliable, "Retries"), _child(reliable, "RetryInterval")
    order = _child(reliable, "MessageOrderSemantics")
    return cpa.Binding(
        reliable=reliable is not None,
        retries=None if retries is None else int(text_of(retries)),
        interval=_duration(interval),
        ordered=order is not None and text_of(order) == "Guaranteed",
        persist=_duration(persist),
        non_repudiation=_non_repudiation(element),
        envelope=_envelope(element),
    )


def _non_repudiation(element: etree._Element) -> cpa.NonRepudiation | None:
    for name in ("SenderNonRepudiation", "ReceiverNonRepudiation"):
        found = _child(element, name)
        if found is not None:
            return cpa.NonRepudiation(
                text_of(_one(found, "HashFunction")),
                tuple(map(_algorithm, _all(found, "SignatureAlgorithm"))),
                _referred(found, "SigningCertificateRef", "certId"),
                _referred(found, "SigningSecurityDetailsRef", "securityId"),
            )
    return None


def _envelope(element: etree._Element) -> cpa.DigitalEnvelope | None:
    for name in ("SenderDigitalEnvelope", "ReceiverDigitalEnvelope"):
        found = _child(element, name)
        if found is not None:
            return cpa.DigitalEnvelope(
                text_of(_one(found, "DigitalEnvelopeProtocol")),
                tuple(map(_algorithm, _all(found, "EncryptionAlgorithm"))),
                _referred(found, "EncryptionCertificateRef", "certId"),
                _referred(found, "EncryptionSecurityDetailsRef", "securityId"),
            )
    return None


def _algorithm(element: etree._Element) -> str:
    return _attribute(element, "w3c") or text_of(element)


def _chain(element: etree._Element) -> tuple[bytes, ...]:
    """Return the certificates of a ds:KeyInfo, leaf first.

    Raises:
        ValueError: it holds none, or one that cannot be read.
    """
    texts = element.iterfind(_CERTIFICATES)
    found: list[x509.Certificate] = []
    for text in texts:
        try:
            octets = base64.b64decode("".join(text_of(text).split()), validate=True)
            certificate = x509.load_der_x509_certificate(octets)
            # Read late; what comes after may then rely on it.
            _ = certificate.subject, certificate.issuer
        except (*UNREADABLE, binascii.Error) as error:
            raise ValueError("holds a certificate that cannot be read; expected X.509") from error
        found.append(certificate)
    if not found:
        raise ValueError("holds no certificate; expected a ds:KeyInfo with X509Data")
    issuers = [one.issuer for one in found if one.issuer != one.subject]
    # The sort is stable: where they form no chain, the order of the document stays.
    found.sort(key=lambda one: one.subject in issuers)
    return tuple(one.public_bytes(Encoding.DER) for one in found)


def _moment(element: etree._Element) -> datetime:
    return parse_date_time(text_of(element), zone_when_missing=UTC)


def _duration(element: etree._Element | None) -> timedelta | None:
    return None if element is None else parse_duration(text_of(element))


def _is_true(element: etree._Element, name: str) -> bool:
    return _attribute(element, name) in ("true", "1")


def _get(element: etree._Element, name: str) -> str:
    return _attribute(element, name) or ""


def _attribute(element: etree._Element, name: str) -> str | None:
    value = element.get(f"{{{CPA}}}{name}")
    return None if value is None else value.strip()


def _all(element: etree._Element, name: str) -> Iterator[etree._Element]:
    return element.iterchildren(f"{{{CPA}}}{name}")


def _child(element: etree._Element | None, name: str) -> etree._Element | None:
    return None if element is None else next(_all(element, name), None)


def _one(element: etree._Element, name: str) -> etree._Element:
    # It is there: the form was looked at before.
    return next(_all(element, name))


def _referred(element: etree._Element | None, name: str, attribute: str) -> str | None:
    found = _child(element, name)
    return None if found is None else _attribute(found, attribute)
