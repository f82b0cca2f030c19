"""Canonical forms of documents, and of elements with what they inherit."""

import pytest
from lxml import etree

from digipoort_wus import checks
from digipoort_wus.errors import Refusal
from digipoort_wus.xmlsafe.c14n import (
    Form,
    canonicalize_inclusive,
    canonicalize_whole,
    read_own,
    standing_alone,
)


def test_inclusive_form_of_an_element_inherits() -> None:
    tree = etree.fromstring(
        b'<a xmlns="urn:a" xmlns:b="urn:b" xml:lang="nl" xml:space="preserve"><b:c '
        b'xmlns="" xml:lang="en"><d e="1"/></b:c>tail</a>'
    )
    assert canonicalize_inclusive(tree[0]) == (
        b'<b:c xmlns:b="urn:b" xml:lang="en" xml:space="preserve"><d e="1"></d></b:c>'
    )
    assert canonicalize_inclusive(tree[0][0]) == (
        b'<d xmlns:b="urn:b" e="1" xml:lang="en" xml:space="preserve"></d>'
    )
    assert canonicalize_whole(tree, Form.EXCLUSIVE) == (
        b'<a xmlns="urn:a" xml:lang="nl" xml:space="preserve"><b:c xmlns:b="urn:b" '
        b'xml:lang="en"><d xmlns="" e="1"></d></b:c>tail</a>'
    )


def test_an_element_takes_no_default_namespace_that_it_does_not_have() -> None:
    """In place lxml writes an empty one, which no other tool does."""
    tree = etree.fromstring(b'<a:a xmlns:a="urn:a"><S xmlns="urn:s"><T/></S></a:a>')
    assert canonicalize_inclusive(tree[0]) == (b'<S xmlns="urn:s" xmlns:a="urn:a"><T></T></S>')
    assert canonicalize_inclusive(tree[0][0]) == b'<T xmlns="urn:s" xmlns:a="urn:a"></T>'


def test_a_copy_is_what_a_receiver_reads() -> None:
    tree = etree.fromstring(
        '<a xmlns="urn:a"><b c="&#13;&#10;&#9;">&#13;&lt;é</b>tail</a>'.encode()
    )
    copy = standing_alone(tree[0])
    assert (copy.tag, copy.text, copy.tail) == ("{urn:a}b", "\r<é", None)
    assert copy.get("c") == "\r\n\t"
    assert copy.getparent() is None


@pytest.mark.parametrize("octets", [b"", b"<a>", b"<a/><b/>"])
def test_what_cannot_be_read_again_is_refused(octets: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        read_own(octets)
    assert caught.value.check is checks.XML_CANONICAL
