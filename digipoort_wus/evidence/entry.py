"""One entry of the evidence of a kenmerk, and the hash that ties it to the one before.

The hash of an entry is SHA-256 over one octet 0x02, the hash of the entry before (32 zero
octets for the first) and the canonical JSON of the entry.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from digipoort_wus.clock import format_utc, parse_date_time, to_milliseconds
from digipoort_wus.evidence.canonical import Json, canonical_text, quoted, read_canonical
from digipoort_wus.evidence.events import KINDS, Event, facts_text
from digipoort_wus.filing.status import Status

NO_HASH = bytes(32)
"""What stands where there is nothing before."""
VERSION = 1
_ENTRY = b"\2"
_KEYS = frozenset({"at", "bericht", "facts", "kenmerk", "kind", "seq", "v"})
_KIND = re.compile("[a-z]{1,32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened.

    Args:
        kenmerk: whose chain.
        seq: place in it, from 1.
        at: when, UTC, milliseconds.
        kind: the word of :data:`KINDS`; a later version may know more.
        bericht: berichtkenmerk of the delivery or return message that it is about.
        facts: the rest, by :func:`facts_of`.
    """

    kenmerk: str
    seq: int
    at: datetime
    kind: str
    bericht: str
    facts: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: what the next entry is tied to."""

    kenmerk: str
    seq: int
    at: datetime | None
    hash: bytes


def new_chain(kenmerk: str) -> Head:
    """Return the end of a chain that has no entry yet."""
    return Head(kenmerk, 0, None, NO_HASH)


def append(head: Head, event: Event, *, bericht: str, at: datetime) -> tuple[bytes, Head]:
    """Return the octets of the next entry, and the end of the chain with it.

    Args:
        head: the end so far.
        event: what happened.
        bericht: berichtkenmerk that it is about.
        at: when; a clock that went back does not put it before the entry before it.

    Raises:
        ValueError: the event says something that has no place in evidence.
    """
    moment = to_milliseconds(at)
    moment = moment if head.at is None else max(moment, head.at)
    seq, kind = head.seq + 1, KINDS[type(event)]
    octets = _spelled(head.kenmerk, seq, moment, kind, bericht, facts_text(event))
    return octets, Head(head.kenmerk, seq, moment, entry_hash(head.hash, octets))


def entry_octets(entry: Entry) -> bytes:
    """Return the canonical JSON of an entry (RFC 8785)."""
    facts = canonical_text(entry.facts)
    return _spelled(entry.kenmerk, entry.seq, entry.at, entry.kind, entry.bericht, facts)


def _spelled(kenmerk: str, seq: int, at: datetime, kind: str, bericht: str, facts: str) -> bytes:
    """Return canonical JSON; the names are in their order here, for there are many entries."""
    return (
        f'{{"at":"{format_utc(at)}","bericht":{quoted(bericht)},"facts":{facts},'
        f'"kenmerk":{quoted(kenmerk)},"kind":{quoted(kind)},"seq":{seq},'
        f'"v":{VERSION}}}'
    ).encode()


def entry_hash(previous: bytes, octets: bytes) -> bytes:
    """Return the hash of an entry with these octets, behind the one with that hash."""
    return hashlib.sha256(_ENTRY + previous + octets).digest()


def read_entry(octets: bytes) -> Entry:
    """Return the entry of which these are the octets.

    Raises:
        ValueError: they are not those of an entry.
    """
    values = read_canonical(octets)
    if values.keys() != _KEYS or values["v"] != VERSION:
        raise ValueError("not the members of an entry")
    kenmerk, bericht, kind = values["kenmerk"], values["bericht"], values["kind"]
    seq, at, facts = values["seq"], values["at"], values["facts"]
    if not (isinstance(kenmerk, str) and isinstance(bericht, str) and isinstance(kind, str)):
        raise ValueError("a member of an entry is no text")
    if not isinstance(seq, int) or seq < 1 or not isinstance(facts, Mapping):
        raise ValueError("seq or facts of an entry are of another kind")
    if not isinstance(at, str) or _KIND.fullmatch(kind) is None:
        raise ValueError("at or kind of an entry are of another form")
    moment = parse_date_time(at)
    if format_utc(moment) != at:
        raise ValueError("at is not written as times are written here")
    return Entry(kenmerk, seq, moment, kind, bericht, MappingProxyType(dict(facts)))


def status_octets(status: Status) -> bytes:
    """Return the spelling of a status, which an entry has the HMAC of (RFC 8785)."""
    # The names are in their order here, for there are many statuses.
    details = "" if status.details is None else f'"details":{quoted(status.details)},'
    error = ""
    if status.error is not None:
        code, text = quoted(status.error.code), quoted(status.error.text)
        error = f'"error_code":{code},"error_text":{text},'
    return (
        f'{{"at":"{format_utc(status.at)}","code":{quoted(status.code)},'
        f'{details}{error}"text":{quoted(status.text)}}}'
    ).encode()
