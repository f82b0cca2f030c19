"""An agreement as XML: from a plan, element by element in the order of the schema."""

import base64
import textwrap
from datetime import UTC, datetime, timedelta

from lxml import etree

from digipoort_wus.ebms.cpa_duration import format_duration
from digipoort_wus.ebms.cpa_plan import PartyPlan, Plan
from digipoort_wus.ebms.names import ACTOR_TO_PARTY, CPA, XLINK
from digipoort_wus.ebms.terms import SyncReply
from digipoort_wus.names import DS

_TNS = f"{{{CPA}}}"
_NSMAP = {"tns": CPA, "ds": DS, "xlink": XLINK}
_MESSAGE, _SIGNAL = "MessagePackage", "SignalPackage"
_ENVELOPE_PART, _PAYLOAD_PART = "EnvelopePart", "PayloadPart"
_XML = "text/xml"
_RELATED = "multipart/related"


def write_agreement(plan: Plan, cpa_id: str, persist: timedelta) -> bytes:
    """Return the CPA of a plan; nothing is judged.

    Args:
        plan: with all that its profile needs.
        cpa_id: of the agreement.
        persist: PersistDuration of reliable channels; whole seconds.
    """
    root = etree.Element(f"{_TNS}CollaborationProtocolAgreement", nsmap=_NSMAP)
    root.set(f"{_TNS}cpaid", cpa_id)
    root.set(f"{_TNS}version", "1.0")
    _add(root, "Status", value="agreed")
    _text(root, "Start", _moment(plan.start))
    _text(root, "End", _moment(plan.end))
    for number in (0, 1):
        _party(root, plan, number, persist)
    for part_id, mimetype in ((_ENVELOPE_PART, _XML), (_PAYLOAD_PART, "application/xml")):
        _add(root, "SimplePart", id=part_id, mimetype=mimetype)
    _package(root, _MESSAGE, _ENVELOPE_PART, _PAYLOAD_PART)
    _package(root, _SIGNAL, _ENVELOPE_PART)
    etree.indent(root)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True) + b"\n"


def _party(root: etree._Element, plan: Plan, number: int, persist: timedelta) -> None:
    party, prefix = plan.parties[number], _prefix(number)
    signals = f"{prefix}_Signals" if plan.profile.reliable else f"{prefix}_Messages"
    info = _add(
        root,
        "PartyInfo",
        partyName=party.name,
        defaultMshChannelId=signals,
        defaultMshPackageId=_SIGNAL,
    )
    party_id = _text(info, "PartyId", party.id.value)
    if party.id.type is not None:
        party_id.set(f"{_TNS}type", party.id.type)
    _linked(info, "PartyRef", "")
    for index, planned in enumerate(plan.services, 1):
        sends, receives = planned.from_first, planned.from_second
        if number:
            sends, receives = receives, sends
        role = _add(info, "CollaborationRole")
        _linked(role, "ProcessSpecification", "", name=planned.service.value, version="1.0")
        _linked(role, "Role", "", name=party.role)
        binding = _add(role, "ServiceBinding")
        service = _text(binding, "Service", planned.service.value)
        if planned.service.type is not None:
            service.set(f"{_TNS}type", planned.service.type)
        for name, letter, actions in (("CanSend", "S", sends), ("CanReceive", "R", receives)):
            for place, action in enumerate(actions, 1):
                _action(_add(binding, name), plan, number, f"{letter}{index}.{place}", action)
    _certificates(info, plan, party, prefix)
    _channel(info, plan, prefix, "Messages", reliable=plan.profile.reliable)
    if plan.profile.reliable:
        _channel(info, plan, prefix, "Signals", reliable=False)
    _transport(info, plan, number)
    _doc_exchange(info, plan, prefix, "Messages", persist if plan.profile.reliable else None)
    if plan.profile.reliable:
        _doc_exchange(info, plan, prefix, "Signals", None)


def _action(parent: etree._Element, plan: Plan, number: int, place: str, action: str) -> None:
    this, profile = _prefix(number), plan.profile
    binding = _add(
        parent, "ThisPartyActionBinding", id=f"{this}_{place}", action=action, packageId=_MESSAGE
    )
    lasting = "transient-and-persistent"
    signed = lasting if profile.signed else "transient"
    _add(
        binding,
        "BusinessTransactionCharacteristics",
        isNonRepudiationRequired=_boolean(profile.signed),
        isNonRepudiationReceiptRequired=_boolean(profile.signed),
        isConfidential=lasting if profile.encrypted else "transient",
        isAuthenticated=signed,
        isTamperProof=signed,
        isAuthorizationRequired="true",
    )
    _text(binding, "ChannelId", f"{this}_Messages")
    other = place.translate(str.maketrans("SR", "RS"))
    _text(parent, "OtherPartyActionBinding", f"{_prefix(1 - number)}_{other}")


def _certificates(info: etree._Element, plan: Plan, party: PartyPlan, prefix: str) -> None:
    held = party.credentials
    found = [("ClientCert", held.client), ("ServerCert", held.server)]
    if plan.profile.signed and held.signing is not None:
        found.append(("SigningCert", held.signing))
    if plan.profile.encrypted and held.encryption is not None:
        found.append(("EncryptionCert", held.encryption))
    anchors = [f"Anchor{number}" for number in range(1, len(held.anchors) + 1)]
    found += zip(anchors, held.anchors, strict=True)
    for name, der in found:
        certificate = _add(info, "Certificate", certId=f"{prefix}_{name}")
        data = _ds(_ds(certificate, "KeyInfo"), "X509Data")
        lines = textwrap.wrap(base64.b64encode(der).decode("ascii"), 76)
        _ds(data, "X509Certificate").text = "\n" + "\n".join(lines) + "\n"
    if anchors:
        details = _add(info, "SecurityDetails", securityId=f"{prefix}_Trust")
        trust = _add(details, "TrustAnchors")
        for name in anchors:
            _add(trust, "AnchorCertificateRef", certId=f"{prefix}_{name}")


