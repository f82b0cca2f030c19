"""What an agreement that comes back may not change, and what is told of a message at most."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.errors import ConfigurationError
from digipoort_wus.messaging.backend import ATTEMPTS_MOST
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.store.ebms_values import Direction
from tests.unit.messaging.parties import doubled, two_gateways


def test_a_removal_does_not_let_a_message_come_twice(g1: TestPki, tmp_path: Path) -> None:
    with two_gateways(g1, tmp_path, Profile.RM) as two:
        book, cpa_id = two.digipoort.service.house.book, two.pair.agreement.cpa_id
        value = two.agency.side.id.value.encode()
        first = b'<tns:PartyId tns:type="urn:osb:oin">' + value + b"</tns:PartyId>"
        second = first.replace(value, b"00000099000000005000")
        other = two.pair.octets.replace(first, second + first)
        assert other != two.pair.octets
        book.remove(cpa_id)
        book.put(other)
        book.remove(cpa_id)
        book.put(two.pair.octets)
        two.wire.hops = [doubled]
        two.agency.service.send(two.agency.letter(two.pair))
        two.wire.run()
        book.remove(cpa_id)
        with pytest.raises(ConfigurationError, match="first PartyId"):
            book.put(other)
        book.put(two.pair.octets)
        _, octets = two.wire.seen[0]
        where = f"https://digipoort.invalid/ebms\n{two.agency.rows()[0].head.content_type}"
        doubled(two.wire, "agency", octets, where)
        assert len(two.digipoort.rows(Direction.IN)) == 1


def test_of_many_attempts_the_last_are_told(g1: TestPki, tmp_path: Path) -> None:
    with two_gateways(g1, tmp_path, Profile.RM) as two:
        two.agency.service.send(two.agency.letter(two.pair))
        two.wire.run()
        (row,) = two.agency.rows(Direction.OUT)
        place = tmp_path / "agency" / "digipoort.db"
        with closing(sqlite3.connect(place)) as connection, connection:
            connection.executemany(
                "INSERT INTO ebms_attempt (message_id, seq, at, url) VALUES (?,?,?,?)",
                [(row.ebms_id, seq, 0, "https://x.invalid") for seq in range(2, 3_000)],
            )
        attempts = two.agency.backend.progress(row.ebms_id).attempts
        assert len(attempts) == ATTEMPTS_MOST
        assert attempts[-1].seq == 2_999
