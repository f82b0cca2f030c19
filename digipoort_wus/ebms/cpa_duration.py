"""xs:duration, as CPAs have it for intervals."""

import re
from datetime import timedelta

_DURATION = re.compile(
    r"P(?:(\d{1,4})Y)?(?:(\d{1,5})M)?(?:(\d{1,6})D)?"
    r"(?:T(?=\d)(?:(\d{1,7})H)?(?:(\d{1,8})M)?(?:(\d{1,9}(?:\.\d{1,6})?)S)?)?",
    re.ASCII,
)
_MONTH, _YEAR = timedelta(days=30), timedelta(days=365)
_SECONDS_OF = (("H", 3600), ("M", 60))


def parse_duration(text: str) -> timedelta:
    """Read an xs:duration that is not negative; a month is 30 days and a year 365.

    Raises:
        ValueError: it is none, or longer than anybody keeps a message (9999 years).
    """
    match = _DURATION.fullmatch(text.strip(" \t\r\n"))
    if match is None or not any(match.groups()):
        raise ValueError("not an xs:duration")
    years, months, days, hours, minutes = (int(match[index] or 0) for index in range(1, 6))
    whole, _, fraction = (match[6] or "0").partition(".")
    try:
        return (
            years * _YEAR
            + months * _MONTH
            + timedelta(
                days=days,
                hours=hours,
                minutes=minutes,
                seconds=int(whole),
                microseconds=int(fraction.ljust(6, "0")),
            )
        )
    except OverflowError as error:
        raise ValueError("xs:duration out of range") from error


def format_duration(duration: timedelta) -> str:
    """Write a duration of whole seconds as xs:duration, in days only where it is whole days.

    Args:
        duration: not negative; 27 hours become ``PT27H``, 48 hours ``P2D``.
    """
    if duration and not duration % timedelta(days=1):
        return f"P{duration.days}D"
    left = int(duration.total_seconds())
    text = ""
    for unit, seconds in _SECONDS_OF:
        number, left = divmod(left, seconds)
        if number:
            text += f"{number}{unit}"
    if left or not text:
        text += f"{left}S"
    return f"PT{text}"
