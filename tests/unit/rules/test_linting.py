import hashlib
from pathlib import Path

import pytest

from digipoort_wus.rules.discovery import installed_kinds
from digipoort_wus.rules.engine import SHIPPED
from digipoort_wus.rules.linting import Mistake, Weight, beside_of, lint
from digipoort_wus.rules.loading import load_sets
from tests.unit.rules import writing
from tests.unit.rules.writing import KINDS, SMALL

SET = writing.SET.replace("small.xsd", "small.txt")

CASES = 'set = "nl.example@2026.1"\n[[case]]\nname = "x"\ntext = "<x/>"\n' + (
    'received = 2026-06-01T00:00:00Z\noutcome = "valid"\ncodes = ["EX-1"]\n'
)
XPATH = """\
id = "nl.paths"
version = "1"
title.nl = "Paden"
title.en = "Paths"
berichtsoorten = ["Paden"]
valid_from = 2026-01-01
[[layer]]
id = "one"
[[layer.rule]]
code = "P-1"
use = "xpath"
severity = "error"
message.nl = "Nee {found}."
message.en = "No."
options.each = "//a"
options.test = "//b"
options.values.found = "string(preceding::a)"
"""
XSLT = """\
<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="2.0">
<xsl:template match="/"><xsl:value-of select="doc('file:///etc/passwd')"/></xsl:template>
</xsl:stylesheet>"""


def put(directory: Path, text: str = SET, name: str = "example.toml") -> None:
    (directory / "small.txt").write_bytes(SMALL)
    (directory / name).write_text(text, encoding="utf-8")


def with_cases(directory: Path) -> Path:
    (directory / "cases").mkdir()
    (directory / "cases" / "example.toml").write_text(CASES)
    return directory


def texts(found: tuple[Mistake, ...], weight: Weight) -> list[str]:
    return [each.text for each in found if each.weight is weight]


def test_a_set_that_is_right(tmp_path: Path) -> None:
    put(with_cases(tmp_path), SET.replace("Always {found}.", "Always {found}!"))
    assert lint([tmp_path], KINDS) == ()


def test_the_shipped_sets_are_right() -> None:
    """What cannot be judged here for want of an extra is no mistake of theirs."""
    found = lint([SHIPPED], installed_kinds())
    assert texts(found, Weight.ERROR) == []
    assert [
        each for each in texts(found, Weight.WARNING) if "cannot be judged here" not in each
    ] == []


def test_every_broken_set_is_told_not_only_the_first(tmp_path: Path) -> None:
    put(tmp_path, SET.replace('version = "2026.1"\n', ""), "a.toml")
    put(tmp_path, SET.replace('"EX-1"', '"EX-1-IS-MUCH-TOO-LONG-FOR-A-CODE"'), "b.toml")
    put(tmp_path, SET.replace("valid_from", "valid_form"), "c.toml")
    put(tmp_path, "id = ", "d.toml")
    found = texts(lint([tmp_path], KINDS), Weight.ERROR)
    assert len(found) == 4
    for name, sentence in zip("abcd", found, strict=True):
        assert sentence.startswith(f"{tmp_path}/{name}.toml")


def test_sets_that_overlap_are_told_once_all_can_be_loaded(tmp_path: Path) -> None:
    put(with_cases(tmp_path))
    other = tmp_path / "other"
    other.mkdir()
    put(other, SET.replace('"nl.example"', '"nl.other"'))
    (sentence,) = texts(lint([tmp_path, other], KINDS), Weight.ERROR)
    assert 'both judge "Omzetbelasting" from 2026-01-01' in sentence
    beside = load_sets([other], KINDS)
    assert len(texts(lint([tmp_path], KINDS, beside), Weight.ERROR)) == 1
    assert texts(lint([tmp_path], KINDS), Weight.ERROR) == []


def test_an_empty_directory_and_broken_cases_are_told(tmp_path: Path) -> None:
    (sentence,) = texts(lint([tmp_path], KINDS), Weight.ERROR)
    assert sentence == f"{tmp_path} has no rule set: those are files named *.toml."
    put(with_cases(tmp_path))
    (tmp_path / "cases" / "example.toml").write_text("set = 1")
    found = lint([tmp_path], KINDS)
    assert [
        each.startswith(f"{tmp_path}/cases/example.toml: set")
        for each in texts(found, Weight.ERROR)
    ] == [True]
    assert f"{tmp_path}/example.toml: nl.example@2026.1 has no cases: write cases/*.toml." in texts(
        found, Weight.WARNING
    )


