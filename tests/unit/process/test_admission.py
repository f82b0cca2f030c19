"""The last door: enabled, not too often, authorised, and a question only once."""

import hashlib
import threading
from concurrent.futures import Future
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from digipoort_wus import checks
from digipoort_wus.errors import Check, Refusal
from digipoort_wus.process.admission import (
    FORGOTTEN_AT_ONCE,
    KEPT_LONGER,
    Admission,
    Rates,
    Seal,
)
from digipoort_wus.process.authorisation import (
    EVERYBODY,
    AuthorisationTable,
    Others,
    PartyRow,
    Right,
    authorisation_table,
)
from digipoort_wus.store.ports import Transaction
from digipoort_wus.store.sqlite import SqliteStore, open_sqlite
from tests.unit.process.sandbox import OTHER, SENDER, START, TurnableClock, caller, done

ROW = PartyRow(SENDER, rights=frozenset({Right.STATUSINFORMATIE, Right.ECHO}))


def seal(number: int, minutes: float = 15) -> Seal:
    return Seal(hashlib.sha256(str(number).encode()).digest(), START + timedelta(minutes=minutes))


def refused(future: Future[None]) -> Check:
    error = future.exception(20)
    assert isinstance(error, Refusal), error
    return error.check


def remembered(store: SqliteStore) -> int:
    row = store._connection.execute("SELECT count(*) FROM question").fetchone()
    return int(row[0])


class Door:
    """An admission over a store of its own."""

    def __init__(self, directory: Path, table: AuthorisationTable = EVERYBODY) -> None:
        self.clock = TurnableClock()
        self.store = open_sqlite(directory)
        self.admission = Admission(table, self.store, self.clock)

    def ask(
        self, what: Seal | None, right: Right = Right.STATUSINFORMATIE, oin: str = SENDER
    ) -> Future[None]:
        return self.admission.admit(caller(oin), right, what)

    def __enter__(self) -> "Door":
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()


# --- Replay -------------------------------------------------------------------------


@pytest.mark.parametrize("right", [Right.STATUSINFORMATIE, Right.OPHALEN, Right.ECHO])
def test_a_question_is_asked_once(tmp_path: Path, right: Right) -> None:
    with Door(tmp_path) as door:
        done(door.ask(seal(1), right))
        assert refused(door.ask(seal(1), right)) is checks.WSS_REPLAY
        done(door.ask(seal(2), right))
        assert refused(door.ask(seal(1), right)) is checks.WSS_REPLAY


def test_a_filing_may_come_again_and_leaves_no_trace(tmp_path: Path) -> None:
    with Door(tmp_path) as door:
        for _ in range(3):
            done(door.ask(seal(1), Right.AANLEVEREN))
        assert remembered(door.store) == 0


def test_what_is_not_signed_cannot_be_recognised(tmp_path: Path) -> None:
    with Door(tmp_path) as door:
        for _ in range(3):
            done(door.ask(None, Right.ECHO))
        assert remembered(door.store) == 0


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    with Door(tmp_path) as door:
        done(door.ask(seal(1)))
    with Door(tmp_path) as door:
        assert refused(door.ask(seal(1))) is checks.WSS_REPLAY


def test_the_answer_waits_for_the_commit(tmp_path: Path) -> None:
    with Door(tmp_path) as door:
        release, busy = threading.Event(), threading.Event()

        def wait(_: Transaction) -> None:
            busy.set()
            release.wait(20)

        door.store.write(wait)
        assert busy.wait(20)
        asked = door.ask(seal(1))
        assert not asked.done()
        release.set()
        done(asked)


def test_of_many_at_the_same_instant_one_passes(tmp_path: Path) -> None:
    with Door(tmp_path) as door:
        start = threading.Barrier(8)
        outcomes: list[BaseException | None] = []

        def ask() -> None:
            # A door for each: what decides is the store.
            mine = Admission(EVERYBODY, door.store, door.clock)
            start.wait()
            asked = [mine.admit(caller(), Right.OPHALEN, seal(number)) for number in range(20)]
            outcomes.extend(future.exception(20) for future in asked)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        refusals = [error for error in outcomes if isinstance(error, Refusal)]
        assert [error for error in outcomes if error is not None] == refusals
        assert {refusal.check for refusal in refusals} == {checks.WSS_REPLAY}
        assert (len(outcomes), len(refusals)) == (160, 140)


