"""Recipes: from an ordinary message to the one that a case sends, step by step.

A step is a function; its keyword arguments are the keys of ``[[step]]`` in a case file,
checked against their annotations when the file is read. Steps that are about the tree
take the message as a tree, steps about octets write it out first, for good.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal, get_args, get_origin
from uuid import uuid4

from cryptography import x509
from lxml import etree

from digipoort_wus.clock import format_utc
from digipoort_wus.conformance.messages import Draft, draft_envelope
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.names import BERICHTEN, DS, ECHO, EXC_C14N, SOAP, TYPES, WSA, WSSE, WSSE11, WSU
from digipoort_wus.pki.identity import Identity

PREFIXES: Mapping[str, str] = MappingProxyType(
    {
        "s": SOAP,
        "a": WSA,
        "wsse": WSSE,
        "wsu": WSU,
        "ds": DS,
        "ec": EXC_C14N,
        "t": TYPES,
        "x": "urn:example:attack",
        "xsi": "http://www.w3.org/2001/XMLSchema-instance",
        "xop": "http://www.w3.org/2004/08/xop/include",
        "xenc": "http://www.w3.org/2001/04/xmlenc#",
        "e": ECHO,
        "b": BERICHTEN,
        "wsse11": WSSE11,
    }
)
"""Of the paths and the XML in case files."""

_VARIABLE = re.compile(r"\$\{(to|base|uuid|now)([+-]\d{1,12})?\}")


@dataclass(frozen=True, slots=True)
class Kit:
    """What a recipe works with.

    Args:
        endpoint: as a case names it.
        base: its address without a path.
        to: the address of the service.
        now: the moment at which the message is made.
        identity: gives certificate and key by name; raises MissingCertificate.
        certificates: gives a certificate and its issuers by name, whatever its key.
    """

    endpoint: str
    base: str
    to: str
    now: datetime
    identity: Callable[[str], Identity]
    certificates: Callable[[str], tuple[x509.Certificate, ...]]

    def fill(self, text: str) -> str:
        """Put values in the place of ``${to}``, ``${base}``, ``${uuid}`` and ``${now-60}``."""

        def value(match: re.Match[str]) -> str:
            if match[1] == "now":
                return format_utc(self.now + timedelta(seconds=int(match[2] or 0)))
            return {"to": self.to, "base": self.base, "uuid": str(uuid4())}[match[1]]

        return _VARIABLE.sub(value, text)


class MissingCertificate(ConfigurationError):
    """A case needs a certificate that is not at hand."""


class RecipeError(ConfigurationError):
    """A step cannot be carried out on the message as it is."""


@dataclass(slots=True)
class Making:
    """A message while its recipe is carried out: a tree first, octets later."""

    kit: Kit
    root: etree._Element
    octets: bytes | None = None
    sent: list[bytes] = field(default_factory=list)
    """Messages that go before the last one, and must be accepted."""
    parts: list[tuple[str, bytes]] = field(default_factory=list)
    """What goes beside the envelope in a package, by Content-ID."""

    def one(self, path: str) -> etree._Element:
        """Return the one element that a path leads to.

        Raises:
            RecipeError: it leads to none or to several.
        """
        found = self.all(path)
        if len(found) != 1:
            raise RecipeError(f"{path} leads to {len(found)} elements, not to one")
        return found[0]

    def all(self, path: str) -> list[etree._Element]:
        """Return the elements that a path leads to, at least one.

        Raises:
            RecipeError: it is no path, or leads nowhere.
        """
        if self.octets is not None:
            raise RecipeError("the message has been written out: steps on its tree come before")
        try:
            found = self.root.xpath(path, namespaces=dict(PREFIXES))
        except etree.XPathError as error:
            raise RecipeError(f"{path} is no XPath: {error}") from error
        elements = (
            [node for node in found if isinstance(node, etree._Element)]
            if isinstance(found, list)
            else []
        )
        if not elements:
            raise RecipeError(f"{path} leads to no element")
        return elements

    def fragment(self, xml: str) -> etree._Element:
        """Return an element from XML that uses the known prefixes."""
        known = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in PREFIXES.items())
        try:
            holder = etree.fromstring(f"<holder {known}>{self.kit.fill(xml)}</holder>")
        except etree.XMLSyntaxError as error:
            raise RecipeError(f"the XML cannot be parsed: {error}") from error
        if len(holder) != 1:
            raise RecipeError("the XML is one element")
        return holder[0]

    def written(self) -> bytes:
        """Return the message as octets; from now on it is no tree any more."""
        if self.octets is None:
            self.octets = etree.tostring(self.root, encoding="UTF-8", xml_declaration=True)
        return self.octets


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a case, with its parameters checked."""

    name: str
    parameters: Mapping[str, object]


