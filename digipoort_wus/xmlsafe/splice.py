"""Large texts beside their tree: exact canonical octets without canonicalising megabytes.

Canonicalisation, schema validation and object mapping all copy and walk the text of an
element, although base64 means nothing to them. So the text of a large leaf is taken out
of the parsed tree, a mark is put in its place, and canonical octets come in pieces: what
stands before the mark, the text itself, what stands behind.

Why the pieces are the canonical form of the untouched message: canonicalisation writes a
text node as its characters, with only ``&``, ``<``, ``>`` and carriage return replaced, and
whatever else it writes does not depend on them. A text is taken out only when every octet
of it is of base64's alphabet, a space, a tab or a line feed; the mark is hexadecimal; so
both are written as they are, in the same place. A mark is random and made after the
message was received, so no sender can have written it; and still each must occur exactly
once where it belongs, or the texts are put back and the ordinary way is taken.
"""

import secrets
from collections.abc import Sequence

from lxml import etree

from digipoort_wus.xmlsafe.c14n import canonicalize

LIFT_FROM = 64 * 1024
"""Characters: below, taking a text out saves nothing."""

_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= \t\n"
_DIGITS = 6


class LargeTexts:
    """The large texts of one message, which are in its tree or here, never in both.

    Args:
        root: below which texts may be taken out; None leaves all where they are.
        at_least: length of a large text, in characters.
    """

    def __init__(self, root: etree._Element | None, *, at_least: int = LIFT_FROM) -> None:
        self._root = root
        self._at_least = at_least
        self._searched = root is None
        self._taken = False
        self._stem = b""
        # Index in the mark, to element and text; an element is known by its identity.
        self._lifted: dict[int, tuple[etree._Element, bytes]] = {}

    def octets(self, element: etree._Element, prefixes: Sequence[str] = ()) -> tuple[bytes, ...]:
        """Return the exclusive canonical form of an element of the message, in pieces.

        Together they are what :func:`canonicalize` returns for the message as it came.
        Large texts are out of the tree afterwards.

        Raises:
            Refusal: XML-CANONICAL.
            ValueError: a text was taken for good, so its element cannot be canonicalised.
        """
        if self._taken:
            raise ValueError("canonical octets were asked for after a text was taken")
        self._lift()
        canonical = canonicalize(element, prefixes)
        if not self._lifted:
            return (canonical,)
        pieces = self._spliced(element, canonical)
        if pieces is None:
            self.restore()
            # Not again: what was wrong with the marks would be wrong once more.
            self._searched = True
            return (canonicalize(element, prefixes),)
        return pieces

    def take(self, element: etree._Element) -> bytes | None:
        """Return the text that was taken out of an element and forget it, None if none was.

        The element keeps the mark, which the caller replaces.
        """
        for index, (lifted, text) in self._lifted.items():
            if lifted is element:
                del self._lifted[index]
                self._taken = True
                return text
        return None

    def restore(self) -> None:
        """Put the texts that are here back into the tree, for readers that need it whole."""
        for element, text in self._lifted.values():
            element.text = text.decode("ascii")
        self._lifted.clear()
        self._searched = self._root is None

    def _lift(self) -> None:
        if self._searched or self._root is None:
            return
        self._searched = True
        self._stem = secrets.token_hex(16).encode("ascii")
        for element in self._root.iter(etree.Element):
            # Comments, instructions and entities are children, too.
            if len(element):
                continue
            text = element.text
            if text is None or len(text) < self._at_least or not text.isascii():
                continue
            index = len(self._lifted)
            # First out of the tree, then into octets: never three copies at a time.
            element.text = self._mark(index).decode("ascii")
            octets = text.encode("ascii")
            if octets.translate(None, _PLAIN):
                element.text = text
            else:
                self._lifted[index] = (element, octets)

    def _mark(self, index: int) -> bytes:
        return self._stem + b"%0*d" % (_DIGITS, index)

    def _spliced(self, apex: etree._Element, canonical: bytes) -> tuple[bytes, ...] | None:
        """Put texts in place of marks; None unless exactly those of the apex's leaves occur."""
        inside = {
            index: text for index, (leaf, text) in self._lifted.items() if _is_within(leaf, apex)
        }
        before, *rest = canonical.split(self._stem)
        if [self._stem + piece[:_DIGITS] for piece in rest] != list(map(self._mark, inside)):
            return None
        pieces = [before]
        for text, piece in zip(inside.values(), rest, strict=True):
            pieces += (text, piece[_DIGITS:])
        return tuple(pieces)


def _is_within(element: etree._Element, apex: etree._Element) -> bool:
    return element is apex or any(ancestor is apex for ancestor in element.iterancestors())
