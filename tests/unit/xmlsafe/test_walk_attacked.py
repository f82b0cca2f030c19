import io
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import ClassVar

import pytest
from lxml import etree

from digipoort_wus import checks
from digipoort_wus.errors import Refusal
from digipoort_wus.xmlsafe.parse import parse_document
from digipoort_wus.xmlsafe.walk import Place, walk_stream, walk_tree
from tests.unit.xmlsafe.walks import Told, both, refused, streamed

# What is not read.


@pytest.mark.parametrize(
    "data",
    [
        b"<!DOCTYPE r><r/>",
        b"<?xml version='1.0'?><!-- c --><!DOCTYPE r SYSTEM 'http://127.0.0.1:1/'><r/>",
        b'<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]><r>&e;</r>',
        b'<!DOCTYPE r [<!ENTITY % e SYSTEM "file:///etc/passwd"> %e;]><r/>',
        b'<!DOCTYPE r [<!ATTLIST r a CDATA "b">]><r/>',
        "<?xml version='1.0' encoding='utf-16'?><!DOCTYPE r><r/>".encode("utf-16"),
        "<?xml version='1.0' encoding='utf-16'?><!DOCTYPE r><r/>".encode("utf-16-be"),
        b"<?xml version='1.0' encoding='utf-7'?>+ADwAIQ-DOCTYPE r+AD4-<r/>",
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
    with pytest.raises(Refusal) as caught:
        parse_document(data)
    assert caught.value.check in (checks.XML_WELL_FORMED, checks.XML_ENCODING)


@pytest.mark.parametrize("number", [0, 1, 99, 100, 300])
@pytest.mark.parametrize(
    "mistake", ["<q:x/>", "<x q:y=''/>", "<x xmlns:a='u' xmlns:b='u' a:c='' b:c=''/>"]
)
def test_warnings_hide_no_mistake(mistake: str, number: int) -> None:
    """Of a log that has a hundred of them as well."""
    warnings = "<a xmlns='relative'/>" * number
    data = f"<r>{warnings}{mistake}{warnings}</r>".encode()
    assert refused(data) is checks.XML_WELL_FORMED
    with pytest.raises(Refusal):
        parse_document(data)
    both(f"<r>{warnings}</r>".encode())


def test_what_is_wrong_is_told_by_its_place_alone() -> None:
    with pytest.raises(Refusal) as caught:
        streamed(b"<r>\n<geheim></r>")
    assert caught.value.received.startswith("line 2, column ")
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("padding", [0, 10_000_000])
def test_limits_are_not_mistakes(padding: int) -> None:
    """With and without libxml2's own bounds, which it has for what is not huge."""
    end = b"<!--" + b"x" * padding + b"-->" if padding else b""
    nested = b"<r>" * 256 + b"</r>" * 256 + end
    assert len(streamed(nested)) == 512
    deeper = b"<r>" * 257 + b"</r>" * 257 + end
    assert refused(deeper) is checks.XML_LIMIT
    assert refused(b"<r>" * 1_000_000 + end) is checks.XML_LIMIT
    if not padding:
        assert refused(b"<" + b"n" * 50_001 + b"/>") is checks.XML_LIMIT
        for data in (deeper, b"<" + b"n" * 50_001 + b"/>"):
            with pytest.raises(Refusal) as caught:
                parse_document(data)
            assert caught.value.check is checks.XML_LIMIT


def test_a_tree_that_is_too_deep() -> None:
    root = etree.fromstring(b"<r>" * 300 + b"</r>" * 300, etree.XMLParser(huge_tree=True))
    with pytest.raises(Refusal) as caught:
        walk_tree(root, Place(), ())
    assert caught.value.check is checks.XML_LIMIT


# What is attacked.


def test_a_text_of_references_takes_no_memory_of_its_own() -> None:
    done = run_program(
        """
data = b"<r>" + b"&#8217;" * 500_000 + b"</r>"
walk_stream(io.BytesIO(b"<r/>"), 4, Place(), (Deaf(),))
before = peak()
walk_stream(io.BytesIO(data), len(data), Place(), (Deaf(),))
"""
    )
    # One str for each takes 35 MB.
    assert done < 10_000


def test_memory_does_not_grow_with_the_document() -> None:
    done = run_program(
        """
class Flood:
    pieces = [b"</r>", *[b"<j a='1'>34</j>" * 4_000] * 30, *[b"<i xmlns='u'/>" * 4_000] * 30]
    def read(self, size):
        return self.pieces.pop() if self.pieces else b""

Flood.pieces.append(b"<r>")
walk_stream(io.BytesIO(b"<r a='1'>1</r>"), 4, Place(), (Deaf(),))
before = peak()
walk_stream(Flood(), 20_000_000, Place(), (Deaf(),))
"""
    )
    assert done < 3_000


def run_program(program: str) -> int:
    """Return how many kilobytes it needed; a process, for libxml2's memory is seen there alone."""
    around = """
import io
from digipoort_wus.xmlsafe.walk import Place, walk_stream

def peak():
    # Not ru_maxrss: that of a program is at least that of who started it.
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))

class Deaf:
    def start(self, name, attributes): pass
    def end(self, name, text): pass
"""
    done = subprocess.run(
        [sys.executable, "-c", f"{around}{program}\nprint(peak() - before)"],
        capture_output=True,
        check=True,
    )
    return int(done.stdout)


@pytest.mark.parametrize("tree", [False, True])
def test_many_attributes_take_no_time(tree: bool) -> None:
    made = " ".join(f"a{number}=''" for number in range(100_000))
    data = f"<r {made}/>".encode()
    place = Place()
    told = Told(place)
    began = time.process_time()
    if tree:
        walk_tree(parse_document(data), place, (told,))
    else:
        walk_stream(io.BytesIO(data), len(data), place, (told,))
    assert len(told.told[0][2]) == 100_000  # type: ignore[index]
    # Looking each up by its name takes half a minute.
    assert time.process_time() - began < 5


@pytest.mark.parametrize("tree", [False, True])
def test_many_namespaces_are_looked_up_in_no_time(tree: bool) -> None:
    declared = " ".join(f"xmlns:n{number}='u{number}'" for number in range(20_000))
    data = f"<r {declared}>{'<n7:i/>' * 20_000}</r>".encode()

    class Asking:
        found: ClassVar[set[str | None]] = set()

        def start(self, _: str, __: Mapping[str, str]) -> None:
            self.found.add(place.namespace("n19999"))
            self.found.add(place.namespace("absent"))

        def end(self, _: str, __: str) -> None:
            pass

    place = Place()
    root = parse_document(data)
    began = time.process_time()
    if tree:
        walk_tree(root, place, (Asking(),))
    else:
        walk_stream(io.BytesIO(data), len(data), place, (Asking(),))
    assert Asking.found == {"u19999", None}
    # Looking through all of them for each element takes a minute.
    assert time.process_time() - began < 5


def test_a_mistake_in_a_log_stops_it_at_once() -> None:
    class Counted(io.BytesIO):
        pieces = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.pieces += 1
            return super().read(size)

    source = Counted(b"<r>" + b"<q:r/>" * 1_000_000 + b"</r>")
    with pytest.raises(Refusal):
        walk_stream(source, 6_000_007, Place(), ())
    assert source.pieces == 1


@pytest.mark.parametrize("error", [LookupError("no"), SystemExit("no"), MemoryError("no")])
@pytest.mark.parametrize("at", ["start", "end"])
def test_what_a_listener_raises_ends_the_walk(at: str, error: BaseException) -> None:
    class Raises:
        told = 0

        def start(self, _: str, __: Mapping[str, str]) -> None:
            self._raise("start")

        def end(self, _: str, __: str) -> None:
            self._raise("end")

        def _raise(self, place: str) -> None:
            if place == at:
                Raises.told += 1
                raise error

    data = b"<r><i/></r>" + b" " * 100_000
    with pytest.raises(type(error), match="no"):
        walk_stream(io.BytesIO(data), len(data), Place(), (Raises(),))
    with pytest.raises(type(error), match="no"):
        walk_tree(parse_document(data), Place(), (Raises(),))
    assert Raises.told == 2


def test_its_names_stay_in_no_thread() -> None:
    threads: list[threading.Thread] = []

    class Here:
        def start(self, _: str, __: Mapping[str, str]) -> None:
            threads.append(threading.current_thread())

        def end(self, _: str, __: str) -> None:
            pass

    walk_stream(io.BytesIO(b"<r/>"), 4, Place(), (Here(),))
    assert threads[0] is not threading.current_thread()
    assert not threads[0].is_alive()


@pytest.mark.parametrize("remark", [b"<!---->", b"<?a?>"])
def test_remarks_without_end_take_no_time_without_end(remark: bytes) -> None:
    # As many elements take a second; what is quadratic takes some minutes.
    root = parse_document(b"<r>" + remark * 700_000 + b"text</r>")
    began = time.process_time()
    walk_tree(root, Place(), ())
    assert time.process_time() - began < 20
    assert both(b"<r>a<!---->b<s><?a?>c<!---->d</s>e<?a?><t/>f<!---->g</r>")
