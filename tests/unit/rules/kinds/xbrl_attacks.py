"""Instances that would have Arelle open what it must not, or do what it must not."""

from collections.abc import Iterator

from tests.unit.rules.kinds.xbrl_taxonomy import (
    ENTRY,
    HOME,
    SECOND,
    amount,
    context,
    good,
    instance,
    unit,
)

_PARTS = (context(), unit(), amount("Costs", 1))
_GENERIC = (
    '<gen:link xmlns:gen="http://xbrl.org/2008/generic" xlink:type="extended" '
    'xlink:role="http://www.xbrl.org/2008/role/link">'
    '<va:valueAssertion xmlns:va="http://xbrl.org/2008/assertion/value" xlink:type="resource" '
    'xlink:label="a" id="mine" aspectModel="dimensional" implicitFiltering="true" test="1 = 2"/>'
    "</gen:link>"
)
_FOOTNOTE = (
    '<link:footnoteLink xlink:type="extended" xlink:role="http://www.xbrl.org/2003/role/link">'
    "{0}</link:footnoteLink>"
)


def refused(secret: str, server: str) -> Iterator[tuple[str, bytes, str]]:
    """Return instances that are refused before Arelle sees them: name, octets, code.

    Args:
        secret: path of a file.
        server: address of a server, ending in a slash.
    """
    yield "file", good(ref=f"file://{secret}"), "X-REF"
    yield "path", good(ref=secret), "X-REF"
    yield "relative", good(ref="../../../../../../etc/hostname"), "X-REF"
    yield "server", good(ref=f"{server}entry.xsd"), "X-REF"
    yield "other of the package", good(ref=f"{HOME}concepts.xsd"), "X-REF"
    yield "spelling", good(ref=ENTRY.replace("http:", "HTTP:")), "X-REF"
    yield "fragment", good(ref=f"{ENTRY}#a"), "X-REF"
    yield "two", instance(_ref(SECOND), *_PARTS), "X-REF"
    yield "deep", instance(*_PARTS, f"<e:Name contextRef='c'>{_ref(SECOND)}</e:Name>"), "X-REF"
    yield "base", instance(*_PARTS, root=f'xml:base="{server}"'), "X-BESTAND"
    yield "linkbase", instance(*_PARTS, before=_ref(f"{server}l.xml", "linkbase")), "X-BESTAND"
    yield "role", instance(*_PARTS, before=_ref(f"{server}r.xsd#r", "role")), "X-BESTAND"
    yield "arcrole", instance(*_PARTS, before=_ref(f"file://{secret}#r", "arcrole")), "X-BESTAND"
    fact = f'<e:Name contextRef="c" xlink:type="simple" xlink:href="{server}">a</e:Name>'
    yield "fact", instance(*_PARTS, fact), "X-BESTAND"
    loc = f'<link:loc xlink:type="locator" xlink:href="{server}a.xsd#a" xlink:label="a"/>'
    yield "footnote", instance(*_PARTS, _FOOTNOTE.format(loc)), "X-BESTAND"
    arc = (
        '<link:footnoteArc xlink:type="arc" xlink:from="a" xlink:to="a" '
        'xlink:arcrole="http://xbrl.org/int/dim/arcrole/domain-member"/>'
    )
    yield "arc", instance(*_PARTS, _FOOTNOTE.format(arc)), "X-BESTAND"
    yield "assertion", instance(*_PARTS, _GENERIC), "X-BESTAND"
    yield (
        "testcase",
        f"<testcase><variation><data><instance>{secret}</instance></data>".encode()
        + (b"</variation></testcase>"),
        "X-GEEN",
    )
    yield (
        "schema",
        (
            '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">'
            f'<xs:include schemaLocation="{server}a.xsd"/></xs:schema>'
        ).encode(),
        "X-GEEN",
    )
    yield "no reference", good().replace(b"link:schemaRef", b"e:schemaRef"), "X-BESTAND"


def harmless(secret: str, server: str) -> Iterator[tuple[str, bytes]]:
    """Return instances of which what would do harm is left out: name, octets."""
    places = (
        f'xsi:schemaLocation="urn:example:other {server}a.xsd urn:example:more file://{secret}"'
    )
    yield "places", instance(*_PARTS, root=places)
    yield (
        "places of a fact",
        instance(
            *_PARTS[:2], amount("Costs", 1, more=f'xsi:noNamespaceSchemaLocation="{server}a.xsd"')
        ),
    )
    told = b'<?arelle-unit-test location="ModelDocument.py:load" action="error"?>'
    head = b'<?xml version="1.0" encoding="UTF-8"?>\n'
    yield "instruction", good().replace(head, head + told)
    yield "instruction within", good().replace(b"<xbrli:unit", told + b"<xbrli:unit")
    footnote = (
        '<link:footnote xlink:type="resource" xlink:label="f" xml:lang="nl">a</link:footnote>'
    )
    loc = '<link:loc xlink:type="locator" xlink:href="#f1" xlink:label="l"/>'
    arc = (
        '<link:footnoteArc xlink:type="arc" xlink:from="l" xlink:to="f" '
        'xlink:arcrole="http://www.xbrl.org/2003/arcrole/fact-footnote"/>'
    )
    yield (
        "footnote of its own",
        instance(
            *_PARTS[:2], amount("Costs", 1, more='id="f1"'), _FOOTNOTE.format(loc + footnote + arc)
        ),
    )
    yield "space around the address", good(ref=f"&#10; {ENTRY} ")
    yield (
        "space around the address of a fact",
        instance(
            *_PARTS[:2],
            amount("Costs", 1, more='id="f1"'),
            _FOOTNOTE.format(loc.replace("#f1", " #f1 ") + footnote + arc),
        ),
    )


def _ref(address: str, what: str = "schema") -> str:
    uri = f' {what}URI="http://example.com/role"' if "role" in what else ""
    return f'<link:{what}Ref xlink:type="simple" xlink:href="{address}"{uri}/>'
