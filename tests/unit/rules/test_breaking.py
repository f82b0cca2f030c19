"""Rules that break, wherever they can: never the mistake of who filed."""

import dataclasses
import itertools
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import pytest

from digipoort_wus.errors import Refusal
from digipoort_wus.filing.finding import Severity
from digipoort_wus.rules.api import Outcome
from digipoort_wus.rules.model import (
    Declared,
    Hit,
    Listen,
    Look,
    Parsing,
    Read,
    TechnicalError,
    Text,
    Unfinished,
    Way,
)
from digipoort_wus.rules.reading import ENDLESS, HITS_MAX
from digipoort_wus.rules.subject import Subject
from tests.unit.rules.plans import (
    HIT,
    UNREADABLE,
    came,
    finds,
    gives,
    layer,
    listen,
    report,
    rule,
    subject,
)

SOUND = rule(gives(), "SOUND")
WRONG = rule(gives(*HIT), "WRONG")
SECRET = "geheim 123456782"


# What may happen in a rule, at each place where it runs.


class Boom(BaseException):
    pass


class Speechless(TechnicalError):
    def __str__(self) -> str:
        raise ValueError(SECRET)


def deep() -> None:
    deep()


def fail(error: BaseException) -> None:
    if isinstance(error, RecursionError):
        deep()
    raise error


class Failing:
    """Fails at one place."""

    def __init__(self, at: str, error: BaseException) -> None:
        self.at, self.error = at, error

    def _at(self, place: str) -> None:
        if self.at == place:
            fail(self.error)

    def read(self, _: bytes) -> None:
        self._at("read")

    def start(self, _: str, __: Mapping[str, str]) -> None:
        self._at("start")

    def end(self, _: str, __: str) -> None:
        self._at("end")

    def hits(self) -> Iterator[Hit]:
        self._at("hits")
        yield Hit()
        self._at("half")


def failing(at: str, error: BaseException) -> Way:
    def begin(*_: object) -> Any:
        if at.endswith("begin"):
            fail(error)
        return Failing(at.partition(" ")[2], error)

    def look(_: Subject) -> Iterator[Hit]:
        return Failing(at.partition(" ")[2], error).hits()

    def judge(_: Refusal) -> Iterator[Hit]:
        return look(subject())

    ways: dict[str, Way] = {
        "read": Read(begin),
        "listen": Listen(begin),
        "look": Look(look),
        "tree": Look(look, tree=True),
        "parsing": Parsing(judge),
    }
    return ways[at.partition(" ")[0]]


PLACES = (
    *("read begin", "read read", "read hits", "read half"),
    *("listen begin", "listen start", "listen end", "listen hits", "listen half"),
    *("look hits", "look half", "tree hits", "tree half", "parsing hits", "parsing half"),
)
ERRORS = (
    *(ValueError(SECRET), MemoryError(SECRET), RecursionError(), StopIteration(SECRET)),
    *(Boom(SECRET), SystemExit(SECRET), GeneratorExit(), Refusal.__new__(Refusal)),
    *(Speechless(), OSError(2, SECRET), UnicodeDecodeError("utf-8", b"\xff", 0, 1, SECRET)),
)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("at", PLACES)
@pytest.mark.parametrize("tree", [False, True])
def test_what_a_rule_raises_is_nobodys_mistake(at: str, error: BaseException, tree: bool) -> None:
    broken = rule(failing(at, error), "BROKEN", "fatal")
    others = [rule(listen(), "HEARD", "warning"), rule(finds(b"<"), "READ", "warning")]
    if tree:
        others.append(rule(Look(lambda about: [Hit()][: len(about.tree())], tree=True), "TREE"))
    about = subject(b"<x>" if at.startswith("parsing") else b"<x/>")
    found = report(about, broken, *others)
    assert found.outcome is Outcome.UNDETERMINED
    assert came(found)["BROKEN"] == "technical"
    # The others are judged as ever.
    assert came(found)["READ"] == "failed"
    assert came(found)["HEARD"] == ("skipped" if at.startswith("parsing") else "failed")
    assert {one.code for one in found.findings} <= {"HEARD", "READ"}
    # A generator turns one into the other.
    names = {type(error).__name__, "RuntimeError"}
    raised = re.fullmatch(r"s@1 BROKEN: raised (\w+) at \w+\.py:\d+", found.technical)
    assert raised is not None
    assert raised[1] in names
    assert SECRET not in repr(found)


def test_a_kind_ends_no_program_but_ctrl_c_does() -> None:
    with pytest.raises(KeyboardInterrupt):
        report(subject(), rule(failing("look hits", KeyboardInterrupt())))
    with pytest.raises(KeyboardInterrupt):
        report(subject(), rule(failing("listen end", KeyboardInterrupt())))
    with pytest.raises(KeyboardInterrupt):
        report(subject(), rule(failing("read read", KeyboardInterrupt())))
    with pytest.raises(KeyboardInterrupt):
        report(subject(), rule(failing("listen begin", KeyboardInterrupt())))


def test_what_a_rule_says_of_itself_is_one_short_line() -> None:
    said = TechnicalError("the taxonomy\n  is not here" + "x" * 1000)
    found = report(subject(), rule(failing("look hits", said)))
    assert found.technical.startswith("s@1 RULE: the taxonomy   is not here")
    assert len(found.technical) < 330


