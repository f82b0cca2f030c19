"""A small taxonomy with dimensions and assertions, as a package, and instances of it."""

import zipfile
from pathlib import Path

HOME = "http://example.com/xbrl/"
ENTRY = f"{HOME}entry.xsd"
SECOND = f"{HOME}second.xsd"
NAMESPACE = "urn:example:xbrl"
FIXED_TIME = (2026, 1, 1, 0, 0, 0)

_ENTRY = f"""\
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:example:xbrl:entry"
    xmlns:link="http://www.xbrl.org/2003/linkbase" xmlns:xlink="http://www.w3.org/1999/xlink">
  <xs:annotation><xs:appinfo>
    <link:linkbaseRef xlink:type="simple" xlink:href="dimensions.xml"
        xlink:arcrole="http://www.w3.org/1999/xlink/properties/linkbase"/>
    <link:linkbaseRef xlink:type="simple" xlink:href="{{formulas}}"
        xlink:arcrole="http://www.w3.org/1999/xlink/properties/linkbase"/>
  </xs:appinfo></xs:annotation>
  <xs:import namespace="{NAMESPACE}" schemaLocation="concepts.xsd"/>
</xs:schema>
"""
_CONCEPTS = f"""\
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="{NAMESPACE}"
    xmlns:e="{NAMESPACE}" xmlns:xbrli="http://www.xbrl.org/2003/instance"
    xmlns:xbrldt="http://xbrl.org/2005/xbrldt" elementFormDefault="qualified">
  <xs:import namespace="http://www.xbrl.org/2003/instance"
      schemaLocation="http://www.xbrl.org/2003/xbrl-instance-2003-12-31.xsd"/>
  <xs:import namespace="http://xbrl.org/2005/xbrldt"
      schemaLocation="http://www.xbrl.org/2005/xbrldt-2005.xsd"/>
  {{items}}
  <xs:element name="Table" id="Table" type="xbrli:stringItemType" abstract="true"
      substitutionGroup="xbrldt:hypercubeItem" xbrli:periodType="duration"/>
  <xs:element name="Axis" id="Axis" type="xbrli:stringItemType" abstract="true"
      substitutionGroup="xbrldt:dimensionItem" xbrli:periodType="duration"/>
</xs:schema>
"""
_ITEM = (
    '<xs:element name="{0}" id="{0}" type="xbrli:{1}" {3}nillable="true" '
    'substitutionGroup="xbrli:item" xbrli:periodType="{2}"/>'
)
_ITEMS = (
    *(
        ("Turnover", "monetaryItemType", "duration", ""),
        ("Costs", "monetaryItemType", "duration", ""),
    ),
    *(
        ("Profit", "monetaryItemType", "duration", ""),
        ("Assets", "monetaryItemType", "instant", ""),
    ),
    *(("Name", "stringItemType", "duration", ""), ("Day", "dateItemType", "duration", "")),
    *(("Line", "stringItemType", "duration", 'abstract="true" '),),
    *(("North", "stringItemType", "duration", 'abstract="true" '),),
    *(("South", "stringItemType", "duration", 'abstract="true" '),),
    *(("All", "stringItemType", "duration", 'abstract="true" '),),
)
_ROLE = "http://www.xbrl.org/2003/role/link"
_XDT = "http://xbrl.org/int/dim/arcrole"
_ARCROLES = ("all", "hypercube-dimension", "dimension-domain", "domain-member")
_LOC = '<link:loc xlink:type="locator" xlink:href="concepts.xsd#{0}" xlink:label="{0}"/>'
_ARC = (
    '<link:definitionArc xlink:type="arc" xlink:arcrole="{0}/{1}" '
    'xlink:from="{2}" xlink:to="{3}"{4}/>'
)
_MEMBERS = (
    ("all", "Line", "Table", ' xbrldt:contextElement="scenario" xbrldt:closed="true"'),
    ("hypercube-dimension", "Table", "Axis", ""),
    ("dimension-domain", "Axis", "All", ""),
    *(("domain-member", "All", each, "") for each in ("North",)),
    *(("domain-member", "Line", each, "") for each in ("Turnover",)),
)
_CYCLE = (("domain-member", "North", "South", ""), ("domain-member", "South", "North", ""))
_DIMENSIONS = f"""\
<link:linkbase xmlns:link="http://www.xbrl.org/2003/linkbase"
    xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:xbrldt="http://xbrl.org/2005/xbrldt">
  {{refs}}
  <link:definitionLink xlink:type="extended" xlink:role="{_ROLE}">
    {{locs}}
    {{arcs}}
  </link:definitionLink>
</link:linkbase>
"""
_FORMULAS = """\
<link:linkbase xmlns:link="http://www.xbrl.org/2003/linkbase"
    xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:gen="http://xbrl.org/2008/generic"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xmlns:va="http://xbrl.org/2008/assertion/value"
    xmlns:variable="http://xbrl.org/2008/variable" xmlns:cf="http://xbrl.org/2008/filter/concept"
    xmlns:msg="http://xbrl.org/2010/message" xmlns:sev="http://xbrl.org/2016/assertion-severity"
    xmlns:e="urn:example:xbrl"
    xsi:schemaLocation="http://xbrl.org/2008/generic http://www.xbrl.org/2008/generic-link.xsd
      http://xbrl.org/2008/assertion/value http://www.xbrl.org/2008/value-assertion.xsd
      http://xbrl.org/2008/variable http://www.xbrl.org/2008/variable.xsd
      http://xbrl.org/2008/filter/concept http://www.xbrl.org/2008/concept-filter.xsd
      http://xbrl.org/2010/message http://www.xbrl.org/2010/generic-message.xsd">
  <link:roleRef roleURI="http://www.xbrl.org/2008/role/link" xlink:type="simple"
      xlink:href="http://www.xbrl.org/2008/generic-link.xsd#standard-link-role"/>
  <link:roleRef roleURI="http://www.xbrl.org/2010/role/message" xlink:type="simple"
      xlink:href="http://www.xbrl.org/2010/generic-message.xsd#standard-message"/>
  <link:arcroleRef arcroleURI="http://xbrl.org/arcrole/2008/variable-set" xlink:type="simple"
      xlink:href="http://www.xbrl.org/2008/variable.xsd#variable-set"/>
  <link:arcroleRef arcroleURI="http://xbrl.org/arcrole/2008/variable-filter" xlink:type="simple"
      xlink:href="http://www.xbrl.org/2008/variable.xsd#variable-filter"/>
  <link:arcroleRef arcroleURI="http://xbrl.org/arcrole/2010/assertion-unsatisfied-message"
      xlink:type="simple"
      xlink:href="http://www.xbrl.org/2010/validation-message.xsd#assertion-unsatisfied-message"/>
  <gen:link xlink:type="extended" xlink:role="http://www.xbrl.org/2008/role/link">
    {parts}
  </gen:link>
</link:linkbase>
"""
_VARIABLE = """\
<variable:factVariable xlink:type="resource" xlink:label="{id}-{name}" bindAsSequence="false"/>
<variable:variableArc xlink:type="arc" xlink:arcrole="http://xbrl.org/arcrole/2008/variable-set"
    xlink:from="{id}" xlink:to="{id}-{name}" name="{name}"/>
"""
_FILTER = """\
<cf:conceptName xlink:type="resource" xlink:label="{id}-{name}-filter">
  <cf:concept><cf:qname>e:{name}</cf:qname></cf:concept>
</cf:conceptName>
<variable:variableFilterArc xlink:type="arc"
    xlink:arcrole="http://xbrl.org/arcrole/2008/variable-filter" complement="false" cover="true"
    xlink:from="{id}-{name}" xlink:to="{id}-{name}-filter"/>
"""
_MESSAGE = """\
<msg:message xlink:type="resource" xlink:label="{id}-message" xml:lang="nl"
    xlink:role="http://www.xbrl.org/2010/role/message">Winst {{$Profit}} klopt niet.</msg:message>
<gen:arc xlink:type="arc" xlink:from="{id}" xlink:to="{id}-message"
    xlink:arcrole="http://xbrl.org/arcrole/2010/assertion-unsatisfied-message"/>
"""
_CATALOG = f"""\
<catalog xmlns="urn:oasis:names:tc:entity:xmlns:xml:catalog">
  <rewriteURI uriStartString="{HOME}" rewritePrefix="../files/"/>
</catalog>
"""
_PACKAGE = """\
<tp:taxonomyPackage xmlns:tp="http://xbrl.org/2016/taxonomy-package" xml:lang="en">
  <tp:identifier>http://example.com/xbrl</tp:identifier>
  <tp:name>A small taxonomy with dimensions and assertions</tp:name>
</tp:taxonomyPackage>
"""


