"""Which expressions of XPath 1.0 take time that grows with the square of a document.

Measured on libxml2: ``//a[not(//b)]`` and ``//*//*//*`` take four to eight times as long in a
document of twice the size, ``//a[.//b]`` only twice. It is a guess by the form of an expression:
it may warn of one that is quick, and says nothing of how many elements there will be.
"""

import re
from collections.abc import Iterable

_LITERAL = re.compile(r"\"[^\"]*\"|'[^']*'")
_AXIS = r"(?:preceding|following)\s*::"
_PIECE = re.compile(
    rf"//|[\[\]()]|{_AXIS}|[,|=<>!+]|\s(?:and|or|div|mod|-|\*)\s|/|[^\s/\[\](),|=<>!+]+"
)
_ENDS = re.compile(r"[,|=<>!+]|\s.*\s", re.DOTALL)


class _Path:
    """One path of an expression, as far as it was read."""

    def __init__(self, *, within: bool) -> None:
        self.within = within
        """Whether it is looked up anew for many elements."""
        self.scans = 0
        self.empty = True
        self.from_the_root = False


def slow_parts(expression: str, *, repeated: bool = False) -> tuple[str, ...]:
    """Return what makes an expression slow in a large document, each as the middle of a sentence.

    Args:
        expression: of XPath 1.0; of anything else the result means nothing.
        repeated: it is evaluated for many elements.
    """
    found: list[str] = []
    stack = [_Path(within=repeated)]
    for piece in _PIECE.findall(_LITERAL.sub("''", expression)):
        path = stack[-1]
        if piece == "//":
            if path.scans:
                found.append("has // twice in one path")
            elif path.within and (path.empty or path.from_the_root):
                found.append("searches the whole document with // for each of many elements")
            path.scans += 1
            path.empty = False
        elif piece in ("[", "("):
            stack.append(_Path(within=path.within or (piece == "[" and path.scans > 0)))
        elif piece in ("]", ")"):
            if len(stack) > 1:
                stack.pop()
            stack[-1].empty = False
        elif _ENDS.fullmatch(piece):
            stack[-1] = _Path(within=path.within)
        else:
            if path.within and re.match(_AXIS, piece):
                found.append("looks at all elements before or behind each of many elements")
            path.from_the_root |= path.empty and piece == "/"
            path.empty = False
    return tuple(dict.fromkeys(found))


def slow_rule(each: str, expressions: Iterable[str]) -> tuple[str, ...]:
    """Return what makes a rule slow whose expressions are judged for elements one by one.

    Args:
        each: selects the elements; empty: the root alone.
        expressions: that are judged for each of them.
    """
    many = "//" in _LITERAL.sub("''", each)
    found = list(slow_parts(each)) if each else []
    for one in expressions:
        found += slow_parts(one, repeated=many)
    return tuple(dict.fromkeys(found))
