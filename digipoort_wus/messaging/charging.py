"""How much a party may send in a day over ebMS, counted where its messages are kept."""

from collections.abc import Callable, Sequence

from digipoort_wus import checks
from digipoort_wus.clock import Clock
from digipoort_wus.ebms.errors import EbmsRefusal
from digipoort_wus.ebms.message import PartyId
from digipoort_wus.ebms.partners import oins_of_party
from digipoort_wus.errors import Refusal
from digipoort_wus.process.admission import require_volume
from digipoort_wus.process.authorisation import EVERYBODY, AuthorisationTable, PartyRow
from digipoort_wus.process.intake import day_of
from digipoort_wus.store.ports import Store, Transaction


class Charging:
    """Counts the octets that came of a party on a UTC day, together with what it filed over WUS.

    Args:
        table: returns the parties in force.
        clock: says which day it is.
    """

    def __init__(self, clock: Clock, table: Callable[[], AuthorisationTable] | None = None) -> None:
        self._clock = clock
        self._table = table or (lambda: EVERYBODY)

    def foresee(self, store: Store, sender: Sequence[PartyId], size: int) -> None:
        """Refuse what :meth:`charge` is certain to refuse, before anything of it is written.

        Args:
            store: is only asked of a party that has a limit.
            sender: ids of the From party in the agreement.
            size: octets of all payloads.

        Raises:
            EbmsRefusal: EBMS-TECHNICAL; it may be sent again, and is taken on another day.
        """
        row = self._row(sender)
        if row is not None:
            oin, day = row.oin, day_of(self._clock())
            _require(row, store.read(lambda reader: reader.volume(oin, day)) + size)

    def charge(self, transaction: Transaction, sender: Sequence[PartyId], size: int) -> None:
        """Count a message that is new, in the transaction that keeps it.

        Args:
            transaction: in which it is kept; it must not commit when this raises.
            sender: as for :meth:`foresee`.
            size: as for :meth:`foresee`.

        Raises:
            EbmsRefusal: as :meth:`foresee`.
        """
        row = self._row(sender)
        if row is not None:
            _require(row, transaction.add_volume(row.oin, day_of(self._clock()), size))

    def _row(self, sender: Sequence[PartyId]) -> PartyRow | None:
        """Return the row by which a party is limited, None when it is not."""
        rows = self._table().rows
        for oin in sorted(oins_of_party(sender)):
            row = rows.get(oin)
            if row is not None and row.bytes_per_day is not None:
                return row
        return None


def _require(row: PartyRow, total: int) -> None:
    try:
        require_volume(row, total)
    except Refusal as refusal:
        # Any fault of the client would end the message, and it may well come on another day.
        raise EbmsRefusal(
            checks.EBMS_TECHNICAL,
            at="//Header/MessageHeader/From/PartyId",
            expected=f"at most {row.bytes_per_day} bytes a day",
            received=f"{refusal.check.id} of OIN {row.oin}",
        ) from refusal
