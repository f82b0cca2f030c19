"""The gate: from octets to verified parts, and from an answer to signed octets.

Everything a request must meet before any service sees it happens here, in the
order of the catalogue of checks and under the policy of its service. What passes
is handed on as ``Opened``; what does not becomes a fault in the form of the
policy, with the explanation in a sandbox.
"""

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import sha256

from lxml import etree

from digipoort_wus import checks
from digipoort_wus.clock import Clock
from digipoort_wus.contract.schema import validate
from digipoort_wus.errors import Hint, Refusal
from digipoort_wus.names import (
    AANBIED,
    AANLEVER,
    WSA_ANONYMOUS,
    ZET_STATUS,
    Operation,
    Service,
)
from digipoort_wus.pki.chain import VerifiedCertificate
from digipoort_wus.pki.identity import Identity
from digipoort_wus.process.api import Caller
from digipoort_wus.process.signed import SignedRequest
from digipoort_wus.server.contents import take_contents
from digipoort_wus.server.http import (
    HttpAnswer,
    HttpRequest,
    check_charset,
    check_soap_action,
)
from digipoort_wus.server.judge import Judged, Judges, judge
from digipoort_wus.server.kept import with_proof
from digipoort_wus.server.received import Received, read_as_signed, receive
from digipoort_wus.soap.addressing import (
    Addressing,
    Destinations,
    read_addressing,
    readable_message_id,
    require_anonymous,
    require_destination,
    require_source,
)
from digipoort_wus.soap.envelope import Envelope, Hygiene, require_basic_profile
from digipoort_wus.soap.fault import (
    FaultForm,
    digikoppeling_fault,
    digikoppeling_fault_of,
    fault_envelope,
    fault_of,
)
from digipoort_wus.soap.write import unsigned_answer
from digipoort_wus.wss.explain import short_cause
from digipoort_wus.wss.header import read_security
from digipoort_wus.wss.policy import (
    Confirmation,
    FaultSignature,
    Replay,
    SecurityPolicy,
    Suite,
)
from digipoort_wus.wss.sign import sign_request, signed_answer
from digipoort_wus.wss.verify import SignatureEngine, Trust, verify_signature
from digipoort_wus.xmlsafe.apart import apart
from digipoort_wus.xmlsafe.splice import LargeTexts

_log = logging.getLogger(__name__)
_PROVED = (AANLEVER, ZET_STATUS, AANBIED)


@dataclass(frozen=True, slots=True)
class Gate:
    """How requests are judged and answers signed.

    Args:
        policy: what signature and timestamp must meet.
        trust: judges a signer's certificate.
        peer_trust: judges a TLS client's certificate at each request, since it may have been
            revoked since the handshake; None leaves it at the handshake.
        identity: certificate and key that sign the answers.
        clock: the time of receipt and of signing.
        new_message_id: makes a wsa:MessageID for an answer or fault.
        explain_faults: put the explanation into fault texts (sandbox).
        origins: what wsa:To may name; None accepts any host (sandbox).
        mandates: pairs (TLS peer's OIN, OIN whose messages it may carry): who signed them, or
            who is named in wsa:From where nobody signs.
        engine: does the cryptography of requests.
        echo_message_id: answer with the request's MessageID, as was once observed.
        oins: whose messages are received here, by the routing parameter OIN.
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
    echo_message_id: bool = False
    oins: frozenset[str] = frozenset()
    peer_trust: Trust | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A request that passed: all that later code may read of it.

    Args:
        body_child: the judged element; each content of it holds the index of its part.
        parts: the decoded contents, in document order: berichtInhoud first.
        caller: who asks.
        signer: None under a policy without signatures.
        suite: how the answer is signed, None when it is not.
    """

    service: Service
    operation: Operation
    body_child: etree._Element
    parts: tuple[bytes, ...] = field(repr=False)
    caller: Caller
    signer: VerifiedCertificate | None
    suite: Suite | None
    signature: bytes | None = field(repr=False)
    """SHA-256 of SignatureValue: the same again is the same message again. None under a
    policy that does not look for replays."""
    valid_until: datetime
    """When the Timestamp no longer lets this message in, skew included; without a Timestamp
    the moment of receipt."""
    confirms: bytes | None = field(default=None, repr=False)
    """The SignatureValue that the answer confirms, None under a policy without."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A request that did not pass, with what of it was readable for the fault."""

    service: Service
    operation: Operation | None
    message_id: str | None
    refusal: Refusal
    confirms: bytes | None = field(default=None, repr=False)
    """The SignatureValue that the fault confirms, as far as it could be read."""
    suite: Suite | None = None
    """How a signed fault is signed; None: as the policy likes best."""


