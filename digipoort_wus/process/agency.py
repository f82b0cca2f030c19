"""The agency that a filing is delivered to, as the process sees it, and the sandbox's own."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeAlias, runtime_checkable

from lxml import etree

from digipoort_wus.clock import Clock, format_utc, to_milliseconds
from digipoort_wus.filing.filing import Document, Filing, ReturnMessage
from digipoort_wus.filing.party import Party
from digipoort_wus.filing.status import StatusError
from digipoort_wus.process.details import response_message
from digipoort_wus.process.scenarios import (
    Deliver,
    Scenarios,
    Verdict,
    no_scenarios,
    scenario_of,
)

_RECEIPT = "urn:digipoort-wus:sandbox:ontvangstbevestiging"


@dataclass(frozen=True, slots=True)
class Delivered:
    """The agency has the filing: 400.

    Args:
        agency: OIN of who has it; empty for an agency in this process.
        message_id: wsa:MessageID of the delivery; empty likewise.
        receipt: SHA-256 of the octets of the agency's answer, for the evidence; over ebMS of the
            signed envelope of its bevestigAfleveren.
        agency_at: when the agency says that it got it.
        acknowledgment: SHA-256 of the octets of the acknowledgment; over ebMS only.
    """

    agency: str = ""
    message_id: str = ""
    receipt: bytes | None = None
    agency_at: datetime | None = None
    acknowledgment: bytes | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """The agency does not take delivery, and never will: 410."""

    error: StatusError
    details: str | None = None


@dataclass(frozen=True, slots=True)
class Unreachable:
    """It is not known whether the agency has the filing; deliver it again: 420."""

    technical: str = ""


@dataclass(frozen=True, slots=True)
class Underway:
    """The filing is on its way, durably: whether the agency has it becomes known later.

    No status tells of it, for 405 stands there already.
    """


Outcome: TypeAlias = Delivered | Rejected | Unreachable
"""How a delivery ended."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The agency accepts the content: 500 with its details, and messages for the mailbox."""

    details: str | None
    messages: tuple[ReturnMessage, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """The agency refuses the content: 510 with its details, and messages for the mailbox."""

    details: str | None
    messages: tuple[ReturnMessage, ...] = ()


class Agency(Protocol):
    """Takes filings and judges them; both may block, and both may be repeated.

    Delivery is at-least-once: after a crash the same filing comes again with the same
    berichtkenmerk, by which the agency recognises it.
    """

    def deliver(self, filing: Filing, attempt: int) -> Outcome | Underway:
        """Hand over a filing; ``attempt`` counts from 1."""

    def answer(self, filing: Filing) -> Accepted | Refused | None:
        """Return the verdict on a filing that was delivered, None when it comes by itself."""


@runtime_checkable
class Confirming(Agency, Protocol):
    """An agency that may say later whether it has a filing.

    Who hears that it has, or refuses it, says so at once
    (:func:`~digipoort_wus.process.confirming.take_confirmation`); besides, it is asked now and
    then.
    """

    def outcome(self, filing: Filing) -> Outcome | Underway:
        """Return how a delivery went that was Underway; quick, and it may be repeated."""


@dataclass(frozen=True, slots=True)
class SandboxAgency:
    """An agency that accepts everything at once, and plays the scenarios.

    Args:
        clock: for the times in its answers.
        new_id: makes its message identifiers.
        scenarios: none for a plain one.
    """

    clock: Clock
    new_id: Callable[[], str]
    scenarios: Scenarios = field(default_factory=no_scenarios)

    def deliver(self, filing: Filing, attempt: int) -> Delivered | Rejected | Unreachable:
        """Take delivery, unless the filing's scenario says otherwise."""
        scenario = scenario_of(self.scenarios, filing.delivery.aanleverkenmerk)
        match scenario.deliver if scenario else Deliver.DELIVERED:
            case Deliver.REJECTED:
                text = "De uitvragende partij heeft het bericht niet aangenomen (scenario)."
                return Rejected(StatusError("AFS400", text))
            case Deliver.UNREACHABLE:
                return Unreachable("scenario")
            case Deliver.UNREACHABLE_ONCE if attempt == 1:
                return Unreachable("scenario")
            case _:
                return Delivered()

    def answer(self, filing: Filing) -> Accepted | Refused | None:
        """Accept with an acknowledgement in the mailbox, or do as the scenario says."""
        scenario = scenario_of(self.scenarios, filing.delivery.aanleverkenmerk)
        if scenario and scenario.answer is Verdict.AWAITED:
            return None
        now = self.clock()
        if scenario and scenario.answer is Verdict.REFUSED:
            refusal = ("E", "0002", "Status: Niet verwerkbaar")
            return Refused(response_message(filing, self.new_id(), now, "error", (refusal,)))
        verdict = ("A", "0001", "Status: Verwerkbaar")
        message = self._acknowledgement(filing)
        details = response_message(
            filing, message.berichtkenmerk, now, "acknowledgement", (verdict,)
        )
        return Accepted(details, (message,))

    def _acknowledgement(self, filing: Filing) -> ReturnMessage:
        delivery, now = filing.delivery, to_milliseconds(self.clock())
        root = etree.Element(f"{{{_RECEIPT}}}Ontvangstbevestiging", nsmap={None: _RECEIPT})
        for name, text in (
            ("Kenmerk", filing.kenmerk),
            ("Berichtsoort", delivery.berichtsoort),
            ("Aangeleverd", format_utc(filing.received_at)),
            ("Ontvangen", format_utc(now)),
            ("Toelichting", "Dit bericht komt van de sandbox; er is geen aangifte gedaan."),
        ):
            etree.SubElement(root, f"{{{_RECEIPT}}}{name}").text = text
        content = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
        return ReturnMessage(
            kenmerk=filing.kenmerk,
            berichtkenmerk=self.new_id(),
            berichtsoort=delivery.berichtsoort,
            offered_at=now,
            belanghebbende=delivery.belanghebbende,
            rol_belanghebbende=delivery.rol_belanghebbende,
            document=Document("text/xml", "ontvangstbevestiging.xml", content),
            aanleverkenmerk=delivery.aanleverkenmerk,
            eerder_aanleverkenmerk=delivery.eerder_aanleverkenmerk,
            # Inferred: on its way back the agency delivers, and who filed receives.
            aanleveraar=delivery.ontvanger.number if delivery.ontvanger else None,
            ontvanger=Party(filing.sender, "OIN"),
            elements=(
                ("ResponseType", "acknowledgement"),
                ("BerichtkenmerkAanlevering", filing.berichtkenmerk),
            ),
        )
