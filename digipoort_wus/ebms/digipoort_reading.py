"""The payloads of Digipoort, from octets to values.

A payload is read as the Body of a request over WUS is: UTF-8, no DOCTYPE, comments or
instructions, and the limits of a message. Long base64 is cut out before the parse, so of an
``inhoud`` there are the octets that came and the decoded ones, and no third copy.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from lxml import etree

from digipoort_wus import checks, limits
from digipoort_wus.clock import parse_date_time
from digipoort_wus.ebms.digipoort import (
    AANLEVER_TYPES,
    AFLEVER_TYPES,
    REGISTERS,
    AfleverBericht,
    BevestigAanleverBericht,
    BevestigAfleverBericht,
    Fout,
)
from digipoort_wus.ebms.digipoort_schema import require_valid
from digipoort_wus.errors import Refusal
from digipoort_wus.filing.content import Content, read_content
from digipoort_wus.filing.filing import Delivery, Document
from digipoort_wus.filing.party import Party
from digipoort_wus.xmlsafe.apart import apart
from digipoort_wus.xmlsafe.cut import LongText, cut_out, long_texts
from digipoort_wus.xmlsafe.inhoud import ascii_of, decoded
from digipoort_wus.xmlsafe.lookover import Unparsed, look_over
from digipoort_wus.xmlsafe.parse import parse_unparsed
from digipoort_wus.xmlsafe.splice import LIFT_FROM

T = TypeVar("T")
_SPACES = re.compile(r"[ \t\n\r]+")


@dataclass(frozen=True, slots=True)
class Said:
    """What a confirmation repeats of an aanleverBericht; empty where it cannot be read."""

    kenmerk: str = ""
    berichtsoort: str = ""
    aanleverkenmerk: str | None = None
    eerder_aanleverkenmerk: str | None = None
    belanghebbende: Party | None = None
    rol_belanghebbende: str = ""
    ontvanger: Party | None = None
    rol_ontvanger: str | None = None


class PayloadRefused(Refusal):
    """A payload is refused; what could be read of it is there for the confirmation.

    Args:
        refusal: why.
        said: what was read before.
    """

    def __init__(self, refusal: Refusal, said: Said) -> None:
        self.said = said
        super().__init__(
            refusal.check,
            expected=refusal.expected,
            received=refusal.received,
            about=refusal.about,
        )


def read_aanleverbericht(content: Content) -> Delivery:
    """Read an ``aanleverBericht``.

    Args:
        content: octets of the payload, at most ``limits.WIRE_MAX_BYTES``.

    Raises:
        PayloadRefused: an XML check, XSD-VALID, XSD-BASE64, XSD-INHOUD-SIZE or
            ATTACHMENT-LIMIT.
    """
    return _read(content, f"{{{AANLEVER_TYPES}}}aanleverBericht", _delivery)


def read_afleverbericht(content: Content) -> AfleverBericht:
    """Read an ``afleverBericht``, as the body does that gets it.

    Raises:
        PayloadRefused: as of :func:`read_aanleverbericht`.
    """
    return _read(content, f"{{{AFLEVER_TYPES}}}afleverBericht", _aflever)


def read_bevestig_aanleverbericht(content: Content) -> BevestigAanleverBericht:
    """Read a ``bevestigAanleverBericht``, as the body does that filed.

    Raises:
        PayloadRefused: an XML check, or XSD-VALID.
    """
    return _read(content, f"{{{AANLEVER_TYPES}}}bevestigAanleverBericht", _bevestig_aanlever)


def read_bevestig_afleverbericht(content: Content) -> BevestigAfleverBericht:
    """Read a ``bevestigAfleverBericht``.

    Raises:
        PayloadRefused: an XML check, or XSD-VALID.
    """
    return _read(content, f"{{{AFLEVER_TYPES}}}bevestigAfleverBericht", _bevestig_aflever)


# --- From octets to a tree ----------------------------------------------------------------

_Contents = Sequence[bytes]


def _read(content: Content, tag: str, value: Callable[[etree._Element, _Contents], T]) -> T:
    try:
        unparsed = look_over(_bounded(content))
    except Refusal as refusal:
        raise PayloadRefused(refusal, Said()) from refusal
    work = partial(_judged, unparsed, tag, value)
    if unparsed.familiar:
        return work()
    # Names that are new do not stay in the dictionary of this thread.
    found = apart(work)
    unparsed.make_familiar()
    return found


def _bounded(content: Content) -> bytes:
    octets = read_content(content)
    if len(octets) > limits.WIRE_MAX_BYTES:
        raise Refusal(
            checks.XML_LIMIT,
            expected=f"{limits.WIRE_MAX_BYTES} bytes",
            received=f"{len(octets)} bytes",
        )
    return octets


def _judged(unparsed: Unparsed, tag: str, value: Callable[[etree._Element, _Contents], T]) -> T:
    said = Said()
    try:
        root, contents = _parsed(unparsed)
        said = _said(root)
        parts = _take_contents(root, contents)
        require_valid(root, tag)
        return value(root, parts)
    except Refusal as refusal:
        raise PayloadRefused(refusal, said) from refusal


def _parsed(unparsed: Unparsed) -> tuple[etree._Element, dict[str, bytes]]:
    """Parse a payload, without its long contents where that can be: those by their marks."""
    data = unparsed.look()
    if not unparsed.plain and not unparsed.remarkable and len(data) >= LIFT_FROM:
        found = _without_contents(data, unparsed.max_elements)
        if found is not None:
            return found
    return parse_unparsed(unparsed), {}


def _without_contents(
    data: bytes, max_elements: int
) -> tuple[etree._Element, dict[str, bytes]] | None:
    """Parse a payload without its long contents; None when it must be parsed as it came."""
    found = [
        (text, octets)
        for text in long_texts(data, at_least=LIFT_FROM)
        if (octets := _octets_of(text)) is not None
    ]
    if not found:
        return None
    short, marks = cut_out(data, [text for text, _ in found])
    try:
        root = parse_unparsed(
            Unparsed(short, names=None, remarkable=False, max_elements=max_elements)
        )
    except Refusal:
        # It would tell other lines.
        return None
    places = [place.text for place in _inhouden(root) if not len(place)]
    if [text for text in places if text in marks] != list(marks):
        return None
    return root, dict(zip(marks, (octets for _, octets in found), strict=True))


def _octets_of(text: LongText) -> bytes | None:
    try:
        return decoded(text.octets)
    except Refusal:
        # What comes before this check is to be judged first.
        return None


def _inhouden(root: etree._Element) -> Iterator[etree._Element]:
    """Yield the elements with contents, at their places in a payload."""
    types = etree.QName(root).namespace
    inhoud, holder = f"{{{types}}}inhoud", f"{{{types}}}berichtInhoud"
    for child in root.iterchildren(holder, f"{{{types}}}berichtBijlagen"):
        parts = (child,) if child.tag == holder else child.iterchildren("*")
        for part in parts:
            yield from part.iterchildren(inhoud)


def _take_contents(root: etree._Element, contents: dict[str, bytes]) -> _Contents:
    """Decode every ``inhoud``, and leave in its place four digits, which are base64 too."""
    types = etree.QName(root).namespace
    # Counted here, for the schema would find a mistake in each of thousands.
    holders = root.iterchildren(f"{{{types}}}berichtBijlagen")
    if any(len(holder) > limits.MAX_ATTACHMENTS for holder in holders):
        raise Refusal(checks.ATTACHMENT_LIMIT, expected=f"{limits.MAX_ATTACHMENTS}")
    parts: list[bytes] = []
    for element in _inhouden(root):
        # With children it is no base64Binary: left as it is, the schema refuses it.
        if len(element):
            continue
        if len(parts) > limits.MAX_ATTACHMENTS:
            raise Refusal(checks.ATTACHMENT_LIMIT, expected=f"{limits.MAX_ATTACHMENTS}")
        text = element.text or ""
        octets = contents.get(text)
        parts.append(decoded(ascii_of(text)) if octets is None else octets)
        element.text = f"{len(parts) - 1:04d}"
    return parts


# --- From a tree to values ----------------------------------------------------------------


def _delivery(root: etree._Element, parts: _Contents) -> Delivery:
    document, *attachments = _documents(root, parts)
    return Delivery(
        berichtsoort=_text(root, "berichtsoort"),
        belanghebbende=_party(root, "identiteitBelanghebbende"),
        rol_belanghebbende=_text(root, "rolBelanghebbende"),
        document=document,
        kenmerk=_optional(root, "kenmerk"),
        aanleverkenmerk=_optional(root, "aanleverkenmerk"),
        eerder_aanleverkenmerk=_optional(root, "eerderAanleverkenmerk"),
        ontvanger=_optional_party(root, "identiteitOntvanger"),
        rol_ontvanger=_optional(root, "rolOntvanger"),
        attachments=tuple(attachments),
        autorisatie_adres=_optional(root, "autorisatieAdres"),
    )


def _aflever(root: etree._Element, parts: _Contents) -> AfleverBericht:
    document, *attachments = _documents(root, parts)
    return AfleverBericht(
        kenmerk=_text(root, "kenmerk"),
        berichtsoort=_text(root, "berichtsoort"),
        berichtkenmerk=_text(root, "berichtkenmerk"),
        aangeleverd_at=_moment(root, "tijdstempelAangeleverd"),
        belanghebbende=_party(root, "identiteitBelanghebbende"),
        rol_belanghebbende=_text(root, "rolBelanghebbende"),
        document=document,
        aanleverkenmerk=_optional(root, "aanleverkenmerk"),
        ontvanger=_optional_party(root, "identiteitOntvanger"),
        rol_ontvanger=_optional(root, "rolOntvanger"),
        attachments=tuple(attachments),
        fouten=tuple(_fout(one) for one in root.iterfind("{*}foutLijst/{*}fout")),
    )


def _bevestig_aanlever(root: etree._Element, _parts: _Contents) -> BevestigAanleverBericht:
    code, at = _optional(root, "statuscode"), _optional(root, "tijdstempelStatus")
    return BevestigAanleverBericht(
        kenmerk=_text(root, "kenmerk"),
        berichtsoort=_text(root, "berichtsoort"),
        belanghebbende=_party(root, "identiteitBelanghebbende"),
        rol_belanghebbende=_text(root, "rolBelanghebbende"),
        ontvanger=_party(root, "identiteitOntvanger"),
        outcome=_outcome(root, "tijdstempelAangeleverd"),
        status=(code, _moment(root, "tijdstempelStatus")) if code and at else None,
        aanleverkenmerk=_optional(root, "aanleverkenmerk"),
        eerder_aanleverkenmerk=_optional(root, "eerderAanleverkenmerk"),
        rol_ontvanger=_optional(root, "rolOntvanger"),
        autorisatie_adres=_optional(root, "autorisatieAdres"),
    )


def _bevestig_aflever(root: etree._Element, _parts: _Contents) -> BevestigAfleverBericht:
    return BevestigAfleverBericht(
        kenmerk=_text(root, "kenmerk"),
        berichtkenmerk=_text(root, "berichtkenmerk"),
        outcome=_outcome(root, "tijdstempelAfgeleverd"),
        berichtsoort=_optional(root, "berichtsoort"),
    )


def _outcome(root: etree._Element, name: str) -> datetime | Fout:
    fout = root.find("{*}fout")
    return _moment(root, name) if fout is None else _fout(fout)


def _fout(element: etree._Element) -> Fout:
    return Fout(_text(element, "foutcode"), _text(element, "foutbeschrijving"))


def _documents(root: etree._Element, parts: _Contents) -> list[Document]:
    places = [place.getparent() for place in _inhouden(root)]
    holders = [place for place in places if place is not None]
    return [
        Document(_text(holder, "mimeType"), _text(holder, "bestandsnaam"), octets)
        for holder, octets in zip(holders, parts, strict=True)
    ]


def _said(root: etree._Element) -> Said:
    """Return what a confirmation may repeat: as far as it is there, and the schema allows it."""
    belanghebbende = _known_party(root, "identiteitBelanghebbende")
    return Said(
        kenmerk=_at_most(root, "kenmerk", 40) or "",
        berichtsoort=_at_most(root, "berichtsoort", 80) or "",
        aanleverkenmerk=_at_most(root, "aanleverkenmerk", 40),
        eerder_aanleverkenmerk=_at_most(root, "eerderAanleverkenmerk", 40),
        belanghebbende=belanghebbende,
        rol_belanghebbende=_at_most(root, "rolBelanghebbende", 40) or "",
        ontvanger=_known_party(root, "identiteitOntvanger"),
        rol_ontvanger=_at_most(root, "rolOntvanger", 40),
    )


def _at_most(root: etree._Element, name: str, characters: int) -> str | None:
    text = _optional(root, name)
    return text if text is not None and len(text) <= characters else None


def _known_party(root: etree._Element, name: str) -> Party | None:
    party = _optional_party(root, name)
    fits = party is not None and party.type in REGISTERS.values() and len(party.number) <= 20
    return party if fits else None


def _party(root: etree._Element, name: str) -> Party:
    return Party(_text(root, f"{name}/{{*}}nummer"), _text(root, f"{name}/{{*}}type"))


def _optional_party(root: etree._Element, name: str) -> Party | None:
    return None if root.find(f"{{*}}{name}") is None else _party(root, name)


def _text(parent: etree._Element, path: str) -> str:
    """Return a text as the schema means it: white space collapsed, and only XML's."""
    return _SPACES.sub(" ", parent.findtext(f"{{*}}{path}") or "").strip(" ")


def _optional(parent: etree._Element, path: str) -> str | None:
    """Return an optional text; absent and empty are the same."""
    return _text(parent, path) or None


def _moment(root: etree._Element, name: str) -> datetime:
    try:
        return parse_date_time(_text(root, name), zone_when_missing=UTC)
    except ValueError as error:
        # The schema also allows years of five digits, and more than nine decimals.
        expected = "a moment in the years 1 to 9999 with at most nine decimals"
        raise Refusal(checks.XSD_VALID, expected=expected, received=name) from error
