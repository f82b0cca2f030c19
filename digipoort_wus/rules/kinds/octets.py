"""Kinds that read octets, before anything is parsed: ``not-empty`` and ``no-doctype``.

Neither has options, nor places in its text. With severity ``fatal`` the document is not parsed.
"""

import codecs
import re
from collections.abc import Iterable

from digipoort_wus.rules.kinds.options import FunctionKind, Options, the_text
from digipoort_wus.rules.model import Compiled, Hit, Ingredients, Read
from digipoort_wus.rules.subject import Subject

# Of marks, those of UTF-32 first: that of UTF-16 is how one of them begins.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Without a mark: which of the first octets are NUL, for XML begins with ASCII.
_SHAPES = (
    (b"x000", "utf-32-le"),
    (b"000x", "utf-32-be"),
    (b"x0", "utf-16-le"),
    (b"0x", "utf-16-be"),
)
_SHAPE = bytes.maketrans(bytes(range(256)), b"0" + b"x" * 255)
_SPACE = re.compile("[ \t\r\n\ufeff]*")
_DOCTYPE = "<!DOCTYPE"
# What may stand before a root element, by how it begins and ends.
_BEFORE = (("<?", "?>"), ("<!--", "-->"))
_HEAD = 4


class _NotEmpty:
    """Looks for something that is not white space."""

    def __init__(self, _: Subject) -> None:
        self._empty = True

    def read(self, piece: bytes) -> None:
        if self._empty and piece.strip():
            self._empty = False

    def hits(self) -> Iterable[Hit]:
        return (Hit(),) if self._empty else ()


class _NoDoctype:
    """Reads what may stand before the root element, and no further.

    A DOCTYPE can stand nowhere else: in a comment or in text it is only a word.
    """

    def __init__(self, _: Subject) -> None:
        self._head = b""
        self._decoder: codecs.IncrementalDecoder | None = None
        self._text = ""
        self._until = ""
        self._found = False
        self._over = False

    def read(self, piece: bytes) -> None:
        if self._over:
            return
        if self._decoder is None:
            self._head += piece
            if len(self._head) < _HEAD:
                return
            piece = self._begin()
        self._see(piece)

    def hits(self) -> Iterable[Hit]:
        return (Hit(),) if self._found else ()

    def _begin(self) -> bytes:
        head, self._head = self._head, b""
        self._decoder = codecs.getincrementaldecoder(_encoding(head))("replace")
        return head.removeprefix(codecs.BOM_UTF8)

    def _see(self, piece: bytes) -> None:
        if self._decoder is None:
            return
        text, at = self._text + self._decoder.decode(piece), 0
        while True:
            if self._until:
                end = text.find(self._until, at)
                if end < 0:
                    # What may be the beginning of the end is kept.
                    at = max(at, len(text) - len(self._until) + 1)
                    break
                at, self._until = end + len(self._until), ""
            space = _SPACE.match(text, at)
            at = at if space is None else space.end()
            for start, until in _BEFORE:
                if text.startswith(start, at):
                    at, self._until = at + len(start), until
                    break
            else:
                self._judge(text[at : at + len(_DOCTYPE)])
                break
        self._text = text[at:]

    def _judge(self, word: str) -> None:
        self._found = word == _DOCTYPE
        # Of less than a whole word, more may come.
        unfinished = any(whole.startswith(word) for whole in ("<!--", _DOCTYPE))
        self._over = self._found or not unfinished


def _encoding(head: bytes) -> str:
    """Return an encoding in which the ASCII of a document can be read."""
    shape = head.translate(_SHAPE)
    for begin, given in ((head, _MARKS), (shape, _SHAPES)):
        for start, encoding in given:
            if begin.startswith(start):
                return encoding
    # Any other in use has ASCII where this one has it.
    return "latin-1"


def _not_empty(ingredients: Ingredients) -> Compiled:
    Options(ingredients.options).done()
    return Compiled(Read(_NotEmpty), {ingredients.code: the_text(ingredients, ())})


def _no_doctype(ingredients: Ingredients) -> Compiled:
    Options(ingredients.options).done()
    return Compiled(Read(_NoDoctype), {ingredients.code: the_text(ingredients, ())})


NOT_EMPTY = FunctionKind("not-empty", _not_empty)
NO_DOCTYPE = FunctionKind("no-doctype", _no_doctype)
