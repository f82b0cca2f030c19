"""Filings over two real message services: accepted once, confirmed once, refused with a code."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from digipoort_wus.delivery.filing_desk import FilingDesk
from digipoort_wus.delivery.postponed import Postponed
from digipoort_wus.ebms.digipoort import AANLEVER, MEDIA_TYPE, BevestigAanleverBericht, Fout
from digipoort_wus.ebms.digipoort_reading import read_bevestig_aanleverbericht
from digipoort_wus.ebms.digipoort_writing import write_aanleverbericht
from digipoort_wus.ebms.message import PartyId, Payload
from digipoort_wus.filing.filing import Delivery
from digipoort_wus.messaging.sending import Letter
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.process.api import Caller, Period, Scope
from digipoort_wus.process.authorisation import AuthorisationTable, Others
from digipoort_wus.process.intake import House
from digipoort_wus.process.routes import sandbox_routes
from digipoort_wus.process.service import ProcessService
from digipoort_wus.store.ebms_values import Direction, EbmsRow
from tests.ebms_parties import AANLEVEREN
from tests.unit.messaging.parties import Two, two_gateways
from tests.unit.process.sandbox import DELIVERY, done, new_id

NOBODY = AuthorisationTable({}, {}, Others.REFUSED)


@dataclass
class World:
    two: Two
    process: ProcessService
    desk: FilingDesk

    def file(self, octets: bytes, message_id: str | None = None) -> str:
        """The body files, and it arrives."""
        sent = self.two.agency.service.send(
            Letter(
                self.two.pair.agreement.cpa_id,
                self.two.agency.side.id,
                AANLEVEREN,
                AANLEVER,
                (Payload("filed@agency", MEDIA_TYPE, octets),),
                message_id=message_id,
            )
        )
        self.two.wire.run()
        return sent

    def confirmed(self) -> tuple[EbmsRow, BevestigAanleverBericht]:
        """Return the one confirmation that the body got."""
        self.two.wire.run()
        (row,) = self.two.agency.backend.unprocessed()
        self.two.agency.backend.mark_processed([row.ebms_id])
        (part,) = self.two.agency.backend.get(row.ebms_id).content.parts
        return row, read_bevestig_aanleverbericht(part.content)

    def codes(self, kenmerk: str) -> list[str]:
        who = Caller(self.two.agency.side.id.value, None, "x", b"")
        found = self.process.process_statuses(who, kenmerk, Period(), Scope.ALL, None)
        return [row.status.code for row in done(found)]

    def fault(self) -> Fout:
        outcome = self.confirmed()[1].outcome
        assert isinstance(outcome, Fout)
        return outcome


@pytest.fixture
def world(g1: TestPki, tmp_path: Path) -> Iterator[World]:
    with two_gateways(g1, tmp_path) as two, ThreadPoolExecutor(2) as executor:
        us = two.digipoort
        process = ProcessService(us.store, House(sandbox_routes()), two.time, new_id, executor)
        desk = FilingDesk(us.store, us.service, process, us.side.id, two.time, explain=True)
        yield World(two, process, desk)


def octets_of(delivery: Delivery = DELIVERY) -> bytes:
    return write_aanleverbericht(delivery).read()


def test_a_filing_is_accepted_and_followed_under_the_same_oin(world: World) -> None:
    message_id = world.file(octets_of(replace(DELIVERY, aanleverkenmerk="ref-1")))
    assert world.desk.take_all() == 1
    row, said = world.confirmed()
    assert row.head.ref_to_message_id == message_id
    assert (row.head.action, row.head.service) == ("bevestigAanleveren", AANLEVEREN.value)
    assert said.status == ("110", said.outcome)
    assert said.aanleverkenmerk == "ref-1"
    assert world.codes(said.kenmerk) == ["105", "100", "110"]
    assert world.desk.take_all() == 0
    assert {row.state for row in world.two.digipoort.rows(Direction.IN)} == {"PROCESSED"}


def test_who_dies_before_confirming_finds_the_filing_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.file(octets_of())
    (row,) = world.two.digipoort.rows(Direction.IN)

    def dies(_: object) -> None:
        raise RuntimeError("here it ends")

    with monkeypatch.context() as patched:
        patched.setattr(world.two.digipoort.service, "write", dies)
        with pytest.raises(RuntimeError):
            world.desk.take(row)
    for _ in range(2):
        # The second time as somebody who had read it before.
        assert world.desk.take(row)
    _, said = world.confirmed()
    assert world.codes(said.kenmerk) == ["105", "100", "110"]
    assert len(world.two.digipoort.rows(Direction.OUT)) == 1


def test_a_defect_is_confirmed_with_its_code_and_what_was_said(world: World) -> None:
    octets = octets_of(replace(DELIVERY, aanleverkenmerk="ref-1"))
    world.file(octets.replace(b"<rolBelanghebbende>Bedrijf</rolBelanghebbende>", b""))
    assert world.desk.take_all() == 1
    _, said = world.confirmed()
    assert isinstance(said.outcome, Fout)
    assert said.outcome.code == "ALS100"
    assert "XSD-VALID" in said.outcome.text
    assert (said.aanleverkenmerk, said.belanghebbende) == ("ref-1", DELIVERY.belanghebbende)
    assert said.ontvanger.number == world.two.digipoort.side.id.value


def test_what_nobody_can_read_is_confirmed_too(world: World) -> None:
    world.file(b"no xml")
    assert world.desk.take_all() == 1
    _, said = world.confirmed()
    assert said.belanghebbende.number == world.two.agency.side.id.value
    assert isinstance(said.outcome, Fout)


def test_the_process_refuses_as_over_wus(world: World) -> None:
    world.file(octets_of(replace(DELIVERY, berichtsoort="Onbekend")))
    world.desk.take_all()
    assert world.fault().code == "ALS120"
    # Without a word of explanation, as in production.
    process = replace(world.process, authorisations=lambda: NOBODY)
    world.file(octets_of())
    assert replace(world.desk, process=process, explain=False).take_all() == 1
    fault = world.fault()
    assert fault.code == "ALS130"
    assert "PARTY" not in fault.text


def test_without_an_agreement_for_the_answer_it_waits(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.file(octets_of())
    wrong = replace(world.desk, us=PartyId("00000099000000009999", "urn:osb:oin"))
    for _ in range(5):
        # Whatever else changes has all that waits looked at.
        assert wrong.take_all() == 0
    assert caplog.text.count("cannot be confirmed") == 1
    assert world.desk.take_all() == 0, "not at once again"
    world = replace(world, desk=replace(world.desk, postponed=Postponed()))
    assert world.desk.take_all() == 1
    _, said = world.confirmed()
    assert world.codes(said.kenmerk) == ["105", "100", "110"]


def test_one_that_cannot_be_taken_holds_up_no_other(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = (world.file(octets_of()) for _ in range(2))

    class Failing:
        def __getattr__(self, name: str) -> object:
            return getattr(world.process, name)

        def accept(self, caller: Caller, delivery: Delivery) -> object:
            if caller.message_id == first:
                raise RuntimeError("een aangifte")
            return world.process.accept(caller, delivery)

    failing: ProcessService = Failing()  # type: ignore[assignment]
    desk = replace(world.desk, process=failing, postponed=Postponed())
    assert desk.take_all() == 1
    row, _ = world.confirmed()
    assert row.head.ref_to_message_id == second
    assert "RuntimeError at test_filing_desk.py" in caplog.text
    assert "een aangifte" not in caplog.text
    assert world.desk.take_all() == 1


def test_a_party_without_an_oin_files_nothing(world: World) -> None:
    world.file(octets_of())
    (row,) = world.two.digipoort.rows(Direction.IN)
    for sender in ("urn:other:00000099000000002000", "urn:osb:oin:1", "x"):
        key = replace(row.head.key, sender=sender)
        said = world.desk._judged(replace(row, head=replace(row.head, key=key)))
        assert isinstance(said.outcome, Fout)
        assert said.outcome.code == "ALS130"
    key = replace(row.head.key, sender=f"{row.head.key.sender}_OTA")
    said = world.desk._judged(replace(row, head=replace(row.head, key=key)))
    assert world.codes(said.kenmerk) == ["105", "100", "110"], "a suffix is for tests"
