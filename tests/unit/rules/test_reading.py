import io
from collections.abc import Iterator
from typing import BinaryIO

import pytest

from digipoort_wus import checks
from digipoort_wus.rules import reading
from digipoort_wus.rules import subject as subjects
from digipoort_wus.rules.api import Outcome
from digipoort_wus.rules.model import Hit, Listen, Look, Read, Rule
from digipoort_wus.rules.reading import Broken, guarded, read_octets, walk
from digipoort_wus.xmlsafe import walk as walks
from tests.unit.rules.plans import (
    HIT,
    Heard,
    Octets,
    came,
    finds,
    listen,
    report,
    rule,
    subject,
)


def test_hits_are_asked_for_once() -> None:
    asked: list[int] = []

    def look() -> Iterator[Hit]:
        asked.append(1)
        yield Hit("A")
        yield Hit("B")

    assert guarded(look) == (Hit("A"), Hit("B"))
    assert asked == [1]


def test_octets_are_read_by_all_together() -> None:
    content = bytes(range(256)) * 1000
    one, other = Octets(b"\xff\0"), Octets(b"absent")
    found = read_octets(subject(content), {7: Read(lambda _: one), 3: Read(lambda _: other)})
    assert found == {7: HIT, 3: ()}
    assert one.read_octets == other.read_octets == content
    assert read_octets(subject(content), {}) == {}


class Counted:
    """Octets that know how often they were opened, and how much was read."""

    def __init__(self, octets: bytes, damaged_after: int | None = None) -> None:
        self.octets, self.size, self.opened = octets, len(octets), 0
        self.damaged_after = damaged_after

    def open(self) -> BinaryIO:
        self.opened += 1
        return _Source(self)

    def read(self) -> bytes:
        with self.open() as source:
            return source.read()


class _Source(io.BytesIO):
    def __init__(self, content: Counted) -> None:
        super().__init__(content.octets)
        self._content = content

    def read(self, size: int | None = -1, /) -> bytes:
        after = self._content.damaged_after
        if after is not None and self.tell() >= after:
            raise LookupError("geheim")
        return super().read(size)


TREE = rule(Look(lambda about: HIT if about.tree().tag != "x" else (), tree=True), "TREE")
OTHER = rule(Look(lambda about: [Hit()] * len(about.tree()), tree=True), "OTHER")
LISTENS = rule(listen(), "LISTENS", "warning")
READS = rule(finds(b"absent"), "READS")


@pytest.mark.parametrize(
    ("rules", "read"),
    [
        ((), 0),
        ((rule(Look(lambda _: ())),), 0),
        ((READS, rule(finds(b"absent"), "READS2")), 1),
        ((LISTENS, rule(listen(), "LISTENS2", "info")), 1),
        ((TREE, OTHER), 1),
        ((TREE, LISTENS, READS, OTHER), 2),
    ],
)
def test_a_document_is_read_and_parsed_once(
    rules: tuple[Rule, ...], read: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[str] = []

    def counting(name: str, module: object) -> None:
        real = getattr(module, name)

        def count(*args: object) -> object:
            parsed.append(name)
            return real(*args)

        monkeypatch.setattr(module, name, count)

    counting("parse_document", subjects)
    counting("walk_stream", reading)
    content = Counted(b"<x/>")
    found = report(subject(content), *rules)
    assert found.outcome is Outcome.VALID
    assert content.opened == read
    needs_parse = any(not isinstance(each.compiled.way, Read) for each in rules) and read
    assert len(parsed) == (1 if needs_parse else 0)


@pytest.mark.parametrize("after", [0, 5])
@pytest.mark.parametrize("judged", [READS, LISTENS, TREE])
def test_octets_that_cannot_be_read_are_nobodys_mistake(judged: Rule, after: int) -> None:
    content = Counted(b"<x>" + b"<y/>" * 50_000, damaged_after=after)
    found = report(subject(content), judged, rule(Look(lambda _: ()), "SOUND"))
    if after and judged is TREE:
        # Its octets come at once.
        assert found.outcome is Outcome.UNDETERMINED
        return
    assert (found.outcome, found.findings) == (Outcome.UNDETERMINED, ())
    assert came(found)["SOUND"] == "passed"
    assert "the document could not be read: LookupError" in found.technical
    assert "geheim" not in repr(found)


def test_no_memory_is_nobodys_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(reading, "walk_stream", none)
    found = walk(subject(), {1: Listen(lambda _, place: Heard(place))}, tree=False)
    assert found == reading.Walked({}, technical="no memory to parse the document")


def test_why_a_document_cannot_be_parsed() -> None:
    for tree in (False, True):
        found = walk(subject(b"<x>\n<"), {}, tree=tree)
        assert found.refusal is not None
        assert found.refusal.check is checks.XML_WELL_FORMED
        found = walk(subject(b"<!DOCTYPE x><x/>"), {}, tree=tree)
        assert found.refusal is not None
        assert found.refusal.check is checks.XML_DOCTYPE


def test_a_rule_that_raised_is_told_no_more() -> None:
    class Once:
        told = 0

        def start(self, *_: object) -> None:
            Once.told += 1
            raise ValueError

        def end(self, *_: object) -> None:
            Once.told += 1

        def hits(self) -> tuple[Hit, ...]:
            Once.told += 1
            return ()

    heard: list[Heard] = []

    def hear(_: subjects.Subject, place: walks.Place) -> Heard:
        heard.append(Heard(place))
        return heard[-1]

    rules = {
        1: Listen(hear),
        2: Listen(lambda _, __: Once()),
        3: Listen(hear),
    }
    found = walk(subject(b"<x><y/></x>"), rules, tree=False)
    line = Once.start.__code__.co_firstlineno + 2
    broken = Broken(f"raised ValueError at test_reading.py:{line}")
    assert found.judged == {1: HIT, 2: broken, 3: HIT}
    assert Once.told == 1
    # The other two missed nothing by that.
    assert heard[0].told == heard[1].told
    assert len(heard[0].told) == 4
    assert heard[0].place is heard[1].place
    assert isinstance(heard[0].place, walks.Place)


SECRET = "123456782"


class Untraced(Exception):
    """Says nothing of where it was raised."""

    @property
    def __traceback__(self) -> None:  # type: ignore[override]
        raise ValueError(SECRET)


def test_who_has_written_a_kind_is_told_where_it_raised_and_not_what() -> None:
    def deeper() -> None:
        raise LookupError(SECRET)

    def look() -> Iterator[Hit]:
        yield Hit()
        deeper()

    line = deeper.__code__.co_firstlineno + 1
    assert guarded(look) == Broken(f"raised LookupError at test_reading.py:{line}")


def test_where_it_was_raised_is_one_short_word() -> None:
    code = compile("raise LookupError", f"/{SECRET}/{'x' * 100}\n", "exec")

    def look() -> Iterator[Hit]:
        yield Hit()
        exec(code)

    found = guarded(look)
    assert found == Broken(f"raised LookupError at {'x' * 59}…:1")


def test_an_error_without_a_trace_is_told_all_the_same() -> None:
    def look() -> Iterator[Hit]:
        yield Hit()
        raise Untraced(SECRET)

    assert guarded(look) == Broken("raised Untraced")
