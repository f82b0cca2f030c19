"""Large texts beside their tree: exact canonical octets without canonicalising megabytes.

Canonicalisation, schema validation and object mapping all copy and walk the text of an
element, although base64 means nothing to them. So the text of a large leaf is taken out
of the parsed tree, a mark is put in its place, and canonical octets come in pieces: what
stands before the mark, the text itself, what stands behind.

There are two kinds. A *text* stood in the tree and is kept as it was written. *Contents*
never stood there: they came as octets, and their base64 is the text of the element. It is
made in chunks, when canonical octets are asked for, and never stands in memory as a whole.
Or it was cut out before the parse (:mod:`~digipoort_wus.xmlsafe.cut`); then there is what
was written as well, and no other base64 of the same octets is the text.

Why the pieces are the canonical form of the whole message: canonicalisation writes a
text node as its characters, with only ``&``, ``<``, ``>`` and carriage return replaced, and
whatever else it writes does not depend on them. A text is taken out only when it has none of
those four; base64 that is made here has none of them either, and chunks of whole groups of
three octets make the base64 of the whole; the mark is hexadecimal; so all are written as
they are, in the same place. Only empty contents make no text node, where the mark makes one;
both are written as nothing. A mark is random and made after the message was received, so no
sender can have written it; and still each must occur exactly once, or the texts are put back
and the ordinary way is taken.
"""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import pybase64
from lxml import etree

from digipoort_wus.xmlsafe.c14n import canonicalize

LIFT_FROM = 64 * 1024
"""Octets: below, taking a text out saves nothing."""

_REPLACED = (b"&", b"<", b">", b"\r")
# Comments, instructions and entities are children, too.
_LEAVES = etree.XPath("descendant-or-self::*[not(node()[not(self::text())])]")
_DIGITS = 6
_CHUNK = 3 * 64 * 1024
"""Octets; base64 turns every three into four, so chunks of a multiple of three join."""


@dataclass(frozen=True, slots=True)
class _Lifted:
    """What stands here instead of in the tree.

    Args:
        element: known by its identity.
        written: the text as it was written, None for the base64 of the contents.
        contents: None for a text that was not read as base64.
    """

    element: etree._Element
    written: bytes | memoryview | None = field(repr=False)
    contents: bytes | None = field(repr=False)

    def pieces(self) -> Iterator[bytes]:
        """Return the text, as octets."""
        if isinstance(self.written, bytes):
            yield self.written
            return
        # A slice of bytes would be a copy, of a view it is none.
        view = memoryview(self.contents or b"") if self.written is None else self.written
        for start in range(0, len(view), _CHUNK):
            piece = view[start : start + _CHUNK]
            yield pybase64.b64encode(piece) if self.written is None else bytes(piece)

    def put_back(self) -> None:
        """Give the element its text."""
        self.element.text = b"".join(self.pieces()).decode("utf-8")


class LargeTexts:
    """The large texts of one message, which are in its tree or here, never in both.

    Args:
        root: below which texts may be taken out; None leaves all where they are.
        at_least: length of a large text, in octets.
    """

    def __init__(self, root: etree._Element | None, *, at_least: int = LIFT_FROM) -> None:
        self._root = root
        self._at_least = at_least
        self._searched = root is None
        self._taken = False
        self._stem = secrets.token_hex(16).encode("ascii")
        self._lifted: dict[bytes, _Lifted] = {}
        self._marks = 0

    def put(
        self, element: etree._Element, contents: bytes, *, written: memoryview | None = None
    ) -> None:
        """Let the base64 of contents be the text of an element, from now on.

        Args:
            element: a leaf of the message; its text is replaced.
            contents: octets that came beside the message, or that were cut out of it.
            written: base64 of the contents as it was cut out, with white space but without
                carriage returns; without it the text is the shortest base64 there is.
        """
        self._lift(element, written, contents)

    def octets(self, element: etree._Element, prefixes: Sequence[str] = ()) -> Iterable[bytes]:
        """Return the exclusive canonical form of an element of the message, in pieces.

        Together they are what :func:`canonicalize` returns for the message as it came.
        Large texts are out of the tree afterwards. The pieces can be read once.

        Raises:
            Refusal: XML-CANONICAL.
            ValueError: a text was taken for good, so its element cannot be canonicalised.
        """
        if self._taken:
            raise ValueError("canonical octets were asked for after a text was taken")
        self._search()
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
        lifted = self._take(element, contents=False)
        return None if lifted is None or lifted.written is None else bytes(lifted.written)

    def take_contents(self, element: etree._Element) -> bytes | None:
        """Return the contents that were put for an element and forget them, None if none were.

        The element keeps the mark, which the caller replaces.
        """
        lifted = self._take(element, contents=True)
        return None if lifted is None else lifted.contents

    def mark_of(self, element: etree._Element) -> bytes | None:
        """Return what stands in the tree in place of an element's contents, None if they do."""
        for mark, lifted in self._lifted.items():
            if lifted.element is element and lifted.contents is not None:
                return mark
        return None

    def restore(self) -> None:
        """Put all that is here into the tree, for readers that need it whole."""
        for lifted in self._lifted.values():
            lifted.put_back()
        self._lifted.clear()
        self._searched = self._root is None

    def _search(self) -> None:
        """Take the large texts out of the tree, once."""
        if self._searched or self._root is None:
            return
        self._searched = True
        for element in cast("list[etree._Element]", _LEAVES(self._root)):
            # Neither read nor written as a str: lxml looks at every character of such a text,
            # and lets no other thread run meanwhile.
            octets = etree.tostring(element, method="text", encoding="utf-8", with_tail=False)
            if len(octets) < self._at_least:
                continue
            if not any(octet in octets for octet in _REPLACED):
                self._lift(element, octets, None)

    def _lift(
        self, element: etree._Element, written: bytes | memoryview | None, contents: bytes | None
    ) -> None:
        mark = self._stem + b"%0*d" % (_DIGITS, self._marks)
        self._marks += 1
        element.text = mark.decode("ascii")
        self._lifted[mark] = _Lifted(element, written, contents)

    def _take(self, element: etree._Element, *, contents: bool) -> _Lifted | None:
        for mark, lifted in self._lifted.items():
            if lifted.element is element and (lifted.contents is not None) == contents:
                del self._lifted[mark]
                self._taken = True
                return lifted
        return None

    def _spliced(self, apex: etree._Element, canonical: bytes) -> Iterator[bytes] | None:
        """Put texts in place of marks; None unless exactly those of the apex's leaves occur."""
        inside = {
            mark: lifted
            for mark, lifted in self._lifted.items()
            if _is_within(lifted.element, apex)
        }
        before, *rest = canonical.split(self._stem)
        marks = [self._stem + piece[:_DIGITS] for piece in rest]
        if sorted(marks) != sorted(inside):
            return None
        return _joined(
            before,
            [(inside[mark], piece[_DIGITS:]) for mark, piece in zip(marks, rest, strict=True)],
        )


def _joined(before: bytes, rest: Sequence[tuple[_Lifted, bytes]]) -> Iterator[bytes]:
    yield before
    for lifted, behind in rest:
        yield from lifted.pieces()
        yield behind


def _is_within(element: etree._Element, apex: etree._Element) -> bool:
    return element is apex or any(ancestor is apex for ancestor in element.iterancestors())
