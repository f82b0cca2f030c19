"""Digipoort over ebMS: a body files and follows over WUS, and an agency is delivered to."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from digipoort_wus.delivery.exchange import Credentials
from digipoort_wus.delivery.messages import Verdict
from digipoort_wus.delivery.reporting import Reporting
from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.ebms.digipoort import BEVESTIG_AFLEVER, BevestigAfleverBericht
from digipoort_wus.ebms.digipoort_reading import (
    read_afleverbericht,
    read_bevestig_aanleverbericht,
)
from digipoort_wus.ebms.digipoort_writing import (
    write_aanleverbericht,
    write_bevestig_afleverbericht,
)
from digipoort_wus.filing.filing import Delivery, Document
from digipoort_wus.filing.party import Party
from digipoort_wus.store.ebms_values import EbmsRow
from tests.ebms_parties import AFLEVEREN
from tests.messages import XBRL
from tests.wire.ebms import (
    AANLEVER,
    AGENCY_URL,
    DIGIPOORT_URL,
    Side,
    Two,
    prepared,
    wait_for,
)

GATEWAY, AGENCY = "00000099000000001000", "00000099000000004000"


def came(side: Side, action: str) -> EbmsRow:
    """Wait for the one message with an action that came to a side."""
    (row,) = wait_for(
        lambda: [row for row in side.came() if row.head.action == action],
        lambda rows: len(rows) == 1,
        side.log,
    )
    return row


def begin(two: Two, more: str) -> str:
    """Start both with an agreement, and return its CPAId."""
    pair = two.pair(Profile("osb-rm-s"), sync=False, retries=20, interval=timedelta(seconds=1))
    cpa_id = pair.agreement.cpa_id
    file = two.digipoort.config_file
    file.write_text(file.read_text() + more.format(cpa=cpa_id, agency=AGENCY))
    for side in (two.agency, two.digipoort):
        side.start()
    urls = {AGENCY_URL: two.agency.url, DIGIPOORT_URL: two.digipoort.url}
    for side in (two.agency, two.digipoort):
        side.add(pair.octets, urls)
    return cpa_id


def test_a_filing_over_ebms_is_confirmed_and_followed_over_wus(tmp_path: Path) -> None:
    two = prepared(tmp_path)
    try:
        cpa_id = begin(two, "filings = true\n")
        filed = Delivery(
            berichtsoort="Omzetbelasting",
            belanghebbende=Party("001000044B37", "Fi"),
            rol_belanghebbende="Bedrijf",
            document=Document("text/xml", "a.xbrl", XBRL),
            aanleverkenmerk="ref-1",
        )
        two.agency.send(cpa_id, AANLEVER, [write_aanleverbericht(filed).read()])
        row = came(two.agency, "bevestigAanleveren")
        (octets,) = two.agency.payloads(row.ebms_id)
        said = read_bevestig_aanleverbericht(octets)
        assert said.aanleverkenmerk == "ref-1"
        running = two.digipoort.process
        codes = wait_for(
            lambda: running.statuses(said.kenmerk, name="agency"),
            lambda codes: codes[-1:] == ["500"],
            lambda: str(running.statuses(said.kenmerk, name="agency")),
        )
        assert codes[:3] == ["105", "100", "110"]
    finally:
        two.agency.stop()
        two.digipoort.stop()


def test_a_filing_over_wus_reaches_an_ebms_agency_and_its_verdict_comes_back(
    tmp_path: Path,
) -> None:
    two = prepared(tmp_path)
    more = """
[[agency]]
name = "there"
oin = "{agency}"
cpa = "{cpa}"
berichtsoorten = ["Omzetbelasting"]
"""
    try:
        cpa_id = begin(two, more)
        running = two.digipoort.process
        kenmerk = running.submit()
        row = came(two.agency, "afleveren")
        (octets,) = two.agency.payloads(row.ebms_id)
        bericht = read_afleverbericht(octets)
        assert bericht.kenmerk == kenmerk
        now = datetime.now(UTC)
        said = BevestigAfleverBericht(kenmerk, bericht.berichtkenmerk, now)
        two.agency.send(
            cpa_id,
            (AFLEVEREN, BEVESTIG_AFLEVER),
            [write_bevestig_afleverbericht(said).read()],
            answers=row,
        )
        running.wait_for(kenmerk, "400")
        identity = two.pki.identities["agency"]
        own = Credentials(identity, identity, two.pki.trust_store())
        reporting = Reporting(running.base, GATEWAY, lambda: own)
        verdict = Verdict(kenmerk, bericht.berichtkenmerk, "500", now)
        reporting.report(verdict, f"urn:uuid:{uuid4()}")
        reporting.close()
        running.wait_for(kenmerk, "500")
    finally:
        two.agency.stop()
        two.digipoort.stop()
