"""WS-Security for zeep as Digipoort wants it: two plug-ins that work with any zeep client.

``DigipoortAddressing`` adds the wsa headers; ``DigipoortWsse`` signs them with Body
and Timestamp, and verifies what comes back::

    client = zeep.Client(
        wsdl,
        plugins=[DigipoortAddressing()],
        wsse=DigipoortWsse(identity, signer_trust(store)),
        settings=zeep.Settings(strict=True, xml_huge_tree=True, forbid_dtd=True),
    )

zeep reads an answer from the very tree that was verified, and reads it by position:
the first Body below the root and the first element in it. Verification requires that
there is exactly one of each, that these are the signed ones, and that the tree holds
no comment, instruction or entity. So what zeep reads is what was signed.
"""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import uuid4

from cryptography import x509
from lxml import etree

from digipoort_wus import checks
from digipoort_wus.client.checks import (
    ANSWER_ACTION,
    ANSWER_BODY,
    ANSWER_RELATES_TO,
    ANSWER_SIGNER,
)
from digipoort_wus.client.errors import AnswerRefused, DigipoortFault
from digipoort_wus.clock import Clock, system_clock
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.names import SOAP, WSA, WSA_ANONYMOUS, WSA_FAULT_ACTION, WSA_UNSPECIFIED
from digipoort_wus.pki.chain import CachingVerifier, TrustStore, VerifiedCertificate
from digipoort_wus.pki.identity import Identity
from digipoort_wus.pki.profiles import Role
from digipoort_wus.soap.addressing import Addressing, read_addressing
from digipoort_wus.soap.envelope import (
    FAULT,
    SECURITY,
    Envelope,
    local_name,
    namespace,
    read_envelope,
)
from digipoort_wus.wss.policy import (
    SUITE_SHA1,
    SUITE_SHA256,
    SecurityPolicy,
    Suite,
)
from digipoort_wus.wss.sign import sign_request
from digipoort_wus.wss.verify import SignatureEngine, Trust, Verified, verify_envelope

_HEADER = f"{{{SOAP}}}Header"
_REQUEST, _RESPONSE = "Request", "Response"


class _SoapOperation(Protocol):
    """What the plug-in needs of zeep's operation."""

    soapaction: str


@dataclass(frozen=True, slots=True)
class SentRequest:
    """What an answer is compared with."""

    message_id: str
    action: str
    element: str
    """Tag of the Body's child."""


# Per thread and per task, so that one plug-in can serve several requests at a time.
_sent: ContextVar[SentRequest | None] = ContextVar("digipoort_wus_sent", default=None)


def new_message_id() -> str:
    """Return a fresh wsa:MessageID."""
    return f"urn:uuid:{uuid4()}"


def answer_policy(suite: Suite) -> SecurityPolicy:
    """Return what answers must meet: signed as the request was, or better."""
    suites = (SUITE_SHA256, SUITE_SHA1) if suite is SUITE_SHA1 else (suite,)
    return SecurityPolicy("digipoort-1.2-answer", suites)


def signer_trust(store: TrustStore, oins: frozenset[str] = frozenset()) -> Trust:
    """Return a judge of signers: chain, purpose, policy, revocation and, if given, OIN.

    Args:
        store: whom to believe.
        oins: who may sign answers. Empty means everybody whom the store trusts, which
            in PKIoverheid is every participant: name the gateway's OIN where it is known.
    """
    verify = CachingVerifier(store)

    def judge(certificate: x509.Certificate, at: datetime) -> VerifiedCertificate:
        signer = verify(certificate, (), Role.SIGNER, at)
        if oins and signer.oin not in oins:
            raise Refusal(
                ANSWER_SIGNER,
                expected=f"OIN {' or '.join(sorted(oins))}",
                received=f"OIN {signer.oin}",
            )
        return signer

    return judge


