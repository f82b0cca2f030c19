"""Ids of a message are compared in every spelling that a tool may look for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from digipoort_wus import limits
from digipoort_wus.errors import Refusal
from digipoort_wus.names import WSU
from digipoort_wus.wss.header import require_unique_ids

IDS = ("Id", "ID", "id", "iD", "xml:id", f"{{{WSU}}}Id", "{u}ID", "{u}iD", "{Id}id")
OTHERS = ("aId", "Idx", "d", "{Id}x", "{u}grid", "{id}aId", "ıd", "İd")


def is_id(name: str) -> bool:
    return name.rpartition("}")[2].lower() == "id"


def message(*attributes: tuple[str, str]) -> etree._Element:
    """Return elements in elements, each with one of these attributes."""
    root = place = etree.Element("r")
    for name, value in attributes:
        place = etree.SubElement(place, "e")
        place.set(name.replace("xml:", "{http://www.w3.org/XML/1998/namespace}"), value)
    return root


@pytest.mark.parametrize("first", IDS)
@pytest.mark.parametrize("second", IDS)
def test_equal_ids_in_two_spellings_are_refused(first: str, second: str) -> None:
    with pytest.raises(Refusal) as caught:
        require_unique_ids(message((first, "a"), ("other", "b"), (second, "a")))
    assert caught.value.check.id == "WSS-ID-UNIQUE"
    require_unique_ids(message((first, "a"), (second, "b")))


@pytest.mark.parametrize("name", OTHERS)
def test_what_only_looks_like_an_id_may_be_repeated(name: str) -> None:
    require_unique_ids(message((name, "a"), (name, "a"), ("Id", "a")))


def test_an_id_is_bounded() -> None:
    require_unique_ids(message(("Id", "a" * limits.ID_MAX)))
    with pytest.raises(Refusal) as caught:
        require_unique_ids(message(("Id", "a" * (limits.ID_MAX + 1))))
    assert caught.value.check.id == "WSS-ID-UNIQUE"


@given(st.lists(st.tuples(st.sampled_from((*IDS[:4], *IDS[5:], *OTHERS)), st.sampled_from("abcd"))))
def test_equal_ids_are_refused_wherever_they_stand(attributes: list[tuple[str, str]]) -> None:
    values = [value for name, value in attributes if is_id(name)]
    try:
        require_unique_ids(message(*attributes))
    except Refusal:
        assert len(set(values)) < len(values)
    else:
        assert len(set(values)) == len(values)
