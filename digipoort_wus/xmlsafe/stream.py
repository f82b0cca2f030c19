"""A filed document read from a stream: a walk along its elements, without a tree.

A tree takes ten times the document. Rules that only look for some elements see them go
by, in memory that does not grow with the document.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

from lxml import etree

from digipoort_wus import checks
from digipoort_wus.errors import Refusal
from digipoort_wus.xmlsafe.apart import apart

if TYPE_CHECKING:
    from lxml.etree import ParserTarget

    _Target = ParserTarget[str]
else:
    # What it has methods for costs time, so it has none but its own.
    _Target = object

_PIECE = 65_536
# As libxml2 bounds a tree; a parser without one bounds nothing.
_DEPTH_MAX = 256
# From here on libxml2's own bounds of text and depth are in the way.
_HUGE = 9_000_000


def watch_document(source: BinaryIO, size: int, name: str, seen: Callable[[str], None]) -> str:
    """Read one filed document to its end, and return the name of its root element.

    Args:
        source: decoded octets of an ``inhoud``, in any encoding that XML names; stays open.
        size: how many octets there are.
        name: of the elements that are watched, with the namespace in braces.
        seen: is called with the text of each, that of elements within it included; in
            another thread than this one, which waits.

    Raises:
        Refusal: XML-DOCTYPE, XML-WELL-FORMED or XML-LIMIT.
        MemoryError: the parser had no memory, which is nobody's mistake but ours.
    """
    # Its names are anybody's: they are not to stay in the dictionary of this thread.
    return apart(lambda: _watch(source, size, name, seen))


class _Walk(_Target):
    """What the parser calls as it goes along."""

    def __init__(self, name: str, seen: Callable[[str], None]) -> None:
        self._name = name
        self._seen = seen
        # For each watched element that is open, where its text began.
        self._begun: list[int] = []
        self._text: list[str] = []
        self._depth = 0
        self.root = ""

    def doctype(self, *_: object) -> None:
        """Stop before a declaration is read."""
        raise Refusal(checks.XML_DOCTYPE)

    def start(self, tag: str, _: object, /) -> None:
        if not self.root:
            self.root = tag
        self._depth += 1
        if self._depth > _DEPTH_MAX:
            raise Refusal(checks.XML_LIMIT, expected=f"depth {_DEPTH_MAX}")
        if tag == self._name:
            self._begun.append(len(self._text))

    def data(self, text: str, /) -> None:
        if self._begun:
            self._text.append(text)

    def end(self, tag: str, /) -> None:
        self._depth -= 1
        if tag == self._name:
            self._seen("".join(self._text[self._begun.pop() :]))
            if not self._begun:
                self._text.clear()

    def close(self) -> str:
        return self.root


def _watch(source: BinaryIO, size: int, name: str, seen: Callable[[str], None]) -> str:
    walk = _Walk(name, seen)
    parser = etree.XMLParser(
        target=walk,
        huge_tree=size > _HUGE,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        collect_ids=False,
    )
    try:
        while True:
            if piece := source.read(_PIECE):
                parser.feed(piece)
            else:
                parser.close()
            # With a target lxml tells of some mistakes, such as a prefix without a namespace,
            # in its log alone.
            _refuse(parser.feed_error_log)
            if not piece:
                return walk.root
    except etree.XMLSyntaxError as error:
        # The message of libxml2 quotes the document; only where it went wrong is told.
        line, column = error.position
        code = error.code
    # lxml reports exhausted memory as a syntax error; only the code tells.
    if code == etree.ErrorTypes.ERR_NO_MEMORY:
        raise MemoryError("no memory to parse the document")
    raise Refusal(checks.XML_WELL_FORMED, received=f"line {line}, column {column}")


def _refuse(log: etree._ListErrorLog) -> None:
    for entry in log.filter_from_errors():
        raise Refusal(checks.XML_WELL_FORMED, received=f"line {entry.line}, column {entry.column}")
