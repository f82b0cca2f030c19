"""Between the payloads of Digipoort over ebMS and the process of a filing.

What is inferred: a body that files over ebMS gets the codes of a fault over WUS; status 110 with
the moment at which it was filed is told with a filing that was accepted; a fault repeats what
could be read, and names who filed where an identity could not be.
"""

import re
from collections.abc import Iterator, Sequence

from digipoort_wus.ebms.digipoort import (
    FOUTBESCHRIJVING_MAX,
    FOUTCODE_MAX,
    REGISTERS,
    AfleverBericht,
    BevestigAanleverBericht,
    BevestigAfleverBericht,
    Fout,
)
from digipoort_wus.ebms.digipoort_reading import Said
from digipoort_wus.errors import DigipoortError, Refusal
from digipoort_wus.filing.filing import Delivery, Document, Filing
from digipoort_wus.filing.finding import Finding
from digipoort_wus.filing.party import Party
from digipoort_wus.filing.status import StatusError
from digipoort_wus.names import AANLEVER
from digipoort_wus.process.agency import Delivered, Outcome, Rejected, Unreachable
from digipoort_wus.process.confirming import Confirmation
from digipoort_wus.soap.fault import fault_of

OFFERED = "110"
"""The status that an accepted filing has when it is confirmed."""
_REJECTED = "De uitvragende partij heeft het bericht niet aangenomen ({code})."
_CODE = re.compile(r"[A-Za-z0-9._-]{1,20}")


class DoesNotFit(DigipoortError):
    """A filing has a value that no afleverBericht can hold.

    Args:
        name: of the element.
        most: what it may have at most, in words.
    """

    def __init__(self, name: str, most: str) -> None:
        self.name = name
        super().__init__(f"{name} is more than an afleverBericht over ebMS can hold: {most}.")


# --- Aanleveren ---------------------------------------------------------------------------


def said_of(delivery: Delivery) -> Said:
    """Return what a confirmation repeats of a delivery."""
    return Said(
        kenmerk=delivery.kenmerk or "",
        berichtsoort=delivery.berichtsoort,
        aanleverkenmerk=delivery.aanleverkenmerk,
        eerder_aanleverkenmerk=delivery.eerder_aanleverkenmerk,
        belanghebbende=delivery.belanghebbende,
        rol_belanghebbende=delivery.rol_belanghebbende,
        ontvanger=delivery.ontvanger,
        rol_ontvanger=delivery.rol_ontvanger,
    )


def accepted(filing: Filing, digipoort: Party) -> BevestigAanleverBericht:
    """Return the confirmation of what was filed.

    Args:
        filing: as it was accepted over ebMS, so that its values fit.
        digipoort: named as who receives it where nobody is.
    """
    said = filing.delivery
    return BevestigAanleverBericht(
        kenmerk=filing.kenmerk,
        berichtsoort=said.berichtsoort,
        belanghebbende=said.belanghebbende,
        rol_belanghebbende=said.rol_belanghebbende,
        ontvanger=said.ontvanger or digipoort,
        outcome=filing.received_at,
        status=(OFFERED, filing.received_at),
        aanleverkenmerk=said.aanleverkenmerk,
        eerder_aanleverkenmerk=said.eerder_aanleverkenmerk,
        rol_ontvanger=said.rol_ontvanger,
        autorisatie_adres=said.autorisatie_adres,
    )


def refused(
    said: Said, refusal: Refusal, *, sender: Party, digipoort: Party, explain: bool
) -> BevestigAanleverBericht:
    """Return the confirmation of what was not filed.

    Args:
        said: by :func:`said_of`, or of a :class:`PayloadRefused`.
        refusal: why.
        sender: who sent it; named as the belanghebbende where none can be read.
        digipoort: as of :func:`accepted`.
        explain: add the explanation (sandbox); otherwise only the generic text.
    """
    fault = fault_of(refusal, AANLEVER, explain=explain)
    return BevestigAanleverBericht(
        kenmerk=said.kenmerk,
        berichtsoort=said.berichtsoort,
        belanghebbende=said.belanghebbende or sender,
        rol_belanghebbende=said.rol_belanghebbende,
        ontvanger=said.ontvanger or digipoort,
        outcome=Fout(fault.code, _ours(fault.text)),
        aanleverkenmerk=said.aanleverkenmerk,
        eerder_aanleverkenmerk=said.eerder_aanleverkenmerk,
        rol_ontvanger=said.rol_ontvanger,
    )


