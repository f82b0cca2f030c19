"""The kind ``schema-ref``: an XBRL document names an entry point that is known.

Options: ``allowed``, the exact addresses; ``codes``, other codes than the rule's own with ``-GEEN``
(``none``) and ``-SPELLING`` (``spelling``) behind it. The rule's own text is for an address that is
not known; it may have ``{found}``, as much of the end of the address as tells it from the known.
An address that is nearly one of the known gets a text that says where they differ.

With ``newer``, a regular expression of whole addresses with one group, an address whose group
comes behind that of all the known gets a warning with ``-NIEUW`` (``newer``) instead: a taxonomy
that came out after the set.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import takewhile

from digipoort_wus.rules.kinds.options import FunctionKind, Options, named_codes, the_text
from digipoort_wus.rules.model import (
    Compiled,
    Declared,
    Hit,
    Ingredients,
    Listen,
    OptionError,
    Text,
)
from digipoort_wus.rules.subject import Subject
from digipoort_wus.xmlsafe.walk import Place

_ROOT = "{http://www.xbrl.org/2003/instance}xbrl"
_SCHEMA_REF = "{http://www.xbrl.org/2003/linkbase}schemaRef"
_HREF = "{http://www.w3.org/1999/xlink}href"
_CODES = {"none": "GEEN", "spelling": "SPELLING", "newer": "NIEUW"}
_NONE = Text(
    "Het bericht is geen XBRL-bericht met een schemaRef: daarin staat welke taxonomie is gebruikt. "
    "Maak het bericht opnieuw aan met uw software.",
    "The document is no XBRL document with a schemaRef, which says which taxonomy was used. "
    "Make it again with your software.",
)
_SPELLING = Text(
    "In de schemaRef van het bericht staat {found} waar {expected} verwacht wordt. "
    "Vraag de leverancier van uw software om de juiste schemaRef.",
    "The schemaRef of the document has {found} where {expected} is expected. "
    "Ask the supplier of your software for the right schemaRef.",
)
_NEWER = Text(
    "De schemaRef van het bericht verwijst naar {found}. Die taxonomie is nieuwer dan deze "
    "controle: het bericht is beoordeeld met de regels van de laatste die bekend is.",
    "The schemaRef of the document refers to {found}. That taxonomy is newer than these rules: "
    "the document was judged by those of the last one that is known.",
)
_SPACE = " \t\r\n"
_WORD = re.compile(r"[0-9A-Za-z]*")
_SEEN_MAX = 20


@dataclass(frozen=True, slots=True)
class Difference:
    """Where an address differs from a known one.

    Args:
        found: the word that is there.
        expected: the word of the known one.
    """

    found: str
    expected: str


class _Listener:
    """Keeps the addresses of one document that are not known."""

    def __init__(
        self,
        known: tuple[str, ...],
        newer: re.Pattern[str] | None,
        codes: Mapping[str, str],
        place: Place,
    ) -> None:
        self._known = known
        self._newer = newer
        self._codes = codes
        self._place = place
        self._unknown: dict[str, str] = {}
        self._there = False

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name != _SCHEMA_REF:
            return
        # Wherever it stands, for an XBRL processor would follow it.
        address = attributes.get(_HREF, "").strip(_SPACE)
        if address not in self._known and len(self._unknown) < _SEEN_MAX:
            self._unknown.setdefault(address, self._place.path())
        if self._place.names == [_ROOT, _SCHEMA_REF]:
            self._there = True

    def end(self, name: str, text: str) -> None:
        """See nothing."""

    def hits(self) -> Iterable[Hit]:
        if not self._there:
            yield Hit(self._codes["none"])
        for address, where in self._unknown.items():
            near = nearest(address, self._known)
            if near is None:
                newer = self._newer is not None and _is_newer(address, self._known, self._newer)
                code = self._codes["newer"] if newer else ""
                yield Hit(code, {"found": _end(address, self._known)}, where)
            else:
                values = {"found": near.found or "-", "expected": near.expected or "-"}
                yield Hit(self._codes["spelling"], values, where)


def nearest(address: str, known: Iterable[str]) -> Difference | None:
    """Return the difference from the one known address that this is nearly.

    Nearly is one character more, less, other or in the other order; capitals; or ``www.``.
    Of an address that is nearly several it cannot be said which was meant.

    Args:
        address: as it was found.
        known: the right ones.
    """
    found = [difference for each in known if (difference := _difference(address, each)) is not None]
    return found[0] if len(found) == 1 else None


def _is_newer(address: str, known: Iterable[str], newer: re.Pattern[str]) -> bool:
    found = newer.fullmatch(address)
    versions = [match.group(1) for each in known if (match := newer.fullmatch(each))]
    return found is not None and found.group(1) > max(versions, default="")


def _end(address: str, known: Iterable[str]) -> str:
    """Return the last part of an address; where a known one has the same, what differs before."""
    parts = address.split("/")
    alike = [each.split("/") for each in known if each.rpartition("/")[2] == parts[-1]]
    if not alike:
        return parts[-1]
    nearest_one = max(
        alike, key=lambda each: _shared(parts, each) + _shared(*_reversed(parts, each))
    )
    end = len(parts) - _shared(*_reversed(parts, nearest_one))
    begin = min(_shared(parts, nearest_one), end - 1, 3)
    return "/".join(parts[max(begin, 0) : end]) or address


def _reversed(one: list[str], other: list[str]) -> tuple[list[str], list[str]]:
    return one[::-1], other[::-1]


def _shared(one: Iterable[str], other: Iterable[str]) -> int:
    """Return how many parts are the same from the begin."""
    return len(list(takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))))


def _difference(address: str, known: str) -> Difference | None:
    # What is longer or shorter by more than "www." is another one.
    if address == known or abs(len(address) - len(known)) > len("www."):
        return None
    shorter = min(len(address), len(known))
    start = next((n for n in range(shorter) if address[n] != known[n]), shorter)
    end = next(
        (n for n in range(shorter - start) if address[-1 - n] != known[-1 - n]), shorter - start
    )
    found, expected = address[start : len(address) - end], known[start : len(known) - end]
    near = (
        max(len(found), len(expected)) <= 1
        or (len(found) == len(expected) == 2 and found == expected[::-1])
        or found.lower() == expected.lower()
        or {found, expected} in ({"", "www."}, {"", ".www"})
    )
    return _words(address, known, start, end) if near else None


def _words(address: str, known: str, start: int, end: int) -> Difference:
    """Widen a difference to the words that it is in, for one character says little."""
    before = _WORD.match(known[:start][::-1])
    after = _WORD.match(known, len(known) - end)
    begin = start - (0 if before is None else before.end())
    rest = end - (0 if after is None else after.end() - after.start())
    return Difference(address[begin : len(address) - rest], known[begin : len(known) - rest])


def _schema_ref(ingredients: Ingredients) -> Compiled:
    options = Options(ingredients.options)
    known = options.texts("allowed")
    newer = options.pattern("newer") if options.has("newer") else None
    if newer is not None and newer.groups != 1:
        raise OptionError("option newer must have one group, which is the version")
    codes = named_codes(ingredients, options.table("codes"), _CODES)
    options.done()
    declared = the_text(ingredients, ("found",))
    given = {
        ingredients.code: declared,
        codes["none"]: Declared(declared.severity, _NONE, declared.basis),
        codes["spelling"]: Declared(declared.severity, _SPELLING, declared.basis),
    }
    if newer is not None:
        given[codes["newer"]] = Declared("warning", _NEWER)

    def begin(_: Subject, place: Place) -> _Listener:
        return _Listener(known, newer, codes, place)

    return Compiled(Listen(begin), given)


SCHEMA_REF = FunctionKind("schema-ref", _schema_ref)
