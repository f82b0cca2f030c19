"""Why a message is refused: a check of ours, and what ebMS calls it on the wire."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from digipoort_wus import checks
from digipoort_wus.errors import Check, Refusal


class ErrorCode(StrEnum):
    """The error codes of ebMS 2.0 §4.2.3.4."""

    VALUE_NOT_RECOGNIZED = "ValueNotRecognized"
    NOT_SUPPORTED = "NotSupported"
    INCONSISTENT = "Inconsistent"
    OTHER_XML = "OtherXml"
    DELIVERY_FAILURE = "DeliveryFailure"
    TIME_TO_LIVE_EXPIRED = "TimeToLiveExpired"
    SECURITY_FAILURE = "SecurityFailure"
    MIME_PROBLEM = "MimeProblem"
    UNKNOWN = "Unknown"


class Severity(StrEnum):
    """Whether what an error is about was given up."""

    WARNING = "Warning"
    ERROR = "Error"


_CODES: Mapping[ErrorCode, tuple[Check, ...]] = {
    ErrorCode.MIME_PROBLEM: (
        checks.EBMS_MIME_FORM,
        checks.EBMS_MIME_LIMIT,
        checks.EBMS_MANIFEST_PART,
        checks.EBMS_MANIFEST_HREF,
        checks.EBMS_MANIFEST_LISTED,
    ),
    ErrorCode.OTHER_XML: (checks.EBMS_XML, checks.EBMS_SCHEMA, checks.EBMS_UNIQUE),
    ErrorCode.INCONSISTENT: (
        checks.EBMS_VERSION,
        checks.EBMS_PARTY,
        checks.EBMS_ROLE,
        checks.EBMS_URI,
        checks.EBMS_DUPLICATE_ELIMINATION,
        checks.EBMS_ACK_REQUESTED,
        checks.EBMS_SYNC_REPLY,
        checks.EBMS_SIGNAL_FORM,
        checks.EBMS_ID_REUSED,
        checks.EBMS_TIME,
    ),
    ErrorCode.VALUE_NOT_RECOGNIZED: (
        checks.EBMS_CPA,
        checks.EBMS_SERVICE,
        checks.EBMS_ACTION,
        checks.EBMS_REF_TO,
    ),
    ErrorCode.NOT_SUPPORTED: (
        checks.EBMS_ACTOR,
        checks.EBMS_ORDER,
        checks.EBMS_MUST_UNDERSTAND,
    ),
    ErrorCode.TIME_TO_LIVE_EXPIRED: (checks.EBMS_TIME_TO_LIVE,),
    ErrorCode.SECURITY_FAILURE: (
        checks.EBMS_SIGNATURE_PRESENT,
        checks.EBMS_SIGNATURE_FORM,
        checks.EBMS_SIGNATURE_ALGORITHM,
        checks.EBMS_SIGNATURE_COVERAGE,
        checks.EBMS_SIGNATURE_DIGEST,
        checks.EBMS_SIGNATURE_VALUE,
        checks.EBMS_SIGNER,
        checks.EBMS_ENCRYPTION,
        checks.EBMS_PEER,
        checks.EBMS_ACK_REFERENCES,
    ),
    ErrorCode.UNKNOWN: (checks.EBMS_CHANNEL, checks.EBMS_SOAP_ACTION, checks.EBMS_TECHNICAL),
}
CODE_OF: Mapping[str, ErrorCode] = MappingProxyType(
    {check.id: code for code, found in _CODES.items() for check in found}
)
"""What ebMS calls a check that failed, by its id; marked as ours where ebMS names no case."""


class EbmsRefusal(Refusal):
    """What somebody sent over ebMS does not meet a check.

    Args:
        check: the requirement that failed; one of ``checks.EBMS_...``.
        at: where in the message, in the form of the Error's location: ``//Header/...`` or a
            ``cid:``; technical, made of names that the standard fixes or a Content-ID.
        expected: what would have been accepted; technical, never personal data.
        received: what came; technical, never payload or personal data.
        severity: Warning only where ebMS §6.5 says that processing goes on.
    """

    def __init__(
        self,
        check: Check,
        *,
        at: str,
        expected: str = "",
        received: str = "",
        severity: Severity = Severity.ERROR,
    ) -> None:
        self.location = at
        self.severity = severity
        self.code = CODE_OF[check.id]
        super().__init__(check, expected=expected, received=received)
