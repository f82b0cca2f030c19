"""Long base64 that is cut out of the octets of a message, so that the parser never sees it.

A parser copies a text of megabytes, taking it out of the tree copies it once more, and the
latter lets no other thread run meanwhile. So marks are put in its place before the parse.

Why the message is read as if nothing had been cut: what is cut is base64 and white space,
without a carriage return. To a parser that is text and nothing else, and so is a mark, which
is hexadecimal. Up to a mark the parser has read what it would have read of the message itself.
Where the mark is found as the whole text of an element, it was reading text there; the text
would have left it where the mark did. A mark is random and made after the message was
received, so no sender can have written it. Who does not find each of them where contents
stand, or is refused anything, parses the message as it came: that outcome counts.
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from digipoort_wus import limits


@dataclass(frozen=True, slots=True)
class LongText:
    """A text between two tags of a message, if those are tags.

    Args:
        start: where it begins in the octets of the message.
        end: where the next tag begins.
        octets: the text as it was written; a view of the message, no copy.
    """

    start: int
    end: int
    octets: memoryview = field(repr=False)


def long_texts(data: bytes, *, at_least: int) -> Iterator[LongText]:
    """Yield the long texts of a message that may be cut out, as far as their ends tell.

    What is not base64 must not be cut; that is for the caller to find out.

    Args:
        data: octets of a message without comments, CDATA and instructions.
        at_least: length of a long text, in octets.
    """
    view = memoryview(data)
    position = data.find(b"<")
    while position >= 0:
        following = data.find(b"<", position + 1)
        if following - position > at_least:
            # In a value, ">" is no end; then what follows has the quote, and is no base64.
            start = data.find(b">", position, position + limits.XML_MAX_TAG) + 1
            # The parser would read a carriage return as another character, or as none.
            if 0 < start <= following - at_least and data.find(b"\r", start, following) < 0:
                yield LongText(start, following, view[start:following])
        position = following


def cut_out(data: bytes, texts: Sequence[LongText]) -> tuple[bytes, tuple[str, ...]]:
    """Return a message with a mark in place of each of these texts, and the marks.

    Args:
        data: octets of a message.
        texts: of this message, in order; base64, white space apart.
    """
    stem = secrets.token_hex(16)
    marks = tuple(f"{stem}{number:06d}" for number in range(len(texts)))
    pieces: list[bytes] = []
    position = 0
    for text, mark in zip(texts, marks, strict=True):
        pieces += (data[position : text.start], mark.encode("ascii"))
        position = text.end
    return b"".join((*pieces, data[position:])), marks
