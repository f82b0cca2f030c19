"""One walk along a filed document that several listeners are told of.

From a stream no tree is made: a tree takes ten times the document, and this takes what the
listeners keep. From a tree that somebody needs anyway the same is told.
"""

from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol, cast

from lxml import etree

from digipoort_wus import checks
from digipoort_wus.errors import Refusal
from digipoort_wus.xmlsafe.apart import apart
from digipoort_wus.xmlsafe.hardened import HARDENED
from digipoort_wus.xmlsafe.parse import BOUND_BY_THE_PARSER, LIBXML2_BOUNDS

if TYPE_CHECKING:
    from lxml.etree import ParserTarget

    _Target = ParserTarget[None]
else:
    # What it has methods for costs time, so it has none but its own.
    _Target = object

_PIECE = 65_536
# As libxml2 bounds a tree; a parser without one bounds nothing.
_DEPTH_MAX = 256
# From here on libxml2's own bounds of text and depth are in the way.
_HUGE = 9_000_000
PATH_MAX = 400
"""Characters of a path."""
_STEP_NAME_MAX = 100
_EVENTS: Final = ("start", "end", "start-ns")
_FEW = 64
_ATTRIBUTES = etree.XPath("@*")
_XML = "http://www.w3.org/XML/1998/namespace"


class Listener(Protocol):
    """Is told of the elements of a document, in their order."""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """See an element begin; names have the namespace in braces."""

    def end(self, name: str, text: str) -> None:
        """See it end, with all the text that stands in it, outside of its child elements."""


