"""The kind ``well-formed``: the document can be parsed.

It has no options. A text may have ``{line}`` and ``{column}``. Without a rule ``no-doctype`` before
it a document with a DOCTYPE is a hit, too.
"""

import re
from collections.abc import Iterable

from digipoort_wus.errors import Refusal
from digipoort_wus.rules.kinds.options import FunctionKind, Options, the_text
from digipoort_wus.rules.model import Compiled, Hit, Ingredients, Parsing

_WHERE = re.compile(r"line ([0-9]+), column ([0-9]+)")


def _judge(refusal: Refusal) -> Iterable[Hit]:
    found = _WHERE.fullmatch(refusal.received)
    line, column = found.groups() if found else ("?", "?")
    values = {"line": line, "column": column}
    return (Hit(values=values, line=int(line) if found else 0),)


def _well_formed(ingredients: Ingredients) -> Compiled:
    Options(ingredients.options).done()
    return Compiled(Parsing(_judge), {ingredients.code: the_text(ingredients, ("line", "column"))})


WELL_FORMED = FunctionKind("well-formed", _well_formed)
