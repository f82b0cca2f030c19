"""xs:dateTime as text: what is read, what is refused, what is written."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digipoort_wus.clock import format_utc, parse_date_time, system_clock, to_milliseconds

READ = {
    "2026-06-01T12:00:00Z": datetime(2026, 6, 1, 12, tzinfo=UTC),
    "2026-06-01T12:00:00.5Z": datetime(2026, 6, 1, 12, 0, 0, 500_000, tzinfo=UTC),
    "2026-06-01T12:00:00.1234567Z": datetime(2026, 6, 1, 12, 0, 0, 123_456, tzinfo=UTC),
    "2026-06-01T12:00:00.123456789Z": datetime(2026, 6, 1, 12, 0, 0, 123_456, tzinfo=UTC),
    "2026-06-01T14:00:00+02:00": datetime(2026, 6, 1, 12, tzinfo=UTC),
    "2026-06-01T06:30:00-05:30": datetime(2026, 6, 1, 12, tzinfo=UTC),
    "2026-06-02T02:00:00+14:00": datetime(2026, 6, 1, 12, tzinfo=UTC),
    "2026-05-31T24:00:00Z": datetime(2026, 6, 1, tzinfo=UTC),
    "2026-12-31T24:00:00.000Z": datetime(2027, 1, 1, tzinfo=UTC),
    "2024-02-29T00:00:00Z": datetime(2024, 2, 29, tzinfo=UTC),
    " \t2026-06-01T12:00:00Z\r\n": datetime(2026, 6, 1, 12, tzinfo=UTC),
}


@pytest.mark.parametrize("text", READ)
def test_moments_that_are_read(text: str) -> None:
    assert parse_date_time(text) == READ[text]
    assert parse_date_time(text).tzinfo is UTC


REFUSED = [
    "",
    "2026-06-01",
    "2026-06-01T12:00Z",
    "2026-06-01 12:00:00Z",
    "2026-06-01t12:00:00z",
    "2026-06-01T12:00:00",  # no zone
    "2026-06-01T12:00:00+0200",
    "2026-06-01T12:00:00+15:00",
    "2026-06-01T12:00:00+14:01",
    "2026-06-01T12:00:00+13:60",
    "2026-06-01T12:00:00.Z",
    "2026-06-01T12:00:00.1234567890Z",
    "2026-06-30T23:59:60Z",  # leap second
    "2026-06-01T24:00:01Z",
    "2026-06-01T24:01:00Z",
    "2026-06-01T25:00:00Z",
    "2026-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "-0001-01-01T00:00:00Z",
    "12026-01-01T00:00:00Z",
    "9999-12-31T24:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "２０２６-06-01T12:00:00Z",
    "2026-06-01T12:00:00Z\N{NO-BREAK SPACE}",
    "2026-06-01T12:00:00Z\n2026-06-01T12:00:00Z",
]


@pytest.mark.parametrize("text", REFUSED)
def test_moments_that_are_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        parse_date_time(text)


def test_the_zone_of_a_moment_that_names_none() -> None:
    text = "2026-06-01T12:00:00"
    assert parse_date_time(text, zone_when_missing=UTC) == datetime(2026, 6, 1, 12, tzinfo=UTC)
    east = timezone(timedelta(hours=2))
    assert parse_date_time(text, zone_when_missing=east) == datetime(2026, 6, 1, 10, tzinfo=UTC)


WRITTEN = {
    datetime(2026, 6, 1, 12, tzinfo=UTC): "2026-06-01T12:00:00.000Z",
    datetime(2026, 6, 1, 12, 0, 0, 999_999, tzinfo=UTC): "2026-06-01T12:00:00.999Z",
    datetime(2026, 6, 1, 12, tzinfo=timezone(timedelta(hours=2))): "2026-06-01T10:00:00.000Z",
    datetime(33, 4, 3, tzinfo=UTC): "0033-04-03T00:00:00.000Z",
}


@pytest.mark.parametrize("moment", WRITTEN)
def test_moments_are_written_in_utc_with_milliseconds(moment: datetime) -> None:
    assert format_utc(moment) == WRITTEN[moment]


@given(st.datetimes(timezones=st.just(UTC)))
def test_what_is_written_is_read_back(moment: datetime) -> None:
    assert parse_date_time(format_utc(moment)) == to_milliseconds(moment)


@given(st.text())
def test_no_text_makes_it_crash(text: str) -> None:
    with suppress(ValueError):
        parse_date_time(text)


def test_the_systems_clock_is_aware() -> None:
    assert system_clock().tzinfo is UTC
