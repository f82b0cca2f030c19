"""The kind ``xpath``: an expression of XPath 1.0 must be true.

Options: ``test``, the expression; ``each``, elements that it is judged for one by one, as the
context node; ``namespaces`` by prefix; ``values``, expressions for the places in the text. They may
use ``$berichtsoort``, ``$nummer`` and ``$type`` of the belanghebbende, ``$bestandsnaam``,
``$mimeType``, ``$autorisatieAdres``, ``$afzender`` (an OIN) and ``$ontvangen``, the day of receipt
in the Netherlands as ``2026-01-31``. Functions are those of XPath 1.0 alone.

It needs a tree: documents that are too large for one cannot be judged.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import cast

from lxml import etree

from digipoort_wus.rules.days import dutch_day
from digipoort_wus.rules.kinds.options import FunctionKind, Options, the_text
from digipoort_wus.rules.kinds.paths import path_of
from digipoort_wus.rules.kinds.xpath_names import Used, used_in
from digipoort_wus.rules.model import (
    Compiled,
    Hit,
    Ingredients,
    Look,
    OptionError,
    TechnicalError,
)
from digipoort_wus.rules.subject import Envelope, Subject
from digipoort_wus.rules.texts import masked

_VARIABLES: Mapping[str, Callable[[Envelope], str]] = {
    "berichtsoort": lambda envelope: envelope.berichtsoort,
    "nummer": lambda envelope: _party(envelope)[0],
    "type": lambda envelope: _party(envelope)[1],
    "bestandsnaam": lambda envelope: envelope.document.file_name,
    "mimeType": lambda envelope: envelope.document.mime_type,
    "autorisatieAdres": lambda envelope: envelope.autorisatie_adres,
    "afzender": lambda envelope: envelope.sender,
    "ontvangen": lambda envelope: dutch_day(envelope.received).isoformat(),
}
_EMPTY = etree.fromstring("<x/>")


class _Expression:
    """An expression that was compiled, and the variables that it needs."""

    def __init__(self, option: str, text: str, namespaces: Mapping[str, str]) -> None:
        used = used_in(text)
        _check(option, used, namespaces)
        self.variables = used.variables
        try:
            self._xpath = etree.XPath(
                text, namespaces=dict(namespaces), regexp=False, smart_strings=False
            )
            # What is wrong with types shows when it runs.
            self._xpath(_EMPTY, **dict.fromkeys(used.variables, ""))
        except (etree.XPathError, ValueError) as error:
            raise OptionError(f"option {option} is no XPath 1.0: {error}") from error

    def of(self, node: etree._Element, variables: Mapping[str, str]) -> object:
        """Return what it is at a node."""
        given = {name: variables[name] for name in self.variables}
        return self._xpath(node, **given)


def _check(option: str, used: Used, namespaces: Mapping[str, str]) -> None:
    """Refuse what libxml2 would only notice where it comes to it."""
    for kind, names, known in (
        ("variable $", used.variables, tuple(_VARIABLES)),
        ("prefix ", used.prefixes, tuple(namespaces)),
    ):
        unknown = sorted(names - set(known))
        if unknown:
            raise OptionError(
                f"option {option}: the {kind}{unknown[0]} is not known; "
                f"known: {', '.join(known) or 'none'}"
            )
    if used.unknown_functions:
        raise OptionError(
            f"option {option}: XPath 1.0 has no function {sorted(used.unknown_functions)[0]}()"
        )


def _xpath(ingredients: Ingredients) -> Compiled:
    options = Options(ingredients.options)
    namespaces = options.table("namespaces")
    text = options.text("test")
    # By itself, so that nothing in it can end the brackets below.
    _Expression("test", text, namespaces)
    test = _Expression("test", f"boolean({text})", namespaces)
    each = _Expression("each", options.text("each"), namespaces) if options.has("each") else None
    values = {
        name: _Expression(f"values.{name}", f"string({value})", namespaces)
        for name, value in options.table("values").items()
    }
    options.done()
    declared = the_text(ingredients, values)
    if each is not None and not isinstance(each.of(_EMPTY, _NONE), list):
        raise OptionError("option each must select elements")
    variables = frozenset[str]().union(
        *(used.variables for used in (test, each, *values.values()) if used is not None)
    )

    def look(subject: Subject) -> Iterator[Hit]:
        given = {name: _VARIABLES[name](subject.envelope) for name in variables}
        root = subject.tree()
        nodes = (root,) if each is None else each.of(root, given)
        party = subject.envelope.belanghebbende
        number = "" if party is None else party.number
        for node in cast("list[etree._Element]", nodes):
            if not etree.iselement(node):
                raise TechnicalError("option each selects something that is no element")
            if not test.of(node, given):
                found = {
                    name: _without(str(value.of(node, given)), number)
                    for name, value in values.items()
                }
                yield Hit(
                    values=found,
                    where="" if each is None else path_of(node),
                    line=0 if each is None else node.sourceline or 0,
                )

    return Compiled(Look(look, tree=True), {ingredients.code: declared})


_NONE = dict.fromkeys(_VARIABLES, "")


def _party(envelope: Envelope) -> tuple[str, str]:
    if envelope.belanghebbende is None:
        raise TechnicalError("it needs a belanghebbende, and none was given")
    return envelope.belanghebbende.number, envelope.belanghebbende.type


def _without(value: str, number: str) -> str:
    """Return a value that does not hold the number of the belanghebbende."""
    bare = number.strip().upper().removeprefix("NL")
    return re.sub(re.escape(bare), masked(bare), value, flags=re.IGNORECASE) if bare else value


XPATH = FunctionKind("xpath", _xpath)
