import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.rules.api import Came, Outcome, Stage
from digipoort_wus.rules.artefacts import Files, NotHere
from digipoort_wus.rules.loading import load_set, load_sets
from digipoort_wus.rules.model import Cost, OptionError, Plan, Text
from digipoort_wus.rules.ruleset import Applies, Artefact, Override, Unready
from digipoort_wus.rules.running import run
from digipoort_wus.rules.subject import Enclosure, Envelope, Subject
from tests.unit.rules.broken_layers import BROKEN_LAYERS
from tests.unit.rules.broken_sets import BROKEN_SETS
from tests.unit.rules.writing import KINDS, SET, SHA, SMALL, write_set

OPERATORS = SET.replace(
    f'{SHA}"',
    f'{SHA}"\nsupplied_by = "operator"\nsource = "From the agency\'s site."',
)
OPTIONAL = OPERATORS.replace("supplied_by", "optional = true\nsupplied_by")


def subject() -> Subject:
    envelope = Envelope(
        "Omzetbelasting", datetime(2026, 5, 1, tzinfo=UTC), Enclosure("a.xml", "text/xml", 4)
    )
    return Subject(envelope, b"<a/>")


def test_a_set_is_what_its_file_says(tmp_path: Path) -> None:
    loaded = load_set(write_set(tmp_path), KINDS)

    assert (loaded.id, loaded.version, loaded.name) == (
        "nl.example",
        "2026.1",
        "nl.example@2026.1",
    )
    assert loaded.title == Text("Voorbeeld", "Example")
    assert loaded.berichtsoorten == ("Omzetbelasting",)
    assert (loaded.valid_from, loaded.valid_until) == (date(2026, 1, 1), date(2026, 12, 31))
    assert (loaded.applies, loaded.requires) == (Applies(), ())
    assert loaded.overrides == {"EX-2A": Override("info", "agreed with the agency")}
    assert loaded.disabled == {"EX-2B": "the agency has withdrawn it"}
    assert loaded.artefacts == (Artefact("small.xsd", SHA, tmp_path / "small.xsd"),)
    assert (loaded.missing, loaded.unready) == ((), ())
    assert loaded.origin == str(tmp_path / "example.toml")
    first, second = loaded.layers
    assert (first.id, first.stage, first.goes_on) == ("first", Stage.ENVELOPE, True)
    assert (second.id, second.stage, second.goes_on) == ("second", Stage.CONTENT, False)
    assert {first.set_id, second.set_id} == {"nl.example@2026.1"}
    assert {first.digest, second.digest} == {loaded.digest}
    assert [(rule.code, rule.kind, rule.cost) for rule in (*first.rules, *second.rules)] == [
        ("EX-1", "always", Cost.CHEAP),
        ("EX-2", "texts-of-its-own", Cost.CHEAP),
        ("EX-3", "file", Cost.HEAVY),
    ]
    declared = first.rules[0].compiled.codes["EX-1"]
    assert (declared.severity, declared.basis) == ("error", "a clause")
    assert declared.text == Text("Altijd {found}.", "Always {found}.")
    assert second.rules[0].compiled.codes["EX-3"].basis == "inferred"


def test_a_set_may_be_valid_for_a_day(tmp_path: Path) -> None:
    text = SET.replace("valid_until = 2026-12-31", "valid_until = 2026-01-01")

    loaded = load_set(write_set(tmp_path, text), KINDS)

    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 1, 2)]
    assert [loaded.is_valid_on(day) for day in days] == [False, True, False]


def test_a_layer_may_be_for_some_mime_types(tmp_path: Path) -> None:
    text = SET.replace("goes_on = true", 'mime_types = ["text/xml", "application/xbrl+xml"]')

    first, second = load_set(write_set(tmp_path, text), KINDS).layers

    assert first.mime_types == {"text/xml", "application/xbrl+xml"}
    assert second.mime_types == frozenset()


def test_a_set_that_was_loaded_judges(tmp_path: Path) -> None:
    loaded = load_set(write_set(tmp_path), KINDS)

    report = run(Plan(loaded.layers), subject(), Stage.ENVELOPE)

    assert report.outcome is Outcome.INVALID
    assert [(each.code, each.text) for each in report.findings] == [
        ("EX-1", "Altijd hier."),
        ("EX-2A", "Letter."),
        ("EX-2B", "Letter."),
    ]
    assert [(each.set_id, each.digest) for each in report.trace] == [
        ("nl.example@2026.1", loaded.digest[:12])
    ] * 2


def test_the_digest_is_over_the_file_and_its_artefacts(tmp_path: Path) -> None:
    path = write_set(tmp_path)
    octets = path.read_bytes()

    digest = load_set(path, KINDS).digest

    assert digest == hashlib.sha256(octets + b"\0small.xsd\0" + SHA.encode()).hexdigest()
    path.write_bytes(octets + b"# one remark more\n")
    assert load_set(path, KINDS).digest != digest


