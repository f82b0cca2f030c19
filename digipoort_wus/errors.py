"""The two families of errors: ours and the sender's.

``DigipoortError`` and its direct children speak to whoever runs or embeds this
package and say what to do. A ``Refusal`` is about a message or certificate that
somebody else sent: it names the check that failed, and becomes a SOAP fault, an
HTTP answer or a TLS alert in exactly one place each.
"""

from dataclasses import dataclass
from typing import Literal

_SHOWN_MAX = 200


class DigipoortError(Exception):
    """Base of everything this package raises on purpose; ``str()`` says what to do."""


class ConfigurationError(DigipoortError):
    """A setting, file or key that the operator gave cannot be used."""


@dataclass(frozen=True, slots=True)
class Check:
    """One requirement that a message, certificate or request must meet."""

    id: str
    """Stable identifier, such as ``WSS-REF-UNIQUE``."""
    clause: str
    """Where the requirement comes from; "ours" where no public text says it."""
    rule: str
    """What must hold, one English sentence."""
    uitleg: str
    """The same for a fault text, one Dutch sentence."""
    code: int = 100
    """Number behind the service's prefix (ALS, STS, OPH) in the fault code."""
    side: Literal["Client", "Server"] = "Client"
    """SOAP 1.1 faultcode: whose mistake it is."""
    http: int | None = None
    """HTTP status, when the refusal is an HTTP answer and no SOAP fault."""


@dataclass(frozen=True, slots=True)
class Hint:
    """The likely cause of a refusal, found out by trying: for a sandbox and the command line."""

    english: str
    dutch: str


class Refusal(DigipoortError):
    """What a sender sent does not meet a check.

    Args:
        check: the requirement that failed.
        expected: what would have been accepted; technical, never personal data.
        received: what came; technical, never payload or personal data.
        about: which part of the message it is about, where a check judges several and a
            fault must tell them apart: the local name of a wsa header, or a word of ours.
    """

    def __init__(
        self, check: Check, *, expected: str = "", received: str = "", about: str = ""
    ) -> None:
        self.check = check
        self.expected = _shown(expected)
        self.received = _shown(received)
        self.about = about
        self.hint: Hint | None = None
        super().__init__(self.explanation())

    def explanation(self) -> str:
        """Return the English one-line explanation for logs, CLI and console."""
        return self._compose(self.check.rule, "expected", "received", self.check.clause)

    def uitleg(self) -> str:
        """Return the Dutch explanation for a fault text in the sandbox."""
        text = self._compose(self.check.uitleg, "verwacht", "ontvangen", self.check.clause)
        return text if self.hint is None else f"{text}\nOorzaak: {self.hint.dutch}."

    def _compose(self, sentence: str, expected: str, received: str, clause: str) -> str:
        # The sentence goes on behind it.
        parts = [f"[{self.check.id}] {sentence.removesuffix('.')}"]
        if self.expected:
            parts.append(f"{expected}: {self.expected}")
        if self.received:
            parts.append(f"{received}: {self.received}")
        return f"{'; '.join(parts)} ({clause})"


def _shown(text: str) -> str:
    """Keep a foreign value short and free of control characters before it is shown."""
    clean = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return clean if len(clean) <= _SHOWN_MAX else f"{clean[:_SHOWN_MAX]}…"