STEPS: dict[str, Callable[..., None]] = {}
"""Every step by its name in case files; :func:`step` adds one."""


def step(function: Callable[..., None]) -> Callable[..., None]:
    """Make a function available to case files, under its own name."""
    STEPS[function.__name__.replace("_", "-")] = function
    return function


def read_step(table: object, where: str) -> Step:
    """Check one ``[[step]]`` of a case file.

    Args:
        table: as TOML gave it.
        where: named in the error.

    Raises:
        ConfigurationError: no such step or parameter, or a value of the wrong kind.
    """
    if not isinstance(table, dict) or not isinstance(table.get("do"), str):
        raise ConfigurationError(f"{where}: a step is a table with a name in `do`.")
    name, given = table["do"], {key: value for key, value in table.items() if key != "do"}
    if name not in STEPS:
        raise ConfigurationError(
            f"{where}: no step {name!r}; there are {', '.join(sorted(STEPS))}."
        )
    known = _parameters(STEPS[name])
    for key, value in given.items():
        if key not in known:
            raise ConfigurationError(
                f"{where}: {name} has no {key!r}; it has {', '.join(known) or 'no parameters'}."
            )
        if not _fits(value, known[key].annotation):
            raise ConfigurationError(
                f"{where}: {key} of {name} is {_kind(known[key].annotation)}, not {value!r}."
            )
    missing = [
        key
        for key, parameter in known.items()
        if parameter.default is inspect.Parameter.empty and key not in given
    ]
    if missing:
        raise ConfigurationError(f"{where}: {name} needs {', '.join(missing)}.")
    return Step(name, MappingProxyType(given))


def make_messages(draft: Draft, steps: tuple[Step, ...], kit: Kit) -> tuple[bytes, ...]:
    """Carry a recipe out: return the messages to send, of which the last is judged.

    Raises:
        MissingCertificate: a step needs a certificate that is not at hand.
        RecipeError: a step cannot be carried out; the sentence says which.
    """
    filled = Draft(
        draft.operation,
        kit.fill(draft.body),
        kit.fill(draft.to),
        kit.fill(draft.action),
        kit.fill(draft.message_id),
    )
    making = Making(kit, draft_envelope(filled, kit.endpoint, kit.to))
    for number, one in enumerate(steps, 1):
        try:
            STEPS[one.name](making, **one.parameters)
        except RecipeError as error:
            raise RecipeError(f"Step {number}, {one.name}: {error}.") from error
    return (*making.sent, making.written())


def _parameters(function: Callable[..., None]) -> dict[str, inspect.Parameter]:
    parameters = inspect.signature(function).parameters
    return {
        name: parameter
        for name, parameter in parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }


def _fits(value: object, annotation: object) -> bool:
    if get_origin(annotation) is Literal:
        return value in get_args(annotation)
    if get_origin(annotation) is tuple or annotation is list:
        return isinstance(value, list)
    # True is an int to Python, and never meant as one here.
    return isinstance(annotation, type) and type(value) is annotation


def _kind(annotation: object) -> str:
    if get_origin(annotation) is Literal:
        return "one of " + ", ".join(map(str, get_args(annotation)))
    return getattr(annotation, "__name__", str(annotation))
