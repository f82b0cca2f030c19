"""Lines about strangers: bounded in number and in memory, and nothing is lost uncounted."""

from typing import Any, cast

import pytest
from twisted.internet.testing import MemoryReactorClock

from digipoort_wus.server import reports as reports_module
from digipoort_wus.server.reports import (
    ADDRESSES,
    KINDS,
    LINES,
    LINES_PER_ADDRESS,
    WINDOW_SECONDS,
    Reports,
)


class Desk:
    def __init__(self) -> None:
        make: Any = MemoryReactorClock
        self.clock = make()
        self.lines: list[str] = []
        self.reports = Reports(cast(Any, self.clock), self.lines.append)

    def waiting(self) -> int:
        return len(self.clock.getDelayedCalls())


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_one_line_for_one_event_and_no_timer(desk: Desk) -> None:
    desk.reports.tell("192.0.2.1", "no certificate")
    assert desk.lines == ["no certificate, from 192.0.2.1"]
    assert desk.waiting() == 0


def test_of_one_address_a_few_lines_and_a_number(desk: Desk) -> None:
    for number in range(100):
        # One network of 64 bits is one address, whatever it calls itself.
        desk.reports.tell(f"2001:db8::{number:x}", "no certificate")
    desk.reports.tell("192.0.2.1", "unknown CA")
    assert len(desk.lines) == LINES_PER_ADDRESS + 1
    assert desk.lines[-1] == "unknown CA, from 192.0.2.1"
    desk.clock.advance(WINDOW_SECONDS - 1)
    assert len(desk.lines) == LINES_PER_ADDRESS + 1
    desk.clock.advance(1)
    assert desk.lines[-1] == (
        "95 more in the last 60 seconds, of 2 addresses together: no certificate: 95"
    )
    assert desk.waiting() == 0
    # A new window begins anew, and one in which nothing was left out is not summed up.
    desk.reports.tell("2001:db8::1", "no certificate")
    assert desk.lines[-1] == "no certificate, from 2001:db8::1"
    before = len(desk.lines)
    desk.clock.advance(10 * WINDOW_SECONDS)
    desk.reports.tell("2001:db8::1", "no certificate")
    assert len(desk.lines) == before + 1


def test_a_flood_of_addresses_is_bounded_in_lines_and_in_memory(desk: Desk) -> None:
    total = 3 * ADDRESSES
    for number in range(total):
        desk.reports.tell(f"10.0.{number // 256}.{number % 256}", f"kind {number}")
    assert len(desk.lines) == LINES
    assert len(desk.reports._by_address) == ADDRESSES
    assert len(desk.reports._left_out) <= KINDS + 1
    desk.clock.advance(WINDOW_SECONDS)
    (summary,) = desk.lines[LINES:]
    assert summary.startswith(f"{total - LINES} more ")
    assert f"of {ADDRESSES} or more addresses" in summary
    assert f"something else: {total - LINES - KINDS}" in summary
    assert len(summary) < 2_000
    assert desk.reports._by_address == {}


def test_what_is_left_is_written_at_the_end(desk: Desk) -> None:
    for _ in range(LINES_PER_ADDRESS + 3):
        desk.reports.tell("192.0.2.1", "no certificate")
    desk.reports.close()
    assert desk.lines[-1].startswith("3 more ")
    assert desk.waiting() == 0
    before = len(desk.lines)
    desk.reports.close()
    assert len(desk.lines) == before


def test_lines_are_warnings() -> None:
    assert reports_module._warn.__defaults__ is None
    made: Any = MemoryReactorClock
    from tests.unit.server.test_site import logged

    log = logged(lambda: Reports(made()).tell("192.0.2.1", "no certificate"))
    assert "no certificate, from 192.0.2.1" in log
    assert "warn" in log
