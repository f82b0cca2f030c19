"""The names in the tags of a message, read before the parse, and those that are known.

What is collected is at least what libxml2 would put into its dictionary: names of elements,
attributes and prefixes, namespaces, and short white space between tags. That holds for
messages that are plain, also if they are not well-formed: from "<" to ">" a tag is read as
libxml2 reads it up to its first mistake, and behind that it reads nothing but text.
"""

import re
from collections.abc import Set
from dataclasses import dataclass
from threading import Lock

from digipoort_wus import limits

DECLARATIONS = (b"<?xml ", b"<?xml\t", b"<?xml\n", b"<?xml\r")
"""How an XML declaration begins; it is no processing instruction."""
# Text has no "<"; whether a ">" ended a tag is seen afterwards. What is white space only stays:
# libxml2 keeps it when it is shorter than 60; shorter than 4 there are not many.
_TEXT = re.compile(rb">(?![ \t\r\n]{4,60}<)[^<]++")
_WHITE_SPACE = re.compile(rb">([ \t\r\n]++)")
# Faster than "in", which first asks whether it is given one octet.
_DECLARES = re.compile(rb"xmlns").search
_VALUE = re.compile(rb"\"([^\"<>]*+)\"|'([^'<>]*+)'")
_OTHER_REFERENCE = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)")
_NO_NAME = (
    bytes(octet if chr(octet).isalnum() or octet in b"-._:" else ord(" ") for octet in range(128))
    + b" " * 128
)


@dataclass(frozen=True, slots=True)
class Spelling:
    """What the tags of one plain message have.

    Args:
        names: as they are written, with their prefixes; namespaces; white space.
        elements: number of start tags.
        attributes: declarations included.
        declarations: of namespaces for a prefix.
    """

    names: frozenset[bytes]
    elements: int
    attributes: int
    declarations: int


def read_spelling(data: bytes) -> Spelling | None:
    """Return what the tags of a message have; None when it is not plain.

    Plain is a message of tags and text, whose names are ASCII, without ``>`` in a value,
    CDATA, comments, instructions or references to entities that must be declared.

    Args:
        data: the octets of a message; every one of them is read, so not for large ones.
    """
    if b"&" in data and _OTHER_REFERENCE.search(data):
        return None
    tags = _TEXT.sub(b">", data)
    white_space = _WHITE_SPACE.findall(tags)
    if white_space:
        tags = _WHITE_SPACE.sub(b">", tags)
    if tags.startswith(DECLARATIONS):
        # libxml2 ends it here as well, and keeps nothing of it.
        tags = tags[tags.find(b">") + 1 :]
    between, values = _values(tags)
    names_only = b" ".join(between)
    number = names_only.count(b"><") + 1
    # So each "<" begins a tag, and the next ">" ends it.
    if not (
        names_only[:1] == b"<"
        and names_only[-1:] == b">"
        and names_only.count(b"<") == names_only.count(b">") == number
    ):
        return None
    in_quotes = b"".join(values)
    if b"<" in in_quotes or b">" in in_quotes:
        return None
    # A quote that is left has no other; "!" and "?" begin what is no tag.
    if (
        b'"' in names_only
        or b"'" in names_only
        or b"!" in names_only
        or b"?" in names_only
        or not names_only.isascii()
    ):
        return None
    # A list, of which the set is made once.
    names = names_only.translate(_NO_NAME).split()
    names += [value for text, value in zip(between, values, strict=False) if _DECLARES(text)]
    names += white_space
    return Spelling(
        frozenset(names),
        number - names_only.count(b"</"),
        len(values),
        names_only.count(b"xmlns:"),
    )


def _values(tags: bytes) -> tuple[list[bytes], list[bytes]]:
    """Return what stands outside of the quotes, and what in them."""
    pieces = tags.split(b'"')
    between, values = pieces[::2], pieces[1::2]
    if len(values) < len(between) and b"'" not in b"".join(between):
        return between, values
    # Three after each other: what stands before a value, and the value in either quotes.
    threes = _VALUE.split(tags)
    return threes[::3], [
        single if double is None else double
        for double, single in zip(threes[1::3], threes[2::3], strict=True)
    ]


class Vocabulary:
    """The names that may be in the dictionary of a thread that does not end.

    When it is full, messages with other names go on being judged apart, which costs more.

    Args:
        most: names.
        most_octets: of all of them together.
    """

    def __init__(
        self,
        most: int = limits.KNOWN_NAMES_MAX,
        most_octets: int = limits.KNOWN_NAMES_MAX_BYTES,
    ) -> None:
        self._most = most
        self._octets_left = most_octets
        self._known: set[bytes] = set()
        self._lock = Lock()

    def knows(self, names: Set[bytes]) -> bool:
        """Return whether all these names are known."""
        return names <= self._known

    def learn(self, names: Set[bytes]) -> None:
        """Know these names from now on, if there is room for all of them."""
        with self._lock:
            new = names - self._known
            octets = sum(map(len, new))
            if len(self._known) + len(new) <= self._most and octets <= self._octets_left:
                self._known |= new
                self._octets_left -= octets


KNOWN = Vocabulary()
"""Of this process; its threads may each have met them."""
