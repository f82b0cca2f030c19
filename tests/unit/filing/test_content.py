from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

import pytest

from digipoort_wus.filing.content import Content, open_content, read_content, size_of
from digipoort_wus.filing.filing import Document


@dataclass(frozen=True)
class Kept:
    """A handle that knows where its octets are."""

    octets: bytes

    @property
    def size(self) -> int:
        return len(self.octets)

    def open(self) -> BinaryIO:
        return BytesIO(self.octets)

    def read(self) -> bytes:
        return self.octets


@pytest.mark.parametrize("content", [b"inhoud", Kept(b"inhoud")])
def test_octets_at_hand_and_kept_ones_are_alike(content: Content) -> None:
    assert size_of(content) == 6
    assert read_content(content) == b"inhoud"
    for _ in range(2):
        with open_content(content) as file:
            assert file.read(2) + file.read() == b"inhoud"


def test_octets_at_hand_are_not_copied() -> None:
    content = b"inhoud"
    assert read_content(content) is content


def test_a_content_is_never_shown() -> None:
    assert "geheim" not in repr(Document("text/xml", "x", b"geheim"))
    assert "geheim" not in repr(Document("text/xml", "x", Kept(b"geheim")))
