from io import BytesIO
from typing import BinaryIO

import pytest

from digipoort_wus.rules.head import Head, head_of
from digipoort_wus.rules.model import TechnicalError

XBRL = (
    '<xbrli:xbrl xmlns:xbrli="http://www.xbrl.org/2003/instance" '
    'xmlns:link="http://www.xbrl.org/2003/linkbase" '
    'xmlns:xlink="http://www.w3.org/1999/xlink">{}</xbrli:xbrl>'
)
ROOT = "{http://www.xbrl.org/2003/instance}xbrl"
REF = '<link:schemaRef xlink:type="simple" xlink:href="{}"/>'


def instance(inside: str) -> bytes:
    return XBRL.format(inside).encode()


class Counted:
    """Twenty megabytes of which somebody counts what is read."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self.file = BytesIO(octets)

    @property
    def size(self) -> int:
        return len(self._octets)

    def open(self) -> BinaryIO:
        self.file = BytesIO(self._octets)
        # It is asked afterwards how far it was read.
        self.file.close = lambda: None  # type: ignore[method-assign]
        return self.file

    def read(self) -> bytes:
        raise AssertionError("all of it is not needed")


@pytest.mark.parametrize(
    ("octets", "head"),
    [
        (b"<Invoice/>", Head("Invoice")),
        (b'<i:Invoice xmlns:i="urn:i"><b/></i:Invoice>', Head("{urn:i}Invoice")),
        (instance(""), Head(ROOT)),
        (instance(REF.format(" http://nl/a.xsd ")), Head(ROOT, "http://nl/a.xsd")),
        (instance(REF.format("a") + REF.format("b")), Head(ROOT, "a")),
        (instance("<!-- -->\n<?pi?>" + REF.format("a")), Head(ROOT, "a")),
        (instance("<link:roleRef/>" + REF.format("a")), Head(ROOT, "a")),
        # Position decides: below another element, or behind the facts, is not its place.
        (
            instance(f"<link:roleRef>{REF.format('deep')}</link:roleRef>" + REF.format("a")),
            Head(ROOT, "a"),
        ),
        (instance("<link:footnoteLink/>" + REF.format("late")), Head(ROOT)),
        (instance("<fact/>" + REF.format("late")), Head(ROOT)),
        (instance("<link:schemaRef/>" + REF.format("late")), Head(ROOT)),
        (instance(REF.format("a")).decode().encode("utf-16"), Head(ROOT, "a")),
        # Of an instance alone.
        (
            instance(REF.format("a")).replace(b"/2003/instance", b"/other"),
            Head("{http://www.xbrl.org/other}xbrl"),
        ),
        # What breaks later does not matter here; what breaks before leaves nothing.
        (b"<Invoice><b></Invoice>", Head("Invoice")),
        (b"<Invo", Head("Invo")),
        (b"<", Head()),
        (b"%PDF-1.7", Head()),
        (b"", Head()),
        (b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>', Head()),
        # Nor can it be read, which rules say.
        (b"<p:Invoice/>", Head("Invoice")),
    ],
)
def test_the_head_of_a_document(octets: bytes, head: Head) -> None:
    assert head_of(octets) == head


def test_only_the_beginning_is_read() -> None:
    content = Counted(instance(REF.format("a") + "<fact/>" * 3_000_000))

    assert head_of(content) == Head(ROOT, "a")
    assert content.file.tell() <= 65_536


def test_what_may_stand_before_the_reference_is_not_without_end() -> None:
    octets = b"<a>" * 100_000

    assert head_of(octets) == Head("a")


def test_a_limit_is_nobodys_mistake() -> None:
    octets = instance("<link:roleRef>" * 300)

    with pytest.raises(TechnicalError, match="exceeds a limit: depth 256"):
        head_of(octets)


def test_no_memory_is_nobodys_mistake() -> None:
    class Scarce(Counted):
        def open(self) -> BinaryIO:
            raise MemoryError

    with pytest.raises(TechnicalError, match=r"^no memory to read the document$"):
        head_of(Scarce(b"<a/>"))
