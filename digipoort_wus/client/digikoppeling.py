"""The requester's half of Digikoppeling WUS: sign a request, and judge what comes back.

Values only: who sends the octets, and how, is the caller's business. For Digipoort
itself, which confirms no signatures, see ``client.wsse``.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from lxml import etree

from digipoort_wus import limits
from digipoort_wus.client.checks import (
    ANSWER_ACTION,
    ANSWER_BODY,
    ANSWER_FAULT,
    ANSWER_RELATES_TO,
)
from digipoort_wus.client.errors import AnswerRefused
from digipoort_wus.clock import system_clock
from digipoort_wus.errors import DigipoortError, Refusal
from digipoort_wus.names import (
    WSA_ADDRESSING_FAULT_ACTION,
    WSA_FAULT_ACTION,
    WSA_UNSPECIFIED,
    Operation,
    Service,
)
from digipoort_wus.pki.identity import Identity
from digipoort_wus.soap.addressing import Addressing, read_addressing
from digipoort_wus.soap.envelope import (
    SECURITY,
    Envelope,
    local_name,
    read_envelope,
    require_basic_profile,
)
from digipoort_wus.wss.header import read_security
from digipoort_wus.wss.policy import (
    SUITE_SHA256,
    FaultSignature,
    SecurityPolicy,
    Signature,
    Suite,
)
from digipoort_wus.wss.sign import sign_request
from digipoort_wus.wss.verify import (
    SignatureEngine,
    Trust,
    verify_envelope,
    verify_unsigned,
)
from digipoort_wus.xmlsafe.parse import parse_message

_CODE = re.compile(r"(\d{4}): ")
_SHOWN_MAX = 300


class Faults(Enum):
    """Which faults are believed to come from the service."""

    ANY = "signed or not, about the request or about none that could be read"
    """As trustworthy as the connection. Many stacks sign no fault about a signature, and what
    stands before a service signs none at all."""
    SIGNED = "signed by the service, and about the request"
    """Also about one whose signature was found wrong, or not looked at: then somebody else may
    have sent that, under the same wsa:MessageID."""
    CONFIRMED = "signed by the service, and about the request with this very signature"
    """What is wrong with an envelope or a signature is told by no such fault."""


def faults_of(policy: SecurityPolicy) -> Faults:
    """Return which faults are believed unless somebody says otherwise.

    A service of 2W-be-S signs its faults, so whoever stands between it and its client can
    neither make one nor hand on one that is about something else.
    """
    return Faults.SIGNED if policy.fault_signature is FaultSignature.ALWAYS else Faults.ANY


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that went out: what its answer is compared with.

    Args:
        octets: of the whole message.
        message_id: its wsa:MessageID.
        signature_value: its SignatureValue, None without a signature.
    """

    octets: bytes = field(repr=False)
    message_id: str
    service: Service
    operation: Operation
    signature_value: bytes | None = field(repr=False)


class ServiceFault(DigipoortError):
    """A service of Digikoppeling answered with a SOAP fault.

    Args:
        faultcode: as it was written, such as ``wsse:FailedCheck``.
        text: faultstring.
        signed: whether the service's signature covers it.
        confirmed: whether it confirms, signed, the very signature of the request.
    """

    def __init__(self, faultcode: str, text: str, *, signed: bool, confirmed: bool = False) -> None:
        self.faultcode = faultcode
        self.text = text
        self.signed = signed
        self.confirmed = confirmed
        super().__init__(f"The service refused the request: {faultcode}: {text}")

    @property
    def code(self) -> str:
        """Return the code of four digits, empty when there is none."""
        found = _CODE.match(self.text)
        return found[1] if found else ""


def request_of(
    root: etree._Element,
    service: Service,
    operation: Operation,
    *,
    policy: SecurityPolicy,
    identity: Identity,
    suite: Suite = SUITE_SHA256,
    created: datetime | None = None,
) -> Sent:
    """Sign a request where its policy wants it, and return what goes over the wire.

    Args:
        root: a SOAP 1.1 Envelope with its wsa headers and Body complete; changed.
        service: whom it is for.
        operation: what it asks.
        policy: of the service.
        identity: whose certificate and key sign.
        suite: signature and digest algorithm.
        created: moment of signing, aware; the system's time when None.

    Raises:
        Refusal: the headers are not what the policy wants.
        ConfigurationError: the envelope has no Header or Body, or is signed already.
    """
    message_id = read_addressing(read_envelope(root), policy.addressing).message_id
    value: bytes | None = None
    if policy.signature is Signature.REQUIRED:
        moment = created or system_clock()
        value = sign_request(root, identity=identity, suite=suite, created=moment)
    octets = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return Sent(octets, message_id, service, operation, value)


