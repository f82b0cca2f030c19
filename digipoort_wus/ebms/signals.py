"""What kind of message a header announces, and what a message of that kind holds.

A signal speaks about messages: it is never acknowledged, and a signal other than a question is
never answered.
"""

from enum import Enum

from digipoort_wus import checks
from digipoort_wus.ebms import names
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.message import Message, MessageHeader

_HEADER = "//Header/MessageHeader"


class Kind(Enum):
    """What a message is, by its Service and Action."""

    BUSINESS = "business"
    ACKNOWLEDGMENT = names.ACKNOWLEDGMENT
    MESSAGE_ERROR = names.MESSAGE_ERROR
    PING = names.PING
    PONG = names.PONG
    STATUS_REQUEST = names.STATUS_REQUEST
    STATUS_RESPONSE = names.STATUS_RESPONSE

    @property
    def asks(self) -> bool:
        """Return whether it is a question, which gets an answer or an error."""
        return self in (Kind.BUSINESS, Kind.PING, Kind.STATUS_REQUEST)


_SIGNALS = {kind.value: kind for kind in Kind if kind is not Kind.BUSINESS}


def kind_of(header: MessageHeader) -> Kind:
    """Return what a message is.

    Raises:
        EbmsRefusal: EBMS-ACTION for the service of signals with an action that is none of them.

    ebMS 2.0 §4.2.4, §6.3.2, §7.1, §8.
    """
    if header.service.value != names.SIGNALS:
        return Kind.BUSINESS
    found = _SIGNALS.get(header.action)
    if found is None:
        raise EbmsRefusal(
            checks.EBMS_ACTION, at=f"{_HEADER}/Action", expected=", ".join(sorted(_SIGNALS))
        )
    return found


def require_form(message: Message, kind: Kind) -> None:
    """Refuse a message that does not hold what its kind says, or something of another kind.

    An Acknowledgment with DuplicateElimination is borne, as real products send it: who drops an
    acknowledgment for that makes its sender try until it gives up (ours).

    Raises:
        EbmsRefusal: EBMS-SIGNAL-FORM or EBMS-REF-TO.
    """
    there = _extensions(message)
    needed, allowed = _FORMS[kind]
    missing = sorted(needed - there)
    if missing:
        _refuse(missing[0], expected=f"one in a message of the action {message.header.action}")
    surplus = sorted(there - needed - allowed)
    if surplus:
        _refuse(surplus[0], received=f"one in a message of the kind {kind.value}")
    if kind not in _REFERRING:
        return
    referred = message.header.ref_to_message_id
    if referred is None:
        raise EbmsRefusal(
            checks.EBMS_REF_TO,
            at=f"{_HEADER}/MessageData/RefToMessageId",
            expected=f"one in every {kind.value}",
            received="none",
        )
    for part, said in _said(message):
        if said != referred:
            raise EbmsRefusal(
                checks.EBMS_REF_TO,
                at=f"//{part}/RefToMessageId",
                expected="the RefToMessageId of the MessageHeader",
                received="another one",
            )


def _refuse(part: str, *, expected: str = "", received: str = "") -> None:
    raise EbmsRefusal(checks.EBMS_SIGNAL_FORM, at=f"//{part}", expected=expected, received=received)


_ACKNOWLEDGMENT = "Header/Acknowledgment"
_ERROR_LIST = "Header/ErrorList"
_STATUS_REQUEST = "Body/StatusRequest"
_STATUS_RESPONSE = "Body/StatusResponse"
_MANIFEST = "Body/Manifest"
_ACK_REQUESTED = "Header/AckRequested"
_ORDER = "Header/MessageOrder"

_NONE: frozenset[str] = frozenset()
# What it must hold, and what it may hold besides.
_FORMS: dict[Kind, tuple[frozenset[str], frozenset[str]]] = {
    # An order is refused by itself, with the code that says so.
    Kind.BUSINESS: (_NONE, frozenset({_MANIFEST, _ACK_REQUESTED, _ORDER})),
    Kind.ACKNOWLEDGMENT: (frozenset({_ACKNOWLEDGMENT}), _NONE),
    Kind.MESSAGE_ERROR: (frozenset({_ERROR_LIST}), _NONE),
    Kind.PING: (_NONE, _NONE),
    Kind.PONG: (_NONE, _NONE),
    Kind.STATUS_REQUEST: (frozenset({_STATUS_REQUEST}), _NONE),
    Kind.STATUS_RESPONSE: (frozenset({_STATUS_RESPONSE}), _NONE),
}
_REFERRING = (Kind.ACKNOWLEDGMENT, Kind.MESSAGE_ERROR, Kind.PONG)


def _extensions(message: Message) -> frozenset[str]:
    present = {
        _ACKNOWLEDGMENT: message.acknowledgment is not None,
        _ERROR_LIST: bool(message.errors),
        _STATUS_REQUEST: message.status_request is not None,
        _STATUS_RESPONSE: message.status_response is not None,
        _MANIFEST: bool(message.manifest),
        _ACK_REQUESTED: message.ack_requested is not None,
        _ORDER: message.order is not None,
    }
    return frozenset(name for name, there in present.items() if there)


def _said(message: Message) -> tuple[tuple[str, str], ...]:
    """Return what a signal says beside its header of which message it is about."""
    if message.acknowledgment is None:
        return ()
    return ((_ACKNOWLEDGMENT, message.acknowledgment.ref_to_message_id),)
