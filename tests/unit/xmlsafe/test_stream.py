import io
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digipoort_wus import checks
from digipoort_wus.errors import Check, Refusal
from digipoort_wus.xmlsafe.parse import parse_document
from digipoort_wus.xmlsafe.stream import watch_document

NAME = "{urn:n}i"


def watched(data: bytes) -> tuple[str, list[str]]:
    seen: list[str] = []
    root = watch_document(io.BytesIO(data), len(data), NAME, seen.append)
    return root, seen


def refused(data: bytes) -> Check:
    with pytest.raises(Refusal) as caught:
        watched(data)
    return caught.value.check


@pytest.mark.parametrize(
    ("inside", "seen"),
    [
        ("", []),
        ("<i/>", [""]),
        ("<i>1</i>", ["1"]),
        ("<i> 1\n</i><i>2</i>", [" 1\n", "2"]),
        ("<i>1<!-- x -->2<?p q?>3<![CDATA[4]]>&amp;&#53;</i>", ["1234&5"]),
        ("<i>1<b>2</b>3</i><b>4</b>", ["123"]),
        ("<i>1<i>2</i>3</i>", ["2", "123"]),
        ("<b>1</b><j>2</j><i xmlns=''>3</i>", []),
        ("<q:i xmlns:q='urn:n'>é</q:i>", ["é"]),
    ],
)
def test_what_is_seen(inside: str, seen: list[str]) -> None:
    assert watched(f"<r xmlns='urn:n'>{inside}</r>".encode()) == ("{urn:n}r", seen)


def test_the_root_may_be_watched() -> None:
    assert watched(b"<i xmlns='urn:n'>1</i>") == (NAME, ["1"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1"])
def test_any_encoding_that_xml_names(encoding: str) -> None:
    name = encoding.removesuffix("-sig")
    text = f"<?xml version='1.0' encoding='{name}'?><r xmlns='urn:n'><i>é</i></r>"
    assert watched(text.encode(encoding)) == ("{urn:n}r", ["é"])


@pytest.mark.parametrize(
    "data",
    [
        b"<!DOCTYPE r><r/>",
        b"<?xml version='1.0'?><!-- c --><!DOCTYPE r SYSTEM 'http://127.0.0.1:1/'><r/>",
        b'<!DOCTYPE r [<!ENTITY e "e">]><r>&e;</r>',
        # Refused before it is read any further.
        b"<!DOCTYPE r [<!ENTITY e ",
    ],
)
def test_a_doctype_is_refused(data: bytes) -> None:
    assert refused(data) is checks.XML_DOCTYPE


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b" ", b"text", b"<r", b"<r>", b"<r></s>", b"<r/><r/>", b"<r/>x", b"<r>\xff</r>"),
        *(b"<r>&e;</r>", b"<r>&#0;</r>", b"<r a='' a=''/>", b"\xff\xfe\x00"),
        # Those that lxml tells of in its log alone.
        *(b"<q:r/>", b"<r q:a=''/>", b"<r xmlns:a='u' xmlns:b='u' a:c='' b:c=''/>"),
    ],
)
def test_what_is_not_well_formed_is_refused(data: bytes) -> None:
    assert refused(data) is checks.XML_WELL_FORMED


def test_what_is_wrong_is_told_by_its_place_alone() -> None:
    with pytest.raises(Refusal) as caught:
        watched(b"<r>\n<geheim></r>")
    assert caught.value.received.startswith("line 2, column ")
    assert "geheim" not in str(caught.value)


def nested(depth: int) -> bytes:
    return b"<r>" * depth + b"</r>" * depth


def test_depth_is_bounded() -> None:
    assert watched(nested(256))[0] == "r"
    assert refused(nested(257)) is checks.XML_LIMIT
    # It stops there.
    assert refused(b"<r>" * 1_000_000) is checks.XML_LIMIT


