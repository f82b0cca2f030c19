"""The form of a CPA is judged as an XML Schema of the same tables judges it: libxml2's verdict."""

import random
from collections.abc import Callable, Iterator
from functools import cache

import pytest
from lxml import etree

from digipoort_wus.ebms.cpa_structure import (
    _ATTRIBUTES,
    _BOUNDS,
    _CHILDREN,
    _TEXTS,
    _TOKEN,
    _VALUES,
    mistakes_of,
)
from digipoort_wus.ebms.names import CPA
from tests.unit.ebms.agreements import made

_XS = "http://www.w3.org/2001/XMLSchema"
_TYPES = {
    "text": "t:nonEmpty",
    "integer": "xs:integer",
    "count": "xs:nonNegativeInteger",
    "dateTime": "xs:dateTime",
    "duration": "xs:duration",
    "id": "xs:NCName",
    "idref": "xs:NCName",
}
_CHANGES = 400


def _attributes(name: str) -> Iterator[str]:
    for word in _ATTRIBUTES.get(name, "").split():
        attribute, _, kind = word.rstrip("!").partition(":")
        use = "required" if word.endswith("!") else "optional"
        yield (
            f'<xs:attribute name="{attribute}" type="{_type(kind)}" use="{use}" form="qualified"/>'
        )
    yield '<xs:anyAttribute namespace="##other" processContents="skip"/>'


def _type(kind: str) -> str:
    return _TYPES.get(kind, f"t:{kind}")


def _content(name: str) -> Iterator[str]:
    for word in _CHILDREN.get(name, "").split():
        match = _TOKEN.fullmatch(word)
        assert match is not None
        least, most = _BOUNDS[match["many"]]
        bounds = f'minOccurs="{least}" maxOccurs="{"unbounded" if most is None else most}"'
        if match["names"] == "other":
            yield f'<xs:any namespace="##other" processContents="skip" {bounds}/>'
        else:
            refs = "".join(f'<xs:element ref="t:{each}"/>' for each in match["names"].split("|"))
            yield f"<xs:choice {bounds}>{refs}</xs:choice>"


def _element(name: str) -> str:
    attributes = "".join(_attributes(name))
    if name in _TEXTS:
        inside = (
            f'<xs:simpleContent><xs:extension base="{_type(_TEXTS[name])}">{attributes}'
            "</xs:extension></xs:simpleContent>"
        )
    else:
        inside = f"<xs:sequence>{''.join(_content(name))}</xs:sequence>{attributes}"
    return f'<xs:element name="{name}"><xs:complexType>{inside}</xs:complexType></xs:element>'


@cache
def schema() -> etree.XMLSchema:
    names = [*_CHILDREN, *_ATTRIBUTES, *_TEXTS, "SecurityPolicy"]
    types = "".join(
        f'<xs:simpleType name="{kind}"><xs:restriction base="xs:token">'
        + "".join(f'<xs:enumeration value="{value}"/>' for value in values)
        + "</xs:restriction></xs:simpleType>"
        for kind, values in _VALUES.items()
    )
    text = (
        f'<xs:schema xmlns:xs="{_XS}" xmlns:t="{CPA}" targetNamespace="{CPA}" '
        'elementFormDefault="qualified"><xs:simpleType name="nonEmpty"><xs:restriction '
        f'base="xs:token"><xs:minLength value="1"/></xs:restriction></xs:simpleType>{types}'
        f"{''.join(map(_element, dict.fromkeys(names)))}</xs:schema>"
    )
    return etree.XMLSchema(etree.fromstring(text))


def test_what_the_generator_makes_is_valid() -> None:
    root = etree.fromstring(made())
    schema().assertValid(root)
    assert mistakes_of(root) == ()


def _remove(one: etree._Element, other: etree._Element) -> None:
    parent = one.getparent()
    if parent is not None:
        parent.remove(one)


def _repeat(one: etree._Element, other: etree._Element) -> None:
    if one.getparent() is not None:
        one.addnext(etree.fromstring(etree.tostring(one, with_tail=False)))


def _move(one: etree._Element, other: etree._Element) -> None:
    if other is not one and other not in one.iterancestors():
        one.append(other)


def _swap(one: etree._Element, other: etree._Element) -> None:
    following = one.getnext()
    if following is not None:
        following.addnext(one)


def _rename(one: etree._Element, other: etree._Element) -> None:
    one.tag = other.tag


def _estrange(one: etree._Element, other: etree._Element) -> None:
    one.tag = "{urn:elsewhere}x"


def _forget(one: etree._Element, other: etree._Element) -> None:
    for name in list(one.attrib)[:1]:
        del one.attrib[name]


def _borrow(one: etree._Element, other: etree._Element) -> None:
    for name, value in other.attrib.items():
        one.set(name, value)


def _retell(one: etree._Element, other: etree._Element) -> None:
    # Space alone is nothing here, in an empty element as well.
    one.text = (other.text or "").strip() or None


def _value(one: etree._Element, other: etree._Element) -> None:
    values = list(other.attrib.values())
    for name in list(one.attrib)[-1:]:
        one.set(name, values[0] if values else "")


_WAYS: tuple[Callable[[etree._Element, etree._Element], None], ...] = (
    *(_remove, _repeat, _move, _swap, _rename, _estrange),
    *(_forget, _borrow, _retell, _value),
)


@pytest.mark.parametrize("seed", range(4))
def test_every_change_is_judged_as_the_schema_judges_it(seed: int) -> None:
    chance = random.Random(seed)
    octets, verdicts = made(), {True: 0, False: 0}
    for _ in range(_CHANGES // 4):
        root = etree.fromstring(octets)
        elements = [each for each in root.iter(f"{{{CPA}}}*") if each is not root]
        done = [chance.choice(_WAYS) for _ in range(chance.choice((1, 1, 1, 2)))]
        for way in done:
            way(chance.choice(elements), chance.choice(elements))
        valid, found = schema().validate(root), mistakes_of(root)
        verdicts[valid] += 1
        assert valid == (found == ()), (done, found, schema().error_log)
    assert min(verdicts.values()) > 5
