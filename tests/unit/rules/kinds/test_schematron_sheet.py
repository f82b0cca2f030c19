import re
from pathlib import Path

import pytest

from digipoort_wus.rules.engine import SHIPPED
from digipoort_wus.rules.kinds.schematron_sheet import Sheet, read_sheet
from digipoort_wus.rules.model import OptionError
from tests.unit.rules.kinds.schematron_sheets import SVRL, XSL, check, sheet, written

INVOICE = SHIPPED / "example.invoice" / "mini-invoice.xsl"
ISO = (
    '<svrl:failed-assert test="false()"><xsl:attribute name="id">BR-1</xsl:attribute>'
    '<xsl:attribute name="flag">fatal</xsl:attribute></svrl:failed-assert>'
)


def read(home: Path, text: str) -> Sheet:
    return read_sheet("rules.xsl", written(home, text))


def test_the_stylesheet_that_ships() -> None:
    found = read_sheet("mini-invoice.xsl", INVOICE)
    assert sorted(found.ids) == [f"INV-0{number}" for number in range(1, 9)]
    assert found.complete


def test_ids_stand_in_an_attribute_or_are_made_by_one(tmp_path: Path) -> None:
    report = '<svrl:successful-report id="R-1" location="{path()}"/>'
    found = read(tmp_path, sheet(check("true()", "A-1"), ISO, report, check("1", "A-1")))
    assert (found.ids, found.complete) == (("A-1", "BR-1", "R-1"), True)


@pytest.mark.parametrize(
    "computed",
    [
        '<svrl:failed-assert id="{name()}"/>',
        '<svrl:failed-assert><xsl:attribute name="id" select="name()"/></svrl:failed-assert>',
        '<svrl:failed-assert><xsl:attribute name="id"><xsl:value-of select="name()"/>'
        "</xsl:attribute></svrl:failed-assert>",
        '<xsl:element name="svrl:failed-assert"/>',
        '<xsl:element name="{name()}"/>',
    ],
)
def test_an_id_that_is_computed_is_not_known(tmp_path: Path, computed: str) -> None:
    found = read(tmp_path, sheet(check("true()", "A-1"), computed))
    assert (found.ids, found.complete) == (("A-1",), False)


def test_comments_and_instructions_are_left_out(tmp_path: Path) -> None:
    found = read(tmp_path, sheet("<!-- doc('x') --><?go doc('x')?>", check("true()")))
    assert len(list(found.root.iter())) == len(list(found.root.iter("*")))
    assert found.ids == ("N-1",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "<xsl:stylesheet",
            "rules.xsl is not readable as XML without a DOCTYPE: line 1, column 16",
        ),
        (f"<!DOCTYPE x>{sheet(check('1'))}", "rules.xsl is not readable as XML without a DOCTYPE"),
        ("<sch:schema xmlns:sch='http://purl.oclc.org/dsdl/schematron'/>", "is no stylesheet"),
        (sheet("<x/>"), "rules.xsl reports nothing: it has no svrl:failed-assert"),
        (sheet("<svrl:failed-assert/>"), "line 1: an assert has no id, so that no code can"),
    ],
)
def test_what_is_no_compiled_schematron(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(OptionError, match=re.escape(said)):
        read(tmp_path, text)


def test_a_stylesheet_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"rules\.xsl cannot be read"):
        read_sheet("rules.xsl", tmp_path / "none.xsl")


REACHING = [
    ("doc('file:///etc/passwd')", "doc()"),
    ("fn:doc ('x')", "doc()"),
    ("Q{http://www.w3.org/2005/xpath-functions}doc(: x :)('x')", "doc()"),
    ("doc-available('x')", "doc-available()"),
    ("document('x')", "document()"),
    ("collection()", "collection()"),
    ("unparsed-text('x')", "unparsed-text()"),
    ("unparsed-text-lines('x')", "unparsed-text-lines()"),
    ("json-doc('x')", "json-doc()"),
    ("environment-variable('HOME')", "environment-variable()"),
    ("available-environment-variables()", "available-environment-variables()"),
    ("transform(map{})", "transform()"),
    ("for-each('x', doc#1)", "doc()"),
    ("function-lookup(xs:QName('fn:doc'), 1)('x')", "function-lookup()"),
    ("parse-xml(.)", "parse-xml()"),
    ("trace(.)", "trace()"),
]


@pytest.mark.parametrize(("expression", "what"), REACHING)
def test_what_reaches_outside_is_refused(tmp_path: Path, expression: str, what: str) -> None:
    for text in (
        sheet(check(expression)),
        sheet(check("1"), f'<x y="{{{expression}}}"/>'),
        sheet(check("1"), f"<x>{{{expression}}}</x>", attributes="expand-text='yes'"),
        sheet(check("1"), f"<x xsl:expand-text='1'><y/>{{{expression}}}</x>"),
        sheet(check("1"), before=f'<xsl:variable name="v" select="{expression}"/>'),
    ):
        with pytest.raises(OptionError) as caught:
            read(tmp_path, text)
        said = "is not allowed in the rules of a document"
        assert str(caught.value) == f"rules.xsl, line 1: {what} {said}"


@pytest.mark.parametrize(
    ("instruction", "what"),
    [
        ("<xsl:result-document href='x'/>", "xsl:result-document"),
        ("<xsl:source-document href='x'/>", "xsl:source-document"),
        ("<xsl:evaluate xpath='.'/>", "xsl:evaluate"),
        ("<xsl:value-of _select=\"{'do' || 'c(1)'}\"/>", "the attribute _select"),
    ],
)
def test_instructions_that_reach_outside_are_refused(
    tmp_path: Path, instruction: str, what: str
) -> None:
    with pytest.raises(OptionError, match=f"line 1: {what} is not allowed"):
        read(tmp_path, sheet(check("1"), instruction))


@pytest.mark.parametrize("name", ["import", "include"])
def test_a_stylesheet_is_one_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(OptionError, match=f"xsl:{name} is not allowed"):
        read(tmp_path, sheet(check("1"), before=f"<xsl:{name} href='b.xsl'/>"))


@pytest.mark.parametrize(
    "harmless",
    [
        '<x y="doc(1)"/>',
        "<x>doc('x') {and} more</x>",
        '<xsl:value-of select="my-doc(1), n:doc, $doc, document, @transform"/>',
        f"<x xmlns='{SVRL}' z='{XSL}'/>",
    ],
)
def test_what_only_looks_like_it_is_not_refused(tmp_path: Path, harmless: str) -> None:
    assert read(tmp_path, sheet(check("1"), harmless)).ids == ("N-1",)
