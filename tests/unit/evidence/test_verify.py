"""Verification of stored evidence: every change is found, and named where it was made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import BinaryIO

import pytest

from digipoort_wus.errors import DigipoortError
from digipoort_wus.evidence.batch import batch_hash, believed, sign_batch
from digipoort_wus.evidence.blinded import blind
from digipoort_wus.evidence.entry import entry_hash
from digipoort_wus.evidence.events import Cancelled, Fetched
from digipoort_wus.evidence.findings import Problem
from digipoort_wus.evidence.rows import BatchRow
from digipoort_wus.evidence.stamp import Stamping, StampPolicy
from digipoort_wus.evidence.verify import Trust, verify_history
from digipoort_wus.filing.status import Status
from digipoort_wus.pki.testpki import TestPki
from tests.unit.evidence.authority import StampAuthority
from tests.unit.evidence.history import A, B, C, History, purge
from tests.unit.evidence.tampering import batch, drop, entry, keep, octets

MOMENT = timedelta(milliseconds=1)
Found = set[tuple[Problem, str | None, int | None, int | None]]


def found(history: History, trust: Trust | None = None) -> Found:
    report = history.verify(trust)
    for finding in report.findings:
        assert finding.problem.id in finding.sentence()
    return {(f.problem, f.kenmerk, f.seq, f.batch) for f in report.findings}


def test_a_story_holds(stamped: History, unstamped: History) -> None:
    report = stamped.verify()
    assert report.findings == ()
    assert (report.kenmerken, report.entries, report.unsealed) == (3, 31, 0)
    assert (report.batches, report.stamps, report.unjudged_stamps) == (3, 3, 0)
    assert unstamped.verify().findings == ()
    blind = stamped.verify(replace(stamped.trust, stamp_roots=()))
    assert (blind.findings, blind.stamps, blind.unjudged_stamps) == ((), 0, 3)


@dataclass(frozen=True)
class Tampering:
    """A change, and all that is to be said about it."""

    change: Callable[[History], object]
    found: Found


def rewrite(history: History) -> None:
    """Change a status as one who can compute hashes: the chain holds from there to its end."""
    rows = history.rows_of(A)
    before = rows[1].hash
    for row in rows[2:]:
        changed = row.octets.replace(b'"105"', b'"311"')
        before = entry_hash(before, changed)
        entry(history, A, row.seq, octets=changed, hash=before)


def swap_numbers(history: History) -> None:
    (i, one), (j, other) = (
        next((i, r) for i, r in enumerate(history.entries) if (r.kenmerk, r.seq) == (A, seq))
        for seq in (3, 4)
    )
    history.entries[i], history.entries[j] = replace(one, seq=4), replace(other, seq=3)


def sign_again(history: History) -> None:
    """Change the time of a batch as one who has the key."""
    row = history.batches[1]
    later = replace(row.batch, sealed_at=row.batch.sealed_at + MOMENT)
    signature = sign_batch(later, history.signing.private_key)
    history.batches[1] = BatchRow(later, signature)


E, K, P = Problem, "bericht-a1", (None, None)
TAMPERINGS: Mapping[str, Tampering] = {
    "octets of an entry": Tampering(
        lambda h: octets(h, A, 3, b'"105"', b'"100"'), {(E.ENTRY_HASH, A, 3, None)}
    ),
    "an entry is no JSON": Tampering(
        lambda h: entry(h, A, 11, octets=b"{"),
        {(E.ENTRY_HASH, A, 11, None), (E.ENTRY_FORM, A, 11, None)},
    ),
    "hash of an entry": Tampering(
        lambda h: entry(h, A, 3, hash=bytes(32)),
        {
            (E.ENTRY_HASH, A, 3, None),
            (E.ENTRY_HASH, A, 4, None),
            (E.BATCH_ROOT, None, None, 1),
        },
    ),
    "an entry is changed, and all hashes behind it": Tampering(
        rewrite,
        {(E.BATCH_ROOT, None, None, number) for number in (1, 2, 3)},
    ),
    "an entry is dropped": Tampering(
        lambda h: drop(h, A, 3),
        {
            (E.ENTRY_MISSING, A, 3, None),
            (E.BATCH_LEAVES, None, None, 1),
            (E.KEPT_CHANGED, A, 1, None),
        },
    ),
    "the last entry is dropped": Tampering(
        lambda h: drop(h, A, 11), {(E.BATCH_LEAVES, None, None, 3)}
    ),
    "a whole chain is dropped": Tampering(
        lambda h: drop(h, B, *range(1, 11)),
        {(E.BATCH_LEAVES, None, None, number) for number in (1, 2, 3)},
    ),
    "an entry is there twice": Tampering(
        lambda h: h.entries.append(h.rows_of(A)[2]),
        {
            (E.ENTRY_TWICE, A, 3, None),
            (E.BATCH_LEAVES, None, None, 1),
            (E.KEPT_CHANGED, A, 1, None),
        },
    ),
    "two entries have each other's number": Tampering(
        swap_numbers,
        {
            *((E.ENTRY_HASH, A, seq, None) for seq in (3, 4, 5)),
            *((E.ENTRY_PLACE, A, seq, None) for seq in (3, 4)),
            (E.ENTRY_TIME, A, 4, None),
            (E.ENTRY_BATCH, A, 4, 1),
            (E.KEPT_CHANGED, A, 3, None),
            (E.KEPT_CHANGED, A, 4, None),
        },
    ),
    "an entry is given to another kenmerk": Tampering(
        lambda h: entry(h, A, 11, kenmerk=C),
        {
            (E.ENTRY_PLACE, C, 11, None),
            (E.ENTRY_HASH, C, 11, None),
            (E.ENTRY_TIME, C, 11, None),
            (E.ENTRY_BATCH, C, 11, 3),
        },
    ),
    "time column": Tampering(lambda h: entry(h, A, 3, at=h.now), {(E.ENTRY_PLACE, A, 3, None)}),
    "kind column": Tampering(
        lambda h: entry(h, A, 3, kind="fetched"), {(E.ENTRY_PLACE, A, 3, None)}
    ),
    "an entry is taken out of its batch": Tampering(
        lambda h: entry(h, A, 11, batch=None, leaf=None), {(E.BATCH_LEAVES, None, None, 3)}
    ),
    "an entry in the middle is taken out of its batch": Tampering(
        lambda h: entry(h, A, 5, batch=None, leaf=None),
        {(E.BATCH_LEAVES, None, None, 1), (E.ENTRY_BATCH, A, 6, 2)},
    ),
    "an entry names no batch that is there": Tampering(
        lambda h: entry(h, A, 11, batch=4),
        {(E.BATCH_LEAVES, None, None, 3), (E.ENTRY_BATCH, A, 11, 4)},
    ),
    "root of a batch": Tampering(
        lambda h: batch(h, 2, root=bytes(32)),
        {
            (E.BATCH_ROOT, None, None, 2),
            (E.BATCH_SIGNATURE, None, None, 2),
            (E.BATCH_LINK, None, None, 3),
        },
    ),
    "time of a batch": Tampering(
        lambda h: batch(h, 3, sealed_at=h.now + MOMENT), {(E.BATCH_SIGNATURE, None, None, 3)}
    ),
    "time of a batch, and it is signed again": Tampering(
        sign_again, {(E.BATCH_LINK, None, None, 3)}
    ),
    "a batch goes back": Tampering(
        lambda h: batch(h, 3, sealed_at=h.batches[0].batch.sealed_at - timedelta(minutes=5)),
        {
            (E.BATCH_SIGNATURE, None, None, 3),
            (E.BATCH_TIME, None, None, 3),
            *((E.BATCH_TIME, A, seq, 3) for seq in (10, 11)),
            *((E.BATCH_TIME, B, seq, 3) for seq in (9, 10)),
            *((E.BATCH_TIME, C, seq, 3) for seq in (6, 7, 8, 9, 10)),
        },
    ),
    "signature of a batch": Tampering(
        lambda h: batch(h, 2, signature=bytes(256)), {(E.BATCH_SIGNATURE, None, None, 2)}
    ),
    "signer of a batch": Tampering(
        lambda h: batch(h, 2, signer=bytes(32)),
        {(E.BATCH_SIGNER, None, None, 2), (E.BATCH_LINK, None, None, 3)},
    ),
    "a batch of numbers that none has": Tampering(
        lambda h: batch(h, 3, leaves=2**60),
        {(E.BATCH_LEAVES, None, None, 3), (E.BATCH_SIGNATURE, None, None, 3)},
    ),
    "a batch is dropped": Tampering(lambda h: h.batches.pop(1), {(E.BATCH_MISSING, None, None, 2)}),
    "the last batch is dropped": Tampering(
        lambda h: h.batches.pop(2),
        {
            *((E.ENTRY_BATCH, A, seq, 3) for seq in (10, 11)),
            *((E.ENTRY_BATCH, B, seq, 3) for seq in (9, 10)),
            *((E.ENTRY_BATCH, C, seq, 3) for seq in (6, 7, 8, 9, 10)),
        },
    ),
    "a batch is there twice": Tampering(
        lambda h: h.batches.append(h.batches[1]), {(E.BATCH_TWICE, None, None, 2)}
    ),
    "a status is changed": Tampering(
        lambda h: keep(h, A, K, statuses=(Status("311", h.now), *h.kept[A][K].statuses[1:])),
        {(E.KEPT_CHANGED, A, 3, None)},
    ),
    "the last status is dropped": Tampering(
        lambda h: keep(h, A, K, statuses=h.kept[A][K].statuses[:-1]),
        {(E.KEPT_CHANGED, A, 1, None)},
    ),
    "a status is added": Tampering(
        lambda h: keep(h, A, K, statuses=(*h.kept[A][K].statuses, Status("510", h.now))),
        {(E.KEPT_CHANGED, A, 1, None)},
    ),
    "the request is changed": Tampering(
        lambda h: keep(h, A, K, request=b"<x/>"), {(E.KEPT_CHANGED, A, 1, None)}
    ),
    "the request is gone": Tampering(
        lambda h: keep(h, A, K, request=None), {(E.KEPT_CHANGED, A, 1, None)}
    ),
    "a content is changed": Tampering(
        lambda h: keep(h, A, K, contents=(b"",)), {(E.KEPT_CHANGED, A, 1, None)}
    ),
    "a content is added": Tampering(
        lambda h: keep(h, A, K, contents=(*h.kept[A][K].contents, b"")),
        {(E.KEPT_CHANGED, A, 1, None)},
    ),
    "the certificates are others": Tampering(
        lambda h: keep(h, A, K, certificates=h.kept[A][K].certificates[1:]),
        {(E.KEPT_CHANGED, A, 1, None)},
    ),
    "the CRLs are gone": Tampering(
        lambda h: keep(h, A, K, crls=()), {(E.KEPT_CHANGED, A, 1, None)}
    ),
    "the answer is changed": Tampering(
        lambda h: keep(h, A, K, answer=b""), {(E.KEPT_CHANGED, A, 2, None)}
    ),
    "a secret is destroyed without a word": Tampering(
        lambda h: keep(h, A, K, salt=None), {(E.KEPT_MISSING, A, 1, None)}
    ),
    "a filing is gone": Tampering(lambda h: h.kept[A].clear(), {(E.KEPT_MISSING, A, 1, None)}),
    "a secret outlived its purge": Tampering(
        lambda h: keep(h, B, "bericht-b1", salt=bytes(32)), {(E.PURGE_UNDONE, B, 10, None)}
    ),
}
STAMP_TAMPERINGS: Mapping[str, Tampering] = {
    "a stamp is another batch's": Tampering(
        lambda h: batch(h, 2, stamp=h.batches[0].stamp), {(E.STAMP, None, None, 2)}
    ),
    "a stamp is cut": Tampering(
        lambda h: batch(h, 2, stamp=(h.batches[1].stamp or b"")[:-1]), {(E.STAMP, None, None, 2)}
    ),
    "a stamp is gone": Tampering(
        lambda h: batch(h, 2, stamp=None), {(E.STAMP_MISSING, None, None, 2)}
    ),
    "time of a stamp": Tampering(
        lambda h: batch(h, 2, stamped_at=h.now + timedelta(days=1)),
        {(E.STAMP_TIME, None, None, 2)},
    ),
    "time of a stamp is gone": Tampering(
        lambda h: batch(h, 2, stamped_at=None), {(E.STAMP_TIME, None, None, 2)}
    ),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_change_is_named_where_it_was_made(unstamped: History, name: str) -> None:
    history = unstamped.copy()
    TAMPERINGS[name].change(history)
    assert found(history) == TAMPERINGS[name].found


@pytest.mark.parametrize("name", STAMP_TAMPERINGS)
def test_a_change_of_a_stamp_is_named(stamped: History, name: str) -> None:
    history = stamped.copy()
    STAMP_TAMPERINGS[name].change(history)
    assert found(history) == STAMP_TAMPERINGS[name].found


def test_a_batch_that_was_dated_later_than_its_stamp(
    pki: TestPki, today: datetime, authority: StampAuthority
) -> None:
    trust = Trust(believed(pki.identities["gateway-signing"].certificate), (authority.root,))
    history = History(pki, today + timedelta(minutes=20), trust=trust)
    history.add(A, K, Fetched("00000099000000002000"))
    history.seal(authority)
    assert found(history) == {(E.STAMP_TIME, None, None, 1)}


def test_entries_that_come_in_another_order(unstamped: History) -> None:
    chain = replace(unstamped.chains()[0], rows=unstamped.rows_of(A)[::-1], kept=None)
    report = verify_history(unstamped.sealed(), [chain], unstamped.trust, unstamped.now)
    assert {f.problem for f in report.findings} == {E.ENTRY_MISSING, E.ENTRY_ORDER}


def test_nothing_is_purged_while_it_is_held(unstamped: History) -> None:
    history = unstamped.copy()
    history.entries = [row for row in history.entries if row.kenmerk != B or row.seq < 9]
    history.heads[B] = replace(history.heads[B], seq=8, hash=history.rows_of(B)[-1].hash)
    purge(history, B, "bericht-b1")
    assert (E.PURGE_HELD, B, 9, None) in found(history)


def test_a_content_that_cannot_be_read_is_a_finding(unstamped: History) -> None:
    class Damaged:
        size = 9

        def open(self) -> BinaryIO:
            raise DigipoortError("damaged")

        def read(self) -> bytes:
            raise DigipoortError("damaged")

    history = unstamped.copy()
    keep(history, A, K, contents=(Damaged(),))
    assert found(history) == {(E.KEPT_CHANGED, A, 1, None)}


def test_what_is_not_sealed_yet_is_counted(unstamped: History) -> None:
    history = unstamped.copy()
    why = blind(bytes(32), "reason", b"x")
    history.add(C, "bericht-c1", Cancelled(why, why))
    report = history.verify()
    assert (report.findings, report.unsealed) == ((), 1)
    # The limit that is documented: nobody misses an entry that no batch has sealed.
    drop(history, C, 11)
    assert history.verify().findings == ()


def test_the_end_is_missed_by_who_noted_it_elsewhere(unstamped: History) -> None:
    """All entries of the last batch and the batch itself: nothing inside tells of them."""
    history = unstamped.copy()
    noted = {row.batch.number: batch_hash(row.batch) for row in history.batches}
    history.batches.pop()
    history.entries = [row for row in history.entries if row.batch != 3]
    history.kept[B]["bericht-b1"] = unstamped.kept[B]["bericht-b1"]
    without = replace(history.trust, known={1: noted[1]})
    assert (E.BATCH_MISSING, None, None, 3) not in found(history, without)
    assert (E.BATCH_MISSING, None, None, 3) in found(history, replace(without, known=noted))
    other = replace(unstamped.trust, known={2: bytes(32)})
    assert found(unstamped, other) == {(E.BATCH_KNOWN, None, None, 2)}


def test_a_signer_who_is_not_believed(unstamped: History) -> None:
    trust = replace(unstamped.trust, signers={})
    assert found(unstamped, trust) == {(E.BATCH_SIGNER, None, None, n) for n in (1, 2, 3)}


def test_stamps_that_are_required_are_missed_when_the_alarm_is_due(unstamped: History) -> None:
    history = unstamped.copy()
    trust = replace(history.trust, stamps=StampPolicy(Stamping.REQUIRED))
    assert found(history, trust) == set()
    history.now += timedelta(hours=5)
    assert found(history, trust) == {(E.STAMP_MISSING, None, None, n) for n in (1, 2, 3)}
    wanted = replace(trust, stamps=StampPolicy(Stamping.WANTED))
    assert found(history, wanted) == set()
