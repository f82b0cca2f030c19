"""Reads the options of a rule; what is missing, unknown or wrong is a sentence for its author."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from digipoort_wus.rules.model import (
    CODE_MAX,
    Compiled,
    Cost,
    Declared,
    Ingredients,
    OptionError,
    Text,
)
from digipoort_wus.rules.texts import checked_text, places_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FunctionKind:
    """A kind that is one function.

    Args:
        name: what a rule says behind ``use``.
        make: makes a rule ready; raises OptionError or TechnicalError.
        cost: which worker its rules need.
    """

    name: str
    make: Callable[[Ingredients], Compiled]
    cost: Cost = Cost.CHEAP

    def compile(self, ingredients: Ingredients) -> Compiled:
        """Make a rule ready.

        Raises:
            OptionError: an option is missing, unknown or wrong.
            TechnicalError: something that it needs is not here.
        """
        return self.make(ingredients)


class Options:
    """The options of one rule, or a table among them.

    Args:
        values: as they stand in the set.
        within: the table's name, for messages.
    """

    def __init__(self, values: Mapping[str, object], within: str = "") -> None:
        self._values = values
        self._within = within
        self._known: list[str] = []

    def has(self, key: str) -> bool:
        """Return whether an option is given."""
        self._known.append(key)
        return key in self._values

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text that is not empty; one without default must be there."""
        value = self._take(key, str, "a text", default).strip()
        if not value and value != default:
            raise self._wrong(key, "must not be empty")
        return value

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """Return a list of at least one text, none of them empty."""
        if default is not None and not self.has(key):
            return default
        found: list[str] = []
        for value in self._take(key, list, "a list of texts"):
            if not isinstance(value, str) or not value.strip():
                raise self._wrong(key, "must be a list of texts")
            found.append(value.strip())
        if not found:
            raise self._wrong(key, "must not be empty")
        return tuple(found)

    def number(self, key: str, default: int | None = None) -> int:
        """Return a whole number from 0."""
        value = self._take(key, int, "a whole number", default)
        if isinstance(value, bool) or value < 0:
            raise self._wrong(key, "must be a whole number from 0")
        return value

    def amount(self, key: str, default: Decimal) -> Decimal:
        """Return an amount from 0, of a whole number or a text: a float would be rounded."""
        if not self.has(key):
            return default
        value = self._values[key]
        try:
            found = Decimal(value) if isinstance(value, int | str) else None
        except InvalidOperation:
            found = None
        if found is None or isinstance(value, bool) or not found.is_finite() or found < 0:
            raise self._wrong(key, 'must be an amount from 0, such as 1 or "0.05"')
        return found

    def choice(self, key: str, known: tuple[str, ...], default: str | None = None) -> str:
        """Return one of some words."""
        value = self.text(key, default)
        if value not in known:
            raise self._wrong(key, f"must be one of {', '.join(known)}")
        return value

    def pattern(self, key: str, default: str | None = None) -> re.Pattern[str]:
        """Return a regular expression, for the whole of a text."""
        try:
            return re.compile(self.text(key, default))
        except re.error as error:
            raise self._wrong(key, f"is no regular expression: {error}") from error

    def both(self, key: str) -> Text:
        """Return a text in both languages."""
        table = self.table(key)
        try:
            found = checked_text(table.get("nl"), table.get("en"))
        except OptionError:
            raise self._wrong(key, "must have the texts nl and en") from None
        if set(table) - {"nl", "en"}:
            raise self._wrong(key, "has the languages nl and en alone")
        return found

    def table(self, key: str) -> Mapping[str, str]:
        """Return texts by name; none when the option is not there."""
        if not self.has(key):
            return {}
        values = self._take(key, dict, "a table")
        if not all(isinstance(value, str) for value in values.values()):
            raise self._wrong(key, "must be a table of texts")
        return dict(values)

    def done(self) -> None:
        """Refuse options that nobody asked for."""
        unknown = sorted(set(self._values) - set(self._known))
        if unknown:
            known = ", ".join(dict.fromkeys(self._known)) or "none"
            raise self._wrong(unknown[0], f"is not known; known options: {known}")

    def _take(self, key: str, kind: type[T], what: str, default: T | None = None) -> T:
        if not self.has(key):
            if default is None:
                raise self._wrong(key, f"is missing: it is {what}")
            return default
        value = self._values[key]
        if not isinstance(value, kind):
            raise self._wrong(key, f"must be {what}")
        return value

    def _wrong(self, key: str, what: str) -> OptionError:
        return OptionError(f"option {self._within}{key} {what}")


def the_text(ingredients: Ingredients, places: Collection[str]) -> Declared:
    """Return what the set declares of a rule whose kind has no texts of its own.

    Args:
        ingredients: of the rule.
        places: of values that the kind gives.

    Raises:
        OptionError: there is no text, or it has a place that nothing is put into.
    """
    declared = ingredients.declared
    if declared is None:
        raise OptionError("severity, message.nl and message.en must be given for this kind")
    named = {*places_of(declared.text.nl), *places_of(declared.text.en)}
    if unknown := sorted(named - set(places)):
        known = ", ".join(f"{{{each}}}" for each in places) or "none"
        raise OptionError(
            f"nothing is put into {{{unknown[0]}}} of the message; this rule gives: {known}"
        )
    return declared


def no_text(ingredients: Ingredients) -> None:
    """Refuse a text for a rule whose kind has its own."""
    if ingredients.declared is not None:
        raise OptionError(
            "this kind has texts of its own: leave severity and message out, "
            "and give another severity with [override]"
        )


def named_codes(
    ingredients: Ingredients, given: Mapping[str, str], parts: Mapping[str, str]
) -> Mapping[str, str]:
    """Return the code of each thing that a kind may find.

    Args:
        ingredients: of the rule, whose code they begin with.
        given: the option ``codes``: other codes than that.
        parts: what stands behind the rule's code, by the name of the thing.

    Raises:
        OptionError: there is no such thing, or a code is too long.
    """
    unknown = sorted(set(given) - set(parts))
    if unknown:
        raise OptionError(f"option codes.{unknown[0]} is not known; known: {', '.join(parts)}")
    codes = {name: given.get(name, f"{ingredients.code}-{part}") for name, part in parts.items()}
    for name, code in codes.items():
        if len(code) > CODE_MAX:
            raise OptionError(
                f"the code {code} has more than {CODE_MAX} characters: "
                f"shorten the code of the rule, or name one with codes.{name}"
            )
    return codes
