"""The gate: from octets to verified parts, and from an answer to signed octets.

Everything a request must meet before any service sees it happens here, in the
order of the catalogue of checks. What passes is handed on as ``Opened``; what
does not becomes a fault, unsigned, with the generic text and, in a sandbox, the
explanation.
"""

import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

import pybase64
from lxml import etree

from digipoort_wus import checks, limits
from digipoort_wus.clock import Clock
from digipoort_wus.contract.schema import validate
from digipoort_wus.errors import Refusal
from digipoort_wus.names import OPHAAL, TYPES, WSA_ANONYMOUS, Operation, Service
from digipoort_wus.pki.chain import VerifiedCertificate
from digipoort_wus.pki.identity import Identity
from digipoort_wus.pki.oin import oin_of
from digipoort_wus.process.api import Caller
from digipoort_wus.server.http import HttpAnswer, HttpRequest, check_soap_action
from digipoort_wus.soap.addressing import (
    Addressing,
    Destinations,
    read_addressing,
    require_anonymous,
    require_destination,
)
from digipoort_wus.soap.envelope import Envelope, read_envelope
from digipoort_wus.soap.fault import fault_envelope, fault_of
from digipoort_wus.wss.policy import SecurityPolicy, Suite
from digipoort_wus.wss.sign import signed_answer
from digipoort_wus.wss.verify import (
    SignatureEngine,
    Trust,
    Verified,
    valid_until,
    verify_envelope,
    verify_signature,
)
from digipoort_wus.xmlsafe.parse import parse_message
from digipoort_wus.xmlsafe.splice import LIFT_FROM, LargeTexts

_INHOUD = f"{{{TYPES}}}inhoud"


@dataclass(frozen=True, slots=True)
class Gate:
    """How requests are judged and answers signed.

    Args:
        policy: what signature and timestamp must meet.
        trust: judges a signer's certificate.
        identity: certificate and key that sign the answers.
        clock: the time of receipt and of signing.
        new_message_id: makes a wsa:MessageID for an answer or fault.
        explain_faults: put the explanation into fault texts (sandbox).
        origins: what wsa:To may name; None accepts any host (sandbox).
        mandates: pairs (TLS peer's OIN, signer's OIN) that may differ.
        engine: does the cryptography of requests.
        fault_status: HTTP status of faults: 500, or 200 for clients that need it.
        echo_message_id: answer with the request's MessageID, as was once observed.
    """

    policy: SecurityPolicy
    trust: Trust
    identity: Identity
    clock: Clock
    new_message_id: Callable[[], str]
    explain_faults: bool = False
    origins: frozenset[tuple[str, str, int]] | None = None
    mandates: frozenset[tuple[str, str]] = frozenset()
    engine: SignatureEngine = verify_signature
    fault_status: int = 500
    echo_message_id: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """A request that passed: all that later code may read of it.

    Args:
        body_child: the signed element; each ``inhoud`` holds the index of its part.
        parts: the decoded contents: berichtInhoud first, then the attachments.
        caller: who asks.
        suite: how the answer is signed.
    """

    service: Service
    operation: Operation
    body_child: etree._Element
    parts: tuple[bytes, ...] = field(repr=False)
    caller: Caller
    signer: VerifiedCertificate
    suite: Suite
    signature: bytes = field(repr=False)
    """SHA-256 of SignatureValue: the same again is the same message again."""
    valid_until: datetime
    """When the Timestamp no longer lets this message in, skew included."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A request that did not pass, with what of it was readable for the fault."""

    service: Service
    operation: Operation | None
    message_id: str | None
    refusal: Refusal


def open_request(gate: Gate, service: Service, request: HttpRequest) -> Opened | Rejected:
    """Judge one request for a service; never raises for what a sender did.

    Args:
        request: its body is taken, so that nobody holds the octets after the parse.
    """
    operation: Operation | None = None
    addressing: Addressing | None = None
    try:
        envelope, texts = _read_message(request)
        addressing = read_addressing(envelope)
        operation = _operation(service, addressing.action)
        _check_addressing(gate, service, operation, envelope, addressing, request)
        now = gate.clock()
        verified = verify_envelope(
            envelope,
            addressing,
            policy=gate.policy,
            trust=gate.trust,
            now=now,
            engine=gate.engine,
            texts=texts,
        )
        caller = _caller(gate, verified, request)
        parts = take_contents(verified.body_child, texts)
        # What is large where no content stands is for the schema to refuse.
        texts.restore()
        validate(verified.body_child)
    except Refusal as refusal:
        message_id = addressing.message_id if addressing else None
        return Rejected(service, operation, message_id, bare(refusal))
    return Opened(
        service,
        operation,
        verified.body_child,
        parts,
        caller,
        verified.signer,
        verified.suite,
        sha256(verified.signature_value).digest(),
        valid_until(verified.timestamp, gate.policy),
    )


def _read_message(request: HttpRequest) -> tuple[Envelope, LargeTexts]:
    """Parse the body once; the texts of a large message are kept beside its tree.

    Raises:
        Refusal: an XML or SOAP check.
    """
    large = len(request.body) >= LIFT_FROM
    envelope = read_envelope(parse_message(request.take_body()))
    return envelope, LargeTexts(envelope.body if large else None)


