"""One table of a configuration file: known keys are taken out, mistakes are sentences.

What is left over at the end is unknown, and said to be so.
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.pki.oin import parse_oin
from digipoort_wus.process.authorisation import EVERYTHING

T = TypeVar("T")


@dataclass(slots=True)
class Table:
    """Takes known keys out of one table; what is left over at the end is unknown.

    Each reader of a key raises ConfigurationError with the key's full name when the
    value is of another kind.

    Attributes:
        values: What the file says here.
        name: The table's own name with a dot after it, empty for the whole file.
        base: What its paths are relative to.
    """

    values: dict[str, object]
    name: str
    base: Path
    _used: set[str] = field(default_factory=set)

    def has(self, key: str) -> bool:
        """Return whether a key is given; it is a known one from here on."""
        self._used.add(key)
        return key in self.values

    def section(self, key: str) -> "Table":
        """Return the table under a key, an empty one where it is absent."""
        value = self._take(key, dict, {}, "a table")
        return Table(value, f"{self.name}{key}.", self.base)

    def text(self, key: str, default: str) -> str:
        """Return the text under a key."""
        return self._take(key, str, default, "a text")

    def text_if_given(self, key: str) -> str:
        """Return the text under a key, which is not empty; empty where the key is absent."""
        value = self.text(key, "")
        if key in self.values:
            self._require_something(key, value)
        return value

    def number(self, key: str, default: int) -> int:
        """Return the whole number under a key."""
        return self._take(key, int, default, "a whole number")

    def flag(self, key: str) -> bool | None:
        """Return true or false, None where the key is absent."""
        if not self.has(key):
            return None
        return self._take(key, bool, False, "true or false")

    def path(self, key: str) -> Path | None:
        """Return the path under a key, relative to the file's folder; None where it is absent."""
        value = self._take(key, str, "", "a path")
        if key in self.values:
            self._require_something(key, value)
        if "\0" in value:
            raise ConfigurationError(f"{self.name}{key} must be a path, without NUL characters.")
        return self.base / value if value else None

    def texts(self, key: str) -> list[str]:
        """Return the list of texts under a key, an empty one where it is absent."""
        values = self._take(key, list, [], "a list of texts")
        if not all(isinstance(value, str) for value in values):
            raise ConfigurationError(f"{self.name}{key} must be a list of texts.")
        return values

    def tables(self, key: str) -> list["Table"]:
        """Return the tables of a list, each named by its number from 1."""
        rows = self._take(key, list, [], "a list of tables")
        if not all(isinstance(row, dict) for row in rows):
            raise ConfigurationError(f"{self.name}{key} must be a list of tables.")
        return [
            Table(row, f"{self.name}{key}[{number}].", self.base)
            for number, row in enumerate(rows, 1)
        ]

    def oin(self, key: str) -> str:
        """Return the OIN under a key, in its form of twenty digits."""
        if not self.has(key):
            raise ConfigurationError(f"{self.name}{key} is needed: the OIN, 20 characters.")
        text = self.text(key, "")
        try:
            return parse_oin(text)
        except ValueError as error:
            raise ConfigurationError(f"{self.name}{key}: {text!r} is {error}.") from error

    def oins(self, key: str) -> list[str]:
        """Return the list of OINs under a key."""
        try:
            return [parse_oin(text) for text in self.texts(key)]
        except ValueError as error:
            raise ConfigurationError(f"{self.name}{key}: one of them is {error}.") from error

    def words(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; the text "*" alone is everything."""
        if self.values.get(key) == EVERYTHING:
            self._used.add(key)
            return (EVERYTHING,)
        return tuple(self.texts(key))

    def limit(self, key: str) -> int | None:
        """Return the whole number under a key, None where it is absent: no limit."""
        return self.number(key, 0) if self.has(key) else None

    def moment(self, key: str) -> datetime | None:
        """Return the moment under a key, None where it is absent."""
        if not self.has(key):
            return None
        value = self.values[key]
        if not isinstance(value, datetime):
            raise ConfigurationError(
                f"{self.name}{key} must be a moment such as 2028-11-13T23:00:00Z."
            )
        return value

    def refuse_the_rest(self) -> None:
        """Raise ConfigurationError for a key that nobody asked for."""
        unknown = sorted(set(self.values) - self._used)
        if unknown:
            raise ConfigurationError(
                f"Unknown key {self.name}{unknown[0]}; known here: {', '.join(sorted(self._used))}."
            )

    def _require_something(self, key: str, value: str) -> None:
        # Nothing would mean the default here, which is hardly what was meant.
        if not value.strip():
            raise ConfigurationError(f"{self.name}{key} is empty: fill it in, or leave it out.")

    def _take(self, key: str, kind: type[T], default: T, what: str) -> T:
        self._used.add(key)
        value = self.values.get(key, default)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ConfigurationError(f"{self.name}{key} must be {what}.")
        return value
