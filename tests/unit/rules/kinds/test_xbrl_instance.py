"""What of a filed instance is handed to Arelle; without Arelle."""

import pytest
from lxml import etree

from digipoort_wus.rules.kinds.xbrl_instance import Instance, Reference, Spot, read_instance
from digipoort_wus.xmlsafe.parse import parse_document
from tests.unit.rules.kinds import xbrl_attacks
from tests.unit.rules.kinds.xbrl_taxonomy import ENTRY, SECOND, amount, good, instance

SERVER = "http://127.0.0.1:1/"
REFUSED = tuple(xbrl_attacks.refused("/etc/hostname", SERVER))
HARMLESS = tuple(xbrl_attacks.harmless("/etc/hostname", SERVER))
ABOUT = {"X-REF": "reference", "X-BESTAND": "file", "X-GEEN": "none"}


def read(octets: bytes) -> Instance:
    return read_instance(parse_document(octets), (ENTRY, SECOND))


def test_an_instance() -> None:
    found = read(good(ref=SECOND))
    assert found.refused == ()
    assert found.entry_point == SECOND
    assert etree.canonicalize(found.octets.decode()) == etree.canonicalize(
        good(ref=SECOND).decode()
    )


def test_space_around_an_address_is_none_of_it() -> None:
    found = read(good(ref=f"\n {ENTRY} "))
    assert found.entry_point == ENTRY
    assert found.octets == read(good()).octets


def test_it_is_written_in_utf_8() -> None:
    octets = good().decode().replace("UTF-8", "UTF-16").replace("Jansen", "é").encode("utf-16")
    assert "é".encode() in read(octets).octets


@pytest.mark.parametrize(("name", "octets", "code"), REFUSED, ids=[each[0] for each in REFUSED])
def test_refused(name: str, octets: bytes, code: str) -> None:
    found = read(octets)
    assert {each.about for each in found.refused} == {ABOUT[code]}, name
    assert found.entry_point == ""


@pytest.mark.parametrize(("name", "octets"), HARMLESS, ids=[name for name, _ in HARMLESS])
def test_left_out(name: str, octets: bytes) -> None:
    found = read(octets)
    assert found.refused == ()
    for left_out in (b"chemaLocation", b"127.0.0.1", b"<?", b"hostname"):
        assert left_out not in found.octets, name


def test_nothing_of_the_tree_is_changed() -> None:
    for _, octets in HARMLESS:
        root = parse_document(octets)
        before = etree.tostring(root.getroottree())
        assert read_instance(root, (ENTRY,)).octets
        assert etree.tostring(root.getroottree()) == before


def test_without_reference() -> None:
    octets = (
        good()
        .replace(b'<link:schemaRef xlink:type="simple"', b"<e:Name")
        .replace(b'xlink:href="http://example.com/xbrl/entry.xsd"', b"")
    )
    assert read(octets).refused == (Reference("none", ""),)


def test_of_very_many_references_some_are_told() -> None:
    bad = f'<e:Name xlink:href="{SERVER}"/>'
    assert len(read(instance(*[bad] * 1000)).refused) == 20


def test_where_something_stands() -> None:
    found = read(
        instance("<!-- a -->", '<e:Name contextRef="c">a</e:Name>', amount("Costs", 1)).replace(
            b"<!-- a -->", b"<!-- a --><?b?>"
        )
    )
    # The comment counts, for Arelle has it, too; the instruction is gone.
    assert found.place((2,)) == Spot("/*[local-name()='xbrl']/*[local-name()='Name']", 8)
    assert found.names([(2,), (3,), (2,)]) == ("Name", "Costs")
    assert found.place(()) == Spot("/*[local-name()='xbrl']", 5)


def test_names_of_facts_count() -> None:
    found = read(good())
    context, turnover = (1,), (4,)
    assert found.names([context, turnover]) == ("Turnover",)
    assert found.names([context]) == ("context",)
