"""Acceptance of a delivery: everything that must be durable before anybody is answered.

What a kenmerk in the request means is inferred from the XSD's annotation (a delivery
for which no kenmerk exists yet starts a process): a kenmerk that we never issued gives
a new process with *our* kenmerk; one of the same sender and the same berichtsoort
continues that process; any other is refused. To continue is to go through all steps
once more under the same kenmerk: the new delivery is a filing of its own with its own
berichtkenmerk and content, its statuses start again at 105 behind the earlier ones,
and its job waits until the earlier delivery has no job any more, so that the statuses
of the two do not mix. No known client does this.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from digipoort_wus import checks
from digipoort_wus._crash import crash_point
from digipoort_wus.clock import to_milliseconds
from digipoort_wus.errors import Refusal
from digipoort_wus.evidence.blinded import blind
from digipoort_wus.evidence.events import Received
from digipoort_wus.filing.content import size_of as octets_of
from digipoort_wus.filing.filing import Delivery, Filing
from digipoort_wus.names import NO_AUTHORISATION_SERVICE
from digipoort_wus.process import recording
from digipoort_wus.process.admission import require_volume
from digipoort_wus.process.api import Caller
from digipoort_wus.process.authorisation import PartyRow, require_filing
from digipoort_wus.process.recording import Happened, Subject
from digipoort_wus.process.routes import Route, Routes
from digipoort_wus.process.steps import timed
from digipoort_wus.process.transitions import FIRST_STEP, INTAKE_STATUSES
from digipoort_wus.store.binding import filing_head
from digipoort_wus.store.ports import AT_ONCE, Job, Prepared, Reader, Receipt, Transaction

_NAME = re.compile(r"[A-Za-z][A-Za-z_-]{0,39}", re.ASCII)


@dataclass(frozen=True, slots=True)
class House:
    """What this gateway accepts.

    Args:
        routes: the berichtsoorten.
        authorisation_services: values of ``autorisatieAdres`` besides "none".
    """

    routes: Routes
    authorisation_services: frozenset[str] = frozenset()

    def agency_of(self, berichtsoort: str) -> str | None:
        """Return the OIN of the agency that gets a berichtsoort, None when nobody does."""
        route = self.routes.get(berichtsoort)
        return None if route is None else route.agency_oin


def accept(
    transaction: Transaction,
    caller: Caller,
    delivery: Delivery,
    *,
    house: House,
    row: PartyRow,
    now: datetime,
    new_id: Callable[[], str],
    prepared: Prepared | None = None,
    received: Received | None = None,
) -> Filing:
    """Keep a delivery with its first three statuses and its job, or find the repeated one.

    A repeat (same sender, same wsa:MessageID, same digest of the signed Body) gives the
    first filing, whatever the configuration has become since; it counts for no volume.

    Args:
        transaction: nothing is kept unless it commits.
        caller: who signed, and which message.
        delivery: as it was sent.
        house: what this gateway accepts.
        row: what the caller may file, and how much.
        now: moment of receipt.
        new_id: makes a lower-case UUID, for kenmerk and berichtkenmerk.
        prepared: the documents of the delivery, sealed ahead.
        received: for the evidence, by :func:`evidence_of` with the salt of ``prepared``.

    Raises:
        Refusal: MESSAGE-ID-REUSED, BERICHTSOORT-KNOWN, AUSP-KNOWN, KENMERK-CONTINUE,
            PARTY-AUTHORISED or PARTY-VOLUME.
    """
    receipt = _repeated(transaction, caller)
    if receipt is not None:
        if prepared is not None:
            transaction.mend(receipt.filing_id, prepared)
        # The signed Body was the same, so its documents are: nothing is read or opened here.
        documents = (delivery.document, *delivery.attachments)
        return transaction.filing(receipt.filing_id, documents)
    route, continued = _judged(transaction, caller, delivery, house, row)
    if row.bytes_per_day is not None and not caller.counted:
        require_volume(row, transaction.add_volume(caller.oin, day_of(now), size_of(delivery)))
    filing = Filing(
        kenmerk=continued or new_id(),
        berichtkenmerk=new_id(),
        sender=caller.oin,
        received_at=to_milliseconds(now),
        delivery=_addressed(delivery, route),
        tls_oin=caller.tls_oin,
    )
    head = filing_head(filing, caller.message_id, caller.body_digest, 1 + len(delivery.attachments))
    filing_id = transaction.add_filing(
        filing, caller.message_id, caller.body_digest, prepared, head=head
    )
    if caller.proof is not None:
        transaction.add_materials(filing_id, caller.proof.materials)
    if continued:
        transaction.hold_process(continued)
    crash_point("intake.in_work")
    last = transaction.last_status_at(filing.kenmerk) if continued else None
    statuses = timed(INTAKE_STATUSES, filing.received_at, last)
    transaction.add_statuses(filing_id, statuses)
    if prepared is None or received is None:
        salt = transaction.evidence_salt(filing_id)
        received = evidence_of(salt, caller, delivery)
    else:
        salt = prepared.evidence_salt
    received = replace(received, head=blind(salt, "head", head))
    # Nobody has written to the chain of a new kenmerk.
    record = recording.record if continued else recording.record_first
    subject = Subject(filing.kenmerk, filing_id, filing.berichtkenmerk, salt)
    first = Happened(filing.received_at, received)
    record(transaction, subject, (first, *recording.statuses_reached(salt, statuses)))
    transaction.add_job(
        Job(filing_id, filing.kenmerk, FIRST_STEP.value, AT_ONCE, filing.received_at)
    )
    return filing


def evidence_of(salt: bytes, caller: Caller, delivery: Delivery) -> Received:
    """Return what the evidence says of a delivery; reads its contents.

    Args:
        salt: of the filing.
        caller: who signed, and what shows it.
        delivery: as it was sent.
    """
    return recording.received(
        salt,
        delivery,
        caller.proof,
        sender=caller.oin,
        message_id=caller.message_id,
        tls_oin=caller.tls_oin,
    )


def foresee(
    reader: Reader,
    caller: Caller,
    delivery: Delivery,
    *,
    house: House,
    row: PartyRow,
    now: datetime,
) -> None:
    """Refuse what :func:`accept` is certain to refuse, before anything of it is written.

    What it lets pass may still be refused: other filings are accepted in the meantime.

    Raises:
        Refusal: as :func:`accept`.
    """
    if _repeated(reader, caller) is not None:
        return
    _judged(reader, caller, delivery, house, row)
    if row.bytes_per_day is not None and not caller.counted:
        require_volume(row, reader.volume(caller.oin, day_of(now)) + size_of(delivery))


def _repeated(reader: Reader, caller: Caller) -> Receipt | None:
    """Return what is remembered when the same message comes again, None when it is new."""
    receipt = reader.receipt(caller.oin, caller.message_id)
    if receipt is not None and receipt.body_digest != caller.body_digest:
        raise Refusal(checks.MESSAGE_ID_REUSED)
    return receipt


def _judged(
    reader: Reader, caller: Caller, delivery: Delivery, house: House, row: PartyRow
) -> tuple[Route, str | None]:
    """Return the route of a new delivery, and the kenmerk of the process that it continues."""
    route = house.routes.get(delivery.berichtsoort)
    if route is None:
        raise Refusal(checks.BERICHTSOORT_KNOWN, received=_as_name(delivery.berichtsoort))
    check_authorisation_service(delivery.autorisatie_adres, house.authorisation_services)
    continued = _continued(reader, caller, delivery)
    require_filing(row, delivery.berichtsoort, delivery.belanghebbende)
    return route, continued


def size_of(delivery: Delivery) -> int:
    """Return what counts for the volume of a day: octets of the decoded contents."""
    documents = (delivery.document, *delivery.attachments)
    return sum(octets_of(document.content) for document in documents)


def day_of(moment: datetime) -> date:
    """Return the UTC day of a moment, over which volumes are counted."""
    return moment.astimezone(UTC).date()


def _as_name(text: str) -> str:
    """Return what a sender wrote where a name belongs, unless it may be more than a name."""
    return text if _NAME.fullmatch(text) else "no name of a berichtsoort"


def check_authorisation_service(address: str | None, known: frozenset[str]) -> None:
    """Accept an absent ``autorisatieAdres``, the one that means none, and known ones.

    Raises:
        Refusal: AUSP-KNOWN.
    """
    if address and address.removesuffix("/") != NO_AUTHORISATION_SERVICE and address not in known:
        raise Refusal(checks.AUSP_KNOWN, expected=NO_AUTHORISATION_SERVICE)


def _continued(reader: Reader, caller: Caller, delivery: Delivery) -> str | None:
    """Return the kenmerk of the process that this delivery continues, None for a new one."""
    earlier = reader.filings_of(delivery.kenmerk) if delivery.kenmerk else ()
    if not earlier:
        return None
    if (earlier[0].sender, earlier[0].berichtsoort) != (caller.oin, delivery.berichtsoort):
        raise Refusal(checks.KENMERK_CONTINUE)
    return earlier[0].kenmerk


def _addressed(delivery: Delivery, route: Route) -> Delivery:
    """Fill in the receiver from the route, as real answers show it."""
    if delivery.ontvanger is not None or route.ontvanger is None:
        return delivery
    return replace(
        delivery,
        ontvanger=route.ontvanger,
        rol_ontvanger=delivery.rol_ontvanger or route.rol_ontvanger,
    )
