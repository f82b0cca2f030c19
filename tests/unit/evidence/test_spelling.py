"""What is spelled at once, because there is much of it, is what :func:`canonical` would spell."""

import string
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from typing import get_args, get_type_hints

from hypothesis import given
from hypothesis import strategies as st

from digipoort_wus.clock import format_utc
from digipoort_wus.evidence.blinded import Blinded, Digest
from digipoort_wus.evidence.canonical import canonical
from digipoort_wus.evidence.entry import append, new_chain, read_entry, status_octets
from digipoort_wus.evidence.events import KINDS, Event, facts_of
from digipoort_wus.filing.status import STATUS_CODES, Status, StatusError

# Quotes, escapes and what is not ASCII, but nothing that is no Unicode text.
TEXTS = st.text(st.characters(codec="utf-8"), max_size=40) | st.sampled_from(
    ('"', "\\", "\n\x00\x1f", "é€😀", "\x7f\u2028", string.printable)
)
MOMENTS = st.datetimes(
    datetime(1970, 1, 1),  # noqa: DTZ001, the time zone is given below
    datetime(2099, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from((UTC, timezone(timedelta(hours=2)))),
)
OCTETS = st.binary(min_size=32, max_size=32)
VALUES = {
    str: TEXTS,
    int: st.integers(0, 2**53 - 1),
    Blinded: st.builds(Blinded, OCTETS),
    Digest: st.builds(Digest, OCTETS),
}


def _values(hint: object) -> st.SearchStrategy[object]:
    arguments = get_args(hint)
    if hint is type(None):
        return st.none()
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return st.lists(_values(arguments[0]), max_size=3).map(tuple)
    if arguments:
        return st.one_of([_values(one) for one in arguments])
    return VALUES[hint]  # type: ignore[index]


def _of(kind: type[Event]) -> st.SearchStrategy[Event]:
    hints = get_type_hints(kind)
    return st.builds(kind, **{field.name: _values(hints[field.name]) for field in fields(kind)})


@given(st.one_of([_of(kind) for kind in KINDS]), TEXTS, TEXTS, MOMENTS)
def test_an_entry(event: Event, kenmerk: str, bericht: str, at: datetime) -> None:
    octets, head = append(new_chain(kenmerk), event, bericht=bericht, at=at)
    assert octets == canonical(
        {
            "v": 1,
            "kenmerk": kenmerk,
            "seq": 1,
            "at": format_utc(at),
            "kind": KINDS[type(event)],
            "bericht": bericht,
            "facts": facts_of(event),
        }
    )
    again, _ = append(head, event, bericht=bericht, at=at)
    assert read_entry(again).seq == 2


@given(st.sampled_from(sorted(STATUS_CODES)), MOMENTS, TEXTS | st.none(), TEXTS | st.none())
def test_a_status(code: str, at: datetime, error: str | None, details: str | None) -> None:
    status = Status(code, at, None if error is None else StatusError("E", error), details)
    told = {"at": format_utc(at), "code": code, "text": status.text}
    if error is not None:
        told |= {"error_code": "E", "error_text": error}
    if details is not None:
        told["details"] = details
    assert status_octets(status) == canonical(told)


@given(MOMENTS)
def test_a_moment(at: datetime) -> None:
    text = at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
    assert format_utc(at) == format_utc(at.astimezone(UTC)) == f"{text}Z"
