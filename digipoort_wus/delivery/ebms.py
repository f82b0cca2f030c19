"""An agency that is reached over ebMS: it gets an afleverBericht, and confirms it by another.

The messaging service keeps the message and sends it until it is acknowledged or given up; an
acknowledgment says that the other side has stored it, and changes no status (inferred). What
counts is bevestigAfleveren: that the agency has the filing (400), or refuses it (410). A message
that was given up, a fault that passes, and silence for too long behind an acknowledgment are all
the same: it is not known whether the agency has the filing. Then it is offered again (420), as
a new message with the same berichtkenmerk, by which the agency recognises it.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import NAMESPACE_URL, uuid5

from digipoort_wus.clock import Clock, system_clock
from digipoort_wus.delivery.agencies import DEFAULT_CONFIRM_HOURS
from digipoort_wus.delivery.messages import no_findings
from digipoort_wus.delivery.outbox import (
    Letter,
    NotAgreed,
    Outbox,
    Passage,
    Sent,
    conversation_about,
)
from digipoort_wus.ebms.digipoort import AFLEVER, AFLEVEREN, MEDIA_TYPE
from digipoort_wus.ebms.digipoort_mapping import DoesNotFit, afleverbericht
from digipoort_wus.ebms.digipoort_writing import write_afleverbericht
from digipoort_wus.ebms.message import Payload, Service
from digipoort_wus.filing.filing import Filing
from digipoort_wus.filing.finding import Finding
from digipoort_wus.filing.status import StatusError
from digipoort_wus.process.agency import (
    Accepted,
    Delivered,
    Outcome,
    Refused,
    Rejected,
    Underway,
    Unreachable,
)

_MESSAGES = uuid5(NAMESPACE_URL, "urn:digipoort-wus:afleveren")
_DOES_NOT_FIT = (
    "Het bericht kan niet worden afgeleverd: {name} past niet in het koppelvlak van de "
    "uitvragende partij."
)

_log = logging.getLogger(__name__)


def conversation_of(filing: Filing) -> str:
    """Return the ConversationId of a delivery: one for each filing, its confirmation included."""
    return conversation_about(filing.kenmerk, filing.berichtkenmerk)


def message_id_of(filing: Filing, before: Sent | None) -> str:
    """Return the MessageId of a delivery: the same until it is known what became of that.

    Args:
        filing: which.
        before: the message before this one, which was lost.
    """
    name = filing.berichtkenmerk if before is None else before.message_id
    return f"{uuid5(_MESSAGES, name)}@digipoort"


class EbmsAgency:
    """Delivers to an agency through the messaging service; for any thread.

    There is at most one message of a filing underway. Whoever dies between handing it over and
    noting that finds it again.

    Args:
        oin: of the agency.
        cpa_id: of the agreement with it.
        outbox: the messaging service.
        clock: of how long it has been silent.
        service: under which it is delivered.
        confirm_within: how long it may be silent behind an acknowledgment.
        findings: what validation had to say of a filing, to be told to the agency; the same
            each time that it is asked.
    """

    def __init__(
        self,
        oin: str,
        cpa_id: str,
        outbox: Outbox,
        *,
        clock: Clock = system_clock,
        service: Service = AFLEVEREN,
        confirm_within: timedelta = timedelta(hours=DEFAULT_CONFIRM_HOURS),
        findings: Callable[[Filing], Sequence[Finding]] = no_findings,
    ) -> None:
        self._oin = oin
        self._cpa_id = cpa_id
        self._outbox = outbox
        self._clock = clock
        self._service = service
        self._confirm_within = confirm_within
        self._findings = findings

    def deliver(self, filing: Filing, attempt: int) -> Outcome | Underway:
        """Hand a filing to the messaging service, unless it is underway already.

        Raises:
            StoreFailed: nothing can be kept now.
            Exception: what a store raises of contents that it cannot give.
        """
        outcome = self._deliver(filing)
        self._tell(filing, f"delivery {attempt}", outcome)
        return outcome

    def outcome(self, filing: Filing) -> Outcome | Underway:
        """Return how far the last message of a filing is, and what that means."""
        sent = self._last(filing)
        if sent is None:
            return Unreachable("nothing is known any more of what was sent")
        outcome = self._outcome(sent)
        if not isinstance(outcome, Underway):
            self._tell(filing, f"message {sent.message_id}", outcome)
        return outcome

    def answer(self, filing: Filing) -> Accepted | Refused | None:
        """Return None: the agency reports by zetStatus when it has judged."""
        del filing
        return None

    def close(self) -> None:
        """Do nothing: the messaging service has the connections."""

    def _deliver(self, filing: Filing) -> Outcome | Underway:
        last = self._last(filing)
        if last is not None and isinstance(self._outcome(last), Underway):
            return Underway()
        try:
            bericht = afleverbericht(filing, self._findings(filing))
        except DoesNotFit as error:
            return Rejected(StatusError("AFS400", _DOES_NOT_FIT.format(name=error.name)))
        message_id = message_id_of(filing, last)
        payload = Payload(
            f"{uuid5(_MESSAGES, f'payload {message_id}')}@digipoort",
            MEDIA_TYPE,
            write_afleverbericht(bericht),
        )
        try:
            self._outbox.put(
                Letter(
                    self._cpa_id,
                    self._service,
                    AFLEVER,
                    conversation_of(filing),
                    message_id,
                    payload,
                )
            )
        except NotAgreed as error:
            return Unreachable(str(error))
        return Underway()

    def _last(self, filing: Filing) -> Sent | None:
        return self._outbox.last(self._cpa_id, AFLEVER, conversation_of(filing))

    def _outcome(self, sent: Sent) -> Outcome | Underway:
        match sent.passage:
            case Passage.SENDING:
                return Underway()
            case Passage.ACKNOWLEDGED if self._clock() < sent.at + self._confirm_within:
                return Underway()
            case Passage.ACKNOWLEDGED:
                hours = self._confirm_within / timedelta(hours=1)
                return Unreachable(f"acknowledged, and not confirmed within {hours:g} hours")
            case Passage.CONFIRMED:
                # Taken together with the confirmation, as a rule; then nobody asks.
                return Delivered(
                    self._oin, sent.message_id, sent.receipt, sent.agency_at, sent.acknowledgment
                )
            case Passage.REFUSED | Passage.LOST:
                return Unreachable(sent.reason or sent.passage.value)

    def _tell(self, filing: Filing, what: str, outcome: Outcome | Underway) -> None:
        said = outcome.technical if isinstance(outcome, Unreachable) else ""
        _log.log(
            logging.WARNING if said else logging.INFO,
            "kenmerk %s: %s to OIN %s over ebMS: %s",
            *(filing.kenmerk, what, self._oin, said or type(outcome).__name__.lower()),
            extra={"event": "delivery", "kenmerk": filing.kenmerk, "oin": filing.sender},
        )
