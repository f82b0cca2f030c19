"""From the body of a request to an envelope: once, and nobody holds the octets afterwards."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lxml import etree

from digipoort_wus.errors import Refusal
from digipoort_wus.process.signed import is_base64_of
from digipoort_wus.server.contents import contents_of
from digipoort_wus.server.http import HttpRequest
from digipoort_wus.soap.envelope import Envelope, read_envelope
from digipoort_wus.soap.mtom import expand, read_package, read_package_type
from digipoort_wus.soap.multipart import is_package
from digipoort_wus.xmlsafe.cut import LongText, cut_out, long_texts
from digipoort_wus.xmlsafe.inhoud import decoded
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


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was parsed.

    Args:
        envelope: of the one parse.
        texts: those of a large one, which are kept beside its tree.
        pieces: the envelope as it was signed, for who files: octets as they came, or the number
            of a content whose base64 stands there.
    """

    envelope: Envelope
    texts: LargeTexts
    pieces: tuple[bytes | int, ...] = field(repr=False)


def read_message(received: Received) -> tuple[Envelope, LargeTexts]:
    """Parse the message once; the texts of a large one are kept beside its tree.

    Raises:
        Refusal: an XOP, XML or SOAP check.
    """
    message = read_as_signed(received)
    return message.envelope, message.texts


def read_as_signed(received: Received) -> Message:
    """Like :func:`read_message`, with what shows the message again.

    Raises:
        Refusal: an XOP, XML or SOAP check.
    """
    message = received.message
    # Only tags and texts, and too large to have been read octet by octet.
    if message.plain or message.remarkable or received.size < LIFT_FROM:
        read = _as_it_came(message, received.size)
    else:
        data = message.take()
        found = _without_contents(data, message.max_elements)
        read = found or _as_it_came(_large(data, message.max_elements), received.size)
    parts, received.parts = received.parts, None
    if parts is None:
        return read
    envelope, texts = read.envelope, read.texts
    places = contents_of(envelope.body_child)
    expand(envelope, parts, contents=places, texts=texts)
    return Message(envelope, texts, tuple(_put_together(envelope, places, texts)))


def _as_it_came(message: Unparsed, size: int) -> Message:
    octets = message.look()
    envelope = read_envelope(parse_unparsed(message))
    return Message(envelope, LargeTexts(envelope.body if size >= LIFT_FROM else None), (octets,))


def _without_contents(data: bytes, max_elements: int) -> Message | None:
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
    everywhere = contents_of(envelope.body_child)
    places = [place for place in everywhere if place.text in marks]
    if [place.text for place in places] != list(marks) or any(map(len, places)):
        return None
    texts = LargeTexts(envelope.body)
    pieces: list[bytes | int] = []
    position = 0
    for place, (text, octets) in zip(places, found, strict=True):
        texts.put(place, octets, written=text.octets)
        written = is_base64_of(text.octets, octets)
        pieces += (
            data[position : text.start],
            everywhere.index(place) if written else bytes(text.octets),
        )
        position = text.end
    return Message(envelope, texts, (*pieces, data[position:]))


def _put_together(
    envelope: Envelope, places: Sequence[etree._Element], texts: LargeTexts
) -> Iterator[bytes | int]:
    """Yield a message that came in a package, with its parts where their base64 was signed.

    What was signed is its canonical form, and that is the same of these octets.
    """
    octets = etree.tostring(envelope.root, encoding="UTF-8")
    position = 0
    for number, place in enumerate(places):
        # A mark is random, so it stands where it was put and nowhere else.
        if (mark := texts.mark_of(place)) is not None:
            at = octets.index(mark, position)
            yield octets[position:at]
            yield number
            position = at + len(mark)
    yield octets[position:]


def _octets_of(text: LongText) -> bytes | None:
    """Return what a text is the base64 of, None when it is none or too long."""
    try:
        return decoded(text.octets)
    except Refusal:
        # What comes before this check is to be judged first.
        return None


def _large(data: bytes, max_elements: int) -> Unparsed:
    return Unparsed(data, names=None, remarkable=False, max_elements=max_elements)
