"""The day in the Netherlands at a moment.

Written out, for a machine need not have a table of time zones.
"""

from datetime import UTC, date, datetime, timedelta

_WINTER = timedelta(hours=1)
_SUMMER = timedelta(hours=2)
_MARCH = 3
_OCTOBER = 10


def dutch_day(moment: datetime) -> date:
    """Return the day of the Dutch calendar; summer time as in the Union since 1996.

    Args:
        moment: with a time zone.

    Raises:
        ValueError: it has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    utc = moment.astimezone(UTC)
    summer = _last_sunday(utc.year, _MARCH) <= utc < _last_sunday(utc.year, _OCTOBER)
    return (utc + (_SUMMER if summer else _WINTER)).date()


def _last_sunday(year: int, month: int) -> datetime:
    """Return one o'clock UTC on the last Sunday of a month that has 31 days."""
    last = datetime(year, month, 31, 1, tzinfo=UTC)
    return last - timedelta(days=last.isoweekday() % 7)
