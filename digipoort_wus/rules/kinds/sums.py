"""The kind ``sum``: an amount is the sum of others, less others.

Options: ``total``; ``plus`` and ``minus``, at least one of them; each an element as
:mod:`~digipoort_wus.rules.kinds.locators` says. ``namespace`` is that of all of them, so that they
need none. ``tolerance``: how much they may differ. ``within``: the element in which they stand
together; without it, what has the same ``contextRef`` and ``unitRef`` stands together.

A missing amount is 0. Without the total, or with one that is no number, nothing is judged: whether
they must be there is the matter of other rules.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal

from digipoort_wus.rules.kinds.locators import Locator, Locators
from digipoort_wus.rules.kinds.options import FunctionKind, Options, the_text
from digipoort_wus.rules.model import (
    Compiled,
    Hit,
    Ingredients,
    Listen,
    OptionError,
    TechnicalError,
)
from digipoort_wus.rules.subject import Subject
from digipoort_wus.xmlsafe.walk import Place

_AMOUNT = re.compile(r"[+-]?(?:[0-9]{1,60}(?:\.[0-9]{0,60})?|\.[0-9]{1,60})")
# Two amounts of that form, and ten million of them, are added without rounding.
_EXACT = Context(prec=140)
_GROUPS_MAX = 20_000
_HITS_MAX = 100
_ZERO = Decimal(0)
_SPACE = " \t\r\n"


@dataclass(frozen=True, slots=True)
class _Relation:
    facts: Locators
    signs: tuple[int, ...]
    """Of each of the facts; 0: the total."""
    within: Locator | None
    tolerance: Decimal


@dataclass(slots=True)
class _Group:
    """Amounts that belong together."""

    where: str = ""
    totals: set[Decimal] = field(default_factory=set)
    added: Decimal = _ZERO
    readable: bool = True


class _Listener:
    """Adds up the amounts of one document."""

    def __init__(self, relation: _Relation, place: Place) -> None:
        self._relation = relation
        self._place = place
        self._find = relation.facts.find
        self._groups: dict[tuple[str, str], _Group] = {}
        self._hits: list[Hit] = []
        self._within = 0
        # Of amounts that are open, for an end tag has no attributes.
        self._open: list[tuple[int, int, tuple[str, str]]] = []

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        names = self._place.names
        within = self._relation.within
        if within is not None and not self._within:
            if within.matches(names):
                self._within = len(names)
            return
        number = self._find(name, names)
        if number is not None:
            key = attributes.get("contextRef", ""), attributes.get("unitRef", "")
            self._open.append((len(names), self._relation.signs[number], key))

    def end(self, name: str, text: str) -> None:
        if not (self._open or self._within):
            return
        depth = len(self._place.names)
        if self._open and self._open[-1][0] == depth:
            _, sign, key = self._open.pop()
            self._add(key, sign, text)
        elif self._within == depth:
            self._within = 0
            self._judge()

    def hits(self) -> Iterable[Hit]:
        self._judge()
        return self._hits

    def _add(self, key: tuple[str, str], sign: int, text: str) -> None:
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= _GROUPS_MAX:
                raise TechnicalError(f"amounts in more than {_GROUPS_MAX} contexts")
            group = self._groups[key] = _Group()
        amount = _amount(text)
        if amount is None:
            group.readable = False
        elif sign > 0:
            group.added = _EXACT.add(group.added, amount)
        elif sign:
            group.added = _EXACT.subtract(group.added, amount)
        elif len(group.totals) < _HITS_MAX:
            group.where = group.where or self._place.path()
            group.totals.add(amount)

    def _judge(self) -> None:
        for group in self._groups.values():
            for hit in self._judged(group):
                if len(self._hits) < _HITS_MAX:
                    self._hits.append(hit)
        self._groups.clear()

    def _judged(self, group: _Group) -> Iterator[Hit]:
        for total in sorted(group.totals) if group.readable else ():
            difference = _EXACT.subtract(total, group.added)
            if difference.copy_abs() > self._relation.tolerance:
                values = {
                    "total": f"{total:f}",
                    "sum": f"{group.added:f}",
                    "difference": f"{difference:f}",
                }
                yield Hit(values=values, where=group.where)


def _amount(text: str) -> Decimal | None:
    """Return an amount; an empty one is 0, and one that is no number None."""
    bare = text.strip(_SPACE)
    if not bare:
        return _ZERO
    return Decimal(bare) if _AMOUNT.fullmatch(bare) else None


def _sum(ingredients: Ingredients) -> Compiled:
    options = Options(ingredients.options)
    namespace = options.text("namespace", "")
    total = options.text("total")
    plus, minus = options.texts("plus", ()), options.texts("minus", ())
    if not (plus or minus):
        raise OptionError("give at least one of plus and minus")
    facts = (total, *plus, *minus)
    if len(set(facts)) < len(facts):
        raise OptionError("an element stands twice among total, plus and minus")
    relation = _Relation(
        Locators([_in_namespace(each, namespace) for each in facts]),
        (0, *(1 for _ in plus), *(-1 for _ in minus)),
        Locator(_in_namespace(options.text("within"), namespace))
        if options.has("within")
        else None,
        options.amount("tolerance", _ZERO),
    )
    options.done()
    declared = the_text(ingredients, ("total", "sum", "difference"))

    def begin(_: Subject, place: Place) -> _Listener:
        return _Listener(relation, place)

    return Compiled(Listen(begin), {ingredients.code: declared})


def _in_namespace(locator: str, namespace: str) -> str:
    if not namespace or "{" in locator:
        return locator
    return "/".join(f"{{{namespace}}}{step}" if step else "" for step in locator.split("/"))


SUM = FunctionKind("sum", _sum)
