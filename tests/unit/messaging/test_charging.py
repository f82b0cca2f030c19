"""What a party sends in a day: counted once, and too much of it is for another day."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from digipoort_wus.delivery.filing_desk import FilingDesk
from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.ebms.digipoort import MEDIA_TYPE, Fout
from digipoort_wus.ebms.digipoort_reading import read_bevestig_aanleverbericht
from digipoort_wus.ebms.digipoort_writing import write_aanleverbericht
from digipoort_wus.ebms.message import Payload
from digipoort_wus.ebms.partners import oins_of_party
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.process.authorisation import Others, PartyRow, Right, authorisation_table
from digipoort_wus.process.intake import House, day_of
from digipoort_wus.process.routes import sandbox_routes
from digipoort_wus.process.service import ProcessService
from tests.unit.messaging.parties import Two, answer_lost, two_gateways
from tests.unit.process.sandbox import DELIVERY, new_id

LIMIT = 1_000


def of(size: int) -> Payload:
    return Payload("one@example.nl", "application/octet-stream", b"x" * size)


def limited(two: Two, bytes_per_day: int | None) -> None:
    (oin,) = oins_of_party([two.agency.side.id])
    row = PartyRow(oin, rights=frozenset({Right.EBMS}), bytes_per_day=bytes_per_day)
    two.digipoort.service.charge(lambda: authorisation_table([row], others=Others.ADMITTED))


def counted(two: Two) -> int:
    (oin,) = oins_of_party([two.agency.side.id])
    day = day_of(two.time.now)
    return two.digipoort.store.read(lambda reader: reader.volume(oin, day))


def send(two: Two, size: int) -> str:
    message_id = two.agency.service.send(two.agency.letter(two.pair, None, of(size)))
    two.wire.run()
    return message_id


def state(two: Two, message_id: str) -> str:
    return {row.head.key.message_id: row.state for row in two.agency.rows()}[message_id]


@pytest.fixture
def two(g1: TestPki, tmp_path: Path) -> Iterator[Two]:
    with two_gateways(g1, tmp_path, Profile.RM, retries=30) as found:
        limited(found, LIMIT)
        yield found


def test_too_much_is_refused_for_now_and_taken_on_another_day(two: Two) -> None:
    assert state(two, send(two, LIMIT)) == "DELIVERED"
    late = send(two, 1)
    assert state(two, late) == "WAITING_FOR_ACK", "it is sent again"
    assert len(two.digipoort.rows()) == 1
    assert counted(two) == LIMIT
    two.time.pass_by(timedelta(days=1))
    two.wire.run()
    assert state(two, late) == "DELIVERED"
    assert counted(two) == 1


def test_a_repeat_is_answered_and_not_counted(two: Two) -> None:
    two.wire.hops.append(answer_lost)
    message_id = two.agency.service.send(two.agency.letter(two.pair, None, of(LIMIT)))
    two.agency.outbox.run_once()
    assert counted(two) == LIMIT
    two.time.pass_by(timedelta(hours=3))
    two.wire.run()
    assert state(two, message_id) == "DELIVERED"
    assert counted(two) == LIMIT
    assert len(two.digipoort.rows()) == 1


def test_who_has_no_limit_is_not_counted(two: Two) -> None:
    limited(two, None)
    assert state(two, send(two, 2 * LIMIT)) == "DELIVERED"
    assert counted(two) == 0


def test_what_is_too_much_by_itself_leaves_no_file(two: Two) -> None:
    assert state(two, send(two, 300_000)) == "WAITING_FOR_ACK"
    assert counted(two) == 0
    assert list(two.digipoort.house.files()) == []


def test_who_comes_second_is_refused_by_the_count_itself(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages that come together are each foreseen to be within the limit."""
    monkeypatch.setattr(two.digipoort.service.house.charging, "foresee", lambda *_: None)
    assert state(two, send(two, 300_000)) == "WAITING_FOR_ACK"
    assert counted(two) == 0
    assert two.digipoort.rows() == []
    assert list(two.digipoort.house.files()) == []


def test_a_filing_in_a_message_is_counted_once(two: Two) -> None:
    """Its message was: a volume that is full by then refuses no filing that came in time."""
    us, (oin,) = two.digipoort, oins_of_party([two.agency.side.id])
    octets = write_aanleverbericht(DELIVERY).read()
    everything = ("*",)
    row = PartyRow(
        oin,
        rights=frozenset({Right.EBMS, Right.AANLEVEREN}),
        berichtsoorten=everything,
        belanghebbenden=everything,
        bytes_per_day=len(octets),
    )
    table = authorisation_table([row])
    us.service.charge(lambda: table)
    with ThreadPoolExecutor(2) as executor:
        process = ProcessService(
            us.store,
            House(sandbox_routes()),
            two.time,
            new_id,
            executor,
            authorisations=lambda: table,
        )
        desk = FilingDesk(us.store, us.service, process, us.side.id, two.time)
        payload = Payload("filed@agency", MEDIA_TYPE, octets)
        two.agency.service.send(two.agency.letter(two.pair, None, payload))
        two.wire.run()
        assert counted(two) == len(octets)
        assert desk.take_all() == 1
        two.wire.run()
    assert counted(two) == len(octets)
    (confirmed,) = two.agency.backend.unprocessed()
    (part,) = two.agency.backend.get(confirmed.ebms_id).content.parts
    assert not isinstance(read_bevestig_aanleverbericht(part.content).outcome, Fout)
