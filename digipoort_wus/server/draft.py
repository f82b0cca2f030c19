"""A copy of a message that is being mended, and what its menders have in common."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from lxml import etree

from digipoort_wus.names import SOAP, Operation, Service
from digipoort_wus.soap.envelope import SECURITY
from digipoort_wus.wss.policy import SecurityPolicy

HEADER, BODY = f"{{{SOAP}}}Header", f"{{{SOAP}}}Body"


@dataclass(slots=True)
class Draft:
    """A message that is being mended.

    Args:
        root: changed in place.
        headers: of HTTP, with lower-case names; changed in place.
        service: where it was sent.
        policy: what it must meet.
        now: the moment of receipt.
    """

    root: etree._Element = field(repr=False)
    headers: dict[str, str]
    service: Service
    policy: SecurityPolicy
    now: datetime
    _made: int = field(default=0, init=False)

    def fresh_id(self) -> str:
        """Return an Id that nothing in the message has."""
        self._made += 1
        return f"digipoort-wus-mended-{self._made}"

    def child(self, *path: str) -> etree._Element | None:
        """Return the first element at a path of tags below the root."""
        element: etree._Element | None = self.root
        for tag in path:
            element = element.find(tag) if element is not None else None
        return element

    def security(self, *path: str) -> etree._Element | None:
        """Return the first element at a path below wsse:Security."""
        return self.child(HEADER, SECURITY, *path)


Mend = Callable[[Draft], bool]
"""Takes out one kind of mistake; False when it does not know how."""


def operation_of(draft: Draft) -> Operation | None:
    """Return the operation that the element in the Body belongs to."""
    body = draft.child(BODY)
    tag = str(body[0].tag) if body is not None and len(body) else ""
    for operation in draft.service.operations:
        if tag == f"{{{draft.service.types}}}{operation.request}":
            return operation
    return None


def remove(parent: etree._Element | None, is_wrong: Callable[[etree._Element], bool]) -> bool:
    """Remove the children that are wrong, and tell whether there were any."""
    wrong = [child for child in parent if is_wrong(child)] if parent is not None else []
    for child in wrong:
        if parent is not None:
            parent.remove(child)
    return bool(wrong)


def only_text(element: etree._Element, text: str) -> None:
    """Give an element a text and nothing else."""
    for child in list(element):
        element.remove(child)
    element.text = text
