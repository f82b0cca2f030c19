"""The kind ``identity``: whom the document is about is whom it was filed for.

Options:

* ``elements``: where the number stands, as :mod:`~digipoort_wus.rules.kinds.locators` says;
* ``root``: the rule is for documents with this root element alone;
* ``types``: types of the belanghebbende that are accepted, without case;
* ``scheme``: what the attribute ``scheme`` of each element must be;
* ``number``: a name of :mod:`~digipoort_wus.rules.kinds.numbers`, for form and check digits;
* ``form``, with ``called`` and ``shape`` in both languages: the same for another number;
* ``codes``: other codes than the rule's own with ``-GEEN`` and so on behind it.

All numbers are compared without outer white space and the case of A to Z. Texts never repeat one:
the number of a sole trader may hold a BSN.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from string import ascii_lowercase, ascii_uppercase

from digipoort_wus.filing.party import Party, register_of
from digipoort_wus.rules.kinds.identity_texts import ANY, CODES, XBRL, declared_codes
from digipoort_wus.rules.kinds.locators import Locator, Locators
from digipoort_wus.rules.kinds.numbers import (
    NUMBERS,
    Number,
    looks_like_btw_id,
    passes_elfproef,
)
from digipoort_wus.rules.kinds.options import FunctionKind, Options, named_codes, no_text
from digipoort_wus.rules.model import Compiled, Hit, Ingredients, Listen, OptionError
from digipoort_wus.rules.subject import Subject
from digipoort_wus.xmlsafe.walk import Place

_CAPITALS = str.maketrans(ascii_lowercase, ascii_uppercase)
_SPACE = " \t\r\n"
_XBRL = "{http://www.xbrl.org/2003/instance}xbrl"
_PREFIX = "NL"
# Of more than one different number, one is somebody else's.
_SEEN_MAX = 4


@dataclass(frozen=True, slots=True)
class _Demands:
    locators: Locators
    root: Locator | None
    types: frozenset[str]
    scheme: str
    number: Number | None
    codes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A number of the document; None: it is none, for elements stand in it."""

    number: str | None
    scheme: str


class _Listener:
    """Keeps the few different numbers of one document."""

    def __init__(self, demands: _Demands, subject: Subject, place: Place) -> None:
        self._demands = demands
        self._party = subject.envelope.belanghebbende
        self._place = place
        self._find = demands.locators.find
        self._seen: dict[_Seen, tuple[str, int]] = {}
        self._open = 0
        self._nested = False
        self._scheme = ""
        self._concerned = True

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        names = self._place.names
        if len(names) == 1 and self._demands.root is not None:
            self._concerned = self._demands.root.matches(names)
        if not self._concerned:
            return
        if self._open:
            self._nested = True
        elif self._find(name, names) is not None:
            self._open, self._nested = len(names), False
            # What is not demanded must not use up the room for numbers.
            self._scheme = (
                attributes.get("scheme", "").strip(_SPACE) if self._demands.scheme else ""
            )

    def end(self, name: str, text: str) -> None:
        if not self._open or len(self._place.names) != self._open:
            return
        self._open = 0
        seen = _Seen(None if self._nested else _normal(text), self._scheme)
        if len(self._seen) < _SEEN_MAX and seen not in self._seen:
            self._seen[seen] = (self._place.path(), _line(self._place))

    def hits(self) -> Iterable[Hit]:
        if self._concerned:
            for name, values, where in self._judged():
                path, line = self._seen.get(where, ("", 0)) if where else ("", 0)
                yield Hit(self._demands.codes[name], values, path, line)

    def _judged(self) -> Iterator[tuple[str, Mapping[str, str], _Seen | None]]:
        """Give what is wrong, the values of its text, and which number it is about."""
        demands, seen = self._demands, tuple(self._seen)
        party = self._party
        if party is not None and demands.types and party.register not in demands.types:
            yield "type", {"found": party.type}, None
        if not seen:
            yield "nobody", {}, None
            return
        for each in seen:
            if demands.scheme and each.scheme != demands.scheme:
                yield "scheme", {"found": each.scheme}, each
                break
        if party is not None:
            yield from _compared(seen, party)
        if demands.number is not None:
            yield from _formed(seen, demands.number)


def _compared(
    seen: tuple[_Seen, ...], party: Party
) -> Iterator[tuple[str, Mapping[str, str], _Seen]]:
    """Compare with whom it was filed for; only who wrote NL before the number is told so."""
    expected = _normal(party.number)
    other = next((each for each in seen if each.number != expected), None)
    if other is None:
        return
    bare = expected.removeprefix(_PREFIX)
    prefixed = all(each.number == bare for each in seen)
    yield ("prefixed" if prefixed else "other"), {}, other


def _formed(
    seen: tuple[_Seen, ...], number: Number
) -> Iterator[tuple[str, Mapping[str, str], _Seen]]:
    """Judge form and check digits; each mistake is told once."""
    told: set[str] = set()
    for each in seen:
        found = each.number or ""
        for mistake in _mistakes(found, number):
            if mistake not in told:
                told.add(mistake)
                yield mistake, {}, each


def _mistakes(found: str, number: Number) -> Iterator[str]:
    if not number.form.fullmatch(found):
        yield "form"
        if number.elfproef and looks_like_btw_id(found):
            yield "btw_id"
    elif number.elfproef and not passes_elfproef(found[:9]):
        yield "btw_id" if looks_like_btw_id(found) else "digits"


def _normal(number: str) -> str:
    return number.strip(_SPACE).translate(_CAPITALS)


def _line(place: Place) -> int:
    return 0 if place.node is None else place.node.sourceline or 0


def _identity(ingredients: Ingredients) -> Compiled:
    no_text(ingredients)
    options = Options(ingredients.options)
    elements = options.texts("elements")
    root = options.text("root") if options.has("root") else None
    demands = _Demands(
        Locators(elements),
        None if root is None else Locator(f"/{root.removeprefix('/')}"),
        frozenset(map(register_of, options.texts("types", ()))),
        options.text("scheme", ""),
        _number(options),
        named_codes(ingredients, options.table("codes"), CODES),
    )
    types = options.texts("types", ())
    options.done()
    about = XBRL if root == _XBRL else ANY
    codes = declared_codes(about, demands.codes, types, demands.scheme, demands.number)

    def begin(subject: Subject, place: Place) -> _Listener:
        return _Listener(demands, subject, place)

    return Compiled(Listen(begin), codes)


def _number(options: Options) -> Number | None:
    if options.has("number"):
        if options.has("form"):
            raise OptionError("give either option number or option form")
        return NUMBERS[options.choice("number", tuple(NUMBERS))]
    if options.has("form"):
        return Number(options.both("called"), options.pattern("form"), options.both("shape"))
    return None


IDENTITY = FunctionKind("identity", _identity)
