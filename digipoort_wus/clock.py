"""Time as a value: the clock is always passed in, never read from a global.

Everything inside works with timezone-aware UTC datetimes; XML Schema text is
parsed and written here only.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

Clock = Callable[[], datetime]
"""A function that returns the current moment as an aware UTC datetime."""

_DATE_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?",
    re.ASCII,
)


def system_clock() -> datetime:
    """Return the operating system's current time in UTC."""
    return datetime.now(UTC)


def format_utc(moment: datetime) -> str:
    """Write an aware datetime as xs:dateTime in UTC with milliseconds and ``Z``.

    This is the form that Digipoort's own answers use.
    """
    if moment.tzinfo is UTC:
        return f"{moment.isoformat(timespec='milliseconds')[:-6]}Z"
    # Not strftime: that writes the year 33 with two digits.
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def to_milliseconds(moment: datetime) -> datetime:
    """Drop what :func:`format_utc` cannot write, so that stored and sent times agree."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def parse_date_time(text: str, *, zone_when_missing: timezone | None = None) -> datetime:
    """Read an xs:dateTime of at most nine fractional digits (cut to microseconds).

    ``zone_when_missing`` is the zone of a value that names none; with ``None``
    such a value is refused.

    Raises:
        ValueError: the text is no xs:dateTime, or has no zone where one is needed.
    """
    match = _DATE_TIME.fullmatch(text.strip(" \t\r\n"))
    if match is None:
        raise ValueError("not an xs:dateTime")
    year, month, day, hour, minute, second = (int(match[index]) for index in range(1, 7))
    microsecond = int((match[7] or "").ljust(6, "0")[:6])
    if match[8] is None:
        if zone_when_missing is None:
            raise ValueError("xs:dateTime without a time zone")
        zone = zone_when_missing
    else:
        zone = _zone(match[8])
    # XML Schema allows 24:00:00 for midnight at the end of a day.
    extra = timedelta(days=1) if (hour, minute, second, microsecond) == (24, 0, 0, 0) else None
    try:
        moment = datetime(
            year, month, day, 0 if extra else hour, minute, second, microsecond, tzinfo=zone
        )
        return (moment + extra if extra else moment).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("xs:dateTime out of range") from error


def _zone(text: str) -> timezone:
    if text == "Z":
        return UTC
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 14 or minutes > 59 or (hours == 14 and minutes):
        raise ValueError("time zone offset out of range")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)
