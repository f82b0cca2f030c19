"""From the body of a request to an envelope: once, and nobody holds the octets afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from digipoort_wus.errors import Refusal
from digipoort_wus.server.contents import contents_of, decoded
from digipoort_wus.server.http import HttpRequest
from digipoort_wus.soap.envelope import Envelope, read_envelope
from digipoort_wus.soap.mtom import expand, is_package, read_package, read_package_type
from digipoort_wus.xmlsafe.cut import LongText, cut_out, long_texts
from digipoort_wus.xmlsafe.lookover import Unparsed, look_over
from digipoort_wus.xmlsafe.parse import parse_unparsed
from digipoort_wus.xmlsafe.splice import LIFT_FROM, LargeTexts


@dataclass(slots=True)
class Received:
    """A message that was looked over, and the parts of its package, which are taken once."""

    message: Unparsed
    size: int
    parts: Mapping[str, memoryview] | None = field(default=None, repr=False)


def receive(request: HttpRequest) -> Received:
    """Take the body and look it over, without a parse.

    Raises:
        Refusal: a MIME or XML check.
    """
    octets, content_type = request.take_body(), request.head.headers.get("content-type", "")
    if not is_package(content_type):
        return Received(look_over(octets), len(octets))
    package = read_package(octets, read_package_type(content_type))
    return Received(look_over(package.envelope), len(package.envelope), package.parts)


def read_message(received: Received) -> tuple[Envelope, LargeTexts]:
    """Parse the message once; the texts of a large one are kept beside its tree.

    Raises:
        Refusal: an XOP, XML or SOAP check.
    """
    message = received.message
    # Only tags and texts, and too large to have been read octet by octet.
    if message.plain or message.remarkable or received.size < LIFT_FROM:
        envelope, texts = _whole(message, received.size)
    else:
        data = message.take()
        found = _without_contents(data, message.max_elements)
        envelope, texts = found or _whole(_large(data, message.max_elements), received.size)
    parts, received.parts = received.parts, None
    if parts is not None:
        expand(envelope, parts, contents=contents_of(envelope.body_child), texts=texts)
    return envelope, texts


def _whole(message: Unparsed, size: int) -> tuple[Envelope, LargeTexts]:
    envelope = read_envelope(parse_unparsed(message))
    return envelope, LargeTexts(envelope.body if size >= LIFT_FROM else None)


def _without_contents(data: bytes, max_elements: int) -> tuple[Envelope, LargeTexts] | None:
    """Parse a message without its long contents; None when it must be parsed as it came."""
    found = [
        (text, octets)
        for text in long_texts(data, at_least=LIFT_FROM)
        if (octets := _octets_of(text)) is not None
    ]
    if not found:
        return None
    short, marks = cut_out(data, [text for text, _ in found])
    try:
        envelope = read_envelope(parse_unparsed(_large(short, max_elements)))
    except Refusal:
        # It would tell other lines; and what is refused may take its time.
        return None
    places = [place for place in contents_of(envelope.body_child) if place.text in marks]
    if [place.text for place in places] != list(marks) or any(map(len, places)):
        return None
    texts = LargeTexts(envelope.body)
    for place, (text, octets) in zip(places, found, strict=True):
        texts.put(place, octets, written=text.octets)
    return envelope, texts


def _octets_of(text: LongText) -> bytes | None:
    """Return what a text is the base64 of, None when it is none or too long."""
    try:
        return decoded(text.octets)
    except Refusal:
        # What comes before this check is to be judged first.
        return None


def _large(data: bytes, max_elements: int) -> Unparsed:
    return Unparsed(data, names=None, remarkable=False, max_elements=max_elements)
