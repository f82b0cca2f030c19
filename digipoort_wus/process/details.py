"""XML that travels as text in ``statusdetails``: shapes as seen in public code, words ours."""

import re
from collections.abc import Sequence
from datetime import datetime

from lxml import etree

from digipoort_wus.clock import format_utc
from digipoort_wus.filing.filing import Filing
from digipoort_wus.filing.finding import Finding
from digipoort_wus.filing.status import StatusError

BATAVIA = "http://nlvalidatie.nl/batavia"
"""Namespace of the results of a validation."""
# Together they stay below the 1,048,576 characters that the XSD allows, also when every
# character has to be escaped.
_FINDINGS_MAX = 100
_TEXT_MAX = 1000
_REFUSING = ("error", "fatal")


def response_message(
    filing: Filing,
    message_id: str,
    received_at: datetime,
    response_type: str,
    specifications: Sequence[tuple[str, str, str]],
) -> str:
    """Return the agency's ``Responsemessage`` as it was seen in the details of a 500.

    Args:
        filing: what it answers.
        message_id: the agency's own identifier (``MessageIdBd``).
        received_at: when the agency got the filing.
        response_type: such as ``acknowledgement`` or ``error``.
        specifications: class, code and description.
    """
    root = etree.Element("Responsemessage", version="2006.1")
    identification = etree.SubElement(root, "Identification")
    for name, text in (
        ("MessageId", filing.berichtkenmerk),
        ("RefersToMessageId", filing.kenmerk),
        ("MessageIdBd", message_id),
        ("DatumTijdOntvangst", format_utc(received_at)),
        ("ResponseType", response_type),
    ):
        etree.SubElement(identification, name).text = text
    for class_, code, description in specifications:
        specification = etree.SubElement(root, "Specification")
        etree.SubElement(specification, "Class").text = class_
        etree.SubElement(specification, "Code").text = code
        etree.SubElement(specification, "Description").text = description
    return etree.tostring(root, encoding="unicode")


def validation_error(findings: Sequence[Finding]) -> StatusError:
    """Return the ``statusFoutcode`` of a 311: the first finding that refuses, and how many."""
    refusing = [finding for finding in findings if finding.severity in _REFUSING]
    first = refusing[0].text[:_TEXT_MAX] if refusing else "Het bericht is afgekeurd."
    more = len(refusing) - 1
    suffix = "" if more < 1 else f" (en nog {more} {'bevinding' if more == 1 else 'bevindingen'})"
    return StatusError("VAS500", first + suffix)


def validation_results(findings: Sequence[Finding]) -> str:
    """Return the details of a 311: a list in the shape that clients know from XBRL reports.

    One ``msg`` per finding, at most 100; its attributes are those that public clients
    read. Where nothing is known of a line they say 0, as of the column always.
    """
    root = etree.Element(f"{{{BATAVIA}}}results", nsmap={None: BATAVIA})
    messages = etree.SubElement(etree.SubElement(root, _in("xbrl")), _in("messages"))
    for finding in findings[:_FINDINGS_MAX]:
        message = etree.SubElement(
            messages,
            _in("msg"),
            line=str(finding.line),
            col="0",
            technicalRole="",
            userRole="",
            level="error" if finding.severity in _REFUSING else finding.severity,
            id=finding.code,
        )
        message.text = f"{finding.code}: {finding.text[:_TEXT_MAX]}{_where(finding)}"
        etree.SubElement(message, _in("origin"), file="")
    return etree.tostring(root, encoding="unicode")


def _where(finding: Finding) -> str:
    """Return what the text does not say itself of the place: many texts name the line."""
    where = finding.where
    if finding.line and re.search(rf"\bregel {finding.line}\b", finding.text):
        where = where.removesuffix(f"regel {finding.line}").removesuffix(f" (regel {finding.line})")
    return f" ({where[:_TEXT_MAX]})" if where else ""


def _in(name: str) -> str:
    return f"{{{BATAVIA}}}{name}"
