"""Mistakes of an element, in words of ours and by the names of the schema."""

import threading

import pytest
from lxml import etree

from digipoort_wus.xmlsafe.validity import NO_ATTRIBUTE, NOT_OF_TYPE, Mistake, Schema

XSD = """<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t"
  targetNamespace="urn:t" elementFormDefault="qualified" blockDefault="#all">
  <xsd:element name="a"><xsd:complexType><xsd:sequence>
    <xsd:element name="b" type="xsd:dateTime" maxOccurs="3"/>
    <xsd:element name="c" minOccurs="0"><xsd:simpleType><xsd:restriction base="xsd:string">
      <xsd:maxLength value="3"/></xsd:restriction></xsd:simpleType></xsd:element>
  </xsd:sequence><xsd:attribute name="n" type="xsd:int" use="required"/></xsd:complexType>
  </xsd:element></xsd:schema>"""
NOON = "2026-06-01T12:00:00Z"


def load() -> etree.XMLSchema:
    return etree.XMLSchema(etree.fromstring(XSD))


def mistake(text: str, schema: Schema | None = None) -> Mistake | None:
    return (schema or Schema(load)).mistake(etree.fromstring(text))


def a(children: str, attributes: str = 'n="1"') -> str:
    return f'<x:a xmlns:x="urn:t" {attributes}>{children}</x:a>'


def test_what_is_valid_has_no_mistake() -> None:
    assert mistake(a(f"<x:b>{NOON}</x:b>")) is None


@pytest.mark.parametrize(
    ("text", "where", "kind"),
    [
        (a("<x:b>secret</x:b>"), ["a", "b"], NOT_OF_TYPE),
        (a(f"<x:b>{NOON}</x:b><x:b>secret</x:b>"), ["a", "b"], NOT_OF_TYPE),
        (a(""), ["a"], "element missing, unknown or out of order"),
        (a("<x:secret/>"), ["a", "secret"], "element missing, unknown or out of order"),
        (a(f"<x:b>{NOON}</x:b>secret"), ["a"], "text between elements"),
        (a(f"<x:b>{NOON}</x:b>", ""), ["a"], NO_ATTRIBUTE),
        (a(f"<x:b>{NOON}</x:b>", 'n="secret"'), ["a"], NOT_OF_TYPE),
        (a(f"<x:b>{NOON}</x:b>", 'n="1" secret="1"'), ["a"], "attribute not allowed"),
        ('<secret xmlns="urn:t"/>', ["secret"], "no such element in the schema"),
    ],
)
def test_where_and_what(text: str, where: list[str], kind: str) -> None:
    found = mistake(text)
    assert found is not None
    assert [etree.QName(each).localname for each in found.where] == where
    assert found.kind == kind
    assert "secret" not in (found.kind, found.most, *found.expected, found.attribute)


def test_the_place_is_the_element_itself() -> None:
    root = etree.fromstring(f'<a xmlns="urn:t" n="1"><b>{NOON}</b><b>{NOON}</b><c>12345</c></a>')
    found = Schema(load).mistake(root)
    assert found == Mistake((root, root[2]), "too long (maxLength): 5", most="3")


def test_what_was_expected_and_what_is_missing() -> None:
    expected = mistake(a("<x:c/>"))
    assert expected is not None
    assert expected.expected == ("{urn:t}b",)
    missing = mistake(a(f"<x:b>{NOON}</x:b>", ""))
    assert missing is not None
    assert missing.attribute == "n"


def test_threads_do_not_see_each_others_mistakes() -> None:
    schema, found = Schema(load), []
    texts = [a(f"<x:b>{NOON}</x:b>"), a("<x:b>x</x:b>"), a("")] * 30
    barrier = threading.Barrier(3)

    def judge(number: int) -> None:
        barrier.wait()
        for text in texts[number::3]:
            told = mistake(text, schema)
            found.append((number, None if told is None else told.kind))

    threads = [threading.Thread(target=judge, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 3
    assert len(found) == 90
