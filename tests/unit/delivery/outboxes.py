"""A messaging service in memory: it keeps what it is given, and does as a test says."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from digipoort_wus.clock import Clock
from digipoort_wus.delivery.outbox import Letter, NotAgreed, Passage, Sent
from digipoort_wus.filing.content import read_content

RECEIPT, ACKNOWLEDGMENT = b"r" * 32, b"a" * 32


@dataclass
class MemoryOutbox:
    """Args: clock: of what becomes of messages."""

    clock: Clock
    letters: dict[str, Letter] = field(default_factory=dict)
    payloads: dict[str, bytes] = field(default_factory=dict)
    sent: dict[str, Sent] = field(default_factory=dict)
    refuses: str = ""
    meanwhile: Callable[[Letter], object] = lambda _: None

    def last(self, cpa_id: str, action: str, conversation_id: str) -> Sent | None:
        found = [
            self.sent[letter.message_id]
            for letter in self.letters.values()
            if (letter.cpa_id, letter.action, letter.conversation_id)
            == (cpa_id, action, conversation_id)
        ]
        return found[-1] if found else None

    def put(self, letter: Letter) -> None:
        if self.refuses:
            raise NotAgreed(self.refuses)
        octets = read_content(letter.payload.content)
        if letter.message_id in self.letters:
            assert self.payloads[letter.message_id] == octets, "a repeat says something else"
        else:
            self.letters[letter.message_id] = letter
            self.payloads[letter.message_id] = octets
            self.sent[letter.message_id] = Sent(letter.message_id, Passage.SENDING, self.clock())
        self.meanwhile(letter)

    # --- What becomes of a message ---

    def of(self, conversation_id: str) -> list[Sent]:
        return [
            self.sent[message_id]
            for message_id, letter in self.letters.items()
            if letter.conversation_id == conversation_id
        ]

    def note(self, message_id: str, passage: Passage, **more: object) -> Sent:
        values = {"passage": passage, "at": self.clock(), **more}
        if passage in (Passage.ACKNOWLEDGED, Passage.CONFIRMED):
            values["acknowledgment"] = ACKNOWLEDGMENT
        if passage is Passage.CONFIRMED:
            values["receipt"] = RECEIPT
        self.sent[message_id] = replace(
            self.sent[message_id],
            **values,  # type: ignore[arg-type]
        )
        return self.sent[message_id]
