"""Large filings whose content cannot be had for a while: nothing is lost, and nobody waits."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from digipoort_wus.filing.content import read_content
from digipoort_wus.filing.filing import Filing
from digipoort_wus.process.agency import Accepted, Delivered, Refused, Rejected, Unreachable
from digipoort_wus.process.api import MailboxQuery, Scope
from digipoort_wus.store import reachable
from digipoort_wus.store.objects import open_objects
from digipoort_wus.store.ports import PayloadsUnreachable
from tests.moto import Line, Server
from tests.unit.process.sandbox import HAPPY, Sandbox, caller, done, opened
from tests.unit.process.test_contents import LARGE, LARGE_DELIVERY, offer


@pytest.fixture
def line(bucket: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """Give a way to the bucket that can be cut, and is tried again without a pause."""
    monkeypatch.setattr(reachable, "AGAIN_AFTER", 0.0)
    made = Line(bucket)
    yield made
    made.cut()


class Reading:
    """An agency that reads what it is given, after something has happened."""

    def __init__(self, before: Callable[[], None]) -> None:
        self._before = before
        self.read: list[bytes] = []

    def deliver(self, filing: Filing, attempt: int) -> Delivered | Rejected | Unreachable:
        self._before()
        self.read.append(read_content(filing.delivery.document.content))
        return Delivered()

    def answer(self, filing: Filing) -> Accepted | Refused | None:
        return Accepted(None)


def aside(sandbox: Sandbox) -> int:
    return sandbox.store.read(lambda reader: reader.counts(sandbox.clock.now)).aside


def test_a_filing_waits_for_its_content_as_long_as_it_takes(line: Line, tmp_path: Path) -> None:
    """Much longer than a step that raises is tried, and no status tells of it."""
    with opened(tmp_path / "data", objects=open_objects(line.server.place(), tmp_path)) as sandbox:
        large = sandbox.accept(LARGE_DELIVERY)
        line.cut()
        for _ in range(10):
            small = sandbox.accept()
            due = sandbox.run()
            assert sandbox.codes(small.kenmerk) == HAPPY
            assert due is not None
            assert timedelta() < due - sandbox.clock.now <= timedelta(seconds=30)
            assert aside(sandbox) == 0
            sandbox.clock.now = due
        before = sandbox.codes(large.kenmerk)
        assert before == HAPPY[: len(before)]
        assert "405" not in before
        line.mend()
        sandbox.run_until_quiet()
        assert sandbox.codes(large.kenmerk) == HAPPY


def test_a_delivery_waits_for_its_content(line: Line, tmp_path: Path) -> None:
    cuts = [line.cut]
    agency = Reading(lambda: cuts.pop()() if cuts else None)
    objects = open_objects(line.server.place(), tmp_path)
    with opened(tmp_path / "data", agency=agency, objects=objects) as sandbox:
        large = sandbox.accept(LARGE_DELIVERY)
        due = sandbox.run()
        assert sandbox.codes(large.kenmerk) == HAPPY[:7]
        assert agency.read == []
        line.mend()
        assert due is not None
        sandbox.clock.now = due
        sandbox.run_until_quiet()
        assert sandbox.codes(large.kenmerk) == HAPPY
        assert agency.read == [LARGE]


def test_a_large_filing_that_cannot_be_stored_leaves_nothing(
    line: Line, bucket: Server, tmp_path: Path
) -> None:
    with opened(tmp_path / "data", objects=open_objects(line.server.place(), tmp_path)) as sandbox:
        who = caller()
        line.cut()
        with pytest.raises(PayloadsUnreachable):
            sandbox.accept(LARGE_DELIVERY, who)
        receipt = sandbox.store.read(lambda reader: reader.receipt(who.oin, who.message_id))
        assert receipt is None
        assert bucket.names() == []
        line.mend()
        kenmerk = sandbox.accept(LARGE_DELIVERY, who).kenmerk
        assert sandbox.accept(LARGE_DELIVERY, who).kenmerk == kenmerk
        end = time.monotonic() + 20
        # That of the repeat goes after it was answered.
        while len(bucket.names()) != 1:
            assert time.monotonic() < end
            time.sleep(0.02)


def test_a_message_that_cannot_be_read_stays_new(line: Line, tmp_path: Path) -> None:
    with opened(tmp_path / "data", objects=open_objects(line.server.place(), tmp_path)) as sandbox:
        message = offer(sandbox, sandbox.accept().kenmerk, b"small", LARGE)
        line.cut()
        for scope in Scope:
            with pytest.raises(PayloadsUnreachable):
                done(sandbox.service.messages(caller(), MailboxQuery(), scope))
        line.mend()
        found = done(sandbox.service.messages(caller(), MailboxQuery(), Scope.NEW))
        assert list(found) == [message]


def test_a_repeat_brings_an_object_back_that_was_lost(
    line: Line, bucket: Server, tmp_path: Path
) -> None:
    with opened(tmp_path / "data", objects=open_objects(line.server.place(), tmp_path)) as sandbox:
        who = caller()
        kenmerk = sandbox.accept(LARGE_DELIVERY, who).kenmerk
        (name,) = bucket.names()
        bucket.delete(name)
        sandbox.run()
        assert sandbox.codes(kenmerk) != HAPPY
        assert sandbox.accept(LARGE_DELIVERY, who).kenmerk == kenmerk
        assert len(bucket.names()) == 1
        sandbox.run_until_quiet()
        assert sandbox.codes(kenmerk) == HAPPY
