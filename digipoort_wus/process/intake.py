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
from digipoort_wus.clock import to_milliseconds
from digipoort_wus.errors import Refusal
from digipoort_wus.filing.filing import Delivery, Filing
from digipoort_wus.names import NO_AUTHORISATION_SERVICE
from digipoort_wus.process.admission import require_volume
from digipoort_wus.process.api import Caller
from digipoort_wus.process.authorisation import PartyRow, require_filing
from digipoort_wus.process.routes import Route, Routes
from digipoort_wus.process.steps import FIRST_STEP, INTAKE_STATUSES, timed
from digipoort_wus.store.ports import Job, Reader, Receipt, Transaction

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


def accept(
    transaction: Transaction,
    caller: Caller,
    delivery: Delivery,
    *,
    house: House,
    row: PartyRow,
    now: datetime,
    new_id: Callable[[], str],
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

    Raises:
        Refusal: MESSAGE-ID-REUSED, BERICHTSOORT-KNOWN, AUSP-KNOWN, KENMERK-CONTINUE,
            PARTY-AUTHORISED or PARTY-VOLUME.
    """
    receipt = _repeated(transaction, caller)
    if receipt is not None:
        return transaction.filing(receipt.filing_id)
    route, continued = _judged(transaction, caller, delivery, house, row)
    if row.bytes_per_day is not None:
        require_volume(row, transaction.add_volume(caller.oin, day_of(now), size_of(delivery)))
    filing = Filing(
        kenmerk=continued or new_id(),
        berichtkenmerk=new_id(),
        sender=caller.oin,
        received_at=to_milliseconds(now),
        delivery=_addressed(delivery, route),
        tls_oin=caller.tls_oin,
    )
    filing_id = transaction.add_filing(filing, caller.message_id, caller.body_digest)
    last = transaction.last_status_at(filing.kenmerk) if continued else None
    transaction.add_statuses(filing_id, timed(INTAKE_STATUSES, filing.received_at, last))
    transaction.add_job(
        Job(filing_id, filing.kenmerk, FIRST_STEP.value, filing.received_at, filing.received_at)
    )
    return filing


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
    if row.bytes_per_day is not None:
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
    return sum(len(document.content) for document in (delivery.document, *delivery.attachments))


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
