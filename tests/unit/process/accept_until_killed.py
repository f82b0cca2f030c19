"""Run as a program: accepts filings from several threads and prints each kenmerk.

A kenmerk is printed after the future of ``accept`` resolved, which is when a gateway
would answer. Every other filing is large enough to be a file.
"""

import os
import sys
import threading
from dataclasses import replace
from pathlib import Path

from digipoort_wus.clock import system_clock
from digipoort_wus.filing.content import read_content
from digipoort_wus.process.runner import Runner
from tests.unit.process.sandbox import DELIVERY, Sandbox, TurnableClock, opened

LARGE = replace(
    DELIVERY.document,
    content=read_content(DELIVERY.document.content) + b"<!--" + b"x" * 140_000 + b"-->",
)
_printing = threading.Lock()


def accept_for_ever(house: Sandbox) -> None:
    while True:
        for delivery in (DELIVERY, replace(DELIVERY, document=LARGE)):
            line = f"{house.accept(delivery).kenmerk}\n".encode()
            with _printing:
                os.write(1, line)


def main(directory: Path) -> None:
    clock = TurnableClock(system_clock())
    with opened(directory, clock=clock) as house:
        runner = Runner(house.engine.run_due, clock)
        runner.start()
        threads = [threading.Thread(target=accept_for_ever, args=(house,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        while True:
            runner.wake()
            threads[0].join(0.01)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