def test_a_mistake_in_a_log_stops_it_at_once() -> None:
    class Counted(io.BytesIO):
        pieces = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.pieces += 1
            return super().read(size)

    source = Counted(b"<r>" + b"<q:r/>" * 1_000_000 + b"</r>")
    with pytest.raises(Refusal):
        watch_document(source, 6_000_007, NAME, print)
    assert source.pieces == 1


BASE = (
    "<?xml version='1.0' encoding='{}'?><r xmlns='urn:n' xmlns:q='u'><i>12<!-- x -->3<b>4</b>"
    "<![CDATA[6]]>&amp;&#x41;</i><q:z a='1'>é</q:z><?p q?><i/></r>"
)
BASES = [BASE.format(name).encode(name) for name in ("utf-8", "utf-16", "iso-8859-1")]


@given(data=st.data())
def test_it_judges_as_the_parser_of_trees_does(data: st.DataObject) -> None:
    changed = bytearray(data.draw(st.sampled_from(BASES)))
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(changed)))
        taken = data.draw(st.integers(0, 4))
        pieces = [b"<", b">", b"&", b"</", b"<!--", b"]]>", b"\0", b"xmlns=", b"<a:b>", b"\xc3"]
        changed[at : at + taken] = data.draw(
            st.one_of(st.sampled_from(pieces), st.binary(max_size=2))
        )
    octets = bytes(changed)
    try:
        root = parse_document(octets)
    except Refusal:
        with pytest.raises(Refusal):
            watched(octets)
        return
    name, seen = watched(octets)
    assert name == root.tag
    assert sorted(seen) == sorted("".join(found.itertext(None)) for found in root.iter(NAME))


class Damaged(io.RawIOBase):
    """Yields a beginning, and then finds that the rest is not what was stored."""

    def __init__(self) -> None:
        self._pieces: Iterator[bytes] = iter([b"<r>"])

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        piece = next(self._pieces, None)
        if piece is None:
            raise LookupError("damaged")
        memoryview(buffer).cast("B")[: len(piece)] = piece  # type: ignore[arg-type]
        return len(piece)


def test_what_a_source_raises_arrives() -> None:
    with pytest.raises(LookupError, match="damaged"):
        watch_document(io.BufferedReader(Damaged()), 100, NAME, print)


def test_what_a_watcher_raises_arrives() -> None:
    def fail(_: str) -> None:
        raise LookupError("no")

    with pytest.raises(LookupError, match="no"):
        watch_document(io.BytesIO(b"<i xmlns='urn:n'/>"), 18, NAME, fail)


def test_its_names_stay_in_no_thread() -> None:
    threads: list[threading.Thread] = []
    data = b"<i xmlns='urn:n'/>"
    watch_document(
        io.BytesIO(data), len(data), NAME, lambda _: threads.append(threading.current_thread())
    )
    assert threads[0] is not threading.current_thread()
    assert not threads[0].is_alive()


# As a program, because what libxml2 holds is only seen in the memory of a process.
FLOOD = """
import io
from digipoort_wus.xmlsafe.stream import watch_document

class Flood:
    pieces = [b"</r>", *[b"<j>34</j>" * 7_000] * 30, *[b"<i>12</i>" * 7_000] * 30]
    def read(self, size):
        return self.pieces.pop() if self.pieces else b""

def peak():
    # Not ru_maxrss: that of a program is at least that of who started it.
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))

def see(text):
    global seen
    seen += 1

Flood.pieces.append(b"<r xmlns='urn:n'>")
seen, size = 0, 63_000 * 60
watch_document(io.BytesIO(b"<r/>"), 4, "{urn:n}i", see)
before = peak()
watch_document(Flood(), size, "{urn:n}i", see)
print(seen, peak() - before)
"""


def test_memory_does_not_grow_with_the_document() -> None:
    done = subprocess.run([sys.executable, "-c", FLOOD], capture_output=True, check=True)
    seen, kilobytes = map(int, done.stdout.split())
    assert seen == 210_000
    # A tree of it takes 90 MB.
    assert kilobytes < 5_000
