"""From the body of a request to an envelope: once, and nobody holds the octets afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from digipoort_wus.server.contents import contents_of
from digipoort_wus.server.http import HttpRequest
from digipoort_wus.soap.envelope import Envelope, read_envelope
from digipoort_wus.soap.mtom import expand, is_package, read_package, read_package_type
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
    envelope = read_envelope(parse_unparsed(received.message))
    texts = LargeTexts(envelope.body if received.size >= LIFT_FROM else None)
    parts, received.parts = received.parts, None
    if parts is not None:
        expand(envelope, parts, contents=contents_of(envelope.body_child), texts=texts)
    return envelope, texts
