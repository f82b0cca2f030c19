"""Print what the gateway costs, beside the cryptography that nobody can avoid.

Usage: python -m bench.run [--quick]

The floor is one RSA-2048 signature and one verification, measured in the same
run: what an exchange costs any implementation. Times are CPU times, medians of
slices taken in turn; compare the ratios, not the milliseconds.
"""

import argparse
import os
import platform
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import cryptography
from cryptography.hazmat.backends.openssl.backend import backend
from lxml import etree

from bench import hostile
from bench.hostile import hostile_rows
from bench.local import FLOOR, exchanges, floors, signatures
from bench.measure import in_turn, markdown
from bench.stalls import MEMORY, STALLS, memory_rows, stall_rows
from bench.wire import HEADER, ROOT, over_the_wire
from digipoort_wus.pki.testpki import keys_from, make_pki


def main() -> None:
    """Run all benchmarks and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds: does it run?")
    quick = parser.parse_args().quick
    pki = make_pki("g1", now=datetime.now(UTC), key_source=keys_from(ROOT / "certs-test" / "g1"))
    print(machine(), end="\n\n")
    with tempfile.TemporaryDirectory() as scratch:
        with exchanges(pki, Path(scratch)) as rows:
            measured = in_turn([*floors(pki), *signatures(pki), *rows], rounds=5 if quick else 25)
        print(_table(measured), end="\n\n", flush=True)
        filings = 300 if quick else 3_000
        print(markdown(HEADER, over_the_wire(pki, Path(scratch), filings=filings)), end="\n\n")
        stalls = list(stall_rows(pki, Path(scratch), seconds=4 if quick else 15))
        print(markdown(STALLS, stalls), end="\n\n", flush=True)
        print(markdown(MEMORY, list(memory_rows(pki, Path(scratch)))), end="\n\n", flush=True)
        refused = list(hostile_rows(pki, rounds=3 if quick else 9))
        print(markdown(hostile.HEADER, refused))


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


def _table(measured: dict[str, float]) -> str:
    header = ("in process, CPU of one", "median ms", "per CPU second", "floors")
    return markdown(
        header,
        [
            (name, f"{one * 1000:.3f}", f"{1 / one:,.0f}", f"{one / measured[FLOOR]:.2f}")
            for name, one in measured.items()
        ],
    )


if __name__ == "__main__":
    main()