def open_request(gate: Gate, service: Service, request: HttpRequest) -> Opened | Rejected:
    """Judge one request for a service; never raises for what a sender did.

    A message with names that this process does not know is judged in a thread of its own.

    Args:
        request: its body is taken, so that nobody holds the octets after the parse.
    """
    size = len(request.body)
    try:
        check_charset(request.head, gate.policy.charset)
        received = receive(request)
    except Refusal as refusal:
        return Rejected(service, None, None, bare(refusal))

    def opened() -> Opened | Rejected:
        return _open(gate, service, request, received, size)

    outcome = opened() if received.message.familiar else apart(opened)
    if isinstance(outcome, Opened):
        received.message.make_familiar()
    return outcome


def _open(
    gate: Gate, service: Service, request: HttpRequest, received: Received, size: int
) -> Opened | Rejected:
    policy = gate.policy
    operation: Operation | None = None
    envelope: Envelope | None = None
    judged: Judged | None = None
    try:
        message = read_as_signed(received)
        envelope, texts = message.envelope, message.texts
        # For the evidence; of other services nobody holds on to the octets.
        pieces = message.pieces if service in _PROVED else ()
        del message
        if policy.hygiene is Hygiene.BASIC_PROFILE:
            require_basic_profile(envelope)
        addressing = read_addressing(envelope, policy.addressing)
        operation = _operation(service, addressing.action)
        _check_addressing(gate, service, operation, envelope, addressing, request)
        judged = judge(
            envelope,
            addressing,
            request.peer,
            policy=policy,
            judges=Judges(gate.trust, gate.peer_trust, gate.mandates, gate.engine),
            now=gate.clock(),
            texts=texts,
        )
        # A mandate is about who carries: who signs himself carries nobody's words but his own.
        carried = gate.mandates if judged.signer is None else frozenset()
        require_source(addressing, judged.caller.oin, carried)
        parts = take_contents(envelope.body_child, texts)
        # What is large where no content stands is for the schema to refuse.
        texts.restore()
        validate(envelope.body_child)
        if pieces:
            judged = with_proof(judged, policy, SignedRequest(pieces, parts))
    except Refusal as refusal:
        if gate.explain_faults and envelope is not None:
            refusal.hint = _hint(refusal, envelope.root, gate.clock(), size)
        return Rejected(
            service,
            operation,
            None if envelope is None else readable_message_id(envelope),
            bare(refusal),
            _readable_signature(policy, envelope) if judged is None else _confirmed(policy, judged),
        )
    value = judged.signature_value
    seen = policy.replay is Replay.REFUSED and value is not None
    return Opened(
        service,
        operation,
        envelope.body_child,
        parts,
        judged.caller,
        judged.signer,
        judged.suite,
        sha256(value).digest() if seen and value is not None else None,
        judged.valid_until,
        _confirmed(policy, judged),
    )


def reject(opened: Opened, refusal: Refusal) -> Rejected:
    """Return what becomes of a request that passed the gate and was refused behind it."""
    return Rejected(
        opened.service,
        opened.operation,
        opened.caller.message_id,
        refusal,
        opened.confirms,
        opened.suite,
    )


def _confirmed(policy: SecurityPolicy, judged: Judged) -> bytes | None:
    """Return the SignatureValue that answer or fault confirms, None under a policy without."""
    return judged.signature_value if policy.confirmation is Confirmation.IN_ANSWERS else None


def _readable_signature(policy: SecurityPolicy, envelope: Envelope | None) -> bytes | None:
    """Return the SignatureValue that a fault confirms, as far as it can be read.

    It was not found right, and the fault says no more than that it answers the message with
    it. Without it WSS4J and others report the missing confirmation in place of the fault.
    """
    if policy.confirmation is Confirmation.NEVER or envelope is None:
        return None
    try:
        return read_security(envelope).signature_value
    except Refusal:
        return None


