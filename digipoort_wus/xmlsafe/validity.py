"""Whether an element is valid in a schema, and where and how it is not, in words of ours.

Of libxml2's messages only what comes from the schema is looked at; the rest may quote the
document.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lxml import etree

# The last words of libxml2's messages come from the schema or are numbers; what
# stands before them may quote the document and is never looked at.
_EXPECTED = re.compile(r"Expected is (?:one of )?\( ([^()]*) \)\.$")
_LENGTH = re.compile(r"has a length of '(\d+)'; this \w+ the allowed \w+ length of '(\d+)'\.$")
_MISSING = re.compile(r"The attribute '([^']+)' is required but missing\.$")
_STEP = re.compile(r"(?:(?P<prefix>[^:\[\]]+):)?(?P<name>[^:\[\]]+)(?:\[(?P<index>\d+)\])?")

NOT_OF_TYPE = "not a value of this type"
NO_ATTRIBUTE = "attribute missing"
# libxml2's error types that a request can meet, in words a developer can use.
_KINDS = {
    "SCHEMAV_CVC_ELT_1": "no such element in the schema",
    "SCHEMAV_CVC_ELT_3_1": "xsi:nil is not allowed",
    "SCHEMAV_CVC_ELT_4_2": "xsi:type is not allowed",
    "SCHEMAV_CVC_ELT_4_3": "xsi:type is not allowed",
    "SCHEMAV_ELEMENT_CONTENT": "element missing, unknown or out of order",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_1": "content in an element that is empty",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_2": "element inside a text",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_3": "text between elements",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_4": "element missing, unknown or out of order",
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1": "attribute not allowed",
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_2": "attribute not allowed",
    "SCHEMAV_CVC_COMPLEX_TYPE_4": NO_ATTRIBUTE,
    "SCHEMAV_CVC_TYPE_3_1_1": "attribute not allowed",
    "SCHEMAV_CVC_TYPE_3_1_2": "element inside a text",
    "SCHEMAV_CVC_DATATYPE_VALID_1_2_1": NOT_OF_TYPE,
    "SCHEMAV_CVC_MAXLENGTH_VALID": "too long (maxLength)",
    "SCHEMAV_CVC_MINLENGTH_VALID": "too short (minLength)",
    "SCHEMAV_CVC_ENUMERATION_VALID": "none of the values that are allowed",
    "SCHEMAV_CVC_PATTERN_VALID": "another form",
    "SCHEMAV_CVC_ATTRIBUTE_3": NOT_OF_TYPE,
    "SCHEMAV_CVC_AU": "another value than the fixed one",
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """The first mistake of an element.

    Args:
        where: the elements from the judged one down to that which is wrong; empty when
            libxml2 does not say.
        kind: what is wrong, in words.
        most: the length that is allowed, where the mistake is a length.
        expected: names that the schema allows there, as ``{namespace}name``; as libxml2
            lists them, so some may be no names.
        attribute: ``{namespace}name`` of the one that is missing.
    """

    where: tuple[etree._Element, ...]
    kind: str
    most: str = ""
    expected: tuple[str, ...] = ()
    attribute: str = ""


class Schema:
    """One schema for all threads: each copy of it belongs to one validation at a time.

    Args:
        load: makes a copy; called as often as validations were ever done at the same time.
    """

    def __init__(self, load: Callable[[], etree.XMLSchema]) -> None:
        self._load = load
        self._idle: list[etree.XMLSchema] = []

    def mistake(self, element: etree._Element) -> Mistake | None:
        """Return the first mistake of an element, None when it is valid.

        Its surroundings are not looked at, nor are comments.
        """
        with self._lent() as schema:
            if schema.validate(element):
                return None
            first = next(iter(schema.error_log), None)
        if first is None:
            return Mistake((), "")
        return _read(element, first)

    @contextmanager
    def _lent(self) -> Iterator[etree.XMLSchema]:
        try:
            schema = self._idle.pop()
        except IndexError:
            schema = self._load()
        try:
            yield schema
        finally:
            self._idle.append(schema)


def _read(element: etree._Element, entry: etree._LogEntry) -> Mistake:
    kind = _KINDS.get(entry.type_name, entry.type_name)
    where = tuple(_walked(element, entry.path or ""))
    length = _LENGTH.search(entry.message)
    if length:
        return Mistake(where, f"{kind}: {length[1]}", most=length[2])
    expected = _EXPECTED.search(entry.message)
    names = tuple(name.strip() for name in expected[1].split(",")) if expected else ()
    missing = _MISSING.search(entry.message)
    return Mistake(where, kind, expected=names, attribute=missing[1] if missing else "")


def _walked(root: etree._Element, path: str) -> Iterator[etree._Element]:
    """Yield the elements along libxml2's node path."""
    current = root
    yield current
    for text in path.split("/")[2:]:
        step = _STEP.fullmatch(text)
        child = _child(current, step) if step else None
        if child is None:
            return
        current = child
        yield current


def _child(parent: etree._Element, step: re.Match[str]) -> etree._Element | None:
    # A step is "*" for an element in a default namespace, and then counts all elements.
    children = [
        child
        for child in parent.iterchildren("*")
        if step["name"] == "*"
        or (child.prefix == step["prefix"] and etree.QName(child).localname == step["name"])
    ]
    index = int(step["index"] or 1) - 1
    return children[index] if index < len(children) else None
