"""What tells one context or unit of an XBRL instance from another: FR-NL-3.04 and 4.01.

Of each only a hash is kept, which grows along with its elements. Prefixes are resolved where
they stand: two contexts may be equal with different prefixes, and differ with the same.
"""

from collections.abc import Mapping

from digipoort_wus.xmlsafe.walk import Place

XBRLI = "{http://www.xbrl.org/2003/instance}"
_XBRLDI = "{http://xbrl.org/2006/xbrldi}"
_IDENTIFIER = [f"{XBRLI}entity", f"{XBRLI}identifier"]
_SEGMENT = [f"{XBRLI}entity", f"{XBRLI}segment"]
_SCENARIO = [f"{XBRLI}scenario"]
_PERIOD = f"{XBRLI}period"
_DATES = (f"{XBRLI}startDate", f"{XBRLI}endDate", f"{XBRLI}instant")
_FOREVER = [_PERIOD, f"{XBRLI}forever"]
_EXPLICIT = f"{_XBRLDI}explicitMember"
_TYPED = f"{_XBRLDI}typedMember"
_DATE_PATH = 2
_UNIT_PATHS = (
    ([f"{XBRLI}measure"], 0),
    ([f"{XBRLI}divide", f"{XBRLI}unitNumerator", f"{XBRLI}measure"], 0),
    ([f"{XBRLI}divide", f"{XBRLI}unitDenominator", f"{XBRLI}measure"], 1),
)


def resolved(place: Place, name: str) -> tuple[str, str]:
    """Return a qualified name that stands in a value here, as its namespace and local name."""
    prefix, _, local = name.strip().rpartition(":")
    namespace = place.namespace(prefix or None)
    if namespace is None:
        # Undeclared, so that it equals nothing but itself.
        return (f"\0{prefix}" if prefix else "", local)
    return (namespace, local)


class ContextReader:
    """Is told of the elements within one ``xbrli:context``.

    Dimensions have no order, and may stand in the segment or the scenario; what else stands
    there has both.
    """

    def __init__(self, place: Place) -> None:
        self.timed = False
        """Whether a date of the period has a time."""
        self.forever = False
        self._place = place
        self._path: list[str] = []
        self._member: _Member | None = None
        self._scheme = ""
        self._identifier = ""
        self._period: list[tuple[str, str]] = []
        self._dimensions = 0
        self._others = [0, 0]

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """See an element begin."""
        if self._member is not None:
            self._member.start(name, attributes)
        elif self._path in (_SEGMENT, _SCENARIO):
            self._member = _Member(self._place, name, attributes)
        self._path.append(name)
        if self._path == _IDENTIFIER:
            self._scheme = attributes.get("scheme", "").strip()
        elif self._path == _FOREVER:
            self.forever = True

    def end(self, name: str, text: str) -> None:
        """See it end."""
        path = self._path
        if self._member is not None:
            self._member.end(text)
            if self._member.ended:
                self._take(self._member, 1 if path[0] == _SCENARIO[0] else 0)
                self._member = None
        elif path == _IDENTIFIER:
            self._identifier = text.strip()
        elif len(path) == _DATE_PATH and path[0] == _PERIOD and name in _DATES:
            self._period.append((name, text.strip()))
            self.timed |= "T" in text
        path.pop()

    def key(self) -> int:
        """Return what is the same for equal contexts, after the last element."""
        entity = (self._scheme, self._identifier)
        period = (tuple(self._period), self.forever)
        return hash((entity, period, self._dimensions, tuple(self._others)))

    def _take(self, member: "_Member", where: int) -> None:
        if member.is_dimension:
            # Sums have no order; as with everything here, only hashes of texts go into them.
            self._dimensions += member.hash
        else:
            self._others[where] = hash((self._others[where], member.hash))


class UnitReader:
    """Is told of the elements within one ``xbrli:unit``."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._path: list[str] = []
        self._measures = [0, 0]

    def start(self, name: str, _: Mapping[str, str]) -> None:
        """See an element begin."""
        self._path.append(name)

    def end(self, _: str, text: str) -> None:
        """See it end."""
        for path, side in _UNIT_PATHS:
            if self._path == path:
                self._measures[side] += hash(resolved(self._place, text))
        self._path.pop()

    def key(self) -> int:
        """Return what is the same for equal units, after the last element."""
        return hash(tuple(self._measures))


class _Member:
    """One child of a segment or a scenario, with all that is in it."""

    def __init__(self, place: Place, name: str, attributes: Mapping[str, str]) -> None:
        self._place = place
        self._explicit = name == _EXPLICIT
        self.is_dimension = self._explicit or name == _TYPED
        self._depth = 1
        if self.is_dimension:
            dimension = resolved(place, attributes.get("dimension", ""))
            self.hash = hash((name, dimension))
        else:
            self.hash = hash((name, frozenset(attributes.items())))

    @property
    def ended(self) -> bool:
        return not self._depth

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        self.hash = hash((self.hash, name, frozenset(attributes.items())))

    def end(self, text: str) -> None:
        self._depth -= 1
        if self._explicit and self.ended:
            self.hash = hash((self.hash, resolved(self._place, text)))
        else:
            self.hash = hash((self.hash, text.strip()))
