"""Batches are stamped behind their seal, by a real authority on good days and bad ones."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from digipoort_wus.clock import to_milliseconds
from digipoort_wus.delivery.stamping import StampAuthority, StampRow
from digipoort_wus.evidence.batch import believed, stamped_octets
from digipoort_wus.evidence.findings import Disproved, Problem
from digipoort_wus.evidence.stamp import (
    Believed,
    NoStamp,
    Stamping,
    StampPolicy,
    stamp_query,
    verify_stamp,
)
from digipoort_wus.evidence.verify import Trust
from digipoort_wus.pki.identity import Identity
from digipoort_wus.pki.testpki import keys_from, make_pki
from digipoort_wus.process.checking import verify_store
from digipoort_wus.process.retry import RetryPolicy
from digipoort_wus.process.sealing import batch_of, seal_batch
from digipoort_wus.process.stamping import Some, Stamper, Unwatched
from digipoort_wus.store.ports import BatchRow
from tests.conftest import CERTS_TEST
from tests.tsa_server import Give, TsaServer, always, late, send, stamps, tsa_server
from tests.unit.evidence.authority import StampAuthority as OpenSsl
from tests.unit.evidence.authority import make_authority
from tests.unit.process.sandbox import Sandbox, TurnableClock, opened

SECOND = timedelta(seconds=1)


def _now() -> datetime:
    """Return the moment by the system's clock, by which openssl stamps."""
    return to_milliseconds(datetime.now(UTC))


# About right; a test may begin minutes after this.
RETRY = RetryPolicy(10 * SECOND, 40 * SECOND)
HOUR = timedelta(hours=1)


@dataclass
class Counted(Unwatched):
    kept: int = 0
    failed: int = 0

    def stamp_kept(self) -> None:
        self.kept += 1

    def stamp_failed(self) -> None:
        self.failed += 1


@dataclass
class Stamped:
    sandbox: Sandbox
    tsa: TsaServer
    stamper: Stamper
    counted: Counted
    signer: Identity

    def seal(self) -> BatchRow:
        self.sandbox.accept()
        sealed = seal_batch(self.sandbox.store, self.signer, self.sandbox.clock())
        assert sealed is not None
        return sealed

    def batches(self) -> list[BatchRow]:
        return list(self.sandbox.store.read(lambda reader: reader.batches(0, 100)))

    def run(self) -> timedelta | None:
        """Run what is due; return after which time it wants to look again."""
        due = self.stamper.run_due(lambda: False)
        return None if due is None else due - self.sandbox.clock()


@pytest.fixture(scope="session")
def signer() -> Identity:
    pki = make_pki("g1", now=_now(), key_source=keys_from(CERTS_TEST / "g1"))
    return pki.identities["gateway-signing"]


@pytest.fixture
def stamped(tmp_path: Path, authority: OpenSsl, signer: Identity) -> Iterator[Stamped]:
    with (
        opened(tmp_path / "data", clock=TurnableClock(_now())) as sandbox,
        tsa_server(authority) as tsa,
    ):
        asks, counted = StampAuthority(StampRow(url=tsa.url, timeout=3)), Counted()
        stamper = Stamper(
            sandbox.store,
            asks,
            Believed((authority.root,), "1.2.3.4.1"),
            StampPolicy(Stamping.REQUIRED, HOUR),
            sandbox.clock,
            watcher=counted,
            chance=lambda: 1.0,
            retry=RETRY,
        )
        yield Stamped(sandbox, tsa, stamper, counted, signer)
        asks.close()


def test_what_is_sealed_is_stamped_and_the_store_verifies(stamped: Stamped) -> None:
    first, second = stamped.seal(), stamped.seal()
    assert stamped.run() is None
    assert stamped.counted.kept == 2
    trust = Trust(
        believed(stamped.signer.certificate),
        (stamped.tsa.authority.root,),
        StampPolicy(Stamping.REQUIRED),
    )
    later = stamped.sandbox.clock() + 9 * HOUR
    report = stamped.sandbox.store.read(lambda reader: verify_store(reader, trust, later))
    assert (report.findings, report.batches, report.stamps) == ((), 2, 2)
    for row, sealed in zip(stamped.batches(), (first, second), strict=True):
        assert row.token is not None
        over = stamped_octets(batch_of(sealed), sealed.signature)
        assert verify_stamp(row.token, over, trust.stamp_roots).at == row.stamped_at
    # Nothing is left, so nobody is asked.
    stamped.run()
    assert len(stamped.tsa.asked) == 2


