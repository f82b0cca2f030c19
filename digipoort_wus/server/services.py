"""What a request goes through once it was opened: admission, the operation, what is kept."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass

from lxml import etree

from digipoort_wus.process.later import Later
from digipoort_wus.server.gate import Gate, Opened
from digipoort_wus.xmlsafe.splice import LargeTexts

Admit = Callable[[Opened], Future[None]]
"""Asks whether an opened request may be dealt with now; fails with a Refusal when not."""
Dispatch = Callable[[Opened, LargeTexts, Later], Future[etree._Element]]
"""Performs an opened request and resolves to the element for the answer's Body, whose
contents it puts beside it; what is to be written behind the signature it leaves as owed."""


Keep = Callable[[Opened, bytes], Future[bytes]]
"""Keeps the signed answer to a filing, and resolves to the octets that are to be sent."""


def keep_nothing(_opened: Opened, octets: bytes) -> Future[bytes]:
    """Return the answer as it is: nobody keeps it."""
    kept: Future[bytes] = Future()
    kept.set_result(octets)
    return kept


@dataclass(frozen=True, slots=True)
class Services:
    """What a request goes through: the gate of its service, admission, then the operation.

    Args:
        gates: by the name of the service.
        require_room: raises a Refusal while no filing can be kept.
        keep: keeps the answer to a filing before it is sent.
    """

    gates: Mapping[str, Gate]
    admit: Admit
    dispatch: Dispatch
    require_room: Callable[[], None] = lambda: None
    keep: Keep = keep_nothing
