"""xs:duration both ways."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digipoort_wus.ebms.cpa_duration import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PT3H", timedelta(hours=3)),
        ("P1D", timedelta(days=1)),
        ("P5D", timedelta(days=5)),
        (" PT5M\n", timedelta(minutes=5)),
        ("P1DT2H3M4.5S", timedelta(days=1, hours=2, minutes=3, seconds=4.5)),
        ("P1Y2M", timedelta(days=425)),
        ("PT0S", timedelta()),
        ("PT99999999S", timedelta(seconds=99_999_999)),
    ],
)
def test_durations_are_read(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "P", "PT", "P1DT", "3H", "-PT3H", "PT3", "P1H", "PT1D", "PT1.5H", "P١D", "PT1M1H", "P1W"],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="xs:duration"):
        parse_duration(text)


def test_the_longest_is_still_a_duration() -> None:
    longest = parse_duration("P9999Y99999M999999DT9999999H99999999M999999999S")
    assert longest > timedelta(days=9_999 * 365)


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        (timedelta(hours=27), "PT27H"),
        (timedelta(days=2), "P2D"),
        (timedelta(minutes=90), "PT1H30M"),
        (timedelta(seconds=61), "PT1M1S"),
        (timedelta(), "PT0S"),
    ],
)
def test_durations_are_written(duration: timedelta, expected: str) -> None:
    assert format_duration(duration) == expected


@given(st.integers(0, 10**9))
def test_what_is_written_is_read_again(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration
