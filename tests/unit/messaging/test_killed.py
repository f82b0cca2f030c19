"""Whoever sends is gone between any two of its commits: once-only holds all the same."""

from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from digipoort_wus.ebms.cpa_plan import Profile
from digipoort_wus.ebms.opening import Inbound
from digipoort_wus.ebms.terms import SyncReply
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.store.ebms_values import Direction
from digipoort_wus.store.ports import Reader, Store, Transaction
from digipoort_wus.store.values import Prepared
from tests.unit.messaging.parties import Gateway, Killed, Two, two_gateways

T = TypeVar("T")


class Mortal:
    """A store whose process ends at its nth write from now: before the commit, or behind it."""

    def __init__(self, store: Store, left: int, *, committed: bool) -> None:
        self.store = store
        self.left = left
        self.committed = committed

    def write(self, work: Callable[[Transaction], T]) -> "Future[T]":
        self.left -= 1
        if self.left:
            return self.store.write(work)
        if self.committed:
            self.store.write(work).result()
        raise Killed

    def read(self, work: Callable[[Reader], T]) -> T:
        return self.store.read(work)

    def prepare(self, *given: object) -> Prepared:
        return self.store.prepare(*given)  # type: ignore[arg-type]

    def discard(self, prepared: Prepared) -> "Future[None]":
        return self.store.discard(prepared)

    def let_go(self, prepared: Prepared) -> None:
        self.store.let_go(prepared)


def mortal(gateway: Gateway, left: int, *, committed: bool) -> Mortal:
    store = Mortal(gateway.store, left, committed=committed)
    gateway.service.house.store = store  # type: ignore[assignment]
    return store


def run_with_deaths(two: Two) -> None:
    """Have both work until the end of all time; whoever dies is there again at once."""
    for _ in range(6):
        for gateway in (two.agency, two.digipoort):
            while worked(two, gateway):
                pass
        two.time.pass_by(timedelta(hours=1, minutes=30))


def worked(two: Two, gateway: Gateway) -> bool:
    try:
        return gateway.outbox.run_once() > 0
    except Killed:
        two.wire.buried(gateway)
        return True


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("sync_reply", [SyncReply.NONE, SyncReply.SIGNALS])
@pytest.mark.parametrize("name", ["agency", "digipoort"])
def test_a_death_at_each_commit(
    g1: TestPki, tmp_path: Path, name: str, sync_reply: SyncReply, committed: bool
) -> None:
    places = 0
    for left in range(1, 12):
        directory = tmp_path / str(left)
        with two_gateways(g1, directory, Profile.RM_S, sync_reply=sync_reply) as two:
            two.agency.service.send(two.agency.letter(two.pair))
            mortal(two.wire.named(name), left, committed=committed)
            run_with_deaths(two)
            (came,) = two.digipoort.rows(Direction.IN)
            assert two.digipoort.told() == ["RECEIVED"], left
            (went,) = two.agency.rows(Direction.OUT)
            assert (went.state, two.agency.told()) == ("DELIVERED", ["DELIVERED"]), left
            assert came.head.key.message_id == went.head.key.message_id
            if not two.wire.died:
                break
            places += 1
    # Claim, attempt, what a signal says and what came of the attempt; or keeping, and the like.
    assert places >= 3 if sync_reply is SyncReply.NONE or name == "agency" else places >= 1


@pytest.mark.parametrize("committed", [False, True])
def test_best_effort_is_never_sent_twice(g1: TestPki, tmp_path: Path, committed: bool) -> None:
    for left in range(1, 5):
        with two_gateways(g1, tmp_path / str(left), Profile.BE) as two:
            two.agency.service.send(two.agency.letter(two.pair))
            mortal(two.agency, left, committed=committed)
            run_with_deaths(two)
            came = len(two.digipoort.rows(Direction.IN))
            (state,) = two.agency.told()
            assert came <= 1
            assert state in ("DELIVERED", "FAILED")
            assert state == "FAILED" or came == 1


@pytest.mark.parametrize("committed", [False, True])
def test_who_sends_and_dies_sends_again_under_the_same_id(
    g1: TestPki, tmp_path: Path, committed: bool
) -> None:
    with two_gateways(g1, tmp_path) as two:
        mortal(two.agency, 1, committed=committed)
        letter = two.agency.letter(two.pair, "given@agency.example")
        with pytest.raises(Killed):
            two.agency.service.send(letter)
        two.wire.buried(two.agency)
        for _ in range(2):
            assert two.agency.service.send(letter) == "given@agency.example"
        two.wire.run()
        (row,) = two.agency.rows()
        assert row.state == "DELIVERED"
        assert two.digipoort.told() == ["RECEIVED"]


def test_nobody_is_answered_before_the_commit(g1: TestPki, tmp_path: Path) -> None:
    """The process that received dies behind its commit: the repeat gets the first answer."""
    with two_gateways(g1, tmp_path, sync_reply=SyncReply.SIGNALS) as two:
        two.agency.service.send(two.agency.letter(two.pair))
        mortal(two.digipoort, 1, committed=True)
        two.agency.outbox.run_once()
        assert two.wire.died == ["digipoort"]
        ((_, octets),) = two.wire.seen
        (row,) = two.digipoort.rows()
        kept = two.digipoort.backend.progress(row.ebms_id).answer
        content_type = two.agency.rows()[0].head.content_type
        peer = two.agency.side.certificate
        for _ in range(2):
            reply = two.digipoort.service.receive(Inbound(content_type, octets, peer, two.time.now))
            assert kept is not None
            assert (reply.status, reply.body) == (200, kept.octets)
