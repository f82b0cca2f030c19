"""Unsigned answers: the message that was meant, whatever is in it."""

import base64

from lxml import etree

from digipoort_wus.soap.addressing import DIGIKOPPELING, read_addressing
from digipoort_wus.soap.envelope import read_envelope
from digipoort_wus.soap.write import unsigned_answer
from digipoort_wus.xmlsafe.c14n import canonicalize
from digipoort_wus.xmlsafe.parse import parse_message
from digipoort_wus.xmlsafe.splice import LargeTexts

HEADERS = (("To", "urn:to:x?a&b"), ("MessageID", "urn:m:<é>"), ("Action", "urn:a:1"))


def test_what_is_written_is_read() -> None:
    child = etree.fromstring('<n:x xmlns:n="urn:n" a="1">a &amp; b &lt;é&#13;</n:x>')
    expected = canonicalize(child)
    found = read_envelope(parse_message(unsigned_answer(HEADERS[:1] + HEADERS[2:], child)))
    assert canonicalize(found.body_child) == expected
    assert [block.text for block in found.blocks] == ["urn:to:x?a&b", "urn:a:1"]


def test_large_texts_pass_by() -> None:
    text = base64.b64encode(bytes(100_000)).decode()
    child = etree.fromstring(f'<x xmlns="urn:n"><data>{text}</data></x>')
    octets = unsigned_answer(HEADERS, child, texts=LargeTexts(child))
    assert octets.count(text.encode()) == 1
    assert etree.fromstring(octets).findtext(".//{urn:n}data") == text


def test_it_is_what_digikoppeling_reads() -> None:
    headers = (("To", "urn:to:x"), ("MessageID", "urn:m:1"), ("Action", "urn:a:1"))
    octets = unsigned_answer(headers, etree.fromstring("<x/>"))
    found = read_addressing(read_envelope(parse_message(octets)), DIGIKOPPELING)
    assert (found.to, found.message_id, found.action) == ("urn:to:x", "urn:m:1", "urn:a:1")
