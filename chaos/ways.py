"""How a sender reaches the gateway: over lines, or as a real client does."""

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from chaos.parts import PARTY, JumpingClock
from chaos.settings import BERICHTSOORT, REFERENCE, SENDER, Run
from chaos.wire import Line, Lost, Message

if TYPE_CHECKING:
    from digipoort_wus.client.digipoort import DigipoortClient

T = TypeVar("T")
_ANSWER_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Sent:
    """A filing as it can be sent again."""

    message_id: str
    content: str
    kenmerk: str = ""

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the content."""
        return hashlib.sha256(self.content.encode()).hexdigest()


class Refused(Exception):
    """The gateway refused for certain, and stored nothing."""


class Way(Protocol):
    """How a thread reaches the gateway; a question without an answer raises Lost."""

    def file(self, sent: Sent) -> tuple[str, str]:
        """Return kenmerk and moment of receipt."""

    def statuses(self, kenmerk: str) -> tuple[tuple[str, str], ...]:
        """Return codes and moments."""


class Lines:
    """Asks any of the nodes over lines, another one after each loss."""

    def __init__(self, run: Run, chance: random.Random) -> None:
        self._lines = [Line(run.socket(name), _ANSWER_SECONDS) for name in run.names]
        self._chance = chance

    def file(self, sent: Sent) -> tuple[str, str]:
        """File; see :class:`Way`."""
        question = {"op": "file", "message_id": sent.message_id, "content": sent.content}
        answer = self._ask(question)
        return str(answer["kenmerk"]), str(answer["received_at"])

    def statuses(self, kenmerk: str) -> tuple[tuple[str, str], ...]:
        """Ask for the statuses of a process."""
        answer = self._ask({"op": "read", "kenmerk": kenmerk})
        return tuple((code, at) for code, at in answer["statuses"])

    def _ask(self, question: Message) -> Message:
        line = self._chance.choice(self._lines)
        answer = line.ask({**question, "sender": SENDER})
        if "refused" in answer:
            raise Refused(str(answer["refused"]))
        return answer


class Tls:
    """Asks any of the gateways as their own client does: signed, over mutual TLS."""

    def __init__(self, run: Run, chance: random.Random) -> None:
        from digipoort_wus.client.digipoort import DigipoortClient, Endpoints
        from digipoort_wus.client.transport import Timeouts
        from digipoort_wus.embedding import TEST, load_trust
        from digipoort_wus.pki.identity import load_pem

        identity = load_pem(run.pki / "vendor-a.pem", run.pki / "vendor-a.key")
        trust = load_trust(run.pki / "ca.pem", run.pki / "crl", TEST)
        self._chance = chance
        self._clients = [
            DigipoortClient(
                Endpoints.at(f"https://localhost:{run.port(name)}"),
                identity=identity,
                trust=trust,
                timeouts=Timeouts(silence=_ANSWER_SECONDS, total=_ANSWER_SECONDS),
                clock=JumpingClock(run.clock_file),
            )
            for name in run.names
        ]

    def file(self, sent: Sent) -> tuple[str, str]:
        """File; see :class:`Way`."""
        from digipoort_wus.filing.filing import Document

        document = Document("text/xml", "aangifte.xml", sent.content.encode())
        receipt = self._ask(
            lambda client: client.submit(
                document,
                berichtsoort=BERICHTSOORT,
                belanghebbende=PARTY,
                aanleverkenmerk=REFERENCE,
                message_id=sent.message_id,
            )
        )
        return receipt.kenmerk, receipt.received_at.isoformat()

    def statuses(self, kenmerk: str) -> tuple[tuple[str, str], ...]:
        """Ask for the statuses of a process."""
        statuses = self._ask(lambda client: client.statuses(kenmerk))
        return tuple((status.code, status.at.isoformat()) for status in statuses)

    def _ask(self, question: "Callable[[DigipoortClient], T]") -> T:
        from digipoort_wus.client.errors import AnswerRefused, ConnectionFailed, DigipoortFault

        try:
            return question(self._chance.choice(self._clients))
        except (AnswerRefused, ConnectionFailed) as failed:
            raise Lost(type(failed).__name__) from failed
        except DigipoortFault as fault:
            # After a jump of the clock a message may be too old: signed anew it is not.
            if fault.temporary or fault.code.endswith("110"):
                raise Lost(fault.code) from fault
            raise Refused(fault.code) from fault