def test_texts_that_do_not_say_the_same_are_told(tmp_path: Path) -> None:
    put(with_cases(tmp_path), SET.replace("Always {found}.", "Always {what}."))
    (sentence,) = texts(lint([tmp_path], KINDS), Weight.WARNING)
    assert sentence.endswith("EX-1: only one of its two texts has {found}, {what}.")


def test_slow_expressions_are_told(tmp_path: Path) -> None:
    (tmp_path / "paths.toml").write_text(XPATH)
    found = texts(lint([tmp_path], installed_kinds()), Weight.WARNING)
    assert [each.partition(": ")[2] for each in found] == [
        "P-1: only one of its two texts has {found}.",
        "P-1 searches the whole document with // for each of many elements, "
        "which takes long in a large document.",
        "P-1 looks at all elements before or behind each of many elements, "
        "which takes long in a large document.",
        "nl.paths@1 has no cases: write cases/*.toml.",
    ]


@pytest.mark.parametrize("listed", [True, False])
def test_artefacts_that_reach_out_are_told(tmp_path: Path, listed: bool) -> None:
    schema = (
        '<schema xmlns="http://www.w3.org/2001/XMLSchema"><include schemaLocation="u:x"/></schema>'
    )
    text = SET
    for name, octets in (("rules.xsl", XSLT.encode()), ("other.xsd", schema.encode())):
        digest = hashlib.sha256(octets).hexdigest()
        text += f'[artefacts."{name}"]\nsha256 = "{digest}"\n'
        (tmp_path / name).write_bytes(octets)
    if listed:
        text = text.replace(
            'options.schema = "small.txt"',
            'options.schema = "small.txt"\noptions.locations."u:x" = "b"',
        )
    put(with_cases(tmp_path), text)
    found = texts(lint([tmp_path], KINDS), Weight.ERROR)
    assert [each for each in found if "rules.xsl: line 2 calls doc()" in each] != []
    assert bool([each for each in found if "other.xsd: line 1 refers to u:x" in each]) is not listed


def test_rules_that_cannot_be_judged_are_told(tmp_path: Path) -> None:
    text = SET.partition("[[layer]]")[0] + (
        '[[layer]]\nid = "a"\n[[layer.rule]]\ncode = "A"\nuse = "not-installed"\n'
    )
    put(with_cases(tmp_path), text)
    (sentence,) = texts(lint([tmp_path], KINDS), Weight.WARNING)
    assert sentence.endswith("A cannot be judged here: the extra `big` is not installed.")


def test_an_artefact_that_no_rule_uses_is_told(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_bytes(SMALL)
    text = SET + f'[artefacts."old.txt"]\nsha256 = "{hashlib.sha256(SMALL).hexdigest()}"\n'
    put(with_cases(tmp_path), text.replace("Always {found}.", "Always {found}!"))
    assert texts(lint([tmp_path], KINDS), Weight.WARNING) == [
        f"{tmp_path}/example.toml: no rule uses old.txt: leave it out of [artefacts], or name it "
        "in a rule."
    ]


def test_what_a_rule_uses_that_cannot_be_judged_is_not_known(tmp_path: Path) -> None:
    text = SET.replace('use = "file"', 'use = "not-installed"')
    assert text != SET
    put(with_cases(tmp_path), text)
    assert [
        each for each in texts(lint([tmp_path], KINDS), Weight.WARNING) if "no rule uses" in each
    ] == []


SCHEMA = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">{}</xs:schema>'


def test_what_an_artefact_includes_is_used(tmp_path: Path) -> None:
    schemas = {
        "main.xsd": SCHEMA.format('<xs:include schemaLocation="part.xsd"/>'),
        "part.xsd": SCHEMA.format('<xs:element name="x"/>'),
        "old.xsd": SCHEMA.format('<xs:element name="y"/>'),
    }
    text = XPATH.partition("[[layer.rule]]")[0]
    text += '[[layer.rule]]\ncode = "P-1"\nuse = "xsd"\noptions.schema = "main.xsd"\n'
    for name, schema in schemas.items():
        (tmp_path / name).write_text(schema)
        digest = hashlib.sha256(schema.encode()).hexdigest()
        text += f'[artefacts."{name}"]\nsha256 = "{digest}"\n'
    (tmp_path / "paths.toml").write_text(text)
    (unused,) = [
        each
        for each in texts(lint([tmp_path], installed_kinds()), Weight.WARNING)
        if "no rule uses" in each
    ]
    assert "no rule uses old.xsd:" in unused


def test_what_is_looked_at_is_not_beside_itself(tmp_path: Path) -> None:
    put(tmp_path)
    assert beside_of([tmp_path], [tmp_path / ".." / tmp_path.name], KINDS) == ()
    assert [each.name for each in beside_of([tmp_path], [], KINDS)] == ["nl.example@2026.1"]
