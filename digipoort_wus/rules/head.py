"""Which version a document says it is of: its root element and its taxonomy entry point.

Only the beginning is read, and no tree is made.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from digipoort_wus import checks
from digipoort_wus.errors import Refusal
from digipoort_wus.filing.content import Content, open_content, size_of
from digipoort_wus.rules.model import TechnicalError
from digipoort_wus.xmlsafe.walk import Place, walk_stream

_XBRL = "{http://www.xbrl.org/2003/instance}xbrl"
_LINK = "{http://www.xbrl.org/2003/linkbase}"
_SCHEMA_REF = f"{_LINK}schemaRef"
# What may stand before it.
_BEFORE = (f"{_LINK}linkbaseRef", f"{_LINK}roleRef", f"{_LINK}arcroleRef")
_CHILD = 2
_HREF = "{http://www.w3.org/1999/xlink}href"


@dataclass(frozen=True, slots=True)
class Head:
    """What a document says about itself.

    Args:
        root: name of its root element, with the namespace in braces; empty when it cannot be
            read as XML.
        schema_ref: the first of an XBRL instance; empty when it has none.
    """

    root: str = ""
    schema_ref: str = ""


def head_of(content: Content) -> Head:
    """Read the beginning of a document.

    Args:
        content: its octets, in any encoding that XML names.

    Raises:
        TechnicalError: it exceeds a limit, or there was no memory.
    """
    beginning = _Beginning()
    try:
        with open_content(content) as source:
            walk_stream(source, size_of(content), Place(), (beginning,))
    except _Enough:
        pass
    except Refusal as refusal:
        if refusal.check is checks.XML_LIMIT:
            raise TechnicalError(f"the document exceeds a limit: {refusal.expected}") from refusal
        # What broke may stand behind what was asked.
    except MemoryError as error:
        raise TechnicalError("no memory to read the document") from error
    return Head(beginning.root, beginning.schema_ref)


class _Enough(Exception):
    """All that was asked is known."""


class _Beginning:
    """Listens until the references to taxonomies end, which stand first in an instance."""

    def __init__(self) -> None:
        self.root = ""
        self.schema_ref = ""
        self._depth = 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        if not self.root:
            self.root = name
            if name != _XBRL:
                raise _Enough
        elif self._depth == _CHILD:
            if name == _SCHEMA_REF:
                self.schema_ref = attributes.get(_HREF, "").strip()
            if name not in _BEFORE:
                raise _Enough

    def end(self, name: str, text: str) -> None:
        self._depth -= 1