def test_the_digest_tells_whether_an_artefact_is_here(tmp_path: Path) -> None:
    path = write_set(tmp_path, OPERATORS)
    here = load_set(path, KINDS).digest
    (tmp_path / "small.xsd").unlink()

    assert load_set(path, KINDS).digest not in (here, "")


def test_artefacts_count_in_the_order_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.xsd").write_bytes(b"a")
    sha = hashlib.sha256(b"a").hexdigest()
    more = f'[artefacts."more/a.xsd"]\nsha256 = "{sha}"\n'
    text = SET.replace("[artefacts.", f"{more}[artefacts.")
    path = write_set(tmp_path, text)

    loaded = load_set(path, KINDS)

    assert [each.name for each in loaded.artefacts] == ["more/a.xsd", "small.xsd"]
    expected = f"{text}\0more/a.xsd\0{sha}\0small.xsd\0{SHA}"
    assert loaded.digest == hashlib.sha256(expected.encode()).hexdigest()


# ------------------------------------------------------------------- artefacts that are added


def test_an_artefact_of_the_operator_may_lie_beside_the_set(tmp_path: Path) -> None:
    loaded = load_set(write_set(tmp_path, OPERATORS), KINDS)

    assert loaded.missing == ()
    assert loaded.unready == ()
    assert loaded.artefacts[0].source == "From the agency's site."


def test_an_artefact_of_the_operator_is_looked_for_where_he_adds_them(tmp_path: Path) -> None:
    path = write_set(tmp_path, OPERATORS)
    path.with_name("small.xsd").unlink()
    added = tmp_path / "added"
    (added / "nl.example").mkdir(parents=True)
    (added / "nl.example" / "small.xsd").write_bytes(SMALL)

    loaded = load_set(path, KINDS, added)

    assert loaded.artefacts[0].path == added / "nl.example" / "small.xsd"
    assert loaded.unready == ()


def test_a_shipped_artefact_is_not_taken_from_there(tmp_path: Path) -> None:
    path = write_set(tmp_path)
    added = tmp_path / "added"
    (added / "nl.example").mkdir(parents=True)
    (added / "nl.example" / "small.xsd").write_bytes(b"something else")

    assert load_set(path, KINDS, added).artefacts[0].path == tmp_path / "small.xsd"


def test_a_rule_without_its_artefact_makes_a_filing_undetermined(tmp_path: Path) -> None:
    path = write_set(tmp_path, OPERATORS)
    path.with_name("small.xsd").unlink()
    added = tmp_path / "added"

    loaded = load_set(path, KINDS, added)

    where = added / "nl.example" / "small.xsd"
    why = f"small.xsd is not here. Add it as {where}. From the agency's site."
    assert loaded.unready == (Unready("EX-3", why, left_out=False),)
    assert [(each.name, each.expected_at) for each in loaded.missing] == [("small.xsd", where)]
    report = run(Plan(loaded.layers), subject(), Stage.CONTENT)
    assert report.outcome is Outcome.UNDETERMINED
    assert [(each.rule, each.came, each.why) for each in report.trace] == [
        ("EX-3", Came.TECHNICAL, why)
    ]


def test_a_rule_without_an_optional_artefact_is_left_out(tmp_path: Path) -> None:
    path = write_set(tmp_path, OPTIONAL)
    path.with_name("small.xsd").unlink()

    loaded = load_set(path, KINDS)

    assert [(each.rule, each.left_out) for each in loaded.unready] == [("EX-3", True)]
    assert [each.name for each in loaded.missing] == ["small.xsd"]
    report = run(Plan(loaded.layers), subject(), Stage.CONTENT)
    assert (report.outcome, report.trace) == (Outcome.VALID, ())


def test_a_rule_whose_engine_is_not_installed_makes_a_filing_undetermined(tmp_path: Path) -> None:
    text = SET.replace('use = "always"', 'use = "not-installed"')

    loaded = load_set(write_set(tmp_path, text), KINDS)

    why = "the extra `big` is not installed"
    assert loaded.unready == (Unready("EX-1", why, left_out=False),)
    report = run(Plan(loaded.layers[:1]), subject(), Stage.ENVELOPE)
    assert (report.trace[0].came, report.trace[0].why) == (Came.TECHNICAL, why)


