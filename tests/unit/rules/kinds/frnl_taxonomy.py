"""A small taxonomy of our own, as a package: facts of it need no Dutch taxonomy."""

import zipfile
from pathlib import Path

HOME = "http://example.com/frnl/"
NAMESPACE = "urn:example:frnl"

_SCHEMA = f"""\
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="{NAMESPACE}"
    xmlns:e="{NAMESPACE}" xmlns:xbrli="http://www.xbrl.org/2003/instance"
    xmlns:xbrldt="http://xbrl.org/2005/xbrldt" xmlns:link="http://www.xbrl.org/2003/linkbase"
    xmlns:xlink="http://www.w3.org/1999/xlink" elementFormDefault="qualified">
  <xs:import namespace="http://www.xbrl.org/2003/instance"
      schemaLocation="http://www.xbrl.org/2003/xbrl-instance-2003-12-31.xsd"/>
  <xs:import namespace="http://xbrl.org/2005/xbrldt"
      schemaLocation="http://www.xbrl.org/2005/xbrldt-2005.xsd"/>
  <xs:import namespace="http://xbrl.org/2006/xbrldi"
      schemaLocation="http://www.xbrl.org/2006/xbrldi-2006.xsd"/>
  {{items}}
  <xs:element name="Line" id="Line" substitutionGroup="xbrli:tuple" nillable="true">
    <xs:complexType>
      <xs:complexContent>
        <xs:restriction base="xs:anyType">
          <xs:sequence>
            <xs:any namespace="##targetNamespace" maxOccurs="unbounded" minOccurs="0"/>
          </xs:sequence>
          <xs:attribute name="id" type="xs:ID"/>
        </xs:restriction>
      </xs:complexContent>
    </xs:complexType>
  </xs:element>
  <xs:element name="Part" id="Part" type="xbrli:fractionItemType"
      substitutionGroup="xbrli:item" xbrli:periodType="duration"/>
  <xs:element name="Axis" id="Axis" type="xbrli:stringItemType" abstract="true"
      substitutionGroup="xbrldt:dimensionItem" xbrli:periodType="duration"/>
  <xs:element name="Side" id="Side" type="xbrli:stringItemType" abstract="true"
      substitutionGroup="xbrldt:dimensionItem" xbrli:periodType="duration"/>
  <xs:element name="Key" id="Key" type="xs:string"/>
  <xs:element name="Number" id="Number" type="xbrli:stringItemType" abstract="true"
      substitutionGroup="xbrldt:dimensionItem" xbrli:periodType="duration"
      xbrldt:typedDomainRef="#Key"/>
  <xs:element name="Note" id="Note" type="xs:string"/>
</xs:schema>
"""
_ITEM = (
    '<xs:element name="{0}" id="{0}" type="xbrli:{1}" nillable="true" '
    'substitutionGroup="xbrli:item" xbrli:periodType="{2}"/>'
)
_ITEMS = (
    *(("Name", "stringItemType", "duration"), ("Place", "stringItemType", "duration")),
    *(("Mail", "stringItemType", "duration"), ("Phone", "stringItemType", "duration")),
    *(("Amount", "monetaryItemType", "duration"), ("Total", "monetaryItemType", "duration")),
    *(("Share", "pureItemType", "duration"), ("Stock", "monetaryItemType", "instant")),
    *(("North", "stringItemType", "duration"), ("South", "stringItemType", "duration")),
)
_SECOND = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:example:2"/>'
_LINKBASE = (
    '<link:linkbase xmlns:link="http://www.xbrl.org/2003/linkbase" '
    'xmlns:xlink="http://www.w3.org/1999/xlink"/>'
)
_CATALOG = f"""\
<catalog xmlns="urn:oasis:names:tc:entity:xmlns:xml:catalog">
  <rewriteURI uriStartString="{HOME}" rewritePrefix="../files/"/>
</catalog>
"""
_PACKAGE = """\
<tp:taxonomyPackage xmlns:tp="http://xbrl.org/2016/taxonomy-package" xml:lang="en">
  <tp:identifier>http://example.com/frnl</tp:identifier>
  <tp:name>A small taxonomy for the filing rules</tp:name>
</tp:taxonomyPackage>
"""


def write_package(path: Path) -> Path:
    """Write the taxonomy as a taxonomy package, and return its path."""
    items = "\n  ".join(_ITEM.format(*item) for item in _ITEMS)
    files = {
        "META-INF/catalog.xml": _CATALOG,
        "META-INF/taxonomyPackage.xml": _PACKAGE,
        "files/entry.xsd": _SCHEMA.format(items=items),
        "files/second.xsd": _SECOND,
        "files/labels.xml": _LINKBASE,
    }
    with zipfile.ZipFile(path, "w") as package:
        for name, text in files.items():
            package.writestr(f"frnl/{name}", text)
    return path
