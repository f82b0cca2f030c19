"""One table of the TOML file of a rule set: takes known keys out, and refuses the rest.

Every mistake is a sentence that names the file and the key. A table of a list goes by its ``id``
or its ``code`` where it has one, as its author looks for it: ``layer[identity].rule[OB-REF].use``.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import TypeVar

from digipoort_wus.errors import ConfigurationError

T = TypeVar("T")
_NAMES = ("id", "code")
_PLAIN = re.compile(r"[0-9A-Za-z_.:-]+")


class Table:
    """A table, and which of its keys were asked for.

    Args:
        values: as they were read.
        file: for messages.
        name: in the file; empty for the file as a whole.
        last: the last part of its name.
    """

    def __init__(
        self, values: Mapping[str, object], file: str, name: str = "", last: str = ""
    ) -> None:
        self.last = last
        self._values = values
        self._file = file
        self._name = name
        self._used: list[str] = []

    def wrong(self, key: str, what: str) -> ConfigurationError:
        """Return a mistake at a key, to be raised; an empty key is the table itself."""
        where = self._path(key) if key else self._name
        sentence = what if what.endswith((".", ".)")) else f"{what}."
        return ConfigurationError(f"{self._file}: {where}{': ' if where else ''}{sentence}")

    def has(self, key: str) -> bool:
        """Return whether the key is there; from now on it is known."""
        self._used.append(key)
        return key in self._values

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text that is not empty; one without default must be there."""
        if default is not None and not self.has(key):
            return default
        value = self._take(key, str, "a text that is not empty").strip()
        if not value:
            raise self.wrong(key, "it must be a text that is not empty")
        return value

    def matching(self, key: str, pattern: re.Pattern[str], what: str) -> str:
        """Return a text of which all is as the pattern says."""
        value = self.text(key)
        if not pattern.fullmatch(value):
            raise self.wrong(key, f"{value!r} is not {what}")
        return value

    def one_of(self, key: str, known: Mapping[str, T], default: T | None = None) -> T:
        """Return what a word stands for; one without default must be there."""
        if default is not None and not self.has(key):
            return default
        value = self.text(key)
        if value not in known:
            raise self.wrong(key, f"{value!r} is none of {', '.join(known)}")
        return known[value]

    def flag(self, key: str) -> bool:
        """Return true or false, which is what a key that is not there stands for."""
        if not self.has(key):
            return False
        return self._take(key, bool, "true or false")

    def day(self, key: str) -> date:
        """Return a day without a time."""
        value = self._take(key, date, "a day such as 2026-01-01, without quotes")
        if isinstance(value, datetime):
            raise self.wrong(key, "it must be a day such as 2026-01-01, without a time")
        return value

    def texts(self, key: str, what: str) -> tuple[str, ...]:
        """Return texts that are not empty, each once; none when the key is not there."""
        if not self.has(key):
            return ()
        found: list[str] = []
        for value in self._list(key, what):
            if not isinstance(value, str) or not value or value != value.strip():
                raise self.wrong(key, f"it must be a list of {what}")
            if value in found:
                raise self.wrong(key, f"{value!r} stands there twice: leave one out")
            found.append(value)
        return tuple(found)

    def section(self, key: str) -> "Table":
        """Return a table within; an empty one when the key is not there."""
        if not self.has(key):
            return Table({}, self._file, self._path(key), key)
        values = self._take(key, dict, "a table")
        return Table(values, self._file, self._path(key), key)

    def tables(self, key: str) -> tuple["Table", ...]:
        """Return the tables of a list; none when the key is not there."""
        if not self.has(key):
            return ()
        found: list[Table] = []
        for number, values in enumerate(self._list(key, "tables"), 1):
            if not isinstance(values, dict):
                raise self.wrong(key, f"it must be a list of tables: write [[{key}]]")
            last = next((str(values[name]) for name in _NAMES if name in values), "")
            last = last if _PLAIN.fullmatch(last) else str(number)
            found.append(Table(values, self._file, f"{self._path(key)}[{last}]", last))
        return tuple(found)

    def named(self, key: str) -> tuple["Table", ...]:
        """Return the tables of a table, in the order of their names."""
        section = self.section(key)
        return tuple(section.section(name) for name in sorted(section.values()))

    def values(self) -> Mapping[str, object]:
        """Return all that stands in it, whatever it is."""
        return dict(self._values)

    def done(self) -> None:
        """Refuse keys that nobody asked for."""
        unknown = sorted(set(self._values) - set(self._used))
        if unknown:
            known = ", ".join(dict.fromkeys(self._used))
            raise self.wrong(unknown[0], f"this key is not known; known here: {known}")

    def _list(self, key: str, what: str) -> list[object]:
        return self._take(key, list, f"a list of {what}")

    def _take(self, key: str, kind: type[T], what: str) -> T:
        self._used.append(key)
        if key not in self._values:
            raise self.wrong(key, f"it is missing: it must be {what}")
        value = self._values[key]
        if not isinstance(value, kind):
            raise self.wrong(key, f"it must be {what}")
        return value

    def _path(self, key: str) -> str:
        shown = key if _PLAIN.fullmatch(key) and "." not in key else f'"{key}"'
        return f"{self._name}.{shown}" if self._name else shown
