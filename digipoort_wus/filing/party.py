"""Who a filing is about and who receives it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Party:
    """An ``identiteit`` of the interface: a number and the register it comes from.

    Args:
        number: at most 35 characters, such as ``001000044B37``.
        type: at most 20 characters, such as ``Fi``, ``BTW``, ``LHnr``, ``OIN``.
    """

    number: str
    type: str
