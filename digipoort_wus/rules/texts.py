"""Texts of findings, from what a code says and the values of a hit."""

import re
import string
from collections.abc import Mapping

from digipoort_wus.rules.model import OptionError, Text

VALUE_MAX = 40
"""Characters of a value that are shown; what the filer wrote may be longer."""
_LOOKED_AT = 20
# What ends a line, turns the direction of a text, or cannot stand in XML.
_HIDDEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]+"
)
_FORMATTER = string.Formatter()


def filled(template: str, values: Mapping[str, str]) -> str:
    """Put values into a text, shortened and on one line.

    Args:
        template: with ``{name}`` where a value goes; one that the hit lacks becomes ``?``.
        values: as a rule found them.
    """
    return "".join(
        before if name is None else before + shown(values.get(name, "?"))
        for before, name, _, _ in _FORMATTER.parse(template)
    )


def shown(value: str, most: int = VALUE_MAX) -> str:
    """Return what may be shown of a value that somebody else wrote: one short line.

    Args:
        value: of any length.
        most: characters of it.
    """
    # What comes behind is not looked at: it may be twenty megabytes.
    line = _HIDDEN.sub(" ", value[: most * _LOOKED_AT]).strip()
    whole = len(line) <= most and len(value) <= most * _LOOKED_AT
    return line if whole else f"{line[: most - 1]}…"


def masked(number: str) -> str:
    """Return a number of a party with its middle hidden: that of a sole trader holds a BSN."""
    hidden = max(0, len(number) - 5)
    return number if not hidden else f"{number[:2]}{'*' * hidden}{number[-3:]}"


def places_of(template: str) -> frozenset[str]:
    """Return the names of the values that go into a text."""
    return frozenset(name for _, name, _, _ in _FORMATTER.parse(template) if name is not None)


def checked_text(nl: object, en: object) -> Text:
    """Return a text whose places for values are plain names.

    Raises:
        OptionError: a text is missing or empty, or has a place that is not a plain name.
    """
    if not (isinstance(nl, str) and nl.strip() and isinstance(en, str) and en.strip()):
        raise OptionError("message.nl and message.en must both be texts")
    for template in (nl, en):
        try:
            places = list(_FORMATTER.parse(template))
        except ValueError:
            raise OptionError("write a brace in a message twice: {{ or }}") from None
        for _, name, form, conversion in places:
            if name is not None and (form or conversion or not name.isidentifier()):
                raise OptionError("a place in a message is a name in braces, such as {found}")
    return Text(nl, en)