def _channel(info: etree._Element, plan: Plan, prefix: str, name: str, *, reliable: bool) -> None:
    channel = _add(
        info,
        "DeliveryChannel",
        channelId=f"{prefix}_{name}",
        transportId=f"{prefix}_Transport",
        docExchangeId=f"{prefix}_{name}Exchange",
    )
    asked = "always" if reliable else "never"
    _add(
        channel,
        "MessagingCharacteristics",
        syncReplyMode=plan.sync_reply if reliable else SyncReply.NONE,
        ackRequested=asked,
        ackSignatureRequested=asked if plan.profile.signed else "never",
        duplicateElimination=asked,
        actor=ACTOR_TO_PARTY,
    )


def _transport(info: etree._Element, plan: Plan, number: int) -> None:
    party, prefix = plan.parties[number], _prefix(number)
    transport = _add(info, "Transport", transportId=f"{prefix}_Transport")
    sender, receiver = _add(transport, "TransportSender"), _add(transport, "TransportReceiver")
    for side in (sender, receiver):
        _text(side, "TransportProtocol", "HTTP", version="1.1")
    _add(receiver, "Endpoint", uri=party.url, type="allPurpose")
    for side, security, certificate, trust in (
        (sender, "TransportClientSecurity", "ClientCert", "ServerSecurityDetailsRef"),
        (receiver, "TransportServerSecurity", "ServerCert", "ClientSecurityDetailsRef"),
    ):
        inside = _add(side, security)
        _text(inside, "TransportSecurityProtocol", "TLS", version="1.2")
        _add(
            inside,
            f"{certificate.removesuffix('Cert')}CertificateRef",
            certId=f"{prefix}_{certificate}",
        )
        if party.credentials.anchors:
            _add(inside, trust, securityId=f"{prefix}_Trust")


def _doc_exchange(
    info: etree._Element, plan: Plan, prefix: str, name: str, persist: timedelta | None
) -> None:
    """Add a DocExchange; with a PersistDuration it is a reliable one."""
    anchors = plan.parties[_number(prefix)].credentials.anchors
    exchange = _add(info, "DocExchange", docExchangeId=f"{prefix}_{name}Exchange")
    for side in ("Sender", "Receiver"):
        binding = _add(exchange, f"ebXML{side}Binding", version="2.0")
        if persist is not None:
            reliable = _add(binding, "ReliableMessaging")
            _text(reliable, "Retries", str(plan.retries))
            _text(reliable, "RetryInterval", format_duration(plan.interval))
            _text(reliable, "MessageOrderSemantics", "NotGuaranteed")
            _text(binding, "PersistDuration", format_duration(persist))
        if plan.profile.signed:
            signing = _add(binding, f"{side}NonRepudiation")
            _text(signing, "NonRepudiationProtocol", DS)
            _text(signing, "HashFunction", plan.digest)
            algorithm = plan.signature_algorithm
            _text(signing, "SignatureAlgorithm", algorithm, w3c=algorithm)
            if side == "Sender":
                _add(signing, "SigningCertificateRef", certId=f"{prefix}_SigningCert")
            elif anchors:
                _add(signing, "SigningSecurityDetailsRef", securityId=f"{prefix}_Trust")
        if plan.profile.encrypted and name == "Messages":
            envelope = _add(binding, f"{side}DigitalEnvelope")
            _text(envelope, "DigitalEnvelopeProtocol", "XMLENC", version="1.0")
            algorithm = plan.encryption_algorithm
            _text(envelope, "EncryptionAlgorithm", algorithm, w3c=algorithm)
            if side == "Receiver":
                _add(envelope, "EncryptionCertificateRef", certId=f"{prefix}_EncryptionCert")
            elif anchors:
                _add(envelope, "EncryptionSecurityDetailsRef", securityId=f"{prefix}_Trust")


def _package(root: etree._Element, package_id: str, *parts: str) -> None:
    package = _add(root, "Packaging", id=package_id)
    _add(package, "ProcessingCapabilities", parse="true", generate="true")
    composite = _add(
        _add(package, "CompositeList"),
        "Composite",
        id=f"{package_id}Composite",
        mimetype=_RELATED,
        mimeparameters=f"type={_XML}",
    )
    for part in parts:
        _add(composite, "Constituent", idref=part)


def _prefix(number: int) -> str:
    return ("A", "B")[number]


def _number(prefix: str) -> int:
    return ("A", "B").index(prefix)


def _add(parent: etree._Element, tag: str, /, **attributes: str) -> etree._Element:
    element: etree._Element = etree.SubElement(parent, f"{_TNS}{tag}")
    for attribute, value in attributes.items():
        element.set(f"{_TNS}{attribute}", value)
    return element


def _text(parent: etree._Element, tag: str, text: str, /, **attributes: str) -> etree._Element:
    element = _add(parent, tag, **attributes)
    element.text = text
    return element


def _linked(parent: etree._Element, tag: str, href: str, /, **attributes: str) -> None:
    element = _add(parent, tag, **attributes)
    element.set(f"{{{XLINK}}}type", "simple")
    element.set(f"{{{XLINK}}}href", href)


def _ds(parent: etree._Element, name: str) -> etree._Element:
    element: etree._Element = etree.SubElement(parent, f"{{{DS}}}{name}")
    return element


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _boolean(value: object) -> str:
    return "true" if value else "false"
