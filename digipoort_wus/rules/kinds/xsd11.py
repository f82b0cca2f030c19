"""The kind ``xsd11``: the document is valid against an XML Schema 1.1.

Options are those of the kind ``xsd``: ``schema``, ``locations`` and ``codes``, which has one code
more, ``condition``, for what an ``xs:assert`` demands. It takes a hundred times as long as ``xsd``,
needs a tree and the extra ``xsd11``: for schemas alone that need 1.1.
"""

import re
from collections.abc import Iterator, Mapping

from lxml import etree

from digipoort_wus.rules.kinds.options import FunctionKind, Options, named_codes, no_text
from digipoort_wus.rules.kinds.paths import path_of
from digipoort_wus.rules.kinds.xsd11_schema import Judge, Mistake, Schema
from digipoort_wus.rules.kinds.xsd11_texts import CODES, TEXTS
from digipoort_wus.rules.model import Compiled, Cost, Declared, Hit, Ingredients, Look
from digipoort_wus.rules.subject import Subject

_ABOUT: Mapping[Judge, str] = {
    Judge.ROOT: "root",
    Judge.CONDITION: "condition",
    Judge.VALUE: "value",
    Judge.OTHER: "other",
}
# From its start alone: what stands behind may quote the document.
_ATTRIBUTE = re.compile(
    r"(?:missing required |use of )?attribute (?:'([^']*)'|([^\s=]+)=)|'([^']*)' "
    r"(?:attribute|is not an attribute)"
)
_REQUIRED = "missing required attribute "


def _hits(schema: Schema, root: etree._Element, codes: Mapping[str, str]) -> Iterator[Hit]:
    untyped = list(schema.untyped(root))
    for element in untyped:
        yield _hit(codes, "other", element)
    if untyped:
        return
    for judge, mistake in schema.mistakes(root):
        # It has none when there is no element that it could be about.
        element = root if mistake.elem is None else mistake.elem
        if judge is Judge.CHILDREN:
            yield _child(codes, element, mistake)
        elif judge is Judge.ATTRIBUTES:
            about = "no_attribute" if _REQUIRED in (mistake.reason or "") else "attribute"
            yield _hit(codes, about, element, attribute=_attribute(mistake))
        else:
            name = _attribute(mistake) if judge is Judge.VALUE else ""
            yield _hit(codes, _ABOUT[judge], element, at=f"/@{name}" if name else "")


def _child(codes: Mapping[str, str], element: etree._Element, mistake: Mistake) -> Hit:
    """Return what is wrong about the elements in another one."""
    index = getattr(mistake, "index", None)
    if index is None:
        return _hit(codes, "other", element)
    expected = ", ".join(map(_local, mistake.expected_tags))
    if index >= len(element):
        return _hit(codes, "missing", element, expected=expected)
    return _hit(codes, "element" if expected else "surplus", element[index], expected=expected)


def _hit(
    codes: Mapping[str, str],
    about: str,
    element: etree._Element,
    *,
    at: str = "",
    attribute: str = "",
    expected: str = "",
) -> Hit:
    line = element.sourceline or 0
    values = {
        "element": _local(str(element.tag)) + at,
        "attribute": attribute or "?",
        "expected": expected or "?",
        "line": str(line or "?"),
    }
    return Hit(codes[about], values, path_of(element) + at, line)


def _attribute(mistake: Mistake) -> str:
    """Return the attribute that a mistake is about; empty when it is about none."""
    found = _ATTRIBUTE.match(mistake.reason or "")
    return _local(next((each for each in found.groups() if each), "")) if found else ""


def _local(name: str) -> str:
    return name.rpartition("}")[2].rpartition(":")[2]


def _xsd11(ingredients: Ingredients) -> Compiled:
    no_text(ingredients)
    options = Options(ingredients.options)
    name = options.text("schema")
    locations = options.table("locations")
    codes = named_codes(ingredients, options.table("codes"), CODES)
    options.done()
    schema = Schema(name, ingredients.artefacts, locations)

    def look(subject: Subject) -> Iterator[Hit]:
        yield from _hits(schema, subject.tree(), codes)

    return Compiled(
        Look(look, tree=True),
        {codes[about]: Declared("error", text) for about, text in TEXTS.items()},
    )


XSD11 = FunctionKind("xsd11", _xsd11, Cost.HEAVY)
