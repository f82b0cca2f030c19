"""Sealing while a clock is wrong, and after it."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from digipoort_wus.evidence.batch import believed
from digipoort_wus.evidence.findings import Disproved, Finding, Problem
from digipoort_wus.evidence.stamp import Stamping, StampPolicy, StampState
from digipoort_wus.evidence.verify import Trust
from digipoort_wus.pki.identity import Identity
from digipoort_wus.pki.testpki import TestPki
from digipoort_wus.process.checking import verify_store
from digipoort_wus.process.sealing import SEALED_WITHIN, seal_batch, seal_due
from tests.messages import NOW
from tests.unit.process.sandbox import Sandbox, TurnableClock, opened

DAY = timedelta(days=1)


@pytest.fixture
def signer(g1: TestPki) -> Identity:
    return g1.identities["gateway-signing"]


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with opened(tmp_path / "data", clock=TurnableClock(NOW)) as made:
        yield made


def findings(sandbox: Sandbox, signer: Identity) -> tuple[Finding, ...]:
    trust = Trust(believed(signer.certificate))
    return sandbox.store.read(lambda r: verify_store(r, trust, sandbox.clock())).findings


def test_one_filing_of_a_clock_that_was_ahead_spoils_nothing_behind_it(
    sandbox: Sandbox, signer: Identity
) -> None:
    sandbox.accept()
    first = seal_batch(sandbox.store, signer, sandbox.clock())
    sandbox.clock.turn(days=3650)
    kenmerk = sandbox.accept().kenmerk
    sandbox.clock.turn(days=-3650)
    sealed_at: list[datetime] = []
    for _ in range(4):
        sandbox.accept()
        batch = seal_batch(sandbox.store, signer, sandbox.clock())
        assert batch is not None
        sealed_at.append(batch.sealed_at)
        sandbox.clock.turn(days=1)
    assert first is not None
    assert sealed_at == [NOW, NOW + DAY, NOW + 2 * DAY, NOW + 3 * DAY]
    found = findings(sandbox, signer)
    # Its own entries are told, in the batch that has them; and nothing else is.
    assert {(one.problem, one.kenmerk, one.batch) for one in found} == {
        (Problem.BATCH_TIME, kenmerk, 2)
    }
    oldest = sandbox.store.read(lambda reader: reader.unstamped(1))[0].sealed_at
    policy = StampPolicy(Stamping.REQUIRED)
    assert policy.state(oldest, sandbox.clock()) is StampState.NOT_READY


def test_a_batch_that_was_dated_ahead_is_told_once(sandbox: Sandbox, signer: Identity) -> None:
    for days in (0, 1, -1, 0):
        sandbox.clock.turn(days=days)
        sandbox.accept()
        seal_batch(sandbox.store, signer, sandbox.clock())
    assert [(one.problem, one.batch) for one in findings(sandbox, signer)] == [
        (Problem.BATCH_TIME, 3)
    ]


def test_clocks_of_two_gateways_may_be_minutes_apart(sandbox: Sandbox, signer: Identity) -> None:
    for minutes in (0, 4, -4, 4):
        sandbox.clock.turn(minutes=minutes)
        sandbox.accept()
        seal_batch(sandbox.store, signer, sandbox.clock() - timedelta(minutes=1))
    assert findings(sandbox, signer) == ()


def test_nothing_is_sealed_with_a_certificate_that_is_not_valid(
    sandbox: Sandbox, signer: Identity, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.accept()
    for at in (
        signer.certificate.not_valid_after_utc + DAY,
        signer.certificate.not_valid_before_utc - DAY,
    ):
        caplog.clear()
        sandbox.clock.now = at
        sandbox.accept()
        assert seal_due(sandbox.store, signer, at + 2 * SEALED_WITHIN) == at + 3 * SEALED_WITHIN
        assert [one.__dict__["event"] for one in caplog.records] == ["seal-failed"]
        with pytest.raises(Disproved, match="not valid at that time"):
            seal_batch(sandbox.store, signer, at)
    assert sandbox.store.read(lambda reader: reader.batches(0, 10)) == []
    with caplog.at_level(logging.ERROR):
        seal_due(sandbox.store, signer, NOW + 2 * SEALED_WITHIN)
    assert len(sandbox.store.read(lambda reader: reader.batches(0, 10))) == 1


def test_a_batch_of_the_future_is_overdue_at_once() -> None:
    policy = StampPolicy(Stamping.WANTED)
    assert policy.state(NOW + timedelta(minutes=4), NOW) is StampState.FINE
    assert policy.state(NOW + DAY, NOW) is StampState.ALARM
