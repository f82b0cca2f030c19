"""Filings for the workers of a gateway, and what there is of these."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from digipoort_wus.filing.content import Content
from digipoort_wus.filing.filing import Delivery, Document, Filing
from digipoort_wus.filing.party import Party
from digipoort_wus.rules.api import Busy, EngineOptions, HostedEngine, Report, Stage
from digipoort_wus.rules.model import Cost

PARTY = Party("001000044B37", "BTW")
MEBIBYTE = 1024 * 1024
SECONDS = 5.0
PATIENCE = 30.0
COSTS = [each.value for each in Cost]


def filing(berichtsoort: str, does: str = "nothing", content: Content = b"<x/>") -> Filing:
    document = Document("text/xml", f"{does}.xml", content)
    delivery = Delivery(berichtsoort, PARTY, "Belastingplichtige", document)
    return Filing("k", "b", "0" * 20, datetime(2026, 6, 1, tzinfo=UTC), delivery)


def asked(workers: HostedEngine, cost: str, does: str = "nothing") -> Report:
    return workers.validate(filing(cost, does), Stage.CONTENT)


def validated(workers: HostedEngine, cost: str, does: str = "nothing") -> Report:
    """Ask again while a new worker has not come yet, which a busy machine makes late."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return asked(workers, cost, does)
        except Busy:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def processes() -> set[int]:
    """Return all workers of this process, and copies of them that are anywhere."""
    found = set()
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = each.read_bytes().split(b"\0")
            state = (each.parent / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        ours = b"worker_main" in b"".join(words) and str(os.getpid()).encode() in words
        if ours and state != "Z":
            found.add(int(each.parent.name))
    return found


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.02)


def options(sets: Path, **others: object) -> EngineOptions:
    given = EngineOptions(
        directories=(sets,),
        workers=1,
        seconds=SECONDS,
        heavy_seconds=SECONDS,
        memory=200 * MEBIBYTE,
        heavy_memory=200 * MEBIBYTE,
    )
    return replace(given, **others)  # type: ignore[arg-type]
