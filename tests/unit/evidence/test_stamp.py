"""Time stamps, against an authority of the program openssl."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.evidence.findings import Disproved, Problem
from digipoort_wus.evidence.stamp import (
    REPLY_MAX_BYTES,
    Stamp,
    Stamping,
    StampPolicy,
    StampState,
    require_plausible,
    stamp_query,
    verify_stamp,
)
from tests.messages import NOW
from tests.unit.evidence.authority import StampAuthority, double_of, make_authority

DATA = b"a batch and its signature"
HOUR = timedelta(hours=1)


def test_a_stamp_shows_when(authority: StampAuthority) -> None:
    query = stamp_query(DATA)
    stamp = verify_stamp(authority.answer(query.octets), DATA, (authority.root,), nonce=query.nonce)
    assert abs(datetime.now(UTC) - stamp.at) < timedelta(minutes=5)
    # A stored one is verified again, without its question.
    assert verify_stamp(stamp.octets, DATA, (authority.root,)) == stamp


def test_questions_differ(authority: StampAuthority) -> None:
    first, second = stamp_query(DATA), stamp_query(DATA)
    assert first.nonce != second.nonce
    disproved(authority.answer(first.octets), authority, nonce=second.nonce)


def test_a_stamp_of_something_or_somebody_else(authority: StampAuthority, tmp_path: Path) -> None:
    disproved(authority.answer(stamp_query(DATA + b"x").octets), authority)
    disproved(make_authority(tmp_path).answer(stamp_query(DATA).octets), authority)


def test_a_certificate_that_poses_as_the_signers(authority: StampAuthority) -> None:
    """What is read of the signer's certificate must not be read of another one."""
    answer = authority.answer(stamp_query(DATA).octets, beside=double_of(authority.leaf))
    detail = disproved(answer, authority)
    assert detail == "two certificates of one issuer and serial number"


def test_what_is_no_stamp(authority: StampAuthority) -> None:
    answer = authority.answer(stamp_query(DATA).octets)
    for octets in (b"", b"<html>", answer[:-1], answer + b"x", bytes(REPLY_MAX_BYTES + 1)):
        disproved(octets, authority)
    refused = bytes.fromhex("30053003020102")
    disproved(refused, authority)


def test_a_changed_stamp_is_none(authority: StampAuthority) -> None:
    answer = authority.answer(stamp_query(DATA).octets)
    time = answer.index(b"Z", answer.index(b"\x18\x0f")) - 1
    changed = bytearray(answer)
    changed[time] ^= 1
    disproved(bytes(changed), authority)


def test_nobody_is_believed_or_nothing_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="root certificates"):
        verify_stamp(b"", DATA, ())
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    with pytest.raises(ConfigurationError, match="pip install"):
        stamp_query(DATA)
    with pytest.raises(ConfigurationError, match="pip install"):
        verify_stamp(b"", DATA, ())


def test_a_stamp_before_its_batch_is_not_plausible() -> None:
    require_plausible(Stamp(b"", NOW), NOW + timedelta(minutes=5))
    require_plausible(Stamp(b"", NOW), NOW - HOUR)
    with pytest.raises(Disproved) as caught:
        require_plausible(Stamp(b"", NOW), NOW + timedelta(minutes=6))
    assert caught.value.problem is Problem.STAMP_TIME


@pytest.mark.parametrize(
    ("stamping", "age", "state"),
    [
        (Stamping.OFF, 9 * HOUR, StampState.FINE),
        (Stamping.WANTED, 4 * HOUR, StampState.FINE),
        (Stamping.WANTED, 5 * HOUR, StampState.ALARM),
        (Stamping.REQUIRED, 4 * HOUR, StampState.FINE),
        (Stamping.REQUIRED, 5 * HOUR, StampState.NOT_READY),
        (Stamping.REQUIRED, None, StampState.FINE),
    ],
)
def test_what_a_missing_stamp_leads_to(
    stamping: Stamping, age: timedelta | None, state: StampState
) -> None:
    oldest = None if age is None else NOW - age
    assert StampPolicy(stamping).state(oldest, NOW) is state


def disproved(octets: bytes, authority: StampAuthority, nonce: int | None = None) -> str:
    with pytest.raises(Disproved) as caught:
        verify_stamp(octets, DATA, (authority.root,), nonce=nonce)
    assert caught.value.problem is Problem.STAMP
    return caught.value.detail
