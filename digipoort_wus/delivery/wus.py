"""An agency that is reached over WUS: filings go to its AfleverService, verdicts come later."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

from lxml import etree

from digipoort_wus.client.errors import AnswerRefused, DigipoortFault
from digipoort_wus.clock import Clock, parse_date_time, system_clock
from digipoort_wus.delivery.connection import NoAnswer, Timeouts
from digipoort_wus.delivery.exchange import Answered, Credentials, Exchange, Peer, Request
from digipoort_wus.delivery.messages import aflever_request, no_findings
from digipoort_wus.errors import Refusal
from digipoort_wus.filing.filing import Filing
from digipoort_wus.filing.finding import Finding
from digipoort_wus.filing.status import StatusError
from digipoort_wus.names import AFLEVER
from digipoort_wus.process.agency import Accepted, Delivered, Refused, Rejected, Unreachable
from digipoort_wus.wss.policy import SUITE_SHA256, Suite

FINAL_FAULTS = frozenset({"AFS400", "AFO100", "AFL140", "AFL170"})
"""Codes of an afleverFault that end a delivery. AFS400 and AFO100 are the known codes of a
delivery that failed. AFL is our prefix for a service whose own is not public, and its numbers
mean what ours do elsewhere: the belanghebbende (140) and the attachments (170) are the filer's.
Everything else is for the agency's or the gateway's operator to mend, or passes, also a request
that does not follow the interface (100), for the gateway wrote it. Inferred."""

_REJECTED = "De uitvragende partij heeft het bericht niet aangenomen ({code})."
_CODE_MAX, _TEXT_MAX = 20, 10_000
_TRYING_AGAIN = "420"
_MESSAGES = uuid5(NAMESPACE_URL, "urn:digipoort-wus:aflever")

_log = logging.getLogger(__name__)


def message_id_of(filing: Filing) -> str:
    """Return the wsa:MessageID of a delivery: the same at every attempt, also after a crash."""
    return f"urn:uuid:{uuid5(_MESSAGES, filing.berichtkenmerk)}"


class WusAgency:
    """Delivers to an agency's AfleverService; for any thread.

    Every attempt sends the same Body under the same wsa:MessageID with a fresh Timestamp, so
    an agency that remembers what it has takes a filing once.

    Args:
        peer: address and OIN of the agency.
        credentials: returns those in force: ours, and whom to believe.
        clock: the time of signing, and of judging certificates.
        suite: algorithms of requests; answers are signed alike.
        timeouts: how long to wait; an attempt takes at most as long as ``total`` and twice
            ``connect`` together.
        findings: what validation had to say of a filing, to be told to the agency; the same
            each time that it is asked.
        final_faults: fault codes after which a filing is not offered again.
    """

    def __init__(
        self,
        peer: Peer,
        credentials: Callable[[], Credentials],
        *,
        clock: Clock = system_clock,
        suite: Suite = SUITE_SHA256,
        timeouts: Timeouts | None = None,
        findings: Callable[[Filing], Sequence[Finding]] = no_findings,
        final_faults: frozenset[str] = FINAL_FAULTS,
    ) -> None:
        self._peer = peer
        self._findings = findings
        self._final_faults = final_faults
        self._exchange = Exchange(
            AFLEVER, peer, credentials, clock=clock, suite=suite, timeouts=timeouts
        )

    def deliver(self, filing: Filing, attempt: int) -> Delivered | Rejected | Unreachable:
        """Hand over a filing; whatever is not a clear answer is Unreachable, with the reason.

        Raises:
            Exception: what a store raises of contents that it cannot give.
        """
        outcome = self._deliver(filing)
        said = outcome.technical if isinstance(outcome, Unreachable) else ""
        _log.log(
            logging.WARNING if said else logging.INFO,
            "kenmerk %s: delivery %d to OIN %s: %s",
            filing.kenmerk,
            attempt,
            self._peer.oin,
            said or type(outcome).__name__.lower(),
            extra={"event": "delivery", "kenmerk": filing.kenmerk, "oin": filing.sender},
        )
        return outcome

    def answer(self, filing: Filing) -> Accepted | Refused | None:
        """Return None: the agency reports by zetStatus when it has judged."""
        del filing
        return None

    def close(self) -> None:
        """Close the connections that nobody uses."""
        self._exchange.close()

    def _deliver(self, filing: Filing) -> Delivered | Rejected | Unreachable:
        message_id = message_id_of(filing)
        body = aflever_request(filing, self._findings(filing))
        try:
            answered = self._exchange.ask(Request(AFLEVER.operations[0], body, message_id))
        except DigipoortFault as fault:
            return self._refused(fault)
        except AnswerRefused as error:
            return Unreachable(f"the answer cannot be trusted: {error.refusal.explanation()}")
        except Refusal as refusal:
            return Unreachable(refusal.explanation())
        except NoAnswer as error:
            return Unreachable(str(error))
        return _outcome(filing, Delivered(self._peer.oin, message_id), answered)

    def _refused(self, fault: DigipoortFault) -> Rejected | Unreachable:
        code = _line(fault.code)[:_CODE_MAX]
        if code not in self._final_faults:
            return Unreachable(f"fault {code}")
        # What is an agency's own code is told as such, ours under that of a failed delivery.
        known = code if code.startswith(("AFS", "AFO")) else "AFS400"
        text = _REJECTED.format(code=code)
        return Rejected(StatusError(known, text), _line(fault.text)[:_TEXT_MAX] or None)


def _outcome(
    filing: Filing, delivered: Delivered, answered: Answered
) -> Delivered | Rejected | Unreachable:
    """Read an afleverResponse, which is signed, valid, and the answer to our message."""
    said = answered.body_child
    for name, expected in (
        ("kenmerk", filing.kenmerk),
        ("berichtkenmerk", filing.berichtkenmerk),
    ):
        if _text(said, name) != expected:
            return Unreachable(f"the answer is about another {name}")
    code = _text(said, "statusFoutcode/{*}foutcode")
    if code and _text(said, "statuscode") == _TRYING_AGAIN:
        return Unreachable(f"the agency says {_TRYING_AGAIN} with {_line(code)[:_CODE_MAX]}")
    if code:
        text = _REJECTED.format(code=code)
        details = _text(said, "statusFoutcode/{*}foutbeschrijving")
        return Rejected(StatusError(code, text), details[:_TEXT_MAX] or None)
    at = _moment(_text(said, "tijdstempelAfgeleverd"))
    return replace(delivered, receipt=answered.sha256, agency_at=at)


def _text(parent: etree._Element, path: str) -> str:
    return _line(parent.findtext(f"{{{AFLEVER.types}}}{path}") or "")


def _line(text: str) -> str:
    """Return a text as the schema means it: white space collapsed."""
    return " ".join(text.split())


def _moment(text: str) -> datetime | None:
    """Return the agency's time, which is its own affair: UTC where it names no zone."""
    try:
        return parse_date_time(text, zone_when_missing=UTC)
    except ValueError:
        return None
