"""What is filed and delivered over ebMS, to and from the process; nothing is cut."""

from dataclasses import replace
from typing import Any

import pytest

from digipoort_wus import checks
from digipoort_wus.ebms.digipoort import BevestigAfleverBericht, Fout
from digipoort_wus.ebms.digipoort_mapping import (
    DoesNotFit,
    accepted,
    afleverbericht,
    confirmation,
    refused,
    said_of,
)
from digipoort_wus.ebms.digipoort_reading import (
    Said,
    read_afleverbericht,
    read_bevestig_aanleverbericht,
)
from digipoort_wus.ebms.digipoort_writing import (
    write_afleverbericht,
    write_bevestig_aanleverbericht,
)
from digipoort_wus.errors import Refusal
from digipoort_wus.filing.filing import Document
from digipoort_wus.filing.finding import Finding
from digipoort_wus.filing.party import Party
from digipoort_wus.filing.status import StatusError
from digipoort_wus.process.agency import Delivered, Rejected, Unreachable
from tests.unit.delivery.filings import RECEIVED, filing

DIGIPOORT, SENDER = Party("00000099000000001000", "OIN"), Party("00000099000000005000", "OIN")
DELIVERED = Delivered("00000099000000004000", "m@x", b"r" * 32, acknowledgment=b"a" * 32)
FINAL = frozenset({"AFS400", "AFL140"})


def test_an_accepted_filing_is_confirmed_with_its_moment_and_110() -> None:
    one = filing(eerder_aanleverkenmerk="ref-0", autorisatie_adres="http://geenausp.nl")
    said = accepted(one, DIGIPOORT)
    assert (said.kenmerk, said.outcome, said.status) == (one.kenmerk, RECEIVED, ("110", RECEIVED))
    assert (said.aanleverkenmerk, said.eerder_aanleverkenmerk) == ("ref-1", "ref-0")
    assert said.ontvanger == one.delivery.ontvanger
    assert read_bevestig_aanleverbericht(write_bevestig_aanleverbericht(said).read()) == said
    assert accepted(filing(ontvanger=None), DIGIPOORT).ontvanger == DIGIPOORT


@pytest.mark.parametrize(
    ("check", "code"),
    [
        (checks.XSD_VALID, "ALS100"),
        (checks.BERICHTSOORT_KNOWN, "ALS120"),
        (checks.PARTY_AUTHORISED, "ALS130"),
        (checks.ATTACHMENT_LIMIT, "ALS170"),
        (checks.TECHNICAL, "ALS400"),
    ],
)
@pytest.mark.parametrize("explain", [False, True])
def test_a_refusal_has_the_code_of_the_fault_over_wus(check: Any, code: str, explain: bool) -> None:
    refusal = Refusal(check, received="x")
    said = refused(
        said_of(filing().delivery), refusal, sender=SENDER, digipoort=DIGIPOORT, explain=explain
    )
    assert isinstance(said.outcome, Fout)
    assert said.outcome.code == code
    assert (check.id in said.outcome.text) == explain
    assert (said.status, said.aanleverkenmerk) == (None, "ref-1")
    read = read_bevestig_aanleverbericht(write_bevestig_aanleverbericht(said).read())
    # White space in a text is collapsed by whoever reads it.
    outcome = Fout(code, " ".join(said.outcome.text.split()))
    assert read == replace(said, outcome=outcome)


def test_also_of_what_nobody_could_read_there_is_a_confirmation() -> None:
    said = refused(
        Said(), Refusal(checks.XML_LIMIT), sender=SENDER, digipoort=DIGIPOORT, explain=False
    )
    assert (said.belanghebbende, said.ontvanger) == (SENDER, DIGIPOORT)
    read_bevestig_aanleverbericht(write_bevestig_aanleverbericht(said).read())


def test_a_long_explanation_of_ours_is_shortened() -> None:
    long = Refusal(checks.TECHNICAL)
    long.uitleg = lambda: "u" * 9_000  # type: ignore[method-assign]
    said = refused(Said(), long, sender=SENDER, digipoort=DIGIPOORT, explain=True)
    assert isinstance(said.outcome, Fout)
    assert len(said.outcome.text) == 8_192
    read_bevestig_aanleverbericht(write_bevestig_aanleverbericht(said).read())


