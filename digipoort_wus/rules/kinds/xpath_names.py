"""Which names an expression of XPath 1.0 uses.

libxml2 notices an unknown variable, prefix or function only when it comes to it, which may be
in the first filing that has such an element.
"""

import re
from dataclasses import dataclass

_NAME = r"[^\W\d][\w.-]*"
_LITERAL = re.compile(r"\"[^\"]*\"|'[^']*'")
_VARIABLE = re.compile(rf"\$\s*({_NAME}(?::{_NAME})?)")
_PREFIX = re.compile(rf"(?<![\w.$:-])({_NAME})\s*:(?!:)")
_FUNCTION = re.compile(rf"(?<![\w.$-])((?:{_NAME}:)?{_NAME})\s*\(")
_FUNCTIONS = frozenset(
    (
        *("last", "position", "count", "id", "local-name", "namespace-uri", "name"),
        *("string", "concat", "starts-with", "contains", "substring-before", "substring-after"),
        *("substring", "string-length", "normalize-space", "translate"),
        *("boolean", "not", "true", "false", "lang"),
        *("number", "sum", "floor", "ceiling", "round"),
        *("comment", "text", "processing-instruction", "node"),
        # Operators, before a bracket.
        *("and", "or", "div", "mod"),
    )
)


@dataclass(frozen=True, slots=True)
class Used:
    """Names of one expression.

    Args:
        variables: without the dollar.
        prefixes: of names.
        unknown_functions: that XPath 1.0 does not have.
    """

    variables: frozenset[str]
    prefixes: frozenset[str]
    unknown_functions: frozenset[str]


def used_in(expression: str) -> Used:
    """Return which names an expression uses; one that is no XPath may give any."""
    bare = _LITERAL.sub("''", expression)
    return Used(
        frozenset(_VARIABLE.findall(bare)),
        frozenset(_PREFIX.findall(bare)),
        frozenset(_FUNCTION.findall(bare)) - _FUNCTIONS,
    )