def _hint(refusal: Refusal, root: etree._Element, now: datetime, size: int) -> Hint | None:
    """Return the likely cause of a refusal, None when there is none to tell."""
    try:
        return short_cause(refusal, root, now, size=size)
    except Exception as error:
        # An explanation looks at what no check has let pass. Whatever it stumbles on, the
        # sender shall hear of the refusal, and not of a technical error.
        last = traceback.extract_tb(error.__traceback__)[-1]
        _log_once(type(error).__name__, f"{last.name} in {last.filename}, line {last.lineno}")
        return None


@lru_cache(maxsize=64)
def _log_once(error: str, place: str) -> None:
    """Log a mistake of ours once: a sender can repeat it as often as he likes.

    Never its text, which may be of the message.
    """
    _log.error("an explanation was left out: %s at %s", error, place)


def answer(
    gate: Gate, opened: Opened, element: etree._Element, texts: LargeTexts | None = None
) -> HttpAnswer:
    """Return the answer to a request, signed in the algorithms that the request used.

    Args:
        element: the child of the Body.
        texts: contents that stand beside it.
    """
    related = opened.caller.message_id
    message_id = related if gate.echo_message_id else gate.new_message_id()
    headers = (
        ("To", WSA_ANONYMOUS),
        ("MessageID", message_id),
        ("Action", opened.service.response_action(opened.operation)),
        ("RelatesTo", related),
    )
    if opened.suite is None:
        return HttpAnswer(200, unsigned_answer(headers, element, texts=texts))
    octets = signed_answer(
        headers,
        element,
        identity=gate.identity,
        suite=opened.suite,
        created=gate.clock(),
        texts=texts,
        confirms=opened.confirms,
    )
    return HttpAnswer(200, octets)


def fault(gate: Gate, rejected: Rejected) -> HttpAnswer:
    """Return the fault that tells a client why its request was refused."""
    policy = gate.policy
    if policy.faults is FaultForm.DIGIPOORT:
        octets = fault_envelope(
            fault_of(rejected.refusal, rejected.service, explain=gate.explain_faults),
            rejected.service,
            rejected.operation,
            message_id=gate.new_message_id(),
            relates_to=rejected.message_id,
        )
        return HttpAnswer(policy.fault_status, octets)
    root = digikoppeling_fault(
        digikoppeling_fault_of(rejected.refusal, explain=gate.explain_faults),
        rejected.service,
        rejected.operation,
        message_id=gate.new_message_id(),
        relates_to=rejected.message_id,
    )
    if policy.fault_signature is FaultSignature.ALWAYS:
        sign_request(
            root,
            identity=gate.identity,
            suite=rejected.suite or policy.suites[0],
            created=gate.clock(),
            confirms=rejected.confirms,
        )
    octets = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return HttpAnswer(policy.fault_status, octets)


def bare(refusal: Refusal) -> Refusal:
    """Drop the traceback: its frames hold the message, and who holds the refusal is in them.

    Such a circle of megabytes would wait for the cycle collector.
    """
    refusal.__context__ = None
    return refusal.with_traceback(None)


def _operation(service: Service, action: str) -> Operation:
    for operation in service.operations:
        if action in service.request_actions(operation):
            return operation
    raise Refusal(
        checks.WSA_ACTION,
        expected=" or ".join(service.request_action(op) for op in service.operations[:1]),
        received=action,
        about="Action",
    )


def _check_addressing(
    gate: Gate,
    service: Service,
    operation: Operation,
    envelope: Envelope,
    addressing: Addressing,
    request: HttpRequest,
) -> None:
    check_soap_action(
        request.head.headers.get("soapaction"), addressing.action, gate.policy.soap_action
    )
    if envelope.body_child.tag != f"{{{service.types}}}{operation.request}":
        raise Refusal(
            checks.WSA_BODY,
            expected=f"{{{service.types}}}{operation.request}",
            received=str(envelope.body_child.tag),
        )
    rules = gate.policy.addressing
    require_destination(addressing, Destinations(service.paths, gate.origins, gate.oins), rules)
    require_anonymous(addressing, rules)
