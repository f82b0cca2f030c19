"""Entries: canonical, tied to the one before, and without personal data."""

import hashlib
import re
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from typing import get_args, get_type_hints

import pytest

from digipoort_wus.evidence import events
from digipoort_wus.evidence.blinded import Blinded, blind
from digipoort_wus.evidence.canonical import Json, canonical
from digipoort_wus.evidence.entry import (
    append,
    entry_octets,
    new_chain,
    read_entry,
    status_octets,
)
from digipoort_wus.evidence.events import KINDS, Event, Fetched, Purged, Resent, facts_of
from digipoort_wus.filing.status import Status, StatusError
from tests.unit.evidence.history import History

AT = datetime(2026, 6, 1, 12, 0, 0, 123_456, tzinfo=UTC)


def test_the_hash_is_what_the_documentation_says() -> None:
    octets, head = append(new_chain("k"), Fetched("x"), bericht="b", at=AT)
    assert octets == (
        b'{"at":"2026-06-01T12:00:00.123Z","bericht":"b","facts":{"oin":"x"},'
        b'"kenmerk":"k","kind":"fetched","seq":1,"v":1}'
    )
    assert head.hash == hashlib.sha256(b"\2" + bytes(32) + octets).digest()
    second, after = append(head, Purged("retention", 2), bericht="b", at=AT)
    assert after.hash == hashlib.sha256(b"\2" + head.hash + second).digest()
    assert (after.seq, read_entry(second).facts) == (2, {"payloads": 2, "rule": "retention"})


def test_a_clock_that_went_back_does_not_reorder() -> None:
    _, head = append(new_chain("k"), Fetched("x"), bericht="b", at=AT)
    _, after = append(head, Fetched("x"), bericht="b", at=AT - timedelta(hours=1))
    assert after.at == head.at
    zone = timezone(timedelta(hours=2))
    octets, _ = append(new_chain("k"), Fetched("x"), bericht="b", at=AT.astimezone(zone))
    assert read_entry(octets).at == head.at


def test_every_entry_of_a_story_is_read_as_it_was_written(unstamped: History) -> None:
    for row in unstamped.entries:
        assert entry_octets(read_entry(row.octets)) == row.octets
    assert {row.kind for row in unstamped.entries} | {"cancelled", "shown"} == set(KINDS.values())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("v", 2),
        ("seq", 0),
        ("seq", "1"),
        ("kenmerk", 1),
        ("kind", "Fetched"),
        ("kind", ""),
        ("at", "2026-06-01T12:00:00Z"),
        ("at", "2026-06-01T14:00:00.000+02:00"),
        ("at", "yesterday"),
        ("at", 1),
        ("facts", "x"),
        ("facts", ["x"]),
        ("extra", "x"),
    ],
)
def test_what_is_no_entry_is_refused(name: str, value: Json) -> None:
    octets, _ = append(new_chain("k"), Fetched("x"), bericht="b", at=AT)
    entry = read_entry(octets)
    values: dict[str, Json] = {
        "v": 1,
        "kenmerk": entry.kenmerk,
        "seq": 1,
        "at": "2026-06-01T12:00:00.123Z",
        "kind": "fetched",
        "bericht": "b",
        "facts": {"oin": "x"},
    }
    assert canonical(values) == octets
    with pytest.raises(ValueError):  # noqa: PT011 - several kinds of it
        read_entry(canonical({**values, name: value}))


def test_only_names_of_ours_are_plain_texts() -> None:
    """Personal data fits in no field: who adds one has to think, and to add it here."""
    plain = {
        f"{KINDS[kind]}.{field.name}"
        for kind in get_args(Event)
        for field in fields(kind)
        if str in _types(kind, field.name)
    }
    assert plain == {
        "received.berichtsoort",
        "received.sender",
        "received.policy",
        "received.algorithm",
        "received.tls_oin",
        "status.code",
        "status.error",
        "delivered.agency",
        "delivered.message_id",
        "reported.agency",
        "reported.code",
        "reported.judged_at",
        "reported.algorithm",
        "offered.agency",
        "offered.berichtsoort",
        "offered.algorithm",
        "fetched.oin",
        "purged.rule",
    }
    assert set(KINDS) == set(get_args(Event))


def _types(kind: type, name: str) -> tuple[object, ...]:
    hint = get_type_hints(kind, vars(events))[name]
    return get_args(hint) or (hint,)


def test_no_entry_of_a_story_holds_what_somebody_wrote(unstamped: History) -> None:
    every = b"".join(row.octets for row in unstamped.entries)
    for text in (b"Jansen", b"123456782", b"Pietersen", b"on request", b"urn:uuid:bericht"):
        assert text not in every
    assert re.search(rb"xbrl>", every) is None


def test_a_text_that_is_no_name_is_refused() -> None:
    with pytest.raises(ValueError, match="256 characters"):
        facts_of(Fetched("x" * 257))
    why: Blinded = blind(bytes(32), "reason", b"x" * 10_000)
    assert facts_of(Resent(why, why))["reason"] == str(why)


def test_every_part_of_a_status_is_in_its_spelling() -> None:
    full = Status("311", AT, StatusError("VAS500", "tekst"), "details")
    others = [
        Status("510", AT, full.error, full.details),
        Status("311", AT + timedelta(milliseconds=1), full.error, full.details),
        Status("311", AT, StatusError("VAS501", "tekst"), full.details),
        Status("311", AT, StatusError("VAS500", "Tekst"), full.details),
        Status("311", AT, full.error, "detail"),
        Status("311", AT, full.error, ""),
        Status("311", AT, full.error),
        Status("311", AT, None, full.details),
    ]
    assert len({status_octets(status) for status in (full, *others)}) == 9
