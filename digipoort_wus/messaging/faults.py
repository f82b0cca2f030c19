"""What is answered where no signal can be: a SOAP Fault that says what was wrong, and where."""

from collections.abc import Callable

from lxml import etree

from digipoort_wus import checks
from digipoort_wus.ebms.errors import CODE_OF, EbmsRefusal, ErrorCode, Severity
from digipoort_wus.ebms.names import EB
from digipoort_wus.errors import Refusal
from digipoort_wus.messaging.posting import HttpReply
from digipoort_wus.names import SOAP
from digipoort_wus.xmlsafe.apart import apart
from digipoort_wus.xmlsafe.parse import parse_document

_XML = "text/xml; charset=UTF-8"
_PREFIXES = {"soap": SOAP, "eb": EB}
_FAULT = f"{{{SOAP}}}Body/{{{SOAP}}}Fault"
_CLIENT = "Client"
_CODE = f"{{{EB}}}errorCode"


def client_fault(refusal: EbmsRefusal, *, explain: bool) -> HttpReply:
    """Return that a message is not taken as it is, with the error of ebMS in the detail.

    Args:
        refusal: why.
        explain: with what was expected and received; the bare check otherwise.

    SOAP 1.1 §4.4; that the detail has an Error of ebMS is ours.
    """
    text = refusal.explanation() if explain else refusal.check.id
    # Of a check that says we are to blame, whoever sent it may try again.
    side, status = refusal.check.side, 500 if refusal.check.side == _CLIENT else 503
    return _fault(side, text, refusal.code, refusal.location, status)


def server_fault(*, status: int = 500) -> HttpReply:
    """Return that the message may be good, and cannot be taken now.

    Args:
        status: of HTTP; 503 where it helps to try again soon.
    """
    check = checks.EBMS_TECHNICAL
    return _fault(check.side, check.id, CODE_OF[check.id], None, status)


def blames_client(reply: HttpReply) -> bool:
    """Return whether an answer is a SOAP Fault that says that the message is wrong."""
    code = _faultcode(reply)
    return code is not None and code.strip().rpartition(":")[2].partition(".")[0] == _CLIENT


def is_fault(reply: HttpReply) -> bool:
    """Return whether an answer is a SOAP Fault."""
    return _faultcode(reply) is not None


def told(reply: HttpReply) -> str:
    """Return what an answer that takes nothing says, for a log: no text of the other party's.

    Args:
        reply: of any status; of a SOAP Fault the error codes of ebMS in it are told as well.
    """

    def codes(fault: etree._Element) -> str:
        said = {error.get(_CODE, "") for error in fault.iterfind(f"detail/{{{EB}}}Error")}
        return ", ".join(code.value for code in ErrorCode if code.value in said)

    found = _of_fault(reply, codes)
    return f"HTTP {reply.status}{f', {found}' if found else ''}"


def _faultcode(reply: HttpReply) -> str | None:
    return _of_fault(reply, lambda fault: fault.findtext("faultcode", ""))


def _of_fault(reply: HttpReply, read: Callable[[etree._Element], str]) -> str | None:
    """Return what is read of the SOAP Fault in an answer; None where there is none."""
    if not reply.body or "xml" not in reply.content_type:
        return None

    def work() -> str | None:
        fault = parse_document(reply.body).find(_FAULT)
        return None if fault is None else read(fault)

    try:
        return apart(work)
    except Refusal:
        return None


def _fault(side: str, text: str, code: ErrorCode, location: str | None, status: int) -> HttpReply:
    root = etree.Element(f"{{{SOAP}}}Envelope", nsmap=_PREFIXES)
    etree.SubElement(root, f"{{{SOAP}}}Header")
    body = etree.SubElement(root, f"{{{SOAP}}}Body")
    fault = etree.SubElement(body, f"{{{SOAP}}}Fault")
    etree.SubElement(fault, "faultcode").text = f"soap:{side}"
    etree.SubElement(fault, "faultstring").text = text
    error = etree.SubElement(etree.SubElement(fault, "detail"), f"{{{EB}}}Error")
    error.set(_CODE, code.value)
    error.set(f"{{{EB}}}severity", Severity.ERROR.value)
    if location is not None:
        error.set(f"{{{EB}}}location", location)
    octets: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return HttpReply(status, _XML, octets)
