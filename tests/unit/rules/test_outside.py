import pytest

from digipoort_wus.rules.outside import reaches_outside

SCHEMA = (
    '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">{}<xs:element name="a"/></xs:schema>'
)
STYLESHEET = """\
<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="2.0"
 xmlns:x="http://exslt.org/common"><xsl:template match="/">
{}</xsl:template></xsl:stylesheet>"""


def said(text: str, name: str = "main.xsd", artefacts: tuple[str, ...] = ()) -> list[str]:
    return list(reaches_outside(text.encode(), name, (name, *artefacts)))


def test_a_schema_may_refer_to_artefacts() -> None:
    refers = SCHEMA.format('<xs:include schemaLocation="sub/part.xsd"/>')
    assert said(refers, "main.xsd", ("sub/part.xsd",)) == []
    assert said(refers, "a/main.xsd", ("a/sub/part.xsd",)) == []
    # By its last name, or as an option says.
    assert said(refers, "main.xsd", ("other/part.xsd",)) == []
    assert said(SCHEMA.format('<xs:import namespace="urn:x"/>')) == []
    url = "http://example.org/x.xsd"
    assert said(SCHEMA.format(f'<xs:import schemaLocation="{url}"/>'), "m.xsd", (url,)) == []


@pytest.mark.parametrize("word", ["include", "import", "redefine", "override"])
@pytest.mark.parametrize(
    "location", ["http://example.org/part.xsd", "../part.xsd", "/etc/part.xsd", "part.xsd"]
)
def test_a_schema_that_refers_elsewhere_is_told(word: str, location: str) -> None:
    text = SCHEMA.format(f'<xs:{word} schemaLocation="{location}"/>')
    (sentence,) = said(text, "main.xsd", ("a/part.xsd", "b/part.xsd"))
    assert sentence.startswith(f"line 1 refers to {location}, which is no artefact of the set")


def test_a_schema_with_a_doctype_of_its_own_is_read() -> None:
    doctype = '<!DOCTYPE xs:schema [<!ENTITY n "part.xsd">]>'
    text = doctype + SCHEMA.format('<xs:include schemaLocation="&n;"/>')
    assert said(text)[0].startswith("line 1 refers to part.xsd,")
    assert said(text, "main.xsd", ("part.xsd",)) == []


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ('<xsl:result-document href="a"/>', "has result-document, which writes files"),
        ('<x:document href="a"/>', "has document, which writes files"),
        ('<xsl:include href="other.xsl"/>', "has xsl:include: put all in one file"),
        ('<xsl:import href="other.xsl"/>', "has xsl:import: put all in one file"),
        ('<xsl:source-document href="a"/>', "has xsl:source-document: put all in one file"),
        ('<xsl:evaluate xpath="a"/>', "has xsl:evaluate, which runs what a document says"),
        ("<xsl:value-of select=\"doc('a')\"/>", "calls doc(), which reads what lies outside"),
        ('<xsl:value-of select="document (@a)"/>', "calls document(), which"),
        ("<xsl:if test=\"fn:unparsed-text('a')\"/>", "calls fn:unparsed-text(), which"),
        ("<a b=\"{environment-variable('HOME')}\"/>", "calls environment-variable(), which"),
        ("<a>{json-doc('a')}</a>", "calls json-doc(), which"),
    ],
)
def test_a_stylesheet_that_reaches_out_is_told(inner: str, expected: str) -> None:
    (sentence,) = said(STYLESHEET.format(inner), "rules.xsl")
    assert sentence.startswith(f"line 3 {expected}")


@pytest.mark.parametrize(
    "inner",
    [
        '<xsl:value-of select="document-uri(/)"/>',
        "<xsl:value-of select=\"concat('doc(', a, ')')\"/>",
        '<xsl:value-of select="my-doc(1)"/>',
        '<xsl:value-of select="doc"/>',
        "<document/>",
    ],
)
def test_what_only_looks_like_it_is_not_told(inner: str) -> None:
    assert said(STYLESHEET.format(inner), "rules.xsl") == []


def test_what_is_no_xml_is_told_and_other_xml_is_not() -> None:
    assert said("<a")[0].startswith("it is no readable XML: ")
    assert said("<a href='http://example.org'/>") == []
