"""Plans of rules that tests know all about, and filings for them."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from digipoort_wus.filing.content import Content, size_of
from digipoort_wus.filing.finding import Severity
from digipoort_wus.rules.api import Report, Stage
from digipoort_wus.rules.model import (
    Compiled,
    Cost,
    Declared,
    Hit,
    Layer,
    Listen,
    Listener,
    Look,
    Parsing,
    Plan,
    Read,
    Rule,
    Text,
    Way,
)
from digipoort_wus.rules.running import run
from digipoort_wus.rules.subject import Enclosure, Envelope, Subject
from digipoort_wus.xmlsafe.walk import Place

RECEIVED = datetime(2026, 1, 31, 23, 30, tzinfo=UTC)
HIT = (Hit(),)


def subject(content: Content = b"<x/>", mime_type: str = "text/xml") -> Subject:
    document = Enclosure("a.xml", mime_type, size_of(content))
    return Subject(Envelope("Omzetbelasting", RECEIVED, document), content)


def rule(
    way: Way,
    code: str = "RULE",
    severity: Severity = "error",
    *,
    text: str = "Fout: {found}.",
    codes: Mapping[str, Declared] | None = None,
    severities: Mapping[str, Severity] | None = None,
    disabled: Iterable[str] = (),
) -> Rule:
    declared = codes or {code: Declared(severity, Text(text, text))}
    return Rule(
        code, "test", Cost.CHEAP, Compiled(way, declared), severities or {}, frozenset(disabled)
    )


def gives(*hits: Hit) -> Look:
    return Look(lambda _: hits)


def layer(
    *rules: Rule,
    id_: str = "l",
    stage: Stage = Stage.CONTENT,
    goes_on: bool = False,
    mime_types: Iterable[str] = (),
) -> Layer:
    return Layer(id_, "s@1", "0123456789abcdef" * 4, stage, rules, goes_on, frozenset(mime_types))


def report(about: Subject, *layers: Layer | Rule, stage: Stage = Stage.CONTENT) -> Report:
    """Judge by layers; a rule alone is a layer that goes on."""
    made = (each if isinstance(each, Layer) else layer(each, goes_on=True) for each in layers)
    return run(Plan(tuple(made)), about, stage)


def came(found: Report) -> dict[str, str]:
    return {ran.rule: ran.came.value for ran in found.trace}


class Heard:
    """Listens, and keeps everything; says that it heard the first element."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.told: list[object] = []

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self.told.append((name, dict(attributes), tuple(self.place.names)))

    def end(self, name: str, text: str) -> None:
        self.told.append((name, text))

    def hits(self) -> Iterable[Hit]:
        return HIT if self.told else ()


class Octets:
    """Reads octets, and says when they have what it looks for."""

    def __init__(self, wanted: bytes = b"") -> None:
        self.wanted = wanted
        self.read_octets = b""

    def read(self, piece: bytes) -> None:
        self.read_octets += piece

    def hits(self) -> Iterable[Hit]:
        return HIT if self.wanted in self.read_octets else ()


class BrokenOctets(Octets):
    """Finds something, and then breaks."""

    def hits(self) -> Iterable[Hit]:
        yield Hit()
        raise ValueError


def listen(make: Callable[[Place], Listener] = Heard) -> Listen:
    return Listen(lambda _, place: make(place))


def finds(wanted: bytes) -> Read:
    return Read(lambda _: Octets(wanted))


UNREADABLE = rule(Parsing(lambda _: HIT), "UNREADABLE", "fatal")
