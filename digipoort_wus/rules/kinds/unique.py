"""The kind ``unique``: no two elements say the same.

Options: ``each``, the elements, and ``by``, elements within one, both as
:mod:`~digipoort_wus.rules.kinds.locators` says. What stands in those of ``by``, without outer white
space, must differ from one element to the next, wherever they stand. Elements of different locators
in ``each`` do not repeat one another, and one that lacks one of ``by`` is not judged.

What stands there is not told again: it may be the number of a customer. A text may have ``{name}``,
that of the element.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from digipoort_wus.rules.kinds.locators import Locators
from digipoort_wus.rules.kinds.options import FunctionKind, Options, the_text
from digipoort_wus.rules.kinds.seen import Seen
from digipoort_wus.rules.model import Compiled, Hit, Ingredients, Listen
from digipoort_wus.rules.subject import Subject
from digipoort_wus.xmlsafe.walk import Place

_HITS_MAX = 100
_SPACE = " \t\r\n"


@dataclass(frozen=True, slots=True)
class _Demand:
    each: Locators
    by: Locators
    number: int
    """How many texts tell one from another."""


class _Listener:
    """Remembers a hash of each element of one document."""

    def __init__(self, demand: _Demand, place: Place) -> None:
        self._demand = demand
        self._place = place
        self._seen = Seen()
        self._hits: list[Hit] = []
        self._depth = 0
        self._which = 0
        self._texts: dict[int, str] = {}

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if self._depth:
            return
        which = self._demand.each.find(name, self._place.names)
        if which is not None:
            self._depth, self._which = self._place.depth, which
            self._texts = {}

    def end(self, name: str, text: str) -> None:
        if not self._depth:
            return
        if self._place.depth == self._depth:
            self._depth = 0
            self._judge(name)
            return
        part = self._demand.by.find(name, self._place.names)
        if part is not None:
            self._texts.setdefault(part, text.strip(_SPACE))

    def hits(self) -> Iterable[Hit]:
        return self._hits

    def _judge(self, name: str) -> None:
        if len(self._texts) < self._demand.number:
            return
        said = tuple(self._texts[part] for part in sorted(self._texts))
        if not self._seen.add(hash((self._which, said))) and len(self._hits) < _HITS_MAX:
            node = self._place.node
            line = 0 if node is None else node.sourceline or 0
            values = {"name": name.rpartition("}")[2]}
            self._hits.append(Hit(values=values, where=self._place.path(), line=line))


def _unique(ingredients: Ingredients) -> Compiled:
    options = Options(ingredients.options)
    by = options.texts("by")
    demand = _Demand(Locators(options.texts("each")), Locators(by), len(by))
    options.done()

    def begin(_: Subject, place: Place) -> _Listener:
        return _Listener(demand, place)

    return Compiled(Listen(begin), {ingredients.code: the_text(ingredients, ("name",))})


UNIQUE = FunctionKind("unique", _unique)
