"""The kind ``elfproef``: numbers have the check digit that belongs to them.

Options: ``elements``, names such as ``{http://example.org/members}bsn``, wherever these elements
stand; ``weights``, one for each digit, of which the sum of products must be a multiple of eleven.
Without it the weights are those of a BSN.

The text of the rule may have ``{name}``, of the element. It never gets the number: a BSN is
nobody's business but that of who filed it.
"""

from collections.abc import Iterable, Mapping, Sequence

from digipoort_wus.rules.model import (
    Compiled,
    Cost,
    Declared,
    Hit,
    Ingredients,
    Listen,
    OptionError,
)
from digipoort_wus.rules.subject import Subject
from digipoort_wus.rules.texts import places_of
from digipoort_wus.xmlsafe.walk import Place

_BSN = (9, 8, 7, 6, 5, 4, 3, 2, -1)
_ELEVEN = 11
_HITS_MAX = 100
_DIGITS = "0123456789"
_KNOWN = ("elements", "weights")


class Elfproef:
    """Makes such rules ready; one object serves all of them."""

    name = "elfproef"
    cost = Cost.CHEAP

    def compile(self, ingredients: Ingredients) -> Compiled:
        """Make a rule ready.

        Raises:
            OptionError: an option is missing, unknown or wrong.
        """
        declared = _declared(ingredients)
        elements, weights = _options(ingredients.options)

        def begin(_: Subject, place: Place) -> _Numbers:
            return _Numbers(elements, weights, place)

        return Compiled(Listen(begin), {ingredients.code: declared})


class _Numbers:
    """Listens to one document; keeps places, and none of the numbers."""

    def __init__(self, elements: frozenset[str], weights: Sequence[int], place: Place) -> None:
        self._elements = elements
        self._weights = weights
        self._place = place
        self._hits: list[Hit] = []

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """Wait for the text, which is there at the end."""

    def end(self, name: str, text: str) -> None:
        if name not in self._elements or len(self._hits) >= _HITS_MAX:
            return
        if not _is_right(text.strip(), self._weights):
            node = self._place.node
            line = 0 if node is None else node.sourceline or 0
            values = {"name": name.rpartition("}")[2]}
            self._hits.append(Hit(values=values, where=self._place.path(), line=line))

    def hits(self) -> Iterable[Hit]:
        return self._hits


def _is_right(number: str, weights: Sequence[int]) -> bool:
    if len(number) != len(weights) or not number.strip("0") or number.strip(_DIGITS):
        return False
    total = sum(int(digit) * weight for digit, weight in zip(number, weights, strict=True))
    return total % _ELEVEN == 0


def _declared(ingredients: Ingredients) -> Declared:
    if ingredients.declared is None:
        raise OptionError("severity, message.nl and message.en must be given for this kind")
    text = ingredients.declared.text
    if unknown := (places_of(text.nl) | places_of(text.en)) - {"name"}:
        raise OptionError(f"nothing is put into {{{min(unknown)}}} of the message")
    return ingredients.declared


def _options(options: Mapping[str, object]) -> tuple[frozenset[str], tuple[int, ...]]:
    unknown = sorted(set(options) - set(_KNOWN))
    if unknown:
        raise OptionError(f"option {unknown[0]} is not known; known options: {', '.join(_KNOWN)}")
    elements = options.get("elements")
    if not isinstance(elements, list) or not elements or not all(map(_is_name, elements)):
        raise OptionError("option elements must be a list of names such as {http://example.org}bsn")
    weights = options.get("weights", list(_BSN))
    if not isinstance(weights, list) or not weights or not all(map(_is_number, weights)):
        raise OptionError("option weights must be a list of whole numbers")
    return frozenset(elements), tuple(weights)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


ELFPROEF = Elfproef()
