"""Print what the gateway costs, beside the cryptography that nobody can avoid.

Usage: python -m bench.run [--quick] [--only TABLE]...

The floor is one RSA-2048 signature and one verification, measured in the same
run: what an exchange costs any implementation. Times are CPU times, medians of
slices taken in turn; compare the ratios, not the milliseconds. What each table
says stands in bench/README.md.
"""

import argparse
import os
import platform
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import cryptography
from cryptography.hazmat.backends.openssl.backend import backend
from lxml import etree

from bench import ebms_wire, holds, hostile, rules, store
from bench.cluster import cluster_rows
from bench.ebms import ebms_rows
from bench.ebms_signature import EBMS_FLOOR
from bench.holds import hold_rows
from bench.hostile import hostile_rows
from bench.local import FLOOR, NATIVE, SIGNXML, exchanges, floors, signatures
from bench.measure import in_turn, markdown
from bench.rules import rule_rows
from bench.stalls import MEMORY, STALLS, memory_rows, stall_rows
from bench.store import store_rows
from bench.wire import HEADER, ROOT, over_the_wire
from digipoort_wus.pki.testpki import TestPki, keys_from, make_pki


@dataclass(frozen=True, slots=True)
class Effort:
    """How often and how long to measure."""

    rounds: int
    filings: int
    seconds: float
    refusals: int


QUICK = Effort(rounds=5, filings=300, seconds=4, refusals=3)
FULL = Effort(rounds=25, filings=3_000, seconds=15, refusals=9)


@dataclass(frozen=True, slots=True)
class Bench:
    """What a table is made with."""

    pki: TestPki
    scratch: Path
    effort: Effort


def main() -> None:
    """Run the benchmarks and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds: does it run?")
    parser.add_argument(
        "--only", action="append", choices=TABLES, help="this table; may be repeated"
    )
    arguments = parser.parse_args()
    effort = QUICK if arguments.quick else FULL
    pki = make_pki("g1", now=datetime.now(UTC), key_source=keys_from(ROOT / "certs-test" / "g1"))
    print(machine(), end="\n\n")
    for name, table in TABLES.items():
        if name in (arguments.only or TABLES):
            with tempfile.TemporaryDirectory() as scratch:
                print(table(Bench(pki, Path(scratch), effort)), end="\n\n", flush=True)


def _process(bench: Bench) -> str:
    with exchanges(bench.pki, bench.scratch) as rows:
        measured = in_turn(
            [*floors(bench.pki), *signatures(bench.pki), *rows], rounds=bench.effort.rounds
        )
    faster = measured[SIGNXML] / measured[NATIVE]
    return f"{_table(measured)}\n\nThe native engine is {faster:.2f} times as fast as signxml."


def _ebms(bench: Bench) -> str:
    with ebms_rows(bench.pki, bench.scratch) as rows:
        measured = in_turn(rows, rounds=bench.effort.rounds)
    folder = bench.scratch / "wire"
    folder.mkdir()
    wire = ebms_wire.ebms_wire_rows(
        folder, messages=bench.effort.filings, floor=measured[EBMS_FLOOR]
    )
    return f"{_table(measured, EBMS_FLOOR)}\n\n{markdown(ebms_wire.HEADER, wire)}"


def _wire(bench: Bench) -> str:
    return markdown(HEADER, over_the_wire(bench.pki, bench.scratch, filings=bench.effort.filings))


def _store(bench: Bench) -> str:
    filings = bench.effort.filings // 16 * 16
    rows = (
        *store_rows(bench.scratch, filings=filings),
        *cluster_rows(bench.scratch, filings=filings),
    )
    return markdown(store.HEADER, rows)


def _stalls(bench: Bench) -> str:
    return markdown(STALLS, stall_rows(bench.pki, bench.scratch, seconds=bench.effort.seconds))


def _holds(bench: Bench) -> str:
    return markdown(holds.HEADER, hold_rows(bench.pki, bench.scratch, rounds=bench.effort.refusals))


def _memory(bench: Bench) -> str:
    return markdown(MEMORY, memory_rows(bench.pki, bench.scratch))


def _hostile(bench: Bench) -> str:
    return markdown(hostile.HEADER, hostile_rows(bench.pki, rounds=bench.effort.refusals))


def _rules(bench: Bench) -> str:
    return markdown(rules.HEADER, rule_rows(bench.scratch, filings=bench.effort.filings))


TABLES: Mapping[str, Callable[[Bench], str]] = MappingProxyType(
    {
        "process": _process,
        "ebms": _ebms,
        "wire": _wire,
        "store": _store,
        "stalls": _stalls,
        "holds": _holds,
        "memory": _memory,
        "hostile": _hostile,
        "rules": _rules,
    }
)
"""What makes each table, by its name on the command line."""


def machine() -> str:
    """Return one line about hardware and versions."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return (
        f"{os.cpu_count()} cores, {model}; Python {platform.python_version()}, lxml "
        f"{etree.__version__}, cryptography {cryptography.__version__}, "
        f"{backend.openssl_version_text()}"
    )


def _table(measured: dict[str, float], floor: str = FLOOR) -> str:
    header = ("in process, CPU of one", "median ms", "per CPU second", "floors")
    return markdown(
        header,
        [
            (name, f"{one * 1000:.3f}", f"{1 / one:,.0f}", f"{one / measured[floor]:.2f}")
            for name, one in measured.items()
        ],
    )


if __name__ == "__main__":
    main()
