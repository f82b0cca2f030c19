from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digipoort_wus.rules.days import dutch_day
from tests.conftest import need


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 1, 1, 22, 59, 59, tzinfo=UTC), date(2026, 1, 1)),
        (datetime(2026, 1, 1, 23, tzinfo=UTC), date(2026, 1, 2)),
        (datetime(2026, 7, 1, 21, 59, 59, tzinfo=UTC), date(2026, 7, 1)),
        (datetime(2026, 7, 1, 22, tzinfo=UTC), date(2026, 7, 2)),
        # Summer time began on 29 March 2026 and ended on 25 October.
        (datetime(2026, 3, 28, 22, 30, tzinfo=UTC), date(2026, 3, 28)),
        (datetime(2026, 3, 29, 22, 30, tzinfo=UTC), date(2026, 3, 30)),
        (datetime(2026, 10, 24, 22, 30, tzinfo=UTC), date(2026, 10, 25)),
        (datetime(2026, 10, 25, 22, 30, tzinfo=UTC), date(2026, 10, 25)),
        (datetime(2026, 12, 31, 23, tzinfo=UTC), date(2027, 1, 1)),
        (datetime(2027, 1, 1, 8, tzinfo=timezone(timedelta(hours=9))), date(2027, 1, 1)),
        (datetime(2027, 1, 1, 7, tzinfo=timezone(timedelta(hours=9))), date(2026, 12, 31)),
    ],
)
def test_the_day_is_that_of_the_netherlands(moment: datetime, day: date) -> None:
    assert dutch_day(moment) == day


@pytest.fixture(scope="module")
def amsterdam() -> ZoneInfo:
    try:
        return ZoneInfo("Europe/Amsterdam")
    except ZoneInfoNotFoundError:
        need("a table of time zones", found=False, install="apt-get install tzdata")
        raise


@given(seconds=st.integers(820_540_800, 2_145_744_000))
def test_it_is_what_the_table_of_time_zones_says(amsterdam: ZoneInfo, seconds: int) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    assert dutch_day(moment) == moment.astimezone(amsterdam).date()


def test_a_moment_without_a_zone_is_no_moment() -> None:
    with pytest.raises(ValueError, match="needs a time zone"):
        dutch_day(datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None))
