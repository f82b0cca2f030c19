"""A filing as rules see it: its envelope, its octets, and its tree, parsed at most once."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from digipoort_wus.filing.content import Content, open_content, read_content, size_of
from digipoort_wus.filing.filing import Document, Filing
from digipoort_wus.filing.party import Party
from digipoort_wus.xmlsafe.parse import parse_document

PIECE = 65_536
TREE_MAX = 4 * 1024 * 1024
"""Octets of a document that rules may have as a tree, which takes up to fifty times as much."""
LARGE_TREE_MAX = 20 * 1024 * 1024
"""The same where there is memory for it: what the interface lets through."""


class TooLarge(Exception):
    """The document is larger than what this gateway makes a tree of."""


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A document or an attachment, but for its octets."""

    file_name: str
    mime_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a filing says about itself.

    Args:
        berichtsoort: as it was filed.
        received: moment of receipt, UTC.
        document: what carries the filing.
        belanghebbende: whom it is about; None for a file on its own.
        attachments: in their order.
        sender: OIN of who filed; empty for a file on its own.
        autorisatie_adres: as it was filed.
    """

    berichtsoort: str
    received: datetime
    document: Enclosure
    belanghebbende: Party | None = None
    attachments: tuple[Enclosure, ...] = ()
    sender: str = ""
    autorisatie_adres: str = ""


class Subject:
    """One filing, for one validation.

    Args:
        envelope: what it says about itself.
        content: the octets of its document.
        tree_max: octets of a document that may become a tree here.
    """

    def __init__(self, envelope: Envelope, content: Content, *, tree_max: int = TREE_MAX) -> None:
        self.envelope = envelope
        self.content = content
        self.lacked_a_tree = False
        """Whether a rule asked for a tree, and the document was too large for one."""
        self._tree_max = tree_max
        self._root: etree._Element | None = None

    @property
    def size(self) -> int:
        """How many octets the document has."""
        return size_of(self.content)

    def pieces(self) -> Iterator[bytes]:
        """Read the document from its start."""
        with open_content(self.content) as source:
            while piece := source.read(PIECE):
                yield piece

    def tree(self) -> etree._Element:
        """Return the root element, which nobody may change.

        Raises:
            TooLarge: more than ``tree_max`` octets.
            Refusal: XML-DOCTYPE or XML-WELL-FORMED.
            MemoryError: there was none left to parse with.
        """
        if self._root is None:
            if not self.fits_a_tree:
                self.lacked_a_tree = True
                raise TooLarge(f"the document has more octets than the {self._tree_max} of a tree")
            self._root = parse_document(read_content(self.content))
        return self._root

    @property
    def fits_a_tree(self) -> bool:
        """Whether the document is small enough for a tree."""
        return self.size <= self._tree_max


def subject_of(filing: Filing) -> Subject:
    """Return what rules see of a filing, where there is memory for large trees."""
    delivery = filing.delivery
    envelope = Envelope(
        delivery.berichtsoort,
        filing.received_at,
        _enclosure(delivery.document),
        delivery.belanghebbende,
        tuple(_enclosure(one) for one in delivery.attachments),
        filing.sender,
        delivery.autorisatie_adres or "",
    )
    return Subject(envelope, delivery.document.content, tree_max=LARGE_TREE_MAX)


def _enclosure(document: Document) -> Enclosure:
    return Enclosure(document.file_name, document.mime_type, size_of(document.content))