def answer(gate: Gate, opened: Opened, element: etree._Element) -> HttpAnswer:
    """Return the signed answer to a request, in the algorithms that the request used."""
    related = opened.caller.message_id
    message_id = related if gate.echo_message_id else gate.new_message_id()
    headers = (
        ("To", WSA_ANONYMOUS),
        ("MessageID", message_id),
        ("Action", opened.service.response_action(opened.operation)),
        ("RelatesTo", related),
    )
    octets = signed_answer(
        headers,
        element,
        identity=gate.identity,
        suite=opened.suite,
        created=gate.clock(),
        # The only service whose answers have contents.
        texts=LargeTexts(element) if opened.service is OPHAAL else None,
    )
    return HttpAnswer(200, octets)


def fault(gate: Gate, rejected: Rejected) -> HttpAnswer:
    """Return the fault that tells a client why its request was refused."""
    octets = fault_envelope(
        fault_of(rejected.refusal, rejected.service, explain=gate.explain_faults),
        rejected.service,
        rejected.operation,
        message_id=gate.new_message_id(),
        relates_to=rejected.message_id,
    )
    return HttpAnswer(gate.fault_status, octets)


def take_contents(body_child: etree._Element, texts: LargeTexts | None = None) -> tuple[bytes, ...]:
    """Decode every ``inhoud`` and leave its index, four digits, in its place.

    Schema validation and Spyne would each copy and walk tens of megabytes of
    base64; the four digits are base64 too, so the schema still applies.

    Args:
        body_child: the verified element; changed. Only aanleverRequest has contents.
        texts: those that were taken out of it already.

    Raises:
        Refusal: XSD-BASE64, XSD-INHOUD-SIZE or ATTACHMENT-LIMIT.
    """
    parts: list[bytes] = []
    for element in _contents(body_child):
        # With children it is no base64Binary: left as it is, the schema refuses it.
        if len(element):
            continue
        if len(parts) > limits.MAX_ATTACHMENTS:
            raise Refusal(checks.ATTACHMENT_LIMIT, expected=f"{limits.MAX_ATTACHMENTS}")
        lifted = texts.take(element) if texts is not None else None
        parts.append(_decoded(_ascii(element.text or "") if lifted is None else lifted))
        del lifted
        element.text = f"{len(parts) - 1:04d}"
    return tuple(parts)


def _contents(body_child: etree._Element) -> list[etree._Element]:
    """Return the ``inhoud`` elements at the two places that the contract knows."""
    found: list[etree._Element] = []
    for holder in body_child:
        if holder.tag == f"{{{TYPES}}}berichtInhoud":
            found += [child for child in holder if child.tag == _INHOUD]
        elif holder.tag == f"{{{TYPES}}}berichtBijlagen":
            found += [child for part in holder for child in part if child.tag == _INHOUD]
    return found


def _ascii(text: str) -> bytes:
    try:
        return text.encode("ascii")
    except UnicodeEncodeError:
        raise Refusal(checks.XSD_BASE64) from None


def _decoded(text: bytes) -> bytes:
    compact = text
    if any(octet in text for octet in _WHITE_SPACE):
        compact = text.translate(None, _WHITE_SPACE)
    # Four characters are three octets, whatever they are: refuse before decoding.
    if len(compact) // 4 * 3 > limits.INHOUD_MAX_BYTES + 2:
        raise _too_long(len(compact) // 4 * 3)
    try:
        octets = pybase64.b64decode(compact, validate=True)
    except binascii.Error:
        raise Refusal(checks.XSD_BASE64) from None
    if len(octets) > limits.INHOUD_MAX_BYTES:
        raise _too_long(len(octets))
    return octets


_WHITE_SPACE = b" \t\r\n"


def _too_long(received: int) -> Refusal:
    return Refusal(
        checks.XSD_INHOUD_SIZE,
        expected=f"{limits.INHOUD_MAX_BYTES} bytes",
        received=f"about {received} bytes",
    )


def bare(refusal: Refusal) -> Refusal:
    """Drop the traceback: its frames hold the message, and who holds the refusal is in them.

    Such a circle of megabytes would wait for the cycle collector.
    """
    refusal.__context__ = None
    return refusal.with_traceback(None)


def _operation(service: Service, action: str) -> Operation:
    for operation in service.operations:
        if action in (service.request_action(operation), service.request_action_alias(operation)):
            return operation
    raise Refusal(
        checks.WSA_ACTION,
        expected=" or ".join(service.request_action(op) for op in service.operations[:1]),
        received=action,
    )


def _check_addressing(
    gate: Gate,
    service: Service,
    operation: Operation,
    envelope: Envelope,
    addressing: Addressing,
    request: HttpRequest,
) -> None:
    failed = check_soap_action(request.head.headers.get("soapaction"), addressing.action)
    if failed is not None:
        raise Refusal(
            failed,
            expected=addressing.action,
            received=request.head.headers.get("soapaction", ""),
        )
    if envelope.body_child.tag != f"{{{TYPES}}}{operation.request}":
        raise Refusal(
            checks.WSA_BODY,
            expected=f"{{{TYPES}}}{operation.request}",
            received=str(envelope.body_child.tag),
        )
    require_destination(addressing, Destinations(service.paths, gate.origins))
    require_anonymous(addressing)


def _caller(gate: Gate, verified: Verified, request: HttpRequest) -> Caller:
    signer = verified.signer.oin
    tls_oin = oin_of(request.peer) if request.peer is not None else None
    if tls_oin not in (None, signer) and (tls_oin, signer) not in gate.mandates:
        raise Refusal(checks.WSS_SIGNER, expected=f"OIN {tls_oin}", received=f"OIN {signer}")
    return Caller(signer, tls_oin, verified.addressing.message_id, verified.body_digest)