@dataclass(frozen=True, slots=True)
class DigipoortAddressing:
    """zeep plug-in that adds wsa:Action, MessageID, ReplyTo (anonymous) and To.

    Args:
        new_message_id: makes the wsa:MessageID of each request.
    """

    new_message_id: Callable[[], str] = new_message_id

    def egress(
        self,
        envelope: etree._Element,
        http_headers: dict[str, str],
        operation: _SoapOperation,
        binding_options: Mapping[str, str],
    ) -> tuple[etree._Element, dict[str, str]]:
        """Add the headers; those that zeep added by itself are replaced.

        Raises:
            ConfigurationError: the WSDL gives the operation no soapAction.
        """
        if not operation.soapaction:
            raise ConfigurationError("The WSDL gives no soapAction: use the WSDL of this package.")
        header = envelope.find(_HEADER)
        if header is None:
            header = etree.Element(_HEADER)
            envelope.insert(0, header)
        for block in [block for block in header if namespace(block) == WSA]:
            header.remove(block)
        _add(header, "Action", operation.soapaction)
        _add(header, "MessageID", self.new_message_id())
        reply_to = _add(header, "ReplyTo", None)
        _add(reply_to, "Address", WSA_ANONYMOUS)
        _add(header, "To", binding_options["address"])
        return envelope, http_headers

    def ingress(
        self, envelope: etree._Element, http_headers: dict[str, str], operation: _SoapOperation
    ) -> tuple[etree._Element, dict[str, str]]:
        """Leave an answer as it is: DigipoortWsse reads its headers."""
        return envelope, http_headers


@dataclass(frozen=True, slots=True)
class DigipoortWsse:
    """zeep ``wsse`` plug-in that signs requests and verifies answers.

    Args:
        identity: whose certificate and key sign.
        trust: judges the signer of an answer; :func:`signer_trust` makes one.
        suite: algorithms of requests.
        clock: the time of signing and of receipt.
        policy: what answers must meet; by default :func:`answer_policy` of the suite.
        engine: does the cryptography of answers; the native one when None.
    """

    identity: Identity
    trust: Trust
    suite: Suite = SUITE_SHA256
    clock: Clock = system_clock
    policy: SecurityPolicy | None = None
    engine: SignatureEngine | None = None

    def apply(
        self, envelope: etree._Element, http_headers: dict[str, str]
    ) -> tuple[etree._Element, dict[str, str]]:
        """Sign Body, Timestamp and every wsa header of a request in place.

        Raises:
            ConfigurationError: the request has no wsa headers, or foreign ones.

        Digipoort WSDL 1.2: no header blocks of one's own.
        """
        try:
            parts = read_envelope(envelope)
            addressing = read_addressing(parts)
        except Refusal as refusal:
            raise ConfigurationError(
                "The request cannot be signed: use plugins=[DigipoortAddressing()], and no "
                f"header blocks of your own. {refusal.explanation()}"
            ) from refusal
        sign_request(envelope, identity=self.identity, suite=self.suite, created=self.clock())
        _sent.set(SentRequest(addressing.message_id, addressing.action, str(parts.body_child.tag)))
        return envelope, http_headers

    def verify(self, envelope: etree._Element) -> etree._Element:
        """Verify the answer to the request that was last signed in this thread or task.

        Raises:
            AnswerRefused: the answer cannot be trusted.
            DigipoortFault: it is a fault, signed or not.
        """
        self.open(envelope)
        return envelope

    def open(self, envelope: etree._Element) -> Verified:
        """Verify as :meth:`verify` does, and return what was signed and by whom."""
        sent = _sent.get()
        _sent.set(None)
        if sent is None:
            raise ConfigurationError(
                "There is no request that this answer could belong to: sign with the same "
                "plug-in, in the thread or task that reads the answer."
            )
        return verify_answer(
            envelope,
            sent,
            policy=self.policy or answer_policy(self.suite),
            trust=self.trust,
            now=self.clock(),
            engine=self.engine,
        )


