from collections.abc import Mapping

import pytest

from digipoort_wus.filing.party import Party
from digipoort_wus.rules.api import Outcome
from digipoort_wus.rules.kinds.xpath import XPATH
from digipoort_wus.rules.model import OptionError
from digipoort_wus.rules.subject import TREE_MAX
from tests.unit.rules.kinds.judging import NUMBER, findings, report, rule, subject, texts

NAMESPACES = {"n": "urn:n"}
DOCUMENT = f"<x xmlns='urn:n'><a>1</a>\n<a>2</a><b>{NUMBER}</b><c v='w'/></x>"
PARTY = Party(NUMBER, "Fi")


@pytest.mark.parametrize(
    ("test", "right"),
    [
        ("n:x/n:a = 1 or /n:x/n:a = 1", True),
        ("count(//n:a) = 2", True),
        ("count(//n:a)", True),
        ("//n:z", False),
        ("//n:a", True),
        ("''", False),
        ("0 div 0", False),
        ("/n:x/n:b = $nummer", True),
        ("$nummer = 'x'", False),
        ("$type = 'Fi'", True),
        ("$berichtsoort = 'Omzetbelasting'", True),
        ("$bestandsnaam = 'a.xml'", True),
        ("$mimeType = 'text/xml'", True),
        ("$autorisatieAdres = 'http://geenausp.nl'", True),
        ("string-length($afzender) = 20", True),
        # Half past midnight there.
        ("$ontvangen = '2026-02-01'", True),
        ("child::n:a[self::node()] and not(child::n:q)", True),
        ("'$x y:z foo()' = \"$x y:z foo()\"", True),
        ("//n:c/@v = 'w' and //n:*", True),
    ],
)
def test_what_is_true(test: str, right: bool) -> None:
    judged = rule(XPATH, {"test": test, "namespaces": NAMESPACES}, "t")
    assert texts(subject(DOCUMENT, party=PARTY), judged) == ([] if right else ["t"])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "option test is missing"),
        ({"test": "1 +"}, "option test is no XPath 1.0"),
        ({"test": "true()) or (true()"}, "option test is no XPath 1.0"),
        ({"test": "count(1)"}, "option test is no XPath 1.0"),
        ({"test": "concat('a')"}, "option test is no XPath 1.0"),
        ({"test": "//q:a"}, "the prefix q is not known; known: n"),
        ({"test": "//n:a[q:b]"}, "the prefix q is not known"),
        ({"test": "@q:*"}, "the prefix q is not known"),
        ({"test": "false() and $x"}, r"the variable \$x is not known; known: berichtsoort"),
        ({"test": "false() and $n:x"}, r"the variable \$n:x is not known"),
        ({"test": "//z[matches(., 'a')]"}, r"has no function matches\(\)"),
        ({"test": "document('file:///etc/passwd')"}, r"has no function document\(\)"),
        ({"test": "//z[n:f(.)]"}, r"has no function n:f\(\)"),
        ({"test": "1", "each": "2"}, "each must select elements"),
        ({"test": "1", "each": "//["}, "option each is no XPath"),
        ({"test": "1", "values": {"a": "$x"}}, r"option values.a: the variable \$x"),
        ({"test": "1", "namespaces": {"n": 1}}, "option namespaces must be a table"),
        ({"test": "1", "tests": "2"}, "option tests is not known"),
    ],
)
def test_a_mistake_shows_when_the_set_is_read(options: Mapping[str, object], sentence: str) -> None:
    with pytest.raises(OptionError, match=sentence):
        rule(XPATH, {"namespaces": NAMESPACES, **options}, "t")


def test_each_of_several_elements() -> None:
    judged = rule(
        XPATH,
        {
            "each": "//n:a",
            "test": ". < 2",
            "namespaces": NAMESPACES,
            "values": {"found": ".", "number": "count(../n:a)"},
        },
        "{found} van {number}",
    )
    (found,) = findings(subject(DOCUMENT), judged)
    assert found.text == "2 van 2"
    assert found.where == "/*[local-name()='x']/*[local-name()='a'] (regel 2)"


def test_the_number_of_the_party_is_masked() -> None:
    options = {"test": "false()", "values": {"found": "//n:b"}, "namespaces": NAMESPACES}
    judged = rule(XPATH, options, "{found}")
    for number in (NUMBER, f"NL{NUMBER}", NUMBER.lower()):
        assert texts(subject(DOCUMENT, party=Party(number, "Fi")), judged) == ["00*******B37"]


def test_what_needs_a_party_is_not_judged_without() -> None:
    found = report(subject(DOCUMENT), rule(XPATH, {"test": "$nummer = '1'"}, "t"))
    assert found.outcome is Outcome.UNDETERMINED
    assert "needs a belanghebbende" in found.technical


def test_what_is_too_large_for_a_tree_is_no_mistake_of_the_filer() -> None:
    large = f"<x>{' ' * TREE_MAX}</x>"
    found = report(subject(large), rule(XPATH, {"test": "false()"}, "t"))
    assert found.outcome is Outcome.UNDETERMINED
    assert "more octets" in found.technical


def test_what_selects_no_elements_is_technical() -> None:
    options = {"each": "//n:c/@v", "test": "false()", "namespaces": NAMESPACES}
    found = report(subject(DOCUMENT), rule(XPATH, options, "t"))
    assert found.outcome is Outcome.UNDETERMINED
    assert "no element" in found.technical


def test_hits_are_bounded() -> None:
    many = f"<x>{'<a/>' * 1_000}</x>"
    assert len(texts(subject(many), rule(XPATH, {"each": "/x/a", "test": "b"}, "t"))) == 100
