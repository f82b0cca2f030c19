"""Filings and messages to store, and short ways to store and read them."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from digipoort_wus.filing.content import read_content
from digipoort_wus.filing.filing import Delivery, Document, Filing, ReturnMessage
from digipoort_wus.filing.finding import Finding
from digipoort_wus.filing.party import Party
from digipoort_wus.store.ports import FilingId, Job, Reader, Store, Transaction

T = TypeVar("T")

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
LARGE = b"x" * 200_000
PARTY = Party("001000044B37", "Fi")
RING = bytes(range(32))


@dataclass
class Ticking:
    """A clock of leases that goes when it is told to."""

    milliseconds: int = 1_000_000
    told: list[int] = field(default_factory=list)

    def __call__(self) -> int:
        return self.milliseconds


def filing(number: int = 1, content: bytes = b"<x/>", kenmerk: str | None = None) -> Filing:
    delivery = Delivery("Omzetbelasting", PARTY, "", Document("text/xml", "x", content))
    return Filing(
        kenmerk or f"kenmerk-{number}", f"bericht-{number}", "sender", NOW, delivery, "tls"
    )


def message(number: int = 1, kenmerk: str = "kenmerk-1", content: bytes = b"<a/>") -> ReturnMessage:
    return ReturnMessage(
        kenmerk=kenmerk,
        berichtkenmerk=f"terug-{number}",
        berichtsoort="Omzetbelasting",
        offered_at=NOW + number * SECOND,
        belanghebbende=PARTY,
        rol_belanghebbende="Bedrijf",
        document=Document("text/xml", "a.xml", content),
        aanleveraar="x",
        ontvanger=Party("1", "OIN"),
        attachments=(Document("a/b", "b", b"b"),),
        findings=(Finding("W1", "warning", "Let op é.", "regel 1"),),
        elements=(("naam", "waarde"), ("naam", "nog een")),
    )


def job(filing_id: FilingId, kenmerk: str = "kenmerk-1", at: datetime = NOW) -> Job:
    return Job(filing_id, kenmerk, "begin", at, at)


def until(found: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    end = time.monotonic() + 20
    while not found():
        assert time.monotonic() < end
        time.sleep(0.02)


def done(future: "Future[T]") -> T:
    return future.result(20)


def write(store: Store, work: Callable[[Transaction], T]) -> T:
    return done(store.write(work))


def add(store: Store, number: int = 1, content: bytes = b"<x/>") -> "Future[FilingId]":
    def work(transaction: Transaction) -> FilingId:
        return transaction.add_filing(filing(number, content), f"message-{number}", b"digest")

    return store.write(work)


def add_with_job(
    store: Store, number: int = 1, kenmerk: str | None = None, at: datetime = NOW
) -> FilingId:
    """Keep a filing and the job for it."""

    def work(transaction: Transaction) -> FilingId:
        new = filing(number, kenmerk=kenmerk)
        filing_id = transaction.add_filing(new, f"message-{number}", b"digest")
        transaction.add_job(job(filing_id, new.kenmerk, at))
        return filing_id

    return write(store, work)


def claim(store: Store, now: datetime = NOW, limit: int = 10) -> Sequence[Job]:
    return write(store, lambda transaction: transaction.claim(now, MINUTE, limit))


def kenmerken(store: Store) -> list[str]:
    def work(reader: Reader) -> list[str]:
        return [row.kenmerk for row in reader.filings("sender", "Omzetbelasting", PARTY)]

    return store.read(work)


def contents(store: Store, filing_id: FilingId) -> list[bytes]:
    """Read every document of a filing into memory."""

    def work(reader: Reader) -> list[bytes]:
        delivery = reader.filing(filing_id).delivery
        return [read_content(item.content) for item in (delivery.document, *delivery.attachments)]

    return store.read(work)
