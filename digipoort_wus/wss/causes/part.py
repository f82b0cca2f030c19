"""A part of a message to explain, and octets that may have been digested for it."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field

from lxml import etree

from digipoort_wus.wss.causes.render import Style, render

SPACES = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Part:
    """One signed part as it came, and what stands around it.

    Args:
        element: not changed by any try.
        name: for people.
        prefixes: the PrefixList of its canonicalisation.
        octets: its canonical form.
        around: other elements that a signer may have taken for it, by name.
        root: of the message.
        scope: namespaces in scope by prefix, for a copy that has lost its ancestors.
        source: the message as it came, where that is at hand.
    """

    element: etree._Element
    name: str
    prefixes: tuple[str, ...]
    octets: bytes = field(repr=False)
    around: Mapping[str, etree._Element] = field(repr=False)
    root: etree._Element = field(repr=False)
    scope: Mapping[str, str] = field(repr=False)
    source: bytes | None = field(default=None, repr=False)

    def copy(self) -> etree._Element:
        """Return a copy that may be changed."""
        copied = deepcopy(self.element)
        copied.tail = None
        return copied

    def style(self) -> Style:
        """Return how it is canonicalised."""
        return Style(always=self.prefixes)

    def written(self, element: etree._Element, detail: str = "") -> "Try":
        """Return the canonical form of a changed copy."""
        return Try(render(element, self.style(), self.scope), detail, element)


@dataclass(frozen=True, slots=True)
class Try:
    """Octets that may have been digested.

    Args:
        detail: what is particular about them, in technical words.
        element: the changed copy that they were written from, if they were.
        rendered: whether they were written anew, which costs more than changing octets.
    """

    octets: bytes = field(repr=False)
    detail: str = ""
    element: etree._Element | None = field(default=None, repr=False)
    rendered: bool = True


def plain(octets: bytes, detail: str = "") -> Try:
    """Return a try of octets that came about without writing XML."""
    return Try(octets, detail, rendered=False)


def change_texts(element: etree._Element, change: Callable[[str], str]) -> None:
    """Change the texts of all elements that hold no elements."""
    for inner in element.iter(etree.Element):
        if not len(inner) and inner.text:
            inner.text = change(inner.text)
