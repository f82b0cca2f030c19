import io
from typing import BinaryIO

import pytest

from digipoort_wus import checks
from digipoort_wus.errors import Refusal
from digipoort_wus.filing.content import read_content
from digipoort_wus.filing.filing import Delivery, Document, Filing
from digipoort_wus.filing.party import Party
from digipoort_wus.rules.subject import (
    PIECE,
    TREE_MAX,
    Enclosure,
    Envelope,
    Subject,
    TooLarge,
    subject_of,
)
from tests.unit.rules.plans import RECEIVED, subject


class Kept:
    """Octets somewhere else, which count how often they were asked for."""

    def __init__(self, octets: bytes) -> None:
        self._octets, self.size, self.opened = octets, len(octets), 0
        self.sources: list[BinaryIO] = []

    def open(self) -> BinaryIO:
        self.opened += 1
        self.sources.append(io.BytesIO(self._octets))
        return self.sources[-1]

    def read(self) -> bytes:
        self.opened += 1
        return self._octets


def filing(content: bytes | Kept) -> Filing:
    delivery = Delivery(
        "Omzetbelasting",
        Party("001000044B37", "BTW"),
        "Belastingplichtige",
        Document("text/xml", "aangifte.xml", content),
        attachments=(Document("application/pdf", "a.pdf", b"12"), Document("x/y", "b", Kept(b"3"))),
        autorisatie_adres="http://geenausp.nl",
    )
    return Filing("kenmerk", "berichtkenmerk", "0" * 20, RECEIVED, delivery)


def test_what_rules_see_of_a_filing() -> None:
    content = Kept(b"<x/>")
    seen = subject_of(filing(content))
    assert seen.envelope == Envelope(
        "Omzetbelasting",
        RECEIVED,
        Enclosure("aangifte.xml", "text/xml", 4),
        Party("001000044B37", "BTW"),
        (Enclosure("a.pdf", "application/pdf", 2), Enclosure("b", "x/y", 1)),
        "0" * 20,
        "http://geenausp.nl",
    )
    assert (seen.size, seen.content) == (4, content)
    # Nothing was read for that.
    assert content.opened == 0


@pytest.mark.parametrize("size", [0, 1, PIECE, PIECE + 1, 3 * PIECE])
def test_pieces_are_the_octets(size: int) -> None:
    octets = bytes(each % 251 for each in range(size))
    content = Kept(octets)
    seen = subject(content)
    for _ in range(2):
        pieces = list(seen.pieces())
        assert b"".join(pieces) == octets == read_content(content)
        assert all(0 < len(piece) <= PIECE for piece in pieces)
    assert all(source.closed for source in content.sources)


def test_the_tree_is_made_once() -> None:
    content = Kept(b"<x><y/></x>")
    seen = subject(content)
    assert content.opened == 0
    assert seen.tree() is seen.tree()
    assert [each.tag for each in seen.tree()] == ["y"]
    assert content.opened == 1


@pytest.mark.parametrize(
    ("content", "check"),
    [
        (b"<x>", checks.XML_WELL_FORMED),
        (b"", checks.XML_WELL_FORMED),
        (b"<!DOCTYPE x><x/>", checks.XML_DOCTYPE),
        ("<!DOCTYPE x><x/>".encode("utf-16"), checks.XML_DOCTYPE),
        (b"<x>" * 257 + b"</x>" * 257, checks.XML_LIMIT),
    ],
)
def test_what_no_tree_is_made_of(content: bytes, check: object) -> None:
    with pytest.raises(Refusal) as caught:
        subject(content).tree()
    assert caught.value.check is check


def test_a_tree_is_only_made_of_so_much() -> None:
    fits = b"<x>" + b" " * (TREE_MAX - 7) + b"</x>"
    assert Subject(subject().envelope, fits).fits_a_tree
    assert subject(fits).tree().tag == "x"
    content = Kept(fits + b" ")
    assert not subject(content).fits_a_tree
    with pytest.raises(TooLarge):
        subject(content).tree()
    assert content.opened == 0