def test_what_is_expired_is_forgotten_little_by_little(tmp_path: Path) -> None:
    with Door(tmp_path) as door:
        for number in range(3 * FORGOTTEN_AT_ONCE):
            done(door.ask(seal(number)))
        assert remembered(door.store) == 3 * FORGOTTEN_AT_ONCE
        door.clock.now = seal(0).valid_until + KEPT_LONGER
        for number in range(FORGOTTEN_AT_ONCE):
            done(door.ask(seal(10_000 + number, minutes=500)))
        assert remembered(door.store) == 4 * FORGOTTEN_AT_ONCE, "on the last moment it still counts"
        door.clock.turn(milliseconds=1)
        left = []
        for number in range(2 * FORGOTTEN_AT_ONCE):
            done(door.ask(seal(20_000 + number, minutes=500)))
            left.append(remembered(door.store))
        assert max(left) - min(left) <= 2 * FORGOTTEN_AT_ONCE
        assert left[-1] == 3 * FORGOTTEN_AT_ONCE
        assert refused(door.ask(seal(20_000, minutes=500))) is checks.WSS_REPLAY


def test_who_is_refused_leaves_nothing_in_the_store(tmp_path: Path) -> None:
    with Door(tmp_path, authorisation_table([ROW])) as door:
        assert refused(door.ask(seal(1), oin=OTHER)) is checks.PARTY_ENABLED
        assert refused(door.ask(seal(2), Right.OPHALEN)) is checks.PARTY_AUTHORISED
        assert remembered(door.store) == 0
        done(door.ask(seal(2)))
        assert remembered(door.store) == 1


# --- The table ----------------------------------------------------------------------


def test_the_table_is_replaced_between_two_requests(tmp_path: Path) -> None:
    with Door(tmp_path) as door:
        done(door.ask(seal(1)))
        door.admission.table = authorisation_table(
            [replace(ROW, disabled="unpaid")], others=Others.ADMITTED
        )
        assert refused(door.ask(seal(2))) is checks.PARTY_ENABLED
        done(door.ask(seal(2), oin=OTHER))
        door.admission.table = authorisation_table([ROW])
        done(door.ask(seal(3)))
        assert refused(door.ask(seal(4), oin=OTHER)) is checks.PARTY_ENABLED


def test_a_disabled_tls_peer_carries_nothing(tmp_path: Path) -> None:
    rows = [ROW, PartyRow(OTHER, disabled="unpaid")]
    with Door(tmp_path, authorisation_table(rows)) as door:
        carried = replace(caller(), tls_oin=OTHER)
        asked = door.admission.admit(carried, Right.ECHO, None)
        assert refused(asked) is checks.PARTY_ENABLED


# --- Requests a minute ----------------------------------------------------------------


def test_requests_of_a_minute_are_counted_for_each_party(tmp_path: Path) -> None:
    rows = [replace(ROW, requests_per_minute=3), replace(ROW, oin=OTHER, requests_per_minute=1)]
    with Door(tmp_path, authorisation_table(rows)) as door:
        for _ in range(3):
            done(door.ask(None, Right.ECHO))
        assert refused(door.ask(None, Right.ECHO)) is checks.PARTY_RATE
        done(door.ask(None, Right.ECHO, OTHER))
        assert refused(door.ask(None, Right.ECHO, OTHER)) is checks.PARTY_RATE
        door.clock.turn(seconds=59.999)
        assert refused(door.ask(None, Right.ECHO)) is checks.PARTY_RATE
        door.clock.turn(milliseconds=1)
        done(door.ask(None, Right.ECHO))


def test_what_is_refused_for_another_reason_counts_as_well(tmp_path: Path) -> None:
    with Door(tmp_path, authorisation_table([replace(ROW, requests_per_minute=4)])) as door:
        assert refused(door.ask(None, Right.OPHALEN)) is checks.PARTY_AUTHORISED
        done(door.ask(seal(1)))
        assert refused(door.ask(seal(1))) is checks.WSS_REPLAY
        done(door.ask(seal(2)))
        assert refused(door.ask(seal(3))) is checks.PARTY_RATE
        assert refused(door.ask(None, Right.OPHALEN)) is checks.PARTY_RATE
        door.clock.turn(minutes=1)
        done(door.ask(seal(3)))


def test_a_disabled_party_is_told_so_before_it_is_counted(tmp_path: Path) -> None:
    row = replace(ROW, disabled="unpaid", requests_per_minute=1)
    with Door(tmp_path, authorisation_table([row])) as door:
        for _ in range(3):
            assert refused(door.ask(None, Right.ECHO)) is checks.PARTY_ENABLED


def test_counters_are_kept_for_limits_and_for_one_minute_only() -> None:
    rates = Rates()
    for number in range(100):
        rates.count(replace(ROW, oin=f"00000099{number:012d}"), START)
    assert rates._counted == {}
    limited = [replace(ROW, oin=f"00000099{n:012d}", requests_per_minute=9) for n in range(100)]
    for row in limited:
        rates.count(row, START)
    assert len(rates._counted) == 100
    rates.count(limited[0], START + timedelta(minutes=1))
    assert len(rates._counted) == 1


def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    rates, row = Rates(), replace(ROW, requests_per_minute=1)
    rates.count(row, START)
    rates.count(row, START - timedelta(hours=1))
    with pytest.raises(Refusal):
        rates.count(row, START - timedelta(hours=1))
