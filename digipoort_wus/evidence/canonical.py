"""Canonical JSON (RFC 8785) of the few kinds of values that evidence needs.

Strings, whole numbers, lists and objects with plain names: no fractions, no null and no
booleans, whose spelling is where implementations differ. What is read must be spelled
exactly as it would be written, so one value has one text.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from json.encoder import encode_basestring
from types import MappingProxyType
from typing import NoReturn

Json = str | int | Sequence["Json"] | Mapping[str, "Json"]

INT_MAX = 2**53 - 1
"""The largest whole number that every reader of JSON knows exactly (RFC 8785 §3.2.2.3)."""
SIZE_MAX = 65_536
"""Octets of one text that is read; entries and batches are far smaller."""

# RFC 8785 sorts names by UTF-16 code units; of these names every order is the same.
_is_name = re.compile(r"[A-Za-z0-9_]+", re.ASCII).fullmatch


def canonical(value: Json) -> bytes:
    """Return the one spelling of a value, as UTF-8.

    Raises:
        ValueError: it holds what has no place here, or a string that is no Unicode text.
    """
    return _text(value).encode()


def canonical_text(value: Json | None) -> str:
    """Return the one spelling of a value, to be put into a larger one.

    Raises:
        ValueError: it holds what has no place here.
    """
    return _text(value)


def quoted(text: str) -> str:
    """Return the one spelling of a string, to be put into a larger one."""
    # Its escapes are those of RFC 8785.
    return encode_basestring(text)


def read_canonical(octets: bytes) -> Mapping[str, Json]:
    """Return the object whose canonical spelling this is.

    Raises:
        ValueError: it is no object, or is spelled in another way.
    """
    if len(octets) > SIZE_MAX:
        raise ValueError(f"more than {SIZE_MAX} octets")
    try:
        value = json.loads(octets.decode(), parse_float=_no_number, parse_constant=_no_number)
        same = canonical(value) == octets
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    # A repeated name is dropped by the parser, and so shows here.
    if not same:
        raise ValueError("not in canonical form")
    if not isinstance(value, dict):
        raise ValueError("no object")
    return value


def _text(value: object) -> str:
    # By the type itself: this is done for every entry, and a bool is an int to isinstance.
    kind = type(value)
    if kind is str and isinstance(value, str):
        # Its escapes are those of RFC 8785.
        return encode_basestring(value)
    if kind is int:
        if not -INT_MAX <= value <= INT_MAX:  # type: ignore[operator]
            raise ValueError("a number that not every reader knows exactly")
        return str(value)
    if isinstance(value, dict | MappingProxyType):
        members = [f'"{name}":{_text(value[name])}' for name in sorted(map(_name, value))]
        return f"{{{','.join(members)}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join([_text(inner) for inner in value])}]"
    raise ValueError(f"{kind.__name__} has no place in evidence")


@lru_cache(maxsize=256)
def _name(name: object) -> str:
    if not isinstance(name, str) or _is_name(name) is None:
        raise ValueError("a name of other characters than letters, digits and _")
    return name


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text[:20]} is no whole number")