def verify_answer(
    root: etree._Element,
    sent: SentRequest,
    *,
    policy: SecurityPolicy,
    trust: Trust,
    now: datetime,
    engine: SignatureEngine | None = None,
) -> Verified:
    """Verify that a parsed message is the gateway's answer to a request.

    Args:
        root: the tree that is going to be read, and no copy of it.
        sent: the request.
        policy: what signature and timestamp must meet.
        trust: judges the signer.
        now: the moment of receipt, aware.
        engine: does the cryptography; the native one when None.

    Raises:
        AnswerRefused: the first check that failed.
        DigipoortFault: it is a fault. Unsigned ones are accepted as such, since the
            policy of the public WSDL is not attached to faults.
    """
    try:
        # (1) Nothing in the tree that a signature does not cover.
        _require_plain(root)
        # (2) Exactly one Body with one element: zeep and we read the same.
        envelope = read_envelope(root)
        # (3) An unsigned fault, and nothing else that is unsigned.
        if envelope.is_fault and not any(block.tag == SECURITY for block in envelope.blocks):
            _require_related_if_said(envelope, sent)
            raise _fault(envelope, signed=False)
        # (4) Signature, signer, coverage, time.
        addressing = read_addressing(envelope)
        verified = verify_envelope(
            envelope, addressing, policy=policy, trust=trust, now=now, engine=engine
        )
        # (5) It is the answer to this request.
        _require_answer(envelope, addressing, sent)
    except Refusal as refusal:
        raise AnswerRefused(refusal) from refusal
    if envelope.is_fault:
        raise _fault(envelope, signed=True)
    return verified


def _add(parent: etree._Element, name: str, text: str | None) -> etree._Element:
    element: etree._Element = etree.SubElement(parent, f"{{{WSA}}}{name}", nsmap={"wsa": WSA})
    element.text = text
    return element


def _require_plain(root: etree._Element) -> None:
    """Refuse what canonicalisation leaves out, or a reader of text stops at."""
    if root.getroottree().docinfo.internalDTD is not None:
        raise Refusal(checks.XML_DOCTYPE)
    if next(root.iter(etree.Comment), None) is not None:
        raise Refusal(checks.XML_COMMENT)
    if next(root.iter(etree.ProcessingInstruction, etree.Entity), None) is not None:
        raise Refusal(checks.XML_INSTRUCTION)


def _require_answer(envelope: Envelope, addressing: Addressing, sent: SentRequest) -> None:
    if addressing.relates_to != sent.message_id:
        raise Refusal(
            ANSWER_RELATES_TO,
            expected=sent.message_id,
            received=addressing.relates_to or "no wsa:RelatesTo",
        )
    stem = sent.action.removesuffix(_REQUEST)
    if envelope.is_fault:
        expected: tuple[str, ...] = (f"{stem}/Fault/", WSA_FAULT_ACTION)
    else:
        expected = (stem + _RESPONSE,)
    if addressing.action not in expected:
        raise Refusal(ANSWER_ACTION, expected=" or ".join(expected), received=addressing.action)
    element = sent.element.removesuffix(_REQUEST) + _RESPONSE
    # zeep would read any element as the one that it expects.
    if envelope.body_child.tag not in (element, FAULT):
        raise Refusal(ANSWER_BODY, expected=element, received=str(envelope.body_child.tag))


def _require_related_if_said(envelope: Envelope, sent: SentRequest) -> None:
    """Refuse an unsigned fault that says it belongs to another request."""
    for block in envelope.blocks:
        if block.tag != f"{{{WSA}}}RelatesTo":
            continue
        said = (block.text or "").strip()
        if said not in (sent.message_id, WSA_UNSPECIFIED):
            raise Refusal(ANSWER_RELATES_TO, expected=sent.message_id, received=said)


def _fault(envelope: Envelope, *, signed: bool) -> DigipoortFault:
    """Read soap:Fault by position: faultcode, faultstring, and the detail's two texts."""
    fault = {local_name(child): child for child in envelope.body_child}
    detail = fault.get("detail")
    first = detail[0] if detail is not None and len(detail) else None
    said = {} if first is None else {str(child.tag): child.text or "" for child in first}
    # In the namespace of the detail, which is that of the service.
    types = "" if first is None else namespace(first)
    code = said.get(f"{{{types}}}foutcode", "").strip() or _text_of(fault.get("faultcode"))
    text = said.get(f"{{{types}}}foutbeschrijving", "").strip()
    return DigipoortFault(
        code or "no code", text or _text_of(fault.get("faultstring")) or "no text", signed=signed
    )


def _text_of(element: etree._Element | None) -> str:
    return "" if element is None else (element.text or "").strip()