class Place:
    """Where a walk stands; listeners ask it."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.node: etree._Element | None = None
        """Of a tree: the open element."""
        self._declared: list[tuple[int, Mapping[str, str]]] = []

    @property
    def depth(self) -> int:
        """How many elements are open."""
        return len(self.names)

    def path(self) -> str:
        """Return an XPath to the open element by local names, at most ``PATH_MAX`` characters.

        Of one that would be longer the end, behind ``//``; a long name is a ``*``.
        """
        steps: list[str] = []
        left = PATH_MAX - 1
        for name in reversed(self.names):
            step = _step(name)
            left -= len(step)
            if left < 0:
                steps.append("/")
                break
            steps.append(step)
        return "".join(reversed(steps))

    def namespace(self, prefix: str | None) -> str | None:
        """Return what a prefix stands for here; None when it is not declared."""
        if prefix == "xml":
            return _XML
        # To a target lxml calls the default namespace "".
        name = prefix or ""
        for _, declared in reversed(self._declared):
            if name in declared:
                return declared[name] or None
        return None

    def enter(self, name: str, declared: Mapping[str, str] | None) -> None:
        """Go into an element that declares these prefixes."""
        self.names.append(name)
        if declared:
            self._declared.append((len(self.names), declared))

    def leave(self) -> None:
        """Go out of the open element."""
        if self._declared and self._declared[-1][0] == len(self.names):
            self._declared.pop()
        self.names.pop()


def walk_stream(source: BinaryIO, size: int, place: Place, listeners: Sequence[Listener]) -> None:
    """Read one filed document to its end, and tell listeners of its elements.

    They are called in another thread than this one, which waits.

    Args:
        source: decoded octets of an ``inhoud``, in any encoding that XML names; stays open.
        size: how many octets there are.
        place: is kept up to date.
        listeners: are told in their order; what one raises ends the walk.

    Raises:
        Refusal: XML-DOCTYPE, XML-WELL-FORMED or XML-LIMIT.
        MemoryError: the parser had no memory, which is nobody's mistake but ours.
    """
    # Its names are anybody's: they are not to stay in the dictionary of this thread.
    apart(lambda: _walk_stream(source, size, place, listeners))


def walk_tree(root: etree._Element, place: Place, listeners: Sequence[Listener]) -> None:
    """Tell listeners of the elements of a tree, as :func:`walk_stream` would.

    Args:
        root: of a document without DOCTYPE.
        place: is kept up to date.
        listeners: are told in their order; what one raises ends the walk.

    Raises:
        Refusal: XML-LIMIT.
    """
    walk = _Walk(place, listeners)
    # Told before their element. The nsmap of an element has those of all elements around it, so
    # looking into that of each is quadratic.
    declared: dict[str, str] = {}
    # For comments and instructions iterwalk goes back to the first of them: quadratic.
    remarks = next(root.iter(etree.Comment, etree.PI), None) is not None
    for event, told in etree.iterwalk(root, events=_EVENTS):
        if isinstance(told, tuple):
            prefix, uri = told
            declared[prefix] = uri
            continue
        node = cast(etree._Element, told)
        place.node = node
        if event == "start":
            walk.start(cast(str, node.tag), _attributes(node), declared)
            declared = {}
            if node.text:
                walk.data(node.text)
            beside = next(node.iterchildren(), None) if remarks else None
        else:
            walk.end(cast(str, node.tag))
            if node is root:
                return
            if node.tail:
                walk.data(node.tail)
            beside = node.getnext() if remarks else None
        while beside is not None and not isinstance(beside.tag, str):
            if beside.tail:
                walk.data(beside.tail)
            beside = beside.getnext()


def _attributes(node: etree._Element) -> Mapping[str, str]:
    if len(node.attrib) <= _FEW:
        return dict(cast(Iterable[tuple[str, str]], node.items()))
    # lxml looks each attribute up by its name, also for a list of all: quadratic in their number.
    # What XPath finds knows its name.
    found = cast(Sequence[etree._ElementUnicodeResult], _ATTRIBUTES(node))
    return {str(each.attrname): str(each) for each in found}


def _step(name: str) -> str:
    local_name = name.rpartition("}")[2]
    return "/*" if len(local_name) > _STEP_NAME_MAX else f"/*[local-name()='{local_name}']"


class _Walk(_Target):
    """What the parser calls as it goes along."""

    def __init__(self, place: Place, listeners: Sequence[Listener]) -> None:
        self._place = place
        self._listeners = tuple(listeners)
        # Of each open element. The parser brings each character reference by itself: as many
        # texts of one character would take fifty times their memory.
        self._texts: list[str | StringIO] = []

    def doctype(self, *_: object) -> None:
        """Stop before a declaration is read."""
        raise Refusal(checks.XML_DOCTYPE)

    def start(  # type: ignore[override] # with a third argument lxml tells of prefixes
        self,
        tag: str,
        attributes: Mapping[str, str],
        declared: Mapping[str, str] | None,
        /,
    ) -> None:
        self._place.enter(tag, declared)
        if len(self._place.names) > _DEPTH_MAX:
            raise Refusal(checks.XML_LIMIT, expected=f"depth {_DEPTH_MAX}")
        self._texts.append("")
        for listener in self._listeners:
            listener.start(tag, attributes)

    def data(self, text: str, /) -> None:
        if not self._texts:
            return
        before = self._texts[-1]
        if isinstance(before, StringIO):
            before.write(text)
        elif before:
            self._texts[-1] = joined = StringIO()
            joined.write(before)
            joined.write(text)
        else:
            self._texts[-1] = text

    def end(self, tag: str, /) -> None:
        kept = self._texts.pop()
        text = kept if isinstance(kept, str) else kept.getvalue()
        for listener in self._listeners:
            listener.end(tag, text)
        self._place.leave()

    def close(self) -> None:
        return None


class _StreamWalk(_Walk):
    def start(  # type: ignore[override] # as above
        self,
        tag: str,
        attributes: Mapping[str, str],
        declared: Mapping[str, str] | None,
        /,
    ) -> None:
        # Without entities libxml2 tells of each & in an attribute as a reference, for whoever
        # makes a tree of it to resolve.
        for value in attributes.values():
            if "&" in value:
                attributes = {key: one.replace("&#38;", "&") for key, one in attributes.items()}
                break
        _Walk.start(self, tag, attributes, declared)


def _walk_stream(source: BinaryIO, size: int, place: Place, listeners: Sequence[Listener]) -> None:
    parser = etree.XMLParser(
        target=_StreamWalk(place, listeners), huge_tree=size > _HUGE, **HARDENED
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
                return
    except etree.XMLSyntaxError as error:
        # The message of libxml2 quotes the document; only where it went wrong is told.
        line, column = error.position
        code = error.code
    # lxml reports exhausted memory as a syntax error; only the code tells.
    if code == etree.ErrorTypes.ERR_NO_MEMORY:
        raise MemoryError("no memory to parse the document")
    if code in BOUND_BY_THE_PARSER:
        raise Refusal(checks.XML_LIMIT, expected=LIBXML2_BOUNDS)
    raise Refusal(checks.XML_WELL_FORMED, received=f"line {line}, column {column}")


def _refuse(log: etree._ListErrorLog) -> None:
    for entry in log.filter_from_errors():
        raise Refusal(checks.XML_WELL_FORMED, received=f"line {entry.line}, column {entry.column}")
