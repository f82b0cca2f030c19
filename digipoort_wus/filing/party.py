"""Who a filing is about and who receives it."""

from dataclasses import dataclass
from string import ascii_lowercase, ascii_uppercase

_SMALL = str.maketrans(ascii_uppercase, ascii_lowercase)


@dataclass(frozen=True, slots=True)
class Party:
    """An ``identiteit`` of the interface: a number and the register it comes from.

    Args:
        number: at most 35 characters, such as ``001000044B37``.
        type: at most 20 characters, such as ``Fi``, ``BTW``, ``LHnr``, ``OIN``.
    """

    number: str
    type: str

    @property
    def register(self) -> str:
        """Return the type as it is compared, by :func:`register_of`."""
        return register_of(self.type)


def register_of(type_: str) -> str:
    """Return a type as types are compared: without the case of A to Z, and of nothing else.

    As SQLite's lower() does, so that table and store agree. Unicode has more that is alike:
    to it the ligature U+FB01 is "fi".
    """
    return type_.translate(_SMALL)
