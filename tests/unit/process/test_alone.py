"""What ends a process is done while nothing else is, and takes nobody along."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from digipoort_wus.process.alone import Alone
from tests.unit.process.sandbox import HAPPY, OTHER, opened

SECOND = timedelta(seconds=1)
DIES = Path(__file__).with_name("work_until_dead.py")
ROOT = Path(__file__).parents[3]


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_who_wants_to_be_alone_waits_for_others_and_holds_up_new_ones() -> None:
    alone, entered, leave = Alone(), threading.Event(), threading.Event()
    order: list[str] = []

    def first() -> None:
        with alone.among():
            entered.set()
            assert leave.wait(20)
            order.append("first")

    def only() -> None:
        with alone.only(20 * SECOND) as is_alone:
            assert is_alone
            order.append("alone")

    def late() -> None:
        with alone.among():
            order.append("late")

    threads = [in_thread(first)]
    assert entered.wait(20)
    threads.append(in_thread(only))
    while not alone._waiting:
        entered.wait(0.01)
    threads.append(in_thread(late))
    threads[-1].join(0.1)
    assert order == []
    leave.set()
    for thread in threads:
        thread.join(20)
    assert order == ["first", "alone", "late"]


def test_nobody_waits_for_ever() -> None:
    alone = Alone()
    with alone.among(), alone.only(timedelta(seconds=0.05)) as is_alone:
        assert not is_alone
    with alone.only(SECOND) as is_alone:
        assert is_alone
    with alone.among():
        pass


@pytest.mark.thorough
def test_what_kills_its_process_takes_no_slow_delivery_along(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as house:
        innocent = [house.accept() for _ in range(3)]
        deadly = house.accept(oin=OTHER)
    command = [sys.executable, "-W", "ignore", str(DIES), str(tmp_path / "data")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ends: list[int] = []
    while not ends or (ends[-1] and len(ends) < 12):
        ends.append(subprocess.run(command, env=environment, timeout=60, check=False).returncode)
    assert set(ends[:-1]) == {9}
    assert ends[-1] == 0
    with opened(tmp_path / "data") as house:
        aside = house.store.read(lambda reader: reader.jobs_aside(10))
        assert [job.kenmerk for job in aside] == [deadly.kenmerk]
        assert [house.codes(filing.kenmerk) for filing in innocent] == [HAPPY] * 3
        # What an operator does once it is mended.
        now = house.clock.now
        house.store.write(lambda t: t.offer_again(aside[0].filing_id, now)).result()
        house.engine = replace(house.engine)
        house.run_until_quiet()
        assert house.codes(deadly.kenmerk, OTHER) == HAPPY
