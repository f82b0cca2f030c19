"""What may stand in an answer: characters of XML, and no more of them than the schema allows.

What comes over the wire was judged by the schema. What a program in this process makes, an
agency or rules of an embedder, was judged by nobody.
"""

import re
from collections.abc import Iterator

from digipoort_wus.filing.filing import Document, ReturnMessage
from digipoort_wus.filing.finding import Finding
from digipoort_wus.filing.party import Party

_NO_CHARACTER = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
CODE_MAX = 20
LONG_MAX = 1_048_576


class NotSendable(ValueError):
    """No answer can hold a text; which one, never what stands in it."""


def require_text(name: str, text: str, at_most: int) -> None:
    """Require that an answer can hold a text.

    Args:
        name: of the element, for the error.
        text: as it would be written.
        at_most: characters.

    Raises:
        NotSendable: it is no text, is too long, or has a character that XML has not.
    """
    if not isinstance(text, str):
        raise NotSendable(f"{name} is no text")
    if len(text) > at_most:
        raise NotSendable(f"{name} has more than {at_most} characters")
    # What is printable is there; most texts are words, and this is quicker.
    if not text.isprintable() and _NO_CHARACTER.search(text) is not None:
        raise NotSendable(f"{name} has a character that XML does not have")


def require_sendable(message: ReturnMessage) -> None:
    """Require that an answer can hold a return message.

    Raises:
        NotSendable: one of its texts cannot be sent.
    """
    for name, text, at_most in _texts(message):
        if text is not None:
            require_text(name, text, at_most)


def _texts(message: ReturnMessage) -> Iterator[tuple[str, str | None, int]]:
    yield "kenmerk", message.kenmerk, 40
    yield "berichtkenmerk", message.berichtkenmerk, 256
    yield "berichtsoort", message.berichtsoort, 80
    yield "aanleverkenmerk", message.aanleverkenmerk, 40
    yield "eerderAanleverkenmerk", message.eerder_aanleverkenmerk, 40
    yield "rolBelanghebbende", message.rol_belanghebbende, 40
    yield "identiteitAanleveraar", message.aanleveraar, 35
    yield "rolOntvanger", message.rol_ontvanger, 40
    yield from _of_party("identiteitBelanghebbende", message.belanghebbende)
    if message.ontvanger is not None:
        yield from _of_party("identiteitOntvanger", message.ontvanger)
    for document in (message.document, *message.attachments):
        yield from _of_document(document)
    for finding in message.findings:
        yield from _of_finding(finding)
    for name, value in message.elements:
        yield "naam", name, 40
        yield "waarde", value, 255


def _of_party(name: str, party: Party) -> Iterator[tuple[str, str, int]]:
    yield f"{name}/nummer", party.number, 35
    yield f"{name}/type", party.type, 20


def _of_document(document: Document) -> Iterator[tuple[str, str, int]]:
    yield "mimeType", document.mime_type, 255
    yield "bestandsnaam", document.file_name, 80


def _of_finding(finding: Finding) -> Iterator[tuple[str, str, int]]:
    yield "constatering/code", finding.code, CODE_MAX
    # As an answer joins them.
    yield "constatering/beschrijving", f"{finding.text} ({finding.where})", LONG_MAX