def write_package(path: Path, *, without: str = "", wrong: str = "") -> Path:
    """Write the taxonomy as a taxonomy package, and return its path.

    Args:
        without: a file of it that is left out.
        wrong: with a mistake: ``cycle`` of members, ``locator`` of what is not there, or
            another ``sum``.
    """
    items = "\n  ".join(_ITEM.format(*item) for item in _ITEMS)
    second = _ENTRY.replace(":xbrl:entry", ":xbrl:second")
    files = {
        "META-INF/catalog.xml": _CATALOG,
        "META-INF/taxonomyPackage.xml": _PACKAGE,
        "files/entry.xsd": _ENTRY.format(formulas="formulas.xml"),
        "files/second.xsd": second.format(formulas="bomb.xml"),
        "files/concepts.xsd": _CONCEPTS.format(items=items),
        "files/dimensions.xml": _dimensions(wrong),
        "files/formulas.xml": _FORMULAS.format(parts=_assertions(200 if wrong == "sum" else 100)),
        "files/bomb.xml": _FORMULAS.format(parts=_bomb()),
    }
    with zipfile.ZipFile(path, "w") as package:
        for each, text in files.items():
            if each != without:
                package.writestr(zipfile.ZipInfo(f"xbrl/{each}", FIXED_TIME), text)
    return path


