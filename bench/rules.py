"""What judging by rules costs, in a worker and on the way to it.

Times are those of a clock: what a filing waits for. Memory is a worker's, which the kernel is
asked for before and after.
"""

import hashlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from bench.measure import progress, settled, use_of
from digipoort_wus.filing.content import Content
from digipoort_wus.filing.filing import Delivery, Document, Filing
from digipoort_wus.filing.party import Party
from digipoort_wus.rules.api import EngineOptions, Outcome, Report, RuleEngine, Stage
from digipoort_wus.rules.engine import SHIPPED, Engine, FileContent
from digipoort_wus.rules.workers import Workers, make
from tests.unit.rules.kinds.xbrl_taxonomy import ENTRY, SECOND, good, write_package

HEADER = ("rules", "median ms", "p99 ms", "per second", "worker MB above idle")
_SIZE = 10_240
_LARGE = 20 * 1024 * 1024
_THREADS = 4
_OB = "Omzetbelasting"
# Of no shipped set but the base, which has nothing to say of contents.
_OTHER = "Iets anders"
_TAXONOMY = "Proef"
_FORKED = 50
_SET = """\
id = "bench.taxonomy"
version = "1"
title.nl = "Proef"
title.en = "Bench"
berichtsoorten = ["{berichtsoort}"]
valid_from = 2026-01-01
requires = ["nl.base@1"]
[artefacts."taxonomy.zip"]
sha256 = "{sha256}"
[[layer]]
id = "taxonomy"
[[layer.rule]]
code = "X"
use = "xbrl"
options.packages = ["taxonomy.zip"]
options.entry_points = ["{first}", "{second}"]
"""
_END = b"</xbrli:xbrl>"
_FACT = (
    b'<bd-i:TaxedTurnoverSuppliesServicesOtherRates contextRef="Msg" unitRef="EUR" '
    b'decimals="INF">1</bd-i:TaxedTurnoverSuppliesServicesOtherRates>\n'
)


def rule_rows(scratch: Path, *, filings: int) -> Iterator[tuple[str, ...]]:
    """Give rows for the way to a worker, for VAT returns, large ones, and for a taxonomy.

    Args:
        scratch: directory for a large document and a taxonomy.
        filings: how many small ones each row has.
    """
    small = _padded(_return(), _SIZE)
    here = Engine.shipped()
    with _Workers(1) as workers:
        yield _row(
            "10 kB to a worker and back, nothing to judge",
            _times(
                lambda: _valid(workers.validate(_filing(_OTHER, small), Stage.CONTENT)), filings
            ),
        )
        about = _filing(_OB, small)
        yield _row(
            "10 kB Omzetbelasting, both stages, in the process that asks",
            _times(lambda: _both(here, about), filings),
        )
        yield _row(
            "the same in a worker",
            _times(lambda: _both(workers, about), filings),
        )
    with _Workers(2) as workers:
        yield _together(workers, _filing(_OB, small), filings)
    path = scratch / "large.xbrl"
    for berichtsoort, name, filler in (
        (_OTHER, "20 MiB of white space, base rules", b""),
        (_OB, "20 MiB of facts, Omzetbelasting: refused for the second", _FACT),
    ):
        path.write_bytes(_padded(_return(), _LARGE, filler))
        with _Workers(1) as workers:
            yield _large(workers, name, _filing(berichtsoort, FileContent(path, _LARGE)))
    yield _with_a_taxonomy(scratch, min(filings, _FORKED))


class _Workers:
    """Workers, for a while; those for cheap rules alone unless there are more sets."""

    def __init__(self, number: int, *directories: Path) -> None:
        self._number = number
        self._directories = directories

    def __enter__(self) -> Workers:
        progress(f"{self._number} workers")
        options = EngineOptions(self._directories, workers=self._number, seconds=120)
        self._workers = make(options)
        return self._workers

    def __exit__(self, *_: object) -> None:
        self._workers.close()