# --- Afleveren ----------------------------------------------------------------------------


def afleverbericht(filing: Filing, findings: Sequence[Finding] = ()) -> AfleverBericht:
    """Return what a body gets of a filing; nothing of it is cut.

    Args:
        filing: its contents may be handles; they are not opened.
        findings: warnings of the validation, in an order that does not change.

    Raises:
        DoesNotFit: a value is longer than the interface allows, or of a register that it does
            not know.
    """
    said = filing.delivery
    for name, text, most in _texts(filing):
        if text is not None and len(text) > most:
            raise DoesNotFit(name, f"at most {most} characters")
    return AfleverBericht(
        kenmerk=filing.kenmerk,
        berichtsoort=said.berichtsoort,
        berichtkenmerk=filing.berichtkenmerk,
        aangeleverd_at=filing.received_at,
        belanghebbende=_fitting("identiteitBelanghebbende", said.belanghebbende),
        rol_belanghebbende=said.rol_belanghebbende,
        document=said.document,
        aanleverkenmerk=said.aanleverkenmerk,
        ontvanger=said.ontvanger and _fitting("identiteitOntvanger", said.ontvanger),
        rol_ontvanger=said.rol_ontvanger,
        attachments=said.attachments,
        # In words of ours, which may be shortened.
        fouten=tuple(Fout(one.code[:FOUTCODE_MAX], _ours(_told(one))) for one in findings),
    )


def confirmation(
    said: BevestigAfleverBericht, delivered: Delivered, final_codes: frozenset[str]
) -> Confirmation:
    """Return what a body says of a delivery, for the process.

    Args:
        said: as it was read.
        delivered: who says so and what shows it; its moment is filled in.
        final_codes: of a ``fout`` after which a filing is not offered again.
    """
    return Confirmation(said.kenmerk, said.berichtkenmerk, _outcome(said, delivered, final_codes))


def _outcome(
    said: BevestigAfleverBericht, delivered: Delivered, final_codes: frozenset[str]
) -> Outcome:
    if not isinstance(said.outcome, Fout):
        return Delivered(
            agency=delivered.agency,
            message_id=delivered.message_id,
            receipt=delivered.receipt,
            agency_at=said.outcome,
            acknowledgment=delivered.acknowledgment,
        )
    code = said.outcome.code
    if code not in final_codes:
        shown = code if _CODE.fullmatch(code) else "of another form"
        return Unreachable(f"fout {shown}")
    # What is an agency's own code is told as such, ours under that of a failed delivery.
    known = code if code.startswith(("AFS", "AFO")) else "AFS400"
    text = _REJECTED.format(code=code)
    return Rejected(StatusError(known, text), said.outcome.text or None)


def _texts(filing: Filing) -> Iterator[tuple[str, str | None, int]]:
    said = filing.delivery
    yield "kenmerk", filing.kenmerk, 40
    yield "berichtsoort", said.berichtsoort, 80
    yield "berichtkenmerk", filing.berichtkenmerk, 256
    yield "aanleverkenmerk", said.aanleverkenmerk, 40
    yield "rolBelanghebbende", said.rol_belanghebbende, 40
    yield "rolOntvanger", said.rol_ontvanger, 40
    yield from _of_document("berichtInhoud", said.document)
    for attachment in said.attachments:
        yield from _of_document("bijlage", attachment)


def _of_document(name: str, document: Document) -> Iterator[tuple[str, str, int]]:
    yield f"{name}/mimeType", document.mime_type, 40
    yield f"{name}/bestandsnaam", document.file_name, 80


def _fitting(name: str, party: Party) -> Party:
    if len(party.number) > 20:
        raise DoesNotFit(f"{name}/nummer", "at most 20 characters")
    # Registers compare without case; the interface has one spelling of each.
    spelled = REGISTERS.get(party.register)
    if spelled is None:
        raise DoesNotFit(f"{name}/type", f"one of {', '.join(REGISTERS.values())}")
    return Party(party.number, spelled)


def _told(finding: Finding) -> str:
    return f"{finding.text} ({finding.where})" if finding.where else finding.text


def _ours(text: str) -> str:
    """Return a text of ours, shortened where it has more than the interface allows."""
    if len(text) <= FOUTBESCHRIJVING_MAX:
        return text
    return f"{text[: FOUTBESCHRIJVING_MAX - 1]}…"
