"""The payloads of Digipoort, from values to octets that are written as they are read.

Contents stay where they are until somebody reads the payload, and become base64 then, piece by
piece: once for the digest of the signature, and once for whoever keeps or sends it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

from digipoort_wus.clock import format_utc
from digipoort_wus.ebms.contents import opened
from digipoort_wus.ebms.digipoort import (
    AANLEVER_TYPES,
    AFLEVER_TYPES,
    AfleverBericht,
    BevestigAanleverBericht,
    BevestigAfleverBericht,
    Fout,
)
from digipoort_wus.filing.filing import Delivery, Document
from digipoort_wus.filing.party import Party
from digipoort_wus.filing.writing import (
    Base64,
    Piece,
    element,
    leaf,
    length_of,
    octets_of,
    optional_leaf,
)

_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>'


@dataclass(frozen=True, slots=True)
class WrittenPayload:
    """A document in pieces, as contents of a payload."""

    pieces: tuple[Piece, ...] = field(repr=False)

    @property
    def size(self) -> int:
        """How many octets it stands for."""
        return length_of(self.pieces)

    def open(self) -> BinaryIO:
        """Open the octets for reading from the start; contents are opened when it is their turn."""
        return opened(self._read())

    def read(self) -> bytes:
        """Return all octets."""
        return b"".join(self._read())

    def _read(self) -> Iterator[bytes]:
        return octets_of(self.pieces)


def write_aanleverbericht(delivery: Delivery) -> WrittenPayload:
    """Write an ``aanleverBericht``."""
    return _document(
        "aanleverBericht",
        AANLEVER_TYPES,
        *optional_leaf("kenmerk", delivery.kenmerk),
        leaf("berichtsoort", delivery.berichtsoort),
        *optional_leaf("aanleverkenmerk", delivery.aanleverkenmerk),
        *optional_leaf("eerderAanleverkenmerk", delivery.eerder_aanleverkenmerk),
        *_party("identiteitBelanghebbende", delivery.belanghebbende),
        leaf("rolBelanghebbende", delivery.rol_belanghebbende),
        *_optional_party("identiteitOntvanger", delivery.ontvanger),
        *optional_leaf("rolOntvanger", delivery.rol_ontvanger),
        *_inhouden(delivery.document, delivery.attachments),
        *optional_leaf("autorisatieAdres", delivery.autorisatie_adres),
    )


def write_bevestig_aanleverbericht(said: BevestigAanleverBericht) -> WrittenPayload:
    """Write a ``bevestigAanleverBericht``."""
    code, at = said.status or (None, None)
    return _document(
        "bevestigAanleverBericht",
        AANLEVER_TYPES,
        leaf("kenmerk", said.kenmerk),
        leaf("berichtsoort", said.berichtsoort),
        *optional_leaf("aanleverkenmerk", said.aanleverkenmerk),
        *optional_leaf("eerderAanleverkenmerk", said.eerder_aanleverkenmerk),
        *_party("identiteitBelanghebbende", said.belanghebbende),
        leaf("rolBelanghebbende", said.rol_belanghebbende),
        *_party("identiteitOntvanger", said.ontvanger),
        *optional_leaf("rolOntvanger", said.rol_ontvanger),
        *optional_leaf("autorisatieAdres", said.autorisatie_adres),
        *optional_leaf("statuscode", code),
        *optional_leaf("tijdstempelStatus", None if at is None else format_utc(at)),
        *_outcome("tijdstempelAangeleverd", said.outcome),
    )


def write_afleverbericht(bericht: AfleverBericht) -> WrittenPayload:
    """Write an ``afleverBericht``."""
    fouten = [piece for fout in bericht.fouten for piece in _fout(fout)]
    return _document(
        "afleverBericht",
        AFLEVER_TYPES,
        leaf("kenmerk", bericht.kenmerk),
        leaf("berichtsoort", bericht.berichtsoort),
        leaf("berichtkenmerk", bericht.berichtkenmerk),
        *optional_leaf("aanleverkenmerk", bericht.aanleverkenmerk),
        leaf("tijdstempelAangeleverd", format_utc(bericht.aangeleverd_at)),
        *_party("identiteitBelanghebbende", bericht.belanghebbende),
        leaf("rolBelanghebbende", bericht.rol_belanghebbende),
        *_optional_party("identiteitOntvanger", bericht.ontvanger),
        *optional_leaf("rolOntvanger", bericht.rol_ontvanger),
        *_inhouden(bericht.document, bericht.attachments),
        # The schema wants no empty list.
        *(element("foutLijst", *fouten) if fouten else ()),
    )


def write_bevestig_afleverbericht(said: BevestigAfleverBericht) -> WrittenPayload:
    """Write a ``bevestigAfleverBericht``."""
    return _document(
        "bevestigAfleverBericht",
        AFLEVER_TYPES,
        leaf("kenmerk", said.kenmerk),
        *optional_leaf("berichtsoort", said.berichtsoort),
        leaf("berichtkenmerk", said.berichtkenmerk),
        *_outcome("tijdstempelAfgeleverd", said.outcome),
    )


def _document(name: str, types: str, *children: Piece) -> WrittenPayload:
    return WrittenPayload((_DECLARATION, *element(name, *children, namespace=types)))


def _outcome(name: str, outcome: datetime | Fout) -> tuple[Piece, ...]:
    return _fout(outcome) if isinstance(outcome, Fout) else (leaf(name, format_utc(outcome)),)


def _fout(fout: Fout) -> tuple[Piece, ...]:
    return element("fout", leaf("foutcode", fout.code), leaf("foutbeschrijving", fout.text))


def _party(name: str, party: Party) -> tuple[Piece, ...]:
    return element(name, leaf("nummer", party.number), leaf("type", party.type))


def _optional_party(name: str, party: Party | None) -> tuple[Piece, ...]:
    return () if party is None else _party(name, party)


def _inhouden(document: Document, attachments: Sequence[Document]) -> tuple[Piece, ...]:
    bijlagen = [piece for one in attachments for piece in _inhoud("bijlage", one)]
    lists = element("berichtBijlagen", *bijlagen) if bijlagen else ()
    return (*_inhoud("berichtInhoud", document), *lists)


def _inhoud(name: str, document: Document) -> tuple[Piece, ...]:
    return element(
        name,
        leaf("mimeType", document.mime_type),
        leaf("bestandsnaam", document.file_name),
        *element("inhoud", Base64(document.content)),
    )
