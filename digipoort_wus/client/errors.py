"""What can go wrong between a client and its gateway, as four kinds of error.

They ask for different reactions: a fault is the gateway's considered refusal, a
failed connection may be tried again, an answer that cannot be trusted must not be
used, and a timeout of waiting leaves the filing where it is.
"""

from types import MappingProxyType

from digipoort_wus.errors import DigipoortError, Refusal

_HINTS = MappingProxyType(
    {
        "100": "Check the request against the interface, and wsa:To against the gateway's address.",
        "110": "Check that the signing certificate is valid, not revoked and meant for signing, "
        "and that the clock is right.",
        "120": "Check the spelling of the berichtsoort; getBerichtsoorten tells what may be filed.",
        "130": "The certificate is good, but its OIN may not do this here: it is unknown to the "
        "gateway or disabled; or it has no right to this operation, berichtsoort or "
        "belanghebbende; or its bytes of this day are used up. Ask the operator which it is; only "
        "that limit passes by itself.",
        "140": "Check the number and type of the belanghebbende.",
        "150": "Check the kenmerk, and ask with the certificate's OIN that filed it.",
        "ZST150": "Check kenmerk and berichtkenmerk, and that the certificate has the OIN of the "
        "agency that the filing was delivered to. A verdict is final: once one was taken, only the "
        "same one is answered.",
        "160": "Leave the autorisatieAdres out, or give one that the gateway knows.",
        "170": "Check the number and the kinds of the attachments.",
        "400": "The gateway has a technical problem, or too much to do, or was asked too often "
        "within a minute: try again later.",
    }
)


class DigipoortFault(DigipoortError):
    """The gateway answered with a SOAP fault.

    Args:
        code: ``foutcode``, such as ``ALS100``; the SOAP faultcode where there is none.
        text: ``foutbeschrijving``, or the faultstring.
        signed: whether the gateway's signature covers it; real Digipoort signs no
            faults, so an unsigned one is only as trustworthy as the TLS connection.
    """

    def __init__(self, code: str, text: str, *, signed: bool) -> None:
        self.code = code
        self.text = text
        self.signed = signed
        unsigned = "" if signed else " (unsigned fault)"
        parts = [f"The gateway refused the request{unsigned}: {code}: {_one_line(text)}", self.hint]
        super().__init__("\n".join(part for part in parts if part))

    @property
    def hint(self) -> str:
        """Return what to do about it, empty for a code without a known meaning.

        The official meanings of most codes are not public; these are our own.
        """
        return _HINTS.get(self.code) or _HINTS.get(self.code[3:], "")

    @property
    def temporary(self) -> bool:
        """Return whether the same request may succeed later."""
        return self.code[3:] == "400"


class ConnectionFailed(DigipoortError):
    """There was no answer, or none that is SOAP; ``str()`` says what to do.

    Args:
        sentence: what happened and what to do about it.
        temporary: whether the same request may succeed later.
        may_have_arrived: the request went out, and only its answer is missing.
    """

    def __init__(self, sentence: str, *, temporary: bool, may_have_arrived: bool = False) -> None:
        self.temporary = temporary
        self.may_have_arrived = may_have_arrived
        super().__init__(sentence)


class AnswerRefused(DigipoortError):
    """An answer came that cannot be trusted; nothing of it was used.

    The request itself may have been processed.

    Args:
        refusal: the check that failed.
    """

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(
            "The gateway's answer cannot be trusted and was not used, although the request "
            f"may have been processed: {refusal.explanation()}"
        )


def _one_line(text: str) -> str:
    clean = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(clean.split())
