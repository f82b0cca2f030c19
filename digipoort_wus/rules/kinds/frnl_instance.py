"""The filing rules about an XBRL instance: FR-NL-2.03 to 6.01, along one walk.

Facts are the children of ``xbrli:xbrl``, and those of tuples. Of each only a hash is kept, so
that memory grows with the contexts and the units, and by some octets with each fact.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from digipoort_wus.rules.kinds.frnl_contexts import XBRLI, ContextReader, UnitReader
from digipoort_wus.rules.kinds.seen import Seen
from digipoort_wus.rules.model import Hit
from digipoort_wus.rules.subject import Subject
from digipoort_wus.rules.texts import masked
from digipoort_wus.xmlsafe.walk import Place

CODES = (
    *("FR-NL-2.03", "FR-NL-2.04", "FR-NL-2.05", "FR-NL-2.07"),
    *("FR-NL-3.01", "FR-NL-3.02", "FR-NL-3.03", "FR-NL-3.04"),
    *("FR-NL-4.01", "FR-NL-4.02", "FR-NL-5.01", "FR-NL-5.03", "FR-NL-5.06", "FR-NL-6.01"),
)
PLACES_MAX = 7
"""Of one rule: the filer is told of the first, so that no rule drives out another."""
_LINK = "{http://www.xbrl.org/2003/linkbase}"
_ROOT = f"{XBRLI}xbrl"
_CONTEXT = f"{XBRLI}context"
_UNIT = f"{XBRLI}unit"
_SCHEMA_REF = f"{_LINK}schemaRef"
_LINKBASE_REF = f"{_LINK}linkbaseRef"
_FOOTNOTES = (f"{_LINK}footnoteLink", f"{_LINK}footnote")
_NO_FACT = (XBRLI, _LINK)
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


class Instance:
    """Implements :class:`~digipoort_wus.rules.model.Listener` for these rules.

    Args:
        subject: whose document.
        place: where the walk stands.
    """

    def __init__(self, subject: Subject, place: Place) -> None:
        party = subject.envelope.belanghebbende
        self._number = party.number if party is not None else ""
        self._place = place
        self._hits: dict[str, list[Hit]] = {code: [] for code in CODES}
        self._depth = 0
        # One thing may be open in which no facts stand: an item, what has a reader, or the rest.
        self._reader: ContextReader | UnitReader | None = None
        self._item = False
        self._open = 0
        """Its depth; 0: there is none."""
        self._childless = True
        self._facts = [Seen()]
        """Of the root, and of each tuple that is open."""
        self._id = ""
        self._contexts = _Things()
        self._units = _Things()
        self._schema_refs = 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """See an element begin."""
        self._depth += 1
        if self._open:
            if self._reader is not None:
                self._reader.start(name, attributes)
            self._childless = False
        elif self._depth > 1:
            context = attributes.get("contextRef")
            if context is None:
                self._other(name, attributes)
            else:
                self._fact(name, context, attributes)
        else:
            self._root(name, attributes)

    def end(self, name: str, text: str) -> None:
        """See it end."""
        depth = self._depth
        self._depth = depth - 1
        if not self._open:
            # A tuple, or the root.
            self._facts.pop()
        elif self._open < depth:
            if self._reader is not None:
                self._reader.end(name, text)
        else:
            self._open = 0
            if self._item:
                self._item = False
                if self._childless and not text:
                    self._note("FR-NL-5.03", name=_local(name))
            elif self._reader is not None:
                self._read(self._reader)
                self._reader = None

    def hits(self) -> Iterator[Hit]:
        """Say what was found."""
        self._unused("FR-NL-3.03", _CONTEXT, self._contexts)
        self._unused("FR-NL-4.02", _UNIT, self._units)
        if self._schema_refs != 1:
            self._hits["FR-NL-2.04"] = [Hit("FR-NL-2.04", {"count": str(self._schema_refs)})]
        for hits in self._hits.values():
            yield from hits

    def _root(self, name: str, attributes: Mapping[str, str]) -> None:
        if not attributes.get(_LANG, "").strip():
            self._note("FR-NL-2.03")
        if name != _ROOT:
            # Nothing stands where it would in an instance.
            self._open = self._depth

    def _fact(self, name: str, context: str, attributes: Mapping[str, str]) -> None:
        unit = attributes.get("unitRef")
        self._open, self._item, self._childless = self._depth, True, True
        self._contexts.use(context)
        if unit is not None:
            self._units.use(unit)
        if not self._facts[-1].add(hash((name, context, unit))):
            self._note("FR-NL-5.01", name=_local(name))
        if _NIL in attributes:
            self._note("FR-NL-2.07", name=_local(name))
        if "precision" in attributes:
            self._note("FR-NL-5.06", name=_local(name))

    def _other(self, name: str, attributes: Mapping[str, str]) -> None:
        """See what is no item: a tuple, or of the frame of an instance."""
        if not name.startswith(_NO_FACT):
            if _NIL in attributes:
                self._note("FR-NL-2.07", name=_local(name))
            self._facts.append(Seen())
            return
        self._open = self._depth
        if len(self._facts) > 1:
            return
        if name == _CONTEXT:
            self._id, self._reader = attributes.get("id", ""), ContextReader(self._place)
        elif name == _UNIT:
            self._id, self._reader = attributes.get("id", ""), UnitReader(self._place)
        elif name == _SCHEMA_REF:
            self._schema_refs += 1
        elif name == _LINKBASE_REF:
            self._note("FR-NL-2.05")
        elif name in _FOOTNOTES:
            self._note("FR-NL-6.01")

    def _read(self, reader: ContextReader | UnitReader) -> None:
        things, code = self._units, "FR-NL-4.01"
        if isinstance(reader, ContextReader):
            things, code = self._contexts, "FR-NL-3.04"
            if reader.timed:
                self._note("FR-NL-3.01", id=self._id)
            if reader.forever:
                self._note("FR-NL-3.02", id=self._id)
        other = things.add(self._id, reader.key())
        if other is not None:
            self._note(code, id=self._id, other=other)

    def _unused(self, code: str, name: str, things: "_Things") -> None:
        path = f"/*[local-name()='xbrl']/*[local-name()='{_local(name)}']"
        unused = (ident for ident, used in things.used.items() if not used)
        for _, ident in zip(range(PLACES_MAX), unused, strict=False):
            self._hits[code].append(Hit(code, {"id": self._shown(ident)}, path))

    def _note(self, code: str, **values: str) -> None:
        hits = self._hits[code]
        if len(hits) < PLACES_MAX:
            shown = {key: self._shown(value) for key, value in values.items()}
            hits.append(Hit(code, shown, self._place.path()))

    def _shown(self, name: str) -> str:
        """Return a name that the filer gave, without the number of the party."""
        number = self._number
        return name.replace(number, masked(number)) if number else name


@dataclass(slots=True)
class _Things:
    """The contexts, or the units, of one instance."""

    used: dict[str, bool] = field(default_factory=dict)
    """By id, in their order."""
    _first: dict[int, str] = field(default_factory=dict)
    _early: Seen = field(default_factory=Seen)
    """What was referred to before it was there; some write the facts first."""

    def use(self, ident: str) -> None:
        used = self.used.get(ident)
        if used is None:
            self._early.add(hash(ident))
        elif not used:
            self.used[ident] = True

    def add(self, ident: str, key: int) -> str | None:
        """Take one more; return the id of an earlier one that is equal."""
        self.used[ident] = self.used.get(ident, False) or hash(ident) in self._early
        other = self._first.get(key)
        if other is None:
            self._first[key] = ident
        return other


def _local(name: str) -> str:
    return name.rpartition("}")[2]
