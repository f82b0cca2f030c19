"""Stylesheets for tests, as compilers of Schematron write them."""

from pathlib import Path

XSL = "http://www.w3.org/1999/XSL/Transform"
SVRL = "http://purl.oclc.org/dsdl/svrl"
DECLARED = (
    f"xmlns:xsl='{XSL}' xmlns:svrl='{SVRL}' xmlns:xs='http://www.w3.org/2001/XMLSchema' "
    "xmlns:n='urn:n' xmlns:fn='http://www.w3.org/2005/xpath-functions'"
)


def check(test: str, id_: str = "N-1", attributes: str = "", location: str = "{path()}") -> str:
    """Return an assert, judged at each n:a."""
    return (
        f'<xsl:if test="not({test})"><svrl:failed-assert id="{id_}" {attributes} '
        f'location="{location}"><svrl:text><xsl:value-of select="."/></svrl:text>'
        "</svrl:failed-assert></xsl:if>"
    )


def sheet(*asserts: str, before: str = "", attributes: str = "", root: str = "") -> str:
    """Return a stylesheet that judges each n:a of a document."""
    output = root or "svrl:schematron-output"
    return (
        f"<xsl:stylesheet version='3.0' {DECLARED} {attributes}>{before}"
        f"<xsl:template match='/'><{output}><xsl:for-each select='//n:a'>"
        f"{''.join(asserts)}</xsl:for-each></{output}></xsl:template></xsl:stylesheet>"
    )


def written(home: Path, text: str) -> Path:
    path = home / "rules.xsl"
    path.write_text(text)
    return path