def test_kinds_ask_for_artefacts_as_of_any_mapping(tmp_path: Path) -> None:
    here = Artefact("here.xsd", SHA, tmp_path / "here.xsd")
    gone = replace(here, name="gone.xsd", path=None, source="Ask the agency.")
    files = Files((here, gone))

    assert (list(files), len(files)) == (["here.xsd", "gone.xsd"], 2)
    assert files["here.xsd"] == tmp_path / "here.xsd"
    assert dict(Files((here,))) == {"here.xsd": tmp_path / "here.xsd"}
    assert (files.get("other.xsd"), "other.xsd" in files) == (None, False)
    with pytest.raises(OptionError) as unlisted:
        files["other.xsd"]
    assert str(unlisted.value) == (
        "'other.xsd' is not among the artefacts of the set: list it in [artefacts]"
    )
    asked: tuple[Callable[[], object], ...] = (
        lambda: files["gone.xsd"],
        lambda: files.get("gone.xsd"),
        lambda: "gone.xsd" in files,
        lambda: dict(files),
    )
    for ask in asked:
        with pytest.raises(NotHere, match=r"^gone\.xsd is not here\. Ask the agency\.$"):
            ask()


# ------------------------------------------------------------------- every mistake of an author

BROKEN = BROKEN_SETS | BROKEN_LAYERS


@pytest.mark.parametrize("name", BROKEN)
def test_a_mistake_is_said_with_file_key_and_what_to_do(name: str, tmp_path: Path) -> None:
    old, new, said = BROKEN[name]
    assert SET.count(old) == 1, "the set of this test changed"
    path = write_set(tmp_path, SET.replace(old, new))

    with pytest.raises(ConfigurationError) as caught:
        load_set(path, KINDS)

    assert str(caught.value) == f"{path}: {said.replace('{directory}', str(tmp_path))}"


def test_a_set_without_layers_is_refused_unless_it_requires_one(tmp_path: Path) -> None:
    bare = SET.partition("[[layer]]")[0]
    path = write_set(tmp_path, bare)

    with pytest.raises(ConfigurationError) as caught:
        load_set(path, KINDS)

    assert str(caught.value) == (
        f"{path}: layer: the set has no rule: write [[layer]] and [[layer.rule]]."
    )
    path.write_text(f'{bare}requires = ["nl.base@1"]\n')
    assert load_set(path, KINDS).layers == ()


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (b"id = ", "{path} is not TOML: Invalid value (at end of document)."),
        (b"id = 1\nid = 2", "{path} is not TOML: Cannot overwrite a value (at end of document)."),
        (b"\xef\xbb\xbfid = 1", "{path} is not TOML: Invalid statement (at line 1, column 1)."),
        (b'id = "\xe9"', "{path} is not UTF-8: save it as UTF-8."),
        ('id = "a"'.encode("utf-16"), "{path} is not UTF-8: save it as UTF-8."),
        (b"a = " + b"[" * 5000, "{path} is not TOML: it is nested too deep."),
        (b"", "{path}: id: it is missing: it must be a text that is not empty."),
    ],
    ids=["half", "twice", "BOM", "Latin-1", "UTF-16", "deep", "empty"],
)
def test_a_file_that_is_no_toml_is_refused(octets: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(octets)

    with pytest.raises(ConfigurationError) as caught:
        load_set(path, KINDS)

    assert str(caught.value) == said.replace("{path}", str(path))


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"gone\.toml cannot be read: No such file"):
        load_set(tmp_path / "gone.toml", KINDS)
    with pytest.raises(ConfigurationError, match=r"cannot be read: Is a directory\.$"):
        load_set(tmp_path, KINDS)


def test_an_artefact_that_is_a_directory_is_not_there(tmp_path: Path) -> None:
    path = write_set(tmp_path)
    (tmp_path / "small.xsd").unlink()
    (tmp_path / "small.xsd").mkdir()

    with pytest.raises(ConfigurationError, match=r"small\.xsd is not there: put it back"):
        load_set(path, KINDS)


def test_an_artefact_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    path = write_set(tmp_path)
    (tmp_path / "small.xsd").unlink()
    # A file of which nobody can read the first octet.
    (tmp_path / "small.xsd").symlink_to("/proc/self/mem")

    with pytest.raises(ConfigurationError) as caught:
        load_set(path, KINDS)

    assert str(caught.value) == (
        f'{path}: artefacts."small.xsd": {tmp_path}/small.xsd cannot be read: Input/output error.'
    )


def test_a_directory_is_loaded_but_not_what_lies_below(tmp_path: Path) -> None:
    write_set(tmp_path, SET, "b.toml")
    write_set(tmp_path, SET.replace("nl.example", "nl.other"), "a.toml")
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "case.toml").write_text("this is no set")

    sets = load_sets([tmp_path], KINDS)

    assert [each.name for each in sets] == ["nl.other@2026.1", "nl.example@2026.1"]


def test_a_directory_without_sets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as empty:
        load_sets([tmp_path], KINDS)
    assert str(empty.value) == f"{tmp_path} has no rule set: those are files named *.toml."
    with pytest.raises(ConfigurationError) as gone:
        load_sets([tmp_path / "gone"], KINDS)
    assert str(gone.value) == f"{tmp_path}/gone is no directory: rule sets are files in one."