def instance(*parts: str, ref: str = ENTRY, before: str = "", root: str = "") -> bytes:
    """Return an instance.

    Args:
        parts: contexts, units and facts.
        ref: address of the entry point.
        before: what stands before the schemaRef.
        root: attributes of the root element.
    """
    inside = "\n".join(parts)
    return f"""\
<?xml version="1.0" encoding="UTF-8"?>
<xbrli:xbrl xmlns:xbrli="http://www.xbrl.org/2003/instance" xmlns:e="{NAMESPACE}"
    xmlns:link="http://www.xbrl.org/2003/linkbase" xmlns:xlink="http://www.w3.org/1999/xlink"
    xmlns:xbrldi="http://xbrl.org/2006/xbrldi" xmlns:iso4217="http://www.xbrl.org/2003/iso4217"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xml:lang="nl" {root}>
{before}<link:schemaRef xlink:type="simple" xlink:href="{ref}"/>
{inside}
</xbrli:xbrl>
""".encode()


def context(id_: str = "c", *, member: str = "", period: str = "", axis: str = "Axis") -> str:
    """Return a context of the year 2026, or of another period."""
    period = period or (
        "<xbrli:startDate>2026-01-01</xbrli:startDate><xbrli:endDate>2026-12-31</xbrli:endDate>"
    )
    scenario = (
        f'<xbrli:scenario><xbrldi:explicitMember dimension="e:{axis}">e:{member}'
        "</xbrldi:explicitMember></xbrli:scenario>"
    )
    return (
        f'<xbrli:context id="{id_}"><xbrli:entity><xbrli:identifier scheme="urn:example:id">1'
        f"</xbrli:identifier></xbrli:entity><xbrli:period>{period}</xbrli:period>"
        f"{scenario if member else ''}</xbrli:context>"
    )


def unit(id_: str = "u", measure: str = "iso4217:EUR") -> str:
    """Return a unit."""
    return f'<xbrli:unit id="{id_}"><xbrli:measure>{measure}</xbrli:measure></xbrli:unit>'


def amount(name: str, value: str | int, context_id: str = "c", *, more: str = "") -> str:
    """Return an amount."""
    return (
        f'<e:{name} contextRef="{context_id}" unitRef="u" decimals="INF" {more}>{value}</e:{name}>'
    )


def good(profit: int = 60, *, ref: str = ENTRY) -> bytes:
    """Return an instance in which all is well when the profit is 60."""
    return instance(
        context(),
        context("n", member="North"),
        unit(),
        amount("Turnover", 100, "n"),
        amount("Costs", 40),
        amount("Profit", profit),
        '<e:Name contextRef="c">Jansen</e:Name>',
        ref=ref,
    )


def _dimensions(wrong: str) -> str:
    members = (*_MEMBERS, *(_CYCLE if wrong == "cycle" else ()))
    refs = "\n  ".join(
        f'<link:arcroleRef arcroleURI="{_XDT}/{each}" xlink:type="simple" '
        f'xlink:href="http://www.xbrl.org/2005/xbrldt-2005.xsd#{each}"/>'
        for each in _ARCROLES
    )
    names = dict.fromkeys(name for _, start, end, _ in members for name in (start, end))
    nothing = ("Nothing",) if wrong == "locator" else ()
    locs = "\n    ".join(_LOC.format(name) for name in (*names, *nothing))
    arcs = "\n    ".join(_ARC.format(_XDT, *each) for each in members)
    return _DIMENSIONS.format(refs=refs, locs=locs, arcs=arcs)


def _assertions(total: int) -> str:
    return _assertion("va-profit", "$Profit le 1000", ("Profit",), message=True) + _assertion(
        "va-sum", f"$Profit + $Costs eq {total}", ("Profit", "Costs")
    )


def _bomb() -> str:
    return _assertion("va-bomb", "count(($a, $b, $c)) = 3", ("a", "b", "c"), filters=False)


def _assertion(
    id_: str, test: str, names: tuple[str, ...], *, message: bool = False, filters: bool = True
) -> str:
    parts = [
        f'<va:valueAssertion xlink:type="resource" xlink:label="{id_}" id="{id_}" '
        f'aspectModel="dimensional" implicitFiltering="{str(filters).lower()}" test="{test}"/>'
    ]
    for name in names:
        parts.append(_VARIABLE.format(id=id_, name=name))
        if filters:
            parts.append(_FILTER.format(id=id_, name=name))
    if message:
        parts.append(_MESSAGE.format(id=id_))
    return "\n".join(parts)