def _return() -> bytes:
    return (SHIPPED / "cases" / "omzetbelasting" / "quarter.xbrl").read_bytes()


def _padded(content: bytes, size: int, filler: bytes = b"") -> bytes:
    """Return an instance of a size, with something before its end."""
    start, _, end = content.rpartition(_END)
    room = size - len(start) - len(_END) - len(end)
    many = filler * (room // len(filler)) if filler else b""
    return b"".join((start, many, b" " * (room - len(many)), _END, end))


def _filing(berichtsoort: str, content: Content) -> Filing:
    document = Document("text/xml", "aangifte.xbrl", content)
    party = Party("001000044B37", "Fi")
    delivery = Delivery(berichtsoort, party, "Belastingplichtige", document)
    return Filing("k", "b", "0" * 20, datetime(2026, 10, 5, 9, tzinfo=UTC), delivery)


def _both(engine: RuleEngine, about: Filing) -> None:
    for stage in Stage:
        _valid(engine.validate(about, stage))


def _valid(report: Report) -> None:
    if report.outcome is not Outcome.VALID:
        raise RuntimeError(f"{report.outcome.value}: {report.technical or report.findings}")


def _times(work: Callable[[], object], number: int) -> Sequence[float]:
    for _ in range(20):
        work()
    times = []
    for _ in range(number):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return sorted(times)


def _row(
    name: str, times: Sequence[float], per_second: float = 0, memory: str = ""
) -> tuple[str, ...]:
    median, p99 = statistics.median(times), times[int(len(times) * 0.99)]
    return (
        name,
        f"{median * 1000:.3f}",
        f"{p99 * 1000:.3f}",
        f"{per_second or 1 / median:,.0f}" if median < 1 else f"{1 / median:.2f}",
        memory,
    )


def _together(workers: Workers, about: Filing, number: int) -> tuple[str, ...]:
    """Judge from several threads, as a gateway does."""
    progress(f"{number} filings by two workers")

    def judge(_: int) -> float:
        began = time.perf_counter()
        _both(workers, about)
        return time.perf_counter() - began

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(judge, range(50)))
        began = time.perf_counter()
        times = sorted(pool.map(judge, range(number)))
        spent = time.perf_counter() - began
    return _row(f"by two workers, {_THREADS} threads ask", times, number / spent)


def _with_a_taxonomy(scratch: Path, number: int) -> tuple[str, ...]:
    """Judge by Arelle, which is warm: each filing in a copy of its worker."""
    name = "a small taxonomy with Arelle, in a copy of a warm worker"
    if find_spec("arelle") is None:
        return (f"{name}: not measured, it needs pip install 'digipoort-wus[xbrl]'", *("-",) * 4)
    directory = scratch / "taxonomy"
    directory.mkdir()
    package = write_package(directory / "taxonomy.zip")
    sha256 = hashlib.sha256(package.read_bytes()).hexdigest()
    text = _SET.format(berichtsoort=_TAXONOMY, sha256=sha256, first=ENTRY, second=SECOND)
    (directory / "bench.toml").write_text(text)
    about = _filing(_TAXONOMY, good())
    with _Workers(1, directory) as workers:
        times = _times(lambda: _valid(workers.validate(about, Stage.CONTENT)), number)
        if workers.figures()["forked_judged"] < number:
            raise RuntimeError("something else than the taxonomy was measured")
    return _row(name, times)


def _large(workers: Workers, name: str, about: Filing) -> tuple[str, ...]:
    progress(name)
    pid = workers.pids[0]
    idle = settled(pid).resident
    began = time.perf_counter()
    for stage in Stage:
        report = workers.validate(about, stage)
        if report.outcome is Outcome.UNDETERMINED:
            raise RuntimeError(report.technical)
    spent = time.perf_counter() - began
    return _row(name, [spent], memory=f"{(use_of(pid).peak - idle) / 1e6:.0f}")
