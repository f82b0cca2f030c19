"""What an example agency keeps: once, and through an end at any moment."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from digipoort_wus import checks
from digipoort_wus.clock import format_utc
from digipoort_wus.delivery.inbox import Arrival, Inbox
from digipoort_wus.errors import ConfigurationError, Refusal
from digipoort_wus.filing.party import Party

NOW = datetime(2026, 6, 1, 12, 0, 0, 5_000, tzinfo=UTC)
ARRIVAL = Arrival(
    sender="00000099000000001000",
    message_id="urn:uuid:1",
    digest=b"1" * 32,
    kenmerk="k",
    berichtkenmerk="b",
    berichtsoort="Omzetbelasting",
    aanleverkenmerk=None,
    belanghebbende=Party("001000044B37", "Fi"),
    rol_belanghebbende="Bedrijf",
    aanleveraar="00000099000000002000",
    content=b"<a/>",
)


def test_what_was_taken_is_found_again(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    taken = inbox.take(ARRIVAL, NOW)
    inbox.close()
    again = Inbox(tmp_path)
    assert again.all() == (taken,)
    assert (taken.arrival, taken.taken_at, taken.times) == (ARRIVAL, NOW, 1)
    assert again.unfinished() == (taken.id,)
    again.close()


@pytest.mark.parametrize("message_id", ["urn:uuid:1", "urn:uuid:2"])
def test_the_same_filing_is_taken_once(tmp_path: Path, message_id: str) -> None:
    inbox = Inbox(tmp_path)
    first = inbox.take(ARRIVAL, NOW)
    again = inbox.take(replace(ARRIVAL, message_id=message_id), NOW + timedelta(hours=1))
    assert again == replace(first, times=2)
    assert len(inbox.all()) == 1
    inbox.close()


@pytest.mark.parametrize(
    "other",
    [
        replace(ARRIVAL, digest=b"2" * 32),
        replace(ARRIVAL, digest=b"2" * 32, message_id="urn:uuid:2"),
        replace(ARRIVAL, digest=b"2" * 32, berichtkenmerk="c"),
    ],
)
def test_another_filing_under_the_same_name_is_refused(tmp_path: Path, other: Arrival) -> None:
    inbox = Inbox(tmp_path)
    inbox.take(ARRIVAL, NOW)
    with pytest.raises(Refusal) as caught:
        inbox.take(other, NOW)
    assert caught.value.check is checks.MESSAGE_ID_REUSED
    assert [taken.times for taken in inbox.all()] == [1]
    inbox.close()


def test_two_filings_are_two(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    inbox.take(ARRIVAL, NOW)
    inbox.take(replace(ARRIVAL, message_id="urn:uuid:2", berichtkenmerk="c"), NOW)
    # Of another gateway, whose names are its own.
    inbox.take(replace(ARRIVAL, sender="00000099000000009000", digest=b"3" * 32), NOW)
    assert len(inbox.all()) == 3
    inbox.close()


def test_a_verdict_is_kept_before_it_is_told(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    taken = inbox.take(ARRIVAL, NOW)
    inbox.judge(taken, "500", NOW)
    inbox.close()
    inbox = Inbox(tmp_path)
    (judged,) = inbox.all()
    assert (judged.verdict, judged.judged_at) == ("500", NOW)
    inbox.note_offered(judged)
    assert inbox.unfinished() == (judged.id,)
    inbox.note_reported(judged)
    assert inbox.unfinished() == ()
    inbox.close()


def test_a_directory_that_cannot_be_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="give another directory"):
        Inbox(tmp_path / "file")


def test_a_time_is_kept_as_it_is_sent(tmp_path: Path) -> None:
    moment = NOW.replace(microsecond=999_600)
    inbox = Inbox(tmp_path)
    taken = inbox.take(ARRIVAL, moment)
    inbox.judge(taken, "500", moment)
    taken = inbox.get(taken.id)
    inbox.close()
    assert taken.judged_at is not None
    sent = format_utc(moment)
    assert [format_utc(taken.taken_at), format_utc(taken.judged_at)] == [sent, sent]