def test_each_bad_answer_is_told_and_not_kept(
    stamped: Stamped, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority = stamped.tsa.authority
    batch = stamped.seal()
    over = stamped_octets(batch_of(batch), batch.signature)
    (tmp_path / "other").mkdir()
    (tmp_path / "ended").mkdir()
    other = make_authority(tmp_path / "other")
    answers: dict[str, tuple[Give, str]] = {
        "of another question": (always(authority.answer(stamp_query(over).octets)), "Nonce"),
        "over something else": (other_imprint(authority), "messages"),
        "of somebody else": (stamps(other), "certificates"),
        "of one whose time is over": (stamps(make_authority(tmp_path / "ended", ended=True)), ""),
        "no DER": (always(b"<html>"), "can be read"),
        "nothing": (always(b""), "can be read"),
        "refused": (always(bytes.fromhex("30053003020102")), ""),
        "500": (always(b"", status=500), "HTTP 500"),
        "another type": (always(b"", media_type="text/plain"), "timestamp-reply"),
        "too late": (late(5, stamps(authority)), "in time"),
        "too much": (always(bytes(1 << 20)), "more than"),
    }
    for name, (give, told) in answers.items():
        stamped.tsa.give = give
        caplog.clear()
        with caplog.at_level(logging.INFO):
            pause = stamped.run()
        assert pause is not None, name
        (record,) = [one for one in caplog.records if one.name.endswith("stamping")]
        assert record.__dict__["event"] == "stamp-failed", name
        assert told in record.getMessage(), (name, record.getMessage())
        assert stamped.batches()[0].token is None
        stamped.sandbox.clock.turn(seconds=pause.total_seconds())
    assert stamped.counted == Counted(0, len(answers))
    # The clocks are far apart by now; the gateway's is set right.
    stamped.sandbox.clock.now = _now()
    stamped.tsa.give = stamps(authority)
    assert stamped.stamper.stamp_some() == Some(1, 0)
    assert stamped.batches()[0].token is not None


def other_imprint(authority: OpenSsl) -> Give:
    """Answer over other octets, with the nonce that was asked for."""

    def give(handler: object, query: bytes) -> None:
        # SHA-256 of the imprint: 32 octets behind their tag and length.
        at = query.index(b"\x04\x20") + 2
        send(handler, authority.answer(query[:at] + bytes(32) + query[at + 32 :]))  # type: ignore[arg-type]

    return give


def test_another_policy_is_not_believed(stamped: Stamped, signer: Identity) -> None:
    batch = stamped.seal()
    authority = stamped.tsa.authority
    stamper = Stamper(
        stamped.sandbox.store,
        authority.answer,
        Believed((authority.root,), "1.2.3.4.2"),
        StampPolicy(Stamping.WANTED),
        stamped.sandbox.clock,
        watcher=Unwatched(),
        chance=lambda: 1.0,
    )
    with pytest.raises(Disproved, match="Policy"):
        stamper.stamp(batch)


def test_clocks_that_are_apart(stamped: Stamped) -> None:
    for minutes in (-7, 7):
        # The authority's clock is that of the machine.
        stamped.sandbox.clock.now = _now() + timedelta(minutes=minutes)
        batch = stamped.seal()
        with pytest.raises(Disproved) as caught:
            stamped.stamper.stamp(batch)
        assert caught.value.problem is Problem.STAMP_TIME
    # When the clock is right again, the batch of the future gets a stamp that shows what it was.
    stamped.sandbox.clock.now = _now()
    assert stamped.stamper.stamp_some() == Some(2, 0)
    trust = Trust(believed(stamped.signer.certificate), (stamped.tsa.authority.root,))
    report = stamped.sandbox.store.read(lambda r: verify_store(r, trust, stamped.sandbox.clock()))
    assert [(one.problem, one.batch) for one in report.findings] == [(Problem.STAMP_TIME, 2)]


def test_it_backs_off_whoever_wakes_it_and_sealing_goes_on(
    stamped: Stamped, caplog: pytest.LogCaptureFixture
) -> None:
    stamped.tsa.give = always(b"", status=503)
    stamped.seal()
    assert stamped.run() == 10 * SECOND
    stamped.seal()
    assert stamped.run() == 10 * SECOND
    assert len(stamped.tsa.asked) == 1
    pauses = []
    for _ in range(3):
        stamped.sandbox.clock.turn(seconds=40)
        pauses.append(stamped.run())
    assert pauses == [20 * SECOND, 40 * SECOND, 40 * SECOND]
    assert [row.number for row in stamped.batches()] == [1, 2]
    stamped.sandbox.clock.turn(hours=1)
    caplog.clear()
    stamped.run()
    assert [record.__dict__.get("event") for record in caplog.records] == ["stamp-overdue"]


def test_an_operator_does_not_wait_for_the_pause(stamped: Stamped) -> None:
    stamped.tsa.give = always(b"", status=503)
    stamped.seal()
    stamped.run()
    with pytest.raises(NoStamp, match="503"):
        stamped.stamper.stamp_some()
    stamped.tsa.give = stamps(stamped.tsa.authority)
    for _ in range(2):
        stamped.seal()
    assert stamped.stamper.stamp_some(0 * SECOND) == Some(1, 2)
    assert Some.of(str(stamped.stamper.stamp_some())) == Some(2, 0)
    # It worked, so the pause is over.
    stamped.seal()
    assert stamped.run() is None
    assert all(row.token for row in stamped.batches())


def test_somebody_else_was_faster(stamped: Stamped) -> None:
    batch = stamped.seal()
    assert stamped.stamper.stamp(batch) is not None
    kept = stamped.batches()[0].token
    assert stamped.stamper.stamp(batch) is None
    assert stamped.batches()[0].token == kept
    assert stamped.counted == Counted(1, 0)


def test_a_run_that_is_interrupted_asks_nobody(stamped: Stamped) -> None:
    stamped.seal()
    assert stamped.stamper.run_due(lambda: True) is None
    assert stamped.tsa.asked == []