def test_an_error_refuses_even_when_another_rule_broke() -> None:
    broken = rule(failing("look hits", ValueError()), "BROKEN")
    for rules in ((broken, WRONG), (WRONG, broken)):
        found = report(subject(), *rules)
        assert found.outcome is Outcome.INVALID
        assert [one.code for one in found.findings] == ["WRONG"]
        assert found.technical.startswith("s@1 BROKEN: raised ValueError at ")


def test_a_layer_in_which_a_rule_broke_ends_nothing() -> None:
    broken = rule(failing("look hits", ValueError()), "BROKEN")
    assert report(subject(), layer(broken), layer(WRONG)).outcome is Outcome.INVALID


@pytest.mark.parametrize(
    "given",
    [
        *(None, 7, "text", ["text"], [None], [Hit], [("RULE", "text")]),
        *([Hit("OTHER")], [Hit("RULE"), Hit("OTHER")]),
        [Hit(code=cast(Any, ["RULE"]))],
        [Hit(values=cast(Any, None))],
        [Hit(values=cast(Any, {"found": 7}))],
        [Hit(where=cast(Any, None))],
        [Hit(line=cast(Any, "7"))],
        [Hit(severity=cast(Any, "deadly"))],
        [Hit(severity=cast(Any, ["error"]))],
    ],
)
def test_what_is_no_hit_is_nobodys_mistake(given: Any) -> None:
    for way in (Look(lambda _: given), Look(lambda _: given, tree=True)):
        found = report(subject(), rule(way), SOUND)
        assert (found.outcome, found.findings) == (Outcome.UNDETERMINED, ())
        assert came(found) == {"RULE": "technical", "SOUND": "passed"}


@pytest.mark.parametrize("begin", [lambda *_: None, lambda *_: 7])
@pytest.mark.parametrize("way", [Read, Listen])
def test_what_begins_as_nothing_is_nobodys_mistake(
    way: Callable[[Any], Way], begin: object
) -> None:
    for content in (b"", b"<x/>"):
        found = report(subject(content), rule(way(begin)), UNREADABLE)
        assert came(found)["RULE"] in ("technical", "skipped")
        assert found.findings == () or found.findings[0].code == "UNREADABLE"
    assert came(found)["RULE"] == "technical"


def test_a_code_that_was_not_declared_is_named_as_what_it_is() -> None:
    for hits in ([Hit("OTHER")], [Hit("RULE"), Hit("OTHER")]):
        found = report(subject(), rule(gives(*hits)))
        assert found.technical == "s@1 RULE: gave a code that it did not declare"


def test_a_text_that_cannot_be_filled_is_nobodys_mistake() -> None:
    found = report(subject(), rule(gives(*HIT), text="{"))
    assert found.outcome is Outcome.UNDETERMINED
    assert "cannot be filled" in found.technical


# Many hits.


def many(severity: Severity | None = None) -> Look:
    return Look(lambda _: (Hit(severity=severity) for _ in itertools.count()))


def test_hits_without_end() -> None:
    found = report(subject(), rule(many("warning")))
    assert (found.outcome, found.findings) == (Outcome.UNDETERMINED, ())
    assert str(ENDLESS) in found.technical
    # What is wrong anyway stays wrong.
    found = report(subject(), rule(many()))
    assert (found.outcome, found.technical) == (Outcome.INVALID, "")
    assert len(found.findings) == HITS_MAX


@pytest.mark.parametrize(
    ("severity", "outcome"), [("warning", Outcome.UNDETERMINED), ("error", Outcome.INVALID)]
)
def test_what_came_to_no_end_counts_when_it_refuses(severity: Severity, outcome: Outcome) -> None:
    def look(_: Subject) -> Iterator[Hit]:
        yield Hit()
        raise Unfinished("there was more")

    found = report(subject(), rule(Look(look), "RULE", severity))
    assert found.outcome is outcome
    assert len(found.findings) == (outcome is Outcome.INVALID)
    assert ("there was more" in found.technical) is (outcome is Outcome.UNDETERMINED)


def test_many_warnings_hide_no_error() -> None:
    codes = {
        "WARN": Declared("warning", Text("w", "w")),
        "OFF": Declared("error", Text("o", "o")),
        "ERROR": Declared("error", Text("e", "e")),
    }
    hits = [Hit("WARN")] * 600 + [Hit("OFF")] * 600 + [Hit("WARN", severity="error")] * 3
    judged = rule(gives(*hits), codes=codes, disabled={"OFF"})
    found = report(subject(), judged)
    assert found.outcome is Outcome.INVALID
    assert [one.severity for one in found.findings] == ["warning"] * HITS_MAX + ["error"]
    hits = [Hit("OFF")] * 600 + [Hit("ERROR")]
    found = report(subject(), dataclasses.replace(judged, compiled=rule(gives(*hits)).compiled))
    # Of a rule without these codes.
    assert found.outcome is Outcome.UNDETERMINED
    found = report(subject(), rule(gives(*hits), codes=codes, disabled={"OFF"}))
    assert [one.code for one in found.findings] == ["ERROR"]


def test_many_rules_that_broke_are_not_all_told() -> None:
    broken = [rule(failing("look hits", ValueError()), f"B{each}") for each in range(30)]
    found = report(subject(), *broken)
    last = found.technical.rpartition("s@1 ")[2]
    assert re.fullmatch(r"B19: raised ValueError at \w+\.py:\d+; and 10 more", last)


def test_nothing_is_left_of_a_rule_that_raised() -> None:
    """What a traceback holds is not to live as long as this thread."""
    report(subject(), rule(failing("listen start", ValueError(SECRET))))
    assert sys.exc_info() == (None, None, None)
    assert SECRET not in traceback.format_exc()
