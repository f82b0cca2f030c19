"""A set of hashes for as many things as a document can hold."""

from array import array

_FIRST = 8
_64_BITS = (1 << 64) - 1


class Seen:
    """Remembers 64-bit hashes, in 13 to 27 octets each where a ``set`` takes a hundred.

    Two of a million things have the same hash once in forty million times; nobody can bring
    it about, for Python's hashes of texts have a key of their own in each process.
    """

    __slots__ = ("_count", "_room")

    def __init__(self) -> None:
        self._room = array("Q", bytes(8 * _FIRST))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, number: int) -> bool:
        value = number & _64_BITS or 1
        return self._room[_slot(self._room, value)] == value

    def add(self, number: int) -> bool:
        """Remember a hash, as ``hash()`` gives it; return whether it is new."""
        value = number & _64_BITS or 1
        room = self._room
        slot = _slot(room, value)
        if room[slot] == value:
            return False
        room[slot] = value
        self._count += 1
        if self._count * 5 > len(room) * 3:
            self._room = _larger(room)
        return True


def _slot(room: "array[int]", value: int) -> int:
    """Return where a value stands, or would stand; 0 is a slot that is free."""
    mask = len(room) - 1
    slot = value & mask
    while room[slot] not in (0, value):
        slot = (slot + 1) & mask
    return slot


def _larger(room: "array[int]") -> "array[int]":
    larger = array("Q", bytes(16 * len(room)))
    for value in room:
        if value:
            larger[_slot(larger, value)] = value
    return larger
