"""What has to be sent over ebMS: leases, tokens and attempts, on SQLite and on PostgreSQL."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from digipoort_wus.store.ebms_values import EbmsAttempt, EbmsId, EbmsTask
from digipoort_wus.store.ports import LostLease, Store, Transaction
from digipoort_wus.store.postgres import open_postgres
from digipoort_wus.store.secrets import key_ring
from digipoort_wus.store.sql.ebms_tasks import _claimable
from digipoort_wus.store.sql.session import SQLITE
from digipoort_wus.store.sqlite import open_sqlite
from tests.unit.store.conftest import House, sqlite_house
from tests.unit.store.ebms_samples import claim, expire, send
from tests.unit.store.samples import MINUTE, NOW, RING, SECOND, write

URL = "https://them.example/ebms"


def begin(store: Store, task: EbmsTask) -> EbmsAttempt:
    return write(store, lambda t: t.begin_ebms_attempt(task, NOW, URL))


def next_at(store: Store) -> datetime | None:
    return store.read(lambda reader: reader.next_ebms_task_at(NOW))


def test_tasks_are_claimed_when_they_are_due_the_longest_due_first(store: Store) -> None:
    ids = [send(store, f"{n}@us", NOW - n * SECOND) for n in (1, 3, 2)]
    later = send(store, "4@us", NOW + SECOND)
    assert [task.ebms_id for task in claim(store, limit=2)] == [ids[1], ids[2]]
    assert [task.ebms_id for task in claim(store)] == [ids[0]]
    assert claim(store) == []
    (task,) = claim(store, NOW + SECOND)
    assert (task.ebms_id, task.attempts, task.last_at, task.expired) == (later, 0, None, False)
    assert store.read(lambda reader: reader.ebms_task(later)) == task
    assert store.read(lambda reader: reader.ebms_task(EbmsId(99))) is None


def test_a_claim_is_no_attempt_and_a_begin_is(store: Store) -> None:
    ebms_id = send(store)
    (task,) = claim(store)
    write(store, lambda t: t.release_ebms_tasks([task]))
    (task,) = claim(store)
    assert task.attempts == 0
    assert begin(store, task) == EbmsAttempt(1, NOW, URL)
    write(store, lambda t: t.move_ebms_task(task, NOW + MINUTE))
    assert claim(store) == []
    (again,) = claim(store, NOW + MINUTE)
    assert (again.attempts, again.last_at, again.run_at) == (1, NOW, NOW + MINUTE)
    write(store, lambda t: t.begin_ebms_attempt(again, NOW + MINUTE, URL))
    ended = NOW + MINUTE
    write(store, lambda t: t.end_ebms_attempt(ebms_id, 1, ended, "unreached"))
    write(store, lambda t: t.end_ebms_attempt(ebms_id, 1, ended + SECOND, "accepted", 204))
    write(store, lambda t: t.end_ebms_attempt(ebms_id, 2, ended, "accepted", 204))
    assert store.read(lambda reader: reader.ebms_attempts(ebms_id)) == [
        EbmsAttempt(1, NOW, URL, ended, "unreached", None),
        EbmsAttempt(2, ended, URL, ended, "accepted", 204),
    ]


HELD: dict[str, Callable[[Transaction, EbmsTask], object]] = {
    "begin": lambda t, task: t.begin_ebms_attempt(task, NOW, URL),
    "move": lambda t, task: t.move_ebms_task(task, NOW),
    "finish": lambda t, task: t.finish_ebms_task(task),
}


@pytest.mark.parametrize("change", HELD)
def test_who_lost_a_lease_changes_nothing(house: House, change: str) -> None:
    with house.open() as store:
        ebms_id = send(store)
        (first,) = claim(store)
        expire(house, store)
        (second,) = claim(store)
        assert (second.token, second.expired) == (first.token + 1, True)
        with pytest.raises(LostLease):
            write(store, lambda t: HELD[change](t, first))
        assert store.read(lambda reader: reader.ebms_attempts(ebms_id)) == []
        write(store, lambda t: HELD[change](t, second))
        if change != "begin":
            with pytest.raises(LostLease):
                write(store, lambda t: HELD[change](t, second))


def test_what_a_dead_one_left_comes_first(house: House) -> None:
    with house.open() as store:
        orphans = [send(store, f"{n}@us", NOW) for n in range(2)]
        assert len(claim(store)) == 2
        for n in range(2, 6):
            send(store, f"{n}@us", NOW - n * MINUTE)
        expire(house, store)
        found = claim(store, limit=3)
        assert [task.ebms_id for task in found[:2]] == orphans
        assert [task.expired for task in found] == [True, True, False]
        assert len(claim(store)) == 3


def test_a_lease_is_kept_as_long_as_it_is_extended(house: House) -> None:
    with house.open() as store:
        for n in range(2):
            send(store, f"{n}@us")
        tasks = claim(store)
        expire(house, store)
        extended = write(store, lambda t: t.extend_ebms_tasks(tasks, MINUTE))
        assert extended == tasks, "nobody else has claimed them in the meantime"
        assert claim(store) == []
        expire(house, store)
        (taken,) = claim(store, limit=1)
        left = write(store, lambda t: t.extend_ebms_tasks(tasks, MINUTE))
        assert left == [task for task in tasks if task.ebms_id != taken.ebms_id]
        write(store, lambda t: t.release_ebms_tasks(tasks))
        assert [task.ebms_id for task in claim(store)] == [left[0].ebms_id]


def test_a_task_is_dropped_under_who_holds_it_and_its_tokens_do_not_come_back(
    store: Store,
) -> None:
    ebms_id = send(store)
    (task,) = claim(store)
    assert write(store, lambda t: t.drop_ebms_task(ebms_id)) is True
    assert write(store, lambda t: t.drop_ebms_task(ebms_id)) is False
    write(store, lambda t: t.put_ebms_task(ebms_id, NOW))
    for change in HELD.values():
        with pytest.raises(LostLease):
            write(store, lambda t, do=change: do(t, task))  # type: ignore[misc]
    (again,) = claim(store)
    assert again.token > task.token + 1
    with pytest.raises(KeyError):
        write(store, lambda t: t.put_ebms_task(EbmsId(99), NOW))


def test_a_task_that_is_there_comes_earlier_and_not_later(store: Store) -> None:
    ebms_id = send(store, at=NOW + MINUTE)
    write(store, lambda t: t.put_ebms_task(ebms_id, NOW + 2 * MINUTE))
    assert store.read(lambda reader: reader.next_ebms_task_at(NOW)) == NOW + MINUTE
    write(store, lambda t: t.put_ebms_task(ebms_id, NOW))
    assert store.read(lambda reader: reader.next_ebms_task_at(NOW)) == NOW
    assert len(claim(store)) == 1


def test_it_tells_when_there_is_something_next(house: House) -> None:
    with house.open() as store:
        assert next_at(store) is None
        send(store, at=NOW + 3 * timedelta(hours=1))
        assert next_at(store) == NOW + 3 * timedelta(hours=1)
        send(store, "2@us")
        assert next_at(store) == NOW
        (task,) = claim(store)
        found = next_at(store)
        assert found is not None
        assert NOW < found <= NOW + MINUTE, "when its lease ends"
        expire(house, store)
        assert next_at(store) == NOW
        write(store, lambda t: t.drop_ebms_task(task.ebms_id))
        assert next_at(store) == NOW + 3 * timedelta(hours=1)


def test_who_opens_a_data_directory_has_no_other_beside_it(tmp_path: Path) -> None:
    with open_sqlite(tmp_path, key_ring(RING)) as store:
        send(store)
        (held,) = claim(store)
        assert claim(store) == []
    with open_sqlite(tmp_path, key_ring(RING)) as store:
        (task,) = claim(store)
        assert (task.ebms_id, task.expired) == (held.ebms_id, True)


def test_no_two_of_many_claim_the_same(postgres_database: str, tmp_path: Path) -> None:
    ring = key_ring(RING)
    with (
        open_postgres(postgres_database, tmp_path, ring) as one,
        open_postgres(postgres_database, tmp_path, ring) as other,
        ThreadPoolExecutor(8) as threads,
    ):
        ids = {send(one, f"{n}@us") for n in range(40)}
        stores = [one, other] * 20
        found = list(threads.map(lambda store: claim(store, limit=3), stores))
    taken = [task.ebms_id for tasks in found for task in tasks]
    assert len(taken) == len(set(taken))
    assert set(taken) == ids


def test_each_half_of_a_claim_goes_by_an_index(tmp_path: Path) -> None:
    with sqlite_house(tmp_path).open() as store:
        statement = "EXPLAIN QUERY PLAN " + _claimable(SQLITE)
        explain = lambda t: t._execute(statement, [1, 1, 1]).fetchall()  # noqa: E731
        plan = "\n".join(row[3] for row in store.write(explain).result())
    assert "USING INDEX ebms_task_free (run_at<?)" in plan
    assert "USING COVERING INDEX ebms_task_leased (lease_until<?)" in plan
    assert "SCAN ebms_task" not in plan
    assert "TEMP B-TREE" not in plan
