"""Reads the cases of a rule set from TOML: documents, small changes to them, what must be found.

A file names its set; ``[filing]`` says what cases do not say themselves::

    set = "nl.bd.omzetbelasting@2026.1"
    [filing]
    file = "omzetbelasting/quarter.xbrl"
    berichtsoort = "Omzetbelasting"
    received = 2026-10-05T09:15:00Z
    number = "001000044B37"
    type = "Fi"
    [[case]]
    name = "a sum that is wrong"
    edit = [{ find = ">3030<", put = ">3031<" }]
    outcome = "valid"
    codes = ["OB-SUM-5G"]

Also: ``text`` instead of ``file``; ``times`` in an edit, to put something many times; ``encoding``
(``utf-8``, or any that Python has); ``file_name``, ``mime_type``; ``needs`` and ``without``, kinds
of rules without or with which a case says nothing; ``others = true``: more codes may be found.
"""

import codecs
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.party import Party
from digipoort_wus.rules.api import Outcome
from digipoort_wus.rules.cases import Case, Expected
from digipoort_wus.rules.subject import Enclosure, Envelope
from digipoort_wus.rules.table import Table

_OUTCOMES: Mapping[str, Outcome] = {each.value: each for each in Outcome}
_NAME = re.compile(r"[^@\s]+@[^@\s]+")
_FILE = re.compile(r"[0-9A-Za-z_][0-9A-Za-z._-]*(/[0-9A-Za-z_][0-9A-Za-z._-]*)*")
_OF_A_CASE = ("name", "edit", "outcome", "codes", "needs", "without", "others")


@dataclass(frozen=True, slots=True)
class CaseFile:
    """The cases of one file.

    Args:
        set_name: ``id@version`` of the set that they are for.
        cases: in their order.
        origin: the file, for messages.
    """

    set_name: str
    cases: tuple[Case, ...]
    origin: str


def load_case_files(directory: Path) -> tuple[CaseFile, ...]:
    """Read the cases beside the sets of a directory: each ``cases/*.toml``.

    Raises:
        ConfigurationError: a file is not what it must be.
    """
    return tuple(load_cases(path) for path in sorted((directory / "cases").glob("*.toml")))


def cases_of(directories: Iterable[Path]) -> dict[str, list[Case]]:
    """Read the cases of directories, by the ``id@version`` that they are for.

    Raises:
        ConfigurationError: a file of cases is not what it must be.
    """
    found: dict[str, list[Case]] = {}
    for directory in directories:
        for file in load_case_files(directory):
            found.setdefault(file.set_name, []).extend(file.cases)
    return found


def load_cases(path: Path) -> CaseFile:
    """Read one file of cases.

    Raises:
        ConfigurationError: it says something wrong, or a document is not there.
    """
    try:
        values: Mapping[str, object] = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{path} is not TOML: {error}.") from error
    table = Table(values, str(path))
    set_name = table.matching("set", _NAME, "an id and a version, as nl.base@1 is")
    section = table.section("filing")
    filing = section.values()
    for key in _OF_A_CASE:
        if key in filing:
            raise section.wrong(key, "each case says this itself: put it there")
    entries = table.values().get("case")
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise table.wrong("case", "the file has no case: write [[case]]")
    table.has("case")
    table.done()
    cases: list[Case] = []
    for number, each in enumerate(entries, 1):
        own: Mapping[str, object] = {**filing, **each}
        if "text" in each and "file" not in each:
            own = {key: value for key, value in own.items() if key != "file"}
        cases.append(_case(Table(own, str(path), f"case[{each.get('name', number)}]"), path.parent))
    names = [case.name for case in cases]
    for name in names:
        if names.count(name) > 1:
            raise table.wrong("case", f"two cases are named {name!r}: give one another name")
    return CaseFile(set_name, tuple(cases), str(path))


def _case(table: Table, home: Path) -> Case:
    octets = _octets(table, home)
    file_name = table.text("file_name", _last(table))
    mime_type = table.text("mime_type", "text/xml")
    received = table.values().get("received")
    if not table.has("received") or not isinstance(received, datetime) or received.tzinfo is None:
        raise table.wrong("received", "it must be a moment such as 2026-10-05T09:15:00Z")
    party = Party(table.text("number"), table.text("type")) if table.has("number") else None
    envelope = Envelope(
        table.text("berichtsoort", "TEST"),
        received,
        Enclosure(file_name, mime_type, len(octets)),
        party,
    )
    case = Case(
        table.text("name"),
        envelope,
        octets,
        frozenset(table.texts("codes", "codes of findings")),
        table.one_of("outcome", _OUTCOMES),
        Expected.AT_LEAST if table.flag("others") else Expected.EXACTLY,
        table.texts("needs", "kinds of rules"),
        table.texts("without", "kinds of rules"),
    )
    table.done()
    if case.outcome is Outcome.INVALID and not case.codes:
        raise table.wrong("codes", "of a case that is invalid, name what is found")
    return case


def _octets(table: Table, home: Path) -> bytes:
    """Return the document of a case, with its changes."""
    if table.has("text"):
        given = table.values()["text"]
        if table.has("file") or not isinstance(given, str):
            raise table.wrong("text", "it must be a text, and then there is no file")
        text = given
    else:
        name = table.matching("file", _FILE, "the name of a file beside this one, or below it")
        try:
            text = (home / name).read_bytes().decode()
        except (OSError, UnicodeDecodeError) as error:
            raise table.wrong("file", f"{name} cannot be read as UTF-8: {error}") from error
    for each in table.tables("edit"):
        text = _edited(each, text)
    encoding = table.text("encoding", "utf-8")
    try:
        codecs.lookup(encoding)
        return text.encode(encoding)
    except (LookupError, UnicodeError) as error:
        raise table.wrong("encoding", f"the document cannot be written so: {error}") from error


def _edited(table: Table, text: str) -> str:
    values = table.values()
    find, put, times = values.get("find"), values.get("put"), values.get("times", 1)
    for key in ("find", "put", "times"):
        table.has(key)
    table.done()
    if not isinstance(find, str) or not find or not isinstance(put, str):
        raise table.wrong("", "an edit has a text to find and one to put there")
    if isinstance(times, bool) or not isinstance(times, int) or times < 1:
        raise table.wrong("times", "it must be a whole number from 1")
    if text.count(find) != 1:
        raise table.wrong("find", f"{find!r} must be there once, and is {text.count(find)} times")
    return text.replace(find, put * times)


def _last(table: Table) -> str:
    file = table.values().get("file")
    return file.rpartition("/")[2] if isinstance(file, str) else "case.xml"
