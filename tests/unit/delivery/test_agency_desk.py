"""The desk of an example agency over ebMS: a delivery is kept once, and each is confirmed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from digipoort_wus.delivery.agency_desk import AgencyDesk
from digipoort_wus.delivery.example import Conduct
from digipoort_wus.delivery.inbox import Inbox
from digipoort_wus.ebms.digipoort import (
    AFLEVER,
    BEVESTIG_AANLEVER,
    MEDIA_TYPE,
    BevestigAanleverBericht,
    BevestigAfleverBericht,
    Fout,
)
from digipoort_wus.ebms.digipoort_mapping import afleverbericht
from digipoort_wus.ebms.digipoort_reading import (
    read_aanleverbericht,
    read_bevestig_afleverbericht,
)
from digipoort_wus.ebms.digipoort_writing import (
    write_afleverbericht,
    write_bevestig_aanleverbericht,
)
from digipoort_wus.ebms.message import PartyId, Payload
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.filing.filing import Delivery, Document, Filing
from digipoort_wus.filing.party import Party
from digipoort_wus.messaging.sending import Letter
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.store.ebms_values import Direction
from tests.ebms_parties import AANLEVEREN, AFLEVEREN
from tests.messages import NOW, XBRL
from tests.unit.messaging.parties import Two, two_gateways

GATEWAY = "00000099000000001000"
OWNER = Party("001000044B37", "Fi")
DELIVERY = Delivery("ICP", OWNER, "Bedrijf", Document("text/xml", "a.xbrl", XBRL), None, "ref-1")


@dataclass
class World:
    two: Two
    inbox: Inbox
    desk: AgencyDesk
    woken: list[object]

    def deliver(self, berichtkenmerk: str = "b-1", content: bytes = XBRL) -> str:
        """The gateway delivers, and it arrives; return the MessageId."""
        document = replace(DELIVERY.document, content=content)
        filing = Filing("k-1", berichtkenmerk, "x", NOW, replace(DELIVERY, document=document))
        return self.send(write_afleverbericht(afleverbericht(filing)).read())

    def send(self, octets: bytes, action: str = AFLEVER) -> str:
        service = AFLEVEREN if action == AFLEVER else AANLEVEREN
        sent = self.two.digipoort.service.send(
            Letter(
                self.two.pair.agreement.cpa_id,
                self.two.digipoort.side.id,
                service,
                action,
                (Payload("said@digipoort", MEDIA_TYPE, octets),),
            )
        )
        self.two.wire.run()
        return sent

    def run(self, **conduct: object) -> object:
        desk = replace(self.desk, conduct=replace(Conduct(), **conduct))  # type: ignore[arg-type]
        due = desk.run_due(lambda: False)
        self.two.wire.run()
        return due

    def confirmed(self) -> list[BevestigAfleverBericht]:
        found = []
        for row in self.two.digipoort.backend.unprocessed():
            (part,) = self.two.digipoort.backend.get(row.ebms_id).content.parts
            found.append(read_bevestig_afleverbericht(part.content))
            self.two.digipoort.backend.mark_processed([row.ebms_id])
        return found


@pytest.fixture
def world(g1: TestPki, tmp_path: Path) -> Iterator[World]:
    with two_gateways(g1, tmp_path) as two:
        us, woken = two.agency, list[object]()
        inbox = Inbox(tmp_path / "inbox")
        desk = AgencyDesk(
            us.service,
            us.backend,
            inbox,
            us.side.id,
            GATEWAY,
            Conduct(),
            two.time,
            lambda: woken.append(None),
        )
        yield World(two, inbox, desk, woken)
        inbox.close()


def test_a_delivery_is_kept_and_confirmed(world: World) -> None:
    message_id = world.deliver()
    assert world.run() is None
    (said,) = world.confirmed()
    (taken,) = world.inbox.all()
    assert (said.kenmerk, said.berichtkenmerk) == ("k-1", "b-1")
    assert said.outcome == taken.taken_at
    assert (taken.arrival.content, taken.arrival.message_id) == (XBRL, message_id)
    assert (taken.arrival.belanghebbende, taken.times) == (OWNER, 1)
    assert len(world.woken) == 1
    assert world.run() is None
    assert world.confirmed() == []
    assert world.two.agency.backend.unprocessed() == []
    assert world.two.agency.backend.events() == [], "nobody else would hear them"


def test_a_second_message_of_a_delivery_is_the_same_filing(world: World) -> None:
    for _ in range(2):
        world.deliver()
        world.run()
    first, second = world.confirmed()
    assert first.outcome == second.outcome
    assert [taken.times for taken in world.inbox.all()] == [2]
    world.deliver(content=XBRL + b" ")
    world.run()
    (other,) = world.confirmed()
    assert isinstance(other.outcome, Fout)
    assert other.outcome.code == "AFL400"


def test_a_confirmation_that_is_lost_is_made_again(world: World) -> None:
    world.deliver()
    due = world.run(lose_answers=1)
    assert due == world.two.time() + timedelta(seconds=1)
    assert world.confirmed() == []
    world.run()
    assert len(world.confirmed()) == 1
    assert [taken.times for taken in world.inbox.all()] == [2]


def test_who_dies_behind_the_inbox_confirms_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.deliver()

    def dies(_: object) -> None:
        raise RuntimeError("here it ends")

    with monkeypatch.context() as patched:
        patched.setattr(world.two.agency.service, "write", dies)
        with pytest.raises(RuntimeError):
            world.run()
    assert len(world.inbox.all()) == 1
    for _ in range(2):
        world.run()
    assert len(world.confirmed()) == 1
    assert len(world.two.agency.rows(Direction.OUT)) == 1


@pytest.mark.parametrize("code", ["AFL140", "AFL400"])
def test_on_command_it_says_a_fault(world: World, code: str) -> None:
    world.deliver()
    world.run(fault=code)
    (said,) = world.confirmed()
    assert isinstance(said.outcome, Fout)
    assert said.outcome.code == code
    assert world.inbox.all() == ()


def test_on_command_it_confirms_late(world: World) -> None:
    world.deliver()
    came = world.two.agency.rows(Direction.IN)[0].head.at
    assert world.run(slow=60) == came + timedelta(seconds=60)
    assert world.confirmed() == []
    world.two.time.pass_by(timedelta(seconds=61))
    assert world.run(slow=60) is None
    assert len(world.confirmed()) == 1


def test_what_is_no_delivery_is_put_away(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.send(b"<een-geheim/>")
    assert world.run() is None
    assert world.confirmed() == []
    assert world.two.agency.backend.unprocessed() == []
    assert "a delivery was refused" in caplog.text
    assert "geheim" not in caplog.text


def test_without_an_agreement_for_the_answer_it_waits(world: World) -> None:
    world.deliver()
    wrong = replace(world.desk, us=PartyId("00000099000000009999", "urn:osb:oin"))
    assert wrong.run_due(lambda: False) is not None
    assert world.confirmed() == []
    world.run()
    assert len(world.confirmed()) == 1


def test_who_is_stopped_leaves_the_rest(world: World) -> None:
    world.deliver()
    world.desk.run_due(lambda: True)
    assert world.inbox.all() == ()


def test_it_files_once_for_each_reference(world: World) -> None:
    cpa_id = world.two.pair.agreement.cpa_id
    first, again = (world.desk.file(cpa_id, DELIVERY) for _ in range(2))
    other = world.desk.file(cpa_id, replace(DELIVERY, aanleverkenmerk="ref-2"))
    world.two.wire.run()
    assert first == again != other
    rows = world.two.digipoort.backend.unprocessed()
    assert [row.head.key.message_id for row in rows] == [first, other]
    (part,) = world.two.digipoort.backend.get(rows[0].ebms_id).content.parts
    assert read_aanleverbericht(part.content).document.content == XBRL
    with pytest.raises(ConfigurationError):
        world.desk.file("another", DELIVERY)


@pytest.mark.parametrize(
    ("outcome", "told"),
    [(NOW, "accepted: kenmerk 'k-9'"), (Fout("ALS100", "geheim"), "refused: 'ALS100'")],
    ids=["accepted", "refused"],
)
def test_what_became_of_its_filings_is_logged(
    world: World, caplog: pytest.LogCaptureFixture, outcome: "datetime | Fout", told: str
) -> None:
    us = Party(GATEWAY, "OIN")
    said = BevestigAanleverBericht("k-9", "ICP", OWNER, "Bedrijf", us, outcome)
    for octets in (write_bevestig_aanleverbericht(said).read(), b"<geheim/>"):
        world.send(octets, BEVESTIG_AANLEVER)
    caplog.set_level("INFO", "digipoort_wus.agency")
    world.run()
    assert told in caplog.text
    assert "cannot be read" in caplog.text
    assert "geheim" not in caplog.text
    assert world.two.agency.backend.unprocessed() == []