# --- Afleveren ----------------------------------------------------------------------------


def test_a_filing_is_delivered_as_it_was_filed() -> None:
    one = filing(attachments=(Document("application/pdf", "b.pdf", b"%PDF"),))
    finding = Finding("VAS" * 9, "warning", "t" * 9_000, "regel 1")
    bericht = afleverbericht(one, (finding,))
    assert bericht.berichtkenmerk == one.berichtkenmerk
    assert bericht.aangeleverd_at == RECEIVED
    assert (bericht.document, bericht.attachments) == (
        one.delivery.document,
        one.delivery.attachments,
    )
    (fout,) = bericht.fouten
    assert (len(fout.code), len(fout.text)) == (20, 8_192), "words of ours"
    read = read_afleverbericht(write_afleverbericht(bericht).read())
    assert read == bericht


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"berichtsoort": "b" * 81}, "berichtsoort"),
        ({"aanleverkenmerk": "a" * 41}, "aanleverkenmerk"),
        ({"rol_belanghebbende": "r" * 41}, "rolBelanghebbende"),
        ({"rol_ontvanger": "r" * 41}, "rolOntvanger"),
        ({"belanghebbende": Party("1" * 21, "Fi")}, "identiteitBelanghebbende/nummer"),
        ({"belanghebbende": Party("1", "LHnr")}, "identiteitBelanghebbende/type"),
        ({"ontvanger": Party("1", "Anders")}, "identiteitOntvanger/type"),
        ({"document": Document("m" * 41, "n", b"")}, "berichtInhoud/mimeType"),
        ({"document": Document("m", "n" * 81, b"")}, "berichtInhoud/bestandsnaam"),
        ({"attachments": (Document("m" * 41, "n", b""),)}, "bijlage/mimeType"),
        ({"berichtkenmerk": "b" * 257}, "berichtkenmerk"),
    ],
)
def test_what_does_not_fit_is_told_and_never_cut(options: dict[str, Any], name: str) -> None:
    with pytest.raises(DoesNotFit) as caught:
        afleverbericht(filing(**options))
    assert caught.value.name == name
    assert not {"b" * 9, "a" * 9, "r" * 9, "1" * 9, "LHnr", "m" * 9} & set(
        str(caught.value).split()
    )


def test_the_longest_values_fit() -> None:
    one = filing(
        berichtkenmerk="b" * 256,
        berichtsoort="b" * 80,
        aanleverkenmerk="a" * 40,
        rol_belanghebbende="r" * 40,
        rol_ontvanger="r" * 40,
        belanghebbende=Party("1" * 20, "fi"),
        ontvanger=None,
        document=Document("m" * 40, "n" * 80, b""),
    )
    read = read_afleverbericht(write_afleverbericht(afleverbericht(one)).read())
    assert read.belanghebbende == Party("1" * 20, "Fi"), "a register has one spelling there"


# --- Bevestigen ---------------------------------------------------------------------------


def test_a_confirmation_that_it_has_the_filing() -> None:
    said = confirmation(BevestigAfleverBericht("k", "b", RECEIVED), DELIVERED, FINAL)
    assert (said.kenmerk, said.berichtkenmerk) == ("k", "b")
    assert said.outcome == replace(DELIVERED, agency_at=RECEIVED)


@pytest.mark.parametrize(("code", "known"), [("AFS400", "AFS400"), ("AFL140", "AFS400")])
def test_a_final_fault_is_a_rejection(code: str, known: str) -> None:
    said = confirmation(BevestigAfleverBericht("k", "b", Fout(code, "Nee.")), DELIVERED, FINAL)
    text = f"De uitvragende partij heeft het bericht niet aangenomen ({code})."
    assert said.outcome == Rejected(StatusError(known, text), "Nee.")
    bare = confirmation(BevestigAfleverBericht("k", "b", Fout(code, "")), DELIVERED, FINAL)
    assert bare.outcome == Rejected(StatusError(known, text), None)


@pytest.mark.parametrize(("code", "shown"), [("AFL400", "AFL400"), ("a b\x07", "of another form")])
def test_any_other_fault_passes(code: str, shown: str) -> None:
    said = confirmation(BevestigAfleverBericht("k", "b", Fout(code, "Later.")), DELIVERED, FINAL)
    assert said.outcome == Unreachable(f"fout {shown}")