def answer_to(
    sent: Sent,
    octets: bytes,
    *,
    policy: SecurityPolicy,
    trust: Trust,
    now: datetime,
    engine: SignatureEngine | None = None,
    faults: Faults | None = None,
) -> etree._Element:
    """Return the element that answers a request, when everything about the answer is right.

    Args:
        sent: the request.
        octets: body of the HTTP answer, whatever its status.
        policy: of the service.
        trust: judges who signed the answer.
        now: the moment of receipt, aware.
        engine: does the cryptography; the native one when None.
        faults: which are believed; when None those of :func:`faults_of`: signed ones of
            2W-be-S, any of 2W-be.

    Raises:
        AnswerRefused: the first check that failed; nothing of the answer may be used. For a
            fault that is not believed, with its text, so that people can look into it.
        ServiceFault: it is a fault that is believed.

    Digikoppeling WUS WA001 (RelatesTo), WB011, WB013 and WB014.
    """
    try:
        envelope = read_envelope(parse_message(octets, max_elements=limits.ANSWER_MAX_ELEMENTS))
        require_basic_profile(envelope)
        addressing = read_addressing(envelope, policy.addressing)
        signed = any(block.tag == SECURITY for block in envelope.blocks)
        if policy.signature is Signature.NONE:
            verify_unsigned(envelope, policy=policy, now=now)
        elif signed or not envelope.is_fault:
            verify_envelope(
                envelope,
                addressing,
                policy=policy,
                trust=trust,
                now=now,
                engine=engine,
                confirms=_confirmed(sent, envelope),
            )
        _require_answer(envelope, addressing, sent)
        if not envelope.is_fault:
            return envelope.body_child
        fault = _fault(envelope, signed=signed and policy.signature is Signature.REQUIRED)
        _require_believed(fault, faults or faults_of(policy), addressing, sent)
    except Refusal as refusal:
        raise AnswerRefused(refusal) from refusal
    raise fault


def _require_believed(
    fault: ServiceFault, faults: Faults, addressing: Addressing, sent: Sent
) -> None:
    if faults is Faults.ANY:
        return
    if not fault.signed:
        lacks = "an unsigned fault"
    elif addressing.relates_to != sent.message_id:
        lacks = "a fault about no message in particular"
    elif faults is Faults.CONFIRMED and not fault.confirmed:
        lacks = "a fault that confirms no signature"
    else:
        return
    text = f"{lacks}: {fault.faultcode}: {fault.text}"
    # Somebody else's words: they shall not steer a terminal.
    shown = "".join(char if char.isprintable() else " " for char in text[:_SHOWN_MAX])
    raise Refusal(ANSWER_FAULT, expected=faults.value, received=shown)


def _confirmed(sent: Sent, envelope: Envelope) -> bytes | None:
    """Return what the answer must confirm: nothing, if it is a fault that confirms nothing.

    Who found the signature of a request wrong does not confirm it.
    """
    if envelope.is_fault and not read_security(envelope).confirmations:
        return None
    return sent.signature_value


def _require_answer(envelope: Envelope, addressing: Addressing, sent: Sent) -> None:
    related = (sent.message_id, WSA_UNSPECIFIED) if envelope.is_fault else (sent.message_id,)
    if addressing.relates_to not in related:
        raise Refusal(
            ANSWER_RELATES_TO,
            expected=sent.message_id,
            received=addressing.relates_to or "no wsa:RelatesTo",
        )
    service, operation = sent.service, sent.operation
    actions: tuple[str, ...] = (service.response_action(operation),)
    if envelope.is_fault:
        declared = service.fault_action(operation)
        actions = (declared, WSA_FAULT_ACTION, WSA_ADDRESSING_FAULT_ACTION)
    if addressing.action not in actions:
        raise Refusal(ANSWER_ACTION, expected=" or ".join(actions), received=addressing.action)
    element = f"{{{service.types}}}{operation.response}"
    if not envelope.is_fault and envelope.body_child.tag != element:
        raise Refusal(ANSWER_BODY, expected=element, received=str(envelope.body_child.tag))


def _fault(envelope: Envelope, *, signed: bool) -> ServiceFault:
    texts = {local_name(child): (child.text or "").strip() for child in envelope.body_child}
    return ServiceFault(
        texts.get("faultcode") or "no code",
        texts.get("faultstring") or "no text",
        signed=signed,
        # What it confirms was compared with what was sent.
        confirmed=signed and bool(read_security(envelope).confirmations),
    )
