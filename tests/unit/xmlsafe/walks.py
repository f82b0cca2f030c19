"""Walks of both kinds, and what they tell."""

import io
from collections.abc import Mapping

import pytest
from lxml import etree

from digipoort_wus.errors import Check, Refusal
from digipoort_wus.xmlsafe.parse import parse_document
from digipoort_wus.xmlsafe.walk import Place, walk_stream, walk_tree

PREFIXES = (None, "", "p", "q", "xml", "absent")


class Told:
    """Writes down all that it is told, and all that the place says meanwhile."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.told: list[object] = []

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        # What lxml shows of an element of a tree would change it.
        assert type(attributes).__name__ != "_Attrib"
        self.told.append(("start", name, list(attributes.items()), self._where()))

    def end(self, name: str, text: str) -> None:
        self.told.append(("end", name, text, self._where()))

    def _where(self) -> object:
        place = self._place
        return (
            place.depth,
            tuple(place.names),
            place.path(),
            tuple(place.namespace(prefix) for prefix in PREFIXES),
        )


def streamed(data: bytes) -> list[object]:
    place = Place()
    told = Told(place)
    walk_stream(io.BytesIO(data), len(data), place, (told,))
    assert (place.depth, place.node) == (0, None)
    return told.told


def from_a_tree(data: bytes) -> list[object]:
    root, place = parse_document(data), Place()
    told = Told(place)
    before = etree.tostring(root)
    walk_tree(root, place, (told,))
    assert place.depth == 0
    assert etree.tostring(root) == before
    return told.told


def both(data: bytes) -> list[object]:
    told = streamed(data)
    assert told == from_a_tree(data)
    return told


def refused(data: bytes) -> Check:
    with pytest.raises(Refusal) as caught:
        streamed(data)
    return caught.value.check
