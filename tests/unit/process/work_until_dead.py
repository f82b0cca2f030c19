"""Works on the filings of a data directory; one sender's end the process, deliveries are slow.

Ends by itself, well, when nothing is left to do.
"""

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from digipoort_wus.filing.filing import Filing
from digipoort_wus.process.agency import Accepted, Delivered
from digipoort_wus.process.destinations import Destinations
from digipoort_wus.rules.api import Report, Stage
from digipoort_wus.store.sqlite_file import steady_clock
from tests.rules import base_rules
from tests.unit.process.sandbox import OTHER, opened


class Deadly:
    """Rules that one sender's filings end the process of."""

    def validate(self, filing: Filing, stage: Stage) -> Report:
        if filing.sender == OTHER:
            time.sleep(0.4)
            os._exit(9)
        return base_rules().validate(filing, stage)


class Slow:
    """An agency that needs a second."""

    def deliver(self, filing: Filing, attempt: int) -> Delivered:
        time.sleep(1)
        return Delivered()

    def answer(self, filing: Filing) -> Accepted:
        return Accepted(None)


def main(directory: Path) -> None:
    with opened(directory, agency=Slow(), rules=Deadly(), lease_clock=steady_clock) as house:
        engine = replace(house.engine, destination=str, destinations=Destinations())
        while engine.run_due() is not None:
            time.sleep(0.05)
        engine.finish()


main(Path(sys.argv[1]))
