"""The small things in extensions of ebMS, read from elements that the schema found valid."""

import base64
import re
from collections.abc import Iterator
from datetime import UTC, datetime

from lxml import etree

from digipoort_wus import checks
from digipoort_wus.clock import parse_date_time
from digipoort_wus.ebms.errors import EbmsRefusal, ErrorCode, Severity
from digipoort_wus.ebms.message import DigestReference, Party, PartyId, ReportedError, Service
from digipoort_wus.ebms.names import EB, ERRORS
from digipoort_wus.names import DS

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,60}:[^\s]+")
_CODES = {code.value: code for code in ErrorCode}
_WHITE_SPACE = " \t\r\n"


def child(element: etree._Element, name: str) -> etree._Element:
    """Return the child of ebMS with a name; the schema says that there is one."""
    found = element.find(f"{{{EB}}}{name}")
    if found is None:
        raise ValueError(f"an element without the {name} that its schema demands")
    return found


def children(element: etree._Element) -> Iterator[etree._Element]:
    """Return the children that ebMS defines."""
    return element.iterchildren(f"{{{EB}}}*")


def identifier(element: etree._Element, name: str, at: str) -> str:
    """Return the text of a child: the very characters.

    Raises:
        EbmsRefusal: EBMS-SCHEMA for white space around it. The schema allows it, but then one
            reader has another identifier than the next.
    """
    return _exact(child(element, name), f"{at}/{name}")


def optional_identifier(element: etree._Element, name: str, at: str) -> str | None:
    """Return the same of a child that may be left out."""
    found = element.find(f"{{{EB}}}{name}")
    return None if found is None else _exact(found, f"{at}/{name}")


def time(element: etree._Element, name: str, at: str) -> datetime:
    """Return the moment in a child.

    Raises:
        EbmsRefusal: EBMS-TIME for what the schema calls a time and nobody needs, such as a
            year of five digits.

    A moment without a zone is in UTC: the standard is said to leave the Z to the sender
    (inferred, ebMS 2.0 §3.1.6.2).
    """
    try:
        return parse_date_time(child(element, name).text or "", zone_when_missing=UTC)
    except ValueError:
        raise EbmsRefusal(
            checks.EBMS_TIME, at=f"{at}/{name}", expected="2026-11-22T12:00:00Z"
        ) from None


def optional_time(element: etree._Element, name: str, at: str) -> datetime | None:
    """Return the same of a child that may be left out."""
    return None if element.find(f"{{{EB}}}{name}") is None else time(element, name, at)


def boolean(element: etree._Element, name: str) -> bool:
    """Return an attribute of ebMS that the schema calls a boolean."""
    return element.get(f"{{{EB}}}{name}", "").strip(_WHITE_SPACE) in ("1", "true")


def require_uri(value: str, *, at: str) -> None:
    """Require that an identifier says itself what it is of.

    Raises:
        EbmsRefusal: EBMS-URI.
    """
    if not _URI.fullmatch(value):
        raise EbmsRefusal(checks.EBMS_URI, at=at, expected="a URI")


def party(element: etree._Element, at: str) -> Party:
    """Read a From or To.

    Raises:
        EbmsRefusal: EBMS-URI for an id that has no type and is no URI; EBMS-SCHEMA.
    """
    found = element.iterchildren(f"{{{EB}}}PartyId")
    ids = tuple(PartyId(*_typed(each, f"{at}/PartyId")) for each in found)
    return Party(ids, optional_identifier(element, "Role", at))


def service(element: etree._Element, at: str) -> Service:
    """Read a Service.

    Raises:
        EbmsRefusal: EBMS-URI for one that has no type and is no URI; EBMS-SCHEMA.
    """
    return Service(*_typed(element, at))


def reported_error(element: etree._Element) -> ReportedError:
    """Read an Error."""
    described = element.find(f"{{{EB}}}Description")
    context, code = (
        element.get(f"{{{EB}}}codeContext", ERRORS),
        element.get(f"{{{EB}}}errorCode", ""),
    )
    return ReportedError(
        code=_CODES.get(code, code) if context == ERRORS else code,
        severity=Severity(element.get(f"{{{EB}}}severity", "")),
        location=element.get(f"{{{EB}}}location"),
        description=None if described is None else described.text or "",
        context=context,
    )


def digest_reference(element: etree._Element) -> DigestReference:
    """Read a ds:Reference that an Acknowledgment repeats."""
    method = element.find(f"{{{DS}}}DigestMethod")
    transforms = element.iterfind(f"{{{DS}}}Transforms/{{{DS}}}Transform")
    return DigestReference(
        uri=element.get("URI", ""),
        digest_method="" if method is None else method.get("Algorithm", ""),
        digest=base64.b64decode(element.findtext(f"{{{DS}}}DigestValue", "")),
        transforms=tuple(each.get("Algorithm", "") for each in transforms),
    )


def _typed(element: etree._Element, at: str) -> tuple[str, str | None]:
    value, kind = _exact(element, at), element.get(f"{{{EB}}}type")
    if kind is None:
        require_uri(value, at=at)
    return value, kind


def _exact(element: etree._Element, at: str) -> str:
    text = element.text or ""
    if text != text.strip():
        raise EbmsRefusal(checks.EBMS_SCHEMA, at=at, expected="no white space around an identifier")
    return text
